//! Writes what people see: lines that nobody but the server can have made.
//!
//! `<name> text` is somebody's message, `* ` begins a notice, `! ` an error. Only the first line of
//! a message can begin with one of these: further lines begin with two spaces.

use crate::chat::command::MAX_GLANCED_AT;
use crate::chat::event::{Done, Event, Joined, Member, Presence, Role, RoomSummary};
use crate::chat::log::{Change, ChangeKind};
use crate::chat::{ChatError, Content, Message, Reason, RoomName, Timestamp};

/// What is sent before anything was typed.
pub fn welcome(motd: &str) -> String {
    let mut text = String::new();
    push_line(
        &mut text,
        "* ",
        &format!("Welcome to chinwag {}.", env!("CARGO_PKG_VERSION")),
    );
    if !motd.is_empty() {
        push_line(&mut text, "* ", motd);
    }
    push_line(
        &mut text,
        "* ",
        "What you type is said in the lobby. Commands:",
    );
    text.push_str(HELP);
    text
}

/// What can be typed.
pub const HELP: &str = "\
*   --name: alice      be called alice
*   --login: alice     log in as alice; type the password on the next line
*   --join: room       enter a room, new or not; what you type goes there from then on
*   --leave: room      leave a room
*   --rooms:           which rooms there are
*   --who:             who is in the room
*   --topic: text      what the room is about
*   --history: 20      the last 20 messages
*   --msg: bob hello   say something to bob alone
*   --me: waves        say what you do
*   --help:            this list
*   --quit:            go
* /join room works too. A line that begins with a space is always said as it is.
";

/// Shows an event to somebody whose current room is `current`; `None`: nothing to show.
pub fn show_event(event: &Event, current: &RoomName) -> Option<String> {
    match event {
        Event::Message { room, message } => Some(show_message(message, room, current)),
        Event::Changed { room, change } => show_change(change, room),
        Event::Presence { room, name, state } => Some(show_notice(&match state {
            Presence::Joined(_) => format!("{name} joined {room}"),
            Presence::Left => format!("{name} left {room}"),
            Presence::Renamed { to } => format!("{name} is now called {to} in {room}"),
        })),
        Event::Banned { until, reason } => Some(show_ban(*until, reason)),
        Event::Shutdown { .. } => Some(show_notice("the server closes; come back in a moment")),
        Event::Opened { room, members } => Some(show_notice(&match &members[..] {
            [one, other] => format!("{} and {} can talk alone in {room}", one.name, other.name),
            _ => format!("you can talk alone in {room}"),
        })),
        Event::Removed { room, reason } => Some(show_notice(&format!(
            "you are no longer in {room}: {reason}"
        ))),
        Event::You(you) => Some(show_notice(match you.role {
            Role::Member => "you keep order on this server no longer",
            Role::Op | Role::Owner => "you keep order on this server from now on",
        })),
        Event::Notice { text, .. } => Some(show_notice(text)),
        Event::Unread { room, .. } => Some(show_notice(&format!("there is news in {room}"))),
        Event::Typing { .. }
        | Event::RoomCreated { .. }
        | Event::RoomRemoved { .. }
        | Event::Read { .. } => None,
    }
}

/// Shows an answer to somebody whose current room is `current`; `None`: nothing to show.
pub fn show_answer(answer: &Result<Done, ChatError>, current: &RoomName) -> Option<String> {
    match answer {
        Err(error) => Some(show_error(&error.to_string())),
        Ok(
            Done::Sent { .. }
            | Done::TopicSet { .. }
            | Done::Changed { .. }
            | Done::Found(_)
            | Done::Kept { .. }
            // What cannot be asked for here.
            | Done::LoggedIn(_)
            | Done::Finished
            | Done::Logins { .. }
            | Done::TotpBegun { .. }
            | Done::TotpConfirmed(_)
            | Done::RegistrationInvited { .. }
            | Done::Accounts(_),
        ) => None,
        Ok(Done::Invited { room, code, .. }) => {
            Some(show_notice(&format!("into {room} with {}", code.as_str())))
        }
        Ok(Done::Bans { bans, .. }) => Some(show_notice(&format!("{} bans", bans.len()))),
        Ok(Done::Audit { entries, .. }) => Some(show_notice(&format!("{} deeds", entries.len()))),
        Ok(Done::Welcomed { you, .. }) => Some(show_notice(&format!("you are {}", you.name))),
        Ok(Done::Left { room }) => Some(show_notice(&format!("you left {room}"))),
        Ok(Done::Joined(joined)) => Some(show_joined(joined)),
        Ok(Done::History { room, messages, .. }) => {
            let mut text = String::new();
            for message in messages {
                text.push_str(&show_message(message, room, current));
            }
            if messages.is_empty() {
                text = show_notice("there is nothing older");
            }
            Some(text)
        }
        Ok(Done::Rooms { rooms, more }) => Some(show_rooms(rooms, *more)),
        Ok(Done::Who {
            room,
            members,
            member_count,
        }) => Some(show_members(room, members, *member_count)),
    }
}

