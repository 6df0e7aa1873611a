//! Halves of connections, in two threads and more, plain and over TLS.
#![cfg(all(unix, feature = "blocking"))]

mod blocking_support;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use blocking_support::{
    client_over, for_ever, in_time, server_core, server_over, tcp_pair, web_sockets,
};
use chinwag::websocket::blocking::{Error, Reader, Timeout, Timeouts, WebSocket, Writer};
use chinwag::websocket::{CloseCode, Event, Message, PreparedMessage, SendError};

type Halves = (Reader, Writer);

/// Runs a test over TCP, and over TLS if that is built.
fn over_all(test: fn(Halves, Halves)) {
    in_time(move || {
        let (client, server) = web_sockets();
        test(
            client.split().expect("TLS is ready"),
            server.split().expect("TLS is ready"),
        );
    });
    #[cfg(feature = "tls")]
    in_time(move || {
        let (client, server) = blocking_support::tls::web_sockets();
        test(
            client.split().expect("TLS is ready"),
            server.split().expect("TLS is ready"),
        );
    });
}

fn split_server(stream: TcpStream) -> Halves {
    server_over(stream).split().expect("no TLS is in the way")
}

/// A message that says who sent it, and which one it is.
fn numbered(sender: u8, number: u32, len: usize) -> Message<'static> {
    let mut bytes = vec![sender; len.max(5)];
    bytes[1..5].copy_from_slice(&number.to_be_bytes());
    Message::binary(bytes)
}

/// Reads until `count` messages of each of `sender_count` senders came, in order and whole.
fn read_numbered(reader: &mut Reader, sender_count: usize, count: u32) {
    let mut next = vec![0_u32; sender_count];
    while next.iter().any(|&next| next < count) {
        let message = reader
            .read()
            .expect("nothing fails")
            .expect("more messages are coming");
        let bytes = message.as_bytes();
        let sender = usize::from(bytes[0]);
        assert_eq!(bytes[1..5], next[sender].to_be_bytes());
        assert!(bytes[5..].iter().all(|&byte| byte == bytes[0]));
        next[sender] += 1;
    }
}

// covers: R6455-5.5.2-01, R6455-5.5.2-02, R6455-6.2-02
#[test]
fn peers_that_flood_each_other_from_all_sides_get_through() {
    const SENDERS: u8 = 3;
    const COUNT: u32 = 40;
    over_all(|client, server| {
        let ends = [client, server].map(|(mut reader, writer)| {
            let senders: Vec<_> = (0..SENDERS)
                .map(|sender| {
                    let writer = writer.clone();
                    thread::spawn(move || {
                        for number in 0..COUNT {
                            // From a few bytes to far more than the sockets hold.
                            let len = 1 << (number % 20);
                            writer.send(&numbered(sender, number, len)).unwrap();
                        }
                    })
                })
                .collect();
            let pinging = {
                let writer = writer.clone();
                thread::spawn(move || {
                    for _ in 0..2_000 {
                        writer.ping(&[0x55; 125]).unwrap();
                    }
                })
            };
            let reading = thread::spawn(move || {
                read_numbered(&mut reader, SENDERS.into(), COUNT);
                reader
            });
            (senders, pinging, reading, writer)
        });
        let mut halves = Vec::new();
        for (senders, pinging, reading, writer) in ends {
            for sender in senders {
                sender.join().unwrap();
            }
            pinging.join().unwrap();
            halves.push((reading.join().unwrap(), writer));
        }
        let [(mut client, _), (mut server, writer)] = halves.try_into().unwrap();
        let reading = thread::spawn(move || client.read());
        let closing = thread::spawn(move || writer.close(CloseCode::NORMAL, ""));
        assert_eq!(server.read(), Ok(None));
        assert_eq!(reading.join().unwrap(), Ok(None));
        assert_eq!(closing.join().unwrap(), Ok(()));
    });
}

#[test]
fn blocked_writer_does_not_keep_the_reader_from_reading() {
    over_all(|(client_reader, client_writer), (mut reader, writer)| {
        // The client reads nothing, so that this waits for the end of the test.
        let blocked = thread::spawn(move || writer.send(&Message::binary(vec![0; 32 << 20])));
        for number in 0..1_000 {
            client_writer.send(&numbered(0, number, 100)).unwrap();
            client_writer.ping(b"owed a Pong that can't leave").unwrap();
        }
        read_numbered(&mut reader, 1, 1_000);
        drop(client_reader);
        drop(client_writer);
        drop(reader);
        assert!(blocked.join().unwrap().is_err());
    });
}

