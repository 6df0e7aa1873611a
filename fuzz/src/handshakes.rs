//! Leads a client through the opening handshake.

use std::convert::Infallible;

use chinwag::websocket::DeflateOptions;
use chinwag::websocket::handshake::client::{ClientHandshake, ClientRequest, Opened, Progress};
use chinwag::websocket::handshake::uri::Uri;
use rand::{TryCryptoRng, TryRng};

/// The value of `Sec-WebSocket-Accept` that a client waits for here.
pub const ACCEPT_KEY: &str = "ICX+Yqv66kxgM0FcWaLWlFLwTAI=";

/// Begins a handshake that offers the subprotocols `a` and `b`, and compression if it is wished for;
/// returns the request too.
pub fn start(deflate: Option<&DeflateOptions>) -> (ClientHandshake, Vec<u8>) {
    let mut request = ClientRequest::new(Uri::parse("ws://localhost/").unwrap())
        .subprotocol("a")
        .and_then(|request| request.subprotocol("b"))
        .unwrap();
    if let Some(options) = deflate {
        request = request.deflate(options);
    }
    let mut output = Vec::new();
    let handshake = request.start(&mut Zeros, &mut output);
    (handshake, output)
}

/// Takes the response to an end.
pub fn finish(handshake: ClientHandshake, mut response: &[u8]) -> Opened {
    match handshake.receive(&mut response) {
        Ok(Progress::Opened(opened)) if response.is_empty() => opened,
        other => panic!("{other:?}, {} bytes left", response.len()),
    }
}

/// A generator that is none, so that the key of a handshake is known.
struct Zeros;

impl TryRng for Zeros {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(0);
        Ok(())
    }
}

impl TryCryptoRng for Zeros {}
