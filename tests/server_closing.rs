//! Who breaks the rules: errors while one may stay, and exactly one Close when one may not.
#![cfg(feature = "server")]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Http, Server, UPGRADE, Ws, masked_frame, wait_until};

fn message(body: &str) -> Value {
    json!({"type": "send", "room": "lobby", "body": body})
}

#[test]
fn nonsense_is_answered_and_the_connection_stays() {
    let server = Server::start(&[]);
    let mut ws = server.member("ada");
    ws.pushed();
    let deep = "[".repeat(100_000);
    for text in [
        "",
        "hello",
        "{",
        "[]",
        "null",
        "7",
        "\"send\"",
        "{\"type\":\"send\"} {}",
        &deep,
        &format!("{{\"type\":{deep}"),
    ] {
        ws.send(text);
        let answer = ws.next();
        assert_eq!(
            (&answer["type"], &answer["code"]),
            (&json!("error"), &json!("bad_request"))
        );
        assert!(answer.get("re").is_none(), "{answer}");
    }
    for (request, code) in [
        (json!({"type": "fly"}), "unknown_type"),
        (json!({"type": ""}), "unknown_type"),
        (json!({"type": 7}), "bad_request"),
        (json!({}), "bad_request"),
        (json!({"type": "send", "room": "lobby"}), "bad_request"),
        (
            json!({"type": "send", "room": "lobby", "body": 7}),
            "bad_request",
        ),
        (
            json!({"type": "send", "room": "lobby", "body": {"a": 1}}),
            "bad_request",
        ),
        (message(""), "empty"),
        (message(" \n\t"), "empty"),
        (message(&"x".repeat(8_001)), "too_long"),
        (message(&"🦊".repeat(8_001)), "too_long"),
        (message("a\u{7}b"), "bad_request"),
        (
            json!({"type": "send", "room": "lobby", "body": "x", "key": "k".repeat(65)}),
            "too_long",
        ),
        (
            json!({"type": "send", "room": "a b", "body": "x"}),
            "room_invalid",
        ),
        (
            json!({"type": "join", "room": "", "create": true}),
            "room_invalid",
        ),
        (
            json!({"type": "join", "room": "x".repeat(65), "create": true}),
            "room_invalid",
        ),
        (
            json!({"type": "join", "room": "../etc", "create": true}),
            "room_invalid",
        ),
        (
            json!({"type": "join", "room": "lobby", "since": -1}),
            "bad_request",
        ),
        (
            json!({"type": "join", "room": "lobby", "since": 1.5}),
            "bad_request",
        ),
    ] {
        assert_eq!(ws.refused(request.clone()), code, "{request}");
    }
    for id in [json!(1.5), json!([]), json!(true), json!("x".repeat(65))] {
        ws.send(&json!({"type": "rooms", "id": id}).to_string());
        let answer = ws.next();
        assert_eq!(
            (&answer["code"], answer.get("re")),
            (&json!("bad_request"), None),
            "{id}"
        );
    }
    for id in [
        json!("x".repeat(64)),
        json!(-7),
        json!(""),
        json!("\u{0}\"\\"),
    ] {
        ws.send(&json!({"type": "rooms", "id": id}).to_string());
        assert_eq!(ws.next()["re"], id);
    }
    let mut ahead = message(&"🦊".repeat(8_000));
    ahead["unknown"] = json!({"a": [1, 2]});
    assert_eq!(ws.done(ahead)["seq"], 1);
}

#[test]
fn twenty_at_once_pass_and_the_next_is_told_how_long_to_wait() {
    let server = Server::start(&[]);
    let mut ada = server.member("ada");
    let ids: Vec<_> = (0..30)
        .map(|i| ada.request(message(&i.to_string())))
        .collect();
    let answers: Vec<_> = ids.into_iter().map(|id| ada.answer(id)).collect();
    assert!(answers[..20].iter().all(|answer| answer["type"] == "done"));
    let mut refused = answers[29].clone();
    for i in 0..5 {
        assert_eq!(refused["code"], "rate_limited", "{refused}");
        let told = Duration::from_millis(refused["retry_after_ms"].as_u64().unwrap());
        assert!(told <= Duration::from_millis(100));
        ada.wait(told);
        ada.say("lobby", &format!("after {i}"));
        let ids = [(); 3].map(|()| ada.request(message("too soon")));
        refused = ids.map(|id| ada.answer(id))[2].clone();
    }
    assert!(server.metric("chinwag_rate_limited_total{scope=\"connection\"}") >= 6.0);
}

#[test]
fn whoever_ignores_limits_is_closed() {
    let server = Server::start(&[]);
    let mut bob = server.member("bob");
    let mut eve = server.member("eve");
    let flood = message("buy!").to_string();
    let mut count = 0;
    while count < 5_000 && eve.try_send(&flood) {
        count += 1;
    }
    assert_eq!(eve.closed(), 1008);
    assert!(bob.heard().len() < 40);
    let mut mallory = server.ws();
    while mallory.try_send("{") && count < 10_000 {
        count += 1;
    }
    assert_eq!(mallory.closed(), 1008);
    bob.say("lobby", "nobody else noticed");
}

