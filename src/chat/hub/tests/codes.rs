//! What becomes of somebody who has a password, and guesses the code behind it.

use super::accounts::{PASSWORD, account, come_back, log_in, log_in_with, order, register};
use super::*;
use crate::chat::command::{AccountCommand, Order};
use crate::chat::password::{NewPassword, Password};
use crate::chat::totp::{RecoveryCode, SecondFactor, TotpSecret, TotpStep};

const SECRET: TotpSecret = TotpSecret([7; 20]);

const WRONG: Result<Done, ChatError> = Err(ChatError::BadPassword);

const NEW_PASSWORD: &str = "battery staple";

const NOTICE: &str = "* somebody gave your password and a wrong code: if it was not you, choose another \
                      password";

impl World {
    /// With ada (1), who has a second factor.
    fn with_second_factor() -> Self {
        let mut world = Self::new();
        world.now = Timestamp(100 * 30_000);
        world.get(1, register("ada", 1)).unwrap();
        let password = Password::read(PASSWORD).unwrap();
        let begin = AccountCommand::TotpBegin {
            password,
            fresh: SECRET,
        };
        world.get(1, account(begin)).unwrap();
        let confirm = AccountCommand::TotpConfirm {
            code: SECRET.code(100),
            fresh: Box::new(std::array::from_fn(paper)),
        };
        world.get(1, account(confirm)).unwrap();
        world
    }

    /// Logs in with the code of a step.
    fn try_code(&mut self, who: u64, step: TotpStep) -> Result<Done, ChatError> {
        self.get(who, with_code(PASSWORD, step))
    }

    /// Logs in with a recovery code.
    fn try_paper(&mut self, who: u64, paper: RecoveryCode) -> Result<Done, ChatError> {
        let factor = SecondFactor::Recovery(paper.hash());
        self.get(who, log_in_with("ada", PASSWORD, 2, Some(factor)))
    }

    fn right_step(&self) -> TotpStep {
        self.now.0 / 30_000
    }
}

fn paper(nth: usize) -> RecoveryCode {
    RecoveryCode::new([u8::try_from(nth).unwrap(); 10])
}

fn with_code(password: &str, step: TotpStep) -> Command {
    let factor = SecondFactor::Code(SECRET.code(step));
    log_in_with("ada", password, 2, Some(factor))
}

fn set_by_owner(world: &mut World) -> Result<Done, ChatError> {
    let set = AccountCommand::SetPassword {
        current: Password::read(PASSWORD).unwrap(),
        new: NewPassword::parse(NEW_PASSWORD).unwrap(),
    };
    world.get(1, account(set))
}

fn set_by_operator(world: &mut World) -> Result<Done, ChatError> {
    let (name, password) = (user("ada"), PasswordHash::new(NEW_PASSWORD));
    order(world, Order::SetPassword { name, password })
}

fn wait(retry_after_ms: u32) -> Result<Done, ChatError> {
    Err(ChatError::RateLimited { retry_after_ms })
}

#[test]
fn ten_wrong_codes_and_the_right_one_waits_as_long_as_told() {
    let mut world = World::with_second_factor();
    for _ in 0..10 {
        assert_eq!(world.try_code(2, 7), WRONG);
    }
    assert_eq!(world.try_code(2, world.right_step()), wait(600_000));
    let then = world.now.0 + 600_000;
    world.now = Timestamp(then - 1);
    assert_eq!(world.try_code(2, world.right_step()), wait(1));
    world.now = Timestamp(then);
    assert_eq!(world.try_code(2, 7), WRONG);
    assert_eq!(world.try_code(2, world.right_step()), wait(600_000));
    world.now = Timestamp(then + 600_000);
    assert!(world.try_code(2, world.right_step()).is_ok());
}

#[test]
fn recovery_codes_wait_for_nobody_and_cost_no_codes() {
    let mut world = World::with_second_factor();
    for _ in 0..20 {
        assert_eq!(world.try_paper(2, paper(99)), WRONG);
    }
    for _ in 0..10 {
        assert_eq!(world.try_code(2, 7), WRONG);
    }
    assert!(world.try_paper(3, paper(0)).is_ok());
    assert_eq!(world.try_paper(4, paper(0)), WRONG, "it is good once");
    // Nor does one that is right give back what wrong codes have cost.
    assert_eq!(world.try_code(5, world.right_step()), wait(600_000));
    assert!(world.try_paper(5, paper(1)).is_ok());
}

