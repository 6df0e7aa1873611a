//! Masks and unmasks payloads (RFC 6455 §5.3).

#[cfg(feature = "simd")]
use fearless_simd::{Bytes, Level, Simd, SimdBase, SimdFrom, dispatch, u8x64, u32x16};

/// Makes the masking keys of a client's frames.
///
/// RFC 6455 §10.3 asks for keys that nobody can predict, hence every generator of `rand` 0.10 that
/// calls itself cryptographic is one; `blocking::secure_rng` makes such. Tests implement it with fixed
/// keys.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::{Connection, Limits, MaskingKeys, Message};
///
/// /// For tests: anybody can predict it.
/// struct Zeros;
///
/// impl MaskingKeys for Zeros {
///     fn next_key(&mut self) -> [u8; 4] {
///         [0; 4]
///     }
/// }
///
/// let mut client = Connection::client(Limits::default(), Box::new(Zeros));
/// let mut output = Vec::new();
/// client.send(&Message::text("Hi"), &mut output)?;
/// assert_eq!(output, b"\x81\x82\0\0\0\0Hi");
/// # Ok::<(), chinwag::websocket::SendError>(())
/// ```
pub trait MaskingKeys {
    /// Returns the key of the next frame.
    fn next_key(&mut self) -> [u8; 4];
}

impl<R: rand::CryptoRng> MaskingKeys for R {
    fn next_key(&mut self) -> [u8; 4] {
        self.next_u32().to_ne_bytes()
    }
}

/// Applies `key` to `payload`, from the key's first byte on: the same call masks and unmasks.
pub(crate) fn apply(payload: &mut [u8], key: [u8; 4]) {
    match payload.len() {
        ..MIN_WIDE_LEN => apply_in_blocks(payload, key),
        MIN_WIDE_LEN..MIN_ALIGNED_LEN => apply_widely(payload, key),
        _ => {
            let start = payload.as_ptr().align_offset(ALIGNMENT).min(payload.len());
            let (head, aligned) = payload.split_at_mut(start);
            apply_in_blocks(head, key);
            apply_widely(aligned, advance(key, start));
        }
    }
}

/// Returns the key for what follows after `len` bytes of a payload were unmasked with `key`.
pub(crate) fn advance(mut key: [u8; 4], len: usize) -> [u8; 4] {
    key.rotate_left(len % 4);
    key
}

/// Four-byte words of a known number are what the compiler turns into vector instructions, wider
/// integers into plain registers. Hence 64 bytes at a time, then 16: after them at most three words
/// are left, while a loop over fifteen would be half as long as all of a short message.
#[inline]
fn apply_in_blocks(payload: &mut [u8], key: [u8; 4]) {
    let rest = apply_in_words::<64>(payload, key);
    let rest = apply_in_words::<16>(rest, key);
    let rest = apply_in_words::<4>(rest, key);
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// Applies `key` to whole blocks of so many bytes, words of the key's length; returns what is left.
#[inline]
fn apply_in_words<const BLOCK_LEN: usize>(payload: &mut [u8], key: [u8; 4]) -> &mut [u8] {
    let (blocks, rest) = payload.as_chunks_mut::<BLOCK_LEN>();
    let key = u32::from_ne_bytes(key);
    for block in blocks {
        for word in block.as_chunks_mut().0 {
            *word = (u32::from_ne_bytes(*word) ^ key).to_ne_bytes();
        }
    }
    rest
}

/// Does it with the widest vector registers that the processor has.
#[cfg(feature = "simd")]
fn apply_widely(payload: &mut [u8], key: [u8; 4]) {
    dispatch!(Level::new(), simd => apply_in_vectors(simd, payload, key));
}

#[cfg(not(feature = "simd"))]
use self::apply_in_blocks as apply_widely;

#[cfg(feature = "simd")]
#[inline(always)]
fn apply_in_vectors<S: Simd>(simd: S, payload: &mut [u8], key: [u8; 4]) {
    let key_block: u8x64<S> = u32x16::splat(simd, u32::from_ne_bytes(key)).bitcast();
    let (blocks, rest) = payload.as_chunks_mut::<64>();
    for block in blocks {
        *block = (u8x64::simd_from(simd, *block) ^ key_block).into();
    }
    apply_in_blocks(rest, key);
}

/// Bytes of a cache line, and of the widest vector register.
const ALIGNMENT: usize = 64;

/// Payloads from this length on are worth the call of what the widest registers need.
const MIN_WIDE_LEN: usize = 512;

/// Payloads from this length on are worth a separate beginning, so that no store crosses a cache
/// line: a sixth of the time at 16 KiB, a loss at 1 KiB (measured).
const MIN_ALIGNED_LEN: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    fn apply_naively(payload: &mut [u8], key: [u8; 4], offset: usize) {
        for (index, byte) in payload.iter_mut().enumerate() {
            *byte ^= key[(index + offset) % 4];
        }
    }

    // covers: R6455-5.7-01/C
    #[test]
    fn masks_the_example_of_the_rfc() {
        let mut payload = *b"Hello";
        apply(&mut payload, KEY);
        assert_eq!(payload, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    // covers: R6455-5.3-02
    #[test]
    fn equals_the_naive_loop_for_each_length_alignment_and_place_in_the_key() {
        const MAX_LEN: usize = 4096;
        let plain: Vec<u8> = (0..=255).cycle().take(MAX_LEN + 17).collect();
        for start in 0..16 {
            let offset = start % 4;
            let mut expected = plain.clone();
            apply_naively(&mut expected[start..], KEY, offset);
            for len in 0..=MAX_LEN {
                let end = start + len;
                let mut bytes = plain[..end + 1].to_vec();
                apply(&mut bytes[start..end], advance(KEY, offset));
                let is_right = bytes[..start] == plain[..start]
                    && bytes[start..end] == expected[start..end]
                    && bytes[end] == plain[end];
                assert!(is_right, "start {start}, length {len}");
            }
        }
    }

    // covers: R6455-5.3-02
    #[test]
    fn goes_on_with_the_right_byte_of_the_key_after_any_split() {
        for split in 0..100 {
            let mut bytes: Vec<u8> = (0..100).collect();
            let mut expected = bytes.clone();
            let (head, tail) = bytes.split_at_mut(split);
            apply(head, KEY);
            apply(tail, advance(KEY, split));
            apply_naively(&mut expected, KEY, 0);
            assert_eq!(bytes, expected, "split at {split}");
        }
    }
}
