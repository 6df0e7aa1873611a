//! The hub.

/// A connection as the hub knows it: the worker that serves it, and the worker's name for it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionId {
    /// The worker's number, from 0.
    pub worker: u32,
    /// The worker's own name for the connection.
    pub connection: u64,
}

/// Placeholder
#[derive(Debug)]
pub struct Hub;
