//! A WebSocket protocol library with a core free of I/O, and a group chat server on top of it.
//!
//! [`websocket`] is the library: begin with [`websocket::Connection`] for bytes in and bytes out, or
//! with `websocket::blocking` for threads that wait. Everything else makes up the
//! program `chinwag` and comes with the features `server`, `client` and `bench`: `chat` decides,
//! `wire` writes, `storage` keeps, `net` moves bytes, `server` puts them together; `client` connects,
//! `bench` loads.
//! `ARCHITECTURE.md` has the whole picture.
//!
//! # Features
//!
//! The defaults build the program. A program that wants the library alone turns them off:
//!
//! ```toml
//! [dependencies]
//! chinwag = { version = "0.1", default-features = false, features = ["simd", "blocking"] }
//! ```
//!
//! - `simd` (default): validates UTF-8 and masks with the processor's vector instructions.
//! - `deflate`: compresses messages (RFC 7692).
//! - `blocking`: clients and servers that wait, over any `Read + Write`.
//! - `tls`: the same over TLS.
//! - `server` (default): the chat and echo servers, with SQLite; no role of the library's.
//! - `client` (default): `chinwag connect`; no role of the library's.
//! - `bench` (default): `chinwag bench`. The program needs all three.

pub mod websocket;

#[cfg(feature = "bench")]
pub mod bench;
#[cfg(feature = "server")]
pub mod chat;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "server")]
pub mod net;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod storage;
#[cfg(feature = "server")]
pub mod wire;

/// Runs the README's examples as tests.
#[cfg(all(doctest, feature = "blocking"))]
#[doc = include_str!("../README.md")]
struct Readme;
