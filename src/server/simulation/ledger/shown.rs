//! What somebody is shown, held against what is durable.

use serde_json::{Value, json};

use super::{Checked, DAY, DAY_MS, Ledger, Violation, ensure};
use crate::chat::log::{Change, ChangeKind};
use crate::chat::{Content, Message, Timestamp, UserName};

/// As of which change of its room something is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server::simulation) enum AsOf {
    /// Exactly so many.
    Rev(u64),
    /// So many, or any number that came later.
    Since(u64),
}

impl Ledger {
    /// Checks a message as somebody was shown it; its number.
    pub(in crate::server::simulation) fn check_message(
        &self,
        room: &str,
        shown: &Value,
        as_of: AsOf,
    ) -> Checked<u64> {
        let seq = shown["seq"].as_u64().unwrap_or(0);
        let past = self.rooms.get(room).map(|room| &room.past);
        let Some((past, posted)) = past.and_then(|past| Some((past, past.get(seq)?))) else {
            return Err(Violation(format!(
                "{room} shows what is not durable: {shown}"
            )));
        };
        let mut bare = shown.clone();
        if let Value::Object(fields) = &mut bare {
            for field in ["type", "room", "marks"] {
                fields.remove(field);
            }
        }
        let is_shown = |message: &Message| written(message) == bare;
        let is_same = match as_of {
            AsOf::Rev(rev) => is_shown(&posted.at(rev, past)),
            AsOf::Since(rev) => posted.since(rev, past).iter().any(is_shown),
        };
        ensure!(
            is_same,
            "{room} has {} as of {as_of:?}, and shows {shown}",
            written(&posted.last)
        );
        Ok(seq)
    }

    /// Checks a change as somebody was shown it when there were so many; its number.
    pub(in crate::server::simulation) fn check_change(
        &self,
        room: &str,
        shown: &Value,
        as_of: Option<u64>,
    ) -> Checked<u64> {
        let rev = shown["rev"].as_u64().unwrap_or(0);
        let past = self.rooms.get(room).map(|room| &room.past);
        let change = past.and_then(|past| past.change_at(rev, as_of.unwrap_or(rev)));
        let Some(change) = change else {
            return Err(Violation(format!(
                "{room} shows what is not durable: {shown}"
            )));
        };
        let due = told(room, &change);
        // Of a message that is gone, as it was told before, or that it is no more.
        let forms = past.map_or(Vec::new(), |past| past.forms_of_gone(rev));
        let is_of_gone = forms.iter().any(|change| told(room, change) == *shown);
        ensure!(
            *shown == due || is_of_gone,
            "{room} has {due} and shows {shown}"
        );
        Ok(rev)
    }
}

/// A message in the form of the wire.
fn written(message: &Message) -> Value {
    let mut value = json!({
        "seq": message.seq,
        "at": rfc3339(message.at),
        "from": message.from.as_str(),
    });
    let Content::Said(said) = &message.content else {
        value["deleted"] = true.into();
        return value;
    };
    value["body"] = said.body.as_str().into();
    if let Some(key) = &said.key {
        value["key"] = key.as_str().into();
    }
    if let Some(reply_to) = said.reply_to {
        value["reply_to"] = reply_to.into();
    }
    if let Some(at) = said.edited_at {
        value["edited_at"] = rfc3339(at).into();
    }
    let reactions = said.reactions.as_slice().iter().map(|reaction| {
        let names = reaction.names.iter().map(UserName::as_str);
        json!({
            "emoji": reaction.emoji.as_str(),
            "names": names.collect::<Vec<_>>(),
            "count": reaction.count,
        })
    });
    let reactions: Vec<Value> = reactions.collect();
    if !reactions.is_empty() {
        value["reactions"] = reactions.into();
    }
    value
}

/// A change in the form of the wire.
fn told(room: &str, change: &Change) -> Value {
    let (rev, by) = (change.rev, change.by.as_str());
    match &change.kind {
        ChangeKind::Topic(topic) => json!({
            "type": "topic", "room": room, "topic": topic.as_str(), "by": by, "rev": rev,
        }),
        ChangeKind::Edited { seq, body, at } => json!({
            "type": "edited", "room": room, "seq": seq, "body": body.as_str(),
            "edited_at": rfc3339(*at), "by": by, "rev": rev,
        }),
        ChangeKind::Deleted { seq } => json!({
            "type": "deleted", "room": room, "seq": seq, "by": by, "rev": rev,
        }),
        ChangeKind::Reacted { seq, emoji, on } => json!({
            "type": "reaction", "room": room, "seq": seq, "from": by,
            "emoji": emoji.as_str(), "on": on, "rev": rev,
        }),
    }
}

/// The time of day in the form of the wire, in the month in which everything happens.
fn rfc3339(at: Timestamp) -> String {
    let (day, millis) = ((at.0 - DAY.0) / DAY_MS + 1, (at.0 - DAY.0) % DAY_MS);
    let (seconds, millis) = (millis / 1_000, millis % 1_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("2026-01-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z")
}
