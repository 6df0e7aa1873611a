//! Somebody with a browser, or a program: WebSocket, `chinwag.v1`, all promises taken at their word.
//!
//! A new command needs an [`Asked`], an arm in [`WebClient::done`] and one in [`WebClient::refused`],
//! and a [`Deed`] that asks for it.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::dice::Dice;
use super::ledger::{Checked, Violation, ensure};
use super::peer::{Peer, Sight};
use super::view::View;
use crate::websocket::handshake::client::{ClientHandshake, ClientRequest, Progress};
use crate::websocket::handshake::uri::Uri;
use crate::websocket::{CloseCode, Connection, Event, Limits, Message};

/// A client that comes back as the same guest, and sends again what was not acknowledged.
pub(super) struct WebClient {
    /// The names that it goes by, the first of them at first.
    names: [String; 2],
    name: String,
    token: Option<String>,
    random: StdRng,
    phase: Phase,
    /// What it has seen of each room, on all its connections.
    views: BTreeMap<String, View>,
    /// What it wants said and is not acknowledged.
    drafts: VecDeque<Draft>,
    draft_count: u64,
    /// It was told to wait until then before it sends.
    waits_until: Option<Instant>,
    /// Its name was taken: it tries again then.
    greets_at: Option<Instant>,
    /// It has asked for so much that it stops reading.
    is_dawdling: bool,
}

enum Phase {
    Away,
    Shaking(Box<ClientHandshake>),
    Open(Box<Session>),
    /// The connection is over, but for its end.
    Over,
}

/// What it knows of one connection.
struct Session {
    connection: Connection,
    is_welcome: bool,
    is_known: bool,
    next_id: u64,
    pending: BTreeMap<u64, Asked>,
    /// Requests without an id that are yet to be refused.
    nameless_count: usize,
    has_misbehaved: bool,
}

/// What it wants said.
#[derive(Clone, Debug)]
struct Draft {
    key: String,
    room: String,
    body: String,
    reply_to: Option<u64>,
}

/// What it has asked, with what the answer must fit.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Asked {
    Hello {
        name: Option<String>,
    },
    Join {
        room: String,
        since: Option<u64>,
        rev: Option<u64>,
    },
    Leave {
        room: String,
    },
    Send {
        room: String,
        body: String,
        key: Option<String>,
        /// Whether it was told that this one passes.
        is_due: bool,
    },
    Topic {
        room: String,
    },
    History {
        room: String,
        before: Option<u64>,
        limit: usize,
        /// The newest message that it had seen.
        seen: u64,
    },
    Who {
        room: String,
        is_audit: bool,
    },
    Rooms,
    /// Typing is answered only when it is refused.
    Typing,
    Nonsense,
}

/// What it can do of its own accord, and how often, roughly.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Say,
    Repeat,
    Join,
    Leave,
    Topic,
    Typing,
    History,
    /// Asks for more than it can read.
    Devour,
    Look,
    Rename,
    Nonsense,
    Ping,
    Misbehave,
    Close,
}

const DEEDS: [(Deed, usize); 14] = [
    (Deed::Say, 40),
    (Deed::Repeat, 6),
    (Deed::Join, 16),
    (Deed::Leave, 5),
    (Deed::Topic, 4),
    (Deed::Typing, 3),
    (Deed::History, 5),
    (Deed::Devour, 2),
    (Deed::Look, 3),
    (Deed::Rename, 1),
    (Deed::Nonsense, 2),
    (Deed::Ping, 2),
    (Deed::Misbehave, 1),
    (Deed::Close, 1),
];

impl WebClient {
    pub(super) fn new(name: &str, dice: &mut Dice) -> Self {
        Self {
            names: [name.to_owned(), format!("{name} again")],
            name: name.to_owned(),
            token: None,
            random: dice.generator(),
            phase: Phase::Away,
            views: BTreeMap::new(),
            drafts: VecDeque::new(),
            draft_count: 0,
            waits_until: None,
            greets_at: None,
            is_dawdling: false,
        }
    }

    fn session(&mut self) -> Option<&mut Session> {
        match &mut self.phase {
            Phase::Open(session) => Some(session),
            Phase::Away | Phase::Shaking(_) | Phase::Over => None,
        }
    }

    fn ask(&mut self, asked: Asked, mut request: Value, output: &mut Vec<u8>) {
        let Some(session) = self.session() else {
            return;
        };
        request["id"] = session.next_id.into();
        session.pending.insert(session.next_id, asked);
        session.next_id += 1;
        session.send(&request.to_string(), output);
    }

