//! Messages that come and go in pieces, because they are larger than memory.
#![cfg(feature = "blocking")]

mod blocking_support;

use std::io::{self, Read as _, Write as _};
use std::thread;

use blocking_support::{Script, in_time, server_core, web_sockets};
use chinwag::websocket::blocking::{Error, WebSocket};
use chinwag::websocket::{CloseCode, Event, Message, SendError};

/// Bytes in which each place differs from those around it.
fn pattern(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}

fn server_reading(bytes: &[u8]) -> WebSocket<Script> {
    WebSocket::over_stream(Script::reading(bytes), server_core(), Vec::new())
}

// covers: R6455-5.4-02, R6455-5.4-10, R6455-5.4-11, R6455-6.1-02, R6455-6.1-04
#[test]
fn message_that_is_written_in_pieces_is_read_in_pieces_or_whole() {
    in_time(|| {
        let (mut client, mut server) = web_sockets();
        let sending = thread::spawn(move || {
            for _ in 0..2 {
                let mut writer = client.binary_writer();
                for piece in pattern(3 << 20).chunks(100_001) {
                    writer.write_all(piece).unwrap();
                }
                writer.finish().unwrap();
            }
            client.close(CloseCode::NORMAL, "")
        });
        let mut reader = server.read_message().unwrap().unwrap();
        assert!(!reader.is_text());
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        assert!(reader.is_finished());
        drop(reader);
        assert!(bytes == pattern(3 << 20));
        let whole = server.read().unwrap().unwrap();
        assert!(whole == Message::binary(pattern(3 << 20)));
        assert!(server.read_message().unwrap().is_none());
        assert_eq!(sending.join().unwrap(), Ok(()));
    });
}

// covers: R6455-5.6-01, R6455-6.1-07
#[test]
fn text_is_cut_between_characters_however_it_is_written() {
    let mut server = server_reading(b"");
    let text = "aé€😀".repeat(20_000);
    let mut writer = server.text_writer();
    for piece in text.as_bytes().chunks(7) {
        writer.write_all(piece).unwrap();
    }
    writer.flush().unwrap();
    writer.finish().unwrap();
    let script = server.into_parts().stream;
    let mut rest = &script.written[..];
    let mut received = String::new();
    let mut frame_count = 0;
    while let [first, second, tail @ ..] = rest {
        let expected = if frame_count == 0 { 0x01 } else { 0x00 };
        let is_final = first & 0x80 != 0;
        assert_eq!(first & 0x7f, expected);
        let (len, tail) = match second {
            126 => (u16::from_be_bytes([tail[0], tail[1]]).into(), &tail[2..]),
            127 => (
                u64::from_be_bytes(tail[..8].try_into().unwrap()),
                &tail[8..],
            ),
            len => (u64::from(*len), tail),
        };
        let (payload, tail) = tail.split_at(usize::try_from(len).unwrap());
        received.push_str(str::from_utf8(payload).expect("cut between characters"));
        rest = tail;
        frame_count += 1;
        assert_eq!(is_final, rest.is_empty());
    }
    assert!(received == text);
    assert!(frame_count > 2);
}

// covers: R6455-5.4-02
#[test]
fn fragments_are_of_64_kib() {
    let mut server = server_reading(b"");
    let mut writer = server.binary_writer();
    writer.write_all(&pattern(131_073)).unwrap();
    writer.finish().unwrap();
    let written = &server.stream().written;
    let frame_len = 10 + 65_536;
    assert_eq!(written[..10], *b"\x02\x7f\0\0\0\0\0\x01\0\0");
    let second = &written[frame_len..];
    assert_eq!(second[..10], *b"\x00\x7f\0\0\0\0\0\x01\0\0");
    assert_eq!(second[frame_len..][..2], *b"\x80\x01");
}

// covers: R6455-6.1-07
#[test]
fn text_writer_refuses_what_is_not_utf_8_and_the_connection_fails() {
    for bytes in [&b"abc\xff"[..], b"\xe2\x82"] {
        let mut server = server_reading(b"");
        let mut writer = server.text_writer();
        writer.write_all(bytes).unwrap();
        let error = writer.finish().unwrap_err();
        assert!(
            matches!(&error, Error::Io(error) if error.get().kind() == io::ErrorKind::InvalidData)
        );
        assert_eq!(server.read(), Err(Error::Abandoned));
        assert_eq!(server.stream().written[..4], [0x88, 28, 0x03, 0xf3]);
    }
}

