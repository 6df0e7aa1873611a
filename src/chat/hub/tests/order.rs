//! Who keeps a room in order, over whom, and how long it holds.

use super::*;
use crate::chat::command::RoomCommand;
use crate::chat::event::Role;
use crate::chat::order::{InviteCode, RestraintKind};

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
    world.log.is_failing = true;
    assert_eq!(code(world.get(2, send("den", "three", None))), "busy");
    world.log.is_failing = false;
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
    let commands: [Row; 15] = [
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
        ("uninvite", || keep("den", RoomCommand::Uninvite), "--●●●"),
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
    world.log.is_failing = true;
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
    world.log.is_failing = false;
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

/// The past of a room nobody is in is read first, and a ban may come before it is there.
#[test]
fn who_is_banned_or_put_out_while_a_room_is_read_does_not_come_in() {
    let mut world = World::new();
    world.log_in(1, 1, "ada");
    world.get(1, join("den")).unwrap();
    world.get(1, create("nook", Visibility::Private)).unwrap();
    world.invite(1, "nook", 7).unwrap();
    world.log_in(2, 2, "bob");
    world.get(2, join_with("nook", 7)).unwrap();
    world.get(3, hello("eve", 3)).unwrap();
    for who in [1, 2] {
        world.step(Input::Disconnected(session(who)));
    }
    world.log_in(4, 1, "ada");
    world.log_in(5, 2, "bob");
    world.ask(3, join("den"));
    world.ask(5, join("nook"));
    let reads = std::mem::take(&mut world.waiting);
    assert_eq!(reads.len(), 2);
    world.get(4, ban("den", "eve", None)).unwrap();
    world.get(4, kick("nook", "bob")).unwrap();
    world.seen.clear();
    world.waiting = reads;
    world.settle();
    let codes: Vec<_> = world.answers.drain(..).map(|(_, it)| code(it)).collect();
    assert_eq!(codes, ["banned", "not_found"]);
    for (who, room) in [(3, "den"), (5, "nook")] {
        assert!(world.get(who, send(room, "hi", None)).is_err());
        assert_eq!(world.who(4, room).len(), 1);
    }
}
