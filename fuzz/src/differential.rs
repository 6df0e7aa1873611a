//! Compares a connection with that of `tungstenite`: what it tells of the same bytes, and sends.
//!
//! Where the two differ on purpose, exactly that difference is taken out, and the place says which
//! rule it is. All of them:
//!
//! 1. *When.* We judge a header before its payload, and text while it arrives; `tungstenite` judges
//!    whole frames. So when we fail inside a frame it is given the rest of that frame, as zeros.
//! 2. *Shortest form* (RFC 6455 §5.2): `tungstenite` takes lengths in longer forms, of control frames
//!    too.
//! 3. *Close codes* (§7.4): we fail for those that may not appear on the wire. `tungstenite` tells of
//!    them as 1002, or as they came when it has sent a Close itself. 1014, registered after the RFC,
//!    is among its bad ones and not among ours.
//! 4. *Order.* Of several faults in one frame we tell the one in the header before its size, and a
//!    Close's code before its reason; `tungstenite` the other way round.
//! 5. *After our Close* messages are not handed out (§5.5.1 leaves that open), and Pings answered.
//! 6. *The echo of a Close* has the code alone; theirs repeats the reason. So Closes are not
//!    compared as sent.
//! 7. *Failing* sends a Close here; there, that is the caller's job.

use std::io::{self, Read, Write};

use chinwag::websocket::{CloseCode, Event, Message, ProtocolError, Role};
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::{self, WebSocketConfig, frame};

use crate::endpoints::{KEY, MAX_MESSAGE_LEN, connect};
use crate::frames::{self, Frame};
use crate::parts;

/// Checks what a peer sends. The first byte of `data` chooses role and state; the rest is what
/// arrives, and then what is sent.
pub fn check(data: &[u8]) {
    let Some((choice, input)) = data.split_first() else {
        return;
    };
    let role = if choice & 1 == 0 {
        Role::Server
    } else {
        Role::Client
    };
    check_received(role, choice & 2 != 0, input);
    check_sent(role, input);
}

/// Checks that both understand the same.
fn check_received(role: Role, is_closing: bool, input: &[u8]) {
    let ours = receive(role, is_closing, input);
    let mut input = input.to_vec();
    if let End::Failed(_) = ours.end {
        // Rule 1.
        input.extend(frames::completion(&input, wire_len(MAX_MESSAGE_LEN)));
    }
    let theirs = receive_there(role, is_closing, &input);
    let (frames, _) = frames::split(&input);
    if is_form_too_long(&ours.end, &frames) {
        // Rule 2: what comes after is not heard here.
        assert!(
            theirs.events.starts_with(&ours.events),
            "{ours:?}\n{theirs:?}"
        );
        return;
    }
    assert_eq!(ours.events, theirs.events, "{ours:?}\n{theirs:?}");
    assert_eq!(ours.pongs, theirs.pongs, "{ours:?}\n{theirs:?}");
    assert!(
        is_same_end(&ours.end, &theirs.end, is_closing, &frames),
        "{ours:?}\n{theirs:?}"
    );
}

/// What came of the input, with what both can tell.
#[derive(Debug)]
struct Trace<E> {
    events: Vec<Told>,
    /// Payloads of the Pongs sent; none are noted after our Close (rule 5).
    pongs: Vec<Vec<u8>>,
    end: End<E>,
}

#[derive(Debug, PartialEq)]
enum Told {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

#[derive(Debug)]
enum End<E> {
    Waits,
    Closed(Option<(u16, String)>),
    Failed(E),
}

fn receive(role: Role, is_closing: bool, input: &[u8]) -> Trace<ProtocolError> {
    // tungstenite does not count fragments.
    let mut connection = connect(role, u32::MAX);
    if is_closing {
        let code = CloseCode::NORMAL;
        connection.close(code, "", &mut Vec::new()).unwrap();
    }
    let mut input = input.to_vec();
    let mut input = &mut input[..];
    let mut output = Vec::new();
    let mut events = Vec::new();
    let end = loop {
        match connection.receive(&mut input, &mut output) {
            Ok(Some(Event::Message(Message::Text(text)))) => {
                events.push(Told::Text(text.into_owned()));
            }
            Ok(Some(Event::Message(Message::Binary(bytes)))) => {
                events.push(Told::Binary(spoil(bytes.into_owned())));
            }
            Ok(Some(Event::Ping(payload))) => events.push(Told::Ping(payload.into_owned())),
            Ok(Some(Event::Pong(payload))) => events.push(Told::Pong(payload.into_owned())),
            Ok(Some(Event::Closed { code, reason })) => {
                break End::Closed(code.map(|code| (code.get(), reason)));
            }
            Ok(None) => break End::Waits,
            Err(error) => break End::Failed(error),
        }
    };
    Trace {
        events,
        pongs: pongs_in(&output, is_closing),
        end,
    }
}

fn receive_there(role: Role, is_closing: bool, input: &[u8]) -> Trace<u16> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_LEN))
        .max_frame_size(Some(MAX_MESSAGE_LEN))
        .read_buffer_size(4096);
    let role = match role {
        Role::Server => protocol::Role::Server,
        Role::Client => protocol::Role::Client,
    };
    let mut socket =
        protocol::WebSocket::from_raw_socket(Transport::new(input), role, Some(config));
    if is_closing {
        let (code, reason) = (1000.into(), "".into());
        socket
            .close(Some(frame::CloseFrame { code, reason }))
            .unwrap();
    }
    let mut events = Vec::new();
    let end = loop {
        match socket.read() {
            // Rule 5.
            Ok(tungstenite::Message::Text(_) | tungstenite::Message::Binary(_)) if is_closing => {}
            Ok(tungstenite::Message::Text(text)) => events.push(Told::Text(text.to_string())),
            Ok(tungstenite::Message::Binary(bytes)) => events.push(Told::Binary(bytes.into())),
            Ok(tungstenite::Message::Ping(payload)) => events.push(Told::Ping(payload.into())),
            Ok(tungstenite::Message::Pong(payload)) => events.push(Told::Pong(payload.into())),
            Ok(tungstenite::Message::Close(frame)) => {
                let told = frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
                break End::Closed(told);
            }
            Ok(tungstenite::Message::Frame(_)) => unreachable!("never read"),
            Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                break End::Waits;
            }
            Err(tungstenite::Error::Protocol(_)) => break End::Failed(1002),
            Err(tungstenite::Error::Utf8(_)) => break End::Failed(1007),
            Err(tungstenite::Error::Capacity(_)) => break End::Failed(1009),
            Err(error) => panic!("{error}"),
        }
    };
    Trace {
        events,
        pongs: pongs_in(&socket.get_ref().output, is_closing),
        end,
    }
}

