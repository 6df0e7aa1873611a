//! RFC 7692 as a receiver: the examples, frames and blocks in any shape, and what is hostile.

use chinwag::websocket::{
    CloseCode, Connection, DeflateOptions, DeflateParameters, Event, Limits, Message, Role,
};

use crate::bit_writer::BitWriter;
use crate::wire::{Frame, ROLES, Trace, connect_with, opposite};

const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
const HELLO_AGAIN: &[u8] = b"\xf2\x00\x11\x00\x00";
const HELLO_STORED: &[u8] = b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00";
const HELLO_FINAL: &[u8] = b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00";
const HELLO_IN_TWO: &[u8] = b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00";

/// A connection that keeps its windows.
fn connect(role: Role) -> Connection {
    connect_limited(role, Limits::default())
}

fn connect_limited(role: Role, limits: Limits) -> Connection {
    let connection = connect_with(role, limits);
    connection.with_deflate(DeflateParameters::default(), &DeflateOptions::default())
}

/// What both roles make of frames, each by its first byte and payload; byte by byte it is the same.
fn receive(frames: &[(u8, &[u8])]) -> Trace {
    let mut traces = ROLES.map(|role| {
        let frames: Vec<Frame> = frames
            .iter()
            .map(|(first, payload)| Frame::from(opposite(role), *first, *payload))
            .collect();
        let whole = Trace::of(&mut connect(role), &frames);
        let mut bytewise = Trace::default();
        let mut connection = connect(role);
        for byte in frames.iter().flat_map(Frame::encode) {
            bytewise.receive(&mut connection, &[byte]);
        }
        assert_eq!(bytewise, whole, "{role:?}");
        whole
    });
    let [server, client] = &mut traces;
    assert_eq!(
        (&server.events, server.error),
        (&client.events, client.error)
    );
    std::mem::take(server)
}

fn texts(frames: &[(u8, &[u8])]) -> Vec<String> {
    let trace = receive(frames);
    assert_eq!(trace.error, None, "{frames:02x?}");
    let text = |event: &Event<'_>| match event {
        Event::Message(Message::Text(text)) => text.to_string(),
        other => panic!("{other:?}"),
    };
    trace.events.iter().map(text).collect()
}

fn fails(frames: &[(u8, &[u8])]) -> u16 {
    let trace = receive(frames);
    assert_eq!(trace.events, [], "{frames:02x?}");
    trace.error.expect("it fails").close_code().get()
}

// covers: R7692-7.2.3-01, R7692-7.2.1-02, R7692-7.2.1-03, R7692-7.2.2-01, D-14
#[test]
fn examples_of_the_rfc_inflate() {
    for payload in [HELLO, HELLO_STORED, HELLO_FINAL, HELLO_IN_TWO] {
        assert_eq!(texts(&[(0xc1, payload)]), ["Hello"]);
    }
    // An empty fragment at the end, as the last example has it.
    assert_eq!(texts(&[(0x41, HELLO_IN_TWO), (0x80, b"")]), ["Hello"]);
    assert_eq!(texts(&[(0xc1, b"\x00")]), [""]);
}

// covers: R7692-7.2.2-02, R7692-7.2.2-03, R7692-7.2.1-04, D-14
#[test]
fn window_is_kept_between_messages_behind_any_kind_of_block() {
    for first in [HELLO, HELLO_STORED, HELLO_FINAL, HELLO_IN_TWO] {
        assert_eq!(
            texts(&[(0xc1, first), (0xc1, HELLO_AGAIN)]),
            ["Hello", "Hello"]
        );
    }
    let often = [
        (0xc1, HELLO_FINAL),
        (0xc1, HELLO_AGAIN),
        (0xc1, HELLO_FINAL),
        (0xc1, HELLO_AGAIN),
    ];
    assert_eq!(texts(&often), ["Hello"; 4]);
}

// covers: R7692-7.2.3-02, D-15
#[test]
fn empty_messages_leave_the_next_one_whole() {
    let empty = [
        (0xc1, HELLO),
        (0xc1, &b""[..]),
        (0xc1, b"\x00"),
        (0xc1, b""),
        (0xc1, HELLO_AGAIN),
    ];
    assert_eq!(texts(&empty), ["Hello", "", "", "", "Hello"]);
    assert_eq!(
        texts(&[(0x41, b""), (0x00, b""), (0x80, b""), (0xc1, HELLO)]),
        ["", "Hello"]
    );
}

