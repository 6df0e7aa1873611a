//! One end of a connection, with a record of what it did.
//!
//! What it has sent is written down from what its calls returned, and compared twice: with the
//! bytes, taken apart by the plainest parser, and with what the other end is told.

use chinwag::websocket::{
    CloseCode, Connection, Event, Message, Part, PreparedMessage, Role, SendError, State,
};

use crate::naive_inflate::Inflater;
use crate::operation::Way;
use crate::{frames, parts};

#[derive(Debug)]
pub struct End {
    connection: Connection,
    /// What understands its compressed messages, if it may send them.
    inflater: Option<Inflater>,
    /// Everything that it has sent.
    output: Vec<u8>,
    /// How much of it the other end has got.
    delivered_len: usize,
    /// What `output` must hold: messages and control frames, by opcode and payload.
    sent: Vec<(u8, Vec<u8>)>,
    /// What it has sent of a message in parts.
    sent_parts: Option<(u8, Vec<u8>)>,
    /// What it was told of a message in parts.
    told_parts: Option<(u8, Vec<u8>)>,
    /// How much of what the other end has `sent` it was told of, or need not be told of.
    told_count: usize,
    pub has_sent_close: bool,
    /// Whether what it receives still counts.
    is_listening: bool,
    /// Whether its application has failed the connection.
    pub has_given_up: bool,
    /// Whether bytes have come to it that the other end has not sent.
    pub hears_others: bool,
}

impl End {
    pub fn new(connection: Connection, inflater: Option<Inflater>) -> Self {
        Self {
            connection,
            inflater,
            output: Vec::new(),
            delivered_len: 0,
            sent: Vec::new(),
            sent_parts: None,
            told_parts: None,
            told_count: 0,
            has_sent_close: false,
            is_listening: true,
            has_given_up: false,
            hears_others: false,
        }
    }

    pub fn state(&self) -> State {
        self.connection.state()
    }

    /// Returns whether the other end has got everything.
    pub fn is_delivered(&self) -> bool {
        self.delivered_len == self.output.len()
    }

    pub fn send(&mut self, message: &Message<'_>, way: Way) {
        let (before, old_len) = (self.state(), self.output.len());
        let output = &mut self.output;
        let result = match way {
            Way::Usual => self.connection.send(message, output),
            Way::Uncompressed => self.connection.send_uncompressed(message, output),
            Way::Prepared => {
                let prepared = PreparedMessage::new(message);
                let frame = self.connection.prepared_frame(&prepared);
                let result = self.connection.send_prepared(&prepared, output);
                assert_eq!(frame.err(), result.err());
                if let Ok(Some(frame)) = frame {
                    assert_eq!(&output[old_len..], frame);
                }
                result
            }
        };
        let expected = match (before, &self.sent_parts) {
            (State::Open, None) => Ok(()),
            (State::Open, Some(_)) => Err(SendError::MessageUnfinished),
            _ => Err(SendError::Closed),
        };
        self.judge(result, expected, old_len);
        if result.is_ok() {
            self.sent.push(record(message));
        }
    }

    pub fn send_part(&mut self, payload: &Message<'_>, is_final: bool) {
        let (before, old_len) = (self.state(), self.output.len());
        let result = self
            .connection
            .send_part(payload, is_final, &mut self.output);
        let (opcode, bytes) = record(payload);
        let expected = match (before, &self.sent_parts) {
            (State::Open, Some((began_as, _))) if *began_as != opcode => {
                Err(SendError::MessageKindChanged)
            }
            (State::Open, _) => Ok(()),
            _ => Err(SendError::Closed),
        };
        self.judge(result, expected, old_len);
        if result.is_ok() {
            gather(&mut self.sent_parts, opcode, &bytes);
            self.sent.extend(self.sent_parts.take_if(|_| is_final));
        }
    }

    pub fn ping(&mut self, payload: &[u8]) {
        let (before, old_len) = (self.state(), self.output.len());
        let result = self.connection.ping(payload, &mut self.output);
        self.judge_control(result, before, old_len, 9, payload);
    }

    pub fn pong(&mut self, payload: &[u8]) {
        let (before, old_len) = (self.state(), self.output.len());
        let result = self.connection.pong(payload, &mut self.output);
        self.judge_control(result, before, old_len, 10, payload);
    }

