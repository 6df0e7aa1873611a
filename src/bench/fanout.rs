//! One connection sends, and all must get each message: once, in order, the sender too.

use std::time::Instant;

use crate::bench::ConnectionError;
use crate::bench::ledger::Ledger;
use crate::bench::load::{Load, MAX_OUTPUT_LEN};
use crate::bench::pace::Pacer;
use crate::bench::payload::Payload;
use crate::bench::plan::Plan;
use crate::bench::tally::Tally;
use crate::websocket::{Connection, Message};

/// A broadcast to all connections, the one at place 0 being its sender.
pub(super) struct Fanout {
    tally: Tally,
    payload: Payload,
    pacer: Pacer,
    ledger: Ledger<()>,
}

impl Fanout {
    pub(super) fn new(plan: &Plan, count: usize) -> Self {
        Self {
            tally: Tally::new(),
            payload: Payload::new(plan.args.size(), plan.args.is_text()),
            pacer: Pacer::new(plan.rate(1.0), plan.args.max_in_flight()),
            ledger: Ledger::new(count, 0),
        }
    }
}

impl Load for Fanout {
    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn receive(&mut self, place: usize, message: &Message<'_>) -> Result<(), ConnectionError> {
        let awaited = self.ledger.next(place);
        if self.ledger.awaited(place).is_none() || !self.payload.is(0, awaited, message) {
            let what = format!("what came is not message {} of the broadcast", awaited + 1);
            return Err(ConnectionError::wrong(what));
        }
        self.ledger.deliver(place);
        Ok(())
    }

    fn received(&mut self, _place: usize, now: Instant) {
        self.ledger.count(&mut self.tally, now);
    }

    fn lose(&mut self, place: usize) {
        self.ledger.lose(place);
    }

    fn turn(&mut self, now: Instant, wanted: &mut Vec<usize>) {
        if self.tally.sending(now).is_some() {
            wanted.push(SENDER);
        }
    }

    fn send(
        &mut self,
        place: usize,
        now: Instant,
        connection: &mut Connection,
        output: &mut Vec<u8>,
    ) -> bool {
        let Some((window, now)) = self.tally.sending(now).filter(|_| place == SENDER) else {
            return false;
        };
        while output.len() < MAX_OUTPUT_LEN {
            let in_flight = self.ledger.len();
            let Some((number, sent_at)) = self.pacer.take(in_flight, now, window.opens_at) else {
                return false;
            };
            let send = |message: &Message<'_>| connection.send(message, output);
            if self.payload.with(0, number, send).is_err() {
                // Its end is on its way to us.
                return false;
            }
            self.ledger.add((), sent_at);
        }
        true
    }

    fn next_at(&self) -> Option<Instant> {
        self.pacer.next_at(self.tally.window()?.opens_at)
    }

    fn unfinished_count(&self) -> u64 {
        self.ledger.len()
    }

    fn finish(&mut self, now: Instant) -> u64 {
        if let Some((first, rate)) = self.pacer.next() {
            self.tally.count_unsent(first, rate);
        }
        self.ledger.finish(&mut self.tally, now)
    }
}

const SENDER: usize = 0;
