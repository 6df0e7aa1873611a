//! Sending: lengths, masks and keys, as an independent decoder sees them.

use std::collections::HashSet;

use chinwag::websocket::{CloseCode, Connection, Limits, Message, Role, encode_message};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::wire::{Frame, ROLES, Trace, connect, opposite};

// covers: R6455-5.2-09
#[test]
fn each_length_takes_its_shortest_form() {
    let payload = vec![0x5a; 70_000];
    let mut output = Vec::new();
    for len in 0..=70_000 {
        output.clear();
        encode_message(&Message::binary(&payload[..len]), &mut output);
        let head_len = match len {
            0..=125 => 2,
            126..=65_535 => 4,
            _ => 10,
        };
        assert_eq!(output.len(), head_len + len, "{len}");
    }
    // The decoder looks at what stands there; masking makes it slow, so around the borders only.
    for role in ROLES {
        let mut connection = connect(role);
        for len in (0..=300).chain(65_500..65_600).chain([69_999, 70_000]) {
            output.clear();
            let message = Message::binary(&payload[..len]);
            connection.send(&message, &mut output).unwrap();
            assert_eq!(
                Frame::decode_all(&output),
                [Frame::from(role, 0x82, &payload[..len])]
            );
        }
    }
}

// covers: R6455-5.7-01, R6455-6.1-03, R6455-5.4-01
#[test]
fn examples_of_the_rfc_are_encoded() {
    let mut output = Vec::new();
    connect(Role::Server)
        .send(&Message::text("Hello"), &mut output)
        .unwrap();
    connect(Role::Server).ping(b"Hello", &mut output).unwrap();
    assert_eq!(output, b"\x81\x05Hello\x89\x05Hello");
    output.clear();
    connect(Role::Client)
        .send(&Message::text("Hello"), &mut output)
        .unwrap();
    connect(Role::Client).pong(b"Hello", &mut output).unwrap();
    let masked = b"\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(output, [&b"\x81"[..], masked, b"\x8a", masked].concat());
    for (len, head) in [
        (256, &b"\x82\x7e\x01\x00"[..]),
        (65_536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ] {
        output.clear();
        let message = Message::binary(vec![1; len]);
        connect(Role::Server).send(&message, &mut output).unwrap();
        assert!(output == [head, &vec![1; len]].concat(), "{len}");
    }
}

// covers: R6455-5.1-01, R6455-5.1-03, R6455-5.3-01, R6455-5.5.1-04, R6455-6.1-05
#[test]
fn clients_mask_every_frame_and_servers_none() {
    for role in ROLES {
        let mut frame_count = 0;
        for length in 0..500 {
            let mut connection = connect(role);
            let mut output = Vec::new();
            let payload = vec![b'x'; length % 126];
            let text = "x".repeat(length);
            for _ in 0..4 {
                connection.send(&Message::text(&text), &mut output).unwrap();
                connection
                    .send(&Message::binary(&payload), &mut output)
                    .unwrap();
                connection.ping(&payload, &mut output).unwrap();
                connection.pong(&payload, &mut output).unwrap();
                let ping = Frame::from(opposite(role), 0x89, &payload[..]);
                output.extend(Trace::of(&mut connection, &[ping]).output);
            }
            // Each kind of ending writes a Close of its own.
            match length % 3 {
                0 => connection
                    .close(CloseCode::NORMAL, "", &mut output)
                    .unwrap(),
                1 => connection
                    .fail(CloseCode::POLICY_VIOLATION, "", &mut output)
                    .unwrap(),
                _ => {
                    let close = Frame::from(opposite(role), 0x88, []);
                    output.extend(Trace::of(&mut connection, &[close]).output);
                }
            }
            let frames = Frame::decode_all(&output);
            assert_eq!(frames.len(), 21);
            assert!(
                frames
                    .iter()
                    .all(|it| it.key.is_some() == (role == Role::Client))
            );
            frame_count += frames.len();
        }
        assert!(frame_count >= 10_000);
    }
}

// covers: R6455-5.3-03, R6455-5.3-04, R6455-10.3-01
#[test]
fn each_frame_has_a_key_that_the_one_before_does_not_tell() {
    let count: u32 = 200_000;
    let keys = keys(StdRng::seed_from_u64(7), count);
    // By the birthday bound 4.7 repeats are to be expected of so many.
    let distinct: HashSet<_> = keys.iter().collect();
    assert!(keys.len() - distinct.len() < 20);
    // Half of the bits are set, within six standard deviations.
    let ones: u32 = keys.iter().map(|key| key.count_ones()).sum();
    assert!(ones.abs_diff(count * 16) < 6 * 1_265, "{ones}");
    // No counter: steps differ. No linear generator: no multiplier explains four keys in a row.
    let steps: Vec<u32> = keys
        .windows(2)
        .map(|pair| pair[1].wrapping_sub(pair[0]))
        .collect();
    let distinct_steps: HashSet<_> = steps.iter().collect();
    assert!(steps.len() - distinct_steps.len() < 20);
    let linear = |window: &&[u32]| {
        let [a, b, c] = [window[0], window[1], window[2]];
        a % 2 == 1 && inverse(a).wrapping_mul(b).wrapping_mul(b) == c
    };
    assert!(steps.windows(3).filter(linear).count() < 10);
    assert_ne!(keys, self::keys(StdRng::seed_from_u64(8), count));
}

/// The keys of a client's frames, as they are on the wire.
fn keys(generator: StdRng, count: u32) -> Vec<u32> {
    let mut client = Connection::client(Limits::default(), Box::new(generator));
    let mut output = Vec::new();
    for _ in 0..count {
        client.ping(&[], &mut output).unwrap();
    }
    let frames = output.chunks(6);
    frames
        .map(|frame| u32::from_ne_bytes(frame[2..].try_into().unwrap()))
        .collect()
}

/// The multiplicative inverse of an odd number, by Newton's steps.
fn inverse(odd: u32) -> u32 {
    (0..5).fold(odd, |x, _| {
        x.wrapping_mul(2_u32.wrapping_sub(odd.wrapping_mul(x)))
    })
}

// covers: R6455-10.3-02
#[test]
fn payload_is_copied_before_the_call_returns() {
    let mut payload = *b"before";
    let mut output = Vec::new();
    connect(Role::Client)
        .send(&Message::binary(&payload[..]), &mut output)
        .unwrap();
    payload.copy_from_slice(b"after!");
    assert_eq!(
        Frame::decode_all(&output)[0].content(),
        (0x82, &b"before"[..])
    );
    assert_eq!(&payload, b"after!");
}
