//! One life of the server: the shipped parts, with queues between them that a run moves.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use super::clock::shown_time_of_day;
use super::dice::Dice;
use super::ledger::{Checked, Ledger, Position, Violation, ensure};
use super::plant::{Plant, Saboteur};
use super::reach::Queues;
use super::sabotage;
use crate::chat::account::AccountFact;
use crate::chat::command::Order;
use crate::chat::entrance::Registration;
use crate::chat::hash::HashOutcome;
use crate::chat::hub::Policy;
use crate::chat::log::{Append, Committed, Fact, LogError, Recorded};
use crate::chat::rate_limit::Rate;
use crate::chat::shares::{Allowances, Scope};
use crate::chat::{Hub, RoomName, Timestamp};
use crate::net::{Config, OutboxLimits, SimulatedWorker};
use crate::server::admission::Admission;
use crate::server::chat_service::ChatService;
use crate::server::context::Sources;
use crate::server::control::Control;
use crate::server::hashers::Hasher;
use crate::server::hub_queue::{self, HubMail, HubReceiver};
use crate::server::hub_thread::HubThread;
use crate::server::mail::Mail;
use crate::server::shared::{self, Shared};
use crate::server::token::TokenKey;
use crate::storage::{DataDir, Delivery, DiskFault, Log, Reader};

/// What a server is like in all its lives.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) worker_count: usize,
    pub(super) outbox: OutboxLimits,
    /// What the outboxes are held against: what the servers believe, unless that is sabotaged.
    pub(super) nominal_outbox: OutboxLimits,
    pub(super) rate: Rate,
    /// For how many days messages are kept where nobody decides otherwise; 0: for ever.
    pub(super) retention_days: u32,
    /// Who has a share of what there is; `None`: nobody.
    pub(super) shared_by: Option<Scope>,
    /// What an account, or a guest, and an address may ask for.
    pub(super) allowances: Allowances,
    /// What all who speak are held against: as with outboxes.
    pub(super) nominal_allowances: Allowances,
    /// Appends, and reads, that may wait for the storage threads.
    pub(super) max_waiting: usize,
}

pub(super) struct Server {
    pub(super) workers: Vec<SimulatedWorker<ChatService>>,
    hub: HubThread<Queues>,
    receiver: HubReceiver,
    log: Log,
    reader: Reader,
    /// What the storage threads have told, and the hub has not taken.
    told_by_log: VecDeque<HubMail>,
    told_by_reader: VecDeque<HubMail>,
    told_by_hasher: VecDeque<HubMail>,
    hasher: Hasher,
    /// What was answered and is yet to be written, by a log that is sabotaged.
    unwritten: Vec<(Append, Position)>,
    /// Until when all connections are closed, once it ends in peace.
    drained_at: Option<Instant>,
    shared_by: Option<Scope>,
    /// How much each worker was told at least.
    known_by: Vec<Position>,
    shared: Arc<Shared>,
    control: Receiver<Control>,
    saboteur: Saboteur,
}

impl Server {
    /// Starts on what a former life has left, which must be what it said is durable.
    pub(super) fn start(
        path: &Path,
        setup: &Setup,
        ledger: &mut Ledger,
        dice: &mut Dice,
        mut saboteur: Saboteur,
        now: Instant,
    ) -> Checked<Self> {
        let failed = |error| Violation(format!("the server does not start: {error}"));
        let dir = DataDir::open(path).map_err(failed)?;
        let mut log = Log::open(&dir).map_err(failed)?;
        let rooms = log.rooms().map_err(failed)?;
        let mut reader = Reader::open(&dir).map_err(failed)?;
        let roll = log.accounts().map_err(failed)?;
        ledger.compare(&rooms, &roll, &mut reader)?;
        ledger.tell_all();
        let policy = Policy {
            guests: true,
            registration: Registration::Open,
            claim: None,
            max_rooms: 1_000,
            retention_days: setup.retention_days,
            allowances: setup.allowances,
        };
        let hub = Hub::new(policy, rooms).with_accounts(roll);
        let shared = new_shared(setup.rate).with_network_bans(hub.network_bans());
        let shared = Arc::new(shared);
        let (control_sender, control) = mpsc::channel();
        let (requests, receiver) = hub_queue::queue();
        let workers = (0..setup.worker_count).map(|nth| {
            let sources = Sources {
                time_of_day: shown_time_of_day,
                random: dice.generator(),
            };
            let (requests, shared) = (requests.clone(), Arc::clone(&shared));
            let nth = u32::try_from(nth).expect("a few");
            let service = ChatService::new(nth, requests, shared, control_sender.clone(), sources);
            let config = Config {
                mailbox_capacity: MAX_MAIL_A_TURN,
                outbox: setup.outbox.clone(),
                ..Config::default()
            };
            SimulatedWorker::new(service, config, now)
        });
        let workers = workers.collect();
        let queues = Queues::new(
            setup.worker_count,
            setup.max_waiting,
            ledger.told(),
            saboteur.fork(),
        );
        let metrics = Arc::clone(&shared.metrics);
        Ok(Self {
            workers,
            hub: HubThread::new(hub, queues, metrics),
            receiver,
            log,
            reader,
            told_by_log: VecDeque::new(),
            told_by_reader: VecDeque::new(),
            told_by_hasher: VecDeque::new(),
            hasher: Hasher::cheap(&mut dice.generator()),
            unwritten: Vec::new(),
            drained_at: None,
            shared_by: setup.shared_by,
            known_by: vec![ledger.told(); setup.worker_count],
            shared,
            control,
            saboteur,
        })
    }

