//! RFC 6455 without I/O: frames, messages, handshakes and closing, for both roles.
//!
//! [`Connection`] is the protocol after the opening handshake: bytes and messages in, events and
//! bytes out. [`Keepalive`] watches over a peer's silence. [`handshake`] is what comes before. None
//! of them reads a socket or a clock.

mod assembler;
#[cfg(feature = "blocking")]
pub mod blocking;
mod close;
#[cfg(feature = "deflate")]
mod compression;
#[cfg(not(feature = "deflate"))]
#[path = "no_compression.rs"]
mod compression;
mod connection;
mod decoder;
#[cfg(feature = "deflate")]
mod deflate;
mod encoder;
mod error;
mod frame;
pub mod handshake;
mod keepalive;
mod limits;
mod mask;
mod message;
mod prepared;
mod utf8;

pub use close::{CloseCode, MAX_REASON_LEN};
pub use connection::{Connection, State};
#[cfg(feature = "deflate")]
pub use deflate::{CodecPool, CompressionLevel, DeflateOptions, DeflateParameters, WindowBits};
pub use error::{ProtocolError, SendError};
pub use frame::Role;
pub use keepalive::{Keepalive, KeepaliveAction};
pub use limits::Limits;
pub use mask::MaskingKeys;
pub use message::{Event, Message, Part, encode_message};
pub use prepared::PreparedMessage;
