//! The half that reads.

use std::fmt;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::websocket::blocking::clock::{deadline_after, now};
use crate::websocket::blocking::delivery::{self, Delivery};
use crate::websocket::blocking::error::Error;
use crate::websocket::blocking::inbox::Inbox;
use crate::websocket::blocking::messages::Messages;
use crate::websocket::blocking::receiving::{Due, Receive, Reception};
use crate::websocket::blocking::split::shared::Shared;
use crate::websocket::blocking::split::socket_io::{self, Interest};
use crate::websocket::blocking::streaming::MessageReader;
use crate::websocket::blocking::timeouts::DRAIN_TIMEOUT;
use crate::websocket::blocking::web_socket::{Closed, End};
use crate::websocket::close::CloseCode;
use crate::websocket::frame::Role;
use crate::websocket::message::{Event, Message, Part};

/// The half of a connection that reads.
///
/// It answers Pings, and does what closing takes: keep reading until the connection has ended. To
/// drop it before that fails the connection, as nobody would answer the peer any more: what has not
/// left is dropped, and the peer is told 1001.
///
/// # Examples
///
/// ```no_run
/// use std::thread;
///
/// use chinwag::websocket::blocking::connect;
///
/// let (mut reader, writer) = connect("ws://127.0.0.1:9001/")?.split()?;
/// let reading = thread::spawn(move || {
///     for message in reader.messages() {
///         println!("{:?}", message?);
///     }
///     Ok::<(), chinwag::websocket::blocking::Error>(())
/// });
/// writer.send(&"Hello".into())?; // waits for no message
/// # let _ = reading;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reader {
    shared: Arc<Shared>,
    /// Over TLS, what was read and not yet opened.
    ciphertext: Option<Inbox>,
    /// Frames.
    plaintext: Inbox,
    reception: Reception,
}

impl Reader {
    pub(super) fn new(
        shared: Arc<Shared>,
        is_plain: bool,
        ciphertext: Vec<u8>,
        plaintext: Vec<u8>,
        reception: Reception,
    ) -> Self {
        Self {
            shared,
            ciphertext: (!is_plain).then(|| Inbox::new(ciphertext)),
            plaintext: Inbox::new(plaintext),
            reception,
        }
    }

    /// Waits for a message; `None` once the closing handshake is done, and ever after.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`], [`Error::Truncated`], [`Error::TimedOut`], [`Error::Abandoned`] and
    /// [`Error::Io`] once the connection has failed, and ever after.
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

    /// Waits for a part of a message: see [`WebSocket::read_part`](super::super::WebSocket::read_part).
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

