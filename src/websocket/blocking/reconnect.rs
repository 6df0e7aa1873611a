//! A client that comes back: connects anew when the connection is lost, after a random wait.
//!
//! ```text
//!              connected                       lost
//!   Waiting ──────────────► Open ──────────────────────────► Waiting, or Ended
//!    │   ▲                                                     where trying again is of no use
//!    └───┘ not connected
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng as _;

use crate::websocket::blocking::backoff::{Backoff, BackoffPolicy};
use crate::websocket::blocking::clock::{deadline_after, now};
use crate::websocket::blocking::connect::{ConnectError, Connected, Connector};
use crate::websocket::blocking::error::Error;
use crate::websocket::blocking::reconnect_handle::{Link, ReconnectHandle};
use crate::websocket::blocking::split::{Reader, Writer};
use crate::websocket::blocking::web_socket::Closed;
use crate::websocket::close::CloseCode;
use crate::websocket::handshake::client::{ClientRequest, Response};
use crate::websocket::message::Message;

/// A client that is told of each connection and of each loss by [`next_event`](Self::next_event), in
/// one thread. Others send and close meanwhile, with a [`ReconnectHandle`].
///
/// What was sent on a connection that was lost may have arrived or not: only the application knows
/// how to ask. A lost server is noticed by silence only with a
/// [`ping_interval`](super::Timeouts::ping_interval).
///
/// # Examples
///
/// A client that goes on when its connection is lost, until somebody has no more to say:
///
/// ```no_run
/// use std::thread;
///
/// use chinwag::websocket::CloseCode;
/// use chinwag::websocket::blocking::{BackoffPolicy, Connector, ReconnectEvent, ReconnectingClient};
/// use chinwag::websocket::handshake::client::ClientRequest;
///
/// let request = ClientRequest::new("wss://example.com/feed".parse()?);
/// let mut client =
///     ReconnectingClient::new(Connector::new(), request, BackoffPolicy::default());
/// let handle = client.handle();
/// thread::spawn(move || {
///     for line in std::io::stdin().lines().map_while(Result::ok) {
///         if let Err(error) = handle.send(&line.as_str().into()) {
///             eprintln!("not sent: {error}"); // the other thread hears of a loss, and comes back
///         }
///     }
///     handle.close(CloseCode::NORMAL, "")
/// });
/// while let Some(event) = client.next_event() {
///     match event {
///         ReconnectEvent::Connected { .. } => {
///             // A failure here is a loss of this connection, and the next event.
///             let _ = client.send(&"subscribe".into());
///         }
///         ReconnectEvent::Message(message) => println!("{message:?}"),
///         ReconnectEvent::Disconnected { cause, retry_in } => {
///             eprintln!("no connection: {cause}; again in {retry_in:?}");
///         }
///         _ => {}
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ReconnectingClient {
    connector: Connector,
    request: ClientRequest,
    backoff: Backoff,
    retries_always: bool,
    state: State,
    /// What the handles know; it has a writer while the state is `Open`.
    link: Arc<Link>,
}

/// What happens to a [`ReconnectingClient`].
#[derive(Debug)]
#[non_exhaustive]
pub enum ReconnectEvent {
    /// There is a connection, and messages may be sent.
    Connected {
        /// The subprotocol that the server chose among those offered.
        subprotocol: Option<String>,
        /// The server's answer, of status 101.
        response: Response,
    },
    /// A message arrived.
    Message(Message<'static>),
    /// The connection was lost, or there is none.
    Disconnected {
        /// Why.
        cause: Disconnection,
        /// How long the next call waits before it connects again; `None`: never, this is the last
        /// event.
        retry_in: Option<Duration>,
    },
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disconnection {
    /// It could not be opened.
    NotOpened(ConnectError),
    /// The closing handshake was done.
    Closed(Closed),
    /// It failed.
    Failed(Error),
}

enum State {
    /// The next attempt is due then.
    Waiting {
        until: Option<Instant>,
    },
    Open {
        reader: Box<Reader>,
        opened_at: Instant,
    },
    Ended,
}

impl ReconnectingClient {
    /// Makes a client that connects with the first call of [`next_event`](Self::next_event).
    #[must_use]
    pub fn new(connector: Connector, request: ClientRequest, policy: BackoffPolicy) -> Self {
        Self {
            connector,
            request,
            backoff: Backoff::new(policy),
            retries_always: false,
            state: State::Waiting { until: None },
            link: Arc::default(),
        }
    }

    /// Tries again whatever happened: after an answer like 401, 403 or 404, or a normal closure, too.
    #[must_use]
    pub fn with_every_retry(mut self) -> Self {
        self.retries_always = true;
        self
    }

    /// Waits for what happens next: to connect, for a message, for the end of the connection. `None`
    /// once there will be no more.
    pub fn next_event(&mut self) -> Option<ReconnectEvent> {
        match &mut self.state {
            State::Ended => None,
            State::Waiting { until } => {
                let until = *until;
                if self.link.wait_until(until) {
                    return self.connect();
                }
                self.state = State::Ended;
                None
            }
            State::Open { reader, opened_at } => {
                let opened_at = *opened_at;
                let cause = match reader.read() {
                    Ok(Some(message)) => return Some(ReconnectEvent::Message(message)),
                    Ok(None) => reader.closed().map_or_else(
                        || Disconnection::Failed(Error::Truncated),
                        Disconnection::Closed,
                    ),
                    Err(error) => Disconnection::Failed(error),
                };
                let duration = now().saturating_duration_since(opened_at);
                self.backoff.connection_ended(duration);
                Some(self.disconnected(cause))
            }
        }
    }

    /// Sends a message on the connection that there is.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`](crate::websocket::SendError::Closed) while there is none, and those of
    /// [`Writer::send`]. They need no answer: that the connection is lost is told by the next events.
    pub fn send(&self, message: &Message<'_>) -> Result<(), Error> {
        self.link.send(message)
    }

    /// Closes the connection, if there is one, and ends the client.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a reason of more than 123 bytes; the client goes on then. Others are those
    /// of [`Reader::close`], and the client has ended all the same.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.link.stop(code, reason)?;
        self.link.disconnected();
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Open { mut reader, .. } => reader.close(code, reason),
            State::Waiting { .. } | State::Ended => Ok(()),
        }
    }

