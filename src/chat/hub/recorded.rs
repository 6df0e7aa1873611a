//! What becomes of accounts when the log has answered: only here do they change.

use std::collections::BTreeSet;

use crate::chat::account::{
    AccountFact, AccountRecord, InviteRecord, LoginId, LoginRecord, NewAccount, Opening, TotpRecord,
};
use crate::chat::error::ChatError;
use crate::chat::event::{Done, Role};
use crate::chat::hub::{Hub, Output};
use crate::chat::log::{Context, LogError, Recorded};
use crate::chat::message::Timestamp;
use crate::chat::order::Party;
use crate::chat::secret::SecretHash;
use crate::chat::{AccountId, PersonId};

impl Hub {
    pub(super) fn account_committed(
        &mut self,
        context: Context,
        at: Timestamp,
        fact: AccountFact,
        outcome: Result<Recorded, LogError>,
        output: &mut Vec<Output>,
    ) {
        let recorded = match outcome {
            Ok(recorded) => recorded,
            // The password is another one since it was compared.
            Err(LogError::Outdated) => {
                return self.release(context, Err(ChatError::BadPassword), output);
            }
            Err(_) => return self.not_recorded(context, &fact, output),
        };
        match fact {
            AccountFact::Opened(account) => {
                self.account_opened(context, at, account, &recorded, output);
            }
            AccountFact::LoggedIn {
                account,
                opening,
                // Judged by the log.
                against: _,
                // Used up when it was judged.
                factor: _,
                ended,
            } => {
                let Recorded::LoggedIn(id) = recorded else {
                    return debug_assert!(false, "{recorded:?} recorded for a login");
                };
                self.end_logins(account, &ended, output);
                if let Err(error) = self.logged_in(&context, account, id, at, &opening, output) {
                    self.release(context, Err(error), output);
                }
            }
            AccountFact::Seen { .. } => {}
            AccountFact::Invited { code, until, by: _ } => {
                let kept = code.hash();
                self.accounts.invite(InviteRecord { code: kept, until });
                self.release(
                    context,
                    Ok(Done::RegistrationInvited { code, until }),
                    output,
                );
            }
            AccountFact::Inherited(inheritance) => {
                self.inherited(context, at, &inheritance, output);
            }
            fact => self.account_changed(context, fact, output),
        }
    }

    fn account_opened(
        &mut self,
        context: Context,
        at: Timestamp,
        account: NewAccount,
        recorded: &Recorded,
        output: &mut Vec<Output>,
    ) {
        let NewAccount {
            name,
            password,
            is_admin,
            invite,
            claim,
            login,
            restraints,
        } = account;
        let Recorded::AccountOpened(id) = *recorded else {
            self.take_back(invite, claim);
            return self.release(context, Err(ChatError::NameTaken), output);
        };
        let party = Party {
            person: PersonId::Account(id),
            name: name.clone(),
        };
        self.carry_restraints(&party, at, &restraints);
        self.accounts.insert(AccountRecord {
            id,
            name,
            password,
            server_role: if is_admin { Role::Owner } else { Role::Member },
            is_disabled: false,
            totp: None,
        });
        match login {
            None => self.release(context, Ok(Done::Finished), output),
            // Whoever has gone meanwhile logs in when they come back.
            Some(opening) if opening.is_entrance && !self.held.contains_key(&context.session) => {}
            Some(opening) => self.open_login(&context, id, opening, output),
        }
    }

