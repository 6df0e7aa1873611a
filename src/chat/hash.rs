//! What the hub asks of those who hash passwords: the seam between deciding and working hard.
//!
//! A [`Hashing`] goes in, and comes back as [`Hashed`]; it carries with it what it is for, so that
//! the hub keeps no table of them. Whether there is an account of that name makes no difference in
//! time: what has no hash is compared with one that nothing fits.

use crate::chat::AccountId;
use crate::chat::command::{Login, Registration};
use crate::chat::log::Context;
use crate::chat::password::{NewPassword, Password, PasswordHash};
use crate::chat::totp::TotpSecret;

/// Something to hash.
#[derive(Clone, Debug)]
pub struct Hashing {
    /// What.
    pub task: HashTask,
    /// For whom.
    pub context: Context,
    /// What for.
    pub purpose: HashPurpose,
}

/// What is to be hashed.
#[derive(Clone, Debug)]
pub enum HashTask {
    /// Compare a password with what is kept of one.
    Verify {
        /// The password.
        password: Password,
        /// What is kept; `None`: nothing, take as long and find it wrong.
        hash: Option<PasswordHash>,
    },
    /// Make what is kept of a password.
    Make(NewPassword),
}

/// What a password is hashed for.
#[derive(Clone, Debug)]
pub enum HashPurpose {
    /// Somebody logs in; with what the password was compared.
    LogIn(Box<Login>, Option<PasswordHash>),
    /// Somebody registers.
    Register(Box<Registration>),
    /// Somebody wants another password, and said the one so far.
    CheckForPassword(AccountId, NewPassword),
    /// The other password.
    SetPassword(AccountId),
    /// Somebody begins to set up a second factor.
    TotpBegin(AccountId, TotpSecret),
    /// Somebody takes the second factor away.
    TotpDisable(AccountId),
}

/// A [`Hashing`] that is over.
#[derive(Clone, Debug)]
pub struct Hashed {
    /// For whom.
    pub context: Context,
    /// What for.
    pub purpose: HashPurpose,
    /// What came of it; `None`: too many waited.
    pub outcome: Option<HashOutcome>,
}

/// What came of hashing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HashOutcome {
    /// Whether the password is the one that something is kept of.
    Verified(bool),
    /// What is to be kept.
    Made(PasswordHash),
}
