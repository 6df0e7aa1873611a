//! Connections that say nothing, and must be there in the end.

use std::time::Instant;

use crate::bench::ConnectionError;
use crate::bench::load::Load;
use crate::bench::plan::Share;
use crate::bench::tally::{Tally, record};
use crate::websocket::{Connection, Message};

/// Silence on the connections of one thread.
pub(super) struct Idle {
    tally: Tally,
    answers: Vec<Answer>,
    /// Whether the time of silence is over.
    is_over: bool,
    unfinished_count: u64,
}

/// Whether a connection has shown that it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// It was not asked.
    NotAsked,
    /// It was asked then.
    Awaited(Instant),
    /// It has answered, or is gone.
    Settled,
}

impl Idle {
    pub(super) fn new(share: Share) -> Self {
        Self {
            tally: Tally::new(),
            answers: vec![Answer::NotAsked; share.count],
            is_over: false,
            unfinished_count: 0,
        }
    }

    fn settle(&mut self, place: usize) -> Option<Instant> {
        match std::mem::replace(&mut self.answers[place], Answer::Settled) {
            Answer::Awaited(asked_at) => {
                self.unfinished_count -= 1;
                Some(asked_at)
            }
            Answer::NotAsked | Answer::Settled => None,
        }
    }
}

impl Load for Idle {
    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// A server may speak: that is its own affair.
    fn receive(&mut self, _place: usize, _message: &Message<'_>) -> Result<(), ConnectionError> {
        Ok(())
    }

    fn received(&mut self, _place: usize, _now: Instant) {}

    fn receive_pong(&mut self, place: usize, now: Instant) {
        // A Pong that nobody asked for is allowed (RFC 6455 §5.5.3), and says nothing.
        if !matches!(self.answers[place], Answer::Awaited(_)) {
            return;
        }
        if let Some(asked_at) = self.settle(place) {
            record(&mut self.tally.latencies, 1, asked_at, now);
            self.tally.message_count += 1;
            self.tally.delivery_count += 1;
        }
    }

    fn lose(&mut self, place: usize) {
        self.settle(place);
    }

    fn turn(&mut self, now: Instant, wanted: &mut Vec<usize>) {
        let Some(window) = self.tally.window() else {
            return;
        };
        if now >= window.ends_at && !self.is_over {
            self.is_over = true;
            wanted.extend(0..self.answers.len());
        }
    }

    fn send(
        &mut self,
        place: usize,
        now: Instant,
        connection: &mut Connection,
        output: &mut Vec<u8>,
    ) -> bool {
        if self.is_over
            && self.answers[place] == Answer::NotAsked
            && connection.ping(b"still there?", output).is_ok()
        {
            self.answers[place] = Answer::Awaited(now);
            self.unfinished_count += 1;
        }
        false
    }

    fn next_at(&self) -> Option<Instant> {
        Some(self.tally.window()?.ends_at)
    }

    fn unfinished_count(&self) -> u64 {
        self.unfinished_count
    }

    fn finish(&mut self, now: Instant) -> u64 {
        for answer in &self.answers {
            if let Answer::Awaited(asked_at) = answer {
                record(&mut self.tally.latencies, 1, *asked_at, now);
            }
        }
        self.unfinished_count
    }
}
