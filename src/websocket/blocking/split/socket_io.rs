//! Socket calls that never wait, and the one that does.

use std::io;
use std::net::Shutdown;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send, shutdown};

use crate::websocket::blocking::clock::now;

/// What is worth waking up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    Readable,
    Writable,
    Either,
}

/// Reads what is there; `None` if nothing is, `Some(0)` at the end.
pub(super) fn read_now(fd: BorrowedFd<'_>, room: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        match recv(fd, &mut *room, RecvFlags::DONTWAIT) {
            Ok((len, _)) => return Ok(Some(len)),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Writes as much as the socket takes, and returns how much that was.
pub(super) fn write_now(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<usize> {
    let mut written_len = 0;
    while !bytes.is_empty() {
        match send(fd, bytes, SEND_FLAGS) {
            Ok(len) => {
                written_len += len;
                bytes = &bytes[len..];
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(written_len)
}

/// Waits until there is something to do, or until the deadline; returns whether there is.
pub(super) fn wait(
    fd: BorrowedFd<'_>,
    interest: Interest,
    deadline: Option<Instant>,
) -> io::Result<bool> {
    let flags = match interest {
        Interest::Readable => PollFlags::IN,
        Interest::Writable => PollFlags::OUT,
        Interest::Either => PollFlags::IN | PollFlags::OUT,
    };
    let timeout = deadline.and_then(|deadline| {
        // A deadline that no clock of the system can count to is none.
        Timespec::try_from(deadline.saturating_duration_since(now())).ok()
    });
    let mut fds = [PollFd::from_borrowed_fd(fd, flags)];
    match poll(&mut fds, timeout.as_ref()) {
        Ok(count) => Ok(count > 0),
        Err(Errno::INTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Ends the write side, or both. A socket that is no longer connected needs no end.
pub(super) fn end(fd: BorrowedFd<'_>, how: Shutdown) {
    let how = match how {
        Shutdown::Read => rustix::net::Shutdown::Read,
        Shutdown::Write => rustix::net::Shutdown::Write,
        Shutdown::Both => rustix::net::Shutdown::Both,
    };
    let _ = shutdown(fd, how);
}

/// `std` silences the signal of a broken pipe on Apple's systems when it makes a socket.
#[cfg(target_vendor = "apple")]
const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT;

#[cfg(not(target_vendor = "apple"))]
const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
