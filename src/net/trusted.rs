//! Whose word about other people's addresses is taken: networks of proxies.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::net::Peer;

/// Proxies that may say for whom they connect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedPeers {
    networks: Vec<Network>,
    /// Whether whoever connects to a Unix socket is one.
    has_unix: bool,
}

/// Addresses that begin with the same bits, written `10.0.0.0/8` or `2001:db8::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_len: u32,
}

/// Why a text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkError {
    /// There is no address before the slash.
    BadAddress,
    /// What follows the slash is no number of bits that such an address has.
    BadPrefix {
        /// The most bits.
        max: u32,
    },
    /// The address goes on behind the prefix, so one of both is wrong.
    HostBits {
        /// The network that the prefix leaves.
        meant: Network,
    },
    /// An IPv4 address in IPv6 clothes; connections from it count as IPv4.
    MappedIpv4,
}

impl TrustedPeers {
    /// Reads networks, and `unix` for those who connect to Unix sockets.
    ///
    /// # Errors
    ///
    /// The first text that is neither, and why.
    pub fn parse<'a>(
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, (&'a str, NetworkError)> {
        let mut trusted = Self::default();
        for text in texts {
            if text == "unix" {
                trusted.has_unix = true;
            } else {
                let network = text.parse().map_err(|error| (text, error))?;
                trusted.networks.push(network);
            }
        }
        Ok(trusted)
    }

    /// Whether a peer's word is taken.
    pub fn trusts(&self, peer: &Peer) -> bool {
        match peer {
            Peer::Tcp(address) => self.trusts_address(address.ip()),
            Peer::Unix => self.has_unix,
        }
    }

    /// Whether the word of a peer at that address is taken.
    pub fn trusts_address(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(address))
    }
}

impl Network {
    /// Whether an address is one of its own; IPv4 in IPv6 clothes counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        masked(address.to_canonical(), self.prefix_len) == Some(self.address)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::BadAddress)?;
        if address.to_canonical() != address {
            return Err(NetworkError::MappedIpv4);
        }
        let max = if address.is_ipv4() { 32 } else { 128 };
        let bad = NetworkError::BadPrefix { max };
        let prefix_len = match prefix {
            None => max,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| bad)?
            }
            Some(_) => return Err(bad),
        };
        let network = masked(address, prefix_len).ok_or(bad)?;
        let meant = Self {
            address: network,
            prefix_len,
        };
        if network == address {
            Ok(meant)
        } else {
            Err(NetworkError::HostBits { meant })
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadAddress => write!(f, "it is no network such as 10.0.0.0/8 or 2001:db8::/32"),
            Self::BadPrefix { max } => write!(f, "the slash wants a number from 0 to {max}"),
            Self::HostBits { meant } => write!(f, "the network of that length is {meant}"),
            Self::MappedIpv4 => write!(f, "an IPv4 network is written as such"),
        }
    }
}

impl std::error::Error for NetworkError {}

/// The first bits of an address and zeros; `None` if it has not so many.
fn masked(address: IpAddr, prefix_len: u32) -> Option<IpAddr> {
    Some(match address {
        IpAddr::V4(address) => {
            // Shifting by all bits leaves none, which the operator does not do.
            let mask = u32::MAX.checked_shl(32_u32.checked_sub(prefix_len)?);
            IpAddr::V4((address.to_bits() & mask.unwrap_or(0)).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.checked_sub(prefix_len)?);
            IpAddr::V6((address.to_bits() & mask.unwrap_or(0)).into())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().expect(text)
    }

    #[test]
    fn network_has_the_addresses_that_begin_like_it() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("192.0.2.6/31", "192.0.2.7", "192.0.2.8"),
            ("0.0.0.0/0", "255.255.255.255", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1", "127.0.0.1"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
        ] {
            let network = network(text);
            assert!(network.contains(inside.parse().unwrap()), "{text} {inside}");
            assert!(
                !network.contains(outside.parse().unwrap()),
                "{text} {outside}"
            );
        }
    }

    #[test]
    fn networks_are_written_in_one_way() {
        assert_eq!(network("10.0.0.0/8").to_string(), "10.0.0.0/8");
        assert_eq!(network("::1").to_string(), "::1/128");
        let meant = network("10.0.0.0/8");
        for (text, error) in [
            ("", NetworkError::BadAddress),
            ("ten/8", NetworkError::BadAddress),
            ("10.0.0/8", NetworkError::BadAddress),
            ("10.0.0.0/", NetworkError::BadPrefix { max: 32 }),
            ("10.0.0.0/+8", NetworkError::BadPrefix { max: 32 }),
            ("10.0.0.0/33", NetworkError::BadPrefix { max: 32 }),
            ("::/129", NetworkError::BadPrefix { max: 128 }),
            ("::/99999999999", NetworkError::BadPrefix { max: 128 }),
            ("10.1.0.0/8", NetworkError::HostBits { meant }),
            ("::ffff:10.0.0.0/104", NetworkError::MappedIpv4),
        ] {
            assert_eq!(text.parse::<Network>(), Err(error), "{text}");
        }
    }

    #[test]
    fn peers_are_trusted_by_their_network_or_socket() {
        let trusted = TrustedPeers::parse(["10.0.0.0/8", "unix"]).unwrap();
        let tcp = |text: &str| Peer::Tcp(text.parse().unwrap());
        assert!(trusted.trusts(&tcp("10.0.0.1:1")) && trusted.trusts(&Peer::Unix));
        assert!(!trusted.trusts(&tcp("192.0.2.1:1")));
        assert!(!TrustedPeers::default().trusts(&Peer::Unix));
        let error = TrustedPeers::parse(["unix", "x"]).unwrap_err();
        assert_eq!(error, ("x", NetworkError::BadAddress));
    }
}
