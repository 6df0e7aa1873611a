//! One number that is kept in two counters, each of which others may share.
//!
//! The smaller of the two is never below the truth: whoever enters counts in both before looking at
//! either, and whoever leaves is gone from both after. So of any number that enter at once, on
//! whatever threads, no more get in than may; one that meets others on the way may be refused
//! although there was room. `tests/loom.rs` runs this file in all orders that threads may take.

use super::sync::{AtomicU32, Ordering};

/// Counts one more, unless that makes more than `max`; false: it is not counted.
///
/// What the counters said before is no ground to judge by: of two that enter at once, each may be
/// the first in one of them.
#[must_use]
pub(super) fn enter(counters: [&AtomicU32; 2], max: u32) -> bool {
    for counter in counters {
        // Whoever comes second in one counter sees what the first one did before (AcqRel): in the
        // other counter too, if that came first.
        counter.fetch_add(1, Ordering::AcqRel);
    }
    let counts = counters.map(|counter| counter.load(Ordering::Acquire));
    if counts[0].min(counts[1]) > max {
        leave(counters);
        return false;
    }
    true
}

/// Takes back what was counted.
pub(super) fn leave(counters: [&AtomicU32; 2]) {
    for counter in counters {
        counter.fetch_sub(1, Ordering::AcqRel);
    }
}
