//! What a client does of its own accord.

use serde_json::json;

use super::{Asked, Draft, WebClient};
use crate::server::simulation::dice::Dice;
use crate::server::simulation::peer::Sight;
use crate::server::simulation::web_client::ROOMS;
use crate::websocket::CloseCode;

/// What it can do, and how often, roughly.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    Say,
    Repeat,
    Edit,
    Delete,
    React,
    Read,
    Search,
    Join,
    Intrude,
    Leave,
    Create,
    Direct,
    Invite,
    KeepOrder,
    Topic,
    Typing,
    History,
    /// Asks for more than it can read.
    Devour,
    Look,
    Rename,
    Register,
    Sessions,
    Revoke,
    /// Bans somebody from the server, or lifts that.
    KeepServer,
    Nonsense,
    Ping,
    Misbehave,
    Close,
}

pub(super) const DEEDS: [(Deed, usize); 27] = [
    (Deed::Say, 40),
    (Deed::Repeat, 6),
    (Deed::Edit, 14),
    (Deed::Delete, 4),
    (Deed::React, 8),
    (Deed::Read, 8),
    (Deed::Search, 4),
    (Deed::Join, 10),
    (Deed::Intrude, 5),
    (Deed::Leave, 4),
    (Deed::Create, 3),
    (Deed::Direct, 3),
    (Deed::Invite, 3),
    (Deed::KeepOrder, 16),
    (Deed::Topic, 3),
    (Deed::Typing, 2),
    (Deed::History, 5),
    (Deed::Devour, 2),
    (Deed::Look, 4),
    (Deed::Rename, 1),
    (Deed::Register, 4),
    (Deed::Sessions, 2),
    (Deed::Revoke, 4),
    (Deed::Nonsense, 2),
    (Deed::Ping, 1),
    (Deed::Misbehave, 1),
    (Deed::Close, 1),
];

impl WebClient {
    pub(super) fn do_deed(
        &mut self,
        deed: Deed,
        sight: &Sight<'_>,
        dice: &mut Dice,
        output: &mut Vec<u8>,
    ) {
        match deed {
            Deed::Say => self.say(sight, dice, output),
            Deed::Repeat => {
                self.repeat(sight, output);
            }
            Deed::Join => {
                let room = *dice.pick(&ROOMS);
                self.join(room, None, sight, output);
            }
            Deed::Intrude => self.intrude(sight, dice, output),
            Deed::Create => self.create(sight, dice, output),
            Deed::Direct => self.direct(sight, dice, output),
            Deed::Rename => {
                // What is not acknowledged was sent under the name of now.
                let is_alone = self.device.is_none() && self.pocket.is_none();
                if is_alone && self.drafts.is_empty() && !self.is_greeting() {
                    let name = dice.pick(&self.names).clone();
                    self.introduce(name, sight, output);
                }
            }
            Deed::Register if self.device == Some(0) && self.login.is_none() => {
                self.register(sight, output);
            }
            Deed::Register => {}
            Deed::Revoke if !self.logins.is_empty() => {
                let session = *dice.pick(&self.logins);
                let request = json!({"type": "revoke", "session": session});
                self.ask(Asked::Revoke { session }, request, sight, output);
            }
            Deed::Sessions | Deed::Revoke => {
                self.ask(Asked::Sessions, json!({"type": "sessions"}), sight, output);
            }
            Deed::Search => {
                let word = *dice.pick(&WORDS);
                self.search(word, false, sight, output);
            }
            Deed::Look if dice.one_in(2) => {
                let is_audit = false;
                self.ask(
                    Asked::Rooms { is_audit },
                    json!({"type": "rooms"}),
                    sight,
                    output,
                );
            }
            Deed::KeepServer => self.keep_server(sight, dice, output),
            Deed::Nonsense => self.talk_nonsense(sight, dice, output),
            Deed::Ping | Deed::Misbehave | Deed::Close => self.do_to_connection(deed, output),
            _ => {
                let room = match deed {
                    Deed::KeepOrder => self.pick_ruled_room(sight, dice),
                    _ => self.pick_room(dice),
                };
                match room {
                    Some(room) => self.do_in_room(deed, room, sight, dice, output),
                    None => self.do_deed(Deed::Join, sight, dice, output),
                }
            }
        }
    }

