//! The tables beside a room's past: who belongs to it, under what rules, and who set them.

use crate::storage::database::{DatabaseError, Transaction, integer, number, text};

/// A row of `members`, with its room's key.
#[derive(Debug)]
pub(in crate::storage) struct MemberRow {
    pub(in crate::storage) room: String,
    pub(in crate::storage) account: i64,
    pub(in crate::storage) name: String,
    pub(in crate::storage) read: u64,
}

/// A row of `parties`, with its room's key.
#[derive(Debug)]
pub(in crate::storage) struct PartyRow {
    pub(in crate::storage) room: String,
    pub(in crate::storage) person: Vec<u8>,
    pub(in crate::storage) name: String,
}

/// A row of `restraints`, with its room's key.
#[derive(Debug)]
pub(in crate::storage) struct RestraintRow {
    pub(in crate::storage) room: String,
    pub(in crate::storage) kind: String,
    pub(in crate::storage) person: Vec<u8>,
    pub(in crate::storage) name: String,
    pub(in crate::storage) addresses: Option<Vec<u8>>,
    pub(in crate::storage) until: Option<i64>,
    pub(in crate::storage) by: String,
    pub(in crate::storage) at: i64,
    pub(in crate::storage) reason: String,
}

/// A row for `restraints`.
#[derive(Debug)]
pub(in crate::storage) struct NewRestraint<'a> {
    pub(in crate::storage) room: i64,
    pub(in crate::storage) kind: &'a str,
    pub(in crate::storage) person: &'a [u8],
    pub(in crate::storage) name: &'a str,
    pub(in crate::storage) addresses: Option<&'a [u8]>,
    pub(in crate::storage) until: Option<i64>,
    pub(in crate::storage) by: &'a str,
    pub(in crate::storage) at: i64,
    pub(in crate::storage) reason: &'a str,
}

impl NewRestraint<'_> {
    /// Its columns in order.
    pub(super) fn row(&self) -> impl rusqlite::Params {
        (
            self.room,
            self.kind,
            self.person,
            self.name,
            self.addresses,
            self.until,
            self.by,
            self.at,
            self.reason,
        )
    }
}

/// A row of `invites`, with its room's key.
#[derive(Debug)]
pub(in crate::storage) struct InviteRow {
    pub(in crate::storage) room: String,
    pub(in crate::storage) code: Vec<u8>,
    pub(in crate::storage) until: i64,
}

/// All rows of these tables, and the rooms that have slow mode: their keys and seconds.
#[derive(Debug)]
pub(in crate::storage) struct BookRows {
    pub(in crate::storage) members: Vec<MemberRow>,
    pub(in crate::storage) parties: Vec<PartyRow>,
    pub(in crate::storage) restraints: Vec<RestraintRow>,
    pub(in crate::storage) invites: Vec<InviteRow>,
    pub(in crate::storage) slow_modes: Vec<(String, u64)>,
}

/// A row of `audit` with its event.
#[derive(Debug)]
pub(in crate::storage) struct AuditRow {
    pub(in crate::storage) event: u64,
    pub(in crate::storage) at: i64,
    pub(in crate::storage) kind: String,
    pub(in crate::storage) payload: String,
}

