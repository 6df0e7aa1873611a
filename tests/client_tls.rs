//! Clients over TLS: whom they trust, whom they ask for, what is seen on the wire.
#![cfg(all(unix, feature = "tls"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client_support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use chinwag::websocket::blocking::{
    Acceptor, ClientTls, ConnectError, Connector, RedirectError, Socket as _, Timeouts, TlsStream,
    same_origin,
};
use chinwag::websocket::{CloseCode, Message};
use client_support::{
    Authority, Stub, answering, check_echo, connect_error, echo, echo_server, read_head, request,
};
use rustls::{ServerConfig, ServerConnection};

/// A server over TLS that sends back what it gets; it returns the name it was asked for, and the
/// number of certificates it was shown, if its client got that far.
fn tls_server(config: Arc<ServerConfig>) -> Stub<Option<(Option<String>, usize)>> {
    Stub::start(1, move |stream| {
        let connection = ServerConnection::new(config.clone()).unwrap();
        let mut stream = TlsStream::server(connection, stream);
        stream.handshake().ok()?;
        let rustls::Connection::Server(tls) = stream.tls() else {
            unreachable!("it is the server's end");
        };
        let name = tls.server_name().map(str::to_owned);
        let shown_count = tls.peer_certificates().map_or(0, <[_]>::len);
        echo(Acceptor::new().accept(stream, same_origin).ok()?);
        Some((name, shown_count))
    })
}

fn wss<T: Send + 'static>(stub: &Stub<T>, host: &str) -> String {
    format!("wss://{host}:{}/", stub.address.port())
}

fn trusting(authority: &Authority) -> Connector {
    Connector::new().with_tls(ClientTls::with_roots(authority.pem.as_bytes()).unwrap())
}

// covers: R6455-4.1-10
#[test]
fn the_server_is_asked_for_by_name() {
    let authority = Authority::new();
    let server = tls_server(authority.server_config(false));
    let uri = wss(&server, "localhost");
    drop(check_echo(&trusting(&authority), &uri));
    assert_eq!(server.result(), Some((Some("localhost".to_owned()), 0)));
}

// covers: R6066-3-01
#[test]
fn an_address_is_not_asked_for_by_name() {
    let authority = Authority::new();
    let server = tls_server(authority.server_config(false));
    let uri = wss(&server, "127.0.0.1");
    let mut connected = check_echo(&trusting(&authority), &uri);
    connected.web_socket.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(server.result(), Some((None, 0)));
}

// covers: R6455-4.1-08
#[test]
fn a_certificate_of_an_unknown_authority_fails_the_attempt() {
    let server = tls_server(Authority::new().server_config(false));
    let error = connect_error(&trusting(&Authority::new()), &wss(&server, "localhost"));
    assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
    assert_eq!(server.result(), None);
}

#[test]
fn a_certificate_for_another_name_fails_the_attempt() {
    let authority = Authority::new();
    let server = tls_server(authority.server_config_for(&["elsewhere.example"], false));
    let error = connect_error(&trusting(&authority), &wss(&server, "localhost"));
    assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
    assert_eq!(server.result(), None);
}

#[test]
fn any_certificate_will_do_where_verification_is_given_up() {
    let server = tls_server(Authority::new().server_config(false));
    let tls = ClientTls::dangerous_without_verification();
    let connector = Connector::new().with_tls(tls);
    drop(check_echo(&connector, &wss(&server, "localhost")));
    assert!(server.result().is_some());
}

#[test]
fn a_client_shows_its_certificate_to_a_server_that_asks() {
    let authority = Authority::new();
    let server = tls_server(authority.server_config(true));
    let identity = authority.identity(&["ada"]);
    let (certificate, key) = (identity.certificate.pem(), identity.key.serialize_pem());
    let tls = ClientTls::with_roots(authority.pem.as_bytes())
        .and_then(|tls| tls.with_identity(certificate.as_bytes(), key.as_bytes()))
        .unwrap();
    drop(check_echo(
        &Connector::new().with_tls(tls),
        &wss(&server, "localhost"),
    ));
    assert_eq!(server.result(), Some((Some("localhost".to_owned()), 1)));
}

#[test]
fn a_client_without_a_certificate_is_refused_by_a_server_that_asks() {
    let authority = Authority::new();
    let server = tls_server(authority.server_config(true));
    let connected = trusting(&authority).connect(&request(&wss(&server, "localhost")));
    // The refusal comes when the client's part of the handshake is done.
    assert!(connected.is_err());
    assert_eq!(server.result(), None);
}

// covers: R6455-4.1-08
#[test]
fn a_server_that_speaks_no_tls_sees_no_more_than_the_first_flight_of_it() {
    let stub = Stub::start(1, |mut stream| {
        let mut first = [0; 3];
        stream.read_exact(&mut first).unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
        let mut rest = Vec::new();
        // The client may reset the connection.
        let _ = stream.read_to_end(&mut rest);
        (first, rest)
    });
    let tls = ClientTls::dangerous_without_verification();
    let error = connect_error(&Connector::new().with_tls(tls), &wss(&stub, "localhost"));
    assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
    let (first, rest) = stub.result();
    assert_eq!(first[..2], [0x16, 0x03]);
    assert!(!rest.windows(4).any(|bytes| bytes == b"GET "));
}

