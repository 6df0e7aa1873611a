//! How it is written in events what went over from guests to accounts.

use serde::Serialize;

use crate::chat::PersonId;
use crate::chat::event::Role;
use crate::chat::inheritance::{Inheritance, InheritedRestraint};
use crate::chat::message::Seq;
use crate::storage::rows::write_person_in_json;

/// The payload of an event.
#[derive(Serialize)]
pub(super) struct Part<'a> {
    account: i64,
    name: &'a str,
    guest: String,
    known_as: &'a str,
    rooms: Vec<RoomPart<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    restraints: Vec<RestraintPart<'a>>,
}

#[derive(Serialize)]
struct RoomPart<'a> {
    room: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<Seq>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    is_party: bool,
}

#[derive(Serialize)]
pub(super) struct RestraintPart<'a> {
    room: &'a str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    by: &'a str,
    at: i64,
    reason: &'a str,
}

pub(super) fn write(inheritance: &Inheritance) -> Part<'_> {
    let rooms = inheritance.rooms.iter().map(|it| RoomPart {
        room: it.room.as_str(),
        read: it.read,
        role: Some(it.role)
            .filter(|role| *role > Role::Member)
            .map(Role::as_str),
        is_party: it.is_party,
    });
    Part {
        account: inheritance.account.0,
        name: inheritance.name.as_str(),
        guest: write_person_in_json(PersonId::Guest(inheritance.guest)),
        known_as: inheritance.known_as.as_str(),
        rooms: rooms.collect(),
        restraints: write_restraints(&inheritance.restraints),
    }
}

pub(super) fn write_restraints(restraints: &[InheritedRestraint]) -> Vec<RestraintPart<'_>> {
    restraints.iter().map(write_restraint).collect()
}

fn write_restraint(it: &InheritedRestraint) -> RestraintPart<'_> {
    RestraintPart {
        room: it.room.as_str(),
        kind: it.kind.as_str(),
        until: it.until.map(|until| until.0),
        by: it.by.as_str(),
        at: it.at.0,
        reason: it.reason.as_str(),
    }
}
