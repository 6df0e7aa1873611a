//! What logins and the keeping of rooms must know of each other.

use super::accounts::{account, add_admin, come_back, log_in, order, register, token};
use super::*;
use crate::chat::command::{AccountCommand, Order};

fn post(to: &str) -> Command {
    account(AccountCommand::Post {
        token: token(1),
        room: room(to),
        body: Body::parse("done").unwrap(),
        key: None,
        reply_to: None,
    })
}

fn disconnect(world: &mut World, who: u64) {
    world.step(Input::Disconnected(session(who)));
}

#[test]
fn server_is_its_owners_in_every_room_however_they_log_in() {
    let mut world = World::new();
    add_admin(&mut world, "root");
    world.get(1, register("ada", 1)).unwrap();
    world.get(1, create("tea", Visibility::Public)).unwrap();
    world.enter(2, "bob", "tea");
    for (who, login) in [(3, log_in("root", 3)), (4, come_back(3))] {
        world.get(who, login).unwrap();
        world.get(who, join("tea")).unwrap();
        let topic = Command::Topic {
            room: room("tea"),
            topic: Topic::default(),
        };
        world.get(who, topic).unwrap();
    }
    world.get(4, kick("tea", "bob")).unwrap();
    assert_eq!(code(world.get(1, kick("tea", "root"))), "forbidden");
}

#[test]
fn tokens_post_where_their_account_may_speak_and_nowhere_else() {
    let mut world = World::new();
    world.get(1, register("ada", 9)).unwrap();
    world.get(1, create("den", Visibility::Private)).unwrap();
    world.get(1, create("tea", Visibility::Public)).unwrap();
    let add = Order::AddBot {
        name: user("builder"),
        token: token(1),
    };
    order(&mut world, add).unwrap();
    world.get(2, post("tea")).unwrap();
    assert_eq!(code(world.get(2, post("den"))), "not_found");
    world.get(1, mute("tea", "builder", None)).unwrap();
    assert_eq!(code(world.get(2, post("tea"))), "muted");
    world.get(1, ban("tea", "builder", None)).unwrap();
    assert_eq!(code(world.get(2, post("tea"))), "banned");
}

#[test]
fn who_has_an_account_is_reached_while_away() {
    let mut world = World::new();
    world.get(1, register("ada", 1)).unwrap();
    disconnect(&mut world, 1);
    world.get(2, register("bob", 2)).unwrap();
    let Ok(Done::Joined(joined)) = world.get(2, direct("ada")) else {
        panic!("no conversation")
    };
    world
        .get(2, send(joined.room.as_str(), "tea?", None))
        .unwrap();
    world.get(2, create("pub", Visibility::Public)).unwrap();
    world.get(2, ban("pub", "ada", None)).unwrap();
    world.get(1, come_back(1)).unwrap();
    let unread = world.unread(1);
    assert!(unread.contains(&(joined.room.to_string(), 1)), "{unread:?}");
    assert_eq!(code(world.get(1, join("pub"))), "banned");
    assert_eq!(code(world.get(2, direct("nobody"))), "not_found");
}

#[test]
fn whoever_is_banned_does_not_stay_by_logging_in_where_a_guest_was() {
    let mut world = World::new();
    world.get(1, register("ada", 1)).unwrap();
    world.get(1, create("tea", Visibility::Public)).unwrap();
    world.get(2, register("bob", 2)).unwrap();
    world.get(1, ban("tea", "bob", None)).unwrap();
    world.enter(3, "visitor", "tea");
    world.enter(3, "visitor", "lobby");
    world.get(3, log_in("bob", 3)).unwrap();
    assert_eq!(world.who(1, "tea"), ["ada"]);
    assert_eq!(
        code(world.get(3, send("tea", "here I am", None))),
        "forbidden"
    );
    assert_eq!(code(world.get(3, join("tea"))), "banned");
    world.get(3, send("lobby", "only here", None)).unwrap();
}

#[test]
fn guest_who_logs_in_leaves_nothing_of_the_guest_in_rooms() {
    let mut world = World::new();
    world.get(2, register("ada", 2)).unwrap();
    disconnect(&mut world, 2);
    world.enter(1, "visitor", "lobby");
    world.get(1, log_in("ada", 1)).unwrap();
    assert_eq!(world.who(1, "lobby"), ["ada"]);
    // What was joined as a guest is the account's like any other room.
    disconnect(&mut world, 1);
    world.enter(3, "eve", "lobby");
    assert_eq!(world.who(3, "lobby"), ["eve", "(ada)"]);
    assert_eq!(world.get(4, hello("visitor", 4)).map(drop), Ok(()));
}
