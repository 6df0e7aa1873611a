//! For how long messages are kept.

use super::*;
use crate::chat::command::RoomCommand;
use crate::chat::event::Joined;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

fn retention(name: &str, days: u32) -> Command {
    keep(name, RoomCommand::Retention { days })
}

fn history(span: Span) -> Command {
    let room = room("den");
    Command::History {
        room,
        span,
        limit: 10,
    }
}

fn join_since(since: Seq) -> Command {
    Command::Join {
        room: room("den"),
        since: Some(since),
        rev: None,
        create: false,
        invite: None,
        glance: false,
    }
}

impl World {
    /// A room of ada's (1) in which a message was said each day from the first on.
    fn of_days(count: i64) -> Self {
        let mut world = Self::new();
        world.enter(1, "ada", "den");
        for day in 0..count {
            world.now = Timestamp(day * DAY_MS);
            world
                .get(1, send("den", &format!("day {day}"), None))
                .unwrap();
        }
        world
    }

    /// Lets the time come, and all be done that is due, which takes a while.
    fn pass(&mut self, now: i64) {
        for nth in 0..20 {
            self.now = Timestamp(now + nth * 10);
            self.step(Input::Tick);
            self.settle();
        }
    }

    /// The numbers of a page, and whether there are older ones.
    fn page(&mut self, who: u64, span: Span) -> (Vec<Seq>, bool) {
        match self.get(who, history(span)) {
            Ok(Done::History { messages, more, .. }) => {
                (messages.iter().map(|message| message.seq).collect(), more)
            }
            other => panic!("{other:?}"),
        }
    }

