//! Writes HTTP responses.

use std::sync::Arc;

use crate::net::Outbox;

/// A response to be written.
#[derive(Debug)]
pub(crate) struct Response<'a> {
    /// For instance `200 OK`.
    pub(crate) status: &'static str,
    /// Header lines, each with its CR LF.
    pub(crate) headers: String,
    pub(crate) content_type: &'static str,
    pub(crate) body: Content<'a>,
}

/// What a response carries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content<'a> {
    /// Copied.
    Brief(&'a [u8]),
    /// However many wait for it, and however slowly they read, it is in memory once.
    Shared(&'a Arc<[u8]>),
}

impl<'a> Response<'a> {
    /// A short text for people.
    pub(crate) fn text(status: &'static str, body: &'a str) -> Self {
        let body = Content::Brief(body.as_bytes());
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

    /// A page of ours, which nothing from elsewhere can touch.
    pub(crate) fn for_page(self) -> Self {
        self.with_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
            .with_header("Cross-Origin-Opener-Policy", "same-origin")
            .with_header("Cross-Origin-Resource-Policy", "same-origin")
            .with_header("X-Frame-Options", "DENY")
            .with_header(
                "Permissions-Policy",
                "camera=(), geolocation=(), microphone=()",
            )
    }

    /// Writes it; without its body for HEAD (RFC 9110 §9.3.2).
    pub(crate) fn write(&self, is_head: bool, keep_alive: bool, outbox: &mut Outbox) {
        let connection = if keep_alive {
            ""
        } else {
            "Connection: close\r\n"
        };
        let content = if self.status.starts_with("204") {
            // RFC 9110 §8.6: no length where there is no content.
            String::new()
        } else {
            let len = self.body.len();
            format!(
                "Content-Type: {}\r\nContent-Length: {len}\r\n",
                self.content_type
            )
        };
        let head = format!(
            "HTTP/1.1 {}\r\n{}{connection}{content}X-Content-Type-Options: nosniff\r\n\
             Referrer-Policy: no-referrer\r\n\r\n",
            self.status, self.headers,
        );
        outbox.buffer().extend_from_slice(head.as_bytes());
        match self.body {
            _ if is_head => {}
            Content::Brief(bytes) => outbox.buffer().extend_from_slice(bytes),
            Content::Shared(bytes) => outbox.push_shared(bytes),
        }
    }
}

impl Content<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Brief(bytes) => bytes.len(),
            Self::Shared(bytes) => bytes.len(),
        }
    }
}

/// Everything from this server and nothing from elsewhere; no script or style but from files.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data:; manifest-src 'self'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'";
