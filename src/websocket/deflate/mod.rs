//! Compresses messages: permessage-deflate (RFC 7692).
//!
//! A compressed message is a run of DEFLATE blocks (RFC 1951) that ends in an empty stored block,
//! whose last four bytes, `00 00 ff ff`, are left out on the wire (§7.2.1). The receiver puts them
//! back (§7.2.2). With *context takeover* a message may refer to what earlier ones said, as far back
//! as the window reaches; without it each message stands alone, and so a codec is needed only while
//! there is one to work on: it comes from a [`CodecPool`].
//!
//! [`DeflateOptions`] is what an endpoint wants, [`DeflateParameters`] what both agreed on.

mod deflater;
mod inflater;
mod options;
mod pool;
mod window;

pub(crate) use deflater::Deflater;
pub(crate) use inflater::{InflateError, Inflater};
pub use options::{CompressionLevel, DeflateOptions, DeflateParameters, WindowBits};
pub use pool::CodecPool;

/// What a compressed message leaves out: the lengths of its last block, which is empty and stored.
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// What holds for any messages, however they are cut and whoever compressed them.
#[cfg(test)]
mod tests {
    use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const NO_LIMIT: usize = 1 << 24;

    proptest! {
        #[test]
        fn what_was_deflated_inflates(
            parts in vec((payload(), any::<bool>()), 1..12),
            codec in codec(),
            cuts in cuts(),
        ) {
            let (level, window_bits, keeps_window) = codec;
            let mut deflater = Deflater::new(level, window_bits);
            let mut inflater = Inflater::new(window_bits, keeps_window);
            let (mut message, mut expected) = (Vec::new(), Vec::new());
            for (payload, is_final) in parts {
                deflater.compress_part(&payload, is_final, keeps_window, &mut message);
                expected.extend(payload);
                if is_final {
                    prop_assert_eq!(&inflate(&mut inflater, &message, cuts), &Ok(expected));
                    (message, expected) = (Vec::new(), Vec::new());
                }
            }
        }

        #[test]
        fn zlib_inflates_what_was_deflated(
            payloads in vec(payload(), 1..12),
            codec in codec(),
        ) {
            let (level, window_bits, keeps_window) = codec;
            let mut deflater = Deflater::new(level, window_bits);
            let mut zlib = Decompress::new(false);
            for payload in payloads {
                let mut message = Vec::new();
                deflater.compress_message(&payload, keeps_window, &mut message);
                message.extend(TAIL);
                let mut output = Vec::with_capacity(payload.len() + 1_000);
                if !keeps_window {
                    zlib.reset(false);
                }
                zlib.decompress_vec(&message, &mut output, FlushDecompress::None).unwrap();
                prop_assert_eq!(output, payload);
            }
        }

        #[test]
        fn whatever_zlib_deflates_inflates(
            messages in vec(vec((payload(), flush()), 1..4), 1..4),
            codec in codec(),
            cuts in cuts(),
        ) {
            let (level, window_bits, keeps_window) = codec;
            let mut zlib = Compress::new_with_window_bits(
                Compression::new(level.get().into()),
                false,
                window_bits.get(),
            );
            let mut inflater = Inflater::new(window_bits, keeps_window);
            for parts in messages {
                let (mut message, mut expected) = (Vec::new(), Vec::new());
                if !keeps_window {
                    zlib.reset();
                }
                for (payload, flush) in parts {
                    // Room for what was held back before, too.
                    message.reserve(expected.len() + payload.len() + 1_000);
                    zlib.compress_vec(&payload, &mut message, flush).unwrap();
                    if flush == FlushCompress::Finish {
                        zlib.reset();
                    }
                    expected.extend(payload);
                }
                message.reserve(expected.len() + 1_000);
                zlib.compress_vec(&[], &mut message, FlushCompress::Sync).unwrap();
                // Nothing is written where nothing was left to flush.
                if message.ends_with(&TAIL) {
                    message.truncate(message.len() - TAIL.len());
                } else {
                    message.push(0x00);
                }
                prop_assert_eq!(inflate(&mut inflater, &message, cuts), Ok(expected));
            }
        }

        #[test]
        fn any_bytes_mean_the_same_however_they_are_cut(
            messages in vec(damaged(), 1..4),
            keeps_window: bool,
            cuts in cuts(),
        ) {
            let mut whole = Inflater::new(WindowBits::MAX, keeps_window);
            let mut cut = Inflater::new(WindowBits::MAX, keeps_window);
            for message in messages {
                let expected = inflate(&mut whole, &message, (NO_LIMIT, NO_LIMIT));
                let outcome = inflate(&mut cut, &message, cuts);
                match (&expected, &outcome) {
                    (Ok(expected), Ok(outcome)) => prop_assert_eq!(outcome, expected),
                    (Err(_), Err(_)) => break,
                    _ => prop_assert!(false, "{:?}, and in pieces {:?}", expected, outcome),
                }
            }
        }
    }