// covers: R6455-4.1-09
#[test]
fn all_that_a_client_sends_is_inside_tls() {
    let authority = Authority::new();
    let server = tls_server(authority.server_config(false));
    let behind = server.address;
    let tap = Stub::start(1, move |mut client| {
        let mut server = TcpStream::connect(behind).unwrap();
        let (mut to_client, mut from_server) =
            (client.try_clone().unwrap(), server.try_clone().unwrap());
        let (sender, done) = mpsc::channel();
        thread::spawn(move || {
            let copied = std::io::copy(&mut from_server, &mut to_client);
            // The client may have gone before.
            let _ = to_client.shutdown(std::net::Shutdown::Write);
            sender.send(copied.is_ok()).unwrap();
        });
        let mut seen = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(len @ 1..) = client.read(&mut buffer) {
            seen.extend_from_slice(&buffer[..len]);
            server.write_all(&buffer[..len]).unwrap();
        }
        let _ = server.shutdown(std::net::Shutdown::Write);
        done.recv().unwrap();
        seen
    });
    let mut connected = check_echo(&trusting(&authority), &wss(&tap, "localhost"));
    connected.web_socket.close(CloseCode::NORMAL, "").unwrap();
    drop(connected);
    let seen = tap.result();
    // Records from the first byte to the last: a type, a version of 3.x, a length (RFC 8446 §5.1).
    let mut rest = &seen[..];
    let mut record_count = 0;
    while let [kind, 3, _, high, low, after @ ..] = rest {
        assert!((20..=23).contains(kind));
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        rest = &after[len..];
        record_count += 1;
    }
    assert!(rest.is_empty() && record_count > 3, "{record_count}");
    server.result();
}

#[test]
fn a_redirect_out_of_tls_is_not_followed() {
    let authority = Authority::new();
    let config = authority.server_config(false);
    let server = Stub::start(1, move |stream| {
        let connection = ServerConnection::new(config.clone()).unwrap();
        let mut stream = TlsStream::server(connection, stream);
        read_head(&mut stream);
        let answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n";
        stream.write_all(answer).unwrap();
    });
    let connector = trusting(&authority).with_redirects(5);
    let error = connect_error(&connector, &wss(&server, "localhost"));
    assert_eq!(error, ConnectError::Redirect(RedirectError::NotSecure));
    server.result();
}

#[test]
fn a_redirect_into_tls_is_followed() {
    let authority = Authority::new();
    let server = tls_server(authority.server_config(false));
    let location = wss(&server, "localhost");
    let answer = format!("HTTP/1.1 308 Moved\r\nLocation: {location}\r\n\r\n");
    let door = answering(1, answer);
    let connector = trusting(&authority).with_redirects(1);
    drop(check_echo(&connector, &door.uri()));
    door.result();
    assert!(server.result().is_some());
}

#[test]
fn what_is_told_as_sent_reaches_a_server_that_reads_late() {
    let authority = Authority::new();
    let config = authority.server_config(false);
    let (is_sent, may_read) = {
        let barrier = Arc::new(Barrier::new(2));
        (Arc::clone(&barrier), barrier)
    };
    let server = Stub::start(1, move |stream| {
        let connection = ServerConnection::new(config.clone()).unwrap();
        let stream = TlsStream::server(connection, stream);
        let mut socket = Acceptor::new().accept(stream, same_origin).unwrap();
        may_read.wait();
        let mut count = 0;
        while let Ok(Some(_)) = socket.read() {
            count += 1;
        }
        count
    });
    let mut timeouts = Timeouts::client();
    timeouts.send_timeout = Some(Duration::from_millis(200));
    let connector = trusting(&authority).with_timeouts(timeouts);
    let uri = wss(&server, "localhost");
    let mut socket = connector.connect(&request(&uri)).unwrap().web_socket;
    // One record each, so that the last one sent is the one that waits.
    let message = Message::binary(vec![7; 10_000]);
    let mut sent_count = 0;
    while socket.send(&message).is_ok() {
        sent_count += 1;
        assert!(sent_count < 100_000, "the sockets' buffers are full by now");
    }
    drop(socket);
    is_sent.wait();
    assert_eq!(server.result(), sent_count);
}

#[test]
fn streams_know_whether_they_are_secure() {
    let authority = Authority::new();
    let server = tls_server(authority.server_config(false));
    let connected = check_echo(&trusting(&authority), &wss(&server, "localhost"));
    assert!(connected.web_socket.stream().is_secure());
    drop(connected);
    server.result();
    let server = echo_server(1);
    let connected = check_echo(&Connector::new(), &server.uri());
    assert!(!connected.web_socket.stream().is_secure());
    drop(connected);
    server.result();
}
