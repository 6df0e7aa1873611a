//! The lock of a split connection, which notices when all wait for each other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use loom::sync::{Condvar, Mutex, MutexGuard};

pub(crate) type Guard<'a, T> = MutexGuard<'a, T>;

pub(crate) struct Lock<T> {
    value: Mutex<T>,
    changed: Condvar,
    wakes: Wakes,
    /// Threads that run, or will without anybody's doing. Loom need not know of them: it runs one
    /// thread at a time.
    awake_count: AtomicUsize,
    asleep_count: AtomicUsize,
}

/// Whom a change wakes.
#[derive(Clone, Copy)]
pub(crate) enum Wakes {
    All,
    Nobody,
}

/// What ends when nobody would ever wake up again.
pub(crate) trait Stuck {
    fn get_stuck(&mut self);
}

impl<T: Stuck> Lock<T> {
    pub(crate) fn new(value: T, thread_count: usize, wakes: Wakes) -> Self {
        Self {
            value: Mutex::new(value),
            changed: Condvar::new(),
            wakes,
            awake_count: AtomicUsize::new(thread_count),
            asleep_count: AtomicUsize::new(0),
        }
    }

    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.value.lock().expect("nobody panics")
    }

    pub(crate) fn wait<'a>(&self, mut guard: Guard<'a, T>, _: Option<Instant>) -> Guard<'a, T> {
        self.asleep_count.fetch_add(1, Ordering::Relaxed);
        if self.is_last_awake() {
            guard.get_stuck();
            self.wake_all();
            return guard;
        }
        self.changed.wait(guard).expect("nobody panics")
    }

    pub(crate) fn notify(&self) {
        match self.wakes {
            Wakes::All => self.wake_all(),
            Wakes::Nobody => {}
        }
    }

    /// Takes note that a thread has ended.
    pub(crate) fn leave(&self) {
        let mut guard = self.lock();
        if self.is_last_awake() && self.asleep_count.load(Ordering::Relaxed) > 0 {
            guard.get_stuck();
            self.wake_all();
        }
    }

    fn is_last_awake(&self) -> bool {
        self.awake_count.fetch_sub(1, Ordering::Relaxed) == 1
    }

    fn wake_all(&self) {
        let count = self.asleep_count.swap(0, Ordering::Relaxed);
        self.awake_count.fetch_add(count, Ordering::Relaxed);
        self.changed.notify_all();
    }
}
