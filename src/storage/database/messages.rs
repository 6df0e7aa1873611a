//! Messages in the database: found, shown in order, changed, and erased.

use std::ops::ControlFlow;

use rusqlite::{OptionalExtension as _, Params, Row};

use crate::storage::database::{
    DatabaseError, RoomState, Transaction, integer, natural, number, optional_text, text,
};

/// A row of `messages`, as far as it is shown.
#[derive(Debug)]
pub(in crate::storage) struct MessageRow {
    pub(in crate::storage) seq: u64,
    pub(in crate::storage) at: i64,
    pub(in crate::storage) sender: String,
    pub(in crate::storage) body: String,
    pub(in crate::storage) key: Option<String>,
    pub(in crate::storage) reply_to: Option<u64>,
    pub(in crate::storage) edited_at: Option<i64>,
    pub(in crate::storage) is_deleted: bool,
    pub(in crate::storage) reactions: Option<String>,
}

/// A row of `messages`, as far as it is needed to judge a change.
#[derive(Debug)]
pub(in crate::storage) struct StandingMessage {
    /// The number of the event that posted it.
    pub(in crate::storage) event: i64,
    pub(in crate::storage) person: Vec<u8>,
    pub(in crate::storage) body: String,
    pub(in crate::storage) is_deleted: bool,
    pub(in crate::storage) reactions: Option<String>,
}

impl Transaction<'_> {
    /// Shows messages numbered below `before`, newest first, until `visit` has seen enough.
    pub(in crate::storage) fn visit_messages_before(
        &self,
        room: RoomState,
        before: u64,
        visit: impl FnMut(MessageRow) -> ControlFlow<()>,
    ) -> Result<(), DatabaseError> {
        let range = (room.id, integer(room.erased), integer(before));
        self.visit_messages(MESSAGES_BEFORE, range, visit)
    }

    /// Shows messages numbered above `after`, oldest first, until `visit` has seen enough.
    pub(in crate::storage) fn visit_messages_after(
        &self,
        room: RoomState,
        after: u64,
        visit: impl FnMut(MessageRow) -> ControlFlow<()>,
    ) -> Result<(), DatabaseError> {
        let after = after.max(room.erased);
        self.visit_messages(MESSAGES_AFTER, (room.id, integer(after)), visit)
    }

    fn visit_messages(
        &self,
        sql: &str,
        range: impl Params,
        mut visit: impl FnMut(MessageRow) -> ControlFlow<()>,
    ) -> Result<(), DatabaseError> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(range)?;
        while let Some(row) = rows.next()? {
            if visit(message_row(row)?).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// What there is to judge a change of a message by.
    pub(in crate::storage) fn message(
        &self,
        room: RoomState,
        seq: u64,
    ) -> Result<Option<StandingMessage>, DatabaseError> {
        if seq <= room.erased {
            return Ok(None);
        }
        let mut statement = self.0.prepare_cached(MESSAGE)?;
        let message = statement.query_row((room.id, integer(seq)), |row| {
            Ok(StandingMessage {
                event: row.get(0)?,
                person: row.get(1)?,
                body: text(row, 2)?,
                is_deleted: row.get(3)?,
                reactions: optional_text(row, 4)?,
            })
        });
        Ok(message.optional()?)
    }

    pub(in crate::storage) fn set_body(
        &self,
        event: i64,
        body: &str,
        edited_at: i64,
    ) -> Result<(), DatabaseError> {
        self.execute(UNINDEX, (event,))?;
        self.execute(SET_BODY, (event, body, edited_at))?;
        self.execute(INDEX_ANEW, (event,))
    }

    /// Erases what a message says, from its events too; its number and sender stay.
    pub(in crate::storage) fn erase_message(
        &self,
        room: i64,
        seq: u64,
        event: i64,
    ) -> Result<(), DatabaseError> {
        self.execute(UNINDEX, (event,))?;
        self.execute(ERASE, (event,))?;
        self.execute(ERASE_REACTORS, (event,))?;
        self.execute(ERASE_POSTED, (event,))?;
        self.execute(ERASE_EDITED, (room, integer(seq)))
    }

    pub(in crate::storage) fn set_reactions(
        &self,
        event: i64,
        reactions: Option<&str>,
    ) -> Result<(), DatabaseError> {
        self.execute(SET_REACTIONS, (event, reactions))
    }

    /// The name under which somebody chose an emoji, if they did.
    pub(in crate::storage) fn reactor(
        &self,
        event: i64,
        emoji: &str,
        person: &[u8],
    ) -> Result<Option<String>, DatabaseError> {
        let mut statement = self.0.prepare_cached(REACTOR)?;
        let name = statement.query_row((event, emoji, person), |row| text(row, 0));
        Ok(name.optional()?)
    }

    pub(in crate::storage) fn insert_reactor(
        &self,
        event: i64,
        emoji: &str,
        person: &[u8],
        name: &str,
    ) -> Result<(), DatabaseError> {
        self.execute(INSERT_REACTOR, (event, emoji, person, name))
    }

    pub(in crate::storage) fn delete_reactor(
        &self,
        event: i64,
        emoji: &str,
        person: &[u8],
    ) -> Result<(), DatabaseError> {
        self.execute(DELETE_REACTOR, (event, emoji, person))
    }
}

