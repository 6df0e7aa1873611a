//! Where hostile peers act: whom they attack, how many they are, and until when.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};
use socket2::{Domain, SockRef, Socket, Type};

use crate::support::{Http, PATIENCE, Server, UPGRADE, Ws, masked_frame, prepared, tls, try_ask};

/// What a hostile thread knows.
pub(crate) struct Arena {
    pub(crate) web: SocketAddr,
    pub(crate) lines: SocketAddr,
    pub(crate) process_id: u32,
    /// What the server's certificate is, if it speaks TLS.
    certificate: Option<Vec<u8>>,
    /// While this file exists, the server can accept nobody, and adds a byte each time it tries.
    accept_faults: Option<PathBuf>,
    /// How many peers it may have at once.
    pub(crate) count: usize,
    stop: Receiver<()>,
    under_way: Sender<()>,
    deed_count: Cell<usize>,
}

/// A hostile peer's end of a connection, in TLS where that has been agreed on.
pub(crate) type Peer = Box<dyn Link>;

/// What carries bytes to the server and back.
pub(crate) trait Link: Read + Write {
    /// The socket below.
    fn socket(&self) -> &TcpStream;
}

impl Link for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Link for StreamOwned<ClientConnection, Peer> {
    fn socket(&self) -> &TcpStream {
        self.sock.socket()
    }
}

impl Arena {
    /// `stop` ends it when its other end goes; `under_way` hears when the attack is complete.
    pub(crate) fn new(
        server: &Server,
        count: usize,
        stop: Receiver<()>,
        under_way: Sender<()>,
    ) -> Self {
        Self {
            web: server.web(),
            lines: server.lines(),
            process_id: server.process_id(),
            certificate: server.speaks_tls().then(|| tls::kept_certificate(server)),
            accept_faults: server.variable(ACCEPT_FAULTS).map(PathBuf::from),
            count,
            stop,
            under_way,
            deed_count: Cell::new(0),
        }
    }

    /// Takes note that the attack has done its thing so many times more.
    pub(crate) fn did(&self, count: usize) {
        self.deed_count.set(self.deed_count.get() + count);
    }

    /// How often it was done: peers connected, bytes written and read, rounds made.
    pub(crate) fn deed_count(&self) -> usize {
        self.deed_count.get()
    }

    /// Says that everything is in place: what comes from here on is the attack itself.
    pub(crate) fn is_under_way(&self) {
        // Whoever asked may have seen enough already.
        let _ = self.under_way.send(());
    }

    /// Lets that much time pass; false when the attack is to end.
    pub(crate) fn goes_on(&self, pause: Duration) -> bool {
        matches!(
            self.stop.recv_timeout(pause),
            Err(RecvTimeoutError::Timeout)
        )
    }

    /// Holds these until the end.
    pub(crate) fn hold(&self, peers: Vec<Peer>) {
        self.did(peers.len());
        self.is_under_way();
        while self.goes_on(PATIENCE) {}
        drop(peers);
    }

    /// A connection for HTTP; `None` if the server takes no more.
    pub(crate) fn connect_web(&self) -> Option<Peer> {
        Self::connect(self.web)
    }

    /// A connection for lines; `None` if the server takes no more.
    pub(crate) fn connect_lines(&self) -> Option<Peer> {
        Self::connect(self.lines)
    }

