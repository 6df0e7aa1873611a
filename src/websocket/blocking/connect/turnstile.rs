//! Lets one connection at a time open to each address (RFC 6455 §4.1).
//!
//! The rule keeps a script from flooding a server with handshakes. It binds those who share a
//! turnstile: a registry for the whole process would be state that nobody passes and that libraries
//! in one program can't have apart.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::websocket::blocking::clock::now;
use crate::websocket::blocking::lock::Lock;

/// Where connections are opening.
pub(super) struct Turnstile {
    opening: Lock<BTreeSet<Remote>>,
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
        let mut opening = self.opening.lock();
        while !may_open(&opening, &remote) {
            if deadline <= now() {
                return None;
            }
            opening = self.opening.wait(opening, Some(deadline));
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
        self.turnstile.opening.lock().remove(&self.remote);
        self.turnstile.opening.notify();
    }
}

impl Default for Turnstile {
    fn default() -> Self {
        Self {
            opening: Lock::new(BTreeSet::new()),
        }
    }
}

impl fmt::Debug for Turnstile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turnstile")
            .field("opening", &*self.opening.lock())
            .finish()
    }
}

fn may_open(opening: &BTreeSet<Remote>, remote: &Remote) -> bool {
    let is_named = |remote: &Remote| matches!(remote, Remote::Name(..));
    let named_count = opening.iter().filter(|it| is_named(it)).count();
    let has_room = !is_named(remote) || named_count < MAX_NAMED_COUNT;
    has_room && !opening.contains(remote)
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
