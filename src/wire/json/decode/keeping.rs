//! Reads requests about how rooms are kept.

use std::time::Duration;

use crate::chat::command::{RoomCommand, ServerCommand, Whom};
use crate::chat::event::Role;
use crate::chat::order::{self, Reason, RestraintKind};
use crate::chat::{ChatError, Network, Timestamp, hub};
use crate::wire::json::decode::{DEFAULT_HISTORY, Fields, HISTORY_RULE};

impl Fields<'_> {
    /// What is asked about how a room is kept.
    pub(super) fn room_command(&self, kind: &str) -> Result<RoomCommand, ChatError> {
        use RestraintKind::{Ban, Mute};
        Ok(match kind {
            "read" => RoomCommand::Read { seq: self.seq()? },
            "kick" => RoomCommand::Kick {
                name: self.user_name()?,
                reason: self.reason()?,
            },
            "ban" => self.restrain(Ban)?,
            "mute" => self.restrain(Mute)?,
            "unban" => self.lift(Ban)?,
            "unmute" => self.lift(Mute)?,
            "role" => RoomCommand::Role {
                name: self.user_name()?,
                role: self.role()?,
            },
            "slow_mode" => RoomCommand::SlowMode {
                interval: self
                    .duration("seconds", order::MAX_SLOW_MODE)?
                    .ok_or(ChatError::BadRequest("seconds is missing"))?,
            },
            "remove_room" => RoomCommand::Remove,
            "uninvite" => RoomCommand::Uninvite,
            "audit" => {
                let (before, limit) = self.audit()?;
                RoomCommand::Audit { before, limit }
            }
            "bans" => self.restrained(Ban)?,
            "mutes" => self.restrained(Mute)?,
            "retention" => {
                let days = self.integer("days", DAYS_RULE)?;
                let days = days.and_then(|days| u32::try_from(days).ok());
                let days = days.filter(|days| *days <= order::MAX_RETENTION_DAYS);
                RoomCommand::Retention {
                    days: days.ok_or(ChatError::BadRequest(DAYS_RULE))?,
                }
            }
            _ => return Err(ChatError::UnknownType),
        })
    }

    /// What is asked about the whole server, if anything is.
    pub(super) fn server_command(&self, kind: &str) -> Result<Option<ServerCommand>, ChatError> {
        let has_room = self.value("room").is_some();
        Ok(Some(match kind {
            "server_ban" => ServerCommand::Ban {
                whom: self.whom()?,
                lasting: self.lasting()?,
                reason: self.reason()?,
            },
            "server_unban" => ServerCommand::Unban {
                whom: self.whom()?,
                reason: self.reason()?,
            },
            "server_role" => ServerCommand::SetOp {
                name: self.user_name()?,
                is_op: match self.text("role", SERVER_ROLE_RULE)? {
                    Some("op") => true,
                    Some("member") => false,
                    _ => return Err(ChatError::BadRequest(SERVER_ROLE_RULE)),
                },
            },
            "bans" if !has_room => ServerCommand::Bans {
                before: self.time("before", BEFORE_RULE)?,
            },
            "audit" if !has_room => {
                let (before, limit) = self.audit()?;
                ServerCommand::Audit { before, limit }
            }
            _ => return Ok(None),
        }))
    }

    fn whom(&self) -> Result<Whom, ChatError> {
        match self.text("address", ADDRESS_RULE)? {
            Some(address) if self.value("name").is_none() => {
                Ok(Whom::Network(Network::parse(address)?))
            }
            Some(_) => Err(ChatError::BadRequest(ADDRESS_RULE)),
            None => Ok(Whom::Name(self.user_name()?)),
        }
    }

    fn time(&self, name: &str, rule: &'static str) -> Result<Option<Timestamp>, ChatError> {
        let text = self.text(name, rule)?;
        let time = text.map(str::parse::<jiff::Timestamp>).transpose();
        let time = time.map_err(|_| ChatError::BadRequest(rule))?;
        Ok(time.map(|time| Timestamp(time.as_millisecond())))
    }

    fn audit(&self) -> Result<(Option<u64>, usize), ChatError> {
        let before = self.integer("before", "before must be an entry's number")?;
        let limit = self.limit(hub::MAX_HISTORY, HISTORY_RULE)?;
        Ok((before, limit.unwrap_or(DEFAULT_HISTORY)))
    }

    fn lasting(&self) -> Result<Option<Duration>, ChatError> {
        let lasting = self.duration("for_s", order::MAX_RESTRAINT)?;
        if lasting.is_some_and(|lasting| lasting.is_zero()) {
            return Err(ChatError::BadRequest("for_s must be at least 1"));
        }
        Ok(lasting)
    }

    pub(super) fn restrain(&self, kind: RestraintKind) -> Result<RoomCommand, ChatError> {
        let lasting = self.lasting()?;
        let address = self.boolean("address", "address must be true or false")?;
        Ok(RoomCommand::Restrain {
            kind,
            name: self.user_name()?,
            lasting,
            address: address && kind == RestraintKind::Ban,
            reason: self.reason()?,
        })
    }

    pub(super) fn lift(&self, kind: RestraintKind) -> Result<RoomCommand, ChatError> {
        Ok(RoomCommand::Lift {
            kind,
            name: self.user_name()?,
            reason: self.reason()?,
        })
    }

    fn restrained(&self, kind: RestraintKind) -> Result<RoomCommand, ChatError> {
        let before = self.time("before", BEFORE_RULE)?;
        Ok(RoomCommand::Restrained { kind, before })
    }

    pub(super) fn reason(&self) -> Result<Reason, ChatError> {
        let reason = self.text("reason", "reason must be a string")?;
        Reason::parse(reason.unwrap_or_default())
    }

    pub(super) fn role(&self) -> Result<Role, ChatError> {
        match self.text("role", ROLE_RULE)? {
            Some("owner") => Ok(Role::Owner),
            Some("op") => Ok(Role::Op),
            Some("member") => Ok(Role::Member),
            _ => Err(ChatError::BadRequest(ROLE_RULE)),
        }
    }

    /// A number of seconds, up to `max`.
    pub(super) fn duration(
        &self,
        name: &str,
        max: Duration,
    ) -> Result<Option<Duration>, ChatError> {
        let rule = if name == "for_s" {
            "for_s must be a number of seconds that is not too large"
        } else {
            "seconds must be a number from 0 to 21600"
        };
        let duration = self.integer(name, rule)?.map(Duration::from_secs);
        match duration {
            Some(duration) if duration > max => Err(ChatError::BadRequest(rule)),
            duration => Ok(duration),
        }
    }
}

const ROLE_RULE: &str = "role must be owner, op or member";

const DAYS_RULE: &str = "days must be a number from 0 to 36500";

const BEFORE_RULE: &str = "before must be a time such as 2026-01-01T00:00:00.000Z";

const SERVER_ROLE_RULE: &str = "role must be op or member";

const ADDRESS_RULE: &str = "either a name or an address must be given, as a string";
