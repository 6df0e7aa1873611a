//! A connection of somebody who types lines, with `nc` for instance.
//!
//! Lines are carried out one after the other. Where the next one has to wait, because it comes too
//! fast or needs to know what became of an earlier one, it waits here with all that follow it,
//! within a limit: unlike a program, who pastes twenty-five lines can't be told to send some again.
//! So the next line waits until the hub has taken the one before.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::chat::{
    Body, ChatError, Command, Done, Event, Hello, Request, RequestId, RoomName, UserName,
};
use crate::net::{Flow, Outbox};
use crate::server::context::Context;
use crate::server::in_hand::InHand;
use crate::server::line_command::command;
use crate::server::line_login::{LineLogin, Offer, Outcome};
use crate::server::pace::Pace;
use crate::server::shown::Shown;
use crate::wire::line::{self, Line, MAX_LINE_LEN};

/// The state of such a connection.
#[derive(Debug)]
pub(crate) struct LineSession {
    /// What was typed and not carried out yet.
    typed: Vec<u8>,
    login: LineLogin,
    /// Whether anything was typed yet.
    has_typed: bool,
    /// Whether the rest of a line that was too long is being passed over.
    is_skipping: bool,
    /// Where the next line is said.
    current: RoomName,
    name: Option<UserName>,
    pace: Pace,
    /// The request that the hub may refuse as too fast; what is typed behind it waits.
    in_hand: Option<InHand>,
    /// Requests that the hub has not answered.
    unanswered_count: u64,
    /// The number of the next request.
    next_id: i64,
    /// Moves to another room that are not answered: their number, and the room that was current
    /// before.
    moves: VecDeque<(i64, RoomName)>,
    /// How much of what was typed was meant for a room that one could not move to.
    stray_len: usize,
    /// What is to be said to one person as soon as the conversation with them, which was asked for
    /// under that number, is open.
    whisper: Option<(i64, Body)>,
    /// Until when the next line waits.
    resume_at: Option<Instant>,
    /// Whether nothing more will be typed.
    is_ended: bool,
    /// When the server closes it.
    close_at: Option<Instant>,
}

/// What became of a line.
enum Carried {
    /// It is done; the next one may come.
    Out,
    /// It waits.
    Held,
    /// It ended a login, for which those behind it may have been meant: they go nowhere.
    Alone,
    /// The connection ends.
    End,
}

impl LineSession {
    /// Greets, and enters the lobby under a name that is free.
    pub(crate) fn new(context: &mut Context<'_>, outbox: &mut Outbox) -> Self {
        let mut session = Self {
            typed: Vec::new(),
            login: LineLogin::None,
            has_typed: false,
            is_skipping: false,
            current: RoomName::lobby(),
            name: None,
            pace: Pace::new(context.shared.message_rate, context.now),
            in_hand: None,
            unanswered_count: 0,
            next_id: 0,
            moves: VecDeque::new(),
            stray_len: 0,
            whisper: None,
            resume_at: None,
            is_ended: false,
            close_at: None,
        };
        show(&line::welcome(&context.shared.motd), outbox);
        let fresh = context.fresh_guest();
        session.ask(Command::Hello(Hello::Anyone { fresh }), context, outbox);
        session.enter_lobby(context, outbox);
        session
    }

    fn enter_lobby(&mut self, context: &mut Context<'_>, outbox: &mut Outbox) {
        let join = Command::Join {
            room: RoomName::lobby(),
            since: None,
            rev: None,
            create: false,
            invite: None,
            glance: true,
        };
        self.ask(join, context, outbox);
    }

    pub(crate) fn receive(
        &mut self,
        input: &[u8],
        context: &mut Context<'_>,
        outbox: &mut Outbox,
    ) -> Flow {
        if !std::mem::replace(&mut self.has_typed, true) && input.first() == Some(&TLS_HANDSHAKE) {
            // A browser was led here by an https address: what follows is not for the room.
            return Flow::Close;
        }
        if self.is_skipping && self.typed.is_empty() && !input.contains(&b'\n') {
            return Flow::Continue;
        }
        self.typed.extend_from_slice(input);
        self.go_on(context, outbox)
    }

