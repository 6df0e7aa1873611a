//! Receiving: vectors, fragments without end, control frames in between, what must not cost memory.

use chinwag::websocket::{CloseCode, Connection, Event, Limits, Message, Role};

use crate::wire::{Frame, KEY, ROLES, Trace, connect, connect_with, opposite};

// covers: R6455-5.7-01, R6455-5.2-05
#[test]
fn examples_of_the_rfc_are_decoded() {
    let masked_hello = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let head = |first: u8| [&[first, 0x85][..], &key, &masked_hello].concat();
    let receive = |role: Role, bytes: &[u8]| {
        let mut trace = Trace::default();
        trace.receive(&mut connect(role), bytes);
        trace
    };
    for (role, bytes) in [
        (Role::Client, &b"\x81\x05Hello"[..]),
        (Role::Server, &head(0x81)),
        (Role::Client, b"\x01\x03Hel\x80\x02lo"),
    ] {
        let text = Event::Message(Message::text("Hello"));
        assert_eq!(receive(role, bytes).events, [text]);
    }
    let ping = receive(Role::Client, b"\x89\x05Hello");
    assert_eq!(ping.events, [Event::Ping(b"Hello"[..].into())]);
    assert_eq!(ping.output, head(0x8a));
    let pong = receive(Role::Server, &head(0x8a));
    assert_eq!(pong.events, [Event::Pong(b"Hello"[..].into())]);
    for (len, head) in [
        (256, &b"\x82\x7e\x01\x00"[..]),
        (65_536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ] {
        let payload: Vec<u8> = (0..=255).cycle().take(len).collect();
        let expected = [Event::Message(Message::binary(payload.clone()))];
        let bytes = [head, &payload].concat();
        assert_eq!(receive(Role::Client, &bytes).events, expected);
        let frame = Frame::from(Role::Client, 0x82, payload);
        assert_eq!(receive(Role::Server, &frame.encode()).events, expected);
    }
}

// covers: R6455-5.4-06, R6455-5.4-10, R6455-5.4-11
#[test]
fn message_is_the_same_in_any_number_of_fragments() {
    let numbers: Vec<String> = (0..1_000).map(|number| format!("{number:03} ")).collect();
    let text = numbers.concat();
    for role in ROLES {
        for count in [1, 2, 7, 100, 1_000] {
            let parts = text.as_bytes().chunks(text.len().div_ceil(count));
            let last = parts.len() - 1;
            let frames: Vec<Frame> = parts
                .enumerate()
                .map(|(index, part)| {
                    let opcode = if index == 0 { 0x01 } else { 0x00 };
                    let fin = if index == last { 0x80 } else { 0x00 };
                    Frame::from(opposite(role), fin | opcode, part)
                })
                .collect();
            assert_eq!(frames.len(), count);
            let trace = Trace::of(&mut connect(role), &frames);
            assert_eq!(trace.events, [Event::Message(Message::text(&text))]);
        }
    }
}

// covers: R6455-5.6-03, R6455-5.2-07, R6455-6.2-04
#[test]
fn bytes_of_all_values_come_through_and_messages_follow_each_other() {
    let all: Vec<u8> = (0..=255).collect();
    for role in ROLES {
        let frames = [
            Frame::from(opposite(role), 0x82, &all[..]),
            Frame::from(opposite(role), 0x82, []),
            Frame::from(opposite(role), 0x81, []),
            Frame::from(opposite(role), 0x82, &all[..]),
        ];
        let expected = [
            Message::binary(&all),
            Message::binary(&[][..]),
            Message::text(""),
            Message::binary(&all),
        ]
        .map(|message| Event::Message(message.into_owned()));
        assert_eq!(Trace::of(&mut connect(role), &frames).events, expected);
    }
}

// covers: R6455-5.5.3-01, R6455-5.5-01
#[test]
fn ping_of_125_bytes_is_answered_with_the_same_and_one_of_126_is_refused() {
    let mut payload: Vec<u8> = (0..125).map(|at| at * 2 + 1).collect();
    payload[7] = 0;
    assert!(str::from_utf8(&payload).is_err());
    for role in ROLES {
        let ping = Frame::from(opposite(role), 0x89, &payload[..]);
        let trace = Trace::of(&mut connect(role), &[ping]);
        let pong = Frame::from(role, 0x8a, &payload[..]);
        assert_eq!(trace.output, pong.encode());
        let ping = Frame::from(opposite(role), 0x89, [0; 126]);
        let trace = Trace::of(&mut connect(role), &[ping]);
        assert_eq!(trace.error.unwrap().close_code(), CloseCode::PROTOCOL_ERROR);
    }
}

// covers: R6455-5.5.2-02, R6455-5.4-04
#[test]
fn ping_inside_a_large_message_is_answered_before_the_message_ends() {
    let part = vec![0xa5; 256 * 1024];
    for role in ROLES {
        let mut connection = connect(role);
        for index in 0..64 {
            let first = if index == 0 { 0x02 } else { 0x00 };
            let frames = [
                Frame::from(opposite(role), first, &part[..]),
                Frame::from(opposite(role), 0x89, [index]),
            ];
            let trace = Trace::of(&mut connection, &frames);
            assert_eq!(trace.events, [Event::Ping(vec![index].into())]);
            assert_eq!(trace.output, Frame::from(role, 0x8a, [index]).encode());
        }
        let trace = Trace::of(&mut connection, &[Frame::from(opposite(role), 0x80, [])]);
        let Event::Message(message) = &trace.events[0] else {
            panic!("no message")
        };
        assert_eq!(message.as_bytes().len(), 16 * 1024 * 1024);
    }
}

// covers: R6455-5.5.3-03
#[test]
fn pongs_that_nobody_asked_for_do_nothing() {
    for role in ROLES {
        let mut connection = connect(role);
        let pongs = Frame::from(opposite(role), 0x8a, [1, 2, 3])
            .encode()
            .repeat(100);
        for _ in 0..1_000 {
            let mut trace = Trace::default();
            trace.receive(&mut connection, &pongs);
            assert_eq!((trace.events.len(), trace.output.len()), (100, 0));
            assert_eq!(connection.unfinished_len(), 0);
        }
    }
}

// covers: R6455-10.4-01, D-05
#[test]
fn announced_length_takes_no_memory() {
    for role in ROLES {
        let mask_bit = if role == Role::Server { 0x80 } else { 0 };
        let announce = |len: u64| {
            let mut connection = connect(role);
            let head = [&[0x82, mask_bit | 127][..], &len.to_be_bytes(), &KEY].concat();
            let mut trace = Trace::default();
            trace.receive(&mut connection, &head);
            (
                connection.unfinished_len(),
                trace.error.map(|error| error.close_code()),
            )
        };
        let (held_len, error) = announce(16 * 1024 * 1024);
        assert!(held_len < 256 && error.is_none(), "{held_len}, {error:?}");
        assert_eq!(announce(1 << 60), (0, Some(CloseCode::MESSAGE_TOO_BIG)));
        assert_eq!(announce(u64::MAX), (0, Some(CloseCode::PROTOCOL_ERROR)));
    }
}

// covers: R6455-10.4-03, D-18
#[test]
fn empty_fragments_end_at_the_default_cap_and_take_no_memory() {
    for role in ROLES {
        // A paid one for 32 bytes, 1,024 free ones.
        for (paid, count) in [(0, 1_024), (320, 1_034)] {
            let mut connection = connect(role);
            let first = Frame::from(opposite(role), 0x02, vec![0; paid]);
            Trace::of(&mut connection, &[first]);
            let held_len = connection.unfinished_len();
            let empty = Frame::from(opposite(role), 0x00, []);
            let mut fragment_count = 1;
            let error = loop {
                let trace = Trace::of(&mut connection, std::slice::from_ref(&empty));
                if let Some(error) = trace.error {
                    break error;
                }
                fragment_count += 1;
                assert_eq!(connection.unfinished_len(), held_len);
            };
            assert_eq!(error.close_code(), CloseCode::POLICY_VIOLATION);
            assert_eq!(fragment_count, count);
        }
    }
}

// covers: R6455-10.4-02
#[test]
fn fragments_end_where_their_sum_passes_the_limit() {
    for role in ROLES {
        let mut limits = Limits::default();
        limits.max_message_len = 10_000;
        let receive = |last_len: usize| {
            let mut connection: Connection = connect_with(role, limits);
            let mut frames = vec![Frame::from(opposite(role), 0x02, [7; 100])];
            frames.extend((0..98).map(|_| Frame::from(opposite(role), 0x00, [7; 100])));
            frames.push(Frame::from(opposite(role), 0x80, vec![7; last_len]));
            Trace::of(&mut connection, &frames)
        };
        let message = Message::binary(vec![7; 10_000]);
        assert_eq!(receive(100).events, [Event::Message(message)]);
        let error = receive(101).error.unwrap();
        assert_eq!(error.close_code(), CloseCode::MESSAGE_TOO_BIG);
    }
}
