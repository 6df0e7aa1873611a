//! What happens in a room, on its way to those who listen there.
//!
//! It is gathered while a worker takes its mail, as a busy room has several messages a turn: in one
//! piece they cost each connection as much as one. Nothing that a connection is told overtakes them:
//! answers to those who sent them wait, too, and before any other mail they are handed out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{ChatService, Kind, Session};
use crate::chat::{ChatError, Done, Event, RequestId, RoomId};
use crate::net::{self, ConnectionId, Connections, Flow, Outbox};
use crate::server::shown::{Shown, append_frame};

/// What happened in a room since it was handed out last.
#[derive(Debug)]
pub(super) struct News {
    room: RoomId,
    /// As WebSocket frames, one behind the other.
    frames: Vec<u8>,
    /// Each on its own, for terminals, with the connection that caused it.
    events: Vec<(Shown, Option<ConnectionId>)>,
    /// For those who caused it.
    answers: Vec<Answer>,
}

/// What became of a request.
#[derive(Debug)]
struct Answer {
    to: ConnectionId,
    re: Option<RequestId>,
    answer: Result<Done, ChatError>,
}

/// News that some have got: those who are answered, and the others up to `last`.
#[derive(Debug)]
pub(super) struct Handout {
    room: RoomId,
    frames: Arc<[u8]>,
    events: Vec<(Shown, Option<ConnectionId>)>,
    answered: BTreeSet<ConnectionId>,
    last: Option<ConnectionId>,
    /// How many have got it.
    count: u64,
}

impl News {
    fn new(room: RoomId) -> Self {
        Self {
            room,
            frames: Vec::new(),
            events: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Whether more has to wait until this is handed out.
    fn is_closed_to(&self, room: RoomId) -> bool {
        self.room != room || self.frames.len() > MAX_GATHERED_LEN
    }

    fn push(&mut self, event: Arc<Event>, origin: Option<ConnectionId>) {
        append_frame(&event, &mut self.frames);
        self.events.push((Shown::new(event), origin));
    }
}

impl ChatService {
    /// Answers a request: behind the news, if they are what it asked for.
    pub(super) fn answer_in_turn(
        &mut self,
        to: ConnectionId,
        re: Option<RequestId>,
        answer: Result<Done, ChatError>,
        now: Instant,
        connections: &mut Connections<Session>,
    ) {
        if let (Some(news), Ok(Done::Sent { .. })) = (&mut self.news, &answer) {
            news.answers.push(Answer { to, re, answer });
            return;
        }
        self.hand_out_all(now, connections);
        connections.update(to, |session, outbox| {
            self.answer(session, re.as_ref(), &answer, now, outbox)
        });
    }

    /// Something happened in a room: those who listen there are to be shown it.
    pub(super) fn publish(
        &mut self,
        room: RoomId,
        event: Arc<Event>,
        origin: Option<ConnectionId>,
        now: Instant,
        connections: &mut Connections<Session>,
    ) {
        if !self.subscribers.contains_key(&room) {
            return;
        }
        if matches!(*event, Event::Typing { .. }) {
            return self.show_typing(room, event, origin, now, connections);
        }
        if self.news.as_ref().is_some_and(|it| it.is_closed_to(room)) {
            self.hand_out_all(now, connections);
        }
        let news = self.news.get_or_insert_with(|| News::new(room));
        news.push(event, origin);
    }

    /// Shows that somebody types to all but that one.
    fn show_typing(
        &mut self,
        room: RoomId,
        event: Arc<Event>,
        origin: Option<ConnectionId>,
        now: Instant,
        connections: &mut Connections<Session>,
    ) {
        self.hand_out_all(now, connections);
        let shown = Shown::new(event);
        let subscribers = self.subscribers.get(&room).into_iter().flatten();
        for id in subscribers.filter(|id| origin != Some(**id)) {
            connections.update(*id, |session, outbox| session.show(&shown, false, outbox));
        }
    }

    /// Hands out what was gathered to all whom it concerns.
    pub(super) fn hand_out_all(&mut self, now: Instant, connections: &mut Connections<Session>) {
        while self.hand_out_some(now, connections) {}
    }

    /// Hands out what was gathered to some whom it concerns; `false`: all have got it.
    pub(super) fn hand_out_some(
        &mut self,
        now: Instant,
        connections: &mut Connections<Session>,
    ) -> bool {
        let mut handout = match self.handout.take() {
            Some(handout) => handout,
            None => match self.news.take() {
                Some(news) => self.begin_handout(news, now, connections),
                None => return false,
            },
        };
        let subscribers = self.subscribers.get(&handout.room);
        let last = subscribers.and_then(|all| {
            net::hand_to_some(all, handout.last, |id| {
                if !handout.answered.contains(&id) {
                    handout.show_to(id, connections);
                }
            })
        });
        if last.is_none() {
            self.count_delivered(&handout);
            return false;
        }
        handout.last = last;
        self.handout = Some(handout);
        true
    }

    /// Shows news to those who are answered, and answers them.
    fn begin_handout(
        &mut self,
        news: News,
        now: Instant,
        connections: &mut Connections<Session>,
    ) -> Handout {
        let mut handout = Handout {
            room: news.room,
            frames: news.frames.into(),
            events: news.events,
            answered: BTreeSet::new(),
            last: None,
            count: 0,
        };
        for Answer { to, re, answer } in news.answers {
            let subscribers = self.subscribers.get(&handout.room);
            if subscribers.is_some_and(|all| all.contains(&to)) && handout.answered.insert(to) {
                handout.show_to(to, connections);
            }
            connections.update(to, |session, outbox| {
                self.answer(session, re.as_ref(), &answer, now, outbox)
            });
        }
        handout
    }

    fn count_delivered(&mut self, handout: &Handout) {
        let now = (self.sources.time_of_day)();
        for (shown, _) in &handout.events {
            if let Event::Message { message, .. } = shown.event() {
                self.counts.messages_delivered += handout.count;
                let millis = now.0.saturating_sub(message.at.0).max(0);
                let seconds = Duration::from_millis(millis.unsigned_abs()).as_secs_f64();
                self.shared.metrics.delivery_seconds.observe(seconds);
            }
        }
    }
}

impl Handout {
    fn show_to(&mut self, id: ConnectionId, connections: &mut Connections<Session>) {
        let is_there = connections.tell(id, |session, outbox| session.hear(self, id, outbox));
        self.count += u64::from(is_there);
    }
}

impl Session {
    /// Gets what happened in a room.
    fn hear(&mut self, handout: &Handout, id: ConnectionId, outbox: &mut Outbox) -> Flow {
        match &mut self.kind {
            Kind::WebSocket(chat) => chat.push(&handout.frames, outbox),
            Kind::Line(line) => handout
                .events
                .iter()
                .map(|(shown, origin)| line.show(shown, *origin == Some(id), outbox))
                .max()
                .unwrap_or(Flow::Continue),
            Kind::Http(_) | Kind::Admin(_) | Kind::Unsecured | Kind::Refused => Flow::Continue,
        }
    }
}

/// What is gathered is copied once more, and held until it is handed out: so many bytes of it.
const MAX_GATHERED_LEN: usize = 64 * 1024;
