//! Proxies: where they are, when they serve, how they are asked for a tunnel.
//!
//! [`Proxies`] chooses one for a host. What is then said to it is a state machine without I/O, one
//! for each protocol; to both the server's name goes as it is, and they resolve it.

mod choice;
mod error;
mod http_connect;
mod no_proxy;
mod percent;
mod socks5;

use std::fmt;
use std::str::FromStr;

pub use choice::Proxies;
pub use error::{ProxyAddressError, ProxyError};

use crate::websocket::blocking::proxy::http_connect::HttpConnect;
use crate::websocket::blocking::proxy::percent::decode;
use crate::websocket::blocking::proxy::socks5::Socks5;

/// A proxy's protocol, address and credentials, as in `http://user:password@proxy.example:3128`.
///
/// The schemes are `http` (the CONNECT method, RFC 9110 §9.3.6) and `socks5` or `socks5h` (RFC 1928,
/// RFC 1929): the server's name is resolved by the proxy with either. Without a scheme it is `http`.
/// Ports default to 80 and 1080. User and password may be percent-encoded.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::blocking::Proxy;
///
/// let proxy: Proxy = "socks5://ada:secret@proxy.example".parse()?;
/// assert_eq!((proxy.host(), proxy.port()), ("proxy.example", 1080));
/// # Ok::<(), chinwag::websocket::blocking::ProxyAddressError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    protocol: ProxyProtocol,
    host: String,
    port: u16,
    credentials: Option<Credentials>,
}

/// How a proxy is asked for a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// HTTP's CONNECT method.
    Http,
    /// SOCKS version 5.
    Socks5,
}

/// A user and a password, percent-decoded; neither has more than 255 bytes.
#[derive(Clone, PartialEq, Eq)]
struct Credentials {
    user: Vec<u8>,
    password: Vec<u8>,
}

impl Proxy {
    /// Returns how the proxy is asked for a tunnel.
    #[must_use]
    pub fn protocol(&self) -> ProxyProtocol {
        self.protocol
    }

    /// Returns the proxy's name or address; an IPv6 address is without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the proxy's port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Proxy {
    type Err = ProxyAddressError;

    fn from_str(text: &str) -> Result<Self, ProxyAddressError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (protocol, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (ProxyProtocol::Http, 80),
            "socks5" | "socks5h" => (ProxyProtocol::Socks5, 1080),
            _ => return Err(ProxyAddressError::UnsupportedScheme),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        // The last one: programs that write these forget to encode an at sign in a password.
        let (user_info, host_and_port) = match authority.rsplit_once('@') {
            Some((user_info, rest)) => (Some(user_info), rest),
            None => (None, authority),
        };
        let (host, port) = parse_host(host_and_port)?;
        Ok(Self {
            protocol,
            host: host.to_owned(),
            port: port.unwrap_or(default_port),
            credentials: user_info.map(Credentials::parse).transpose()?,
        })
    }
}

/// Shows no credentials.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("protocol", &self.protocol)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("has_credentials", &self.credentials.is_some())
            .finish()
    }
}

impl Credentials {
    fn parse(user_info: &str) -> Result<Self, ProxyAddressError> {
        let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
        let decode = |text| decode(text).ok_or(ProxyAddressError::BadCredentials);
        let (user, password) = (decode(user)?, decode(password)?);
        // RFC 1929 §2 counts both in a byte; RFC 7617 §2 ends the user at the first colon.
        let fits = |text: &[u8]| text.len() <= MAX_CREDENTIAL_LEN;
        let is_user = !user.is_empty() && !user.contains(&b':');
        if !is_user || !fits(&user) || !fits(&password) {
            return Err(ProxyAddressError::BadCredentials);
        }
        Ok(Self { user, password })
    }
}

/// What the server's side of a tunnel is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// A name, or an address without brackets.
    pub(crate) host: &'a str,
    pub(crate) port: u16,
}

/// A conversation with a proxy, up to the point where the tunnel is open.
#[derive(Debug)]
pub(crate) enum Tunnel {
    Http(HttpConnect),
    Socks5(Socks5),
}

impl Tunnel {
    /// Appends what is said first.
    pub(crate) fn begin(
        proxy: &Proxy,
        target: Target<'_>,
        output: &mut Vec<u8>,
    ) -> Result<Self, ProxyError> {
        let credentials = proxy.credentials.as_ref();
        match proxy.protocol {
            ProxyProtocol::Http => Ok(Self::Http(HttpConnect::begin(target, credentials, output))),
            ProxyProtocol::Socks5 => Ok(Self::Socks5(Socks5::begin(target, credentials, output)?)),
        }
    }

