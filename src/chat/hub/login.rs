//! How somebody proves to have an account, or gets one: what is asked, and what the hashers say.

use crate::chat::account::{AccountFact, NewAccount, Opening};
use crate::chat::accounts::{Account, MAX_ACCOUNTS};
use crate::chat::command::{Grounds, Login, Registration as Wish};
use crate::chat::entrance::Registration;
use crate::chat::error::ChatError;
use crate::chat::event::{Done, Event};
use crate::chat::hash::{HashOutcome, HashPurpose, HashTask, Hashed, Hashing};
use crate::chat::hub::arrival::HAS_SAID;
use crate::chat::hub::{Hub, Output};
use crate::chat::log::{Append, Context, Fact};
use crate::chat::order::Party;
use crate::chat::password::{Password, PasswordHash};
use crate::chat::secret::SecretHash;
use crate::chat::totp::{SecondFactor, TotpSecret};
use crate::chat::{AccountId, PersonId, UserName};

impl Hub {
    /// Has a password checked with which somebody wants to log in.
    pub(super) fn log_in(
        &mut self,
        context: &Context,
        login: Box<Login>,
        password: Password,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let taken = self
            .attempts
            .take(&login.name, login.opening.from, self.now);
        taken.map_err(|retry_after_ms| ChatError::RateLimited { retry_after_ms })?;
        // Without an account as much is hashed: who asks learns nothing by the clock.
        let hash = self
            .accounts
            .by_name(&login.name)
            .and_then(Account::password);
        let purpose = HashPurpose::LogIn(login, hash.clone());
        let task = HashTask::Verify { password, hash };
        self.hash(context, task, purpose, output);
        Ok(())
    }

    /// Has the password hashed of somebody who wants an account.
    pub(super) fn register(
        &mut self,
        context: &Context,
        wish: Box<Wish>,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let session = self.sessions.get(&context.session);
        if session.is_some_and(|session| !session.person.is_guest()) {
            return Err(ChatError::Already(HAS_SAID));
        }
        self.may_register(context, &wish)?;
        let taken = self.attempts.take_registration(wish.opening.from, self.now);
        taken.map_err(|retry_after_ms| ChatError::RateLimited { retry_after_ms })?;
        let task = HashTask::Make(wish.password.clone());
        self.hash(context, task, HashPurpose::Register(wish), output);
        Ok(())
    }

    /// Has the password checked again with which somebody logged in, before what it guards.
    pub(super) fn check_again(
        &mut self,
        context: &Context,
        id: AccountId,
        password: Password,
        purpose: HashPurpose,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let account = self.accounts.get(id).ok_or(ChatError::NotAuthenticated)?;
        let hash = account.password();
        // Of its own: whoever is logged in can't be held up by those who guess elsewhere.
        let taken = self.attempts.take_again(id, self.now);
        taken.map_err(|retry_after_ms| ChatError::RateLimited { retry_after_ms })?;
        let task = HashTask::Verify { password, hash };
        self.hash(context, task, purpose, output);
        Ok(())
    }

    fn hash(
        &mut self,
        context: &Context,
        task: HashTask,
        purpose: HashPurpose,
        output: &mut Vec<Output>,
    ) {
        self.hold(context.session);
        output.push(Output::Hash(Hashing {
            task,
            context: context.clone(),
            purpose,
        }));
    }

    /// Goes on with what a password was hashed for.
    pub(super) fn hashed(&mut self, hashed: Hashed, output: &mut Vec<Output>) {
        let Hashed {
            context,
            purpose,
            outcome,
        } = hashed;
        if outcome.is_none() {
            self.give_back(&purpose);
        }
        // Whoever has gone meanwhile is not logged in.
        if !self.held.contains_key(&context.session) {
            return;
        }
        let judged = match outcome {
            None => Err(ChatError::Busy("too many passwords wait to be checked")),
            Some(HashOutcome::Verified(is_right)) => {
                self.verified(&context, purpose, is_right, output)
            }
            Some(HashOutcome::Made(hash)) => self.made(&context, purpose, hash, output),
        };
        if let Err(error) = judged {
            self.release(context, Err(error), output);
        }
    }

