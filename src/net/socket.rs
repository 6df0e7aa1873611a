//! One socket as its worker sees it: what the poller has told about it, and how far its closing is.
//!
//! ```text
//! Open ── Flow::Close ──► Flushing ── all sent: FIN ──► Lingering ── peer's FIN, or time is up ──► gone
//!   └──── Flow::Drop, error ───────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Readiness is reported when it changes (edge-triggered), so it is remembered here until the system
//! takes it back: by `WouldBlock`, or by transferring less than it was offered (epoll(7), question 9),
//! which saves the call that would only fail.

use std::io::{self, Read, Write as _};
use std::time::Instant;

use mio::event::Event;

use crate::net::Outbox;
use crate::net::backlog::Backlog;
use crate::net::slab::ConnectionId;
use crate::net::stream::Stream;
use crate::net::tls::{SealBuffer, TlsSession};

#[derive(Debug)]
pub(super) struct Socket {
    pub(super) id: ConnectionId,
    pub(super) stream: Stream,
    /// Between the stream and the service, on listeners that speak TLS. In a box: most connections
    /// of a plain listener shall not pay for it.
    pub(super) tls: Option<Box<TlsSession>>,
    pub(super) phase: Phase,
    pub(super) input: Input,
    /// The system refused bytes; it will tell when it takes more.
    is_blocked: bool,
    /// Both directions are over; what was received before can still be read.
    is_broken: bool,
    /// In one of the worker's lines of those who can be read.
    pub(super) is_queued: bool,
    /// Much was read of it the last time.
    pub(super) is_talkative: bool,
    /// The outbox's length when it was looked at last, as it is counted in the gauge.
    pub(super) queued_len: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// The session lives. Few are behind with reading, so that is boxed.
    Open { backlog: Option<Box<Backlog>> },
    /// The session is over; what it left is being sent, until then at the latest.
    Flushing { until: Instant },
    /// All is sent, FIN too; what still comes is discarded, until then at the latest.
    Lingering { until: Instant },
}

/// What is known of the incoming direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// Nothing to read; the poller will tell.
    Quiet,
    /// Probably something to read.
    Readable,
    /// As before, and after it comes the end, which nobody will announce again.
    ReadableToTheEnd,
    /// The peer's FIN has been read.
    Ended,
}

/// What the poller tells of a socket at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Readiness {
    pub(super) is_readable: bool,
    pub(super) is_writable: bool,
    /// The peer has sent its FIN.
    pub(super) is_read_closed: bool,
    /// Nothing can be written any more.
    pub(super) is_broken: bool,
}

/// What one read gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    Bytes(usize),
    Nothing,
    End,
}

/// The connection is lost or done with: its socket is to be closed.
#[derive(Debug)]
pub(super) struct Gone;

impl Socket {
    pub(super) fn new(id: ConnectionId, stream: Stream, tls: Option<Box<TlsSession>>) -> Self {
        Self {
            id,
            stream,
            tls,
            phase: Phase::Open { backlog: None },
            input: Input::Quiet,
            is_blocked: false,
            is_broken: false,
            is_queued: false,
            is_talkative: false,
            queued_len: 0,
        }
    }

    /// Remembers what the poller tells.
    pub(super) fn note(&mut self, readiness: Readiness) {
        self.is_broken |= readiness.is_broken;
        if readiness.is_writable || self.is_broken {
            self.is_blocked = false;
        }
        if self.input != Input::Ended {
            if readiness.is_read_closed || self.is_broken {
                self.input = Input::ReadableToTheEnd;
            } else if readiness.is_readable && self.input == Input::Quiet {
                self.input = Input::Readable;
            }
        }
    }

    /// Whether reading is worth a try.
    pub(super) fn has_input(&self) -> bool {
        matches!(self.input, Input::Readable | Input::ReadableToTheEnd)
    }

    /// Whether nothing will ever come or go again.
    pub(super) fn is_dead(&self) -> bool {
        self.is_broken && self.input == Input::Ended
    }

    /// Whether a write is worth a try.
    pub(super) fn takes_output(&self) -> bool {
        !self.is_blocked
    }

    /// Until when TLS must be agreed on; `None`: it is, or is not spoken.
    pub(super) fn handshake_until(&self) -> Option<Instant> {
        self.tls.as_ref().and_then(|tls| tls.handshake_until())
    }

    /// Whether what comes goes through TLS: as long as there is a session to take it, and before
    /// that whatever it takes to be able to say anything.
    pub(super) fn opens_input(&self) -> bool {
        let Some(tls) = &self.tls else { return false };
        let is_for_session = matches!(self.phase, Phase::Open { .. }) && tls.is_open();
        is_for_session || tls.handshake_until().is_some()
    }

