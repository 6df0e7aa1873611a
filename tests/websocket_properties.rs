//! Properties of the frame layer: what holds for any input, each against a simpler statement of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ops::ControlFlow;

use chinwag::websocket::{
    CloseCode, Connection, Event, Limits, MaskingKeys, Message, ProtocolError, Role, State,
    encode_message,
};
use proptest::collection::vec;
use proptest::prelude::*;

#[path = "../fuzz/src/endpoints.rs"]
pub mod endpoints;
#[path = "../fuzz/src/frame_parser.rs"]
pub mod frame_parser;
#[path = "../fuzz/src/parts.rs"]
pub mod parts;

proptest! {
    // covers: R6455-6.2-01, R6455-10.7-01
    #[test]
    fn any_bytes_mean_the_same_however_they_are_cut(
        bytes in vec(any::<u8>(), 0..200),
        is_server: bool,
        is_closing: bool,
        seed: u16,
    ) {
        frame_parser::check_received(by(is_server), is_closing, &bytes, seed);
    }

    // covers: R6455-6.2-02
    #[test]
    fn any_frames_mean_the_same_however_they_are_cut(
        frames in vec(any_frame(), 0..12),
        key: [u8; 4],
        is_server: bool,
        is_closing: bool,
        seed: u16,
    ) {
        let masking_key = is_server.then_some(key);
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.encode(masking_key)).collect();
        frame_parser::check_received(by(is_server), is_closing, &bytes, seed);
    }

    // covers: R6455-5.3-02/S, R6455-5.3-06
    #[test]
    fn unmasking_equals_the_naive_loop(
        payload in vec(any::<u8>(), 0..4_200),
        key: [u8; 4],
        cut in any::<prop::sample::Index>(),
    ) {
        let frame = Frame { first: 0x82, payload: payload.clone() };
        let mut bytes = frame.encode(Some(key));
        let (head, tail) = bytes.split_at_mut(cut.index(frame.payload.len() + 1));
        let mut server = Connection::server(Limits::default());
        let mut messages = Vec::new();
        for mut input in [head, tail] {
            while let Some(event) = server.receive(&mut input, &mut Vec::new()).unwrap() {
                messages.push(event.into_owned());
            }
        }
        prop_assert_eq!(messages, [Event::Message(Message::binary(payload))]);
    }

    // covers: R6455-8.1-01/C
    #[test]
    fn text_is_accepted_as_std_accepts_it(bytes in almost_utf8(), cuts in vec(0..40_usize, 0..6)) {
        let mut client = client();
        let mut verdict = ControlFlow::Continue(());
        let mut parts = cut_at(&bytes, cuts);
        let last = parts.pop().unwrap_or_default();
        let count = parts.len();
        for (index, part) in parts.into_iter().chain([last]).enumerate() {
            let opcode = if index == 0 { 0x01 } else { 0x00 };
            let fin = if index == count { 0x80 } else { 0x00 };
            let mut frame = Frame { first: fin | opcode, payload: part }.encode(None);
            match client.receive(&mut &mut frame[..], &mut Vec::new()) {
                Ok(None) => {}
                Ok(Some(event)) => verdict = ControlFlow::Break(Ok(event.into_owned())),
                Err(error) => {
                    verdict = ControlFlow::Break(Err(error.close_code()));
                    break;
                }
            }
        }
        let expected = match String::from_utf8(bytes) {
            Ok(text) => Ok(Event::Message(Message::text(text))),
            Err(_) => Err(CloseCode::INVALID_PAYLOAD),
        };
        prop_assert_eq!(verdict, ControlFlow::Break(expected));
    }

    #[test]
    fn cores_back_to_back_deliver_everything_in_order(
        texts in vec(".{0,100}", 0..8),
        chunk_len in 1..64_usize,
    ) {
        let (mut client, mut server) = (client(), Connection::server(Limits::default()));
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        for text in &texts {
            client.send(&Message::text(text), &mut to_server).unwrap();
            client.ping(&text.as_bytes()[..text.len().min(125)], &mut to_server).unwrap();
        }
        client.close(CloseCode::NORMAL, "done", &mut to_server).unwrap();
        for chunk in to_server.chunks_mut(chunk_len) {
            let mut input = chunk;
            while let Some(event) = server.receive(&mut input, &mut to_client).unwrap() {
                if let Event::Message(message) = event {
                    // Echoed as a broadcast would send it.
                    encode_message(&message, &mut to_client);
                }
            }
        }
        prop_assert_eq!(server.state(), State::Closed);
        let mut pong_count = 0;
        let mut is_closed = false;
        for chunk in to_client.chunks_mut(chunk_len) {
            let mut input = chunk;
            while let Some(event) = client.receive(&mut input, &mut Vec::new()).unwrap() {
                match event {
                    Event::Pong(_) => pong_count += 1,
                    Event::Closed { code, .. } => is_closed = code == Some(CloseCode::NORMAL),
                    Event::Message(_) | Event::Ping(_) => prop_assert!(false, "{:?}", event),
                }
            }
        }
        // The client closed first: the echoes came too late for it, the Pongs did not.
        prop_assert_eq!(pong_count, texts.len());
        prop_assert!(is_closed);
        prop_assert_eq!(client.state(), State::Closed);
    }
}

