//! How a worker keeps those out who are banned: when they come, and when the ban comes.

use std::net::IpAddr;

use super::{ChatService, Kind, Session};
use crate::chat::network::is_ahead;
use crate::chat::{ClientAddress, Event};
use crate::net::{Connections, Flow, Outbox};
use crate::server::address_ban::AddressBan;
use crate::server::mail::NetworkBan;
use crate::server::shared::Purpose;
use crate::server::shown::Shown;

impl ChatService {
    /// The ban of an address, if there is one.
    pub(super) fn ban_of(&self, address: Option<IpAddr>) -> Option<AddressBan> {
        let now = (self.sources.time_of_day)();
        let until = self.bans.find(ClientAddress::of(address?), now)?;
        Some(AddressBan { until, now })
    }

    /// Lets nobody in from a network any more, and closes the connections of those who are.
    pub(super) fn ban(
        &mut self,
        NetworkBan {
            network,
            until,
            reason,
        }: NetworkBan,
        connections: &mut Connections<Session>,
    ) {
        let now = (self.sources.time_of_day)();
        if !is_ahead(until, now) {
            // It was over before it was heard of here: whoever has come since may stay.
            return;
        }
        self.bans.ban(network, until, now);
        let event = Event::Banned { until, reason };
        let shown = Shown::new(event.into());
        connections.for_each(|_, session, outbox| {
            let address = session.visitor.address().map(ClientAddress::of);
            let is_watching = session.visitor.purpose() == Purpose::Admin;
            if !is_watching && address.is_some_and(|address| network.holds(address)) {
                let _ = session.show(&shown, false, outbox);
                session.shut_out(outbox)
            } else {
                Flow::Continue
            }
        });
    }
}

impl Session {
    /// Ends it, because whoever it speaks for is banned, as it was told.
    pub(super) fn shut_out(&mut self, outbox: &mut Outbox) -> Flow {
        match &mut self.kind {
            Kind::WebSocket(chat) => chat.shut_out(outbox),
            // Its next request is judged by itself.
            Kind::Http(_) if self.visitor.is_proxy() => Flow::Continue,
            Kind::Line(_) | Kind::Http(_) | Kind::Admin(_) | Kind::Unsecured | Kind::Refused => {
                Flow::Close
            }
        }
    }
}
