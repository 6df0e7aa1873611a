//! Connections over TLS: handshakes that stall or fail, announced and cut ends.
#![cfg(feature = "tls")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod blocking_support;

use std::cell::Cell;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use blocking_support::{in_time, server_core, tcp_pair, tls};
use chinwag::websocket::blocking::{
    Acceptor, Error, Socket, Timeout, Timeouts, TlsStream, WebSocket, same_origin,
};
use chinwag::websocket::{CloseCode, Message};
use rustls::ServerConnection;

/// The server's end of a TLS stream, and the raw other end.
fn raw_client() -> (TcpStream, TlsStream<TcpStream>) {
    let (client, server) = tcp_pair();
    let tls = ServerConnection::new(tls::configs().1).expect("the configuration is good");
    (client, TlsStream::server(tls, server))
}

/// A socket whose every second call a signal interrupts, and that takes nothing any more once it is
/// full.
struct Trying {
    socket: TcpStream,
    call_count: usize,
    is_full: Cell<bool>,
    refused_count: Cell<usize>,
    write_timeout: Option<Duration>,
}

impl Trying {
    fn over(socket: TcpStream) -> Self {
        Self {
            socket,
            call_count: 0,
            is_full: Cell::new(false),
            refused_count: Cell::new(0),
            write_timeout: None,
        }
    }

    fn count(&mut self) -> io::Result<()> {
        self.call_count += 1;
        match self.call_count.is_multiple_of(2) {
            true => Ok(()),
            false => Err(io::ErrorKind::Interrupted.into()),
        }
    }
}

impl io::Read for Trying {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.count()?;
        self.socket.read(buffer)
    }
}

impl io::Write for Trying {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.count()?;
        if self.is_full.get() {
            self.refused_count.update(|count| count + 1);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket for Trying {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_read_timeout(timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.write_timeout = timeout;
        Ok(())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }
}

/// A client over such a socket and a server, whose handshakes are done.
fn trying_client() -> (TlsStream<Trying>, TlsStream<TcpStream>) {
    let (client, server) = tcp_pair();
    let (client_config, server_config) = tls::configs();
    let tls = ServerConnection::new(server_config).unwrap();
    let mut server = TlsStream::server(tls, server);
    let shaking = thread::spawn(move || {
        server.handshake().unwrap();
        server
    });
    let name = "localhost".try_into().unwrap();
    let tls = rustls::ClientConnection::new(client_config, name).unwrap();
    let mut client = TlsStream::client(tls, Trying::over(client));
    client.handshake().expect("no signal hinders it");
    (client, shaking.join().unwrap())
}

#[test]
fn signals_hinder_nothing() {
    in_time(|| {
        let (mut client, mut server) = trying_client();
        server.write_all(b"one").unwrap();
        client.read_exact(&mut [0; 3]).unwrap();
        client.write_all(b"two").unwrap();
        server.read_exact(&mut [0; 3]).unwrap();
    });
}

/// A timeout that the socket came with is its owner's, until the stream has one of its own.
#[test]
fn read_timeout_of_the_socket_is_left_alone_or_goes_with_the_streams() {
    in_time(|| {
        let (mut client, mut server) = trying_client();
        let instant = Some(Duration::from_millis(1));
        client.socket().socket.set_read_timeout(instant).unwrap();
        let error = client.read(&mut [0]).unwrap_err();
        assert!(matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
        ));
        let hour = Some(Duration::from_secs(3_600));
        client.socket().socket.set_read_timeout(hour).unwrap();
        let mut read = |timeout: Option<Option<Duration>>| {
            if let Some(timeout) = timeout {
                client.set_read_timeout(timeout).unwrap();
            }
            server.write_all(b"x").unwrap();
            client.read_exact(&mut [0]).unwrap();
            client.socket().socket.read_timeout().unwrap()
        };
        assert_eq!(read(None), hour);
        assert!(read(Some(Some(Duration::from_secs(1_800)))) < hour);
        assert_eq!(read(Some(None)), None);
    });
}

#[test]
fn what_the_socket_does_not_take_counts_as_written_and_is_written_once() {
    in_time(|| {
        let (mut client, mut server) = trying_client();
        client.socket().is_full.set(true);
        assert_eq!(client.write(b"one").unwrap(), 3);
        let stalled = client.write(b"two").unwrap_err();
        assert_eq!(stalled.kind(), io::ErrorKind::WouldBlock);
        client.socket().is_full.set(false);
        assert_eq!(client.write(b"two").unwrap(), 3);
        let mut received = [0; 6];
        server.read_exact(&mut received).unwrap();
        assert_eq!(received, *b"onetwo");
        client.socket().socket.shutdown(Shutdown::Write).unwrap();
        let failed = client.write(b"three").unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::BrokenPipe);
    });
}

