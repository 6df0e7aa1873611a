//! What keeps a room in order: measures against members, restraints that last, invites.
//!
//! Whatever has an end is over when the time has come: it is judged when somebody asks, no timer
//! ends it. What is over is forgotten when something new of its kind is kept.

use std::sync::Arc;
use std::time::Duration;

use crate::chat::AccountId;
use crate::chat::PersonId;
use crate::chat::error::ChatError;
use crate::chat::event::Role;
use crate::chat::message::{Seq, Timestamp, check_len};
use crate::chat::name::UserName;
use crate::chat::network::ClientAddress;

mod audit;
mod in_force;
mod invite;

pub use audit::{AuditEntry, Deed};
pub(crate) use in_force::Order;
pub use invite::{DEFAULT_INVITE, Invite, InviteCode, MAX_INVITE};

/// Somebody, and the name by which others know them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Party {
    /// Who.
    pub person: PersonId,
    /// What they are called.
    pub name: UserName,
}

/// What is done to somebody in a room, by whoever keeps order there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Measure {
    /// Puts them out; the door stays open.
    Kick,
    /// Puts them out and keeps them out.
    Ban {
        /// Until then; `None`: until somebody lifts it.
        until: Option<Timestamp>,
    },
    /// Lifts a ban.
    Unban,
    /// Has them be silent.
    Mute {
        /// Until then; `None`: until somebody lifts it.
        until: Option<Timestamp>,
    },
    /// Lifts a mute.
    Unmute,
    /// Gives them another role.
    Role(Role),
}

impl Measure {
    /// Whether it ends the invites of a room: whoever is put out may have the code that others came by.
    pub(crate) fn ends_invites(self, is_public: bool) -> bool {
        matches!(self, Self::Ban { .. }) && !is_public
    }

    /// The name of it on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kick => "kick",
            Self::Ban { .. } => "ban",
            Self::Unban => "unban",
            Self::Mute { .. } => "mute",
            Self::Unmute => "unmute",
            Self::Role(_) => "role",
        }
    }

    /// What of somebody it lifts.
    pub(crate) fn lifts(self) -> Option<RestraintKind> {
        match self {
            Self::Unban => Some(RestraintKind::Ban),
            Self::Unmute => Some(RestraintKind::Mute),
            Self::Kick | Self::Ban { .. } | Self::Mute { .. } | Self::Role(_) => None,
        }
    }

    /// When it ends by itself.
    pub fn until(self) -> Option<Timestamp> {
        match self {
            Self::Ban { until } | Self::Mute { until } => until,
            Self::Kick | Self::Unban | Self::Unmute | Self::Role(_) => None,
        }
    }
}

/// Why something was done: up to 250 characters on one line, or nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reason(Arc<str>);

impl Reason {
    /// Most characters of a reason.
    pub const MAX_CHARACTERS: usize = 250;

    /// Reads a reason.
    ///
    /// # Errors
    /// [`ChatError::TooLong`], and [`ChatError::BadRequest`] for controls and line breaks.
    pub fn parse(text: &str) -> Result<Self, ChatError> {
        check_len("the reason", text, Self::MAX_CHARACTERS)?;
        if text
            .chars()
            .any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
        {
            return Err(ChatError::BadRequest(
                "the reason has a control character or a line break",
            ));
        }
        Ok(Self(text.trim().into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What keeps somebody from something for a time.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum RestraintKind {
    /// From entering.
    Ban,
    /// From saying anything.
    Mute,
}

impl RestraintKind {
    /// The name of it, which is that of the measure.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ban => "ban",
            Self::Mute => "mute",
        }
    }
}

/// Somebody kept from something.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Restraint {
    /// From what.
    pub kind: RestraintKind,
    /// Who.
    pub whom: Party,
    /// Whoever comes from there too, for a ban; kept as long as it lasts, and shown to nobody.
    pub from: Vec<ClientAddress>,
    /// Until then; `None`: until somebody lifts it.
    pub until: Option<Timestamp>,
    /// Who decided that.
    pub by: UserName,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
}

impl Restraint {
    /// Whether it is the same decision, about whomever: what is carried keeps when it was made, and
    /// until when.
    fn is_same(&self, other: &Self) -> bool {
        (self.kind, self.at, self.until) == (other.kind, other.at, other.until)
    }
}

/// Somebody with an account who belongs to a room, present or not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MemberRecord {
    /// Who.
    pub account: AccountId,
    /// What they are called.
    pub name: UserName,
    /// The newest message that they have read.
    pub read: Seq,
}

/// What the log keeps of a room beside its past: who belongs to it, and under what rules.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Books {
    /// Those with an account who belong to it.
    pub members: Vec<MemberRecord>,
    /// The two of a direct conversation; of other rooms nobody.
    pub parties: Vec<Party>,
    /// In any order.
    pub restraints: Vec<Restraint>,
    /// In any order.
    pub invites: Vec<Invite>,
    /// The time between two messages of one member; zero: none.
    pub slow_mode: Duration,
    /// For how many days messages are kept, 0: for ever; `None`: as the server has it.
    pub retention_days: Option<u32>,
    /// The messages up to this one are erased.
    pub erased: Seq,
    /// When the oldest message or change was decided that is kept.
    pub oldest_at: Option<Timestamp>,
    /// Whether some of what counts as erased is still there.
    pub has_remains: bool,
}

/// Whole seconds until then, rounded up, so that it is over after so many.
pub(crate) fn left_s(until: Timestamp, now: Timestamp) -> u64 {
    let left_ms = until.0.saturating_sub(now.0);
    u64::try_from(left_ms).unwrap_or(0).div_ceil(1_000)
}

/// Addresses that are banned together with one person: more devices than are at hand at once.
pub(crate) const MAX_ADDRESSES: usize = 8;

/// Owners and operators of a room.
pub(crate) const MAX_RANKS: usize = 100;

/// What has an end ends within ten years; what shall last longer has none.
pub const MAX_RESTRAINT: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// What is kept for longer may as well be kept for ever.
pub const MAX_RETENTION_DAYS: u32 = 36_500;

/// Who waits longer between two messages is not in a conversation.
pub const MAX_SLOW_MODE: Duration = Duration::from_secs(6 * 60 * 60);

#[cfg(test)]
impl Party {
    pub(crate) fn guest(id: u128, name: &str) -> Self {
        Self {
            person: PersonId::Guest(crate::chat::GuestId(id)),
            name: UserName::parse(name).expect("a name"),
        }
    }

    pub(crate) fn account(id: i64, name: &str) -> Self {
        Self {
            person: PersonId::Account(AccountId(id)),
            name: UserName::parse(name).expect("a name"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_bounded_and_on_one_line() {
        assert!(Reason::parse(&"x".repeat(250)).is_ok());
        let refused = |text: &str| Reason::parse(text).unwrap_err().code();
        assert_eq!(refused(&"x".repeat(251)), "too_long");
        assert_eq!(refused("a\nb"), "bad_request");
    }
}
