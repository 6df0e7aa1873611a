//! How much somebody may ask for over all of their connections.

use super::accounts::{account, add_admin, log_in, order, register, token};
use super::*;
use crate::chat::command::{AccountCommand, Order};
use crate::chat::rate_limit::Rate;
use crate::chat::shares::{Scope as Sharer, Share};

fn rate(per_second: f64, burst: f64) -> Rate {
    Rate { per_second, burst }
}

impl World {
    /// A server where an account may say 3 things at once, then one in half a second, and five may be
    /// said from an address; two rooms may be entered by an account at once.
    fn sharing() -> Self {
        let mut world = Self::new();
        let account = Share {
            messages: rate(2.0, 3.0),
            bytes: rate(100.0, 1_000.0),
            joins: rate(1.0, 2.0),
        };
        let address = Share {
            messages: rate(4.0, 5.0),
            ..Share::FREE
        };
        world.hub.policy.allowances = Allowances { account, address };
        world
    }

    fn say(&mut self, who: u64) -> Result<Done, ChatError> {
        self.get(who, send("lobby", "x", None))
    }
}

fn too_soon(retry_after_ms: u32) -> Result<Done, ChatError> {
    Err(ChatError::RateLimited { retry_after_ms })
}

#[test]
fn connections_of_an_account_share_what_it_may_say() {
    let mut world = World::sharing();
    world.get(1, register("ada", 1)).unwrap();
    world.get(2, log_in("ada", 2)).unwrap();
    for who in [1, 2] {
        world.get(who, join("lobby")).unwrap();
    }
    assert!([1, 2, 1].into_iter().all(|who| world.say(who).is_ok()));
    assert_eq!(world.say(2), too_soon(500));
    let react = Command::React {
        room: room("lobby"),
        seq: 1,
        emoji: Emoji::parse("🦊").unwrap(),
        on: true,
    };
    assert_eq!(world.get(1, react.clone()), too_soon(500));
    assert_eq!(world.limited, [Sharer::Account; 2]);
    world.now.0 += 500;
    world.get(1, react).unwrap();
    assert_eq!(
        world.log.rooms[0].1.len(),
        3,
        "what was refused is not said"
    );
}

#[test]
fn bytes_are_shared_too() {
    let mut world = World::sharing();
    world.enter(1, "ada", "lobby");
    let long = "x".repeat(1_000);
    world.get(1, send("lobby", &long, None)).unwrap();
    assert_eq!(
        world.get(1, send("lobby", &"x".repeat(50), None)),
        too_soon(500)
    );
    world.now.0 += 500;
    world.get(1, send("lobby", &"x".repeat(50), None)).unwrap();
}

#[test]
fn rooms_are_entered_as_fast_as_an_account_may() {
    let mut world = World::sharing();
    world.get(1, hello("ada", 1)).unwrap();
    world.get(1, join("lobby")).unwrap();
    world.get(1, join("tea")).unwrap();
    assert_eq!(world.get(1, join("den")), too_soon(1_000));
    world.say(1).unwrap();
    world.now.0 += 1_000;
    world.get(1, join("den")).unwrap();
}

#[test]
fn guests_of_an_address_share_it_and_others_do_not() {
    let mut world = World::sharing();
    for who in 1..=4_u64 {
        let text = if who == 4 {
            "203.0.113.8"
        } else {
            "203.0.113.7"
        };
        let address = ClientAddress::of(text.parse().unwrap());
        world.addresses.insert(who, address);
        world.enter(who, &format!("guest {who}"), "lobby");
    }
    assert!(
        [1, 1, 2, 2, 3]
            .into_iter()
            .all(|who| world.say(who).is_ok())
    );
    assert_eq!(world.say(3), too_soon(250));
    assert_eq!(world.limited, [Sharer::Address]);
    world.say(4).unwrap();
    world.now.0 += 250;
    world.say(3).unwrap();
}

#[test]
fn what_a_program_posts_counts_for_its_account() {
    let mut world = World::sharing();
    add_admin(&mut world, "root");
    let add = Order::AddBot {
        name: UserName::parse("builder").unwrap(),
        token: token(9),
    };
    order(&mut world, add).unwrap();
    let post = || {
        account(AccountCommand::Post {
            token: token(9),
            room: RoomName::lobby(),
            body: Body::parse("built").unwrap(),
            key: None,
            reply_to: None,
        })
    };
    // Each by a connection of its own.
    for who in 1..=3 {
        world.get(who, post()).unwrap();
    }
    assert_eq!(world.get(4, post()), too_soon(500));
}
