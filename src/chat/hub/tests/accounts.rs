//! Who has an account, and what is asked about it.

use super::*;
use crate::chat::account::{LoginLabel, LoginToken, Opening};
use crate::chat::command::{AccountCommand, Grounds, Login, Order, Registration as Wish};
use crate::chat::event::{Proof, Role};
use crate::chat::password::{NewPassword, Password};
use crate::chat::secret::SecretHash;
use crate::chat::totp::{RecoveryCode, SecondFactor, TotpSecret};

pub(super) const PASSWORD: &str = "correct horse";

pub(super) fn token(number: u8) -> LoginToken {
    LoginToken([number; 32])
}

fn opening(number: u8, is_entrance: bool) -> Opening {
    Opening {
        token: token(number),
        label: LoginLabel::clean("test"),
        from: None,
        is_entrance,
    }
}

fn register_by(text: &str, number: u8, grounds: Grounds) -> Command {
    Command::Account(AccountCommand::Register(Box::new(Wish {
        name: user(text),
        password: NewPassword::parse(PASSWORD).unwrap(),
        grounds,
        opening: opening(number, true),
    })))
}

pub(super) fn register(text: &str, number: u8) -> Command {
    register_by(text, number, Grounds::None)
}

pub(super) fn log_in_with(
    text: &str,
    password: &str,
    number: u8,
    factor: Option<SecondFactor>,
) -> Command {
    let login = Login {
        name: user(text),
        factor,
        opening: opening(number, true),
    };
    Command::Hello(Hello::Password {
        login: Box::new(login),
        password: Password::read(password).unwrap(),
    })
}

pub(super) fn log_in(text: &str, number: u8) -> Command {
    log_in_with(text, PASSWORD, number, None)
}

pub(super) fn come_back(number: u8) -> Command {
    Command::Hello(Hello::Login(token(number)))
}

pub(super) fn account(command: AccountCommand) -> Command {
    Command::Account(command)
}

pub(super) fn order(world: &mut World, order: Order) -> Result<Done, ChatError> {
    world.step(Input::Request {
        session: SessionId::operator(0),
        from: None,
        request: Request {
            id: None,
            command: account(AccountCommand::Order(order)),
        },
    });
    world.settle();
    world.answers.pop().expect("an answer").1
}

pub(super) fn add_admin(world: &mut World, text: &str) {
    let add = Order::Add {
        name: user(text),
        password: PasswordHash::new(PASSWORD),
        is_admin: true,
    };
    assert_eq!(order(world, add), Ok(Done::Finished));
}

fn you(result: Result<Done, ChatError>) -> (String, bool, Proof) {
    match result {
        Ok(Done::Welcomed { you, proof }) => (you.name.to_string(), you.guest, proof),
        other => panic!("{other:?}"),
    }
}

