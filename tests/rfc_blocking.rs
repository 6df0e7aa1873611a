//! What the RFCs ask of a client that waits on a socket: what it sends, when it ends, what it reports.
#![cfg(all(unix, feature = "blocking"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod blocking_support;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use blocking_support::{Script, client_core, client_over, in_time, tcp_pair};
use chinwag::websocket::blocking::{Error, Timeouts, WebSocket};
use chinwag::websocket::{CloseCode, Message, Role};

#[path = "rfc_core/wire.rs"]
#[expect(
    dead_code,
    reason = "frames are taken apart here, the rest is for other tests"
)]
mod wire;

use wire::Frame;

fn contents(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let frames = Frame::decode_all(bytes);
    assert!(frames.iter().all(|frame| frame.key.is_some()));
    frames
        .into_iter()
        .map(|frame| (frame.first, frame.payload))
        .collect()
}

fn read_to_end(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

// covers: R6455-6.1-06/C, R6455-5.1-01
#[test]
fn clients_frames_leave_whole_however_little_the_stream_takes() {
    for max_write_len in 1..20 {
        let mut script = Script::reading(b"\x89\x01?\x81\x02Hi\x88\x02\x03\xe8");
        script.max_write_len = max_write_len;
        script.write_failure = Some(ErrorKind::Interrupted);
        let mut client = WebSocket::over_stream(script, client_core(), Vec::new());
        client.send(&Message::text("Ho")).unwrap();
        assert_eq!(client.read(), Ok(Some(Message::text("Hi"))));
        assert_eq!(client.read(), Ok(None));
        let script = client.into_parts().stream;
        let expected = [
            (0x81, b"Ho".to_vec()),
            (0x8a, b"?".to_vec()),
            (0x88, vec![3, 232]),
        ];
        assert_eq!(contents(&script.written), expected);
    }
}

// covers: R6455-7.1.7-01, R6455-7.1.7-04/C, R6455-7.1.7-06/C, R6455-7.1.1-01/C
#[test]
fn failing_client_is_heard_by_a_server_that_goes_on_sending() {
    in_time(|| {
        let (client, server) = tcp_pair();
        let mut client = client_over(client);
        let failing = thread::spawn(move || {
            let error = client.read().unwrap_err();
            assert_eq!(client.read(), Err(error.clone()));
            error
        });
        let mut end = &server;
        // A masked frame, then much that nobody reads, then a message and a Close.
        end.write_all(b"\x81\x82\x00\x00\x00\x00Hi").unwrap();
        end.write_all(&vec![0; 4 << 20]).unwrap();
        end.write_all(b"\x81\x02Hi\x88\x02\x03\xe8").unwrap();
        end.shutdown(Shutdown::Write).unwrap();
        let sent = contents(&read_to_end(end));
        assert_eq!(sent.len(), 1);
        assert_eq!(
            (sent[0].0, &sent[0].1[..2]),
            (0x88, &1002_u16.to_be_bytes()[..])
        );
        assert!(matches!(failing.join().unwrap(), Error::Protocol(_)));
    });
}

// covers: R6455-7.1.5-01/C, R6455-7.1.4-01/C, R6455-7.2.1-01
#[test]
fn client_reports_the_first_close_or_that_there_was_none() {
    for (bytes, expected) in [
        (&b"\x88\x02\x03\xe9\x88\x02\x03\xe8"[..], Some(Some(1001))),
        (b"\x88\x05\x0f\xa1bye", Some(Some(4001))),
        (b"\x88\x00", Some(None)),
        (b"", None),
        (b"\x81\x05Hel", None),
        (b"\x88\x02\x03", None),
    ] {
        let mut client = WebSocket::over_stream(Script::reading(bytes), client_core(), Vec::new());
        let result = client.read();
        let code = client
            .closed()
            .map(|closed| closed.code.map(CloseCode::get));
        assert_eq!(code, expected, "{bytes:02x?}");
        let truncated = if expected.is_some() {
            Ok(None)
        } else {
            Err(Error::Truncated)
        };
        assert_eq!(result, truncated, "{bytes:02x?}");
    }
}

// covers: R6455-7.2.1-01
#[test]
fn reset_fails_the_client() {
    in_time(|| {
        let (client, server) = tcp_pair();
        let mut client = client_over(client);
        client.send(&Message::text("never read")).unwrap();
        // A socket that is closed with unread bytes resets the connection.
        server.peek(&mut [0]).unwrap();
        drop(server);
        let error = client.read().unwrap_err();
        assert!(matches!(error, Error::Io(_) | Error::Truncated), "{error}");
        assert_eq!(client.closed(), None);
        assert!(client.send(&Message::text("late")).is_err());
    });
}

// covers: R6455-7.1.7-07, R6455-7.3-02
#[test]
fn client_leaves_an_idle_connection_open() {
    assert_eq!(
        Timeouts::client().ping_interval,
        None,
        "nothing ends it by default"
    );
    in_time(|| {
        let (client, server) = tcp_pair();
        let mut client = client_over(client);
        let reading = thread::spawn(move || (client.read(), client));
        server
            .set_read_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        let waited = (&server).read(&mut [0]).unwrap_err();
        assert_eq!(
            waited.kind(),
            ErrorKind::WouldBlock,
            "neither a byte nor an end"
        );
        (&server).write_all(b"\x81\x05still").unwrap();
        let (message, client) = reading.join().unwrap();
        assert_eq!(message, Ok(Some(Message::text("still"))));
        assert_eq!(client.connection().role(), Role::Client);
    });
}

// covers: R6455-5.5.3-02/C
#[test]
fn ping_flood_of_a_server_that_reads_nothing_costs_a_client_no_progress() {
    in_time(|| {
        let (client, server) = tcp_pair();
        let (mut reader, _writer) = client_over(client).split().unwrap();
        let mut ping = vec![0x89, 125];
        ping.extend_from_slice(&[7; 125]);
        // Far more Pongs than sockets and queue hold.
        let flooding = thread::spawn(move || {
            for _ in 0..1_000 {
                (&server).write_all(&ping.repeat(100)).unwrap();
            }
            (&server).write_all(b"\x81\x02Hi").unwrap();
            server
        });
        assert_eq!(reader.read(), Ok(Some(Message::text("Hi"))));
        flooding.join().unwrap();
    });
}

// covers: R6455-5.5.1-05/C
#[test]
fn nothing_follows_a_clients_close_whoever_else_is_sending() {
    in_time(|| {
        let (client, server) = tcp_pair();
        let (reader, writer) = client_over(client).split().unwrap();
        let senders: Vec<_> = (0..8)
            .map(|_| {
                let writer = writer.clone();
                thread::spawn(move || while writer.send(&Message::text("again")).is_ok() {})
            })
            .collect();
        let capturing = thread::spawn(move || {
            let mut bytes = vec![0; 10_000];
            (&server).read_exact(&mut bytes).unwrap();
            let began = (server.try_clone().unwrap(), bytes);
            (began, server)
        });
        let ((server, mut bytes), _) = capturing.join().unwrap();
        let closing = thread::spawn(move || writer.close(CloseCode::NORMAL, ""));
        let mut reader = reader;
        let reading = thread::spawn(move || reader.read());
        // Whatever was sent before the Close, up to it; then the answer that ends it.
        let mut part = [0; 4_096];
        while contents_so_far(&bytes).is_none() {
            let len = (&server).read(&mut part).unwrap();
            assert!(len > 0, "an end without a Close");
            bytes.extend_from_slice(&part[..len]);
        }
        (&server).write_all(b"\x88\x02\x03\xe8").unwrap();
        server.shutdown(Shutdown::Write).unwrap();
        let rest = read_to_end(&server);
        assert_eq!(contents_so_far(&bytes).unwrap().last().unwrap().0, 0x88);
        assert!(rest.is_empty());
        assert_eq!(reading.join().unwrap(), Ok(None));
        closing.join().unwrap().unwrap();
        senders
            .into_iter()
            .for_each(|sender| sender.join().unwrap());
    });
}

/// The frames, once the last of them is whole and a Close.
fn contents_so_far(bytes: &[u8]) -> Option<Vec<(u8, Vec<u8>)>> {
    // Texts of five bytes and a Close with a code: the lengths are known.
    let count = (0..).find(|count| bytes.get(count * 11) != Some(&0x81))?;
    let is_whole = bytes.len() >= count * 11 + 8 && bytes[count * 11] == 0x88;
    is_whole.then(|| contents(bytes))
}
