//! Inflates messages.
//!
//! To zlib each message is a stream of its own: it begins with the window set by hand to what was
//! inflated before, and is ended by a final block of ours. That costs one copy of the window a
//! message, and answers three questions at once that flate2 has no other answer to:
//!
//! - **Did the message end between two blocks?** Only there does the final block end the stream; in
//!   the middle of a block its bytes are data, for which it finds no room.
//! - **What remains after a block that the peer marked as final (§7.2.3.4)?** zlib wants to begin
//!   anew and forgets its window; ours is put in its place.
//! - **What does an idle connection hold?** The window is all that later messages depend on.
//!
//! zlib-rs has a window of 32 KiB whatever it is told. A smaller one that was agreed on bounds what
//! *we* keep, and so what a message may refer to in earlier ones.

use flate2::{Decompress, FlushDecompress, Status};

use crate::websocket::deflate::TAIL;
use crate::websocket::deflate::options::WindowBits;
use crate::websocket::deflate::window::Window;
use crate::websocket::limits::{COMPRESSED_LEN_PER_BYTE, FREE_COMPRESSED_LEN};

/// Inflates the messages of one direction of a connection.
///
/// A message is any number of calls of [`inflate`](Self::inflate), then of
/// [`finish_message`](Self::finish_message) until it is done. After an error, and to give up a
/// message midway, only [`reset`](Self::reset) is of use.
#[derive(Debug)]
pub(crate) struct Inflater {
    zlib: Decompress,
    window: Window,
    keeps_window: bool,
    stage: Stage,
    work: Work,
}

/// Where zlib is in what it takes for a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing was read since the last stream ended.
    Fresh,
    /// It has written all that it could.
    Hungry,
    /// It ran out of room, and may have more to write.
    Full,
}

impl Inflater {
    /// Makes an inflater; `keeps_window` is context takeover.
    pub(crate) fn new(window_bits: WindowBits, keeps_window: bool) -> Self {
        Self {
            zlib: Decompress::new(false),
            window: Window::new(window_bits.window_len()),
            keeps_window,
            stage: Stage::Fresh,
            work: Work::default(),
        }
    }

    /// Appends what `input`, the next piece of a message, says, until `output` holds `max_len`
    /// bytes; returns how much of `input` that took.
    ///
    /// Less than all of `input` means that there is more to be written than fits.
    ///
    /// # Errors
    ///
    /// [`InflateError::Corrupt`] and [`InflateError::TooMuchWork`].
    pub(crate) fn inflate(
        &mut self,
        input: &[u8],
        output: &mut Vec<u8>,
        max_len: usize,
    ) -> Result<usize, InflateError> {
        let mut rest = input;
        while !rest.is_empty() {
            let paid_len = rest.len().min(self.work.affordable_len()?);
            let before = (rest.len(), output.len());
            rest = &rest[self.step(&rest[..paid_len], output, max_len)?..];
            if (rest.len(), output.len()) == before {
                break;
            }
        }
        Ok(input.len() - rest.len())
    }

    /// Ends the message: appends what was held back for lack of room, and then, as if it had been
    /// received, what a sender leaves out (§7.2.2). `false`: `output` was full before the end.
    ///
    /// A message that ends with a final block, or that is nothing at all, lacks the first byte of
    /// the empty block too; it says what it says all the same, and zlib is not bothered with it.
    ///
    /// # Errors
    ///
    /// [`InflateError::Truncated`], and [`InflateError::Corrupt`].
    pub(crate) fn finish_message(
        &mut self,
        output: &mut Vec<u8>,
        max_len: usize,
    ) -> Result<bool, InflateError> {
        while self.stage == Stage::Full && output.len() < max_len {
            self.step(&[], output, max_len)?;
        }
        if self.stage != Stage::Fresh {
            let consumed_len_before = self.zlib.total_in();
            let status = self
                .zlib
                .decompress(&END, &mut [], FlushDecompress::None)
                .map_err(|_| InflateError::Truncated)?;
            let consumed_len = self.zlib.total_in() - consumed_len_before;
            if consumed_len == 0 && self.stage == Stage::Full {
                return Ok(false);
            }
            if status != Status::StreamEnd || consumed_len != END_LEN {
                return Err(InflateError::Truncated);
            }
        }
        self.end_message();
        Ok(true)
    }

    /// Returns about how many bytes of memory it holds.
    pub(crate) fn held_len(&self) -> usize {
        ZLIB_LEN + self.window.len()
    }

