//! A worker's part in reading: whose turn it is, and how much of it.

use super::{MAX_POSTS, Worker, count};
use crate::net::slab::ConnectionId;
use crate::net::socket::{Gone, Phase, Received};
use crate::net::{Service, Turn};

impl<S: Service> Worker<S> {
    /// Reads who can be read: all who say little, and some of the others.
    pub(super) fn read_ready(&mut self) {
        for _ in 0..self.ready.len() {
            if let Some(id) = self.ready.pop_front() {
                self.take_turn(id);
            }
            self.settle_some();
        }
        let mut budget = TALKATIVE_BUDGET;
        for _ in 0..self.talkative.len() {
            if budget == 0 {
                break;
            }
            if let Some(id) = self.talkative.pop_front() {
                budget = budget.saturating_sub(self.take_turn(id));
            }
            self.settle_some();
        }
    }

    /// Has answers leave before there are more of them than the processor's cache holds.
    fn settle_some(&mut self) {
        if self.unsettled_len >= MAX_UNSETTLED_LEN {
            self.settle_touched();
        }
    }

    /// Reads a connection that has left its line; returns about how much that was.
    pub(super) fn take_turn(&mut self, id: ConnectionId) -> usize {
        let Some(socket) = self.socket(id) else {
            return 0;
        };
        socket.is_queued = false;
        self.read(id)
    }

    /// Puts a connection at the end of the line that it belongs to.
    pub(super) fn queue(&mut self, id: ConnectionId) {
        if let Some(socket) = self.socket(id)
            && !socket.is_queued
        {
            socket.is_queued = true;
            if socket.handshake_until().is_some() {
                self.handshakes.push_back(id);
            } else if socket.is_talkative {
                self.talkative.push_back(id);
            } else {
                self.ready.push_back(id);
            }
        }
    }

    /// Reads what there is, up to the budget; returns about how much that was.
    pub(super) fn read(&mut self, id: ConnectionId) -> usize {
        let mut budget = self.config.read_budget;
        while self.may_read(id) {
            let Some(socket) = self.sockets[id.slot()].as_mut() else {
                break;
            };
            if budget == 0 {
                socket.is_talkative = true;
                self.queue(id);
                break;
            }
            if socket.opens_input() {
                self.read_secure(id, &mut budget);
                continue;
            }
            match socket.receive(&mut self.scratch) {
                Ok(Received::Bytes(len)) => {
                    budget = budget.saturating_sub(len);
                    self.totals.received_bytes += count(len);
                    self.receive(id, len);
                }
                Ok(Received::Nothing) => break,
                Ok(Received::End) => self.end_of_input(id),
                Err(_) => self.close(id),
            }
        }
        self.connections.touch(id);
        let read_len = self.config.read_budget - budget;
        if let Some(socket) = self.socket(id) {
            socket.is_talkative = read_len > LITTLE_LEN;
        }
        read_len
    }

    /// Whether a connection has something to read, and its outbox allows it. A session that has
    /// just asked for its end is not read until that is carried out.
    pub(super) fn may_read(&mut self, id: ConnectionId) -> bool {
        let Some(socket) = self.sockets.get(id.slot()).and_then(Option::as_ref) else {
            return false;
        };
        if socket.id != id || !socket.has_input() {
            return false;
        }
        match socket.phase {
            Phase::Open { .. } => {
                let unsent_len = socket.unsent_len();
                let outbox = self.connections.outbox(id);
                let queued_len = unsent_len + outbox.map_or(0, |outbox| outbox.len());
                !self.config.outbox.is_over_soft(queued_len) && self.connections.get(id).is_some()
            }
            // Discarded, so that a peer that writes before it reads comes to read its last bytes.
            Phase::Flushing { .. } | Phase::Lingering { .. } => true,
        }
    }

    /// Hands the first `len` bytes of the scratch buffer to the session, if it is not over.
    pub(super) fn receive(&mut self, id: ConnectionId, len: usize) {
        let mut queued_len = 0;
        self.connections.update(id, |session, outbox| {
            let mut turn = Turn::new(self.now, &mut self.posts);
            let input = &mut self.scratch[..len];
            let before_len = outbox.len();
            let flow = self.service.receive(session, input, &mut turn, outbox);
            queued_len = outbox.len();
            self.unsettled_len += queued_len.saturating_sub(before_len);
            flow
        });
        // So much is worth a call of its own, while it is still in the processor's cache.
        if queued_len >= EARLY_WRITE_LEN {
            match self.flush(id) {
                // The next connection gets the same memory, still in that cache.
                Ok(()) => self.connections.settle(id),
                Err(Gone) => self.close(id),
            }
        }
        if self.posts.len() >= MAX_POSTS {
            self.deliver_posts();
        }
    }

