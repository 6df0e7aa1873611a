//! Opening handshakes of a server that waits.
#![cfg(feature = "blocking")]

mod blocking_support;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use blocking_support::{Script, Step, in_time, tcp_pair};
use chinwag::websocket::blocking::{Acceptor, Error, Timeout, Timeouts, same_origin};
use chinwag::websocket::handshake::HandshakeError;
use chinwag::websocket::handshake::http::HttpLimits;
use chinwag::websocket::handshake::server::Refusal;
use chinwag::websocket::{CloseCode, Limits, Message, ProtocolError};

const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn request(headers: &str) -> Vec<u8> {
    format!("{REQUEST}{headers}\r\n").into_bytes()
}

/// Reads what a server answers until it ends.
fn answer(mut client: &TcpStream) -> String {
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).expect("the server answers");
    String::from_utf8(answer).expect("the server answers")
}

// covers: R6455-4.2.2-14, R6455-4.2.2-15/S
#[test]
fn frames_behind_the_request_belong_to_the_connection() {
    let (mut client, server) = tcp_pair();
    let mut bytes = request("Sec-WebSocket-Protocol: other, chat.v1\r\n");
    bytes.extend_from_slice(b"\x81\x82\x00\x00\x00\x00Hi");
    client.write_all(&bytes).unwrap();
    let mut socket = Acceptor::new()
        .accept(server, |request, upgrade, acceptance| {
            assert_eq!(request.path(), "/chat");
            let chosen = upgrade.select_subprotocol(&["chat.v1"]);
            let acceptance = acceptance.subprotocol(chosen);
            Ok(acceptance.header("Set-Cookie", "seen=1").unwrap())
        })
        .unwrap();
    assert_eq!(socket.read(), Ok(Some(Message::text("Hi"))));
    drop(socket);
    let answer = answer(&client);
    assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    assert!(answer.contains("\r\nSec-WebSocket-Protocol: chat.v1\r\n"));
    assert!(answer.contains("\r\nSet-Cookie: seen=1\r\n"));
}

#[test]
fn subprotocol_is_chosen_from_a_list_that_is_known_at_run_time_only() {
    let offered = request("Sec-WebSocket-Protocol: a, b\r\n");
    let configured = [String::from("b"), String::from("c")];
    let supported: Vec<&str> = configured.iter().map(String::as_str).collect();
    let mut chosen = None;
    let socket = Acceptor::new()
        .accept_stream(Script::reading(&offered), |_, upgrade, acceptance| {
            let subprotocol = upgrade.select_subprotocol(&supported);
            chosen = subprotocol.map(str::to_owned);
            Ok(acceptance.subprotocol(subprotocol))
        })
        .unwrap();
    assert_eq!(chosen.as_deref(), Some("b"));
    let answer = String::from_utf8_lossy(&socket.stream().written);
    assert!(answer.contains("\r\nSec-WebSocket-Protocol: b\r\n"));
}

// covers: R6455-6.1-06/S
#[test]
fn request_may_come_in_single_bytes_and_the_answer_may_leave_so() {
    let mut script = Script {
        max_write_len: 1,
        write_failure: Some(ErrorKind::Interrupted),
        ..Script::default()
    };
    for byte in request("") {
        script.reads.push_back(Step::Fails(ErrorKind::Interrupted));
        script.reads.push_back(Step::Bytes(vec![byte]));
    }
    let socket = Acceptor::new().accept_stream(script, same_origin).unwrap();
    let script = socket.into_parts().stream;
    assert!(script.written.ends_with(b"\r\n\r\n"));
}

