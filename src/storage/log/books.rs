//! Writes what is decided about how rooms are kept.

use crate::chat::event::Role;
use crate::chat::log::{Append, Recorded, RoomFact, Visibility};
use crate::chat::message::Timestamp;
use crate::chat::name::RoomName;
use crate::chat::network::ClientAddress;
use crate::chat::order::{Measure, Party, Reason, RestraintKind};
use crate::chat::{AccountId, PersonId};
use crate::storage::database::{DatabaseError, NewRestraint, RoomState};
use crate::storage::log::Transcript;
use crate::storage::rows::books::write_addresses;
use crate::storage::rows::write_person;

impl Transcript<'_> {
    pub(super) fn open_direct(
        &mut self,
        append: &Append,
        name: &RoomName,
        parties: &[Party; 2],
    ) -> Result<Recorded, DatabaseError> {
        let room = self.insert_room(append, name, Visibility::Private, "")?;
        for Party { person, name } in parties {
            let name = name.as_str();
            self.transaction
                .insert_party(room, &write_person(*person), name)?;
            if let PersonId::Account(account) = person {
                self.transaction.insert_member(room, account.0, name, 0)?;
            }
        }
        Ok(Recorded::RoomCreated)
    }

    /// Whether an account is banned from a room when it enters.
    pub(super) fn is_banned(
        &self,
        at: Timestamp,
        account: AccountId,
        room: RoomState,
    ) -> Result<bool, DatabaseError> {
        let person = write_person(PersonId::Account(account));
        self.transaction.is_banned(room.id, &person, at.0)
    }

    pub(super) fn keep(
        &mut self,
        append: &Append,
        fact: &RoomFact,
        room: RoomState,
    ) -> Result<Recorded, DatabaseError> {
        // Marks move all the time, and how they came to be where they are is of use to nobody.
        if let RoomFact::Read { account, seq } = fact {
            self.transaction.set_read(room.id, account.0, *seq)?;
            return Ok(Recorded::Noted);
        }
        if let RoomFact::Expired { before } = fact {
            return self.expire(append, room, *before);
        }
        let event = self.insert_event(append, &append.fact, room.id)?;
        match fact {
            RoomFact::Read { .. } | RoomFact::Expired { .. } => {}
            RoomFact::RetentionSet { days, .. } => {
                self.transaction.set_retention(room.id, *days)?;
            }
            RoomFact::Joined { account, name, .. } => {
                self.transaction
                    .insert_member(room.id, account.0, name.as_str(), room.seq)?;
            }
            RoomFact::Left { account, .. } => self.transaction.delete_member(room.id, account.0)?,
            RoomFact::Invited { invite, .. } => {
                let (code, until) = (&invite.code.0, invite.until.0);
                self.transaction
                    .insert_invite(room.id, code, until, append.at.0)?;
            }
            RoomFact::Uninvited { .. } => self.transaction.delete_invites(room.id)?,
            RoomFact::Measured {
                by,
                whom,
                measure,
                from,
                reason,
            } => {
                self.measure(room, whom, *measure)?;
                self.restrain(append, room.id, (by, whom, reason), *measure, from)?;
            }
            RoomFact::SlowModeSet { interval, .. } => {
                self.transaction
                    .set_slow_mode(room.id, interval.as_secs())?;
            }
            RoomFact::Removed { .. } => {
                self.transaction.remove_room(room.id, append.at.0)?;
                if let Some(name) = append.fact.room() {
                    self.forget_room(name)?;
                }
            }
        }
        if keeps_order(fact) {
            self.transaction.insert_audit(room.id, event)?;
        }
        Ok(Recorded::Noted)
    }

    /// What a measure does to somebody's place in the room.
    fn measure(
        &self,
        room: RoomState,
        whom: &Party,
        measure: Measure,
    ) -> Result<(), DatabaseError> {
        let transaction = &self.transaction;
        let person = write_person(whom.person);
        if measure.ends_invites(room.is_public) {
            transaction.delete_invites(room.id)?;
        }
        let room = room.id;
        match measure {
            Measure::Kick | Measure::Ban { .. } => {
                transaction.delete_role(room, &person)?;
                if let PersonId::Account(account) = whom.person {
                    transaction.delete_member(room, account.0)?;
                }
            }
            Measure::Role(Role::Member) => transaction.delete_role(room, &person)?,
            Measure::Role(role) => transaction.set_role(room, &person, role.as_str())?,
            Measure::Mute { .. } | Measure::Unban | Measure::Unmute => {}
        }
        Ok(())
    }

    /// What lasts of a measure.
    fn restrain(
        &self,
        append: &Append,
        room: i64,
        (by, whom, reason): (&Party, &Party, &Reason),
        measure: Measure,
        from: &[ClientAddress],
    ) -> Result<(), DatabaseError> {
        let transaction = &self.transaction;
        let (person, name) = (write_person(whom.person), whom.name.as_str());
        let lift = |kind: RestraintKind| {
            // By what is deleted then it is known whose heirs these are.
            let (kind, now) = (kind.as_str(), append.at.0);
            transaction.delete_carried_restraints(room, kind, (&person, name), now)?;
            transaction.delete_restraints(room, kind, &person, name)
        };
        match measure {
            Measure::Ban { .. } | Measure::Mute { .. } => {
                transaction.set_restraint(&NewRestraint {
                    room,
                    kind: measure.as_str(),
                    person: &person,
                    name,
                    addresses: write_addresses(from).as_deref(),
                    until: measure.until().map(|until| until.0),
                    by: by.name.as_str(),
                    at: append.at.0,
                    reason: reason.as_str(),
                })
            }
            Measure::Unban => lift(RestraintKind::Ban),
            Measure::Unmute => lift(RestraintKind::Mute),
            Measure::Kick | Measure::Role(_) => Ok(()),
        }
    }
}

/// Whether it stands in the audit log.
fn keeps_order(fact: &RoomFact) -> bool {
    match fact {
        RoomFact::Invited { .. }
        | RoomFact::Uninvited { .. }
        | RoomFact::Measured { .. }
        | RoomFact::SlowModeSet { .. }
        | RoomFact::RetentionSet { .. } => true,
        RoomFact::Joined { .. }
        | RoomFact::Left { .. }
        | RoomFact::Read { .. }
        | RoomFact::Expired { .. }
        | RoomFact::Removed { .. } => false,
    }
}
