//! A service that does what its client's lines say, and what tests need around it.
#![expect(dead_code, reason = "each test program uses a part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use chinwag::net::{
    Accepted, Config, ConnectionId, Connections, Flow, ListenAddress, Listener, MailSender, Outbox,
    Peer, Runtime, Service, TlsAcceptor, TlsFailure, Totals, Turn, TurnedAway,
};

/// Longer than anything here takes on the slowest machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Carries out the lines that clients send.
///
/// | line | does |
/// |---|---|
/// | `echo X` | answers `X` |
/// | `all X` | says `X` to every connection of every worker |
/// | `fill N` | owes the client N bytes |
/// | `share N` | owes it N bytes that are shared, and a line end |
/// | `post X` | answers `X` by a post to itself |
/// | `flood N` | answers N times 100,000 bytes, by posts |
/// | `expire N` | sets the deadline in N ms, at which `expired` is said |
/// | `close X` | says `X` and closes |
/// | `drop` | drops |
/// | `peer` | says who the client is |
/// | `raw` | echoes all that follows as it is |
/// | `stop`, `stop accepting` | asks the worker to |
pub(crate) struct Lines {
    log: Sender<Log>,
    peers: Vec<MailSender<Mail>>,
    index: usize,
    max_connections: usize,
    count: usize,
    turn_count: u64,
}

/// What a worker says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Log {
    Opened(ConnectionId),
    Secured(ConnectionId),
    TlsFailed(TlsFailure),
    EndOfInput(ConnectionId),
    Overflow(ConnectionId),
    Closed(ConnectionId),
    /// Whether mail to that connection found it.
    Told(ConnectionId, bool),
    Turns(u64),
    TurnedAway(TurnedAway),
}

#[derive(Debug, Clone)]
pub(crate) enum Mail {
    Tell(ConnectionId, String),
    TellAll(String),
    CountTurns,
    StopAccepting,
    StopAcceptingFrom(usize),
    RenewTls(TlsAcceptor),
    Stop,
}

pub(crate) struct Session {
    id: ConnectionId,
    peer: Peer,
    line: Vec<u8>,
    is_raw: bool,
    deadline: Option<Instant>,
}

impl Lines {
    pub(crate) fn new(log: Sender<Log>) -> Self {
        let peers = Vec::new();
        Self {
            log,
            peers,
            index: 0,
            max_connections: usize::MAX,
            count: 0,
            turn_count: 0,
        }
    }

    fn obey(
        &mut self,
        session: &mut Session,
        line: &str,
        turn: &mut Turn<'_, Mail>,
        outbox: &mut Outbox,
    ) -> Flow {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            "echo" => say(outbox, rest),
            "all" => {
                for (nth, peer) in self.peers.iter().enumerate() {
                    let mail = Mail::TellAll(rest.to_owned());
                    if nth == self.index {
                        turn.post(mail);
                    } else {
                        peer.try_send(mail).expect("the other worker keeps up");
                    }
                }
            }
            "fill" => {
                let len = outbox.buffer().len() + rest.parse::<usize>().expect("a number");
                outbox.buffer().resize(len, b'.');
            }
            "share" => {
                let len = rest.parse().expect("a number");
                outbox.push_shared(&vec![b's'; len].into());
                say(outbox, "");
            }
            "post" => turn.post(Mail::Tell(session.id, rest.to_owned())),
            "flood" => {
                for _ in 0..rest.parse().expect("a number") {
                    turn.post(Mail::Tell(session.id, "x".repeat(100_000)));
                }
            }
            "expire" => {
                let after = Duration::from_millis(rest.parse().expect("a number"));
                session.deadline = Some(turn.now + after);
            }
            "close" => {
                say(outbox, rest);
                return Flow::Close;
            }
            "peer" => match session.peer {
                Peer::Tcp(address) => say(outbox, &address.to_string()),
                Peer::Unix => say(outbox, "unix"),
            },
            "drop" => return Flow::Drop,
            "raw" => session.is_raw = true,
            "stop" if rest == "accepting" => turn.post(Mail::StopAccepting),
            "stop" => turn.post(Mail::Stop),
            _ => say(outbox, "what?"),
        }
        Flow::Continue
    }

    fn note(&self, log: Log) {
        // A test that has seen enough does not listen any more.
        let _ = self.log.send(log);
    }
}

impl Service for Lines {
    type Session = Session;
    type Mail = Mail;

