//! Whoever runs the server: makes accounts for its owner and for a program, and in the end lets in
//! again who was banned.

use super::dice::Dice;
use super::ledger::Ledger;
use super::server::Server;
use super::web_client::PASSWORD;
use crate::chat::account::LoginToken;
use crate::chat::bans::Banned;
use crate::chat::command::{Order, Whom};
use crate::chat::hash::{HashOutcome, HashPurpose, HashTask, Hashing};
use crate::chat::log::Context;
use crate::chat::password::{NewPassword, PasswordHash};
use crate::chat::{AccountId, SessionId, Timestamp, UserName};
use crate::server::hashers::Hasher;

/// What the operator wants there to be.
#[derive(Debug, Default)]
pub(super) struct Operator {
    owner: Option<PasswordHash>,
    bot: Option<LoginToken>,
}

impl Operator {
    pub(super) fn new(dice: &mut Dice) -> Self {
        Self {
            owner: dice.one_in(2).then(|| hash_password(dice)),
            bot: dice.one_in(2).then(|| LoginToken(dice.secret())),
        }
    }

    pub(super) fn has_owner(&self) -> bool {
        self.owner.is_some()
    }

    /// What the program holds, if there is one.
    pub(super) fn bot(&self) -> Option<LoginToken> {
        self.bot
    }

    /// Orders the owner's account, unless it is there; `false`: it is.
    pub(super) fn appoint(&self, server: &mut Server, ledger: &Ledger, now: Timestamp) -> bool {
        let is_missing = ledger.accounts.named(OWNER).is_none();
        let Some(password) = self.owner.clone().filter(|_| is_missing) else {
            return false;
        };
        let order = Order::Add {
            name: user_name(OWNER),
            password,
            is_admin: true,
        };
        server.order(order, now);
        true
    }

    /// Orders the program's token of a server that has just begun, unless it has it.
    pub(super) fn employ(&self, server: &mut Server, ledger: &Ledger, now: Timestamp) {
        let is_known = |token: &LoginToken| ledger.accounts.login(token.hash()).is_some();
        if let Some(token) = self.bot.filter(|token| !is_known(token)) {
            let name = user_name(BOT);
            server.order(Order::AddBot { name, token }, now);
        }
    }

    /// Lets in who is banned from the server; `false`: nobody is.
    pub(super) fn pardon(server: &mut Server, ledger: &Ledger, now: Timestamp) -> bool {
        let banned = ledger.bans.standing(now);
        for whom in &banned {
            let whom = match whom {
                Banned::Person(party) => Whom::Name(party.name.clone()),
                Banned::Network(network) => Whom::Network(*network),
            };
            server.order(Order::Unban(whom), now);
        }
        !banned.is_empty()
    }
}

fn user_name(name: &str) -> UserName {
    UserName::parse(name).expect("a name")
}

/// What is kept of the password that all have.
fn hash_password(dice: &mut Dice) -> PasswordHash {
    let password = NewPassword::parse(PASSWORD).expect("long enough");
    let hashing = Hashing {
        task: HashTask::Make(password),
        context: Context {
            session: SessionId::operator(0),
            from: None,
            re: None,
        },
        purpose: HashPurpose::SetPassword(AccountId(0)),
    };
    let mut random = dice.generator();
    let hasher = Hasher::cheap(&mut random);
    match hasher.hash(hashing, &mut random).outcome {
        Some(HashOutcome::Made(hash)) => hash,
        _ => unreachable!("it makes what it is asked to make"),
    }
}

/// The name of the server's owner.
pub(super) const OWNER: &str = "olga";

/// The name of the program.
pub(super) const BOT: &str = "robot";
