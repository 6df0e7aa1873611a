//! A client that comes back: connects anew when the connection is lost, after a random wait.
//!
//! ```text
//!              connected                       lost
//!   Waiting ──────────────► Open ──────────────────────────► Waiting, or Ended
//!    │   ▲                                                     where trying again is of no use
//!    └───┘ not connected
//! ```

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::websocket::blocking::backoff::{Backoff, BackoffPolicy};
use crate::websocket::blocking::clock::now;
use crate::websocket::blocking::connect::{ClientStream, ConnectError, Connected, Connector};
use crate::websocket::blocking::error::Error;
use crate::websocket::blocking::web_socket::{Closed, WebSocket};
use crate::websocket::close::CloseCode;
use crate::websocket::error::SendError;
use crate::websocket::handshake::client::{ClientRequest, Response};
use crate::websocket::message::Message;

/// A client that is told of each connection and of each loss, in the hands of one thread.
///
/// What was sent on a connection that was lost may have arrived or not: only the application knows
/// how to ask. A lost server is noticed by silence only with a
/// [`ping_interval`](super::Timeouts::ping_interval).
///
/// # Examples
///
/// ```no_run
/// use chinwag::websocket::Message;
/// use chinwag::websocket::blocking::{BackoffPolicy, Connector, ReconnectEvent, ReconnectingClient};
/// use chinwag::websocket::handshake::client::ClientRequest;
///
/// let request = ClientRequest::new("wss://example.com/feed".parse()?);
/// let mut client =
///     ReconnectingClient::new(Connector::new(), request, BackoffPolicy::default());
/// while let Some(event) = client.next_event() {
///     match event {
///         ReconnectEvent::Connected { .. } => client.send(&Message::text("subscribe"))?,
///         ReconnectEvent::Message(message) => println!("{message:?}"),
///         ReconnectEvent::Disconnected { cause, retry_in } => {
///             eprintln!("lost: {cause:?}; again in {retry_in:?}");
///         }
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ReconnectingClient {
    connector: Connector,
    request: ClientRequest,
    backoff: Backoff,
    retries_always: bool,
    state: State,
    rng: StdRng,
    /// A wait is ended by a word from the handle, of which one is enough.
    retry_sender: SyncSender<()>,
    retry_receiver: Receiver<()>,
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

/// Ends waits from another thread: the network is back, or a user is tired of waiting.
#[derive(Debug, Clone)]
pub struct RetryHandle(SyncSender<()>);

#[derive(Debug)]
enum State {
    /// The next attempt is due then.
    Waiting {
        until: Option<Instant>,
    },
    Open {
        socket: Box<WebSocket<ClientStream>>,
        opened_at: Instant,
    },
    Ended,
}

impl ReconnectingClient {
    /// Makes a client that connects with the first call of [`next_event`](Self::next_event).
    #[must_use]
    pub fn new(connector: Connector, request: ClientRequest, policy: BackoffPolicy) -> Self {
        let (retry_sender, retry_receiver) = mpsc::sync_channel(1);
        Self {
            connector,
            request,
            backoff: Backoff::new(policy),
            retries_always: false,
            state: State::Waiting { until: None },
            rng: StdRng::from_rng(&mut rand::rng()),
            retry_sender,
            retry_receiver,
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
                self.wait(until);
                Some(self.connect())
            }
            State::Open { socket, opened_at } => {
                let opened_at = *opened_at;
                let cause = match socket.read() {
                    Ok(Some(message)) => return Some(ReconnectEvent::Message(message)),
                    Ok(None) => socket.closed().cloned().map_or_else(
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
    /// [`SendError::Closed`] while there is none, and those of [`WebSocket::send`]. What is to follow
    /// is the next event's to tell.
    pub fn send(&mut self, message: &Message<'_>) -> Result<(), Error> {
        match self.socket_mut() {
            Some(socket) => socket.send(message),
            None => Err(SendError::Closed.into()),
        }
    }

    /// Closes the connection, if there is one, and ends the client.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::close`]; the client has ended all the same.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Open { mut socket, .. } => socket.close(code, reason),
            State::Waiting { .. } | State::Ended => Ok(()),
        }
    }

    /// Returns the connection, if there is one.
    pub fn socket_mut(&mut self) -> Option<&mut WebSocket<ClientStream>> {
        match &mut self.state {
            State::Open { socket, .. } => Some(socket),
            State::Waiting { .. } | State::Ended => None,
        }
    }

    /// Changes what is asked for when connecting again, as with a new token.
    pub fn set_request(&mut self, request: ClientRequest) {
        self.request = request;
    }

    /// Returns a handle with which another thread ends waits.
    #[must_use]
    pub fn retry_handle(&self) -> RetryHandle {
        RetryHandle(self.retry_sender.clone())
    }

    fn wait(&self, until: Option<Instant>) {
        let Some(until) = until else {
            return;
        };
        let timeout = until.saturating_duration_since(now());
        match self.retry_receiver.recv_timeout(timeout) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            // The client holds a sender itself.
            Err(RecvTimeoutError::Disconnected) => {}
        }
    }

    fn connect(&mut self) -> ReconnectEvent {
        match self.connector.connect(&self.request) {
            Ok(Connected {
                web_socket: socket,
                subprotocol,
                response,
                ..
            }) => {
                self.state = State::Open {
                    socket: Box::new(socket),
                    opened_at: now(),
                };
                ReconnectEvent::Connected {
                    subprotocol,
                    response,
                }
            }
            Err(error) => self.disconnected(Disconnection::NotOpened(error)),
        }
    }

    fn disconnected(&mut self, cause: Disconnection) -> ReconnectEvent {
        let retry_in = if self.retries_always || cause.may_pass() {
            let delay = self.backoff.next_delay(self.rng.next_u32());
            // The server knows better than a policy of ours when it will be back.
            Some(delay.max(cause.retry_after().unwrap_or_default()))
        } else {
            None
        };
        self.state = match retry_in {
            Some(delay) => State::Waiting {
                until: Some(now() + delay),
            },
            None => State::Ended,
        };
        ReconnectEvent::Disconnected { cause, retry_in }
    }
}

impl RetryHandle {
    /// Makes the client connect at once, now or when it next would wait.
    pub fn retry_now(&self) {
        // A word that waits already says the same; without a client nobody waits.
        let _ = self.0.try_send(());
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
