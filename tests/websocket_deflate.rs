//! Compressed messages on a connection (RFC 7692 §6, §7.2), both roles.

#![cfg(feature = "deflate")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use chinwag::websocket::{
    CodecPool, Connection, DeflateOptions, DeflateParameters, Event, Limits, MaskingKeys, Message,
    PreparedMessage, ProtocolError, Role, WindowBits,
};
use proptest::collection::vec;
use proptest::prelude::*;

const ROLES: [Role; 2] = [Role::Server, Role::Client];

const WITHOUT_TAKEOVER: DeflateParameters = DeflateParameters {
    server_no_context_takeover: true,
    client_no_context_takeover: true,
    server_max_window_bits: WindowBits::MAX,
    client_max_window_bits: WindowBits::MAX,
};

/// "Hello" as RFC 7692 §7.2.3.1 has it.
const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";

// covers: R7692-7.2.3-01, R7692-7.2.2-01, R7692-7.2.1-02, R7692-7.2.1-03, R7692-6-04
#[test]
fn examples_of_the_rfc_inflate() {
    for payload in [
        HELLO,
        b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
        b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
        b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
    ] {
        for first in [0xc1, 0xc2] {
            let expected = if first == 0xc1 {
                Message::text("Hello")
            } else {
                Message::binary(&b"Hello"[..])
            };
            check(&[(first, payload)], &[expected]);
        }
    }
    check(&[(0xc1, b"\x00")], &[Message::text("")]);
}

// covers: R7692-7.2.2-02, R7692-7.2.2-05, R7692-6-06, R7692-7.2.1-04, R7692-7.2.3-02
#[test]
fn window_goes_on_from_message_to_message_whatever_comes_between() {
    let hello = || Message::text("Hello");
    let again: (u8, &[u8]) = (0xc1, b"\xf2\x00\x11\x00\x00");
    check(&[(0xc1, HELLO), again], &[hello(), hello()]);
    check(
        &[(0xc1, HELLO), (0x81, b"other"), again],
        &[hello(), Message::text("other"), hello()],
    );
    // A final block does not end the window.
    check(
        &[(0xc1, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), again],
        &[hello(), hello()],
    );
    // Neither do empty messages, of one byte or of none.
    for empty in [&b"\x00"[..], b""] {
        check(
            &[(0xc1, HELLO), (0xc1, empty), again],
            &[hello(), Message::text(""), hello()],
        );
    }
}

// covers: R7692-6.2-01, R7692-6-01, R6455-5.4-04
#[test]
fn fragments_are_joined_before_they_are_inflated_and_control_frames_come_between() {
    check(
        &[(0x41, &HELLO[..3]), (0x80, &HELLO[3..])],
        &[Message::text("Hello")],
    );
    check(
        &[
            (0x41, &HELLO[..1]),
            (0x89, b"ping"),
            (0x00, &HELLO[1..5]),
            (0x00, b""),
            (0x8a, b""),
            (0x80, &HELLO[5..]),
        ],
        &[Message::text("Hello")],
    );
}

// covers: R7692-6-03, R6455-5.2-01
#[test]
fn rsv1_is_for_the_first_frame_of_a_message_only() {
    let reserved = |bits| ProtocolError::ReservedBits { bits };
    check_fails(&[(0xc9, b"")], reserved(4));
    check_fails(&[(0xca, b"")], reserved(4));
    check_fails(&[(0xc8, b"")], reserved(4));
    check_fails(&[(0x41, &HELLO[..3]), (0xc0, &HELLO[3..])], reserved(4));
    check_fails(&[(0x01, b"a"), (0xc0, b"")], reserved(4));
    check_fails(&[(0xe1, HELLO)], reserved(2));
    check_fails(&[(0x91, HELLO)], reserved(1));
}

