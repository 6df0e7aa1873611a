//! Inflates messages.
//!
//! To zlib all messages are one stream, with one window, as long as nothing ends it: each message,
//! with the tail put back that its sender has left out, ends between two blocks.
//!
//! - **Did it end there?** zlib is told to stop at the end of a block. If it stops behind the tail
//!   exactly, and then takes an empty block and asks for more, then yes; from anywhere else it takes
//!   more or less of them, or begins to write, for which it finds no room.
//! - **What remains after a block that the peer marked as final (§7.2.3.4)?** zlib wants to begin
//!   anew and forgets its window. So what was inflated is kept here, too, and put in its place.
//!
//! `flate2` can't ask zlib to stop at the end of a block; hence `zlib-rs`, on which it stands too.
//! Before, each message was a stream of its own, its window set by hand: with context takeover 125
//! bytes of text took 440 ns, now 160; 1 KiB took 820 ns, now 500.
//!
//! zlib-rs has a window of 32 KiB whatever it is told. Where a smaller one was agreed on, its stream
//! ends with each message: what a message may refer to in earlier ones is then what *we* keep.

use std::fmt;

use zlib_rs::{Inflate, InflateFlush, Status};

use crate::websocket::deflate::TAIL;
use crate::websocket::deflate::options::WindowBits;
use crate::websocket::deflate::window::Window;
use crate::websocket::frame::wire_len;
use crate::websocket::limits::{COMPRESSED_LEN_PER_BYTE, FREE_COMPRESSED_LEN};

/// Inflates the messages of one direction of a connection.
///
/// A message is any number of calls of [`inflate`](Self::inflate), then of
/// [`finish_message`](Self::finish_message) until it is done. After an error, and to give up a
/// message midway, only [`reset`](Self::reset) is of use.
pub(crate) struct Inflater {
    zlib: Inflate,
    window: Window,
    legacy: Legacy,
    stage: Stage,
    work: Work,
}

/// What a message leaves to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Legacy {
    /// zlib's stream, which goes on.
    Stream,
    /// Our window, which is shorter than zlib's.
    Window,
    /// Nothing: there is no context takeover.
    Nothing,
}

/// Where zlib is in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nowhere: the stream has ended, or has yet to begin.
    Ended,
    /// Between two messages.
    Idle,
    /// Inside a message, and has written all that it could.
    Hungry,
    /// Inside a message; it ran out of room, and may have more to write.
    Full,
}