    fn has_asked(&self, is_it: impl Fn(&Asked) -> bool) -> bool {
        match &self.phase {
            Phase::Open(session) => session.pending.values().any(is_it),
            Phase::Away | Phase::Shaking(_) | Phase::Over => false,
        }
    }

    fn say_hello(&mut self, output: &mut Vec<u8>) {
        if self.has_asked(|asked| matches!(asked, Asked::Hello { .. })) {
            return;
        }
        match self.token.clone() {
            Some(token) => {
                let hello = json!({"type": "hello", "token": token});
                self.ask(Asked::Hello { name: None }, hello, output);
            }
            None => self.introduce(self.names[0].clone(), output),
        }
    }

    fn introduce(&mut self, name: String, output: &mut Vec<u8>) {
        let hello = json!({"type": "hello", "name": name});
        self.ask(Asked::Hello { name: Some(name) }, hello, output);
    }

    fn join(&mut self, room: &str, output: &mut Vec<u8>) {
        let is_asked = |asked: &Asked| matches!(asked, Asked::Join { room: it, .. } | Asked::Leave { room: it } if it == room);
        if self.has_asked(is_asked) {
            return;
        }
        let view = self.views.get(room);
        let (since, rev) = (view.map(|view| view.seen), view.map(|view| view.rev));
        let request = json!({"type": "join", "room": room, "since": since, "rev": rev,
            "create": true});
        let room = room.to_owned();
        self.ask(Asked::Join { room, since, rev }, request, output);
    }

    /// A room that it is in, and is not about to leave.
    fn pick_room(&self, dice: &mut Dice) -> Option<String> {
        let rooms: Vec<&String> = self
            .views
            .iter()
            .filter(|(room, view)| view.is_in && !self.is_leaving(room))
            .map(|(room, _)| room)
            .collect();
        (!rooms.is_empty()).then(|| (*dice.pick(&rooms)).clone())
    }

    fn is_leaving(&self, room: &str) -> bool {
        self.has_asked(|asked| matches!(asked, Asked::Leave { room: it } if it == room))
    }

    fn is_renaming(&self) -> bool {
        self.has_asked(|asked| matches!(asked, Asked::Hello { .. }))
    }

    fn say(&mut self, dice: &mut Dice, now: Instant, output: &mut Vec<u8>) {
        let Some(room) = self.pick_room(dice) else {
            return;
        };
        // A key is remembered under the name that it was sent under.
        if self.is_renaming() {
            return;
        }
        self.draft_count += 1;
        // A few long ones: all of them together fit the smallest outbox of a run.
        let padding = match dice.below(12) {
            0..=5 if self.draft_count <= 3 => "x".repeat(3_000),
            6 => "\n<eve> forged".to_owned(),
            _ => String::new(),
        };
        let body = format!("{} says {}{padding}", self.names[0], self.draft_count);
        let seen = self.views[&room].seen;
        let reply_to = (seen > 0 && dice.one_in(5)).then_some(seen);
        if dice.one_in(4) {
            return self.send(&room, &body, None, reply_to, now, output);
        }
        let draft = Draft {
            key: format!("{}-{}", self.names[0], self.draft_count),
            room,
            body,
            reply_to,
        };
        self.drafts.push_back(draft.clone());
        self.send_draft(&draft, now, output);
    }

    fn send_draft(&mut self, draft: &Draft, now: Instant, output: &mut Vec<u8>) {
        let key = Some(draft.key.clone());
        self.send(&draft.room, &draft.body, key, draft.reply_to, now, output);
    }

    fn send(
        &mut self,
        room: &str,
        body: &str,
        key: Option<String>,
        reply_to: Option<u64>,
        now: Instant,
        output: &mut Vec<u8>,
    ) {
        let is_sending = self.has_asked(|asked| matches!(asked, Asked::Send { .. }));
        if self.waits_until.is_some_and(|until| until > now) {
            return;
        }
        let is_due = self.waits_until.take().is_some() && !is_sending;
        let request = json!({"type": "send", "room": room, "body": body, "key": key,
            "reply_to": reply_to});
        let (room, body) = (room.to_owned(), body.to_owned());
        let asked = Asked::Send {
            room,
            body,
            key,
            is_due,
        };
        self.ask(asked, request, output);
    }