// covers: R6455-6.1-04
#[test]
fn writer_that_is_dropped_unfinished_fails_the_connection() {
    let mut server = server_reading(b"");
    let mut writer = server.binary_writer();
    writer.write_all(b"half of").unwrap();
    writer.flush().unwrap();
    drop(writer);
    let late = server.send(&Message::text("late"));
    assert_eq!(late, Err(SendError::Closed.into()));
    let written = &server.stream().written;
    assert_eq!(written[..9], *b"\x02\x07half of");
    assert_eq!(written[9..13], [0x88, 28, 0x03, 0xf3]);
    assert_eq!(written.len(), 9 + 2 + 28, "no final fragment, one Close");
}

#[test]
fn reader_knows_the_kind_and_the_end_of_its_message() {
    // A text in two fragments, masked with zeros, and an empty binary message.
    let text = b"\x01\x82\0\0\0\0He\x80\x83\0\0\0\0llo";
    let mut server = server_reading(&[&text[..], b"\x82\x80\0\0\0\0"].concat());
    let mut reader = server.read_message().unwrap().unwrap();
    assert!(reader.is_text() && !reader.is_finished());
    let mut bytes = [0; 2];
    reader.read_exact(&mut bytes).unwrap();
    assert!(!reader.is_finished(), "another fragment follows");
    reader.read_exact(&mut bytes).unwrap();
    assert!(!reader.is_finished(), "a byte is left");
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
    assert!(reader.is_finished() && rest == b"o");
    drop(reader);
    let reader = server.read_message().unwrap().unwrap();
    assert!(reader.is_finished() && !reader.is_text());
}

#[test]
fn rest_of_a_message_is_thrown_away_with_its_reader() {
    let message = b"\x02\x82\x00\x00\x00\x00ab\x89\x80\x00\x00\x00\x00\x80\x82\x00\x00\x00\x00cd";
    let next = b"\x81\x82\x00\x00\x00\x00Hi";
    let mut server = server_reading(&[&message[..], next].concat());
    let mut reader = server.read_message().unwrap().unwrap();
    let mut byte = [0];
    reader.read_exact(&mut byte).unwrap();
    assert_eq!(byte, *b"a");
    drop(reader);
    assert_eq!(server.read_event(), Ok(Event::Message(Message::text("Hi"))));
    assert_eq!(server.stream().written, b"\x8a\x00");
}

#[test]
fn rest_of_a_message_is_still_thrown_away_after_the_connection_was_in_parts() {
    let message = b"\x02\x82\x00\x00\x00\x00ab\x80\x82\x00\x00\x00\x00cd";
    let next = b"\x81\x82\x00\x00\x00\x00Hi";
    let mut server = server_reading(&[&message[..], next].concat());
    drop(server.read_message().unwrap());
    let parts = server.into_parts();
    assert!(parts.is_skipping());
    let mut server = WebSocket::from_parts(parts);
    assert_eq!(server.read(), Ok(Some(Message::text("Hi"))));
    assert!(!server.into_parts().is_skipping());
}

#[test]
fn output_that_is_left_is_written_after_the_connection_was_in_parts() {
    let mut server = stalling_server(1);
    let sent = server.send(&Message::text("a"));
    assert!(sent.unwrap_err().is_would_block());
    let mut server = WebSocket::from_parts(server.into_parts());
    server.send(&Message::text("b")).unwrap();
    assert_eq!(server.stream().written, b"\x81\x01a\x81\x01b");
}

// covers: R6455-7.1.4-01
#[test]
fn message_that_breaks_off_is_an_error_and_no_end() {
    let mut server = server_reading(b"\x02\x82\x00\x00\x00\x00ab");
    let mut reader = server.read_message().unwrap().unwrap();
    let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    let inner = error.get_ref().and_then(|error| error.downcast_ref());
    assert_eq!(inner, Some(&Error::Truncated));
}

