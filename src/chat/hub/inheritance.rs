//! How what was a guest's becomes an account's.
//!
//! It is gathered, handed to the log, and carried out when the log has it. Then the guest is nobody any
//! more: the token is good for nothing, other connections of the guest are closed, and the one that
//! asked speaks for the account. So a guest becomes one account, and all that is the guest's goes to it.
//!
//! A measure that was decided about the guest meanwhile, or before the log had this, is about the
//! account as well: it is taken once more for the account, and answered then. A room that was made by
//! the guest, or a conversation that was begun with them, is handed over in the same way as the rest,
//! even if all of the guest's connections have gone.
//!
//! All rooms are looked through once for a guest, for what is not known of the guest but of the room;
//! the rest goes by the rooms that were found.

use std::collections::BTreeSet;

use crate::chat::account::{AccountFact, LoginToken};
use crate::chat::bans::{Banned, ServerFact};
use crate::chat::error::ChatError;
use crate::chat::event::Role;
use crate::chat::hub::membership::{MAX_MEMBERS, MAX_ROOMS_PER_PERSON};
use crate::chat::hub::upkeep::NOBODY;
use crate::chat::hub::{Hub, Output, SessionId};
use crate::chat::inheritance::{Inheritance, InheritedRestraint, InheritedRoom};
use crate::chat::log::{Append, Context, Fact, RoomFact};
use crate::chat::message::Timestamp;
use crate::chat::name::{RoomName, UserName};
use crate::chat::order::{MemberRecord, Party, Restraint, RestraintKind};
use crate::chat::room::{Room, RoomId};
use crate::chat::{AccountId, GuestId, PersonId};

/// What the log is about to hand over.
#[derive(Debug)]
pub(super) struct Bequest {
    /// To which account.
    account: AccountId,
    /// What the guest is called.
    known_as: UserName,
    /// With which login a connection waits to speak for it; `None`: nobody waits.
    token: Option<LoginToken>,
    /// Where something is the guest's, or holds against them.
    rooms: BTreeSet<RoomId>,
}

impl Hub {
    /// Has the log hand over to an account what is a guest's who speaks through a connection.
    ///
    /// # Errors
    /// [`ChatError::Busy`] if the guest is about to become an account on another connection.
    pub(super) fn bequeath(
        &mut self,
        context: &Context,
        guest: GuestId,
        account: AccountId,
        token: LoginToken,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        if self.bequeathing.contains_key(&guest) {
            return Err(ChatError::Busy(
                "this guest gets an account on another connection",
            ));
        }
        let (person, now) = (PersonId::Guest(guest), self.now);
        let present = self.people.get(person);
        let known_as = present.ok_or(ChatError::NotAuthenticated)?.name.clone();
        let heir = self.account_party(account);
        let heir = heir.ok_or(ChatError::NotFound("account"))?;
        let own = self.belongings.get(&person).into_iter().flatten();
        let others = self.rooms.iter();
        let others = others.filter(|(_, room)| room.concerns(person, now));
        let bequest = Bequest {
            account,
            known_as,
            token: Some(token),
            rooms: own.chain(others.map(|(id, _)| id)).copied().collect(),
        };
        self.hold(context.session);
        self.hand_over(context, guest, &heir, bequest, output);
        Ok(())
    }

    fn hand_over(
        &mut self,
        context: &Context,
        guest: GuestId,
        heir: &Party,
        bequest: Bequest,
        output: &mut Vec<Output>,
    ) {
        let whom = PersonId::Guest(guest);
        let places = bequest.rooms.iter();
        let places = places.filter_map(|id| self.rooms.get(id));
        let inheritance = Inheritance {
            account: bequest.account,
            rooms: self.rooms_of_guest(context, whom, heir, &bequest.rooms),
            name: heir.name.clone(),
            guest,
            known_as: bequest.known_as.clone(),
            restraints: self.restraints_in(places, |it| it.person == whom),
        };
        self.bequeathing.insert(guest, bequest);
        let fact = AccountFact::Inherited(Box::new(inheritance));
        self.append(context, fact, output);
    }

