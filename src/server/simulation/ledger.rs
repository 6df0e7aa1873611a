//! What the log has said is durable: all that anybody is shown must agree with it.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::chat::log::{
    Change, ChangeKind, Committed, Fact, LogError, Purpose, Read, Recorded, RoomFact, RoomRecord,
    Span,
};
use crate::chat::{Content, Message, MessageKey, Reactions, Said, Timestamp};
use crate::storage::Reader;

/// A promise that was broken, and how.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Violation(pub(super) String);

pub(super) type Checked<T = ()> = Result<T, Violation>;

/// Fails with a story unless a promise was kept.
macro_rules! ensure {
    ($kept:expr, $($story:tt)*) => {
        if !$kept {
            return Err($crate::server::simulation::ledger::Violation(format!($($story)*)));
        }
    };
}
pub(super) use ensure;

/// All that is durable.
#[derive(Debug)]
pub(super) struct Ledger {
    rooms: BTreeMap<String, Past>,
    /// Where each text was said. No two are the same in a run.
    said: BTreeMap<String, (String, u64)>,
}

/// What happened in a room.
#[derive(Debug, Default)]
struct Past {
    messages: Vec<Message>,
    changes: Vec<Change>,
    /// By the sender's name and the key.
    keys: BTreeMap<(String, String), u64>,
}

impl Ledger {
    /// As a new log has it.
    pub(super) fn new() -> Self {
        Self {
            rooms: BTreeMap::from([("lobby".to_owned(), Past::default())]),
            said: BTreeMap::new(),
        }
    }

    /// Takes note of what the log says, which must follow from all that it said before.
    pub(super) fn record(&mut self, committed: &Committed) -> Checked {
        let append = &committed.append;
        let Some(room) = append.fact.room() else {
            // Nobody in a run has an account.
            return Err(Violation(format!("{:?} was recorded", append.fact)));
        };
        let room = room.as_str();
        let known = self.rooms.get_mut(room);
        let recorded = match committed.outcome.clone() {
            Ok(recorded) => recorded,
            Err(LogError::NoSuchRoom) => {
                ensure!(known.is_none(), "the log does not know {room}");
                return Ok(());
            }
            Err(_) => return Ok(()),
        };
        match (&append.fact, recorded, known) {
            (Fact::RoomCreated { .. }, Recorded::RoomCreated, None) => {
                self.rooms.insert(room.to_owned(), Past::default());
            }
            (Fact::RoomCreated { .. }, Recorded::RoomExisted, Some(_)) => {}
            (
                Fact::MessagePosted {
                    from,
                    body,
                    key,
                    reply_to,
                    ..
                },
                recorded,
                Some(past),
            ) => {
                let message = Message {
                    seq: past.newest() + 1,
                    at: append.at,
                    from: from.clone(),
                    content: Content::Said(Said {
                        body: body.clone(),
                        key: key.clone(),
                        reply_to: *reply_to,
                        edited_at: None,
                        reactions: Reactions::default(),
                    }),
                };
                if past.post(message, recorded, room)? {
                    let place = (room.to_owned(), past.newest());
                    self.said.insert(body.as_str().to_owned(), place);
                }
            }
            (Fact::TopicChanged { topic, by, .. }, Recorded::TopicSet { rev }, Some(past)) => {
                let due = past.newest_rev() + 1;
                ensure!(rev == due, "change {rev} of {room} follows {}", due - 1);
                past.changes.push(Change {
                    rev,
                    kind: ChangeKind::Topic(topic.clone()),
                    by: by.clone(),
                });
            }
            (
                Fact::Room {
                    fact: RoomFact::Removed { .. },
                    ..
                },
                Recorded::Noted,
                Some(_),
            ) => {
                self.rooms.remove(room);
            }
            (Fact::Room { .. }, Recorded::Noted, Some(_)) => {}
            (fact, recorded, _) => ensure!(false, "the log made {recorded:?} of {fact:?}"),
        }
        Ok(())
    }

    /// Compares it to what a log holds that was opened anew.
    pub(super) fn compare(&self, records: &[RoomRecord], reader: &mut Reader) -> Checked {
        let names: Vec<&str> = records.iter().map(|record| record.name.as_str()).collect();
        ensure!(
            names.len() == self.rooms.len() && names.iter().all(|it| self.rooms.contains_key(*it)),
            "rooms were {:?} and are {names:?}",
            self.rooms.keys()
        );
        for record in records {
            let name = record.name.as_str();
            let past = &self.rooms[name];
            let done = reader.read(Read {
                purpose: Purpose::Recent,
                room: record.name.clone(),
                span: Span::Newest,
                max_messages: usize::MAX,
                max_weight: usize::MAX,
                max_changes: usize::MAX,
            });
            let page = done.outcome.map_err(|error| {
                Violation(format!("the past of {name} cannot be read: {error:?}"))
            })?;
            ensure!(
                page.messages == past.messages && record.seq == past.newest(),
                "{name} had messages up to {} and has {:?}",
                past.newest(),
                page.messages.last()
            );
            ensure!(
                page.changes == past.changes && record.rev == past.newest_rev(),
                "{name} had changes up to {} and has {:?}",
                past.newest_rev(),
                page.changes.last()
            );
            ensure!(
                record.topic.as_str() == past.topic(past.newest_rev()),
                "{name} has lost its topic"
            );
        }
        Ok(())
    }