    /// Takes note that so many bytes have left.
    pub(super) fn took(&mut self, len: usize) {
        if let Phase::Open {
            backlog: Some(backlog),
        } = &mut self.phase
        {
            backlog.took(len);
        }
    }

    /// Records that the socket has refused.
    pub(super) fn unsent_len(&self) -> usize {
        self.tls.as_ref().map_or(0, |tls| tls.unsent.len())
    }

    /// Reads once.
    ///
    /// # Errors
    ///
    /// Those after which the connection is lost.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        loop {
            return match self.stream.read(buffer) {
                Ok(0) => {
                    self.input = Input::Ended;
                    Ok(Received::End)
                }
                Ok(len) => {
                    if len < buffer.len() && self.input == Input::Readable {
                        self.input = Input::Quiet;
                    }
                    Ok(Received::Bytes(len))
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.input = Input::Quiet;
                    Ok(Received::Nothing)
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
        }
    }

    /// All is sent: says so, sends FIN and waits for the peer's until `linger_until`. Where the
    /// socket has no room for the last words, it is to be called again when they are sent.
    ///
    /// # Errors
    ///
    /// There is nothing to wait for: the peer's FIN came first, or the connection is lost.
    pub(super) fn finish(
        &mut self,
        linger_until: Instant,
        sealed: &mut SealBuffer,
    ) -> Result<(), Gone> {
        if let Some(tls) = self.tls.as_mut().filter(|tls| tls.is_open()) {
            sealed.clear();
            tls.say_goodbye(sealed).map_err(|_| Gone)?;
            self.send_records(sealed).map_err(|_| Gone)?;
        }
        if self.unsent_len() > 0 {
            return Ok(());
        }
        self.stream.shutdown_write().map_err(|_| Gone)?;
        if let Some(tls) = &mut self.tls {
            // Who comes to shake hands now is too late.
            tls.give_up();
        }
        if self.input == Input::Ended {
            return Err(Gone);
        }
        self.phase = Phase::Lingering {
            until: linger_until,
        };
        Ok(())
    }

    /// Writes until all is sent or the system refuses; returns the number of bytes sent.
    ///
    /// # Errors
    ///
    /// Those after which the connection is lost.
    pub(super) fn flush(
        &mut self,
        outbox: &mut Outbox,
        gathered: &mut Vec<u8>,
        sealed: &mut SealBuffer,
    ) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return write_all(outbox, &mut self.stream, &mut self.is_blocked);
        };
        let mut sent = write_all(&mut tls.unsent, &mut self.stream, &mut self.is_blocked)?;
        if tls.unsent.is_empty() {
            // Its memory goes too: the next that waits may come in hours.
            tls.unsent.clear();
        }
        // Records are made only as long as the socket takes them: what a slow reader leaves waits
        // in the outbox, where its limits are.
        while let Some(tls) = &mut self.tls
            && tls.is_open()
            && !self.is_blocked
            && !outbox.is_empty()
        {
            sealed.clear();
            tls.seal(outbox, gathered, sealed)
                .map_err(|_| io::Error::from(io::ErrorKind::ConnectionAborted))?;
            sent += self.send_records(sealed)?;
        }
        Ok(sent)
    }

    /// Writes records behind those that wait; what the system refuses waits too. Returns the
    /// number of bytes sent.
    ///
    /// # Errors
    ///
    /// Those after which the connection is lost.
    pub(super) fn send_records(&mut self, sealed: &SealBuffer) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return Ok(0);
        };
        let mut rest = sealed.as_slice();
        while tls.unsent.is_empty() && !self.is_blocked && !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    self.is_blocked = written < rest.len();
                    rest = &rest[written..];
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_blocked = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if !rest.is_empty() {
            tls.unsent.buffer().extend_from_slice(rest);
        }
        Ok(sealed.len() - rest.len())
    }
}

impl From<&Event> for Readiness {
    fn from(event: &Event) -> Self {
        Self {
            is_readable: event.is_readable(),
            is_writable: event.is_writable(),
            is_read_closed: event.is_read_closed(),
            is_broken: event.is_write_closed() || event.is_error(),
        }
    }
}

fn write_all(outbox: &mut Outbox, stream: &mut Stream, is_blocked: &mut bool) -> io::Result<usize> {
    let mut sent = 0;
    while !*is_blocked && !outbox.is_empty() {
        match outbox.write_to(stream) {
            Ok((written, took_all)) => {
                sent += written;
                *is_blocked = !took_all;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => *is_blocked = true,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}
