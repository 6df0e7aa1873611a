//! What the log makes of facts, and what is there after it was closed, copied, torn and edited.

#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod storage_support;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::mpsc;

use chinwag::chat::event::Role;
use chinwag::chat::log::{
    Append, Change, ChangeKind, Fact, LogError, Page, Purpose, Read, Recorded, Span, Visibility,
};
use chinwag::chat::{
    AccountId, Body, Content, Emoji, GuestId, Message, MessageKey, Party, PersonId, RoomName, Said,
    Seq, Timestamp, Topic, UserName,
};
use chinwag::storage::{Delivery, Log, Storage};
use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value;
use storage_support::{Data, edited, party, posted};

type Outcome = Result<Recorded, LogError>;

#[test]
fn new_log_has_a_lobby_that_nobody_owns() {
    let scratch = Data::new();
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
    let scratch = Data::new();
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
    let changes = scratch.newest("dev", 10).changes;
    let topics = changes.iter().map(|change| match &change.kind {
        ChangeKind::Topic(topic) => (change.rev, topic.as_str(), change.by.as_str()),
        other => panic!("{other:?}"),
    });
    assert!(topics.eq([(1, "work", "ada"), (2, "more work", "ada")]));
    scratch.assert_projections_follow_from_events();
}

#[test]
fn repeated_key_finds_its_first_answer() {
    let scratch = Data::new();
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
    assert_eq!(append(&mut log, batch), [first.clone(), again.clone()]);
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
    let scratch = Data::new();
    let mut append_one = with_key(post("lobby", "Zoë 🦊", "a\n\t\"b\" \\ é\u{1f98a}"), "k:1");
    append_one.at = Timestamp(-62_135_596_800_000);
    let Fact::MessagePosted { reply_to, .. } = &mut append_one.fact else {
        panic!("it is a message");
    };
    *reply_to = Some(3);
    let mut log = scratch.log();
    append(&mut log, [append_one]);
    let page = scratch.newest("lobby", 1);
    let [message] = page.messages.as_slice() else {
        panic!("{page:?}");
    };
    assert_eq!(message.seq, 1);
    assert_eq!(message.at, Timestamp(-62_135_596_800_000));
    assert_eq!(message.from.as_str(), "Zoë 🦊");
    let said = message.said().unwrap();
    assert_eq!(said.body.as_str(), "a\n\t\"b\" \\ é\u{1f98a}");
    assert_eq!(said.key.as_ref().unwrap().as_str(), "k:1");
    assert_eq!(said.reply_to, Some(3));
    assert_eq!(said.edited_at, None);
    scratch.assert_projections_follow_from_events();
}

