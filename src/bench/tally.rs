//! Keeps count of what happens inside the measured time, and of what goes wrong at any time.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::bench::BenchError;
use crate::bench::clock::nanoseconds;
use crate::bench::pace::Rate;

/// When a thread loads, and when what it sees counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// The first message is sent.
    pub(super) opens_at: Instant,
    /// The warm-up is over.
    pub(super) starts_at: Instant,
    /// No more messages are sent.
    pub(super) ends_at: Instant,
}

/// What one thread has measured.
#[derive(Debug)]
pub(super) struct Tally {
    /// `None` until all connections of all threads are ready.
    window: Option<Window>,
    /// Whether what was due in time has had its last chance to be sent.
    is_over: bool,
    /// Messages that have reached all who had to get them.
    pub(super) message_count: u64,
    /// Messages that came.
    pub(super) delivery_count: u64,
    /// Messages that were due, and could not be sent in time as others were in flight.
    pub(super) unsent_count: u64,
    pub(super) latencies: Histogram<u64>,
    /// From sending to the server's word that it has the message.
    pub(super) acknowledgements: Histogram<u64>,
    pub(super) faults: Faults,
}

/// What went wrong, by kind.
#[derive(Debug, Default, Clone)]
pub(super) struct Faults {
    counts: [u64; Fault::ALL.len()],
    /// What the first one was, or the first ones, if they were found together.
    pub(super) first: Option<String>,
    first_count: u64,
}

/// A way in which a server fails its load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A message that was not sent so, or not to this connection, or not in this place.
    Wrong,
    /// A message that did not come in time.
    Missing,
    /// A connection that ended too early.
    Lost,
    /// A frame that is none of RFC 6455.
    Protocol,
    /// A request that the chat refused.
    Refused,
}

impl Window {
    /// Returns whether a message that is sent or due at that time is measured.
    pub(super) fn measures(&self, at: Instant) -> bool {
        (self.starts_at..self.ends_at).contains(&at)
    }

