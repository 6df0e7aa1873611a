//! Takes `Sec-WebSocket-Extensions` apart (RFC 6455 §9.1).
//!
//! A list is judged whole and then borrowed: its extensions and their parameters are found again on
//! each walk, so that no list, however long, costs memory. A walk looks at each byte once.

use crate::websocket::handshake::fields::is_token_byte;

/// Extensions in the order in which they came, over all lines of the header.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExtensionList<'a>(Vec<&'a [u8]>);

/// An extension with its parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extension<'a> {
    pub(crate) name: &'a [u8],
    /// What follows the name: each parameter after a semicolon.
    params: &'a [u8],
}

/// A parameter of an extension.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Param<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: Option<ParamValue<'a>>,
}

/// A value: a token, or what is a token without its backslashes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ParamValue<'a>(&'a [u8]);

impl<'a> ExtensionList<'a> {
    /// Judges the values of the header's lines; `None` if one is malformed, or if there are lines
    /// but no extensions.
    pub(crate) fn parse(lines: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let list = Self(lines.collect());
        let mut extension_count = 0;
        for line in &list.0 {
            let mut cursor = Cursor(line);
            while cursor.next_extension()?.is_some() {
                extension_count += 1;
            }
        }
        (extension_count > 0 || list.0.is_empty()).then_some(list)
    }

    /// Walks over the extensions.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Extension<'a>> {
        self.0.iter().flat_map(|line| {
            let mut cursor = Cursor(line);
            std::iter::from_fn(move || cursor.next_extension().flatten())
        })
    }
}

impl<'a> Extension<'a> {
    /// Walks over the parameters.
    pub(crate) fn params(&self) -> impl Iterator<Item = Param<'a>> {
        let mut cursor = Cursor(self.params);
        std::iter::from_fn(move || cursor.take_param().flatten())
    }
}

impl<'a> ParamValue<'a> {
    /// Walks over the bytes of the value, unquoted.
    pub(crate) fn bytes(self) -> impl Iterator<Item = u8> + use<'a> {
        self.0.iter().copied().filter(|&byte| byte != b'\\')
    }
}

/// What is left of a line. In what it takes, the outer `None` is for what is malformed.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// Takes the next extension of the list, with the comma after it; `Some(None)` at its end.
    fn next_extension(&mut self) -> Option<Option<Extension<'a>>> {
        self.skip_empty_elements();
        if self.0.is_empty() {
            return Some(None);
        }
        let extension = self.take_extension()?;
        match self.take() {
            None | Some(b',') => Some(Some(extension)),
            Some(_) => None,
        }
    }

    /// Takes `token *( ";" parameter )`, with spaces anywhere between.
    fn take_extension(&mut self) -> Option<Extension<'a>> {
        let name = self.take_token()?;
        let start = self.0;
        while self.take_param()?.is_some() {}
        Some(Extension {
            name,
            params: &start[..start.len() - self.0.len()],
        })
    }

    /// Takes `";" token [ "=" ( token | quoted-string ) ]`; `Some(None)` if no semicolon is next.
    fn take_param(&mut self) -> Option<Option<Param<'a>>> {
        if !self.take_if(b';') {
            return Some(None);
        }
        let name = self.take_token()?;
        let value = if !self.take_if(b'=') {
            None
        } else if self.take_if(b'"') {
            Some(ParamValue(self.take_quoted_token()?))
        } else {
            Some(ParamValue(self.take_token()?))
        };
        Some(Some(Param { name, value }))
    }

    fn take_token(&mut self) -> Option<&'a [u8]> {
        let is_token_byte = |byte: &&u8| is_token_byte(**byte);
        let len = self.0.iter().take_while(is_token_byte).count();
        let token = self.0.split_off(..len)?;
        self.skip_spaces();
        (len > 0).then_some(token)
    }

    /// Takes the rest of a quoted string, which must be a token when unquoted.
    fn take_quoted_token(&mut self) -> Option<&'a [u8]> {
        let start = self.0;
        loop {
            match self.take()? {
                b'"' => break,
                b'\\' if is_token_byte(self.take()?) => {}
                byte if is_token_byte(byte) => {}
                _ => return None,
            }
        }
        let len = start.len() - self.0.len() - 1;
        self.skip_spaces();
        (len > 0).then_some(&start[..len])
    }

    /// Takes `expected` with the spaces after it, if it is next; within quotes spaces count.
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

    /// Skips elements without anything in them, which RFC 9110 §5.6.1 allows.
    fn skip_empty_elements(&mut self) {
        while let [b' ' | b'\t' | b',', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a list down again, one form for all ways to write it; `None` if it is malformed.
    fn rewrite(lines: &[&str]) -> Option<String> {
        let list = ExtensionList::parse(lines.iter().map(|line| line.as_bytes()))?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let param = |param: Param<'_>| match param.value {
            Some(value) => {
                let value: Vec<u8> = value.bytes().collect();
                format!(";{}={}", text(param.name), text(&value))
            }
            None => format!(";{}", text(param.name)),
        };
        let extension = |extension: Extension<'_>| {
            let params: String = extension.params().map(param).collect();
            text(extension.name) + &params
        };
        Some(list.iter().map(extension).collect::<Vec<_>>().join(","))
    }

    // covers: R9110-5.6.4-01, R6455-9.1-02
    #[test]
    fn lists_of_extensions_are_taken_apart() {
        for (lines, expected) in [
            (&["foo"][..], "foo"),
            (&[], ""),
            (&["foo, bar; a"], "foo,bar;a"),
            (&["foo ; a = 10 ;\tb=\"10\" , , x"], "foo;a=10;b=10,x"),
            (&["foo", "bar"], "foo,bar"),
            (&[",", "foo;a;a,", ""], "foo;a;a"),
            (&[r#"a; b="1\0"; c="\c\c""#], "a;b=10;c=cc"),
            (&["a;b=\"c\" ;d ,e"], "a;b=c;d,e"),
        ] {
            assert_eq!(rewrite(lines).as_deref(), Some(expected), "{lines:?}");
        }
    }

    // covers: R6455-4.3-01, R6455-4.3-02, R6455-9.1-01
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
            "a;b=\"1\\",
            "a;b=\"\\\\\"",
            "a;b=\"\\\"\"",
            "a b",
            "a;",
            "a;b=c d",
            "a;b=\"c\"d",
            "a;b=\"\\",
            "a=b",
            "\"a\"",
            "a;b=\u{e9}",
        ] {
            assert_eq!(rewrite(&[line]), None, "{line}");
            let after_a_valid_one = ["foo", line];
            let is_empty = line.trim_matches([' ', ',']).is_empty();
            assert_eq!(rewrite(&after_a_valid_one).is_some(), is_empty, "{line}");
        }
    }
}