    fn open(
        &mut self,
        id: ConnectionId,
        accepted: &Accepted,
        _: &mut Turn<'_, Mail>,
        outbox: &mut Outbox,
    ) -> (Session, Flow) {
        self.note(Log::Opened(id));
        self.count += 1;
        let session = Session {
            id,
            peer: accepted.peer,
            line: Vec::new(),
            is_raw: false,
            deadline: None,
        };
        if self.count > self.max_connections {
            say(outbox, "busy");
            return (session, Flow::Close);
        }
        (session, Flow::Continue)
    }

    fn secured(
        &mut self,
        session: &mut Session,
        _: &mut Turn<'_, Mail>,
        outbox: &mut Outbox,
    ) -> Flow {
        self.note(Log::Secured(session.id));
        say(outbox, "secured");
        Flow::Continue
    }

    fn tls_failed(&mut self, _: &mut Session, failure: TlsFailure, outbox: &mut Outbox) {
        self.note(Log::TlsFailed(failure));
        say(outbox, "speak TLS here");
    }

    fn receive(
        &mut self,
        session: &mut Session,
        input: &mut [u8],
        turn: &mut Turn<'_, Mail>,
        outbox: &mut Outbox,
    ) -> Flow {
        for (i, byte) in input.iter().enumerate() {
            if session.is_raw {
                outbox.buffer().extend_from_slice(&input[i..]);
                break;
            }
            if *byte != b'\n' {
                session.line.push(*byte);
                continue;
            }
            let line =
                String::from_utf8(std::mem::take(&mut session.line)).expect("tests send UTF-8");
            let flow = self.obey(session, &line, turn, outbox);
            if flow != Flow::Continue {
                return flow;
            }
        }
        Flow::Continue
    }

    fn end_of_input(
        &mut self,
        session: &mut Session,
        turn: &mut Turn<'_, Mail>,
        _: &mut Outbox,
    ) -> Flow {
        self.note(Log::EndOfInput(session.id));
        // What was posted before is answered before.
        turn.post(Mail::Tell(session.id, "bye".to_owned()));
        Flow::Continue
    }

    fn deadline(&self, session: &Session) -> Option<Instant> {
        session.deadline
    }

    fn expire(
        &mut self,
        session: &mut Session,
        turn: &mut Turn<'_, Mail>,
        outbox: &mut Outbox,
    ) -> Flow {
        assert!(
            session.deadline.take().is_some_and(|at| at <= turn.now),
            "never early"
        );
        say(outbox, "expired");
        Flow::Continue
    }

    fn overflow(
        &mut self,
        session: &mut Session,
        _: &mut Turn<'_, Mail>,
        outbox: &mut Outbox,
    ) -> Flow {
        self.note(Log::Overflow(session.id));
        say(outbox, "too slow");
        Flow::Close
    }

    fn mail(&mut self, mail: Mail, _: &mut Turn<'_, Mail>, connections: &mut Connections<Session>) {
        match mail {
            Mail::Tell(id, text) => {
                let found = connections.update(id, |_, outbox| {
                    say(outbox, &text);
                    if text == "bye" {
                        Flow::Close
                    } else {
                        Flow::Continue
                    }
                });
                self.note(Log::Told(id, found));
            }
            Mail::TellAll(text) => connections.for_each(|_, _, outbox| {
                say(outbox, &text);
                Flow::Continue
            }),
            Mail::CountTurns => self.note(Log::Turns(self.turn_count)),
            Mail::StopAccepting => connections.stop_accepting(),
            Mail::StopAcceptingFrom(nth) => connections.stop_accepting_from(nth),
            Mail::RenewTls(acceptor) => connections.renew_tls(acceptor),
            Mail::Stop => connections.stop(),
        }
    }

    fn closed(&mut self, session: Session, id: ConnectionId, _: &mut Turn<'_, Mail>) {
        assert_eq!(session.id, id);
        self.count -= 1;
        self.note(Log::Closed(id));
    }

    fn turned_away(&mut self, _: &Accepted, why: TurnedAway) -> &'static [u8] {
        self.note(Log::TurnedAway(why));
        b""
    }

    fn turn_ended(&mut self, _: &mut Turn<'_, Mail>) {
        self.turn_count += 1;
    }
}

fn say(outbox: &mut Outbox, text: &str) {
    outbox.buffer().extend_from_slice(text.as_bytes());
    outbox.buffer().push(b'\n');
}

/// The defaults, but for not waiting long for clients that stay to the end of a test.
pub(crate) fn config() -> Config {
    Config {
        linger_timeout: Duration::from_millis(50),
        ..Config::default()
    }
}

/// A running server. Stops at the end of a test that does not fail.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) runtime: Runtime<Mail>,
    log: Receiver<Log>,
}

