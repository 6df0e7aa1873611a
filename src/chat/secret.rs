//! Secrets that the server makes itself, and what is kept of them: session tokens, recovery codes.
//!
//! They are random and long, so that a fast hash keeps them as well as a slow one: who has the
//! database finds none of them out.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// SHA-256 of a secret: all that is kept of it.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// Hashes a secret.
    pub fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

impl fmt::Debug for SecretHash {
    // What is looked up by it is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash")
    }
}

/// Writes bytes in base32 (RFC 4648 §6), without padding.
pub(crate) fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut bits, mut bit_count) = (0_u32, 0);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        bit_count += 8;
        while bit_count >= 5 {
            bit_count -= 5;
            text.push(digit(bits >> bit_count));
        }
    }
    if bit_count > 0 {
        text.push(digit(bits << (5 - bit_count)));
    }
    text
}

/// The digit for the lowest five bits.
fn digit(bits: u32) -> char {
    match u8::try_from(bits & 0x1f) {
        Ok(value @ ..26) => char::from(b'A' + value),
        Ok(value) => char::from(b'2' + (value - 26)),
        Err(_) => unreachable!("five bits fit eight"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 §10, without padding.
    #[test]
    fn base32_is_the_documented_one() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
        assert_eq!(base32(&[0xff; 5]), "77777777");
    }

    #[test]
    fn hash_is_sha_256_and_shows_nothing() {
        let hash = SecretHash::of(b"abc");
        assert_eq!(hash.0[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(format!("{hash:?}"), "SecretHash");
    }
}
