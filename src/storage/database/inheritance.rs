//! What became an account's that was a guest's.

use rusqlite::OptionalExtension as _;

use crate::storage::database::books::NewRestraint;
use crate::storage::database::{DatabaseError, Transaction, number};

impl Transaction<'_> {
    /// Guests, and the accounts that they have become.
    pub(super) fn heirs(&self) -> Result<Vec<(Vec<u8>, i64)>, DatabaseError> {
        self.rows(HEIRS, (), |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Takes note that what a guest wrote, under that name at last, is an account's by an event.
    pub(in crate::storage) fn insert_heir(
        &self,
        (guest, sender_key): (&[u8], &str),
        account: i64,
        event: i64,
    ) -> Result<(), DatabaseError> {
        self.execute(INSERT_HEIR, (guest, account, event, sender_key))
    }

    /// The number and time of the message that a guest posted with a key who is an account by now.
    pub(in crate::storage) fn inherited_message(
        &self,
        room: i64,
        account: i64,
        key: &str,
    ) -> Result<Option<(u64, i64)>, DatabaseError> {
        let mut statement = self.0.prepare_cached(INHERITED_MESSAGE)?;
        let found = statement.query_row((room, account, key), |row| {
            Ok((number(row, 0)?, row.get(1)?))
        });
        Ok(found.optional()?)
    }

    /// Whether what somebody wrote is an account's by that.
    pub(in crate::storage) fn is_heir(
        &self,
        author: &[u8],
        account: i64,
    ) -> Result<bool, DatabaseError> {
        let mut statement = self.0.prepare_cached(IS_HEIR)?;
        Ok(statement.query_row((author, account), |row| row.get(0))?)
    }

    /// Gives somebody a role, unless they have a higher one.
    pub(in crate::storage) fn raise_role(
        &self,
        room: i64,
        person: &[u8],
        role: &str,
    ) -> Result<(), DatabaseError> {
        self.execute(RAISE_ROLE, (room, person, role))
    }

    /// Has one of the two of a conversation be another.
    pub(in crate::storage) fn replace_party(
        &self,
        room: i64,
        person: &[u8],
        by: &[u8],
        name: &str,
    ) -> Result<(), DatabaseError> {
        self.execute(REPLACE_PARTY, (room, person, by, name))
    }

    /// Has an account belong to a room no longer in which it has no role.
    pub(in crate::storage) fn delete_mere_member(
        &self,
        room: i64,
        account: i64,
        person: &[u8],
    ) -> Result<(), DatabaseError> {
        self.execute(DELETE_MERE_MEMBER, (room, account, person))
    }

    /// Deletes what was carried from guests, who are meant or go by that name, to the accounts that
    /// they have become.
    pub(in crate::storage) fn delete_carried_restraints(
        &self,
        room: i64,
        kind: &str,
        (person, name): (&[u8], &str),
        now: i64,
    ) -> Result<(), DatabaseError> {
        self.execute(DELETE_CARRIED_RESTRAINTS, (room, kind, person, name, now))
    }

    /// Inserts a restraint unless there is one, and forgets those that are over by then.
    pub(in crate::storage) fn add_restraint(
        &self,
        it: &NewRestraint<'_>,
        now: i64,
    ) -> Result<(), DatabaseError> {
        self.forget_ended_restraints(it.room, now)?;
        self.execute(ADD_RESTRAINT, it.row())
    }
}

const HEIRS: &str = "SELECT guest, account FROM heirs ORDER BY guest, account";
const INSERT_HEIR: &str = "INSERT INTO heirs (guest, account, event, sender_key)
     VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
// Whoever has been many guests repeats what one of the last said.
const INHERITED_MESSAGE: &str = "SELECT messages.seq, messages.at
     FROM (SELECT guest, sender_key FROM heirs WHERE account = ?2 ORDER BY event DESC LIMIT 8) AS it
     CROSS JOIN messages INDEXED BY messages_by_key
     ON messages.room = ?1 AND messages.sender_key = it.sender_key AND messages.key = ?3
     WHERE messages.person = it.guest";
const DELETE_MERE_MEMBER: &str = "DELETE FROM members WHERE room = ?1 AND account = ?2
     AND NOT EXISTS (SELECT 1 FROM roles WHERE room = ?1 AND person = ?3)";
// What is carried keeps when it was decided, and until when; no time is the text. Databases of earlier
// versions may not know when.
const DELETE_CARRIED_RESTRAINTS: &str = "DELETE FROM restraints
     WHERE room = ?1 AND kind = ?2
         AND (person, ifnull(until, ''), ifnull(decided_at, 0)) IN (
             SELECT unhex(printf('%016x', account)), ifnull(until, ''), ifnull(decided_at, 0)
             FROM restraints JOIN heirs ON guest = person
             WHERE room = ?1 AND kind = ?2 AND (person = ?3 OR name = ?4)
                 AND (until IS NULL OR until > ?5))";
const IS_HEIR: &str = "SELECT EXISTS (SELECT 1 FROM heirs WHERE guest = ?1 AND account = ?2)";
const RAISE_ROLE: &str = "INSERT INTO roles (room, person, role) VALUES (?1, ?2, ?3)
     ON CONFLICT (room, person) DO UPDATE SET role = excluded.role WHERE excluded.role = 'owner'";
const REPLACE_PARTY: &str =
    "UPDATE parties SET person = ?3, name = ?4 WHERE room = ?1 AND person = ?2";
const ADD_RESTRAINT: &str = "INSERT OR IGNORE INTO restraints
     (room, kind, person, name, addresses, until, decided_by, decided_at, reason)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
