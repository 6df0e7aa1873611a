//! What the hub does for those who have an account, and for the server's operator.

use crate::chat::account::{
    AccountFact, LoginId, LoginLabel, LoginRecord, LoginToken, NewAccount, Opening,
};
use crate::chat::accounts::{Account, operator};
use crate::chat::bans::ServerFact;
use crate::chat::command::{AccountCommand, Order, Whom};
use crate::chat::error::ChatError;
use crate::chat::event::{AccountSummary, Done, LoginSummary, Role};
use crate::chat::hash::HashPurpose;
use crate::chat::hub::{Asking, Hub, Output, SessionId, answer};
use crate::chat::log::{Append, Context, Fact};
use crate::chat::message::{Body, MessageKey, Seq, Timestamp};
use crate::chat::name::{RoomName, UserName};
use crate::chat::order::Reason;
use crate::chat::permission::Action;
use crate::chat::shares::Charge;
use crate::chat::totp::{RecoveryCode, TotpCode, TotpSecret};
use crate::chat::{AccountId, PersonId, RoomId};

impl Hub {
    pub(super) fn account_command(
        &mut self,
        context: &Context,
        command: AccountCommand,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        self.see(context, output);
        match command {
            AccountCommand::Register(wish) => self.register(context, wish, output),
            AccountCommand::LogIn { login, password } => {
                self.log_in(context, login, password, output)
            }
            AccountCommand::LogOut(token) => self.log_out(context, token, output),
            AccountCommand::Sessions => {
                let logins = self.list_logins(context)?;
                let has_totp = self.has_totp(self.own(context.session)?);
                let done = Done::Logins { logins, has_totp };
                answer(context.clone(), Ok(done), output);
                Ok(())
            }
            AccountCommand::Revoke(login) => self.revoke(context, login, output),
            AccountCommand::SetPassword { current, new } => {
                let id = self.own(context.session)?;
                let purpose = HashPurpose::CheckForPassword(id, new);
                self.check_again(context, id, current, purpose, output)
            }
            AccountCommand::TotpBegin { password, fresh } => {
                let id = self.own(context.session)?;
                if self.has_totp(id) {
                    return Err(ChatError::Already("there is a second factor"));
                }
                let purpose = HashPurpose::TotpBegin(id, fresh);
                self.check_again(context, id, password, purpose, output)
            }
            AccountCommand::TotpConfirm { code, fresh } => {
                self.totp_confirm(context, code, fresh, output)
            }
            AccountCommand::TotpDisable { password } => {
                let id = self.own(context.session)?;
                if !self.has_totp(id) {
                    return Err(ChatError::Already("there is no second factor"));
                }
                self.check_again(context, id, password, HashPurpose::TotpDisable(id), output)
            }
            AccountCommand::Invite { fresh } => self.invite_to_server(context, fresh, output),
            AccountCommand::Post {
                token,
                room,
                body,
                key,
                reply_to,
            } => self.post_as(context, token, &room, body, key, reply_to, output),
            AccountCommand::Claimable(secret) => {
                self.claimable(secret)?;
                answer(context.clone(), Ok(Done::Finished), output);
                Ok(())
            }
            AccountCommand::Order(order) => self.obey(context, order, output),
        }
    }

    /// Notes that the owner of a connection's login is there.
    pub(super) fn see(&mut self, context: &Context, output: &mut Vec<Output>) {
        let session = self.sessions.get(&context.session);
        if let Some(token) = session.and_then(|session| session.login)
            && let Some(login) = self.accounts.see(token, self.now)
        {
            self.append(context, AccountFact::Seen { login }, output);
        }
    }

    /// The account that a connection speaks for.
    fn own(&self, id: SessionId) -> Result<AccountId, ChatError> {
        let session = self.sessions.get(&id);
        match session.ok_or(ChatError::NotAuthenticated)?.person {
            PersonId::Account(account) => Ok(account),
            PersonId::Guest(_) => Err(ChatError::Forbidden("guests have no account")),
        }
    }

