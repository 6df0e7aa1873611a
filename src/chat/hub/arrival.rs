//! How a connection comes to speak for somebody: as a guest, or with a login.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::chat::account::LoginToken;
use crate::chat::command::Hello;
use crate::chat::error::ChatError;
use crate::chat::event::{Done, Event, Member, Proof, Role};
use crate::chat::hub::membership::MAX_ROOMS_PER_PERSON;
use crate::chat::hub::{Hub, Output, SessionId, answer};
use crate::chat::log::Context;
use crate::chat::message::Timestamp;
use crate::chat::name::UserName;
use crate::chat::network::ClientAddress;
use crate::chat::order::Party;
use crate::chat::room::{Room, RoomId};
use crate::chat::secret::SecretHash;
use crate::chat::totp::TotpSecret;
use crate::chat::{AccountId, GuestId, PersonId};

/// A connection that has said who it speaks for.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) person: PersonId,
    /// From where it comes.
    pub(super) from: Option<ClientAddress>,
    pub(super) rooms: BTreeSet<RoomId>,
    /// With which login it came; guests have none.
    pub(super) login: Option<SecretHash>,
    /// When that ends by itself.
    pub(super) ends_at: Option<Timestamp>,
    /// A second factor that was begun to be set up.
    pub(super) totp_begun: Option<TotpSecret>,
}

impl Hub {
    pub(super) fn hello(
        &mut self,
        context: &Context,
        hello: Hello,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let session = self.sessions.get(&context.session);
        let current = match session.map(|session| session.person) {
            Some(PersonId::Account(_)) => return Err(ChatError::Already(HAS_SAID)),
            Some(PersonId::Guest(guest)) => Some(guest),
            None => None,
        };
        match hello {
            Hello::Password { login, password } => self.log_in(context, login, password, output),
            Hello::Login(token) => {
                let login = self.accounts.login(token.hash(), self.now);
                let (_, account) = login.ok_or(ChatError::BadToken)?;
                self.arrive(context, account.record.id, token, output)
            }
            Hello::Guest { name, fresh } => {
                self.guest_arrives(context, current, current.unwrap_or(fresh), name, output)
            }
            Hello::Anyone { fresh } => {
                let guest = current.unwrap_or(fresh);
                let name = self.free_guest_name(guest);
                self.guest_arrives(context, current, guest, name, output)
            }
            Hello::Returning { guest, name } => {
                if self.heirs.has(guest) {
                    return Err(ChatError::BadToken);
                }
                if current.is_some_and(|current| current != guest) {
                    return Err(ChatError::Already(HAS_SAID));
                }
                // Present under another name since the token was made: that name stands.
                let present = self.people.get(PersonId::Guest(guest));
                let name = present.map_or(name, |person| person.name.clone());
                self.guest_arrives(context, current, guest, name, output)
            }
        }
    }

    fn guest_arrives(
        &mut self,
        context: &Context,
        current: Option<GuestId>,
        guest: GuestId,
        name: UserName,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        if !self.policy.guests {
            return Err(ChatError::Forbidden("guests are not admitted here"));
        }
        let person = PersonId::Guest(guest);
        let party = Party { person, name };
        self.bans.check(&party, self.now)?;
        let name = party.name;
        if self.people.is_taken(&name, person) || self.accounts.is_taken(&name) {
            return Err(ChatError::NameTaken);
        }
        if current.is_some() {
            self.rename(person, &name, self.now, output)?;
        } else {
            let session = Session::new(person, None, context.from);
            self.attach(context.session, session, name.clone());
        }
        let you = Member::you(name, true, Role::Member);
        let proof = Proof::Guest(guest);
        answer(context.clone(), Ok(Done::Welcomed { you, proof }), output);
        Ok(())
    }

    fn free_guest_name(&self, guest: GuestId) -> UserName {
        self.people
            .free_guest_name(guest, |name| self.accounts.is_taken(name))
    }

