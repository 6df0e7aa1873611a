//! A server that is killed again and again under load keeps what it acknowledged.
//!
//! `CHINWAG_KILLS` says how often (10 if unset), `CHINWAG_SEED` repeats what a failure printed.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod support;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::mpsc::{self, Sender};
use std::thread;

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

    let mut server = Server::start_unlimited(&[]);
    let mut clients: Vec<Client> = (0..CLIENT_COUNT)
        .map(|i| Client::new(format!("client {i}"), random.random()))
        .collect();
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
    check(&history, &clients);
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
                client.talk(address, &acknowledgements);
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

/// What one client knows, over all its connections.
#[derive(Debug)]
struct Client {
    name: String,
    random: StdRng,
    sent_count: u64,
    /// What it sent without an answer: key and body.
    unanswered: VecDeque<(String, String)>,
    /// The number of each message that was acknowledged, by its key.
    acknowledged: BTreeMap<String, u64>,
    /// What it was shown: key and body by number, without holes.
    seen: Vec<(String, String)>,
}

impl Client {
    fn new(name: String, seed: u64) -> Self {
        Self {
            name,
            random: StdRng::seed_from_u64(seed),
            sent_count: 0,
            unanswered: VecDeque::new(),
            acknowledged: BTreeMap::new(),
            seen: Vec::new(),
        }
    }

    /// Comes back, asks again what was not answered, and talks until the connection ends.
    fn talk(&mut self, address: SocketAddr, acknowledgements: &Sender<()>) {
        let Some(mut ws) = self.come_back(address) else {
            return;
        };
        for (key, body) in &self.unanswered {
            if !ws.try_send(&send(key, body)) {
                return;
            }
        }
        loop {
            while self.unanswered.len() < WINDOW {
                let (key, body) = self.invent();
                let is_sent = ws.try_send(&send(&key, &body));
                self.unanswered.push_back((key, body));
                if !is_sent {
                    break;
                }
            }
            // What has arrived counts although the server is gone.
            let Ok(value) = ws.try_next() else {
                return;
            };
            match value["type"].as_str().unwrap() {
                "message" => self.see(&value),
                "done" => {
                    self.acknowledge(&value);
                    // Nobody listens any more when the server is about to be killed.
                    let _ = acknowledgements.send(());
                }
                "presence" => {}
                other => panic!("unexpected {other}: {value}"),
            }
        }
    }

    /// Joins with what it has seen; `None` if the server is killed meanwhile.
    fn come_back(&mut self, address: SocketAddr) -> Option<Ws> {
        let mut ws = Ws::try_connect(address)?;
        let hello = json!({"type": "hello", "name": self.name});
        let join = json!({"type": "join", "room": "lobby", "since": self.seen.len(), "id": "join"});
        if !ws.try_send(&hello.to_string()) || !ws.try_send(&join.to_string()) {
            return None;
        }
        let joined = loop {
            let value = ws.try_next().ok()?;
            assert_ne!(value["type"], "error", "{value}");
            if value["re"] == "join" {
                break value;
            }
        };
        assert_eq!(joined["recovered"], true, "{} missed {joined}", self.name);
        for message in joined["messages"].as_array().unwrap() {
            self.see(message);
        }
        assert_eq!(joined["seq"], self.seen.len());
        Some(ws)
    }

    fn invent(&mut self) -> (String, String) {
        self.sent_count += 1;
        let key = format!("{} {}", self.name, self.sent_count);
        let len = self.random.random_range(1..600);
        let letter = self.random.random_range('a'..='z');
        (key, letter.to_string().repeat(len))
    }

    fn see(&mut self, message: &Value) {
        assert_eq!(message["seq"], self.seen.len() + 1, "a hole or a double");
        self.seen.push(entry(message));
    }

    /// Answers come in the order of the requests.
    fn acknowledge(&mut self, done: &Value) {
        let (key, _) = self.unanswered.pop_front().unwrap();
        assert_eq!(done["re"], key);
        let first = self.acknowledged.insert(key, done["seq"].as_u64().unwrap());
        assert_eq!(first, None);
    }
}

fn send(key: &str, body: &str) -> String {
    json!({"type": "send", "id": key, "room": "lobby", "key": key, "body": body}).to_string()
}

fn entry(message: &Value) -> (String, String) {
    let text = |name: &str| message[name].as_str().unwrap().to_owned();
    (text("key"), text("body"))
}

/// All messages of the lobby, page by page from the end; their numbers must have no holes.
fn whole_history(server: &Server) -> Vec<(String, String)> {
    let mut ws = server.member("historian");
    let mut messages: VecDeque<Value> = VecDeque::new();
    loop {
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
    messages.iter().map(entry).collect()
}

/// Holds what is kept against what each client was told.
fn check(history: &[(String, String)], clients: &[Client]) {
    let mut keys = HashSet::new();
    for (key, _) in history {
        assert!(keys.insert(key), "{key} was posted twice");
    }
    for client in clients {
        assert_eq!(
            history[..client.seen.len()],
            client.seen,
            "as {} saw it",
            client.name
        );
        for (key, seq) in &client.acknowledged {
            let place = usize::try_from(*seq).unwrap() - 1;
            assert_eq!(history.get(place).map(|(kept, _)| kept), Some(key));
        }
        // One's own messages stay in the order in which one sent them.
        let own = history
            .iter()
            .filter_map(|(key, _)| key.strip_prefix(&client.name));
        let numbers: Vec<u64> = own.map(|number| number.trim().parse().unwrap()).collect();
        assert!(numbers.is_sorted(), "{}: {numbers:?}", client.name);
        let answered_count = client.sent_count - u64::try_from(client.unanswered.len()).unwrap();
        let acknowledged_count = u64::try_from(client.acknowledged.len()).unwrap();
        assert_eq!(answered_count, acknowledged_count);
    }
}

const CLIENT_COUNT: usize = 5;

/// Messages that a client sends ahead of their answers.
const WINDOW: usize = 8;