    /// Returns the half of the connection that sends, if there is one.
    #[must_use]
    pub fn writer(&self) -> Option<Writer> {
        self.link.writer()
    }

    /// Returns a handle for other threads.
    #[must_use]
    pub fn handle(&self) -> ReconnectHandle {
        ReconnectHandle::new(Arc::clone(&self.link))
    }

    /// Changes what is asked for when connecting again, as with a new token.
    pub fn set_request(&mut self, request: ClientRequest) {
        self.request = request;
    }

    /// Connects; `None` if somebody has ended the client meanwhile.
    fn connect(&mut self) -> Option<ReconnectEvent> {
        let Connected {
            web_socket,
            subprotocol,
            response,
            ..
        } = match self.connector.connect(&self.request) {
            Ok(connected) => connected,
            Err(error) => return Some(self.disconnected(Disconnection::NotOpened(error))),
        };
        let (mut reader, writer) = match web_socket.split() {
            Ok(halves) => halves,
            Err(error) => return Some(self.disconnected(Disconnection::Failed(error))),
        };
        if let Some((code, reason)) = self.link.connected(writer) {
            // Whoever wanted the end did not wait for this.
            let _ = reader.close(code, &reason);
            self.link.disconnected();
            self.state = State::Ended;
            return None;
        }
        self.state = State::Open {
            reader: Box::new(reader),
            opened_at: now(),
        };
        Some(ReconnectEvent::Connected {
            subprotocol,
            response,
        })
    }

    fn disconnected(&mut self, cause: Disconnection) -> ReconnectEvent {
        let is_stopped = self.link.disconnected();
        let retry_in = if !is_stopped && (self.retries_always || cause.may_pass()) {
            let delay = self.backoff.next_delay(rand::rng().next_u32());
            // The server knows better than a policy of ours when it will be back; what our wait
            // adds keeps its clients from coming all at that moment.
            Some(delay.saturating_add(cause.retry_after().unwrap_or_default()))
        } else {
            None
        };
        self.state = match retry_in {
            Some(delay) => State::Waiting {
                until: Some(deadline_after(delay)),
            },
            None => State::Ended,
        };
        ReconnectEvent::Disconnected { cause, retry_in }
    }
}

impl Disconnection {
    /// Returns whether trying again may end otherwise.
    fn may_pass(&self) -> bool {
        match self {
            Self::NotOpened(error) => may_pass(error),
            // RFC 6455 §7.2.3 is about abnormal closures: these two are none.
            Self::Closed(closed) => closed.code.is_some_and(|code| code != CloseCode::NORMAL),
            Self::Failed(_) => true,
        }
    }

    /// Returns how long the server asks to be left alone: a number of seconds (RFC 9110 §10.2.3).
    fn retry_after(&self) -> Option<Duration> {
        let Self::NotOpened(ConnectError::Refused { response, .. }) = self else {
            return None;
        };
        let value = str::from_utf8(response.header("Retry-After")?).ok()?;
        let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = is_number.then(|| value.parse().ok()).flatten()?;
        Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
    }
}

/// One clause.
impl fmt::Display for Disconnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOpened(error) => error.fmt(f),
            Self::Closed(Closed { code, .. }) => match code {
                Some(code) => write!(f, "connection was closed with code {code}"),
                None => f.write_str("connection was closed without a code"),
            },
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl fmt::Debug for ReconnectingClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Waiting { .. } => "Waiting",
            State::Open { .. } => "Open",
            State::Ended => "Ended",
        };
        f.debug_struct("ReconnectingClient")
            .field("uri", self.request.uri())
            .field("state", &state)
            .finish_non_exhaustive()
    }
}

/// Returns whether an attempt may succeed later, though nothing is changed on this side.
fn may_pass(error: &ConnectError) -> bool {
    match error {
        // RFC 9110 §15.5: other errors of the 400s are the request's; it stays the same.
        ConnectError::Refused { response, .. } => {
            matches!(response.status(), 408 | 425 | 429 | 500..)
        }
        ConnectError::Uri(_) | ConnectError::TlsMissing | ConnectError::Redirect(_) => false,
        #[cfg(feature = "tls")]
        ConnectError::TlsSettings(_) => false,
        // A certificate is renewed, a name is entered, a proxy comes back.
        ConnectError::Resolve(_)
        | ConnectError::Unreachable(_)
        | ConnectError::Proxy(_)
        | ConnectError::Tls(_)
        | ConnectError::Handshake(_)
        | ConnectError::Truncated
        | ConnectError::Io(_)
        | ConnectError::TimedOut => true,
    }
}

/// Longest time that a server's `Retry-After` counts for. 1 h: a mistake in it must not cost a day.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);