    /// Something about an account that there is has changed. Whoever asked is told before they are
    /// closed, if that is what they asked for.
    fn account_changed(&mut self, context: Context, fact: AccountFact, output: &mut Vec<Output>) {
        let mut done = Done::Finished;
        let (account, ended) = match fact {
            AccountFact::LoggedOut { account, ended } => (account, ended),
            AccountFact::PasswordSet {
                account,
                password,
                kept,
            } => {
                self.change(account, |record| record.password = Some(password));
                // Whoever guessed behind the old one has none any more.
                self.attempts.forget_codes(account);
                self.to_warn.remove(&account);
                // Those that were opened while this was written down end with the others.
                (account, self.accounts.logins_but(account, kept))
            }
            AccountFact::Disabled {
                account,
                is_disabled,
            } => {
                self.change(account, |record| record.is_disabled = is_disabled);
                (account, self.accounts.logins_but(account, None))
            }
            AccountFact::TotpSet {
                account,
                secret,
                step,
                codes,
            } => {
                let kept = codes.iter().map(|code| code.hash()).collect();
                let totp = TotpRecord {
                    secret,
                    step,
                    codes: kept,
                };
                self.change(account, |record| record.totp = Some(totp));
                done = Done::TotpConfirmed(codes);
                (account, Vec::new())
            }
            AccountFact::TotpRemoved { account } => {
                self.change(account, |record| record.totp = None);
                (account, Vec::new())
            }
            AccountFact::Opened(_)
            | AccountFact::LoggedIn { .. }
            | AccountFact::Seen { .. }
            | AccountFact::Inherited(_)
            | AccountFact::Invited { .. } => return,
        };
        self.release(context, Ok(done), output);
        self.end_logins(account, &ended, output);
    }

    /// The log could not do it.
    fn not_recorded(&mut self, context: Context, fact: &AccountFact, output: &mut Vec<Output>) {
        match fact {
            // Nobody waits for it; it is seen again in an hour.
            AccountFact::Seen { .. } => return,
            AccountFact::Opened(account) => self.take_back(account.invite, account.claim),
            _ => {}
        }
        let busy = ChatError::Busy("accounts cannot be changed just now");
        if let AccountFact::Inherited(inheritance) = fact {
            return self.not_inherited(context, inheritance.guest, busy, output);
        }
        self.release(context, Err(busy), output);
    }

    /// What an account would have taken that is not there after all can be taken by another.
    fn take_back(&mut self, invite: Option<InviteRecord>, claim: Option<SecretHash>) {
        if let Some(invite) = invite {
            self.accounts.invite(invite);
        }
        self.policy.claim = self.policy.claim.or(claim);
    }

    fn logged_in(
        &mut self,
        context: &Context,
        account: AccountId,
        id: LoginId,
        at: Timestamp,
        opening: &Opening,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let token = opening.token.hash();
        self.accounts.insert_login(LoginRecord {
            id,
            account,
            token,
            label: opening.label.clone(),
            opened_at: at,
            seen_at: at,
        });
        if !opening.is_entrance {
            self.release(context.clone(), Ok(Done::LoggedIn(opening.token)), output);
            return Ok(());
        }
        // Whoever has gone meanwhile can come back with nothing: only they were to get the token.
        if !self.held.contains_key(&context.session) {
            return Err(ChatError::NotAuthenticated);
        }
        self.arrive(context, account, opening.token, output)
    }

    /// Forgets logins, and closes the connections that came with them.
    fn end_logins(&mut self, account: AccountId, ended: &[LoginId], output: &mut Vec<Output>) {
        let tokens: BTreeSet<SecretHash> = ended
            .iter()
            .filter_map(|id| self.accounts.remove_login(account, *id))
            .collect();
        let person = self.people.get(PersonId::Account(account));
        let came_with_them = |id: &&_| {
            let login = self.sessions.get(*id).and_then(|session| session.login);
            login.is_some_and(|login| tokens.contains(&login))
        };
        let sessions = person.into_iter().flat_map(|person| &person.sessions);
        let closed: Vec<_> = sessions.filter(came_with_them).copied().collect();
        for session in closed {
            self.disconnect(session, output);
            output.push(Output::Close(session));
        }
    }

    fn change(&mut self, account: AccountId, change: impl FnOnce(&mut AccountRecord)) {
        if let Some(record) = self.accounts.get_mut(account) {
            change(record);
        }
    }
}
