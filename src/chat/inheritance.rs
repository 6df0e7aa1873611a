//! What somebody who was a guest brings along to the account that they have from then on.
//!
//! Whoever shows on one connection to be a guest and to have an account is both: what was the guest's
//! is the account's, what holds against the guest holds against it, and nothing of it twice.

use crate::chat::event::Role;
use crate::chat::message::{Seq, Timestamp};
use crate::chat::name::{RoomName, UserName};
use crate::chat::order::{Party, Reason, Restraint, RestraintKind};
use crate::chat::{AccountId, GuestId, PersonId};

/// All that goes over from a guest to an account. What the guest wrote does too, wherever that was.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Inheritance {
    /// To which account.
    pub account: AccountId,
    /// What it is called.
    pub name: UserName,
    /// From whom.
    pub guest: GuestId,
    /// What the guest is called: the keys of what was said under that name are the account's.
    pub known_as: UserName,
    /// Each once.
    pub rooms: Vec<InheritedRoom>,
    /// What the account does not have already.
    pub restraints: Vec<InheritedRestraint>,
}

/// What a guest had in one room.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InheritedRoom {
    /// Which.
    pub room: RoomName,
    /// The newest message that they have read, if the account belongs to the room from then on.
    pub read: Option<Seq>,
    /// The account has this role there, or a higher one of its own; the guest none any more.
    pub role: Role,
    /// Whether they are one of the two of a conversation.
    pub is_party: bool,
}

/// What keeps somebody from something in one room, whoever they are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InheritedRestraint {
    /// Where.
    pub room: RoomName,
    /// From what.
    pub kind: RestraintKind,
    /// Until then; `None`: until somebody lifts it.
    pub until: Option<Timestamp>,
    /// Who decided that.
    pub by: UserName,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
}

impl Inheritance {
    /// The account, as it is known in rooms.
    pub(crate) fn heir(&self) -> Party {
        Party {
            person: PersonId::Account(self.account),
            name: self.name.clone(),
        }
    }
}

impl InheritedRestraint {
    pub(crate) fn new(room: RoomName, restraint: &Restraint) -> Self {
        Self {
            room,
            kind: restraint.kind,
            until: restraint.until,
            by: restraint.by.clone(),
            at: restraint.at,
            reason: restraint.reason.clone(),
        }
    }

    /// As it holds against somebody. From where they came stays with whom it was decided for.
    pub(crate) fn against(&self, whom: Party) -> Restraint {
        Restraint {
            kind: self.kind,
            whom,
            from: Vec::new(),
            until: self.until,
            by: self.by.clone(),
            at: self.at,
            reason: self.reason.clone(),
        }
    }
}
