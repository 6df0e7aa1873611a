//! The PROXY protocol: the header in which a proxy says whose connection it passes on.
//!
//! There are two forms, and a receiver tells them apart by the first bytes. Version 1 is one line,
//! version 2 is binary:
//!
//! ```text
//! PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n
//!
//! 0              12   13   14      16                  16 + len
//! │ signature    │ 2c │ fp │ len   │ addresses │ TLVs  │           c: command, f: family, p: protocol
//! ```
//!
//! The header is judged byte by byte, so it means the same however it is split, what is wrong fails
//! at the first byte that shows it, and nothing behind the header is taken. What a header claims
//! costs no memory: of version 2 the addresses are kept, what follows them is counted.
//!
//! The format is that of the specification published with HAProxy, `proxy-protocol.txt` of 2020.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Reads one header from the front of a connection.
#[derive(Debug, Clone)]
pub(super) struct ProxyHeader {
    /// The first bytes: all of version 1, and of version 2 all that is looked at.
    kept: [u8; MAX_V1_LEN],
    /// Bytes taken so far, those included that were not kept.
    taken_len: usize,
}

/// Whose connection it is, by the proxy's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProxiedPeer {
    /// A client's at this address.
    Client(SocketAddr),
    /// The proxy's own, as that of a health check, or that of a client without an address.
    Proxy,
}

/// What is wrong with a header; the connection is worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyHeaderError {
    /// The connection begins with something else.
    Missing,
    /// A line of version 1 has no end within the length that the longest one has.
    LineTooLong {
        /// The most bytes, its CR LF included.
        max: usize,
    },
    /// A line of version 1 is none of those that there are.
    BadLine,
    /// The version and command of a binary header.
    BadCommand {
        /// The byte that holds both.
        byte: u8,
    },
    /// The family and protocol of a binary header are not those of a stream.
    BadFamily {
        /// The byte that holds both.
        byte: u8,
    },
    /// A binary header claims more than any proxy sends.
    TooLong {
        /// Bytes behind the first 16.
        len: usize,
        /// The most.
        max: usize,
    },
    /// A binary header has no room for the addresses of its family.
    TooShort {
        /// Bytes behind the first 16.
        len: usize,
        /// What the addresses take.
        min: usize,
    },
}

impl ProxyHeader {
    /// Nothing has arrived yet.
    pub(super) fn new() -> Self {
        Self {
            kept: [0; MAX_V1_LEN],
            taken_len: 0,
        }
    }

    /// Consumes from the front of `input` up to the end of the header; `None`: all consumed, and
    /// the header goes on.
    ///
    /// # Errors
    ///
    /// Whatever shows that this is no header. After that, or after the end, there is nothing more
    /// to be received.
    pub(super) fn receive(
        &mut self,
        input: &mut &[u8],
    ) -> Result<Option<ProxiedPeer>, ProxyHeaderError> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            if let Some(place) = self.kept.get_mut(self.taken_len) {
                *place = byte;
            }
            self.taken_len += 1;
            if let Some(peer) = self.judge(byte)? {
                return Ok(Some(peer));
            }
        }
        Ok(None)
    }

    /// Judges what the latest byte adds.
    fn judge(&self, byte: u8) -> Result<Option<ProxiedPeer>, ProxyHeaderError> {
        let index = self.taken_len - 1;
        // The two begin differently, so the first byte decides.
        if self.kept[0] == V1_START[0] {
            if index < V1_START.len() {
                return expect(byte == V1_START[index]);
            }
            return self.judge_line(byte);
        }
        if index < V2_SIGNATURE.len() {
            return expect(byte == V2_SIGNATURE[index]);
        }
        self.judge_binary(byte)
    }

    fn judge_line(&self, byte: u8) -> Result<Option<ProxiedPeer>, ProxyHeaderError> {
        if byte == b'\n' {
            let line = &self.kept[V1_START.len()..self.taken_len];
            let line = line.strip_suffix(b"\r\n");
            return line
                .and_then(parse_line)
                .map(Some)
                .ok_or(ProxyHeaderError::BadLine);
        }
        if self.taken_len >= MAX_V1_LEN {
            return Err(ProxyHeaderError::LineTooLong { max: MAX_V1_LEN });
        }
        Ok(None)
    }

    fn judge_binary(&self, byte: u8) -> Result<Option<ProxiedPeer>, ProxyHeaderError> {
        match self.taken_len - 1 {
            COMMAND if ![V2_LOCAL, V2_PROXY].contains(&byte) => {
                Err(ProxyHeaderError::BadCommand { byte })
            }
            // Whatever a proxy fills into a header about itself is passed over.
            FAMILY if self.kept[COMMAND] == V2_PROXY && addresses_len(byte).is_none() => {
                Err(ProxyHeaderError::BadFamily { byte })
            }
            COMMAND..V2_LAST_FIXED => Ok(None),
            _ => self.judge_rest(),
        }
    }

    /// The first 16 bytes are there.
    fn judge_rest(&self) -> Result<Option<ProxiedPeer>, ProxyHeaderError> {
        let len = usize::from(u16::from_be_bytes([self.kept[14], self.kept[15]]));
        if len > MAX_V2_REST_LEN {
            let max = MAX_V2_REST_LEN;
            return Err(ProxyHeaderError::TooLong { len, max });
        }
        let is_client = self.kept[COMMAND] == V2_PROXY;
        let min = addresses_len(self.kept[FAMILY])
            .filter(|_| is_client)
            .unwrap_or(0);
        if len < min {
            return Err(ProxyHeaderError::TooShort { len, min });
        }
        if self.taken_len < V2_FIXED_LEN + len {
            return Ok(None);
        }
        Ok(Some(if is_client {
            self.binary_peer()
        } else {
            ProxiedPeer::Proxy
        }))
    }

    /// The source address of a whole binary header.
    fn binary_peer(&self) -> ProxiedPeer {
        let (_, addresses) = self.kept.split_at(V2_FIXED_LEN);
        let port = |at: usize| u16::from_be_bytes([addresses[at], addresses[at + 1]]);
        match self.kept[FAMILY] {
            V2_TCP4 => {
                let ip: [u8; 4] = *addresses.first_chunk().expect("91 bytes are kept");
                ProxiedPeer::Client((Ipv4Addr::from(ip), port(8)).into())
            }
            V2_TCP6 => {
                let ip: [u8; 16] = *addresses.first_chunk().expect("91 bytes are kept");
                ProxiedPeer::Client((Ipv6Addr::from(ip), port(32)).into())
            }
            _ => ProxiedPeer::Proxy,
        }
    }
}