// covers: R7692-6-05, R7692-X-03
#[test]
fn what_inflates_to_no_text_and_what_does_not_inflate_fails_with_1007() {
    // Stored blocks of invalid and of unfinished UTF-8, the latter in two blocks as well.
    for bad in [&b"a\xff"[..], b"\xc3", b"\xed\xa0\x80"] {
        check_fails(&[(0xc1, &stored(&[bad]))], ProtocolError::InvalidUtf8);
    }
    let halves = stored(&[b"\xc3", b"\xa9"]);
    check(&[(0xc1, &halves)], &[Message::text("é")]);
    check(
        &[(0xc2, &stored(&[b"a\xff"]))],
        &[Message::binary(&b"a\xff"[..])],
    );
    for corrupt in [
        &b"\x06"[..],                     // a reserved kind of block
        b"\x00\x05\x00\x00\x00Hello\x00", // a length and its complement that differ
        b"\xf2\x00\x11\x00\x00",          // refers to what is not there
        b"\xf2\x48\xcd",                  // ends inside a block
    ] {
        check_fails(&[(0xc1, corrupt)], ProtocolError::InvalidDeflate);
    }
}

/// The first fault is told, wherever the bytes are cut and whether messages come in parts.
#[test]
fn first_of_two_faults_is_told_however_the_bytes_are_cut() {
    let too_long = ProtocolError::MessageTooLong { len: 5, max: 4 };
    // Invalid text before invalid DEFLATE; too long before either.
    let cases: [(&[u8], ProtocolError); 3] = [
        (b"\x6a\x00\x00\x00", ProtocolError::InvalidUtf8),
        (&stored(&[b"aaaaa\xff"]), too_long),
        (
            &[&stored(&[b"aaaaa"])[..], b"\x06\x00\x00"].concat(),
            too_long,
        ),
    ];
    for (payload, expected) in cases {
        let frames: [(u8, &[u8]); 2] = [(0xc1, &stored(&[b"ok"])), (0xc1, payload)];
        for (chunk_len, in_parts) in [
            (usize::MAX, false),
            (usize::MAX, true),
            (1, false),
            (1, true),
        ] {
            let mut receiver = connection(Role::Client, limits(4), DeflateParameters::default());
            let mut bytes = encode(Role::Client, &frames);
            let error = bytes.chunks_mut(chunk_len).find_map(|mut chunk| {
                loop {
                    let result = match in_parts {
                        false => receiver
                            .receive(&mut chunk, &mut Vec::new())
                            .map(|it| it.is_some()),
                        true => receiver
                            .receive_part(&mut chunk, &mut Vec::new())
                            .map(|it| it.is_some()),
                    };
                    match result {
                        Ok(true) => {}
                        Ok(false) => break None,
                        Err(error) => break Some(error),
                    }
                }
            });
            assert_eq!(
                error,
                Some(expected),
                "{payload:02x?} {chunk_len} {in_parts}"
            );
        }
    }
}

// covers: R7692-X-01/S
#[test]
fn message_that_inflates_beyond_the_limit_fails_with_1009_and_takes_no_more_memory() {
    let parameters = DeflateParameters::default();
    let max = 1 << 20;
    for payload in [
        Message::binary(vec![0; 16 << 20]),
        Message::text("0".repeat(16 << 20)),
    ] {
        let mut bomb = Vec::new();
        connection(Role::Client, Limits::default(), parameters)
            .send(&payload, &mut bomb)
            .unwrap();
        assert!(bomb.len() < 20_000);
        for piece_len in [bomb.len(), 100] {
            let mut receiver = connection(Role::Server, limits(1 << 20), parameters);
            let mut output = Vec::new();
            let error = bomb
                .clone()
                .chunks_mut(piece_len)
                .find_map(|mut piece| receiver.receive(&mut piece, &mut output).err());
            let expected = ProtocolError::MessageTooLong { len: max + 1, max };
            assert_eq!(error, Some(expected));
            assert_eq!(output[2..4], 1009_u16.to_be_bytes());
        }
    }
}

