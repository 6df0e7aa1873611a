//! Echo: every connection keeps a number of messages in flight, and each reply is compared.
use std::collections::VecDeque;

use serde_json::json;

use crate::args::Args;
use crate::clock::{self, Clock};
use crate::frames::{self, Ring};
use crate::measure::Measurement;
use crate::open::{self, Handshake, Opened};
use crate::stream::Stream;
use crate::sys::{self, ET, Epoll, Events, HUP, IN, OUT, RDHUP};

pub fn run(args: &Args) -> Result<(), String> {
    let target = args.target()?;
    let pipeline: usize = args.number("pipeline", 1)?.max(1);
    let size: usize = args.number("size", 125)?.max(1);
    let raw = args.flag("raw");
    let handshake = if raw {
        Handshake::Echoed
    } else {
        Handshake::WebSocket { subprotocol: None }
    };

    let clock = Clock::calibrate();
    let ring = Ring::new(size, pipeline, raw, args.flag("text"));
    let epoll = Epoll::new()?;
    let mut connections = Vec::new();
    for (i, opened) in open::open_all(&target, args.number("conns", 1)?, handshake)?
        .into_iter()
        .enumerate()
    {
        epoll.add(opened.stream.fd(), IN | OUT | RDHUP | ET, i)?;
        connections.push(Connection::new(opened, &ring)?);
    }

    let mut measurement = Measurement::start(args)?;
    for connection in &mut connections {
        connection.queue(pipeline, clock::ticks());
        connection.flush(&ring)?;
    }
    let mut events = Events::new();
    let mut buffer = vec![0; 512 * 1024];
    loop {
        let now = sys::mono_ns();
        measurement.advance(now);
        if measurement.is_draining() && connections.iter().all(|c| c.in_flight.is_empty()) {
            break;
        }
        if measurement.is_overdue(now) {
            return Err("some messages had no reply".into());
        }
        epoll.wait(&mut events, 100)?;
        for (i, flags) in events.iter() {
            let connection = &mut connections[i];
            if flags & OUT != 0 {
                connection.is_writable = true;
                connection
                    .stream
                    .flush()
                    .map_err(|e| format!("send: {e}"))?;
            }
            if flags & IN != 0 {
                connection.receive(&ring, &mut buffer, &clock, &mut measurement)?;
            }
            connection.flush(&ring)?;
            if flags & HUP != 0 {
                return Err("the server hung up".into());
            }
        }
    }
    for connection in connections {
        connection.stream.close();
    }
    measurement.report(args, "messages", json!({}))
}

struct Connection {
    stream: Stream,
    is_writable: bool,
    /// The frame to send next, how much of it has been sent, and how many are due.
    next_frame: usize,
    sent_of_it: usize,
    queued: usize,
    /// When messages that have no reply yet were queued, and how many at that time.
    in_flight: VecDeque<(u64, usize)>,
    reply: Reply,
}

/// How far the replies have been read.
struct Reply {
    /// The message expected, and its number on this connection.
    message: usize,
    number: u64,
    /// How much of it has come.
    matched: usize,
    /// Whether a fragment of it has come.
    is_begun: bool,
    part: Part,
}

enum Part {
    /// Its first `count` bytes.
    Header {
        received: [u8; frames::MAX_HEADER_LEN],
        count: usize,
    },
    Payload {
        left: usize,
        is_final: bool,
    },
    Control {
        received: Vec<u8>,
    },
}

impl Connection {
    fn new(opened: Opened, ring: &Ring) -> Result<Self, String> {
        if !opened.received.is_empty() {
            return Err("bytes came before anything was sent".into());
        }
        Ok(Self {
            stream: opened.stream,
            is_writable: true,
            next_frame: 0,
            sent_of_it: 0,
            queued: 0,
            in_flight: VecDeque::new(),
            reply: Reply::new(ring),
        })
    }

    fn queue(&mut self, count: usize, at: u64) {
        self.queued += count;
        self.in_flight.push_back((at, count));
    }

    fn flush(&mut self, ring: &Ring) -> Result<(), String> {
        while self.queued > 0 && self.is_writable {
            let run = self.queued.min(ring.laid_out - self.next_frame);
            let start = self.next_frame * ring.frame_len + self.sent_of_it;
            let end = (self.next_frame + run) * ring.frame_len;
            match self.stream.send(&ring.bytes[start..end]) {
                Ok(Some(sent)) => {
                    let sent = self.sent_of_it + sent;
                    let whole_frames = sent / ring.frame_len;
                    self.sent_of_it = sent % ring.frame_len;
                    self.queued -= whole_frames;
                    self.next_frame = (self.next_frame + whole_frames) % ring.frame_count;
                }
                Ok(None) => self.is_writable = false,
                Err(e) => return Err(format!("send: {e}")),
            }
        }
        Ok(())
    }

