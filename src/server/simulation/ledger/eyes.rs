//! Who may be shown what, and whom something holds against, as far as that can be known from outside.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::books::Books;
use super::{Checked, Ledger, Position, ensure};
use crate::chat::log::Visibility;
use crate::chat::order::{Party, RestraintKind};
use crate::chat::{AccountId, GuestId, PersonId, Timestamp};

/// Somebody who reads.
#[derive(Clone, Debug)]
pub(in crate::server::simulation) struct Eyes {
    pub(in crate::server::simulation) account: Option<AccountId>,
    /// Which guest they are without it, or were last.
    pub(in crate::server::simulation) guest: Option<GuestId>,
    /// All guests that they have been.
    pub(in crate::server::simulation) guests: BTreeSet<GuestId>,
    /// What they are called, unless they were renamed.
    pub(in crate::server::simulation) name: String,
    /// The names that nobody else goes by.
    pub(in crate::server::simulation) names: Vec<String>,
    /// Those of whoever they are taken for as a guest with another one's token.
    pub(in crate::server::simulation) aliases: Vec<String>,
    /// From where they come.
    pub(in crate::server::simulation) address: Option<IpAddr>,
    /// Whether they have said who they are, and were not answered.
    pub(in crate::server::simulation) is_greeting: bool,
    /// Whether an account that they got without hearing of it, or another one's, may have taken
    /// their name.
    pub(in crate::server::simulation) may_be_renamed: bool,
}

/// A moment at which something is judged: what the hub had been told, and what time it is at the
/// latest.
#[derive(Clone, Copy, Debug)]
pub(in crate::server::simulation) struct Moment {
    pub(in crate::server::simulation) told: Position,
    pub(in crate::server::simulation) at: Timestamp,
}

impl Eyes {
    pub(in crate::server::simulation) fn is(&self, party: &Party) -> bool {
        match party.person {
            PersonId::Account(account) => self.account == Some(account),
            PersonId::Guest(guest) => self.guests.contains(&guest),
        }
    }

    /// Whether that is what they may be called.
    pub(in crate::server::simulation) fn is_named(&self, name: &str) -> bool {
        let is_renamed = self.may_be_renamed && name.starts_with("guest-");
        let mut names = self.names.iter().chain(&self.aliases);
        is_renamed || names.any(|it| it == name)
    }

    /// Whoever they speak for now.
    pub(super) fn person(&self) -> Option<PersonId> {
        let guest = self.guest.map(PersonId::Guest);
        self.account.map(PersonId::Account).or(guest)
    }

    /// Whether something holds against them that holds against somebody: against a guest by the name,
    /// too, but not against the account of that name, nor against whoever might have been given
    /// another guest's name.
    fn is_held(&self, whom: &Party) -> bool {
        let is_named = self.account.is_none() && !self.may_be_renamed;
        let is_namesake = is_named && whom.person.is_guest() && whom.name.as_str() == self.name;
        is_namesake || self.person() == Some(whom.person)
    }

    /// Whether something may hold against them that holds against somebody.
    pub(super) fn may_be_held(&self, whom: &Party) -> bool {
        self.is(whom) || (whom.person.is_guest() && self.is_named(whom.name.as_str()))
    }
}

impl Ledger {
    /// Whether somebody may be shown something of a room for what they asked when the hub had been
    /// told so much: they were in it since, and no earlier than what they are shown came about.
    pub(in crate::server::simulation) fn check_eyes(
        &self,
        name: &str,
        eyes: &Eyes,
        told: Position,
    ) -> Checked {
        let Some(room) = self.rooms.get(name) else {
            // It may have been removed meanwhile, and nobody but guests could be in such a one.
            return Ok(());
        };
        let books = &room.books;
        let is_let_in = books.visibility == Visibility::Public
            || books.was_party_since(|party| eyes.is(party), told)
            || eyes.account.is_some_and(|account| {
                books.belonged_since(account, told)
                    || books.ranked_since(PersonId::Account(account), told)
            });
        ensure!(is_let_in, "{eyes:?} is shown something of {name}");
        Ok(())
    }

    /// The same, for a message of the room.
    pub(in crate::server::simulation) fn check_eyes_on(
        &self,
        name: &str,
        seq: u64,
        eyes: &Eyes,
        told: Position,
    ) -> Checked {
        let posted = self.rooms.get(name).and_then(|it| it.past.get(seq));
        let shown_at = posted.map_or(0, |posted| posted.position + 1);
        self.check_eyes(name, eyes, told.max(shown_at))
    }

