//! A room in memory: what it is, who belongs to it, and who is in it.

use std::collections::{BTreeMap, BTreeSet};

use crate::chat::PersonId;
use crate::chat::event::{Role, RoomSummary};
use crate::chat::gossip::Gossip;
use crate::chat::hub::SessionId;
use crate::chat::log::{Page, RoomRecord, Visibility};
use crate::chat::message::{Rev, Seq, Timestamp, Topic};
use crate::chat::name::{RoomName, UserName};
use crate::chat::order::{MemberRecord, Order, Party};
use crate::chat::recent::{Recent, Ring};
use crate::chat::turns::Turns;

/// The hub's name for a room, for as long as the server runs; never used again.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RoomId(pub u32);

/// A room: what the log says of it, and who is in it now.
///
/// Accounts that the log knows as members stay when their connections go; everybody else is a
/// member as long as connected.
///
/// Invariants: `present` and `absent` hold exactly the names of `members`, the former those with a
/// connection; who is absent is kept by the log.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) name: RoomName,
    pub(crate) visibility: Visibility,
    pub(crate) topic: Topic,
    pub(crate) seq: Seq,
    pub(crate) rev: Rev,
    pub(crate) recent: Recent,
    pub(crate) gossip: Gossip,
    pub(crate) order: Order,
    /// Who waits between two messages.
    pub(crate) turns: Turns,
    /// The two of a direct conversation; of other rooms nobody.
    pub(crate) parties: Vec<Party>,
    /// Connections of members that have not joined: they are told that there is something unread.
    pub(crate) elsewhere: BTreeSet<SessionId>,
    /// When those were told last.
    pub(crate) told_elsewhere_at: Timestamp,
    /// For how many days messages are kept, 0: for ever; `None`: as the server has it.
    pub(crate) retention_days: Option<u32>,
    /// The messages up to this one are erased.
    pub(crate) erased: Seq,
    /// When the oldest of what is kept was decided.
    pub(crate) oldest_at: Option<Timestamp>,
    /// Whether the log still has some of what is erased.
    pub(crate) has_remains: bool,
    /// When that is too old, as the hub has it; at once, if there are remains.
    pub(crate) expires_at: Option<Timestamp>,
    /// Since when nobody needs the room, if so.
    pub(crate) abandoned_at: Option<Timestamp>,
    members: BTreeMap<PersonId, Membership>,
    present: BTreeMap<UserName, PersonId>,
    absent: BTreeMap<UserName, PersonId>,
    /// Who is more than a member there, present or not.
    roles: BTreeMap<PersonId, Role>,
}

#[derive(Debug)]
struct Membership {
    name: UserName,
    connection_count: u32,
    /// Whether the log has it.
    is_kept: bool,
    /// The newest message that they have read.
    read: Seq,
}

impl Room {
    pub(crate) fn new(record: RoomRecord) -> Self {
        let is_blank = record.seq == 0 && record.rev == 0;
        let books = record.books;
        let mut room = Self {
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
            order: Order::new(books.restraints, books.invites),
            turns: Turns::new(books.slow_mode),
            parties: books.parties,
            elsewhere: BTreeSet::new(),
            told_elsewhere_at: Timestamp::default(),
            retention_days: books.retention_days,
            erased: books.erased,
            oldest_at: books.oldest_at,
            has_remains: books.has_remains,
            expires_at: None,
            abandoned_at: None,
            members: BTreeMap::new(),
            present: BTreeMap::new(),
            absent: BTreeMap::new(),
            roles: record.roles.into_iter().collect(),
        };
        for member in books.members {
            room.keep(member);
        }
        room
    }

    /// Counts one more connection of a member; true for the first.
    pub(crate) fn enter(&mut self, name: &UserName, person: PersonId) -> bool {
        let read = self.seq;
        let membership = self.members.entry(person).or_insert_with(|| Membership {
            name: name.clone(),
            connection_count: 0,
            is_kept: false,
            read,
        });
        membership.connection_count += 1;
        if membership.connection_count > 1 {
            return false;
        }
        strike(&mut self.absent, &membership.name, person);
        self.present.insert(membership.name.clone(), person);
        true
    }

