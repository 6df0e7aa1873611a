//! The one place of the server that reads the time of day.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::chat::Timestamp;

/// The time of day now; a clock that stands before 1970 counts as 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "here the time enters, to be handed on as a value"
)]
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
