//! Guests in one room of a chat (`chinwag.v1`), who talk in turn.
//!
//! Everyone must see each message once, in the order of its `seq`. Whoever sees one first reads its
//! JSON; for the others it is enough that the bytes are the same, and only if they are not is the
//! JSON read again.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::time::Instant;

use serde_json::{Value, json};

use crate::bench::ConnectionError;
use crate::bench::ledger::Ledger;
use crate::bench::load::{Load, MAX_OUTPUT_LEN};
use crate::bench::numbers::count;
use crate::bench::pace::Pacer;
use crate::bench::payload::mix;
use crate::bench::plan::Plan;
use crate::bench::tally::{Fault, Tally};
use crate::websocket::{Connection, Message};

/// A room full of guests.
pub(super) struct Chat {
    tally: Tally,
    pacer: Pacer,
    room: String,
    /// The beginning of all guests' names.
    names: String,
    members: Vec<Member>,
    joined_count: usize,
    /// Who sends next.
    turn: usize,
    /// By `seq`: the bytes of each message, as the first member saw them. Made when all are in.
    ledger: Option<Ledger<Box<[u8]>>>,
    /// By number from `first_sent` on.
    sent: VecDeque<Sent>,
    first_sent: u64,
    /// Messages that nobody has seen, orphans aside.
    unseen_count: u64,
    /// By number: messages of members who were lost before anybody saw them. The server may have
    /// them, and they may come yet; nobody waits for them.
    orphans: BTreeMap<u64, Sent>,
    /// Whether the server has refused a message.
    is_refused: bool,
    /// When those were sent that the server has acknowledged since it was counted last.
    acknowledged: Vec<Instant>,
    room_as_json: String,
    padding: String,
    /// Written anew for each message.
    request: String,
}

#[derive(Debug)]
struct Member {
    step: Step,
    /// What comes next in the room, as the answer to `join` says.
    first_seq: u64,
    /// Messages that it is to send.
    queue: VecDeque<u64>,
    /// The last one of its messages that was seen.
    seen_end: Option<u64>,
    is_lost: bool,
}

/// The way into the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    AwaitWelcome,
    SayHello,
    AwaitHello,
    Join,
    AwaitJoin,
    Joined,
}

/// A message that a member has sent, or is about to.
#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Instant,
    sender: usize,
    is_acknowledged: bool,
    is_seen: bool,
}

impl Chat {
    /// Makes as many guests; `seed` tells this run's names and room from others'.
    pub(super) fn new(plan: &Plan, member_count: usize, seed: u64) -> Self {
        let unique = format!("{:010}", mix(seed) % 10_000_000_000);
        let room = plan.args.room.clone();
        let room = room.unwrap_or_else(|| format!("bench-{unique}"));
        let letter = |at| char::from(b'a' + mix(count(at)).to_le_bytes()[0] % 26);
        let member = || Member {
            step: Step::AwaitWelcome,
            first_seq: 0,
            queue: VecDeque::new(),
            seen_end: None,
            is_lost: false,
        };
        let mut members = Vec::new();
        members.resize_with(member_count, member);
        Self {
            tally: Tally::new(),
            pacer: Pacer::new(plan.rate(1.0), plan.args.max_in_flight()),
            room_as_json: Value::from(&*room).to_string(),
            room,
            names: format!("bench {unique}"),
            padding: (0..plan.args.size()).map(letter).collect(),
            members,
            joined_count: 0,
            turn: 0,
            ledger: None,
            sent: VecDeque::new(),
            first_sent: 0,
            unseen_count: 0,
            orphans: BTreeMap::new(),
            is_refused: false,
            acknowledged: Vec::new(),
            request: String::new(),
        }
    }

    /// Acts on what the server says; it is a JSON object.
    fn hear(&mut self, place: usize, said: &Value, bytes: &[u8]) -> Result<(), ConnectionError> {
        let kind = said["type"].as_str().unwrap_or("");
        let step = &mut self.members[place].step;
        match (kind, *step) {
            ("welcome", Step::AwaitWelcome) => *step = Step::SayHello,
            ("done", Step::AwaitHello) => *step = Step::Join,
            ("done", Step::AwaitJoin) => return self.enter(place, said),
            ("done", Step::Joined) => self.acknowledge(said),
            ("error", Step::Joined) => self.give_up(said),
            ("message", Step::Joined) => return self.read(place, said, bytes),
            ("message", _) => {
                return Err(ConnectionError::wrong(
                    "a message came before the talk began",
                ));
            }
            ("error" | "shutdown" | "removed", _) => {
                let what = format!("the chat answered {}", word(&said["code"], kind));
                return Err(ConnectionError::Denied(what.into()));
            }
            // Presence, rooms and the like are no concern of the load.
            _ => {}
        }
        Ok(())
    }

