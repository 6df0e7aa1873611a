//! How fast somebody may go: a bucket that fills steadily and is emptied by what they do.

use std::time::{Duration, Instant};

/// A rate, and how much may come at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Tokens that come back each second; 0 lifts the limit.
    pub per_second: f64,
    /// Tokens that a full bucket holds.
    pub burst: f64,
}

impl Rate {
    /// Without a limit.
    pub const FREE: Self = Self {
        per_second: 0.0,
        burst: 0.0,
    };
}

/// A bucket of tokens, full at first.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    rate: Rate,
    tokens: f64,
    filled_at: Instant,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            tokens: rate.burst,
            filled_at: now,
        }
    }

    /// Takes `cost` tokens.
    ///
    /// # Errors
    /// How long to wait until that many are there, when they are not; nothing is taken then.
    pub fn take(&mut self, cost: f64, now: Instant) -> Result<(), Duration> {
        if self.rate.per_second <= 0.0 {
            return Ok(());
        }
        let elapsed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.rate.per_second).min(self.rate.burst);
        self.filled_at = now;
        let missing = cost.min(self.rate.burst) - self.tokens;
        if missing > TOLERANCE {
            return Err(Duration::from_secs_f64(missing / self.rate.per_second));
        }
        self.tokens -= cost;
        Ok(())
    }

    /// Gives back tokens whose use came to nothing.
    pub fn give_back(&mut self, cost: f64) {
        self.tokens = (self.tokens + cost).min(self.rate.burst);
    }
}

/// What rounding may cost, so that waiting exactly as long as told is long enough.
const TOLERANCE: f64 = 1e-6;

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn burst_passes_and_the_next_waits() {
        let now = start();
        let mut bucket = TokenBucket::new(
            Rate {
                per_second: 10.0,
                burst: 20.0,
            },
            now,
        );
        assert!((0..20).all(|_| bucket.take(1.0, now).is_ok()));
        assert!(bucket.take(1.0, now).is_err());
    }

    #[test]
    fn waiting_as_long_as_told_is_enough() {
        let mut now = start();
        let mut bucket = TokenBucket::new(
            Rate {
                per_second: 7.0,
                burst: 3.0,
            },
            now,
        );
        for _ in 0..1_000 {
            if let Err(wait) = bucket.take(1.0, now) {
                now += wait;
                assert_eq!(bucket.take(1.0, now), Ok(()));
            }
        }
    }

    #[test]
    fn rate_of_zero_never_refuses() {
        let now = start();
        let mut bucket = TokenBucket::new(
            Rate {
                per_second: 0.0,
                burst: 0.0,
            },
            now,
        );
        assert!((0..1_000).all(|_| bucket.take(1.0, now).is_ok()));
    }

    #[test]
    fn cost_above_the_burst_passes_with_a_full_bucket() {
        let now = start();
        let mut bucket = TokenBucket::new(
            Rate {
                per_second: 1.0,
                burst: 2.0,
            },
            now,
        );
        assert_eq!(bucket.take(5.0, now), Ok(()));
        assert!(bucket.take(1.0, now + Duration::from_secs(3)).is_err());
    }
}
