//! The byte streams that a worker polls.
//!
//! They are read and written by the system calls themselves: in a program with threads the C
//! library's own, which a thread can be cancelled in, take two locked exchanges more each, 15 to 20 ns.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

use mio::event::Source;
use mio::{Interest, Registry, Token};
use rustix::net::{RecvFlags, SendFlags, recv, send};

#[cfg(test)]
use crate::net::pipe::Pipe;

/// A non-blocking connection.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(mio::net::TcpStream),
    Unix(mio::net::UnixStream),
    /// No socket at all: a test plays the system, and the peer. In a box, so that what a connection
    /// takes can be tested.
    #[cfg(test)]
    Simulated(Box<Pipe>),
}

impl Stream {
    /// Registers for both directions, once and for all: edge-triggered, an interest that is not
    /// needed at the moment costs no wake-ups worth a system call to drop it.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self {
            Self::Tcp(stream) => {
                // All that is owed leaves in one write a turn, so Nagle's delay has nothing to
                // gather.
                stream.set_nodelay(true)?;
                stream.register(registry, token, interest)
            }
            Self::Unix(stream) => stream.register(registry, token, interest),
            #[cfg(test)]
            Self::Simulated(_) => Ok(()),
        }
    }

    /// Takes back what [`Stream::register`] did, so that it can be done anew.
    pub(super) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.deregister(registry),
            Self::Unix(stream) => stream.deregister(registry),
            #[cfg(test)]
            Self::Simulated(_) => Ok(()),
        }
    }

    /// Copies what has arrived, and leaves it there.
    pub(super) fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (len, _) = match self {
            Self::Tcp(stream) => recv(stream, buffer, RecvFlags::PEEK)?,
            Self::Unix(stream) => recv(stream, buffer, RecvFlags::PEEK)?,
            #[cfg(test)]
            Self::Simulated(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        Ok(len)
    }

    /// Says `words` to somebody who is not let in, as far as that is possible at once.
    pub(super) fn turn_away(mut self, words: &[u8]) {
        // Whether he hears it is not waited for. What he has said already is taken, as closing over
        // it would take these words from him again.
        let _ = self.write(words);
        let _ = self.shutdown_write();
        let _ = self.read(&mut [0; 4096]);
    }

    /// Sends FIN after what has been written.
    pub(super) fn shutdown_write(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
            #[cfg(test)]
            Self::Simulated(pipe) => pipe.shutdown_write(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (len, _) = match self {
            Self::Tcp(stream) => recv(stream, buffer, RecvFlags::empty())?,
            Self::Unix(stream) => recv(stream, buffer, RecvFlags::empty())?,
            #[cfg(test)]
            Self::Simulated(pipe) => return pipe.read(buffer),
        };
        Ok(len)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = match self {
            Self::Tcp(stream) => send(stream, bytes, SendFlags::NOSIGNAL)?,
            Self::Unix(stream) => send(stream, bytes, SendFlags::NOSIGNAL)?,
            #[cfg(test)]
            Self::Simulated(pipe) => return pipe.write(bytes),
        };
        Ok(len)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write_vectored(slices),
            Self::Unix(stream) => stream.write_vectored(slices),
            #[cfg(test)]
            Self::Simulated(pipe) => pipe.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
