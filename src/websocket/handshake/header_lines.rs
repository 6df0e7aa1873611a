//! Header lines that the caller wants in a head, checked before they are written.

use std::error::Error;
use std::fmt;

use crate::websocket::handshake::fields::{is_token, trim};

/// The caller asked for a head that can't be written; nothing was appended to the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadError {
    /// A header's name is not a token (RFC 9110 §5.1).
    BadHeaderName,
    /// A header's value has a line end or another control character inside (RFC 9110 §5.5).
    BadHeaderValue,
    /// The header is the handshake's own business.
    ReservedHeader {
        /// Its name.
        name: &'static str,
    },
    /// A subprotocol is not a token (RFC 6455 §4.1).
    BadSubprotocol,
    /// A subprotocol is offered twice (RFC 6455 §4.1).
    RepeatedSubprotocol,
    /// The status is not from 200 to 599, or is one of a response that never has a body.
    BadStatus {
        /// The status.
        status: u16,
    },
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadHeaderName => f.write_str("a header's name is not a token"),
            Self::BadHeaderValue => f.write_str("a header's value has a control character"),
            Self::ReservedHeader { name } => write!(f, "{name} is not the caller's to set"),
            Self::BadSubprotocol => f.write_str("a subprotocol is not a token"),
            Self::RepeatedSubprotocol => f.write_str("a subprotocol is offered twice"),
            Self::BadStatus { status } => write!(f, "status {status} is no answer to a handshake"),
        }
    }
}

impl Error for HeadError {}

/// Headers of the caller's choice. Names are tokens, values have no control character but tabs:
/// each of them stays one line.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct HeaderLines(Vec<(String, Vec<u8>)>);

impl HeaderLines {
    pub(crate) fn push(&mut self, name: &str, value: &[u8]) -> Result<(), HeadError> {
        if !is_token(name.as_bytes()) {
            return Err(HeadError::BadHeaderName);
        }
        let mut reserved = RESERVED.iter().copied();
        if let Some(name) = reserved.find(|reserved| reserved.eq_ignore_ascii_case(name)) {
            return Err(HeadError::ReservedHeader { name });
        }
        let value = judge_value(value)?;
        self.0.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    /// Adds a header of our own, which needs no judgement.
    pub(crate) fn push_known(&mut self, name: &'static str, value: &'static str) {
        self.0.push((name.to_owned(), value.into()));
    }

    pub(crate) fn write(&self, output: &mut Vec<u8>) {
        for (name, value) in &self.0 {
            write_line(name, value, output);
        }
    }
}

/// Shows the names; values may be secrets.
impl fmt::Debug for HeaderLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

/// Appends a line; name and value are valid.
pub(crate) fn write_line(name: &str, value: &[u8], output: &mut Vec<u8>) {
    output.extend_from_slice(name.as_bytes());
    output.extend_from_slice(b": ");
    output.extend_from_slice(value);
    output.extend_from_slice(b"\r\n");
}

/// Returns the value without spaces around it, if it can stand in a line (RFC 9110 §5.5).
pub(crate) fn judge_value(value: &[u8]) -> Result<&[u8], HeadError> {
    let value = trim(value);
    match value
        .iter()
        .any(|&byte| byte.is_ascii_control() && byte != b'\t')
    {
        true => Err(HeadError::BadHeaderValue),
        false => Ok(value),
    }
}

/// What the handshake writes itself, and what would change where the head ends for one who reads it.
const RESERVED: [&str; 12] = [
    "Connection",
    "Content-Length",
    "Expect",
    "Host",
    "Origin",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Version",
    "Transfer-Encoding",
    "Upgrade",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stay_small() {
        assert!(size_of::<HeadError>() <= 24);
    }

    #[test]
    fn errors_say_what_is_wrong_with_its_facts() {
        let reserved = HeadError::ReservedHeader { name: "Host" };
        assert_eq!(reserved.to_string(), "Host is not the caller's to set");
        let bad = HeadError::BadStatus { status: 101 };
        assert_eq!(bad.to_string(), "status 101 is no answer to a handshake");
    }

    #[test]
    fn line_stays_one_line() {
        for (name, value, expected) in [
            ("X", "a", Ok("X: a\r\n")),
            ("X", "", Ok("X: \r\n")),
            ("x-Y", " a\tb ", Ok("x-Y: a\tb\r\n")),
            ("X", "\u{e9}", Ok("X: \u{e9}\r\n")),
            ("", "a", Err(HeadError::BadHeaderName)),
            ("X:", "a", Err(HeadError::BadHeaderName)),
            ("X Y", "a", Err(HeadError::BadHeaderName)),
            ("X\r\nY", "a", Err(HeadError::BadHeaderName)),
            ("X", "a\r\nY: b", Err(HeadError::BadHeaderValue)),
            ("X", "a\nb", Err(HeadError::BadHeaderValue)),
            ("X", "a\rb", Err(HeadError::BadHeaderValue)),
            ("X", "a\0b", Err(HeadError::BadHeaderValue)),
            ("X", "a\n", Err(HeadError::BadHeaderValue)),
            ("HOST", "a", Err(HeadError::ReservedHeader { name: "Host" })),
        ] {
            let mut lines = HeaderLines::default();
            let mut output = Vec::new();
            let pushed = lines.push(name, value.as_bytes()).map(|()| {
                lines.write(&mut output);
                str::from_utf8(&output).unwrap()
            });
            assert_eq!(pushed, expected, "{name:?}: {value:?}");
        }
    }
}
