//! Accounts in the log: what happens to them is there when a server starts again.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod storage_support;

use chinwag::chat::account::{
    AccountFact, AccountRecord, InviteRecord, LoginId, LoginLabel, LoginRecord, LoginToken,
    NewAccount, Opening, Roll, TotpRecord, UsedFactor,
};
use chinwag::chat::event::Role;
use chinwag::chat::log::{Fact, LogError, Recorded};
use chinwag::chat::password::PasswordHash;
use chinwag::chat::totp::{RecoveryCode, TotpSecret};
use chinwag::chat::{AccountId, Timestamp};
use chinwag::storage::Log;
use storage_support::{Data, user as name};

/// A log that is opened anew whenever it is read.
struct Scratch {
    data: Data,
    log: Option<Log>,
    clock: i64,
}

impl Scratch {
    fn new() -> Self {
        let mut scratch = Self {
            data: Data::new(),
            log: None,
            clock: 0,
        };
        scratch.reopen();
        scratch
    }

    fn reopen(&mut self) -> &mut Log {
        self.log = None;
        self.log.insert(self.data.log())
    }

    fn record(&mut self, fact: AccountFact) -> Recorded {
        self.outcome(fact).unwrap()
    }

    fn outcome(&mut self, fact: AccountFact) -> Result<Recorded, LogError> {
        self.clock += 1;
        let log = self.log.as_mut().unwrap();
        storage_support::record(log, self.clock, Fact::Account(fact))
    }

    fn roll(&mut self) -> Roll {
        self.reopen().accounts().unwrap()
    }

    fn open(&mut self, text: &str) -> AccountId {
        match self.record(opened(text)) {
            Recorded::AccountOpened(id) => id,
            other => panic!("{other:?}"),
        }
    }

    fn log_in(&mut self, account: AccountId, number: u8, factor: Option<UsedFactor>) -> LoginId {
        let fact = AccountFact::LoggedIn {
            account,
            against: Some(PasswordHash::new("$one")),
            opening: opening(number),
            factor,
            ended: Vec::new(),
        };
        match self.record(fact) {
            Recorded::LoggedIn(id) => id,
            other => panic!("{other:?}"),
        }
    }
}

fn opened(text: &str) -> AccountFact {
    AccountFact::Opened(NewAccount {
        name: name(text),
        password: Some(PasswordHash::new("$one")),
        is_admin: false,
        invite: None,
        claim: None,
        login: None,
        restraints: Vec::new(),
    })
}

fn opening(number: u8) -> Box<Opening> {
    Box::new(Opening {
        token: LoginToken([number; 32]),
        label: LoginLabel::clean("phone"),
        from: None,
        is_entrance: true,
    })
}

fn codes() -> Box<[RecoveryCode; RecoveryCode::COUNT]> {
    Box::new(std::array::from_fn(|nth| {
        RecoveryCode::new([u8::try_from(nth).unwrap(); 10])
    }))
}

#[test]
fn accounts_and_logins_are_there_again() {
    let mut scratch = Scratch::new();
    let ada = scratch.open("Ada");
    let login = scratch.log_in(ada, 1, None);
    scratch.record(AccountFact::Seen { login });
    let expected = Roll {
        accounts: vec![AccountRecord {
            id: ada,
            name: name("Ada"),
            password: Some(PasswordHash::new("$one")),
            server_role: Role::Member,
            is_disabled: false,
            totp: None,
        }],
        logins: vec![LoginRecord {
            id: login,
            account: ada,
            token: LoginToken([1; 32]).hash(),
            label: LoginLabel::clean("phone"),
            opened_at: Timestamp(2),
            seen_at: Timestamp(3),
        }],
        ..Roll::default()
    };
    assert_eq!(scratch.roll(), expected);
}

#[test]
fn names_that_look_alike_are_one_account() {
    let mut scratch = Scratch::new();
    scratch.open("BOB");
    for text in ["bob", "ВОВ", "B0B"] {
        assert_eq!(
            scratch.record(opened(text)),
            Recorded::AccountExisted,
            "{text}"
        );
    }
    assert_eq!(scratch.roll().accounts.len(), 1);
}

#[test]
fn logins_end_with_whatever_ends_them() {
    let mut scratch = Scratch::new();
    let ada = scratch.open("ada");
    let ended: Vec<LoginId> = (1..=4).map(|nth| scratch.log_in(ada, nth, None)).collect();
    let account = ada;
    scratch.record(AccountFact::LoggedOut {
        account,
        ended: vec![ended[0]],
    });
    scratch.record(AccountFact::PasswordSet {
        account,
        password: PasswordHash::new("$two"),
        kept: Some(ended[2]),
    });
    let left = |scratch: &mut Scratch| -> Vec<LoginId> {
        scratch.roll().logins.iter().map(|login| login.id).collect()
    };
    assert_eq!(left(&mut scratch), [ended[2]]);
    scratch.record(AccountFact::Disabled {
        account,
        is_disabled: true,
    });
    assert_eq!(left(&mut scratch), []);
    scratch.record(AccountFact::Disabled {
        account,
        is_disabled: false,
    });
    let again = |number: u8, ended: Vec<LoginId>| AccountFact::LoggedIn {
        account,
        opening: opening(number),
        against: Some(PasswordHash::new("$two")),
        factor: None,
        ended,
    };
    let Recorded::LoggedIn(extra) = scratch.record(again(6, Vec::new())) else {
        panic!("somebody logs in");
    };
    let Recorded::LoggedIn(last) = scratch.record(again(5, vec![extra])) else {
        panic!("somebody logs in");
    };
    let roll = scratch.roll();
    assert_eq!(left(&mut scratch), [last]);
    assert_eq!(roll.accounts[0].password, Some(PasswordHash::new("$two")));
    assert!(!roll.accounts[0].is_disabled);
}

