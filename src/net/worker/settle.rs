//! The end of a worker's turn for one connection: what it is owed leaves, its limits are judged,
//! its end is carried out, its deadline set.

use std::time::{Duration, Instant};

use super::{Worker, count, socket_at};
use crate::net::backlog::Backlog;
use crate::net::slab::ConnectionId;
use crate::net::socket::{Gone, Input, Phase};
use crate::net::{Flow, Service, SlowReader, Turn};

impl<S: Service> Worker<S> {
    /// Carries out what has happened to connections.
    pub(super) fn settle_touched(&mut self) {
        self.unsettled_len = 0;
        while let Some(id) = self.connections.next_touched() {
            if self.settle(id).is_err() {
                self.close(id);
            }
        }
    }

    /// Sends what a connection is owed, carries out its end, and sets its deadline.
    ///
    /// # Errors
    ///
    /// The connection is lost, or done with.
    fn settle(&mut self, id: ConnectionId) -> Result<(), Gone> {
        self.flush(id)?;
        self.judge_outbox(id);
        if let Some((session, flow)) = self.connections.take_ended(id) {
            self.service
                .closed(session, id, &mut Turn::new(self.now, &mut self.posts));
            if flow == Flow::Drop {
                return Err(Gone);
            }
            let until = self.now + self.flush_timeout();
            self.socket(id).ok_or(Gone)?.phase = Phase::Flushing { until };
        }
        let outbox_len = self.connections.outbox(id).ok_or(Gone)?.len();
        let linger_until = self.now + self.config.linger_timeout;
        let socket = socket_at(&mut self.sockets, id).ok_or(Gone)?;
        if socket.is_dead() {
            return Err(Gone);
        }
        match socket.phase {
            Phase::Flushing { .. } if outbox_len + socket.unsent_len() == 0 => {
                socket.finish(linger_until, &mut self.sealed)?;
            }
            Phase::Lingering { .. } if socket.input == Input::Ended => return Err(Gone),
            _ => {}
        }
        let queued_len = outbox_len + socket.unsent_len();
        let counted_len = std::mem::replace(&mut socket.queued_len, queued_len);
        self.totals.queued_bytes += count(queued_len);
        self.totals.queued_bytes -= count(counted_len);
        self.connections.settle(id);
        if self.may_read(id) {
            self.queue(id);
        }
        if let Some(at) = self.deadline(id) {
            self.deadlines.wake_by(id.index(), at);
        }
        Ok(())
    }

    pub(super) fn flush(&mut self, id: ConnectionId) -> Result<(), Gone> {
        let socket = socket_at(&mut self.sockets, id).ok_or(Gone)?;
        let outbox = self.connections.outbox(id).ok_or(Gone)?;
        let sent = socket
            .flush(outbox, &mut self.gathered, &mut self.sealed)
            .map_err(|_| Gone)?;
        socket.took(sent);
        self.totals.sent_bytes += count(sent);
        Ok(())
    }

    /// How long a session's last words may take. A worker that ends does not wait longer for somebody
    /// who reads nothing than for somebody who has read everything.
    fn flush_timeout(&self) -> Duration {
        if self.is_stopping {
            self.config.flush_timeout.min(self.config.linger_timeout)
        } else {
            self.config.flush_timeout
        }
    }

    /// Shortens the time of those whose last words were under way when the worker was to end.
    pub(super) fn hurry_flushing(&mut self) {
        let latest = self.now + self.flush_timeout();
        for slot in 0..self.sockets.len() {
            let Some(socket) = &mut self.sockets[slot] else {
                continue;
            };
            if let Phase::Flushing { until } = &mut socket.phase {
                *until = latest.min(*until);
                let (index, until) = (socket.id.index(), *until);
                self.deadlines.wake_by(index, until);
            }
        }
    }

    /// Holds what is left after a write against the limits.
    fn judge_outbox(&mut self, id: ConnectionId) {
        let Some(outbox_len) = self.connections.outbox(id).map(|outbox| outbox.len()) else {
            return;
        };
        let Some(socket) = socket_at(&mut self.sockets, id) else {
            return;
        };
        let queued_len = outbox_len + socket.unsent_len();
        let (now, limits) = (self.now, &self.config.outbox);
        let Phase::Open { backlog } = &mut socket.phase else {
            return;
        };
        if limits.when_full == SlowReader::StopReading {
            return;
        }
        if !limits.is_behind(queued_len) {
            *backlog = None;
        } else if backlog
            .get_or_insert_with(|| Box::new(Backlog::new(now, limits)))
            .judge(queued_len, now, limits)
        {
            self.overflow(id);
        }
    }

    /// Ends a slow reader's session, which may say why.
    fn overflow(&mut self, id: ConnectionId) {
        let was_open = self.connections.update(id, |session, outbox| {
            let mut turn = Turn::new(self.now, &mut self.posts);
            self.service
                .overflow(session, &mut turn, outbox)
                .max(Flow::Close)
        });
        self.totals.slow_readers += u64::from(was_open);
    }

    /// When to wake a connection, if that may be sooner than was told last.
    fn deadline(&mut self, id: ConnectionId) -> Option<Instant> {
        let socket = self.sockets.get(id.slot())?.as_ref()?;
        match &socket.phase {
            Phase::Open { .. } if socket.handshake_until().is_some() => socket.handshake_until(),
            Phase::Open { backlog } => {
                let backlog = backlog.as_ref();
                let cut_at = backlog.map(|it| it.deadline(&self.config.outbox));
                let rescheduled = self.connections.take_rescheduled(id);
                let due_at = rescheduled.and_then(|it| self.service.deadline(it));
                [cut_at, due_at].into_iter().flatten().min()
            }
            Phase::Flushing { until } | Phase::Lingering { until } => Some(*until),
        }
    }

    /// Closes a socket at once, and ends its session if that is not over yet.
    pub(super) fn close(&mut self, id: ConnectionId) {
        let Some(socket) = self.socket(id) else {
            return;
        };
        let queued_len = socket.queued_len;
        self.sockets[id.slot()] = None;
        self.totals.sockets -= 1;
        self.totals.queued_bytes -= count(queued_len);
        self.deadlines.disarm(id.index());
        if let Some(session) = self.connections.remove(id) {
            self.service
                .closed(session, id, &mut Turn::new(self.now, &mut self.posts));
        }
        self.service.gone(id);
    }
}