// covers: R6455-5.5.1-05/S, R6455-5.5.1-08/S
#[test]
fn close_of_a_writer_leaves_behind_what_others_have_queued() {
    over_all(|(mut client, client_writer), (mut server, writer)| {
        let senders: Vec<_> = (0..8)
            .map(|sender| {
                let writer = writer.clone();
                thread::spawn(move || {
                    let mut sent_count = 0;
                    while writer.send(&numbered(sender, sent_count, 3_000)).is_ok() {
                        sent_count += 1;
                    }
                    sent_count
                })
            })
            .collect();
        let (reached, at_100) = mpsc::channel();
        let reading = thread::spawn(move || {
            let mut counts = [0_u32; 8];
            let mut count = 0;
            while let Some(message) = client.read().unwrap() {
                counts[usize::from(message.as_bytes()[0])] += 1;
                count += 1;
                if count == 100 {
                    reached.send(()).unwrap();
                }
            }
            (counts, client.closed().unwrap().code)
        });
        let serving = thread::spawn(move || server.read());
        at_100.recv().unwrap();
        writer.close(CloseCode::GOING_AWAY, "").unwrap();
        let (counts, code) = reading.join().unwrap();
        assert_eq!(code, Some(CloseCode::GOING_AWAY));
        assert_eq!(serving.join().unwrap(), Ok(None));
        // Whoever was told that a message left is right, and nothing came after the Close.
        for (sender, count) in senders.into_iter().zip(counts) {
            assert_eq!(sender.join().unwrap(), count);
        }
        drop(client_writer);
    });
}

// covers: R6455-5.5.1-12
#[test]
fn both_ends_close_at_once_from_either_half() {
    over_all(|(mut client, client_writer), (mut server, server_writer)| {
        let reading = thread::spawn(move || client.read());
        let closing = thread::spawn(move || client_writer.close(CloseCode::NORMAL, ""));
        assert_eq!(server.close(CloseCode::GOING_AWAY, ""), Ok(()));
        assert_eq!(server_writer.close(CloseCode::NORMAL, ""), Ok(()));
        assert_eq!(reading.join().unwrap(), Ok(None));
        assert_eq!(closing.join().unwrap(), Ok(()));
        let late = server_writer.send(&Message::text("late"));
        assert_eq!(late, Err(SendError::Closed.into()));
    });
}

#[test]
fn dropped_reader_takes_leave_and_stops_the_writers() {
    over_all(|(client, client_writer), (mut server, writer)| {
        drop(client);
        let late = client_writer.send(&Message::text("late"));
        assert_eq!(late, Err(SendError::Closed.into()));
        assert_eq!(server.read(), Ok(None));
        assert_eq!(server.closed().unwrap().code, Some(CloseCode::GOING_AWAY));
        drop(writer);
    });
}

// covers: R6455-5.4-02/S, R6455-5.5.3-03/S
#[test]
fn messages_go_prepared_and_uncompressed_and_come_in_parts() {
    over_all(|(mut client, client_writer), (mut server, mut writer)| {
        let prepared = PreparedMessage::new(&Message::text("Hi"));
        writer.send_prepared(&prepared).unwrap();
        writer.send_uncompressed(&Message::text("Ho")).unwrap();
        writer.pong(b"?").unwrap();
        for _ in 0..2 {
            let mut message = writer.text_writer();
            message.write_all(b"He").unwrap();
            message.flush().unwrap();
            message.write_all(b"llo").unwrap();
            message.finish().unwrap();
        }
        assert_eq!(client.read(), Ok(Some(Message::text("Hi"))));
        assert_eq!(client.read(), Ok(Some(Message::text("Ho"))));
        let pong = client.read_event();
        assert_eq!(pong, Ok(Event::Pong(b"?".to_vec().into())));
        let mut text = Vec::new();
        let mut message = client.read_message().unwrap().unwrap();
        message.read_to_end(&mut text).unwrap();
        drop(message);
        assert_eq!(text, b"Hello");
        text.clear();
        let mut is_final = false;
        while !is_final {
            let part = client.read_part().unwrap().unwrap();
            text.extend_from_slice(part.payload.as_bytes());
            is_final = part.is_final;
        }
        assert_eq!(text, b"Hello");
        let closing = thread::spawn(move || client_writer.close(CloseCode::GOING_AWAY, "bye"));
        let reading = thread::spawn(move || client.read_part());
        assert_eq!(server.read_part(), Ok(None));
        assert_eq!(closing.join().unwrap(), Ok(()));
        assert_eq!(reading.join().unwrap(), Ok(None));
        let closed = writer.closed().unwrap();
        assert_eq!(closed.code, Some(CloseCode::GOING_AWAY));
        assert_eq!(closed.reason, "bye");
    });
}

