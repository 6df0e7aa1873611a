//! Wire tables of the frame layer: bytes in, events and bytes out, one line a case, for both roles.
//!
//! A line has a label, what the peer sends, what the application is told, and after `=>` what the peer
//! is sent. The labels are those of the requirements that the project keeps: the RFC, its section, a number.
//! Frames are written as hex without a mask, separated by `|`. A case runs against a client as it
//! stands, and against a server with each frame masked, by zeros and by real keys; whole, byte by
//! byte, and cut in two at each place. `fails N` stands for one Close frame with code N, then nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use chinwag::websocket::{
    CloseCode, Connection, Event, Limits, MaskingKeys, Message, Role, SendError, State,
    encode_message,
};

// covers: R6455-5.3-06, R6455-6.2-05
#[test]
fn messages_arrive() {
    check(
        "
        R6455-5.4-01  81 05 48656c6c6f                          -> text Hello
        R6455-5.4-02  01 03 48656c | 80 02 6c6f                 -> text Hello
        R6455-5.4-01  81 02 4869                                -> text Hi
        R6455-5.6-03  82 04 00ff80c1                            -> binary 00ff80c1
        R6455-5.2-07  81 00 | 82 00                             -> text, binary
        R6455-5.4-09  01 00 | 00 00 | 80 00                     -> text
        R6455-5.4-09  02 00 | 00 01 61 | 80 00                  -> binary 61
        R6455-5.4-11  01 01 48 | 00 01 69 | 80 00               -> text Hi
        R6455-5.4-12,R6455-6.2-03  02 01 48 | 80 01 69                      -> binary 4869
        R6455-5.2-06  81 01 61 | 81 01 62 | 82 01 63            -> text a, text b, binary 63
        R6455-6.2-04  01 01 61 | 80 01 62 | 01 01 63 | 80 01 64 -> text ab, text cd
        R6455-5.6-02  01 01 c3 | 80 01 a9                       -> text é
        R6455-5.6-02  01 01 f0 | 00 02 9f98 | 80 01 80          -> text 😀
        R6455-5.6-02  81 0b cebae1bdb9cf83cebcceb5              -> text κόσμε
        ",
    );
}

#[test]
fn control_frames_are_answered_anywhere() {
    check(
        "
        R6455-5.5.2-01  89 00                                    -> ping => 8a 00
        R6455-5.5.3-01  89 04 00ffc328                           -> ping 00ffc328 => 8a 04 00ffc328
        R6455-5.5.3-03  8a 03 010203                             -> pong 010203
        R6455-5.4-04    01 01 48 | 89 01 70 | 80 01 69           -> ping 70, text Hi => 8a 01 70
        R6455-5.4-05    01 01 48 | 8a 00 | 00 00 | 89 00 | 80 00 -> pong, ping, text H => 8a 00
        R6455-5.6-02    01 01 c3 | 89 01 70 | 80 01 a9           -> ping 70, text é => 8a 01 70
        ",
    );
}

#[test]
fn closes_are_echoed_once_and_end_everything() {
    check(
        "
        R6455-5.5.1-06,R6455-5.5.1-07  88 02 03e8         -> closed 1000 => 88 02 03e8
        R6455-5.5.1-13  88 00                            -> closed - => 88 00
        D-03,R6455-7.1.6-01  88 05 03e9 627965           -> closed 1001 bye => 88 02 03e9
        R6455-7.4.1-05  88 02 03f2                       -> closed 1010 => 88 02 03f2
        R6455-7.4.2-03  88 02 1387                       -> closed 4999 => 88 02 1387
        R6455-5.5.2-03  88 02 03e8 | 89 00 | 88 02 03e8  -> closed 1000 => 88 02 03e8
        D-06            88 00 | 81 01 61 | ff ff         -> closed - => 88 00
        D-07            01 01 48 | 88 02 03e8 | 80 01 69 -> closed 1000 => 88 02 03e8
        ",
    );
}

