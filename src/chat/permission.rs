//! Who may do what: the one table that the hub asks.

use crate::chat::event::Role;

/// What somebody is in a room, and on the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Standing {
    /// Whether there is no account behind the name.
    pub guest: bool,
    /// The role on the whole server: its owner owns every room but the conversations of others, its
    /// operators keep order in those that they may know of.
    pub server: Role,
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
    /// Ends all such codes.
    EndInvites,
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
    /// Says for how long messages are kept.
    SetRetention,
    /// Keeps people and addresses out of the whole server, and reads who did.
    KeepServerOrder,
    /// Has others help with that.
    GiveServerRoles,
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
            Action::EndInvites => needs(
                Role::Op,
                "only the room's owner and its operators end its invites",
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
            Action::SetRetention => needs(
                Role::Owner,
                "only the room's owner says for how long messages are kept",
            ),
            Action::KeepServerOrder if self.server >= Role::Op => Ok(()),
            Action::KeepServerOrder => Err("only the server's owner and its operators do that"),
            Action::GiveServerRoles if self.server == Role::Owner => Ok(()),
            Action::GiveServerRoles => Err("only the server's owner gives roles on it"),
        }
    }

    /// Whether somebody may be dealt with: whom one outranks.
    pub fn outranks(self, other: Self) -> bool {
        let level = |it: Self| (it.server == Role::Owner, it.rank());
        level(self) > level(other)
    }

    fn rank(self) -> Role {
        self.role.max(self.server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn standing(guest: bool, server: Role, role: Role) -> Standing {
        Standing {
            guest,
            server,
            role,
        }
    }

    #[test]
    fn table_is_the_documented_one() {
        use Action::{
            CreatePrivateRoom, CreatePublicRoom, DeleteOthersMessages, EndInvites, GiveRoles,
            GiveServerRoles, Invite, KeepOrder, KeepServerOrder, ReadAudit, RemoveRoom,
            SetRetention, SetTopic, Talk,
        };
        let columns = [
            Talk,
            CreatePublicRoom,
            CreatePrivateRoom,
            Invite,
            EndInvites,
            SetTopic,
            KeepOrder,
            ReadAudit,
            DeleteOthersMessages,
            GiveRoles,
            RemoveRoom,
            SetRetention,
            KeepServerOrder,
            GiveServerRoles,
        ];
        let rows = [
            (standing(true, Role::Member, Role::Member), "●●            "),
            (standing(true, Role::Member, Role::Op), "●●  ●●●●●     "),
            (standing(true, Role::Member, Role::Owner), "●●  ●●●●●●●●  "),
            (
                standing(false, Role::Member, Role::Member),
                "●●●●          ",
            ),
            (standing(false, Role::Member, Role::Op), "●●●●●●●●●     "),
            (standing(false, Role::Member, Role::Owner), "●●●●●●●●●●●●  "),
            (standing(false, Role::Op, Role::Member), "●●●●●●●●●   ● "),
            (standing(false, Role::Op, Role::Owner), "●●●●●●●●●●●●● "),
            (standing(false, Role::Owner, Role::Member), "●●●●●●●●●●●●●●"),
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
            standing(false, Role::Member, Role::Member),
            standing(false, Role::Member, Role::Op),
            standing(false, Role::Member, Role::Owner),
            standing(false, Role::Owner, Role::Member),
        ];
        for (i, upper) in ladder.into_iter().enumerate() {
            for (j, lower) in ladder.into_iter().enumerate() {
                assert_eq!(upper.outranks(lower), i > j, "{upper:?} {lower:?}");
            }
        }
    }

    #[test]
    fn servers_operator_is_one_in_each_room_and_no_more() {
        let op = standing(false, Role::Op, Role::Member);
        let [member, rooms_op, owner, admin] = [
            standing(true, Role::Member, Role::Member),
            standing(false, Role::Member, Role::Op),
            standing(false, Role::Member, Role::Owner),
            standing(false, Role::Owner, Role::Member),
        ];
        assert!(op.outranks(member) && owner.outranks(op) && admin.outranks(op));
        for other in [op, rooms_op, owner, admin] {
            assert!(!op.outranks(other), "{other:?}");
        }
    }
}
