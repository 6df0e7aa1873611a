//! Messages of all kinds through the inflater: the RFC's, hostile ones, and any.

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
fn nothing_is_judged_while_the_output_is_full() {
    let mut inflater = inflater(false);
    let mut output = Vec::new();
    let empty = [0x00, 0x00, 0x00, 0xff, 0xff].repeat(1_000);
    let (affordable, rest) = empty.split_at(FREE_COMPRESSED_LEN);
    let taken = inflater.inflate(affordable, &mut output, 1);
    assert_eq!(taken, Ok(FREE_COMPRESSED_LEN));
    output.push(b'x');
    assert_eq!(inflater.inflate(rest, &mut output, 1), Ok(0));
    output.clear();
    let outcome = inflater.inflate(rest, &mut output, 1);
    assert_eq!(outcome, Err(nothing_for_all_that()));
}

#[test]
fn all_of_the_input_is_taken_where_there_is_room() {
    let message = HELLO_FINAL[..7].repeat(3);
    let mut output = Vec::new();
    assert_eq!(
        inflater(false).inflate(&message, &mut output, NO_LIMIT),
        Ok(21)
    );
    assert_eq!(output, b"HelloHelloHello");
}

#[test]
fn room_is_made_when_it_is_missing_and_doubles_memory_at_most() {
    let beyond = 1 << 24;
    for (len, capacity, input_len, max_len, expected) in [
        (0, 0, 1_000, beyond, (4_000, 4_000)),
        (0, 0, 1, beyond, (1_024, 1_024)),
        (0, 0, 1 << 20, beyond, (262_144, 262_144)),
        (4_000, 8_000, 1_000, beyond, (8_000, 8_000)),
        (4_000, 7_999, 1_000, beyond, (8_000, 4_000 + 7_999)),
        (4_000, 4_000, 1_000, 5_000, (5_000, 5_000)),
        (4_000, 4_500, 1_000, 5_000, (5_000, 5_000)),
    ] {
        let mut output = Vec::with_capacity(capacity);
        output.resize(len, 0);
        make_room(input_len, &mut output, max_len);
        let room = (output.len(), output.capacity());
        assert_eq!(room, expected, "{len} of {capacity}");
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
    // Also where it ends within a piece that is not the first.
    let pieces = inflate_in_pieces(&mut inflater(false), &empty.repeat(2_000), 3_000, NO_LIMIT);
    assert_eq!(pieces, Err(nothing_for_all_that()));
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
const CODE_LENGTH_ORDER: [u32; 18] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1];

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
