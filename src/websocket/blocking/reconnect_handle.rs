//! What other threads do with a client that comes back, while one waits for its events.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::websocket::blocking::clock::now;
use crate::websocket::blocking::error::Error;
use crate::websocket::blocking::lock::Lock;
use crate::websocket::blocking::split::Writer;
use crate::websocket::close::{CloseCode, MAX_REASON_LEN};
use crate::websocket::error::SendError;
use crate::websocket::message::Message;

/// Sends, closes and ends waits of a [`ReconnectingClient`](super::ReconnectingClient) from other
/// threads. Clones are for the same client.
#[derive(Clone)]
pub struct ReconnectHandle {
    link: Arc<Link>,
}

impl ReconnectHandle {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link }
    }

    /// Sends a message on the connection that there is, and waits until the socket has taken it.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] while there is no connection, and those of [`Writer::send`]. They need no
    /// answer: that the connection is lost is told by the client's next events.
    pub fn send(&self, message: &Message<'_>) -> Result<(), Error> {
        self.link.send(message)
    }

    /// Returns the half of the connection that sends, if there is one: for Pings, prepared messages,
    /// and messages in parts. It stays with this connection.
    #[must_use]
    pub fn writer(&self) -> Option<Writer> {
        self.link.writer()
    }

    /// Makes the client connect at once, now or when it next would wait: the network is back, or a
    /// user is tired of waiting.
    pub fn retry_now(&self) {
        self.link.hasten();
    }

    /// Ends the client: closes the connection, as [`Writer::close`] does, and ends a wait for the
    /// next. Where there is none yet, the one that is opening is closed as soon as it is open.
    ///
    /// The client must be waiting for events, or do so next; its last one is the end of the connection.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a reason of more than 123 bytes; the client goes on then. Others are those
    /// of [`Writer::close`], and the client ends all the same.
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        match self.link.stop(code, reason)? {
            Some(writer) => writer.close(code, reason),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ReconnectHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.link.plan.lock();
        f.debug_struct("ReconnectHandle")
            .field("writer", &plan.writer)
            .field("farewell", &plan.farewell)
            .finish_non_exhaustive()
    }
}

/// What a client and its handles share.
pub(super) struct Link {
    plan: Lock<Plan>,
}

#[derive(Default)]
struct Plan {
    /// While there is a connection.
    writer: Option<Writer>,
    /// Whether the next wait is left out.
    is_hastened: bool,
    /// With what the client ends, once somebody wants it to.
    farewell: Option<(CloseCode, String)>,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            plan: Lock::new(Plan::default()),
        }
    }
}

impl Link {
    /// Waits for the moment of the next attempt, or until somebody can wait no longer; returns whether
    /// there shall be one.
    pub(super) fn wait_until(&self, until: Option<Instant>) -> bool {
        let mut plan = self.plan.lock();
        if let Some(until) = until {
            while !plan.is_hastened && plan.farewell.is_none() && now() < until {
                plan = self.plan.wait(plan, Some(until));
            }
            plan.is_hastened = false;
        }
        plan.farewell.is_none()
    }

    /// Notes a connection; returns what to close it with if it comes too late.
    pub(super) fn connected(&self, writer: Writer) -> Option<(CloseCode, String)> {
        let mut plan = self.plan.lock();
        if plan.farewell.is_none() {
            plan.writer = Some(writer);
        }
        plan.farewell.clone()
    }

    /// Notes that there is no connection; returns whether there shall be no other.
    pub(super) fn disconnected(&self) -> bool {
        let mut plan = self.plan.lock();
        plan.writer = None;
        plan.farewell.is_some()
    }

    pub(super) fn writer(&self) -> Option<Writer> {
        self.plan.lock().writer.clone()
    }

    pub(super) fn send(&self, message: &Message<'_>) -> Result<(), Error> {
        match self.writer() {
            Some(writer) => writer.send(message),
            None => Err(SendError::Closed.into()),
        }
    }

    fn hasten(&self) {
        self.plan.lock().is_hastened = true;
        self.plan.notify();
    }

    /// Notes that there shall be no other connection, and returns the half of this one that sends.
    ///
    /// The reason is judged first: who can't say it has not ended the client.
    pub(super) fn stop(&self, code: CloseCode, reason: &str) -> Result<Option<Writer>, SendError> {
        if reason.len() > MAX_REASON_LEN {
            // A Close frame's code counts for two.
            let len = reason.len() + 2;
            return Err(SendError::ControlPayloadTooLong { len });
        }
        let mut plan = self.plan.lock();
        plan.farewell
            .get_or_insert_with(|| (code, reason.to_owned()));
        let writer = plan.writer.clone();
        drop(plan);
        self.plan.notify();
        Ok(writer)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn next_attempt_is_waited_for_unless_somebody_can_wait_no_longer() {
        let link = Link::default();
        let soon = now() + Duration::from_millis(20);
        assert!(link.wait_until(Some(soon)));
        assert!(soon <= now());
        let much_later = now() + Duration::from_secs(3_600);
        link.hasten();
        assert!(link.wait_until(Some(much_later)));
        link.stop(CloseCode::NORMAL, "").unwrap();
        assert!(!link.wait_until(Some(much_later)));
    }
}