#[test]
fn part_that_is_owed_comes_after_all_input_was_taken() {
    let parameters = DeflateParameters::default();
    let mut is_owed = false;
    for len in (65_536..70_000).step_by(150) {
        let mut bytes = Vec::new();
        connection(Role::Client, Limits::default(), parameters)
            .send(&Message::binary(vec![0; len]), &mut bytes)
            .unwrap();
        let mut receiver = connection(Role::Server, Limits::default(), parameters);
        let mut input = &mut bytes[..];
        let mut received_len = 0;
        let mut is_complete = false;
        while let Some(event) = receiver.receive_part(&mut input, &mut Vec::new()).unwrap() {
            let Event::Message(part) = event else {
                panic!("{event:?}");
            };
            received_len += part.payload.len();
            is_complete = part.is_final;
            is_owed |= input.is_empty() && !is_complete;
        }
        assert!(
            is_complete && received_len == len,
            "{received_len} of {len}"
        );
    }
    assert!(is_owed, "each part came while there was input");
}

#[test]
fn message_of_the_longest_length_passes_however_badly_it_compresses() {
    let limits = limits(100_000);
    let parameters = DeflateParameters::default();
    let mut payload: Vec<u8> = noise().take(100_000).collect();
    for expected in [true, false] {
        let mut sender = connection(Role::Client, Limits::default(), parameters);
        let mut bytes = Vec::new();
        sender
            .send(&Message::binary(&payload[..]), &mut bytes)
            .unwrap();
        assert_eq!(bytes[0], 0xc2);
        let mut receiver = connection(Role::Server, limits, parameters);
        let received = receiver.receive(&mut &mut bytes[..], &mut Vec::new());
        assert_eq!(received.is_ok(), expected);
        payload.push(0);
    }
}

#[test]
fn fragments_of_a_compressed_message_may_be_longer_than_what_they_inflate_to() {
    for role in ROLES {
        let mut receiver = connection(role, limits(4), DeflateParameters::default());
        let halves = stored(&[b"ab", b"cd"]);
        let mut bytes = encode(role, &[(0x42, &halves[..7]), (0x80, &halves[7..])]);
        assert!(bytes.len() > 2 * 4);
        let messages = receive_all(&mut receiver, &mut bytes).unwrap();
        assert_eq!(messages, [Message::binary(&b"abcd"[..])]);
    }
}

/// What is inflated counts, and so does the inflater, unless it stays for the next message anyway.
#[test]
fn memory_of_an_unfinished_message_is_what_it_inflated_to_and_its_inflater() {
    let inflated_len = 10_000;
    for keeps_window in [false, true] {
        let parameters = DeflateParameters {
            client_no_context_takeover: !keeps_window,
            ..DeflateParameters::default()
        };
        let mut sender = connection(Role::Client, Limits::default(), parameters);
        let mut receiver = connection(Role::Server, Limits::default(), parameters);
        let mut bytes = Vec::new();
        sender
            .send_part(
                &Message::binary(vec![b'x'; inflated_len]),
                false,
                &mut bytes,
            )
            .unwrap();
        assert_eq!(receive_all(&mut receiver, &mut bytes).unwrap(), []);
        let held_len = receiver.unfinished_len();
        let codec_len = if keeps_window { 0 } else { 48 * 1024 };
        let least_len = codec_len + inflated_len;
        assert!(
            (least_len..3 * inflated_len + codec_len).contains(&held_len),
            "{held_len}"
        );
        bytes.clear();
        sender
            .send_part(&Message::binary(&[][..]), true, &mut bytes)
            .unwrap();
        assert_eq!(receive_all(&mut receiver, &mut bytes).unwrap().len(), 1);
        assert_eq!(receiver.unfinished_len(), 0);
    }
}

// covers: R7692-X-02/C
#[test]
fn blocks_without_content_are_not_worked_off() {
    let empty_fixed = b"\x02\x08\x20\x80\x00".repeat(200_000);
    let empty_stored = b"\x00\x00\x00\xff\xff".repeat(200_000);
    for blocks in [empty_fixed, empty_stored] {
        let mut receiver = connection(
            Role::Client,
            Limits::default(),
            DeflateParameters::default(),
        );
        let mut bytes = frame(0xc2, &blocks, None);
        let mut output = Vec::new();
        let error = receiver
            .receive(&mut &mut bytes[..], &mut output)
            .unwrap_err();
        let ProtocolError::DeflateTooVerbose {
            input_len,
            output_len: 0,
        } = error
        else {
            panic!("{error:?}");
        };
        assert_eq!(input_len, 4096);
        assert_eq!(error.close_code().get(), 1007);
    }
}

