//! What the log keeps of rooms beside their past: members, marks, rules, and who set them.

#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod storage_support;

use std::time::Duration;

use chinwag::chat::event::Role;
use chinwag::chat::log::{
    Append, Fact, LogError, Recorded, RoomFact, RoomRecord, Span, Visibility,
};
use chinwag::chat::order::{
    AuditEntry, Deed, Invite, InviteCode, Measure, Party, Reason, Restraint, RestraintKind,
};
use chinwag::chat::{
    AccountId, ClientAddress, GuestId, PersonId, RoomName, Seq, Timestamp, Topic, UserName,
};
use chinwag::storage::{Log, Storage};
use storage_support::{Data, edited, in_room, party, posted, reacted};

#[test]
fn members_and_their_marks_outlast_the_server() {
    let data = Data::new();
    let mut log = data.log();
    append(&mut log, create("den", ada()));
    append(&mut log, post("den", &guest("eve"), "one"));
    append(&mut log, join("den", &bob()));
    append(&mut log, post("den", &guest("eve"), "two"));
    let marks = |log: &mut Log| -> Vec<(String, Seq)> {
        let members = den(log).books.members.into_iter();
        members.map(|it| (it.name.to_string(), it.read)).collect()
    };
    assert_eq!(marks(&mut log), [("ada".into(), 0), ("bob".into(), 1)]);
    append(&mut log, read("den", &ada(), 2));
    append(&mut log, read("den", &ada(), 1));
    append(&mut log, post("den", &bob(), "three"));
    log.close();
    let mut log = data.log();
    assert_eq!(marks(&mut log), [("ada".into(), 2), ("bob".into(), 3)]);
    append(&mut log, room_fact("den", left(&bob())));
    assert_eq!(marks(&mut log), [("ada".into(), 2)]);
    append(&mut log, join("den", &bob()));
    assert_eq!(marks(&mut log)[1], ("bob".into(), 3), "as a newcomer");
}

#[test]
fn measures_outlast_the_server_and_stand_in_the_audit_log() {
    let data = Data::new();
    let mut log = data.log();
    append(&mut log, create("den", ada()));
    for whom in [bob(), guest("eve")] {
        append(&mut log, measured(&whom, Measure::Role(Role::Op)));
    }
    append(&mut log, join("den", &bob()));
    let until = Some(Timestamp(5_000));
    append(&mut log, measured(&bob(), Measure::Ban { until }));
    let muted = Measure::Mute { until: None };
    append(&mut log, measured(&guest("eve"), muted));
    append(&mut log, measured(&guest("dave"), muted));
    append(&mut log, measured(&guest("dave"), Measure::Unmute));
    let interval = Duration::from_secs(30);
    let by = ada();
    let slow = RoomFact::SlowModeSet { by, interval };
    append(&mut log, room_fact("den", slow));
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

    let newest = data.audit(Some("den"), None, 2);
    assert_eq!(newest.len(), 3, "one more tells that there is more");
    assert_eq!(newest[0].deed, Deed::SlowMode(interval));
    let older = data.audit(Some("den"), Some(newest[1].id), 10);
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
    append(&mut log, create("den", ada()));
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
    append(&mut log, come(5_000));
    assert_eq!(members(&mut log), 2);
    append(&mut log, measured(&bob(), Measure::Ban { until: None }));
    assert_eq!(outcome(&mut log, come(6_000)), Err(LogError::Banned));
    append(&mut log, measured(&bob(), Measure::Unban));
    append(&mut log, come(6_000));
    assert_eq!(members(&mut log), 2);
}

#[test]
fn what_is_over_is_forgotten_when_there_is_more() {
    let data = Data::new();
    let mut log = data.log();
    append(&mut log, create("den", ada()));
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
    append(&mut log, invited(0, 1));
    append(&mut log, invited(9, 2));
    assert_eq!(den(&mut log).books.invites.len(), 2);
    append(&mut log, invited(10, 3));
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
    let mut log = with_removed_room(&data);
    let batch = vec![
        post("den", &bob(), "too late"),
        create("den", bob()),
        post("den", &bob(), "new"),
    ];
    let outcomes: Vec<_> = log.append(batch).into_iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes[0], Err(LogError::NoSuchRoom));
    assert_eq!(outcomes[1], Ok(Recorded::RoomCreated));
    assert_eq!(outcomes[2], Ok(Recorded::Posted { seq: 1 }));
    let mut step_count = 0;
    while log.has_remains() {
        assert_eq!(log.rooms().unwrap().len(), 2);
        let new_den = den(&mut log);
        assert_eq!((new_den.seq, new_den.rev), (1, 0));
        assert_eq!(new_den.roles, [(bob().person, Role::Owner)]);
        assert_eq!(new_den.books.members.len(), 1);
        assert_eq!(data.page("den", Span::Newest).messages.len(), 1);
        assert_eq!(data.found("hushed", &[new_den.name]).len(), 0);
        if step_count == 5 {
            drop(log);
            log = data.log();
        }
        log.erase_remains();
        step_count += 1;
    }
    assert!(step_count > 6, "{step_count}: too much at once");
    check_erased(&data);
    log.close();
    assert!(!data.has_text("hushed"));
}

