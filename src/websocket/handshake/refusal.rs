//! Responses that open no connection.

use crate::websocket::handshake::HandshakeError;
use crate::websocket::handshake::header_lines::{HeadError, HeaderLines, write_line};

/// A whole response that is not an upgrade, after which the connection is closed.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::handshake::server::Refusal;
///
/// let mut output = Vec::new();
/// Refusal::new(401)?
///     .header("WWW-Authenticate", "Basic realm=\"chat\"")?
///     .body("text/plain", "who are you?\n")?
///     .write(&mut output);
/// assert!(output.starts_with(b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n"));
/// # Ok::<(), chinwag::websocket::handshake::HeadError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    status: u16,
    headers: HeaderLines,
    body: Vec<u8>,
}

impl Refusal {
    /// Makes a response without a body.
    ///
    /// # Errors
    ///
    /// [`HeadError::BadStatus`] for a status below 200 or above 599, and for 204, 205 and 304, which
    /// are no answer to who wanted a connection.
    pub fn new(status: u16) -> Result<Self, HeadError> {
        match status {
            204 | 205 | 304 => Err(HeadError::BadStatus { status }),
            200..=599 => Ok(Self::with_status(status)),
            _ => Err(HeadError::BadStatus { status }),
        }
    }

    fn with_status(status: u16) -> Self {
        Self {
            status,
            headers: HeaderLines::default(),
            body: Vec::new(),
        }
    }

    /// Adds a header. `Connection` and `Content-Length` are there anyway, and with status 426 what
    /// that demands.
    ///
    /// # Errors
    ///
    /// [`HeadError::BadHeaderName`], [`HeadError::BadHeaderValue`], [`HeadError::ReservedHeader`].
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, HeadError> {
        self.headers.push(name, value.as_ref())?;
        Ok(self)
    }

    /// Sets the body, and adds the `Content-Type` header.
    ///
    /// # Errors
    ///
    /// [`HeadError::BadHeaderValue`].
    pub fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Result<Self, HeadError> {
        let with_type = self.header("Content-Type", content_type)?;
        Ok(Self {
            body: body.into(),
            ..with_type
        })
    }

    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Appends the response, which announces that the connection closes after it.
    pub fn write(&self, output: &mut Vec<u8>) {
        let Self { status, body, .. } = self;
        let first_line = format!("HTTP/1.1 {status} {}\r\n", reason(*status));
        output.extend_from_slice(first_line.as_bytes());
        if *status == 426 {
            // RFC 9110 §7.8 wants Upgrade named as a connection option; RFC 6455 §4.4 the version.
            write_line("Connection", b"Upgrade, close", output);
            write_line("Upgrade", b"websocket", output);
            write_line("Sec-WebSocket-Version", b"13", output);
        } else {
            write_line("Connection", b"close", output);
        }
        self.headers.write(output);
        write_line("Content-Length", body.len().to_string().as_bytes(), output);
        output.extend_from_slice(b"\r\n");
        output.extend_from_slice(body);
    }
}

/// The answer to the peer's mistake, which more headers may be added to.
impl From<HandshakeError> for Refusal {
    fn from(error: HandshakeError) -> Self {
        let mut refusal = Self::with_status(error.status());
        if refusal.status == 405 {
            refusal.headers.push_known("Allow", "GET");
        }
        refusal
            .headers
            .push_known("Content-Type", "text/plain; charset=utf-8");
        refusal.body = format!("{error}\n").into_bytes();
        refusal
    }
}

/// Returns the words for a status (RFC 9110 §15); they may be empty, and nobody depends on them.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_statuses_have_words() {
        for status in [
            200, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 408, 410, 413, 414, 417,
            421, 426, 429, 431, 500, 501, 502, 503, 504, 505,
        ] {
            assert_ne!(reason(status), "", "{status}");
        }
        assert_eq!(reason(404), "Not Found");
        assert_eq!(reason(499), "");
    }
}
