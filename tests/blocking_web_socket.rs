//! Connections in the hands of one thread, over real sockets and over streams that behave badly.
#![cfg(feature = "blocking")]

mod blocking_support;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use blocking_support::{
    Script, Step, client_core, client_over, for_ever, in_time, server_core, server_over, tcp_pair,
    web_sockets,
};
use chinwag::websocket::blocking::{Error, Timeout, Timeouts, WebSocket};
use chinwag::websocket::{
    CloseCode, Event, Message, Part, PreparedMessage, ProtocolError, SendError,
};

const HI: &[u8] = b"\x81\x82\x00\x00\x00\x00Hi";
const CLOSE: &[u8] = b"\x88\x82\x00\x00\x00\x00\x03\xe8";

/// A server in memory that reads `bytes`.
fn server_reading(bytes: &[u8]) -> WebSocket<Script> {
    WebSocket::over_stream(Script::reading(bytes), server_core(), Vec::new())
}

/// Reads raw bytes until the peer ends them.
fn read_to_end(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the server ends");
    bytes
}

// covers: R6455-5.2-08, R6455-7.1.2-02, R6455-5.5.1-09, R6455-6.1-06
#[test]
fn messages_of_all_lengths_are_echoed_then_both_close() {
    in_time(|| {
        let (mut client, mut server) = web_sockets();
        let echoing = thread::spawn(move || {
            let mut count = 0;
            while let Some(message) = server.read().unwrap() {
                server.send(&message).unwrap();
                count += 1;
            }
            (count, server.closed().unwrap().clone())
        });
        let lengths = [
            0,
            1,
            125,
            126,
            127,
            65_535,
            65_536,
            65_537,
            1 << 20,
            1 << 24,
        ];
        for len in lengths {
            let text = Message::text("é".repeat(len / 2));
            let binary = Message::binary(vec![0xfe; len]);
            for message in [text, binary] {
                client.send(&message).unwrap();
                let echoed = client.read().unwrap().unwrap();
                assert!(echoed == message, "length {len}");
            }
        }
        client.close(CloseCode::NORMAL, "bye").unwrap();
        assert_eq!(client.read(), Ok(None));
        let (count, closed) = echoing.join().unwrap();
        assert_eq!(count, 2 * lengths.len());
        assert_eq!(closed.code, Some(CloseCode::NORMAL));
        assert_eq!(closed.reason, "bye");
    });
}

// covers: R6455-6.1-06/S
#[test]
fn frames_leave_whole_however_little_the_stream_takes() {
    for max_write_len in 1..20 {
        let mut script = Script::reading(&[HI, b"\x89\x81\x00\x00\x00\x00?", CLOSE].concat());
        script.max_write_len = max_write_len;
        script.write_failure = Some(ErrorKind::Interrupted);
        let mut server = WebSocket::over_stream(script, server_core(), Vec::new());
        assert_eq!(server.read(), Ok(Some(Message::text("Hi"))));
        server.send(&Message::text("Ho")).unwrap();
        assert_eq!(server.read(), Ok(None));
        let script = server.into_parts().stream;
        assert_eq!(script.written, b"\x81\x02Ho\x8a\x01?\x88\x02\x03\xe8");
    }
}

#[test]
fn stream_that_takes_nothing_makes_the_output_grow_by_one_message_only() {
    let script = Script {
        refusal_count: 100,
        ..Script::default()
    };
    let mut server = WebSocket::over_stream(script, server_core(), Vec::new());
    let first = server.send(&Message::text("first"));
    assert!(first.unwrap_err().is_would_block());
    for _ in 0..49 {
        let second = server.send(&Message::text("second"));
        assert_eq!(second, Err(Error::Unflushed));
        assert_eq!(server.ping(b""), Err(Error::Unflushed));
    }
    assert!(server.flush().unwrap_err().is_would_block());
    server.flush().unwrap();
    server.send(&Message::text("second")).unwrap();
    assert_eq!(server.stream().written, b"\x81\x05first\x81\x06second");
}

