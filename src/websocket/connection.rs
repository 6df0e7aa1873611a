//! The state machine of a connection, from the opening handshake to the last byte.
//!
//! ```text
//!                     close()                     their Close
//!          ┌────────────────────────────► Closing ────────────┐
//!          │                                 │                ▼
//!   Open ──┼── their Close: echoed ──────────┼────────────► Closed
//!          │                                 │
//!          ├── their error: Close sent ──────┴────────────► Failed (receive: the error, always)
//!          └── fail(): Close sent ────────────────────────► Abandoned (receive: nothing, always)
//! ```
//!
//! Exactly one Close frame leaves an endpoint, whatever the path. Data is sent in `Open` only. In
//! `Closing` the peer may not know yet: its data is parsed under all rules and limits but not handed
//! out, and its Pings are answered. In the states on the right nothing received is looked at.
//!
//! What the bytes mean is the [`Decoder`]'s business; what follows from it is decided here.

use std::fmt;

use crate::websocket::close::{self, CloseCode};
use crate::websocket::decoder::{Decoder, Incoming};
use crate::websocket::error::{ProtocolError, SendError};
use crate::websocket::frame::{self, ControlKind, MAX_CONTROL_PAYLOAD_LEN, Opcode, Role};
use crate::websocket::limits::Limits;
use crate::websocket::mask::MaskingKeys;
use crate::websocket::message::{Event, Message};

/// One end of an open WebSocket connection, without its transport.
///
/// Bytes from the peer go through [`receive`](Self::receive), messages for it through
/// [`send`](Self::send); both append what must be written to a buffer of the caller's. A connection
/// that waits for a message to begin holds no memory but its own few bytes.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::{Connection, Event, Limits, Message};
///
/// let mut connection = Connection::server(Limits::default());
/// let mut bytes = *b"\x81\x82\x00\x00\x00\x00Hi";
/// let mut output = Vec::new();
/// let mut input = &mut bytes[..];
/// while let Some(event) = connection.receive(&mut input, &mut output)? {
///     if let Event::Message(message) = event {
///         assert_eq!(message, Message::text("Hi"));
///         connection.send(&message, &mut output)?;
///     }
/// }
/// assert_eq!(output, b"\x81\x02Hi");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Connection {
    phase: Phase,
    endpoint: Endpoint,
    decoder: Decoder,
}

/// What a [`Connection`] still does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Both sides may send.
    Open,
    /// Our Close is sent, theirs is awaited.
    Closing,
    /// Both Closes are seen: the transport is closed once the output is written.
    Closed,
    /// One side failed the connection: the transport is closed once the output is written.
    Failed,
}

impl Connection {
    /// Makes the server's end of a connection whose opening handshake is done.
    #[must_use]
    pub fn server(limits: Limits) -> Self {
        Self::new(Endpoint::Server, Decoder::new(Role::Server, limits))
    }

    /// Makes the client's end of a connection whose opening handshake is done.
    #[must_use]
    pub fn client(limits: Limits, masking_keys: Box<dyn MaskingKeys + Send>) -> Self {
        Self::new(
            Endpoint::Client(masking_keys),
            Decoder::new(Role::Client, limits),
        )
    }

    fn new(endpoint: Endpoint, decoder: Decoder) -> Self {
        Self {
            phase: Phase::Open,
            endpoint,
            decoder,
        }
    }

