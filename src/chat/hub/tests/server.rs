//! Who keeps order on the whole server, and who is kept out of it.

use std::time::Duration;

use super::accounts::{add_admin, log_in, order, register};
use super::*;
use crate::chat::bans::{BanRecord, Banned};
use crate::chat::command::{Order, RoomCommand, ServerCommand, Whom};
use crate::chat::event::{Member, Role};
use crate::chat::order::{Reason, RestraintKind};

fn network(text: &str) -> Network {
    Network::parse(text).expect(text)
}

fn address(text: &str) -> ClientAddress {
    ClientAddress::of(text.parse().expect(text))
}

/// Reads a name, or an address.
fn whom(text: &str) -> Whom {
    match Network::parse(text) {
        Ok(network) => Whom::Network(network),
        Err(_) => Whom::Name(user(text)),
    }
}

fn server_ban(text: &str, seconds: Option<u64>) -> Command {
    Command::Server(ServerCommand::Ban {
        whom: whom(text),
        lasting: seconds.map(Duration::from_secs),
        reason: Reason::parse("spam").unwrap(),
    })
}

fn server_unban(text: &str) -> Command {
    Command::Server(ServerCommand::Unban {
        whom: whom(text),
        reason: Reason::default(),
    })
}

fn server_role(name: &str, is_op: bool) -> Command {
    let name = user(name);
    Command::Server(ServerCommand::SetOp { name, is_op })
}

pub(super) fn address_ban(room: &str, name: &str) -> Command {
    let restrain = RoomCommand::Restrain {
        kind: RestraintKind::Ban,
        name: user(name),
        lasting: None,
        address: true,
        reason: Reason::default(),
    };
    keep(room, restrain)
}

impl World {
    /// A server with an owner (1), an operator (2), and somebody with an account (3).
    fn ordered() -> Self {
        let mut world = Self::new();
        add_admin(&mut world, "root");
        world.get(1, log_in("root", 1)).unwrap();
        for (who, name) in [(2, "oppie"), (3, "mary")] {
            world
                .get(who, register(name, u8::try_from(who).unwrap()))
                .unwrap();
        }
        world.get(1, server_role("oppie", true)).unwrap();
        world
    }

    pub(super) fn connect_from(&mut self, who: u64, text: &str) {
        self.addresses.insert(who, address(text));
    }

    fn banned(&mut self, who: u64) -> Vec<BanRecord> {
        match self.get(who, Command::Server(ServerCommand::Bans { before: None })) {
            Ok(Done::Bans {
                room: None, bans, ..
            }) => bans,
            other => panic!("{other:?}"),
        }
    }

    fn is_let_in(&self, text: &str) -> bool {
        self.network_bans.find(address(text), self.now).is_none()
    }
}

fn refused(left_s: Option<u64>) -> Result<Done, ChatError> {
    Err(ChatError::BannedFromServer { left_s })
}

#[test]
fn table_of_who_may_what_on_the_server() {
    let mut world = World::ordered();
    world.get(4, hello("guest", 4)).unwrap();
    world.get(5, hello("troll", 5)).unwrap();
    world.get(4, create("den", Visibility::Public)).unwrap();
    let audit = ServerCommand::Audit {
        before: None,
        limit: 1,
    };
    let commands = [
        server_ban("troll", Some(1)),
        server_ban("203.0.113.0/24", Some(3)),
        server_unban("203.0.113.0/24"),
        Command::Server(ServerCommand::Bans { before: None }),
        Command::Server(audit),
        server_role("mary", true),
        server_role("mary", false),
    ];
    for (who, expected) in [
        (1, "●●●●●●●"),
        (2, "●●●●●  "),
        (3, "       "),
        (4, "       "),
    ] {
        let marks = commands.clone().map(|command| {
            world.now.0 += 2_000;
            world.get(5, hello("troll", 5)).ok();
            let is_done = match world.get(who, command) {
                Ok(_) => true,
                Err(error) => {
                    assert_eq!(error.code(), "forbidden", "{who}: {error}");
                    false
                }
            };
            if is_done { '●' } else { ' ' }
        });
        assert_eq!(String::from_iter(marks), expected, "{who}");
    }
}

