//! A stream, with what was read from it and not yet understood, and what is still to be written.
//!
//! Nothing is lost when the stream gives up in the middle: what was read stays, and what was not
//! written is written by the next call.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use crate::websocket::blocking::clock::now;
use crate::websocket::blocking::inbox::Inbox;
use crate::websocket::blocking::socket::{Socket, not_zero};

pub(super) struct Transport<S> {
    stream: S,
    manner: Manner<S>,
    inbox: Inbox,
    /// `output[written_len..]` is to be written.
    output: Vec<u8>,
    written_len: usize,
}

/// How the stream is to be dealt with.
pub(super) struct Manner<S> {
    /// What the stream can do beyond `Read + Write`, told when the type was still known.
    as_socket: Option<fn(&mut S) -> &mut dyn Socket>,
    /// Whether the stream's read timeout is one of ours, and not the application's.
    has_read_timeout: bool,
    /// How long a write may wait that has no deadline.
    write_timeout: Option<Duration>,
    /// Whether the stream's write timeout is that of a deadline.
    has_write_deadline: bool,
    /// Whether the stream holds back what it took: it gave up in its own `flush`.
    is_held_back: bool,
}

impl<S: Read + Write> Transport<S> {
    /// Takes a stream that may be anything, and what was read from it before.
    pub(super) fn over_stream(stream: S, received: Vec<u8>) -> Self {
        Self::new(stream, Manner::new(None), received, Vec::new())
    }

    /// Takes a stream that is a socket.
    pub(super) fn over_socket(stream: S, received: Vec<u8>) -> Self
    where
        S: Socket,
    {
        let manner = Manner::new(Some(|stream| stream));
        Self::new(stream, manner, received, Vec::new())
    }

    /// Goes on with what [`into_parts`](Self::into_parts) has left.
    pub(super) fn new(stream: S, manner: Manner<S>, received: Vec<u8>, output: Vec<u8>) -> Self {
        Self {
            stream,
            manner,
            inbox: Inbox::new(received),
            output,
            written_len: 0,
        }
    }

    pub(super) fn stream(&self) -> &S {
        &self.stream
    }

    pub(super) fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Returns the stream, how to deal with it, what was read from it, and what is to be written to
    /// it.
    pub(super) fn into_parts(mut self) -> (S, Manner<S>, Vec<u8>, Vec<u8>) {
        self.output.drain(..self.written_len);
        let received = self.inbox.into_received();
        (self.stream, self.manner, received, self.output)
    }

    pub(super) fn socket(&mut self) -> Option<&mut dyn Socket> {
        let as_socket = self.manner.as_socket;
        as_socket.map(|as_socket| as_socket(&mut self.stream))
    }

    /// Returns what was read and not yet taken, and where to append what is to be written.
    pub(super) fn buffers(&mut self) -> (&mut [u8], &mut Vec<u8>) {
        (self.inbox.received(), &mut self.output)
    }

    /// Returns what was read and not yet taken, and where to append what is to be written.
    pub(super) fn inbox(&mut self) -> (&mut Inbox, &mut Vec<u8>) {
        (&mut self.inbox, &mut self.output)
    }

    /// Forgets the first `len` bytes of what was read.
    pub(super) fn take(&mut self, len: usize) {
        self.inbox.take(len);
    }

    /// Waits for bytes, a socket until `deadline` only; returns how many came, 0 at the end of the
    /// stream.
    pub(super) fn fill(&mut self, deadline: Option<Instant>) -> io::Result<usize> {
        self.limit_reading(deadline)?;
        loop {
            match self.stream.read(self.inbox.room()) {
                Ok(len) => {
                    self.inbox.added(len);
                    return Ok(len);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes all that is to be written, a socket until `deadline` only.
    pub(super) fn flush(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        while self.written_len < self.output.len() {
            self.limit_writing(deadline)?;
            match self.stream.write(&self.output[self.written_len..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => self.written_len += len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.written_len = 0;
        self.output.clear();
        self.output.shrink_to(MAX_IDLE_CAPACITY);
        self.manner.is_held_back = true;
        self.limit_writing(deadline)?;
        self.stream.flush()?;
        self.manner.is_held_back = false;
        Ok(())
    }

    pub(super) fn has_output(&self) -> bool {
        self.written_len < self.output.len() || self.manner.is_held_back
    }

    /// Lets each write of a socket wait, which has a deadline besides.
    pub(super) fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.manner.write_timeout = timeout;
        self.manner.has_write_deadline = true;
        self.limit_writing(None)
    }

    /// Ends the write side of a socket, now or once the peer has ended its own, which is waited for
    /// until `deadline`. What comes until then is thrown away.
    ///
    /// Nothing is reported: the connection is over, whatever the network says.
    pub(super) fn end(&mut self, waits_for_peer: bool, deadline: Instant) {
        if self.manner.as_socket.is_none() {
            return;
        }
        if !waits_for_peer {
            self.shutdown_write(deadline);
        }
        loop {
            self.inbox.clear();
            match self.fill(Some(deadline)) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        if waits_for_peer {
            self.shutdown_write(deadline);
        }
    }

    /// Ends the write side of a socket. What must be written for that is written until the deadline,
    /// if it is over as far as takes no waiting.
    pub(super) fn shutdown_write(&mut self, deadline: Instant) {
        let timeout = deadline.saturating_duration_since(now());
        self.manner.has_write_deadline = true;
        if let Some(socket) = self.socket() {
            // A socket that is no longer connected needs no end, nor does it take a timeout.
            let _ = socket.set_write_timeout(Some(not_zero(timeout)));
            let _ = socket.shutdown_write();
        }
    }

    /// Lets a socket's write wait for its timeout, or for what is left until the deadline.
    fn limit_writing(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let Manner {
            write_timeout,
            has_write_deadline,
            ..
        } = self.manner;
        let Some(socket) = self.socket() else {
            return Ok(());
        };
        let left = deadline.map(|deadline| deadline.saturating_duration_since(now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if left.is_some() || has_write_deadline {
            let timeout = write_timeout.into_iter().chain(left).min();
            socket.set_write_timeout(timeout.map(not_zero))?;
        }
        self.manner.has_write_deadline = left.is_some();
        Ok(())
    }

    /// Lets a socket's read wait for what is left until the deadline, or as long as the application
    /// likes.
    pub(super) fn limit_reading(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let has_read_timeout = self.manner.has_read_timeout;
        let Some(socket) = self.socket() else {
            return Ok(());
        };
        let timeout = match deadline {
            Some(deadline) => Some(deadline.saturating_duration_since(now())),
            None if has_read_timeout => None,
            None => return Ok(()),
        };
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(timeout.map(not_zero))?;
        self.manner.has_read_timeout = timeout.is_some();
        Ok(())
    }
}

impl<S> Manner<S> {
    fn new(as_socket: Option<fn(&mut S) -> &mut dyn Socket>) -> Self {
        Self {
            as_socket,
            has_read_timeout: false,
            write_timeout: None,
            has_write_deadline: false,
            is_held_back: false,
        }
    }
}

/// What an output buffer keeps that has nothing to write.
const MAX_IDLE_CAPACITY: usize = 64 * 1024;
