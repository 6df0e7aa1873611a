//! Reads the clock: the one place where blocking connections learn what time it is.

use std::time::{Duration, Instant};

#[expect(
    clippy::disallowed_methods,
    reason = "who waits on a socket needs to know for how long"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Returns when `timeout` will have passed. One that the clock can't count to, as
/// [`Duration::MAX`], passes in a century.
pub(super) fn deadline_after(timeout: Duration) -> Instant {
    let now = now();
    now.checked_add(timeout).unwrap_or_else(|| now + CENTURY)
}

/// 100 years of 365 days: far enough for all, and near enough for the clock of any system.
const CENTURY: Duration = Duration::from_secs(3_153_600_000);
