//! Clears away rooms that guests left behind: names that nobody uses, and talk with who is gone.
//!
//! A room whose owners are guests goes when nothing was ever said there, nobody is in it and its
//! owners have gone; a conversation with a guest, when the guest has gone. Both only after a while,
//! for a guest may come back with the token.

use std::time::Duration;

use crate::chat::error::ChatError;
use crate::chat::hub::{Hub, Output, SessionId};
use crate::chat::log::{Context, RoomFact};
use crate::chat::message::Timestamp;
use crate::chat::name::RoomName;
use crate::chat::room::{Room, RoomId};
use crate::chat::{PersonId, event::Role};

impl Hub {
    /// When there is something to do although nothing happens, for which [`Input::Tick`](crate::chat::hub::Input::Tick) asks.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let end = self.ends.first().map(|(at, _)| *at);
        self.erases_at().into_iter().chain(end).min()
    }

    /// Whether one more room may be made by somebody.
    pub(super) fn check_place(&self, person: PersonId) -> Result<(), ChatError> {
        if self.rooms.len() >= self.policy.max_rooms {
            return Err(ChatError::Busy(
                "there are as many rooms as this server holds",
            ));
        }
        let rooms = self.belongings.get(&person);
        if rooms.is_some_and(|rooms| rooms.len() >= super::membership::MAX_ROOMS_PER_PERSON) {
            return Err(super::membership::TOO_MANY_ROOMS);
        }
        Ok(())
    }

    /// Takes note of a room that nobody may need any more.
    pub(super) fn consider_abandoned(&mut self, id: RoomId) {
        if self
            .rooms
            .get(&id)
            .is_some_and(|room| self.is_abandoned(room))
        {
            self.abandoned.insert(id);
        }
    }

    /// Takes note of the rooms that somebody who is gone owns or belongs to.
    pub(super) fn consider_rooms_of(&mut self, person: PersonId) {
        if !person.is_guest() {
            return;
        }
        let owned = self
            .rooms
            .iter()
            .filter(|(_, room)| room.seq == 0 && room.role(person) == Role::Owner);
        let mut rooms: Vec<RoomId> = owned.map(|(id, _)| *id).collect();
        rooms.extend(self.belongings.get(&person).into_iter().flatten());
        for id in rooms {
            self.consider_abandoned(id);
        }
    }

    /// Closes the connections whose logins have ended by themselves.
    pub(super) fn end_sessions(&mut self, output: &mut Vec<Output>) {
        while let Some(&(ends_at, session)) = self.ends.first()
            && ends_at <= self.now
        {
            self.ends.pop_first();
            self.disconnect(session, output);
            output.push(Output::Close(session));
        }
    }

    /// Removes what was abandoned long enough ago, some of it at a time.
    pub(super) fn clear_away(&mut self, output: &mut Vec<Output>) {
        let now = self.now;
        if self.abandoned.is_empty() || now.0.saturating_sub(self.cleared_at.0) < CLEAR_MILLIS {
            return;
        }
        self.cleared_at = now;
        let mut count = 0;
        for id in std::mem::take(&mut self.abandoned) {
            let Some(room) = self.rooms.get(&id) else {
                continue;
            };
            let (name, is_abandoned) = (room.name.clone(), self.is_abandoned(room));
            let grace = if room.is_direct() {
                CONVERSATION_GRACE
            } else {
                EMPTY_GRACE
            };
            let room = self.room_mut(id);
            if !is_abandoned {
                room.abandoned_at = None;
                continue;
            }
            let since = room.abandoned_at.get_or_insert(now).0;
            self.abandoned.insert(id);
            let waited_ms = u128::try_from(now.0.saturating_sub(since)).unwrap_or(0);
            if waited_ms < grace.as_millis() || count >= MAX_CLEARED {
                continue;
            }
            count += 1;
            // It is asked again if the log fails.
            self.room_mut(id).abandoned_at = Some(now);
            self.append_of_room(NOBODY, name, RoomFact::Removed { by: None }, output);
        }
    }

    fn is_abandoned(&self, room: &Room) -> bool {
        let is_here = |person: PersonId| self.people.get(person).is_some();
        if room.is_direct() {
            let mut guests = room.parties.iter().map(|party| party.person);
            return guests.any(|person| person.is_guest() && !is_here(person));
        }
        let mut ranks = room.ranks();
        room.seq == 0
            && room.member_count() == 0
            && room.ranks().len() > 0
            && ranks.all(|(person, _)| person.is_guest() && !is_here(person))
            && room.name != RoomName::lobby()
    }
}

/// Whom the server asks for itself: nothing is answered.
pub(super) const NOBODY: Context = Context {
    session: SessionId {
        worker: 0,
        connection: 0,
    },
    from: None,
    re: None,
};

/// How often abandoned rooms are looked at, while anything happens at all.
const CLEAR_MILLIS: i64 = 10_000;

/// So many at a time: what is left has its turn next time.
const MAX_CLEARED: usize = 100;

/// Who lost the connection is back by then.
const EMPTY_GRACE: Duration = Duration::from_secs(10 * 60);

/// What was said is there the next day.
const CONVERSATION_GRACE: Duration = Duration::from_secs(24 * 60 * 60);
