//! A WebSocket protocol library without I/O, and a group chat server on top of it.

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
