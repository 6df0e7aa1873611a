//! Rooms that are there for some alone, and what two say to each other.

use super::*;
use crate::chat::event::Role;

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
