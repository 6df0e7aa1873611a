//! Accounts in the database.

use super::{BanRow, Database, DatabaseError, Transaction, text};
use crate::storage::error::StorageError;

/// A row of `accounts`.
#[derive(Debug)]
pub(in crate::storage) struct AccountRow {
    pub(in crate::storage) id: i64,
    pub(in crate::storage) key: String,
    pub(in crate::storage) name: String,
    pub(in crate::storage) password: Option<String>,
    pub(in crate::storage) is_admin: bool,
    pub(in crate::storage) is_op: bool,
    pub(in crate::storage) is_disabled: bool,
    pub(in crate::storage) totp: Option<([u8; 20], i64)>,
}

/// A row for `accounts`.
#[derive(Debug)]
pub(in crate::storage) struct NewAccountRow<'a> {
    pub(in crate::storage) id: i64,
    pub(in crate::storage) key: &'a str,
    pub(in crate::storage) look: &'a str,
    pub(in crate::storage) name: &'a str,
    pub(in crate::storage) password: Option<&'a str>,
    pub(in crate::storage) is_admin: bool,
}

/// A row of `recovery_codes`.
#[derive(Debug)]
pub(in crate::storage) struct CodeRow {
    pub(in crate::storage) account: i64,
    pub(in crate::storage) code: [u8; 32],
}

/// A row of `logins`.
#[derive(Debug)]
pub(in crate::storage) struct LoginRow {
    pub(in crate::storage) id: i64,
    pub(in crate::storage) account: i64,
    pub(in crate::storage) token: [u8; 32],
    pub(in crate::storage) label: String,
    pub(in crate::storage) opened_at: i64,
    pub(in crate::storage) seen_at: i64,
}

/// A row of `registration_invites`.
#[derive(Debug)]
pub(in crate::storage) struct InviteRow {
    pub(in crate::storage) code: [u8; 32],
    pub(in crate::storage) until: i64,
}

/// All rows about accounts.
#[derive(Debug)]
pub(in crate::storage) struct RollRows {
    pub(in crate::storage) accounts: Vec<AccountRow>,
    pub(in crate::storage) codes: Vec<CodeRow>,
    pub(in crate::storage) logins: Vec<LoginRow>,
    pub(in crate::storage) invites: Vec<InviteRow>,
    pub(in crate::storage) bans: Vec<BanRow>,
    /// Guests, and the accounts that they have become.
    pub(in crate::storage) heirs: Vec<(Vec<u8>, i64)>,
}

impl Database {
    /// Reads all that there is about accounts.
    pub(in crate::storage) fn roll(&mut self) -> Result<RollRows, StorageError> {
        let rows = self.begin().and_then(|transaction| transaction.roll());
        rows.map_err(|error| error.refuse(&self.path))
    }
}

