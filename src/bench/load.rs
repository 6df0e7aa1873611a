//! What a mode is to the engine that drives its connections: what it sends, and what it expects.

use std::time::Instant;

use crate::bench::ConnectionError;
use crate::bench::tally::Tally;
use crate::websocket::{Connection, Message};

/// One of the modes, for the connections of one thread. Places count from 0.
///
/// After whatever happens to a connection it is asked what to [`send`](Self::send).
pub(super) trait Load {
    fn tally(&mut self) -> &mut Tally;

    /// Returns the first connection that is not ready for the measurement, once all are open.
    fn unready(&self) -> Option<usize> {
        None
    }

    /// Takes a message that has come. `Err` ends the connection.
    fn receive(&mut self, place: usize, message: &Message<'_>) -> Result<(), ConnectionError>;

    /// Learns that all that had come was received, and when that was.
    fn received(&mut self, place: usize, now: Instant);

    /// Learns that a Ping was answered.
    fn receive_pong(&mut self, _place: usize, _now: Instant) {}

    /// Learns that a connection is gone.
    fn lose(&mut self, place: usize);

    /// Adds the places of connections that have something to send now, though nothing happened to
    /// them. Called once a turn.
    fn turn(&mut self, now: Instant, wanted: &mut Vec<usize>);

    /// Appends what a connection is to send now; true: there is more than fits one write.
    fn send(
        &mut self,
        place: usize,
        now: Instant,
        connection: &mut Connection,
        output: &mut Vec<u8>,
    ) -> bool;

    /// Returns when `turn` has something to do, if that is by the clock.
    fn next_at(&self) -> Option<Instant> {
        None
    }

    /// Returns how much is on its way and has to come before the end.
    fn unfinished_count(&self) -> u64;

    /// Counts what was due and never came, when the end has come. Returns how much of it was sent.
    fn finish(&mut self, now: Instant) -> u64;
}

/// Bytes of output beyond which a load asks to be called again. A write of 256 KiB is as fast as a
/// longer one, and nothing more than that and a message is ever held.
pub(super) const MAX_OUTPUT_LEN: usize = 256 * 1024;
