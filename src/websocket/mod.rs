//! WebSocket for both roles: RFC 6455 and compression by RFC 7692, written here.
//!
//! The core does no I/O. It turns bytes into events and messages into bytes, for an event loop of any
//! kind, and can be tested without a socket. On top of it stands [`blocking`], which waits. A program
//! that needs no chat depends on it so:
//!
//! ```toml
//! [dependencies]
//! chinwag = { version = "0.1", default-features = false, features = ["simd", "blocking", "tls", "deflate"] }
//! ```
//!
//! # The core
//!
//! A [`Connection`] is one end of a connection whose opening handshake is done. What the peer sent
//! goes through [`receive`](Connection::receive), which unmasks in place, answers Pings and Closes by
//! itself, and hands out one [`Event`] a call. `None` means here that all of the input is consumed,
//! never that the connection has ended: that is [`Event::Closed`]. All that must be written, it
//! appends to a buffer of the caller's; when that buffer goes out is the caller's business.
//!
//! ```
//! use chinwag::websocket::{Connection, Event, Limits, Message};
//! use rand::SeedableRng;
//! use rand::rngs::StdRng;
//!
//! let masking_keys = StdRng::from_rng(&mut rand::rng());
//! let mut client = Connection::client(Limits::default(), Box::new(masking_keys));
//! let mut server = Connection::server(Limits::default());
//!
//! let mut to_server = Vec::new();
//! client.send(&Message::text("Hello"), &mut to_server)?;
//!
//! let mut to_client = Vec::new();
//! let mut input = &mut to_server[..];
//! while let Some(event) = server.receive(&mut input, &mut to_client)? {
//!     if let Event::Message(message) = event {
//!         server.send(&message, &mut to_client)?; // borrowed from `input`: nothing is copied
//!     }
//! }
//!
//! let event = client.receive(&mut &mut to_client[..], &mut Vec::new())?;
//! assert_eq!(event, Some(Event::Message(Message::text("Hello"))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Opening** a connection is [`handshake`]'s: a server judges a request and accepts it
//! ([`handshake::server`]), a client writes one and judges the response ([`handshake::client`]). Both
//! end with a `Connection`.
//!
//! **Closing** takes a Close frame from each side. [`Connection::close`] begins it,
//! [`Event::Closed`] ends it; then the output is flushed and the transport closed, by the server
//! first. A peer that breaks a rule gets a Close that says why, and the caller a [`ProtocolError`],
//! again at each call. A mistake of the caller's is a [`SendError`], and nothing reaches the wire.
//!
//! **Limits** bound what a peer may make a connection hold or do: see [`Limits`]. Lengths are judged
//! when they are announced, and memory is never taken by an announcement. What bounds time is
//! [`Keepalive`], and the caller's deadlines: a `Connection` sees no clock.
//!
//! **Large messages** come in parts with [`receive_part`](Connection::receive_part) and leave in
//! parts with [`send_part`](Connection::send_part), in no more memory than a part takes.
//!
//! **Many receivers** get a [`PreparedMessage`], which is encoded once.
//!
//! **Compression** is off until [`DeflateOptions`] are given to a handshake. Windows that go on from
//! message to message compress best and cost each connection some 450 KiB; without them codecs are
//! shared through a [`CodecPool`], and an idle connection holds none. Text of an attacker's must not
//! be compressed together with secrets (RFC 7692 §8): such messages leave with
//! [`send_uncompressed`](Connection::send_uncompressed).
//!
//! **Async runtimes** need nothing special: read into a buffer, give it to `receive`, and write the
//! output, both with the runtime's calls. `examples/sans_io_echo.rs` is that loop with the standard
//! library's, from the first byte of a request to the last of a Close.
//!
//! # Threads that wait
//!
//! [`blocking::Acceptor`] makes a [`blocking::WebSocket`] of any `Read + Write` on which a client asks
//! for one, [`blocking::connect`] makes one to a URI; over sockets it splits into halves for two
//! threads. `None` means there that the connection is closed. The directory `examples` has a program
//! for each way to use the library.
//!
//! # Types of other crates
//!
//! Keys come from generators of `rand` 0.10: any [`rand::CryptoRng`] will do, and with the feature
//! `blocking` the function `blocking::secure_rng` makes one, for a [`Connection::client`] and for a
//! request, without a dependency of one's own. Streams of TLS take connections of `rustls` 0.23, which
//! `blocking::rustls` is with the feature `tls`.
//!
//! # Features
//!
//! | feature | brings |
//! |---|---|
//! | `simd` | UTF-8 and masks by vector instructions |
//! | `deflate` | [`DeflateOptions`], [`CodecPool`] |
//! | `blocking` | [`blocking`] |
//! | `tls` | [`blocking::TlsStream`], and `wss` for [`blocking::connect`] |
//!
//! `client` and `server` are not the roles, which are both always there: with `bench` they are the
//! parts of the chat program, with SQLite and more. With `default-features = false` none is built.
//!
// Where a feature is off, links to what it brings lead to the table of features.
#![cfg_attr(not(feature = "deflate"), doc = "[`DeflateOptions`]: #features")]
#![cfg_attr(not(feature = "deflate"), doc = "[`CodecPool`]: #features")]
#![cfg_attr(not(feature = "blocking"), doc = "[`blocking`]: #features")]
#![cfg_attr(not(feature = "blocking"), doc = "[`blocking::Acceptor`]: #features")]
#![cfg_attr(not(feature = "blocking"), doc = "[`blocking::WebSocket`]: #features")]
#![cfg_attr(not(feature = "blocking"), doc = "[`blocking::connect`]: #features")]
#![cfg_attr(not(feature = "tls"), doc = "[`blocking::TlsStream`]: #features")]

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
