//! RFC 7692 as a sender: what a plain inflater finds in the frames.

use chinwag::websocket::{
    CloseCode, Connection, DeflateOptions, DeflateParameters, Event, Message, Role, WindowBits,
};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};

use crate::naive_inflate::{Inflater, Reach};
use crate::wire::{Frame, ROLES, Trace, connect, opposite};

fn connect_with(role: Role, parameters: DeflateParameters) -> Connection {
    let mut options = DeflateOptions::default();
    options.threshold = 0;
    connect(role).with_deflate(parameters, &options)
}

/// The frames of messages, sent each by its own call.
fn send(connection: &mut Connection, messages: &[Message<'_>]) -> Vec<Frame> {
    let mut output = Vec::new();
    for message in messages {
        connection.send(message, &mut output).unwrap();
    }
    Frame::decode_all(&output)
}

/// The plain inflater, which keeps the largest window.
fn inflater() -> Inflater {
    let reach = Reach {
        window_len: 1 << 15,
        max_distance: 1 << 15,
    };
    Inflater::new(reach, true)
}

fn inflate(inflater: &mut Inflater, payload: &[u8]) -> Vec<u8> {
    inflater.inflate(payload, 1 << 24).unwrap()
}

/// Text with matches near and far, and bytes without any between.
fn mixture(seed: u64, len: usize) -> Vec<u8> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut bytes: Vec<u8> = Vec::new();
    while bytes.len() < len {
        let mut fresh = [0; 40];
        random.fill_bytes(&mut fresh);
        bytes.extend(fresh);
        if bytes.len() > 200 {
            let reach = [200, 500, 1_000, 3_000, 9_000, 20_000, 32_000][random.random_range(0..7)];
            let distance = random.random_range(100..=reach.min(bytes.len()));
            let start = bytes.len() - distance;
            bytes.extend_from_within(start..start + 100.min(distance));
        }
    }
    bytes.truncate(len);
    bytes
}

// covers: R7692-7.2.1-01, R7692-6.1-01
#[test]
fn message_is_a_stream_without_its_tail_and_rsv1_says_so() {
    for role in ROLES {
        let text = "Hello, Hello, Hello, Hello, Hello";
        let messages = [Message::text(text), Message::binary(text.as_bytes())];
        let frames = send(
            &mut connect_with(role, DeflateParameters::default()),
            &messages,
        );
        assert_eq!([frames[0].first, frames[1].first], [0xc1, 0xc2]);
        let mut inflater = inflater();
        for frame in &frames {
            assert!(!frame.payload.ends_with(&[0, 0, 0xff, 0xff]));
            assert!(frame.payload.len() < text.len());
            assert_eq!(inflate(&mut inflater, &frame.payload), text.as_bytes());
        }
    }
}

// covers: R7692-6-01, R7692-6-02, R7692-6.1-02
#[test]
fn control_frames_and_messages_sent_plain_have_no_rsv1() {
    for role in ROLES {
        let mut connection = connect_with(role, DeflateParameters::default());
        let mut output = Vec::new();
        let text = "a".repeat(100);
        connection.ping(text.as_bytes(), &mut output).unwrap();
        connection.pong(text.as_bytes(), &mut output).unwrap();
        let ping = Frame::from(opposite(role), 0x89, text.as_bytes());
        output.extend(Trace::of(&mut connection, &[ping]).output);
        connection
            .send_uncompressed(&Message::text(&text), &mut output)
            .unwrap();
        let binary = Message::binary(text.as_bytes());
        connection
            .send_part_uncompressed(&binary, false, &mut output)
            .unwrap();
        connection
            .send_part_uncompressed(&binary, true, &mut output)
            .unwrap();
        connection
            .close(CloseCode::NORMAL, &text, &mut output)
            .unwrap();
        let frames = Frame::decode_all(&output);
        let firsts: Vec<u8> = frames.iter().map(|frame| frame.first).collect();
        assert_eq!(firsts, [0x89, 0x8a, 0x8a, 0x81, 0x02, 0x80, 0x88]);
        assert!(
            frames[..6]
                .iter()
                .all(|frame| frame.payload == text.as_bytes())
        );
    }
}

// covers: R7692-6-02, R7692-6.1-01, R7692-7.2.1-05, R6455-5.4-02, R6455-6.1-04
#[test]
fn parts_are_fragments_of_one_stream_and_only_the_last_loses_its_tail() {
    let bytes = mixture(1, 5_000);
    for role in ROLES {
        for part_len in [1_000, 2_500, 5_000] {
            let mut connection = connect_with(role, DeflateParameters::default());
            let mut output = Vec::new();
            for part in bytes.chunks(part_len) {
                connection
                    .send_part(&Message::binary(part), false, &mut output)
                    .unwrap();
            }
            connection
                .send_part(&Message::binary(&[][..]), true, &mut output)
                .unwrap();
            let frames = Frame::decode_all(&output);
            let (last, others) = frames.split_last().unwrap();
            assert_eq!((others[0].first, last.first), (0x42, 0x80));
            assert!(others[1..].iter().all(|frame| frame.first == 0x00));
            let tail = [0, 0, 0xff, 0xff];
            assert!(others.iter().all(|frame| frame.payload.ends_with(&tail)));
            assert!(!last.payload.ends_with(&tail));
            let payload: Vec<u8> = frames.iter().flat_map(|it| it.payload.clone()).collect();
            assert!(inflate(&mut inflater(), &payload) == bytes);
        }
    }
}

