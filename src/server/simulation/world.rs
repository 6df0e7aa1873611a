//! One run: moves bytes, mail and time as the dice fall, and ends in a calm in which nothing may be
//! missing.

use std::time::Duration;

use super::clock::Clock;
use super::dice::Dice;
use super::disk::Disk;
use super::ledger::{Checked, Ledger, Moment, Violation};
use super::link::Link;
use super::operator::Operator;
use super::peer::{Origin, Sight};
use super::people::{Person, gather};
use super::plant::{Plant, Saboteur};
use super::server::{Server, Setup};
use super::trace::Trace;
use super::weather::{Move, setup, weights};
use crate::net::SimulatedWorker;
use crate::storage::DiskFault;

/// Everything there is in a run.
pub(super) struct World {
    dice: Dice,
    saboteur: Saboteur,
    setup: Setup,
    /// How likely each move is.
    weights: [(Move, usize); 15],
    disk: Disk,
    ledger: Ledger,
    /// `None` between two lives.
    server: Option<Server>,
    operator: Operator,
    people: Vec<Person>,
    clock: Clock,
    fault: Option<DiskFault>,
    pub(super) trace: Trace,
}

impl World {
    pub(super) fn new(seed: u64, plant: Option<Plant>, is_traced: bool) -> Self {
        let mut dice = Dice::new(seed);
        let setup = setup(&mut dice, plant);
        let operator = Operator::new(&mut dice);
        let people = gather(&mut dice, operator.has_owner(), operator.bot());
        Self {
            saboteur: Saboteur::new(plant, dice.fork()),
            weights: weights(&mut dice),
            ledger: Ledger::new(setup.retention_days, setup.nominal_allowances),
            setup,
            disk: Disk::new(),
            server: None,
            operator,
            people,
            clock: Clock::new(),
            fault: None,
            trace: Trace::new(is_traced),
            dice,
        }
    }

    /// Lives through it all.
    pub(super) fn run(&mut self) -> Checked {
        self.start()?;
        for _ in 0..STORM_LEN {
            self.step()?;
        }
        self.calm_down()?;
        self.come_to_rest()?;
        self.check_settled()?;
        self.audit()?;
        self.all_leave()?;
        self.kill();
        self.start()
    }

    fn step(&mut self) -> Checked {
        let nth = self
            .dice
            .weighed(self.weights.iter().map(|(_, weight)| *weight));
        let chosen = self.weights[nth].0;
        let who = self.dice.below(self.people.len());
        match chosen {
            Move::Worker => self.worker_turn()?,
            Move::Hub => {
                for _ in 0..self.dice.between(1, 4) {
                    self.hub_turn();
                }
            }
            Move::Log => {
                self.log_turn()?;
            }
            Move::Reader => {
                for _ in 0..self.dice.between(1, 4) {
                    self.reader_turn();
                }
            }
            Move::Hasher => {
                self.hasher_turn();
            }
            Move::Act => self.act(who),
            Move::Send => {
                let _ = self.from(who).any(|who| self.send(who, false));
            }
            Move::Receive => {
                for who in self.from(who) {
                    if !self.people[who].is_stalled && self.receive(who, false)? {
                        break;
                    }
                }
            }
            Move::Stall => self.people[who].is_stalled ^= true,
            Move::Cut => self.cut(who),
            Move::Time => self.pass_time(),
            Move::Disk => self.fault = *self.dice.pick(&FAULTS),
            Move::Clock => {
                // Whatever was asked until then is judged no earlier than it was asked.
                let now = self.clock.time_of_day();
                self.server.iter_mut().for_each(|it| it.tick(now));
                self.clock.set(&mut self.dice);
            }
            Move::Kill => {
                self.kill();
                self.start()?;
            }
            Move::Drain => self.drain(),
        }
        self.succeed()
    }

    /// The server is told to end in peace, unless it was.
    fn drain(&mut self) {
        let window = Duration::from_millis(*self.dice.pick(&[0, 100, 10_000]));
        if let Some(server) = &mut self.server
            && !server.is_draining()
        {
            self.trace.note("drain", 0, &[]);
            server.drain(window, self.clock.now());
        }
    }

