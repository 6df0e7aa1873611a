//! Who is told what was done to keep order.

use super::accounts::register;
use super::*;
use crate::chat::command::{RoomCommand, ServerCommand};
use crate::chat::event::Role;

#[test]
fn audit_of_a_room_is_told_to_who_may_read_it_when_it_is_told() {
    let audit = || {
        let (before, limit) = (None, 10);
        keep("tea", RoomCommand::Audit { before, limit })
    };
    let mut world = World::new();
    world.get(1, register("ada", 1)).unwrap();
    world.enter(2, "kim", "tea");
    world.get(1, join("tea")).unwrap();
    world.get(2, give("tea", "ada", Role::Op)).unwrap();
    assert!(world.get(1, audit()).is_ok());
    world.ask(1, audit());
    let page = world.waiting.pop_front().expect("it is read");
    world.get(2, give("tea", "ada", Role::Member)).unwrap();
    let input = world.work(page);
    world.step(input);
    assert_eq!(code(world.answers.pop().expect("an answer").1), "forbidden");
}

#[test]
fn audit_of_the_server_is_told_to_who_may_read_it_when_it_is_told() {
    let mut world = World::new();
    world.get(1, register("ada", 1)).unwrap();
    let ada = world.hub.accounts.by_name(&user("ada")).unwrap().record.id;
    let person = PersonId::Account(ada);
    world.hub.people.get_mut(person).unwrap().server_role = Role::Op;
    let (before, limit) = (None, 10);
    world.ask(1, Command::Server(ServerCommand::Audit { before, limit }));
    let page = world.waiting.pop_front().expect("it is read");
    world.hub.people.get_mut(person).unwrap().server_role = Role::Member;
    let input = world.work(page);
    world.step(input);
    assert_eq!(code(world.answers.pop().expect("an answer").1), "forbidden");
}
