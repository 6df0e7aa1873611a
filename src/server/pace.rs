//! How fast one connection may ask, and how long one bears with it.

use std::time::{Duration, Instant};

use crate::chat::command::RoomCommand;
use crate::chat::rate_limit::{Rate, TokenBucket};
use crate::chat::{ChatError, Command};

/// The buckets of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    messages: TokenBucket,
    requests: TokenBucket,
    refusals: TokenBucket,
}

/// A request that came too soon.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TooFast {
    /// It is refused; the same one passes after that time.
    Wait(Duration),
    /// It was told so often that it is closed.
    Hopeless,
}

impl Pace {
    /// Where messages have no limit, nothing has.
    pub(crate) fn new(message_rate: Rate, now: Instant) -> Self {
        let is_limited = message_rate.per_second > 0.0;
        let requests = if is_limited { REQUESTS } else { message_rate };
        Self {
            messages: TokenBucket::new(message_rate, now),
            requests: TokenBucket::new(requests, now),
            refusals: TokenBucket::new(REFUSALS, now),
        }
    }

    /// Lets a request pass, or says how long it has to wait, for whoever keeps it until then.
    pub(crate) fn take(&mut self, command: &Command, now: Instant) -> Result<(), Duration> {
        match command {
            // All of them are written to disk and told to a whole room.
            Command::Send { .. }
            | Command::Edit { .. }
            | Command::Delete { .. }
            | Command::React { .. } => self.messages.take(1.0, now),
            other => self.requests.take(cost(other), now),
        }
    }

    /// Lets a request pass, or refuses it.
    pub(crate) fn take_or_refuse(
        &mut self,
        command: &Command,
        now: Instant,
    ) -> Result<(), TooFast> {
        self.take(command, now)
            .map_err(|wait| self.refused(wait, now))
    }

    /// Lets a request pass that could not even be read, or refuses it.
    pub(crate) fn take_unreadable(&mut self, now: Instant) -> Result<(), TooFast> {
        self.requests
            .take(1.0, now)
            .map_err(|wait| self.refused(wait, now))
    }

    /// Takes note that the hub refused a request as too soon: here it costs nothing, so that it passes
    /// when the hub has said; but who never waits is given up.
    pub(crate) fn refused_by_hub(&mut self, now: Instant) -> Result<(), TooFast> {
        self.messages.give_back(1.0);
        self.requests.give_back(JOIN_COST);
        match self.refused(Duration::ZERO, now) {
            TooFast::Wait(_) => Ok(()),
            TooFast::Hopeless => Err(TooFast::Hopeless),
        }
    }

    fn refused(&mut self, wait: Duration, now: Instant) -> TooFast {
        match self.refusals.take(1.0, now) {
            Ok(()) => TooFast::Wait(wait),
            Err(_) => TooFast::Hopeless,
        }
    }
}

/// The refusal that tells how long to wait: rounded up, so that waiting so long is enough.
pub(crate) fn rate_limited(wait: Duration) -> ChatError {
    let millis = wait.as_micros().div_ceil(1_000);
    ChatError::RateLimited {
        retry_after_ms: u32::try_from(millis).unwrap_or(u32::MAX),
    }
}

/// What a request costs, in those that are looked up at once and told to nobody else.
fn cost(command: &Command) -> f64 {
    match command {
        // Told to all who share a room.
        Command::Hello(_) => 10.0,
        // Written down, or hashed for, which the hub limits by account and address too.
        Command::Account(_) => 5.0,
        Command::Typing { .. } => 4.0,
        Command::Join { .. } | Command::Leave { .. } | Command::History { .. } => JOIN_COST,
        Command::Create { .. }
        | Command::Rooms
        | Command::Who { .. }
        | Command::Direct { .. }
        | Command::Room {
            command: RoomCommand::Audit { .. } | RoomCommand::Bans | RoomCommand::Invite { .. },
            ..
        } => 5.0,
        // Written down, or lists of all there are.
        Command::Server(_) => 5.0,
        // Told to all who are in the room.
        Command::Room { command, .. } => match command {
            RoomCommand::Read { .. } => 1.0,
            _ => 4.0,
        },
        // Each may keep the reader busy for as long as a hundred others.
        Command::Search { .. } => 10.0,
        Command::Send { .. }
        | Command::Edit { .. }
        | Command::Delete { .. }
        | Command::React { .. }
        | Command::Topic { .. } => 1.0,
    }
}

/// Read from memory, mostly.
const JOIN_COST: f64 = 2.0;

/// Everything but messages: a client that enters a hundred rooms at start is served at once.
const REQUESTS: Rate = Rate {
    per_second: 20.0,
    burst: 250.0,
};

/// A client that heeds `retry_after_ms` is refused a few times; one that does not is closed.
const REFUSALS: Rate = Rate {
    per_second: 10.0,
    burst: 500.0,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn pace(per_second: f64) -> (Pace, Instant) {
        let now = Instant::now();
        let burst = 20.0;
        (Pace::new(Rate { per_second, burst }, now), now)
    }

    #[test]
    fn requests_are_limited_unless_messages_are_not() {
        let (mut limited, now) = pace(10.0);
        let refused = (0..1_000).find_map(|_| limited.take_or_refuse(&Command::Rooms, now).err());
        assert!(matches!(refused, Some(TooFast::Wait(_))), "{refused:?}");
        let (mut free, now) = pace(0.0);
        assert!((0..1_000).all(|_| free.take(&Command::Rooms, now).is_ok()));
    }

    #[test]
    fn who_never_waits_is_given_up() {
        let (mut pace, now) = pace(10.0);
        let last = (0..2_000)
            .map(|_| pace.take_or_refuse(&Command::Rooms, now))
            .last();
        assert_eq!(last, Some(Err(TooFast::Hopeless)));
    }

    #[test]
    fn waits_are_told_rounded_up() {
        let told = rate_limited(Duration::from_micros(1_001));
        assert_eq!(told, ChatError::RateLimited { retry_after_ms: 2 });
    }
}
