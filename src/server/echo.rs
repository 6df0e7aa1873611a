//! A WebSocket echo server on the same event loops: for conformance, benchmarks and trying clients.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use crate::net::{
    self, Accepted, ConnectionId, Connections, Flow, MailSender, Outbox, OutboxLimits, Runtime,
    Service, SlowReader, Tls, TlsAcceptor, TlsFailure, Turn, TurnedAway,
};
use crate::server::clock;
use crate::server::config::TlsConfig;
use crate::server::control::{Control, watch_signals};
use crate::server::error::StartError;
use crate::server::http_session::HttpSession;
use crate::server::listen::{bind, raise_open_file_limit};
use crate::server::refusal::no_room;
use crate::server::routes;
use crate::server::sending;
use crate::server::shared::Purpose;
use crate::server::tls::Certificates;
use crate::websocket::handshake::HandshakeError;
use crate::websocket::handshake::http::{HttpLimits, parse_request};
use crate::websocket::handshake::server::{Acceptance, Upgrade};
use crate::websocket::{
    CloseCode, CodecPool, Connection, DeflateOptions, Event, Limits, Message, Part, State,
    encode_message,
};

/// What an echo server is told at start.
#[derive(Clone, Debug)]
pub struct EchoConfig {
    /// Addresses: `IP:PORT` or `unix:PATH`.
    pub listen: Vec<String>,
    /// Event-loop threads.
    pub threads: usize,
    /// Whether `/broadcast` sends everything to everyone there.
    pub broadcast: bool,
    /// Whether each part of a message goes back as it comes, in a frame of its own: no message is
    /// held in memory, and none is too long. Broadcasts are of whole messages.
    pub stream: bool,
    /// Whether messages are compressed for clients that offer it.
    pub deflate: bool,
    /// How long a thread with nothing to do looks for events before it sleeps.
    pub busy_poll: Duration,
    /// Whether to listen beyond loopback without TLS.
    pub allow_plaintext: bool,
    /// With which certificate to speak TLS; one that it makes itself is kept nowhere.
    pub tls: TlsConfig,
}

/// Runs an echo server until a signal ends it; `announce` gets a line for each address.
///
/// # Errors
/// Whatever keeps it from starting.
pub fn echo(config: &EchoConfig, mut announce: impl FnMut(&str)) -> Result<(), StartError> {
    raise_open_file_limit();
    config.tls.check().map_err(StartError::TlsSettings)?;
    let mut certificates = Certificates::open(&config.tls, None, clock::now())?;
    let scheme = if config.tls.is_on() { "wss" } else { "ws" };
    let (mut listeners, mut addresses) = (Vec::new(), Vec::new());
    for address in &config.listen {
        let listener = bind(address, config.tls.is_on() || config.allow_plaintext)?;
        addresses.push(format!("echo on {scheme}://{}", listener.address()));
        listeners.push(listener);
    }
    let fingerprint = certificates.as_ref().and_then(Certificates::fingerprint);
    addresses.extend(fingerprint.map(|it| format!("certificate has SHA-256 fingerprint {it}")));
    let net_config = net::Config {
        thread_name: "chinwag-echo".into(),
        outbox: OutboxLimits {
            when_full: SlowReader::StopReading,
            ..OutboxLimits::default()
        },
        busy_poll: config.busy_poll,
        read_len: if config.stream {
            STREAM_READ_LEN
        } else {
            net::Config::default().read_len
        },
        tls: certificates.as_ref().map(|it| Tls {
            acceptor: it.acceptor().clone(),
            listeners: (0..config.listen.len()).collect(),
        }),
        ..net::Config::default()
    };
    let system = |what| move |source| StartError::System { what, source };
    let service =
        |worker, runtime: &Runtime<Mail>| EchoService::new(worker, config, runtime.senders());
    let runtime = net::start(&net_config, listeners, config.threads, service)
        .map_err(system("the event loops"))?;
    let (control, controlled) = mpsc::channel();
    watch_signals(control).map_err(system("the watch for signals"))?;
    addresses.iter().for_each(|line| announce(line));
    while let Ok(Control::Reload) = controlled.recv() {
        reload(certificates.as_mut(), runtime.senders());
    }
    for worker in runtime.senders() {
        // A worker that is gone needs no order to stop.
        let _ = worker.send(Mail::Stop);
    }
    runtime.join();
    Ok(())
}

