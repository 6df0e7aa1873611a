//! Halves of a connection, for two threads: one reads, others send.
//!
//! What holds, over TLS too:
//!
//! - The reader never waits for a writer's socket call, nor a writer for the reader's. Two peers may
//!   flood each other from all sides, and both get through.
//! - Records leave in the order in which they were encrypted.
//! - Pings and Pongs overtake messages that wait; a Close keeps its place behind them.
//! - Memory is bounded: a message is encoded only when less than 1 MiB of others waits. Until then
//!   its sender waits, as the peer takes less than is sent; that is the back-pressure of TCP. The
//!   same holds for 64 KiB of Pings; of the Pongs that are owed, where there are more than 64 KiB,
//!   only the latest are kept.
//!
//! The parts: [`core`] holds what is shared, and the order of bytes, and does not wait; [`shared`] is
//! the lock around it, and the end; [`turns`] is the rule who writes; [`socket_io`] are the socket's
//! calls.

mod channel;
mod core;
mod reader;
mod shared;
mod socket_io;
mod turns;
mod writer;

pub use channel::{Channel, Split};
pub use reader::Reader;
pub use writer::Writer;

use std::sync::Arc;

use crate::websocket::blocking::error::Error;
use crate::websocket::blocking::parts::Parts;
use crate::websocket::blocking::split::core::Core;
use crate::websocket::blocking::split::shared::Shared;
use crate::websocket::blocking::web_socket::WebSocket;

impl<S: Split> WebSocket<S> {
    /// Splits the connection into halves for two threads. The [`Writer`] can be cloned for more.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the handshake of TLS is not done.
    /// # Examples
    ///
    /// ```no_run
    /// use std::thread;
    ///
    /// use chinwag::websocket::blocking::connect;
    /// use chinwag::websocket::{CloseCode, Message};
    ///
    /// let (mut reader, writer) = connect("ws://127.0.0.1:9001/")?.split()?;
    /// let ticker = writer.clone();
    /// thread::spawn(move || while ticker.send(&Message::text("tick")).is_ok() {});
    /// while let Some(message) = reader.read()? {
    ///     if message.as_bytes() == b"enough" {
    ///         writer.close(CloseCode::NORMAL, "")?; // the reader goes on to the peer's Close
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split(self) -> Result<(Reader, Writer), Error> {
        let Parts {
            stream,
            connection,
            mut received,
            output,
            timeouts,
            reception,
            codecs,
            end,
            ..
        } = self.into_parts();
        let channel = stream.into_channel();
        let is_plain = channel.cipher.is_plain();
        received.extend_from_slice(&channel.opened);
        let mut core = Core::new(
            connection,
            codecs,
            channel.cipher,
            channel.sealed,
            &output,
            end,
        )?;
        core.round_trip_time = reception.round_trip_time();
        let shared = Arc::new(Shared::new(channel.fd, core, timeouts));
        let reader = Reader::new(
            Arc::clone(&shared),
            is_plain,
            channel.received,
            received,
            reception,
        );
        Ok((reader, Writer::new(shared)))
    }
}