#[test]
fn socket_that_has_ended_is_not_asked_again() {
    in_time(|| {
        let (mut client, server) = trying_client();
        server.socket().shutdown(Shutdown::Write).unwrap();
        let mut read = || {
            let error = client.read(&mut [0]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            client.socket().call_count
        };
        assert_eq!(read(), read());
    });
}

/// Whoever waited for it once knows; waiting again is not what the timeout says.
#[test]
fn peer_that_takes_nothing_is_waited_for_once() {
    for len in [1, 60_000, 1 << 20] {
        in_time(move || {
            let (client, _server) = trying_client();
            let mut timeouts = Timeouts::client();
            timeouts.send_timeout = Some(Duration::from_nanos(1));
            let core = blocking_support::client_core();
            let mut client = WebSocket::over_socket(client, core, Vec::new(), timeouts).unwrap();
            client.stream().socket().is_full.set(true);
            let error = client.send(&Message::binary(vec![0; len])).unwrap_err();
            assert_eq!(error, Error::TimedOut(Timeout::Send));
            // The message's, and that of the `close_notify`.
            assert_eq!(client.stream().socket().refused_count.get(), 2);
        });
    }
}

/// Who has no timeout for sending waits for ever, but not for a farewell.
#[test]
fn connection_that_fails_does_not_wait_to_say_so() {
    in_time(|| {
        let (client, server) = trying_client();
        let mut timeouts = Timeouts::client();
        timeouts.send_timeout = None;
        let core = blocking_support::client_core();
        let mut client = WebSocket::over_socket(client, core, Vec::new(), timeouts).unwrap();
        client.stream().socket().is_full.set(true);
        drop(server);
        assert_eq!(client.read(), Err(Error::Truncated));
        let socket = client.stream().socket();
        assert_eq!(socket.refused_count.get(), 1);
        assert!(socket.write_timeout.unwrap() < Duration::from_millis(10));
    });
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

// covers: R8446-6.1-01
#[test]
fn end_is_announced_by_halves() {
    in_time(|| {
        let (mut client, server) = tls::web_sockets();
        let (mut reader, _writer) = server.split().unwrap();
        let serving = thread::spawn(move || reader.read());
        client.close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(serving.join().unwrap(), Ok(None));
        assert_eq!(client.into_parts().stream.read(&mut [0]).unwrap(), 0);
        let (client, mut server) = tls::web_sockets();
        let (mut reader, _writer) = client.split().unwrap();
        let closing = thread::spawn(move || reader.close(CloseCode::NORMAL, ""));
        assert_eq!(server.read(), Ok(None));
        assert_eq!(closing.join().unwrap(), Ok(()));
        assert_eq!(server.into_parts().stream.read(&mut [0]).unwrap(), 0);
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

// covers: R8446-6.1-02
#[test]
fn announced_end_is_the_end_while_the_socket_stays_open() {
    for is_split in [false, true] {
        in_time(move || {
            let (client, server) = tcp_pair();
            let (client_config, server_config) = tls::configs();
            let tls = ServerConnection::new(server_config).unwrap();
            let mut server = TlsStream::server(tls, server);
            let shaking = thread::spawn(move || {
                server.handshake().unwrap();
                server
            });
            let mut raw = client;
            let name = "localhost".try_into().unwrap();
            let mut tls = rustls::ClientConnection::new(client_config, name).unwrap();
            while tls.is_handshaking() {
                tls.complete_io(&mut raw).unwrap();
            }
            let server = shaking.join().unwrap();
            let mut server =
                WebSocket::over_socket(server, server_core(), Vec::new(), Timeouts::server())
                    .unwrap();
            tls.writer().write_all(b"\x81\x80\0\0\0\0").unwrap();
            tls.send_close_notify();
            while tls.wants_write() {
                tls.write_tls(&mut raw).unwrap();
            }
            raw.write_all(b"no record").unwrap();
            let (first, second) = match is_split {
                false => (server.read(), server.read()),
                true => {
                    let mut reader = server.split().unwrap().0;
                    (reader.read(), reader.read())
                }
            };
            assert_eq!(first, Ok(Some(Message::text(""))));
            assert_eq!(second, Err(Error::Truncated), "split: {is_split}");
            drop(raw);
        });
    }
}

/// What was read before the split, by TLS and above it, is the reader's.
#[test]
fn split_loses_nothing_of_what_was_opened() {
    in_time(|| {
        let (mut client, mut server) = tls::web_sockets();
        let messages = b"\x81\x81\0\0\0\0a".repeat(3_000);
        client.stream_mut().write_all(&messages).unwrap();
        assert_eq!(server.read(), Ok(Some(Message::text("a"))));
        let (mut reader, _writer) = server.split().unwrap();
        for _ in 1..3_000 {
            assert_eq!(reader.read(), Ok(Some(Message::text("a"))));
        }
    });
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
        let error = output.split().unwrap_err();
        assert!(
            matches!(error, Error::Io(error) if error.get().kind() == io::ErrorKind::NotConnected)
        );
    });
}