    pub fn close(&mut self, code: CloseCode, reason: &str) {
        let (before, old_len) = (self.state(), self.output.len());
        let result = self.connection.close(code, reason, &mut self.output);
        if self.is_for_clients(code) {
            self.judge(
                result,
                Err(SendError::CloseCodeNotForServers { code }),
                old_len,
            );
            return;
        }
        self.judge_control(result, before, old_len, 8, &close_payload(code, reason));
        if result.is_ok() {
            assert_eq!(self.state(), State::Closing);
            self.has_sent_close = true;
        }
    }

    pub fn fail(&mut self, code: CloseCode, reason: &str) {
        let (before, old_len) = (self.state(), self.output.len());
        let result = self.connection.fail(code, reason, &mut self.output);
        if self.is_for_clients(code) {
            self.judge(
                result,
                Err(SendError::CloseCodeNotForServers { code }),
                old_len,
            );
            return;
        }
        assert_eq!(result, Ok(()));
        if matches!(before, State::Open | State::Closing) {
            assert_eq!(self.state(), State::Failed);
            self.has_given_up = true;
            self.is_listening = false;
        }
        if before == State::Open {
            let cut = &reason[..reason.floor_char_boundary(123)];
            self.note_close(close_payload(code, cut));
        }
    }

    /// Takes up to `max` bytes of what `other` has sent.
    pub fn receive_from(&mut self, other: &mut Self, max: usize, is_in_parts: bool) {
        let undelivered = &other.output[other.delivered_len..];
        let bytes = undelivered[..max.min(undelivered.len())].to_vec();
        other.delivered_len += bytes.len();
        self.receive(bytes, other, is_in_parts);
    }

    /// Takes bytes, from `other` or not.
    pub fn receive(&mut self, mut bytes: Vec<u8>, other: &Self, is_in_parts: bool) {
        let mut input = &mut bytes[..];
        loop {
            let before = self.state();
            let received = if is_in_parts {
                self.connection
                    .receive_part(&mut input, &mut self.output)
                    .map(|event| event.map(owned))
            } else {
                let received = self.connection.receive(&mut input, &mut self.output);
                received.map(|event| event.map(|event| as_part(event.into_owned())))
            };
            match received {
                Ok(Some(event)) => self.hear(event, before, other),
                Ok(None) => break,
                Err(error) => {
                    assert!(self.hears_others, "{error} by {other:?}");
                    assert_eq!(self.state(), State::Failed);
                    self.is_listening = false;
                    if before == State::Open {
                        let reason = error.to_string();
                        self.note_close(close_payload(error.close_code(), &reason));
                    }
                    let again = self.connection.receive(&mut input, &mut self.output);
                    assert_eq!(again, Err(error));
                    break;
                }
            }
        }
        assert!(input.is_empty(), "input is left");
    }

    /// Notes what it is told, and checks that `other` has sent it.
    fn hear(&mut self, event: Event<'_, Part<'_>>, before: State, other: &Self) {
        assert!(self.is_listening, "{event:?} after the end");
        let told = match event {
            Event::Message(part) => {
                assert_eq!(before, State::Open, "message after our Close");
                match self.hear_part(&part) {
                    Some(message) => message,
                    None => return,
                }
            }
            Event::Ping(payload) => {
                self.sent.push((10, lose_one(&payload)));
                (9, payload.into_owned())
            }
            Event::Pong(payload) => (10, payload.into_owned()),
            Event::Closed { code, reason } => {
                self.is_listening = false;
                assert_eq!(self.state(), State::Closed);
                let payload = |reason| code.map_or(Vec::new(), |code| close_payload(code, reason));
                if before == State::Open {
                    self.note_close(payload(""));
                }
                (8, payload(&reason))
            }
        };
        if !self.hears_others {
            let next = self.next_untold(other).expect("it was sent");
            assert_eq!(told, other.sent[next], "{other:?}");
            self.told_count = next + 1;
        }
    }

    /// Notes a part, and returns the message that it ends.
    fn hear_part(&mut self, part: &Part<'_>) -> Option<(u8, Vec<u8>)> {
        let (opcode, bytes) = record(&part.payload);
        assert!(part.is_final || !bytes.is_empty(), "an empty part");
        assert!(
            self.told_parts.as_ref().is_none_or(|told| told.0 == opcode),
            "a part of another kind"
        );
        gather(&mut self.told_parts, opcode, &bytes);
        self.told_parts.take_if(|_| part.is_final)
    }

