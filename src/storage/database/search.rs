//! The full-text index of the database: questions put in its language, and what it finds.

use std::fmt::Write as _;

use crate::chat::search::{Query, Term};
use crate::storage::database::messages::{MessageRow, message_row};
use crate::storage::database::{DatabaseError, Transaction, integer, number, text};

/// What the index asks for: words in bodies, and words that name rooms.
#[derive(Debug)]
pub(in crate::storage) struct Match(String);

/// A message that matches.
#[derive(Debug)]
pub(in crate::storage) struct FoundRow {
    pub(in crate::storage) message: MessageRow,
    /// The number of the event that posted it.
    pub(in crate::storage) event: u64,
    pub(in crate::storage) room_name: String,
    pub(in crate::storage) room_key: String,
    /// The body with [`MARK_BEGIN`] and [`MARK_END`] around what matches.
    pub(in crate::storage) marked: String,
}

/// Controls that no body holds.
pub(in crate::storage) const MARK_BEGIN: char = '\u{2}';
pub(in crate::storage) const MARK_END: char = '\u{3}';

impl Match {
    /// All terms of a query, in public rooms if those are meant, and in the rooms numbered so.
    ///
    /// Everything from outside stands between quotation marks, where nothing has a meaning.
    pub(in crate::storage) fn new(query: &Query, in_public: bool, rooms: &[i64]) -> Self {
        let terms = query.terms().iter().map(|term| match term {
            Term::Phrase(text) => quoted(text),
            Term::Prefix(text) => format!("{} *", quoted(text)),
        });
        let terms: Vec<String> = terms.collect();
        let rooms = rooms.iter().map(|room| quoted(&room.to_string()));
        let public = in_public.then(|| quoted(PUBLIC));
        let places: Vec<String> = public.into_iter().chain(rooms).collect();
        let mut expression = String::new();
        write!(
            expression,
            "(body : ({})) AND (place : ({}))",
            terms.join(" "),
            places.join(" OR ")
        )
        .expect("a text takes all that is written to it");
        Self(expression)
    }
}

impl Transaction<'_> {
    /// The newest messages that match and whose events have smaller numbers, newest first.
    pub(in crate::storage) fn search(
        &self,
        wanted: &Match,
        before: u64,
        max: usize,
    ) -> Result<Vec<FoundRow>, DatabaseError> {
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        self.rows(SEARCH, (&wanted.0, integer(before), max), |row| {
            Ok(FoundRow {
                message: message_row(row)?,
                event: number(row, 9)?,
                room_name: text(row, 10)?,
                room_key: text(row, 11)?,
                marked: text(row, 12)?,
            })
        })
    }

    /// Has a new message found by its words.
    pub(in crate::storage) fn index(
        &self,
        event: i64,
        body: &str,
        room: i64,
        is_public: bool,
    ) -> Result<(), DatabaseError> {
        let place = if is_public {
            format!("{PUBLIC} {room}")
        } else {
            room.to_string()
        };
        self.execute(INDEX, (event, body, place))
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// The word that stands beside a public room's number; the view `searchable` has it too.
const PUBLIC: &str = "public";

const INDEX: &str = "INSERT INTO message_words (rowid, body, place) VALUES (?1, ?2, ?3)";
// From the index to the messages, never the other way round.
const SEARCH: &str =
    "SELECT messages.seq, messages.at, sender, messages.body, messages.key, reply_to,
            edited_at, deleted, reactions, event, rooms.name, rooms.key,
            highlight(message_words, 0, char(2), char(3))
     FROM message_words CROSS JOIN messages ON event = message_words.rowid
                        CROSS JOIN rooms ON rooms.id = room
     WHERE message_words MATCH ?1 AND message_words.rowid < ?2 AND removed_at IS NULL
           AND messages.seq > erased
     ORDER BY message_words.rowid DESC LIMIT ?3";
