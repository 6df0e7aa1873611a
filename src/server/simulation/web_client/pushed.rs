//! What a client is told without asking.

use serde_json::Value;

use super::WebClient;
use crate::server::simulation::ledger::{Checked, Happened, Violation, ensure};
use crate::server::simulation::peer::Sight;

impl WebClient {
    pub(super) fn pushed(&mut self, kind: &str, push: &Value, sight: &Sight<'_>) -> Checked {
        let room = push["room"].as_str().unwrap_or_default();
        let seq = push["seq"].as_u64().unwrap_or(0);
        let ledger = sight.ledger;
        match kind {
            "shutdown" => {
                ensure!(sight.is_draining, "the server goes on: {push}");
                return Ok(());
            }
            "banned" => {
                let told = self.origin.map_or(0, |origin| origin.since.told);
                let is_fair =
                    ledger.may_be_banned(&self.eyes(), told) || self.may_be_kept_out(sight);
                ensure!(is_fair, "nobody has banned {}: {push}", self.name);
                return Ok(());
            }
            "room" => {
                let is_removed = push["state"] == "removed";
                ensure!(
                    is_removed || ledger.is_public(room),
                    "{room} is none that everybody sees: {push}"
                );
                return Ok(());
            }
            "unread" => {
                ensure!(
                    ledger.message(room, seq).is_some(),
                    "{seq} of {room} is not durable"
                );
                // Whoever was in a room that everybody sees, on a connection that broke, may not
                // have been told so.
                let eyes = self.eyes();
                let belongs = ledger.belonged_since(room, seq, &eyes);
                ensure!(
                    belongs || ledger.is_public(room),
                    "{eyes:?} does not belong to {room}: {push}"
                );
                return Ok(());
            }
            "read" => {
                // How far guests have read is not written down.
                let is_so = match self.account {
                    Some(account) => ledger.has_read(room, account, seq),
                    None => self.pocket.is_some() && ledger.message(room, seq).is_some(),
                };
                ensure!(is_so, "{} has not read that: {push}", self.name);
                self.mark(room.to_owned(), seq);
                return Ok(());
            }
            "opened" => {
                ledger.check_eyes(room, &self.eyes(), 0)?;
                let view = self.views.entry(room.to_owned()).or_default();
                view.is_loose |= !view.is_in;
                view.is_in = true;
                return Ok(());
            }
            "removed" => {
                // Who logs in where a guest was may be banned there, and hears of that first.
                let is_shut_out = push["reason"] == SHUT_OUT && ledger.keeps_accounts_out(room);
                let is_heirs = TAKEN_OVER.iter().any(|reason| push["reason"] == *reason)
                    && ledger.has_changed_hands(room);
                ensure!(
                    is_shut_out || is_heirs || ledger.may_have_left(room, &self.eyes(), 0),
                    "nobody has put {} out: {push}",
                    self.name
                );
                self.give_up(room);
                return Ok(());
            }
            _ => {}
        }
        let eyes = self.eyes();
        let view = self.views.get_mut(room).filter(|view| view.is_in);
        let Some(view) = view else {
            return Err(Violation(format!("{} is not in {room}: {push}", self.name)));
        };
        let happened = match push["rev"].as_u64() {
            Some(rev) => Happened::Change(rev),
            None => Happened::Message(seq),
        };
        ledger.check_not_banned(room, happened, &eyes, sight.hub_time)?;
        match kind {
            "message" => {
                ledger.check_eyes_on(room, seq, &eyes, 0)?;
                view.message(room, push, ledger)
            }
            "topic" | "edited" | "deleted" | "reaction" => view.change(room, push, ledger),
            "presence" => view.presence(push),
            "typing" | "notice" | "you" => Ok(()),
            _ => Err(Violation(format!("what is {push}?"))),
        }
    }
}

/// What a guest's connections are told when a conversation goes over to an account.
const TAKEN_OVER: [&str; 2] = [
    "your account has this conversation",
    "this conversation is another account's",
];

/// Why an account may not stay where it was as a guest.
const SHUT_OUT: &str = "you are banned here";
