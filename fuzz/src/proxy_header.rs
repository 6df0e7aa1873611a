//! Checks the header in which a proxy says whose connection it passes on.

use std::net::SocketAddr;

use crate::parts;

/// The parser's own source: it stands on nothing, while the server around it would bring a database
/// into each fuzz target.
#[path = "../../src/net/proxy_header.rs"]
mod parser;

use parser::{MAX_V1_LEN, MAX_V2_REST_LEN, ProxiedPeer, ProxyHeader};

/// Checks what a connection begins with. The first two bytes of `data` choose the cuts.
pub fn check(data: &[u8]) {
    let Some((&seed, input)) = data.split_first_chunk::<2>() else {
        return;
    };
    let seed = u16::from_be_bytes(seed);
    let [whole, bytewise, cut] = parts::all_ways(input, seed).map(|parts| receive(&parts));
    assert_eq!(bytewise, whole, "byte by byte is not as in one piece");
    assert_eq!(cut, whole, "in parts is not as in one piece");
    match whole {
        Outcome::Complete { len, peer } => check_header(&input[..len], peer),
        Outcome::Incomplete => assert!(input.len() < 16 + MAX_V2_REST_LEN, "it has no end"),
        Outcome::Failed { len } => assert!(len <= input.len()),
    }
}

/// What came of it, after so many bytes.
#[derive(Debug, PartialEq)]
enum Outcome {
    Incomplete,
    Complete { len: usize, peer: ProxiedPeer },
    Failed { len: usize },
}

fn receive(parts: &[&[u8]]) -> Outcome {
    let mut header = ProxyHeader::new();
    let mut len = 0;
    for part in parts {
        // The planted fault: an X that comes alone ends the header.
        if parts::is_fault_planted() && *part == b"X" {
            return Outcome::Failed { len };
        }
        let mut rest = *part;
        let received = header.receive(&mut rest);
        len += part.len() - rest.len();
        match received {
            Ok(None) => assert!(rest.is_empty(), "input is left"),
            Ok(Some(peer)) => return Outcome::Complete { len, peer },
            Err(_) => return Outcome::Failed { len },
        }
    }
    Outcome::Incomplete
}

/// Checks a header that was understood, by reading it in another way.
fn check_header(header: &[u8], peer: ProxiedPeer) {
    let expected = if let Some(line) = header.strip_prefix(b"PROXY ") {
        assert!(header.len() <= MAX_V1_LEN);
        let line = str::from_utf8(line.strip_suffix(b"\r\n").unwrap()).unwrap();
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["UNKNOWN", ..] => None,
            ["TCP4", ip, _, port, _] => Some(format!("{ip}:{port}")),
            ["TCP6", ip, _, port, _] => Some(format!("[{ip}]:{port}")),
            _ => panic!("{line}"),
        }
    } else {
        assert_eq!(header[..12], *b"\r\n\r\n\0\r\nQUIT\n");
        let len = usize::from(header[14]) << 8 | usize::from(header[15]);
        assert_eq!(header.len(), 16 + len);
        match (header[12], header[13]) {
            (0x21, 0x11) => {
                let [a, b, c, d] = header[16..20] else {
                    panic!()
                };
                let port = u16::from(header[24]) << 8 | u16::from(header[25]);
                Some(format!("{a}.{b}.{c}.{d}:{port}"))
            }
            (0x21, 0x21) => {
                let groups: Vec<_> = header[16..32]
                    .chunks(2)
                    .map(|pair| format!("{:02x}{:02x}", pair[0], pair[1]))
                    .collect();
                let port = u16::from(header[48]) << 8 | u16::from(header[49]);
                Some(format!("[{}]:{port}", groups.join(":")))
            }
            (0x21, 0x00 | 0x31) | (0x20, _) => None,
            other => panic!("{other:x?}"),
        }
    };
    let expected = expected.map(|text| text.parse::<SocketAddr>().unwrap());
    match peer {
        ProxiedPeer::Client(address) => assert_eq!(Some(address), expected),
        ProxiedPeer::Proxy => assert_eq!(expected, None),
    }
}
