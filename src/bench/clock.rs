//! Reads the clock: the one place where a load learns what time it is.

use std::time::{Duration, Instant};

#[expect(
    clippy::disallowed_methods,
    reason = "whoever measures times needs to know them"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Returns a duration in nanoseconds; five centuries are the most.
pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