// covers: R6455-7.1.7-01, R6455-7.1.7-02, R6455-7.1.7-04, R6455-10.7-02
#[test]
fn broken_framing_fails_with_1002() {
    check(
        "
        R6455-5.2-01,R6455-5.8-01  c1 00              -> fails 1002
        R6455-5.2-01    a1 00                         -> fails 1002
        R6455-5.2-01    91 00                         -> fails 1002
        R6455-5.2-01    f1 00                         -> fails 1002
        R6455-5.2-01    a8 00                         -> fails 1002
        R6455-5.2-01    9a 00                         -> fails 1002
        R6455-5.2-01    c9 00                         -> fails 1002
        R7692-6-03      01 01 61 | c0 00              -> fails 1002
        R6455-5.2-02    83 00                         -> fails 1002
        R6455-5.2-02    07 05                         -> fails 1002
        R6455-5.2-02    8b 7f                         -> fails 1002
        R6455-5.2-02    0f 00                         -> fails 1002
        R6455-5.2-03    82 7f 8000000000000000        -> fails 1002
        R6455-5.2-04    82 7e 007d                    -> fails 1002
        R6455-5.2-04    82 7e 0000                    -> fails 1002
        R6455-5.2-04    82 7f 000000000000ffff        -> fails 1002
        R6455-5.4-03,R6455-5.5-02  09 00              -> fails 1002
        R6455-5.4-03    08 02 03e8                    -> fails 1002
        R6455-5.4-07    01 01 61 | 01 01 62           -> fails 1002
        R6455-5.4-07    01 01 61 | 82 01 62           -> fails 1002
        R6455-5.4-08    80 00                         -> fails 1002
        R6455-5.4-08    00 00                         -> fails 1002
        R6455-5.4-08    81 01 61 | 80 00              -> text a, fails 1002
        R6455-5.5-01    89 7e 007e                    -> fails 1002
        R6455-5.5-01    88 7f                         -> fails 1002
        R6455-7.1.7-06  80 00 | 81 01 61 | 88 02 03e8 -> fails 1002
        R6455-5.2-12    89 01 70 | 83 00              -> ping 70, fails 1002 => 8a 01 70
        ",
    );
}

#[test]
fn broken_close_bodies_fail() {
    check(
        "
        R6455-5.5.1-01  88 01 03        -> fails 1002
        R6455-5.5.1-02  88 04 03e8 c328 -> fails 1007
        R6455-7.4.1-01  88 02 03ed      -> fails 1002
        R6455-7.4.1-02  88 02 03ee      -> fails 1002
        R6455-7.4.1-03  88 02 03f7      -> fails 1002
        R6455-7.4.1-04  88 02 03ec      -> fails 1002
        R6455-7.4.2-01  88 02 0000      -> fails 1002
        R6455-7.4.2-02  88 02 03f8      -> fails 1002
        R6455-7.4.2-04  88 02 1388      -> fails 1002
        D-05            88 04 0000 c328 -> fails 1002
        ",
    );
}

#[test]
fn text_fails_at_its_first_impossible_byte() {
    check(
        "
        R6455-5.6-01,R6455-8.1-01  81 02 c328                          -> fails 1007
        R6455-5.6-01  81 03 eda080                              -> fails 1007
        R6455-5.6-01  81 02 c080                                -> fails 1007
        R6455-5.6-01  81 01 c3                                  -> fails 1007
        R6455-5.6-01  01 01 61 | 80 01 c3                       -> fails 1007
        R6455-8.1-03,D-09  81 09 61 f490                          -> fails 1007
        R6455-8.1-03  01 0b cebae1bdb9cf83cebcceb5 | 00 04 f490 -> fails 1007
        R6455-8.1-03  01 01 f4 | 00 01 90                       -> fails 1007
        R6455-8.1-03  01 01 c3 | 89 00 | 80 01 28               -> ping, fails 1007 => 8a 00
        ",
    );
}

