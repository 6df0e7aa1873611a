//! Any sequence of calls and frames against a model of four states: what is sent, and what is refused.

use chinwag::websocket::{CloseCode, Connection, Message, Role, SendError, State};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::wire::{Frame, Trace, connect, opposite};

/// Something that the application does, or the peer.
#[derive(Debug, Clone)]
enum Operation {
    SendText(String),
    SendBinary(Vec<u8>),
    SendPart(String, bool),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(CloseCode, String),
    Fail(CloseCode),
    ReceiveMessage(String),
    ReceiveFragment(String),
    ReceivePing(Vec<u8>),
    ReceiveClose,
    ReceiveNonsense,
}

fn any_operation() -> impl Strategy<Value = Operation> {
    let payload = || vec(any::<u8>(), 0..140);
    let code = || prop::sample::select(vec![CloseCode::NORMAL, CloseCode::MISSING_EXTENSION]);
    prop_oneof![
        8 => ".{0,40}".prop_map(Operation::SendText),
        8 => payload().prop_map(Operation::SendBinary),
        4 => (".{0,40}", any::<bool>())
            .prop_map(|(text, is_final)| Operation::SendPart(text, is_final)),
        4 => payload().prop_map(Operation::Ping),
        4 => payload().prop_map(Operation::Pong),
        2 => (code(), ".{0,60}").prop_map(|(code, reason)| Operation::Close(code, reason)),
        1 => code().prop_map(Operation::Fail),
        8 => ".{0,40}".prop_map(Operation::ReceiveMessage),
        4 => ".{0,40}".prop_map(Operation::ReceiveFragment),
        8 => payload().prop_map(Operation::ReceivePing),
        1 => Just(Operation::ReceiveClose),
        1 => Just(Operation::ReceiveNonsense),
    ]
}

proptest! {
    // covers: R6455-5.4-07, R6455-6.1-01, R6455-6.1-02, R6455-6.1-04, R6455-6.2-02, R6455-5.5.1-05, R6455-5.1-05
    #[test]
    fn any_sequence_of_operations_sends_what_the_model_says(
        operations in vec(any_operation(), 0..30),
        is_server: bool,
    ) {
        let role = if is_server { Role::Server } else { Role::Client };
        let mut model = Model { role, state: State::Open, is_inside: false, is_sending: false, sent: Vec::new() };
        let mut connection = connect(role);
        let mut output = Vec::new();
        for operation in &operations {
            model.perform(operation, &mut connection, &mut output);
            prop_assert_eq!(connection.state(), model.state, "{:?}", operation);
        }
        let frames = Frame::decode_all(&output);
        let closes = frames.iter().filter(|frame| frame.first == 0x88).count();
        prop_assert!(closes <= 1);
        prop_assert_eq!(closes == 0, model.state == State::Open);
        prop_assert_eq!(frames.len(), model.sent.len());
        for (frame, (first, payload)) in frames.iter().zip(&model.sent) {
            prop_assert_eq!(frame.first, *first);
            // The words behind a failure's code are the library's own.
            let is_like_it = frame.payload == *payload
                || *first == 0x88 && frame.payload.starts_with(payload);
            prop_assert!(is_like_it, "{:?} is not {:?}", frame, payload);
        }
        prop_assert!(frames.iter().all(|frame| frame.key.is_some() != is_server));
    }
}

/// What RFC 6455 says has to be on the wire.
struct Model {
    role: Role,
    state: State,
    /// Whether the peer is inside a message.
    is_inside: bool,
    /// Whether this end is inside one.
    is_sending: bool,
    sent: Vec<(u8, Vec<u8>)>,
}

