//! What a client does of its own accord.

use std::time::Instant;

use serde_json::json;

use super::{Asked, Draft, WebClient};
use crate::server::simulation::dice::Dice;
use crate::server::simulation::peer::Sight;
use crate::websocket::CloseCode;

/// What it can do of its own accord, and how often, roughly.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
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

pub(super) const DEEDS: [(Deed, usize); 14] = [
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
    pub(super) fn say_hello(&mut self, output: &mut Vec<u8>) {
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

    pub(super) fn join(&mut self, room: &str, output: &mut Vec<u8>) {
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
    pub(super) fn repeat(&mut self, now: Instant, output: &mut Vec<u8>) -> bool {
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

    pub(super) fn do_deed(
        &mut self,
        deed: Deed,
        sight: &Sight<'_>,
        dice: &mut Dice,
        output: &mut Vec<u8>,
    ) {
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
}

/// Where everybody meets.
pub(in crate::server::simulation) const ROOMS: [&str; 3] = ["lobby", "tea", "chess"];

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
