//! What a client is told, held against what it asked and what it may know.

use std::time::Duration;

use serde_json::Value;

use super::{Asked, Phase, WebClient};
use crate::server::simulation::ledger::{Checked, Violation, ensure};
use crate::server::simulation::peer::Sight;
use crate::server::simulation::view::View;
use crate::websocket::CloseCode;

impl WebClient {
    pub(super) fn told(&mut self, text: &str, sight: &Sight<'_>) -> Checked {
        let told: Value = serde_json::from_str(text)
            .map_err(|error| Violation(format!("{error} in what {} is told: {text}", self.name)))?;
        let session = self.session().expect("told on a connection");
        let kind = told["type"].as_str().unwrap_or_default();
        if !session.is_welcome {
            ensure!(kind == "welcome", "{text} comes before the welcome");
            session.is_welcome = true;
            return Ok(());
        }
        match kind {
            "done" | "error" => {
                let Some(id) = told["re"].as_u64() else {
                    ensure!(
                        kind == "error" && session.nameless_count > 0,
                        "nobody asked for {text}"
                    );
                    session.nameless_count -= 1;
                    return Ok(());
                };
                let Some(asked) = session.pending.remove(&id) else {
                    return Err(Violation(format!("nobody asked for {text}")));
                };
                if kind == "done" {
                    self.done(asked, &told, sight)
                } else {
                    self.refused(&asked, &told, sight)
                }
            }
            _ => self.pushed(kind, &told, sight),
        }
    }

    fn pushed(&mut self, kind: &str, push: &Value, sight: &Sight<'_>) -> Checked {
        let room = push["room"].as_str().unwrap_or_default();
        match kind {
            "shutdown" | "notice" | "unread" => return Ok(()),
            "room" => {
                ensure!(sight.ledger.has_room(room), "{room} is not durable");
                return Ok(());
            }
            _ => {}
        }
        let view = self.views.get_mut(room).filter(|view| view.is_in);
        let Some(view) = view else {
            return Err(Violation(format!("{} is not in {room}: {push}", self.name)));
        };
        match kind {
            "message" => view.message(room, push, sight.ledger),
            "topic" => view.change(room, push, sight.ledger),
            "presence" => view.presence(push),
            "typing" => Ok(()),
            _ => Err(Violation(format!("what is {push}?"))),
        }
    }

    /// It was granted.
    fn done(&mut self, asked: Asked, done: &Value, sight: &Sight<'_>) -> Checked {
        match asked {
            Asked::Hello { name } => {
                let you = done["you"]["name"].as_str().unwrap_or_default();
                ensure!(
                    name.is_none_or(|name| name == you) && self.names.iter().any(|it| it == you),
                    "{} is taken for {you}",
                    self.name
                );
                self.name = you.to_owned();
                self.token = done["token"].as_str().map(str::to_owned);
                ensure!(self.token.is_some(), "{} got no token", self.name);
                self.session().expect("answered on a connection").is_known = true;
                Ok(())
            }
            Asked::Join { room, since, rev } => {
                let view = self.views.entry(room.clone()).or_default();
                view.joined(&room, (since, rev), done, sight.ledger)
            }
            Asked::Leave { room } => {
                let view = self.views.get_mut(&room);
                ensure!(
                    view.is_some_and(|view| std::mem::take(&mut view.is_in)),
                    "{} left {room} without being there",
                    self.name
                );
                Ok(())
            }
            Asked::Send {
                room, body, key, ..
            } => self.sent(&room, &body, key.as_deref(), done, sight),
            Asked::History {
                room,
                before,
                limit,
                seen,
            } => View::history(&room, before, limit, seen, done, sight.ledger),
            Asked::Who { room, is_audit } => match self.views.get(&room) {
                Some(view) if is_audit => view.audit(&room, done),
                _ => Ok(()),
            },
            // Whether it is set, the push that follows tells.
            Asked::Topic { .. } | Asked::Rooms => Ok(()),
            Asked::Typing | Asked::Nonsense => {
                Err(Violation(format!("{asked:?} was answered by {done}")))
            }
        }
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
        let message = sight.ledger.message(room, seq);
        ensure!(
            message.is_some_and(|it| {
                it.said().is_some_and(|said| said.body.as_str() == body)
                    && self.is_own(it.from.as_str())
            }),
            "{body:?} is acknowledged as {seq} of {room}, which is {message:?}"
        );
        self.drafts.retain(|draft| key != Some(&draft.key));
        Ok(())
    }

    fn is_own(&self, name: &str) -> bool {
        self.names.iter().any(|it| it == name)
    }

    /// It was not granted.
    fn refused(&mut self, asked: &Asked, refusal: &Value, sight: &Sight<'_>) -> Checked {
        let code = refusal["code"].as_str().unwrap_or_default();
        if code == "rate_limited" {
            let wait = refusal["retry_after_ms"].as_u64();
            ensure!(
                !matches!(asked, Asked::Send { is_due: true, .. }),
                "{} waited as long as it was told, and was refused",
                self.name
            );
            let wait = wait.ok_or_else(|| Violation(format!("how long to wait? {refusal}")))?;
            if matches!(asked, Asked::Send { .. }) {
                let until = sight.now + Duration::from_millis(wait);
                self.waits_until = self.waits_until.max(Some(until));
            }
            return Ok(());
        }
        let is_fair = match &asked {
            // One's own connection that broke may not have been noticed yet.
            Asked::Hello { .. } => {
                self.greets_at = Some(sight.now + Duration::from_secs(1));
                matches!(code, "name_taken" | "busy")
            }
            Asked::Topic { .. } => matches!(code, "forbidden" | "busy"),
            Asked::Nonsense => true,
            Asked::Join { .. }
            | Asked::Leave { .. }
            | Asked::Send { .. }
            | Asked::History { .. }
            | Asked::Who { .. }
            | Asked::Rooms
            | Asked::Typing => code == "busy",
        };
        ensure!(is_fair, "{} asked {asked:?}: {refusal}", self.name);
        Ok(())
    }

    pub(super) fn closed(&mut self, code: Option<CloseCode>) -> Checked {
        let session = self.session().expect("closed once");
        let has_misbehaved = session.has_misbehaved;
        let is_fair = match code {
            Some(CloseCode::PROTOCOL_ERROR) => has_misbehaved,
            // The network may be slow at any time, and who reads slowly is cut off.
            Some(CloseCode::POLICY_VIOLATION | CloseCode::NORMAL) => true,
            _ => false,
        };
        ensure!(is_fair, "{} is closed with {code:?}", self.name);
        self.phase = Phase::Over;
        Ok(())
    }
}
