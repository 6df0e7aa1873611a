//! Line mode as people, scripts and attackers type it into a running server.
#![cfg(feature = "server")]

mod support;

use serde_json::json;
use support::account::{PASSWORD, register};
use support::{Line, Server};

/// A terminal in the lobby under that name.
fn named(server: &Server, name: &str) -> Line {
    let mut line = server.line();
    line.ask(&format!("--name: {name}"), &format!("* you are {name}"));
    line
}

#[test]
fn newcomer_is_told_how_to_talk_and_has_a_name() {
    let server = Server::start(&[]);
    let mut line = Line::connect(server.lines());
    assert!(line.next().starts_with("* Welcome to chinwag"));
    let name = line.wait_for("* you are guest-");
    assert_eq!(name.len(), "* you are guest-0000".len());
    assert_eq!(line.next(), "* you are in lobby");
    assert!(line.next().starts_with("* in lobby: guest-"));
}

#[test]
fn people_see_each_other_but_not_themselves() {
    let server = Server::start(&[]);
    let mut ada = named(&server, "ada");
    let mut bob = server.line();
    ada.wait_for("* guest-");
    bob.say("--name: bob");
    assert!(ada.next().ends_with(" is now called bob in lobby"));
    bob.say("hello");
    assert_eq!(ada.next(), "<bob> hello");
    bob.say("--me: waves");
    assert_eq!(ada.next(), "<bob> * bob waves");
    bob.say(" --quit: is a command");
    assert_eq!(ada.next(), "<bob> --quit: is a command");
    ada.say("hello bob");
    let mut seen = Vec::new();
    while seen.last().is_none_or(|line| line != "<ada> hello bob") {
        seen.push(bob.next());
    }
    let own = seen.iter().find(|line| line.starts_with("<bob>"));
    assert_eq!(own, None);
}

#[test]
fn commands_have_two_spellings_and_unknown_ones_are_errors() {
    let server = Server::start(&[]);
    let mut ada = named(&server, "ada");
    assert_eq!(ada.ask("/who", "* in "), "* in lobby: ada");
    assert_eq!(ada.ask("--who:", "* in "), "* in lobby: ada");
    assert_eq!(ada.ask("/rooms", "* "), "* lobby (1 here)");
    ada.ask("--help:", "*   --name: alice");
    ada.wait_for("* /join room works too");
    for unknown in ["--fly: away", "/fly", "--constructor:", "/etc/passwd"] {
        ada.say(unknown);
        assert!(
            ada.next().starts_with("! there is no command "),
            "{unknown}"
        );
    }
    for wrong in [
        "--join:",
        "--me:",
        "--topic:",
        "--name:",
        "--history: many",
        "--join: a b",
    ] {
        ada.say(wrong);
        assert!(ada.next().starts_with("! "), "{wrong}");
    }
    // The connection stays, and blank lines are nothing.
    ada.write("\n\r\n   \n");
    assert_eq!(ada.ask("--who:", "* "), "* in lobby: ada");
}

#[test]
fn rooms_joined_before_stay_joined_and_are_named() {
    let server = Server::start(&[]);
    let mut ada = named(&server, "ada");
    ada.ask("--join: tea", "* in tea: ada");
    let mut bob = server.member("bob");
    assert_eq!(ada.next(), "* bob joined lobby");
    bob.say("lobby", "anyone?");
    assert_eq!(ada.next(), "#lobby <bob> anyone?");
    bob.join("tea");
    assert_eq!(ada.next(), "* bob joined tea");
    bob.say("tea", "there you are");
    assert_eq!(ada.next(), "<bob> there you are");
    bob.pushed();
    ada.say("yes");
    assert_eq!(bob.push("message")["room"], "tea");
    ada.ask("--topic: biscuits", "* ada set the topic of tea: biscuits");
    assert_eq!(bob.push("topic")["topic"], "biscuits");
    ada.ask("--leave:", "* you left tea");
    assert_eq!(bob.push("presence")["state"], "left");
    ada.say("back here");
    let push = bob.push("message");
    assert_eq!(
        (&push["room"], &push["body"]),
        (&json!("lobby"), &json!("back here"))
    );
}

