//! Databases of earlier versions: all that was in them is there after the steps to the newest one.

#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod storage_support;

use std::time::Duration;

use chinwag::chat::account::Roll;
use chinwag::chat::bans::{BanRecord, Banned, ServerFact};
use chinwag::chat::event::Role;
use chinwag::chat::log::{ChangeKind, Fact, LogError, Recorded, RoomFact, Span};
use chinwag::chat::order::{Books, MemberRecord, RestraintKind};
use chinwag::chat::{
    AccountId, Body, GuestId, Measure, Message, MessageKey, Network, Party, PersonId, Reason,
    RoomName, Timestamp, Topic, UserName,
};
use chinwag::storage::Log;
use storage_support::{Data, decided, edited, in_room, party, reacted, record, room};

const VERSION_1: &str = include_str!("storage_migration/version_1.sql");
const VERSION_2: &str = include_str!("storage_migration/version_2.sql");
const VERSION_3: &str = include_str!("storage_migration/version_3.sql");
const VERSION_4: &str = include_str!("storage_migration/version_4.sql");
const VERSION_5: &str = include_str!("storage_migration/version_5.sql");
const VERSION_6: &str = include_str!("storage_migration/version_6.sql");
const VERSION_7: &str = include_str!("storage_migration/version_7.sql");

const ADA: PersonId = PersonId::Guest(GuestId(7));

#[test]
fn database_of_version_1_keeps_rooms_messages_and_changes() {
    let data = Data::of(VERSION_1);
    let mut log = data.log();
    let rooms = log.rooms().unwrap();
    let names: Vec<&str> = rooms.iter().map(|room| room.name.as_str()).collect();
    assert_eq!(names, ["lobby", "Dev"]);
    assert_eq!(rooms[0].roles, []);
    assert_eq!(rooms[1].roles, [(ADA, Role::Owner)]);
    assert_eq!((rooms[0].seq, rooms[0].rev), (2, 0));
    assert_eq!((rooms[1].seq, rooms[1].rev), (1, 1));
    assert_eq!(log.accounts().unwrap(), Roll::default());

    let lobby = data.page("lobby", Span::Newest);
    assert_eq!(
        lobby.messages.iter().map(said).collect::<Vec<_>>(),
        [
            (1, 1000, "Ada", "first", Some("k1"), None),
            (2, 1003, "bob", "second", None, Some(1)),
        ]
    );
    let dev = data.page("dev", Span::Newest);
    assert_eq!(
        dev.messages.iter().map(said).collect::<Vec<_>>(),
        [(1, 1002, "Ada", "in dev", None, None)]
    );
    let topic = Topic::parse("compilers").unwrap();
    assert_eq!(dev.changes.len(), 1);
    assert_eq!(dev.changes[0].kind, ChangeKind::Topic(topic));
}

#[test]
fn database_of_version_1_goes_on_where_it_was() {
    let data = Data::of(VERSION_1);
    let mut log = data.log();
    let post = |key: &str| {
        decided(
            2_000,
            Fact::MessagePosted {
                room: RoomName::lobby(),
                from: UserName::parse("ada").unwrap(),
                person: ADA,
                body: Body::parse("again").unwrap(),
                key: Some(MessageKey::parse(key).unwrap()),
                reply_to: None,
            },
        )
    };
    let committed = log.append(vec![post("k1"), post("k2")]).into_iter();
    let outcomes: Vec<_> = committed.map(|committed| committed.outcome).collect();
    let first = Recorded::Repeated {
        seq: 1,
        at: Timestamp(1_000),
    };
    assert_eq!(outcomes, [Ok(first), Ok(Recorded::Posted { seq: 3 })]);
}