    /// Has a server that was told to end do so when it is time, and the next one take over.
    fn succeed(&mut self) -> Checked {
        let is_over = |server: &mut Server| server.is_drained(self.clock.now());
        let Some(server) = self.server.take_if(is_over) else {
            return Ok(());
        };
        self.trace.note("end", 0, &[]);
        let now = (self.clock.now(), self.clock.time_of_day());
        server.stop(&mut self.ledger, now, &mut self.dice)?;
        if self.saboteur.strikes(Plant::LoseInPeace) {
            self.disk.set_back();
        }
        self.hang_up_all();
        self.start()
    }

    fn hang_up_all(&mut self) {
        for person in &mut self.people {
            person.hang_up();
        }
    }

    /// Everybody, from somebody on.
    fn from(&self, who: usize) -> impl Iterator<Item = usize> + use<> {
        let count = self.people.len();
        (who..who + count).map(move |who| who % count)
    }

    /// The next life begins, at once or some days later.
    fn start(&mut self) -> Checked {
        self.trace.note("start", 0, &[]);
        self.clock.skip_days(&mut self.dice);
        let server = Server::start(
            &self.disk.path(),
            &self.setup,
            &mut self.ledger,
            &mut self.dice,
            self.saboteur.fork(),
            self.clock.now(),
        )?;
        self.server = Some(server);
        let now = self.clock.time_of_day();
        if let Some(server) = &mut self.server {
            self.operator.appoint(server, &self.ledger, now);
            self.operator.employ(server, &self.ledger, now);
        }
        Ok(())
    }

    /// The operator sees to it that all can come in; `false`: they can.
    fn open_up(&mut self) -> bool {
        let Some(server) = &mut self.server else {
            return false;
        };
        let (ledger, now) = (&self.ledger, self.clock.time_of_day());
        self.operator.appoint(server, ledger, now) | Operator::pardon(server, ledger, now)
    }

    fn kill(&mut self) {
        self.trace.note("kill", 0, &[]);
        let loses_written = self.saboteur.strikes(Plant::LoseWritten);
        self.disk.crash(loses_written);
        self.server = None;
        self.disk.clean();
        self.hang_up_all();
    }

    fn pass_time(&mut self) {
        let millis = match self.dice.below(40) {
            0 => self.dice.below(8_000),
            1..10 => self.dice.below(400),
            _ => self.dice.below(20),
        };
        let millis = u64::try_from(millis).expect("small");
        self.clock.pass(Duration::from_millis(millis));
    }

    fn worker_turn(&mut self) -> Checked {
        let Some(server) = &mut self.server else {
            return Ok(());
        };
        let nth = self.dice.below(server.workers.len());
        self.trace.note("worker", nth, &[]);
        server.worker_turn(nth, self.clock.now(), &mut self.dice);
        server.check_bounds(&self.setup.nominal_outbox)
    }

    fn hub_turn(&mut self) -> bool {
        let now = self.clock.time_of_day();
        let server = self.server.as_mut();
        let has_judged =
            server.is_some_and(|server| server.hub_turn(now, &mut self.ledger, &mut self.dice));
        if has_judged {
            self.trace.note("hub", 0, &[]);
        }
        has_judged
    }

    fn log_turn(&mut self) -> Checked<bool> {
        let Some(server) = &mut self.server else {
            return Ok(false);
        };
        let has_written = server.log_turn(&mut self.ledger, self.fault, &mut self.dice)?;
        if has_written {
            self.trace.note("log", 0, &[]);
        }
        Ok(has_written)
    }

    fn reader_turn(&mut self) -> bool {
        let server = self.server.as_mut();
        let has_read = server.is_some_and(|server| server.reader_turn(&self.ledger));
        if has_read {
            self.trace.note("reader", 0, &[]);
        }
        has_read
    }

    fn hasher_turn(&mut self) -> bool {
        let server = self.server.as_mut();
        let has_hashed = server.is_some_and(|server| server.hasher_turn(&mut self.dice));
        if has_hashed {
            self.trace.note("hasher", 0, &[]);
        }
        has_hashed
    }

    fn act(&mut self, who: usize) {
        let person = &mut self.people[who];
        let Some(link) = &mut person.link else {
            return self.connect(who);
        };
        if self.dice.one_in(30) && person.peer.ends_input() {
            link.end();
            return;
        }
        let sight = sight(&self.clock, &self.ledger, self.server.as_ref());
        person.peer.act(&sight, &mut self.dice, link.output());
        person.is_stalled |= person.peer.dawdles();
    }

