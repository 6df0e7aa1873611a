//! How long a connection over a socket waits for its peer.

use std::time::Duration;

/// Bounds of waiting; each default says where it comes from.
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use chinwag::websocket::blocking::{Acceptor, Timeouts};
///
/// let mut timeouts = Timeouts::server();
/// timeouts.ping_interval = Some(Duration::from_secs(20)); // who answers no Ping is gone
/// let acceptor = Acceptor::new().with_timeouts(timeouts);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// For the whole opening handshake. 10 s: a slow network needs two.
    pub open_timeout: Duration,
    /// Silence after which the peer is pinged, while somebody reads. `None`: never, as a connection
    /// may be silent for as long as both ends like (RFC 6455 §7.3).
    pub ping_interval: Option<Duration>,
    /// Further silence after a Ping that makes the peer count as gone. 20 s: what a mobile network
    /// needs to wake up, twice.
    pub idle_timeout: Duration,
    /// Without a single byte taken by a peer that is sent something. 60 s: TCP itself would try for
    /// a quarter of an hour. `None`: for ever. The system counts a wait by its beginning, in which
    /// some bytes may have gone: without halves, it may take twice as long to notice.
    pub send_timeout: Option<Duration>,
    /// For the peer's Close after ours, and for the end of the stream after both.
    pub close_timeout: Duration,
}

impl Timeouts {
    /// Returns a server's defaults: it waits 10 s for a Close, as a client may have a message to end.
    #[must_use]
    pub fn server() -> Self {
        Self {
            open_timeout: Duration::from_secs(10),
            ping_interval: None,
            idle_timeout: Duration::from_secs(20),
            send_timeout: Some(Duration::from_secs(60)),
            close_timeout: Duration::from_secs(10),
        }
    }

    /// Returns a client's defaults: it waits 5 s for the server's end, as people wait for it.
    #[must_use]
    pub fn client() -> Self {
        Self {
            close_timeout: Duration::from_secs(5),
            ..Self::server()
        }
    }
}

/// How long the bytes of a peer are read and thrown away that the connection has failed, so that the
/// reset of a closed socket does not overtake the Close frame (RFC 6455 §7.1.1).
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_waits_less_long_for_the_end_than_a_server() {
        let (client, server) = (Timeouts::client(), Timeouts::server());
        assert!(client.close_timeout < server.close_timeout);
        assert_eq!(client.open_timeout, server.open_timeout);
    }
}
