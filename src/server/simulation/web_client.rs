//! Somebody with a browser, or a program: WebSocket, `chinwag.v1`, all promises taken at their word.
//!
//! A new command needs an [`Asked`], an arm in `done` (`web_client/granted.rs`) and one in `refused`
//! (`web_client/refused.rs`), and a `Deed` that asks for it (`web_client/deeds.rs`).

mod banning;
mod deeds;
mod granted;
mod identity;
mod pushed;
mod refused;
mod rooms;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Instant;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::dice::Dice;
use super::ledger::{Checked, Eyes, Position, Violation, ensure};
use super::peer::{Origin, Peer, Sight};
use super::view::View;
use crate::chat::account::LoginId;
use crate::chat::{AccountId, GuestId, PersonId, Timestamp};
use crate::websocket::handshake::client::{ClientHandshake, ClientRequest, Progress};
use crate::websocket::handshake::uri::Uri;
use crate::websocket::{Connection, Event, Limits, Message};
use deeds::Deed;
pub(super) use identity::PASSWORD;
pub(super) use rooms::ROOMS;

/// A client that comes back as the same person, and sends again what was not acknowledged.
pub(super) struct WebClient {
    /// The names that it goes by, the first of them at first.
    names: [String; 2],
    name: String,
    /// Which device of an account it is; `None`: a guest who stays one.
    device: Option<usize>,
    /// What it does, and how often.
    deeds: &'static [(Deed, usize)],
    /// Where a guest's token is kept that others may find.
    pocket: Option<Pocket>,
    /// The names of whoever puts one there, if it is another one.
    lenders: Vec<String>,
    /// By what its messages and their keys can be told from others'.
    handle: String,
    /// What says who it is.
    token: Option<String>,
    /// All guests that it has been.
    guests: BTreeSet<GuestId>,
    /// Which guest it is, or was last.
    guest: Option<GuestId>,
    /// Whose device it is, once there is an account.
    account: Option<AccountId>,
    /// With which login it came.
    login: Option<LoginId>,
    /// Logins of its account, as it was told.
    logins: Vec<i64>,
    random: StdRng,
    /// From where it came.
    origin: Option<Origin>,
    phase: Phase,
    /// What it has seen of each room, on all its connections.
    views: BTreeMap<String, View>,
    /// What it wants said and is not acknowledged.
    drafts: VecDeque<Draft>,
    draft_count: u64,
    /// It was told to wait until then before it sends.
    waits_until: Option<Instant>,
    /// When it will be served then, by the hub's time.
    due_at: Option<Timestamp>,
    /// It was not let in: it tries again then.
    greets_at: Option<Instant>,
    /// It has asked for so much that it stops reading.
    is_dawdling: bool,
}

/// Who a client is to be.
#[derive(Clone, Debug, Default)]
pub(super) struct Identity<'a> {
    pub(super) name: &'a str,
    /// Which device of an account it is; `None`: a guest who stays one.
    pub(super) device: Option<usize>,
    /// Where a guest's token is kept that others may find.
    pub(super) pocket: Option<Pocket>,
    /// Who puts one there, if it is another one.
    pub(super) lender: Option<&'a str>,
}

/// Where a token is kept.
pub(super) type Pocket = Rc<RefCell<Option<String>>>;

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
    /// How much had been recorded when it was let in.
    known_at: Position,
    next_id: u64,
    pending: BTreeMap<u64, Question>,
    /// Requests without an id that are yet to be refused.
    nameless_count: usize,
    has_misbehaved: bool,
    /// How far it has read where, as it was told on this connection.
    marks: BTreeSet<(String, u64)>,
}

/// What it wants said.
#[derive(Clone, Debug)]
struct Draft {
    key: String,
    room: String,
    body: String,
    reply_to: Option<u64>,
}

/// Something that it has asked, and when.
#[derive(Clone, Debug)]
struct Question {
    asked: Asked,
    /// How much the hub had been told.
    told: Position,
    /// How much had been recorded.
    position: Position,
}

/// What it has asked, with what the answer must fit.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Asked {
    Hello(Proof),
    Join {
        room: String,
        since: Option<u64>,
        rev: Option<u64>,
        /// Whether it must be let in, unless it is banned: everybody is, or it has a code.
        is_open: bool,
    },
    Create,
    Leave {
        room: String,
    },
    Send {
        room: String,
        body: String,
        key: Option<String>,
        reply_to: Option<u64>,
        /// Whether it was told that this one passes.
        is_due: bool,
    },
    /// An edit, a deletion or a reaction.
    Change {
        room: String,
        seq: u64,
    },
    Read {
        room: String,
        seq: u64,
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
    Search {
        word: &'static str,
        is_audit: bool,
    },
    Who {
        room: String,
        is_audit: bool,
    },
    Rooms {
        is_audit: bool,
    },
    Invite {
        room: String,
    },
    /// Something to keep order.
    Measure {
        room: String,
    },
    /// The same on the whole server.
    ServerMeasure,
    Direct,
    Sessions,
    Revoke {
        session: i64,
    },
    /// Typing is answered only when it is refused.
    Typing {
        room: String,
    },
    Nonsense,
}

