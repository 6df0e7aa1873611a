//! Puts protocol, chat, log and event loops together into a running server.
//!
//! ```text
//! workers (sockets, sessions) ──requests──> hub (rooms) ──appends──> storage (the log)
//!        ^                                   │   ^                        │
//!        └──────────── mail ─────────────────┘   └────── commits ─────────┘
//! ```
//!
//! Who may wait for whom: the hub for a worker's mailbox; the main thread, at the end, for all.

mod activation;
mod address_ban;
mod admission;
mod ahead;
mod api;
mod assets;
mod attendance;
mod chat_service;
mod clock;
pub mod config;
mod context;
mod control;
mod double_count;
mod echo;
mod error;
mod forwarded;
mod founding;
mod handover;
mod hashers;
mod http_session;
mod hub_queue;
mod hub_thread;
mod in_hand;
mod line_command;
mod line_login;
mod line_session;
mod listen;
mod local_socket;
mod mail;
mod metrics;
mod notify;
mod operator;
mod pace;
mod reach;
mod refusal;
mod response;
mod routes;
mod run;
mod sending;
mod shared;
mod shown;
#[cfg(test)]
mod simulation;
mod tls;
mod token;
mod user;
mod visitor;
mod waiting_requests;
mod ws_session;

/// What `attendance.rs`, `double_count.rs` and `waiting_requests.rs` are made of; a test puts other
/// atomics in their place.
mod sync {
    pub(super) use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
}

pub use config::Config;
pub use echo::{EchoConfig, echo};
pub use error::StartError;
pub use run::serve;
pub use tls::{CertificateError, check_certificates};
pub use user::{UserCommand, UserError, user};