    /// Reads what there is; each reply makes a new message due.
    fn receive(
        &mut self,
        ring: &Ring,
        buffer: &mut [u8],
        clock: &Clock,
        measurement: &mut Measurement,
    ) -> Result<(), String> {
        loop {
            let received = match self.stream.recv(buffer) {
                Ok(Some(0)) => return Err("the server closed a connection".into()),
                Ok(Some(received)) => received,
                Ok(None) => return Ok(()),
                Err(e) => return Err(format!("recv: {e}")),
            };
            let completed = self
                .reply
                .take(&mut self.stream, ring, &buffer[..received])?;
            if completed > 0 {
                let now = clock::ticks();
                self.settle(completed, |at, count| {
                    measurement.record(clock.since_ns(at, now), count as u64);
                })?;
                measurement.add(completed as u64);
                if !measurement.is_draining() {
                    self.queue(completed, now);
                }
            }
            if received < buffer.len() {
                return Ok(());
            }
            self.flush(ring)?;
        }
    }

    /// Takes the oldest messages off the list of those in flight.
    fn settle(&mut self, mut count: usize, mut note: impl FnMut(u64, usize)) -> Result<(), String> {
        while count > 0 {
            let (at, waiting) = self
                .in_flight
                .front_mut()
                .ok_or("more replies than messages")?;
            let settled = count.min(*waiting);
            note(*at, settled);
            count -= settled;
            *waiting -= settled;
            if *waiting == 0 {
                self.in_flight.pop_front();
            }
        }
        Ok(())
    }
}

impl Reply {
    fn new(ring: &Ring) -> Self {
        Self {
            message: 0,
            number: 0,
            matched: 0,
            is_begun: false,
            part: Part::next(ring),
        }
    }

    /// Compares received bytes with what was sent; returns how many messages they completed.
    fn take(
        &mut self,
        stream: &mut Stream,
        ring: &Ring,
        mut bytes: &[u8],
    ) -> Result<usize, String> {
        let mut completed = 0;
        while !bytes.is_empty() {
            match &mut self.part {
                Part::Header { count: 0, .. } if bytes[0] & 8 != 0 => {
                    self.part = Part::Control {
                        received: Vec::new(),
                    };
                }
                Part::Header { received, count } => {
                    let known = *count;
                    let fresh = bytes.len().min(received.len() - known);
                    *count += fresh;
                    received[known..*count].copy_from_slice(&bytes[..fresh]);
                    match frames::server_header(&received[..*count])? {
                        None => bytes = &bytes[fresh..],
                        Some(header) => {
                            bytes = &bytes[header.len - known..];
                            completed += self.begin(header, ring)?;
                        }
                    }
                }
                Part::Payload { left, is_final } => {
                    let count = (*left).min(bytes.len());
                    let expected = &ring.payloads[self.message][self.matched..][..count];
                    // The first bytes of each piece always, each 64th message whole: comparing all
                    // of large ones would slow the load more than the server.
                    let compared = if self.number.is_multiple_of(64) {
                        count
                    } else {
                        count.min(64)
                    };
                    if bytes[..compared] != expected[..compared] {
                        return Err(format!("message {} came back changed", self.number));
                    }
                    bytes = &bytes[count..];
                    self.matched += count;
                    *left -= count;
                    if *left == 0 {
                        let is_final = *is_final;
                        completed += self.end(is_final, ring);
                    }
                }
                Part::Control { received } => {
                    received.push(bytes[0]);
                    bytes = &bytes[1..];
                    if let Some(frame) = frames::take(&mut &received[..])? {
                        match frame.opcode {
                            frames::PING => {
                                // One that finds no room is dropped, since another will come.
                                let pong = frames::pong(frame.payload);
                                stream.send(&pong).map_err(|e| format!("pong: {e}"))?;
                            }
                            frames::CLOSE => return Err("the server sent a Close".into()),
                            _ => {}
                        }
                        self.part = Part::next(ring);
                    }
                }
            }
        }
        Ok(completed)
    }

    /// Begins a data frame, which may be a fragment; returns how many messages it completes.
    fn begin(&mut self, header: frames::Header, ring: &Ring) -> Result<usize, String> {
        let expected = if self.is_begun { Some(0) } else { ring.opcode };
        let left = ring.payloads[self.message].len() - self.matched;
        let is_too_long = header.payload_len > left;
        let is_too_short = header.is_final && header.payload_len < left;
        if Some(header.opcode) != expected || is_too_long || is_too_short {
            return Err(format!(
                "unexpected frame of message {}: opcode {}, {} bytes where {left} are missing",
                self.number, header.opcode, header.payload_len
            ));
        }
        self.part = Part::Payload {
            left: header.payload_len,
            is_final: header.is_final,
        };
        // An empty one has nothing to come.
        Ok(if header.payload_len == 0 {
            self.end(header.is_final, ring)
        } else {
            0
        })
    }

    /// Ends a frame; returns how many messages that completes.
    fn end(&mut self, is_final: bool, ring: &Ring) -> usize {
        self.part = Part::next(ring);
        self.is_begun = !is_final;
        if !is_final {
            return 0;
        }
        self.matched = 0;
        self.number += 1;
        self.message = (self.message + 1) % ring.frame_count;
        1
    }
}

impl Part {
    /// What comes after a frame; without WebSocket, a message is one.
    fn next(ring: &Ring) -> Self {
        match ring.opcode {
            Some(_) => Self::Header {
                received: [0; frames::MAX_HEADER_LEN],
                count: 0,
            },
            None => Self::Payload {
                left: ring.payloads[0].len(),
                is_final: true,
            },
        }
    }
}
