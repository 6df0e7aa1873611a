//! Who belongs to which room, how long, and what they have read there.

use super::*;
use crate::chat::command::RoomCommand;

#[test]
fn account_belongs_to_a_room_until_it_leaves() {
    let mut world = World::new();
    world.log_in(1, 1, "ada");
    world.get(1, join("lobby")).unwrap();
    world.enter(2, "bob", "lobby");
    assert_eq!(world.who(2, "lobby"), ["ada", "bob"]);
    world.step(Input::Disconnected(session(1)));
    assert_eq!(world.seen_by(2), ["lobby -ada"]);
    assert_eq!(world.who(2, "lobby"), ["bob", "(ada)"]);
    world.log_in(3, 1, "ada");
    world.get(3, leave("lobby")).unwrap();
    assert_eq!(world.who(2, "lobby"), ["bob"]);
    assert_eq!(code(world.get(3, leave("lobby"))), "already");
    world.step(Input::Disconnected(session(2)));
    assert_eq!(world.who(3, "lobby"), [""; 0], "guests are there or not");
}

#[test]
fn leaving_is_for_all_devices() {
    let mut world = World::new();
    for who in [1, 2] {
        world.log_in(who, 1, "ada");
        world.get(who, join("lobby")).unwrap();
    }
    world.get(1, leave("lobby")).unwrap();
    assert_eq!(world.seen_by(1), [""; 0]);
    assert_eq!(
        world.seen_by(2),
        ["lobby removed: you left on another device"]
    );
    assert_eq!(code(world.get(2, send("lobby", "x", None))), "forbidden");
}

#[test]
fn read_marks_agree_on_all_devices() {
    let mut world = World::new();
    for who in [1, 2] {
        world.log_in(who, 1, "ada");
    }
    world.get(1, join("lobby")).unwrap();
    world.enter(3, "bob", "lobby");
    for body in ["one", "two", "three"] {
        world.get(3, send("lobby", body, None)).unwrap();
    }
    assert_eq!(world.unread(2), [("lobby".into(), 3)]);
    world.seen.clear();
    world.get(1, read("lobby", 2)).unwrap();
    assert_eq!(world.seen_by(2), ["lobby read 2"]);
    assert_eq!(world.seen_by(1), [""; 0]);
    assert_eq!(world.unread(2), [("lobby".into(), 1)]);
    world.get(2, read("lobby", 1)).unwrap();
    assert_eq!(world.unread(1), [("lobby".into(), 1)], "never back");
    assert_eq!(code(world.get(1, read("lobby", 4))), "not_found");
    world.get(1, send("lobby", "four", None)).unwrap();
    assert_eq!(
        world.unread(1),
        [("lobby".into(), 0)],
        "who speaks has read"
    );
    assert_eq!(
        world.unread(3),
        [("lobby".into(), 0)],
        "guests count nothing"
    );
}

/// The log keeps the first of them, and that mark is what is there after a restart.
#[test]
fn second_device_that_enters_at_the_same_time_marks_nothing_read() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    world.log_in(2, 7, "bob");
    world.log_in(3, 7, "bob");
    world.ask(2, join("lobby"));
    world.ask(1, send("lobby", "hi", None));
    world.ask(3, join("lobby"));
    world.settle();
    assert_eq!(world.unread(2), [("lobby".into(), 1)]);
    assert_eq!(world.unread(3), [("lobby".into(), 1)]);
}

#[test]
fn what_was_said_before_one_came_is_not_unread() {
    let mut world = World::new();
    world.enter(1, "bob", "lobby");
    world.get(1, send("lobby", "one", None)).unwrap();
    world.log_in(2, 1, "ada");
    world.get(2, join("lobby")).unwrap();
    assert_eq!(world.unread(2), [("lobby".into(), 0)]);
}

