//! The rule by which one thread at a time writes.
//!
//! The lock is never held during a socket call. Whoever finds something to write, and nobody writing,
//! takes a chunk and writes it. A writer waits for the socket, and goes on until nothing is left, or
//! until its own frame is written and another writer waits that can take over. The reader writes what
//! the socket takes at once, and wakes up for more only while no writer is at it. `tests/loom.rs` runs
//! this file in all orders that threads may take.

use std::time::Instant;

use crate::websocket::blocking::clock::now;
use crate::websocket::blocking::error::{Error, Timeout};
use crate::websocket::blocking::lock::Guard;
use crate::websocket::blocking::split::core::{Chunk, Core, Ticket};
use crate::websocket::blocking::split::shared::Shared;
use crate::websocket::blocking::split::socket_io;

impl Shared {
    /// Waits until a message can be queued that comes between no other's parts, or never will be.
    pub(super) fn lock_for_message(&self) -> Guard<'_, Core> {
        let mut core = self.lock();
        while !core.takes_message() {
            core = self.core.wait(core, None);
        }
        core
    }

    /// Waits until a Ping can be queued, or never will be. No ticket makes anyone stay until a Ping is
    /// written, so that who waits here writes, unless another thread does.
    pub(super) fn lock_for_control(&self) -> Guard<'_, Core> {
        let mut core = self.lock();
        while !core.takes_control() {
            if core.is_flushing() {
                core = self.core.wait(core, None);
            } else if let Some(chunk) = core.take_chunk() {
                core = self.write_chunk(core, chunk, None);
            }
        }
        core
    }

    /// Waits, as a writer does, until a frame is written, and writes what there is meanwhile.
    pub(super) fn flush<'a>(
        &'a self,
        mut core: Guard<'a, Core>,
        ticket: Option<Ticket>,
        deadline: Option<Instant>,
    ) -> Result<(), Error> {
        loop {
            let is_written = ticket.is_none_or(|ticket| core.is_written(ticket));
            if is_written && (core.is_flushing() || core.waiting_count > 0) {
                return Ok(());
            }
            if let Some(chunk) = core.take_chunk() {
                core = self.write_chunk(core, chunk, deadline);
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

    /// Writes a chunk as a writer does, and lets others go on.
    fn write_chunk<'a>(
        &'a self,
        core: Guard<'a, Core>,
        chunk: Chunk,
        deadline: Option<Instant>,
    ) -> Guard<'a, Core> {
        drop(core);
        let written = self.write(&chunk, deadline);
        let mut core = self.lock();
        match written {
            Ok(()) => {
                let len = chunk.bytes.len();
                core.give_back(chunk, len);
            }
            Err(error) => self.give_up(&mut core, error),
        }
        self.core.notify();
        core
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
}
