//! Slow mode: whose turn it is to speak in a room.
//!
//! It is known of people, not of members: whoever leaves and comes back has spoken all the same, and
//! so has a program that is no member.

use std::time::Duration;

use crate::chat::PersonId;
use crate::chat::message::Timestamp;
use crate::chat::times::Times;

/// What one waits for in one room.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// The time between two messages of somebody, and between two edits; zero: none.
    interval: Duration,
    spoke_at: Times<(PersonId, Turn)>,
}

/// What each has turns of their own for: a slip can be put right at once, and nobody goes on talking by
/// editing.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Turn {
    /// Saying something.
    Message,
    /// Saying something else instead of what was said.
    Edit,
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
    pub(crate) fn take(&mut self, person: PersonId, turn: Turn, now: Timestamp) -> Result<(), u32> {
        if self.interval.is_zero() {
            return Ok(());
        }
        let interval_ms = i64::try_from(self.interval.as_millis()).unwrap_or(i64::MAX);
        let long_ago = Timestamp(now.0.saturating_sub(interval_ms));
        self.spoke_at.forget_until(long_ago);
        if let Some(spoke_at) = self.spoke_at.get(&(person, turn)) {
            let left_ms = spoke_at.0.saturating_sub(long_ago.0);
            return Err(u32::try_from(left_ms).unwrap_or(u32::MAX));
        }
        self.spoke_at.set((person, turn), now, MAX_WAITING);
        Ok(())
    }

    /// What somebody said did not come about, for which they took their turn at that time. If they
    /// have had another one since, they wait for that.
    pub(crate) fn give_back(&mut self, person: PersonId, turn: Turn, taken_at: Timestamp) {
        if self.spoke_at.get(&(person, turn)) == Some(taken_at) {
            self.spoke_at.remove(&(person, turn));
        }
    }

    /// Whether somebody spoke of whom it is still known.
    pub(crate) fn knows(&self, person: PersonId) -> bool {
        let turns = [Turn::Message, Turn::Edit];
        let mut spoke_at = turns
            .into_iter()
            .map(|turn| self.spoke_at.get(&(person, turn)));
        spoke_at.any(|at| at.is_some())
    }

    /// Has somebody wait for what another one said too, who they were until now.
    pub(crate) fn share(&mut self, from: PersonId, to: PersonId) {
        for turn in [Turn::Message, Turn::Edit] {
            if let Some(spoke_at) = self.spoke_at.get(&(from, turn)) {
                let own = self.spoke_at.get(&(to, turn)).unwrap_or(spoke_at);
                self.spoke_at
                    .set((to, turn), own.max(spoke_at), MAX_WAITING);
            }
        }
    }
}

/// Turns that are taken in one room: as many as it keeps as members, twice. Of more, those who have
/// waited longest may speak.
const MAX_WAITING: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{AccountId, GuestId};

    const ADA: PersonId = PersonId::Account(AccountId(1));
    const EVE: PersonId = PersonId::Guest(GuestId(2));

    #[test]
    fn turn_comes_again_after_the_interval_and_is_forgotten() {
        let mut turns = Turns::new(Duration::from_secs(5));
        assert_eq!(turns.take(ADA, Turn::Message, Timestamp(1_000)), Ok(()));
        assert_eq!(turns.take(EVE, Turn::Message, Timestamp(2_000)), Ok(()));
        assert_eq!(turns.take(ADA, Turn::Message, Timestamp(5_999)), Err(1));
        assert_eq!(turns.take(ADA, Turn::Message, Timestamp(6_000)), Ok(()));
        assert_eq!(turns.take(EVE, Turn::Message, Timestamp(6_000)), Err(1_000));
        assert_eq!(turns.take(ADA, Turn::Message, Timestamp(11_000)), Ok(()));
        assert_eq!(turns.spoke_at.len(), 1);
    }

    #[test]
    fn nobody_waits_where_there_is_no_interval_or_for_what_was_not_said() {
        let mut turns = Turns::new(Duration::from_secs(5));
        assert_eq!(turns.take(ADA, Turn::Message, Timestamp(0)), Ok(()));
        turns.give_back(ADA, Turn::Message, Timestamp(0));
        assert_eq!(turns.take(ADA, Turn::Message, Timestamp(0)), Ok(()));
        turns.set_interval(Duration::ZERO);
        assert_eq!(turns.take(ADA, Turn::Message, Timestamp(1)), Ok(()));
        turns.set_interval(Duration::from_secs(5));
        assert_eq!(turns.take(ADA, Turn::Message, Timestamp(1)), Ok(()));
    }

    #[test]
    fn whoever_becomes_another_waits_as_that_one_too() {
        let mut turns = Turns::new(Duration::from_secs(5));
        turns.share(EVE, ADA);
        assert_eq!(turns.take(ADA, Turn::Message, Timestamp(0)), Ok(()));
        assert!(!turns.knows(EVE));
        assert_eq!(turns.take(EVE, Turn::Message, Timestamp(1_000)), Ok(()));
        assert_eq!(turns.take(EVE, Turn::Edit, Timestamp(2_000)), Ok(()));
        assert!(turns.knows(EVE));
        turns.share(EVE, ADA);
        for who in [ADA, EVE] {
            assert_eq!(turns.take(who, Turn::Message, Timestamp(5_000)), Err(1_000));
            assert_eq!(turns.take(who, Turn::Edit, Timestamp(5_000)), Err(2_000));
        }
    }

    #[test]
    fn messages_and_edits_have_turns_of_their_own() {
        let mut turns = Turns::new(Duration::from_secs(5));
        assert_eq!(turns.take(ADA, Turn::Message, Timestamp(0)), Ok(()));
        assert_eq!(turns.take(ADA, Turn::Edit, Timestamp(1_000)), Ok(()));
        assert_eq!(turns.take(ADA, Turn::Edit, Timestamp(5_000)), Err(1_000));
        assert_eq!(turns.take(ADA, Turn::Message, Timestamp(5_000)), Ok(()));
        turns.give_back(ADA, Turn::Edit, Timestamp(1_000));
        assert_eq!(turns.take(ADA, Turn::Edit, Timestamp(5_000)), Ok(()));
    }

    #[test]
    fn turn_that_is_given_back_late_is_not_the_one_that_was_taken_since() {
        let mut turns = Turns::new(Duration::from_secs(5));
        assert_eq!(turns.take(ADA, Turn::Message, Timestamp(0)), Ok(()));
        assert_eq!(turns.take(ADA, Turn::Message, Timestamp(5_000)), Ok(()));
        turns.give_back(ADA, Turn::Message, Timestamp(0));
        assert_eq!(turns.take(ADA, Turn::Message, Timestamp(6_000)), Err(4_000));
        turns.give_back(ADA, Turn::Message, Timestamp(5_000));
        assert_eq!(turns.take(ADA, Turn::Message, Timestamp(6_000)), Ok(()));
    }

    #[test]
    fn of_too_many_the_one_who_waited_longest_speaks() {
        let mut turns = Turns::new(Duration::from_secs(60));
        let guest = |number: u128| PersonId::Guest(GuestId(number));
        for ((number, at), _) in (0..).zip(0..).zip(0..=MAX_WAITING) {
            assert_eq!(
                turns.take(guest(number), Turn::Message, Timestamp(at)),
                Ok(())
            );
        }
        assert_eq!(turns.spoke_at.len(), MAX_WAITING);
        let now = Timestamp(20_001);
        assert!(turns.take(guest(1), Turn::Message, now).is_err());
        assert_eq!(turns.take(guest(0), Turn::Message, now), Ok(()));
    }
}
