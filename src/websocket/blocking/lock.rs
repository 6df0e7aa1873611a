//! A lock with a way to wait for changes, for values that the callers' own threads share: the core of
//! a split connection, the list of connections that are opening, codecs that connections lend each
//! other, what handles of a client that comes back know of it.
//!
//! Everything else has one owner and a queue before it. Here there is no thread of ours that could be
//! the owner: a library starts none unasked.

use std::sync::{Condvar, MutexGuard, PoisonError};
use std::time::Instant;

use crate::websocket::blocking::clock::now;

#[expect(
    clippy::disallowed_types,
    reason = "callers' threads share what is in it; no socket call is made while it is held"
)]
type Mutex<T> = std::sync::Mutex<T>;

/// The value, as long as nobody else has it.
pub(super) type Guard<'a, T> = MutexGuard<'a, T>;

pub(super) struct Lock<T> {
    value: Mutex<T>,
    changed: Condvar,
}

impl<T> Lock<T> {
    pub(super) fn new(value: T) -> Self {
        Self {
            value: Mutex::new(value),
            changed: Condvar::new(),
        }
    }

    /// Waits until nobody else holds the value. A thread that panicked while it held it has left
    /// bytes in some order; the peer will say what it thinks of them.
    pub(super) fn lock(&self) -> Guard<'_, T> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets others have the value until one of them has changed it, or until the deadline.
    pub(super) fn wait<'a>(&self, guard: Guard<'a, T>, deadline: Option<Instant>) -> Guard<'a, T> {
        match deadline {
            None => self
                .changed
                .wait(guard)
                .unwrap_or_else(PoisonError::into_inner),
            Some(deadline) => {
                let timeout = deadline.saturating_duration_since(now());
                let waited = self.changed.wait_timeout(guard, timeout);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }

    /// Wakes all who wait for a change.
    pub(super) fn notify(&self) {
        self.changed.notify_all();
    }
}
