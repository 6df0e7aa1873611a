//! The opening handshake: an HTTP/1.1 request that becomes a WebSocket connection (RFC 6455 §4).
//!
//! [`http`] parses a request's head without asking what it is for, so that it serves a web page as
//! well; [`server`] judges whether the request may become a connection, and makes it one. [`client`]
//! writes such a request to a [`uri`], and judges the answer. Both negotiate compression, if asked
//! to.

mod accept_key;
mod authority;
pub mod client;
mod client_error;
mod cookie;
#[cfg(feature = "deflate")]
mod deflate;
mod error;
#[cfg_attr(
    not(any(test, feature = "deflate")),
    expect(dead_code, reason = "only compression looks into what is offered")
)]
mod extension;
mod fields;
mod header_lines;
pub mod http;
mod origin;
mod refusal;
mod response;
mod scanner;
pub mod server;
pub mod uri;

pub use error::HandshakeError;
pub use header_lines::HeadError;
pub use origin::{Origin, origin_allowed};
