//! What the hub does for those who keep a room in order.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::chat::PersonId;
use crate::chat::bans::listed;
use crate::chat::command::RoomCommand;
use crate::chat::error::ChatError;
use crate::chat::event::{Done, Role};
use crate::chat::hub::{Asking, Hub, Output};
use crate::chat::log::{Fact, Purpose, Read, RoomFact, Span};
use crate::chat::message::Timestamp;
use crate::chat::name::{RoomName, UserName};
use crate::chat::network::ClientAddress;
use crate::chat::order::{
    Invite, InviteCode, MAX_ADDRESSES, MAX_RANKS, Measure, Party, Reason, RestraintKind,
};
use crate::chat::permission::{Action, Standing};
use crate::chat::recent;
use crate::chat::room::RoomId;
use crate::chat::turns::Turn;

impl Hub {
    /// Carries out what is asked about how a room is kept.
    pub(super) fn keep_room(
        &mut self,
        asking: &mut Asking<'_>,
        name: &RoomName,
        command: RoomCommand,
    ) -> Result<(), ChatError> {
        let id = self.visible(name, asking)?;
        match command {
            RoomCommand::Read { seq } => self.read(asking, id, seq),
            RoomCommand::Invite { fresh, lasting } => self.invite(asking, id, fresh, lasting),
            RoomCommand::Uninvite => {
                self.allow(asking, id, Action::EndInvites)?;
                let by = asking.party();
                self.append_fact(asking, id, RoomFact::Uninvited { by });
                Ok(())
            }
            RoomCommand::Kick { name, reason } => {
                self.allow(asking, id, Action::KeepOrder)?;
                let whom = self.member_named(id, &name)?;
                self.measure(asking, id, whom, Measure::Kick, reason)
            }
            RoomCommand::Restrain {
                kind,
                name,
                lasting,
                address,
                reason,
            } => self.restrain(asking, id, (kind, address), &name, lasting, reason),
            RoomCommand::Lift { kind, name, reason } => self.lift(asking, id, kind, &name, reason),
            RoomCommand::Role { name, role } => self.give_role(asking, id, &name, role),
            RoomCommand::SlowMode { interval } => {
                self.allow(asking, id, Action::KeepOrder)?;
                let by = asking.party();
                self.append_fact(asking, id, RoomFact::SlowModeSet { by, interval });
                Ok(())
            }
            RoomCommand::Remove => self.remove(asking, id),
            RoomCommand::Audit { before, limit } => self.audit(asking, id, before, limit),
            RoomCommand::Retention { days } => self.set_retention(asking, id, days),
            RoomCommand::Restrained { kind, before } => {
                self.allow(asking, id, Action::KeepOrder)?;
                let room = self.room(id);
                let (bans, more) = listed(room.order.records(kind, asking.at), before);
                let room = Some(room.name.clone());
                asking.answer(Done::Bans {
                    room,
                    kind,
                    bans,
                    more,
                });
                Ok(())
            }
        }
    }

    /// What somebody is in a room.
    pub(super) fn standing(&self, id: RoomId, person: PersonId) -> Standing {
        let room = self.room(id);
        // The owner's helpers have no key to what others keep to themselves.
        let server = match self.server_role(person) {
            Role::Op if !room.is_public() && !room.belongs(person) => Role::Member,
            role => role,
        };
        Standing {
            server,
            role: room.role(person),
            ..self.standing_on_server(person)
        }
    }

    /// Refuses who is muted, and who would speak to nobody.
    pub(super) fn check_speech(&self, asking: &Asking<'_>, id: RoomId) -> Result<(), ChatError> {
        let room = self.room(id);
        let is_gone =
            |other: &Party| other.person.is_guest() && self.people.get(other.person).is_none();
        if room.other_party(asking.person).is_some_and(is_gone) {
            return Err(ChatError::ReadOnly("the other one is a guest who has gone"));
        }
        room.order.check_mute(&asking.party(), asking.at)
    }

