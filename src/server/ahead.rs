//! Requests of one connection that wait until there is room for the answers to those before them.
//!
//! A client that comes back to fifty rooms asks for all of them at once, and each answer may have
//! half a mebibyte. Handed on as they come, these would cut off a client that reads as fast as it
//! can as a slow reader, each time it comes back. So only few requests with long answers are under
//! way at once, and none while much waits to be read; what was asked behind them keeps its place.

use std::time::{Duration, Instant};

use crate::chat::command::{RoomCommand, ServerCommand};
use crate::chat::request_queue::RequestQueue;
use crate::chat::{ChatError, Command, Done, Request};

/// The requests that wait, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    waiting: RequestQueue<()>,
    /// Requests with long answers that are under way. Less than there are where short ones were
    /// refused meanwhile: who provokes that has more to read at once, and is cut off for it.
    long_count: usize,
    /// When to look again whether the peer has read what it is owed.
    resume_at: Option<Instant>,
}

impl Ahead {
    /// Takes a request; gives it back if too many wait.
    #[must_use]
    pub(crate) fn push(&mut self, request: Request) -> Option<Request> {
        self.waiting.push(request, ())
    }

    /// The next request that may be handed on, where so many bytes wait for the peer to read them.
    pub(crate) fn pop(&mut self, queued_len: usize, now: Instant) -> Option<Request> {
        self.resume_at = None;
        if has_long_answer(&self.waiting.front()?.command) {
            // An answer that comes has this asked again.
            if self.long_count >= MAX_LONG {
                return None;
            }
            if queued_len > MAX_QUEUED_LEN {
                self.resume_at = Some(now + RESUME_INTERVAL);
                return None;
            }
            self.long_count += 1;
        }
        let (request, ()) = self.waiting.pop()?;
        Some(request)
    }

    /// Takes note of an answer. A refusal does not tell of what, and counts as the longest.
    pub(crate) fn answered(&mut self, answer: &Result<Done, ChatError>) {
        match answer {
            Ok(
                Done::Welcomed { .. }
                | Done::Left { .. }
                | Done::Sent { .. }
                | Done::TopicSet { .. }
                | Done::Changed { .. }
                | Done::Kept { .. }
                | Done::Invited { .. }
                | Done::RegistrationInvited { .. }
                | Done::LoggedIn(_)
                | Done::Finished
                | Done::Logins { .. }
                | Done::TotpBegun { .. }
                | Done::TotpConfirmed(_)
                | Done::Accounts(_),
            ) => {}
            Ok(
                Done::Joined(_)
                | Done::History { .. }
                | Done::Found(_)
                | Done::Rooms { .. }
                | Done::Who { .. }
                | Done::Audit { .. }
                | Done::Bans { .. },
            )
            | Err(_) => self.long_count = self.long_count.saturating_sub(1),
        }
    }

    /// When to call [`pop`](Self::pop) again although nothing happens.
    pub(crate) fn resume_at(&self) -> Option<Instant> {
        self.resume_at
    }
}

fn has_long_answer(command: &Command) -> bool {
    match command {
        Command::Join { .. }
        | Command::Create { .. }
        | Command::History { .. }
        | Command::Search { .. }
        | Command::Rooms
        | Command::Who { .. }
        | Command::Direct { .. } => true,
        Command::Room { command, .. } => {
            matches!(
                command,
                RoomCommand::Audit { .. } | RoomCommand::Restrained { .. }
            )
        }
        Command::Server(command) => {
            matches!(
                command,
                ServerCommand::Audit { .. } | ServerCommand::Bans { .. }
            )
        }
        Command::Hello(_)
        | Command::Leave { .. }
        | Command::Send { .. }
        | Command::Edit { .. }
        | Command::Delete { .. }
        | Command::React { .. }
        | Command::Typing { .. }
        | Command::Topic { .. }
        | Command::Account(_) => false,
    }
}

/// Two answers of a mebibyte each (half of one, and what JSON adds at worst) together with
/// [`MAX_QUEUED_LEN`] leave room for what others say below the limit of a slow reader.
const MAX_LONG: usize = 2;

/// So much is read within milliseconds where anybody reads.
const MAX_QUEUED_LEN: usize = 512 * 1024;

/// Half a mebibyte each time is faster than most networks.
const RESUME_INTERVAL: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn start() -> Instant {
        Instant::now()
    }

    fn push(ahead: &mut Ahead, command: Command) -> bool {
        ahead.push(Request { id: None, command }).is_none()
    }

    fn typing() -> Command {
        let room = crate::chat::RoomName::lobby();
        Command::Typing { room }
    }

    #[test]
    fn long_answers_are_under_way_by_twos_and_order_is_kept() {
        let (mut ahead, now) = (Ahead::default(), start());
        for _ in 0..3 {
            push(&mut ahead, Command::Rooms);
        }
        push(&mut ahead, typing());
        assert!(ahead.pop(0, now).is_some() && ahead.pop(0, now).is_some());
        assert!(ahead.pop(0, now).is_none());
        ahead.answered(&Err(ChatError::NameTaken));
        assert_eq!(ahead.pop(0, now).unwrap().command, Command::Rooms);
        assert_eq!(ahead.pop(0, now).unwrap().command, typing());
        assert_eq!(ahead.resume_at(), None);
    }

    #[test]
    fn long_answers_wait_for_the_peer_to_read_and_short_ones_do_not() {
        let (mut ahead, now) = (Ahead::default(), start());
        push(&mut ahead, typing());
        push(&mut ahead, Command::Rooms);
        assert!(ahead.pop(MAX_QUEUED_LEN + 1, now).is_some());
        assert!(ahead.pop(MAX_QUEUED_LEN + 1, now).is_none());
        assert_eq!(ahead.resume_at(), Some(now + RESUME_INTERVAL));
        assert!(ahead.pop(MAX_QUEUED_LEN, now).is_some());
        assert_eq!(ahead.resume_at(), None);
    }
}