/// A long compressed message comes in parts of bounded length, from whatever input.
#[test]
fn parts_of_a_compressed_message_are_bounded() {
    for role in ROLES {
        let parameters = DeflateParameters::default();
        let mut sender = connection(opposite(role), Limits::default(), parameters);
        let text = "à la carte ".repeat(100_000);
        let mut bytes = Vec::new();
        sender
            .send(&Message::text(text.as_str()), &mut bytes)
            .unwrap();
        sender.send(&Message::text("next"), &mut bytes).unwrap();
        let mut receiver = connection(role, Limits::default(), parameters);
        let mut input = &mut bytes[..];
        let mut received = String::new();
        let mut final_count = 0;
        while let Some(event) = receiver.receive_part(&mut input, &mut Vec::new()).unwrap() {
            let Event::Message(part) = event else {
                panic!("{event:?}");
            };
            assert!(part.payload.len() <= 64 * 1024);
            assert!(receiver.unfinished_len() < 256 * 1024);
            let Message::Text(piece) = part.payload else {
                panic!("binary");
            };
            received.push_str(&piece);
            final_count += usize::from(part.is_final);
        }
        assert_eq!(received, text + "next");
        assert_eq!(final_count, 2);
    }
}

/// What has arrived and was not handed out for its length still comes, without further input.
#[test]
fn parts_come_until_the_end_of_what_a_short_input_inflates_to() {
    let parameters = DeflateParameters::default();
    let mut sender = connection(Role::Server, Limits::default(), parameters);
    let mut receiver = connection(Role::Client, Limits::default(), parameters);
    let mut bytes = Vec::new();
    sender
        .send(&Message::binary(vec![0; 200_000]), &mut bytes)
        .unwrap();
    assert!(bytes.len() < 300);
    let mut input = &mut bytes[..];
    let mut lens = Vec::new();
    while let Some(event) = receiver.receive_part(&mut input, &mut Vec::new()).unwrap() {
        let Event::Message(part) = event else {
            panic!("{event:?}");
        };
        lens.push((part.payload.len(), part.is_final));
    }
    let part = (64 * 1024, false);
    assert_eq!(lens, [part, part, part, (200_000 - 3 * 64 * 1024, true)]);
}

#[test]
fn connection_tells_whether_it_compresses() {
    for role in ROLES {
        let parameters = DeflateParameters::default();
        let mut compressing = connection(role, Limits::default(), parameters);
        assert!(compressing.is_compressing());
        let failed = receive_all(&mut compressing, &mut encode(role, &[(0x83, b"")]));
        assert!(failed.is_err() && !compressing.is_compressing());
    }
    assert!(!Connection::server(Limits::default()).is_compressing());
}

// covers: R7692-7.2.1-07, R7692-7.2.1-08, R7692-7.1.1.2-01
#[test]
fn without_takeover_each_message_is_compressed_on_its_own() {
    for role in ROLES {
        for is_agreed in [false, true] {
            let parameters = DeflateParameters {
                server_no_context_takeover: is_agreed && role == Role::Server,
                client_no_context_takeover: is_agreed && role == Role::Client,
                ..DeflateParameters::default()
            };
            let mut sender = connection(role, Limits::default(), parameters);
            let message = Message::text("the same words, said twice");
            let mut sent = [Vec::new(), Vec::new()];
            for output in &mut sent {
                sender.send(&message, output).unwrap();
            }
            let [first, second] = sent;
            assert_eq!(first == second, is_agreed);
            assert!(is_agreed || second.len() < first.len());
        }
    }
}

