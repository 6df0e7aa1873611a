//! Who writes to a split connection. Its core and its socket are stood in for: a frame is a byte.

use std::time::Duration;

use loom::sync::Arc;
use loom::thread;

#[path = "../../src/websocket/blocking/split/turns.rs"]
mod turns;

use super::clock::now;
use super::lock::Wakes;
use crate::finds;
use shared::Shared;

#[test]
fn writers_return_when_their_frames_are_written() {
    loom::model(|| write_at_once(Wakes::All, [send]));
}

#[test]
fn who_waits_for_room_among_pings_has_it_when_they_are_written() {
    loom::model(|| write_at_once(Wakes::All, [ping]));
}

#[test]
fn who_closes_has_all_written() {
    loom::model(|| write_at_once(Wakes::All, [close]));
}

#[test]
fn of_three_writers_none_waits_for_ever() {
    let cases: [[fn(&Shared); 2]; 3] = [[send, send], [ping, send], [send, close]];
    for writers in cases {
        model_of_three(move || write_at_once(Wakes::All, writers));
    }
}

#[test]
fn model_finds_that_nobody_is_woken() {
    let found = finds(|| write_at_once(Wakes::Nobody, [send]));
    assert!(found, "a writer waited for ever, and nobody noticed");
}

#[test]
fn what_the_reader_leaves_is_written_and_what_writers_leave() {
    loom::model(|| {
        let shared = Arc::new(Shared::new(2, Wakes::All));
        let writer = spawn(&shared, send);
        shared.lock().queue_control();
        shared.flush_now();
        // It wakes up for more only while no writer is at it.
        while shared.lock().is_left_alone() {
            shared.flush_now();
        }
        shared.core.leave();
        writer.join().expect("it has ended");
        shared.lock().assert_done();
    });
}

/// Runs a model of three threads, which has too many orders, in those where threads are interrupted
/// no more than three times; that they wait does not count.
fn model_of_three(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// Has all of them write, and the last of them flush what there is.
fn write_at_once<const N: usize>(wakes: Wakes, writers: [fn(&Shared); N]) {
    let shared = Arc::new(Shared::new(N + 1, wakes));
    let writers = writers.map(|write| spawn(&shared, write));
    send(&shared);
    shared.core.leave();
    for writer in writers {
        writer.join().expect("it has ended");
    }
    shared.lock().assert_done();
}

fn spawn(shared: &Arc<Shared>, write: fn(&Shared)) -> thread::JoinHandle<()> {
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        write(&shared);
        shared.core.leave();
    })
}

/// Sends a message, as a writer does.
fn send(shared: &Shared) {
    let mut core = shared.lock_for_message();
    let ticket = core.queue_message();
    let is_sent = shared.flush(core, Some(ticket), None).is_ok();
    let core = shared.lock();
    assert!(!is_sent || core.is_written(ticket), "it has not left");
}

/// Sends a Ping, as a writer does.
fn ping(shared: &Shared) {
    for _ in 0..2 {
        let mut core = shared.lock_for_control();
        core.queue_control();
        let _ = shared.flush(core, None, None);
    }
}

/// Writes what there is, or waits for who does.
fn close(shared: &Shared) {
    let is_flushed = shared.flush_all(now() + Duration::from_secs(3_600));
    assert!(is_flushed || shared.lock().has_write_error(), "it gave up");
}

mod shared {
    use std::time::Instant;

    use super::core::{Chunk, Core};
    use super::socket_io::Socket;
    use crate::websocket::blocking::error::Error;
    use crate::websocket::blocking::lock::{Guard, Lock, Wakes};

    pub(super) struct Shared {
        pub(super) core: Lock<Core>,
    }

    impl Shared {
        pub(super) fn new(thread_count: usize, wakes: Wakes) -> Self {
            let core = Lock::new(Core::default(), thread_count, wakes);
            Self { core }
        }

        pub(super) fn lock(&self) -> Guard<'_, Core> {
            self.core.lock()
        }

        pub(super) fn fd(&self) -> Socket {
            Socket
        }

        pub(super) fn write(&self, _: &Chunk, _: Option<Instant>) -> Result<(), Error> {
            Ok(())
        }

        pub(super) fn give_up(&self, core: &mut Core, error: Error) {
            core.give_up(error);
        }
    }
}

mod socket_io {
    use std::io;

    pub(super) struct Socket;

    /// Takes a byte at a time.
    pub(super) fn write_now(_: Socket, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len().min(1))
    }
}

/// What the real core says of frames, counted only.
mod core {
    use crate::websocket::blocking::error::Error;
    use crate::websocket::blocking::lock::Stuck;

    #[derive(Default)]
    pub(super) struct Core {
        pub(super) waiting_count: usize,
        /// Messages, of which one may wait.
        data: Vec<u8>,
        /// Control frames, of which one may wait.
        control: Vec<u8>,
        sealed: Vec<u8>,
        queued_count: u64,
        written_count: u64,
        is_flushing: bool,
        write_error: Option<Error>,
    }

    #[derive(Clone, Copy)]
    pub(super) struct Ticket(u64);

    pub(super) struct Chunk {
        pub(super) bytes: Vec<u8>,
        sealed_count: u64,
    }

    impl Core {
        pub(super) fn takes_message(&self) -> bool {
            self.data.is_empty() || self.has_write_error()
        }

        pub(super) fn takes_control(&self) -> bool {
            self.control.is_empty() || self.has_write_error()
        }

        pub(super) fn queue_message(&mut self) -> Ticket {
            self.data.push(b'm');
            self.queued_count += 1;
            Ticket(self.queued_count)
        }

        pub(super) fn queue_control(&mut self) {
            self.control.push(b'p');
        }

        pub(super) fn take_chunk(&mut self) -> Option<Chunk> {
            if self.is_flushing || self.has_write_error() || !self.has_output() {
                return None;
            }
            self.sealed.append(&mut self.control);
            self.sealed.append(&mut self.data);
            self.is_flushing = true;
            Some(Chunk {
                bytes: std::mem::take(&mut self.sealed),
                sealed_count: self.queued_count,
            })
        }

        pub(super) fn give_back(&mut self, mut chunk: Chunk, written_len: usize) {
            self.is_flushing = false;
            chunk.bytes.drain(..written_len);
            if chunk.bytes.is_empty() {
                self.written_count = chunk.sealed_count;
            }
            chunk.bytes.append(&mut self.sealed);
            self.sealed = chunk.bytes;
        }

        pub(super) fn give_up(&mut self, error: Error) {
            self.is_flushing = false;
            self.write_error = Some(error);
        }

        pub(super) fn is_written(&self, ticket: Ticket) -> bool {
            self.written_count >= ticket.0
        }

        pub(super) fn is_flushing(&self) -> bool {
            self.is_flushing
        }

        pub(super) fn is_left_alone(&self) -> bool {
            let has_turn = !self.is_flushing && self.waiting_count == 0 && !self.has_write_error();
            self.has_output() && has_turn
        }

        pub(super) fn has_write_error(&self) -> bool {
            self.write_error.is_some()
        }

        pub(super) fn write_error(&self) -> Error {
            self.write_error.clone().unwrap_or(Error::Closed)
        }

        pub(super) fn assert_done(&self) {
            assert!(!self.has_write_error(), "{:?}", self.write_error);
            assert!(!self.has_output(), "nobody writes what there is");
        }

        fn has_output(&self) -> bool {
            !(self.data.is_empty() && self.control.is_empty() && self.sealed.is_empty())
        }
    }

    impl Stuck for Core {
        fn get_stuck(&mut self) {
            self.write_error = Some(Error::Stuck);
        }
    }
}
