//! A connection taken apart, to be put together again without a loss.

use std::fmt;

use crate::websocket::blocking::codecs::Codecs;
use crate::websocket::blocking::receiving::Reception;
use crate::websocket::blocking::timeouts::Timeouts;
use crate::websocket::blocking::transport::Manner;
use crate::websocket::blocking::web_socket::End;
use crate::websocket::connection::Connection;

/// What a connection consists of: see [`WebSocket::into_parts`](super::WebSocket::into_parts).
///
/// # Examples
///
/// ```
/// use std::net::TcpStream;
///
/// use chinwag::websocket::blocking::WebSocket;
///
/// /// What a caller does who wants to know what waits, and to go on.
/// fn unread_len(socket: WebSocket<TcpStream>) -> (usize, WebSocket<TcpStream>) {
///     let parts = socket.into_parts();
///     (parts.received.len(), WebSocket::from_parts(parts))
/// }
/// ```
#[non_exhaustive]
pub struct Parts<S> {
    /// The stream.
    pub stream: S,
    /// The connection.
    pub connection: Connection,
    /// What was read from the stream and not yet looked at.
    pub received: Vec<u8>,
    /// What is still to be written to the stream.
    pub output: Vec<u8>,
    pub(super) manner: Manner<S>,
    pub(super) timeouts: Timeouts,
    pub(super) reception: Reception,
    pub(super) codecs: Codecs,
    pub(super) end: Option<End>,
}

impl<S> Parts<S> {
    /// Returns whether what comes first is the rest of a message that the application has given up,
    /// by dropping its [`MessageReader`](super::MessageReader). Whoever gives the connection another
    /// stream reads up to its final part, and throws that away.
    #[must_use]
    pub fn is_skipping(&self) -> bool {
        self.reception.is_skipping
    }
}

/// Shows the state, not what was said.
impl<S> fmt::Debug for Parts<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("connection", &self.connection)
            .field("received_len", &self.received.len())
            .field("output_len", &self.output.len())
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}