    /// Nothing more will be typed; what was typed is carried out first.
    pub(crate) fn end_of_input(&mut self, context: &mut Context<'_>, outbox: &mut Outbox) -> Flow {
        if !self.typed.is_empty() {
            self.typed.push(b'\n');
        }
        self.is_ended = true;
        self.go_on(context, outbox)
    }

    /// Answers one of its requests.
    pub(crate) fn answer(
        &mut self,
        re: Option<&RequestId>,
        answer: &Result<Done, ChatError>,
        context: &mut Context<'_>,
        outbox: &mut Outbox,
    ) -> Flow {
        if let Some(mut in_hand) = self.in_hand.take_if(|in_hand| in_hand.is(re))
            && let Some(wait) = in_hand.put_off(answer)
        {
            self.in_hand = Some(in_hand);
            return self.put_off(wait, context, outbox);
        }
        self.unanswered_count = self.unanswered_count.saturating_sub(1);
        self.finish_move(re, answer.is_ok());
        if matches!(answer, Err(ChatError::BadPassword)) {
            context.shared.metrics.auth_failed("password");
        }
        if let Ok(Done::Welcomed { you, .. }) = answer {
            let was_nobody = self.name.replace(you.name.clone()).is_none();
            if was_nobody && !you.guest {
                // Where guests are not admitted, the lobby was not entered at first.
                self.enter_lobby(context, outbox);
            }
        }
        match self.login.learn(re, answer) {
            Outcome::CodeNeeded => show(&line::show_notice(CODE_PROMPT), outbox),
            Outcome::Again(text) => show(&line::show_error(&text), outbox),
            Outcome::Over(error) => {
                self.not_logged_in(Some(error), outbox);
                let typed = std::mem::take(&mut self.typed);
                self.forget(&typed, outbox);
            }
            Outcome::Other => self.show_answer(re, answer, context, outbox),
        }
        self.go_on(context, outbox)
    }

    /// Waits before it asks again what came too fast.
    fn put_off(&mut self, wait: Duration, context: &Context<'_>, outbox: &mut Outbox) -> Flow {
        self.resume_at = Some(context.now + wait);
        if wait >= NOTABLE_WAIT {
            let seconds = wait.as_millis().div_ceil(1_000);
            let notice = format!("too fast: what you typed waits for {seconds} s");
            show(&line::show_notice(&notice), outbox);
        }
        self.flow(outbox)
    }

    /// Takes note of what became of a move, if that is answered: goes back to where one was if it came
    /// to nothing.
    fn finish_move(&mut self, re: Option<&RequestId>, has_moved: bool) {
        let is_it = |(id, _): &mut (i64, RoomName)| re == Some(&RequestId::Integer(*id));
        let Some((_, before)) = self.moves.pop_front_if(is_it) else {
            return;
        };
        match self.moves.front_mut() {
            _ if has_moved => self.stray_len = 0,
            // Whoever has moved on since was never where this move would have led.
            Some((_, before_next)) => *before_next = before,
            None => {
                self.current = before;
                self.stray_len = self.typed.len();
            }
        }
    }

    fn show_answer(
        &mut self,
        re: Option<&RequestId>,
        answer: &Result<Done, ChatError>,
        context: &mut Context<'_>,
        outbox: &mut Outbox,
    ) {
        match (self.whispered(re), answer) {
            (Some(body), Ok(Done::Joined(joined))) => {
                let send = Command::Send {
                    room: joined.room.clone(),
                    body,
                    key: None,
                    reply_to: None,
                };
                self.ask(send, context, outbox);
            }
            _ => {
                if let Some(text) = line::show_answer(answer, &self.current) {
                    show(&text, outbox);
                }
            }
        }
    }

    /// What is to be said now that its request is answered.
    fn whispered(&mut self, re: Option<&RequestId>) -> Option<Body> {
        let (_, body) = self
            .whisper
            .take_if(|(id, _)| re == Some(&RequestId::Integer(*id)))?;
        Some(body)
    }

