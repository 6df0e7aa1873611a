//! What a session may use while it handles something: the time, the hub, what all share.

use std::net::IpAddr;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng as _};

use crate::chat::account::{LoginLabel, LoginToken, Opening};
use crate::chat::command::Login;
use crate::chat::password::Password;
use crate::chat::{ClientAddress, GuestId, InviteCode, Request, SessionId, Timestamp};
use crate::server::clock;
use crate::server::hub_queue::HubLine;
use crate::server::shared::Shared;
use crate::wire::json::Credentials;

/// A session's view of its worker, for as long as it handles one thing.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) session: SessionId,
    /// From where the connection comes.
    pub(crate) address: Option<IpAddr>,
    pub(crate) hub: &'a mut HubLine,
    pub(crate) shared: &'a Shared,
    pub(crate) counts: &'a mut Counts,
    pub(crate) unfinished: &'a mut Budget,
    pub(crate) random: &'a mut StdRng,
}

/// From where a worker takes what can't be known in advance.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) time_of_day: fn() -> Timestamp,
    pub(crate) random: StdRng,
}

impl Sources {
    /// The system's.
    pub(crate) fn system() -> Self {
        Self {
            time_of_day: clock::now,
            random: StdRng::from_rng(&mut rand::rng()),
        }
    }
}

/// What a worker has counted since it told the metrics last.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) messages_received: u64,
    pub(crate) messages_delivered: u64,
}

/// What the unfinished messages of a worker's connections may take together.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    used_len: usize,
}

impl Budget {
    /// Takes note that a connection holds `now_len` bytes instead of `was_len`; `false`: that is
    /// more than there is, and the connection must give them back. A little is always there: others
    /// who hold all they can shall not keep people from saying something that comes in two parts.
    #[must_use]
    pub(crate) fn change(&mut self, was_len: usize, now_len: usize) -> bool {
        self.used_len = self.used_len - was_len + now_len;
        let is_little = now_len <= LITTLE_UNFINISHED_LEN;
        is_little || now_len <= was_len || self.used_len <= MAX_UNFINISHED_LEN
    }

    #[cfg(test)]
    pub(crate) fn is_unused(&self) -> bool {
        self.used_len == 0
    }

    /// Takes note that a connection is gone.
    pub(crate) fn give_back(&mut self, len: usize) {
        self.used_len -= len;
    }
}

impl Context<'_> {
    /// Hands a request to the hub; `false`: it has too many, or a successor has the rooms.
    #[must_use]
    pub(crate) fn ask(&mut self, request: Request) -> bool {
        let from = self.client_address();
        !self.shared.is_handed_over() && self.hub.request(self.session, from, request)
    }

    /// From where the connection comes, as far as limits are concerned.
    fn client_address(&self) -> Option<ClientAddress> {
        self.address.map(ClientAddress::of)
    }

    /// An identity that nobody has and nobody can guess.
    pub(crate) fn fresh_guest(&mut self) -> GuestId {
        GuestId(u128::from_be_bytes(self.fresh()))
    }

    /// A code that nobody can guess.
    pub(crate) fn fresh_invite(&mut self) -> InviteCode {
        InviteCode::new(u128::from_be_bytes(self.fresh()))
    }

    /// Random bytes, for secrets.
    pub(crate) fn fresh<const N: usize>(&mut self) -> [u8; N] {
        fresh(self.random)
    }

    /// A login to be opened, with a token that nobody can guess.
    pub(crate) fn opening(&mut self, label: LoginLabel, is_entrance: bool) -> Opening {
        let from = self.client_address();
        Opening {
            token: LoginToken(self.fresh()),
            label,
            from,
            is_entrance,
        }
    }

    /// Somebody who logs in, and the password.
    pub(crate) fn login(
        &mut self,
        credentials: Credentials,
        label: &str,
        is_entrance: bool,
    ) -> (Box<Login>, Password) {
        let Credentials {
            name,
            password,
            factor,
            label: own_label,
        } = credentials;
        let label = own_label.unwrap_or_else(|| LoginLabel::clean(label));
        let opening = self.opening(label, is_entrance);
        let login = Login {
            name,
            factor,
            opening,
        };
        (Box::new(login), password)
    }
}

/// Random bytes, for secrets.
pub(crate) fn fresh<const N: usize>(random: &mut impl Rng) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill_bytes(&mut bytes);
    bytes
}

/// Five hundred of the largest messages at once, on one worker.
const MAX_UNFINISHED_LEN: usize = 64 * 1024 * 1024;

/// Longer than nearly all that people say, and in 20,000 connections not much more than the limit.
const LITTLE_UNFINISHED_LEN: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budget_is_kept_at_its_limit_and_refused_above() {
        let mut budget = Budget::default();
        assert!(budget.change(0, MAX_UNFINISHED_LEN));
        let much = LITTLE_UNFINISHED_LEN + 1;
        assert!(!budget.change(0, much));
        budget.give_back(much);
        assert!(budget.change(MAX_UNFINISHED_LEN, 0));
        assert!(budget.change(0, much));
        budget.give_back(much);
        assert_eq!(budget.used_len, 0);
    }

    #[test]
    fn a_little_is_left_for_everyone_when_others_have_all_there_is() {
        let mut budget = Budget::default();
        assert!(budget.change(0, MAX_UNFINISHED_LEN));
        for _ in 0..10 {
            assert!(budget.change(0, 300));
            assert!(budget.change(300, LITTLE_UNFINISHED_LEN));
            assert!(!budget.change(LITTLE_UNFINISHED_LEN, LITTLE_UNFINISHED_LEN + 1));
        }
    }
}
