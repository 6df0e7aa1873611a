//! What the log keeps of rooms beside their past: members, marks, rules, and who set them.

#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

use std::time::Duration;

use chinwag::chat::event::Role;
use chinwag::chat::hub::SessionId;
use chinwag::chat::log::{
    Append, Context, Fact, LogError, Purpose, Read, Recorded, RoomFact, RoomRecord, Span,
    Visibility,
};
use chinwag::chat::order::{
    AuditEntry, Deed, Invite, InviteCode, Measure, Party, Reason, Restraint, RestraintKind,
};
use chinwag::chat::{
    AccountId, Body, ClientAddress, GuestId, PersonId, RoomName, Seq, Timestamp, Topic, UserName,
};
use chinwag::storage::{DataDir, Log, Reader};
use rusqlite::Connection;
use tempfile::TempDir;

#[test]
fn members_and_their_marks_outlast_the_server() {
    let data = Data::new();
    let mut log = data.log();
    data.append(&mut log, create("den", ada()));
    data.append(&mut log, post("den", &guest("eve"), "one"));
    data.append(&mut log, join("den", &bob()));
    data.append(&mut log, post("den", &guest("eve"), "two"));
    let marks = |log: &mut Log| -> Vec<(String, Seq)> {
        let members = den(log).books.members.into_iter();
        members.map(|it| (it.name.to_string(), it.read)).collect()
    };
    assert_eq!(marks(&mut log), [("ada".into(), 0), ("bob".into(), 1)]);
    data.append(&mut log, read("den", &ada(), 2));
    data.append(&mut log, read("den", &ada(), 1));
    data.append(&mut log, post("den", &bob(), "three"));
    log.close();
    let mut log = data.log();
    assert_eq!(marks(&mut log), [("ada".into(), 2), ("bob".into(), 3)]);
    data.append(&mut log, room_fact("den", left(&bob())));
    assert_eq!(marks(&mut log), [("ada".into(), 2)]);
    data.append(&mut log, join("den", &bob()));
    assert_eq!(marks(&mut log)[1], ("bob".into(), 3), "as a newcomer");
}

#[test]
fn measures_outlast_the_server_and_stand_in_the_audit_log() {
    let data = Data::new();
    let mut log = data.log();
    data.append(&mut log, create("den", ada()));
    for whom in [bob(), guest("eve")] {
        data.append(&mut log, measured(&whom, Measure::Role(Role::Op)));
    }
    data.append(&mut log, join("den", &bob()));
    let until = Some(Timestamp(5_000));
    data.append(&mut log, measured(&bob(), Measure::Ban { until }));
    let muted = Measure::Mute { until: None };
    data.append(&mut log, measured(&guest("eve"), muted));
    data.append(&mut log, measured(&guest("dave"), muted));
    data.append(&mut log, measured(&guest("dave"), Measure::Unmute));
    let interval = Duration::from_secs(30);
    let by = ada();
    let slow = RoomFact::SlowModeSet { by, interval };
    data.append(&mut log, room_fact("den", slow));
    log.close();

    let den = den(&mut data.log());
    assert_eq!(
        den.roles,
        [(guest("eve").person, Role::Op), (ada().person, Role::Owner)],
        "a ban takes the role"
    );
    assert_eq!(den.books.members.len(), 1, "and the membership");
    let restraint = |kind, whom, from, until| Restraint {
        kind,
        whom,
        from,
        until,
        by: ada().name,
        at: Timestamp(1_000),
        reason: Reason::parse("spam").unwrap(),
    };
    assert_eq!(
        den.books.restraints,
        [
            restraint(RestraintKind::Ban, bob(), addresses(), until),
            restraint(RestraintKind::Mute, guest("eve"), Vec::new(), None),
        ]
    );
    assert_eq!(den.books.slow_mode, interval);

    let newest = data.audit(None, 2);
    assert_eq!(newest.len(), 3, "one more tells that there is more");
    assert_eq!(newest[0].deed, Deed::SlowMode(interval));
    let older = data.audit(Some(newest[1].id), 10);
    let deeds: Vec<Measure> = older.iter().map(measure_of).collect();
    assert_eq!(
        deeds,
        [
            muted,
            muted,
            Measure::Ban { until },
            Measure::Role(Role::Op),
            Measure::Role(Role::Op),
        ]
    );
    assert_eq!(older[2].by.as_str(), "ada");
    assert_eq!(older[2].at, Timestamp(1_000));
}