    /// Refuses who spoke, or edited, too short a while ago, where that is limited.
    pub(super) fn wait_for_turn(
        &mut self,
        asking: &Asking<'_>,
        id: RoomId,
        turn: Turn,
    ) -> Result<(), ChatError> {
        let is_slow = !self.room(id).turns.interval().is_zero();
        if !is_slow
            || self
                .standing(id, asking.person)
                .may(Action::KeepOrder)
                .is_ok()
        {
            return Ok(());
        }
        let turns = &mut self.room_mut(id).turns;
        let taken = turns.take(asking.person, turn, asking.at);
        taken.map_err(|retry_after_ms| ChatError::RateLimited { retry_after_ms })
    }

    fn invite(
        &mut self,
        asking: &mut Asking<'_>,
        id: RoomId,
        fresh: InviteCode,
        lasting: Duration,
    ) -> Result<(), ChatError> {
        self.allow(asking, id, Action::Invite)?;
        let room = self.room(id);
        if !room.belongs(asking.person) {
            return Err(ChatError::Forbidden("join the room first"));
        }
        if !room.order.has_place_for_invite(asking.at) {
            return Err(ChatError::Forbidden(
                "a room has at most 32 invites that are good; wait until one has ended, or end all",
            ));
        }
        let invite = Invite {
            code: fresh.hash(),
            until: after(asking.at, lasting),
        };
        let (by, code) = (asking.party(), fresh);
        self.append_fact(asking, id, RoomFact::Invited { by, invite, code });
        Ok(())
    }

    fn restrain(
        &mut self,
        asking: &mut Asking<'_>,
        id: RoomId,
        (kind, address): (RestraintKind, bool),
        name: &UserName,
        lasting: Option<Duration>,
        reason: Reason,
    ) -> Result<(), ChatError> {
        self.allow(asking, id, Action::KeepOrder)?;
        // Somebody who is not in the room can be kept out of it, and what they would say by a token.
        let whom = self.member_named(id, name).ok();
        let whom = whom
            .or_else(|| self.somebody(name))
            .or_else(|| self.room(id).order.restrained(kind, name, asking.at))
            .ok_or(NOBODY)?;
        if !self.room(id).order.has_place_for_restraint(asking.at) {
            return Err(ChatError::Forbidden(
                "a room has at most 1,000 bans and mutes; lift one first",
            ));
        }
        let until = lasting.map(|lasting| after(asking.at, lasting));
        let measure = match kind {
            RestraintKind::Ban => Measure::Ban { until },
            RestraintKind::Mute => Measure::Mute { until },
        };
        self.check_rank(asking, id, whom.person)?;
        let from = if address {
            self.addresses(whom.person)
        } else {
            Vec::new()
        };
        let fact = RoomFact::Measured {
            by: asking.party(),
            whom,
            measure,
            from,
            reason,
        };
        self.append_fact(asking, id, fact);
        Ok(())
    }

    /// From where somebody is connected.
    fn addresses(&self, person: PersonId) -> Vec<ClientAddress> {
        let sessions = self.people.get(person).map(|it| &it.sessions);
        let sessions = sessions.into_iter().flatten();
        let from = sessions.filter_map(|session| self.sessions.get(session)?.from);
        let distinct: BTreeSet<ClientAddress> = from.collect();
        distinct.into_iter().take(MAX_ADDRESSES).collect()
    }

    fn lift(
        &mut self,
        asking: &mut Asking<'_>,
        id: RoomId,
        kind: RestraintKind,
        name: &UserName,
        reason: Reason,
    ) -> Result<(), ChatError> {
        self.allow(asking, id, Action::KeepOrder)?;
        let whom = self.room(id).order.restrained(kind, name, asking.at);
        let (measure, what) = match kind {
            RestraintKind::Ban => (Measure::Unban, "ban"),
            RestraintKind::Mute => (Measure::Unmute, "mute"),
        };
        let whom = whom.ok_or(ChatError::NotFound(what))?;
        self.measure(asking, id, whom, measure, reason)
    }

