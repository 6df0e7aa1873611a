//! Who may do what: the one table that the hub asks.

use crate::chat::event::Role;

/// What somebody is in a room, and on the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Standing {
    /// Whether there is no account behind the name.
    pub guest: bool,
    /// Whether the server is theirs, and with it every room but the conversations of others.
    pub is_admin: bool,
    /// The role in the room; `Member` where there is no room yet.
    pub role: Role,
}

/// What the table speaks about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Reads and writes in a public room.
    Talk,
    /// Creates a room that everyone sees.
    CreatePublicRoom,
    /// Creates a room that only its members see.
    CreatePrivateRoom,
    /// Makes a code with which others may enter.
    Invite,
    /// Says what a room is about.
    SetTopic,
    /// Kicks, bans and mutes, and lifts that again; sets slow mode.
    KeepOrder,
    /// Reads who did what to keep order.
    ReadAudit,
    /// Gives and takes roles.
    GiveRoles,
    /// Removes the room.
    RemoveRoom,
    /// Deletes what others wrote.
    DeleteOthersMessages,
}

impl Standing {
    /// Whether the action is allowed; if not, what it takes.
    ///
    /// # Errors
    /// A clause for [`ChatError::Forbidden`](crate::chat::ChatError::Forbidden).
    pub fn may(self, action: Action) -> Result<(), &'static str> {
        let needs = |role: Role, why: &'static str| match self.rank() {
            rank if rank >= role => Ok(()),
            _ => Err(why),
        };
        match action {
            Action::Talk | Action::CreatePublicRoom => Ok(()),
            Action::CreatePrivateRoom if self.guest => {
                Err("private rooms are for those who have an account")
            }
            Action::Invite if self.guest => Err("inviting is for those who have an account"),
            Action::CreatePrivateRoom | Action::Invite => Ok(()),
            Action::SetTopic => needs(
                Role::Op,
                "only the room's owner and its operators set the topic",
            ),
            Action::DeleteOthersMessages => needs(
                Role::Op,
                "only the room's owner and its operators delete what others wrote",
            ),
            Action::KeepOrder => needs(
                Role::Op,
                "only the room's owner and its operators keep order",
            ),
            Action::ReadAudit => needs(
                Role::Op,
                "only the room's owner and its operators read the audit log",
            ),
            Action::GiveRoles => needs(Role::Owner, "only the room's owner gives roles"),
            Action::RemoveRoom => needs(Role::Owner, "only the room's owner removes it"),
        }
    }

    /// Whether somebody may be dealt with: whom one outranks.
    pub fn outranks(self, other: Self) -> bool {
        !other.is_admin && (self.is_admin || self.role > other.role)
    }

    fn rank(self) -> Role {
        if self.is_admin {
            Role::Owner
        } else {
            self.role
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn standing(guest: bool, is_admin: bool, role: Role) -> Standing {
        Standing {
            guest,
            is_admin,
            role,
        }
    }

    #[test]
    fn table_is_the_documented_one() {
        use Action::{
            CreatePrivateRoom, CreatePublicRoom, DeleteOthersMessages, GiveRoles, Invite,
            KeepOrder, ReadAudit, RemoveRoom, SetTopic, Talk,
        };
        let columns = [
            Talk,
            CreatePublicRoom,
            CreatePrivateRoom,
            Invite,
            SetTopic,
            KeepOrder,
            ReadAudit,
            DeleteOthersMessages,
            GiveRoles,
            RemoveRoom,
        ];
        let rows = [
            (standing(true, false, Role::Member), "●●        "),
            (standing(true, false, Role::Op), "●●  ●●●●  "),
            (standing(true, false, Role::Owner), "●●  ●●●●●●"),
            (standing(false, false, Role::Member), "●●●●      "),
            (standing(false, false, Role::Op), "●●●●●●●●  "),
            (standing(false, false, Role::Owner), "●●●●●●●●●●"),
            (standing(false, true, Role::Member), "●●●●●●●●●●"),
        ];
        for (standing, expected) in rows {
            let may = columns.map(|action| standing.may(action).is_ok());
            let marks = may.map(|may| if may { '●' } else { ' ' });
            assert_eq!(String::from_iter(marks), expected, "{standing:?}");
        }
    }

    #[test]
    fn one_deals_with_those_below() {
        let ladder = [
            standing(false, false, Role::Member),
            standing(false, false, Role::Op),
            standing(false, false, Role::Owner),
            standing(false, true, Role::Member),
        ];
        for (i, upper) in ladder.into_iter().enumerate() {
            for (j, lower) in ladder.into_iter().enumerate() {
                assert_eq!(upper.outranks(lower), i > j, "{upper:?} {lower:?}");
            }
        }
    }
}
