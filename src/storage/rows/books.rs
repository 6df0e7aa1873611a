//! How what is kept of rooms beside their past is written in events and read back from rows.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::chat::event::Role;
use crate::chat::log::RoomFact;
use crate::chat::message::Timestamp;
use crate::chat::network::ClientAddress;
use crate::chat::order::{
    AuditEntry, Books, Deed, Invite, Measure, MemberRecord, Party, Reason, Restraint, RestraintKind,
};
use crate::chat::secret::SecretHash;
use crate::chat::{AccountId, PersonId};
use crate::storage::database::{AuditRow, BookRows, RestraintRow};
use crate::storage::rows::{
    read_person, read_person_in_json, read_user, server, write_person_in_json,
};

/// The kind of an event about how a room is kept, and its payload.
pub(super) fn write_room_fact(fact: &RoomFact) -> (&'static str, String) {
    let (kind, payload) = match fact {
        RoomFact::Joined { account, name, .. } => {
            ("member_joined", member(*account, name.as_str()))
        }
        RoomFact::Left { account, name } => ("member_left", member(*account, name.as_str())),
        RoomFact::Read { account, seq } => (
            "read",
            Payload {
                person: Some(account.0.to_string()),
                seq: Some(*seq),
                ..Payload::default()
            },
        ),
        RoomFact::Invited { by, invite, .. } => (
            INVITED,
            Payload {
                code: Some(write_hash(&invite.code)),
                until: Some(invite.until.0),
                ..by_whom(by)
            },
        ),
        RoomFact::Uninvited { by } => (UNINVITED, by_whom(by)),
        RoomFact::Measured {
            by,
            whom,
            measure,
            // They go with the ban: events stay.
            from: _,
            reason,
        } => (MEASURED, measured(by, whom, *measure, reason)),
        RoomFact::SlowModeSet { by, interval } => (
            SLOW_MODE_SET,
            Payload {
                seconds: Some(interval.as_secs()),
                ..by_whom(by)
            },
        ),
        RoomFact::RetentionSet { by, days } => (
            RETENTION_SET,
            Payload {
                days: Some(*days),
                ..by_whom(by)
            },
        ),
        RoomFact::Expired { before } => (
            "expired",
            Payload {
                until: Some(before.0),
                ..Payload::default()
            },
        ),
        RoomFact::Removed { by } => ("room_removed", by.as_ref().map(by_whom).unwrap_or_default()),
    };
    let json = serde_json::to_string(&payload).expect("texts and numbers serialize");
    (kind, json)
}

