//! Messages in parts, and messages prepared for many connections, both roles.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use chinwag::websocket::{
    CloseCode, Connection, Event, Limits, MaskingKeys, Message, Part, PreparedMessage,
    ProtocolError, Role, SendError,
};
use proptest::collection::vec;
use proptest::prelude::*;

const ROLES: [Role; 2] = [Role::Server, Role::Client];

#[test]
fn parts_lie_where_they_arrived() {
    for (role, is_text) in ROLES
        .into_iter()
        .flat_map(|role| [(role, false), (role, true)])
    {
        let mut sender = connect(opposite(role));
        let mut receiver = connect(role);
        let mut bytes = Vec::new();
        sender
            .send(&message("0123456789", is_text), &mut bytes)
            .unwrap();
        let last = bytes.split_off(bytes.len() - 4);
        let range = bytes.as_ptr_range();
        let mut input = &mut bytes[..];
        let event = receiver.receive_part(&mut input, &mut Vec::new()).unwrap();
        let Some(Event::Message(part)) = event else {
            panic!("{event:?}");
        };
        assert_eq!(part.payload, message("012345", is_text));
        assert!(!part.is_final);
        assert!(range.contains(&part.payload.as_bytes().as_ptr()));
        assert_eq!(receiver.unfinished_len() / 1024, 0);
        assert_eq!(
            parts(&mut receiver, &last),
            [(message("6789", is_text), true)]
        );
        assert!(!receiver.has_unfinished_message());
    }
}

#[test]
fn header_alone_is_for_servers_and_only_between_messages() {
    let long = Message::text("x".repeat(70_000));
    let mut server = connect(Role::Server);
    let (mut whole, mut header) = (Vec::new(), Vec::new());
    server.send(&long, &mut whole).unwrap();
    assert_eq!(server.send_header(&long, &mut header), Ok(true));
    assert_eq!(header, whole[..10]);

    let mut output = Vec::new();
    let result = connect(Role::Client).send_header(&long, &mut output);
    assert_eq!((result, output.len()), (Ok(false), 0));

    server.send_part(&long, false, &mut Vec::new()).unwrap();
    let result = server.send_header(&long, &mut output);
    assert_eq!(result, Err(SendError::MessageUnfinished));
    server
        .close(CloseCode::NORMAL, "", &mut Vec::new())
        .unwrap();
    let result = server.send_header(&long, &mut output);
    assert_eq!((result, output.len()), (Err(SendError::Closed), 0));
}

#[test]
fn text_is_cut_between_characters_only() {
    let mut receiver = connect(Role::Client);
    assert_eq!(parts(&mut receiver, b"\x01\x03a\xc3\xa9"), [text("aé")]);
    assert_eq!(parts(&mut receiver, b"\x00\x02b\xf0"), [text("b")]);
    assert_eq!(parts(&mut receiver, b"\x00\x02\x9f\x98"), []);
    assert_eq!(
        parts(&mut receiver, b"\x80\x02\x80c"),
        [(Message::text("😀c"), true)]
    );
}

#[test]
fn final_part_comes_even_if_it_is_empty_and_no_other_empty_part_does() {
    let mut receiver = connect(Role::Client);
    assert_eq!(parts(&mut receiver, b"\x01\x00\x00\x00"), []);
    assert_eq!(
        parts(&mut receiver, b"\x80\x00"),
        [(Message::text(""), true)]
    );
    assert_eq!(
        parts(&mut receiver, b"\x82\x00"),
        [(Message::binary(&b""[..]), true)]
    );
}

#[test]
fn text_that_ends_inside_a_character_fails_in_its_final_part() {
    let mut receiver = connect(Role::Client);
    assert_eq!(parts(&mut receiver, b"\x01\x02a\xc3"), [text("a")]);
    let mut input = &mut b"\x80\x00".to_owned()[..];
    assert_eq!(
        receiver.receive_part(&mut input, &mut Vec::new()),
        Err(ProtocolError::InvalidUtf8)
    );
}

