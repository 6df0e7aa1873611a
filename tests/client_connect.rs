//! Clients that connect: the way to the server, its answers, deadlines.
#![cfg(all(unix, feature = "tls"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client_support;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use chinwag::websocket::blocking::{
    ConnectError, Connector, Error, RedirectError, Timeout, Timeouts, connect,
};
use chinwag::websocket::handshake::client::ClientHandshakeError;
use chinwag::websocket::handshake::uri::UriError;
use chinwag::websocket::{CloseCode, Limits, Message, ProtocolError};
use client_support::{
    PATIENCE, Stub, answer_101, answering, check_echo, closed_port, connect_error, echo_server,
    exchange, impatient, is_silent, read_byte, read_head, request,
};

// covers: R6455-4.1-01
#[test]
fn nobody_is_asked_for_a_uri_that_is_invalid() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    for (uri, expected) in [
        ("ws://127.0.0.1:0/".to_owned(), UriError::BadPort),
        ("ws://127.0.0.1:65536/".to_owned(), UriError::BadPort),
        (format!("ws://{address}x/"), UriError::BadPort),
        (format!("http://{address}/"), UriError::UnsupportedScheme),
        (format!("ws://{address}/#a"), UriError::Fragment),
        (format!("ws://{address}/a b"), UriError::BadResourceName),
        (format!("ws://user@{address}/"), UriError::BadHost),
        ("ws:///".to_owned(), UriError::NoHost),
    ] {
        let error = connect(&uri).unwrap_err();
        assert_eq!(error, ConnectError::Uri(expected), "{uri}");
    }
    let accepted = listener.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(accepted, Err(ErrorKind::WouldBlock));
}

// covers: R6455-4.1-02
#[test]
fn connections_to_one_address_open_one_at_a_time() {
    const COUNT: usize = 5;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let connector = Connector::new();
    thread::scope(|scope| {
        for _ in 0..COUNT {
            scope.spawn(|| connector.clone().connect(&request(&uri)).unwrap_err());
        }
        for _ in 0..COUNT {
            listener.set_nonblocking(false).unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            read_head(&mut stream);
            // The others wait, as long as this one is not answered.
            assert!(is_silent(&mut stream));
            listener.set_nonblocking(true).unwrap();
            let second = listener.accept().map(|_| ()).map_err(|error| error.kind());
            assert_eq!(second, Err(ErrorKind::WouldBlock));
            stream.write_all(b"HTTP/1.1 503 Later\r\n\r\n").unwrap();
        }
    });
}

// covers: R6455-4.1-02
#[test]
fn waiting_for_ones_turn_is_bounded_by_the_deadline() {
    let (release, released) = mpsc::channel::<()>();
    let (ask, asked) = mpsc::channel();
    let stub = Stub::start(1, move |mut stream| {
        let head = read_head(&mut stream);
        ask.send(()).unwrap();
        released.recv().unwrap();
        stream.write_all(&answer_101(&head)).unwrap();
        stream
    });
    let connector = Connector::new();
    let uri = stub.uri();
    thread::scope(|scope| {
        let first = scope.spawn(|| connector.connect(&request(&uri)));
        asked.recv().unwrap();
        let mut timeouts = Timeouts::client();
        timeouts.open_timeout = Duration::from_millis(50);
        let second = connector.clone().with_timeouts(timeouts);
        assert_eq!(connect_error(&second, &uri), ConnectError::TimedOut);
        release.send(()).unwrap();
        assert!(first.join().unwrap().is_ok());
    });
}

// covers: R6455-4.1-05
#[test]
fn without_a_proxy_the_server_is_dialled() {
    let server = echo_server(1);
    let mut connected = check_echo(&Connector::new(), &server.uri());
    assert_eq!(connected.response.status(), 101);
    connected.web_socket.close(CloseCode::NORMAL, "").unwrap();
    server.result();
}

// covers: R6455-4.1-07
#[test]
fn an_address_that_refuses_fails_the_attempt() {
    let uri = format!("ws://{}/", closed_port());
    let error = connect_error(&Connector::new(), &uri);
    assert!(matches!(error, ConnectError::Unreachable(_)), "{error:?}");
    // No label of a name has 64 characters (RFC 1035 §2.3.4): nobody is asked for it.
    let uri = format!("ws://{}/", "a".repeat(64));
    let error = connect_error(&Connector::new(), &uri);
    assert!(matches!(error, ConnectError::Resolve(_)), "{error:?}");
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let stub = Stub::start(1, |mut stream| {
        read_head(&mut stream);
        // Until the client has gone.
        stream.read(&mut [0]).unwrap()
    });
    let error = connect_error(&impatient(), &stub.uri());
    assert_eq!(error, ConnectError::TimedOut);
    assert_eq!(stub.result(), 0);
}

