//! Clients that come back: when they try again, and when they do not.
#![cfg(all(unix, feature = "tls"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client_support;

use std::io::Write as _;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use chinwag::websocket::blocking::{
    Acceptor, BackoffPolicy, ConnectError, Connector, Disconnection, Error, ReconnectEvent,
    ReconnectingClient, same_origin,
};
use chinwag::websocket::{CloseCode, MAX_REASON_LEN, Message, SendError};
use client_support::{Stub, answering, closed_port, echo_server, read_head, request};

fn at_once() -> BackoffPolicy {
    let mut policy = BackoffPolicy::default();
    policy.first_window = Duration::ZERO;
    policy.max_window = Duration::ZERO;
    policy
}

fn client(uri: &str, policy: BackoffPolicy) -> ReconnectingClient {
    ReconnectingClient::new(Connector::new(), request(uri), policy)
}

/// A client that waits longer than any test run before it connects again.
fn patient(uri: &str) -> ReconnectingClient {
    let mut policy = BackoffPolicy::default();
    policy.first_window = Duration::from_secs(1 << 30);
    policy.max_window = policy.first_window;
    client(uri, policy)
}

fn is_connected(event: &Option<ReconnectEvent>) -> bool {
    matches!(event, Some(ReconnectEvent::Connected { .. }))
}

fn disconnected(event: Option<ReconnectEvent>) -> (Disconnection, Option<Duration>) {
    match event {
        Some(ReconnectEvent::Disconnected { cause, retry_in }) => (cause, retry_in),
        other => panic!("{other:?}"),
    }
}

/// A server that says one word on each connection, and then leaves without another.
fn abrupt_server(count: usize) -> Stub<()> {
    Stub::start(count, |stream| {
        let mut socket = Acceptor::new().accept(stream, same_origin).unwrap();
        socket.send(&Message::text("word")).unwrap();
    })
}

fn closing_server(count: usize, code: CloseCode) -> Stub<()> {
    Stub::start(count, move |stream| {
        let mut socket = Acceptor::new().accept(stream, same_origin).unwrap();
        socket.close(code, "").unwrap();
    })
}

// covers: R6455-7.2.3-01
#[test]
fn a_lost_connection_is_made_anew() {
    let server = abrupt_server(3);
    let mut client = client(&server.uri(), at_once());
    for _ in 0..3 {
        assert!(is_connected(&client.next_event()));
        let event = client.next_event();
        assert!(
            matches!(event, Some(ReconnectEvent::Message(message)) if message == Message::text("word"))
        );
        let (cause, retry_in) = disconnected(client.next_event());
        assert!(matches!(cause, Disconnection::Failed(_)), "{cause:?}");
        assert_eq!(retry_in, Some(Duration::ZERO));
    }
    server.results();
}

#[test]
fn another_request_counts_from_the_next_attempt_on() {
    let (first, second) = (abrupt_server(1), echo_server(1));
    let mut client = client(&first.uri(), at_once());
    assert!(is_connected(&client.next_event()));
    client.set_request(request(&second.uri()));
    while !is_connected(&client.next_event()) {}
    let writer = client.writer().unwrap();
    writer.send(&Message::text("hello")).unwrap();
    let event = client.next_event();
    let echoed =
        matches!(&event, Some(ReconnectEvent::Message(text)) if text.as_bytes() == b"hello");
    assert!(echoed, "{event:?}");
    client.close(CloseCode::NORMAL, "").unwrap();
    assert!(client.writer().is_none());
    first.result();
    second.result();
}

// covers: R6455-7.2.3-02, R6455-7.2.3-03
#[test]
fn waits_are_within_windows_that_grow() {
    let uri = format!("ws://{}/", closed_port());
    let mut policy = BackoffPolicy::default();
    policy.first_window = Duration::from_millis(1);
    policy.max_window = Duration::from_millis(16);
    let mut client = client(&uri, policy);
    for window_ms in [1, 2, 4, 8, 16, 16, 16] {
        let (cause, retry_in) = disconnected(client.next_event());
        let is_unreachable = matches!(
            cause,
            Disconnection::NotOpened(ConnectError::Unreachable(_))
        );
        assert!(is_unreachable, "{cause:?}");
        assert!(retry_in.unwrap() < Duration::from_millis(window_ms));
    }
}

