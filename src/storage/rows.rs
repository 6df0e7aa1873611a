//! How values of the chat are written in rows, and read back whatever was edited by hand.
//!
//! A message keeps its place even if parts of it cannot be read any more: a placeholder stands in,
//! so that numbers stay without holes.

use serde::{Deserialize, Serialize};

use crate::chat::account::{AccountFact, NewAccount};
use crate::chat::event::Role;
use crate::chat::log::{Change, ChangeKind, Fact, RoomRecord, Visibility};
use crate::chat::message::{Body, Content, Message, MessageKey, Said, Seq, Timestamp, Topic};
use crate::chat::name::{RoomName, UserName};
use crate::chat::order::Books;
use crate::chat::reaction::{Emoji, Reaction, Reactions};
use crate::chat::{AccountId, GuestId, PersonId};
use crate::storage::database::{ChangeRow, MessageRow, RoleRow, RoomRow};

pub(super) mod books;
mod inheritance;
pub(super) mod server;

/// The kind of an event and its payload, which holds all that its projections are made of.
pub(super) fn write_event(fact: &Fact) -> (&'static str, String) {
    let (kind, payload) = match fact {
        Fact::Room { fact, .. } => return books::write_room_fact(fact),
        Fact::Server(fact) => return server::write_server_fact(fact),
        Fact::DirectOpened { parties, .. } => {
            return (DIRECT_OPENED, books::write_parties(parties));
        }
        Fact::RoomCreated {
            room,
            visibility,
            topic,
            by,
            owner,
            join: _,
        } => (
            ROOM_CREATED,
            Payload::RoomCreated {
                name: room.as_str(),
                visibility: write_visibility(*visibility),
                topic: topic.as_str(),
                by: by.as_str(),
                owner: write_person_in_json(*owner),
            },
        ),
        Fact::MessagePosted {
            room: _,
            from,
            person,
            body,
            key,
            reply_to,
        } => (
            MESSAGE_POSTED,
            Payload::MessagePosted {
                from: from.as_str(),
                person: write_person_in_json(*person),
                body: body.as_str(),
                key: key.as_ref().map(MessageKey::as_str),
                reply_to: *reply_to,
            },
        ),
        Fact::MessageRefused { .. } => unreachable!("nothing is written of what is refused"),
        Fact::Account(fact) => write_account_event(fact),
        Fact::MessageEdited {
            room: _,
            seq,
            body,
            by,
            person,
        } => (
            MESSAGE_EDITED,
            Payload::MessageEdited {
                seq: *seq,
                body: body.as_str(),
                by: by.as_str(),
                person: write_person_in_json(*person),
            },
        ),
        Fact::MessageDeleted {
            room: _,
            seq,
            by,
            person,
            others: _,
        } => (
            MESSAGE_DELETED,
            Payload::MessageDeleted {
                seq: *seq,
                by: by.as_str(),
                person: write_person_in_json(*person),
            },
        ),
        Fact::Reacted {
            room: _,
            seq,
            emoji,
            on,
            from,
            person,
        } => (
            REACTED,
            Payload::Reacted {
                seq: *seq,
                emoji: emoji.as_str(),
                on: *on,
                by: from.as_str(),
                person: write_person_in_json(*person),
            },
        ),
        Fact::TopicChanged { room: _, topic, by } => (
            TOPIC_CHANGED,
            Payload::TopicChanged {
                topic: topic.as_str(),
                by: by.as_str(),
            },
        ),
    };
    let json = serde_json::to_string(&payload).expect("texts and numbers serialize");
    (kind, json)
}

