//! A connection and its stream, in the hands of one thread.
//!
//! The core decides, and the stream waits. What the core owes the peer (Pongs, the echo of a Close)
//! is written before the next wait, and before an event is handed out.

use std::fmt;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use crate::websocket::blocking::clock::{deadline_after, now};
use crate::websocket::blocking::codecs::Codecs;
use crate::websocket::blocking::delivery::{self, Delivery};
use crate::websocket::blocking::error::{Error, Timeout, is_would_block};
use crate::websocket::blocking::messages::Messages;
use crate::websocket::blocking::parts::Parts;
use crate::websocket::blocking::receiving::{Due, Receive, Reception};
use crate::websocket::blocking::socket::Socket;
use crate::websocket::blocking::streaming::{
    EncodePart, MessageReader, MessageWriter, PartSink, Place,
};
use crate::websocket::blocking::timeouts::{DRAIN_TIMEOUT, Timeouts};
use crate::websocket::blocking::transport::Transport;
use crate::websocket::close::CloseCode;
use crate::websocket::connection::{Connection, State};
use crate::websocket::error::SendError;
use crate::websocket::frame::Role;
use crate::websocket::keepalive::Keepalive;
use crate::websocket::message::{Event, Message, Part};
use crate::websocket::prepared::PreparedMessage;

/// An open connection over a stream.
///
/// Pings are answered while somebody reads. Two peers that both send without reading wait for each
/// other for ever, as with any stream: a program that sends when it likes reads in another thread,
/// for which there is `split`, on Unix.
///
/// # Streams that give up
///
/// A stream that gives up waiting, because the application has given it a timeout or because it does
/// not block, makes a call fail with an error that [`is_would_block`](Error::is_would_block). Nothing
/// is lost then. [`read`](Self::read) and [`close`](Self::close), called again, go on where they
/// were. [`send`](Self::send) has taken its message, which a second call would send twice: it is
/// [`flush`](Self::flush) that writes the rest. Until it has, nothing more is taken, and sending
/// fails with [`Error::Unflushed`], so that what waits has a limit.
///
/// # Examples
///
/// ```no_run
/// use chinwag::websocket::blocking::connect;
/// use chinwag::websocket::{CloseCode, Message};
///
/// let mut socket = connect("ws://127.0.0.1:9001/")?;
/// socket.send(&Message::text("Hello"))?;
/// while let Some(message) = socket.read()? {
///     if message.as_text() == Some("bye") {
///         socket.close(CloseCode::NORMAL, "")?;
///     }
/// }
/// println!("closed: {:?}", socket.closed());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WebSocket<S> {
    transport: Transport<S>,
    connection: Connection,
    timeouts: Timeouts,
    reception: Reception,
    codecs: Codecs,
    /// How it ended; nothing is read or sent after that.
    end: Option<End>,
}

/// The peer's last word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Its close code; `None` is what RFC 6455 §7.1.5 reports as 1005.
    pub code: Option<CloseCode>,
    /// Its words, for logs: not for users.
    pub reason: String,
}

/// How a connection ended.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// By the closing handshake.
    Closed(Closed),
    /// Otherwise; each later call tells so again.
    Failed(Error),
}

impl<S: Read + Write> WebSocket<S> {
    /// Takes a connection whose opening handshake is done, over any stream. `received` is what was
    /// read from it after the handshake.
    ///
    /// Without [`Socket`] there are no timeouts, and the stream's end is the application's business.
    pub fn over_stream(stream: S, connection: Connection, received: Vec<u8>) -> Self {
        let timeouts = default_timeouts(&connection);
        Self {
            transport: Transport::over_stream(stream, received),
            connection,
            timeouts,
            reception: Reception::new(None),
            codecs: Codecs::default(),
            end: None,
        }
    }

    /// Takes a connection whose opening handshake is done, over a socket.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the socket does not take its timeouts.
    pub fn over_socket(
        stream: S,
        connection: Connection,
        received: Vec<u8>,
        timeouts: Timeouts,
    ) -> Result<Self, Error>
    where
        S: Socket,
    {
        let transport = Transport::over_socket(stream, received);
        let codecs = Codecs::default();
        Ok(Self::over_transport(
            transport, connection, timeouts, codecs,
        )?)
    }

    pub(super) fn over_transport(
        mut transport: Transport<S>,
        connection: Connection,
        timeouts: Timeouts,
        codecs: Codecs,
    ) -> io::Result<Self> {
        transport.set_write_timeout(timeouts.send_timeout)?;
        let is_socket = transport.socket().is_some();
        let keepalive = timeouts
            .ping_interval
            .filter(|_| is_socket)
            .map(|interval| Keepalive::new(interval, timeouts.idle_timeout, now()));
        Ok(Self {
            transport,
            connection,
            timeouts,
            reception: Reception::new(keepalive),
            codecs,
            end: None,
        })
    }

