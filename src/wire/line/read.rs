//! Reads what people type.

use crate::wire::line::show::is_hostile;

/// Most bytes of a line, without its end.
pub const MAX_LINE_LEN: usize = 4_096;

/// A line, read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Line<'a> {
    /// Nothing was typed.
    Blank,
    /// Something to say in the current room.
    Say(&'a str),
    /// Something to do, said as `* name does it`.
    Me(&'a str),
    /// Something to say to one person: a name, and what.
    Msg(&'a str),
    /// What can be typed.
    Help,
    /// Another name.
    Name(&'a str),
    /// An account, whose password is on the next line.
    Login(&'a str),
    /// Enters a room, and makes it the current one.
    Join(&'a str),
    /// Leaves a room; the current one if none is named.
    Leave(&'a str),
    /// Which rooms there are.
    Rooms,
    /// Who is in the current room.
    Who,
    /// What the current room is about from now on; empty if nothing is said.
    Topic(&'a str),
    /// Older messages of the current room; how many.
    History(&'a str),
    /// Ends the conversation.
    Quit,
    /// A command that does not exist.
    Unknown(&'a str),
    /// The first line of an HTTP request: a browser was led here, or is lost.
    Http,
}

/// Reads a line that [`clean`] has cleaned.
///
/// A command is `--name: value` or `/name value`; a line that begins with a space is always said.
pub fn read(line: &str) -> Line<'_> {
    if let Some(text) = line.strip_prefix(' ') {
        return if text.trim().is_empty() {
            Line::Blank
        } else {
            Line::Say(text)
        };
    }
    if line.trim().is_empty() {
        return Line::Blank;
    }
    if is_http_request(line) {
        return Line::Http;
    }
    match command(line) {
        Some((name, value)) => named(name, value),
        None => Line::Say(line),
    }
}

/// Whether a line that is too long to be read begins like an HTTP request: `POST /…`.
///
/// A web page may make the target as long as it likes, so that the version never comes to be read.
pub fn begins_http_request(line: &[u8]) -> bool {
    let method_len = line.iter().take_while(|b| b.is_ascii_uppercase()).count();
    let target = line[method_len..].strip_prefix(b" ");
    method_len > 0 && target.is_some_and(|it| it.starts_with(b"/") || it.starts_with(b"http"))
}

/// Text of a line as others may see it: broken UTF-8 shown as U+FFFD, control characters gone.
pub fn clean(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .filter(|c| !is_hostile(*c))
        .collect()
}

/// Splits `--name: value` or `/name value`; the name begins with a letter.
fn command(line: &str) -> Option<(&str, &str)> {
    let (rest, separator) = match line.strip_prefix("--") {
        Some(rest) => (rest, ':'),
        None => (line.strip_prefix('/')?, ' '),
    };
    if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let (name, value) = rest.split_once(separator).unwrap_or((rest, ""));
    Some((name.trim(), value.trim()))
}

fn named<'a>(name: &'a str, value: &'a str) -> Line<'a> {
    match name {
        "help" => Line::Help,
        "name" => Line::Name(value),
        "login" => Line::Login(value),
        "join" => Line::Join(value),
        "leave" => Line::Leave(value),
        "rooms" => Line::Rooms,
        "who" => Line::Who,
        "topic" => Line::Topic(value),
        "me" => Line::Me(value),
        "msg" => Line::Msg(value),
        "history" => Line::History(value),
        "quit" => Line::Quit,
        _ => Line::Unknown(name),
    }
}

/// `METHOD target HTTP/…`, RFC 9112 §3.
fn is_http_request(line: &str) -> bool {
    let mut words = line.split(' ');
    let method = words.next().unwrap_or_default();
    let is_method = !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase());
    is_method && words.next().is_some() && words.next().is_some_and(|v| v.starts_with("HTTP/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_have_two_spellings() {
        for (text, expected) in [
            ("--join: dev", Line::Join("dev")),
            ("--join:dev", Line::Join("dev")),
            ("/join dev", Line::Join("dev")),
            ("--help:", Line::Help),
            ("--help", Line::Help),
            ("/help", Line::Help),
            ("--me: waves", Line::Me("waves")),
            ("--msg: bob hello", Line::Msg("bob hello")),
            ("--history: 20", Line::History("20")),
            ("--topic: a: b", Line::Topic("a: b")),
            ("--quit:", Line::Quit),
            ("--fly: away", Line::Unknown("fly")),
            ("/etc/passwd", Line::Unknown("etc/passwd")),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn everything_else_is_said() {
        for (text, said) in [
            ("hello", "hello"),
            (" --help:", "--help:"),
            ("  two", " two"),
            ("-- so", "-- so"),
            ("-1", "-1"),
            ("/", "/"),
            ("GET out of here", "GET out of here"),
        ] {
            assert_eq!(read(text), Line::Say(said), "{text}");
        }
        assert_eq!(read(""), Line::Blank);
        assert_eq!(read("   "), Line::Blank);
    }

    #[test]
    fn http_requests_are_seen() {
        for text in ["GET / HTTP/1.1", "POST /a?b HTTP/1.0", "PRI * HTTP/2.0"] {
            assert_eq!(read(text), Line::Http, "{text}");
        }
    }

    #[test]
    fn http_requests_are_seen_by_their_beginning() {
        for line in ["GET /aaa", "POST http://h/", "OPTIONS /"] {
            assert!(begins_http_request(line.as_bytes()), "{line}");
        }
        for line in ["", "GET", "GET out", "Get /a", " /a", "/a"] {
            assert!(!begins_http_request(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn cleaning_leaves_no_control_and_no_broken_utf8() {
        assert_eq!(clean(b"a\x1b[2Jb\x00\tc\x7f\xc2\x9b"), "a[2Jb c");
        assert_eq!(clean(b"\xff\xe2\x80"), "\u{fffd}\u{fffd}");
        assert_eq!(clean("a\u{202e}b\u{2066}".as_bytes()), "ab");
    }
}
