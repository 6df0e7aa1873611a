//! Clients that connect over a stream of the caller's, and what they can do with one of ours.
#![cfg(all(unix, feature = "tls"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client_support;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;

use chinwag::websocket::CloseCode;
use chinwag::websocket::blocking::rustls::pki_types::CertificateDer;
use chinwag::websocket::blocking::rustls::pki_types::pem::PemObject as _;
use chinwag::websocket::blocking::rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConnection, crypto,
};
use chinwag::websocket::blocking::{Acceptor, ConnectError, Connector, TlsStream, same_origin};
use client_support::{
    Authority, Stub, answer_101, check_echo, echo, echo_server, exchange, impatient, read_head,
    request,
};

/// A stream that is no socket.
struct Pipe(UnixStream);

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn own_config(authority: &Authority) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap();
    roots.add(root).unwrap();
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

#[test]
fn tls_may_have_settings_of_ones_own() {
    let authority = Authority::new();
    let config = authority.server_config(false);
    let server = Stub::start(1, move |stream| {
        let tls = ServerConnection::new(config.clone()).unwrap();
        let stream = TlsStream::server(tls, stream);
        echo(Acceptor::new().accept(stream, same_origin).unwrap());
    });
    let tls = ClientConnection::new(own_config(&authority), "localhost".try_into().unwrap());
    let socket = TcpStream::connect(server.address).unwrap();
    let stream = TlsStream::client(tls.unwrap(), socket);
    let request = request("wss://localhost/");
    let mut connected = Connector::new().connect_socket(stream, &request).unwrap();
    assert_eq!(connected.response.status(), 101);
    assert_eq!(connected.uri.to_string(), "wss://localhost/");
    exchange(&mut connected.web_socket);
    connected.web_socket.close(CloseCode::NORMAL, "").unwrap();
    server.result();
}

#[test]
fn any_stream_will_do() {
    let (client, server) = UnixStream::pair().unwrap();
    let serving = thread::spawn(move || {
        echo(
            Acceptor::new()
                .accept_stream(Pipe(server), same_origin)
                .unwrap(),
        );
    });
    let connected = Connector::new().connect_stream(Pipe(client), &request("ws://a/"));
    let mut web_socket = connected.unwrap().web_socket;
    exchange(&mut web_socket);
    web_socket.close(CloseCode::NORMAL, "").unwrap();
    serving.join().unwrap();
}

#[test]
fn a_socket_of_ones_own_keeps_the_deadline() {
    let (client, mut server) = UnixStream::pair().unwrap();
    let error = impatient().connect_socket(client, &request("ws://a/"));
    assert_eq!(error.unwrap_err(), ConnectError::TimedOut);
    assert!(read_head(&mut server).starts_with("GET / HTTP/1.1\r\n"));
}

#[test]
fn tls_of_ones_own_keeps_the_deadline_from_its_first_byte_on() {
    let (client, _silent) = UnixStream::pair().unwrap();
    let tls = ClientConnection::new(
        own_config(&Authority::new()),
        "localhost".try_into().unwrap(),
    );
    let stream = TlsStream::client(tls.unwrap(), client);
    let error = impatient().connect_socket(stream, &request("wss://localhost/"));
    assert_eq!(error.unwrap_err(), ConnectError::TimedOut);
}

#[test]
fn a_socket_of_ones_own_has_no_timeout_once_it_is_open() {
    let (client, mut server) = UnixStream::pair().unwrap();
    let serving = thread::spawn(move || {
        let head = read_head(&mut server);
        server.write_all(&answer_101(&head)).unwrap();
        server.write_all(b"\x81\x02Hi").unwrap();
        server
    });
    let connected = Connector::new().connect_socket(client, &request("ws://a/"));
    let mut web_socket = connected.unwrap().web_socket;
    assert_eq!(web_socket.read(), Ok(Some("Hi".into())));
    // The first read after the handshake may have found its bytes already.
    serving.join().unwrap().write_all(b"\x81\x01!").unwrap();
    assert_eq!(web_socket.read(), Ok(Some("!".into())));
    assert_eq!(web_socket.stream().read_timeout().unwrap(), None);
}

#[test]
fn a_refusal_says_why_without_waiting_for_the_end_of_the_stream() {
    for framed in [
        "Content-Length: 10\r\n\r\nno such ro",
        "Transfer-Encoding: chunked\r\n\r\n8\r\nno such \r\n2\r\nro\r\n0\r\n\r\n",
    ] {
        let (client, mut server) = UnixStream::pair().unwrap();
        server
            .write_all(format!("HTTP/1.1 404 No\r\n{framed}").as_bytes())
            .unwrap();
        let refused = Connector::new().connect_stream(Pipe(client), &request("ws://a/"));
        let Err(ConnectError::Refused { response, body }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!((response.status(), &body[..]), (404, &b"no such ro"[..]));
        drop(server);
    }
}

#[test]
fn what_a_refusal_says_is_waited_for_until_the_deadline() {
    let (client, mut server) = UnixStream::pair().unwrap();
    server
        .write_all(b"HTTP/1.1 404 No\r\nContent-Length: 10\r\n\r\nno")
        .unwrap();
    let refused = impatient().connect_socket(client, &request("ws://a/"));
    let Err(ConnectError::Refused { body, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(&body[..], b"no");
}

#[test]
fn the_socket_beneath_a_stream_can_be_asked_and_told() {
    let server = echo_server(1);
    let connected = check_echo(&Connector::new(), &server.uri());
    let stream = connected.web_socket.stream();
    assert_eq!(stream.peer_addr().unwrap(), server.address);
    stream.set_nodelay(false).unwrap();
    let socket = stream.socket().as_tcp().unwrap();
    assert!(!socket.nodelay().unwrap());
    drop(connected);
    server.result();
}
