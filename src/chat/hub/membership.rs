//! Who belongs to a room, how far they have read, and who is told that there is more.
//!
//! An account belongs to a room from its first `join` to its `leave`, a guest as long as connected.
//! Connections of theirs that have not joined are *elsewhere*: they are told that there is news, at
//! once if that was a while ago, else together with what comes in the meantime.

use std::collections::BTreeSet;
use std::sync::Arc;

#[cfg(test)]
use crate::chat::AccountId;
use crate::chat::PersonId;
use crate::chat::error::ChatError;
#[cfg(test)]
use crate::chat::event::Role;
use crate::chat::event::{Done, Event};
use crate::chat::hub::{Asking, Hub, Output, Session, SessionId};
use crate::chat::log::{Append, Context, Fact, RoomFact};
use crate::chat::message::{Seq, Timestamp};
use crate::chat::name::{RoomName, UserName};
use crate::chat::network::ClientAddress;
use crate::chat::order::{InviteCode, MemberRecord, Party};
use crate::chat::permission::Action;
use crate::chat::recent::Waiting;
use crate::chat::room::RoomId;

impl Hub {
    /// Lets a session speak for somebody who has proved who they are.
    pub(super) fn attach(&mut self, id: SessionId, session: Session, name: UserName) {
        let person = session.person;
        self.people.attach(person, name, id);
        let joined = session.rooms.clone();
        self.sessions.insert(id, session);
        let belongings = self.belongings.get(&person).into_iter().flatten();
        for room in belongings.filter(|room| !joined.contains(room)) {
            if let Some(room) = self.rooms.get_mut(room) {
                room.elsewhere.insert(id);
            }
        }
    }

    /// The room of that name, if whoever asks may know of it.
    pub(super) fn visible(
        &self,
        name: &RoomName,
        asking: &Asking<'_>,
    ) -> Result<RoomId, ChatError> {
        let id = *self.room_ids.get(name).ok_or(ChatError::NotFound("room"))?;
        let room = self.room(id);
        let is_rank = || {
            self.standing(id, asking.person)
                .may(Action::SetTopic)
                .is_ok()
        };
        let is_let_in = room.is_public() || room.belongs(asking.person);
        if is_let_in || (!room.is_direct() && is_rank()) {
            Ok(id)
        } else {
            Err(ChatError::NotFound("room"))
        }
    }

    /// The room of that name, if whoever asks belongs to it.
    pub(super) fn entered(
        &self,
        name: &RoomName,
        asking: &Asking<'_>,
    ) -> Result<RoomId, ChatError> {
        let id = self.visible(name, asking)?;
        if self.room(id).belongs(asking.person) {
            Ok(id)
        } else {
            Err(ChatError::Forbidden("join the room first"))
        }
    }

    /// Whether a code lets its holder into a room.
    pub(super) fn is_invited(&self, id: RoomId, code: Option<&InviteCode>, now: Timestamp) -> bool {
        let room = self.room(id);
        code.is_some_and(|code| !room.is_direct() && room.order.admits(code, now))
    }

    /// Refuses who is banned from a room, and who comes from where somebody is banned.
    pub(super) fn check_let_in(
        &self,
        id: RoomId,
        whom: &Party,
        from: Option<ClientAddress>,
    ) -> Result<(), ChatError> {
        let order = &self.room(id).order;
        order.check_ban(whom, self.now)?;
        // Who keeps order there is not kept out because of a neighbour.
        match (from, self.standing(id, whom.person).may(Action::KeepOrder)) {
            (Some(from), Err(_)) => order.check_address(from, self.now),
            _ => Ok(()),
        }
    }

