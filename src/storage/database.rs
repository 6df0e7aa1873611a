//! The database, in words of the log: nothing else names the database crate.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension as _, Params, Row, TransactionBehavior,
};

use crate::storage::error::{Refusal, StorageError};
use crate::storage::schema::{APPLICATION_ID, SETTINGS, STEPS, VERSION};

mod accounts;
mod books;
mod erasure;
mod inheritance;
mod messages;
mod search;
mod server;

pub(super) use accounts::{AccountRow, LoginRow, NewAccountRow, RollRows};
pub(super) use books::{AuditRow, BookRows, NewRestraint, RestraintRow};
pub(super) use erasure::Portion;
pub(super) use messages::{MessageRow, StandingMessage};
pub(super) use search::{FoundRow, MARK_BEGIN, MARK_END, Match};
pub(super) use server::BanRow;

/// A connection that writes, or one that only reads.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    access: Access,
    connection: Connection,
    /// Whether the connection cannot be trusted any more.
    is_broken: bool,
}

/// Any failure of the database; shows no data.
#[derive(Debug)]
pub(super) struct DatabaseError(rusqlite::Error);

/// A transaction, rolled back unless committed.
#[derive(Debug)]
pub(super) struct Transaction<'c>(rusqlite::Transaction<'c>);

/// A room's identity and counters.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoomState {
    pub(super) id: i64,
    pub(super) seq: u64,
    pub(super) rev: u64,
    pub(super) is_public: bool,
    /// The messages up to this one are gone.
    pub(super) erased: u64,
}

/// A row of `rooms`, as far as it is read.
#[derive(Debug)]
pub(super) struct RoomRow {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) visibility: String,
    pub(super) topic: String,
    pub(super) seq: u64,
    pub(super) rev: u64,
    pub(super) retention_days: Option<u32>,
    pub(super) erased: u64,
    /// When the oldest message was posted, and the oldest change made.
    pub(super) oldest_at: [Option<i64>; 2],
    /// Whether some of the messages up to `erased` are still there.
    pub(super) has_remains: bool,
}

/// A row of `roles`, with its room's key.
#[derive(Debug)]
pub(super) struct RoleRow {
    pub(super) room: String,
    pub(super) person: Vec<u8>,
    pub(super) role: String,
}

/// A row for `rooms`.
#[derive(Debug)]
pub(super) struct NewRoom<'a> {
    pub(super) id: i64,
    pub(super) key: &'a str,
    pub(super) name: &'a str,
    pub(super) visibility: &'a str,
    pub(super) topic: &'a str,
    pub(super) created_at: i64,
}

/// A row for `messages`.
#[derive(Debug)]
pub(super) struct NewMessage<'a> {
    pub(super) room: i64,
    pub(super) seq: u64,
    /// The number of the event that posts it.
    pub(super) event: i64,
    pub(super) at: i64,
    pub(super) sender: &'a str,
    pub(super) sender_key: &'a str,
    pub(super) person: &'a [u8],
    pub(super) body: &'a str,
    pub(super) key: Option<&'a str>,
    pub(super) reply_to: Option<u64>,
}

/// A row of `changes` with its event.
#[derive(Debug)]
pub(super) struct ChangeRow {
    pub(super) rev: u64,
    pub(super) at: i64,
    pub(super) kind: String,
    pub(super) payload: String,
}

/// What a connection may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    Write,
    Read,
}

/// Who wrote a database.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    pub(super) application: i32,
    pub(super) version: i32,
}

