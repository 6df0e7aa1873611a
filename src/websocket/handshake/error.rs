//! Why an opening handshake is refused, and how the peer is told.

use std::error::Error;
use std::fmt;

use crate::websocket::handshake::refusal::Refusal;
use crate::websocket::handshake::scanner::ScanError;

/// The peer's request is not acceptable; the connection is closed after the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// A line does not end in CR LF, or has a CR or NUL inside (RFC 9112 §2.2).
    BadLine,
    /// More empty lines precede the request than any client sends (RFC 9112 §2.2).
    TooManyEmptyLines,
    /// The first line is not a method, a target and a version (RFC 9112 §3).
    BadRequestLine,
    /// The method is longer than any known one (RFC 9112 §3).
    MethodTooLong {
        /// Bytes allowed.
        max: usize,
    },
    /// The first line is too long (RFC 9112 §3).
    TargetTooLong {
        /// Bytes allowed in a line.
        max: usize,
    },
    /// The target is neither a path nor an http or https URI (RFC 9112 §3.2).
    BadTarget,
    /// The version of HTTP is another one (RFC 9110 §15.6.6).
    UnsupportedHttpVersion,
    /// A header line is too long (RFC 6585 §5).
    HeaderTooLong {
        /// Which line it is, the first header being 1.
        line: usize,
        /// Bytes allowed in a line.
        max: usize,
    },
    /// There are too many headers (RFC 6585 §5).
    TooManyHeaders {
        /// Headers allowed.
        max: usize,
    },
    /// The whole head is too long (RFC 6585 §5).
    HeadTooLong {
        /// Bytes allowed.
        max: usize,
    },
    /// A header line is not a name, a colon and a value (RFC 9112 §5).
    BadHeader,
    /// A header came twice that must not (RFC 9110 §5.3, RFC 6455 §11.3).
    RepeatedHeader {
        /// Its name.
        name: &'static str,
    },
    /// A header is missing that must be there (RFC 9112 §3.2, RFC 6455 §4.2.1).
    MissingHeader {
        /// Its name.
        name: &'static str,
    },
    /// A header's value is malformed.
    BadHeaderValue {
        /// Its name.
        name: &'static str,
    },
    /// The body comes in a transfer coding; only `Content-Length` is spoken (RFC 9112 §6.1).
    TransferCoding,
    /// The method is not the one that the resource has (RFC 6455 §4.2.1).
    MethodNotAllowed,
    /// The resource speaks WebSocket only, and the request does not ask for it (RFC 9110 §7.8).
    UpgradeRequired,
    /// The version of WebSocket is another one (RFC 6455 §4.4).
    UnsupportedWebSocketVersion,
    /// The request expects an interim answer that upgrades don't give (RFC 9110 §7.8).
    UnsupportedExpectation,
    /// A request that becomes a connection has a body.
    BodyNotAllowed,
    /// The page that asks is of another origin (RFC 6455 §10.2).
    OriginNotAllowed,
}

impl HandshakeError {
    /// Returns the status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::BadLine
            | Self::TooManyEmptyLines
            | Self::BadRequestLine
            | Self::BadTarget
            | Self::BadHeader
            | Self::RepeatedHeader { .. }
            | Self::MissingHeader { .. }
            | Self::BadHeaderValue { .. }
            | Self::TransferCoding
            | Self::BodyNotAllowed => 400,
            Self::OriginNotAllowed => 403,
            Self::MethodNotAllowed => 405,
            Self::TargetTooLong { .. } => 414,
            Self::UnsupportedExpectation => 417,
            Self::UpgradeRequired | Self::UnsupportedWebSocketVersion => 426,
            Self::HeaderTooLong { .. } | Self::TooManyHeaders { .. } | Self::HeadTooLong { .. } => {
                431
            }
            Self::MethodTooLong { .. } => 501,
            Self::UnsupportedHttpVersion => 505,
        }
    }

    /// Appends the whole answer, which announces that the connection closes after it: that of a
    /// [`Refusal`].
    pub fn write_response(&self, output: &mut Vec<u8>) {
        Refusal::from(*self).write(output);
    }
}

/// One clause, which is also the text of the answer: nothing of the request is in it.
impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadLine => f.write_str("a line does not end in CR LF, or has a CR or NUL inside"),
            Self::TooManyEmptyLines => f.write_str("too many empty lines precede the request"),
            Self::BadRequestLine => f.write_str("the request line is malformed"),
            Self::MethodTooLong { max } => write!(f, "the method is longer than {max} bytes"),
            Self::TargetTooLong { max } => write!(f, "the request line is longer than {max} bytes"),
            Self::BadTarget => f.write_str("the request target is malformed"),
            Self::UnsupportedHttpVersion => f.write_str("only HTTP/1.1 is spoken here"),
            Self::HeaderTooLong { line, max } => {
                write!(f, "header line {line} is longer than {max} bytes")
            }
            Self::TooManyHeaders { max } => write!(f, "there are more than {max} headers"),
            Self::HeadTooLong { max } => write!(f, "the request's head is longer than {max} bytes"),
            Self::BadHeader => f.write_str("a header is malformed"),
            Self::RepeatedHeader { name } => write!(f, "{name} is repeated"),
            Self::MissingHeader { name } => write!(f, "{name} is missing"),
            Self::BadHeaderValue { name } => write!(f, "{name} is malformed"),
            Self::TransferCoding => f.write_str("transfer codings are not spoken here"),
            Self::MethodNotAllowed => f.write_str("only GET is allowed here"),
            Self::UpgradeRequired => f.write_str("only WebSocket is spoken here"),
            Self::UnsupportedWebSocketVersion => {
                f.write_str("only version 13 of WebSocket is spoken here")
            }
            Self::UnsupportedExpectation => f.write_str("expectations are not met here"),
            Self::BodyNotAllowed => f.write_str("the request has a body"),
            Self::OriginNotAllowed => f.write_str("the origin is not allowed"),
        }
    }
}

impl Error for HandshakeError {}

impl From<ScanError> for HandshakeError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::BadLine => Self::BadLine,
            ScanError::TooManyEmptyLines => Self::TooManyEmptyLines,
            ScanError::StartLineTooLong { max } => Self::TargetTooLong { max },
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
        assert!(size_of::<HandshakeError>() <= 24);
    }

    #[test]
    fn errors_say_what_is_wrong_with_its_facts() {
        let missing = HandshakeError::MissingHeader { name: "Host" };
        assert_eq!(missing.to_string(), "Host is missing");
        let too_long = HandshakeError::HeaderTooLong { line: 2, max: 9 };
        let text = "header line 2 is longer than 9 bytes";
        assert_eq!(too_long.to_string(), text);
    }
}
