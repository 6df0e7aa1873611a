//! What a client is granted, held against what it asked and what it may know.

use serde_json::Value;

use super::{Asked, Position, Question, WebClient};
use crate::chat::account::LoginId;
use crate::chat::order::RestraintKind;
use crate::server::simulation::ledger::{AsOf, Checked, Happened, Violation, ensure};
use crate::server::simulation::peer::Sight;
use crate::server::simulation::view::{View, list};

impl WebClient {
    /// It was granted.
    pub(super) fn done(&mut self, question: Question, done: &Value, sight: &Sight<'_>) -> Checked {
        let Question {
            asked,
            told,
            position,
        } = question;
        let ledger = sight.ledger;
        match asked {
            Asked::Hello(proof) => self.arrived(&proof, told, done, sight),
            Asked::Join {
                room, since, rev, ..
            } => {
                ensure!(done["room"] == *room, "{room} was meant: {done}");
                self.entered(&room, (since, rev), told, done, sight)
            }
            Asked::Create | Asked::Direct => {
                let room = done["room"].as_str().unwrap_or_default();
                self.entered(room, (None, None), told, done, sight)
            }
            Asked::Leave { room } => {
                // Another device may have left, of which it was told.
                let has_left = ledger.may_have_left(&room, &self.eyes(), told);
                let view = self.views.get_mut(&room);
                let was_in = view.is_some_and(|view| std::mem::take(&mut view.is_in));
                ensure!(
                    was_in || has_left,
                    "{} left {room} without being there",
                    self.name
                );
                if !super::ROOMS.contains(&room.as_str()) {
                    self.give_up(&room);
                }
                Ok(())
            }
            Asked::Send {
                room, body, key, ..
            } => self.sent(&room, &body, key.as_deref(), done, sight),
            Asked::Change { room, seq } => {
                let rev = done["rev"].as_u64().unwrap_or(0);
                ensure!(
                    ledger.is_change_of(&room, rev, seq, &self.eyes()),
                    "change {rev} of {room} is none of {seq}: {done}"
                );
                Ok(())
            }
            Asked::Read { room, seq } => self.has_read(room, seq, sight),
            Asked::History {
                room,
                before,
                limit,
                seen,
            } => {
                ensure!(done["room"] == *room, "{room} was meant: {done}");
                let as_of = match self.views.get(&room) {
                    Some(view) if view.is_in && !view.is_loose => AsOf::Rev(view.rev),
                    _ => AsOf::Since(ledger.rev_at(&room, told)),
                };
                self.check_shown(&room, told, done, sight)?;
                let seen = (seen, &ledger.erased(&room, told));
                View::history(&room, (before, limit), seen, as_of, done, ledger)
            }
            Asked::Search { word, is_audit } => {
                self.found(word, is_audit, (told, position), done, sight)
            }
            Asked::Who { room, is_audit } => {
                ledger.check_eyes(&room, &self.eyes(), told)?;
                match self.views.get(&room) {
                    Some(view) if is_audit => view.audit(&room, done),
                    _ => Ok(()),
                }
            }
            Asked::Rooms { is_audit } => self.listed(is_audit, told, done, sight),
            Asked::Sessions => self.listed_logins(done, sight),
            Asked::Revoke { session } => {
                let login = LoginId(session);
                ensure!(
                    !ledger.accounts.is_open(login),
                    "{session} is revoked, and open"
                );
                Ok(())
            }
            // Whether it is set, the push that follows tells.
            Asked::Topic { .. }
            | Asked::Invite { .. }
            | Asked::Measure { .. }
            | Asked::ServerMeasure => Ok(()),
            Asked::Typing { .. } | Asked::Nonsense => {
                Err(Violation(format!("{asked:?} was answered by {done}")))
            }
        }
    }

    fn entered(
        &mut self,
        room: &str,
        (since, rev): (Option<u64>, Option<u64>),
        told: Position,
        done: &Value,
        sight: &Sight<'_>,
    ) -> Checked {
        self.check_shown(room, told, done, sight)?;
        let (ledger, eyes) = (sight.ledger, self.eyes());
        ledger.check_eyes(room, &eyes, told)?;
        ensure!(
            !ledger.was_held(RestraintKind::Ban, room, &eyes, told),
            "{} is banned from {room}, and entered",
            self.name
        );
        if let Some(newest) = list(done, "messages").last() {
            let happened = Happened::Entrance(newest["seq"].as_u64().unwrap_or(0));
            ledger.check_not_banned(room, happened, &eyes, sight.hub_time)?;
        }
        let view = self.views.entry(room.to_owned()).or_default();
        let erased = ledger.erased(room, told);
        view.joined(room, (since, rev), &erased, done, sight.ledger)
    }

