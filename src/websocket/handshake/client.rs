//! The client's side of the opening handshake (RFC 6455 §4.1).
//!
//! [`ClientRequest`] says what to ask for, and may be used again; [`ClientRequest::start`] writes the
//! request; [`ClientHandshake`] judges the answer; what it makes is an [`Opened`], the only way to a
//! client's [`Connection`] that both sides have agreed to.

use std::fmt;

use rand::CryptoRng;

pub use crate::websocket::handshake::client_error::ClientHandshakeError;
pub use crate::websocket::handshake::response::Response;

use crate::websocket::connection::Connection;
#[cfg(feature = "deflate")]
use crate::websocket::deflate::{DeflateOptions, DeflateParameters};
use crate::websocket::handshake::accept_key::{accept_key, new_key};
#[cfg(feature = "deflate")]
use crate::websocket::handshake::deflate;
use crate::websocket::handshake::extension::ExtensionList;
use crate::websocket::handshake::fields::{Fields, is_token};
use crate::websocket::handshake::header_lines::{HeadError, HeaderLines, judge_value, write_line};
use crate::websocket::handshake::http::{HttpLimits, Version};
use crate::websocket::handshake::response::{StatusLine, parse_response};
use crate::websocket::handshake::scanner::{Head, Scanner};
use crate::websocket::handshake::uri::Uri;
use crate::websocket::limits::Limits;
use crate::websocket::mask::MaskingKeys;

/// What a client asks for.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::Limits;
/// use chinwag::websocket::handshake::client::{ClientRequest, Progress};
/// use chinwag::websocket::handshake::uri::Uri;
/// use rand::SeedableRng as _;
/// use rand::rngs::StdRng;
///
/// // A generator for a test; others take what can't be predicted.
/// let mut rng = StdRng::seed_from_u64(1);
/// let request = ClientRequest::new(Uri::parse("ws://example.com/chat")?)
///     .subprotocol("chat")?
///     .header("Authorization", "Bearer secret")?;
/// let mut output = Vec::new();
/// let handshake = request.start(&mut rng, &mut output);
/// assert!(output.starts_with(b"GET /chat HTTP/1.1\r\nHost: example.com\r\n"));
///
/// let mut input = &b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"[..];
/// match handshake.receive(&mut input)? {
///     Progress::Incomplete(_handshake) => unreachable!("the whole head was there"),
///     Progress::Opened(opened) => {
///         let _connection = opened.into_connection(Limits::default(), Box::new(rng));
///     }
///     Progress::Refused(response) => assert_eq!(response.status(), 401),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ClientRequest {
    uri: Uri,
    origin: Option<Vec<u8>>,
    headers: HeaderLines,
    subprotocols: Vec<String>,
    #[cfg(feature = "deflate")]
    deflate: Option<DeflateOptions>,
    limits: HttpLimits,
}

impl ClientRequest {
    /// Makes a request for a resource, which offers nothing beside what RFC 6455 demands.
    #[must_use]
    pub fn new(uri: Uri) -> Self {
        Self {
            uri,
            origin: None,
            headers: HeaderLines::default(),
            subprotocols: Vec::new(),
            #[cfg(feature = "deflate")]
            deflate: None,
            limits: HttpLimits::default(),
        }
    }

    /// Names the origin of the page for which a browser asks; other clients have none.
    ///
    /// # Errors
    ///
    /// [`HeadError::BadHeaderValue`].
    pub fn origin(mut self, origin: &str) -> Result<Self, HeadError> {
        self.origin = Some(judge_value(origin.as_bytes())?.to_owned());
        Ok(self)
    }

    /// Adds a header.
    ///
    /// # Errors
    ///
    /// [`HeadError::BadHeaderName`], [`HeadError::BadHeaderValue`], [`HeadError::ReservedHeader`].
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, HeadError> {
        self.headers.push(name, value.as_ref())?;
        Ok(self)
    }

