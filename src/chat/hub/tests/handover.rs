//! A guest who has become an account is nobody any more, wherever somebody has the token.

use super::accounts::{come_back, log_in, order, register};
use super::*;
use crate::chat::account::Roll;
use crate::chat::command::{Order, ServerCommand, Whom};
use crate::chat::event::Role;
use crate::chat::order::{Reason, RestraintKind};

/// Comes with the token that was made for kim.
fn returning() -> Command {
    Command::Hello(Hello::Returning {
        guest: GuestId(2),
        name: user("kim"),
    })
}

fn is_inherited(asked: &Output) -> bool {
    matches!(
        asked,
        Output::Append(Append {
            fact: Fact::Account(AccountFact::Inherited(_)),
            ..
        })
    )
}

impl World {
    /// Has the log work until it would hand something over.
    fn settle_to_hand_over(&mut self) {
        while !self.waiting.front().is_some_and(is_inherited) {
            let asked = self.waiting.pop_front().expect("something to do");
            let input = self.work(asked);
            self.step(input);
        }
    }

    /// How many bans and mutes a room has.
    fn restraint_count(&self, name: &str) -> usize {
        let room = self.hub.room(self.hub.room_ids[&room(name)]);
        room.order.lasting_on(self.now, |_| true).count()
    }
}

fn ban_from_server(name: &str) -> Command {
    Command::Server(ServerCommand::Ban {
        whom: Whom::Name(user(name)),
        lasting: None,
        reason: Reason::default(),
    })
}

#[test]
fn token_is_good_for_nothing_once_the_guest_is_an_account() {
    let mut world = World::with_kim();
    world.hub.policy.max_rooms = 8;
    let talk = world.joined(2, direct("ada")).room.to_string();
    world.get(3, returning()).unwrap();
    world.go(3);
    world.get(2, register("kim", 2)).unwrap();
    for _ in 0..2 {
        assert_eq!(code(world.get(4, returning())), "not_authenticated");
    }
    // Whoever has it comes as somebody else, to whom nobody talks in that conversation.
    world.get(4, hello("kim too", 4)).unwrap();
    assert_eq!(code(world.get(4, join(&talk))), "not_found");
    assert_ne!(world.joined(1, direct("kim too")).room.to_string(), talk);
    assert_eq!(world.joined(1, direct("kim")).room.to_string(), talk);
}

#[test]
fn token_is_good_for_nothing_after_a_restart() {
    let mut world = World::new();
    let policy = world.hub.policy;
    let heirs = vec![(GuestId(2), AccountId(7))];
    let roll = Roll {
        heirs,
        ..Roll::default()
    };
    world.hub = Hub::new(policy, []).with_accounts(roll);
    assert_eq!(code(world.get(1, returning())), "not_authenticated");
    let other = Command::Hello(Hello::Returning {
        guest: GuestId(3),
        name: user("bob"),
    });
    world.get(1, other).unwrap();
}

#[test]
fn other_connections_of_the_guest_are_closed() {
    let mut world = World::with_kim();
    let talk = world.joined(2, direct("ada")).room.to_string();
    world.get(3, returning()).unwrap();
    for room in [talk.as_str(), "tea"] {
        world.get(3, join(room)).unwrap();
    }
    world.get(2, register("kim", 2)).unwrap();
    assert_eq!(world.closed, [session(3)]);
    assert_eq!(world.who(1, "tea"), ["ada", "kim"]);
    world.seen.clear();
    world.get(1, send(&talk, "between us", None)).unwrap();
    assert!(world.seen_by(3).is_empty());
    assert_eq!(world.seen_by(2), [format!("{talk} 1 ada: between us")]);
}

#[test]
fn guest_is_nobody_though_the_connection_that_asked_has_gone() {
    let mut world = World::with_kim();
    world.get(3, returning()).unwrap();
    world.get(3, join("tea")).unwrap();
    world.ask(2, register("kim", 2));
    world.settle_to_hand_over();
    world.step(Input::Disconnected(session(2)));
    world.settle();
    assert_eq!(world.closed, [session(3)]);
    assert_eq!(world.who(1, "tea"), ["ada", "(kim)"]);
    world.get(4, come_back(2)).unwrap();
    world.get(4, join("tea")).unwrap();
    assert_eq!(world.who(1, "tea"), ["ada", "kim"]);
}