/// Looks at the certificate's files again; connections that are open stay as they are.
fn reload(certificates: Option<&mut Certificates>, workers: &[MailSender<Mail>]) {
    let Some(certificates) = certificates else {
        return;
    };
    if let Err(error) = certificates.renew(clock::now()) {
        tracing::error!(%error, "the certificate in use stays");
        return;
    }
    for worker in workers {
        // A worker that is gone accepts nothing.
        let _ = worker.send(Mail::RenewTls(certificates.acceptor().clone()));
    }
}

/// What one worker owns.
#[derive(Debug)]
struct EchoService {
    has_broadcast: bool,
    is_streaming: bool,
    deflate: Option<DeflateOptions>,
    codecs: CodecPool,
    listeners: BTreeSet<ConnectionId>,
    /// Frames that no listener has got yet.
    waiting: Vec<Arc<[u8]>>,
    waiting_len: usize,
    /// What is being handed out to the listeners, and who was the last to get it.
    handed_out: Option<(Arc<[u8]>, ConnectionId)>,
    /// The other workers, and what their mailboxes had no room for.
    others: Vec<(MailSender<Mail>, VecDeque<Mail>)>,
    retry_at: Option<Instant>,
}

/// What a worker is told.
#[derive(Clone, Debug)]
enum Mail {
    /// A frame for all who are on `/broadcast`.
    Broadcast(Arc<[u8]>),
    /// Somebody is on `/broadcast` now.
    Listen(ConnectionId),
    /// Accept TLS with that from now on.
    RenewTls(TlsAcceptor),
    /// End.
    Stop,
}

/// One connection.
#[derive(Debug)]
struct Session {
    id: ConnectionId,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Http(HttpSession),
    Echo(Connection),
    Stream(Connection),
    Broadcast(Connection),
}

