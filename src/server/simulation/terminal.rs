//! Somebody with `nc`: types lines, and reads lines.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::dice::Dice;
use super::ledger::{Checked, Violation, ensure};
use super::peer::{Origin, Peer, Sight};
use super::web_client::ROOMS;

/// A terminal; each connection is somebody new.
pub(super) struct Terminal {
    nth: usize,
    said_count: u64,
    stay: Option<Stay>,
}

/// One connection.
#[derive(Default)]
struct Stay {
    /// What has come of a line.
    line: Vec<u8>,
    /// Whether all was carried out, as far as it was told.
    is_unhindered: bool,
    has_ended_input: bool,
    /// What it has said, by text: that is not shown to it.
    said: BTreeSet<String>,
    /// The rooms that it is in, and the newest message that it was shown of each; nobody tells it the
    /// number of one in which nothing was said yet.
    rooms: BTreeMap<String, Option<u64>>,
}

impl Terminal {
    pub(super) fn new(nth: usize) -> Self {
        Self {
            nth,
            said_count: 0,
            stay: None,
        }
    }

    fn read(&mut self, line: &str, sight: &Sight<'_>) -> Checked {
        let Some(stay) = &mut self.stay else {
            return Ok(());
        };
        if let Some(room) = line.strip_prefix("* you are in ") {
            stay.rooms.insert(room.to_owned(), None);
        } else if let Some(room) = line.strip_prefix("* you left ") {
            ensure!(
                stay.rooms.remove(room).is_some(),
                "a terminal left {room} without being there"
            );
        } else if line.starts_with("! ") {
            stay.is_unhindered = false;
        } else if line.starts_with('<') || line.starts_with('#') {
            stay.message(line, sight)?;
        }
        Ok(())
    }
}

impl Stay {
    /// A message is shown: the next one that is not its own.
    fn message(&mut self, line: &str, sight: &Sight<'_>) -> Checked {
        let Some((from, body)) = line.split_once("> ") else {
            return Err(Violation(format!("what is {line:?}?")));
        };
        // Further lines of a message are shown below it.
        let bodies = [body.to_owned(), format!("{body}\n<eve> forged")];
        let places = bodies.iter().flat_map(|body| sight.ledger.places_of(body));
        // Who says it again under another name says it once as each.
        let is_it = |(room, seq): &&(String, u64)| {
            let message = sight.ledger.message(room, *seq);
            let prefix = message.and_then(|it| from.strip_suffix(it.from.as_str()));
            prefix.is_some_and(|prefix| prefix == "<" || prefix == format!("#{room} <"))
        };
        // What is gone may be said again, under the same key.
        let is_there = |(room, seq): &&(String, u64)| !sight.ledger.is_gone(room, *seq);
        let mut places: Vec<&(String, u64)> = places.filter(is_it).collect();
        let may_be_either = places.iter().any(is_there) && !places.iter().all(is_there);
        if places.iter().any(is_there) {
            places.retain(is_there);
        }
        let mut places = places.into_iter();
        let Some(&(ref room, seq)) = places.next() else {
            return Err(Violation(format!("{line:?} is not durable")));
        };
        ensure!(places.next().is_none(), "{line:?} was said more than once");
        let said = &self.said;
        let Some(seen) = self.rooms.get_mut(room) else {
            return Err(Violation(format!(
                "it is not in {room}, and reads {line:?}"
            )));
        };
        if may_be_either {
            // What was shown late may have been said before it was gone, and again since.
            *seen = None;
            return Ok(());
        }
        if let Some(seen) = *seen {
            let is_own = |seq| {
                let message = sight.ledger.message(room, seq);
                // What was deleted is not shown any more.
                let known = message.and_then(|message| message.said());
                known.is_none_or(|known| said.contains(known.body.as_str()))
            };
            ensure!(
                seq > seen && (seen + 1..seq).all(is_own),
                "message {seq} of {room} follows {seen}"
            );
        }
        *seen = Some(seq);
        Ok(())
    }
}

impl Peer for Terminal {
    fn listener(&self) -> usize {
        1
    }

    fn connected(&mut self, _: Origin, _: &mut Vec<u8>) {
        self.stay = Some(Stay {
            is_unhindered: true,
            ..Stay::default()
        });
    }

    fn disconnected(&mut self) {
        self.stay = None;
    }

    fn receive(&mut self, bytes: &mut [u8], sight: &Sight<'_>, _: &mut Vec<u8>) -> Checked {
        for byte in bytes.iter() {
            let Some(stay) = &mut self.stay else {
                return Ok(());
            };
            if *byte == b'\n' {
                let line = std::mem::take(&mut stay.line);
                let line = String::from_utf8(line)
                    .map_err(|_| Violation("a line is not UTF-8".to_owned()))?;
                self.read(&line, sight)?;
            } else {
                stay.line.push(*byte);
            }
        }
        Ok(())
    }

    /// What was typed before the end of input is carried out.
    fn end_of_input(&mut self, sight: &Sight<'_>) -> Checked {
        let Some(stay) = &self.stay else {
            return Ok(());
        };
        if stay.has_ended_input && stay.is_unhindered && !sight.is_draining {
            let lost = stay
                .said
                .iter()
                .find(|body| sight.ledger.places_of(body).is_empty());
            ensure!(lost.is_none(), "a terminal said {lost:?}, which is lost");
        }
        Ok(())
    }

    fn act(&mut self, _: &Sight<'_>, dice: &mut Dice, output: &mut Vec<u8>) {
        let Some(stay) = &mut self.stay else {
            return;
        };
        if stay.has_ended_input {
            return;
        }
        let line = match dice.below(12) {
            0 | 1 => format!("--join: {}", dice.pick(&ROOMS)),
            2 => format!("--leave: {}", dice.pick(&ROOMS)),
            3 => "--who:".to_owned(),
            4 => format!("--name: tim {}", self.nth),
            5 => {
                (*dice.pick(&["--rooms:", "--dance:", "--topic: lines", "", "--help:"])).to_owned()
            }
            _ => {
                self.said_count += 1;
                let body = format!("terminal {} types {}", self.nth, self.said_count);
                stay.said.insert(body.clone());
                body
            }
        };
        output.extend_from_slice(line.as_bytes());
        output.extend_from_slice(if dice.one_in(3) { b"\r\n" } else { b"\n" });
    }

    fn ends_input(&mut self) -> bool {
        self.stay
            .as_mut()
            .is_some_and(|stay| !std::mem::replace(&mut stay.has_ended_input, true))
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
        Ok(())
    }

    fn begin_audit(&mut self, _: &Sight<'_>, _: &mut Vec<u8>) {}

    fn may_vanish(&self) -> bool {
        // Nothing is said to it while nobody says anything; the system would notice.
        false
    }
}
