//! What the log makes of facts, and what is there after it was closed, copied, torn and edited.

#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::mpsc;

use chinwag::chat::event::Role;
use chinwag::chat::hub::SessionId;
use chinwag::chat::log::{
    Append, ChangeKind, Context, Fact, LogError, Page, Purpose, Read, Recorded, Visibility,
};
use chinwag::chat::{
    AccountId, Body, GuestId, MessageKey, PersonId, RoomName, Seq, Timestamp, Topic, UserName,
};
use chinwag::storage::{DataDir, Delivery, Log, Reader, Storage};
use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value;

type Outcome = Result<Recorded, LogError>;

#[test]
fn new_log_has_a_lobby_that_nobody_owns() {
    let scratch = Scratch::new();
    let rooms = scratch.log().rooms().unwrap();
    let [lobby] = rooms.as_slice() else {
        panic!("{rooms:?}");
    };
    assert_eq!(lobby.name.as_str(), "lobby");
    assert_eq!(lobby.visibility, Visibility::Public);
    assert_eq!((lobby.roles.len(), lobby.seq, lobby.rev), (0, 0, 0));
}

#[test]
fn facts_are_numbered_per_room_in_the_order_of_the_batch() {
    let scratch = Scratch::new();
    let mut log = scratch.log();
    let batch = [
        post("lobby", "ada", "one"),
        create("Dev"),
        post("dev", "ada", "first in dev"),
        topic("dev", "work"),
        post("lobby", "bob", "two"),
        create("DEV"),
        post("nowhere", "ada", "lost"),
        topic("nowhere", "lost"),
        topic("dev", "more work"),
    ];
    assert_eq!(
        append(&mut log, batch),
        [
            Ok(Recorded::Posted { seq: 1 }),
            Ok(Recorded::RoomCreated),
            Ok(Recorded::Posted { seq: 1 }),
            Ok(Recorded::TopicSet { rev: 1 }),
            Ok(Recorded::Posted { seq: 2 }),
            Ok(Recorded::RoomExisted),
            Err(LogError::NoSuchRoom),
            Err(LogError::NoSuchRoom),
            Ok(Recorded::TopicSet { rev: 2 }),
        ]
    );
    let rooms = log.rooms().unwrap();
    let dev = &rooms[1];
    assert_eq!(dev.name.as_str(), "Dev");
    assert_eq!(dev.visibility, Visibility::Private);
    assert_eq!(dev.topic.as_str(), "more work");
    assert_eq!(dev.roles, [(OWNER, Role::Owner)]);
    assert_eq!((dev.seq, dev.rev), (1, 2));
    let changes = scratch.page("dev", 10).changes;
    let topics = changes.iter().map(|change| match &change.kind {
        ChangeKind::Topic(topic) => (change.rev, topic.as_str(), change.by.as_str()),
    });
    assert!(topics.eq([(1, "work", "ada"), (2, "more work", "ada")]));
    scratch.assert_projections_follow_from_events();
}

#[test]
fn repeated_key_finds_its_first_answer() {
    let scratch = Scratch::new();
    let mut log = scratch.log();
    let keyed = |room, from, at| Append {
        at: Timestamp(at),
        ..with_key(post(room, from, "x"), "k")
    };
    let first = Ok(Recorded::Posted { seq: 1 });
    let again = Ok(Recorded::Repeated {
        seq: 1,
        at: Timestamp(5),
    });
    let batch = [keyed("lobby", "ada", 5), keyed("lobby", "ADA", 6)];
    assert_eq!(append(&mut log, batch), [first, again]);
    log.close();
    let mut log = scratch.log();
    let batch = [
        keyed("lobby", "Ada", 7),
        keyed("lobby", "bob", 8),
        create("dev"),
        keyed("dev", "ada", 9),
    ];
    assert_eq!(
        append(&mut log, batch),
        [
            again,
            Ok(Recorded::Posted { seq: 2 }),
            Ok(Recorded::RoomCreated),
            first,
        ]
    );
}