    /// Returns the time in which either was open.
    fn merge(self, other: Self) -> Self {
        Self {
            opens_at: self.opens_at.min(other.opens_at),
            starts_at: self.starts_at.min(other.starts_at),
            ends_at: self.ends_at.max(other.ends_at),
        }
    }
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            window: None,
            is_over: false,
            message_count: 0,
            delivery_count: 0,
            unsent_count: 0,
            latencies: new_histogram(),
            acknowledgements: new_histogram(),
            faults: Faults::default(),
        }
    }

    pub(super) fn window(&self) -> Option<Window> {
        self.window
    }

    pub(super) fn begin(&mut self, window: Window) {
        self.window = Some(window);
    }

    /// Ends the measured time now, if it has not ended.
    pub(super) fn stop(&mut self, now: Instant) {
        if let Some(window) = &mut self.window {
            window.ends_at = window.ends_at.min(now);
            window.starts_at = window.starts_at.min(now);
        }
    }

    /// Notes that nothing is sent any more.
    pub(super) fn close(&mut self) {
        self.is_over = true;
    }

    /// Returns the window while messages may be sent, with the time up to which they may be due.
    pub(super) fn sending(&self, now: Instant) -> Option<(Window, Instant)> {
        let window = self
            .window
            .filter(|it| !self.is_over && it.opens_at <= now)?;
        Some((window, now.min(window.ends_at)))
    }

    /// Counts messages that came now.
    pub(super) fn count_deliveries(&mut self, count: u64, now: Instant) {
        if self.is_measured(now) {
            self.delivery_count += count;
        }
    }

    /// Counts messages that were sent, or due, at one time and have reached everyone now.
    pub(super) fn count_messages(&mut self, count: u64, sent_at: Instant, now: Instant) {
        if self.is_measured(now) {
            self.message_count += count;
        }
        // By its sending: what is in flight at the end is the slowest, and counts.
        if self.is_measured(sent_at) {
            record(&mut self.latencies, count, sent_at, now);
        }
    }

    /// Counts messages that were sent, or due, at one time and have not come by now, the end: they
    /// took at least as long as that.
    pub(super) fn count_missing(&mut self, count: u64, sent_at: Instant, now: Instant) {
        if self.is_measured(sent_at) {
            record(&mut self.latencies, count, sent_at, now);
        }
    }

    /// Counts a message of which the server has told that it has it.
    pub(super) fn count_acknowledgement(&mut self, sent_at: Instant, now: Instant) {
        if self.is_measured(sent_at) {
            record(&mut self.acknowledgements, 1, sent_at, now);
        }
    }

    /// Counts the messages from `first` on that were due in the measured time and still waited to be
    /// sent at its end: they took at least as long as that.
    pub(super) fn count_unsent(&mut self, first: u64, rate: Rate) {
        let Some(Window {
            opens_at,
            starts_at,
            ends_at,
        }) = self.window
        else {
            return;
        };
        let due_before = |at: Instant| rate.due_count(at - Duration::from_nanos(1), opens_at);
        let end = due_before(ends_at);
        let mut number = first.max(due_before(starts_at));
        self.unsent_count += end.saturating_sub(number);
        // There may be a billion of them: what the histogram can't tell apart is recorded at once.
        while number < end {
            let due_at = rate.due_at(number, opens_at);
            let waited_ns = nanoseconds(ends_at.saturating_duration_since(due_at));
            let shortest_ns = self.latencies.lowest_equivalent(waited_ns);
            let last_at = ends_at - Duration::from_nanos(shortest_ns);
            let next = rate.due_count(last_at, opens_at).clamp(number + 1, end);
            record(&mut self.latencies, next - number, due_at, ends_at);
            number = next;
        }
    }

    /// Returns an error if there was any fault, or nothing to measure.
    pub(super) fn judge(&self) -> Result<(), BenchError> {
        self.faults.judge()?;
        match self.latencies.is_empty() {
            true => Err(BenchError::NothingMeasured),
            false => Ok(()),
        }
    }

    fn is_measured(&self, at: Instant) -> bool {
        self.window.is_some_and(|window| window.measures(at))
    }

    /// Adds what another thread has measured.
    pub(super) fn merge(&mut self, other: &Self) {
        let both = self.window.zip(other.window);
        let whole = both.map(|(one, other)| one.merge(other));
        self.window = whole.or(self.window).or(other.window);
        self.message_count += other.message_count;
        self.delivery_count += other.delivery_count;
        self.unsent_count += other.unsent_count;
        add(&mut self.latencies, &other.latencies);
        add(&mut self.acknowledgements, &other.acknowledgements);
        self.faults.merge(&other.faults);
    }
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault, count: u64, what: impl FnOnce() -> String) {
        if count > 0 {
            self.counts[fault.index()] += count;
            if self.first.is_none() {
                self.first = Some(what());
                self.first_count = count;
            }
        }
    }

    pub(super) fn count(&self, fault: Fault) -> u64 {
        self.counts[fault.index()]
    }

    fn judge(&self) -> Result<(), BenchError> {
        match &self.first {
            None => Ok(()),
            Some(first) => Err(BenchError::Faults {
                more_count: self.counts.iter().sum::<u64>() - self.first_count,
                first: first.as_str().into(),
            }),
        }
    }

    fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        if self.first.is_none() {
            self.first.clone_from(&other.first);
            self.first_count = other.first_count;
        }
    }
}

impl Fault {
    pub(super) const ALL: [Self; 5] = [
        Self::Wrong,
        Self::Missing,
        Self::Lost,
        Self::Protocol,
        Self::Refused,
    ];

    fn index(self) -> usize {
        Self::ALL.iter().position(|it| *it == self).unwrap_or(0)
    }
}

/// Makes a histogram of nanoseconds: each value within a thousandth of itself.
pub(super) fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX_NS, 3).expect("the bounds are in order, the digits at most 5")
}

/// Records how long `count` messages took.
pub(super) fn record(histogram: &mut Histogram<u64>, count: u64, from: Instant, to: Instant) {
    let elapsed = to.saturating_duration_since(from);
    histogram.saturating_record_n(nanoseconds(elapsed).max(1), count);
}

/// Adds one histogram to another.
pub(super) fn add(histogram: &mut Histogram<u64>, other: &Histogram<u64>) {
    histogram
        .add(other)
        .expect("both have the bounds of `new_histogram`");
}