#[test]
fn database_of_version_2_has_rooms_without_members_which_come_by_joining() {
    let data = Data::of(VERSION_2);
    let mut log = data.log();
    let rooms = log.rooms().unwrap();
    let den = &rooms[1];
    let bob = AccountId(5);
    assert_eq!((den.name.as_str(), den.seq), ("Den", 1));
    assert_eq!(den.roles, [(ADA, Role::Owner)]);
    let empty = Books {
        oldest_at: Some(Timestamp(1_002)),
        ..Books::default()
    };
    assert_eq!(den.books, empty);
    let name = UserName::parse("bob").unwrap();
    let joined = decided(
        2_000,
        Fact::Room {
            room: RoomName::parse("den").unwrap(),
            fact: RoomFact::Joined {
                account: bob,
                name: name.clone(),
                since: None,
                rev: None,
            },
        },
    );
    assert_eq!(log.append(vec![joined])[0].outcome, Ok(Recorded::Noted));
    let member = MemberRecord {
        account: bob,
        name,
        read: 1,
    };
    assert_eq!(log.rooms().unwrap()[1].books.members, [member]);
}

#[test]
fn database_of_version_2_can_be_searched_and_changed() {
    let data = Data::of(VERSION_2);
    let mut log = data.log();
    assert_eq!(data.found("words", &[]), ["first words"]);
    let den = RoomName::parse("den").unwrap();
    assert_eq!(
        data.found("words", std::slice::from_ref(&den)),
        ["secret words", "first words"]
    );
    let bob = PersonId::Account(AccountId(5));
    let by = UserName::parse("bob").unwrap();
    let edit = |person| {
        decided(
            2_000,
            Fact::MessageEdited {
                room: den.clone(),
                seq: 1,
                body: Body::parse("other words").unwrap(),
                by: by.clone(),
                person,
            },
        )
    };
    let committed = log.append(vec![edit(ADA), edit(bob)]).into_iter();
    let outcomes: Vec<_> = committed.map(|committed| committed.outcome).collect();
    let changed = Ok(Recorded::Changed { rev: 2 });
    assert_eq!(outcomes, [Err(LogError::NotTheirs), changed]);
    assert_eq!(data.found("words", &[den]), ["other words", "first words"]);
}

#[test]
fn database_of_version_3_keeps_edits_deletions_and_reactions() {
    let data = Data::of(VERSION_3);
    let mut log = data.log();
    let rooms = log.rooms().unwrap();
    assert_eq!((rooms[0].seq, rooms[0].rev), (2, 3));
    assert_eq!(rooms[1].roles, [(ADA, Role::Owner)]);
    let lobby = data.page("lobby", Span::Newest);
    let first = lobby.messages[0].said().unwrap();
    assert_eq!(first.body.as_str(), "first words");
    assert_eq!(first.edited_at, Some(Timestamp(1_002)));
    assert_eq!(first.reactions.as_slice()[0].count, 1);
    assert!(lobby.messages[1].said().is_none(), "deleted");
    let revs = lobby.changes.iter().map(|change| change.rev);
    assert!(revs.eq([1, 2, 3]));
    let den = room("den");
    assert_eq!(data.found("words", &[]), ["first words"]);
    let everywhere = data.found("words", &[den]);
    assert_eq!(everywhere, ["secret words", "first words"]);

    let eve = party(PersonId::Guest(GuestId(9)), "eve");
    let fox = |seq| reacted("lobby", &eve, seq, "🦊");
    assert_eq!(record(&mut log, 2_000, fox(1)), Err(LogError::Already));
    assert_eq!(
        record(&mut log, 2_000, fox(2)),
        Err(LogError::NoSuchMessage)
    );
    let ada = party(ADA, "Ada");
    let edit = edited("lobby", &ada, 1, "other words");
    let changed = Ok(Recorded::Changed { rev: 4 });
    assert_eq!(record(&mut log, 2_000, edit), changed);
    assert_eq!(data.found("words", &[]), ["other words"]);
    check_erasing(&data, log, "words");
}

