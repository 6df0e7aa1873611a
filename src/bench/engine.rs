//! Drives the connections of one thread, as a load wants them driven.
//!
//! A turn waits for sockets, reads each that has something until it has no more, and gives it what
//! the load wants to send in one write.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token};

use crate::bench::clock::{nanoseconds, now};
use crate::bench::load::Load;
use crate::bench::numbers::{count, counted};
use crate::bench::pace::{Rate, wait_before};
use crate::bench::peer::{Peer, Stage};
use crate::bench::plan::{Plan, Share};
use crate::bench::shared::Shared;
use crate::bench::stream::{Received, Scratch};
use crate::bench::tally::{self, Fault, Tally, Window, new_histogram};
use crate::bench::{BenchError, ConnectionError};
use crate::websocket::{CloseCode, CodecPool, Event};

/// A thread's part of a run.
pub(super) struct Engine<'a, L> {
    plan: &'a Plan,
    share: Share,
    shared: &'a Shared,
    load: L,
    poll: Poll,
    events: Events,
    /// `None`: gone.
    peers: Vec<Option<Peer>>,
    /// Connections that have become open, and of them those that are.
    opened_count: usize,
    alive_count: usize,
    /// The first connection that may still be opening: they begin in order.
    oldest: usize,
    scratch: Scratch,
    /// What a connection sends in a turn; empty between two of them.
    output: Vec<u8>,
    /// Connections that have something to send, and those that have more to read.
    wanted: Vec<usize>,
    unread: Vec<usize>,
    codecs: CodecPool,
    opening_times: Histogram<u64>,
    /// Why the run can't go on, before the load has begun.
    failure: Option<BenchError>,
    /// Whether the end of a connection is what is wanted.
    is_closing: bool,
    shown_at: Instant,
}

/// What a thread has measured.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) tally: Tally,
    pub(super) opening_times: Histogram<u64>,
}

impl Outcome {
    /// Adds what another thread has measured.
    pub(super) fn merge(&mut self, other: &Self) {
        self.tally.merge(&other.tally);
        tally::add(&mut self.opening_times, &other.opening_times);
    }
}

impl<'a, L: Load> Engine<'a, L> {
    pub(super) fn new(
        plan: &'a Plan,
        share: Share,
        shared: &'a Shared,
        load: L,
    ) -> Result<Self, BenchError> {
        Ok(Self {
            plan,
            share,
            shared,
            load,
            poll: Poll::new().map_err(BenchError::system("a poller"))?,
            events: Events::with_capacity(EVENTS_PER_TURN),
            peers: Vec::with_capacity(share.count),
            opened_count: 0,
            alive_count: 0,
            oldest: 0,
            scratch: Scratch::new(plan.tls.is_some()),
            output: Vec::new(),
            wanted: Vec::new(),
            unread: Vec::new(),
            codecs: CodecPool::new(),
            opening_times: new_histogram(),
            failure: None,
            is_closing: false,
            shown_at: now(),
        })
    }

    /// Opens all connections, loads them for the time of the plan, and closes them.
    pub(super) fn run(mut self) -> Result<Outcome, BenchError> {
        self.open_all()?;
        self.prepare()?;
        self.await_others()?;
        self.load_until_the_end()?;
        self.close_all()?;
        Ok(Outcome {
            tally: std::mem::replace(self.load.tally(), Tally::new()),
            opening_times: self.opening_times,
        })
    }

    fn open_all(&mut self) -> Result<(), BenchError> {
        let start = now();
        let threads = f64::from(u32::try_from(self.shared.gauges.len()).unwrap_or(u32::MAX));
        let rate = self.plan.args.connect_rate;
        let rate = rate.map(|per_second| Rate::new(per_second / threads));
        while self.opened_count < self.share.count {
            let now = self.judge_interruption()?;
            let due_count = rate.map_or(u64::MAX, |rate| rate.due_count(now, start));
            let max_begun_count = usize::try_from(due_count)
                .unwrap_or(usize::MAX)
                .min(self.share.count)
                .min(self.opened_count + MAX_OPENING_COUNT);
            while self.peers.len() < max_begun_count {
                self.dial(now)?;
            }
            self.judge_oldest(now)?;
            // Only where nothing but the rate keeps the next one back is it the clock that matters.
            let is_due_next = u64::try_from(self.peers.len()) == Ok(due_count);
            let next_at = rate.filter(|_| is_due_next);
            let next_at = next_at.map(|rate| rate.due_at(due_count, start));
            let longest = next_at.map_or(MAX_WAIT, |at| wait_before(at, now));
            self.wait(longest.min(MAX_WAIT))?;
        }
        Ok(())
    }

