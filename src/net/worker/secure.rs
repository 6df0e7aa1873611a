//! A worker's part in TLS: handshakes in a line of their own, and what is opened of one read.

use super::{Worker, count, socket_at};
use crate::net::slab::ConnectionId;
use crate::net::socket::{Input, Received};
use crate::net::tls::{InputEnd, TlsSession};
use crate::net::{Flow, Service, TlsFailure, Turn};

impl<S: Service> Worker<S> {
    /// Goes on with a few handshakes, each by as much as has come for it.
    pub(super) fn shake_hands(&mut self) {
        for _ in 0..MAX_HANDSHAKE_STEPS {
            let Some(id) = self.handshakes.pop_front() else {
                return;
            };
            self.take_turn(id);
        }
    }

    /// Takes note of what TLS is to be accepted with from now on, if the service has said so.
    pub(super) fn renew_tls(&mut self) {
        if let Some(acceptor) = self.connections.take_acceptor()
            && let Some(tls) = &mut self.config.tls
        {
            tls.acceptor = acceptor;
        }
    }

    /// A new connection's end of TLS, if its listener speaks it.
    pub(super) fn accept_tls(&self, listener: usize) -> Option<Box<TlsSession>> {
        let tls = self.config.tls.as_ref()?;
        let until = self.now + self.config.tls_timeout;
        tls.listeners
            .contains(&listener)
            .then(|| Box::new(tls.acceptor.accept(until)))
    }

    /// Reads once, and hands on what that held. A handshake has its next step another time.
    pub(super) fn read_secure(&mut self, id: ConnectionId, budget: &mut usize) {
        let Some(socket) = socket_at(&mut self.sockets, id) else {
            return;
        };
        let Some(tls) = &socket.tls else { return };
        let is_handshake = tls.handshake_until().is_some();
        let place = tls.prepare(&mut self.scratch);
        match socket.receive(place) {
            Ok(Received::Bytes(len)) => {
                self.totals.received_bytes += count(len);
                *budget = if is_handshake {
                    0
                } else {
                    budget.saturating_sub(len)
                };
                self.open_records(id, len, is_handshake);
            }
            Ok(Received::Nothing) => {}
            // Nobody was let in yet.
            Ok(Received::End) if is_handshake => self.close(id),
            // FIN without `close_notify`: somebody on the way may have cut off what was said last
            // (RFC 8446 §6.1). What is spoken above knows where its messages end (WebSocket has a
            // closing handshake, HTTP lengths, lines their ends), so it is an end like any other.
            Ok(Received::End) => self.end_of_input(id),
            Err(_) => self.close(id),
        }
    }

    fn open_records(&mut self, id: ConnectionId, received_len: usize, was_handshake: bool) {
        let Some(socket) = socket_at(&mut self.sockets, id) else {
            return;
        };
        let Some(tls) = &mut socket.tls else { return };
        self.sealed.clear();
        let opened = tls.open(&mut self.scratch, received_len, &mut self.sealed);
        // It may have failed again by now.
        let is_secured = was_handshake && (tls.is_open() || opened.len > 0);
        match socket.send_records(&self.sealed) {
            Ok(sent) => self.totals.sent_bytes += count(sent),
            Err(_) => return self.close(id),
        }
        if is_secured {
            self.secured(id);
        }
        if opened.len > 0 {
            self.receive(id, opened.len);
        }
        match opened.end {
            None => {}
            Some(InputEnd::Closed) => {
                if let Some(socket) = self.socket(id) {
                    socket.input = Input::Ended;
                }
                self.end_of_input(id);
            }
            Some(InputEnd::Failed(failure)) => self.fail_tls(id, failure),
        }
    }

    fn secured(&mut self, id: ConnectionId) {
        self.totals.tls_handshakes += 1;
        self.connections.update(id, |session, outbox| {
            let mut turn = Turn::new(self.now, &mut self.posts);
            self.service.secured(session, &mut turn, outbox)
        });
    }

    /// The time for a handshake may be over.
    pub(super) fn expire_handshake(&mut self, id: ConnectionId) {
        let until = self.socket(id).and_then(|socket| socket.handshake_until());
        if until.is_some_and(|until| until <= self.now) {
            self.fail_tls(id, TlsFailure::TimedOut);
            self.close(id);
        } else {
            self.connections.touch(id);
        }
    }

    /// Ends a session whose peer can't be told anything: no byte that waits could be sealed.
    fn fail_tls(&mut self, id: ConnectionId, failure: TlsFailure) {
        if let Some(outbox) = self.connections.outbox(id) {
            outbox.clear();
        }
        self.connections.update(id, |session, outbox| {
            self.service.tls_failed(session, failure, outbox);
            if failure != TlsFailure::Plaintext {
                outbox.clear();
            }
            Flow::Close
        });
        if let Some(socket) = self.socket(id) {
            match failure {
                // What is said to that, is said in the clear too.
                TlsFailure::Plaintext => socket.tls = None,
                TlsFailure::TimedOut | TlsFailure::Broken => {
                    if let Some(tls) = &mut socket.tls {
                        tls.give_up();
                    }
                }
            }
        }
    }
}

/// Steps of handshakes in one turn. Measured, a connection over TLS 1.3 takes 0.2 ms of a processor
/// from accepting it to its end (0.44 ms under a key of RSA-2048), most of it in the one step that
/// answers the ClientHello. So a flood makes a turn longer by a millisecond or two, and who is open
/// waits for no more than that.
const MAX_HANDSHAKE_STEPS: usize = 4;
