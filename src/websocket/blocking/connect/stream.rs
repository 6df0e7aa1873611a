//! A client's stream: its socket, or TLS over it.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use crate::websocket::blocking::connect::socket::ClientSocket;
use crate::websocket::blocking::socket::Socket;
#[cfg(unix)]
use crate::websocket::blocking::split::{Channel, Split};
#[cfg(feature = "tls")]
use crate::websocket::blocking::tls_stream::TlsStream;

/// What a client's connection runs over.
#[derive(Debug)]
pub enum ClientStream {
    /// For `ws`.
    Plain(ClientSocket),
    /// For `wss`.
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream<ClientSocket>>),
}

/// Does the same with the stream, whichever it is.
macro_rules! either {
    ($stream:expr, $inner:ident => $what:expr) => {
        match $stream {
            ClientStream::Plain($inner) => $what,
            #[cfg(feature = "tls")]
            ClientStream::Tls($inner) => $what,
        }
    };
}

impl ClientStream {
    /// Returns the socket, from which nothing should be read.
    #[must_use]
    pub fn socket(&self) -> &ClientSocket {
        match self {
            Self::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.socket(),
        }
    }

    /// Returns the address at the other end: the server's, or a proxy's.
    ///
    /// # Errors
    ///
    /// Those of [`ClientSocket::peer_addr`].
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr()
    }

    /// Sets whether small writes leave at once: see [`ClientSocket::set_nodelay`].
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_nodelay(&self, is_enabled: bool) -> io::Result<()> {
        self.socket().set_nodelay(is_enabled)
    }
}

impl Read for ClientStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        either!(self, stream => stream.read(buffer))
    }
}

impl Write for ClientStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        either!(self, stream => stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        either!(self, stream => stream.flush())
    }
}

impl Socket for ClientStream {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        either!(self, stream => stream.set_read_timeout(timeout))
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        either!(self, stream => stream.set_write_timeout(timeout))
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        either!(self, stream => stream.shutdown_write())
    }
}

#[cfg(unix)]
impl Split for ClientStream {
    fn into_channel(self) -> Channel {
        either!(self, stream => stream.into_channel())
    }
}
