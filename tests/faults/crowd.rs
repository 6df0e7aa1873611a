//! A hundred people in one room who talk at a modest rate, and who notice everything.
//!
//! One thread serves them all, so that what they see of the server is not how the system schedules
//! a hundred threads. Each of them checks that the room's messages come once and in order; together
//! they know when a message has reached the last of them.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use chinwag::websocket::{Connection, Event, Message};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use serde::Deserialize;
use serde_json::json;

use crate::support::{Http, PATIENCE, Server, Ws, now, prepared, tls};

/// Honest users in the lobby.
pub(crate) struct Crowd {
    poll: Poll,
    members: Vec<Member>,
    /// By the number in the message's body.
    said: Vec<Said>,
    /// How many of those have not reached everyone.
    open_count: usize,
    /// Time between two messages, whoever says them.
    interval: Duration,
    next_at: Instant,
    /// What has just been read, whoever got it.
    buffer: Vec<u8>,
}

struct Member {
    stream: Box<dyn Stream>,
    connection: Connection,
    /// What has arrived and is not understood yet.
    input: Vec<u8>,
    last_seq: u64,
}

/// A socket, or TLS over one.
trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

struct Said {
    at: Instant,
    /// Members that do not have it yet.
    missing_count: usize,
    /// From saying it to its last delivery.
    latency: Option<Duration>,
}

impl Crowd {
    /// Enters the lobby with so many, who say `per_second` messages together; in TLS, if the server
    /// speaks that.
    pub(crate) fn gather(server: &Server, count: usize, per_second: u32) -> Self {
        let poll = Poll::new().unwrap();
        let members = (0..count).map(|nth| {
            let socket = prepared(std::net::TcpStream::connect(server.web()).unwrap());
            let handle = socket.try_clone().unwrap();
            let mut stream = TcpStream::from_std(socket);
            poll.registry()
                .register(&mut stream, Token(nth), Interest::READABLE)
                .unwrap();
            let member = Member::enter(&format!("honest {nth}"), wrap(server, stream));
            // From here on the poller tells when to read.
            handle.set_nonblocking(true).unwrap();
            member
        });
        let members = members.collect();
        Self {
            poll,
            members,
            said: Vec::new(),
            open_count: 0,
            interval: Duration::from_secs(1) / per_second,
            next_at: now(),
            buffer: vec![0; 64 * 1024],
        }
    }

    /// Talks until `is_over` says so, and all that was said has reached everyone.
    pub(crate) fn talk_until(&mut self, mut is_over: impl FnMut() -> bool) -> Latencies {
        let first = self.said.len();
        self.next_at = now();
        let mut until = None;
        while until.is_none() || self.open_count > 0 {
            let time = now();
            if let Some(until) = until {
                assert!(time < until, "{}", self.missing());
            } else if is_over() {
                until = Some(time + PATIENCE);
            } else if time >= self.next_at {
                self.say_next();
            }
            self.hear(until.map_or(self.next_at, |_| time + TICK));
        }
        let said = &self.said[first..];
        Latencies::new(said.iter().filter_map(|it| it.latency).collect())
    }

    /// Whether at least half of what was due in that time was said.
    pub(crate) fn kept_pace(&self, said: &Latencies, time: Duration) -> bool {
        self.interval * u32::try_from(said.count() * 2).unwrap() >= time
    }

    /// Talks for that long.
    pub(crate) fn talk_for(&mut self, time: Duration) -> Latencies {
        let until = now() + time;
        self.talk_until(|| now() >= until)
    }

    /// Talks until something has come about; waits no longer than one may wait for anything.
    pub(crate) fn talk_while_waiting(
        &mut self,
        what: &str,
        mut is_there: impl FnMut() -> bool,
    ) -> Latencies {
        let until = now() + PATIENCE;
        let mut look_at = now();
        self.talk_until(|| {
            let time = now();
            assert!(time < until, "waited in vain until {what}");
            // A look may cost the machine more than a message.
            time >= look_at && {
                look_at = time + TICK;
                is_there()
            }
        })
    }

    fn say_next(&mut self) {
        self.next_at += self.interval;
        let number = self.said.len();
        let nth = number % self.members.len();
        let body = format!("{MARK}{number}");
        let request = json!({"type": "send", "id": number, "room": "lobby", "body": body});
        let mut output = Vec::new();
        let member = &mut self.members[nth];
        let message = Message::text(request.to_string());
        member.connection.send(&message, &mut output).unwrap();
        self.said.push(Said {
            at: now(),
            missing_count: self.members.len(),
            latency: None,
        });
        self.open_count += 1;
        let len = self.members[nth].stream.write(&output).unwrap();
        assert_eq!(len, output.len(), "nobody reads what honest {nth} says");
    }