/// What happened to an account, without anything that is secret: events are never forgotten.
fn write_account_event(fact: &AccountFact) -> (&'static str, Payload<'_>) {
    let of = |account: &AccountId| Payload::Account { account: account.0 };
    match fact {
        AccountFact::Opened(NewAccount {
            name,
            is_admin,
            restraints,
            ..
        }) => (
            "account_opened",
            Payload::AccountOpened {
                name: name.as_str(),
                is_admin: *is_admin,
                restraints: inheritance::write_restraints(restraints),
            },
        ),
        AccountFact::Inherited(it) => ("inherited", Payload::Inherited(inheritance::write(it))),
        AccountFact::LoggedIn {
            account,
            opening,
            ended,
            ..
        } => (
            "logged_in",
            Payload::Login {
                account: account.0,
                label: Some(opening.label.as_str()),
                ended: ended.iter().map(|login| login.0).collect(),
            },
        ),
        AccountFact::Seen { login } => ("seen", Payload::Account { account: login.0 }),
        AccountFact::LoggedOut { account, ended } => (
            "logged_out",
            Payload::Login {
                account: account.0,
                label: None,
                ended: ended.iter().map(|login| login.0).collect(),
            },
        ),
        AccountFact::PasswordSet { account, .. } => ("password_set", of(account)),
        AccountFact::Disabled {
            account,
            is_disabled,
            ..
        } => {
            let kind = if *is_disabled {
                "account_disabled"
            } else {
                "account_enabled"
            };
            (kind, of(account))
        }
        AccountFact::TotpSet { account, .. } => ("totp_set", of(account)),
        AccountFact::TotpRemoved { account } => ("totp_removed", of(account)),
        AccountFact::Invited { by, .. } => ("invited", of(by)),
    }
}

/// A room; `None` if neither its name nor its key is a name of the room any more.
pub(super) fn read_room(
    row: &RoomRow,
    roles: Vec<(PersonId, Role)>,
    books: Books,
) -> Option<RoomRecord> {
    let parse = |text: &str| RoomName::parse(text).ok().filter(|n| n.key() == row.key);
    let name = parse(&row.name).or_else(|| parse(&row.key))?;
    let visibility = match row.visibility.as_str() {
        "public" => Visibility::Public,
        _ => Visibility::Private,
    };
    Some(RoomRecord {
        name,
        visibility,
        topic: Topic::parse(&row.topic).unwrap_or_default(),
        roles,
        seq: row.seq,
        rev: row.rev,
        books: Books {
            retention_days: row.retention_days,
            erased: row.erased,
            oldest_at: row.oldest_at.into_iter().flatten().min().map(Timestamp),
            has_remains: row.has_remains,
            ..books
        },
    })
}

pub(super) fn read_message(row: MessageRow) -> Message {
    let content = if row.is_deleted {
        Content::Deleted
    } else {
        Content::Said(Said {
            body: Body::parse(&row.body).unwrap_or_else(|_| unreadable_body()),
            key: row.key.and_then(|key| MessageKey::parse(&key).ok()),
            reply_to: row.reply_to,
            edited_at: row.edited_at.map(Timestamp),
            reactions: read_reactions(row.reactions.as_deref()),
        })
    };
    Message {
        seq: row.seq,
        at: Timestamp(row.at),
        from: read_user(&row.sender),
        content,
    }
}

/// Reactions as they are shown; those that cannot be read are none.
pub(super) fn read_reactions(json: Option<&str>) -> Reactions {
    let parts: Vec<ReactionPart> = json
        .and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or_default();
    Reactions::from_parts(parts.into_iter().filter_map(|part| {
        Some(Reaction {
            emoji: Emoji::parse(&part.emoji).ok()?,
            names: part.names.iter().map(|name| read_user(name)).collect(),
            count: part.count,
        })
    }))
}

/// `None` where there are none.
pub(super) fn write_reactions(reactions: &Reactions) -> Option<String> {
    let part = |reaction: &Reaction| ReactionPart {
        emoji: reaction.emoji.as_str().to_owned(),
        names: reaction.names.iter().map(ToString::to_string).collect(),
        count: reaction.count,
    };
    let parts: Vec<ReactionPart> = reactions.as_slice().iter().map(part).collect();
    let json = serde_json::to_string(&parts).expect("texts and numbers serialize");
    (!parts.is_empty()).then_some(json)
}

/// A change; `None` if it is none that this version knows.
pub(super) fn read_change(row: &ChangeRow) -> Option<Change> {
    let change: ChangePayload = serde_json::from_str(&row.payload).ok()?;
    let kind = match row.kind.as_str() {
        TOPIC_CHANGED => ChangeKind::Topic(Topic::parse(&change.topic?).unwrap_or_default()),
        MESSAGE_EDITED => match change.body {
            Some(body) => ChangeKind::Edited {
                seq: change.seq?,
                body: Body::parse(&body).unwrap_or_else(|_| unreadable_body()),
                at: Timestamp(row.at),
            },
            // Erased when the message was deleted.
            None => ChangeKind::Deleted { seq: change.seq? },
        },
        MESSAGE_DELETED => ChangeKind::Deleted { seq: change.seq? },
        REACTED => ChangeKind::Reacted {
            seq: change.seq?,
            emoji: Emoji::parse(&change.emoji?).ok()?,
            on: change.on?,
        },
        _ => return None,
    };
    Some(Change {
        rev: row.rev,
        kind,
        by: read_user(&change.by),
    })
}

