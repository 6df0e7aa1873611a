//! The half that sends.

use std::fmt;
use std::sync::Arc;

use crate::websocket::blocking::clock::now;
use crate::websocket::blocking::error::{Error, Timeout};
use crate::websocket::blocking::split::shared::Shared;
use crate::websocket::blocking::web_socket::Closed;
use crate::websocket::close::CloseCode;
use crate::websocket::message::Message;

/// The half of a connection that sends; clones of it send to the same peer.
///
/// Each call returns when the socket has taken what it is for. Dropping a writer, even the last one,
/// changes nothing: who is done closes.
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
    /// takes nothing for [`send_timeout`](super::Timeouts::send_timeout), [`Error::Io`]. The message
    /// may then have left in part.
    pub fn send(&self, message: &Message<'_>) -> Result<(), Error> {
        let mut core = self.shared.lock_with_room();
        let ticket = core.queue_data(|connection, output| connection.send(message, output))?;
        self.shared.flush(core, Some(ticket), None)
    }

    /// Sends a Ping, of at most 125 bytes, ahead of messages that wait. The Pong is an event of
    /// [`Reader::read_event`](super::Reader::read_event).
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send), and
    /// [`SendError::ControlPayloadTooLong`](crate::websocket::SendError::ControlPayloadTooLong).
    pub fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        let mut core = self.shared.lock();
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
        let mut core = self.shared.lock();
        core.queue_control(|connection, output| connection.pong(payload, output))?;
        self.shared.flush(core, None, None)
    }

    /// Does the closing handshake: sends a Close behind all messages that are queued, and waits until
    /// the reader has seen the peer's and ended the socket. Messages that are still on their way to
    /// the reader are dropped.
    ///
    /// Another thread must be reading; where there is none, [`Reader::close`](super::Reader::close)
    /// does both.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a reason of more than 123 bytes or a server's 1010,
    /// [`Error::TimedOut`] when the peer does not answer in
    /// [`close_timeout`](super::Timeouts::close_timeout), and why the connection has failed.
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        let deadline = now() + self.shared.timeouts.close_timeout;
        let mut core = self.shared.lock();
        if core.end().is_none() && core.is_open() {
            let ticket =
                core.queue_data(|connection, output| connection.close(code, reason, output))?;
            // What goes wrong ends the connection, and is told below.
            let _ = self.shared.flush(core, Some(ticket), Some(deadline));
        } else {
            drop(core);
        }
        match self.shared.wait_for_end(deadline) {
            Some(end) => end.tell().map(drop),
            None => {
                let error = Error::TimedOut(Timeout::Close);
                self.shared.cut(error.clone());
                Err(error)
            }
        }
    }

    /// Returns the peer's last word, once the closing handshake is done.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.shared.lock().closed()
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