    /// Tells it what happened; what one typed oneself is not sent back.
    pub(crate) fn show(&self, shown: &Shown, is_own: bool, outbox: &mut Outbox) -> Flow {
        let is_echo = is_own && matches!(shown.event(), Event::Message { .. });
        if !is_echo && let Some(text) = shown.line(&self.current) {
            outbox.push_shared(text);
        }
        Flow::Continue
    }

    /// Has it closed at a later time, because the server goes away.
    pub(crate) fn close_at(&mut self, at: Instant) {
        self.close_at = Some(at);
    }

    /// Its reader is too slow: says so behind all that waits already.
    pub(crate) fn overflow(outbox: &mut Outbox) -> Flow {
        show(&line::show_error("you read too slowly"), outbox);
        Flow::Close
    }

    /// The login that it came with is over.
    pub(crate) fn revoked(outbox: &mut Outbox) -> Flow {
        show(&line::show_error("your session was revoked"), outbox);
        Flow::Close
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        [self.resume_at, self.close_at].into_iter().flatten().min()
    }

    pub(crate) fn expire(&mut self, context: &mut Context<'_>, outbox: &mut Outbox) -> Flow {
        if self.close_at.is_some_and(|at| at <= context.now) {
            return Flow::Close;
        }
        self.go_on(context, outbox)
    }

    /// Carries out what was typed, as far as it can be now.
    fn go_on(&mut self, context: &mut Context<'_>, outbox: &mut Outbox) -> Flow {
        if self.resume_at.is_some_and(|at| at > context.now) {
            return self.flow(outbox);
        }
        self.resume_at = None;
        self.ask_again(context);
        let typed = std::mem::take(&mut self.typed);
        let mut rest = &typed[..];
        let mut is_over = false;
        while let Some(len) = rest.iter().position(|byte| *byte == b'\n') {
            let line = &rest[..len];
            match self.whole_line(line, context, outbox) {
                Carried::Out => {
                    rest = &rest[len + 1..];
                    self.stray_len = self.stray_len.saturating_sub(len + 1);
                }
                Carried::Held => break,
                Carried::Alone => {
                    self.forget(&rest[len + 1..], outbox);
                    rest = &[];
                }
                Carried::End => {
                    (is_over, rest) = (true, &[]);
                    break;
                }
            }
        }
        if !rest.contains(&b'\n') && rest.len() > MAX_LINE_LEN + 1 {
            if !self.is_skipping {
                is_over |= matches!(refuse_length(rest, outbox), Carried::End);
            }
            self.is_skipping = true;
            rest = &[];
        }
        self.typed = rest.to_vec();
        if is_over {
            Flow::Close
        } else {
            self.flow(outbox)
        }
    }

    /// Whether the connection goes on.
    fn flow(&self, outbox: &mut Outbox) -> Flow {
        if self.typed.len() > MAX_HELD_LEN {
            show(
                &line::show_error("that is too much at once; come again, and slower"),
                outbox,
            );
            return Flow::Close;
        }
        let is_done = self.is_ended && self.typed.is_empty() && self.unanswered_count == 0;
        if is_done { Flow::Close } else { Flow::Continue }
    }

