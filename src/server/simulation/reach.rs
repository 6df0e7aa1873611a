//! The queues out of the hub, as a run has them.

use std::collections::VecDeque;

use super::plant::{Plant, Saboteur};
use crate::chat::hash::Hashing;
use crate::chat::log::{Append, Read};
use crate::chat::search::Search;
use crate::server::hub_thread::Reach;
use crate::server::mail::Mail;

/// What the hub has told and asked, and nobody has taken yet.
#[derive(Debug)]
pub(super) struct Queues {
    /// By worker.
    pub(super) mail: Vec<VecDeque<Mail>>,
    pub(super) appends: VecDeque<Append>,
    pub(super) reads: VecDeque<Read>,
    pub(super) searches: VecDeque<Search>,
    max_appends: usize,
    max_reads: usize,
    saboteur: Saboteur,
}

impl Queues {
    pub(super) fn new(worker_count: usize, max_waiting: usize, saboteur: Saboteur) -> Self {
        Self {
            mail: (0..worker_count).map(|_| VecDeque::new()).collect(),
            appends: VecDeque::new(),
            reads: VecDeque::new(),
            searches: VecDeque::new(),
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
        !has_mail && self.appends.is_empty() && self.reads.is_empty() && self.searches.is_empty()
    }
}

impl Reach for Queues {
    fn worker_count(&self) -> usize {
        self.mail.len()
    }

    fn mail(&mut self, worker: usize, mail: Mail) {
        let queue = &mut self.mail[worker];
        match &mail {
            Mail::Publish { event, .. } => {
                if self.saboteur.strikes(Plant::LoseDelivery) {
                    return;
                }
                if self.saboteur.strikes(Plant::RepeatDelivery) {
                    queue.push_back(mail.clone());
                }
                if self.saboteur.strikes(Plant::TellEverybody) {
                    queue.push_back(Mail::Announce(event.clone()));
                }
                if let Some(Mail::Publish { .. }) = queue.back()
                    && self.saboteur.strikes(Plant::SwapDeliveries)
                {
                    queue.insert(queue.len() - 1, mail);
                    return;
                }
            }
            Mail::Unsubscribe { .. } if self.saboteur.strikes(Plant::KeepSubscribed) => return,
            Mail::Answer { .. } if self.saboteur.strikes(Plant::LoseAnswer) => return,
            _ => {}
        }
        queue.push_back(mail);
    }

    fn try_append(&mut self, append: Append) -> Result<(), Append> {
        if self.appends.len() >= self.max_appends {
            return Err(append);
        }
        self.appends.push_back(append);
        Ok(())
    }

    /// Nobody in a run has an account: there is no room for what nobody asks.
    fn try_hash(&mut self, hashing: Hashing) -> Result<(), Box<Hashing>> {
        Err(Box::new(hashing))
    }

    fn try_read(&mut self, read: Read) -> Result<(), Read> {
        if self.reads.len() >= self.max_reads {
            return Err(read);
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

/// Where the hub begins to wait; what one of its steps tells comes on top.
const MAX_MAIL: usize = 64;
