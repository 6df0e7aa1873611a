//! What was done to keep order, as it is read later.

use std::time::Duration;

use super::{Measure, Reason};
use crate::chat::bans::Banned;
use crate::chat::event::Role;
use crate::chat::message::Timestamp;
use crate::chat::name::UserName;

/// Something that was done to keep order, as it is read later.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuditEntry {
    /// Its number, larger for what was done later.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: UserName,
    /// What.
    pub deed: Deed,
}

/// What was done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Deed {
    /// Something to somebody.
    Measure {
        /// To whom.
        name: UserName,
        /// What.
        measure: Measure,
        /// Why.
        reason: Reason,
    },
    /// The time between messages was set.
    SlowMode(Duration),
    /// An invite was made, good until then.
    Invite {
        /// Until then.
        until: Timestamp,
    },
    /// All invites were ended.
    Uninvite,
    /// Messages are kept for so many days; 0: for ever.
    Retention {
        /// So many.
        days: u32,
    },
    /// Somebody was kept out of the server.
    ServerBan {
        /// Who.
        whom: Banned,
        /// Until then.
        until: Option<Timestamp>,
        /// Why.
        reason: Reason,
    },
    /// Somebody was let in again.
    ServerUnban {
        /// Who.
        whom: Banned,
        /// Why.
        reason: Reason,
    },
    /// An account got a role on the whole server.
    ServerRole {
        /// What it is called.
        name: UserName,
        /// Which role.
        role: Role,
    },
}