    /// Carries out a line that ends here.
    fn whole_line(
        &mut self,
        line: &[u8],
        context: &mut Context<'_>,
        outbox: &mut Outbox,
    ) -> Carried {
        if std::mem::take(&mut self.is_skipping) {
            return Carried::Out;
        }
        // A line of six bytes has answers of a thousand: who does not read them gets no more.
        if outbox.len() > MAX_QUEUED_LEN {
            return self.hold(context.now + RESUME_INTERVAL);
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > MAX_LINE_LEN {
            return refuse_length(line, outbox);
        }
        if self.in_hand.is_some() {
            return Carried::Held;
        }
        if self.login.takes_line() {
            return self.log_in(line, context, outbox);
        }
        let text = line::clean(line);
        match line::read(&text) {
            // What is said to one person keeps its place.
            _ if self.whisper.is_some() => Carried::Held,
            Line::Login(name) => {
                self.login = LineLogin::begin(name);
                Carried::Out
            }
            Line::Blank => Carried::Out,
            Line::Http => {
                outbox.buffer().extend_from_slice(NOT_HTTP);
                Carried::End
            }
            // What is long comes one after the other, as it is read: a paste of twenty such lines
            // must not make a slow reader of who reads them.
            Line::Join(_) | Line::History(_) | Line::Rooms | Line::Who
                if self.unanswered_count > 0 =>
            {
                Carried::Held
            }
            // Goodbye comes last; and who is waving is known when the name is settled.
            Line::Quit | Line::Me(_) if self.unanswered_count > 0 => Carried::Held,
            Line::Quit => {
                show(&line::show_notice("bye"), outbox);
                Carried::End
            }
            // Said in the room where one still is, it might be told to the wrong people.
            Line::Say(_) | Line::Me(_) | Line::Topic(_) if self.stray_len > 0 => {
                let error = "you are not in the room for which you typed this: nothing is said";
                self.tell(&line::show_error(error), context, outbox)
            }
            Line::Msg(text) => self.whisper(text, context, outbox),
            read => match command(read, &self.current, self.name.as_ref(), context) {
                Ok(Some(command)) => self.pass(command, context, outbox),
                Ok(None) => self.tell(line::HELP, context, outbox),
                Err(error) => self.tell(&line::show_error(&error), context, outbox),
            },
        }
    }

    /// Answers a line itself, at the pace of those that the hub answers.
    fn tell(&mut self, text: &str, context: &Context<'_>, outbox: &mut Outbox) -> Carried {
        match self.pace.take_unasked(context.now) {
            Ok(()) => {
                show(text, outbox);
                Carried::Out
            }
            Err(wait) => self.hold(context.now + wait),
        }
    }

    /// Has a line wait until then, with all that follow it.
    fn hold(&mut self, until: Instant) -> Carried {
        self.resume_at = Some(until);
        Carried::Held
    }

    /// Takes a line as what somebody logs in with.
    fn log_in(&mut self, line: &[u8], context: &mut Context<'_>, outbox: &mut Outbox) -> Carried {
        let credentials = match self.login.offer(line) {
            Offer::Try(credentials) => credentials,
            Offer::Again(text) => {
                show(&line::show_error(&text), outbox);
                return Carried::Out;
            }
            Offer::Over(error) => {
                self.not_logged_in(error, outbox);
                return Carried::Alone;
            }
        };
        let offered = credentials.password.clone();
        let (login, password) = context.login(credentials, LABEL, true);
        let id = self.next_id;
        let hello = Command::Hello(Hello::Password { login, password });
        let carried = self.pass(hello, context, outbox);
        // A request that was refused at once has used up no number: the next line is another try.
        if self.next_id > id {
            self.login.asked(id, offered);
        }
        carried
    }

    /// Says that a login has come to nothing, and what becomes of the lines that follow.
    fn not_logged_in(&self, error: Option<ChatError>, outbox: &mut Outbox) {
        if let Some(error) = error {
            show(&line::show_error(&error.to_string()), outbox);
        }
        let notice = match &self.name {
            Some(name) => {
                let room = &self.current;
                format!("you are still {name}; what you type is said in {room} again")
            }
            None => "nobody is logged in".to_owned(),
        };
        show(&line::show_notice(&notice), outbox);
    }

    /// Forgets what was typed ahead of a login that came to nothing: it may be a password.
    fn forget(&mut self, typed: &[u8], outbox: &mut Outbox) {
        self.is_skipping = typed.last().is_some_and(|byte| *byte != b'\n');
        if !typed.trim_ascii().is_empty() {
            let notice = "what you had typed by then is said to nobody";
            show(&line::show_notice(notice), outbox);
        }
    }

    /// Says something to one person: opens the conversation first.
    fn whisper(&mut self, text: &str, context: &mut Context<'_>, outbox: &mut Outbox) -> Carried {
        let (name, body) = text.split_once(' ').unwrap_or((text, ""));
        let parsed = UserName::parse(name).and_then(|to| Ok((to, Body::parse(body)?)));
        let (to, body) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => {
                let error = format!("{error}; for instance --msg: bob hello");
                return self.tell(&line::show_error(&error), context, outbox);
            }
        };
        let id = self.next_id;
        let carried = self.pass(Command::Direct { to }, context, outbox);
        // A request that was refused at once has used up no number.
        if self.next_id > id {
            self.whisper = Some((id, body));
        }
        carried
    }