    /// Waits for a message; `None` once the closing handshake is done, and ever after.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`], [`Error::Truncated`], [`Error::TimedOut`] and [`Error::Abandoned`] once
    /// the connection has failed, and ever after. [`Error::Io`] from the stream.
    pub fn read(&mut self) -> Result<Option<Message<'static>>, Error> {
        self.receive(delivery::WHOLE)
    }

    /// Waits for whatever the peer does; Pings are answered. [`Event::Closed`] stays the answer.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    pub fn read_event(&mut self) -> Result<Event<'static>, Error> {
        self.next_event(None, delivery::WHOLE)
    }

    /// Waits for a part of a message, which no memory holds as a whole; `None` once the closing
    /// handshake is done. [`Limits`](crate::websocket::Limits) bound the message nevertheless.
    ///
    /// Other calls that read, between two parts, take what is left of the message for one: until
    /// [`is_final`](Part::is_final), read parts only.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read). What of a message was read before is void then.
    pub fn read_part(&mut self) -> Result<Option<Part<'static>>, Error> {
        self.receive(delivery::IN_PARTS)
    }

    /// Waits for a message to begin, and returns a reader of it; `None` once the closing handshake is
    /// done.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    pub fn read_message(&mut self) -> Result<Option<MessageReader<'_>>, Error> {
        MessageReader::begin(self)
    }

    /// Returns the messages as they come, until the connection ends.
    pub fn messages(&mut self) -> Messages<'_> {
        Messages::new(self)
    }

    /// Sends a message, and waits until the stream has taken it.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] when the connection is closed for sending, [`Error::Unflushed`] while the
    /// stream does not take what was sent before, [`Error::TimedOut`] when a socket's peer takes
    /// nothing, [`Error::Io`] from the stream. An error that
    /// [`is_would_block`](Error::is_would_block) leaves the rest to [`flush`](Self::flush).
    pub fn send(&mut self, message: &Message<'_>) -> Result<(), Error> {
        self.send_with(|connection, output| connection.send(message, output))
    }

    /// Sends a message uncompressed: what is compressed already, or a secret that an attacker's text
    /// stands beside, whose length would tell of it (RFC 7692 §8).
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub fn send_uncompressed(&mut self, message: &Message<'_>) -> Result<(), Error> {
        self.send_with(|connection, output| connection.send_uncompressed(message, output))
    }

    /// Sends a message that was encoded once for many connections, and waits until the stream has
    /// taken it.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), Error> {
        self.send_with(|connection, output| connection.send_prepared(message, output))
    }

    /// Sends a part of a message, in a frame of its own, and waits until the stream has taken it.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send), and [`SendError::MessageKindChanged`] in it.
    pub fn send_part(&mut self, payload: &Message<'_>, is_final: bool) -> Result<(), Error> {
        self.send_with(|connection, output| connection.send_part(payload, is_final, output))
    }

    /// Returns a writer of one text message.
    pub fn text_writer(&mut self) -> MessageWriter<'_> {
        MessageWriter::begin(self, true)
    }

    /// Returns a writer of one binary message.
    pub fn binary_writer(&mut self) -> MessageWriter<'_> {
        MessageWriter::begin(self, false)
    }

    /// Sends a Ping, of at most 125 bytes. The Pong is an event of
    /// [`read_event`](Self::read_event).
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send), and [`SendError::ControlPayloadTooLong`] in it.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.send_with(|connection, output| connection.ping(payload, output))
    }

    /// Sends a Pong that nobody asked for, of at most 125 bytes (RFC 6455 §5.5.3).
    ///
    /// # Errors
    ///
    /// Those of [`ping`](Self::ping).
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.send_with(|connection, output| connection.pong(payload, output))
    }

    /// Writes what an earlier call has left.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] when a socket's peer takes nothing, [`Error::Io`] from the stream.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.flush_until(None)
    }

    /// Does the closing handshake: sends a Close, waits for the peer's, and ends a socket. Messages
    /// that are still on their way are dropped, even those of a connection that delivers while
    /// closing: who wants them splits it, closes with the [writer](super::Writer::close), and reads
    /// on in another thread.
    ///
    /// Where the connection is closed already, nothing more is done.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a reason of more than 123 bytes or a server's 1010,
    /// [`Error::TimedOut`] when a socket's peer does not answer in
    /// [`close_timeout`](Timeouts::close_timeout), and those of [`read`](Self::read).
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        if self.end.is_none() && self.connection.state() == State::Open {
            let output = self.transport.buffers().1;
            self.connection.close(code, reason, output)?;
        }
        let deadline = deadline_after(self.timeouts.close_timeout);
        self.wait_for_close(deadline)
    }

    /// Fails the connection for a reason of the application's, as for binary messages where only
    /// text is spoken (1003): sends a Close, looks at nothing more, and ends a socket. A reason of
    /// more than 123 bytes is cut.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a server's 1010.
    pub fn fail(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        if self.end.is_none() {
            let output = self.transport.buffers().1;
            self.connection.fail(code, reason, output)?;
            self.fail_with(Error::Abandoned);
        }
        Ok(())
    }

    /// Returns the peer's last word, once the closing handshake is done.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        match &self.end {
            Some(End::Closed(closed)) => Some(closed),
            Some(End::Failed(_)) | None => None,
        }
    }

    /// Returns the latest round-trip time, if the connection is kept alive and a Ping was answered.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.reception.round_trip_time()
    }

    /// Returns the connection.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns the stream, of which nothing should be read.
    #[must_use]
    pub fn stream(&self) -> &S {
        self.transport.stream()
    }

    /// Returns the stream, of which nothing should be read, and to which nothing should be written.
    pub fn stream_mut(&mut self) -> &mut S {
        self.transport.stream_mut()
    }

    /// Takes the connection apart, for other uses of its stream or of its core. Nothing is lost on the
    /// way back by [`from_parts`](Self::from_parts).
    #[must_use]
    pub fn into_parts(self) -> Parts<S> {
        let (stream, manner, received, output) = self.transport.into_parts();
        Parts {
            stream,
            connection: self.connection,
            received,
            output,
            manner,
            timeouts: self.timeouts,
            reception: self.reception,
            codecs: self.codecs,
            end: self.end,
        }
    }

    /// Puts a connection together again, with all that it was in the middle of.
    #[must_use]
    pub fn from_parts(parts: Parts<S>) -> Self {
        let Parts {
            stream,
            connection,
            received,
            output,
            manner,
            timeouts,
            reception,
            codecs,
            end,
        } = parts;
        Self {
            transport: Transport::new(stream, manner, received, output),
            connection,
            timeouts,
            reception,
            codecs,
            end,
        }
    }

    /// Encodes something and writes it, unless an earlier call has left something.
    fn send_with(
        &mut self,
        encode: impl FnOnce(&mut Connection, &mut Vec<u8>) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        if self.end.is_none() && self.transport.has_output() {
            self.flush().map_err(|error| match error.is_would_block() {
                true => Error::Unflushed,
                false => error,
            })?;
        }
        self.send_behind(encode)
    }

    /// Encodes something, behind whatever is to be written, and writes it all.
    fn send_behind(
        &mut self,
        encode: impl FnOnce(&mut Connection, &mut Vec<u8>) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        if self.end.is_some() {
            return Err(SendError::Closed.into());
        }
        let output = self.transport.buffers().1;
        self.codecs.lend(&mut self.connection, |connection| {
            encode(connection, output)
        })?;
        self.flush()
    }

    /// Writes what is to be written; for a socket, until a deadline at which the connection fails.
    fn flush_until(&mut self, close_at: Option<Instant>) -> Result<(), Error> {
        let began_at = now();
        let Err(error) = self.transport.flush(close_at) else {
            return Ok(());
        };
        if !is_would_block(&error) {
            return Err(self.fail_by_stream(error.into()));
        }
        let now = now();
        let waited = now.saturating_duration_since(began_at);
        if close_at.is_some_and(|close_at| close_at <= now) {
            Err(self.fail_by_stream(Error::TimedOut(Timeout::Close)))
        } else if (self.timeouts.send_timeout).is_some_and(|timeout| timeout <= waited) {
            Err(self.fail_by_stream(Error::TimedOut(Timeout::Send)))
        } else {
            // The stream does not block, or has a timeout of the application's.
            Err(error.into())
        }
    }

    /// Waits for bytes, and for what is due meanwhile.
    fn wait(&mut self, close_at: Option<Instant>) -> Result<(), Error> {
        let deadline = self.reception.next_deadline(close_at);
        match self.transport.fill(deadline) {
            Ok(0) => {
                self.fail_by_stream(Error::Truncated);
            }
            Ok(_) => self.reception.received(),
            Err(error) if is_would_block(&error) => {
                let is_ours = deadline.is_some_and(|deadline| deadline <= now());
                if !is_ours {
                    return Err(error.into());
                }
                self.act_on_time(close_at);
            }
            Err(error) => return Err(self.fail_by_stream(error.into())),
        }
        Ok(())
    }

    /// Does what is due.
    fn act_on_time(&mut self, close_at: Option<Instant>) {
        match self.reception.due(close_at) {
            Due::Nothing => {}
            Due::Ping(payload) => {
                // While closing, silence is bounded by the close timeout.
                let output = self.transport.buffers().1;
                let _ = self.connection.ping(&payload, output);
            }
            Due::TimedOut(timeout) => {
                self.fail_by_stream(Error::TimedOut(timeout));
            }
        }
    }

    /// Ends the connection after both Closes: a server ends the stream, a client waits for that
    /// (RFC 6455 §7.1.1).
    fn finish_closing(&mut self, close_at: Option<Instant>, closed: Closed) {
        self.end = Some(End::Closed(closed));
        let is_client = self.connection.role() == Role::Client;
        let deadline = close_at.unwrap_or_else(|| deadline_after(self.timeouts.close_timeout));
        self.end_transport(is_client, deadline);
    }

    /// Ends the connection whose last Close frame is in the output.
    fn fail_with(&mut self, error: Error) {
        self.end = Some(End::Failed(error));
        self.end_transport(false, deadline_after(DRAIN_TIMEOUT));
    }

    /// Ends the connection over a stream that is of no more use.
    fn fail_by_stream(&mut self, error: Error) -> Error {
        self.transport.shutdown_write(now());
        self.end = Some(End::Failed(error.clone()));
        error
    }

    fn end_transport(&mut self, waits_for_peer: bool, deadline: Instant) {
        let is_flushed = self.transport.flush(Some(deadline)).is_ok();
        self.transport.end(waits_for_peer && is_flushed, deadline);
    }
}

