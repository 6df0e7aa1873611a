//! Connections that have yet to say whose they are: the PROXY header comes before anything else.
//!
//! ```text
//! doors ──► entrance ── header complete, nothing behind it taken ──► a connection, of the client
//!              └── no proxy of ours, no header, no time ──► turned away
//! ```
//!
//! A connection gets here straight from its listener and leaves with its header taken and not one
//! byte more: what is there is looked at (`MSG_PEEK`) before just the header's part of it is read.
//! So whatever comes next, a TLS handshake or a request, finds an untouched stream.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Registry, Token};

use crate::net::proxy_header::{ProxiedPeer, ProxyHeader};
use crate::net::stream::Stream;
use crate::net::{Accepted, Listener, Peer, TrustedPeers, TurnedAway};

/// The connections of one worker whose headers are not complete.
#[derive(Debug)]
pub(super) struct Entrance {
    /// By listener.
    expects_header: Vec<bool>,
    trusted: Arc<TrustedPeers>,
    /// By a number that only grows, so that the oldest is the first and has the first deadline.
    waiting: BTreeMap<usize, Waiting>,
    next_number: usize,
    /// Those that the poller told about.
    ready: VecDeque<usize>,
}

#[derive(Debug)]
struct Waiting {
    stream: Stream,
    accepted: Accepted,
    header: ProxyHeader,
    until: Instant,
}

/// A connection that leaves the entrance: onwards, or away.
pub(super) type Judged = Result<(Stream, Accepted), (Accepted, TurnedAway)>;

impl Entrance {
    pub(super) fn new(listeners: &[Listener], trusted: &Arc<TrustedPeers>) -> Self {
        Self {
            expects_header: listeners.iter().map(Listener::expects_header).collect(),
            trusted: Arc::clone(trusted),
            waiting: BTreeMap::new(),
            next_number: 0,
            ready: VecDeque::new(),
        }
    }

    /// Takes a connection as it was accepted; `None`: it waits here for its header.
    pub(super) fn arrive(
        &mut self,
        mut stream: Stream,
        accepted: Accepted,
        now: Instant,
        registry: &Registry,
    ) -> Option<Judged> {
        if !self.expects_header[accepted.listener] {
            return Some(Ok((stream, accepted)));
        }
        if !self.trusted.trusts(&accepted.peer) {
            return Some(Err((accepted, TurnedAway::UntrustedPeer)));
        }
        let number = self.next_number;
        if self.waiting.len() >= MAX_WAITING || stream.register(registry, token(number)).is_err() {
            return Some(Err((accepted, TurnedAway::Crowded)));
        }
        self.next_number += 1;
        let waiting = Waiting {
            stream,
            accepted,
            header: ProxyHeader::new(),
            until: now + HEADER_TIMEOUT,
        };
        self.waiting.insert(number, waiting);
        None
    }

    /// Takes note of an event; `false`: it is not for this place.
    pub(super) fn note(&mut self, token: Token) -> bool {
        let Some(number) = usize::MAX
            .checked_sub(token.0)
            .filter(|it| *it < self.next_number)
        else {
            return false;
        };
        self.ready.push_back(number);
        true
    }

    /// Reads what has come, and gives up on those whose time is over. Who leaves is appended to
    /// `judged`.
    pub(super) fn step(&mut self, now: Instant, registry: &Registry, judged: &mut Vec<Judged>) {
        while let Some(number) = self.ready.pop_front() {
            let Some(waiting) = self.waiting.get_mut(&number) else {
                continue;
            };
            let Some(result) = waiting.read() else {
                continue;
            };
            if let Some(waiting) = self.waiting.remove(&number) {
                judged.push(waiting.leave(result, registry));
            }
        }
        while let Some(first) = self.waiting.first_entry()
            && first.get().until <= now
        {
            let accepted = first.remove().accepted;
            judged.push(Err((accepted, TurnedAway::HeaderTimeout)));
        }
    }

    /// When there is something to do although nothing comes.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.waiting
            .first_key_value()
            .map(|(_, waiting)| waiting.until)
    }

    /// Closes all that wait, and returns how many there were.
    pub(super) fn close(&mut self) -> usize {
        std::mem::take(&mut self.waiting).len()
    }
}

impl Waiting {
    /// Takes what there is of the header; `None`: there is more to come.
    fn read(&mut self) -> Option<Result<ProxiedPeer, TurnedAway>> {
        let mut buffer = [0; PEEK_LEN];
        loop {
            let seen = match self.stream.peek(&mut buffer) {
                // Nobody was there, as a proxy that tries whether somebody listens.
                Ok(0) => return Some(Err(TurnedAway::Gone)),
                Ok(len) => &buffer[..len],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Some(Err(TurnedAway::Gone)),
            };
            let mut rest = seen;
            let result = self.header.receive(&mut rest);
            let taken_len = seen.len() - rest.len();
            // All of it is there, so it comes at once.
            if self.stream.read_exact(&mut buffer[..taken_len]).is_err() {
                return Some(Err(TurnedAway::Gone));
            }
            match result {
                Ok(Some(peer)) => return Some(Ok(peer)),
                Ok(None) => {}
                Err(error) => return Some(Err(TurnedAway::BadHeader(error))),
            }
        }
    }

    fn leave(mut self, result: Result<ProxiedPeer, TurnedAway>, registry: &Registry) -> Judged {
        let peer = match result {
            Ok(ProxiedPeer::Client(address)) => Peer::Tcp(address),
            Ok(ProxiedPeer::Proxy) => self.accepted.peer,
            Err(why) => return Err((self.accepted, why)),
        };
        let accepted = Accepted {
            peer,
            ..self.accepted
        };
        match self.stream.deregister(registry) {
            Ok(()) => Ok((self.stream, accepted)),
            Err(_) => Err((accepted, TurnedAway::Gone)),
        }
    }
}

/// Counted from above: the sockets' tokens are counted from below, and they never meet.
fn token(number: usize) -> Token {
    Token(usize::MAX - number)
}

/// Most headers come whole, in one packet of less.
const PEEK_LEN: usize = 512;

/// Proxies send the header before anything else; the specification asks for at least three seconds,
/// for one lost packet.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// Only proxies can wait here, and each header is on its way when its connection is.
const MAX_WAITING: usize = 1024;
