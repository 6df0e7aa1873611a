//! What happened lately in a room, kept in memory for those who come in.
//!
//! ```text
//! Unloaded ──first join──> Loading ──the log's page──> Loaded
//!    ^                        │                          │
//!    └──────the log failed────┴──────last one left───────┘
//! ```
//!
//! While the page is under way, what is committed gathers beside it; numbers tell where it fits.

use std::collections::VecDeque;

use crate::chat::log::{Change, Context, Page};
use crate::chat::message::{Message, Rev, Seq};

/// The recent past of one room.
#[derive(Debug)]
pub(crate) enum Recent {
    Unloaded,
    Loading {
        waiting: Vec<Waiting>,
        meanwhile: Ring,
    },
    Loaded(Ring),
}

/// A join that cannot be answered before the log's page is there.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) context: Context,
    pub(crate) since: Option<Seq>,
    pub(crate) rev: Option<Rev>,
}

/// The newest messages and changes, dense in their numbers, bounded in number and weight.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    messages: VecDeque<Message>,
    weight: usize,
    changes: VecDeque<Change>,
    changes_weight: usize,
}

/// What someone who comes in gets to see.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) messages: Vec<Message>,
    pub(crate) changes: Vec<Change>,
    pub(crate) recovered: bool,
    pub(crate) more: bool,
}

impl Recent {
    pub(crate) fn push_message(&mut self, message: &Message) {
        match self {
            Self::Unloaded => {}
            Self::Loading {
                meanwhile: ring, ..
            }
            | Self::Loaded(ring) => {
                ring.push_message(message.clone());
            }
        }
    }

    pub(crate) fn push_change(&mut self, change: Change) {
        match self {
            Self::Unloaded => {}
            Self::Loading {
                meanwhile: ring, ..
            }
            | Self::Loaded(ring) => ring.push_change(change),
        }
    }

    /// Takes the log's page, and returns who waited for it.
    pub(crate) fn load(&mut self, page: Page) -> Vec<Waiting> {
        let Self::Loading { waiting, meanwhile } = std::mem::replace(self, Self::Unloaded) else {
            return Vec::new();
        };
        let mut ring = Ring::default();
        page.messages
            .into_iter()
            .for_each(|message| ring.push_message(message));
        page.changes
            .into_iter()
            .for_each(|change| ring.push_change(change));
        meanwhile
            .messages
            .into_iter()
            .for_each(|message| ring.push_message(message));
        meanwhile
            .changes
            .into_iter()
            .for_each(|change| ring.push_change(change));
        *self = Self::Loaded(ring);
        waiting
    }

    /// Gives up on the log's page, and returns who waited for it.
    pub(crate) fn give_up(&mut self) -> Vec<Waiting> {
        match std::mem::replace(self, Self::Unloaded) {
            Self::Loading { waiting, .. } => waiting,
            Self::Unloaded | Self::Loaded(_) => Vec::new(),
        }
    }

    /// About how many bytes it holds.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Unloaded => 0,
            Self::Loading {
                meanwhile: ring, ..
            }
            | Self::Loaded(ring) => ring.weight + ring.changes_weight,
        }
    }

    /// Forgets all but the newest: what all rooms may hold together is used up.
    pub(crate) fn trim(&mut self) {
        if let Self::Loaded(ring) = self {
            ring.trim(MAX_TRIMMED_WEIGHT);
        }
    }

    /// Forgets, unless somebody waits: an empty room costs no memory.
    pub(crate) fn unload(&mut self) {
        if matches!(self, Self::Loaded(_)) {
            *self = Self::Unloaded;
        }
    }
}

impl Ring {
    /// What came after `since` and `rev` if all of that is here, or else the newest page.
    pub(crate) fn snapshot(
        &self,
        since: Option<Seq>,
        rev: Option<Rev>,
        newest: Seq,
        newest_rev: Rev,
    ) -> Snapshot {
        let missed = since.and_then(|since| {
            let count = usize::try_from(newest.checked_sub(since)?).ok()?;
            (count <= self.messages.len()).then_some(count)
        });
        let missed_changes = rev.map_or(Some(0), |rev| {
            let count = usize::try_from(newest_rev.checked_sub(rev)?).ok()?;
            (count <= self.changes.len()).then_some(count)
        });
        let recovered = missed.is_some() && missed_changes.is_some();
        let count = missed
            .filter(|_| recovered)
            .unwrap_or_else(|| self.page_len());
        let messages: Vec<Message> = self
            .messages
            .range(self.messages.len() - count..)
            .cloned()
            .collect();
        let first_change = self.changes.len() - missed_changes.unwrap_or(0);
        Snapshot {
            more: messages.first().map_or(newest > 0, |first| first.seq > 1),
            messages,
            changes: self.changes.range(first_change..).cloned().collect(),
            recovered,
        }
    }

    fn push_message(&mut self, message: Message) {
        // What the log's page has already comes again from the meantime.
        if self
            .messages
            .back()
            .is_some_and(|last| last.seq >= message.seq)
        {
            return;
        }
        debug_assert!(
            self.messages
                .back()
                .is_none_or(|last| last.seq + 1 == message.seq)
        );
        self.weight += message.weight();
        self.messages.push_back(message);
        while self.messages.len() > MAX_MESSAGES
            || (self.weight > MAX_WEIGHT && self.messages.len() > 1)
        {
            self.forget_message();
        }
    }

