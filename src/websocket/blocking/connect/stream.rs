//! A client's stream: its socket, or TLS over it.

use std::io::{self, Read, Write};
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

    fn is_secure(&self) -> bool {
        either!(self, stream => stream.is_secure())
    }
}

#[cfg(unix)]
impl Split for ClientStream {
    fn into_channel(self) -> Channel {
        either!(self, stream => stream.into_channel())
    }
}
