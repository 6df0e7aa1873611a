//! Writes answers and pushes.

use crate::chat::entrance::Entrance;
use crate::chat::event::{
    Done, Event, Joined, LoginSummary, Member, Presence, Role, RoomSummary, Rule,
};
use crate::chat::log::{Change, ChangeKind, Visibility};
use crate::chat::search::{Finding, Findings};
use crate::chat::{Body, ChatError, Content, Message, Reaction, RequestId, Said, UserName, hub};
use crate::wire::json::PROTOCOL;

mod keeping;
mod object;
mod qr;

pub(crate) use object::rfc3339;
use object::{Object, TYPICAL_LEN, object, object_with_capacity};

/// The first push of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Welcome<'a> {
    /// The message of the day.
    pub motd: &'a str,
    /// Whom the server lets in.
    pub entrance: Entrance,
    /// Messages per second that pass in the long run; 0: no limit.
    pub messages_per_second: f64,
    /// Messages that pass at once.
    pub burst: f64,
    /// Who the session cookie says it is.
    pub you: Option<&'a Member>,
}

/// Writes the first push of a connection.
pub fn encode_welcome(welcome: &Welcome<'_>) -> String {
    object(|o| {
        o.text("type", "welcome");
        o.text("server", concat!("chinwag/", env!("CARGO_PKG_VERSION")));
        o.text("protocol", PROTOCOL);
        o.text("motd", welcome.motd);
        match welcome.you {
            Some(you) => o.object("you", |o| o.member(you)),
            None => o.null("you"),
        }
        o.object("accounts", |o| {
            o.boolean("guests", welcome.entrance.guests);
            o.text("registration", welcome.entrance.registration.as_str());
        });
        o.object("limits", |o| {
            o.number("max_body_len", Body::MAX_CHARACTERS);
            o.number("max_body_bytes", Body::MAX_LEN);
            o.number("max_history", hub::MAX_HISTORY);
            o.decimal("messages_per_second", welcome.messages_per_second);
            o.decimal("burst", welcome.burst);
        });
    })
}

/// Writes what became of a request; `token` is what proves next time who somebody is.
pub fn encode_answer(
    re: Option<&RequestId>,
    answer: &Result<Done, ChatError>,
    token: Option<&str>,
) -> String {
    match answer {
        Ok(done) => object_with_capacity(typical_len(done), |o| {
            o.text("type", "done");
            o.re(re);
            o.done(done, token);
        }),
        Err(error) => encode_refusal(re, *error),
    }
}

/// Writes why a request was refused.
pub fn encode_refusal(re: Option<&RequestId>, error: ChatError) -> String {
    object(|o| {
        o.text("type", "error");
        o.re(re);
        o.text("code", error.code());
        o.text("message", &error.to_string());
        if error == ChatError::TotpNeeded {
            o.text("needs", "totp");
        }
        if let Some(retry_after_ms) = error.retry_after_ms() {
            o.number("retry_after_ms", retry_after_ms);
        }
    })
}

