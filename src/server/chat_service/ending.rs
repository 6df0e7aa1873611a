//! How connections end with the server: over the drain window, or at last.

use std::time::{Duration, Instant};

use rand::{Rng, RngExt as _};

use super::{Kind, Session};
use crate::chat::Event;
use crate::net::{Connections, Flow, Outbox};
use crate::server::line_session::LineSession;
use crate::server::refusal::no_room;
use crate::server::shared::Purpose;
use crate::server::shown::Shown;

/// Tells everyone that the server closes, and spreads the closes over the window.
pub(super) fn drain(
    window: Duration,
    now: Instant,
    random: &mut impl Rng,
    connections: &mut Connections<Session>,
) {
    connections.for_each(|_, session, outbox| {
        let delay = window.mul_f64(random.random());
        let retry_after = window.saturating_sub(delay) + delay.mul_f64(random.random());
        let retry_after_ms = u32::try_from(retry_after.as_millis()).unwrap_or(u32::MAX);
        let event = Event::Shutdown {
            retry_after_ms: retry_after_ms.max(MIN_RETRY_MS),
        };
        let flow = session.show(&Shown::new(event.into()), false, outbox);
        match &mut session.kind {
            Kind::WebSocket(chat) => chat.close_at(now + delay),
            Kind::Line(line) => line.close_at(now + delay),
            Kind::Http(http) if http.is_spare() => return Flow::Close,
            Kind::Unsecured => return Flow::Close,
            Kind::Http(_) | Kind::Admin(_) | Kind::Refused => {}
        }
        flow
    });
}

impl Session {
    /// Ends it, because the login that it came with is over.
    pub(super) fn revoked(&mut self, now: Instant, outbox: &mut Outbox) -> Flow {
        match &mut self.kind {
            Kind::WebSocket(chat) => chat.revoked(now, outbox),
            Kind::Line(_) => LineSession::revoked(outbox),
            Kind::Http(_) | Kind::Admin(_) | Kind::Unsecured | Kind::Refused => Flow::Close,
        }
    }

    /// Ends it with the server. Whoever has come to ask something is not left without an answer, but
    /// over TLS: there he may not have agreed on it yet, and would be waited for.
    pub(super) fn stop(&self, is_tls: bool, outbox: &mut Outbox) -> Flow {
        match &self.kind {
            Kind::Http(http) if !http.is_spare() && !is_tls => {
                outbox.buffer().extend_from_slice(no_room(Purpose::Web));
            }
            Kind::Http(_)
            | Kind::WebSocket(_)
            | Kind::Line(_)
            | Kind::Admin(_)
            | Kind::Unsecured
            | Kind::Refused => {}
        }
        Flow::Close
    }
}

/// Time for a successor to be there.
const MIN_RETRY_MS: u32 = 500;
