//! The addresses of WebSocket resources: `ws` and `wss` URIs (RFC 6455 §3).

use std::error::Error;
use std::fmt::{self, Write as _};

use crate::websocket::handshake::authority::{BadAuthority, is_ipv6, parse_authority};

/// A valid `ws` or `wss` URI.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::handshake::uri::Uri;
///
/// let uri = Uri::parse("wss://Example.com/chat?room=lobby")?;
/// assert_eq!((uri.host(), uri.port(), uri.is_secure()), ("example.com", 443, true));
/// assert_eq!(uri.resource_name(), "/chat?room=lobby");
/// assert_eq!(uri.join("https://example.com:8443/moved")?.to_string(), "wss://example.com:8443/moved");
/// # Ok::<(), chinwag::websocket::handshake::uri::UriError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Uri {
    is_secure: bool,
    /// In lower case; an IPv6 address is in brackets.
    host: String,
    port: u16,
    /// The path, which begins with a slash, and the query with its question mark.
    resource_name: String,
}

impl Uri {
    /// Parses a URI. The scheme may be in any case.
    ///
    /// # Errors
    ///
    /// The first component that is not as RFC 6455 §3 and RFC 3986 have it: there is no connecting
    /// to it then (RFC 6455 §4.1).
    pub fn parse(uri: &str) -> Result<Self, UriError> {
        judge_len(uri)?;
        let (scheme, rest) = split_scheme(uri).ok_or(UriError::NoScheme)?;
        let is_secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("ws") => false,
            _ if scheme.eq_ignore_ascii_case("wss") => true,
            _ => return Err(UriError::UnsupportedScheme),
        };
        let rest = rest.strip_prefix("//").ok_or(UriError::NoHost)?;
        Self::parse_after_scheme(is_secure, rest)
    }

    /// Makes a URI of parts that are not escaped yet. What may not stand in a URI is
    /// percent-encoded, a number sign too (RFC 6455 §3); escapes that are there already stay.
    ///
    /// `host` is a name, or an IP address with or without brackets; without a `port` it is the
    /// scheme's own; `path` may lack its first slash.
    ///
    /// # Errors
    ///
    /// [`UriError::BadHost`], [`UriError::BadPort`] for port 0, [`UriError::TooLong`].
    pub fn from_parts(
        is_secure: bool,
        host: &str,
        port: Option<u16>,
        path: &str,
        query: Option<&str>,
    ) -> Result<Self, UriError> {
        let authority = match is_ipv6(host) {
            true => format!("[{host}]"),
            false => host.to_owned(),
        };
        let mut resource_name = String::from("/");
        encode(
            path.strip_prefix('/').unwrap_or(path),
            false,
            &mut resource_name,
        );
        if let Some(query) = query {
            resource_name.push('?');
            encode(query, true, &mut resource_name);
        }
        judge_len(&resource_name)?;
        let (host, _) = parse_host_and_port(&authority)?;
        if host.len() != authority.len() {
            return Err(UriError::BadHost);
        }
        let port = port.unwrap_or(default_port(is_secure));
        if port == 0 {
            return Err(UriError::BadPort);
        }
        Ok(Self {
            is_secure,
            host,
            port,
            resource_name,
        })
    }

    /// Resolves what a `Location` header says against this URI, as RFC 3986 §5.2 does: a whole URI
    /// or a part of one. `http` and `https` stand for `ws` and `wss`; a fragment, which those may
    /// have, is dropped.
    ///
    /// Whether to go there is the caller's to judge: [`is_same_origin`](Self::is_same_origin) and
    /// [`is_secure`](Self::is_secure) help.
    ///
    /// # Errors
    ///
    /// Those of [`parse`](Self::parse).
    pub fn join(&self, location: &str) -> Result<Self, UriError> {
        judge_len(location)?;
        if let Some((scheme, rest)) = split_scheme(location) {
            let is_secure = match scheme {
                _ if scheme.eq_ignore_ascii_case("http") => false,
                _ if scheme.eq_ignore_ascii_case("https") => true,
                _ => return Self::parse(location),
            };
            let rest = rest.strip_prefix("//").ok_or(UriError::NoHost)?;
            return Self::parse_after_scheme(is_secure, without_fragment(rest));
        }
        let reference = without_fragment(location);
        if let Some(rest) = reference.strip_prefix("//") {
            return Self::parse_after_scheme(self.is_secure, rest);
        }
        let base_path = self.resource_name.split('?').next().unwrap_or("/");
        let resource_name = match reference.as_bytes() {
            [] => self.resource_name.clone(),
            [b'?', ..] => format!("{base_path}{reference}"),
            [b'/', ..] => remove_dot_segments(reference),
            _ => {
                let folder = &base_path[..=base_path.rfind('/').unwrap_or(0)];
                remove_dot_segments(&format!("{folder}{reference}"))
            }
        };
        judge_len(&resource_name)?;
        judge_resource_name(&resource_name)?;
        Ok(Self {
            resource_name,
            ..self.clone()
        })
    }

    /// Returns the host in lower case; an IPv6 address is without brackets, as resolvers take it.
    #[must_use]
    pub fn host(&self) -> &str {
        let address = self.host.strip_prefix('[');
        address.map_or(&self.host, |address| address.trim_end_matches(']'))
    }

    /// Returns the port, which is the scheme's own if none was named: 80, or 443 for `wss`.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns whether the connection runs inside TLS: whether the scheme is `wss`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Returns path and query, the target of the request: `/` at least.
    #[must_use]
    pub fn resource_name(&self) -> &str {
        &self.resource_name
    }

    /// Returns the value of the `Host` header: the host, with the port unless it is the scheme's
    /// own (RFC 6455 §4.1).
    #[must_use]
    pub fn host_header(&self) -> String {
        let mut value = self.host.clone();
        if self.port != default_port(self.is_secure) {
            // Writing to a String can't fail.
            let _ = write!(value, ":{}", self.port);
        }
        value
    }

    /// Returns whether both have the same scheme, host and port: what one may know, as the cookies
    /// sent to it, the other may know, too.
    #[must_use]
    pub fn is_same_origin(&self, other: &Self) -> bool {
        (self.is_secure, &self.host, self.port) == (other.is_secure, &other.host, other.port)
    }

    /// Parses `host [ ":" port ] [ path ] [ "?" query ]`.
    fn parse_after_scheme(is_secure: bool, rest: &str) -> Result<Self, UriError> {
        // RFC 6455 §3: these URIs have no fragments.
        if rest.contains('#') {
            return Err(UriError::Fragment);
        }
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = parse_host_and_port(authority)?;
        let resource_name = match target.starts_with('/') {
            true => target.to_owned(),
            false => format!("/{target}"),
        };
        judge_resource_name(&resource_name)?;
        Ok(Self {
            is_secure,
            host,
            port: port.unwrap_or(default_port(is_secure)),
            resource_name,
        })
    }
}