    /// A room has come about that is somebody's, by their role or as one of the two who talk. If that is
    /// a guest who is about to become an account, or has become one, it goes the way of all that was
    /// the guest's.
    pub(super) fn hand_over_new(
        &mut self,
        name: &RoomName,
        whose: &Party,
        output: &mut Vec<Output>,
    ) {
        let PersonId::Guest(guest) = whose.person else {
            return;
        };
        let Some(&id) = self.room_ids.get(name) else {
            return;
        };
        if let Some(bequest) = self.bequeathing.get_mut(&guest) {
            bequest.rooms.insert(id);
            return;
        }
        let Some(heir) = self.heir(whose.person) else {
            return;
        };
        let PersonId::Account(account) = heir.person else {
            return;
        };
        let bequest = Bequest {
            account,
            known_as: whose.name.clone(),
            token: None,
            rooms: BTreeSet::from([id]),
        };
        if self.has_more(&NOBODY, guest, &heir, &bequest) {
            self.hand_over(&NOBODY, guest, &heir, bequest, output);
        }
    }

    /// Whether there is something left of a guest's to be handed over.
    fn has_more(&self, context: &Context, guest: GuestId, heir: &Party, bequest: &Bequest) -> bool {
        let rest = self.rooms_of_guest(context, PersonId::Guest(guest), heir, &bequest.rooms);
        rest.iter().any(|it| it.is_party || it.role > Role::Member)
    }

    /// What a guest has in rooms that the account may be in.
    fn rooms_of_guest(
        &self,
        context: &Context,
        guest: PersonId,
        heir: &Party,
        rooms: &BTreeSet<RoomId>,
    ) -> Vec<InheritedRoom> {
        let session = self.sessions.get(&context.session);
        let session = session.filter(|session| session.person == guest);
        let joined = session.map(|session| &session.rooms);
        let own = self.belongings.get(&heir.person);
        let own_count = own.map_or(0, BTreeSet::len);
        let mut places = MAX_ROOMS_PER_PERSON.saturating_sub(own_count);
        let mut inherited = Vec::new();
        for &id in rooms {
            let Some(room) = self.rooms.get(&id) else {
                continue;
            };
            let is_party = room
                .other_party(guest)
                .is_some_and(|other| other.person != heir.person);
            let is_in = joined.is_some_and(|rooms| rooms.contains(&id));
            let role = room.role(guest);
            if !(is_party || is_in || role > Role::Member)
                || room.order.check_ban(heir, self.now).is_err()
                || (role == Role::Member && self.check_let_in(id, heir, context.from).is_err())
            {
                continue;
            }
            let is_new = !room.belongs(heir.person);
            let belongs = (is_party || (is_in && !room.is_direct()))
                && !room.is_kept(heir.person)
                && room.kept_count() < MAX_MEMBERS
                && (!is_new || places > 0);
            places -= usize::from(belongs && is_new);
            inherited.push(InheritedRoom {
                room: room.name.clone(),
                read: belongs.then(|| room.read(guest).unwrap_or(room.seq)),
                role,
                is_party,
            });
        }
        inherited
    }

