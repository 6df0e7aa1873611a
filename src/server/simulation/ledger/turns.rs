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
    /// The newest message of each: when it was judged, and how much the hub had been told then.
    spoke: BTreeMap<PersonId, (Timestamp, Position)>,
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

    /// Takes a message of somebody whom it concerns, of which the hub must have known that it was their
    /// turn; in the life that began with so much.
    pub(super) fn take(
        &mut self,
        person: PersonId,
        at: Timestamp,
        (told, began_at): (Position, Position),
    ) -> Checked {
        let known = self.intervals.iter().rev();
        let mut known = known.skip_while(|(position, _)| *position >= told);
        let Some((_, interval)) = known.next().filter(|(_, it)| !it.is_zero()) else {
            self.spoke.remove(&person);
            return Ok(());
        };
        if let Some((spoke_at, then)) = self.spoke.insert(person, (at, told)) {
            let ended = |&&(position, interval): &&(Position, Duration)| {
                (then..told).contains(&position) && interval.is_zero()
            };
            let is_known = then >= began_at && self.intervals.iter().find(ended).is_none();
            let passed_ms = u128::try_from(at.0 - spoke_at.0).unwrap_or(0);
            ensure!(
                !is_known || passed_ms >= interval.as_millis(),
                "{person:?} spoke {passed_ms} ms after a message, in a room of one in {interval:?}"
            );
        }
        Ok(())
    }
}