#[test]
fn everything_of_a_message_comes_back() {
    let scratch = Scratch::new();
    let mut append_one = with_key(post("lobby", "Zoë 🦊", "a\n\t\"b\" \\ é\u{1f98a}"), "k:1");
    append_one.at = Timestamp(-62_135_596_800_000);
    let Fact::MessagePosted { reply_to, .. } = &mut append_one.fact else {
        panic!("it is a message");
    };
    *reply_to = Some(3);
    let mut log = scratch.log();
    append(&mut log, [append_one]);
    let page = scratch.page("lobby", 1);
    let [message] = page.messages.as_slice() else {
        panic!("{page:?}");
    };
    assert_eq!(message.seq, 1);
    assert_eq!(message.at, Timestamp(-62_135_596_800_000));
    assert_eq!(message.from.as_str(), "Zoë 🦊");
    assert_eq!(message.body.as_str(), "a\n\t\"b\" \\ é\u{1f98a}");
    assert_eq!(message.key.as_ref().unwrap().as_str(), "k:1");
    assert_eq!(message.reply_to, Some(3));
    scratch.assert_projections_follow_from_events();
}

#[test]
fn pages_hold_the_newest_messages_that_fit_oldest_first() {
    let scratch = Scratch::new();
    let mut log = scratch.log();
    append(
        &mut log,
        (1..=50).map(|_| post("lobby", "ada", "0123456789")),
    );
    let weight = scratch.page("lobby", 1).messages[0].weight();
    let mut reader = Reader::open(&scratch.dir).unwrap();
    for (before, max_messages, max_weight, expected) in [
        (None, 3, usize::MAX, vec![48, 49, 50]),
        (None, 0, usize::MAX, vec![]),
        (Some(3), 10, usize::MAX, vec![1, 2]),
        (Some(1), 10, usize::MAX, vec![]),
        (Some(0), 10, usize::MAX, vec![]),
        (Some(10), 1, usize::MAX, vec![9]),
        (Some(u64::MAX), 1, usize::MAX, vec![50]),
        (None, 10, 2 * weight, vec![49, 50]),
        (None, 10, 2 * weight - 1, vec![50]),
        (None, 10, 0, vec![50]),
    ] {
        let read = Read {
            before,
            max_weight,
            ..recent("LOBBY", max_messages)
        };
        let page = reader.read(read.clone()).outcome.unwrap();
        assert_eq!(seqs(&page), expected, "{read:?}");
    }
    let done = reader.read(recent("nowhere", 10));
    assert_eq!(done.outcome, Err(LogError::NoSuchRoom));
}

#[test]
fn reader_sees_what_was_committed_a_moment_ago() {
    let scratch = Scratch::new();
    let mut log = scratch.log();
    let mut reader = Reader::open(&scratch.dir).unwrap();
    for seq in 1..=20 {
        append(&mut log, [post("lobby", "ada", "x")]);
        let page = reader.read(recent("lobby", 1)).outcome.unwrap();
        assert_eq!(seqs(&page), [seq]);
    }
}

#[test]
fn rows_edited_by_hand_are_replaced_by_something_visible() {
    let scratch = Scratch::new();
    let mut log = scratch.log();
    let messages = (1..=3).map(|_| post("lobby", "ada", "x"));
    append(&mut log, messages.chain([create("gone"), create("Kept")]));
    append(
        &mut log,
        [
            topic("lobby", "a"),
            topic("lobby", "b"),
            topic("lobby", "c"),
        ],
    );
    log.close();
    scratch.edit(
        "UPDATE messages SET sender = '', body = x'00ff' || '', key = '' WHERE seq = 2;
         UPDATE rooms SET name = 'a b', key = 'c d' WHERE key = 'gone';
         UPDATE rooms SET name = 'Lobby!', topic = 'a' || char(10) WHERE key = 'lobby';
         UPDATE rooms SET name = 'other' WHERE key = 'kept';
         UPDATE events SET payload = '{' WHERE id = (SELECT event FROM changes WHERE rev = 2);",
    );
    let mut log = scratch.log();
    let rooms = log.rooms().unwrap();
    let names: Vec<_> = rooms.iter().map(|room| room.name.as_str()).collect();
    assert_eq!(names, ["lobby", "kept"]);
    assert_eq!(rooms[0].topic.as_str(), "");
    let page = scratch.page("lobby", 10);
    assert_eq!(seqs(&page), [1, 2, 3]);
    assert_eq!(page.messages[1].from.as_str(), "unreadable");
    assert_eq!(page.messages[1].body.as_str(), "unreadable");
    assert_eq!(page.messages[1].key, None);
    let revs: Vec<_> = page.changes.iter().map(|change| change.rev).collect();
    assert_eq!(revs, [3]);
    let outcome = append(&mut log, [post("lobby", "ada", "x")]);
    assert_eq!(outcome, [Ok(Recorded::Posted { seq: 4 })]);
}

