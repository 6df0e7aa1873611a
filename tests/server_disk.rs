//! What a running server promises about its disk, over a disk that misbehaves.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod support;

use std::time::Duration;

use serde_json::json;
use support::disk::DiskFaults;
use support::{Server, now, wait_until};
use tempfile::TempDir;

/// A server over a disk that can misbehave; the directory is the disk's.
fn start() -> (Server, DiskFaults, TempDir) {
    let dir = TempDir::new().unwrap();
    let faults = DiskFaults::new(dir.path());
    let environment = faults.env();
    let environment: Vec<_> = environment
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    (Server::start_with(&[], &environment), faults, dir)
}

#[test]
fn nothing_is_answered_or_shown_before_it_is_on_the_disk() {
    let (server, faults, _dir) = start();
    let (mut ada, mut bob) = (server.member("ada"), server.member("bob"));
    let mut line = server.line();
    faults.hold_sync();
    let sent = ada.request(json!({"type": "send", "room": "lobby", "body": "hello"}));
    faults.wait_until_held();
    let created = ada.request(json!({"type": "create", "room": "tea"}));
    // The server works: it answers what needs no disk, and these answers come behind all that was
    // shown before.
    assert!(bob.heard().is_empty());
    let history = bob.done(json!({"type": "history", "room": "lobby"}));
    assert_eq!(history["messages"], json!([]));
    assert_eq!(
        bob.refused(json!({"type": "join", "room": "tea"})),
        "not_found"
    );
    let mut carol = server.guest("carol");
    let joined = carol.join("lobby");
    assert_eq!(
        (&joined["seq"], &joined["messages"]),
        (&json!(0), &json!([]))
    );
    bob.request(json!({"type": "typing", "room": "lobby"}));
    while ada.push("presence")["name"] != "carol" {}
    assert_eq!(ada.push("typing")["from"], "bob");
    assert!(line.ask("--who:", "* in lobby: ").contains("carol"));
    faults.release_sync();
    assert_eq!(ada.answer(sent)["seq"], 1);
    assert_eq!(ada.answer(created)["type"], "done");
    assert_eq!(bob.push("message")["body"], "hello");
    line.wait_for("<ada> hello");
}

#[test]
fn what_a_kill_takes_from_the_disk_was_never_answered() {
    let (mut server, faults, _dir) = start();
    let mut ada = server.member("ada");
    ada.say("lobby", "kept");
    faults.hold_sync();
    let send = json!({"type": "send", "room": "lobby", "body": "asked", "key": "k"});
    ada.request(send.clone());
    faults.wait_until_held();
    server.kill();
    let end = loop {
        match ada.try_next() {
            Ok(value) => assert_eq!(value["body"], "kept"),
            Err(end) => break end,
        }
    };
    assert_eq!(end, None);
    faults.release_sync();
    server.restart();
    // Whether it was kept or not, asking again has it there once.
    let mut ada = server.member("ada");
    assert_eq!(ada.done(send)["seq"], 2);
    let history = ada.done(json!({"type": "history", "room": "lobby"}));
    let bodies: Vec<_> = history["messages"].as_array().unwrap().iter().collect();
    assert_eq!(bodies.len(), 2);
}

#[test]
fn full_disk_is_busy_shows_nothing_and_loses_nothing() {
    let (mut server, faults, _dir) = start();
    let (mut ada, mut bob) = (server.member("ada"), server.member("bob"));
    ada.say("lobby", "before");
    faults.fill_disk(true);
    for i in 0..5 {
        let send = json!({"type": "send", "room": "lobby", "body": "during", "key": i.to_string()});
        let answer = ada.ask(send);
        assert_eq!(answer["code"], "busy", "{answer}");
        assert!(answer["retry_after_ms"].as_u64().unwrap() <= 5_000);
    }
    let create = json!({"type": "join", "room": "tea", "create": true});
    assert_eq!(ada.refused(create.clone()), "busy");
    assert_eq!(bob.heard(), ["before"]);
    assert_eq!(
        bob.refused(json!({"type": "join", "room": "tea"})),
        "not_found"
    );
    let history = bob.done(json!({"type": "history", "room": "lobby"}));
    assert_eq!(history["messages"].as_array().unwrap().len(), 1);
    // Who comes now finds the room as it is.
    let mut carol = server.guest("carol");
    assert_eq!(carol.join("lobby")["seq"], 1);
    faults.fill_disk(false);
    let room_since = now();
    let send = json!({"type": "send", "room": "lobby", "body": "after", "key": "0"});
    let mut answer = json!({});
    wait_until("there is service again", || {
        answer = ada.ask(send.clone());
        answer["type"] == "done"
    });
    assert!(room_since.elapsed() < Duration::from_secs(5));
    assert_eq!(answer["seq"], 2);
    ada.done(create);
    assert_eq!(carol.push("message")["body"], "after");
    server.kill();
    server.restart();
    let joined = server.guest("dan").join("lobby");
    assert_eq!(joined["messages"][0]["body"], "before");
    assert_eq!(joined["messages"][1]["body"], "after");
    assert_eq!(joined["seq"], 2);
}

#[test]
fn failing_sync_is_busy_and_heals() {
    let (mut server, faults, _dir) = start();
    let (mut ada, mut bob) = (server.member("ada"), server.member("bob"));
    faults.fail_sync(true);
    let send = json!({"type": "send", "room": "lobby", "body": "x", "key": "k"});
    for _ in 0..3 {
        assert_eq!(ada.refused(send.clone()), "busy");
    }
    assert!(bob.heard().is_empty());
    faults.fail_sync(false);
    wait_until("there is service again", || {
        ada.ask(send.clone())["type"] == "done"
    });
    assert_eq!(bob.heard(), ["x"]);
    server.kill();
    server.restart();
    assert_eq!(server.member("ada").done(send)["seq"], 1);
}

#[test]
fn terminal_is_told_that_the_disk_is_full() {
    let (server, faults, _dir) = start();
    let mut line = server.line();
    faults.fill_disk(true);
    assert!(line.ask("hello", "! ").contains("busy"));
    assert!(line.ask("--join: tea", "! ").contains("busy"));
    faults.fill_disk(false);
    let mut bob = server.member("bob");
    line.wait_for("* bob joined");
    line.say("hello again");
    assert_eq!(bob.push("message")["room"], "lobby");
}
