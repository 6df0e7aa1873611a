//! What a client is refused, and whether that is fair.

use std::time::Duration;

use serde_json::Value;

use super::{Asked, Question, WebClient};
use crate::chat::Timestamp;
use crate::chat::order::RestraintKind;
use crate::chat::shares::Scope;
use crate::server::simulation::ledger::{Checked, Violation, ensure};
use crate::server::simulation::peer::Sight;

impl WebClient {
    /// It was not granted.
    pub(super) fn refused(
        &mut self,
        question: &Question,
        refusal: &Value,
        sight: &Sight<'_>,
    ) -> Checked {
        let asked = &question.asked;
        let code = refusal["code"].as_str().unwrap_or_default();
        if code == "rate_limited" {
            return self.told_to_wait(asked, refusal, sight);
        }
        let is_fair = match asked {
            Asked::Hello(proof) => self.is_fair_to_refuse_it(proof, code, question.told, sight),
            Asked::Nonsense => true,
            _ if code == "busy" => true,
            Asked::Join { room, is_open, .. } => {
                let is_fair = self.is_fair_to_keep_out(room, *is_open, code, question, sight);
                self.give_up(room);
                is_fair
            }
            Asked::ServerMeasure => matches!(code, "forbidden" | "not_found"),
            Asked::Create => matches!(code, "room_exists" | "forbidden"),
            Asked::Direct => matches!(code, "not_found" | "forbidden"),
            Asked::Sessions => code == "forbidden" && self.account.is_none(),
            Asked::Revoke { .. } => matches!(code, "not_found" | "forbidden"),
            Asked::Rooms { .. } | Asked::Search { .. } => false,
            Asked::Send {
                room,
                key,
                reply_to,
                ..
            } => {
                // What it answers may be gone.
                let is_late = reply_to.is_some_and(|seq| sight.ledger.is_gone(room, seq));
                let is_fair = code == "not_found" && is_late
                    || self.is_fair_to_silence(room, code, question, sight);
                self.drafts.retain(|draft| key.as_ref() != Some(&draft.key));
                is_fair
            }
            Asked::Change { room, seq } => {
                let is_own = self.is_author(room, *seq, sight);
                match code {
                    "already" => true,
                    "not_found" => {
                        let message = sight.ledger.message(room, *seq);
                        message.is_none_or(|message| message.said().is_none())
                            || sight.ledger.is_gone(room, *seq)
                            || self.is_outside(room, question, sight)
                    }
                    "forbidden" => {
                        self.account.is_none() || !is_own || self.is_outside(room, question, sight)
                    }
                    _ => self.is_fair_to_silence(room, code, question, sight),
                }
            }
            Asked::Typing { room } => self.is_fair_to_silence(room, code, question, sight),
            Asked::Topic { .. } | Asked::Measure { .. } | Asked::Invite { .. } => {
                matches!(code, "forbidden" | "not_found" | "already")
            }
            Asked::Read { room, .. }
            | Asked::Leave { room }
            | Asked::History { room, .. }
            | Asked::Who { room, .. } => {
                matches!(code, "forbidden" | "not_found" | "already")
                    && self.is_outside(room, question, sight)
            }
        };
        ensure!(is_fair, "{} asked {asked:?}: {refusal}", self.name);
        Ok(())
    }

    fn told_to_wait(&mut self, asked: &Asked, refusal: &Value, sight: &Sight<'_>) -> Checked {
        let wait = refusal["retry_after_ms"].as_u64();
        ensure!(
            !matches!(asked, Asked::Send { is_due: true, room, .. } if !sight.ledger.is_slow(room)),
            "{} waited as long as it was told, and was refused",
            self.name
        );
        let wait = wait.ok_or_else(|| Violation(format!("how long to wait? {refusal}")))?;
        let until = sight.now + Duration::from_millis(wait);
        match asked {
            Asked::Send { room, .. } => {
                self.waits_until = self.waits_until.max(Some(until));
                // Another device may speak meanwhile, or what was asked before is judged; who waits
                // for a room waits for no other.
                let is_alone = match sight.shared_by {
                    None => true,
                    Some(Scope::Account) => self.device.is_none() && self.pocket.is_none(),
                    Some(Scope::Address) => false,
                };
                let is_alone = is_alone && !self.has_asked(Asked::takes_share);
                let is_promised = is_alone && !sight.ledger.is_slow(room);
                let wait = i64::try_from(wait).unwrap_or(i64::MAX);
                self.due_at = is_promised.then(|| Timestamp(sight.hub_time.0.saturating_add(wait)));
            }
            Asked::Hello(_) => self.greets_at = Some(until),
            _ => {}
        }
        Ok(())
    }

    /// Whether it may be in the room no longer, though it was told nothing yet.
    fn is_outside(&self, room: &str, question: &Question, sight: &Sight<'_>) -> bool {
        // What it was told since it was let in it knows; a refusal may come after it was let in again.
        let view = self.views.get(room).filter(|view| view.is_in);
        let is_in = view.is_some_and(|view| view.entered_at <= question.position);
        !is_in
            || sight
                .ledger
                .may_have_left(room, &self.eyes(), question.told)
    }

    fn is_fair_to_silence(
        &self,
        room: &str,
        code: &str,
        question: &Question,
        sight: &Sight<'_>,
    ) -> bool {
        match code {
            "muted" => {
                sight
                    .ledger
                    .may_be_held(RestraintKind::Mute, room, &self.eyes(), question.told)
            }
            "read_only" => room.starts_with('@'),
            "forbidden" | "not_found" => self.is_outside(room, question, sight),
            _ => false,
        }
    }

    fn is_fair_to_keep_out(
        &self,
        room: &str,
        is_open: bool,
        code: &str,
        question: &Question,
        sight: &Sight<'_>,
    ) -> bool {
        let (ledger, told) = (sight.ledger, question.told);
        match code {
            "banned" => {
                let eyes = self.eyes();
                ledger.may_be_held(RestraintKind::Ban, room, &eyes, told)
            }
            "not_found" if is_open => ledger.may_be_uninvited(room, told),
            // Who belongs there needs no code.
            "not_found" => {
                let is_member = self
                    .account
                    .is_some_and(|account| ledger.unread(room, account).is_some());
                !is_member || ledger.is_new_since(room, &self.eyes(), told)
            }
            _ => false,
        }
    }
}