    /// Refuses who might come in when they asked, and was banned or put out while the room's past was
    /// read.
    pub(super) fn check_still_let_in(
        &self,
        id: RoomId,
        (person, name): (PersonId, &UserName),
        from: Option<ClientAddress>,
    ) -> Result<(), ChatError> {
        let name = name.clone();
        self.check_let_in(id, &Party { person, name }, from)?;
        let room = self.room(id);
        let may_be_away = room.is_public() || (person.is_guest() && !room.is_direct());
        if may_be_away || room.belongs(person) || room.kept_count() >= MAX_MEMBERS {
            Ok(())
        } else {
            Err(ChatError::NotFound("room"))
        }
    }

    /// Lets somebody in who may know of the room; an account becomes a member first.
    pub(super) fn come_in(
        &mut self,
        asking: &mut Asking<'_>,
        id: RoomId,
        waiting: Waiting,
    ) -> Result<(), ChatError> {
        self.check_let_in(id, &asking.party(), asking.context.from)?;
        self.check_connection(asking, Some(id))?;
        let room = self.room(id);
        // Who comes when the list is full stays as long as a guest does.
        let is_kept = room.is_kept(asking.person) || room.kept_count() >= MAX_MEMBERS;
        let account = match asking.person {
            PersonId::Account(account) if !is_kept => account,
            _ => {
                self.enter(id, waiting, asking.output);
                return Ok(());
            }
        };
        let room_count = self.belongings.get(&asking.person).map_or(0, BTreeSet::len);
        if room_count >= MAX_ROOMS_PER_PERSON && !room.is_member(asking.person) {
            return Err(TOO_MANY_ROOMS);
        }
        let (name, room) = (asking.name.clone(), room.name.clone());
        let fact = RoomFact::Joined {
            account,
            name,
            since: waiting.since,
            rev: waiting.rev,
        };
        asking.append(Fact::Room { room, fact });
        self.hold(asking.context.session);
        Ok(())
    }

    /// The log has somebody as a member now: lets them in.
    pub(super) fn joined(
        &mut self,
        id: RoomId,
        member: MemberRecord,
        waiting: Waiting,
        output: &mut Vec<Output>,
    ) {
        let person = PersonId::Account(member.account);
        self.keep_member(id, member);
        // Whoever asked may have gone meanwhile: they belong to it all the same.
        if !self.sessions.contains_key(&waiting.context.session) {
            return;
        }
        debug_assert!(self.room(id).is_kept(person));
        self.enter(id, waiting, output);
    }

    /// Takes note that the log has somebody as a member.
    pub(super) fn keep_member(&mut self, id: RoomId, member: MemberRecord) {
        let person = PersonId::Account(member.account);
        self.room_mut(id).keep(member);
        self.belonging_changed(person, id);
    }

    /// A guest leaves on this connection, an account on all, for it belongs to the room no longer.
    pub(super) fn leave(
        &mut self,
        asking: &mut Asking<'_>,
        name: &RoomName,
    ) -> Result<(), ChatError> {
        let id = self.visible(name, asking)?;
        let room = self.room(id);
        if let PersonId::Account(account) = asking.person
            && room.is_kept(asking.person)
        {
            let (name, room) = (asking.name.clone(), room.name.clone());
            let fact = RoomFact::Left { account, name };
            asking.append(Fact::Room { room, fact });
            return Ok(());
        }
        let session = self.sessions.get_mut(&asking.context.session);
        if !session.is_some_and(|session| session.rooms.remove(&id)) {
            return Err(ChatError::Already("you are not in this room"));
        }
        let (session, person) = (asking.context.session, asking.person);
        self.detach(session, person, &asking.name, id, asking.output);
        let room = self.room(id).name.clone();
        asking.answer(Done::Left { room });
        Ok(())
    }

    /// Has somebody belong to a room no longer, on any of their connections.
    pub(super) fn dismiss(
        &mut self,
        id: RoomId,
        person: PersonId,
        except: Option<SessionId>,
        reason: &str,
        output: &mut Vec<Output>,
    ) {
        self.put_out(id, person, except, reason, output);
        let name = self.people.get(person).map(|it| it.name.clone());
        if self.weigh(id, |room| room.dismiss(person))
            && let Some(name) = name
        {
            self.presence_changed(id, name, false, output);
        }
        self.belonging_changed(person, id);
        self.consider_abandoned(id);
    }

