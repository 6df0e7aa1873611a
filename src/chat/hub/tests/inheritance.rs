//! What was a guest's is the account's whose it becomes.

use super::accounts::{come_back, log_in, register};
use super::*;
use crate::chat::event::Role;
use crate::chat::order::RestraintKind;

impl World {
    /// Ada (1), with rooms of hers, and kim (2), a guest in them, with a room of kim's own.
    fn with_kim() -> Self {
        let mut world = Self::new();
        world.get(1, register("ada", 1)).unwrap();
        world.get(1, create("den", Visibility::Private)).unwrap();
        world.invite(1, "den", 7).unwrap();
        world.get(2, hello("kim", 2)).unwrap();
        world.get(2, join_with("den", 7)).unwrap();
        world.get(2, create("tea", Visibility::Public)).unwrap();
        world.get(1, join("tea")).unwrap();
        world
    }

    fn role(&mut self, who: u64, room: &str, name: &str) -> Role {
        let joined = self.joined(who, join(room));
        let mut members = joined.members.iter();
        let member = members.find(|it| it.name == user(name)).expect("a member");
        member.role
    }

    fn go(&mut self, who: u64) {
        self.step(Input::Disconnected(session(who)));
        self.settle();
    }
}

#[test]
fn rooms_roles_and_conversations_stay_when_a_guest_registers() {
    let mut world = World::with_kim();
    let talk = world.joined(2, direct("ada")).room.to_string();
    world.get(2, register("kim", 2)).unwrap();
    world.go(2);
    world.get(1, send(&talk, "still there?", None)).unwrap();
    world.get(1, send("den", "and you?", None)).unwrap();
    assert_eq!(world.who(1, "den"), ["ada", "(kim)"]);
    world.get(3, come_back(2)).unwrap();
    let unread = world.unread(3);
    for room in [("den".to_owned(), 1), (talk.clone(), 1)] {
        assert!(unread.contains(&room), "{unread:?}");
    }
    world.get(3, send(&talk, "yes", None)).unwrap();
    assert_eq!(world.joined(1, direct("kim")).room.to_string(), talk);
    world.get(3, join("den")).unwrap();
    assert_eq!(world.role(3, "tea", "kim"), Role::Owner);
    world.get(3, kick("tea", "ada")).unwrap();
    // Nothing of it is the guest's any more.
    world.get(4, hello("kim2", 2)).unwrap();
    assert_eq!(code(world.get(4, join("den"))), "not_found");
    assert_eq!(world.role(4, "tea", "kim2"), Role::Member);
}

#[test]
fn login_takes_over_what_the_account_may_have() {
    let mut world = World::with_kim();
    world.get(3, register("bob", 3)).unwrap();
    world.get(3, join("tea")).unwrap();
    world.get(2, give("tea", "bob", Role::Op)).unwrap();
    world.get(1, ban("den", "bob", None)).unwrap();
    let talk = world.joined(2, direct("bob")).room.to_string();
    world.get(2, log_in("bob", 4)).unwrap();
    assert_eq!(world.role(2, "tea", "bob"), Role::Owner);
    assert_eq!(code(world.get(2, send("den", "hi", None))), "not_found");
    assert_eq!(world.who(1, "den"), ["ada"]);
    // Nobody talks to themselves: that conversation goes with the guest.
    assert_eq!(code(world.get(2, send(&talk, "hi", None))), "read_only");
}

#[test]
fn nothing_is_handed_over_or_answered_before_the_log_has_it() {
    let mut world = World::with_kim();
    world.get(3, register("bob", 3)).unwrap();
    world.go(3);
    world.ask(2, come_back(3));
    assert_eq!(world.answers, []);
    world.log.is_failing = true;
    world.settle();
    world.log.is_failing = false;
    assert_eq!(code(world.answers.pop().unwrap().1), "busy");
    assert_eq!(world.who(1, "den"), ["ada", "kim"]);
    assert_eq!(world.role(2, "tea", "kim"), Role::Owner);
    world.get(2, come_back(3)).unwrap();
    assert_eq!(world.who(1, "den"), ["ada", "bob"]);
    assert_eq!(world.role(2, "tea", "bob"), Role::Owner);
}

#[test]
fn what_is_decided_about_a_guest_meanwhile_is_about_the_account() {
    for is_first in [true, false] {
        let mut world = World::with_kim();
        world.get(3, register("bob", 3)).unwrap();
        world.go(3);
        let mut asked = [(1, ban("den", "kim", None)), (2, come_back(3))];
        if !is_first {
            asked.reverse();
        }
        for (who, command) in asked {
            world.ask(who, command);
        }
        world.settle();
        assert!(world.answers.iter().all(|(_, answer)| answer.is_ok()));
        assert_eq!(world.answers.len(), 2, "each is answered once");
        world.answers.clear();
        assert_eq!(world.who(1, "den"), ["ada"], "{is_first}");
        world.invite(1, "den", 8).unwrap();
        assert_eq!(code(world.get(2, join_with("den", 8))), "banned");
    }
}

