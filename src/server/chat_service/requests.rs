//! HTTP on a worker: requests one after the other, until one of them makes a WebSocket of it.

use std::time::Instant;

use super::{ChatService, Kind, Session};
use crate::chat::{ChatError, Done, Request};
use crate::net::{Flow, Outbox};
use crate::server::api::{self, Exchange};
use crate::server::http_session::Body;
use crate::server::routes::{self, Routed};
use crate::server::ws_session::WsSession;

impl ChatService {
    /// Answers requests until there are no more, or one of them made a WebSocket of it.
    pub(super) fn receive_http(
        &mut self,
        session: &mut Session,
        mut input: &mut [u8],
        now: Instant,
        outbox: &mut Outbox,
    ) -> Flow {
        loop {
            let is_admin = matches!(session.kind, Kind::Admin(_));
            let (Kind::Http(http) | Kind::Admin(http)) = &mut session.kind else {
                return self.receive_rest(session, input, now, outbox);
            };
            match http.take_body(&mut input) {
                Body::Whole(exchange, body) => {
                    let flow = self.ask_for(session, exchange, &body, now, outbox);
                    if flow != Flow::Continue {
                        return flow;
                    }
                    continue;
                }
                Body::Awaited => return Flow::Continue,
                Body::TooEarly => return Flow::Close,
                Body::None => {}
            }
            let was_idle = http.is_idle();
            let routed = match http.take_head(&mut input) {
                Ok(None) => {
                    http.received(was_idle, now);
                    return Flow::Continue;
                }
                Ok(Some(head)) if is_admin => {
                    routes::admin(&head, &session.visitor, &self.shared, outbox)
                }
                Ok(Some(head)) => {
                    let ban_of = |address| self.ban_of(address);
                    routes::web(&head, &mut session.visitor, &self.shared, ban_of, outbox)
                }
                Err(error) => routes::refuse(&error, &session.visitor, &self.shared, outbox),
            };
            match routed {
                Routed::KeepAlive => http.answered(now),
                Routed::Close => return Flow::Close,
                Routed::Exchange(exchange) => http.begin(exchange, now),
                Routed::Upgraded(connection, cookie) => {
                    self.gauges.http.dec();
                    self.gauges.websocket.inc();
                    self.shared.user_came();
                    let mut context = self.context(session.id, session.visitor.address(), now);
                    let chat = WsSession::new(connection, cookie, &mut context, outbox);
                    session.kind = Kind::WebSocket(Box::new(chat));
                }
            }
        }
    }

    /// Asks the hub what a whole request wants, or refuses it.
    fn ask_for(
        &mut self,
        session: &mut Session,
        exchange: Exchange,
        body: &[u8],
        now: Instant,
        outbox: &mut Outbox,
    ) -> Flow {
        let mut context = self.context(session.id, session.visitor.address(), now);
        let asked = exchange.command(body, &mut context).and_then(|command| {
            let request = Request { id: None, command };
            context.ask(request).then_some(()).ok_or(api::BUSY)
        });
        let Kind::Http(http) = &mut session.kind else {
            return Flow::Close;
        };
        match asked {
            Ok(()) => {
                http.await_answer(exchange, now);
                Flow::Continue
            }
            Err(error) => {
                let keep_alive = exchange.answer(&Err(error), &self.shared, outbox);
                http.answered(now);
                if keep_alive {
                    Flow::Continue
                } else {
                    Flow::Close
                }
            }
        }
    }

    /// Passes on what the hub says to a request, and goes on with those that came behind it.
    pub(super) fn answer_http(
        &mut self,
        session: &mut Session,
        answer: &Result<Done, ChatError>,
        now: Instant,
        outbox: &mut Outbox,
    ) -> Flow {
        let Kind::Http(http) = &mut session.kind else {
            return Flow::Continue;
        };
        let Some((exchange, mut early)) = http.take_exchange() else {
            return Flow::Continue;
        };
        let keep_alive = exchange.answer(answer, &self.shared, outbox);
        http.answered(now);
        if keep_alive {
            self.receive_http(session, &mut early, now, outbox)
        } else {
            Flow::Close
        }
    }

    /// What followed the request that made it a WebSocket in the same read.
    fn receive_rest(
        &mut self,
        session: &mut Session,
        input: &mut [u8],
        now: Instant,
        outbox: &mut Outbox,
    ) -> Flow {
        match &mut session.kind {
            Kind::WebSocket(chat) if !input.is_empty() => {
                let mut context = self.context(session.id, session.visitor.address(), now);
                chat.receive(input, &mut context, outbox)
            }
            _ => Flow::Continue,
        }
    }
}