    /// Counts one connection of a member less; true for the last.
    pub(crate) fn leave(&mut self, person: PersonId) -> bool {
        let Some(membership) = self.members.get_mut(&person) else {
            return false;
        };
        membership.connection_count = membership.connection_count.saturating_sub(1);
        if membership.connection_count > 0 {
            return false;
        }
        let was_present = strike(&mut self.present, &membership.name, person);
        if membership.is_kept {
            self.absent.insert(membership.name.clone(), person);
        } else {
            self.members.remove(&person);
        }
        self.forget_if_empty();
        was_present
    }

    /// Takes note that the log has somebody as a member.
    pub(crate) fn keep(&mut self, record: MemberRecord) {
        let MemberRecord {
            account,
            name,
            read,
        } = record;
        let person = PersonId::Account(account);
        if !self.members.contains_key(&person) {
            self.absent.insert(name.clone(), person);
        }
        let membership = self.members.entry(person).or_insert(Membership {
            name,
            connection_count: 0,
            is_kept: false,
            read,
        });
        // Of two devices that came at the same time, the log took the mark of the first.
        if !membership.is_kept {
            membership.is_kept = true;
            membership.read = membership.read.max(read);
        }
    }

    /// Takes somebody out, with all connections; true if they were present.
    pub(crate) fn dismiss(&mut self, person: PersonId) -> bool {
        let Some(membership) = self.members.remove(&person) else {
            return false;
        };
        strike(&mut self.absent, &membership.name, person);
        let was_present = strike(&mut self.present, &membership.name, person);
        self.forget_if_empty();
        was_present
    }

    /// Has a connection of a member be another person's; whether it was the last of the one, and is
    /// the first of the other. The room is not empty in between.
    pub(crate) fn change_hands(
        &mut self,
        from: PersonId,
        to: &UserName,
        person: PersonId,
    ) -> (bool, bool) {
        let member = self.members.get(&from);
        let has_left = member.is_some_and(|it| it.connection_count == 1);
        let has_joined = self.enter(to, person);
        self.leave(from);
        (has_left, has_joined)
    }

    /// Lists a member under another name.
    pub(crate) fn rename(&mut self, person: PersonId, to: &UserName) {
        for party in self.parties.iter_mut().filter(|it| it.person == person) {
            party.name = to.clone();
        }
        let Some(membership) = self.members.get_mut(&person) else {
            return;
        };
        let from = std::mem::replace(&mut membership.name, to.clone());
        for list in [&mut self.present, &mut self.absent] {
            if strike(list, &from, person) {
                list.insert(to.clone(), person);
            }
        }
    }

    /// Whether somebody is in it, or the log has them as a member.
    pub(crate) fn is_member(&self, person: PersonId) -> bool {
        self.members.contains_key(&person)
    }

    /// Whether the log has somebody as a member.
    pub(crate) fn is_kept(&self, person: PersonId) -> bool {
        self.members
            .get(&person)
            .is_some_and(|membership| membership.is_kept)
    }

    /// Whether somebody is a member, or one of the two of a direct conversation.
    pub(crate) fn belongs(&self, person: PersonId) -> bool {
        self.is_member(person) || self.parties.iter().any(|party| party.person == person)
    }

    /// Whether somebody who may not belong to it has a role there, or is kept from something.
    pub(crate) fn concerns(&self, person: PersonId, now: Timestamp) -> bool {
        self.roles.contains_key(&person)
            || self.order.on(person, now).next().is_some()
            || self.turns.knows(person)
    }

    /// The one whom somebody talks to in a direct conversation.
    pub(crate) fn other_party(&self, person: PersonId) -> Option<&Party> {
        let is_one = self.parties.iter().any(|party| party.person == person);
        let mut others = self.parties.iter().filter(|party| party.person != person);
        others.next().filter(|_| is_one)
    }

    /// Has one of the two of a conversation be another.
    pub(crate) fn replace_party(&mut self, person: PersonId, by: &Party) {
        for party in self.parties.iter_mut().filter(|it| it.person == person) {
            *party = by.clone();
        }
    }

