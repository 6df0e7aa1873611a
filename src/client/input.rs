//! Turns standard input into messages.

use std::io::{BufRead, ErrorKind, Read as _};

use crate::client::error::ClientError;
use crate::websocket::Message;
use crate::websocket::blocking::Error;

/// Sends all of the input: each line, without its end (LF or CR LF), is a text message. Binary
/// messages are what comes, as it comes: together, byte for byte the input.
pub(super) fn feed(
    input: impl BufRead,
    is_binary: bool,
    send: impl FnMut(&Message<'_>) -> Result<(), Error>,
) -> Result<(), ClientError> {
    if is_binary {
        feed_bytes(input, send)
    } else {
        feed_lines(input, send)
    }
}

fn feed_bytes(
    mut input: impl BufRead,
    mut send: impl FnMut(&Message<'_>) -> Result<(), Error>,
) -> Result<(), ClientError> {
    loop {
        let bytes = match input.fill_buf() {
            Ok([]) => return Ok(()),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(ClientError::Input(error)),
        };
        let len = bytes.len();
        send(&Message::binary(bytes))?;
        input.consume(len);
    }
}

fn feed_lines(
    mut input: impl BufRead,
    mut send: impl FnMut(&Message<'_>) -> Result<(), Error>,
) -> Result<(), ClientError> {
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        // Room for a line of the longest length with its end, and one byte to tell a longer one.
        let max_len = u64::try_from(MAX_LINE_LEN + 3).unwrap_or(u64::MAX);
        let read = input.by_ref().take(max_len).read_until(b'\n', &mut bytes);
        if read.map_err(ClientError::Input)? == 0 {
            break;
        }
        let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.len() > MAX_LINE_LEN {
            return Err(ClientError::LineTooLong {
                line,
                max: MAX_LINE_LEN,
            });
        }
        let text = str::from_utf8(text).map_err(|_| ClientError::LineNotUtf8 { line })?;
        send(&Message::text(text))?;
    }
    Ok(())
}

/// Longest line in bytes. 16 MiB: the longest message that ours, as most servers, take.
const MAX_LINE_LEN: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor};

    use super::*;

    fn fed(input: &[u8], is_binary: bool) -> (Vec<Message<'static>>, Result<(), String>) {
        let mut sent = Vec::new();
        // A small buffer, as a pipe that brings little at a time.
        let input = BufReader::with_capacity(3, Cursor::new(input));
        let result = feed(input, is_binary, |message| {
            sent.push(message.clone().into_owned());
            Ok(())
        });
        (sent, result.map_err(|error| error.to_string()))
    }

    #[test]
    fn each_line_is_a_text_message() {
        for (input, lines) in [
            ("", &[][..]),
            ("a\nb\r\n\nlast", &["a", "b", "", "last"]),
            ("a\rb\n", &["a\rb"]),
            ("\u{e9}\n", &["\u{e9}"]),
        ] {
            let expected: Vec<_> = lines.iter().map(|line| Message::text(*line)).collect();
            assert_eq!(
                fed(input.as_bytes(), false),
                (expected, Ok(())),
                "{input:?}"
            );
        }
    }

    #[test]
    fn a_line_that_is_no_text_ends_the_input() {
        let (sent, result) = fed(b"a\n\xff\nb\n", false);
        assert_eq!(sent, [Message::text("a")]);
        let error = "line 2 of standard input is not UTF-8: see --binary";
        assert_eq!(result, Err(error.to_owned()));
    }

    #[test]
    fn lines_are_bounded() {
        let line = |len| [&b"a".repeat(len), &b"\r\n"[..]].concat();
        let (sent, result) = fed(&line(MAX_LINE_LEN), false);
        assert_eq!((sent.len(), result), (1, Ok(())));
        let (sent, result) = fed(&line(MAX_LINE_LEN + 1), false);
        assert_eq!((sent.len(), result.is_err()), (0, true));
    }

    #[test]
    fn binary_messages_are_the_input_byte_for_byte() {
        let (sent, result) = fed(b"a\n\xff\r\nb", true);
        let bytes: Vec<&[u8]> = sent.iter().map(Message::as_bytes).collect();
        assert_eq!(bytes.concat(), b"a\n\xff\r\nb");
        assert!(sent.iter().all(|it| matches!(it, Message::Binary(_))));
        assert_eq!(result, Ok(()));
    }
}
