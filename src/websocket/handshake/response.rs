//! Heads of responses, as a client reads them (RFC 9112 §4).

use std::fmt;

use crate::websocket::handshake::client_error::ClientHandshakeError;
use crate::websocket::handshake::fields::Fields;
use crate::websocket::handshake::http::Version;
use crate::websocket::handshake::scanner::{Head, StartLine};

/// The head of a response.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
}

impl Response {
    pub(crate) fn new(status: u16, fields: &Fields<'_>) -> Self {
        let owned = |(name, value): (&str, &[u8])| (name.to_owned(), value.to_owned());
        Self {
            status,
            headers: fields.iter().map(owned).collect(),
        }
    }

    /// Returns the status, which has three digits.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns the first value of the header of that name, in any case, without spaces around it.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers(name).next()
    }

    /// Returns the values of all headers of that name, in any case, without spaces around them.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.all_headers()
            .filter(move |(header_name, _)| header_name.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Returns names and values of all headers, in the order in which they came.
    pub fn all_headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
    }
}

/// Shows the headers' names; their values may be secrets.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &names)
            .finish()
    }
}

/// The parts of a response's first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StatusLine {
    pub(crate) version: Version,
    pub(crate) status: u16,
}

impl StatusLine {
    /// Parses `version SP status [ SP reason ]`; the reason is not looked at (RFC 9112 §4).
    pub(crate) fn parse(line: &[u8]) -> Result<Self, ClientHandshakeError> {
        let bad = ClientHandshakeError::BadStatusLine;
        let (version, rest) = match line {
            [
                b'H',
                b'T',
                b'T',
                b'P',
                b'/',
                b'1',
                b'.',
                b'1',
                b' ',
                rest @ ..,
            ] => (Version::Http11, rest),
            [
                b'H',
                b'T',
                b'T',
                b'P',
                b'/',
                b'1',
                b'.',
                b'0',
                b' ',
                rest @ ..,
            ] => (Version::Http10, rest),
            [b'H', b'T', b'T', b'P', b'/', major, b'.', minor, b' ', ..]
                if *major != b'1' && major.is_ascii_digit() && minor.is_ascii_digit() =>
            {
                return Err(ClientHandshakeError::UnsupportedHttpVersion);
            }
            _ => return Err(bad),
        };
        let (digits, reason) = rest.split_first_chunk::<3>().ok_or(bad)?;
        // The space before an empty reason is missing often enough, and nothing depends on it.
        let is_reason = matches!(reason, [] | [b' ', ..])
            && !reason
                .iter()
                .any(|&byte| byte.is_ascii_control() && byte != b'\t');
        let status = str::from_utf8(digits)
            .ok()
            .filter(|digits| is_reason && digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok())
            .filter(|status| *status >= 100)
            .ok_or(bad)?;
        Ok(Self { version, status })
    }
}

impl StartLine for StatusLine {
    type Error = ClientHandshakeError;

    /// Judges the protocol's name: what speaks another one is told from HTTP at its first byte.
    fn judge_beginning(line: &[u8]) -> Result<(), ClientHandshakeError> {
        let common_len = line.len().min(PROTOCOL.len());
        match line[..common_len] == PROTOCOL[..common_len] {
            true => Ok(()),
            false => Err(ClientHandshakeError::BadStatusLine),
        }
    }

    fn judge(line: &[u8]) -> Result<(), ClientHandshakeError> {
        Self::parse(line).map(|_| ())
    }
}

/// Parses the head of a response that is at the front of `bytes`; mends folded lines in place.
pub(crate) fn parse_response(
    bytes: &mut [u8],
    head: Head,
) -> Result<(StatusLine, Fields<'_>), ClientHandshakeError> {
    let (first_line, lines) = bytes[..head.len].split_at_mut(head.headers_start);
    let status_line = StatusLine::parse(first_line.trim_ascii_end())?;
    let folded_count = unfold(lines);
    let fields = Fields::parse(lines, head.header_count - folded_count)
        .ok_or(ClientHandshakeError::BadHeader)?;
    Ok((status_line, fields))
}

/// Puts spaces where lines are folded, as RFC 9112 §5.2 has clients do; returns in how many places.
///
/// A space before the first header folds nothing: it makes that header malformed.
fn unfold(lines: &mut [u8]) -> usize {
    let mut folded_count = 0;
    for at in 2..lines.len() {
        if let [end @ .., b' ' | b'\t'] = &mut lines[at - 2..=at]
            && end == b"\r\n"
        {
            end.fill(b' ');
            folded_count += 1;
        }
    }
    folded_count
}

const PROTOCOL: &[u8] = b"HTTP/";