    fn has_totp(&self, id: AccountId) -> bool {
        let account = self.accounts.get(id);
        account.is_some_and(|account| account.record.totp.is_some())
    }

    fn log_out(
        &mut self,
        context: &Context,
        token: LoginToken,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let login = self.accounts.login(token.hash(), self.now);
        let (login, _) = login.ok_or(ChatError::BadToken)?;
        let fact = AccountFact::LoggedOut {
            account: login.account,
            ended: vec![login.id],
        };
        self.append(context, fact, output);
        Ok(())
    }

    fn list_logins(&self, context: &Context) -> Result<Vec<LoginSummary>, ChatError> {
        let id = self.own(context.session)?;
        let session = self.sessions.get(&context.session);
        let current = session.and_then(|session| session.login);
        let logins = self.accounts.logins(id, self.now).into_iter();
        let summary = |login: &LoginRecord| LoginSummary {
            id: login.id,
            label: login.label.clone(),
            opened_at: login.opened_at,
            seen_at: login.seen_at,
            is_current: Some(login.token) == current,
        };
        Ok(logins.map(summary).collect())
    }

    fn revoke(
        &mut self,
        context: &Context,
        login: LoginId,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let account = self.own(context.session)?;
        let logins = self.accounts.logins(account, self.now);
        if !logins.iter().any(|own| own.id == login) {
            return Err(ChatError::NotFound("session of yours"));
        }
        let ended = vec![login];
        self.append(context, AccountFact::LoggedOut { account, ended }, output);
        Ok(())
    }

    fn totp_confirm(
        &mut self,
        context: &Context,
        code: TotpCode,
        codes: Box<[RecoveryCode; RecoveryCode::COUNT]>,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let account = self.own(context.session)?;
        let session = self.sessions.get_mut(&context.session);
        let begun: Option<&mut TotpSecret> = session.and_then(|it| it.totp_begun.as_mut());
        let secret = *begun.ok_or(ChatError::BadRequest("begin with totp_begin"))?;
        let step = secret.verify(code, self.now, None);
        let fact = AccountFact::TotpSet {
            account,
            secret,
            step: step.ok_or(ChatError::BadPassword)?,
            codes,
        };
        if let Some(session) = self.sessions.get_mut(&context.session) {
            session.totp_begun = None;
        }
        self.append(context, fact, output);
        Ok(())
    }

