//! Which servers are reached without a proxy: the list in `NO_PROXY`.
//!
//! No standard describes it. Here it is what curl and Go agree on: a name stands for itself and
//! all below it, with or without a dot or `*.` before it; `*` for everything; an address or a network
//! for servers that are named by address. Each may have a port. What fits none of these matches
//! nothing.

use std::net::IpAddr;

use crate::websocket::blocking::proxy::parse_port;

/// The list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NoProxy {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    pattern: Pattern,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    All,
    /// In lower case, without dots around it.
    Name(String),
    Network {
        address: IpAddr,
        prefix_len: u32,
    },
}

impl NoProxy {
    /// Reads a list: commas or spaces are between its entries.
    pub(crate) fn parse(text: &str) -> Self {
        let mut list = Self::default();
        list.add(text);
        list
    }

    /// Adds the entries of another list.
    pub(crate) fn add(&mut self, text: &str) {
        let entries = text
            .split([',', ' ', '\t'])
            .filter_map(|entry| Entry::parse(&entry.to_ascii_lowercase()));
        self.entries.extend(entries);
    }

    /// Returns whether the list has the server; `host` is without brackets.
    pub(crate) fn matches(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let address = host.parse().ok().map(|it: IpAddr| it.to_canonical());
        self.entries.iter().any(|entry| {
            let is_port = entry.port.is_none_or(|it| it == port);
            is_port && entry.pattern.matches(&host, address)
        })
    }
}

impl Entry {
    /// Reads an entry in lower case; `None` if it can match nothing.
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self {
                pattern: Pattern::All,
                port: None,
            });
        }
        // The colons of an IPv6 address are its own unless it stands in brackets.
        if let Some(pattern) = Pattern::parse_network(text) {
            return Some(Self {
                pattern,
                port: None,
            });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(parse_port(port)?)),
            None => (text, None),
        };
        let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let pattern = match Pattern::parse_network(bare.unwrap_or(host)) {
            Some(pattern) => pattern,
            None => Pattern::parse_name(host)?,
        };
        Some(Self { pattern, port })
    }
}

impl Pattern {
    fn parse_network(text: &str) -> Option<Self> {
        let (address, prefix_len) = match text.split_once('/') {
            Some((address, len)) => (address, Some(len)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width = width(address);
        let prefix_len = match prefix_len {
            Some(len) if len.bytes().all(|byte| byte.is_ascii_digit()) => len.parse().ok()?,
            Some(_) => return None,
            None => width,
        };
        (prefix_len <= width).then_some(Self::Network {
            address,
            prefix_len,
        })
    }

    fn parse_name(text: &str) -> Option<Self> {
        let name = text.strip_prefix('*').unwrap_or(text).trim_matches('.');
        (!name.is_empty()).then(|| Self::Name(name.to_owned()))
    }

    fn matches(&self, host: &str, address: Option<IpAddr>) -> bool {
        match self {
            Self::All => true,
            // What is before the last dot of an address is not below anything.
            Self::Name(name) => {
                let rest = host.strip_suffix(name.as_str());
                address.is_none() && rest.is_some_and(|it| it.is_empty() || it.ends_with('.'))
            }
            Self::Network {
                address: network,
                prefix_len,
            } => address.is_some_and(|address| {
                width(address) == width(*network)
                    && prefix(address, *prefix_len) == prefix(*network, *prefix_len)
            }),
        }
    }
}

/// Bits of an address.
fn width(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The first `len` bits of an address, at the right end.
fn prefix(address: IpAddr, len: u32) -> u128 {
    let bits = match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    };
    // A shift by the whole width does not exist.
    bits.checked_shr(width(address) - len).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &str, matched: &[(&str, u16)], others: &[(&str, u16)]) {
        let no_proxy = NoProxy::parse(list);
        for (host, port) in matched {
            assert!(no_proxy.matches(host, *port), "{list} has {host}:{port}");
        }
        for (host, port) in others {
            assert!(!no_proxy.matches(host, *port), "{list} lacks {host}:{port}");
        }
    }

    #[test]
    fn names_stand_for_themselves_and_what_is_below() {
        for list in [
            "example.com",
            ".example.com",
            "*.example.com",
            "EXAMPLE.com.",
        ] {
            let matched = [
                ("example.com", 80),
                ("a.Example.COM", 443),
                ("a.b.example.com.", 1),
            ];
            let others = [
                ("badexample.com", 80),
                ("example.com.evil", 80),
                ("com", 80),
            ];
            check(list, &matched, &others);
        }
        check("localhost", &[("localhost", 1)], &[("127.0.0.1", 1)]);
    }

    #[test]
    fn a_star_stands_for_everything() {
        check("*", &[("a", 1), ("::1", 2), ("127.0.0.1", 3)], &[]);
        check("a, *", &[("b", 1)], &[]);
    }

    #[test]
    fn ports_narrow_an_entry() {
        check(
            "a.example:8080,[::1]:443,10.0.0.1:80,10.1.0.0/16:81",
            &[
                ("a.example", 8080),
                ("::1", 443),
                ("10.0.0.1", 80),
                ("10.1.2.3", 81),
            ],
            &[("a.example", 80), ("::1", 80), ("10.0.0.1", 443)],
        );
    }

    #[test]
    fn networks_have_servers_that_are_named_by_address() {
        check(
            "10.0.0.0/8 192.168.1.128/25",
            &[("10.255.0.1", 80), ("192.168.1.200", 1)],
            &[("11.0.0.1", 80), ("192.168.1.1", 1), ("10.example", 80)],
        );
        check(
            "fe80::/10",
            &[("fe80::1", 1), ("febf::", 1)],
            &[("fec0::", 1), ("10.0.0.1", 1)],
        );
        check(
            "127.0.0.1",
            &[("127.0.0.1", 1), ("::ffff:127.0.0.1", 1)],
            &[("127.0.0.2", 1)],
        );
        check("0.1", &[("a.0.1", 1)], &[("10.0.0.1", 1)]);
        check("::1", &[("::1", 1), ("0:0::1", 1)], &[("::2", 1)]);
        check("0.0.0.0/0", &[("1.2.3.4", 1)], &[("::1", 1), ("a", 1)]);
        check("::/0", &[("::1", 1)], &[("1.2.3.4", 1)]);
    }

    #[test]
    fn entries_without_sense_match_nothing() {
        let others = [("a", 80), ("10.0.0.1", 80), ("", 80), ("::1", 80)];
        for list in [
            "",
            " , ,",
            ".",
            "*.",
            ":80",
            "a:",
            "a:b",
            "a:0",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "[a]",
            "[::1",
            "::/129",
        ] {
            check(list, &[], &others);
        }
    }
}