    fn enter(&mut self, place: usize, done: &Value) -> Result<(), ConnectionError> {
        let Some(seq) = done["seq"].as_u64() else {
            return Err(ConnectionError::wrong("the answer to join has no seq"));
        };
        self.members[place].step = Step::Joined;
        self.members[place].first_seq = seq + 1;
        self.joined_count += 1;
        if self.joined_count == self.members.len() {
            if self.members.iter().any(|it| it.first_seq != seq + 1) {
                return Err(ConnectionError::wrong("others talk in the room"));
            }
            self.ledger = Some(Ledger::new(self.members.len(), seq + 1));
        }
        Ok(())
    }

    fn acknowledge(&mut self, done: &Value) {
        if let Some(sent) = self.sent_mut(done["re"].as_u64()) {
            sent.is_acknowledged = true;
            let at = sent.at;
            self.acknowledged.push(at);
        }
        self.forget_finished();
    }

    /// A message that is refused reaches nobody.
    fn give_up(&mut self, error: &Value) {
        let code = word(&error["code"], "error");
        let advice = match &*code {
            "rate_limited" => " (see --rate, and the server's [limits])",
            _ => "",
        };
        let what = || format!("the chat refused a message: {code}{advice}");
        self.tally.faults.add(Fault::Refused, 1, what);
        self.is_refused = true;
        if let Some(sent) = self.sent_mut(error["re"].as_u64()) {
            let was_seen = std::mem::replace(&mut sent.is_seen, true);
            sent.is_acknowledged = true;
            self.unseen_count -= u64::from(!was_seen);
        }
        self.forget_finished();
    }

    /// Takes a message whose bytes are not what others have seen there.
    fn read(&mut self, place: usize, said: &Value, bytes: &[u8]) -> Result<(), ConnectionError> {
        let Some(ledger) = &self.ledger else {
            return Err(ConnectionError::wrong(
                "a message came before the talk began",
            ));
        };
        let (seq, end) = (ledger.next(place), ledger.end());
        if said["seq"].as_u64() != Some(seq) || said["room"].as_str() != Some(&self.room) {
            let what = format!("message {seq} is lost, or another one came twice");
            return Err(ConnectionError::wrong(what));
        }
        if let Some(known) = ledger.awaited(place) {
            // Written otherwise for this member: it may be, as long as it says the same.
            let known: Value = serde_json::from_slice(known).unwrap_or_default();
            if known["body"] != said["body"] || known["from"] != said["from"] {
                let what = format!("message {seq} is not the same for all");
                return Err(ConnectionError::wrong(what));
            }
        } else if seq == end {
            let sent_at = self.identify(said["body"].as_str().unwrap_or(""))?;
            if let Some(ledger) = &mut self.ledger {
                ledger.add(bytes.into(), sent_at);
            }
        } else {
            let what = format!("message {seq} came before others that nobody has seen");
            return Err(ConnectionError::wrong(what));
        }
        self.deliver(place);
        Ok(())
    }

    /// Finds out which message this is, and when it was sent.
    fn identify(&mut self, body: &str) -> Result<Instant, ConnectionError> {
        let digit_count = body.bytes().take_while(u8::is_ascii_digit).count();
        let number = body[..digit_count].parse::<u64>().ok();
        let number = number.filter(|number| self.body(*number) == body);
        let Sent { at, sender, .. } = match number.and_then(|it| self.orphans.remove(&it)) {
            Some(orphan) => orphan,
            None => self.see(number)?,
        };
        let seen_end = &mut self.members[sender].seen_end;
        if number < *seen_end {
            let what = "a message came after a later one of its sender";
            return Err(ConnectionError::wrong(what));
        }
        *seen_end = number;
        self.forget_finished();
        Ok(at)
    }

    /// Notes that a message was seen that nobody had seen.
    fn see(&mut self, number: Option<u64>) -> Result<Sent, ConnectionError> {
        let Some(sent) = self.sent_mut(number) else {
            let what = "a message came that nobody has sent";
            return Err(ConnectionError::wrong(what));
        };
        if std::mem::replace(&mut sent.is_seen, true) {
            return Err(ConnectionError::wrong("a message came twice"));
        }
        let sent = *sent;
        self.unseen_count -= 1;
        Ok(sent)
    }

