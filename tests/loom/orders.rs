//! Loom's atomics, and a way to take their orders from them: each step is `Relaxed` then.

use std::cell::Cell;

use loom::sync::atomic;
pub(crate) use loom::sync::atomic::Ordering;

/// Runs models of which no atomic carries an order, whatever it is asked for.
pub(crate) fn without_orders<T>(run: impl FnOnce() -> T) -> T {
    ARE_TAKEN.set(true);
    let result = run();
    ARE_TAKEN.set(false);
    result
}

#[derive(Debug)]
pub(crate) struct AtomicBool(atomic::AtomicBool);

impl AtomicBool {
    pub(crate) fn new(value: bool) -> Self {
        Self(atomic::AtomicBool::new(value))
    }

    pub(crate) fn store(&self, value: bool, order: Ordering) {
        self.0.store(value, given(order));
    }

    pub(crate) fn swap(&self, value: bool, order: Ordering) -> bool {
        self.0.swap(value, given(order))
    }
}

#[derive(Debug)]
pub(crate) struct AtomicU32(atomic::AtomicU32);

impl AtomicU32 {
    pub(crate) fn new(value: u32) -> Self {
        Self(atomic::AtomicU32::new(value))
    }

    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.0.load(given(order))
    }

    pub(crate) fn fetch_add(&self, more: u32, order: Ordering) -> u32 {
        self.0.fetch_add(more, given(order))
    }

    pub(crate) fn fetch_sub(&self, less: u32, order: Ordering) -> u32 {
        self.0.fetch_sub(less, given(order))
    }
}

fn given(order: Ordering) -> Ordering {
    match ARE_TAKEN.get() {
        true => Ordering::Relaxed,
        false => order,
    }
}

thread_local! {
    /// All threads of a model are one of the system's.
    static ARE_TAKEN: Cell<bool> = const { Cell::new(false) };
}
