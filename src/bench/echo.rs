//! Messages that must come back: to the connection that sent them, in order, unchanged.

use std::collections::VecDeque;
use std::time::Instant;

use crate::bench::ConnectionError;
use crate::bench::load::{Load, MAX_OUTPUT_LEN};
use crate::bench::numbers::count;
use crate::bench::pace::Rate;
use crate::bench::payload::Payload;
use crate::bench::plan::{Plan, Share};
use crate::bench::tally::Tally;
use crate::websocket::{Connection, Message};

/// Echo on the connections of one thread.
pub(super) struct Echo {
    tally: Tally,
    payload: Payload,
    /// Of this thread; `None`: a closed loop.
    rate: Option<Rate>,
    max_in_flight: u64,
    /// The first lane's place among the connections of all threads.
    first: u64,
    lanes: Vec<Lane>,
    unfinished_count: u64,
    /// Messages that `turn` has made due, in an open loop.
    due_count: u64,
}

/// One connection.
#[derive(Debug, Default)]
struct Lane {
    sent_count: u64,
    received_count: u64,
    /// Of those received, how many have been counted.
    counted_count: u64,
    /// When the messages that have no reply yet were sent or due, and how many at that time.
    in_flight: VecDeque<(Instant, u64)>,
}

impl Echo {
    pub(super) fn new(plan: &Plan, share: Share) -> Self {
        let mut lanes = Vec::new();
        lanes.resize_with(share.count, Lane::default);
        let shares = f64::from(u32::try_from(plan.shares().len()).unwrap_or(u32::MAX));
        Self {
            tally: Tally::new(),
            payload: Payload::new(plan.args.size(), plan.args.is_text()),
            rate: plan.rate(shares),
            max_in_flight: plan.args.max_in_flight(),
            first: share.first,
            lanes,
            unfinished_count: 0,
            due_count: 0,
        }
    }

    /// Returns when a connection's messages are due: all of the thread take turns.
    fn rate_of(&self, place: usize) -> Option<Rate> {
        let lane_count = count(self.lanes.len());
        Some(self.rate?.turns(count(place), lane_count))
    }

    /// Returns how many of the messages that are due have fallen to a connection.
    fn due_count_of(&self, place: usize) -> u64 {
        let (place, lane_count) = (count(place), count(self.lanes.len()));
        (self.due_count + lane_count - 1).saturating_sub(place) / lane_count
    }
}

impl Load for Echo {
    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn receive(&mut self, place: usize, message: &Message<'_>) -> Result<(), ConnectionError> {
        let lane = &mut self.lanes[place];
        let awaited = lane.received_count;
        if awaited == lane.sent_count {
            return Err(ConnectionError::wrong(
                "a message came that nothing was sent for",
            ));
        }
        let connection = self.first + count(place);
        if !self.payload.is(connection, awaited, message) {
            let what = format!("reply {} is not what was sent", awaited + 1);
            return Err(ConnectionError::wrong(what));
        }
        lane.received_count += 1;
        Ok(())
    }

    fn received(&mut self, place: usize, now: Instant) {
        let lane = &mut self.lanes[place];
        let mut new_count = lane.received_count - lane.counted_count;
        lane.counted_count = lane.received_count;
        self.unfinished_count -= new_count;
        self.tally.count_deliveries(new_count, now);
        while let Some((sent_at, waiting_count)) = lane.in_flight.front_mut() {
            let counted_count = new_count.min(*waiting_count);
            self.tally.count_messages(counted_count, *sent_at, now);
            *waiting_count -= counted_count;
            new_count -= counted_count;
            if *waiting_count > 0 {
                break;
            }
            lane.in_flight.pop_front();
        }
    }

    fn lose(&mut self, place: usize) {
        // What is in flight there stays so, to the end, and nobody waits for it.
        let lane = &self.lanes[place];
        self.unfinished_count -= lane.sent_count - lane.counted_count;
    }

    fn turn(&mut self, now: Instant, wanted: &mut Vec<usize>) {
        let Some((window, now)) = self.tally.sending(now) else {
            return;
        };
        let Some(rate) = self.rate else {
            // A closed loop needs a first push, and goes on by itself.
            if self.due_count == 0 {
                self.due_count = 1;
                wanted.extend(0..self.lanes.len());
            }
            return;
        };
        let due_count = rate.due_count(now, window.opens_at);
        let lane_count = count(self.lanes.len());
        let new_count = (due_count - self.due_count).min(lane_count);
        let places = (self.due_count..).map(|number| number % lane_count);
        let places = places.map(|place| usize::try_from(place).unwrap_or(0));
        wanted.extend(places.take(usize::try_from(new_count).unwrap_or(0)));
        self.due_count = due_count;
    }

    fn send(
        &mut self,
        place: usize,
        now: Instant,
        connection: &mut Connection,
        output: &mut Vec<u8>,
    ) -> bool {
        let Some((window, now)) = self.tally.sending(now) else {
            return false;
        };
        let due_count = self.due_count_of(place);
        let rate = self.rate_of(place);
        let lane = &mut self.lanes[place];
        let mut room = self.max_in_flight - (lane.sent_count - lane.received_count);
        if self.rate.is_some() {
            room = room.min(due_count - lane.sent_count);
        }
        let wanted_count = lane.sent_count + room;
        while lane.sent_count < wanted_count && output.len() < MAX_OUTPUT_LEN {
            let number_of_lane = lane.sent_count;
            let sent = self
                .payload
                .with(self.first + count(place), number_of_lane, |message| {
                    connection.send(message, output)
                });
            if sent.is_err() {
                // Its end is on its way to us.
                return false;
            }
            lane.sent_count += 1;
            self.unfinished_count += 1;
            let sent_at = rate.map_or(now, |it| it.due_at(number_of_lane, window.opens_at));
            match lane.in_flight.back_mut() {
                Some((at, waiting_count)) if *at == sent_at => *waiting_count += 1,
                _ => lane.in_flight.push_back((sent_at, 1)),
            }
        }
        lane.sent_count < wanted_count
    }

    fn next_at(&self) -> Option<Instant> {
        let window = self.tally.window()?;
        Some(self.rate?.due_at(self.due_count, window.opens_at))
    }

    fn unfinished_count(&self) -> u64 {
        self.unfinished_count
    }

    fn finish(&mut self, now: Instant) -> u64 {
        let mut missing_count = 0;
        for place in 0..self.lanes.len() {
            let rate = self.rate_of(place);
            let lane = &self.lanes[place];
            if let Some(rate) = rate {
                self.tally.count_unsent(lane.sent_count, rate);
            }
            for (sent_at, count) in &lane.in_flight {
                self.tally.count_missing(*count, *sent_at, now);
                missing_count += count;
            }
        }
        missing_count
    }
}
