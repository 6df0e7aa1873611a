//! How a client says who it is: as a guest, with a password, or with what it got for that.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Asked, Proof, Session, WebClient};
use crate::server::simulation::dice::Dice;
use crate::server::simulation::ledger::{Checked, Eyes, Moment, Position, Violation, ensure};
use crate::server::simulation::peer::Sight;
use crate::server::simulation::server::token_key;
use crate::server::token;
use crate::websocket::CloseCode;

impl WebClient {
    /// Says hello, as whoever it can be; without dice, as whoever it wants to be.
    pub(super) fn say_hello(
        &mut self,
        sight: &Sight<'_>,
        mut dice: Option<&mut Dice>,
        output: &mut Vec<u8>,
    ) {
        if self.is_greeting() {
            return;
        }
        if self.is_borrower() && dice.as_deref_mut().is_some_and(|dice| dice.one_in(2)) {
            self.borrow_token();
        }
        if let Some(token) = self.token.clone() {
            let hello = json!({"type": "hello", "token": token});
            return self.ask(Asked::Hello(Proof::Token), hello, sight, output);
        }
        let has_account = sight.ledger.accounts.named(&self.names[0]).is_some();
        match self.device {
            None => self.introduce(self.names[0].clone(), sight, output),
            Some(_) if has_account => {
                let is_right = dice.is_none_or(|dice| !dice.one_in(6));
                self.log_in(is_right, sight, output);
            }
            Some(0) if dice.is_some_and(|dice| dice.one_in(2)) => {
                self.introduce(self.names[0].clone(), sight, output);
            }
            Some(0) => self.register(sight, output),
            // The first device makes the account.
            Some(_) => self.greets_at = Some(sight.now + Duration::from_secs(1)),
        }
    }

    /// Whether it goes by what is in the pocket, as long as it has no account.
    fn is_borrower(&self) -> bool {
        self.pocket.is_some() && self.account.is_none()
    }

    /// Takes the token that it, or another one, has put into the pocket, whatever that is worth by now.
    fn borrow_token(&mut self) {
        let lent = self
            .pocket
            .as_ref()
            .and_then(|pocket| pocket.borrow().clone());
        self.token = lent.or_else(|| self.token.take());
    }

    /// Whether it has said who it is, and was not answered.
    pub(super) fn is_greeting(&self) -> bool {
        self.has_asked(|asked| matches!(asked, Asked::Hello(_)))
    }

    pub(super) fn introduce(&mut self, name: String, sight: &Sight<'_>, output: &mut Vec<u8>) {
        let hello = json!({"type": "hello", "name": name});
        self.ask(Asked::Hello(Proof::Name(name)), hello, sight, output);
    }

    fn log_in(&mut self, is_right: bool, sight: &Sight<'_>, output: &mut Vec<u8>) {
        let password = if is_right { PASSWORD } else { "not this one" };
        let hello = json!({"type": "hello", "name": self.names[0], "password": password,
            "label": self.handle});
        self.ask(
            Asked::Hello(Proof::Password { is_right }),
            hello,
            sight,
            output,
        );
    }

    pub(super) fn register(&mut self, sight: &Sight<'_>, output: &mut Vec<u8>) {
        if self.is_greeting() {
            return;
        }
        // It may have got an account without hearing of it, on a connection that broke.
        if sight.ledger.accounts.named(&self.names[0]).is_some() {
            return self.log_in(true, sight, output);
        }
        let request = json!({"type": "register", "name": self.names[0], "password": PASSWORD,
            "label": self.handle});
        self.ask(Asked::Hello(Proof::Registration), request, sight, output);
    }

    /// It is told who it is.
    pub(super) fn arrived(
        &mut self,
        proof: &Proof,
        told: Position,
        done: &Value,
        sight: &Sight<'_>,
    ) -> Checked {
        let you = done["you"]["name"].as_str().unwrap_or_default();
        ensure!(
            *proof != Proof::Password { is_right: false },
            "{you} was let in with a wrong password"
        );
        let is_wanted = !matches!(proof, Proof::Name(name) if name != you);
        ensure!(
            is_wanted && self.is_own(you),
            "{} is taken for {you}",
            self.name
        );
        self.name = you.to_owned();
        self.token = done["token"].as_str().map(str::to_owned);
        let token = self.token.as_deref();
        ensure!(token.is_some(), "{} got no token", self.name);
        if done["you"]["guest"] == false {
            let accounts = &sight.ledger.accounts;
            let token = token.and_then(token::read_login);
            let login = token.and_then(|token| accounts.login(token.hash()));
            let is_open = login.is_some_and(|login| accounts.was_open_since(login, told));
            ensure!(is_open, "{you} is let in with {login:?}, which is over");
            self.login = login;
            self.account = accounts.named(you);
        } else {
            self.arrived_as_guest(told, sight)?;
        }
        let since = Moment {
            told,
            at: sight.hub_time,
        };
        ensure!(
            !sight.ledger.is_banned(&self.eyes(), since),
            "{you} is banned from the server, and let in"
        );
        let session = self.session().expect("answered on a connection");
        session.is_known = true;
        session.known_at = sight.ledger.position();
        Ok(())
    }

