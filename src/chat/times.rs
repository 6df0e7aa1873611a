//! A time for each of many, of whom the earliest is forgotten when there is no room.

use std::collections::{BTreeMap, BTreeSet};

use crate::chat::message::Timestamp;

/// A time for each of many.
///
/// Invariant: both have the same entries.
#[derive(Debug)]
pub(crate) struct Times<K> {
    by_key: BTreeMap<K, Timestamp>,
    by_time: BTreeSet<(Timestamp, K)>,
}

impl<K> Default for Times<K> {
    fn default() -> Self {
        Self {
            by_key: BTreeMap::new(),
            by_time: BTreeSet::new(),
        }
    }
}

impl<K: Clone + Ord> Times<K> {
    pub(crate) fn get(&self, key: &K) -> Option<Timestamp> {
        self.by_key.get(key).copied()
    }

    /// Gives somebody a time, or another one. Of more than so many the earliest goes: whoever fills it
    /// makes it forget those whose time is over soonest, and shuts nobody out.
    pub(crate) fn set(&mut self, key: K, at: Timestamp, max_count: usize) {
        self.remove(&key);
        self.by_key.insert(key.clone(), at);
        self.by_time.insert((at, key));
        if self.by_key.len() > max_count {
            self.forget_earliest();
        }
        self.assert_invariants();
    }

    /// Forgets the time of somebody, which is returned.
    pub(crate) fn remove(&mut self, key: &K) -> Option<Timestamp> {
        let (key, at) = self.by_key.remove_entry(key)?;
        self.by_time.remove(&(at, key));
        Some(at)
    }

    /// Forgets what is not later than that.
    pub(crate) fn forget_until(&mut self, now: Timestamp) {
        while self.by_time.first().is_some_and(|(at, _)| *at <= now) {
            self.forget_earliest();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.by_key.clear();
        self.by_time.clear();
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    fn forget_earliest(&mut self) {
        if let Some((_, key)) = self.by_time.pop_first() {
            self.by_key.remove(&key);
        }
    }

    fn assert_invariants(&self) {
        debug_assert_eq!(self.by_key.len(), self.by_time.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earliest_goes_when_there_is_no_room_and_nobody_for_a_time_of_their_own() {
        let mut times = Times::default();
        for (key, at) in [("ada", 5), ("bob", 3), ("eve", 4), ("bob", 6)] {
            times.set(key, Timestamp(at), 3);
        }
        assert_eq!(times.len(), 3);
        times.set("kim", Timestamp(7), 3);
        let left = |times: &Times<_>| ["ada", "bob", "eve", "kim"].map(|key| times.get(&key));
        let at = |at| Some(Timestamp(at));
        assert_eq!(left(&times), [at(5), at(6), None, at(7)]);
        times.set("eve", Timestamp(4), 3);
        assert_eq!(times.get(&"eve"), None, "it is the earliest itself");
        times.forget_until(Timestamp(5));
        assert_eq!(left(&times), [None, at(6), None, at(7)]);
        assert_eq!((times.remove(&"bob"), times.remove(&"bob")), (at(6), None));
        assert_eq!(times.len(), 1);
        times.clear();
        assert_eq!((times.len(), times.get(&"kim")), (0, None));
    }
}
