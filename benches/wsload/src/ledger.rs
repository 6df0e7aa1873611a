//! Messages on their way to everyone, in the order that all have to see.
use std::collections::VecDeque;

pub struct Ledger {
    /// The position of the first entry; those before it have reached everyone.
    first: u64,
    entries: VecDeque<Entry>,
    receivers: usize,
}

struct Entry {
    bytes: Vec<u8>,
    sent_at: u64,
    missing: usize,
}

impl Ledger {
    /// Each message, the first one at position `first`, has to reach `receivers`.
    pub fn new(first: u64, receivers: usize) -> Self {
        Self {
            first,
            entries: VecDeque::new(),
            receivers,
        }
    }

    /// The position that the next message added will have.
    pub fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// How many messages have reached everyone, counted from position `origin`.
    pub fn done_since(&self, origin: u64) -> u64 {
        self.first - origin
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn add(&mut self, bytes: Vec<u8>, sent_at: u64) {
        self.entries.push_back(Entry {
            bytes,
            sent_at,
            missing: self.receivers,
        });
    }

    /// The bytes at a position; `None`: not known yet, or everyone has it.
    pub fn bytes(&self, position: u64) -> Option<&[u8]> {
        let index = usize::try_from(position.checked_sub(self.first)?).ok()?;
        self.entries.get(index).map(|entry| &entry.bytes[..])
    }

    /// Notes that one more has the message at `position`, which must be in the ledger; when
    /// everyone has it, returns when it was sent.
    pub fn deliver(&mut self, position: u64) -> Option<u64> {
        let entry = &mut self.entries[(position - self.first) as usize];
        entry.missing -= 1;
        let sent_at = (entry.missing == 0).then_some(entry.sent_at);
        while self.entries.front().is_some_and(|entry| entry.missing == 0) {
            self.entries.pop_front();
            self.first += 1;
        }
        sent_at
    }
}
