//! Checks a connection after its opening handshake, in both roles.

use chinwag::websocket::{Event, Message, ProtocolError, Role, State, encode_message};

use crate::endpoints::{connect, opposite};
use crate::parts;

/// So few that short inputs have more.
const MAX_FRAGMENTS: u32 = 4;

/// Checks what a peer sends. The first byte of `data` chooses role and state, two more the cuts; the
/// rest is what arrives.
pub fn check(data: &[u8]) {
    let Some((&[choice, seed @ ..], input)) = data.split_first_chunk::<3>() else {
        return;
    };
    let role = if choice & 1 == 0 {
        Role::Server
    } else {
        Role::Client
    };
    check_received(role, choice & 2 != 0, input, u16::from_be_bytes(seed));
    check_sent(&Message::binary(input));
    check_sent(&Message::text(String::from_utf8_lossy(input)));
}

/// Checks that `input` means the same however it is cut, and that what is sent in answer is right.
pub fn check_received(role: Role, is_closing: bool, input: &[u8], seed: u16) {
    let [whole, bytewise, cut] =
        parts::all_ways(input, seed).map(|parts| receive(role, is_closing, &parts));
    assert_eq!(bytewise, whole, "byte by byte is not as in one piece");
    assert_eq!(cut, whole, "in parts is not as in one piece");
    check_answers(role, is_closing, &whole);
    for event in &whole.events {
        if let Event::Message(message) = event {
            assert!(!is_closing, "message after our Close");
            check_sent(message);
        }
    }
}

/// What one endpoint made of its input.
#[derive(Debug, PartialEq)]
struct Trace {
    events: Vec<Event<'static>>,
    output: Vec<u8>,
    error: Option<ProtocolError>,
    state: State,
    has_unfinished_message: bool,
}

fn receive(role: Role, is_closing: bool, parts: &[&[u8]]) -> Trace {
    let mut connection = connect(role, MAX_FRAGMENTS);
    if is_closing {
        let code = chinwag::websocket::CloseCode::NORMAL;
        connection.close(code, "", &mut Vec::new()).unwrap();
    }
    let mut trace = Trace {
        events: Vec::new(),
        output: Vec::new(),
        error: None,
        state: State::Open,
        has_unfinished_message: false,
    };
    let mut received_len = 0;
    for part in parts {
        let mut part = part.to_vec();
        received_len += part.len();
        let mut input = &mut part[..];
        loop {
            match connection.receive(&mut input, &mut trace.output) {
                Ok(Some(event)) => trace.events.push(spoil(event.into_owned(), parts.len())),
                Ok(None) => break,
                Err(error) => {
                    assert!(
                        trace.error.is_none_or(|first| first == error),
                        "error changed"
                    );
                    trace.error = Some(error);
                    break;
                }
            }
        }
        assert!(input.is_empty(), "input is left");
        let held_len = connection.unfinished_len();
        assert!(
            held_len <= 2 * received_len + 256,
            "{held_len} bytes held for {received_len}"
        );
    }
    trace.state = connection.state();
    trace.has_unfinished_message = connection.has_unfinished_message();
    trace
}

/// Checks that the peer understands the answers: a Pong for each Ping, and at most one Close.
fn check_answers(role: Role, is_closing: bool, trace: &Trace) {
    let mut output = trace.output.clone();
    let mut input = &mut output[..];
    let mut peer = connect(opposite(role), MAX_FRAGMENTS);
    let mut pongs = Vec::new();
    let mut close_codes = Vec::new();
    while let Some(event) = peer
        .receive(&mut input, &mut Vec::new())
        .expect("answers are valid")
    {
        match event {
            Event::Pong(payload) => pongs.push(payload.into_owned()),
            Event::Closed { code, .. } => close_codes.push(code),
            Event::Message(_) | Event::Ping(_) => panic!("an answer is no message and no Ping"),
        }
    }
    let mut pings = Vec::new();
    let mut closed = Vec::new();
    for event in &trace.events {
        match event {
            Event::Ping(payload) => pings.push(payload.to_vec()),
            Event::Closed { code, .. } => closed.push(*code),
            Event::Message(_) | Event::Pong(_) => {}
        }
    }
    closed.extend(trace.error.map(|error| Some(error.close_code())));
    assert_eq!(pongs, pings, "Pongs are not the Pings");
    assert!(closed.len() <= 1, "closed twice");
    let expected = if is_closing { Vec::new() } else { closed };
    assert_eq!(close_codes, expected, "Close frames sent");
}

/// Checks that a message arrives as it was sent, in both directions.
fn check_sent(message: &Message<'_>) {
    for role in [Role::Server, Role::Client] {
        let mut output = Vec::new();
        connect(role, MAX_FRAGMENTS)
            .send(message, &mut output)
            .unwrap();
        if role == Role::Server {
            let mut encoded = Vec::new();
            encode_message(message, &mut encoded);
            assert_eq!(encoded, output, "a broadcast is not what a server sends");
        }
        let mut input = &mut output[..];
        let received = connect(opposite(role), MAX_FRAGMENTS).receive(&mut input, &mut Vec::new());
        assert_eq!(received, Ok(Some(Event::Message(message.clone()))));
        assert!(input.is_empty());
    }
}

/// The planted fault: a Ping that was cut loses its last byte.
fn spoil(event: Event<'static>, part_count: usize) -> Event<'static> {
    match event {
        Event::Ping(mut payload) if parts::is_fault_planted() && part_count > 1 => {
            payload.to_mut().pop();
            Event::Ping(payload)
        }
        event => event,
    }
}