// covers: R6455-7.2.2-01, R9112-9.6-02
#[test]
fn refused_request_gets_its_answer_and_an_end_even_while_it_goes_on() {
    let (mut client, server) = tcp_pair();
    let accepting = thread::spawn(move || Acceptor::new().accept(server, same_origin).err());
    client
        .write_all(b"POST /chat HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    client.write_all(&vec![b'x'; 1 << 20]).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert!(answer(&client).starts_with("HTTP/1.1 405 "));
    assert_eq!(
        accepting.join().unwrap(),
        Some(Error::Handshake(HandshakeError::MethodNotAllowed))
    );
}

// covers: R6455-4.2.2-04
#[test]
fn page_of_another_origin_is_refused_before_it_is_connected() {
    for (headers, status) in [
        ("", "101"),
        ("Origin: http://example.com\r\n", "101"),
        ("Origin: http://evil.example\r\n", "403"),
        ("Origin: null\r\n", "403"),
    ] {
        let (mut client, server) = tcp_pair();
        client.write_all(&request(headers)).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let accepted = Acceptor::new().accept(server, same_origin);
        assert_eq!(accepted.is_ok(), status == "101", "{headers}");
        drop(accepted);
        let answer = answer(&client);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
}

// covers: R6455-4.2.2-06
#[test]
fn application_refuses_in_its_own_words() {
    let (mut client, server) = tcp_pair();
    client.write_all(&request("")).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let accepted = Acceptor::new().accept(server, |_, _, _| {
        Err(Refusal::new(404)
            .unwrap()
            .header("X-Why", "because")
            .unwrap())
    });
    assert_eq!(accepted.err(), Some(Error::Refused { status: 404 }));
    let answer = answer(&client);
    assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\nConnection: close\r\n"));
    assert!(answer.contains("\r\nX-Why: because\r\n"));
}

// covers: R9112-8-01
#[test]
fn slow_request_is_given_up_at_its_deadline_however_often_a_byte_comes() {
    let took = in_time(|| {
        let (mut client, server) = tcp_pair();
        let mut timeouts = Timeouts::server();
        timeouts.open_timeout = Duration::from_millis(100);
        let dripping = thread::spawn(move || {
            client.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
            client
                .set_read_timeout(Some(Duration::from_millis(5)))
                .unwrap();
            // Nothing comes, so each read is a little wait, until the server is gone.
            while client.write_all(b"a").is_ok() && !matches!(client.read(&mut [0]), Ok(0)) {}
        });
        let began_at = now();
        let acceptor = Acceptor::new().with_timeouts(timeouts);
        let accepted = acceptor.accept(server, same_origin);
        assert_eq!(accepted.err(), Some(Error::TimedOut(Timeout::Open)));
        let took = now() - began_at;
        dripping.join().unwrap();
        took
    });
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn client_that_leaves_in_the_middle_of_its_request_is_told_as_truncated() {
    let (mut client, server) = tcp_pair();
    client.write_all(b"GET / HTTP/1.1\r\nHost").unwrap();
    drop(client);
    let accepted = Acceptor::new().accept(server, same_origin);
    assert_eq!(accepted.err(), Some(Error::Truncated));
}

#[test]
fn limits_of_the_acceptor_bind_requests_and_connections() {
    let mut http_limits = HttpLimits::default();
    http_limits.max_header_count = 5;
    let acceptor = Acceptor::new().with_http_limits(http_limits);
    let accept = |headers| acceptor.accept_stream(Script::reading(&request(headers)), same_origin);
    assert!(accept("").is_ok());
    let error = accept("X-One-More: yes\r\n").err();
    let too_many = HandshakeError::TooManyHeaders { max: 5 };
    assert_eq!(error, Some(Error::Handshake(too_many)));

    let mut limits = Limits::default();
    limits.max_message_len = 2;
    let bytes = [
        &request("")[..],
        b"\x81\x82\x00\x00\x00\x00Hi\x81\x83\x00\x00\x00\x00",
    ];
    let acceptor = Acceptor::new().with_limits(limits);
    let mut socket = acceptor
        .accept_stream(Script::reading(&bytes.concat()), same_origin)
        .unwrap();
    assert_eq!(socket.read(), Ok(Some(Message::text("Hi"))));
    let too_long = ProtocolError::MessageTooLong { len: 3, max: 2 };
    assert_eq!(socket.read(), Err(Error::Protocol(too_long)));
}

// covers: R7692-5-08
#[cfg(all(unix, feature = "deflate"))]
#[test]
fn compression_is_agreed_on_and_works_in_halves_and_in_parts() {
    use std::io::Write as _;
    use std::net::TcpListener;

    use chinwag::websocket::DeflateOptions;
    use chinwag::websocket::blocking::Connector;
    use chinwag::websocket::handshake::client::ClientRequest;

    in_time(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("ws://{}/", listener.local_addr().unwrap());
        let serving = thread::spawn(move || {
            let acceptor = Acceptor::new().with_deflate(DeflateOptions::default());
            let (stream, _) = listener.accept().unwrap();
            let socket = acceptor.accept(stream, same_origin).unwrap();
            assert!(socket.connection().is_compressing());
            let (mut reader, mut writer) = socket.split().unwrap();
            while let Some(message) = reader.read().unwrap() {
                let mut echo = writer.binary_writer();
                echo.write_all(message.as_bytes()).unwrap();
                echo.finish().unwrap();
            }
        });
        let request = ClientRequest::new(uri.parse().unwrap()).deflate(&DeflateOptions::default());
        let mut client = Connector::new().connect(&request).unwrap().web_socket;
        assert!(client.connection().is_compressing());
        for len in [0, 10, 1_000, 200_000, 1_000] {
            let message = Message::binary(vec![b'z'; len]);
            client.send(&message).unwrap();
            assert!(client.read().unwrap().unwrap() == message, "length {len}");
        }
        client.close(CloseCode::NORMAL, "").unwrap();
        serving.join().unwrap();
    });
}

#[expect(clippy::disallowed_methods, reason = "this test measures a timeout")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(unix)]
#[test]
fn messages_after_ones_own_close_are_read_by_the_other_half_on_request() {
    for is_told in [false, true] {
        let told = in_time(move || {
            let (mut client, server) = tcp_pair();
            client.write_all(&request("")).unwrap();
            let mut acceptor = Acceptor::new();
            if is_told {
                acceptor = acceptor.with_delivery_while_closing();
            }
            let socket = acceptor.accept(server, same_origin).unwrap();
            let (mut reader, writer) = socket.split().unwrap();
            let reading = thread::spawn(move || reader.messages().collect::<Vec<_>>());
            let closing = thread::spawn(move || writer.close(CloseCode::NORMAL, ""));
            let mut received = Vec::new();
            while !received.ends_with(b"\r\n\r\n\x88\x02\x03\xe8") {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                received.extend_from_slice(&byte);
            }
            let late = b"\x81\x82\x00\x00\x00\x00Hi\x88\x82\x00\x00\x00\x00\x03\xe8";
            client.write_all(late).unwrap();
            drop(client);
            assert_eq!(closing.join().unwrap(), Ok(()));
            reading.join().unwrap()
        });
        let expected: &[_] = match is_told {
            true => &[Ok(Message::text("Hi"))],
            false => &[],
        };
        assert_eq!(told, expected);
    }
}

#[cfg(feature = "deflate")]
#[test]
fn secrets_and_pictures_may_go_uncompressed() {
    use chinwag::websocket::DeflateOptions;

    let offer = request("Sec-WebSocket-Extensions: permessage-deflate\r\n");
    let acceptor = Acceptor::new().with_deflate(DeflateOptions::default());
    let mut socket = acceptor
        .accept_stream(Script::reading(&offer), same_origin)
        .unwrap();
    let head_len = socket.stream().written.len();
    let secret = Message::binary(vec![b's'; 200]);
    socket.send_uncompressed(&secret).unwrap();
    let mut writer = socket.binary_writer().uncompressed();
    writer.write_all(secret.as_bytes()).unwrap();
    writer.finish().unwrap();
    let frame = [&b"\x82\x7e\x00\xc8"[..], secret.as_bytes()].concat();
    assert!(socket.stream().written[head_len..] == frame.repeat(2));
    socket.send(&secret).unwrap();
    let compressed = &socket.stream().written[head_len + 2 * frame.len()..];
    assert_eq!(compressed[0], 0xc2, "the others are compressed");
}

#[cfg(all(unix, feature = "deflate"))]
#[test]
fn halves_may_send_uncompressed() {
    use chinwag::websocket::DeflateOptions;

    in_time(|| {
        let (mut client, server) = tcp_pair();
        let offer = request("Sec-WebSocket-Extensions: permessage-deflate\r\n");
        client.write_all(&offer).unwrap();
        let acceptor = Acceptor::new().with_deflate(DeflateOptions::default());
        let socket = acceptor.accept(server, same_origin).unwrap();
        let (reader, mut writer) = socket.split().unwrap();
        let secret = Message::binary(vec![b's'; 200]);
        writer.send_uncompressed(&secret).unwrap();
        let mut message = writer.binary_writer().uncompressed();
        message.write_all(secret.as_bytes()).unwrap();
        message.finish().unwrap();
        drop(reader);
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        let frame = [&b"\x82\x7e\x00\xc8"[..], secret.as_bytes()].concat();
        let sent = [frame.repeat(2), b"\x88\x02\x03\xe9".to_vec()].concat();
        assert!(received.ends_with(&sent));
    });
}
