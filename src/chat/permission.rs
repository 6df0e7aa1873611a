//! Who may do what: the one table that the hub asks.

use crate::chat::PersonId;
use crate::chat::event::Role;

/// What somebody is in a room, and on the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Standing {
    /// Whether there is no account behind the name.
    pub guest: bool,
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
    /// Says what a room is about.
    SetTopic,
    /// Deletes what others wrote.
    DeleteOthersMessages,
}

impl Standing {
    /// What somebody is where there is no room yet.
    pub(crate) fn of_newcomer(person: PersonId) -> Self {
        Self {
            guest: person.is_guest(),
            role: Role::Member,
        }
    }

    /// Whether the action is allowed; if not, what it takes.
    ///
    /// # Errors
    /// A clause for [`ChatError::Forbidden`](crate::chat::ChatError::Forbidden).
    pub fn may(self, action: Action) -> Result<(), &'static str> {
        match action {
            Action::Talk | Action::CreatePublicRoom => Ok(()),
            Action::CreatePrivateRoom if self.guest => {
                Err("private rooms are for those who have an account")
            }
            Action::CreatePrivateRoom => Ok(()),
            Action::SetTopic if self.role >= Role::Op => Ok(()),
            Action::SetTopic => Err("only the room's owner and its operators set the topic"),
            Action::DeleteOthersMessages if self.role >= Role::Op => Ok(()),
            Action::DeleteOthersMessages => {
                Err("only the room's owner and its operators delete what others wrote")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_the_documented_one() {
        use Action::{CreatePrivateRoom, CreatePublicRoom, DeleteOthersMessages, SetTopic, Talk};
        let rows = [
            // guest, role, talk, public, private, topic, delete others' messages
            (true, Role::Member, [true, true, false, false, false]),
            (true, Role::Op, [true, true, false, true, true]),
            (true, Role::Owner, [true, true, false, true, true]),
            (false, Role::Member, [true, true, true, false, false]),
            (false, Role::Op, [true, true, true, true, true]),
            (false, Role::Owner, [true, true, true, true, true]),
        ];
        for (guest, role, expected) in rows {
            let actual = [
                Talk,
                CreatePublicRoom,
                CreatePrivateRoom,
                SetTopic,
                DeleteOthersMessages,
            ]
            .map(|action| Standing { guest, role }.may(action).is_ok());
            assert_eq!(actual, expected, "guest: {guest}, {role:?}");
        }
    }
}