    pub(super) fn end_of_input(&mut self, id: ConnectionId) {
        self.connections.update(id, |session, outbox| {
            let mut turn = Turn::new(self.now, &mut self.posts);
            self.service.end_of_input(session, &mut turn, outbox)
        });
    }
}

/// A write this large does not get much cheaper by waiting for the end of the turn, and gets dearer
/// when what waits meanwhile falls out of the processor's cache: 16 KiB echoed to 100 connections
/// cost 7 % more when they waited.
const EARLY_WRITE_LEN: usize = 16 << 10;
/// Answers of a turn that wait for each other; each connection's leave in one write all the same.
const MAX_UNSETTLED_LEN: usize = 32 << 10;
/// Who says more than this at a time waits for those who say less. Messages of people are a
/// hundredth of it.
const LITTLE_LEN: usize = 32 << 10;
/// Read from the talkative in one turn, a millisecond's work at most; a turn more costs one poll.
const TALKATIVE_BUDGET: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::net::{
        Accepted, Config, ConnectionId, Connections, Flow, Outbox, Peer, SimulatedWorker,
    };

    /// Takes note of who was read, and of how much.
    #[derive(Default)]
    struct Notes(Vec<(ConnectionId, usize)>);

    impl Service for Notes {
        type Session = ConnectionId;
        type Mail = ();

        fn open(
            &mut self,
            id: ConnectionId,
            _: &Accepted,
            _: &mut Turn<'_, ()>,
            _: &mut Outbox,
        ) -> (ConnectionId, Flow) {
            (id, Flow::Continue)
        }

        fn receive(
            &mut self,
            id: &mut ConnectionId,
            input: &mut [u8],
            _: &mut Turn<'_, ()>,
            _: &mut Outbox,
        ) -> Flow {
            self.0.push((*id, input.len()));
            Flow::Continue
        }

        fn end_of_input(
            &mut self,
            _: &mut ConnectionId,
            _: &mut Turn<'_, ()>,
            _: &mut Outbox,
        ) -> Flow {
            Flow::Close
        }

        fn deadline(&self, _: &ConnectionId) -> Option<Instant> {
            None
        }

        fn expire(&mut self, _: &mut ConnectionId, _: &mut Turn<'_, ()>, _: &mut Outbox) -> Flow {
            Flow::Continue
        }

        fn overflow(&mut self, _: &mut ConnectionId, _: &mut Turn<'_, ()>, _: &mut Outbox) -> Flow {
            Flow::Drop
        }

        fn mail(&mut self, (): (), _: &mut Turn<'_, ()>, _: &mut Connections<ConnectionId>) {}

        fn closed(&mut self, _: ConnectionId, _: ConnectionId, _: &mut Turn<'_, ()>) {}
    }

    #[test]
    fn who_says_little_is_read_before_a_flood_and_the_flood_some_at_a_time() {
        #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
        let now = Instant::now();
        let mut worker = SimulatedWorker::new(Notes::default(), Config::default(), now);
        let mut connect = || {
            let peer = Peer::Unix;
            worker.accept(&Accepted { listener: 0, peer }, 0, now).0
        };
        let quiet = connect();
        let floods: Vec<_> = (0..20).map(|_| connect()).collect();
        let flood = vec![b'a'; 200 << 10];
        for _ in 0..2 {
            for id in &floods {
                worker.arrive(*id, &flood);
            }
            worker.arrive(quiet, b"hello");
            worker.turn(now);
        }
        let notes = |worker: &SimulatedWorker<Notes>| worker.service().0.clone();
        // At first nobody knows who is who.
        let second = &notes(&worker)[floods.len() + 1..];
        assert_eq!(second[0], (quiet, 5));
        let lens = second[1..].iter().map(|(_, len)| len);
        let read_len: usize = lens.sum();
        let bound = TALKATIVE_BUDGET..TALKATIVE_BUDGET + flood.len();
        assert!(bound.contains(&read_len), "{read_len}");
        // The rest has its turn without being told of again, and whoever came late behind it.
        worker.arrive(quiet, b"more");
        while worker.next_at() == Some(now) {
            worker.turn(now);
        }
        let notes = notes(&worker);
        for id in floods {
            let lens = notes.iter().filter(|(it, _)| *it == id);
            assert_eq!(lens.map(|(_, len)| len).sum::<usize>(), 2 * flood.len());
        }
        let quiet = notes.iter().filter(|(it, _)| *it == quiet);
        assert_eq!(quiet.map(|(_, len)| *len).collect::<Vec<_>>(), [5, 5, 4]);
    }
}