/// The URI with its scheme in lower case, and with its port if that is not the scheme's own.
impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.host_header(), self.resource_name)
    }
}

/// Leaves out the query, which may be a secret; `Display` shows all.
impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, _) = self
            .resource_name
            .split_once('?')
            .unwrap_or((&self.resource_name, ""));
        f.debug_struct("Uri")
            .field("is_secure", &self.is_secure)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("path", &path)
            .finish_non_exhaustive()
    }
}

impl std::str::FromStr for Uri {
    type Err = UriError;

    fn from_str(uri: &str) -> Result<Self, UriError> {
        Self::parse(uri)
    }
}

/// Why a text is not the URI of a WebSocket resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UriError {
    /// It is too long to be a request's target.
    TooLong {
        /// Bytes there are.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// It does not begin with a scheme and a colon.
    NoScheme,
    /// The scheme is neither `ws` nor `wss`.
    UnsupportedScheme,
    /// The scheme is not followed by two slashes and a host.
    NoHost,
    /// The host is neither a name nor an address, or user information is before it.
    BadHost,
    /// The port is not a number from 1 to 65535.
    BadPort,
    /// Path or query have a character that must be percent-encoded, or a bad escape.
    BadResourceName,
    /// It has a fragment, which `ws` and `wss` URIs never have (RFC 6455 §3).
    Fragment,
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len, max } => write!(f, "a URI of {len} bytes is longer than {max}"),
            Self::NoScheme => f.write_str("the URI has no scheme"),
            Self::UnsupportedScheme => f.write_str("the URI's scheme is neither ws nor wss"),
            Self::NoHost => f.write_str("the URI has no host"),
            Self::BadHost => f.write_str("the URI's host is malformed"),
            Self::BadPort => f.write_str("the URI's port is not a number from 1 to 65535"),
            Self::BadResourceName => f.write_str("the URI's path or query is malformed"),
            Self::Fragment => f.write_str("the URI has a fragment"),
        }
    }
}

impl Error for UriError {}

/// Splits a URI after its scheme's colon (RFC 3986 §3.1).
fn split_scheme(uri: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = uri.split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme.then_some((scheme, rest))
}

fn without_fragment(uri: &str) -> &str {
    uri.split('#').next().unwrap_or(uri)
}

/// Parses an authority, of which the port may be missing, into a host in lower case and a port.
fn parse_host_and_port(authority: &str) -> Result<(String, Option<u16>), UriError> {
    if authority.is_empty() {
        return Err(UriError::NoHost);
    }
    if authority.contains('@') {
        return Err(UriError::BadHost);
    }
    let host = parse_authority(authority.as_bytes()).map_err(|bad| match bad {
        BadAuthority::Host => UriError::BadHost,
        BadAuthority::Port => UriError::BadPort,
    })?;
    if host.name().len() > MAX_HOST_LEN {
        return Err(UriError::BadHost);
    }
    if host.port() == Some(0) {
        return Err(UriError::BadPort);
    }
    Ok((host.name().to_ascii_lowercase(), host.port()))
}

