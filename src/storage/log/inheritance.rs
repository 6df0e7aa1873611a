//! Hands over to accounts what was guests'.

use crate::chat::AccountId;
use crate::chat::PersonId;
use crate::chat::account::AccountFact;
use crate::chat::event::Role;
use crate::chat::inheritance::{Inheritance, InheritedRestraint, InheritedRoom};
use crate::chat::log::Recorded;
use crate::chat::message::{Seq, Timestamp};
use crate::chat::name::UserName;
use crate::storage::database::{DatabaseError, NewRestraint, RoomState};
use crate::storage::log::Transcript;
use crate::storage::rows::write_person;

impl Transcript<'_> {
    /// Hands over what goes with a fact about an account.
    pub(super) fn hand_over(
        &mut self,
        at: Timestamp,
        fact: &AccountFact,
        recorded: &Recorded,
    ) -> Result<(), DatabaseError> {
        match (fact, recorded) {
            (AccountFact::Opened(account), Recorded::AccountOpened(id)) => {
                self.carry(at, *id, &account.name, &account.restraints)
            }
            (AccountFact::Inherited(inheritance), _) => self.inherit(at, inheritance),
            _ => Ok(()),
        }
    }

    fn inherit(&mut self, at: Timestamp, it: &Inheritance) -> Result<(), DatabaseError> {
        let guest = write_person(PersonId::Guest(it.guest));
        let known_as = (guest.as_slice(), it.known_as.key());
        self.transaction
            .insert_heir(known_as, it.account.0, self.newest_event)?;
        for inherited in &it.rooms {
            // Whatever was decided before it stands.
            if let Some(room) = self.room(&inherited.room)?
                && !self.is_banned(at, it.account, room)?
            {
                self.inherit_room(room, it, inherited)?;
            }
        }
        self.carry(at, it.account, &it.name, &it.restraints)
    }

    fn inherit_room(
        &self,
        room: RoomState,
        it: &Inheritance,
        inherited: &InheritedRoom,
    ) -> Result<(), DatabaseError> {
        let transaction = &self.transaction;
        let guest = write_person(PersonId::Guest(it.guest));
        let heir = write_person(PersonId::Account(it.account));
        let name = it.name.as_str();
        if inherited.role > Role::Member {
            transaction.delete_role(room.id, &guest)?;
            transaction.raise_role(room.id, &heir, inherited.role.as_str())?;
        }
        if inherited.is_party {
            transaction.replace_party(room.id, &guest, &heir, name)?;
        }
        if let Some(read) = inherited.read {
            transaction.insert_member(room.id, it.account.0, name, read)?;
        }
        Ok(())
    }

    /// What an account said with a key when it was a guest: its number and time.
    pub(super) fn said_as_guest(
        &self,
        room: RoomState,
        person: PersonId,
        key: &str,
    ) -> Result<Option<(Seq, i64)>, DatabaseError> {
        let PersonId::Account(account) = person else {
            return Ok(None);
        };
        let found = (self.transaction).inherited_message(room.id, account.0, key)?;
        Ok(found.filter(|(seq, _)| *seq > room.erased))
    }

    /// Has hold against an account what held against a guest. Whoever is banned so belongs to the room no
    /// longer, unless they keep order there.
    fn carry(
        &mut self,
        at: Timestamp,
        account: AccountId,
        name: &UserName,
        restraints: &[InheritedRestraint],
    ) -> Result<(), DatabaseError> {
        for inherited in restraints {
            let Some(room) = self.room(&inherited.room)? else {
                continue;
            };
            let person = write_person(PersonId::Account(account));
            let restraint = NewRestraint {
                room: room.id,
                kind: inherited.kind.as_str(),
                person: &person,
                name: name.as_str(),
                addresses: None,
                until: inherited.until.map(|until| until.0),
                by: inherited.by.as_str(),
                at: inherited.at.0,
                reason: inherited.reason.as_str(),
            };
            self.transaction.add_restraint(&restraint, at.0)?;
            if self.is_banned(at, account, room)? {
                self.transaction
                    .delete_mere_member(room.id, account.0, &person)?;
            }
        }
        Ok(())
    }
}
