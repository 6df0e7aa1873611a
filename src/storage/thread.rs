//! The threads that wait for the disk: one commits, one reads.
//!
//! While a commit waits for the disk, appends gather in the queue; all of them go into the next
//! one. So the disk sets the pace, and at load hundreds of messages share one sync. Between two commits
//! some of what is left of removed rooms is erased.

use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel,
};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::chat::account::AccountFact;
use crate::chat::log::{Append, Committed, Fact, Read, ReadDone};
use crate::chat::search::{Search, SearchDone};
use crate::storage::log::Log;
use crate::storage::places::Places;
use crate::storage::reader::Reader;

/// What the threads have finished.
#[derive(Debug)]
pub enum Delivery {
    /// One transaction, in the order in which its appends were accepted.
    Committed {
        /// What was asked, and what became of it.
        batch: Vec<Committed>,
        /// How long the transaction took, the sync included.
        elapsed: Duration,
    },
    /// The answer to a question.
    Read(ReadDone),
    /// What a search found.
    Searched(SearchDone),
}

/// The running threads.
///
/// Without [`stop`](Self::stop) they end when this value and all handles are gone and the queues
/// are empty.
#[derive(Debug)]
pub struct Storage {
    handle: StorageHandle,
    log: JoinHandle<()>,
    reader: JoinHandle<()>,
}

/// A way into the queues; never waits.
#[derive(Clone, Debug)]
pub struct StorageHandle {
    appends: SyncSender<Job<Vec<Append>>>,
    /// What appends take that wait in that queue, one each.
    places: Arc<Places>,
    reads: SyncSender<Job<Question>>,
}

/// What the reader is asked.
#[derive(Debug)]
enum Question {
    Read(Read),
    Search(Search),
}

#[derive(Debug)]
enum Job<T> {
    Do(T),
    Stop,
}

impl Storage {
    /// Starts both threads; each hands what it finished to `deliver`.
    ///
    /// # Errors
    /// Those of starting a thread.
    pub fn start(
        log: Log,
        reader: Reader,
        deliver: impl Fn(Delivery) + Send + Clone + 'static,
    ) -> io::Result<Self> {
        let (appends, append_queue) = sync_channel(MAX_WAITING_APPENDS);
        let (reads, read_queue) = sync_channel(MAX_WAITING_READS);
        let places = Arc::new(Places::new(MAX_WAITING_APPENDS));
        let places_here = Arc::clone(&places);
        let deliver_reads = deliver.clone();
        Ok(Self {
            handle: StorageHandle {
                appends,
                places,
                reads,
            },
            log: thread::Builder::new()
                .name("chinwag-storage".to_owned())
                .spawn(move || run_log(log, &append_queue, &places_here, deliver))?,
            reader: thread::Builder::new()
                .name("chinwag-reader".to_owned())
                .spawn(move || run_reader(reader, &read_queue, deliver_reads))?,
        })
    }

    /// A handle for whoever appends and reads.
    pub fn handle(&self) -> StorageHandle {
        self.handle.clone()
    }

    /// Finishes and delivers all that waits, brings the log into the database file, and returns
    /// when both threads have ended.
    ///
    /// What is given to a handle meanwhile may be lost without an answer.
    pub fn stop(self) {
        // A thread that is gone needs no order to stop.
        let _ = self.handle.reads.send(Job::Stop);
        // The reader goes first: nothing keeps the write-ahead log from being emptied then.
        let reader = self.reader.join();
        let _ = self.handle.appends.send(Job::Stop);
        for result in [reader, self.log.join()] {
            if result.is_err() {
                tracing::error!("a storage thread had panicked");
            }
        }
    }
}

impl StorageHandle {
    /// Queues appends, to be committed together as far as one transaction takes so many; gives back those
    /// for which there is no room, as 4,096 wait already, or all of them if nobody takes them any more.
    ///
    /// # Errors
    /// Appends as they came, in their order.
    pub fn try_append(&self, mut batch: Vec<Append>) -> Result<(), Vec<Append>> {
        let count = self.places.take(batch.len());
        let mut beyond = batch.split_off(count);
        if count > 0
            && let Err(mut refused) = try_send(&self.appends, batch)
        {
            self.places.give_back(count);
            refused.append(&mut beyond);
            beyond = refused;
        }
        if beyond.is_empty() {
            Ok(())
        } else {
            Err(beyond)
        }
    }

    /// Queues a question; gives it back if 1,024 wait already.
    ///
    /// # Errors
    /// The question, as it came.
    #[expect(
        clippy::result_large_err,
        reason = "the question goes back by value, as it came"
    )]
    pub fn try_read(&self, read: Read) -> Result<(), Read> {
        try_send(&self.reads, Question::Read(read)).map_err(|question| match question {
            Question::Read(read) => read,
            Question::Search(_) => unreachable!("what comes back is what was sent"),
        })
    }

    /// Queues a search; gives it back if 1,024 questions wait already.
    ///
    /// # Errors
    /// The search, as it came.
    #[expect(
        clippy::result_large_err,
        reason = "the search goes back by value, as it came"
    )]
    pub fn try_search(&self, search: Search) -> Result<(), Search> {
        try_send(&self.reads, Question::Search(search)).map_err(|question| match question {
            Question::Search(search) => search,
            Question::Read(_) => unreachable!("what comes back is what was sent"),
        })
    }
}

