//! How much a room is told of who comes, goes and types, and what it is told later instead.
//!
//! Each coming and going is told to all members, so that whoever comes and goes without end would
//! have the server talk of nothing else. A room therefore has a budget of deliveries. Within it all
//! is told at once; beyond it, what changes is kept by name, and told when the budget allows: then
//! only what is still different from what the room believes.

use std::collections::BTreeMap;

use crate::chat::message::Timestamp;
use crate::chat::name::UserName;

/// The gossip of one room.
///
/// Invariant: `order` and `untold` name the same people, each under the other's key.
#[derive(Debug, Default)]
pub(crate) struct Gossip {
    presence: Budget,
    typing: Budget,
    /// Whose presence is not what the room believes.
    untold: BTreeMap<UserName, Untold>,
    /// The same people, longest untold first.
    order: BTreeMap<u64, UserName>,
    next_place: u64,
}

#[derive(Clone, Copy, Debug)]
struct Untold {
    is_present: bool,
    place: u64,
}

impl Gossip {
    /// Takes note that somebody came (`true`) or went; true if the room is to be told now.
    #[must_use]
    pub(crate) fn changed(
        &mut self,
        name: &UserName,
        is_present: bool,
        member_count: usize,
        now: Timestamp,
    ) -> bool {
        if self.settle(name).is_some() {
            // Back before anybody was told.
            return false;
        }
        if self.order.is_empty() && self.presence.take(member_count, now) {
            return true;
        }
        let place = self.next_place;
        self.next_place += 1;
        self.untold
            .insert(name.clone(), Untold { is_present, place });
        self.order.insert(place, name.clone());
        false
    }

    /// Somebody whose coming or going is to be told now, and whether it was a coming.
    pub(crate) fn next_due(
        &mut self,
        member_count: usize,
        now: Timestamp,
    ) -> Option<(UserName, bool)> {
        if self.order.is_empty() || !self.presence.take(member_count, now) {
            return None;
        }
        let (_, name) = self.order.pop_first()?;
        let untold = self.untold.remove(&name)?;
        Some((name, untold.is_present))
    }

    /// What is untold of somebody, for whom it is told now or will not be.
    pub(crate) fn settle(&mut self, name: &UserName) -> Option<bool> {
        let untold = self.untold.remove(name)?;
        self.order.remove(&untold.place);
        Some(untold.is_present)
    }

    /// Whether somebody is still to be told of.
    pub(crate) fn is_behind(&self) -> bool {
        !self.order.is_empty()
    }

    /// Whether the room may be told that somebody types; nobody is told later.
    #[must_use]
    pub(crate) fn may_tell_typing(&mut self, member_count: usize, now: Timestamp) -> bool {
        self.typing.take(member_count, now)
    }
}

/// Deliveries that may be made: a bucket that fills with time.
#[derive(Debug)]
struct Budget {
    deliveries: u64,
    filled_at: Timestamp,
}

impl Budget {
    /// Takes one push to so many members, if there is enough for it.
    fn take(&mut self, member_count: usize, now: Timestamp) -> bool {
        let elapsed = u64::try_from(now.0.saturating_sub(self.filled_at.0)).unwrap_or(0);
        self.deliveries = elapsed
            .saturating_mul(DELIVERIES_PER_MILLI)
            .saturating_add(self.deliveries)
            .min(MAX_DELIVERIES);
        self.filled_at = now;
        let cost = u64::try_from(member_count).unwrap_or(u64::MAX);
        let is_enough = cost.min(MAX_DELIVERIES) <= self.deliveries;
        if is_enough {
            self.deliveries = self.deliveries.saturating_sub(cost);
        }
        is_enough
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            deliveries: MAX_DELIVERIES,
            filled_at: Timestamp::default(),
        }
    }
}

/// One in a hundred of what a worker can do in that time.
const DELIVERIES_PER_MILLI: u64 = 10;

/// A room of a hundred and forty that fills up at once: each who enters is told to those before.
const MAX_DELIVERIES: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> UserName {
        UserName::parse(text).unwrap()
    }

    /// Gossip whose budget is spent.
    fn spent() -> Gossip {
        let mut gossip = Gossip::default();
        let ada = name("ada");
        while gossip.changed(&ada, true, 100, Timestamp(0)) {}
        assert_eq!(gossip.settle(&ada), Some(true));
        gossip
    }

    #[test]
    fn budget_is_told_at_once_and_no_more() {
        let mut gossip = Gossip::default();
        let ada = name("ada");
        let told = (0..200)
            .filter(|nth| gossip.changed(&ada, nth % 2 == 0, 100, Timestamp(0)))
            .count();
        assert_eq!(told, 100);
    }

    #[test]
    fn who_is_back_before_the_room_was_told_is_not_told_of() {
        let mut gossip = spent();
        let bob = name("bob");
        assert!(!gossip.changed(&bob, true, 100, Timestamp(0)));
        assert!(!gossip.changed(&bob, false, 100, Timestamp(0)));
        assert!(!gossip.is_behind());
        assert_eq!(gossip.next_due(100, Timestamp(60_000)), None);
    }

    #[test]
    fn what_is_untold_is_told_later_in_its_order() {
        let mut gossip = spent();
        for text in ["eve", "bob"] {
            assert!(!gossip.changed(&name(text), true, 100, Timestamp(0)));
        }
        assert_eq!(gossip.next_due(100, Timestamp(9)), None);
        let due = gossip.next_due(100, Timestamp(10));
        assert_eq!(due, Some((name("eve"), true)));
        assert_eq!(gossip.next_due(100, Timestamp(19)), None);
        let due = gossip.next_due(100, Timestamp(20));
        assert_eq!(due, Some((name("bob"), true)));
        assert!(!gossip.is_behind());
    }

    #[test]
    fn nobody_is_told_of_before_those_who_wait() {
        let mut gossip = spent();
        assert!(!gossip.changed(&name("eve"), true, 100, Timestamp(0)));
        assert!(!gossip.changed(&name("bob"), false, 100, Timestamp(60_000)));
        let due = gossip.next_due(100, Timestamp(60_000));
        assert_eq!(due, Some((name("eve"), true)));
        let due = gossip.next_due(100, Timestamp(60_000));
        assert_eq!(due, Some((name("bob"), false)));
    }

    #[test]
    fn crowd_beyond_the_budget_is_told_from_a_full_one() {
        let mut gossip = Gossip::default();
        assert!(gossip.changed(&name("ada"), true, usize::MAX, Timestamp(0)));
    }
}
