//! Hosts and origins: which site a request is for, and which site's page sends it (RFC 6454).

use std::fmt::{self, Write as _};

/// A host as a request names it: a name or an address, perhaps with a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host<'a> {
    name: &'a str,
    port: Option<u16>,
}

impl<'a> Host<'a> {
    /// Returns the name in the case it was sent in; an IPv6 address is in brackets.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Returns the port, if it was named.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// The origin of a web page, in one form however it was written: scheme and host in lower case, no
/// port where it is the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// `scheme://host` or `scheme://host:port`.
    serialized: String,
    scheme_len: usize,
}

impl Origin {
    /// Parses `scheme://host` or `scheme://host:port`, with nothing after it.
    ///
    /// `null`, which stands for pages that have no origin, is not one.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (scheme, authority) = str::from_utf8(value).ok()?.split_once("://")?;
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let host = parse_authority(authority.as_bytes())?;
        is_scheme.then(|| Self::new(scheme, host))
    }

    fn new(scheme: &str, host: Host<'_>) -> Self {
        let mut serialized = format!("{scheme}://{}", host.name).to_ascii_lowercase();
        if let Some(port) = host.port.filter(|&port| default_port(scheme) != Some(port)) {
            // Writing to a String can't fail.
            let _ = write!(serialized, ":{port}");
        }
        Self {
            serialized,
            scheme_len: scheme.len(),
        }
    }

    /// Returns the origin as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.serialized
    }

    /// Returns whether a page of this origin came from the very server that `host` names.
    ///
    /// Over TLS the scheme must be https. Without TLS it may be either, as a proxy in front of the
    /// server may speak TLS for it.
    #[must_use]
    pub fn is_same_origin(&self, host: Host<'_>, is_tls: bool) -> bool {
        match &self.serialized[..self.scheme_len] {
            "http" if is_tls => false,
            scheme @ ("http" | "https") => *self == Self::new(scheme, host),
            _ => false,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.serialized)
    }
}

/// Returns whether the value of an `Origin` header is one of `allowed`, exactly.
#[must_use]
pub fn origin_allowed(origin: &[u8], allowed: &[Origin]) -> bool {
    Origin::parse(origin).is_some_and(|origin| allowed.contains(&origin))
}

/// Parses `host` or `host:port`, without user information (RFC 3986 §3.2.2, RFC 9110 §7.2).
///
/// Only the characters of names and addresses that are in use: neither percent-encoding nor the
/// delimiters that RFC 3986 leaves to the scheme.
pub(crate) fn parse_authority(authority: &[u8]) -> Option<Host<'_>> {
    let authority = str::from_utf8(authority).ok()?;
    let name_len = match authority.strip_prefix('[') {
        Some(address) => address.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (name, port) = authority.split_at(name_len);
    let is_name = match name.strip_prefix('[') {
        Some(address) => {
            address.contains(':')
                && address
                    .bytes()
                    .all(|byte| byte.is_ascii_hexdigit() || b":.]".contains(&byte))
        }
        None => {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        }
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        None => return None,
        // RFC 3986 §3.2.3: a colon may be there without a port.
        Some("") => None,
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(port.parse().ok()?),
        Some(_) => return None,
    };
    is_name.then_some(Host { name, port })
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        _ if scheme.eq_ignore_ascii_case("http") => Some(80),
        _ if scheme.eq_ignore_ascii_case("https") => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(value: &str) -> Host<'_> {
        parse_authority(value.as_bytes()).unwrap()
    }

    #[test]
    fn authority_is_a_host_with_or_without_a_port() {
        for (value, name, port) in [
            ("example.com", "example.com", None),
            ("Example.com:8080", "Example.com", Some(8080)),
            ("127.0.0.1:", "127.0.0.1", None),
            ("[::1]:65535", "[::1]", Some(65535)),
            ("my_host", "my_host", None),
        ] {
            assert_eq!(host(value), Host { name, port }, "{value}");
        }
    }

    // covers: R9112-3.2-03
    #[test]
    fn anything_else_is_no_authority() {
        for value in [
            "",
            ":80",
            "a, b",
            "a b",
            "u@h",
            "h/path",
            "h:99999",
            "h:+80",
            "h:8 0",
            "h:80:80",
            "[::1",
            "[::1]80",
            "[]",
            "[localhost]",
            "::1",
            "h\u{e9}",
            "h%41",
            "h#",
            "h?q",
        ] {
            assert_eq!(parse_authority(value.as_bytes()), None, "{value}");
        }
    }

    // covers: D-17, R6455-4.2.2-04
    #[test]
    fn origins_compare_in_one_form() {
        let allowed = [Origin::parse(b"https://A.example:443").unwrap()];
        assert_eq!(allowed[0].as_str(), "https://a.example");
        for origin in [
            "https://a.example",
            "HTTPS://A.EXAMPLE",
            "https://a.example:443",
        ] {
            assert!(origin_allowed(origin.as_bytes(), &allowed), "{origin}");
        }
        for origin in [
            "",
            "null",
            "http://a.example",
            "https://a.example:80",
            "https://a.example.evil",
            "https://evil-a.example",
            "https://a.example/",
            "https://u@a.example",
            "a.example",
            "https://a.example https://b",
            "1https://a.example",
        ] {
            assert!(!origin_allowed(origin.as_bytes(), &allowed), "{origin}");
        }
    }

    #[test]
    fn same_origin_is_the_host_and_port_of_the_request() {
        for (origin, request_host, is_tls, expected) in [
            ("http://h:8080", "h:8080", false, true),
            ("http://H", "h:80", false, true),
            ("https://h", "h", true, true),
            ("https://h", "h", false, true),
            ("http://h:443", "h:443", true, false),
            ("http://h", "h:8080", false, false),
            ("http://evil", "h", false, false),
            ("chrome-extension://h", "h", false, false),
        ] {
            let origin = Origin::parse(origin.as_bytes()).unwrap();
            assert_eq!(
                origin.is_same_origin(host(request_host), is_tls),
                expected,
                "{origin}"
            );
        }
    }
}
