//! The server's end of a connection of which a test plays the other end, and the system between.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::sync::mpsc::{self, Receiver, Sender};

/// A stream without a socket. What is written goes to the peer at once, as far as there is room;
/// what the peer sends is here when the test says so.
#[derive(Debug)]
pub(super) struct Pipe {
    arrived: VecDeque<u8>,
    /// The peer's FIN comes after what has arrived.
    is_ended: bool,
    is_reset: bool,
    /// So many bytes can be written before the system refuses.
    room_len: usize,
    peer: Sender<Sent>,
}

/// What the server has sent; the peer's end is disconnected when the server's is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sent {
    Bytes(Vec<u8>),
    Fin,
}

impl Pipe {
    /// A connection whose system takes so many bytes, and what the peer gets.
    pub(super) fn new(room_len: usize) -> (Self, Receiver<Sent>) {
        let (peer, sent) = mpsc::channel();
        let pipe = Self {
            arrived: VecDeque::new(),
            is_ended: false,
            is_reset: false,
            room_len,
            peer,
        };
        (pipe, sent)
    }

    pub(super) fn arrive(&mut self, bytes: &[u8]) {
        self.arrived.extend(bytes);
    }

    pub(super) fn end(&mut self) {
        self.is_ended = true;
    }

    /// Breaks both directions; what has arrived and was not read is lost.
    pub(super) fn reset(&mut self) {
        self.is_reset = true;
        self.arrived.clear();
    }

    pub(super) fn make_room(&mut self, len: usize) {
        self.room_len += len;
    }

    pub(super) fn shutdown_write(&self) -> io::Result<()> {
        if self.is_reset {
            return Err(io::ErrorKind::NotConnected.into());
        }
        // A peer that is gone needs no end.
        let _ = self.peer.send(Sent::Fin);
        Ok(())
    }

    fn check(&self) -> io::Result<()> {
        if self.is_reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        if self.arrived.is_empty() && !self.is_ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.arrived.read(buffer)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        let len = bytes.len().min(self.room_len);
        if len == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.room_len -= len;
        let _ = self.peer.send(Sent::Bytes(bytes[..len].to_vec()));
        Ok(len)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let whole: Vec<u8> = slices
            .iter()
            .flat_map(|slice| slice.iter().copied())
            .collect();
        self.write(&whole)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