/// Starts workers of [`Lines`] on a free port, and on `more` addresses.
pub(crate) fn serve_on(
    config: &Config,
    worker_count: usize,
    max_connections: usize,
    more: &[ListenAddress],
) -> Server {
    let tcp = Listener::bind(&"127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let ListenAddress::Tcp(address) = *tcp.address() else {
        unreachable!("it is TCP")
    };
    let mut listeners = vec![tcp];
    listeners.extend(
        more.iter()
            .map(|address| Listener::bind(address).expect("a free address")),
    );
    serve_listeners(config, worker_count, max_connections, address, listeners)
}

/// Starts workers of [`Lines`] on listeners, the first of which is at `address`.
pub(crate) fn serve_listeners(
    config: &Config,
    worker_count: usize,
    max_connections: usize,
    address: SocketAddr,
    listeners: Vec<Listener>,
) -> Server {
    let (sender, log) = mpsc::channel();
    let service = |index, runtime: &Runtime<Mail>| Lines {
        index,
        max_connections,
        peers: runtime.senders().to_vec(),
        ..Lines::new(sender.clone())
    };
    let runtime =
        chinwag::net::start(config, listeners, worker_count, service).expect("the workers start");
    Server {
        address,
        runtime,
        log,
    }
}

pub(crate) fn serve(config: &Config) -> Server {
    serve_on(config, 1, usize::MAX, &[])
}

impl Server {
    pub(crate) fn connect(&self) -> Client {
        connect_to(self.address)
    }

    /// Connects with a small receive buffer, so that not reading is soon felt.
    pub(crate) fn connect_narrow(&self) -> Client {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
            .expect("a socket");
        socket.set_recv_buffer_size(16 << 10).expect("a size");
        socket
            .connect(&self.address.into())
            .expect("the server listens");
        Client::new(socket.into())
    }

    pub(crate) fn tell(&self, mail: Mail) {
        self.runtime.senders()[0]
            .send(mail)
            .expect("the worker runs");
    }

    /// The next thing the workers log that `pick` takes.
    pub(crate) fn wait_for<T>(&self, mut pick: impl FnMut(&Log) -> Option<T>) -> T {
        loop {
            let log = self.log.recv_timeout(PATIENCE).expect("it is logged");
            if let Some(found) = pick(&log) {
                return found;
            }
        }
    }

    pub(crate) fn opened(&self) -> ConnectionId {
        self.wait_for(|log| {
            if let Log::Opened(id) = log {
                Some(*id)
            } else {
                None
            }
        })
    }

    pub(crate) fn closed(&self) -> ConnectionId {
        self.wait_for(|log| {
            if let Log::Closed(id) = log {
                Some(*id)
            } else {
                None
            }
        })
    }

    pub(crate) fn turn_count(&self) -> u64 {
        self.tell(Mail::CountTurns);
        self.wait_for(|log| {
            if let Log::Turns(count) = log {
                Some(*count)
            } else {
                None
            }
        })
    }

    /// Waits until the counters say so. They are published once a turn, and each look is a turn.
    pub(crate) fn wait_until(&self, mut is_so: impl FnMut(&Totals) -> bool) {
        let end = now() + PATIENCE;
        while !is_so(&self.runtime.gauges().totals()) {
            assert!(now() < end, "still {:?}", self.runtime.gauges().totals());
            self.turn_count();
        }
    }

    pub(crate) fn turned_away(&self) -> TurnedAway {
        self.wait_for(|log| {
            if let Log::TurnedAway(why) = log {
                Some(*why)
            } else {
                None
            }
        })
    }

    /// Stops the workers, and returns what was logged and not waited for.
    pub(crate) fn stop(self) -> Vec<Log> {
        for sender in self.runtime.senders() {
            sender.send(Mail::Stop).expect("the worker runs");
        }
        self.runtime.join();
        self.log.try_iter().collect()
    }
}

pub(crate) fn connect_to(address: SocketAddr) -> Client {
    Client::new(TcpStream::connect(address).expect("the server listens"))
}

/// The client's end.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Client {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        let lines = BufReader::new(stream.try_clone().expect("a second handle"));
        Self { stream, lines }
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.stream
            .write_all(text.as_bytes())
            .expect("the server takes it");
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line comes");
        line.trim_end_matches('\n').to_owned()
    }

    /// All that comes up to the server's FIN.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        self.lines
            .read_to_end(&mut rest)
            .expect("FIN comes, not RST");
        String::from_utf8(rest).expect("tests answer in UTF-8")
    }

    pub(crate) fn read_exact(&mut self, bytes: &mut [u8]) {
        self.lines.read_exact(bytes).expect("so many come");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests on real sockets live in real time"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