#[test]
fn all_frame_starts_are_judged_as_the_rfc_says() {
    // covers: R6455-5.2-12, R6455-5.2-01, R6455-5.2-02
    for place in [Place::Idle, Place::InText, Place::InBinary, Place::Closing] {
        for role in [Role::Server, Role::Client] {
            judge_all_frame_starts(role, place, |connection| connection, false);
        }
    }
}

// covers: R6455-5.2-12, R6455-5.2-01, R6455-5.2-02, R7692-6-03
#[cfg(feature = "deflate")]
#[test]
fn all_frame_starts_are_judged_as_the_rfc_says_where_messages_may_be_compressed() {
    let compress =
        |connection: Connection| connection.with_deflate(Default::default(), &Default::default());
    for place in [Place::Idle, Place::InText, Place::InBinary, Place::Closing] {
        for role in [Role::Server, Role::Client] {
            judge_all_frame_starts(role, place, compress, true);
        }
    }
}

/// Holds all first two bytes of a frame against the oracle.
fn judge_all_frame_starts(
    role: Role,
    place: Place,
    prepare: fn(Connection) -> Connection,
    may_compress: bool,
) {
    for start in 0..=u16::MAX {
        let [first, second] = start.to_be_bytes();
        let mut connection = place.connection(role, prepare);
        let mut input = [first, second];
        let received = connection.receive(&mut &mut input[..], &mut Vec::new());
        let is_refused = received.as_ref().is_err();
        let expected = is_start_refused(first, second, role, place, may_compress);
        assert_eq!(
            is_refused, expected,
            "{first:02x} {second:02x} {role:?} {place:?}"
        );
        if let Err(error) = received {
            assert_eq!(error.close_code(), CloseCode::PROTOCOL_ERROR);
            assert_eq!(connection.state(), State::Failed);
        }
    }
}

// covers: R6455-5.2-12
#[test]
fn no_frame_start_means_anything_after_the_end() {
    for end in [End::Closed, End::Failed, End::Abandoned] {
        for role in [Role::Server, Role::Client] {
            let (mut connection, error) = end.connection(role);
            let state = connection.state();
            for start in 0..=u16::MAX {
                let mut bytes = start.to_be_bytes();
                let mut input = &mut bytes[..];
                let mut output = Vec::new();
                let received = connection.receive(&mut input, &mut output);
                let expected = error.map_or(Ok(None), Err);
                assert_eq!(received, expected, "{start:04x} {role:?} {end:?}");
                assert!(input.is_empty() && output.is_empty(), "{start:04x} {end:?}");
                assert_eq!(connection.state(), state);
            }
        }
    }
}

#[test]
fn recorded_seeds_pass_the_checks_of_the_fuzz_target() {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/frame_parser");
    for seed in std::fs::read_dir(seeds).unwrap() {
        frame_parser::check(&std::fs::read(seed.unwrap().path()).unwrap());
    }
}

/// The oracle: RFC 6455 §5.2 to §5.5, and RFC 7692 §6, as a list, in no order.
fn is_start_refused(first: u8, second: u8, role: Role, place: Place, may_compress: bool) -> bool {
    let opcode = first % 16;
    let is_final = first >= 128;
    let is_compressed = may_compress && matches!(opcode, 1 | 2);
    let reserved_bits = if is_compressed { 0x30 } else { 0x70 };
    let has_reserved_bits = first & reserved_bits != 0;
    let is_masked = second >= 128;
    let len = second % 128;
    let is_inside = matches!(place, Place::InText | Place::InBinary);
    has_reserved_bits
        || is_masked != (role == Role::Server)
        || matches!(opcode, 3..=7 | 11..=15)
        || opcode >= 8 && (!is_final || len > 125)
        || opcode == 0 && !is_inside
        || matches!(opcode, 1 | 2) && is_inside
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Idle,
    InText,
    InBinary,
    Closing,
}

