//! A server that is killed again and again under load keeps what it acknowledged.
//!
//! `CHINWAG_KILLS` says how often (10 if unset), `CHINWAG_SEED` repeats what a failure printed.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

#[path = "sigkill/client.rs"]
mod client;
mod support;

use std::collections::{HashSet, VecDeque};
use std::sync::mpsc;
use std::thread;

use client::{Client, Saying};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use support::{PATIENCE, Server, Ws};

#[test]
fn what_was_acknowledged_survives_any_number_of_kills() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let kill_count = number("CHINWAG_KILLS").unwrap_or(10);
    let seed = number("CHINWAG_SEED").unwrap_or_else(rand::random);
    eprintln!("CHINWAG_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);

    let mut server = Server::start_unlimited(&["--registration", "open"]);
    let mut librarian = server.guest("librarian");
    librarian.done(json!({"type": "join", "room": client::BOOKS, "create": true}));
    let mut clients: Vec<Client> = (0..CLIENT_COUNT)
        .map(|nth| Client::register(&server, nth, random.random()))
        .collect();
    for nth in 1..=client::BOOK_COUNT {
        librarian.say(client::BOOKS, &format!("book {nth}"));
    }
    for _ in 0..kill_count {
        clients = run_and_kill(&mut server, clients, &mut random);
        server.restart();
    }
    let history = whole_history(&server);
    let acknowledged_count: usize = clients.iter().map(|it| it.acknowledged.len()).sum();
    eprintln!(
        "{kill_count} kills, {acknowledged_count} messages acknowledged, {} kept",
        history.len()
    );
    check_messages(&history, &clients);
    for client in &clients {
        client.check_edits(&history);
        client.check_reactions(&history);
        let mut ws = client.come_home(&server);
        client.check_rooms(&mut ws);
        client.check_mark(&mut ws);
    }
}

/// Lets all clients talk, kills the server in the midst of it, and waits for the clients' end.
fn run_and_kill(server: &mut Server, clients: Vec<Client>, random: &mut StdRng) -> Vec<Client> {
    let (acknowledgements, acknowledged) = mpsc::channel();
    let address = server.web();
    let threads: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            let acknowledgements = acknowledgements.clone();
            thread::spawn(move || {
                client.live(address, &acknowledgements);
                client
            })
        })
        .collect();
    for _ in 0..random.random_range(1..400) {
        // Nobody answers for a client that has failed: its own words come with the join.
        if acknowledged.recv_timeout(PATIENCE).is_err() {
            break;
        }
    }
    server.kill();
    threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect()
}

/// All messages of the lobby, page by page from the end; their numbers must have no holes.
fn whole_history(server: &Server) -> Vec<Saying> {
    let mut messages: VecDeque<Value> = VecDeque::new();
    let mut ws: Ws = server.ws();
    for page_count in 0.. {
        if page_count % PAGES_PER_CONNECTION == 0 {
            ws = server.member(&format!("historian {page_count}"));
        }
        let before = messages.front().map(|first| first["seq"].clone());
        let page =
            ws.done(json!({"type": "history", "room": "lobby", "limit": 200, "before": before}));
        for message in page["messages"].as_array().unwrap().iter().rev() {
            messages.push_front(message.clone());
        }
        if page["more"] == false {
            break;
        }
    }
    for (message, seq) in messages.iter().zip(1_u64..) {
        assert_eq!(message["seq"], seq);
    }
    messages.iter().map(Saying::read).collect()
}

/// Holds the messages that are kept against what each client was told.
fn check_messages(history: &[Saying], clients: &[Client]) {
    let mut keys = HashSet::new();
    for saying in history {
        assert!(keys.insert(&saying.key), "{} was posted twice", saying.key);
    }
    for client in clients {
        let kept = history.iter().map(|saying| &saying.key);
        assert!(
            kept.take(client.seen.len()).eq(&client.seen),
            "as {} saw it",
            client.name
        );
        for (key, seq) in &client.acknowledged {
            let place = usize::try_from(*seq).unwrap() - 1;
            assert_eq!(history.get(place).map(|saying| &saying.key), Some(key));
        }
        // One's own messages stay in the order in which one sent them.
        let own = history
            .iter()
            .filter_map(|saying| saying.key.strip_prefix(&client.name));
        let numbers: Vec<u64> = own.map(|number| number.trim().parse().unwrap()).collect();
        assert!(numbers.is_sorted(), "{}: {numbers:?}", client.name);
        assert_eq!(client.sent_count(), client.answered_count());
    }
}

const CLIENT_COUNT: usize = 5;

/// Pages that one connection gets at once, with room to spare.
const PAGES_PER_CONNECTION: u32 = 50;
