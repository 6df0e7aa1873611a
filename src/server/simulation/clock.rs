//! What time it is in a run.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::dice::Dice;
use super::ledger::{DAY, DAY_MS};
use crate::chat::Timestamp;

/// A clock that the run sets. What it shows as the time of day may be ahead, and is set back.
#[derive(Debug)]
pub(super) struct Clock {
    began_at: Instant,
    now: Instant,
    /// How far the time of day is from what has passed.
    skew_ms: i64,
    /// Days that went by while nothing ran.
    days: i64,
}

impl Clock {
    pub(super) fn new() -> Self {
        let began_at = some_instant();
        let clock = Self {
            began_at,
            now: began_at,
            skew_ms: 1_000,
            days: 0,
        };
        clock.show();
        clock
    }

    pub(super) fn now(&self) -> Instant {
        self.now
    }

    pub(super) fn time_of_day(&self) -> Timestamp {
        Timestamp(self.earliest().0 + self.skew_ms)
    }

    /// What time of day it is for whoever is not ahead.
    pub(super) fn earliest(&self) -> Timestamp {
        let passed = self.now.saturating_duration_since(self.began_at);
        let millis = i64::try_from(passed.as_millis()).expect("within a day");
        Timestamp(DAY.0 + self.days * DAY_MS + millis)
    }

    pub(super) fn pass(&mut self, duration: Duration) {
        self.wait_until(self.now + duration);
    }

    pub(super) fn wait_until(&mut self, at: Instant) {
        self.now = at;
        self.show();
    }

    /// Some days go by, unless there were many.
    pub(super) fn skip_days(&mut self, dice: &mut Dice) {
        if self.days < MAX_DAYS && dice.one_in(2) {
            self.days += *dice.pick(&[1, 1, 2]);
            self.show();
        }
    }

    /// The clock is set, to any time that it may be ahead.
    pub(super) fn set(&mut self, dice: &mut Dice) {
        let skew = dice.below(MAX_SKEW_MS);
        self.be_ahead(skew);
    }

    /// It is ahead as far as it can be, and stays so.
    pub(super) fn settle(&mut self) {
        self.be_ahead(MAX_SKEW_MS);
    }

    fn be_ahead(&mut self, skew_ms: usize) {
        self.skew_ms = i64::try_from(skew_ms).expect("a minute");
        self.show();
    }

    fn show(&self) {
        SHOWN.set(self.time_of_day());
    }
}

/// The time of day in the run of this thread, for those who have no clock of their own.
pub(super) fn shown_time_of_day() -> Timestamp {
    SHOWN.get()
}

#[expect(clippy::disallowed_methods, reason = "some instant to count from")]
fn some_instant() -> Instant {
    Instant::now()
}

thread_local! {
    static SHOWN: Cell<Timestamp> = const { Cell::new(DAY) };
}

/// How far the clock may be ahead.
const MAX_SKEW_MS: usize = 60_000;

/// Days of a run: fewer than an invite holds.
const MAX_DAYS: i64 = 6;
