//! Where hostile peers act: whom they attack, how many they are, and until when.

use std::cell::Cell;
use std::io::{self, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use rustls::ClientConnection;
use socket2::{Domain, Socket, Type};

use crate::support::{PATIENCE, Server, UPGRADE, masked_frame, prepared, tls};

/// What a hostile thread knows.
pub(crate) struct Arena {
    pub(crate) web: SocketAddr,
    pub(crate) lines: SocketAddr,
    pub(crate) process_id: u32,
    /// What the server's certificate is, if it speaks TLS.
    certificate: Option<Vec<u8>>,
    /// How many peers it may have at once.
    pub(crate) count: usize,
    stop: Receiver<()>,
    under_way: Sender<()>,
    next_name: Cell<usize>,
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
            count,
            stop,
            under_way,
            next_name: Cell::new(0),
        }
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

    /// Holds what it has until the end.
    pub(crate) fn hold(&self) {
        self.is_under_way();
        while self.goes_on(PATIENCE) {}
    }

    /// A connection for HTTP; `None` if the server takes no more.
    pub(crate) fn connect_web(&self) -> Option<TcpStream> {
        Self::connect(self.web)
    }

    /// A connection for lines; `None` if the server takes no more.
    pub(crate) fn connect_lines(&self) -> Option<TcpStream> {
        Self::connect(self.lines)
    }

    /// A connection of which the system takes as little as it can before somebody reads.
    pub(crate) fn connect_narrow(&self) -> Option<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        // Set before connecting, so that the window never grows beyond it.
        socket.set_recv_buffer_size(1).unwrap();
        socket.connect(&self.web.into()).ok()?;
        Some(prepared(socket.into()))
    }

    /// Makes a WebSocket of a connection; `None` if that is refused or cut off.
    pub(crate) fn upgrade(&self, mut stream: TcpStream) -> Option<TcpStream> {
        stream.write_all(UPGRADE.as_bytes()).ok()?;
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).ok()?;
            head.extend(byte);
        }
        head.starts_with(b"HTTP/1.1 101").then_some(stream)
    }

    /// A client's end of TLS, which has not said anything.
    pub(crate) fn tls(&self) -> ClientConnection {
        tls::client(self.certificate.as_ref().expect("the server speaks TLS"))
    }

    /// What a client says first in TLS.
    pub(crate) fn hello(&self) -> Vec<u8> {
        let mut hello = Vec::new();
        self.tls().write_tls(&mut hello).unwrap();
        hello
    }

    pub(crate) fn web_socket(&self) -> Option<TcpStream> {
        self.upgrade(self.connect_web()?)
    }

    /// What a guest with a name of its own says to enter the lobby.
    pub(crate) fn entrance(&self) -> Vec<u8> {
        let name = self.next_name.replace(self.next_name.get() + 1);
        let hello = format!(r#"{{"type":"hello","name":"hostile {name}"}}"#);
        let mut frames = masked_frame(TEXT, hello.as_bytes());
        frames.extend(masked_frame(TEXT, br#"{"type":"join","room":"lobby"}"#));
        frames
    }

    /// A WebSocket that has asked to enter the lobby.
    pub(crate) fn member(&self) -> Option<TcpStream> {
        let mut stream = self.web_socket()?;
        stream.write_all(&self.entrance()).ok()?;
        Some(stream)
    }

    fn connect(address: SocketAddr) -> Option<TcpStream> {
        TcpStream::connect(address).ok().map(prepared)
    }
}

/// Ends a connection with RST.
pub(crate) fn reset(stream: TcpStream) {
    let socket = Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    drop(socket);
}

/// A peer that writes what it can, whether or not anybody takes it.
pub(crate) struct Flooder {
    stream: TcpStream,
    /// Sent over and over.
    bytes: Vec<u8>,
    sent_len: usize,
    reads: bool,
}

impl Flooder {
    pub(crate) fn new(stream: TcpStream, bytes: Vec<u8>, reads: bool) -> Self {
        stream.set_nonblocking(true).unwrap();
        Self {
            stream,
            bytes,
            sent_len: 0,
            reads,
        }
    }

    /// Writes and reads once; false when the server has hung up.
    pub(crate) fn push(&mut self) -> bool {
        let written = self.stream.write(&self.bytes[self.sent_len..]);
        match written {
            Ok(len) => self.sent_len = (self.sent_len + len) % self.bytes.len(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
        !self.reads || read_some(&mut self.stream)
    }
}

/// Discards some of what has come; false at the end.
pub(crate) fn read_some(stream: &mut impl Read) -> bool {
    let mut buffer = [0; 64 * 1024];
    match stream.read(&mut buffer) {
        Ok(len) => len > 0,
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}

/// The opcode of a text frame.
pub(crate) const TEXT: u8 = 1;