#[test]
fn a_server_that_trickles_gains_no_time() {
    let stub = Stub::start(1, |mut stream| {
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 101 ").unwrap();
        // Endless, as long as anybody listens.
        while stream.write_all(b"a").is_ok() {
            if !is_silent(&mut stream) {
                return;
            }
        }
    });
    let error = connect_error(&impatient(), &stub.uri());
    assert_eq!(error, ConnectError::TimedOut);
    stub.result();
}

#[test]
fn a_server_that_leaves_without_an_answer_is_told_apart() {
    for answer in ["", "HTTP/1.1 101 Switching"] {
        let stub = answering(1, answer.to_owned());
        let error = connect_error(&Connector::new(), &stub.uri());
        assert_eq!(error, ConnectError::Truncated);
        stub.result();
    }
}

// covers: R6455-4.1-21
#[test]
fn nothing_follows_the_request_until_the_answer_has_come() {
    let stub = Stub::start(1, |mut stream| {
        let head = read_head(&mut stream);
        assert!(is_silent(&mut stream));
        stream.write_all(&answer_101(&head)).unwrap();
        read_byte(&mut stream)
    });
    let mut socket = connect(&stub.uri()).unwrap();
    socket.send(&Message::text("a")).unwrap();
    assert_eq!(stub.result(), 0x81);
}

#[test]
fn frames_that_come_with_the_answer_are_not_lost() {
    let stub = Stub::start(1, |mut stream| {
        let head = read_head(&mut stream);
        let bytes = [&answer_101(&head)[..], b"\x81\x02Hi"].concat();
        stream.write_all(&bytes).unwrap();
        stream
    });
    let mut socket = connect(&stub.uri()).unwrap();
    assert_eq!(socket.read(), Ok(Some(Message::text("Hi"))));
    stub.result();
}

#[test]
fn limits_of_the_connector_bind_its_connections() {
    let stub = Stub::start(1, |mut stream| {
        let head = read_head(&mut stream);
        let bytes = [&answer_101(&head)[..], b"\x81\x02Hi\x81\x03Hi!"].concat();
        stream.write_all(&bytes).unwrap();
        stream
    });
    let mut limits = Limits::default();
    limits.max_message_len = 2;
    let connector = Connector::new().with_limits(limits);
    let mut socket = connector.connect(&request(&stub.uri())).unwrap().web_socket;
    assert_eq!(socket.read(), Ok(Some(Message::text("Hi"))));
    let too_long = ProtocolError::MessageTooLong { len: 3, max: 2 };
    assert_eq!(socket.read(), Err(Error::Protocol(too_long)));
    stub.result();
}

// covers: R6455-4.1-22
#[test]
fn other_statuses_are_told_and_open_nothing() {
    for status in [200, 204, 301, 400, 401, 403, 404, 426, 500, 503] {
        let answer = format!("HTTP/1.1 {status} No\r\nX-Why: because\r\n\r\nbody");
        let stub = answering(1, answer);
        let error = connect_error(&Connector::new(), &stub.uri());
        assert_eq!(error.status(), Some(status));
        let ConnectError::Refused { response, body } = error else {
            panic!("{error:?}");
        };
        let expected = if status == 204 { "" } else { "body" };
        assert_eq!(&body[..], expected.as_bytes(), "{status}");
        assert_eq!(response.header("x-why"), Some(&b"because"[..]));
        stub.result();
    }
}

#[test]
fn an_answer_that_is_not_acceptable_fails_the_attempt() {
    for (answer, expected) in [
        ("SSH-2.0-x\r\n", ClientHandshakeError::BadStatusLine),
        (
            "HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
            ClientHandshakeError::WrongAcceptKey,
        ),
    ] {
        let stub = answering(1, answer.to_owned());
        let error = connect_error(&Connector::new(), &stub.uri());
        assert_eq!(error, ConnectError::Handshake(expected));
        stub.result();
    }
}

