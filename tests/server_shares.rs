//! An account, and an address, are held to what they may ask for over all of their connections.
#![cfg(feature = "server")]
mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Server, UPGRADE, Ws};

fn send(body: &str) -> Value {
    json!({"type": "send", "room": "lobby", "body": body})
}

fn limited(server: &Server, scope: &str) -> f64 {
    server.metric(&format!("chinwag_rate_limited_total{{scope=\"{scope}\"}}"))
}

/// Two connections of one guest, in the lobby.
fn two_devices(server: &Server) -> (Ws, Ws) {
    let mut first = server.ws();
    let token = first.hello("ada");
    let mut second = server.ws();
    second.done(json!({"type": "hello", "token": token}));
    for ws in [&mut first, &mut second] {
        ws.join("lobby");
    }
    (first, second)
}

#[test]
fn paste_passes_and_who_waits_as_long_as_told_is_served() {
    let server = Server::start_with(
        &[],
        &[
            ("CHINWAG__LIMITS__ACCOUNT_BURST", "20"),
            ("CHINWAG__LIMITS__MESSAGES_PER_SECOND", "5"),
            ("CHINWAG__LIMITS__ACCOUNT_MESSAGES_PER_SECOND", "5"),
        ],
    );
    let (mut first, mut second) = two_devices(&server);
    for line in 0..20 {
        first.done(send(&format!("line {line}")));
    }
    // The connection may, the account may not.
    let mut refused = 0;
    for line in 0..3 {
        let body = format!("more {line}");
        let answer = second.ask(send(&body));
        if answer["type"] == "done" {
            continue;
        }
        refused += 1;
        assert_eq!(answer["code"], "rate_limited", "{answer}");
        let retry_after_ms = answer["retry_after_ms"].as_u64().unwrap();
        assert!((1..=200).contains(&retry_after_ms), "{answer}");
        second.wait(Duration::from_millis(retry_after_ms));
        let again = second.ask(send(&body));
        assert_eq!(again["type"], "done", "after {retry_after_ms} ms: {again}");
    }
    assert!(refused > 0);
    assert_eq!(limited(&server, "account"), f64::from(refused));
    assert_eq!(limited(&server, "connection"), 0.0);
}

#[test]
fn who_never_waits_is_closed_though_only_the_account_is_too_fast() {
    let server = Server::start_with(
        &[],
        &[
            ("CHINWAG__LIMITS__MESSAGES_PER_SECOND", "1000000"),
            ("CHINWAG__LIMITS__ACCOUNT_BYTES_PER_SECOND", "0.1"),
        ],
    );
    let (mut first, mut second) = two_devices(&server);
    // One after the other, so that the connection itself is never too fast.
    let mut code = None;
    for line in 0..2_000 {
        first.send(&send(&format!("line {line}")).to_string());
        let answer = loop {
            match first.try_next() {
                Ok(push) if push["type"] == "message" => {}
                answer => break answer,
            }
        };
        if let Err(closed) = answer {
            code = closed;
            break;
        }
    }
    assert_eq!(code, Some(1008));
    assert!(limited(&server, "account") >= 500.0);
    // What the first used up is used up for the second, too.
    assert_eq!(second.refused(send("me too")), "rate_limited");
}

#[test]
fn address_behind_a_proxy_is_limited_and_its_neighbour_is_not() {
    let server = Server::start_with(
        &["--trusted-proxy", "127.0.0.1"],
        &[
            ("CHINWAG__LIMITS__ADDRESS_BURST", "20"),
            ("CHINWAG__LIMITS__MESSAGES_PER_SECOND", "0.01"),
            ("CHINWAG__LIMITS__ADDRESS_MESSAGES_PER_SECOND", "0.01"),
        ],
    );
    let enter = |client: &str, name: &str| {
        let mut http = server.http();
        let header = format!("\r\nX-Forwarded-For: {client}\r\n\r\n");
        assert_eq!(http.ask(&UPGRADE.replace("\r\n\r\n", &header)).status, 101);
        let mut ws = Ws::upgraded(http);
        ws.welcome();
        ws.hello(name);
        ws.join("lobby");
        ws
    };
    let mut ada = enter("203.0.113.7", "ada");
    let mut bob = enter("203.0.113.7", "bob");
    let mut eve = enter("203.0.113.8", "eve");
    for line in 0..10 {
        ada.done(send(&format!("line {line}")));
        bob.done(send(&format!("line {line}")));
    }
    assert_eq!(ada.refused(send("one more")), "rate_limited");
    assert_eq!(bob.refused(send("one more")), "rate_limited");
    assert_eq!(limited(&server, "address"), 2.0);
    eve.done(send("hello"));
}

#[test]
fn limits_that_are_no_numbers_are_refused_at_start() {
    for (name, value, named) in [
        ("ADDRESS_BYTES_PER_SECOND", "-1", "numbers from 0"),
        ("ACCOUNT_JOINS_PER_SECOND", "inf", "numbers from 0"),
    ] {
        let name = format!("CHINWAG__LIMITS__{name}");
        let output = support::run(&["check-config"], &[(&name, value)]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(named), "{said}");
    }
}
