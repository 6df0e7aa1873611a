//! What all workers of the chat server may look at: settled at start, or atomic.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::chat::entrance::{Entrance, Registration};
use crate::chat::network::NetworkBans;
use crate::chat::rate_limit::Rate;
use crate::net::TrustedPeers;
use crate::server::admission::Admission;
use crate::server::attendance::Attendance;
use crate::server::metrics::Metrics;
use crate::server::token::TokenKey;
use crate::websocket::handshake::Origin;

/// Settings, counters and flags of a server.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) metrics: Arc<Metrics>,
    admission: Admission,
    /// Of its own, so that whoever fills the server locks nobody out who watches over it.
    admin_admission: Admission,
    pub(crate) token_key: TokenKey,
    pub(crate) allow_origin: Vec<Origin>,
    pub(crate) message_rate: Rate,
    pub(crate) motd: String,
    pub(crate) entrance: Entrance,
    /// What each listener is for, by its index.
    pub(crate) purposes: Vec<Purpose>,
    /// Who may say for whom it asks.
    pub(crate) trusted_proxies: Arc<TrustedPeers>,
    /// From where nobody was let in when the server started; the workers are told of what changes.
    pub(crate) network_bans: NetworkBans,
    /// Whether TLS is spoken on all listeners but the one for metrics and health.
    is_tls: bool,
    /// Most sockets, those included that are closed and wait for their peers to agree.
    max_sockets: u64,
    /// Users, whom a drain waits for.
    attendance: Attendance,
    is_handed_over: AtomicBool,
}

/// What a listener is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// The page and its WebSocket.
    Web,
    /// Terminals.
    Line,
    /// Metrics and health.
    Admin,
}

impl Purpose {
    /// Whether a listener speaks TLS where the server does. Monitors come from this machine, or
    /// through an address that was opened to them on purpose.
    pub(crate) fn may_be_tls(self) -> bool {
        match self {
            Self::Web | Self::Line => true,
            Self::Admin => false,
        }
    }
}

impl Shared {
    pub(crate) fn new(
        admission: Admission,
        token_key: TokenKey,
        allow_origin: Vec<Origin>,
        message_rate: Rate,
        motd: String,
        purposes: Vec<Purpose>,
        max_sockets: usize,
    ) -> Self {
        Self {
            metrics: Arc::new(Metrics::new()),
            admission,
            admin_admission: Admission::new(MAX_ADMIN_CONNECTIONS, 0),
            token_key,
            allow_origin,
            message_rate,
            motd,
            entrance: Entrance {
                guests: false,
                registration: Registration::Closed,
            },
            purposes,
            trusted_proxies: Arc::default(),
            network_bans: NetworkBans::default(),
            is_tls: false,
            max_sockets: u64::try_from(max_sockets).unwrap_or(u64::MAX),
            attendance: Attendance::new(),
            is_handed_over: AtomicBool::new(false),
        }
    }

    /// Believes these proxies when they say for whom they ask.
    pub(crate) fn with_trusted_proxies(self, trusted_proxies: Arc<TrustedPeers>) -> Self {
        Self {
            trusted_proxies,
            ..self
        }
    }

    #[must_use]
    pub(crate) fn with_network_bans(self, network_bans: NetworkBans) -> Self {
        Self {
            network_bans,
            ..self
        }
    }

    /// Says whom the hub lets in.
    #[must_use]
    pub(crate) fn with_entrance(self, entrance: Entrance) -> Self {
        Self { entrance, ..self }
    }

    #[must_use]
    pub(crate) fn over_tls(self, is_tls: bool) -> Self {
        Self { is_tls, ..self }
    }

    /// Whether a listener of that purpose speaks TLS.
    pub(crate) fn is_tls(&self, purpose: Purpose) -> bool {
        self.is_tls && purpose.may_be_tls()
    }

    /// Who is let in on a listener of that purpose.
    pub(crate) fn admission(&self, purpose: Purpose) -> &Admission {
        match purpose {
            Purpose::Web | Purpose::Line => &self.admission,
            Purpose::Admin => &self.admin_admission,
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.attendance.is_draining()
    }

    /// Whether one more socket would take a file that the log or a listener may need.
    pub(crate) fn is_out_of_files(&self) -> bool {
        self.metrics.socket_count() >= self.max_sockets
    }

    /// Whether sockets begin to run out.
    pub(crate) fn is_short_of_files(&self) -> bool {
        self.metrics.socket_count() >= self.max_sockets / 4 * 3
    }

    pub(crate) fn begin_drain(&self) {
        self.attendance.begin_drain();
    }

    /// Whether a successor has the rooms, and nothing can be asked here any more.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.is_handed_over.load(Ordering::Acquire)
    }

    pub(crate) fn begin_hand_over(&self) {
        self.begin_drain();
        self.is_handed_over.store(true, Ordering::Release);
    }

    pub(crate) fn user_came(&self) {
        self.attendance.came();
    }

    /// Takes note that a user's connection is gone; true if it was the last, and a drain may wait for
    /// it.
    pub(crate) fn user_left(&self) -> bool {
        self.attendance.left()
    }

    pub(crate) fn user_count(&self) -> usize {
        self.attendance.count()
    }
}

/// A monitor or two and some people; well within the files kept in reserve.
const MAX_ADMIN_CONNECTIONS: usize = 32;