#[test]
fn torn_tail_of_the_write_ahead_log_costs_the_unfinished_batch_only() {
    let scratch = Scratch::new();
    let mut log = scratch.log();
    let mut committed_len = 0;
    for batch_number in 1..=12 {
        append(&mut log, (0..3).map(|_| post("lobby", "ada", "x")));
        let wal_len = fs::metadata(scratch.path("chinwag.db-wal")).unwrap().len();
        assert!(wal_len > committed_len);
        let tail_len = wal_len - committed_len;
        for cut in [0, 1, 23, 24, tail_len / 2, tail_len - 1] {
            let copy = scratch.copy();
            let wal = File::options()
                .write(true)
                .open(copy.path("chinwag.db-wal"))
                .unwrap();
            wal.set_len(committed_len + cut).unwrap();
            copy.assert_holds(3 * (batch_number - 1));
        }
        for flipped in [8, 24 + 100, tail_len / 2, tail_len - 1] {
            let copy = scratch.copy();
            let mut bytes = fs::read(copy.path("chinwag.db-wal")).unwrap();
            bytes[usize::try_from(committed_len + flipped).unwrap()] ^= 0x40;
            fs::write(copy.path("chinwag.db-wal"), bytes).unwrap();
            copy.assert_holds(3 * (batch_number - 1));
        }
        scratch.copy().assert_holds(3 * batch_number);
        committed_len = wal_len;
    }
}

#[test]
fn copies_across_checkpoints_hold_all_that_was_committed() {
    let scratch = Scratch::new();
    let mut log = scratch.log();
    let body = "x".repeat(2_000);
    let mut is_in_database = false;
    for batch_number in 1..=120 {
        append(&mut log, (0..10).map(|_| post("lobby", "ada", &body)));
        let database_len = fs::metadata(scratch.path("chinwag.db")).unwrap().len();
        is_in_database |= database_len > 1024 * 1024;
        if batch_number % 20 == 0 {
            scratch.copy().assert_holds(10 * batch_number);
        }
    }
    assert!(is_in_database, "a checkpoint happened");
    let wal_len = fs::metadata(scratch.path("chinwag.db-wal")).unwrap().len();
    assert!(wal_len < 16 * 1024 * 1024, "{wal_len}");
}

#[test]
fn stopping_commits_what_waits_and_leaves_one_file() {
    let scratch = Scratch::new();
    let reader_and_log = (scratch.log(), Reader::open(&scratch.dir).unwrap());
    let (deliver, delivered) = mpsc::channel();
    let storage = Storage::start(reader_and_log.0, reader_and_log.1, move |delivery| {
        deliver.send(delivery).unwrap();
    })
    .unwrap();
    let handle = storage.handle();
    for _ in 0..1_000 {
        handle.try_append(post("lobby", "ada", "x")).unwrap();
        handle.try_read(recent("lobby", 1)).unwrap();
    }
    storage.stop();
    let (mut committed, mut answered) = (0, 0);
    for delivery in delivered {
        match delivery {
            Delivery::Committed { batch, .. } => {
                for done in batch {
                    committed += 1;
                    assert_eq!(done.outcome, Ok(Recorded::Posted { seq: committed }));
                }
            }
            Delivery::Read(done) => answered += usize::from(done.outcome.is_ok()),
        }
    }
    assert_eq!((committed, answered), (1_000, 1_000));
    assert!(!scratch.path("chinwag.db-wal").exists());
    // Handles outlive the threads, and give back what they are given.
    assert!(handle.try_append(post("lobby", "ada", "x")).is_err());
    assert!(handle.try_read(recent("lobby", 1)).is_err());
    scratch.copy().assert_holds(1_000);
}

