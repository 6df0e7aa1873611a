//! What changes when the log has taken something about how a room is kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::chat::PersonId;
use crate::chat::error::ChatError;
use crate::chat::event::{Done, Event, Role, Rule};
use crate::chat::hub::{Hub, Output, answer};
use crate::chat::log::{Context, Purpose, ReadDone, RoomFact};
use crate::chat::message::Timestamp;
use crate::chat::name::RoomName;
use crate::chat::network::ClientAddress;
use crate::chat::order::{Measure, MemberRecord, Party, Reason, Restraint, RestraintKind};
use crate::chat::permission::Action;
use crate::chat::recent::Waiting;
use crate::chat::room::RoomId;

impl Hub {
    /// The log has taken it.
    pub(super) fn room_kept(
        &mut self,
        context: Context,
        at: Timestamp,
        name: &RoomName,
        fact: RoomFact,
        output: &mut Vec<Output>,
    ) {
        let Some(&id) = self.room_ids.get(name) else {
            return debug_assert!(false, "the log knows a room that the hub does not");
        };
        let room = self.room(id).name.clone();
        let done = match fact {
            RoomFact::Joined {
                account,
                name,
                since,
                rev,
            } => {
                let read = self.room(id).seq;
                let member = MemberRecord {
                    account,
                    name,
                    read,
                };
                let waiting = Waiting::new(context, since, rev);
                return self.joined(id, member, waiting, output);
            }
            RoomFact::Left { account, .. } => {
                let (person, except) = (PersonId::Account(account), Some(context.session));
                self.dismiss(id, person, except, LEFT_ELSEWHERE, output);
                Done::Left { room }
            }
            RoomFact::Read { account, seq } => {
                self.mark_read(id, PersonId::Account(account), seq, context.session, output);
                Done::Kept { room }
            }
            RoomFact::Removed { by } => {
                self.remove_room(id, by.as_ref(), &context, output);
                if by.is_none() {
                    return;
                }
                Done::Kept { room }
            }
            RoomFact::Invited { invite, code, .. } => {
                self.room_mut(id).order.invite(invite, at);
                let until = invite.until;
                Done::Invited { room, code, until }
            }
            RoomFact::Expired { .. } => return debug_assert!(false, "it has an answer of its own"),
            fact => {
                if !self.order_kept(&context, id, at, fact, output) {
                    return;
                }
                Done::Kept { room }
            }
        };
        answer(context, Ok(done), output);
    }

    /// Those who are in the room are told of it. `false`: it is kept once more, for the account that a
    /// guest has become, and answered then.
    fn order_kept(
        &mut self,
        context: &Context,
        id: RoomId,
        at: Timestamp,
        fact: RoomFact,
        output: &mut Vec<Output>,
    ) -> bool {
        let room = self.room(id).name.clone();
        let is_heirs = self.measure_heir(context, at, id, &fact, output);
        match fact {
            RoomFact::Uninvited { .. } => self.room_mut(id).order.uninvite(),
            RoomFact::Measured {
                by,
                whom,
                measure,
                from,
                reason,
            } => {
                self.restrained(id, &by, &whom, measure, from, &reason, at);
                self.measured(id, &by, &whom, measure, &reason, output);
            }
            RoomFact::SlowModeSet { by, interval } => {
                self.room_mut(id).turns.set_interval(interval);
                let text = match interval.as_secs() {
                    0 => format!("{} ended slow mode in {room}", by.name),
                    secs => format!("{}: one message in {secs} seconds in {room}", by.name),
                };
                self.notice(id, &text, Some(Rule::SlowMode(interval)), output);
            }
            RoomFact::RetentionSet { by, days } => {
                self.room_mut(id).retention_days = Some(days);
                self.plan_expiry(id);
                let text = match days {
                    0 => format!("{}: messages are kept for ever in {room}", by.name),
                    1 => format!("{}: messages are kept for a day in {room}", by.name),
                    _ => format!("{}: messages are kept for {days} days in {room}", by.name),
                };
                self.notice(id, &text, Some(Rule::RetentionDays(days)), output);
            }
            RoomFact::Joined { .. }
            | RoomFact::Left { .. }
            | RoomFact::Read { .. }
            | RoomFact::Invited { .. }
            | RoomFact::Expired { .. }
            | RoomFact::Removed { .. } => {}
        }
        !is_heirs
    }

    /// Takes note of what lasts of a measure.
    #[expect(clippy::too_many_arguments, reason = "the fields of one fact")]
    fn restrained(
        &mut self,
        id: RoomId,
        by: &Party,
        whom: &Party,
        measure: Measure,
        from: Vec<ClientAddress>,
        reason: &Reason,
        at: Timestamp,
    ) {
        let room = self.rooms.get_mut(&id).expect("ids come from room_ids");
        if measure.ends_invites(room.is_public()) {
            room.order.uninvite();
        }
        let (order, heirs) = (&mut room.order, &self.heirs);
        let (kind, until) = match measure {
            Measure::Ban { until } => (RestraintKind::Ban, until),
            Measure::Mute { until } => (RestraintKind::Mute, until),
            Measure::Unban => return order.lift(RestraintKind::Ban, whom, heirs, at),
            Measure::Unmute => return order.lift(RestraintKind::Mute, whom, heirs, at),
            Measure::Kick | Measure::Role(_) => return,
        };
        order.restrain(Restraint {
            kind,
            whom: whom.clone(),
            from,
            until,
            by: by.name.clone(),
            at,
            reason: reason.clone(),
        });
    }

