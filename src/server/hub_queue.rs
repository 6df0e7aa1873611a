//! The queue to the hub, and who may fill it.
//!
//! It has no bound of its own, but what may fill it has: requests are counted, and above the limit
//! they are refused where they arose; disconnects, commits and reads are bounded by the connections
//! and by the log's queues, and always pass. So nobody who tells the hub anything ever waits for it,
//! while the hub may wait for a worker's mailbox.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::Duration;

use crate::chat::command::Order;
use crate::chat::hash::Hashed;
use crate::chat::log::{Committed, ReadDone};
use crate::chat::search::SearchDone;
use crate::chat::{ChatError, ClientAddress, Done, Request, SessionId};
use crate::server::waiting_requests::WaitingRequests;
use crate::storage::Delivery;

/// A way to tell the hub something, from any thread.
#[derive(Clone, Debug)]
pub(crate) struct HubSender {
    queue: Sender<HubMail>,
    waiting: Arc<WaitingRequests>,
}

/// The hub's end of its queue.
#[derive(Debug)]
pub(crate) struct HubReceiver {
    queue: Receiver<HubMail>,
    waiting: Arc<WaitingRequests>,
}

/// What the hub is told.
#[derive(Debug)]
pub(crate) enum HubMail {
    Requests(Vec<Asked>),
    Disconnected(SessionId),
    Committed {
        committed: Vec<Committed>,
        commit_time: Duration,
    },
    Read(ReadDone),
    Hashed(Hashed),
    /// What the operator wants, and where to say what became of it.
    Order {
        order: Order,
        reply: SyncSender<Result<Done, ChatError>>,
    },
    Searched(SearchDone),
    /// To be dropped in its turn; the log takes nothing any more.
    Settle(Sender<()>),
    Stop,
}

/// A request, and who has it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) session: SessionId,
    pub(crate) from: Option<ClientAddress>,
    pub(crate) request: Request,
}

/// A worker's way to tell the hub: what its connections ask in a turn leaves together, so that it
/// wakes the hub once, and shares a commit.
#[derive(Debug)]
pub(crate) struct HubLine {
    hub: HubSender,
    gathered: Vec<Asked>,
}

impl HubLine {
    pub(crate) fn new(hub: HubSender) -> Self {
        let gathered = Vec::new();
        Self { hub, gathered }
    }

    /// Takes a request; `false`: the hub has too many.
    #[must_use]
    pub(crate) fn request(
        &mut self,
        session: SessionId,
        from: Option<ClientAddress>,
        request: Request,
    ) -> bool {
        let has_room = self.hub.waiting.add(request.weight());
        if has_room {
            self.gathered.push(Asked {
                session,
                from,
                request,
            });
            if self.gathered.len() >= MAX_GATHERED {
                self.flush();
            }
        }
        has_room
    }

    /// Tells that a connection is gone.
    pub(crate) fn disconnected(&mut self, session: SessionId) {
        self.flush();
        self.hub.tell(HubMail::Disconnected(session));
    }

    /// Hands over what was gathered. To be called in each turn, when all has been read.
    pub(crate) fn flush(&mut self) {
        if !self.gathered.is_empty() {
            let gathered = std::mem::take(&mut self.gathered);
            self.hub.tell(HubMail::Requests(gathered));
        }
    }
}

/// A queue into a hub.
pub(crate) fn queue() -> (HubSender, HubReceiver) {
    let (sender, receiver) = mpsc::channel();
    let waiting = Arc::new(WaitingRequests::new(MAX_REQUESTS, MAX_REQUESTS_WEIGHT));
    (
        HubSender {
            queue: sender,
            waiting: Arc::clone(&waiting),
        },
        HubReceiver {
            queue: receiver,
            waiting,
        },
    )
}

impl HubSender {
    /// Hands over what the log says.
    pub(crate) fn delivered(&self, delivery: Delivery) {
        self.tell(delivery.into());
    }

    /// Hands over what came of hashing.
    pub(crate) fn hashed(&self, hashed: Hashed) {
        self.tell(HubMail::Hashed(hashed));
    }

    /// Hands over what the operator wants; the answer comes, unless the hub is gone.
    pub(crate) fn order(&self, order: Order) -> Receiver<Result<Done, ChatError>> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.tell(HubMail::Order { order, reply });
        answer
    }

    /// Returns when the hub has judged all that was told it before, and gives the log nothing more; at
    /// once, if it is gone.
    pub(crate) fn settle(&self) {
        let (settled, all_judged) = mpsc::channel();
        self.tell(HubMail::Settle(settled));
        // Nothing is ever sent: the other end is dropped.
        let _ = all_judged.recv();
    }

    /// Ends the hub's thread once it has done all that was told it before.
    pub(crate) fn stop(&self) {
        self.tell(HubMail::Stop);
    }

    fn tell(&self, mail: HubMail) {
        // A hub that is gone needs to know nothing any more.
        let _ = self.queue.send(mail);
    }
}