impl Inflater {
    /// Makes an inflater; `keeps_window` is context takeover.
    ///
    /// Without it, what is kept is gone by the end of the message: windows of all sizes are as long
    /// as the largest, so that any connection may use it.
    pub(crate) fn new(window_bits: WindowBits, keeps_window: bool) -> Self {
        let (legacy, window_bits) = match (keeps_window, window_bits) {
            (true, WindowBits::MAX) => (Legacy::Stream, window_bits),
            (true, _) => (Legacy::Window, window_bits),
            (false, _) => (Legacy::Nothing, WindowBits::MAX),
        };
        Self {
            zlib: Inflate::new(false, WindowBits::MAX.get()),
            window: Window::new(window_bits.window_len()),
            legacy,
            stage: Stage::Ended,
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
        // A full output comes before any further fault: what waits to be written may pay for it.
        while !rest.is_empty() && output.len() < max_len {
            let paid_len = self.work.affordable_len(rest.len())?;
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
        while matches!(self.stage, Stage::Hungry | Stage::Full) && !self.end_blocks()? {
            if output.len() >= max_len {
                return Ok(false);
            }
            self.step(&[], output, max_len)?;
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
        self.stage = Stage::Ended;
        self.end_message();
    }

    fn end_message(&mut self) {
        self.work = Work::default();
        match self.legacy {
            Legacy::Stream => {}
            Legacy::Window => self.stage = Stage::Ended,
            Legacy::Nothing => {
                self.window.clear();
                self.stage = Stage::Ended;
            }
        }
    }

    /// Gives zlib the tail, and makes sure that it ends a block there; `false`: zlib has to write
    /// first what it has for lack of room.
    fn end_blocks(&mut self) -> Result<bool, InflateError> {
        // What is behind the tail is bait: where zlib needs more than the tail, it takes it.
        let stop = self.call_zlib(&TAIL_AND_EMPTY_BLOCK, &mut [], InflateFlush::Block);
        if stop.consumed_len == 0 && self.stage == Stage::Full {
            return Ok(false);
        }
        if stop.status.is_none() || stop.consumed_len != TAIL.len() {
            return Err(InflateError::Truncated);
        }
        // The block may have ended within the tail's last byte, the rest of which is ones. They begin
        // a final block, or none that there is.
        let (_, empty_block) = TAIL_AND_EMPTY_BLOCK.split_at(TAIL.len());
        let stop = self.call_zlib(empty_block, &mut [], InflateFlush::NoFlush);
        self.stage = match (stop.status, stop.consumed_len) {
            (Some(Status::Ok), len) if len == empty_block.len() => Stage::Idle,
            // §7.2.1: the block whose tail is left out may be final itself.
            (Some(Status::StreamEnd), 0) => Stage::Ended,
            _ => return Err(InflateError::Truncated),
        };
        Ok(true)
    }

    /// Lets zlib write once; returns how much of `input` it took.
    fn step(
        &mut self,
        input: &[u8],
        output: &mut Vec<u8>,
        max_len: usize,
    ) -> Result<usize, InflateError> {
        if self.stage == Stage::Ended {
            self.begin_stream()?;
        }
        let start = output.len();
        make_room(input.len(), output, max_len);
        let room_len = output.len() - start;
        let stop = self.call_zlib(input, &mut output[start..], InflateFlush::NoFlush);
        output.truncate(start + stop.produced_len);
        self.stage = match stop.status.ok_or(InflateError::Corrupt)? {
            // RFC 7692 §7.2.1: after a final block the next one begins at the next whole byte.
            Status::StreamEnd => Stage::Ended,
            Status::Ok | Status::BufError if stop.produced_len == room_len => Stage::Full,
            Status::Ok | Status::BufError => Stage::Hungry,
        };
        self.window.push(&output[start..]);
        self.work.consumed_len += wire_len(stop.consumed_len);
        self.work.produced_len += wire_len(stop.produced_len);
        Ok(stop.consumed_len)
    }

    fn call_zlib(&mut self, input: &[u8], room: &mut [u8], flush: InflateFlush) -> Stop {
        let (total_in, total_out) = (self.zlib.total_in(), self.zlib.total_out());
        let result = self.zlib.decompress(input, room, flush);
        Stop {
            consumed_len: to_usize(self.zlib.total_in() - total_in),
            produced_len: to_usize(self.zlib.total_out() - total_out),
            status: result.ok(),
        }
    }

    fn begin_stream(&mut self) -> Result<(), InflateError> {
        self.zlib.reset(false);
        let (older, newer) = self.window.as_slices();
        for slice in [older, newer] {
            self.zlib
                .set_dictionary(slice)
                .map_err(|_| InflateError::Corrupt)?;
        }
        self.work.copied_len += wire_len(self.window.len());
        self.stage = Stage::Hungry;
        Ok(())
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            zlib: _, // has no form for people
            window,
            legacy,
            stage,
            work,
        } = self;
        f.debug_struct("Inflater")
            .field("window", window)
            .field("legacy", legacy)
            .field("stage", stage)
            .field("work", work)
            .finish_non_exhaustive()
    }
}

/// What came of one call of zlib.
struct Stop {
    consumed_len: usize,
    produced_len: usize,
    /// `None`: what it has read is no DEFLATE.
    status: Option<Status>,
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
        consumed_len: u64,
        /// Bytes that they inflated to.
        produced_len: u64,
    },
}

/// What a message has cost so far, and has brought.
///
/// Blocks without content take time and never reach a limit of length. So what is read must be worth
/// it: see [`FREE_COMPRESSED_LEN`] and [`COMPRESSED_LEN_PER_BYTE`]. zlib is never given more than
/// that, which is why the rule costs nothing.
#[derive(Debug, Default, Clone, Copy)]
struct Work {
    consumed_len: u64,
    produced_len: u64,
    /// Bytes copied to set the window.
    copied_len: u64,
}

impl Work {
    /// Returns how many of `len` bytes may be read before something must have come of them.
    fn affordable_len(&self, len: usize) -> Result<usize, InflateError> {
        let earned_len = self.produced_len * wire_len(COMPRESSED_LEN_PER_BYTE);
        let allowed_len = wire_len(FREE_COMPRESSED_LEN) + earned_len;
        let spent_len = self.consumed_len + self.copied_len / COPIED_LEN_PER_READ_BYTE;
        if spent_len >= allowed_len {
            return Err(InflateError::TooMuchWork {
                consumed_len: self.consumed_len,
                produced_len: self.produced_len,
            });
        }
        Ok(usize::try_from(allowed_len - spent_len).map_or(len, |affordable| affordable.min(len)))
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

/// What a sender leaves out, and a block with nothing in it.
const TAIL_AND_EMPTY_BLOCK: [u8; 9] = [
    TAIL[0], TAIL[1], TAIL[2], TAIL[3], 0x00, TAIL[0], TAIL[1], TAIL[2], TAIL[3],
];

/// Bytes copied that take as long as one read. 64: measured, a byte of compressed text takes 7 ns;
/// 32 KiB that are in no cache take 3 µs.
const COPIED_LEN_PER_READ_BYTE: u64 = 64;

/// 1 KiB: less than 260 bytes of room would keep zlib-rs out of its fast loop.
const MIN_ROOM_LEN: usize = 1024;

/// 256 KiB: each call of zlib ends with two copies of a window, 64 KiB, which are to be little beside
/// it.
const MAX_ROOM_LEN: usize = 256 * 1024;

#[cfg(test)]
mod tests;