#[test]
fn writer_fails_the_connection_for_a_reason_of_the_applications() {
    over_all(|(mut client, _client_writer), (mut server, writer)| {
        let reading = thread::spawn(move || (client.read(), client.closed().unwrap().code));
        assert_eq!(writer.fail(CloseCode::UNSUPPORTED_DATA, "no text"), Ok(()));
        let (end, code) = reading.join().unwrap();
        assert_eq!((end, code), (Ok(None), Some(CloseCode::UNSUPPORTED_DATA)));
        assert_eq!(server.read(), Err(Error::Abandoned));
        assert_eq!(writer.closed(), None);
    });
}

// covers: R6455-5.5.1-10, R6455-7.1.1-03
#[test]
fn server_ends_the_stream_at_once_after_both_closes() {
    in_time(|| {
        let (mut client, server) = tcp_pair();
        let core = server_core();
        let server = WebSocket::over_socket(server, core, Vec::new(), for_ever()).unwrap();
        let (mut reader, _writer) = server.split().unwrap();
        let reading = thread::spawn(move || reader.read());
        client.write_all(b"\x88\x80\0\0\0\0").unwrap();
        // The client's own end stays open: only the server's end makes this return.
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, b"\x88\x00");
        drop(client);
        assert_eq!(reading.join().unwrap(), Ok(None));
    });
}

// covers: R6455-5.5.1-11, R6455-7.1.1-04
#[test]
fn client_waits_for_the_server_to_end_the_stream() {
    in_time(|| {
        let (client, mut server) = tcp_pair();
        let core = blocking_support::client_core();
        let client = WebSocket::over_socket(client, core, Vec::new(), for_ever()).unwrap();
        let (mut reader, _writer) = client.split().unwrap();
        let reading = thread::spawn(move || reader.read());
        server.write_all(b"\x88\x02\x03\xe8").unwrap();
        server.read_exact(&mut [0; 8]).unwrap();
        let a_while = Some(Duration::from_millis(50));
        server.set_read_timeout(a_while).unwrap();
        server.read(&mut [0]).expect_err("the client has not ended");
        server.shutdown(Shutdown::Write).unwrap();
        assert_eq!(reading.join().unwrap(), Ok(None));
        assert_eq!(server.read(&mut [0]).unwrap(), 0);
    });
}

#[test]
fn dropped_writers_leave_the_reader_alone() {
    over_all(|(client, client_writer), (mut server, writer)| {
        drop(writer);
        client_writer.ping(b"still there?").unwrap();
        client_writer.send(&Message::text("Hi")).unwrap();
        let ping = server.read_event();
        assert_eq!(ping, Ok(Event::Ping(b"still there?".to_vec().into())));
        assert_eq!(server.read(), Ok(Some(Message::text("Hi"))));
        let reading = thread::spawn(move || {
            let mut client = client;
            let pong = client.read_event();
            (pong, client.read())
        });
        assert_eq!(server.close(CloseCode::NORMAL, ""), Ok(()));
        let (pong, end) = reading.join().unwrap();
        assert_eq!(pong, Ok(Event::Pong(b"still there?".to_vec().into())));
        assert_eq!(end, Ok(None));
    });
}

