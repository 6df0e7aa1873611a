//! What became an account's that was a guest's.

use super::{Ledger, Position};
use crate::chat::account::AccountFact;
use crate::chat::inheritance::{Inheritance, InheritedRestraint};
use crate::chat::log::{LogError, Recorded};
use crate::chat::order::{Party, RestraintKind};
use crate::chat::{GuestId, PersonId, Timestamp};

impl Ledger {
    /// Hands over what goes with something about an account.
    pub(super) fn hand_over(
        &mut self,
        at: Timestamp,
        fact: &AccountFact,
        outcome: &Result<Recorded, LogError>,
        position: Position,
    ) {
        match (fact, outcome) {
            (AccountFact::Opened(account), Ok(Recorded::AccountOpened(id))) => {
                let whom = Party {
                    person: PersonId::Account(*id),
                    name: account.name.clone(),
                };
                self.carry(&whom, &account.restraints, at, position);
            }
            (AccountFact::Inherited(it), Ok(_)) => self.inherit(it, at, position),
            _ => {}
        }
    }

    fn inherit(&mut self, it: &Inheritance, at: Timestamp, position: Position) {
        let (guest, heir) = (PersonId::Guest(it.guest), it.heir());
        let is_first = self.heir_of(it.guest).is_none();
        let is_new = self.heirs.insert((guest, heir.person));
        self.handed_over.entry(it.guest).or_insert(position);
        if is_new {
            let known_as = it.known_as.key().to_owned();
            let guests = self.guests.entry(heir.person).or_default();
            guests.push((guest, known_as));
        }
        for inherited in &it.rooms {
            let room = self.rooms.get_mut(inherited.room.as_str());
            let room = room.filter(|room| {
                !(room.books).was_held(RestraintKind::Ban, heir.person, position, at)
            });
            if let Some(room) = room {
                room.books
                    .inherit(inherited, guest, &heir, (position, is_first));
            }
        }
        for room in self.rooms.values_mut() {
            room.books.turns.pass_on(guest, heir.person, position);
        }
        self.carry(&heir, &it.restraints, at, position);
    }

    /// The account that a guest has become, the first if there are several.
    pub(in crate::server::simulation) fn heir_of(&self, guest: GuestId) -> Option<PersonId> {
        let guest = PersonId::Guest(guest);
        let mut heirs = self.heirs.iter();
        let (_, heir) = heirs.find(|(whose, _)| *whose == guest)?;
        Some(*heir)
    }

    /// Whether a guest had become an account when the hub had been told so much.
    pub(in crate::server::simulation) fn was_handed_over(
        &self,
        guest: GuestId,
        told: Position,
    ) -> bool {
        let position = self.handed_over.get(&guest);
        position.is_some_and(|position| *position < told)
    }

    fn carry(
        &mut self,
        whom: &Party,
        restraints: &[InheritedRestraint],
        at: Timestamp,
        position: Position,
    ) {
        for restraint in restraints {
            if let Some(room) = self.rooms.get_mut(restraint.room.as_str()) {
                (room.books).carry(restraint.against(whom.clone()), at, position);
            }
        }
    }
}