fn try_send<T>(queue: &SyncSender<Job<T>>, job: T) -> Result<(), T> {
    match queue.try_send(Job::Do(job)) {
        Ok(()) | Err(TrySendError::Full(Job::Stop) | TrySendError::Disconnected(Job::Stop)) => {
            Ok(())
        }
        Err(TrySendError::Full(Job::Do(job)) | TrySendError::Disconnected(Job::Do(job))) => {
            Err(job)
        }
    }
}

fn run_log(
    mut log: Log,
    queue: &Receiver<Job<Vec<Append>>>,
    places: &Places,
    deliver: impl Fn(Delivery),
) {
    let mut erases_at = now();
    let mut rest = VecDeque::new();
    loop {
        if rest.is_empty() {
            let job = if log.has_remains() {
                queue.recv_timeout(erases_at.saturating_duration_since(now()))
            } else {
                queue.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match job {
                Ok(Job::Do(first)) => rest.extend(first),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if !rest.is_empty() {
            let (batch, then) = gather(&mut rest, queue);
            places.give_back(batch.len());
            deliver(commit(&mut log, batch));
            if then.is_break() {
                break;
            }
        }
        // What waits is written first, and time goes to what is erased however much comes.
        if log.has_remains() && now() >= erases_at {
            log.erase_remains();
            erases_at = now() + ERASURE_INTERVAL;
        }
    }
    log.close();
}

/// Takes of the rest of what came, and of what waits behind it, as much as is enough for a batch; breaks
/// at the order to stop, when nothing is left before it.
fn gather(
    rest: &mut VecDeque<Append>,
    queue: &Receiver<Job<Vec<Append>>>,
) -> (Vec<Append>, ControlFlow<()>) {
    let (mut batch, mut len) = (Vec::new(), 0);
    while batch.len() < MAX_BATCH_COUNT && len < MAX_BATCH_LEN {
        if let Some(append) = rest.pop_front() {
            len += fact_len(&append.fact);
            batch.push(append);
            continue;
        }
        match queue.try_recv() {
            Ok(Job::Do(more)) => rest.extend(more),
            Ok(Job::Stop) => return (batch, ControlFlow::Break(())),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
        }
    }
    (batch, ControlFlow::Continue(()))
}

fn commit(log: &mut Log, batch: Vec<Append>) -> Delivery {
    let began_at = now();
    let batch = log.append(batch);
    Delivery::Committed {
        batch,
        elapsed: began_at.elapsed(),
    }
}

/// The time: for how long a commit took, and when some more of a removed room is erased.
#[expect(
    clippy::disallowed_methods,
    reason = "nothing that anybody is told is decided by it"
)]
fn now() -> Instant {
    Instant::now()
}

fn run_reader(mut reader: Reader, queue: &Receiver<Job<Question>>, deliver: impl Fn(Delivery)) {
    while let Ok(Job::Do(question)) = queue.recv() {
        deliver(match question {
            Question::Read(read) => Delivery::Read(reader.read(read)),
            Question::Search(search) => Delivery::Searched(reader.search(search)),
        });
    }
}

/// About how many bytes a fact brings into the log.
fn fact_len(fact: &Fact) -> usize {
    match fact {
        Fact::MessagePosted { body, .. } | Fact::MessageEdited { body, .. } => body.as_str().len(),
        Fact::MessageRefused { .. } | Fact::MessageDeleted { .. } | Fact::Reacted { .. } => 0,
        Fact::Room { .. } | Fact::DirectOpened { .. } | Fact::Server(_) => SMALL_LEN,
        Fact::RoomCreated { topic, .. } | Fact::TopicChanged { topic, .. } => topic.as_str().len(),
        Fact::Account(AccountFact::Inherited(it)) => {
            ACCOUNT_FACT_LEN + SMALL_LEN * (it.rooms.len() + it.restraints.len())
        }
        Fact::Account(AccountFact::Opened(it)) => {
            ACCOUNT_FACT_LEN + SMALL_LEN * it.restraints.len()
        }
        Fact::Account(_) => ACCOUNT_FACT_LEN,
    }
}

/// Names, a reason.
const SMALL_LEN: usize = 300;
/// A hash or two, a name, a label.
const ACCOUNT_FACT_LEN: usize = 512;

/// Between two parts of what is erased of removed rooms: as long as between two of what is too old.
const ERASURE_INTERVAL: Duration = Duration::from_millis(10);

/// Two seconds' worth of messages on a slow disk; more waiting helps nobody.
const MAX_WAITING_APPENDS: usize = 4 * 1024;

/// Reads take less than a millisecond each, and most searches.
const MAX_WAITING_READS: usize = 1024;

/// Bound how long one transaction takes, and how much memory.
const MAX_BATCH_COUNT: usize = 1024;
const MAX_BATCH_LEN: usize = 4 * 1024 * 1024;