impl Default for ProxyHeader {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for ProxyHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(f, "the connection begins with no PROXY header"),
            Self::LineTooLong { max } => write!(f, "the PROXY line has more than {max} bytes"),
            Self::BadLine => write!(f, "the PROXY line is malformed"),
            Self::BadCommand { byte } => {
                write!(f, "the PROXY header has version and command {byte:#04x}")
            }
            Self::BadFamily { byte } => {
                write!(f, "the PROXY header has family and protocol {byte:#04x}")
            }
            Self::TooLong { len, max } => {
                write!(f, "the PROXY header claims {len} bytes, at most {max}")
            }
            Self::TooShort { len, min } => {
                write!(f, "the PROXY header has {len} bytes of at least {min}")
            }
        }
    }
}

impl std::error::Error for ProxyHeaderError {}

fn expect(is_right: bool) -> Result<Option<ProxiedPeer>, ProxyHeaderError> {
    if is_right {
        Ok(None)
    } else {
        Err(ProxyHeaderError::Missing)
    }
}

/// What the addresses of a family take; `None` for what can't be a stream's.
fn addresses_len(family: u8) -> Option<usize> {
    match family {
        V2_UNSPECIFIED => Some(0),
        V2_TCP4 => Some(12),
        V2_TCP6 => Some(36),
        V2_UNIX => Some(216),
        _ => None,
    }
}

/// Reads what is between `PROXY ` and the end of the line.
fn parse_line(line: &[u8]) -> Option<ProxiedPeer> {
    let line = str::from_utf8(line).ok()?;
    let (family, rest) = line.split_once(' ').unwrap_or((line, ""));
    if family == "UNKNOWN" {
        // What follows it is to be ignored.
        return Some(ProxiedPeer::Proxy);
    }
    let mut fields = rest.split(' ');
    let mut ip = || fields.next()?.parse::<IpAddr>().ok();
    let (source, destination) = (ip()?, ip()?);
    let is_family = |ip: IpAddr| match family {
        "TCP4" => ip.is_ipv4(),
        "TCP6" => ip.is_ipv6(),
        _ => false,
    };
    let (source_port, _) = (port(fields.next()?)?, port(fields.next()?)?);
    let is_sound = is_family(source) && is_family(destination) && fields.next().is_none();
    is_sound.then_some(ProxiedPeer::Client(SocketAddr::new(source, source_port)))
}

/// Reads a port as it is written in only one way.
fn port(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_padded = text.len() > 1 && text.starts_with('0');
    (is_plain && !is_padded).then(|| text.parse().ok())?
}

/// The longest line that the specification knows, with its CR LF.
pub(super) const MAX_V1_LEN: usize = 107;

