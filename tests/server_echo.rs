//! `chinwag echo --stream`: parts of messages come back before their ends are there.
#![cfg(all(feature = "server", feature = "client"))]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod faults;
mod support;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use chinwag::websocket::blocking::Connector;
use chinwag::websocket::handshake::client::ClientRequest;
use chinwag::websocket::{DeflateOptions, Message};
use faults::footprint::Footprint;
use support::{Echo, Http, UPGRADE, prepared};

/// A WebSocket as a stream of bytes.
fn connect(echo: &Echo) -> TcpStream {
    let mut http = Http::connect(echo.address);
    assert_eq!(http.ask(UPGRADE).status, 101);
    http.into_parts().0
}

/// Sends one after the other, each when the one before is answered as it must be.
fn check(exchanges: &[(&[u8], &[u8])]) {
    let echo = Echo::start(&["--stream"]);
    let mut stream = connect(&echo);
    for (sent, expected) in exchanges {
        stream.write_all(sent).unwrap();
        let mut answer = vec![0; expected.len()];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, expected, "the answer to {sent:02x?}");
    }
}

#[test]
fn whole_messages_are_echoed_whole() {
    check(&[
        (b"\x81\x85\0\0\0\0hello", b"\x81\x05hello"),
        (b"\x82\x80\0\0\0\0", b"\x82\x00"),
        (b"\x81\x81\0\0\0\0a\x82\x81\0\0\0\0b", b"\x81\x01a\x82\x01b"),
    ]);
}

#[test]
fn part_of_a_frame_comes_back_before_the_rest_is_sent() {
    check(&[
        (b"\x81\x8a\0\0\0\0hello", b"\x01\x05hello"),
        (b"world", b"\x80\x05world"),
        (b"\x82\x83\0\0\0\0a", b"\x02\x01a"),
        (b"b", b"\x00\x01b"),
        (b"c", b"\x80\x01c"),
    ]);
}

#[test]
fn half_a_character_waits_for_the_other_half() {
    check(&[
        (b"\x81\x84\0\0\0\0a\xe2\x82", b"\x01\x01a"),
        (b"\xac", b"\x80\x03\xe2\x82\xac"),
    ]);
}

#[test]
fn pings_are_answered_between_parts() {
    check(&[
        (b"\x01\x81\0\0\0\0a", b"\x01\x01a"),
        (b"\x89\x81\0\0\0\0p", b"\x8a\x01p"),
        (b"\x80\x81\0\0\0\0b", b"\x80\x01b"),
    ]);
}

#[test]
fn close_ends_a_message_that_has_begun() {
    check(&[
        (b"\x02\x81\0\0\0\0a", b"\x02\x01a"),
        (b"\x88\x82\0\0\0\0\x03\xe8", b"\x88\x02\x03\xe8"),
    ]);
}

#[test]
fn bad_text_is_refused_inside_the_frame_that_has_it() {
    check(&[
        (b"\x81\x8a\0\0\0\0ab", b"\x01\x02ab"),
        (b"\xff", b"\x88\x13\x03\xeftext is not UTF-8"),
    ]);
}

#[test]
fn server_that_ends_says_so_between_parts() {
    let echo = Echo::start(&["--stream"]);
    let mut stream = connect(&echo);
    stream.write_all(b"\x82\x8a\0\0\0\0ab").unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).unwrap();
    echo.terminate();
    let mut close = [0; 4];
    stream.read_exact(&mut close).unwrap();
    assert_eq!((&answer, &close), (b"\x02\x02ab", b"\x88\x02\x03\xe9"));
}

