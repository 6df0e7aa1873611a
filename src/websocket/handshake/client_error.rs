//! Why a client does not open a connection, although the server answered.

use std::error::Error;
use std::fmt;

use crate::websocket::handshake::scanner::ScanError;

/// The server's answer is not acceptable; the transport is closed.
///
/// An answer in proper HTTP that does not open a connection is not among them: see
/// [`Progress::Refused`](crate::websocket::handshake::client::Progress::Refused).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientHandshakeError {
    /// A line does not end in CR LF, or has a CR or NUL inside (RFC 9112 §2.2).
    BadLine,
    /// The first line is not a version and a status (RFC 9112 §4).
    BadStatusLine,
    /// The first line is too long.
    StatusLineTooLong {
        /// Bytes allowed in a line.
        max: usize,
    },
    /// The version of HTTP is another one than 1.1 (RFC 6455 §4.2.2).
    UnsupportedHttpVersion,
    /// A header line is too long.
    HeaderTooLong {
        /// Which line it is, the first header being 1.
        line: usize,
        /// Bytes allowed in a line.
        max: usize,
    },
    /// There are too many headers.
    TooManyHeaders {
        /// Headers allowed.
        max: usize,
    },
    /// The whole head is too long.
    HeadTooLong {
        /// Bytes allowed.
        max: usize,
    },
    /// There are too many responses with a status below 200 before the last one.
    TooManyInterimResponses {
        /// Responses allowed.
        max: u32,
    },
    /// A header line is not a name, a colon and a value (RFC 9112 §5).
    BadHeader,
    /// A header came twice that must not (RFC 6455 §11.3).
    RepeatedHeader {
        /// Its name.
        name: &'static str,
    },
    /// A header is missing that must be there (RFC 6455 §4.1).
    MissingHeader {
        /// Its name.
        name: &'static str,
    },
    /// A header's value is not what it must be (RFC 6455 §4.1).
    BadHeaderValue {
        /// Its name.
        name: &'static str,
    },
    /// The response that opens the connection has a body (RFC 9112 §6.1).
    BodyNotAllowed,
    /// `Sec-WebSocket-Accept` does not prove that the key was understood (RFC 6455 §4.1).
    WrongAcceptKey,
    /// The server chose a subprotocol that was not offered (RFC 6455 §4.1).
    UnofferedSubprotocol,
    /// The server chose an extension that was not offered, or one twice (RFC 6455 §4.1).
    UnofferedExtension,
    /// A parameter of permessage-deflate is unknown, repeated, malformed, beyond what was offered,
    /// or not supported (RFC 7692 §7).
    BadDeflateParameter,
    /// The server does not agree to what was demanded of permessage-deflate (RFC 7692 §5.1).
    DeflateDemandUnmet,
}

impl fmt::Display for ClientHandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadLine => f.write_str("a line does not end in CR LF, or has a CR or NUL inside"),
            Self::BadStatusLine => f.write_str("the answer is not HTTP"),
            Self::StatusLineTooLong { max } => {
                write!(f, "the status line is longer than {max} bytes")
            }
            Self::UnsupportedHttpVersion => f.write_str("the answer is not in HTTP/1.1"),
            Self::HeaderTooLong { line, max } => {
                write!(f, "header line {line} is longer than {max} bytes")
            }
            Self::TooManyHeaders { max } => write!(f, "there are more than {max} headers"),
            Self::HeadTooLong { max } => {
                write!(f, "the response's head is longer than {max} bytes")
            }
            Self::TooManyInterimResponses { max } => {
                write!(f, "there are more than {max} interim responses")
            }
            Self::BadHeader => f.write_str("a header is malformed"),
            Self::RepeatedHeader { name } => write!(f, "{name} is repeated"),
            Self::MissingHeader { name } => write!(f, "{name} is missing"),
            Self::BadHeaderValue { name } => write!(f, "{name} has a wrong value"),
            Self::BodyNotAllowed => f.write_str("the response has a body"),
            Self::WrongAcceptKey => f.write_str("the accept key is that of another key"),
            Self::UnofferedSubprotocol => f.write_str("the subprotocol was not offered"),
            Self::UnofferedExtension => f.write_str("an extension was not offered"),
            Self::BadDeflateParameter => {
                f.write_str("a parameter of permessage-deflate is not acceptable")
            }
            Self::DeflateDemandUnmet => f.write_str(
                "the server does not agree to a demanded parameter of permessage-deflate",
            ),
        }
    }
}

impl Error for ClientHandshakeError {}

impl From<ScanError> for ClientHandshakeError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::BadLine => Self::BadLine,
            // A response has none: its first byte is judged before.
            ScanError::TooManyEmptyLines => Self::BadStatusLine,
            ScanError::StartLineTooLong { max } => Self::StatusLineTooLong { max },
            ScanError::HeaderTooLong { line, max } => Self::HeaderTooLong { line, max },
            ScanError::TooManyHeaders { max } => Self::TooManyHeaders { max },
            ScanError::HeadTooLong { max } => Self::HeadTooLong { max },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stay_small() {
        assert!(size_of::<ClientHandshakeError>() <= 24);
    }

    #[test]
    fn errors_say_what_is_wrong_with_its_facts() {
        let missing = ClientHandshakeError::MissingHeader { name: "Upgrade" };
        assert_eq!(missing.to_string(), "Upgrade is missing");
        let too_long = ClientHandshakeError::HeaderTooLong { line: 2, max: 9 };
        let text = "header line 2 is longer than 9 bytes";
        assert_eq!(too_long.to_string(), text);
    }
}
