//! A terminal.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::{assert_clean, prepared};

/// A connection in line mode.
#[derive(Debug)]
pub(crate) struct Line {
    stream: BufReader<TcpStream>,
}

impl Line {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap())
    }

    /// Over a socket that is connected already.
    pub(crate) fn over(stream: TcpStream) -> Self {
        Self {
            stream: BufReader::new(prepared(stream)),
        }
    }

    /// Types bytes as they are.
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// Types a line.
    pub(crate) fn say(&mut self, line: &str) {
        self.write(format!("{line}\n"));
    }

    /// Types a line, and waits for one that begins like that.
    pub(crate) fn ask(&mut self, line: &str, answer: &str) -> String {
        self.say(line);
        self.wait_for(answer)
    }

    /// The next line, without its end, which is a line feed alone.
    pub(crate) fn next(&mut self) -> String {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).unwrap();
        assert_eq!(line.pop(), Some(b'\n'), "the connection ends in a line");
        let line = String::from_utf8(line).unwrap();
        assert_clean(&line, "");
        line
    }

    /// Passes lines over up to one that begins like that.
    pub(crate) fn wait_for(&mut self, start: &str) -> String {
        loop {
            let line = self.next();
            if line.starts_with(start) {
                return line;
            }
        }
    }

    /// Says that nothing more will be typed.
    pub(crate) fn end_input(&self) {
        self.stream.get_ref().shutdown(Shutdown::Write).unwrap();
    }

    /// Reads to the end of the connection, which must be one.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.stream.read_to_string(&mut rest).unwrap();
        rest
    }
}
