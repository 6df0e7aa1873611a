//! Slow mode, for those who edit, or become somebody else.

use super::accounts::register;
use super::*;
use crate::chat::event::Role;

fn edit(seq: Seq, body: &str) -> Command {
    Command::Edit {
        room: room("tea"),
        seq,
        body: Body::parse(body).unwrap(),
    }
}

/// Ada keeps tea slow, where the guest bob has said something.
fn slow_tea() -> World {
    let mut world = World::new();
    world.now = Timestamp(1_000_000);
    world.get(1, register("ada", 1)).unwrap();
    world.get(1, create("tea", Visibility::Public)).unwrap();
    world.enter(2, "bob", "tea");
    world.get(1, slow_mode("tea", 60)).unwrap();
    world.get(2, send("tea", "tee?", None)).unwrap();
    world
}

#[test]
fn one_edits_as_often_as_one_speaks() {
    let mut world = slow_tea();
    world.get(2, edit(1, "tea?")).unwrap();
    world.now.0 += 1_000;
    let wait = Err(ChatError::RateLimited {
        retry_after_ms: 59_000,
    });
    assert_eq!(world.get(2, edit(1, "and news of the day")), wait);
    assert_eq!(world.get(2, send("tea", "more", None)), wait);
    world.now.0 += 59_000;
    world.get(2, edit(1, "tea!")).unwrap();
    world.get(2, send("tea", "more", None)).unwrap();
    // Who keeps order waits for nothing.
    world.get(1, send("tea", "no", None)).unwrap();
    for body in ["yes", "perhaps"] {
        world.get(1, edit(3, body)).unwrap();
    }
}

#[test]
fn edit_that_did_not_come_about_does_not_count() {
    let mut world = slow_tea();
    world.get(1, send("tea", "mine", None)).unwrap();
    assert_eq!(code(world.get(2, edit(2, "yours"))), "forbidden");
    world.log.is_failing = true;
    assert_eq!(code(world.get(2, edit(1, "tea?"))), "busy");
    world.log.is_failing = false;
    world.get(2, edit(1, "tea?")).unwrap();
}

#[test]
fn whoever_gets_an_account_waits_as_the_guest_did() {
    let mut world = slow_tea();
    world.get(2, edit(1, "tea?")).unwrap();
    world.get(2, register("bob", 2)).unwrap();
    assert_eq!(
        code(world.get(2, send("tea", "more", None))),
        "rate_limited"
    );
    assert_eq!(code(world.get(2, edit(1, "more"))), "rate_limited");
    world.get(1, give("tea", "bob", Role::Op)).unwrap();
    world.get(2, send("tea", "more", None)).unwrap();
}