    fn rejoined(&mut self, who: u64, since: Seq) -> Joined {
        match self.get(who, join_since(since)) {
            Ok(Done::Joined(joined)) => *joined,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_is_too_old_is_erased_some_at_a_time_and_nothing_else() {
    let mut world = World::of_days(10);
    world.get(1, retention("den", 3)).unwrap();
    world.pass(9 * DAY_MS);
    // Of the days 0 to 9, what is three days old and older goes.
    assert_eq!(world.page(1, Span::Newest), (vec![8, 9, 10], false));
    assert_eq!(world.log.erasures, [2, 2, 2, 1]);
    assert_eq!(world.hub.next_deadline(), Some(Timestamp(10 * DAY_MS)));
    world.pass(10 * DAY_MS - 1_000);
    assert_eq!(world.page(1, Span::Newest).0.len(), 3);
    world.pass(10 * DAY_MS);
    assert_eq!(world.page(1, Span::Newest).0, [9, 10]);
    world.pass(100 * DAY_MS);
    assert_eq!(world.page(1, Span::Newest), (vec![], false));
    assert_eq!(world.hub.next_deadline(), None);
    // Numbers go on.
    world.get(1, send("den", "again", None)).unwrap();
    assert_eq!(world.page(1, Span::Newest), (vec![11], false));
    let due = Timestamp(world.now.0 + 3 * DAY_MS);
    assert_eq!(world.hub.next_deadline(), Some(due));
}

#[test]
fn pages_and_joins_promise_nothing_that_is_gone() {
    let mut world = World::of_days(10);
    world.get(1, retention("den", 3)).unwrap();
    world.pass(9 * DAY_MS);
    assert_eq!(world.page(1, Span::Before(10)), (vec![8, 9], false));
    assert_eq!(world.page(1, Span::Before(8)), (vec![], false));
    assert_eq!(world.page(1, Span::Before(3)), (vec![], false));
    assert_eq!(world.page(1, Span::After(8)), (vec![9, 10], true));
    assert_eq!(code(world.get(1, history(Span::Around(7)))), "not_found");
    assert_eq!(world.page(1, Span::Around(8)), (vec![8, 9], false));
    world.get(2, hello("bob", 2)).unwrap();
    for (since, recovered) in [(10, true), (7, true), (6, false), (0, false)] {
        let joined = world.rejoined(2, since);
        assert_eq!(joined.recovered, recovered, "since {since}");
        assert_eq!((joined.seq, joined.retention_days), (10, Some(3)));
        let seqs: Vec<Seq> = joined.messages.iter().map(|it| it.seq).collect();
        let first = if recovered { since + 1 } else { 8 };
        assert!(
            seqs.iter().copied().eq(first..=10),
            "since {since}: {seqs:?}"
        );
        assert_eq!(joined.more, first > 8, "since {since}");
    }
    let reply = Command::Send {
        room: room("den"),
        body: Body::parse("what?").unwrap(),
        key: None,
        reply_to: Some(7),
    };
    assert_eq!(code(world.get(1, reply)), "not_found");
}

#[test]
fn ring_forgets_what_is_erased_and_what_was_told_of_it() {
    let mut world = World::of_days(5);
    let edit = Command::Edit {
        room: room("den"),
        seq: 1,
        body: Body::parse("another first day").unwrap(),
    };
    world.get(1, edit).unwrap();
    world.get(1, retention("den", 2)).unwrap();
    world.pass(4 * DAY_MS);
    world.get(2, hello("bob", 2)).unwrap();
    let since = Command::Join {
        room: room("den"),
        since: Some(5),
        rev: Some(0),
        create: false,
        invite: None,
        glance: false,
    };
    let Ok(Done::Joined(joined)) = world.get(2, since) else {
        panic!("no join")
    };
    assert!(joined.recovered);
    assert_eq!(joined.changes.len(), 1);
    assert_eq!(joined.changes[0].kind, ChangeKind::Deleted { seq: 1 });
    // The room is empty, and read from the log again.
    world.step(Input::Disconnected(session(1)));
    world.step(Input::Disconnected(session(2)));
    world.get(3, hello("eve", 3)).unwrap();
    assert_eq!(world.rejoined(3, 0).messages.len(), 2);
}

#[test]
fn page_that_was_read_before_the_rest_was_erased_shows_only_what_is_left() {
    let mut world = World::of_days(6);
    world.ask(1, history(Span::Newest));
    let read = world.waiting.pop_front().unwrap();
    let answer = world.work(read);
    world.get(1, retention("den", 2)).unwrap();
    world.pass(5 * DAY_MS);
    world.step(answer);
    let (_, answer) = world.answers.pop().unwrap();
    let Ok(Done::History { messages, more, .. }) = answer else {
        panic!("{answer:?}")
    };
    let seqs: Vec<Seq> = messages.iter().map(|it| it.seq).collect();
    assert_eq!((seqs, more), (vec![5, 6], false));
}

#[test]
fn servers_own_retention_holds_where_no_owner_decided_otherwise() {
    let mut world = World::of_days(3);
    world.hub.policy.retention_days = 1;
    world.get(1, join("lobby")).unwrap();
    world.get(1, send("lobby", "hello", None)).unwrap();
    world.get(1, retention("den", 0)).unwrap();
    world.pass(30 * DAY_MS);
    assert_eq!(world.page(1, Span::Newest).0, [1, 2, 3], "for ever");
    assert_eq!(world.log.erased.get(&RoomName::lobby()), Some(&1));
    assert_eq!(world.rejoined(1, 3).retention_days, None);
    assert_eq!(code(world.get(1, retention("lobby", 0))), "forbidden");
}

#[test]
fn erasing_that_fails_is_tried_again() {
    let mut world = World::of_days(3);
    world.get(1, retention("den", 1)).unwrap();
    world.log.is_failing = true;
    world.pass(40 * DAY_MS);
    assert_eq!(
        world.hub.next_deadline(),
        Some(Timestamp(40 * DAY_MS + 60_000))
    );
    world.log.is_failing = false;
    world.pass(40 * DAY_MS + 59_000);
    assert_eq!(world.log.erasures, [2], "before the log failed");
    world.pass(40 * DAY_MS + 60_000);
    assert_eq!(world.page(1, Span::Newest), (vec![], false));
}

#[test]
fn message_that_is_half_gone_goes_on_though_all_are_kept_by_now() {
    for days in [0, 30] {
        let mut world = World::of_days(10);
        let now = world.now.0;
        world.log.halves = true;
        world.get(1, retention("den", 3)).unwrap();
        world.step(Input::Tick);
        world.settle();
        assert_eq!(world.log.erasures, [2]);
        world.log.halves = false;
        world.get(1, retention("den", days)).unwrap();
        assert_eq!(world.hub.next_deadline(), Some(Timestamp(now + 10)));
        world.pass(now + 10);
        assert_eq!(
            world.log.erasures,
            [2, 0],
            "the rest of it, and nothing else"
        );
        let due = (days > 0).then(|| Timestamp((2 + i64::from(days)) * DAY_MS));
        assert_eq!(world.hub.next_deadline(), due);
    }
}

#[test]
fn room_that_is_removed_expires_no_more() {
    let mut world = World::of_days(3);
    world.get(1, retention("den", 1)).unwrap();
    world.get(1, keep("den", RoomCommand::Remove)).unwrap();
    world.pass(40 * DAY_MS);
    assert_eq!(world.hub.next_deadline(), None);
}

#[test]
fn log_is_left_to_others_between_two_erasures() {
    let mut world = World::of_days(10);
    let now = world.now.0;
    world.get(1, retention("den", 3)).unwrap();
    for _ in 0..5 {
        world.step(Input::Tick);
        world.settle();
    }
    assert_eq!(world.log.erasures, [2]);
    let next = Timestamp(now + 10);
    assert_eq!(world.hub.next_deadline(), Some(next));
    for (time, count) in [(now + 9, 1), (now + 10, 2), (now + 19, 2), (now + 20, 3)] {
        world.now = Timestamp(time);
        world.step(Input::Tick);
        world.settle();
        assert_eq!(world.log.erasures.len(), count, "{} ms later", time - now);
    }
}
