//! Logging in by lines: the password on a line, and the code of a second factor on another.
//!
//! ```text
//!  None ── --login: ──> Open ── a line ──> Asked ── right ─────────> None
//!                        │ ^                 │ ├─── code needed ──> Open, for the code
//!                        │ └── wrong, or busy ┘ └── last try ──────> None
//!                        └── an empty line ──> None
//!  None ── --login: no name ──> Misnamed ── a line ──> None
//! ```
//!
//! Nothing of it is ever shown, or said to anybody. Whoever mistypes a password types it again, and
//! must not say it to the room: so a login stays open until it succeeds, is given up, or has used up
//! its tries, and what was typed ahead of a login that fails goes nowhere.

use crate::chat::password::Password;
use crate::chat::totp::SecondFactor;
use crate::chat::{ChatError, Done, RequestId, UserName};
use crate::wire::json::Credentials;

/// How far somebody is with it.
#[derive(Debug)]
pub(crate) enum LineLogin {
    /// Nobody logs in.
    None,
    /// The next line is a password, to something that is no name.
    Misnamed(ChatError),
    /// The next line is the password, or the code.
    Open(Attempt),
    /// Under this number was asked whether what was offered is right.
    Asked {
        id: i64,
        attempt: Attempt,
        offered: Password,
    },
}

/// Somebody who tries to log in.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    name: UserName,
    /// The password, once it is known to be right and a code is wanted, too.
    password: Option<Password>,
    tries_left: u32,
}

/// What a line is to a login.
#[derive(Debug)]
pub(crate) enum Offer {
    /// Something to try.
    Try(Credentials),
    /// Nothing that could be right: said why, and that it may be typed again.
    Again(String),
    /// The end of it; `None`: by the wish of whoever typed.
    Over(Option<ChatError>),
}

/// What an answer is to a login.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// It is about something else, or whoever logs in is in: it is shown as any other.
    Other,
    /// The password is right; the next line is the code.
    CodeNeeded,
    /// It failed: said why, and that it may be typed again.
    Again(String),
    /// The end of it.
    Over(ChatError),
}

impl LineLogin {
    /// Begins with a name, or what was meant to be one: even then the next line is said to nobody.
    pub(crate) fn begin(name: &str) -> Self {
        match UserName::parse(name) {
            Ok(name) => Self::Open(Attempt {
                name,
                password: None,
                tries_left: MAX_TRIES,
            }),
            Err(error) => Self::Misnamed(error),
        }
    }

    /// Whether the next line belongs to it.
    pub(crate) fn takes_line(&self) -> bool {
        matches!(self, Self::Misnamed(_) | Self::Open(_))
    }

    /// Takes the next line.
    pub(crate) fn offer(&mut self, line: &[u8]) -> Offer {
        let attempt = match std::mem::replace(self, Self::None) {
            Self::Misnamed(error) => return Offer::Over(Some(error)),
            Self::Open(attempt) => attempt,
            Self::None | Self::Asked { .. } => return Offer::Over(None),
        };
        if line.is_empty() {
            return Offer::Over(None);
        }
        match attempt.read(line) {
            Ok(credentials) => {
                *self = Self::Open(attempt);
                Offer::Try(credentials)
            }
            Err(error) => self
                .fail(attempt, error)
                .map_or(Offer::Over(Some(error)), Offer::Again),
        }
    }

    /// Takes note that what was offered last is asked about under that number.
    pub(crate) fn asked(&mut self, id: i64, offered: Password) {
        *self = match std::mem::replace(self, Self::None) {
            Self::Open(attempt) => Self::Asked {
                id,
                attempt,
                offered,
            },
            other => other,
        };
    }

    /// Learns what became of a request.
    pub(crate) fn learn(
        &mut self,
        re: Option<&RequestId>,
        answer: &Result<Done, ChatError>,
    ) -> Outcome {
        let is_own = matches!((&*self, re), (Self::Asked { id, .. }, Some(RequestId::Integer(re))) if id == re);
        if !is_own {
            return Outcome::Other;
        }
        let asked = std::mem::replace(self, Self::None);
        let (
            Self::Asked {
                mut attempt,
                offered,
                ..
            },
            Err(error),
        ) = (asked, answer)
        else {
            return Outcome::Other;
        };
        match error {
            ChatError::TotpNeeded => {
                attempt.password = Some(offered);
                attempt.tries_left = MAX_TRIES;
                *self = Self::Open(attempt);
                Outcome::CodeNeeded
            }
            ChatError::BadPassword | ChatError::Busy(_) => self
                .fail(attempt, *error)
                .map_or(Outcome::Over(*error), Outcome::Again),
            // Neither another password nor another code helps.
            _ => Outcome::Over(*error),
        }
    }

    /// Uses up a try; what is said if one is left, for which the login is open again.
    fn fail(&mut self, mut attempt: Attempt, error: ChatError) -> Option<String> {
        let text = attempt.fail(error)?;
        *self = Self::Open(attempt);
        Some(text)
    }
}

impl Attempt {
    /// What somebody logs in with whose next line this is.
    fn read(&self, line: &[u8]) -> Result<Credentials, ChatError> {
        let text = str::from_utf8(line).map_err(|_| ChatError::BadPassword)?;
        let (password, factor) = match &self.password {
            None => (Password::read(text)?, None),
            Some(password) => (password.clone(), Some(SecondFactor::parse(text.trim())?)),
        };
        Ok(Credentials {
            name: self.name.clone(),
            password,
            factor,
            label: None,
        })
    }

    /// Uses up a try; what is said of it, unless it was the last.
    fn fail(&mut self, error: ChatError) -> Option<String> {
        self.tries_left = self.tries_left.saturating_sub(1);
        let what = match &self.password {
            None => "password",
            Some(_) => "code",
        };
        let text = format!("{error}; type the {what} again, or an empty line to give up");
        (self.tries_left > 0).then_some(text)
    }
}

/// Of the password, and of the code: who has mistyped both of them so often looks them up.
const MAX_TRIES: u32 = 3;
