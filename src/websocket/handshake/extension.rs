//! Judges the grammar of `Sec-WebSocket-Extensions` (RFC 6455 §9.1).
//!
//! No extension is spoken yet, so that all offers are declined; a malformed one is refused all the
//! same.

use crate::websocket::handshake::http::is_token_byte;

/// Returns whether the header's lines are, together, a list of at least one extension.
pub(crate) fn is_extension_list<'a>(lines: impl Iterator<Item = &'a [u8]>) -> bool {
    let mut extension_count = 0;
    for line in lines {
        match count_extensions(line) {
            Some(count) => extension_count += count,
            None => return false,
        }
    }
    extension_count > 0
}

/// Counts the extensions in a line, elements that are empty left out; `None` if it is malformed.
fn count_extensions(line: &[u8]) -> Option<usize> {
    let mut cursor = Cursor(line);
    let mut count = 0;
    loop {
        cursor.skip_spaces();
        if !matches!(cursor.0.first(), None | Some(b',')) {
            cursor.take_extension()?;
            count += 1;
        }
        match cursor.take() {
            Some(b',') => {}
            Some(_) => return None,
            None => return Some(count),
        }
    }
}

/// What is left of a line.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    /// Takes `token *( ";" token [ "=" ( token | quoted-string ) ] )`, with spaces anywhere between.
    fn take_extension(&mut self) -> Option<()> {
        self.take_token()?;
        while self.take_if(b';') {
            self.take_token()?;
            if self.take_if(b'=') {
                if self.take_if(b'"') {
                    self.take_quoted_token()?;
                } else {
                    self.take_token()?;
                }
            }
        }
        Some(())
    }

    fn take_token(&mut self) -> Option<()> {
        let len = self
            .0
            .iter()
            .take_while(|byte| is_token_byte(**byte))
            .count();
        self.0 = &self.0[len..];
        self.skip_spaces();
        (len > 0).then_some(())
    }

    /// Takes the rest of a quoted string, which must be a token when unquoted.
    fn take_quoted_token(&mut self) -> Option<()> {
        let mut len = 0;
        loop {
            match self.take()? {
                b'"' => break,
                b'\\' if is_token_byte(self.take()?) => {}
                byte if byte != b'\\' && is_token_byte(byte) => {}
                _ => return None,
            }
            len += 1;
        }
        self.skip_spaces();
        (len > 0).then_some(())
    }

    /// Takes `expected` with the spaces after it, if it is next.
    fn take_if(&mut self, expected: u8) -> bool {
        let is_next = self.0.first() == Some(&expected);
        if is_next {
            self.take();
            if expected != b'"' {
                self.skip_spaces();
            }
        }
        is_next
    }

    fn take(&mut self) -> Option<u8> {
        self.0.split_off_first().copied()
    }

    fn skip_spaces(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], expected: bool) {
        let is_list = is_extension_list(lines.iter().map(|line| line.as_bytes()));
        assert_eq!(is_list, expected, "{lines:?}");
    }

    // covers: R9110-5.6.4-01, R6455-9.1-02
    #[test]
    fn lists_of_extensions_are_accepted() {
        check(&["foo"], true);
        check(&["foo, permessage-deflate; client_max_window_bits"], true);
        check(&["permessage-deflate ; a = 10 ;\tb=\"10\" , , x"], true);
        check(&["foo", "permessage-deflate"], true);
        check(&[",", "foo"], true);
        check(&[r#"a; b="1\0""#], true);
    }

    // covers: R6455-4.3-01/S, R6455-4.3-02/S, R6455-9.1-01/S
    #[test]
    fn malformed_lists_are_refused() {
        for line in [
            "",
            " ",
            ",",
            ", ,",
            "permessage-deflate;;",
            "=x",
            "a;b=",
            "a;b=\"",
            "a;b=\"\"",
            "a;b=\"1 0\"",
            "a b",
            "a;",
            "a;b=c d",
            "a;b=\"c\"d",
            "a;b=\"\\",
            "a=b",
            "\"a\"",
            "a;b=\u{e9}",
        ] {
            check(&[line], false);
        }
    }
}
