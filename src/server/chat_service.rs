//! The chat server as a worker runs it: connections of every kind, and the rooms they listen to.

mod bans;
mod ending;
mod news;
mod requests;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Instant;

use prometheus_client::metrics::gauge::Gauge;

use self::news::{Handout, News};
use crate::chat::network::NetworkBans;
use crate::chat::{ChatError, Done, Event, RequestId, RoomId, SessionId};
use crate::net::{
    Accepted, ConnectionId, Connections, Flow, Outbox, Service, TlsFailure, Turn, TurnedAway,
};
use crate::server::admission::{Permit, Refusal};
use crate::server::context::{Budget, Context, Counts, Sources};
use crate::server::control::Control;
use crate::server::http_session::HttpSession;
use crate::server::hub_queue::{HubLine, HubSender};
use crate::server::line_session::LineSession;
use crate::server::mail::Mail;
use crate::server::refusal::{no_room, turned_away_reason};
use crate::server::routes;
use crate::server::shared::{Purpose, Shared};
use crate::server::shown::Shown;
use crate::server::visitor::Visitor;
use crate::server::ws_session::WsSession;
use crate::wire::line;

/// What one worker of the chat server owns.
#[derive(Debug)]
pub(crate) struct ChatService {
    worker: u32,
    hub: HubLine,
    shared: Arc<Shared>,
    /// From where nobody is let in.
    bans: NetworkBans,
    /// Who listens to each room; ids of connections that are gone go with their last `Unsubscribe`.
    subscribers: HashMap<RoomId, BTreeSet<ConnectionId>>,
    /// What they have not been shown yet.
    news: Option<News>,
    handout: Option<Handout>,
    counts: Counts,
    unfinished: Budget,
    /// Permits of connections that are over, but whose sockets wait for their peers to agree.
    permits: HashMap<ConnectionId, (Purpose, Permit)>,
    /// Who has no permit, and agrees on TLS only to be told so.
    awaited: HashSet<ConnectionId>,
    gauges: Gauges,
    control: Sender<Control>,
    sources: Sources,
}

/// How many connections of each kind there are, in the metrics of all workers.
#[derive(Debug)]
struct Gauges {
    http: Gauge,
    websocket: Gauge,
    line: Gauge,
    admin: Gauge,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Session {
    id: SessionId,
    kind: Kind,
    visitor: Visitor,
}

/// What a connection speaks.
#[derive(Debug)]
enum Kind {
    /// HTTP on a listener for browsers and programs.
    Http(HttpSession),
    WebSocket(Box<WsSession>),
    Line(Box<LineSession>),
    Admin(HttpSession),
    /// A terminal that has not agreed on TLS yet: nobody shall see it enter before it does.
    Unsecured,
    /// Nothing: it was told so, and is closed.
    Refused,
}

impl ChatService {
    pub(crate) fn new(
        worker: u32,
        hub: HubSender,
        shared: Arc<Shared>,
        control: Sender<Control>,
        sources: Sources,
    ) -> Self {
        let gauges = Gauges {
            http: shared.metrics.connections("http"),
            websocket: shared.metrics.connections("websocket"),
            line: shared.metrics.connections("line"),
            admin: shared.metrics.connections("admin"),
        };
        Self {
            worker,
            hub: HubLine::new(hub),
            bans: shared.network_bans.clone(),
            shared,
            subscribers: HashMap::new(),
            news: None,
            handout: None,
            counts: Counts::default(),
            unfinished: Budget::default(),
            permits: HashMap::new(),
            awaited: HashSet::new(),
            gauges,
            control,
            sources,
        }
    }

    /// Whether nothing is left of connections that were.
    #[cfg(test)]
    pub(crate) fn is_deserted(&self) -> bool {
        self.subscribers.is_empty()
            && self.permits.is_empty()
            && self.awaited.is_empty()
            && self.unfinished.is_unused()
    }

    /// What a session may use.
    fn context(
        &mut self,
        session: SessionId,
        address: Option<IpAddr>,
        now: Instant,
    ) -> Context<'_> {
        Context {
            now,
            session,
            address,
            hub: &mut self.hub,
            shared: &self.shared,
            counts: &mut self.counts,
            unfinished: &mut self.unfinished,
            random: &mut self.sources.random,
        }
    }

    fn gauge(&self, kind: &Kind) -> Option<&Gauge> {
        match kind {
            Kind::Http(_) => Some(&self.gauges.http),
            Kind::WebSocket(_) => Some(&self.gauges.websocket),
            Kind::Line(_) => Some(&self.gauges.line),
            Kind::Admin(_) => Some(&self.gauges.admin),
            Kind::Unsecured | Kind::Refused => None,
        }
    }