/// One frame of it is longer than what an echo of whole messages takes.
#[test]
fn message_of_any_length_comes_back_and_is_not_held() {
    let echo = Echo::start(&["--stream"]);
    let mut stream = connect(&echo);
    let before = Footprint::of(echo.process_id());
    let mut writer = stream.try_clone().unwrap();
    let piece: Vec<u8> = (0..=255).cycle().take(PIECE_LEN).collect();
    let sent = piece.clone();
    let writing = thread::spawn(move || {
        let mut header = b"\x82\xff".to_vec();
        header.extend(
            u64::try_from(PIECE_LEN * PIECE_COUNT)
                .unwrap()
                .to_be_bytes(),
        );
        header.extend([0; 4]);
        writer.write_all(&header).unwrap();
        for _ in 0..PIECE_COUNT {
            writer.write_all(&sent).unwrap();
        }
    });
    let mut payload = Payload::default();
    let mut received = vec![0; PIECE_LEN];
    for _ in 0..PIECE_COUNT {
        payload.read_exact(&mut stream, &mut received);
        assert!(received == piece, "what was sent comes back");
    }
    assert!(payload.is_final && payload.left_len == 0);
    writing.join().unwrap();
    let after = Footprint::of(echo.process_id());
    let grown_len = after.resident_len.saturating_sub(before.resident_len);
    assert!(grown_len < MAX_HELD_LEN, "{grown_len}");
}

#[test]
fn peer_that_does_not_read_is_not_read() {
    let echo = Echo::start(&["--stream"]);
    let mut stream = connect(&echo);
    let before = Footprint::of(echo.process_id());
    stream
        .write_all(b"\x82\xff\0\0\x01\0\0\0\0\0\0\0\0\0")
        .unwrap();
    stream
        .set_write_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let piece = vec![b'x'; PIECE_LEN];
    let mut sent_len = 0;
    loop {
        match stream.write(&piece) {
            Ok(len) => sent_len += len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("after {sent_len} bytes: {error}"),
        }
    }
    let after = Footprint::of(echo.process_id());
    let grown_len = after.resident_len.saturating_sub(before.resident_len);
    assert!(grown_len < MAX_HELD_LEN, "{grown_len} of {sent_len}");
    // Nothing of it is lost.
    let mut received = vec![0; sent_len];
    Payload::default().read_exact(&mut prepared(stream), &mut received);
    assert!(received.iter().all(|byte| *byte == b'x'));
}

#[test]
fn compressed_messages_come_back_compressed() {
    let echo = Echo::start(&["--stream"]);
    let request = ClientRequest::new(echo.uri().parse().unwrap());
    let request = request.deflate(&DeflateOptions::default());
    let connected = Connector::new().connect(&request).unwrap();
    let agreed = connected.response.header("Sec-WebSocket-Extensions");
    assert!(agreed.unwrap().starts_with(b"permessage-deflate"));
    let mut socket = connected.web_socket;
    // Longer than a part that is inflated, and than what a socket takes at once.
    let long: String = (0..400_000).map(|nth| format!("{nth} ")).collect();
    for text in ["", "hello", &long, "hello again"] {
        let message = Message::text(text);
        socket.send(&message).unwrap();
        assert!(socket.read().unwrap() == Some(message), "{}", text.len());
    }
}

/// Takes the headers out of what a server sends of one message.
#[derive(Default)]
struct Payload {
    is_begun: bool,
    is_final: bool,
    /// What of the frame is still to come.
    left_len: usize,
}

impl Payload {
    fn read_exact(&mut self, stream: &mut TcpStream, mut output: &mut [u8]) {
        while !output.is_empty() {
            if self.left_len == 0 {
                self.read_header(stream);
            }
            let len = self.left_len.min(output.len());
            let (part, rest) = output.split_at_mut(len);
            stream.read_exact(part).unwrap();
            self.left_len -= len;
            output = rest;
        }
    }

    fn read_header(&mut self, stream: &mut TcpStream) {
        assert!(!self.is_final, "nothing follows the final fragment");
        let [first, second] = read(stream);
        self.left_len = match second {
            126 => u16::from_be_bytes(read(stream)).into(),
            127 => u64::from_be_bytes(read(stream)).try_into().unwrap(),
            len => len.into(),
        };
        let opcode = if self.is_begun { 0 } else { 2 };
        assert_eq!(first & 0x7f, opcode, "{first:02x} {second:02x}");
        self.is_final = first & 0x80 != 0;
        self.is_begun = true;
    }
}

fn read<const LEN: usize>(stream: &mut TcpStream) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

const PIECE_LEN: usize = 1 << 20;
const PIECE_COUNT: usize = 20;
/// The outbox up to its soft limit and one read more, twice as they grow, and what the allocator
/// keeps of them.
const MAX_HELD_LEN: u64 = 8 << 20;
