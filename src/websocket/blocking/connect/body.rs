//! Reads how a server that refuses explains itself: the beginning of a response's body.

use std::io::{Read, Write};
use std::time::Instant;

use httparse::Status;

use crate::websocket::blocking::transport::Transport;
use crate::websocket::handshake::client::Response;

/// Reads the body of a response whose head was taken, as much of it as comes until `deadline`, at
/// most [`MAX_BODY_LEN`]. What goes wrong ends the body: the refusal stays what it is.
pub(super) fn read_body<S: Read + Write>(
    transport: &mut Transport<S>,
    response: &Response,
    deadline: Option<Instant>,
) -> Box<[u8]> {
    let framing = Framing::of(response);
    loop {
        let received = &*transport.buffers().0;
        let received = &received[..received.len().min(MAX_BODY_LEN)];
        let (body, is_whole) = framing.take(received);
        let is_over = is_whole || received.len() == MAX_BODY_LEN;
        if is_over || !matches!(transport.fill(deadline), Ok(1..)) {
            return body.into();
        }
    }
}

/// How a body ends (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunks,
    /// With the stream.
    Stream,
}

impl Framing {
    fn of(response: &Response) -> Self {
        if matches!(response.status(), 204 | 304) {
            return Self::Length(0);
        }
        if let Some(coding) = response.headers("Transfer-Encoding").last() {
            return match coding.to_ascii_lowercase().ends_with(b"chunked") {
                true => Self::Chunks,
                false => Self::Stream,
            };
        }
        let len = response.header("Content-Length");
        let len = len.and_then(|it| str::from_utf8(it).ok()?.parse().ok());
        len.map_or(Self::Stream, Self::Length)
    }

    /// Returns the content that is in `received`, and whether that is all of it.
    fn take(self, received: &[u8]) -> (Vec<u8>, bool) {
        match self {
            Self::Length(len) => {
                let body = &received[..received.len().min(len)];
                (body.to_vec(), body.len() == len)
            }
            Self::Chunks => take_chunks(received),
            Self::Stream => (received.to_vec(), false),
        }
    }
}

/// Returns the content of chunks, and whether the last one is there (RFC 9112 §7.1). What is no chunk
/// counts as the end.
fn take_chunks(received: &[u8]) -> (Vec<u8>, bool) {
    let mut rest = received;
    let mut body = Vec::new();
    loop {
        let (line_len, len) = match httparse::parse_chunk_size(rest) {
            Ok(Status::Complete((line_len, len))) if len > 0 => (line_len, len),
            Ok(Status::Partial) => return (body, false),
            Ok(Status::Complete(_)) | Err(_) => return (body, true),
        };
        let content = &rest[line_len..];
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        body.extend_from_slice(&content[..content.len().min(len)]);
        // CR LF is behind it.
        match content.get(len.saturating_add(2)..) {
            Some(next) => rest = next,
            None => return (body, false),
        }
    }
}

/// Longest body in bytes, with what frames its chunks. 16 KiB: an explanation, not a page.
const MAX_BODY_LEN: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::websocket::handshake::client::{ClientRequest, Progress};

    /// The body of a response that comes whole, at the end of which the stream ends or fails.
    fn body_of(response: &str) -> Vec<u8> {
        let request = ClientRequest::new("ws://a/".parse().unwrap());
        let handshake = request.start(&mut rand::rng(), &mut Vec::new());
        let mut rest = response.as_bytes();
        let Ok(Progress::Refused(response)) = handshake.receive(&mut rest) else {
            panic!("{response}");
        };
        // A few bytes with the head, and the others later.
        let (early, late) = rest.split_at(rest.len().min(3));
        let stream = Cursor::new(late.to_vec());
        let mut transport = Transport::over_stream(stream, early.to_vec());
        read_body(&mut transport, &response, None).into()
    }

    #[test]
    fn bodies_end_where_their_head_or_the_stream_says() {
        let max = "x".repeat(16_384);
        for (rest, expected) in [
            ("403 No\r\nContent-Length: 4\r\n\r\nbody and more", "body"),
            ("403 No\r\nContent-Length: 9\r\n\r\nbody", "body"),
            ("403 No\r\nContent-Length: none\r\n\r\nbody", "body"),
            ("403 No\r\n\r\nbody", "body"),
            ("403 No\r\n\r\n", ""),
            ("204 No\r\n\r\nbody", ""),
            (&format!("403 No\r\n\r\n{max}"), &max),
            (&format!("403 No\r\n\r\n{max}x"), &max),
            (
                &format!("403 No\r\nContent-Length: 99999\r\n\r\n{max}x"),
                &max,
            ),
        ] {
            let response = format!("HTTP/1.1 {rest}");
            assert!(body_of(&response) == expected.as_bytes(), "{response}");
        }
    }

    #[test]
    fn chunks_are_put_together() {
        for (chunks, expected) in [
            ("4\r\nbody\r\n0\r\n\r\nmore", "body"),
            ("2;a=b\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n", "body"),
            ("5\r\nbody", "body"),
            ("4\r\nbody\r\nnone\r\nmore", "body"),
            ("ffffffffffffffff\r\nbody", "body"),
            ("", ""),
        ] {
            let response = format!("HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
            assert_eq!(body_of(&response), expected.as_bytes(), "{chunks}");
        }
    }
}
