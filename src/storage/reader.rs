//! Answers to questions about the past, from a connection that only reads.

use std::ops::ControlFlow;

use crate::chat::log::{Change, LogError, Page, Purpose, Read, ReadDone};
use crate::chat::message::Message;
use crate::storage::data_dir::DataDir;
use crate::storage::database::{Database, DatabaseError, Transaction};
use crate::storage::error::StorageError;
use crate::storage::opening::open_reader;
use crate::storage::rows::books::read_audit;
use crate::storage::rows::{read_change, read_message};

/// Reads pages of rooms' pasts, beside the [`Log`](super::Log) that writes them.
#[derive(Debug)]
pub struct Reader {
    database: Database,
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
    /// Where numbers have a hole, which only editing by hand makes, the page begins after it.
    pub fn read(&mut self, read: Read) -> ReadDone {
        let outcome = match self.page(&read) {
            Ok(page) => {
                self.is_failing = false;
                page.ok_or(LogError::NoSuchRoom)
            }
            Err(error) => {
                if !self.is_failing {
                    tracing::error!(%error, "the log cannot be read");
                }
                self.is_failing = true;
                self.database.note_failure(&error);
                Err(LogError::Unavailable)
            }
        };
        ReadDone { read, outcome }
    }

    fn page(&mut self, read: &Read) -> Result<Option<Page>, DatabaseError> {
        let transaction = self.database.begin()?;
        let Some(room) = transaction.room(read.room.key())? else {
            return Ok(None);
        };
        if matches!(read.purpose, Purpose::Audit(_)) {
            // One more than asked for tells whether there are more.
            let before = read.before.unwrap_or(u64::MAX);
            let rows = transaction.audit(room.id, before, read.max_messages.saturating_add(1))?;
            return Ok(Some(Page {
                audit: rows.iter().filter_map(read_audit).collect(),
                ..Page::default()
            }));
        }
        Ok(Some(Page {
            audit: Vec::new(),
            messages: newest_messages(&transaction, room.id, read)?,
            changes: newest_changes(&transaction, room.id, read.max_changes)?,
        }))
    }
}

/// The newest messages that fit, oldest first.
fn newest_messages(
    transaction: &Transaction<'_>,
    room: i64,
    read: &Read,
) -> Result<Vec<Message>, DatabaseError> {
    let mut messages: Vec<Message> = Vec::new();
    if read.max_messages == 0 {
        return Ok(messages);
    }
    let mut weight = 0;
    let before = read.before.unwrap_or(u64::MAX);
    transaction.visit_messages(room, before, |row| {
        let message = read_message(row);
        weight += message.weight();
        if let Some(next) = messages.last()
            && (weight > read.max_weight || message.seq + 1 != next.seq)
        {
            return ControlFlow::Break(());
        }
        messages.push(message);
        if messages.len() == read.max_messages {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    messages.reverse();
    Ok(messages)
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