    pub(crate) fn is_direct(&self) -> bool {
        !self.parties.is_empty()
    }

    /// How many are there now.
    pub(crate) fn present_count(&self) -> usize {
        self.present.len()
    }

    /// How many belong to it, there or not.
    pub(crate) fn member_count(&self) -> usize {
        if self.is_direct() {
            self.parties.len()
        } else {
            self.members.len()
        }
    }

    /// How many the log has as members.
    pub(crate) fn kept_count(&self) -> usize {
        let kept = self.members.values().filter(|it| it.is_kept);
        kept.count()
    }

    /// Everybody who belongs to it as a member.
    pub(crate) fn people(&self) -> impl Iterator<Item = PersonId> {
        self.members.keys().copied()
    }

    /// Who of that name belongs to it.
    pub(crate) fn named(&self, name: &UserName) -> Option<PersonId> {
        let lists = [&self.present, &self.absent];
        lists.into_iter().find_map(|list| list.get(name)).copied()
    }

    /// The members: those who are there (`true`) by name, then the others by name.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&UserName, PersonId, bool)> {
        let present = self.present.iter();
        let present = present.map(|(name, person)| (name, *person, true));
        let absent = self.absent.iter();
        present.chain(absent.map(|(name, person)| (name, *person, false)))
    }

    pub(crate) fn role(&self, person: PersonId) -> Role {
        self.roles.get(&person).copied().unwrap_or(Role::Member)
    }

    pub(crate) fn set_role(&mut self, person: PersonId, role: Role) {
        match role {
            Role::Member => self.roles.remove(&person),
            Role::Op | Role::Owner => self.roles.insert(person, role),
        };
    }

    /// Who is more than a member.
    pub(crate) fn ranks(&self) -> impl ExactSizeIterator<Item = (PersonId, Role)> {
        self.roles.iter().map(|(person, role)| (*person, *role))
    }

    /// The newest message that a member has read.
    pub(crate) fn read(&self, person: PersonId) -> Option<Seq> {
        self.members.get(&person).map(|membership| membership.read)
    }

    /// Takes note that a member has read up to a message; true if that is news.
    pub(crate) fn mark_read(&mut self, person: PersonId, seq: Seq) -> bool {
        match self.members.get_mut(&person) {
            Some(membership) if membership.read < seq => {
                membership.read = seq;
                true
            }
            _ => false,
        }
    }

    /// How many messages an account that belongs to it has not read.
    pub(crate) fn unread_count(&self, person: PersonId) -> u64 {
        match self.members.get(&person) {
            Some(membership) if membership.is_kept => {
                self.seq.saturating_sub(membership.read.max(self.erased))
            }
            _ => 0,
        }
    }

    pub(crate) fn summary(&self, person: PersonId) -> RoomSummary {
        RoomSummary {
            name: self.name.clone(),
            topic: self.topic.clone(),
            visibility: self.visibility,
            member_count: self.member_count(),
            unread_count: self.unread_count(person),
            with: self.other_party(person).map(|party| party.name.clone()),
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

    pub(crate) fn assert_invariants(&self) {
        debug_assert_eq!(self.members.len(), self.present.len() + self.absent.len());
        for (person, membership) in &self.members {
            let is_present = membership.connection_count > 0;
            debug_assert!(is_present || membership.is_kept);
            let list = if is_present {
                &self.present
            } else {
                &self.absent
            };
            debug_assert_eq!(list.get(&membership.name), Some(person));
        }
    }

    /// An empty room costs no memory for its past.
    fn forget_if_empty(&mut self) {
        if self.present.is_empty() {
            self.recent.unload();
        }
    }
}

/// Takes somebody off a list; whether they were on it. The name may be somebody else's by now, as of
/// a guest and the account that another connection of theirs has got.
fn strike(list: &mut BTreeMap<UserName, PersonId>, name: &UserName, person: PersonId) -> bool {
    let is_listed = list.get(name) == Some(&person);
    if is_listed {
        list.remove(name);
    }
    is_listed
}