/// Returns whether we failed for a length that is not in its shortest form. A control frame with a
/// longer form is too long, whatever the length.
fn is_form_too_long(ours: &End<ProtocolError>, frames: &[Frame]) -> bool {
    match ours {
        End::Failed(ProtocolError::LengthNotMinimal { .. }) => true,
        End::Failed(ProtocolError::ControlFrameTooLong) => frames
            .iter()
            .find(|frame| {
                frame.is_control() && !(frame.is_length_minimal && frame.announced_len <= 125)
            })
            .is_some_and(|frame| !frame.is_length_minimal),
        End::Failed(_) | End::Waits | End::Closed(_) => false,
    }
}

/// Returns whether the ends are the same but for rules 3 and 4.
fn is_same_end(
    ours: &End<ProtocolError>,
    theirs: &End<u16>,
    is_closing: bool,
    frames: &[Frame],
) -> bool {
    match (ours, theirs) {
        (End::Waits, End::Waits) => true,
        // Rule 3.
        (End::Closed(Some((1014, _))), End::Closed(theirs)) if !is_closing => {
            is_replaced_close(theirs)
        }
        (End::Closed(ours), End::Closed(theirs)) => ours == theirs,
        (End::Failed(ProtocolError::InvalidCloseCode { code }), End::Closed(theirs)) => {
            if is_closing {
                theirs.as_ref().is_some_and(|(theirs, _)| theirs == code)
            } else {
                is_replaced_close(theirs)
            }
        }
        // Rule 4.
        (End::Failed(ProtocolError::InvalidCloseCode { .. }), End::Failed(1007)) => {
            let close = frames.iter().find(|frame| frame.opcode() == 8);
            close.is_some_and(|close| str::from_utf8(&close.payload[2..]).is_err())
        }
        (End::Failed(ours), End::Failed(1009)) if ours.close_code().get() == 1002 => frames
            .iter()
            .any(|frame| frame.announced_len > wire_len(MAX_MESSAGE_LEN)),
        (End::Failed(ours), End::Failed(theirs)) => ours.close_code().get() == *theirs,
        _ => false,
    }
}

/// Returns whether this is what tungstenite tells for a close code that it takes for a bad one.
fn is_replaced_close(theirs: &Option<(u16, String)>) -> bool {
    theirs
        .as_ref()
        .is_some_and(|(code, reason)| *code == 1002 && reason == "Protocol violation")
}

fn pongs_in(output: &[u8], is_closing: bool) -> Vec<Vec<u8>> {
    let (frames, missing_len) = frames::split(output);
    assert_eq!(missing_len, 0);
    frames
        .into_iter()
        .filter(|frame| frame.opcode() == 0xa && !is_closing)
        .map(|frame| frame.payload)
        .collect()
}

/// Checks that both send the same bytes.
fn check_sent(role: Role, payload: &[u8]) {
    let text = String::from_utf8_lossy(payload);
    for (kind, message) in [
        (Data::Binary, Message::binary(payload)),
        (Data::Text, Message::text(&*text)),
    ] {
        let mut ours = Vec::new();
        connect(role, 1).send(&message, &mut ours).unwrap();
        let header = frame::FrameHeader {
            opcode: OpCode::Data(kind),
            mask: (role == Role::Client).then_some(KEY),
            ..frame::FrameHeader::default()
        };
        let mut theirs = Vec::new();
        frame::Frame::from_payload(header, message.as_bytes().to_vec().into())
            .format(&mut theirs)
            .unwrap();
        assert_eq!(ours, theirs);
    }
}

fn wire_len(len: usize) -> u64 {
    len.try_into().unwrap()
}

/// A transport that has brought `input` and waits for more.
struct Transport<'a> {
    input: &'a [u8],
    output: Vec<u8>,
}

impl<'a> Transport<'a> {
    fn new(input: &'a [u8]) -> Self {
        let output = Vec::new();
        Self { input, output }
    }
}

impl Read for Transport<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.input.read(buffer)
    }
}

impl Write for Transport<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The planted fault: a binary message of more than one byte loses its last.
fn spoil(mut bytes: Vec<u8>) -> Vec<u8> {
    if parts::is_fault_planted() && bytes.len() > 1 {
        bytes.pop();
    }
    bytes
}
