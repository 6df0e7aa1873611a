//! A connection that still speaks HTTP: finds the requests in what arrives.

use std::time::{Duration, Instant};

use crate::server::api::Exchange;
use crate::websocket::handshake::HandshakeError;
use crate::websocket::handshake::http::{HeadScanner, HttpLimits};

/// The head of a request that has begun, and until when there must be more.
#[derive(Debug)]
pub(crate) struct HttpSession {
    head: Vec<u8>,
    scanner: HeadScanner,
    deadline_at: Instant,
    has_answered: bool,
    has_asked: bool,
    /// Elsewhere: most connections never have any.
    under_way: Option<Box<UnderWay>>,
}

/// A request that takes more than its head.
#[derive(Debug)]
enum UnderWay {
    /// Its body is not complete.
    Body { exchange: Exchange, body: Vec<u8> },
    /// The hub has not answered; what comes meanwhile waits.
    Answer { exchange: Exchange, early: Vec<u8> },
}

/// What there is of a request's body.
#[derive(Debug)]
pub(crate) enum Body {
    /// No request is under way.
    None,
    /// All of it: the request can be carried out.
    Whole(Exchange, Vec<u8>),
    /// Not all of it, or the request before is not answered; all input was taken.
    Awaited,
    /// Too much came before the request before was answered.
    TooEarly,
}

impl HttpSession {
    pub(crate) fn new(now: Instant) -> Self {
        let scanner = HeadScanner::new(&HttpLimits::default());
        Self {
            head: Vec::new(),
            scanner,
            deadline_at: now + HEAD_TIMEOUT,
            has_answered: false,
            has_asked: false,
            under_way: None,
        }
    }

    /// Begins a request that the hub answers, when its body is complete.
    pub(crate) fn begin(&mut self, exchange: Exchange, now: Instant) {
        self.deadline_at = now + HEAD_TIMEOUT;
        let body = Vec::new();
        self.under_way = Some(Box::new(UnderWay::Body { exchange, body }));
    }

    /// Takes what belongs to the request that is under way from the front of `input`.
    pub(crate) fn take_body(&mut self, input: &mut &mut [u8]) -> Body {
        match self.under_way.as_deref_mut() {
            None => Body::None,
            Some(UnderWay::Body { exchange, body }) => {
                let missing_len = exchange.body_len() - body.len();
                let taken_len = missing_len.min(input.len());
                body.extend_from_slice(&input[..taken_len]);
                *input = &mut std::mem::take(input)[taken_len..];
                if taken_len < missing_len {
                    return Body::Awaited;
                }
                match self.under_way.take().map(|it| *it) {
                    Some(UnderWay::Body { exchange, body }) => Body::Whole(exchange, body),
                    _ => Body::None,
                }
            }
            Some(UnderWay::Answer { early, .. }) => {
                if early.len() + input.len() > MAX_EARLY_LEN {
                    return Body::TooEarly;
                }
                early.extend_from_slice(input);
                *input = &mut [];
                Body::Awaited
            }
        }
    }

    /// Takes note that the hub was asked.
    pub(crate) fn await_answer(&mut self, exchange: Exchange, now: Instant) {
        self.deadline_at = now + ANSWER_TIMEOUT;
        self.has_asked = true;
        let early = Vec::new();
        self.under_way = Some(Box::new(UnderWay::Answer { exchange, early }));
    }

    /// The request that the hub has answered, and what came behind it.
    pub(crate) fn take_exchange(&mut self) -> Option<(Exchange, Vec<u8>)> {
        match *self.under_way.take()? {
            UnderWay::Answer { exchange, early } => Some((exchange, early)),
            UnderWay::Body { .. } => None,
        }
    }

    /// Whether the hub was ever asked anything.
    pub(crate) fn has_asked(&self) -> bool {
        self.has_asked
    }

    /// Takes the next whole head from the front of `input`; `None`: all of `input` was taken.
    ///
    /// What follows a head stays in `input`, whatever it is.
    pub(crate) fn take_head(
        &mut self,
        input: &mut &mut [u8],
    ) -> Result<Option<Vec<u8>>, HandshakeError> {
        let limits = HttpLimits::default();
        let had_len = self.head.len();
        // One byte above the limit is enough for the scanner to refuse the head.
        let taken_len = input.len().min(limits.max_head_len + 1 - had_len);
        self.head.extend_from_slice(&input[..taken_len]);
        let head_len = self.scanner.scan(&self.head)?;
        let consumed_len = head_len.map_or(taken_len, |head_len| head_len - had_len);
        *input = &mut std::mem::take(input)[consumed_len..];
        let Some(head_len) = head_len else {
            return Ok(None);
        };
        let mut head = std::mem::take(&mut self.head);
        head.truncate(head_len);
        self.scanner = HeadScanner::new(&limits);
        Ok(Some(head))
    }

    /// Takes note that TLS is agreed on, so that a request may begin.
    pub(crate) fn secured(&mut self, now: Instant) {
        self.deadline_at = now + HEAD_TIMEOUT;
    }

    /// Takes note that a request was answered, and that another may follow.
    pub(crate) fn answered(&mut self, now: Instant) {
        self.deadline_at = now + IDLE_TIMEOUT;
        self.has_answered = true;
    }

    /// Takes note that a request has begun, whose head must be complete in time.
    pub(crate) fn received(&mut self, was_idle: bool, now: Instant) {
        if was_idle && !self.head.is_empty() {
            self.deadline_at = now + HEAD_TIMEOUT;
        }
    }

    /// Whether no request has begun.
    pub(crate) fn is_idle(&self) -> bool {
        self.head.is_empty() && self.under_way.is_none()
    }

    /// Whether it is only kept for another request, which may go elsewhere without harm.
    pub(crate) fn is_spare(&self) -> bool {
        self.is_idle() && self.has_answered
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadline_at
    }
}

/// A head must be complete by then: slow networks are faster, and who trickles is no browser.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Passwords are hashed within a second or two, however many wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// What a client that sends ahead may send before it is answered.
const MAX_EARLY_LEN: usize = 128 * 1024;

/// How long a connection is kept for another request; browsers open a new one without complaint.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn session() -> HttpSession {
        HttpSession::new(Instant::now())
    }

    #[test]
    fn heads_are_found_however_they_arrive_and_the_rest_stays() {
        let whole = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\nrest";
        for step in [1, 7, whole.len()] {
            let mut session = session();
            let (mut heads, mut rest) = (Vec::new(), Vec::new());
            for part in whole.to_vec().chunks_mut(step) {
                let mut input = part;
                while heads.len() < 2 && !input.is_empty() {
                    heads.extend(session.take_head(&mut input).unwrap());
                }
                rest.extend_from_slice(input);
            }
            assert_eq!(heads, [&whole[..28], &whole[28..56]]);
            assert_eq!(rest, b"rest", "in steps of {step}");
        }
    }

    #[test]
    fn endless_head_is_refused_without_being_kept() {
        let mut session = session();
        let mut part = b"GET / HTTP/1.1\r\n".to_vec();
        session.take_head(&mut &mut part[..]).unwrap();
        let mut line = b"X: y\r\n".repeat(100_000);
        let error = session.take_head(&mut &mut line[..]).unwrap_err();
        assert_eq!(error.status(), 431);
        assert!(session.head.capacity() < 64 * 1024);
    }
}
