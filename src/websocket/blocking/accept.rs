//! Opens connections as a server: reads a request, asks the application, answers.

use std::io::{Read, Write};

use crate::websocket::blocking::clock::deadline_after;
use crate::websocket::blocking::codecs::Codecs;
use crate::websocket::blocking::error::{Error, Timeout, is_would_block};
use crate::websocket::blocking::socket::Socket;
use crate::websocket::blocking::timeouts::{DRAIN_TIMEOUT, Timeouts};
use crate::websocket::blocking::transport::Transport;
use crate::websocket::blocking::web_socket::WebSocket;
use crate::websocket::connection::Connection;
#[cfg(feature = "deflate")]
use crate::websocket::deflate::DeflateOptions;
use crate::websocket::handshake::http::{HeadScanner, HttpLimits, Request, parse_request};
use crate::websocket::handshake::server::{Acceptance, Refusal, Upgrade};
use crate::websocket::handshake::{HandshakeError, Origin};
use crate::websocket::limits::Limits;

/// Makes connections of streams on which clients ask for them (RFC 6455 §4.2). A server makes one,
/// and clones it for its threads.
///
/// # Examples
///
/// ```no_run
/// use std::net::TcpStream;
///
/// use chinwag::websocket::blocking::{Acceptor, Error, WebSocket};
/// use chinwag::websocket::handshake::server::Refusal;
/// use chinwag::websocket::handshake::{HandshakeError, Origin, origin_allowed};
///
/// fn open(stream: TcpStream, origins: &[Origin]) -> Result<WebSocket<TcpStream>, Error> {
///     Acceptor::new().accept(stream, |request, upgrade, acceptance| {
///         if request.path() != "/chat" {
///             return Err(Refusal::new(404).expect("it is a status of an error"));
///         }
///         match request.header("Origin") {
///             Some(origin) if !origin_allowed(origin, origins) => {
///                 Err(HandshakeError::OriginNotAllowed.into())
///             }
///             _ => Ok(acceptance.subprotocol(upgrade.select_subprotocol(&["chat.v1"]))),
///         }
///     })
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Acceptor {
    limits: Limits,
    http_limits: HttpLimits,
    timeouts: Timeouts,
    delivers_while_closing: bool,
    codecs: Codecs,
    #[cfg(feature = "deflate")]
    deflate: Option<DeflateOptions>,
}

