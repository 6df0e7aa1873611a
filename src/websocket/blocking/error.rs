//! What a call that waits can meet: the peer's fault, the caller's, the network's, or silence.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use crate::websocket::error::{ProtocolError, SendError};
use crate::websocket::handshake::HandshakeError;

/// Why a call on a blocking connection did not do what it is for.
///
/// Only here do the errors of all sides share an enum, as one call can meet each of them. A
/// connection that ends as it should is no error: reading then gives `None`.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::blocking::{Error, WebSocket};
///
/// fn read(socket: &mut WebSocket<std::net::TcpStream>) {
///     match socket.read() {
///         Ok(Some(message)) => println!("{message:?}"),
///         Ok(None) => println!("closed: {:?}", socket.closed()),
///         Err(Error::Protocol(error)) => println!("told {}: {error}", error.close_code()),
///         Err(error) => println!("lost: {error}"),
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke the protocol; it was told so, and the connection has failed.
    Protocol(ProtocolError),
    /// The peer's opening handshake is not acceptable; it was told so.
    Handshake(HandshakeError),
    /// The application refused the opening handshake; the peer has its answer.
    Refused {
        /// The status of the answer.
        status: u16,
    },
    /// The caller asked for what can't be sent; nothing was.
    Send(SendError),
    /// The stream still does not take what a call before has left; of this one nothing was sent. It
    /// may be repeated when [`flush`](super::WebSocket::flush) has done its work.
    Unflushed,
    /// The peer's bytes ended without a closing handshake, as when its machine crashed or somebody
    /// cut the connection: what RFC 6455 §7.1.5 reports as 1006.
    Truncated,
    /// The connection was failed by this side, with [`fail`](super::WebSocket::fail), or by dropping
    /// an unfinished message.
    Abandoned,
    /// The peer took too long, and the connection is given up.
    TimedOut(Timeout),
    /// The stream failed.
    Io(IoError),
}

/// For what a peer took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timeout {
    /// The opening handshake.
    Open,
    /// An answer to a Ping, or anything else.
    Idle,
    /// Taking what is sent to it.
    Send,
    /// The closing handshake.
    Close,
}

impl Error {
    /// Returns whether the stream gave up waiting, by a timeout that the application has set on it,
    /// or because it does not block. Nothing is lost: a call that reads or closes may be repeated.
    /// One that sends has taken the message, and must not: [`flush`](super::WebSocket::flush) writes
    /// the rest.
    #[must_use]
    pub fn is_would_block(&self) -> bool {
        matches!(self, Self::Io(error) if error.is_would_block())
    }

    /// Puts the error into one of `std`, for its traits.
    pub(super) fn into_io(self) -> io::Error {
        match &self {
            Self::Io(error) => io::Error::new(error.get().kind(), self),
            Self::Truncated => io::Error::new(io::ErrorKind::UnexpectedEof, self),
            Self::TimedOut(_) => io::Error::new(io::ErrorKind::TimedOut, self),
            Self::Unflushed => io::Error::new(io::ErrorKind::WouldBlock, self),
            Self::Protocol(_)
            | Self::Handshake(_)
            | Self::Refused { .. }
            | Self::Send(_)
            | Self::Abandoned => io::Error::other(self),
        }
    }
}

/// One clause.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => error.fmt(f),
            Self::Handshake(error) => error.fmt(f),
            Self::Refused { status } => {
                write!(f, "the opening handshake was refused with status {status}")
            }
            Self::Send(error) => error.fmt(f),
            Self::Unflushed => f.write_str("what was sent before is not written yet"),
            Self::Truncated => f.write_str("connection ended without a closing handshake"),
            Self::Abandoned => f.write_str("connection was failed by this side"),
            Self::TimedOut(timeout) => timeout.fmt(f),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "peer took too long for the opening handshake",
            Self::Idle => "peer does not answer",
            Self::Send => "peer takes nothing that is sent to it",
            Self::Close => "peer took too long for the closing handshake",
        })
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Protocol(error) => Some(error),
            Self::Handshake(error) => Some(error),
            Self::Send(error) => Some(error),
            Self::Io(error) => Some(error.get()),
            Self::Refused { .. }
            | Self::Unflushed
            | Self::Truncated
            | Self::Abandoned
            | Self::TimedOut(_) => None,
        }
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<HandshakeError> for Error {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

/// A stream says by `UnexpectedEof` that its end is not the peer's doing: TLS does, without a
/// `close_notify` (RFC 8446 §6.1).
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Self::Truncated;
        }
        Self::Io(error.into())
    }
}

/// An [`io::Error`] that both halves of a connection can hold. Two of the same kind and the same
/// number of the system are equal.
#[derive(Debug, Clone)]
pub struct IoError(Arc<io::Error>);

impl IoError {
    /// Returns the error itself.
    #[must_use]
    pub fn get(&self) -> &io::Error {
        &self.0
    }

    fn is_would_block(&self) -> bool {
        is_would_block(&self.0)
    }
}

impl From<io::Error> for IoError {
    fn from(error: io::Error) -> Self {
        Self(Arc::new(error))
    }
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq for IoError {
    fn eq(&self, other: &Self) -> bool {
        let facts = |error: &Self| (error.0.kind(), error.0.raw_os_error());
        facts(self) == facts(other)
    }
}

impl Eq for IoError {}

/// Returns whether a stream gave up waiting: systems differ in which of the two they say.
pub(super) fn is_would_block(error: &io::Error) -> bool {
    use io::ErrorKind::{TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stay_small() {
        assert!(size_of::<Error>() <= 32);
    }

    #[test]
    fn errors_say_what_is_wrong_with_its_facts() {
        let io = || {
            Error::from(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the pipe is gone",
            ))
        };
        let protocol = ProtocolError::ReservedBits { bits: 4 };
        for (error, text) in [
            (protocol.into(), "reserved bits 100 are set"),
            (
                Error::Refused { status: 403 },
                "the opening handshake was refused with status 403",
            ),
            (
                Error::TimedOut(Timeout::Send),
                "peer takes nothing that is sent to it",
            ),
            (
                Error::Truncated,
                "connection ended without a closing handshake",
            ),
            (io(), "the pipe is gone"),
        ] {
            assert_eq!(error.to_string(), text);
        }
        let source = io().source().map(ToString::to_string);
        assert_eq!(source.as_deref(), Some("the pipe is gone"));
        assert!(Error::Truncated.source().is_none());
    }

    #[test]
    fn giving_up_is_told_from_failing() {
        use io::ErrorKind::{BrokenPipe, TimedOut, WouldBlock};
        for (kind, expected) in [(WouldBlock, true), (TimedOut, true), (BrokenPipe, false)] {
            let error = Error::from(io::Error::from(kind));
            assert_eq!(error.is_would_block(), expected, "{kind:?}");
        }
        assert!(!Error::Truncated.is_would_block());
    }

    #[test]
    fn errors_of_the_system_are_equal_by_kind_and_number() {
        let error = |number| IoError::from(io::Error::from_raw_os_error(number));
        let (epipe, econnreset) = (32, 104);
        assert_eq!(error(epipe), error(epipe));
        assert_ne!(error(epipe), error(econnreset));
    }
}
