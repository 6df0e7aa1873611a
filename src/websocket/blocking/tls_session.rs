//! TLS without a socket: ciphertext in and plaintext out, and the other way round.
//!
//! What is sealed is appended to a buffer of the caller's, in the order in which it was encrypted.
//! Whoever writes that buffer in order keeps the order of the records.

use std::fmt;
use std::io::{self, Read as _, Write as _};

use rustls::Connection;

#[cfg(unix)]
use crate::websocket::blocking::inbox::Inbox;

/// One end of a TLS connection.
pub(crate) struct TlsSession {
    tls: Connection,
    is_ended: bool,
    #[cfg(unix)]
    has_peer_ended: bool,
}

impl TlsSession {
    /// Takes an end whose handshake may not have begun.
    pub(super) fn new(mut tls: Connection) -> Self {
        tls.set_buffer_limit(Some(MAX_SEALED_LEN));
        Self {
            tls,
            is_ended: false,
            #[cfg(unix)]
            has_peer_ended: false,
        }
    }

    pub(crate) fn tls(&self) -> &Connection {
        &self.tls
    }

    /// Consumes from the front of `ciphertext`, and appends what TLS itself has to say to `sealed`:
    /// its handshake, new keys, an alert. Plaintext that came of it is to be read before the next
    /// call.
    pub(crate) fn receive(
        &mut self,
        ciphertext: &mut &[u8],
        sealed: &mut Vec<u8>,
    ) -> io::Result<()> {
        self.tls.read_tls(ciphertext)?;
        let processed = self.tls.process_new_packets();
        self.take_sealed(sealed);
        match processed {
            Ok(_) => Ok(()),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }

    /// Opens all of `ciphertext`, and appends it to `plaintext`. Without ciphertext it costs nothing:
    /// it is called for each event, of which `plaintext` may hold very many.
    #[cfg(unix)]
    pub(super) fn open(
        &mut self,
        ciphertext: &mut Inbox,
        plaintext: &mut Inbox,
        sealed: &mut Vec<u8>,
    ) -> io::Result<()> {
        while !ciphertext.is_empty() {
            let received = ciphertext.received();
            let received_len = received.len();
            let mut rest = &*received;
            self.receive(&mut rest, sealed)?;
            let taken_len = received_len - rest.len();
            ciphertext.take(taken_len);
            self.read_all(plaintext);
            if self.has_peer_ended {
                // What follows a `close_notify` is no one's (RFC 8446 §6.1).
                ciphertext.clear();
            }
        }
        Ok(())
    }

    /// Appends all that is opened and not yet read to `plaintext`. An end that nobody has announced
    /// is for the next read of the socket to find.
    #[cfg(unix)]
    pub(super) fn read_all(&mut self, plaintext: &mut Inbox) {
        while !self.has_peer_ended
            && let Ok(len) = self.read(plaintext.room())
        {
            self.has_peer_ended = len == 0;
            plaintext.added(len);
        }
    }

    /// Returns whether [`read_all`](Self::read_all) has come upon the peer's `close_notify`.
    #[cfg(unix)]
    pub(super) fn has_peer_ended(&self) -> bool {
        self.has_peer_ended
    }

    /// Notes that no more ciphertext comes.
    pub(super) fn receive_end(&mut self) {
        // Nothing can go wrong with reading nothing: without room it would not be called.
        let _ = self.tls.read_tls(&mut io::empty());
    }

    /// Copies plaintext out: 0 bytes after the peer's `close_notify`, `WouldBlock` while there is
    /// none, `UnexpectedEof` when the end came without a `close_notify` (RFC 8446 §6.1).
    pub(crate) fn read(&mut self, plaintext: &mut [u8]) -> io::Result<usize> {
        self.tls.reader().read(plaintext)
    }

    /// Encrypts as much from the front of `plaintext` as is fit for one turn, and returns its length.
    ///
    /// `NotConnected` before the handshake is done, when nothing can be encrypted.
    pub(crate) fn seal(&mut self, plaintext: &[u8], sealed: &mut Vec<u8>) -> io::Result<usize> {
        if self.tls.is_handshaking() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let len = self.tls.writer().write(plaintext)?;
        self.take_sealed(sealed);
        Ok(len)
    }

    /// Says that nothing more comes; once, however often it is called.
    pub(super) fn seal_end(&mut self, sealed: &mut Vec<u8>) {
        if !self.is_ended {
            self.is_ended = true;
            self.tls.send_close_notify();
            self.take_sealed(sealed);
        }
    }

    /// Appends what TLS has to say by itself: the beginning of a client's handshake.
    pub(crate) fn take_sealed(&mut self, sealed: &mut Vec<u8>) {
        while self.tls.wants_write() {
            self.tls
                .write_tls(sealed)
                .expect("a Vec takes whatever is written to it");
        }
    }
}

impl fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSession")
            .field("is_handshaking", &self.tls.is_handshaking())
            .field("is_ended", &self.is_ended)
            .finish_non_exhaustive()
    }
}

/// Plaintext that is encrypted in one turn: four records of the largest size.
pub(super) const MAX_SEALED_LEN: usize = 64 * 1024;

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    use super::*;

    #[test]
    fn nothing_to_open_leaves_what_was_opened_where_it_is() {
        let config = ClientConfig::builder()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let name = "localhost".try_into().expect("it is a name");
        let tls = ClientConnection::new(config.into(), name).expect("the configuration is good");
        let mut session = TlsSession::new(tls.into());
        let mut plaintext = Inbox::new(vec![1, 2, 3]);
        plaintext.take(1);
        let place = plaintext.received().as_ptr();
        session
            .open(&mut Inbox::default(), &mut plaintext, &mut Vec::new())
            .expect("nothing can be wrong with nothing");
        assert_eq!(plaintext.received().as_ptr(), place);
        assert_eq!(plaintext.received(), [2, 3]);
    }
}
