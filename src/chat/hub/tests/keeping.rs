//! Who belongs to rooms, who keeps them in order, and what two say to each other.

use std::time::Duration;

use super::*;
use crate::chat::PersonId;
use crate::chat::command::RoomCommand;
use crate::chat::event::{Joined, Member, Role};
use crate::chat::order::{InviteCode, Reason, RestraintKind};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl World {
    /// A connection of somebody with an account.
    fn log_in(&mut self, who: u64, account: i64, name: &str) {
        let account = AccountId(account);
        self.hub
            .attach_account(session(who), account, name, Role::Member);
    }

    /// A connection of the server's owner.
    fn log_in_admin(&mut self, who: u64, account: i64, name: &str) {
        let account = AccountId(account);
        self.hub
            .attach_account(session(who), account, name, Role::Owner);
    }

    fn joined(&mut self, who: u64, command: Command) -> Joined {
        match self.get(who, command) {
            Ok(Done::Joined(joined)) => *joined,
            other => panic!("{other:?}"),
        }
    }

    /// Names in a list of members; in brackets who is not there.
    pub(super) fn who(&mut self, who: u64, name: &str) -> Vec<String> {
        match self.get(who, Command::Who { room: room(name) }) {
            Ok(Done::Who { members, .. }) => members.iter().map(shown).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// How much is unread in each room of a list.
    pub(super) fn unread(&mut self, who: u64) -> Vec<(String, u64)> {
        match self.get(who, Command::Rooms) {
            Ok(Done::Rooms { rooms, .. }) => rooms
                .into_iter()
                .map(|room| (room.name.to_string(), room.unread_count))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    fn invite(&mut self, who: u64, name: &str, code: u128) -> Result<Done, ChatError> {
        let fresh = InviteCode::new(code);
        let lasting = DAY;
        self.get(who, keep(name, RoomCommand::Invite { fresh, lasting }))
    }
}

fn shown(member: &Member) -> String {
    if member.is_online {
        member.name.to_string()
    } else {
        format!("({})", member.name)
    }
}

pub(super) fn keep(name: &str, command: RoomCommand) -> Command {
    let room = room(name);
    Command::Room { room, command }
}

fn user(name: &str) -> UserName {
    UserName::parse(name).expect(name)
}

pub(super) fn leave(name: &str) -> Command {
    Command::Leave { room: room(name) }
}

pub(super) fn create(name: &str, visibility: Visibility) -> Command {
    Command::Create {
        room: room(name),
        visibility,
        topic: Topic::default(),
    }
}

fn join_with(name: &str, code: u128) -> Command {
    Command::Join {
        room: room(name),
        since: None,
        rev: None,
        create: false,
        invite: Some(InviteCode::new(code)),
    }
}

pub(super) fn kick(name: &str, whom: &str) -> Command {
    let reason = Reason::parse("spam").unwrap();
    let name_of = user(whom);
    keep(
        name,
        RoomCommand::Kick {
            name: name_of,
            reason,
        },
    )
}

fn restrain(kind: RestraintKind, name: &str, whom: &str, lasting: Option<u64>) -> Command {
    keep(
        name,
        RoomCommand::Restrain {
            kind,
            name: user(whom),
            lasting: lasting.map(Duration::from_secs),
            address: false,
            reason: Reason::default(),
        },
    )
}

pub(super) fn ban(name: &str, whom: &str, lasting: Option<u64>) -> Command {
    restrain(RestraintKind::Ban, name, whom, lasting)
}

pub(super) fn mute(name: &str, whom: &str, lasting: Option<u64>) -> Command {
    restrain(RestraintKind::Mute, name, whom, lasting)
}

fn lift(kind: RestraintKind, name: &str, whom: &str) -> Command {
    keep(
        name,
        RoomCommand::Lift {
            kind,
            name: user(whom),
            reason: Reason::default(),
        },
    )
}

fn give(name: &str, whom: &str, role: Role) -> Command {
    let name_of = user(whom);
    keep(
        name,
        RoomCommand::Role {
            name: name_of,
            role,
        },
    )
}

pub(super) fn slow_mode(name: &str, seconds: u64) -> Command {
    let interval = Duration::from_secs(seconds);
    keep(name, RoomCommand::SlowMode { interval })
}

fn read(name: &str, seq: Seq) -> Command {
    keep(name, RoomCommand::Read { seq })
}

pub(super) fn direct(to: &str) -> Command {
    Command::Direct { to: user(to) }
}

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
fn private_room_is_there_for_members_alone() {
    let mut world = World::new();
    world.log_in(1, 1, "ada");
    world.log_in(2, 2, "bob");
    world.get(1, create("den", Visibility::Private)).unwrap();
    for command in [
        join("den"),
        Command::Who { room: room("den") },
        join_with("den", 8),
        leave("den"),
    ] {
        assert_eq!(code(world.get(2, command)), "not_found");
    }
    assert_eq!(world.unread(2).len(), 1);
    world.invite(1, "den", 7).unwrap();
    assert_eq!(code(world.get(2, join_with("den", 8))), "not_found");
    world.get(2, join_with("den", 7)).unwrap();
    // The membership lasts: no code is needed again.
    world.step(Input::Disconnected(session(2)));
    world.log_in(3, 2, "bob");
    world.get(3, join("den")).unwrap();
    world.get(3, leave("den")).unwrap();
    assert_eq!(code(world.get(3, join("den"))), "not_found");
    world.now.0 += i64::try_from(DAY.as_millis()).unwrap();
    assert_eq!(code(world.get(3, join_with("den", 7))), "not_found");
}

#[test]
fn name_of_a_member_opens_no_private_room() {
    let mut world = World::new();
    world.log_in(1, 1, "ada");
    world.get(1, create("den", Visibility::Private)).unwrap();
    world.step(Input::Disconnected(session(1)));
    world.get(2, hello("ada", 2)).unwrap();
    assert_eq!(code(world.get(2, join("den"))), "not_found");
}

#[test]
fn guest_is_in_a_private_room_as_long_as_connected() {
    let mut world = World::new();
    world.log_in(1, 1, "ada");
    world.get(1, create("den", Visibility::Private)).unwrap();
    world.invite(1, "den", 7).unwrap();
    world.get(2, hello("bob", 2)).unwrap();
    world.get(2, join_with("den", 7)).unwrap();
    assert_eq!(code(world.invite(2, "den", 8)), "forbidden");
    world.step(Input::Disconnected(session(2)));
    world.get(3, hello("bob", 2)).unwrap();
    assert_eq!(code(world.get(3, join("den"))), "not_found");
}

#[test]
fn join_that_raced_with_a_private_room_does_not_enter_it() {
    let mut world = World::new();
    world.log_in(1, 1, "ada");
    world.log_in(2, 2, "bob");
    world.ask(1, create("den", Visibility::Private));
    world.ask(2, join("den"));
    world.settle();
    let answers: Vec<_> = world.answers.drain(..).collect();
    assert_eq!(answers[1], (session(2), Err(ChatError::NotFound("room"))));
    assert!(answers[0].1.is_ok());
    // Nor is bob left waiting.
    world.get(2, Command::Rooms).unwrap();
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

/// The page may be read after they were put out, and hold what was said since.
#[test]
fn who_is_put_out_while_a_page_is_read_is_not_shown_it() {
    let mut world = World::new();
    world.log_in(1, 1, "ada");
    world.log_in(2, 2, "bob");
    world.get(1, create("den", Visibility::Private)).unwrap();
    world.invite(1, "den", 7).unwrap();
    world.get(2, join_with("den", 7)).unwrap();
    let history = Command::History {
        room: room("den"),
        span: Span::Newest,
        limit: 10,
    };
    assert!(world.get(2, history.clone()).is_ok());
    world.ask(1, kick("den", "bob"));
    world.ask(1, send("den", "now that bob has gone", None));
    world.ask(2, history);
    world.settle();
    let told = world.answers.iter().rev();
    let mut told = told.filter(|(who, _)| *who == session(2));
    let (_, answer) = told.next().unwrap();
    assert_eq!(code(answer.clone()), "not_found");
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
fn conversation_of_two_opens_by_itself() {
    let mut world = World::new();
    world.log_in(1, 1, "ada");
    world.get(2, hello("bob", 2)).unwrap();
    let opened = world.joined(1, direct("Bob"));
    let name = opened.room.to_string();
    assert!(opened.room.is_direct() && name.len() == 17, "{name}");
    let members: Vec<String> = opened.members.iter().map(shown).collect();
    assert_eq!(members, ["ada", "bob"]);
    assert_eq!(world.seen_by(2), [format!("{name} opened ada bob")]);
    world.get(1, send(&name, "hi", None)).unwrap();
    world.get(2, send(&name, "ho", None)).unwrap();
    assert_eq!(
        world.seen_by(2),
        [format!("{name} 1 ada: hi"), format!("{name} 2 bob: ho")]
    );
    assert_eq!(world.joined(2, direct("ada")).room.to_string(), name);
    world.enter(3, "eve", "lobby");
    assert_eq!(code(world.get(3, join(&name))), "not_found");
    assert_eq!(code(world.get(3, send(&name, "x", None))), "not_found");
    assert_eq!(code(world.get(1, direct("ada"))), "forbidden");
    assert_eq!(code(world.get(1, direct("nobody"))), "not_found");
}

#[test]
fn conversation_with_an_account_goes_on_when_it_comes_back() {
    let mut world = World::new();
    world.log_in(1, 1, "ada");
    world.log_in(2, 2, "bob");
    let name = world.joined(1, direct("bob")).room.to_string();
    world.step(Input::Disconnected(session(2)));
    world.get(1, send(&name, "are you there?", None)).unwrap();
    world.log_in(3, 2, "bob");
    assert!(world.unread(3).contains(&(name.clone(), 1)));
    world.get(1, send(&name, "now?", None)).unwrap();
    assert_eq!(
        world.seen_by(3),
        [
            format!("{name} opened ada bob"),
            format!("{name} 2 ada: now?")
        ]
    );
}

#[test]
fn name_of_a_guest_who_has_gone_leads_to_another_conversation() {
    let mut world = World::new();
    world.get(1, hello("ada", 1)).unwrap();
    world.get(2, hello("bob", 2)).unwrap();
    let name = world.joined(1, direct("bob")).room.to_string();
    world.get(1, send(&name, "a secret", None)).unwrap();
    world.step(Input::Disconnected(session(2)));
    assert_eq!(code(world.get(1, send(&name, "gone?", None))), "read_only");
    world.get(3, hello("bob", 3)).unwrap();
    assert_eq!(code(world.get(3, join(&name))), "not_found");
    assert_ne!(world.joined(3, direct("ada")).room.to_string(), name);
    // Whoever has the token is the same guest, and finds what was said.
    world.step(Input::Disconnected(session(3)));
    world.get(4, hello("bert", 2)).unwrap();
    assert_eq!(world.joined(4, join(&name)).messages.len(), 1);
}

#[test]
fn who_is_kicked_is_out_and_told_why() {
    let mut world = World::new();
    world.log_in(1, 1, "ada");
    world.get(1, create("den", Visibility::Private)).unwrap();
    world.invite(1, "den", 7).unwrap();
    for who in [2, 3] {
        world.log_in(who, 2, "bob");
        world.get(who, join_with("den", 7)).unwrap();
    }
    world.seen.clear();
    world.get(1, kick("den", "bob")).unwrap();
    for who in [2, 3] {
        assert_eq!(world.seen_by(who), ["den removed: ada kicked you: spam"]);
        assert_eq!(code(world.get(who, join("den"))), "not_found");
    }
    assert_eq!(
        world.seen_by(1),
        ["den -bob", "* ada kicked bob in den: spam"]
    );
    assert_eq!(world.who(1, "den"), ["ada"]);
    assert_eq!(code(world.get(1, kick("den", "bob"))), "not_found");
}

#[test]
fn ban_holds_until_its_end_or_until_it_is_lifted() {
    let mut world = World::new();
    world.enter(1, "ada", "den");
    world.enter(2, "bob", "den");
    world.get(1, ban("den", "bob", Some(60))).unwrap();
    let banned = |left_s| Err(ChatError::Banned { left_s });
    assert_eq!(world.get(2, join("den")), banned(Some(60)));
    assert_eq!(code(world.get(2, send("den", "x", None))), "forbidden");
    world.step(Input::Disconnected(session(2)));
    world.get(3, hello("bob", 3)).unwrap();
    assert_eq!(
        code(world.get(3, join("den"))),
        "banned",
        "a new guest of that name"
    );
    world.now.0 += 60_000;
    world.get(3, join("den")).unwrap();
    world.get(1, ban("den", "bob", None)).unwrap();
    assert_eq!(world.get(3, join("den")), banned(None));
    let unban = || lift(RestraintKind::Ban, "den", "bob");
    assert_eq!(code(world.get(3, unban())), "forbidden");
    world.get(1, unban()).unwrap();
    assert_eq!(code(world.get(1, unban())), "not_found");
    world.get(3, join("den")).unwrap();
}

#[test]
fn somebody_can_be_banned_before_they_come() {
    let mut world = World::new();
    world.enter(1, "ada", "den");
    world.log_in(2, 2, "bob");
    world.get(1, ban("den", "bob", None)).unwrap();
    assert_eq!(code(world.get(2, join("den"))), "banned");
}

#[test]
fn who_is_muted_hears_and_does_not_speak() {
    let mut world = World::new();
    world.enter(1, "ada", "den");
    world.enter(2, "bob", "den");
    world.get(1, mute("den", "bob", Some(10))).unwrap();
    let muted = Err(ChatError::Muted { left_s: Some(10) });
    assert_eq!(world.get(2, send("den", "x", None)), muted);
    assert_eq!(
        code(world.get(2, Command::Typing { room: room("den") })),
        "muted"
    );
    world.get(1, send("den", "hear", None)).unwrap();
    assert_eq!(
        world.seen_by(2),
        ["* ada muted bob in den", "den 1 ada: hear"]
    );
    world
        .get(1, lift(RestraintKind::Mute, "den", "bob"))
        .unwrap();
    world.get(2, send("den", "x", None)).unwrap();
}

#[test]
fn slow_mode_is_for_those_who_do_not_keep_order() {
    let mut world = World::new();
    world.enter(1, "ada", "den");
    world.enter(2, "bob", "den");
    world.get(1, slow_mode("den", 5)).unwrap();
    world.ask(2, send("den", "one", None));
    world.ask(2, send("den", "two", None));
    world.settle();
    let answers: Vec<_> = world.answers.drain(..).map(|(_, answer)| answer).collect();
    let early = Err(ChatError::RateLimited {
        retry_after_ms: 5_000,
    });
    assert!(answers.contains(&early) && answers.iter().any(Result::is_ok));
    world.now.0 += 4_999;
    assert_eq!(code(world.get(2, send("den", "two", None))), "rate_limited");
    world.now.0 += 1;
    world.get(2, send("den", "two", None)).unwrap();
    for _ in 0..3 {
        world.get(1, send("den", "free", None)).unwrap();
    }
    world.now.0 += 5_000;
    world.is_log_failing = true;
    assert_eq!(code(world.get(2, send("den", "three", None))), "busy");
    world.is_log_failing = false;
    world.get(2, send("den", "three", None)).unwrap();
    world.get(1, slow_mode("den", 0)).unwrap();
    world.get(2, send("den", "four", None)).unwrap();
}

#[test]
fn one_deals_with_whom_one_outranks() {
    let mut world = World::new();
    world.enter(1, "ada", "den");
    for (who, name) in [(2, "bob"), (3, "carol"), (4, "dave"), (5, "eve")] {
        world.enter(who, name, "den");
    }
    world.get(1, give("den", "bob", Role::Op)).unwrap();
    world.get(1, give("den", "carol", Role::Op)).unwrap();
    for whom in ["ada", "carol", "bob"] {
        assert_eq!(code(world.get(2, kick("den", whom))), "forbidden", "{whom}");
    }
    world.get(2, kick("den", "dave")).unwrap();
    assert_eq!(
        code(world.get(2, give("den", "eve", Role::Op))),
        "forbidden"
    );
    // The last owner can't step down; whoever made another one can.
    let step_down = || give("den", "ada", Role::Member);
    assert_eq!(code(world.get(1, step_down())), "forbidden");
    world.get(1, give("den", "eve", Role::Owner)).unwrap();
    assert_eq!(code(world.get(1, kick("den", "eve"))), "forbidden");
    world.get(1, step_down()).unwrap();
    assert_eq!(code(world.get(1, kick("den", "bob"))), "forbidden");
    // Who is put out is no operator any more.
    world.get(5, ban("den", "carol", None)).unwrap();
    world
        .get(5, lift(RestraintKind::Ban, "den", "carol"))
        .unwrap();
    world.get(3, join("den")).unwrap();
    assert_eq!(code(world.get(3, kick("den", "ada"))), "forbidden");
    world.log_in_admin(6, 6, "root");
    world.get(6, kick("den", "eve")).unwrap();
}

#[test]
fn who_may_what_is_as_documented() {
    const GUEST: u64 = 0;
    const MEMBER: u64 = 1;
    const OP: u64 = 2;
    const OWNER: u64 = 3;
    const ADMIN: u64 = 4;
    type Row = (&'static str, fn() -> Command, &'static str);
    let commands: [Row; 14] = [
        ("send", || send("den", "x", None), "●●●●●"),
        (
            "create public",
            || create("new", Visibility::Public),
            "●●●●●",
        ),
        (
            "create private",
            || create("new", Visibility::Private),
            "-●●●●",
        ),
        (
            "invite",
            || {
                let (fresh, lasting) = (InviteCode::new(9), DAY);
                keep("den", RoomCommand::Invite { fresh, lasting })
            },
            "-●●●●",
        ),
        (
            "topic",
            || Command::Topic {
                room: room("den"),
                topic: Topic::default(),
            },
            "--●●●",
        ),
        ("kick", || kick("den", "target"), "--●●●"),
        ("ban", || ban("den", "target", None), "--●●●"),
        (
            "unban",
            || lift(RestraintKind::Ban, "den", "banned"),
            "--●●●",
        ),
        ("mute", || mute("den", "target", None), "--●●●"),
        (
            "unmute",
            || lift(RestraintKind::Mute, "den", "muted"),
            "--●●●",
        ),
        ("slow_mode", || slow_mode("den", 3), "--●●●"),
        (
            "audit",
            || {
                let (before, limit) = (None, 10);
                keep("den", RoomCommand::Audit { before, limit })
            },
            "--●●●",
        ),
        ("role", || give("den", "target", Role::Op), "---●●"),
        ("remove_room", || keep("den", RoomCommand::Remove), "---●●"),
    ];
    for (label, command, expected) in commands {
        let actual: String = [GUEST, MEMBER, OP, OWNER, ADMIN]
            .map(|actor| {
                let mut world = World::new();
                world.log_in(OWNER, 3, "owner");
                world.get(OWNER, join("den")).unwrap();
                world.enter(GUEST, "guest", "den");
                for (who, account, name) in
                    [(MEMBER, 1, "member"), (OP, 2, "op"), (10, 10, "target")]
                {
                    world.log_in(who, account, name);
                    world.get(who, join("den")).unwrap();
                }
                world.log_in_admin(ADMIN, 4, "admin");
                world.get(ADMIN, join("den")).unwrap();
                for (who, name) in [(11, "banned"), (12, "muted")] {
                    world.enter(who, name, "den");
                }
                world.get(OWNER, give("den", "op", Role::Op)).unwrap();
                world.get(OWNER, ban("den", "banned", None)).unwrap();
                world.get(OWNER, mute("den", "muted", None)).unwrap();
                match world.get(actor, command()) {
                    Ok(_) => '●',
                    Err(ChatError::Forbidden(_)) => '-',
                    Err(other) => panic!("{label}: {other:?}"),
                }
            })
            .into_iter()
            .collect();
        assert_eq!(actual, expected, "{label}");
    }
}

#[test]
fn nothing_is_half_done_when_the_log_fails() {
    let mut world = World::new();
    world.log_in(1, 1, "ada");
    world.get(1, create("den", Visibility::Private)).unwrap();
    world.invite(1, "den", 7).unwrap();
    world.log_in(2, 2, "bob");
    world.get(2, join_with("den", 7)).unwrap();
    world.get(1, send("den", "x", None)).unwrap();
    world.log_in(3, 3, "eve");
    world.seen.clear();
    world.is_log_failing = true;
    for (who, command) in [
        (1, kick("den", "bob")),
        (1, ban("den", "bob", None)),
        (1, mute("den", "bob", None)),
        (1, give("den", "bob", Role::Op)),
        (1, slow_mode("den", 60)),
        (1, keep("den", RoomCommand::Remove)),
        (1, direct("eve")),
        (2, leave("den")),
        (2, read("den", 1)),
        (3, join_with("den", 7)),
        (3, join("lobby")),
    ] {
        let asked = format!("{command:?}");
        assert_eq!(code(world.get(who, command)), "busy", "{asked}");
    }
    world.is_log_failing = false;
    assert!(world.seen.is_empty(), "{:?}", world.seen);
    assert_eq!(world.who(1, "den"), ["ada", "bob"]);
    assert!(world.unread(2).contains(&("den".into(), 1)));
    assert_eq!(world.who(1, "lobby"), [""; 0]);
    for _ in 0..2 {
        world
            .get(2, send("den", "still free to speak", None))
            .unwrap();
    }
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

#[test]
fn invites_of_a_room_are_bounded() {
    let mut world = World::new();
    world.log_in(1, 1, "ada");
    world.get(1, create("den", Visibility::Private)).unwrap();
    for nth in 0..32 {
        world.invite(1, "den", nth).unwrap();
    }
    assert_eq!(code(world.invite(1, "den", 99)), "forbidden");
    world.now.0 += i64::try_from(DAY.as_millis()).unwrap();
    world.invite(1, "den", 99).unwrap();
}

#[test]
fn server_owner_sees_private_rooms_and_no_conversations() {
    let mut world = World::new();
    world.log_in(1, 1, "ada");
    world.log_in(2, 2, "bob");
    world.get(1, create("den", Visibility::Private)).unwrap();
    let name = world.joined(1, direct("bob")).room.to_string();
    world.log_in_admin(3, 3, "root");
    world.get(3, join("den")).unwrap();
    assert_eq!(code(world.get(3, join(&name))), "not_found");
    assert_eq!(code(world.get(1, kick(&name, "bob"))), "forbidden");
    let person = PersonId::Account(AccountId(3));
    assert_eq!(world.hub.server_role(person), Role::Owner);
}