#[test]
fn what_another_attempt_does_not_change_is_not_tried_again() {
    for (status, is_retried) in [
        (401, false),
        (403, false),
        (404, false),
        (302, false),
        (429, true),
        (500, true),
        (503, true),
    ] {
        let server = answering(1, format!("HTTP/1.1 {status} No\r\n\r\n"));
        let mut client = client(&server.uri(), at_once());
        let (cause, retry_in) = disconnected(client.next_event());
        let Disconnection::NotOpened(error) = cause else {
            panic!("{cause:?}");
        };
        assert_eq!(error.status(), Some(status));
        assert_eq!(retry_in.is_some(), is_retried, "{status}");
        if !is_retried {
            assert!(client.next_event().is_none());
        }
        server.result();
    }
}

#[test]
fn anything_is_tried_again_on_request() {
    let server = answering(2, "HTTP/1.1 403 No\r\n\r\n".to_owned());
    let mut client = client(&server.uri(), at_once()).with_every_retry();
    for _ in 0..2 {
        let (_, retry_in) = disconnected(client.next_event());
        assert!(retry_in.is_some());
    }
    server.results();
}

#[test]
fn a_server_may_ask_for_a_longer_wait() {
    for (value, expected) in [
        ("120", 120),
        ("99999999", 3600),
        ("-1", 0),
        ("99999999999999999999999", 0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0),
    ] {
        let answer = format!("HTTP/1.1 503 Later\r\nRetry-After: {value}\r\n\r\n");
        let server = answering(1, answer);
        let (_, retry_in) = disconnected(client(&server.uri(), at_once()).next_event());
        assert_eq!(retry_in, Some(Duration::from_secs(expected)), "{value}");
        server.result();
    }
}

// covers: R6455-7.2.3-01
#[test]
fn clients_do_not_come_back_all_at_the_moment_that_the_server_names() {
    let server = answering(
        1,
        "HTTP/1.1 503 Later\r\nRetry-After: 120\r\n\r\n".to_owned(),
    );
    let mut policy = BackoffPolicy::default();
    policy.first_window = Duration::from_secs(10);
    let (_, retry_in) = disconnected(client(&server.uri(), policy).next_event());
    let retry_in = retry_in.unwrap();
    assert!(retry_in > Duration::from_secs(120), "{retry_in:?}");
    assert!(retry_in < Duration::from_secs(130), "{retry_in:?}");
    server.result();
}

#[test]
fn a_normal_closure_is_the_end_and_others_are_not() {
    for (code, is_retried) in [
        (CloseCode::NORMAL, false),
        (CloseCode::GOING_AWAY, true),
        (CloseCode::SERVICE_RESTART, true),
    ] {
        let server = closing_server(1, code);
        let mut client = client(&server.uri(), at_once());
        assert!(is_connected(&client.next_event()));
        let (cause, retry_in) = disconnected(client.next_event());
        let text = format!("connection was closed with code {code}");
        assert_eq!(cause.to_string(), text);
        assert!(matches!(cause, Disconnection::Closed(closed) if closed.code == Some(code)));
        assert_eq!(retry_in.is_some(), is_retried, "{code}");
        server.result();
    }
}

#[test]
fn a_wait_ends_when_another_thread_says_so() {
    let mut client = patient(&format!("ws://{}/", closed_port()));
    let (_, retry_in) = disconnected(client.next_event());
    assert!(retry_in.is_some());
    let handle = client.handle();
    thread::scope(|scope| {
        scope.spawn(move || {
            handle.retry_now();
            handle.retry_now();
        });
        disconnected(client.next_event());
    });
}

