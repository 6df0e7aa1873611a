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
            // Room that is left says that all was written of what was read.
            if rest.is_empty() && output.len() < output.capacity() {
                break;
            }
        }
    }
}

/// 64: the least that a flush needs is a few bytes; without 6 to spare zlib may write it twice.
const MIN_ROOM_LEN: usize = 64;

/// 64 KiB: memory is taken as it is needed, not as long as a message is.
const MAX_ROOM_LEN: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::deflate::inflater::Inflater;

    fn deflater(level: u8, window_bits: u8) -> Deflater {
        Deflater::new(
            CompressionLevel::new(level).unwrap(),
            WindowBits::new(window_bits).unwrap(),
        )
    }

    fn compress(deflater: &mut Deflater, payload: &[u8], keeps_window: bool) -> Vec<u8> {
        let mut output = Vec::new();
        deflater.compress_message(payload, keeps_window, &mut output);
        output
    }

    fn inflate(inflater: &mut Inflater, message: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        let consumed_len = inflater.inflate(message, &mut output, 1 << 24).unwrap();
        assert_eq!(consumed_len, message.len());
        assert_eq!(inflater.finish_message(&mut output, 1 << 24), Ok(true));
        output
    }

    #[test]
    fn hello_is_the_example_of_the_rfc() {
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let mut deflater = deflater(6, 15);
        assert_eq!(compress(&mut deflater, b"Hello", true), hello, "§7.2.3.1");
        let again = [0xf2, 0x00, 0x11, 0x00, 0x00];
        assert_eq!(compress(&mut deflater, b"Hello", true), again, "§7.2.3.2");
        assert_eq!(compress(&mut deflater, b"Hello", false), hello, "§7.1.1.1");
    }

    #[test]
    fn empty_messages_are_one_byte() {
        for keeps_window in [false, true] {
            let mut deflater = deflater(6, 15);
            for _ in 0..2 {
                assert_eq!(
                    compress(&mut deflater, b"", keeps_window),
                    [0x00],
                    "§7.2.3.6"
                );
            }
            compress(&mut deflater, b"Hello", keeps_window);
            assert_eq!(compress(&mut deflater, b"", keeps_window), [0x00]);
        }
    }

    #[test]
    fn only_the_final_part_loses_its_tail() {
        let mut deflater = deflater(6, 15);
        let mut message = Vec::new();
        deflater.compress_part(b"Hel", false, false, &mut message);
        assert!(message.ends_with(&TAIL));
        let len = message.len();
        deflater.compress_part(b"", false, false, &mut message);
        assert_eq!(message.len(), len, "nothing is flushed twice");
        deflater.compress_part(b"lo", true, false, &mut message);
        assert!(!message.ends_with(&TAIL));
        let mut inflater = Inflater::new(WindowBits::MAX, false);
        assert_eq!(inflate(&mut inflater, &message), b"Hello");
    }

    #[test]
    fn a_message_may_end_with_an_empty_part() {
        let mut deflater = deflater(6, 15);
        let mut inflater = Inflater::new(WindowBits::MAX, true);
        for _ in 0..2 {
            let mut message = Vec::new();
            deflater.compress_part(b"Hello", false, true, &mut message);
            deflater.compress_part(b"", true, true, &mut message);
            assert!(message.ends_with(&[0x00, 0x00, 0xff, 0xff, 0x00]));
            assert_eq!(inflate(&mut inflater, &message), b"Hello");
        }
    }

    #[test]
    fn parts_of_a_message_refer_to_earlier_ones_without_takeover_too() {
        let mut deflater = deflater(6, 15);
        let mut message = Vec::new();
        deflater.compress_part(b"Hello, hello, hello", false, false, &mut message);
        let len = message.len();
        deflater.compress_part(b"Hello, hello, hello", true, false, &mut message);
        assert!(message.len() - len < 8, "{message:02x?}");
    }

    #[test]
    fn no_distance_is_beyond_the_window() {
        // What repeats after more than the window is as new as it was the first time.
        for bits in 9..=15 {
            let window_len = 1 << bits;
            let block: Vec<u8> = (0..=255).rev().collect();
            let between = vec![b'-'; window_len];
            let payload = [&block[..], &between, &block].concat();
            for level in 0..=9 {
                let message = compress(&mut deflater(level, bits), &payload, false);
                let short = compress(&mut deflater(level, bits), &payload[256..], false);
                assert!(
                    message.len() > short.len() + 200,
                    "{bits} bits, level {level}"
                );
                let mut inflater = Inflater::new(WindowBits::MAX, false);
                assert_eq!(inflate(&mut inflater, &message), payload);
            }
        }
    }

    #[test]
    fn reset_gives_up_an_unfinished_message() {
        let mut deflater = deflater(6, 15);
        deflater.compress_part(b"Hello", false, true, &mut Vec::new());
        deflater.reset();
        let mut inflater = Inflater::new(WindowBits::MAX, false);
        let message = compress(&mut deflater, b"Hello", true);
        assert_eq!(inflate(&mut inflater, &message), b"Hello");
    }

    #[test]
    fn memory_follows_what_is_written() {
        let mut output = Vec::new();
        deflater(6, 15).compress_message(&vec![b'a'; 2 << 20], false, &mut output);
        assert!(
            output.capacity() <= 2 * MAX_ROOM_LEN,
            "{}",
            output.capacity()
        );
    }
}
