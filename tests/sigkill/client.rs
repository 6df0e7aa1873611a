//! Somebody with an account who talks until the server is killed, and knows what it acknowledged.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::mpsc::Sender;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::support::{Server, Ws};

/// What one client knows, over all its connections.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) name: String,
    token: String,
    emoji: &'static str,
    random: StdRng,
    sent_count: u64,
    text_count: u64,
    life_count: u64,
    next_id: u64,
    /// What it asked on this connection, by what it called it.
    asked: BTreeMap<u64, Asked>,
    /// What it said without an answer, the oldest first: key and body.
    unanswered: VecDeque<(String, String)>,
    /// The number of each message that was acknowledged, by its key.
    pub(crate) acknowledged: BTreeMap<String, u64>,
    /// The keys of what it was shown, by number, without holes.
    pub(crate) seen: Vec<String>,
    /// What its messages were to say, one text after the other, and which of them is known to stand.
    texts: BTreeMap<u64, Texts>,
    /// Messages to which it wanted to react, and whether that was acknowledged.
    reactions: BTreeMap<u64, bool>,
    /// Rooms that it wanted to be in, or no longer, and what of that was acknowledged.
    rooms: BTreeMap<String, Stay>,
    /// How far it has read, as it was acknowledged.
    read: u64,
    /// How far it has read, if all that it asked for was done.
    wanted_read: u64,
}

/// A message as it is kept.
#[derive(Debug)]
pub(crate) struct Saying {
    pub(crate) key: String,
    body: String,
    /// Names by emoji.
    reactions: BTreeMap<String, Vec<String>>,
}

/// The texts of a message, of which one stands: the one at `durable`, or a later one.
#[derive(Debug, Default)]
struct Texts {
    texts: Vec<String>,
    durable: usize,
}

/// What is known of a room to which one belongs, or does not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stay {
    Coming,
    There,
    Leaving,
    Gone,
}

#[derive(Debug)]
enum Asked {
    Send { key: String, body: String },
    Edit { seq: u64, nth: usize },
    React { seq: u64 },
    Join { room: String },
    Leave { room: String },
    Read { seq: u64 },
}

impl Saying {
    /// Reads a message from a page.
    pub(crate) fn read(message: &Value) -> Self {
        let text = |name: &str| message[name].as_str().unwrap().to_owned();
        let reactions = message["reactions"].as_array();
        let reactions = reactions.into_iter().flatten().map(|reaction| {
            let names = reaction["names"].as_array().unwrap().iter();
            let names = names.map(|name| name.as_str().unwrap().to_owned());
            (
                reaction["emoji"].as_str().unwrap().to_owned(),
                names.collect(),
            )
        });
        Self {
            key: text("key"),
            body: text("body"),
            reactions: reactions.collect(),
        }
    }
}

impl Client {
    /// Makes an account, and enters the room where there will be something to read.
    pub(crate) fn register(server: &Server, nth: usize, seed: u64) -> Self {
        let name = format!("client {nth}");
        let mut ws = server.ws();
        let request = json!({"type": "register", "name": name, "password": "correct horse"});
        let token = ws.done(request)["token"].as_str().unwrap().to_owned();
        assert_eq!(ws.join(BOOKS)["seq"], 0);
        Self {
            name,
            token,
            emoji: EMOJI[nth],
            random: StdRng::seed_from_u64(seed),
            sent_count: 0,
            text_count: 0,
            life_count: 0,
            next_id: 0,
            asked: BTreeMap::new(),
            unanswered: VecDeque::new(),
            acknowledged: BTreeMap::new(),
            seen: Vec::new(),
            texts: BTreeMap::new(),
            reactions: BTreeMap::new(),
            rooms: BTreeMap::new(),
            read: 0,
            wanted_read: 0,
        }
    }

    /// Comes back, asks again what was not answered, and talks until the connection ends.
    pub(crate) fn live(&mut self, address: SocketAddr, acknowledgements: &Sender<()>) {
        // Whether that was done, nobody knows.
        self.asked.clear();
        self.life_count += 1;
        let Some(mut ws) = self.come_back(address) else {
            return;
        };
        self.change_rooms(&mut ws);
        for (key, body) in self.unanswered.clone() {
            self.send(&mut ws, key, body);
        }
        loop {
            while self.asked.len() < WINDOW {
                if !self.do_something(&mut ws) {
                    break;
                }
            }
            // What has arrived counts although the server is gone.
            let Ok(value) = ws.try_next() else {
                return;
            };
            match value["type"].as_str().unwrap() {
                "message" if value["room"] == "lobby" => self.see(&value),
                "done" => {
                    self.acknowledge(&value);
                    // Nobody listens any more when the server is about to be killed.
                    let _ = acknowledgements.send(());
                }
                "presence" | "edited" | "reaction" | "room" | "unread" => {}
                other => panic!("unexpected {other}: {value}"),
            }
        }
    }

