//! The server's side of the opening handshake (RFC 6455 §4.2).

pub use crate::websocket::handshake::refusal::Refusal;

use crate::websocket::connection::Connection;
#[cfg(feature = "deflate")]
use crate::websocket::deflate::DeflateOptions;
use crate::websocket::handshake::HandshakeError;
use crate::websocket::handshake::accept_key::{accept_key, is_key};
#[cfg(feature = "deflate")]
use crate::websocket::handshake::deflate;
use crate::websocket::handshake::extension::ExtensionList;
use crate::websocket::handshake::fields::is_token;
use crate::websocket::handshake::header_lines::{HeadError, HeaderLines, write_line};
use crate::websocket::handshake::http::{Request, Version};
use crate::websocket::limits::Limits;

/// A request that may become a connection.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::Limits;
/// use chinwag::websocket::handshake::http::{HttpLimits, parse_request};
/// use chinwag::websocket::handshake::server::Upgrade;
///
/// let input = b"GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
///     Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: a, b\r\n\
///     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/// let (request, _) = parse_request(input, &HttpLimits::default())?.expect("head is complete");
/// assert_eq!(request.path(), "/chat");
/// let upgrade = Upgrade::from_request(&request)?;
/// let subprotocol = upgrade.subprotocols().find(|offered| *offered == "b");
/// let mut output = Vec::new();
/// let connection = upgrade.accept(subprotocol, Limits::default(), &mut output);
/// assert!(output.starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
/// # Ok::<(), chinwag::websocket::handshake::HandshakeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Upgrade<'a> {
    accept_key: String,
    #[cfg_attr(
        not(feature = "deflate"),
        expect(dead_code, reason = "no extension is spoken")
    )]
    extensions: ExtensionList<'a>,
    subprotocols: Vec<&'a str>,
    is_over_tls: bool,
}

impl<'a> Upgrade<'a> {
    /// Judges whether the request asks for a WebSocket connection as RFC 6455 §4.2.1 says.
    ///
    /// Whether the path exists, and whether the origin may, is the caller's to judge.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong. [`HandshakeError::UpgradeRequired`] if the request is an
    /// ordinary one.
    pub fn from_request(request: &Request<'a>) -> Result<Self, HandshakeError> {
        judge_request(request)?;
        judge_version(request)?;
        let key = required(request, "Sec-WebSocket-Key")?;
        if !is_key(key) {
            return Err(HandshakeError::BadHeaderValue {
                name: "Sec-WebSocket-Key",
            });
        }
        let name = "Sec-WebSocket-Extensions";
        let extensions = ExtensionList::parse(request.headers(name))
            .ok_or(HandshakeError::BadHeaderValue { name })?;
        Ok(Self {
            accept_key: accept_key(key),
            extensions,
            subprotocols: parse_subprotocols(request)?,
            is_over_tls: false,
        })
    }

    /// Notes that the request came over TLS, for those who judge its origin.
    #[must_use]
    pub fn over_tls(mut self) -> Self {
        self.is_over_tls = true;
        self
    }

    /// Returns whether the request is known to have come over TLS: see
    /// [`Origin::is_same_origin`](crate::websocket::handshake::Origin::is_same_origin).
    #[must_use]
    pub fn is_over_tls(&self) -> bool {
        self.is_over_tls
    }

    /// Returns the subprotocols that the client offers, the best one for it first.
    pub fn subprotocols(&self) -> impl Iterator<Item = &'a str> {
        self.subprotocols.iter().copied()
    }

    /// Returns the first of `supported` that the client offers; the server's preference counts
    /// (RFC 6455 §4.2.2).
    #[must_use]
    pub fn select_subprotocol(&self, supported: &[&str]) -> Option<&'a str> {
        supported
            .iter()
            .find_map(|wanted| self.subprotocols().find(|offered| offered == wanted))
    }

    /// Appends the response that opens the connection, and returns the connection. What the client
    /// sent after the request's head belongs to it.
    ///
    /// `subprotocol` is named only if the client offered it, as RFC 6455 §4.2.2 demands.
    pub fn accept(
        self,
        subprotocol: Option<&str>,
        limits: Limits,
        output: &mut Vec<u8>,
    ) -> Connection {
        let acceptance = Acceptance::new(limits).subprotocol(subprotocol);
        self.accept_with(&acceptance, output)
    }

    /// Does what [`accept`](Self::accept) does, with more to say.
    pub fn accept_with(self, acceptance: &Acceptance<'_>, output: &mut Vec<u8>) -> Connection {
        output.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
        write_line("Upgrade", b"websocket", output);
        write_line("Connection", b"Upgrade", output);
        write_line("Sec-WebSocket-Accept", self.accept_key.as_bytes(), output);
        let chosen = acceptance.subprotocol;
        if let Some(subprotocol) = chosen.filter(|chosen| self.subprotocols.contains(chosen)) {
            write_line("Sec-WebSocket-Protocol", subprotocol.as_bytes(), output);
        }
        let connection = Connection::server(acceptance.limits);
        #[cfg(feature = "deflate")]
        let connection = self.negotiate_deflate(connection, acceptance, output);
        acceptance.headers.write(output);
        output.extend_from_slice(b"\r\n");
        connection
    }

    /// Writes what is agreed on, and has the connection compress, if the client offers it and the
    /// server wants it.
    #[cfg(feature = "deflate")]
    fn negotiate_deflate(
        &self,
        connection: Connection,
        acceptance: &Acceptance<'_>,
        output: &mut Vec<u8>,
    ) -> Connection {
        let Some(options) = acceptance.deflate else {
            return connection;
        };
        match deflate::accept(&self.extensions, options) {
            None => connection,
            Some((answer, parameters)) => {
                let answer = answer.to_string();
                write_line("Sec-WebSocket-Extensions", answer.as_bytes(), output);
                connection.with_deflate(parameters, options)
            }
        }
    }
}

