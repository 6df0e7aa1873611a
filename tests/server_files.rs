//! A process whose descriptors run out says so to its clients, does not spin, and recovers.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod support;

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use support::{PATIENCE, UPGRADE, wait_until};

/// An echo server that may have so few files open; killed in the end.
struct Echo {
    child: Child,
    address: SocketAddr,
}

impl Echo {
    fn start(open_files: u32) -> Self {
        let script =
            format!("ulimit -n {open_files}; exec \"$0\" echo --threads 2 --listen 127.0.0.1:0");
        let mut child = Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_chinwag")])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        stderr.read_line(&mut said).unwrap();
        let address = said.trim().rsplit("ws://").next().unwrap().parse().unwrap();
        Self { child, address }
    }

    /// Processor time used so far, in hundredths of a second.
    fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks for a WebSocket, and returns the status of the answer.
fn ask(address: SocketAddr) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // Whoever is refused may be so before he has asked.
    let _ = stream.write_all(UPGRADE.as_bytes());
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            other => panic!("no answer but {other:?} after {}", head.escape_ascii()),
        }
    }
    let status = String::from_utf8(head)
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .to_owned();
    (stream, status)
}

#[test]
fn clients_beyond_the_last_descriptor_are_told_and_later_ones_get_in() {
    let echo = Echo::start(40);
    let answered: Vec<_> = (0..100).map(|_| ask(echo.address)).collect();
    let count = |status: &str| answered.iter().filter(|it| it.1 == status).count();
    assert!((10..40).contains(&count("101")), "{} got in", count("101"));
    assert_eq!(count("101") + count("503"), 100);
    // Those who got in are served as before.
    let mut stream = &answered[0].0;
    stream.write_all(b"\x81\x82\0\0\0\0hi").unwrap();
    let mut echoed = [0; 4];
    stream.read_exact(&mut echoed).unwrap();
    assert_eq!(&echoed, b"\x81\x02hi");
    drop(answered);
    wait_until("there is room again", || ask(echo.address).1 == "101");
}

#[test]
fn process_without_descriptors_does_not_spin() {
    let echo = Echo::start(40);
    let held: Vec<_> = (0..60).map(|_| ask(echo.address)).collect();
    let before = echo.ticks();
    // Nothing comes for half a second: that is how long this waits.
    let (stream, status) = &held[0];
    let mut stream = stream;
    assert_eq!(status, "101");
    let wait = Duration::from_millis(500);
    stream.set_read_timeout(Some(wait)).unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    assert!(matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut
    ));
    assert!(echo.ticks() - before < 10, "it spins");
}
