//! Conversations of two: rooms that follow from who the two are, and that open by themselves.

use std::sync::Arc;

use crate::chat::PersonId;
use crate::chat::error::ChatError;
use crate::chat::event::{Event, Member};
use crate::chat::hub::{Asking, Hub, MAX_LISTED_ON_JOIN, MAX_ROOMS_PER_SESSION, Output, SessionId};
use crate::chat::log::{Fact, RoomRecord, Visibility};
use crate::chat::message::Topic;
use crate::chat::name::{RoomName, UserName};
use crate::chat::order::{Books, MemberRecord, Party};
use crate::chat::room::RoomId;

impl Hub {
    pub(super) fn direct(
        &mut self,
        asking: &mut Asking<'_>,
        to: &UserName,
    ) -> Result<(), ChatError> {
        let other = self
            .somebody(to)
            .ok_or(ChatError::NotFound("person here"))?;
        if other.person == asking.person {
            return Err(ChatError::Forbidden("a conversation takes two"));
        }
        let name = RoomName::direct(asking.person, other.person);
        if let Some(id) = self.conversation(&name, asking.person, other.person) {
            self.check_connection(asking, Some(id))?;
            self.open(id, other.person, asking.output);
            self.enter(id, asking.waiting(None, None), asking.output);
            return Ok(());
        }
        self.check_place(asking.person)?;
        self.check_connection(asking, None)?;
        self.check_direct(asking.person, MAX_DIRECTS_BEGUN)?;
        self.check_direct(other.person, MAX_DIRECTS)?;
        let parties = [asking.party(), other];
        asking.append(Fact::DirectOpened {
            room: name,
            parties,
        });
        self.hold(asking.context.session);
        Ok(())
    }

    /// The conversation of two: the one of that name, which follows from who they are, or one that
    /// they had when one of them was a guest.
    fn conversation(&self, name: &RoomName, one: PersonId, other: PersonId) -> Option<RoomId> {
        let of_both = |id: &&RoomId| {
            let party = self.room(**id).other_party(one);
            party.is_some_and(|party| party.person == other)
        };
        let mut rooms = self.belongings.get(&one).into_iter().flatten();
        let known = self.room_ids.get(name);
        known.or_else(|| rooms.find(of_both)).copied()
    }

    /// A conversation is in the log: lets in who asked for it, and opens it for the other.
    pub(super) fn direct_opened(
        &mut self,
        asking: &mut Asking<'_>,
        name: RoomName,
        parties: [Party; 2],
    ) -> Result<(), ChatError> {
        let other = parties[1].person;
        let id = match self.room_ids.get(&name) {
            Some(id) => *id,
            None => self.insert_room(record(name, parties)),
        };
        for party in [asking.person, other] {
            self.belonging_changed(party, id);
        }
        self.open(id, other, asking.output);
        self.enter(id, asking.waiting(None, None), asking.output);
        Ok(())
    }

    /// Makes the room of a conversation whose opener is gone.
    pub(super) fn direct_kept(&mut self, name: RoomName, parties: [Party; 2]) {
        if self.room_ids.contains_key(&name) {
            return;
        }
        let people = [parties[0].person, parties[1].person];
        let id = self.insert_room(record(name, parties));
        for person in people {
            self.belonging_changed(person, id);
        }
        self.consider_abandoned(id);
    }

    /// Has all connections of one of the two hear what is said from now on.
    pub(super) fn open(&mut self, id: RoomId, person: PersonId, output: &mut Vec<Output>) {
        let Some(present) = self.people.get(person) else {
            return;
        };
        let name = present.name.clone();
        let opens = |to: &SessionId| {
            let rooms = &self.sessions[to].rooms;
            // What waits may be to enter a room, for which there was a place.
            let kept_count = usize::from(self.held.contains_key(to));
            !rooms.contains(&id) && rooms.len() + kept_count < MAX_ROOMS_PER_SESSION
        };
        let sessions = present.sessions.iter().copied();
        let sessions: Vec<SessionId> = sessions.filter(opens).collect();
        if sessions.is_empty() {
            return;
        }
        let event = Arc::new(self.opened(id));
        for to in sessions {
            if let Some(session) = self.sessions.get_mut(&to) {
                session.rooms.insert(id);
            }
            self.room_mut(id).enter(&name, person);
            output.push(Output::Subscribe {
                session: to,
                room: id,
            });
            let event = Arc::clone(&event);
            output.push(Output::Tell { to, event });
        }
        self.belonging_changed(person, id);
    }

    /// Has both hear what is about to be said in a conversation of two.
    pub(super) fn open_for_both(&mut self, id: RoomId, output: &mut Vec<Output>) {
        let parties = self.room(id).parties.iter();
        let people: Vec<PersonId> = parties.map(|party| party.person).collect();
        for person in people {
            self.open(id, person, output);
        }
    }

    /// Who has that name: somebody present, or with an account.
    pub(super) fn somebody(&self, name: &UserName) -> Option<Party> {
        let Some(person) = self.people.named(name) else {
            let record = &self.accounts.by_name(name)?.record;
            return Some(Party {
                person: PersonId::Account(record.id),
                name: record.name.clone(),
            });
        };
        let name = self.people.get(person)?.name.clone();
        Some(Party { person, name })
    }

    fn opened(&self, id: RoomId) -> Event {
        Event::Opened {
            room: self.room(id).name.clone(),
            members: self.members(id, MAX_LISTED_ON_JOIN),
        }
    }

    /// Who belongs to a room: of a conversation both, whether they have opened it or not.
    pub(super) fn members(&self, id: RoomId, max: usize) -> Vec<Member> {
        let room = self.room(id);
        let member = |name: &UserName, person: PersonId, is_online: bool| Member {
            name: name.clone(),
            guest: person.is_guest(),
            role: room.role(person),
            server_role: self.server_role(person),
            is_online,
        };
        if !room.is_direct() {
            let listed = room.members().take(max);
            return listed
                .map(|(name, id, is_online)| member(name, id, is_online))
                .collect();
        }
        let party = |it: &Party| {
            let is_online = self.people.get(it.person).is_some();
            member(&it.name, it.person, is_online)
        };
        let mut members: Vec<Member> = room.parties.iter().map(party).collect();
        members.sort_by(|a, b| a.name.cmp(&b.name));
        members
    }

    fn check_direct(&self, person: PersonId, max: usize) -> Result<(), ChatError> {
        let rooms = self.belongings.get(&person).into_iter().flatten();
        let direct_count = rooms.filter(|id| self.room(**id).is_direct()).count();
        if direct_count < max {
            Ok(())
        } else {
            Err(ChatError::Forbidden(
                "one of you has as many conversations as one can have",
            ))
        }
    }
}

fn record(name: RoomName, parties: [Party; 2]) -> RoomRecord {
    let member = |party: &Party| match party.person {
        PersonId::Account(account) => Some(MemberRecord {
            account,
            name: party.name.clone(),
            read: 0,
        }),
        PersonId::Guest(_) => None,
    };
    RoomRecord {
        name,
        visibility: Visibility::Private,
        topic: Topic::default(),
        roles: Vec::new(),
        seq: 0,
        rev: 0,
        books: Books {
            members: parties.iter().filter_map(member).collect(),
            parties: parties.into(),
            ..Books::default()
        },
    }
}

/// Conversations that somebody may begin: those that others begin have their own place.
const MAX_DIRECTS_BEGUN: usize = 200;

/// Conversations that somebody may have.
const MAX_DIRECTS: usize = 400;