// covers: R6455-6.1-06/S
#[test]
fn stream_that_does_not_block_loses_nothing() {
    let mut script = Script::default();
    for byte in [HI, CLOSE].concat() {
        script.reads.push_back(Step::Fails(ErrorKind::WouldBlock));
        script.reads.push_back(Step::Bytes(vec![byte]));
    }
    script.max_write_len = 1;
    script.write_failure = Some(ErrorKind::WouldBlock);
    let mut server = WebSocket::over_stream(script, server_core(), Vec::new());
    let mut wait_count = 0;
    let message = loop {
        match server.read() {
            Err(error) if error.is_would_block() => wait_count += 1,
            other => break other,
        }
    };
    assert_eq!(message, Ok(Some(Message::text("Hi"))));
    assert_eq!(wait_count, HI.len());
    let mut sent = server.send(&Message::text("Ho"));
    while let Err(error) = sent {
        assert!(error.is_would_block(), "{error}");
        sent = server.flush();
    }
    while server.read().is_err_and(|error| error.is_would_block()) {}
    let parts = server.into_parts();
    let written = [parts.stream.written, parts.output].concat();
    assert_eq!(written, b"\x81\x02Ho\x88\x02\x03\xe8");
}

#[test]
fn stream_is_flushed_for_each_wait_and_each_message() {
    let mut server = server_reading(&[HI, HI].concat());
    assert_eq!(server.read(), Ok(Some(Message::text("Hi"))));
    assert_eq!(server.read(), Ok(Some(Message::text("Hi"))));
    assert_eq!(server.stream().flush_count, 1, "both came at once");
    server.send(&Message::text("Ho")).unwrap();
    assert_eq!(server.stream().flush_count, 2);
}

#[test]
fn large_message_leaves_no_large_buffer() {
    for len in [60_000, 1 << 20] {
        let mut server = server_reading(b"");
        server.send(&Message::binary(vec![0; len])).unwrap();
        let kept_len = server.into_parts().output.capacity();
        assert!((60_000..=65_536).contains(&kept_len), "{kept_len}");
    }
}

// covers: R6455-5.4-02, R6455-5.5.3-03/S
#[test]
fn messages_go_prepared_and_in_parts_and_come_in_parts() {
    let fragments = b"\x01\x82\0\0\0\0He\x80\x83\0\0\0\0llo";
    let mut server = server_reading(&[&fragments[..], CLOSE].concat());
    let prepared = PreparedMessage::new(&Message::text("Hi"));
    server.send_prepared(&prepared).unwrap();
    server.send_part(&Message::text("He"), false).unwrap();
    server.pong(b"?").unwrap();
    server.send_part(&Message::text("llo"), true).unwrap();
    let written = b"\x81\x02Hi\x01\x02He\x8a\x01?\x80\x03llo";
    assert_eq!(server.stream().written, written);
    let part = |text, is_final| Part {
        payload: Message::text(text),
        is_final,
    };
    assert_eq!(server.read_part(), Ok(Some(part("He", false))));
    assert_eq!(server.read_part(), Ok(Some(part("llo", true))));
    assert_eq!(server.read_part(), Ok(None));
}

// covers: R6455-5.5.2-01/S, R6455-5.5.3-01/S, R6455-5.5.3-03/S
#[test]
fn pings_are_answered_by_reading_and_seen_by_who_asks() {
    let bytes = [
        b"\x89\x82\x00\x00\x00\x00\xff\x00",
        HI,
        b"\x8a\x80\x00\x00\x00\x00",
    ]
    .concat();
    let mut server = server_reading(&bytes);
    assert_eq!(server.read_event(), Ok(Event::Ping(vec![0xff, 0].into())));
    assert_eq!(server.stream().written, b"\x8a\x02\xff\x00");
    assert_eq!(server.read(), Ok(Some(Message::text("Hi"))));
    assert_eq!(server.read_event(), Ok(Event::Pong(vec![].into())));
}

// covers: R6455-5.5.2-02/S
#[test]
fn pings_are_answered_while_a_large_message_streams_in() {
    in_time(|| {
        let (stream, server) = tcp_pair();
        let mut server = server_over(server);
        let reading = thread::spawn(move || {
            let message = server.read().unwrap().unwrap();
            (message.as_bytes().len(), server)
        });
        let fragment = [
            &b"\x82\xff\x00\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00"[..],
            &[7; 1 << 20],
        ]
        .concat();
        let mut client = &stream;
        for index in 0..16_u8 {
            let mut fragment = fragment.clone();
            fragment[0] = match index {
                0 => 0x02,
                15 => 0x80,
                _ => 0x00,
            };
            client.write_all(&fragment).unwrap();
            client.write_all(&[0x89, 0x81, 0, 0, 0, 0, index]).unwrap();
            let mut pong = [0; 3];
            // The Ping behind the last fragment comes after the message, when nobody reads.
            if index < 15 {
                client.read_exact(&mut pong).unwrap();
                assert_eq!(pong, [0x8a, 1, index]);
            }
        }
        assert_eq!(reading.join().unwrap().0, 16 << 20);
    });
}