fn sessions(world: &mut World, who: u64) -> Vec<(i64, bool)> {
    match world.get(who, account(AccountCommand::Sessions)) {
        Ok(Done::Logins { logins, .. }) => {
            logins.iter().map(|it| (it.id.0, it.is_current)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_registers_can_come_back_with_password_and_token() {
    let mut world = World::new();
    let expected = ("ada".to_owned(), false, Proof::Login(token(1)));
    assert_eq!(you(world.get(1, register("ada", 1))), expected);
    assert_eq!(you(world.get(2, come_back(1))), expected);
    let (_, _, proof) = you(world.get(3, log_in("ADA", 3)));
    assert_eq!(proof, Proof::Login(token(3)));
    for (password, who) in [("correct horsf", 4), ("", 5)] {
        let wrong = log_in_with("ada", password, 4, None);
        assert_eq!(world.get(who, wrong), Err(ChatError::BadPassword));
    }
    assert_eq!(world.get(4, log_in("bob", 4)), Err(ChatError::BadPassword));
    assert_eq!(world.get(4, come_back(4)), Err(ChatError::BadToken));
    assert_eq!(code(world.get(1, log_in("ada", 5))), "already");
}

#[test]
fn nothing_is_answered_before_a_login_is_in_the_log() {
    let mut world = World::new();
    world.log.is_failing = true;
    assert_eq!(code(world.get(1, register("ada", 1))), "busy");
    world.log.is_failing = false;
    world.get(1, register("ada", 1)).unwrap();
    world.log.is_failing = true;
    assert_eq!(code(world.get(2, log_in("ada", 2))), "busy");
    assert_eq!(code(world.get(2, come_back(2))), "not_authenticated");
    world.log.is_failing = false;
    world.are_hashers_busy = true;
    assert_eq!(code(world.get(2, log_in("ada", 2))), "busy");
}

#[test]
fn what_is_asked_behind_a_login_waits_for_it() {
    let mut world = World::new();
    world.get(1, register("ada", 1)).unwrap();
    world.ask(2, log_in("ada", 2));
    world.ask(2, join("lobby"));
    world.ask(2, send("lobby", "hi", None));
    assert!(world.answers.is_empty());
    world.settle();
    let answers: Vec<_> = world.answers.drain(..).map(|(_, answer)| answer).collect();
    assert!(
        matches!(
            answers[..],
            [
                Ok(Done::Welcomed { .. }),
                Ok(Done::Joined(_)),
                Ok(Done::Sent { seq: 1, .. })
            ]
        ),
        "{answers:?}"
    );
    world.ask(3, log_in_with("ada", "wrong", 3, None));
    world.ask(3, join("lobby"));
    world.settle();
    let codes = world.answers.drain(..).map(|(_, answer)| code(answer));
    assert_eq!(
        codes.collect::<Vec<_>>(),
        ["not_authenticated", "not_authenticated"]
    );
}

#[test]
fn who_goes_while_the_password_is_checked_is_not_logged_in() {
    let mut world = World::new();
    world.get(1, register("ada", 1)).unwrap();
    let logins = world.log.account_facts.len();
    world.ask(2, log_in("ada", 2));
    world.step(Input::Disconnected(session(2)));
    world.settle();
    assert_eq!(world.log.account_facts.len(), logins);
    // Gone while the log wrote: the login is there, and nobody speaks through the connection.
    world.ask(3, log_in("ada", 3));
    let Some(Output::Hash(hashing)) = world.waiting.pop_front() else {
        panic!("a password is checked")
    };
    let hashed = world.hash(hashing);
    world.step(Input::Hashed(hashed));
    world.step(Input::Disconnected(session(3)));
    world.settle();
    assert_eq!(world.hub.sessions.len(), 1);
    assert!(world.hub.held.is_empty());
}

#[test]
fn account_on_several_devices_is_one_member() {
    let mut world = World::new();
    world.enter(9, "eve", "lobby");
    world.get(1, register("ada", 1)).unwrap();
    world.get(1, join("lobby")).unwrap();
    world.get(2, log_in("ada", 2)).unwrap();
    world.get(2, join("lobby")).unwrap();
    world.step(Input::Disconnected(session(1)));
    world.step(Input::Disconnected(session(2)));
    assert_eq!(world.seen_by(9), ["lobby +ada", "lobby -ada"]);
}

#[test]
fn guests_may_not_take_an_accounts_name_nor_one_that_looks_like_it() {
    let mut world = World::new();
    world.get(1, register("BOB", 1)).unwrap();
    world.step(Input::Disconnected(session(1)));
    for text in ["bob", "ВОВ", "B0B"] {
        assert_eq!(code(world.get(2, hello(text, 2))), "name_taken", "{text}");
        assert_eq!(
            code(world.get(2, register(text, 2))),
            "name_taken",
            "{text}"
        );
    }
    // Nor may an account take a guest's who is here.
    world.get(2, hello("ada", 2)).unwrap();
    assert_eq!(code(world.get(3, register("ada", 3))), "name_taken");
}

#[test]
fn nobody_takes_the_name_by_which_the_audit_log_knows_the_operator() {
    let mut world = World::new();
    for text in ["operator", "Operator", "0perat0r"] {
        assert_eq!(code(world.get(1, hello(text, 1))), "name_taken", "{text}");
        let refused = code(world.get(1, register(text, 1)));
        assert_eq!(refused, "name_taken", "{text}");
        let add = Order::Add {
            name: user(text),
            password: PasswordHash::new(PASSWORD),
            is_admin: false,
        };
        assert_eq!(code(order(&mut world, add)), "name_taken", "{text}");
    }
}

#[test]
fn guest_who_registers_stays_in_the_rooms_and_keeps_the_name() {
    let mut world = World::new();
    world.enter(9, "eve", "lobby");
    world.enter(1, "ada", "lobby");
    world.seen_by(9);
    world.get(1, register("ada", 1)).unwrap();
    assert_eq!(world.seen_by(9), ["lobby -ada", "lobby +ada"]);
    world.get(1, send("lobby", "hi", None)).unwrap();
    assert_eq!(world.seen_by(9), ["lobby 1 ada: hi"]);
    world.step(Input::Disconnected(session(1)));
    assert_eq!(world.seen_by(9), ["lobby -ada"]);
}

#[test]
fn guest_who_logs_in_becomes_the_account_in_all_rooms() {
    let mut world = World::new();
    world.get(2, register("ada", 2)).unwrap();
    world.get(2, join("lobby")).unwrap();
    world.enter(1, "visitor", "lobby");
    world.get(1, join("tea")).unwrap();
    world.seen_by(2);
    world.get(1, log_in("ada", 1)).unwrap();
    // Here already in the lobby, on another device.
    assert_eq!(world.seen_by(2), ["lobby -visitor"]);
    let who = Command::Who { room: room("tea") };
    let Ok(Done::Who { members, .. }) = world.get(1, who) else {
        panic!("no list")
    };
    let members: Vec<_> = members
        .iter()
        .map(|it| (it.name.as_str(), it.guest))
        .collect();
    assert_eq!(members, [("ada", false)]);
}

#[test]
fn guest_who_took_a_name_while_its_account_was_made_makes_way() {
    let mut world = World::new();
    world.enter(9, "eve", "lobby");
    world.ask(1, register("ada", 1));
    // The password is being hashed: the name is free still.
    world.ask(2, hello("ada", 2));
    world.ask(2, join("lobby"));
    world.seen_by(9);
    world.settle();
    let welcomed: Vec<_> = world
        .answers
        .iter()
        .map(|(who, it)| (*who, it.is_ok()))
        .collect();
    assert_eq!(welcomed[2], (session(1), false), "the guest was first");

    world.answers.clear();
    world.ask(1, register("bob", 1));
    let Some(Output::Hash(hashing)) = world.waiting.pop_front() else {
        panic!("a password is hashed")
    };
    let hashed = world.hash(hashing);
    world.step(Input::Hashed(hashed));
    // Decided, and not in the log yet.
    world.ask(3, hello("bob", 3));
    world.ask(3, join("lobby"));
    world.settle();
    assert!(world.answers.iter().all(|(_, answer)| answer.is_ok()));
    assert_eq!(world.seen_by(9), ["lobby +bob", "lobby bob -> guest-0003"]);
}

#[test]
fn owner_of_a_session_lists_and_revokes_it() {
    let mut world = World::new();
    world.get(1, register("ada", 1)).unwrap();
    world.get(2, log_in("ada", 2)).unwrap();
    world.get(2, join("lobby")).unwrap();
    assert_eq!(sessions(&mut world, 1), [(2, true), (3, false)]);
    let revoke = |id| account(AccountCommand::Revoke(LoginId(id)));
    assert_eq!(code(world.get(1, revoke(9))), "not_found");
    world.get(1, revoke(3)).unwrap();
    assert_eq!(world.closed, [session(2)]);
    assert_eq!(sessions(&mut world, 1), [(2, true)]);
    assert_eq!(code(world.get(2, come_back(2))), "not_authenticated");
    // Somebody else's is none of one's own.
    world.get(3, register("bob", 3)).unwrap();
    assert_eq!(code(world.get(3, revoke(2))), "not_found");
    world.get(4, hello("guest", 4)).unwrap();
    assert_eq!(code(world.get(4, revoke(2))), "forbidden");
    // Their own: answered first, then closed.
    world.get(1, revoke(2)).unwrap();
    assert_eq!(world.closed, [session(2), session(1)]);
}

#[test]
fn other_password_ends_all_other_sessions() {
    let mut world = World::new();
    world.get(1, register("ada", 1)).unwrap();
    world.get(2, log_in("ada", 2)).unwrap();
    let set = |current: &str| {
        account(AccountCommand::SetPassword {
            current: Password::read(current).unwrap(),
            new: NewPassword::parse("battery staple").unwrap(),
        })
    };
    assert_eq!(world.get(1, set("wrong")), Err(ChatError::BadPassword));
    assert_eq!(world.get(1, set(PASSWORD)), Ok(Done::Finished));
    assert_eq!(world.closed, [session(2)]);
    assert_eq!(world.get(3, log_in("ada", 3)), Err(ChatError::BadPassword));
    let new = log_in_with("ada", "battery staple", 3, None);
    assert!(world.get(3, new).is_ok());
    assert!(world.get(4, come_back(1)).is_ok());
}

#[test]
fn second_factor_is_set_up_with_a_code_and_asked_for_from_then_on() {
    let mut world = World::new();
    world.now = Timestamp(100 * 30_000);
    world.get(1, register("ada", 1)).unwrap();
    let secret = TotpSecret([7; 20]);
    let codes: [RecoveryCode; RecoveryCode::COUNT] =
        std::array::from_fn(|nth| RecoveryCode::new([u8::try_from(nth).unwrap(); 10]));
    let begin = |password: &str| {
        account(AccountCommand::TotpBegin {
            password: Password::read(password).unwrap(),
            fresh: secret,
        })
    };
    let confirm = |step| {
        account(AccountCommand::TotpConfirm {
            code: secret.code(step),
            fresh: Box::new(codes),
        })
    };
    assert_eq!(code(world.get(1, confirm(100))), "bad_request");
    assert_eq!(code(world.get(1, begin("wrong"))), "not_authenticated");
    assert!(matches!(
        world.get(1, begin(PASSWORD)),
        Ok(Done::TotpBegun { .. })
    ));
    assert_eq!(code(world.get(1, confirm(90))), "not_authenticated");
    assert_eq!(
        world.get(1, confirm(100)),
        Ok(Done::TotpConfirmed(Box::new(codes)))
    );
    assert_eq!(code(world.get(1, begin(PASSWORD))), "already");

    let by_code = |step| {
        let factor = SecondFactor::Code(secret.code(step));
        log_in_with("ada", PASSWORD, 2, Some(factor))
    };
    assert_eq!(world.get(2, log_in("ada", 2)), Err(ChatError::TotpNeeded));
    // The code that set it up was used.
    assert_eq!(world.get(2, by_code(100)), Err(ChatError::BadPassword));
    assert!(world.get(2, by_code(101)).is_ok());
    assert_eq!(world.get(3, by_code(101)), Err(ChatError::BadPassword));
    let by_paper = || {
        let factor = SecondFactor::Recovery(codes[3].hash());
        log_in_with("ada", PASSWORD, 3, Some(factor))
    };
    assert!(world.get(3, by_paper()).is_ok());
    assert_eq!(world.get(4, by_paper()), Err(ChatError::BadPassword));

    let disable = account(AccountCommand::TotpDisable {
        password: Password::read(PASSWORD).unwrap(),
    });
    assert_eq!(world.get(1, disable.clone()), Ok(Done::Finished));
    assert_eq!(code(world.get(1, disable)), "already");
    assert!(world.get(4, log_in("ada", 4)).is_ok());
}

#[test]
fn wrong_password_tells_nothing_of_a_second_factor() {
    let mut world = World::new();
    world.now = Timestamp(100 * 30_000);
    world.get(1, register("ada", 1)).unwrap();
    let wrong = log_in_with("ada", "wrong", 2, None);
    assert_eq!(world.get(2, wrong), Err(ChatError::BadPassword));
}

#[test]
fn ten_wrong_passwords_and_the_right_one_waits_too() {
    let mut world = World::new();
    world.get(1, register("ada", 1)).unwrap();
    for _ in 0..10 {
        let wrong = log_in_with("ada", "wrong", 2, None);
        assert_eq!(world.get(2, wrong), Err(ChatError::BadPassword));
    }
    let retry_after_ms = 30_000;
    assert_eq!(
        world.get(2, log_in("ada", 2)),
        Err(ChatError::RateLimited { retry_after_ms })
    );
    // Names without account are no different.
    for _ in 0..10 {
        assert_eq!(world.get(2, log_in("bob", 2)), Err(ChatError::BadPassword));
    }
    assert_eq!(code(world.get(2, log_in("bob", 2))), "rate_limited");
    world.now = Timestamp(30_000);
    assert!(world.get(2, log_in("ada", 2)).is_ok());
}

#[test]
fn registration_is_open_by_invite_or_closed() {
    let mut world = World::new();
    add_admin(&mut world, "owner");
    world.get(1, log_in("owner", 1)).unwrap();
    world.hub.policy.registration = Registration::Invite;
    assert_eq!(code(world.get(2, register("ada", 2))), "forbidden");
    let fresh = RecoveryCode::new([1; 10]);
    let invite = account(AccountCommand::Invite { fresh });
    let Ok(Done::RegistrationInvited { code: invited, .. }) = world.get(1, invite.clone()) else {
        panic!("the owner invites")
    };
    let with_invite = |text, number| register_by(text, number, Grounds::Invite(invited.hash()));
    assert!(world.get(2, with_invite("ada", 2)).is_ok());
    assert_eq!(code(world.get(3, with_invite("bob", 3))), "forbidden");
    assert_eq!(code(world.get(2, invite)), "forbidden");
    world.hub.policy.registration = Registration::Closed;
    assert_eq!(code(world.get(3, register("bob", 3))), "forbidden");
}

#[test]
fn invite_that_was_not_used_after_all_can_be_used_again() {
    let mut world = World::new();
    add_admin(&mut world, "owner");
    world.get(1, log_in("owner", 1)).unwrap();
    world.hub.policy.registration = Registration::Invite;
    let fresh = RecoveryCode::new([1; 10]);
    world
        .get(1, account(AccountCommand::Invite { fresh }))
        .unwrap();
    let with_invite = register_by("ada", 2, Grounds::Invite(fresh.hash()));
    world.log.is_failing = true;
    assert_eq!(code(world.get(2, with_invite.clone())), "busy");
    world.log.is_failing = false;
    assert!(world.get(2, with_invite).is_ok());
}

#[test]
fn claim_makes_one_owner_and_no_second() {
    let mut world = World::new();
    let secret = SecretHash::of(b"link");
    world.hub.policy.claim = Some(secret);
    world.hub.policy.registration = Registration::Closed;
    let shown = |secret| account(AccountCommand::Claimable(secret));
    assert_eq!(world.get(1, shown(secret)), Ok(Done::Finished));
    let other = SecretHash::of(b"other");
    assert_eq!(code(world.get(1, shown(other))), "not_found");
    let claim = |text, number| register_by(text, number, Grounds::Claim(secret));
    // Both at once: the first is the owner.
    world.ask(1, claim("ada", 1));
    world.ask(2, claim("bob", 2));
    world.settle();
    let results: Vec<_> = world.answers.drain(..).collect();
    let welcomed = results.iter().filter(|(_, answer)| answer.is_ok());
    assert_eq!(welcomed.count(), 1, "{results:?}");
    assert_eq!(code(world.get(3, shown(secret))), "not_found");
    let Ok(Done::Accounts(accounts)) = order(&mut world, Order::List) else {
        panic!("a list")
    };
    assert_eq!(accounts.len(), 1);
    assert_eq!(accounts[0].server_role, Role::Owner);
}

#[test]
fn disabled_account_is_out_and_stays_out_until_it_is_enabled() {
    let mut world = World::new();
    world.get(1, register("ada", 1)).unwrap();
    let disable = |is_disabled| Order::Disable {
        name: user("ada"),
        is_disabled,
    };
    assert_eq!(order(&mut world, disable(true)), Ok(Done::Finished));
    assert_eq!(world.closed, [session(1)]);
    assert_eq!(world.get(2, log_in("ada", 2)), Err(ChatError::BadPassword));
    assert_eq!(world.get(2, come_back(1)), Err(ChatError::BadToken));
    assert_eq!(code(world.get(2, hello("ada", 2))), "name_taken");
    assert_eq!(order(&mut world, disable(false)), Ok(Done::Finished));
    assert!(world.get(2, log_in("ada", 2)).is_ok());
    let unknown = Order::Disable {
        name: user("bob"),
        is_disabled: true,
    };
    assert_eq!(code(order(&mut world, unknown)), "not_found");
}

#[test]
fn orders_are_the_operators_alone() {
    let mut world = World::new();
    add_admin(&mut world, "owner");
    world.get(1, log_in("owner", 1)).unwrap();
    let list = account(AccountCommand::Order(Order::List));
    assert_eq!(code(world.get(1, list.clone())), "forbidden");
    assert_eq!(code(world.get(2, list)), "forbidden");
}

#[test]
fn bots_post_by_token_and_nobody_logs_in_as_one() {
    let mut world = World::new();
    world.enter(9, "eve", "lobby");
    world.seen_by(9);
    let add = Order::AddBot {
        name: user("builder"),
        token: token(1),
    };
    order(&mut world, add).unwrap();
    let post = |number, text: &str| {
        account(AccountCommand::Post {
            token: token(number),
            room: room(text),
            body: Body::parse("done").unwrap(),
            key: Some(MessageKey::parse("k").unwrap()),
            reply_to: None,
        })
    };
    for _ in 0..2 {
        let sent = world.get(1, post(1, "lobby"));
        assert!(matches!(sent, Ok(Done::Sent { seq: 1, .. })), "{sent:?}");
    }
    assert_eq!(world.seen_by(9), ["lobby 1 builder: done"]);
    assert_eq!(world.get(1, post(2, "lobby")), Err(ChatError::BadToken));
    assert_eq!(code(world.get(1, post(1, "nowhere"))), "not_found");
    let login = log_in_with("builder", "", 3, None);
    assert_eq!(world.get(1, login), Err(ChatError::BadPassword));
}

#[test]
fn one_account_of_two_who_register_a_name_at_once() {
    let mut world = World::new();
    world.ask(1, register("ada", 1));
    world.ask(2, register("Ada", 2));
    world.settle();
    let codes: Vec<_> = world
        .answers
        .drain(..)
        .map(|(who, it)| (who, it.is_ok()))
        .collect();
    assert_eq!(codes, [(session(2), false), (session(1), true)]);
}

#[test]
fn login_under_way_when_an_account_is_disabled_ends_with_it() {
    let mut world = World::new();
    world.get(1, register("ada", 1)).unwrap();
    world.ask(2, log_in("ada", 2));
    let Some(Output::Hash(hashing)) = world.waiting.pop_front() else {
        panic!("a password is checked")
    };
    let hashed = world.hash(hashing);
    world.step(Input::Hashed(hashed));
    // Decided, and not in the log yet.
    let disable = Order::Disable {
        name: user("ada"),
        is_disabled: true,
    };
    assert_eq!(order(&mut world, disable), Ok(Done::Finished));
    assert_eq!(world.closed, [session(1), session(2)]);
    assert!(world.hub.sessions.is_empty());
}

#[test]
fn login_checked_while_the_password_changes_does_not_survive_it() {
    let mut world = World::new();
    world.get(1, register("ada", 1)).unwrap();
    let set = account(AccountCommand::SetPassword {
        current: Password::read(PASSWORD).unwrap(),
        new: NewPassword::parse("battery staple").unwrap(),
    });
    world.ask(1, set);
    // Checked, and made: the change is decided, and not in the log yet.
    for _ in 0..2 {
        let hashing = world.waiting.pop_front().unwrap();
        let hashed = world.work(hashing);
        world.step(hashed);
    }
    world.ask(2, log_in("ada", 2));
    let Some(Output::Hash(hashing)) = world.waiting.pop_back() else {
        panic!("a password is checked")
    };
    let hashed = world.hash(hashing);
    world.step(Input::Hashed(hashed));
    world.settle();
    let answers: Vec<_> = world.answers.drain(..).collect();
    assert_eq!(answers[0], (session(1), Ok(Done::Finished)));
    assert_eq!(answers[1], (session(2), Err(ChatError::BadPassword)));
    assert_eq!(code(world.get(3, come_back(2))), "not_authenticated");
    // Nor does one that was asked before and checked after.
    world.ask(4, log_in_with("ada", "battery staple", 4, None));
    let Some(Output::Hash(hashing)) = world.waiting.pop_front() else {
        panic!("a password is checked")
    };
    let set = Order::SetPassword {
        name: user("ada"),
        password: PasswordHash::new("$another"),
    };
    assert_eq!(order(&mut world, set), Ok(Done::Finished));
    let hashed = world.hash(hashing);
    world.step(Input::Hashed(hashed));
    world.settle();
    let (_, answer) = world.answers.pop().unwrap();
    assert_eq!(answer, Err(ChatError::BadPassword));
}

#[test]
fn connection_ends_with_its_login_after_a_year() {
    const YEAR_MS: i64 = 365 * 24 * 60 * 60 * 1_000;
    let mut world = World::new();
    world.now = Timestamp(1_000);
    world.get(1, register("ada", 1)).unwrap();
    world.now = Timestamp(2_000);
    world.get(2, log_in("ada", 2)).unwrap();
    world.get(3, come_back(1)).unwrap();
    world.get(4, hello("bob", 4)).unwrap();
    assert_eq!(world.hub.next_deadline(), Some(Timestamp(1_000 + YEAR_MS)));
    world.now = Timestamp(999 + YEAR_MS);
    world.step(Input::Tick);
    assert_eq!(world.closed, []);
    world.now = Timestamp(1_000 + YEAR_MS);
    world.step(Input::Tick);
    assert_eq!(world.closed, [session(1), session(3)]);
    world.step(Input::Disconnected(session(2)));
    assert_eq!(world.hub.next_deadline(), None, "guests stay");
    assert_eq!(code(world.get(5, come_back(1))), "not_authenticated");
}