    /// Has a connection speak for an account, at once or when the log has handed over to it what was
    /// the guest's who speaks through it now. An account that has taken over from as many guests as it
    /// can leaves this one what they have.
    ///
    /// # Errors
    /// [`ChatError::NotFound`] if there is no such account, [`ChatError::BannedFromServer`],
    /// [`ChatError::Busy`] if the guest gets another account just now.
    pub(super) fn arrive(
        &mut self,
        context: &Context,
        account: AccountId,
        token: LoginToken,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let session = self.sessions.get(&context.session);
        match session.map(|session| session.person) {
            Some(PersonId::Guest(guest)) if self.heirs.has_place(account) => {
                self.check_banned(account)?;
                self.bequeath(context, guest, account, token, output)
            }
            _ => self.welcome(context, account, token, output),
        }
    }

    /// Has a connection speak for an account from now on, and says so. Who was a guest on it stays in
    /// the rooms.
    ///
    /// # Errors
    /// Those of [`Self::arrive`], and [`ChatError::BadToken`] if the login has ended meanwhile.
    pub(super) fn welcome(
        &mut self,
        context: &Context,
        account: AccountId,
        token: LoginToken,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let login = token.hash();
        if self.accounts.login(login, self.now).is_none() {
            return Err(ChatError::BadToken);
        }
        let record = self.accounts.get(account);
        let record = &record.ok_or(ChatError::NotFound("account"))?.record;
        let server_role = record.server_role;
        let you = Member::you(record.name.clone(), false, server_role);
        self.check_banned(account)?;
        let id = context.session;
        let person = PersonId::Account(account);
        self.leave_where_barred(id, person, &you.name, output);
        let guest = self.give_up_guest(id, &you.name, output);
        let mut session = Session::new(person, Some(login), context.from);
        session.ends_at = self.accounts.ends_at(login);
        self.ends.extend(session.ends_at.map(|at| (at, id)));
        if let Some((_, _, rooms)) = &guest {
            session.rooms.clone_from(rooms);
        }
        self.attach(id, session, you.name.clone());
        if let Some(present) = self.people.get_mut(person) {
            present.server_role = server_role;
        }
        if let Some((guest, from, rooms)) = guest {
            for room in rooms {
                self.pass_on(room, (guest, &from), (person, &you.name), output);
            }
            if self.people.get(guest).is_none() {
                self.consider_rooms_of(guest);
            }
        }
        if let Some(from) = context.from {
            self.accounts.came_from(account, from);
        }
        self.see(context, output);
        let proof = Proof::Login(token);
        self.release(context.clone(), Ok(Done::Welcomed { you, proof }), output);
        self.catch_up_on_warning(account, output);
        Ok(())
    }

    /// Takes a guest's connection out of the rooms that it may not be in as an account.
    fn leave_where_barred(
        &mut self,
        id: SessionId,
        person: PersonId,
        name: &UserName,
        output: &mut Vec<Output>,
    ) {
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        let (guest, from) = (session.person, session.from);
        let Some(guest_name) = self.people.get(guest).map(|it| it.name.clone()) else {
            return;
        };
        let party = Party {
            person,
            name: name.clone(),
        };
        let rooms = session.rooms.iter();
        let barred: Vec<(RoomId, &str)> = rooms
            .filter_map(|room| Some((*room, self.bars(*room, &party, from)?)))
            .collect();
        for (room, reason) in barred {
            if let Some(session) = self.sessions.get_mut(&id) {
                session.rooms.remove(&room);
            }
            self.detach(id, guest, &guest_name, room, output);
            let event = Arc::new(Event::Removed {
                room: self.room(room).name.clone(),
                reason: reason.into(),
            });
            output.push(Output::Tell { to: id, event });
        }
    }