#[test]
fn messages_below_the_threshold_go_uncompressed() {
    let parameters = DeflateParameters::default();
    let options = options(100);
    let mut server = Connection::server(Limits::default()).with_deflate(parameters, &options);
    for (len, first) in [(99, 0x81), (100, 0xc1), (101, 0xc1)] {
        let message = Message::text("x".repeat(len));
        let mut sent = Vec::new();
        server.send(&message, &mut sent).unwrap();
        assert_eq!(sent[0], first, "{len}");
        let mut pool = CodecPool::new();
        let prepared = PreparedMessage::compressed(&message, &options, &mut pool);
        assert_eq!(frame_without_takeover(&prepared)[0], first, "{len}");
    }
}

/// Where messages stand alone a compressed frame that is no shorter is given up; where a window
/// goes on over them it must go out.
#[test]
fn message_that_compressing_does_not_make_shorter_goes_uncompressed_where_it_may() {
    for role in ROLES {
        let mut lens = check_saving(role, 20);
        assert!(lens.any(|(plain_len, compressed_len)| plain_len == compressed_len));
        // Its length takes two bytes more, which count.
        let mut lens = check_saving(role, 130);
        assert!(lens.any(|(plain_len, compressed_len)| plain_len + 1 == compressed_len));
    }
}

/// Checks messages that end in more and more zeros; returns the lengths of their two frames.
fn check_saving(role: Role, noise_len: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut noise = noise();
    let mut lens = Vec::new();
    for zero_count in 0..16 {
        // Each byte takes 8 bits, but for the zeros.
        let noise = noise.by_ref().map(|byte| byte % 128);
        let mut payload: Vec<u8> = noise.take(noise_len).collect();
        payload.resize(noise_len + zero_count, 0);
        let message = Message::binary(payload.clone());
        let send = |parameters| {
            // What is there before is none of its business.
            let mut output = vec![0xff; 50];
            let mut sender = connection(role, Limits::default(), parameters);
            sender.send(&message, &mut output).unwrap();
            output.split_off(50)
        };
        let compressed = send(DeflateParameters::default());
        assert_eq!(compressed[0], 0xc2);
        let key = (role == Role::Client).then_some(Key::BYTES);
        let plain = frame(0x82, &payload, key);
        lens.push((plain.len(), compressed.len()));
        let shorter = if compressed.len() < plain.len() {
            compressed
        } else {
            plain
        };
        let alone = send(WITHOUT_TAKEOVER);
        assert!(alone == shorter, "{zero_count}");
        let mut pool = CodecPool::new();
        let prepared = PreparedMessage::compressed(&message, &options(0), &mut pool);
        assert_eq!(
            frame_without_takeover(&prepared)[0],
            shorter[0],
            "{zero_count}"
        );
    }
    lens.into_iter()
}

/// Returns what a server sends to a client for which it compresses each message on its own.
fn frame_without_takeover(prepared: &PreparedMessage) -> Vec<u8> {
    let server = connection(Role::Server, Limits::default(), WITHOUT_TAKEOVER);
    let frame = server.prepared_frame(prepared).unwrap();
    frame.unwrap().to_vec()
}

/// An idle connection whose messages stand alone leaves its codecs to the pool.
#[test]
fn pool_serves_connections_in_turn() {
    let parameters = DeflateParameters {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        ..DeflateParameters::default()
    };
    let mut pool = CodecPool::new();
    let mut servers: Vec<_> = (0..5)
        .map(|_| connection(Role::Server, Limits::default(), parameters))
        .collect();
    let mut client = connection(Role::Client, Limits::default(), parameters);
    for text in ["one one one one", "two two two two"] {
        for server in &mut servers {
            let mut bytes = Vec::new();
            client.send(&Message::text(text), &mut bytes).unwrap();
            // In two turns, with another connection's between them.
            let (head, tail) = bytes.split_at_mut(5);
            let mut output = Vec::new();
            server.borrow_codecs(&mut pool);
            assert_eq!(server.receive(&mut &mut *head, &mut output), Ok(None));
            server.return_codecs(&mut pool);
            server.borrow_codecs(&mut pool);
            let event = server.receive(&mut &mut *tail, &mut output).unwrap();
            assert_eq!(event, Some(Event::Message(Message::text(text))));
            server.send(&Message::text(text), &mut output).unwrap();
            server.return_codecs(&mut pool);
            let event = client.receive(&mut &mut output[..], &mut Vec::new());
            assert_eq!(event, Ok(Some(Event::Message(Message::text(text)))));
        }
    }
}

