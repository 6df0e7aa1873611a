//! Who comes to a room sees what is said there, once the log has it.

use super::*;
use crate::chat::command::MAX_GLANCED_AT;

#[test]
fn members_see_each_other_come_talk_and_go() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    world.enter(2, "bob", "lobby");
    world.get(2, send("lobby", "hi", None)).unwrap();
    assert_eq!(world.seen_by(1), ["lobby +bob", "lobby 1 bob: hi"]);
    assert_eq!(world.seen_by(2), ["lobby 1 bob: hi"]);
    world.step(Input::Disconnected(session(2)));
    assert_eq!(world.seen_by(1), ["lobby -bob"]);
}

#[test]
fn nothing_is_shown_before_the_log_has_it() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    world.ask(1, send("lobby", "hi", None));
    assert!(world.seen_by(1).is_empty() && world.answers.is_empty());
    world.settle();
    assert_eq!(world.seen_by(1), ["lobby 1 ada: hi"]);
    assert_eq!(world.answers.len(), 1);
}

#[test]
fn failing_log_shows_nothing_and_heals() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    world.log.is_failing = true;
    assert_eq!(code(world.get(1, send("lobby", "lost", None))), "busy");
    assert_eq!(code(world.get(1, join("dev"))), "busy");
    world.log.is_failing = false;
    assert!(world.seen_by(1).is_empty());
    assert_eq!(
        code(world.get(1, Command::Who { room: room("dev") })),
        "not_found"
    );
    world.get(1, send("lobby", "kept", None)).unwrap();
    assert_eq!(world.seen_by(1), ["lobby 1 ada: kept"]);
}

#[test]
fn repeated_key_is_answered_alike_and_posts_once() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    let first = world.get(1, send("lobby", "once", Some("k"))).unwrap();
    assert_eq!(
        world.get(1, send("lobby", "twice", Some("k"))).unwrap(),
        first
    );
    assert_eq!(world.seen_by(1), ["lobby 1 ada: once"]);
}

#[test]
fn who_enters_for_a_glance_is_told_of_a_few() {
    let mut world = World::new();
    let member_count = MAX_GLANCED_AT + 5;
    for who in 1..member_count {
        let who = u64::try_from(who).expect("a small number");
        world.enter(who, &format!("member {who}"), "lobby");
        world.get(who, send("lobby", "hi", None)).unwrap();
    }
    world.get(0, hello("ada", 0)).unwrap();
    let mut glance = join("lobby");
    if let Command::Join { glance, .. } = &mut glance {
        *glance = true;
    }
    let joined = world.joined(0, glance);
    assert_eq!(joined.member_count, member_count);
    assert_eq!(joined.members.len(), MAX_GLANCED_AT);
    let seqs: Vec<_> = joined.messages.iter().map(|it| it.seq).collect();
    assert_eq!(seqs, (5..=24).collect::<Vec<_>>());
    assert!(joined.more && !joined.recovered);
    let all = world.joined(0, join("lobby"));
    assert_eq!((all.members.len(), all.messages.len()), (member_count, 24));
}

#[test]
fn requests_sent_ahead_of_a_join_wait_for_it() {
    let mut world = World::new();
    world.ask(1, hello("ada", 1));
    world.ask(1, join("new"));
    world.ask(1, send("new", "first", None));
    world.ask(1, join("other"));
    world.ask(1, send("other", "second", None));
    world.settle();
    let codes: Vec<_> = world
        .answers
        .drain(..)
        .map(|(_, answer)| answer.is_ok())
        .collect();
    assert_eq!(codes, [true; 5]);
    assert_eq!(
        world.seen_by(1),
        ["new 1 ada: first", "other 1 ada: second"]
    );
}

#[test]
fn two_creators_of_one_room_agree_on_one() {
    let mut world = World::new();
    world.get(1, hello("ada", 1)).unwrap();
    world.get(2, hello("bob", 2)).unwrap();
    let create = |name: &str| Command::Create {
        room: room(name),
        visibility: Visibility::Public,
        topic: Topic::default(),
    };
    world.ask(1, create("dev"));
    world.ask(2, create("dev"));
    world.settle();
    let refused: Vec<_> = world
        .answers
        .drain(..)
        .filter(|(_, answer)| answer.is_err())
        .collect();
    assert_eq!(refused, [(session(2), Err(ChatError::RoomExists))]);
    assert_eq!(world.hub.room_count(), 2);
}

#[test]
fn joiners_of_a_cold_room_get_its_past_without_holes() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    for i in 0..5 {
        world.get(1, send("lobby", &format!("m{i}"), None)).unwrap();
    }
    world
        .get(
            1,
            Command::Leave {
                room: room("lobby"),
            },
        )
        .unwrap();
    world.get(2, hello("bob", 2)).unwrap();
    world.ask(1, join("lobby"));
    world.ask(2, join("lobby"));
    world.settle();
    for (_, answer) in world.answers.drain(..) {
        let Ok(Done::Joined(joined)) = answer else {
            panic!("{answer:?}")
        };
        let seqs: Vec<_> = joined.messages.iter().map(|message| message.seq).collect();
        assert_eq!(seqs, [1, 2, 3, 4, 5]);
    }
}

