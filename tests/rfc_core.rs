//! What RFC 6455 demands of both ends of a connection over many frames, lengths, codes and cuts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "rfc_core/closing.rs"]
mod closing;
#[path = "rfc_core/framing.rs"]
mod framing;
#[path = "rfc_core/operations.rs"]
mod operations;
#[path = "rfc_core/sending.rs"]
mod sending;
#[path = "rfc_core/sessions.rs"]
mod sessions;
#[path = "rfc_core/wire.rs"]
mod wire;
