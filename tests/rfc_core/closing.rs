//! Closing: which code says what, when it was clean, and what either end may still do.

use chinwag::websocket::{CloseCode, Event, Limits, Message, Role, SendError, State};

use crate::wire::{Frame, ROLES, Trace, connect, connect_with, opposite};

// covers: D-04, R6455-7.4.1-09
#[test]
fn each_failure_says_its_code() {
    let mut limits = Limits::default();
    limits.max_message_len = 1_000;
    limits.max_fragments = 2;
    limits.payload_len_per_extra_fragment = 0;
    for role in ROLES {
        let frame = |first: u8, payload: &[u8]| Frame::from(opposite(role), first, payload);
        for (frames, code) in [
            (vec![frame(0x83, b"")], 1002),
            (vec![frame(0x80, b"")], 1002),
            (vec![frame(0x09, b"")], 1002),
            (vec![frame(0x88, b"\x03")], 1002),
            (vec![frame(0x81, b"\xff")], 1007),
            (vec![frame(0x88, b"\x03\xe8\xff")], 1007),
            (vec![frame(0x82, &[0; 1_001])], 1009),
            (
                vec![frame(0x02, b""), frame(0x00, b""), frame(0x00, b"")],
                1008,
            ),
        ] {
            let trace = Trace::of(&mut connect_with(role, limits), &frames);
            assert_eq!(trace.error.unwrap().close_code().get(), code);
            let sent = Frame::decode_all(&trace.output);
            assert_eq!(sent.len(), 1, "{code} as {role:?}");
            assert_eq!(
                (sent[0].first, &sent[0].payload[..2]),
                (0x88, &code.to_be_bytes()[..])
            );
            assert!(sent[0].payload.len() <= 125);
        }
        // What only the application knows.
        for code in [1003, 1008, 1011, 1012, 1013] {
            let mut output = Vec::new();
            let code_sent = CloseCode::new(code).unwrap();
            connect(role).fail(code_sent, "why", &mut output).unwrap();
            let payload = [&code.to_be_bytes()[..], b"why"].concat();
            assert_eq!(output, Frame::from(role, 0x88, payload).encode());
        }
        let mut output = Vec::new();
        connect(role)
            .close(CloseCode::GOING_AWAY, "", &mut output)
            .unwrap();
        assert_eq!(
            output,
            Frame::from(role, 0x88, 1001_u16.to_be_bytes()).encode()
        );
    }
}

// covers: R6455-7.4.1-01, R6455-7.4.1-02, R6455-7.4.1-03, R6455-7.4.1-04, R6455-7.4.1-05
// covers: R6455-7.4.1-06, R6455-7.4.1-08, R6455-7.4.2-01, R6455-7.4.2-02, R6455-7.4.2-03
// covers: R6455-7.4.2-04, R6455-7.4.2-05
#[test]
fn all_close_codes_are_judged_by_one_table_received_and_sent() {
    for role in ROLES {
        for code in 0..=u16::MAX {
            let may_be_sent = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            let close = Frame::from(opposite(role), 0x88, code.to_be_bytes());
            let mut connection = connect(role);
            let trace = Trace::of(&mut connection, &[close]);
            let sent = Frame::decode_all(&trace.output);
            let Some(close_code) = CloseCode::new(code) else {
                assert!(!may_be_sent, "{code}");
                assert_eq!(
                    trace.error.unwrap().close_code(),
                    CloseCode::PROTOCOL_ERROR,
                    "{code}"
                );
                assert_eq!(sent[0].payload[..2], 1002_u16.to_be_bytes());
                continue;
            };
            assert!(may_be_sent, "{code}");
            assert_eq!(close_code.get(), code);
            assert_eq!((trace.events.len(), connection.state()), (1, State::Closed));
            assert_eq!(sent, [Frame::from(role, 0x88, code.to_be_bytes())]);
            let mut output = Vec::new();
            let closed = connect(role).close(close_code, "", &mut output);
            if role == Role::Server && code == 1010 {
                assert_eq!(
                    closed,
                    Err(SendError::CloseCodeNotForServers { code: close_code })
                );
                assert!(output.is_empty());
            } else {
                assert_eq!(closed, Ok(()));
                assert_eq!(output, Frame::from(role, 0x88, code.to_be_bytes()).encode());
            }
        }
    }
}