    /// Why an account may not be in a room where it comes as a guest, if so.
    fn bars(&self, id: RoomId, whom: &Party, from: Option<ClientAddress>) -> Option<&'static str> {
        if self.check_let_in(id, whom, from).is_err() {
            return Some("you are banned here");
        }
        let room = self.room(id);
        if room.is_direct() && !room.belongs(whom.person) {
            return Some("this conversation is another account's");
        }
        let rooms = self.belongings.get(&whom.person);
        let is_full = rooms.is_some_and(|rooms| rooms.len() >= MAX_ROOMS_PER_PERSON);
        (is_full && !room.belongs(whom.person))
            .then_some("your account belongs to as many rooms as it can")
    }

    /// Frees a name that an account is about to use, and takes leave of the guest who spoke through
    /// the connection, if there was one: the guest, the name, and the rooms.
    fn give_up_guest(
        &mut self,
        id: SessionId,
        name: &UserName,
        output: &mut Vec<Output>,
    ) -> Option<(PersonId, UserName, BTreeSet<RoomId>)> {
        let guest = self.sessions.get(&id).map(|session| session.person);
        for holder in self.people.holders(name) {
            let is_leaving = Some(holder) == guest
                && self
                    .people
                    .get(holder)
                    .is_some_and(|it| it.sessions.len() == 1);
            if let (PersonId::Guest(other), false) = (holder, is_leaving) {
                let free = self.free_guest_name(other);
                self.give_name(holder, &free, self.now, output);
            }
        }
        let Session { person, rooms, .. } = self.sessions.remove(&id)?;
        let name = self.people.get(person)?.name.clone();
        self.people.detach(person, id);
        for room in self.belongings.get(&person).into_iter().flatten() {
            if let Some(room) = self.rooms.get_mut(room) {
                room.elsewhere.remove(&id);
            }
        }
        Some((person, name, rooms))
    }

    /// Has a connection's place in a room be somebody else's.
    fn pass_on(
        &mut self,
        room: RoomId,
        (guest, from): (PersonId, &UserName),
        (person, to): (PersonId, &UserName),
        output: &mut Vec<Output>,
    ) {
        let change = |room: &mut Room| room.change_hands(guest, to, person);
        let (has_left, has_joined) = self.weigh(room, change);
        if has_left {
            self.presence_changed(room, from.clone(), false, output);
        }
        if has_joined {
            self.presence_changed(room, to.clone(), true, output);
        }
        self.belonging_changed(guest, room);
        self.belonging_changed(person, room);
    }

    /// Gives a guest another name, if that is not too soon.
    fn rename(
        &mut self,
        id: PersonId,
        name: &UserName,
        at: Timestamp,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let person = self.people.get(id).ok_or(ChatError::NotAuthenticated)?;
        if person.name.as_str() == name.as_str() {
            return Ok(());
        }
        // Judged before the rooms are gathered: a refusal must not cost what it saves.
        if let Some(retry_after_ms) = person.early_ms(at) {
            return Err(ChatError::RateLimited { retry_after_ms });
        }
        self.give_name(id, name, at, output);
        Ok(())
    }

    /// Gives somebody present another name, and tells everyone who shares a room with them.
    fn give_name(
        &mut self,
        id: PersonId,
        name: &UserName,
        at: Timestamp,
        output: &mut Vec<Output>,
    ) {
        let sessions = self.people.get(id).into_iter().flat_map(|it| &it.sessions);
        let rooms: BTreeSet<RoomId> = sessions
            .filter_map(|session| self.sessions.get(session))
            .flat_map(|session| session.rooms.iter().copied())
            .collect();
        let Some(old) = self.people.rename(id, name.clone(), rooms.len(), at) else {
            return;
        };
        for room in rooms {
            self.rename_in(room, (id, old.clone()), name, output);
        }
    }
}

impl Session {
    pub(super) fn new(
        person: PersonId,
        login: Option<SecretHash>,
        from: Option<ClientAddress>,
    ) -> Self {
        Self {
            person,
            from,
            rooms: BTreeSet::new(),
            login,
            ends_at: None,
            totp_begun: None,
        }
    }
}

/// Who has an account, or a token, is that person for as long as the connection stays.
pub(super) const HAS_SAID: &str = "this connection has said who it is";