    /// Reads what comes until then, or until something has come.
    fn hear(&mut self, until: Instant) {
        let mut events = Events::with_capacity(256);
        let timeout = until.saturating_duration_since(now()).min(TICK);
        match self.poll.poll(&mut events, Some(timeout)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return,
            result => result.unwrap(),
        }
        for event in &events {
            let nth = event.token().0;
            self.members[nth].read(nth, &mut self.buffer);
            self.understand(nth);
        }
    }

    fn understand(&mut self, nth: usize) {
        for push in self.members[nth].messages(nth) {
            let member = &mut self.members[nth];
            let expected = member.last_seq + 1;
            assert_eq!(push.seq, expected, "honest {nth}: a hole or a double");
            member.last_seq = push.seq;
            self.delivered(&push.body);
        }
    }

    fn delivered(&mut self, body: &str) {
        let Some(number) = body.strip_prefix(MARK) else {
            return;
        };
        let said = &mut self.said[number.parse::<usize>().unwrap()];
        said.missing_count -= 1;
        if said.missing_count == 0 {
            said.latency = Some(now() - said.at);
            self.open_count -= 1;
        }
    }

    fn missing(&self) -> String {
        let missing = self.said.iter().enumerate();
        let missing = missing.filter(|(_, it)| it.missing_count > 0);
        let numbers: Vec<_> = missing
            .map(|(nth, it)| format!("{nth} at {} users", it.missing_count))
            .collect();
        format!("did not arrive: {}", numbers.join(", "))
    }
}

/// Puts TLS around a socket, if the server speaks that.
fn wrap(server: &Server, socket: TcpStream) -> Box<dyn Stream> {
    if server.speaks_tls() {
        Box::new(tls::secure(socket, &tls::kept_certificate(server)))
    } else {
        Box::new(socket)
    }
}

impl Member {
    /// Enters the lobby.
    fn enter(name: &str, stream: Box<dyn Stream>) -> Self {
        let mut ws = Ws::over(Http::inside(stream));
        ws.welcome();
        ws.hello(name);
        let last_seq = ws.join("lobby")["seq"].as_u64().unwrap();
        let (stream, connection, input) = ws.into_parts();
        Self {
            stream,
            connection,
            input,
            last_seq,
        }
    }

    /// Reads all there is.
    fn read(&mut self, nth: usize, buffer: &mut [u8]) {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => break,
                Ok(len) => self.input.extend_from_slice(&buffer[..len]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => panic!("honest {nth} is cut off: {error}"),
            }
        }
    }

    /// What was said and has arrived.
    fn messages(&mut self, nth: usize) -> Vec<Push> {
        let (mut messages, mut output) = (Vec::new(), Vec::new());
        let mut rest = &mut self.input[..];
        while let Some(event) = self.connection.receive(&mut rest, &mut output).unwrap() {
            match event {
                Event::Message(Message::Text(text)) => {
                    // The crowd shares the machine with the server: it reads what it needs.
                    if text.starts_with(r#"{"type":"message""#) {
                        messages.push(serde_json::from_str(&text).unwrap());
                    }
                    let is_refused = text.starts_with(r#"{"type":"error""#);
                    assert!(!is_refused, "honest {nth} is refused: {text}");
                }
                Event::Closed { code, reason } => {
                    panic!("honest {nth} is closed: {code:?} {reason}")
                }
                _ => {}
            }
        }
        let rest_len = rest.len();
        self.input.drain(..self.input.len() - rest_len);
        // Pongs, a few bytes each.
        self.stream.write_all(&output).unwrap();
        messages
    }
}

/// What a member is told of a message, as far as it matters here.
#[derive(Deserialize)]
struct Push {
    seq: u64,
    body: String,
}

/// How long messages took from being said to their last delivery.
#[derive(Debug)]
pub(crate) struct Latencies {
    sorted: Vec<Duration>,
}

impl Latencies {
    fn new(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        Self { sorted: latencies }
    }

    /// These and others.
    pub(crate) fn and(self, others: Self) -> Self {
        Self::new([self.sorted, others.sorted].concat())
    }

    /// The one that so many percent are not above.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let place = (self.sorted.len() * percent).div_ceil(100);
        self.sorted
            .get(place.saturating_sub(1))
            .copied()
            .unwrap_or_default()
    }

    pub(crate) fn count(&self) -> usize {
        self.sorted.len()
    }
}

/// What the bodies of honest messages begin with.
const MARK: &str = "honest word ";

/// How long one looks at most before it looks at the clock again.
const TICK: Duration = Duration::from_millis(20);