impl Database {
    /// Opens an existing database.
    pub(super) fn connect(path: &Path, access: Access) -> Result<Self, DatabaseError> {
        let flags = match access {
            Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
            Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
        // A connection is used by one thread at a time, so it needs no lock of its own.
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(MAX_STATEMENTS);
        connection.execute_batch(SETTINGS)?;
        Ok(Self {
            path: path.to_owned(),
            access,
            connection,
            is_broken: false,
        })
    }

    /// Makes the tables in an empty file.
    pub(super) fn set_up(&mut self) -> Result<(), DatabaseError> {
        self.connection
            .pragma_update(None, "application_id", APPLICATION_ID)?;
        self.migrate()?;
        self.keep_write_ahead_log()
    }

    pub(super) fn keep_write_ahead_log(&self) -> Result<(), DatabaseError> {
        Ok(self.connection.execute_batch("PRAGMA journal_mode = WAL")?)
    }

    /// Takes the steps from the database's version to the newest, each in a transaction.
    pub(super) fn migrate(&mut self) -> Result<(), DatabaseError> {
        let version = self.identity()?.version;
        for (step, reached) in STEPS.iter().zip(1..) {
            if reached > version {
                let transaction = self
                    .connection
                    .transaction_with_behavior(TransactionBehavior::Immediate)?;
                transaction.execute_batch(step)?;
                transaction.pragma_update(None, "user_version", reached)?;
                transaction.commit()?;
            }
        }
        Ok(())
    }

    pub(super) fn identity(&self) -> Result<Identity, DatabaseError> {
        let pragma = |name| {
            self.connection
                .pragma_query_value(None, name, |row| row.get(0))
        };
        Ok(Identity {
            application: pragma("application_id")?,
            version: pragma("user_version")?,
        })
    }

    /// Reads the first pages of each table; whether `lobby` is there.
    pub(super) fn look(&self) -> Result<bool, DatabaseError> {
        Ok(self
            .connection
            .query_row(FIRST_LOOK, (), |row| row.get(0))?)
    }

    /// Reads all rooms, in the order of their creation, who has a role in them, and what else is
    /// kept of them.
    pub(super) fn rooms(&mut self) -> Result<(Vec<RoomRow>, Vec<RoleRow>, BookRows), StorageError> {
        let rooms = self.begin().and_then(|transaction| {
            let rooms = transaction.rooms()?;
            Ok((rooms, transaction.roles()?, transaction.books()?))
        });
        rooms.map_err(|error| error.refuse(&self.path))
    }

    /// Begins a transaction, after replacing a broken connection.
    pub(super) fn begin(&mut self) -> Result<Transaction<'_>, DatabaseError> {
        if self.is_broken {
            // The old connection stays open until the new one is: as long as one is open, nobody
            // reads the write-ahead log anew, where remains of a failed commit may stand.
            self.connection = Self::connect(&self.path, self.access)?.connection;
            self.is_broken = false;
        }
        let behavior = match self.access {
            Access::Write => TransactionBehavior::Immediate,
            Access::Read => TransactionBehavior::Deferred,
        };
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        Ok(Transaction(transaction))
    }

    /// Gives up on what takes longer than that, from now on; `None`: on nothing.
    ///
    /// The time is looked at between steps of a statement. One step through the full-text index has
    /// no end of its own, but a bound: it reads each message that has the word once.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a search takes is known only while it runs"
    )]
    pub(super) fn limit_time(&mut self, limit: Option<Duration>) {
        let is_late = limit.map(|limit| {
            let began_at = Instant::now();
            move || began_at.elapsed() >= limit
        });
        // It fails for a connection that is not ours only.
        let _ = self
            .connection
            .progress_handler(STEPS_BETWEEN_LOOKS, is_late);
    }

    /// Notes that a transaction failed: [`begin`](Self::begin) may need another connection.
    pub(super) fn note_failure(&mut self, error: &DatabaseError) {
        // What a full disk, a lock or a constraint makes fail is rolled back without a trace.
        let leaves_no_trace = matches!(
            error.0.sqlite_error_code(),
            Some(
                ErrorCode::DiskFull
                    | ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::ConstraintViolation
            )
        );
        self.is_broken = !leaves_no_trace || !self.connection.is_autocommit();
        if self.is_broken && self.access == Access::Write {
            self.overwrite_failed_commit();
        }
    }

    /// Sees to it that a commit whose sync failed is not found by whoever opens the database next.
    ///
    /// Its frames stand complete in the write-ahead log, where this connection ignores them. A
    /// commit that changes nothing is written over the first of them; the others are void then, as
    /// each frame's checksum covers those before it. Its sync may fail as well: if power fails now,
    /// the disk decides what is found.
    fn overwrite_failed_commit(&self) {
        let version = format!("PRAGMA user_version = {VERSION}");
        if let Err(error) = self.connection.execute_batch(&version) {
            tracing::debug!(%error, "a failed commit was overwritten without a sync");
        }
    }

    /// Brings all of the write-ahead log into the database and empties it.
    pub(super) fn checkpoint(&self) -> Result<(), DatabaseError> {
        Ok(self
            .connection
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?)
    }
}

