//! Makes the generators of a client: the one place where blocking connections get randomness.

use rand::rngs::StdRng;
use rand::{CryptoRng, SeedableRng as _};

/// Makes a generator that nobody can predict, for a client that does its own I/O: it makes the key of
/// an opening handshake and the masking keys of a connection (RFC 6455 §10.3), so that a program
/// needs no crate of its own for them.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::blocking::secure_rng;
/// use chinwag::websocket::handshake::client::ClientRequest;
/// use chinwag::websocket::{Connection, Limits};
///
/// let mut output = Vec::new();
/// let request = ClientRequest::new("ws://example.com/".parse()?);
/// let _handshake = request.start(&mut secure_rng(), &mut output);
///
/// let _connection = Connection::client(Limits::default(), Box::new(secure_rng()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn secure_rng() -> impl CryptoRng + Send + Sync + use<> {
    StdRng::from_rng(&mut rand::rng())
}
