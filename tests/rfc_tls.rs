//! WebSocket over TLS as the RFCs want it: inside from the first byte, ended on both layers.
#![cfg(all(unix, feature = "tls"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod blocking_support;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use blocking_support::tls::{configs, streams, web_sockets};
use blocking_support::{client_core, in_time, server_core, tcp_pair};
use chinwag::websocket::blocking::{
    Acceptor, Error, Socket as _, Timeout, Timeouts, TlsStream, WebSocket, same_origin,
};
use chinwag::websocket::{CloseCode, Message};
use rustls::{ClientConnection, ServerConnection};

const HI: &[u8] = b"\x81\x82\x00\x00\x00\x00Hi";
const CLOSE: &[u8] = b"\x88\x82\x00\x00\x00\x00\x03\xe8";

fn server_over(stream: TlsStream<TcpStream>) -> WebSocket<TlsStream<TcpStream>> {
    WebSocket::over_socket(stream, server_core(), Vec::new(), Timeouts::server()).unwrap()
}

fn client_over(stream: TlsStream<TcpStream>) -> WebSocket<TlsStream<TcpStream>> {
    WebSocket::over_socket(stream, client_core(), Vec::new(), Timeouts::client()).unwrap()
}

/// Both ends with their TLS handshake done.
fn shaken() -> (TlsStream<TcpStream>, TlsStream<TcpStream>) {
    let (mut client, mut server) = streams();
    let shaking = thread::spawn(move || {
        client.handshake().unwrap();
        client
    });
    server.handshake().unwrap();
    (shaking.join().unwrap(), server)
}

fn read_to_end(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is an end, too: what came before it is here.
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

/// The server's end, and the client's socket for bytes of one's own.
fn server_and_raw_client() -> (TlsStream<TcpStream>, TcpStream) {
    let (client, server) = tcp_pair();
    let tls = ServerConnection::new(configs().1).unwrap();
    (TlsStream::server(tls, server), client)
}

// covers: R6455-10.6-01
#[test]
fn messages_pass_in_both_directions_and_both_ends_close() {
    in_time(|| {
        let (mut client, mut server) = web_sockets();
        let echoing = thread::spawn(move || {
            while let Some(message) = server.read().unwrap() {
                server.send(&message).unwrap();
            }
        });
        for len in [0, 1, 125, 16_384, 1 << 20] {
            let message = Message::binary(vec![0xa5; len]);
            client.send(&message).unwrap();
            assert_eq!(client.read(), Ok(Some(message)));
        }
        client.close(CloseCode::NORMAL, "").unwrap();
        echoing.join().unwrap();
    });
}

// covers: R6455-4.2.2-01
#[test]
fn plain_request_to_a_server_that_speaks_tls_gets_no_http_answer() {
    in_time(|| {
        let (server, mut client) = server_and_raw_client();
        let accepting = thread::spawn(move || Acceptor::new().accept(server, same_origin).err());
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            .unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let answer = read_to_end(&client);
        assert!(answer.is_empty() || answer[0] == 0x15, "{answer:02x?}");
        assert!(matches!(accepting.join().unwrap(), Some(Error::Io(_))));
    });
}

// covers: R6455-4.1-09
#[test]
fn nothing_leaves_a_client_in_the_clear() {
    in_time(|| {
        let (client, near) = tcp_pair();
        let (far, server) = tcp_pair();
        let (client_config, server_config) = configs();
        let name = "localhost".try_into().unwrap();
        let tls = ClientConnection::new(client_config, name).unwrap();
        let mut client = client_over(TlsStream::client(tls, client));
        let tls = ServerConnection::new(server_config).unwrap();
        let mut server = server_over(TlsStream::server(tls, server));
        let back = (far.try_clone().unwrap(), near.try_clone().unwrap());
        thread::spawn(move || std::io::copy(&mut &back.0, &mut &back.1));
        let tapping = thread::spawn(move || {
            let (mut bytes, mut part) = (Vec::new(), [0; 4_096]);
            while let Ok(len @ 1..) = (&near).read(&mut part) {
                bytes.extend_from_slice(&part[..len]);
                (&far).write_all(&part[..len]).unwrap();
            }
            let _ = far.shutdown(Shutdown::Write);
            bytes
        });
        let reading = thread::spawn(move || while server.read().unwrap().is_some() {});
        let secret = "plain words ".repeat(100);
        client.send(&Message::text(&secret)).unwrap();
        client.close(CloseCode::NORMAL, "").unwrap();
        drop(client);
        reading.join().unwrap();
        let mut records = &tapping.join().unwrap()[..];
        // Every byte is in a record of TLS: handshake, change of cipher, data, alert.
        while let [kind, 3, _, high, low, rest @ ..] = records {
            assert!((20..=23).contains(kind), "{kind}");
            let len = usize::from(u16::from_be_bytes([*high, *low]));
            assert!(!String::from_utf8_lossy(&rest[..len]).contains("plain"));
            records = &rest[len..];
        }
        assert!(records.is_empty());
    });
}

// covers: R8446-6.1-01, R9112-9.8-01
#[test]
fn end_is_announced_to_tls_before_the_socket_ends() {
    in_time(|| {
        // The server's end, seen by a client that reads frames by hand.
        let (mut client, server) = shaken();
        let mut server = server_over(server);
        let serving = thread::spawn(move || server.read());
        client.write_all(CLOSE).unwrap();
        let mut answer = Vec::new();
        // Without a `close_notify` this would be an error.
        client.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, b"\x88\x02\x03\xe8");
        drop(client);
        assert_eq!(serving.join().unwrap(), Ok(None));
        // The client's.
        let (client, mut server) = shaken();
        let mut client = client_over(client);
        let closing = thread::spawn(move || client.close(CloseCode::NORMAL, ""));
        let mut close = [0; 8];
        server.read_exact(&mut close).unwrap();
        server.write_all(b"\x88\x02\x03\xe8").unwrap();
        server.flush().unwrap();
        server.shutdown_write().unwrap();
        assert_eq!(server.read(&mut [0]).unwrap(), 0);
        assert_eq!(closing.join().unwrap(), Ok(()));
    });
}