#[test]
fn pages_hold_the_newest_messages_that_fit_oldest_first() {
    let scratch = Data::new();
    let mut log = scratch.log();
    append(
        &mut log,
        (1..=50).map(|_| post("lobby", "ada", "0123456789")),
    );
    let weight = scratch.newest("lobby", 1).messages[0].weight();
    let mut reader = scratch.reader();
    let all = usize::MAX;
    for (span, max_messages, max_weight, expected) in [
        (Span::Newest, 3, all, vec![48, 49, 50]),
        (Span::Newest, 0, all, vec![]),
        (Span::Before(3), 10, all, vec![1, 2]),
        (Span::Before(1), 10, all, vec![]),
        (Span::Before(0), 10, all, vec![]),
        (Span::Before(10), 1, all, vec![9]),
        (Span::Before(u64::MAX), 1, all, vec![50]),
        (Span::Newest, 10, 2 * weight, vec![49, 50]),
        (Span::Newest, 10, 2 * weight - 1, vec![50]),
        (Span::Newest, 10, 0, vec![50]),
        (Span::After(0), 3, all, vec![1, 2, 3]),
        (Span::After(48), 3, all, vec![49, 50]),
        (Span::After(50), 3, all, vec![]),
        (Span::After(u64::MAX), 3, all, vec![]),
        (Span::After(7), 0, all, vec![]),
        (Span::After(7), 9, 2 * weight, vec![8, 9]),
        (Span::After(7), 9, 0, vec![8]),
        (Span::Around(20), 5, all, vec![18, 19, 20, 21, 22]),
        (Span::Around(20), 4, all, vec![18, 19, 20, 21]),
        (Span::Around(20), 1, all, vec![20]),
        (Span::Around(1), 5, all, vec![1, 2, 3]),
        (Span::Around(50), 5, all, vec![48, 49, 50]),
        (Span::Around(20), 9, 4 * weight, vec![18, 19, 20, 21]),
        (Span::Around(20), 9, 0, vec![19, 20]),
    ] {
        let read = Read {
            span,
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
    let scratch = Data::new();
    let mut log = scratch.log();
    let mut reader = scratch.reader();
    for seq in 1..=20 {
        append(&mut log, [post("lobby", "ada", "x")]);
        let page = reader.read(recent("lobby", 1)).outcome.unwrap();
        assert_eq!(seqs(&page), [seq]);
    }
}

#[test]
fn rows_edited_by_hand_are_replaced_by_something_visible() {
    let scratch = Data::new();
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
        "UPDATE messages SET sender = '', body = x'00ff' || '', key = '',
                reactions = '[1' WHERE seq = 2;
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
    let page = scratch.newest("lobby", 10);
    assert_eq!(seqs(&page), [1, 2, 3]);
    assert_eq!(page.messages[1].from.as_str(), "unreadable");
    let said = page.messages[1].said().unwrap();
    assert_eq!(said.body.as_str(), "unreadable");
    assert_eq!(said.key, None);
    assert_eq!(said.reactions.as_slice(), []);
    let revs: Vec<_> = page.changes.iter().map(|change| change.rev).collect();
    assert_eq!(revs, [3]);
    let outcome = append(&mut log, [post("lobby", "ada", "x")]);
    assert_eq!(outcome, [Ok(Recorded::Posted { seq: 4 })]);
}

#[test]
fn torn_tail_of_the_write_ahead_log_costs_the_unfinished_batch_only() {
    let scratch = Data::new();
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
    let scratch = Data::new();
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
    let scratch = Data::new();
    let reader_and_log = (scratch.log(), scratch.reader());
    let (deliver, delivered) = mpsc::channel();
    let storage = Storage::start(reader_and_log.0, reader_and_log.1, move |delivery| {
        deliver.send(delivery).unwrap();
    })
    .unwrap();
    let handle = storage.handle();
    for _ in 0..1_000 {
        handle.try_append(vec![post("lobby", "ada", "x")]).unwrap();
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
            Delivery::Searched(done) => panic!("{done:?} was not asked"),
        }
    }
    assert_eq!((committed, answered), (1_000, 1_000));
    assert!(!scratch.path("chinwag.db-wal").exists());
    // Handles outlive the threads, and give back what they are given.
    assert!(handle.try_append(vec![post("lobby", "ada", "x")]).is_err());
    assert!(handle.try_read(recent("lobby", 1)).is_err());
    scratch.copy().assert_holds(1_000);
}

#[test]
fn transaction_is_bounded_however_much_comes_at_once() {
    // By how many they are, and by how long.
    for (body, counts) in [
        ("x".to_owned(), [1_024, 1_024, 452].as_slice()),
        ("🦀".repeat(8_000), &[132, 132, 132, 4]),
    ] {
        let scratch = Data::new();
        let (log, reader) = (scratch.log(), scratch.reader());
        let (deliver, delivered) = mpsc::channel();
        let storage = Storage::start(log, reader, move |delivery| {
            deliver.send(delivery).unwrap();
        })
        .unwrap();
        let message = post("lobby", "ada", &body);
        let all = vec![message; counts.iter().sum()];
        storage.handle().try_append(all).unwrap();
        // The order to stop waits for the rest too.
        storage.stop();
        let batches: Vec<_> = delivered
            .into_iter()
            .map(|delivery| match delivery {
                Delivery::Committed { batch, .. } => batch,
                other => panic!("{other:?} was not asked"),
            })
            .collect();
        let taken: Vec<usize> = batches.iter().map(Vec::len).collect();
        assert_eq!(taken, counts);
        let numbered = (1..).zip(batches.iter().flatten());
        for (seq, done) in numbered {
            assert_eq!(done.outcome, Ok(Recorded::Posted { seq }));
        }
    }
}

#[test]
fn full_queues_give_back_what_they_are_given() {
    let scratch = Data::new();
    let (log, reader) = (scratch.log(), scratch.reader());
    // Nobody takes the deliveries, so that both threads come to stand at their second one.
    let (deliver, delivered) = mpsc::sync_channel(0);
    let storage = Storage::start(log, reader, move |delivery| {
        // Nobody listens at the end.
        let _ = deliver.send(delivery);
    })
    .unwrap();
    let handle = storage.handle();
    let (append, read) = (post("lobby", "ada", "x"), recent("lobby", 1));
    let pair = || vec![append.clone(), append.clone()];
    let appended = (0..10_000).find_map(|_| handle.try_append(pair()).err());
    let left = appended.expect("there is an end");
    assert!((1..=2).contains(&left.len()) && left.iter().all(|it| *it == append));
    let asked = (0..10_000).find_map(|_| handle.try_read(read.clone()).err());
    assert_eq!(asked, Some(read));
    drop(delivered);
    storage.stop();
}

#[test]
fn deleted_message_leaves_nothing_in_the_file() {
    let scratch = Data::new();
    let mut log = scratch.log();
    let long = format!("xylophone {}", "quagmire ".repeat(800));
    append(&mut log, [post("lobby", "ada", &long)]);
    append(&mut log, [post("lobby", "ada", "stays")]);
    append(&mut log, [edit("lobby", "ada", 1, "zeppelin")]);
    append(&mut log, [react("lobby", "bob", 1, "🦀", true)]);
    append(&mut log, [delete("lobby", "ada", 1, false)]);
    log.close();
    let file = fs::read(scratch.path("chinwag.db")).unwrap();
    let has = |text: &str| file.windows(text.len()).any(|it| it == text.as_bytes());
    assert!(has("stays"));
    for secret in [
        "xylophone",
        "quagmire",
        "zeppelin",
        "ylophon",
        "uagmir",
        "eppeli",
    ] {
        assert!(!has(secret), "{secret}");
    }
    let page = scratch.newest("lobby", 10);
    assert_eq!(page.messages[0].content, Content::Deleted);
    let kinds: Vec<_> = page.changes.iter().map(|change| &change.kind).collect();
    assert_eq!(*kinds[0], ChangeKind::Deleted { seq: 1 });
    assert_eq!(*kinds[2], ChangeKind::Deleted { seq: 1 });
    scratch.assert_projections_follow_from_events();
}

#[test]
fn changes_are_judged_by_who_wrote_the_message_whatever_the_name() {
    let scratch = Data::new();
    let mut log = scratch.log();
    let as_person = |mut append: Append, who: &str| {
        if let Fact::MessageEdited { person: it, .. }
        | Fact::MessageDeleted { person: it, .. }
        | Fact::Reacted { person: it, .. } = &mut append.fact
        {
            *it = person(who);
        }
        append
    };
    let batch = [
        post("lobby", "ada", "one"),
        edit("lobby", "bob", 1, "two"),
        as_person(edit("lobby", "ada", 1, "two"), "eve"),
        as_person(edit("lobby", "grace", 1, "two"), "ada"),
        edit("lobby", "ada", 1, "two"),
        delete("lobby", "bob", 1, false),
        edit("lobby", "ada", 2, "two"),
        edit("nowhere", "ada", 1, "two"),
        react("lobby", "bob", 1, "👍", true),
        react("lobby", "bob", 1, "👍", true),
        // Known as bob when it was chosen.
        as_person(react("lobby", "rob", 1, "👍", false), "bob"),
        react("lobby", "bob", 1, "👍", false),
        delete("lobby", "bob", 1, true),
        delete("lobby", "ada", 1, false),
        edit("lobby", "ada", 1, "three"),
        react("lobby", "ada", 1, "👍", true),
    ];
    let reacted = |rev| {
        let from = UserName::parse("bob").unwrap();
        Ok(Recorded::Reacted { rev, from })
    };
    assert_eq!(
        append(&mut log, batch),
        [
            Ok(Recorded::Posted { seq: 1 }),
            Err(LogError::NotTheirs),
            Err(LogError::NotTheirs),
            Ok(Recorded::Changed { rev: 1 }),
            Err(LogError::Already),
            Err(LogError::NotTheirs),
            Err(LogError::NoSuchMessage),
            Err(LogError::NoSuchRoom),
            reacted(2),
            Err(LogError::Already),
            reacted(3),
            Err(LogError::Already),
            Ok(Recorded::Changed { rev: 4 }),
            Err(LogError::Already),
            Err(LogError::NoSuchMessage),
            Err(LogError::NoSuchMessage),
        ]
    );
    scratch.assert_projections_follow_from_events();
}

#[test]
fn message_has_at_most_20_different_reactions() {
    let scratch = Data::new();
    let mut log = scratch.log();
    append(&mut log, [post("lobby", "ada", "x")]);
    let letters = ('a'..='u').map(|c| react("lobby", "ada", 1, &c.to_string(), true));
    let outcomes = append(&mut log, letters);
    assert!(outcomes[..20].iter().all(Result::is_ok));
    assert_eq!(outcomes[20], Err(LogError::TooManyReactions));
    let others = append(&mut log, [react("lobby", "bob", 1, "a", true)]);
    assert!(others[0].is_ok(), "one that is there already");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() })]

    #[test]
    fn log_does_what_the_model_does(
        batches in prop::collection::vec(prop::collection::vec(any_append(), 1..20), 1..10),
        reopened_after in prop::collection::vec(any::<bool>(), 10),
    ) {
        let scratch = Data::new();
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
            let page = scratch.newest(room.name.as_str(), usize::MAX);
            let (count, rev) = model.counters(&room.name);
            prop_assert_eq!((room.seq, room.rev), (count, rev));
            prop_assert!(seqs(&page).into_iter().eq(1..=count));
            prop_assert!(page.changes.iter().map(|change| change.rev).eq(1..=rev));
            let expected = &model.rooms[&room.name];
            prop_assert!(page.messages.iter().eq(expected.messages.iter().map(|(_, it)| it)));
            prop_assert_eq!(&page.changes, &expected.changes);
            prop_assert_eq!(page.rev, rev);
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
    messages: Vec<(PersonId, Message)>,
    changes: Vec<Change>,
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
            (Fact::DirectOpened { .. } | Fact::Room { .. }, _) => {
                unreachable!("these are not generated")
            }
            (Fact::Account(_), Some(_)) => unreachable!("these facts are about rooms"),
            (
                Fact::MessagePosted {
                    from,
                    person,
                    body,
                    key,
                    ..
                },
                Some(room),
            ) => {
                let name = key
                    .as_ref()
                    .map(|key| (from.clone(), key.as_str().to_owned()));
                if let Some(&(seq, at)) = name.as_ref().and_then(|key| room.keys.get(key)) {
                    return Ok(Recorded::Repeated { seq, at });
                }
                let seq = Seq::try_from(room.messages.len()).unwrap() + 1;
                room.keys.extend(name.map(|key| (key, (seq, append.at))));
                let said = Said {
                    key: key.clone(),
                    ..Said::new(body.clone())
                };
                let message = Message {
                    seq,
                    at: append.at,
                    from: from.clone(),
                    content: Content::Said(said),
                };
                room.messages.push((*person, message));
                Ok(Recorded::Posted { seq })
            }
            (fact, Some(room)) => room.change(fact, append.at),
        }
    }

    fn counters(&self, name: &RoomName) -> (u64, u64) {
        let room = &self.rooms[name];
        let count = |len: usize| u64::try_from(len).unwrap();
        (count(room.messages.len()), count(room.changes.len()))
    }
}

