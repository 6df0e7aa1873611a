//! The socket and the core of a split connection, and the rule by which one thread at a time writes.
//!
//! The lock is never held during a socket call. Whoever finds something to write, and nobody writing,
//! takes a chunk and writes it. A writer waits for the socket, and goes on until nothing is left, or
//! until its own frame is written and another writer waits that can take over. The reader writes what
//! the socket takes at once, and wakes up for more only while no writer is at it.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::MutexGuard;
use std::time::Instant;

use crate::websocket::blocking::clock::{deadline_after, now};
use crate::websocket::blocking::error::{Error, Timeout};
use crate::websocket::blocking::lock::Lock;
use crate::websocket::blocking::split::core::{Chunk, Core, Ticket};
use crate::websocket::blocking::split::socket_io::{self, Interest};
use crate::websocket::blocking::timeouts::{DRAIN_TIMEOUT, Timeouts};
use crate::websocket::blocking::web_socket::End;
use crate::websocket::close::CloseCode;
use crate::websocket::error::SendError;

pub(super) struct Shared {
    fd: OwnedFd,
    core: Lock<Core>,
    pub(super) timeouts: Timeouts,
}

impl Shared {
    pub(super) fn new(fd: OwnedFd, core: Core, timeouts: Timeouts) -> Self {
        Self {
            fd,
            core: Lock::new(core),
            timeouts,
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock()
    }

    /// Waits until the queue has room for a message that comes between no other's parts, or until it
    /// will never have.
    pub(super) fn lock_for_message(&self) -> MutexGuard<'_, Core> {
        let mut core = self.lock();
        while (core.is_streaming || !core.has_room()) && !core.is_over() {
            core = self.core.wait(core, None);
        }
        core
    }

