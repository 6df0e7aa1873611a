//! The chat protocol `chinwag.v1`: JSON objects, one per text message.

mod decode;
mod encode;

pub use decode::{
    Claim, Credentials, Greeting, Incoming, Post, Refused, Wanted, decode, decode_claim,
    decode_credentials, decode_post,
};
pub(crate) use encode::rfc3339;
pub use encode::{Welcome, encode_answer, encode_event, encode_refusal, encode_welcome};

/// The WebSocket subprotocol, and the protocol's name in the first push.
pub const PROTOCOL: &str = "chinwag.v1";
