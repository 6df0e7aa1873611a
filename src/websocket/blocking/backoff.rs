//! Decides how long a client waits before it connects again (RFC 6455 §7.2.3).
//!
//! A server that restarts loses all its clients at once; what keeps them from coming back at once is
//! that each waits a random time. All of the wait is random ("full jitter"), in a window that doubles
//! with each failure. A connection counts as a success only when it has been stable: a server that
//! accepts and drops is one that fails.

use std::time::Duration;

/// How the windows grow; each default says where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackoffPolicy {
    /// Window of the first wait. 5 s: what RFC 6455 §7.2.3 calls reasonable.
    pub first_window: Duration,
    /// Longest window. 2 min: a server that is back has its clients back before its users give up.
    pub max_window: Duration,
    /// How long a connection must last to count as a success. 1 min: longer than a server takes to
    /// fail after its start.
    pub stable_after: Duration,
}

impl Default for BackoffPolicy {
    fn default() -> Self {
        Self {
            first_window: Duration::from_secs(5),
            max_window: Duration::from_secs(120),
            stable_after: Duration::from_secs(60),
        }
    }
}

/// The waits of one client, one after the other.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use chinwag::websocket::blocking::{Backoff, BackoffPolicy};
///
/// let mut backoff = Backoff::new(BackoffPolicy::default());
/// // Half of all random numbers are below this one.
/// assert_eq!(backoff.next_delay(1 << 31), Duration::from_millis(2_500));
/// assert_eq!(backoff.next_delay(1 << 31), Duration::from_secs(5));
/// backoff.connection_ended(Duration::from_secs(60));
/// assert_eq!(backoff.next_delay(1 << 31), Duration::from_millis(2_500));
/// ```
#[derive(Debug, Clone)]
pub struct Backoff {
    policy: BackoffPolicy,
    /// Window of the next wait; between the policy's first and longest one.
    window: Duration,
}

impl Backoff {
    /// Begins without a failure.
    #[must_use]
    pub fn new(policy: BackoffPolicy) -> Self {
        Self {
            policy,
            window: policy.first_window.min(policy.max_window),
        }
    }

    /// Returns how long to wait before the next attempt: `random`, of all numbers alike, chooses a
    /// moment of the window. The window after it is twice as long.
    pub fn next_delay(&mut self, random: u32) -> Duration {
        let window_ns = self.window.as_nanos();
        // Less than 2^96 nanoseconds fit a Duration, so that the product fits, too.
        let delay_ns = window_ns.saturating_mul(random.into()) >> u32::BITS;
        self.window = self.window.saturating_mul(2).min(self.policy.max_window);
        Duration::from_nanos(u64::try_from(delay_ns).unwrap_or(u64::MAX))
    }

    /// Notes that a connection is gone that had been open for `duration`: a stable one makes the
    /// next failure count as the first.
    pub fn connection_ended(&mut self, duration: Duration) {
        if duration >= self.policy.stable_after {
            *self = Self::new(self.policy);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    // covers: R6455-7.2.3-01, R6455-7.2.3-02
    #[test]
    fn first_waits_of_many_clients_spread_evenly_over_five_seconds() {
        let mut rng = StdRng::seed_from_u64(7);
        let mut delays: Vec<Duration> = (0..10_000)
            .map(|_| Backoff::new(BackoffPolicy::default()).next_delay(rng.next_u32()))
            .collect();
        delays.sort();
        // Kolmogorov-Smirnov: 1.63 / sqrt(n) is what an even spread exceeds once in a hundred.
        let count = 10_000.0;
        for (index, delay) in (0_u32..).zip(&delays) {
            let distance = f64::from(index) / count - delay.as_secs_f64() / 5.0;
            assert!(distance.abs() < 1.63 / count.sqrt(), "{delay:?}");
        }
    }

    // covers: R6455-7.2.3-03
    #[test]
    fn windows_double_up_to_the_longest() {
        let mut backoff = Backoff::new(BackoffPolicy::default());
        let longest = |backoff: &mut Backoff| backoff.next_delay(u32::MAX).as_secs_f64().ceil();
        let windows: Vec<f64> = (0..7).map(|_| longest(&mut backoff)).collect();
        assert_eq!(windows, [5.0, 10.0, 20.0, 40.0, 80.0, 120.0, 120.0]);
        assert_eq!(backoff.next_delay(0), Duration::ZERO);
    }

    // covers: R6455-7.2.3-03
    #[test]
    fn only_a_stable_connection_begins_anew() {
        let mut backoff = Backoff::new(BackoffPolicy::default());
        backoff.next_delay(0);
        backoff.connection_ended(60 * SECOND - Duration::from_nanos(1));
        assert_eq!(backoff.next_delay(1 << 31), 5 * SECOND);
        backoff.connection_ended(60 * SECOND);
        assert_eq!(backoff.next_delay(1 << 31), 5 * SECOND / 2);
    }

    #[test]
    fn extreme_policies_do_not_overflow() {
        let mut backoff = Backoff::new(BackoffPolicy {
            first_window: Duration::MAX,
            max_window: Duration::MAX,
            stable_after: Duration::MAX,
        });
        assert!(backoff.next_delay(u32::MAX) > SECOND);
        assert_eq!(backoff.next_delay(0), Duration::ZERO);
        let mut never = Backoff::new(BackoffPolicy {
            first_window: SECOND,
            max_window: Duration::ZERO,
            stable_after: SECOND,
        });
        assert_eq!(never.next_delay(u32::MAX), Duration::ZERO);
    }
}