    /// Begins a connection on a listener of that purpose.
    fn begin(
        &mut self,
        visitor: &Visitor,
        id: SessionId,
        now: Instant,
        outbox: &mut Outbox,
    ) -> Kind {
        let purpose = visitor.purpose();
        match purpose {
            Purpose::Line if self.shared.is_tls(purpose) => Kind::Unsecured,
            Purpose::Web => Kind::Http(HttpSession::new(now)),
            Purpose::Admin => Kind::Admin(HttpSession::new(now)),
            Purpose::Line => self.begin_line(id, visitor.address(), now, outbox),
        }
    }

    fn begin_line(
        &mut self,
        id: SessionId,
        address: Option<IpAddr>,
        now: Instant,
        outbox: &mut Outbox,
    ) -> Kind {
        if let Some(ban) = self.ban_of(address) {
            self.shared.metrics.refused("banned");
            let error = line::show_error(&ban.error().to_string());
            outbox.buffer().extend_from_slice(error.as_bytes());
            return Kind::Refused;
        }
        if self.shared.is_draining() {
            self.shared.metrics.refused("draining");
            let notice = line::show_error("the server closes; come back in a moment");
            outbox.buffer().extend_from_slice(notice.as_bytes());
            return Kind::Refused;
        }
        self.shared.user_came();
        let mut context = self.context(id, address, now);
        Kind::Line(Box::new(LineSession::new(&mut context, outbox)))
    }

    /// Begins a connection for which there is no room, and says so.
    fn refuse(
        &mut self,
        connection: ConnectionId,
        id: SessionId,
        visitor: Visitor,
        refusal: Refusal,
        outbox: &mut Outbox,
    ) -> (Session, Flow) {
        self.shared.metrics.refused(refusal.reason());
        let purpose = visitor.purpose();
        outbox.buffer().extend_from_slice(no_room(purpose));
        let session = Session {
            id,
            kind: Kind::Refused,
            visitor,
        };
        // A flood is not waited for until each of them has read why.
        let is_tls = self.shared.is_tls(purpose);
        let is_flood = refusal == Refusal::OutOfFiles
            || self.shared.is_short_of_files()
            || is_tls && self.awaited.len() >= MAX_AWAITED;
        if is_flood {
            return (session, Flow::Drop);
        }
        if is_tls {
            self.awaited.insert(connection);
        }
        (session, Flow::Close)
    }

    /// Passes on what became of a request.
    fn answer(
        &mut self,
        session: &mut Session,
        re: Option<&RequestId>,
        answer: &Result<Done, ChatError>,
        now: Instant,
        outbox: &mut Outbox,
    ) -> Flow {
        let mut context = self.context(session.id, session.visitor.address(), now);
        match &mut session.kind {
            Kind::WebSocket(chat) => chat.answer(re, answer, &mut context, outbox),
            Kind::Line(line) => line.answer(re, answer, &mut context, outbox),
            Kind::Http(_) => self.answer_http(session, answer, now, outbox),
            Kind::Admin(_) | Kind::Unsecured | Kind::Refused => Flow::Continue,
        }
    }

    fn unsubscribe(&mut self, connection: ConnectionId, room: RoomId) {
        if let Some(subscribers) = self.subscribers.get_mut(&room) {
            subscribers.remove(&connection);
            if subscribers.is_empty() {
                self.subscribers.remove(&room);
            }
        }
    }
}

/// Tells one connection what concerns it.
fn tell(to: ConnectionId, event: Arc<Event>, connections: &mut Connections<Session>) {
    let shown = Shown::new(event);
    connections.update(to, |session, outbox| session.show(&shown, false, outbox));
}

impl Session {
    fn show(&mut self, shown: &Shown, is_own: bool, outbox: &mut Outbox) -> Flow {
        match &mut self.kind {
            Kind::WebSocket(chat) => chat.show(shown, outbox),
            Kind::Line(line) => line.show(shown, is_own, outbox),
            Kind::Http(_) | Kind::Admin(_) | Kind::Unsecured | Kind::Refused => Flow::Continue,
        }
    }

    fn is_user(&self) -> bool {
        matches!(self.kind, Kind::WebSocket(_) | Kind::Line(_))
    }
}

impl Service for ChatService {
    type Session = Session;
    type Mail = Mail;

