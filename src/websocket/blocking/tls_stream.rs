//! A TLS stream over a socket, for servers and clients.

use std::fmt;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use rustls::{ClientConnection, Connection, ServerConnection};

use crate::websocket::blocking::clock::now;
use crate::websocket::blocking::error::is_would_block;
use crate::websocket::blocking::inbox::Inbox;
use crate::websocket::blocking::socket::{Socket, not_zero};
use crate::websocket::blocking::tls_session::{MAX_SEALED_LEN, TlsSession};

/// TLS over a socket, by [`rustls`] 0.23.
///
/// The handshake is done by the first read or write. An end of the socket that TLS has not announced
/// is an error of kind [`UnexpectedEof`](io::ErrorKind::UnexpectedEof), as somebody may have cut the
/// connection (RFC 8446 §6.1).
///
/// # Examples
///
/// ```no_run
/// use std::net::TcpStream;
/// use std::sync::Arc;
///
/// use chinwag::websocket::blocking::{Acceptor, TlsStream, same_origin};
/// # use chinwag::websocket::blocking::WebSocket;
///
/// # fn open(stream: TcpStream, config: Arc<rustls::ServerConfig>)
/// #     -> Result<WebSocket<TlsStream<TcpStream>>, Box<dyn std::error::Error>> {
/// let stream = TlsStream::server(rustls::ServerConnection::new(config)?, stream);
/// let socket = Acceptor::new().accept(stream, same_origin)?;
/// # Ok(socket)
/// # }
/// ```
pub struct TlsStream<T> {
    socket: T,
    session: TlsSession,
    /// Ciphertext.
    inbox: Inbox,
    /// Ciphertext that is still to be written: at most what one turn of each direction makes.
    sealed: Vec<u8>,
    /// How long a read waits, in how many pieces its bytes may come.
    read_timeout: Option<Duration>,
    /// Whether the socket's read timeout is one of ours.
    has_socket_timeout: bool,
}

impl<T: Socket> TlsStream<T> {
    /// Takes the server's end.
    pub fn server(tls: ServerConnection, socket: T) -> Self {
        Self::new(Connection::Server(tls), socket)
    }

    /// Takes the client's end.
    pub fn client(tls: ClientConnection, socket: T) -> Self {
        Self::new(Connection::Client(tls), socket)
    }

    fn new(tls: Connection, socket: T) -> Self {
        Self {
            socket,
            session: TlsSession::new(tls),
            inbox: Inbox::default(),
            sealed: Vec::new(),
            read_timeout: None,
            has_socket_timeout: false,
        }
    }

    /// Returns what TLS knows about the connection: certificates, the protocol chosen by ALPN.
    #[must_use]
    pub fn tls(&self) -> &Connection {
        self.session.tls()
    }

    /// Returns the socket, from which nothing should be read.
    #[must_use]
    pub fn socket(&self) -> &T {
        &self.socket
    }

    /// Takes the stream apart: the socket, the session, ciphertext that was read, ciphertext that is
    /// to be written.
    #[cfg(unix)]
    pub(super) fn into_parts(self) -> (T, TlsSession, Vec<u8>, Vec<u8>) {
        (
            self.socket,
            self.session,
            self.inbox.into_received(),
            self.sealed,
        )
    }

    /// Does the handshake, unless it is done.
    ///
    /// # Errors
    ///
    /// The socket's; [`InvalidData`](io::ErrorKind::InvalidData) with a [`rustls::Error`] in it if
    /// the peers can't agree.
    pub fn handshake(&mut self) -> io::Result<()> {
        let deadline = self.read_deadline();
        while self.session.tls().is_handshaking() {
            self.receive(deadline)?;
        }
        self.flush_sealed()
    }

    /// Writes what is owed, and waits for ciphertext.
    fn receive(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        self.session.take_sealed(&mut self.sealed);
        self.flush_sealed()?;
        if self.inbox.is_empty() {
            self.limit_waiting(deadline)?;
            let len = self.socket.read(self.inbox.room())?;
            self.inbox.added(len);
            if len == 0 {
                return self.receive_end();
            }
        }
        let ciphertext = self.inbox.received();
        let len = ciphertext.len();
        let mut rest = &*ciphertext;
        let received = self.session.receive(&mut rest, &mut self.sealed);
        let taken_len = len - rest.len();
        self.inbox.take(taken_len);
        if received.is_err() {
            // An alert says why; whether it arrives is not known anyway.
            let _ = self.flush_sealed();
        }
        received
    }

    /// Notes that the socket has ended; the session knows whether that was announced.
    fn receive_end(&mut self) -> io::Result<()> {
        self.session.receive_end();
        self.session.read(&mut [0])?;
        if self.session.tls().is_handshaking() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    fn read_deadline(&self) -> Option<Instant> {
        self.read_timeout.map(|timeout| now() + timeout)
    }

    /// Lets the socket wait for what is left until the deadline.
    fn limit_waiting(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        match deadline.map(|deadline| deadline.saturating_duration_since(now())) {
            Some(Duration::ZERO) => return Err(io::ErrorKind::TimedOut.into()),
            Some(timeout) => self.socket.set_read_timeout(Some(not_zero(timeout)))?,
            None if self.has_socket_timeout => self.socket.set_read_timeout(None)?,
            None => {}
        }
        self.has_socket_timeout = deadline.is_some();
        Ok(())
    }

    fn flush_sealed(&mut self) -> io::Result<()> {
        while !self.sealed.is_empty() {
            match self.socket.write(&self.sealed) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => drop(self.sealed.drain(..len)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl<T: Socket> Read for TlsStream<T> {
    fn read(&mut self, plaintext: &mut [u8]) -> io::Result<usize> {
        let deadline = self.read_deadline();
        loop {
            match self.session.read(plaintext) {
                Err(error) if is_would_block(&error) => self.receive(deadline)?,
                other => return other,
            }
        }
    }
}

impl<T: Socket> Write for TlsStream<T> {
    /// Takes up to 64 KiB. What the socket does not take at once is written by the next call.
    fn write(&mut self, plaintext: &[u8]) -> io::Result<usize> {
        self.handshake()?;
        let plaintext = &plaintext[..plaintext.len().min(MAX_SEALED_LEN)];
        let len = self.session.seal(plaintext, &mut self.sealed)?;
        match self.flush_sealed() {
            Ok(()) => Ok(len),
            Err(error) if is_would_block(&error) => Ok(len),
            Err(error) => Err(error),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flush_sealed()?;
        self.socket.flush()
    }
}

impl<T: Socket> Socket for TlsStream<T> {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.read_timeout = timeout;
        Ok(())
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_write_timeout(timeout)
    }

    /// Sends a `close_notify`, then ends the socket's write side.
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.session.seal_end(&mut self.sealed);
        let flushed = self.flush_sealed();
        self.socket.shutdown_write()?;
        flushed
    }
}

impl<T> fmt::Debug for TlsStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
