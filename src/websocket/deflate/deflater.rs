//! Deflates messages.

use flate2::{Compress, Compression, FlushCompress};

use crate::websocket::deflate::TAIL;
use crate::websocket::deflate::options::{CompressionLevel, WindowBits};

/// Deflates the messages of one direction of a connection, or of many without context takeover.
///
/// What is sent uncompressed must not be given to it: the peer's window would not know it.
#[derive(Debug)]
pub(crate) struct Deflater {
    zlib: Compress,
    level: CompressionLevel,
    window_bits: WindowBits,
    /// Nothing was compressed since it was made or reset.
    is_fresh: bool,
    /// Parts of a message were compressed, and not the final one.
    is_inside_message: bool,
}

impl Deflater {
    pub(crate) fn new(level: CompressionLevel, window_bits: WindowBits) -> Self {
        let zlib_level = Compression::new(level.get().into());
        Self {
            zlib: Compress::new_with_window_bits(zlib_level, false, window_bits.get()),
            level,
            window_bits,
            is_fresh: true,
            is_inside_message: false,
        }
    }

    pub(crate) fn level(&self) -> CompressionLevel {
        self.level
    }

    pub(crate) fn window_bits(&self) -> WindowBits {
        self.window_bits
    }

    /// Appends the compressed form of a message (§7.2.1); with `keeps_window` it may refer to the
    /// messages before, which is context takeover.
    pub(crate) fn compress_message(
        &mut self,
        payload: &[u8],
        keeps_window: bool,
        output: &mut Vec<u8>,
    ) {
        self.compress_part(payload, true, keeps_window, output);
    }

    /// Appends the compressed form of a part of a message. It is flushed, so that the peer can
    /// inflate all of it at once; only the final part loses its tail.
    pub(crate) fn compress_part(
        &mut self,
        payload: &[u8],
        is_final: bool,
        keeps_window: bool,
        output: &mut Vec<u8>,
    ) {
        if !self.is_inside_message && !keeps_window {
            self.reset();
        }
        self.is_inside_message = !is_final;
        if !payload.is_empty() {
            self.flush(payload, output);
            if is_final {
                debug_assert!(output.ends_with(&TAIL), "a flush ends with an empty block");
                output.truncate(output.len() - TAIL.len());
            }
        } else if is_final {
            // §7.2.3.6: an empty stored block without its tail. zlib does not flush twice.
            output.push(0x00);
        }
    }

    /// Gives up a message that is unfinished, and forgets what messages may refer to.
    pub(crate) fn reset(&mut self) {
        if !self.is_fresh {
            self.zlib.reset();
        }
        self.is_fresh = true;
        self.is_inside_message = false;
    }

    /// Appends what `payload` is compressed to, and an empty stored block.
    fn flush(&mut self, payload: &[u8], output: &mut Vec<u8>) {
        self.is_fresh = false;
        let mut rest = payload;
        loop {
            output.reserve(rest.len().clamp(MIN_ROOM_LEN, MAX_ROOM_LEN));
            let total_in = self.zlib.total_in();
            self.zlib
                .compress_vec(rest, output, FlushCompress::Sync)
                .expect("zlib compresses whatever it is given");
            let consumed_len = usize::try_from(self.zlib.total_in() - total_in)
                .expect("zlib reads no more than it is given");
            rest = &rest[consumed_len..];
            // Room that is left says that all was written.
            if output.len() < output.capacity() {
                break;
            }
        }
    }
}

/// 64: the least that a flush needs is a few bytes; without 6 to spare zlib may write it twice.
const MIN_ROOM_LEN: usize = 64;

/// 64 KiB: memory is taken as it is needed, not as long as a message is.
const MAX_ROOM_LEN: usize = 64 * 1024;
