//! `chinwag.v1` as its clients see it: names, rooms, messages, and what comes after a break.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod support;

use serde_json::{Value, json};
use support::account::register;
use support::{Server, Ws};

fn seqs(messages: &Value) -> Vec<u64> {
    let messages = messages.as_array().unwrap().iter();
    messages.map(|it| it["seq"].as_u64().unwrap()).collect()
}

fn names(members: &Value) -> Vec<&str> {
    let members = members.as_array().unwrap().iter();
    members.map(|it| it["name"].as_str().unwrap()).collect()
}

fn topic(room: &str, topic: &str) -> Value {
    json!({"type": "topic", "room": room, "topic": topic})
}

#[test]
fn welcome_says_what_the_server_is_and_allows() {
    let server = Server::start_with(&[], &[("CHINWAG__SERVER__MOTD", "be kind")]);
    let stream = std::net::TcpStream::connect(server.web()).unwrap();
    let welcome = Ws::open(stream).next();
    assert_eq!(welcome["type"], "welcome");
    assert!(welcome["server"].as_str().unwrap().starts_with("chinwag/"));
    assert_eq!(welcome["protocol"], "chinwag.v1");
    assert_eq!(welcome["motd"], "be kind");
    assert_eq!(welcome["you"], Value::Null);
    assert!(welcome.as_object().unwrap().contains_key("you"));
    assert_eq!(welcome["accounts"]["guests"], true);
    assert_eq!(welcome["accounts"]["registration"], "open");
    assert_eq!(welcome["limits"]["max_body_len"], 8_000);
}

#[test]
fn nothing_but_hello_is_answered_before_a_name_is_known() {
    let server = Server::start(&[]);
    let mut ws = server.ws();
    for request in [
        json!({"type": "join", "room": "lobby"}),
        json!({"type": "create", "room": "tea"}),
        json!({"type": "send", "room": "lobby", "body": "x"}),
        json!({"type": "history", "room": "lobby"}),
        json!({"type": "rooms"}),
        json!({"type": "who", "room": "lobby"}),
        json!({"type": "typing", "room": "lobby"}),
        json!({"type": "leave", "room": "lobby"}),
        topic("lobby", "x"),
    ] {
        assert_eq!(
            ws.refused(request.clone()),
            "not_authenticated",
            "{request}"
        );
    }
    let done = ws.done(json!({"type": "hello", "name": "ada"}));
    assert_eq!(
        done["you"],
        json!({"name": "ada", "guest": true, "role": "member"})
    );
}

#[test]
fn hello_again_changes_the_name_for_everybody() {
    let server = Server::start(&[]);
    let mut ada = server.member("ada");
    let mut bob = server.member("bob");
    ada.hello("grace");
    let renamed = bob.push("presence");
    assert_eq!(
        renamed,
        json!({"type": "presence", "room": "lobby", "name": "ada", "state": "renamed", "to": "grace"})
    );
    bob.hello("ada");
    assert_eq!(
        ada.refused(json!({"type": "hello", "name": "ADA"})),
        "name_taken"
    );
    let who = ada.done(json!({"type": "who", "room": "lobby"}));
    assert_eq!(names(&who["members"]), ["ada", "grace"]);
}

#[test]
fn names_that_deceive_are_refused_and_the_connection_stays() {
    let server = Server::start(&[]);
    let _ada = server.member("alice");
    let mut eve = server.ws();
    let long = "x".repeat(33);
    for (name, code) in [
        ("Alice", "name_taken"),
        ("ａｌｉｃｅ", "name_taken"),
        ("аlice", "name_taken"),
        ("", "name_invalid"),
        (" eve", "name_invalid"),
        ("eve ", "name_invalid"),
        ("e\u{200b}ve", "name_invalid"),
        ("e\u{202e}ve", "name_invalid"),
        ("e\nve", "name_invalid"),
        ("eve>", "name_invalid"),
        (&long, "name_invalid"),
    ] {
        let answer = eve.ask(json!({"type": "hello", "name": name}));
        assert_eq!(answer["code"], code, "{name:?}: {answer}");
    }
    eve.hello(&"x".repeat(32));
}