/// Shows a message: `<alice> hello`, and where it was said unless that is the current room.
pub fn show_message(message: &Message, room: &RoomName, current: &RoomName) -> String {
    let prefix = if room == current {
        String::new()
    } else {
        format!("#{} ", room.as_str())
    };
    let Content::Said(said) = &message.content else {
        return show_notice(&format!("a message of {} was deleted", message.from));
    };
    let mut text = String::new();
    push_line(
        &mut text,
        &format!("{prefix}<{}> ", message.from),
        said.body.as_str(),
    );
    text
}

/// Shows a change as a notice: behind `<name> ` anybody could have typed it. Who reacts is not shown,
/// as lines that were printed long ago can't be pointed at.
fn show_change(change: &Change, room: &RoomName) -> Option<String> {
    let by = &change.by;
    Some(show_notice(&match &change.kind {
        ChangeKind::Topic(topic) if topic.as_str().is_empty() => {
            format!("{by} took away the topic of {room}")
        }
        ChangeKind::Topic(topic) => format!("{by} set the topic of {room}: {}", topic.as_str()),
        ChangeKind::Edited { body, .. } => {
            format!("{by} edited a message in {room}: {}", body.as_str())
        }
        ChangeKind::Deleted { .. } => format!("{by} deleted a message in {room}"),
        ChangeKind::Reacted { .. } => return None,
    }))
}

/// Shows a notice.
pub fn show_notice(notice: &str) -> String {
    let mut text = String::new();
    push_line(&mut text, "* ", notice);
    text
}

/// Shows an error.
pub fn show_error(error: &str) -> String {
    let mut text = String::new();
    push_line(&mut text, "! ", error);
    text
}

/// Shows to somebody that they are banned from the server: until when, and why.
fn show_ban(until: Option<Timestamp>, reason: &Reason) -> String {
    let mut text = ChatError::BannedFromServer { left_s: None }.to_string();
    if let Some(until) = until.and_then(show_time) {
        text.push_str(&format!(" until {until}"));
    }
    if !reason.as_str().is_empty() {
        text.push_str(": ");
        text.push_str(reason.as_str());
    }
    show_error(&text)
}

/// Shows a time to the minute; `None` for what no calendar holds.
pub(crate) fn show_time(at: Timestamp) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond(at.0).ok()?;
    Some(time.strftime("%F %H:%M UTC").to_string())
}

/// Shows which rooms there are.
pub fn show_rooms(rooms: &[RoomSummary], more: bool) -> String {
    let mut text = String::new();
    for room in rooms {
        let topic = room.topic.as_str();
        let about = if topic.is_empty() {
            String::new()
        } else {
            format!(": {topic}")
        };
        let line = format!("{} ({} here){about}", room.name, room.member_count);
        push_line(&mut text, "* ", &line);
    }
    if more {
        push_line(&mut text, "* ", "and more");
    }
    text
}

/// Shows who is in a room.
pub fn show_members(room: &RoomName, members: &[Member], member_count: usize) -> String {
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let mut text = format!("in {room}: {}", names.join(", "));
    if member_count > members.len() {
        text.push_str(&format!(" and {} more", member_count - members.len()));
    }
    show_notice(&text)
}

fn show_joined(joined: &Joined) -> String {
    let room = &joined.room;
    let mut text = show_notice(&format!("you are in {room}"));
    if !joined.topic.as_str().is_empty() {
        text.push_str(&show_notice(&format!("topic: {}", joined.topic.as_str())));
    }
    let first = joined.messages.len().saturating_sub(MAX_GLANCED_AT);
    for message in &joined.messages[first..] {
        text.push_str(&show_message(message, room, room));
    }
    let listed: &[Member] = &joined.members[..joined.members.len().min(MAX_GLANCED_AT)];
    text.push_str(&show_members(room, listed, joined.member_count));
    text
}

