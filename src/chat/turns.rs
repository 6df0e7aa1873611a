//! Slow mode: whose turn it is to speak in a room.
//!
//! It is known of people, not of members: whoever leaves and comes back has spoken all the same, and
//! so has a program that is no member.

use std::time::Duration;

use crate::chat::PersonId;
use crate::chat::message::Timestamp;
use crate::chat::times::Times;

/// Whose turn it is in one room.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// The time between two messages of somebody; zero: none.
    interval: Duration,
    spoke_at: Times<PersonId>,
}

impl Turns {
    pub(crate) fn new(interval: Duration) -> Self {
        Self {
            interval,
            ..Self::default()
        }
    }

    /// The time between two messages of somebody; zero: none.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    pub(crate) fn set_interval(&mut self, interval: Duration) {
        self.interval = interval;
        if interval.is_zero() {
            self.spoke_at.clear();
        }
    }

    /// Lets somebody speak, who waits from then on; for how many milliseconds they wait if it is not
    /// their turn.
    pub(crate) fn take(&mut self, person: PersonId, now: Timestamp) -> Result<(), u32> {
        if self.interval.is_zero() {
            return Ok(());
        }
        let interval_ms = i64::try_from(self.interval.as_millis()).unwrap_or(i64::MAX);
        let long_ago = Timestamp(now.0.saturating_sub(interval_ms));
        self.spoke_at.forget_until(long_ago);
        if let Some(spoke_at) = self.spoke_at.get(&person) {
            let left_ms = spoke_at.0.saturating_sub(long_ago.0);
            return Err(u32::try_from(left_ms).unwrap_or(u32::MAX));
        }
        self.spoke_at.set(person, now, MAX_WAITING);
        Ok(())
    }

    /// What somebody said did not come about.
    pub(crate) fn give_back(&mut self, person: PersonId) {
        self.spoke_at.remove(&person);
    }

    /// Has somebody wait for what another one said, who they were until now.
    pub(crate) fn pass_on(&mut self, from: PersonId, to: PersonId) {
        if let Some(spoke_at) = self.spoke_at.remove(&from) {
            let own = self.spoke_at.get(&to).unwrap_or(spoke_at);
            self.spoke_at.set(to, own.max(spoke_at), MAX_WAITING);
        }
    }
}

/// Who waits in one room: as many as it keeps as members. Of more, those who have waited longest may
/// speak.
const MAX_WAITING: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{AccountId, GuestId};

    const ADA: PersonId = PersonId::Account(AccountId(1));
    const EVE: PersonId = PersonId::Guest(GuestId(2));

    #[test]
    fn turn_comes_again_after_the_interval_and_is_forgotten() {
        let mut turns = Turns::new(Duration::from_secs(5));
        assert_eq!(turns.take(ADA, Timestamp(1_000)), Ok(()));
        assert_eq!(turns.take(EVE, Timestamp(2_000)), Ok(()));
        assert_eq!(turns.take(ADA, Timestamp(5_999)), Err(1));
        assert_eq!(turns.take(ADA, Timestamp(6_000)), Ok(()));
        assert_eq!(turns.take(EVE, Timestamp(6_000)), Err(1_000));
        assert_eq!(turns.take(ADA, Timestamp(11_000)), Ok(()));
        assert_eq!(turns.spoke_at.len(), 1);
    }

    #[test]
    fn nobody_waits_where_there_is_no_interval_or_for_what_was_not_said() {
        let mut turns = Turns::new(Duration::from_secs(5));
        assert_eq!(turns.take(ADA, Timestamp(0)), Ok(()));
        turns.give_back(ADA);
        assert_eq!(turns.take(ADA, Timestamp(0)), Ok(()));
        turns.set_interval(Duration::ZERO);
        assert_eq!(turns.take(ADA, Timestamp(1)), Ok(()));
        turns.set_interval(Duration::from_secs(5));
        assert_eq!(turns.take(ADA, Timestamp(1)), Ok(()));
    }

    #[test]
    fn whoever_becomes_another_waits_as_that_one() {
        let mut turns = Turns::new(Duration::from_secs(5));
        turns.pass_on(EVE, ADA);
        assert_eq!(turns.take(ADA, Timestamp(0)), Ok(()));
        assert_eq!(turns.take(EVE, Timestamp(1_000)), Ok(()));
        turns.pass_on(EVE, ADA);
        assert_eq!(turns.take(ADA, Timestamp(5_000)), Err(1_000));
        assert_eq!(turns.take(EVE, Timestamp(5_000)), Ok(()));
        assert_eq!(turns.spoke_at.len(), 2);
    }

    #[test]
    fn of_too_many_the_one_who_waited_longest_speaks() {
        let mut turns = Turns::new(Duration::from_secs(60));
        let guest = |number: u128| PersonId::Guest(GuestId(number));
        for ((number, at), _) in (0..).zip(0..).zip(0..=MAX_WAITING) {
            assert_eq!(turns.take(guest(number), Timestamp(at)), Ok(()));
        }
        assert_eq!(turns.spoke_at.len(), MAX_WAITING);
        let now = Timestamp(10_001);
        assert!(turns.take(guest(1), now).is_err());
        assert_eq!(turns.take(guest(0), now), Ok(()));
    }
}