    fn pass(
        &mut self,
        command: Command,
        context: &mut Context<'_>,
        outbox: &mut Outbox,
    ) -> Carried {
        match self.pace.take(&command, context.now) {
            Ok(()) => {
                context.counts.messages_received += 1;
                self.ask(command, context, outbox);
                Carried::Out
            }
            // What waits is bounded by its length: that the server makes it wait is nobody's fault.
            Err(wait) => self.hold(context.now + wait),
        }
    }

    fn ask(&mut self, command: Command, context: &mut Context<'_>, outbox: &mut Outbox) {
        debug_assert!(self.in_hand.is_none(), "what follows it waits");
        let id = self.next_id;
        let next = match &command {
            Command::Join { room, .. } => Some(room.clone()),
            Command::Leave { room } if *room == self.current => Some(RoomName::lobby()),
            _ => None,
        };
        let in_hand = InHand::keep(id, &command);
        let request = Request {
            id: Some(RequestId::Integer(id)),
            command,
        };
        if !context.ask(request) {
            self.follow_hand_over(context);
            let busy = ChatError::Busy("too many requests wait");
            return show(&line::show_error(&busy.to_string()), outbox);
        }
        self.in_hand = in_hand;
        self.next_id += 1;
        self.unanswered_count += 1;
        if let Some(room) = next {
            // What is typed next goes there: nobody waits for an answer before typing on.
            let before = std::mem::replace(&mut self.current, room);
            self.moves.push_back((id, before));
        }
    }

    /// Asks again what was put off.
    fn ask_again(&mut self, context: &mut Context<'_>) {
        if let Some(in_hand) = &mut self.in_hand
            && let Some(request) = in_hand.due()
            && !context.ask(request)
        {
            in_hand.not_asked();
            self.resume_at = Some(context.now + RESUME_INTERVAL);
            self.follow_hand_over(context);
        }
    }

    /// Closes the connection if there is a server that can do what this one can't.
    fn follow_hand_over(&mut self, context: &mut Context<'_>) {
        if context.shared.is_handed_over() {
            self.close_at = Some(context.now);
        }
    }
}

/// Refuses a line that is too long. Behind a request come lines that nobody typed: it is the end.
fn refuse_length(line: &[u8], outbox: &mut Outbox) -> Carried {
    if line::begins_http_request(line) {
        outbox.buffer().extend_from_slice(NOT_HTTP);
        return Carried::End;
    }
    let error = format!("this line is too long: at most {MAX_LINE_LEN} bytes");
    show(&line::show_error(&error), outbox);
    Carried::Out
}

fn show(text: &str, outbox: &mut Outbox) {
    outbox.buffer().extend_from_slice(text.as_bytes());
}

/// What a browser that was led to this port is told.
const NOT_HTTP: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// What is asked of somebody whose account has a second factor.
const CODE_PROMPT: &str =
    "type the code of your second factor, or a recovery code, on the next line";

/// Whoever waits so long wonders why.
const NOTABLE_WAIT: Duration = Duration::from_secs(1);

/// What a login is called that was opened here.
const LABEL: &str = "line mode";

/// A paste of several hundred lines waits; more is no longer typing.
const MAX_HELD_LEN: usize = 64 * 1024;

/// Together with the longest answer well below the limit of a slow reader.
const MAX_QUEUED_LEN: usize = 512 * 1024;

/// How soon to look again whether it was read.
const RESUME_INTERVAL: Duration = Duration::from_millis(20);

/// The first byte of a TLS record that begins a handshake (RFC 8446 §5.1), which nobody types.
const TLS_HANDSHAKE: u8 = 0x16;