#[test]
fn whole_message_is_what_was_not_handed_out_in_parts() {
    let mut receiver = connect(Role::Client);
    assert_eq!(parts(&mut receiver, b"\x01\x01a"), [text("a")]);
    let mut input = &mut b"\x00\x01b\x80\x01c".to_owned()[..];
    let event = receiver.receive(&mut input, &mut Vec::new()).unwrap();
    assert_eq!(event, Some(Event::Message(Message::text("bc"))));
    // And the other way round: what was held comes with the first part.
    for is_text in [false, true] {
        let first = if is_text { 1 } else { 2 };
        let mut input = &mut [first, 1, b'a', 0, 1, b'b'][..];
        let event = receiver.receive(&mut input, &mut Vec::new()).unwrap();
        assert_eq!(event, None);
        assert_eq!(
            parts(&mut receiver, b"\x80\x01c"),
            [(message("abc", is_text), true)]
        );
    }
}

#[test]
fn message_in_parts_keeps_to_the_limits_and_to_no_memory() {
    let mut limits = Limits::default();
    limits.max_message_len = 1000;
    let mut receiver = Connection::server(limits);
    let mut output = Vec::new();
    for count in 1..=10 {
        let first = if count == 1 { 0x02 } else { 0x00 };
        let mut frame = vec![first, 0x80 | 100, 0, 0, 0, 0];
        frame.resize(106, 7);
        let mut input = &mut frame[..];
        receiver.receive_part(&mut input, &mut output).unwrap();
        assert!(receiver.unfinished_len() < 200);
    }
    let mut receiver_of_the_last = Connection::server(limits);
    let mut frame = vec![0x82, 0x80 | 126, 0x02, 0x00, 0, 0, 0, 0];
    frame.resize(8 + 300, 7);
    let mut input = &mut frame[..];
    let event = receiver_of_the_last.receive_part(&mut input, &mut output);
    assert!(matches!(event, Ok(Some(_))));
    assert!(receiver_of_the_last.unfinished_len() < 200);
    let mut input = &mut [0x00, 0x81, 0, 0, 0, 0, 7][..];
    assert_eq!(
        receiver.receive_part(&mut input, &mut output),
        Err(ProtocolError::MessageTooLong {
            len: 1001,
            max: 1000
        })
    );
}

/// A part is a frame: the first names the kind, the last one is final.
// covers: R6455-6.1-02, R6455-6.1-03, R6455-5.4-02
#[test]
fn sent_parts_are_fragments() {
    let mut server = connect(Role::Server);
    let mut output = Vec::new();
    for (payload, is_final) in [("a", false), ("", false), ("b", true)] {
        server
            .send_part(&Message::text(payload), is_final, &mut output)
            .unwrap();
    }
    server
        .send_part(&Message::binary(&b"c"[..]), true, &mut output)
        .unwrap();
    assert_eq!(output, b"\x01\x01a\x00\x00\x80\x01b\x82\x01c");
}

#[test]
fn nothing_but_control_frames_comes_between_the_parts_of_a_message() {
    for role in ROLES {
        let mut sender = connect(role);
        let mut output = Vec::new();
        sender
            .send_part(&Message::text("a"), false, &mut output)
            .unwrap();
        let len = output.len();
        let prepared = PreparedMessage::new(&Message::text("b"));
        assert_eq!(
            sender.send(&Message::text("b"), &mut output),
            Err(SendError::MessageUnfinished)
        );
        assert_eq!(
            sender.send_uncompressed(&Message::text("b"), &mut output),
            Err(SendError::MessageUnfinished)
        );
        assert_eq!(
            sender.send_prepared(&prepared, &mut output),
            Err(SendError::MessageUnfinished)
        );
        assert_eq!(
            sender.prepared_frame(&prepared),
            Err(SendError::MessageUnfinished)
        );
        assert_eq!(
            sender.send_part(&Message::binary(&b"b"[..]), true, &mut output),
            Err(SendError::MessageKindChanged)
        );
        assert_eq!(output.len(), len);
        sender.ping(b"", &mut output).unwrap();
        sender
            .send_part(&Message::text("b"), true, &mut output)
            .unwrap();
        sender.send(&Message::text("c"), &mut output).unwrap();
    }
}

/// RFC 6455 §5.5.1: no data follows a Close, so a message begun in parts stays unfinished.
// covers: R6455-5.5.1-05, R6455-5.1-05
#[test]
fn parts_and_prepared_messages_are_refused_after_a_close() {
    for role in ROLES {
        let mut sender = connect(role);
        let mut output = Vec::new();
        sender
            .send_part(&Message::text("a"), false, &mut output)
            .unwrap();
        sender.close(CloseCode::NORMAL, "", &mut output).unwrap();
        output.clear();
        let prepared = PreparedMessage::new(&Message::text("b"));
        assert_eq!(
            sender.send_part(&Message::text("b"), true, &mut output),
            Err(SendError::Closed)
        );
        assert_eq!(
            sender.send_part_uncompressed(&Message::text("b"), true, &mut output),
            Err(SendError::Closed)
        );
        assert_eq!(
            sender.send_prepared(&prepared, &mut output),
            Err(SendError::Closed)
        );
        assert_eq!(sender.prepared_frame(&prepared), Err(SendError::Closed));
        assert!(output.is_empty());
    }
}

