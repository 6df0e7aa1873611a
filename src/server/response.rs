//! Writes HTTP responses.

/// A response to be written.
#[derive(Debug)]
pub(crate) struct Response<'a> {
    /// For instance `200 OK`.
    pub(crate) status: &'static str,
    /// Header lines, each with its CR LF.
    pub(crate) headers: String,
    pub(crate) content_type: &'static str,
    pub(crate) body: &'a [u8],
}

impl<'a> Response<'a> {
    /// A short text for people.
    pub(crate) fn text(status: &'static str, body: &'a str) -> Self {
        let body = body.as_bytes();
        Self {
            status,
            headers: String::new(),
            content_type: "text/plain; charset=utf-8",
            body,
        }
    }

    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// Writes it; without its body for HEAD (RFC 9110 §9.3.2).
    pub(crate) fn write(&self, is_head: bool, keep_alive: bool, output: &mut Vec<u8>) {
        let connection = if keep_alive {
            ""
        } else {
            "Connection: close\r\n"
        };
        let head = format!(
            "HTTP/1.1 {}\r\n{}{connection}Content-Type: {}\r\nContent-Length: {}\r\n\
             X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\r\n",
            self.status,
            self.headers,
            self.content_type,
            self.body.len(),
        );
        output.extend_from_slice(head.as_bytes());
        if !is_head {
            output.extend_from_slice(self.body);
        }
    }
}
