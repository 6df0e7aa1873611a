//! Who is at the other end of a connection, with what he takes of the limits.

use std::net::IpAddr;

use crate::net::{Accepted, Peer};
use crate::server::admission::{Permit, Refusal};
use crate::server::forwarded::client_address;
use crate::server::shared::{Purpose, Shared};
use crate::websocket::handshake::http::Request;

/// One end of a connection; the other one is ours.
#[derive(Debug)]
pub(crate) struct Visitor {
    purpose: Purpose,
    /// From where it connects; there is no address on a Unix socket.
    address: Option<IpAddr>,
    /// For whom it asked last, if it is a proxy and said so.
    client: Option<IpAddr>,
    /// Whether it is a proxy, which says with each request for whom it asks.
    is_proxy: bool,
    /// `None` for whom there was no room.
    permit: Option<Permit>,
}

impl Visitor {
    /// Lets somebody in, or says why not.
    ///
    /// A proxy is not limited by its address: those for whom it asks are.
    pub(crate) fn enter(accepted: &Accepted, shared: &Shared) -> Result<Self, (Self, Refusal)> {
        let purpose = shared.purposes[accepted.listener];
        let is_proxy = purpose == Purpose::Web && shared.trusted_proxies.trusts(&accepted.peer);
        let address = match accepted.peer {
            Peer::Tcp(address) => Some(address.ip().to_canonical()),
            Peer::Unix => None,
        };
        let mut visitor = Self {
            purpose,
            address,
            client: None,
            is_proxy,
            permit: None,
        };
        // Connections that are closed still have their sockets for a while. Monitors, who are few, are
        // to see that.
        if purpose != Purpose::Admin && shared.is_out_of_files() {
            return Err((visitor, Refusal::OutOfFiles));
        }
        let counted = address.filter(|_| !is_proxy);
        match shared.admission(purpose).admit(counted) {
            Ok(permit) => {
                visitor.permit = Some(permit);
                Ok(visitor)
            }
            Err(refusal) => Err((visitor, refusal)),
        }
    }

    /// Takes note of who asks, which may be another with each request of a proxy.
    pub(crate) fn asks(&mut self, request: &Request<'_>, shared: &Shared) {
        if self.is_proxy {
            let lines = request.headers("X-Forwarded-For");
            self.client = client_address(lines, &shared.trusted_proxies);
        }
    }

    /// Counts a connection that is a single client's from now on among those of its address.
    pub(crate) fn settle(&mut self, shared: &Shared) -> Result<(), Refusal> {
        match (&mut self.permit, self.client) {
            (Some(permit), Some(client)) => {
                let admission = shared.admission(self.purpose);
                admission.count_address(permit, client)
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The client's address, for the log.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.client.or(self.address)
    }

    /// Whether it is a proxy, whose connection may be another client's with the next request.
    pub(crate) fn is_proxy(&self) -> bool {
        self.is_proxy
    }

    /// Whether it is a proxy that was asked over TLS.
    pub(crate) fn is_forwarded_from_tls(&self, request: &Request<'_>) -> bool {
        let scheme = request.header("X-Forwarded-Proto").unwrap_or_default();
        // Where several proxies say so, the first is the one that the client asked.
        let first = scheme.split(|byte| *byte == b',').next();
        let is_https = |scheme: &[u8]| scheme.trim_ascii().eq_ignore_ascii_case(b"https");
        self.is_proxy && first.is_some_and(is_https)
    }

    /// What is to be given back when the socket is gone.
    pub(crate) fn into_permit(self) -> Option<(Purpose, Permit)> {
        Some((self.purpose, self.permit?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::rate_limit::Rate;
    use crate::server::admission::Admission;
    use crate::server::token::TokenKey;

    #[test]
    fn who_watches_over_the_server_is_let_in_where_descriptors_run_out() {
        let rate = Rate {
            per_second: 1.0,
            burst: 1.0,
        };
        let shared = Shared::new(
            Admission::new(10, 0),
            TokenKey::new([0; 32]),
            Vec::new(),
            rate,
            String::new(),
            vec![Purpose::Web, Purpose::Line, Purpose::Admin],
            0,
        );
        let enter = |listener| {
            let peer = Peer::Unix;
            let entered = Visitor::enter(&Accepted { listener, peer }, &shared);
            entered.map(|_| ()).map_err(|(_, refusal)| refusal)
        };
        let out = Err(Refusal::OutOfFiles);
        assert_eq!([enter(0), enter(1), enter(2)], [out, out, Ok(())]);
    }
}
