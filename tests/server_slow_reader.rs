//! A member who stops reading is cut off, and nobody else notices.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod support;

use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use serde_json::json;
use socket2::{Domain, Socket, Type};
use support::{Server, Ws, now, wait_until};

/// A member whose system takes little, and who reads none of it.
fn idler(server: &Server) -> Ws {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // Set before connecting, so that the window never grows beyond it.
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    socket.connect(&server.web().into()).unwrap();
    let mut ws = Ws::open(TcpStream::from(socket));
    ws.hello("idler");
    ws.join("lobby");
    ws
}

/// Has one member say so many messages of that length while 20 others read along.
fn flood(server: &Server, count: usize, len: usize) {
    let readers: Vec<_> = (0..20)
        .map(|i| {
            let mut reader = server.member(&format!("reader {i}"));
            thread::spawn(move || {
                for i in 1..=count {
                    let push = reader.push("message");
                    assert_eq!(push["seq"], i);
                    assert_eq!(push["body"].as_str().unwrap().len(), len);
                }
            })
        })
        .collect();
    let mut speaker = server.member("speaker");
    let body = "x".repeat(len);
    for _ in 0..count {
        speaker.say("lobby", &body);
    }
    for reader in readers {
        reader.join().unwrap();
    }
}

// covers: D-18
#[test]
fn member_who_stops_reading_is_cut_off_and_others_miss_nothing() {
    let server = Server::start_unlimited(&[]);
    let mut idler = idler(&server);
    let mut witness = server.member("witness");
    let left = json!({"type": "presence", "room": "lobby", "name": "idler", "state": "left"});
    // More than the hard limit and what the systems on both ends take.
    flood(&server, 900, 8_000);
    wait_until("the idler is gone", || {
        server.metric("chinwag_slow_reader_disconnects_total") == 1.0
    });
    while witness.push("presence") != left {}
    assert_eq!(idler.closed(), 1008);
    let queue = || server.metric("chinwag_send_queue_bytes");
    wait_until("nothing waits for the idler any more", || queue() == 0.0);
    let code = "chinwag_disconnects_total{code=\"1008\"}";
    assert_eq!(server.metric(code), 1.0);
}

// covers: D-18
#[test]
fn member_who_lags_behind_for_long_is_cut_off_too() {
    let server = Server::start_unlimited(&[]);
    let mut idler = idler(&server);
    let mut speaker = server.member("speaker");
    let body = "x".repeat(8_000);
    let mut over_since = now();
    // Above the soft limit, and not by much.
    wait_until("the idler is behind", || {
        over_since = now();
        for _ in 0..16 {
            speaker.say("lobby", &body);
        }
        server.metric("chinwag_send_queue_bytes") > 1_048_576.0
    });
    let slow = || server.metric("chinwag_slow_reader_disconnects_total");
    wait_until("the idler is gone", || slow() == 1.0);
    assert!(over_since.elapsed() >= Duration::from_secs(4));
    assert_eq!(idler.closed(), 1008);
}

#[test]
fn member_who_catches_up_stays() {
    let server = Server::start_unlimited(&[]);
    let mut idler = idler(&server);
    flood(&server, 60, 8_000);
    for seq in 1..=60 {
        assert_eq!(idler.push("message")["seq"], seq);
    }
    idler.say("lobby", "I was away");
    assert_eq!(server.metric("chinwag_slow_reader_disconnects_total"), 0.0);
}

#[test]
fn returning_to_many_full_rooms_at_once_is_no_offence() {
    let server = Server::start_unlimited(&[]);
    let mut ada = server.guest("ada");
    let body = "🦊".repeat(8_000);
    let rooms: Vec<_> = (0..ROOM_COUNT).map(|i| format!("room-{i}")).collect();
    for room in &rooms {
        ada.join(room);
        let send = json!({"type": "send", "room": room, "body": body});
        let ids: Vec<_> = (0..16).map(|_| ada.request(send.clone())).collect();
        for id in ids {
            assert_eq!(ada.answer(id)["type"], "done");
        }
    }
    let mut bob = server.guest("bob");
    let join = |room: &String| json!({"type": "join", "room": room});
    let ids: Vec<_> = rooms.iter().map(|room| bob.request(join(room))).collect();
    for id in ids {
        assert_eq!(bob.answer(id)["messages"].as_array().unwrap().len(), 16);
    }
}

#[test]
fn guest_who_asks_ahead_and_does_not_read_fills_no_memory() {
    let server = Server::start_unlimited(&[]);
    let body = "🦊".repeat(8_000);
    let mut ada = server.member("ada");
    for _ in 0..6 {
        ada.say("lobby", &body);
    }
    let mut idler = idler(&server);
    // Answers wait for it to read, and all else that it asks waits behind these.
    for _ in 0..40 {
        idler.request(json!({"type": "history", "room": "lobby", "limit": 6}));
    }
    wait_until("the idler is behind", || {
        server.metric("chinwag_send_queue_bytes") > 524_288.0
    });
    let send = json!({"type": "send", "room": "lobby", "body": body});
    let ids: Vec<u64> = (0..200).map(|_| idler.request(send.clone())).collect();
    let answers = ids.into_iter().map(|id| idler.answer(id));
    let (done, refused): (Vec<_>, Vec<_>) = answers.partition(|it| it["type"] == "done");
    // What one may say at once passes; what is more is not kept.
    assert!((20..30).contains(&done.len()), "{}", done.len());
    assert!(refused.iter().all(|it| it["code"] == "busy"), "{refused:?}");
}

#[test]
fn terminal_that_asks_for_much_history_gets_all_of_it() {
    let server = Server::start_unlimited(&[]);
    let mut ada = server.member("ada");
    let body = "🦊".repeat(8_000);
    for _ in 0..16 {
        ada.say("lobby", &body);
    }
    let mut line = server.line();
    line.write("--history: 200\n".repeat(ROOM_COUNT));
    line.end_input();
    assert_eq!(line.rest().matches("<ada> 🦊").count(), 16 * ROOM_COUNT);
}

/// Fewer than a client may enter at once, with more to read than may wait for it.
const ROOM_COUNT: usize = 30;