#[test]
fn history_is_shown_on_entering_and_on_demand() {
    let server = Server::start_unlimited(&[]);
    let mut bob = server.member("bob");
    for i in 1..=30 {
        bob.say("lobby", &format!("line {i}"));
    }
    let mut ada = Line::connect(server.lines());
    ada.wait_for("* you are in lobby");
    for i in 11..=30 {
        assert_eq!(ada.next(), format!("<bob> line {i}"));
    }
    ada.wait_for("* in lobby: bob");
    ada.say("--history: 3");
    for i in 28..=30 {
        assert_eq!(ada.next(), format!("<bob> line {i}"));
    }
    ada.say("--history: 99999");
    assert_eq!(ada.next(), "<bob> line 1");
}

#[test]
fn nobody_can_forge_lines_or_reach_the_terminal() {
    let server = Server::start(&[]);
    let mut ada = named(&server, "ada");
    let mut eve = server.member("eve");
    ada.wait_for("* eve joined");
    for (body, shown) in [
        ("a\n<bob> b", &["<eve> a", "  <bob> b"][..]),
        (
            "a\n* bob left lobby\n! x",
            &["<eve> a", "  * bob left lobby", "  ! x"],
        ),
        (
            "a\u{2028}<bob> b\u{2029}c",
            &["<eve> a", "  <bob> b", "  c"],
        ),
        ("* bob left lobby", &["<eve> * bob left lobby"]),
        ("a\tb", &["<eve> a b"]),
        ("\u{202e}drowssap\u{2066}\u{2069}", &["<eve> drowssap"]),
    ] {
        eve.say("lobby", body);
        for line in shown {
            assert_eq!(ada.next(), *line, "{body:?}");
        }
    }
    for body in ["\x1b[2Jgone", "a\rb", "a\x08b", "\u{9b}31m", "a\0b"] {
        let send = json!({"type": "send", "room": "lobby", "body": body});
        assert_eq!(eve.refused(send), "bad_request", "{body:?}");
    }
    for name in ["ada\n<bob>", "<bob", "a\x1b[2J", "bob\u{202e}", "\u{430}da"] {
        let code = eve.refused(json!({"type": "hello", "name": name}));
        assert!(
            code == "name_invalid" || code == "name_taken",
            "{name:?}: {code}"
        );
    }
}

#[test]
fn what_terminals_send_is_cleaned_for_others() {
    let server = Server::start(&[]);
    let mut ada = named(&server, "ada");
    let mut eve = named(&server, "eve");
    ada.wait_for("* guest-");
    ada.next();
    for (typed, shown) in [
        (&b"\x1b[31mred\x1b[0m\n"[..], "<eve> [31mred[0m"),
        (b"nul\0bell\x07del\x7f\n", "<eve> nulbelldel"),
        (b"a\rb\r\n", "<eve> ab"),
        (
            b"\xff\xfe broken \xe2\x82\n",
            "<eve> \u{fffd}\u{fffd} broken \u{fffd}",
        ),
        (
            b"\xed\xa0\x80\xf4\x90\x80\x80\n",
            "<eve> \u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
        ),
        ("bidi \u{202e}x\u{2067}y\n".as_bytes(), "<eve> bidi xy"),
        ("c1 \u{9b}2J\u{85}z\n".as_bytes(), "<eve> c1 2Jz"),
        ("sep\u{2028}<bob> forged\n".as_bytes(), "<eve> sep"),
    ] {
        eve.write(typed);
        assert_eq!(ada.next(), shown, "{typed:?}");
    }
    assert_eq!(ada.next(), "  <bob> forged");
    // What is nothing but controls is nothing.
    eve.write(b"\x1b\x07\n\xe2\x80\xae\nafter\n");
    assert_eq!(ada.next(), "<eve> after");
}

