//! What is erased from the database: the beginning of a room's past, and all of a removed room.
//!
//! Nothing may be left of it, so the index is told to forget a message word by word: some 2 ms for a
//! message of a dozen words, however many go at once. Whatever else is to be written waits for that,
//! so one transaction erases a *portion*, which takes some 5 ms, and others go between two of them. Where
//! there are none it grows, up to some 25 ms: that is how long the first one waits who comes. A portion
//! is settled by what is in the database, by what was written before, and by no clock: a run that is
//! repeated does the same.
//!
//! A message may be more than a portion by itself: its text is long, many reacted to it, it was
//! changed often. It goes piece by piece; from the first piece on it counts as erased.

use rusqlite::OptionalExtension as _;

use super::{DatabaseError, RoomState, Transaction, integer, number, text};

/// How much text one transaction erases: a number of the smallest that there are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::storage) struct Portion(u8);

impl Portion {
    /// What others can wait for who have something to write.
    pub(in crate::storage) const SMALL: Self = Self(1);

    /// What may follow it where nobody has.
    pub(in crate::storage) fn larger(self) -> Self {
        Self(LARGEST.min(2 * self.0))
    }

    fn weight(self) -> u64 {
        PORTION_WEIGHT * u64::from(self.0)
    }
}

/// The oldest rows of a table that are too old, as many as a portion has.
#[derive(Clone, Copy, Debug)]
pub(in crate::storage) struct Stale {
    /// The number of the last of them; `None`: there are none.
    pub(in crate::storage) up_to: Option<u64>,
    /// When the oldest row was decided, whether it is too old or not.
    pub(in crate::storage) first_at: Option<i64>,
    /// When the first was decided that is not among them.
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

    /// The oldest messages of before then, or that count as erased.
    pub(in crate::storage) fn stale_messages(
        &self,
        room: RoomState,
        before: i64,
        portion: Portion,
    ) -> Result<Stale, DatabaseError> {
        self.stale(OLDEST_MESSAGES, room.id, (before, room.erased), portion)
    }

    /// The oldest changes of before then.
    pub(in crate::storage) fn stale_changes(
        &self,
        room: RoomState,
        before: i64,
        portion: Portion,
    ) -> Result<Stale, DatabaseError> {
        self.stale(OLDEST_CHANGES, room.id, (before, 0), portion)
    }