impl Transaction<'_> {
    pub(in crate::storage) fn books(&self) -> Result<BookRows, DatabaseError> {
        Ok(BookRows {
            members: self.rows(MEMBERS, (), |row| {
                Ok(MemberRow {
                    room: text(row, 0)?,
                    account: row.get(1)?,
                    name: text(row, 2)?,
                    read: number(row, 3)?,
                })
            })?,
            parties: self.rows(PARTIES, (), |row| {
                Ok(PartyRow {
                    room: text(row, 0)?,
                    person: row.get(1)?,
                    name: text(row, 2)?,
                })
            })?,
            restraints: self.rows(RESTRAINTS, (), |row| {
                Ok(RestraintRow {
                    room: text(row, 0)?,
                    kind: text(row, 1)?,
                    person: row.get(2)?,
                    name: text(row, 3)?,
                    until: row.get(4)?,
                    addresses: row.get(5)?,
                    by: text(row, 6)?,
                    at: row.get::<_, Option<i64>>(7)?.unwrap_or_default(),
                    reason: text(row, 8)?,
                })
            })?,
            invites: self.rows(INVITES, (), |row| {
                Ok(InviteRow {
                    room: text(row, 0)?,
                    code: row.get(1)?,
                    until: row.get(2)?,
                })
            })?,
            slow_modes: self.rows(SLOW_MODES, (), |row| Ok((text(row, 0)?, number(row, 1)?)))?,
        })
    }

    /// Inserts a member who has read up to a message, unless there is one.
    pub(in crate::storage) fn insert_member(
        &self,
        room: i64,
        account: i64,
        name: &str,
        read: u64,
    ) -> Result<(), DatabaseError> {
        self.execute(INSERT_MEMBER, (room, account, name, integer(read)))
    }

    pub(in crate::storage) fn delete_member(
        &self,
        room: i64,
        account: i64,
    ) -> Result<(), DatabaseError> {
        self.execute(DELETE_MEMBER, (room, account))
    }

    /// Moves a member's mark forward, never back.
    pub(in crate::storage) fn set_read(
        &self,
        room: i64,
        account: i64,
        read: u64,
    ) -> Result<(), DatabaseError> {
        self.execute(SET_READ, (room, account, integer(read)))
    }

    pub(in crate::storage) fn insert_party(
        &self,
        room: i64,
        person: &[u8],
        name: &str,
    ) -> Result<(), DatabaseError> {
        self.execute(INSERT_PARTY, (room, person, name))
    }

    pub(in crate::storage) fn set_role(
        &self,
        room: i64,
        person: &[u8],
        role: &str,
    ) -> Result<(), DatabaseError> {
        self.execute(SET_ROLE, (room, person, role))
    }

    pub(in crate::storage) fn delete_role(
        &self,
        room: i64,
        person: &[u8],
    ) -> Result<(), DatabaseError> {
        self.execute(DELETE_ROLE, (room, person))
    }

    /// Inserts a restraint in place of one that may be there, and forgets those that are over.
    pub(in crate::storage) fn set_restraint(
        &self,
        it: &NewRestraint<'_>,
    ) -> Result<(), DatabaseError> {
        self.forget_ended_restraints(it.room, it.at)?;
        self.execute(SET_RESTRAINT, it.row())
    }

    pub(super) fn forget_ended_restraints(&self, room: i64, now: i64) -> Result<(), DatabaseError> {
        self.execute(DELETE_ENDED_RESTRAINTS, (room, now))
    }

    /// Deletes what holds against somebody, and what goes by that name.
    pub(in crate::storage) fn delete_restraints(
        &self,
        room: i64,
        kind: &str,
        person: &[u8],
        name: &str,
    ) -> Result<(), DatabaseError> {
        self.execute(DELETE_RESTRAINTS, (room, kind, person, name))
    }

    /// Whether somebody is banned from a room.
    pub(in crate::storage) fn is_banned(
        &self,
        room: i64,
        person: &[u8],
        now: i64,
    ) -> Result<bool, DatabaseError> {
        let mut statement = self.0.prepare_cached(IS_BANNED)?;
        Ok(statement.query_row((room, person, now), |row| row.get(0))?)
    }

    /// Inserts an invite, and forgets those that are over.
    pub(in crate::storage) fn insert_invite(
        &self,
        room: i64,
        code: &[u8],
        until: i64,
        now: i64,
    ) -> Result<(), DatabaseError> {
        self.execute(DELETE_ENDED_INVITES, (room, now))?;
        self.execute(INSERT_INVITE, (room, code, until))
    }

    pub(in crate::storage) fn delete_invites(&self, room: i64) -> Result<(), DatabaseError> {
        self.execute(DELETE_INVITES, (room,))
    }

    pub(in crate::storage) fn set_slow_mode(
        &self,
        room: i64,
        seconds: u64,
    ) -> Result<(), DatabaseError> {
        self.execute(SET_SLOW_MODE, (room, integer(seconds)))
    }

    pub(in crate::storage) fn insert_audit(
        &self,
        room: i64,
        event: i64,
    ) -> Result<(), DatabaseError> {
        self.execute(INSERT_AUDIT, (room, event))
    }

    /// What was done to keep order in a room, or on the whole server if none is named; the newest first.
    pub(in crate::storage) fn audit(
        &self,
        room: Option<i64>,
        before: u64,
        max: usize,
    ) -> Result<Vec<AuditRow>, DatabaseError> {
        let (before, max) = (integer(before), i64::try_from(max).unwrap_or(i64::MAX));
        let read = |row: &rusqlite::Row<'_>| {
            Ok(AuditRow {
                event: number(row, 0)?,
                at: row.get(1)?,
                kind: text(row, 2)?,
                payload: text(row, 3)?,
            })
        };
        match room {
            Some(room) => self.rows(AUDIT, (before, max, room), read),
            None => self.rows(SERVER_AUDIT, (before, max), read),
        }
    }
}

