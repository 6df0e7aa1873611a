//! How what was a guest's becomes an account's.
//!
//! It is gathered, handed to the log, and carried out when the log has it. Only then does the
//! connection speak for the account.
//!
//! A measure that was decided about the guest meanwhile, or before the log had this, is about the
//! account as well: it is taken once more for the account, and answered then.

use std::collections::BTreeSet;

use crate::chat::account::{AccountFact, LoginToken};
use crate::chat::error::ChatError;
use crate::chat::event::Role;
use crate::chat::hub::membership::{MAX_MEMBERS, MAX_ROOMS_PER_PERSON};
use crate::chat::hub::{Hub, Output};
use crate::chat::inheritance::{Inheritance, InheritedRestraint, InheritedRoom};
use crate::chat::log::{Append, Context, Fact, RoomFact};
use crate::chat::message::Timestamp;
use crate::chat::name::UserName;
use crate::chat::order::{MemberRecord, Party, Restraint};
use crate::chat::room::{Room, RoomId};
use crate::chat::{AccountId, GuestId, PersonId};

impl Hub {
    /// Has the log hand over to an account what is a guest's who speaks through a connection.
    pub(super) fn bequeath(
        &mut self,
        context: &Context,
        guest: GuestId,
        account: AccountId,
        token: LoginToken,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let record = self.accounts.get(account);
        let name = (record.ok_or(ChatError::NotFound("account"))?.record.name).clone();
        let heir = Party {
            person: PersonId::Account(account),
            name: name.clone(),
        };
        let rooms = if self.bequeathing.insert(guest) {
            self.rooms_of_guest(context, guest, &heir)
        } else {
            Vec::new()
        };
        let whom = PersonId::Guest(guest);
        let restraints = self.restraints_on(|room, at| room.order.on(whom, at));
        if self.heirs.len() >= MAX_HEIRS {
            self.heirs.pop_front();
        }
        self.heirs.push_back((guest, heir));
        self.hold(context.session);
        let fact = AccountFact::Inherited(Box::new(Inheritance {
            account,
            name,
            guest,
            rooms,
            restraints,
            token,
        }));
        self.append(context, fact, output);
        Ok(())
    }

    /// What a guest has in rooms that the account may be in.
    fn rooms_of_guest(
        &self,
        context: &Context,
        guest: GuestId,
        heir: &Party,
    ) -> Vec<InheritedRoom> {
        let guest = PersonId::Guest(guest);
        let session = self.sessions.get(&context.session);
        let rooms = session.map(|session| &session.rooms);
        let own = self.belongings.get(&heir.person);
        let own_count = own.map_or(0, BTreeSet::len);
        let mut places = MAX_ROOMS_PER_PERSON.saturating_sub(own_count);
        let mut inherited = Vec::new();
        for (&id, room) in &self.rooms {
            let is_party = room
                .other_party(guest)
                .is_some_and(|other| other.person != heir.person);
            let is_in = rooms.is_some_and(|rooms| rooms.contains(&id));
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

    /// What holds in each room, of what `on` finds there; as far as there is place for more.
    pub(super) fn restraints_on<'a, R>(
        &'a self,
        on: impl Fn(&'a Room, Timestamp) -> R,
    ) -> Vec<InheritedRestraint>
    where
        R: Iterator<Item = &'a Restraint>,
    {
        let at = self.now;
        let in_room = |room: &'a Room| {
            let those = on(room, at).filter(move |_| room.order.has_place_for_restraint(at));
            those.map(|restraint| InheritedRestraint::new(room.name.clone(), restraint))
        };
        self.rooms.values().flat_map(in_room).collect()
    }

    /// What holds against a guest who gets an account, or against guests of the name that it has.
    pub(super) fn restraints_of_newcomer(
        &self,
        context: &Context,
        name: &UserName,
    ) -> Vec<InheritedRestraint> {
        let session = self.sessions.get(&context.session);
        let guest = session.map(|session| session.person);
        let known_as = guest.and_then(|guest| self.people.get(guest));
        let names = [Some(name), known_as.map(|it| &it.name)];
        self.restraints_on(|room, at| {
            room.order.lasting_on(at, move |whom| {
                let is_named = names.into_iter().flatten().any(|name| *name == whom.name);
                whom.person.is_guest() && (is_named || Some(whom.person) == guest)
            })
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
        self.bequeathing.remove(&inheritance.guest);
        let heir = inheritance.heir();
        for inherited in &inheritance.rooms {
            if let Some(&id) = self.room_ids.get(&inherited.room) {
                self.inherit(id, at, inherited, inheritance);
            }
        }
        self.carry_restraints(&heir, at, &inheritance.restraints);
        for room in self.rooms.values_mut() {
            room.turns
                .share(PersonId::Guest(inheritance.guest), heir.person);
        }
        // Whoever has gone meanwhile finds it when they come back.
        if self.held.contains_key(&context.session)
            && let Err(error) = self.go_on(&context, inheritance, output)
        {
            self.release(context, Err(error), output);
        }
        self.end_conversations(inheritance, output);
    }

    /// Has the connection speak for the account, unless the guest got more while this was handed over:
    /// that goes first, in the same way.
    fn go_on(
        &mut self,
        context: &Context,
        inheritance: &Inheritance,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let Inheritance {
            account,
            guest,
            token,
            ..
        } = *inheritance;
        let rest = self.rooms_of_guest(context, guest, &inheritance.heir());
        if rest.iter().any(|it| it.is_party || it.role > Role::Member) {
            return self.bequeath(context, guest, account, token, output);
        }
        self.welcome(context, account, token, output)
    }

    /// On other connections the guest hears no longer what is said in the account's conversations.
    fn end_conversations(&mut self, inheritance: &Inheritance, output: &mut Vec<Output>) {
        let guest = PersonId::Guest(inheritance.guest);
        for inherited in inheritance.rooms.iter().filter(|it| it.is_party) {
            if let Some(&id) = self.room_ids.get(&inherited.room)
                && self.room(id).is_member(guest)
            {
                self.dismiss(
                    id,
                    guest,
                    None,
                    "your account has this conversation",
                    output,
                );
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

    /// Takes a measure about a guest once more for the account that the guest has become; whether
    /// there is one.
    pub(super) fn measure_heir(
        &self,
        context: &Context,
        at: Timestamp,
        id: RoomId,
        fact: &RoomFact,
        output: &mut Vec<Output>,
    ) -> bool {
        let RoomFact::Measured { by, whom, .. } = fact else {
            return false;
        };
        let is_it = |it: &&(GuestId, Party)| PersonId::Guest(it.0) == whom.person;
        let heir = self.heirs.iter().rev().find(is_it);
        // Whoever has an account may be above those who did not know.
        let standing = self.standing(id, by.person);
        let is_below = |it: &&(GuestId, Party)| standing.outranks(self.standing(id, it.1.person));
        let Some((_, heir)) = heir.filter(is_below) else {
            return false;
        };
        let mut fact = fact.clone();
        if let RoomFact::Measured { whom, from, .. } = &mut fact {
            *whom = heir.clone();
            from.clear();
        }
        let (context, room) = (context.clone(), self.room(id).name.clone());
        let fact = Fact::Room { room, fact };
        output.push(Output::Append(Append { context, at, fact }));
        true
    }
}

/// Guests of whom it is known what account they have become: as many as facts can wait for the log.
const MAX_HEIRS: usize = 4 * 1024;