    /// Sends again what was not acknowledged, the oldest first; `false`: there is nothing that it
    /// could send now.
    fn repeat(&mut self, now: Instant, output: &mut Vec<u8>) -> bool {
        if self.is_renaming() || self.waits_until.is_some_and(|until| until > now) {
            return false;
        }
        let is_pending = |draft: &Draft| {
            self.has_asked(
                |asked| matches!(asked, Asked::Send { key: Some(key), .. } if *key == draft.key),
            )
        };
        let is_in = |draft: &Draft| self.views.get(&draft.room).is_some_and(|view| view.is_in);
        let mut drafts = self.drafts.iter();
        let draft = drafts.find(|it| !is_pending(it) && is_in(it) && !self.is_leaving(&it.room));
        let Some(draft) = draft.cloned() else {
            return false;
        };
        self.send_draft(&draft, now, output);
        true
    }

    fn do_deed(&mut self, deed: Deed, sight: &Sight<'_>, dice: &mut Dice, output: &mut Vec<u8>) {
        let now = sight.now;
        match deed {
            Deed::Say => self.say(dice, now, output),
            Deed::Repeat => {
                self.repeat(now, output);
            }
            Deed::Join => {
                let room = *dice.pick(&ROOMS);
                self.join(room, output);
            }
            Deed::Rename => {
                // What is not acknowledged was sent under the name of now.
                if self.drafts.is_empty() && !self.is_renaming() {
                    let name = dice.pick(&self.names).clone();
                    self.introduce(name, output);
                }
            }
            Deed::Look if dice.one_in(2) => {
                self.ask(Asked::Rooms, json!({"type": "rooms"}), output);
            }
            Deed::Nonsense => self.talk_nonsense(dice, output),
            Deed::Ping | Deed::Misbehave | Deed::Close => self.do_to_connection(deed, output),
            Deed::Devour => {
                if let Some(room) = self.pick_room(dice) {
                    self.is_dawdling = true;
                    for _ in 0..MANY {
                        self.do_in_room(Deed::History, room.clone(), dice, output);
                    }
                }
            }
            Deed::Leave | Deed::Topic | Deed::Typing | Deed::History | Deed::Look => {
                if let Some(room) = self.pick_room(dice) {
                    self.do_in_room(deed, room, dice, output);
                }
            }
        }
    }

    fn do_in_room(&mut self, deed: Deed, room: String, dice: &mut Dice, output: &mut Vec<u8>) {
        match deed {
            Deed::Leave => {
                let request = json!({"type": "leave", "room": room});
                self.ask(Asked::Leave { room }, request, output);
            }
            Deed::Topic => {
                let topic = format!("what {} likes, {}", self.name, dice.below(1_000));
                let request = json!({"type": "topic", "room": room, "topic": topic});
                self.ask(Asked::Topic { room }, request, output);
            }
            Deed::Typing => {
                let request = json!({"type": "typing", "room": room});
                self.ask(Asked::Typing, request, output);
            }
            Deed::History => {
                let seen = self.views[&room].seen;
                let limit = dice.between(1, 200);
                let before = dice.one_in(2).then(|| seen / 2 + 1);
                let request =
                    json!({"type": "history", "room": room, "before": before, "limit": limit});
                let asked = Asked::History {
                    room,
                    before,
                    limit,
                    seen,
                };
                self.ask(asked, request, output);
            }
            _ => {
                let request = json!({"type": "who", "room": room});
                let is_audit = false;
                self.ask(Asked::Who { room, is_audit }, request, output);
            }
        }
    }

    fn talk_nonsense(&mut self, dice: &mut Dice, output: &mut Vec<u8>) {
        let (text, has_id) = *dice.pick(&NONSENSE);
        if has_id {
            let request = serde_json::from_str(text).expect("an object");
            return self.ask(Asked::Nonsense, request, output);
        }
        if let Some(session) = self.session() {
            session.nameless_count += 1;
            session.send(text, output);
        }
    }

    fn do_to_connection(&mut self, deed: Deed, output: &mut Vec<u8>) {
        let Some(session) = self.session() else {
            return;
        };
        match deed {
            Deed::Ping => {
                let _ = session.connection.ping(b"there?", output);
            }
            Deed::Misbehave => {
                session.has_misbehaved = true;
                // A frame without a mask (RFC 6455 §5.1).
                output.extend_from_slice(b"\x81\x02hi");
            }
            _ => {
                let _ = session
                    .connection
                    .close(CloseCode::NORMAL, "enough", output);
            }
        }
    }

