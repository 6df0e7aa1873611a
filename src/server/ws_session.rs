//! A connection that speaks `chinwag.v1` over WebSocket.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::chat::account::{LoginLabel, LoginToken};
use crate::chat::command::{AccountCommand, Grounds, Registration, RoomCommand};
use crate::chat::event::{Member, Proof};
use crate::chat::totp::{RecoveryCode, TotpSecret};
use crate::chat::{ChatError, Command, Done, Hello, Request, RequestId};
use crate::net::{Flow, Outbox};
use crate::server::ahead::Ahead;
use crate::server::context::Context;
use crate::server::pace::{self, Pace, TooFast, rate_limited};
use crate::server::sending;
use crate::server::shown::Shown;
use crate::server::token;
use crate::websocket::{
    CloseCode, Connection, Event as WsEvent, Keepalive, KeepaliveAction, Message, State,
};
use crate::wire::json::{self, Greeting, Wanted};

/// The state of such a connection.
#[derive(Debug)]
pub(crate) struct WsSession {
    connection: Connection,
    keepalive: Keepalive,
    pace: Pace,
    ahead: Ahead,
    /// Until when an unfinished message must be finished.
    message_deadline_at: Option<Instant>,
    /// What an unfinished message takes of the worker's budget.
    unfinished_len: usize,
    /// Whether it has said who it speaks for.
    is_present: bool,
    /// What came while the hub was asked whom the cookie speaks for; the first push waits for that.
    early: Option<Vec<u8>>,
    ending: Ending,
    /// What the connection was closed with; 1006 unless there was a Close.
    close_code: u16,
}

/// How the connection ends.
#[derive(Clone, Copy, Debug)]
enum Ending {
    /// Not yet.
    None,
    /// The server closes it at that time.
    CloseAt(Instant),
    /// It is closed; the peer's Close is awaited until then.
    AwaitClose(Instant),
}

impl WsSession {
    /// Begins with the first push, or with asking for whom a cookie speaks.
    pub(crate) fn new(
        connection: Connection,
        cookie: Option<LoginToken>,
        context: &mut Context<'_>,
        outbox: &mut Outbox,
    ) -> Self {
        let mut session = Self {
            connection,
            keepalive: Keepalive::new(KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT, context.now),
            pace: Pace::new(context.shared.message_rate, context.now),
            ahead: Ahead::default(),
            message_deadline_at: None,
            unfinished_len: 0,
            is_present: false,
            early: None,
            ending: Ending::None,
            close_code: ABNORMAL_CLOSURE,
        };
        let hello = cookie.map(|token| Request {
            id: None,
            command: Command::Hello(Hello::Login(token)),
        });
        if hello.is_some_and(|hello| context.ask(hello)) {
            session.early = Some(Vec::new());
        } else {
            session.greet(None, context, outbox);
        }
        session
    }

    fn greet(&mut self, you: Option<&Member>, context: &Context<'_>, outbox: &mut Outbox) {
        let rate = context.shared.message_rate;
        let welcome = json::Welcome {
            motd: &context.shared.motd,
            entrance: context.shared.entrance,
            messages_per_second: rate.per_second,
            burst: rate.burst,
            you,
        };
        self.send(json::encode_welcome(&welcome), outbox);
    }

    pub(crate) fn receive(
        &mut self,
        mut input: &mut [u8],
        context: &mut Context<'_>,
        outbox: &mut Outbox,
    ) -> Flow {
        self.keepalive.received(context.now);
        if let Some(early) = &mut self.early {
            if early.len() + input.len() > MAX_EARLY_LEN {
                return Flow::Drop;
            }
            early.extend_from_slice(input);
            return Flow::Continue;
        }
        let mut has_message = false;
        loop {
            match self.connection.receive(&mut input, outbox.buffer()) {
                Ok(None) => break,
                Ok(Some(WsEvent::Message(Message::Text(text)))) => {
                    has_message = true;
                    self.request(&text, context, outbox);
                }
                Ok(Some(WsEvent::Message(Message::Binary(_)))) => {
                    self.fail(
                        CloseCode::UNSUPPORTED_DATA,
                        "only text is spoken here",
                        outbox,
                    );
                }
                Ok(Some(WsEvent::Ping(_))) => {}
                Ok(Some(WsEvent::Pong(payload))) => {
                    self.keepalive.received_pong(&payload, context.now);
                }
                Ok(Some(WsEvent::Closed { code, .. })) => {
                    if matches!(self.ending, Ending::None | Ending::CloseAt(_)) {
                        self.close_code = code.map_or(NO_STATUS, counted_code);
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "a WebSocket peer broke the protocol");
                    self.close_code = error.close_code().get();
                    break;
                }
            }
        }
        self.watch_unfinished(has_message, context, outbox);
        self.flow()
    }