#[test]
fn login_that_was_judged_by_what_is_not_so_any_more_opens_nothing() {
    let mut scratch = Scratch::new();
    let account = scratch.open("ada");
    let log_in = |against: Option<&str>| AccountFact::LoggedIn {
        account,
        opening: opening(1),
        against: against.map(PasswordHash::new),
        factor: None,
        ended: Vec::new(),
    };
    scratch.record(AccountFact::PasswordSet {
        account,
        password: PasswordHash::new("$two"),
        kept: None,
    });
    for against in [Some("$one"), None] {
        let outcome = scratch.outcome(log_in(against));
        assert_eq!(outcome, Err(LogError::Outdated), "{against:?}");
    }
    scratch.record(AccountFact::Disabled {
        account,
        is_disabled: true,
    });
    assert_eq!(
        scratch.outcome(log_in(Some("$two"))),
        Err(LogError::Outdated)
    );
    assert_eq!(scratch.roll().logins, []);
}

#[test]
fn second_factors_are_kept_and_used_up() {
    let mut scratch = Scratch::new();
    let ada = scratch.open("ada");
    let secret = TotpSecret([7; 20]);
    let set = || AccountFact::TotpSet {
        account: ada,
        secret,
        step: 9,
        codes: codes(),
    };
    scratch.record(set());
    // Set anew, the codes from before are gone.
    scratch.record(set());
    scratch.log_in(ada, 1, Some(UsedFactor::Step(10)));
    let used = codes()[3].hash();
    scratch.log_in(ada, 2, Some(UsedFactor::Recovery(used)));
    let totp = scratch.roll().accounts[0].totp.clone().unwrap();
    let mut left: Vec<_> = codes().iter().map(|code| code.hash()).collect();
    left.retain(|code| *code != used);
    left.sort();
    let expected = TotpRecord {
        secret,
        step: 10,
        codes: left,
    };
    assert_eq!(totp, expected);
    scratch.record(AccountFact::TotpRemoved { account: ada });
    assert_eq!(scratch.roll().accounts[0].totp, None);
}

#[test]
fn invites_are_kept_until_they_are_taken_or_over() {
    let mut scratch = Scratch::new();
    let by = scratch.open("owner");
    let codes = codes();
    let invited = |nth: usize, until| AccountFact::Invited {
        code: codes[nth],
        until: Timestamp(until),
        by,
    };
    scratch.record(invited(0, 3));
    scratch.record(invited(1, 1_000));
    // The first one is over by now.
    scratch.record(invited(2, 1_000));
    let kept = |nth: usize| InviteRecord {
        code: codes[nth].hash(),
        until: Timestamp(1_000),
    };
    let mut expected = vec![kept(1), kept(2)];
    expected.sort_by_key(|invite| invite.code);
    assert_eq!(scratch.roll().invites, expected);
    let AccountFact::Opened(account) = opened("ada") else {
        panic!("an account");
    };
    let invite = Some(kept(1));
    scratch.record(AccountFact::Opened(NewAccount { invite, ..account }));
    assert_eq!(scratch.roll().invites, [kept(2)]);
}

#[test]
fn events_tell_what_happened_and_nothing_that_is_secret() {
    let mut scratch = Scratch::new();
    let ada = scratch.open("ada");
    scratch.log_in(ada, 1, None);
    scratch.record(AccountFact::TotpSet {
        account: ada,
        secret: TotpSecret([7; 20]),
        step: 9,
        codes: codes(),
    });
    scratch.log = None;
    let database = scratch.data.database();
    let mut statement = database
        .prepare("SELECT kind, payload FROM events WHERE room = 0 ORDER BY id")
        .unwrap();
    let rows = statement.query_map((), |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    });
    let events: Vec<(String, String)> = rows.unwrap().map(Result::unwrap).collect();
    let of_ada = format!("{{\"account\":{}}}", ada.0);
    let expected = [
        (
            "account_opened",
            r#"{"name":"ada","is_admin":false}"#.to_owned(),
        ),
        (
            "logged_in",
            format!(r#"{{"account":{},"label":"phone","ended":[]}}"#, ada.0),
        ),
        ("totp_set", of_ada),
    ];
    let expected: Vec<(String, String)> = expected
        .into_iter()
        .map(|(kind, payload)| (kind.to_owned(), payload))
        .collect();
    assert_eq!(events, expected);
}