// covers: R7692-6.2-01
#[test]
fn compressed_message_may_come_in_any_fragments() {
    assert_eq!(
        texts(&[(0x41, &HELLO[..3]), (0x80, &HELLO[3..])]),
        ["Hello"]
    );
    let mut frames: Vec<(u8, &[u8])> = HELLO.chunks(1).map(|byte| (0x00, byte)).collect();
    frames[0].0 = 0x41;
    frames.push((0x80, b""));
    assert_eq!(texts(&frames), ["Hello"]);
}

// covers: R7692-6-03, R6455-5.2-01
#[test]
fn rsv1_is_for_first_frames_of_messages_only() {
    for frames in [
        &[(0xc9, &b""[..])][..],
        &[(0xca, b"")],
        &[(0xc8, b"\x03\xe8")],
        &[(0x41, &HELLO[..3]), (0xc0, &HELLO[3..])],
        &[(0x41, &HELLO[..3]), (0x40, &HELLO[3..])],
        &[(0x01, b"a"), (0xc0, b"b")],
        &[(0xa1, b"")],
        &[(0x91, b"")],
        &[(0xe1, HELLO)],
        &[(0xd1, HELLO)],
    ] {
        assert_eq!(fails(frames), 1002, "{frames:02x?}");
    }
}

// covers: R7692-6-01, R6455-5.4-04
#[test]
fn control_frames_come_between_compressed_fragments_as_they_are() {
    let trace = receive(&[
        (0x41, &HELLO[..3]),
        (0x89, b"p"),
        (0x8a, b""),
        (0x80, &HELLO[3..]),
    ]);
    let text = Event::Message(Message::text("Hello"));
    let expected = [
        Event::Ping(b"p"[..].into()),
        Event::Pong(b""[..].into()),
        text,
    ];
    assert_eq!(trace.events, expected);
}

// covers: R7692-6-04
#[test]
fn compressed_binary_message_stays_binary() {
    for frames in [
        &[(0xc2, HELLO)][..],
        &[(0x42, &HELLO[..3]), (0x80, &HELLO[3..])],
    ] {
        let message = Message::binary(&b"Hello"[..]);
        assert_eq!(receive(frames).events, [Event::Message(message)]);
    }
}

// covers: R7692-6-05, R6455-8.1-01
#[test]
fn text_is_judged_when_it_is_inflated() {
    let stored = |parts: &[&[u8]]| {
        let mut writer = BitWriter::default();
        parts.iter().for_each(|part| writer.stored(part));
        writer.finish()
    };
    assert_eq!(fails(&[(0xc1, &stored(&[b"a\xff"]))]), 1007);
    assert_eq!(fails(&[(0xc1, &stored(&[b"\xc3", b"\x28"]))]), 1007);
    assert_eq!(fails(&[(0xc1, &stored(&[b"\xc3"]))]), 1007);
    let cut = stored(&[b"\xe2\x82", b"\xac"]);
    assert_eq!(texts(&[(0xc1, &cut)]), ["€"]);
    let (head, tail) = cut.split_at(6);
    assert_eq!(texts(&[(0x41, head), (0x80, tail)]), ["€"]);
    // What is on the wire need not be text; what is inflated need not be, in binary messages.
    assert!(str::from_utf8(&cut).is_err());
    let binary = Message::binary(&b"\xff"[..]);
    assert_eq!(
        receive(&[(0xc2, &stored(&[b"\xff"]))]).events,
        [Event::Message(binary)]
    );
    // At the first bad byte, before the message ends.
    assert_eq!(fails(&[(0x41, &stored(&[b"\xff"]))]), 1007);
}

// covers: R7692-6-06, R7692-7.2.2-05
#[test]
fn uncompressed_messages_between_do_not_touch_the_window() {
    let frames = [
        (0x81, &b"plain"[..]),
        (0xc1, HELLO),
        (0x81, b"Jello"),
        (0x01, b"in "),
        (0x80, b"parts"),
        (0xc1, HELLO_AGAIN),
    ];
    assert_eq!(
        texts(&frames),
        ["plain", "Hello", "Jello", "in parts", "Hello"]
    );
}