impl Transaction<'_> {
    /// Makes it durable: returns after the disk has it.
    pub(super) fn commit(self) -> Result<(), DatabaseError> {
        Ok(self.0.commit()?)
    }

    pub(super) fn rooms(&self) -> Result<Vec<RoomRow>, DatabaseError> {
        self.rows(ROOMS, (), |row| {
            Ok(RoomRow {
                key: text(row, 0)?,
                name: text(row, 1)?,
                visibility: text(row, 2)?,
                topic: text(row, 3)?,
                seq: number(row, 4)?,
                rev: number(row, 5)?,
                retention_days: row.get(6)?,
                erased: number(row, 7)?,
                oldest_at: [row.get(8)?, row.get(9)?],
                has_remains: row.get(10)?,
            })
        })
    }

    /// Who is more than a member of a room: the room's key, who, and what.
    pub(super) fn roles(&self) -> Result<Vec<RoleRow>, DatabaseError> {
        self.rows(ROLES, (), |row| {
            Ok(RoleRow {
                room: text(row, 0)?,
                person: row.get(1)?,
                role: text(row, 2)?,
            })
        })
    }

    pub(super) fn room(&self, key: &str) -> Result<Option<RoomState>, DatabaseError> {
        let mut statement = self.0.prepare_cached(ROOM_BY_KEY)?;
        let room = statement.query_row((key,), |row| {
            Ok(RoomState {
                id: row.get(0)?,
                seq: number(row, 1)?,
                rev: number(row, 2)?,
                is_public: row.get(3)?,
                erased: number(row, 4)?,
            })
        });
        Ok(room.optional()?)
    }

    /// The number of the newest event.
    pub(super) fn newest_event(&self) -> Result<i64, DatabaseError> {
        let mut statement = self.0.prepare_cached(NEWEST_EVENT)?;
        Ok(statement.query_row((), |row| row.get(0))?)
    }

    pub(super) fn insert_event(
        &self,
        id: i64,
        at: i64,
        room: i64,
        kind: &str,
        payload: &str,
    ) -> Result<(), DatabaseError> {
        self.execute(INSERT_EVENT, (id, at, room, kind, payload))
    }

    pub(super) fn insert_room(&self, room: &NewRoom<'_>) -> Result<(), DatabaseError> {
        let row = (
            room.id,
            room.key,
            room.name,
            room.visibility,
            room.topic,
            room.created_at,
        );
        self.execute(INSERT_ROOM, row)
    }

    /// Whether it was inserted: not if the sender's key was used in the room before.
    pub(super) fn insert_message(&self, message: &NewMessage<'_>) -> Result<bool, DatabaseError> {
        let row = (
            message.room,
            integer(message.seq),
            message.event,
            message.at,
            message.sender,
            message.sender_key,
            message.person,
            message.body,
            message.key,
            message.reply_to.map(integer),
        );
        let inserted = self.0.prepare_cached(INSERT_MESSAGE)?.execute(row)?;
        Ok(inserted == 1)
    }

    /// The number and time of the message with a key, which is there.
    pub(super) fn message_by_key(
        &self,
        room: i64,
        sender_key: &str,
        key: &str,
    ) -> Result<(u64, i64), DatabaseError> {
        let found = self.find_message_by_key(room, sender_key, key)?;
        Ok(found.ok_or(rusqlite::Error::QueryReturnedNoRows)?)
    }

    /// The number and time of the message with a key, if there is one.
    pub(super) fn find_message_by_key(
        &self,
        room: i64,
        sender_key: &str,
        key: &str,
    ) -> Result<Option<(u64, i64)>, DatabaseError> {
        let mut statement = self.0.prepare_cached(MESSAGE_BY_KEY)?;
        let found = statement.query_row((room, sender_key, key), |row| {
            Ok((number(row, 0)?, row.get(1)?))
        });
        Ok(found.optional()?)
    }

    /// Notes an event as a change, and of which message it holds another body.
    pub(super) fn insert_change(
        &self,
        room: i64,
        rev: u64,
        event: i64,
        edited: Option<u64>,
    ) -> Result<(), DatabaseError> {
        let row = (room, integer(rev), event, edited.map(integer));
        self.execute(INSERT_CHANGE, row)
    }

    pub(super) fn set_topic(&self, room: i64, topic: &str) -> Result<(), DatabaseError> {
        self.execute(SET_TOPIC, (room, topic))
    }

    pub(super) fn set_counters(&self, room: RoomState) -> Result<(), DatabaseError> {
        let row = (room.id, integer(room.seq), integer(room.rev));
        self.execute(SET_COUNTERS, row)
    }

    /// The newest changes, newest first.
    pub(super) fn changes(&self, room: i64, max: usize) -> Result<Vec<ChangeRow>, DatabaseError> {
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        self.rows(NEWEST_CHANGES, (room, max), |row| {
            Ok(ChangeRow {
                rev: number(row, 0)?,
                at: row.get(1)?,
                kind: text(row, 2)?,
                payload: text(row, 3)?,
            })
        })
    }

    /// What a statement finds.
    fn rows<T>(
        &self,
        sql: &str,
        row: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, DatabaseError> {
        let mut statement = self.0.prepare_cached(sql)?;
        Ok(statement.query_map(row, read)?.collect::<Result<_, _>>()?)
    }

    fn execute(&self, sql: &str, row: impl Params) -> Result<(), DatabaseError> {
        self.0.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }
}

