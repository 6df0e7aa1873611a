//! Keeps codecs that no message needs just now.

use crate::websocket::deflate::deflater::Deflater;
use crate::websocket::deflate::inflater::Inflater;
use crate::websocket::deflate::options::{CompressionLevel, WindowBits};

/// Inflaters and deflaters for connections without context takeover: one pool serves all of a
/// thread's, and an idle connection holds none.
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

/// Codecs of each kind that are kept. 4: a thread works on one message at a time, and only those
/// that come or go in pieces hold theirs for longer.
const MAX_CODEC_COUNT: usize = 4;
