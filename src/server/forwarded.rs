//! For whom a proxy asks: the header `X-Forwarded-For`.
//!
//! Each proxy appends the address that it was asked from, so the list grows from the client's end, and
//! a client can begin it with whatever it likes. What can be relied on is at the other end: the
//! address before a trusted proxy's is that proxy's word. So the list is read from the right, past
//! the proxies that are trusted, up to the first address that is none of theirs.

use std::net::{IpAddr, SocketAddr};

use crate::net::TrustedPeers;

/// The client's address, where a trusted proxy asks with these lines of `X-Forwarded-For`; `None`:
/// they name nobody.
///
/// Where all who are named are trusted, it is the first. What is no address ends the search: its
/// proxy is the last that is known to have taken part.
pub(crate) fn client_address<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
    trusted: &TrustedPeers,
) -> Option<IpAddr> {
    let lines: Vec<_> = lines.collect();
    let elements = lines
        .iter()
        .rev()
        .flat_map(|line| line.rsplit(|byte| *byte == b','));
    let mut known = None;
    for element in elements {
        let Some(address) = parse(element.trim_ascii()) else {
            break;
        };
        known = Some(address);
        if !trusted.trusts_address(address) {
            break;
        }
    }
    known
}

/// Reads an address, with or without a port, as proxies write it.
fn parse(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?;
    let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse::<IpAddr>();
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip());
    address
        .or_else(|_| with_port())
        .ok()
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], expected: &str) {
        let trusted = TrustedPeers::parse(["10.0.0.0/8", "2001:db8::/32"]).unwrap();
        let found = client_address(lines.iter().map(|line| line.as_bytes()), &trusted);
        let expected = (!expected.is_empty()).then(|| expected.parse().unwrap());
        assert_eq!(found, expected, "{lines:?}");
    }

    #[test]
    fn client_is_the_last_that_is_no_proxy() {
        check(&["203.0.113.7"], "203.0.113.7");
        check(&["203.0.113.7, 10.0.0.2"], "203.0.113.7");
        check(&["203.0.113.7,10.0.0.2 ,2001:db8::5"], "203.0.113.7");
        check(&["203.0.113.7", "10.0.0.2"], "203.0.113.7");
        check(&["10.9.9.9, 10.0.0.2"], "10.9.9.9");
    }

    #[test]
    fn client_cannot_pass_for_another() {
        check(&["198.51.100.1, 203.0.113.7"], "203.0.113.7");
        check(&["198.51.100.1", "203.0.113.7, 10.0.0.2"], "203.0.113.7");
        check(&["10.0.0.1, 203.0.113.7"], "203.0.113.7");
        check(&["127.0.0.1, 203.0.113.7"], "203.0.113.7");
    }

    #[test]
    fn what_is_no_address_ends_the_search() {
        check(&[], "");
        check(&[""], "");
        check(&["unknown"], "");
        check(&["203.0.113.7, unknown, 10.0.0.2"], "10.0.0.2");
        check(&["203.0.113.7, , 10.0.0.2"], "10.0.0.2");
        check(&["203.0.113.7;10.0.0.2"], "");
    }

    #[test]
    fn ports_brackets_and_mapped_addresses_are_understood() {
        check(&["203.0.113.7:4711"], "203.0.113.7");
        check(&["[2001:db9::1]:4711"], "2001:db9::1");
        check(&["[2001:db9::1]"], "2001:db9::1");
        check(&["::ffff:203.0.113.7"], "203.0.113.7");
        check(&["203.0.113.7, ::ffff:10.0.0.2"], "203.0.113.7");
    }
}