#[test]
fn full_queues_give_back_what_they_are_given() {
    let scratch = Scratch::new();
    let (log, reader) = (scratch.log(), Reader::open(&scratch.dir).unwrap());
    // Nobody takes the deliveries, so that both threads come to stand at their second one.
    let (deliver, delivered) = mpsc::sync_channel(0);
    let storage = Storage::start(log, reader, move |delivery| {
        // Nobody listens at the end.
        let _ = deliver.send(delivery);
    })
    .unwrap();
    let handle = storage.handle();
    let (append, read) = (post("lobby", "ada", "x"), recent("lobby", 1));
    let appended = (0..10_000).find_map(|_| handle.try_append(append.clone()).err());
    assert_eq!(appended, Some(append));
    let asked = (0..10_000).find_map(|_| handle.try_read(read.clone()).err());
    assert_eq!(asked, Some(read));
    drop(delivered);
    storage.stop();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() })]

    #[test]
    fn log_does_what_the_model_does(
        batches in prop::collection::vec(prop::collection::vec(any_append(), 1..20), 1..10),
        reopened_after in prop::collection::vec(any::<bool>(), 10),
    ) {
        let scratch = Scratch::new();
        let mut log = scratch.log();
        let mut model = Model::new();
        for (batch, is_reopened) in batches.into_iter().zip(reopened_after) {
            let expected: Vec<Outcome> = batch.iter().map(|append| model.record(append)).collect();
            prop_assert_eq!(append(&mut log, batch), expected);
            if is_reopened {
                drop(log);
                log = scratch.log();
            }
        }
        for room in log.rooms().unwrap() {
            let page = scratch.page(room.name.as_str(), usize::MAX);
            let (count, rev) = model.counters(&room.name);
            prop_assert_eq!((room.seq, room.rev), (count, rev));
            prop_assert!(seqs(&page).into_iter().eq(1..=count));
            prop_assert!(page.changes.iter().map(|change| change.rev).eq(1..=rev));
        }
        scratch.assert_projections_follow_from_events();
    }
}

/// The log in its simplest form.
struct Model {
    rooms: BTreeMap<RoomName, ModelRoom>,
}

#[derive(Default)]
struct ModelRoom {
    seq: u64,
    rev: u64,
    keys: BTreeMap<(UserName, String), (Seq, Timestamp)>,
}

impl Model {
    fn new() -> Self {
        let lobby = (RoomName::lobby(), ModelRoom::default());
        Self {
            rooms: BTreeMap::from([lobby]),
        }
    }

    fn record(&mut self, append: &Append) -> Outcome {
        let name = append.fact.room().expect("these facts are about rooms");
        let room = self.rooms.get_mut(name);
        match (&append.fact, room) {
            (Fact::RoomCreated { .. }, Some(_)) => Ok(Recorded::RoomExisted),
            (Fact::RoomCreated { .. }, None) => {
                self.rooms.insert(name.clone(), ModelRoom::default());
                Ok(Recorded::RoomCreated)
            }
            (_, None) => Err(LogError::NoSuchRoom),
            (Fact::Account(_), Some(_)) => unreachable!("these facts are about rooms"),
            (Fact::TopicChanged { .. }, Some(room)) => {
                room.rev += 1;
                Ok(Recorded::TopicSet { rev: room.rev })
            }
            (Fact::MessagePosted { from, key, .. }, Some(room)) => {
                let key = key
                    .as_ref()
                    .map(|key| (from.clone(), key.as_str().to_owned()));
                if let Some(&(seq, at)) = key.as_ref().and_then(|key| room.keys.get(key)) {
                    return Ok(Recorded::Repeated { seq, at });
                }
                room.seq += 1;
                room.keys
                    .extend(key.map(|key| (key, (room.seq, append.at))));
                Ok(Recorded::Posted { seq: room.seq })
            }
        }
    }

