//! Answers to questions about the past, from a connection that only reads.

use std::ops::ControlFlow;

use crate::chat::log::{Change, LogError, Page, Purpose, Read, ReadDone, Span};
use crate::chat::message::{Message, Seq};
use crate::storage::data_dir::DataDir;
use crate::storage::database::{AuditRow, Database, DatabaseError, RoomState, Transaction};
use crate::storage::error::StorageError;
use crate::storage::opening::open_reader;
use crate::storage::rows::books::read_audit;
use crate::storage::rows::{read_change, read_message};

/// Reads pages of rooms' pasts, beside the [`Log`](super::Log) that writes them.
#[derive(Debug)]
pub struct Reader {
    pub(super) database: Database,
    /// Whether the newest read failed: a streak of failures is reported once.
    is_failing: bool,
    /// Keeps the directory locked.
    _dir: DataDir,
}

impl Reader {
    /// Opens the database of a data directory in which a log is open.
    ///
    /// # Errors
    /// [`StorageError::Database`].
    pub fn open(dir: &DataDir) -> Result<Self, StorageError> {
        Ok(Self {
            database: open_reader(dir)?,
            is_failing: false,
            _dir: dir.clone(),
        })
    }

    /// Answers a question: everything in the page is of the same moment.
    ///
    /// Where numbers have a hole, which only editing by hand makes, the page ends at it.
    pub fn read(&mut self, read: Read) -> ReadDone {
        let page = self.page(&read);
        let page = self.note(page);
        let outcome = page.and_then(|page| page.ok_or(LogError::NoSuchRoom));
        ReadDone { read, outcome }
    }

    fn page(&mut self, read: &Read) -> Result<Option<Page>, DatabaseError> {
        let transaction = self.database.begin()?;
        // One more than asked for tells whether there are more.
        let max = read.max_messages.saturating_add(1);
        let before = match read.span {
            Span::Before(id) => id,
            Span::Newest | Span::After(_) | Span::Around(_) => u64::MAX,
        };
        if matches!(read.purpose, Purpose::ServerAudit(_)) {
            return Ok(Some(audit_page(&transaction.audit(None, before, max)?)));
        }
        let Some(room) = transaction.room(read.room.key())? else {
            return Ok(None);
        };
        if matches!(read.purpose, Purpose::Audit(_)) {
            let rows = transaction.audit(Some(room.id), before, max)?;
            return Ok(Some(audit_page(&rows)));
        }
        Ok(Some(Page {
            audit: Vec::new(),
            erased: room.erased,
            messages: messages(&transaction, room, read)?,
            changes: newest_changes(&transaction, room.id, read.max_changes)?,
            seq: room.seq,
            rev: room.rev,
        }))
    }

    /// Takes note of whether the database could be read.
    pub(super) fn note<T>(&mut self, outcome: Result<T, DatabaseError>) -> Result<T, LogError> {
        match outcome {
            Ok(value) => {
                self.is_failing = false;
                Ok(value)
            }
            Err(error) => {
                if !self.is_failing {
                    tracing::error!(%error, "the log cannot be read");
                }
                self.is_failing = true;
                self.database.note_failure(&error);
                Err(LogError::Unavailable)
            }
        }
    }
}

fn audit_page(rows: &[AuditRow]) -> Page {
    Page {
        audit: rows.iter().filter_map(read_audit).collect(),
        ..Page::default()
    }
}

/// The messages of a page, oldest first.
fn messages(
    transaction: &Transaction<'_>,
    room: RoomState,
    read: &Read,
) -> Result<Vec<Message>, DatabaseError> {
    let (max, max_weight) = (read.max_messages, read.max_weight);
    match read.span {
        Span::Newest => older(transaction, room, u64::MAX, Taking::new(max, max_weight)),
        Span::Before(seq) => older(transaction, room, seq, Taking::new(max, max_weight)),
        Span::After(seq) => newer(transaction, room, seq, Taking::new(max, max_weight)),
        Span::Around(seq) => {
            let taking = Taking::new(max.div_ceil(2), max_weight / 2);
            let behind = newer(transaction, room, seq.saturating_sub(1), taking)?;
            let taking = Taking::new(max / 2, max_weight / 2);
            let mut messages = older(transaction, room, seq, taking)?;
            let is_joined = match (messages.last(), behind.first()) {
                (Some(last), Some(first)) => last.seq + 1 == first.seq,
                _ => true,
            };
            if !is_joined {
                messages.clear();
            }
            messages.extend(behind);
            Ok(messages)
        }
    }
}

/// The newest messages numbered below `before` that fit, oldest first.
fn older(
    transaction: &Transaction<'_>,
    room: RoomState,
    before: Seq,
    mut taking: Taking,
) -> Result<Vec<Message>, DatabaseError> {
    if taking.max > 0 {
        transaction.visit_messages_before(room, before, |row| {
            taking.take(read_message(row), |last, next| next + 1 == last)
        })?;
    }
    taking.messages.reverse();
    Ok(taking.messages)
}

/// The oldest messages numbered above `after` that fit, oldest first.
fn newer(
    transaction: &Transaction<'_>,
    room: RoomState,
    after: Seq,
    mut taking: Taking,
) -> Result<Vec<Message>, DatabaseError> {
    if taking.max > 0 {
        transaction.visit_messages_after(room, after, |row| {
            taking.take(read_message(row), |last, next| last + 1 == next)
        })?;
    }
    Ok(taking.messages)
}

/// Messages being taken in a row, within bounds.
struct Taking {
    messages: Vec<Message>,
    weight: usize,
    max: usize,
    max_weight: usize,
}

impl Taking {
    fn new(max: usize, max_weight: usize) -> Self {
        Self {
            messages: Vec::new(),
            weight: 0,
            max,
            max_weight,
        }
    }

    /// Takes a message, unless it is too heavy or does not follow the last one; breaks when done.
    fn take(&mut self, message: Message, follows: fn(Seq, Seq) -> bool) -> ControlFlow<()> {
        self.weight += message.weight();
        if let Some(last) = self.messages.last()
            && (self.weight > self.max_weight || !follows(last.seq, message.seq))
        {
            return ControlFlow::Break(());
        }
        self.messages.push(message);
        if self.messages.len() == self.max {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

/// The newest changes that can be read, oldest first.
fn newest_changes(
    transaction: &Transaction<'_>,
    room: i64,
    max: usize,
) -> Result<Vec<Change>, DatabaseError> {
    let mut changes: Vec<Change> = Vec::new();
    for row in transaction.changes(room, max)? {
        let follows = |next: &Change| row.rev + 1 == next.rev;
        match read_change(&row) {
            Some(change) if changes.last().is_none_or(follows) => changes.push(change),
            _ => break,
        }
    }
    changes.reverse();
    Ok(changes)
}
