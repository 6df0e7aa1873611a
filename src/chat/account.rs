//! What the log knows of accounts.
//!
//! A *login* is what remembers on one device who somebody is: opened with a password, held as a
//! token, known here by the token's hash. (A session is a connection, in all of the chat.) It ends
//! when nobody comes back to it, when it is old, or when its owner ends it.

use std::fmt;
use std::sync::Arc;

use crate::chat::bans::BanRecord;
use crate::chat::event::Role;
use crate::chat::inheritance::{Inheritance, InheritedRestraint};
use crate::chat::message::Timestamp;
use crate::chat::name::UserName;
use crate::chat::network::ClientAddress;
use crate::chat::password::PasswordHash;
use crate::chat::secret::SecretHash;
use crate::chat::totp::{RecoveryCode, TotpSecret, TotpStep};
use crate::chat::{AccountId, GuestId};

/// A login: the number of the event that opened it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct LoginId(pub i64);

/// What whoever has logged in holds: 256 random bits.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct LoginToken(pub [u8; 32]);

impl LoginToken {
    /// What is kept of it.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl fmt::Debug for LoginToken {
    // Who has it is logged in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginToken")
    }
}

/// What the owner of a login knows it by: a device or a program, in up to 100 characters.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LoginLabel(Arc<str>);

impl LoginLabel {
    /// Most characters of a label.
    pub const MAX_CHARACTERS: usize = 100;

    /// Takes of a text what can be shown.
    pub fn clean(text: &str) -> Self {
        let shown = text.chars().filter(|c| !c.is_control());
        let label: String = shown.take(Self::MAX_CHARACTERS).collect();
        Self(label.trim().into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A login that is to be opened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Opening {
    /// What its owner will hold.
    pub token: LoginToken,
    /// What its owner knows it by.
    pub label: LoginLabel,
    /// From where it is opened.
    pub from: Option<ClientAddress>,
    /// Whether the connection that asks for it speaks for the account from then on.
    pub is_entrance: bool,
}

/// An account as the log knows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccountRecord {
    /// Which.
    pub id: AccountId,
    /// Its name.
    pub name: UserName,
    /// What is kept of its password; programs have none.
    pub password: Option<PasswordHash>,
    /// What it may do on the whole server.
    pub server_role: Role,
    /// Whether nobody can log in to it.
    pub is_disabled: bool,
    /// The second factor, if it has one.
    pub totp: Option<TotpRecord>,
}

/// A second factor as the log knows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TotpRecord {
    /// What the device shares.
    pub secret: TotpSecret,
    /// The newest step whose code was used.
    pub step: TotpStep,
    /// What is kept of the recovery codes that were not used.
    pub codes: Vec<SecretHash>,
}

/// A login as the log knows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LoginRecord {
    /// Which.
    pub id: LoginId,
    /// Whose.
    pub account: AccountId,
    /// What is kept of its token.
    pub token: SecretHash,
    /// What its owner knows it by.
    pub label: LoginLabel,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When its owner came last, or little later.
    pub seen_at: Timestamp,
}

/// Leave to register once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InviteRecord {
    /// What is kept of the code.
    pub code: SecretHash,
    /// Until when it can be used.
    pub until: Timestamp,
}

/// All accounts, and what belongs to them; who is kept out of the server, with an account or not.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Roll {
    /// By their numbers.
    pub accounts: Vec<AccountRecord>,
    /// By their numbers.
    pub logins: Vec<LoginRecord>,
    /// In any order.
    pub invites: Vec<InviteRecord>,
    /// In any order.
    pub bans: Vec<BanRecord>,
    /// Guests, and the accounts that they have become.
    pub heirs: Vec<(GuestId, AccountId)>,
}

/// What proved who somebody is, beside the password.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UsedFactor {
    /// A device's code of that step.
    Step(TotpStep),
    /// A recovery code.
    Recovery(SecretHash),
}

/// An account that comes into being.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewAccount {
    /// Its name.
    pub name: UserName,
    /// What is kept of its password; a program has none.
    pub password: Option<PasswordHash>,
    /// Whether it is an owner of the server.
    pub is_admin: bool,
    /// The invite that it took.
    pub invite: Option<InviteRecord>,
    /// The one-time link that it took.
    pub claim: Option<SecretHash>,
    /// What to open for it as soon as it is there.
    pub login: Option<Box<Opening>>,
    /// What holds against it from the beginning: what holds against guests of its name.
    pub restraints: Vec<InheritedRestraint>,
}

/// What can happen to an account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AccountFact {
    /// It comes into being.
    Opened(NewAccount),
    /// Somebody logs in.
    LoggedIn {
        /// To which account.
        account: AccountId,
        /// What is opened.
        opening: Box<Opening>,
        /// What was kept of the password when it was compared: the log opens nothing by another one.
        against: Option<PasswordHash>,
        /// What was used up for it.
        factor: Option<UsedFactor>,
        /// The logins of the account that are over, or make room.
        ended: Vec<LoginId>,
    },
    /// The owner of a login was there.
    Seen {
        /// Which login.
        login: LoginId,
    },
    /// Logins end.
    LoggedOut {
        /// Whose.
        account: AccountId,
        /// Which.
        ended: Vec<LoginId>,
    },
    /// The password is another one.
    PasswordSet {
        /// Whose.
        account: AccountId,
        /// What is kept of it.
        password: PasswordHash,
        /// The one login that does not end with the old one.
        kept: Option<LoginId>,
    },
    /// Nobody can log in any more, or somebody can again; all logins end.
    Disabled {
        /// To which account.
        account: AccountId,
        /// Which of both.
        is_disabled: bool,
    },
    /// Logging in takes a second factor from now on.
    TotpSet {
        /// To which account.
        account: AccountId,
        /// What the device shares.
        secret: TotpSecret,
        /// The step whose code proved it.
        step: TotpStep,
        /// For when the device is lost.
        codes: Box<[RecoveryCode; RecoveryCode::COUNT]>,
    },
    /// It takes no second factor any more.
    TotpRemoved {
        /// To which account.
        account: AccountId,
    },
    /// What was a guest's is an account's from now on.
    Inherited(Box<Inheritance>),
    /// Somebody may register.
    Invited {
        /// With which code.
        code: RecoveryCode,
        /// Until when.
        until: Timestamp,
        /// By whose leave.
        by: AccountId,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short_and_can_be_shown() {
        let label = |text: &str| LoginLabel::clean(text).as_str().to_owned();
        assert_eq!(
            label(" Firefox\u{1b}[2J\n on Linux "),
            "Firefox[2J on Linux"
        );
        assert_eq!(label(&"é".repeat(101)), "é".repeat(100));
    }

    #[test]
    fn nothing_of_a_token_is_shown() {
        assert_eq!(format!("{:?}", LoginToken([65; 32])), "LoginToken");
    }
}
