//! Recorded sessions, cut at every place and at every pair of places: the same comes of them, whether
//! messages are taken whole or in parts.

use chinwag::websocket::{CloseCode, Connection, Event, Message, Part, Role};
#[cfg(feature = "deflate")]
use chinwag::websocket::{DeflateOptions, DeflateParameters};

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

/// With context takeover, so that the second message is made of the first; one whole, one in
/// fragments with a Ping between them.
// covers: R6455-5.2-11
#[cfg(feature = "deflate")]
#[test]
fn compressed_session_means_the_same_however_it_is_cut() {
    let mut options = DeflateOptions::default();
    options.threshold = 0;
    let open = |role| connect(role).with_deflate(DeflateParameters::default(), &options);
    for role in ROLES {
        let text = "κόσμε, κόσμε, κόσμε";
        let (head, tail) = text.split_at(10);
        let mut sender = open(opposite(role));
        let mut bytes = Vec::new();
        sender.send(&Message::text(text), &mut bytes).unwrap();
        sender
            .send_part(&Message::text(head), false, &mut bytes)
            .unwrap();
        sender.ping(b"in between", &mut bytes).unwrap();
        sender
            .send_part(&Message::text(tail), true, &mut bytes)
            .unwrap();
        sender.close(CloseCode::NORMAL, "", &mut bytes).unwrap();
        let expected = Trace {
            events: vec![
                Event::Message(Message::text(text)),
                Event::Ping(b"in between"[..].into()),
                Event::Message(Message::text(text)),
                Event::Closed {
                    code: Some(CloseCode::NORMAL),
                    reason: String::new(),
                },
            ],
            output: [
                Frame::from(role, 0x8a, "in between").encode(),
                Frame::from(role, 0x88, [0x03, 0xe8]).encode(),
            ]
            .concat(),
            error: None,
        };
        check_bytes(|| open(role), &bytes, &expected);
    }
}

fn check(role: Role, frames: &[(u8, &[u8])], expected: &Trace) {
    let bytes: Vec<u8> = frames.iter().flat_map(|it| encode(role, *it)).collect();
    check_bytes(|| connect(role), &bytes, expected);
}

/// Checks all cuts into two and three parts, and single bytes.
fn check_bytes(open: impl Fn() -> Connection, bytes: &[u8], expected: &Trace) {
    let check_parts = |parts: &[&[u8]]| {
        let mut connection = open();
        let mut trace = Trace::default();
        for part in parts {
            trace.receive(&mut connection, part);
        }
        let role = connection.role();
        let lens = || parts.iter().map(|part| part.len()).collect::<Vec<_>>();
        assert!(trace == *expected, "{role:?} {:?}: {trace:?}", lens());
        let streamed = stream(&mut open(), parts);
        assert!(streamed == *expected, "{role:?} {:?}: {streamed:?}", lens());
    };
    check_parts(&bytes.chunks(1).collect::<Vec<_>>());
    for first in 0..=bytes.len() {
        for second in first..=bytes.len() {
            check_parts(&[&bytes[..first], &bytes[first..second], &bytes[second..]]);
        }
    }
}

/// What comes of the same when messages are taken in parts, and put together by hand.
fn stream(connection: &mut Connection, inputs: &[&[u8]]) -> Trace {
    let mut trace = Trace::default();
    let mut message = Vec::new();
    for bytes in inputs {
        let mut bytes = bytes.to_vec();
        let mut input = &mut bytes[..];
        loop {
            match connection.receive_part(&mut input, &mut trace.output) {
                Ok(None) => break,
                Ok(Some(Event::Message(part))) => {
                    message.extend_from_slice(part.payload.as_bytes());
                    if part.is_final {
                        let whole = join(&part, std::mem::take(&mut message));
                        trace.events.push(Event::Message(whole));
                    }
                }
                Ok(Some(Event::Ping(it))) => trace.events.push(Event::Ping(it.into_owned().into())),
                Ok(Some(Event::Pong(it))) => trace.events.push(Event::Pong(it.into_owned().into())),
                Ok(Some(Event::Closed { code, reason })) => {
                    trace.events.push(Event::Closed { code, reason });
                }
                Err(error) => {
                    trace.error = Some(error);
                    break;
                }
            }
        }
        assert!(input.is_empty(), "input is left");
    }
    trace
}

/// The message that ends with `last`.
fn join(last: &Part<'_>, bytes: Vec<u8>) -> Message<'static> {
    match last.payload {
        Message::Text(_) => Message::text(String::from_utf8(bytes).unwrap()),
        Message::Binary(_) => Message::binary(bytes),
    }
}

fn encode(role: Role, (first, payload): (u8, &[u8])) -> Vec<u8> {
    Frame::from(opposite(role), first, payload).encode()
}
