//! The seam of `net`: what a worker runs, and what it hands to it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Bound;
use std::time::Instant;

use crate::net::slab::ConnectionId;
use crate::net::{Connections, Outbox, ProxyHeaderError, TlsFailure};

/// What a worker runs: one value a worker thread, owning what its connections share.
///
/// Every method may be called from nowhere but its worker, must not block, and gets the time and
/// whatever it may change as arguments, so that the same code runs under a simulation
/// (see [`Connections`]).
///
/// A session lives from [`open`](Service::open) until a method returns [`Flow::Close`] or
/// [`Flow::Drop`] for it, or its connection breaks. After that it gets nothing but
/// [`closed`](Service::closed), exactly once; what it left in its outbox is sent without it.
pub trait Service: Send + 'static {
    /// The state of one connection.
    type Session;
    /// What other threads, and the service itself, tell it.
    type Mail: Send + 'static;

    /// Begins a connection. To refuse it, write the refusal and return `Close`, or `Drop`.
    fn open(
        &mut self,
        id: ConnectionId,
        accepted: &Accepted,
        turn: &mut Turn<'_, Self::Mail>,
        outbox: &mut Outbox,
    ) -> (Self::Session, Flow);

    /// TLS is agreed on: called once before the first [`receive`](Service::receive), on listeners that
    /// speak it.
    fn secured(
        &mut self,
        session: &mut Self::Session,
        turn: &mut Turn<'_, Self::Mail>,
        outbox: &mut Outbox,
    ) -> Flow {
        let _ = (session, turn, outbox);
        Flow::Continue
    }

    /// TLS has failed, and the session is over. Only a peer that speaks in the clear can be told
    /// anything ([`TlsFailure::Plaintext`]): to that one, what is appended is sent as it is.
    fn tls_failed(
        &mut self,
        session: &mut Self::Session,
        failure: TlsFailure,
        outbox: &mut Outbox,
    ) {
        let _ = (session, failure, outbox);
    }

    /// Takes bytes from the peer, all of `input`.
    fn receive(
        &mut self,
        session: &mut Self::Session,
        input: &mut [u8],
        turn: &mut Turn<'_, Self::Mail>,
        outbox: &mut Outbox,
    ) -> Flow;

    /// The peer has sent its FIN, or TLS's `close_notify`. `Continue` keeps the other direction open for answers that are
    /// still to come.
    fn end_of_input(
        &mut self,
        session: &mut Self::Session,
        turn: &mut Turn<'_, Self::Mail>,
        outbox: &mut Outbox,
    ) -> Flow;

    /// When to call [`expire`](Service::expire). Asked at the end of each turn in which something
    /// happened to the session, but not before TLS is agreed on: until then
    /// [`Config::tls_timeout`](crate::net::Config::tls_timeout) holds.
    fn deadline(&self, session: &Self::Session) -> Option<Instant>;

    /// The session's deadline has come.
    fn expire(
        &mut self,
        session: &mut Self::Session,
        turn: &mut Turn<'_, Self::Mail>,
        outbox: &mut Outbox,
    ) -> Flow;

    /// The peer reads too slowly ([`OutboxLimits`](crate::net::OutboxLimits)) and is closed now;
    /// last words may be appended. `Continue` counts as `Close`.
    fn overflow(
        &mut self,
        session: &mut Self::Session,
        turn: &mut Turn<'_, Self::Mail>,
        outbox: &mut Outbox,
    ) -> Flow;

    /// Takes mail, from other threads or from [`Turn::post`].
    fn mail(
        &mut self,
        mail: Self::Mail,
        turn: &mut Turn<'_, Self::Mail>,
        connections: &mut Connections<Self::Session>,
    );

    /// Hands out what mail has left for many connections, to some of them; `true`: there are more.
    ///
    /// Called after a turn's mail, until there are none. Between two calls what those few are owed
    /// is written, while all that belongs to them is still in the processor's cache.
    fn hand_out(
        &mut self,
        turn: &mut Turn<'_, Self::Mail>,
        connections: &mut Connections<Self::Session>,
    ) -> bool {
        let _ = (turn, connections);
        false
    }

    /// The session is over. Its socket may stay a little to send what is owed.
    fn closed(&mut self, session: Self::Session, id: ConnectionId, turn: &mut Turn<'_, Self::Mail>);

    /// The socket of a session that is over is gone too: now its descriptor is free.
    fn gone(&mut self, id: ConnectionId) {
        let _ = id;
    }

    /// Somebody was turned away before there was a connection. Where it was for want of a
    /// descriptor, what is returned is offered to him before his socket is closed.
    fn turned_away(&mut self, accepted: &Accepted, why: TurnedAway) -> &'static [u8] {
        let _ = (accepted, why);
        b""
    }

    /// When to call [`on_timer`](Service::on_timer), which has to move it. Asked once a turn.
    fn timer(&self) -> Option<Instant> {
        None
    }

    /// The service's own time has come.
    fn on_timer(
        &mut self,
        turn: &mut Turn<'_, Self::Mail>,
        connections: &mut Connections<Self::Session>,
    ) {
        let _ = (turn, connections);
    }

    /// Everything of this turn has been done and written: the place to publish counters.
    fn turn_ended(&mut self, turn: &mut Turn<'_, Self::Mail>) {
        let _ = turn;
    }
}