#[test]
fn what_holds_against_a_guest_holds_against_the_account() {
    let mut world = World::with_kim();
    world.get(1, create("hut", Visibility::Public)).unwrap();
    world.enter(3, "eve", "hut");
    world.get(1, mute("hut", "eve", None)).unwrap();
    world.get(3, register("adam", 3)).unwrap();
    assert_eq!(code(world.get(3, send("hut", "free!", None))), "muted");
    // A guest's name holds for whoever makes an account of it.
    world.enter(4, "mallory", "hut");
    world.get(1, ban("hut", "mallory", None)).unwrap();
    world.go(4);
    world.get(5, register("mallory", 5)).unwrap();
    assert_eq!(code(world.get(5, join("hut"))), "banned");
    world
        .get(1, lift(RestraintKind::Ban, "hut", "mallory"))
        .unwrap();
    world.get(5, join("hut")).unwrap();
    assert_eq!(
        code(world.get(1, lift(RestraintKind::Ban, "hut", "mallory"))),
        "not_found"
    );
}

#[test]
fn guest_of_two_connections_and_the_account_of_the_name_are_told_apart() {
    let mut world = World::with_kim();
    let kim = Command::Hello(Hello::Returning {
        guest: GuestId(2),
        name: user("kim"),
    });
    world.get(3, kim).unwrap();
    world.get(3, join("tea")).unwrap();
    // The connection that asked for the account goes before it hears of it.
    world.ask(2, register("kim", 2));
    while !matches!(
        world.waiting.front(),
        Some(Output::Append(Append {
            fact: Fact::Account(AccountFact::Inherited(_)),
            ..
        }))
    ) {
        let asked = world.waiting.pop_front().expect("something to do");
        let input = world.work(asked);
        world.step(input);
    }
    world.step(Input::Disconnected(session(2)));
    world.settle();
    assert_eq!(world.who(1, "tea"), ["ada", "kim", "(kim)"]);
    world.get(4, come_back(2)).unwrap();
    world.get(4, join("tea")).unwrap();
    let members = world.who(1, "tea");
    assert!(
        members.contains(&"kim".to_owned()) && members.len() == 3,
        "{members:?}"
    );
    world.go(3);
    assert_eq!(world.who(1, "tea"), ["ada", "kim"]);
}

#[test]
fn guest_on_another_device_is_out_of_what_is_the_accounts() {
    let mut world = World::with_kim();
    let talk = world.joined(2, direct("ada")).room.to_string();
    let returning = || {
        Command::Hello(Hello::Returning {
            guest: GuestId(2),
            name: user("kim"),
        })
    };
    world.get(3, returning()).unwrap();
    world.get(3, join(&talk)).unwrap();
    world.get(2, register("kim", 2)).unwrap();
    let told = format!("{talk} removed: your account has this conversation");
    assert!(world.seen_by(3).contains(&told));
    for command in [join(&talk), send(&talk, "hi", None)] {
        assert_eq!(code(world.get(3, command)), "not_found");
    }
    assert_eq!(code(world.get(3, direct("ada"))), "forbidden");
    world.get(1, send(&talk, "between us", None)).unwrap();
    assert!(world.seen_by(3).is_empty());
}

#[test]
fn two_accounts_at_once_do_not_both_get_what_was_one_guests() {
    let mut world = World::with_kim();
    let talk = world.joined(2, direct("ada")).room.to_string();
    for (who, name, number) in [(3, "bob", 3), (4, "eve", 4)] {
        world.get(who, register(name, number)).unwrap();
        world.go(who);
    }
    let again = Command::Hello(Hello::Returning {
        guest: GuestId(2),
        name: user("kim"),
    });
    world.get(5, again).unwrap();
    for room in [talk.as_str(), "tea"] {
        world.get(5, join(room)).unwrap();
    }
    world.ask(2, come_back(3));
    world.ask(5, come_back(4));
    world.settle();
    assert!(world.answers.drain(..).all(|(_, answer)| answer.is_ok()));
    assert_eq!(world.role(2, "tea", "bob"), Role::Owner);
    assert_eq!(world.role(5, "tea", "eve"), Role::Member);
    for command in [join(&talk), send(&talk, "hi", None)] {
        assert_eq!(code(world.get(5, command)), "not_found");
    }
    world.seen.clear();
    world.get(1, send(&talk, "for bob", None)).unwrap();
    assert_eq!(world.seen_by(2), [format!("{talk} 1 ada: for bob")]);
    assert!(world.seen_by(5).is_empty());
    world.go(5);
    world.get(6, come_back(4)).unwrap();
    assert_eq!(code(world.get(6, join(&talk))), "not_found");
}
