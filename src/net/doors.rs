//! Accepting: the listeners of one worker, and what happens when accepting fails.
//!
//! Readiness is reported once (edge-triggered), so a door remembers that somebody may be waiting
//! until the system says that nobody is. Where accepting fails for want of descriptors or memory,
//! trying again at once would spin and giving up would end the service: the door is parked instead.
//!
//! Before that, where it is the process that has no descriptor left (`EMFILE`), whoever waits is
//! told so: one descriptor is held in reserve, given up to accept him, and taken again when he has
//! gone. When the whole system has none (`ENFILE`), others would take it first.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use mio::{Interest, Registry, Token};
use rustix::io::Errno;

use crate::net::listener::{Listener, PolledListener};
use crate::net::stream::Stream;
use crate::net::{Accepted, Peer};

/// The listeners of one worker.
#[derive(Debug)]
pub(super) struct Doors {
    /// By listener; `None` for those that are closed.
    doors: Vec<Option<Door>>,
    /// Nothing but a descriptor.
    spare: Option<File>,
}

#[derive(Debug)]
struct Door {
    listener: PolledListener,
    state: DoorState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DoorState {
    /// Nobody waits; the poller will tell.
    Quiet,
    /// Somebody may be waiting.
    Knocked,
    /// Accepting failed; not before this time again.
    Parked(Instant),
}

impl Doors {
    /// Registers a worker's own handles of `listeners`, the nth under `token(n)`.
    pub(super) fn open(
        listeners: &[Listener],
        registry: &Registry,
        token: impl Fn(usize) -> Token,
    ) -> io::Result<Self> {
        let mut doors = Vec::with_capacity(listeners.len());
        for (nth, listener) in listeners.iter().enumerate() {
            let mut listener = listener.polled()?;
            match &mut listener {
                PolledListener::Tcp(socket) => {
                    registry.register(socket, token(nth), Interest::READABLE)?;
                }
                PolledListener::Unix(socket) => {
                    registry.register(socket, token(nth), Interest::READABLE)?;
                }
            }
            doors.push(Some(Door {
                listener,
                state: DoorState::Quiet,
            }));
        }
        let spare = spare();
        Ok(Self { doors, spare })
    }

    /// The poller says that somebody is at the nth listener.
    pub(super) fn knock(&mut self, nth: usize) {
        if let Some(Some(door)) = self.doors.get_mut(nth)
            && door.state == DoorState::Quiet
        {
            door.state = DoorState::Knocked;
        }
    }

    /// Closes this worker's handles of the listeners.
    pub(super) fn close(&mut self, registry: &Registry) {
        for nth in 0..self.doors.len() {
            self.close_one(nth, registry);
        }
    }

    /// Closes this worker's handle of the nth listener.
    pub(super) fn close_one(&mut self, nth: usize, registry: &Registry) {
        if let Some(mut door) = self.doors.get_mut(nth).and_then(Option::take) {
            // Closing would not do: the poller forgets a socket with its last handle, and other
            // workers may have theirs still. It fails only for what is not registered.
            let _ = match &mut door.listener {
                PolledListener::Tcp(socket) => registry.deregister(socket),
                PolledListener::Unix(socket) => registry.deregister(socket),
            };
        }
    }

    /// When there is something to do again without a knock; a past time means at once.
    pub(super) fn next_at(&self, now: Instant) -> Option<Instant> {
        self.doors
            .iter()
            .flatten()
            .filter_map(|door| match door.state {
                DoorState::Quiet => None,
                DoorState::Knocked => Some(now),
                DoorState::Parked(until) => Some(until),
            })
            .min()
    }

    /// Moves who waits to `arrivals`, up to a bound for each listener; the rest has its turn next
    /// time. For whom there is no descriptor, he is told what `refuse` returns. Returns how many
    /// listeners were parked.
    pub(super) fn accept(
        &mut self,
        now: Instant,
        arrivals: &mut Vec<(Stream, Accepted)>,
        mut refuse: impl FnMut(&Accepted) -> &'static [u8],
    ) -> u64 {
        let mut parked_count = 0;
        for (nth, door) in self.doors.iter_mut().enumerate() {
            let Some(door) = door else {
                continue;
            };
            if matches!(door.state, DoorState::Parked(until) if until <= now) {
                door.state = DoorState::Knocked;
                self.spare = self.spare.take().or_else(spare);
            }
            let mut attempts_left = MAX_ACCEPTS;
            while door.state == DoorState::Knocked && attempts_left > 0 {
                attempts_left -= 1;
                let result = match door.accept(nth) {
                    Err(error) if is_own_limit(&error) && self.spare.take().is_some() => {
                        let result = door.accept(nth);
                        let turned_away = result.map(|(stream, accepted)| {
                            stream.turn_away(refuse(&accepted));
                        });
                        self.spare = spare();
                        turned_away
                    }
                    result => result.map(|arrival| arrivals.push(arrival)),
                };
                if let Err(error) = result {
                    door.state = after_error(&error, now);
                    parked_count += u64::from(matches!(door.state, DoorState::Parked(_)));
                }
            }
        }
        parked_count
    }
}

impl Door {
    fn accept(&self, listener: usize) -> io::Result<(Stream, Accepted)> {
        let (stream, peer) = self.listener.accept()?;
        Ok((stream, Accepted { listener, peer }))
    }
}

impl PolledListener {
    fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept()?;
                Ok((Stream::Tcp(stream), Peer::Tcp(address)))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                Ok((Stream::Unix(stream), Peer::Unix))
            }
        }
    }
}

/// Whether it is this process that has as many open files as it may.
fn is_own_limit(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::MFILE.raw_os_error())
}

/// One descriptor, if there is one.
fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

fn after_error(error: &io::Error, now: Instant) -> DoorState {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, Interrupted, NetworkDown,
        NetworkUnreachable, TimedOut, WouldBlock,
    };
    match error.kind() {
        WouldBlock => DoorState::Quiet,
        // The fault of the one connection that was to be accepted (accept(2), "Error handling"):
        // the next one may be fine.
        ConnectionAborted | ConnectionReset | HostUnreachable | Interrupted | NetworkDown
        | NetworkUnreachable | TimedOut => DoorState::Knocked,
        // Mostly EMFILE, ENFILE, ENOBUFS, ENOMEM; for what is unknown, caution costs little.
        _ => DoorState::Parked(now + PARKED_FOR),
    }
}

/// Accepted from one listener in one turn, so that a rush of new ones does not starve the old.
const MAX_ACCEPTS: usize = 64;
/// Long enough to cost nothing, short enough that people hardly notice.
const PARKED_FOR: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn want_of_descriptors_parks_the_door_and_a_lost_connection_does_not() {
        #[expect(
            clippy::disallowed_methods,
            reason = "an Instant can't be had in any other way"
        )]
        let now = Instant::now();
        let parked = DoorState::Parked(now + PARKED_FOR);
        let cases = [
            (Errno::MFILE, parked),
            (Errno::NFILE, parked),
            (Errno::NOBUFS, parked),
            (Errno::NOMEM, parked),
            (Errno::PERM, parked),
            (Errno::CONNABORTED, DoorState::Knocked),
            (Errno::INTR, DoorState::Knocked),
            (Errno::AGAIN, DoorState::Quiet),
        ];
        for (errno, expected) in cases {
            let error = io::Error::from_raw_os_error(errno.raw_os_error());
            assert_eq!(after_error(&error, now), expected, "{error}");
        }
    }
}