    fn trim(&mut self, max_weight: usize) {
        while self.weight > max_weight && self.messages.len() > 1 {
            self.forget_message();
        }
        while self.changes_weight > max_weight {
            self.forget_change();
        }
        self.messages.shrink_to(2 * self.messages.len());
        self.changes.shrink_to(2 * self.changes.len());
    }

    fn forget_message(&mut self) {
        if let Some(oldest) = self.messages.pop_front() {
            self.weight -= oldest.weight();
        }
    }

    fn forget_change(&mut self) {
        if let Some(oldest) = self.changes.pop_front() {
            self.changes_weight -= oldest.weight();
        }
    }

    fn push_change(&mut self, change: Change) {
        if self
            .changes
            .back()
            .is_some_and(|last| last.rev >= change.rev)
        {
            return;
        }
        self.changes_weight += change.weight();
        self.changes.push_back(change);
        if self.changes.len() > MAX_CHANGES {
            self.forget_change();
        }
    }

    /// How many of the newest messages make a page.
    fn page_len(&self) -> usize {
        self.messages.len().min(PAGE_LEN)
    }
}

/// A few minutes of a busy room: who was away for no longer misses nothing.
pub(crate) const MAX_MESSAGES: usize = 500;

/// Bounds a room's memory, and the answer to a join well below a connection's outbox.
pub(crate) const MAX_WEIGHT: usize = 512 * 1024;

/// Changes are small and rare beside messages.
pub(crate) const MAX_CHANGES: usize = 200;

/// What all rooms may hold together, before those that hold more than [`MAX_TRIMMED_WEIGHT`] are
/// trimmed to that: 10,000 rooms of 512 KiB would be 5 GB, which a hundred clients have loaded by
/// joining them.
pub(crate) const MAX_TOTAL_WEIGHT: usize = 128 * 1024 * 1024;

/// A screen or two of a trimmed room, and always its newest message.
const MAX_TRIMMED_WEIGHT: usize = 8 * 1024;

/// What a newcomer reads at first: a few screens.
const PAGE_LEN: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::message::{Body, Timestamp};
    use crate::chat::name::UserName;

    fn message(seq: Seq, len: usize) -> Message {
        Message {
            seq,
            at: Timestamp(0),
            from: UserName::parse("ada").unwrap(),
            body: Body::parse(&"x".repeat(len)).unwrap(),
            key: None,
            reply_to: None,
        }
    }

    fn ring(seqs: std::ops::RangeInclusive<Seq>) -> Ring {
        let mut ring = Ring::default();
        seqs.for_each(|seq| ring.push_message(message(seq, 1)));
        ring
    }

    fn seqs(snapshot: &Snapshot) -> Vec<Seq> {
        snapshot
            .messages
            .iter()
            .map(|message| message.seq)
            .collect()
    }

    #[test]
    fn gap_that_fits_is_filled_and_a_longer_one_is_not() {
        let ring = ring(1..=600);
        let snapshot = ring.snapshot(Some(100), None, 600, 0);
        assert!(snapshot.recovered && snapshot.more);
        assert_eq!(seqs(&snapshot), (101..=600).collect::<Vec<_>>());
        let snapshot = ring.snapshot(Some(99), None, 600, 0);
        assert!(!snapshot.recovered);
        assert_eq!(seqs(&snapshot), (501..=600).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_missed_is_recovered_with_nothing() {
        let snapshot = ring(1..=3).snapshot(Some(3), None, 3, 0);
        assert!(snapshot.recovered && snapshot.messages.is_empty());
    }

    #[test]
    fn client_ahead_of_the_room_is_not_recovered() {
        let snapshot = ring(1..=3).snapshot(Some(4), None, 3, 0);
        assert!(!snapshot.recovered);
        assert_eq!(seqs(&snapshot), [1, 2, 3]);
        assert!(!snapshot.more);
    }

    #[test]
    fn weight_is_bounded_but_one_message_stays() {
        let mut ring = Ring::default();
        (1..=100).for_each(|seq| ring.push_message(message(seq, 8_000)));
        assert!(ring.weight <= MAX_WEIGHT && !ring.messages.is_empty());
        assert_eq!(ring.messages.back().map(|last| last.seq), Some(100));
    }

    #[test]
    fn trimmed_ring_keeps_the_newest_and_says_that_there_are_older_ones() {
        let mut ring = ring(1..=100);
        ring.trim(MAX_TRIMMED_WEIGHT);
        let snapshot = ring.snapshot(Some(0), None, 100, 0);
        assert!(!snapshot.recovered && snapshot.more);
        assert_eq!(seqs(&snapshot), (61..=100).collect::<Vec<_>>());
        ring.trim(1);
        assert_eq!(seqs(&ring.snapshot(None, None, 100, 0)), [100]);
    }

    #[test]
    fn page_and_meantime_overlap_without_doubles() {
        let mut recent = Recent::Loading {
            waiting: Vec::new(),
            meanwhile: Ring::default(),
        };
        (4..=6).for_each(|seq| recent.push_message(&message(seq, 1)));
        let page = Page {
            messages: (1..=5).map(|seq| message(seq, 1)).collect(),
            changes: Vec::new(),
            audit: Vec::new(),
        };
        recent.load(page);
        let Recent::Loaded(ring) = recent else {
            panic!("not loaded")
        };
        assert_eq!(
            seqs(&ring.snapshot(Some(0), None, 6, 0)),
            [1, 2, 3, 4, 5, 6]
        );
    }
}