impl ModelRoom {
    fn change(&mut self, fact: &Fact, at: Timestamp) -> Outcome {
        let (seq, kind, by, who) = match fact.clone() {
            Fact::TopicChanged { topic, by, .. } => {
                let rev = self.push(ChangeKind::Topic(topic), by);
                return Ok(Recorded::TopicSet { rev });
            }
            Fact::MessageEdited {
                seq,
                body,
                by,
                person,
                ..
            } => (seq, ChangeKind::Edited { seq, body, at }, by, Some(person)),
            Fact::MessageDeleted {
                seq,
                by,
                person,
                others,
                ..
            } => {
                let who = (!others).then_some(person);
                (seq, ChangeKind::Deleted { seq }, by, who)
            }
            Fact::Reacted {
                seq,
                emoji,
                on,
                from,
                ..
            } => (seq, ChangeKind::Reacted { seq, emoji, on }, from, None),
            other => panic!("{other:?} changes nothing"),
        };
        let found = self.messages.iter().find(|(_, message)| message.seq == seq);
        let (author, message) = found.ok_or(LogError::NoSuchMessage)?;
        let is_deletion = matches!(kind, ChangeKind::Deleted { .. });
        if message.content == Content::Deleted && !is_deletion {
            return Err(LogError::NoSuchMessage);
        }
        if who.is_some_and(|who| who != *author) {
            return Err(LogError::NotTheirs);
        }
        // What changes nothing was so already; in these tests one name is one person.
        let by_then = Message::clone(message);
        let mut after = by_then.clone();
        let change = |kind| Change {
            rev: 0,
            kind,
            by: by.clone(),
        };
        let is_already = match &kind {
            ChangeKind::Edited { body, .. } => by_then.said().unwrap().body == *body,
            ChangeKind::Reacted { emoji, on, .. } => {
                let reactions = &by_then.said().unwrap().reactions;
                reactions
                    .get(emoji)
                    .is_some_and(|it| it.names.contains(&by))
                    == *on
            }
            other => {
                after.apply(&change(other.clone()));
                after == by_then
            }
        };
        if is_already {
            return Err(LogError::Already);
        }
        let is_reaction = matches!(kind, ChangeKind::Reacted { .. });
        // Who takes a reaction back does so under the name that is known.
        let known = match &kind {
            ChangeKind::Reacted { emoji, .. } => by_then
                .said()
                .and_then(|said| said.reactions.get(emoji))
                .and_then(|it| it.names.iter().find(|name| **name == by)),
            _ => None,
        };
        let by = known.cloned().unwrap_or(by);
        let rev = self.push(kind, by.clone());
        Ok(if is_reaction {
            Recorded::Reacted { rev, from: by }
        } else {
            Recorded::Changed { rev }
        })
    }

