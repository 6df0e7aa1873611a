//! How many users are connected, and whether all are asked to leave.
//!
//! Whoever drains begins that first and counts after; whoever leaves is counted out first and looks
//! after whether anybody waits for it. In two variables each could miss what the other has done, as
//! a load may overtake the store before it, and the drain would wait for nobody. In one, either the
//! last to leave finds that a drain has begun, or the drain finds that nobody is left.
//! `tests/loom.rs` runs this file in all orders that threads may take.

use super::sync::{AtomicUsize, Ordering};

/// Users' connections, and a flag above their number. `Relaxed` is enough: all there is to know is
/// in the one value.
#[derive(Debug)]
pub(super) struct Attendance {
    value: AtomicUsize,
}

impl Attendance {
    pub(super) fn new() -> Self {
        Self {
            value: AtomicUsize::new(0),
        }
    }

    /// Takes note that a user has connected.
    pub(super) fn came(&self) {
        self.value.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes note that a user's connection is gone; true if it was the last, and a drain may wait
    /// for it.
    pub(super) fn left(&self) -> bool {
        self.value.fetch_sub(1, Ordering::Relaxed) == DRAINING | 1
    }

    /// Asks all to leave.
    pub(super) fn begin_drain(&self) {
        self.value.fetch_or(DRAINING, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.value.load(Ordering::Relaxed) & DRAINING != 0
    }

    /// How many users are connected.
    pub(super) fn count(&self) -> usize {
        self.value.load(Ordering::Relaxed) & !DRAINING
    }
}

/// Out of reach of the number of connections.
const DRAINING: usize = 1 << (usize::BITS - 1);
