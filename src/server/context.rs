//! What a session may use while it handles something: the time, the hub, what all share.

use std::time::Instant;

use rand::Rng as _;

use crate::chat::{GuestId, Request, SessionId};
use crate::server::hub_thread::HubSender;
use crate::server::shared::Shared;

/// A session's view of its worker, for as long as it handles one thing.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) session: SessionId,
    pub(crate) hub: &'a HubSender,
    pub(crate) shared: &'a Shared,
    pub(crate) counts: &'a mut Counts,
}

/// What a worker has counted since it told the metrics last.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) messages_received: u64,
    pub(crate) messages_delivered: u64,
}

impl Context<'_> {
    /// Hands a request to the hub; `false`: it has too many.
    #[must_use]
    pub(crate) fn ask(&self, request: Request) -> bool {
        self.hub.request(self.session, request)
    }

    /// An identity that nobody has and nobody can guess.
    pub(crate) fn fresh_guest(&self) -> GuestId {
        let mut bytes = [0; 16];
        rand::rng().fill_bytes(&mut bytes);
        GuestId(u128::from_be_bytes(bytes))
    }
}
