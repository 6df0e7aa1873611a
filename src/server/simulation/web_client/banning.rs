//! How the server's owner keeps people and addresses out of it, and whether they are.

use serde_json::json;

use super::deeds::Deed;
use super::{Asked, WebClient};
use crate::chat::bans::Banned;
use crate::server::simulation::dice::Dice;
use crate::server::simulation::ledger::{Checked, Moment, ensure};
use crate::server::simulation::operator::BOT;
use crate::server::simulation::peer::Sight;
use crate::server::simulation::people::{COPIES, NAMES, NETWORKS};

/// What the owner does, and how often: not so much that nobody is left.
pub(super) const DEEDS: [(Deed, usize); 4] = [
    (Deed::KeepServer, 3),
    (Deed::Sessions, 8),
    (Deed::Ping, 4),
    (Deed::Close, 1),
];

impl WebClient {
    /// Bans somebody from the server, or an address; or lets them in again.
    pub(super) fn keep_server(&mut self, sight: &Sight<'_>, dice: &mut Dice, output: &mut Vec<u8>) {
        let banned = sight.ledger.bans.standing(sight.hub_time);
        let request = if !banned.is_empty() && dice.one_in(2) {
            match dice.pick(&banned) {
                Banned::Person(party) => {
                    json!({"type": "server_unban", "name": party.name.as_str()})
                }
                Banned::Network(network) => {
                    json!({"type": "server_unban", "address": network.to_string()})
                }
            }
        } else {
            let for_s = *dice.pick(&[None, Some(1), Some(5)]);
            if dice.one_in(3) {
                let address = *dice.pick(&NETWORKS);
                json!({"type": "server_ban", "address": address, "for_s": for_s})
            } else {
                let names = [&NAMES[..], &COPIES, &[BOT]].concat();
                json!({"type": "server_ban", "name": dice.pick(&names), "for_s": for_s})
            }
        };
        self.ask(Asked::ServerMeasure, request, sight, output);
    }

    /// Checks that its connection was not opened from where nobody is let in.
    pub(super) fn check_origin(&self, sight: &Sight<'_>) -> Checked {
        let is_closed = self.origin.is_some_and(|origin| {
            let since = Moment {
                told: origin.since.told,
                at: sight.hub_time,
            };
            sight.ledger.bans.is_closed_since(origin.address, since)
        });
        ensure!(
            !is_closed,
            "{} is let in from {:?}, which is banned",
            self.name,
            self.origin
        );
        Ok(())
    }

    /// Whether nobody may have been let in from where it comes.
    pub(super) fn may_be_kept_out(&self, sight: &Sight<'_>) -> bool {
        let bans = &sight.ledger.bans;
        self.origin
            .is_some_and(|origin| bans.may_be_closed(origin.address, origin.since))
    }
}
