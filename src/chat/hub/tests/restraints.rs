//! What holds against somebody holds however they come.

use super::accounts::{account, come_back, log_in, order, register, token};
use super::server::address_ban;
use super::*;
use crate::chat::command::{AccountCommand, Order, RoomCommand};

/// A message of the program with the token 9.
fn post(to: &str) -> Command {
    account(AccountCommand::Post {
        token: token(9),
        room: room(to),
        body: Body::parse("done").unwrap(),
        key: None,
        reply_to: None,
    })
}

impl World {
    /// A room of ada's (1), and a program with the token 9.
    fn with_tea() -> Self {
        let mut world = Self::new();
        world.get(1, register("ada", 1)).unwrap();
        world.get(1, create("tea", Visibility::Public)).unwrap();
        let add = Order::AddBot {
            name: user("builder"),
            token: token(9),
        };
        order(&mut world, add).unwrap();
        world
    }
}

#[test]
fn banned_address_keeps_out_programs_and_guests_who_log_in_there() {
    let mut world = World::with_tea();
    for who in [2, 3, 4, 5, 7] {
        world.connect_from(who, "203.0.113.4");
    }
    world.get(2, register("bob", 2)).unwrap();
    world.get(2, join("tea")).unwrap();
    world.enter(3, "eve", "tea");
    world.enter(4, "guest", "tea");
    world.enter(5, "another", "tea");
    world.enter(7, "keeper", "tea");
    world.get(1, address_ban("tea", "eve")).unwrap();
    world.get(6, post("tea")).unwrap();
    world.connect_from(6, "203.0.113.4");
    assert_eq!(code(world.get(6, post("tea"))), "banned");
    // Who is in the room stays, as whom they came.
    world.get(4, send("tea", "still here", None)).unwrap();
    world.get(4, register("carl", 4)).unwrap();
    assert_eq!(
        code(world.get(4, send("tea", "no more", None))),
        "forbidden"
    );
    assert_eq!(code(world.get(4, join("tea"))), "banned");
    // An account that belongs to the room does so still, on the connections that have joined.
    world.get(5, log_in("bob", 5)).unwrap();
    assert_eq!(code(world.get(5, join("tea"))), "banned");
    world.get(2, send("tea", "me too", None)).unwrap();
    assert_eq!(world.who(1, "tea"), ["ada", "bob", "keeper"]);
    // Who keeps order there is not kept out.
    world.get(7, come_back(1)).unwrap();
    world.get(7, send("tea", "quiet", None)).unwrap();
}

#[test]
fn slow_mode_holds_for_whoever_leaves_and_comes_back_logs_in_or_is_a_program() {
    let mut world = World::with_tea();
    world.get(1, slow_mode("tea", 60)).unwrap();
    world.enter(2, "bob", "tea");
    let say = || send("tea", "tea?", None);
    world.get(2, say()).unwrap();
    world.get(2, leave("tea")).unwrap();
    world.get(2, join("tea")).unwrap();
    assert_eq!(code(world.get(2, say())), "rate_limited");
    world.get(2, register("robert", 2)).unwrap();
    assert_eq!(code(world.get(2, say())), "rate_limited");
    world.get(2, leave("tea")).unwrap();
    world.get(2, join("tea")).unwrap();
    assert_eq!(code(world.get(2, say())), "rate_limited");
    world.get(3, post("tea")).unwrap();
    assert_eq!(code(world.get(3, post("tea"))), "rate_limited");
    world.now = Timestamp(60_000);
    world.get(2, say()).unwrap();
    world.get(3, post("tea")).unwrap();
}

#[test]
fn codes_of_a_room_end_when_that_is_asked_and_with_a_ban_where_they_matter() {
    let mut world = World::with_tea();
    world.get(1, create("den", Visibility::Private)).unwrap();
    let uninvite = || keep("den", RoomCommand::Uninvite);
    let comes_in = |world: &mut World, who: u64| {
        world.get(who, hello(&format!("guest{who}"), who)).unwrap();
        world.get(who, join_with("den", 7))
    };
    world.invite(1, "den", 7).unwrap();
    comes_in(&mut world, 2).unwrap();
    assert_eq!(code(world.get(2, uninvite())), "forbidden");
    comes_in(&mut world, 3).unwrap();
    world.get(1, uninvite()).unwrap();
    assert_eq!(code(comes_in(&mut world, 4)), "not_found");
    assert_eq!(world.who(1, "den"), ["ada", "guest2", "guest3"]);
    world.invite(1, "den", 7).unwrap();
    comes_in(&mut world, 4).unwrap();
    world.get(1, ban("den", "guest2", None)).unwrap();
    assert_eq!(code(comes_in(&mut world, 5)), "not_found");
}