    fn connect(&mut self, who: usize) {
        let Some(server) = &mut self.server else {
            return;
        };
        self.trace.note("connect", who, &[]);
        let worker = self.dice.below(server.workers.len());
        let person = &mut self.people[who];
        let room_len = self.dice.between(200, 8_000);
        let origin = Origin {
            address: person.address(&mut self.dice),
            since: Moment {
                told: server.known_by(worker),
                at: self.clock.earliest(),
            },
        };
        let place = (person.peer.listener(), origin.address);
        let mut link = Link::open(server, worker, place, room_len, self.clock.now());
        person.peer.connected(origin, link.output());
        person.link = Some(link);
    }

    /// Lets bytes arrive at the server: some, or all; `false`: none are under way.
    fn send(&mut self, who: usize, all: bool) -> bool {
        let (Some(server), Some(link)) = (&mut self.server, &mut self.people[who].link) else {
            return false;
        };
        let Some(sent) = link.send(server, all, &mut self.dice) else {
            return false;
        };
        self.trace.note("send", who, &sent);
        true
    }

    /// Lets somebody read what has come: some of it, or all; `false`: nothing has.
    fn receive(&mut self, who: usize, all: bool) -> Checked<bool> {
        let person = &mut self.people[who];
        let sight = sight(&self.clock, &self.ledger, self.server.as_ref());
        let (Some(server), Some(link)) = (&mut self.server, &mut person.link) else {
            return Ok(false);
        };
        let mut bytes = link.receive(server, all, &mut self.dice);
        if !bytes.is_empty() {
            self.trace.note("receive", who, &bytes);
            person.peer.receive(&mut bytes, &sight, link.output())?;
            return Ok(true);
        }
        if !link.is_over() {
            return Ok(false);
        }
        if link.has_fin() {
            person.peer.end_of_input(&sight)?;
        }
        self.trace.note("over", who, &[]);
        link.reset(server);
        person.hang_up();
        Ok(true)
    }

    /// A connection breaks, or is forgotten by the network.
    fn cut(&mut self, who: usize) {
        let person = &mut self.people[who];
        let (Some(server), Some(link)) = (&mut self.server, &mut person.link) else {
            return;
        };
        self.trace.note("cut", who, &[]);
        if !(person.peer.may_vanish() && self.dice.one_in(3)) {
            link.reset(server);
        }
        person.hang_up();
    }

    fn calm_down(&mut self) -> Checked {
        self.trace.note("calm", 0, &[]);
        self.fault = None;
        // Nobody waits for a hub that believes that it is later than it is.
        self.clock.settle();
        for person in &mut self.people {
            person.is_stalled = false;
        }
        Ok(())
    }

    /// Lets everybody catch up, until nothing is left to do.
    fn come_to_rest(&mut self) -> Checked {
        for _ in 0..MAX_ROUNDS {
            self.succeed()?;
            if !self.round()? {
                let is_behind = self.server.as_ref().is_some_and(Server::is_behind);
                if !is_behind && self.check_settled().is_ok() {
                    return Ok(());
                }
                self.wait();
            }
        }
        self.check_settled()?;
        Err(Violation("it does not come to rest".to_owned()))
    }

    /// Everything has its turn once; `false`: nothing happened.
    fn round(&mut self) -> Checked<bool> {
        let mut has_moved = self.open_up();
        // Who was told that the server ends comes back when the next one is there.
        let is_open = !self.server.as_ref().is_some_and(Server::is_draining);
        for who in 0..self.people.len() {
            if self.people[who].link.is_none() && is_open {
                self.connect(who);
                has_moved = true;
            }
            let person = &mut self.people[who];
            if let Some(link) = &mut person.link {
                let sight = sight(&self.clock, &self.ledger, self.server.as_ref());
                has_moved |= person.peer.catch_up(&sight, link.output());
            }
            has_moved |= self.send(who, true);
        }
        Ok(self.serve()? | has_moved)
    }