/// Writes a push.
pub fn encode_event(event: &Event) -> String {
    object(|o| match event {
        Event::Message { room, message } => {
            o.text("type", "message");
            o.text("room", room.as_str());
            o.message(message);
        }
        Event::Changed { room, change } => o.change(room.as_str(), change),
        Event::Typing { room, from } => {
            o.text("type", "typing");
            o.text("room", room.as_str());
            o.text("from", from.as_str());
        }
        Event::Presence { room, name, state } => {
            o.text("type", "presence");
            o.text("room", room.as_str());
            o.text("name", name.as_str());
            match state {
                Presence::Joined(standing) => {
                    o.text("state", "joined");
                    o.standing(standing.guest, standing.role, standing.server);
                }
                Presence::Left => o.text("state", "left"),
                Presence::Renamed { to } => {
                    o.text("state", "renamed");
                    o.text("to", to.as_str());
                }
            }
        }
        Event::RoomCreated { room, topic } => {
            o.text("type", "room");
            o.text("room", room.as_str());
            o.text("topic", topic.as_str());
            o.text("state", "created");
        }
        Event::RoomRemoved { room, topic } => {
            o.text("type", "room");
            o.text("room", room.as_str());
            o.text("topic", topic.as_str());
            o.text("state", "removed");
        }
        Event::Read { room, seq } => {
            o.text("type", "read");
            o.text("room", room.as_str());
            o.number("seq", *seq);
        }
        Event::Unread { room, seq } => {
            o.text("type", "unread");
            o.text("room", room.as_str());
            o.number("seq", *seq);
        }
        Event::Opened { room, members } => {
            o.text("type", "opened");
            o.text("room", room.as_str());
            o.array("members", members, Object::member);
        }
        Event::Removed { room, reason } => {
            o.text("type", "removed");
            o.text("room", room.as_str());
            o.text("reason", reason);
        }
        Event::You(you) => {
            o.text("type", "you");
            o.object("you", |o| o.member(you));
        }
        Event::Notice { room, text, rule } => {
            o.text("type", "notice");
            if let Some(room) = room {
                o.text("room", room.as_str());
            }
            o.text("text", text);
            match rule {
                Some(Rule::SlowMode(interval)) => o.number("slow_mode_s", interval.as_secs()),
                Some(Rule::RetentionDays(days)) => o.number("retention_days", *days),
                None => {}
            }
        }
        Event::Banned { until, reason } => {
            o.text("type", "banned");
            if let Some(until) = until {
                o.time("until", *until);
            }
            if !reason.as_str().is_empty() {
                o.text("reason", reason.as_str());
            }
        }
        Event::Shutdown { retry_after_ms } => {
            o.text("type", "shutdown");
            o.number("retry_after_ms", *retry_after_ms);
        }
    })
}

/// About how long an answer is. What is asked for again and again, and has hundreds of members and
/// messages in it, would be copied several times as it grows.
fn typical_len(done: &Done) -> usize {
    let long_len = match done {
        Done::Joined(joined) => {
            let members_len = joined.members.len() * TYPICAL_MEMBER_LEN;
            let changes = joined.changes.iter().map(Change::weight);
            members_len + messages_len(&joined.messages) + changes.sum::<usize>()
        }
        Done::History { messages, .. } => messages_len(messages),
        Done::Who { members, .. } => members.len() * TYPICAL_MEMBER_LEN,
        _ => 0,
    };
    TYPICAL_LEN + long_len
}

fn messages_len(messages: &[Message]) -> usize {
    messages.iter().map(Message::weight).sum()
}

impl Object {
    fn done(&mut self, done: &Done, token: Option<&str>) {
        match done {
            Done::Welcomed { you, .. } => {
                self.object("you", |o| o.member(you));
                if let Some(token) = token {
                    self.text("token", token);
                }
            }
            Done::Joined(joined) => self.joined(joined),
            Done::Left { room } | Done::TopicSet { room } | Done::Kept { room } => {
                self.text("room", room.as_str());
            }
            Done::Invited { room, code, until } => {
                self.text("room", room.as_str());
                self.text("invite", code.as_str());
                self.time("until", *until);
            }
            Done::Audit {
                room,
                entries,
                more,
            } => self.audit(room.as_ref(), entries, *more),
            Done::Bans {
                room,
                kind,
                bans,
                more,
            } => self.bans(room.as_ref(), *kind, bans, *more),
            Done::LoggedIn(_)
            | Done::Finished
            | Done::Accounts(_)
            | Done::Logins { .. }
            | Done::TotpBegun { .. }
            | Done::TotpConfirmed(_)
            | Done::RegistrationInvited { .. } => self.done_for_account(done, token),
            Done::Sent { room, seq, at } => {
                self.text("room", room.as_str());
                self.number("seq", *seq);
                self.time("at", *at);
            }
            Done::Changed { room, seq, rev } => {
                self.text("room", room.as_str());
                self.number("seq", *seq);
                self.number("rev", *rev);
            }
            Done::History {
                room,
                messages,
                more,
                more_after,
            } => {
                self.text("room", room.as_str());
                self.array("messages", messages, Self::message);
                self.boolean("more", *more);
                self.boolean("more_after", *more_after);
            }
            Done::Found(Findings { messages, next }) => {
                self.array("messages", messages, Self::finding);
                if let Some(next) = next {
                    self.number("next", *next);
                }
            }
            Done::Rooms { rooms, more } => {
                self.array("rooms", rooms, Self::room);
                self.boolean("more", *more);
            }
            Done::Who {
                room,
                members,
                member_count,
            } => {
                self.text("room", room.as_str());
                self.array("members", members, Self::member);
                self.number("member_count", *member_count);
            }
        }
    }

