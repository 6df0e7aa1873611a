//! Follows messages that all connections must get: each once, in one order.

use std::collections::VecDeque;
use std::time::Instant;

use crate::bench::tally::Tally;

/// The messages on their way, by position, and how far each connection has come.
#[derive(Debug)]
pub(super) struct Ledger<T> {
    /// The position of the first entry; everyone has got what was before it.
    first: u64,
    entries: VecDeque<Entry<T>>,
    /// The position that each connection must see next; `None`: it is gone.
    next: Vec<Option<u64>>,
    /// What has happened since it was counted last.
    delivered_count: u64,
    completed: Vec<Instant>,
}

#[derive(Debug)]
struct Entry<T> {
    content: T,
    sent_at: Instant,
    missing_count: usize,
}

impl<T> Ledger<T> {
    /// Makes a ledger for so many connections, in which the first message has position `first`.
    pub(super) fn new(count: usize, first: u64) -> Self {
        Self {
            first,
            entries: VecDeque::new(),
            next: vec![Some(first); count],
            delivered_count: 0,
            completed: Vec::new(),
        }
    }

    /// Returns how many messages not everyone has.
    pub(super) fn len(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }

    /// Returns the position of the next message that is added.
    pub(super) fn end(&self) -> u64 {
        self.first + self.len()
    }

    /// Adds a message, which all connections that are there now must get.
    pub(super) fn add(&mut self, content: T, sent_at: Instant) {
        let missing_count = self.next.iter().flatten().count();
        self.entries.push_back(Entry {
            content,
            sent_at,
            missing_count,
        });
    }

    /// Returns the position that a connection must see next.
    pub(super) fn next(&self, place: usize) -> u64 {
        self.next[place].unwrap_or(self.first)
    }

    /// Returns what a connection must see next, if that is known.
    pub(super) fn awaited(&self, place: usize) -> Option<&T> {
        let index = self.next(place).checked_sub(self.first)?;
        let entry = self.entries.get(usize::try_from(index).ok()?)?;
        Some(&entry.content)
    }

    /// Notes that a connection has got what it awaited.
    pub(super) fn deliver(&mut self, place: usize) {
        let position = self.next(place);
        self.next[place] = Some(position + 1);
        self.delivered_count += 1;
        self.reach(position);
    }

    /// Notes that a connection gets nothing more.
    pub(super) fn lose(&mut self, place: usize) {
        if let Some(next) = self.next[place].take() {
            for position in next.max(self.first)..self.end() {
                self.reach(position);
            }
        }
    }

    /// Counts what has happened.
    pub(super) fn count(&mut self, tally: &mut Tally, now: Instant) {
        tally.count_deliveries(self.delivered_count, now);
        self.delivered_count = 0;
        for sent_at in self.completed.drain(..) {
            tally.count_messages(1, sent_at, now);
        }
    }

    /// Counts what has not come to all who had to get it, and returns how much that is.
    pub(super) fn finish(&mut self, tally: &mut Tally, now: Instant) -> u64 {
        // What became complete as the last connection was lost has come to nobody.
        let complete = self.completed.drain(..);
        let sent_times = complete.chain(self.entries.drain(..).map(|entry| entry.sent_at));
        sent_times.fold(0, |missing_count, sent_at| {
            tally.count_missing(1, sent_at, now);
            missing_count + 1
        })
    }

    /// One less misses the message at `position`.
    fn reach(&mut self, position: u64) {
        let index = usize::try_from(position - self.first).unwrap_or(usize::MAX);
        let Some(entry) = self.entries.get_mut(index) else {
            return;
        };
        entry.missing_count -= 1;
        // All get them in order, so they are complete in order.
        while let Some(entry) = self.entries.pop_front_if(|it| it.missing_count == 0) {
            self.first += 1;
            self.completed.push(entry.sent_at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn some_instant() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_message_is_complete_when_the_last_one_has_it() {
        let at = some_instant();
        let mut ledger = Ledger::new(2, 5);
        assert_eq!(ledger.awaited(0), None);
        ledger.add("five", at);
        ledger.add("six", at);
        ledger.deliver(0);
        assert_eq!((ledger.next(0), ledger.awaited(0)), (6, Some(&"six")));
        assert_eq!((ledger.next(1), ledger.awaited(1)), (5, Some(&"five")));
        assert_eq!((ledger.len(), ledger.end()), (2, 7));
        ledger.deliver(1);
        assert_eq!(
            (ledger.len(), ledger.end(), ledger.completed.len()),
            (1, 7, 1)
        );
    }

    #[test]
    fn nothing_is_missing_to_those_who_are_gone() {
        let at = some_instant();
        let mut ledger = Ledger::new(3, 0);
        ledger.add((), at);
        ledger.add((), at);
        ledger.deliver(0);
        ledger.deliver(1);
        ledger.lose(2);
        assert_eq!((ledger.len(), ledger.completed.len()), (1, 1));
        ledger.lose(1);
        ledger.deliver(0);
        assert_eq!((ledger.len(), ledger.completed.len()), (0, 2));
        ledger.add((), at);
        ledger.lose(2);
        assert_eq!(ledger.len(), 1, "the one that is left must get it");
        ledger.deliver(0);
        assert_eq!(ledger.len(), 0);
    }
}
