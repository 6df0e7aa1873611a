//! Says when messages are due: in a closed loop when others have arrived, else by the clock.
//!
//! In an open loop a message is due at its time, whatever became of those before it, and its latency
//! counts from then. Counted from when it could at last be sent, a server that stands still for a
//! second would be charged for one message instead of for all that should have gone out in that
//! second (*coordinated omission*).

use std::time::{Duration, Instant};

/// An even rate: message number `n` is due `n` intervals after the first one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    /// When message 0 is due, after the start.
    first_ps: u128,
    /// At least 1.
    interval_ps: u128,
}

impl Rate {
    /// Makes a rate of so many a second, which is from [`MIN_RATE`] to [`MAX_RATE`].
    pub(super) fn new(per_second: f64) -> Self {
        let per_second = per_second.clamp(MIN_RATE, MAX_RATE);
        // Nanoseconds of a thousand intervals are picoseconds of one.
        let interval_ps = Duration::from_secs_f64(1000.0 / per_second).as_nanos();
        Self {
            first_ps: 0,
            interval_ps: interval_ps.max(1),
        }
    }

    /// Returns when those messages are due that fall to one of `of` who take turns.
    pub(super) fn turns(self, place: u64, of: u64) -> Self {
        Self {
            first_ps: self.first_ps + u128::from(place) * self.interval_ps,
            interval_ps: self.interval_ps * u128::from(of),
        }
    }

    /// Returns when message `number` is due.
    pub(super) fn due_at(self, number: u64, start: Instant) -> Instant {
        let after_ps = self.first_ps + u128::from(number) * self.interval_ps;
        let after_ns = after_ps.div_ceil(1000);
        start + Duration::from_nanos(u64::try_from(after_ns).unwrap_or(u64::MAX / 4))
    }

    /// Returns how many messages have become due up to `now`.
    pub(super) fn due_count(self, now: Instant, start: Instant) -> u64 {
        let elapsed = now.checked_duration_since(start);
        let since_first_ps =
            elapsed.and_then(|it| (it.as_nanos() * 1000).checked_sub(self.first_ps));
        let count = since_first_ps.map_or(0, |it| it / self.interval_ps + 1);
        u64::try_from(count).unwrap_or(u64::MAX)
    }
}

/// When a single source of messages sends the next one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pacer {
    /// `None`: a closed loop.
    rate: Option<Rate>,
    max_in_flight: u64,
    sent_count: u64,
}

impl Pacer {
    /// At most `max_in_flight` messages are on their way, in an open loop too: what is due then
    /// waits, and the wait counts.
    pub(super) fn new(rate: Option<Rate>, max_in_flight: u64) -> Self {
        Self {
            rate,
            max_in_flight,
            sent_count: 0,
        }
    }

    /// Returns the number of the message to be sent now, with the time from which its latency
    /// counts; `None`: none is.
    pub(super) fn take(
        &mut self,
        in_flight: u64,
        now: Instant,
        start: Instant,
    ) -> Option<(u64, Instant)> {
        let number = self.sent_count;
        let due_at = self.rate.map_or(now, |rate| rate.due_at(number, start));
        if in_flight >= self.max_in_flight || due_at > now {
            return None;
        }
        self.sent_count += 1;
        Some((number, due_at))
    }

    /// Returns whether nothing is due by the clock.
    pub(super) fn is_closed_loop(&self) -> bool {
        self.rate.is_none()
    }

    /// Returns when the next message is due, if that is by the clock.
    pub(super) fn next_at(&self, start: Instant) -> Option<Instant> {
        self.rate.map(|rate| rate.due_at(self.sent_count, start))
    }

    /// Returns the number of the next message, with the rate at which it and those after it are due;
    /// `None`: nothing is due by the clock.
    pub(super) fn next(&self) -> Option<(u64, Rate)> {
        Some((self.sent_count, self.rate?))
    }
}

/// Returns how long to wait for sockets when something is due at `due_at`: pollers count whole
/// milliseconds and round up, so the last one is spent awake.
pub(super) fn wait_before(due_at: Instant, now: Instant) -> Duration {
    let left = due_at.saturating_duration_since(now);
    let whole_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(whole_ms.saturating_sub(1))
}

/// One message in 17 minutes: slower is no load.
pub(super) const MIN_RATE: f64 = 0.001;

/// A hundred million a second: more than any machine sends.
pub(super) const MAX_RATE: f64 = 1e8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn some_instant() -> Instant {
        Instant::now()
    }

    proptest! {
        #[test]
        fn what_is_due_is_what_has_been_due_at_its_time(
            per_second in MIN_RATE..MAX_RATE,
            elapsed_ns in 0..100_000_000_000_u64,
            (place, of) in (1..1000_u64).prop_flat_map(|of| (0..of, Just(of))),
        ) {
            let (rate, start) = (Rate::new(per_second).turns(place, of), some_instant());
            let now = start + Duration::from_nanos(elapsed_ns);
            let count = rate.due_count(now, start);
            prop_assert!(count == 0 || rate.due_at(count - 1, start) <= now);
            prop_assert!(rate.due_at(count, start) > now);
        }

        #[test]
        fn those_who_take_turns_send_all_there_is(
            per_second in 1.0..1e6_f64,
            number in 0..1_000_000_u64,
            of in 1..1000_u64,
        ) {
            let (rate, start) = (Rate::new(per_second), some_instant());
            let (turn, place) = (number / of, number % of);
            prop_assert_eq!(rate.turns(place, of).due_at(turn, start), rate.due_at(number, start));
        }

        #[test]
        fn a_rate_is_kept_over_a_minute(per_second in 1.0..1e6_f64) {
            let (rate, start) = (Rate::new(per_second), some_instant());
            let count = rate.due_count(start + Duration::from_secs(60), start);
            let expected = per_second * 60.0;
            let count = f64::from(u32::try_from(count).unwrap());
            prop_assert!((count - expected).abs() <= 2.0 + expected / 1e6, "{count} of {expected}");
        }

        #[test]
        fn a_wait_never_ends_after_what_it_waits_for(left_ns in 0..10_000_000_000_u64) {
            let now = some_instant();
            let wait = wait_before(now + Duration::from_nanos(left_ns), now);
            prop_assert!(wait + Duration::from_millis(1) <= Duration::from_nanos(left_ns) || wait.is_zero());
        }
    }

    #[test]
    fn a_late_message_keeps_the_time_at_which_it_was_due() {
        let start = some_instant();
        let mut pacer = Pacer::new(Some(Rate::new(10.0)), 2);
        let late = start + Duration::from_millis(250);
        let at = |tenths: u64| start + Duration::from_millis(tenths * 100);
        assert_eq!(pacer.take(0, late, start), Some((0, at(0))));
        assert_eq!(pacer.take(1, late, start), Some((1, at(1))));
        assert_eq!(pacer.take(2, late, start), None, "two are in flight");
        assert_eq!(pacer.take(1, late, start), Some((2, at(2))));
        assert_eq!(pacer.take(0, late, start), None, "the next one is not due");
        assert_eq!(pacer.next_at(start), Some(at(3)));
        assert_eq!(pacer.next().map(|(number, _)| number), Some(3));
    }

    #[test]
    fn a_closed_loop_is_bounded_by_what_is_in_flight() {
        let start = some_instant();
        let mut pacer = Pacer::new(None, 1);
        assert_eq!(pacer.take(0, start, start), Some((0, start)));
        assert_eq!(pacer.take(1, start, start), None);
        assert_eq!(pacer.next_at(start), None);
    }
}