#[test]
fn whoever_was_banned_meanwhile_does_not_enter() {
    let data = Data::new();
    let mut log = data.log();
    data.append(&mut log, create("den", ada()));
    let until = Some(Timestamp(5_000));
    let come = |at| Append {
        at: Timestamp(at),
        ..join("den", &bob())
    };
    // In one go, as when both were judged before either was durable.
    let ban = measured(&bob(), Measure::Ban { until });
    let outcome = |log: &mut Log, append| log.append(vec![append]).remove(0).outcome;
    let both = log.append(vec![ban, come(1_000)]);
    assert_eq!(both[0].outcome, Ok(Recorded::Noted));
    assert_eq!(both[1].outcome, Err(LogError::Banned));
    assert_eq!(outcome(&mut log, come(4_999)), Err(LogError::Banned));
    let members = |log: &mut Log| den(log).books.members.len();
    assert_eq!(members(&mut log), 1);
    data.append(&mut log, come(5_000));
    assert_eq!(members(&mut log), 2);
    data.append(&mut log, measured(&bob(), Measure::Ban { until: None }));
    assert_eq!(outcome(&mut log, come(6_000)), Err(LogError::Banned));
    data.append(&mut log, measured(&bob(), Measure::Unban));
    data.append(&mut log, come(6_000));
    assert_eq!(members(&mut log), 2);
}

#[test]
fn what_is_over_is_forgotten_when_there_is_more() {
    let data = Data::new();
    let mut log = data.log();
    data.append(&mut log, create("den", ada()));
    let invited = |at: i64, code: u128| {
        let code = InviteCode::new(code);
        let invite = Invite {
            code: code.hash(),
            until: Timestamp(at + 10),
        };
        let by = ada();
        let fact = RoomFact::Invited { by, invite, code };
        Append {
            at: Timestamp(at),
            ..room_fact("den", fact)
        }
    };
    data.append(&mut log, invited(0, 1));
    data.append(&mut log, invited(9, 2));
    assert_eq!(den(&mut log).books.invites.len(), 2);
    data.append(&mut log, invited(10, 3));
    let codes = den(&mut log).books.invites.into_iter().map(|it| it.code);
    assert!(codes.eq([2, 3].map(|code| InviteCode::new(code).hash())));
    let database = std::fs::read(data.path("chinwag.db")).unwrap();
    let wal = std::fs::read(data.path("chinwag.db-wal")).unwrap();
    let code = InviteCode::new(3).as_str().as_bytes().to_vec();
    for file in [database, wal] {
        let has_code = file.windows(code.len()).any(|bytes| bytes == code);
        assert!(!has_code, "a code is in the files");
    }
}

#[test]
fn conversation_of_two_is_one_room_whoever_begins_it() {
    let data = Data::new();
    let mut log = data.log();
    let room = RoomName::direct(ada().person, guest("eve").person);
    assert_eq!(room, RoomName::direct(guest("eve").person, ada().person));
    assert_eq!(RoomName::parse(room.as_str()).unwrap(), room);
    let opened = |one, other| {
        decided(Fact::DirectOpened {
            room: room.clone(),
            parties: [one, other],
        })
    };
    let batch = vec![opened(ada(), guest("eve")), opened(guest("eve"), ada())];
    let outcomes = log.append(batch).into_iter().map(|it| it.outcome);
    assert!(outcomes.eq([Ok(Recorded::RoomCreated), Ok(Recorded::RoomExisted)]));
    log.close();
    let rooms = data.log().rooms().unwrap();
    let books = &rooms[1].books;
    assert_eq!(rooms[1].visibility, Visibility::Private);
    assert_eq!(books.parties, [guest("eve"), ada()]);
    assert_eq!(books.members.len(), 1, "guests are members while connected");
}

#[test]
fn removed_room_frees_its_name_at_once_and_is_erased_by_and_by() {
    let data = Data::new();
    let mut log = data.log();
    data.append(&mut log, create("den", ada()));
    let said = |nth: i32| post("den", &bob(), &format!("secret {nth}"));
    log.append((0..1_200).map(said).collect());
    data.append(&mut log, topic("den", "secret topic"));
    let by = Some(ada());
    let batch = vec![
        post("den", &bob(), "secret end"),
        room_fact("den", RoomFact::Removed { by }),
        post("den", &bob(), "too late"),
        create("den", bob()),
        post("den", &bob(), "new"),
    ];
    let outcomes: Vec<_> = log.append(batch).into_iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes[2], Err(LogError::NoSuchRoom));
    assert_eq!(outcomes[3], Ok(Recorded::RoomCreated));
    assert_eq!(outcomes[4], Ok(Recorded::Posted { seq: 1 }));
    assert_eq!(log.rooms().unwrap().len(), 2);
    assert_eq!(den(&mut log).roles, [(bob().person, Role::Owner)]);
    for _ in 0..10 {
        data.append(&mut log, post("lobby", &bob(), "time passes"));
    }
    log.close();
    let connection = Connection::open(data.path("chinwag.db")).unwrap();
    let count = |sql: &str| -> i64 { connection.query_row(sql, (), |row| row.get(0)).unwrap() };
    assert_eq!(count("SELECT count(*) FROM rooms"), 2);
    assert_eq!(count("SELECT count(*) FROM messages"), 11);
    let left = "SELECT count(*) FROM events WHERE payload LIKE '%secret%'";
    assert_eq!(count(left), 0);
    drop(connection);
    assert_eq!(den(&mut data.log()).seq, 1);
}

