//! Reads the clock: the one place where blocking connections learn what time it is.

use std::time::Instant;

#[expect(
    clippy::disallowed_methods,
    reason = "who waits on a socket needs to know for how long"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}