#[test]
fn token_is_the_same_guest_on_several_devices() {
    let server = Server::start(&[]);
    let mut bob = server.member("bob");
    let mut phone = server.ws();
    let token = phone.hello("ada");
    phone.join("lobby");
    let mut laptop = server.ws();
    let done = laptop.done(json!({"type": "hello", "token": token}));
    assert_eq!(done["you"]["name"], "ada");
    let joined = laptop.join("lobby");
    assert_eq!(names(&joined["members"]), ["ada", "bob"]);
    laptop.say("lobby", "from the laptop");
    assert_eq!(phone.push("message")["body"], "from the laptop");
    drop(phone);
    laptop.say("lobby", "still here");
    drop(laptop);
    let mut states = Vec::new();
    while states.last().is_none_or(|state| state != "left") {
        states.push(bob.push("presence")["state"].clone());
    }
    assert_eq!(states, ["joined", "left"]);
}

#[test]
fn token_outlives_the_server_and_nobody_can_make_one() {
    let mut server = Server::start(&[]);
    let mut ada = server.ws();
    let token = ada.hello("ada");
    ada.done(json!({"type": "create", "room": "tea"}));
    server.kill();
    server.restart();
    let mut eve = server.guest("eve");
    let mut forged = token.clone().into_bytes();
    forged[4] = if forged[4] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    for bad in [&forged, "", "x", &token[..40], &"A".repeat(100_000)] {
        let mut ws = server.ws();
        let code = ws.refused(json!({"type": "hello", "token": bad}));
        assert_eq!(code, "not_authenticated");
    }
    assert_eq!(
        eve.refused(json!({"type": "hello", "token": token})),
        "already"
    );
    let mut ada = server.ws();
    let done = ada.done(json!({"type": "hello", "token": token}));
    assert_eq!(done["you"]["name"], "ada");
    // What the guest owned is still the guest's, and not the name's.
    ada.join("tea");
    ada.done(topic("tea", "biscuits"));
    drop(ada);
    support::wait_until("the name is free", || {
        eve.ask(json!({"type": "hello", "name": "ada"}))["type"] == "done"
    });
    eve.join("tea");
    assert_eq!(eve.refused(topic("tea", "mine")), "forbidden");
    // Nor does the name come back to the token while somebody else has it.
    let mut late = server.ws();
    assert_eq!(
        late.refused(json!({"type": "hello", "token": token})),
        "name_taken"
    );
    assert_eq!(
        server.metric("chinwag_auth_failures_total{reason=\"token\"}"),
        5.0
    );
}

#[test]
fn guests_can_be_turned_away() {
    let server = Server::start(&["--guests", "off"]);
    let mut ws = server.ws();
    assert_eq!(
        ws.refused(json!({"type": "hello", "name": "ada"})),
        "forbidden"
    );
    assert_eq!(ws.refused(json!({"type": "rooms"})), "not_authenticated");
}

#[test]
fn message_reaches_all_in_one_order_and_its_sender_too() {
    let server = Server::start(&[]);
    let (mut ada, mut bob) = (server.member("ada"), server.member("bob"));
    let done =
        ada.done(json!({"type": "send", "room": "lobby", "body": "héllo\n\t🦊", "key": "k1"}));
    assert_eq!((&done["room"], &done["seq"]), (&json!("lobby"), &json!(1)));
    for ws in [&mut ada, &mut bob] {
        let push = ws.push("message");
        assert_eq!(
            push,
            json!({"type": "message", "room": "lobby", "seq": 1, "at": done["at"], "from": "ada",
                "body": "héllo\n\t🦊", "key": "k1"})
        );
    }
    let at = done["at"].as_str().unwrap();
    assert!(
        at.ends_with('Z') && at.len() == "2026-01-01T00:00:00.000Z".len(),
        "{at}"
    );
    let reply = json!({"type": "send", "room": "lobby", "body": "yes", "reply_to": 1});
    assert_eq!(bob.done(reply)["seq"], 2);
    assert_eq!(ada.push("message")["reply_to"], 1);
    for reply_to in [0, 3, 99] {
        let send = json!({"type": "send", "room": "lobby", "body": "x", "reply_to": reply_to});
        assert_eq!(bob.refused(send), "not_found");
    }
}

