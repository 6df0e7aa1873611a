//! Inflates messages.
//!
//! To zlib each message is a stream of its own: it begins with the window set by hand to what was
//! inflated before, and is ended by a final block of ours. That costs one copy of the window a
//! message, and answers two questions at once that flate2 has no other answer to:
//!
//! - **Did the message end between two blocks?** Only there does the final block end the stream; in
//!   the middle of a block its bytes are data, for which it finds no room.
//! - **What remains after a block that the peer marked as final (§7.2.3.4)?** zlib wants to begin
//!   anew and forgets its window; ours is put in its place.
//!
//! zlib-rs has a window of 32 KiB whatever it is told. A smaller one that was agreed on bounds what
//! *we* keep, and so what a message may refer to in earlier ones.

use flate2::{Decompress, FlushDecompress, Status};

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
    ///
    /// Without it, what is kept is gone by the end of the message: windows of all sizes are as long
    /// as the largest, so that any connection may use it.
    pub(crate) fn new(window_bits: WindowBits, keeps_window: bool) -> Self {
        let window_bits = if keeps_window {
            window_bits
        } else {
            WindowBits::MAX
        };
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
        self.work.consumed_len += wire_len(consumed_len);
        self.work.produced_len += wire_len(produced_len);
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
        self.work.copied_len += wire_len(self.window.len());
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

/// What a sender leaves out, and a final block with nothing in it.
const END: [u8; 6] = [TAIL[0], TAIL[1], TAIL[2], TAIL[3], 0x03, 0x00];

/// The length of [`END`] as zlib counts it.
const END_LEN: u64 = 6;

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
        assert!(produced_len < 10, "{produced_len}");
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

    /// Eight blocks with the shortest description of codes that there is, and nothing else.
    fn empty_dynamic_blocks() -> Vec<u8> {
        let mut bits = Vec::new();
        let mut put = |value: u32, count: u32| bits.extend((0..count).map(|i| value >> i & 1));
        for _ in 0..8 {
            put(0b100, 3); // not final, codes of its own
            put(0, 10); // 257 lengths for literals, one for distances
            put(14, 4); // 18 lengths for lengths:
            for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1] {
                put(u32::from(symbol == 18 || symbol == 1), 3);
            }
            put(1 | 127 << 1, 8); // 138 zeros
            put(1 | (117 - 11) << 1, 8); // 117 zeros
            put(0, 3); // 1 for literal 255, 1 for the end of the block, 1 for the distance
            put(1, 1); // the end of the block
        }
        let byte = |bits: &[u32]| {
            bits.iter()
                .rev()
                .fold(0_u8, |byte, bit| byte << 1 | u8::from(*bit == 1))
        };
        bits.chunks(8).map(byte).collect()
    }
}
