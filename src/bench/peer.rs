//! One connection of a load, from the first packet to the opening handshake's end.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use crate::bench::ConnectionError;
use crate::bench::args::Mode;
use crate::bench::payload::mix;
use crate::bench::plan::{CHAT_PROTOCOL, Plan};
use crate::bench::stream::Stream;
use crate::websocket::blocking::secure_rng;
use crate::websocket::handshake::client::{ClientHandshake, Progress};
use crate::websocket::{Connection, Limits, MaskingKeys};

/// A socket, and how far the connection over it is.
///
/// ```text
/// Dialing ──► Securing (TLS) ──► Upgrading ──► Open
/// ```
pub(super) struct Peer {
    pub(super) stream: Stream,
    pub(super) stage: Stage,
    pub(super) began_at: Instant,
}

pub(super) enum Stage {
    /// The connection of TCP is on its way.
    Dialing,
    /// The handshake of TLS is.
    Securing,
    /// The request is sent; `None` for as long as the answer is looked at.
    Upgrading(Option<ClientHandshake>),
    /// The opening handshake is done.
    Open(Connection),
}

impl Peer {
    /// Begins to connect; `number` is the connection's place among all.
    pub(super) fn dial(plan: &Plan, number: u64, now: Instant) -> Result<Self, ConnectionError> {
        let sources = &plan.args.source;
        let source = number.checked_rem(u64::try_from(sources.len()).unwrap_or(u64::MAX));
        let source = source.and_then(|index| sources.get(usize::try_from(index).ok()?));
        let tls = match &plan.tls {
            Some(tls) => {
                let session = tls.session(plan.request.uri().host());
                Some(session.map_err(io::Error::other)?)
            }
            None => None,
        };
        Ok(Self {
            stream: Stream::new(start_connecting(plan.address, source)?, tls),
            stage: Stage::Dialing,
            began_at: now,
        })
    }

    /// Goes as far as it can without hearing from the server.
    pub(super) fn advance(&mut self, plan: &Plan) -> Result<(), ConnectionError> {
        if matches!(self.stage, Stage::Dialing) {
            if let Some(error) = self.stream.socket().take_error()? {
                return Err(error.into());
            }
            match self.stream.socket().peer_addr() {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(()),
                Err(error) => return Err(error.into()),
            }
            self.stream.start()?;
            self.stage = Stage::Securing;
        }
        if matches!(self.stage, Stage::Securing) && self.stream.can_send() {
            let mut request = Vec::new();
            let handshake = plan.request.start(&mut secure_rng(), &mut request);
            self.stream.send(&request)?;
            self.stage = Stage::Upgrading(Some(handshake));
        }
        Ok(())
    }

    /// Consumes what belongs to the opening handshake from the front of `input`; true: it is done.
    pub(super) fn upgrade(
        &mut self,
        plan: &Plan,
        input: &mut &mut [u8],
    ) -> Result<bool, ConnectionError> {
        let Stage::Upgrading(handshake) = &mut self.stage else {
            return Ok(false);
        };
        let Some(taken) = handshake.take() else {
            return Ok(false);
        };
        let mut rest = &**input;
        let opened = match taken.receive(&mut rest)? {
            Progress::Incomplete(awaited) => {
                *handshake = Some(awaited);
                *input = &mut [];
                return Ok(false);
            }
            Progress::Refused(response) => {
                return Err(ConnectionError::Refused(response.status()));
            }
            Progress::Opened(opened) => opened,
        };
        let rest_len = rest.len();
        if plan.args.mode == Mode::Chat && opened.subprotocol() != Some(CHAT_PROTOCOL) {
            return Err(ConnectionError::NoSubprotocol);
        }
        let whole = std::mem::take(input);
        let head_len = whole.len() - rest_len;
        *input = &mut whole[head_len..];
        let connection = opened.into_connection(Limits::default(), Box::new(Keys(random())));
        self.stage = Stage::Open(connection);
        Ok(true)
    }
}

/// Makes a socket that is on its way.
fn start_connecting(address: SocketAddr, source: Option<&IpAddr>) -> io::Result<TcpStream> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // A message leaves in one write: waiting for more would only delay it.
    socket.set_tcp_nodelay(true)?;
    // No port is left waiting behind a run (TIME_WAIT), or a few runs would use them up.
    socket.set_linger(Some(Duration::ZERO))?;
    if let Some(source) = source {
        socket.bind(&SocketAddr::new(*source, 0).into())?;
    }
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(IN_PROGRESS) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

/// What connecting answers when it has begun.
const IN_PROGRESS: i32 = rustix::io::Errno::INPROGRESS.raw_os_error();

/// Masking keys that cost next to nothing. What they are to keep from happening (RFC 6455 §10.3)
/// takes someone else's program that chooses the payload; here it is ours.
struct Keys(u64);

/// Returns a number that nobody has had before.
pub(super) fn random() -> u64 {
    let mut rng = secure_rng();
    let [high, low] = [(); 2].map(|()| u64::from(u32::from_ne_bytes(rng.next_key())));
    high << 32 | low
}

impl MaskingKeys for Keys {
    fn next_key(&mut self) -> [u8; 4] {
        self.0 = self.0.wrapping_add(1);
        let [_, _, _, _, key @ ..] = mix(self.0).to_ne_bytes();
        key
    }
}