    fn counters(&self, name: &RoomName) -> (u64, u64) {
        let room = &self.rooms[name];
        (room.seq, room.rev)
    }
}

fn any_append() -> impl Strategy<Value = Append> {
    let room = prop::sample::select(vec!["lobby", "Lobby", "dev", "DEV", "straße", "STRASSE"]);
    let user = prop::sample::select(vec!["ada", "Ada", "bob", "eve"]);
    let key = prop::option::weighted(0.5, prop::sample::select(vec!["1", "2", "3"]));
    (0..10, room, user, key, 0..1_000_i64).prop_map(|(kind, room, user, key, at)| {
        let append = match (kind, key) {
            (0, _) => create(room),
            (1 | 2, _) => topic(room, user),
            (_, None) => post(room, user, "text"),
            (_, Some(key)) => with_key(post(room, user, "text"), key),
        };
        Append {
            at: Timestamp(at),
            ..append
        }
    })
}

/// A data directory that goes away with its test.
struct Scratch {
    dir: DataDir,
    temporary: tempfile::TempDir,
}

impl Scratch {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        Self {
            dir: DataDir::open(temporary.path()).unwrap(),
            temporary,
        }
    }

    fn log(&self) -> Log {
        Log::open(&self.dir).unwrap()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.temporary.path().join(name)
    }

    fn page(&self, room: &str, max: usize) -> Page {
        let mut reader = Reader::open(&self.dir).unwrap();
        reader.read(recent(room, max)).outcome.unwrap()
    }

    fn edit(&self, sql: &str) {
        let connection = Connection::open(self.path("chinwag.db")).unwrap();
        connection.execute_batch(sql).unwrap();
    }

    /// The files as they are now: what a crash would leave.
    fn copy(&self) -> Self {
        let copy = Self::new();
        for name in ["chinwag.db", "chinwag.db-wal"] {
            if self.path(name).exists() {
                fs::copy(self.path(name), copy.path(name)).unwrap();
            }
        }
        copy
    }

    /// Opens the log, which has so many messages in `lobby`, and nothing else or half.
    fn assert_holds(&self, message_count: u64) {
        let mut log = self.log();
        assert_eq!(log.rooms().unwrap()[0].seq, message_count);
        let page = self.page("lobby", usize::MAX);
        assert!(seqs(&page).into_iter().eq(1..=message_count));
        self.assert_projections_follow_from_events();
        let posted = append(&mut log, [post("lobby", "ada", "x")]);
        let seq = message_count + 1;
        assert_eq!(posted, [Ok(Recorded::Posted { seq })]);
    }

    /// Records all events again, in another place: the tables come out the same.
    fn assert_projections_follow_from_events(&self) {
        let again = Self::new();
        let mut log = again.log();
        let path = self.path("chinwag.db");
        append(&mut log, facts_of_events(&path));
        let path_again = again.path("chinwag.db");
        for table in ["events", "rooms", "roles", "messages", "changes"] {
            assert_eq!(dump(&path, table), dump(&path_again, table), "{table}");
        }
    }
}

