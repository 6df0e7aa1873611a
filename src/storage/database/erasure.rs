//! What is kept for a time and then erased, in the database.

use super::{DatabaseError, Transaction, integer, number};

/// The oldest rows of a table that are too old, and what comes behind them.
#[derive(Clone, Copy, Debug)]
pub(in crate::storage) struct Stale {
    /// Rows up to that number are.
    pub(in crate::storage) up_to: u64,
    /// When the oldest was decided that is not, or is left for another time.
    pub(in crate::storage) next_at: Option<i64>,
}

impl Transaction<'_> {
    pub(in crate::storage) fn set_retention(
        &self,
        room: i64,
        days: u32,
    ) -> Result<(), DatabaseError> {
        self.execute(SET_RETENTION, (room, days))
    }

    /// The oldest messages of before then; behind `erased`.
    pub(in crate::storage) fn stale_messages(
        &self,
        room: i64,
        erased: u64,
        before: i64,
    ) -> Result<Stale, DatabaseError> {
        self.stale(OLDEST_MESSAGES, room, erased, before)
    }

    /// The oldest changes of before then.
    pub(in crate::storage) fn stale_changes(
        &self,
        room: i64,
        before: i64,
    ) -> Result<Stale, DatabaseError> {
        self.stale(OLDEST_CHANGES, room, 0, before)
    }

    fn stale(
        &self,
        sql: &str,
        room: i64,
        erased: u64,
        before: i64,
    ) -> Result<Stale, DatabaseError> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query((room, ERASED_AT_ONCE + 1))?;
        let mut stale = Stale {
            up_to: erased,
            next_at: None,
        };
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let at: i64 = row.get(1)?;
            if at >= before || count >= ERASED_AT_ONCE {
                stale.next_at = Some(at);
                break;
            }
            count += 1;
            stale.up_to = number(row, 0)?;
        }
        Ok(stale)
    }

    /// Erases the messages of a room up to one: what they said, in all their events and in what can be
    /// searched, and who reacted. Those up to `erased` are gone already.
    pub(in crate::storage) fn erase_messages_to(
        &self,
        room: i64,
        erased: u64,
        up_to: u64,
    ) -> Result<(), DatabaseError> {
        // What is looked up by messages goes before them.
        for sql in [UNINDEX, ERASE_REACTORS, ERASE_EVENTS, ERASE_MESSAGES] {
            self.execute(sql, (room, integer(up_to)))?;
        }
        self.execute(ERASE_EDITS, (room, integer(erased), integer(up_to)))?;
        self.execute(SET_ERASED, (room, integer(up_to)))
    }

    /// Erases the changes of a room up to one.
    pub(in crate::storage) fn erase_changes_to(
        &self,
        room: i64,
        up_to: u64,
    ) -> Result<(), DatabaseError> {
        let mut statement = self.0.prepare_cached(CHANGES_TO)?;
        let events = statement.query_map((room, integer(up_to)), |row| row.get(0))?;
        let events: Vec<i64> = events.collect::<Result<_, _>>()?;
        self.execute(DELETE_CHANGES, (room, integer(up_to)))?;
        for event in events {
            self.execute(DELETE_EVENT, (event,))?;
        }
        Ok(())
    }
}

impl Stale {
    /// Whether there is anything to erase behind what is gone.
    pub(in crate::storage) fn is_beyond(self, erased: u64) -> bool {
        self.up_to > erased
    }
}

/// Messages, and changes, that one transaction erases: a few milliseconds.
const ERASED_AT_ONCE: i64 = 500;

const SET_RETENTION: &str = "UPDATE rooms SET retention_days = ?2 WHERE id = ?1";
const SET_ERASED: &str = "UPDATE rooms SET erased = ?2 WHERE id = ?1";
const OLDEST_MESSAGES: &str = "SELECT seq, at FROM messages WHERE room = ?1 ORDER BY seq LIMIT ?2";
const OLDEST_CHANGES: &str = "SELECT rev, at FROM changes JOIN events ON events.id = event
     WHERE changes.room = ?1 ORDER BY rev LIMIT ?2";
const UNINDEX: &str = "INSERT INTO message_words (message_words, rowid, body, place)
     SELECT 'delete', event, body, place FROM searchable WHERE event IN
     (SELECT event FROM messages WHERE room = ?1 AND seq <= ?2)";
const ERASE_REACTORS: &str = "DELETE FROM reactors WHERE message IN
     (SELECT event FROM messages WHERE room = ?1 AND seq <= ?2)";
const ERASE_EVENTS: &str = "DELETE FROM events WHERE id IN
     (SELECT event FROM messages WHERE room = ?1 AND seq <= ?2)";
const ERASE_MESSAGES: &str = "DELETE FROM messages WHERE room = ?1 AND seq <= ?2";
// An edit may be younger than what it changed.
const ERASE_EDITS: &str = "UPDATE events
     SET payload = CASE WHEN json_valid(payload) THEN json_remove(payload, '$.body') ELSE '{}' END
     WHERE id IN (SELECT event FROM changes INDEXED BY changes_by_edited
                  WHERE room = ?1 AND edited > ?2 AND edited <= ?3)";
const CHANGES_TO: &str = "SELECT event FROM changes WHERE room = ?1 AND rev <= ?2";
const DELETE_CHANGES: &str = "DELETE FROM changes WHERE room = ?1 AND rev <= ?2";
const DELETE_EVENT: &str = "DELETE FROM events WHERE id = ?1";