impl Asked {
    /// Whether it may take of what there is for messages.
    fn takes_share(&self) -> bool {
        matches!(
            self,
            Self::Send { .. } | Self::Change { .. } | Self::Topic { .. } | Self::Nonsense
        )
    }
}

/// How it says who it is.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Proof {
    Name(String),
    Token,
    Password { is_right: bool },
    Registration,
}

impl WebClient {
    pub(super) fn new(identity: Identity<'_>, dice: &mut Dice) -> Self {
        let Identity {
            name,
            device,
            pocket,
            lender,
        } = identity;
        let handle = match device {
            None | Some(0) => name.to_owned(),
            Some(nth) => format!("{name}{nth}"),
        };
        Self {
            names: names(name),
            name: name.to_owned(),
            device,
            deeds: &deeds::DEEDS,
            pocket,
            lenders: lender.into_iter().flat_map(names).collect(),
            handle,
            token: None,
            guests: BTreeSet::new(),
            guest: None,
            account: None,
            login: None,
            logins: Vec::new(),
            random: dice.generator(),
            origin: None,
            phase: Phase::Away,
            views: BTreeMap::new(),
            drafts: VecDeque::new(),
            draft_count: 0,
            waits_until: None,
            due_at: None,
            greets_at: None,
            is_dawdling: false,
        }
    }

    /// One who keeps order on the server, in whose account there is, and does nothing else.
    pub(super) fn owner(name: &str, dice: &mut Dice) -> Self {
        let identity = Identity {
            name,
            // The first device would make the account.
            device: Some(1),
            ..Identity::default()
        };
        Self {
            deeds: &banning::DEEDS,
            ..Self::new(identity, dice)
        }
    }

    fn session(&mut self) -> Option<&mut Session> {
        match &mut self.phase {
            Phase::Open(session) => Some(session),
            Phase::Away | Phase::Shaking(_) | Phase::Over => None,
        }
    }

    /// Who it is, for what it may see.
    fn eyes(&self) -> Eyes {
        Eyes {
            account: self.account,
            guest: self.guest,
            guests: self.guests.clone(),
            name: self.name.clone(),
            names: self.names.to_vec(),
            aliases: self.lenders.clone(),
            address: self.origin.map(|origin| origin.address),
            is_greeting: self.is_greeting(),
            may_be_renamed: self.device.is_some() || self.pocket.is_some(),
        }
    }

    /// Whoever it speaks for, if it has said so.
    fn person(&self) -> Option<PersonId> {
        let guest = self.guest.map(PersonId::Guest);
        self.account.map(PersonId::Account).or(guest)
    }

    fn ask(&mut self, asked: Asked, mut request: Value, sight: &Sight<'_>, output: &mut Vec<u8>) {
        if asked.takes_share() {
            self.due_at = None;
        }
        let Some(session) = self.session() else {
            return;
        };
        request["id"] = session.next_id.into();
        let question = Question {
            asked,
            told: sight.ledger.told(),
            position: sight.ledger.position(),
        };
        session.pending.insert(session.next_id, question);
        session.next_id += 1;
        session.send(&request.to_string(), output);
    }

    fn has_asked(&self, is_it: impl Fn(&Asked) -> bool) -> bool {
        match &self.phase {
            Phase::Open(session) => session.pending.values().any(|it| is_it(&it.asked)),
            Phase::Away | Phase::Shaking(_) | Phase::Over => false,
        }
    }