    /// A worker takes some of its mail, and has a turn; `false`: there was no mail.
    pub(super) fn worker_turn(&mut self, nth: usize, now: Instant, dice: &mut Dice) -> bool {
        let queue = &mut self.hub.reach().mail[nth];
        let count = dice.between(0, queue.len().min(MAX_MAIL_A_TURN));
        let is_all = count == queue.len();
        for mail in queue.drain(..count) {
            let is_taken = self.workers[nth].mail(mail);
            assert!(is_taken, "the mailbox is empty between turns");
        }
        self.workers[nth].turn(now);
        if is_all {
            self.known_by[nth] = self.hub.reach().told;
        }
        while self.control.try_recv().is_ok() {}
        count > 0
    }

    /// How much a worker was told at least of what the hub was told.
    pub(super) fn known_by(&self, nth: usize) -> Position {
        self.known_by[nth]
    }

    /// The operator orders something. Whether it was done, the log tells.
    pub(super) fn order(&mut self, order: Order, now: Timestamp) {
        let (reply, _) = mpsc::sync_channel(1);
        let _ = self.hub.take(HubMail::Order { order, reply }, now);
    }

    /// The hub takes the next thing that somebody told it; `false`: there is nothing, or it waits
    /// for a worker.
    pub(super) fn hub_turn(
        &mut self,
        now: Timestamp,
        ledger: &mut Ledger,
        dice: &mut Dice,
    ) -> bool {
        if self.hub.reach().is_crowded() {
            return false;
        }
        let first = dice.below(4);
        let mail = (first..first + 4).find_map(|from| match from % 4 {
            0 => self.receiver.try_next(),
            1 => self.told_by_log.pop_front(),
            2 => self.told_by_reader.pop_front(),
            _ => self.told_by_hasher.pop_front(),
        });
        match mail {
            None => {
                if self.hub.is_behind() || self.hub.is_due(now) {
                    let _ = self.hub.tick(now);
                }
                // It waits for nobody with something kept back.
                self.hub.flush();
                return false;
            }
            Some(HubMail::Committed { committed, .. }) => {
                self.take_committed(committed, ledger, now);
            }
            Some(mut mail) => {
                sabotage::requests(&mut mail, &self.saboteur);
                let is_leak = matches!(mail, HubMail::Disconnected(_))
                    && self.saboteur.strikes(Plant::LeakSession);
                if !is_leak {
                    let _ = self.hub.take(mail, now);
                }
            }
        }
        if dice.one_in(3) {
            self.hub.flush();
        }
        true
    }

    /// The hub is told of a batch, one thing after the other: so it is known what it was told when it
    /// decides something.
    fn take_committed(&mut self, batch: Vec<Committed>, ledger: &mut Ledger, now: Timestamp) {
        for mut committed in batch {
            ledger.tell();
            sabotage::committed(&mut committed, &self.saboteur);
            let untrue = sabotage::failure(&committed, ledger, &self.saboteur);
            let queues = self.hub.reach();
            queues.told = ledger.told();
            queues.is_handing_over = matches!(
                committed.append.fact,
                Fact::Account(AccountFact::Inherited(_))
            );
            let hidden = ledger.hidden_room();
            queues.hidden = hidden.and_then(|room| RoomName::parse(room).ok());
            for committed in [Some(committed), untrue].into_iter().flatten() {
                let mail = HubMail::Committed {
                    committed: vec![committed],
                    commit_time: Duration::ZERO,
                };
                let _ = self.hub.take(mail, now);
            }
            self.hub.reach().is_handing_over = false;
        }
    }