    fn open(
        &mut self,
        connection: ConnectionId,
        accepted: &Accepted,
        turn: &mut Turn<'_, Mail>,
        outbox: &mut Outbox,
    ) -> (Session, Flow) {
        let id = SessionId {
            worker: self.worker,
            connection: connection.to_bits(),
        };
        let visitor = match Visitor::enter(accepted, &self.shared) {
            Ok(visitor) => visitor,
            Err((visitor, refusal)) => {
                return self.refuse(connection, id, visitor, refusal, outbox);
            }
        };
        let kind = self.begin(&visitor, id, turn.now, outbox);
        if let Some(gauge) = self.gauge(&kind) {
            gauge.inc();
        }
        let is_refused = matches!(kind, Kind::Refused);
        let flow = if is_refused {
            Flow::Close
        } else {
            Flow::Continue
        };
        (Session { id, kind, visitor }, flow)
    }

    fn secured(
        &mut self,
        session: &mut Session,
        turn: &mut Turn<'_, Mail>,
        outbox: &mut Outbox,
    ) -> Flow {
        match &mut session.kind {
            Kind::Unsecured => {
                let address = session.visitor.address();
                session.kind = self.begin_line(session.id, address, turn.now, outbox);
                let Some(gauge) = self.gauge(&session.kind) else {
                    return Flow::Close;
                };
                gauge.inc();
            }
            Kind::Http(http) => http.secured(turn.now),
            Kind::WebSocket(_) | Kind::Line(_) | Kind::Admin(_) | Kind::Refused => {}
        }
        Flow::Continue
    }

    fn tls_failed(&mut self, session: &mut Session, failure: TlsFailure, outbox: &mut Outbox) {
        self.shared.metrics.tls_failed(failure);
        match &session.kind {
            Kind::Unsecured => {
                let error = line::show_error("this port speaks TLS: try ncat --ssl");
                outbox.buffer().extend_from_slice(error.as_bytes());
            }
            _ => routes::speak_tls(outbox),
        }
    }

    fn receive(
        &mut self,
        session: &mut Session,
        input: &mut [u8],
        turn: &mut Turn<'_, Mail>,
        outbox: &mut Outbox,
    ) -> Flow {
        let mut context = self.context(session.id, session.visitor.address(), turn.now);
        match &mut session.kind {
            Kind::WebSocket(chat) => chat.receive(input, &mut context, outbox),
            Kind::Line(line) => line.receive(input, &mut context, outbox),
            Kind::Http(_) | Kind::Admin(_) => self.receive_http(session, input, turn.now, outbox),
            Kind::Unsecured | Kind::Refused => Flow::Close,
        }
    }

    fn end_of_input(
        &mut self,
        session: &mut Session,
        turn: &mut Turn<'_, Mail>,
        outbox: &mut Outbox,
    ) -> Flow {
        let mut context = self.context(session.id, session.visitor.address(), turn.now);
        match &mut session.kind {
            Kind::Line(line) => line.end_of_input(&mut context, outbox),
            // What was asked before has been answered; a WebSocket has no half-closed state.
            Kind::Http(_)
            | Kind::Admin(_)
            | Kind::WebSocket(_)
            | Kind::Unsecured
            | Kind::Refused => Flow::Close,
        }
    }

    fn deadline(&self, session: &Session) -> Option<Instant> {
        match &session.kind {
            Kind::Http(http) | Kind::Admin(http) => Some(http.deadline()),
            Kind::WebSocket(chat) => Some(chat.deadline()),
            Kind::Line(line) => line.deadline(),
            Kind::Unsecured | Kind::Refused => None,
        }
    }

    fn expire(
        &mut self,
        session: &mut Session,
        turn: &mut Turn<'_, Mail>,
        outbox: &mut Outbox,
    ) -> Flow {
        let mut context = self.context(session.id, session.visitor.address(), turn.now);
        match &mut session.kind {
            Kind::Http(http) | Kind::Admin(http) => {
                if !http.is_idle() {
                    routes::timed_out(outbox);
                }
                Flow::Close
            }
            Kind::WebSocket(chat) => chat.expire(&mut context, outbox),
            Kind::Line(line) => line.expire(&mut context, outbox),
            Kind::Unsecured | Kind::Refused => Flow::Close,
        }
    }

    fn overflow(
        &mut self,
        session: &mut Session,
        _: &mut Turn<'_, Mail>,
        outbox: &mut Outbox,
    ) -> Flow {
        match &mut session.kind {
            Kind::WebSocket(chat) => chat.overflow(outbox),
            Kind::Line(_) => LineSession::overflow(outbox),
            Kind::Http(_) | Kind::Admin(_) | Kind::Unsecured | Kind::Refused => Flow::Close,
        }
    }

