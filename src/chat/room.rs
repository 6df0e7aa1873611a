//! A room in memory: what it is, and who is in it.

use std::collections::BTreeMap;

use crate::chat::PersonId;
use crate::chat::event::{Member, Role, RoomSummary};
use crate::chat::gossip::Gossip;
use crate::chat::log::{Page, RoomRecord, Visibility};
use crate::chat::message::{Rev, Seq, Topic};
use crate::chat::name::{RoomName, UserName};
use crate::chat::permission::Standing;
use crate::chat::recent::{Recent, Ring};

/// The hub's name for a room, for as long as the server runs.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RoomId(pub u32);

/// A room: what the log says of it, and who is in it now.
///
/// Invariant: nobody is in `members` without a connection.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) name: RoomName,
    pub(crate) visibility: Visibility,
    pub(crate) topic: Topic,
    pub(crate) seq: Seq,
    pub(crate) rev: Rev,
    pub(crate) recent: Recent,
    pub(crate) gossip: Gossip,
    members: BTreeMap<UserName, Membership>,
    /// Who is more than a member there, present or not.
    roles: BTreeMap<PersonId, Role>,
}

#[derive(Debug)]
struct Membership {
    person: PersonId,
    connection_count: u32,
}

impl Room {
    pub(crate) fn new(record: RoomRecord) -> Self {
        let is_blank = record.seq == 0 && record.rev == 0;
        Self {
            name: record.name,
            visibility: record.visibility,
            topic: record.topic,
            seq: record.seq,
            rev: record.rev,
            // What has no past need not be read from the log.
            recent: if is_blank {
                Recent::Loaded(Ring::default())
            } else {
                Recent::Unloaded
            },
            gossip: Gossip::default(),
            members: BTreeMap::new(),
            roles: record.roles.into_iter().collect(),
        }
    }

    /// Counts one more connection of a member; true for the first.
    pub(crate) fn enter(&mut self, name: &UserName, person: PersonId) -> bool {
        let membership = self.members.entry(name.clone()).or_insert(Membership {
            person,
            connection_count: 0,
        });
        membership.connection_count += 1;
        membership.connection_count == 1
    }

    /// Counts one connection of a member less; true for the last.
    pub(crate) fn leave(&mut self, name: &UserName) -> bool {
        let Some(membership) = self.members.get_mut(name) else {
            return false;
        };
        membership.connection_count -= 1;
        if membership.connection_count > 0 {
            return false;
        }
        self.members.remove(name);
        if self.members.is_empty() {
            self.recent.unload();
        }
        true
    }

    /// Has a connection of a member be another person's; whether it was the last of the one, and is
    /// the first of the other. The room is not empty in between.
    pub(crate) fn change_hands(
        &mut self,
        from: &UserName,
        to: &UserName,
        person: PersonId,
    ) -> (bool, bool) {
        let has_left = match self.members.get_mut(from) {
            Some(membership) if membership.connection_count > 1 => {
                membership.connection_count -= 1;
                false
            }
            Some(_) => self.members.remove(from).is_some(),
            None => false,
        };
        (has_left, self.enter(to, person))
    }

    /// Lists a member under another name.
    pub(crate) fn rename(&mut self, from: &UserName, to: UserName) {
        if let Some(membership) = self.members.remove(from) {
            self.members.insert(to, membership);
        }
    }

    pub(crate) fn is_member(&self, name: &UserName) -> bool {
        self.members.contains_key(name)
    }

    pub(crate) fn member_count(&self) -> usize {
        self.members.len()
    }

    /// At most `max` members, by name.
    pub(crate) fn members(&self, max: usize) -> Vec<Member> {
        let listed = self.members.iter().take(max);
        listed
            .map(|(name, membership)| self.member(name.clone(), membership.person))
            .collect()
    }

    pub(crate) fn member(&self, name: UserName, person: PersonId) -> Member {
        Member {
            name,
            guest: person.is_guest(),
            role: self.role(person),
        }
    }

    pub(crate) fn role(&self, person: PersonId) -> Role {
        self.roles.get(&person).copied().unwrap_or(Role::Member)
    }

    /// What somebody is in the room.
    pub(crate) fn standing(&self, person: PersonId) -> Standing {
        Standing {
            guest: person.is_guest(),
            role: self.role(person),
        }
    }

    pub(crate) fn summary(&self) -> RoomSummary {
        RoomSummary {
            name: self.name.clone(),
            topic: self.topic.clone(),
            visibility: self.visibility,
            member_count: self.members.len(),
        }
    }

    /// Whether the log has written more than the hub was told of: what is on a page would be told once
    /// more. That is on its way, so that another page, read later, is not ahead.
    pub(crate) fn is_behind(&self, page: &Page) -> bool {
        page.seq > self.seq || page.rev > self.rev
    }

    /// Whether somebody who is not in it may know of it.
    pub(crate) fn is_public(&self) -> bool {
        self.visibility == Visibility::Public
    }
}