const MEMBERS: &str = "SELECT key, account, members.name, read FROM members
     JOIN rooms ON rooms.id = room ORDER BY room, account";
const PARTIES: &str = "SELECT key, person, parties.name FROM parties
     JOIN rooms ON rooms.id = room ORDER BY room, person";
const RESTRAINTS: &str = "SELECT key, kind, person, restraints.name, until, addresses,
     decided_by, decided_at, reason FROM restraints
     JOIN rooms ON rooms.id = room ORDER BY room, kind, person";
const INVITES: &str = "SELECT key, code, until FROM invites
     JOIN rooms ON rooms.id = room ORDER BY room, until, code";
const SLOW_MODES: &str = "SELECT key, slow_seconds FROM rooms WHERE slow_seconds > 0";
const INSERT_MEMBER: &str = "INSERT INTO members (room, account, name, read)
     VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
const DELETE_MEMBER: &str = "DELETE FROM members WHERE room = ?1 AND account = ?2";
const SET_READ: &str =
    "UPDATE members SET read = ?3 WHERE room = ?1 AND account = ?2 AND read < ?3";
const INSERT_PARTY: &str = "INSERT INTO parties (room, person, name) VALUES (?1, ?2, ?3)";
const SET_ROLE: &str = "INSERT INTO roles (room, person, role) VALUES (?1, ?2, ?3)
     ON CONFLICT (room, person) DO UPDATE SET role = excluded.role";
const DELETE_ROLE: &str = "DELETE FROM roles WHERE room = ?1 AND person = ?2";
const SET_RESTRAINT: &str = "INSERT OR REPLACE INTO restraints
     (room, kind, person, name, addresses, until, decided_by, decided_at, reason)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const DELETE_RESTRAINTS: &str = "DELETE FROM restraints
     WHERE room = ?1 AND kind = ?2 AND (person = ?3 OR name = ?4)";
const IS_BANNED: &str = "SELECT EXISTS (SELECT 1 FROM restraints
     WHERE room = ?1 AND kind = 'ban' AND person = ?2 AND (until IS NULL OR until > ?3))";
const DELETE_ENDED_RESTRAINTS: &str = "DELETE FROM restraints WHERE room = ?1 AND until <= ?2";
const INSERT_INVITE: &str = "INSERT INTO invites (room, code, until) VALUES (?1, ?2, ?3)";
const DELETE_INVITES: &str = "DELETE FROM invites WHERE room = ?1";
const DELETE_ENDED_INVITES: &str = "DELETE FROM invites WHERE room = ?1 AND until <= ?2";
const SET_SLOW_MODE: &str = "UPDATE rooms SET slow_seconds = ?2 WHERE id = ?1";
const INSERT_AUDIT: &str = "INSERT INTO audit (room, event) VALUES (?1, ?2)";
const AUDIT: &str = "SELECT event, at, kind, payload FROM audit JOIN events ON id = event
     WHERE event < ?1 AND audit.room = ?3 ORDER BY event DESC LIMIT ?2";
const SERVER_AUDIT: &str = "SELECT event, at, kind, payload FROM server_audit
     JOIN events ON id = event WHERE event < ?1 ORDER BY event DESC LIMIT ?2";