// covers: R7692-7.2.1-11
#[test]
fn prepared_message_is_compressed_for_those_whose_window_it_does_not_touch() {
    let mut pool = CodecPool::new();
    let text = "a message for everyone, for everyone, for everyone".repeat(20);
    let message = Message::text(text.as_str());
    let prepared = PreparedMessage::compressed(&message, &options(0), &mut pool);
    for (no_takeover, window_bits, is_compressed) in [
        (true, 15, true),
        (true, 10, true), // the message is shorter than that window
        (true, 9, false),
        (false, 15, false),
    ] {
        let parameters = DeflateParameters {
            server_no_context_takeover: no_takeover,
            server_max_window_bits: WindowBits::new(window_bits).unwrap(),
            ..DeflateParameters::default()
        };
        let mut server = connection(Role::Server, Limits::default(), parameters);
        let mut client = connection(Role::Client, Limits::default(), parameters);
        let mut bytes = Vec::new();
        for message in ["before", "after"] {
            server.send(&Message::text(message), &mut bytes).unwrap();
            let frame = server.prepared_frame(&prepared).unwrap().unwrap();
            assert_eq!(frame[0], if is_compressed { 0xc1 } else { 0x81 });
            assert_eq!(frame.len() < text.len(), is_compressed);
            server.send_prepared(&prepared, &mut bytes).unwrap();
            assert!(bytes.ends_with(frame));
        }
        let messages = receive_all(&mut client, &mut bytes).unwrap();
        let expected = ["before", &text, "after", &text].map(Message::text);
        assert_eq!(messages, expected);
    }
    // A client sends it too, masked.
    let mut client = connection(
        Role::Client,
        Limits::default(),
        DeflateParameters {
            client_no_context_takeover: true,
            ..DeflateParameters::default()
        },
    );
    let mut server = connection(
        Role::Server,
        Limits::default(),
        DeflateParameters::default(),
    );
    let mut bytes = Vec::new();
    client.send_prepared(&prepared, &mut bytes).unwrap();
    assert!(bytes.len() < text.len() && bytes[1] & 0x80 != 0);
    assert_eq!(receive_all(&mut server, &mut bytes).unwrap(), [message]);
}

/// What a test sends next.
#[derive(Debug, Clone)]
enum Step {
    Send(Vec<u8>),
    SendUncompressed(Vec<u8>),
    SendParts(Vec<Vec<u8>>),
    Ping,
}

fn any_step() -> impl Strategy<Value = Step> {
    // Few different bytes compress, many do not.
    let payload = || prop_oneof![vec(0..4_u8, 0..3_000), vec(any::<u8>(), 0..3_000)];
    prop_oneof![
        payload().prop_map(Step::Send),
        payload().prop_map(Step::SendUncompressed),
        vec(payload(), 1..5).prop_map(Step::SendParts),
        Just(Step::Ping),
    ]
}

