//! The whole server as a process, and clients of all kinds for it.
#![expect(
    dead_code,
    unused_imports,
    reason = "each test program uses a part of it"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

use std::fs;
use std::net::TcpStream;
use std::time::{Duration, Instant};

pub(crate) mod account;
mod device;
pub(crate) mod disk;
mod echo;
mod http;
mod line;
mod server;
pub(crate) mod tls;
mod ws;

pub(crate) use device::Device;
pub(crate) use echo::Echo;
pub(crate) use http::{Http, Response, try_ask};
pub(crate) use line::Line;
pub(crate) use server::{Server, run};
pub(crate) use ws::{UPGRADE, Ws, masked_frame};

/// Longer than anything here takes on the slowest machine, and shorter than the server's interval
/// between pings, which would let a wait for anything else begin anew.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The time; tests measure it only to know that something took as long as promised.
#[expect(clippy::disallowed_methods, reason = "tests watch the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// How many files a process has open. Seen from outside: who asks a server for that holds one himself,
/// and may find the one open still with which he asked before.
pub(crate) fn descriptor_count(process_id: u32) -> usize {
    fs::read_dir(format!("/proc/{process_id}/fd"))
        .unwrap()
        .count()
}

/// A socket that waits for nothing longer than one may, and sends at once what is written.
pub(crate) fn prepared(socket: TcpStream) -> TcpStream {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

/// Nothing in a text moves a cursor, begins an escape sequence or turns the reading direction, but
/// the characters allowed.
pub(crate) fn assert_clean(text: &str, allowed: &str) {
    let turns = ['\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
    let is_raw = |c: &char| c.is_control() || turns.iter().any(|range| range.contains(c));
    let raw = text.chars().filter(|c| !allowed.contains(*c)).find(is_raw);
    assert_eq!(raw, None, "in {text:?}");
}

/// Looks until it sees what it looks for; each look must itself take time, as a request does.
pub(crate) fn wait_until(what: &str, mut look: impl FnMut() -> bool) {
    let until = now() + PATIENCE;
    while !look() {
        assert!(now() < until, "waited in vain until {what}");
    }
}
