//! Validates UTF-8, in one piece or while it arrives (RFC 6455 §8.1).
//!
//! Text that arrives in parts may be cut inside a character. [`TextDecoder`] keeps the at most three
//! bytes of such a cut back until the next part completes them, so that everything else is validated
//! in whole slices, which is what a vectorised validator is good at. A byte that can't continue any
//! character is reported at once, also when the rest of that character has not arrived: of
//! `f4 90 80 80` the second byte is already wrong.

use std::borrow::Cow;

/// The bytes are not UTF-8, whatever may follow them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidUtf8;

/// Returns the text that `bytes` are, all of them.
pub(crate) fn from_utf8(bytes: &[u8]) -> Result<&str, InvalidUtf8> {
    #[cfg(feature = "simd")]
    let text = simdutf8::basic::from_utf8(bytes);
    #[cfg(not(feature = "simd"))]
    let text = str::from_utf8(bytes);
    text.map_err(|_| InvalidUtf8)
}

/// Decodes text that arrives in parts.
#[derive(Debug, Default)]
pub(crate) struct TextDecoder {
    /// The beginning of a character that the last part was cut in: `pending[..pending_len]` is not
    /// UTF-8 and may become so. At most three bytes between calls.
    pending: [u8; 4],
    pending_len: usize,
}

impl TextDecoder {
    /// Appends the characters that `part` completes to `text`.
    pub(crate) fn decode(&mut self, part: &[u8], text: &mut String) -> Result<(), InvalidUtf8> {
        let part = self.complete_pending(part, text)?;
        let (whole, cut) = part.split_at(part.len() - cut_len(part));
        text.push_str(from_utf8(whole)?);
        self.keep(cut)
    }

    /// Returns the characters that `part` completes, from where they lie if it begins with a whole
    /// one.
    pub(crate) fn decode_part<'p>(&mut self, part: &'p [u8]) -> Result<Cow<'p, str>, InvalidUtf8> {
        if !self.is_complete() {
            let mut text = String::new();
            self.decode(part, &mut text)?;
            return Ok(Cow::Owned(text));
        }
        let (whole, cut) = part.split_at(part.len() - cut_len(part));
        let text = from_utf8(whole)?;
        self.keep(cut)?;
        Ok(Cow::Borrowed(text))
    }

    /// Returns whether the text so far ends with a whole character.
    pub(crate) fn is_complete(&self) -> bool {
        self.pending_len == 0
    }

    /// Keeps the beginning of a character, `pending` being empty unless `cut` is.
    fn keep(&mut self, cut: &[u8]) -> Result<(), InvalidUtf8> {
        if cut.is_empty() {
            return Ok(());
        }
        if is_impossible(cut) {
            return Err(InvalidUtf8);
        }
        self.pending[..cut.len()].copy_from_slice(cut);
        self.pending_len = cut.len();
        Ok(())
    }

    /// Moves bytes from the front of `part` to the pending character until it is complete.
    fn complete_pending<'p>(
        &mut self,
        mut part: &'p [u8],
        text: &mut String,
    ) -> Result<&'p [u8], InvalidUtf8> {
        while !self.is_complete()
            && let Some((&byte, rest)) = part.split_first()
        {
            part = rest;
            self.pending[self.pending_len] = byte;
            self.pending_len += 1;
            let pending = &self.pending[..self.pending_len];
            if let Ok(character) = str::from_utf8(pending) {
                text.push_str(character);
                self.pending_len = 0;
            } else if is_impossible(pending) {
                return Err(InvalidUtf8);
            }
        }
        Ok(part)
    }
}

/// Returns how many bytes at the end of `part` begin a character that `part` does not complete.
///
/// Looks at lead bytes only: whether the bytes after it fit is for the validator to say.
fn cut_len(part: &[u8]) -> usize {
    for (index, byte) in part.iter().rev().take(3).enumerate() {
        let character_len = match byte {
            0x00..=0x7f => 1,
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
        };
        let present_len = index + 1;
        return if present_len < character_len {
            present_len
        } else {
            0
        };
    }
    0
}

