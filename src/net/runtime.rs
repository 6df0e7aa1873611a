//! Starting workers and waiting for their end.

use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use crate::net::doors::Doors;
use crate::net::entrance::Entrance;
use crate::net::mailbox::mailbox;
use crate::net::worker::{self, Parts};
use crate::net::{Gauges, Listener, MailSender, OutboxLimits, Service, Tls, TrustedPeers};

/// How workers treat their connections.
#[derive(Debug, Clone)]
pub struct Config {
    /// The threads are called this and a number; Linux shows 15 bytes of it.
    pub thread_name: String,
    /// So many bytes are read at once, into a buffer that a worker's connections share.
    pub read_len: usize,
    /// About so many bytes are read from one connection before the others have their turn.
    pub read_budget: usize,
    /// How long a connection that is closed may take to accept what it is still owed. Where the worker
    /// ends, that is no longer than `linger_timeout`.
    pub flush_timeout: Duration,
    /// How long what the peer still sends is discarded after that, waiting for its FIN.
    pub linger_timeout: Duration,
    /// How much a connection may be owed.
    pub outbox: OutboxLimits,
    /// How many mails may wait for a worker.
    pub mailbox_capacity: usize,
    /// How long a worker that has nothing to do looks for events before it sleeps. It answers some
    /// microseconds sooner, and takes a core for that.
    pub busy_poll: Duration,
    /// Proxies that are believed when they say for whom they connect.
    pub trusted: Arc<TrustedPeers>,
    /// Which listeners speak TLS; `None`: none of them.
    pub tls: Option<Tls>,
    /// How long after it was accepted a connection may take to agree on TLS.
    pub tls_timeout: Duration,
}

impl Default for Config {
    /// 256 KiB at once: measured, 64 KiB cost up to half again as much for large messages, 1 MiB gains
    /// nothing. One full read a turn: a turn more costs one poll, less than a hundredth of reading so much,
    /// and nobody waits long for anybody. 10 s to flush is what the closing handshake may take, and who has not sent FIN
    /// 2 s after ours does not mean to. 16 Ki mails are a large room's traffic for many turns. 10 s are
    /// many round trips of a handshake that takes two.
    fn default() -> Self {
        Self {
            thread_name: "worker".to_owned(),
            read_len: 256 << 10,
            read_budget: 256 << 10,
            flush_timeout: Duration::from_secs(10),
            linger_timeout: Duration::from_secs(2),
            outbox: OutboxLimits::default(),
            mailbox_capacity: 16 << 10,
            busy_poll: Duration::ZERO,
            trusted: Arc::default(),
            tls: None,
            tls_timeout: Duration::from_secs(10),
        }
    }
}

/// Running workers.
#[derive(Debug)]
pub struct Runtime<M> {
    senders: Vec<MailSender<M>>,
    gauges: Gauges,
    threads: Vec<thread::JoinHandle<()>>,
}

/// Starts `worker_count` threads that serve whoever connects to `listeners`.
///
/// Each of them accepts from all listeners: whoever is idle gets there first.
///
/// `service` makes the nth worker's service; the runtime it gets has no threads yet, but the
/// senders to all workers and their counters. Workers end when their services ask for it
/// ([`Connections::stop`](crate::net::Connections::stop)).
///
/// # Errors
///
/// Those of the system, for want of descriptors, memory or threads. Where a thread can't be had,
/// those that were started before it go on: the caller is expected to give up the process.
pub fn start<S: Service>(
    config: &Config,
    listeners: Vec<Listener>,
    worker_count: usize,
    mut service: impl FnMut(usize, &Runtime<S::Mail>) -> S,
) -> io::Result<Runtime<S::Mail>> {
    keep_freed_memory();
    let mut runtime = Runtime {
        senders: Vec::new(),
        gauges: Gauges::new(worker_count),
        threads: Vec::new(),
    };
    let mut ends = Vec::new();
    for _ in 0..worker_count {
        let poll = mio::Poll::new()?;
        let doors = Doors::open(&listeners, poll.registry(), worker::door_token)?;
        let waker = mio::Waker::new(poll.registry(), worker::BELL)?;
        let (sender, mailbox) = mailbox(waker, config.mailbox_capacity);
        runtime.senders.push(sender);
        ends.push((poll, doors, mailbox));
    }
    for (nth, (poll, doors, mailbox)) in ends.into_iter().enumerate() {
        let parts = Parts {
            service: service(nth, &runtime),
            config: config.clone(),
            poll,
            doors,
            door_count: listeners.len(),
            entrance: Entrance::new(&listeners, &config.trusted),
            mailbox,
            gauge: runtime.gauges.of_worker(nth),
        };
        let name = format!("{}-{nth}", config.thread_name);
        let thread = thread::Builder::new()
            .name(name)
            .spawn(move || worker::run(parts))?;
        runtime.threads.push(thread);
    }
    // From here on the workers' handles are the only ones: when they have closed theirs, nobody
    // can connect any more.
    drop(listeners);
    Ok(runtime)
}

impl<M> Runtime<M> {
    /// The ways to tell the workers something, in their order.
    pub fn senders(&self) -> &[MailSender<M>] {
        &self.senders
    }

    /// What the workers count.
    pub fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    /// Waits until all workers have ended.
    ///
    /// # Panics
    ///
    /// If a worker has panicked.
    pub fn join(self) {
        for thread in self.threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// Has glibc's allocator keep some MiB of freed memory instead of giving it back at once.
///
/// A message of 1 MiB takes buffers of that size for a moment. By default all of their pages go back
/// to the system when they are freed, and come again zeroed, page fault by page fault, with the next
/// message: most of what such a message costs. The allocator learns from what it sees, as
/// mallopt(3) describes under `M_MMAP_THRESHOLD`: freeing one large block makes it keep twice as
/// much. The block is never touched, so it costs no memory; other allocators don't notice.
fn keep_freed_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(KEPT_LEN / 2)));
}

/// What may stay of freed memory: buffers for two messages of 4 MiB on their way in and out.
const KEPT_LEN: usize = 16 * 1024 * 1024;