    /// Offers a subprotocol; those offered before are preferred.
    ///
    /// # Errors
    ///
    /// [`HeadError::BadSubprotocol`], [`HeadError::RepeatedSubprotocol`] (RFC 6455 §4.1).
    pub fn subprotocol(mut self, subprotocol: &str) -> Result<Self, HeadError> {
        if !is_token(subprotocol.as_bytes()) {
            return Err(HeadError::BadSubprotocol);
        }
        if self.subprotocols.iter().any(|it| it == subprotocol) {
            return Err(HeadError::RepeatedSubprotocol);
        }
        self.subprotocols.push(subprotocol.to_owned());
        Ok(self)
    }

    /// Offers to compress messages (RFC 7692). A server may decline that; if it agrees to less than
    /// `options` demand of it, the handshake fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use chinwag::websocket::DeflateOptions;
    /// use chinwag::websocket::handshake::client::ClientRequest;
    /// use chinwag::websocket::handshake::uri::Uri;
    ///
    /// let request = ClientRequest::new(Uri::parse("ws://example.com/feed")?)
    ///     .deflate(&DeflateOptions::default());
    /// # Ok::<(), chinwag::websocket::handshake::uri::UriError>(())
    /// ```
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, options: &DeflateOptions) -> Self {
        self.deflate = Some(*options);
        self
    }

    /// Bounds the head of the response.
    #[must_use]
    pub fn head_limits(mut self, limits: HttpLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Returns where the request goes.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Makes the same request to another URI, to follow a redirect. What was added by
    /// [`header`](Self::header) goes to the same origin only: any of it may be a secret. Subprotocols
    /// and the origin stay.
    #[must_use]
    pub fn redirected_to(mut self, uri: Uri) -> Self {
        if !uri.is_same_origin(&self.uri) {
            self.headers = HeaderLines::default();
        }
        self.uri = uri;
        self
    }

    /// Appends the request, with a key from `rng`, and returns what awaits the answer. Nothing
    /// else is sent until that has come (RFC 6455 §4.1).
    ///
    /// `rng` is a generator of `rand` 0.10; `blocking::secure_rng` makes one.
    pub fn start(&self, rng: &mut impl CryptoRng, output: &mut Vec<u8>) -> ClientHandshake {
        let key = new_key(rng);
        output.extend_from_slice(b"GET ");
        output.extend_from_slice(self.uri.resource_name().as_bytes());
        output.extend_from_slice(b" HTTP/1.1\r\n");
        write_line("Host", self.uri.host_header().as_bytes(), output);
        write_line("Connection", b"Upgrade", output);
        self.headers.write(output);
        write_line("Upgrade", b"websocket", output);
        if let Some(origin) = &self.origin {
            write_line("Origin", origin, output);
        }
        write_line("Sec-WebSocket-Version", b"13", output);
        write_line("Sec-WebSocket-Key", key.as_bytes(), output);
        #[cfg(feature = "deflate")]
        if let Some(options) = &self.deflate {
            let offer = deflate::Offer::new(options).to_string();
            write_line("Sec-WebSocket-Extensions", offer.as_bytes(), output);
        }
        if !self.subprotocols.is_empty() {
            let list = self.subprotocols.join(", ");
            write_line("Sec-WebSocket-Protocol", list.as_bytes(), output);
        }
        output.extend_from_slice(b"\r\n");
        ClientHandshake {
            offer: Offer {
                accept_key: accept_key(key.as_bytes()),
                subprotocols: self.subprotocols.clone(),
                #[cfg(feature = "deflate")]
                deflate: self.deflate,
            },
            limits: self.limits,
            scanner: Scanner::new(&self.limits),
            received: Vec::new(),
            interim_count: 0,
        }
    }
}

/// A handshake of which the request is written, and the answer is awaited.
#[derive(Debug)]
pub struct ClientHandshake {
    offer: Offer,
    limits: HttpLimits,
    scanner: Scanner<StatusLine>,
    /// The beginning of a head; never longer than it may be, and one byte.
    received: Vec<u8>,
    interim_count: u32,
}

