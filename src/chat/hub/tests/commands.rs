//! What sessions ask for, in few words.

use std::time::Duration;

use super::*;
use crate::chat::command::RoomCommand;
use crate::chat::event::Role;
use crate::chat::order::{InviteCode, Reason, RestraintKind};

pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn session(who: u64) -> SessionId {
    SessionId {
        worker: 0,
        connection: who,
    }
}

pub(super) fn room(name: &str) -> RoomName {
    RoomName::parse(name).expect(name)
}

pub(super) fn user(name: &str) -> UserName {
    UserName::parse(name).expect(name)
}

pub(super) fn code(answer: Result<Done, ChatError>) -> &'static str {
    answer.expect_err("a refusal").code()
}

pub(super) fn hello(name: &str, id: u64) -> Command {
    let name = user(name);
    Command::Hello(Hello::Guest {
        name,
        fresh: GuestId(id.into()),
    })
}

pub(super) fn join(name: &str) -> Command {
    Command::Join {
        room: room(name),
        since: None,
        rev: None,
        create: true,
        invite: None,
        glance: false,
    }
}

pub(super) fn join_with(name: &str, code: u128) -> Command {
    Command::Join {
        room: room(name),
        since: None,
        rev: None,
        create: false,
        invite: Some(InviteCode::new(code)),
        glance: false,
    }
}

pub(super) fn leave(name: &str) -> Command {
    Command::Leave { room: room(name) }
}

pub(super) fn send(name: &str, body: &str, key: Option<&str>) -> Command {
    let body = Body::parse(body).expect(body);
    let key = key.map(|key| MessageKey::parse(key).expect(key));
    Command::Send {
        room: room(name),
        body,
        key,
        reply_to: None,
    }
}

pub(super) fn create(name: &str, visibility: Visibility) -> Command {
    Command::Create {
        room: room(name),
        visibility,
        topic: Topic::default(),
    }
}

pub(super) fn direct(to: &str) -> Command {
    Command::Direct { to: user(to) }
}

pub(super) fn keep(name: &str, command: RoomCommand) -> Command {
    let room = room(name);
    Command::Room { room, command }
}

pub(super) fn read(name: &str, seq: Seq) -> Command {
    keep(name, RoomCommand::Read { seq })
}

pub(super) fn kick(name: &str, whom: &str) -> Command {
    let reason = Reason::parse("spam").unwrap();
    keep(
        name,
        RoomCommand::Kick {
            name: user(whom),
            reason,
        },
    )
}

pub(super) fn restrained(name: &str, kind: RestraintKind) -> Command {
    let before = None;
    keep(name, RoomCommand::Restrained { kind, before })
}

fn restrain(kind: RestraintKind, name: &str, whom: &str, lasting: Option<u64>) -> Command {
    keep(
        name,
        RoomCommand::Restrain {
            kind,
            name: user(whom),
            lasting: lasting.map(Duration::from_secs),
            address: false,
            reason: Reason::default(),
        },
    )
}

pub(super) fn ban(name: &str, whom: &str, lasting: Option<u64>) -> Command {
    restrain(RestraintKind::Ban, name, whom, lasting)
}

pub(super) fn mute(name: &str, whom: &str, lasting: Option<u64>) -> Command {
    restrain(RestraintKind::Mute, name, whom, lasting)
}

pub(super) fn lift(kind: RestraintKind, name: &str, whom: &str) -> Command {
    keep(
        name,
        RoomCommand::Lift {
            kind,
            name: user(whom),
            reason: Reason::default(),
        },
    )
}

pub(super) fn give(name: &str, whom: &str, role: Role) -> Command {
    keep(
        name,
        RoomCommand::Role {
            name: user(whom),
            role,
        },
    )
}

pub(super) fn slow_mode(name: &str, seconds: u64) -> Command {
    let interval = Duration::from_secs(seconds);
    keep(name, RoomCommand::SlowMode { interval })
}