    fn told(&mut self, text: &str, sight: &Sight<'_>) -> Checked {
        let told: Value = serde_json::from_str(text)
            .map_err(|error| Violation(format!("{error} in what {} is told: {text}", self.name)))?;
        let session = self.session().expect("told on a connection");
        let kind = told["type"].as_str().unwrap_or_default();
        if !session.is_welcome {
            ensure!(kind == "welcome", "{text} comes before the welcome");
            session.is_welcome = true;
            return Ok(());
        }
        match kind {
            "done" | "error" => {
                let Some(id) = told["re"].as_u64() else {
                    ensure!(
                        kind == "error" && session.nameless_count > 0,
                        "nobody asked for {text}"
                    );
                    session.nameless_count -= 1;
                    return Ok(());
                };
                let Some(asked) = session.pending.remove(&id) else {
                    return Err(Violation(format!("nobody asked for {text}")));
                };
                if kind == "done" {
                    self.done(asked, &told, sight)
                } else {
                    self.refused(&asked, &told, sight)
                }
            }
            _ => self.pushed(kind, &told, sight),
        }
    }

    fn pushed(&mut self, kind: &str, push: &Value, sight: &Sight<'_>) -> Checked {
        let room = push["room"].as_str().unwrap_or_default();
        match kind {
            "shutdown" | "notice" => return Ok(()),
            "room" => {
                ensure!(sight.ledger.has_room(room), "{room} is not durable");
                return Ok(());
            }
            _ => {}
        }
        let view = self.views.get_mut(room).filter(|view| view.is_in);
        let Some(view) = view else {
            return Err(Violation(format!("{} is not in {room}: {push}", self.name)));
        };
        match kind {
            "message" => view.message(room, push, sight.ledger),
            "topic" => view.change(room, push, sight.ledger),
            "presence" => view.presence(push),
            "typing" => Ok(()),
            _ => Err(Violation(format!("what is {push}?"))),
        }
    }

    /// It was granted.
    fn done(&mut self, asked: Asked, done: &Value, sight: &Sight<'_>) -> Checked {
        match asked {
            Asked::Hello { name } => {
                let you = done["you"]["name"].as_str().unwrap_or_default();
                ensure!(
                    name.is_none_or(|name| name == you) && self.names.iter().any(|it| it == you),
                    "{} is taken for {you}",
                    self.name
                );
                self.name = you.to_owned();
                self.token = done["token"].as_str().map(str::to_owned);
                ensure!(self.token.is_some(), "{} got no token", self.name);
                self.session().expect("answered on a connection").is_known = true;
                Ok(())
            }
            Asked::Join { room, since, rev } => {
                let view = self.views.entry(room.clone()).or_default();
                view.joined(&room, (since, rev), done, sight.ledger)
            }
            Asked::Leave { room } => {
                let view = self.views.get_mut(&room);
                ensure!(
                    view.is_some_and(|view| std::mem::take(&mut view.is_in)),
                    "{} left {room} without being there",
                    self.name
                );
                Ok(())
            }
            Asked::Send {
                room, body, key, ..
            } => self.sent(&room, &body, key.as_deref(), done, sight),
            Asked::History {
                room,
                before,
                limit,
                seen,
            } => View::history(&room, before, limit, seen, done, sight.ledger),
            Asked::Who { room, is_audit } => match self.views.get(&room) {
                Some(view) if is_audit => view.audit(&room, done),
                _ => Ok(()),
            },
            // Whether it is set, the push that follows tells.
            Asked::Topic { .. } | Asked::Rooms => Ok(()),
            Asked::Typing | Asked::Nonsense => {
                Err(Violation(format!("{asked:?} was answered by {done}")))
            }
        }
    }

    fn sent(
        &mut self,
        room: &str,
        body: &str,
        key: Option<&str>,
        done: &Value,
        sight: &Sight<'_>,
    ) -> Checked {
        let seq = done["seq"].as_u64().unwrap_or(0);
        let message = sight.ledger.message(room, seq);
        ensure!(
            message.is_some_and(|it| {
                it.said().is_some_and(|said| said.body.as_str() == body)
                    && self.is_own(it.from.as_str())
            }),
            "{body:?} is acknowledged as {seq} of {room}, which is {message:?}"
        );
        self.drafts.retain(|draft| key != Some(&draft.key));
        Ok(())
    }