impl Place {
    fn connection(self, role: Role, prepare: fn(Connection) -> Connection) -> Connection {
        let mut connection = prepare(match role {
            Role::Server => Connection::server(Limits::default()),
            Role::Client => client(),
        });
        let masking_key = (role == Role::Server).then_some([0; 4]);
        let first = match self {
            Self::Idle => return connection,
            Self::InText => 0x01,
            Self::InBinary => 0x02,
            Self::Closing => {
                connection
                    .close(CloseCode::NORMAL, "", &mut Vec::new())
                    .unwrap();
                return connection;
            }
        };
        let mut input = Frame {
            first,
            payload: Vec::new(),
        }
        .encode(masking_key);
        assert_eq!(
            connection.receive(&mut &mut input[..], &mut Vec::new()),
            Ok(None)
        );
        connection
    }
}

/// The states on the right of the state machine.
#[derive(Debug, Clone, Copy)]
enum End {
    Closed,
    /// By the peer's mistake.
    Failed,
    /// By the application.
    Abandoned,
}

impl End {
    fn connection(self, role: Role) -> (Connection, Option<ProtocolError>) {
        let mut connection = Place::Idle.connection(role, |connection| connection);
        let first = match self {
            Self::Closed => 0x88,
            Self::Failed => 0x83,
            Self::Abandoned => {
                let failed =
                    connection.fail(CloseCode::POLICY_VIOLATION, "enough", &mut Vec::new());
                failed.unwrap();
                return (connection, None);
            }
        };
        let payload = Vec::new();
        let masking_key = (role == Role::Server).then_some([0; 4]);
        let mut input = Frame { first, payload }.encode(masking_key);
        let error = connection
            .receive(&mut &mut input[..], &mut Vec::new())
            .err();
        assert_eq!(error.is_some(), matches!(self, Self::Failed));
        (connection, error)
    }
}

/// A frame with any first byte, its length in the shortest form.
#[derive(Debug, Clone)]
struct Frame {
    first: u8,
    payload: Vec<u8>,
}

impl Frame {
    fn encode(&self, masking_key: Option<[u8; 4]>) -> Vec<u8> {
        let mask_bit = if masking_key.is_some() { 0x80 } else { 0 };
        let len = self.payload.len();
        let mut bytes = vec![self.first];
        match len {
            0..=125 => bytes.push(mask_bit | u8::try_from(len).unwrap()),
            _ => {
                bytes.push(mask_bit | 126);
                bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
            }
        }
        bytes.extend(masking_key.iter().flatten());
        let key = masking_key.unwrap_or_default();
        for (index, byte) in self.payload.iter().enumerate() {
            bytes.push(byte ^ key[index % 4]);
        }
        bytes
    }
}

/// Frames that a connection mostly accepts, so that sequences of them get somewhere.
fn any_frame() -> impl Strategy<Value = Frame> {
    let data = (
        prop::sample::select(vec![0x01, 0x02, 0x00, 0x80, 0x81, 0x82]),
        prop_oneof![almost_utf8(), vec(any::<u8>(), 0..300)],
    );
    let control = (
        prop::sample::select(vec![0x89, 0x8a]),
        vec(any::<u8>(), 0..=125),
    );
    let close = prop_oneof![Just(vec![]), Just(vec![3, 232]), vec(any::<u8>(), 0..8)];
    prop_oneof![
        6 => data.prop_map(|(first, payload)| Frame { first, payload }),
        3 => control.prop_map(|(first, payload)| Frame { first, payload }),
        1 => close.prop_map(|payload| Frame { first: 0x88, payload }),
    ]
}

/// Text, some of it with a byte replaced.
fn almost_utf8() -> impl Strategy<Value = Vec<u8>> {
    (
        ".{0,40}",
        any::<bool>(),
        any::<prop::sample::Index>(),
        any::<u8>(),
    )
        .prop_map(|(text, is_broken, index, byte)| {
            let mut bytes = text.into_bytes();
            if is_broken && !bytes.is_empty() {
                let index = index.index(bytes.len());
                bytes[index] = byte;
            }
            bytes
        })
}

fn cut_at(bytes: &[u8], mut cuts: Vec<usize>) -> Vec<Vec<u8>> {
    cuts.sort_unstable();
    let mut parts = Vec::new();
    let mut start = 0;
    for end in cuts
        .into_iter()
        .map(|cut| cut.min(bytes.len()))
        .chain([bytes.len()])
    {
        parts.push(bytes[start..end].to_vec());
        start = end;
    }
    parts
}

fn by(is_server: bool) -> Role {
    if is_server {
        Role::Server
    } else {
        Role::Client
    }
}

fn client() -> Connection {
    Connection::client(Limits::default(), Box::new(FixedKeys))
}

struct FixedKeys;

impl MaskingKeys for FixedKeys {
    fn next_key(&mut self) -> [u8; 4] {
        [0x37, 0xfa, 0x21, 0x3d]
    }
}
