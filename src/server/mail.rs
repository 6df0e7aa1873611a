//! What a worker of the chat server is told.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use crate::chat::{ChatError, Done, Event, Network, Reason, RequestId, RoomId, Timestamp};
use crate::net::{ConnectionId, TlsAcceptor};

/// What the hub, and the main thread, tell a worker.
#[derive(Clone, Debug)]
pub(crate) enum Mail {
    /// What became of a connection's request.
    Answer {
        to: ConnectionId,
        re: Option<RequestId>,
        answer: Result<Done, ChatError>,
    },
    /// Something happened in a room.
    Publish {
        room: RoomId,
        event: Arc<Event>,
        /// The connection that caused it, if it is this worker's.
        origin: Option<ConnectionId>,
    },
    /// Something happened that concerns all who are present.
    Announce(Arc<Event>),
    /// Something happened that concerns one connection.
    Tell { to: ConnectionId, event: Arc<Event> },
    /// What happens in the room concerns the connection from now on.
    Subscribe {
        connection: ConnectionId,
        room: RoomId,
    },
    /// No longer so.
    Unsubscribe {
        connection: ConnectionId,
        room: RoomId,
    },
    /// The connection's login is over.
    Revoked(ConnectionId),
    /// Whoever the connection speaks for is banned.
    ShutOut(ConnectionId),
    /// Let nobody in from there, and close the connections of those who are.
    NetworkBanned(NetworkBan),
    /// Let those in again.
    NetworkUnbanned(Network),
    /// Accept no more from these listeners, by their indexes: others do.
    LetGo {
        listeners: Arc<[usize]>,
        /// Dropped when it is so; nothing is sent.
        done: Sender<Infallible>,
    },
    /// Close all connections, spread over this time.
    Drain { window: Duration },
    /// Accept TLS with that from now on.
    RenewTls(TlsAcceptor),
    /// End.
    Stop,
}

/// From where nobody is let in.
#[derive(Clone, Debug)]
pub(crate) struct NetworkBan {
    pub(crate) network: Network,
    /// Until then; `None`: until it is lifted.
    pub(crate) until: Option<Timestamp>,
    /// Why, for people.
    pub(crate) reason: Reason,
}
