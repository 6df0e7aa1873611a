//! What the log erases: what is too old, as it is told, and by itself what is left of removed rooms.

use crate::chat::log::{Append, Fact, Recorded, RoomFact};
use crate::chat::message::Timestamp;
use crate::storage::database::{DatabaseError, RoomState};
use crate::storage::log::{Log, Transcript};

impl Log {
    /// Whether something may be left of rooms that were removed, for
    /// [`erase_remains`](Self::erase_remains).
    pub fn has_remains(&self) -> bool {
        self.has_remains
    }

    /// Erases some of what is left of rooms that were removed, in a transaction of its own: what is
    /// to be written meanwhile waits a few milliseconds at most, some 25 if there was nothing for a
    /// while.
    ///
    /// If the database fails, it is tried again when a batch was recorded.
    pub fn erase_remains(&mut self) {
        let erased = self.database.begin().and_then(|transaction| {
            let has_remains = transaction.erase_removed(self.portion)?;
            transaction.commit()?;
            Ok(has_remains)
        });
        self.has_remains = erased.unwrap_or_else(|error| {
            self.failed(&error);
            false
        });
        self.portion = self.portion.larger();
    }
}

impl Transcript<'_> {
    /// Erases some of what was decided before then. An event tells of it if the newest one goes, so
    /// that no number is given again.
    pub(super) fn expire(
        &mut self,
        append: &Append,
        room: RoomState,
        before: Timestamp,
    ) -> Result<Recorded, DatabaseError> {
        let (transaction, portion) = (&self.transaction, self.portion);
        let messages = transaction.stale_messages(room, before.0, portion)?;
        let changes = transaction.stale_changes(room, before.0, portion)?;
        let mut erased = room.erased;
        let mut left = [messages.next_at, changes.next_at];
        if let Some(up_to) = messages.up_to {
            erased = erased.max(up_to);
            transaction.set_erased(room.id, erased)?;
            if !transaction.erase_messages_to(room.id, up_to, portion)? {
                left[0] = messages.first_at;
            }
        }
        if let Some(up_to) = changes.up_to {
            transaction.erase_changes_to(room.id, up_to)?;
        }
        let has_remains = transaction.has_messages_to(room.id, erased)?;
        if transaction.newest_event()? < self.newest_event {
            self.insert_event(append, &append.fact, room.id)?;
        }
        self.change_room(append.fact.room(), |room| room.erased = erased);
        Ok(Recorded::Erased {
            up_to: erased,
            oldest_at: left.into_iter().flatten().min().map(Timestamp),
            has_remains,
        })
    }
}

pub(super) fn is_removal(append: &Append) -> bool {
    matches!(
        append.fact,
        Fact::Room {
            fact: RoomFact::Removed { .. },
            ..
        }
    )
}

/// Whether it is to be erased what is too old.
pub(super) fn is_expiry(append: &Append) -> bool {
    matches!(
        append.fact,
        Fact::Room {
            fact: RoomFact::Expired { .. },
            ..
        }
    )
}
