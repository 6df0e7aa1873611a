//! The hub's thread: takes what the workers and the log tell, and hands on what the hub decides.
//!
//! What it decides leaves when it has taken all that waited: a worker or the log that is woken by the
//! first of many would do for one what it can do for all. At load that is most of what there is to
//! gain: a message that is committed and written alone costs its own sync, and a system call for
//! each of a room's members.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::chat::command::{AccountCommand, Order};
use crate::chat::hash::{Hashed, Hashing};
use crate::chat::hub::{Input, Output};
use crate::chat::log::{Committed, LogError, ReadDone};
use crate::chat::search::SearchDone;
use crate::chat::{ChatError, Command, Done, Event, Hub, Request, RoomId, SessionId, Timestamp};
use crate::net::ConnectionId;
use crate::server::clock;
use crate::server::hub_queue::{Asked, HubMail, HubReceiver};
use crate::server::mail::{Mail, NetworkBan};
use crate::server::metrics::Metrics;
use crate::server::reach::{Reach, Threads};

/// What the hub's thread owns; a step function, wherever it leads.
#[derive(Debug)]
pub(crate) struct HubThread<R> {
    hub: Hub,
    reach: R,
    metrics: Arc<Metrics>,
    /// Who waits for what became of the operator's orders.
    orders: HashMap<u64, SyncSender<Result<Done, ChatError>>>,
    next_order: u64,
    /// Whether the log takes anything; what is queued when it stops gets no answer.
    has_log: bool,
    /// How many sessions of each worker are subscribed to a room.
    subscribers: HashMap<RoomId, Vec<u32>>,
    /// What the hub wants done and has not been done yet.
    output: VecDeque<Output>,
    scratch: Vec<Output>,
    /// The latest time handed to the hub: clocks may be set back, the order of messages may not.
    latest: Timestamp,
}

impl HubThread<Threads> {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's, when it starts no thread.
    pub(crate) fn start(self, receiver: HubReceiver) -> std::io::Result<JoinHandle<()>> {
        std::thread::Builder::new()
            .name("chinwag-hub".into())
            .spawn(move || self.run(&receiver))
    }

    fn run(mut self, receiver: &HubReceiver) {
        // Something may have been due for long.
        let mut flow = self.tick(clock::now());
        loop {
            self.flush();
            // What the operator ordered by then is in the log, and is answered when that has it.
            if flow.is_break() && self.orders.is_empty() {
                break;
            }
            let then = match receiver.next(self.patience()) {
                Ok(mail) => self.take_some(mail, receiver),
                Err(RecvTimeoutError::Timeout) => self.tick(clock::now()),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if then.is_break() {
                flow = then;
            }
        }
    }

    /// Takes a piece of mail, and what waits behind it, up to a bound.
    fn take_some(&mut self, first: HubMail, receiver: &HubReceiver) -> ControlFlow<()> {
        let others = std::iter::from_fn(|| receiver.try_next());
        for mail in std::iter::once(first).chain(others).take(MAX_TAKEN_AT_ONCE) {
            self.take(mail, clock::now())?;
        }
        ControlFlow::Continue(())
    }
}

impl<R: Reach> HubThread<R> {
    pub(crate) fn new(hub: Hub, reach: R, metrics: Arc<Metrics>) -> Self {
        Self {
            hub,
            reach,
            metrics,
            orders: HashMap::new(),
            next_order: 0,
            has_log: true,
            subscribers: HashMap::new(),
            output: VecDeque::new(),
            scratch: Vec::new(),
            latest: Timestamp::default(),
        }
    }

    /// Whether [`tick`](Self::tick) is to be called as time passes.
    pub(crate) fn is_behind(&self) -> bool {
        self.hub.is_behind()
    }

    /// What time it is for the hub.
    #[cfg(test)]
    pub(crate) fn latest(&self) -> Timestamp {
        self.latest
    }

    /// Whether there is something to do for which it waited until then.
    #[cfg(test)]
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let due = self.hub.next_deadline();
        due.is_some_and(|at| at <= now.max(self.latest))
    }

