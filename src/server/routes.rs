//! Which request is answered with what, on each listener.

use std::net::IpAddr;

use crate::chat::account::LoginToken;
use crate::net::Outbox;
use crate::server::address_ban::AddressBan;
use crate::server::api::{self, Exchange};
use crate::server::assets::Asset;
use crate::server::metrics;
use crate::server::refusal::no_room;
use crate::server::response::{Content, Response};
use crate::server::shared::{Purpose, Shared};
use crate::server::visitor::Visitor;
use crate::websocket::handshake::http::{HttpLimits, Request, parse_request};
use crate::websocket::handshake::server::Upgrade;
use crate::websocket::handshake::{HandshakeError, Origin, origin_allowed};
use crate::websocket::{Connection, Limits};
use crate::wire::json;

/// What became of a request; what is to be said is in the outbox.
#[derive(Debug)]
pub(crate) enum Routed {
    /// Another request may follow.
    KeepAlive,
    /// The connection is closed.
    Close,
    /// It is a WebSocket from here on; with the token that came as a cookie.
    Upgraded(Connection, Option<LoginToken>),
    /// The hub answers it, when its body is there.
    Exchange(Exchange),
}

/// Answers a request on a listener for browsers and programs; `ban_of` tells whether an address is
/// banned.
pub(crate) fn web(
    head: &[u8],
    visitor: &mut Visitor,
    shared: &Shared,
    ban_of: impl Fn(Option<IpAddr>) -> Option<AddressBan>,
    outbox: &mut Outbox,
) -> Routed {
    let request = match parse(head) {
        Ok(request) => request,
        Err(error) => return refuse(&error, visitor, shared, outbox),
    };
    visitor.asks(&request, shared);
    if let Some(ban) = ban_of(visitor.address()) {
        shared.metrics.refused("banned");
        return shut_out(&request, ban, outbox);
    }
    let exchange = Exchange::find(&request, visitor, shared);
    // The page needs no rooms: who has just connected for it gets it to the last.
    if shared.is_draining() && (exchange.is_some() || request.path() == "/ws") {
        shared.metrics.refused("draining");
        outbox.buffer().extend_from_slice(no_room(Purpose::Web));
        return Routed::Close;
    }
    match exchange {
        Some(Ok(exchange)) => return Routed::Exchange(exchange),
        Some(Err(refusal)) => return finish_refused(&request, &refusal, outbox),
        None => {}
    }
    if request.path() != "/ws" {
        return page(&request, outbox);
    }
    match chat_upgrade(&request, shared) {
        Ok(upgrade) => {
            if let Err(refusal) = visitor.settle(shared) {
                shared.metrics.refused(refusal.reason());
                outbox.buffer().extend_from_slice(no_room(Purpose::Web));
                return Routed::Close;
            }
            let offered = upgrade
                .subprotocols()
                .any(|offered| offered == json::PROTOCOL);
            let subprotocol = offered.then_some(json::PROTOCOL);
            let cookie = api::cookie(&request, shared);
            let connection = upgrade.accept(subprotocol, chat_limits(), outbox.buffer());
            Routed::Upgraded(connection, cookie)
        }
        Err(error) => refuse(&error, visitor, shared, outbox),
    }
}

/// Answers a request on the listener for metrics and health.
pub(crate) fn admin(
    head: &[u8],
    visitor: &Visitor,
    shared: &Shared,
    outbox: &mut Outbox,
) -> Routed {
    let request = match parse(head) {
        Ok(request) => request,
        Err(error) => return refuse(&error, visitor, shared, outbox),
    };
    let Some(is_head) = read_method(&request) else {
        return method_not_allowed(outbox);
    };
    let metrics = if request.path() == "/metrics" {
        shared.metrics.render()
    } else {
        String::new()
    };
    let response = match request.path() {
        "/metrics" => Response {
            content_type: metrics::CONTENT_TYPE,
            ..Response::text("200 OK", &metrics)
        },
        "/healthz" => Response::text("200 OK", "ok\n"),
        "/readyz" if shared.is_draining() => {
            Response::text("503 Service Unavailable", "draining\n")
        }
        "/readyz" => Response::text("200 OK", "ready\n"),
        _ => Response::text("404 Not Found", "there is nothing here\n"),
    };
    let response = response.with_header("Cache-Control", "no-store");
    finish(&request, &response, is_head, outbox)
}

/// Answers a client that speaks in the clear where TLS is spoken.
pub(crate) fn speak_tls(outbox: &mut Outbox) {
    Response::text(
        "400 Bad Request",
        "this port speaks TLS: the address begins with https:// or wss://\n",
    )
    .write(false, false, outbox);
}

