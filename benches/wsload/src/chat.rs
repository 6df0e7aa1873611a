//! A chat room over `chinwag.v1`: every member has to see every message once, all in one order.
//!
//! Members say hello as guests and join one room; some of them send. The first member to see a
//! message parses it and puts its bytes into the ledger. For the others, comparing bytes is enough
//! as long as the server sends all of them the same; if it doesn't, the message is parsed again.
use std::os::fd::RawFd;

use serde::Deserialize;
use serde_json::json;

use crate::args::Args;
use crate::clock::{self, Clock};
use crate::frames;
use crate::inbox::Inbox;
use crate::ledger::Ledger;
use crate::measure::Measurement;
use crate::open::{self, Handshake};
use crate::pace::Pace;
use crate::sys::{self, ET, Epoll, Events, HUP, IN, RDHUP};

pub fn run(args: &Args) -> Result<(), String> {
    let member_count: usize = args.number("members", 1000)?;
    let sender_count: usize = args.number("senders", 1)?;
    if !(1..=member_count).contains(&sender_count) {
        return Err("--senders must be at least 1 and at most --members".into());
    }
    let unique = format!("{}-{}", std::process::id(), sys::mono_ns() / 1_000_000);
    let room = args
        .optional("room")?
        .unwrap_or_else(|| format!("bench-{unique}"));
    let handshake = Handshake::WebSocket {
        subprotocol: Some("chinwag.v1"),
    };
    let clock = Clock::calibrate();
    let epoll = Epoll::new()?;
    let (mut members, mut inboxes) = (Vec::new(), Vec::new());
    for (i, opened) in open::open_all(&args.target()?, member_count, handshake)?
        .into_iter()
        .enumerate()
    {
        let inbox = Inbox::try_from(opened)?;
        epoll.add(inbox.fd, IN | RDHUP | ET, i)?;
        members.push(Member::new(inbox.fd, format!("guest {i} {unique}")));
        inboxes.push(inbox);
    }
    let mut chat = Chat {
        epoll,
        events: Events::new(),
        buffer: vec![0; 256 * 1024],
        members,
        inboxes,
        room: Room::new(room, member_count, sender_count, args.number("size", 64)?),
        clock,
    };
    chat.everyone_joins()?;
    let mut measurement = Measurement::start(args)?;
    chat.talk(args, &mut measurement)?;
    let extra = json!({
        "members": member_count,
        "senders": sender_count,
        "published": chat.room.sent_at.len(),
        "message_len": chat.room.message_len,
    });
    measurement.report(args, "deliveries", extra)
}

struct Chat {
    epoll: Epoll,
    events: Events,
    buffer: Vec<u8>,
    /// Each member's inbox has the same place.
    members: Vec<Member>,
    inboxes: Vec<Inbox>,
    room: Room,
    clock: Clock,
}

impl Chat {
    /// Takes all members through hello and join, then waits until the news about that has come.
    fn everyone_joins(&mut self) -> Result<(), String> {
        const TIMEOUT_NS: u64 = 120_000_000_000;
        let start_ns = sys::mono_ns();
        // What came right behind the handshake raises no event any more.
        for i in 0..self.members.len() {
            self.receive_from(i, &mut |_| {})?;
        }
        loop {
            let joined_count = self
                .members
                .iter()
                .filter(|member| member.stage == Stage::Joined)
                .count();
            let everyone = joined_count == self.members.len();
            if sys::mono_ns() - start_ns > TIMEOUT_NS {
                return Err(format!("only {joined_count} members had joined in time"));
            }
            let received = self.receive(if everyone { 300 } else { 1000 }, |_| {})?;
            if everyone && !received {
                break;
            }
        }
        let first_seq = self.members[0].next_seq;
        if self
            .members
            .iter()
            .any(|member| member.next_seq != first_seq)
        {
            return Err("members joined at different places of the same room".into());
        }
        self.room.begin(first_seq);
        Ok(())
    }