#[test]
fn prepared_message_is_what_sending_it_would_be() {
    for len in [0, 1, 125, 126, 0xffff, 0x1_0000] {
        for message in [
            Message::text("x".repeat(len)),
            Message::binary(vec![0xff; len]),
        ] {
            let prepared = PreparedMessage::new(&message).clone();
            for role in ROLES {
                let (mut sender, mut other) = (connect(role), connect(role));
                let (mut sent, mut expected) = (Vec::new(), Vec::new());
                sender.send_prepared(&prepared, &mut sent).unwrap();
                other.send(&message, &mut expected).unwrap();
                assert_eq!(sent, expected);
                let frame = sender.prepared_frame(&prepared).unwrap();
                assert_eq!(frame, (role == Role::Server).then_some(&expected[..]));
            }
        }
    }
}

proptest! {
    #[test]
    fn parts_are_the_message_however_it_is_cut(
        text in "\\PC{0,60}",
        is_text: bool,
        is_server: bool,
        fragment_lens in vec(0..40_usize, 0..6),
        read_lens in vec(1..30_usize, 1..20),
    ) {
        let role = if is_server { Role::Server } else { Role::Client };
        let mut bytes = Vec::new();
        send_in_fragments(&mut connect(opposite(role)), &text, is_text, &fragment_lens, &mut bytes);
        let mut receiver = connect(role);
        let mut received = Vec::new();
        let mut final_count = 0;
        for len in read_lens.into_iter().cycle() {
            let rest = bytes.split_off(len.min(bytes.len()));
            for (payload, is_final) in parts(&mut receiver, &bytes) {
                prop_assert!(is_final || !payload.is_empty());
                prop_assert_eq!(matches!(payload, Message::Text(_)), is_text);
                received.extend_from_slice(payload.as_bytes());
                final_count += usize::from(is_final);
            }
            if rest.is_empty() {
                break;
            }
            bytes = rest;
        }
        prop_assert_eq!(received, text.into_bytes());
        prop_assert_eq!(final_count, 1);
    }
}

fn send_in_fragments(
    sender: &mut Connection,
    text: &str,
    is_text: bool,
    lens: &[usize],
    output: &mut Vec<u8>,
) {
    let mut rest = text;
    for len in lens {
        let (part, after) = rest.split_at(rest.floor_char_boundary(*len));
        rest = after;
        sender
            .send_part(&message(part, is_text), false, output)
            .unwrap();
    }
    sender
        .send_part(&message(rest, is_text), true, output)
        .unwrap();
}

fn message(text: &str, is_text: bool) -> Message<'_> {
    if is_text {
        Message::text(text)
    } else {
        Message::binary(text.as_bytes())
    }
}

/// Receives `bytes` in parts; nothing else is expected in them.
fn parts(receiver: &mut Connection, bytes: &[u8]) -> Vec<(Message<'static>, bool)> {
    let mut bytes = bytes.to_vec();
    let mut input = &mut bytes[..];
    let mut parts = Vec::new();
    while let Some(event) = receiver.receive_part(&mut input, &mut Vec::new()).unwrap() {
        match event {
            Event::Message(Part { payload, is_final }) => {
                parts.push((payload.into_owned(), is_final));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(input.is_empty());
    parts
}

fn text(text: &str) -> (Message<'_>, bool) {
    (Message::text(text), false)
}

fn connect(role: Role) -> Connection {
    struct Key;
    impl MaskingKeys for Key {
        fn next_key(&mut self) -> [u8; 4] {
            [0x37, 0xfa, 0x21, 0x3d]
        }
    }
    match role {
        Role::Server => Connection::server(Limits::default()),
        Role::Client => Connection::client(Limits::default(), Box::new(Key)),
    }
}

fn opposite(role: Role) -> Role {
    match role {
        Role::Server => Role::Client,
        Role::Client => Role::Server,
    }
}
