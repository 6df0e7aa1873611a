//! What was a guest's is the account's whose it becomes.

use super::accounts::{come_back, log_in, register};
use super::*;
use crate::chat::event::Role;
use crate::chat::order::RestraintKind;

impl World {
    /// Ada (1), with rooms of hers, and kim (2), a guest in them, with a room of kim's own.
    pub(super) fn with_kim() -> Self {
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

    pub(super) fn role(&mut self, who: u64, room: &str, name: &str) -> Role {
        let joined = self.joined(who, join(room));
        let mut members = joined.members.iter();
        let member = members.find(|it| it.name == user(name)).expect("a member");
        member.role
    }

    pub(super) fn go(&mut self, who: u64) {
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