#[test]
fn limits_are_judged_on_the_header() {
    // `connect` sets: 70,000 bytes a message, 3 fragments and one more for 32 bytes.
    check(
        "
        R6455-10.4-01  82 7f 0000000000011170                       ->
        R6455-10.4-01  82 7f 0000000000011171                       -> fails 1009
        R6455-10.4-01  82 7f 1000000000000000                       -> fails 1009
        R6455-10.4-01  01 7f 7fffffffffffffff                       -> fails 1009
        R6455-10.4-02  02 01 61 | 00 7f 0000000000011170            -> fails 1009
        R6455-10.4-02  02 01 61 | 80 7f 0000000000011170            -> fails 1009
        R6455-10.4-03  02 00 | 00 00 | 80 00                        -> binary
        R6455-10.4-03  02 00 | 00 00 | 00 00 | 80 00                -> fails 1008
        R6455-10.4-03  02 01 61 | 00 00 | 00 00 | 80 00             -> fails 1008
        R6455-10.4-03  02 20 {32 times 61} | 00 00 | 00 00 | 80 00  -> binary {32 times 61}
        D-05           83 7f 7fffffffffffffff                       -> fails 1002
        D-05           02 00 | 00 00 | 00 00 | 00 7f 0000000000000000 -> fails 1002
        ",
    );
}

#[test]
fn after_our_close_only_theirs_matters() {
    check_closing(
        "
        R6455-5.5.1-12  88 02 03e8                       -> closed 1000
        D-08            81 01 61 | 88 00                 -> closed -
        D-08            01 01 61 | 80 01 62 | 88 02 0bb8 -> closed 3000
        R6455-5.5.2-04  89 01 70 | 88 02 03e8            -> ping 70, closed 1000 => 8a 01 70
        D-08            81 01 ff                         -> fails silently
        D-08            83 00                            -> fails silently
        D-08            82 7f 1000000000000000           -> fails silently
        R6455-5.5.1-01  88 01 03                         -> fails silently
        ",
    );
}

#[test]
fn frames_must_be_masked_by_clients_only() {
    // covers: R6455-5.1-02, R6455-5.1-04, D-20
    // The tables above mask by role.
    for frame in ["81 02 4869", "89 00", "88 00", "80 00"] {
        let trace = receive(Role::Server, false, &[hex(frame)]);
        assert_eq!(trace.told, ["fails 1002"], "{frame}");
        let trace = receive(Role::Client, false, &[mask(&hex(frame), [1, 2, 3, 4])]);
        assert_eq!(trace.told, ["fails 1002"], "{frame}");
    }
}

#[test]
fn lengths_take_their_shortest_form_both_ways() {
    // covers: R6455-5.2-08, R6455-5.3-05, R6455-6.1-03
    for (len, head) in [
        (0, "8200"),
        (1, "8201"),
        (125, "827d"),
        (126, "827e007e"),
        (127, "827e007f"),
        (65_535, "827effff"),
        (65_536, "827f0000000000010000"),
        (65_537, "827f0000000000010001"),
        (70_000, "827f0000000000011170"),
    ] {
        let payload: Vec<u8> = (0..=255).cycle().take(len).collect();
        let message = Message::binary(&payload);
        let mut encoded = Vec::new();
        encode_message(&message, &mut encoded);
        assert_eq!(encoded, [hex(head), payload.clone()].concat(), "{len}");
        for role in [Role::Server, Role::Client] {
            let mut sent = Vec::new();
            connect(role).send(&message, &mut sent).unwrap();
            let expected = if role == Role::Server {
                encoded.clone()
            } else {
                mask(&encoded, KEY)
            };
            assert!(sent == expected, "{len} bytes as {role:?}");
            let peer = if role == Role::Server {
                Role::Client
            } else {
                Role::Server
            };
            let (head, tail) = sent.split_at(sent.len() / 2);
            for parts in [vec![sent.clone()], vec![head.to_vec(), tail.to_vec()]] {
                assert!(
                    receive(peer, false, &parts).told == [describe(&message).trim_end()],
                    "{len} to {peer:?}"
                );
            }
        }
    }
}

// covers: R6455-5.2-08/C
#[test]
fn one_byte_above_the_limit_is_refused_and_the_limit_is_not() {
    let mut too_long = Vec::new();
    encode_message(&Message::binary(vec![0; 70_001]), &mut too_long);
    assert_eq!(
        receive(Role::Client, false, &[too_long]).told,
        ["fails 1009"]
    );
}

