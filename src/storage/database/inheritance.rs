//! What became an account's that was a guest's.

use crate::storage::database::books::NewRestraint;
use crate::storage::database::{DatabaseError, Transaction};

impl Transaction<'_> {
    /// Takes note that what a guest wrote is an account's.
    pub(in crate::storage) fn insert_heir(
        &self,
        guest: &[u8],
        account: i64,
    ) -> Result<(), DatabaseError> {
        self.execute(INSERT_HEIR, (guest, account))
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

const INSERT_HEIR: &str =
    "INSERT INTO heirs (guest, account) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
const IS_HEIR: &str = "SELECT EXISTS (SELECT 1 FROM heirs WHERE guest = ?1 AND account = ?2)";
const RAISE_ROLE: &str = "INSERT INTO roles (room, person, role) VALUES (?1, ?2, ?3)
     ON CONFLICT (room, person) DO UPDATE SET role = excluded.role WHERE excluded.role = 'owner'";
const REPLACE_PARTY: &str =
    "UPDATE parties SET person = ?3, name = ?4 WHERE room = ?1 AND person = ?2";
const ADD_RESTRAINT: &str = "INSERT OR IGNORE INTO restraints
     (room, kind, person, name, addresses, until, decided_by, decided_at, reason)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
