//! The flag by which one wake of a sleeping worker serves a batch of mail.
//!
//! Waking takes a system call; once is enough for all that is queued before the worker looks. The
//! flag says that a wake is on its way:
//!
//! * a sender queues first and rings after; who finds the flag raised leaves it at that;
//! * a sender that finds the queue full rings first and waits after;
//! * the worker silences the bell first and empties the queue after.
//!
//! A sender that finds the flag raised may rely on it: the worker has yet to lower it, and will look
//! into the queue after that. `tests/loom.rs` runs this file in all orders that threads may take.

use std::io;

use super::sync::{AtomicBool, Ordering};

#[derive(Debug)]
pub(super) struct Bell {
    is_ringing: AtomicBool,
}

impl Bell {
    pub(super) fn new() -> Self {
        Self {
            is_ringing: AtomicBool::new(false),
        }
    }

    /// Wakes the worker, unless somebody else just did. To be called after the mail is queued.
    pub(super) fn ring(&self, wake: impl FnOnce() -> io::Result<()>) {
        if !self.is_ringing.swap(true, Ordering::AcqRel) {
            // The eventfd takes a write unless the process is out of memory; then a later mail
            // rings again, as the flag is lowered here.
            if wake().is_err() {
                self.is_ringing.store(false, Ordering::Release);
            }
        }
    }

    /// Rings, and queues by `queue`, which waits while the queue is full.
    pub(super) fn ring_for_room<T>(
        &self,
        wake: impl FnOnce() -> io::Result<()>,
        queue: impl FnOnce() -> T,
    ) -> T {
        // What fills the queue may be mail that nobody has rung for yet: over that the worker sleeps.
        self.ring(wake);
        queue()
    }

    /// Lets the bell be rung again. To be called before the queue is emptied, or mail that comes
    /// in between would lie there unnoticed.
    pub(super) fn silence(&self) {
        // Acquire pairs with the Release of whoever raised the flag: his mail is visible now.
        self.is_ringing.swap(false, Ordering::AcqRel);
    }
}
