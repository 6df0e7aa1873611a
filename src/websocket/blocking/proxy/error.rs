//! What goes wrong with proxies: by their fault, or by the setting's.

use std::error::Error;
use std::fmt;

/// The proxy did not open a tunnel; the attempt to connect has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyError {
    /// The head of its answer is too long.
    HeadTooLong {
        /// Bytes allowed.
        max: usize,
    },
    /// Its answer is no head of HTTP/1 (RFC 9112 §4).
    BadHead,
    /// It answered CONNECT with this status; 407 asks for credentials.
    Refused {
        /// The status.
        status: u16,
    },
    /// It ended the stream before it had answered.
    Truncated,
    /// It went on speaking where only the server could, which has not been spoken to.
    UnexpectedBytes {
        /// How many bytes came in the same read.
        len: usize,
    },
    /// It speaks another version of SOCKS, or none (RFC 1928 §3), or of its authentication (RFC 1929
    /// §2).
    UnsupportedSocksVersion {
        /// The version that it named.
        version: u8,
    },
    /// It takes none of the ways to authenticate that were offered (RFC 1928 §3).
    NoAcceptableMethod,
    /// It chose a way to authenticate that was not offered (RFC 1928 §3).
    MethodNotOffered {
        /// The method's number.
        method: u8,
    },
    /// It does not take the user and password (RFC 1929 §2).
    AuthenticationFailed,
    /// It answered SOCKS' CONNECT with this (RFC 1928 §6).
    SocksRefused {
        /// The reply's number.
        reply: u8,
    },
    /// Its reply names an address of an unknown kind (RFC 1928 §6).
    UnknownAddressType {
        /// The kind's number.
        kind: u8,
    },
    /// The server's name does not fit into SOCKS (RFC 1928 §5): the URI's fault.
    NameTooLong {
        /// Its length in bytes.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeadTooLong { max } => write!(f, "proxy's head is longer than {max} bytes"),
            Self::BadHead => f.write_str("proxy's answer is not HTTP/1"),
            Self::Refused { status: 407 } => f.write_str("proxy asks for credentials (407)"),
            Self::Refused { status } => write!(f, "proxy refused with status {status}"),
            Self::Truncated => f.write_str("proxy ended the stream without an answer"),
            Self::UnexpectedBytes { len } => {
                write!(f, "proxy sent {len} bytes that nobody asked for")
            }
            Self::UnsupportedSocksVersion { version } => {
                write!(f, "proxy speaks version {version} of SOCKS, not 5")
            }
            Self::NoAcceptableMethod => f.write_str("proxy takes no offered authentication"),
            Self::MethodNotOffered { method } => {
                write!(
                    f,
                    "proxy chose authentication {method}, which was not offered"
                )
            }
            Self::AuthenticationFailed => f.write_str("proxy does not take the credentials"),
            Self::SocksRefused { reply } => {
                write!(f, "proxy refused: {} ({reply})", socks_reply(*reply))
            }
            Self::UnknownAddressType { kind } => {
                write!(f, "proxy's reply has an address of unknown kind {kind}")
            }
            Self::NameTooLong { len, max } => {
                write!(f, "name of {len} bytes is longer than SOCKS' {max}")
            }
        }
    }
}

impl Error for ProxyError {}

/// What a proxy's setting has wrong; nothing of it is repeated here, for it may be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyAddressError {
    /// The scheme is not `http`, `socks5` or `socks5h`.
    UnsupportedScheme,
    /// The host is empty, or something else follows it.
    BadHost,
    /// The port is not a number from 1 to 65,535.
    BadPort,
    /// User or password are longer than 255 bytes, wrongly encoded, or the user is empty.
    BadCredentials,
    /// A variable of the environment is not Unicode.
    NotUnicode,
}

impl fmt::Display for ProxyAddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnsupportedScheme => "proxy's scheme is not http, socks5 or socks5h",
            Self::BadHost => "proxy's host is malformed",
            Self::BadPort => "proxy's port is not a number from 1 to 65535",
            Self::BadCredentials => "proxy's credentials are malformed",
            Self::NotUnicode => "proxy's variable of the environment is not Unicode",
        })
    }
}

impl Error for ProxyAddressError {}

/// Our words for RFC 1928 §6.
fn socks_reply(reply: u8) -> &'static str {
    match reply {
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "unknown reason",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stay_small() {
        assert!(size_of::<ProxyError>() <= 24);
        assert!(size_of::<ProxyAddressError>() <= 24);
    }

    #[test]
    fn errors_say_what_is_wrong_with_its_facts() {
        let text = ProxyError::SocksRefused { reply: 2 }.to_string();
        assert_eq!(text, "proxy refused: not allowed by its rules (2)");
        let text = ProxyError::NameTooLong { len: 256, max: 255 }.to_string();
        assert_eq!(text, "name of 256 bytes is longer than SOCKS' 255");
        let text = ProxyAddressError::BadPort.to_string();
        assert_eq!(text, "proxy's port is not a number from 1 to 65535");
    }

    #[test]
    fn each_reply_of_a_socks_proxy_has_words_of_its_own() {
        let mut words: Vec<&str> = (1..=9).map(socks_reply).collect();
        assert_eq!(words[8], socks_reply(255));
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), 9);
    }
}
