//! Whoever guesses passwords is slowed down, learns nothing by the clock, and locks nobody out.
#![cfg(feature = "server")]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::account::{PASSWORD, hello, log_in, register, send};
use support::{Server, now};

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
    for _ in 0..10 {
        log_in_from("203.0.113.9", "wrong");
    }
    bob.done(json!({"type": "password", "password": PASSWORD, "new": "battery staple"}));
}

/// Whoever measures how long a refusal takes does not learn who has an account. The hash is a few
/// hundred times what else is done, so that leaving it out would be seen at once; the medians of
/// interleaved tries differ by what the machine's other work does to them.
#[test]
fn refusal_takes_as_long_for_unknown_names() {
    let server = Server::start_unlimited(&[]);
    let known: Vec<String> = (0..8).map(|nth| format!("known-{nth}")).collect();
    for name in &known {
        register(&server, name);
    }
    let mut ws = server.ws();
    let (mut for_known, mut for_unknown) = (Vec::new(), Vec::new());
    for nth in 0..24 {
        let unknown = format!("unknown-{}", nth % 8);
        for (name, times) in [
            (&known[nth % 8], &mut for_known),
            (&unknown, &mut for_unknown),
        ] {
            let asked_at = now();
            assert_eq!(ws.refused(hello(name, "wrong")), "not_authenticated");
            times.push(asked_at.elapsed());
        }
    }
    for_known.sort();
    for_unknown.sort();
    let median = |times: &[Duration]| times[times.len() / 2].as_secs_f64();
    let ratio = median(&for_known) / median(&for_unknown);
    println!(
        "known {:?}, unknown {:?}, ratio {ratio:.3}",
        for_known[12], for_unknown[12]
    );
    assert!((0.5..2.0).contains(&ratio), "{for_known:?} {for_unknown:?}");
    // With nothing hashed a refusal takes less than a millisecond.
    assert!(for_unknown[0] > Duration::from_millis(3), "{for_unknown:?}");
}