    fn done_for_account(&mut self, done: &Done, token: Option<&str>) {
        match done {
            Done::LoggedIn(_) => {
                if let Some(token) = token {
                    self.text("token", token);
                }
            }
            Done::Logins { logins, has_totp } => {
                self.array("sessions", logins, Self::login);
                self.boolean("totp", *has_totp);
            }
            Done::TotpBegun { secret, name } => {
                self.text("secret", &secret.base32());
                let uri = secret.uri(name);
                self.text("uri", &uri);
                self.qr_code(&uri);
            }
            Done::TotpConfirmed(codes) => {
                let codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
                self.texts("recovery_codes", codes.iter().map(String::as_str));
            }
            Done::RegistrationInvited { code, until } => {
                self.text("invite", &code.to_string());
                self.time("until", *until);
            }
            // Nothing more; the operator is told in another form.
            _ => {}
        }
    }

    fn joined(&mut self, joined: &Joined) {
        self.text("room", joined.room.as_str());
        self.text("topic", joined.topic.as_str());
        self.text("visibility", visibility(joined.visibility));
        self.number("seq", joined.seq);
        self.number("rev", joined.rev);
        self.array("members", &joined.members, Self::member);
        self.number("member_count", joined.member_count);
        self.array("messages", &joined.messages, Self::message);
        let room = joined.room.as_str();
        self.array("changes", &joined.changes, |o, change| {
            o.change(room, change);
        });
        self.boolean("recovered", joined.recovered);
        self.boolean("more", joined.more);
        if let Some(days) = joined.retention_days {
            self.number("retention_days", days);
        }
        if !joined.slow_mode.is_zero() {
            self.number("slow_mode_s", joined.slow_mode.as_secs());
        }
    }

    fn message(&mut self, message: &Message) {
        self.number("seq", message.seq);
        self.time("at", message.at);
        self.text("from", message.from.as_str());
        match &message.content {
            Content::Said(said) => self.said(said),
            Content::Deleted => self.boolean("deleted", true),
        }
    }

    fn said(&mut self, said: &Said) {
        self.text("body", said.body.as_str());
        if let Some(key) = &said.key {
            self.text("key", key.as_str());
        }
        if let Some(reply_to) = said.reply_to {
            self.number("reply_to", reply_to);
        }
        if let Some(edited_at) = said.edited_at {
            self.time("edited_at", edited_at);
        }
        let reactions = said.reactions.as_slice();
        if !reactions.is_empty() {
            self.array("reactions", reactions, Self::reaction);
        }
    }

    fn reaction(&mut self, reaction: &Reaction) {
        self.text("emoji", reaction.emoji.as_str());
        self.texts("names", reaction.names.iter().map(UserName::as_str));
        self.number("count", reaction.count);
    }

    fn finding(&mut self, finding: &Finding) {
        self.text("room", finding.room.as_str());
        self.message(&finding.message);
        let marks = finding.marks.iter();
        let marks: Vec<String> = marks
            .map(|it| format!("[{},{}]", it.start, it.count))
            .collect();
        self.raw("marks", &format!("[{}]", marks.join(",")));
    }

    /// A change in the form of the push that told of it.
    fn change(&mut self, room: &str, change: &Change) {
        match &change.kind {
            ChangeKind::Topic(topic) => {
                self.text("type", "topic");
                self.text("room", room);
                self.text("topic", topic.as_str());
                self.text("by", change.by.as_str());
            }
            ChangeKind::Edited { seq, body, at } => {
                self.text("type", "edited");
                self.text("room", room);
                self.number("seq", *seq);
                self.text("body", body.as_str());
                self.time("edited_at", *at);
                self.text("by", change.by.as_str());
            }
            ChangeKind::Deleted { seq } => {
                self.text("type", "deleted");
                self.text("room", room);
                self.number("seq", *seq);
                self.text("by", change.by.as_str());
            }
            ChangeKind::Reacted { seq, emoji, on } => {
                self.text("type", "reaction");
                self.text("room", room);
                self.number("seq", *seq);
                self.text("from", change.by.as_str());
                self.text("emoji", emoji.as_str());
                self.boolean("on", *on);
            }
        }
        self.number("rev", change.rev);
    }