// covers: R7692-7.2.2-04, R7692-7.1.2.1-03
#[test]
fn match_may_reach_back_over_the_whole_window() {
    let window: Vec<u8> = (0..32_768_u32)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect();
    let mut writer = BitWriter::default();
    writer.stored(&window);
    // A block of fixed codes: three bytes from 32,768 back, end of block.
    writer.number(0b010, 3);
    writer.code("0000001");
    writer.code("11101");
    writer.number(0x1fff, 13);
    writer.code("0000000");
    let payload = writer.finish();
    let expected = [&window[..], &window[..3]].concat();
    let message = Event::Message(Message::binary(expected));
    for role in ROLES {
        let frame = Frame::from(opposite(role), 0xc2, &payload[..]);
        assert_eq!(
            Trace::of(&mut connect(role), &[frame]).events,
            std::slice::from_ref(&message)
        );
    }
}

// covers: R7692-X-03, D-04
#[test]
fn broken_data_fails_with_1007() {
    for payload in [
        // The reserved type of block; lengths that do not agree; a match before the beginning; more
        // codes than there are; a block that does not end.
        &b"\x06\x00"[..],
        b"\x07",
        b"\x00\x05\x00\x00\x00Hello\x00",
        b"\x02\x11\x00\x00",
        b"\x04\xff\xff\xff\xff\xff\xff\xff",
        b"\xf2\x48\xcd",
        b"\x00\x05\x00\xfa\xff\x48",
    ] {
        assert_eq!(fails(&[(0xc1, payload)]), 1007, "{payload:02x?}");
        assert_eq!(fails(&[(0xc2, payload)]), 1007, "{payload:02x?}");
    }
    // Without a window from before.
    assert_eq!(fails(&[(0xc1, HELLO_AGAIN)]), 1007);
}

// covers: R7692-X-01, R6455-10.4-02
#[test]
fn bomb_is_stopped_at_the_limit_and_held_to_it_in_memory() {
    const LIMIT: usize = 1024 * 1024;
    let mut writer = BitWriter::default();
    writer.number(0b010, 3);
    writer.code("00110000");
    while writer.bytes.len() < 64 * 1024 {
        // 258 bytes from one back.
        writer.code("11000101");
        writer.code("00000");
    }
    writer.code("0000000");
    let bomb = writer.finish();
    for role in ROLES {
        let mut limits = Limits::default();
        limits.max_message_len = LIMIT;
        let mut connection = connect_limited(role, limits);
        let bytes = Frame::from(opposite(role), 0xc2, &bomb[..]).encode();
        let mut trace = Trace::default();
        for part in bytes.chunks(512) {
            trace.receive(&mut connection, part);
            let held_len = connection.unfinished_len();
            // A growing buffer may be twice what is in it.
            assert!(held_len <= 2 * LIMIT + 128 * 1024, "{held_len}");
        }
        assert_eq!(
            trace.error.unwrap().close_code(),
            CloseCode::MESSAGE_TOO_BIG
        );
        assert_eq!((trace.events.len(), connection.unfinished_len()), (0, 0));
    }
}

// covers: R7692-X-02
#[test]
fn blocks_without_output_end_soon() {
    let fixed = b"\x02\x08\x20\x80\x00".repeat(200_000);
    let stored = b"\x00\x00\x00\xff\xff".repeat(200_000);
    for role in ROLES {
        for payload in [&fixed, &stored] {
            let bytes = Frame::from(opposite(role), 0xc2, &payload[..]).encode();
            let mut connection = connect(role);
            let mut received_len = 0;
            let mut trace = Trace::default();
            for part in bytes.chunks(1_024) {
                received_len += part.len();
                trace.receive(&mut connection, part);
                if trace.error.is_some() {
                    break;
                }
            }
            assert_eq!(
                trace.error.unwrap().close_code(),
                CloseCode::INVALID_PAYLOAD
            );
            assert!(received_len < 64 * 1024, "{received_len}");
        }
    }
}
