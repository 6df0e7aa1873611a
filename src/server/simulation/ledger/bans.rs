//! Who is kept out of the whole server, at any moment.

use std::net::IpAddr;

use super::eyes::Moment;
use super::{Checked, Position, ensure};
use crate::chat::bans::{BanRecord, Banned, ServerFact};
use crate::chat::order::Party;
use crate::chat::{AccountId, ClientAddress, PersonId, Timestamp};

/// All bans of the server there ever were.
#[derive(Debug, Default)]
pub(in crate::server::simulation) struct Bans {
    all: Vec<Ban>,
    /// The latest time at which anything was decided: what was over then may be forgotten, though the
    /// clock was set back.
    latest: Timestamp,
}

#[derive(Debug)]
struct Ban {
    whom: Banned,
    until: Option<Timestamp>,
    from: Position,
    to: Option<Position>,
}

impl Bans {
    /// Something was decided at a time.
    pub(super) fn see(&mut self, at: Timestamp) {
        self.latest = self.latest.max(at);
    }

    /// That time, or the latest of all: what is not over by then certainly is not.
    pub(super) fn no_earlier(&self, at: Timestamp) -> Timestamp {
        self.latest.max(at)
    }

    /// Those that stand, and are not over.
    pub(in crate::server::simulation) fn standing(&self, now: Timestamp) -> Vec<Banned> {
        let at = self.no_earlier(now);
        let now = Moment {
            told: Position::MAX,
            at,
        };
        let standing = self.all.iter().filter(|ban| ban.holds_since(now));
        standing.map(|ban| ban.whom.clone()).collect()
    }

    /// Whether nobody is let in from an address, and was when a worker knew so much.
    pub(in crate::server::simulation) fn is_closed_since(
        &self,
        address: IpAddr,
        since: Moment,
    ) -> bool {
        let since = self.certain(since);
        let mut those = self.all.iter().filter(|ban| ban.is_about(address));
        those.any(|ban| ban.holds_since(since))
    }

    /// Whether an address may have been kept out by a worker that knew so much, no earlier than then.
    pub(in crate::server::simulation) fn may_be_closed(
        &self,
        address: IpAddr,
        since: Moment,
    ) -> bool {
        let mut those = self.all.iter().filter(|ban| ban.is_about(address));
        those.any(|ban| {
            ban.to.is_none_or(|to| to >= since.told)
                && ban.until.is_none_or(|until| until > since.at)
        })
    }

    /// Whether somebody is banned, and was when the hub had been told so much.
    pub(super) fn is_held_since(&self, is_it: impl Fn(&Party) -> bool, since: Moment) -> bool {
        let since = self.certain(since);
        let mut those = self.all.iter().filter(|ban| ban.is_of(&is_it));
        those.any(|ban| ban.holds_since(since))
    }

    fn certain(&self, moment: Moment) -> Moment {
        Moment {
            at: self.no_earlier(moment.at),
            ..moment
        }
    }

    /// Whether somebody may have been banned at any time since the hub had been told so much.
    pub(super) fn may_be_held(&self, is_it: impl Fn(&Party) -> bool, told: Position) -> bool {
        let mut those = self.all.iter().filter(|ban| ban.is_of(&is_it));
        those.any(|ban| ban.to.is_none_or(|to| to >= told))
    }

    /// Whether somebody, or whoever comes from there, was put out by a ban that was there at a moment,
    /// and was not lifted before `lifted`.
    pub(super) fn was_shut_out(
        &self,
        (person, address): (PersonId, Option<IpAddr>),
        moment: Moment,
        lifted: Position,
    ) -> bool {
        let is_it = |ban: &&Ban| {
            ban.is_of(|it| it.person == person) || address.is_some_and(|it| ban.is_about(it))
        };
        let mut those = self.all.iter().filter(is_it);
        those.any(|ban| ban.stood(moment) && ban.to.is_none_or(|to| to >= lifted))
    }

    /// Takes something that was decided about the whole server, by whoever may.
    pub(super) fn record(
        &mut self,
        fact: &ServerFact,
        owners: impl Fn(AccountId) -> bool,
        position: Position,
    ) -> Checked {
        let (ServerFact::Banned { by, .. }
        | ServerFact::Unbanned { by, .. }
        | ServerFact::OpSet { by, .. }) = fact;
        let may = match by.person {
            PersonId::Account(account) => account == OPERATOR || owners(account),
            PersonId::Guest(_) => false,
        };
        ensure!(may, "{by:?} keeps order on the server: {fact:?}");
        match fact {
            ServerFact::Banned { whom, until, .. } => {
                self.lift(whom, position);
                self.all.push(Ban {
                    whom: whom.clone(),
                    until: *until,
                    from: position,
                    to: None,
                });
            }
            ServerFact::Unbanned { whom, .. } => self.lift(whom, position),
            ServerFact::OpSet { .. } => ensure!(false, "nobody asks for that: {fact:?}"),
        }
        Ok(())
    }

    fn lift(&mut self, whom: &Banned, position: Position) {
        let is_it = |ban: &&mut Ban| match (&ban.whom, whom) {
            (Banned::Person(one), Banned::Person(other)) => one.person == other.person,
            (one, other) => one == other,
        };
        let standing = self.all.iter_mut().filter(|ban| ban.to.is_none());
        for ban in standing.filter(is_it) {
            ban.to = Some(position);
        }
    }

    /// Compares them to those that a log holds that was opened anew.
    pub(super) fn compare(&self, kept: &[BanRecord]) -> Checked {
        let is_kept = |ban: &Ban| {
            let mut kept = kept.iter();
            kept.any(|it| (&it.whom, it.until) == (&ban.whom, ban.until))
        };
        let standing = || self.all.iter().filter(|ban| ban.to.is_none());
        // What is over may be forgotten.
        let lost = standing().find(|ban| ban.until.is_none() && !is_kept(ban));
        ensure!(lost.is_none(), "a ban of the server is lost: {lost:?}");
        for it in kept {
            let mut standing = standing();
            let is_known = standing.any(|ban| (&it.whom, it.until) == (&ban.whom, ban.until));
            ensure!(is_known, "the server has {it:?}, which nobody wanted");
        }
        Ok(())
    }
}

impl Ban {
    fn is_about(&self, address: IpAddr) -> bool {
        match self.whom {
            Banned::Network(network) => network.holds(ClientAddress::of(address)),
            Banned::Person(_) => false,
        }
    }

    fn is_of(&self, is_it: impl Fn(&Party) -> bool) -> bool {
        match &self.whom {
            Banned::Person(party) => is_it(party),
            Banned::Network(_) => false,
        }
    }

    /// Whether it holds, and did at a moment.
    fn holds_since(&self, moment: Moment) -> bool {
        self.to.is_none() && self.stood(moment)
    }

    /// Whether it had been decided at a moment, and is not over by itself.
    fn stood(&self, Moment { told, at }: Moment) -> bool {
        self.from < told && self.until.is_none_or(|until| until > at)
    }
}

/// What an order of the operator is noted under.
const OPERATOR: AccountId = AccountId(0);