    /// Checks that nothing is left that `other` has sent and this end was not told.
    pub fn check_told(&self, other: &Self) {
        if self.is_listening {
            assert_eq!(self.next_untold(other), None, "{self:?} of {other:?}");
        }
    }

    /// Returns which part of what the other end has sent this one must be told of next: all but
    /// messages that come after our Close.
    fn next_untold(&self, other: &Self) -> Option<usize> {
        (self.told_count..other.sent.len())
            .find(|&at| other.sent[at].0 >= 8 || !self.has_sent_close)
    }

    /// Checks that the output is in form, and holds what was noted.
    pub fn check_output(&mut self) {
        let (frames, missing_len) = frames::split(&self.output);
        assert_eq!(missing_len, 0);
        let is_client = self.connection.role() == Role::Client;
        for frame in &frames {
            assert!(frame.is_length_minimal && frame.missing_len() == 0);
            assert_eq!(frame.is_masked, is_client);
            assert!(frame.is_final() || !frame.is_control());
        }
        let close_at = frames.iter().position(|frame| frame.opcode() == 8);
        assert_eq!(close_at.is_some(), self.has_sent_close);
        let after = &frames[close_at.unwrap_or(frames.len())..];
        assert!(
            after.iter().skip(1).all(|frame| frame.opcode() == 10),
            "after Close: {after:?}"
        );
        assert_eq!(frames::assemble(&frames, self.inflater.as_mut()), self.sent);
    }

    /// Checks what a control frame came to.
    fn judge_control(
        &mut self,
        result: Result<(), SendError>,
        before: State,
        old_len: usize,
        opcode: u8,
        payload: &[u8],
    ) {
        let expected = if payload.len() > 125 {
            Err(SendError::ControlPayloadTooLong { len: payload.len() })
        } else if before == State::Open {
            Ok(())
        } else {
            Err(SendError::Closed)
        };
        self.judge(result, expected, old_len);
        if result.is_ok() {
            self.sent.push((opcode, payload.to_vec()));
        }
    }

    fn judge(
        &self,
        result: Result<(), SendError>,
        expected: Result<(), SendError>,
        old_len: usize,
    ) {
        assert_eq!(result, expected);
        if result.is_err() {
            assert_eq!(self.output.len(), old_len, "a refused call has sent");
        }
    }

    fn is_for_clients(&self, code: CloseCode) -> bool {
        self.connection.role() == Role::Server && code == CloseCode::MISSING_EXTENSION
    }

    fn note_close(&mut self, payload: Vec<u8>) {
        self.sent.push((8, payload));
        self.has_sent_close = true;
    }
}

fn record(message: &Message<'_>) -> (u8, Vec<u8>) {
    let opcode = match message {
        Message::Text(_) => 1,
        Message::Binary(_) => 2,
    };
    (opcode, message.as_bytes().to_vec())
}

fn gather(message: &mut Option<(u8, Vec<u8>)>, opcode: u8, part: &[u8]) {
    let (_, bytes) = message.get_or_insert((opcode, Vec::new()));
    bytes.extend_from_slice(part);
}

/// Takes a whole message for its only, or last, part.
fn as_part(event: Event<'_>) -> Event<'_, Part<'_>> {
    let is_final = true;
    match event {
        Event::Message(payload) => Event::Message(Part { payload, is_final }),
        Event::Ping(payload) => Event::Ping(payload),
        Event::Pong(payload) => Event::Pong(payload),
        Event::Closed { code, reason } => Event::Closed { code, reason },
    }
}

fn owned(event: Event<'_, Part<'_>>) -> Event<'static, Part<'static>> {
    match event {
        Event::Message(part) => Event::Message(part.into_owned()),
        Event::Ping(payload) => Event::Ping(payload.into_owned().into()),
        Event::Pong(payload) => Event::Pong(payload.into_owned().into()),
        Event::Closed { code, reason } => Event::Closed { code, reason },
    }
}

fn close_payload(code: CloseCode, reason: &str) -> Vec<u8> {
    [&code.get().to_be_bytes(), reason.as_bytes()].concat()
}

/// The planted fault: a Pong that is not quite the Ping.
fn lose_one(payload: &[u8]) -> Vec<u8> {
    let lost = usize::from(parts::is_fault_planted() && !payload.is_empty());
    payload[lost..].to_vec()
}
