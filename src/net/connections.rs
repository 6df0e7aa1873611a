//! The sessions of one worker with their outboxes, without their sockets.
//!
//! A service reaches its connections through [`Connections::update`]; what it did to them is carried
//! out at the end of the turn, once a connection, by whoever drives the service: the worker with
//! sockets, a simulation without. A driver's turn is
//!
//! ```text
//! open / update      the service's methods, with input, mail, deadlines
//! next_touched       each connection that something happened to, once:
//!   take_ended         the session, if it is over (then Service::closed)
//!   outbox             the bytes to be sent
//!   remove             when the connection is gone
//! ```

use std::collections::VecDeque;

use crate::net::outbox::Spares;
use crate::net::slab::{ConnectionId, Slab};
use crate::net::{Flow, Outbox, OutboxLimits, TlsAcceptor};

/// All connections of a worker.
#[derive(Debug)]
pub struct Connections<S> {
    slab: Slab<Entry<S>>,
    /// Those that something happened to since they were settled last; each once.
    touched: VecDeque<ConnectionId>,
    spares: Spares,
    /// How many entries have a session.
    open_count: usize,
    /// An outbox that grows past this is looked after before the turn goes on.
    hard_len: usize,
    has_crowded: bool,
    wish: Wish,
    /// Listeners to be closed before the others.
    unwanted_listeners: Vec<usize>,
    /// What TLS is to be accepted with from now on.
    acceptor: Option<TlsAcceptor>,
}

/// What the service wants of its worker; only ever raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// To go on.
    Run,
    /// No more connections to be accepted.
    StopAccepting,
    /// To end: every connection is closed, what it is owed is sent, then the worker's thread ends.
    Stop,
}

#[derive(Debug)]
struct Entry<S> {
    /// `None` when the session is over and only its outbox is left.
    session: Option<S>,
    outbox: Outbox,
    /// The strongest that was asked for. Over `Continue`, the session gets nothing more.
    flow: Flow,
    is_touched: bool,
    /// The session may wait for something that is nearer than what its driver knows of.
    has_new_deadline: bool,
}

impl<S> Connections<S> {
    /// Bytes of memory for each connection.
    #[cfg(test)]
    pub(super) const PLACE_LEN: usize = Slab::<Entry<S>>::PLACE_LEN;

    /// No connections yet.
    pub fn new(limits: &OutboxLimits) -> Self {
        Self {
            slab: Slab::new(),
            touched: VecDeque::new(),
            spares: Spares::default(),
            open_count: 0,
            hard_len: limits.hard_len,
            has_crowded: false,
            wish: Wish::Run,
            unwanted_listeners: Vec::new(),
            acceptor: None,
        }
    }

    /// Lets `change` act on a session and its outbox. `false`: the session is gone, or over.
    pub fn update(
        &mut self,
        id: ConnectionId,
        change: impl FnOnce(&mut S, &mut Outbox) -> Flow,
    ) -> bool {
        self.act(id, true, change)
    }

    /// As [`Connections::update`], where `change` brings nothing nearer that the session waits for:
    /// then it isn't asked for its deadline. One of a crowd that is told something hasn't changed
    /// what it waits for, and the question would be a good part of what telling it costs.
    pub fn tell(
        &mut self,
        id: ConnectionId,
        change: impl FnOnce(&mut S, &mut Outbox) -> Flow,
    ) -> bool {
        self.act(id, false, change)
    }

    fn act(
        &mut self,
        id: ConnectionId,
        has_new_deadline: bool,
        change: impl FnOnce(&mut S, &mut Outbox) -> Flow,
    ) -> bool {
        let Some(entry) = self.slab.get_mut(id) else {
            return false;
        };
        let (Some(session), Flow::Continue) = (&mut entry.session, entry.flow) else {
            return false;
        };
        entry.outbox.lend(&mut self.spares);
        let was_crowded = entry.outbox.len() > self.hard_len;
        entry.flow = change(session, &mut entry.outbox);
        entry.outbox.settle(&mut self.spares);
        self.has_crowded |= !was_crowded && entry.outbox.len() > self.hard_len;
        entry.has_new_deadline |= has_new_deadline;
        if !entry.is_touched {
            entry.is_touched = true;
            self.touched.push_back(id);
        }
        true
    }