    /// Inflates a message that comes in pieces of the one length, and leaves in those of the other.
    fn inflate(
        inflater: &mut Inflater,
        message: &[u8],
        (piece_len, chunk_len): (usize, usize),
    ) -> Result<Vec<u8>, InflateError> {
        let (mut inflated, mut chunk) = (Vec::new(), Vec::new());
        for mut piece in message.chunks(piece_len) {
            while !piece.is_empty() {
                piece = &piece[inflater.inflate(piece, &mut chunk, chunk_len)?..];
                assert!(chunk.len() <= chunk_len && chunk.capacity() <= chunk_len.max(8));
                inflated.append(&mut chunk);
            }
        }
        while !inflater.finish_message(&mut chunk, chunk_len)? {
            inflated.append(&mut chunk);
        }
        inflated.append(&mut chunk);
        Ok(inflated)
    }

    /// Level, window and context takeover.
    fn codec() -> impl Strategy<Value = (CompressionLevel, WindowBits, bool)> {
        let level = (0..=9_u8).prop_map(|level| CompressionLevel::new(level).unwrap());
        let window_bits = (9..=15_u8).prop_map(|bits| WindowBits::new(bits).unwrap());
        (level, window_bits, any::<bool>())
    }

    /// Lengths of the pieces that come in and of those that go out.
    fn cuts() -> impl Strategy<Value = (usize, usize)> {
        let len = || prop_oneof![3 => Just(NO_LIMIT), 1 => 1..20_usize, 4 => 20..3_000_usize];
        (len(), len())
    }

    /// Noise, or what repeats itself near and far.
    fn payload() -> impl Strategy<Value = Vec<u8>> {
        let words = vec((0..40_u8, 1..30_usize), 0..300).prop_map(|words| {
            let word = |(first, len): (u8, usize)| (first..).take(len);
            words.into_iter().flat_map(word).collect()
        });
        let runs = (any::<u8>(), 0..40_000_usize).prop_map(|(byte, len)| vec![byte; len]);
        prop_oneof![
            4 => words,
            2 => vec(any::<u8>(), 0..600),
            1 => runs,
            1 => Just(Vec::new()),
        ]
    }

    fn flush() -> impl Strategy<Value = FlushCompress> {
        prop_oneof![
            Just(FlushCompress::None),
            Just(FlushCompress::Sync),
            Just(FlushCompress::Partial),
            Just(FlushCompress::Full),
            Just(FlushCompress::Finish),
        ]
    }

    /// Noise, or a message in which a few bytes are others, or missing at the end.
    fn damaged() -> impl Strategy<Value = Vec<u8>> {
        let edits = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
        let almost = (payload(), codec(), edits, 0..4_usize);
        let almost = almost.prop_map(|(payload, (level, window_bits, _), edits, missing_len)| {
            let mut message = Vec::new();
            Deflater::new(level, window_bits).compress_message(&payload, false, &mut message);
            for (index, byte) in edits {
                let index = index.index(message.len());
                message[index] = byte;
            }
            message.truncate(message.len().saturating_sub(missing_len));
            message
        });
        prop_oneof![vec(any::<u8>(), 0..80), almost]
    }
}