    /// The server does what there is to do, and everybody reads it; `false`: there was nothing.
    fn serve(&mut self) -> Checked<bool> {
        let mut has_moved = false;
        let worker_count = self.setup.worker_count;
        for nth in 0..worker_count {
            if let Some(server) = &mut self.server {
                has_moved |= server.worker_turn(nth, self.clock.now(), &mut self.dice);
                server.check_bounds(&self.setup.nominal_outbox)?;
            }
        }
        while self.hub_turn() {
            has_moved = true;
        }
        has_moved |= self.log_turn()?;
        has_moved |= self.reader_turn() | self.hasher_turn();
        for who in 0..self.people.len() {
            while self.receive(who, true)? {
                has_moved = true;
            }
        }
        let is_quiet = self.server.as_mut().is_none_or(Server::is_quiet);
        Ok(has_moved || !is_quiet)
    }

    /// Time passes until somebody wants to do something.
    fn wait(&mut self) {
        let server = self.server.iter().flat_map(|server| &server.workers);
        let workers = server.filter_map(SimulatedWorker::next_at);
        let people = self.people.iter().filter_map(|it| it.peer.waits_until());
        let hub = self.server.iter().filter(|server| server.is_behind());
        let hub = hub.map(|_| self.clock.now() + TICK);
        let drained = self.server.iter().filter_map(Server::drained_at);
        let next_at = workers.chain(people).chain(hub).chain(drained);
        let next_at = next_at.filter(|at| *at > self.clock.now()).min();
        let longest = self.clock.now() + LONG_WAIT;
        self.clock.wait_until(next_at.unwrap_or(longest));
        self.trace.note("wait", 0, &[]);
    }

    fn check_settled(&self) -> Checked {
        let sight = sight(&self.clock, &self.ledger, self.server.as_ref());
        let mut people = self.people.iter();
        people.try_for_each(|person| person.peer.check_settled(&sight))
    }

    /// Everybody compares who is said to be where to what was told.
    fn audit(&mut self) -> Checked {
        // Whoever was forgotten by the network is found out by then.
        self.let_pass(Duration::from_secs(90))?;
        self.come_to_rest()?;
        self.trace.note("audit", 0, &[]);
        let sight = sight(&self.clock, &self.ledger, self.server.as_ref());
        for person in &mut self.people {
            if let Some(link) = &mut person.link {
                person.peer.begin_audit(&sight, link.output());
            }
        }
        self.come_to_rest()
    }

    /// All connections end, and nothing is left of them.
    fn all_leave(&mut self) -> Checked {
        for who in 0..self.people.len() {
            let person = &mut self.people[who];
            if let (Some(server), Some(link)) = (&mut self.server, &mut person.link) {
                link.reset(server);
            }
            person.hang_up();
        }
        while self.serve()? {}
        self.let_pass(Duration::from_secs(30))?;
        while self.serve()? {}
        match &self.server {
            Some(server) => server.check_deserted(),
            None => Ok(()),
        }
    }

    fn let_pass(&mut self, duration: Duration) -> Checked {
        let until = self.clock.now() + duration;
        while self.clock.now() < until {
            while self.serve()? {}
            for who in 0..self.people.len() {
                self.send(who, true);
            }
            while self.serve()? {}
            self.wait();
        }
        Ok(())
    }
}

/// What a peer may look at now.
fn sight<'a>(clock: &Clock, ledger: &'a Ledger, server: Option<&Server>) -> Sight<'a> {
    let time_of_day = clock.time_of_day();
    Sight {
        ledger,
        now: clock.now(),
        time_of_day,
        hub_time: server.map_or(time_of_day, |it| it.hub_time(time_of_day)),
        shared_by: server.and_then(Server::shared_by),
        is_draining: server.is_none_or(Server::is_draining),
    }
}

const FAULTS: [Option<DiskFault>; 6] = [
    None,
    None,
    None,
    Some(DiskFault::Full),
    Some(DiskFault::ReadOnly),
    Some(DiskFault::Commit),
];

/// How long nobody may want anything.
const LONG_WAIT: Duration = Duration::from_secs(10);

/// Moves of a run before it calms down.
const STORM_LEN: usize = 1_500;

/// Rounds of calm after which all has to be done.
const MAX_ROUNDS: usize = 2_000;

/// How often the hub looks at what it is to tell late.
const TICK: Duration = Duration::from_millis(50);