impl DatabaseError {
    /// Whether it took longer than it may.
    pub(super) fn is_out_of_time(&self) -> bool {
        self.0.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
    }

    /// What it means for a server that is about to use the database.
    pub(super) fn refuse(&self, path: &Path) -> StorageError {
        let refusal = match self.0.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Refusal::Locked,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                Refusal::ReadOnly
            }
            Some(ErrorCode::DiskFull) => Refusal::DiskFull,
            Some(ErrorCode::SystemIoFailure) => Refusal::DiskFailed,
            // Missing tables and columns, and pages that make no sense.
            _ => Refusal::Damaged,
        };
        StorageError::database(path, refusal)
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads text that may have been edited by hand into bytes that are not UTF-8.
fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(optional_text(row, column)?.unwrap_or_default())
}

fn optional_text(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    })
}

/// A number of a message or change as SQLite keeps it: no room gets to 2⁶³ of them.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(natural(row.get(column)?))
}

/// The schema checks that numbers are not negative.
fn natural(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// How long another program's lock is waited for; ours never waits for ourselves.
const BUSY_TIMEOUT: Duration = Duration::from_millis(500);

/// More than there are, so that each is compiled once.
const MAX_STATEMENTS: usize = 128;

/// Some microseconds.
const STEPS_BETWEEN_LOOKS: i32 = 1_000;

const FIRST_LOOK: &str = "SELECT EXISTS (SELECT 1 FROM rooms WHERE key = 'lobby'),
    (SELECT max(id) FROM events), (SELECT max(seq) FROM messages WHERE room = 1),
    (SELECT max(rev) FROM changes WHERE room = 1)";
const ROOMS: &str = "SELECT key, name, visibility, topic, seq, rev, retention_days, erased,
     (SELECT at FROM messages WHERE room = rooms.id ORDER BY seq LIMIT 1),
     (SELECT at FROM changes JOIN events ON events.id = event
      WHERE changes.room = rooms.id ORDER BY rev LIMIT 1),
     EXISTS (SELECT 1 FROM messages WHERE room = rooms.id AND messages.seq <= erased)
     FROM rooms WHERE removed_at IS NULL ORDER BY id";
const ROLES: &str =
    "SELECT rooms.key, person, role FROM roles JOIN rooms ON rooms.id = room ORDER BY room, person";
const ROOM_BY_KEY: &str =
    "SELECT id, seq, rev, visibility = 'public', erased FROM rooms WHERE key = ?1";
const NEWEST_EVENT: &str = "SELECT coalesce(max(id), 0) FROM events";
const INSERT_EVENT: &str =
    "INSERT INTO events (id, at, room, kind, payload) VALUES (?1, ?2, ?3, ?4, ?5)";
const INSERT_ROOM: &str = "INSERT INTO rooms (id, key, name, visibility, topic, created_at)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const INSERT_MESSAGE: &str =
    "INSERT INTO messages (room, seq, event, at, sender, sender_key, person, body, key, reply_to)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
     ON CONFLICT (room, sender_key, key) WHERE key IS NOT NULL DO NOTHING";
const MESSAGE_BY_KEY: &str =
    "SELECT seq, at FROM messages WHERE room = ?1 AND sender_key = ?2 AND key = ?3";
const INSERT_CHANGE: &str =
    "INSERT INTO changes (room, rev, event, edited) VALUES (?1, ?2, ?3, ?4)";
const SET_TOPIC: &str = "UPDATE rooms SET topic = ?2 WHERE id = ?1";
const SET_COUNTERS: &str = "UPDATE rooms SET seq = ?2, rev = ?3 WHERE id = ?1";
const NEWEST_CHANGES: &str = "SELECT rev, at, kind, payload FROM changes JOIN events ON id = event
     WHERE changes.room = ?1 ORDER BY rev DESC LIMIT ?2";

/// How a disk fails while a batch is written.
#[cfg(test)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DiskFault {
    /// It has no room.
    Full,
    /// It takes nothing at all any more; the connection is given up.
    ReadOnly,
    /// It takes all, and fails at the end.
    Commit,
}