#[test]
fn removed_room_goes_in_larger_portions_while_there_is_nothing_else_to_write() {
    let portion_count = |is_quiet: bool| {
        let data = Data::new();
        let mut log = with_removed_room(&data);
        let mut count = 0;
        while log.has_remains() {
            if !is_quiet {
                append(&mut log, post("lobby", &bob(), "and then"));
            }
            log.erase_remains();
            count += 1;
        }
        check_erased(&data);
        count
    };
    let (quiet, busy) = (portion_count(true), portion_count(false));
    assert!(2 * quiet < busy, "{quiet} of {busy}");
}

#[test]
fn removed_room_is_erased_though_nothing_else_happens() {
    let data = Data::new();
    let log = with_removed_room(&data);
    let storage = Storage::start(log, data.reader(), |_| {}).unwrap();
    let database = data.database();
    let left = "SELECT count(*) FROM rooms WHERE removed_at IS NOT NULL";
    let is_left = || {
        database
            .query_row(left, (), |row| row.get::<_, bool>(0))
            .unwrap()
    };
    for _ in 0..1_000_000 {
        if !is_left() {
            break;
        }
    }
    assert!(!is_left());
    storage.stop();
    check_erased(&data);
}

/// A log that has a room no more in which all was done that can be.
fn with_removed_room(data: &Data) -> Log {
    let mut log = data.log();
    append(&mut log, create("den", ada()));
    append(&mut log, join("den", &bob()));
    append(
        &mut log,
        measured(&guest("eve"), Measure::Mute { until: None }),
    );
    let code = InviteCode::new(1);
    let invite = Invite {
        code: code.hash(),
        until: Timestamp(9_000),
    };
    let by = ada();
    append(
        &mut log,
        room_fact("den", RoomFact::Invited { by, invite, code }),
    );
    let said = |nth: i32| post("den", &bob(), &format!("hushed {nth}"));
    let long = post("den", &bob(), &"hushed ".repeat(100));
    log.append((0..300).map(said).chain([long]).collect());
    append(&mut log, topic("den", "hushed topic"));
    append(&mut log, decided(edited("den", &bob(), 2, "hushed edit")));
    append(&mut log, decided(reacted("den", &bob(), 2, "🦊")));
    assert_eq!(hushed_event_count(data), 303);
    let by = Some(ada());
    append(&mut log, room_fact("den", RoomFact::Removed { by }));
    log
}

/// Of a removed room nothing is left but that there was one.
fn check_erased(data: &Data) {
    let database = data.database();
    let count = |sql: &str| -> i64 { database.query_row(sql, (), |row| row.get(0)).unwrap() };
    assert_eq!(
        count("SELECT count(*) FROM rooms WHERE removed_at IS NOT NULL"),
        0
    );
    let of_gone = "WHERE room NOT IN (SELECT id FROM rooms)";
    for table in [
        "messages",
        "changes",
        "roles",
        "members",
        "parties",
        "restraints",
        "invites",
        "audit",
    ] {
        assert_eq!(
            count(&format!("SELECT count(*) FROM {table} {of_gone}")),
            0,
            "{table}"
        );
    }
    assert_eq!(count("SELECT count(*) FROM reactors"), 0);
    assert_eq!(hushed_event_count(data), 0);
    data.check_index();
}

/// Events in which is what was said in the room.
fn hushed_event_count(data: &Data) -> i64 {
    let said = "SELECT count(*) FROM events WHERE payload LIKE '%hushed%'";
    let database = data.database();
    database.query_row(said, (), |row| row.get(0)).unwrap()
}

/// Records one fact, and expects that it is taken.
fn append(log: &mut Log, append: Append) {
    let outcome = log.append(vec![append]).remove(0).outcome;
    assert!(outcome.is_ok(), "{outcome:?}");
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
    decided(posted(room, from, body))
}

fn topic(room: &str, text: &str) -> Append {
    decided(Fact::TopicChanged {
        room: RoomName::parse(room).unwrap(),
        topic: Topic::parse(text).unwrap(),
        by: UserName::parse("ada").unwrap(),
    })
}

fn room_fact(room: &str, fact: RoomFact) -> Append {
    decided(in_room(room, fact))
}

fn decided(fact: Fact) -> Append {
    storage_support::decided(1_000, fact)
}