#[test]
fn messages_are_told_until_the_peers_close_where_that_is_asked_for() {
    let mut connection = Connection::server(Limits::default());
    connection.deliver_while_closing();
    let mut output = Vec::new();
    connection
        .close(CloseCode::NORMAL, "", &mut output)
        .unwrap();
    let mut bytes = *b"\x81\x81\0\0\0\0a\x88\x80\0\0\0\0\x81\x81\0\0\0\0b";
    let mut input = &mut bytes[..];
    let mut told = Vec::new();
    while let Some(event) = connection.receive(&mut input, &mut output).unwrap() {
        told.push(event.into_owned());
    }
    let closed = Event::Closed {
        code: None,
        reason: String::new(),
    };
    assert_eq!(told, [Event::Message(Message::text("a")), closed]);
}

#[test]
fn close_begins_the_closing_handshake() {
    // covers: R6455-7.1.2-01, R6455-7.1.3-01, R6455-5.5.1-04
    for role in [Role::Server, Role::Client] {
        let mut connection = connect(role);
        let mut output = Vec::new();
        assert_eq!(connection.state(), State::Open);
        connection
            .close(CloseCode::new(4001).unwrap(), "x", &mut output)
            .unwrap();
        assert_eq!(output, by_role(role, &hex("88 03 0fa1 78")));
        assert_eq!(connection.state(), State::Closing);
        let mut echo = by_role(opposite(role), &hex("88 02 0fa1"));
        connection.receive(&mut &mut echo[..], &mut output).unwrap();
        assert_eq!(connection.state(), State::Closed);
    }
}

#[test]
fn nothing_is_sent_after_a_close() {
    // covers: R6455-5.5.1-05, R6455-5.1-05
    for close in ["88 00", "83 00"] {
        for role in [Role::Server, Role::Client] {
            let mut connection = connect(role);
            let mut input = by_role(opposite(role), &hex(close));
            let _ = connection.receive(&mut &mut input[..], &mut Vec::new());
            refuses_to_send(&mut connection);
        }
    }
    let mut connection = connect(Role::Server);
    connection
        .close(CloseCode::NORMAL, "", &mut Vec::new())
        .unwrap();
    refuses_to_send(&mut connection);
    let mut connection = connect(Role::Server);
    connection
        .fail(CloseCode::POLICY_VIOLATION, "", &mut Vec::new())
        .unwrap();
    refuses_to_send(&mut connection);
}

fn refuses_to_send(connection: &mut Connection) {
    let mut output = Vec::new();
    assert_eq!(
        connection.send(&Message::text("a"), &mut output),
        Err(SendError::Closed)
    );
    assert_eq!(connection.ping(b"", &mut output), Err(SendError::Closed));
    assert_eq!(connection.pong(b"", &mut output), Err(SendError::Closed));
    assert_eq!(
        connection.close(CloseCode::NORMAL, "", &mut output),
        Err(SendError::Closed)
    );
    connection.fail(CloseCode::NORMAL, "", &mut output).unwrap();
    assert!(output.is_empty());
}

#[test]
fn what_no_frame_can_carry_is_refused_and_leaves_no_trace() {
    let mut connection = connect(Role::Server);
    let mut output = Vec::new();
    let too_long = SendError::ControlPayloadTooLong { len: 126 };
    assert_eq!(connection.ping(&[0; 126], &mut output), Err(too_long));
    assert_eq!(connection.pong(&[0; 126], &mut output), Err(too_long));
    let reason = "x".repeat(124);
    assert_eq!(
        connection.close(CloseCode::NORMAL, &reason, &mut output),
        Err(too_long)
    );
    // covers: R6455-7.4.1-08
    let code = CloseCode::MISSING_EXTENSION;
    let not_for_servers = SendError::CloseCodeNotForServers { code };
    assert_eq!(
        connection.close(code, "", &mut output),
        Err(not_for_servers)
    );
    assert_eq!(connection.fail(code, "", &mut output), Err(not_for_servers));
    assert!(output.is_empty());
    assert_eq!(connection.state(), State::Open);
    connection.ping(&[0; 125], &mut output).unwrap();
    connection
        .close(CloseCode::NORMAL, &reason[1..], &mut output)
        .unwrap();
    assert!(
        connect(Role::Client)
            .close(code, "deflate", &mut output)
            .is_ok()
    );
}

