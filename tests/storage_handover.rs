//! What the log hands over from a guest to an account, and what it knows of both afterwards.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod storage_support;

use chinwag::chat::account::{AccountFact, NewAccount};
use chinwag::chat::event::Role;
use chinwag::chat::inheritance::{Inheritance, InheritedRestraint};
use chinwag::chat::log::{Fact, LogError, Recorded, RoomFact, Visibility};
use chinwag::chat::order::{Measure, RestraintKind};
use chinwag::chat::{
    AccountId, Body, ChatError, GuestId, MessageKey, Party, PersonId, Reason, Timestamp, Topic,
};
use chinwag::storage::Log;
use storage_support::{Data, in_room, party, record, room, user};

const REFUSAL: ChatError = ChatError::Muted { left_s: None };

fn guest(id: u128, name: &str) -> Party {
    party(PersonId::Guest(GuestId(id)), name)
}

/// Makes an account.
fn open(log: &mut Log, name: &str) -> (AccountId, Party) {
    let opened = AccountFact::Opened(NewAccount {
        name: user(name),
        password: None,
        is_admin: false,
        invite: None,
        claim: None,
        login: None,
        restraints: Vec::new(),
    });
    match record(log, 1, Fact::Account(opened)) {
        Ok(Recorded::AccountOpened(id)) => (id, party(PersonId::Account(id), name)),
        other => panic!("{other:?}"),
    }
}

/// Has an account take over from a guest.
fn hand_over(
    log: &mut Log,
    (guest, known_as): (u128, &str),
    (account, heir): &(AccountId, Party),
    restraints: Vec<InheritedRestraint>,
) {
    let inherited = AccountFact::Inherited(Box::new(Inheritance {
        account: *account,
        name: heir.name.clone(),
        guest: GuestId(guest),
        known_as: user(known_as),
        rooms: Vec::new(),
        restraints,
    }));
    let noted = Ok(Recorded::Noted);
    assert_eq!(record(log, 2, Fact::Account(inherited)), noted);
}

fn send(log: &mut Log, from: &Party, key: &str) -> Result<Recorded, LogError> {
    let posted = Fact::MessagePosted {
        room: room("lobby"),
        from: from.name.clone(),
        person: from.person,
        body: Body::parse("hello").unwrap(),
        key: Some(MessageKey::parse(key).unwrap()),
        reply_to: None,
    };
    record(log, 3, posted)
}

fn refuse(log: &mut Log, from: &Party, key: &str) -> Result<Recorded, LogError> {
    let refused = Fact::MessageRefused {
        room: room("lobby"),
        from: from.name.clone(),
        person: from.person,
        key: MessageKey::parse(key).unwrap(),
        refusal: REFUSAL,
    };
    record(log, 4, refused)
}

fn measured(by: &Party, whom: &Party, measure: Measure) -> Fact {
    let fact = RoomFact::Measured {
        by: by.clone(),
        whom: whom.clone(),
        measure,
        from: Vec::new(),
        reason: Reason::default(),
    };
    in_room("den", fact)
}

#[test]
fn who_guests_became_outlasts_the_server() {
    let data = Data::new();
    let mut log = data.log();
    let (ada, bob) = (open(&mut log, "ada"), open(&mut log, "bob"));
    for (id, heir) in [(u128::MAX, &bob), (7, &ada), (8, &ada), (8, &ada)] {
        hand_over(&mut log, (id, "gus"), heir, Vec::new());
    }
    log.close();
    let heirs = [(7, ada.0), (8, ada.0), (u128::MAX, bob.0)];
    let heirs = heirs.map(|(id, account)| (GuestId(id), account));
    assert_eq!(data.log().accounts().unwrap().heirs, heirs);
}

