//! A log in a directory of its own, and what it is told and asked.
#![expect(dead_code, reason = "each test program uses a part of it")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

use std::path::PathBuf;

use chinwag::chat::hub::SessionId;
use chinwag::chat::log::{
    Append, Context, Fact, LogError, Page, Purpose, Read, Recorded, RoomFact, Span,
};
use chinwag::chat::order::AuditEntry;
use chinwag::chat::search::{Query, Scope, Search};
use chinwag::chat::{Body, Emoji, Party, PersonId, RoomName, Seq, Timestamp, UserName};
use chinwag::storage::{DataDir, Log, Reader};
use rusqlite::Connection;
use tempfile::TempDir;

/// A data directory that goes away with its test.
pub(crate) struct Data {
    temporary: TempDir,
    dir: DataDir,
}

impl Data {
    pub(crate) fn new() -> Self {
        let temporary = TempDir::new().unwrap();
        let dir = DataDir::open(temporary.path()).unwrap();
        Self { temporary, dir }
    }

    /// With a database that those statements make.
    pub(crate) fn of(sql: &str) -> Self {
        let data = Self::new();
        data.database().execute_batch(sql).unwrap();
        data
    }

    pub(crate) fn log(&self) -> Log {
        Log::open(&self.dir).unwrap()
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::open(&self.dir).unwrap()
    }

    /// The database, seen past the log.
    pub(crate) fn database(&self) -> Connection {
        Connection::open(self.path("chinwag.db")).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.temporary.path().join(name)
    }

    /// The index has all words of the texts, and no others.
    pub(crate) fn check_index(&self) {
        let check = "INSERT INTO message_words (message_words, rank) VALUES ('integrity-check', 1)";
        self.database().execute_batch(check).unwrap();
    }

    /// Whether a text is in any of the files.
    pub(crate) fn has_text(&self, text: &str) -> bool {
        let mut files = std::fs::read_dir(self.temporary.path()).unwrap();
        files.any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(text.len()).any(|it| it == text.as_bytes())
        })
    }

    /// A page of a room with all that fits.
    pub(crate) fn page(&self, room: &str, span: Span) -> Page {
        let read = Read {
            purpose: Purpose::Recent,
            room: self::room(room),
            span,
            max_messages: 10_000,
            max_weight: usize::MAX,
            max_changes: 10_000,
        };
        self.reader().read(read).outcome.unwrap()
    }

    /// What was done to keep order, in a room or on the whole server.
    pub(crate) fn audit(
        &self,
        in_room: Option<&str>,
        before: Option<u64>,
        max: usize,
    ) -> Vec<AuditEntry> {
        let purpose = match in_room {
            Some(_) => Purpose::Audit(nobody()),
            None => Purpose::ServerAudit(nobody()),
        };
        let read = Read {
            purpose,
            room: room(in_room.unwrap_or("lobby")),
            span: before.map_or(Span::Newest, Span::Before),
            max_messages: max,
            max_weight: 0,
            max_changes: 0,
        };
        self.reader().read(read).outcome.unwrap().audit
    }

    /// The bodies that have those words, in public rooms and in these.
    pub(crate) fn found(&self, words: &str, private: &[RoomName]) -> Vec<String> {
        let search = Search {
            context: nobody(),
            query: Query::parse(words).unwrap(),
            scope: Scope::Readable {
                private: private.to_vec(),
            },
            before: None,
            max_messages: 50,
            max_weight: usize::MAX,
        };
        let found = self.reader().search(search).outcome.unwrap();
        let bodies = found.messages.iter();
        bodies
            .map(|it| it.message.said().unwrap().body.as_str().to_owned())
            .collect()
    }
}

/// What becomes of a fact that was decided then.
pub(crate) fn record(log: &mut Log, at: i64, fact: Fact) -> Result<Recorded, LogError> {
    log.append(vec![decided(at, fact)]).remove(0).outcome
}

/// A decision that nobody asked for.
pub(crate) fn decided(at: i64, fact: Fact) -> Append {
    Append {
        context: nobody(),
        at: Timestamp(at),
        fact,
    }
}

pub(crate) fn nobody() -> Context {
    Context {
        session: SessionId::operator(0),
        from: None,
        re: None,
    }
}

pub(crate) fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

pub(crate) fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

pub(crate) fn party(person: PersonId, name: &str) -> Party {
    let name = user(name);
    Party { person, name }
}

pub(crate) fn in_room(name: &str, fact: RoomFact) -> Fact {
    let room = room(name);
    Fact::Room { room, fact }
}

pub(crate) fn posted(name: &str, from: &Party, body: &str) -> Fact {
    Fact::MessagePosted {
        room: room(name),
        from: from.name.clone(),
        person: from.person,
        body: Body::parse(body).unwrap(),
        key: None,
        reply_to: None,
    }
}

pub(crate) fn edited(name: &str, by: &Party, seq: Seq, body: &str) -> Fact {
    Fact::MessageEdited {
        room: room(name),
        seq,
        body: Body::parse(body).unwrap(),
        by: by.name.clone(),
        person: by.person,
    }
}

pub(crate) fn reacted(name: &str, from: &Party, seq: Seq, emoji: &str) -> Fact {
    Fact::Reacted {
        room: room(name),
        seq,
        emoji: Emoji::parse(emoji).unwrap(),
        on: true,
        from: from.name.clone(),
        person: from.person,
    }
}
