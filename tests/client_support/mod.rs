//! Servers and proxies of a few lines, each for one connection or a few.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "each test file uses a part of it; what helpers cannot do fails the test"
)]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use chinwag::websocket::Limits;
use chinwag::websocket::blocking::{
    Acceptor, ConnectError, Connected, Connector, Timeouts, WebSocket, same_origin,
};
use chinwag::websocket::handshake::client::ClientRequest;
use chinwag::websocket::handshake::http::{HttpLimits, parse_request};
use chinwag::websocket::handshake::server::Upgrade;
use rcgen::{CertificateParams, KeyPair};
use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
use rustls::pki_types::PrivateKeyDer;
use rustls::{RootCertStore, ServerConfig};

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A server that does one thing with each of `count` connections, one after the other.
pub(crate) struct Stub<T> {
    pub(crate) address: SocketAddr,
    thread: JoinHandle<Vec<T>>,
}

impl<T: Send + 'static> Stub<T> {
    pub(crate) fn start(
        count: usize,
        mut serve: impl FnMut(TcpStream) -> T + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serve_one = move |_| {
            let (stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            serve(stream)
        };
        let thread = thread::spawn(move || (0..count).map(serve_one).collect());
        Self { address, thread }
    }

    pub(crate) fn uri(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// What it returned for each connection.
    pub(crate) fn results(self) -> Vec<T> {
        self.thread.join().unwrap()
    }

    /// What it returned for its only connection.
    pub(crate) fn result(self) -> T {
        self.results().pop().unwrap()
    }
}

/// A server that sends back what it gets, on `count` connections.
pub(crate) fn echo_server(count: usize) -> Stub<()> {
    Stub::start(count, |stream| {
        echo(Acceptor::new().accept(stream, same_origin).unwrap());
    })
}

pub(crate) fn echo<S: Read + Write>(mut socket: WebSocket<S>) {
    while let Ok(Some(message)) = socket.read() {
        socket.send(&message).unwrap();
    }
}

/// A server that answers each request with the same bytes; it returns the heads.
pub(crate) fn answering(count: usize, answer: String) -> Stub<String> {
    Stub::start(count, move |mut stream| {
        let head = read_head(&mut stream);
        stream.write_all(answer.as_bytes()).unwrap();
        head
    })
}

/// Reads up to an empty line, and not a byte more.
pub(crate) fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(read_byte(stream));
    }
    String::from_utf8(head).unwrap()
}

pub(crate) fn read_byte(stream: &mut impl Read) -> u8 {
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    byte[0]
}

/// The answer that opens the connection.
pub(crate) fn answer_101(head: &str) -> Vec<u8> {
    let parsed = parse_request(head.as_bytes(), &HttpLimits::default()).unwrap();
    let upgrade = Upgrade::from_request(&parsed.unwrap().0).unwrap();
    let mut output = Vec::new();
    upgrade.accept(None, Limits::default(), &mut output);
    output
}

/// Carries bytes both ways until both sides have ended.
pub(crate) fn relay(client: TcpStream, server: TcpStream) {
    let carry = |mut from: TcpStream, mut to: TcpStream| {
        // Either side may have gone without a word.
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    };
    let (from_client, from_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let back = thread::spawn(move || carry(from_server, client));
    carry(from_client, server);
    back.join().unwrap();
}

/// Whether the peer has sent nothing and not gone, for a moment.
pub(crate) fn is_silent(stream: &mut TcpStream) -> bool {
    stream
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let read = stream.read(&mut [0]);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    matches!(read, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

/// An address at which nobody listens, and nobody else can as long as the test runs.
pub(crate) fn closed_port() -> SocketAddr {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = getsockname(&socket).unwrap().try_into().unwrap();
    // Bound and never listening, for the rest of the process.
    std::mem::forget(socket);
    address
}

pub(crate) fn request(uri: &str) -> ClientRequest {
    ClientRequest::new(uri.parse().unwrap())
}

pub(crate) fn impatient() -> Connector {
    let mut timeouts = Timeouts::client();
    timeouts.open_timeout = Duration::from_millis(200);
    Connector::new().with_timeouts(timeouts)
}

/// Connects and sees a message come back.
pub(crate) fn check_echo(connector: &Connector, uri: &str) -> Connected {
    let mut connected = connector.connect(&request(uri)).unwrap();
    exchange(&mut connected.web_socket);
    connected
}

pub(crate) fn exchange<S: Read + Write>(socket: &mut WebSocket<S>) {
    let message = chinwag::websocket::Message::text("hello");
    socket.send(&message).unwrap();
    assert_eq!(socket.read(), Ok(Some(message)));
}

pub(crate) fn connect_error(connector: &Connector, uri: &str) -> ConnectError {
    connector.connect(&request(uri)).unwrap_err()
}

/// An authority, and whom it vouches for.
pub(crate) struct Authority {
    issuer: rcgen::Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate and its key.
pub(crate) struct Identity {
    pub(crate) certificate: rcgen::Certificate,
    pub(crate) key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = rcgen::Issuer::new(params, key);
        Self { issuer, pem }
    }

    pub(crate) fn identity(&self, names: &[&str]) -> Identity {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { certificate, key }
    }

    /// A server of `localhost` and 127.0.0.1; with `asks`, it wants a certificate of this authority.
    pub(crate) fn server_config(&self, asks: bool) -> Arc<ServerConfig> {
        self.server_config_for(&["localhost", "127.0.0.1"], asks)
    }

    pub(crate) fn server_config_for(&self, names: &[&str], asks: bool) -> Arc<ServerConfig> {
        let identity = self.identity(names);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if asks {
            let mut roots = RootCertStore::empty();
            roots.add(self.root_der()).unwrap();
            let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
                Arc::new(roots),
                provider,
            );
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
        let chain = vec![identity.certificate.der().clone()];
        Arc::new(builder.with_single_cert(chain, key).unwrap())
    }

    fn root_der(&self) -> rustls::pki_types::CertificateDer<'static> {
        use rustls::pki_types::pem::PemObject as _;
        rustls::pki_types::CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()
    }
}
