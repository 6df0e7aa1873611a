//! A chat room over `chinwag.v1`: every member has to see every message once, all in one order.
//!
//! Members say hello as guests and join one room; some of them send. The first member to see a
//! message parses it and puts its bytes into the ledger. For the others, comparing bytes is enough as
//! long as the server sends all of them the same; if it doesn't, the message is parsed again.
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
    let target = args.target()?;
    let handshake = Handshake::WebSocket {
        subprotocol: Some("chinwag.v1"),
    };
    let clock = Clock::calibrate();
    let epoll = Epoll::new()?;
    let mut members = Vec::with_capacity(member_count);
    for (i, opened) in open::open_all(&target, member_count, handshake)?
        .into_iter()
        .enumerate()
    {
        epoll.add(opened.fd, IN | RDHUP | ET, i)?;
        members.push(Member::new(opened.into(), format!("guest {i} {unique}")));
    }
    let mut chat = Chat {
        epoll,
        events: Events::new(),
        buffer: vec![0; 256 * 1024],
        members,
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
    members: Vec<Member>,
    room: Room,
    clock: Clock,
}

impl Chat {
    /// Takes all members through hello and join, then waits until the news about that has come.
    fn everyone_joins(&mut self) -> Result<(), String> {
        const TIMEOUT_NS: u64 = 120_000_000_000;
        let start_ns = sys::mono_ns();
        // What came right behind the handshake raises no event any more.
        for member in &mut self.members {
            member.receive(&mut self.buffer, &mut self.room, |_| {})?;
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
            self.receive(max_wait_ms, |sent_at| {
                measurement.add(1);
                if let Some(sent_at) = sent_at {
                    measurement.record(clock.since_ns(sent_at, clock::ticks()), 1);
                }
            })?;
        }
        // A message that comes twice may come last.
        while self.receive(100, |_| {})? {}
        Ok(())
    }

    /// Waits for events and takes what has come; false: nothing. `delivered` is called for each
    /// message a member sees, with the time it was sent at when the member is the last one.
    fn receive(
        &mut self,
        max_wait_ms: i32,
        mut delivered: impl FnMut(Option<u64>),
    ) -> Result<bool, String> {
        self.epoll.wait(&mut self.events, max_wait_ms)?;
        let mut received = false;
        for (i, flags) in self.events.iter() {
            received = true;
            let member = &mut self.members[i];
            member
                .receive(&mut self.buffer, &mut self.room, &mut delivered)
                .map_err(|e| format!("member {i}: {e}"))?;
            if flags & HUP != 0 {
                return Err(format!("member {i}: the server hung up"));
            }
        }
        Ok(received)
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
                // Written differently for this member, which is allowed as long as it says the same.
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
    inbox: Inbox,
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

impl Member {
    fn new(inbox: Inbox, name: String) -> Self {
        Self {
            inbox,
            name,
            stage: Stage::Welcome,
            next_seq: 0,
        }
    }

    fn request(&self, json: &str) -> Result<(), String> {
        send_text(self.inbox.fd, json)
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        room: &mut Room,
        mut delivered: impl FnMut(Option<u64>),
    ) -> Result<(), String> {
        let Self {
            inbox,
            name,
            stage,
            next_seq,
        } = self;
        let fd = inbox.fd;
        inbox.receive(buffer, |bytes| {
            while let Some(frame) = frames::take(bytes)? {
                match frame.opcode {
                    frames::TEXT => {}
                    frames::PING => {
                        frames::send_pong(fd, frame.payload)?;
                        continue;
                    }
                    opcode => return Err(format!("a frame with opcode {opcode}: {:?}", frame.payload)),
                }
                // The fast path: what the other members have seen at this place.
                let is_message =
                    *stage == Stage::Joined && room.ledger.bytes(*next_seq) == Some(frame.payload);
                let push = if is_message { None } else { Some(Push::parse(frame.payload)?) };
                match push.as_ref().map_or("message", |push| &push.kind) {
                    "message" if *stage == Stage::Joined => {
                        delivered(room.see(*next_seq, frame.payload)?);
                        *next_seq += 1;
                    }
                    "welcome" if *stage == Stage::Welcome => {
                        send_text(fd, &json!({"type": "hello", "id": "hello", "name": name}).to_string())?;
                        *stage = Stage::HelloDone;
                    }
                    "done" => match *stage {
                        Stage::HelloDone => {
                            let join = json!({"type": "join", "id": "join", "room": room.name, "create": true});
                            send_text(fd, &join.to_string())?;
                            *stage = Stage::JoinDone;
                        }
                        Stage::JoinDone => {
                            let seq = push.and_then(|push| push.seq).ok_or("the answer to join has no seq")?;
                            *next_seq = seq + 1;
                            *stage = Stage::Joined;
                        }
                        Stage::Joined => room.acknowledged += 1,
                        Stage::Welcome => return Err("an answer to no request".into()),
                    },
                    "error" | "shutdown" | "removed" => {
                        return Err(String::from_utf8_lossy(frame.payload).into_owned());
                    }
                    // Presence, rooms and the like are no concern of the load.
                    _ => {}
                }
            }
            Ok(())
        })
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

fn send_text(fd: RawFd, text: &str) -> Result<(), String> {
    let mut frame = Vec::new();
    frames::append_masked(
        frames::TEXT,
        text.as_bytes(),
        [0x5b, 0xd1, 0xe9, 0x95],
        &mut frame,
    );
    sys::send_all(fd, &frame).map_err(|e| format!("send: {e}"))
}