impl EchoService {
    fn new(worker: usize, config: &EchoConfig, workers: &[MailSender<Mail>]) -> Self {
        let others = workers
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != worker);
        Self {
            has_broadcast: config.broadcast,
            is_streaming: config.stream,
            deflate: config.deflate.then(DeflateOptions::default),
            codecs: CodecPool::new(),
            listeners: BTreeSet::new(),
            waiting: Vec::new(),
            waiting_len: 0,
            handed_out: None,
            others: others
                .map(|(_, sender)| (sender.clone(), VecDeque::new()))
                .collect(),
            retry_at: None,
        }
    }

    /// Takes the opening handshake; what follows it in `input` is left there.
    fn shake_hands(
        &self,
        session: &mut Session,
        input: &mut &mut [u8],
        turn: &mut Turn<'_, Mail>,
        outbox: &mut Outbox,
    ) -> Result<(), HandshakeError> {
        let Kind::Http(http) = &mut session.kind else {
            return Ok(());
        };
        let Some(head) = http.take_head(input)? else {
            return Ok(());
        };
        let limits = HttpLimits::default();
        let Some((request, _)) = parse_request(&head, &limits)? else {
            return Err(HandshakeError::BadRequestLine);
        };
        let is_broadcast = self.has_broadcast && request.path() == "/broadcast";
        let upgrade = Upgrade::from_request(&request)?;
        let is_stream = self.is_streaming && !is_broadcast;
        let mut limits = Limits::default();
        if is_stream {
            limits.max_message_len = usize::MAX;
        }
        let mut acceptance = Acceptance::new(limits);
        // A broadcast is encoded once, for all.
        if let Some(options) = self.deflate.as_ref().filter(|_| !is_broadcast) {
            acceptance = acceptance.deflate(options);
        }
        let connection = upgrade.accept_with(&acceptance, outbox.buffer());
        session.kind = if is_broadcast {
            turn.post(Mail::Listen(session.id));
            Kind::Broadcast(connection)
        } else if is_stream {
            Kind::Stream(connection)
        } else {
            Kind::Echo(connection)
        };
        Ok(())
    }

    /// Sends a message to everyone on `/broadcast`, on this worker and the others.
    fn broadcast(&mut self, message: &Message<'_>, turn: &mut Turn<'_, Mail>) {
        let mut frame = Vec::new();
        encode_message(message, &mut frame);
        let mail = Mail::Broadcast(frame.into());
        for (_, backlog) in &mut self.others {
            backlog.push_back(mail.clone());
        }
        turn.post(mail);
    }

    /// What waits for the listeners, in one piece.
    fn take_waiting(&mut self) -> Option<Arc<[u8]>> {
        self.waiting_len = 0;
        match std::mem::take(&mut self.waiting).as_slice() {
            [] => None,
            [only] => Some(Arc::clone(only)),
            several => Some(several.concat().into()),
        }
    }

    /// Hands on what the other workers have not got yet; a full mailbox is tried again later, as
    /// two workers that waited for each other would wait forever.
    fn flush_backlogs(&mut self, now: Instant) {
        let mut is_left = false;
        for (sender, backlog) in &mut self.others {
            let is_owed = !backlog.is_empty();
            while let Some(mail) = backlog.pop_front() {
                match sender.try_enqueue(mail) {
                    Ok(()) => {}
                    Err(mpsc::TrySendError::Full(mail)) => {
                        backlog.push_front(mail);
                        is_left = true;
                        break;
                    }
                    Err(mpsc::TrySendError::Disconnected(_)) => backlog.clear(),
                }
            }
            // Once, so that it finds all of it.
            if is_owed {
                sender.wake();
            }
        }
        self.retry_at = is_left.then(|| now + BACKLOG_RETRY);
    }
}

impl Service for EchoService {
    type Session = Session;
    type Mail = Mail;

    fn open(
        &mut self,
        id: ConnectionId,
        _: &Accepted,
        turn: &mut Turn<'_, Mail>,
        _: &mut Outbox,
    ) -> (Session, Flow) {
        (
            Session {
                id,
                kind: Kind::Http(HttpSession::new(turn.now)),
            },
            Flow::Continue,
        )
    }

    fn secured(
        &mut self,
        session: &mut Session,
        turn: &mut Turn<'_, Mail>,
        _: &mut Outbox,
    ) -> Flow {
        if let Kind::Http(http) = &mut session.kind {
            http.secured(turn.now);
        }
        Flow::Continue
    }

    fn tls_failed(&mut self, _: &mut Session, _: TlsFailure, outbox: &mut Outbox) {
        routes::speak_tls(outbox);
    }

    fn receive(
        &mut self,
        session: &mut Session,
        mut input: &mut [u8],
        turn: &mut Turn<'_, Mail>,
        outbox: &mut Outbox,
    ) -> Flow {
        if let Kind::Http(_) = &session.kind
            && let Err(error) = self.shake_hands(session, &mut input, turn, outbox)
        {
            error.write_response(outbox.buffer());
            return Flow::Close;
        }
        if let Some(connection) = session.kind.connection() {
            connection.borrow_codecs(&mut self.codecs);
        }
        // Pings are answered, and a Close, by the connection itself.
        match &mut session.kind {
            Kind::Http(_) => {}
            Kind::Echo(connection) => {
                while let Ok(Some(event)) = connection.receive(&mut input, outbox.buffer()) {
                    if let Event::Message(message) = event {
                        sending::send(connection, message, outbox);
                    }
                }
            }
            Kind::Stream(connection) => {
                while let Ok(Some(event)) = connection.receive_part(&mut input, outbox.buffer()) {
                    if let Event::Message(part) = event {
                        send_part_back(connection, &part, outbox);
                    }
                }
            }
            Kind::Broadcast(connection) => {
                while let Ok(Some(event)) = connection.receive(&mut input, outbox.buffer()) {
                    if let Event::Message(message) = event {
                        self.broadcast(&message, turn);
                    }
                }
            }
        }
        let Some(connection) = session.kind.connection() else {
            return Flow::Continue;
        };
        connection.return_codecs(&mut self.codecs);
        match connection.state() {
            State::Open | State::Closing => Flow::Continue,
            State::Closed | State::Failed => Flow::Close,
        }
    }

