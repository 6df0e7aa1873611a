//! The queues out of the hub, as a run has them.

use std::collections::VecDeque;
use std::sync::Arc;

use super::ledger::Position;
use super::plant::{Plant, Saboteur};
use crate::chat::error::ChatError;
use crate::chat::event::RoomSummary;
use crate::chat::hash::Hashing;
use crate::chat::log::{Append, Purpose, Read, Visibility};
use crate::chat::search::{Finding, Search};
use crate::chat::{Done, Event, Message, RoomName, Topic};
use crate::server::mail::Mail;
use crate::server::reach::Reach;

/// What the hub has told and asked, and nobody has taken yet.
#[derive(Debug)]
pub(super) struct Queues {
    /// By worker.
    pub(super) mail: Vec<VecDeque<Mail>>,
    /// Each with how much the hub was told when it asked for it.
    pub(super) appends: VecDeque<(Append, Position)>,
    /// Those that the hub has not let go of.
    kept_back: Vec<(Append, Position)>,
    pub(super) reads: VecDeque<Read>,
    pub(super) searches: VecDeque<Search>,
    pub(super) hashings: VecDeque<Hashing>,
    /// How much the hub was told by the log.
    pub(super) told: Position,
    /// Whether it is told that a guest has become an account.
    pub(super) is_handing_over: bool,
    /// A room of which not everybody shall know, where something was said.
    pub(super) hidden: Option<RoomName>,
    /// The newest message that was told there.
    overheard: Option<(RoomName, Message)>,
    max_appends: usize,
    max_reads: usize,
    saboteur: Saboteur,
}

impl Queues {
    pub(super) fn new(
        worker_count: usize,
        max_waiting: usize,
        told: Position,
        saboteur: Saboteur,
    ) -> Self {
        Self {
            mail: (0..worker_count).map(|_| VecDeque::new()).collect(),
            appends: VecDeque::new(),
            kept_back: Vec::new(),
            reads: VecDeque::new(),
            searches: VecDeque::new(),
            hashings: VecDeque::new(),
            told,
            is_handing_over: false,
            hidden: None,
            overheard: None,
            max_appends: max_waiting,
            max_reads: max_waiting,
            saboteur,
        }
    }

    /// Whether the hub would wait for a worker.
    pub(super) fn is_crowded(&self) -> bool {
        self.mail.iter().any(|queue| queue.len() >= MAX_MAIL)
    }

    pub(super) fn is_empty(&self) -> bool {
        let has_mail = self.mail.iter().any(|queue| !queue.is_empty());
        !has_mail
            && self.appends.is_empty()
            && self.kept_back.is_empty()
            && self.reads.is_empty()
            && self.searches.is_empty()
            && self.hashings.is_empty()
    }

