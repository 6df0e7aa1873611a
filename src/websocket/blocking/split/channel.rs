//! What a socket becomes when it is split: a descriptor, and perhaps TLS.

use std::fmt;
use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use crate::websocket::blocking::inbox::Inbox;
use crate::websocket::blocking::socket::Socket;
#[cfg(feature = "tls")]
use crate::websocket::blocking::tls_session::TlsSession;
#[cfg(feature = "tls")]
use crate::websocket::blocking::tls_stream::TlsStream;

/// A socket whose two directions can be used by two threads. An enum of sockets hands on to what it
/// holds.
pub trait Split: Socket {
    /// Gives up the socket for what the halves share.
    fn into_channel(self) -> Channel;
}

/// A socket that is about to be split.
pub struct Channel {
    pub(super) fd: OwnedFd,
    pub(super) cipher: Cipher,
    /// Ciphertext that was read.
    pub(super) received: Vec<u8>,
    /// Plaintext that was opened and not yet read.
    pub(super) opened: Vec<u8>,
    /// Ciphertext that is still to be written.
    pub(super) sealed: Vec<u8>,
}

impl Split for TcpStream {
    fn into_channel(self) -> Channel {
        Channel::plain(self.into())
    }
}

impl Split for UnixStream {
    fn into_channel(self) -> Channel {
        Channel::plain(self.into())
    }
}

#[cfg(feature = "tls")]
impl<T: Socket + Into<OwnedFd>> Split for TlsStream<T> {
    fn into_channel(self) -> Channel {
        let (socket, mut session, received, sealed) = self.into_parts();
        let mut opened = Inbox::default();
        session.read_all(&mut opened);
        Channel {
            fd: socket.into(),
            cipher: Cipher::Tls(Box::new(session)),
            received,
            opened: opened.into_received(),
            sealed,
        }
    }
}

impl Channel {
    fn plain(fd: OwnedFd) -> Self {
        Self {
            fd,
            cipher: Cipher::Plain,
            received: Vec::new(),
            opened: Vec::new(),
            sealed: Vec::new(),
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("fd", &self.fd)
            .finish_non_exhaustive()
    }
}

/// What lies between frames and the socket.
pub(super) enum Cipher {
    Plain,
    #[cfg(feature = "tls")]
    Tls(Box<TlsSession>),
}

impl Cipher {
    /// Returns whether what the socket gives must be opened before it is frames.
    pub(super) fn is_plain(&self) -> bool {
        match self {
            Self::Plain => true,
            #[cfg(feature = "tls")]
            Self::Tls(_) => false,
        }
    }

    /// Returns whether anything can be sealed: whether the handshake of TLS is done.
    pub(super) fn is_ready(&self) -> bool {
        match self {
            Self::Plain => true,
            #[cfg(feature = "tls")]
            Self::Tls(session) => !session.tls().is_handshaking(),
        }
    }

    /// Returns whether the peer has announced that nothing more comes.
    pub(super) fn has_peer_ended(&self) -> bool {
        match self {
            Self::Plain => false,
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.has_peer_ended(),
        }
    }

    /// Seals as much from the front of `plaintext` as one turn may take, at most `max_len`; returns
    /// how much.
    pub(super) fn seal(
        &mut self,
        plaintext: &[u8],
        max_len: usize,
        sealed: &mut Vec<u8>,
    ) -> io::Result<usize> {
        let plaintext = &plaintext[..plaintext.len().min(max_len)];
        match self {
            Self::Plain => {
                sealed.extend_from_slice(plaintext);
                Ok(plaintext.len())
            }
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.seal(plaintext, sealed),
        }
    }

    /// Seals the word that nothing more comes.
    #[cfg_attr(
        not(feature = "tls"),
        expect(
            clippy::ptr_arg,
            unused_variables,
            reason = "TLS alone has such a word"
        )
    )]
    pub(super) fn seal_end(&mut self, sealed: &mut Vec<u8>) {
        match self {
            Self::Plain => {}
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.seal_end(sealed),
        }
    }

    /// Opens all of `ciphertext` and appends it to `plaintext`. What TLS has to say to it is
    /// appended to `sealed`.
    #[cfg_attr(
        not(feature = "tls"),
        expect(
            clippy::ptr_arg,
            unused_variables,
            reason = "TLS alone has something to open"
        )
    )]
    pub(super) fn open(
        &mut self,
        ciphertext: &mut Inbox,
        plaintext: &mut Inbox,
        sealed: &mut Vec<u8>,
    ) -> io::Result<()> {
        match self {
            Self::Plain => Ok(()),
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.open(ciphertext, plaintext, sealed),
        }
    }
}
