//! The loop of one worker thread: polls, reads, lets the service act, writes.
//!
//! A turn: note what the poller tells; read who has something; take the mail; wake whose time has
//! come; take what was posted; hand out what concerns many; accept; and then settle each connection
//! that something happened to: write what it is owed, carry out its end, set its deadline. Those to
//! whom something is handed out are settled at once, some at a time. Nothing in a turn is
//! unbounded: what is left when a budget is spent is remembered, and the next poll does not wait.
//!
//! Invariants: a socket is in `sockets` exactly as long as its id is in `connections`, at the same
//! index. A connection that can be read and may be read is in `ready`, in `talkative` or in
//! `handshakes`. After `settle_touched` no outbox holds bytes that the system would take.

mod arrive;
mod read;
mod secure;
mod settle;
#[cfg(test)]
pub(super) mod simulated;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::{Events, Poll, Token};

use crate::net::deadlines::Deadlines;
use crate::net::doors::Doors;
use crate::net::entrance::{Entrance, Judged};
use crate::net::gauge::{Gauge, Totals};
use crate::net::mailbox::Mailbox;
use crate::net::shelf::Shelf;
use crate::net::slab::ConnectionId;
use crate::net::socket::{Phase, Readiness, Socket};
use crate::net::stream::Stream;
use crate::net::tls::SealBuffer;
use crate::net::{Accepted, Config, Connections, Service, Turn, Wish};

/// What a worker is made of; unlike the worker itself it can be sent to its thread.
pub(super) struct Parts<S: Service> {
    pub(super) service: S,
    pub(super) config: Config,
    pub(super) poll: Poll,
    /// Registered under [`door_token`].
    pub(super) doors: Doors,
    pub(super) door_count: usize,
    pub(super) entrance: Entrance,
    /// Rings with [`BELL`].
    pub(super) mailbox: Mailbox<S::Mail>,
    pub(super) gauge: Arc<Gauge>,
}

/// The mailbox's token.
pub(super) const BELL: Token = Token(0);

/// The nth listener's token. The sockets' come after them, in the order of their slots.
pub(super) fn door_token(nth: usize) -> Token {
    Token(1 + nth)
}

/// Runs until the service asks to stop, and all connections are closed.
pub(super) fn run<S: Service>(parts: Parts<S>) {
    let mut worker = Worker::new(parts, clock());
    let mut events = Events::with_capacity(EVENTS_LEN);
    while !(worker.is_stopping && worker.totals.sockets == 0) {
        match worker.wait(&mut events) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What is left of epoll_wait's errors are mistakes in its arguments.
            Err(error) => panic!("the poller failed: {error}"),
        }
        worker.now = clock();
        worker.turn(&events);
    }
}

struct Worker<S: Service> {
    service: S,
    connections: Connections<S::Session>,
    /// By slot.
    sockets: Shelf<Option<Socket>>,
    deadlines: Deadlines,
    /// Who can be read, in the order of their turns.
    ready: VecDeque<ConnectionId>,
    /// Who can be read and had much to say the last time. They are read behind the others, some at a
    /// time, so that who says little does not wait for a flood.
    talkative: VecDeque<ConnectionId>,
    /// Who can be read and has not agreed on TLS yet. Those wait in a line of their own, of which
    /// a few have their turn at a time, so that who is open does not wait for who comes.
    handshakes: VecDeque<ConnectionId>,
    doors: Doors,
    entrance: Entrance,
    mailbox: Mailbox<S::Mail>,
    /// There may be something in `mailbox`.
    has_mail: bool,
    posts: Vec<S::Mail>,
    /// What was put into outboxes by those who were read, and not written yet.
    unsettled_len: usize,
    poll: Poll,
    first_socket_token: usize,
    config: Config,
    now: Instant,
    is_stopping: bool,
    totals: Totals,
    published: Totals,
    gauge: Arc<Gauge>,
    /// What is read lands here first; an idle connection has no buffer of its own.
    scratch: Box<[u8]>,
    /// Records are made here before they are written, of bytes gathered beside.
    sealed: SealBuffer,
    gathered: Vec<u8>,
    /// Empty between uses, kept for their memory.
    spare_posts: Vec<S::Mail>,
    spare_due: Vec<u32>,
    spare_arrivals: Vec<(Stream, Accepted)>,
    spare_judged: Vec<Judged>,
}