    fn push(&mut self, kind: ChangeKind, by: UserName) -> u64 {
        let rev = u64::try_from(self.changes.len()).unwrap() + 1;
        let change = Change { rev, kind, by };
        for (_, message) in &mut self.messages {
            message.apply(&change);
        }
        if let ChangeKind::Deleted { seq: deleted } = change.kind {
            for earlier in &mut self.changes {
                if matches!(earlier.kind, ChangeKind::Edited { seq, .. } if seq == deleted) {
                    earlier.kind = ChangeKind::Deleted { seq: deleted };
                }
            }
        }
        self.changes.push(change);
        rev
    }
}

fn any_append() -> impl Strategy<Value = Append> {
    let room = prop::sample::select(vec!["lobby", "Lobby", "dev", "DEV", "straße", "STRASSE"]);
    let user = prop::sample::select(vec!["ada", "Ada", "bob", "eve"]);
    let key = prop::option::weighted(0.5, prop::sample::select(vec!["1", "2", "3"]));
    let change = (1..5_u64, any::<bool>(), 0..3_usize);
    (0..14, room, user, key, 0..1_000_i64, change).prop_map(
        |(kind, room, user, key, at, change)| {
            let (seq, flag, pick) = change;
            let append = match (kind, key) {
                (0, _) => create(room),
                (1 | 2, _) => topic(room, user),
                (3 | 4, _) => edit(room, user, seq, ["text", "other", "third"][pick]),
                (5, _) => delete(room, user, seq, flag),
                (6 | 7, _) => react(room, user, seq, ["👍", "🎉", "❤️"][pick], flag),
                (_, None) => post(room, user, "text"),
                (_, Some(key)) => with_key(post(room, user, "text"), key),
            };
            Append {
                at: Timestamp(at),
                ..append
            }
        },
    )
}