// covers: R6455-7.1.4-01, R6455-7.1.3-01
#[test]
fn connection_is_closed_cleanly_only_after_both_closes() {
    for role in ROLES {
        let mut connection = connect(role);
        let mut output = Vec::new();
        let text = Frame::from(opposite(role), 0x81, "x");
        Trace::of(&mut connection, &[text]);
        assert_eq!(connection.state(), State::Open);
        connection
            .close(CloseCode::NORMAL, "", &mut output)
            .unwrap();
        assert_eq!(connection.state(), State::Closing);
        let close = Frame::from(opposite(role), 0x88, 1000_u16.to_be_bytes()).encode();
        let mut trace = Trace::default();
        for (index, byte) in close.iter().enumerate() {
            assert_eq!(connection.state(), State::Closing, "{index}");
            trace.receive(&mut connection, &[*byte]);
        }
        assert_eq!(connection.state(), State::Closed);
        assert!(trace.output.is_empty());

        let mut connection = connect(role);
        Trace::of(&mut connection, &[Frame::from(opposite(role), 0x88, [])]);
        assert_eq!(connection.state(), State::Closed);
        let mut connection = connect(role);
        Trace::of(&mut connection, &[Frame::from(opposite(role), 0x83, [])]);
        assert_eq!(connection.state(), State::Failed);
    }
}

// covers: R6455-7.1.6-01
#[test]
fn reason_told_is_what_follows_the_code_in_the_first_close() {
    for role in ROLES {
        for (payload, code, reason) in [
            (&b""[..], None, ""),
            (b"\x03\xe8", Some(1000), ""),
            (b"\x0f\xa1gone \xc3\xa9", Some(4001), "gone é"),
        ] {
            let frames = [payload, b"\x03\xe9second"]
                .map(|payload| Frame::from(opposite(role), 0x88, payload));
            let trace = Trace::of(&mut connect(role), &frames);
            let code = code.map(|code| CloseCode::new(code).unwrap());
            let reason = reason.to_owned();
            assert_eq!(trace.events, [Event::Closed { code, reason }]);
            // The reason is not sent back (D-03).
            let body = code.map_or(Vec::new(), |code| code.get().to_be_bytes().into());
            assert_eq!(trace.output, Frame::from(role, 0x88, body).encode());
        }
    }
}

// covers: R6455-5.5.1-12
#[test]
fn closes_that_cross_are_one_each() {
    let mut ends = ROLES.map(|role| {
        let mut connection = connect(role);
        let mut output = Vec::new();
        connection
            .close(CloseCode::NORMAL, "", &mut output)
            .unwrap();
        (connection, output)
    });
    let [(server, from_server), (client, from_client)] = &mut ends;
    for (connection, bytes) in [(server, from_client), (client, from_server)] {
        let mut trace = Trace::default();
        trace.receive(connection, bytes);
        assert_eq!((trace.events.len(), trace.output), (1, Vec::new()));
        assert_eq!(connection.state(), State::Closed);
    }
}

// covers: D-08, R6455-7.1.2-01
#[test]
fn what_comes_between_our_close_and_theirs_keeps_all_rules_and_is_not_told() {
    for role in ROLES {
        let frame = |first: u8, payload: &[u8]| Frame::from(opposite(role), first, payload);
        let mut connection = connect(role);
        connection
            .close(CloseCode::NORMAL, "", &mut Vec::new())
            .unwrap();
        let frames = [
            frame(0x81, b"late"),
            frame(0x89, b"p"),
            frame(0x01, b"a"),
            frame(0x80, b"b"),
        ];
        let trace = Trace::of(&mut connection, &frames);
        assert_eq!(trace.events, [Event::Ping(b"p"[..].into())]);
        assert_eq!(trace.output, Frame::from(role, 0x8a, "p").encode());
        let mut output = Vec::new();
        let sent = connection.send(&Message::text("late"), &mut output);
        assert_eq!((sent, output), (Err(SendError::Closed), Vec::new()));
        let trace = Trace::of(&mut connection, &[frame(0x81, b"\xff")]);
        assert_eq!(
            trace.error.unwrap().close_code(),
            CloseCode::INVALID_PAYLOAD
        );
        assert_eq!(
            (trace.output, connection.state()),
            (Vec::new(), State::Failed)
        );
    }
}
