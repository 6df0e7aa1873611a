//! Why no connection was opened: each step on the way to it can fail.

use std::error::Error as StdError;
use std::fmt;
use std::io;

#[cfg(feature = "tls")]
use crate::websocket::blocking::connect::client_tls::TlsSettingsError;
use crate::websocket::blocking::connect::redirect::RedirectError;
use crate::websocket::blocking::error::{Error, IoError, is_would_block};
use crate::websocket::blocking::proxy::ProxyError;
use crate::websocket::handshake::client::{ClientHandshakeError, Response};
use crate::websocket::handshake::uri::UriError;

/// Why no connection was opened. Nothing is left of the attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URI is not that of a WebSocket resource, or its host can't be named in TLS. No request
    /// was sent.
    Uri(UriError),
    /// The settings of TLS are of no use. No request was sent.
    #[cfg(feature = "tls")]
    TlsSettings(TlsSettingsError),
    /// The URI is `wss`, and the crate is built without its feature `tls`.
    TlsMissing,
    /// The name has no address.
    Resolve(IoError),
    /// None of the addresses takes a connection; what the last one said.
    Unreachable(IoError),
    /// The proxy opens no tunnel.
    Proxy(ProxyError),
    /// TLS failed: most often, the server's certificate is not trusted.
    Tls(IoError),
    /// The server's answer is not acceptable.
    Handshake(ClientHandshakeError),
    /// The server answered with another status than 101.
    Refused {
        /// The head of the answer.
        response: Box<Response>,
        /// The beginning of its body, at most 16 KiB, as far as it came in time: for people.
        body: Box<[u8]>,
    },
    /// The server redirects to where the client does not go.
    Redirect(RedirectError),
    /// The stream ended before there was an answer.
    Truncated,
    /// The stream failed before there was an answer.
    Io(IoError),
    /// All of it took longer than [`open_timeout`](super::Timeouts::open_timeout), waiting for
    /// another connection to open included.
    TimedOut,
}

impl ConnectError {
    /// Returns the status of the server that refused.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { response, .. } => Some(response.status()),
            _ => None,
        }
    }

    /// Says what it means that a stream on the way failed.
    pub(super) fn from_stream(error: io::Error) -> Self {
        if is_would_block(&error) {
            return Self::TimedOut;
        }
        // The blocking connection knows which errors are an end.
        match error.into() {
            Error::Io(error) => Self::Io(error),
            _ => Self::Truncated,
        }
    }
}

/// One clause.
impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(error) => error.fmt(f),
            #[cfg(feature = "tls")]
            Self::TlsSettings(error) => error.fmt(f),
            Self::TlsMissing => f.write_str("this program is built without TLS"),
            Self::Resolve(error) => write!(f, "name can't be resolved: {error}"),
            Self::Unreachable(error) => error.fmt(f),
            Self::Proxy(error) => error.fmt(f),
            Self::Tls(error) => write!(f, "TLS failed: {error}"),
            Self::Handshake(error) => write!(f, "answer is not acceptable: {error}"),
            Self::Refused { response, .. } => {
                write!(f, "server refused with status {}", response.status())
            }
            Self::Redirect(error) => error.fmt(f),
            Self::Truncated => f.write_str("server ended the stream without an answer"),
            Self::Io(error) => error.fmt(f),
            Self::TimedOut => f.write_str("server took too long"),
        }
    }
}

impl StdError for ConnectError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Uri(error) => Some(error),
            #[cfg(feature = "tls")]
            Self::TlsSettings(error) => Some(error),
            Self::Resolve(error)
            | Self::Unreachable(error)
            | Self::Tls(error)
            | Self::Io(error) => Some(error.get()),
            Self::Proxy(error) => Some(error),
            Self::Handshake(error) => Some(error),
            Self::Redirect(error) => Some(error),
            Self::TlsMissing | Self::Refused { .. } | Self::Truncated | Self::TimedOut => None,
        }
    }
}

impl From<UriError> for ConnectError {
    fn from(error: UriError) -> Self {
        Self::Uri(error)
    }
}

impl From<ProxyError> for ConnectError {
    fn from(error: ProxyError) -> Self {
        Self::Proxy(error)
    }
}

impl From<ClientHandshakeError> for ConnectError {
    fn from(error: ClientHandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl From<RedirectError> for ConnectError {
    fn from(error: RedirectError) -> Self {
        Self::Redirect(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stay_small() {
        assert!(size_of::<ConnectError>() <= 32);
    }

    #[test]
    fn errors_say_what_is_wrong_with_its_facts() {
        let refused = || IoError::from(io::Error::new(io::ErrorKind::ConnectionRefused, "no"));
        for (error, text) in [
            (
                ConnectError::Resolve(refused()),
                "name can't be resolved: no",
            ),
            (ConnectError::Tls(refused()), "TLS failed: no"),
            (
                ConnectError::Proxy(ProxyError::Refused { status: 502 }),
                "proxy refused with status 502",
            ),
            (ConnectError::TimedOut, "server took too long"),
        ] {
            assert_eq!(error.to_string(), text);
        }
        let source = ConnectError::Unreachable(refused());
        let source = source.source().map(ToString::to_string);
        assert_eq!(source.as_deref(), Some("no"));
        assert!(ConnectError::Truncated.source().is_none());
    }
}
