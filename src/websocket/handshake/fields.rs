//! Takes the header fields of a head apart (RFC 9110 §5, RFC 9112 §5).

/// The header fields of a request or response, in the order in which they came.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a>(Vec<httparse::Header<'a>>);

impl<'a> Fields<'a> {
    /// Parses `lines`, of which there are `count`, with the empty line that ends them; `None` if
    /// one is malformed.
    pub(crate) fn parse(lines: &'a [u8], count: usize) -> Option<Self> {
        let mut fields = vec![httparse::EMPTY_HEADER; count];
        match httparse::parse_headers(lines, &mut fields) {
            Ok(httparse::Status::Complete((_, parsed))) if parsed.len() == count => {}
            _ => return None,
        }
        Some(Self(fields))
    }

    /// Returns names and values, without spaces around the values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.0.iter().map(|field| (field.name, trim(field.value)))
    }

    pub(crate) fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// Returns the values of all fields of that name, in any case, without spaces around them.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |(field_name, _)| field_name.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Returns the elements of a list of tokens (RFC 9110 §5.6.1), over all fields of that name;
    /// empty ones are left out.
    pub(crate) fn tokens(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.all(name)
            .flat_map(|value| value.split(|&byte| byte == b','))
            .map(trim)
            .filter(|token| !token.is_empty())
    }

    /// Returns whether a list of tokens has one of them, in any case.
    pub(crate) fn has_token(&self, name: &str, expected: &str) -> bool {
        self.tokens(name)
            .any(|token| token.eq_ignore_ascii_case(expected.as_bytes()))
    }

    /// Returns the first of `names` that comes more than once.
    pub(crate) fn repeated(&self, names: &[&'static str]) -> Option<&'static str> {
        let mut names = names.iter().copied();
        names.find(|name| self.all(name).nth(1).is_some())
    }
}

/// Returns whether `byte` may be in a token (RFC 9110 §5.6.2).
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Returns whether `bytes` are a token.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token_byte)
}

/// Removes optional whitespace, which is spaces and tabs only (RFC 9110 §5.6.3).
pub(crate) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
