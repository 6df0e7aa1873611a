//! What waits while a password is checked, and which tries count.

use super::accounts::{PASSWORD, account, log_in, log_in_with, register};
use super::*;
use crate::chat::command::AccountCommand;
use crate::chat::password::{NewPassword, Password};
use crate::chat::totp::TotpSecret;

fn set_password() -> Command {
    account(AccountCommand::SetPassword {
        current: Password::read(PASSWORD).unwrap(),
        new: NewPassword::parse(PASSWORD).unwrap(),
    })
}

fn begin_totp(password: &str) -> Command {
    account(AccountCommand::TotpBegin {
        password: Password::read(password).unwrap(),
        fresh: TotpSecret([7; 20]),
    })
}

#[test]
fn tries_that_nobody_had_time_for_do_not_count() {
    let mut world = World::new();
    world.get(1, register("ada", 1)).unwrap();
    world.are_hashers_busy = true;
    for nth in 0..200 {
        let name = format!("new {nth}");
        assert_eq!(code(world.get(2, log_in("ada", 2))), "busy");
        assert_eq!(code(world.get(2, register(&name, 2))), "busy");
        assert_eq!(code(world.get(1, set_password())), "busy");
        assert_eq!(code(world.get(1, begin_totp("wrong"))), "busy");
    }
    // Nor of somebody who did not wait for it.
    for who in 100..200 {
        world.ask(who, log_in("ada", 2));
        world.step(Input::Disconnected(session(who)));
        world.settle();
    }
    world.are_hashers_busy = false;
    assert!(world.get(2, log_in("ada", 2)).is_ok());
    assert!(world.get(3, register("bob", 3)).is_ok());
    assert!(world.get(1, set_password()).is_ok());
}

#[test]
fn stranger_keeps_nobody_from_proving_again_who_they_are() {
    let mut world = World::new();
    world.get(1, register("ada", 1)).unwrap();
    while world.get(2, log_in_with("ada", "wrong", 2, None)) == Err(ChatError::BadPassword) {}
    assert_eq!(code(world.get(2, log_in("ada", 2))), "rate_limited");
    for _ in 0..9 {
        assert_eq!(
            world.get(1, begin_totp("wrong")),
            Err(ChatError::BadPassword)
        );
    }
    assert!(world.get(1, set_password()).is_ok());
    assert!(world.get(1, begin_totp(PASSWORD)).is_ok());
    // What they mistype themselves counts, and for nobody else.
    assert_eq!(
        world.get(1, begin_totp("wrong")),
        Err(ChatError::BadPassword)
    );
    assert_eq!(code(world.get(1, begin_totp(PASSWORD))), "rate_limited");
    world.get(3, register("bob", 3)).unwrap();
    assert!(world.get(3, begin_totp(PASSWORD)).is_ok());
}

#[test]
fn what_is_put_aside_while_a_password_is_checked_is_bounded_in_bytes_too() {
    let mut world = World::new();
    world.get(1, register("ada", 1)).unwrap();
    world.ask(2, log_in("ada", 2));
    world.ask(2, join("lobby"));
    for _ in 0..100 {
        world.ask(2, send("lobby", &"🦊".repeat(8_000), None));
    }
    let refused = world.answers.len();
    assert!((75..=80).contains(&refused), "{refused}");
    let is_busy = |(_, answer): &(SessionId, Result<Done, ChatError>)| {
        matches!(answer, Err(ChatError::Busy(_)))
    };
    assert!(world.answers.iter().all(is_busy));
    world.settle();
    let sent = |(_, answer): &&(SessionId, _)| matches!(answer, Ok(Done::Sent { .. }));
    assert_eq!(world.answers.iter().filter(sent).count(), 100 - refused);
}
