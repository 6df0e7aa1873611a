//! Finds messages by their words.

use std::time::Duration;

use crate::chat::log::LogError;
use crate::chat::name::RoomName;
use crate::chat::search::{Finding, Findings, Mark, Scope, Search, SearchDone};
use crate::storage::database::{DatabaseError, FoundRow, MARK_BEGIN, MARK_END, Match, Transaction};
use crate::storage::reader::Reader;
use crate::storage::rows::read_message;

impl Reader {
    /// Looks for messages: everything found is of the same moment.
    pub fn search(&mut self, search: Search) -> SearchDone {
        self.database.limit_time(Some(MAX_TIME));
        let outcome = self.find(&search);
        self.database.limit_time(None);
        let outcome = match outcome {
            Err(error) if error.is_out_of_time() => Err(LogError::TooSlow),
            other => self.note(other).and_then(|found| found),
        };
        SearchDone { search, outcome }
    }

    fn find(&mut self, search: &Search) -> Result<Result<Findings, LogError>, DatabaseError> {
        let transaction = self.database.begin()?;
        let Some(wanted) = wanted(&transaction, search)? else {
            return Ok(Err(LogError::NoSuchRoom));
        };
        let before = search.before.unwrap_or(u64::MAX);
        // One more than wanted, which tells that there are more.
        let rows = transaction.search(&wanted, before, search.max_messages + 1)?;
        Ok(Ok(findings(rows, search)))
    }
}

fn wanted(transaction: &Transaction<'_>, search: &Search) -> Result<Option<Match>, DatabaseError> {
    let (in_public, names) = match &search.scope {
        Scope::Room(name) => (false, std::slice::from_ref(name)),
        Scope::Readable { private } => (true, private.as_slice()),
    };
    let mut rooms = Vec::new();
    for name in names {
        if let Some(room) = transaction.room(name.key())? {
            rooms.push(room.id);
        }
    }
    let is_anywhere = in_public || !rooms.is_empty();
    Ok(is_anywhere.then(|| Match::new(&search.query, in_public, &rooms)))
}

/// As many as fit, and where to go on if they are not all.
fn findings(rows: Vec<FoundRow>, search: &Search) -> Findings {
    let mut found = Findings::default();
    let (mut weight, mut last) = (0, 0);
    for row in rows {
        let event = row.event;
        let finding = finding(row);
        weight += finding.as_ref().map_or(0, |it| it.message.weight());
        let is_full = found.messages.len() == search.max_messages;
        if is_full || (weight > search.max_weight && !found.messages.is_empty()) {
            found.next = Some(last);
            break;
        }
        last = event;
        found.messages.extend(finding);
    }
    found
}

/// A message in a room whose name can be read.
fn finding(row: FoundRow) -> Option<Finding> {
    let room = RoomName::parse(&row.room_name).or_else(|_| RoomName::parse(&row.room_key));
    let room = room.ok().filter(|room| room.key() == row.room_key)?;
    let message = read_message(row.message);
    let (text, marks) = marks(&row.marked);
    let is_whole = message
        .said()
        .is_some_and(|said| said.body.as_str() == text);
    Some(Finding {
        room,
        message,
        marks: if is_whole { marks } else { Vec::new() },
    })
}

/// Takes the marks out of a text.
fn marks(marked: &str) -> (String, Vec<Mark>) {
    let mut text = String::with_capacity(marked.len());
    let mut marks: Vec<Mark> = Vec::new();
    let mut count = 0;
    for c in marked.chars() {
        match c {
            MARK_BEGIN => marks.push(Mark {
                start: count,
                count: 0,
            }),
            MARK_END => {
                if let Some(mark) = marks.last_mut() {
                    mark.count = count - mark.start;
                }
            }
            c => {
                text.push(c);
                count += 1;
            }
        }
    }
    (text, marks)
}

/// How long a search keeps those waiting who come into rooms: ten times what a million messages take
/// for common words, and less than people notice.
const MAX_TIME: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_counted_in_characters() {
        let (text, marks) = marks("ä \u{2}tea🦊\u{3} and \u{2}tea\u{3}");
        assert_eq!(text, "ä tea🦊 and tea");
        let marks: Vec<_> = marks.iter().map(|mark| (mark.start, mark.count)).collect();
        assert_eq!(marks, [(2, 4), (11, 3)]);
    }
}