    /// Checks a message as somebody was shown it; its number.
    pub(super) fn check_message(&self, room: &str, shown: &Value) -> Checked<u64> {
        let seq = shown["seq"].as_u64().unwrap_or(0);
        let Some(message) = self.message(room, seq) else {
            return Err(Violation(format!(
                "{room} shows what is not durable: {shown}"
            )));
        };
        let is_same = shown["from"] == message.from.as_str()
            && shown["at"] == rfc3339(message.at)
            && message.said().is_some_and(|said| {
                shown["body"] == said.body.as_str()
                    && shown.get("key").and_then(Value::as_str)
                        == said.key.as_ref().map(MessageKey::as_str)
                    && shown.get("reply_to").and_then(Value::as_u64) == said.reply_to
            });
        ensure!(is_same, "{room} has {message:?} and shows {shown}");
        Ok(seq)
    }

    /// Checks a change as somebody was shown it; its number.
    pub(super) fn check_change(&self, room: &str, shown: &Value) -> Checked<u64> {
        let rev = shown["rev"].as_u64().unwrap_or(0);
        let change = place(rev).and_then(|nth| self.rooms.get(room)?.changes.get(nth));
        let Some(change) = change else {
            return Err(Violation(format!(
                "{room} shows what is not durable: {shown}"
            )));
        };
        let is_same = match &change.kind {
            ChangeKind::Topic(topic) => {
                shown["type"] == "topic" && shown["topic"] == topic.as_str()
            }
            // No client here changes messages.
            ChangeKind::Edited { .. } | ChangeKind::Deleted { .. } | ChangeKind::Reacted { .. } => {
                false
            }
        };
        let is_same = is_same && shown["room"] == room && shown["by"] == change.by.as_str();
        ensure!(is_same, "{room} has {change:?} and shows {shown}");
        Ok(rev)
    }

    pub(super) fn message(&self, room: &str, seq: u64) -> Option<&Message> {
        self.rooms.get(room)?.messages.get(place(seq)?)
    }

    /// Where a text was said.
    pub(super) fn place_of(&self, body: &str) -> Option<(&str, u64)> {
        let (room, seq) = self.said.get(body)?;
        Some((room, *seq))
    }

    /// Whether a message was posted under its key before.
    pub(super) fn has_key(&self, fact: &Fact) -> bool {
        let Fact::MessagePosted {
            room, from, key, ..
        } = fact
        else {
            return false;
        };
        let past = self.rooms.get(room.as_str());
        let key = key
            .as_ref()
            .map(|key| (from.key().to_owned(), key.as_str().to_owned()));
        past.zip(key)
            .is_some_and(|(past, key)| past.keys.contains_key(&key))
    }

    pub(super) fn has_room(&self, room: &str) -> bool {
        self.rooms.contains_key(room)
    }

    /// The number of a room's newest message.
    pub(super) fn newest(&self, room: &str) -> u64 {
        self.rooms.get(room).map_or(0, Past::newest)
    }

    pub(super) fn newest_rev(&self, room: &str) -> u64 {
        self.rooms.get(room).map_or(0, Past::newest_rev)
    }

    /// What a room was about after so many changes.
    pub(super) fn topic(&self, room: &str, rev: u64) -> &str {
        self.rooms.get(room).map_or("", |past| past.topic(rev))
    }
}

impl Past {
    fn newest(&self) -> u64 {
        u64::try_from(self.messages.len()).expect("fewer than 2^64")
    }

    fn newest_rev(&self) -> u64 {
        u64::try_from(self.changes.len()).expect("fewer than 2^64")
    }

    fn topic(&self, rev: u64) -> &str {
        let change = place(rev).and_then(|nth| self.changes.get(nth));
        change.map_or("", |change| match &change.kind {
            ChangeKind::Topic(topic) => topic.as_str(),
            ChangeKind::Edited { .. } | ChangeKind::Deleted { .. } | ChangeKind::Reacted { .. } => {
                ""
            }
        })
    }

    /// Takes a message if the log says that it is new.
    fn post(&mut self, message: Message, recorded: Recorded, room: &str) -> Checked<bool> {
        let key = message.said().and_then(|said| said.key.as_ref());
        let key = key.map(|key| {
            let from = message.from.key().to_owned();
            (from, key.as_str().to_owned())
        });
        let first = key.as_ref().and_then(|key| self.keys.get(key)).copied();
        match recorded {
            Recorded::Posted { seq } => {
                ensure!(
                    seq == message.seq,
                    "message {seq} of {room} follows {}",
                    message.seq - 1
                );
                ensure!(first.is_none(), "{key:?} was posted to {room} twice");
                self.keys.extend(key.map(|key| (key, seq)));
                self.messages.push(message);
                Ok(true)
            }
            Recorded::Repeated { seq, at } => {
                let at_first = place(seq).and_then(|nth| self.messages.get(nth));
                ensure!(
                    first == Some(seq) && at_first.is_some_and(|first| first.at == at),
                    "{key:?} in {room} was {first:?}, and {seq} is said to be"
                );
                Ok(false)
            }
            other => Err(Violation(format!("{other:?} was made of a message"))),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The place of the nth, counted from 1.
fn place(number: u64) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

/// The time of day in the form of the wire, on the one day on which everything happens.
fn rfc3339(at: Timestamp) -> String {
    let millis = at.0 - DAY.0;
    let (seconds, millis) = (millis / 1_000, millis % 1_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("2026-01-01T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z")
}

/// When the day of all runs begins: 2026-01-01T00:00:00Z.
pub(super) const DAY: Timestamp = Timestamp(1_767_225_600_000);