impl Acceptor {
    /// Makes an acceptor with the defaults of all limits.
    #[must_use]
    pub fn new() -> Self {
        Self {
            limits: Limits::default(),
            http_limits: HttpLimits::default(),
            timeouts: Timeouts::server(),
            delivers_while_closing: false,
            codecs: Codecs::shared(),
            #[cfg(feature = "deflate")]
            deflate: None,
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

    /// Makes connections hand out messages that come between their own Close and the client's. That
    /// is for those that are split: [`Writer::close`](crate::websocket::blocking::Writer::close)
    /// sends the Close while the reader goes on. [`WebSocket::close`] reads to the end itself, and
    /// drops what it reads.
    #[must_use]
    pub fn with_delivery_while_closing(mut self) -> Self {
        self.delivers_while_closing = true;
        self
    }

    /// Compresses messages with clients that offer it. Connections that compress each message on its
    /// own (`server_no_context_takeover`, `client_no_context_takeover`) hold no codec between
    /// messages: those of an acceptor and its clones lend each other theirs.
    ///
    /// # Examples
    ///
    /// ```
    /// use chinwag::websocket::blocking::Acceptor;
    /// use chinwag::websocket::{DeflateOptions, Limits};
    ///
    /// let mut limits = Limits::default();
    /// limits.max_message_len = 128 * 1024; // of inflated messages, too
    /// let acceptor = Acceptor::new().with_limits(limits).with_deflate(DeflateOptions::default());
    /// ```
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(mut self, options: DeflateOptions) -> Self {
        self.deflate = Some(options);
        self
    }

    /// Opens a connection over a socket, unless the request is not acceptable or `decide` refuses it.
    ///
    /// `decide` sees requests only that ask for a WebSocket as RFC 6455 §4.2.1 says. Whether the
    /// page that asks may (`Origin`), and whether the path exists, is its business: see
    /// [`same_origin`]. It returns the acceptance it was given, with what it has to add: a
    /// subprotocol, headers. It is a `fn`, or a closure that is written where it is handed over: one
    /// that comes out of a variable would have its lifetimes inferred too early.
    ///
    /// What the connection's server must know of the request, the closure keeps:
    ///
    /// ```no_run
    /// use std::net::TcpStream;
    ///
    /// use chinwag::websocket::blocking::{Acceptor, Error, WebSocket};
    ///
    /// struct Visitor {
    ///     socket: WebSocket<TcpStream>,
    ///     path: String,
    ///     subprotocol: Option<String>,
    /// }
    ///
    /// fn welcome(stream: TcpStream, supported: &[&str]) -> Result<Visitor, Error> {
    ///     let (mut path, mut subprotocol) = (String::new(), None);
    ///     let socket = Acceptor::new().accept(stream, |request, upgrade, acceptance| {
    ///         let chosen = upgrade.select_subprotocol(supported);
    ///         path = request.path().to_owned();
    ///         subprotocol = chosen.map(str::to_owned);
    ///         Ok(acceptance.subprotocol(chosen))
    ///     })?;
    ///     Ok(Visitor { socket, path, subprotocol })
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Handshake`] and [`Error::Refused`] when the client was answered so,
    /// [`Error::TimedOut`] when its request was not there in time, [`Error::Truncated`] when it
    /// ended too early, [`Error::Io`].
    pub fn accept<S, D>(&self, stream: S, decide: D) -> Result<WebSocket<S>, Error>
    where
        S: Socket,
        D: for<'a> FnOnce(
            &'a Request<'a>,
            &'a Upgrade<'a>,
            Acceptance<'a>,
        ) -> Result<Acceptance<'a>, Refusal>,
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
        D: for<'a> FnOnce(
            &'a Request<'a>,
            &'a Upgrade<'a>,
            Acceptance<'a>,
        ) -> Result<Acceptance<'a>, Refusal>,
    {
        self.open(Transport::over_stream(stream, Vec::new()), decide)
    }

    fn open<S, D>(&self, mut transport: Transport<S>, decide: D) -> Result<WebSocket<S>, Error>
    where
        S: Read + Write,
        D: for<'a> FnOnce(
            &'a Request<'a>,
            &'a Upgrade<'a>,
            Acceptance<'a>,
        ) -> Result<Acceptance<'a>, Refusal>,
    {
        transport.set_write_timeout(Some(self.timeouts.open_timeout))?;
        let opened = match self.receive_head(&mut transport) {
            Ok(head_len) => self.judge(&mut transport, head_len, decide),
            Err(error) => Err(error),
        };
        match opened {
            Ok(mut connection) => {
                if self.delivers_while_closing {
                    connection.deliver_while_closing();
                }
                transport.flush(None)?;
                let codecs = self.codecs.clone();
                let timeouts = self.timeouts;
                Ok(WebSocket::over_transport(
                    transport, connection, timeouts, codecs,
                )?)
            }
            Err(error) => {
                if let Error::Handshake(error) = &error {
                    error.write_response(transport.buffers().1);
                }
                if transport.has_output() && transport.flush(None).is_ok() {
                    transport.end(false, deadline_after(DRAIN_TIMEOUT));
                }
                Err(error)
            }
        }
    }

    /// Waits for a whole head, and returns its length.
    fn receive_head<S: Read + Write>(&self, transport: &mut Transport<S>) -> Result<usize, Error> {
        let deadline = deadline_after(self.timeouts.open_timeout);
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
        D: for<'a> FnOnce(
            &'a Request<'a>,
            &'a Upgrade<'a>,
            Acceptance<'a>,
        ) -> Result<Acceptance<'a>, Refusal>,
    {
        let is_secure = transport.socket().is_some_and(|it| it.is_secure());
        let (input, output) = transport.buffers();
        let (request, _) =
            parse_request(&input[..head_len], &self.http_limits)?.expect("the head is complete");
        let upgrade = match is_secure {
            true => Upgrade::from_request(&request)?.over_tls(),
            false => Upgrade::from_request(&request)?,
        };
        let acceptance = Acceptance::new(self.limits);
        #[cfg(feature = "deflate")]
        let acceptance = match &self.deflate {
            Some(options) => acceptance.deflate(options),
            None => acceptance,
        };
        let connection = match decide(&request, &upgrade, acceptance) {
            Ok(acceptance) => upgrade.clone().accept_with(&acceptance, output),
            Err(refusal) => {
                refusal.write(output);
                return Err(Error::Refused {
                    status: refusal.status(),
                });
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

/// Consents to every request but those of other sites' pages: what a server wants that knows users
/// by cookies, or by their place in the network (RFC 6455 §10.2). What is no browser sends no
/// `Origin`, and passes.
///
/// Over TLS, a page that came in the clear is one of another site. Where it is unknown whether there
/// is TLS (a proxy may add it, or an application beneath [`Acceptor::accept_stream`]), `http` and
/// `https` both pass.
///
/// # Errors
///
/// [`HandshakeError::OriginNotAllowed`], as a refusal.
pub fn same_origin<'a>(
    request: &'a Request<'a>,
    upgrade: &'a Upgrade<'a>,
    acceptance: Acceptance<'a>,
) -> Result<Acceptance<'a>, Refusal> {
    let is_same = |origin| {
        Origin::parse(origin)
            .zip(request.host())
            .is_some_and(|(origin, host)| origin.is_same_origin(host, upgrade.is_over_tls()))
    };
    match request.header("Origin") {
        Some(origin) if !is_same(origin) => Err(HandshakeError::OriginNotAllowed.into()),
        _ => Ok(acceptance),
    }
}