    /// The log writes a batch of what waits; `false`: nothing does.
    pub(super) fn log_turn(
        &mut self,
        ledger: &mut Ledger,
        fault: Option<DiskFault>,
        dice: &mut Dice,
    ) -> Checked<bool> {
        let late = std::mem::take(&mut self.unwritten);
        if !late.is_empty() {
            self.write(late, ledger)?;
        }
        if self.log.has_remains() {
            self.log.erase_remains();
        }
        let appends = &mut self.hub.reach().appends;
        if appends.is_empty() {
            return Ok(false);
        }
        let count = dice.between(1, appends.len());
        let batch: Vec<(Append, Position)> = appends.drain(..count).collect();
        let is_early = self.saboteur.strikes(Plant::AnswerEarly);
        if is_early
            && let [(append, _)] = batch.as_slice()
            && let Some(committed) = foretell(append, ledger)
        {
            self.tell(vec![committed]);
            self.unwritten = batch;
            return Ok(true);
        }
        if fault.is_some() {
            self.log.set_fault(fault);
        }
        let mut written = self.write(batch, ledger)?;
        if fault.is_some() {
            self.log.set_fault(None);
        }
        if let [Committed { append, outcome }] = written.as_mut_slice()
            && *outcome == Err(LogError::Unavailable)
            && self.saboteur.strikes(Plant::HideFailure)
            && let Some(committed) = foretell(append, ledger)
        {
            *outcome = committed.outcome;
        }
        self.tell(written);
        Ok(true)
    }

    fn write(
        &mut self,
        batch: Vec<(Append, Position)>,
        ledger: &mut Ledger,
    ) -> Checked<Vec<Committed>> {
        let mut written = Vec::new();
        for (append, _) in &batch {
            let mut append = append.clone();
            sabotage::append(&mut append, ledger, &mut self.saboteur);
            written.push(append);
        }
        let mut written = self.log.append(written);
        ensure!(written.len() == batch.len(), "the log has lost an append");
        for (committed, (append, told)) in written.iter_mut().zip(batch) {
            committed.append = append;
            ledger.record(committed, told)?;
        }
        Ok(written)
    }

    fn tell(&mut self, batch: Vec<Committed>) {
        let elapsed = Duration::ZERO;
        let delivery = Delivery::Committed { batch, elapsed };
        self.told_by_log.push_back(delivery.into());
    }

    /// A password is hashed; `false`: there is none.
    pub(super) fn hasher_turn(&mut self, dice: &mut Dice) -> bool {
        let Some(hashing) = self.hub.reach().hashings.pop_front() else {
            return false;
        };
        let mut hashed = self.hasher.hash(hashing, &mut dice.generator());
        if let Some(HashOutcome::Verified(is_right)) = &mut hashed.outcome
            && self.saboteur.strikes(Plant::AcceptAnyPassword)
        {
            *is_right = true;
        }
        self.told_by_hasher.push_back(HubMail::Hashed(hashed));
        true
    }

    /// The reader answers a question; `false`: there is none.
    pub(super) fn reader_turn(&mut self, ledger: &Ledger) -> bool {
        if let Some(search) = self.hub.reach().searches.pop_front() {
            let mut done = self.reader.search(search);
            sabotage::found(&mut done, ledger, &mut self.saboteur);
            self.told_by_reader
                .push_back(Delivery::Searched(done).into());
            return true;
        }
        let Some(read) = self.hub.reach().reads.pop_front() else {
            return false;
        };
        let mut done = self.reader.read(read);
        if let Ok(page) = &mut done.outcome
            && page.messages.len() > 2
            && self.saboteur.strikes(Plant::TearHistory)
        {
            page.messages.remove(1);
        }
        self.told_by_reader.push_back(Delivery::Read(done).into());
        true
    }

    /// Begins to end in peace, as upon SIGTERM: closes all connections within a time.
    pub(super) fn drain(&mut self, window: Duration, now: Instant) {
        self.shared.begin_drain();
        self.drained_at = Some(now + window + CLOSE_GRACE);
        for mail in &mut self.hub.reach().mail {
            mail.push_back(Mail::Drain { window });
        }
    }