/// Reads the columns that [`MESSAGES_BEFORE`] begins with.
pub(super) fn message_row(row: &Row<'_>) -> rusqlite::Result<MessageRow> {
    Ok(MessageRow {
        seq: number(row, 0)?,
        at: row.get(1)?,
        sender: text(row, 2)?,
        body: text(row, 3)?,
        key: optional_text(row, 4)?,
        reply_to: row.get::<_, Option<i64>>(5)?.map(natural),
        edited_at: row.get(6)?,
        is_deleted: row.get(7)?,
        reactions: optional_text(row, 8)?,
    })
}

pub(super) const MESSAGES_BEFORE: &str =
    "SELECT seq, at, sender, body, key, reply_to, edited_at, deleted, reactions FROM messages
     WHERE room = ?1 AND seq > ?2 AND seq < ?3 ORDER BY seq DESC";
pub(super) const MESSAGES_AFTER: &str =
    "SELECT seq, at, sender, body, key, reply_to, edited_at, deleted, reactions FROM messages
     WHERE room = ?1 AND seq > ?2 ORDER BY seq";
const MESSAGE: &str =
    "SELECT event, person, body, deleted, reactions FROM messages WHERE room = ?1 AND seq = ?2";
const SET_BODY: &str = "UPDATE messages SET body = ?2, edited_at = ?3 WHERE event = ?1";
const SET_REACTIONS: &str = "UPDATE messages SET reactions = ?2 WHERE event = ?1";
const ERASE: &str = "UPDATE messages
     SET body = '', reply_to = NULL, edited_at = NULL, deleted = 1, reactions = NULL
     WHERE event = ?1";
// What was edited by hand into something that is no JSON goes as a whole.
const ERASE_POSTED: &str = "UPDATE events
     SET payload = CASE WHEN json_valid(payload) THEN json_remove(payload, '$.body') ELSE '{}' END
     WHERE id = ?1";
pub(super) const ERASE_EDITED: &str = "UPDATE events
     SET payload = CASE WHEN json_valid(payload) THEN json_remove(payload, '$.body') ELSE '{}' END
     WHERE id IN (SELECT event FROM changes INDEXED BY changes_by_edited
                  WHERE room = ?1 AND edited = ?2)";
const REACTOR: &str = "SELECT name FROM reactors WHERE message = ?1 AND emoji = ?2 AND person = ?3";
const INSERT_REACTOR: &str =
    "INSERT INTO reactors (message, emoji, person, name) VALUES (?1, ?2, ?3, ?4)";
const DELETE_REACTOR: &str =
    "DELETE FROM reactors WHERE message = ?1 AND emoji = ?2 AND person = ?3";
const ERASE_REACTORS: &str = "DELETE FROM reactors WHERE message = ?1";
// The index keeps no text, so it has to be told what to forget, and in the words it was told.
const UNINDEX: &str = "INSERT INTO message_words (message_words, rowid, body, place)
     SELECT 'delete', event, body, place FROM searchable WHERE event = ?1";
const INDEX_ANEW: &str = "INSERT INTO message_words (rowid, body, place)
     SELECT event, body, place FROM searchable WHERE event = ?1";