    /// How long to wait for mail before telling the hub that time has passed; `None`: for ever.
    fn patience(&self) -> Option<Duration> {
        if self.is_behind() {
            return Some(TICK);
        }
        let left_ms = self.hub.next_deadline()?.0.saturating_sub(self.latest.0);
        let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
        // The time of day may be set, and computers sleep.
        Some(left.clamp(TICK, MAX_PATIENCE))
    }

    /// Tells the hub that time has passed.
    pub(crate) fn tick(&mut self, now: Timestamp) -> ControlFlow<()> {
        self.step(Input::Tick, now);
        ControlFlow::Continue(())
    }

    /// Has the hub judge what it is told, and carries out what it decides; breaks at the order to
    /// stop.
    pub(crate) fn take(&mut self, mail: HubMail, now: Timestamp) -> ControlFlow<()> {
        match mail {
            HubMail::Requests(gathered) => {
                for Asked {
                    session,
                    from,
                    request,
                } in gathered
                {
                    let input = Input::Request {
                        session,
                        from,
                        request,
                    };
                    self.step(input, now);
                }
            }
            HubMail::Disconnected(session) => self.step(Input::Disconnected(session), now),
            HubMail::Committed {
                committed,
                commit_time,
            } => {
                self.metrics
                    .commit_seconds
                    .observe(commit_time.as_secs_f64());
                for committed in committed {
                    self.step(Input::Committed(committed), now);
                }
            }
            HubMail::Read(done) => self.step(Input::Read(done), now),
            HubMail::Hashed(hashed) => self.step(Input::Hashed(hashed), now),
            HubMail::Order { order, reply } => self.order(order, reply, now),
            HubMail::Searched(done) => self.step(Input::Searched(done), now),
            HubMail::Settle(settled) => {
                self.flush();
                self.has_log = false;
                drop(settled);
            }
            HubMail::Stop => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }

    /// Lets the others know what was decided.
    pub(crate) fn flush(&mut self) {
        loop {
            let refused = self.reach.flush();
            if refused.is_empty() {
                break;
            }
            for append in refused {
                let outcome = Err(LogError::Unavailable);
                self.step(Input::Committed(Committed { append, outcome }), self.latest);
            }
        }
    }

    /// Whom it reaches, for whoever plays them.
    #[cfg(test)]
    pub(crate) fn reach(&mut self) -> &mut R {
        &mut self.reach
    }

    /// Whether nobody is present, nor counted as subscribed.
    #[cfg(test)]
    pub(crate) fn is_deserted(&self) -> bool {
        let mut counts = self.subscribers.values().flatten();
        self.hub.is_deserted() && counts.all(|count| *count == 0)
    }

    /// Has the hub judge what the operator wants.
    fn order(&mut self, order: Order, reply: SyncSender<Result<Done, ChatError>>, now: Timestamp) {
        let number = self.next_order;
        self.next_order += 1;
        self.orders.insert(number, reply);
        let command = Command::Account(AccountCommand::Order(order));
        let input = Input::Request {
            session: SessionId::operator(number),
            from: None,
            request: Request { id: None, command },
        };
        self.step(input, now);
    }

    /// Tells the operator what became of an order.
    fn reply(&mut self, to: SessionId, answer: Result<Done, ChatError>) {
        if let Some(reply) = self.orders.remove(&to.connection) {
            // Who asked may have given up waiting.
            let _ = reply.try_send(answer);
        }
    }

    fn hash(&mut self, hashing: Hashing) {
        if let Err(hashing) = self.reach.try_hash(hashing) {
            let (context, purpose) = (hashing.context, hashing.purpose);
            let outcome = None;
            self.decide(Input::Hashed(Hashed {
                context,
                purpose,
                outcome,
            }));
        }
    }

    fn step(&mut self, input: Input, now: Timestamp) {
        self.latest = self.latest.max(now);
        self.decide(input);
        while let Some(output) = self.output.pop_front() {
            self.carry_out(output);
        }
    }

    fn decide(&mut self, input: Input) {
        self.hub.step(input, self.latest, &mut self.scratch);
        self.output.extend(self.scratch.drain(..));
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Answer { to, answer, .. } if to.is_operator() => self.reply(to, answer),
            Output::Answer { to, re, answer } => {
                self.mail(
                    to.worker,
                    Mail::Answer {
                        to: connection(to),
                        re,
                        answer,
                    },
                );
            }
            Output::Publish {
                room,
                event,
                origin,
            } => self.publish(room, &event, origin),
            Output::Announce(event) => self.mail_all(&Mail::Announce(event)),
            Output::Tell { to, event } => {
                let mail = Mail::Tell {
                    to: connection(to),
                    event,
                };
                self.mail(to.worker, mail);
            }
            Output::Subscribe { session, room } => {
                *self.subscriber_count(session, room) += 1;
                let connection = connection(session);
                self.mail(session.worker, Mail::Subscribe { connection, room });
            }
            Output::Unsubscribe { session, room } => {
                *self.subscriber_count(session, room) -= 1;
                let connection = connection(session);
                self.mail(session.worker, Mail::Unsubscribe { connection, room });
            }
            Output::Append(append) => {
                let taken = match self.has_log {
                    true => self.reach.try_append(append),
                    false => Err(append),
                };
                if let Err(append) = taken {
                    let outcome = Err(LogError::Unavailable);
                    self.decide(Input::Committed(Committed { append, outcome }));
                }
            }
            Output::Hash(hashing) => self.hash(hashing),
            Output::Close(session) => {
                self.mail(session.worker, Mail::Revoked(connection(session)));
            }
            Output::ShutOut(session) => {
                self.mail(session.worker, Mail::ShutOut(connection(session)));
            }
            Output::NetworkBanned {
                network,
                until,
                reason,
            } => self.mail_all(&Mail::NetworkBanned(NetworkBan {
                network,
                until,
                reason,
            })),
            Output::Limited(scope) => self.metrics.rate_limited(scope.as_str()),
            Output::NetworkUnbanned(network) => self.mail_all(&Mail::NetworkUnbanned(network)),
            Output::Read(read) => {
                if let Err(read) = self.reach.try_read(read) {
                    let outcome = Err(LogError::Unavailable);
                    self.decide(Input::Read(ReadDone { read, outcome }));
                }
            }
            Output::Search(search) => {
                if let Err(search) = self.reach.try_search(search) {
                    let outcome = Err(LogError::Unavailable);
                    self.decide(Input::Searched(SearchDone { search, outcome }));
                }
            }
        }
    }