#[test]
fn another_password_has_all_its_codes() {
    for set_password in [set_by_owner, set_by_operator] {
        let mut world = World::with_second_factor();
        world.now = Timestamp(101 * 30_000);
        for _ in 0..10 {
            assert_eq!(world.try_code(2, 7), WRONG);
        }
        assert_eq!(world.try_code(2, 101), wait(600_000));
        // Whose password was compared before it changed does not begin to use them up again.
        world.ask(3, with_code(PASSWORD, 7));
        let checked = world.waiting.pop_front().unwrap();
        assert_eq!(set_password(&mut world), Ok(Done::Finished));
        let checked = world.work(checked);
        world.step(checked);
        assert_eq!(world.answers.pop().unwrap().1, WRONG);
        for _ in 0..10 {
            assert_eq!(world.get(4, with_code(NEW_PASSWORD, 7)), WRONG);
        }
        let right = with_code(NEW_PASSWORD, 101);
        assert_eq!(world.get(4, right), wait(600_000));
    }
}

#[test]
fn right_codes_cost_nothing_and_wrong_passwords_no_codes() {
    let mut world = World::with_second_factor();
    for step in 101..120 {
        world.now = Timestamp(step * 30_000);
        assert!(world.try_code(step.unsigned_abs(), step).is_ok());
    }
    let wrong = log_in_with("ada", "wrong", 2, Some(SecondFactor::Code(SECRET.code(7))));
    while world.get(2, wrong.clone()) == WRONG {}
    assert_eq!(code(world.get(2, wrong)), "rate_limited");
    world.now.0 += 30_000;
    for _ in 0..10 {
        assert_eq!(world.try_code(2, 7), WRONG);
    }
    assert_eq!(world.try_code(2, 7), wait(600_000));
    // Nor do codes cost what a password does: it is asked for as before.
    assert_eq!(world.get(2, log_in("ada", 2)), Err(ChatError::TotpNeeded));
}

#[test]
fn owner_is_told_of_wrong_codes_behind_the_password() {
    let mut world = World::with_second_factor();
    world.seen_by(1);
    let wrong = log_in_with("ada", "wrong", 2, Some(SecondFactor::Code(SECRET.code(7))));
    assert_eq!(world.get(2, wrong), WRONG);
    assert_eq!(world.get(2, log_in("ada", 2)), Err(ChatError::TotpNeeded));
    assert!(world.try_code(3, 101).is_ok());
    assert_eq!(world.seen_by(1), [""; 0]);
    assert_eq!(world.try_code(2, 7), WRONG);
    for who in [1, 3] {
        assert_eq!(world.seen_by(who), [NOTICE]);
    }
}

#[test]
fn owner_who_was_away_is_told_when_they_come() {
    let mut world = World::with_second_factor();
    world.step(Input::Disconnected(session(1)));
    for _ in 0..3 {
        assert_eq!(world.try_code(2, 7), WRONG);
    }
    world.get(3, come_back(1)).unwrap();
    assert_eq!(world.seen_by(3), [NOTICE]);
    world.get(4, come_back(1)).unwrap();
    assert_eq!(world.seen_by(4), [""; 0], "once is enough");
    // With another password there is nothing left to be warned of.
    world.step(Input::Disconnected(session(3)));
    world.step(Input::Disconnected(session(4)));
    assert_eq!(world.try_code(2, 7), WRONG);
    set_by_operator(&mut world).unwrap();
    assert!(world.hub.to_warn.is_empty());
}

#[test]
fn owner_is_not_drowned_in_warnings() {
    let mut world = World::with_second_factor();
    let told_count = |world: &mut World, tries| {
        world.seen_by(1);
        for _ in 0..tries {
            assert_eq!(world.try_paper(2, paper(99)), WRONG);
        }
        world.seen_by(1).len()
    };
    assert_eq!(told_count(&mut world, 100), 10);
    world.now.0 += 599_999;
    assert_eq!(told_count(&mut world, 100), 0);
    world.now.0 += 1;
    assert_eq!(told_count(&mut world, 100), 1);
}
