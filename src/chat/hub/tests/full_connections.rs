//! A connection that is in as many rooms as it bears is refused before anything is kept.

use super::*;
use crate::chat::hub::MAX_ROOMS_PER_SESSION;

/// Ada, with an account, is in so many rooms on connection 1; bob, a guest, is on connection 2.
fn world_with(room_count: usize) -> World {
    let mut world = World::new();
    world.hub.policy.max_rooms = 2 * MAX_ROOMS_PER_SESSION;
    world.log_in(1, 1, "ada");
    for number in 0..room_count {
        let name = format!("room-{number}");
        world.get(1, create(&name, Visibility::Public)).unwrap();
    }
    world.enter(2, "bob", "tea");
    world
}

fn rooms(world: &World) -> usize {
    world.hub.rooms.len()
}

#[test]
fn nothing_is_left_of_what_a_full_connection_asks() {
    let mut world = world_with(MAX_ROOMS_PER_SESSION);
    let before = rooms(&world);
    for command in [
        create("one-more", Visibility::Public),
        create("one-more", Visibility::Private),
        join("one-more"),
        join("tea"),
        direct("bob"),
    ] {
        let asked = format!("{command:?}");
        assert_eq!(code(world.get(1, command)), "forbidden", "{asked}");
    }
    assert_eq!(rooms(&world), before, "no room was made");
    assert_eq!(world.who(2, "tea"), ["bob"], "and ada is no member");
    // Where it is, it may come in again; and one room less is place for another.
    world.get(1, join("room-0")).unwrap();
    world.get(1, leave("room-0")).unwrap();
    world
        .get(1, create("one-more", Visibility::Public))
        .unwrap();
}

#[test]
fn place_for_a_room_that_is_made_is_not_taken_by_a_conversation() {
    let mut world = world_with(MAX_ROOMS_PER_SESSION - 1);
    // Bob's words are in the log first.
    world.ask(2, direct("ada"));
    world.ask(1, create("one-more", Visibility::Public));
    world.settle();
    let made = world.answers.iter().rfind(|(to, _)| *to == session(1));
    assert!(matches!(made, Some((_, Ok(Done::Joined(_))))), "{made:?}");
}