    fn arrived_as_guest(&mut self, told: Position, sight: &Sight<'_>) -> Checked {
        let token = self.token.as_deref().unwrap_or_default();
        let Some((guest, _)) = token_key().open(token) else {
            return Err(Violation(format!(
                "{} got {token} for a guest's token",
                self.name
            )));
        };
        ensure!(
            !sight.ledger.was_handed_over(guest, told),
            "{} is let in as a guest who has an account: {guest:?}",
            self.name
        );
        self.guests.insert(guest);
        self.guest = Some(guest);
        if let Some(pocket) = self.pocket.as_ref().filter(|_| self.lenders.is_empty()) {
            pocket.replace(self.token.clone());
        }
        Ok(())
    }

    /// It is not let in; whether that is fair.
    pub(super) fn is_fair_to_refuse_it(
        &mut self,
        proof: &Proof,
        code: &str,
        told: Position,
        sight: &Sight<'_>,
    ) -> bool {
        self.greets_at = Some(sight.now + Duration::from_secs(1));
        let accounts = &sight.ledger.accounts;
        let has_account = accounts.named(&self.names[0]).is_some();
        match (code, proof) {
            ("busy", _) => true,
            ("banned", _) => {
                // It may have got an account without hearing of it.
                let account = accounts.named(&self.names[0]);
                let eyes = Eyes {
                    account: self.account.or(account),
                    ..self.eyes()
                };
                sight.ledger.may_be_banned(&eyes, told)
            }
            // One's own connection that broke may not have been noticed yet.
            ("name_taken", _) => {
                if has_account || self.is_borrower() {
                    self.token = None;
                }
                true
            }
            ("not_authenticated", Proof::Password { is_right }) => {
                !is_right || !accounts.was_there(&self.names[0], told)
            }
            ("not_authenticated", Proof::Token) => {
                let token = self.token.take();
                token.is_some_and(|token| is_over(&token, sight))
            }
            _ => false,
        }
    }

    /// Checks that it is somebody whom it may still be, and knows how far it has read.
    pub(super) fn check_identity(&self, session: &Session, sight: &Sight<'_>) -> Checked {
        let Some(account) = self.account.filter(|_| self.device.is_some()) else {
            ensure!(self.device.is_none(), "{} has no account", self.name);
            return Ok(());
        };
        let is_open = self
            .login
            .is_some_and(|login| sight.ledger.accounts.is_open(login));
        ensure!(
            is_open,
            "{} is here with {:?}, which is over",
            self.name,
            self.login
        );
        for (room, mark) in sight.ledger.marks_since(account, session.known_at) {
            ensure!(
                session.marks.contains(&(room.to_owned(), mark)),
                "{} has read {mark} of {room} elsewhere, and knows of {:?}",
                self.name,
                session.marks
            );
        }
        Ok(())
    }

    pub(super) fn is_own(&self, name: &str) -> bool {
        self.eyes().is_named(name)
    }

    /// The connection was closed.
    pub(super) fn closed(&mut self, code: Option<CloseCode>, sight: &Sight<'_>) -> Checked {
        let session = self.session().expect("closed once");
        let has_misbehaved = session.has_misbehaved;
        let is_fair = match code {
            Some(CloseCode::PROTOCOL_ERROR) => has_misbehaved,
            // The network may be slow at any time, and who reads slowly is cut off.
            Some(CloseCode::POLICY_VIOLATION | CloseCode::NORMAL) => true,
            Some(CloseCode::SERVICE_RESTART) => sight.is_draining,
            Some(code) if code.get() == SESSION_REVOKED => {
                self.login = None;
                // It may have dropped the token of the guest whom the connection speaks for.
                let heir = self.guest.and_then(|guest| sight.ledger.heir_of(guest));
                let token = self.token.take();
                heir.is_some() || token.is_some_and(|token| is_over(&token, sight))
            }
            _ => false,
        };
        ensure!(is_fair, "{} is closed with {code:?}", self.name);
        self.phase = super::Phase::Over;
        Ok(())
    }
}

/// Whether what somebody comes back with is good no longer: a login that has ended, or the token of a
/// guest who has become an account.
fn is_over(token: &str, sight: &Sight<'_>) -> bool {
    let accounts = &sight.ledger.accounts;
    match token::read_login(token) {
        Some(login) => {
            let login = accounts.login(login.hash());
            login.is_some_and(|login| !accounts.is_open(login))
        }
        None => token_key()
            .open(token)
            .is_some_and(|(guest, _)| sight.ledger.heir_of(guest).is_some()),
    }
}

/// Everybody has the same one; that is nobody's business here.
pub(in crate::server::simulation) const PASSWORD: &str = "correct horse";

/// `docs/protocol.md`, section 8.
const SESSION_REVOKED: u16 = 4001;