    /// The oldest rows that were decided before then or have no larger number than that.
    fn stale(
        &self,
        sql: &str,
        room: i64,
        (before, erased): (i64, u64),
        portion: Portion,
    ) -> Result<Stale, DatabaseError> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query((room,))?;
        let mut stale = Stale {
            up_to: None,
            first_at: None,
            next_at: None,
        };
        let mut weight = 0;
        while let Some(row) = rows.next()? {
            let (nth, at, len) = (number(row, 0)?, row.get(1)?, number(row, 2)?);
            stale.first_at.get_or_insert(at);
            weight += ROW_WEIGHT + len;
            let is_full = weight > portion.weight() && stale.up_to.is_some();
            let is_kept = at >= before && nth > erased;
            if is_kept || is_full {
                stale.next_at = Some(at);
                break;
            }
            stale.up_to = Some(nth);
        }
        Ok(stale)
    }

    /// Erases the messages of a room up to one: what they said, in all their events and in what can be
    /// searched, and who reacted. `false`: a part of that only, they are to be erased again.
    pub(in crate::storage) fn erase_messages_to(
        &self,
        room: i64,
        up_to: u64,
        portion: Portion,
    ) -> Result<bool, DatabaseError> {
        let range = (room, integer(up_to));
        let is_last_piece = self.erase_reactors(range)?
            && self.erase_edits(range)?
            && self.erase_words(range, portion)?;
        if is_last_piece {
            // What is looked up by messages goes before them.
            for sql in [UNINDEX, ERASE_EVENTS, ERASE_MESSAGES] {
                self.execute(sql, range)?;
            }
        } else {
            // Who uses the key again means another message.
            self.execute(FREE_KEYS, range)?;
        }
        Ok(is_last_piece)
    }

    /// Notes up to which message those of a room are gone.
    pub(in crate::storage) fn set_erased(
        &self,
        room: i64,
        up_to: u64,
    ) -> Result<(), DatabaseError> {
        self.execute(SET_ERASED, (room, integer(up_to)))
    }

    /// Whether a room has messages up to one.
    pub(in crate::storage) fn has_messages_to(
        &self,
        room: i64,
        up_to: u64,
    ) -> Result<bool, DatabaseError> {
        let mut statement = self.0.prepare_cached(ANY_MESSAGE_TO)?;
        Ok(statement.exists((room, integer(up_to)))?)
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

    /// Takes a room away: its name is free at once, what is kept of it goes by and by.
    pub(in crate::storage) fn remove_room(&self, room: i64, at: i64) -> Result<(), DatabaseError> {
        self.execute(REMOVE_ROOM, (room, at))
    }

    /// Erases some of what is left of rooms that were removed; `false`: there was nothing.
    pub(in crate::storage) fn erase_removed(
        &self,
        portion: Portion,
    ) -> Result<bool, DatabaseError> {
        let mut statement = self.0.prepare_cached(REMOVED_ROOM)?;
        let room: Option<i64> = statement.query_row((), |row| row.get(0)).optional()?;
        let Some(room) = room else {
            return Ok(false);
        };
        let stale = |sql| self.stale(sql, room, (i64::MAX, 0), portion);
        if let Some(up_to) = stale(OLDEST_MESSAGES)?.up_to {
            self.erase_messages_to(room, up_to, portion)?;
        } else if let Some(up_to) = stale(OLDEST_CHANGES)?.up_to {
            self.erase_changes_to(room, up_to)?;
        } else if self.empty_books(room)? {
            self.execute(DELETE_ROOM, (room,))?;
        }
        Ok(true)
    }

    /// Deletes rows that are beside the past of a room; whether none is left.
    fn empty_books(&self, room: i64) -> Result<bool, DatabaseError> {
        for (table, key) in BOOKS {
            let sql = format!(
                "DELETE FROM {table} WHERE (room, {key}) IN
                 (SELECT room, {key} FROM {table} WHERE room = ?1 LIMIT ?2)"
            );
            if !self.erases_all(&sql, (room, MAX_ROWS))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn erase_reactors(&self, (room, up_to): (i64, i64)) -> Result<bool, DatabaseError> {
        self.erases_all(ERASE_REACTORS, (room, up_to, MAX_ROWS))
    }

    /// An edit may be younger than what it changed: it stays, and says nothing any more.
    fn erase_edits(&self, (room, up_to): (i64, i64)) -> Result<bool, DatabaseError> {
        self.execute(EMPTY_EDITS, (room, up_to, MAX_ROWS))?;
        self.erases_all(FORGET_EDITS, (room, up_to, MAX_ROWS))
    }

    /// Has the index forget words of a long message, if there is one and it has more than a portion.
    fn erase_words(
        &self,
        (room, up_to): (i64, i64),
        portion: Portion,
    ) -> Result<bool, DatabaseError> {
        let mut statement = self.0.prepare_cached(LONG_MESSAGE)?;
        let long = statement.query_row((room, up_to, integer(portion.weight())), |row| {
            Ok((row.get::<_, i64>(0)?, text(row, 1)?))
        });
        let Some((event, body)) = long.optional()? else {
            return Ok(true);
        };
        let (piece, rest) = body.split_at(piece_len(&body, portion));
        if rest.is_empty() {
            return Ok(true);
        }
        self.execute(UNINDEX_PIECE, (event, piece))?;
        self.execute(COUNT_AGAIN, (event,))?;
        self.execute(SET_REST, (event, rest))?;
        Ok(false)
    }

    /// Whether a statement that deletes up to so many rows, [`MAX_ROWS`], found fewer.
    fn erases_all(&self, sql: &str, row: impl rusqlite::Params) -> Result<bool, DatabaseError> {
        let count = self.0.prepare_cached(sql)?.execute(row)?;
        Ok(i64::try_from(count).is_ok_and(|count| count < MAX_ROWS))
    }
}

/// How much of a text makes a portion, and ends where a word ends for the index.
fn piece_len(body: &str, portion: Portion) -> usize {
    let max = usize::try_from(portion.weight()).unwrap_or(usize::MAX);
    let ends = body.char_indices().filter(|(_, c)| is_between_words(*c));
    let mut ends = ends.map(|(at, _)| at).filter(|at| *at > 0).peekable();
    let mut end = ends.peek().copied().unwrap_or(body.len());
    while let Some(later) = ends.next_if(|at| *at <= max) {
        end = later;
    }
    end
}

/// Some of the characters that are in no word for the index, in whatever version of Unicode.
fn is_between_words(c: char) -> bool {
    c.is_ascii_whitespace() || c.is_ascii_punctuation() || "、。，！？".contains(c)
}

/// Messages of a portion: so many bytes of text, or of rows. Measured with 300,000 messages of a
/// dozen words, in an index of 11 segments: 25 µs a byte.
const PORTION_WEIGHT: u64 = 192;

/// What a row takes that has no words: some 30 µs.
const ROW_WEIGHT: u64 = 2;

/// Rows that one statement deletes from tables beside the messages: some 2 ms.
const MAX_ROWS: i64 = 100;

/// Some 22 ms: measured with 60,000 messages, in an index of 13 segments, 14 µs a byte. Nobody notices
/// that one message comes so much later.
const LARGEST: u8 = 8;

/// The tables beside a room's past, and what tells their rows apart.
const BOOKS: [(&str, &str); 6] = [
    ("roles", "person"),
    ("members", "account"),
    ("parties", "person"),
    ("restraints", "kind, person"),
    ("invites", "code"),
    ("audit", "event"),
];

const SET_RETENTION: &str = "UPDATE rooms SET retention_days = ?2 WHERE id = ?1";
const SET_ERASED: &str = "UPDATE rooms SET erased = ?2 WHERE id = ?1";
const OLDEST_MESSAGES: &str =
    "SELECT seq, at, octet_length(body) FROM messages WHERE room = ?1 ORDER BY seq";
const OLDEST_CHANGES: &str = "SELECT rev, at, 0 FROM changes JOIN events ON events.id = event
     WHERE changes.room = ?1 ORDER BY rev";
const ERASE_REACTORS: &str = "DELETE FROM reactors WHERE (message, emoji, person) IN
     (SELECT message, emoji, reactors.person FROM messages CROSS JOIN reactors ON message = event
      WHERE room = ?1 AND seq <= ?2 LIMIT ?3)";
// What was edited by hand into something that is no JSON goes as a whole.
const EMPTY_EDITS: &str = "UPDATE events
     SET payload = CASE WHEN json_valid(payload) THEN json_remove(payload, '$.body') ELSE '{}' END
     WHERE id IN (SELECT event FROM changes INDEXED BY changes_by_edited
                  WHERE room = ?1 AND edited <= ?2 ORDER BY edited, rev LIMIT ?3)";
const FORGET_EDITS: &str = "UPDATE changes SET edited = NULL WHERE (room, rev) IN
     (SELECT room, rev FROM changes INDEXED BY changes_by_edited
      WHERE room = ?1 AND edited <= ?2 ORDER BY edited, rev LIMIT ?3)";
const LONG_MESSAGE: &str = "SELECT event, body FROM messages
     WHERE room = ?1 AND seq <= ?2 AND octet_length(body) > ?3 ORDER BY seq LIMIT 1";
const UNINDEX_PIECE: &str = "INSERT INTO message_words (message_words, rowid, body, place)
     VALUES ('delete', ?1, ?2, '')";
/// The index counts a message less for each piece that it is told to forget.
const COUNT_AGAIN: &str = "INSERT INTO message_words (rowid, body, place) VALUES (?1, '', '')";
const SET_REST: &str = "UPDATE messages SET body = ?2 WHERE event = ?1";
const FREE_KEYS: &str =
    "UPDATE messages SET key = NULL WHERE room = ?1 AND seq <= ?2 AND key IS NOT NULL";
const UNINDEX: &str = "INSERT INTO message_words (message_words, rowid, body, place)
     SELECT 'delete', event, body, place FROM searchable WHERE event IN
     (SELECT event FROM messages WHERE room = ?1 AND seq <= ?2)";
const ERASE_EVENTS: &str = "DELETE FROM events WHERE id IN
     (SELECT event FROM messages WHERE room = ?1 AND seq <= ?2)";
const ERASE_MESSAGES: &str = "DELETE FROM messages WHERE room = ?1 AND seq <= ?2";
const CHANGES_TO: &str = "SELECT event FROM changes WHERE room = ?1 AND rev <= ?2";
const ANY_MESSAGE_TO: &str = "SELECT 1 FROM messages WHERE room = ?1 AND seq <= ?2";
const DELETE_CHANGES: &str = "DELETE FROM changes WHERE room = ?1 AND rev <= ?2";
const DELETE_EVENT: &str = "DELETE FROM events WHERE id = ?1";
/// No room's key has a `#`.
const REMOVE_ROOM: &str = "UPDATE rooms SET key = '#' || id, removed_at = ?2 WHERE id = ?1";
const REMOVED_ROOM: &str = "SELECT id FROM rooms WHERE removed_at IS NOT NULL LIMIT 1";
const DELETE_ROOM: &str = "DELETE FROM rooms WHERE id = ?1";

/// Those that look for something, however much there is.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 12] = [
    ANY_MESSAGE_TO,
    OLDEST_MESSAGES,
    OLDEST_CHANGES,
    ERASE_REACTORS,
    EMPTY_EDITS,
    FORGET_EDITS,
    LONG_MESSAGE,
    FREE_KEYS,
    ERASE_EVENTS,
    ERASE_MESSAGES,
    DELETE_CHANGES,
    REMOVED_ROOM,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn piece_of_a_text_ends_between_words() {
        let check = |body: &str, expected: usize| {
            assert_eq!(piece_len(body, Portion::SMALL), expected, "{body}");
        };
        let max = usize::try_from(PORTION_WEIGHT).unwrap();
        check("word", 4);
        check(" word", 5);
        let words = "four ".repeat(max);
        check(&words, max / 5 * 5 - 1);
        check(&format!("{} two three", "x".repeat(max)), max);
        // Of what is behind a long word nothing goes with it.
        check(&format!("{} two", "x".repeat(2 * max)), 2 * max);
        check(&"x".repeat(2 * max), 2 * max);
        let sentence = "知".repeat(max / 3 - 1);
        check(&format!("{sentence}。{sentence}"), sentence.len());
    }
}