    /// Forgets a room that it cannot enter any more, and what it wanted to say there.
    fn give_up(&mut self, room: &str) {
        self.views.remove(room);
        self.drafts.retain(|draft| draft.room != room);
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
                let Some(question) = session.pending.remove(&id) else {
                    return Err(Violation(format!("nobody asked for {text}")));
                };
                if kind == "done" {
                    self.done(question, &told, sight)
                } else {
                    self.refused(&question, &told, sight)
                }
            }
            _ => self.pushed(kind, &told, sight),
        }
    }

    fn open(
        &mut self,
        handshake: Box<ClientHandshake>,
        input: &mut &[u8],
        sight: &Sight<'_>,
    ) -> Checked {
        let broken = |error| Violation(format!("the handshake failed: {error}"));
        self.phase = match handshake.receive(input).map_err(broken)? {
            Progress::Incomplete(handshake) => Phase::Shaking(Box::new(handshake)),
            Progress::Opened(opened) => {
                self.check_origin(sight)?;
                let keys = Box::new(StdRng::from_rng(&mut self.random));
                let connection = opened.into_connection(Limits::default(), keys);
                Phase::Open(Box::new(Session::new(connection)))
            }
            // A slow network, or a server that ends.
            Progress::Refused(response)
                if response.status() == 408 || response.status() == 503 && sight.is_draining =>
            {
                Phase::Over
            }
            Progress::Refused(response)
                if response.status() == 403 && self.may_be_kept_out(sight) =>
            {
                Phase::Over
            }
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

    fn connected(&mut self, origin: Origin, output: &mut Vec<u8>) {
        self.origin = Some(origin);
        let uri = Uri::parse("ws://localhost/ws").expect("an address");
        let request = ClientRequest::new(uri).subprotocol("chinwag.v1");
        let request = request.expect("a token");
        let handshake = request.start(&mut self.random, output);
        self.phase = Phase::Shaking(Box::new(handshake));
    }

    fn disconnected(&mut self) {
        self.phase = Phase::Away;
        self.waits_until = None;
        self.due_at = None;
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
                self.open(handshake, &mut rest, sight)?;
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
                Some(Event::Closed { code, .. }) => return self.closed(code, sight),
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
            return self.say_hello(sight, Some(dice), output);
        }
        let nth = dice.weighed(self.deeds.iter().map(|(_, weight)| *weight));
        self.do_deed(self.deeds[nth].0, sight, dice, output);
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
                self.say_hello(sight, None, output);
            }
            return output.len() > had_len;
        }
        if self.device.is_some() && self.login.is_none() {
            if self.greets_at.is_none_or(|at| at <= sight.now) {
                self.greets_at = None;
                self.register(sight, output);
            }
            return output.len() > had_len;
        }
        let rooms: Vec<String> = self.views.keys().cloned().collect();
        for room in rooms {
            if !self.views[&room].is_in || self.views[&room].is_loose {
                self.join(&room, None, sight, output);
            }
        }
        while self.repeat(sight, output) {}
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
        let asked = session.pending.values().map(|question| &question.asked);
        let mut unanswered = asked.filter(|asked| !matches!(asked, Asked::Typing { .. }));
        let waited_for = unanswered.next();
        ensure!(
            session.is_known && waited_for.is_none() && session.nameless_count == 0,
            "{} awaits an answer to {waited_for:?}",
            self.name
        );
        ensure!(
            self.drafts.is_empty(),
            "{} has not got said {:?}",
            self.name,
            self.drafts
        );
        self.check_identity(session, sight)?;
        for (room, view) in &self.views {
            let newest = (sight.ledger.newest(room), sight.ledger.newest_rev(room));
            ensure!(
                view.is_in && !view.is_loose && (view.seen, view.rev) == newest,
                "{} has seen {}, {} of {room}, which has {newest:?}",
                self.name,
                view.seen,
                view.rev
            );
        }
        Ok(())
    }

    fn begin_audit(&mut self, sight: &Sight<'_>, output: &mut Vec<u8>) {
        let is_audit = true;
        for room in self.views.keys().cloned().collect::<Vec<_>>() {
            // Nobody is told of coming and going in a conversation of two.
            if !room.starts_with('@') {
                let request = json!({"type": "who", "room": room});
                self.ask(Asked::Who { room, is_audit }, request, sight, output);
            }
        }
        self.ask(
            Asked::Rooms { is_audit },
            json!({"type": "rooms"}),
            sight,
            output,
        );
        for word in deeds::WORDS {
            self.search(word, is_audit, sight, output);
        }
    }

    fn may_vanish(&self) -> bool {
        true
    }
}

/// The names of one who is called so at first.
fn names(name: &str) -> [String; 2] {
    [name.to_owned(), format!("{name} again")]
}

impl Session {
    fn new(connection: Connection) -> Self {
        Self {
            connection,
            is_welcome: false,
            is_known: false,
            known_at: 0,
            next_id: 1,
            pending: BTreeMap::new(),
            nameless_count: 0,
            has_misbehaved: false,
            marks: BTreeSet::new(),
        }
    }

    fn send(&mut self, text: &str, output: &mut Vec<u8>) {
        // Nothing follows one's own Close.
        let _ = self.connection.send(&Message::text(text), output);
    }
}
