//! How what is decided about the whole server is written in events and read back from rows.

use crate::chat::Network;
use crate::chat::bans::{BanRecord, Banned, ServerFact};
use crate::chat::event::Role;
use crate::chat::message::Timestamp;
use crate::chat::order::{Deed, Reason};
use crate::storage::database::BanRow;
use crate::storage::rows::books::{Payload, by_whom, read_party};
use crate::storage::rows::{read_user, write_person_in_json};

/// The kind of an event about the whole server, and its payload.
pub(super) fn write_server_fact(fact: &ServerFact) -> (&'static str, String) {
    let (kind, payload) = match fact {
        ServerFact::Banned {
            by,
            whom,
            until,
            reason,
        } => (
            BANNED,
            Payload {
                until: until.map(|until| until.0),
                ..about(by_whom(by), whom, reason)
            },
        ),
        ServerFact::Unbanned { by, whom, reason } => (UNBANNED, about(by_whom(by), whom, reason)),
        ServerFact::OpSet {
            by,
            account,
            name,
            is_op,
        } => {
            let role = if *is_op { Role::Op } else { Role::Member };
            let payload = Payload {
                name: Some(name.as_str().to_owned()),
                person: Some(account.0.to_string()),
                role: Some(role.as_str().to_owned()),
                ..by_whom(by)
            };
            (ROLE_SET, payload)
        }
    };
    let json = serde_json::to_string(&payload).expect("texts and numbers serialize");
    (kind, json)
}

fn about(payload: Payload, whom: &Banned, reason: &Reason) -> Payload {
    let reason = Some(reason.as_str()).filter(|reason| !reason.is_empty());
    let payload = Payload {
        reason: reason.map(str::to_owned),
        ..payload
    };
    match whom {
        Banned::Person(party) => Payload {
            name: Some(party.name.as_str().to_owned()),
            person: Some(write_person_in_json(party.person)),
            ..payload
        },
        Banned::Network(network) => Payload {
            network: Some(network.to_string()),
            ..payload
        },
    }
}

/// What an event of that kind tells; `None` if it is nothing that this version knows.
pub(super) fn read_deed(kind: &str, payload: &Payload) -> Option<Deed> {
    let reason = payload.reason.as_deref().unwrap_or_default();
    let reason = Reason::parse(reason).unwrap_or_default();
    Some(match kind {
        BANNED => Deed::ServerBan {
            whom: read_banned(payload)?,
            until: payload.until.map(Timestamp),
            reason,
        },
        UNBANNED => Deed::ServerUnban {
            whom: read_banned(payload)?,
            reason,
        },
        ROLE_SET => Deed::ServerRole {
            name: read_user(payload.name.as_deref()?),
            role: match payload.role.as_deref()? {
                "op" => Role::Op,
                _ => Role::Member,
            },
        },
        _ => return None,
    })
}

fn read_banned(payload: &Payload) -> Option<Banned> {
    match &payload.network {
        Some(network) => Some(Banned::Network(Network::parse(network).ok()?)),
        None => payload.party().map(Banned::Person),
    }
}

/// Bans as the hub knows them; what cannot be read is left out.
pub(in crate::storage) fn read_bans(rows: Vec<BanRow>) -> Vec<BanRecord> {
    rows.into_iter().filter_map(read_ban).collect()
}

fn read_ban(row: BanRow) -> Option<BanRecord> {
    let whom = match (row.person, row.network) {
        (Some(person), _) => Banned::Person(read_party(&person, &row.name)?),
        (None, network) => Banned::Network(Network::parse(&network?).ok()?),
    };
    Some(BanRecord {
        whom,
        by: read_user(&row.by),
        at: Timestamp(row.at),
        until: row.until.map(Timestamp),
        reason: Reason::parse(&row.reason).unwrap_or_default(),
    })
}

const BANNED: &str = "server_banned";
const UNBANNED: &str = "server_unbanned";
const ROLE_SET: &str = "server_role_set";