#[test]
fn application_fails_the_connection_with_one_close() {
    for role in [Role::Server, Role::Client] {
        let mut connection = connect(role);
        let mut output = Vec::new();
        connection
            .fail(CloseCode::UNSUPPORTED_DATA, "text only", &mut output)
            .unwrap();
        connection
            .fail(CloseCode::NORMAL, "again", &mut output)
            .unwrap();
        assert_eq!(output, by_role(role, &hex("88 0b 03eb 74657874206f6e6c79")));
        assert_eq!(connection.state(), State::Failed);
        let mut input = by_role(opposite(role), &hex("81 01 61 88 00"));
        let mut input = &mut input[..];
        output.clear();
        assert_eq!(connection.receive(&mut input, &mut output), Ok(None));
        assert!(input.is_empty() && output.is_empty());
    }
}

#[test]
fn long_reason_of_a_failure_is_cut_between_characters() {
    let mut output = Vec::new();
    connect(Role::Server)
        .fail(CloseCode::POLICY_VIOLATION, &"é".repeat(100), &mut output)
        .unwrap();
    assert_eq!(output[..4], hex("88 7c 03f0"));
    assert_eq!(output[4..], *"é".repeat(61).as_bytes());
}

// covers: R6455-7.1.7-06/C
#[test]
fn error_comes_again_at_each_call_and_sends_nothing_more() {
    let mut connection = connect(Role::Client);
    let mut output = Vec::new();
    let mut input = hex("83 00");
    let error = connection
        .receive(&mut &mut input[..], &mut output)
        .unwrap_err();
    let sent_len = output.len();
    let mut input = hex("81 01 61");
    assert_eq!(
        connection.receive(&mut &mut input[..], &mut output),
        Err(error)
    );
    assert_eq!(
        connection.receive(&mut &mut [][..], &mut output),
        Err(error)
    );
    assert_eq!(output.len(), sent_len);
}

// covers: R6455-10.4-01/C
#[test]
fn memory_is_held_only_while_a_message_is_unfinished() {
    let mut connection = connect(Role::Client);
    let mut output = Vec::new();
    assert_eq!(connection.unfinished_len(), 0);
    // 60,000 bytes are announced, one has come.
    let mut input = hex("82 7e ea60 61");
    connection
        .receive(&mut &mut input[..], &mut output)
        .unwrap();
    assert!(connection.has_unfinished_message());
    assert!(
        connection.unfinished_len() < 256,
        "{}",
        connection.unfinished_len()
    );
    let mut rest = vec![0; 59_999];
    connection.receive(&mut &mut rest[..], &mut output).unwrap();
    assert!(!connection.has_unfinished_message());
    assert_eq!(connection.unfinished_len(), 0);
}

/// The buffer holds what has arrived, and grows early to what is announced if that is not far more.
#[test]
fn memory_for_a_message_follows_what_has_arrived_of_it() {
    for first in [0x81, 0x82] {
        let mut connection = connect(Role::Client);
        let mut held_after = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            let event = connection.receive(&mut &mut bytes[..], &mut Vec::new());
            assert_eq!(event, Ok(None));
            connection.unfinished_len()
        };
        // 16 KiB are announced.
        let own_len = held_after(&[first, 126, 0x40, 0x00]);
        assert!((16..256).contains(&own_len), "{own_len}");
        assert_eq!(held_after(&[b'x'; 4082]), own_len + 8192);
        assert_eq!(held_after(&[b'x'; 8192 - 4082]), own_len + 8192);
        assert_eq!(held_after(b"x"), own_len + 16_384);
        // Nobody knows how much follows this frame.
        let mut connection = connect(Role::Client);
        let mut bytes = [&[first & 0x7f, 126, 0x40, 0x00][..], &[b'x'; 4082]].concat();
        let event = connection.receive(&mut &mut bytes[..], &mut Vec::new());
        assert_eq!(event, Ok(None));
        assert_eq!(connection.unfinished_len(), own_len + 4082);
    }
}