// covers: R6455-7.1.7-02, R6455-7.1.7-06/S, R6455-10.7-02/S, D-04, D-05
#[test]
fn each_offence_has_its_close_code_and_exactly_one_close() {
    let server = Server::start(&[]);
    let text = |payload: &[u8]| masked_frame(1, payload);
    let too_big = (1_u64 << 18) + 1;
    let header = |len: u64| [&[0x81, 0xff][..], &len.to_be_bytes(), &[0; 4]].concat();
    let mut tiny = vec![0x01, 0x80, 0, 0, 0, 0];
    tiny.extend([0x00, 0x80, 0, 0, 0, 0].repeat(2_000));
    let cases: &[(&str, Vec<u8>, u16)] = &[
        ("binary", masked_frame(2, b"x"), 1003),
        ("empty binary", masked_frame(2, b""), 1003),
        ("broken UTF-8", text(b"\xff"), 1007),
        ("surrogate", text(b"{\"type\":\"\xed\xa0\x80\"}"), 1007),
        ("cut character", text(b"\xe2\x82"), 1007),
        (
            "broken UTF-8 in an unfinished frame",
            [&header(70_000)[..], b"\xc0"].concat(),
            1007,
        ),
        ("too big", header(too_big), 1009),
        ("absurdly big", header(i64::MAX.unsigned_abs()), 1009),
        ("impossibly big", header(u64::MAX), 1002),
        ("unmasked", b"\x81\x02hi".to_vec(), 1002),
        (
            "reserved bit",
            {
                let mut frame = text(b"hi");
                frame[0] |= 0x40;
                frame
            },
            1002,
        ),
        ("unknown opcode", masked_frame(3, b""), 1002),
        ("unknown control opcode", masked_frame(11, b""), 1002),
        ("continuation of nothing", masked_frame(0, b"x"), 1002),
        ("long ping", masked_frame(9, &[b'x'; 126]), 1002),
        ("Close with one byte", masked_frame(8, b"x"), 1002),
        (
            "Close with a reserved code",
            masked_frame(8, &1005_u16.to_be_bytes()),
            1002,
        ),
        (
            "Close with a broken reason",
            masked_frame(8, b"\x03\xe8\xff"),
            1007,
        ),
        ("too many fragments", tiny, 1008),
    ];
    let mut bob = server.member("bob");
    for (name, bytes, code) in cases {
        let mut ws = server.guest("eve");
        // What comes behind the offence is nothing.
        let mut bytes = bytes.clone();
        bytes.extend(masked_frame(1, message("too late").to_string().as_bytes()));
        bytes.extend(masked_frame(2, b"x"));
        bytes.extend(masked_frame(8, &1000_u16.to_be_bytes()));
        ws.write(&bytes);
        assert_eq!(ws.closed(), *code, "{name}");
        wait_until("eve's name is free", || {
            let rooms = server.metric("chinwag_connections{transport=\"websocket\"}");
            rooms == 1.0
        });
    }
    assert!(bob.heard().is_empty());
    let counted =
        |code: u16| server.metric(&format!("chinwag_disconnects_total{{code=\"{code}\"}}"));
    assert_eq!(
        (counted(1003), counted(1009), counted(1008)),
        (2.0, 2.0, 1.0)
    );
}

// covers: R6455-5.5.1-09/S, R6455-7.1.2-02/S, D-03
#[test]
fn close_is_echoed_behind_all_answers() {
    let server = Server::start(&[]);
    for (payload, code) in [(&b""[..], 0), (b"\x03\xe8", 1000), (b"\x0f\xa1bye", 4001)] {
        let mut ws = server.ws();
        ws.write(&masked_frame(8, payload));
        assert_eq!(ws.closed(), code);
    }
}

// covers: R6455-5.4-10/S, R6455-5.4-04/S
#[test]
fn messages_may_come_in_pieces_with_pings_between() {
    let server = Server::start(&[]);
    let mut ws = server.guest("ada");
    let request = json!({"type": "hello", "id": "x", "name": "grace 🦊"}).to_string();
    let mut bytes = vec![0x01, 0x80, 0, 0, 0, 0];
    for byte in request.bytes() {
        bytes.extend([0x00, 0x81, 0, 0, 0, 0, byte]);
        bytes.extend(masked_frame(9, b"there?"));
    }
    bytes.extend(masked_frame(0, b""));
    for part in bytes.chunks(7) {
        ws.write(part);
    }
    let done = ws.next();
    assert_eq!(
        (&done["re"], &done["you"]["name"]),
        (&json!("x"), &json!("grace 🦊"))
    );
}

// covers: D-19
#[test]
fn connection_that_ends_without_a_close_is_gone_for_others() {
    let server = Server::start(&[]);
    let mut bob = server.member("bob");
    for end in [std::net::Shutdown::Write, std::net::Shutdown::Both] {
        let eve = server.member("eve");
        assert_eq!(bob.push("presence")["state"], "joined");
        eve.stream().shutdown(end).unwrap();
        assert_eq!(bob.push("presence")["state"], "left");
    }
}

// covers: R6455-7.1.1-01/S, D-01
#[test]
fn close_reaches_a_peer_that_still_writes() {
    let server = Server::start(&[]);
    let mut http = Http::connect(server.web());
    let mut bytes = UPGRADE.as_bytes().to_vec();
    bytes.extend(masked_frame(2, b"x"));
    bytes.extend(masked_frame(1, &vec![b'x'; 200_000]).repeat(5));
    http.write(bytes);
    assert_eq!(http.response().status, 101);
    assert_eq!(Ws::upgraded(http).closed(), 1003);
}