    fn do_in_room(
        &mut self,
        deed: Deed,
        room: String,
        sight: &Sight<'_>,
        dice: &mut Dice,
        output: &mut Vec<u8>,
    ) {
        match deed {
            Deed::Edit | Deed::Delete | Deed::React => {
                self.change(deed, room, sight, dice, output);
            }
            Deed::Read => {
                let seen = self.views[&room].seen;
                if seen > 0 {
                    let seq = seen - u64::from(dice.one_in(3));
                    let request = json!({"type": "read", "room": room, "seq": seq});
                    self.ask(Asked::Read { room, seq }, request, sight, output);
                }
            }
            Deed::Invite => {
                let request = json!({"type": "invite", "room": room});
                self.ask(Asked::Invite { room }, request, sight, output);
            }
            Deed::KeepOrder => self.keep_order(room, sight, dice, output),
            Deed::Leave => {
                let request = json!({"type": "leave", "room": room});
                self.ask(Asked::Leave { room }, request, sight, output);
            }
            Deed::Topic => {
                let topic = format!("what {} likes, {}", self.name, dice.below(1_000));
                let request = json!({"type": "topic", "room": room, "topic": topic});
                self.ask(Asked::Topic { room }, request, sight, output);
            }
            Deed::Typing => {
                let request = json!({"type": "typing", "room": room});
                self.ask(Asked::Typing { room }, request, sight, output);
            }
            Deed::History => self.look_back(room, sight, dice, output),
            Deed::Devour => {
                self.is_dawdling = true;
                for _ in 0..MANY {
                    self.look_back(room.clone(), sight, dice, output);
                }
            }
            _ => {
                let request = json!({"type": "who", "room": room});
                let is_audit = false;
                self.ask(Asked::Who { room, is_audit }, request, sight, output);
            }
        }
    }

    fn look_back(
        &mut self,
        room: String,
        sight: &Sight<'_>,
        dice: &mut Dice,
        output: &mut Vec<u8>,
    ) {
        let seen = self.views[&room].seen;
        let limit = dice.between(1, 200);
        let before = dice.one_in(2).then(|| seen / 2 + 1);
        let request = json!({"type": "history", "room": room, "before": before, "limit": limit});
        let asked = Asked::History {
            room,
            before,
            limit,
            seen,
        };
        self.ask(asked, request, sight, output);
    }

    pub(super) fn search(
        &mut self,
        word: &'static str,
        is_audit: bool,
        sight: &Sight<'_>,
        output: &mut Vec<u8>,
    ) {
        let request = json!({"type": "search", "query": word, "limit": 50});
        self.ask(Asked::Search { word, is_audit }, request, sight, output);
    }

    fn say(&mut self, sight: &Sight<'_>, dice: &mut Dice, output: &mut Vec<u8>) {
        let Some(room) = self.pick_room(dice) else {
            return self.do_deed(Deed::Join, sight, dice, output);
        };
        // A key is remembered under the name that it was sent under.
        if self.is_greeting() {
            return;
        }
        self.draft_count += 1;
        // A few long ones: all of them together fit the smallest outbox of a run.
        let padding = match dice.below(12) {
            0..=5 if self.draft_count <= 3 => "x".repeat(2_000),
            6 => "\n<eve> forged".to_owned(),
            _ => String::new(),
        };
        let body = format!("{} says {}{padding}", self.handle, self.draft_count);
        let seen = self.views[&room].seen;
        let reply_to = (seen > 0 && dice.one_in(5)).then_some(seen);
        let key = (!dice.one_in(4)).then(|| format!("{}-{}", self.handle, self.draft_count));
        let draft = Draft {
            key: key.clone().unwrap_or_default(),
            room,
            body,
            reply_to,
        };
        self.send(&draft, key.clone(), sight, output);
        self.drafts.extend(key.map(|_| draft));
    }