#[test]
fn news_elsewhere_is_told_once_a_second() {
    let mut world = World::new();
    world.now = Timestamp(10_000);
    world.log_in(1, 1, "ada");
    world.get(1, join("lobby")).unwrap();
    world.log_in(2, 1, "ada");
    world.enter(3, "bob", "lobby");
    for _ in 0..5 {
        world.get(3, send("lobby", "x", None)).unwrap();
    }
    assert_eq!(world.seen_by(2), ["lobby unread 1"]);
    assert!(world.hub.is_behind());
    world.now.0 += 1_000;
    world.step(Input::Tick);
    assert_eq!(world.seen_by(2), ["lobby unread 5"]);
    assert!(!world.hub.is_behind());
    world.get(2, join("lobby")).unwrap();
    world.now.0 += 1_000;
    world.get(3, send("lobby", "y", None)).unwrap();
    assert_eq!(world.seen_by(2), ["lobby 6 bob: y"], "joined meanwhile");
}

#[test]
fn removed_room_is_gone_and_its_name_free() {
    let mut world = World::new();
    world.log_in(1, 1, "ada");
    world.get(1, join("den")).unwrap();
    world.enter(2, "bob", "den");
    world.get(2, send("den", "x", None)).unwrap();
    world.seen.clear();
    world.get(1, keep("den", RoomCommand::Remove)).unwrap();
    assert_eq!(world.seen_by(2), ["den removed: ada removed the room"]);
    assert_eq!(code(world.get(2, send("den", "y", None))), "not_found");
    let again = world.joined(2, join("den"));
    assert_eq!((again.seq, again.messages.len()), (0, 0));
    assert_eq!(world.hub.rooms.len(), 2);
    let lobby = keep("lobby", RoomCommand::Remove);
    world.log_in_admin(3, 3, "root");
    assert_eq!(code(world.get(3, lobby)), "forbidden");
}

#[test]
fn page_of_a_removed_room_is_not_shown_in_one_of_its_name() {
    let mut world = World::new();
    world.log_in(1, 1, "ada");
    world.get(1, join("den")).unwrap();
    world.get(1, send("den", "a secret", None)).unwrap();
    world.step(Input::Disconnected(session(1)));
    world.log_in(2, 1, "ada");
    world.get(2, join("lobby")).unwrap();
    world.log_in(3, 1, "ada");
    // The page is asked for and not there yet; the room goes meanwhile.
    world.ask(3, join("den"));
    let page = world.waiting.pop_front().unwrap();
    world.get(2, keep("den", RoomCommand::Remove)).unwrap();
    world.get(2, join("den")).unwrap();
    let Output::Read(read) = page else {
        panic!("{page:?}")
    };
    let message = Message {
        seq: 1,
        at: Timestamp(0),
        from: user("ada"),
        content: Content::Said(Said::new(Body::parse("a secret").unwrap())),
    };
    let outcome = Ok(Page {
        messages: vec![message],
        ..Page::default()
    });
    world.step(Input::Read(ReadDone { read, outcome }));
    world.enter(4, "bob", "den");
    assert_eq!(world.joined(4, join("den")).messages, []);
}

#[test]
fn rooms_that_guests_left_empty_go_after_a_while() {
    let mut world = World::new();
    world.now = Timestamp(100_000);
    world.enter(1, "ada", "squat");
    world.enter(1, "ada", "used");
    world.get(1, send("used", "x", None)).unwrap();
    world.log_in(2, 2, "bob");
    world.get(2, join("kept")).unwrap();
    for who in [1, 2] {
        world.step(Input::Disconnected(session(who)));
    }
    let rooms = |world: &mut World| -> Vec<String> {
        world.step(Input::Tick);
        world.settle();
        let names = world.hub.room_ids.keys().map(ToString::to_string);
        names.collect()
    };
    let all = ["kept", "lobby", "squat", "used"];
    assert_eq!(rooms(&mut world), all);
    world.now.0 += 5 * 60_000;
    assert_eq!(rooms(&mut world), all);
    // Back in time: the room is still hers.
    world.get(3, hello("ada", 1)).unwrap();
    world.now.0 += 6 * 60_000;
    assert_eq!(rooms(&mut world), all);
    world.step(Input::Disconnected(session(3)));
    for _ in 0..2 {
        world.now.0 += 11 * 60_000;
        rooms(&mut world);
    }
    assert_eq!(rooms(&mut world), ["kept", "lobby", "used"]);
}