    /// Lets `change` act on every session, in the order of the ids.
    pub fn for_each(&mut self, mut change: impl FnMut(ConnectionId, &mut S, &mut Outbox) -> Flow) {
        for index in 0..self.slab.place_count() {
            if let Some(id) = self.slab.id_at(index) {
                self.update(id, |session, outbox| change(id, session, outbox));
            }
        }
    }

    /// A session that is not over.
    pub fn get(&self, id: ConnectionId) -> Option<&S> {
        self.slab
            .get(id)
            .filter(|entry| entry.flow == Flow::Continue)?
            .session
            .as_ref()
    }

    /// The number of sessions for which `closed` has not been called.
    pub fn len(&self) -> usize {
        self.open_count
    }

    /// Whether there are no sessions.
    pub fn is_empty(&self) -> bool {
        self.open_count == 0
    }

    /// Asks for the worker's listeners to be closed. Connections stay.
    pub fn stop_accepting(&mut self) {
        self.wish = self.wish.max(Wish::StopAccepting);
    }

    /// Asks for one of the worker's listeners to be closed, by its index.
    pub fn stop_accepting_from(&mut self, listener: usize) {
        self.unwanted_listeners.push(listener);
    }

    /// Asks for the worker's end.
    pub fn stop(&mut self) {
        self.wish = Wish::Stop;
    }

    /// Accepts TLS with `acceptor` from now on; connections that are open stay as they are.
    pub fn renew_tls(&mut self, acceptor: TlsAcceptor) {
        self.acceptor = Some(acceptor);
    }

    /// For a driver: what TLS is to be accepted with, if that was changed since this was asked last.
    pub(super) fn take_acceptor(&mut self) -> Option<TlsAcceptor> {
        self.acceptor.take()
    }

    /// For a driver: adds the connection that `open` begins.
    pub fn open(
        &mut self,
        open: impl FnOnce(ConnectionId, &mut Outbox) -> (S, Flow),
    ) -> ConnectionId {
        let id = self.slab.insert_with(|id| {
            let mut outbox = Outbox::default();
            outbox.lend(&mut self.spares);
            let (session, flow) = open(id, &mut outbox);
            Entry {
                session: Some(session),
                outbox,
                flow,
                is_touched: true,
                has_new_deadline: true,
            }
        });
        self.touched.push_back(id);
        self.open_count += 1;
        id
    }

    /// For a driver: the next connection that something happened to since this returned it last.
    pub fn next_touched(&mut self) -> Option<ConnectionId> {
        while let Some(id) = self.touched.pop_front() {
            if let Some(entry) = self.slab.get_mut(id) {
                entry.is_touched = false;
                return Some(id);
            }
        }
        None
    }

    /// For a driver: the session of a connection that is to be closed or dropped. Returned once;
    /// its outbox stays until [`Connections::remove`].
    pub fn take_ended(&mut self, id: ConnectionId) -> Option<(S, Flow)> {
        let entry = self
            .slab
            .get_mut(id)
            .filter(|entry| entry.flow != Flow::Continue)?;
        let session = entry.session.take()?;
        self.open_count -= 1;
        Some((session, entry.flow))
    }

    /// For a driver: what a connection is owed.
    pub fn outbox(&mut self, id: ConnectionId) -> Option<&mut Outbox> {
        self.slab.get_mut(id).map(|entry| &mut entry.outbox)
    }

    /// For a driver: forgets a connection. Returns its session if it was not taken before.
    pub fn remove(&mut self, id: ConnectionId) -> Option<S> {
        let mut entry = self.slab.remove(id)?;
        entry.outbox = Outbox::default();
        self.open_count -= usize::from(entry.session.is_some());
        entry.session
    }

    /// For a driver: what the service wants of it.
    pub fn wish(&self) -> Wish {
        self.wish
    }

    /// For a driver: a listener that the service wants closed.
    pub fn next_unwanted_listener(&mut self) -> Option<usize> {
        self.unwanted_listeners.pop()
    }

    /// For a driver: asks for all sessions to be closed.
    pub fn close_all(&mut self) {
        self.for_each(|_, _, _| Flow::Close);
    }

    /// Makes [`Connections::next_touched`] return `id`.
    pub(super) fn touch(&mut self, id: ConnectionId) {
        let Some(entry) = self.slab.get_mut(id) else {
            return;
        };
        entry.has_new_deadline = true;
        if !entry.is_touched {
            entry.is_touched = true;
            self.touched.push_back(id);
        }
    }