impl Model {
    /// Lets the connection do what the model does, and compares what is refused.
    fn perform(
        &mut self,
        operation: &Operation,
        connection: &mut Connection,
        output: &mut Vec<u8>,
    ) {
        let result = match operation {
            Operation::SendText(text) => connection.send(&Message::text(text), output),
            Operation::SendBinary(bytes) => connection.send(&Message::binary(bytes), output),
            Operation::Ping(payload) => connection.ping(payload, output),
            Operation::Pong(payload) => connection.pong(payload, output),
            Operation::Close(code, reason) => connection.close(*code, reason, output),
            Operation::SendPart(text, is_final) => {
                connection.send_part(&Message::text(text), *is_final, output)
            }
            Operation::Fail(code) => connection.fail(*code, "", output),
            received => return self.receive(received, connection, output),
        };
        let is_accepted = match operation {
            Operation::SendText(text) => !self.is_sending && self.send(0x81, text.as_bytes()),
            Operation::SendBinary(bytes) => !self.is_sending && self.send(0x82, bytes),
            Operation::SendPart(text, is_final) => {
                let opcode = if self.is_sending { 0x00 } else { 0x01 };
                let fin = if *is_final { 0x80 } else { 0x00 };
                let is_sent = self.send(fin | opcode, text.as_bytes());
                self.is_sending = is_sent && !is_final;
                is_sent
            }
            Operation::Fail(code) => {
                let is_allowed = self.may_say(*code);
                if is_allowed {
                    self.fail(*code);
                }
                is_allowed
            }
            Operation::Ping(payload) => payload.len() <= 125 && self.send(0x89, payload),
            Operation::Pong(payload) => payload.len() <= 125 && self.send(0x8a, payload),
            Operation::Close(code, reason) => {
                let body = [&code.get().to_be_bytes()[..], reason.as_bytes()].concat();
                let is_allowed = body.len() <= 125 && self.may_say(*code);
                let is_sent = is_allowed && self.send(0x88, &body);
                if is_sent {
                    self.state = State::Closing;
                }
                is_sent
            }
            _ => unreachable!("received above"),
        };
        assert_eq!(result.is_ok(), is_accepted, "{operation:?}: {result:?}");
        let is_about_arguments = matches!(
            result,
            Err(SendError::ControlPayloadTooLong { .. } | SendError::CloseCodeNotForServers { .. })
        );
        if self.state != State::Open && !is_accepted && !is_about_arguments {
            assert_eq!(result, Err(SendError::Closed));
        }
    }

    /// Whether an endpoint of that role may close with that code.
    fn may_say(&self, code: CloseCode) -> bool {
        self.role == Role::Client || code != CloseCode::MISSING_EXTENSION
    }

    fn receive(
        &mut self,
        operation: &Operation,
        connection: &mut Connection,
        output: &mut Vec<u8>,
    ) {
        let is_heard = matches!(self.state, State::Open | State::Closing);
        let (first, payload) = match operation {
            Operation::ReceiveMessage(text) => {
                let first = if self.is_inside { 0x80 } else { 0x81 };
                self.is_inside = false;
                (first, text.as_bytes())
            }
            Operation::ReceiveFragment(text) => {
                let first = if self.is_inside { 0x00 } else { 0x01 };
                self.is_inside = true;
                (first, text.as_bytes())
            }
            Operation::ReceivePing(payload) => {
                let payload = &payload[..payload.len().min(125)];
                if is_heard {
                    self.sent.push((0x8a, payload.to_vec()));
                }
                (0x89, payload)
            }
            Operation::ReceiveClose => {
                self.send(0x88, &[0x03, 0xe8]);
                if is_heard {
                    self.state = State::Closed;
                }
                (0x88, &[0x03, 0xe8][..])
            }
            _ => {
                self.fail(CloseCode::PROTOCOL_ERROR);
                (0x83, &[][..])
            }
        };
        let frame = Frame::from(opposite(self.role), first, payload);
        output.extend(Trace::of(connection, &[frame]).output);
    }

    /// Sends if that may be; says whether.
    fn send(&mut self, first: u8, payload: &[u8]) -> bool {
        let is_open = self.state == State::Open;
        if is_open {
            self.sent.push((first, payload.to_vec()));
        }
        is_open
    }

    fn fail(&mut self, code: CloseCode) {
        self.send(0x88, &code.get().to_be_bytes());
        if matches!(self.state, State::Open | State::Closing) {
            self.state = State::Failed;
        }
    }
}
