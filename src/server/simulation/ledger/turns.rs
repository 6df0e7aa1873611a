//! Slow mode of a room: who spoke when, of those whom it concerns.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Checked, Position, ensure};
use crate::chat::{PersonId, Timestamp};

/// Whose turn it was.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// The time between two messages of somebody, each time that it was set.
    intervals: Vec<(Position, Duration)>,
    /// The newest message of each.
    spoke: BTreeMap<PersonId, Spoke>,
    /// The newest messages of the guests whom accounts were, and since when they count as theirs.
    passed: BTreeMap<PersonId, Vec<(Position, Spoke)>>,
}

/// Somebody has spoken.
#[derive(Clone, Copy, Debug)]
struct Spoke {
    /// When that was judged.
    at: Timestamp,
    /// How much the hub had been told then.
    told: Position,
}

impl Turns {
    /// The time between two messages of somebody as it is now.
    pub(super) fn interval(&self) -> Duration {
        let last = self.intervals.last();
        last.map_or(Duration::ZERO, |(_, interval)| *interval)
    }

    /// Whether anybody was ever to wait.
    pub(super) fn were_limited(&self) -> bool {
        self.intervals.iter().any(|(_, it)| !it.is_zero())
    }

    pub(super) fn set(&mut self, interval: Duration, position: Position) {
        self.intervals.push((position, interval));
    }

    /// Has what a guest said be what an account said, too, that the guest has become.
    pub(super) fn pass_on(&mut self, guest: PersonId, heir: PersonId, position: Position) {
        if let Some(spoke) = self.spoke.get(&guest) {
            let passed = self.passed.entry(heir).or_default();
            passed.push((position, *spoke));
        }
    }

    /// Takes a message of somebody whom it concerns, of which the hub must have known that it was their
    /// turn; in the life that began with so much.
    pub(super) fn take(
        &mut self,
        person: PersonId,
        at: Timestamp,
        (told, began_at): (Position, Position),
    ) -> Checked {
        if self.shortest(told, told).is_zero() {
            self.spoke.remove(&person);
            return Ok(());
        }
        let own = self.spoke.insert(person, Spoke { at, told });
        let passed = self.passed.get(&person).into_iter().flatten();
        let passed = passed.filter(|(position, _)| *position < told);
        let all = passed.map(|(_, spoke)| *spoke).chain(own);
        for spoke in all.filter(|spoke| spoke.told >= began_at) {
            let interval = self.shortest(spoke.told, told);
            let passed_ms = u128::try_from(at.0 - spoke.at.0).unwrap_or(0);
            ensure!(
                passed_ms >= interval.as_millis(),
                "{person:?} spoke {passed_ms} ms after a message, in a room of one in {interval:?}"
            );
        }
        Ok(())
    }

    /// The shortest time between two messages that held since the hub had been told so much, until it
    /// had been told more.
    fn shortest(&self, since: Position, until: Position) -> Duration {
        let known = self
            .intervals
            .iter()
            .filter(|(position, _)| *position < until);
        let first = known.clone().rfind(|(position, _)| *position < since);
        let first = first.map_or(Duration::ZERO, |(_, interval)| *interval);
        let later = known.filter(|(position, _)| *position >= since);
        let later = later.map(|(_, interval)| *interval);
        later.fold(first, Duration::min)
    }
}
