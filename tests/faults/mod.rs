//! Honest users, hostile peers, and what a server holds because of either.
#![expect(dead_code, reason = "each test program uses a part of it")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

pub(crate) mod arena;
pub(crate) mod crowd;
pub(crate) mod footprint;
pub(crate) mod hostile;
pub(crate) mod hostile_tls;
pub(crate) mod idlers;

use std::time::Duration;

use crowd::Latencies;

/// Whether messages took longer than is allowed: three times as long as undisturbed ones, and what
/// `CHINWAG_FAULT_NOISE_MS` adds.
pub(crate) fn is_late(disturbed: &Latencies, undisturbed: &Latencies) -> bool {
    let noise = Duration::from_millis(size("CHINWAG_FAULT_NOISE_MS", QUICK_NOISE_MS));
    disturbed.percentile(99) > undisturbed.percentile(99) * 3 + noise
}

/// A size from the environment, for the long forms of these tests.
pub(crate) fn size<T: std::str::FromStr>(variable: &str, quick: T) -> T {
    std::env::var(variable).map_or(quick, |text| text.parse().ok().expect("a number"))
}

/// A duration in whole seconds from the environment.
pub(crate) fn seconds(variable: &str, quick: Duration) -> Duration {
    std::env::var(variable).map_or(quick, |text| {
        Duration::from_secs(text.parse().expect("a number of seconds"))
    })
}

/// Raises this process's limit of open files as far as it goes; servers that it starts inherit it.
pub(crate) fn raise_open_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, raised).expect("anyone may go up to the hard limit");
}

/// By how much a server may grow, by chance, when something is done to it once more. It is a KiB for
/// each of the thousands of peers of a long form, 20 KiB for each of the hundreds of a quick one.
pub(crate) const MAX_GROWN_LEN: u64 = 4 << 20;

/// What may be added to any delivery where other tests, and compilers, have most of the processor
/// and nothing is optimised.
const QUICK_NOISE_MS: u64 = 2_000;