impl From<Delivery> for HubMail {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Committed {
                batch: committed,
                elapsed: commit_time,
            } => Self::Committed {
                committed,
                commit_time,
            },
            Delivery::Read(done) => Self::Read(done),
            Delivery::Searched(done) => Self::Searched(done),
        }
    }
}

impl HubReceiver {
    /// What came first; waits for it until `patience` is over, or for ever (`None`).
    pub(crate) fn next(&self, patience: Option<Duration>) -> Result<HubMail, RecvTimeoutError> {
        let mail = match patience {
            Some(time) => self.queue.recv_timeout(time),
            None => {
                let mail = self.queue.recv();
                mail.map_err(|_| RecvTimeoutError::Disconnected)
            }
        };
        mail.map(|mail| self.counted(mail))
    }

    /// What came first, if anything waits.
    pub(crate) fn try_next(&self) -> Option<HubMail> {
        self.queue.try_recv().ok().map(|mail| self.counted(mail))
    }

    /// Takes note that a piece of mail has left the queue.
    fn counted(&self, mail: HubMail) -> HubMail {
        if let HubMail::Requests(gathered) = &mail {
            for Asked { request, .. } in gathered {
                self.waiting.remove(request.weight());
            }
        }
        mail
    }
}

/// Requests that leave a worker together: the hub need not wait for more.
const MAX_GATHERED: usize = 64;

/// Requests that wait for the hub: some seconds of work for it.
const MAX_REQUESTS: usize = 64 * 1024;

/// About how many bytes those may take: as many of the longest messages as wait for the log at most.
const MAX_REQUESTS_WEIGHT: usize = 128 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Body, Command, RoomName};

    fn send(len: usize) -> Request {
        Request {
            id: None,
            command: Command::Send {
                room: RoomName::lobby(),
                body: Body::parse(&"🦊".repeat(len / 4)).unwrap(),
                key: None,
                reply_to: None,
            },
        }
    }

    /// How many such requests wait for the hub before one is refused; then that one less may come.
    fn check(request: &Request) -> usize {
        let (sender, receiver) = queue();
        let mut line = HubLine::new(sender);
        let mut ask = || line.request(FROM, None, request.clone());
        let count = std::iter::repeat_with(&mut ask)
            .take_while(|is_taken| *is_taken)
            .count();
        let taken = receiver.try_next().map(|mail| requests(&mail));
        assert_eq!(taken, Some(MAX_GATHERED));
        let more = std::iter::repeat_with(&mut ask).take_while(|is_taken| *is_taken);
        assert_eq!(more.count(), MAX_GATHERED);
        count
    }

    #[test]
    fn what_is_asked_in_a_turn_is_told_together_and_before_who_asked_is_gone() {
        let (sender, receiver) = queue();
        let mut line = HubLine::new(sender);
        let rooms = || Request {
            id: None,
            command: Command::Rooms,
        };
        assert!(line.request(FROM, None, rooms()) && line.request(FROM, None, rooms()));
        assert!(receiver.try_next().is_none());
        line.flush();
        assert_eq!(receiver.try_next().map(|mail| requests(&mail)), Some(2));
        assert!(line.request(FROM, None, rooms()));
        line.disconnected(FROM);
        assert_eq!(receiver.try_next().map(|mail| requests(&mail)), Some(1));
        assert!(matches!(
            receiver.try_next(),
            Some(HubMail::Disconnected(FROM))
        ));
    }

    const FROM: SessionId = SessionId {
        worker: 0,
        connection: 1,
    };

    /// How many requests a piece of mail has.
    fn requests(mail: &HubMail) -> usize {
        match mail {
            HubMail::Requests(gathered) => gathered.len(),
            _ => 0,
        }
    }

    #[test]
    fn requests_wait_for_the_hub_within_a_count_and_a_weight() {
        let short = Request {
            id: None,
            command: Command::Rooms,
        };
        assert_eq!(check(&short), MAX_REQUESTS);
        let long = send(Body::MAX_LEN);
        assert_eq!(check(&long), MAX_REQUESTS_WEIGHT / long.weight());
    }
}
