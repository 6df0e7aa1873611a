//! Why a request was refused, as the user is told.

use std::fmt;

/// A refusal that belongs to the user's request; the connection stays.
///
/// [`code`](Self::code) is for programs, `Display` for people.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ChatError {
    /// The request is not of the form that its type demands; the field that is wrong.
    BadRequest(&'static str),
    /// No request has that type.
    UnknownType,
    /// Nothing but `hello` is answered before a name is known.
    NotAuthenticated,
    /// The token was not made here, or what it was made for is over.
    BadToken,
    /// Name and password do not belong together, or the code is wrong.
    BadPassword,
    /// The password is right, and a second factor is needed.
    TotpNeeded,
    /// Whoever asks may not do that; what it takes.
    Forbidden(&'static str),
    /// There is no such thing; which kind of thing.
    NotFound(&'static str),
    /// Somebody present has that name, or one that looks like it.
    NameTaken,
    /// The name breaks a rule; which one.
    NameInvalid(&'static str),
    /// The room's name breaks a rule; which one.
    RoomInvalid(&'static str),
    /// A room of that name exists.
    RoomExists,
    /// A text has more than `max` characters or bytes.
    TooLong {
        /// What is too long.
        what: &'static str,
        /// The limit, in `unit`s.
        max: usize,
        /// `characters` or `bytes`.
        unit: Unit,
    },
    /// A text has nothing in it.
    Empty(&'static str),
    /// Too many requests; the same one passes after this many milliseconds.
    RateLimited {
        /// How long to wait.
        retry_after_ms: u32,
    },
    /// The server cannot do it now; nothing was done. What is short.
    Busy(&'static str),
    /// It is so already.
    Already(&'static str),
    /// Whoever asks is kept out of the room.
    Banned {
        /// For so many seconds more; `None`: until somebody lifts it.
        left_s: Option<u64>,
    },
    /// Whoever asks is kept out of the whole server.
    BannedFromServer {
        /// For so many seconds more; `None`: until somebody lifts it.
        left_s: Option<u64>,
    },
    /// Whoever asks may not speak in the room.
    Muted {
        /// For so many seconds more; `None`: until somebody lifts it.
        left_s: Option<u64>,
    },
    /// Nobody can speak there; why.
    ReadOnly(&'static str),
}

/// What a length is counted in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unit {
    /// Octets of UTF-8.
    Bytes,
    /// Unicode scalar values.
    Characters,
}

impl ChatError {
    /// The code that stands for this refusal on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::UnknownType => "unknown_type",
            Self::NotAuthenticated | Self::BadToken | Self::BadPassword | Self::TotpNeeded => {
                "not_authenticated"
            }
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not_found",
            Self::NameTaken => "name_taken",
            Self::NameInvalid(_) => "name_invalid",
            Self::RoomInvalid(_) => "room_invalid",
            Self::RoomExists => "room_exists",
            Self::TooLong { .. } => "too_long",
            Self::Empty(_) => "empty",
            Self::RateLimited { .. } => "rate_limited",
            Self::Busy(_) => "busy",
            Self::Already(_) => "already",
            Self::Banned { .. } | Self::BannedFromServer { .. } => "banned",
            Self::Muted { .. } => "muted",
            Self::ReadOnly(_) => "read_only",
        }
    }

    /// After how many milliseconds the same request may be tried again, where that is known.
    pub fn retry_after_ms(self) -> Option<u32> {
        match self {
            Self::RateLimited { retry_after_ms } => Some(retry_after_ms),
            Self::Busy(_) => Some(BUSY_RETRY_MS),
            Self::Banned { left_s }
            | Self::BannedFromServer { left_s }
            | Self::Muted { left_s } => u32::try_from(left_s?.checked_mul(1_000)?).ok(),
            _ => None,
        }
    }
}

impl fmt::Display for ChatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::BadRequest(what) => write!(f, "the request is malformed: {what}"),
            Self::UnknownType => f.write_str("no request has this type"),
            Self::NotAuthenticated => f.write_str("say hello with a name first"),
            Self::BadToken => f.write_str("this token was not made here, or is over"),
            Self::BadPassword => f.write_str("name, password or code is wrong"),
            Self::TotpNeeded => f.write_str("the code of your device is needed, too"),
            Self::Forbidden(why) => write!(f, "not allowed: {why}"),
            Self::NotFound(what) => write!(f, "there is no such {what}"),
            Self::NameTaken => {
                f.write_str("somebody here has this name, or one that looks like it")
            }
            Self::NameInvalid(why) => write!(f, "this name cannot be used: {why}"),
            Self::RoomInvalid(why) => write!(f, "this room name cannot be used: {why}"),
            Self::RoomExists => f.write_str("a room of this name exists"),
            Self::TooLong { what, max, unit } => {
                write!(f, "{what} is too long: at most {max} {unit}")
            }
            Self::Empty(what) => write!(f, "{what} is empty"),
            Self::RateLimited { retry_after_ms } => {
                write!(f, "too fast: try again in {retry_after_ms} ms")
            }
            Self::Busy(why) => write!(f, "the server is busy, nothing was done: {why}"),
            Self::Already(what) => write!(f, "nothing to do: {what}"),
            Self::Banned { left_s: None } => f.write_str("you are banned from this room"),
            Self::Banned { left_s: Some(left) } => {
                write!(f, "you are banned from this room for {left} more seconds")
            }
            Self::BannedFromServer { left_s: None } => {
                f.write_str("you are banned from this server")
            }
            Self::BannedFromServer { left_s: Some(left) } => {
                write!(f, "you are banned from this server for {left} more seconds")
            }
            Self::Muted { left_s: None } => f.write_str("you are muted in this room"),
            Self::Muted { left_s: Some(left) } => {
                write!(f, "you are muted in this room for {left} more seconds")
            }
            Self::ReadOnly(why) => write!(f, "nobody can speak here: {why}"),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Characters => "characters",
        })
    }
}

impl std::error::Error for ChatError {}

/// A full disk or a full queue clears within seconds or not at all.
const BUSY_RETRY_MS: u32 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_is_small_enough_to_return_everywhere() {
        assert!(size_of::<ChatError>() <= 40);
    }
}
