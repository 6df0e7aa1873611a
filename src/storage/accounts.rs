//! How what happens to accounts is recorded, and read back when a server starts.

use std::collections::BTreeMap;

use crate::chat::account::{
    AccountFact, AccountRecord, InviteRecord, LoginId, LoginLabel, LoginRecord, NewAccount,
    Opening, Roll, TotpRecord, UsedFactor,
};
use crate::chat::event::Role;
use crate::chat::log::Recorded;
use crate::chat::message::Timestamp;
use crate::chat::name::UserName;
use crate::chat::password::PasswordHash;
use crate::chat::secret::SecretHash;
use crate::chat::totp::TotpSecret;
use crate::chat::{AccountId, GuestId, PersonId};
use crate::storage::database::{
    AccountRow, DatabaseError, LoginRow, NewAccountRow, RollRows, Transaction,
};
use crate::storage::rows::read_person;
use crate::storage::rows::server::read_bans;

/// Writes what the event of that number says.
pub(super) fn record(
    transaction: &Transaction<'_>,
    event: i64,
    at: Timestamp,
    fact: &AccountFact,
) -> Result<Recorded, DatabaseError> {
    match fact {
        AccountFact::Opened(account) => return open(transaction, event, account),
        AccountFact::LoggedIn {
            account,
            opening,
            against: _,
            factor,
            ended,
        } => {
            end_logins(transaction, ended)?;
            use_up(transaction, *account, factor.as_ref())?;
            log_in(transaction, event, at, *account, opening)?;
            return Ok(Recorded::LoggedIn(LoginId(event)));
        }
        AccountFact::Seen { login } => transaction.set_seen(login.0, at.0)?,
        AccountFact::LoggedOut { account: _, ended } => end_logins(transaction, ended)?,
        AccountFact::PasswordSet {
            account,
            password,
            kept,
        } => {
            transaction.delete_logins_but(account.0, kept.map(|login| login.0))?;
            transaction.set_password(account.0, password.as_str())?;
        }
        AccountFact::Disabled {
            account,
            is_disabled,
        } => {
            transaction.delete_logins_but(account.0, None)?;
            transaction.set_disabled(account.0, *is_disabled)?;
        }
        AccountFact::TotpSet {
            account,
            secret,
            step,
            codes,
        } => {
            transaction.set_totp(account.0, Some((secret.0, *step)))?;
            for code in codes.iter() {
                transaction.insert_code(account.0, code.hash().0)?;
            }
        }
        // It is about rooms: the log hands it over there.
        AccountFact::Inherited(_) => {}
        AccountFact::TotpRemoved { account } => transaction.set_totp(account.0, None)?,
        AccountFact::Invited { code, until, by: _ } => {
            transaction.insert_registration_invite(code.hash().0, until.0, at.0)?;
        }
    }
    Ok(Recorded::Noted)
}

fn open(
    transaction: &Transaction<'_>,
    event: i64,
    account: &NewAccount,
) -> Result<Recorded, DatabaseError> {
    transaction.insert_account(&NewAccountRow {
        id: event,
        key: account.name.key(),
        look: account.name.look(),
        name: account.name.as_str(),
        password: account.password.as_ref().map(PasswordHash::as_str),
        is_admin: account.is_admin,
    })?;
    if let Some(invite) = &account.invite {
        transaction.delete_registration_invite(invite.code.0)?;
    }
    Ok(Recorded::AccountOpened(AccountId(event)))
}

fn use_up(
    transaction: &Transaction<'_>,
    account: AccountId,
    factor: Option<&UsedFactor>,
) -> Result<(), DatabaseError> {
    match factor {
        None => Ok(()),
        Some(UsedFactor::Step(step)) => transaction.set_totp_step(account.0, *step),
        Some(UsedFactor::Recovery(code)) => transaction.delete_code(account.0, code.0),
    }
}

fn log_in(
    transaction: &Transaction<'_>,
    event: i64,
    at: Timestamp,
    account: AccountId,
    opening: &Opening,
) -> Result<(), DatabaseError> {
    transaction.insert_login(&LoginRow {
        id: event,
        account: account.0,
        token: opening.token.hash().0,
        label: opening.label.as_str().into(),
        opened_at: at.0,
        seen_at: at.0,
    })
}

fn end_logins(transaction: &Transaction<'_>, ended: &[LoginId]) -> Result<(), DatabaseError> {
    for login in ended {
        transaction.delete_login(login.0)?;
    }
    Ok(())
}

/// All accounts. One whose name was edited by hand into something that is no name is left out, with
/// all that belongs to it.
pub(super) fn read_roll(rows: RollRows) -> Roll {
    let mut codes: BTreeMap<i64, Vec<SecretHash>> = BTreeMap::new();
    for row in rows.codes {
        codes
            .entry(row.account)
            .or_default()
            .push(SecretHash(row.code));
    }
    let accounts = rows.accounts.into_iter();
    let logins = rows.logins.into_iter();
    let invites = rows.invites.into_iter();
    Roll {
        accounts: accounts
            .filter_map(|row| {
                let codes = codes.remove(&row.id).unwrap_or_default();
                read_account(&row, codes)
            })
            .collect(),
        logins: logins.map(|row| read_login(&row)).collect(),
        invites: invites
            .map(|row| InviteRecord {
                code: SecretHash(row.code),
                until: Timestamp(row.until),
            })
            .collect(),
        bans: read_bans(rows.bans),
        heirs: rows.heirs.iter().filter_map(read_heir).collect(),
    }
}

fn read_account(row: &AccountRow, codes: Vec<SecretHash>) -> Option<AccountRecord> {
    let name = UserName::parse(&row.name).ok();
    let name = name.filter(|name| name.key() == row.key)?;
    Some(AccountRecord {
        id: AccountId(row.id),
        name,
        password: row.password.as_deref().map(PasswordHash::new),
        server_role: match (row.is_admin, row.is_op) {
            (true, _) => Role::Owner,
            (false, true) => Role::Op,
            (false, false) => Role::Member,
        },
        is_disabled: row.is_disabled,
        totp: row.totp.map(|(secret, step)| TotpRecord {
            secret: TotpSecret(secret),
            step,
            codes,
        }),
    })
}

fn read_heir((guest, account): &(Vec<u8>, i64)) -> Option<(GuestId, AccountId)> {
    match read_person(guest)? {
        PersonId::Guest(guest) => Some((guest, AccountId(*account))),
        PersonId::Account(_) => None,
    }
}

fn read_login(row: &LoginRow) -> LoginRecord {
    LoginRecord {
        id: LoginId(row.id),
        account: AccountId(row.account),
        token: SecretHash(row.token),
        label: LoginLabel::clean(&row.label),
        opened_at: Timestamp(row.opened_at),
        seen_at: Timestamp(row.seen_at),
    }
}