    /// Waits until the queue has room for a part of the message that is streamed.
    pub(super) fn lock_for_part(&self) -> MutexGuard<'_, Core> {
        let mut core = self.lock();
        while !core.has_room() && !core.is_over() {
            core = self.core.wait(core, None);
        }
        core
    }

    /// Waits until the queue has room for a Ping, or until it will never have. No ticket makes anyone
    /// stay until a Ping is written, so that who waits here writes, unless another thread does.
    pub(super) fn lock_for_control(&self) -> Result<MutexGuard<'_, Core>, Error> {
        let mut core = self.lock();
        while !core.has_control_room() && !core.is_over() {
            if core.is_flushing() || core.waiting_count > 0 {
                core = self.core.wait(core, None);
            } else {
                self.flush(core, None, None)?;
                core = self.lock();
            }
        }
        Ok(core)
    }

    /// Lets other messages follow.
    pub(super) fn end_streaming(&self) {
        self.lock().is_streaming = false;
        self.core.notify();
    }

    /// Waits, as a writer does, until a frame is written, and writes what there is meanwhile.
    pub(super) fn flush<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core>,
        ticket: Option<Ticket>,
        deadline: Option<Instant>,
    ) -> Result<(), Error> {
        loop {
            let is_written = ticket.is_none_or(|ticket| core.is_written(ticket));
            if is_written && (core.is_flushing() || core.waiting_count > 0) {
                return Ok(());
            }
            if let Some(chunk) = core.take_chunk() {
                drop(core);
                let written = self.write(&chunk, deadline);
                core = self.lock();
                match written {
                    Ok(()) => {
                        let len = chunk.bytes.len();
                        core.give_back(chunk, len);
                    }
                    Err(error) => self.give_up(&mut core, error),
                }
                self.core.notify();
            } else if is_written {
                return Ok(());
            } else if core.is_flushing() && deadline.is_none_or(|deadline| now() < deadline) {
                core.waiting_count += 1;
                core = self.core.wait(core, deadline);
                core.waiting_count -= 1;
            } else if core.is_flushing() {
                return Err(Error::TimedOut(Timeout::Close));
            } else {
                return Err(core.write_error());
            }
        }
    }

    /// Writes what the socket takes at once, as the reader does. What can't be written for ever is
    /// for the writers to hear: what the peer has sent before it left can still be read.
    pub(super) fn flush_now(&self) {
        let mut core = self.lock();
        while let Some(chunk) = core.take_chunk() {
            drop(core);
            let written = socket_io::write_now(self.fd(), &chunk.bytes);
            core = self.lock();
            let is_full = match written {
                Ok(len) => {
                    let is_full = len < chunk.bytes.len();
                    core.give_back(chunk, len);
                    is_full
                }
                Err(error) => {
                    core.give_up(error.into());
                    true
                }
            };
            self.core.notify();
            if is_full {
                return;
            }
        }
    }

    /// Writes all there is, whoever does it; returns whether that was done before the deadline.
    pub(super) fn flush_all(&self, deadline: Instant) -> bool {
        let mut core = self.lock();
        loop {
            if let Some(chunk) = core.take_chunk() {
                drop(core);
                let written = self.write(&chunk, Some(deadline));
                core = self.lock();
                match written {
                    Ok(()) => {
                        let len = chunk.bytes.len();
                        core.give_back(chunk, len);
                    }
                    Err(error) => core.give_up(error),
                }
                self.core.notify();
            } else if core.is_flushing() && now() < deadline {
                core = self.core.wait(core, Some(deadline));
            } else {
                return !core.is_flushing() && !core.has_write_error();
            }
        }
    }

    /// Waits until the connection and its socket have ended, or until the deadline; returns how the
    /// connection has ended, if it has.
    pub(super) fn wait_for_end(&self, deadline: Instant) -> Option<End> {
        let mut core = self.lock();
        while (core.end().is_none() || core.is_draining) && now() < deadline {
            core = self.core.wait(core, Some(deadline));
        }
        core.end().cloned()
    }

    /// Ends the connection for all who wait for it.
    pub(super) fn end(&self, end: End) {
        self.lock().set_end(end);
        self.core.notify();
    }

    /// Ends the connection, and waits for the peer to end the socket, as a client does
    /// (RFC 6455 §7.1.1). Whether it does changes nothing about how the connection has ended.
    pub(super) fn end_and_drain(&self, end: End, deadline: Instant) {
        let mut core = self.lock();
        core.set_end(end);
        core.is_draining = true;
        drop(core);
        self.drain(deadline);
        self.lock().is_draining = false;
        self.core.notify();
    }

    /// Fails the connection for a reason of the application's.
    pub(super) fn fail(&self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        let mut core = self.lock();
        if core.end().is_some() {
            return Ok(());
        }
        core.fail(code, reason)?;
        core.set_end(End::Failed(Error::Abandoned));
        drop(core);
        self.core.notify();
        self.finish(End::Failed(Error::Abandoned), deadline_after(DRAIN_TIMEOUT));
        Ok(())
    }

    /// Ends the connection: what is queued leaves, then the word that nothing more comes. What still
    /// comes from the peer is thrown away until its end.
    pub(super) fn finish(&self, end: End, deadline: Instant) {
        let is_flushed = self.flush_all(deadline) && {
            self.lock().seal_end();
            self.flush_all(deadline)
        };
        self.end(end);
        socket_io::end(self.fd(), Shutdown::Write);
        if is_flushed {
            self.drain(deadline);
        }
        socket_io::end(self.fd(), Shutdown::Both);
    }

    /// Reads until the peer's end, or until the deadline.
    pub(super) fn drain(&self, deadline: Instant) {
        let mut room = vec![0; DRAIN_LEN];
        while let Ok(true) = socket_io::wait(self.fd(), Interest::Readable, Some(deadline)) {
            match socket_io::read_now(self.fd(), &mut room) {
                Ok(Some(0)) | Err(_) => return,
                Ok(_) if now() >= deadline => return,
                Ok(_) => {}
            }
        }
    }

    /// Ends the connection whatever its threads do: both directions of the socket stop.
    pub(super) fn cut(&self, error: Error) {
        self.end(End::Failed(error));
        socket_io::end(self.fd(), Shutdown::Both);
    }

    /// Writes a chunk, however long the peer takes it, as long as it takes something.
    fn write(&self, chunk: &Chunk, deadline: Option<Instant>) -> Result<(), Error> {
        let mut rest = &chunk.bytes[..];
        loop {
            let len = socket_io::write_now(self.fd(), rest)?;
            rest = &rest[len..];
            if rest.is_empty() {
                return Ok(());
            }
            let stalls_at = self.timeouts.send_timeout.map(deadline_after);
            let wakes_at = stalls_at.into_iter().chain(deadline).min();
            if !self.wait_writable(wakes_at)? {
                let is_over = deadline.is_some_and(|deadline| deadline <= now());
                return Err(Error::TimedOut(match is_over {
                    true => Timeout::Close,
                    false => Timeout::Send,
                }));
            }
        }
    }

    fn wait_writable(&self, deadline: Option<Instant>) -> io::Result<bool> {
        loop {
            if socket_io::wait(self.fd(), Interest::Writable, deadline)? {
                return Ok(true);
            }
            if deadline.is_some_and(|deadline| deadline <= now()) {
                return Ok(false);
            }
        }
    }

    /// Notes that nothing can be written. A peer that takes nothing is cut off, or the reader would
    /// never learn of it; of other errors the socket tells the reader.
    fn give_up(&self, core: &mut Core, error: Error) {
        core.give_up(error.clone());
        if let Error::TimedOut(_) = error {
            core.set_end(End::Failed(error));
            socket_io::end(self.fd(), Shutdown::Both);
        }
    }
}

/// Bytes that are thrown away at once.
const DRAIN_LEN: usize = 64 * 1024;