    /// Consumes from the front of `input`, unmasking in place, up to the end of one event; `None`
    /// when all is consumed. Appends what the protocol owes the peer to `output`: the answer to a
    /// Ping, the echo of a Close, a Close that says why the connection failed.
    ///
    /// How the peer's bytes are cut into inputs makes no difference to events, output or error.
    ///
    /// # Errors
    ///
    /// The peer's first mistake fails the connection: its Close is in `output`, `input` is consumed,
    /// and each later call returns the same error. The caller flushes and closes the transport.
    pub fn receive<'i>(
        &mut self,
        input: &mut &'i mut [u8],
        output: &mut Vec<u8>,
    ) -> Result<Option<Event<'i>>, ProtocolError> {
        self.decoder.assert_invariants();
        while matches!(self.phase, Phase::Open | Phase::Closing) {
            match self.decoder.decode(input) {
                Ok(None) => return Ok(None),
                Ok(Some(incoming)) => match self.answer(incoming, output) {
                    Ok(None) => {}
                    Ok(Some(event)) => return Ok(Some(event)),
                    Err(error) => self.fail_for(error, output),
                },
                Err(error) => self.fail_for(error, output),
            }
        }
        *input = &mut [];
        match self.phase {
            Phase::Failed(error) => Err(error),
            Phase::Open | Phase::Closing | Phase::Closed | Phase::Abandoned => Ok(None),
        }
    }

    /// Appends a message, in one frame.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] when a Close frame was sent.
    pub fn send(&mut self, message: &Message<'_>, output: &mut Vec<u8>) -> Result<(), SendError> {
        self.send_frame(message.opcode(), message.as_bytes(), output)
    }

    /// Appends a Ping.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] when a Close frame was sent, [`SendError::ControlPayloadTooLong`] for
    /// more than 125 bytes.
    pub fn ping(&mut self, payload: &[u8], output: &mut Vec<u8>) -> Result<(), SendError> {
        self.send_control(ControlKind::Ping, payload, output)
    }

    /// Appends a Pong that nobody asked for, a one-way heartbeat (RFC 6455 §5.5.3).
    ///
    /// # Errors
    ///
    /// Those of [`ping`](Self::ping).
    pub fn pong(&mut self, payload: &[u8], output: &mut Vec<u8>) -> Result<(), SendError> {
        self.send_control(ControlKind::Pong, payload, output)
    }

    /// Begins the closing handshake: appends a Close frame. Messages of the peer that are still on
    /// their way are dropped; [`Event::Closed`] tells of its answer.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] when a Close frame was sent before,
    /// [`SendError::ControlPayloadTooLong`] for a reason of more than 123 bytes,
    /// [`SendError::CloseCodeNotForServers`] for a server's 1010.
    pub fn close(
        &mut self,
        code: CloseCode,
        reason: &str,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        if self.role() == Role::Server && code == CloseCode::MISSING_EXTENSION {
            return Err(SendError::CloseCodeNotForServers { code });
        }
        self.send_control(
            ControlKind::Close,
            &close::encode_body(code, reason),
            output,
        )?;
        self.phase = Phase::Closing;
        Ok(())
    }

    /// Fails the connection for a reason of the application's, as for binary messages where only
    /// text is spoken (1003): appends a Close frame if none was sent, and looks at nothing that the
    /// peer sends from now on. A reason of more than 123 bytes is cut.
    ///
    /// Without effect when the connection is closed or has failed.
    pub fn fail(&mut self, code: CloseCode, reason: &str, output: &mut Vec<u8>) {
        match self.phase {
            Phase::Open | Phase::Closing => {
                self.send_last_close(code, reason, output);
                self.enter(Phase::Abandoned);
            }
            Phase::Closed | Phase::Abandoned | Phase::Failed(_) => {}
        }
    }

    /// Returns what the connection still does.
    #[must_use]
    pub fn state(&self) -> State {
        match self.phase {
            Phase::Open => State::Open,
            Phase::Closing => State::Closing,
            Phase::Closed => State::Closed,
            Phase::Abandoned | Phase::Failed(_) => State::Failed,
        }
    }

    /// Returns which side of the connection this is.
    #[must_use]
    pub fn role(&self) -> Role {
        match self.endpoint {
            Endpoint::Server => Role::Server,
            Endpoint::Client(_) => Role::Client,
        }
    }

    /// Returns whether the peer has begun a message that it has not finished.
    ///
    /// A deadline on it begins anew with each [`Event::Message`]: on a busy connection the input
    /// nearly always ends inside some message, each time another one.
    #[must_use]
    pub fn has_unfinished_message(&self) -> bool {
        self.decoder.has_unfinished_message()
    }

    /// Returns the bytes of memory held for the unfinished message, 0 without one.
    #[must_use]
    pub fn unfinished_len(&self) -> usize {
        self.decoder.unfinished_len()
    }

    /// Does what a whole message or control frame asks for; `None` if it is not told.
    fn answer<'i>(
        &mut self,
        incoming: Incoming<'i>,
        output: &mut Vec<u8>,
    ) -> Result<Option<Event<'i>>, ProtocolError> {
        match incoming {
            Incoming::Message(message) => {
                Ok(matches!(self.phase, Phase::Open).then_some(Event::Message(message)))
            }
            Incoming::Control(ControlKind::Ping, payload) => {
                self.encode_control(ControlKind::Pong, &payload, output);
                Ok(Some(Event::Ping(payload)))
            }
            Incoming::Control(ControlKind::Pong, payload) => Ok(Some(Event::Pong(payload))),
            Incoming::Control(ControlKind::Close, payload) => {
                let (code, reason) = close::decode_body(&payload)?;
                if matches!(self.phase, Phase::Open) {
                    // RFC 6455 §7.4.1: 1005 is never sent, so an empty Close is echoed empty.
                    let body = code.map_or(Vec::new(), |code| close::encode_body(code, ""));
                    self.encode_control(ControlKind::Close, &body, output);
                }
                self.enter(Phase::Closed);
                Ok(Some(Event::Closed {
                    code,
                    reason: reason.to_owned(),
                }))
            }
        }
    }

    /// Fails the connection for the peer's fault.
    fn fail_for(&mut self, error: ProtocolError, output: &mut Vec<u8>) {
        self.send_last_close(error.close_code(), &error.to_string(), output);
        self.enter(Phase::Failed(error));
    }

    /// Appends a Close frame unless one was sent.
    fn send_last_close(&mut self, code: CloseCode, reason: &str, output: &mut Vec<u8>) {
        if matches!(self.phase, Phase::Open) {
            let reason = &reason[..reason.floor_char_boundary(close::MAX_REASON_LEN)];
            self.encode_control(
                ControlKind::Close,
                &close::encode_body(code, reason),
                output,
            );
        }
    }

    fn send_control(
        &mut self,
        kind: ControlKind,
        payload: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        if payload.len() > MAX_CONTROL_PAYLOAD_LEN {
            return Err(SendError::ControlPayloadTooLong { len: payload.len() });
        }
        self.send_frame(Opcode::Control(kind), payload, output)
    }

    fn send_frame(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        if !matches!(self.phase, Phase::Open) {
            return Err(SendError::Closed);
        }
        self.encode(opcode, payload, output);
        Ok(())
    }

    fn encode_control(&mut self, kind: ControlKind, payload: &[u8], output: &mut Vec<u8>) {
        self.encode(Opcode::Control(kind), payload, output);
    }

    fn encode(&mut self, opcode: Opcode, payload: &[u8], output: &mut Vec<u8>) {
        let key = self.endpoint.next_key();
        frame::encode(opcode, payload, key, output);
    }

    /// Enters a state in which nothing received counts, and lets go of what was held.
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.decoder.clear();
    }
}

/// Shows the state, not what the peer wrote.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("role", &self.role())
            .field("state", &self.state())
            .field("unfinished_len", &self.unfinished_len())
            .finish_non_exhaustive()
    }
}

/// The role, with what only that role has.
enum Endpoint {
    Server,
    Client(Box<dyn MaskingKeys + Send>),
}

impl Endpoint {
    fn next_key(&mut self) -> Option<[u8; 4]> {
        match self {
            Self::Server => None,
            Self::Client(masking_keys) => Some(masking_keys.next_key()),
        }
    }
}

/// The state, as drawn above.
#[derive(Clone, Copy)]
enum Phase {
    Open,
    Closing,
    Closed,
    Abandoned,
    Failed(ProtocolError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_connection_is_less_than_100_bytes() {
        let size = size_of::<Connection>();
        println!("an idle server connection is {size} bytes");
        assert!(size <= 96, "{size}");
    }
}
