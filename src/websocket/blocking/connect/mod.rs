//! Opens connections as a client: finds the way to the server, asks, judges the answer.
//!
//! ```text
//!   turn at the address ─► TCP, Unix ─► proxy's tunnel ─► TLS ─► request ─► answer: open
//!            ▲                                                                │
//!            └─────────────────────────── redirect ───────────────────────────┘
//! ```

mod body;
#[cfg(feature = "tls")]
mod client_tls;
mod dial;
mod error;
mod redirect;
mod socket;
mod stream;
mod turnstile;

use std::fmt;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

#[cfg(feature = "tls")]
pub use client_tls::{ClientTls, TlsSettingsError};
pub use error::ConnectError;
pub use redirect::RedirectError;
pub use socket::ClientSocket;
pub use stream::ClientStream;

use crate::websocket::blocking::clock::deadline_after;
use crate::websocket::blocking::codecs::Codecs;
use crate::websocket::blocking::connect::redirect::Redirects;
use crate::websocket::blocking::connect::turnstile::{Remote, Turn, Turnstile};
use crate::websocket::blocking::proxy::{Proxies, Target};
use crate::websocket::blocking::random::secure_rng;
use crate::websocket::blocking::socket::Socket;
use crate::websocket::blocking::timeouts::Timeouts;
use crate::websocket::blocking::transport::Transport;
use crate::websocket::blocking::web_socket::WebSocket;
use crate::websocket::handshake::client::{ClientRequest, Opened, Progress, Response};
use crate::websocket::handshake::uri::Uri;
use crate::websocket::limits::Limits;
use crate::websocket::mask::MaskingKeys;

/// Opens a connection to a URI, with the defaults of everything.
///
/// # Errors
///
/// Those of [`Connector::connect`].
///
/// # Examples
///
/// ```no_run
/// use chinwag::websocket::Message;
/// use chinwag::websocket::blocking::connect;
///
/// let mut socket = connect("ws://127.0.0.1:9001/")?;
/// socket.send(&Message::text("Hello"))?;
/// println!("{:?}", socket.read()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn connect(uri: &str) -> Result<WebSocket<ClientStream>, ConnectError> {
    let request = ClientRequest::new(Uri::parse(uri)?);
    Ok(Connector::new().connect(&request)?.web_socket)
}

/// Makes connections to servers (RFC 6455 §4.1). What is asked for there is in a [`ClientRequest`].
///
/// A connector and its clones open one connection at a time to each address and port, and a few at
/// a time through proxies that resolve names themselves, as RFC 6455 §4.1 demands; others wait, for
/// as long as [`open_timeout`](Timeouts::open_timeout) lets them. Connectors made apart know nothing
/// of each other: a program that is to keep the rule as a whole makes one and clones it.
///
/// # Examples
///
/// ```no_run
/// use chinwag::websocket::blocking::{Connector, Proxies};
/// use chinwag::websocket::handshake::client::ClientRequest;
///
/// let connector = Connector::new().with_proxies(Proxies::from_environment()?).with_redirects(5);
/// let request = ClientRequest::new("wss://example.com/chat".parse()?)
///     .subprotocol("chat.v1")?
///     .header("Authorization", "Bearer secret")?;
/// let connected = connector.connect(&request)?;
/// assert_eq!(connected.subprotocol.as_deref(), Some("chat.v1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Connector {
    limits: Limits,
    timeouts: Timeouts,
    max_redirect_count: usize,
    proxies: Proxies,
    unix_path: Option<PathBuf>,
    delivers_while_closing: bool,
    #[cfg(feature = "tls")]
    tls: Option<ClientTls>,
    turnstile: Arc<Turnstile>,
    codecs: Codecs,
}

/// An open connection, and what the server said as it opened it.
#[non_exhaustive]
pub struct Connected<S = ClientStream> {
    /// The connection.
    pub web_socket: WebSocket<S>,
    /// The subprotocol that the server chose among those offered.
    pub subprotocol: Option<String>,
    /// The server's answer, of status 101.
    pub response: Response,
    /// Where it came from: the last redirect's word.
    pub uri: Uri,
}