    /// What holds in some rooms against those whom `is_it` finds; as far as there is place for more.
    fn restraints_in<'a>(
        &self,
        rooms: impl Iterator<Item = &'a Room>,
        is_it: impl Fn(&Party) -> bool,
    ) -> Vec<InheritedRestraint> {
        let (at, mut found) = (self.now, Vec::new());
        for room in rooms {
            let those = room.order.lasting_on(at, &is_it);
            let those = those.filter(|_| room.order.has_place_for_restraint(at));
            found.extend(those.map(|it| InheritedRestraint::new(room.name.clone(), it)));
        }
        found
    }

    /// What holds against guests of the name that somebody gets an account of. Whoever asks for it as a
    /// guest takes over what holds against them when they come as the account.
    pub(super) fn restraints_of_newcomer(&self, name: &UserName) -> Vec<InheritedRestraint> {
        self.restraints_in(self.rooms.values(), |whom| {
            whom.person.is_guest() && whom.name == *name
        })
    }

    /// The log has handed it over: so has the hub, and the connection speaks for the account.
    pub(super) fn inherited(
        &mut self,
        context: Context,
        at: Timestamp,
        inheritance: &Inheritance,
        output: &mut Vec<Output>,
    ) {
        let guest = inheritance.guest;
        let Some(bequest) = self.bequeathing.remove(&guest) else {
            return debug_assert!(false, "what is handed over was asked for");
        };
        let heir = inheritance.heir();
        self.heirs.insert(guest, inheritance.account);
        for inherited in &inheritance.rooms {
            if let Some(&id) = self.room_ids.get(&inherited.room) {
                self.inherit(id, at, inherited, inheritance);
            }
        }
        self.carry_restraints(&heir, at, &inheritance.restraints);
        self.dismiss_where_banned(heir.person, at, &inheritance.restraints, output);
        for id in &bequest.rooms {
            if let Some(room) = self.rooms.get_mut(id) {
                room.turns.share(PersonId::Guest(guest), heir.person);
            }
        }
        self.end_guest(guest, Some(context.session), output);
        // What the guest got while this was handed over goes first, in the same way.
        if self.has_more(&context, guest, &heir, &bequest) {
            return self.hand_over(&context, guest, &heir, bequest, output);
        }
        // Whoever has gone meanwhile finds it when they come back.
        if let Some(token) = bequest.token
            && self.held.contains_key(&context.session)
            && let Err(error) = self.welcome(&context, bequest.account, token, output)
        {
            self.release(context, Err(error), output);
            self.end_guest(guest, None, output);
        }
    }

    /// The log could not hand it over, or no more of it.
    pub(super) fn not_inherited(
        &mut self,
        context: Context,
        guest: GuestId,
        busy: ChatError,
        output: &mut Vec<Output>,
    ) {
        let bequest = self.bequeathing.remove(&guest);
        if bequest.is_some_and(|it| it.token.is_some()) {
            self.release(context, Err(busy), output);
        }
        if self.heirs.has(guest) {
            self.end_guest(guest, None, output);
        }
    }

    /// Closes the connections of a guest who is nobody any more.
    fn end_guest(&mut self, guest: GuestId, except: Option<SessionId>, output: &mut Vec<Output>) {
        let present = self.people.get(PersonId::Guest(guest));
        let sessions = present.map(|it| it.sessions.clone());
        for session in sessions.into_iter().flatten() {
            if Some(session) != except {
                self.disconnect(session, output);
                output.push(Output::Close(session));
            }
        }
    }

    /// Hands over what a guest had in a room, unless the account was banned there meanwhile.
    fn inherit(
        &mut self,
        id: RoomId,
        at: Timestamp,
        inherited: &InheritedRoom,
        inheritance: &Inheritance,
    ) {
        let (guest, heir) = (PersonId::Guest(inheritance.guest), inheritance.heir());
        let room = self.room_mut(id);
        if room.order.check_ban(&heir, at).is_err() {
            return;
        }
        if inherited.role > Role::Member {
            let role = room.role(heir.person).max(inherited.role);
            room.set_role(guest, Role::Member);
            room.set_role(heir.person, role);
        }
        if inherited.is_party {
            room.replace_party(guest, &heir);
        }
        let person = heir.person;
        if let Some(read) = inherited.read {
            room.keep(MemberRecord {
                account: inheritance.account,
                name: heir.name,
                read,
            });
        }
        for person in [guest, person] {
            self.belonging_changed(person, id);
        }
    }

    /// Has hold against an account what held against a guest.
    pub(super) fn carry_restraints(
        &mut self,
        whom: &Party,
        at: Timestamp,
        restraints: &[InheritedRestraint],
    ) {
        for inherited in restraints {
            if let Some(&id) = self.room_ids.get(&inherited.room) {
                let restraint = inherited.against(whom.clone());
                self.room_mut(id).order.carry(restraint, at);
            }
        }
    }

    /// Has an account belong no longer to the rooms from which it is banned as the guest was. Who keeps
    /// order there keeps their place: whoever banned the guest did not know whom.
    fn dismiss_where_banned(
        &mut self,
        whom: PersonId,
        at: Timestamp,
        restraints: &[InheritedRestraint],
        output: &mut Vec<Output>,
    ) {
        for restraint in restraints {
            let Some(&id) = self.room_ids.get(&restraint.room) else {
                continue;
            };
            let room = self.room(id);
            let is_ban = |it: &Restraint| it.kind == RestraintKind::Ban;
            let is_banned = room.order.on(whom, at).any(is_ban);
            if is_banned && room.is_member(whom) && room.role(whom) == Role::Member {
                self.dismiss(id, whom, None, "you are banned here", output);
            }
        }
    }

    /// Takes a measure about a guest once more for the account that the guest has become, or is about
    /// to; whether there is one.
    pub(super) fn measure_heir(
        &self,
        context: &Context,
        at: Timestamp,
        id: RoomId,
        fact: &RoomFact,
        output: &mut Vec<Output>,
    ) -> bool {
        let RoomFact::Measured {
            by, whom, measure, ..
        } = fact
        else {
            return false;
        };
        let heir = match measure.lifts() {
            // What was carried is lifted with it, but what is on its way is not.
            Some(kind) => self.heir_to_be(whom.person).filter(|it| {
                let order = &self.room(id).order;
                order.has_nothing_else(kind, it.person, whom.person, at)
            }),
            None => self.heir(whom.person),
        };
        // Whoever has an account may be above those who did not know.
        let standing = self.standing(id, by.person);
        let is_below = |it: &Party| standing.outranks(self.standing(id, it.person));
        let Some(heir) = heir.filter(is_below) else {
            return false;
        };
        let mut fact = fact.clone();
        if let RoomFact::Measured { whom, from, .. } = &mut fact {
            *whom = heir;
            from.clear();
        }
        let (context, room) = (context.clone(), self.room(id).name.clone());
        let fact = Fact::Room { room, fact };
        output.push(Output::Append(Append { context, at, fact }));
        true
    }

    /// Keeps the account out of the server that a guest has become, or is about to, who is kept out;
    /// whether there is one.
    pub(super) fn ban_heir(
        &self,
        context: &Context,
        at: Timestamp,
        fact: &ServerFact,
        output: &mut Vec<Output>,
    ) -> bool {
        let ServerFact::Banned {
            by,
            whom: Banned::Person(guest),
            ..
        } = fact
        else {
            return false;
        };
        let standing = self.standing_on_server(by.person);
        let may_ban = |it: &Party| {
            standing.outranks(self.standing_on_server(it.person)) && self.bans.has_place(at)
        };
        let Some(heir) = self.heir(guest.person).filter(may_ban) else {
            return false;
        };
        let mut fact = fact.clone();
        if let ServerFact::Banned { whom, .. } = &mut fact {
            *whom = Banned::Person(heir);
        }
        let (context, fact) = (context.clone(), Fact::Server(fact));
        output.push(Output::Append(Append { context, at, fact }));
        true
    }

    /// The account that a guest is about to become, or has become; of several the newest.
    fn heir(&self, person: PersonId) -> Option<Party> {
        let PersonId::Guest(guest) = person else {
            return None;
        };
        let newest = || self.account_party(self.heirs.of(guest).next_back()?);
        self.heir_to_be(person).or_else(newest)
    }

    fn heir_to_be(&self, person: PersonId) -> Option<Party> {
        match person {
            PersonId::Guest(guest) => self.account_party(self.bequeathing.get(&guest)?.account),
            PersonId::Account(_) => None,
        }
    }

    /// An account, as it is known in rooms.
    fn account_party(&self, account: AccountId) -> Option<Party> {
        let name = self.accounts.get(account)?.record.name.clone();
        let person = PersonId::Account(account);
        Some(Party { person, name })
    }
}
