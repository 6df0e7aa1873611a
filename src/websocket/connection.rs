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
//! out unless that was asked for, and its Pings are answered. In the states on the right nothing received is looked at.
//!
//! What the bytes mean is the [`Decoder`]'s business, how messages look the [`Encoder`]'s; what
//! follows is decided here.

use std::fmt;

use crate::websocket::close::{self, CloseCode};
use crate::websocket::compression::Compression;
use crate::websocket::decoder::{Decoder, Delivery, Incoming};
use crate::websocket::encoder::Encoder;
use crate::websocket::error::{ProtocolError, SendError};
use crate::websocket::frame::{ControlKind, MAX_CONTROL_PAYLOAD_LEN, Role};
use crate::websocket::limits::Limits;
use crate::websocket::mask::MaskingKeys;
use crate::websocket::message::{Event, Message, Part};
use crate::websocket::prepared::PreparedMessage;

/// One end of an open WebSocket connection, without its transport.
///
/// Bytes from the peer go through [`receive`](Self::receive), messages for it through
/// [`send`](Self::send); both append what must be written to a buffer of the caller's. `None` from
/// `receive` says that the input is used up; the end of a connection is [`Event::Closed`]. A connection
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
    /// Whether messages are told that come between our Close and the peer's.
    delivers_while_closing: bool,
    decoder: Decoder,
    encoder: Encoder,
    /// What the opening handshake agreed on.
    compression: Option<Box<Compression>>,
}