// covers: R8446-6.1-02
#[test]
fn what_follows_the_announced_end_is_ignored() {
    in_time(|| {
        for is_server in [true, false] {
            let (mut socket, ours) = tcp_pair();
            let (client_config, server_config) = configs();
            let name = "localhost".try_into().unwrap();
            let client = ClientConnection::new(client_config, name).unwrap();
            let server = ServerConnection::new(server_config).unwrap();
            let (mut ours, mut theirs) = if is_server {
                (
                    TlsStream::server(server, ours),
                    rustls::Connection::from(client),
                )
            } else {
                (
                    TlsStream::client(client, ours),
                    rustls::Connection::from(server),
                )
            };
            let reading = thread::spawn(move || {
                let mut read = || ours.read(&mut [0; 64]).unwrap();
                [read(), read()]
            });
            while theirs.is_handshaking() {
                theirs.complete_io(&mut socket).unwrap();
            }
            theirs.send_close_notify();
            while theirs.wants_write() {
                theirs.write_tls(&mut socket).unwrap();
            }
            socket
                .write_all(b"\x17\x03\x03\x00\x10no record of TLS at all")
                .unwrap();
            assert_eq!(reading.join().unwrap(), [0, 0], "{is_server}");
        }
    });
}

// covers: R8446-6.1-03, R6455-7.1.4-01
#[test]
fn end_that_nobody_announced_is_truncation_unless_both_have_closed() {
    for bytes in [&b""[..], HI, &HI[..7]] {
        in_time(move || {
            let (mut client, server) = shaken();
            client.write_all(bytes).unwrap();
            client.socket().shutdown(Shutdown::Write).unwrap();
            let mut server = server_over(server);
            let last = server.messages().last();
            assert!(last.is_some_and(|it| it.is_err()), "{bytes:?}");
            assert_eq!(server.closed(), None);
            let (client, mut server) = shaken();
            let unmasked = [&b"\x81\x02Hi"[..], b"\x81"].concat();
            server.write_all(&unmasked[..bytes.len().min(5)]).unwrap();
            server.socket().shutdown(Shutdown::Write).unwrap();
            let mut client = client_over(client);
            let last = client.messages().last();
            assert!(last.is_some_and(|it| it.is_err()), "{bytes:?}");
            assert_eq!(client.closed(), None);
        });
    }
    in_time(|| {
        let (mut client, server) = shaken();
        client.write_all(CLOSE).unwrap();
        client.socket().shutdown(Shutdown::Write).unwrap();
        let mut server = server_over(server);
        assert_eq!(server.read(), Ok(None));
        assert_eq!(server.closed().unwrap().code, Some(CloseCode::NORMAL));
        let (client, mut server) = shaken();
        server.write_all(b"\x88\x02\x03\xe8").unwrap();
        server.socket().shutdown(Shutdown::Write).unwrap();
        let mut client = client_over(client);
        assert_eq!(client.read(), Ok(None));
        assert_eq!(client.closed().unwrap().code, Some(CloseCode::NORMAL));
    });
}

