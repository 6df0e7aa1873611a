//! Whoever guesses passwords is slowed down, and locks nobody out.
#![cfg(feature = "server")]

mod support;

use serde_json::{Value, json};
use support::Server;
use support::account::{
    PASSWORD, hello, log_in, printed, register, send, set_up_second_factor, user,
};

#[test]
fn who_guesses_passwords_is_told_to_wait_and_how_long() {
    let server = Server::start(&[]);
    register(&server, "ada");
    for _ in 0..10 {
        assert_eq!(log_in(&server, "ada", "wrong").status, 401);
    }
    let refused = log_in(&server, "ada", PASSWORD);
    assert_eq!(refused.status, 429);
    let seconds: u64 = refused.header("Retry-After").unwrap().parse().unwrap();
    assert!((1..=30).contains(&seconds), "{seconds}");
    let error: Value = serde_json::from_str(&refused.text()).unwrap();
    assert!(error["retry_after_ms"].as_u64().unwrap() <= 30_000);
    let mut ws = server.ws();
    assert_eq!(ws.refused(hello("ada", PASSWORD)), "rate_limited");
    // Another account is not concerned, nor are those who have logged in.
    register(&server, "bob");
    assert_eq!(log_in(&server, "bob", PASSWORD).status, 204);
    assert!(server.metric("chinwag_auth_failures_total{reason=\"password\"}") >= 10.0);
}

#[test]
fn guesser_locks_nobody_out() {
    let server = Server::start(&["--trusted-proxy", "127.0.0.1", "--registration", "open"]);
    let (mut ada, _) = register(&server, "ada");
    let log_in_from = |client: &str, password: &str| {
        let body = json!({"name": "ada", "password": password}).to_string();
        let header = format!("X-Forwarded-For: {client}\r\n");
        let path = "/api/v1/session";
        send(&mut server.http(), "POST", path, &header, &body).status
    };
    for _ in 0..10 {
        assert_eq!(log_in_from("203.0.113.7", "wrong"), 401);
    }
    assert_eq!(log_in_from("203.0.113.7", PASSWORD), 429);
    assert_eq!(log_in_from("2001:db8::7", PASSWORD), 204);
    // Whoever is logged in can still prove it again, as often as anybody.
    for _ in 0..10 {
        let begin = json!({"type": "totp_begin", "password": "wrong"});
        assert_eq!(ada.refused(begin), "not_authenticated");
    }
    assert_eq!(log_in_from("203.0.113.8", PASSWORD), 204);
    let (mut bob, _) = register(&server, "bob");
    // Nor does it matter to them who guesses, even from where they are.
    for _ in 0..10 {
        assert_eq!(log_in(&server, "bob", "wrong").status, 401);
    }
    assert_eq!(log_in(&server, "bob", PASSWORD).status, 429);
    bob.done(json!({"type": "password", "password": PASSWORD, "new": "battery staple"}));
}

#[test]
fn who_guesses_codes_is_told_to_wait_and_the_owner_is_told_of_it() {
    let server = Server::start(&[]);
    let (mut ada, _) = register(&server, "ada");
    let (mut device, papers) = set_up_second_factor(&mut ada);
    let log_in = |password: &str, totp: &str| {
        let body = json!({"name": "ada", "password": password, "totp": totp}).to_string();
        send(&mut server.http(), "POST", "/api/v1/session", "", &body)
    };
    let right = device.code();
    let wrong: String = right.chars().map(other_digit).collect();
    for _ in 0..10 {
        assert_eq!(log_in(PASSWORD, &wrong).status, 401);
        let notice = ada.push("notice");
        assert!(notice["text"].as_str().unwrap().contains("a wrong code"));
        assert_eq!(notice["room"], Value::Null);
    }
    let refused = log_in(PASSWORD, &right);
    assert_eq!(refused.status, 429);
    let seconds: u64 = refused.header("Retry-After").unwrap().parse().unwrap();
    assert!((500..=600).contains(&seconds), "{seconds}");
    let error: Value = serde_json::from_str(&refused.text()).unwrap();
    assert!(error["retry_after_ms"].as_u64().unwrap() <= 600_000);
    // The password alone is no guess, a recovery code can't be one, and whoever is logged in has tries
    // of their own.
    assert_eq!(server.ws().ask(hello("ada", PASSWORD))["needs"], "totp");
    assert_eq!(log_in(PASSWORD, &papers[0]).status, 204);
    ada.done(json!({"type": "totp_disable", "password": PASSWORD}));
    server.ws().done(hello("ada", PASSWORD));
}

#[test]
fn another_password_lets_the_owner_in_whom_a_guesser_kept_out() {
    let server = Server::start(&[]);
    let (mut ada, token) = register(&server, "ada");
    let (mut device, _) = set_up_second_factor(&mut ada);
    let right = device.code();
    let wrong: String = right.chars().map(other_digit).collect();
    let log_in = |password: &str, code: &str| {
        let mut hello = hello("ada", password);
        hello["totp"] = json!(code);
        server.ws().ask(hello)
    };
    drop(ada);
    for _ in 0..10 {
        assert_eq!(log_in(PASSWORD, &wrong)["code"], "not_authenticated");
    }
    assert_eq!(log_in(PASSWORD, &right)["code"], "rate_limited");
    // Nobody was there to be told: whoever comes hears of it.
    let mut ada = server.ws();
    ada.done(json!({"type": "hello", "token": token}));
    let notice = ada.push("notice");
    assert!(notice["text"].as_str().unwrap().contains("a wrong code"));
    let data = server.data_dir().join("data");
    printed(&user(&data, &["passwd", "ada"], "battery staple\n"));
    assert_eq!(ada.closed(), 4001);
    assert_eq!(log_in("battery staple", &right)["type"], "done");
}

/// A digit that this one is not.
fn other_digit(digit: char) -> char {
    if digit == '0' { '1' } else { '0' }
}
