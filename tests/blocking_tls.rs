//! Connections over TLS: handshakes that stall or fail, announced and cut ends.
#![cfg(feature = "tls")]

mod blocking_support;

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use blocking_support::{in_time, server_core, tcp_pair, tls};
use chinwag::websocket::blocking::{
    Acceptor, Error, Socket as _, Timeout, Timeouts, TlsStream, WebSocket, same_origin,
};
use chinwag::websocket::{CloseCode, Message};
use rustls::ServerConnection;

/// The server's end of a TLS stream, and the raw other end.
fn raw_client() -> (TcpStream, TlsStream<TcpStream>) {
    let (client, server) = tcp_pair();
    let tls = ServerConnection::new(tls::configs().1).expect("the configuration is good");
    (client, TlsStream::server(tls, server))
}

// covers: R6455-4.2.2-04
#[test]
fn page_that_came_in_the_clear_is_of_another_origin_than_a_server_over_tls() {
    for (origin, status) in [
        ("http://localhost", "403"),
        ("https://localhost", "101"),
        ("https://evil.example", "403"),
    ] {
        let answer = in_time(move || {
            let (mut client, server) = tls::streams();
            let accepting =
                thread::spawn(move || Acceptor::new().accept(server, same_origin).is_ok());
            let request = format!(
                "GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\
                Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            );
            client.write_all(request.as_bytes()).unwrap();
            let mut answer = [0; 12];
            client.read_exact(&mut answer).unwrap();
            drop(client);
            assert_eq!(accepting.join().unwrap(), answer.ends_with(b"101"));
            answer
        });
        assert_eq!(answer[9..], *status.as_bytes(), "{origin}");
    }
}

// covers: R6455-4.1-08, R6455-4.1-09, R6455-4.2.2-01
#[test]
fn request_is_accepted_and_messages_are_echoed_inside_tls() {
    in_time(|| {
        let (mut client, server) = tls::streams();
        let serving = thread::spawn(move || {
            let mut server = Acceptor::new().accept(server, same_origin).unwrap();
            while let Some(message) = server.read().unwrap() {
                server.send(&message).unwrap();
            }
        });
        client
            .write_all(
                b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
                Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            )
            .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "));
        let core = blocking_support::client_core();
        let mut client =
            WebSocket::over_socket(client, core, Vec::new(), Timeouts::client()).unwrap();
        for len in [0, 1, 16_384, 16_385, 65_536, 1 << 20] {
            let message = Message::binary(vec![0xab; len]);
            client.send(&message).unwrap();
            assert!(client.read().unwrap().unwrap() == message, "length {len}");
        }
        client.close(CloseCode::NORMAL, "").unwrap();
        serving.join().unwrap();
    });
}

// covers: R8446-6.1-01, R9112-9.8-01
#[test]
fn end_is_announced_by_both_sides() {
    in_time(|| {
        let (client, server) = tls::web_sockets();
        let [mut client, mut server] = [client, server];
        let serving = thread::spawn(move || {
            assert_eq!(server.read(), Ok(None));
            server.into_parts().stream
        });
        client.close(CloseCode::NORMAL, "").unwrap();
        let mut client = client.into_parts().stream;
        let mut server = serving.join().unwrap();
        // The end of the stream is known as such: without a `close_notify` it would be an error.
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
        assert_eq!(server.read(&mut [0]).unwrap(), 0);
    });
}

// covers: R8446-6.1-03
#[test]
fn end_that_is_not_announced_is_truncation_unless_both_closed() {
    for is_split in [false, true] {
        in_time(move || {
            let (client, mut server) = tls::web_sockets();
            client.stream().socket().shutdown(Shutdown::Write).unwrap();
            let read = match is_split {
                false => server.read(),
                true => server.split().unwrap().0.read(),
            };
            assert_eq!(read, Err(Error::Truncated));
        });
        in_time(move || {
            let (mut client, mut server) = tls::web_sockets();
            client
                .stream_mut()
                .write_all(b"\x88\x80\x00\x00\x00\x00")
                .unwrap();
            client.stream().socket().shutdown(Shutdown::Write).unwrap();
            let read = match is_split {
                false => server.read(),
                true => server.split().unwrap().0.read(),
            };
            assert_eq!(read, Ok(None));
        });
    }
}

// covers: R8446-6.1-02
#[test]
fn announced_end_without_a_close_frame_is_truncation_too() {
    for is_split in [false, true] {
        in_time(move || {
            let (mut client, mut server) = tls::web_sockets();
            client.stream_mut().shutdown_write().unwrap();
            let read = match is_split {
                false => server.read(),
                true => server.split().unwrap().0.read(),
            };
            assert_eq!(read, Err(Error::Truncated));
        });
    }
}

// covers: RTLS-X-01
#[test]
fn handshake_has_a_deadline_that_single_bytes_do_not_stretch() {
    in_time(|| {
        let (mut client, server) = raw_client();
        let mut timeouts = Timeouts::server();
        timeouts.open_timeout = Duration::from_millis(100);
        let dripping = thread::spawn(move || {
            // A record of 16,000 bytes that begins a ClientHello of as many.
            client
                .write_all(b"\x16\x03\x01\x3e\x80\x01\x00\x3e\x7c\x03\x03")
                .unwrap();
            client
                .set_read_timeout(Some(Duration::from_millis(5)))
                .unwrap();
            while client.write_all(b"a").is_ok() && !matches!(client.read(&mut [0]), Ok(0)) {}
        });
        let acceptor = Acceptor::new().with_timeouts(timeouts);
        let error = acceptor.accept(server, same_origin).unwrap_err();
        assert_eq!(error, Error::TimedOut(Timeout::Open));
        dripping.join().unwrap();
    });
}

// covers: R6455-4.2.2-01
#[test]
fn peer_that_speaks_no_tls_gets_an_alert_and_no_answer() {
    in_time(|| {
        let (mut client, server) = raw_client();
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            .unwrap();
        let error = Acceptor::new().accept(server, same_origin).unwrap_err();
        let Error::Io(error) = error else {
            panic!("{error}");
        };
        assert_eq!(error.get().kind(), io::ErrorKind::InvalidData);
        let mut answer = Vec::new();
        let _ = client.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    });
}

// covers: R8446-5.1-01
#[test]
fn records_may_come_in_single_bytes() {
    in_time(|| {
        let (mut client, server) = tls::web_sockets();
        let (mut reader, writer) = server.split().unwrap();
        let reading = thread::spawn(move || reader.read().map(|message| (message, reader)));
        for byte in b"\x81\x82\x00\x00\x00\x00Hi" {
            client.stream_mut().write_all(&[*byte]).unwrap();
        }
        let (message, reader) = reading.join().unwrap().unwrap();
        assert_eq!(message, Some(Message::text("Hi")));
        drop((reader, writer));
    });
}

#[test]
fn what_breaks_a_record_fails_both_halves() {
    in_time(|| {
        let (client, server) = tls::web_sockets();
        let (mut reader, writer) = server.split().unwrap();
        let mut socket = client.stream().socket();
        socket.write_all(b"\x17\x03\x03\x00\x20").unwrap();
        socket.write_all(&[0; 32]).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let error = reader.read().unwrap_err();
        assert!(
            matches!(&error, Error::Io(error) if error.get().kind() == io::ErrorKind::InvalidData)
        );
        assert_eq!(writer.close(CloseCode::NORMAL, ""), Err(error));
        drop(client);
    });
}

#[test]
fn connection_can_be_split_only_after_the_handshake_of_tls() {
    in_time(|| {
        let (_client, server) = raw_client();
        let mut output = WebSocket::over_stream(server, server_core(), Vec::new());
        output.stream_mut().set_read_timeout(None).unwrap();
        let (_reader, writer) = output.split().unwrap();
        let error = writer.send(&Message::text("too early")).unwrap_err();
        assert!(
            matches!(error, Error::Io(error) if error.get().kind() == io::ErrorKind::NotConnected)
        );
    });
}
