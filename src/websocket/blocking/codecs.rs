//! Codecs that the connections of one acceptor, or of one connector, lend each other.
//!
//! Messages that are compressed each on its own need a codec while they are received or sent, and
//! none while the connection waits for the next. The lock is held to take one and to give it back,
//! and never meanwhile.

use std::fmt;
#[cfg(feature = "deflate")]
use std::sync::Arc;

#[cfg(feature = "deflate")]
use crate::websocket::blocking::lock::Lock;
use crate::websocket::connection::Connection;
#[cfg(feature = "deflate")]
use crate::websocket::deflate::CodecPool;

/// A pool; by default none, which lets each connection keep its own codecs. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Codecs {
    #[cfg(feature = "deflate")]
    pool: Option<Arc<Lock<CodecPool>>>,
}

impl Codecs {
    /// Makes an empty pool.
    pub(super) fn shared() -> Self {
        Self {
            #[cfg(feature = "deflate")]
            pool: Some(Arc::new(Lock::new(CodecPool::new()))),
        }
    }

    /// Receives or sends something, with codecs of the pool.
    #[cfg(feature = "deflate")]
    pub(super) fn lend<T>(
        &self,
        connection: &mut Connection,
        turn: impl FnOnce(&mut Connection) -> T,
    ) -> T {
        let pool = self.pool.as_ref().filter(|_| connection.is_compressing());
        let Some(pool) = pool else {
            return turn(connection);
        };
        connection.borrow_codecs(&mut pool.lock());
        let result = turn(connection);
        connection.return_codecs(&mut pool.lock());
        result
    }

    /// Receives or sends something, which nothing compresses.
    #[cfg(not(feature = "deflate"))]
    #[expect(clippy::unused_self, reason = "with compression, the pool is there")]
    pub(super) fn lend<T>(
        &self,
        connection: &mut Connection,
        turn: impl FnOnce(&mut Connection) -> T,
    ) -> T {
        turn(connection)
    }
}

impl fmt::Debug for Codecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codecs").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(feature = "deflate")]
mod tests {
    use super::*;
    use crate::websocket::deflate::{CompressionLevel, DeflateOptions, DeflateParameters};
    use crate::websocket::limits::Limits;
    use crate::websocket::message::Message;

    fn connection(keeps_window: bool) -> Connection {
        let parameters = DeflateParameters {
            server_no_context_takeover: !keeps_window,
            client_no_context_takeover: !keeps_window,
            ..DeflateParameters::default()
        };
        Connection::server(Limits::default()).with_deflate(parameters, &DeflateOptions::default())
    }

    /// Takes what an idle connection has left in the pool: an inflater, a deflater.
    fn left(codecs: &Codecs) -> (bool, bool) {
        let mut pool = codecs.pool.as_ref().unwrap().lock();
        let level = CompressionLevel::default();
        let window_bits = DeflateParameters::default().server_max_window_bits;
        (
            pool.take_inflater().is_some(),
            pool.take_deflater(level, window_bits).is_some(),
        )
    }

    fn send(codecs: &Codecs, connection: &mut Connection) {
        let message = Message::text("a".repeat(1000));
        codecs
            .lend(connection, |it| it.send(&message, &mut Vec::new()))
            .unwrap();
    }

    /// The message "Hello" (RFC 7692 §7.2.3.1), masked with zeros.
    const HELLO: &[u8] = b"\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x00";

    fn receive(codecs: &Codecs, connection: &mut Connection, bytes: &[u8]) -> bool {
        let mut bytes = bytes.to_vec();
        codecs.lend(connection, |it| {
            let event = it.receive(&mut &mut bytes[..], &mut Vec::new());
            event.unwrap().is_some()
        })
    }

    #[test]
    fn idle_connections_hold_no_codecs() {
        let codecs = Codecs::shared();
        let mut connection = connection(false);
        send(&codecs, &mut connection);
        assert_eq!(left(&codecs), (false, true));
        assert!(receive(&codecs, &mut connection, HELLO));
        assert_eq!(left(&codecs), (true, false));
    }

    #[test]
    fn unfinished_message_keeps_its_inflater() {
        let codecs = Codecs::shared();
        let mut connection = connection(false);
        assert!(!receive(&codecs, &mut connection, &HELLO[..9]));
        assert_eq!(left(&codecs), (false, false));
        assert!(receive(&codecs, &mut connection, &HELLO[9..]));
        assert_eq!(left(&codecs), (true, false));
    }

    #[test]
    fn connections_whose_window_goes_on_keep_theirs() {
        let codecs = Codecs::shared();
        let mut connection = connection(true);
        send(&codecs, &mut connection);
        assert!(receive(&codecs, &mut connection, HELLO));
        assert_eq!(left(&codecs), (false, false));
    }
}
