//! The log: what was decided, made durable in SQLite before anyone sees it.
//!
//! The table `events` is the truth, in order. Rooms, messages and changes are projections of it,
//! written in the same transaction, where numbers are given too. [`Log`] is the one writer, a step
//! function from a batch of facts to what became of them; [`Reader`] answers questions about the
//! past on a connection of its own; [`Storage`] runs both on threads. All of it lives in a
//! [`DataDir`], which belongs to one process at a time.
//!
//! `database` alone names the database crate; what was said is found by its words through `search`.

mod accounts;
mod data_dir;
mod database;
mod error;
mod log;
mod opening;
mod places;
mod reader;
mod rows;
mod schema;
mod search;
mod thread;

/// What `places.rs` is made of; a test puts other atomics in their place.
mod sync {
    pub(super) use std::sync::atomic::{AtomicUsize, Ordering};
}

pub use data_dir::DataDir;
#[cfg(test)]
pub(crate) use database::DiskFault;
pub use error::{FileAttempt, Refusal, StorageError};
pub use log::Log;
pub use reader::Reader;
pub use thread::{Delivery, Storage, StorageHandle};