/// Adds `text` behind `prefix`, cleaned, and its further lines behind two spaces.
fn push_line(output: &mut String, prefix: &str, text: &str) {
    for (i, line) in text.split(is_line_break).enumerate() {
        output.push_str(if i == 0 { prefix } else { "  " });
        // A prefix holds names and room names, which have nothing hostile in them.
        output.extend(
            line.chars()
                .map(|c| if c == '\t' { ' ' } else { c })
                .filter(|c| !is_hostile(*c)),
        );
        output.push('\n');
    }
}

/// What some terminal may take for the end of a line.
fn is_line_break(c: char) -> bool {
    matches!(
        c,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Controls, which begin escape sequences, and characters that turn the reading direction.
pub(super) fn is_hostile(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::permission::Standing;
    use crate::chat::{Body, Said, UserName};

    fn message(body: &str) -> Message {
        Message {
            seq: 1,
            at: Timestamp(0),
            from: UserName::parse("alice").unwrap(),
            content: Content::Said(Said::new(Body::parse(body).unwrap())),
        }
    }

    fn room(name: &str) -> RoomName {
        RoomName::parse(name).unwrap()
    }

    #[test]
    fn messages_elsewhere_name_their_room() {
        let (lobby, dev) = (room("lobby"), room("dev"));
        assert_eq!(
            show_message(&message("hello"), &lobby, &lobby),
            "<alice> hello\n"
        );
        assert_eq!(
            show_message(&message("hello"), &dev, &lobby),
            "#dev <alice> hello\n"
        );
    }

    #[test]
    fn nobody_can_forge_a_line() {
        let lobby = room("lobby");
        for sign in ["\n", "\u{2028}", "\u{2029}"] {
            let body = format!("a{sign}<bob> forged{sign}* forged");
            let shown = show_message(&message(&body), &lobby, &lobby);
            assert_eq!(shown, "<alice> a\n  <bob> forged\n  * forged\n");
        }
    }

    #[test]
    fn nothing_turns_the_reading_direction() {
        let lobby = room("lobby");
        let shown = show_message(&message("a\u{202e}b\u{2069}c\td"), &lobby, &lobby);
        assert_eq!(shown, "<alice> abc d\n");
    }

    #[test]
    fn changes_are_notices_that_nobody_can_forge() {
        let kind = ChangeKind::Edited {
            seq: 1,
            body: Body::parse("new\n<bob> forged").unwrap(),
            at: Timestamp(0),
        };
        let shown = |kind| {
            let by = UserName::parse("alice").unwrap();
            let change = Change { rev: 1, kind, by };
            let room = room("lobby");
            show_event(&Event::Changed { room, change }, &RoomName::lobby())
        };
        assert_eq!(
            shown(kind).as_deref(),
            Some("* alice edited a message in lobby: new\n  <bob> forged\n")
        );
        assert_eq!(
            shown(ChangeKind::Deleted { seq: 1 }).as_deref(),
            Some("* alice deleted a message in lobby\n")
        );
    }

    #[test]
    fn deleted_message_is_a_notice() {
        let lobby = room("lobby");
        let mut deleted = message("secret");
        deleted.content = Content::Deleted;
        let shown = show_message(&deleted, &lobby, &lobby);
        assert_eq!(shown, "* a message of alice was deleted\n");
    }

    #[test]
    fn ban_is_an_error_with_its_end_and_its_reason() {
        for (until, reason, expected) in [
            (None, "", "! you are banned from this server\n"),
            (None, "spam", "! you are banned from this server: spam\n"),
            (
                Some(Timestamp(1_700_000_000_000)),
                "spam",
                "! you are banned from this server until 2023-11-14 22:13 UTC: spam\n",
            ),
        ] {
            let reason = Reason::parse(reason).unwrap();
            let event = Event::Banned { until, reason };
            let shown = show_event(&event, &room("lobby"));
            assert_eq!(shown.as_deref(), Some(expected));
        }
    }

    #[test]
    fn presence_is_a_notice() {
        let name = UserName::parse("alice").unwrap();
        let event = Event::Presence {
            room: room("lobby"),
            name,
            state: Presence::Joined(Standing {
                guest: true,
                server: Role::Member,
                role: Role::Member,
            }),
        };
        assert_eq!(
            show_event(&event, &room("dev")).as_deref(),
            Some("* alice joined lobby\n")
        );
    }
}
