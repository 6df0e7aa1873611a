//! For how long messages are kept: what is too old is erased, the oldest first.
//!
//! The hub knows when the oldest message or change of each room was decided, and so when something is
//! to be done at all. The log erases a few of them in a commit, some 5 ms, or more where nobody else has
//! anything to write, and tells how old the rest is; only one such commit is under way, and between two
//! of them the log is left to others, so that nobody waits for more than one.

use std::time::Duration;

use crate::chat::error::ChatError;
use crate::chat::hub::order::after;
use crate::chat::hub::upkeep::NOBODY;
use crate::chat::hub::{Asking, Hub, Output};
use crate::chat::log::{LogError, Recorded, RoomFact};
use crate::chat::message::Timestamp;
use crate::chat::name::RoomName;
use crate::chat::permission::Action;
use crate::chat::room::{Room, RoomId};

/// What the log is doing about what is too old.
#[derive(Clone, Copy, Debug)]
pub(super) enum Erasing {
    /// It erases some of it.
    UnderWay,
    /// It does other things, until then at least.
    Paused(Timestamp),
}

impl Hub {
    pub(super) fn set_retention(
        &mut self,
        asking: &mut Asking<'_>,
        id: RoomId,
        days: u32,
    ) -> Result<(), ChatError> {
        self.allow(asking, id, Action::SetRetention)?;
        let by = asking.party();
        self.append_fact(asking, id, RoomFact::RetentionSet { by, days });
        Ok(())
    }

    /// For how many days messages are kept in a room; `None`: for ever.
    pub(super) fn retention_days(&self, room: &Room) -> Option<u32> {
        let days = room.retention_days.unwrap_or(self.policy.retention_days);
        Some(days).filter(|days| *days > 0)
    }

    /// Takes note that something was said or changed in a room at that time.
    pub(super) fn grew(&mut self, id: RoomId, at: Timestamp) {
        let room = self.room_mut(id);
        if room.oldest_at.is_none() {
            room.oldest_at = Some(at);
            self.plan_expiry(id);
        }
    }

    /// Has a room looked at again when the oldest of what is kept there is too old.
    pub(super) fn plan_expiry(&mut self, id: RoomId) {
        let room = self.room(id);
        let due = if room.has_remains {
            // Nobody sees it any more, or can delete it: it goes, however long messages are kept now.
            Some(self.now)
        } else {
            let due = room.oldest_at.zip(self.retention_days(room));
            due.map(|(at, days)| after(at, span_of(days)))
        };
        self.set_expiry(id, due);
    }

    pub(super) fn set_expiry(&mut self, id: RoomId, at: Option<Timestamp>) {
        let was = std::mem::replace(&mut self.room_mut(id).expires_at, at);
        if let Some(was) = was {
            self.expiries.remove(&(was, id));
        }
        self.expiries.extend(at.map(|at| (at, id)));
    }

    /// When something is to be erased next, as far as that is known.
    pub(super) fn erases_at(&self) -> Option<Timestamp> {
        match self.erasing {
            Erasing::UnderWay => None,
            Erasing::Paused(until) => self.expiries.first().map(|&(at, _)| at.max(until)),
        }
    }

    /// Has the log erase some of what is too old.
    pub(super) fn expire(&mut self, output: &mut Vec<Output>) {
        let is_due = self.erases_at().is_some_and(|at| at <= self.now);
        let Some(&(_, id)) = self.expiries.first().filter(|_| is_due) else {
            return;
        };
        let room = self.room(id);
        let before = match self.retention_days(room) {
            Some(days) => {
                let span_ms = i64::try_from(span_of(days).as_millis()).unwrap_or(i64::MAX);
                // What is exactly so old is due.
                Timestamp(self.now.0.saturating_sub(span_ms).saturating_add(1))
            }
            None => NEVER_SAID,
        };
        let name = room.name.clone();
        self.erasing = Erasing::UnderWay;
        self.append_of_room(NOBODY, name, RoomFact::Expired { before }, output);
    }

    /// The log has erased something, or could not.
    pub(super) fn expired(&mut self, name: &RoomName, outcome: &Result<Recorded, LogError>) {
        self.erasing = Erasing::Paused(after(self.now, PAUSE));
        let Some(&id) = self.room_ids.get(name) else {
            return;
        };
        match outcome {
            &Ok(Recorded::Erased {
                up_to,
                oldest_at,
                has_remains,
            }) => {
                let room = self.room_mut(id);
                room.erased = room.erased.max(up_to);
                (room.oldest_at, room.has_remains) = (oldest_at, has_remains);
                self.weigh(id, |room| room.recent.forget(room.erased));
                self.plan_expiry(id);
            }
            // A full disk has nothing to spare for that, either.
            _ => {
                let later = after(self.now, RETRY_INTERVAL);
                self.set_expiry(id, Some(later));
            }
        }
    }
}

fn span_of(days: u32) -> Duration {
    DAY * days
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Before all that was ever said: only the rest of what counts as erased goes.
const NEVER_SAID: Timestamp = Timestamp(0);

/// For what others have to write: twice what the log needs to erase some.
const PAUSE: Duration = Duration::from_millis(10);

/// Nobody waits for it.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);