#[test]
fn database_of_version_4_keeps_members_rules_and_conversations() {
    let data = Data::of(VERSION_4);
    let mut log = data.log();
    let rooms = log.rooms().unwrap();
    let names: Vec<&str> = rooms.iter().map(|room| room.name.as_str()).collect();
    let [ada, bob] = [3, 4].map(|id| PersonId::Account(AccountId(id)));
    let direct = RoomName::direct(ada, bob);
    assert_eq!(names, ["lobby", "Den", direct.as_str()]);
    let books = &rooms[1].books;
    let marks = books.members.iter().map(|it| (it.account.0, it.read));
    assert!(marks.eq([(3, 1), (4, 0)]));
    assert_eq!(books.slow_mode, Duration::from_secs(30));
    assert_eq!(books.invites.len(), 1);
    let ban = &books.restraints[0];
    assert_eq!((ban.kind, ban.by.as_str()), (RestraintKind::Ban, "Ada"));
    assert_eq!((ban.reason.as_str(), ban.at), ("spam", Timestamp(1_004)));
    let parties = [party(ada, "Ada"), party(bob, "Bob")];
    assert_eq!(rooms[2].books.parties, parties);
    assert_eq!(data.audit(Some("den"), None, 10).len(), 1);
    assert_eq!(
        data.found("words", &[direct]),
        ["whispered words", "first words"]
    );
    // The room that was removed goes on going.
    check_erasing(&data, log, "forgotten");
}

#[test]
fn database_of_version_6_keeps_what_is_banned_and_erased() {
    let data = Data::of(VERSION_6);
    let mut log = data.log();
    let roll = log.accounts().unwrap();
    let roles = roll.accounts.iter().map(|account| account.server_role);
    assert!(roles.eq([Role::Owner, Role::Op]));
    let bans: Vec<_> = roll.bans.iter().map(|ban| (&ban.whom, ban.until)).collect();
    let network = Banned::Network(Network::parse("203.0.113.0/24").unwrap());
    let eve = party(PersonId::Guest(GuestId(9)), "eve");
    let person = Banned::Person(eve.clone());
    assert_eq!(bans, [(&network, None), (&person, Some(Timestamp(9_000)))]);
    assert_eq!((roll.logins.len(), roll.invites.len()), (1, 1));
    assert_eq!(data.audit(None, None, 10).len(), 3);

    let rooms = log.rooms().unwrap();
    assert_eq!(rooms.len(), 2);
    let books = &rooms[1].books;
    assert_eq!((books.erased, books.retention_days), (1, Some(30)));
    assert_eq!(books.oldest_at, Some(Timestamp(1_005)));
    assert_eq!(
        (&books.restraints[0].whom, books.restraints[0].from.len()),
        (&eve, 1)
    );
    let den = data.page("den", Span::Newest);
    assert_eq!((den.erased, den.messages[0].seq, den.seq), (1, 2, 2));
    assert_eq!(den.changes[0].kind, ChangeKind::Deleted { seq: 1 });
    let before = Timestamp(2_000);
    let expired = record(
        &mut log,
        2_001,
        in_room("den", RoomFact::Expired { before }),
    );
    let oldest_at = None;
    assert_eq!(
        expired,
        Ok(Recorded::Erased {
            up_to: 2,
            oldest_at,
            has_remains: false
        })
    );
    assert_eq!(data.found("words", &[]), [""; 0]);
    check_erasing(&data, log, "words");
}

#[test]
fn database_of_version_5_keeps_accounts_and_knows_who_banned_whom() {
    let data = Data::of(VERSION_5);
    let mut log = data.log();
    let roll = log.accounts().unwrap();
    let roles: Vec<_> = roll
        .accounts
        .iter()
        .map(|account| (account.name.as_str(), account.server_role))
        .collect();
    assert_eq!(roles, [("root", Role::Owner), ("Ada", Role::Member)]);
    assert_eq!((roll.logins.len(), roll.bans.len()), (1, 0));

    let rooms = log.rooms().unwrap();
    let restraints = &rooms[1].books.restraints;
    let known: Vec<_> = restraints
        .iter()
        .map(|it| {
            let (name, by) = (it.whom.name.as_str(), it.by.as_str());
            (it.kind, name, by, it.at.0, it.reason.as_str())
        })
        .collect();
    assert_eq!(
        known,
        [
            (RestraintKind::Ban, "eve", "root", 1009, "spam"),
            (RestraintKind::Mute, "eve", "Ada", 1008, ""),
            // Nothing tells of it any more.
            (RestraintKind::Mute, "dave", "unreadable", 0, ""),
        ]
    );
    assert_eq!(restraints[0].until, Some(Timestamp(9_000)));
    assert!(restraints.iter().all(|it| it.from.is_empty()));
    assert_eq!(rooms[1].books.members.len(), 1);
}

