//! WebSocket that waits: servers and clients over any `Read + Write`, one thread or two.
//!
//! [`Acceptor`] makes a [`WebSocket`] of a stream on which a client asks for one, [`Connector`] asks
//! for one as a client, and `ReconnectingClient` asks again when it is lost (on Unix). Whatever carries bytes will do; a [`Socket`] (TCP, Unix, or TLS over them)
//! brings deadlines, and an end that the peer sees the way RFC 6455 §7.1.1 wants it.
//!
//! `None` from a call that reads means that the closing handshake is done, now and ever after; in the
//! core it means that the input is used up. `TCP_NODELAY` is set on the sockets of clients; a server
//! sets it on those it accepts, if short messages are to leave at once.
//!
//! A program that sends when it likes, and listens at the same time, splits the connection into
//! halves for its threads ([`WebSocket::split`], on Unix). Messages larger than memory are read with
//! a [`MessageReader`] and sent with a [`MessageWriter`].
//!
//! [`Connector::connect`] finds the way to a server itself. Over a stream that leads there already, as
//! with settings of TLS of one's own, [`Connector::connect_socket`] and
//! [`Connector::connect_stream`] do the opening handshake.
//!
//! ```no_run
//! use std::net::TcpListener;
//!
//! use chinwag::websocket::blocking::{Acceptor, same_origin};
//!
//! let (stream, _) = TcpListener::bind("127.0.0.1:9001")?.accept()?;
//! let mut socket = Acceptor::new().accept(stream, same_origin)?;
//! while let Some(message) = socket.read()? {
//!     socket.send(&message)?;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod accept;
mod backoff;
mod clock;
mod codecs;
mod connect;
mod delivery;
mod error;
mod inbox;
mod lock;
mod messages;
mod parts;
mod proxy;
mod random;
mod receiving;
#[cfg(unix)]
mod reconnect;
#[cfg(unix)]
mod reconnect_handle;
mod socket;
#[cfg(unix)]
mod split;
mod streaming;
mod timeouts;
#[cfg(feature = "tls")]
mod tls_session;
#[cfg(feature = "tls")]
mod tls_stream;
mod transport;
mod web_socket;

pub use accept::{Acceptor, same_origin};
pub use backoff::{Backoff, BackoffPolicy};
pub use connect::{
    ClientSocket, ClientStream, ConnectError, Connected, Connector, RedirectError, connect,
};
#[cfg(feature = "tls")]
pub use connect::{ClientTls, TlsSettingsError};
pub use error::{Error, IoError, Timeout};
pub use messages::Messages;
pub use parts::Parts;
pub use proxy::{Proxies, Proxy, ProxyAddressError, ProxyError, ProxyProtocol};
pub use random::secure_rng;
#[cfg(unix)]
pub use reconnect::{Disconnection, ReconnectEvent, ReconnectingClient};
#[cfg(unix)]
pub use reconnect_handle::ReconnectHandle;
pub use socket::Socket;
#[cfg(unix)]
pub use split::{Channel, Reader, Split, Writer};
pub use streaming::{MessageReader, MessageWriter};
pub use timeouts::Timeouts;
#[cfg(feature = "bench")]
pub(crate) use tls_session::TlsSession;
#[cfg(feature = "tls")]
pub use tls_stream::TlsStream;
pub use web_socket::{Closed, WebSocket};

/// The crate, in the version whose connections [`TlsStream`] takes.
#[cfg(feature = "tls")]
pub use rustls;
