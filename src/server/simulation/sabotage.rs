//! What planted faults do to what the log is given, and to what it says.

use std::time::Duration;

use super::ledger::{DAY_MS, Ledger};
use super::operator::BOT;
use super::plant::{Plant, Saboteur};
use crate::chat::account::AccountFact;
use crate::chat::bans::ServerFact;
use crate::chat::command::Hello;
use crate::chat::event::Role;
use crate::chat::log::{Append, Committed, Fact, LogError, Recorded, RoomFact};
use crate::chat::order::Measure;
use crate::chat::search::SearchDone;
use crate::chat::{Body, Command, Content, Emoji, PersonId, SessionId};
use crate::server::hub_queue::HubMail;

/// Has the log write something else than it was given.
pub(super) fn append(append: &mut Append, ledger: &Ledger, saboteur: &mut Saboteur) {
    let is_known = ledger.has_key(&append.fact);
    match &mut append.fact {
        Fact::MessagePosted { key, .. } if is_known && saboteur.strikes(Plant::ForgetKeys) => {
            *key = None;
        }
        Fact::MessageEdited { body, .. } if saboteur.strikes(Plant::GarbleEdit) => {
            *body = Body::parse("nobody wrote this").expect("a text");
        }
        Fact::Reacted { emoji, .. } if saboteur.strikes(Plant::GarbleReaction) => {
            *emoji = Emoji::parse("🙈").expect("an emoji");
        }
        // An edit is a change, too: the numbers are the same.
        Fact::MessageDeleted {
            room,
            seq,
            by,
            person,
            ..
        } if saboteur.strikes(Plant::KeepDeleted) => {
            append.fact = Fact::MessageEdited {
                room: room.clone(),
                seq: *seq,
                body: Body::parse("still here").expect("a text"),
                by: by.clone(),
                person: *person,
            };
        }
        Fact::Room { fact, .. } => garble_room(fact, saboteur),
        Fact::Server(fact) if saboteur.always_strikes(Plant::ForgetServerBan) => lift(fact),
        Fact::Account(AccountFact::Inherited(it))
            if saboteur.always_strikes(Plant::LeaveToGuest) =>
        {
            for room in &mut it.rooms {
                (room.role, room.is_party) = (Role::Member, false);
            }
        }
        Fact::Account(AccountFact::LoggedOut { ended, .. })
            if saboteur.always_strikes(Plant::ForgetLogout) =>
        {
            ended.clear();
        }
        _ => {}
    }
}

/// Makes the end of a ban from the server of one.
fn lift(fact: &mut ServerFact) {
    if let ServerFact::Banned {
        by, whom, reason, ..
    } = fact
    {
        let (by, whom, reason) = (by.clone(), whom.clone(), reason.clone());
        *fact = ServerFact::Unbanned { by, whom, reason };
    }
}

/// Has the hub take what somebody asks for something else.
pub(super) fn requests(mail: &mut HubMail, saboteur: &Saboteur) {
    let HubMail::Requests(asked) = mail else {
        return;
    };
    for asked in asked {
        if let Command::Hello(hello) = &mut asked.request.command
            && let Hello::Returning { guest, name } = hello
            && saboteur.always_strikes(Plant::AcceptSpentToken)
        {
            let (fresh, name) = (*guest, name.clone());
            *hello = Hello::Guest { name, fresh };
        }
    }
}

fn garble_room(fact: &mut RoomFact, saboteur: &mut Saboteur) {
    match fact {
        RoomFact::Read { seq, .. } if saboteur.always_strikes(Plant::ForgetReadMark) => {
            *seq = seq.saturating_sub(1);
        }
        RoomFact::Joined { account, name, .. } if saboteur.strikes(Plant::ForgetMember) => {
            let (account, name) = (*account, name.clone());
            *fact = RoomFact::Left { account, name };
        }
        RoomFact::Measured { measure, .. }
            if matches!(measure, Measure::Ban { .. })
                && saboteur.always_strikes(Plant::ForgetBan) =>
        {
            *measure = Measure::Kick;
        }
        RoomFact::Expired { before } if saboteur.always_strikes(Plant::EraseTooSoon) => {
            before.0 += DAY_MS;
        }
        _ => {}
    }
}

/// Has the hub hear something else than the log said.
pub(super) fn committed(committed: &mut Committed, saboteur: &Saboteur) {
    if let Fact::Server(fact) = &mut committed.append.fact
        && saboteur.always_strikes(Plant::IgnoreServerBan)
    {
        lift(fact);
    }
    if let Ok(Recorded::Erased { up_to, .. }) = &mut committed.outcome
        && saboteur.always_strikes(Plant::HideErasure)
    {
        *up_to = 0;
    }
    let Fact::Room { fact, .. } = &mut committed.append.fact else {
        return;
    };
    if let RoomFact::SlowModeSet { interval, .. } = fact
        && saboteur.always_strikes(Plant::IgnoreSlowMode)
    {
        *interval = Duration::ZERO;
    }
    let RoomFact::Measured { measure, .. } = fact else {
        return;
    };
    match measure {
        Measure::Ban { .. } if saboteur.always_strikes(Plant::IgnoreBan) => {
            *measure = Measure::Kick;
        }
        Measure::Mute { .. } if saboteur.always_strikes(Plant::IgnoreMute) => {
            *measure = Measure::Unmute;
        }
        _ => {}
    }
}

/// What the hub hears beside what the log said: that it failed, which is not so.
pub(super) fn failure(
    committed: &Committed,
    ledger: &Ledger,
    saboteur: &Saboteur,
) -> Option<Committed> {
    let Fact::MessagePosted { person, .. } = committed.append.fact else {
        return None;
    };
    let plant = match person {
        PersonId::Guest(_) => Plant::ForgetTurnsOfGuests,
        PersonId::Account(account) if ledger.accounts.named(BOT) == Some(account) => {
            Plant::ForgetTurnsOfBots
        }
        PersonId::Account(_) => return None,
    };
    let mut append = committed.append.clone();
    // Of which nobody is told.
    append.context.session = SessionId::operator(u64::MAX);
    let outcome = Err(LogError::Unavailable);
    saboteur
        .always_strikes(plant)
        .then_some(Committed { append, outcome })
}

/// Has a search find what is there no more.
pub(super) fn found(done: &mut SearchDone, ledger: &Ledger, saboteur: &mut Saboteur) {
    let found = done.outcome.as_mut().map(|found| &mut found.messages);
    for finding in found.into_iter().flatten() {
        let (room, seq) = (finding.room.as_str(), finding.message.seq);
        if let (Content::Said(said), Some(body)) =
            (&mut finding.message.content, ledger.first_body(room, seq))
            && saboteur.strikes(Plant::FindEditedAway)
        {
            said.body = body.clone();
        }
    }
}
