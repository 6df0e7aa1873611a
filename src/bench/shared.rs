//! What the threads of a run tell each other, without waiting.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::bench::tally::Window;

/// Flags and counters of a run.
#[derive(Debug)]
pub(super) struct Shared {
    /// Whether the run is to end early.
    pub(super) stop: Arc<AtomicBool>,
    /// Threads whose connections are all ready.
    ready_count: AtomicUsize,
    /// When the load begins: settled by the first thread that sees all ready.
    window: OnceLock<Window>,
    /// A place for each thread.
    pub(super) gauges: Vec<Gauge>,
}

/// How far a thread is; figures for people who watch.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    pub(super) open_count: AtomicU64,
    pub(super) message_count: AtomicU64,
    pub(super) p99_ns: AtomicU64,
}

impl Shared {
    pub(super) fn new(thread_count: usize) -> Self {
        let mut gauges = Vec::new();
        gauges.resize_with(thread_count, Gauge::default);
        Self {
            stop: Arc::new(AtomicBool::new(false)),
            ready_count: AtomicUsize::new(0),
            window: OnceLock::new(),
            gauges,
        }
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Notes that one more thread is ready, all of its connections being open.
    pub(super) fn arrive(&self) {
        self.ready_count.fetch_add(1, Ordering::Release);
    }

    /// Returns when to load, once all threads are ready: what `settle` said to the first who asked.
    pub(super) fn window(&self, settle: impl FnOnce() -> Window) -> Option<Window> {
        let is_everyone = self.ready_count.load(Ordering::Acquire) == self.gauges.len();
        is_everyone.then(|| *self.window.get_or_init(settle))
    }

    /// Returns when to load, if that is settled.
    pub(super) fn settled_window(&self) -> Option<Window> {
        self.window.get().copied()
    }

    /// Returns how many connections of all threads are open.
    pub(super) fn open_count(&self) -> u64 {
        let counts = self.gauges.iter().map(|it| &it.open_count);
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Returns open connections, messages, and the worst thread's 99th percentile in nanoseconds.
    pub(super) fn progress(&self) -> (u64, u64, u64) {
        let p99s = self.gauges.iter();
        let p99s = p99s.map(|gauge| gauge.p99_ns.load(Ordering::Relaxed));
        (
            self.open_count(),
            self.gauges
                .iter()
                .map(|it| it.message_count.load(Ordering::Relaxed))
                .sum(),
            p99s.max().unwrap_or(0),
        )
    }
}
