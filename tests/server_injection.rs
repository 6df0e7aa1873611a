//! Hostile text wherever somebody can type something: as names, rooms, topics, bodies and the rest, by
//! WebSocket and in line mode.
//!
//! Whatever it is, it is taken or refused with a code, and the connection stays. That no raw control
//! character arrives at a terminal, in a frame or in the log is asserted where tests read those
//! (`tests/support`); here each text gets its chance to.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod support;

use std::process::Command;

use serde_json::{Value, json};
use support::{Http, Line, Server, Ws, assert_clean};

#[test]
fn no_text_breaks_the_chat_for_programs() {
    let mut server = start();
    let mut watcher = server.member("watcher");
    let mut terminal = server.line();
    let mut victim = server.guest("victim");
    let mut accepted = Vec::new();
    for (nth, text) in corpus().iter().enumerate() {
        let mut eve = server.member(&format!("eve{nth}"));
        let own = format!("own{nth}");
        eve.join(&own);
        victim.join(&own);
        let seq = eve.say("lobby", "before");
        for request in requests(text, &own, seq) {
            let code = code(&mut eve, &request);
            if code.is_empty() && request["type"] == "send" {
                accepted.push(text.clone());
            }
        }
        // Still there, and still whole.
        eve.say("lobby", "after");
        watcher.heard();
    }
    let bodies = |page: &Value| {
        let messages = page["messages"].as_array().unwrap();
        messages
            .iter()
            .filter_map(|it| it["body"].as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    assert!(accepted.len() > 40, "{}", accepted.len());
    let last = accepted.last().unwrap();
    let page = watcher.done(json!({"type": "history", "room": "lobby", "limit": 5}));
    assert!(bodies(&page).iter().any(|body| body == last), "{page}");
    terminal.ask("--rooms:", "* lobby");
    terminal.ask("--who:", "* in lobby");
    terminal.ask("--history: 200", "<");
    assert_clean(&server.admin("/metrics").text(), "\n");
    ended_clean(&mut server);
}

#[test]
fn no_text_breaks_the_chat_for_terminals() {
    let mut server = start();
    let mut watcher = server.member("watcher");
    let mut terminal = server.line();
    for text in corpus() {
        let mut eve = server.line();
        for command in [
            "",
            " ",
            "--name: ",
            "--join: ",
            "--topic: ",
            "--me: ",
            "--msg: watcher ",
        ] {
            eve.write(format!("{command}{text}\n"));
        }
        for command in [
            "--msg: ",
            "--history: ",
            "--leave: ",
            "/",
            "--",
            "--login: ",
        ] {
            eve.write(format!("{command}{text}\n"));
        }
        // The line behind `--login:` is a password, whatever it is, and so is the next if it was a
        // wrong one. Hence no `--quit:`.
        eve.write(format!("{text}\n"));
        eve.end_input();
        everything_to_the_end(&mut eve);
        for push in watcher.pushed() {
            for field in ["from", "name", "to", "room", "topic", "text"] {
                assert_clean(push[field].as_str().unwrap_or_default(), "");
            }
        }
    }
    terminal.ask("--rooms:", "* lobby");
    ended_clean(&mut server);
}

#[test]
fn no_text_breaks_what_answers_by_http() {
    let mut server = start();
    for text in corpus() {
        let escaped: String = text
            .bytes()
            .take(2_000)
            .map(|byte| format!("%{byte:02x}"))
            .collect();
        for path in [
            format!("/{escaped}"),
            format!("/api/v1/rooms/{escaped}/messages"),
            format!("/claim/{escaped}"),
            format!("/ws?{escaped}"),
        ] {
            let response = Http::connect(server.web()).get(&path);
            assert!(response.status < 500, "{path}: {}", response.status);
            assert_clean(&response.text(), "\n");
        }
        let body = json!({"name": text, "password": text}).to_string();
        let request = format!(
            "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let response = Http::connect(server.web()).ask(&request);
        assert!(response.status < 500, "{text:?}: {}", response.status);
        assert_clean(&response.text(), "\n");
    }
    ended_clean(&mut server);
}

/// A server that tells all it can, and does not mind how fast it is asked.
fn start() -> Server {
    let environment = [
        ("RUST_LOG", "debug"),
        ("CHINWAG__LIMITS__MESSAGES_PER_SECOND", "0"),
    ];
    Server::start_with(&[], &environment)
}

/// Lists the accounts as the operator would, and ends the server: nothing that either prints can
/// reach a terminal.
fn ended_clean(server: &mut Server) {
    let listed = Command::new(env!("CARGO_BIN_EXE_chinwag"))
        .args(["user", "list", "--data-dir"])
        .arg(server.data_dir().join("data"))
        .output()
        .unwrap();
    assert!(listed.status.success(), "{listed:?}");
    assert_clean(&String::from_utf8(listed.stdout).unwrap(), "\t\n");
    server.terminate();
    let said = server.said_until_the_end();
    assert!(!said.is_empty());
}

/// Everything that can be asked with a text in it.
fn requests(text: &str, own: &str, seq: u64) -> Vec<Value> {
    vec![
        json!({"type": "send", "room": "lobby", "body": text}),
        json!({"type": "send", "room": own, "body": "x", "key": text}),
        json!({"type": "edit", "room": "lobby", "seq": seq, "body": text}),
        json!({"type": "react", "room": "lobby", "seq": seq, "emoji": text, "on": true}),
        json!({"type": "topic", "room": own, "topic": text}),
        json!({"type": "create", "room": text, "topic": text}),
        json!({"type": "join", "room": text, "create": true}),
        json!({"type": "join", "room": own, "invite": text}),
        json!({"type": "search", "query": text}),
        json!({"type": "direct", "to": text}),
        json!({"type": "kick", "room": own, "name": "victim", "reason": text}),
        json!({"type": "mute", "room": own, "name": text, "reason": text}),
        json!({"type": "role", "room": own, "name": "victim", "role": text}),
        json!({"type": "hello", "name": text}),
        json!({"type": "hello", "name": text, "password": text, "totp": text, "label": text}),
        json!({"type": "hello", "token": text}),
        json!({"type": "register", "name": text, "password": "correct horse", "label": text}),
        json!({"type": text, "room": text}),
        json!({"type": "audit", "room": own}),
        json!({"type": "rooms"}),
    ]
}

/// The code with which something is refused, or nothing.
fn code(ws: &mut Ws, request: &Value) -> String {
    let answer = ws.ask(request.clone());
    match answer["code"].as_str() {
        Some(code) => {
            assert_ne!(code, "busy", "{request}: {answer}");
            code.to_owned()
        }
        None => String::new(),
    }
}

/// Reads what a terminal is sent up to the end of the connection.
fn everything_to_the_end(line: &mut Line) {
    let rest = line.rest();
    assert_clean(&rest, "\n");
    for line in rest.lines() {
        let is_known = ["* ", "! ", "<", "#", "  "]
            .iter()
            .any(|start| line.starts_with(start));
        assert!(is_known, "{line:?}");
    }
}

fn corpus() -> Vec<String> {
    let corpus: Value = serde_json::from_str(include_str!("injection/corpus.json")).unwrap();
    let texts = corpus["texts"].as_array().unwrap().iter();
    let repeated = corpus["repeated"].as_array().unwrap().iter();
    texts
        .map(|text| text.as_str().unwrap().to_owned())
        .chain(repeated.map(|pair| {
            let count = usize::try_from(pair[1].as_u64().unwrap()).unwrap();
            pair[0].as_str().unwrap().repeat(count)
        }))
        .collect()
}
