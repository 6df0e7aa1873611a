//! What receiving is, whoever does it: one thread with the whole connection, or the half that reads.

use std::time::{Duration, Instant};

use crate::websocket::blocking::clock::now;
use crate::websocket::blocking::delivery::{self, Delivery};
use crate::websocket::blocking::error::{Error, Timeout};
use crate::websocket::blocking::streaming::MessageSource;
use crate::websocket::keepalive::{Keepalive, KeepaliveAction};
use crate::websocket::message::{Event, Message, Part};

/// Waits for what the peer does.
pub(super) trait Receive {
    fn reception(&mut self) -> &mut Reception;

    /// Waits for what comes next; for a socket, until a deadline at which the connection fails.
    fn wait_for_event<M>(
        &mut self,
        close_at: Option<Instant>,
        delivery: Delivery<M>,
    ) -> Result<Event<'static, M>, Error>;

    /// Waits for what the application has not given up.
    fn next_event<M>(
        &mut self,
        close_at: Option<Instant>,
        delivery: Delivery<M>,
    ) -> Result<Event<'static, M>, Error> {
        while self.reception().is_skipping {
            self.reception().is_skipping =
                match self.wait_for_event(close_at, delivery::IN_PARTS)? {
                    Event::Message(part) => !part.is_final,
                    Event::Ping(_) | Event::Pong(_) => true,
                    Event::Closed { .. } => false,
                };
        }
        self.wait_for_event(close_at, delivery)
    }

    /// Waits for a message, or a part of one; `None` once the closing handshake is done.
    fn receive<M>(&mut self, delivery: Delivery<M>) -> Result<Option<M>, Error> {
        loop {
            match self.next_event(None, delivery)? {
                Event::Message(message) => return Ok(Some(message)),
                Event::Ping(_) | Event::Pong(_) => {}
                Event::Closed { .. } => return Ok(None),
            }
        }
    }

    /// Waits for the end of the closing handshake.
    fn wait_for_close(&mut self, deadline: Instant) -> Result<(), Error> {
        loop {
            if let Event::Closed { .. } = self.next_event(Some(deadline), delivery::WHOLE)? {
                return Ok(());
            }
        }
    }
}

impl<R: Receive> MessageSource for R {
    fn next_message(&mut self) -> Result<Option<Message<'static>>, Error> {
        self.receive(delivery::WHOLE)
    }

    fn next_part(&mut self) -> Result<Option<Part<'static>>, Error> {
        self.receive(delivery::IN_PARTS)
    }

    fn skip_message(&mut self) {
        self.reception().is_skipping = true;
    }
}

/// What is to be known between two calls that wait.
#[derive(Debug)]
pub(super) struct Reception {
    /// `None` if nobody asked for it, or if the stream is no socket.
    keepalive: Option<Keepalive>,
    /// Whether the rest of a message is thrown away, of which a part was read.
    pub(super) is_skipping: bool,
}

/// What is due.
pub(super) enum Due {
    Nothing,
    /// A Ping with this payload.
    Ping([u8; 8]),
    /// The connection has waited long enough.
    TimedOut(Timeout),
}

impl Reception {
    pub(super) fn new(keepalive: Option<Keepalive>) -> Self {
        Self {
            keepalive,
            is_skipping: false,
        }
    }

    /// Returns until when to wait for bytes.
    pub(super) fn next_deadline(&self, close_at: Option<Instant>) -> Option<Instant> {
        let ping_at = self.keepalive.as_ref().map(Keepalive::next_deadline);
        ping_at.into_iter().chain(close_at).min()
    }

    /// Notes that bytes arrived.
    pub(super) fn received(&mut self) {
        if let Some(keepalive) = &mut self.keepalive {
            keepalive.received(now());
        }
    }

    /// Notes that a Pong arrived, if the event is one.
    pub(super) fn note_pong<M>(&mut self, event: &Event<'_, M>) {
        if let (Event::Pong(payload), Some(keepalive)) = (event, &mut self.keepalive) {
            keepalive.received_pong(payload, now());
        }
    }

    /// Returns what is due.
    pub(super) fn due(&mut self, close_at: Option<Instant>) -> Due {
        let now = now();
        if close_at.is_some_and(|close_at| close_at <= now) {
            return Due::TimedOut(Timeout::Close);
        }
        match self.keepalive.as_mut().map(|it| it.poll(now)) {
            Some(KeepaliveAction::SendPing(payload)) => Due::Ping(payload),
            Some(KeepaliveAction::TimedOut) => Due::TimedOut(Timeout::Idle),
            Some(KeepaliveAction::Nothing) | None => Due::Nothing,
        }
    }

    pub(super) fn round_trip_time(&self) -> Option<Duration> {
        self.keepalive.as_ref()?.round_trip_time()
    }
}