impl<S: Read + Write> Receive for WebSocket<S> {
    fn reception(&mut self) -> &mut Reception {
        &mut self.reception
    }

    fn wait_for_event<M>(
        &mut self,
        close_at: Option<Instant>,
        delivery: Delivery<M>,
    ) -> Result<Event<'static, M>, Error> {
        loop {
            if let Some(end) = &self.end {
                return end.tell();
            }
            let (inbox, output) = self.transport.inbox();
            let taken = self.codecs.lend(&mut self.connection, |connection| {
                delivery::take_event(connection, inbox, output, delivery)
            });
            match taken {
                Ok(Some(Event::Closed { code, reason })) => {
                    self.finish_closing(close_at, Closed { code, reason });
                }
                Ok(Some(event)) => {
                    self.reception.note_pong(&event);
                    if self.transport.has_output() {
                        // What goes wrong here ends the connection, or goes wrong again: the next
                        // call tells.
                        let _ = self.flush_until(close_at);
                    }
                    return Ok(event);
                }
                Ok(None) => {
                    self.flush_until(close_at)?;
                    self.wait(close_at)?;
                }
                Err(error) => self.fail_with(error.into()),
            }
        }
    }
}

impl<S: Read + Write> PartSink for WebSocket<S> {
    fn send_part(
        &mut self,
        payload: &Message<'_>,
        place: Place,
        encode: EncodePart,
    ) -> Result<(), Error> {
        let encode = |connection: &mut Connection, output: &mut Vec<u8>| {
            encode(connection, payload, place.is_final(), output)
        };
        match place {
            Place::First | Place::Middle | Place::Only => self.send_with(encode),
            // There is one for each message that has begun: what waits has its limit nevertheless.
            Place::Last => self.send_behind(encode),
        }
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.flush()
    }

    fn abandon(&mut self) {
        self.fail(CloseCode::INTERNAL_ERROR, UNFINISHED)
            .expect("1011 is for both roles");
    }
}

impl End {
    /// Returns why the connection has failed, if it has.
    pub(super) fn judge(&self) -> Result<(), Error> {
        match self {
            Self::Closed(_) => Ok(()),
            Self::Failed(error) => Err(error.clone()),
        }
    }

    pub(super) fn tell<M>(&self) -> Result<Event<'static, M>, Error> {
        match self {
            Self::Closed(Closed { code, reason }) => Ok(Event::Closed {
                code: *code,
                reason: reason.clone(),
            }),
            Self::Failed(error) => Err(error.clone()),
        }
    }
}

fn default_timeouts(connection: &Connection) -> Timeouts {
    match connection.role() {
        Role::Server => Timeouts::server(),
        Role::Client => Timeouts::client(),
    }
}

/// What the peer is told when a message will never end.
pub(super) const UNFINISHED: &str = "message is left unfinished";

/// Shows the state, not what was said.
impl<S> fmt::Debug for WebSocket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("connection", &self.connection)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}