    fn send(
        &mut self,
        draft: &Draft,
        key: Option<String>,
        sight: &Sight<'_>,
        output: &mut Vec<u8>,
    ) {
        let is_speaking = self.has_asked(Asked::takes_share);
        if self.waits_until.is_some_and(|until| until > sight.now) {
            return;
        }
        let due_at = self.due_at.take().filter(|at| *at <= sight.hub_time);
        let is_due = self.waits_until.take().is_some() && due_at.is_some() && !is_speaking;
        let request = json!({"type": "send", "room": draft.room, "body": draft.body, "key": key,
            "reply_to": draft.reply_to});
        let asked = Asked::Send {
            room: draft.room.clone(),
            body: draft.body.clone(),
            key,
            reply_to: draft.reply_to,
            is_due,
        };
        self.ask(asked, request, sight, output);
    }

    /// Sends again what was not acknowledged, the oldest first; `false`: there is nothing that it
    /// could send now.
    pub(super) fn repeat(&mut self, sight: &Sight<'_>, output: &mut Vec<u8>) -> bool {
        if self.is_greeting() || self.waits_until.is_some_and(|until| until > sight.now) {
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
        self.send(&draft, Some(draft.key.clone()), sight, output);
        true
    }

    /// Edits or deletes a message, mostly of its own, or reacts to one.
    fn change(
        &mut self,
        deed: Deed,
        room: String,
        sight: &Sight<'_>,
        dice: &mut Dice,
        output: &mut Vec<u8>,
    ) {
        let seen = self.views[&room].seen;
        // What it waits for is a place for a message.
        if seen == 0 || self.waits_until.is_some() {
            return;
        }
        let latest = seen.saturating_sub(20) + 1..=seen;
        let own: Vec<u64> = latest
            .clone()
            .filter(|seq| self.is_author(&room, *seq, sight))
            .collect();
        let is_own_business = !matches!(deed, Deed::React) && !dice.one_in(4);
        let seq = if is_own_business && !own.is_empty() {
            *dice.pick(&own)
        } else {
            let back = dice.below(usize::try_from(latest.end() - latest.start()).expect("20") + 1);
            seen - u64::try_from(back).expect("20")
        };
        let request = match deed {
            Deed::Edit => {
                self.draft_count += 1;
                let body = format!("{} corrects {}", self.handle, self.draft_count);
                json!({"type": "edit", "room": room, "seq": seq, "body": body})
            }
            Deed::Delete => json!({"type": "delete", "room": room, "seq": seq}),
            _ => {
                let emoji = *dice.pick(&["👍", "🦊", "🎉"]);
                json!({"type": "react", "room": room, "seq": seq, "emoji": emoji,
                    "on": !dice.one_in(3)})
            }
        };
        self.ask(Asked::Change { room, seq }, request, sight, output);
    }

    /// Whether it said that, as whom it is now.
    pub(super) fn is_author(&self, room: &str, seq: u64, sight: &Sight<'_>) -> bool {
        let author = sight.ledger.author(room, seq);
        author.is_some() && author == self.person()
    }

    fn talk_nonsense(&mut self, sight: &Sight<'_>, dice: &mut Dice, output: &mut Vec<u8>) {
        let (text, has_id) = *dice.pick(&NONSENSE);
        if has_id {
            let request = serde_json::from_str(text).expect("an object");
            return self.ask(Asked::Nonsense, request, sight, output);
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

/// Words that stand in what was said, or was corrected.
pub(super) const WORDS: [&str; 2] = ["says", "corrects"];

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
