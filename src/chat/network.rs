//! What limits and bans know an address by, and the networks that bans are about.
//!
//! An IPv6 customer has a whole /64: what is finer tells nobody apart, and is left out at the edge.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::chat::error::ChatError;
use crate::chat::message::Timestamp;

/// From where somebody comes, as far as limits are concerned: an IPv4 address, or an IPv6 network.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ClientAddress(pub u128);

impl ClientAddress {
    /// What counts of an address; IPv4 in IPv6 clothes counts as IPv4.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits() & !u128::from(u64::MAX),
        })
    }

    /// Whether it is this machine's own.
    pub(crate) fn is_loopback(self) -> bool {
        // Of `::1` nothing but zeros counts.
        self.0 == 0 || (self.is_ipv4() && (self.0 >> 24) & 0xff == 127)
    }

    /// It, if what comes from there counts together: behind loopback may be everybody, where a proxy is
    /// not trusted.
    pub(crate) fn one_of_many(self) -> Option<Self> {
        (!self.is_loopback()).then_some(self)
    }

    fn is_ipv4(self) -> bool {
        self.0 >> 32 == IPV4_MAPPED
    }
}

/// Addresses that begin with the same bits, written `203.0.113.0/24` or `2001:db8::/32`.
///
/// Invariant: behind the prefix all bits are zero, but for those that mark IPv4.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Network {
    /// Of the 128 bits of the address; of IPv4 the first 96 of them are the same for all.
    prefix_len: u32,
    address: ClientAddress,
}

impl Network {
    /// Reads an address, or a network.
    ///
    /// # Errors
    /// [`ChatError::BadRequest`] for what is neither, and for networks that are larger or finer than
    /// a ban can be.
    pub fn parse(text: &str) -> Result<Self, ChatError> {
        let (address, digits) = match text.split_once('/') {
            Some((address, digits)) => (address, Some(digits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NO_NETWORK)?;
        let address = address.to_canonical();
        let (shortest, longest, ahead) = match address {
            IpAddr::V4(_) => (8, 32, 96),
            IpAddr::V6(_) => (16, 64, 0),
        };
        let Some(digits) = digits else {
            return Ok(Self {
                prefix_len: ahead + longest,
                address: ClientAddress::of(address),
            });
        };
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        let prefix_len: u32 = digits
            .parse()
            .ok()
            .filter(|_| is_number)
            .ok_or(BAD_PREFIX)?;
        if !(shortest..=longest).contains(&prefix_len) {
            return Err(BAD_PREFIX);
        }
        let bits = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits(),
        };
        let network = Self::around(ClientAddress(bits), ahead + prefix_len);
        // One of both is a slip, and nobody can tell which.
        if network.address.0 == bits {
            Ok(network)
        } else {
            Err(HOST_BITS)
        }
    }

    /// Whether an address is one of its own.
    pub fn holds(self, address: ClientAddress) -> bool {
        self.address.is_ipv4() == address.is_ipv4()
            && Self::around(address, self.prefix_len) == self
    }

    /// All networks that can be banned and hold an address, the finest first.
    fn all_around(address: ClientAddress) -> impl Iterator<Item = Self> {
        let prefix_lens = if address.is_ipv4() {
            104..=128
        } else {
            16..=64
        };
        prefix_lens
            .rev()
            .map(move |prefix_len| Self::around(address, prefix_len))
    }

    fn around(address: ClientAddress, prefix_len: u32) -> Self {
        // Shifting by all bits leaves none, which the operator does not do.
        let mask = u128::MAX.checked_shl(128 - prefix_len).unwrap_or(0);
        Self {
            prefix_len,
            address: ClientAddress(address.0 & mask),
        }
    }
}

impl fmt::Display for Network {
    /// An IPv4 address by itself, everything else with its prefix.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Ipv6Addr::from_bits(self.address.0);
        match (address.to_ipv4_mapped(), self.prefix_len) {
            (Some(address), 128) => write!(f, "{address}"),
            (Some(address), prefix_len) => write!(f, "{address}/{}", prefix_len - 96),
            (None, prefix_len) => write!(f, "{address}/{prefix_len}"),
        }
    }
}

/// The networks from which nobody is let in, and until when.
///
/// An address is looked up once for each length that a prefix can have, however many there are.
#[derive(Clone, Debug, Default)]
pub struct NetworkBans {
    ends: BTreeMap<Network, Option<Timestamp>>,
}

impl NetworkBans {
    /// Bans a network until then, `None`: until it is lifted; what is over is forgotten.
    pub fn ban(&mut self, network: Network, until: Option<Timestamp>, now: Timestamp) {
        self.ends.retain(|_, until| is_ahead(*until, now));
        self.ends.insert(network, until);
    }

    /// Lifts the ban of a network; those of larger and finer ones stay.
    pub fn lift(&mut self, network: Network) {
        self.ends.remove(&network);
    }