    /// A session that may have another deadline than when this was asked last.
    pub(super) fn take_rescheduled(&mut self, id: ConnectionId) -> Option<&S> {
        let entry = self.slab.get_mut(id)?;
        let is_open = entry.flow == Flow::Continue;
        let has_new = std::mem::take(&mut entry.has_new_deadline);
        entry.session.as_ref().filter(|_| is_open && has_new)
    }

    /// Whether an outbox has grown over the hard limit since this was asked last.
    pub(super) fn take_crowded(&mut self) -> bool {
        std::mem::take(&mut self.has_crowded)
    }

    /// Takes back the memory that a connection does not need now.
    pub(super) fn settle(&mut self, id: ConnectionId) {
        if let Some(entry) = self.slab.get_mut(id) {
            entry.outbox.settle(&mut self.spares);
        }
    }

    pub(super) fn id_at(&self, index: u32) -> Option<ConnectionId> {
        self.slab.id_at(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections() -> Connections<&'static str> {
        Connections::new(&OutboxLimits {
            hard_len: 10,
            ..OutboxLimits::default()
        })
    }

    #[test]
    fn touched_connection_is_returned_once_a_turn() {
        let mut connections = connections();
        let ada = connections.open(|_, _| ("ada", Flow::Continue));
        assert_eq!(
            (connections.next_touched(), connections.next_touched()),
            (Some(ada), None)
        );
        for _ in 0..3 {
            assert!(connections.update(ada, |_, _| Flow::Continue));
        }
        assert_eq!(
            (connections.next_touched(), connections.next_touched()),
            (Some(ada), None)
        );
    }

    #[test]
    fn who_is_only_told_something_is_not_asked_for_a_deadline() {
        let mut connections = connections();
        let ada = connections.open(|_, _| ("ada", Flow::Continue));
        assert_eq!(connections.take_rescheduled(ada), Some(&"ada"));
        assert!(connections.tell(ada, |_, _| Flow::Continue));
        assert_eq!(connections.next_touched(), Some(ada));
        assert_eq!(connections.take_rescheduled(ada), None);
        assert!(connections.update(ada, |_, _| Flow::Continue));
        assert!(connections.tell(ada, |_, _| Flow::Continue));
        assert_eq!(connections.take_rescheduled(ada), Some(&"ada"));
        // It was woken, and what it waited for is forgotten.
        connections.touch(ada);
        assert_eq!(connections.take_rescheduled(ada), Some(&"ada"));
        connections.update(ada, |_, _| Flow::Close);
        assert_eq!(connections.take_rescheduled(ada), None);
    }

    #[test]
    fn session_that_asked_for_its_end_gets_nothing_more() {
        let mut connections = connections();
        let ada = connections.open(|_, _| ("ada", Flow::Continue));
        assert_eq!(connections.take_ended(ada), None);
        assert!(connections.update(ada, |_, _| Flow::Close));
        assert!(!connections.update(ada, |_, _| unreachable!("the session is over")));
        assert_eq!((connections.get(ada), connections.len()), (None, 1));
        assert_eq!(connections.take_ended(ada), Some(("ada", Flow::Close)));
        assert_eq!((connections.take_ended(ada), connections.len()), (None, 0));
        assert_eq!(connections.remove(ada), None);
    }

    #[test]
    fn removed_connection_is_neither_touched_nor_updated_through_its_old_id() {
        let mut connections = connections();
        let ada = connections.open(|_, _| ("ada", Flow::Continue));
        assert_eq!(connections.remove(ada), Some("ada"));
        let bob = connections.open(|_, _| ("bob", Flow::Continue));
        assert!(!connections.update(ada, |_, _| unreachable!("ada is gone")));
        assert_eq!(
            (connections.next_touched(), connections.next_touched()),
            (Some(bob), None)
        );
    }

    #[test]
    fn outbox_is_crowded_when_it_grows_past_the_hard_limit_and_not_while_it_stays_there() {
        let mut connections = connections();
        let ada = connections.open(|_, _| ("ada", Flow::Continue));
        let mut grow = |len| {
            connections.update(ada, |_, outbox| {
                outbox.buffer().resize(len, 0);
                Flow::Continue
            });
            connections.take_crowded()
        };
        assert!(!grow(10));
        assert!(grow(11));
        assert!(!grow(12));
    }
}
