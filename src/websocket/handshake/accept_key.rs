//! The key by which a server proves that it understood a handshake (RFC 6455 §4.1, §4.2.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::CryptoRng;
use sha1::{Digest as _, Sha1};

/// Returns a new `Sec-WebSocket-Key`: 16 bytes that nobody can predict, in base64.
pub(crate) fn new_key(rng: &mut impl CryptoRng) -> String {
    let mut nonce = [0; 16];
    rng.fill_bytes(&mut nonce);
    STANDARD.encode(nonce)
}

/// Returns the value of `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`, taken as sent.
pub(crate) fn accept_key(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// Returns whether `key` is the base64 form of 16 bytes.
///
/// RFC 6455 §4.2.1 needs no decoding, and its own example has trailing bits that strict decoders
/// refuse, so that only the form is judged.
pub(crate) fn is_key(key: &[u8]) -> bool {
    key.strip_suffix(b"==").is_some_and(|digits| {
        digits.len() == 22
            && digits
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte))
    })
}

/// RFC 6455 §1.3: a value that no server sends that does not know WebSocket.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[cfg(test)]
mod tests {
    use super::*;

    // covers: R6455-4.2.2-13
    #[test]
    fn example_of_the_rfc_has_its_accept_key() {
        assert_eq!(
            accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    // covers: R6455-4.2.1-08, R6455-4.2.1-09, D-13
    #[test]
    fn key_is_24_characters_of_standard_base64() {
        assert!(is_key(b"dGhlIHNhbXBsZSBub25jZQ=="));
        assert!(is_key(b"AQIDBAUGBwgJCgsMDQ4PEC=="));
        for key in [
            "",
            "==",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZ===",
            "dGhlIHNhbXBsZSBub25j_Q==",
        ] {
            assert!(!is_key(key.as_bytes()), "{key}");
        }
    }
}