// covers: R8446-5.1-01
#[test]
fn records_may_be_as_small_and_as_large_as_they_come() {
    in_time(|| {
        let (mut client, server) = shaken();
        let mut server = server_over(server);
        let serving = thread::spawn(move || [server.read(), server.read()]);
        for byte in HI {
            client.write_all(&[*byte]).unwrap();
            client.flush().unwrap();
        }
        let large = [
            &b"\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"[..],
            &[7; 65_536],
        ];
        client.write_all(&large.concat()).unwrap();
        client.flush().unwrap();
        let expected = [Message::text("Hi"), Message::binary(vec![7; 65_536])];
        assert_eq!(
            serving.join().unwrap(),
            expected.map(|message| Ok(Some(message)))
        );

        let (client, mut server) = shaken();
        let mut client = client_over(client);
        let reading = thread::spawn(move || [client.read(), client.read()]);
        for byte in b"\x81\x02Hi" {
            server.write_all(&[*byte]).unwrap();
            server.flush().unwrap();
        }
        let large = [
            &b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"[..],
            &[7; 65_536],
        ];
        server.write_all(&large.concat()).unwrap();
        server.flush().unwrap();
        let expected = [Message::text("Hi"), Message::binary(vec![7; 65_536])];
        assert_eq!(
            reading.join().unwrap(),
            expected.map(|message| Ok(Some(message)))
        );
    });
}

// covers: R9325-3.1-01
#[test]
fn version_before_tls_1_2_is_refused() {
    in_time(|| {
        let (mut server, mut client) = server_and_raw_client();
        let shaking = thread::spawn(move || server.handshake().err().map(|it| it.kind()));
        // A ClientHello of TLS 1.1: version, random, no session, two cipher suites, no compression.
        let mut hello = vec![3, 2];
        hello.extend([0x55; 32]);
        hello.extend([0, 0, 4, 0xc0, 0x13, 0x00, 0x2f, 1, 0]);
        let len = u8::try_from(hello.len()).unwrap();
        let head = [0x16, 3, 1, 0, len + 4, 1, 0, 0, len];
        client.write_all(&[&head[..], &hello].concat()).unwrap();
        let answer = read_to_end(&client);
        assert_eq!(
            (answer[0], answer[5]),
            (0x15, 2),
            "a fatal alert: {answer:02x?}"
        );
        assert_eq!(shaking.join().unwrap(), Some(ErrorKind::InvalidData));
    });
}

// covers: R6066-3-02
#[test]
fn client_that_names_another_host_is_shown_the_one_certificate() {
    in_time(|| {
        let (client, server) = tcp_pair();
        let (client_config, server_config) = configs();
        let name = "elsewhere.example".try_into().unwrap();
        let tls = ClientConnection::new(client_config, name).unwrap();
        let mut client = TlsStream::client(tls, client);
        let tls = ServerConnection::new(server_config).unwrap();
        let mut server = TlsStream::server(tls, server);
        let shaking = thread::spawn(move || {
            let _ = server.handshake();
            server.tls().server_name_was("elsewhere.example")
        });
        let error = client.handshake().unwrap_err();
        let inner = error.get_ref().unwrap().to_string();
        assert!(inner.contains("not valid for name"), "{inner}");
        drop(client);
        assert!(shaking.join().unwrap());
    });
}

// covers: RTLS-X-01
#[test]
fn tls_handshake_has_a_deadline_and_a_bound() {
    let accept = |bytes: &'static [u8], repeats: bool| {
        in_time(move || {
            let (server, mut client) = server_and_raw_client();
            let mut timeouts = Timeouts::server();
            timeouts.open_timeout = Duration::from_millis(200);
            let acceptor = Acceptor::new().with_timeouts(timeouts);
            let accepting = thread::spawn(move || acceptor.accept(server, same_origin).err());
            client
                .set_read_timeout(Some(Duration::from_millis(5)))
                .unwrap();
            client.write_all(bytes).unwrap();
            // Nothing comes, so each read is a little wait, until the server is gone.
            while repeats && client.write_all(&[0]).is_ok() {
                if matches!(client.read(&mut [0]), Ok(0)) {
                    break;
                }
            }
            accepting.join().unwrap().unwrap()
        })
    };
    assert_eq!(accept(b"", false), Error::TimedOut(Timeout::Open));
    // A ClientHello that announces 64 KiB and comes byte by byte.
    let slow = accept(b"\x16\x03\x01\x40\x00\x01\x00\xff\xfb\x03\x03", true);
    assert_eq!(slow, Error::TimedOut(Timeout::Open));
    // One that announces 16 MiB.
    let large = accept(b"\x16\x03\x01\x00\x06\x01\xff\xff\xff\x03\x03", false);
    assert!(matches!(large, Error::Io(_)), "{large}");
}

/// What tests ask of a session beside what the library offers.
trait Ask {
    fn server_name_was(&self, name: &str) -> bool;
}

impl Ask for rustls::Connection {
    fn server_name_was(&self, name: &str) -> bool {
        match self {
            Self::Server(tls) => tls.server_name() == Some(name),
            Self::Client(_) => false,
        }
    }
}
