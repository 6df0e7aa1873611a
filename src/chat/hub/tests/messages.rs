//! Messages that change, history, and search.

use super::*;

fn edit(name: &str, seq: Seq, body: &str) -> Command {
    let body = Body::parse(body).expect(body);
    let room = room(name);
    Command::Edit { room, seq, body }
}

fn delete(name: &str, seq: Seq) -> Command {
    let room = room(name);
    Command::Delete { room, seq }
}

fn react(name: &str, seq: Seq, emoji: &str, on: bool) -> Command {
    Command::React {
        room: room(name),
        seq,
        emoji: Emoji::parse(emoji).expect(emoji),
        on,
    }
}

#[test]
fn changes_are_shown_to_all_when_the_log_has_them() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    world.enter(2, "bob", "lobby");
    world.get(1, send("lobby", "helo", None)).unwrap();
    world.seen.clear();
    world.ask(1, edit("lobby", 1, "hello"));
    assert!(world.seen_by(2).is_empty());
    world.settle();
    let room = RoomName::lobby();
    let done = Done::Changed {
        room,
        seq: 1,
        rev: 1,
    };
    assert_eq!(world.answers.pop(), Some((session(1), Ok(done))));
    world.get(2, react("lobby", 1, "👍", true)).unwrap();
    world.get(2, react("lobby", 1, "👍", false)).unwrap();
    world.get(1, delete("lobby", 1)).unwrap();
    let expected = [
        "lobby ada edited 1: hello",
        "lobby bob +👍 1",
        "lobby bob -👍 1",
        "lobby ada deleted 1",
    ];
    assert_eq!(world.seen_by(1), expected);
    assert_eq!(world.seen_by(2), expected);
}

#[test]
fn changes_are_refused_with_the_documented_codes() {
    let mut world = World::new();
    world.enter(1, "ada", "dev");
    world.enter(2, "bob", "dev");
    world.get(1, hello("ada", 1)).unwrap();
    world.get(2, send("dev", "mine", None)).unwrap();
    world.get(1, send("dev", "the owner's", None)).unwrap();
    for (who, command, expected) in [
        (1, edit("dev", 1, "theirs"), "forbidden"),
        (2, delete("dev", 2), "forbidden"),
        (2, edit("dev", 3, "none"), "not_found"),
        (2, delete("dev", 0), "not_found"),
        (2, react("dev", 3, "👍", true), "not_found"),
        (2, react("dev", 1, "👍", false), "already"),
        (2, edit("nowhere", 1, "x"), "not_found"),
    ] {
        assert_eq!(
            code(world.get(who, command.clone())),
            expected,
            "{command:?}"
        );
    }
    assert!(world.get(1, delete("dev", 1)).is_ok(), "the owner may");
    assert_eq!(code(world.get(2, edit("dev", 1, "x"))), "not_found");
    assert_eq!(code(world.get(2, react("dev", 1, "👍", true))), "not_found");
    world.get(3, hello("eve", 3)).unwrap();
    assert_eq!(code(world.get(3, react("dev", 2, "👍", true))), "forbidden");
    world.log.is_failing = true;
    assert_eq!(code(world.get(1, delete("dev", 2))), "busy");
    assert!(!world.seen_by(2).contains(&"dev ada deleted 2".to_owned()));
}

/// A client that keeps of a room what it is told.
#[derive(Debug, Default, Eq, PartialEq)]
struct Copy {
    messages: BTreeMap<Seq, Message>,
    topic: Topic,
    seq: Seq,
    rev: u64,
}

impl Copy {
    fn hear(&mut self, event: &Event) {
        match event {
            Event::Message { message, .. } => {
                assert_eq!(self.seq + 1, message.seq, "without holes");
                self.seq = message.seq;
                self.messages.insert(message.seq, message.clone());
            }
            Event::Changed { change, .. } => {
                assert_eq!(self.rev + 1, change.rev, "without holes");
                self.apply(change);
            }
            _ => {}
        }
    }

    fn apply(&mut self, change: &Change) {
        self.rev = change.rev;
        if let ChangeKind::Topic(topic) = &change.kind {
            self.topic = topic.clone();
        }
        self.messages.values_mut().for_each(|it| it.apply(change));
    }