impl Data {
    fn newest(&self, room: &str, max: usize) -> Page {
        self.reader().read(recent(room, max)).outcome.unwrap()
    }

    fn edit(&self, sql: &str) {
        self.database().execute_batch(sql).unwrap();
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
        let page = self.newest("lobby", usize::MAX);
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
        for table in [
            "events", "rooms", "roles", "messages", "changes", "reactors",
        ] {
            assert_eq!(dump(&path, table), dump(&path_again, table), "{table}");
        }
        for data in [self, &again] {
            data.check_index();
        }
    }
}

/// Reads the log as the tables of the schema document it, but for the first event: the lobby.
fn facts_of_events(path: &Path) -> Vec<Append> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT events.at, kind, payload, rooms.key, events.id FROM events JOIN rooms ON rooms.id = room
             WHERE events.id > 1 ORDER BY events.id",
        )
        .unwrap();
    let rows = statement.query_map((), |row| {
        let (at, kind, payload, room, id): (i64, String, String, String, i64) = row.try_into()?;
        let payload: serde_json::Value = serde_json::from_str(&payload).unwrap();
        let text = |name: &str| payload[name].as_str().unwrap();
        let seq = || payload["seq"].as_u64().unwrap();
        // What is deleted later on may have said anything, but never the same twice.
        let body = || match payload["body"].as_str() {
            Some(body) => Body::parse(body).unwrap(),
            None => Body::parse(&format!("erased {id}")).unwrap(),
        };
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
                    body: body(),
                    key: payload["key"]
                        .as_str()
                        .map(|key| MessageKey::parse(key).unwrap()),
                    reply_to: payload["reply_to"].as_u64(),
                },
                ..create("x")
            },
            "message_edited" => Append {
                at: Timestamp(at),
                ..decided(Fact::MessageEdited {
                    room: RoomName::parse(&room).unwrap(),
                    seq: seq(),
                    body: body(),
                    by: UserName::parse(text("by")).unwrap(),
                    person: person("person"),
                })
            },
            "message_deleted" => Append {
                at: Timestamp(at),
                ..decided(Fact::MessageDeleted {
                    room: RoomName::parse(&room).unwrap(),
                    seq: seq(),
                    by: UserName::parse(text("by")).unwrap(),
                    person: person("person"),
                    others: true,
                })
            },
            "reacted" => Append {
                at: Timestamp(at),
                ..decided(Fact::Reacted {
                    room: RoomName::parse(&room).unwrap(),
                    seq: seq(),
                    emoji: Emoji::parse(text("emoji")).unwrap(),
                    on: payload["on"].as_bool().unwrap(),
                    from: UserName::parse(text("by")).unwrap(),
                    person: person("person"),
                })
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
        span: Span::Newest,
        max_messages: max,
        max_weight: usize::MAX,
        max_changes: max,
    }
}

