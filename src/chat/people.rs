//! Who is present: their names, and the connections they speak through.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::chat::event::Role;
use crate::chat::hub::SessionId;
use crate::chat::name::UserName;
use crate::chat::{GuestId, PersonId, Timestamp};

/// Everybody who has said who they are, on at least one connection.
///
/// Invariants: `by_name` and `by_look` hold exactly the names of `by_id`; nobody is here without a
/// session.
#[derive(Debug, Default)]
pub(crate) struct People {
    by_id: BTreeMap<PersonId, Person>,
    by_name: BTreeMap<UserName, PersonId>,
    by_look: BTreeMap<Arc<str>, PersonId>,
}

/// Somebody present.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) name: UserName,
    pub(crate) sessions: BTreeSet<SessionId>,
    /// What they may do on the whole server.
    pub(crate) server_role: Role,
    /// When all is paid that telling rooms of earlier renames cost; it may lie ahead.
    paid_at: Timestamp,
}

impl Person {
    /// How many milliseconds too soon it is for another rename.
    pub(crate) fn early_ms(&self, now: Timestamp) -> Option<u32> {
        let early = self.paid_at.0.saturating_sub(now.0) - MAX_AHEAD_MS;
        u32::try_from(early).ok().filter(|early| *early > 0)
    }
}

impl People {
    pub(crate) fn get(&self, id: PersonId) -> Option<&Person> {
        self.by_id.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: PersonId) -> Option<&mut Person> {
        self.by_id.get_mut(&id)
    }

    /// Who is present under that name.
    pub(crate) fn named(&self, name: &UserName) -> Option<PersonId> {
        self.by_name.get(name).copied()
    }

    /// Whether somebody other than `id` has the name, or one that looks like it.
    pub(crate) fn is_taken(&self, name: &UserName, id: PersonId) -> bool {
        self.holders(name).iter().any(|holder| *holder != id)
    }

    /// A name that nobody has: `guest-` and four digits that follow from the identity, or more
    /// digits where all of those are taken.
    /// Names for which `is_reserved` count as taken.
    pub(crate) fn free_guest_name(
        &self,
        guest: GuestId,
        is_reserved: impl Fn(&UserName) -> bool,
    ) -> UserName {
        let four_digits = (0..GUEST_NUMBERS).map(|i| (guest.0 % GUEST_NUMBERS + i) % GUEST_NUMBERS);
        let names = four_digits.map(|n| format!("guest-{n:04}"));
        // 20 decimal digits of a random number: two of them never meet.
        let last_resort = format!("guest-{:020}", guest.0 >> 64);
        names
            .take(MAX_NAME_TRIES)
            .chain([last_resort])
            .filter_map(|text| UserName::parse(&text).ok())
            .find(|name| !self.is_taken(name, PersonId::Guest(guest)) && !is_reserved(name))
            .expect("20 random digits are free, and a valid name")
    }

    /// Who has the name, or one that looks like it.
    pub(crate) fn holders(&self, name: &UserName) -> BTreeSet<PersonId> {
        let holders = [self.by_name.get(name), self.by_look.get(name.look())];
        holders.into_iter().flatten().copied().collect()
    }

    /// Lets a session speak for a person, who comes into being with the first one.
    ///
    /// The name must not be taken by somebody else; it is ignored for a person who is present.
    pub(crate) fn attach(&mut self, id: PersonId, name: UserName, session: SessionId) {
        let person = self.by_id.entry(id).or_insert_with(|| {
            self.by_name.insert(name.clone(), id);
            self.by_look.insert(Arc::clone(name.look()), id);
            Person {
                name,
                sessions: BTreeSet::new(),
                server_role: Role::Member,
                paid_at: Timestamp::default(),
            }
        });
        person.sessions.insert(session);
    }

    /// Takes a session away; with the last one the person is gone and the name free.
    pub(crate) fn detach(&mut self, id: PersonId, session: SessionId) {
        let Some(person) = self.by_id.get_mut(&id) else {
            return;
        };
        person.sessions.remove(&session);
        if person.sessions.is_empty() {
            self.by_name.remove(&person.name);
            self.by_look.remove(person.name.look());
            self.by_id.remove(&id);
        }
    }

    /// Gives a person another name, which must be free; returns the old one. That so many rooms are
    /// told of it counts against renames to come.
    pub(crate) fn rename(
        &mut self,
        id: PersonId,
        name: UserName,
        room_count: usize,
        now: Timestamp,
    ) -> Option<UserName> {
        let person = self.by_id.get_mut(&id)?;
        let cost_ms = i64::try_from(room_count).ok()?.saturating_mul(ROOM_COST_MS);
        person.paid_at = Timestamp(person.paid_at.max(now).0.saturating_add(cost_ms));
        self.by_name.remove(&person.name);
        self.by_look.remove(person.name.look());
        self.by_name.insert(name.clone(), id);
        self.by_look.insert(Arc::clone(name.look()), id);
        Some(std::mem::replace(&mut person.name, name))
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(crate) fn assert_invariants(&self) {
        debug_assert_eq!(self.by_id.len(), self.by_name.len());
        debug_assert_eq!(self.by_id.len(), self.by_look.len());
        for (id, person) in &self.by_id {
            debug_assert_eq!(self.by_name.get(&person.name), Some(id));
            debug_assert_eq!(self.by_look.get(person.name.look()), Some(id));
            debug_assert!(!person.sessions.is_empty());
        }
    }
}

/// Names of the form `guest-NNNN`.
const GUEST_NUMBERS: u128 = 10_000;

/// So many neighbours are tried before more digits are taken: a bound on the work, not on guests.
const MAX_NAME_TRIES: usize = 64;

/// Twenty rooms told a second: as many as other requests of one connection tell, though a person is
/// on any number of connections, each in a hundred rooms.
const ROOM_COST_MS: i64 = 50;

/// Renames that may be ahead of that: two for who is in a hundred rooms, 200 for who is in one.
const MAX_AHEAD_MS: i64 = 10_000;