    fn end_of_input(&mut self, _: &mut Session, _: &mut Turn<'_, Mail>, _: &mut Outbox) -> Flow {
        Flow::Close
    }

    fn deadline(&self, session: &Session) -> Option<Instant> {
        match &session.kind {
            Kind::Http(http) => Some(http.deadline()),
            Kind::Echo(_) | Kind::Stream(_) | Kind::Broadcast(_) => None,
        }
    }

    fn expire(&mut self, _: &mut Session, _: &mut Turn<'_, Mail>, _: &mut Outbox) -> Flow {
        Flow::Close
    }

    fn overflow(&mut self, _: &mut Session, _: &mut Turn<'_, Mail>, _: &mut Outbox) -> Flow {
        Flow::Close
    }

    fn mail(
        &mut self,
        mail: Mail,
        turn: &mut Turn<'_, Mail>,
        connections: &mut Connections<Session>,
    ) {
        match mail {
            Mail::Broadcast(frame) => {
                self.waiting_len += frame.len();
                self.waiting.push(frame);
                if self.waiting_len > MAX_WAITING_LEN {
                    while self.hand_out(turn, connections) {}
                }
            }
            Mail::Listen(id) => {
                // What was broadcast before is for those who listened then.
                while self.hand_out(turn, connections) {}
                if connections.get(id).is_some() {
                    self.listeners.insert(id);
                }
            }
            Mail::RenewTls(acceptor) => connections.renew_tls(acceptor),
            Mail::Stop => {
                while self.hand_out(turn, connections) {}
                connections.for_each(|_, session, outbox| {
                    if let Some(connection) = session.kind.connection() {
                        // A connection that is closing is told nothing more.
                        let _ = connection.close(CloseCode::GOING_AWAY, "", outbox.buffer());
                    }
                    Flow::Close
                });
                connections.stop();
            }
        }
    }

    fn hand_out(
        &mut self,
        turn: &mut Turn<'_, Mail>,
        connections: &mut Connections<Session>,
    ) -> bool {
        let (frames, last) = match self.handed_out.take() {
            Some((frames, last)) => (frames, Some(last)),
            None => {
                // First, so that the others do their part at the same time.
                self.flush_backlogs(turn.now);
                match self.take_waiting() {
                    Some(frames) => (frames, None),
                    None => return false,
                }
            }
        };
        let last = net::hand_to_some(&self.listeners, last, |id| {
            connections.tell(id, |session, outbox| session.push(&frames, outbox));
        });
        self.handed_out = last.map(|last| (frames, last));
        self.handed_out.is_some()
    }

    fn closed(&mut self, _: Session, id: ConnectionId, _: &mut Turn<'_, Mail>) {
        self.listeners.remove(&id);
    }

    fn turned_away(&mut self, _: &Accepted, _: TurnedAway) -> &'static [u8] {
        no_room(Purpose::Web)
    }

    fn timer(&self) -> Option<Instant> {
        self.retry_at
    }
}

impl Kind {
    /// The connection, once there is one.
    fn connection(&mut self) -> Option<&mut Connection> {
        match self {
            Self::Http(_) => None,
            Self::Echo(connection) | Self::Stream(connection) | Self::Broadcast(connection) => {
                Some(connection)
            }
        }
    }
}