    fn give_role(
        &mut self,
        asking: &mut Asking<'_>,
        id: RoomId,
        name: &UserName,
        role: Role,
    ) -> Result<(), ChatError> {
        self.allow(asking, id, Action::GiveRoles)?;
        let whom = self.member_named(id, name)?;
        let room = self.room(id);
        if room.role(whom.person) == role {
            return Err(ChatError::Already("they have this role"));
        }
        if role > Role::Member && room.ranks().len() >= MAX_RANKS {
            return Err(ChatError::Forbidden(
                "a room has at most 100 owners and operators; take a role from one first",
            ));
        }
        let measure = Measure::Role(role);
        if whom.person != asking.person {
            return self.measure(asking, id, whom, measure, Reason::default());
        }
        // Whoever steps down leaves the room to somebody.
        let mut ranks = room.ranks();
        if !ranks.any(|(person, role)| person != asking.person && role == Role::Owner) {
            return Err(ChatError::Forbidden(
                "a room keeps an owner; make somebody else one first",
            ));
        }
        self.append_measure(asking, id, whom, measure, Reason::default());
        Ok(())
    }

    fn remove(&mut self, asking: &mut Asking<'_>, id: RoomId) -> Result<(), ChatError> {
        if self.room(id).name == RoomName::lobby() {
            return Err(ChatError::Forbidden("the lobby always exists"));
        }
        self.allow(asking, id, Action::RemoveRoom)?;
        let by = Some(asking.party());
        self.append_fact(asking, id, RoomFact::Removed { by });
        Ok(())
    }

    fn audit(
        &mut self,
        asking: &mut Asking<'_>,
        id: RoomId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<(), ChatError> {
        self.allow(asking, id, Action::ReadAudit)?;
        asking.output.push(Output::Read(Read {
            purpose: Purpose::Audit(asking.context.clone()),
            room: self.room(id).name.clone(),
            span: before.map_or(Span::Newest, Span::Before),
            max_messages: limit,
            max_weight: recent::MAX_WEIGHT,
            max_changes: 0,
        }));
        Ok(())
    }

    /// Deals with somebody whom one outranks.
    fn measure(
        &mut self,
        asking: &mut Asking<'_>,
        id: RoomId,
        whom: Party,
        measure: Measure,
        reason: Reason,
    ) -> Result<(), ChatError> {
        self.check_rank(asking, id, whom.person)?;
        self.append_measure(asking, id, whom, measure, reason);
        Ok(())
    }

    /// Refuses to deal with somebody whom one does not outrank.
    fn check_rank(&self, asking: &Asking<'_>, id: RoomId, whom: PersonId) -> Result<(), ChatError> {
        let standing = self.standing(id, asking.person);
        // A ban is lifted by whoever keeps order, whatever rank was lost by it.
        if standing.outranks(self.standing(id, whom)) {
            Ok(())
        } else {
            Err(NOT_BELOW)
        }
    }

    fn append_measure(
        &self,
        asking: &mut Asking<'_>,
        id: RoomId,
        whom: Party,
        measure: Measure,
        reason: Reason,
    ) {
        let fact = RoomFact::Measured {
            by: asking.party(),
            whom,
            measure,
            from: Vec::new(),
            reason,
        };
        self.append_fact(asking, id, fact);
    }

    pub(super) fn append_fact(&self, asking: &mut Asking<'_>, id: RoomId, fact: RoomFact) {
        let room = self.room(id).name.clone();
        asking.append(Fact::Room { room, fact });
    }

    /// Refuses what whoever asks may not do in a room; in a conversation of two nobody has a say.
    pub(super) fn allow(
        &self,
        asking: &Asking<'_>,
        id: RoomId,
        action: Action,
    ) -> Result<(), ChatError> {
        if self.room(id).is_direct() {
            return Err(ChatError::Forbidden(
                "a conversation of two is nobody's to keep",
            ));
        }
        let standing = self.standing(id, asking.person);
        standing.may(action).map_err(ChatError::Forbidden)
    }

    /// Who of that name belongs to a room.
    fn member_named(&self, id: RoomId, name: &UserName) -> Result<Party, ChatError> {
        let person: PersonId = self.room(id).named(name).ok_or(NOBODY)?;
        let name = self.people.get(person).map_or(name, |it| &it.name).clone();
        Ok(Party { person, name })
    }
}

/// The moment so long after another.
pub(super) fn after(at: Timestamp, duration: Duration) -> Timestamp {
    let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    Timestamp(at.0.saturating_add(millis))
}

/// One deals with those whom one outranks.
pub(super) const NOT_BELOW: ChatError = ChatError::Forbidden("they are not of lower rank than you");

/// Who is asked for belongs to nothing that one may know of.
const NOBODY: ChatError = ChatError::NotFound("person in this room");