    fn measured(
        &mut self,
        id: RoomId,
        by: &Party,
        whom: &Party,
        measure: Measure,
        reason: &Reason,
        output: &mut Vec<Output>,
    ) {
        let (deed, room) = (deed(measure), self.room(id).name.clone());
        let why = match reason.as_str() {
            "" => String::new(),
            reason => format!(": {reason}"),
        };
        match measure {
            Measure::Kick | Measure::Ban { .. } => {
                let told = format!("{} {deed} you{why}", by.name);
                self.room_mut(id).set_role(whom.person, Role::Member);
                self.dismiss(id, whom.person, None, &told, output);
            }
            Measure::Role(role) => self.room_mut(id).set_role(whom.person, role),
            Measure::Mute { .. } | Measure::Unmute | Measure::Unban => {}
        }
        let text = match measure {
            Measure::Role(role) => {
                format!("{} made {} {} in {room}", by.name, whom.name, a_role(role))
            }
            _ => format!("{} {deed} {} in {room}{why}", by.name, whom.name),
        };
        self.notice(id, &text, None, output);
        self.consider_abandoned(id);
    }

    /// Answers a request for what was done to keep order, if whoever asked may still know: the page was
    /// read meanwhile, perhaps that of another room of the name.
    pub(super) fn audit_read(
        &mut self,
        context: Context,
        done: ReadDone,
        output: &mut Vec<Output>,
    ) {
        let room = match done.read.purpose {
            Purpose::ServerAudit(_) => None,
            _ => Some(done.read.room),
        };
        let limit = done.read.max_messages;
        let may_read = self.may_read_audit(&context, room.as_ref(), output);
        let outcome = may_read.and_then(|()| done.outcome.map_err(super::commit::refusal));
        let result = outcome.map(|page| {
            let mut entries = page.audit;
            // One more was asked for than is shown.
            let more = entries.len() > limit;
            entries.truncate(limit);
            Done::Audit {
                room,
                entries,
                more,
            }
        });
        answer(context, result, output);
    }

    /// Whether whoever asked may know what was done in a room, or on the whole server if none is named.
    fn may_read_audit(
        &self,
        context: &Context,
        room: Option<&RoomName>,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let asking = self.asking(context, self.now, output)?;
        match room {
            Some(name) => {
                let id = self.visible(name, &asking)?;
                self.allow(&asking, id, Action::ReadAudit)
            }
            None => {
                let standing = self.standing_on_server(asking.person);
                let may = standing.may(Action::KeepServerOrder);
                may.map_err(ChatError::Forbidden)
            }
        }
    }

    /// Tells all who are in a room something that has no form of its own.
    fn notice(&mut self, id: RoomId, text: &str, rule: Option<Rule>, output: &mut Vec<Output>) {
        let room = Some(self.room(id).name.clone());
        let text = text.into();
        output.push(Output::Publish {
            room: id,
            event: Arc::new(Event::Notice { room, text, rule }),
            origin: None,
        });
    }

    /// Forgets a room, and tells all who were in it.
    fn remove_room(
        &mut self,
        id: RoomId,
        by: Option<&Party>,
        context: &Context,
        output: &mut Vec<Output>,
    ) {
        let reason = match by {
            Some(by) => format!("{} removed the room", by.name),
            None => "nobody needed the room any more".to_owned(),
        };
        let except = by.map(|_| context.session);
        let room = self.room(id);
        let parties = room.parties.iter().map(|party| party.person);
        let people: BTreeSet<PersonId> = room.people().chain(parties).collect();
        for person in people {
            self.put_out(id, person, except, &reason, output);
            if let Some(rooms) = self.belongings.get_mut(&person) {
                rooms.remove(&id);
                if rooms.is_empty() {
                    self.belongings.remove(&person);
                }
            }
        }
        let waiting = self.weigh(id, |room| room.recent.give_up());
        if !waiting.is_empty() {
            let name = self.room(id).name.clone();
            *self.stale_reads.entry(name).or_default() += 1;
        }
        for waiting in waiting {
            let gone = Err(ChatError::NotFound("room"));
            self.release(waiting.context, gone, output);
        }
        self.weigh(id, |room| room.recent.unload());
        self.set_expiry(id, None);
        let Some(room) = self.rooms.remove(&id) else {
            return;
        };
        self.room_ids.remove(&room.name);
        for rooms in [&mut self.behind, &mut self.untold, &mut self.abandoned] {
            rooms.remove(&id);
        }
        if room.is_public() {
            output.push(Output::Announce(Arc::new(Event::RoomRemoved {
                room: room.name,
                topic: room.topic,
            })));
        }
    }
}

/// What the other devices of somebody who left are told.
const LEFT_ELSEWHERE: &str = "you left on another device";

fn deed(measure: Measure) -> &'static str {
    match measure {
        Measure::Kick => "kicked",
        Measure::Ban { .. } => "banned",
        Measure::Unban => "unbanned",
        Measure::Mute { .. } => "muted",
        Measure::Unmute => "unmuted",
        Measure::Role(_) => "gave a role to",
    }
}

fn a_role(role: Role) -> &'static str {
    match role {
        Role::Member => "a member",
        Role::Op => "an operator",
        Role::Owner => "an owner",
    }
}
