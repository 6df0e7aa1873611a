//! The half that sends.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::websocket::blocking::clock::deadline_after;
use crate::websocket::blocking::error::{Error, Timeout};
use crate::websocket::blocking::split::shared::Shared;
use crate::websocket::blocking::streaming::{EncodePart, MessageWriter, PartSink, Place};
use crate::websocket::blocking::web_socket::{Closed, UNFINISHED};
use crate::websocket::close::CloseCode;
use crate::websocket::message::Message;
use crate::websocket::prepared::PreparedMessage;

/// The half of a connection that sends; clones of it send to the same peer.
///
/// Each call returns when the socket has taken what it is for. Dropping a writer, even the last one,
/// changes nothing: who is done closes.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::CloseCode;
/// use chinwag::websocket::blocking::{Error, Writer};
///
/// /// In a thread, while another one reads.
/// fn count(writer: &Writer) -> Result<(), Error> {
///     for number in 0..3 {
///         writer.send(&number.to_string().into())?;
///     }
///     writer.close(CloseCode::NORMAL, "")
/// }
/// ```
#[derive(Clone)]
pub struct Writer {
    shared: Arc<Shared>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Sends a message, behind those that others have queued, and waits until the socket has taken it.
    ///
    /// While 1 MiB of other messages waits, it waits before it encodes: what is queued has a limit.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] when the connection is closed for sending, [`Error::TimedOut`] when the peer
    /// takes nothing for [`send_timeout`](crate::websocket::blocking::Timeouts::send_timeout), [`Error::Io`]. The message
    /// may then have left in part.
    pub fn send(&self, message: &Message<'_>) -> Result<(), Error> {
        let mut core = self.shared.lock_for_message();
        let ticket = core.queue_data(|connection, output| connection.send(message, output))?;
        self.shared.flush(core, Some(ticket), None)
    }

    /// Sends a message uncompressed, as [`send`](Self::send) does: what is compressed already, or a
    /// secret that an attacker's text stands beside (RFC 7692 §8).
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub fn send_uncompressed(&self, message: &Message<'_>) -> Result<(), Error> {
        let mut core = self.shared.lock_for_message();
        let ticket =
            core.queue_data(|connection, output| connection.send_uncompressed(message, output))?;
        self.shared.flush(core, Some(ticket), None)
    }

    /// Sends a message that was encoded once for many connections, as [`send`](Self::send) does.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub fn send_prepared(&self, message: &PreparedMessage) -> Result<(), Error> {
        let mut core = self.shared.lock_for_message();
        let ticket =
            core.queue_data(|connection, output| connection.send_prepared(message, output))?;
        self.shared.flush(core, Some(ticket), None)
    }

    /// Returns a writer of one text message. Until it is finished or dropped, what other writers send
    /// waits, as fragments of two messages never mix (RFC 6455 §5.4); Pings don't.
    pub fn text_writer(&mut self) -> MessageWriter<'_> {
        self.shared.lock_for_message().is_streaming = true;
        MessageWriter::begin(self, true)
    }

    /// Returns a writer of one binary message; see [`text_writer`](Self::text_writer).
    pub fn binary_writer(&mut self) -> MessageWriter<'_> {
        self.shared.lock_for_message().is_streaming = true;
        MessageWriter::begin(self, false)
    }

    /// Sends a Ping, of at most 125 bytes, ahead of messages that wait. The Pong is an event of
    /// [`Reader::read_event`](super::Reader::read_event).
    ///
    /// Where another thread is writing, the Ping is left to it; while 64 KiB of them wait, this does.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send), and
    /// [`SendError::ControlPayloadTooLong`](crate::websocket::SendError::ControlPayloadTooLong).
    pub fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        let mut core = self.shared.lock_for_control();
        core.queue_control(|connection, output| connection.ping(payload, output))?;
        self.shared.flush(core, None, None)
    }

    /// Sends a Pong that nobody asked for, of at most 125 bytes, ahead of messages that wait
    /// (RFC 6455 §5.5.3).
    ///
    /// # Errors
    ///
    /// Those of [`ping`](Self::ping).
    pub fn pong(&self, payload: &[u8]) -> Result<(), Error> {
        let mut core = self.shared.lock_for_control();
        core.queue_control(|connection, output| connection.pong(payload, output))?;
        self.shared.flush(core, None, None)
    }

    /// Does the closing handshake: sends a Close behind all messages that are queued, and waits until
    /// the reader has seen the peer's and ended the socket. Messages that still come until then are
    /// dropped, unless the connection delivers while closing: see
    /// [`Acceptor::with_delivery_while_closing`](crate::websocket::blocking::Acceptor::with_delivery_while_closing).
    ///
    /// Another thread must be reading; where there is none, [`Reader::close`](super::Reader::close)
    /// does both.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a reason of more than 123 bytes or a server's 1010,
    /// [`Error::TimedOut`] when the peer does not answer in
    /// [`close_timeout`](crate::websocket::blocking::Timeouts::close_timeout), and why the connection has failed.
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        let deadline = deadline_after(self.shared.timeouts.close_timeout);
        let mut core = self.shared.lock();
        if core.is_open() {
            let ticket =
                core.queue_data(|connection, output| connection.close(code, reason, output))?;
            // What goes wrong ends the connection, and is told below.
            let _ = self.shared.flush(core, Some(ticket), Some(deadline));
        } else {
            drop(core);
        }
        match self.shared.wait_for_end(deadline) {
            Some(end) => end.judge(),
            None => {
                let error = Error::TimedOut(Timeout::Close);
                self.shared.cut(error.clone());
                Err(error)
            }
        }
    }

    /// Fails the connection for a reason of the application's: sends a Close ahead of messages that
    /// wait, drops these, and ends the socket. A reason of more than 123 bytes is cut.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a server's 1010.
    pub fn fail(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        Ok(self.shared.fail(code, reason)?)
    }

    /// Returns the latest round-trip time, if the connection is kept alive and a Ping was answered.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.shared.lock().round_trip_time
    }

    /// Returns the peer's last word, once the closing handshake is done.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.shared.lock().closed()
    }
}

impl PartSink for Writer {
    fn send_part(
        &mut self,
        payload: &Message<'_>,
        place: Place,
        encode: EncodePart,
    ) -> Result<(), Error> {
        let is_final = place.is_final();
        // There was room when the message began, and nobody else has queued one since.
        let mut core = self.shared.lock();
        let ticket =
            core.queue_data(|connection, output| encode(connection, payload, is_final, output));
        let sent = ticket.and_then(|ticket| self.shared.flush(core, Some(ticket), None));
        if is_final && sent.is_ok() {
            self.shared.end_streaming();
        }
        sent
    }

    /// Each part was written before its call returned.
    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn abandon(&mut self) {
        self.shared
            .fail(CloseCode::INTERNAL_ERROR, UNFINISHED)
            .expect("1011 is for both roles");
        self.shared.end_streaming();
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = self.shared.lock();
        f.debug_struct("Writer")
            .field("connection", core.connection())
            .field("end", &core.end())
            .finish_non_exhaustive()
    }
}