    /// A connection of which the system takes as little as it can before somebody reads.
    pub(crate) fn connect_narrow(&self) -> Option<Peer> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        // Set before connecting, so that the window never grows beyond it.
        socket.set_recv_buffer_size(1).unwrap();
        socket.connect(&self.web.into()).ok()?;
        Some(Box::new(prepared(socket.into())))
    }

    /// A client's end of TLS, which has not said anything.
    pub(crate) fn tls(&self) -> ClientConnection {
        tls::client(self.certificate())
    }

    /// What a client says first in TLS.
    pub(crate) fn hello(&self) -> Vec<u8> {
        let mut hello = Vec::new();
        self.tls().write_tls(&mut hello).unwrap();
        hello
    }

    pub(crate) fn web_socket(&self) -> Option<Peer> {
        self.upgrade(self.connect_web()?)
    }

    /// A WebSocket of which the system takes as little as it can.
    pub(crate) fn narrow_web_socket(&self) -> Option<Peer> {
        self.upgrade(self.connect_narrow()?)
    }

    /// What a guest with a name of its own says to enter the lobby.
    pub(crate) fn entrance(&self) -> Vec<u8> {
        let hello = format!(r#"{{"type":"hello","name":"hostile {}"}}"#, next_name());
        let mut frames = masked_frame(TEXT, hello.as_bytes());
        frames.extend(masked_frame(TEXT, br#"{"type":"join","room":"lobby"}"#));
        frames
    }

    /// A WebSocket that has asked to enter the lobby.
    pub(crate) fn member(&self) -> Option<Peer> {
        let mut peer = self.web_socket()?;
        peer.write_all(&self.entrance()).ok()?;
        Some(peer)
    }

    /// A guest with a name of its own, who keeps to the protocol.
    pub(crate) fn guest(&self) -> Option<Ws<Peer>> {
        let mut ws = Ws::over(Http::inside(self.secured(self.connect_web()?)));
        ws.welcome();
        ws.hello(&format!("hostile {}", next_name()));
        Some(ws)
    }

    /// The file whose existence keeps the server from accepting anybody.
    pub(crate) fn accept_faults(&self) -> &Path {
        self.accept_faults
            .as_ref()
            .expect("the server has the shim")
    }

    fn connect(address: SocketAddr) -> Option<Peer> {
        let socket = TcpStream::connect(address).ok()?;
        Some(Box::new(prepared(socket)))
    }

    /// Puts TLS around a connection, if the server speaks that.
    fn secured(&self, peer: Peer) -> Peer {
        match &self.certificate {
            Some(certificate) => Box::new(tls::secure(peer, certificate)),
            None => peer,
        }
    }

    /// Makes a WebSocket of a connection; `None` if that is refused or cut off.
    fn upgrade(&self, peer: Peer) -> Option<Peer> {
        let mut peer = self.secured(peer);
        let head = try_ask(&mut *peer, UPGRADE)?;
        head.starts_with(b"HTTP/1.1 101").then_some(peer)
    }

    fn certificate(&self) -> &[u8] {
        self.certificate.as_ref().expect("the server speaks TLS")
    }
}

/// Ends a connection with RST.
pub(crate) fn reset(peer: Peer) {
    let socket = SockRef::from(peer.socket());
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
}

/// A peer that writes what it can, whether or not anybody takes it.
pub(crate) struct Flooder {
    peer: Peer,
    /// Sent over and over.
    bytes: Vec<u8>,
    sent_len: usize,
    reads: bool,
}

impl Flooder {
    pub(crate) fn new(peer: Peer, bytes: Vec<u8>, reads: bool) -> Self {
        peer.socket().set_nonblocking(true).unwrap();
        Self {
            peer,
            bytes,
            sent_len: 0,
            reads,
        }
    }

    /// Writes and reads once; returns how many bytes went and came, `None` when the server has hung
    /// up.
    pub(crate) fn push(&mut self) -> Option<usize> {
        let written = moved_len(self.peer.write(&self.bytes[self.sent_len..]))?;
        self.sent_len = (self.sent_len + written) % self.bytes.len();
        let read = if self.reads {
            read_some(&mut self.peer)?
        } else {
            0
        };
        Some(written + read)
    }
}

/// Discards some of what has come, and returns how much; `None` at the end.
pub(crate) fn read_some(peer: &mut Peer) -> Option<usize> {
    read_into(peer, &mut [0; 64 * 1024])
}

/// Reads what fits of what has come, and returns how much; `None` at the end.
pub(crate) fn read_into(peer: &mut Peer, buffer: &mut [u8]) -> Option<usize> {
    match peer.read(buffer) {
        Ok(0) => None,
        result => moved_len(result),
    }
}

fn moved_len(result: io::Result<usize>) -> Option<usize> {
    match result {
        Ok(len) => Some(len),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(0),
        Err(_) => None,
    }
}
/// A number that nobody has had: neither in this attack nor before it, where it left something.
pub(crate) fn next_name() -> usize {
    NEXT_NAME.fetch_add(1, Ordering::Relaxed)
}

static NEXT_NAME: AtomicUsize = AtomicUsize::new(0);

/// The variable that names the file of `tests/accept_shim.c`.
pub(crate) const ACCEPT_FAULTS: &str = "ACCEPT_FAULTS";

/// The opcode of a text frame.
pub(crate) const TEXT: u8 = 1;