#[test]
fn nothing_is_sent_while_there_is_no_connection() {
    let server = Stub::start(1, |mut stream| {
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 404 No\r\n\r\n").unwrap();
    });
    let mut client = client(&server.uri(), at_once());
    let not_sent = Err(Error::Send(SendError::Closed));
    assert_eq!(client.send(&Message::text("a")), not_sent);
    disconnected(client.next_event());
    assert_eq!(client.send(&Message::text("a")), not_sent);
    assert_eq!(client.close(CloseCode::NORMAL, ""), Ok(()));
    assert!(client.next_event().is_none());
    server.result();
}

#[test]
fn other_threads_send_and_close_while_one_waits_for_events() {
    let server = echo_server(1);
    let mut client = client(&server.uri(), at_once()).with_every_retry();
    let handle = client.handle();
    let not_sent = Err(Error::Send(SendError::Closed));
    assert_eq!(handle.send(&"a".into()), not_sent);
    assert!(is_connected(&client.next_event()));
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            handle.send(&"a".into()).unwrap();
            handle.writer().unwrap().ping(b"").unwrap();
        });
        let event = client.next_event();
        assert!(matches!(event, Some(ReconnectEvent::Message(message)) if message == "a".into()));
        other.join().unwrap();
        // Nothing comes any more, until the handle ends it.
        let other = scope.spawn(|| handle.close(CloseCode::NORMAL, "done"));
        let (cause, retry_in) = disconnected(client.next_event());
        assert!(matches!(cause, Disconnection::Closed(_)), "{cause:?}");
        assert_eq!(retry_in, None);
        assert_eq!(other.join().unwrap(), Ok(()));
    });
    assert!(client.next_event().is_none());
    assert_eq!(handle.send(&"a".into()), not_sent);
    assert!(handle.writer().is_none());
    server.result();
}

#[test]
fn a_wait_ends_when_another_thread_ends_the_client() {
    let mut client = patient(&format!("ws://{}/", closed_port()));
    let (_, retry_in) = disconnected(client.next_event());
    assert!(retry_in.is_some());
    let handle = client.handle();
    thread::scope(|scope| {
        let other = scope.spawn(|| handle.close(CloseCode::NORMAL, ""));
        assert!(client.next_event().is_none());
        assert_eq!(other.join().unwrap(), Ok(()));
    });
    assert!(client.next_event().is_none());
}

#[test]
fn a_connection_that_opens_after_the_end_is_closed() {
    let (ask, asked) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let server = Stub::start(1, move |stream| {
        ask.send(()).unwrap();
        released.recv().unwrap();
        let mut socket = Acceptor::new().accept(stream, same_origin).unwrap();
        assert_eq!(socket.read(), Ok(None));
        socket.closed().unwrap().clone()
    });
    let mut client = client(&server.uri(), at_once());
    let handle = client.handle();
    thread::scope(|scope| {
        let other = scope.spawn(move || {
            asked.recv().unwrap();
            handle.close(CloseCode::GOING_AWAY, "late").unwrap();
            release.send(()).unwrap();
        });
        assert!(client.next_event().is_none());
        other.join().unwrap();
    });
    let closed = server.result();
    assert_eq!(closed.code, Some(CloseCode::GOING_AWAY));
    assert_eq!(closed.reason, "late");
}

#[test]
fn a_reason_that_is_too_long_ends_nothing() {
    let server = Stub::start(1, |stream| {
        let mut socket = Acceptor::new().accept(stream, same_origin).unwrap();
        assert_eq!(socket.read(), Ok(Some("still here".into())));
        assert_eq!(socket.read(), Ok(None));
        socket.closed().unwrap().code
    });
    let mut client = client(&server.uri(), at_once());
    assert!(is_connected(&client.next_event()));
    let reason = "x".repeat(MAX_REASON_LEN + 1);
    let len = reason.len() + 2;
    let refused = Err(Error::Send(SendError::ControlPayloadTooLong { len }));
    assert_eq!(client.close(CloseCode::NORMAL, &reason), refused);
    assert_eq!(client.handle().close(CloseCode::NORMAL, &reason), refused);
    client.send(&"still here".into()).unwrap();
    assert_eq!(client.close(CloseCode::NORMAL, &reason[1..]), Ok(()));
    assert!(client.next_event().is_none());
    assert_eq!(server.result(), Some(CloseCode::NORMAL));
}
