//! The hub's thread: takes what the workers and the log tell, and hands on what the hub decides.
//!
//! Its queue has no bound of its own, but what may fill it has: requests are counted, and above
//! the limit they are refused where they arose; disconnects, commits and reads are bounded by the
//! connections and by the log's queues, and always pass. So nobody who tells the hub anything ever
//! waits for it, while the hub may wait for a worker's mailbox.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::chat::command::{AccountCommand, Order};
use crate::chat::hash::{Hashed, Hashing};
use crate::chat::hub::{Input, Output};
use crate::chat::log::{Append, Committed, LogError, Read, ReadDone};
use crate::chat::search::{Search, SearchDone};
use crate::chat::{
    ChatError, ClientAddress, Command, Done, Event, Hub, Request, RoomId, SessionId, Timestamp,
};
use crate::net::{ConnectionId, MailSender};
use crate::server::clock;
use crate::server::hashers::HashersHandle;
use crate::server::mail::{Mail, NetworkBan};
use crate::server::metrics::Metrics;
use crate::storage::{Delivery, StorageHandle};

/// A way to tell the hub something, from any thread.
#[derive(Clone, Debug)]
pub(crate) struct HubSender {
    queue: Sender<HubMail>,
    waiting: Arc<WaitingRequests>,
}

/// The hub's end of its queue.
#[derive(Debug)]
pub(crate) struct HubReceiver {
    queue: Receiver<HubMail>,
    waiting: Arc<WaitingRequests>,
}

/// What waits for the hub of what clients may send as much of as they like.
#[derive(Debug, Default)]
struct WaitingRequests {
    count: AtomicUsize,
    weight: AtomicUsize,
}

impl WaitingRequests {
    /// Takes note of one more; `false`: there is no room for it.
    fn add(&self, weight: usize) -> bool {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let others = self.weight.fetch_add(weight, Ordering::Relaxed);
        let has_room = count < MAX_REQUESTS && others + weight <= MAX_REQUESTS_WEIGHT;
        if !has_room {
            self.remove(weight);
        }
        has_room
    }

    fn remove(&self, weight: usize) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.weight.fetch_sub(weight, Ordering::Relaxed);
    }
}

/// What the hub is told.
#[derive(Debug)]
pub(crate) enum HubMail {
    Request {
        session: SessionId,
        from: Option<ClientAddress>,
        request: Request,
    },
    Disconnected(SessionId),
    Committed {
        committed: Vec<Committed>,
        commit_time: Duration,
    },
    Read(ReadDone),
    Hashed(Hashed),
    /// What the operator wants, and where to say what became of it.
    Order {
        order: Order,
        reply: SyncSender<Result<Done, ChatError>>,
    },
    Searched(SearchDone),
    /// To be dropped in its turn; the log takes nothing any more.
    Settle(Sender<()>),
    Stop,
}

/// A queue into a hub.
pub(crate) fn queue() -> (HubSender, HubReceiver) {
    let (sender, receiver) = mpsc::channel();
    let waiting = Arc::<WaitingRequests>::default();
    (
        HubSender {
            queue: sender,
            waiting: Arc::clone(&waiting),
        },
        HubReceiver {
            queue: receiver,
            waiting,
        },
    )
}

impl HubSender {
    /// Hands over a request; `false`: the hub has too many, or is gone.
    #[must_use]
    pub(crate) fn request(
        &self,
        session: SessionId,
        from: Option<ClientAddress>,
        request: Request,
    ) -> bool {
        if !self.waiting.add(request.weight()) {
            return false;
        }
        self.queue
            .send(HubMail::Request {
                session,
                from,
                request,
            })
            .is_ok()
    }

    /// Tells that a connection is gone.
    pub(crate) fn disconnected(&self, session: SessionId) {
        self.tell(HubMail::Disconnected(session));
    }

    /// Hands over what the log says.
    pub(crate) fn delivered(&self, delivery: Delivery) {
        self.tell(delivery.into());
    }

    /// Hands over what came of hashing.
    pub(crate) fn hashed(&self, hashed: Hashed) {
        self.tell(HubMail::Hashed(hashed));
    }

    /// Hands over what the operator wants; the answer comes, unless the hub is gone.
    pub(crate) fn order(&self, order: Order) -> Receiver<Result<Done, ChatError>> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.tell(HubMail::Order { order, reply });
        answer
    }

    /// Returns when the hub has judged all that was told it before, and gives the log nothing more; at
    /// once, if it is gone.
    pub(crate) fn settle(&self) {
        let (settled, all_judged) = mpsc::channel();
        self.tell(HubMail::Settle(settled));
        // Nothing is ever sent: the other end is dropped.
        let _ = all_judged.recv();
    }

    /// Ends the hub's thread once it has done all that was told it before.
    pub(crate) fn stop(&self) {
        self.tell(HubMail::Stop);
    }

    fn tell(&self, mail: HubMail) {
        // A hub that is gone needs to know nothing any more.
        let _ = self.queue.send(mail);
    }
}

impl From<Delivery> for HubMail {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Committed {
                batch: committed,
                elapsed: commit_time,
            } => Self::Committed {
                committed,
                commit_time,
            },
            Delivery::Read(done) => Self::Read(done),
            Delivery::Searched(done) => Self::Searched(done),
        }
    }
}

/// Whom the hub reaches.
pub(crate) trait Reach {
    /// How many workers there are.
    fn worker_count(&self) -> usize;