#[test]
fn guest_becomes_one_of_two_accounts_that_come_at_once() {
    let mut world = World::with_kim();
    let talk = world.joined(2, direct("ada")).room.to_string();
    for (who, name, number) in [(3, "bob", 3), (4, "eve", 4)] {
        world.get(who, register(name, number)).unwrap();
        world.go(who);
    }
    world.get(5, returning()).unwrap();
    world.ask(2, come_back(3));
    world.ask(5, come_back(4));
    let (to, refused) = world.answers.pop().expect("an answer");
    assert_eq!((to, code(refused)), (session(5), "busy"));
    world.settle();
    assert!(
        world
            .answers
            .pop()
            .is_some_and(|(_, answer)| answer.is_ok())
    );
    assert_eq!(world.closed, [session(5)]);
    assert_eq!(world.role(2, "tea", "bob"), Role::Owner);
    world.get(6, come_back(4)).unwrap();
    assert_eq!(world.role(6, "tea", "eve"), Role::Member);
    assert_eq!(code(world.get(6, join(&talk))), "not_found");
    // What failed is as if nobody had asked.
    world.get(7, hello("dave", 7)).unwrap();
    world.ask(7, come_back(3));
    world.log.is_failing = true;
    world.settle();
    world.log.is_failing = false;
    assert_eq!(code(world.answers.pop().unwrap().1), "busy");
    world.get(7, come_back(4)).unwrap();
}

/// Who asks for what on another connection, before the hand-over is on its way and after; and who is
/// there when it comes about.
#[test]
fn what_comes_about_beside_a_hand_over_is_the_accounts() {
    for is_first in [true, false] {
        for has_gone in [true, false] {
            let mut world = World::with_kim();
            world.hub.policy.max_rooms = 8;
            for who in [4, 5] {
                world.get(who, returning()).unwrap();
            }
            world.get(6, hello("dave", 6)).unwrap();
            world.get(3, register("bob", 3)).unwrap();
            world.go(3);
            let mut asked = vec![
                (4, create("late", Visibility::Public)),
                (5, direct("ada")),
                (6, direct("kim")),
            ];
            asked.insert(if is_first { 3 } else { 0 }, (2, come_back(3)));
            for (who, command) in asked {
                world.ask(who, command);
            }
            if has_gone {
                for who in [2, 4, 5] {
                    world.step(Input::Disconnected(session(who)));
                }
            }
            world.settle();
            let shown = format!("first {is_first}, gone {has_gone}");
            assert!(world.hub.bequeathing.is_empty(), "{shown}");
            let refused = world.answers.iter().find(|(_, answer)| answer.is_err());
            assert_eq!(refused, None, "{shown}");
            let expected = if has_gone || !is_first { 0 } else { 2 };
            let of_others = [4, 5].map(session);
            let told = world
                .answers
                .iter()
                .filter(|(to, _)| of_others.contains(to));
            assert_eq!(told.count(), expected, "{shown}");
            world.answers.clear();
            if has_gone {
                world.get(2, come_back(3)).unwrap();
            }
            assert_eq!(world.role(2, "late", "bob"), Role::Owner, "{shown}");
            let talks: Vec<String> = ["ada", "dave"]
                .map(|to| world.joined(2, direct(to)).room.to_string())
                .into();
            for (who, talk) in [1, 6].into_iter().zip(&talks) {
                assert_eq!(&world.joined(who, direct("bob")).room.to_string(), talk);
                assert_eq!(world.who(who, talk).len(), 2, "{shown}");
                world.get(who, send(talk, "you there?", None)).unwrap();
            }
            // There is no other one with whoever is gone.
            assert_eq!(code(world.get(6, direct("kim"))), "not_found");
            assert_eq!(world.hub.room_count(), 6, "{shown}");
        }
    }
}