proptest! {
    // covers: R7692-5-08, R7692-6.1-01, R7692-6.1-02, R7692-7.2.1-01, R7692-7.2.1-05
    #[test]
    fn whatever_was_agreed_on_messages_arrive_as_they_were_sent(
        steps in vec(any_step(), 1..12),
        is_server: bool,
        takeovers: (bool, bool),
        window_bits in (9..=15_u8, 9..=15_u8),
        read_len in 1..2_000_usize,
        in_parts: bool,
    ) {
        let role = if is_server { Role::Server } else { Role::Client };
        let parameters = DeflateParameters {
            server_no_context_takeover: takeovers.0,
            client_no_context_takeover: takeovers.1,
            server_max_window_bits: WindowBits::new(window_bits.0).unwrap(),
            client_max_window_bits: WindowBits::new(window_bits.1).unwrap(),
        };
        let mut sender = connection(role, Limits::default(), parameters);
        let mut receiver = connection(opposite(role), Limits::default(), parameters);
        let mut bytes = Vec::new();
        let mut expected: Vec<Vec<u8>> = Vec::new();
        for step in steps {
            match step {
                Step::Send(payload) => {
                    sender.send(&Message::binary(&payload[..]), &mut bytes).unwrap();
                    expected.push(payload);
                }
                Step::SendUncompressed(payload) => {
                    sender.send_uncompressed(&Message::binary(&payload[..]), &mut bytes).unwrap();
                    expected.push(payload);
                }
                Step::SendParts(parts) => {
                    for (index, part) in parts.iter().enumerate() {
                        let is_final = index + 1 == parts.len();
                        sender.send_part(&Message::binary(&part[..]), is_final, &mut bytes).unwrap();
                    }
                    expected.push(parts.concat());
                }
                Step::Ping => sender.ping(b"", &mut bytes).unwrap(),
            }
        }
        let mut received: Vec<Vec<u8>> = vec![Vec::new()];
        for mut input in bytes.chunks_mut(read_len) {
            loop {
                let event = if in_parts {
                    receiver.receive_part(&mut input, &mut Vec::new()).unwrap()
                } else {
                    let event = receiver.receive(&mut input, &mut Vec::new()).unwrap();
                    event.map(whole)
                };
                match event {
                    Some(Event::Message(part)) => {
                        received.last_mut().unwrap().extend_from_slice(part.payload.as_bytes());
                        if part.is_final {
                            received.push(Vec::new());
                        }
                    }
                    Some(_) => {}
                    None => break,
                }
            }
        }
        prop_assert_eq!(received.pop(), Some(Vec::new()));
        prop_assert!(received == expected);
    }

    #[test]
    fn any_bytes_inflate_the_same_however_they_are_cut(
        frames in vec((prop_oneof![Just(0xc2_u8), Just(0xc1), Just(0x42), Just(0x80), Just(0x00)],
            prop_oneof![vec(any::<u8>(), 0..60), Just(HELLO.to_vec()), Just(b"\xf2\x00\x11\x00\x00".to_vec())]), 1..6),
        cut in 1..40_usize,
        in_parts: bool,
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(|(first, payload)| frame(*first, payload, None)).collect();
        let mut outcomes = Vec::new();
        for len in [bytes.len(), cut, 1] {
            let mut receiver = connection(Role::Client, Limits::default(), DeflateParameters::default());
            let mut outcome = (Vec::new(), 0, None);
            let mut bytes = bytes.clone();
            'chunks: for mut input in bytes.chunks_mut(len) {
                loop {
                    let result = if in_parts {
                        receiver.receive_part(&mut input, &mut Vec::new())
                    } else {
                        receiver.receive(&mut input, &mut Vec::new()).map(|event| event.map(whole))
                    };
                    match result {
                        Ok(Some(Event::Message(part))) => {
                            outcome.0.extend_from_slice(part.payload.as_bytes());
                            outcome.1 += usize::from(part.is_final);
                        }
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(error) => {
                            outcome.2 = Some(error);
                            break 'chunks;
                        }
                    }
                }
            }
            // How far a message got before it failed depends on the cuts; that it did does not.
            if outcome.2.is_some() && in_parts {
                outcome.0.clear();
            }
            outcomes.push(outcome);
        }
        prop_assert_eq!(&outcomes[0], &outcomes[1]);
        prop_assert_eq!(&outcomes[0], &outcomes[2]);
    }
}