    fn verified(
        &mut self,
        context: &Context,
        purpose: HashPurpose,
        is_right: bool,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        if !is_right {
            return Err(ChatError::BadPassword);
        }
        match purpose {
            HashPurpose::LogIn(login, against) => {
                self.log_in_with(context, *login, against, output)
            }
            HashPurpose::CheckForPassword(id, new) => {
                self.attempts.give_back_again(id);
                let purpose = HashPurpose::SetPassword(id);
                self.hash(context, HashTask::Make(new), purpose, output);
                Ok(())
            }
            HashPurpose::TotpBegin(id, secret) => {
                self.attempts.give_back_again(id);
                self.totp_begun(context, id, secret, output)
            }
            HashPurpose::TotpDisable(id) => {
                self.attempts.give_back_again(id);
                let fact = AccountFact::TotpRemoved { account: id };
                self.append(context, fact, output);
                Ok(())
            }
            HashPurpose::Register(_) | HashPurpose::SetPassword(_) => Err(ChatError::BadPassword),
        }
    }

    /// Opens a login for somebody whose password is right.
    fn log_in_with(
        &mut self,
        context: &Context,
        login: Login,
        against: Option<PasswordHash>,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let now = self.now;
        let account = self.accounts.by_name(&login.name);
        let account = account.ok_or(ChatError::BadPassword)?.record.id;
        let record = self.accounts.get_mut(account);
        let record = record.ok_or(ChatError::BadPassword)?;
        // Another password than the one that was compared has codes of its own to be guessed.
        if record.is_disabled || record.password != against {
            return Err(ChatError::BadPassword);
        }
        let party = Party {
            person: PersonId::Account(account),
            name: record.name.clone(),
        };
        self.bans.check(&party, now)?;
        let used = record.totp.as_mut().map(|totp| {
            let factor = login.factor.ok_or(ChatError::TotpNeeded)?;
            // Nobody guesses 80 random bits: who has a recovery code is let in, whoever else is at it.
            let is_guessable = matches!(factor, SecondFactor::Code(_));
            if is_guessable {
                let taken = self.attempts.take_code(account, now);
                taken.map_err(|retry_after_ms| ChatError::RateLimited { retry_after_ms })?;
            }
            let used = totp.use_up(factor, now).ok_or(ChatError::BadPassword)?;
            if is_guessable {
                self.attempts.give_back_code(account);
            }
            Ok(used)
        });
        let factor = match used.transpose() {
            Ok(used) => used,
            Err(error) => {
                // The password was right: it is codes that count from here on.
                self.attempts
                    .give_back(&login.name, login.opening.from, now);
                if error == ChatError::BadPassword {
                    self.warn_of_wrong_code(account, output);
                }
                return Err(error);
            }
        };
        self.attempts.succeed(&login.name, login.opening.from, now);
        let fact = AccountFact::LoggedIn {
            account,
            opening: Box::new(login.opening),
            against,
            factor,
            ended: self.accounts.make_room(account, now),
        };
        self.append(context, fact, output);
        Ok(())
    }

    /// Tells the owner of an account that somebody has their password, now or when they come.
    fn warn_of_wrong_code(&mut self, account: AccountId, output: &mut Vec<Output>) {
        let person = PersonId::Account(account);
        if self.people.get(person).is_none() {
            self.to_warn.insert(account);
        } else if self.attempts.take_warning(account, self.now) {
            self.tell_of_wrong_code(person, output);
        }
    }

    /// Tells somebody who comes what they were not there to hear.
    pub(super) fn catch_up_on_warning(&mut self, account: AccountId, output: &mut Vec<Output>) {
        if self.to_warn.remove(&account) {
            self.tell_of_wrong_code(PersonId::Account(account), output);
        }
    }

    fn tell_of_wrong_code(&self, person: PersonId, output: &mut Vec<Output>) {
        let text = "somebody gave your password and a wrong code: if it was not you, choose another \
                    password";
        let notice = Event::Notice {
            room: None,
            text: text.into(),
            rule: None,
        };
        self.tell_person(person, notice, output);
    }

    fn made(
        &mut self,
        context: &Context,
        purpose: HashPurpose,
        hash: PasswordHash,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        match purpose {
            HashPurpose::Register(wish) => self.open_account(context, *wish, hash, output),
            HashPurpose::SetPassword(account) => {
                let session = self.sessions.get(&context.session);
                let token = session.and_then(|session| session.login);
                let kept = token.and_then(|token| self.accounts.login(token, self.now));
                let fact = AccountFact::PasswordSet {
                    account,
                    password: hash,
                    kept: kept.map(|(login, _)| login.id),
                };
                self.append(context, fact, output);
                Ok(())
            }
            HashPurpose::LogIn(..)
            | HashPurpose::CheckForPassword(..)
            | HashPurpose::TotpBegin(..)
            | HashPurpose::TotpDisable(_) => Err(ChatError::BadPassword),
        }
    }