    /// Answers one of its requests.
    pub(crate) fn answer(
        &mut self,
        re: Option<&RequestId>,
        answer: &Result<Done, ChatError>,
        context: &mut Context<'_>,
        outbox: &mut Outbox,
    ) -> Flow {
        if let Some(mut early) = self.early.take() {
            let you = match answer {
                Ok(Done::Welcomed { you, .. }) => Some(you),
                // Who comes with an old cookie says hello like anybody else.
                _ => None,
            };
            self.is_present = you.is_some();
            self.greet(you, context, outbox);
            return self.receive(&mut early, context, outbox);
        }
        let token = match answer {
            Ok(Done::Welcomed { you, proof }) => {
                self.is_present = true;
                Some(match proof {
                    Proof::Guest(guest) => context.shared.token_key.seal(*guest, &you.name),
                    Proof::Login(token) => token::write_login(token),
                })
            }
            Err(ChatError::BadToken) => {
                context.shared.metrics.auth_failed("token");
                None
            }
            Err(ChatError::BadPassword) => {
                context.shared.metrics.auth_failed("password");
                None
            }
            _ => None,
        };
        self.send(json::encode_answer(re, answer, token.as_deref()), outbox);
        let is_too_fast = matches!(answer, Err(ChatError::RateLimited { .. }));
        if self.pace.answered(re, is_too_fast, context.now).is_err() {
            self.fail(CloseCode::POLICY_VIOLATION, TOO_MANY, outbox);
        }
        self.ahead.answered(answer);
        self.hand_on(context, outbox);
        self.flow()
    }

    /// Tells it what happened.
    pub(crate) fn show(&mut self, shown: &Shown, outbox: &mut Outbox) -> Flow {
        self.push(shown.frame(), outbox)
    }

    /// Sends it whole frames, which others get too.
    pub(crate) fn push(&mut self, frames: &Arc<[u8]>, outbox: &mut Outbox) -> Flow {
        // No data follows our Close (RFC 6455 §5.5.1).
        if self.connection.state() == State::Open {
            outbox.push_shared(frames);
        }
        self.flow()
    }

    /// The login that it came with is over.
    pub(crate) fn revoked(&mut self, now: Instant, outbox: &mut Outbox) -> Flow {
        self.is_present = false;
        let code = CloseCode::new(SESSION_REVOKED).unwrap_or(CloseCode::POLICY_VIOLATION);
        self.close(code, "the session was revoked", now, outbox);
        self.flow()
    }

    /// Whoever it speaks for, or from where it comes, is banned.
    pub(crate) fn shut_out(&mut self, outbox: &mut Outbox) -> Flow {
        self.is_present = false;
        self.fail(CloseCode::POLICY_VIOLATION, "banned", outbox);
        Flow::Close
    }

    /// Whether it has said who it speaks for.
    pub(crate) fn is_present(&self) -> bool {
        self.is_present
    }

    /// Has it closed at a later time, because the server goes away.
    pub(crate) fn close_at(&mut self, at: Instant) {
        if matches!(self.ending, Ending::None) {
            self.ending = Ending::CloseAt(at);
        }
    }

    /// Has it closed now, where it would be closed anyway.
    fn bring_close_forward(&mut self, now: Instant) {
        if matches!(self.ending, Ending::None | Ending::CloseAt(_)) {
            self.ending = Ending::CloseAt(now);
        }
    }

    /// Its reader is too slow: says so behind all that waits already.
    pub(crate) fn overflow(&mut self, outbox: &mut Outbox) -> Flow {
        self.fail(CloseCode::POLICY_VIOLATION, "reads too slowly", outbox);
        Flow::Close
    }

    pub(crate) fn deadline(&self) -> Instant {
        let ending = match self.ending {
            Ending::None => None,
            Ending::CloseAt(at) | Ending::AwaitClose(at) => Some(at),
        };
        let deadlines = [
            Some(self.keepalive.next_deadline()),
            self.message_deadline_at,
            self.ahead.resume_at(),
            ending,
        ];
        deadlines
            .into_iter()
            .flatten()
            .min()
            .expect("there is always a keepalive")
    }