fn write_hash(hash: &SecretHash) -> String {
    hash.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The payload of an event that opens a conversation of two.
pub(super) fn write_parties(parties: &[Party; 2]) -> String {
    let [by, to] = parties;
    let payload = Payload {
        name: Some(to.name.as_str().to_owned()),
        person: Some(write_person_in_json(to.person)),
        ..by_whom(by)
    };
    serde_json::to_string(&payload).expect("texts serialize")
}

/// Sorts rows by the keys of their rooms; what cannot be read is left out.
pub(in crate::storage) fn read_books(rows: BookRows) -> BTreeMap<String, Books> {
    let mut books: BTreeMap<String, Books> = BTreeMap::new();
    for row in rows.members {
        let member = MemberRecord {
            account: AccountId(row.account),
            name: read_user(&row.name),
            read: row.read,
        };
        books.entry(row.room).or_default().members.push(member);
    }
    for row in rows.parties {
        if let Some(party) = read_party(&row.person, &row.name) {
            books.entry(row.room).or_default().parties.push(party);
        }
    }
    for row in rows.restraints {
        if let Some(restraint) = read_restraint(&row) {
            let restraints = &mut books.entry(row.room).or_default().restraints;
            restraints.push(restraint);
        }
    }
    for row in rows.invites {
        if let Ok(code) = row.code.try_into() {
            let (code, until) = (SecretHash(code), Timestamp(row.until));
            let invites = &mut books.entry(row.room).or_default().invites;
            invites.push(Invite { code, until });
        }
    }
    for (room, seconds) in rows.slow_modes {
        books.entry(room).or_default().slow_mode = Duration::from_secs(seconds);
    }
    books
}

fn read_restraint(row: &RestraintRow) -> Option<Restraint> {
    let addresses = row.addresses.as_deref().unwrap_or_default();
    let (addresses, _) = addresses.as_chunks::<ADDRESS_LEN>();
    let from = addresses.iter().map(|it| u128::from_be_bytes(*it));
    Some(Restraint {
        kind: match row.kind.as_str() {
            "ban" => RestraintKind::Ban,
            _ => RestraintKind::Mute,
        },
        whom: read_party(&row.person, &row.name)?,
        from: from.map(ClientAddress).collect(),
        until: row.until.map(Timestamp),
        by: read_user(&row.by),
        at: Timestamp(row.at),
        reason: Reason::parse(&row.reason).unwrap_or_default(),
    })
}

/// Addresses one behind the other; `None` where there are none.
pub(in crate::storage) fn write_addresses(addresses: &[ClientAddress]) -> Option<Vec<u8>> {
    let bytes = addresses.iter().flat_map(|it| it.0.to_be_bytes());
    let bytes: Vec<u8> = bytes.collect();
    (!bytes.is_empty()).then_some(bytes)
}

/// Something that was done to keep order; `None` if it is nothing that this version knows.
pub(in crate::storage) fn read_audit(row: &AuditRow) -> Option<AuditEntry> {
    let payload: Payload = serde_json::from_str(&row.payload).ok()?;
    let until = payload.until.map(Timestamp);
    let deed = match row.kind.as_str() {
        INVITED => Deed::Invite { until: until? },
        UNINVITED => Deed::Uninvite,
        RETENTION_SET => Deed::Retention {
            days: payload.days?,
        },
        SLOW_MODE_SET => Deed::SlowMode(Duration::from_secs(payload.seconds?)),
        MEASURED => Deed::Measure {
            name: read_user(&payload.name?),
            measure: read_measure(&payload.measure?, until, payload.role.as_deref())?,
            reason: Reason::parse(&payload.reason.unwrap_or_default()).unwrap_or_default(),
        },
        kind => server::read_deed(kind, &payload)?,
    };
    Some(AuditEntry {
        id: row.event,
        at: Timestamp(row.at),
        by: read_user(&payload.by?),
        deed,
    })
}

fn read_measure(text: &str, until: Option<Timestamp>, role: Option<&str>) -> Option<Measure> {
    Some(match text {
        "kick" => Measure::Kick,
        "ban" => Measure::Ban { until },
        "unban" => Measure::Unban,
        "mute" => Measure::Mute { until },
        "unmute" => Measure::Unmute,
        "role" => Measure::Role(match role? {
            "owner" => Role::Owner,
            "op" => Role::Op,
            _ => Role::Member,
        }),
        _ => return None,
    })
}

pub(super) fn read_party(person: &[u8], name: &str) -> Option<Party> {
    let person: PersonId = read_person(person)?;
    let name = read_user(name);
    Some(Party { person, name })
}

fn measured(by: &Party, whom: &Party, measure: Measure, reason: &Reason) -> Payload {
    let reason = Some(reason.as_str()).filter(|reason| !reason.is_empty());
    Payload {
        name: Some(whom.name.as_str().to_owned()),
        person: Some(write_person_in_json(whom.person)),
        measure: Some(measure.as_str().to_owned()),
        until: measure.until().map(|until| until.0),
        role: match measure {
            Measure::Role(role) => Some(role.as_str().to_owned()),
            _ => None,
        },
        reason: reason.map(str::to_owned),
        ..by_whom(by)
    }
}

fn member(account: AccountId, name: &str) -> Payload {
    Payload {
        name: Some(name.to_owned()),
        person: Some(account.0.to_string()),
        ..Payload::default()
    }
}

pub(super) fn by_whom(by: &Party) -> Payload {
    Payload {
        by: Some(by.name.as_str().to_owned()),
        by_person: Some(write_person_in_json(by.person)),
        ..Payload::default()
    }
}

/// The payload of any of these events: each has some of the fields.
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Payload {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by_person: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) person: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) measure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) network: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) days: Option<u32>,
}

impl Payload {
    /// Who is named; `None` if that cannot be read.
    pub(super) fn party(&self) -> Option<Party> {
        let person = read_person_in_json(self.person.as_deref()?)?;
        let name = read_user(self.name.as_deref()?);
        Some(Party { person, name })
    }
}

/// Bytes of an address.
const ADDRESS_LEN: usize = 16;

const INVITED: &str = "invited";
const MEASURED: &str = "measured";
const RETENTION_SET: &str = "retention_set";
const UNINVITED: &str = "uninvited";
const SLOW_MODE_SET: &str = "slow_mode_set";
