//! Finds out whether a silent peer is still there: decides when to ping it, and when to give up.
//!
//! ```text
//!              interval of silence            timeout of silence
//!   Listening ────────────────────► Probing ────────────────────► TimedOut
//!       ▲        ping is due           │
//!       └──────── any byte ────────────┘
//! ```
//!
//! It sees the time and no byte; [`Connection`](crate::websocket::Connection) sees bytes and no
//! time.

use std::time::{Duration, Instant};

/// The watch over one connection.
/// # Examples
///
/// What an event loop does when a read has returned, be it with nothing.
///
/// ```
/// use std::time::Instant;
///
/// use chinwag::websocket::{Connection, Event, Keepalive, KeepaliveAction, ProtocolError};
///
/// /// Returns when to be called again at the latest; `None`: the peer is gone.
/// fn turn(
///     connection: &mut Connection,
///     keepalive: &mut Keepalive,
///     mut input: &mut [u8],
///     output: &mut Vec<u8>,
///     now: Instant,
/// ) -> Result<Option<Instant>, ProtocolError> {
///     if !input.is_empty() {
///         keepalive.received(now);
///     }
///     while let Some(event) = connection.receive(&mut input, output)? {
///         if let Event::Pong(payload) = event {
///             keepalive.received_pong(&payload, now);
///         }
///     }
///     match keepalive.poll(now) {
///         KeepaliveAction::Nothing => {}
///         KeepaliveAction::SendPing(payload) => {
///             let _ = connection.ping(&payload, output); // closed by us: nothing is due
///         }
///         KeepaliveAction::TimedOut => return Ok(None),
///     }
///     Ok(Some(keepalive.next_deadline()))
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Keepalive {
    interval: Duration,
    timeout: Duration,
    watch: Watch,
    /// Number and time of the latest Ping, whose Pong tells the round-trip time.
    last_ping: Option<(u64, Instant)>,
    ping_count: u64,
    round_trip_time: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
enum Watch {
    Listening { ping_at: Instant },
    Probing { give_up_at: Instant },
}

/// What is due on a connection now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepaliveAction {
    /// Nothing.
    Nothing,
    /// A Ping with this payload.
    SendPing([u8; 8]),
    /// Nothing came in answer: the peer is gone. No Close frame would reach it.
    TimedOut,
}

impl Keepalive {
    /// Begins at `now`: a Ping is due after `interval` of silence, and the peer counts as gone after
    /// `timeout` of further silence.
    #[must_use]
    pub fn new(interval: Duration, timeout: Duration, now: Instant) -> Self {
        Self {
            interval,
            timeout,
            watch: Watch::Listening {
                ping_at: after(now, interval),
            },
            last_ping: None,
            ping_count: 0,
            round_trip_time: None,
        }
    }

    /// Notes that bytes arrived, whatever they say.
    pub fn received(&mut self, now: Instant) {
        self.watch = Watch::Listening {
            ping_at: after(now, self.interval),
        };
    }

    /// Notes that a Pong arrived; if it answers the latest Ping, returns the round-trip time.
    pub fn received_pong(&mut self, payload: &[u8], now: Instant) -> Option<Duration> {
        self.received(now);
        let (number, sent_at) = self.last_ping?;
        if payload != number.to_be_bytes() {
            return None;
        }
        self.last_ping = None;
        self.round_trip_time = Some(now.saturating_duration_since(sent_at));
        self.round_trip_time
    }

    /// Returns what is due. A Ping that it asks for counts as sent at `now`.
    pub fn poll(&mut self, now: Instant) -> KeepaliveAction {
        match self.watch {
            Watch::Listening { ping_at } if ping_at <= now => {
                let number = self.ping_count;
                self.ping_count += 1;
                self.last_ping = Some((number, now));
                self.watch = Watch::Probing {
                    give_up_at: after(now, self.timeout),
                };
                KeepaliveAction::SendPing(number.to_be_bytes())
            }
            Watch::Probing { give_up_at } if give_up_at <= now => KeepaliveAction::TimedOut,
            Watch::Listening { .. } | Watch::Probing { .. } => KeepaliveAction::Nothing,
        }
    }

    /// Returns when [`poll`](Self::poll) is to be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Instant {
        match self.watch {
            Watch::Listening { ping_at } => ping_at,
            Watch::Probing { give_up_at } => give_up_at,
        }
    }

    /// Returns the latest round-trip time, if a Ping was answered.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.round_trip_time
    }
}