    fn talk(&mut self, args: &Args, measurement: &mut Measurement) -> Result<(), String> {
        let pace = Pace::new(args)?;
        let clock = self.clock.clone();
        loop {
            let now = sys::mono_ns();
            measurement.advance(now);
            let sent = self.room.sent_at.len() as u64;
            let done = self.room.done_count();
            if measurement.is_draining() && done == sent && self.room.acknowledged == sent {
                break;
            }
            if measurement.is_overdue(now) {
                return Err(format!(
                    "of {sent} messages sent, {} were acknowledged and {done} reached everyone",
                    self.room.acknowledged
                ));
            }
            let may_send = !measurement.is_draining();
            while may_send && pace.is_due(self.room.sent_at.len() as u64, done, now) {
                let stamp = pace.stamp(self.room.sent_at.len() as u64, now, &clock);
                let sender = self.room.sent_at.len() % self.room.last_number.len();
                let request = self.room.next_request(sender, stamp);
                self.members[sender].request(&request)?;
            }
            let max_wait_ms = if may_send { pace.max_wait_ms() } else { 100 };
            self.receive(max_wait_ms, |delivery| {
                measurement.add(1);
                if let Some(sent_at) = delivery.complete_since {
                    measurement.record(clock.since_ns(sent_at, clock::ticks()), 1);
                }
            })?;
        }
        // A message that comes twice may come last.
        while self.receive(100, |_| {})? {}
        Ok(())
    }

    /// Waits for events and takes what has come; false: nothing.
    fn receive(
        &mut self,
        max_wait_ms: i32,
        mut delivered: impl FnMut(Delivery),
    ) -> Result<bool, String> {
        self.epoll.wait(&mut self.events, max_wait_ms)?;
        let ready: Vec<(usize, u32)> = self.events.iter().collect();
        for &(i, flags) in &ready {
            self.receive_from(i, &mut delivered)?;
            if flags & HUP != 0 {
                return Err(format!("member {i}: the server hung up"));
            }
        }
        Ok(!ready.is_empty())
    }

    fn receive_from(
        &mut self,
        i: usize,
        delivered: &mut impl FnMut(Delivery),
    ) -> Result<(), String> {
        let (member, room) = (&mut self.members[i], &mut self.room);
        self.inboxes[i]
            .receive(&mut self.buffer, |bytes| {
                member.receive(bytes, room, delivered)
            })
            .map_err(|e| format!("member {i}: {e}"))
    }
}

/// What all members share.
struct Room {
    name: String,
    body_len: usize,
    member_count: usize,
    first_seq: u64,
    ledger: Ledger,
    /// When each message was sent, by its number.
    sent_at: Vec<u64>,
    /// The number of the last message seen of each sender: each one's messages keep their order.
    last_number: Vec<Option<usize>>,
    acknowledged: u64,
    /// Length of a pushed message, as the server writes it.
    message_len: usize,
}

impl Room {
    fn new(name: String, member_count: usize, sender_count: usize, body_len: usize) -> Self {
        Self {
            name,
            body_len,
            member_count,
            first_seq: 1,
            ledger: Ledger::new(1, member_count),
            sent_at: Vec::new(),
            last_number: vec![None; sender_count],
            acknowledged: 0,
            message_len: 0,
        }
    }

    fn begin(&mut self, first_seq: u64) {
        self.first_seq = first_seq;
        self.ledger = Ledger::new(first_seq, self.member_count);
    }

    fn done_count(&self) -> u64 {
        self.ledger.done_since(self.first_seq)
    }

    fn next_request(&mut self, sender: usize, stamp: u64) -> String {
        let number = self.sent_at.len();
        self.sent_at.push(stamp);
        let body = format!("{sender} {number} ");
        let padding = self.body_len.saturating_sub(body.len());
        let name = &self.name;
        format!(
            r#"{{"type":"send","id":{number},"room":"{name}","body":"{body}{:x<padding$}"}}"#,
            ""
        )
    }

    /// Judges a message that a member sees at `seq`, which is the next one for that member.
    fn see(&mut self, seq: u64, payload: &[u8]) -> Result<Option<u64>, String> {
        if self.ledger.bytes(seq) != Some(payload) {
            let push = Push::parse(payload)?;
            if push.seq != Some(seq) || push.room.as_deref() != Some(&self.name) {
                let text = String::from_utf8_lossy(payload);
                return Err(format!(
                    "lost, doubled or out of order, as {seq} comes next: {text}"
                ));
            }
            match self.ledger.bytes(seq) {
                // Written differently for this member; it may be, as long as it says the same.
                Some(known) => {
                    if Push::parse(known)?.body != push.body {
                        return Err(format!("message {seq} is not the same for all members"));
                    }
                }
                None if self.ledger.end() == seq => {
                    let sent_at = self.identify(push.body.as_deref().unwrap_or(""))?;
                    self.message_len = payload.len();
                    self.ledger.add(payload.to_vec(), sent_at);
                }
                None => {
                    return Err(format!(
                        "message {seq} came before others that nobody has seen"
                    ));
                }
            }
        }
        Ok(self.ledger.deliver(seq))
    }

