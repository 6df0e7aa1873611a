//! What happened lately in a room, kept in memory for those who come in.
//!
//! ```text
//! Unloaded ──first join──> Loading ──the log's page──> Loaded
//!    ^                        │                          │
//!    └──────the log failed────┴──────last one left───────┘
//! ```
//!
//! While the page is under way, what is committed gathers beside it; numbers tell where it fits.
//! Changes to messages wait there too: which of them the page has already, only the page tells.

use std::collections::VecDeque;

use crate::chat::log::{Change, ChangeKind, Context, Page};
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

/// What becomes of those who wait for the log's page.
#[derive(Debug)]
pub(crate) enum Load {
    /// The page and what gathered are one: they can be answered.
    Done(Vec<Waiting>),
    /// So much gathered that a part of it is forgotten: another page is needed.
    Again,
}

/// A join that cannot be answered before the log's page is there.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) context: Context,
    pub(crate) since: Option<Seq>,
    pub(crate) rev: Option<Rev>,
    /// Whether a few messages and members are enough.
    pub(crate) glance: bool,
}

impl Waiting {
    pub(crate) fn new(context: Context, since: Option<Seq>, rev: Option<Rev>) -> Self {
        Self {
            context,
            since,
            rev,
            glance: false,
        }
    }
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
            Self::Loading { meanwhile, .. } => meanwhile.push_change(change),
            Self::Loaded(ring) => {
                ring.apply(&change);
                ring.push_change(change);
            }
        }
    }

    /// Takes the log's page.
    pub(crate) fn load(&mut self, page: Page) -> Load {
        let Self::Loading { waiting, meanwhile } = self else {
            return Load::Done(Vec::new());
        };
        let mut ring = Ring::default();
        let (newest, rev) = (page.messages.last().map_or(0, |it| it.seq), page.rev);
        page.messages
            .into_iter()
            .for_each(|message| ring.push_message(message));
        page.changes
            .into_iter()
            .for_each(|change| ring.push_change(change));
        let is_whole = meanwhile
            .messages
            .front()
            .is_none_or(|it| it.seq <= newest + 1)
            && meanwhile.changes.front().is_none_or(|it| it.rev <= rev + 1);
        let gathered = std::mem::take(meanwhile);
        if !is_whole {
            return Load::Again;
        }
        gathered
            .messages
            .into_iter()
            .for_each(|message| ring.push_message(message));
        for change in gathered.changes {
            if change.rev > rev {
                ring.apply(&change);
                ring.push_change(change);
            }
        }
        let waiting = std::mem::take(waiting);
        *self = Self::Loaded(ring);
        Load::Done(waiting)
    }

    /// Brings a page of the past up to what was told since it was read; `false`: not all of that is
    /// remembered. Nobody needs it where nothing is.
    pub(crate) fn bring_up(&self, page: &mut Page, newest: Rev) -> bool {
        let Self::Loaded(ring) = self else {
            return true;
        };
        let missed = newest.saturating_sub(page.rev);
        let missed = usize::try_from(missed).unwrap_or(usize::MAX);
        if missed > ring.changes.len() {
            return false;
        }
        for change in ring.changes.range(ring.changes.len() - missed..) {
            page.messages
                .iter_mut()
                .for_each(|message| message.apply(change));
        }
        page.rev = page.rev.max(newest);
        true
    }

    /// Forgets the messages up to one, and what was told of them: they are erased.
    pub(crate) fn forget(&mut self, erased: Seq) {
        match self {
            Self::Unloaded => {}
            Self::Loading {
                meanwhile: ring, ..
            }
            | Self::Loaded(ring) => ring.forget(erased),
        }
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
        let first_change = self.changes.len() - missed_changes.unwrap_or(0);
        Snapshot {
            changes: self.changes.range(first_change..).cloned().collect(),
            recovered,
            ..self.page(count, newest)
        }
    }

    /// The newest messages, at most so many, for somebody who has none.
    pub(crate) fn glance(&self, max_count: usize, newest: Seq) -> Snapshot {
        self.page(self.page_len().min(max_count), newest)
    }

    fn page(&self, count: usize, newest: Seq) -> Snapshot {
        let first = self.messages.len() - count;
        let messages: Vec<Message> = self.messages.range(first..).cloned().collect();
        Snapshot {
            more: messages.first().map_or(newest > 0, |first| first.seq > 1),
            messages,
            changes: Vec::new(),
            recovered: false,
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
        self.bound_messages();
    }

    fn bound_messages(&mut self) {
        while self.messages.len() > MAX_MESSAGES
            || (self.weight > MAX_WEIGHT && self.messages.len() > 1)
        {
            self.forget_message();
        }
    }

    /// Changes what is here of the message that a change is about, and of what was told of it: what
    /// was deleted is nowhere.
    fn apply(&mut self, change: &Change) {
        let Some(seq) = change.kind.seq() else {
            return;
        };
        let first = self.messages.front().map_or(0, |message| message.seq);
        let place = seq
            .checked_sub(first)
            .and_then(|it| usize::try_from(it).ok());
        if let Some(message) = place.and_then(|place| self.messages.get_mut(place)) {
            self.weight -= message.weight();
            message.apply(change);
            self.weight += message.weight();
        }
        self.bound_messages();
        if matches!(change.kind, ChangeKind::Deleted { .. }) {
            self.empty_edits(|edited| edited == seq);
        }
    }

    fn forget(&mut self, erased: Seq) {
        while self.messages.front().is_some_and(|it| it.seq <= erased) {
            self.forget_message();
        }
        self.empty_edits(|edited| edited <= erased);
    }

    /// Tells of edits without what was said in them, as the log does.
    fn empty_edits(&mut self, is_gone: impl Fn(Seq) -> bool) {
        for change in &mut self.changes {
            if let ChangeKind::Edited { seq, .. } = change.kind
                && is_gone(seq)
            {
                self.changes_weight -= change.weight();
                change.kind = ChangeKind::Deleted { seq };
                self.changes_weight += change.weight();
            }
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
        while self.changes.len() > MAX_CHANGES || self.changes_weight > MAX_CHANGES_WEIGHT {
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

/// Most changes are small, and all are rare beside messages.
pub(crate) const MAX_CHANGES: usize = 200;

/// Edits have bodies; together with those of messages they stay below a connection's outbox.
pub(crate) const MAX_CHANGES_WEIGHT: usize = 128 * 1024;

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
    use crate::chat::message::{Body, Content, Said, Timestamp};
    use crate::chat::name::UserName;

    fn message(seq: Seq, len: usize) -> Message {
        Message {
            seq,
            at: Timestamp(0),
            from: UserName::parse("ada").unwrap(),
            content: Content::Said(Said::new(Body::parse(&"x".repeat(len)).unwrap())),
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
            erased: 0,
            messages: (1..=5).map(|seq| message(seq, 1)).collect(),
            changes: Vec::new(),
            audit: Vec::new(),
            seq: 0,
            rev: 0,
        };
        assert!(matches!(recent.load(page), Load::Done(_)));
        let Recent::Loaded(ring) = recent else {
            panic!("not loaded")
        };
        assert_eq!(
            seqs(&ring.snapshot(Some(0), None, 6, 0)),
            [1, 2, 3, 4, 5, 6]
        );
    }

    fn edited(rev: Rev, seq: Seq, text: &str) -> Change {
        let kind = ChangeKind::Edited {
            seq,
            body: Body::parse(text).unwrap(),
            at: Timestamp(1),
        };
        change(rev, kind)
    }

    fn change(rev: Rev, kind: ChangeKind) -> Change {
        let by = UserName::parse("ada").unwrap();
        Change { rev, kind, by }
    }

    fn body(ring: &Ring, seq: Seq) -> Option<&str> {
        let message = ring.messages.iter().find(|message| message.seq == seq)?;
        message.said().map(|said| said.body.as_str())
    }

    #[test]
    fn changes_reach_the_messages_that_are_kept() {
        let mut recent = Recent::Loaded(ring(1..=600));
        let weight = recent.weight();
        recent.push_change(edited(1, 600, "longer"));
        // Forgotten, and not there yet.
        recent.push_change(edited(2, 1, "older"));
        recent.push_change(edited(3, 601, "newer"));
        let Recent::Loaded(ring) = &recent else {
            panic!("not loaded")
        };
        assert_eq!(body(ring, 600), Some("longer"));
        let changes: usize = ring.changes.iter().map(Change::weight).sum();
        assert_eq!(recent.weight(), weight + 5 + changes);
    }

    #[test]
    fn what_was_deleted_is_nowhere_in_the_ring() {
        let mut recent = Recent::Loaded(ring(1..=2));
        recent.push_change(edited(1, 1, "secret"));
        recent.push_change(edited(2, 2, "stays"));
        recent.push_change(change(3, ChangeKind::Deleted { seq: 1 }));
        let Recent::Loaded(ring) = &recent else {
            panic!("not loaded")
        };
        assert_eq!((body(ring, 1), body(ring, 2)), (None, Some("stays")));
        let kinds = ring.changes.iter().map(|change| &change.kind);
        let deleted = |seq| ChangeKind::Deleted { seq };
        assert!(kinds.eq([&deleted(1), &edited(2, 2, "stays").kind, &deleted(1)]));
        assert_eq!(ring.snapshot(Some(2), Some(0), 2, 3).changes.len(), 3);
    }

    #[test]
    fn changes_are_bounded_by_weight_too() {
        let mut recent = Recent::Loaded(ring(1..=1));
        for rev in 1..=100 {
            recent.push_change(edited(rev, 1, &"x".repeat(8_000)));
        }
        let Recent::Loaded(ring) = &recent else {
            panic!("not loaded")
        };
        assert!(ring.changes_weight <= MAX_CHANGES_WEIGHT && ring.changes.len() > 10);
        assert!(!ring.snapshot(Some(1), Some(0), 1, 100).recovered);
    }

    #[test]
    fn page_gets_the_changes_that_it_has_not_and_no_others() {
        let mut recent = Recent::Loading {
            waiting: Vec::new(),
            meanwhile: Ring::default(),
        };
        recent.push_change(edited(1, 1, "in the page"));
        recent.push_message(&message(2, 1));
        recent.push_change(edited(2, 2, "after the page"));
        let mut first = message(1, 1);
        first.apply(&edited(1, 1, "in the page"));
        let page = Page {
            erased: 0,
            audit: Vec::new(),
            messages: vec![first],
            changes: vec![edited(1, 1, "in the page")],
            seq: 0,
            rev: 1,
        };
        assert!(matches!(recent.load(page), Load::Done(_)));
        let Recent::Loaded(ring) = &recent else {
            panic!("not loaded")
        };
        assert_eq!(body(ring, 1), Some("in the page"));
        assert_eq!(body(ring, 2), Some("after the page"));
        assert_eq!(ring.changes.len(), 2);
    }

    #[test]
    fn page_that_leaves_a_hole_is_read_again() {
        let mut recent = Recent::Loading {
            waiting: Vec::new(),
            meanwhile: Ring::default(),
        };
        (1..=201).for_each(|rev| recent.push_change(edited(rev, 1, "x")));
        let page = |rev| Page {
            erased: 0,
            audit: Vec::new(),
            messages: vec![message(1, 1)],
            changes: Vec::new(),
            seq: 0,
            rev,
        };
        assert!(matches!(recent.load(page(0)), Load::Again));
        assert!(matches!(recent.load(page(201)), Load::Done(_)));
    }

    #[test]
    fn old_page_is_brought_up_to_what_was_told() {
        let mut recent = Recent::Loaded(ring(1..=2));
        recent.push_change(edited(1, 1, "one"));
        recent.push_change(edited(2, 1, "two"));
        let mut page = Page {
            erased: 0,
            audit: Vec::new(),
            messages: vec![message(1, 1)],
            changes: Vec::new(),
            seq: 0,
            rev: 1,
        };
        assert!(recent.bring_up(&mut page, 2));
        let said = page.messages[0].said().map(|said| said.body.as_str());
        assert_eq!((said, page.rev), (Some("two"), 2));
        page.rev = 0;
        assert!(
            !recent.bring_up(&mut page, 3),
            "three are missed, two known"
        );
        assert!(Recent::Unloaded.bring_up(&mut page, 3));
    }
}
