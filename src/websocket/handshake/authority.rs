//! Parses hosts with their ports, as they stand in requests, in origins, in URIs.

use std::fmt;

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

/// What of an authority is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadAuthority {
    Host,
    Port,
}

/// Parses `host` or `host:port`, without user information (RFC 3986 §3.2.2, RFC 9110 §7.2).
///
/// Only the characters of names and addresses that are in use: neither percent-encoding nor the
/// delimiters that RFC 3986 leaves to the scheme.
pub(crate) fn parse_authority(authority: &[u8]) -> Result<Host<'_>, BadAuthority> {
    let authority = str::from_utf8(authority).map_err(|_| BadAuthority::Host)?;
    let name_len = match authority.strip_prefix('[') {
        Some(address) => address.find(']').ok_or(BadAuthority::Host)? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (name, port) = authority.split_at(name_len);
    let is_valid = match name.strip_prefix('[') {
        Some(address) => is_ipv6(address.trim_end_matches(']')),
        None => is_name(name),
    };
    if !is_valid {
        return Err(BadAuthority::Host);
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        None => return Err(BadAuthority::Host),
        // RFC 3986 §3.2.3: a colon may be there without a port.
        Some("") => None,
        Some(port) => Some(parse_port(port).ok_or(BadAuthority::Port)?),
    };
    Ok(Host { name, port })
}

fn is_name(name: &str) -> bool {
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_name_byte)
}

/// Parses digits; `u16`'s own parser takes a sign.
fn parse_port(port: &str) -> Option<u16> {
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    port.parse().ok().filter(|_| is_number)
}

/// Returns whether `address` is one of IPv6 (RFC 3986 §3.2.2): eight groups of 16 bits, of which
/// two may be an IPv4 address at the end, and zero groups may be left out in one place.
pub(crate) fn is_ipv6(address: &str) -> bool {
    match address.split_once("::") {
        None => count_ipv6_groups(address, true) == Some(8),
        Some((start, end)) => count_ipv6_groups(start, false)
            .zip(count_ipv6_groups(end, true))
            .is_some_and(|(start_count, end_count)| start_count + end_count < 8),
    }
}

fn count_ipv6_groups(part: &str, may_end_in_ipv4: bool) -> Option<usize> {
    let is_group = |group: &str| {
        (1..=4).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let mut groups = part.split(':').filter(|_| !part.is_empty()).peekable();
    let mut count = 0;
    while let Some(group) = groups.next() {
        count += match group {
            _ if is_group(group) => 1,
            _ if may_end_in_ipv4 && groups.peek().is_none() && is_ipv4(group) => 2,
            _ => return None,
        };
    }
    Some(count)
}

fn is_ipv4(address: &str) -> bool {
    let is_octet = |octet: &str| {
        let is_plain = octet == "0" || !octet.starts_with(['0', '+']);
        is_plain && octet.parse::<u8>().is_ok()
    };
    address.split('.').count() == 4 && address.split('.').all(is_octet)
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
        assert_eq!(host("Example.com:8080").to_string(), "Example.com:8080");
        assert_eq!(host("[::1]:").to_string(), "[::1]");
    }

    #[test]
    fn ipv6_address_has_eight_groups_of_which_ipv4_is_two_and_some_may_be_left_out() {
        for address in [
            "::",
            "::1",
            "1::",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "1:2:3:4::5:6",
            "abcd:EF01::0",
            "::1.2.3.4",
            "::ffff:192.168.0.255",
            "1:2:3:4:5:6:10.0.0.1",
            "1::2:3:4:5:10.0.0.1",
        ] {
            assert!(is_ipv6(address), "{address}");
        }
        for address in [
            "",
            ":",
            ":::",
            "1",
            "1:2:3:4:5:6:7:8:9",
            "1:2:3:4:5:6:7:8::",
            "1:2:3:4::5:6:7:8",
            "1::2::3",
            "1:2:3:4:5:6:7:",
            "::g",
            "::12345",
            "1:2:3:4:5:6:7:10.0.0.1",
            "1:2:3:4:5:10.0.0.1",
            "1::2:3:4:5:6:10.0.0.1",
            "::1.2.3.4:5",
            "1.2.3.4::",
            "::1.2.3",
            "::1.2.3.4.5",
            "::1.2.3.256",
            "::1.2.3.04",
            "::1.2.3.00",
            "::1.2.3.+4",
            "::1.2.3.",
            "::1.2.3.a",
        ] {
            assert!(!is_ipv6(address), "{address}");
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
            "[:::::]",
            "[1.2.3.4]",
            "[::1]]",
            "[1:2:3:4:5:6:7]",
            "[::12345]",
            "::1",
            "h\u{e9}",
            "h%41",
            "h#",
            "h?q",
        ] {
            assert!(parse_authority(value.as_bytes()).is_err(), "{value}");
        }
    }
}