    /// Returns what message `number` says: its number, and what makes it as long as it is to be.
    fn body(&self, number: u64) -> String {
        let mut body = number.to_string();
        let padding_len = self.padding.len().saturating_sub(body.len());
        body.push_str(&self.padding[..padding_len]);
        body
    }

    fn deliver(&mut self, place: usize) {
        if let Some(ledger) = &mut self.ledger {
            ledger.deliver(place);
        }
    }

    fn sent_mut(&mut self, number: Option<u64>) -> Option<&mut Sent> {
        let index = number?.checked_sub(self.first_sent)?;
        self.sent.get_mut(usize::try_from(index).ok()?)
    }

    /// Drops from the front what nothing more is expected of.
    fn forget_finished(&mut self) {
        let is_finished = |sent: &mut Sent| sent.is_acknowledged && sent.is_seen;
        while self.sent.pop_front_if(is_finished).is_some() {
            self.first_sent += 1;
        }
    }

    /// Returns how many messages not everyone has.
    fn in_flight(&self) -> u64 {
        self.unseen_count + self.ledger.as_ref().map_or(0, Ledger::len)
    }

    /// Returns whether to go as fast as it goes is faster than the server lets us.
    fn is_over(&self) -> bool {
        self.is_refused && self.pacer.is_closed_loop()
    }

    /// Returns who speaks next; `None`: nobody is left.
    fn next_speaker(&self) -> Option<usize> {
        let mut places = (self.turn..self.members.len()).chain(0..self.turn);
        places.find(|place| !self.members[*place].is_lost)
    }
}

impl Load for Chat {
    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn unready(&self) -> Option<usize> {
        self.members.iter().position(|it| it.step != Step::Joined)
    }

    fn receive(&mut self, place: usize, message: &Message<'_>) -> Result<(), ConnectionError> {
        let Some(text) = message.as_text() else {
            return Err(ConnectionError::wrong("a binary message came"));
        };
        let awaited = self.ledger.as_ref().and_then(|it| it.awaited(place));
        if awaited.is_some_and(|awaited| **awaited == *text.as_bytes()) {
            self.deliver(place);
            return Ok(());
        }
        match serde_json::from_str(text) {
            Ok(said) => self.hear(place, &said, text.as_bytes()),
            Err(_) => Err(ConnectionError::wrong("what came is no JSON")),
        }
    }

    fn received(&mut self, _place: usize, now: Instant) {
        if let Some(ledger) = &mut self.ledger {
            ledger.count(&mut self.tally, now);
        }
        for sent_at in self.acknowledged.drain(..) {
            self.tally.count_acknowledgement(sent_at, now);
        }
        if self.is_over() {
            self.tally.stop(now);
        }
    }

    fn lose(&mut self, place: usize) {
        self.members[place].is_lost = true;
        for (number, sent) in (self.first_sent..).zip(&mut self.sent) {
            if sent.sender != place {
                continue;
            }
            // No answer reaches it any more.
            sent.is_acknowledged = true;
            if !std::mem::replace(&mut sent.is_seen, true) {
                self.unseen_count -= 1;
                self.orphans.insert(number, *sent);
            }
        }
        self.forget_finished();
        if let Some(ledger) = &mut self.ledger {
            ledger.lose(place);
        }
    }

    fn turn(&mut self, now: Instant, wanted: &mut Vec<usize>) {
        let sending = self.tally.sending(now).filter(|_| !self.is_over());
        let Some((window, now)) = sending else {
            return;
        };
        while let Some(sender) = self.next_speaker()
            && let Some((_, at)) = self.pacer.take(self.in_flight(), now, window.opens_at)
        {
            self.turn = (sender + 1) % self.members.len();
            let number = self.first_sent + count(self.sent.len());
            self.members[sender].queue.push_back(number);
            self.sent.push_back(Sent {
                at,
                sender,
                is_acknowledged: false,
                is_seen: false,
            });
            self.unseen_count += 1;
            wanted.push(sender);
        }
    }

