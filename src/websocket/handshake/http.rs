//! Parses the head of an HTTP/1.1 request, strictly (RFC 9112).
//!
//! Whatever two parsers might understand differently is refused here rather than mended: bare line
//! ends, folded lines, repeated headers that must be single, bodies in transfer codings. Header
//! values are bytes, as RFC 9110 §5.5 has them.

use std::fmt;

use crate::websocket::handshake::HandshakeError;
pub use crate::websocket::handshake::authority::Host;
use crate::websocket::handshake::authority::parse_authority;
use crate::websocket::handshake::cookie::cookies;
use crate::websocket::handshake::fields::{Fields, is_token_byte};
use crate::websocket::handshake::scanner::{Head, Scanner, StartLine};

/// Bounds of a request's head; each default says where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpLimits {
    /// Bytes of the whole head. 16 KiB: browsers with many cookies stay below.
    pub max_head_len: usize,
    /// Bytes of a line, its end included. 8 KiB: RFC 9112 §3 recommends 8,000 at least.
    pub max_line_len: usize,
    /// Headers. 128: browsers send fewer than 30.
    pub max_header_count: usize,
    /// Empty lines before the request, of which RFC 9112 §2.2 wants one ignored. 8.
    pub max_empty_lines: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            max_head_len: 16 * 1024,
            max_line_len: 8 * 1024,
            max_header_count: 128,
            max_empty_lines: 8,
        }
    }
}

/// How far a request's head was scanned.
///
/// It looks at each byte once, however the head is cut, and refuses early what can't become one.
/// # Examples
///
/// ```
/// use chinwag::websocket::handshake::http::{HeadScanner, HttpLimits, parse_request};
///
/// let limits = HttpLimits::default();
/// let mut scanner = HeadScanner::new(&limits);
/// let mut received = b"GET /chat HTTP/1.1\r\nHost: exam".to_vec();
/// assert_eq!(scanner.scan(&received)?, None);
/// received.extend_from_slice(b"ple.com\r\n\r\nwhat follows");
/// let head_len = scanner.scan(&received)?.expect("the head is complete");
/// assert_eq!(&received[head_len..], b"what follows");
/// let (request, _) = parse_request(&received, &limits)?.expect("the head is complete");
/// assert_eq!((request.method(), request.path()), ("GET", "/chat"));
/// # Ok::<(), chinwag::websocket::handshake::HandshakeError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct HeadScanner(Scanner<RequestLine<'static>>);

impl HeadScanner {
    /// Makes a scanner for one head.
    #[must_use]
    pub fn new(limits: &HttpLimits) -> Self {
        Self(Scanner::new(limits))
    }

    /// Scans what was added to `input` since the last call, and returns the length of the head once
    /// it is complete. `input` always begins with the first byte of the head.
    ///
    /// # Errors
    ///
    /// The first thing in the head that is wrong, as soon as it can be told.
    pub fn scan(&mut self, input: &[u8]) -> Result<Option<usize>, HandshakeError> {
        Ok(self.find_head(input)?.map(|head| head.len))
    }

    fn find_head(&mut self, input: &[u8]) -> Result<Option<Head>, HandshakeError> {
        self.0.find_head(input)
    }
}

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// The head of a request.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::handshake::http::{HttpLimits, parse_request};
///
/// let head = b"GET /chat?room=lobby HTTP/1.1\r\nHost: example.com:8080\r\nAccept: a\r\n\r\n";
/// let (request, _) = parse_request(head, &HttpLimits::default())?.expect("the head is complete");
/// assert_eq!((request.path(), request.query()), ("/chat", Some("room=lobby")));
/// assert_eq!(request.host().map(|it| (it.name(), it.port())), Some(("example.com", Some(8080))));
/// assert_eq!(request.header("accept"), Some(&b"a"[..]));
/// # Ok::<(), chinwag::websocket::handshake::HandshakeError>(())
/// ```
#[derive(Clone)]
pub struct Request<'a> {
    line: RequestLine<'a>,
    host: Option<Host<'a>>,
    content_len: u64,
    fields: Fields<'a>,
}