impl Session {
    /// Queues a broadcast frame, unless the reader has left too many unread.
    fn push(&mut self, frame: &Arc<[u8]>, outbox: &mut Outbox) -> Flow {
        let Kind::Broadcast(connection) = &mut self.kind else {
            return Flow::Continue;
        };
        if connection.state() != State::Open {
            return Flow::Continue;
        }
        if outbox.len() > MAX_UNREAD_LEN {
            connection
                .fail(
                    CloseCode::POLICY_VIOLATION,
                    "reads too slowly",
                    outbox.buffer(),
                )
                .expect("1008 is for servers too");
            return Flow::Close;
        }
        outbox.push_shared(frame);
        Flow::Continue
    }
}

/// Echoes a part of a message, in a frame of its own: not as bytes of one frame that is as long as
/// the peer's. A header that promises bytes which are yet to come could be followed by nothing else,
/// not by a Close that says what was wrong with them, nor by one that says that the server ends.
fn send_part_back(connection: &mut Connection, part: &Part<'_>, outbox: &mut Outbox) {
    // It does not fail: the connection is open, or there would be no part, and the kind is one.
    let _ = connection.send_part(&part.payload, part.is_final, outbox.buffer());
}

/// What is read at once is what is sent back at once, so it has room for the headers of 256 KiB:
/// programs send messages of 2ⁿ bytes, whose last few bytes would be read and written on their own. A
/// streamed MiB took a quarter more. Where messages wait until they are whole it is no gain.
const STREAM_READ_LEN: usize = 320 << 10;

/// What a reader of broadcasts may leave unread: an echo stops reading, a broadcast can't.
const MAX_UNREAD_LEN: usize = 16 * 1024 * 1024;

/// Frames that wait for the end of the mail are copied once more than others, to be one piece: so
/// many bytes of them.
const MAX_WAITING_LEN: usize = 64 * 1024;