    fn mail(
        &mut self,
        mail: Mail,
        turn: &mut Turn<'_, Mail>,
        connections: &mut Connections<Session>,
    ) {
        if !matches!(mail, Mail::Answer { .. } | Mail::Publish { .. }) {
            self.hand_out_all(turn.now, connections);
        }
        match mail {
            Mail::Answer { to, re, answer } => {
                self.answer_in_turn(to, re, answer, turn.now, connections);
            }
            Mail::Publish {
                room,
                event,
                origin,
            } => self.publish(room, event, origin, turn.now, connections),
            Mail::Announce(event) => {
                let shown = Shown::new(event);
                connections.for_each(|_, session, outbox| match &session.kind {
                    // Whoever has not said hello is not here yet.
                    Kind::WebSocket(chat) if !chat.is_present() => Flow::Continue,
                    _ => session.show(&shown, false, outbox),
                });
            }
            Mail::Tell { to, event } => tell(to, event, connections),
            Mail::Subscribe { connection, room } => {
                self.subscribers.entry(room).or_default().insert(connection);
            }
            Mail::Unsubscribe { connection, room } => self.unsubscribe(connection, room),
            Mail::Revoked(connection) => {
                connections.update(connection, |session, outbox| {
                    session.revoked(turn.now, outbox)
                });
            }
            Mail::ShutOut(connection) => {
                connections.update(connection, Session::shut_out);
            }
            Mail::NetworkBanned(ban) => self.ban(ban, connections),
            Mail::NetworkUnbanned(network) => self.bans.lift(network),
            Mail::LetGo { listeners, done } => {
                let all = listeners.iter();
                all.for_each(|nth| connections.stop_accepting_from(*nth));
                // They are closed before anybody else is accepted.
                drop(done);
            }
            Mail::Drain { window } => {
                ending::drain(window, turn.now, &mut self.sources.random, connections);
                // Whoever left before this worker knew of the drain has not been told of.
                let _ = self.control.send(Control::Drained);
            }
            Mail::Stop => {
                let is_tls = self.shared.is_tls(Purpose::Web);
                connections.for_each(|_, session, outbox| session.stop(is_tls, outbox));
                connections.stop();
            }
            Mail::RenewTls(acceptor) => connections.renew_tls(acceptor),
        }
    }

    fn hand_out(
        &mut self,
        turn: &mut Turn<'_, Mail>,
        connections: &mut Connections<Session>,
    ) -> bool {
        self.hub.flush();
        self.hand_out_some(turn.now, connections)
    }

    fn closed(&mut self, session: Session, id: ConnectionId, _: &mut Turn<'_, Mail>) {
        if let Some(gauge) = self.gauge(&session.kind) {
            gauge.dec();
        }
        if let Kind::WebSocket(chat) = &session.kind {
            self.unfinished.give_back(chat.unfinished_len());
            self.shared.metrics.disconnected(chat.close_code());
            let (code, address) = (chat.close_code(), session.visitor.address());
            tracing::debug!(code, ?address, "a WebSocket ended");
        }
        if let Kind::Http(http) = &session.kind
            && http.has_asked()
        {
            self.hub.disconnected(session.id);
        }
        if session.is_user() {
            self.hub.disconnected(session.id);
            if self.shared.user_left() {
                // The main thread may have stopped waiting for it.
                let _ = self.control.send(Control::Drained);
            }
        }
        let permit = session.visitor.into_permit();
        self.permits.extend(permit.map(|permit| (id, permit)));
    }

    fn gone(&mut self, id: ConnectionId) {
        if let Some((purpose, permit)) = self.permits.remove(&id) {
            self.shared.admission(purpose).release(&permit);
        }
        self.awaited.remove(&id);
    }

    fn turned_away(&mut self, accepted: &Accepted, why: TurnedAway) -> &'static [u8] {
        if let Some(reason) = turned_away_reason(why) {
            self.shared.metrics.refused(reason);
        }
        tracing::debug!(?why, peer = ?accepted.peer, "turned somebody away");
        let purpose = self.shared.purposes[accepted.listener];
        // Nothing can be said in the clear where TLS is spoken.
        if self.shared.is_tls(purpose) {
            b""
        } else {
            no_room(purpose)
        }
    }

    fn turn_ended(&mut self, _: &mut Turn<'_, Mail>) {
        self.hub.flush();
        let Counts {
            messages_received,
            messages_delivered,
        } = std::mem::take(&mut self.counts);
        if messages_received > 0 {
            self.shared
                .metrics
                .messages_received
                .inc_by(messages_received);
        }
        if messages_delivered > 0 {
            self.shared
                .metrics
                .messages_delivered
                .inc_by(messages_delivered);
        }
    }
}

/// Each costs a handshake, and for as long as that may take a descriptor that no limit counts: enough
/// for people who come to a full server, not worth a flood.
const MAX_AWAITED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_that_idles_takes_little_beside_what_it_speaks() {
        assert!(size_of::<Session>() <= 224, "{}", size_of::<Session>());
        assert!(size_of::<WsSession>() <= 528, "{}", size_of::<WsSession>());
    }
}