// covers: R6455-7.1.7-04/S, R6455-7.1.1-01/S
#[test]
fn failing_peer_reads_the_close_frame_though_it_goes_on_sending() {
    in_time(|| {
        let (stream, server) = tcp_pair();
        let (mut reader, writer) = split_server(server);
        let failing = thread::spawn(move || {
            let error = reader.read().unwrap_err();
            assert_eq!(reader.read(), Err(error.clone()));
            error
        });
        let mut client = &stream;
        client.write_all(b"\x83\x80\x00\x00\x00\x00").unwrap();
        client.write_all(&vec![0; 4 << 20]).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert_eq!(answer[..1], *b"\x88");
        assert_eq!(answer[2..4], 1002_u16.to_be_bytes());
        assert!(matches!(failing.join().unwrap(), Error::Protocol(_)));
        assert_eq!(
            writer.send(&Message::text("late")),
            Err(SendError::Closed.into())
        );
    });
}

// covers: R6455-5.5.3-02/S
#[test]
fn ping_flood_of_a_peer_that_reads_nothing_costs_no_memory_and_no_progress() {
    in_time(|| {
        let (client, server) = tcp_pair();
        let (mut reader, _writer) = split_server(server);
        let mut ping = vec![0x89, 0xfd, 0, 0, 0, 0];
        ping.extend_from_slice(&[7; 125]);
        // Far more Pongs than sockets and queue hold.
        let flooding = thread::spawn(move || {
            for _ in 0..1_000 {
                (&client).write_all(&ping.repeat(100)).unwrap();
            }
            (&client).write_all(b"\x81\x82\x00\x00\x00\x00Hi").unwrap();
            client
        });
        assert_eq!(reader.read(), Ok(Some(Message::text("Hi"))));
        flooding.join().unwrap();
    });
}

#[test]
fn pongs_that_found_the_socket_full_leave_as_soon_as_it_is_not() {
    in_time(|| {
        let (mut client, server) = UnixStream::pair().unwrap();
        let server =
            WebSocket::over_socket(server, server_core(), Vec::new(), Timeouts::server()).unwrap();
        let (mut reader, _writer) = server.split().unwrap();
        let reading = thread::spawn(move || reader.read());
        let ping = |payload: &[u8; 100]| [&b"\x89\xe4\0\0\0\0"[..], payload].concat();
        // Several times what the sockets hold.
        client.write_all(&ping(&[1; 100]).repeat(20_000)).unwrap();
        client.write_all(&ping(&[2; 100])).unwrap();
        let mut pong = [0; 102];
        while pong[2..] != [2; 100] {
            client.read_exact(&mut pong).unwrap();
        }
        drop(client);
        assert!(reading.join().unwrap().is_err());
    });
}

// covers: R6455-7.1.4-01/S
#[test]
fn end_without_a_close_frame_is_told_to_both_halves() {
    in_time(|| {
        let (client, server) = tcp_pair();
        let (mut reader, writer) = split_server(server);
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(reader.read(), Err(Error::Truncated));
        assert_eq!(writer.close(CloseCode::NORMAL, ""), Err(Error::Truncated));
        assert_eq!(
            writer.send(&Message::text("late")),
            Err(SendError::Closed.into())
        );
    });
}

// covers: R6455-7.2.1-01
#[test]
fn reset_is_told_to_both_halves() {
    in_time(|| {
        let (client, server) = tcp_pair();
        let (mut reader, writer) = split_server(server);
        writer.send(&Message::text("never read")).unwrap();
        client.peek(&mut [0]).unwrap();
        // A socket that is closed with unread bytes resets the connection.
        drop(client);
        let error = reader.read().unwrap_err();
        assert!(matches!(error, Error::Io(_) | Error::Truncated), "{error}");
        assert_eq!(writer.close(CloseCode::NORMAL, ""), Err(error));
        let late = writer.send(&Message::text("late"));
        assert_eq!(late, Err(SendError::Closed.into()));
    });
}

#[test]
fn peer_that_takes_nothing_is_given_up_and_the_reader_learns_of_it() {
    in_time(|| {
        let (client, server) = tcp_pair();
        let mut timeouts = Timeouts::server();
        timeouts.send_timeout = Some(Duration::from_millis(50));
        let server = WebSocket::over_socket(server, server_core(), Vec::new(), timeouts).unwrap();
        let (mut reader, writer) = server.split().unwrap();
        let reading = thread::spawn(move || reader.read());
        // One writes, one has queued its message, and one waits for room to do so.
        let senders = [(); 3].map(|()| {
            let writer = writer.clone();
            thread::spawn(move || writer.send(&Message::binary(vec![0; 16 << 20])))
        });
        let sent = senders.map(|sender| sender.join().unwrap());
        assert!(sent.iter().all(Result::is_err), "{sent:?}");
        let error = Error::TimedOut(Timeout::Send);
        assert!(sent.contains(&Err(error.clone())), "{sent:?}");
        assert_eq!(reading.join().unwrap(), Err(error));
        drop(client);
    });
}