#[test]
fn what_comes_about_while_the_log_fails_waits_for_nobody() {
    let mut world = World::with_kim();
    world.hub.policy.max_rooms = 8;
    world.get(6, hello("dave", 6)).unwrap();
    world.ask(2, register("kim", 2));
    world.settle_to_hand_over();
    world.ask(6, direct("kim"));
    // The conversation is in the log, and what hands it over is not.
    for _ in 0..2 {
        let asked = world.waiting.pop_front().expect("something to do");
        let input = world.work(asked);
        world.step(input);
    }
    world.answers.clear();
    assert!(world.waiting.front().is_some_and(is_inherited));
    world.log.is_failing = true;
    world.settle();
    assert_eq!(world.answers, []);
    world.log.is_failing = false;
    assert!(world.hub.bequeathing.is_empty());
    world.get(6, direct("kim")).unwrap();
}

#[test]
fn connection_whose_account_is_shut_out_meanwhile_is_no_guest_either() {
    let mut world = World::with_kim();
    world.get(3, register("bob", 3)).unwrap();
    world.go(3);
    world.ask(2, come_back(3));
    world.settle_to_hand_over();
    let off = Order::Disable {
        name: user("bob"),
        is_disabled: true,
    };
    // It ends the login before the log has handed over.
    let handed_over = world.waiting.pop_front().unwrap();
    order(&mut world, off).unwrap();
    let input = world.work(handed_over);
    world.step(input);
    let (to, answer) = world.answers.pop().expect("an answer");
    assert_eq!((to, code(answer)), (session(2), "not_authenticated"));
    assert_eq!(world.closed, [session(2)]);
    assert_eq!(code(world.get(4, returning())), "not_authenticated");
}

#[test]
fn account_takes_over_from_so_many_guests_and_leaves_others_what_they_have() {
    let mut world = World::with_kim();
    world.get(3, register("bob", 3)).unwrap();
    world.go(3);
    let bob = world.hub.accounts.by_name(&user("bob")).unwrap().record.id;
    for guest in 0..999 {
        world.hub.heirs.insert(GuestId(1_000 + guest), bob);
    }
    world.get(4, hello("dave", 4)).unwrap();
    world.get(4, create("bar", Visibility::Public)).unwrap();
    world.get(4, come_back(3)).unwrap();
    assert_eq!(world.role(4, "bar", "bob"), Role::Owner);
    world.get(2, come_back(3)).unwrap();
    assert_eq!(world.role(2, "tea", "bob"), Role::Member);
    world.get(5, returning()).unwrap();
    assert_eq!(world.role(5, "tea", "kim"), Role::Owner);
}

#[test]
fn ban_of_a_guest_is_carried_once_and_lifted_with_it() {
    let mut world = World::with_kim();
    world.get(1, create("hut", Visibility::Public)).unwrap();
    world.get(2, join("hut")).unwrap();
    world.get(3, returning()).unwrap();
    world.get(1, ban("hut", "kim", None)).unwrap();
    world.ask(2, register("bob", 2));
    world.ask(3, register("eve", 3));
    world.settle();
    world.answers.clear();
    assert_eq!(world.restraint_count("hut"), 2);
    assert_eq!(code(world.get(4, returning())), "not_authenticated");
    // Another guest of that name is banned, and makes nobody else so.
    for who in 5..9 {
        world.get(who, hello("kim", who)).unwrap();
        assert_eq!(code(world.get(who, join("hut"))), "banned");
        let number = u8::try_from(who).unwrap();
        world
            .get(who, register(&format!("new {who}"), number))
            .unwrap();
    }
    assert_eq!(world.restraint_count("hut"), 2);
    assert_eq!(code(world.get(2, join("hut"))), "banned");
    world
        .get(1, lift(RestraintKind::Ban, "hut", "kim"))
        .unwrap();
    assert_eq!(world.restraint_count("hut"), 0);
    world.get(2, join("hut")).unwrap();
}