    /// Takes all connections of somebody out of a room, and tells them why, but for the one that
    /// asked for it.
    pub(super) fn put_out(
        &mut self,
        id: RoomId,
        person: PersonId,
        except: Option<SessionId>,
        reason: &str,
        output: &mut Vec<Output>,
    ) {
        let event = Arc::new(Event::Removed {
            room: self.room(id).name.clone(),
            reason: reason.into(),
        });
        let sessions = self.people.get(person).map(|it| it.sessions.clone());
        for to in sessions.into_iter().flatten() {
            let session = self.sessions.get_mut(&to);
            if session.is_some_and(|session| session.rooms.remove(&id)) {
                output.push(Output::Unsubscribe {
                    session: to,
                    room: id,
                });
            }
            if except != Some(to) {
                let event = Arc::clone(&event);
                output.push(Output::Tell { to, event });
            }
        }
    }

    /// Takes note of how far somebody has read, on all their devices.
    pub(super) fn read(
        &mut self,
        asking: &mut Asking<'_>,
        id: RoomId,
        seq: Seq,
    ) -> Result<(), ChatError> {
        let room = self.room(id);
        if !room.belongs(asking.person) {
            return Err(ChatError::Forbidden("join the room first"));
        }
        if seq > room.seq {
            return Err(ChatError::NotFound("message"));
        }
        let name = room.name.clone();
        match asking.person {
            PersonId::Account(account)
                if room.is_kept(asking.person)
                    && room.read(asking.person).is_some_and(|read| read < seq) =>
            {
                let fact = RoomFact::Read { account, seq };
                asking.append(Fact::Room { room: name, fact });
            }
            _ => {
                let person = asking.person;
                let except = asking.context.session;
                self.mark_read(id, person, seq, except, asking.output);
                asking.answer(Done::Kept { room: name });
            }
        }
        Ok(())
    }

    /// Takes note of how far somebody has read, and tells their other devices.
    pub(super) fn mark_read(
        &mut self,
        id: RoomId,
        person: PersonId,
        seq: Seq,
        except: SessionId,
        output: &mut Vec<Output>,
    ) {
        if !self.room_mut(id).mark_read(person, seq) {
            return;
        }
        let room = self.room(id).name.clone();
        let event = Arc::new(Event::Read { room, seq });
        let sessions = self.people.get(person).map(|it| &it.sessions);
        for to in sessions.into_iter().flatten().filter(|to| **to != except) {
            let (to, event) = (*to, Arc::clone(&event));
            output.push(Output::Tell { to, event });
        }
    }

    /// Tells those elsewhere that there is something new in a room, now or soon.
    pub(super) fn tell_elsewhere(&mut self, id: RoomId, output: &mut Vec<Output>) {
        let now = self.now;
        let room = self.room(id);
        if room.elsewhere.is_empty() {
            return;
        }
        let count = i64::try_from(room.elsewhere.len()).unwrap_or(i64::MAX);
        let interval_ms = (count / NEWS_PER_MILLI).max(NEWS_MILLIS);
        if now.0.saturating_sub(room.told_elsewhere_at.0) < interval_ms {
            self.untold.insert(id);
            return;
        }
        let event = Arc::new(Event::Unread {
            room: room.name.clone(),
            seq: room.seq,
        });
        let has_read = |session: &SessionId| {
            let person = self.sessions.get(session).map(|session| session.person);
            let read = person.and_then(|person| room.read(person));
            read.is_some_and(|read| read >= room.seq)
        };
        for to in room.elsewhere.iter().filter(|to| !has_read(to)) {
            let (to, event) = (*to, Arc::clone(&event));
            output.push(Output::Tell { to, event });
        }
        self.room_mut(id).told_elsewhere_at = now;
        self.untold.remove(&id);
    }