    fn send(
        &mut self,
        place: usize,
        _now: Instant,
        connection: &mut Connection,
        output: &mut Vec<u8>,
    ) -> bool {
        let mut say = |request: &str| connection.send(&Message::text(request), output).is_ok();
        let member = &mut self.members[place];
        match member.step {
            Step::SayHello => {
                member.step = Step::AwaitHello;
                let name = format!("{} {place}", self.names);
                say(&json!({"type": "hello", "id": "hello", "name": name}).to_string());
            }
            Step::Join => {
                member.step = Step::AwaitJoin;
                let room = &self.room;
                say(
                    &json!({"type": "join", "id": "join", "room": room, "create": true})
                        .to_string(),
                );
            }
            Step::AwaitWelcome | Step::AwaitHello | Step::AwaitJoin | Step::Joined => {}
        }
        while let Some(number) = self.members[place].queue.pop_front() {
            let body = self.body(number);
            self.request.clear();
            // Writing to a String can't fail.
            let _ = write!(
                self.request,
                r#"{{"type":"send","id":{number},"room":{},"body":"{body}"}}"#,
                self.room_as_json
            );
            if connection
                .send(&Message::text(&*self.request), output)
                .is_err()
            {
                // Its end is on its way to us.
                return false;
            }
            if output.len() >= MAX_OUTPUT_LEN {
                return !self.members[place].queue.is_empty();
            }
        }
        false
    }

    fn next_at(&self) -> Option<Instant> {
        self.pacer.next_at(self.tally.window()?.opens_at)
    }

    fn unfinished_count(&self) -> u64 {
        let unacknowledged = self.sent.iter().filter(|it| !it.is_acknowledged).count();
        self.in_flight().max(count(unacknowledged))
    }

    fn finish(&mut self, now: Instant) -> u64 {
        if let Some((first, rate)) = self.pacer.next() {
            self.tally.count_unsent(first, rate);
        }
        let missing_count = self.unfinished_count() + count(self.orphans.len());
        for sent in self.sent.iter().filter(|it| !it.is_acknowledged) {
            self.tally.count_acknowledgement(sent.at, now);
        }
        let unseen = self.sent.iter().filter(|it| !it.is_seen);
        for sent in unseen.chain(self.orphans.values()) {
            self.tally.count_missing(1, sent.at, now);
        }
        if let Some(ledger) = &mut self.ledger {
            ledger.finish(&mut self.tally, now);
        }
        missing_count
    }
}

/// Returns a word of the server's, fit for a terminal.
fn word(value: &Value, otherwise: &str) -> String {
    let word = value.as_str().unwrap_or(otherwise);
    word.escape_debug().take(80).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bench::args::BenchArgs;
    use crate::bench::tally::Window;

    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn some_instant() -> Instant {
        Instant::now()
    }

    /// Three members of a room in which nothing was said, two messages being in flight at most.
    fn three_members(start: Instant) -> Chat {
        let args = BenchArgs::of(&["ws://127.0.0.1:1/", "--mode", "chat", "-p", "2"]);
        let plan = Plan::new(&args).unwrap();
        let mut chat = Chat::new(&plan, 3, 7);
        for place in 0..3 {
            chat.members[place].step = Step::AwaitJoin;
            let done = json!({"type": "done", "id": "join", "seq": 0});
            chat.hear(place, &done, b"").unwrap();
        }
        chat.tally.begin(Window {
            opens_at: start,
            starts_at: start,
            ends_at: start + Duration::from_secs(9),
        });
        chat
    }

    #[test]
    fn nobody_waits_for_what_a_lost_member_said_but_it_may_come() {
        let start = some_instant();
        let mut chat = three_members(start);
        let mut wanted = Vec::new();
        chat.turn(start, &mut wanted);
        assert_eq!((&*wanted, chat.unfinished_count()), (&[0, 1][..], 2));

        chat.lose(0);
        assert_eq!(chat.unfinished_count(), 1);
        wanted.clear();
        chat.turn(start, &mut wanted);
        assert_eq!((&*wanted, chat.unfinished_count()), (&[2][..], 2));

        let body = chat.body(0);
        let message = json!({"type": "message", "seq": 1, "room": chat.room, "body": body});
        for place in [1, 2] {
            chat.hear(place, &message, message.to_string().as_bytes())
                .unwrap();
        }
        chat.received(2, start);
        assert_eq!(chat.tally.message_count, 1);
        assert_eq!(chat.finish(start + Duration::from_secs(10)), 2);
        assert_eq!(chat.tally.latencies.len(), 3);
    }

    #[test]
    fn what_a_lost_member_said_and_nobody_saw_is_missing() {
        let start = some_instant();
        let mut chat = three_members(start);
        chat.turn(start, &mut Vec::new());
        chat.lose(0);
        assert_eq!(chat.finish(start + Duration::from_secs(10)), 2);
        assert_eq!(chat.tally.latencies.len(), 2);
    }
}