#[test]
fn frame_takes_no_more_memory_than_its_bytes() {
    let mut frame = Vec::new();
    encode_message(&Message::binary(vec![0; 100_000]), &mut frame);
    assert_eq!(frame.len(), 100_010);
    assert!(frame.capacity() <= 100_014, "{}", frame.capacity());
}

#[test]
fn debug_output_shows_the_state_and_not_what_the_peer_wrote() {
    let mut connection = connect(Role::Client);
    let mut bytes = hex("81 09 73656372");
    connection
        .receive(&mut &mut bytes[..], &mut Vec::new())
        .unwrap();
    let shown = format!("{connection:?}");
    assert!(
        shown.contains("Client") && shown.contains("Open"),
        "{shown}"
    );
    assert!(!shown.contains("secr") && !shown.contains("115"), "{shown}");
}

#[test]
fn whole_message_is_borrowed_from_the_input() {
    let mut input = mask(&hex("81 02 4869"), KEY);
    let mut input = &mut input[..];
    let event = connect(Role::Server).receive(&mut input, &mut Vec::new());
    let Ok(Some(Event::Message(Message::Text(text)))) = event else {
        panic!("{event:?}")
    };
    assert!(matches!(text, std::borrow::Cow::Borrowed("Hi")));
}

fn check(table: &str) {
    check_table(table, false);
}

fn check_closing(table: &str) {
    check_table(table, true);
}

fn check_table(table: &str, is_closing: bool) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let line = line.replace("{32 times 61}", &"61".repeat(32));
        let (label, case) = line.split_once(' ').unwrap();
        let (input, answer) = case.split_once("->").unwrap();
        let (told, sent) = answer.split_once("=>").unwrap_or((answer, ""));
        check_case(label, is_closing, input, told.trim(), sent);
    }
}

fn check_case(label: &str, is_closing: bool, input: &str, told: &str, sent: &str) {
    let frames = |text: &str| -> Vec<Vec<u8>> {
        text.split('|')
            .filter(|frame| !frame.trim().is_empty())
            .map(hex)
            .collect()
    };
    let told: Vec<_> = if told.is_empty() {
        Vec::new()
    } else {
        told.split(", ").collect()
    };
    for (role, key) in [
        (Role::Client, [0; 4]),
        (Role::Server, [0; 4]),
        (Role::Server, KEY),
        (Role::Server, HEADER_KEY),
    ] {
        let frames_in = frames(input);
        let wire: Vec<u8> = match role {
            Role::Client => frames_in.concat(),
            Role::Server => frames_in
                .iter()
                .flat_map(|frame| mask(frame, key))
                .collect(),
        };
        let sent: Vec<u8> = frames(sent)
            .iter()
            .flat_map(|frame| by_role(role, frame))
            .collect();
        let mut ways = vec![
            vec![wire.clone()],
            wire.chunks(1).map(<[u8]>::to_vec).collect(),
        ];
        for at in 1..wire.len() {
            ways.push(vec![wire[..at].to_vec(), wire[at..].to_vec()]);
        }
        for parts in ways {
            let trace = receive(role, is_closing, &parts);
            assert_eq!(
                trace.told,
                told,
                "{label}: {input} as {role:?}, {} parts",
                parts.len()
            );
            assert_eq!(
                trace.sent,
                sent,
                "{label}: {input} as {role:?}, {} parts",
                parts.len()
            );
        }
    }
}

struct Trace {
    told: Vec<String>,
    /// Without the Close frame of a failure, which stands in `told`.
    sent: Vec<u8>,
}

