//! Opens connections as a server: reads a request, asks the application, answers.

use std::io::{Read, Write};

use crate::websocket::blocking::clock::now;
use crate::websocket::blocking::error::{Error, Timeout, is_would_block};
use crate::websocket::blocking::socket::Socket;
use crate::websocket::blocking::timeouts::{DRAIN_TIMEOUT, Timeouts};
use crate::websocket::blocking::transport::Transport;
use crate::websocket::blocking::web_socket::WebSocket;
use crate::websocket::connection::Connection;
use crate::websocket::handshake::http::{HeadScanner, HttpLimits, Request, parse_request};
use crate::websocket::handshake::server::Upgrade;
use crate::websocket::handshake::{HandshakeError, Origin};
use crate::websocket::limits::Limits;

/// Makes connections of streams on which clients ask for them (RFC 6455 §4.2).
///
/// # Examples
///
/// ```no_run
/// use std::net::TcpStream;
///
/// use chinwag::websocket::blocking::{Acceptance, Acceptor, Error, Refusal, WebSocket};
/// use chinwag::websocket::handshake::{HandshakeError, Origin, origin_allowed};
///
/// fn open(stream: TcpStream, origins: &[Origin]) -> Result<WebSocket<TcpStream>, Error> {
///     Acceptor::new().accept(stream, |request, upgrade| {
///         if request.path() != "/chat" {
///             return Err(Refusal::response("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n"));
///         }
///         match request.header("Origin") {
///             Some(origin) if !origin_allowed(origin, origins) => {
///                 return Err(HandshakeError::OriginNotAllowed.into());
///             }
///             _ => {}
///         }
///         let subprotocol = upgrade.subprotocols().find(|offered| *offered == "chat.v1");
///         Ok(Acceptance::new().with_subprotocol(subprotocol))
///     })
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Acceptor {
    limits: Limits,
    http_limits: HttpLimits,
    timeouts: Timeouts,
}

/// The application's consent to a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acceptance {
    subprotocol: Option<String>,
}

/// The application's answer to a request that becomes no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    response: Vec<u8>,
    error: Option<HandshakeError>,
}

impl Acceptor {
    /// Makes an acceptor with the defaults of all limits.
    #[must_use]
    pub fn new() -> Self {
        Self {
            limits: Limits::default(),
            http_limits: HttpLimits::default(),
            timeouts: Timeouts::server(),
        }
    }

    /// Sets what peers may make a connection hold.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how long a request may be.
    #[must_use]
    pub fn with_http_limits(mut self, http_limits: HttpLimits) -> Self {
        self.http_limits = http_limits;
        self
    }

    /// Sets how long a socket waits for its peer.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Opens a connection over a socket, unless the request is not acceptable or `decide` refuses it.
    ///
    /// `decide` sees requests only that ask for a WebSocket as RFC 6455 §4.2.1 says. Whether the
    /// page that asks may (`Origin`), and whether the path exists, is its business: see
    /// [`same_origin`].
    ///
    /// # Errors
    ///
    /// [`Error::Handshake`] and [`Error::Refused`] when the client was answered so,
    /// [`Error::TimedOut`] when its request was not there in time, [`Error::Truncated`] when it
    /// ended too early, [`Error::Io`].
    pub fn accept<S, D>(&self, stream: S, decide: D) -> Result<WebSocket<S>, Error>
    where
        S: Socket,
        D: FnOnce(&Request<'_>, &Upgrade<'_>) -> Result<Acceptance, Refusal>,
    {
        self.open(Transport::over_socket(stream, Vec::new()), decide)
    }

    /// Opens a connection over any stream, as [`accept`](Self::accept) does: without deadlines, and
    /// without ending the stream, which is the application's to do.
    ///
    /// # Errors
    ///
    /// Those of [`accept`](Self::accept).
    pub fn accept_stream<S, D>(&self, stream: S, decide: D) -> Result<WebSocket<S>, Error>
    where
        S: Read + Write,
        D: FnOnce(&Request<'_>, &Upgrade<'_>) -> Result<Acceptance, Refusal>,
    {
        self.open(Transport::over_stream(stream, Vec::new()), decide)
    }

