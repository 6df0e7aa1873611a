//! Why `chinwag connect` fails.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::client::close_words::close_words;
use crate::client::escape::escape_line;
use crate::websocket::CloseCode;
use crate::websocket::blocking::{ConnectError, Error, ProxyAddressError, TlsSettingsError};
use crate::websocket::handshake::HeadError;
use crate::websocket::handshake::uri::UriError;

/// Why `chinwag connect` fails.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// The URI is not that of a WebSocket resource.
    Uri(UriError),
    /// A header, the origin or a subprotocol can't be sent.
    Head(HeadError),
    /// A header is not a name, a colon and a value. It is not repeated here: it may be a secret.
    HeaderSyntax,
    /// A file with headers or certificates can't be read.
    File {
        /// Where it is.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file with certificates is of no use.
    Tls {
        /// Where it is.
        path: PathBuf,
        /// Why.
        error: TlsSettingsError,
    },
    /// The environment names a proxy that can't be understood.
    Proxy(ProxyAddressError),
    /// There is no connection.
    Connect(ConnectError),
    /// The connection failed.
    Connection(Error),
    /// The server closed the connection for this.
    ClosedByServer(CloseCode),
    /// Standard input can't be read.
    Input(io::Error),
    /// A line of standard input is not UTF-8.
    LineNotUtf8 {
        /// Which one, the first being 1.
        line: u64,
    },
    /// A line of standard input is too long.
    LineTooLong {
        /// Which one, the first being 1.
        line: u64,
        /// Bytes allowed.
        max: usize,
    },
    /// Standard output can't be written.
    Output(io::Error),
}

impl ClientError {
    /// Returns whether the command was given wrongly.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Uri(_) | Self::Head(_) | Self::HeaderSyntax => true,
            Self::File { .. }
            | Self::Tls { .. }
            | Self::Proxy(_)
            | Self::Connect(_)
            | Self::Connection(_)
            | Self::ClosedByServer(_)
            | Self::Input(_)
            | Self::LineNotUtf8 { .. }
            | Self::LineTooLong { .. }
            | Self::Output(_) => false,
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(error) => error.fmt(f),
            Self::Head(error) => error.fmt(f),
            Self::HeaderSyntax => f.write_str("a header is not of the form 'Name: value'"),
            Self::File { path, error } => write!(f, "{} can't be read: {error}", path.display()),
            Self::Tls { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Proxy(error) => error.fmt(f),
            // A server has its say in them: the names in its certificate, for one.
            Self::Connect(error) => f.write_str(&escape_line(&error.to_string())),
            Self::Connection(error) => f.write_str(&escape_line(&error.to_string())),
            Self::ClosedByServer(code) => {
                write!(f, "server closed: {}", close_words(Some(*code)))
            }
            Self::Input(error) => write!(f, "standard input can't be read: {error}"),
            Self::LineNotUtf8 { line } => {
                write!(
                    f,
                    "line {line} of standard input is not UTF-8: see --binary"
                )
            }
            Self::LineTooLong { line, max } => {
                write!(
                    f,
                    "line {line} of standard input is longer than {max} bytes"
                )
            }
            Self::Output(error) => write!(f, "standard output can't be written: {error}"),
        }
    }
}

impl StdError for ClientError {}

impl From<UriError> for ClientError {
    fn from(error: UriError) -> Self {
        Self::Uri(error)
    }
}

impl From<HeadError> for ClientError {
    fn from(error: HeadError) -> Self {
        Self::Head(error)
    }
}

impl From<ProxyAddressError> for ClientError {
    fn from(error: ProxyAddressError) -> Self {
        Self::Proxy(error)
    }
}

impl From<ConnectError> for ClientError {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error)
    }
}

impl From<Error> for ClientError {
    fn from(error: Error) -> Self {
        Self::Connection(error)
    }
}
