//! The server's opening handshake against requests by the thousand, and what else HTTP demands of it.

use std::time::{Duration, Instant};

use chinwag::websocket::handshake::http::{HttpLimits, parse_request};
use chinwag::websocket::handshake::server::Upgrade;
use chinwag::websocket::{Event, Limits, Message};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};

const VALID: [&str; 6] = [
    "GET /ws HTTP/1.1",
    "Host: h",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/// The status that answers a request whose head is complete; 101 if it opens the connection.
fn status(request: &str) -> u16 {
    let parsed = parse_request(request.as_bytes(), &HttpLimits::default());
    match parsed {
        Ok(parsed) => {
            let (request, _) = parsed.expect("the head is complete");
            Upgrade::from_request(&request).map_or_else(|error| error.status(), |_| 101)
        }
        Err(error) => error.status(),
    }
}

fn with(lines: &[&str]) -> String {
    [&VALID[..], lines].concat().join("\r\n") + "\r\n\r\n"
}

#[test]
fn what_http_forbids_is_refused_before_any_upgrade() {
    for (label, expected, lines) in [
        // covers: R9112-6.1-02
        (
            "both lengths",
            400,
            &["Content-Length: 3", "Transfer-Encoding: chunked"][..],
        ),
        // covers: R9112-6.1-01
        ("a coding", 400, &["Transfer-Encoding: chunked"]),
        // covers: R9112-6.3-01
        (
            "chunked is not last",
            400,
            &["Transfer-Encoding: chunked, gzip"],
        ),
        ("no coding at all", 400, &["Transfer-Encoding: identity"]),
        // covers: R9112-6.3-02
        ("a sign", 400, &["Content-Length: +5"]),
        ("below zero", 400, &["Content-Length: -1"]),
        ("hex", 400, &["Content-Length: 0x5"]),
        ("a space", 400, &["Content-Length: 5 5"]),
        ("a list", 400, &["Content-Length: 5,6"]),
        (
            "thirty digits",
            400,
            &["Content-Length: 100000000000000000000000000000"],
        ),
        ("none", 400, &["Content-Length:"]),
        (
            "two that differ",
            400,
            &["Content-Length: 0", "Content-Length: 1"],
        ),
        // covers: R9110-8.6-02
        (
            "beyond 64 bits",
            400,
            &["Content-Length: 18446744073709551616"],
        ),
        // covers: R9112-6.3-03
        ("a body", 400, &["Content-Length: 1"]),
        (
            "the longest body",
            400,
            &["Content-Length: 18446744073709551615"],
        ),
        // covers: R9110-5.3-02
        ("two hosts", 400, &["Host: h"]),
        (
            "two keys",
            400,
            &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
        ),
        ("two versions", 400, &["Sec-WebSocket-Version: 13"]),
        (
            "two origins",
            400,
            &["Origin: http://h", "Origin: http://h"],
        ),
        (
            "two credentials",
            400,
            &["Authorization: a b", "Authorization: a b"],
        ),
        ("two upgrades", 101, &["Upgrade: h2c"]),
        ("two connections", 101, &["Connection: keep-alive"]),
        (
            "two protocol lists",
            101,
            &["Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: b"],
        ),
        // covers: R9110-5.5-01
        ("a NUL", 400, &["X: a\0b"]),
        ("a CR", 400, &["X: a\rb"]),
        // covers: R9112-5.2-01
        ("a folded line", 400, &["X: a\r\n b"]),
        ("a folded line with a tab", 400, &["X: a\r\n\tb"]),
        // covers: R6455-4.2.1-13
        ("twenty unknown ones", 101, &["X-Unknown: yes"; 20]),
        // covers: R6455-8.1-02, R9112-2.2-01
        (
            "no text in an unknown one",
            101,
            &["X-Unknown: \u{e9}\u{80}"],
        ),
        (
            "no text in a subprotocol",
            400,
            &["Sec-WebSocket-Protocol: \u{e9}"],
        ),
        (
            "no text in an extension",
            400,
            &["Sec-WebSocket-Extensions: \u{e9}"],
        ),
    ] {
        assert_eq!(status(&with(lines)), expected, "{label}");
    }
    // covers: R9112-6.1-03
    let old = "GET /ws HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(status(old), 400);
}

// covers: R9112-2.2-04, R9112-3-03, R9112-3.2-03
#[test]
fn request_lines_and_hosts_have_bounds() {
    let request = |before: &str, line: &str, host: &str| {
        status(
            &with(&[])
                .replace("Host: h", &format!("Host: {host}"))
                .replace(VALID[0], line),
        )
        .max(status(&format!("{before}{}", with(&[]))))
    };
    assert_eq!(request("\r\n", VALID[0], "h"), 101);
    assert_eq!(request(&"\r\n".repeat(9), VALID[0], "h"), 400);
    assert_eq!(
        request("", &format!("{} / HTTP/1.1", "A".repeat(200)), "h"),
        501
    );
    for host in ["a, b", "u@h", "h/path", "h:99999", "h h", ""] {
        assert_eq!(request("", VALID[0], host), 400, "{host:?}");
    }
}

// covers: R6455-4.2.1-12
#[test]
fn headers_may_come_in_any_order() {
    let mut random = StdRng::seed_from_u64(1);
    for _ in 0..200 {
        let mut lines = VALID;
        lines[1..].shuffle(&mut random);
        assert_eq!(status(&(lines.join("\r\n") + "\r\n\r\n")), 101, "{lines:?}");
    }
}

// covers: R6455-4.2.1-01
#[test]
fn request_is_accepted_if_and_only_if_each_part_of_it_is_right() {
    // For each line of a handshake: what is right, and what is wrong.
    let choices: [(&[&str], &[&str]); 6] = [
        (
            &[
                "GET /ws HTTP/1.1",
                "GET http://h/ws HTTP/1.1",
                "GET / HTTP/1.1",
            ],
            &[
                "POST /ws HTTP/1.1",
                "get /ws HTTP/1.1",
                "GET /ws HTTP/1.0",
                "GET ws HTTP/1.1",
                "GET /ws#a HTTP/1.1",
            ],
        ),
        (
            &["Host: h", "host:h:80", "HOST: [::1]"],
            &[
                "X: y",
                "Host: ",
                "Host: u@h",
                "Host : h",
                "Host: h\r\nHost: h",
            ],
        ),
        (
            &[
                "Upgrade: websocket",
                "upgrade: WebSocket",
                "Upgrade: h2c, websocket",
            ],
            &[
                "X: y",
                "Upgrade: websockets",
                "Upgrade: web socket",
                "Upgrade: h2c",
            ],
        ),
        (
            &[
                "Connection: Upgrade",
                "connection: keep-alive, UPGRADE",
                "Connection: close\r\nConnection: upgrade",
            ],
            &["X: y", "Connection: keep-alive", "Connection: Upgraded"],
        ),
        (
            &["Sec-WebSocket-Version: 13", "sec-websocket-version:  13\t"],
            &[
                "X: y",
                "Sec-WebSocket-Version: 8",
                "Sec-WebSocket-Version: 013",
                "Sec-WebSocket-Version: 13, 13",
            ],
        ),
        (
            &[
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                "SEC-WEBSOCKET-KEY: AQIDBAUGBwgJCgsMDQ4PEC==",
            ],
            &[
                "X: y",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ",
                "Sec-WebSocket-Key: !GhlIHNhbXBsZSBub25jZQ==",
                "Sec-WebSocket-Key: AAAA",
            ],
        ),
    ];
    let mut random = StdRng::seed_from_u64(2);
    let mut accepted_count = 0;
    for _ in 0..10_000 {
        let mut is_right = true;
        let mut lines = choices.map(|(right, wrong)| {
            let is_wrong = random.random_ratio(1, 8);
            is_right &= !is_wrong;
            *(if is_wrong { wrong } else { right })
                .choose(&mut random)
                .unwrap()
        });
        lines[1..].shuffle(&mut random);
        let status = status(&(lines.join("\r\n") + "\r\n\r\n"));
        assert_eq!(status == 101, is_right, "{lines:?}: {status}");
        assert!(
            status == 101 || (400..600).contains(&status),
            "{lines:?}: {status}"
        );
        accepted_count += u32::from(is_right);
    }
    assert!((3_000..7_000).contains(&accepted_count), "{accepted_count}");
}

// covers: R6455-4.2.2-14, R6455-4.2.2-15/S
#[test]
fn frames_may_stand_right_behind_the_heads() {
    let mut input = with(&[]).into_bytes();
    input.extend(b"\x81\x82\x00\x00\x00\x00Hi");
    let (request, len) = parse_request(&input, &HttpLimits::default())
        .unwrap()
        .unwrap();
    let upgrade = Upgrade::from_request(&request).unwrap();
    let mut output = Vec::new();
    let mut connection = upgrade.accept(None, Limits::default(), &mut output);
    connection
        .send(&Message::text("welcome"), &mut output)
        .unwrap();
    assert!(output.ends_with(b"\r\n\r\n\x81\x07welcome"));
    let mut rest = input[len..].to_vec();
    let event = connection.receive(&mut &mut rest[..], &mut output);
    assert_eq!(event, Ok(Some(Event::Message(Message::text("Hi")))));
}

// covers: R6585-5-01
#[test]
fn refusal_of_large_fields_says_which_and_repeats_nothing_of_them() {
    let long = "secret".repeat(1_500);
    let line = format!("X-Long: {long}");
    for (lines, told) in [
        (
            &["A: b", &line][..],
            "header line 7 is longer than 8192 bytes",
        ),
        (&["A: b"; 200], "there are more than 128 headers"),
    ] {
        let request = with(lines);
        let error = parse_request(request.as_bytes(), &HttpLimits::default()).unwrap_err();
        assert_eq!(error.status(), 431);
        let mut output = Vec::new();
        error.write_response(&mut output);
        let text = String::from_utf8(output).unwrap();
        assert!(text.ends_with(&format!("\r\n\r\n{told}\n")), "{text}");
        assert!(text.contains("\r\nConnection: close\r\n") && !text.contains("secret"));
    }
}

// covers: R6455-9.1-06, R9110-5.6.1-01
#[test]
fn cost_of_hostile_lists_grows_with_their_length_only() {
    for (name, piece) in [
        ("Sec-WebSocket-Extensions", "a; b=\"\\c\\c\\c\\c\\c\", "),
        ("Sec-WebSocket-Extensions", "a; b=\"c,;=c\\\"\\"),
        ("Sec-WebSocket-Extensions", "a;a;a;a,a=a"),
        ("Sec-WebSocket-Protocol", "a                    "),
        ("Sec-WebSocket-Protocol", ",,,,,,,, "),
        ("Connection", ", , , ,"),
    ] {
        let time = |len: usize| {
            let value: String = piece.chars().cycle().take(len).collect();
            let request = with(&[&format!("{name}: {value}")]);
            let runs = (0..20).map(|_| {
                let began_at = now();
                status(&request);
                began_at.elapsed()
            });
            runs.min().unwrap()
        };
        let (short, long) = (time(500), time(8_000));
        // Sixteen times the length: quadratic cost would be 256 times as much.
        let bound = short * 64 + Duration::from_millis(1);
        assert!(long < bound, "{name}: {piece}: {short:?}, {long:?}");
    }
    let commas = format!("Connection: {}upgrade", ",".repeat(1_000));
    assert_eq!(status(&with(&[&commas])), 101);
}

// covers: R6455-9.1-04
#[cfg(feature = "deflate")]
#[test]
fn nothing_is_compressed_that_the_server_did_not_accept() {
    use chinwag::websocket::DeflateOptions;
    use chinwag::websocket::handshake::client::{ClientRequest, Progress};
    use chinwag::websocket::handshake::uri::Uri;

    let mut options = DeflateOptions::default();
    options.threshold = 0;
    let request = ClientRequest::new(Uri::parse("ws://h/").unwrap()).deflate(&options);
    let mut sent = Vec::new();
    let handshake = request.start(&mut StdRng::seed_from_u64(3), &mut sent);
    let (parsed, _) = parse_request(&sent, &HttpLimits::default())
        .unwrap()
        .unwrap();
    assert!(parsed.header("Sec-WebSocket-Extensions").is_some());
    let mut answer = Vec::new();
    Upgrade::from_request(&parsed)
        .unwrap()
        .accept(None, Limits::default(), &mut answer);
    let Ok(Progress::Opened(opened)) = handshake.receive(&mut &answer[..]) else {
        panic!("the answer is valid")
    };
    assert_eq!(opened.deflate(), None);
    let keys = Box::new(StdRng::seed_from_u64(4));
    let mut connection = opened.into_connection(Limits::default(), keys);
    let mut output = Vec::new();
    connection
        .send(&Message::text("a".repeat(100)), &mut output)
        .unwrap();
    assert_eq!(output[..2], [0x81, 0x80 | 100]);
    // Neither may the server.
    let mut input = *b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";
    let error = connection
        .receive(&mut &mut input[..], &mut output)
        .unwrap_err();
    assert_eq!(error.close_code().get(), 1002);
}

#[expect(clippy::disallowed_methods, reason = "what is compared are times")]
fn now() -> Instant {
    Instant::now()
}