    /// Tells those elsewhere what they have not been told, as far as it is time.
    pub(super) fn catch_up_elsewhere(&mut self, output: &mut Vec<Output>) {
        for id in std::mem::take(&mut self.untold) {
            if self.rooms.contains_key(&id) {
                self.tell_elsewhere(id, output);
            }
        }
    }

    /// Brings up to date what follows from whether somebody belongs to a room, and who has joined.
    pub(super) fn belonging_changed(&mut self, person: PersonId, id: RoomId) {
        let Some(room) = self.rooms.get_mut(&id) else {
            return;
        };
        let belongs = room.belongs(person);
        if belongs {
            self.belongings.entry(person).or_default().insert(id);
        } else if let Some(rooms) = self.belongings.get_mut(&person) {
            rooms.remove(&id);
            if rooms.is_empty() {
                self.belongings.remove(&person);
            }
        }
        let sessions = self.people.get(person).map(|it| &it.sessions);
        for session in sessions.into_iter().flatten() {
            let has_joined = self
                .sessions
                .get(session)
                .is_none_or(|session| session.rooms.contains(&id));
            if belongs && !has_joined {
                room.elsewhere.insert(*session);
            } else {
                room.elsewhere.remove(session);
            }
        }
    }

    /// Hands something to the log for an account that asks nothing by itself.
    pub(super) fn append_of_room(
        &self,
        context: Context,
        room: RoomName,
        fact: RoomFact,
        output: &mut Vec<Output>,
    ) {
        let (at, fact) = (self.now, Fact::Room { room, fact });
        output.push(Output::Append(Append { context, at, fact }));
    }

    pub(super) fn assert_belongings(&self) {
        for (id, room) in &self.rooms {
            let parties = room.parties.iter().map(|party| party.person);
            for person in room.people().chain(parties) {
                let rooms = self.belongings.get(&person);
                debug_assert!(rooms.is_some_and(|rooms| rooms.contains(id)), "{person:?}");
            }
            for session in &room.elsewhere {
                let session = self.sessions.get(session).expect("it is there");
                debug_assert!(room.belongs(session.person) && !session.rooms.contains(id));
            }
        }
        for (person, rooms) in &self.belongings {
            debug_assert!(!rooms.is_empty());
            for id in rooms {
                debug_assert!(self.room(*id).belongs(*person));
                let sessions = self.people.get(*person).map(|it| &it.sessions);
                for session in sessions.into_iter().flatten() {
                    let has_joined = self.sessions[session].rooms.contains(id);
                    let is_elsewhere = self.room(*id).elsewhere.contains(session);
                    debug_assert!(has_joined != is_elsewhere);
                }
            }
        }
    }
}

/// Accounts that a room keeps as members.
pub(super) const MAX_MEMBERS: usize = 10_000;

/// Rooms to which an account belongs, its direct conversations included.
pub(super) const MAX_ROOMS_PER_PERSON: usize = 500;

pub(super) const TOO_MANY_ROOMS: ChatError =
    ChatError::Forbidden("an account belongs to at most 500 rooms; leave one first");

/// How often those elsewhere are told of news in one room, at most.
const NEWS_MILLIS: i64 = 1_000;

/// One in a hundred of what a worker can do in that time.
const NEWS_PER_MILLI: i64 = 10;

#[cfg(test)]
impl Hub {
    /// Lets a session speak for an account, as a login does.
    pub(super) fn attach_account(
        &mut self,
        session: SessionId,
        account: AccountId,
        name: &str,
        server_role: Role,
    ) {
        let name = UserName::parse(name).expect("a name");
        let person = PersonId::Account(account);
        self.attach(session, Session::new(person, None, None), name);
        let present = self.people.get_mut(person).expect("attached");
        present.server_role = server_role;
    }
}
