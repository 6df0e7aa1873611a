//! What waits for the hub of what clients may send as much of as they like.
//!
//! All workers count in it without a lock. Each bound holds by itself: whoever adds is judged by what
//! the counter said in the same step, so that of any number at once no more get in than may. What is
//! refused was counted for a moment, and one that comes just then may be refused although there was
//! room. `tests/loom.rs` runs this file in all orders that threads may take.

use super::sync::{AtomicUsize, Ordering};

/// How many requests wait, and about how many bytes they take. `Relaxed` is enough: each counter is
/// judged by itself, and the requests go through a queue.
#[derive(Debug)]
pub(super) struct WaitingRequests {
    count: AtomicUsize,
    weight: AtomicUsize,
    max_count: usize,
    max_weight: usize,
}

impl WaitingRequests {
    pub(super) fn new(max_count: usize, max_weight: usize) -> Self {
        Self {
            count: AtomicUsize::new(0),
            weight: AtomicUsize::new(0),
            max_count,
            max_weight,
        }
    }

    /// Takes note of one more; `false`: there is no room for it.
    #[must_use]
    pub(super) fn add(&self, weight: usize) -> bool {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let others = self.weight.fetch_add(weight, Ordering::Relaxed);
        let has_room = count < self.max_count && others + weight <= self.max_weight;
        if !has_room {
            self.remove(weight);
        }
        has_room
    }

    /// Takes note that one is gone.
    pub(super) fn remove(&self, weight: usize) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.weight.fetch_sub(weight, Ordering::Relaxed);
    }
}