    /// Takes what the proxy says, appends what it is owed, and returns whether the tunnel is open.
    ///
    /// The client speaks first in a tunnel, so bytes after the proxy's last word are an error:
    /// nobody is there who could have sent them in good faith.
    pub(crate) fn receive(
        &mut self,
        input: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<bool, ProxyError> {
        match self {
            Self::Http(http) => http.receive(input),
            Self::Socks5(socks5) => socks5.receive(input, output),
        }
    }
}

/// Takes `host`, `host:port`, `[address]` or `[address]:port` apart.
fn parse_host(text: &str) -> Result<(&str, Option<u16>), ProxyAddressError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']').ok_or(ProxyAddressError::BadHost)?;
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(ProxyAddressError::BadHost);
            }
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(port),
                None if rest.is_empty() => None,
                None => return Err(ProxyAddressError::BadHost),
            };
            (address, port)
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let is_host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_host_byte) {
        return Err(ProxyAddressError::BadHost);
    }
    let port = port.map(|port| parse_port(port).ok_or(ProxyAddressError::BadPort));
    Ok((host, port.transpose()?))
}

/// Parses digits; `u16`'s own parser takes a sign. Nothing listens on port 0.
fn parse_port(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number
        .then(|| text.parse().ok())
        .flatten()
        .filter(|port| *port != 0)
}

/// Longest user and password in bytes, as RFC 1929 §2 has them.
const MAX_CREDENTIAL_LEN: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(ProxyProtocol, &str, u16), ProxyAddressError>) {
        let parsed = text.parse::<Proxy>();
        let parsed = parsed.as_ref().map(|it| (it.protocol, it.host(), it.port));
        assert_eq!(parsed, expected.as_ref().map(|it| *it), "{text}");
    }

    #[test]
    fn addresses_of_proxies_are_parsed() {
        use ProxyProtocol::{Http, Socks5};
        check("http://proxy", Ok((Http, "proxy", 80)));
        check("HTTP://proxy:3128/", Ok((Http, "proxy", 3128)));
        check("proxy.example:8080", Ok((Http, "proxy.example", 8080)));
        check("socks5://10.0.0.1", Ok((Socks5, "10.0.0.1", 1080)));
        check("socks5h://[::1]:9050", Ok((Socks5, "::1", 9050)));
        check("socks5h://u:p@[::1]", Ok((Socks5, "::1", 1080)));
    }

    #[test]
    fn what_is_no_address_of_a_proxy_is_refused() {
        use ProxyAddressError::{BadCredentials, BadHost, BadPort, UnsupportedScheme};
        for (text, error) in [
            ("https://proxy", UnsupportedScheme),
            ("socks4://proxy", UnsupportedScheme),
            ("://proxy", UnsupportedScheme),
            ("", BadHost),
            ("http://", BadHost),
            ("http://a b", BadHost),
            ("http://a\r\nX: y", BadHost),
            ("http://proxy/path", BadHost),
            ("http://[::1", BadHost),
            ("http://[proxy]", BadHost),
            ("http://[::1]x", BadHost),
            ("http://proxy:", BadPort),
            ("http://proxy:0", BadPort),
            ("http://proxy:65536", BadPort),
            ("http://proxy:+80", BadPort),
            ("http://proxy:80x", BadPort),
            ("http://:secret@proxy", BadCredentials),
            ("http://a%zz:secret@proxy", BadCredentials),
            ("http://a%3ab:secret@proxy", BadCredentials),
        ] {
            check(text, Err(error));
        }
    }

    #[test]
    fn credentials_are_decoded_and_bounded() {
        let credentials = |text: &str| {
            let proxy = text.parse::<Proxy>()?;
            Ok(proxy.credentials.map(|it| (it.user, it.password)))
        };
        assert_eq!(
            credentials("http://a%40b:c:d%25@proxy"),
            Ok(Some((b"a@b".to_vec(), b"c:d%".to_vec())))
        );
        let at_limit = format!("socks5://{}:{}@proxy", "u".repeat(255), "p".repeat(255));
        assert!(credentials(&at_limit).is_ok());
        for (user, password) in [(256, 1), (1, 256)] {
            let text = format!(
                "socks5://{}:{}@proxy",
                "u".repeat(user),
                "p".repeat(password)
            );
            assert_eq!(credentials(&text), Err(ProxyAddressError::BadCredentials));
        }
    }

    #[test]
    fn debug_output_shows_no_password() {
        let proxy: Proxy = "http://ada:secret@proxy".parse().unwrap();
        let shown = format!("{proxy:?}");
        assert!(
            !shown.contains("secret") && !shown.contains("ada"),
            "{shown}"
        );
    }
}