fn post(room: &str, from: &str, body: &str) -> Append {
    decided(posted(room, &named(from), body))
}

fn named(name: &str) -> Party {
    party(person(name), name)
}

/// Somebody for each name.
fn person(name: &str) -> PersonId {
    let name = UserName::parse(name).unwrap();
    let letters = name.key().bytes();
    let number = letters.fold(u128::MAX - 1, |number, b| {
        number.rotate_left(8) ^ u128::from(b)
    });
    PersonId::Guest(GuestId(number))
}

fn edit(room: &str, by: &str, seq: Seq, body: &str) -> Append {
    decided(edited(room, &named(by), seq, body))
}

fn delete(room: &str, by: &str, seq: Seq, others: bool) -> Append {
    decided(Fact::MessageDeleted {
        room: RoomName::parse(room).unwrap(),
        seq,
        by: UserName::parse(by).unwrap(),
        person: person(by),
        others,
    })
}

fn react(room: &str, by: &str, seq: Seq, emoji: &str, on: bool) -> Append {
    decided(Fact::Reacted {
        room: RoomName::parse(room).unwrap(),
        seq,
        emoji: Emoji::parse(emoji).unwrap(),
        on,
        from: UserName::parse(by).unwrap(),
        person: person(by),
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
    storage_support::decided(1_000, fact)
}

const OWNER: PersonId = PersonId::Guest(GuestId(1));
