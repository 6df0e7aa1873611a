//! A message that is sent again with its key is answered as the first was, whatever holds by now.

use super::*;
use crate::chat::rate_limit::Rate;
use crate::chat::shares::{Allowances, Share};

/// A message with a key that answers another one.
fn reply(name: &str, key: &str, to: Seq) -> Command {
    Command::Send {
        room: room(name),
        body: Body::parse("yes").unwrap(),
        key: Some(MessageKey::parse(key).unwrap()),
        reply_to: Some(to),
    }
}

/// The owner of the server and bob in a room, where bob has said something with the key `k`.
fn tea(visibility: Visibility) -> (World, Result<Done, ChatError>) {
    let mut world = World::new();
    world.now = Timestamp(1_000_000);
    world.log_in_admin(1, 1, "ada");
    world.log_in(2, 2, "bob");
    world.get(1, create("tea", visibility)).unwrap();
    if visibility == Visibility::Private {
        world.invite(1, "tea", 7).unwrap();
        world.get(2, join_with("tea", 7)).unwrap();
    } else {
        world.get(2, join("tea")).unwrap();
    }
    let first = world.get(2, send("tea", "hello", Some("k")));
    assert!(matches!(first, Ok(Done::Sent { seq: 1, .. })), "{first:?}");
    (world, first)
}

/// With its key the message has its first answer, and nothing is posted; another one is refused.
fn check(world: &mut World, first: &Result<Done, ChatError>, refusal: &str) {
    for _ in 0..2 {
        assert_eq!(world.get(2, send("tea", "hello", Some("k"))), *first);
    }
    assert_eq!(code(world.get(2, send("tea", "more", None))), refusal);
    assert_eq!(
        code(world.get(2, send("tea", "more", Some("other")))),
        refusal
    );
    let posted = world
        .log
        .rooms
        .iter()
        .find(|(name, _)| *name == room("tea"));
    assert_eq!(posted.unwrap().1.len(), 1);
}

#[test]
fn whoever_is_muted_has_the_first_answer_again() {
    let (mut world, first) = tea(Visibility::Public);
    world.get(1, mute("tea", "bob", None)).unwrap();
    check(&mut world, &first, "muted");
}

#[test]
fn message_that_is_sent_again_takes_no_turn_in_slow_mode() {
    let (mut world, first) = tea(Visibility::Public);
    world.get(1, slow_mode("tea", 60)).unwrap();
    assert_eq!(world.get(2, send("tea", "hello", Some("k"))), first);
    world.get(2, send("tea", "more", None)).unwrap();
    assert_eq!(
        code(world.get(2, send("tea", "more", None))),
        "rate_limited"
    );
}

#[test]
fn whoever_has_to_wait_in_slow_mode_has_the_first_answer_again() {
    let (mut world, first) = tea(Visibility::Public);
    world.get(1, slow_mode("tea", 60)).unwrap();
    world.now = Timestamp(world.now.0 + 60_000);
    let second = world.get(2, send("tea", "second", Some("k2")));
    assert!(second.is_ok());
    assert_eq!(world.get(2, send("tea", "hello", Some("k"))), first);
    assert_eq!(world.get(2, send("tea", "second", Some("k2"))), second);
    assert_eq!(
        code(world.get(2, send("tea", "third", Some("k3")))),
        "rate_limited"
    );
}

#[test]
fn whoever_is_too_fast_has_the_first_answer_again() {
    let (mut world, first) = tea(Visibility::Public);
    world.hub.policy.allowances = Allowances {
        account: Share {
            messages: Rate {
                per_second: 0.1,
                burst: 1.0,
            },
            ..Share::FREE
        },
        address: Share::FREE,
    };
    assert_eq!(world.get(2, send("tea", "hello", Some("k"))), first);
    check(&mut world, &first, "rate_limited");
}

#[test]
fn answer_to_a_message_that_is_erased_has_the_first_answer_again() {
    let mut world = World::new();
    world.log_in(2, 2, "bob");
    world.get(2, join("lobby")).unwrap();
    world.get(2, send("lobby", "tea?", None)).unwrap();
    let first = world.get(2, reply("lobby", "k", 1));
    assert!(first.is_ok());
    world
        .hub
        .room_mut(world.hub.room_ids[&room("lobby")])
        .erased = 1;
    assert_eq!(world.get(2, reply("lobby", "k", 1)), first);
    assert_eq!(code(world.get(2, reply("lobby", "k2", 1))), "not_found");
}

#[test]
fn whoever_is_put_out_has_it_where_they_may_read_and_learns_of_no_room_elsewhere() {
    for measure in [kick("tea", "bob"), ban("tea", "bob", None)] {
        let (mut world, first) = tea(Visibility::Public);
        world.get(1, measure.clone()).unwrap();
        check(&mut world, &first, "forbidden");

        let (mut world, _) = tea(Visibility::Private);
        world.get(1, measure.clone()).unwrap();
        for key in ["k", "other"] {
            assert_eq!(
                code(world.get(2, send("tea", "hello", Some(key)))),
                "not_found"
            );
        }
    }
}

#[test]
fn same_key_of_somebody_else_is_another_message() {
    let (mut world, _) = tea(Visibility::Public);
    world.log_in(3, 3, "eve");
    assert_eq!(
        code(world.get(3, send("tea", "hello", Some("k")))),
        "forbidden"
    );
}

#[test]
fn what_the_log_cannot_look_up_is_to_be_asked_again() {
    let (mut world, _) = tea(Visibility::Public);
    world.get(1, mute("tea", "bob", None)).unwrap();
    world.log.is_failing = true;
    assert_eq!(code(world.get(2, send("tea", "hello", Some("k")))), "busy");
    assert_eq!(code(world.get(2, send("tea", "hello", None))), "muted");
}

#[test]
fn message_that_is_sent_again_before_the_first_is_durable_is_answered_behind_it() {
    let mut world = World::new();
    world.log_in_admin(1, 1, "ada");
    world.log_in(2, 2, "bob");
    world.get(1, create("tea", Visibility::Public)).unwrap();
    world.get(2, join("tea")).unwrap();
    world.ask(1, mute("tea", "bob", None));
    world.ask(2, send("tea", "hello", Some("k")));
    let muted = world.waiting.pop_front().expect("the log is asked");
    let input = world.work(muted);
    world.step(input);
    world.answers.clear();
    world.ask(2, send("tea", "hello", Some("k")));
    // What is read beside the log may be read before the log has written the first.
    let is_behind = |asked: &Output| matches!(asked, Output::Append(_));
    assert!(world.waiting.len() == 2 && world.waiting.iter().all(is_behind));
    world.settle();
    let [(_, first), (_, second)] = &world.answers[..] else {
        panic!("{:?}", world.answers);
    };
    assert!(matches!(first, Ok(Done::Sent { seq: 1, .. })), "{first:?}");
    assert_eq!(first, second);
}