    /// Joins with what it has seen; `None` if the server is killed meanwhile.
    fn come_back(&mut self, address: SocketAddr) -> Option<Ws> {
        let mut ws = Ws::try_connect(address)?;
        let hello = json!({"type": "hello", "token": self.token});
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

    /// Enters a room of its own, and leaves one where it was: a few, as all of them are kept.
    fn change_rooms(&mut self, ws: &mut Ws) {
        let room = format!("{}-{}", self.name.replace(' ', "-"), self.life_count);
        let there = self.rooms.iter().filter(|(_, stay)| **stay == Stay::There);
        let left = there.map(|(room, _)| room.clone()).next();
        self.rooms.insert(room.clone(), Stay::Coming);
        let join = json!({"type": "join", "room": room, "create": true});
        self.ask(ws, Asked::Join { room }, join);
        if let Some(room) = left.filter(|_| self.life_count.is_multiple_of(2)) {
            self.rooms.insert(room.clone(), Stay::Leaving);
            let leave = json!({"type": "leave", "room": room});
            self.ask(ws, Asked::Leave { room }, leave);
        }
    }

    /// Asks for something; `false`: the connection is gone.
    fn do_something(&mut self, ws: &mut Ws) -> bool {
        match self.random.random_range(0..10) {
            0..2 => self.edit(ws),
            2..4 => self.react(ws),
            // A few in each life: there are not more of them.
            4 if self.wanted_read < BOOK_COUNT.min(2 * self.life_count) => self.read_on(ws),
            _ => self.say(ws),
        }
    }

    fn say(&mut self, ws: &mut Ws) -> bool {
        self.sent_count += 1;
        let key = format!("{} {}", self.name, self.sent_count);
        let body = self.invent();
        self.unanswered.push_back((key.clone(), body.clone()));
        self.send(ws, key, body)
    }

    fn send(&mut self, ws: &mut Ws, key: String, body: String) -> bool {
        let send = json!({"type": "send", "room": "lobby", "key": key, "body": body});
        self.ask(ws, Asked::Send { key, body }, send)
    }

    /// Edits one of its latest messages.
    fn edit(&mut self, ws: &mut Ws) -> bool {
        let latest: Vec<u64> = self.texts.keys().rev().take(20).copied().collect();
        if latest.is_empty() {
            return self.say(ws);
        }
        let seq = latest[self.random.random_range(0..latest.len())];
        let body = self.invent();
        let texts = &mut self.texts.get_mut(&seq).unwrap().texts;
        let nth = texts.len();
        texts.push(body.clone());
        let edit = json!({"type": "edit", "room": "lobby", "seq": seq, "body": body});
        self.ask(ws, Asked::Edit { seq, nth }, edit)
    }

    /// Reacts to a message, once to each.
    fn react(&mut self, ws: &mut Ws) -> bool {
        let newest = u64::try_from(self.seen.len()).unwrap();
        let seq = self.random.random_range(0..=newest);
        if seq == 0 || self.reactions.contains_key(&seq) {
            return self.say(ws);
        }
        self.reactions.insert(seq, false);
        let react = json!({"type": "react", "room": "lobby", "seq": seq, "emoji": self.emoji,
            "on": true});
        self.ask(ws, Asked::React { seq }, react)
    }

    fn read_on(&mut self, ws: &mut Ws) -> bool {
        self.wanted_read += 1;
        let seq = self.wanted_read;
        let read = json!({"type": "read", "room": BOOKS, "seq": seq});
        self.ask(ws, Asked::Read { seq }, read)
    }

    fn ask(&mut self, ws: &mut Ws, asked: Asked, mut request: Value) -> bool {
        self.next_id += 1;
        request["id"] = self.next_id.into();
        self.asked.insert(self.next_id, asked);
        ws.try_send(&request.to_string())
    }

    /// A text that nobody else writes.
    fn invent(&mut self) -> String {
        self.text_count += 1;
        let len = self.random.random_range(1..600);
        let letter = self.random.random_range('a'..='z');
        let letters = letter.to_string().repeat(len);
        format!("{} {} {letters}", self.name, self.text_count)
    }

    fn see(&mut self, message: &Value) {
        assert_eq!(message["seq"], self.seen.len() + 1, "a hole or a double");
        self.seen.push(message["key"].as_str().unwrap().to_owned());
    }

    fn acknowledge(&mut self, done: &Value) {
        let id = done["re"].as_u64().unwrap();
        match self.asked.remove(&id).unwrap() {
            Asked::Send { key, body } => {
                let (due, _) = self.unanswered.pop_front().unwrap();
                assert_eq!(due, key, "messages are answered in their order");
                let seq = done["seq"].as_u64().unwrap();
                let first = self.acknowledged.insert(key, seq);
                assert_eq!(first, None);
                let texts = Texts {
                    texts: vec![body],
                    durable: 0,
                };
                self.texts.insert(seq, texts);
            }
            Asked::Edit { seq, nth } => {
                let texts = self.texts.get_mut(&seq).unwrap();
                texts.durable = nth.max(texts.durable);
            }
            Asked::React { seq } => {
                self.reactions.insert(seq, true);
            }
            Asked::Join { room } => {
                self.rooms.insert(room, Stay::There);
            }
            Asked::Leave { room } => {
                self.rooms.insert(room, Stay::Gone);
            }
            Asked::Read { seq } => self.read = seq.max(self.read),
        }
    }

    /// Messages that it wanted to send, whether they got that far or not.
    pub(crate) fn sent_count(&self) -> usize {
        usize::try_from(self.sent_count).unwrap()
    }

    /// Those that were answered, and those that are known not to have been.
    pub(crate) fn answered_count(&self) -> usize {
        self.acknowledged.len() + self.unanswered.len()
    }

    /// Each message says what it was last changed to with acknowledgement, or later without.
    pub(crate) fn check_edits(&self, history: &[Saying]) {
        for (seq, Texts { texts, durable }) in &self.texts {
            let body = &history[usize::try_from(*seq).unwrap() - 1].body;
            let kept = texts.iter().position(|text| text == body);
            assert!(
                kept.is_some_and(|kept| kept >= *durable),
                "{} changed {seq} to {:?}, and it says {body:?}",
                self.name,
                &texts[*durable..]
            );
        }
    }

    /// It has reacted wherever that was acknowledged, and nowhere where it was not asked for.
    pub(crate) fn check_reactions(&self, history: &[Saying]) {
        for (saying, seq) in history.iter().zip(1_u64..) {
            let names = saying.reactions.get(self.emoji).into_iter().flatten();
            let count = names.filter(|name| **name == self.name).count();
            let wanted = self.reactions.get(&seq);
            let is_fair = match wanted {
                Some(true) => count == 1,
                Some(false) => count <= 1,
                None => count == 0,
            };
            assert!(is_fair, "{} has {count} at {seq}: {wanted:?}", self.name);
        }
    }

    /// Comes back in the end, and enters nothing.
    pub(crate) fn come_home(&self, server: &Server) -> Ws {
        let mut ws = server.ws();
        ws.done(json!({"type": "hello", "token": self.token}));
        ws
    }

    /// It belongs to the rooms where that was acknowledged, and not to those that it left.
    pub(crate) fn check_rooms(&self, ws: &mut Ws) {
        for (room, stay) in &self.rooms {
            let who = ws.ask(json!({"type": "who", "room": room}));
            let members = who["members"].as_array().into_iter().flatten();
            let names: BTreeSet<&str> = members.filter_map(|it| it["name"].as_str()).collect();
            let is_there = names.contains(self.name.as_str());
            let is_fair = match stay {
                Stay::Coming | Stay::Leaving => true,
                Stay::There => is_there,
                Stay::Gone => !is_there,
            };
            assert!(is_fair, "{} is {stay:?} in {room}: {who}", self.name);
        }
    }

    /// It has read as far as was acknowledged, and no further than it asked for.
    pub(crate) fn check_mark(&self, ws: &mut Ws) {
        let rooms = ws.done(json!({"type": "rooms"}));
        let mut rooms = rooms["rooms"].as_array().unwrap().iter();
        let unread = rooms.find(|room| room["name"] == BOOKS).unwrap()["unread"].as_u64();
        let read = BOOK_COUNT - unread.unwrap();
        assert!(
            (self.read..=self.wanted_read).contains(&read),
            "{} has read up to {}, or {}, and {read} is kept",
            self.name,
            self.read,
            self.wanted_read
        );
    }
}

/// A room in which nobody talks while there is something to read.
pub(crate) const BOOKS: &str = "books";

/// What there is to read: some for each life.
pub(crate) const BOOK_COUNT: u64 = 400;

/// Requests that a client sends ahead of their answers.
const WINDOW: usize = 8;

/// One for each client.
const EMOJI: [&str; 5] = ["👍", "🦊", "🎉", "🙈", "🐢"];