#[test]
fn ban_of_a_guest_puts_the_accounts_other_devices_out() {
    let mut world = World::with_kim();
    world.get(1, create("hut", Visibility::Public)).unwrap();
    world.get(3, register("bob", 3)).unwrap();
    for place in ["hut", "tea"] {
        world.get(3, join(place)).unwrap();
    }
    world.get(1, ban("hut", "kim", None)).unwrap();
    world.seen.clear();
    world.get(2, come_back(3)).unwrap();
    assert_eq!(
        world.seen_by(3),
        ["hut removed: you are banned here", "tea -kim"]
    );
    assert_eq!(world.seen_by(1)[0], "hut -bob");
    world.get(1, send("hut", "alone?", None)).unwrap();
    assert!(!world.seen_by(3).iter().any(|it| it.contains("alone?")));
    assert_eq!(code(world.get(3, send("hut", "no", None))), "forbidden");
    assert_eq!(code(world.get(3, join("hut"))), "banned");
    world.get(3, send("tea", "here", None)).unwrap();
    assert_eq!(world.who(1, "hut"), ["ada"]);
}

#[test]
fn ban_of_a_guest_leaves_the_account_its_place_where_it_keeps_order() {
    let mut world = World::with_kim();
    world.get(1, create("hut", Visibility::Public)).unwrap();
    world.get(3, register("bob", 3)).unwrap();
    world.get(3, join("hut")).unwrap();
    world.get(1, give("hut", "bob", Role::Op)).unwrap();
    world.get(1, ban("hut", "kim", None)).unwrap();
    world.get(2, come_back(3)).unwrap();
    world.get(3, send("hut", "it was me", None)).unwrap();
    assert_eq!(world.who(1, "hut"), ["ada", "bob"]);
}

#[test]
fn ban_of_the_account_itself_stays_when_the_guests_is_lifted() {
    // When the guest is the account already, and on the way to it.
    for is_on_the_way in [false, true] {
        let mut world = World::with_kim();
        world.get(1, create("hut", Visibility::Public)).unwrap();
        world.get(3, register("bob", 3)).unwrap();
        world.get(3, join("hut")).unwrap();
        world.get(1, ban("hut", "kim", Some(60))).unwrap();
        let unban = lift(RestraintKind::Ban, "hut", "kim");
        if is_on_the_way {
            world.get(1, ban("hut", "bob", None)).unwrap();
            world.ask(1, unban);
            world.ask(2, come_back(3));
            world.settle();
        } else {
            world.get(2, come_back(3)).unwrap();
            assert_eq!(world.restraint_count("hut"), 2);
            world.get(1, ban("hut", "bob", None)).unwrap();
            world.get(1, unban).unwrap();
        }
        assert_eq!(world.restraint_count("hut"), 1, "{is_on_the_way}");
        assert_eq!(code(world.get(3, join("hut"))), "banned", "{is_on_the_way}");
        world
            .get(1, lift(RestraintKind::Ban, "hut", "bob"))
            .unwrap();
        world.get(3, join("hut")).unwrap();
    }
}

#[test]
fn server_ban_of_a_guest_on_the_way_to_an_account_is_the_accounts() {
    for is_first in [true, false] {
        let mut world = World::with_kim();
        world.log_in_admin(9, 99, "root");
        world.get(3, register("bob", 3)).unwrap();
        world.go(3);
        let mut asked = [(9, ban_from_server("kim")), (2, come_back(3))];
        if !is_first {
            asked.reverse();
        }
        for (who, command) in asked {
            world.ask(who, command);
        }
        world.settle();
        let told = world.answers.extract_if(.., |(to, _)| *to == session(9));
        assert_eq!(told.filter(|(_, answer)| answer.is_ok()).count(), 1);
        assert!(world.closed.contains(&session(2)), "{is_first}");
        world.answers.clear();
        assert_eq!(code(world.get(4, come_back(3))), "banned", "{is_first}");
        assert_eq!(code(world.get(4, log_in("bob", 4))), "banned");
    }
}

#[test]
fn server_ban_of_a_guest_does_not_reach_an_account_that_is_above() {
    let mut world = World::with_kim();
    world.log_in_admin(9, 99, "root");
    world.get(3, register("bob", 3)).unwrap();
    world.go(3);
    let bob = world.hub.accounts.by_name(&user("bob")).unwrap().record.id;
    world.hub.accounts.get_mut(bob).unwrap().server_role = Role::Owner;
    world.ask(2, come_back(3));
    world.ask(9, ban_from_server("kim"));
    world.settle();
    assert!(world.answers.drain(..).all(|(_, answer)| answer.is_ok()));
    assert!(world.closed.is_empty());
}