/// How far a handshake has come.
#[derive(Debug)]
pub enum Progress {
    /// All of the input is consumed, and the head of the response goes on.
    Incomplete(ClientHandshake),
    /// The connection is open.
    Opened(Opened),
    /// The server answered with another status than 101: it redirects (3xx), wants credentials
    /// (401), or refuses. The body is what stays in the input and what follows.
    Refused(Response),
}

impl ClientHandshake {
    /// Consumes from the front of `input` up to the end of the response's head. What follows it
    /// stays in `input`: frames, if the connection is open.
    ///
    /// Responses with another status below 200 are skipped (RFC 9110 §15.2).
    ///
    /// # Errors
    ///
    /// The first thing in the response that is wrong, as soon as it can be told. The transport is
    /// to be closed then.
    pub fn receive(mut self, input: &mut &[u8]) -> Result<Progress, ClientHandshakeError> {
        while let Some(head) = self.take_head(input)? {
            let (status_line, fields) = parse_response(&mut self.received, head)?;
            match status_line.status {
                101 => {
                    let opened = self.offer.judge(status_line, &fields)?;
                    return Ok(Progress::Opened(opened));
                }
                status @ 200.. => return Ok(Progress::Refused(Response::new(status, &fields))),
                _ => self.skip_interim()?,
            }
        }
        Ok(Progress::Incomplete(self))
    }

    /// Takes the next whole head from the front of `input`; `None`: all of `input` was taken.
    fn take_head(&mut self, input: &mut &[u8]) -> Result<Option<Head>, ClientHandshakeError> {
        let had_len = self.received.len();
        // One byte above the limit is enough for the scanner to refuse the head.
        let max_received_len = self.limits.max_head_len.saturating_add(1);
        let taken_len = input.len().min(max_received_len - had_len);
        self.received.extend_from_slice(&input[..taken_len]);
        let head = self.scanner.find_head(&self.received)?;
        let consumed_len = head.map_or(taken_len, |head| head.len - had_len);
        *input = &input[consumed_len..];
        Ok(head)
    }

    fn skip_interim(&mut self) -> Result<(), ClientHandshakeError> {
        self.interim_count += 1;
        if self.interim_count > MAX_INTERIM_COUNT {
            return Err(ClientHandshakeError::TooManyInterimResponses {
                max: MAX_INTERIM_COUNT,
            });
        }
        self.received.clear();
        self.scanner = Scanner::new(&self.limits);
        Ok(())
    }
}

/// What was offered, against which the answer is judged.
#[derive(Debug)]
struct Offer {
    accept_key: String,
    subprotocols: Vec<String>,
    #[cfg(feature = "deflate")]
    deflate: Option<DeflateOptions>,
}

impl Offer {
    /// Judges a response of status 101 in the order of RFC 6455 §4.1.
    fn judge(
        &self,
        status_line: StatusLine,
        fields: &Fields<'_>,
    ) -> Result<Opened, ClientHandshakeError> {
        if status_line.version != Version::Http11 {
            return Err(ClientHandshakeError::UnsupportedHttpVersion);
        }
        if let Some(name) = fields.repeated(&SINGLE_HEADERS) {
            return Err(ClientHandshakeError::RepeatedHeader { name });
        }
        let name = "Upgrade";
        if !required(fields, name)?.eq_ignore_ascii_case(b"websocket") {
            return Err(ClientHandshakeError::BadHeaderValue { name });
        }
        let name = "Connection";
        required(fields, name)?;
        if !fields.has_token(name, "Upgrade") {
            return Err(ClientHandshakeError::BadHeaderValue { name });
        }
        if required(fields, "Sec-WebSocket-Accept")? != self.accept_key.as_bytes() {
            return Err(ClientHandshakeError::WrongAcceptKey);
        }
        let name = "Sec-WebSocket-Extensions";
        let extensions = ExtensionList::parse(fields.all(name))
            .ok_or(ClientHandshakeError::BadHeaderValue { name })?;
        let deflate = self.judge_extensions(&extensions)?;
        let subprotocol = self.judge_subprotocol(fields)?;
        judge_body(fields)?;
        Ok(Opened {
            subprotocol,
            deflate,
            response: Response::new(status_line.status, fields),
        })
    }