/// What may follow the fixed part of a binary header: addresses have at most 216 bytes, and proxies
/// add names, checksums and facts about TLS of some hundred bytes each.
pub(super) const MAX_V2_REST_LEN: usize = 4096;

const V1_START: &[u8] = b"PROXY ";
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Where the bytes behind the signature are.
const COMMAND: usize = 12;
const FAMILY: usize = 13;
const V2_FIXED_LEN: usize = 16;
const V2_LAST_FIXED: usize = V2_FIXED_LEN - 1;
const V2_LOCAL: u8 = 0x20;
const V2_PROXY: u8 = 0x21;
const V2_UNSPECIFIED: u8 = 0x00;
const V2_TCP4: u8 = 0x11;
const V2_TCP6: u8 = 0x21;
const V2_UNIX: u8 = 0x31;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Outcome = Result<Option<ProxiedPeer>, ProxyHeaderError>;

    fn receive(input: &[u8]) -> (Outcome, &[u8]) {
        let mut rest = input;
        let outcome = ProxyHeader::new().receive(&mut rest);
        (outcome, rest)
    }

    fn check(input: &[u8], expected: Outcome) {
        assert_eq!(receive(input).0, expected, "{}", input.escape_ascii());
    }

    fn client(address: &str) -> Outcome {
        Ok(Some(ProxiedPeer::Client(address.parse().unwrap())))
    }

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut header = V2_SIGNATURE.to_vec();
        header.extend([command, family]);
        header.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
        header.extend_from_slice(rest);
        header
    }

    fn tcp4(tlvs: &[u8]) -> Vec<u8> {
        let addresses = [203, 0, 113, 7, 192, 0, 2, 1, 0xdc, 0x04, 0x01, 0xbb];
        binary(V2_PROXY, V2_TCP4, &[&addresses, tlvs].concat())
    }

    #[test]
    fn lines_say_who_connects() {
        let proxy = Ok(Some(ProxiedPeer::Proxy));
        check(
            b"PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n",
            client("203.0.113.7:56324"),
        );
        check(
            b"PROXY TCP6 2001:db8::7 ::1 0 65535\r\n",
            client("[2001:db8::7]:0"),
        );
        check(b"PROXY UNKNOWN\r\n", proxy);
        check(b"PROXY UNKNOWN whatever 1 2\r\n", proxy);
        check(b"PROXY TCP4 203.0.113.7", Ok(None));
    }

    #[test]
    fn malformed_lines_are_refused() {
        for line in [
            "PROXY \r\n",
            "PROXY TCP4\r\n",
            "PROXY UNKNOWNS\r\n",
            "PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\n",
            "PROXY TCP4 203.0.113.7 192.0.2.1 56324 443 \r\n",
            "PROXY TCP4 203.0.113.7  192.0.2.1 56324 443\r\n",
            "PROXY TCP4 203.0.113.7 192.0.2.1 56324\r\n",
            "PROXY TCP4 203.0.113.7 192.0.2.1 65536 443\r\n",
            "PROXY TCP4 203.0.113.7 192.0.2.1 056 443\r\n",
            "PROXY TCP4 203.0.113.7 192.0.2.1 +56 443\r\n",
            "PROXY TCP4 203.0.113.07 192.0.2.1 56 443\r\n",
            "PROXY TCP4 2001:db8::7 ::1 56 443\r\n",
            "PROXY TCP6 203.0.113.7 192.0.2.1 56 443\r\n",
            "PROXY UDP4 203.0.113.7 192.0.2.1 56 443\r\n",
        ] {
            check(line.as_bytes(), Err(ProxyHeaderError::BadLine));
        }
        check(b"PROXY \xff\r\n", Err(ProxyHeaderError::BadLine));
    }

    #[test]
    fn line_has_107_bytes_and_not_one_more() {
        let line = |len: usize| format!("PROXY UNKNOWN {}\r\n", "x".repeat(len - 16));
        check(line(107).as_bytes(), Ok(Some(ProxiedPeer::Proxy)));
        let error = ProxyHeaderError::LineTooLong { max: 107 };
        check(line(108).as_bytes(), Err(error));
        check(&line(108).as_bytes()[..106], Ok(None));
    }

    #[test]
    fn binary_headers_say_who_connects() {
        let proxy = Ok(Some(ProxiedPeer::Proxy));
        check(&tcp4(b""), client("203.0.113.7:56324"));
        check(&tcp4(&[9; 1000]), client("203.0.113.7:56324"));
        let mut addresses = [0; 36];
        addresses[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        addresses[15] = 7;
        addresses[32..34].copy_from_slice(&80_u16.to_be_bytes());
        let header = binary(V2_PROXY, V2_TCP6, &addresses);
        check(&header, client("[2001:db8::7]:80"));
        check(&binary(V2_PROXY, V2_UNIX, &[0; 216]), proxy);
        check(&binary(V2_PROXY, V2_UNSPECIFIED, b""), proxy);
        // A health check; what it has for addresses means nothing.
        check(&binary(V2_LOCAL, V2_UNSPECIFIED, b""), proxy);
        check(&binary(V2_LOCAL, 0xff, &[1; 12]), proxy);
    }

    #[test]
    fn malformed_binary_headers_are_refused() {
        for byte in [0x00, 0x11, 0x22, 0x2f, 0xff] {
            let error = ProxyHeaderError::BadCommand { byte };
            check(&binary(byte, V2_TCP4, &[0; 12]), Err(error));
        }
        for byte in [0x01, 0x10, 0x12, 0x22, 0x32, 0x41, 0xff] {
            let error = ProxyHeaderError::BadFamily { byte };
            check(&binary(V2_PROXY, byte, &[0; 216]), Err(error));
        }
        for (family, min) in [(V2_TCP4, 12), (V2_TCP6, 36), (V2_UNIX, 216)] {
            let len = min - 1;
            let header = binary(V2_PROXY, family, &vec![0; len]);
            check(&header, Err(ProxyHeaderError::TooShort { len, min }));
        }
    }

    #[test]
    fn binary_header_has_4096_bytes_and_not_one_more() {
        let of = |len: usize| tcp4(&vec![0; len - 12]);
        check(&of(MAX_V2_REST_LEN), client("203.0.113.7:56324"));
        let (len, max) = (MAX_V2_REST_LEN + 1, MAX_V2_REST_LEN);
        let header = of(len);
        // Judged as soon as it is claimed, before any of it has come.
        check(
            &header[..V2_FIXED_LEN],
            Err(ProxyHeaderError::TooLong { len, max }),
        );
    }

    #[test]
    fn anything_else_fails_at_its_first_byte() {
        for input in ["GET / HTTP/1.1\r\n", "PROXX", "\r\n\r\n\r", "\x16\x03\x01"] {
            check(input.as_bytes(), Err(ProxyHeaderError::Missing));
        }
        assert_eq!(receive(b"GET").1, b"ET");
        assert_eq!(receive(b"PRX Y").1, b" Y");
    }

    #[test]
    fn errors_are_small() {
        assert!(size_of::<ProxyHeaderError>() <= 24);
    }

    fn header() -> impl Strategy<Value = Vec<u8>> {
        let line = any::<(SocketAddr, u16)>().prop_map(|(source, port)| {
            let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
            let (ip, from) = (source.ip(), source.port());
            format!("PROXY {family} {ip} {ip} {from} {port}\r\n").into_bytes()
        });
        let rest = prop::collection::vec(any::<u8>(), 0..300);
        let family = prop_oneof![
            Just(0x00_u8),
            Just(0x11),
            Just(0x21),
            Just(0x31),
            any::<u8>()
        ];
        let binary = (prop_oneof![Just(0x20_u8), Just(0x21)], family, rest)
            .prop_map(|(command, family, rest)| binary(command, family, &rest));
        prop_oneof![line, binary, prop::collection::vec(any::<u8>(), 0..200)]
    }

    proptest! {
        #[test]
        fn split_changes_nothing_and_what_follows_is_left(
            header in header(),
            after in prop::collection::vec(any::<u8>(), 0..20),
            cuts in prop::collection::vec(0..400_usize, 0..8),
        ) {
            let input = [&header[..], &after].concat();
            let (expected, rest) = receive(&input);
            if expected == Ok(None) {
                prop_assert_eq!(rest.len(), 0);
            }
            let mut parser = ProxyHeader::new();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(input.len())).collect();
            cuts.extend([0, input.len()]);
            cuts.sort_unstable();
            let (mut found, mut taken_len) = (Ok(None), 0);
            for pair in cuts.windows(2) {
                let mut part = &input[pair[0]..pair[1]];
                let part_len = part.len();
                found = parser.receive(&mut part);
                taken_len += part_len - part.len();
                if found != Ok(None) {
                    break;
                }
            }
            prop_assert_eq!(found, expected);
            prop_assert_eq!(taken_len, input.len() - rest.len());
        }

        #[test]
        fn line_says_what_was_written(source: SocketAddr, port: u16) {
            let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
            let (ip, from) = (source.ip(), source.port());
            let line = format!("PROXY {family} {ip} {ip} {from} {port}\r\nrest");
            let (found, rest) = receive(line.as_bytes());
            prop_assert_eq!(found, Ok(Some(ProxiedPeer::Client(SocketAddr::new(ip, from)))));
            prop_assert_eq!(rest, b"rest");
        }
    }
}
