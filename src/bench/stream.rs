//! Moves the bytes of one connection, inside TLS if there is any, without ever waiting.

use std::fmt;
use std::io::{self, Read as _, Write as _};

use mio::net::TcpStream;

use crate::websocket::blocking::TlsSession;

/// A socket that does not block, and what it has not taken yet.
pub(super) struct Stream {
    socket: TcpStream,
    tls: Option<Box<TlsSession>>,
    /// Bytes for the socket, sealed if there is TLS; those before `sent_len` are gone.
    pending: Vec<u8>,
    sent_len: usize,
}

/// Buffers that all connections of a thread read into.
pub(super) struct Scratch {
    pub(super) received: Vec<u8>,
    ciphertext: Vec<u8>,
}

/// What a read found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    /// So many bytes are in the scratch buffer, and whether there may be more.
    Bytes { len: usize, has_more: bool },
    /// Nothing for now.
    Nothing,
    /// The server sends no more.
    End,
}

impl Stream {
    /// Takes a socket that is connecting; a TLS session has not begun.
    pub(super) fn new(socket: TcpStream, tls: Option<TlsSession>) -> Self {
        Self {
            socket,
            tls: tls.map(Box::new),
            pending: Vec::new(),
            sent_len: 0,
        }
    }

    pub(super) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// Says the first word, if that is TLS's.
    pub(super) fn start(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.take_sealed(&mut self.pending);
        }
        self.flush()
    }

    /// Returns whether [`send`](Self::send) may be called: whether TLS has finished its handshake.
    pub(super) fn can_send(&self) -> bool {
        self.tls
            .as_ref()
            .is_none_or(|it| !it.tls().is_handshaking())
    }

    /// Returns whether the socket has to be writable before more is worth sending.
    pub(super) fn is_blocked(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Sends bytes, and keeps what the socket does not take now.
    pub(super) fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => {
                while !bytes.is_empty() {
                    let sealed_len = tls.seal(bytes, &mut self.pending)?;
                    bytes = &bytes[sealed_len..];
                }
            }
            None => {
                if self.pending.is_empty() {
                    let written_len = write(&mut self.socket, bytes)?;
                    bytes = &bytes[written_len..];
                }
                self.pending.extend_from_slice(bytes);
            }
        }
        if self.pending.len() > MAX_PENDING_LEN {
            let error = "the server does not read what it is sent";
            return Err(io::Error::other(error));
        }
        if self.tls.is_some() {
            self.flush()?;
        }
        Ok(())
    }

    /// Sends what was kept.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            self.sent_len += write(&mut self.socket, &self.pending[self.sent_len..])?;
            if self.sent_len == self.pending.len() {
                self.pending.clear();
                self.sent_len = 0;
            }
        }
        Ok(())
    }

    /// Reads into `scratch.received`.
    pub(super) fn receive(&mut self, scratch: &mut Scratch) -> io::Result<Received> {
        let Some(tls) = &mut self.tls else {
            return read(&mut self.socket, &mut scratch.received);
        };
        let (len, has_more) = match read(&mut self.socket, &mut scratch.ciphertext)? {
            Received::Bytes { len, has_more } => (len, has_more),
            nothing => return Ok(nothing),
        };
        let mut ciphertext = &scratch.ciphertext[..len];
        let mut opened_len = 0;
        let mut is_ended = false;
        while !ciphertext.is_empty() && !is_ended {
            let result = tls.receive(&mut ciphertext, &mut self.pending);
            if let Err(error) = result {
                // The alert says why; whether it arrives changes nothing here.
                let _ = self.flush();
                return Err(error);
            }
            // Never longer than the ciphertext: there is room for all of it.
            loop {
                match tls.read(&mut scratch.received[opened_len..]) {
                    Ok(0) => {
                        is_ended = true;
                        break;
                    }
                    Ok(read_len) => opened_len += read_len,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
        self.flush()?;
        Ok(match opened_len {
            0 if is_ended => Received::End,
            len => Received::Bytes { len, has_more },
        })
    }
}

impl Scratch {
    /// Makes the buffers; without TLS one of them is empty.
    pub(super) fn new(has_tls: bool) -> Self {
        Self {
            received: vec![0; SCRATCH_LEN + TLS_BACKLOG_LEN],
            ciphertext: vec![0; if has_tls { SCRATCH_LEN } else { 0 }],
        }
    }
}

fn read(socket: &mut TcpStream, buffer: &mut [u8]) -> io::Result<Received> {
    loop {
        return match socket.read(buffer) {
            Ok(0) => Ok(Received::End),
            Ok(len) => Ok(Received::Bytes {
                len,
                has_more: len == buffer.len(),
            }),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Ok(Received::Nothing),
                io::ErrorKind::Interrupted => continue,
                _ => Err(error),
            },
        };
    }
}

/// Writes as much as the socket takes.
fn write(socket: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut written_len = 0;
    while written_len < bytes.len() {
        match socket.write(&bytes[written_len..]) {
            Ok(len) => written_len += len,
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => break,
                io::ErrorKind::Interrupted => {}
                _ => return Err(error),
            },
        }
    }
    Ok(written_len)
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("socket", &self.socket)
            .field("pending_len", &(self.pending.len() - self.sent_len))
            .finish_non_exhaustive()
    }
}

/// 256 KiB: smaller ones cost more calls for large messages, larger ones more of the cache.
const SCRATCH_LEN: usize = 256 * 1024;

/// Bytes that may wait for the socket: more than the longest message, after which a load waits. What
/// goes beyond is Pongs, to a server that asks and does not read.
const MAX_PENDING_LEN: usize = 32 * 1024 * 1024;

/// The beginning of a record that TLS has kept from an earlier read: less than the longest one.
const TLS_BACKLOG_LEN: usize = 17 * 1024;
