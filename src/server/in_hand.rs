//! A request that the hub may refuse as too fast, kept so that it can be asked again.
//!
//! A program is told how long to wait, and asks again by itself. Whoever types lines, or pastes them,
//! can't be told to type some of them once more: their line waits here, and all that follow it wait
//! behind it.

use std::time::Duration;

use crate::chat::{ChatError, Command, Done, Hello, Request, RequestId};
use crate::server::pace;

/// Such a request.
#[derive(Debug)]
pub(crate) struct InHand {
    id: i64,
    command: Command,
    /// For how long it may still be put off.
    patience: Duration,
    /// How long it is put off next time at least.
    min_wait: Duration,
    is_put_off: bool,
}

impl InHand {
    /// Keeps a request if the hub may refuse it as too fast: rooms may be slow where nothing else is
    /// limited.
    pub(crate) fn keep(id: i64, command: &Command) -> Option<Self> {
        let is_kept = match command {
            // Whoever has no name yet changes none.
            Command::Hello(Hello::Anyone { .. }) => false,
            other => pace::may_be_refused(other),
        };
        is_kept.then(|| Self {
            id,
            command: command.clone(),
            patience: MAX_PATIENCE,
            min_wait: Duration::ZERO,
            is_put_off: false,
        })
    }

    /// Whether an answer is about it.
    pub(crate) fn is(&self, re: Option<&RequestId>) -> bool {
        re == Some(&RequestId::Integer(self.id))
    }

    /// How long to wait before it is asked again; `None`: that was its answer.
    pub(crate) fn put_off(&mut self, answer: &Result<Done, ChatError>) -> Option<Duration> {
        let Err(ChatError::RateLimited { retry_after_ms }) = answer else {
            return None;
        };
        let wait = Duration::from_millis(u64::from(*retry_after_ms)).max(self.min_wait);
        self.patience = self.patience.checked_sub(wait)?;
        self.min_wait = (2 * self.min_wait).clamp(FIRST_MIN_WAIT, LAST_MIN_WAIT);
        self.is_put_off = true;
        Some(wait)
    }

    /// Takes note that the hub had no room for it: it is asked once more.
    pub(crate) fn not_asked(&mut self) {
        self.is_put_off = true;
    }

    /// The request, if it is to be asked again by now.
    pub(crate) fn due(&mut self) -> Option<Request> {
        std::mem::take(&mut self.is_put_off).then(|| Request {
            id: Some(RequestId::Integer(self.id)),
            command: self.command.clone(),
        })
    }
}

/// Longer than the limits of any server make honest people wait; who is to be silent for minutes, as
/// slow mode may demand, is told so instead.
const MAX_PATIENCE: Duration = Duration::from_secs(60);

/// Where many share a limit, others come first again and again: whoever was put off before asks less and
/// less often, so that many who wait do not ask without end.
const FIRST_MIN_WAIT: Duration = Duration::from_millis(20);
const LAST_MIN_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::RoomName;

    fn refused(retry_after_ms: u32) -> Result<Done, ChatError> {
        Err(ChatError::RateLimited { retry_after_ms })
    }

    fn join() -> Command {
        Command::Join {
            room: RoomName::lobby(),
            since: None,
            rev: None,
            create: false,
            invite: None,
            glance: false,
        }
    }

    #[test]
    fn what_is_refused_as_too_fast_is_asked_again_after_that_time() {
        let mut in_hand = InHand::keep(7, &join()).unwrap();
        assert!(in_hand.is(Some(&RequestId::Integer(7))) && !in_hand.is(None));
        assert!(in_hand.due().is_none());
        let wait = in_hand.put_off(&refused(250));
        assert_eq!(wait, Some(Duration::from_millis(250)));
        let due = in_hand.due().unwrap();
        assert_eq!((due.id, due.command), (Some(RequestId::Integer(7)), join()));
        assert!(in_hand.due().is_none());
        assert_eq!(in_hand.put_off(&Err(ChatError::NameTaken)), None);
    }

    #[test]
    fn patience_ends_at_its_limit() {
        let limit_ms = u32::try_from(MAX_PATIENCE.as_millis()).unwrap();
        let keep = || InHand::keep(1, &join()).unwrap();
        assert_eq!(keep().put_off(&refused(limit_ms)), Some(MAX_PATIENCE));
        assert_eq!(keep().put_off(&refused(limit_ms + 1)), None);
    }

    #[test]
    fn who_is_put_off_again_and_again_asks_less_often() {
        let mut in_hand = InHand::keep(1, &join()).unwrap();
        let waits = std::iter::from_fn(|| in_hand.put_off(&refused(1)));
        let waits: Vec<u128> = waits.map(|wait| wait.as_millis()).collect();
        assert_eq!(waits[..8], [1, 20, 40, 80, 160, 320, 640, 1_000]);
        assert_eq!(waits.len(), 7 + 58);
    }

    #[test]
    fn what_is_never_refused_so_is_not_kept() {
        assert!(InHand::keep(1, &Command::Rooms).is_none());
        let fresh = crate::chat::GuestId(1);
        let anyone = Command::Hello(Hello::Anyone { fresh });
        assert!(InHand::keep(1, &anyone).is_none());
    }
}