    /// Whether it has begun to end.
    pub(super) fn is_draining(&self) -> bool {
        self.drained_at.is_some()
    }

    /// When it ends at the latest, if it has begun to.
    pub(super) fn drained_at(&self) -> Option<Instant> {
        self.drained_at
    }

    /// Whether all connections that end in peace have ended, or had the time to.
    pub(super) fn is_drained(&self, now: Instant) -> bool {
        let is_deserted = self.shared.user_count() == 0;
        self.drained_at.is_some_and(|at| at <= now || is_deserted)
    }

    /// Ends: the workers first, then the hub, then the log, each with all that was told it.
    pub(super) fn stop(
        mut self,
        ledger: &mut Ledger,
        (now, time_of_day): (Instant, Timestamp),
        dice: &mut Dice,
    ) -> Checked {
        for nth in 0..self.workers.len() {
            while self.worker_turn(nth, now, dice) {}
            assert!(self.workers[nth].mail(Mail::Stop), "the mailbox is empty");
            self.workers[nth].turn(now);
        }
        loop {
            for mail in &mut self.hub.reach().mail {
                mail.clear();
            }
            let has_judged = self.hub_turn(time_of_day, ledger, dice);
            if !self.log_turn(ledger, None, dice)? && !has_judged {
                break;
            }
        }
        self.log.close();
        Ok(())
    }

    /// Whether nothing is under way inside.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.hub.reach().is_empty()
            && self.told_by_log.is_empty()
            && self.told_by_reader.is_empty()
            && self.told_by_hasher.is_empty()
            && self.unwritten.is_empty()
    }

    /// What time it would be for the hub now.
    pub(super) fn hub_time(&self, now: Timestamp) -> Timestamp {
        self.hub.latest().max(now)
    }

    /// The hub sees what time it is.
    pub(super) fn tick(&mut self, now: Timestamp) {
        let _ = self.hub.tick(now);
    }

    /// Who has a share of what there is.
    pub(super) fn shared_by(&self) -> Option<Scope> {
        self.shared_by
    }

    /// Whether the hub tells something as time passes.
    pub(super) fn is_behind(&self) -> bool {
        self.hub.is_behind()
    }

    /// Checks that nobody is owed more than the limit after a worker's turn.
    pub(super) fn check_bounds(&mut self, limits: &OutboxLimits) -> Checked {
        for worker in &mut self.workers {
            let owed_len = worker.max_owed_len();
            ensure!(
                owed_len <= limits.hard_len,
                "a connection is owed {owed_len} bytes, at most {}",
                limits.hard_len
            );
        }
        Ok(())
    }

    /// Checks that nothing is left of those who were here.
    pub(super) fn check_deserted(&self) -> Checked {
        for worker in &self.workers {
            let (sessions, sockets) = (worker.session_count(), worker.totals().sockets);
            ensure!(
                sessions == 0 && sockets == 0 && worker.service().is_deserted(),
                "a worker keeps {sessions} sessions and {sockets} sockets of nobody"
            );
        }
        let users = self.shared.user_count();
        let admitted = self.shared.admission(shared::Purpose::Web).open_count();
        ensure!(
            users == 0 && admitted == 0,
            "{users} users and {admitted} connections are counted, and there is nobody"
        );
        ensure!(
            self.hub.is_deserted(),
            "the hub believes that somebody is here"
        );
        Ok(())
    }
}

/// What the log would say if it wrote this.
fn foretell(append: &Append, ledger: &Ledger) -> Option<Committed> {
    let Fact::MessagePosted {
        room, key: None, ..
    } = &append.fact
    else {
        return None;
    };
    let seq = ledger.newest(room.as_str()) + 1;
    let (append, outcome) = (append.clone(), Ok(Recorded::Posted { seq }));
    Some(Committed { append, outcome })
}

/// With what guests' tokens are made.
pub(super) fn token_key() -> TokenKey {
    TokenKey::new([7; 32])
}

fn new_shared(rate: Rate) -> Shared {
    let purposes = vec![shared::Purpose::Web, shared::Purpose::Line];
    let admission = Admission::new(10_000, 0);
    let token_key = token_key();
    let motd = "a simulation".to_owned();
    Shared::new(
        admission,
        token_key,
        Vec::new(),
        rate,
        motd,
        purposes,
        10_000,
    )
}

/// How long after the window a peer may take for its part of the closing handshake.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// Mail that a worker takes in a turn at most.
const MAX_MAIL_A_TURN: usize = 64;
