//! Who has an account, and what remembers on which device that they do.

use std::collections::{BTreeMap, BTreeSet};

use super::{Checked, Position, ensure};
use crate::chat::AccountId;
use crate::chat::account::{AccountFact, LoginId, Roll};
use crate::chat::log::{LogError, Recorded};
use crate::chat::secret::SecretHash;

/// All accounts and logins there ever were.
#[derive(Debug, Default)]
pub(in crate::server::simulation) struct Accounts {
    by_name: BTreeMap<String, AccountId>,
    opened_at: BTreeMap<AccountId, Position>,
    /// Those that own the server.
    owners: BTreeSet<AccountId>,
    logins: BTreeMap<LoginId, Login>,
}

#[derive(Debug)]
struct Login {
    account: AccountId,
    token: SecretHash,
    label: String,
    opened_at: Position,
    ended_at: Option<Position>,
}

impl Accounts {
    pub(in crate::server::simulation) fn named(&self, name: &str) -> Option<AccountId> {
        self.by_name.get(name).copied()
    }

    /// Whether there is an account of that name, and was when the hub had been told so much.
    pub(in crate::server::simulation) fn was_there(&self, name: &str, told: Position) -> bool {
        let id = self.by_name.get(name);
        let opened_at = id.and_then(|id| self.opened_at.get(id));
        opened_at.is_some_and(|at| *at < told)
    }

    /// The login with that token.
    pub(in crate::server::simulation) fn login(&self, token: SecretHash) -> Option<LoginId> {
        let mut logins = self.logins.iter();
        let (id, _) = logins.find(|(_, login)| login.token == token)?;
        Some(*id)
    }

    /// Whether a token opened a login that the hub had been told of when it had been told so much.
    pub(in crate::server::simulation) fn was_token(
        &self,
        token: SecretHash,
        told: Position,
    ) -> bool {
        let mut logins = self.logins.values();
        logins.any(|login| login.token == token && login.opened_at < told)
    }

    /// Whether an account owns the server.
    pub(super) fn is_owner(&self, account: AccountId) -> bool {
        self.owners.contains(&account)
    }

    /// Whose login it is, or was.
    pub(in crate::server::simulation) fn owner(&self, login: LoginId) -> Option<AccountId> {
        Some(self.logins.get(&login)?.account)
    }

    /// Whether a login was open at any time since the hub had been told so much.
    pub(in crate::server::simulation) fn was_open_since(
        &self,
        login: LoginId,
        told: Position,
    ) -> bool {
        let login = self.logins.get(&login);
        login.is_some_and(|login| login.ended_at.is_none_or(|at| at >= told))
    }

    pub(in crate::server::simulation) fn is_open(&self, login: LoginId) -> bool {
        self.was_open_since(login, Position::MAX)
    }

    /// Takes note of what the log made of something about accounts.
    pub(super) fn record(
        &mut self,
        fact: &AccountFact,
        outcome: &Result<Recorded, LogError>,
        position: Position,
    ) -> Checked {
        let Ok(recorded) = outcome else {
            return Ok(());
        };
        match (fact, recorded) {
            (AccountFact::Opened(account), Recorded::AccountOpened(id)) => {
                let name = account.name.as_str();
                let former = self.by_name.insert(name.to_owned(), *id);
                ensure!(former.is_none(), "{name} was opened twice");
                self.opened_at.insert(*id, position);
                if account.is_admin {
                    self.owners.insert(*id);
                }
            }
            (AccountFact::Opened(account), Recorded::AccountExisted) => {
                let name = account.name.as_str();
                ensure!(self.by_name.contains_key(name), "{name} has no account");
            }
            (
                AccountFact::LoggedIn {
                    account,
                    opening,
                    ended,
                    ..
                },
                Recorded::LoggedIn(id),
            ) => {
                self.end(ended, position);
                let login = Login {
                    account: *account,
                    token: opening.token.hash(),
                    label: opening.label.as_str().to_owned(),
                    opened_at: position,
                    ended_at: None,
                };
                let former = self.logins.insert(*id, login);
                ensure!(former.is_none(), "{id:?} was opened twice");
            }
            (AccountFact::LoggedOut { ended, .. }, Recorded::Noted) => self.end(ended, position),
            (AccountFact::Seen { .. } | AccountFact::Inherited(_), Recorded::Noted) => {}
            _ => ensure!(false, "the log made {recorded:?} of {fact:?}"),
        }
        Ok(())
    }

    fn end(&mut self, ended: &[LoginId], position: Position) {
        for id in ended {
            if let Some(login) = self.logins.get_mut(id) {
                login.ended_at.get_or_insert(position);
            }
        }
    }

    /// Compares them to those that a log holds that was opened anew.
    pub(super) fn compare(&self, roll: &Roll) -> Checked {
        let accounts = roll.accounts.iter();
        let names: BTreeMap<String, AccountId> = accounts
            .map(|account| (account.name.as_str().to_owned(), account.id))
            .collect();
        ensure!(
            names == self.by_name,
            "accounts were {:?} and are {names:?}",
            self.by_name
        );
        let known = roll.logins.iter();
        let known: Vec<_> = known
            .map(|it| (it.id, it.account, it.token, it.label.as_str()))
            .collect();
        let open = self.logins.iter().filter(|(_, it)| it.ended_at.is_none());
        let open: Vec<_> = open
            .map(|(id, it)| (*id, it.account, it.token, it.label.as_str()))
            .collect();
        ensure!(known == open, "logins were {open:?} and are {known:?}");
        Ok(())
    }
}
