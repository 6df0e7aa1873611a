//! Prints messages, for people or for programs.

use std::io::{self, Write};

use crate::client::escape::escape;
use crate::websocket::Message;

/// Where messages are printed, and how.
#[derive(Debug)]
pub(super) struct Printer<W> {
    output: W,
    /// Bytes as they came, instead of lines.
    is_binary: bool,
    /// People read it: what acts on a terminal is escaped.
    is_terminal: bool,
}

impl<W: Write> Printer<W> {
    pub(super) fn new(output: W, is_binary: bool, is_terminal: bool) -> Self {
        Self {
            output,
            is_binary,
            is_terminal,
        }
    }

    /// Prints a message at once; returns false for one of bytes where lines are printed.
    pub(super) fn print(&mut self, message: &Message<'_>) -> io::Result<bool> {
        match message {
            _ if self.is_binary => self.output.write_all(message.as_bytes())?,
            Message::Binary(_) => return Ok(false),
            Message::Text(text) if self.is_terminal => {
                self.print_line(escape(text).as_bytes())?;
            }
            Message::Text(text) => self.print_line(text.as_bytes())?,
        }
        self.output.flush()?;
        Ok(true)
    }

    fn print_line(&mut self, text: &[u8]) -> io::Result<()> {
        self.output.write_all(text)?;
        self.output.write_all(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(is_binary: bool, is_terminal: bool) -> (Vec<u8>, Vec<bool>) {
        let mut printer = Printer::new(Vec::new(), is_binary, is_terminal);
        let messages = [Message::text("a\x1b\nb"), Message::binary(&b"\x00\xff"[..])];
        let results = messages.map(|message| printer.print(&message).unwrap());
        (printer.output, results.to_vec())
    }

    #[test]
    fn lines_are_raw_for_programs_and_safe_for_people() {
        assert_eq!(
            printed(false, false),
            (b"a\x1b\nb\n".to_vec(), vec![true, false])
        );
        assert_eq!(
            printed(false, true),
            (b"a\\u{1b}\n  b\n".to_vec(), vec![true, false])
        );
    }

    #[test]
    fn bytes_are_printed_as_they_came() {
        let expected = (b"a\x1b\nb\x00\xff".to_vec(), vec![true, true]);
        assert_eq!(printed(true, false), expected);
        assert_eq!(printed(true, true), expected);
    }
}