// covers: R7692-7.2.1-07, R7692-7.2.1-08, R7692-7.1.1.2-01, R7692-7.1.1.1-02
#[test]
fn without_takeover_each_message_stands_alone() {
    for role in ROLES {
        let own = |is_ours: bool| {
            let parameters = DeflateParameters {
                server_no_context_takeover: (role == Role::Server) == is_ours,
                client_no_context_takeover: (role == Role::Client) == is_ours,
                ..DeflateParameters::default()
            };
            let text = Message::text("Hello, this is a message that may be found in a window");
            let messages = [text.clone(), text];
            let frames = send(&mut connect_with(role, parameters), &messages);
            frames[0].payload == frames[1].payload
        };
        assert!(own(true), "{role:?}");
        // What the other side promised binds only the other side.
        assert!(!own(false), "{role:?}");
    }
}

// covers: R7692-7.2.1-06, R7692-7.2.1-09, R7692-7.2.1-10
#[test]
fn matches_reach_no_further_than_the_window_agreed() {
    let bytes = mixture(2, 70_000);
    for role in ROLES {
        for bits in 9..=15 {
            let mut parameters = DeflateParameters::default();
            let window = WindowBits::new(bits).unwrap();
            match role {
                Role::Server => parameters.server_max_window_bits = window,
                Role::Client => parameters.client_max_window_bits = window,
            }
            let mut connection = connect_with(role, parameters);
            let messages = [
                Message::binary(&bytes[..40_000]),
                Message::binary(&bytes[40_000..]),
            ];
            let frames = send(&mut connection, &messages);
            let mut inflater = inflater();
            assert!(inflate(&mut inflater, &frames[0].payload) == bytes[..40_000]);
            assert!(inflate(&mut inflater, &frames[1].payload) == bytes[40_000..]);
            let reach = inflater.farthest;
            assert!(reach <= 1 << bits, "{reach} with {bits} bits");
            // The window is used, too.
            assert!(reach > 1 << (bits - 2), "{reach} with {bits} bits");
        }
    }
}

// covers: R7692-7.2.1-11, R7692-6-06
#[test]
fn plain_messages_between_are_not_in_the_window() {
    let noise = {
        let mut noise = vec![0; 3_000];
        StdRng::seed_from_u64(3).fill_bytes(&mut noise);
        noise
    };
    let text = mixture(4, 2_000);
    for role in ROLES {
        let mut connection = connect_with(role, DeflateParameters::default());
        let mut output = Vec::new();
        for _ in 0..3 {
            connection
                .send(&Message::binary(&text), &mut output)
                .unwrap();
            connection
                .send(&Message::binary(&noise), &mut output)
                .unwrap();
            connection
                .send_uncompressed(&Message::binary(&noise), &mut output)
                .unwrap();
            connection
                .send_uncompressed(&Message::binary(&text), &mut output)
                .unwrap();
        }
        let mut inflater = inflater();
        let contents: Vec<Vec<u8>> = Frame::decode_all(&output)
            .iter()
            .map(|frame| match frame.first {
                0xc2 => inflate(&mut inflater, &frame.payload),
                _ => frame.payload.clone(),
            })
            .collect();
        let expected = [&text, &noise, &noise, &text].map(Vec::clone);
        assert_eq!(contents.len(), 12);
        assert!(contents.chunks(4).all(|it| it == expected), "{role:?}");
    }
}

// covers: R7692-5-08, R6455-9-02
#[test]
fn ends_understand_each_other_with_all_parameters() {
    let texts: Vec<Vec<u8>> = (0..2).map(|seed| mixture(seed, 3_000)).collect();
    let windows = [9, 12, 15].map(|bits| WindowBits::new(bits).unwrap());
    for choice in 0..4 * windows.len() * windows.len() {
        let parameters = DeflateParameters {
            server_no_context_takeover: choice & 1 != 0,
            client_no_context_takeover: choice & 2 != 0,
            server_max_window_bits: windows[choice / 4 % windows.len()],
            client_max_window_bits: windows[choice / 4 / windows.len()],
        };
        for role in ROLES {
            let mut sender = connect_with(role, parameters);
            let mut receiver = connect_with(opposite(role), parameters);
            for text in &texts {
                let mut output = Vec::new();
                sender.send(&Message::binary(text), &mut output).unwrap();
                sender.send(&Message::binary(text), &mut output).unwrap();
                let mut trace = Trace::default();
                trace.receive(&mut receiver, &output);
                assert_eq!(
                    (trace.events.len(), trace.error),
                    (2, None),
                    "{parameters:?}"
                );
                for event in &trace.events {
                    let Event::Message(message) = event else {
                        panic!("{event:?}")
                    };
                    assert!(message.as_bytes() == text, "{parameters:?}");
                }
            }
        }
    }
}

// covers: R7692-7.3-01
#[test]
fn default_window_is_large_enough_to_be_useful() {
    let options = DeflateOptions::default();
    assert!(options.server_max_window_bits.window_len() >= 1_024);
    assert!(options.client_max_window_bits.window_len() >= 1_024);
}