fn default_port(is_secure: bool) -> u16 {
    if is_secure { 443 } else { 80 }
}

fn judge_len(uri: &str) -> Result<(), UriError> {
    match uri.len() {
        len if len > MAX_URI_LEN => Err(UriError::TooLong {
            len,
            max: MAX_URI_LEN,
        }),
        _ => Ok(()),
    }
}

/// Judges a path with a query (RFC 3986 §3.3, §3.4).
fn judge_resource_name(name: &str) -> Result<(), UriError> {
    let is_valid = |(at, byte): (usize, u8)| match byte {
        b'%' => is_escape(&name.as_bytes()[at..]),
        _ => byte == b'?' || is_path_byte(byte),
    };
    match name.bytes().enumerate().all(is_valid) {
        true => Ok(()),
        false => Err(UriError::BadResourceName),
    }
}

/// Appends `part` with everything percent-encoded that may not stand in a path or query.
fn encode(part: &str, is_query: bool, output: &mut String) {
    for (at, byte) in part.bytes().enumerate() {
        let stays = match byte {
            b'%' => is_escape(&part.as_bytes()[at..]),
            b'?' => is_query,
            _ => is_path_byte(byte),
        };
        if stays {
            output.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(output, "%{byte:02X}");
        }
    }
}

fn is_escape(bytes: &[u8]) -> bool {
    matches!(bytes, [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

/// Returns whether `byte` stands for itself in a path: RFC 3986's `pchar`, and the slash.
fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte)
}

/// Resolves `.` and `..` in a path that begins with a slash (RFC 3986 §5.2.4); a query stays.
fn remove_dot_segments(resource_name: &str) -> String {
    let path_len = resource_name.find('?').unwrap_or(resource_name.len());
    let (path, query) = resource_name.split_at(path_len);
    let mut segments = Vec::new();
    let mut rest = path.split('/').skip(1).peekable();
    while let Some(segment) = rest.next() {
        let is_last = rest.peek().is_none();
        match segment {
            "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
        // A path that ends in dots names a folder.
        if is_last && matches!(segment, "." | "..") {
            segments.push("");
        }
    }
    format!("/{}{query}", segments.join("/"))
}

/// Longest URI in bytes. 8,000: what RFC 9112 §3 has servers take as a request line at least.
const MAX_URI_LEN: usize = 8_000;

/// Longest host in bytes: 253 are the most that DNS takes (RFC 1035 §2.3.4).
const MAX_HOST_LEN: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stay_small() {
        assert!(size_of::<UriError>() <= 24);
    }

    #[test]
    fn errors_say_what_is_wrong_with_its_facts() {
        let too_long = UriError::TooLong { len: 9, max: 8 };
        assert_eq!(too_long.to_string(), "a URI of 9 bytes is longer than 8");
        assert_eq!(UriError::NoHost.to_string(), "the URI has no host");
    }

    // The examples of RFC 3986 §5.4, as far as they are about paths and queries.
    #[test]
    fn references_are_resolved_as_in_the_examples_of_the_rfc() {
        let base = Uri::parse("ws://a/b/c/d;p?q").unwrap();
        for (reference, expected) in [
            ("g", "ws://a/b/c/g"),
            ("./g", "ws://a/b/c/g"),
            ("g/", "ws://a/b/c/g/"),
            ("/g", "ws://a/g"),
            ("//g", "ws://g/"),
            ("?y", "ws://a/b/c/d;p?y"),
            ("g?y", "ws://a/b/c/g?y"),
            ("#s", "ws://a/b/c/d;p?q"),
            ("g#s", "ws://a/b/c/g"),
            ("g?y#s", "ws://a/b/c/g?y"),
            (";x", "ws://a/b/c/;x"),
            ("g;x?y#s", "ws://a/b/c/g;x?y"),
            ("", "ws://a/b/c/d;p?q"),
            (".", "ws://a/b/c/"),
            ("./", "ws://a/b/c/"),
            ("..", "ws://a/b/"),
            ("../g", "ws://a/b/g"),
            ("../..", "ws://a/"),
            ("../../g", "ws://a/g"),
            ("../../../g", "ws://a/g"),
            ("/./g", "ws://a/g"),
            ("/../g", "ws://a/g"),
            ("g.", "ws://a/b/c/g."),
            ("..g", "ws://a/b/c/..g"),
            ("./../g", "ws://a/b/g"),
            ("g/./h", "ws://a/b/c/g/h"),
            ("g/../h", "ws://a/b/c/h"),
            ("g;x=1/../y", "ws://a/b/c/y"),
            ("g?y/../x", "ws://a/b/c/g?y/../x"),
        ] {
            let joined = base.join(reference).map(|uri| uri.to_string());
            assert_eq!(joined.as_deref(), Ok(expected), "{reference}");
        }
    }
}