    /// Begins the next connection.
    fn dial(&mut self, now: Instant) -> Result<(), BenchError> {
        let place = self.peers.len();
        let number = self.share.first + count(place);
        match Peer::dial(self.plan, number, now) {
            Ok(mut peer) => {
                let interest = Interest::READABLE | Interest::WRITABLE;
                let registry = self.poll.registry();
                registry
                    .register(peer.stream.socket(), Token(place), interest)
                    .map_err(BenchError::system("a poller"))?;
                self.peers.push(Some(peer));
                Ok(())
            }
            Err(error) => Err(self.not_opened(place, error)),
        }
    }

    /// Ends the run if a connection takes too long to open.
    fn judge_oldest(&mut self, now: Instant) -> Result<(), BenchError> {
        while let Some(Some(peer)) = self.peers.get(self.oldest) {
            if !matches!(peer.stage, Stage::Open(_)) {
                let is_late = now > peer.began_at + self.plan.args.timeout;
                return match is_late {
                    true => Err(self.not_opened(self.oldest, ConnectionError::TimedOut)),
                    false => Ok(()),
                };
            }
            self.oldest += 1;
        }
        Ok(())
    }

    /// Waits until the load has nothing more to prepare.
    fn prepare(&mut self) -> Result<(), BenchError> {
        let share = u32::try_from(self.share.count).unwrap_or(u32::MAX);
        let deadline = now() + self.plan.args.timeout + PREPARING_TIME_OF_EACH * share;
        while let Some(place) = self.load.unready() {
            if self.judge_interruption()? > deadline {
                return Err(self.not_prepared(place, ConnectionError::TimedOut));
            }
            self.wait(MAX_WAIT)?;
        }
        Ok(())
    }

    /// Waits until all threads are ready, and begins.
    fn await_others(&mut self) -> Result<(), BenchError> {
        self.shared.arrive();
        let args = &self.plan.args;
        loop {
            let now = self.judge_interruption()?;
            let settle = || {
                let starts_at = now + args.warmup;
                Window {
                    opens_at: now,
                    starts_at,
                    ends_at: starts_at + args.duration,
                }
            };
            if let Some(window) = self.shared.window(settle) {
                self.load.tally().begin(window);
                return Ok(());
            }
            self.wait(OTHERS_WAIT)?;
        }
    }

    fn load_until_the_end(&mut self) -> Result<(), BenchError> {
        loop {
            let now = now();
            // A thread whose connections are gone waits for the end: what was due on them counts.
            if self.shared.is_stopped() || self.shared.open_count() == 0 {
                self.load.tally().stop(now);
            }
            let mut wanted = std::mem::take(&mut self.wanted);
            self.load.turn(now, &mut wanted);
            for place in wanted.drain(..) {
                self.send(place, now);
            }
            self.wanted = wanted;

            let Some(Window { ends_at, .. }) = self.load.tally().window() else {
                return Ok(());
            };
            let deadline = ends_at + self.plan.args.timeout;
            let next_at = self.load.next_at().filter(|_| self.alive_count > 0);
            let mut next_at = next_at.unwrap_or(ends_at).min(ends_at);
            if now >= ends_at {
                self.load.tally().close();
                let is_complete = self.load.unfinished_count() == 0;
                if is_complete || self.alive_count == 0 || now >= deadline {
                    self.finish(now);
                    return Ok(());
                }
                next_at = deadline;
            }
            self.wait(wait_before(next_at, now).min(MAX_WAIT))?;
            self.show(now);
        }
    }

    fn finish(&mut self, now: Instant) {
        let missing_count = self.load.finish(now);
        let what = || format!("{} did not come in time", counted(missing_count, "message"));
        let faults = &mut self.load.tally().faults;
        faults.add(Fault::Missing, missing_count, what);
    }

    /// Closes all connections as RFC 6455 §7.1.2 asks for, without waiting long for an answer.
    fn close_all(&mut self) -> Result<(), BenchError> {
        self.is_closing = true;
        for place in 0..self.peers.len() {
            let Some(Some(peer)) = self.peers.get_mut(place) else {
                continue;
            };
            if let Stage::Open(connection) = &mut peer.stage {
                // One that is closed already is on its way out.
                let _ = connection.close(CloseCode::NORMAL, "", &mut self.output);
                let sent = peer.stream.send(&self.output);
                self.output.clear();
                if sent.is_err() {
                    self.peers[place] = None;
                    self.alive_count -= 1;
                }
            }
        }
        let deadline = now() + CLOSING_TIME.min(self.plan.args.timeout);
        while self.alive_count > 0 && now() < deadline {
            self.wait(MAX_WAIT)?;
        }
        Ok(())
    }