/// Answers a request whose head did not come in time.
pub(crate) fn timed_out(outbox: &mut Outbox) {
    Response::text(
        "408 Request Timeout",
        "the request was not complete in time\n",
    )
    .write(false, false, outbox);
}

/// Answers a request that is wrong, and closes.
pub(crate) fn refuse(
    error: &HandshakeError,
    visitor: &Visitor,
    shared: &Shared,
    outbox: &mut Outbox,
) -> Routed {
    shared.metrics.refused(match error {
        HandshakeError::OriginNotAllowed => "origin",
        _ => "bad_request",
    });
    tracing::debug!(%error, address = ?visitor.address(), "refused a request");
    error.write_response(outbox.buffer());
    Routed::Close
}

fn parse(head: &[u8]) -> Result<Request<'_>, HandshakeError> {
    match parse_request(head, &HttpLimits::default())? {
        Some((request, _)) => Ok(request),
        // The scanner found the end of the head, so the parser finds it too.
        None => Err(HandshakeError::BadRequestLine),
    }
}

/// Answers a request that goes no further. Its body is not waited for.
fn finish_refused(request: &Request<'_>, refusal: &Response<'_>, outbox: &mut Outbox) -> Routed {
    refusal.write(request.method() == "HEAD", false, outbox);
    Routed::Close
}

/// Says that an address is banned: to people in a browser by a page.
fn shut_out(request: &Request<'_>, ban: AddressBan, outbox: &mut Outbox) -> Routed {
    let mut accepted = request.header_tokens("Accept");
    let is_page = accepted.any(|kind| kind.starts_with(b"text/html"));
    let text = ban.text(is_page);
    finish_refused(request, &ban.response(is_page, &text), outbox)
}

fn page(request: &Request<'_>, outbox: &mut Outbox) -> Routed {
    let Some(is_head) = read_method(request) else {
        return method_not_allowed(outbox);
    };
    let Some(asset) = Asset::find(request.path()) else {
        let response = Response::text("404 Not Found", "there is nothing here\n");
        return finish(request, &response, is_head, outbox);
    };
    let found = asset.representation(takes_gzip(request));
    let known = request.header_tokens("If-None-Match");
    let is_known = known
        .map(|tag| tag.strip_prefix(b"W/").unwrap_or(tag))
        .any(|tag| tag == found.etag.as_bytes());
    let status = if is_known {
        "304 Not Modified"
    } else {
        "200 OK"
    };
    // Browsers ask each time whether a file is still the same, so that none is of another version.
    let mut response = Response {
        content_type: asset.content_type,
        body: Content::Shared(&found.body),
        ..Response::text(status, "")
    }
    .with_header("ETag", &found.etag)
    .with_header("Vary", "Accept-Encoding")
    .with_header("Cache-Control", "no-cache")
    .for_page();
    if let Some(encoding) = found.encoding {
        response = response.with_header("Content-Encoding", encoding);
    }
    // RFC 9110 §15.4.5: a 304 has the headers of the 200, and no body.
    finish(request, &response, is_head || is_known, outbox)
}

/// Whether an answer may be compressed (RFC 9110 §12.5.3): a weight of zero says no.
fn takes_gzip(request: &Request<'_>) -> bool {
    request.header_tokens("Accept-Encoding").any(|coding| {
        let mut parts = coding.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let is_gzip = parts
            .next()
            .is_some_and(|it| it.eq_ignore_ascii_case(b"gzip"));
        let is_zero = |weight: &[u8]| weight.iter().all(|byte| matches!(byte, b'0' | b'.'));
        let mut weights = parts.filter_map(|it| it.strip_prefix(b"q=").or(it.strip_prefix(b"Q=")));
        is_gzip && !weights.any(is_zero)
    })
}

/// Whether the request is HEAD; `None` if it is neither GET nor HEAD.
fn read_method(request: &Request<'_>) -> Option<bool> {
    match request.method() {
        "GET" => Some(false),
        "HEAD" => Some(true),
        _ => None,
    }
}

fn method_not_allowed(outbox: &mut Outbox) -> Routed {
    Response::text(
        "405 Method Not Allowed",
        "only GET and HEAD are allowed here\n",
    )
    .with_header("Allow", "GET, HEAD")
    .write(false, false, outbox);
    Routed::Close
}

/// Writes an answer and decides whether another request may follow: not behind a body that nobody
/// reads, which would be taken for one, and not while the client leaves the answers unread.
fn finish(
    request: &Request<'_>,
    response: &Response<'_>,
    is_head: bool,
    outbox: &mut Outbox,
) -> Routed {
    let keep_alive =
        request.is_persistent() && request.content_len() == 0 && outbox.len() < MAX_PIPELINED_LEN;
    response.write(is_head, keep_alive, outbox);
    if keep_alive {
        Routed::KeepAlive
    } else {
        Routed::Close
    }
}