/// An hour: longer latencies count as that.
const MAX_NS: u64 = 3_600_000_000_000;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn some_instant() -> Instant {
        Instant::now()
    }

    fn measuring(start: Instant) -> Tally {
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut tally = Tally::new();
        tally.begin(Window {
            opens_at: start,
            starts_at: at(1),
            ends_at: at(3),
        });
        tally
    }

    #[test]
    fn rates_count_what_came_in_time_and_latencies_what_was_sent_in_time() {
        let start = some_instant();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut tally = measuring(start);
        tally.count_messages(1, at(0), at(1));
        tally.count_messages(2, at(1), at(2));
        tally.count_messages(4, at(2), at(3));
        tally.count_messages(8, at(3), at(4));
        tally.count_missing(16, at(0), at(4));
        tally.count_missing(32, at(2), at(4));
        assert_eq!(tally.message_count, 3);
        assert_eq!(tally.latencies.len(), 2 + 4 + 32);
    }

    #[test]
    fn what_could_not_be_sent_took_at_least_until_the_end() {
        let start = some_instant();
        let mut tally = measuring(start);
        // One a second: those of the first second are of the warm-up, the one after the third of none.
        tally.count_unsent(0, Rate::new(1.0));
        assert_eq!((tally.unsent_count, tally.latencies.len()), (2, 2));
        let max_ns = tally.latencies.max();
        assert!((1_999_000_000..2_003_000_000).contains(&max_ns), "{max_ns}");
        tally.count_unsent(3, Rate::new(1.0));
        assert_eq!(tally.unsent_count, 2);
    }

    #[test]
    fn a_billion_unsent_are_counted_by_arithmetic() {
        let start = some_instant();
        let mut tally = Tally::new();
        tally.begin(Window {
            opens_at: start,
            starts_at: start,
            ends_at: start + Duration::from_secs(1000),
        });
        tally.count_unsent(0, Rate::new(1e6));
        assert_eq!(tally.unsent_count, 1_000_000_000);
        assert_eq!(tally.latencies.len(), 1_000_000_000);
    }

    #[test]
    fn an_early_end_cuts_the_measured_time() {
        let start = some_instant();
        let mut tally = measuring(start);
        tally.stop(start + Duration::from_millis(500));
        let window = tally.window().unwrap();
        assert_eq!(window.starts_at, window.ends_at);
        let later = start + Duration::from_millis(600);
        assert_eq!(tally.sending(later), Some((window, window.ends_at)));
        tally.close();
        assert_eq!(tally.sending(later), None);
    }

    #[test]
    fn threads_that_end_at_different_times_have_measured_all_of_it() {
        let start = some_instant();
        let at = |seconds| start + Duration::from_secs(seconds);
        for (first_end, last_end) in [(2, 3), (3, 2)] {
            let (mut merged, mut other) = (measuring(start), measuring(start));
            merged.stop(at(first_end));
            other.stop(at(last_end));
            merged.merge(&other);
            let window = merged.window().unwrap();
            assert_eq!((window.starts_at, window.ends_at), (at(1), at(3)));
        }
    }

    #[test]
    fn the_first_fault_is_told_and_all_are_counted() {
        let mut faults = Faults::default();
        faults.add(Fault::Missing, 0, || "none".to_owned());
        assert!(faults.judge().is_ok());
        let mut others = Faults::default();
        others.add(Fault::Lost, 2, || "first".to_owned());
        others.add(Fault::Wrong, 1, || "second".to_owned());
        faults.merge(&others);
        assert_eq!(faults.first.as_deref(), Some("first"));
        let told = faults.judge().unwrap_err().to_string();
        assert_eq!(told, "first (and 1 more error)");
        assert_eq!(
            (faults.count(Fault::Lost), faults.count(Fault::Wrong)),
            (2, 1)
        );
    }

    proptest! {
        #[test]
        fn many_unsent_are_recorded_as_each_by_itself(
            per_second in 1.0..1e4_f64,
            first in 0..1000_u64,
        ) {
            let (rate, start) = (Rate::new(per_second), some_instant());
            let (mut tally, mut expected) = (measuring(start), new_histogram());
            tally.count_unsent(first, rate);
            let window = tally.window().unwrap();
            let due = (first..).map(|number| rate.due_at(number, start));
            for due_at in due.take_while(|at| *at < window.ends_at) {
                if window.measures(due_at) {
                    record(&mut expected, 1, due_at, window.ends_at);
                }
            }
            prop_assert_eq!(tally.unsent_count, expected.len());
            prop_assert_eq!(tally.latencies, expected);
        }

        #[test]
        fn quantiles_are_within_a_thousandth(
            mut values_ns in prop::collection::vec(1..60_000_000_000_u64, 1..300),
        ) {
            let mut histogram = new_histogram();
            let start = some_instant();
            for value in &values_ns {
                record(&mut histogram, 1, start, start + Duration::from_nanos(*value));
            }
            values_ns.sort_unstable();
            let median = values_ns[(values_ns.len() - 1) / 2];
            let told = histogram.value_at_quantile(0.5);
            prop_assert!(told >= median && told <= median + median / 500 + 1, "{told} for {median}");
        }
    }
}
