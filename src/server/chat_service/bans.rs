//! How a worker keeps those out who are banned: when they come, and when the ban comes.

use std::net::IpAddr;

use super::{ChatService, Kind, Session};
use crate::chat::{ChatError, ClientAddress, Reason};
use crate::net::{ConnectionId, Connections, Flow, Outbox};
use crate::server::mail::NetworkBan;
use crate::server::shared::Purpose;
use crate::wire::line;

impl ChatService {
    /// Why nobody is let in from an address, if so.
    pub(super) fn ban_of(&self, address: Option<IpAddr>) -> Option<ChatError> {
        let now = (self.sources.time_of_day)();
        let until = self.bans.find(ClientAddress::of(address?), now)?;
        let left_ms = until.map(|until| until.0.saturating_sub(now.0));
        Some(ChatError::BannedFromServer {
            left_s: left_ms.map(|left| left.unsigned_abs().div_ceil(1_000)),
        })
    }

    /// Lets nobody in from a network any more, and closes the connections of those who are.
    pub(super) fn ban(&mut self, ban: NetworkBan, connections: &mut Connections<Session>) {
        let NetworkBan {
            network,
            until,
            reason,
        } = ban;
        let now = (self.sources.time_of_day)();
        self.bans.ban(network, until, now);
        connections.for_each(|_, session, outbox| {
            let address = session.visitor.address().map(ClientAddress::of);
            let is_watching = session.visitor.purpose() == Purpose::Admin;
            if !is_watching && address.is_some_and(|address| network.holds(address)) {
                session.shut_out(&reason, outbox)
            } else {
                Flow::Continue
            }
        });
    }
}

/// Closes a connection of somebody who is banned.
pub(super) fn shut_out(
    connection: ConnectionId,
    reason: &Reason,
    connections: &mut Connections<Session>,
) {
    connections.update(connection, |session, outbox| {
        session.shut_out(reason, outbox)
    });
}

impl Session {
    /// Ends it, because whoever it speaks for is banned, and tells why.
    fn shut_out(&mut self, reason: &Reason, outbox: &mut Outbox) -> Flow {
        let with_reason = |text: &str| match reason.as_str() {
            "" => text.to_owned(),
            reason => format!("{text}: {reason}"),
        };
        match &mut self.kind {
            Kind::WebSocket(chat) => chat.shut_out(&with_reason("banned"), outbox),
            Kind::Line(_) => {
                let banned = ChatError::BannedFromServer { left_s: None };
                let error = line::show_error(&with_reason(&banned.to_string()));
                outbox.buffer().extend_from_slice(error.as_bytes());
                Flow::Close
            }
            // Its next request is judged by itself.
            Kind::Http(_) if self.visitor.is_proxy() => Flow::Continue,
            Kind::Http(_) | Kind::Admin(_) | Kind::Unsecured | Kind::Refused => Flow::Close,
        }
    }
}