impl<S: Service> Worker<S> {
    fn new(parts: Parts<S>, now: Instant) -> Self {
        Self {
            connections: Connections::new(&parts.config.outbox),
            sockets: Shelf::new(),
            deadlines: Deadlines::new(now),
            ready: VecDeque::new(),
            talkative: VecDeque::new(),
            handshakes: VecDeque::new(),
            doors: parts.doors,
            entrance: parts.entrance,
            mailbox: parts.mailbox,
            has_mail: false,
            posts: Vec::new(),
            unsettled_len: 0,
            poll: parts.poll,
            first_socket_token: door_token(parts.door_count).0,
            scratch: vec![0; parts.config.read_len].into(),
            config: parts.config,
            now,
            is_stopping: false,
            totals: Totals::default(),
            published: Totals::default(),
            gauge: parts.gauge,
            sealed: SealBuffer::default(),
            gathered: Vec::new(),
            spare_posts: Vec::new(),
            spare_due: Vec::new(),
            spare_arrivals: Vec::new(),
            spare_judged: Vec::new(),
            service: parts.service,
        }
    }

    /// How long the poller may sleep; `None`: until something happens.
    fn timeout(&self) -> Option<Duration> {
        let has_input =
            !self.ready.is_empty() || !self.talkative.is_empty() || !self.handshakes.is_empty();
        if has_input || self.has_mail || !self.posts.is_empty() {
            return Some(Duration::ZERO);
        }
        let timer = if self.is_stopping {
            None
        } else {
            self.service.timer()
        };
        [
            self.deadlines.next_at(),
            self.doors.next_at(self.now),
            self.entrance.next_at(),
            timer,
        ]
        .into_iter()
        .flatten()
        .min()
        .map(|at| at.saturating_duration_since(self.now))
    }

