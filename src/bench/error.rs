//! Why `chinwag bench` measures nothing.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::bench::numbers::counted;
use crate::bench::tally::Fault;
use crate::websocket::blocking::TlsSettingsError;
use crate::websocket::handshake::HeadError;
use crate::websocket::handshake::client::ClientHandshakeError;
use crate::websocket::handshake::uri::UriError;
use crate::websocket::{CloseCode, ProtocolError};

/// Why `chinwag bench` measures nothing.
#[derive(Debug)]
#[non_exhaustive]
pub enum BenchError {
    /// The URL is not that of a WebSocket resource.
    Uri(UriError),
    /// A header, or the origin, can't be sent.
    Head(HeadError),
    /// A header is not a name, a colon and a value. It is not repeated here: it may be a secret.
    HeaderSyntax,
    /// Flags contradict each other: how.
    Flags(&'static str),
    /// A file can't be read or written.
    File {
        /// Where it is.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file with certificates is of no use.
    Ca {
        /// Where it is.
        path: PathBuf,
        /// Why.
        error: TlsSettingsError,
    },
    /// The system trusts nobody.
    Tls(TlsSettingsError),
    /// The host has no address, or none that fits where to connect from.
    Resolve(io::Error),
    /// There can't be as many open files as there are to be connections.
    OpenFiles {
        /// Files needed.
        needed: u64,
        /// Files allowed.
        limit: u64,
    },
    /// There is no such process, or it keeps what it uses to itself.
    Process {
        /// Its number.
        pid: u32,
        /// Why.
        error: io::Error,
    },
    /// A connection did not open.
    Opening {
        /// Which one, the first being 1.
        number: u64,
        /// How many there were to be.
        count: u64,
        /// Why.
        error: ConnectionError,
    },
    /// A connection opened, and failed before the load began: it was not let into the chat, or ended.
    Preparing {
        /// Which one, the first being 1.
        number: u64,
        /// How many there were to be.
        count: u64,
        /// Why.
        error: ConnectionError,
    },
    /// Something else was refused by the system: what.
    System {
        /// What it was to do.
        what: &'static str,
        /// Why it did not.
        error: io::Error,
    },
    /// It was interrupted before the measurement began.
    Interrupted {
        /// Connections that were open.
        open_count: u64,
        /// How many there were to be.
        count: u64,
    },
    /// Standard output can't be written.
    Output(io::Error),
    /// The load has run, and nothing came or was due in the measured time.
    NothingMeasured,
    /// The load has run, and the server made mistakes.
    Faults {
        /// The first one, or the first ones, if they were found together.
        first: Box<str>,
        /// How many there are beside.
        more_count: u64,
    },
}

/// Why a connection did not open, or was lost.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectionError {
    /// There is no way to the server, or it was cut.
    Io(io::Error),
    /// It took too long.
    TimedOut,
    /// The server ended the connection.
    Ended,
    /// The server answered with another status than 101.
    Refused(u16),
    /// The server's answer is not that of RFC 6455.
    Handshake(ClientHandshakeError),
    /// The server does not speak the subprotocol that the mode needs.
    NoSubprotocol,
    /// The server closed the connection.
    Closed(Option<CloseCode>),
    /// The server broke the protocol.
    Protocol(ProtocolError),
    /// A message was not what had to come.
    Wrong(Box<str>),
    /// The chat does not let us in, or throws us out.
    Denied(Box<str>),
}

impl ConnectionError {
    pub(super) fn wrong(what: impl Into<Box<str>>) -> Self {
        Self::Wrong(what.into())
    }

    /// Returns as what it counts when it happens to an open connection.
    pub(super) fn fault(&self) -> Fault {
        match self {
            Self::Io(_) | Self::TimedOut | Self::Ended | Self::Closed(_) => Fault::Lost,
            Self::Refused(_) | Self::Handshake(_) | Self::NoSubprotocol | Self::Protocol(_) => {
                Fault::Protocol
            }
            Self::Wrong(_) => Fault::Wrong,
            Self::Denied(_) => Fault::Refused,
        }
    }
}

impl BenchError {
    /// Returns whether the command was given wrongly.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Uri(_) | Self::Head(_) | Self::HeaderSyntax | Self::Flags(_)
        )
    }

    pub(super) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::System { what, error }
    }
}

impl fmt::Display for BenchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(error) => error.fmt(f),
            Self::Head(error) => error.fmt(f),
            Self::HeaderSyntax => f.write_str("a header is not of the form 'Name: value'"),
            Self::Flags(how) => f.write_str(how),
            Self::File { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Ca { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Tls(error) => error.fmt(f),
            Self::Resolve(error) => write!(f, "the host has no address: {error}"),
            Self::OpenFiles { needed, limit } => write!(
                f,
                "so many connections need {needed} open files, and the limit is {limit}: raise it \
                 (ulimit -Hn) or open fewer"
            ),
            Self::Process { pid, error } => write!(f, "process {pid} can't be measured: {error}"),
            Self::Opening {
                number,
                count,
                error,
            } => write!(f, "connection {number} of {count} did not open: {error}"),
            Self::Preparing {
                number,
                count,
                error,
            } => write!(
                f,
                "connection {number} of {count} opened, and failed before the load began: {error}"
            ),
            Self::System { what, error } => write!(f, "{what}: {error}"),
            Self::Interrupted { open_count, count } => write!(
                f,
                "interrupted when {open_count} of {count} connections were open"
            ),
            Self::NothingMeasured => {
                f.write_str("nothing was measured: no message was sent in the measured time")
            }
            Self::Output(error) => write!(f, "standard output can't be written: {error}"),
            Self::Faults {
                first,
                more_count: 0,
            } => f.write_str(first),
            Self::Faults { first, more_count } => {
                write!(f, "{first} (and {})", counted(*more_count, "more error"))
            }
        }
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                write!(
                    f,
                    "no port is left to connect from, or --source is not an address of this \
                     machine ({error})"
                )
            }
            // A server has its say in them: the names in its certificate, for one.
            Self::Io(error) => write!(f, "{}", error.to_string().escape_debug()),
            Self::TimedOut => f.write_str("it took too long"),
            Self::Ended => f.write_str("the server ended it"),
            Self::Refused(status) => write!(f, "the server refused it with status {status}"),
            Self::Handshake(error) => error.fmt(f),
            Self::NoSubprotocol => f.write_str("the server does not speak chinwag.v1 there"),
            Self::Closed(Some(code)) => write!(f, "the server closed it with code {code}"),
            Self::Closed(None) => f.write_str("the server closed it without a code"),
            Self::Protocol(error) => write!(f, "the server broke the protocol: {error}"),
            Self::Wrong(what) | Self::Denied(what) => f.write_str(what),
        }
    }
}

impl StdError for BenchError {}

impl StdError for ConnectionError {}

impl From<UriError> for BenchError {
    fn from(error: UriError) -> Self {
        Self::Uri(error)
    }
}

impl From<HeadError> for BenchError {
    fn from(error: HeadError) -> Self {
        Self::Head(error)
    }
}

impl From<io::Error> for ConnectionError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ClientHandshakeError> for ConnectionError {
    fn from(error: ClientHandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl From<ProtocolError> for ConnectionError {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}
