//! Writes who is banned, and what was done to keep order.

use super::Object;
use crate::chat::bans::{BanRecord, Banned};
use crate::chat::order::{AuditEntry, Deed, Measure, RestraintKind};
use crate::chat::{Reason, RoomName};

impl Object {
    pub(super) fn bans(
        &mut self,
        room: Option<&RoomName>,
        kind: RestraintKind,
        bans: &[BanRecord],
        more: bool,
    ) {
        if let Some(room) = room {
            self.text("room", room.as_str());
        }
        let name = match kind {
            RestraintKind::Ban => "bans",
            RestraintKind::Mute => "mutes",
        };
        self.array(name, bans, Self::ban);
        self.boolean("more", more);
    }

    fn ban(&mut self, ban: &BanRecord) {
        self.banned(&ban.whom);
        self.text("by", ban.by.as_str());
        self.time("at", ban.at);
        if let Some(until) = ban.until {
            self.time("until", until);
        }
        self.reason(&ban.reason);
    }

    pub(super) fn audit(&mut self, room: Option<&RoomName>, entries: &[AuditEntry], more: bool) {
        if let Some(room) = room {
            self.text("room", room.as_str());
        }
        self.array("entries", entries, Self::audit_entry);
        self.boolean("more", more);
    }

    fn audit_entry(&mut self, entry: &AuditEntry) {
        self.number("id", entry.id);
        self.time("at", entry.at);
        self.text("by", entry.by.as_str());
        match &entry.deed {
            Deed::Measure {
                name,
                measure,
                reason,
            } => {
                self.text("action", measure.as_str());
                self.text("name", name.as_str());
                if let Measure::Role(role) = measure {
                    self.text("role", role.as_str());
                }
                if let Some(until) = measure.until() {
                    self.time("until", until);
                }
                self.reason(reason);
            }
            Deed::SlowMode(interval) => {
                self.text("action", "slow_mode");
                self.number("seconds", interval.as_secs());
            }
            Deed::Invite { until } => {
                self.text("action", "invite");
                self.time("until", *until);
            }
            Deed::Uninvite => self.text("action", "uninvite"),
            Deed::Retention { days } => {
                self.text("action", "retention");
                self.number("days", *days);
            }
            Deed::ServerBan {
                whom,
                until,
                reason,
            } => {
                self.text("action", "server_ban");
                self.banned(whom);
                if let Some(until) = until {
                    self.time("until", *until);
                }
                self.reason(reason);
            }
            Deed::ServerUnban { whom, reason } => {
                self.text("action", "server_unban");
                self.banned(whom);
                self.reason(reason);
            }
            Deed::ServerRole { name, role } => {
                self.text("action", "server_role");
                self.text("name", name.as_str());
                self.text("role", role.as_str());
            }
        }
    }

    fn banned(&mut self, whom: &Banned) {
        match whom {
            Banned::Person(party) => self.text("name", party.name.as_str()),
            Banned::Network(network) => self.text("address", &network.to_string()),
        }
    }

    fn reason(&mut self, reason: &Reason) {
        if !reason.as_str().is_empty() {
            self.text("reason", reason.as_str());
        }
    }
}