    /// Checks that nobody is told what happens in a room when they have been banned from it, or from
    /// the server: from then on they are in it no more. `at`: what time it is at the latest.
    pub(in crate::server::simulation) fn check_not_banned(
        &self,
        name: &str,
        happened: Happened,
        eyes: &Eyes,
        at: Timestamp,
    ) -> Checked {
        let room = self.rooms.get(name);
        let known = room.and_then(|room| match happened {
            Happened::Message(seq) | Happened::Entrance(seq) => Some(room.past.get(seq)?.position),
            Happened::Change(rev) => room.past.place_of_change(rev),
        });
        let (Some(room), Some(position), Some(person)) = (room, known, eyes.person()) else {
            return Ok(());
        };
        // What is told at once is told before what follows it; who enters is shown what was before.
        let lifted = match happened {
            Happened::Message(_) | Happened::Change(_) => position,
            Happened::Entrance(_) => Position::MAX,
        };
        let moment = Moment {
            told: position,
            at: self.bans.no_earlier(at),
        };
        if let (PersonId::Guest(guest), false) = (person, eyes.is_greeting) {
            ensure!(
                !self.was_handed_over(guest, position),
                "{guest:?} has an account, and is told {happened:?} of {name}"
            );
        }
        ensure!(
            !room.books.was_shut_out(person, moment, lifted),
            "{eyes:?} is banned from {name}, and is told {happened:?}"
        );
        ensure!(
            !self
                .bans
                .was_shut_out((person, eyes.address), moment, lifted),
            "{eyes:?} is banned from the server, and is told {happened:?} of {name}"
        );
        Ok(())
    }

    /// Whether somebody may have left a room, or been put out, since the hub had been told so much.
    pub(in crate::server::simulation) fn may_have_left(
        &self,
        name: &str,
        eyes: &Eyes,
        told: Position,
    ) -> bool {
        let room = self.rooms.get(name);
        room.is_none_or(|room| room.books.was_dismissed_since(|whom| eyes.is(whom), told))
    }

    /// Whether somebody may have been kept from something since the hub had been told so much.
    pub(in crate::server::simulation) fn may_be_held(
        &self,
        kind: RestraintKind,
        name: &str,
        eyes: &Eyes,
        told: Position,
    ) -> bool {
        self.holds(name, |books| {
            books.may_be_held(kind, |whom| eyes.may_be_held(whom), told)
        })
    }

    /// Whether somebody is certainly kept from something, and was when the hub had been told so much.
    pub(in crate::server::simulation) fn was_held(
        &self,
        kind: RestraintKind,
        name: &str,
        eyes: &Eyes,
        told: Position,
    ) -> bool {
        self.holds(name, |books| {
            books.is_held_since(kind, |whom| eyes.is_held(whom), told)
        })
    }

    /// Whether somebody keeps a room in order, as far as that can be known from outside.
    pub(in crate::server::simulation) fn is_ruled_by(&self, name: &str, eyes: &Eyes) -> bool {
        self.holds(name, |books| books.rulers().any(|ruler| eyes.is(ruler)))
    }

    /// Whether somebody is certainly banned from the server, and was when the hub had been told so
    /// much.
    pub(in crate::server::simulation) fn is_banned(&self, eyes: &Eyes, since: Moment) -> bool {
        self.bans.is_held_since(|whom| eyes.is_held(whom), since)
    }

    /// Whether somebody may have been banned from the server since the hub had been told so much.
    pub(in crate::server::simulation) fn may_be_banned(&self, eyes: &Eyes, told: Position) -> bool {
        self.bans.may_be_held(|whom| eyes.may_be_held(whom), told)
    }

    fn holds(&self, name: &str, is_so: impl Fn(&Books) -> bool) -> bool {
        let room = self.rooms.get(name);
        room.is_some_and(|room| is_so(&room.books))
    }
}

/// Something that somebody in a room is told.
#[derive(Clone, Copy, Debug)]
pub(in crate::server::simulation) enum Happened {
    /// A message of that number.
    Message(u64),
    /// A change of that number.
    Change(u64),
    /// They entered, and that is the newest message that they find.
    Entrance(u64),
}