impl Transaction<'_> {
    fn roll(&self) -> Result<RollRows, DatabaseError> {
        Ok(RollRows {
            accounts: self.rows(ACCOUNTS, (), |row| {
                let secret: Option<[u8; 20]> = row.get(5)?;
                let step: Option<i64> = row.get(6)?;
                Ok(AccountRow {
                    id: row.get(0)?,
                    key: text(row, 1)?,
                    name: text(row, 2)?,
                    password: row.get(3)?,
                    is_admin: row.get(4)?,
                    is_disabled: row.get(7)?,
                    is_op: row.get(8)?,
                    totp: secret.map(|secret| (secret, step.unwrap_or(i64::MAX))),
                })
            })?,
            codes: self.rows(CODES, (), |row| {
                Ok(CodeRow {
                    account: row.get(0)?,
                    code: row.get(1)?,
                })
            })?,
            logins: self.rows(LOGINS, (), |row| {
                Ok(LoginRow {
                    id: row.get(0)?,
                    account: row.get(1)?,
                    token: row.get(2)?,
                    label: text(row, 3)?,
                    opened_at: row.get(4)?,
                    seen_at: row.get(5)?,
                })
            })?,
            invites: self.rows(INVITES, (), |row| {
                Ok(InviteRow {
                    code: row.get(0)?,
                    until: row.get(1)?,
                })
            })?,
            bans: self.bans()?,
            heirs: self.heirs()?,
        })
    }

    /// Whether an account has a name of this key or look.
    pub(in crate::storage) fn has_account(
        &self,
        key: &str,
        look: &str,
    ) -> Result<bool, DatabaseError> {
        let mut statement = self.0.prepare_cached(HAS_ACCOUNT)?;
        Ok(statement.query_row((key, look), |row| row.get(0))?)
    }

    /// Whether somebody can log in to an account whose password is still the one that was compared.
    pub(in crate::storage) fn may_log_in(
        &self,
        account: i64,
        against: Option<&str>,
    ) -> Result<bool, DatabaseError> {
        let mut statement = self.0.prepare_cached(MAY_LOG_IN)?;
        Ok(statement.query_row((account, against), |row| row.get(0))?)
    }

    pub(in crate::storage) fn insert_account(
        &self,
        account: &NewAccountRow<'_>,
    ) -> Result<(), DatabaseError> {
        let row = (
            account.id,
            account.key,
            account.look,
            account.name,
            account.password,
            account.is_admin,
        );
        self.execute(INSERT_ACCOUNT, row)
    }

    pub(in crate::storage) fn insert_login(&self, login: &LoginRow) -> Result<(), DatabaseError> {
        let row = (
            login.id,
            login.account,
            login.token,
            &login.label,
            login.opened_at,
            login.seen_at,
        );
        self.execute(INSERT_LOGIN, row)
    }

    pub(in crate::storage) fn delete_login(&self, id: i64) -> Result<(), DatabaseError> {
        self.execute("DELETE FROM logins WHERE id = ?1", (id,))
    }

    /// Deletes all logins to an account but one.
    pub(in crate::storage) fn delete_logins_but(
        &self,
        account: i64,
        kept: Option<i64>,
    ) -> Result<(), DatabaseError> {
        let sql = "DELETE FROM logins WHERE account = ?1 AND id IS NOT ?2";
        self.execute(sql, (account, kept))
    }

    pub(in crate::storage) fn set_seen(&self, login: i64, at: i64) -> Result<(), DatabaseError> {
        self.execute("UPDATE logins SET seen_at = ?2 WHERE id = ?1", (login, at))
    }

    pub(in crate::storage) fn set_password(
        &self,
        account: i64,
        password: &str,
    ) -> Result<(), DatabaseError> {
        let sql = "UPDATE accounts SET password = ?2 WHERE id = ?1";
        self.execute(sql, (account, password))
    }

    pub(in crate::storage) fn set_disabled(
        &self,
        account: i64,
        is_disabled: bool,
    ) -> Result<(), DatabaseError> {
        let sql = "UPDATE accounts SET is_disabled = ?2 WHERE id = ?1";
        self.execute(sql, (account, is_disabled))
    }

    /// Sets a second factor, or takes it away; its recovery codes are gone in either case.
    pub(in crate::storage) fn set_totp(
        &self,
        account: i64,
        totp: Option<([u8; 20], i64)>,
    ) -> Result<(), DatabaseError> {
        let (secret, step) = totp.unzip();
        self.execute("DELETE FROM recovery_codes WHERE account = ?1", (account,))?;
        let sql = "UPDATE accounts SET totp_secret = ?2, totp_step = ?3 WHERE id = ?1";
        self.execute(sql, (account, secret, step))
    }

    pub(in crate::storage) fn set_totp_step(
        &self,
        account: i64,
        step: i64,
    ) -> Result<(), DatabaseError> {
        let sql = "UPDATE accounts SET totp_step = ?2 WHERE id = ?1";
        self.execute(sql, (account, step))
    }

    pub(in crate::storage) fn insert_code(
        &self,
        account: i64,
        code: [u8; 32],
    ) -> Result<(), DatabaseError> {
        let sql = "INSERT INTO recovery_codes (account, code) VALUES (?1, ?2)";
        self.execute(sql, (account, code))
    }

    pub(in crate::storage) fn delete_code(
        &self,
        account: i64,
        code: [u8; 32],
    ) -> Result<(), DatabaseError> {
        let sql = "DELETE FROM recovery_codes WHERE account = ?1 AND code = ?2";
        self.execute(sql, (account, code))
    }

    /// Keeps an invite, and forgets those that are over.
    pub(in crate::storage) fn insert_registration_invite(
        &self,
        code: [u8; 32],
        until: i64,
        now: i64,
    ) -> Result<(), DatabaseError> {
        self.execute("DELETE FROM registration_invites WHERE until <= ?1", (now,))?;
        let sql = "INSERT INTO registration_invites (code, until) VALUES (?1, ?2)";
        self.execute(sql, (code, until))
    }

    pub(in crate::storage) fn delete_registration_invite(
        &self,
        code: [u8; 32],
    ) -> Result<(), DatabaseError> {
        self.execute("DELETE FROM registration_invites WHERE code = ?1", (code,))
    }
}

const ACCOUNTS: &str =
    "SELECT id, key, name, password, is_admin, totp_secret, totp_step, is_disabled, is_op
     FROM accounts ORDER BY id";
const CODES: &str = "SELECT account, code FROM recovery_codes ORDER BY account, code";
const LOGINS: &str = "SELECT id, account, token, label, opened_at, seen_at FROM logins ORDER BY id";
const INVITES: &str = "SELECT code, until FROM registration_invites ORDER BY code";
const HAS_ACCOUNT: &str = "SELECT EXISTS (SELECT 1 FROM accounts WHERE key = ?1 OR look = ?2)";
const MAY_LOG_IN: &str = "SELECT EXISTS (SELECT 1 FROM accounts
     WHERE id = ?1 AND password IS ?2 AND is_disabled = 0)";
const INSERT_ACCOUNT: &str = "INSERT INTO accounts (id, key, look, name, password, is_admin)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const INSERT_LOGIN: &str = "INSERT INTO logins (id, account, token, label, opened_at, seen_at)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