    /// Tells a worker something.
    fn mail(&mut self, worker: usize, mail: Mail);

    /// Hands the log something to keep; gives it back if there is no room.
    #[expect(
        clippy::result_large_err,
        reason = "the append goes back by value, as it came"
    )]
    fn try_append(&mut self, append: Append) -> Result<(), Append>;

    /// Asks the log something; gives the question back if there is no room.
    #[expect(
        clippy::result_large_err,
        reason = "the question goes back by value, as it came"
    )]
    fn try_read(&mut self, read: Read) -> Result<(), Read>;

    /// Has a password hashed; gives it back if there is no room.
    fn try_hash(&mut self, hashing: Hashing) -> Result<(), Box<Hashing>>;

    /// Has the log search; gives the search back if there is no room.
    #[expect(
        clippy::result_large_err,
        reason = "the search goes back by value, as it came"
    )]
    fn try_search(&mut self, search: Search) -> Result<(), Search>;
}

/// Those who run on threads of their own.
#[derive(Debug)]
pub(crate) struct Threads {
    pub(crate) workers: Vec<MailSender<Mail>>,
    pub(crate) storage: StorageHandle,
    pub(crate) hashers: HashersHandle,
}

impl HubReceiver {
    /// What came first, if anything waits.
    #[cfg(test)]
    pub(crate) fn try_next(&self) -> Option<HubMail> {
        self.queue.try_recv().ok().map(|mail| self.counted(mail))
    }

    /// Takes note that a piece of mail has left the queue.
    fn counted(&self, mail: HubMail) -> HubMail {
        if let HubMail::Request { request, .. } = &mail {
            self.waiting.remove(request.weight());
        }
        mail
    }
}

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
        // What the operator ordered by then is in the log, and is answered when that has it.
        while flow.is_continue() || !self.orders.is_empty() {
            let mail = match self.patience() {
                Some(time) => receiver.queue.recv_timeout(time),
                None => {
                    let mail = receiver.queue.recv();
                    mail.map_err(|_| RecvTimeoutError::Disconnected)
                }
            };
            let then = match mail {
                Ok(mail) => self.take(receiver.counted(mail), clock::now()),
                Err(RecvTimeoutError::Timeout) => self.tick(clock::now()),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if then.is_break() {
                flow = then;
            }
        }
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
            HubMail::Request {
                session,
                from,
                request,
            } => {
                let input = Input::Request {
                    session,
                    from,
                    request,
                };
                self.step(input, now);
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
                self.has_log = false;
                drop(settled);
            }
            HubMail::Stop => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
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

impl Reach for Threads {
    fn worker_count(&self) -> usize {
        self.workers.len()
    }

    /// Waits while the worker's mailbox is full; a worker that is gone needs no mail.
    fn mail(&mut self, worker: usize, mail: Mail) {
        let _ = self.workers[worker].send(mail);
    }

    fn try_append(&mut self, append: Append) -> Result<(), Append> {
        self.storage.try_append(append)
    }

    fn try_read(&mut self, read: Read) -> Result<(), Read> {
        self.storage.try_read(read)
    }

    fn try_hash(&mut self, hashing: Hashing) -> Result<(), Box<Hashing>> {
        self.hashers.try_submit(hashing)
    }

    fn try_search(&mut self, search: Search) -> Result<(), Search> {
        self.storage.try_search(search)
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

/// Requests that wait for the hub: some seconds of work for it.
const MAX_REQUESTS: usize = 64 * 1024;

/// About how many bytes those may take: as many of the longest messages as wait for the log at most.
const MAX_REQUESTS_WEIGHT: usize = 128 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::entrance::Registration;
    use crate::chat::hub::Policy;
    use crate::chat::password::PasswordHash;
    use crate::chat::shares::Allowances;
    use crate::chat::{Body, RoomName, UserName};
    use crate::server::hashers::Hashers;
    use crate::storage::{DataDir, Log, Reader, Storage};

    fn send(len: usize) -> Request {
        Request {
            id: None,
            command: Command::Send {
                room: RoomName::lobby(),
                body: Body::parse(&"🦊".repeat(len / 4)).unwrap(),
                key: None,
                reply_to: None,
            },
        }
    }

    /// How many such requests wait for the hub before one is refused; then that one less may come.
    fn check(request: &Request) -> usize {
        let (sender, receiver) = queue();
        let from = SessionId {
            worker: 0,
            connection: 1,
        };
        let mut ask = || sender.request(from, None, request.clone());
        let count = std::iter::repeat_with(&mut ask)
            .take_while(|is_taken| *is_taken)
            .count();
        assert!(receiver.try_next().is_some());
        assert!(ask() && !ask());
        count
    }

    #[test]
    fn requests_wait_for_the_hub_within_a_count_and_a_weight() {
        let short = Request {
            id: None,
            command: Command::Rooms,
        };
        assert_eq!(check(&short), MAX_REQUESTS);
        let long = send(Body::MAX_LEN);
        assert_eq!(check(&long), MAX_REQUESTS_WEIGHT / long.weight());
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
        let policy = Policy {
            guests: false,
            registration: Registration::Closed,
            claim: None,
            max_rooms: 0,
            retention_days: 0,
            allowances: Allowances::FREE,
        };
        let threads = Threads {
            workers: Vec::new(),
            storage: storage.handle(),
            hashers: hashers.handle(),
        };
        let (sender, receiver) = queue();
        let thread = HubThread::new(Hub::new(policy, []), threads, Arc::new(Metrics::new()));
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