    fn open<S, D>(&self, mut transport: Transport<S>, decide: D) -> Result<WebSocket<S>, Error>
    where
        S: Read + Write,
        D: FnOnce(&Request<'_>, &Upgrade<'_>) -> Result<Acceptance, Refusal>,
    {
        transport.set_write_timeout(Some(self.timeouts.open_timeout))?;
        let opened = match self.receive_head(&mut transport) {
            Ok(head_len) => self.judge(&mut transport, head_len, decide),
            Err(error) => Err(error),
        };
        match opened {
            Ok(connection) => {
                transport.flush()?;
                WebSocket::over_transport(transport, connection, self.timeouts)
            }
            Err(error) => {
                if let Error::Handshake(error) = &error {
                    error.write_response(transport.buffers().1);
                }
                if transport.has_output() && transport.flush().is_ok() {
                    transport.end(false, now() + DRAIN_TIMEOUT);
                }
                Err(error)
            }
        }
    }

    /// Waits for a whole head, and returns its length.
    fn receive_head<S: Read + Write>(&self, transport: &mut Transport<S>) -> Result<usize, Error> {
        let deadline = now() + self.timeouts.open_timeout;
        let mut scanner = HeadScanner::new(&self.http_limits);
        loop {
            if let Some(head_len) = scanner.scan(transport.buffers().0)? {
                return Ok(head_len);
            }
            match transport.fill(Some(deadline)) {
                Ok(0) => return Err(Error::Truncated),
                Ok(_) => {}
                Err(error) if is_would_block(&error) => {
                    return Err(Error::TimedOut(Timeout::Open));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Judges the request, and appends the answer to it; that to a [`HandshakeError`] is missing.
    fn judge<S, D>(
        &self,
        transport: &mut Transport<S>,
        head_len: usize,
        decide: D,
    ) -> Result<Connection, Error>
    where
        S: Read + Write,
        D: FnOnce(&Request<'_>, &Upgrade<'_>) -> Result<Acceptance, Refusal>,
    {
        let (input, output) = transport.buffers();
        let (request, _) =
            parse_request(&input[..head_len], &self.http_limits)?.expect("the head is complete");
        let upgrade = Upgrade::from_request(&request)?;
        let connection = match decide(&request, &upgrade) {
            Ok(acceptance) => {
                upgrade.accept(acceptance.subprotocol.as_deref(), self.limits, output)
            }
            Err(Refusal {
                error: Some(error), ..
            }) => return Err(error.into()),
            Err(refusal) => {
                output.extend_from_slice(&refusal.response);
                return Err(Error::Refused);
            }
        };
        transport.take(head_len);
        Ok(connection)
    }
}

impl Default for Acceptor {
    fn default() -> Self {
        Self::new()
    }
}

impl Acceptance {
    /// Consents.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses a subprotocol, which is named to the client only if it has offered it.
    #[must_use]
    pub fn with_subprotocol(mut self, subprotocol: Option<&str>) -> Self {
        self.subprotocol = subprotocol.map(str::to_owned);
        self
    }
}

impl Refusal {
    /// Refuses with a whole HTTP response.
    #[must_use]
    pub fn response(response: impl Into<Vec<u8>>) -> Self {
        Self {
            response: response.into(),
            error: None,
        }
    }
}

/// Refuses with the response that belongs to the error.
impl From<HandshakeError> for Refusal {
    fn from(error: HandshakeError) -> Self {
        Self {
            response: Vec::new(),
            error: Some(error),
        }
    }
}

/// Consents to every request but those of other sites' pages: what a server wants that knows users
/// by cookies, or by their place in the network (RFC 6455 §10.2). What is no browser sends no
/// `Origin`, and passes.
///
/// # Errors
///
/// [`HandshakeError::OriginNotAllowed`], as a refusal.
pub fn same_origin(request: &Request<'_>, _: &Upgrade<'_>) -> Result<Acceptance, Refusal> {
    let is_same = |origin| {
        let host = request.host();
        Origin::parse(origin)
            .zip(host)
            .is_some_and(|(origin, host)| origin.is_same_origin(host, false))
    };
    match request.header("Origin") {
        Some(origin) if !is_same(origin) => Err(HandshakeError::OriginNotAllowed.into()),
        _ => Ok(Acceptance::new()),
    }
}