/// Parses a request's head at the front of `input`; returns its length, too, or `None` if it is
/// incomplete.
///
/// Each call begins anew: where a head comes in many small parts, a [`HeadScanner`] tells when it is
/// complete.
///
/// # Errors
///
/// The first thing in the head that is wrong, as soon as it can be told.
pub fn parse_request<'a>(
    input: &'a [u8],
    limits: &HttpLimits,
) -> Result<Option<(Request<'a>, usize)>, HandshakeError> {
    let Some(head) = HeadScanner::new(limits).find_head(input)? else {
        return Ok(None);
    };
    let line = input[head.start..head.headers_start].trim_ascii_end();
    let line = RequestLine::parse(line)?;
    let lines = &input[head.headers_start..head.len];
    let fields = Fields::parse(lines, head.header_count).ok_or(HandshakeError::BadHeader)?;
    Ok(Some((Request::new(line, fields)?, head.len)))
}

impl<'a> Request<'a> {
    fn new(line: RequestLine<'a>, fields: Fields<'a>) -> Result<Self, HandshakeError> {
        let mut request = Self {
            line,
            host: None,
            content_len: 0,
            fields,
        };
        if let Some(name) = request.fields.repeated(&SINGLE_HEADERS) {
            return Err(HandshakeError::RepeatedHeader { name });
        }
        request.host = request.parse_host()?;
        request.content_len = request.parse_content_len()?;
        if request.header("Transfer-Encoding").is_some() {
            return Err(HandshakeError::TransferCoding);
        }
        Ok(request)
    }

    /// Returns the method, in the case it was sent in.
    #[must_use]
    pub fn method(&self) -> &'a str {
        self.line.method
    }

    /// Returns the path of the target, which begins with a slash; nothing in it is decoded.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.line.target.path
    }

    /// Returns what follows the target's question mark, if it has one.
    #[must_use]
    pub fn query(&self) -> Option<&'a str> {
        self.line.target.query
    }

    /// Returns the version of HTTP.
    #[must_use]
    pub fn version(&self) -> Version {
        self.line.version
    }

    /// Returns the host that the request is for: the target's if that is a whole URI (RFC 9112
    /// §3.2.2), else that of the `Host` header, which only HTTP/1.0 lacks.
    #[must_use]
    pub fn host(&self) -> Option<Host<'a>> {
        self.line.target.host.or(self.host)
    }

    /// Returns the length of the body that follows, in bytes.
    #[must_use]
    pub fn content_len(&self) -> u64 {
        self.content_len
    }

    /// Returns whether the client takes another answer on the same connection (RFC 9112 §9.3).
    #[must_use]
    pub fn is_persistent(&self) -> bool {
        self.version() == Version::Http11 && !self.has_token("Connection", "close")
    }

    /// Returns the first value of the header of that name, in any case, without spaces around it.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers(name).next()
    }

    /// Returns the values of all headers of that name, in any case, without spaces around them.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.all(name)
    }

    /// Returns the elements of a header that is a list of tokens (RFC 9110 §5.6.1), over all lines
    /// of it; empty ones are left out.
    pub fn header_tokens(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.tokens(name)
    }

    /// Returns names and values of the cookies, over all lines of `Cookie`.
    ///
    /// Names and values are as the client sent them: it may be anyone, and quotes are part of the
    /// value. What has no name is left out.
    pub fn cookies(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        cookies(self.fields.all("Cookie"))
    }

    /// Returns the value of the first cookie of that name, which is the one that fits the path best
    /// (RFC 6265 §5.4).
    /// # Examples
    ///
    /// ```
    /// use chinwag::websocket::handshake::http::{HttpLimits, parse_request};
    ///
    /// let head = b"GET / HTTP/1.1\r\nHost: h\r\nCookie: theme=dark; session=81c0\r\n\r\n";
    /// let (request, _) = parse_request(head, &HttpLimits::default())?.expect("the head is complete");
    /// assert_eq!(request.cookie("session"), Some(&b"81c0"[..]));
    /// # Ok::<(), chinwag::websocket::handshake::HandshakeError>(())
    /// ```
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&'a [u8]> {
        self.cookies()
            .find(|(cookie_name, _)| *cookie_name == name.as_bytes())
            .map(|(_, value)| value)
    }

    pub(crate) fn has_token(&self, name: &str, expected: &str) -> bool {
        self.fields.has_token(name, expected)
    }

    /// Parses the `Host` header; the target's authority does not make up for it (RFC 9112 §3.2).
    fn parse_host(&self) -> Result<Option<Host<'a>>, HandshakeError> {
        match (self.header("Host"), self.version()) {
            (Some(value), _) => match parse_authority(value) {
                Ok(host) => Ok(Some(host)),
                Err(_) => Err(HandshakeError::BadHeaderValue { name: "Host" }),
            },
            (None, Version::Http10) => Ok(None),
            (None, Version::Http11) => Err(HandshakeError::MissingHeader { name: "Host" }),
        }
    }

    fn parse_content_len(&self) -> Result<u64, HandshakeError> {
        let Some(value) = self.header("Content-Length") else {
            return Ok(0);
        };
        // Digits only: u64's own parser takes a sign, and fails what does not fit.
        str::from_utf8(value)
            .ok()
            .filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|value| value.parse().ok())
            .ok_or(HandshakeError::BadHeaderValue {
                name: "Content-Length",
            })
    }
}

