//! Who is kept out of the whole server, in the log: it holds when a server starts again.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod storage_support;

use chinwag::chat::bans::{BanRecord, Banned, ServerFact};
use chinwag::chat::event::Role;
use chinwag::chat::log::{Fact, Recorded};
use chinwag::chat::order::Deed;
use chinwag::chat::{AccountId, GuestId, Network, Party, PersonId, Reason, Timestamp};
use storage_support::{Data, party, user};

fn record(data: &Data, at: i64, fact: ServerFact) {
    let recorded = storage_support::record(&mut data.log(), at, Fact::Server(fact));
    assert_eq!(recorded, Ok(Recorded::Noted));
}

fn bans(data: &Data) -> Vec<BanRecord> {
    data.log().accounts().unwrap().bans
}

fn root() -> Party {
    party(PersonId::Account(AccountId(2)), "root")
}

fn reason() -> Reason {
    Reason::parse("spam").unwrap()
}

fn ban(whom: Banned, until: Option<i64>) -> ServerFact {
    ServerFact::Banned {
        by: root(),
        whom,
        until: until.map(Timestamp),
        reason: reason(),
    }
}

fn unban(whom: Banned) -> ServerFact {
    let (by, reason) = (root(), Reason::default());
    ServerFact::Unbanned { by, whom, reason }
}

fn kept(whom: Banned, at: i64, until: Option<i64>) -> BanRecord {
    BanRecord {
        whom,
        by: root().name,
        at: Timestamp(at),
        until: until.map(Timestamp),
        reason: reason(),
    }
}

fn everybody() -> [Banned; 4] {
    [
        Banned::Person(party(PersonId::Account(AccountId(7)), "Ada")),
        Banned::Person(party(PersonId::Guest(GuestId(9)), "eve")),
        Banned::Network(Network::parse("203.0.113.0/24").unwrap()),
        Banned::Network(Network::parse("2001:db8::/32").unwrap()),
    ]
}

#[test]
fn bans_are_there_again_until_they_are_lifted_or_over() {
    let data = Data::new();
    let [ada, eve, ipv4, ipv6] = everybody();
    for (at, whom) in (1..).zip(everybody()) {
        record(&data, at, ban(whom, (at == 1).then_some(50)));
    }
    assert_eq!(
        bans(&data),
        [
            kept(ada, 1, Some(50)),
            kept(eve.clone(), 2, None),
            kept(ipv4.clone(), 3, None),
            kept(ipv6.clone(), 4, None),
        ]
    );
    record(&data, 49, unban(ipv4));
    record(&data, 50, ban(eve.clone(), Some(90)));
    assert_eq!(
        bans(&data),
        [kept(ipv6.clone(), 4, None), kept(eve.clone(), 50, Some(90))],
        "one takes another's place, and what is over is forgotten"
    );
    record(&data, 51, unban(eve));
    record(&data, 52, unban(ipv6));
    assert_eq!(bans(&data), []);
}

#[test]
fn what_was_done_on_the_server_is_told_the_newest_first() {
    let data = Data::new();
    let [ada, eve, ipv4, _] = everybody();
    for whom in [ada, eve.clone(), ipv4.clone()] {
        record(&data, 1_000, ban(whom, Some(9_000)));
    }
    record(&data, 1_001, unban(ipv4.clone()));
    let op = ServerFact::OpSet {
        by: root(),
        account: AccountId(7),
        name: user("Ada"),
        is_op: true,
    };
    record(&data, 1_002, op);
    let newest = data.audit(None, None, 2);
    assert_eq!(newest.len(), 3, "one more tells that there is more");
    let role = Deed::ServerRole {
        name: user("Ada"),
        role: Role::Op,
    };
    let unbanned = Deed::ServerUnban {
        whom: ipv4.clone(),
        reason: Reason::default(),
    };
    let banned = |whom| Deed::ServerBan {
        whom,
        until: Some(Timestamp(9_000)),
        reason: reason(),
    };
    let deeds: Vec<Deed> = newest.iter().map(|entry| entry.deed.clone()).collect();
    assert_eq!(deeds, [role, unbanned, banned(ipv4)]);
    let older = data.audit(None, Some(newest[2].id), 10);
    assert_eq!((older.len(), &older[0].deed), (2, &banned(eve)));
    assert_eq!(
        (older[0].by.as_str(), older[0].at),
        ("root", Timestamp(1_000))
    );
}

#[test]
fn bans_edited_by_hand_are_left_out() {
    let data = Data::new();
    for (at, whom) in (1..).zip(everybody()) {
        record(&data, at, ban(whom, None));
    }
    data.database()
        .execute_batch("UPDATE bans SET network = 'everywhere' WHERE network LIKE '203%'")
        .unwrap();
    assert_eq!(bans(&data).len(), 3);
}
