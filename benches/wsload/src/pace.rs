//! When the next message is to be sent: a closed loop with a window, or a rate.
use crate::args::Args;
use crate::clock::{self, Clock};
use crate::sys;

pub enum Pace {
    /// So many messages at most that not everyone has yet.
    Window(u64),
    /// A message each `interval_ns`, whatever has arrived.
    Rate { interval_ns: f64, start_ns: u64 },
}

impl Pace {
    pub fn new(args: &Args) -> Result<Self, String> {
        Ok(match args.optional::<f64>("rate")? {
            Some(rate) => Self::Rate {
                interval_ns: 1e9 / rate,
                start_ns: sys::mono_ns(),
            },
            None => Self::Window(args.number("window", 4)?.max(1)),
        })
    }

    /// Whether to send one more after `sent`, of which `done` have reached everyone.
    pub fn is_due(&self, sent: u64, done: u64, now_ns: u64) -> bool {
        match self {
            Self::Window(window) => sent < done + window,
            Self::Rate { .. } => self.lateness_ns(sent, now_ns) >= 0.0,
        }
    }

    /// The time stamp of message number `sent`. At a rate it is when the message was due: else a
    /// server that holds up the sender would look faster than it is.
    pub fn stamp(&self, sent: u64, now_ns: u64, clock: &Clock) -> u64 {
        clock::ticks() - clock.ticks_of_ns(self.lateness_ns(sent, now_ns).max(0.0))
    }

    /// How long a wait for events may be.
    pub fn max_wait_ms(&self) -> i32 {
        match self {
            Self::Window(_) => 100,
            // Never asleep, so that each message leaves when it is due.
            Self::Rate { .. } => 0,
        }
    }

    fn lateness_ns(&self, sent: u64, now_ns: u64) -> f64 {
        match self {
            Self::Window(_) => 0.0,
            Self::Rate {
                interval_ns,
                start_ns,
            } => (now_ns - start_ns) as f64 - sent as f64 * interval_ns,
        }
    }
}