pub(super) fn write_visibility(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Public => "public",
        Visibility::Private => "private",
    }
}

/// Who has which role; `None` if that cannot be read.
pub(super) fn read_role(row: &RoleRow) -> Option<(PersonId, Role)> {
    let role = match row.role.as_str() {
        "owner" => Role::Owner,
        "op" => Role::Op,
        _ => return None,
    };
    Some((read_person(&row.person)?, role))
}

pub(super) fn write_person(person: PersonId) -> Vec<u8> {
    match person {
        PersonId::Account(account) => account.0.to_be_bytes().to_vec(),
        PersonId::Guest(guest) => guest.0.to_be_bytes().to_vec(),
    }
}

pub(super) fn read_person(bytes: &[u8]) -> Option<PersonId> {
    if let Ok(account) = bytes.try_into() {
        return Some(PersonId::Account(AccountId(i64::from_be_bytes(account))));
    }
    let guest = bytes.try_into().ok()?;
    Some(PersonId::Guest(GuestId(u128::from_be_bytes(guest))))
}

pub(super) fn read_user(text: &str) -> UserName {
    UserName::parse(text)
        .unwrap_or_else(|_| UserName::parse(UNREADABLE).expect("one ASCII word is a user name"))
}

fn unreadable_body() -> Body {
    Body::parse(UNREADABLE).expect("one ASCII word is a body")
}

/// A guest in 32 hexadecimal digits, an account as its number. In a text: numbers in JSON end at
/// 2⁵³ for many who read it.
fn write_person_in_json(person: PersonId) -> String {
    match person {
        PersonId::Account(account) => account.0.to_string(),
        PersonId::Guest(guest) => format!("{:032x}", guest.0),
    }
}

/// Somebody as [`write_person_in_json`] wrote them.
fn read_person_in_json(text: &str) -> Option<PersonId> {
    if text.len() == GUEST_DIGITS {
        let guest = u128::from_str_radix(text, 16).ok()?;
        return Some(PersonId::Guest(GuestId(guest)));
    }
    Some(PersonId::Account(AccountId(text.parse().ok()?)))
}

#[derive(Serialize)]
#[serde(untagged)]
enum Payload<'a> {
    RoomCreated {
        name: &'a str,
        visibility: &'a str,
        topic: &'a str,
        by: &'a str,
        owner: String,
    },
    MessagePosted {
        from: &'a str,
        person: String,
        body: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reply_to: Option<Seq>,
    },
    MessageEdited {
        seq: Seq,
        body: &'a str,
        by: &'a str,
        person: String,
    },
    MessageDeleted {
        seq: Seq,
        by: &'a str,
        person: String,
    },
    Reacted {
        seq: Seq,
        emoji: &'a str,
        on: bool,
        by: &'a str,
        person: String,
    },
    TopicChanged {
        topic: &'a str,
        by: &'a str,
    },
    AccountOpened {
        name: &'a str,
        is_admin: bool,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        restraints: Vec<inheritance::RestraintPart<'a>>,
    },
    Inherited(inheritance::Part<'a>),
    Account {
        account: i64,
    },
    Login {
        account: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        label: Option<&'a str>,
        ended: Vec<i64>,
    },
}

/// The payload of a change of any kind, as it is read.
#[derive(Deserialize)]
struct ChangePayload {
    by: String,
    topic: Option<String>,
    seq: Option<Seq>,
    body: Option<String>,
    emoji: Option<String>,
    on: Option<bool>,
}

/// A reaction in `messages.reactions`.
#[derive(Deserialize, Serialize)]
struct ReactionPart {
    emoji: String,
    names: Vec<String>,
    count: u64,
}

const ROOM_CREATED: &str = "room_created";
const MESSAGE_POSTED: &str = "message_posted";
const MESSAGE_EDITED: &str = "message_edited";
const MESSAGE_DELETED: &str = "message_deleted";
const REACTED: &str = "reacted";
const TOPIC_CHANGED: &str = "topic_changed";
const DIRECT_OPENED: &str = "direct_opened";

/// No account has a number of so many digits.
const GUEST_DIGITS: usize = 32;

/// Stands for what cannot be read.
const UNREADABLE: &str = "unreadable";
