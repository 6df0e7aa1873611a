//! The socket and the core of a split connection, and how both end.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Instant;

use crate::websocket::blocking::clock::{deadline_after, now};
use crate::websocket::blocking::error::{Error, Timeout};
use crate::websocket::blocking::lock::{Guard, Lock};
use crate::websocket::blocking::split::core::{Chunk, Core};
use crate::websocket::blocking::split::socket_io::{self, Interest};
use crate::websocket::blocking::timeouts::{DRAIN_TIMEOUT, Timeouts};
use crate::websocket::blocking::web_socket::End;
use crate::websocket::close::CloseCode;
use crate::websocket::error::SendError;

pub(super) struct Shared {
    fd: OwnedFd,
    pub(super) core: Lock<Core>,
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

    pub(super) fn lock(&self) -> Guard<'_, Core> {
        self.core.lock()
    }

    /// Lets other messages follow.
    pub(super) fn end_streaming(&self) {
        self.lock().is_streaming = false;
        self.core.notify();
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
    pub(super) fn write(&self, chunk: &Chunk, deadline: Option<Instant>) -> Result<(), Error> {
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
    pub(super) fn give_up(&self, core: &mut Core, error: Error) {
        core.give_up(error.clone());
        if let Error::TimedOut(_) = error {
            core.set_end(End::Failed(error));
            socket_io::end(self.fd(), Shutdown::Both);
        }
    }
}

/// Bytes that are thrown away at once.
const DRAIN_LEN: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::websocket::blocking::codecs::Codecs;
    use crate::websocket::blocking::split::channel::Cipher;
    use crate::websocket::blocking::split::core::Ticket;
    use crate::websocket::connection::Connection;
    use crate::websocket::limits::Limits;
    use crate::websocket::message::Message;

    /// What a server's halves share, and the peer's socket.
    fn shared() -> (Shared, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let connection = Connection::server(Limits::default());
        let codecs = Codecs::default();
        let core = Core::new(connection, codecs, Cipher::Plain, Vec::new(), &[], None).unwrap();
        let mut timeouts = Timeouts::server();
        timeouts.send_timeout = Some(SOON);
        (Shared::new(ours.into(), core, timeouts), theirs)
    }

    /// Queues a frame of `len` bytes, 4 of them its header's.
    fn queue(shared: &Shared, len: usize) -> Ticket {
        let message = Message::binary(vec![0; len - 4]);
        let mut core = shared.lock();
        core.queue_data(|connection, output| connection.send(&message, output))
            .unwrap()
    }

    const SOON: Duration = Duration::from_millis(20);
    const LATER: Duration = Duration::from_secs(3_600);
    const CHUNK_LEN: usize = 65_536;

    #[test]
    fn writer_goes_on_until_nothing_is_left_or_another_can_take_over() {
        for (waiting_count, writes_all) in [(0, true), (1, false)] {
            let (shared, _peer) = shared();
            let [first, second] = [CHUNK_LEN, 200].map(|len| queue(&shared, len));
            shared.lock().waiting_count = waiting_count;
            assert_eq!(shared.flush(shared.lock(), Some(first), None), Ok(()));
            assert!(shared.lock().is_written(first));
            assert_eq!(shared.lock().is_written(second), writes_all);
        }
    }

    #[test]
    fn writer_waits_for_another_that_writes_its_frame_until_the_deadline() {
        let (shared, _peer) = shared();
        let ticket = queue(&shared, 200);
        let chunk = shared.lock().take_chunk().unwrap();
        let too_late = shared.flush(shared.lock(), Some(ticket), Some(now()));
        assert_eq!(too_late, Err(Error::TimedOut(Timeout::Close)));
        thread::scope(|scope| {
            let core = shared.lock();
            scope.spawn(|| {
                // Nobody has the lock, so the other one waits.
                let mut core = shared.lock();
                let len = chunk.bytes.len();
                core.give_back(chunk, len);
                shared.core.notify();
            });
            let deadline = deadline_after(LATER);
            assert_eq!(shared.flush(core, Some(ticket), Some(deadline)), Ok(()));
        });
        assert_eq!(shared.lock().waiting_count, 0);
    }

    #[test]
    fn all_is_flushed_or_somebody_else_is_waited_for_until_the_deadline() {
        let (shared, _peer) = shared();
        assert!(shared.flush_all(deadline_after(LATER)), "there is nothing");
        queue(&shared, 200);
        let chunk = shared.lock().take_chunk().unwrap();
        let deadline = deadline_after(SOON);
        assert!(!shared.flush_all(deadline));
        assert!(deadline <= now());
        shared.lock().give_back(chunk, 0);
        assert!(shared.flush_all(deadline_after(LATER)));
        shared.lock().give_up(Error::Truncated);
        assert!(!shared.flush_all(deadline_after(LATER)));
    }

    #[test]
    fn reader_writes_all_that_the_socket_takes() {
        let (shared, mut peer) = shared();
        let [_, last] = [CHUNK_LEN, 200].map(|len| queue(&shared, len));
        shared.flush_now();
        assert!(shared.lock().is_written(last));
        peer.read_exact(&mut [0; CHUNK_LEN + 200]).unwrap();
    }

    #[test]
    fn end_is_waited_for_with_that_of_the_socket_until_the_deadline() {
        let (shared, _peer) = shared();
        let wait = || {
            let deadline = deadline_after(SOON);
            let end = shared.wait_for_end(deadline);
            (end.is_some(), deadline <= now())
        };
        assert_eq!(wait(), (false, true));
        shared.lock().is_draining = true;
        shared.end(End::Failed(Error::Truncated));
        assert_eq!(wait(), (true, true));
        shared.lock().is_draining = false;
        assert!(shared.wait_for_end(deadline_after(LATER)).is_some());
    }

    #[test]
    fn what_comes_after_the_end_is_thrown_away_to_its_end() {
        let (shared, mut peer) = shared();
        let sending = thread::spawn(move || peer.write_all(&[0; 10 * DRAIN_LEN]));
        shared.drain(deadline_after(LATER));
        sending.join().unwrap().unwrap();
        assert_eq!(socket_io::read_now(shared.fd(), &mut [0]).unwrap(), Some(0));
    }

    #[test]
    fn flood_is_thrown_away_until_the_deadline_only() {
        let (shared, peer) = shared();
        while socket_io::write_now(peer.as_fd(), &[0; DRAIN_LEN]).unwrap() == DRAIN_LEN {}
        shared.drain(now());
        let left = socket_io::read_now(shared.fd(), &mut [0]).unwrap();
        assert_eq!(left, Some(1), "more has come than is read at once");
    }

    #[test]
    fn full_socket_is_waited_for_as_long_as_the_deadline_or_the_peer_allows() {
        let (shared, _peer) = shared();
        while socket_io::write_now(shared.fd(), &[0; 4_096]).unwrap() == 4_096 {}
        queue(&shared, 200);
        let chunk = shared.lock().take_chunk().unwrap();
        let write = |deadline| shared.write(&chunk, Some(deadline));
        assert_eq!(write(now()), Err(Error::TimedOut(Timeout::Close)));
        let stalled = write(deadline_after(LATER));
        assert_eq!(stalled, Err(Error::TimedOut(Timeout::Send)));
    }
}