    /// Checks that it may see the messages of an answer.
    fn check_shown(&self, room: &str, told: Position, done: &Value, sight: &Sight<'_>) -> Checked {
        // A page has no holes: who may see the last may see all of it.
        let newest = list(done, "messages").last();
        let seq = newest.and_then(|message| message["seq"].as_u64());
        let seq = seq.unwrap_or(0);
        sight.ledger.check_eyes_on(room, seq, &self.eyes(), told)
    }

    fn sent(
        &mut self,
        room: &str,
        body: &str,
        key: Option<&str>,
        done: &Value,
        sight: &Sight<'_>,
    ) -> Checked {
        let seq = done["seq"].as_u64().unwrap_or(0);
        let first = sight.ledger.first_body(room, seq);
        let message = sight.ledger.message(room, seq);
        ensure!(
            first.is_some_and(|first| first.as_str() == body)
                && message.is_some_and(|it| self.is_own(it.from.as_str())),
            "{body:?} is acknowledged as {seq} of {room}, which is {message:?}"
        );
        self.drafts.retain(|draft| key != Some(&draft.key));
        Ok(())
    }

    fn has_read(&mut self, room: String, seq: u64, sight: &Sight<'_>) -> Checked {
        if let Some(account) = self.account {
            ensure!(
                sight.ledger.has_read(&room, account, seq),
                "{} has read {seq} of {room}, which is not durable",
                self.name
            );
        }
        self.mark(room, seq);
        Ok(())
    }

    /// Takes note of how far it has read, here or on another device.
    pub(super) fn mark(&mut self, room: String, seq: u64) {
        let session = self.session().expect("told on a connection");
        session.marks.insert((room, seq));
    }

    fn found(
        &self,
        word: &str,
        is_audit: bool,
        (told, position): (Position, Position),
        done: &Value,
        sight: &Sight<'_>,
    ) -> Checked {
        let ledger = sight.ledger;
        let mut found = Vec::new();
        for message in list(done, "messages") {
            let room = message["room"].as_str().unwrap_or_default();
            // What was deleted or changed before it asked is found no more.
            let as_of = AsOf::Since(ledger.rev_at(room, position));
            let seq = ledger.check_message(room, message, as_of)?;
            ledger.check_eyes_on(room, seq, &self.eyes(), told)?;
            let gone = ledger.erased(room, position);
            ensure!(seq > *gone.start(), "{seq} of {room} is gone, and found");
            let body = message["body"].as_str().unwrap_or_default();
            ensure!(body.contains(word), "{word} is not in {body}");
            found.push((room, seq));
        }
        if let Some(account) = self.account.filter(|_| is_audit) {
            let due = ledger.find(account, word);
            let is_whole = found.len() < MAX_FOUND;
            // Whose conversation a guest's is once the guest has an account, is not written down.
            found.retain(|(room, _)| !ledger.is_of_guests(room));
            // Nor is what was erased since it was found.
            found.retain(|(room, seq)| !ledger.is_gone(room, *seq));
            ensure!(
                due.starts_with(&found) && (!is_whole || found.len() == due.len()),
                "{} finds {word} in {found:?}, and it is in {due:?}",
                self.name
            );
        }
        Ok(())
    }

    fn listed(&self, is_audit: bool, told: Position, done: &Value, sight: &Sight<'_>) -> Checked {
        for room in list(done, "rooms") {
            let name = room["name"].as_str().unwrap_or_default();
            sight.ledger.check_eyes(name, &self.eyes(), told)?;
            let unread = self.account.filter(|_| is_audit);
            let unread = unread.and_then(|account| sight.ledger.unread(name, account));
            ensure!(
                unread.is_none_or(|count| room["unread"] == count),
                "{} has not read {unread:?} of {room}",
                self.name
            );
        }
        Ok(())
    }

    fn listed_logins(&mut self, done: &Value, sight: &Sight<'_>) -> Checked {
        let sessions = list(done, "sessions").iter();
        let own = |it: &Value| it["current"] == true;
        let current = sessions.clone().find(|it| own(it));
        let current = current.and_then(|it| it["session"].as_i64());
        ensure!(
            current == self.login.map(|login| login.0),
            "{} came with {:?}, and {current:?} is said to be current",
            self.name,
            self.login
        );
        self.logins = sessions.filter_map(|it| it["session"].as_i64()).collect();
        let accounts = &sight.ledger.accounts;
        let account = self.account;
        let is_own = |id: &i64| accounts.owner(LoginId(*id)) == account;
        ensure!(
            self.logins.iter().all(is_own),
            "{} is shown others' sessions",
            self.name
        );
        Ok(())
    }
}

/// What it asks for.
const MAX_FOUND: usize = 50;