    /// Until when nobody is let in from an address; `None`: everybody is.
    pub fn find(&self, address: ClientAddress, now: Timestamp) -> Option<Option<Timestamp>> {
        if self.ends.is_empty() {
            return None;
        }
        let ends = Network::all_around(address).filter_map(|network| self.ends.get(&network));
        ends.copied()
            .filter(|until| is_ahead(*until, now))
            // What has no end ends last.
            .max_by_key(|until| until.map_or(i64::MAX, |until| until.0))
    }
}

impl FromIterator<(Network, Option<Timestamp>)> for NetworkBans {
    fn from_iter<I: IntoIterator<Item = (Network, Option<Timestamp>)>>(bans: I) -> Self {
        Self {
            ends: bans.into_iter().collect(),
        }
    }
}

/// Whether what has that end is not over.
pub(crate) fn is_ahead(until: Option<Timestamp>, now: Timestamp) -> bool {
    until.is_none_or(|until| until > now)
}

/// `::ffff:0:0/96` without its zeros.
const IPV4_MAPPED: u128 = 0xffff;

const NO_NETWORK: ChatError = ChatError::BadRequest(
    "address must be one such as 203.0.113.7, or a range such as 203.0.113.0/24 or 2001:db8::/32",
);

/// A slip of the finger must not shut out a continent; what is finer than a /64 shuts out nobody.
const BAD_PREFIX: ChatError = ChatError::BadRequest(
    "a range of addresses has a prefix from /8 to /32, one of IPv6 from /16 to /64",
);

const HOST_BITS: ChatError =
    ChatError::BadRequest("the address of a range goes on behind its prefix");

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn network(text: &str) -> Network {
        Network::parse(text).expect(text)
    }

    fn address(text: &str) -> ClientAddress {
        ClientAddress::of(text.parse().unwrap())
    }

    #[test]
    fn networks_are_written_as_they_are_read() {
        for (text, written) in [
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7/32", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("203.0.113.0/24", "203.0.113.0/24"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::1", "::/64"),
        ] {
            assert_eq!(network(text).to_string(), written, "{text}");
            assert_eq!(network(written), network(text), "{written}");
        }
        for text in [
            "",
            "ada",
            "203.0.113",
            "203.0.113.0/",
            "203.0.113.0/+24",
            "203.0.113.0/33",
            "0.0.0.0/0",
            "10.0.0.0/7",
            "203.0.113.7/24",
            "2001:db8::/15",
            "2001:db8::/65",
            "2001:db8::1/64",
            "::ffff:10.0.0.0/104",
            "10.0.0.0/99999999999",
            "10.0.0.0/8/8",
        ] {
            let refused = Network::parse(text).map(|it| it.to_string());
            assert!(
                matches!(refused, Err(ChatError::BadRequest(_))),
                "{text}: {refused:?}"
            );
        }
    }

    #[test]
    fn network_holds_the_addresses_that_begin_like_it() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "2001:db8::a00:0"),
            ("203.0.113.7", "203.0.113.7", "203.0.113.6"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"),
            // All of IPv4 lies in it, as IPv6 writes it, and is not meant.
            ("::1", "::2", "203.0.113.7"),
        ] {
            assert!(network(text).holds(address(inside)), "{text} {inside}");
            assert!(!network(text).holds(address(outside)), "{text} {outside}");
            let bans = NetworkBans::from_iter([(network(text), None)]);
            assert!(bans.find(address(inside), Timestamp(0)).is_some());
            assert!(bans.find(address(outside), Timestamp(0)).is_none());
        }
    }

    #[test]
    fn address_is_banned_as_long_as_one_of_its_networks_is() {
        let (at, finer) = (Timestamp, network("10.1.0.0/16"));
        let mut bans = NetworkBans::default();
        bans.ban(network("10.0.0.0/8"), Some(at(10)), at(0));
        bans.ban(finer, Some(at(20)), at(0));
        let find = |bans: &NetworkBans, now| bans.find(address("10.1.2.3"), at(now));
        assert_eq!(find(&bans, 0), Some(Some(at(20))));
        bans.ban(network("10.0.0.0/8"), None, at(1));
        assert_eq!(find(&bans, 1), Some(None));
        bans.lift(network("10.0.0.0/8"));
        assert_eq!(find(&bans, 19), Some(Some(at(20))));
        assert_eq!(find(&bans, 20), None);
        bans.ban(network("192.0.2.1"), None, at(20));
        assert_eq!(bans.ends.len(), 1, "what is over is forgotten");
    }

    #[test]
    fn ten_thousand_bans_are_looked_up_like_one() {
        let nth = |i: u32| network(&Ipv4Addr::from_bits(0x0a00_0000 + 2 * i).to_string());
        let bans: NetworkBans = (0..10_000).map(|i| (nth(i), None)).collect();
        for i in 0..20_000_u32 {
            let address = Ipv4Addr::from_bits(0x0a00_0000 + i);
            let found = bans.find(ClientAddress::of(address.into()), Timestamp(0));
            assert_eq!(found.is_some(), i % 2 == 0, "{address}");
        }
    }
}