    pub(crate) fn expire(&mut self, context: &mut Context<'_>, outbox: &mut Outbox) -> Flow {
        let now = context.now;
        self.hand_on(context, outbox);
        match self.ending {
            Ending::CloseAt(at) if at <= now => {
                self.close(
                    CloseCode::SERVICE_RESTART,
                    "the server restarts",
                    now,
                    outbox,
                );
            }
            Ending::AwaitClose(at) if at <= now => return Flow::Close,
            _ => {}
        }
        if self.message_deadline_at.is_some_and(|at| at <= now) {
            self.fail(
                CloseCode::POLICY_VIOLATION,
                "a message took too long",
                outbox,
            );
        }
        match self.keepalive.poll(now) {
            KeepaliveAction::Nothing => {}
            KeepaliveAction::SendPing(payload) => {
                // A connection that is closing needs no ping.
                let _ = self.connection.ping(&payload, outbox.buffer());
            }
            KeepaliveAction::TimedOut => return Flow::Drop,
        }
        self.flow()
    }

    /// What it has of the worker's budget for unfinished messages.
    pub(crate) fn unfinished_len(&self) -> usize {
        self.unfinished_len
    }

    /// What the connection was closed with.
    pub(crate) fn close_code(&self) -> u16 {
        self.close_code
    }

    fn request(&mut self, text: &str, context: &mut Context<'_>, outbox: &mut Outbox) {
        context.counts.messages_received += 1;
        let (id, result) = match json::decode(text) {
            Ok(incoming) => {
                let command = command(incoming.wanted, context);
                (
                    incoming.id,
                    command.and_then(|command| self.pass(command, context)),
                )
            }
            Err(refused) => {
                let paced = self.pace.take_unreadable(context.now);
                (
                    refused.id,
                    paced
                        .map_err(Refused::TooFast)
                        .and(Err(refused.error.into())),
                )
            }
        };
        let error = match result {
            Ok(command) => match self.ahead.push(Request { id, command }) {
                None => return self.hand_on(context, outbox),
                Some(request) => return self.refuse_busy(request.id.as_ref(), outbox),
            },
            Err(Refused::Chat(error)) => error,
            Err(Refused::TooFast(TooFast::Wait(wait))) => {
                context.shared.metrics.rate_limited("connection");
                rate_limited(wait)
            }
            Err(Refused::TooFast(TooFast::Hopeless)) => {
                context.shared.metrics.rate_limited("connection");
                return self.fail(CloseCode::POLICY_VIOLATION, TOO_MANY, outbox);
            }
        };
        self.send(json::encode_refusal(id.as_ref(), error), outbox);
    }

    /// Hands requests to the hub, as far as there is room for their answers.
    fn hand_on(&mut self, context: &mut Context<'_>, outbox: &mut Outbox) {
        while let Some(request) = self.ahead.pop(outbox.len(), context.now) {
            let (id, asked) = (request.id.clone(), pace::asked_of(&request));
            if context.ask(request) {
                self.pace.asked(asked);
            } else {
                self.ahead.answered(&Err(BUSY));
                self.refuse_busy(id.as_ref(), outbox);
                // There is a server that can do it.
                if context.shared.is_handed_over() {
                    self.bring_close_forward(context.now);
                }
            }
        }
    }

    fn refuse_busy(&mut self, id: Option<&RequestId>, outbox: &mut Outbox) {
        self.send(json::encode_refusal(id, BUSY), outbox);
    }

    fn pass(&mut self, command: Command, context: &Context<'_>) -> Result<Command, Refused> {
        self.pace
            .take_or_refuse(&command, context.now)
            .map_err(Refused::TooFast)?;
        Ok(command)
    }

    fn send(&mut self, text: String, outbox: &mut Outbox) {
        sending::send(&mut self.connection, Message::text(text), outbox);
    }

    /// Begins the closing handshake.
    fn close(&mut self, code: CloseCode, reason: &str, now: Instant, outbox: &mut Outbox) {
        if self.connection.close(code, reason, outbox.buffer()).is_ok() {
            self.close_code = code.get();
        }
        self.ending = Ending::AwaitClose(now + CLOSE_TIMEOUT);
    }

    fn fail(&mut self, code: CloseCode, reason: &str, outbox: &mut Outbox) {
        let was_open = matches!(self.connection.state(), State::Open);
        let failed = self.connection.fail(code, reason, outbox.buffer());
        if failed.is_ok() && was_open {
            self.close_code = code.get();
        }
    }