    fn invite_to_server(
        &mut self,
        context: &Context,
        code: RecoveryCode,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let by = self.own(context.session)?;
        let account = self.accounts.get(by);
        if account.is_none_or(|it| it.record.server_role != Role::Owner) {
            return Err(ChatError::Forbidden("the server's owners invite to it"));
        }
        let until = Timestamp(self.now.0 + INVITE_MS);
        self.append(context, AccountFact::Invited { code, until, by }, output);
        Ok(())
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "a request taken apart, and what judging takes"
    )]
    fn post_as(
        &mut self,
        context: &Context,
        token: LoginToken,
        room: &RoomName,
        body: Body,
        key: Option<MessageKey>,
        reply_to: Option<Seq>,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let login = self.accounts.login(token.hash(), self.now);
        let (login, account) = login.ok_or(ChatError::BadToken)?;
        let token = login.token;
        let person = PersonId::Account(account.record.id);
        let name = account.record.name.clone();
        self.check_banned(account.record.id)?;
        if let Some(login) = self.accounts.see(token, self.now) {
            self.append(context, AccountFact::Seen { login }, output);
        }
        let mut asking = Asking {
            context: context.clone(),
            at: self.now,
            person,
            name,
            output,
        };
        let charged = self.charge(&mut asking, Charge::of_message(&body));
        let posted = charged
            .and_then(|()| self.may_post(&asking, room))
            .and_then(|id| self.post(&mut asking, id, body, key.clone(), reply_to));
        posted.or_else(|refusal| self.refuse_message(&mut asking, room, key, refusal))
    }

    /// The room of that name, if a program may post there.
    fn may_post(&self, asking: &Asking<'_>, room: &RoomName) -> Result<RoomId, ChatError> {
        let id = self.visible(room, asking)?;
        self.check_let_in(id, &asking.party(), asking.context.from)?;
        self.standing(id, asking.person)
            .may(Action::Talk)
            .map_err(ChatError::Forbidden)?;
        Ok(id)
    }

    /// Does what the operator wants.
    fn obey(
        &mut self,
        context: &Context,
        order: Order,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        if !context.session.is_operator() {
            return Err(ChatError::Forbidden("this is the operator's"));
        }
        match order {
            Order::Add {
                name,
                password,
                is_admin,
            } => {
                self.is_free_for(context, &name)?;
                let fact = AccountFact::Opened(NewAccount {
                    name,
                    password: Some(password),
                    is_admin,
                    invite: None,
                    claim: None,
                    login: None,
                    restraints: Vec::new(),
                });
                self.append(context, fact, output);
            }
            Order::AddBot { name, token } => self.add_bot(context, name, token, output)?,
            Order::SetPassword { name, password } => {
                let account = self.named(&name)?;
                if self.accounts.get(account).is_some_and(Account::is_bot) {
                    return Err(ChatError::Forbidden("bots have no password"));
                }
                let kept = None;
                let fact = AccountFact::PasswordSet {
                    account,
                    password,
                    kept,
                };
                self.append(context, fact, output);
            }
            Order::Disable { name, is_disabled } => {
                let account = self.named(&name)?;
                let fact = AccountFact::Disabled {
                    account,
                    is_disabled,
                };
                self.append(context, fact, output);
            }
            Order::Unban(whom) => self.let_in_again(context, whom, output)?,
            Order::Bans => self.list_bans(context, None, output),
            Order::List => {
                let accounts = self.accounts.iter().map(summary).collect();
                answer(context.clone(), Ok(Done::Accounts(accounts)), output);
            }
        }
        Ok(())
    }

    /// Lifts a ban of the server for its operator.
    fn let_in_again(
        &self,
        context: &Context,
        whom: Whom,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let whom = self.banned(whom, self.now);
        let fact = Fact::Server(ServerFact::Unbanned {
            by: operator(),
            whom: whom.ok_or(ChatError::NotFound("ban"))?,
            reason: Reason::default(),
        });
        let (context, at) = (context.clone(), self.now);
        output.push(Output::Append(Append { context, at, fact }));
        Ok(())
    }

    /// Makes an account for a program, or opens one more login to one that there is.
    fn add_bot(
        &mut self,
        context: &Context,
        name: UserName,
        token: LoginToken,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let opening = Box::new(Opening {
            token,
            label: LoginLabel::clean("bot token"),
            from: None,
            is_entrance: false,
        });
        let known = self.accounts.by_name(&name);
        let known = known.filter(|account| account.is_bot());
        match known.map(|account| account.record.id) {
            Some(account) => self.open_login(context, account, opening, output),
            None => {
                self.is_free_for(context, &name)?;
                let fact = AccountFact::Opened(NewAccount {
                    name,
                    password: None,
                    is_admin: false,
                    invite: None,
                    claim: None,
                    login: Some(opening),
                    restraints: Vec::new(),
                });
                self.append(context, fact, output);
            }
        }
        Ok(())
    }

    fn named(&self, name: &UserName) -> Result<AccountId, ChatError> {
        let account = self.accounts.by_name(name);
        let account = account.ok_or(ChatError::NotFound("account"))?;
        Ok(account.record.id)
    }
}

fn summary(account: &Account) -> AccountSummary {
    AccountSummary {
        name: account.record.name.clone(),
        server_role: account.record.server_role,
        is_bot: account.is_bot(),
        is_disabled: account.record.is_disabled,
        has_totp: account.record.totp.is_some(),
        login_count: account.login_count(),
    }
}

/// A week is enough for a letter to be read.
const INVITE_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