fn redirect_to(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

#[test]
fn redirects_are_followed_on_request_only() {
    let server = echo_server(1);
    let location = server.uri().replace("ws://", "http://");
    let door = answering(2, redirect_to(&location));
    let error = connect_error(&Connector::new(), &door.uri());
    assert_eq!(error.status(), Some(302));
    let connector = Connector::new().with_redirects(1);
    let connected = check_echo(&connector, &door.uri());
    assert_eq!(connected.uri.to_string(), server.uri());
    drop(connected);
    door.results();
    server.result();
}

#[test]
fn a_loop_of_redirects_ends() {
    let stub = answering(4, redirect_to("/again"));
    let error = connect_error(&Connector::new().with_redirects(3), &stub.uri());
    let too_many = RedirectError::TooMany { max: 3 };
    assert_eq!(error, ConnectError::Redirect(too_many));
    assert_eq!(stub.results().len(), 4);
}

/// The heads of a request with three secrets, and of the one that it is redirected to.
fn heads_of_redirected(server: Stub<String>, location: &str) -> Vec<String> {
    let request = request(&server.uri())
        .header("Authorization", "Bearer secret")
        .and_then(|it| it.header("Cookie", "a=secret"))
        .and_then(|it| it.header("X-Api-Key", "secret"))
        .unwrap();
    let refused = Connector::new().with_redirects(1).connect(&request);
    assert_eq!(refused.unwrap_err().status(), Some(403), "{location}");
    let heads = server.results();
    assert_eq!(heads[0].matches("secret").count(), 3);
    heads
}

const REFUSAL: &str = "HTTP/1.1 403 No\r\n\r\n";

// covers: R6455-4.1-30
#[test]
fn credentials_do_not_follow_a_redirect_to_another_origin() {
    let other = answering(1, REFUSAL.to_owned());
    let location = other.uri();
    heads_of_redirected(answering(1, redirect_to(&location)), &location);
    let head = other.result();
    assert!(!head.contains("secret"), "{head}");
}

#[test]
fn credentials_follow_a_redirect_at_the_same_origin() {
    let mut answers = vec![REFUSAL.to_owned(), redirect_to("/x")];
    let server = Stub::start(2, move |mut stream| {
        let head = read_head(&mut stream);
        stream.write_all(answers.pop().unwrap().as_bytes()).unwrap();
        head
    });
    let heads = heads_of_redirected(server, "/x");
    assert!(heads[1].starts_with("GET /x "));
    assert_eq!(heads[1].matches("secret").count(), 3);
}

// covers: R6455-7.1.1-04
#[test]
fn a_client_waits_for_the_server_to_end_the_stream() {
    let stub = Stub::start(1, |mut stream| {
        let head = read_head(&mut stream);
        stream.write_all(&answer_101(&head)).unwrap();
        stream.write_all(b"\x88\x02\x03\xe8").unwrap();
        let mut echo = [0; 8];
        stream.read_exact(&mut echo).unwrap();
        assert_eq!(echo[..2], [0x88, 0x82]);
        // The client has said its last word, and does not end the stream.
        assert!(is_silent(&mut stream));
        stream.shutdown(Shutdown::Write).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.read(&mut [0]).unwrap()
    });
    let mut socket = connect(&stub.uri()).unwrap();
    assert_eq!(socket.read(), Ok(None));
    assert_eq!(stub.result(), 0);
}

#[test]
fn messages_after_ones_own_close_are_told_on_request() {
    for is_told in [false, true] {
        let stub = Stub::start(1, |mut stream| {
            let head = read_head(&mut stream);
            stream.write_all(&answer_101(&head)).unwrap();
            let mut close = [0; 8];
            stream.read_exact(&mut close).unwrap();
            stream.write_all(b"\x81\x02Hi\x88\x02\x03\xe8").unwrap();
        });
        let mut connector = Connector::new();
        if is_told {
            connector = connector.with_delivery_while_closing();
        }
        let parts = connector
            .connect(&request(&stub.uri()))
            .unwrap()
            .web_socket
            .into_parts();
        let (mut stream, mut connection) = (parts.stream, parts.connection);
        let mut output = Vec::new();
        connection
            .close(CloseCode::NORMAL, "", &mut output)
            .unwrap();
        stream.write_all(&output).unwrap();
        let timeouts = Timeouts::client();
        let received = Vec::new();
        let mut socket = chinwag::websocket::blocking::WebSocket::over_socket(
            stream, connection, received, timeouts,
        )
        .unwrap();
        let expected = is_told.then(|| Message::text("Hi"));
        assert_eq!(socket.read(), Ok(expected));
        stub.result();
    }
}

#[cfg(unix)]
#[test]
fn unix_sockets_are_reached_whatever_the_host_is() {
    use std::os::unix::net::UnixListener;

    use chinwag::websocket::blocking::{Acceptor, Proxies, same_origin};

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        client_support::echo(Acceptor::new().accept(stream, same_origin).unwrap());
        let (mut stream, _) = listener.accept().unwrap();
        read_head(&mut stream);
        let redirect = redirect_to("ws://elsewhere.example/");
        stream.write_all(redirect.as_bytes()).unwrap();
    });
    let nowhere = closed_port().to_string().parse().unwrap();
    let connector = Connector::new()
        .with_unix_socket(&path)
        .with_proxies(Proxies::all(nowhere))
        .with_redirects(1);
    drop(check_echo(&connector, "ws://chat.example/room"));
    let error = connect_error(&connector, "ws://chat.example/");
    assert_eq!(error, ConnectError::Redirect(RedirectError::OtherHost));
    server.join().unwrap();
}