    /// As the protocol's document says: changes for what is here, then the messages.
    fn recover(&mut self, joined: &event::Joined) {
        if joined.recovered {
            joined.changes.iter().for_each(|change| self.apply(change));
        } else {
            self.messages.clear();
        }
        let messages = joined.messages.iter().cloned();
        self.messages
            .extend(messages.map(|message| (message.seq, message)));
        self.topic = joined.topic.clone();
        (self.seq, self.rev) = (joined.seq, joined.rev);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whoever applies pushes and recoveries has the room that one finds who comes in afresh; the
    /// log does its work whenever it likes.
    #[test]
    fn copies_of_a_room_agree(
        steps in proptest::collection::vec((0_u8..10, 0_u64..4, 1_u64..8, 0_usize..3), 1..120),
    ) {
        let mut world = World::new();
        world.enter(9, "keeper", "dev");
        for who in 1..=3 {
            world.enter(who, &format!("user {who}"), "dev");
        }
        world.seen.clear();
        let mut copies: BTreeMap<u64, (Copy, bool)> =
            (1..=3).map(|who| (who, (Copy::default(), true))).collect();
        for (kind, who, seq, pick) in steps {
            let who = who.max(1);
            let emoji = ["👍", "🎉", "❤️"][pick];
            let is_here = copies[&who].1;
            match kind {
                0 => {
                    if let Some(asked) = world.waiting.pop_front() {
                        let input = world.work(asked);
                        world.step(input);
                    }
                }
                1 => world.settle(),
                // Goes, and comes back with what it has.
                2 if is_here => {
                    world.settle();
                    hear(&mut world, &mut copies);
                    world.step(Input::Disconnected(session(who)));
                    copies.get_mut(&who).unwrap().1 = false;
                }
                2 => come_back(&mut world, &mut copies, who),
                _ if !is_here => {}
                3 | 4 => world.ask(who, send("dev", &format!("m{pick}"), None)),
                5 | 6 => world.ask(who, react("dev", seq, emoji, pick < 2)),
                7 => world.ask(who, edit("dev", seq, &format!("e{kind}{pick}"))),
                8 => world.ask(who, delete("dev", seq)),
                _ => world.ask(9, Command::Topic {
                    room: room("dev"),
                    topic: Topic::parse(emoji).unwrap(),
                }),
            }
            hear(&mut world, &mut copies);
        }
        for who in 1..=3 {
            come_back(&mut world, &mut copies, who);
        }
        world.settle();
        hear(&mut world, &mut copies);
        let mut fresh = Copy::default();
        world.get(7, hello("fresh", 7)).unwrap();
        fresh.recover(&joined(world.get(7, join("dev"))));
        for (copy, _) in copies.values() {
            proptest::prop_assert_eq!(copy, &fresh);
        }
        // And the log has the same, whatever is held in memory.
        let read = recent_read("dev");
        let page = world.log.read(&read).unwrap();
        proptest::prop_assert!(page.messages.iter().eq(fresh.messages.values()));
    }
}

fn hear(world: &mut World, copies: &mut BTreeMap<u64, (Copy, bool)>) {
    for (to, event) in std::mem::take(&mut world.seen) {
        if let Some((copy, true)) = copies.get_mut(&to.connection) {
            copy.hear(&event);
        }
    }
}

fn come_back(world: &mut World, copies: &mut BTreeMap<u64, (Copy, bool)>, who: u64) {
    world.settle();
    hear(world, copies);
    let (copy, is_here) = copies.get_mut(&who).unwrap();
    if *is_here {
        return;
    }
    *is_here = true;
    world.get(who, hello(&format!("user {who}"), who)).unwrap();
    let join = Command::Join {
        room: room("dev"),
        since: Some(copy.seq),
        rev: Some(copy.rev),
        create: false,
        invite: None,
        glance: false,
    };
    let joined = joined(world.get(who, join));
    copy.recover(&joined);
    world.seen.retain(|(to, _)| *to != session(who));
}

fn joined(answer: Result<Done, ChatError>) -> event::Joined {
    match answer {
        Ok(Done::Joined(joined)) => *joined,
        other => panic!("{other:?}"),
    }
}

fn recent_read(name: &str) -> Read {
    Read {
        purpose: Purpose::Recent,
        room: room(name),
        span: Span::Newest,
        max_messages: 500,
        max_weight: usize::MAX,
        max_changes: 0,
    }
}

#[test]
fn old_history_is_answered_as_it_is_by_now() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    world.get(1, send("lobby", "old", None)).unwrap();
    world.ask(
        1,
        Command::History {
            room: RoomName::lobby(),
            span: Span::Newest,
            limit: 10,
        },
    );
    let Some(asked) = world.waiting.pop_front() else {
        panic!("the log is asked");
    };
    // The log reads, and tells of it only after the next change.
    let read = world.work(asked);
    world.get(1, edit("lobby", 1, "new")).unwrap();
    world.step(read);
    let (_, answer) = world.answers.pop().unwrap();
    let Ok(Done::History { messages, .. }) = answer else {
        panic!("{answer:?}");
    };
    let bodies = messages.iter().map(|it| it.said().unwrap().body.as_str());
    assert!(bodies.eq(["new"]));
}

