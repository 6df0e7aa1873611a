//! How fast one connection may ask, and how long one bears with it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::chat::command::RoomCommand;
use crate::chat::rate_limit::{Rate, TokenBucket};
use crate::chat::shares::Charge;
use crate::chat::{ChatError, Command, Request, RequestId};

/// The buckets of one connection.
#[derive(Debug)]
pub(crate) struct Pace {
    messages: TokenBucket,
    requests: TokenBucket,
    refusals: TokenBucket,
    /// What the hub was asked and may refuse as too fast, in the order in which it was asked.
    asked: VecDeque<Asked>,
}

/// What a request costs, and of what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cost {
    /// All of them are written to disk and told to a whole room.
    Message,
    /// So much, of everything but messages.
    Request(f64),
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
            asked: VecDeque::new(),
        }
    }

    /// Lets a request pass, or says how long it has to wait, for whoever keeps it until then.
    pub(crate) fn take(&mut self, command: &Command, now: Instant) -> Result<(), Duration> {
        match Cost::of(command) {
            Cost::Message => self.messages.take(1.0, now),
            Cost::Request(cost) => self.requests.take(cost, now),
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

    /// Lets pass what the hub is not asked for, as a request for help, or says how long it has to
    /// wait, for whoever keeps it until then.
    pub(crate) fn take_unasked(&mut self, now: Instant) -> Result<(), Duration> {
        self.requests.take(1.0, now)
    }

    /// Lets a request pass that could not even be read, or refuses it.
    pub(crate) fn take_unreadable(&mut self, now: Instant) -> Result<(), TooFast> {
        self.take_unasked(now)
            .map_err(|wait| self.refused(wait, now))
    }

    /// Takes note of what the hub is asked.
    pub(crate) fn asked(&mut self, asked: Option<Asked>) {
        // What is not remembered is paid for, even if it is refused.
        if self.asked.len() < MAX_ASKED {
            self.asked.extend(asked);
        }
    }

    /// Takes note of what the hub answered. What it refused as too soon costs nothing here, so that
    /// it passes when the hub has said; but who never waits is given up.
    pub(crate) fn answered(
        &mut self,
        re: Option<&RequestId>,
        is_too_fast: bool,
        now: Instant,
    ) -> Result<(), TooFast> {
        let nth = self.asked.iter().position(|(id, _)| id.as_ref() == re);
        let asked = nth.and_then(|nth| self.asked.remove(nth));
        if self.asked.is_empty() {
            // A connection that is idle holds no memory for it.
            self.asked = VecDeque::new();
        }
        if !is_too_fast {
            return Ok(());
        }
        match asked {
            Some((_, Cost::Message)) => self.messages.give_back(1.0),
            Some((_, Cost::Request(cost))) => self.requests.give_back(cost),
            None => {}
        }
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

/// What is to be remembered of a request while the hub has it; `None`: it refuses none such as too
/// fast.
pub(crate) fn asked_of(request: &Request) -> Option<Asked> {
    let command = &request.command;
    may_be_refused(command).then(|| (request.id.clone(), Cost::of(command)))
}

/// Whether the hub may refuse such a request as too fast.
pub(crate) fn may_be_refused(command: &Command) -> bool {
    match command {
        // Logging in, and changing one's name, is always limited.
        Command::Hello(_) | Command::Account(_) => true,
        other => Charge::of(other).is_some(),
    }
}

/// What is remembered of a request.
pub(crate) type Asked = (Option<RequestId>, Cost);

/// The refusal that tells how long to wait: rounded up, so that waiting so long is enough.
pub(crate) fn rate_limited(wait: Duration) -> ChatError {
    let millis = wait.as_micros().div_ceil(1_000);
    ChatError::RateLimited {
        retry_after_ms: u32::try_from(millis).unwrap_or(u32::MAX),
    }
}

impl Cost {
    fn of(command: &Command) -> Self {
        match command {
            Command::Send { .. }
            | Command::Edit { .. }
            | Command::Delete { .. }
            | Command::React { .. } => Self::Message,
            other => Self::Request(cost(other)),
        }
    }
}

/// What a request costs, in those that are looked up at once and told to nobody else.
fn cost(command: &Command) -> f64 {
    match command {
        // Told to all who share a room.
        Command::Hello(_) => 10.0,
        // Written down, or hashed for, which the hub limits by account and address too.
        Command::Account(_) => 5.0,
        // Told to all who are in the room.
        Command::Typing { .. } | Command::Leave { .. } => 4.0,
        Command::Join { .. } | Command::History { .. } => JOIN_COST,
        Command::Create { .. }
        | Command::Rooms
        | Command::Who { .. }
        | Command::Direct { .. }
        | Command::Room {
            command:
                RoomCommand::Audit { .. } | RoomCommand::Restrained { .. } | RoomCommand::Invite { .. },
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

/// Read from memory, mostly. It is told to a room, too, but a client that comes back enters a hundred of
/// them at once, and the hub limits how often each account and address enters any.
const JOIN_COST: f64 = 2.0;

/// More than one connection may ask before the hub has answered, unless the disk is stuck.
const MAX_ASKED: usize = 512;

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
    use crate::chat::RoomName;

    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn pace(per_second: f64) -> (Pace, Instant) {
        let now = Instant::now();
        let burst = 20.0;
        (Pace::new(Rate { per_second, burst }, now), now)
    }

    #[test]
    fn many_rooms_are_entered_at_once_and_fewer_left() {
        let room = RoomName::lobby;
        let join = Command::Join {
            room: room(),
            since: None,
            rev: None,
            create: false,
            invite: None,
            glance: false,
        };
        for (command, expected) in [(join, 125), (Command::Leave { room: room() }, 62)] {
            let (mut pace, now) = pace(10.0);
            let count = (0..1_000).take_while(|_| pace.take(&command, now).is_ok());
            assert_eq!(count.count(), expected, "{command:?}");
        }
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
    fn what_the_hub_refuses_gives_back_what_it_cost_and_nothing_else() {
        let (mut pace, now) = pace(10.0);
        let room = RoomName::lobby;
        let send = |id| Request {
            id: Some(RequestId::Integer(id)),
            command: Command::Send {
                room: room(),
                body: crate::chat::Body::parse("x").unwrap(),
                key: None,
                reply_to: None,
            },
        };
        let create = |id| Request {
            id: Some(RequestId::Integer(id)),
            command: Command::Direct {
                to: crate::chat::UserName::parse(&format!("bob {id}")).unwrap(),
            },
        };
        let pass = |request: &Request, pace: &mut Pace| {
            let passed = pace.take(&request.command, now).is_ok();
            if passed {
                pace.asked(asked_of(request));
            }
            passed
        };
        // Conversations cost five of 250, messages one of 20.
        assert!((0..50).all(|id| pass(&create(id), &mut pace)));
        assert!((50..70).all(|id| pass(&send(id), &mut pace)));
        assert!(!pass(&create(70), &mut pace) && !pass(&send(71), &mut pace));
        let refuse = |pace: &mut Pace, id| {
            let re = RequestId::Integer(id);
            assert_eq!(pace.answered(Some(&re), true, now), Ok(()));
        };
        refuse(&mut pace, 7);
        assert!(!pass(&send(72), &mut pace), "a conversation is no message");
        assert!(pass(&create(73), &mut pace) && !pass(&create(74), &mut pace));
        refuse(&mut pace, 60);
        assert!(
            !pass(&create(75), &mut pace),
            "nor a message a conversation"
        );
        assert!(pass(&send(76), &mut pace) && !pass(&send(77), &mut pace));
        // What was answered already, or never asked, gives nothing back.
        for id in [7, 60, 1_000] {
            refuse(&mut pace, id);
        }
        assert!(!pass(&create(78), &mut pace) && !pass(&send(79), &mut pace));
        let granted = RequestId::Integer(61);
        assert_eq!(pace.answered(Some(&granted), false, now), Ok(()));
        refuse(&mut pace, 61);
        assert!(!pass(&send(80), &mut pace));
    }

    #[test]
    fn memory_of_what_was_asked_is_bounded() {
        let (mut pace, now) = pace(10.0);
        let hello = Command::Hello(crate::chat::Hello::Anyone {
            fresh: crate::chat::GuestId(1),
        });
        let request = Request {
            id: None,
            command: hello,
        };
        for _ in 0..2 * MAX_ASKED {
            pace.asked(asked_of(&request));
        }
        assert_eq!(pace.asked.len(), MAX_ASKED);
        assert_eq!(pace.answered(None, false, now), Ok(()));
        assert_eq!(pace.asked.len(), MAX_ASKED - 1);
        while !pace.asked.is_empty() {
            assert_eq!(pace.answered(None, false, now), Ok(()));
        }
        assert_eq!(pace.asked.capacity(), 0, "an idle connection");
    }

    #[test]
    fn waits_are_told_rounded_up() {
        let told = rate_limited(Duration::from_micros(1_001));
        assert_eq!(told, ChatError::RateLimited { retry_after_ms: 2 });
    }
}
