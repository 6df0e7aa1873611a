//! A connection between somebody and the server, with the network's part of it: what is under way.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Instant;

use super::dice::Dice;
use super::server::Server;
use crate::net::{Accepted, ConnectionId, Peer, Sent};

/// One end of it, the other being a worker's.
pub(super) struct Link {
    worker: usize,
    id: ConnectionId,
    /// On its way to the server.
    output: Vec<u8>,
    /// Whether the peer's end follows that.
    is_ending: bool,
    sent: Receiver<Sent>,
    /// On its way from the server.
    input: VecDeque<u8>,
    has_fin: bool,
    is_closed: bool,
}

impl Link {
    /// Connects to a worker, with a system in between that takes so many bytes.
    pub(super) fn open(
        server: &mut Server,
        worker: usize,
        (listener, address): (usize, IpAddr),
        room_len: usize,
        now: Instant,
    ) -> Self {
        let accepted = Accepted {
            listener,
            peer: Peer::Tcp(SocketAddr::new(address, 50_000)),
        };
        let (id, sent) = server.workers[worker].accept(&accepted, room_len, now);
        Self {
            worker,
            id,
            output: Vec::new(),
            is_ending: false,
            sent,
            input: VecDeque::new(),
            has_fin: false,
            is_closed: false,
        }
    }

    /// Where to write what is to be sent.
    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Nothing is sent after what was.
    pub(super) fn end(&mut self) {
        self.is_ending = true;
    }

    /// Lets some of what was sent arrive, or all of it; `None`: there is nothing.
    pub(super) fn send(
        &mut self,
        server: &mut Server,
        all: bool,
        dice: &mut Dice,
    ) -> Option<Vec<u8>> {
        let worker = &mut server.workers[self.worker];
        if self.output.is_empty() {
            if std::mem::take(&mut self.is_ending) {
                worker.end(self.id);
                return Some(Vec::new());
            }
            return None;
        }
        let len = portion(self.output.len(), all, dice);
        let arrived: Vec<u8> = self.output.drain(..len).collect();
        worker.arrive(self.id, &arrived);
        Some(arrived)
    }

    /// Takes some of what the server has sent, or all of it.
    pub(super) fn receive(&mut self, server: &mut Server, all: bool, dice: &mut Dice) -> Vec<u8> {
        loop {
            match self.sent.try_recv() {
                Ok(Sent::Bytes(bytes)) => self.input.extend(bytes),
                Ok(Sent::Fin) => self.has_fin = true,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.is_closed = true;
                    break;
                }
            }
        }
        if self.input.is_empty() {
            return Vec::new();
        }
        let len = portion(self.input.len(), all, dice);
        server.workers[self.worker].make_room(self.id, len);
        self.input.drain(..len).collect()
    }

    /// Whether nothing will ever come again.
    pub(super) fn is_over(&self) -> bool {
        self.input.is_empty() && (self.has_fin || self.is_closed)
    }

    /// Whether the server has ended it in peace.
    pub(super) fn has_fin(&self) -> bool {
        self.has_fin
    }

    /// Breaks it.
    pub(super) fn reset(&mut self, server: &mut Server) {
        server.workers[self.worker].reset(self.id);
    }
}

/// How much of so many bytes comes at once: often all of them, sometimes one.
fn portion(len: usize, all: bool, dice: &mut Dice) -> usize {
    if all {
        return len;
    }
    match dice.below(8) {
        0 => 1,
        1 => dice.between(1, len.min(16)),
        2 => dice.between(1, len),
        _ => len,
    }
}
