//! What becomes of somebody who has a password, and guesses the code behind it.

use super::accounts::{PASSWORD, account, log_in, log_in_with, register};
use super::*;
use crate::chat::command::AccountCommand;
use crate::chat::password::Password;
use crate::chat::totp::{RecoveryCode, SecondFactor, TotpSecret, TotpStep};

const SECRET: TotpSecret = TotpSecret([7; 20]);

const WRONG: Result<Done, ChatError> = Err(ChatError::BadPassword);

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
            fresh: Box::new([RecoveryCode::new([1; 10]); RecoveryCode::COUNT]),
        };
        world.get(1, account(confirm)).unwrap();
        world
    }

    /// Logs in with the code of a step.
    fn try_code(&mut self, who: u64, step: TotpStep) -> Result<Done, ChatError> {
        let factor = SecondFactor::Code(SECRET.code(step));
        self.get(who, log_in_with("ada", PASSWORD, 2, Some(factor)))
    }

    fn right_step(&self) -> TotpStep {
        self.now.0 / 30_000
    }
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
    let paper = SecondFactor::Recovery(RecoveryCode::new([1; 10]).hash());
    let by_paper = log_in_with("ada", PASSWORD, 2, Some(paper));
    assert_eq!(world.get(2, by_paper.clone()), wait(600_000));
    let then = world.now.0 + 600_000;
    world.now = Timestamp(then - 1);
    assert_eq!(world.try_code(2, world.right_step()), wait(1));
    world.now = Timestamp(then);
    assert_eq!(world.try_code(2, 7), WRONG);
    assert_eq!(world.get(2, by_paper.clone()), wait(600_000));
    world.now = Timestamp(then + 600_000);
    assert!(world.get(2, by_paper).is_ok());
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
    let notice = "* somebody gave your password and a wrong code: if it was not you, choose another \
                  password";
    for who in [1, 3] {
        assert_eq!(world.seen_by(who), [notice]);
    }
}