    /// Gives up a message that is unfinished, and forgets all that came before.
    pub(crate) fn reset(&mut self) {
        self.window.clear();
        self.end_message();
    }

    fn end_message(&mut self) {
        self.stage = Stage::Fresh;
        self.work = Work::default();
        if !self.keeps_window {
            self.window.clear();
        }
    }

    /// Calls zlib once; returns how much of `input` it took.
    fn step(
        &mut self,
        input: &[u8],
        output: &mut Vec<u8>,
        max_len: usize,
    ) -> Result<usize, InflateError> {
        if self.stage == Stage::Fresh {
            self.begin_stream()?;
        }
        let start = output.len();
        make_room(input.len(), output, max_len);
        let room_len = output.len() - start;
        let (total_in, total_out) = (self.zlib.total_in(), self.zlib.total_out());
        let result = self
            .zlib
            .decompress(input, &mut output[start..], FlushDecompress::None);
        let consumed_len = to_usize(self.zlib.total_in() - total_in);
        let produced_len = to_usize(self.zlib.total_out() - total_out);
        output.truncate(start + produced_len);
        let status = result.map_err(|_| InflateError::Corrupt)?;

        self.window.push(&output[start..]);
        self.work.consumed_len += consumed_len;
        self.work.produced_len += produced_len;
        self.stage = match status {
            // RFC 7692 §7.2.1: after a final block the next one begins at the next whole byte.
            Status::StreamEnd => Stage::Fresh,
            Status::Ok | Status::BufError if produced_len == room_len => Stage::Full,
            Status::Ok | Status::BufError => Stage::Hungry,
        };
        Ok(consumed_len)
    }

    fn begin_stream(&mut self) -> Result<(), InflateError> {
        self.zlib.reset(false);
        let (older, newer) = self.window.as_slices();
        for slice in [older, newer] {
            self.zlib
                .set_dictionary(slice)
                .map_err(|_| InflateError::Corrupt)?;
        }
        self.work.copied_len += self.window.len();
        self.stage = Stage::Hungry;
        Ok(())
    }
}

/// A compressed message is unacceptable; the connection can't go on, for its window is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InflateError {
    /// The bytes are no DEFLATE blocks, or refer to what lies before the window.
    Corrupt,
    /// The message ends inside a block.
    Truncated,
    /// The message keeps the inflater busy and says next to nothing.
    TooMuchWork {
        /// Bytes of the message that were read.
        consumed_len: usize,
        /// Bytes that they inflated to.
        produced_len: usize,
    },
}

/// What a message has cost so far, and has brought.
///
/// Blocks without content take time and never reach a limit of length. So what is read must be worth
/// it: see [`FREE_COMPRESSED_LEN`] and [`COMPRESSED_LEN_PER_BYTE`]. zlib is never given more than that, which
/// is why the rule costs nothing.
#[derive(Debug, Default, Clone, Copy)]
struct Work {
    consumed_len: usize,
    produced_len: usize,
    /// Bytes copied to set the window.
    copied_len: usize,
}

impl Work {
    /// Returns how many more bytes may be read before something must have come of them.
    fn affordable_len(&self) -> Result<usize, InflateError> {
        let earned_len = self.produced_len.saturating_mul(COMPRESSED_LEN_PER_BYTE);
        let spent_len = self.consumed_len + self.copied_len / COPIED_LEN_PER_READ_BYTE;
        match (FREE_COMPRESSED_LEN + earned_len).saturating_sub(spent_len) {
            0 => Err(InflateError::TooMuchWork {
                consumed_len: self.consumed_len,
                produced_len: self.produced_len,
            }),
            len => Ok(len),
        }
    }
}

/// Appends zeros for zlib to write over; what it leaves of them is cut off again.
///
/// Four times the input is more than most text inflates to. Memory at most doubles, and never grows
/// beyond what `max_len` needs.
fn make_room(input_len: usize, output: &mut Vec<u8>, max_len: usize) {
    let allowed_len = max_len.saturating_sub(output.len());
    let room_len = input_len
        .saturating_mul(4)
        .clamp(MIN_ROOM_LEN, MAX_ROOM_LEN)
        .min(allowed_len);
    if output.capacity() - output.len() < room_len {
        output.reserve_exact(room_len.max(output.capacity().min(allowed_len)));
    }
    output.resize(output.len() + room_len, 0);
}

