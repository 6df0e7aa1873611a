//! Whom the hub reaches: the workers, the log, and those who hash.

use crate::chat::hash::Hashing;
use crate::chat::log::{Append, Read};
use crate::chat::search::Search;
use crate::net::MailSender;
use crate::server::hashers::HashersHandle;
use crate::server::mail::Mail;
use crate::storage::StorageHandle;

/// Whom the hub reaches.
pub(crate) trait Reach {
    /// How many workers there are.
    fn worker_count(&self) -> usize;

    /// Tells a worker something.
    fn mail(&mut self, worker: usize, mail: Mail);

    /// Hands the log something to keep; gives it back if there is no room.
    #[expect(
        clippy::result_large_err,
        reason = "the append goes back by value, as it came"
    )]
    fn try_append(&mut self, append: Append) -> Result<(), Append>;

    /// Asks the log something; gives the question back if there is no room.
    #[expect(
        clippy::result_large_err,
        reason = "the question goes back by value, as it came"
    )]
    fn try_read(&mut self, read: Read) -> Result<(), Read>;

    /// Lets go of what it was told and keeps back, so that all of it is found together; gives back
    /// what the log does not take.
    fn flush(&mut self) -> Vec<Append> {
        Vec::new()
    }

    /// Has a password hashed; gives it back if there is no room.
    fn try_hash(&mut self, hashing: Hashing) -> Result<(), Box<Hashing>>;

    /// Has the log search; gives the search back if there is no room.
    #[expect(
        clippy::result_large_err,
        reason = "the search goes back by value, as it came"
    )]
    fn try_search(&mut self, search: Search) -> Result<(), Search>;
}

/// Those who run on threads of their own.
#[derive(Debug)]
pub(crate) struct Threads {
    workers: Vec<Worker>,
    storage: StorageHandle,
    /// What the log is told with the next flush.
    appends: Vec<Append>,
    hashers: HashersHandle,
}

/// A worker, and whether it has mail that it has not been woken for.
#[derive(Debug)]
struct Worker {
    mail: MailSender<Mail>,
    sleeps_over_mail: bool,
}

impl Threads {
    pub(crate) fn new(
        workers: &[MailSender<Mail>],
        storage: StorageHandle,
        hashers: HashersHandle,
    ) -> Self {
        let appends = Vec::new();
        let workers = workers.iter().map(|mail| Worker {
            mail: mail.clone(),
            sleeps_over_mail: false,
        });
        Self {
            workers: workers.collect(),
            storage,
            appends,
            hashers,
        }
    }
}

impl Reach for Threads {
    fn worker_count(&self) -> usize {
        self.workers.len()
    }

    /// Waits while the worker's mailbox is full; a worker that is gone needs no mail.
    fn mail(&mut self, worker: usize, mail: Mail) {
        let worker = &mut self.workers[worker];
        // A worker that has ended needs to know nothing any more.
        let _ = worker.mail.enqueue(mail);
        worker.sleeps_over_mail = true;
    }

    fn try_append(&mut self, append: Append) -> Result<(), Append> {
        self.appends.push(append);
        Ok(())
    }

    fn flush(&mut self) -> Vec<Append> {
        for worker in &mut self.workers {
            if std::mem::take(&mut worker.sleeps_over_mail) {
                worker.mail.wake();
            }
        }
        if self.appends.is_empty() {
            return Vec::new();
        }
        let batch = std::mem::take(&mut self.appends);
        self.storage.try_append(batch).err().unwrap_or_default()
    }

    fn try_read(&mut self, read: Read) -> Result<(), Read> {
        self.storage.try_read(read)
    }

    fn try_hash(&mut self, hashing: Hashing) -> Result<(), Box<Hashing>> {
        self.hashers.try_submit(hashing)
    }

    fn try_search(&mut self, search: Search) -> Result<(), Search> {
        self.storage.try_search(search)
    }
}