#[test]
fn peer_that_does_not_answer_a_close_is_given_up() {
    in_time(|| {
        let (client, server) = tcp_pair();
        let mut timeouts = Timeouts::server();
        timeouts.close_timeout = Duration::from_millis(100);
        let server = WebSocket::over_socket(server, server_core(), Vec::new(), timeouts).unwrap();
        let (mut reader, writer) = server.split().unwrap();
        let reading = thread::spawn(move || reader.read());
        let error = Error::TimedOut(Timeout::Close);
        assert_eq!(writer.close(CloseCode::NORMAL, ""), Err(error.clone()));
        assert_eq!(reading.join().unwrap(), Err(error));
        drop(client);
    });
}

/// A peer that answers its Close with more messages has not answered.
#[test]
fn flood_does_not_stretch_the_time_for_closing() {
    in_time(|| {
        let (mut client, server) = tcp_pair();
        let mut timeouts = Timeouts::server();
        timeouts.close_timeout = Duration::from_millis(100);
        let server = WebSocket::over_socket(server, server_core(), Vec::new(), timeouts).unwrap();
        let (mut reader, writer) = server.split().unwrap();
        let flooding = thread::spawn(move || {
            let messages = b"\x82\x82\0\0\0\0Hi".repeat(5_000);
            while client.write_all(&messages).is_ok() {}
        });
        let error = Error::TimedOut(Timeout::Close);
        assert_eq!(reader.close(CloseCode::NORMAL, ""), Err(error));
        drop((reader, writer));
        flooding.join().unwrap();
    });
}

#[test]
fn timeouts_of_halves_may_be_for_ever() {
    in_time(|| {
        let (client, server) = tcp_pair();
        let split = |stream, core| {
            let socket = WebSocket::over_socket(stream, core, Vec::new(), for_ever());
            socket.unwrap().split().unwrap()
        };
        let (mut client, client_writer) = split(client, blocking_support::client_core());
        let (mut server, server_writer) = split(server, server_core());
        client_writer.send(&Message::text("Hi")).unwrap();
        assert_eq!(server.read(), Ok(Some(Message::text("Hi"))));
        let closing = thread::spawn(move || client.close(CloseCode::NORMAL, ""));
        let closing_too = thread::spawn(move || server_writer.close(CloseCode::NORMAL, ""));
        assert_eq!(server.read(), Ok(None));
        assert_eq!(closing.join().unwrap(), Ok(()));
        assert_eq!(closing_too.join().unwrap(), Ok(()));
    });
}

// covers: R6455-7.1.1-04
#[test]
fn closing_handshake_is_done_though_the_server_leaves_the_socket_open() {
    in_time(|| {
        let (client, mut server) = tcp_pair();
        let mut timeouts = Timeouts::client();
        timeouts.close_timeout = Duration::from_millis(100);
        let core = blocking_support::client_core();
        let client = WebSocket::over_socket(client, core, Vec::new(), timeouts).unwrap();
        let (mut reader, writer) = client.split().unwrap();
        let reading = thread::spawn(move || reader.read());
        let closing = thread::spawn(move || writer.close(CloseCode::NORMAL, ""));
        server.read_exact(&mut [0; 8]).unwrap();
        server.write_all(b"\x88\x02\x03\xe8").unwrap();
        assert_eq!(closing.join().unwrap(), Ok(()));
        assert_eq!(reading.join().unwrap(), Ok(None));
        drop(server);
    });
}

