//! Lets one connection at a time open to each address (RFC 6455 §4.1).
//!
//! The rule keeps a script from flooding a server with handshakes. It binds those who share a
//! turnstile: a registry for the whole process would be state that nobody passes and that libraries
//! in one program can't have apart.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

#[expect(
    clippy::disallowed_types,
    reason = "threads that connect to one address wait for each other"
)]
type Mutex<T> = std::sync::Mutex<T>;

use crate::websocket::blocking::clock::now;

/// Where connections are opening.
#[derive(Debug, Default)]
pub(super) struct Turnstile {
    opening: Mutex<BTreeSet<Remote>>,
    has_changed: std::sync::Condvar,
}

/// The other end of a connection, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Remote {
    Address(SocketAddr),
    /// A proxy knows the address: each name counts as a server of its own.
    Name(String, u16),
    Path(PathBuf),
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turnstile: Arc<Turnstile>,
    remote: Remote,
}

impl Turnstile {
    /// Waits for the turn of a connection to `remote`; `None` if `deadline` comes before.
    pub(super) fn enter(self: &Arc<Self>, remote: Remote, deadline: Instant) -> Option<Turn> {
        // A thread that panicked left the set as it was: only whole calls change it.
        let mut opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        while !may_open(&opening, &remote) {
            let timeout = deadline.saturating_duration_since(now());
            if timeout.is_zero() {
                return None;
            }
            let waited = self.has_changed.wait_timeout(opening, timeout);
            opening = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        opening.insert(remote.clone());
        Some(Turn {
            turnstile: Arc::clone(self),
            remote,
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let opening = self.turnstile.opening.lock();
        opening
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.remote);
        self.turnstile.has_changed.notify_all();
    }
}

fn may_open(opening: &BTreeSet<Remote>, remote: &Remote) -> bool {
    let is_named = |remote: &Remote| matches!(remote, Remote::Name(..));
    let named_count = opening.iter().filter(|it| is_named(it)).count();
    !opening.contains(remote) && !(is_named(remote) && named_count >= MAX_NAMED_COUNT)
}

/// Connections that may open at once by name, through proxies. RFC 6455 §4.1 leaves the number to
/// us; browsers have 6 to a host.
const MAX_NAMED_COUNT: usize = 8;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    fn named(number: usize) -> Remote {
        Remote::Name(format!("host-{number}"), 80)
    }

    fn later() -> Instant {
        now() + Duration::from_secs(20)
    }

    // covers: R6455-4.1-02
    #[test]
    fn the_second_to_an_address_waits_for_the_first() {
        let turnstile = Arc::new(Turnstile::default());
        let remote = || Remote::Address(([127, 0, 0, 1], 80).into());
        let first = turnstile.enter(remote(), later()).unwrap();
        assert!(turnstile.enter(remote(), now()).is_none());
        let other = Remote::Address(([127, 0, 0, 1], 81).into());
        assert!(turnstile.enter(other, now()).is_some());
        let (sender, receiver) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let second = turnstile.enter(remote(), later());
                sender.send(second.is_some()).unwrap();
            });
            assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Empty));
            drop(first);
            assert!(receiver.recv().unwrap());
        });
    }

    // covers: R6455-4.1-03
    #[test]
    fn names_that_proxies_resolve_are_bounded_in_number() {
        let turnstile = Arc::new(Turnstile::default());
        let turns: Vec<Turn> = (0..MAX_NAMED_COUNT)
            .map(|number| turnstile.enter(named(number), now()).unwrap())
            .collect();
        assert!(turnstile.enter(named(MAX_NAMED_COUNT), now()).is_none());
        drop(turns);
        assert!(turnstile.enter(named(MAX_NAMED_COUNT), now()).is_some());
    }
}