    fn open_account(
        &mut self,
        context: &Context,
        wish: Wish,
        password: PasswordHash,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        // Much may have happened while the password was hashed.
        self.may_register(context, &wish)?;
        let restraints = self.restraints_of_newcomer(&wish.name);
        let (mut invite, mut claim) = (None, None);
        match wish.grounds {
            Grounds::None => {}
            Grounds::Invite(code) => invite = self.accounts.take_invite(code, self.now),
            Grounds::Claim(_) => claim = self.policy.claim.take(),
        }
        let fact = AccountFact::Opened(NewAccount {
            name: wish.name,
            password: Some(password),
            is_admin: claim.is_some(),
            invite,
            claim,
            login: Some(Box::new(wish.opening)),
            restraints,
        });
        self.append(context, fact, output);
        Ok(())
    }

    /// Whether somebody may have an account of that name, by the right that they claim.
    fn may_register(&self, context: &Context, wish: &Wish) -> Result<(), ChatError> {
        match (wish.grounds, self.policy.registration) {
            (Grounds::Claim(secret), _) => self.claimable(secret)?,
            (_, Registration::Closed) => {
                return Err(ChatError::Forbidden("nobody can register here"));
            }
            (Grounds::Invite(code), _) => {
                let until = self.accounts.invited_until(code, self.now);
                until.ok_or(ChatError::Forbidden("this invite is used, over, or none"))?;
            }
            (Grounds::None, Registration::Open) => {}
            (Grounds::None, Registration::Invite) => {
                return Err(ChatError::Forbidden("registering takes an invite"));
            }
        }
        self.bans.check_name(&wish.name, self.now)?;
        self.is_free_for(context, &wish.name)
    }

    /// Whether the link with that secret makes its visitor the owner.
    pub(super) fn claimable(&self, secret: SecretHash) -> Result<(), ChatError> {
        if self.policy.claim == Some(secret) && !self.accounts.has_admin() {
            Ok(())
        } else {
            Err(ChatError::NotFound("page"))
        }
    }

    /// Whether a new account can have a name. That the guest who asks has it now is no obstacle.
    pub(super) fn is_free_for(&self, context: &Context, name: &UserName) -> Result<(), ChatError> {
        let session = self.sessions.get(&context.session);
        let own = session.map(|session| session.person);
        let is_held = |holder: &PersonId| Some(*holder) != own;
        if self.accounts.is_taken(name) || self.people.holders(name).iter().any(is_held) {
            return Err(ChatError::NameTaken);
        }
        if self.accounts.count() >= MAX_ACCOUNTS {
            return Err(ChatError::Busy(
                "there are as many accounts as this server holds",
            ));
        }
        Ok(())
    }

    /// Gives back a try that nobody had time to look at.
    fn give_back(&mut self, purpose: &HashPurpose) {
        match purpose {
            HashPurpose::LogIn(login, _) => {
                let from = login.opening.from;
                self.attempts.give_back(&login.name, from, self.now);
            }
            HashPurpose::Register(wish) => {
                self.attempts.give_back_registration(wish.opening.from);
            }
            HashPurpose::CheckForPassword(id, _)
            | HashPurpose::TotpBegin(id, _)
            | HashPurpose::TotpDisable(id) => self.attempts.give_back_again(*id),
            // The password so far was right, and its try is given back.
            HashPurpose::SetPassword(_) => {}
        }
    }

    /// Opens a login in the log.
    pub(super) fn open_login(
        &mut self,
        context: &Context,
        account: AccountId,
        opening: Box<Opening>,
        output: &mut Vec<Output>,
    ) {
        let record = self.accounts.get(account);
        let fact = AccountFact::LoggedIn {
            account,
            opening,
            against: record.and_then(|it| it.record.password.clone()),
            factor: None,
            ended: self.accounts.make_room(account, self.now),
        };
        self.append(context, fact, output);
    }

    pub(super) fn append(
        &mut self,
        context: &Context,
        fact: AccountFact,
        output: &mut Vec<Output>,
    ) {
        output.push(Output::Append(Append {
            context: context.clone(),
            at: self.now,
            fact: Fact::Account(fact),
        }));
    }

    fn totp_begun(
        &mut self,
        context: &Context,
        id: AccountId,
        secret: TotpSecret,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let session = self.sessions.get_mut(&context.session);
        let session = session.ok_or(ChatError::NotAuthenticated)?;
        session.totp_begun = Some(secret);
        let account = self.accounts.get(id).ok_or(ChatError::NotAuthenticated)?;
        let name = account.record.name.clone();
        let begun = Done::TotpBegun { secret, name };
        self.release(context.clone(), Ok(begun), output);
        Ok(())
    }
}