    fn mail_all(&mut self, mail: &Mail) {
        for worker in (0..).take(self.reach.worker_count()) {
            self.mail(worker, mail.clone());
        }
    }

    /// Tells the workers that have subscribers of a room.
    fn publish(&mut self, room: RoomId, event: &Arc<Event>, origin: Option<SessionId>) {
        let counts = self.subscribers.get(&room).map_or(&[][..], Vec::as_slice);
        for (worker, _) in (0..).zip(counts).filter(|(_, count)| **count > 0) {
            let event = Arc::clone(event);
            let origin = origin
                .filter(|origin| origin.worker == worker)
                .map(connection);
            self.reach.mail(
                worker_index(worker),
                Mail::Publish {
                    room,
                    event,
                    origin,
                },
            );
        }
    }

    fn subscriber_count(&mut self, session: SessionId, room: RoomId) -> &mut u32 {
        let worker_count = self.reach.worker_count();
        let counts = self
            .subscribers
            .entry(room)
            .or_insert_with(|| vec![0; worker_count]);
        &mut counts[worker_index(session.worker)]
    }

    fn mail(&mut self, worker: u32, mail: Mail) {
        self.reach.mail(worker_index(worker), mail);
    }
}

/// The worker's own name for a session.
fn connection(session: SessionId) -> ConnectionId {
    ConnectionId::from_bits(session.connection)
}

fn worker_index(worker: u32) -> usize {
    usize::try_from(worker).expect("usize has at least 32 bits")
}

/// How late something may be that is due at a time of day.
const MAX_PATIENCE: Duration = Duration::from_secs(60);

/// How long a room waits at most for what it is told late, once it can bear it.
const TICK: Duration = Duration::from_millis(50);