    fn is_own(&self, name: &str) -> bool {
        self.names.iter().any(|it| it == name)
    }

    /// It was not granted.
    fn refused(&mut self, asked: &Asked, refusal: &Value, sight: &Sight<'_>) -> Checked {
        let code = refusal["code"].as_str().unwrap_or_default();
        if code == "rate_limited" {
            let wait = refusal["retry_after_ms"].as_u64();
            ensure!(
                !matches!(asked, Asked::Send { is_due: true, .. }),
                "{} waited as long as it was told, and was refused",
                self.name
            );
            let wait = wait.ok_or_else(|| Violation(format!("how long to wait? {refusal}")))?;
            if matches!(asked, Asked::Send { .. }) {
                let until = sight.now + Duration::from_millis(wait);
                self.waits_until = self.waits_until.max(Some(until));
            }
            return Ok(());
        }
        let is_fair = match &asked {
            // One's own connection that broke may not have been noticed yet.
            Asked::Hello { .. } => {
                self.greets_at = Some(sight.now + Duration::from_secs(1));
                matches!(code, "name_taken" | "busy")
            }
            Asked::Topic { .. } => matches!(code, "forbidden" | "busy"),
            Asked::Nonsense => true,
            Asked::Join { .. }
            | Asked::Leave { .. }
            | Asked::Send { .. }
            | Asked::History { .. }
            | Asked::Who { .. }
            | Asked::Rooms
            | Asked::Typing => code == "busy",
        };
        ensure!(is_fair, "{} asked {asked:?}: {refusal}", self.name);
        Ok(())
    }

    fn closed(&mut self, code: Option<CloseCode>) -> Checked {
        let session = self.session().expect("closed once");
        let has_misbehaved = session.has_misbehaved;
        let is_fair = match code {
            Some(CloseCode::PROTOCOL_ERROR) => has_misbehaved,
            // The network may be slow at any time, and who reads slowly is cut off.
            Some(CloseCode::POLICY_VIOLATION | CloseCode::NORMAL) => true,
            _ => false,
        };
        ensure!(is_fair, "{} is closed with {code:?}", self.name);
        self.phase = Phase::Over;
        Ok(())
    }

    fn open(&mut self, handshake: Box<ClientHandshake>, input: &mut &[u8]) -> Checked {
        let broken = |error| Violation(format!("the handshake failed: {error}"));
        self.phase = match handshake.receive(input).map_err(broken)? {
            Progress::Incomplete(handshake) => Phase::Shaking(Box::new(handshake)),
            Progress::Opened(opened) => {
                let keys = Box::new(StdRng::from_rng(&mut self.random));
                let connection = opened.into_connection(Limits::default(), keys);
                Phase::Open(Box::new(Session::new(connection)))
            }
            // A slow network.
            Progress::Refused(response) if response.status() == 408 => Phase::Over,
            Progress::Refused(response) => {
                let status = response.status();
                return Err(Violation(format!("{} was refused: {status}", self.name)));
            }
        };
        Ok(())
    }
}

impl Peer for WebClient {
    fn listener(&self) -> usize {
        0
    }

    fn connected(&mut self, output: &mut Vec<u8>) {
        let uri = Uri::parse("ws://localhost/ws").expect("an address");
        let request = ClientRequest::new(uri).subprotocol("chinwag.v1");
        let request = request.expect("a token");
        let handshake = request.start(&mut self.random, output);
        self.phase = Phase::Shaking(Box::new(handshake));
    }

    fn disconnected(&mut self) {
        self.phase = Phase::Away;
        self.waits_until = None;
        self.greets_at = None;
        for view in self.views.values_mut() {
            view.is_in = false;
        }
    }

    fn receive(&mut self, bytes: &mut [u8], sight: &Sight<'_>, output: &mut Vec<u8>) -> Checked {
        let mut taken_len = 0;
        if let Phase::Shaking(_) = &self.phase {
            let phase = std::mem::replace(&mut self.phase, Phase::Over);
            if let Phase::Shaking(handshake) = phase {
                let mut rest = &*bytes;
                self.open(handshake, &mut rest)?;
                taken_len = bytes.len() - rest.len();
            }
        }
        let mut input = &mut bytes[taken_len..];
        loop {
            let Some(session) = self.session() else {
                return Ok(());
            };
            let event = session.connection.receive(&mut input, output);
            match event.map_err(|error| Violation(format!("{} was sent {error}", self.name)))? {
                None => return Ok(()),
                Some(Event::Message(Message::Text(text))) => {
                    let text = text.into_owned();
                    self.told(&text, sight)?;
                }
                Some(Event::Message(Message::Binary(_))) => {
                    return Err(Violation("what is binary?".to_owned()));
                }
                Some(Event::Ping(_) | Event::Pong(_)) => {}
                Some(Event::Closed { code, .. }) => return self.closed(code),
            }
        }
    }

