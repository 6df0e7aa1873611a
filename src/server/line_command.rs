//! What a line that somebody types asks the hub for.

use crate::chat::log::Span;
use crate::chat::{Body, ChatError, Command, Hello, RoomName, Topic, UserName, hub};
use crate::server::context::Context;
use crate::wire::line::Line;

/// The command that a line of somebody in that room, under that name, stands for; `None` is a call
/// for help.
///
/// # Errors
/// What is wrong with the line, as it is said.
pub(crate) fn command(
    line: Line<'_>,
    current: &RoomName,
    name: Option<&UserName>,
    context: &mut Context<'_>,
) -> Result<Option<Command>, String> {
    let room = |text: &str| match text {
        "" => Ok(current.clone()),
        name => RoomName::parse(name).map_err(|error| error.to_string()),
    };
    let said = |error: ChatError| error.to_string();
    let send = |body: &str| {
        let (room, body) = (current.clone(), Body::parse(body).map_err(said)?);
        Ok::<_, String>(Command::Send {
            room,
            body,
            key: None,
            reply_to: None,
        })
    };
    Ok(Some(match line {
        Line::Say(text) => send(text)?,
        Line::Me("") => return Err("what do you do? For instance --me: waves".into()),
        Line::Me(text) => {
            let name = name.map_or("", |name| name.as_str());
            send(&format!("* {name} {text}"))?
        }
        Line::Name(name) => {
            let name = UserName::parse(name).map_err(said)?;
            // Line mode has said hello already, and unless that was refused, this only changes
            // the name.
            let fresh = context.fresh_guest();
            Command::Hello(Hello::Guest { name, fresh })
        }
        Line::Join("") => return Err("which room? For instance --join: tea".into()),
        Line::Join(name) => {
            let room = room(name)?;
            Command::Join {
                room,
                since: None,
                rev: None,
                create: true,
                invite: None,
                glance: true,
            }
        }
        Line::Leave(name) => Command::Leave { room: room(name)? },
        Line::Rooms => Command::Rooms,
        Line::Who => Command::Who {
            room: current.clone(),
        },
        Line::Topic("") => {
            return Err("what is it about? For instance --topic: tea and biscuits".into());
        }
        Line::Topic(topic) => {
            let (room, topic) = (current.clone(), Topic::parse(topic).map_err(said)?);
            Command::Topic { room, topic }
        }
        Line::History(count) => {
            let limit = if count.is_empty() {
                Ok(DEFAULT_HISTORY)
            } else {
                count.parse()
            };
            let limit = limit.map_err(|_| "how many? For instance --history: 20".to_owned())?;
            let limit = limit.clamp(1, hub::MAX_HISTORY);
            Command::History {
                room: current.clone(),
                span: Span::Newest,
                limit,
            }
        }
        Line::Unknown(name) => {
            return Err(format!(
                "there is no command {name}; --help: tells which there are"
            ));
        }
        Line::Help | Line::Blank | Line::Http | Line::Quit | Line::Msg(_) | Line::Login(_) => {
            return Ok(None);
        }
    }))
}

/// Messages of `--history:` without a number.
const DEFAULT_HISTORY: usize = 20;