#[test]
fn same_key_posts_once_however_often_it_is_sent() {
    let mut server = Server::start(&[]);
    let mut ada = server.member("ada");
    let mut bob = server.member("bob");
    let send = json!({"type": "send", "room": "lobby", "body": "once", "key": "k"});
    let first = ada.done(send.clone());
    let ids: Vec<_> = (0..5).map(|_| ada.request(send.clone())).collect();
    for id in ids {
        let again = ada.answer(id);
        assert_eq!((&again["seq"], &again["at"]), (&first["seq"], &first["at"]));
    }
    assert_eq!(bob.heard(), ["once"]);
    // The same key of somebody else, and in another room, is another message.
    assert_eq!(bob.done(send.clone())["seq"], 2);
    ada.join("tea");
    let mut elsewhere = send.clone();
    elsewhere["room"] = json!("tea");
    assert_eq!(ada.done(elsewhere)["seq"], 1);
    server.kill();
    server.restart();
    let again = server.member("ada").done(send);
    assert_eq!((&again["seq"], &again["at"]), (&first["seq"], &first["at"]));
}

#[test]
fn rejoining_with_since_gives_what_was_missed() {
    let mut server = Server::start_unlimited(&[]);
    let mut ada = server.member("ada");
    for i in 1..=10 {
        ada.say("lobby", &format!("m{i}"));
    }
    let rejoin = |ws: &mut Ws, since: u64| {
        ws.done(json!({"type": "join", "room": "lobby", "since": since, "rev": 0}))
    };
    for is_restarted in [false, true] {
        if is_restarted {
            server.kill();
            server.restart();
        }
        let mut bob = server.guest("bob");
        let joined = rejoin(&mut bob, 7);
        assert_eq!(joined["recovered"], true);
        assert_eq!(
            (seqs(&joined["messages"]), &joined["seq"]),
            (vec![8, 9, 10], &json!(10))
        );
        assert_eq!(joined["more"], true);
        let joined = rejoin(&mut bob, 10);
        assert_eq!(
            (&joined["recovered"], &joined["messages"]),
            (&json!(true), &json!([]))
        );
        // Somebody who has seen more than there is has another server in mind.
        let joined = rejoin(&mut bob, 11);
        assert_eq!(joined["recovered"], false);
        assert_eq!(seqs(&joined["messages"]), (1..=10).collect::<Vec<_>>());
        assert_eq!(joined["more"], false);
        let joined = rejoin(&mut bob, i64::MAX.unsigned_abs());
        assert_eq!(joined["recovered"], false);
    }
}

