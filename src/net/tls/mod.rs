//! TLS of a worker's connections, without a buffer for those that are idle.
//!
//! A worker owns the memory that TLS works in, as it owns the buffer that sockets are read into;
//! a connection keeps nothing between two turns but its keys, the beginning of a record whose end
//! has not come, and records that a full socket has refused.
//!
//! ```text
//! socket ── one read ──► scratch: records ── opened in place, moved together ──► one piece ──► Service
//! Outbox ── gathered, up to 16 KiB a record ──► SealBuffer ── one write ──► socket
//!                                                                 └─ what it refuses ─► unsent
//! ```
//!
//! Invariants: records are made only while the socket takes them, so that what waits for a slow
//! reader waits in its outbox, under the outbox's limits, but for one [`SealBuffer`] at most. All
//! whole records of a read are opened at once: no input waits in here that the poller has announced
//! and nobody looks at.

mod acceptor;
mod buffer;
mod identity;
mod session;

use std::collections::BTreeSet;

pub use acceptor::TlsAcceptor;
pub use identity::{TlsIdentity, TlsIdentityError};

pub(super) use buffer::SealBuffer;
pub(super) use session::{InputEnd, TlsSession};

/// Which listeners speak TLS, and as whom.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Makes each connection's end of TLS.
    pub acceptor: TlsAcceptor,
    /// Their places in the list the runtime is started with.
    pub listeners: BTreeSet<usize>,
}

/// Why a connection of TLS ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFailure {
    /// The first byte is no TLS, but text: somebody speaks in the clear. He can be told so.
    Plaintext,
    /// The handshake has not been completed in time.
    TimedOut,
    /// The peer broke the protocol, or gave up with an alert; where it is owed one, it gets it.
    Broken,
}
