//! Who is there, by which name, and what coming and going costs the others.

use super::*;

#[test]
fn someone_on_two_devices_is_one_member() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    world.enter(3, "eve", "lobby");
    world.seen_by(3);
    let name = UserName::parse("ada").unwrap();
    world
        .get(
            2,
            Command::Hello(Hello::Returning {
                guest: GuestId(1),
                name,
            }),
        )
        .unwrap();
    world.get(2, join("lobby")).unwrap();
    world.step(Input::Disconnected(session(1)));
    assert!(world.seen_by(3).is_empty());
    world.step(Input::Disconnected(session(2)));
    assert_eq!(world.seen_by(3), ["lobby -ada"]);
}

#[test]
fn names_are_unique_until_they_are_free() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    assert_eq!(code(world.get(2, hello("ADA", 2))), "name_taken");
    world.get(1, hello("Ada", 1)).unwrap();
    world.get(1, hello("grace", 1)).unwrap();
    world.get(2, hello("ada", 2)).unwrap();
    assert_eq!(world.seen_by(1), ["lobby ada -> Ada", "lobby Ada -> grace"]);
}

#[test]
fn guests_without_a_wish_get_free_names() {
    let mut world = World::new();
    for who in [7, 10_007, 20_007] {
        let fresh = GuestId(who.into());
        world.ask(who, Command::Hello(Hello::Anyone { fresh }));
    }
    let names = world.answers.drain(..).map(|(_, answer)| match answer {
        Ok(Done::Welcomed { you, .. }) => you.name.to_string(),
        other => panic!("{other:?}"),
    });
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["guest-0007", "guest-0008", "guest-0009"]
    );
}

#[test]
fn crowd_is_told_of_no_coming_and_going() {
    let mut world = World::new();
    for who in 0..=600 {
        // Slowly enough for all to be told that may be.
        world.now.0 += 50;
        world.enter(who, &format!("user {who}"), "lobby");
    }
    let seen = world.seen_by(0);
    assert_eq!(seen.len(), MAX_PRESENCE_MEMBERS - 1);
    let Ok(Done::Who {
        members,
        member_count,
        ..
    }) = world.get(
        0,
        Command::Who {
            room: room("lobby"),
        },
    )
    else {
        panic!("no list")
    };
    assert_eq!((members.len(), member_count), (601, 601));
}

#[test]
fn rename_costs_as_much_as_it_tells() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    let token = Hello::Returning {
        guest: GuestId(1),
        name: UserName::parse("ada").unwrap(),
    };
    world.get(2, Command::Hello(token)).unwrap();
    for name in ["tea", "cake", "jam"] {
        world.get(2, join(name)).unwrap();
    }
    let renames = |world: &mut World| -> usize {
        let done =
            (0..1_000).take_while(|i| world.get(1, hello(&format!("n{}", i % 2), 1)).is_ok());
        done.count()
    };
    // Four rooms on two connections, 50 ms each, 10 s ahead.
    assert_eq!(renames(&mut world), 51);
    assert_eq!(code(world.get(2, hello("eve", 1))), "rate_limited");
    world.seen.clear();
    assert!(
        world.get(1, hello("n0", 1)).is_ok(),
        "it is the name already"
    );
    world.now = Timestamp(1_000);
    assert_eq!(renames(&mut world), 1 + 5);
}

#[test]
fn name_that_looks_like_that_of_somebody_present_is_taken() {
    let mut world = World::new();
    world.enter(1, "Bob", "lobby");
    for name in ["ВОВ", "Воb", "B0b"] {
        assert_eq!(code(world.get(2, hello(name, 2))), "name_taken", "{name}");
    }
    assert!(world.get(1, hello("BOB", 1)).is_ok(), "but to himself");
    world.step(Input::Disconnected(session(1)));
    assert!(world.get(2, hello("Воb", 2)).is_ok());
}

#[test]
fn who_comes_and_goes_without_end_is_told_of_within_a_budget() {
    let mut world = World::new();
    for who in 1..=100 {
        world.enter(who, &format!("member {who}"), "lobby");
    }
    world.seen.clear();
    for round in 0..1_000 {
        let who = 1_000 + round;
        world.enter(who, "restless", "lobby");
        if round < 999 {
            world.step(Input::Disconnected(session(who)));
        }
    }
    assert!(world.seen_by(1).len() < 200);
    // Whatever they were told, in the end they know who is there.
    world.now = Timestamp(60_000);
    world.step(Input::Tick);
    assert!(!world.hub.is_behind());
    world.enter(2_000, "eve", "lobby");
    world.step(Input::Disconnected(session(1_999)));
    assert_eq!(
        world.seen_by(2).last().map(String::as_str),
        Some("lobby -restless")
    );
}

#[test]
fn who_speaks_or_is_renamed_is_told_of_first() {
    let mut world = World::new();
    for who in 1..=100 {
        world.enter(who, &format!("member {who}"), "lobby");
    }
    while !world.hub.is_behind() {
        world.enter(1_000, "restless", "lobby");
        if !world.hub.is_behind() {
            world.step(Input::Disconnected(session(1_000)));
        }
    }
    world.enter(200, "ada", "lobby");
    world.enter(201, "bob", "lobby");
    world.seen.clear();
    world.get(200, send("lobby", "hello", None)).unwrap();
    world.get(201, hello("bo", 201)).unwrap();
    assert_eq!(
        world.seen_by(1),
        [
            "lobby +ada",
            "lobby 1 ada: hello",
            "lobby +bob",
            "lobby bob -> bo"
        ]
    );
}