#[test]
fn too_long_an_absence_gives_the_newest_page_and_says_so() {
    let server = Server::start_unlimited(&[]);
    let mut ada = server.member("ada");
    for i in 1..=600 {
        ada.request(json!({"type": "send", "room": "lobby", "body": format!("m{i}")}));
    }
    ada.say("lobby", "m601");
    let mut bob = server.guest("bob");
    let joined = bob.done(json!({"type": "join", "room": "lobby", "since": 3}));
    assert_eq!(
        (&joined["recovered"], &joined["more"]),
        (&json!(false), &json!(true))
    );
    let newest = seqs(&joined["messages"]);
    assert_eq!(newest.last(), Some(&601));
    // Scrolling back from there finds every message, once.
    let mut all = newest;
    loop {
        let page =
            bob.done(json!({"type": "history", "room": "lobby", "before": all[0], "limit": 200}));
        let mut older = seqs(&page["messages"]);
        assert_eq!(page["more"], json!(older[0] > 1));
        older.extend(all);
        all = older;
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(all, (1..=601).collect::<Vec<_>>());
}

#[test]
fn history_has_limits_and_ends() {
    let server = Server::start(&[]);
    let mut ada = server.member("ada");
    let history = |extra: Value| {
        let mut request = json!({"type": "history", "room": "lobby"});
        request
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        request
    };
    let empty = ada.done(history(json!({})));
    assert_eq!(
        (&empty["messages"], &empty["more"]),
        (&json!([]), &json!(false))
    );
    for i in 1..=5 {
        ada.say("lobby", &format!("m{i}"));
    }
    for (request, expected, more) in [
        (json!({}), vec![1, 2, 3, 4, 5], false),
        (json!({"limit": 2}), vec![4, 5], true),
        (json!({"before": 4, "limit": 2}), vec![2, 3], true),
        (json!({"before": 3, "limit": 2}), vec![1, 2], false),
        (json!({"before": 1}), vec![], false),
        (json!({"before": 0}), vec![], false),
        (json!({"before": 999, "limit": 1}), vec![5], true),
    ] {
        let page = ada.done(history(request.clone()));
        assert_eq!(
            (seqs(&page["messages"]), &page["more"]),
            (expected, &json!(more)),
            "{request}"
        );
    }
    for bad in [
        json!({"limit": 0}),
        json!({"limit": 201}),
        json!({"limit": -1}),
        json!({"before": "x"}),
    ] {
        assert_eq!(ada.refused(history(bad)), "bad_request");
    }
    let elsewhere = json!({"type": "history", "room": "nowhere"});
    assert_eq!(ada.refused(elsewhere), "not_found");
}

#[test]
fn rooms_are_created_listed_left_and_kept() {
    let mut server = Server::start(&[]);
    let (mut ada, mut bob) = (server.member("ada"), server.member("bob"));
    let absent = json!({"type": "join", "room": "tea"});
    assert_eq!(ada.refused(absent), "not_found");
    let done = ada.done(json!({"type": "create", "room": "Tea", "topic": "biscuits"}));
    assert_eq!(
        (&done["room"], &done["topic"]),
        (&json!("Tea"), &json!("biscuits"))
    );
    assert_eq!(
        (&done["visibility"], &done["seq"]),
        (&json!("public"), &json!(0))
    );
    assert_eq!(
        done["members"][0],
        json!({"name": "ada", "guest": true, "role": "owner"})
    );
    assert_eq!(
        bob.push("room"),
        json!({"type": "room", "room": "Tea", "topic": "biscuits", "state": "created"})
    );
    assert_eq!(
        bob.refused(json!({"type": "create", "room": "tea"})),
        "room_exists"
    );
    let private = json!({"type": "create", "room": "secret", "visibility": "private"});
    assert_eq!(bob.refused(private), "forbidden");
    assert_eq!(bob.join("tEA")["room"], "Tea");
    assert_eq!(ada.push("presence")["name"], "bob");
    let rooms = bob.done(json!({"type": "rooms"}));
    let tea = json!({"name": "Tea", "topic": "biscuits", "visibility": "public", "members": 2, "unread": 0});
    assert!(rooms["rooms"].as_array().unwrap().contains(&tea), "{rooms}");
    bob.done(json!({"type": "leave", "room": "Tea"}));
    assert_eq!(ada.push("presence")["state"], "joined");
    assert_eq!(ada.push("presence")["state"], "left");
    ada.say("Tea", "alone");
    assert!(bob.heard().is_empty());
    let send = json!({"type": "send", "room": "Tea", "body": "x"});
    assert_eq!(bob.refused(send), "forbidden");
    assert_eq!(
        bob.refused(json!({"type": "leave", "room": "Tea"})),
        "already"
    );
    server.kill();
    server.restart();
    let joined = server.guest("bob").join("tea");
    assert_eq!(
        (&joined["topic"], &joined["seq"]),
        (&json!("biscuits"), &json!(1))
    );
}

#[test]
fn topics_are_the_owners_and_counted() {
    let mut server = Server::start(&[]);
    let (mut ada, mut bob) = (server.guest("ada"), server.guest("bob"));
    ada.join("tea");
    bob.join("tea");
    assert_eq!(bob.refused(topic("tea", "mine")), "forbidden");
    assert_eq!(ada.refused(topic("lobby", "mine")), "forbidden");
    assert_eq!(ada.refused(topic("tea", "a\nb")), "bad_request");
    assert_eq!(ada.refused(topic("tea", &"x".repeat(251))), "too_long");
    for (rev, text) in [(1, "one"), (2, "two"), (3, "")] {
        ada.done(topic("tea", text));
        let push = bob.push("topic");
        assert_eq!(
            push,
            json!({"type": "topic", "room": "tea", "topic": text, "by": "ada", "rev": rev})
        );
    }
    server.kill();
    server.restart();
    let rejoin = |rev: u64| json!({"type": "join", "room": "tea", "since": 0, "rev": rev});
    let mut bob = server.guest("bob");
    let joined = bob.done(rejoin(1));
    assert_eq!(
        (&joined["recovered"], &joined["rev"]),
        (&json!(true), &json!(3))
    );
    let missed =
        |rev, text| json!({"type": "topic", "room": "tea", "topic": text, "by": "ada", "rev": rev});
    assert_eq!(joined["changes"], json!([missed(2, "two"), missed(3, "")]));
    assert_eq!(bob.done(rejoin(3))["changes"], json!([]));
    let joined = bob.done(rejoin(4));
    assert_eq!(
        (&joined["recovered"], &joined["changes"]),
        (&json!(false), &json!([]))
    );
}

#[test]
fn typing_is_told_to_others_and_not_answered() {
    let server = Server::start(&[]);
    let (mut ada, mut bob) = (server.member("ada"), server.member("bob"));
    ada.pushed();
    ada.request(json!({"type": "typing", "room": "lobby"}));
    let push = bob.push("typing");
    assert_eq!(
        push,
        json!({"type": "typing", "room": "lobby", "from": "ada"})
    );
    assert_eq!(ada.pushed(), Vec::<Value>::new());
    assert_eq!(
        ada.refused(json!({"type": "typing", "room": "nowhere"})),
        "not_found"
    );
}

#[test]
fn requests_may_be_sent_ahead_of_their_answers() {
    let server = Server::start(&[]);
    let mut ada = server.ws();
    let ids = [
        json!({"type": "hello", "name": "ada"}),
        json!({"type": "join", "room": "tea", "create": true}),
        json!({"type": "send", "room": "tea", "body": "1"}),
        json!({"type": "join", "room": "lobby"}),
        json!({"type": "send", "room": "lobby", "body": "2"}),
    ]
    .map(|request| ada.request(request));
    for id in ids {
        assert_eq!(ada.answer(id)["type"], "done");
    }
}

/// More people than a worker writes to at once, and more messages than it takes mail for one by one.
#[test]
fn busy_room_reaches_everybody_in_one_order_and_answers_come_behind() {
    const LISTENERS: usize = 150;
    const EACH: u64 = 20;
    let server = Server::start(&[]);
    let mut senders = [server.member("ada"), server.member("bob")];
    let mut listeners: Vec<Ws> = (0..LISTENERS)
        .map(|nth| server.member(&format!("listener {nth}")))
        .collect();
    let mut terminal = server.line();
    terminal.ask("--name: carol", "* ");
    for ws in &mut senders {
        for nth in 0..EACH {
            ws.request(json!({"type": "send", "room": "lobby", "body": format!("{nth}")}));
        }
    }
    let all: Vec<u64> = (1..=2 * EACH).collect();
    let mut bodies = None;
    for ws in &mut listeners {
        let messages: Vec<Value> = all.iter().map(|_| ws.push("message")).collect();
        assert_eq!(seqs(&messages.clone().into()), all);
        let said = messages
            .iter()
            .map(|it| (it["from"].clone(), it["body"].clone()));
        let said: Vec<_> = said.collect();
        assert_eq!(*bodies.get_or_insert_with(|| said.clone()), said);
    }
    for (from, body) in bodies.unwrap() {
        let line = terminal.wait_for("<");
        assert_eq!(
            line,
            format!("<{}> {}", from.as_str().unwrap(), body.as_str().unwrap())
        );
    }
    for ws in &mut senders {
        let (mut shown, mut answered) = (0, 0);
        while answered < EACH {
            let next = ws.next();
            match next["type"].as_str() {
                Some("message") => shown = next["seq"].as_u64().unwrap(),
                Some("done") => {
                    answered += 1;
                    assert!(next["seq"].as_u64().unwrap() <= shown, "{next} at {shown}");
                }
                _ => {}
            }
        }
    }
}

#[test]
fn message_that_was_posted_is_acknowledged_again_to_whoever_is_muted_since() {
    let mut server = Server::start(&[]);
    let (mut ada, _) = register(&server, "ada");
    ada.done(json!({"type": "create", "room": "tea"}));
    let (mut bob, token) = register(&server, "bob");
    bob.join("tea");
    let send = |key: &str| json!({"type": "send", "room": "tea", "body": "hello", "key": key});
    let first = bob.done(send("k"));
    ada.done(json!({"type": "mute", "room": "tea", "name": "bob"}));
    for is_restarted in [false, true] {
        if is_restarted {
            server.kill();
            server.restart();
            bob = server.ws();
            bob.done(json!({"type": "hello", "token": token}));
            bob.join("tea");
        }
        let again = bob.done(send("k"));
        assert_eq!((&again["seq"], &again["at"]), (&first["seq"], &first["at"]));
        assert_eq!(bob.refused(send("other")), "muted");
    }
}