/// Elsewhere a full backlog refuses at once.
#[cfg(target_os = "linux")]
#[test]
fn a_unix_socket_with_a_full_backlog_is_waited_for_no_longer_than_allowed() {
    use std::os::unix::net::{UnixListener, UnixStream};

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let first = UnixStream::connect(&path).unwrap();
    let (done, result) = mpsc::channel();
    thread::spawn(move || {
        let connector = impatient().with_unix_socket(path);
        done.send(connect_error(&connector, "ws://chat.example/"))
    });
    let error = result.recv_timeout(PATIENCE).unwrap();
    assert_eq!(error, ConnectError::TimedOut);
    drop((first, listener));
}

#[test]
fn the_deadline_of_connecting_ends_with_it() {
    let mut timeouts = Timeouts::client();
    timeouts.open_timeout = Duration::from_secs(1);
    let server = echo_server(1);
    let connector = Connector::new().with_timeouts(timeouts);
    let mut connected = check_echo(&connector, &server.uri());
    let (_until, never) = mpsc::channel::<()>();
    let waited = never.recv_timeout(Duration::from_millis(1_100));
    assert_eq!(waited, Err(mpsc::RecvTimeoutError::Timeout));
    exchange(&mut connected.web_socket);
    connected.web_socket.close(CloseCode::NORMAL, "").unwrap();
    server.result();
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let stub = Stub::start(2, |mut stream| {
        let head = read_head(&mut stream);
        stream.write_all(&answer_101(&head)).unwrap();
        stream
    });
    let mut timeouts = Timeouts::client();
    timeouts.open_timeout = Duration::from_secs(60);
    timeouts.send_timeout = Some(Duration::from_millis(200));
    timeouts.close_timeout = Duration::from_millis(200);
    let connector = Connector::new().with_timeouts(timeouts);
    let connect = || connector.connect(&request(&stub.uri())).unwrap().web_socket;
    // More than both sockets' buffers hold.
    let message = Message::binary(vec![0; 16 << 20]);
    let (done, result) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| done.send(connect().close(CloseCode::NORMAL, "")).unwrap());
        let closed = result.recv_timeout(PATIENCE);
        assert_eq!(closed, Ok(Err(Error::TimedOut(Timeout::Close))));
        scope.spawn(|| done.send(connect().send(&message)).unwrap());
        let sent = result.recv_timeout(PATIENCE);
        assert_eq!(sent, Ok(Err(Error::TimedOut(Timeout::Send))));
    });
    stub.results();
}

#[test]
fn timeouts_may_be_for_ever() {
    let mut timeouts = Timeouts::client();
    timeouts.open_timeout = Duration::MAX;
    timeouts.close_timeout = Duration::MAX;
    timeouts.send_timeout = Some(Duration::MAX);
    let server = echo_server(1);
    let connector = Connector::new().with_timeouts(timeouts);
    let mut connected = check_echo(&connector, &server.uri());
    connected.web_socket.close(CloseCode::NORMAL, "").unwrap();
    server.result();
}
