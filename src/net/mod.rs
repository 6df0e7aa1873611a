//! Threads and sockets: bytes only, on behalf of a [`Service`] that knows what they mean.
//!
//! A few worker threads share the listeners. Each polls its own sockets (edge-triggered, through
//! `mio`) and owns its own service; no two share anything but queues and counters.
//!
//! ```text
//! other threads ── MailSender ──► mailbox ─┐
//!                                          ▼
//! listeners, sockets ──► worker ──► Service ──► Connections { session, Outbox } ──► worker ──► sockets
//! ```
//!
//! What separates servers is system calls and wake-ups. So: one read takes what there is into
//! a buffer that all connections share; all that a connection is owed in one turn leaves in one
//! write; one wake is enough for a batch of mail; a deadline that moves away costs nothing; and the
//! clock is read once a turn.
//!
//! What an attacker can make a worker hold is bounded: a connection's queue by [`OutboxLimits`]
//! (it is not read while it is over the soft limit, so that its own requests can't add to it), the
//! mailbox by its capacity, one turn's work by budgets (handshakes of TLS, the dearest of it, have
//! one of their own), a closing connection's time by [`Config::flush_timeout`] and
//! [`Config::linger_timeout`], that of a handshake of TLS by [`Config::tls_timeout`].

mod backlog;
mod bell;
mod connections;
mod deadlines;
mod doors;
mod entrance;
mod gauge;
mod listener;
mod mailbox;
mod outbox;
#[cfg(test)]
mod pipe;
mod proxy_header;
mod runtime;
mod service;
mod shelf;
mod slab;
mod socket;
mod stream;
mod tls;
mod trusted;
mod worker;

/// What `bell.rs` is made of; a test puts other atomics in their place.
mod sync {
    pub(super) use std::sync::atomic::{AtomicBool, Ordering};
}

pub use connections::{Connections, Wish};
pub use gauge::{Gauges, Totals};
pub use listener::{ListenAddress, Listener};
pub use mailbox::MailSender;
pub use outbox::{Outbox, OutboxLimits, SlowReader};
pub use proxy_header::ProxyHeaderError;
pub use runtime::{Config, Runtime, start};
pub use service::{Accepted, Flow, Peer, Service, Turn, TurnedAway, hand_to_some};
pub use slab::ConnectionId;
pub use tls::{Tls, TlsAcceptor, TlsFailure, TlsIdentity, TlsIdentityError};
pub use trusted::{Network, NetworkError, TrustedPeers};

#[cfg(test)]
pub(crate) use {pipe::Sent, worker::simulated::SimulatedWorker};