/// Shows the path and the headers' names; query and values may be secrets.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.fields.iter().map(|(name, _)| name).collect();
        f.debug_struct("Request")
            .field("method", &self.method())
            .field("path", &self.path())
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

/// The parts of a request's first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RequestLine<'a> {
    method: &'a str,
    target: Target<'a>,
    version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Target<'a> {
    host: Option<Host<'a>>,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> RequestLine<'a> {
    /// Parses `method SP target SP version`, with exactly one space each (RFC 9112 §3).
    fn parse(line: &'a [u8]) -> Result<Self, HandshakeError> {
        // RFC 9112 §2.2: octets, of which a valid line has only visible ASCII and the two spaces.
        let line = str::from_utf8(line).map_err(|_| HandshakeError::BadRequestLine)?;
        if !line
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic())
        {
            return Err(HandshakeError::BadRequestLine);
        }
        let mut parts = line.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(HandshakeError::BadRequestLine);
        };
        let version = match version.as_bytes() {
            b"HTTP/1.1" => Version::Http11,
            b"HTTP/1.0" => Version::Http10,
            [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
                if *major != b'1' && major.is_ascii_digit() && minor.is_ascii_digit() =>
            {
                return Err(HandshakeError::UnsupportedHttpVersion);
            }
            _ => return Err(HandshakeError::BadRequestLine),
        };
        let target = Target::parse(target).ok_or(HandshakeError::BadTarget)?;
        Ok(Self {
            method,
            target,
            version,
        })
    }
}

impl StartLine for RequestLine<'_> {
    type Error = HandshakeError;

    /// Judges the method, of which as little as its first byte may be there: what speaks another
    /// protocol (TLS, say) is told from HTTP at once.
    fn judge_beginning(line: &[u8]) -> Result<(), HandshakeError> {
        if let [b'\r', rest @ ..] = line {
            return match rest {
                [] | [b'\n', ..] => Ok(()),
                _ => Err(HandshakeError::BadLine),
            };
        }
        for (index, &byte) in line.iter().enumerate() {
            match byte {
                b' ' if index > 0 => return Ok(()),
                b'\r' | b'\n' => return Ok(()),
                _ if !is_token_byte(byte) => return Err(HandshakeError::BadRequestLine),
                _ if index == MAX_METHOD_LEN => {
                    return Err(HandshakeError::MethodTooLong {
                        max: MAX_METHOD_LEN,
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn judge(line: &[u8]) -> Result<(), HandshakeError> {
        RequestLine::parse(line).map(|_| ())
    }
}

impl<'a> Target<'a> {
    /// Parses a path with a query, alone (origin-form) or in a URI (absolute-form).
    fn parse(target: &'a str) -> Option<Self> {
        if target.contains('#') {
            return None;
        }
        let (host, rest) = if target.starts_with('/') {
            (None, target)
        } else {
            let (scheme, rest) = target.split_once("://")?;
            if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
                return None;
            }
            let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            (Some(parse_authority(authority.as_bytes()).ok()?), rest)
        };
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        Some(Self {
            host,
            path: if path.is_empty() { "/" } else { path },
            query,
        })
    }
}

/// Longest method in bytes: registered ones have at most 17 (`UPDATEREDIRECTREF`).
const MAX_METHOD_LEN: usize = 32;

/// Headers that two parsers could take for two different requests if they came twice.
const SINGLE_HEADERS: [&str; 7] = [
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "Authorization",
    "Origin",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
];