/// Judges a request for a WebSocket; who asks matters before what was asked.
fn chat_upgrade<'a>(request: &Request<'a>, shared: &Shared) -> Result<Upgrade<'a>, HandshakeError> {
    let upgrade = Upgrade::from_request(request)?;
    match request.header("Origin") {
        // Not a browser: those always say where a page is from.
        None => Ok(upgrade),
        Some(origin) if is_origin_allowed(origin, request, shared) => Ok(upgrade),
        Some(_) => Err(HandshakeError::OriginNotAllowed),
    }
}

/// A page may connect if it is on the list, or came from this server.
///
/// A page of a hostile name that was made to resolve to this machine (DNS rebinding) came from
/// "this server" too, by its own account. So the name itself must be one that cannot be rebound:
/// an address, or `localhost`; other names take an entry in `allow_origin`. Over TLS a page came
/// from under a name that the certificate is for, so any name will do, and it came over TLS too.
pub(crate) fn is_origin_allowed(origin: &[u8], request: &Request<'_>, shared: &Shared) -> bool {
    if origin_allowed(origin, &shared.allow_origin) {
        return true;
    }
    let (Some(origin), Some(host)) = (Origin::parse(origin), request.host()) else {
        return false;
    };
    let name = host.name().trim_start_matches('[').trim_end_matches(']');
    let cannot_be_rebound =
        name.parse::<IpAddr>().is_ok() || name.eq_ignore_ascii_case("localhost");
    let is_tls = shared.is_tls(Purpose::Web);
    (is_tls || cannot_be_rebound) && origin.is_same_origin(host, is_tls)
}

/// The longest request is a message of 8,000 characters, each of which JSON may write in 12 bytes.
fn chat_limits() -> Limits {
    Limits {
        max_message_len: 128 * 1024,
        ..Limits::default()
    }
}

/// Answers that a client may leave unread before it gets no more. The page's files fit in, which is
/// more than browsers ask for at once; and it is all that others wait for in a turn of the loop.
const MAX_PIPELINED_LEN: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::chat::rate_limit::Rate;
    use crate::net::{Accepted, Peer};
    use crate::server::admission::Admission;
    use crate::server::token::TokenKey;

    fn shared() -> Shared {
        let rate = Rate {
            per_second: 1.0,
            burst: 1.0,
        };
        Shared::new(
            Admission::new(1, 0),
            TokenKey::new([0; 32]),
            Vec::new(),
            rate,
            String::new(),
            vec![Purpose::Web],
            1,
        )
    }

    fn visitor(shared: &Shared) -> Visitor {
        let peer = Peer::Unix;
        Visitor::enter(&Accepted { listener: 0, peer }, shared).unwrap()
    }

    fn get(path: &str, visitor: &mut Visitor, shared: &Shared, outbox: &mut Outbox) -> Routed {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        web(head.as_bytes(), visitor, shared, |_| None, outbox)
    }

    #[test]
    fn file_that_many_wait_for_is_in_memory_once() {
        let shared = shared();
        let mut visitor = visitor(&shared);
        let path = "/icon-512.png";
        let file = &Asset::find(path).unwrap().representation(false).body;
        let before = Arc::strong_count(file);
        let mut outboxes = [(); 3].map(|()| Outbox::default());
        for outbox in &mut outboxes {
            get(path, &mut visitor, &shared, outbox);
            assert!(outbox.len() > file.len());
        }
        assert_eq!(Arc::strong_count(file), before + 3);
    }

    #[test]
    fn page_is_served_while_the_server_drains_and_nothing_else() {
        let shared = shared();
        let mut visitor = visitor(&shared);
        let mut answer = |path: &str| {
            let mut outbox = Outbox::default();
            let routed = get(path, &mut visitor, &shared, &mut outbox);
            let mut sent = Vec::new();
            outbox.write_to(&mut sent).unwrap();
            let text = String::from_utf8(sent).unwrap();
            (matches!(routed, Routed::Close), text)
        };
        assert!(answer("/").1.starts_with("HTTP/1.1 200 "));
        shared.begin_drain();
        for path in ["/", "/app.js"] {
            assert!(answer(path).1.starts_with("HTTP/1.1 200 "), "{path}");
        }
        for path in ["/ws", "/api/v1/session"] {
            let (is_closed, text) = answer(path);
            assert!(is_closed && text.starts_with("HTTP/1.1 503 "), "{path}");
            assert!(text.contains("\r\nRetry-After: "), "{path}");
        }
    }
}