fn whole(event: Event<'_>) -> Event<'_, chinwag::websocket::Part<'_>> {
    match event {
        Event::Message(payload) => Event::Message(chinwag::websocket::Part {
            payload,
            is_final: true,
        }),
        Event::Ping(payload) => Event::Ping(payload),
        Event::Pong(payload) => Event::Pong(payload),
        Event::Closed { code, reason } => Event::Closed { code, reason },
    }
}

/// Bytes that do not compress.
fn noise() -> impl Iterator<Item = u8> {
    let mut state = 1_u32;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
}

/// Stored blocks, one for each piece, without the tail.
fn stored(pieces: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in pieces {
        let len = u16::try_from(piece.len()).unwrap();
        bytes.push(0);
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(&(!len).to_le_bytes());
        bytes.extend_from_slice(piece);
    }
    bytes.push(0);
    bytes
}

/// Receives the frames in both roles, whole, byte by byte and in parts.
fn check(frames: &[(u8, &[u8])], expected: &[Message<'_>]) {
    for role in ROLES {
        for chunk_len in [usize::MAX, 1, 3] {
            let mut receiver = connection(role, Limits::default(), DeflateParameters::default());
            let mut bytes = encode(role, frames);
            let mut messages = Vec::new();
            for chunk in bytes.chunks_mut(chunk_len) {
                messages.extend(receive_all(&mut receiver, chunk).unwrap());
            }
            assert_eq!(messages, expected, "{role:?} {chunk_len}");
        }
    }
}

fn check_fails(frames: &[(u8, &[u8])], expected: ProtocolError) {
    for role in ROLES {
        let mut receiver = connection(role, Limits::default(), DeflateParameters::default());
        let error = receive_all(&mut receiver, &mut encode(role, frames)).unwrap_err();
        assert_eq!(error, expected, "{role:?} {frames:02x?}");
    }
}

fn receive_all(
    receiver: &mut Connection,
    bytes: &mut [u8],
) -> Result<Vec<Message<'static>>, ProtocolError> {
    let mut input = bytes;
    let mut messages = Vec::new();
    while let Some(event) = receiver.receive(&mut input, &mut Vec::new())? {
        if let Event::Message(message) = event {
            messages.push(message.into_owned());
        }
    }
    Ok(messages)
}

fn encode(receiver: Role, frames: &[(u8, &[u8])]) -> Vec<u8> {
    let key = (receiver == Role::Server).then_some(Key::BYTES);
    frames
        .iter()
        .flat_map(|(first, payload)| frame(*first, payload, key))
        .collect()
}

fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let mut bytes = vec![first];
    let mask_bit = if key.is_some() { 0x80 } else { 0 };
    match payload.len() {
        len @ 0..=125 => bytes.push(mask_bit | u8::try_from(len).unwrap()),
        len @ 126..=0xffff => {
            bytes.push(mask_bit | 126);
            bytes.extend_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            bytes.push(mask_bit | 127);
            bytes.extend_from_slice(&u64::try_from(len).unwrap().to_be_bytes());
        }
    }
    bytes.extend(key.into_iter().flatten());
    let masked = |(index, byte): (usize, &u8)| byte ^ key.map_or(0, |key| key[index % 4]);
    bytes.extend(payload.iter().enumerate().map(masked));
    bytes
}

fn connection(role: Role, limits: Limits, parameters: DeflateParameters) -> Connection {
    let connection = match role {
        Role::Server => Connection::server(limits),
        Role::Client => Connection::client(limits, Box::new(Key)),
    };
    connection.with_deflate(parameters, &options(0))
}

fn options(threshold: usize) -> DeflateOptions {
    let mut options = DeflateOptions::default();
    options.threshold = threshold;
    options
}

fn limits(max_message_len: usize) -> Limits {
    let mut limits = Limits::default();
    limits.max_message_len = max_message_len;
    limits
}

fn opposite(role: Role) -> Role {
    match role {
        Role::Server => Role::Client,
        Role::Client => Role::Server,
    }
}

struct Key;

impl Key {
    const BYTES: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
}

impl MaskingKeys for Key {
    fn next_key(&mut self) -> [u8; 4] {
        Self::BYTES
    }
}