#[test]
fn banned_account_is_closed_and_stays_out_until_the_end() {
    let mut world = World::ordered();
    world.get(3, join("lobby")).unwrap();
    world.get(2, join("lobby")).unwrap();
    world.seen.clear();
    world.get(2, server_ban("MARY", Some(60))).unwrap();
    assert_eq!(world.closed, [session(3)]);
    assert_eq!(world.seen_by(2), ["lobby -mary"]);
    assert_eq!(world.get(6, log_in("mary", 6)), refused(Some(60)));
    let listed = world.banned(1);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].by.as_str(), "oppie");
    assert_eq!(listed[0].until, Some(Timestamp(60_000)));
    assert_eq!(listed[0].reason.as_str(), "spam");
    world.now.0 += 59_999;
    assert_eq!(world.get(6, log_in("mary", 6)), refused(Some(1)));
    world.now.0 += 1;
    world.get(6, log_in("mary", 6)).unwrap();
    assert_eq!(world.banned(1), []);
    assert_eq!(code(world.get(1, server_unban("mary"))), "not_found");
}

#[test]
fn banned_guest_is_known_by_identity_and_by_name() {
    let mut world = World::ordered();
    world.get(4, hello("eve", 4)).unwrap();
    world.get(2, server_ban("eve", None)).unwrap();
    assert_eq!(world.closed, [session(4)]);
    assert_eq!(world.get(5, hello("eve", 5)), refused(None), "by name");
    assert_eq!(world.get(5, hello("evelyn", 4)), refused(None), "by token");
    assert_eq!(world.get(5, register("Eve", 5)), refused(None));
    world.get(5, hello("evelyn", 5)).unwrap();
    world.get(2, server_unban("eve")).unwrap();
    world.get(6, hello("eve", 6)).unwrap();
}

#[test]
fn guest_who_takes_a_banned_name_is_banned() {
    let mut world = World::ordered();
    world.get(4, hello("eve", 4)).unwrap();
    world.get(2, server_ban("eve", None)).unwrap();
    world.get(5, hello("dave", 5)).unwrap();
    assert_eq!(world.get(5, hello("eve", 5)), refused(None));
}

#[test]
fn one_bans_those_below_and_nobody_above_or_beside() {
    let mut world = World::ordered();
    world.get(3, create("den", Visibility::Public)).unwrap();
    for (who, name) in [(1, "root"), (2, "oppie"), (2, "root")] {
        let result = world.get(who, server_ban(name, None));
        assert_eq!(code(result), "forbidden", "{who} bans {name}");
    }
    // Not present, he is who he is all the same.
    world.step(Input::Disconnected(session(1)));
    assert_eq!(code(world.get(2, server_ban("root", None))), "forbidden");
    assert_eq!(code(world.get(2, server_ban("nobody", None))), "not_found");
    // To own a room is nothing on the server.
    world.get(2, server_ban("mary", None)).unwrap();
}

#[test]
fn nobody_shuts_out_themselves_or_those_above_by_address() {
    let mut world = World::ordered();
    for (who, from) in [(7, "203.0.113.7"), (8, "198.51.100.8"), (9, "192.0.2.9")] {
        world.connect_from(who, from);
    }
    world.get(7, log_in("root", 7)).unwrap();
    world.get(8, log_in("oppie", 8)).unwrap();
    world.get(9, log_in("mary", 9)).unwrap();
    for (who, text) in [
        (7, "203.0.113.7"),
        (7, "203.0.0.0/8"),
        (8, "198.51.100.0/24"),
        (8, "203.0.113.0/24"),
    ] {
        let result = world.get(who, server_ban(text, None));
        assert_eq!(code(result), "forbidden", "{who} bans {text}");
    }
    assert!(world.is_let_in("203.0.113.7") && world.is_let_in("198.51.100.8"));
    world.get(8, server_ban("192.0.2.0/24", None)).unwrap();
    assert!(!world.is_let_in("192.0.2.9"));
    // An owner who has gone comes back from there; of their own places owners dispose themselves.
    world.step(Input::Disconnected(session(7)));
    let again = world.get(8, server_ban("203.0.113.0/24", None));
    assert_eq!(code(again), "forbidden");
    world.get(10, log_in("root", 10)).unwrap();
    for text in ["203.0.113.0/24", "198.51.100.0/24"] {
        world.get(10, server_ban(text, None)).unwrap();
    }
}

#[test]
fn bans_of_addresses_are_told_to_those_who_let_people_in() {
    let mut world = World::ordered();
    world
        .get(1, server_ban("203.0.113.0/24", Some(60)))
        .unwrap();
    world.get(1, server_ban("2001:db8::1", None)).unwrap();
    assert!(!world.is_let_in("203.0.113.9") && !world.is_let_in("2001:db8::2"));
    let known: BTreeSet<String> = world
        .banned(1)
        .into_iter()
        .map(|ban| match ban.whom {
            Banned::Network(network) => network.to_string(),
            Banned::Person(party) => party.name.to_string(),
        })
        .collect();
    assert!(known.into_iter().eq(["2001:db8::/64", "203.0.113.0/24"]));
    let began = world.hub.network_bans();
    assert_eq!(
        began.find(address("203.0.113.1"), world.now),
        Some(Some(Timestamp(60_000)))
    );
    assert_eq!(code(world.get(1, server_unban("203.0.113.1"))), "not_found");
    world.get(1, server_unban("203.0.113.0/24")).unwrap();
    assert!(world.is_let_in("203.0.113.9"));
    assert_eq!(world.banned(1).len(), 1);
    assert_eq!(network("2001:db8::/64"), network("2001:db8::1"));
}