fn receive(role: Role, is_closing: bool, parts: &[Vec<u8>]) -> Trace {
    let mut connection = connect(role);
    if is_closing {
        connection
            .close(CloseCode::NORMAL, "", &mut Vec::new())
            .unwrap();
    }
    let mut trace = Trace {
        told: Vec::new(),
        sent: Vec::new(),
    };
    for part in parts {
        let mut part = part.clone();
        let mut input = &mut part[..];
        loop {
            let sent_len = trace.sent.len();
            match connection.receive(&mut input, &mut trace.sent) {
                Ok(Some(event)) => trace.told.push(describe_event(&event)),
                Ok(None) => break,
                Err(error) => {
                    let close = trace.sent.split_off(sent_len);
                    if is_closing {
                        assert!(close.is_empty());
                        trace.told.push("fails silently".to_owned());
                    } else {
                        let close = unmask(role, &close);
                        assert_eq!(close[..1], hex("88"));
                        assert_eq!(close[2..4], error.close_code().get().to_be_bytes());
                        assert_eq!(String::from_utf8_lossy(&close[4..]), error.to_string());
                        trace.told.push(format!("fails {}", error.close_code()));
                    }
                    assert_eq!(connection.state(), State::Failed);
                    return trace;
                }
            }
        }
    }
    trace
}

fn describe_event(event: &Event<'_>) -> String {
    let text = match event {
        Event::Message(message) => describe(message),
        Event::Ping(payload) => format!("ping {}", to_hex(payload)),
        Event::Pong(payload) => format!("pong {}", to_hex(payload)),
        Event::Closed {
            code: Some(code),
            reason,
        } => format!("closed {code} {reason}"),
        Event::Closed { code: None, reason } => format!("closed - {reason}"),
    };
    text.trim_end().to_owned()
}

fn describe(message: &Message<'_>) -> String {
    match message {
        Message::Text(text) => format!("text {text}"),
        Message::Binary(bytes) => format!("binary {}", to_hex(bytes)),
    }
}

fn connect(role: Role) -> Connection {
    let mut limits = Limits::default();
    limits.max_message_len = 70_000;
    limits.max_fragments = 3;
    match role {
        Role::Server => Connection::server(limits),
        Role::Client => Connection::client(limits, Box::new(FixedKeys)),
    }
}

fn opposite(role: Role) -> Role {
    match role {
        Role::Server => Role::Client,
        Role::Client => Role::Server,
    }
}

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Behind the first byte of a text of one or two bytes, `81` or `82` and then this look like a header
/// of their own.
const HEADER_KEY: [u8; 4] = [0x81, 0x80, 0x80, 0x80];

struct FixedKeys;

impl MaskingKeys for FixedKeys {
    fn next_key(&mut self) -> [u8; 4] {
        KEY
    }
}

/// Returns frames as `sender` sends them.
fn by_role(sender: Role, frames: &[u8]) -> Vec<u8> {
    if sender == Role::Client && !frames.is_empty() {
        let (frame, rest) = frames.split_at((2 + usize::from(frames[1] & 0x7f)).min(frames.len()));
        [mask(frame, KEY), by_role(sender, rest)].concat()
    } else {
        frames.to_vec()
    }
}

/// Masks a frame, of which the end may be missing.
fn mask(frame: &[u8], key: [u8; 4]) -> Vec<u8> {
    let mut masked = frame.to_vec();
    masked[1] |= 0x80;
    let head_len = match frame[1] & 0x7f {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    if frame.len() < head_len {
        return masked;
    }
    let payload = masked.split_off(head_len);
    masked.extend(key);
    masked.extend(
        payload
            .iter()
            .zip(key.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    masked
}

/// Undoes `mask` on a Close frame that `sender` sent.
fn unmask(sender: Role, frame: &[u8]) -> Vec<u8> {
    match sender {
        Role::Server => frame.to_vec(),
        Role::Client => {
            let payload = frame[6..]
                .iter()
                .zip(KEY.iter().cycle())
                .map(|(byte, key)| byte ^ key);
            frame[..2].iter().copied().chain(payload).collect()
        }
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text
        .chars()
        .filter(|digit| !digit.is_whitespace())
        .collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
