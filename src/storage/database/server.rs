//! Who is kept out of the whole server, and who did what to keep order there, in the database.

use super::{DatabaseError, Transaction, text};

/// A row of `bans`.
#[derive(Debug)]
pub(in crate::storage) struct BanRow {
    pub(in crate::storage) person: Option<Vec<u8>>,
    pub(in crate::storage) network: Option<String>,
    pub(in crate::storage) name: String,
    pub(in crate::storage) by: String,
    pub(in crate::storage) at: i64,
    pub(in crate::storage) until: Option<i64>,
    pub(in crate::storage) reason: String,
}

impl Transaction<'_> {
    pub(super) fn bans(&self) -> Result<Vec<BanRow>, DatabaseError> {
        self.rows(BANS, (), |row| {
            Ok(BanRow {
                person: row.get(0)?,
                network: row.get(1)?,
                name: text(row, 2)?,
                by: text(row, 3)?,
                at: row.get(4)?,
                until: row.get(5)?,
                reason: text(row, 6)?,
            })
        })
    }

    /// Inserts a ban in place of one that may be there, and forgets those that are over.
    pub(in crate::storage) fn set_ban(
        &self,
        event: i64,
        ban: &BanRow,
    ) -> Result<(), DatabaseError> {
        self.execute(DELETE_ENDED_BANS, (ban.at,))?;
        self.delete_ban(ban.person.as_deref(), ban.network.as_deref())?;
        let row = (
            event,
            ban.person.as_deref(),
            ban.network.as_deref(),
            &ban.name,
            &ban.by,
            ban.at,
            ban.until,
            &ban.reason,
        );
        self.execute(INSERT_BAN, row)
    }

    pub(in crate::storage) fn delete_ban(
        &self,
        person: Option<&[u8]>,
        network: Option<&str>,
    ) -> Result<(), DatabaseError> {
        self.execute(DELETE_BAN, (person, network))
    }

    pub(in crate::storage) fn set_op(
        &self,
        account: i64,
        is_op: bool,
    ) -> Result<(), DatabaseError> {
        self.execute(SET_OP, (account, is_op))
    }

    pub(in crate::storage) fn insert_server_audit(&self, event: i64) -> Result<(), DatabaseError> {
        self.execute(INSERT_AUDIT, (event,))
    }
}

const BANS: &str = "SELECT person, network, name, decided_by, decided_at, until, reason FROM bans
     ORDER BY id";
const DELETE_ENDED_BANS: &str = "DELETE FROM bans WHERE until <= ?1";
const DELETE_BAN: &str = "DELETE FROM bans WHERE person IS ?1 AND network IS ?2";
const INSERT_BAN: &str =
    "INSERT INTO bans (id, person, network, name, decided_by, decided_at, until, reason)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const SET_OP: &str = "UPDATE accounts SET is_op = ?2 WHERE id = ?1";
const INSERT_AUDIT: &str = "INSERT INTO server_audit (event) VALUES (?1)";