#[cfg(test)]
impl Database {
    /// Has everything fail that a disk can fail at, in one way or another, or work again.
    pub(super) fn set_fault(&self, fault: Option<DiskFault>) {
        let sql = match fault {
            Some(DiskFault::Full) => return self.limit_growth(0),
            Some(DiskFault::ReadOnly) => "PRAGMA query_only = ON",
            // A constraint that is judged when the transaction ends, and that nothing satisfies.
            Some(DiskFault::Commit) => {
                "CREATE TEMP TABLE sound (id INTEGER PRIMARY KEY);
                 CREATE TEMP TABLE torn (id REFERENCES sound DEFERRABLE INITIALLY DEFERRED);
                 CREATE TEMP TRIGGER tear AFTER INSERT ON main.events
                     BEGIN INSERT INTO torn VALUES (1); END"
            }
            None => {
                "PRAGMA query_only = OFF;
                 PRAGMA max_page_count = 1073741823;
                 DROP TRIGGER IF EXISTS temp.tear;
                 DROP TABLE IF EXISTS temp.torn;
                 DROP TABLE IF EXISTS temp.sound"
            }
        };
        self.connection.execute_batch(sql).unwrap();
    }

    /// Lets the file grow up to so many pages more, as if the disk were that small.
    pub(super) fn limit_growth(&self, pages: i64) {
        let count: i64 = self
            .connection
            .pragma_query_value(None, "page_count", |row| row.get(0))
            .unwrap();
        self.connection
            .execute_batch(&format!("PRAGMA max_page_count = {}", count + pages))
            .unwrap();
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::messages::{ERASE_EDITED, MESSAGES_AFTER, MESSAGES_BEFORE};
    use super::*;
    use crate::storage::data_dir::DataDir;
    use crate::storage::opening::open_writer;

    #[test]
    fn pages_of_100_000_messages_are_found_by_index() {
        let dir = tempfile::tempdir().unwrap();
        let mut database = open_writer(&DataDir::open(dir.path()).unwrap()).unwrap();
        database
            .connection
            .execute_batch(
                "WITH RECURSIVE number (seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM number
                                                 WHERE seq < 100000)
                 INSERT INTO messages (room, seq, event, at, sender, sender_key, person, body, key)
                 SELECT 1, seq, seq, 0, 'ada', 'ada', zeroblob(16),
                                             'text ' || seq, 'key ' || seq FROM number",
            )
            .unwrap();
        for (sql, plan) in [
            (
                MESSAGES_BEFORE,
                "SEARCH messages USING PRIMARY KEY (room=? AND seq>? AND seq<?)",
            ),
            (
                MESSAGES_AFTER,
                "SEARCH messages USING PRIMARY KEY (room=? AND seq>?)",
            ),
            (
                ERASE_EDITED,
                "SEARCH events USING INTEGER PRIMARY KEY (rowid=?); LIST SUBQUERY 1; \
                 SEARCH changes USING INDEX changes_by_edited (room=? AND edited=?)",
            ),
            (
                MESSAGE_BY_KEY,
                "SEARCH messages USING INDEX messages_by_key (room=? AND sender_key=? AND key=?)",
            ),
            (
                NEWEST_CHANGES,
                "SEARCH changes USING PRIMARY KEY (room=?); \
                 SEARCH events USING INTEGER PRIMARY KEY (rowid=?)",
            ),
            (
                ROOM_BY_KEY,
                "SEARCH rooms USING INDEX sqlite_autoindex_rooms_1 (key=?)",
            ),
        ] {
            assert_eq!(query_plan(&database, sql), plan, "{sql}");
        }
        let mut seen = Vec::new();
        let transaction = database.begin().unwrap();
        let lobby = transaction.room("lobby").unwrap().unwrap();
        transaction
            .visit_messages_before(lobby, 50_000, |message| {
                seen.push(message.seq);
                if seen.len() < 200 {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })
            .unwrap();
        assert!(seen.into_iter().eq((49_800..50_000).rev()));
    }

    #[test]
    fn what_goes_is_looked_for_in_no_whole_table() {
        let dir = tempfile::tempdir().unwrap();
        let database = open_writer(&DataDir::open(dir.path()).unwrap()).unwrap();
        let everywhere = ["events", "rooms", "accounts"];
        let deletions = everywhere.map(|table| format!("DELETE FROM {table} WHERE id = ?1"));
        let erasures = erasure::STATEMENTS.map(str::to_owned);
        let logins = "DELETE FROM logins WHERE account = ?1".to_owned();
        for sql in deletions.iter().chain(&erasures).chain([&logins]) {
            let plan = query_plan(&database, sql);
            assert!(plan.contains("SEARCH"), "{sql}: {plan}");
            assert!(!plan.contains("SCAN"), "{sql}: {plan}");
        }
    }

    fn query_plan(database: &Database, sql: &str) -> String {
        let mut statement = database
            .connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let rows = statement
            .raw_query()
            .mapped(|row| row.get::<_, String>("detail"));
        rows.collect::<Result<Vec<_>, _>>().unwrap().join("; ")
    }
}