/// A mailbox of many thousands empties in less.
const BACKLOG_RETRY: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Receiver;

    use super::*;
    use crate::net::{Peer, Sent, SimulatedWorker};

    /// The rest of a request, behind `GET PATH`.
    const UPGRADE: &str = " HTTP/1.1\r\nHost: localhost\r\n\
        Upgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

    fn upgrade(worker: &mut SimulatedWorker<EchoService>, id: ConnectionId, path: &str) {
        worker.arrive(id, format!("GET {path}{UPGRADE}").as_bytes());
    }

    /// Somebody whose opening handshake is done, and heard.
    fn enter(
        worker: &mut SimulatedWorker<EchoService>,
        path: &str,
        now: Instant,
    ) -> (ConnectionId, Receiver<Sent>) {
        let (id, sent) = connect(worker, now);
        upgrade(worker, id, path);
        worker.turn(now);
        assert!(heard(&sent).ends_with(b"\r\n\r\n"));
        (id, sent)
    }

    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn start() -> Instant {
        Instant::now()
    }

    fn worker(now: Instant) -> SimulatedWorker<EchoService> {
        let config = EchoConfig {
            listen: Vec::new(),
            threads: 1,
            broadcast: true,
            stream: false,
            deflate: false,
            busy_poll: Duration::ZERO,
            allow_plaintext: false,
            tls: TlsConfig::default(),
        };
        SimulatedWorker::new(
            EchoService::new(0, &config, &[]),
            net::Config::default(),
            now,
        )
    }

    fn connect(
        worker: &mut SimulatedWorker<EchoService>,
        now: Instant,
    ) -> (ConnectionId, Receiver<Sent>) {
        let accepted = Accepted {
            listener: 0,
            peer: Peer::Unix,
        };
        worker.accept(&accepted, 64 * 1024, now)
    }

    /// What has been sent to somebody since this was asked last.
    fn heard(sent: &Receiver<Sent>) -> Vec<u8> {
        writes(sent).concat()
    }

    /// The same, as it was written.
    fn writes(sent: &Receiver<Sent>) -> Vec<Vec<u8>> {
        let bytes = sent.try_iter().map(|sent| match sent {
            Sent::Bytes(bytes) => bytes,
            Sent::Fin => panic!("the connection is closed"),
        });
        bytes.collect()
    }

    #[test]
    fn who_comes_hears_nothing_of_what_was_broadcast_before() {
        let now = start();
        let mut worker = worker(now);
        let (ada, by_ada) = enter(&mut worker, "/broadcast", now);
        // Both are read in one turn, and there is mail for both in one.
        let (bob, by_bob) = connect(&mut worker, now);
        worker.arrive(ada, b"\x81\x85\0\0\0\0early");
        upgrade(&mut worker, bob, "/broadcast");
        worker.turn(now);
        worker.turn(now);
        assert_eq!(heard(&by_ada), b"\x81\x05early");
        let answer = heard(&by_bob);
        assert!(answer.ends_with(b"\r\n\r\n"), "{answer:?}");
        worker.arrive(bob, b"\x81\x84\0\0\0\0late");
        worker.turn(now);
        worker.turn(now);
        for sent in [by_ada, by_bob] {
            assert_eq!(heard(&sent), b"\x81\x04late");
        }
    }
    /// A system call for each message is what most of the time would go to.
    #[test]
    fn what_is_echoed_in_one_turn_is_written_at_once() {
        let now = start();
        let mut worker = worker(now);
        let (ada, by_ada) = enter(&mut worker, "/", now);
        worker.arrive(ada, &b"\x81\x82\0\0\0\0hi".repeat(16));
        worker.turn(now);
        assert_eq!(writes(&by_ada), [b"\x81\x02hi".repeat(16)]);
    }

    #[test]
    fn long_messages_are_sent_back_as_others_are_and_in_their_place() {
        let now = start();
        let mut worker = worker(now);
        let (ada, by_ada) = enter(&mut worker, "/", now);
        for len in [16_383, 16_384_u16] {
            let payload = vec![b'a'; len.into()];
            let header =
                |is_masked: u8| [&[0x81, is_masked | 126], &len.to_be_bytes()[..]].concat();
            let masked_header = [&header(0x80)[..], &[0; 4]].concat();
            // Of two parts it is put together, and then given away.
            let (first, rest) = payload.split_at(1000);
            worker.arrive(
                ada,
                &[b"\x81\x82\0\0\0\0hi", &masked_header[..], first].concat(),
            );
            worker.turn(now);
            worker.arrive(ada, &[rest, b"\x81\x82\0\0\0\0ho"].concat());
            worker.turn(now);
            let expected = [b"\x81\x02hi", &header(0)[..], &payload, b"\x81\x02ho"].concat();
            assert!(heard(&by_ada) == expected, "{len} bytes");
        }
    }

    #[test]
    fn what_is_broadcast_in_one_turn_is_written_once_a_listener() {
        let now = start();
        let mut worker = worker(now);
        let (ada, by_ada) = enter(&mut worker, "/broadcast", now);
        let (bob, by_bob) = enter(&mut worker, "/broadcast", now);
        worker.turn(now);
        worker.arrive(ada, b"\x81\x83\0\0\0\0ada\x81\x85\0\0\0\0again");
        worker.arrive(bob, b"\x81\x83\0\0\0\0bob");
        worker.turn(now);
        worker.turn(now);
        for sent in [by_ada, by_bob] {
            assert_eq!(writes(&sent), [b"\x81\x03ada\x81\x05again\x81\x03bob"]);
        }
    }
    /// The goal is 300 bytes, and the allocator has its share.
    #[test]
    fn idle_connection_takes_at_most_290_bytes() {
        let len = SimulatedWorker::<EchoService>::IDLE_LEN;
        println!("an idle connection of an echo server is {len} bytes");
        assert!(len <= 290, "{len}");
    }
}
