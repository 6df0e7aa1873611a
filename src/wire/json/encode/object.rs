//! A JSON object as it is written, member by member (RFC 8259).

use std::fmt::Write as _;

use jiff::fmt::temporal::DateTimePrinter;

use crate::chat::Timestamp;

/// A JSON object being written: members in the order of the calls.
pub(super) struct Object {
    json: String,
    is_empty: bool,
}

pub(super) fn object(write: impl FnOnce(&mut Object)) -> String {
    object_with_capacity(TYPICAL_LEN, write)
}

pub(super) fn object_with_capacity(capacity: usize, write: impl FnOnce(&mut Object)) -> String {
    let mut object = Object {
        json: String::with_capacity(capacity),
        is_empty: true,
    };
    object.json.push('{');
    write(&mut object);
    object.json.push('}');
    object.json
}

impl Object {
    pub(super) fn time(&mut self, name: &'static str, at: Timestamp) {
        self.name(name);
        self.json.push('"');
        push_rfc3339(&mut self.json, at);
        self.json.push('"');
    }

    pub(super) fn text(&mut self, name: &'static str, value: &str) {
        self.name(name);
        push_string(&mut self.json, value);
    }

    pub(super) fn number(&mut self, name: &'static str, value: impl std::fmt::Display) {
        self.name(name);
        write!(self.json, "{value}").expect("writing to a String never fails");
    }

    /// A number that may have a fraction; what JSON cannot say is 0.
    pub(super) fn decimal(&mut self, name: &'static str, value: f64) {
        self.number(name, if value.is_finite() { value } else { 0.0 });
    }

    pub(super) fn boolean(&mut self, name: &'static str, value: bool) {
        self.raw(name, if value { "true" } else { "false" });
    }

    pub(super) fn null(&mut self, name: &'static str) {
        self.raw(name, "null");
    }

    /// A value that is JSON already.
    pub(super) fn raw(&mut self, name: &'static str, json: &str) {
        self.name(name);
        self.json.push_str(json);
    }

    pub(super) fn object(&mut self, name: &'static str, write: impl FnOnce(&mut Self)) {
        self.name(name);
        self.element(write);
    }

    pub(super) fn array<T>(
        &mut self,
        name: &'static str,
        items: &[T],
        mut write: impl FnMut(&mut Self, &T),
    ) {
        self.name(name);
        self.json.push('[');
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.json.push(',');
            }
            self.element(|o| write(o, item));
        }
        self.json.push(']');
    }

    pub(super) fn texts<'t>(&mut self, name: &'static str, texts: impl Iterator<Item = &'t str>) {
        self.name(name);
        self.json.push('[');
        for (i, text) in texts.enumerate() {
            if i > 0 {
                self.json.push(',');
            }
            push_string(&mut self.json, text);
        }
        self.json.push(']');
    }

    fn element(&mut self, write: impl FnOnce(&mut Self)) {
        self.json.push('{');
        let was_empty = std::mem::replace(&mut self.is_empty, true);
        write(self);
        self.is_empty = was_empty;
        self.json.push('}');
    }

    /// Begins a member; its name is a word of ours, in which nothing needs an escape.
    fn name(&mut self, name: &'static str) {
        let is_first = std::mem::replace(&mut self.is_empty, false);
        self.json.push_str(if is_first { "\"" } else { ",\"" });
        self.json.push_str(name);
        self.json.push_str("\":");
    }
}

fn push_string(json: &mut String, value: &str) {
    // Nearly all texts, and each name in a list of hundreds, are written as they are (RFC 8259 §7).
    // Looked at to the end, many bytes are looked at in one instruction.
    let is_special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    if !value
        .bytes()
        .fold(false, |any, byte| any | is_special(byte))
    {
        json.push('"');
        json.push_str(value);
        json.push('"');
    } else {
        json.push_str(&serde_json::to_string(value).expect("a text is always JSON"));
    }
}

/// Writes a time as RFC 3339 has it: UTC, milliseconds; what no calendar holds is its beginning.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    let mut text = String::new();
    push_rfc3339(&mut text, at);
    text
}

fn push_rfc3339(text: &mut String, at: Timestamp) {
    let time = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let printed = RFC_3339.print_timestamp(&time, text);
    printed.expect("writing to a String never fails");
}

const RFC_3339: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// A short chat message with its numbers.
pub(super) const TYPICAL_LEN: usize = 192;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_as_everyone_does() {
        for c in (0..0x100).filter_map(char::from_u32) {
            let text = format!("a{c}b");
            let mut json = String::new();
            push_string(&mut json, &text);
            assert_eq!(json, serde_json::to_string(&text).unwrap());
        }
    }

    #[test]
    fn times_have_milliseconds_even_when_they_are_zero() {
        assert_eq!(
            rfc3339(Timestamp(1_700_000_000_000)),
            "2023-11-14T22:13:20.000Z"
        );
        assert_eq!(rfc3339(Timestamp(i64::MAX)), "1970-01-01T00:00:00.000Z");
    }
}
