//! Compresses messages: permessage-deflate (RFC 7692).
//!
//! A compressed message is a run of DEFLATE blocks (RFC 1951) that ends in an empty stored block,
//! whose last four bytes, `00 00 ff ff`, are left out on the wire (§7.2.1). The receiver puts them
//! back (§7.2.2). With *context takeover* a message may refer to what earlier ones said, as far back
//! as the window reaches; without it each message stands alone, and so a codec is needed only while
//! there is one to work on: it comes from a [`CodecPool`].
//!
//! [`DeflateOptions`] is what an endpoint wants, [`DeflateParameters`] what both agreed on.

mod deflater;
mod inflater;
mod options;
mod pool;
mod window;

pub(crate) use deflater::Deflater;
pub(crate) use inflater::{InflateError, Inflater};
pub use options::{CompressionLevel, DeflateOptions, DeflateParameters, WindowBits};
pub use pool::CodecPool;

/// What a compressed message leaves out: the lengths of its last block, which is empty and stored.
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