impl Connector {
    /// Makes a connector with the defaults of all limits, that connects directly, follows no
    /// redirect, and trusts whom the system trusts.
    #[must_use]
    pub fn new() -> Self {
        Self {
            limits: Limits::default(),
            timeouts: Timeouts::client(),
            max_redirect_count: 0,
            proxies: Proxies::none(),
            unix_path: None,
            delivers_while_closing: false,
            #[cfg(feature = "tls")]
            tls: None,
            turnstile: Arc::default(),
            codecs: Codecs::shared(),
        }
    }

    /// Sets what servers may make a connection hold.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how long the connector and its connections wait.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Follows up to `max_count` redirects of an attempt. `wss` is never left for `ws`. The headers
    /// that the caller has added, any of which may be a secret, and the client's certificate are for
    /// the origin that was asked first only. Subprotocols and `Origin` go everywhere: who puts a
    /// secret into them follows no redirects.
    #[must_use]
    pub fn with_redirects(mut self, max_count: usize) -> Self {
        self.max_redirect_count = max_count;
        self
    }

    /// Sets which proxy leads to which server.
    #[must_use]
    pub fn with_proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Connects to this Unix socket, whatever host the URI names; no proxy is asked then.
    #[cfg(unix)]
    #[must_use]
    pub fn with_unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.unix_path = Some(path.into());
        self
    }

    /// Makes connections hand out messages that come between their own Close and the server's. That
    /// is for those that are split: [`Writer::close`](crate::websocket::blocking::Writer::close)
    /// sends the Close while the reader goes on. [`WebSocket::close`] reads to the end itself, and
    /// drops what it reads.
    #[must_use]
    pub fn with_delivery_while_closing(mut self) -> Self {
        self.delivers_while_closing = true;
        self
    }

    /// Sets whom to trust, and who the client is. By default the system's authorities are read for
    /// each connection: whoever makes many sets [`ClientTls::system`] once.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(mut self, tls: ClientTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Opens a connection, in [`open_timeout`](Timeouts::open_timeout) at most; only resolving a name
    /// takes as long as the system likes.
    ///
    /// # Errors
    ///
    /// The first step that failed.
    pub fn connect(&self, request: &ClientRequest) -> Result<Connected, ConnectError> {
        let deadline = deadline_after(self.timeouts.open_timeout);
        let mut redirects = Redirects::new(self.max_redirect_count);
        let mut request = request.clone();
        loop {
            let refused = match self.open(&request, &redirects, deadline)? {
                Answer::Connected(connected) => return Ok(*connected),
                Answer::Refused(refused) => refused,
            };
            let (status, location) = refused.status_and_location();
            let Some(uri) = redirects.follow(request.uri(), status, location)? else {
                return Err(refused.into_error(None));
            };
            if self.unix_path.is_some() && redirects.has_left_origin() {
                return Err(RedirectError::OtherHost.into());
            }
            request = request.redirected_to(uri);
        }
    }

    /// Opens a connection over a socket that leads to the server already, in
    /// [`open_timeout`](Timeouts::open_timeout) at most: one with settings of TLS that `ClientTls`
    /// does not have, say. The URI is for the request only.
    ///
    /// Neither proxies nor redirects are followed, and nobody waits for a turn: to open one
    /// connection at a time to each address, as RFC 6455 §4.1 demands, is the caller's duty.
    ///
    /// # Errors
    ///
    /// The first step that failed.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "tls", doc = "```no_run")]
    #[cfg_attr(not(feature = "tls"), doc = "```ignore")]
    /// use std::net::TcpStream;
    /// use std::sync::Arc;
    ///
    /// use chinwag::websocket::blocking::rustls::{ClientConfig, ClientConnection};
    /// use chinwag::websocket::blocking::{Connector, TlsStream, WebSocket};
    /// use chinwag::websocket::handshake::client::ClientRequest;
    ///
    /// # fn open(config: ClientConfig)
    /// #     -> Result<WebSocket<TlsStream<TcpStream>>, Box<dyn std::error::Error>> {
    /// let tls = ClientConnection::new(Arc::new(config), "example.com".try_into()?)?;
    /// let stream = TlsStream::client(tls, TcpStream::connect("example.com:443")?);
    /// let request = ClientRequest::new("wss://example.com/chat".parse()?);
    /// let connected = Connector::new().connect_socket(stream, &request)?;
    /// # Ok(connected.web_socket)
    /// # }
    /// ```
    pub fn connect_socket<S: Socket>(
        &self,
        stream: S,
        request: &ClientRequest,
    ) -> Result<Connected<S>, ConnectError> {
        let deadline = deadline_after(self.timeouts.open_timeout);
        let mut transport = Transport::over_socket(stream, Vec::new());
        transport
            .set_write_timeout(Some(self.timeouts.open_timeout))
            .map_err(ConnectError::from_stream)?;
        self.connect_over(transport, request, Some(deadline))
    }

    /// Opens a connection over any stream, as [`connect_socket`](Self::connect_socket) does: without
    /// deadlines, and without ending the stream, which is the application's to do.
    ///
    /// # Errors
    ///
    /// Those of [`connect_socket`](Self::connect_socket); [`ConnectError::TimedOut`] if the stream
    /// itself gives up waiting.
    pub fn connect_stream<S: Read + Write>(
        &self,
        stream: S,
        request: &ClientRequest,
    ) -> Result<Connected<S>, ConnectError> {
        self.connect_over(Transport::over_stream(stream, Vec::new()), request, None)
    }

    fn connect_over<S: Read + Write>(
        &self,
        transport: Transport<S>,
        request: &ClientRequest,
        deadline: Option<Instant>,
    ) -> Result<Connected<S>, ConnectError> {
        match self.ask(transport, request, deadline)? {
            Answer::Connected(connected) => Ok(*connected),
            Answer::Refused(refused) => Err(refused.into_error(deadline)),
        }
    }

    /// Finds the way to one server, asks it, and returns its answer.
    fn open(
        &self,
        request: &ClientRequest,
        redirects: &Redirects,
        deadline: Instant,
    ) -> Result<Answer<ClientStream>, ConnectError> {
        let uri = request.uri();
        // RFC 6455 §4.1: the turn lasts until the handshake is settled.
        let (socket, _turn) = self.reach(uri, deadline)?;
        let stream = self.secure(socket, uri, redirects)?;
        // The socket keeps the deadline itself.
        self.ask(Transport::over_socket(stream, Vec::new()), request, None)
    }

    /// Asks the server at the other end of a stream, and returns its answer.
    fn ask<S: Read + Write>(
        &self,
        mut transport: Transport<S>,
        request: &ClientRequest,
        deadline: Option<Instant>,
    ) -> Result<Answer<S>, ConnectError> {
        let mut rng = secure_rng();
        let mut handshake = request.start(&mut rng, transport.buffers().1);
        // TLS of the caller's whose handshake is not done has to read before it can write.
        transport
            .limit_reading(deadline)
            .and_then(|()| transport.flush(deadline))
            .map_err(ConnectError::from_stream)?;
        loop {
            let filled = transport.fill(deadline);
            if filled.map_err(ConnectError::from_stream)? == 0 {
                return Err(ConnectError::Truncated);
            }
            let received = transport.buffers().0;
            let mut input = &*received;
            let received_len = input.len();
            let progress = handshake.receive(&mut input)?;
            let taken_len = received_len - input.len();
            transport.take(taken_len);
            match progress {
                Progress::Incomplete(unfinished) => handshake = unfinished,
                Progress::Refused(response) => {
                    return Ok(Answer::Refused(Refused {
                        transport,
                        response: Box::new(response),
                    }));
                }
                Progress::Opened(opened) => {
                    let uri = request.uri().clone();
                    let connected = self.finish(transport, opened, Box::new(rng), uri)?;
                    return Ok(Answer::Connected(Box::new(connected)));
                }
            }
        }
    }

    /// Reaches the server's port, directly or through whatever the settings say.
    fn reach(&self, uri: &Uri, deadline: Instant) -> Result<(ClientSocket, Turn), ConnectError> {
        let target = Target {
            host: uri.host(),
            port: uri.port(),
        };
        let enter = |remote| self.turnstile.enter(remote, deadline);
        #[cfg(unix)]
        if let Some(path) = &self.unix_path {
            let turn = enter(Remote::Path(path.clone())).ok_or(ConnectError::TimedOut)?;
            return Ok((dial::dial_unix(path, deadline)?, turn));
        }
        let proxy = self
            .proxies
            .choose(target.host, target.port, uri.is_secure());
        let Some(proxy) = proxy else {
            return dial::dial(target, deadline, |address| enter(Remote::Address(address)));
        };
        let remote = Remote::Name(target.host.to_owned(), target.port);
        let turn = enter(remote).ok_or(ConnectError::TimedOut)?;
        let to_proxy = Target {
            host: proxy.host(),
            port: proxy.port(),
        };
        let (socket, ()) = dial::dial(to_proxy, deadline, |_| Some(()))?;
        Ok((dial::tunnel(socket, proxy, target)?, turn))
    }

    /// Puts TLS on the way to a server that is asked for by `wss`.
    #[cfg(feature = "tls")]
    fn secure(
        &self,
        socket: ClientSocket,
        uri: &Uri,
        redirects: &Redirects,
    ) -> Result<ClientStream, ConnectError> {
        if !uri.is_secure() {
            return Ok(ClientStream::Plain(socket));
        }
        let system;
        let tls = match &self.tls {
            Some(tls) => tls,
            None => {
                system = ClientTls::system().map_err(ConnectError::TlsSettings)?;
                &system
            }
        };
        client_tls::secure(socket, tls.config(!redirects.has_left_origin()), uri.host())
    }

    /// Refuses `wss`, for which there is no TLS.
    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_self, reason = "with TLS, its settings are there")]
    fn secure(
        &self,
        socket: ClientSocket,
        uri: &Uri,
        _: &Redirects,
    ) -> Result<ClientStream, ConnectError> {
        if uri.is_secure() {
            return Err(ConnectError::TlsMissing);
        }
        Ok(ClientStream::Plain(socket))
    }

    /// Hands the stream to the connection that both sides have agreed to.
    fn finish<S: Read + Write>(
        &self,
        transport: Transport<S>,
        opened: Opened,
        masking_keys: Box<dyn MaskingKeys + Send>,
        uri: Uri,
    ) -> Result<Connected<S>, ConnectError> {
        let subprotocol = opened.subprotocol().map(str::to_owned);
        let response = opened.response().clone();
        let mut connection = opened.into_connection(self.limits, masking_keys);
        if self.delivers_while_closing {
            connection.deliver_while_closing();
        }
        let codecs = self.codecs.clone();
        let web_socket = WebSocket::over_transport(transport, connection, self.timeouts, codecs);
        let web_socket = web_socket.map_err(ConnectError::from_stream)?;
        Ok(Connected {
            web_socket,
            subprotocol,
            response,
            uri,
        })
    }
}

impl Default for Connector {
    fn default() -> Self {
        Self::new()
    }
}

/// Whatever the stream is.
impl<S> fmt::Debug for Connected<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected")
            .field("web_socket", &self.web_socket)
            .field("subprotocol", &self.subprotocol)
            .field("response", &self.response)
            .field("uri", &self.uri)
            .finish()
    }
}

/// What a server said.
enum Answer<S> {
    Connected(Box<Connected<S>>),
    Refused(Refused<S>),
}

/// A stream that is no connection: perhaps the server says why.
struct Refused<S> {
    transport: Transport<S>,
    response: Box<Response>,
}

impl<S: Read + Write> Refused<S> {
    fn status_and_location(&self) -> (u16, Option<&[u8]>) {
        (self.response.status(), self.response.header("Location"))
    }

    fn into_error(mut self, deadline: Option<Instant>) -> ConnectError {
        let body = body::read_body(&mut self.transport, &self.response, deadline);
        ConnectError::Refused {
            response: self.response,
            body,
        }
    }
}