    /// Does the closing handshake from this side: see [`Writer::close`](super::Writer::close).
    ///
    /// # Errors
    ///
    /// Those of [`Writer::close`](super::Writer::close).
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        let mut core = self.shared.lock();
        if core.is_open() {
            core.queue_data(|connection, output| connection.close(code, reason, output))?;
        }
        drop(core);
        let deadline = deadline_after(self.shared.timeouts.close_timeout);
        self.wait_for_close(deadline)
    }

    /// Returns the peer's last word, once the closing handshake is done.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.shared.lock().closed()
    }

    /// Returns the latest round-trip time, if the connection is kept alive and a Ping was answered.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.reception.round_trip_time()
    }

    /// Takes an event out of what was read.
    fn take_event<M>(&mut self, delivery: Delivery<M>) -> Result<Option<Event<'static, M>>, Error> {
        let mut core = self.shared.lock();
        let opened = match &mut self.ciphertext {
            Some(ciphertext) => core.open(ciphertext, &mut self.plaintext),
            None => Ok(()),
        };
        let event = match opened {
            Ok(()) => core
                .receive(&mut self.plaintext, delivery)
                .map_err(Error::from),
            Err(error) => Err(error.into()),
        };
        let has_peer_ended = core.has_peer_ended();
        drop(core);
        match event {
            // TLS tells the end before the socket does, which may never do (RFC 8446 §6.1).
            Ok(None) if has_peer_ended => Err(self.cut(Error::Truncated)),
            Ok(event) => Ok(event),
            Err(error) => Err(self.finish_failing(error)),
        }
    }

    /// Waits for bytes, and for room to write what no writer writes.
    fn wait(&mut self, close_at: Option<Instant>) -> Result<(), Error> {
        let core = self.shared.lock();
        if core.end().is_some() {
            return Ok(());
        }
        let interest = match core.is_left_alone() {
            true => Interest::Either,
            false => Interest::Readable,
        };
        drop(core);
        let deadline = self.reception.next_deadline(close_at);
        // A peer that floods lets no wait come to its end.
        let is_over = close_at.is_some_and(|close_at| close_at <= now());
        if is_over || !socket_io::wait(self.shared.fd(), interest, deadline)? {
            return self.act_on_time(close_at);
        }
        self.fill()
    }

    /// Reads what is there.
    fn fill(&mut self) -> Result<(), Error> {
        let inbox = self.ciphertext.as_mut().unwrap_or(&mut self.plaintext);
        match socket_io::read_now(self.shared.fd(), inbox.room()) {
            Ok(None) => Ok(()),
            Ok(Some(0)) => Err(self.cut(Error::Truncated)),
            Ok(Some(len)) => {
                inbox.added(len);
                self.reception.received();
                Ok(())
            }
            Err(error) => Err(self.cut(error.into())),
        }
    }

    /// Does what is due.
    fn act_on_time(&mut self, close_at: Option<Instant>) -> Result<(), Error> {
        match self.reception.due(close_at) {
            Due::Nothing => Ok(()),
            Due::Ping(payload) => {
                // While closing, silence is bounded by the close timeout.
                let mut core = self.shared.lock();
                let _ = core.queue_control(|connection, output| connection.ping(&payload, output));
                Ok(())
            }
            Due::TimedOut(timeout) => Err(self.cut(Error::TimedOut(timeout))),
        }
    }

    /// Ends the connection after both Closes: what was queued before them leaves, then a server ends
    /// the stream, and a client waits for that (RFC 6455 §7.1.1).
    fn finish_closing(&self, close_at: Option<Instant>, closed: Closed) {
        let is_client = self.shared.lock().connection().role() == Role::Client;
        let deadline =
            close_at.unwrap_or_else(|| deadline_after(self.shared.timeouts.close_timeout));
        let is_flushed = self.shared.flush_all(deadline);
        let end = End::Closed(closed);
        if is_client && is_flushed {
            self.shared.end_and_drain(end.clone(), deadline);
        }
        self.shared.finish(end, deadline);
    }

    /// Ends the connection whose last Close frame, or alert, is queued.
    fn finish_failing(&self, error: Error) -> Error {
        let deadline = deadline_after(DRAIN_TIMEOUT);
        self.shared.finish(End::Failed(error.clone()), deadline);
        error
    }

    /// Ends the connection over a socket that is of no more use; returns the error that holds, which
    /// may be an earlier one.
    fn cut(&self, error: Error) -> Error {
        self.shared.cut(error.clone());
        match self.shared.lock().end().map(End::judge) {
            Some(Err(earlier)) => earlier,
            Some(Ok(())) | None => error,
        }
    }
}

impl Receive for Reader {
    fn reception(&mut self) -> &mut Reception {
        &mut self.reception
    }

    fn wait_for_event<M>(
        &mut self,
        close_at: Option<Instant>,
        delivery: Delivery<M>,
    ) -> Result<Event<'static, M>, Error> {
        loop {
            if let Some(end) = self.shared.lock().end() {
                return end.tell();
            }
            match self.take_event(delivery)? {
                Some(Event::Closed { code, reason }) => {
                    self.finish_closing(close_at, Closed { code, reason });
                }
                Some(event) => {
                    if let Event::Ping(_) = &event {
                        self.shared.flush_now();
                    }
                    if let Event::Pong(_) = &event {
                        self.reception.note_pong(&event);
                        self.shared.lock().round_trip_time = self.reception.round_trip_time();
                    }
                    return Ok(event);
                }
                None => {
                    self.shared.flush_now();
                    self.wait(close_at)?;
                }
            }
        }
    }
}

/// Tells the peer as far as that takes no waiting.
impl Drop for Reader {
    fn drop(&mut self) {
        let mut core = self.shared.lock();
        if core.end().is_some() {
            return;
        }
        core.fail(CloseCode::GOING_AWAY, "")
            .expect("1001 is for both roles");
        drop(core);
        self.shared.flush_now();
        self.shared.lock().seal_end();
        self.shared.flush_now();
        self.shared.end(End::Failed(Error::Abandoned));
        socket_io::end(self.shared.fd(), Shutdown::Write);
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = self.shared.lock();
        f.debug_struct("Reader")
            .field("connection", core.connection())
            .field("end", &core.end())
            .finish_non_exhaustive()
    }
}
