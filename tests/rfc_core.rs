//! What RFC 6455 demands of both ends of a connection over many frames, lengths, codes and cuts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[cfg(feature = "deflate")]
#[path = "rfc_core/bit_writer.rs"]
mod bit_writer;
#[path = "rfc_core/closing.rs"]
mod closing;
#[cfg(feature = "deflate")]
#[path = "rfc_core/deflate_receiving.rs"]
mod deflate_receiving;
#[cfg(feature = "deflate")]
#[path = "rfc_core/deflate_sending.rs"]
mod deflate_sending;
#[path = "rfc_core/framing.rs"]
mod framing;
#[cfg(feature = "deflate")]
#[path = "../fuzz/src/naive_inflate.rs"]
pub mod naive_inflate;
#[path = "rfc_core/operations.rs"]
mod operations;
#[path = "rfc_core/sending.rs"]
mod sending;
#[path = "rfc_core/sessions.rs"]
mod sessions;
#[path = "rfc_core/wire.rs"]
mod wire;