#[test]
fn key_of_a_guest_is_the_accounts_too() {
    let data = Data::new();
    let mut log = data.log();
    let (gus, xan) = (guest(7, "Gus"), open(&mut log, "xan"));
    let posted = |seq| Ok(Recorded::Posted { seq });
    let repeated = |seq| {
        let at = Timestamp(3);
        Ok(Recorded::Repeated { seq, at })
    };
    assert_eq!(send(&mut log, &gus, "k1"), posted(1));
    // Not of an account of somebody else's, nor before.
    assert_eq!(refuse(&mut log, &xan.1, "k1"), Err(LogError::NoSuchMessage));
    hand_over(&mut log, (7, "gus"), &xan, Vec::new());
    log.close();
    let mut log = data.log();
    assert_eq!(send(&mut log, &xan.1, "k1"), repeated(1));
    assert_eq!(refuse(&mut log, &xan.1, "k1"), repeated(1));
    assert_eq!(send(&mut log, &xan.1, "k2"), posted(2));
    assert_eq!(refuse(&mut log, &xan.1, "k2"), repeated(2));
    assert_eq!(refuse(&mut log, &xan.1, "k3"), Err(LogError::NoSuchMessage));
    // Of somebody else who goes by the name later.
    assert_eq!(send(&mut log, &guest(8, "gus"), "k3"), posted(3));
    assert_eq!(send(&mut log, &xan.1, "k3"), posted(4));
    // As of the last of many guests.
    for id in 100..107 {
        hand_over(&mut log, (id, "many"), &xan, Vec::new());
    }
    assert_eq!(send(&mut log, &xan.1, "k1"), repeated(1));
    hand_over(&mut log, (107, "many"), &xan, Vec::new());
    assert_eq!(send(&mut log, &xan.1, "k1"), posted(5));
}

#[test]
fn what_holds_against_a_guest_is_lifted_for_the_account_too() {
    let data = Data::new();
    let mut log = data.log();
    let (ada, xan) = (open(&mut log, "ada").1, open(&mut log, "xan"));
    let created = Fact::RoomCreated {
        room: room("den"),
        visibility: Visibility::Public,
        topic: Topic::default(),
        owner: ada.person,
        by: ada.name.clone(),
        join: false,
    };
    assert_eq!(record(&mut log, 1, created), Ok(Recorded::RoomCreated));
    let (gus, eve) = (guest(7, "gus"), guest(8, "eve"));
    let joined = RoomFact::Joined {
        account: xan.0,
        name: xan.1.name.clone(),
        since: None,
        rev: None,
    };
    let joined = Fact::Room {
        room: room("den"),
        fact: joined,
    };
    record(&mut log, 1, joined).unwrap();
    let members = |log: &mut Log| log.rooms().unwrap().remove(1).books.members;
    assert_eq!(members(&mut log).len(), 2);
    let kinds = [
        (RestraintKind::Ban, Measure::Ban { until: None }),
        (RestraintKind::Mute, Measure::Mute { until: None }),
    ];
    let noted = Ok(Recorded::Noted);
    for (_, measure) in kinds {
        for whom in [&gus, &eve] {
            assert_eq!(record(&mut log, 2, measured(&ada, whom, measure)), noted);
        }
    }
    let carried = kinds.map(|(kind, _)| InheritedRestraint {
        room: room("den"),
        kind,
        until: None,
        by: ada.name.clone(),
        at: Timestamp(2),
        reason: Reason::default(),
    });
    hand_over(&mut log, (7, "gus"), &xan, carried.to_vec());
    // Who is banned so belongs to it no longer.
    let left = members(&mut log);
    assert!(left.iter().all(|it| it.account != xan.0), "{left:?}");
    let held = |log: &mut Log| -> Vec<(RestraintKind, String)> {
        let restraints = log.rooms().unwrap().remove(1).books.restraints;
        let held = restraints.into_iter();
        held.map(|it| (it.kind, it.whom.name.to_string())).collect()
    };
    assert_eq!(held(&mut log).len(), 6);
    assert_eq!(
        record(&mut log, 5, measured(&ada, &gus, Measure::Unban)),
        noted
    );
    assert_eq!(
        record(&mut log, 5, measured(&ada, &gus, Measure::Unmute)),
        noted
    );
    let eves = kinds.map(|(kind, _)| (kind, "eve".to_owned()));
    assert_eq!(held(&mut log), eves);
    // What was decided about the account itself is not: later, or with another end.
    for (at, until) in [(11, None), (10, Some(Timestamp(900)))] {
        let forever = Measure::Ban { until: None };
        assert_eq!(record(&mut log, 10, measured(&ada, &gus, forever)), noted);
        let own = Measure::Ban { until };
        assert_eq!(record(&mut log, at, measured(&ada, &xan.1, own)), noted);
        let unban = measured(&ada, &gus, Measure::Unban);
        assert_eq!(record(&mut log, 12, unban), noted);
        let bans = held(&mut log);
        assert!(bans.contains(&(RestraintKind::Ban, "xan".to_owned())));
        assert_eq!(bans.len(), 3, "nobody else: {bans:?}");
    }
    let role = log.rooms().unwrap().remove(1).roles;
    assert_eq!(role, [(ada.person, Role::Owner)]);
}