    /// Does to a piece of mail what is planted; `None`: it is lost.
    fn sabotage(&mut self, worker: usize, mut mail: Mail) -> Option<Mail> {
        let (saboteur, queue) = (&mut self.saboteur, &mut self.mail[worker]);
        match &mut mail {
            Mail::Publish { event, .. } => {
                if let Event::Message { room, message } = &**event
                    && Some(room) == self.hidden.as_ref()
                {
                    self.overheard = Some((room.clone(), message.clone()));
                }
                if saboteur.strikes(Plant::LoseDelivery) {
                    return None;
                }
                if saboteur.strikes(Plant::TellEverybody) {
                    queue.push_back(Mail::Announce(event.clone()));
                }
                if saboteur.strikes(Plant::RepeatDelivery) {
                    queue.push_back(mail.clone());
                }
                if let Some(Mail::Publish { .. }) = queue.back()
                    && saboteur.strikes(Plant::SwapDeliveries)
                {
                    queue.insert(queue.len() - 1, mail);
                    return None;
                }
            }
            Mail::Unsubscribe { .. } if saboteur.strikes(Plant::KeepSubscribed) => return None,
            Mail::Revoked(_) if saboteur.always_strikes(Plant::KeepRevoked) => return None,
            Mail::Revoked(ended)
                if self.is_handing_over && saboteur.always_strikes(Plant::KeepFormerGuest) =>
            {
                let ended = *ended;
                queue.retain(|mail| match mail {
                    Mail::Unsubscribe { connection, .. } => *connection != ended,
                    _ => true,
                });
                return None;
            }
            Mail::ShutOut(_) if saboteur.always_strikes(Plant::KeepBanned) => return None,
            Mail::NetworkBanned(_) if saboteur.always_strikes(Plant::LetBannedAddressIn) => {
                return None;
            }
            Mail::Tell { event, .. } => match **event {
                Event::Read { .. } if saboteur.always_strikes(Plant::LoseReadMark) => return None,
                Event::Unread { .. } => {
                    if let Some(room) = &self.hidden
                        && saboteur.always_strikes(Plant::LeakUnread)
                    {
                        let room = room.clone();
                        *event = Arc::new(Event::Unread { room, seq: 1 });
                    }
                }
                _ => {}
            },
            Mail::Answer { answer, .. } => {
                if saboteur.strikes(Plant::LoseAnswer) {
                    return None;
                }
                if let Err(ChatError::RateLimited { retry_after_ms }) = answer
                    && saboteur.always_strikes(Plant::PromiseTooSoon)
                {
                    *retry_after_ms /= 2;
                }
                match (answer, &self.hidden, &self.overheard) {
                    (Ok(Done::Rooms { rooms, .. }), Some(room), _)
                        if saboteur.strikes(Plant::LeakRoom) =>
                    {
                        rooms.push(summary(room.clone()));
                    }
                    (Ok(Done::Found(found)), _, Some((room, message)))
                        if saboteur.strikes(Plant::LeakFinding) =>
                    {
                        found.messages.push(Finding {
                            room: room.clone(),
                            message: message.clone(),
                            marks: Vec::new(),
                        });
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        Some(mail)
    }
}

impl Reach for Queues {
    fn worker_count(&self) -> usize {
        self.mail.len()
    }

    fn mail(&mut self, worker: usize, mail: Mail) {
        if let Some(mail) = self.sabotage(worker, mail) {
            self.mail[worker].push_back(mail);
        }
    }

    fn try_append(&mut self, append: Append) -> Result<(), Append> {
        self.kept_back.push((append, self.told));
        Ok(())
    }

    fn flush(&mut self) -> Vec<Append> {
        let room = self.max_appends.saturating_sub(self.appends.len());
        let beyond = self.kept_back.split_off(room.min(self.kept_back.len()));
        self.appends.extend(self.kept_back.drain(..));
        beyond.into_iter().map(|(append, _)| append).collect()
    }

    fn try_hash(&mut self, hashing: Hashing) -> Result<(), Box<Hashing>> {
        if self.hashings.len() >= self.max_reads {
            return Err(Box::new(hashing));
        }
        self.hashings.push_back(hashing);
        Ok(())
    }

    fn try_read(&mut self, mut read: Read) -> Result<(), Read> {
        if self.reads.len() >= self.max_reads {
            return Err(read);
        }
        if let (Purpose::History(_), Some(room)) = (&read.purpose, &self.hidden)
            && self.saboteur.strikes(Plant::LeakHistory)
        {
            read.room = room.clone();
        }
        self.reads.push_back(read);
        Ok(())
    }

    fn try_search(&mut self, search: Search) -> Result<(), Search> {
        if self.searches.len() >= self.max_reads {
            return Err(search);
        }
        self.searches.push_back(search);
        Ok(())
    }
}

/// A room as it stands in a list.
fn summary(name: RoomName) -> RoomSummary {
    RoomSummary {
        name,
        topic: Topic::default(),
        visibility: Visibility::Private,
        member_count: 1,
        unread_count: 0,
        with: None,
    }
}

/// Where the hub begins to wait; what one of its steps tells comes on top.
const MAX_MAIL: usize = 64;
