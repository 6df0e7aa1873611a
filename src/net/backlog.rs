//! Whether a peer that is behind with reading will ever catch up.
//!
//! Two rules. A connection must not be owed much for long: over the soft limit for longer than the
//! grace period, or over the hard limit at all, it is cut off. And whoever is owed more than a
//! little must go on reading: while more than the floor waits, in each interval as much as the floor
//! must leave. Without the second rule, who reads a byte a second keeps a mebibyte for twelve days.

use std::time::Instant;

use crate::net::OutboxLimits;

/// What is remembered of a peer that is behind; there is none for one that is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Backlog {
    /// The outbox has been over its soft limit since then.
    slow_since: Option<Instant>,
    interval_ends_at: Instant,
    /// How much has left in this interval.
    taken_len: usize,
}

impl Backlog {
    pub(super) fn new(now: Instant, limits: &OutboxLimits) -> Self {
        Self {
            slow_since: None,
            interval_ends_at: now + limits.drain_interval,
            taken_len: 0,
        }
    }

    /// Takes note that so many bytes have left.
    pub(super) fn took(&mut self, len: usize) {
        self.taken_len = self.taken_len.saturating_add(len);
    }

    /// Whether the peer, which is owed `queued_len` bytes, has used up its time.
    pub(super) fn judge(&mut self, queued_len: usize, now: Instant, limits: &OutboxLimits) -> bool {
        if limits.is_over_soft(queued_len) {
            self.slow_since.get_or_insert(now);
        } else {
            self.slow_since = None;
        }
        let is_over_time = self
            .slow_since
            .is_some_and(|since| since + limits.grace_timeout <= now);
        let is_stuck = self.interval_ends_at <= now && self.taken_len < limits.floor_len;
        if self.interval_ends_at <= now || queued_len <= limits.floor_len {
            *self = Self {
                slow_since: self.slow_since,
                ..Self::new(now, limits)
            };
        }
        queued_len > limits.hard_len || is_over_time || is_stuck && queued_len > limits.floor_len
    }

    /// When to judge again, even if nothing happens.
    pub(super) fn deadline(&self, limits: &OutboxLimits) -> Instant {
        let cut_at = self.slow_since.map(|since| since + limits.grace_timeout);
        cut_at.map_or(self.interval_ends_at, |at| at.min(self.interval_ends_at))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits() -> OutboxLimits {
        OutboxLimits {
            floor_len: 10,
            soft_len: 100,
            hard_len: 200,
            grace_timeout: 5 * SECOND,
            drain_interval: 30 * SECOND,
            ..OutboxLimits::default()
        }
    }

    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn start() -> (Instant, Backlog) {
        let now = Instant::now();
        (now, Backlog::new(now, &limits()))
    }

    #[test]
    fn soft_limit_has_a_grace_period_and_the_hard_one_has_none() {
        let (now, mut backlog) = start();
        assert!(!backlog.judge(101, now, &limits()));
        assert_eq!(backlog.deadline(&limits()), now + 5 * SECOND);
        assert!(!backlog.judge(200, now + 4 * SECOND, &limits()));
        assert!(backlog.clone().judge(201, now + 4 * SECOND, &limits()));
        assert!(backlog.judge(101, now + 5 * SECOND, &limits()));
    }

    #[test]
    fn who_falls_below_the_soft_limit_gets_a_new_grace_period() {
        let (now, mut backlog) = start();
        assert!(!backlog.judge(101, now, &limits()));
        assert!(!backlog.judge(100, now + 4 * SECOND, &limits()));
        assert!(!backlog.judge(101, now + 5 * SECOND, &limits()));
        assert_eq!(backlog.deadline(&limits()), now + 10 * SECOND);
    }

    #[test]
    fn who_takes_less_than_the_floor_in_an_interval_is_stuck() {
        let (now, mut backlog) = start();
        backlog.took(9);
        assert!(!backlog.judge(50, now + 29 * SECOND, &limits()));
        assert_eq!(backlog.deadline(&limits()), now + 30 * SECOND);
        assert!(backlog.judge(50, now + 30 * SECOND, &limits()));
    }

    #[test]
    fn who_takes_the_floor_in_each_interval_stays() {
        let (mut now, mut backlog) = start();
        for _ in 0..20 {
            now += 30 * SECOND;
            backlog.took(10);
            assert!(!backlog.judge(50, now, &limits()));
        }
        assert!(backlog.judge(50, now + 30 * SECOND, &limits()));
    }

    #[test]
    fn interval_begins_anew_when_no_more_than_the_floor_waits() {
        let (now, mut backlog) = start();
        assert!(!backlog.judge(10, now + 29 * SECOND, &limits()));
        assert!(!backlog.judge(50, now + 58 * SECOND, &limits()));
        assert!(backlog.judge(50, now + 59 * SECOND, &limits()));
    }
}