#[test]
fn silent_peer_is_pinged_and_given_up() {
    in_time(|| {
        let (mut client, server) = tcp_pair();
        let mut timeouts = Timeouts::server();
        timeouts.ping_interval = Some(Duration::from_millis(20));
        timeouts.idle_timeout = Duration::from_millis(50);
        let server = WebSocket::over_socket(server, server_core(), Vec::new(), timeouts).unwrap();
        let (mut reader, writer) = server.split().unwrap();
        assert_eq!(reader.read(), Err(Error::TimedOut(Timeout::Idle)));
        drop((reader, writer));
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        assert_eq!(received, [0x89, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
    });
}

#[test]
fn what_was_read_before_the_split_is_not_lost() {
    in_time(|| {
        let (mut client, server) = tcp_pair();
        client
            .write_all(b"\x81\x81\x00\x00\x00\x00a\x81\x81\x00\x00\x00\x00b\x81\x81\x00\x00")
            .unwrap();
        let mut server = server_over(server);
        assert_eq!(server.read(), Ok(Some(Message::text("a"))));
        let (mut reader, writer) = server.split().unwrap();
        assert_eq!(reader.read(), Ok(Some(Message::text("b"))));
        client.write_all(b"\x00\x00c").unwrap();
        assert_eq!(reader.read(), Ok(Some(Message::text("c"))));
        drop(writer);
    });
}

#[test]
fn unix_sockets_do_as_well() {
    in_time(|| {
        let (client, server) = UnixStream::pair().unwrap();
        let core = blocking_support::client_core();
        let client = WebSocket::over_socket(client, core, Vec::new(), Timeouts::client()).unwrap();
        let server =
            WebSocket::over_socket(server, server_core(), Vec::new(), Timeouts::server()).unwrap();
        let (mut client, _client_writer) = client.split().unwrap();
        let (mut server, writer) = server.split().unwrap();
        writer.send(&Message::text("Hi")).unwrap();
        assert_eq!(client.read(), Ok(Some(Message::text("Hi"))));
        let serving = thread::spawn(move || server.read());
        assert_eq!(client.close(CloseCode::NORMAL, ""), Ok(()));
        assert_eq!(serving.join().unwrap(), Ok(None));
    });
}

#[test]
fn halves_may_go_to_other_threads() {
    fn assert_send<T: Send>() {}
    fn assert_sync<T: Sync>() {}
    assert_send::<Reader>();
    assert_send::<Writer>();
    assert_sync::<Writer>();
    let _ = client_over;
}

#[test]
fn pings_that_wait_for_room_all_get_through_in_order() {
    const COUNT: u32 = 5_000;
    over_all(|(mut client, _client_writer), (_server, writer)| {
        let sending = {
            let writer = writer.clone();
            thread::spawn(move || writer.send(&Message::binary(vec![0; 16 << 20])))
        };
        let pinging = thread::spawn(move || {
            for number in 0..COUNT {
                let mut payload = [0; 125];
                payload[..4].copy_from_slice(&number.to_be_bytes());
                writer.ping(&payload).unwrap();
            }
        });
        let mut next = 0;
        let mut has_message = false;
        while next < COUNT || !has_message {
            match client.read_event().unwrap() {
                Event::Ping(payload) => {
                    assert_eq!(payload[..4], next.to_be_bytes());
                    next += 1;
                }
                event => has_message = matches!(event, Event::Message(_)),
            }
        }
        sending.join().unwrap().unwrap();
        pinging.join().unwrap();
    });
}

#[test]
fn halves_iterate_over_messages_and_know_the_distance() {
    in_time(|| {
        let (client, server) = tcp_pair();
        let (mut client, client_writer) = client_over(client).split().unwrap();
        let mut timeouts = Timeouts::server();
        timeouts.ping_interval = Some(Duration::from_millis(5));
        let server = WebSocket::over_socket(server, server_core(), Vec::new(), timeouts).unwrap();
        let (mut reader, writer) = server.split().unwrap();
        assert_eq!(writer.round_trip_time(), None);
        let answering = thread::spawn(move || {
            for _ in 0..5 {
                assert!(matches!(client.read_event(), Ok(Event::Ping(_))));
            }
            for number in 0..3 {
                client_writer.send(&numbered(0, number, 5)).unwrap();
            }
            client.close(CloseCode::NORMAL, "")
        });
        let messages: Vec<_> = reader.messages().map(Result::unwrap).collect();
        let expected = [0, 1, 2].map(|number| numbered(0, number, 5));
        assert_eq!(messages, expected);
        assert!(writer.round_trip_time().is_some());
        assert_eq!(writer.round_trip_time(), reader.round_trip_time());
        assert_eq!(answering.join().unwrap(), Ok(()));
    });
}