/// Reads the log as the tables of the schema document it, but for the first event: the lobby.
fn facts_of_events(path: &Path) -> Vec<Append> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT events.at, kind, payload, rooms.key FROM events JOIN rooms ON rooms.id = room
             WHERE events.id > 1 ORDER BY events.id",
        )
        .unwrap();
    let rows = statement.query_map((), |row| {
        let (at, kind, payload, room): (i64, String, String, String) = row.try_into()?;
        let payload: serde_json::Value = serde_json::from_str(&payload).unwrap();
        let text = |name: &str| payload[name].as_str().unwrap();
        let person = |name: &str| match text(name) {
            guest if guest.len() == 32 => {
                PersonId::Guest(GuestId(u128::from_str_radix(guest, 16).unwrap()))
            }
            account => PersonId::Account(AccountId(account.parse().unwrap())),
        };
        let append = match kind.as_str() {
            "room_created" => {
                let Fact::RoomCreated { by, join, .. } = create("x").fact else {
                    panic!("it is a room");
                };
                Append {
                    at: Timestamp(at),
                    fact: Fact::RoomCreated {
                        room: RoomName::parse(text("name")).unwrap(),
                        visibility: match text("visibility") {
                            "public" => Visibility::Public,
                            _ => Visibility::Private,
                        },
                        topic: Topic::parse(text("topic")).unwrap(),
                        by,
                        owner: person("owner"),
                        join,
                    },
                    ..create("x")
                }
            }
            "message_posted" => Append {
                at: Timestamp(at),
                fact: Fact::MessagePosted {
                    room: RoomName::parse(&room).unwrap(),
                    from: UserName::parse(text("from")).unwrap(),
                    person: person("person"),
                    body: Body::parse(text("body")).unwrap(),
                    key: payload["key"]
                        .as_str()
                        .map(|key| MessageKey::parse(key).unwrap()),
                    reply_to: payload["reply_to"].as_u64(),
                },
                ..create("x")
            },
            "topic_changed" => Append {
                at: Timestamp(at),
                ..topic(&room, text("topic"))
            },
            _ => panic!("{kind} is no kind of event"),
        };
        Ok(append)
    });
    rows.unwrap().map(Result::unwrap).collect()
}

fn dump(path: &Path, table: &str) -> Vec<Vec<Value>> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2"))
        .unwrap();
    let column_count = statement.column_count();
    let rows = statement.query_map((), |row| (0..column_count).map(|i| row.get(i)).collect());
    rows.unwrap().map(Result::unwrap).collect()
}

fn append(log: &mut Log, batch: impl IntoIterator<Item = Append>) -> Vec<Outcome> {
    let batch: Vec<Append> = batch.into_iter().collect();
    let committed = log.append(batch.clone());
    assert!(committed.iter().map(|done| &done.append).eq(&batch));
    committed.into_iter().map(|done| done.outcome).collect()
}

fn seqs(page: &Page) -> Vec<Seq> {
    page.messages.iter().map(|message| message.seq).collect()
}

fn recent(room: &str, max: usize) -> Read {
    Read {
        purpose: Purpose::Recent,
        room: RoomName::parse(room).unwrap(),
        before: None,
        max_messages: max,
        max_weight: usize::MAX,
        max_changes: max,
    }
}

fn post(room: &str, from: &str, body: &str) -> Append {
    decided(Fact::MessagePosted {
        room: RoomName::parse(room).unwrap(),
        from: UserName::parse(from).unwrap(),
        person: PersonId::Guest(GuestId(u128::MAX - 1)),
        body: Body::parse(body).unwrap(),
        key: None,
        reply_to: None,
    })
}

fn with_key(mut append: Append, text: &str) -> Append {
    if let Fact::MessagePosted { key, .. } = &mut append.fact {
        *key = Some(MessageKey::parse(text).unwrap());
    }
    append
}

fn create(room: &str) -> Append {
    decided(Fact::RoomCreated {
        room: RoomName::parse(room).unwrap(),
        visibility: Visibility::Private,
        topic: Topic::default(),
        by: UserName::parse("ada").unwrap(),
        owner: OWNER,
        join: false,
    })
}

fn topic(room: &str, text: &str) -> Append {
    decided(Fact::TopicChanged {
        room: RoomName::parse(room).unwrap(),
        topic: Topic::parse(text).unwrap(),
        by: UserName::parse("ada").unwrap(),
    })
}

fn decided(fact: Fact) -> Append {
    let session = SessionId {
        worker: 1,
        connection: 2,
    };
    Append {
        context: Context { session, re: None },
        at: Timestamp(1_000),
        fact,
    }
}

const OWNER: PersonId = PersonId::Guest(GuestId(1));
