//! Percent-decoding (RFC 3986 §2.1).

/// Decodes each `%` with its two digits; `None` where they are missing.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some(byte) = rest.split_off_first() {
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let high = char::from(digits[0]).to_digit(16)?;
        let low = char::from(digits[1]).to_digit(16)?;
        decoded.push(u8::try_from(high * 16 + low).ok()?);
        rest = after;
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_digits_are_bytes_and_nothing_else_is() {
        assert_eq!(decode("a%40%c3%A9"), Some(b"a@\xc3\xa9".to_vec()));
        assert_eq!(decode(""), Some(Vec::new()));
        for text in ["%", "a%4", "%+1", "%g0", "%0\u{e9}"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