fn to_usize(len: u64) -> usize {
    usize::try_from(len).expect("zlib counts no more bytes than the slices have")
}

/// About what zlib-rs takes to inflate, its window of 32 KiB included.
const ZLIB_LEN: usize = 48 * 1024;

/// What a sender leaves out, and a final block with nothing in it.
const END: [u8; 6] = [TAIL[0], TAIL[1], TAIL[2], TAIL[3], 0x03, 0x00];

/// The length of [`END`] as zlib counts it.
const END_LEN: u64 = 6;

/// Bytes copied that take as long as one read: a measured ratio, to the next power of two.
const COPIED_LEN_PER_READ_BYTE: usize = 64;

/// 1 KiB: less than 260 bytes of room would keep zlib-rs out of its fast loop.
const MIN_ROOM_LEN: usize = 1024;

/// 64 KiB: a call of zlib is cheap beside it, and it stays in the cache.
const MAX_ROOM_LEN: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const NO_LIMIT: usize = 1 << 24;

    fn inflater(keeps_window: bool) -> Inflater {
        Inflater::new(WindowBits::MAX, keeps_window)
    }

    /// Inflates a message that comes in pieces of `piece_len` and leaves in chunks of `chunk_len`.
    fn inflate_in_pieces(
        inflater: &mut Inflater,
        message: &[u8],
        piece_len: usize,
        chunk_len: usize,
    ) -> Result<Vec<u8>, InflateError> {
        let mut all = Vec::new();
        let mut chunk = Vec::new();
        for mut piece in message.chunks(piece_len) {
            while !piece.is_empty() {
                piece = &piece[inflater.inflate(piece, &mut chunk, chunk_len)?..];
                assert!(chunk.len() <= chunk_len);
                all.append(&mut chunk);
            }
        }
        while !inflater.finish_message(&mut chunk, chunk_len)? {
            all.append(&mut chunk);
        }
        all.append(&mut chunk);
        Ok(all)
    }

    /// Inflates a message whole and in pieces, which must be the same.
    fn inflate(keeps_window: bool, messages: &[&[u8]]) -> Result<Vec<Vec<u8>>, InflateError> {
        let outcomes = [
            (NO_LIMIT, NO_LIMIT),
            (1, 1),
            (3, 2),
            (1, NO_LIMIT),
            (NO_LIMIT, 1),
        ]
        .map(|(piece_len, chunk_len)| {
            let mut inflater = inflater(keeps_window);
            messages
                .iter()
                .map(|message| inflate_in_pieces(&mut inflater, message, piece_len, chunk_len))
                .collect::<Result<Vec<_>, _>>()
        });
        let [whole, ..] = &outcomes;
        for outcome in &outcomes {
            assert_eq!(outcome.is_ok(), whole.is_ok(), "{messages:02x?}");
            if let (Ok(outcome), Ok(whole)) = (outcome, whole) {
                assert_eq!(outcome, whole, "{messages:02x?}");
            }
        }
        let [whole, ..] = outcomes;
        whole
    }

    fn check(label: &str, keeps_window: bool, messages: &[&[u8]], expected: &[&str]) {
        let expected = expected
            .iter()
            .map(|text| text.as_bytes().to_vec())
            .collect();
        assert_eq!(inflate(keeps_window, messages), Ok(expected), "{label}");
    }

    const HELLO: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    const HELLO_AGAIN: &[u8] = &[0xf2, 0x00, 0x11, 0x00, 0x00];
    const HELLO_STORED: &[u8] = &[
        0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
    ];
    const HELLO_FINAL: &[u8] = &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    const HELLO_IN_TWO: &[u8] = &[
        0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
    ];

    #[test]
    fn examples_of_the_rfc_inflate() {
        for keeps_window in [false, true] {
            check("§7.2.3.1", keeps_window, &[HELLO], &["Hello"]);
            check("§7.2.3.3", keeps_window, &[HELLO_STORED], &["Hello"]);
            check("§7.2.3.4", keeps_window, &[HELLO_FINAL], &["Hello"]);
            check("§7.2.3.5", keeps_window, &[HELLO_IN_TWO], &["Hello"]);
            check("§7.2.3.6", keeps_window, &[&[0x00]], &[""]);
        }
        check("§7.2.3.2", true, &[HELLO, HELLO_AGAIN], &["Hello", "Hello"]);
    }
}