    fn member(&mut self, member: &Member) {
        self.text("name", member.name.as_str());
        self.standing(member.guest, member.role, member.server_role);
        if !member.is_online {
            self.boolean("online", false);
        }
    }

    fn standing(&mut self, guest: bool, role: Role, server_role: Role) {
        self.boolean("guest", guest);
        self.text("role", role.as_str());
        if server_role > Role::Member {
            self.text("server_role", server_role.as_str());
        }
    }

    fn login(&mut self, login: &LoginSummary) {
        self.number("session", login.id.0);
        self.text("label", login.label.as_str());
        self.time("created_at", login.opened_at);
        self.time("last_seen_at", login.seen_at);
        self.boolean("current", login.is_current);
    }

    fn room(&mut self, room: &RoomSummary) {
        self.text("name", room.name.as_str());
        self.text("topic", room.topic.as_str());
        self.text("visibility", visibility(room.visibility));
        self.number("members", room.member_count);
        self.number("unread", room.unread_count);
        if let Some(with) = &room.with {
            self.text("with", with.as_str());
        }
    }

    fn re(&mut self, re: Option<&RequestId>) {
        match re {
            None => {}
            Some(RequestId::Text(text)) => self.text("re", text),
            Some(RequestId::Integer(number)) => self.number("re", *number),
            Some(RequestId::BigInteger(digits)) => self.raw("re", digits),
        }
    }
}

fn visibility(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Public => "public",
        Visibility::Private => "private",
    }
}

/// A member of a room, with a name of ten letters.
const TYPICAL_MEMBER_LEN: usize = 64;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::chat::{MessageKey, RoomName, Timestamp};

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).expect(text)
    }

    fn message() -> Message {
        Message {
            seq: 7,
            at: Timestamp(1_700_000_000_042),
            from: UserName::parse("ada \"the\" countess").unwrap(),
            content: Content::Said(Said {
                key: Some(MessageKey::parse("k").unwrap()),
                reply_to: Some(3),
                ..Said::new(Body::parse("a\n\"b\" \\ é 🦊 \u{2028}").unwrap())
            }),
        }
    }

    #[test]
    fn message_has_the_documented_fields() {
        let room = RoomName::parse("lobby").unwrap();
        assert_eq!(
            parsed(&encode_event(&Event::Message {
                room,
                message: message()
            })),
            json!({
                "type": "message", "room": "lobby", "seq": 7, "at": "2023-11-14T22:13:20.042Z",
                "from": "ada \"the\" countess", "body": "a\n\"b\" \\ é 🦊 \u{2028}",
                "key": "k", "reply_to": 3
            })
        );
    }

    #[test]
    fn nested_lists_are_json() {
        let room = RoomName::parse("r").unwrap();
        let messages = vec![message(), message()];
        let done = Done::History {
            room,
            messages,
            more: true,
            more_after: false,
        };
        let value = parsed(&encode_answer(
            Some(&RequestId::Text("x".into())),
            &Ok(done),
            None,
        ));
        assert_eq!(value["re"], "x");
        assert_eq!(value["messages"].as_array().map(Vec::len), Some(2));
        assert_eq!(value["more"], true);
    }

    #[test]
    fn refusals_say_code_reason_and_when_to_try_again() {
        let error = ChatError::RateLimited {
            retry_after_ms: 120,
        };
        let value = parsed(&encode_refusal(Some(&RequestId::Integer(4)), error));
        assert_eq!(value["type"], "error");
        assert_eq!(value["re"], 4);
        assert_eq!(value["code"], "rate_limited");
        assert_eq!(value["retry_after_ms"], 120);
    }
}