/// Returns whether no bytes that may follow make `bytes` UTF-8.
fn is_impossible(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_err_and(|error| error.error_len().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(parts: &[&[u8]]) -> Result<Option<String>, InvalidUtf8> {
        let mut decoder = TextDecoder::default();
        let mut text = String::new();
        for part in parts {
            decoder.decode(part, &mut text)?;
        }
        Ok(decoder.is_complete().then_some(text))
    }

    /// A value for each kind of byte that UTF-8 tells apart.
    const BYTE_KINDS: [u8; 22] = [
        0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1,
        0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff,
    ];

    /// Decodes parts as [`decode`] does; the text stays in `text`.
    fn verdict(parts: &[&[u8]], text: &mut String) -> Result<bool, InvalidUtf8> {
        let mut decoder = TextDecoder::default();
        text.clear();
        for part in parts {
            decoder.decode(part, text)?;
        }
        Ok(decoder.is_complete())
    }

    /// Compares with `std` what `bytes` mean: whole, cut at each place, in single bytes, and at the
    /// end of a block as long as those that a vectorised validator takes.
    fn check(bytes: &[u8], text: &mut String) {
        let expected = str::from_utf8(bytes);
        let verdict_of_std = match expected {
            Ok(_) => Ok(true),
            Err(error) if error.error_len().is_some() => Err(InvalidUtf8),
            Err(_) => Ok(false),
        };
        let mut check_parts = |parts: &[&[u8]]| {
            assert_eq!(verdict(parts, text), verdict_of_std, "{parts:02x?}");
            if let Ok(expected) = expected {
                assert_eq!(text, expected, "{parts:02x?}");
            }
        };
        for split in 0..bytes.len() {
            let (head, tail) = bytes.split_at(split);
            check_parts(&[head, tail]);
        }
        if let &[a, b, c, ref rest @ ..] = bytes {
            check_parts(&[&[a], &[b], &[c], rest]);
        }
        let mut block = [b'x'; 64 + 4];
        let block = &mut block[..64 + bytes.len()];
        block[64..].copy_from_slice(bytes);
        assert_eq!(from_utf8(block).is_ok(), expected.is_ok(), "{bytes:02x?}");
        // Across the border of two blocks.
        block.rotate_left(2);
        assert_eq!(from_utf8(block).is_ok(), expected.is_ok(), "{bytes:02x?}");
    }

    // covers: R6455-8.1-01, R6455-5.6-01, D-09
    #[test]
    fn agrees_with_std_on_all_sequences_of_up_to_two_bytes() {
        let text = &mut String::new();
        check(&[], text);
        for bytes in 0..=u16::MAX {
            let [a, b] = bytes.to_be_bytes();
            check(&[b], text);
            check(&[a, b], text);
        }
    }

    // covers: R6455-8.1-01
    #[test]
    fn agrees_with_std_on_all_sequences_of_four_kinds_of_bytes() {
        let text = &mut String::new();
        for a in BYTE_KINDS {
            for b in BYTE_KINDS {
                for c in BYTE_KINDS {
                    check(&[a, b, c], text);
                    for d in BYTE_KINDS {
                        check(&[a, b, c, d], text);
                    }
                }
            }
        }
    }

    /// All of them with `CHINWAG_UTF8` set, which takes minutes in a build for speed: `tests/run utf8`
    /// spends them. Else all second bytes, with all kinds of third ones, behind the first bytes that
    /// limit their second.
    // covers: R6455-8.1-01
    #[test]
    fn agrees_with_std_on_all_sequences_of_up_to_four_bytes() {
        let is_full = std::env::var_os("CHINWAG_UTF8").is_some();
        std::thread::scope(|scope| {
            for half in 0..2 {
                scope.spawn(move || {
                    let text = &mut String::new();
                    for a in (0..=u8::MAX).filter(|a| a % 2 == half) {
                        if is_full {
                            check_all_behind(a, text);
                        } else if [0xe0, 0xed, 0xf0, 0xf4].contains(&a) {
                            check_kinds_behind(a, text);
                        }
                    }
                });
            }
        });
    }

    fn check_kinds_behind(a: u8, text: &mut String) {
        for b in 0..=u8::MAX {
            for c in BYTE_KINDS {
                check(&[a, b, c], text);
            }
        }
    }

    fn check_all_behind(a: u8, text: &mut String) {
        for bytes in 0..1_u32 << 24 {
            let [_, b, c, d] = bytes.to_be_bytes();
            if d == 0 {
                check(&[a, b, c], text);
            }
            check(&[a, b, c, d], text);
        }
    }

    // covers: R6455-8.1-03
    #[test]
    fn impossible_byte_is_reported_before_the_character_ends() {
        for start in [
            &b"\xf4\x90"[..],
            b"\xed\xa0",
            b"\xe0\x9f",
            b"\xf0\x8f",
            b"\xc0",
            b"\xf5",
        ] {
            assert_eq!(decode(&[start]), Err(InvalidUtf8), "{start:02x?}");
        }
    }
}