    /// Sleeps until something happens; not at once, where that was asked for.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let mut timeout = self.timeout();
        let spin_for = timeout.map_or(self.config.busy_poll, |it| it.min(self.config.busy_poll));
        if !spin_for.is_zero() {
            let began_at = clock();
            let mut spent = Duration::ZERO;
            while spent < spin_for {
                self.poll.poll(events, Some(Duration::ZERO))?;
                if !events.is_empty() {
                    return Ok(());
                }
                spent = clock().saturating_duration_since(began_at);
            }
            timeout = timeout.map(|it| it.saturating_sub(spent));
        }
        self.poll.poll(events, timeout)
    }

    fn turn(&mut self, events: &Events) {
        for event in events {
            self.note(event);
        }
        self.read_ready();
        self.shake_hands();
        if self.has_mail {
            self.take_mail();
        }
        self.expire();
        if !self.is_stopping && self.service.timer().is_some_and(|at| at <= self.now) {
            let mut turn = Turn::new(self.now, &mut self.posts);
            self.service.on_timer(&mut turn, &mut self.connections);
        }
        if !self.posts.is_empty() {
            self.deliver_posts();
        }
        while self.hand_out() {
            self.settle_touched();
        }
        // Before anybody is accepted: who comes to a door that is to be closed is another's.
        self.heed_wish();
        self.accept();
        self.settle_touched();
        self.service
            .turn_ended(&mut Turn::new(self.now, &mut self.posts));
        if self.totals != self.published {
            self.published = self.totals;
            self.gauge.publish(&self.totals);
        }
    }

    fn note(&mut self, event: &Event) {
        let token = event.token();
        if self.entrance.note(token) {
            return;
        }
        let Some(slot) = token.0.checked_sub(self.first_socket_token) else {
            if token == BELL {
                self.has_mail = true;
            } else {
                self.doors.knock(token.0 - door_token(0).0);
            }
            return;
        };
        // Sockets are closed and accepted only after all events were noted: whom the poller means
        // is still there.
        self.note_socket(slot, event.into());
    }

    fn note_socket(&mut self, slot: usize, readiness: Readiness) {
        let Some(socket) = self.sockets.get_mut(slot).and_then(Option::as_mut) else {
            return;
        };
        socket.note(readiness);
        let id = socket.id;
        if socket.has_input() {
            self.queue(id);
        } else if socket.is_dead() || (socket.takes_output() && socket.queued_len > 0) {
            self.connections.touch(id);
        }
    }

    /// Empties the mailbox, up to a bound: `has_mail` stays if there may be more.
    fn take_mail(&mut self) {
        self.mailbox.silence();
        for _ in 0..MAX_MAIL {
            let Some(mail) = self.mailbox.next() else {
                self.has_mail = false;
                return;
            };
            self.deliver(mail);
        }
    }

    fn deliver_posts(&mut self) {
        let mut posts = std::mem::replace(&mut self.posts, std::mem::take(&mut self.spare_posts));
        for mail in posts.drain(..) {
            self.deliver(mail);
        }
        self.spare_posts = posts;
    }

    /// Hands out to some of many; `true`: there are more.
    fn hand_out(&mut self) -> bool {
        let mut turn = Turn::new(self.now, &mut self.posts);
        self.service.hand_out(&mut turn, &mut self.connections)
    }

    fn deliver(&mut self, mail: S::Mail) {
        if self.is_stopping {
            return;
        }
        let mut turn = Turn::new(self.now, &mut self.posts);
        self.service.mail(mail, &mut turn, &mut self.connections);
        // One long batch for one slow reader must not outgrow the hard limit unseen.
        if self.connections.take_crowded() {
            self.settle_touched();
        }
    }

    /// Wakes the connections whose time has come.
    fn expire(&mut self) {
        let mut due = std::mem::take(&mut self.spare_due);
        self.deadlines.expire(self.now, &mut due);
        for index in due.drain(..) {
            if let Some(id) = self.connections.id_at(index) {
                self.expire_one(id);
            }
        }
        self.spare_due = due;
    }

    /// Does what is due, if anything is: deadlines may have moved away since they were set.
    fn expire_one(&mut self, id: ConnectionId) {
        let now = self.now;
        let Some(socket) = self.socket(id) else {
            return;
        };
        let is_handshake = socket.handshake_until().is_some();
        match socket.phase {
            Phase::Flushing { until } | Phase::Lingering { until } if until <= now => {
                return self.close(id);
            }
            Phase::Flushing { .. } | Phase::Lingering { .. } => {}
            Phase::Open { .. } if is_handshake => self.expire_handshake(id),
            Phase::Open { .. } => {
                let session = self.connections.get(id);
                let due_at = session.and_then(|it| self.service.deadline(it));
                if due_at.is_some_and(|at| at <= now) {
                    self.connections.update(id, |session, outbox| {
                        let mut turn = Turn::new(now, &mut self.posts);
                        self.service.expire(session, &mut turn, outbox)
                    });
                }
            }
        }
        // Whether it reads too slowly is judged when it is settled.
        self.connections.touch(id);
    }

    fn admit(&mut self, stream: Stream, accepted: &Accepted) -> ConnectionId {
        let id = self.connections.open(|id, outbox| {
            let mut turn = Turn::new(self.now, &mut self.posts);
            self.service.open(id, accepted, &mut turn, outbox)
        });
        self.sockets.grow_to(id.slot() + 1, || None);
        self.totals.accepted += 1;
        self.totals.sockets += 1;
        let tls = self.accept_tls(accepted.listener);
        let socket = self.sockets[id.slot()].insert(Socket::new(id, stream, tls));
        let token = Token(self.first_socket_token + id.slot());
        if socket.stream.register(self.poll.registry(), token).is_err() {
            self.close(id);
        }
        id
    }

    fn heed_wish(&mut self) {
        while let Some(nth) = self.connections.next_unwanted_listener() {
            self.doors.close_one(nth, self.poll.registry());
        }
        match self.connections.wish() {
            Wish::Run => {}
            Wish::StopAccepting => self.doors.close(self.poll.registry()),
            Wish::Stop if self.is_stopping => {}
            Wish::Stop => {
                self.is_stopping = true;
                self.doors.close(self.poll.registry());
                self.totals.sockets -= count(self.entrance.close());
                self.hurry_flushing();
                self.connections.close_all();
                self.settle_touched();
            }
        }
    }

    fn socket(&mut self, id: ConnectionId) -> Option<&mut Socket> {
        socket_at(&mut self.sockets, id)
    }
}

/// A connection's socket, for whoever needs other parts of the worker at the same time.
fn socket_at(sockets: &mut Shelf<Option<Socket>>, id: ConnectionId) -> Option<&mut Socket> {
    sockets
        .get_mut(id.slot())?
        .as_mut()
        .filter(|socket| socket.id == id)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place in a worker that reads the clock"
)]
fn clock() -> Instant {
    Instant::now()
}

fn count(len: usize) -> u64 {
    u64::try_from(len).expect("a length has at most 64 bits")
}

/// Told by one poll; who else is ready is told by the next.
const EVENTS_LEN: usize = 1024;
/// Mail taken in one turn, so that sockets have their turn too.
const MAX_MAIL: usize = 1024;
/// Posts that may wait for the end of a turn before they are handled at once.
const MAX_POSTS: usize = 1024;