    /// Finds out when the message with this body was sent.
    fn identify(&mut self, body: &str) -> Result<u64, String> {
        let unknown = || format!("nobody sent {body:?}");
        let mut words = body.split(' ').map(str::parse::<usize>);
        let (Some(Ok(sender)), Some(Ok(number))) = (words.next(), words.next()) else {
            return Err(unknown());
        };
        let last_number = self.last_number.get_mut(sender).ok_or_else(unknown)?;
        if last_number.is_some_and(|last| number <= last) {
            return Err(format!(
                "message {number} of sender {sender} is doubled or out of order"
            ));
        }
        *last_number = Some(number);
        self.sent_at.get(number).copied().ok_or_else(unknown)
    }
}

struct Member {
    fd: RawFd,
    name: String,
    stage: Stage,
    next_seq: u64,
}

/// What a member waits for before it may talk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Welcome,
    HelloDone,
    JoinDone,
    Joined,
}

/// A member has seen a message; when it was the last one to, this says when the message was sent.
struct Delivery {
    complete_since: Option<u64>,
}

impl Member {
    fn new(fd: RawFd, name: String) -> Self {
        Self {
            fd,
            name,
            stage: Stage::Welcome,
            next_seq: 0,
        }
    }

    fn request(&self, json: &str) -> Result<(), String> {
        let mut frame = Vec::new();
        frames::append_masked(
            frames::TEXT,
            json.as_bytes(),
            [0x5b, 0xd1, 0xe9, 0x95],
            &mut frame,
        );
        sys::send_all(self.fd, &frame).map_err(|e| format!("send: {e}"))
    }

    /// Takes the frames that have come; leaves an unfinished one.
    fn receive(
        &mut self,
        bytes: &mut &[u8],
        room: &mut Room,
        delivered: &mut impl FnMut(Delivery),
    ) -> Result<(), String> {
        while let Some(frame) = frames::take(bytes)? {
            match frame.opcode {
                frames::TEXT => {
                    if let Some(delivery) = self.hear(frame.payload, room)? {
                        delivered(delivery);
                    }
                }
                frames::PING => frames::send_pong(self.fd, frame.payload)?,
                opcode => return Err(format!("opcode {opcode}: {:?}", frame.payload)),
            }
        }
        Ok(())
    }

    /// Acts on one JSON message of the server.
    fn hear(&mut self, payload: &[u8], room: &mut Room) -> Result<Option<Delivery>, String> {
        // The fast path: what another member has seen at this place.
        if self.stage == Stage::Joined && room.ledger.bytes(self.next_seq) == Some(payload) {
            return self.see(payload, room).map(Some);
        }
        let push = Push::parse(payload)?;
        match push.kind.as_str() {
            "message" if self.stage == Stage::Joined => return self.see(payload, room).map(Some),
            "welcome" if self.stage == Stage::Welcome => {
                let hello = json!({"type": "hello", "id": "hello", "name": self.name});
                self.request(&hello.to_string())?;
                self.stage = Stage::HelloDone;
            }
            "done" => self.succeed(&push, room)?,
            "error" | "shutdown" | "removed" => {
                return Err(String::from_utf8_lossy(payload).into_owned());
            }
            // Presence, rooms and the like are no concern of the load.
            _ => {}
        }
        Ok(None)
    }

    fn see(&mut self, payload: &[u8], room: &mut Room) -> Result<Delivery, String> {
        let complete_since = room.see(self.next_seq, payload)?;
        self.next_seq += 1;
        Ok(Delivery { complete_since })
    }

    fn succeed(&mut self, done: &Push, room: &mut Room) -> Result<(), String> {
        match self.stage {
            Stage::Welcome => return Err("an answer to no request".into()),
            Stage::HelloDone => {
                let join = json!({"type": "join", "id": "join", "room": room.name, "create": true});
                self.request(&join.to_string())?;
                self.stage = Stage::JoinDone;
            }
            Stage::JoinDone => {
                self.next_seq = done.seq.ok_or("the answer to join has no seq")? + 1;
                self.stage = Stage::Joined;
            }
            Stage::Joined => room.acknowledged += 1,
        }
        Ok(())
    }
}

/// What a load has to know of anything that the server sends.
#[derive(Deserialize)]
struct Push {
    #[serde(rename = "type")]
    kind: String,
    room: Option<String>,
    seq: Option<u64>,
    body: Option<String>,
}

impl Push {
    fn parse(payload: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(payload)
            .map_err(|e| format!("{e}: {}", String::from_utf8_lossy(payload)))
    }
}