#[test]
fn ban_that_the_log_cannot_keep_bans_nobody() {
    let mut world = World::ordered();
    world.log.is_failing = true;
    for text in ["mary", "203.0.113.0/24"] {
        assert_eq!(code(world.get(1, server_ban(text, None))), "busy");
    }
    assert_eq!(world.closed, []);
    assert!(world.is_let_in("203.0.113.1"));
    assert_eq!(world.banned(1), []);
}

#[test]
fn servers_operator_keeps_order_in_public_rooms_and_knows_of_no_others() {
    let mut world = World::ordered();
    world.get(3, create("tea", Visibility::Public)).unwrap();
    world.get(4, hello("eve", 4)).unwrap();
    world.get(4, join("tea")).unwrap();
    world.get(2, ban("tea", "eve", None)).unwrap();
    assert_eq!(code(world.get(2, ban("tea", "mary", None))), "forbidden");
    world.get(3, create("den", Visibility::Private)).unwrap();
    assert_eq!(code(world.get(2, join("den"))), "not_found");
    world.get(1, join("den")).unwrap();
    world.get(1, server_role("oppie", false)).unwrap();
    assert_eq!(code(world.get(2, ban("tea", "eve", None))), "forbidden");
}

#[test]
fn role_on_the_server_is_shown_on_entering_and_ends_with_a_ban() {
    let mut world = World::ordered();
    let role = |world: &mut World, who: u64, name: &str| match world
        .get(who, log_in(name, u8::try_from(who).unwrap()))
    {
        Ok(Done::Welcomed {
            you: Member { role, .. },
            ..
        }) => role,
        other => panic!("{other:?}"),
    };
    assert_eq!(role(&mut world, 6, "oppie"), Role::Op);
    assert_eq!(role(&mut world, 7, "root"), Role::Owner);
    world.get(1, server_ban("oppie", None)).unwrap();
    world.get(1, server_unban("oppie")).unwrap();
    assert_eq!(role(&mut world, 8, "oppie"), Role::Member);
    assert_eq!(code(world.get(1, server_role("root", false))), "forbidden");
    assert_eq!(code(world.get(1, server_role("nobody", true))), "not_found");
    assert_eq!(code(world.get(1, server_role("mary", false))), "already");
    let Ok(Done::Accounts(accounts)) = order(&mut world, Order::List) else {
        panic!("a list")
    };
    let roles: Vec<Role> = accounts.iter().map(|it| it.server_role).collect();
    assert_eq!(roles, [Role::Owner, Role::Member, Role::Member]);
}

#[test]
fn room_ban_with_the_address_keeps_out_whoever_comes_from_there() {
    let mut world = World::ordered();
    for who in [4, 5, 6] {
        world.connect_from(who, "203.0.113.4");
    }
    world.connect_from(7, "203.0.113.5");
    world.get(3, create("den", Visibility::Public)).unwrap();
    world.enter(4, "eve", "den");
    world.get(3, address_ban("den", "eve")).unwrap();
    world.get(5, hello("other", 5)).unwrap();
    assert_eq!(code(world.get(5, join("den"))), "banned");
    world.get(5, join("lobby")).unwrap();
    world.get(7, hello("elsewhere", 7)).unwrap();
    world.get(7, join("den")).unwrap();
    // Who keeps order there sits in the same house.
    world.get(6, log_in("mary", 6)).unwrap();
    world.get(6, join("den")).unwrap();
    let bans = match world.get(3, restrained("den", RestraintKind::Ban)) {
        Ok(Done::Bans {
            room: Some(_),
            kind: RestraintKind::Ban,
            bans,
            more: false,
        }) => bans,
        other => panic!("{other:?}"),
    };
    assert_eq!(bans.len(), 1);
    assert!(matches!(&bans[0].whom, Banned::Person(party) if party.name == user("eve")));
    assert_eq!(bans[0].by, user("mary"));
    assert_eq!(
        code(world.get(7, restrained("den", RestraintKind::Ban))),
        "forbidden"
    );
    let lift = RoomCommand::Lift {
        kind: RestraintKind::Ban,
        name: user("eve"),
        reason: Reason::default(),
    };
    world.get(3, keep("den", lift)).unwrap();
    world.get(5, join("den")).unwrap();
}