/// Pieces of mail after which the others are told what came of them: a millisecond's worth or so.
const MAX_TAKEN_AT_ONCE: usize = 16;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::chat::command::Hello;
    use crate::chat::entrance::Registration;
    use crate::chat::hash::Hashing;
    use crate::chat::hub::Policy;
    use crate::chat::log::{Append, Read, Visibility};
    use crate::chat::password::PasswordHash;
    use crate::chat::search::Search;
    use crate::chat::shares::Allowances;
    use crate::chat::{GuestId, Request, RoomName, Topic, UserName};
    use crate::server::hashers::Hashers;
    use crate::server::hub_queue;
    use crate::storage::{DataDir, Log, Reader, Storage};

    /// A log that looks as if it took things, and then does not.
    #[derive(Debug, Default)]
    struct Refusing {
        appends: Vec<Append>,
        answers: Vec<Result<Done, ChatError>>,
    }

    impl Reach for Refusing {
        fn worker_count(&self) -> usize {
            1
        }

        fn mail(&mut self, _: usize, mail: Mail) {
            if let Mail::Answer { answer, .. } = mail {
                self.answers.push(answer);
            }
        }

        fn try_append(&mut self, append: Append) -> Result<(), Append> {
            self.appends.push(append);
            Ok(())
        }

        fn flush(&mut self) -> Vec<Append> {
            std::mem::take(&mut self.appends)
        }

        fn try_read(&mut self, read: Read) -> Result<(), Read> {
            Err(read)
        }

        fn try_hash(&mut self, hashing: Hashing) -> Result<(), Box<Hashing>> {
            Err(Box::new(hashing))
        }

        fn try_search(&mut self, search: Search) -> Result<(), Search> {
            Err(search)
        }
    }

    fn policy() -> Policy {
        Policy {
            guests: true,
            registration: Registration::Open,
            claim: None,
            max_rooms: 10,
            retention_days: 0,
            allowances: Allowances::FREE,
        }
    }

    #[test]
    fn what_a_log_gives_back_that_is_gone_is_answered() {
        let metrics = Arc::new(Metrics::new());
        let mut thread = HubThread::new(Hub::new(policy(), []), Refusing::default(), metrics);
        let asked = |command| Asked {
            session: SessionId {
                worker: 0,
                connection: 1,
            },
            from: None,
            request: Request { id: None, command },
        };
        let create = |name| {
            asked(Command::Create {
                room: RoomName::parse(name).unwrap(),
                visibility: Visibility::Public,
                topic: Topic::default(),
            })
        };
        let hello = Hello::Guest {
            name: UserName::parse("ada").unwrap(),
            fresh: GuestId(1),
        };
        let together = vec![asked(Command::Hello(hello)), create("one"), create("two")];
        let _ = thread.take(HubMail::Requests(together), Timestamp(1));
        assert!(matches!(thread.reach.answers.as_slice(), [Ok(_)]));
        thread.flush();
        let answers = thread.reach.answers.as_slice();
        assert!(matches!(answers, [Ok(_), Err(_), Err(_)]), "{answers:?}");
    }

    #[test]
    fn order_that_is_in_the_log_is_answered_though_the_hub_is_to_stop() {
        let temporary = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(temporary.path()).unwrap();
        let (log, reader) = (Log::open(&data_dir), Reader::open(&data_dir));
        let (deliver, delivered) = mpsc::channel();
        let deliver = move |delivery| deliver.send(delivery).unwrap();
        let storage = Storage::start(log.unwrap(), reader.unwrap(), deliver).unwrap();
        let hashers = Hashers::start(|_| {}).unwrap();
        let threads = Threads::new(&[], storage.handle(), hashers.handle());
        let (sender, receiver) = hub_queue::queue();
        let thread = HubThread::new(Hub::new(policy(), []), threads, Arc::new(Metrics::new()));
        let thread = thread.start(receiver).unwrap();
        let answer = sender.order(Order::Add {
            name: UserName::parse("ada").unwrap(),
            password: PasswordHash::new("x"),
            is_admin: false,
        });
        let committed = delivered.recv().unwrap();
        sender.stop();
        sender.delivered(committed);
        assert!(matches!(answer.recv(), Ok(Ok(_))));
        thread.join().unwrap();
        assert!(sender.order(Order::List).recv().is_err());
    }
}
