//! Counters of one worker that others may read at any time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What has been counted, on one worker or on all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Sockets that are open now, those included that only send what they still owe.
    pub sockets: u64,
    /// Bytes that wait in outboxes now.
    pub queued_bytes: u64,
    /// Connections accepted so far.
    pub accepted: u64,
    /// Bytes read from sockets so far.
    pub received_bytes: u64,
    /// Bytes written to sockets so far.
    pub sent_bytes: u64,
    /// Peers that were cut off so far because they read too slowly.
    pub slow_readers: u64,
    /// How often a listener was left alone for a while because accepting failed.
    pub accept_pauses: u64,
    /// Handshakes of TLS completed so far.
    pub tls_handshakes: u64,
}

/// Reads the counters of all workers of a runtime.
#[derive(Debug, Clone)]
pub struct Gauges {
    workers: Arc<[Arc<Gauge>]>,
}

/// One worker's counters. Written by that worker alone, once a turn, so that plain stores do and
/// no two workers share a cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Gauge {
    sockets: AtomicU64,
    queued_bytes: AtomicU64,
    accepted: AtomicU64,
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
    slow_readers: AtomicU64,
    accept_pauses: AtomicU64,
    tls_handshakes: AtomicU64,
}

impl Gauges {
    pub(super) fn new(worker_count: usize) -> Self {
        Self {
            workers: (0..worker_count).map(|_| Arc::default()).collect(),
        }
    }

    pub(super) fn of_worker(&self, worker: usize) -> Arc<Gauge> {
        Arc::clone(&self.workers[worker])
    }

    /// The sums over all workers, each as of the end of its last turn.
    pub fn totals(&self) -> Totals {
        self.workers
            .iter()
            .map(|gauge| gauge.read())
            .fold(Totals::default(), |sum, one| Totals {
                sockets: sum.sockets + one.sockets,
                queued_bytes: sum.queued_bytes + one.queued_bytes,
                accepted: sum.accepted + one.accepted,
                received_bytes: sum.received_bytes + one.received_bytes,
                sent_bytes: sum.sent_bytes + one.sent_bytes,
                slow_readers: sum.slow_readers + one.slow_readers,
                accept_pauses: sum.accept_pauses + one.accept_pauses,
                tls_handshakes: sum.tls_handshakes + one.tls_handshakes,
            })
    }
}

impl Gauge {
    pub(super) fn publish(&self, totals: &Totals) {
        self.sockets.store(totals.sockets, Ordering::Relaxed);
        self.queued_bytes
            .store(totals.queued_bytes, Ordering::Relaxed);
        self.accepted.store(totals.accepted, Ordering::Relaxed);
        self.received_bytes
            .store(totals.received_bytes, Ordering::Relaxed);
        self.sent_bytes.store(totals.sent_bytes, Ordering::Relaxed);
        self.slow_readers
            .store(totals.slow_readers, Ordering::Relaxed);
        self.accept_pauses
            .store(totals.accept_pauses, Ordering::Relaxed);
        self.tls_handshakes
            .store(totals.tls_handshakes, Ordering::Relaxed);
    }

    fn read(&self) -> Totals {
        Totals {
            sockets: self.sockets.load(Ordering::Relaxed),
            queued_bytes: self.queued_bytes.load(Ordering::Relaxed),
            accepted: self.accepted.load(Ordering::Relaxed),
            received_bytes: self.received_bytes.load(Ordering::Relaxed),
            sent_bytes: self.sent_bytes.load(Ordering::Relaxed),
            slow_readers: self.slow_readers.load(Ordering::Relaxed),
            accept_pauses: self.accept_pauses.load(Ordering::Relaxed),
            tls_handshakes: self.tls_handshakes.load(Ordering::Relaxed),
        }
    }
}
