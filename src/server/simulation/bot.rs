//! A program that posts by HTTP, one message after the other.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::dice::Dice;
use super::ledger::{Checked, Eyes, Moment, Position, Violation, ensure};
use super::peer::{Origin, Peer, Sight};
use super::web_client::ROOMS;
use crate::chat::PersonId;
use crate::chat::account::LoginToken;
use crate::chat::order::RestraintKind;
use crate::server::token;

/// A program with a token.
pub(super) struct Bot {
    name: String,
    token: LoginToken,
    said_count: u64,
    stay: Option<Stay>,
    waits_until: Option<Instant>,
}

/// One connection.
struct Stay {
    origin: Origin,
    /// What has come of an answer.
    input: Vec<u8>,
    asked: Option<Asked>,
}

/// What it has asked, and when.
struct Asked {
    room: &'static str,
    body: String,
    told: Position,
}

impl Bot {
    pub(super) fn new(name: &str, token: &LoginToken) -> Self {
        Self {
            name: name.to_owned(),
            token: *token,
            said_count: 0,
            stay: None,
            waits_until: None,
        }
    }

    /// Takes an answer, which must fit what was asked.
    fn answered(
        &mut self,
        (status, told): (u16, &Value),
        (asked, origin): (&Asked, Origin),
        sight: &Sight<'_>,
    ) -> Checked {
        let is_fair = match status {
            200 => self.has_said(told, asked, sight)?,
            401 => !sight
                .ledger
                .accounts
                .was_token(self.token.hash(), asked.told),
            403 => self.may_be_silenced(asked, origin, sight),
            404 => asked.room != "lobby",
            429 => {
                let wait = told["retry_after_ms"].as_u64();
                self.waits_until = wait.map(|wait| sight.now + Duration::from_millis(wait));
                wait.is_some()
            }
            408 | 503 => true,
            _ => false,
        };
        ensure!(
            is_fair,
            "{} said {:?} in {}: {status}, {told}",
            self.name,
            asked.body,
            asked.room
        );
        Ok(())
    }

    /// Whether it has said what it is told that it has; as one who is let in.
    fn has_said(&self, told: &Value, asked: &Asked, sight: &Sight<'_>) -> Checked<bool> {
        let ledger = sight.ledger;
        let since = Moment {
            told: asked.told,
            at: sight.hub_time,
        };
        let eyes = self.eyes(sight);
        ensure!(
            !ledger.is_banned(&eyes, since)
                && !ledger.was_held(RestraintKind::Ban, asked.room, &eyes, asked.told),
            "{} is banned, and speaks in {}",
            self.name,
            asked.room
        );
        let seq = told["seq"].as_u64().unwrap_or(0);
        let body = ledger.first_body(asked.room, seq);
        let author = ledger.author(asked.room, seq);
        let is_own = author.is_some() && author == eyes.account.map(PersonId::Account);
        Ok(is_own && body.is_some_and(|body| body.as_str() == asked.body))
    }

    fn may_be_silenced(&self, asked: &Asked, origin: Origin, sight: &Sight<'_>) -> bool {
        let (ledger, eyes) = (sight.ledger, self.eyes(sight));
        let kinds = [RestraintKind::Ban, RestraintKind::Mute];
        let mut kinds = kinds.into_iter();
        kinds.any(|kind| ledger.may_be_held(kind, asked.room, &eyes, asked.told))
            || ledger.may_be_banned(&eyes, asked.told)
            || ledger.bans.may_be_closed(origin.address, origin.since)
    }

    fn eyes(&self, sight: &Sight<'_>) -> Eyes {
        Eyes {
            account: sight.ledger.accounts.named(&self.name),
            guest: None,
            guests: BTreeSet::new(),
            name: self.name.clone(),
            names: vec![self.name.clone()],
            aliases: Vec::new(),
            address: None,
            is_greeting: false,
            may_be_renamed: false,
        }
    }
}

impl Peer for Bot {
    fn listener(&self) -> usize {
        0
    }

    fn connected(&mut self, origin: Origin, _: &mut Vec<u8>) {
        self.stay = Some(Stay {
            origin,
            input: Vec::new(),
            asked: None,
        });
    }

    fn disconnected(&mut self) {
        self.stay = None;
    }

    fn receive(&mut self, bytes: &mut [u8], sight: &Sight<'_>, _: &mut Vec<u8>) -> Checked {
        let Some(stay) = &mut self.stay else {
            return Ok(());
        };
        stay.input.extend_from_slice(bytes);
        let Some((status, body)) = whole_answer(&stay.input)? else {
            return Ok(());
        };
        // What is no JSON is about the connection.
        let told = serde_json::from_slice(body).unwrap_or(Value::Null);
        stay.input.clear();
        let origin = stay.origin;
        match stay.asked.take() {
            Some(asked) => self.answered((status, &told), (&asked, origin), sight),
            // It has asked for nothing in time, or the server ends.
            None => {
                ensure!(
                    matches!(status, 408 | 503),
                    "nobody asked for {status}, {told}"
                );
                Ok(())
            }
        }
    }

    fn end_of_input(&mut self, _: &Sight<'_>) -> Checked {
        Ok(())
    }

    fn act(&mut self, sight: &Sight<'_>, dice: &mut Dice, output: &mut Vec<u8>) {
        let Some(stay) = &mut self.stay else {
            return;
        };
        // One who waits as told meets nobody who hurries.
        let is_patient = !dice.one_in(3) && self.waits_until.is_some_and(|at| at > sight.now);
        if stay.asked.is_some() || is_patient {
            return;
        }
        self.said_count += 1;
        let room = *dice.pick(&ROOMS);
        let text = format!("{} reports {}", self.name, self.said_count);
        let body = json!({"body": text}).to_string();
        let head = format!(
            "POST /api/v1/rooms/{room}/messages HTTP/1.1\r\nHost: localhost\r\n\
             Authorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
            token::write_login(&self.token),
            body.len()
        );
        output.extend_from_slice(head.as_bytes());
        output.extend_from_slice(body.as_bytes());
        stay.asked = Some(Asked {
            room,
            body: text,
            told: sight.ledger.told(),
        });
    }

    fn ends_input(&mut self) -> bool {
        false
    }

    fn dawdles(&mut self) -> bool {
        false
    }

    fn catch_up(&mut self, _: &Sight<'_>, _: &mut Vec<u8>) -> bool {
        false
    }

    fn waits_until(&self) -> Option<Instant> {
        None
    }

    fn check_settled(&self, _: &Sight<'_>) -> Checked {
        let asked = self.stay.as_ref().and_then(|stay| stay.asked.as_ref());
        let body = asked.map(|asked| &asked.body);
        ensure!(body.is_none(), "{} awaits an answer to {body:?}", self.name);
        Ok(())
    }

    fn begin_audit(&mut self, _: &Sight<'_>, _: &mut Vec<u8>) {}

    fn may_vanish(&self) -> bool {
        true
    }
}

/// The status and the body of an answer; `None`: not all of it has come.
fn whole_answer(input: &[u8]) -> Checked<Option<(u16, &[u8])>> {
    let Some(end) = input.windows(4).position(|it| it == b"\r\n\r\n") else {
        return Ok(None);
    };
    let broken = || Violation(format!("what is {:?}?", String::from_utf8_lossy(input)));
    let head = str::from_utf8(&input[..end]).map_err(|_| broken())?;
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
    let status = status.ok_or_else(broken)?;
    let len = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "));
    let len: usize = len.and_then(|len| len.parse().ok()).ok_or_else(broken)?;
    let body = input[end + 4..].get(..len);
    Ok(body.map(|body| (status, body)))
}