// covers: R6455-7.1.7-02, R6455-7.1.7-04/S, R6455-7.1.7-06/S, R6455-7.1.1-01/S
#[test]
fn failing_peer_reads_the_close_frame_though_it_goes_on_sending() {
    in_time(|| {
        let (stream, server) = tcp_pair();
        let mut server = server_over(server);
        let failing = thread::spawn(move || {
            let error = server.read().unwrap_err();
            assert_eq!(server.read(), Err(error.clone()));
            assert_eq!(
                server.send(&Message::text("late")),
                Err(SendError::Closed.into())
            );
            error
        });
        let mut client = &stream;
        client.write_all(b"\x83\x80\x00\x00\x00\x00").unwrap();
        client.write_all(&vec![0; 4 << 20]).unwrap();
        client.write_all(&[HI, CLOSE].concat()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let answer = read_to_end(client);
        assert_eq!(answer[0], 0x88);
        assert_eq!(usize::from(answer[1]), answer.len() - 2);
        assert_eq!(answer[2..4], 1002_u16.to_be_bytes());
        let error = ProtocolError::UnknownOpcode { opcode: 3 };
        assert_eq!(failing.join().unwrap(), Error::Protocol(error));
    });
}

// covers: R6455-7.1.4-01/S, R6455-7.1.5-01/S
#[test]
fn end_without_a_close_frame_is_truncation() {
    for bytes in [&b""[..], b"\x81", HI, &HI[..4]] {
        let mut server = server_reading(bytes);
        let results: Vec<_> = server.messages().collect();
        assert_eq!(results.last(), Some(&Err(Error::Truncated)), "{bytes:?}");
        assert_eq!(server.read(), Err(Error::Truncated));
        assert_eq!(
            server.send(&Message::text("late")),
            Err(SendError::Closed.into())
        );
        assert!(server.stream().written.is_empty());
        assert_eq!(server.closed(), None);
    }
}

// covers: R6455-7.1.5-01/S, R6455-5.5.1-13/S
#[test]
fn iteration_ends_with_the_closing_handshake() {
    let mut server = server_reading(&[HI, HI, b"\x88\x80\x00\x00\x00\x00", HI].concat());
    assert_eq!(server.messages().filter_map(Result::ok).count(), 2);
    assert_eq!(server.messages().count(), 0);
    assert_eq!(server.closed().map(|closed| closed.code), Some(None));
    assert_eq!(server.stream().written, b"\x88\x00");
}

// covers: R6455-5.5.1-10, R6455-7.1.1-03
#[test]
fn server_ends_the_stream_at_once_after_both_closes() {
    in_time(|| {
        let (stream, server) = tcp_pair();
        let mut server = server_over(server);
        let closing = thread::spawn(move || server.read());
        (&stream).write_all(CLOSE).unwrap();
        // The client's own end stays open: only the server's end makes this return.
        assert_eq!(read_to_end(&stream), b"\x88\x02\x03\xe8");
        drop(stream);
        assert_eq!(closing.join().unwrap(), Ok(None));
    });
}

// covers: R6455-5.5.1-11, R6455-7.1.1-04, D-02
#[test]
fn client_waits_for_the_end_and_calls_it_clean_when_none_comes() {
    in_time(|| {
        let (client, server) = tcp_pair();
        let mut timeouts = Timeouts::client();
        timeouts.close_timeout = Duration::from_millis(100);
        let core = client_core();
        let mut client = WebSocket::over_socket(client, core, Vec::new(), timeouts).unwrap();
        let mut server_end = &server;
        server_end.write_all(b"\x88\x02\x03\xe8").unwrap();
        assert_eq!(client.read(), Ok(None));
        // Its echo and its end are there, though the server never ended the stream.
        let echo = read_to_end(server_end);
        assert_eq!((echo[0], echo.len()), (0x88, 8));
    });
}

// covers: R6455-7.1.2-01/S, D-02
#[test]
fn closing_gives_up_a_peer_that_does_not_answer() {
    in_time(|| {
        let (stream, server) = tcp_pair();
        let mut timeouts = Timeouts::server();
        timeouts.close_timeout = Duration::from_millis(100);
        let mut server =
            WebSocket::over_socket(server, server_core(), Vec::new(), timeouts).unwrap();
        let code = CloseCode::new(4001).unwrap();
        let error = Error::TimedOut(Timeout::Close);
        assert_eq!(server.close(code, "x"), Err(error.clone()));
        assert_eq!(server.read(), Err(error));
        assert_eq!(read_to_end(&stream), b"\x88\x03\x0f\xa1x");
    });
}

// covers: R6455-5.5.1-12
#[test]
fn closes_that_cross_are_one_each() {
    in_time(|| {
        let (mut client, mut server) = web_sockets();
        let closing = thread::spawn(move || server.close(CloseCode::GOING_AWAY, ""));
        assert_eq!(client.close(CloseCode::NORMAL, ""), Ok(()));
        assert_eq!(closing.join().unwrap(), Ok(()));
        assert_eq!(client.close(CloseCode::NORMAL, ""), Ok(()));
    });
}

#[test]
fn closing_goes_on_where_the_stream_gave_up() {
    let mut script = Script::default();
    script.reads.push_back(Step::Fails(ErrorKind::WouldBlock));
    script.reads.push_back(Step::Bytes(CLOSE.to_vec()));
    let mut server = WebSocket::over_stream(script, server_core(), Vec::new());
    let error = server.close(CloseCode::NORMAL, "").unwrap_err();
    assert!(error.is_would_block());
    assert_eq!(server.close(CloseCode::NORMAL, ""), Ok(()));
    assert_eq!(server.stream().written, b"\x88\x02\x03\xe8");
}

#[test]
fn callers_mistakes_write_nothing() {
    let mut server = server_reading(b"");
    let too_long = SendError::ControlPayloadTooLong { len: 126 };
    assert_eq!(server.ping(&[0; 126]), Err(too_long.into()));
    assert!(server.close(CloseCode::NORMAL, &"x".repeat(124)).is_err());
    assert!(server.close(CloseCode::MISSING_EXTENSION, "").is_err());
    assert!(server.stream().written.is_empty());
    server.send(&Message::text("still open")).unwrap();
}

#[test]
fn application_fails_a_connection_with_its_own_code() {
    in_time(|| {
        let (stream, server) = tcp_pair();
        let mut server = server_over(server);
        (&stream).write_all(HI).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        server.fail(CloseCode::UNSUPPORTED_DATA, "no text").unwrap();
        assert_eq!(server.read(), Err(Error::Abandoned));
        assert_eq!(read_to_end(&stream), b"\x88\x09\x03\xebno text");
    });
}

#[test]
fn silent_peer_is_pinged_and_given_up() {
    in_time(|| {
        let (stream, server) = tcp_pair();
        let mut timeouts = Timeouts::server();
        timeouts.ping_interval = Some(Duration::from_millis(20));
        timeouts.idle_timeout = Duration::from_millis(50);
        let mut server =
            WebSocket::over_socket(server, server_core(), Vec::new(), timeouts).unwrap();
        assert_eq!(server.read(), Err(Error::TimedOut(Timeout::Idle)));
        assert_eq!(read_to_end(&stream), [0x89, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
    });
}

#[test]
fn peer_that_talks_is_kept_though_it_answers_no_ping() {
    in_time(|| {
        let mut timeouts = Timeouts::server();
        timeouts.ping_interval = Some(Duration::from_millis(20));
        timeouts.idle_timeout = Duration::from_secs(1);
        let talk = |mut client: TcpStream| {
            let (_until, never) = mpsc::channel::<()>();
            for _ in 0..15 {
                client.write_all(HI).unwrap();
                let waited = never.recv_timeout(Duration::from_millis(100));
                assert_eq!(waited, Err(mpsc::RecvTimeoutError::Timeout));
            }
            client
        };
        let serve = || {
            let (client, server) = tcp_pair();
            let server = WebSocket::over_socket(server, server_core(), Vec::new(), timeouts);
            (thread::spawn(move || talk(client)), server.unwrap())
        };
        let (talking, mut server) = serve();
        let (talking_too, split) = serve();
        let (mut reader, _writer) = split.split().unwrap();
        for _ in 0..15 {
            assert_eq!(server.read(), Ok(Some(Message::text("Hi"))));
            assert_eq!(reader.read(), Ok(Some(Message::text("Hi"))));
        }
        drop((talking.join(), talking_too.join()));
    });
}

#[test]
fn peer_that_answers_pings_is_kept_and_its_distance_is_known() {
    in_time(|| {
        let (client, server) = tcp_pair();
        let mut client = client_over(client);
        let mut timeouts = Timeouts::server();
        timeouts.ping_interval = Some(Duration::from_millis(5));
        let mut server =
            WebSocket::over_socket(server, server_core(), Vec::new(), timeouts).unwrap();
        let answering = thread::spawn(move || {
            for _ in 0..5 {
                assert!(matches!(client.read_event(), Ok(Event::Ping(_))));
            }
            client.close(CloseCode::NORMAL, "")
        });
        assert_eq!(server.round_trip_time(), None);
        assert_eq!(server.read(), Ok(None));
        assert!(server.round_trip_time().is_some());
        assert_eq!(answering.join().unwrap(), Ok(()));
    });
}

#[test]
fn peer_that_takes_nothing_is_given_up() {
    in_time(|| {
        let (stream, server) = tcp_pair();
        let mut timeouts = Timeouts::server();
        timeouts.send_timeout = Some(Duration::from_millis(50));
        let mut server =
            WebSocket::over_socket(server, server_core(), Vec::new(), timeouts).unwrap();
        let error = Error::TimedOut(Timeout::Send);
        assert_eq!(server.send(&Message::binary(vec![0; 64 << 20])), Err(error));
        drop(stream);
    });
}

/// What a Ping is owed is written before the Ping is handed out: that must not hide that it can't be.
#[test]
fn pings_do_not_hide_that_their_sender_takes_nothing() {
    in_time(|| {
        let (mut client, server) = tcp_pair();
        let mut timeouts = Timeouts::server();
        timeouts.send_timeout = Some(Duration::from_millis(50));
        let mut server =
            WebSocket::over_socket(server, server_core(), Vec::new(), timeouts).unwrap();
        let pinging = thread::spawn(move || {
            let pings = [b"\x89\xfd\0\0\0\0".as_slice(), &[b'x'; 125]].concat();
            let pings = pings.repeat(1_000);
            while client.write_all(&pings).is_ok() {}
        });
        assert_eq!(server.read(), Err(Error::TimedOut(Timeout::Send)));
        drop(server);
        pinging.join().unwrap();
    });
}

#[test]
fn closing_takes_no_longer_than_it_may_over_a_full_socket() {
    in_time(|| {
        let (client, mut server) = tcp_pair();
        server.set_nonblocking(true).unwrap();
        while server.write(&[0x82, 0]).is_ok() {}
        server.set_nonblocking(false).unwrap();
        let mut timeouts = Timeouts::server();
        timeouts.close_timeout = Duration::from_millis(50);
        timeouts.send_timeout = None;
        let mut server =
            WebSocket::over_socket(server, server_core(), Vec::new(), timeouts).unwrap();
        let error = Error::TimedOut(Timeout::Close);
        assert_eq!(server.close(CloseCode::NORMAL, ""), Err(error));
        drop(client);
    });
}

#[test]
fn timeouts_may_be_for_ever() {
    in_time(|| {
        let (client, server) = tcp_pair();
        let mut client =
            WebSocket::over_socket(client, client_core(), Vec::new(), for_ever()).unwrap();
        let mut server =
            WebSocket::over_socket(server, server_core(), Vec::new(), for_ever()).unwrap();
        client.send(&Message::text("Hi")).unwrap();
        assert_eq!(server.read(), Ok(Some(Message::text("Hi"))));
        let closing = thread::spawn(move || client.close(CloseCode::NORMAL, ""));
        assert_eq!(server.read(), Ok(None));
        assert_eq!(closing.join().unwrap(), Ok(()));
    });
}

#[test]
fn reset_is_told_as_an_error_and_ends_the_connection() {
    in_time(|| {
        let (client, mut server) = web_sockets();
        server.send(&Message::text("never read")).unwrap();
        // A socket that is closed with unread bytes resets the connection.
        let mut peeked = [0; 1];
        client.stream().peek(&mut peeked).unwrap();
        drop(client);
        let error = server.read().unwrap_err();
        assert!(matches!(error, Error::Io(_) | Error::Truncated), "{error}");
        assert_eq!(
            server.send(&Message::text("late")),
            Err(SendError::Closed.into())
        );
    });
}

#[cfg(unix)]
#[test]
fn unix_sockets_do_as_well() {
    use std::os::unix::net::UnixStream;

    in_time(|| {
        let (client, server) = UnixStream::pair().unwrap();
        let core = client_core();
        let mut client =
            WebSocket::over_socket(client, core, Vec::new(), Timeouts::client()).unwrap();
        let mut server =
            WebSocket::over_socket(server, server_core(), Vec::new(), Timeouts::server()).unwrap();
        client.send(&Message::text("Hi")).unwrap();
        assert_eq!(server.read(), Ok(Some(Message::text("Hi"))));
        let closing = thread::spawn(move || server.close(CloseCode::NORMAL, ""));
        assert_eq!(client.read(), Ok(None));
        assert_eq!(closing.join().unwrap(), Ok(()));
    });
}