    fn end_of_input(&mut self, _: &Sight<'_>) -> Checked {
        Ok(())
    }

    fn act(&mut self, sight: &Sight<'_>, dice: &mut Dice, output: &mut Vec<u8>) {
        let Some(session) = self.session() else {
            return;
        };
        if !session.is_known {
            return self.say_hello(output);
        }
        let nth = dice.weighed(DEEDS.iter().map(|(_, weight)| *weight));
        self.do_deed(DEEDS[nth].0, sight, dice, output);
    }

    fn ends_input(&mut self) -> bool {
        false
    }

    fn dawdles(&mut self) -> bool {
        std::mem::take(&mut self.is_dawdling)
    }

    fn catch_up(&mut self, sight: &Sight<'_>, output: &mut Vec<u8>) -> bool {
        let had_len = output.len();
        let Some(session) = self.session() else {
            return false;
        };
        if !session.is_known {
            if self.greets_at.is_none_or(|at| at <= sight.now) {
                self.greets_at = None;
                self.say_hello(output);
            }
            return output.len() > had_len;
        }
        let rooms: Vec<String> = self.views.keys().cloned().collect();
        for room in rooms {
            if !self.views[&room].is_in {
                self.join(&room, output);
            }
        }
        while self.repeat(sight.now, output) {}
        output.len() > had_len
    }

    fn waits_until(&self) -> Option<Instant> {
        [self.waits_until, self.greets_at]
            .into_iter()
            .flatten()
            .min()
    }

    fn check_settled(&self, sight: &Sight<'_>) -> Checked {
        let Phase::Open(session) = &self.phase else {
            return Err(Violation(format!("{} is not connected", self.name)));
        };
        let pending = &session.pending;
        let is_silent = |asked: &Asked| *asked == Asked::Typing;
        ensure!(
            session.is_known && pending.values().all(is_silent) && session.nameless_count == 0,
            "{} awaits answers to {pending:?}",
            self.name
        );
        ensure!(
            self.drafts.is_empty(),
            "{} has not got said {:?}",
            self.name,
            self.drafts
        );
        for (room, view) in &self.views {
            let newest = (sight.ledger.newest(room), sight.ledger.newest_rev(room));
            ensure!(
                view.is_in && (view.seen, view.rev) == newest,
                "{} has seen {}, {} of {room}, which has {newest:?}",
                self.name,
                view.seen,
                view.rev
            );
        }
        Ok(())
    }

    fn begin_audit(&mut self, output: &mut Vec<u8>) {
        for room in self.views.keys().cloned().collect::<Vec<_>>() {
            let request = json!({"type": "who", "room": room});
            let is_audit = true;
            self.ask(Asked::Who { room, is_audit }, request, output);
        }
    }

    fn may_vanish(&self) -> bool {
        true
    }
}

impl Session {
    fn new(connection: Connection) -> Self {
        Self {
            connection,
            is_welcome: false,
            is_known: false,
            next_id: 1,
            pending: BTreeMap::new(),
            nameless_count: 0,
            has_misbehaved: false,
        }
    }

    fn send(&mut self, text: &str, output: &mut Vec<u8>) {
        // Nothing follows one's own Close.
        let _ = self.connection.send(&Message::text(text), output);
    }
}

/// Where everybody meets.
pub(super) const ROOMS: [&str; 3] = ["lobby", "tea", "chess"];

/// More histories than an outbox of a run bears.
const MANY: usize = 40;

/// What is refused, and whether the refusal can name it.
const NONSENSE: [(&str, bool); 6] = [
    ("hello?", false),
    ("[]", false),
    (r#"{"type": "dance"}"#, true),
    (
        r#"{"type": "send", "room": "no such room", "body": "x"}"#,
        true,
    ),
    (r#"{"type": "send", "room": "lobby", "body": ""}"#, true),
    (r#"{"type": "join", "room": "../etc"}"#, true),
];