/// What a [`Connection`] still does.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::{CloseCode, Connection, Limits, State};
///
/// let mut connection = Connection::server(Limits::default());
/// let mut output = Vec::new();
/// connection.close(CloseCode::NORMAL, "", &mut output)?;
/// assert_eq!(connection.state(), State::Closing);
/// # Ok::<(), chinwag::websocket::SendError>(())
/// ```
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
        Self::new(Encoder::server(), limits)
    }

    /// Makes the client's end of a connection whose opening handshake is done.
    #[must_use]
    pub fn client(limits: Limits, masking_keys: Box<dyn MaskingKeys + Send>) -> Self {
        Self::new(Encoder::client(masking_keys), limits)
    }

    fn new(encoder: Encoder, limits: Limits) -> Self {
        Self {
            phase: Phase::Open,
            delivers_while_closing: false,
            decoder: Decoder::new(encoder.role(), limits),
            encoder,
            compression: None,
        }
    }

    /// Makes the connection compress, as its opening handshake agreed.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(
        self,
        parameters: crate::websocket::DeflateParameters,
        options: &crate::websocket::DeflateOptions,
    ) -> Self {
        let compression = Compression::new(self.role(), parameters, options);
        Self {
            compression: Some(Box::new(compression)),
            ..self
        }
    }

    /// Makes [`receive`](Self::receive) hand out messages after [`close`](Self::close), too, until
    /// the peer's Close: for a side that has said everything and not yet heard everything. RFC 6455
    /// §5.5.1 promises no answer then, but most peers finish what they have begun.
    pub fn deliver_while_closing(&mut self) {
        self.delivers_while_closing = true;
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
        if matches!(self.phase, Phase::Open) {
            match self.decoder.take_short(input) {
                Some(Ok(message)) => return Ok(Some(Event::Message(message))),
                Some(Err(error)) => self.fail_for(error, output),
                None => {}
            }
        }
        Ok(self
            .receive_with(Delivery::Whole, input, output)?
            .map(|event| event.map(|part| part.payload)))
    }

    /// Does what [`receive`](Self::receive) does, but hands messages out in parts, as they arrive:
    /// none is held in memory, and [`Limits::max_message_len`] may be as large as one likes.
    ///
    /// Parts of an uncompressed message lie in `input`; of a compressed one they are at most 64 KiB.
    /// A message has one final part, which may be empty; no other part is. Calls may alternate:
    /// `receive` returns what of a message was not handed out in parts.
    ///
    /// # Errors
    ///
    /// Those of [`receive`](Self::receive). What of a message was handed out before is void.
    ///
    /// # Examples
    ///
    /// ```
    /// use chinwag::websocket::{Connection, Event, Limits, Message, Part};
    ///
    /// let mut connection = Connection::server(Limits::default());
    /// let mut bytes = *b"\x82\x84\x00\x00\x00\x00ab";
    /// let mut input = &mut bytes[..];
    /// let event = connection.receive_part(&mut input, &mut Vec::new())?;
    /// let payload = Message::binary(&b"ab"[..]);
    /// assert_eq!(event, Some(Event::Message(Part { payload, is_final: false })));
    /// # Ok::<(), chinwag::websocket::ProtocolError>(())
    /// ```
    pub fn receive_part<'i>(
        &mut self,
        input: &mut &'i mut [u8],
        output: &mut Vec<u8>,
    ) -> Result<Option<Event<'i, Part<'i>>>, ProtocolError> {
        self.receive_with(Delivery::InParts, input, output)
    }

    fn receive_with<'i>(
        &mut self,
        delivery: Delivery,
        input: &mut &'i mut [u8],
        output: &mut Vec<u8>,
    ) -> Result<Option<Event<'i, Part<'i>>>, ProtocolError> {
        self.decoder.assert_invariants();
        while matches!(self.phase, Phase::Open | Phase::Closing) {
            let compression = self.compression.as_deref_mut();
            let inflation = compression.map(Compression::inflation_mut);
            match self.decoder.decode(input, delivery, inflation) {
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

    /// Appends a message, in one frame; compressed, if that was agreed on and is worthwhile.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] when a Close frame was sent, [`SendError::MessageUnfinished`] while
    /// another message is sent in parts.
    pub fn send(&mut self, message: &Message<'_>, output: &mut Vec<u8>) -> Result<(), SendError> {
        self.judge_sending()?;
        let compression = self.compression.as_deref_mut();
        let deflation = compression.map(Compression::deflation_mut);
        self.encoder.encode_message(message, deflation, output)
    }

    /// Appends a message, in one frame, uncompressed: for what is compressed already, and for
    /// secrets that an attacker's text stands beside (RFC 7692 §8).
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub fn send_uncompressed(
        &mut self,
        message: &Message<'_>,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.judge_sending()?;
        self.encoder.encode_message(message, None, output)
    }

    /// Appends an uncompressed message but for its payload, for a server that writes that from where
    /// it lies: it has to follow at once, unchanged, before anything else of this connection.
    ///
    /// `false` for a client, which masks what it sends: nothing is appended.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::IoSlice;
    ///
    /// use chinwag::websocket::{Connection, Limits, Message};
    ///
    /// let mut server = Connection::server(Limits::default());
    /// let message = Message::binary(vec![7; 100_000]);
    /// let mut header = Vec::new();
    /// assert!(server.send_header(&message, &mut header)?);
    /// let _to_be_written = [IoSlice::new(&header), IoSlice::new(message.as_bytes())];
    /// assert_eq!(header, [0x82, 127, 0, 0, 0, 0, 0, 1, 0x86, 0xa0]);
    /// # Ok::<(), chinwag::websocket::SendError>(())
    /// ```
    pub fn send_header(
        &mut self,
        message: &Message<'_>,
        output: &mut Vec<u8>,
    ) -> Result<bool, SendError> {
        self.judge_sending()?;
        self.encoder.encode_message_header(message, output)
    }

    /// Appends a part of a message, in a frame of its own; compressed, if that was agreed on. Until
    /// the final part is sent only control frames can come between.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] when a Close frame was sent, [`SendError::MessageKindChanged`] if the
    /// message began as one of the other kind.
    /// # Examples
    ///
    /// ```
    /// use chinwag::websocket::{Connection, Limits, Message};
    ///
    /// let mut server = Connection::server(Limits::default());
    /// let mut output = Vec::new();
    /// server.send_part(&Message::text("Hel"), false, &mut output)?;
    /// server.ping(b"", &mut output)?; // a fragmented message lets control frames pass
    /// server.send_part(&Message::text("lo"), true, &mut output)?;
    /// assert_eq!(output, b"\x01\x03Hel\x89\x00\x80\x02lo");
    /// # Ok::<(), chinwag::websocket::SendError>(())
    /// ```
    pub fn send_part(
        &mut self,
        payload: &Message<'_>,
        is_final: bool,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.send_part_with(payload, is_final, true, output)
    }

    /// Does what [`send_part`](Self::send_part) does, but uncompressed. The first part of a message
    /// decides for all of it.
    ///
    /// # Errors
    ///
    /// Those of [`send_part`](Self::send_part).
    pub fn send_part_uncompressed(
        &mut self,
        payload: &Message<'_>,
        is_final: bool,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.send_part_with(payload, is_final, false, output)
    }

    fn send_part_with(
        &mut self,
        payload: &Message<'_>,
        is_final: bool,
        is_compression_wanted: bool,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.judge_sending()?;
        let compression = self.compression.as_deref_mut();
        let deflation = compression.map(Compression::deflation_mut);
        self.encoder
            .encode_part(payload, is_final, deflation, is_compression_wanted, output)
    }

    /// Appends a message that was encoded once for many connections.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub fn send_prepared(
        &mut self,
        message: &PreparedMessage,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.judge_sending()?;
        let deflation = self.compression.as_deref().map(Compression::deflation);
        self.encoder.encode_prepared(message, deflation, output)
    }

    /// Returns the very bytes that a server's [`send_prepared`](Self::send_prepared) would append,
    /// for callers that write them from where they lie; `None` for a client, whose frames are masked
    /// one by one.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub fn prepared_frame<'m>(
        &self,
        message: &'m PreparedMessage,
    ) -> Result<Option<&'m [u8]>, SendError> {
        self.judge_sending()?;
        self.encoder.judge_start()?;
        let deflation = self.compression.as_deref().map(Compression::deflation);
        Ok(match self.role() {
            Role::Server => Some(message.choose(deflation).frame),
            Role::Client => None,
        })
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
    /// their way are dropped, unless [`deliver_while_closing`](Self::deliver_while_closing) was
    /// called; [`Event::Closed`] tells of its answer.
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
        self.judge_code(code)?;
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
    ///
    /// # Errors
    ///
    /// [`SendError::CloseCodeNotForServers`] for a server's 1010.
    pub fn fail(
        &mut self,
        code: CloseCode,
        reason: &str,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.judge_code(code)?;
        match self.phase {
            Phase::Open | Phase::Closing => {
                self.send_last_close(code, reason, output);
                self.enter(Phase::Abandoned);
            }
            Phase::Closed | Phase::Abandoned | Phase::Failed(_) => {}
        }
        Ok(())
    }

    /// Takes codecs from `pool` for a turn of receiving and sending, if messages are compressed each
    /// on its own and it has some; what is missing is made when it is needed.
    #[cfg(feature = "deflate")]
    pub fn borrow_codecs(&mut self, pool: &mut crate::websocket::CodecPool) {
        if let Some(compression) = self.compression.as_deref_mut() {
            compression.borrow_codecs(pool);
        }
    }

    /// Gives to `pool` the codecs that are not in the middle of a message. Connections whose windows
    /// go on from message to message keep theirs.
    #[cfg(feature = "deflate")]
    pub fn return_codecs(&mut self, pool: &mut crate::websocket::CodecPool) {
        if let Some(compression) = self.compression.as_deref_mut() {
            let is_receiving = self.decoder.has_unfinished_message();
            let is_sending = self.encoder.has_unfinished_message();
            compression.return_codecs(is_receiving, is_sending, pool);
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
        self.encoder.role()
    }

    /// Returns whether messages are compressed, if they are worth it (RFC 7692).
    #[must_use]
    pub fn is_compressing(&self) -> bool {
        self.compression.is_some()
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
        let decoder_len = self.decoder.unfinished_len();
        match &self.compression {
            Some(compression) if decoder_len > 0 => decoder_len + compression.unfinished_len(),
            _ => decoder_len,
        }
    }

    /// Does what a whole message or control frame asks for; `None` if it is not told.
    fn answer<'i>(
        &mut self,
        incoming: Incoming<'i>,
        output: &mut Vec<u8>,
    ) -> Result<Option<Event<'i, Part<'i>>>, ProtocolError> {
        match incoming {
            Incoming::Data(part) => {
                let is_told = match self.phase {
                    Phase::Open => true,
                    Phase::Closing => self.delivers_while_closing,
                    Phase::Closed | Phase::Abandoned | Phase::Failed(_) => false,
                };
                Ok(is_told.then_some(Event::Message(part)))
            }
            Incoming::Control(ControlKind::Ping, payload) => {
                self.encoder
                    .encode_control(ControlKind::Pong, &payload, output);
                Ok(Some(Event::Ping(payload)))
            }
            Incoming::Control(ControlKind::Pong, payload) => Ok(Some(Event::Pong(payload))),
            Incoming::Control(ControlKind::Close, payload) => {
                let (code, reason) = close::decode_body(&payload)?;
                if matches!(self.phase, Phase::Open) {
                    // RFC 6455 §7.4.1: 1005 is never sent, so an empty Close is echoed empty.
                    let body = code.map_or(Vec::new(), |code| close::encode_body(code, ""));
                    self.encoder
                        .encode_control(ControlKind::Close, &body, output);
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
            self.encoder.encode_control(
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
        self.judge_sending()?;
        self.encoder.encode_control(kind, payload, output);
        Ok(())
    }

    /// Judges whether anything may be sent.
    fn judge_sending(&self) -> Result<(), SendError> {
        match self.phase {
            Phase::Open => Ok(()),
            Phase::Closing | Phase::Closed | Phase::Abandoned | Phase::Failed(_) => {
                Err(SendError::Closed)
            }
        }
    }

    /// RFC 6455 §7.4.1: 1010 is what a client says.
    fn judge_code(&self, code: CloseCode) -> Result<(), SendError> {
        if self.role() == Role::Server && code == CloseCode::MISSING_EXTENSION {
            return Err(SendError::CloseCodeNotForServers { code });
        }
        Ok(())
    }

    /// Enters a state in which nothing received counts, and lets go of what was held.
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.decoder.clear();
        self.compression = None;
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
    #[cfg(feature = "deflate")]
    use crate::websocket::{
        CodecPool, CompressionLevel, DeflateOptions, DeflateParameters, WindowBits,
    };

    #[test]
    fn idle_connection_is_at_most_two_cache_lines() {
        let size = size_of::<Connection>();
        println!("an idle server connection is {size} bytes");
        assert!(size <= 128, "{size}");
    }

    /// A codec is away exactly while a message needs it.
    #[cfg(feature = "deflate")]
    #[test]
    fn codecs_are_in_the_pool_between_messages() {
        let parameters = DeflateParameters {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            ..DeflateParameters::default()
        };
        let options = DeflateOptions {
            threshold: 0,
            ..DeflateOptions::default()
        };
        let mut connection =
            Connection::server(Limits::default()).with_deflate(parameters, &options);
        let mut pool = CodecPool::new();
        let mut output = Vec::new();
        // An empty message, begun and ended.
        let frames = [
            &mut b"\x41\x81\0\0\0\0\0".to_owned()[..],
            &mut b"\x80\x80\0\0\0\0".to_owned(),
        ];
        for (mut bytes, is_final) in frames.into_iter().zip([false, true]) {
            connection.borrow_codecs(&mut pool);
            connection.receive(&mut bytes, &mut output).unwrap();
            connection.return_codecs(&mut pool);
            assert_eq!(pool.take_inflater().is_some(), is_final);
        }
        for is_final in [false, true] {
            let part = Message::text("Hello");
            connection.borrow_codecs(&mut pool);
            connection.send_part(&part, is_final, &mut output).unwrap();
            connection.return_codecs(&mut pool);
            let deflater = pool.take_deflater(CompressionLevel::default(), WindowBits::MAX);
            assert_eq!(deflater.is_some(), is_final);
        }
        connection
            .send(&Message::text("Hello"), &mut output)
            .unwrap();
        connection.return_codecs(&mut pool);
        connection.borrow_codecs(&mut pool);
        let deflater = pool.take_deflater(CompressionLevel::default(), WindowBits::MAX);
        assert!(deflater.is_none(), "the connection has it");
    }
}