/// Adds; what no clock can count to, as [`Duration::MAX`], is a century away.
fn after(now: Instant, duration: Duration) -> Instant {
    now.checked_add(duration).unwrap_or_else(|| now + CENTURY)
}

/// Far enough for all, and near enough for the clock of any system.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(20);
    const TIMEOUT: Duration = Duration::from_secs(10);

    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant has no other source; tests add to it"
    )]
    fn begin() -> (Instant, Keepalive) {
        let now = Instant::now();
        (now, Keepalive::new(INTERVAL, TIMEOUT, now))
    }

    #[test]
    fn interval_and_timeout_may_be_for_ever() {
        let (now, _) = begin();
        let mut keepalive = Keepalive::new(Duration::MAX, TIMEOUT, now);
        assert_eq!(keepalive.poll(now + TIMEOUT), KeepaliveAction::Nothing);
        let century = Duration::from_secs(3_153_600_000);
        assert_eq!(keepalive.next_deadline(), now + century);
        let mut keepalive = Keepalive::new(INTERVAL, Duration::MAX, now);
        keepalive.poll(now + INTERVAL);
        assert_eq!(keepalive.poll(now + 9 * INTERVAL), KeepaliveAction::Nothing);
        keepalive.received(now);
        assert_eq!(keepalive.next_deadline(), now + INTERVAL);
    }

    #[test]
    fn silent_peer_is_pinged_once_then_given_up() {
        let (start, mut keepalive) = begin();
        assert_eq!(keepalive.next_deadline(), start + INTERVAL);
        assert_eq!(
            keepalive.poll(start + INTERVAL / 2),
            KeepaliveAction::Nothing
        );
        assert_eq!(
            keepalive.poll(start + INTERVAL),
            KeepaliveAction::SendPing([0; 8])
        );
        assert_eq!(keepalive.poll(start + INTERVAL), KeepaliveAction::Nothing);
        assert_eq!(keepalive.next_deadline(), start + INTERVAL + TIMEOUT);
        assert_eq!(
            keepalive.poll(start + INTERVAL + TIMEOUT),
            KeepaliveAction::TimedOut
        );
    }

    #[test]
    fn any_byte_puts_the_ping_off() {
        let (start, mut keepalive) = begin();
        keepalive.received(start + INTERVAL / 2);
        assert_eq!(keepalive.poll(start + INTERVAL), KeepaliveAction::Nothing);
        assert_eq!(keepalive.next_deadline(), start + INTERVAL / 2 + INTERVAL);
    }

    #[test]
    fn any_byte_answers_a_ping() {
        let (start, mut keepalive) = begin();
        keepalive.poll(start + INTERVAL);
        keepalive.received(start + INTERVAL + TIMEOUT / 2);
        assert_eq!(
            keepalive.poll(start + INTERVAL + TIMEOUT),
            KeepaliveAction::Nothing
        );
    }

    #[test]
    fn late_pong_of_an_earlier_ping_tells_no_round_trip_time() {
        let (start, mut keepalive) = begin();
        keepalive.poll(start + INTERVAL);
        let second_at = start + 2 * INTERVAL;
        keepalive.received(start + INTERVAL);
        let numbered = |number: u64| KeepaliveAction::SendPing(number.to_be_bytes());
        assert_eq!(keepalive.poll(second_at), numbered(1));
        let pong_at = second_at + Duration::from_millis(42);
        assert_eq!(keepalive.received_pong(&[0; 8], pong_at), None);
        assert_eq!(keepalive.round_trip_time(), None);
        keepalive.poll(pong_at + INTERVAL);
        let number = 2_u64.to_be_bytes();
        let round_trip_time = Some(Duration::ZERO);
        assert_eq!(
            keepalive.received_pong(&number, pong_at + INTERVAL),
            round_trip_time
        );
    }

    #[test]
    fn only_the_matching_pong_tells_the_round_trip_time_and_only_once() {
        let (start, mut keepalive) = begin();
        assert_eq!(
            keepalive.poll(start + INTERVAL),
            KeepaliveAction::SendPing([0; 8])
        );
        let pong_at = start + INTERVAL + Duration::from_millis(42);
        assert_eq!(keepalive.received_pong(b"other", pong_at), None);
        assert_eq!(
            keepalive.received_pong(&[0; 8], pong_at),
            Some(Duration::from_millis(42))
        );
        assert_eq!(keepalive.received_pong(&[0; 8], pong_at), None);
        assert_eq!(keepalive.round_trip_time(), Some(Duration::from_millis(42)));
    }
}
