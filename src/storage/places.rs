//! How many places of a queue are taken.
//!
//! Whoever wants some looks and takes in one step: between two, others could take them too, and more
//! would wait than may. `tests/loom.rs` runs this file in all orders that threads may take.

use super::sync::{AtomicUsize, Ordering};

/// Places that threads take and give back. `Relaxed` is enough: what takes them goes through the
/// queue.
#[derive(Debug)]
pub(super) struct Places {
    taken_count: AtomicUsize,
    max_count: usize,
}

impl Places {
    pub(super) fn new(max_count: usize) -> Self {
        Self {
            taken_count: AtomicUsize::new(0),
            max_count,
        }
    }

    /// Takes as many as are free of those that are wanted; returns how many.
    #[must_use]
    pub(super) fn take(&self, wanted_count: usize) -> usize {
        let given = |taken: usize| wanted_count.min(self.max_count - taken);
        let taken = self
            .taken_count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
                Some(taken + given(taken))
            });
        given(taken.expect("there is always a next value"))
    }

    pub(super) fn give_back(&self, count: usize) {
        self.taken_count.fetch_sub(count, Ordering::Relaxed);
    }
}