/// A data directory that goes away with its test.
struct Data {
    temporary: TempDir,
    dir: DataDir,
}

impl Data {
    fn new() -> Self {
        let temporary = TempDir::new().unwrap();
        let dir = DataDir::open(temporary.path()).unwrap();
        Self { temporary, dir }
    }

    fn log(&self) -> Log {
        Log::open(&self.dir).unwrap()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.temporary.path().join(name)
    }

    /// Records one fact, and expects that it is taken.
    fn append(&self, log: &mut Log, append: Append) {
        let outcome = log.append(vec![append]).remove(0).outcome;
        assert!(outcome.is_ok(), "{outcome:?}");
    }

    fn audit(&self, before: Option<u64>, max: usize) -> Vec<AuditEntry> {
        let mut reader = Reader::open(&self.dir).unwrap();
        let read = Read {
            purpose: Purpose::Audit(nobody()),
            room: RoomName::parse("den").unwrap(),
            span: before.map_or(Span::Newest, Span::Before),
            max_messages: max,
            max_weight: usize::MAX,
            max_changes: 0,
        };
        reader.read(read).outcome.unwrap().audit
    }
}

fn den(log: &mut Log) -> RoomRecord {
    let rooms = log.rooms().unwrap().into_iter();
    let mut dens = rooms.filter(|room| room.name.as_str() == "den");
    dens.next().unwrap()
}

fn measure_of(entry: &AuditEntry) -> Measure {
    match entry.deed {
        Deed::Measure { measure, .. } => measure,
        _ => panic!("{entry:?}"),
    }
}

fn party(person: PersonId, name: &str) -> Party {
    let name = UserName::parse(name).unwrap();
    Party { person, name }
}

fn ada() -> Party {
    party(PersonId::Account(AccountId(1)), "ada")
}

fn bob() -> Party {
    party(PersonId::Account(AccountId(2)), "bob")
}

fn guest(name: &str) -> Party {
    let id = name.bytes().map(u128::from).sum();
    party(PersonId::Guest(GuestId(id)), name)
}

fn account(party: &Party) -> AccountId {
    match party.person {
        PersonId::Account(account) => account,
        PersonId::Guest(_) => panic!("{party:?}"),
    }
}

fn left(whom: &Party) -> RoomFact {
    RoomFact::Left {
        account: account(whom),
        name: whom.name.clone(),
    }
}

fn join(room: &str, whom: &Party) -> Append {
    let fact = RoomFact::Joined {
        account: account(whom),
        name: whom.name.clone(),
        since: None,
        rev: None,
    };
    room_fact(room, fact)
}

fn read(room: &str, whom: &Party, seq: Seq) -> Append {
    let account = account(whom);
    room_fact(room, RoomFact::Read { account, seq })
}

fn measured(whom: &Party, measure: Measure) -> Append {
    let (by, whom, reason) = (ada(), whom.clone(), Reason::parse("spam").unwrap());
    let from = match measure {
        Measure::Ban { .. } => addresses(),
        _ => Vec::new(),
    };
    room_fact(
        "den",
        RoomFact::Measured {
            by,
            whom,
            measure,
            from,
            reason,
        },
    )
}

fn addresses() -> Vec<ClientAddress> {
    vec![ClientAddress(7), ClientAddress(u128::MAX)]
}

fn create(room: &str, by: Party) -> Append {
    decided(Fact::RoomCreated {
        room: RoomName::parse(room).unwrap(),
        visibility: Visibility::Private,
        topic: Topic::default(),
        by: by.name,
        owner: by.person,
        join: false,
    })
}

fn post(room: &str, from: &Party, body: &str) -> Append {
    decided(Fact::MessagePosted {
        room: RoomName::parse(room).unwrap(),
        from: from.name.clone(),
        person: from.person,
        body: Body::parse(body).unwrap(),
        key: None,
        reply_to: None,
    })
}

fn topic(room: &str, text: &str) -> Append {
    decided(Fact::TopicChanged {
        room: RoomName::parse(room).unwrap(),
        topic: Topic::parse(text).unwrap(),
        by: UserName::parse("ada").unwrap(),
    })
}

fn room_fact(room: &str, fact: RoomFact) -> Append {
    let room = RoomName::parse(room).unwrap();
    decided(Fact::Room { room, fact })
}

fn decided(fact: Fact) -> Append {
    Append {
        context: nobody(),
        at: Timestamp(1_000),
        fact,
    }
}

fn nobody() -> Context {
    let session = SessionId {
        worker: 0,
        connection: 0,
    };
    Context {
        session,
        from: None,
        re: None,
    }
}
