//! A worker whose turns, sockets, mail and time a test decides on: the shipped one but for its poller.

use std::sync::mpsc::{Receiver, TrySendError};
use std::time::Instant;

use mio::{Events, Poll, Waker};

use super::{BELL, Parts, Worker, door_token};
use crate::net::deadlines::Deadlines;
use crate::net::doors::Doors;
use crate::net::entrance::Entrance;
use crate::net::gauge::{Gauges, Totals};
use crate::net::mailbox::mailbox;
use crate::net::pipe::{Pipe, Sent};
use crate::net::slab::ConnectionId;
use crate::net::socket::{Readiness, Socket};
use crate::net::stream::Stream;
use crate::net::{Accepted, Config, Connections, MailSender, Service};

/// A worker without a thread.
pub(crate) struct SimulatedWorker<S: Service> {
    worker: Worker<S>,
    mail: MailSender<S::Mail>,
    /// Never filled.
    events: Events,
}

impl<S: Service> SimulatedWorker<S> {
    /// Bytes of memory for a connection that is idle, but for what its session has in boxes.
    pub(crate) const IDLE_LEN: usize =
        Connections::<S::Session>::PLACE_LEN + size_of::<Option<Socket>>() + Deadlines::NODE_LEN;

    pub(crate) fn new(service: S, config: Config, now: Instant) -> Self {
        let poll = Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), BELL).unwrap();
        let (mail, mailbox) = mailbox(waker, config.mailbox_capacity);
        let trusted = &config.trusted;
        let parts = Parts {
            service,
            doors: Doors::open(&[], poll.registry(), door_token).unwrap(),
            door_count: 0,
            entrance: Entrance::new(&[], trusted),
            config,
            poll,
            mailbox,
            gauge: Gauges::new(1).of_worker(0),
        };
        Self {
            worker: Worker::new(parts, now),
            mail,
            events: Events::with_capacity(1),
        }
    }

    /// Accepts somebody whose system takes so many bytes at first; returns what he is sent.
    pub(crate) fn accept(
        &mut self,
        accepted: &Accepted,
        room_len: usize,
        now: Instant,
    ) -> (ConnectionId, Receiver<Sent>) {
        let (pipe, sent) = Pipe::new(room_len);
        self.worker.now = now;
        let id = self
            .worker
            .admit(Stream::Simulated(Box::new(pipe)), accepted);
        self.worker.settle_touched();
        (id, sent)
    }

    /// Bytes come in, to be read in the next turn.
    pub(crate) fn arrive(&mut self, id: ConnectionId, bytes: &[u8]) {
        let readiness = Readiness {
            is_readable: true,
            ..Readiness::default()
        };
        self.change(id, readiness, |pipe| pipe.arrive(bytes));
    }

    /// The peer's FIN comes in, behind all that came before.
    pub(crate) fn end(&mut self, id: ConnectionId) {
        let readiness = Readiness {
            is_readable: true,
            is_read_closed: true,
            ..Readiness::default()
        };
        self.change(id, readiness, Pipe::end);
    }

    /// The connection breaks.
    pub(crate) fn reset(&mut self, id: ConnectionId) {
        let readiness = Readiness {
            is_readable: true,
            is_writable: true,
            is_read_closed: true,
            is_broken: true,
        };
        self.change(id, readiness, Pipe::reset);
    }

    /// The peer has read so many bytes.
    pub(crate) fn make_room(&mut self, id: ConnectionId, len: usize) {
        let readiness = Readiness {
            is_writable: true,
            ..Readiness::default()
        };
        self.change(id, readiness, |pipe| pipe.make_room(len));
    }

    /// Mail for the next turn; `false`: the mailbox is full.
    pub(crate) fn mail(&mut self, mail: S::Mail) -> bool {
        self.worker.has_mail = true;
        !matches!(self.mail.try_send(mail), Err(TrySendError::Full(_)))
    }

    /// One turn of the loop.
    pub(crate) fn turn(&mut self, now: Instant) {
        self.worker.now = now;
        self.worker.turn(&self.events);
    }

    /// When it wants its next turn though nothing happens; a past time means at once.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.worker
            .timeout()
            .map(|timeout| self.worker.now + timeout)
    }

    /// What it counts.
    pub(crate) fn totals(&self) -> Totals {
        self.worker.totals
    }

    /// The most that an open session is owed.
    pub(crate) fn max_owed_len(&mut self) -> usize {
        let worker = &mut self.worker;
        let ids =
            (0..worker.sockets.len()).filter_map(|slot| Some(worker.sockets[slot].as_ref()?.id));
        let connections = &mut worker.connections;
        ids.map(|id| match connections.get(id) {
            Some(_) => connections.outbox(id).map_or(0, |outbox| outbox.len()),
            None => 0,
        })
        .max()
        .unwrap_or(0)
    }

    /// How many sessions are open.
    pub(crate) fn session_count(&self) -> usize {
        self.worker.connections.len()
    }

    /// What it runs.
    pub(crate) fn service(&self) -> &S {
        &self.worker.service
    }

    fn change(&mut self, id: ConnectionId, readiness: Readiness, change: impl FnOnce(&mut Pipe)) {
        let Some(socket) = self.worker.socket(id) else {
            return;
        };
        if let Stream::Simulated(pipe) = &mut socket.stream {
            change(pipe);
            self.worker.note_socket(id.slot(), readiness);
        }
    }
}