#[cfg(unix)]
// covers: R6455-5.4-04, R6455-5.4-07
#[test]
fn messages_of_other_writers_wait_for_the_end_of_a_streamed_one() {
    in_time(|| {
        let (client, server) = web_sockets();
        let (mut reader, _client) = client.split().unwrap();
        let (mut server, mut writer) = server.split().unwrap();
        let other = writer.clone();
        let mut message = writer.binary_writer();
        message.write_all(b"first half, ").unwrap();
        message.flush().unwrap();
        let sending = thread::spawn(move || {
            other.ping(b"between").unwrap();
            other.send(&Message::text("afterwards"))
        });
        // The Ping overtakes, and proves that the other thread is at its message.
        assert_eq!(
            reader.read_event(),
            Ok(Event::Ping(b"between".to_vec().into()))
        );
        message.write_all(b"second half").unwrap();
        message.finish().unwrap();
        let streamed = Message::binary(&b"first half, second half"[..]);
        assert_eq!(reader.read(), Ok(Some(streamed)));
        assert_eq!(reader.read(), Ok(Some(Message::text("afterwards"))));
        sending.join().unwrap().unwrap();
        let closing = thread::spawn(move || reader.close(CloseCode::NORMAL, ""));
        assert_eq!(server.read(), Ok(None));
        closing.join().unwrap().unwrap();
    });
}

#[cfg(unix)]
// covers: R6455-6.1-04
#[test]
fn unfinished_message_of_a_half_fails_both_halves() {
    in_time(|| {
        let (mut client, server) = web_sockets();
        let (mut reader, mut writer) = server.split().unwrap();
        let mut message = writer.text_writer();
        message.write_all(b"half").unwrap();
        message.flush().unwrap();
        let dropping = thread::spawn(move || client.read().map(|_| client));
        drop(message);
        assert_eq!(reader.read(), Err(Error::Abandoned));
        let client = dropping.join().unwrap().unwrap();
        assert_eq!(
            client.closed().unwrap().code,
            Some(CloseCode::INTERNAL_ERROR)
        );
        assert_eq!(
            writer.send(&Message::text("late")),
            Err(SendError::Closed.into())
        );
    });
}

/// A server over a stream that does not take its first `refusal_count` writes.
fn stalling_server(refusal_count: usize) -> WebSocket<Script> {
    let script = Script {
        refusal_count,
        ..Script::default()
    };
    WebSocket::over_stream(script, server_core(), Vec::new())
}

#[test]
fn fragment_is_not_sent_twice_when_the_stream_gives_up() {
    let mut server = stalling_server(2);
    let mut writer = server.binary_writer();
    writer.write_all(b"abc").unwrap();
    for _ in 0..2 {
        let error = writer.flush().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
    writer.flush().unwrap();
    writer.finish().unwrap();
    assert_eq!(server.stream().written, b"\x02\x03abc\x80\x00");
}

#[test]
fn end_of_a_message_that_the_stream_does_not_take_is_left_to_flush() {
    for flush_count in 0..2 {
        let mut server = stalling_server(flush_count + 1);
        let mut writer = server.binary_writer();
        writer.write_all(b"abc").unwrap();
        for _ in 0..flush_count {
            assert!(writer.flush().is_err());
        }
        assert!(writer.finish().unwrap_err().is_would_block());
        server.flush().unwrap();
        let frames = [&b"\x82\x03abc"[..], b"\x02\x03abc\x80\x00"][flush_count];
        assert_eq!(server.stream().written, frames);
        server.send(&Message::text("open")).unwrap();
    }
}

#[test]
fn message_that_can_not_begin_leaves_the_connection_as_it_was() {
    let mut server = stalling_server(2);
    assert!(
        server
            .send(&Message::text("a"))
            .unwrap_err()
            .is_would_block()
    );
    let mut writer = server.binary_writer();
    writer.write_all(b"abc").unwrap();
    assert_eq!(writer.finish(), Err(Error::Unflushed));
    server.flush().unwrap();
    assert_eq!(server.stream().written, b"\x81\x01a");
    server.send(&Message::text("b")).unwrap();
}
