//! Fan-out: a server sends each message of one publisher to every client, publisher included.
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
    let target = args.target()?;
    let client_count: usize = args.number("subs", 1000)? + 1;
    let raw = args.flag("raw");
    let handshake = if raw {
        Handshake::None
    } else {
        Handshake::WebSocket { subprotocol: None }
    };
    let clock = Clock::calibrate();
    let epoll = Epoll::new()?;
    let mut clients: Vec<Client> = Vec::new();
    for (i, opened) in open::open_all(&target, client_count, handshake)?
        .into_iter()
        .enumerate()
    {
        let inbox = Inbox::try_from(opened)?;
        epoll.add(inbox.fd, IN | RDHUP | ET, i)?;
        clients.push(Client { inbox, next: 0 });
    }
    // The server may still be busy with what follows the last handshake.
    std::thread::sleep(std::time::Duration::from_millis(200));

    let mut publisher = Publisher {
        fd: clients[0].inbox.fd,
        opcode: if args.flag("text") {
            frames::TEXT
        } else {
            frames::BINARY
        },
        raw,
        payload: vec![b'x'; args.number("size", 64)?],
        count: 0,
    };
    let mut ledger = Ledger::new(0, client_count);
    let mut measurement = Measurement::start(args)?;
    let pace = Pace::new(args)?;
    let mut events = Events::new();
    let mut buffer = vec![0; (256 * 1024).max(4 * publisher.payload.len())];
    loop {
        let now = sys::mono_ns();
        measurement.advance(now);
        if measurement.is_draining() && ledger.is_empty() {
            break;
        }
        if measurement.is_overdue(now) {
            return Err("some deliveries are missing".into());
        }
        while !measurement.is_draining() && pace.is_due(publisher.count, ledger.done_since(0), now)
        {
            let stamp = pace.stamp(publisher.count, now, &clock);
            ledger.add(publisher.publish()?, stamp);
        }
        epoll.wait(
            &mut events,
            if measurement.is_draining() {
                100
            } else {
                pace.max_wait_ms()
            },
        )?;
        for (i, flags) in events.iter() {
            clients[i].receive(raw, &mut buffer, &mut ledger, |sent_at| {
                measurement.add(1);
                if let Some(sent_at) = sent_at {
                    measurement.record(clock.since_ns(sent_at, clock::ticks()), 1);
                }
            })?;
            if flags & HUP != 0 {
                return Err("the server hung up".into());
            }
        }
    }
    for client in &clients {
        sys::close(client.inbox.fd);
    }
    measurement.report(args, "deliveries", json!({ "published": publisher.count }))
}

struct Publisher {
    fd: std::os::fd::RawFd,
    opcode: u8,
    raw: bool,
    payload: Vec<u8>,
    count: u64,
}

impl Publisher {
    /// Sends the next message; returns the bytes that each client has to receive for it.
    fn publish(&mut self) -> Result<Vec<u8>, String> {
        // Its number, so that loss and reordering show; in digits, so that it may be text.
        let number = format!("{:010}", self.count);
        let len = number.len().min(self.payload.len());
        self.payload[..len].copy_from_slice(&number.as_bytes()[number.len() - len..]);
        let mut expected = Vec::new();
        let mut sent = Vec::new();
        if self.raw {
            sent.extend_from_slice(&self.payload);
        } else {
            expected = frames::header(self.opcode, self.payload.len(), None);
            let key = (0x5bd1_e995 ^ (self.count as u32).wrapping_mul(0x9e37_79b1)).to_le_bytes();
            frames::append_masked(self.opcode, &self.payload, key, &mut sent);
        }
        expected.extend_from_slice(&self.payload);
        sys::send_all(self.fd, &sent).map_err(|e| format!("publish: {e}"))?;
        self.count += 1;
        Ok(expected)
    }
}

struct Client {
    inbox: Inbox,
    /// The message that has to come next.
    next: u64,
}

impl Client {
    fn receive(
        &mut self,
        raw: bool,
        buffer: &mut [u8],
        ledger: &mut Ledger,
        mut delivered: impl FnMut(Option<u64>),
    ) -> Result<(), String> {
        let (next, fd) = (&mut self.next, self.inbox.fd);
        self.inbox.receive(buffer, |bytes| {
            loop {
                if let Some(rest) = ledger
                    .bytes(*next)
                    .and_then(|message| bytes.strip_prefix(message))
                {
                    *bytes = rest;
                    delivered(ledger.deliver(*next));
                    *next += 1;
                    continue;
                }
                if bytes.is_empty()
                    || ledger
                        .bytes(*next)
                        .is_some_and(|message| message.starts_with(bytes))
                {
                    return Ok(());
                }
                match if raw { None } else { frames::take(bytes)? } {
                    Some(frame) if frame.opcode == frames::PING => {
                        frames::send_pong(fd, frame.payload)?
                    }
                    _ => return Err(format!("not the expected message {next}")),
                }
            }
        })
    }
}
