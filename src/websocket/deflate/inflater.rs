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
mod tests {
    use super::*;
    use crate::websocket::deflate::deflater::Deflater;
    use crate::websocket::deflate::options::CompressionLevel;

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
            // zlib's level 0 ends so: a final block, empty and stored.
            check("§7.2.1", keeps_window, &[&[0x01], HELLO], &["", "Hello"]);
        }
        check("§7.2.3.2", true, &[HELLO, HELLO_AGAIN], &["Hello", "Hello"]);
    }

    #[test]
    fn empty_messages_leave_the_window_alone() {
        let messages = [HELLO, &[], &[0x00], &[], HELLO_AGAIN, &[0x00], HELLO_AGAIN];
        let texts = ["Hello", "", "", "", "Hello", "", "Hello"];
        check("§7.2.3.6", true, &messages, &texts);
        check(
            "alone",
            false,
            &[&[], HELLO, &[], HELLO],
            &["", "Hello", "", "Hello"],
        );
    }

    #[test]
    fn window_survives_final_blocks() {
        let texts = ["Hello", "Hello", "Hello"];
        check(
            "§7.2.1",
            true,
            &[HELLO_FINAL, HELLO_AGAIN, HELLO_AGAIN],
            &texts,
        );
        check(
            "nothing behind it",
            true,
            &[&HELLO_FINAL[..7], HELLO_AGAIN],
            &texts[..2],
        );
        check(
            "nothing behind it",
            false,
            &[&HELLO_FINAL[..7], HELLO_FINAL],
            &texts[..2],
        );
    }

    #[test]
    fn blocks_refer_to_what_final_blocks_before_them_said() {
        // "Hello" in a final block, and once more as a reference in another, twice.
        let again_final = [0xf3, 0x00, 0x11, 0x00];
        let message = [&HELLO_FINAL[..7], &again_final, &again_final, &[0x00]].concat();
        for keeps_window in [false, true] {
            check(
                "one message",
                keeps_window,
                &[&message],
                &["HelloHelloHello"],
            );
        }
        let again_alone = inflate(false, &[&message, HELLO_AGAIN]);
        assert_eq!(again_alone, Err(InflateError::Corrupt));
    }

    #[test]
    fn messages_without_takeover_know_nothing_of_each_other() {
        assert_eq!(
            inflate(false, &[HELLO, HELLO_AGAIN]),
            Err(InflateError::Corrupt)
        );
    }

    #[test]
    fn broken_messages_are_corrupt() {
        for message in [
            &[0x06][..],                                       // block type 3
            &[0x00, 0x05, 0x00, 0xfb, 0xff, 0x48],             // stored lengths that disagree
            &[0xf2, 0x00, 0x11, 0x00, 0x00],                   // distance beyond the beginning
            &[0x04, 0x00, 0xfe, 0xff, 0xff, 0xff],             // too many codes of one length
            &[0xfc, 0xff, 0xff, 0xff, 0xff],                   // 288 lengths, of 286 that there are
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x06], // bad only after good content
        ] {
            for keeps_window in [false, true] {
                let outcome = inflate(keeps_window, &[message]);
                assert_eq!(outcome, Err(InflateError::Corrupt), "{message:02x?}");
            }
        }
    }

    #[test]
    fn messages_that_end_inside_a_block_are_truncated() {
        let text: Vec<u8> = noise(200).iter().map(|byte| byte % 8).collect();
        let mut deflater = Deflater::new(CompressionLevel::SMALLEST, WindowBits::MAX);
        let mut dynamic = Vec::new();
        deflater.compress_message(&text, false, &mut dynamic);
        assert_eq!(dynamic[0] & 0b110, 0b100, "the block has codes of its own");
        // Two prefixes end with the first byte of an empty block, as messages do.
        let whole = [&HELLO_STORED[..1], &HELLO_IN_TWO[..4]];
        for message in [HELLO, HELLO_STORED, HELLO_IN_TWO, &dynamic] {
            for prefix in (1..message.len()).map(|len| &message[..len]) {
                for keeps_window in [false, true] {
                    match inflate(keeps_window, &[prefix]) {
                        Ok(_) => assert!(whole.contains(&prefix), "{prefix:02x?}"),
                        Err(error) => assert_eq!(error, InflateError::Truncated, "{prefix:02x?}"),
                    }
                }
            }
        }
    }

    #[test]
    fn a_block_that_ends_within_the_tail_is_truncated() {
        // The tail becomes the last lengths of codes, 22 times 0 and a 1, and an end of block of 7
        // ones. The 6 ones behind it must not begin the next message.
        let mut bits = Bits::default();
        bits.put(0b100, 3); // not final, codes of its own
        bits.put(279 - 257, 5);
        bits.put(0, 5); // one distance
        bits.put(14, 4);
        for symbol in CODE_LENGTH_ORDER {
            let lengths = [(18, 1), (7, 2), (0, 3), (1, 3)]; // 0, 10, 110, 111
            let length = lengths.iter().find(|(of, _)| *of == symbol);
            bits.put(length.map_or(0, |(_, length)| *length), 3);
        }
        bits.put((126 - 11) << 1, 8); // 126 zeros
        (0..3).for_each(|_| bits.put(0b011, 3)); // three more
        (0..128).for_each(|_| bits.put(0b01, 2)); // 7 for literals from 129 and the end of the block
        assert_eq!(bits.0.len() % 8, 0);
        let message = bits.into_bytes();
        for keeps_window in [false, true] {
            let outcome = inflate(keeps_window, &[&message]);
            assert_eq!(outcome, Err(InflateError::Truncated));
        }
        // It is the tail that the bits lack, and nothing else.
        let whole = [&message[..], &TAIL, &[0xff; 2]].concat();
        let outcome = inflate(false, &[&whole]);
        assert_eq!(outcome, Err(InflateError::Corrupt), "a block of type 3");
    }

    #[test]
    fn messages_reach_no_further_back_than_was_agreed_on() {
        // 1,000 bytes, and then 258 of them from 600 bytes before.
        let payload = noise(1_000);
        let mut deflater = Deflater::new(CompressionLevel::SMALLEST, WindowBits::MAX);
        let messages = [&payload[..], &payload[400..658]].map(|payload| {
            let mut message = Vec::new();
            deflater.compress_message(payload, true, &mut message);
            message
        });
        for (bits, is_within) in [(9, false), (10, true), (15, true)] {
            let mut inflater = Inflater::new(WindowBits::new(bits).unwrap(), true);
            inflate_in_pieces(&mut inflater, &messages[0], NO_LIMIT, NO_LIMIT).unwrap();
            let outcome = inflate_in_pieces(&mut inflater, &messages[1], NO_LIMIT, NO_LIMIT);
            let expected = if is_within {
                Ok(payload[400..658].to_vec())
            } else {
                Err(InflateError::Corrupt)
            };
            assert_eq!(outcome, expected, "{bits}");
        }
    }

    #[test]
    fn stored_bytes_never_pass_for_what_a_sender_leaves_out() {
        // 1 to 40 bytes are announced, and fewer come: the end must not be taken for data.
        for announced_len in 1..=40_u8 {
            for len in 0..announced_len {
                let header = [0x00, announced_len, 0x00, !announced_len, 0xff];
                let message = [&header[..], &vec![b'a'; len.into()]].concat();
                assert_eq!(inflate(false, &[&message]), Err(InflateError::Truncated));
            }
        }
    }

    #[test]
    fn a_message_as_long_as_the_limit_fits() {
        let mut inflater = inflater(false);
        let mut output = Vec::new();
        assert_eq!(inflater.inflate(HELLO, &mut output, 5), Ok(HELLO.len()));
        assert_eq!(inflater.finish_message(&mut output, 5), Ok(true));
        assert_eq!(output, b"Hello");
    }

    #[test]
    fn a_message_beyond_the_limit_stops_there() {
        let mut inflater = inflater(false);
        let mut output = Vec::new();
        let consumed_len = inflater.inflate(HELLO, &mut output, 4).unwrap();
        assert!(consumed_len < HELLO.len());
        assert_eq!(output, b"Hell");
        assert_eq!(
            inflater.inflate(&HELLO[consumed_len..], &mut output, 4),
            Ok(0)
        );
    }

    #[test]
    fn a_match_cut_by_the_limit_is_written_when_there_is_room() {
        let payload = [b'a'; 300];
        let mut message = Vec::new();
        Deflater::new(CompressionLevel::SMALLEST, WindowBits::MAX).compress_message(
            &payload,
            false,
            &mut message,
        );
        for max_len in 1..300 {
            let mut inflater = inflater(false);
            let mut output = Vec::new();
            let consumed_len = inflater.inflate(&message, &mut output, max_len).unwrap();
            assert_eq!(output.len(), max_len);
            if consumed_len == message.len() {
                assert_eq!(inflater.finish_message(&mut output, max_len), Ok(false));
            }
            inflater
                .inflate(&message[consumed_len..], &mut output, 300)
                .unwrap();
            assert_eq!(inflater.finish_message(&mut output, 300), Ok(true));
            assert_eq!(output, payload);
        }
    }

    #[test]
    fn memory_follows_what_was_produced() {
        let mut deflater = Deflater::new(CompressionLevel::SMALLEST, WindowBits::MAX);
        let mut bomb = Vec::new();
        deflater.compress_message(&vec![0; 4 << 20], false, &mut bomb);
        let mut inflater = inflater(true);
        let mut output = Vec::new();
        let max_len = 1 << 20;
        assert!(inflater.inflate(&bomb, &mut output, max_len).unwrap() < bomb.len());
        assert_eq!((output.len(), output.capacity()), (max_len, max_len));

        for len in [1, 100, 2_000, 30_000, 1_000_000] {
            let mut message = Vec::new();
            deflater.compress_message(&noise(len), false, &mut message);
            let mut output = Vec::new();
            let mut inflater = Inflater::new(WindowBits::MAX, false);
            for piece in message.chunks(1_000) {
                inflater.inflate(piece, &mut output, NO_LIMIT).unwrap();
                assert!(output.capacity() <= 2 * output.len() + 5_000, "{len}");
            }
        }
    }

    #[test]
    fn blocks_that_say_nothing_are_too_much_work() {
        let stored = [0x00, 0x00, 0x00, 0xff, 0xff].repeat(200_000);
        let fixed = [0x02, 0x08, 0x20, 0x80, 0x00].repeat(200_000);
        let dynamic = empty_dynamic_blocks().repeat(50_000);
        let is_final = [0x03, 0x00].repeat(500_000);
        for message in [stored, fixed, dynamic, is_final] {
            let outcome = inflate(false, &[&message]);
            assert_eq!(outcome, Err(nothing_for_all_that()));
        }
    }

    #[test]
    fn restoring_the_window_counts_as_work() {
        let mut inflater = inflater(true);
        let mut message = Vec::new();
        Deflater::new(CompressionLevel::default(), WindowBits::MAX).compress_message(
            &noise(40_000),
            false,
            &mut message,
        );
        inflate_in_pieces(&mut inflater, &message, NO_LIMIT, NO_LIMIT).unwrap();
        // A final block for every byte: three bytes are little, copying 32 KiB each time is not.
        let message = [0x4b, 0x04, 0x00].repeat(1_000);
        let outcome = inflate_in_pieces(&mut inflater, &message, NO_LIMIT, NO_LIMIT);
        let Err(InflateError::TooMuchWork { produced_len, .. }) = outcome else {
            panic!("{outcome:?}");
        };
        assert!(produced_len <= 10, "{produced_len}");
    }

    #[test]
    fn allowance_ends_exactly_where_it_says() {
        let empty = [0x00, 0x00, 0x00, 0xff, 0xff];
        let at_limit = [&empty.repeat(FREE_COMPRESSED_LEN / 5)[..], &[0x00]].concat();
        assert_eq!(at_limit.len(), FREE_COMPRESSED_LEN);
        check("at the limit", false, &[&at_limit], &[""]);
        let above = [&at_limit[..], &[0x00, 0x00, 0xff, 0xff, 0x00]].concat();
        assert_eq!(inflate(false, &[&above]), Err(nothing_for_all_that()));
    }

    #[test]
    fn a_message_flushed_after_every_byte_is_no_work_too_much() {
        let payload = noise(2_000);
        for level in 0..=9 {
            let level = CompressionLevel::new(level).unwrap();
            let mut deflater = Deflater::new(level, WindowBits::MAX);
            let mut message = Vec::new();
            let (last, others) = payload.split_last().unwrap();
            for byte in others {
                deflater.compress_part(&[*byte], false, true, &mut message);
                deflater.compress_part(&[], false, true, &mut message);
            }
            deflater.compress_part(&[*last], true, true, &mut message);
            let mut inflater = inflater(true);
            let outcome = inflate_in_pieces(&mut inflater, &message, 5_000, NO_LIMIT);
            assert_eq!(outcome.as_ref(), Ok(&payload), "{level:?}");
        }
    }

    #[test]
    fn reset_forgets_everything() {
        let mut inflater = inflater(true);
        inflate_in_pieces(&mut inflater, HELLO, 9, 9).unwrap();
        inflater.reset();
        let again = inflate_in_pieces(&mut inflater, HELLO_AGAIN, 9, 9);
        assert_eq!(again, Err(InflateError::Corrupt));
        inflater.reset();
        inflater.inflate(&HELLO[..3], &mut Vec::new(), 9).unwrap();
        inflater.reset();
        let hello = inflate_in_pieces(&mut inflater, HELLO, 9, 9);
        assert_eq!(hello.as_deref(), Ok(&b"Hello"[..]));
    }

    #[test]
    fn errors_stay_small() {
        assert!(size_of::<InflateError>() <= 24);
    }

    fn nothing_for_all_that() -> InflateError {
        InflateError::TooMuchWork {
            consumed_len: wire_len(FREE_COMPRESSED_LEN),
            produced_len: 0,
        }
    }

    /// Bytes that hardly compress, the same each time.
    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        (0..len).map(|_| next()).collect()
    }

    /// The order in which the lengths of the codes for lengths come, without the last.
    const CODE_LENGTH_ORDER: [u32; 18] =
        [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1];

    /// Eight blocks with the shortest description of codes that there is, and nothing else.
    fn empty_dynamic_blocks() -> Vec<u8> {
        let mut bits = Bits::default();
        for _ in 0..8 {
            bits.put(0b100, 3); // not final, codes of its own
            bits.put(0, 10); // 257 lengths for literals, one for distances
            bits.put(14, 4); // 18 lengths for lengths:
            for symbol in CODE_LENGTH_ORDER {
                bits.put(u32::from(symbol == 18 || symbol == 1), 3);
            }
            bits.put(1 | 127 << 1, 8); // 138 zeros
            bits.put(1 | (117 - 11) << 1, 8); // 117 zeros
            bits.put(0, 3); // 1 for literal 255, 1 for the end of the block, 1 for the distance
            bits.put(1, 1); // the end of the block
        }
        bits.into_bytes()
    }

    /// A stream of bits, each as a number.
    #[derive(Default)]
    struct Bits(Vec<u32>);

    impl Bits {
        /// Appends the lowest bits, the lowest first.
        fn put(&mut self, value: u32, count: u32) {
            self.0.extend((0..count).map(|i| value >> i & 1));
        }

        fn into_bytes(self) -> Vec<u8> {
            let byte = |bits: &[u32]| {
                bits.iter()
                    .rev()
                    .fold(0_u8, |byte, bit| byte << 1 | u8::from(*bit == 1))
            };
            self.0.chunks(8).map(byte).collect()
        }
    }
}
