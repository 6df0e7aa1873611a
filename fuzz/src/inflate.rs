//! Checks what comes of compressed messages, against an inflater that knows no tricks.

use chinwag::websocket::{
    DeflateOptions, DeflateParameters, Event, Message, Part, ProtocolError, Role, WindowBits,
};

use crate::endpoints::{KEY, MAX_MESSAGE_LEN, connect};
use crate::naive_inflate::{Fault, Inflater, Reach};
use crate::parts;

/// Checks what a peer sends. The first byte of `data` chooses the role and the window, two more the
/// cuts; the rest are messages, each behind two bytes with its length.
pub fn check(data: &[u8]) {
    let Some((&[choice, seed @ ..], mut rest)) = data.split_first_chunk::<3>() else {
        return;
    };
    let setting = Setting {
        role: if choice & 1 == 0 {
            Role::Server
        } else {
            Role::Client
        },
        keeps_window: choice & 2 == 0,
        bits: WindowBits::new(9 + (choice >> 2) % 7).unwrap(),
    };
    let mut messages = Vec::new();
    while let Some((len, after)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes(*len)).min(after.len());
        messages.push(&after[..len]);
        rest = &after[len..];
    }
    check_received(&setting, &messages, u16::from_be_bytes(seed));
}

/// The receiving end, and what was agreed on for what it receives.
struct Setting {
    role: Role,
    keeps_window: bool,
    bits: WindowBits,
}

fn check_received(setting: &Setting, messages: &[&[u8]], seed: u16) {
    let input: Vec<u8> = messages
        .iter()
        .flat_map(|payload| encode(setting.role, payload))
        .collect();
    let [whole, bytewise, cut] =
        parts::all_ways(&input, seed).map(|parts| receive(setting, &parts, false));
    assert_eq!(bytewise, whole, "byte by byte is not as in one piece");
    assert_eq!(cut, whole, "in parts is not as in one piece");
    for parts in parts::all_ways(&input, seed) {
        let trace = receive(setting, &parts, true);
        assert_eq!(
            trace.without_fault(),
            whole.without_fault(),
            "handed out in parts"
        );
    }
    check_against_naive(setting, messages, &whole);
}

/// The messages, and the error that ended it.
#[derive(Debug, PartialEq)]
struct Trace {
    messages: Vec<Vec<u8>>,
    error: Option<ProtocolError>,
}

impl Trace {
    /// Leaves out which of its faults a message was refused for: handed out in parts, it may be found
    /// corrupt before it is found to be too long.
    fn without_fault(&self) -> (&[Vec<u8>], bool) {
        (&self.messages, self.error.is_some())
    }
}

fn receive(setting: &Setting, parts: &[&[u8]], is_in_parts: bool) -> Trace {
    let parameters = DeflateParameters {
        server_no_context_takeover: !setting.keeps_window,
        client_no_context_takeover: !setting.keeps_window,
        server_max_window_bits: setting.bits,
        client_max_window_bits: setting.bits,
    };
    let options = DeflateOptions::default();
    let mut connection = connect(setting.role, u32::MAX).with_deflate(parameters, &options);
    let mut trace = Trace {
        messages: Vec::new(),
        error: None,
    };
    let mut message = Vec::new();
    for part in parts {
        let mut part = part.to_vec();
        let mut input = &mut part[..];
        while trace.error.is_none() {
            let received = if is_in_parts {
                connection
                    .receive_part(&mut input, &mut Vec::new())
                    .map(|event| event.map(part_of))
            } else {
                connection
                    .receive(&mut input, &mut Vec::new())
                    .map(|event| event.map(whole_of))
            };
            match received {
                Ok(Some((part, is_final))) => {
                    message.extend(part);
                    if is_final {
                        trace.messages.push(std::mem::take(&mut message));
                    }
                }
                Ok(None) => break,
                Err(error) => trace.error = Some(error),
            }
            assert!(message.len() <= MAX_MESSAGE_LEN);
        }
    }
    trace
}

fn whole_of(event: Event<'_>) -> (Vec<u8>, bool) {
    let Event::Message(Message::Binary(message)) = event else {
        panic!("{event:?} was not sent");
    };
    (message.into_owned(), true)
}

fn part_of(event: Event<'_, Part<'_>>) -> (Vec<u8>, bool) {
    let Event::Message(part) = event else {
        panic!("{event:?} was not sent");
    };
    (part.payload.as_bytes().to_vec(), part.is_final)
}

fn check_against_naive(setting: &Setting, messages: &[&[u8]], trace: &Trace) {
    let reach = Reach {
        window_len: setting.bits.window_len(),
        max_distance: WindowBits::MAX.window_len(),
    };
    let mut naive = Inflater::new(reach, setting.keeps_window);
    let mut told = trace.messages.iter();
    for payload in messages {
        let expected = naive.inflate(payload, MAX_MESSAGE_LEN);
        match (told.next(), expected) {
            (Some(message), Ok(expected)) => assert_eq!(*message, spoil(expected)),
            (None, expected) => {
                let error = trace.error.expect("nothing is left out without an error");
                match (error, expected) {
                    (ProtocolError::InvalidDeflate, Err(Fault::Corrupt))
                    | (ProtocolError::MessageTooLong { .. }, Err(Fault::TooLong)) => {}
                    (ProtocolError::DeflateTooVerbose { .. }, _) => {
                        check_verbose(&naive, payload.len());
                    }
                    unexpected => panic!("{unexpected:?}"),
                }
                return;
            }
            (Some(_), Err(fault)) => panic!("{fault:?} in what was told"),
        }
    }
    assert_eq!(trace.error, None);
}

/// Checks that a message that was found to bring too little does bring little: the rule is 4 KiB and
/// 12 bytes for each that comes out, and setting a window counts for up to 512.
fn check_verbose(naive: &Inflater, payload_len: usize) {
    let cost = payload_len + naive.stream_count * 512;
    assert!(
        cost >= 4096,
        "{payload_len} bytes in {}",
        naive.stream_count
    );
}

/// Makes a frame of compressed bytes.
fn encode(receiver: Role, payload: &[u8]) -> Vec<u8> {
    let (mask, key) = match receiver {
        Role::Server => (0x80, &KEY[..]),
        Role::Client => (0, &[][..]),
    };
    let mut frame = vec![0xc2];
    match u16::try_from(payload.len()).unwrap() {
        len @ ..126 => frame.push(mask | u8::try_from(len).unwrap()),
        len => {
            frame.push(mask | 126);
            frame.extend(len.to_be_bytes());
        }
    }
    frame.extend(key);
    let key = key.iter().chain(&[0; 4]).copied().take(4);
    let key: Vec<u8> = key.collect();
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b));
    frame
}

/// The planted fault: messages of two bytes are not what they were.
fn spoil(mut message: Vec<u8>) -> Vec<u8> {
    if parts::is_fault_planted() && message.len() == 2 {
        message.pop();
    }
    message
}
