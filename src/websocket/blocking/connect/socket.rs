//! A client's socket, which keeps a deadline while the connection opens.
//!
//! The deadline is the socket's own, as TLS may read many times for one byte of the handshake: a
//! server that trickles would gain time with each.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
#[cfg(unix)]
use std::os::unix::net::UnixStream;

use crate::websocket::blocking::clock::now;
use crate::websocket::blocking::socket::Socket;
#[cfg(unix)]
use crate::websocket::blocking::split::{Channel, Split};

/// A TCP or Unix socket that leads to a server, or to a proxy.
pub struct ClientSocket {
    kind: Kind,
    /// While the connection opens.
    deadline: Option<Instant>,
}

enum Kind {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// Does the same with the socket, whichever it is.
macro_rules! either {
    ($socket:expr, $stream:ident => $what:expr) => {
        match $socket {
            Kind::Tcp($stream) => $what,
            #[cfg(unix)]
            Kind::Unix($stream) => $what,
        }
    };
}

impl ClientSocket {
    pub(super) fn tcp(stream: TcpStream, deadline: Instant) -> Self {
        Self {
            kind: Kind::Tcp(stream),
            deadline: Some(deadline),
        }
    }

    #[cfg(unix)]
    pub(super) fn unix(stream: UnixStream, deadline: Instant) -> Self {
        Self {
            kind: Kind::Unix(stream),
            deadline: Some(deadline),
        }
    }

    /// Returns the TCP socket, from which nothing should be read; `None` for a Unix socket.
    #[must_use]
    pub fn as_tcp(&self) -> Option<&TcpStream> {
        match &self.kind {
            Kind::Tcp(stream) => Some(stream),
            #[cfg(unix)]
            Kind::Unix(_) => None,
        }
    }

    /// Returns the address at the other end: the server's, or a proxy's.
    ///
    /// # Errors
    ///
    /// The system's; [`Unsupported`](io::ErrorKind::Unsupported) for a Unix socket.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        let unsupported = || io::Error::from(io::ErrorKind::Unsupported);
        self.as_tcp().ok_or_else(unsupported)?.peer_addr()
    }

    /// Sets whether small writes leave at once (`TCP_NODELAY`), as they do unless this says otherwise;
    /// those of a Unix socket always do.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_nodelay(&self, is_enabled: bool) -> io::Result<()> {
        self.as_tcp()
            .map_or(Ok(()), |stream| stream.set_nodelay(is_enabled))
    }

    /// Ends the deadline, and whatever timeout it has left behind.
    fn forget_deadline(&mut self) -> io::Result<()> {
        if self.deadline.take().is_none() {
            return Ok(());
        }
        either!(&self.kind, stream => {
            stream.set_read_timeout(None)?;
            stream.set_write_timeout(None)
        })
    }

    /// Returns what is left until the deadline; `None` without one.
    fn time_left(&self) -> io::Result<Option<Duration>> {
        let Some(deadline) = self.deadline else {
            return Ok(None);
        };
        let left = deadline.saturating_duration_since(now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        // The system rounds down, and takes zero for no timeout.
        Ok(Some(left.max(Duration::from_millis(1))))
    }
}

impl Read for ClientSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(left) = self.time_left()? {
            either!(&self.kind, stream => stream.set_read_timeout(Some(left)))?;
        }
        either!(&mut self.kind, stream => stream.read(buffer))
    }
}

impl Write for ClientSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(left) = self.time_left()? {
            either!(&self.kind, stream => stream.set_write_timeout(Some(left)))?;
        }
        either!(&mut self.kind, stream => stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        either!(&mut self.kind, stream => stream.flush())
    }
}

/// Whoever sets a timeout has taken over: the connection is open, and the deadline is no more.
impl Socket for ClientSocket {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.forget_deadline()?;
        either!(&self.kind, stream => stream.set_read_timeout(timeout))
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.forget_deadline()?;
        either!(&self.kind, stream => stream.set_write_timeout(timeout))
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        either!(&self.kind, stream => stream.shutdown(Shutdown::Write))
    }
}

#[cfg(unix)]
impl AsFd for ClientSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        either!(&self.kind, stream => stream.as_fd())
    }
}

#[cfg(unix)]
impl From<ClientSocket> for OwnedFd {
    fn from(socket: ClientSocket) -> Self {
        either!(socket.kind, stream => stream.into())
    }
}

#[cfg(unix)]
impl Split for ClientSocket {
    fn into_channel(self) -> Channel {
        either!(self.kind, stream => stream.into_channel())
    }
}

impl fmt::Debug for ClientSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        either!(&self.kind, stream => stream.fmt(f))
    }
}
