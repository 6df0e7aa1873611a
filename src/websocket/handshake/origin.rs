//! Origins: which site's page sends a request (RFC 6454).

use std::fmt::{self, Write as _};

use crate::websocket::handshake::authority::{Host, parse_authority};

/// The origin of a web page, in one form however it was written: scheme and host in lower case, no
/// port where it is the scheme's own.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::handshake::Origin;
///
/// let origin = Origin::parse(b"https://Example.com:443").expect("it is an origin");
/// assert_eq!(origin.as_str(), "https://example.com");
/// assert_eq!(Origin::parse(b"null"), None);
/// ```
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
        let host = parse_authority(authority.as_bytes()).ok()?;
        is_scheme.then(|| Self::new(scheme, host))
    }

    fn new(scheme: &str, host: Host<'_>) -> Self {
        let mut serialized = format!("{scheme}://{}", host.name()).to_ascii_lowercase();
        if let Some(port) = host
            .port()
            .filter(|&port| default_port(scheme) != Some(port))
        {
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
///
/// # Examples
///
/// ```
/// use chinwag::websocket::handshake::{Origin, origin_allowed};
///
/// let allowed: Vec<Origin> = Origin::parse(b"https://example.com").into_iter().collect();
/// assert!(origin_allowed(b"https://example.com", &allowed));
/// assert!(!origin_allowed(b"https://example.com.evil.example", &allowed));
/// ```
#[must_use]
pub fn origin_allowed(origin: &[u8], allowed: &[Origin]) -> bool {
    Origin::parse(origin).is_some_and(|origin| allowed.contains(&origin))
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
    fn origin_has_one_form() {
        for (origin, expected) in [
            ("HTTP://H:80", Some("http://h")),
            ("http://h:443", Some("http://h:443")),
            ("https://h:80", Some("https://h:80")),
            ("app+x.y-1://h:443", Some("app+x.y-1://h:443")),
            ("app://h:80", Some("app://h:80")),
            ("1http://h", None),
            ("ht_tp://h", None),
            ("://h", None),
        ] {
            let origin = Origin::parse(origin.as_bytes());
            assert_eq!(origin.as_ref().map(Origin::as_str), expected);
            assert_eq!(origin.map(|it| it.to_string()).as_deref(), expected);
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
