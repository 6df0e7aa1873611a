//! Messages that are too old are gone when the server has run for a moment, and nobody is promised them.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod support;

use rusqlite::Connection;
use serde_json::{Value, json};
use support::{Server, Ws, wait_until};

fn seqs(answer: &Value) -> Vec<u64> {
    let messages = answer["messages"].as_array().unwrap().iter();
    messages.map(|it| it["seq"].as_u64().unwrap()).collect()
}

fn history(ws: &mut Ws, fields: &Value) -> Value {
    let mut request = json!({"type": "history", "room": "lobby"});
    for (name, value) in fields.as_object().unwrap() {
        request[name] = value.clone();
    }
    ws.ask(request)
}

#[test]
fn what_is_older_than_the_server_keeps_it_is_erased_after_a_start() {
    let settings = [("CHINWAG__CHAT__RETENTION_DAYS", "1")];
    let mut server = Server::start_with(&["--drain", "0.1"], &settings);
    let mut ada = server.member("ada");
    for body in ["the oldest", "older", "today"] {
        ada.say("lobby", body);
    }
    server.kill();
    // As if two of them had been said long ago.
    Connection::open(server.data_dir().join("data/chinwag.db"))
        .unwrap()
        .execute_batch("UPDATE messages SET at = 1000 * seq WHERE seq < 3")
        .unwrap();
    server.restart();
    let mut ada = server.guest("ada");
    wait_until("they are erased", || {
        seqs(&history(&mut ada, &json!({}))) == [3]
    });
    let page = history(&mut ada, &json!({"before": 3}));
    assert_eq!((seqs(&page), &page["more"]), (vec![], &json!(false)));
    assert_eq!(
        history(&mut ada, &json!({"around": 2}))["code"],
        "not_found"
    );
    let join = |since: u64| json!({"type": "join", "room": "lobby", "since": since});
    for (since, recovered) in [(1, false), (2, true)] {
        let joined = ada.done(join(since));
        assert_eq!(joined["recovered"], recovered, "since {since}");
        assert_eq!((seqs(&joined), &joined["more"]), (vec![3], &json!(false)));
        assert_eq!(joined["retention_days"], 1);
    }
    let found = ada.done(json!({"type": "search", "query": "older"}));
    assert_eq!(seqs(&found), [0; 0]);
    assert_eq!(ada.say("lobby", "and on"), 4);
    server.terminate();
    server.wait();
    let file = std::fs::read(server.data_dir().join("data/chinwag.db")).unwrap();
    assert!(!file.windows(10).any(|bytes| bytes == b"the oldest"));
}
