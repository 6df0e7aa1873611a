//! Pairs of connections over real sockets, and streams that behave badly.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file uses a part of it"
)]

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use chinwag::websocket::blocking::{Timeouts, WebSocket};
use chinwag::websocket::{Connection, Limits, MaskingKeys};

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Masking keys that need no generator: the core does not care what they are.
pub(crate) struct Keys(pub(crate) u8);

impl MaskingKeys for Keys {
    fn next_key(&mut self) -> [u8; 4] {
        self.0 = self.0.wrapping_add(1);
        [self.0, 0x5a, 0xa5, self.0 ^ 0xff]
    }
}

pub(crate) fn client_core() -> Connection {
    Connection::client(Limits::default(), Box::new(Keys(0)))
}

pub(crate) fn server_core() -> Connection {
    Connection::server(Limits::default())
}

/// Two ends of a TCP connection over loopback.
pub(crate) fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback works");
    let client =
        TcpStream::connect(listener.local_addr().expect("loopback works")).expect("loopback works");
    let (server, _) = listener.accept().expect("loopback works");
    client.set_nodelay(true).expect("loopback works");
    server.set_nodelay(true).expect("loopback works");
    (client, server)
}

/// A client and a server whose handshake is done.
pub(crate) fn web_sockets() -> (WebSocket<TcpStream>, WebSocket<TcpStream>) {
    let (client, server) = tcp_pair();
    (client_over(client), server_over(server))
}

pub(crate) fn client_over(stream: TcpStream) -> WebSocket<TcpStream> {
    WebSocket::over_socket(stream, client_core(), Vec::new(), Timeouts::client())
        .expect("loopback works")
}

pub(crate) fn server_over(stream: TcpStream) -> WebSocket<TcpStream> {
    WebSocket::over_socket(stream, server_core(), Vec::new(), Timeouts::server())
        .expect("loopback works")
}

/// Timeouts and intervals that never pass.
pub(crate) fn for_ever() -> Timeouts {
    let mut timeouts = Timeouts::server();
    timeouts.open_timeout = Duration::MAX;
    timeouts.close_timeout = Duration::MAX;
    timeouts.send_timeout = Some(Duration::MAX);
    timeouts.ping_interval = Some(Duration::MAX);
    timeouts.idle_timeout = Duration::MAX;
    timeouts
}

/// Runs what could hang in a thread of its own, and fails if it does.
pub(crate) fn in_time<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    let thread = thread::spawn(move || {
        let _ = done.send(run());
    });
    match result.recv_timeout(PATIENCE) {
        Ok(value) => value,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("still not done after {PATIENCE:?}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().expect_err("it did not send"))
        }
    }
}

/// What a [`Script`] does next.
pub(crate) enum Step {
    Bytes(Vec<u8>),
    Fails(io::ErrorKind),
}

/// A stream in memory: reads follow the steps and end after them, writes take a few bytes at a time,
/// and fail in between as they are told.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) reads: VecDeque<Step>,
    pub(crate) written: Vec<u8>,
    /// Bytes that one write takes; 0 stands for all.
    pub(crate) max_write_len: usize,
    /// How every second write fails.
    pub(crate) write_failure: Option<io::ErrorKind>,
    pub(crate) write_count: usize,
    pub(crate) flush_count: usize,
    /// Writes from now on that the stream does not take.
    pub(crate) refusal_count: usize,
}

impl Script {
    pub(crate) fn reading(bytes: &[u8]) -> Self {
        Self {
            reads: VecDeque::from([Step::Bytes(bytes.to_vec())]),
            ..Self::default()
        }
    }
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.reads.pop_front() {
            None => Ok(0),
            Some(Step::Fails(kind)) => Err(kind.into()),
            Some(Step::Bytes(mut bytes)) => {
                let len = bytes.len().min(buffer.len());
                buffer[..len].copy_from_slice(&bytes[..len]);
                if len < bytes.len() {
                    bytes.drain(..len);
                    self.reads.push_front(Step::Bytes(bytes));
                }
                Ok(len)
            }
        }
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_count += 1;
        if self.refusal_count > 0 {
            self.refusal_count -= 1;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if let Some(kind) = self.write_failure
            && self.write_count.is_multiple_of(2)
        {
            return Err(kind.into());
        }
        let len = match self.max_write_len {
            0 => bytes.len(),
            max => bytes.len().min(max),
        };
        self.written.extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flush_count += 1;
        Ok(())
    }
}

/// The same over TLS, with a certificate made for the test.
#[cfg(feature = "tls")]
pub(crate) mod tls {
    use std::net::TcpStream;
    use std::sync::Arc;

    use chinwag::websocket::blocking::{Timeouts, TlsStream, WebSocket};
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

    use super::{client_core, server_core, tcp_pair};

    pub(crate) fn configs() -> (Arc<ClientConfig>, Arc<ServerConfig>) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])
            .expect("a certificate of our own is good");
        let certificate = CertificateDer::from(made.cert.der().to_vec());
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
            .expect("a certificate of our own is good");
        let mut roots = RootCertStore::empty();
        roots
            .add(certificate.clone())
            .expect("a certificate of our own is good");
        let client = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let server = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a certificate of our own is good");
        (client.into(), server.into())
    }

    /// Two ends whose TLS handshake is not done.
    pub(crate) fn streams() -> (TlsStream<TcpStream>, TlsStream<TcpStream>) {
        let (client, server) = tcp_pair();
        let (client_config, server_config) = configs();
        let name = "localhost"
            .try_into()
            .expect("a certificate of our own is good");
        let client_tls =
            ClientConnection::new(client_config, name).expect("a certificate of our own is good");
        let server_tls =
            ServerConnection::new(server_config).expect("a certificate of our own is good");
        (
            TlsStream::client(client_tls, client),
            TlsStream::server(server_tls, server),
        )
    }

    /// A client and a server whose handshakes are done.
    pub(crate) fn web_sockets() -> (
        WebSocket<TlsStream<TcpStream>>,
        WebSocket<TlsStream<TcpStream>>,
    ) {
        let (mut client, mut server) = streams();
        let shaking = std::thread::spawn(move || {
            client
                .handshake()
                .expect("a certificate of our own is good");
            client
        });
        server
            .handshake()
            .expect("a certificate of our own is good");
        let client = shaking.join().expect("a certificate of our own is good");
        (
            WebSocket::over_socket(client, client_core(), Vec::new(), Timeouts::client())
                .expect("a certificate of our own is good"),
            WebSocket::over_socket(server, server_core(), Vec::new(), Timeouts::server())
                .expect("a certificate of our own is good"),
        )
    }
}
