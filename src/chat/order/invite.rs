//! Invites into private rooms, and the codes that they are.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::chat::error::ChatError;
use crate::chat::message::{Timestamp, check_len};
use crate::chat::secret::SecretHash;

/// What lets its holder into one room.
#[derive(Clone, Eq, PartialEq)]
pub struct InviteCode(Arc<str>);

impl InviteCode {
    /// Most characters of what may be a code.
    pub const MAX_CHARACTERS: usize = 64;

    /// Makes a code of 128 random bits.
    pub fn new(random: u128) -> Self {
        Self(format!("{random:032x}").into())
    }

    /// Reads what somebody holds for a code.
    ///
    /// # Errors
    /// [`ChatError::TooLong`].
    pub fn parse(text: &str) -> Result<Self, ChatError> {
        check_len("the invite", text, Self::MAX_CHARACTERS)?;
        Ok(Self(text.trim().into()))
    }

    /// The text, for whoever may have it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(self.0.as_bytes())
    }
}

impl fmt::Debug for InviteCode {
    // Who has it is let in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteCode")
    }
}

/// Leave to enter a room, for whoever has the code, any number of times.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Invite {
    /// What is kept of the code.
    pub code: SecretHash,
    /// Until then.
    pub until: Timestamp,
}

/// How long an invite is good unless said otherwise.
pub const DEFAULT_INVITE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long an invite can be good.
pub const MAX_INVITE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