    /// Keeps an unfinished message within its time, and within what the worker has for them.
    fn watch_unfinished(
        &mut self,
        has_message: bool,
        context: &mut Context<'_>,
        outbox: &mut Outbox,
    ) {
        if !self.connection.has_unfinished_message() {
            self.message_deadline_at = None;
        } else if has_message || self.message_deadline_at.is_none() {
            self.message_deadline_at = Some(context.now + MESSAGE_TIMEOUT);
        }
        let was_len = std::mem::replace(&mut self.unfinished_len, self.connection.unfinished_len());
        if !context.unfinished.change(was_len, self.unfinished_len) {
            let reason = "too many unfinished messages";
            self.fail(CloseCode::MESSAGE_TOO_BIG, reason, outbox);
        }
    }

    fn flow(&self) -> Flow {
        match self.connection.state() {
            State::Open | State::Closing => Flow::Continue,
            State::Closed | State::Failed => Flow::Close,
        }
    }
}

/// Why a request goes no further.
#[derive(Debug)]
enum Refused {
    Chat(ChatError),
    TooFast(TooFast),
}

impl From<ChatError> for Refused {
    fn from(error: ChatError) -> Self {
        Self::Chat(error)
    }
}

/// The command that a request is for; proofs of identity are checked here.
fn command(wanted: Wanted, context: &mut Context<'_>) -> Result<Command, Refused> {
    Ok(match wanted {
        Wanted::Command(command) => command,
        Wanted::Invite { room, lasting } => Command::Room {
            room,
            command: RoomCommand::Invite {
                fresh: context.fresh_invite(),
                lasting,
            },
        },
        Wanted::Hello(Greeting::Guest(name)) => Command::Hello(Hello::Guest {
            name,
            fresh: context.fresh_guest(),
        }),
        Wanted::Hello(Greeting::Password(credentials)) => {
            let (login, password) = context.login(credentials, LABEL, true);
            Command::Hello(Hello::Password { login, password })
        }
        Wanted::Register {
            name,
            password,
            invite,
            label,
        } => {
            let label = label.unwrap_or_else(|| LoginLabel::clean(LABEL));
            let wish = Registration {
                name,
                password,
                grounds: invite.map_or(Grounds::None, Grounds::Invite),
                opening: context.opening(label, true),
            };
            Command::Account(AccountCommand::Register(Box::new(wish)))
        }
        Wanted::TotpBegin(password) => Command::Account(AccountCommand::TotpBegin {
            password,
            fresh: TotpSecret(context.fresh()),
        }),
        Wanted::TotpConfirm(code) => Command::Account(AccountCommand::TotpConfirm {
            code,
            fresh: Box::new(std::array::from_fn(|_| RecoveryCode::new(context.fresh()))),
        }),
        Wanted::InviteToServer => Command::Account(AccountCommand::Invite {
            fresh: RecoveryCode::new(context.fresh()),
        }),
        Wanted::Hello(Greeting::Token(token)) => {
            if let Some(token) = token::read_login(&token) {
                return Ok(Command::Hello(Hello::Login(token)));
            }
            let Some((guest, name)) = context.shared.token_key.open(&token) else {
                context.shared.metrics.auth_failed("token");
                return Err(ChatError::BadToken.into());
            };
            Command::Hello(Hello::Returning { guest, name })
        }
    })
}

/// The code under which a peer's Close is counted: it may be any of two thousand private ones, and
/// each would be a metric of its own for as long as the server runs.
fn counted_code(code: CloseCode) -> u16 {
    match code.get() {
        3000.. => PRIVATE_CODES,
        code => code,
    }
}

/// More than a client sends before it is greeted: a read of the worker's.
const MAX_EARLY_LEN: usize = 256 * 1024;

/// Of the private codes (RFC 6455 §7.4.2), the chat's own.
const SESSION_REVOKED: u16 = 4001;

/// Why somebody is closed who never waits.
const TOO_MANY: &str = "too many requests";

/// What a login is called whose owner gave it no name.
const LABEL: &str = "WebSocket";

/// What the hub's queue, or the connection's own, has no room for.
const BUSY: ChatError = ChatError::Busy("too many requests wait");

/// Below what NATs and proxies forget, which is a minute.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(25);

/// A phone in a tunnel is back by then, or reconnects.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// From the first frame of a message to its last.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the peer's Close is awaited after ours.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// RFC 6455 §7.1.5: there was no Close.
const ABNORMAL_CLOSURE: u16 = 1006;

/// RFC 6455 §7.1.5: there was no code in the Close.
const NO_STATUS: u16 = 1005;

/// Stands for all codes that are not the protocol's own (RFC 6455 §7.4.2).
const PRIVATE_CODES: u16 = 3000;
