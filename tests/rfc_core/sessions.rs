//! Recorded sessions, cut at every place and at every pair of places: the same comes of them.

use chinwag::websocket::{CloseCode, Event, Message, Role};

use crate::wire::{Frame, ROLES, Trace, connect, opposite};

// covers: R6455-5.2-11
#[test]
fn session_with_fragments_and_controls_means_the_same_however_it_is_cut() {
    for role in ROLES {
        let greeting = "κόσμε 🦊";
        let (head, tail) = greeting.as_bytes().split_at(5);
        let binary: Vec<u8> = (0..126).collect();
        let frames = [
            (0x81, &b"Hello"[..]),
            (0x01, head),
            (0x89, b"in between"),
            (0x00, b""),
            (0x8a, b""),
            (0x80, tail),
            (0x82, &binary),
            (0x02, b"\x00"),
            (0x80, b"\xff"),
            (0x81, b""),
            (0x88, b"\x03\xe9bye"),
            (0x81, b"behind the Close"),
        ];
        let closed = Event::Closed {
            code: Some(CloseCode::GOING_AWAY),
            reason: "bye".to_owned(),
        };
        let expected = Trace {
            events: vec![
                Event::Message(Message::text("Hello")),
                Event::Ping(b"in between"[..].into()),
                Event::Pong(b""[..].into()),
                Event::Message(Message::text(greeting)),
                Event::Message(Message::binary(binary.clone())),
                Event::Message(Message::binary(vec![0x00, 0xff])),
                Event::Message(Message::text("")),
                closed,
            ],
            output: [
                Frame::from(role, 0x8a, "in between").encode(),
                Frame::from(role, 0x88, [0x03, 0xe9]).encode(),
            ]
            .concat(),
            error: None,
        };
        check(role, &frames, &expected);
    }
}

// covers: R6455-5.2-11, R6455-8.1-03
#[test]
fn session_that_fails_inside_a_character_means_the_same_however_it_is_cut() {
    for role in ROLES {
        let frames = [
            (0x82, &b"\x01\x02"[..]),
            (0x01, "né".as_bytes()),
            (0x89, b"?"),
            (0x00, b"\xf0\x9f"),
            (0x80, b"\x28 and more"),
            (0x81, b"nobody sees this"),
        ];
        let bytes: Vec<u8> = frames.iter().flat_map(|it| encode(role, *it)).collect();
        let mut expected = Trace::default();
        expected.receive(&mut connect(role), &bytes);
        let events = [
            Event::Message(Message::binary(vec![1, 2])),
            Event::Ping(b"?"[..].into()),
        ];
        assert_eq!(expected.events, events);
        let code = expected.error.unwrap().close_code();
        assert_eq!(code, CloseCode::INVALID_PAYLOAD);
        check(role, &frames, &expected);
    }
}

/// Checks all cuts into two and three parts, and single bytes.
fn check(role: Role, frames: &[(u8, &[u8])], expected: &Trace) {
    let bytes: Vec<u8> = frames.iter().flat_map(|it| encode(role, *it)).collect();
    let check_parts = |parts: &[&[u8]]| {
        let mut connection = connect(role);
        let mut trace = Trace::default();
        for part in parts {
            trace.receive(&mut connection, part);
        }
        let lens = || parts.iter().map(|part| part.len()).collect::<Vec<_>>();
        assert!(trace == *expected, "{role:?} {:?}: {trace:?}", lens());
    };
    check_parts(&bytes.chunks(1).collect::<Vec<_>>());
    for first in 0..=bytes.len() {
        for second in first..=bytes.len() {
            check_parts(&[&bytes[..first], &bytes[first..second], &bytes[second..]]);
        }
    }
}

fn encode(role: Role, (first, payload): (u8, &[u8])) -> Vec<u8> {
    Frame::from(opposite(role), first, payload).encode()
}
