//! Keeps codecs that no message needs just now.

use crate::websocket::deflate::deflater::Deflater;
use crate::websocket::deflate::inflater::Inflater;
use crate::websocket::deflate::options::{CompressionLevel, WindowBits};

/// Inflaters and deflaters for connections without context takeover: one pool serves all of a
/// thread's, and an idle connection holds none.
/// # Examples
///
/// A turn of an event loop: one pool for all connections of the thread.
///
/// ```
/// use chinwag::websocket::{CodecPool, Connection, Event, ProtocolError};
///
/// fn turn(
///     connection: &mut Connection,
///     pool: &mut CodecPool,
///     mut input: &mut [u8],
///     output: &mut Vec<u8>,
/// ) -> Result<(), ProtocolError> {
///     connection.borrow_codecs(pool);
///     let result = loop {
///         match connection.receive(&mut input, output) {
///             Ok(Some(Event::Message(message))) => {
///                 let _ = connection.send(&message, output); // closed by us: nothing is due
///             }
///             Ok(Some(_)) => {}
///             Ok(None) => break Ok(()),
///             Err(error) => break Err(error),
///         }
///     };
///     connection.return_codecs(pool); // for others; one that has ended has none any more
///     result
/// }
/// ```
#[derive(Debug, Default)]
pub struct CodecPool {
    inflaters: Vec<Inflater>,
    deflaters: Vec<Deflater>,
}

impl CodecPool {
    /// Makes an empty pool; codecs come into being when they are needed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands out an inflater that knows nothing, for windows of any size, if there is one.
    pub(crate) fn take_inflater(&mut self) -> Option<Inflater> {
        self.inflaters.pop()
    }

    /// Takes an inflater back, in whatever state.
    pub(crate) fn give_inflater(&mut self, mut inflater: Inflater) {
        if self.inflaters.len() < MAX_CODEC_COUNT {
            inflater.reset();
            self.inflaters.push(inflater);
        }
    }

    /// Hands out a deflater that knows nothing, if there is one.
    pub(crate) fn take_deflater(
        &mut self,
        level: CompressionLevel,
        window_bits: WindowBits,
    ) -> Option<Deflater> {
        let fits = |deflater: &Deflater| {
            (deflater.level(), deflater.window_bits()) == (level, window_bits)
        };
        let index = self.deflaters.iter().rposition(fits)?;
        Some(self.deflaters.swap_remove(index))
    }

    /// Takes a deflater back, in whatever state; if there are enough, the one that was longest of no
    /// use goes.
    pub(crate) fn give_deflater(&mut self, mut deflater: Deflater) {
        if self.deflaters.len() == MAX_CODEC_COUNT {
            self.deflaters.remove(0);
        }
        deflater.reset();
        self.deflaters.push(deflater);
    }
}

/// Codecs of each kind that are kept, some 1.8 MiB in all. 4: a thread works on one message at a
/// time, and only those that come or go in pieces hold theirs for longer.
const MAX_CODEC_COUNT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER_BITS: WindowBits = WindowBits::MIN;

    fn deflater(window_bits: WindowBits) -> Deflater {
        Deflater::new(CompressionLevel::default(), window_bits)
    }

    #[test]
    fn codecs_come_back_knowing_nothing() {
        let mut pool = CodecPool::new();
        let mut unfinished = deflater(WindowBits::MAX);
        let mut message = Vec::new();
        unfinished.compress_part(b"Hello", false, false, &mut message);
        pool.give_deflater(unfinished);
        let mut used = pool
            .take_deflater(CompressionLevel::default(), WindowBits::MAX)
            .unwrap();
        let mut again = Vec::new();
        used.compress_part(b"Hello", false, true, &mut again);
        assert_eq!(again, message);

        let mut unfinished = Inflater::new(WindowBits::MAX, false);
        unfinished
            .inflate(&message[..3], &mut Vec::new(), 9)
            .unwrap();
        pool.give_inflater(unfinished);
        let mut output = Vec::new();
        let mut used = pool.take_inflater().unwrap();
        used.inflate(&message, &mut output, 9).unwrap();
        assert_eq!(output, b"Hello");
    }

    #[test]
    fn deflaters_fit_what_is_asked_for() {
        let mut pool = CodecPool::new();
        pool.give_deflater(deflater(WindowBits::MAX));
        let mut take = |level, bits| pool.take_deflater(level, bits).is_some();
        assert!(!take(CompressionLevel::default(), OTHER_BITS));
        assert!(!take(CompressionLevel::SMALLEST, WindowBits::MAX));
        assert!(take(CompressionLevel::default(), WindowBits::MAX));
        assert!(!take(CompressionLevel::default(), WindowBits::MAX));
        let smallest = Deflater::new(CompressionLevel::SMALLEST, OTHER_BITS);
        pool.give_deflater(smallest);
        let mut take = |level, bits| pool.take_deflater(level, bits).is_some();
        assert!(!take(CompressionLevel::default(), OTHER_BITS));
        assert!(take(CompressionLevel::SMALLEST, OTHER_BITS));
    }

    #[test]
    fn debug_output_shows_where_a_message_is() {
        let mut pool = CodecPool::new();
        pool.give_inflater(Inflater::new(WindowBits::MAX, false));
        let shown = format!("{pool:?}");
        assert!(
            shown.contains("Inflater") && shown.contains("Ended"),
            "{shown}"
        );
    }

    #[test]
    fn a_pool_keeps_few() {
        let mut pool = CodecPool::new();
        pool.give_deflater(deflater(OTHER_BITS));
        for _ in 0..MAX_CODEC_COUNT {
            pool.give_deflater(deflater(WindowBits::MAX));
            pool.give_inflater(Inflater::new(WindowBits::MAX, false));
            pool.give_inflater(Inflater::new(WindowBits::MAX, false));
        }
        assert_eq!(pool.deflaters.len(), MAX_CODEC_COUNT);
        assert_eq!(pool.inflaters.len(), MAX_CODEC_COUNT);
        let oldest = pool.take_deflater(CompressionLevel::default(), OTHER_BITS);
        assert!(oldest.is_none());
    }
}
