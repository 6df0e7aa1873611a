//! A client that speaks just enough HTTP/1.1, and says exactly what it is told.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::prepared;

/// A connection for HTTP.
#[derive(Debug)]
pub(crate) struct Http<S = TcpStream> {
    stream: BufReader<S>,
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Http {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap())
    }

    /// Over a socket that is connected already.
    pub(crate) fn over(stream: TcpStream) -> Self {
        Self::inside(prepared(stream))
    }
}

impl<S: Read + Write> Http<S> {
    /// Inside whatever carries it, as TLS does.
    pub(crate) fn inside(stream: S) -> Self {
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// Sends bytes as they are.
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// Sends a GET, and reads the answer.
    pub(crate) fn get(&mut self, path: &str) -> Response {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    }

    /// Sends a request as it is, and reads the answer.
    pub(crate) fn ask(&mut self, request: &str) -> Response {
        self.write(request);
        self.response()
    }

    /// Reads an answer with its body.
    pub(crate) fn response(&mut self) -> Response {
        let mut response = self.head();
        if ![101, 204, 304].contains(&response.status) {
            let len = response.header("Content-Length").unwrap().parse().unwrap();
            response.body = vec![0; len];
            self.stream.read_exact(&mut response.body).unwrap();
        }
        response
    }

    /// Reads an answer that has no body.
    pub(crate) fn head(&mut self) -> Response {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let len = self.stream.read_line(&mut head).unwrap();
            assert!(len > 0, "the connection ends in {head:?}");
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Response {
            status,
            head,
            body: Vec::new(),
        }
    }

    /// Reads what else comes, to the end of the connection, which must be one.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).unwrap();
        rest
    }

    /// The connection, and what was read of it already.
    pub(crate) fn into_parts(self) -> (S, Vec<u8>) {
        let read = self.stream.buffer().to_vec();
        (self.stream.into_inner(), read)
    }
}

impl Response {
    /// The value of a header, whatever the case of its name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// Sends a request, and reads the head of its answer and nothing behind it; `None`: the connection
/// ended before.
pub(crate) fn try_ask(stream: &mut (impl Read + Write + ?Sized), request: &str) -> Option<Vec<u8>> {
    stream.write_all(request.as_bytes()).ok()?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    Some(head)
}