#[test]
fn lines_have_4096_bytes_and_not_one_more() {
    let server = Server::start(&[]);
    let mut ada = named(&server, "ada");
    let mut eve = named(&server, "eve");
    ada.wait_for("* guest-");
    ada.next();
    let limit = "x".repeat(4_096);
    for end in ["\n", "\r\n"] {
        eve.write(format!("{limit}{end}"));
        assert_eq!(ada.next(), format!("<eve> {limit}"));
        eve.write(format!("{limit}y{end}"));
        assert!(eve.next().starts_with("! this line is too long"));
    }
    // However long it is, and wherever the network cuts it, it is one line and one error.
    for _ in 0..40 {
        eve.write(&limit);
    }
    eve.write("tail\nnext\n");
    assert!(eve.wait_for("! ").starts_with("! this line is too long"));
    assert_eq!(ada.next(), "<eve> next");
    assert_eq!(eve.ask("--who:", "").split(':').next(), Some("* in lobby"));
}

#[test]
fn browser_that_speaks_tls_says_nothing_in_the_room() {
    let server = Server::start(&[]);
    let mut ada = named(&server, "ada");
    let mut line = server.line();
    ada.wait_for("* guest-");
    line.write("\x16\x03\x01\x02\x00 a hello\nwith a line in it\n");
    line.rest();
    assert!(ada.next().ends_with(" left lobby"));
}

#[test]
fn browser_that_was_led_here_is_sent_away() {
    let server = Server::start(&[]);
    let mut ada = named(&server, "ada");
    let body = "Content-Length: 30\r\n\r\n--name: eve\r\nforged by a page\r\n";
    for request in [
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
        format!("POST / HTTP/1.1\r\n{body}"),
        format!("POST /{} HTTP/1.1\r\n{body}", "x".repeat(5_000)),
        format!("POST /{} HTTP/1.1\r\n{body}", "x".repeat(100_000)),
    ] {
        let mut line = server.line();
        ada.wait_for("* guest-");
        line.write(request);
        let rest = line.rest();
        assert!(rest.contains("HTTP/1.1 400 Bad Request\r\n"), "{rest:?}");
        // Neither its headers nor its body were said.
        assert!(ada.next().ends_with(" left lobby"));
    }
}

#[test]
fn what_was_typed_before_the_end_of_input_is_carried_out() {
    let server = Server::start(&[]);
    let mut ada = named(&server, "ada");
    let mut line = Line::connect(server.lines());
    line.write("--name: eve\n--join: tea\n--leave: tea\nhello\nwithout an end");
    line.end_input();
    let seen = line.rest();
    assert!(seen.contains("* you are eve\n"), "{seen}");
    ada.wait_for("<eve> hello");
    assert_eq!(ada.next(), "<eve> without an end");
    assert_eq!(ada.next(), "* eve left lobby");
}

#[test]
fn quitting_says_goodbye_once_and_ends() {
    let server = Server::start(&[]);
    let mut ada = named(&server, "ada");
    let mut line = server.line();
    line.write("--name: eve\nlast words\n--quit:\nnever said\n");
    let rest = line.rest();
    assert_eq!(rest.matches("* bye").count(), 1, "{rest}");
    assert!(rest.ends_with("* bye\n"), "{rest}");
    ada.wait_for("<eve> last words");
    assert_eq!(ada.next(), "* eve left lobby");
}

#[test]
fn paste_of_300_lines_arrives_whole_and_in_order() {
    let server = Server::start_with(&[], &[("CHINWAG__LIMITS__MESSAGES_PER_SECOND", "200")]);
    let mut ada = named(&server, "ada");
    let mut eve = named(&server, "eve");
    let lines: String = (0..300).map(|i| format!("line {i} of a poem\n")).collect();
    eve.write(lines);
    ada.wait_for("* guest-");
    ada.next();
    for i in 0..300 {
        assert_eq!(ada.next(), format!("<eve> line {i} of a poem"));
    }
}