/// What is to become of a connection; of several wishes in a turn the strongest holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flow {
    /// It stays.
    Continue,
    /// It is closed so that all it is owed arrives: flushed, FIN, and what the peer still sends is
    /// discarded for a while, as a socket closed over unread bytes would send RST and take the last
    /// bytes from the peer again.
    Close,
    /// It is closed now. What it is owed is offered to the system once; the peer may see RST.
    Drop,
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The index of the listener in the list the runtime was started with.
    pub listener: usize,
    /// Who connected: through a proxy that says so
    /// ([`Listener::with_proxy_header`](crate::net::Listener::with_proxy_header)), whoever connected
    /// to that.
    pub peer: Peer,
}

/// Why somebody who reached a listener did not become a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnedAway {
    /// The process has as many open files as it may.
    NoDescriptor,
    /// The listener is for proxies that are trusted, and this is none.
    UntrustedPeer,
    /// A trusted proxy did not say for whom it connects.
    BadHeader(ProxyHeaderError),
    /// Nor did it in time.
    HeaderTimeout,
    /// Too many have yet to say it.
    Crowded,
    /// It ended before it had said anything.
    Gone,
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// An address, over TCP.
    Tcp(SocketAddr),
    /// A process of this machine, over a Unix socket.
    Unix,
}

/// One turn of a worker's loop.
#[derive(Debug)]
pub struct Turn<'a, M> {
    /// When the turn began.
    pub now: Instant,
    posts: &'a mut Vec<M>,
}

impl<'a, M> Turn<'a, M> {
    /// A turn at `now` that collects posts in `posts`, for whoever drives a service.
    pub fn new(now: Instant, posts: &'a mut Vec<M>) -> Self {
        Self { now, posts }
    }

    /// Mails this very worker, without a system call: it is handled at the end of this turn, or
    /// at the beginning of the next if it was posted while posts were handled.
    pub fn post(&mut self, mail: M) {
        self.posts.push(mail);
    }
}

/// Calls `show` for some of `all`, those behind `last` (`None`: from the first on); returns the last of
/// them. `None`: there was nobody left.
///
/// For [`Service::hand_out`], which then has the place to go on from.
pub fn hand_to_some(
    all: &BTreeSet<ConnectionId>,
    last: Option<ConnectionId>,
    mut show: impl FnMut(ConnectionId),
) -> Option<ConnectionId> {
    let start = last.map_or(Bound::Unbounded, Bound::Excluded);
    let some = all.range((start, Bound::Unbounded)).copied();
    some.take(HANDED_OUT_AT_ONCE).inspect(|id| show(*id)).last()
}

/// Connections that get something before it is written to them: few enough for what belongs to them
/// to stay in the processor's cache.
const HANDED_OUT_AT_ONCE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_many_is_handed_to_once_in_order_and_some_at_a_time() {
        let all: BTreeSet<_> = (0..100).map(ConnectionId::from_bits).collect();
        let mut shown = Vec::new();
        let mut last = None;
        for some in [HANDED_OUT_AT_ONCE, 100 - HANDED_OUT_AT_ONCE, 0] {
            let before = shown.len();
            last = hand_to_some(&all, last, |id| shown.push(id));
            assert_eq!(shown.len() - before, some);
        }
        assert_eq!(last, None);
        assert!(shown.iter().eq(&all));
    }
}