#[test]
fn history_says_whether_there_is_more_on_either_side() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    assert_eq!(history(&mut world, Span::Newest, 5), (vec![], false, false));
    assert_eq!(
        history(&mut world, Span::After(0), 5),
        (vec![], false, false)
    );
    for i in 1..=5 {
        world.get(1, send("lobby", &i.to_string(), None)).unwrap();
    }
    for (span, limit, expected) in [
        (Span::Newest, 2, (vec![4, 5], true, false)),
        (Span::Before(4), 2, (vec![2, 3], true, true)),
        (Span::Before(1), 2, (vec![], false, true)),
        (Span::After(0), 2, (vec![1, 2], false, true)),
        (Span::After(3), 9, (vec![4, 5], true, false)),
        (Span::After(5), 2, (vec![], true, false)),
        (Span::After(99), 2, (vec![], true, false)),
        (Span::Around(3), 3, (vec![2, 3, 4], true, true)),
    ] {
        assert_eq!(history(&mut world, span, limit), expected, "{span:?}");
    }
    for seq in [0, 6] {
        let room = RoomName::lobby();
        let span = Span::Around(seq);
        let around = Command::History {
            room,
            span,
            limit: 3,
        };
        assert_eq!(code(world.get(1, around)), "not_found");
    }
}

/// The numbers on a page, and whether there are others before and behind them.
fn history(world: &mut World, span: Span, limit: usize) -> (Vec<Seq>, bool, bool) {
    let room = RoomName::lobby();
    match world.get(1, Command::History { room, span, limit }) {
        Ok(Done::History {
            messages,
            more,
            more_after,
            ..
        }) => {
            let seqs = messages.iter().map(|it| it.seq);
            (seqs.collect(), more, more_after)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn search_goes_through_the_rooms_that_one_may_read() {
    let mut world = World::new();
    let record = |name: &str, visibility| RoomRecord {
        name: room(name),
        visibility,
        topic: Topic::default(),
        roles: Vec::new(),
        seq: 0,
        rev: 0,
        books: Books::default(),
    };
    let rooms = [
        record("lobby", Visibility::Public),
        record("den", Visibility::Private),
        record("attic", Visibility::Private),
    ];
    world.hub = Hub::new(world.hub.policy, rooms);
    world.get(1, hello("ada", 1)).unwrap();
    let ada = world.hub.people.get(PersonId::Guest(GuestId(1))).unwrap();
    let name = ada.name.clone();
    let den = world.hub.room_ids[&room("den")];
    world
        .hub
        .room_mut(den)
        .enter(&name, PersonId::Guest(GuestId(1)));
    let ada = PersonId::Guest(GuestId(1));
    world.hub.belonging_changed(ada, den);
    let search = |name: Option<&str>| Command::Search {
        query: Query::parse("tea").unwrap(),
        room: name.map(room),
        before: None,
        limit: 99,
    };
    world.get(1, search(None)).unwrap();
    world.get(1, search(Some("DEN"))).unwrap();
    world.get(1, search(Some("lobby"))).unwrap();
    assert_eq!(code(world.get(1, search(Some("attic")))), "not_found");
    let scopes: Vec<&Scope> = world.searches.iter().map(|it| &it.scope).collect();
    let private = vec![room("den")];
    assert_eq!(
        scopes,
        [
            &Scope::Readable { private },
            &Scope::Room(room("den")),
            &Scope::Room(room("lobby")),
        ]
    );
    assert!(world.searches.iter().all(|it| it.max_messages == MAX_FOUND));
}

#[test]
fn page_that_is_ahead_of_the_hub_is_read_again() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    world.get(1, send("lobby", "one", None)).unwrap();
    world.ask(1, send("lobby", "two", None));
    world.ask(1, react("lobby", 1, "👍", true));
    let asked: Vec<Output> = world.waiting.drain(..).collect();
    let committed: Vec<Input> = asked.into_iter().map(|it| world.work(it)).collect();
    // The log has written both, and the hub is not told yet.
    let history = Command::History {
        room: RoomName::lobby(),
        span: Span::Newest,
        limit: 10,
    };
    world.ask(1, history);
    let read = world.waiting.pop_front().unwrap();
    let read = world.work(read);
    world.answers.clear();
    world.step(read);
    assert!(
        world.answers.is_empty(),
        "what is on the page comes as pushes too"
    );
    committed.into_iter().for_each(|input| world.step(input));
    world.settle();
    let (_, answer) = world.answers.pop().unwrap();
    let Ok(Done::History { messages, .. }) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(messages.len(), 2);
    let reactions = &messages[0].said().unwrap().reactions;
    assert_eq!(reactions.as_slice()[0].count, 1);
}