/// What a server says when it accepts an upgrade.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::Limits;
/// use chinwag::websocket::handshake::server::Acceptance;
///
/// let acceptance = Acceptance::new(Limits::default())
///     .subprotocol(Some("chat"))
///     .header("Set-Cookie", "seen=1; HttpOnly")?;
/// # Ok::<(), chinwag::websocket::handshake::HeadError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Acceptance<'o> {
    limits: Limits,
    subprotocol: Option<&'o str>,
    headers: HeaderLines,
    #[cfg(feature = "deflate")]
    deflate: Option<&'o DeflateOptions>,
}

impl<'o> Acceptance<'o> {
    /// Says nothing beside what RFC 6455 demands.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            subprotocol: None,
            headers: HeaderLines::default(),
            #[cfg(feature = "deflate")]
            deflate: None,
        }
    }

    /// Chooses a subprotocol; it is named only if the client offered it.
    #[must_use]
    pub fn subprotocol(mut self, subprotocol: Option<&'o str>) -> Self {
        self.subprotocol = subprotocol;
        self
    }

    /// Adds a header to the response.
    ///
    /// # Errors
    ///
    /// [`HeadError::BadHeaderName`], [`HeadError::BadHeaderValue`], [`HeadError::ReservedHeader`].
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, HeadError> {
        self.headers.push(name, value.as_ref())?;
        Ok(self)
    }

    /// Compresses messages with clients that offer permessage-deflate. Of what they offer, the
    /// first that can be met is accepted; in it, the smaller window of both sides' wishes counts,
    /// and no context takeover if either wishes so.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, options: &'o DeflateOptions) -> Self {
        self.deflate = Some(options);
        self
    }
}

/// Judges what makes a request an upgrade, and what an upgrade must not have.
fn judge_request(request: &Request<'_>) -> Result<(), HandshakeError> {
    if request.method() != "GET" {
        return Err(HandshakeError::MethodNotAllowed);
    }
    // RFC 9110 §7.8: HTTP/1.0 does not know upgrades.
    if request.version() != Version::Http11 {
        return Err(HandshakeError::UnsupportedHttpVersion);
    }
    // RFC 9110 §7.8: an Upgrade that Connection does not name was not meant for this hop.
    if !request.has_token("Upgrade", "websocket") || !request.has_token("Connection", "Upgrade") {
        return Err(HandshakeError::UpgradeRequired);
    }
    if request.header("Expect").is_some() {
        return Err(HandshakeError::UnsupportedExpectation);
    }
    // A body would be taken for frames by one side and for a body by the other.
    if request.content_len() > 0 {
        return Err(HandshakeError::BodyNotAllowed);
    }
    Ok(())
}

fn judge_version(request: &Request<'_>) -> Result<(), HandshakeError> {
    let name = "Sec-WebSocket-Version";
    match required(request, name)? {
        b"13" => Ok(()),
        version if is_version(version) => Err(HandshakeError::UnsupportedWebSocketVersion),
        _ => Err(HandshakeError::BadHeaderValue { name }),
    }
}

/// Returns whether the value is a number up to 255 without leading zeros (RFC 6455 §4.3).
fn is_version(value: &[u8]) -> bool {
    let is_plain =
        value.iter().all(u8::is_ascii_digit) && (value == b"0" || !value.starts_with(b"0"));
    is_plain && str::from_utf8(value).is_ok_and(|digits| digits.parse::<u8>().is_ok())
}

/// Parses the list of subprotocols, which are tokens (RFC 6455 §4.1).
fn parse_subprotocols<'a>(request: &Request<'a>) -> Result<Vec<&'a str>, HandshakeError> {
    let name = "Sec-WebSocket-Protocol";
    let bad = HandshakeError::BadHeaderValue { name };
    let mut subprotocols = Vec::new();
    for token in request.header_tokens(name) {
        let subprotocol = str::from_utf8(token)
            .ok()
            .filter(|_| is_token(token))
            .ok_or(bad)?;
        subprotocols.push(subprotocol);
    }
    if subprotocols.is_empty() && request.header(name).is_some() {
        return Err(bad);
    }
    Ok(subprotocols)
}

fn required<'a>(request: &Request<'a>, name: &'static str) -> Result<&'a [u8], HandshakeError> {
    request
        .header(name)
        .ok_or(HandshakeError::MissingHeader { name })
}