    /// Judges what the server agrees to, of which only compression is offered.
    fn judge_extensions(
        &self,
        extensions: &ExtensionList<'_>,
    ) -> Result<Option<Deflate>, ClientHandshakeError> {
        #[cfg(feature = "deflate")]
        if let Some(options) = self.deflate {
            let parameters = deflate::Offer::new(&options).judge(extensions)?;
            return Ok(parameters.map(|parameters| Deflate {
                parameters,
                options,
            }));
        }
        match extensions.iter().next() {
            Some(_) => Err(ClientHandshakeError::UnofferedExtension),
            None => Ok(None),
        }
    }

    fn judge_subprotocol(
        &self,
        fields: &Fields<'_>,
    ) -> Result<Option<String>, ClientHandshakeError> {
        let Some(chosen) = fields.first("Sec-WebSocket-Protocol") else {
            return Ok(None);
        };
        let mut offered = self.subprotocols.iter();
        match offered.find(|offered| offered.as_bytes() == chosen) {
            Some(subprotocol) => Ok(Some(subprotocol.clone())),
            None => Err(ClientHandshakeError::UnofferedSubprotocol),
        }
    }
}

/// Judges that nothing but frames follows the head: a body would be taken for frames by one side.
fn judge_body(fields: &Fields<'_>) -> Result<(), ClientHandshakeError> {
    let has_body = fields.first("Transfer-Encoding").is_some()
        || fields.all("Content-Length").any(|len| len != b"0");
    match has_body {
        true => Err(ClientHandshakeError::BodyNotAllowed),
        false => Ok(()),
    }
}

fn required<'a>(fields: &Fields<'a>, name: &'static str) -> Result<&'a [u8], ClientHandshakeError> {
    fields
        .first(name)
        .ok_or(ClientHandshakeError::MissingHeader { name })
}

/// An opening handshake to which both sides have agreed.
#[derive(Debug)]
pub struct Opened {
    subprotocol: Option<String>,
    deflate: Option<Deflate>,
    response: Response,
}

/// What is agreed on about compression.
#[cfg(feature = "deflate")]
#[derive(Debug)]
struct Deflate {
    parameters: DeflateParameters,
    options: DeflateOptions,
}

/// Nothing is ever agreed on.
#[cfg(not(feature = "deflate"))]
#[derive(Debug)]
enum Deflate {}

impl Opened {
    /// Returns the subprotocol that the server chose among those offered.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Returns the response, of status 101.
    #[must_use]
    pub fn response(&self) -> &Response {
        &self.response
    }

    /// Returns what both sides agreed on, if they compress messages.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(&self) -> Option<DeflateParameters> {
        self.deflate.as_ref().map(|deflate| deflate.parameters)
    }

    /// Makes the connection. What the server sent after the response's head belongs to it.
    #[must_use]
    pub fn into_connection(
        self,
        limits: Limits,
        masking_keys: Box<dyn MaskingKeys + Send>,
    ) -> Connection {
        let connection = Connection::client(limits, masking_keys);
        match self.deflate {
            None => connection,
            #[cfg(feature = "deflate")]
            Some(deflate) => connection.with_deflate(deflate.parameters, &deflate.options),
        }
    }
}

/// Headers that a response has once: RFC 6455 §11.3.3 and §11.3.4, and §4.1 for Upgrade, which has
/// one value there.
const SINGLE_HEADERS: [&str; 3] = ["Upgrade", "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol"];

/// Shows no query, no header's value and no subprotocol: any of them may be a secret.
impl fmt::Debug for ClientRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientRequest")
            .field("uri", &self.uri)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

/// Interim responses before the last one. 8: a server has reason to send one or two.
const MAX_INTERIM_COUNT: u32 = 8;
