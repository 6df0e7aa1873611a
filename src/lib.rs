//! A WebSocket protocol library without I/O, and a group chat server on top of it.
//!
//! [`websocket`] is the library: begin with [`websocket::Connection`]. Everything else makes up the
//! program `chinwag` and comes with the feature `server`: `chat` decides, `wire` writes, `storage`
//! keeps, `net` moves bytes, `server` puts them together. `ARCHITECTURE.md` has the whole picture.
//!
//! # Features
//!
//! - `simd` (default): validates UTF-8 with SIMD instructions.
//! - `server` (default): the chat and echo servers, and the program.

pub mod websocket;

#[cfg(feature = "server")]
pub mod chat;
#[cfg(feature = "server")]
pub mod net;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod storage;
#[cfg(feature = "server")]
pub mod wire;

/// Runs the README's examples as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