#[test]
fn server_that_makes_lines_wait_does_not_blame_who_typed_them() {
    let server = Server::start_with(&[], &[("CHINWAG__LIMITS__MESSAGES_PER_SECOND", "400")]);
    let mut ada = named(&server, "ada");
    let mut eve = named(&server, "eve");
    eve.write((0..1_500).map(|i| format!("{i}\n")).collect::<String>());
    eve.end_input();
    ada.wait_for("* guest-");
    ada.next();
    for i in 0..1_500 {
        assert_eq!(ada.next(), format!("<eve> {i}"));
    }
    assert_eq!(eve.rest(), "");
}

#[test]
fn lines_that_only_the_account_says_too_fast_wait_and_keep_their_order() {
    let server = Server::start_with(
        &[],
        &[
            ("CHINWAG__LIMITS__ACCOUNT_BURST", "20"),
            ("CHINWAG__LIMITS__MESSAGES_PER_SECOND", "10"),
            ("CHINWAG__LIMITS__ACCOUNT_MESSAGES_PER_SECOND", "10"),
        ],
    );
    let (mut ada, _) = register(&server, "ada");
    ada.join("lobby");
    let mut line = server.line();
    line.write(format!("--login: ada\n{PASSWORD}\n"));
    line.wait_for("* you are ada");
    for nth in 0..20 {
        let body = format!("device {nth}");
        ada.done(json!({"type": "send", "room": "lobby", "body": body}));
    }
    // The connection may, the account may not. What is shorter does not overtake.
    let lines = (0..10).map(|nth| format!("{nth}{}\n", "x".repeat(100 - 10 * nth)));
    line.write(lines.collect::<String>());
    line.end_input();
    for nth in 0..10 {
        let body = loop {
            let body = ada.push("message")["body"].as_str().unwrap().to_owned();
            if !body.starts_with("device") {
                break body;
            }
        };
        assert_eq!(body, format!("{nth}{}", "x".repeat(100 - 10 * nth)));
    }
    let rest = line.rest();
    assert!(!rest.contains("! "), "{rest}");
    let limited = server.metric("chinwag_rate_limited_total{scope=\"account\"}");
    assert!(limited > 0.0);
}

#[test]
fn line_that_slow_mode_refuses_waits_where_nothing_else_is_limited() {
    let server = Server::start_unlimited(&[]);
    let mut ada = server.guest("ada");
    ada.done(json!({"type": "join", "room": "den", "create": true}));
    ada.done(json!({"type": "slow_mode", "room": "den", "seconds": 1}));
    let mut line = server.line();
    line.write("--join: den\n");
    line.wait_for("* in den: ");
    line.write("one\ntwo\n");
    line.end_input();
    for body in ["one", "two"] {
        assert_eq!(ada.push("message")["body"], body);
    }
    let rest = line.rest();
    assert!(!rest.contains("! "), "{rest}");
}

#[test]
fn failed_join_leaves_one_where_one_went_since() {
    let server = Server::start_with(&[], &[("CHINWAG__LIMITS__MAX_ROOMS", "2")]);
    let mut ada = named(&server, "ada");
    let mut bob = server.member("bob");
    bob.join("tea");
    ada.wait_for("* bob joined lobby");
    ada.write("--join: none\n--join: tea\n");
    assert!(ada.next().starts_with("! "));
    ada.wait_for("* in tea: ");
    ada.say("where am I?");
    assert_eq!(bob.push("message")["room"], "tea");
    // What was meant for another room is said in none.
    ada.write("--join: none\n--topic: secrets\nstill here?\n");
    for _ in 0..3 {
        ada.wait_for("! ");
    }
    ada.say("yes");
    let push = bob.push("message");
    assert_eq!(
        (&push["room"], &push["body"]),
        (&json!("tea"), &json!("yes"))
    );
}

#[test]
fn guests_are_told_when_there_are_none() {
    let server = Server::start(&["--guests", "off"]);
    let mut line = Line::connect(server.lines());
    assert!(line.wait_for("! ").contains("guests"));
    line.wait_for("! ");
    for typed in [
        "--name: eve",
        "hello",
        "--join: lobby",
        "--who:",
        "--rooms:",
    ] {
        line.ask(typed, "! ");
    }
}
