//! Somebody with a browser, or a program: WebSocket, `chinwag.v1`, all promises taken at their word.
//!
//! A new command needs an [`Asked`], an arm in `done` and one in `refused` of `web_client/verdicts.rs`,
//! and a `Deed` that asks for it in `web_client/deeds.rs`.

mod deeds;
mod verdicts;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::dice::Dice;
use super::ledger::{Checked, Violation, ensure};
use super::peer::{Peer, Sight};
use super::view::View;
use crate::websocket::handshake::client::{ClientHandshake, ClientRequest, Progress};
use crate::websocket::handshake::uri::Uri;
use crate::websocket::{Connection, Event, Limits, Message};
use deeds::DEEDS;
pub(super) use deeds::ROOMS;

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