    /// Waits for sockets, at most so long, and serves them.
    fn wait(&mut self, longest: Duration) -> Result<(), BenchError> {
        let longest = if self.unread.is_empty() {
            longest
        } else {
            Duration::ZERO
        };
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        match self.poll.poll(&mut events, Some(longest)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => events.clear(),
            Err(error) => return Err(BenchError::system("a poller")(error)),
        }
        for place in std::mem::take(&mut self.unread) {
            self.receive(place, false);
        }
        for event in &events {
            let Token(place) = event.token();
            self.advance(place);
            // First what waits: this event is the only one that tells of room for it.
            if event.is_writable() {
                self.flush(place);
            }
            let has_ended = event.is_read_closed() || event.is_error();
            if event.is_readable() || has_ended {
                self.receive(place, has_ended);
            }
        }
        self.events = events;
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// Carries on with a connection that is opening.
    fn advance(&mut self, place: usize) {
        if let Some(Some(peer)) = self.peers.get_mut(place)
            && let Stage::Dialing | Stage::Securing = peer.stage
            && let Err(error) = peer.advance(self.plan)
        {
            self.lose(place, error);
        }
    }

    /// Reads what there is, and answers it.
    fn receive(&mut self, place: usize, has_ended: bool) {
        for _ in 0..READS_PER_TURN {
            let Some(Some(peer)) = self.peers.get_mut(place) else {
                return;
            };
            match peer.stream.receive(&mut self.scratch) {
                Ok(Received::Bytes { len, has_more }) => {
                    if let Err(error) = self.take(place, len) {
                        return self.lose(place, error);
                    }
                    // Whatever comes after this is another event.
                    if !has_more && !has_ended {
                        return self.answer(place);
                    }
                }
                Ok(Received::Nothing) => return self.answer(place),
                Ok(Received::End) => return self.lose(place, ConnectionError::Ended),
                Err(error) => return self.lose(place, error.into()),
            }
        }
        self.unread.push(place);
        self.answer(place);
    }

    /// Understands the first `len` bytes of the scratch buffer.
    fn take(&mut self, place: usize, len: usize) -> Result<(), ConnectionError> {
        let Some(Some(peer)) = self.peers.get_mut(place) else {
            return Ok(());
        };
        let mut input = &mut self.scratch.received[..len];
        match &peer.stage {
            Stage::Dialing | Stage::Securing => peer.advance(self.plan)?,
            Stage::Upgrading(_) => {
                if peer.upgrade(self.plan, &mut input)? {
                    let elapsed = now().saturating_duration_since(peer.began_at);
                    self.opening_times
                        .saturating_record(nanoseconds(elapsed).max(1));
                    self.opened_count += 1;
                    self.alive_count += 1;
                    let gauge = &self.shared.gauges[self.share.thread].open_count;
                    gauge.store(count(self.alive_count), Ordering::Relaxed);
                }
            }
            Stage::Open(_) => {}
        }
        let Some(Some(Peer {
            stage: Stage::Open(connection),
            ..
        })) = self.peers.get_mut(place)
        else {
            return Ok(());
        };
        let is_compressing = connection.is_compressing();
        if is_compressing {
            connection.borrow_codecs(&mut self.codecs);
        }
        while let Some(event) = connection.receive(&mut input, &mut self.output)? {
            match event {
                Event::Message(message) => self.load.receive(place, &message)?,
                // The Pong is in the output.
                Event::Ping(_) => {}
                Event::Pong(_) => self.load.receive_pong(place, now()),
                Event::Closed { code, .. } => return Err(ConnectionError::Closed(code)),
            }
        }
        if is_compressing {
            connection.return_codecs(&mut self.codecs);
        }
        Ok(())
    }

    /// Tells the load that all was received, and sends what it has to say to that.
    fn answer(&mut self, place: usize) {
        let now = now();
        self.load.received(place, now);
        self.send(place, now);
    }

    /// Sends the output, and what the load wants to send.
    fn send(&mut self, place: usize, now: Instant) {
        loop {
            let Some(Some(peer)) = self.peers.get_mut(place) else {
                return;
            };
            let mut has_more = false;
            if let Stage::Open(connection) = &mut peer.stage
                && !peer.stream.is_blocked()
                && !self.is_closing
            {
                let is_compressing = connection.is_compressing();
                if is_compressing {
                    connection.borrow_codecs(&mut self.codecs);
                }
                has_more = self.load.send(place, now, connection, &mut self.output);
                if is_compressing {
                    connection.return_codecs(&mut self.codecs);
                }
            }
            if !self.output.is_empty() {
                let sent = peer.stream.send(&self.output);
                self.output.clear();
                if let Err(error) = sent {
                    return self.lose(place, error.into());
                }
            }
            if !has_more {
                return;
            }
        }
    }

    /// Sends what a socket had no room for, and what has waited behind it.
    fn flush(&mut self, place: usize) {
        let Some(Some(peer)) = self.peers.get_mut(place) else {
            return;
        };
        if peer.stream.is_blocked() {
            match peer.stream.flush() {
                Ok(()) => self.send(place, now()),
                Err(error) => self.lose(place, error.into()),
            }
        }
    }

    /// Drops a connection, and says why if that is not what was wanted.
    fn lose(&mut self, place: usize, error: ConnectionError) {
        let Some(mut peer) = self.peers.get_mut(place).and_then(Option::take) else {
            return;
        };
        // The reason, if there is one; whether it arrives changes nothing here.
        let _ = peer.stream.send(&self.output);
        self.output.clear();
        let was_open = matches!(peer.stage, Stage::Open(_));
        if was_open {
            self.alive_count -= 1;
            let gauge = &self.shared.gauges[self.share.thread].open_count;
            gauge.store(count(self.alive_count), Ordering::Relaxed);
        }
        if self.is_closing {
            return;
        }
        if self.load.tally().window().is_none() {
            let failure = match was_open {
                true => self.not_prepared(place, error),
                false => self.not_opened(place, error),
            };
            self.failure.get_or_insert(failure);
            return;
        }
        self.load.received(place, now());
        self.load.lose(place);
        let number = self.number(place);
        let faults = &mut self.load.tally().faults;
        faults.add(error.fault(), 1, || format!("connection {number}: {error}"));
    }

    fn not_opened(&self, place: usize, error: ConnectionError) -> BenchError {
        BenchError::Opening {
            number: self.number(place),
            count: self.plan.args.connections,
            error,
        }
    }

    fn not_prepared(&self, place: usize, error: ConnectionError) -> BenchError {
        BenchError::Preparing {
            number: self.number(place),
            count: self.plan.args.connections,
            error,
        }
    }

    /// Returns which connection of all it is, the first being 1.
    fn number(&self, place: usize) -> u64 {
        self.share.first + count(place) + 1
    }

    /// Returns the time, unless the run is to end before it has begun.
    fn judge_interruption(&self) -> Result<Instant, BenchError> {
        if self.shared.is_stopped() {
            return Err(BenchError::Interrupted {
                open_count: self.shared.open_count(),
                count: self.plan.args.connections,
            });
        }
        Ok(now())
    }

    /// Lets those who watch know, now and then.
    fn show(&mut self, now: Instant) {
        if now < self.shown_at + SHOWING_INTERVAL {
            return;
        }
        self.shown_at = now;
        let tally = self.load.tally();
        let gauge = &self.shared.gauges[self.share.thread];
        let p99_ns = tally.latencies.value_at_quantile(0.99);
        gauge.p99_ns.store(p99_ns, Ordering::Relaxed);
        gauge
            .message_count
            .store(tally.message_count, Ordering::Relaxed);
    }
}

/// Events that one wait takes: as many as a busy server has ready sockets in a millisecond.
const EVENTS_PER_TURN: usize = 1024;

/// Reads of one socket in a turn, of up to 256 KiB: after that others have their turn.
const READS_PER_TURN: usize = 16;

/// Connections that are opening at the same time: fewer than any listener's backlog.
const MAX_OPENING_COUNT: usize = 128;

/// Longest wait: how long an interruption may go unnoticed.
const MAX_WAIT: Duration = Duration::from_millis(100);

/// How long a thread that is ready may miss that all are.
const OTHERS_WAIT: Duration = Duration::from_millis(1);

/// What each connection may take to be prepared, beside the timeout for all: a join of a room is
/// told to everyone in it.
const PREPARING_TIME_OF_EACH: Duration = Duration::from_millis(10);

/// How long the server's answers to our Closes may take before the sockets are closed anyway.
const CLOSING_TIME: Duration = Duration::from_secs(2);

/// How often figures are told: more often than they are shown.
const SHOWING_INTERVAL: Duration = Duration::from_millis(50);