#[test]
fn what_the_reader_knows_before_the_hub_is_shown_once() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    world.get(2, hello("bob", 2)).unwrap();
    world.get(1, send("lobby", "first", None)).unwrap();
    world.ask(1, send("lobby", "second", None));
    let leave = Command::Leave {
        room: room("lobby"),
    };
    world.ask(1, leave);
    world.ask(2, join("lobby"));
    let (Some(Output::Append(append)), Some(Output::Read(read))) =
        (world.waiting.pop_front(), world.waiting.pop_front())
    else {
        panic!("the log is asked to keep, and asked for the past");
    };
    // Both threads have done their part, and the reader's news comes first.
    let outcome = world.log.append(&append);
    let committed = Committed { append, outcome };
    let outcome = world.log.read(&read);
    world.answers.clear();
    world.step(Input::Read(ReadDone { read, outcome }));
    assert!(world.answers.is_empty(), "the page is read again");
    world.step(Input::Committed(committed));
    world.settle();
    let Some((_, Ok(Done::Joined(joined)))) = world.answers.pop() else {
        panic!("{:?}", world.answers);
    };
    let seqs: Vec<_> = joined.messages.iter().map(|it| it.seq).collect();
    assert_eq!((joined.seq, seqs), (2, vec![1, 2]));
    assert!(world.seen_by(2).is_empty(), "it is in the answer");
}

#[test]
fn only_owners_set_a_topic() {
    let mut world = World::new();
    world.enter(1, "ada", "dev");
    world.enter(2, "bob", "dev");
    let topic = || Command::Topic {
        room: room("dev"),
        topic: Topic::parse("rust").unwrap(),
    };
    assert_eq!(code(world.get(2, topic())), "forbidden");
    world.get(1, topic()).unwrap();
    assert_eq!(world.seen_by(2), ["dev ada topic rust"]);
    let lobby = Command::Topic {
        room: room("lobby"),
        topic: Topic::default(),
    };
    world.get(1, join("lobby")).unwrap();
    assert_eq!(code(world.get(1, lobby)), "forbidden");
}

#[test]
fn refusals_have_the_documented_codes() {
    let mut world = World::new();
    assert_eq!(code(world.get(1, join("lobby"))), "not_authenticated");
    world.get(1, hello("ada", 1)).unwrap();
    assert_eq!(code(world.get(1, send("lobby", "x", None))), "forbidden");
    assert_eq!(code(world.get(1, send("nowhere", "x", None))), "not_found");
    assert_eq!(
        code(world.get(
            1,
            Command::Leave {
                room: room("lobby")
            }
        )),
        "already"
    );
    let no_create = Command::Join {
        room: room("x"),
        since: None,
        rev: None,
        create: false,
        invite: None,
        glance: false,
    };
    assert_eq!(code(world.get(1, no_create)), "not_found");
    let private = Visibility::Private;
    let create = Command::Create {
        room: room("x"),
        visibility: private,
        topic: Topic::default(),
    };
    assert_eq!(code(world.get(1, create)), "forbidden");
    for name in ["a", "b", "c"] {
        world.get(1, join(name)).unwrap();
    }
    assert_eq!(code(world.get(1, join("d"))), "busy");
}

#[test]
fn list_of_rooms_is_bounded_by_its_weight() {
    let record = |i: usize| RoomRecord {
        name: room(&format!("room-{i}")),
        visibility: Visibility::Public,
        topic: Topic::parse(&"😀".repeat(250)).unwrap(),
        roles: Vec::new(),
        seq: 0,
        rev: 0,
        books: Books::default(),
    };
    let mut world = World::new();
    world.hub = Hub::new(world.hub.policy, (0..1_000).map(record));
    world.get(1, hello("ada", 1)).unwrap();
    let Ok(Done::Rooms { rooms, more }) = world.get(1, Command::Rooms) else {
        panic!("a list");
    };
    assert_eq!((rooms.len(), more), (120, true));
}

#[test]
fn all_rooms_together_hold_a_bounded_past() {
    let name = |i: u64| room(&format!("room-{i}"));
    let message = |seq| Message {
        seq,
        at: Timestamp(0),
        from: UserName::parse("ada").unwrap(),
        content: Content::Said(Said::new(Body::parse(&"😀".repeat(8_000)).unwrap())),
    };
    let messages: Vec<Message> = (1..=16).map(message).collect();
    let record = |i| RoomRecord {
        name: name(i),
        visibility: Visibility::Public,
        topic: Topic::default(),
        roles: Vec::new(),
        seq: 16,
        rev: 0,
        books: Books::default(),
    };
    let mut world = World::new();
    world.hub = Hub::new(world.hub.policy, (0..300).map(record));
    world.log.rooms = (0..300).map(|i| (name(i), messages.clone())).collect();
    let mut found = |i: u64| {
        let who = i / 100;
        if i.is_multiple_of(100) {
            world.get(who, hello(&format!("eve{who}"), who)).unwrap();
        }
        let Ok(Done::Joined(joined)) = world.get(who, join(&format!("room-{i}"))) else {
            panic!("in room {i}");
        };
        (joined.messages.len(), joined.more)
    };
    let found: Vec<_> = (0..300).map(&mut found).collect();
    assert_eq!((found[0], found[299]), ((16, false), (1, true)));
    for who in 0..3 {
        world.step(Input::Disconnected(session(who)));
    }
    assert_eq!(world.hub.recent_weight, 0);
}
