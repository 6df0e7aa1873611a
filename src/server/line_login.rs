//! Logging in by lines: the password on a line, and the code of a second factor on another.
//!
//! Neither is ever shown, or said to anybody: while it is open whether the next line is a code, that
//! line waits.

use crate::chat::password::Password;
use crate::chat::totp::SecondFactor;
use crate::chat::{ChatError, Done, RequestId, UserName};
use crate::wire::json::Credentials;

/// How far somebody is with it.
#[derive(Debug)]
pub(crate) enum LineLogin {
    /// Nobody logs in.
    None,
    /// The next line is the password: to nothing, if that was no name. Even so it is said to nobody.
    Password(Result<UserName, ChatError>),
    /// Under this number was asked whether the password is right. It may take a code, too.
    Asked {
        id: i64,
        name: UserName,
        password: Password,
    },
    /// The next line is the code.
    Code { name: UserName, password: Password },
}

impl LineLogin {
    /// Whether the next line belongs to it.
    pub(crate) fn takes_line(&self) -> bool {
        matches!(self, Self::Password(_) | Self::Code { .. })
    }

    /// Whether the next line may belong to it.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Asked { .. })
    }

    /// What somebody logs in with whose next line this is.
    ///
    /// # Errors
    /// What is wrong with the name, or with the line.
    pub(crate) fn credentials(&self, line: &[u8]) -> Result<Credentials, ChatError> {
        let text = str::from_utf8(line).map_err(|_| ChatError::BadPassword);
        let (name, password, factor) = match self {
            Self::Password(name) => (name.clone()?, Password::read(text?)?, None),
            Self::Code { name, password } => {
                let factor = SecondFactor::parse(text?.trim())?;
                (name.clone(), password.clone(), Some(factor))
            }
            Self::None | Self::Asked { .. } => return Err(ChatError::BadPassword),
        };
        Ok(Credentials {
            name,
            password,
            factor,
            label: None,
        })
    }

    /// Learns what became of a request; whether a code is asked for now.
    pub(crate) fn learn(
        &mut self,
        re: Option<&RequestId>,
        answer: &Result<Done, ChatError>,
    ) -> bool {
        let is_own = matches!((&*self, re), (Self::Asked { id, .. }, Some(RequestId::Integer(re))) if id == re);
        if !is_own {
            return false;
        }
        let asked = std::mem::replace(self, Self::None);
        match (asked, answer) {
            (Self::Asked { name, password, .. }, Err(ChatError::TotpNeeded)) => {
                *self = Self::Code { name, password };
                true
            }
            _ => false,
        }
    }
}