#[test]
fn database_of_version_7_keeps_who_guests_became_and_lifts_what_they_took_over() {
    let data = Data::of(VERSION_7);
    let mut log = data.log();
    let [root, ada, bob] = [2, 6, 8].map(AccountId);
    let guest = GuestId(9);
    assert_eq!(log.accounts().unwrap().heirs, [(guest, ada), (guest, bob)]);
    // Under what name the guest spoke is not known: the key is free for the account.
    let again = Fact::MessagePosted {
        room: room("den"),
        from: UserName::parse("Bob").unwrap(),
        person: PersonId::Account(bob),
        body: Body::parse("other words").unwrap(),
        key: Some(MessageKey::parse("k1").unwrap()),
        reply_to: None,
    };
    let posted = Ok(Recorded::Posted { seq: 2 });
    assert_eq!(record(&mut log, 2_000, again), posted);
    assert_eq!(log.rooms().unwrap()[1].books.restraints.len(), 3);
    let unban = RoomFact::Measured {
        by: party(PersonId::Account(root), "root"),
        whom: party(PersonId::Guest(guest), "Eve"),
        measure: Measure::Unban,
        from: Vec::new(),
        reason: Reason::default(),
    };
    let noted = Ok(Recorded::Noted);
    assert_eq!(record(&mut log, 2_001, in_room("den", unban)), noted);
    assert_eq!(log.rooms().unwrap()[1].books.restraints, []);
    check_erasing(&data, log, "forgotten");
}

#[test]
fn database_of_version_5_takes_bans_of_the_server() {
    let data = Data::of(VERSION_5);
    let mut log = data.log();
    let network = Network::parse("203.0.113.0/24").unwrap();
    let by = UserName::parse("root").unwrap();
    let ban = decided(
        2_000,
        Fact::Server(ServerFact::Banned {
            by: Party {
                person: PersonId::Account(AccountId(2)),
                name: by.clone(),
            },
            whom: Banned::Network(network),
            until: None,
            reason: Reason::default(),
        }),
    );
    assert_eq!(log.append(vec![ban])[0].outcome, Ok(Recorded::Noted));
    let kept = BanRecord {
        whom: Banned::Network(network),
        by,
        at: Timestamp(2_000),
        until: None,
        reason: Reason::default(),
    };
    assert_eq!(log.accounts().unwrap().bans, [kept]);
    assert_eq!(data.found("words", &[]), ["first words"]);
}

/// Has a room with all that is in it erased, beside those that were removed before; what has that word
/// is gone from everywhere then.
fn check_erasing(data: &Data, mut log: Log, word: &str) {
    for room in log.rooms().unwrap() {
        let (name, by) = (room.name, None);
        if name != RoomName::lobby() {
            let removed = in_room(name.as_str(), RoomFact::Removed { by });
            record(&mut log, 3_000, removed).unwrap();
        }
    }
    let before = Timestamp(3_000);
    for _ in 0..10 {
        record(
            &mut log,
            3_001,
            in_room("lobby", RoomFact::Expired { before }),
        )
        .unwrap();
    }
    while log.has_remains() {
        log.erase_remains();
    }
    assert_eq!(log.rooms().unwrap().len(), 1);
    log.close();
    data.check_index();
    let database = data.database();
    for table in ["messages", "changes", "reactors"] {
        let sql = format!("SELECT count(*) FROM {table}");
        let left: i64 = database.query_row(&sql, (), |row| row.get(0)).unwrap();
        assert_eq!(left, 0, "{table}");
    }
    assert!(!data.has_text(&format!(" {word}")), "{word}");
}

type Said<'a> = (u64, i64, &'a str, &'a str, Option<&'a str>, Option<u64>);

fn said(message: &Message) -> Said<'_> {
    let said = message.said().unwrap();
    assert_eq!((said.edited_at, said.reactions.as_slice()), (None, &[][..]));
    (
        message.seq,
        message.at.0,
        message.from.as_str(),
        said.body.as_str(),
        said.key.as_ref().map(MessageKey::as_str),
        said.reply_to,
    )
}
