//! Tables of the server's opening handshake: a request in, a status out, one line a case.
//!
//! The labels are those of the requirements that the project keeps. Each request arrives whole and
//! byte by byte, and the two verdicts must agree.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use chinwag::websocket::Limits;
use chinwag::websocket::handshake::http::{
    HeadScanner, HttpLimits, Request, Version, parse_request,
};
use chinwag::websocket::handshake::server::{Acceptance, Refusal, Upgrade};
use chinwag::websocket::handshake::{HandshakeError, HeadError};

#[path = "../fuzz/src/handshake.rs"]
pub mod fuzz_handshake;
#[path = "../fuzz/src/parts.rs"]
pub mod parts;

#[test]
fn requests_are_parsed_strictly() {
    // 200 stands for a head that is valid HTTP, 100 for one that is incomplete.
    for (label, status, request) in cases(
        r#"
        R9112-2.2-01    200  GET / HTTP/1.1\r\nHost: h\r\nX: é\r\n\r\n
        R9112-2.2-02    400  GET / HTTP/1.1\nHost: h\n\n
        R9112-2.2-02    400  GET / HTTP/1.1\r\nHost: h\n\r\n
        R9112-2.2-03    400  GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n
        R9112-2.2-03    400  \rGET / HTTP/1.1\r\nHost: a\r\n\r\n
        R9112-2.2-04    200  \r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n
        R9112-2.2-04    100  \r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n
        R9112-2.2-04    400  \r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n
        R9112-2.2-05    400  GET / HTTP/1.1\r\n Host: h\r\n\r\n
        R9112-2.2-06    400  \x16\x03\x01
        R9112-2.2-06    400  SSH-2.0-OpenSSH_9.6\r\n
        R9112-2.2-06    400  EHLO example.com\r\n
        R9112-2.2-06    505  PRI * HTTP/2.0\r\n
        R9112-3-03      501  AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
        R9112-3-03      200  AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\nHost: h\r\n\r\n
        R9112-3-04      400  GET  / HTTP/1.1\r\n
        R9112-3-04      400  GET\t/ HTTP/1.1\r\n
        R9112-3-04      400  GET / HTTP/1.1 \r\n
        R9112-3-04      400  \sGET / HTTP/1.1\r\n
        R9112-3-04      400  \s
        R9112-3-04      400  GET / HTTP/1.2\r\n
        R9112-3-04      400  GET / HTTP/x.1\r\n
        R9112-3-04      400  GET / HTTP/2.x\r\n
        R9112-3-04      400  GET / http/1.1\r\n
        R9112-3-04      400  GET / HTTP/1.10\r\n
        R9112-3-04      400  GET / HTTP/01.1\r\n
        R9112-3-04      505  GET / HTTP/3.0\r\n
        R9112-3-04      400  GET /\r\n
        R9112-3.2-01    400  GET / HTTP/1.1\r\n\r\n
        R9112-3.2-02    400  GET / HTTP/1.1\r\nHost: h\r\nhost: h\r\n\r\n
        R9112-3.2-03    400  GET / HTTP/1.1\r\nHost: a, b\r\n\r\n
        R9112-3.2-03    400  GET / HTTP/1.1\r\nHost: u@h\r\n\r\n
        R9112-3.2-03    400  GET / HTTP/1.1\r\nHost: h:99999\r\n\r\n
        R9112-3.2-03    400  GET / HTTP/1.1\r\nHost:\r\n\r\n
        R9112-3.2-04    400  GET /a#b HTTP/1.1\r\n
        R6455-8.1-02    400  GET /é HTTP/1.1\r\n
        R9112-3.2.2-01  200  GET http://a/ws HTTP/1.1\r\nHost: b\r\n\r\n
        R9112-3.2.2-01  400  GET http://a/ws HTTP/1.1\r\n\r\n
        R9112-3.2.2-01  400  GET http://u@a/ws HTTP/1.1\r\n
        R9112-3.2.2-01  400  GET ftp://a/ws HTTP/1.1\r\n
        R9112-3.2.2-01  400  OPTIONS * HTTP/1.1\r\n
        R9112-5.1-01    400  GET / HTTP/1.1\r\nHost : h\r\n\r\n
        R9112-5.1-02    400  GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n
        R9112-5.1-02    400  GET / HTTP/1.1\r\nHost: h\r\nx\r\n\r\n
        R9112-5.1-02    400  GET / HTTP/1.1\r\nHost: h\r\né: x\r\n\r\n
        R9112-5.2-01    400  GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n
        R9112-6.1-01    400  GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n
        R9112-6.1-04    400  GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n
        R9112-6.3-02    400  GET / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\n
        R9112-6.3-02    400  GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5,6\r\n\r\n
        R9112-6.3-02    400  GET / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n
        R9112-6.3-02    400  GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n
        R9110-8.6-02    400  GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n
        R9112-6.3-02    200  POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n
        R9110-5.3-02    400  GET / HTTP/1.1\r\nHost: h\r\nOrigin: http://h\r\nOrigin: http://h\r\n\r\n
        R9110-5.5-01    400  GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n
        R9110-5.3-01    100  GET / HTTP/1.1\r\nHost: h\r\n
        R9110-5.3-01    100
        R9110-7.8-05    200  GET / HTTP/1.0\r\n\r\n
        "#,
    ) {
        let verdict = parse(request.as_bytes(), |_| 200);
        assert_eq!(verdict, status, "{label}: {request:?}");
    }
}

/// Where all of them are answered by 400.
#[test]
fn first_fault_of_a_line_is_named() {
    for (input, expected) in [
        ("GET\n", HandshakeError::BadLine),
        ("GET / HTTP/1.1\n", HandshakeError::BadLine),
        ("GET\r\n", HandshakeError::BadRequestLine),
        ("GET / HTTP/1.1\r\r\n", HandshakeError::BadLine),
        ("\rG", HandshakeError::BadLine),
        ("GET x HTTP/1.1\r\n", HandshakeError::BadTarget),
    ] {
        let error = parse_request(input.as_bytes(), &HttpLimits::default()).unwrap_err();
        assert_eq!(error, expected, "{input:?}");
    }
}

#[test]
fn connection_persists_unless_it_is_said_to_close() {
    for (version, connection, expected) in [
        ("1.1", "keep-alive", true),
        ("1.1", "x, Close", false),
        ("1.0", "keep-alive", false),
        ("1.0", "close", false),
    ] {
        let head = format!("GET / HTTP/{version}\r\nHost: h\r\nConnection: {connection}\r\n\r\n");
        let (request, _) = parse_request(head.as_bytes(), &HttpLimits::default())
            .unwrap()
            .unwrap();
        assert_eq!(request.is_persistent(), expected, "{version} {connection}");
    }
}

#[test]
fn upgrades_are_judged() {
    // Each line changes a valid request: replaces a header, removes it (`-`), or adds one (`+`).
    for (label, status, change) in cases(
        r#"
        R6455-4.2.1-01  101
        R6455-4.2.1-02  405  POST /ws HTTP/1.1
        R6455-4.2.1-02  405  HEAD /ws HTTP/1.1
        R6455-4.2.1-02  405  get /ws HTTP/1.1
        R6455-4.2.1-03,R9110-7.8-05  505  GET /ws HTTP/1.0
        R6455-4.2.1-04  101  GET http://h/ws HTTP/1.1
        R6455-4.2.1-05  400  -Host
        R6455-4.2.1-06,R9110-7.8-03  101  Upgrade: WebSocket
        R6455-4.2.1-06  426  Upgrade: websockets
        R6455-4.2.1-06  426  Upgrade: web socket
        R6455-4.2.1-06  426  Upgrade:
        R6455-4.2.1-06  426  -Upgrade
        D-12            101  Upgrade: h2c, websocket
        R9110-7.8-02    426  Upgrade: h2c
        R9110-5.5-02    101  Upgrade: \t websocket\s
        R6455-4.2.1-07  101  Connection: keep-alive, UPGRADE
        R6455-4.2.1-07  101  +Connection: keep-alive
        R6455-4.2.1-07  426  Connection: Upgraded
        R6455-4.2.1-07  426  Connection: close
        R9110-7.8-07    426  -Connection
        R9110-5.6.1-01  101  Connection: , ,upgrade,
        R6455-4.2.1-08  400  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=
        R6455-4.2.1-08  400  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ===
        R6455-4.2.1-08  400  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j
        R6455-4.2.1-08  400  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j_Q==
        R6455-4.2.1-08  400  Sec-WebSocket-Key:
        R6455-4.2.1-08  400  -Sec-WebSocket-Key
        R6455-4.2.1-09,D-13  101  Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==
        R6455-11.3-01   400  +Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
        R6455-11.3-02   400  +Sec-WebSocket-Version: 13
        R6455-4.2.2-05,R6455-4.2.1-10  426  Sec-WebSocket-Version: 8
        R6455-4.2.2-05  426  Sec-WebSocket-Version: 0
        R6455-4.2.2-05  426  Sec-WebSocket-Version: 255
        R6455-4.3-03    400  Sec-WebSocket-Version: 256
        R6455-4.3-03    400  Sec-WebSocket-Version: 013
        R6455-4.3-03    400  Sec-WebSocket-Version: +13
        R6455-4.3-03    400  Sec-WebSocket-Version: 13.0
        R6455-4.3-03    400  Sec-WebSocket-Version: 13, 13
        R6455-4.3-03    400  Sec-WebSocket-Version:
        D-10            400  -Sec-WebSocket-Version
        R6455-4.2.1-13  101  +X-Anything: at all
        R6455-4.2.2-08  101  +Sec-WebSocket-Protocol: chinwag.v1
        R6455-4.3-01/S  400  +Sec-WebSocket-Protocol: ,
        R6455-4.3-01/S  400  +Sec-WebSocket-Protocol: a b
        R6455-4.3-01/S  400  +Sec-WebSocket-Extensions: permessage-deflate;;
        R6455-4.3-01/S  400  +Sec-WebSocket-Extensions: ,
        R6455-4.3-02/S  400  +Sec-WebSocket-Extensions: a; b="1 0"
        R6455-4.3-02/S  101  +Sec-WebSocket-Extensions: a; b="10"
        R9112-6.3-03    400  +Content-Length: 1
        R9112-6.3-03    101  +Content-Length: 0
        R9110-7.8-06    417  +Expect: 100-continue
        "#,
    ) {
        let request = upgrade_with(&change);
        let verdict = parse(request.as_bytes(), answer_upgrade);
        assert_eq!(verdict, status, "{label}: {change:?}");
    }
}

#[test]
fn order_and_case_of_headers_do_not_matter() {
    // covers: R6455-4.2.1-12, R6455-4.1-29/S
    let request = upgrade_with("");
    let mut lines: Vec<_> = request
        .trim_end()
        .split("\r\n")
        .map(str::to_owned)
        .collect();
    for turn in 0..lines.len() - 1 {
        lines[1..].rotate_left(turn);
        let request = format!("{}\r\n\r\n", lines.join("\r\n"));
        assert_eq!(parse(request.as_bytes(), answer_upgrade), 101, "{request}");
    }
    for line in &mut lines[1..] {
        let (name, value) = line.split_once(':').unwrap();
        *line = format!("{}:{value}", name.to_uppercase());
    }
    let request = format!("{}\r\n\r\n", lines.join("\r\n"));
    assert_eq!(parse(request.as_bytes(), answer_upgrade), 101, "{request}");
}

#[test]
fn response_opens_the_connection_byte_for_byte() {
    // covers: R6455-4.2.2-07, R6455-4.2.2-08, R6455-4.2.2-10, R6455-4.2.2-11, R6455-4.2.2-12
    // covers: R6455-4.2.2-13, R9112-6.1-05, R9110-8.6-01, R9110-7.8-01
    let request = upgrade_with("+Sec-WebSocket-Protocol: x, Chat\r\nSec-WebSocket-Protocol: chat");
    let limits = HttpLimits::default();
    let (request, _) = parse_request(request.as_bytes(), &limits).unwrap().unwrap();
    let upgrade = Upgrade::from_request(&request).unwrap();
    assert_eq!(
        upgrade.subprotocols().collect::<Vec<_>>(),
        ["x", "Chat", "chat"]
    );
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    for (chosen, last) in [
        (Some("chat"), "Sec-WebSocket-Protocol: chat\r\n\r\n"),
        (None, "\r\n"),
        (Some("CHAT"), "\r\n"),
    ] {
        let mut output = Vec::new();
        upgrade
            .clone()
            .accept(chosen, Limits::default(), &mut output);
        assert_eq!(String::from_utf8(output).unwrap(), format!("{head}{last}"));
    }
}

// covers: R6455-4.4-01, R9110-7.8-04, D-10
#[test]
fn refusal_is_a_whole_response_that_closes() {
    let mut output = Vec::new();
    HandshakeError::UpgradeRequired.write_response(&mut output);
    assert_eq!(
        String::from_utf8(output).unwrap(),
        "HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: 30\r\n\r\nonly WebSocket is spoken here\n"
    );
    // covers: R9110-15.5.6-01
    let mut output = Vec::new();
    HandshakeError::MethodNotAllowed.write_response(&mut output);
    assert!(
        String::from_utf8(output)
            .unwrap()
            .contains("\r\nAllow: GET\r\n")
    );
}

#[test]
fn limits_hold_at_the_limit_and_not_beyond() {
    let head = |path_len: usize, value_len: usize, header_count: usize| {
        let headers = "X: y\r\n".repeat(header_count);
        let (path, value) = ("a".repeat(path_len), "v".repeat(value_len));
        format!("GET /{path} HTTP/1.1\r\nHost: h\r\nV: {value}\r\n{headers}\r\n")
    };
    // covers: R9112-3-01, R9112-3-02, R9110-5.4-01, D-18
    // 16 bytes of the request line are not the path, 5 of the
    // header's line not its value; two headers are there anyway.
    for (path_len, value_len, header_count, status) in [
        (7_900, 0, 0, 200),
        (8_192 - 16, 0, 0, 200),
        (8_192 - 15, 0, 0, 414),
        (0, 8_192 - 5, 0, 200),
        (0, 8_192 - 4, 0, 431),
        (0, 0, 126, 200),
        (0, 0, 127, 431),
        (8_192 - 16, 8_192 - 5, 0, 431),
    ] {
        let request = head(path_len, value_len, header_count);
        let verdict = parse(request.as_bytes(), |_| 200);
        assert_eq!(verdict, status, "{path_len} {value_len} {header_count}");
    }
    let longest = |extra: usize| head(8_192 - 16, 16_384 - 8_192 - 9 - 5 - 2 + extra, 0);
    assert_eq!(longest(0).len(), 16_384);
    assert_eq!(parse(longest(0).as_bytes(), |_| 200), 200);
    assert_eq!(parse(longest(1).as_bytes(), |_| 200), 431);
    let endless = format!(
        "GET /{} HTTP/1.1\r\n{}",
        "a".repeat(8_000),
        "X: yyyyyyyyyyy\r\n".repeat(600)
    );
    assert_eq!(parse(endless.as_bytes(), |_| 200), 431);
}

// covers: R9112-3.2.2-01
#[test]
fn request_tells_what_it_is_for() {
    let input =
        b"\r\nPOST http://A.example:8080/a/b?c=%20&d HTTP/1.1\r\nHost: b\r\nCookie: x=1\r\n\
        List: a, ,b\r\nList:\tc \r\nContent-Length: 7\r\nConnection: Close\r\n\r\nand the body";
    let (request, len) = parse_request(input, &HttpLimits::default())
        .unwrap()
        .unwrap();
    assert_eq!(&input[len..], b"and the body");
    assert_eq!(request.method(), "POST");
    assert_eq!((request.path(), request.query()), ("/a/b", Some("c=%20&d")));
    assert_eq!(request.version(), Version::Http11);
    let host = request.host().unwrap();
    assert_eq!(
        (host.name(), host.port(), host.to_string().as_str()),
        ("A.example", Some(8080), "A.example:8080")
    );
    assert_eq!(request.content_len(), 7);
    assert!(!request.is_persistent());
    assert_eq!(request.header("cookie"), Some(&b"x=1"[..]));
    assert_eq!(request.header("missing"), None);
    assert_eq!(
        request.header_tokens("LIST").collect::<Vec<_>>(),
        [b"a", b"b", b"c"]
    );
}

#[test]
fn recorded_seeds_pass_the_checks_of_the_fuzz_target() {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/handshake");
    for seed in std::fs::read_dir(seeds).unwrap() {
        fuzz_handshake::check(&std::fs::read(seed.unwrap().path()).unwrap());
    }
}

#[test]
fn uri_without_a_path_means_the_root() {
    for (target, path, query) in [("http://h", "/", None), ("https://h?q", "/", Some("q"))] {
        let input = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
        let (request, _) = parse_request(input.as_bytes(), &HttpLimits::default())
            .unwrap()
            .unwrap();
        assert_eq!((request.path(), request.query()), (path, query));
    }
}

/// Takes a table apart: a label, a status, and text with escapes, of which `\s` is a space.
fn cases(table: &str) -> impl Iterator<Item = (&str, u16, String)> {
    table
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (label, rest) = line.split_once(' ').unwrap();
            let (status, text) = rest.trim_start().split_at(3);
            let mut text = text.trim_start().to_owned();
            let escapes = [
                ("\\r", "\r"),
                ("\\n", "\n"),
                ("\\t", "\t"),
                ("\\0", "\0"),
                ("\\s", " "),
            ];
            let controls = [("\\x16", "\x16"), ("\\x03", "\x03"), ("\\x01", "\x01")];
            for (escape, meant) in escapes.into_iter().chain(controls) {
                text = text.replace(escape, meant);
            }
            (label, status.parse().unwrap(), text)
        })
}

/// Returns the status that answers `input`; 100 while the head is incomplete.
fn parse(input: &[u8], answer: fn(&Request<'_>) -> u16) -> u16 {
    let limits = HttpLimits::default();
    let whole = match parse_request(input, &limits) {
        Ok(Some((request, _))) => answer(&request),
        Ok(None) => 100,
        Err(error) => error.status(),
    };
    let mut scanner = HeadScanner::new(&limits);
    let scanned = (0..=input.len()).find_map(|len| scanner.scan(&input[..len]).transpose());
    match scanned {
        None => assert_eq!(whole, 100),
        Some(Err(error)) => assert_eq!(whole, error.status()),
        // What header lines say is judged when the head is complete.
        Some(Ok(len)) => assert!(parse_request(&input[..len], &limits).is_ok() || whole >= 400),
    }
    whole
}

fn answer_upgrade(request: &Request<'_>) -> u16 {
    Upgrade::from_request(request).map_or_else(|error| error.status(), |_| 101)
}

/// Returns a valid upgrade with one change.
fn upgrade_with(change: &str) -> String {
    let mut lines = vec![
        "GET /ws HTTP/1.1".to_owned(),
        "Host: h".to_owned(),
        "Upgrade: websocket".to_owned(),
        "Connection: Upgrade".to_owned(),
        "Sec-WebSocket-Version: 13".to_owned(),
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==".to_owned(),
    ];
    let has_name = |line: &String, name: &str| line.split(':').next() == Some(name);
    if change.contains(" HTTP/") {
        lines[0] = change.to_owned();
    } else if let Some(name) = change.strip_prefix('-') {
        lines.retain(|line| !has_name(line, name));
    } else if let Some(line) = change.strip_prefix('+') {
        lines.push(line.to_owned());
    } else if let Some((name, _)) = change.split_once(':') {
        let replaced = lines.iter_mut().find(|line| has_name(line, name)).unwrap();
        *replaced = change.to_owned();
    }
    format!("{}\r\n\r\n", lines.join("\r\n"))
}

// covers: R6455-4.2.2-07, R6455-4.2.2-08
#[test]
fn server_prefers_among_the_subprotocols_that_are_offered() {
    for (offered, supported, expected) in [
        ("a, b", &["b", "a"][..], Some("b")),
        ("a, b", &["c", "a"], Some("a")),
        ("a, b", &["A", "c"], None),
        ("a, b", &[], None),
    ] {
        let request = upgrade_with(&format!("+Sec-WebSocket-Protocol: {offered}"));
        let selected = with_upgrade(&request, |upgrade| {
            upgrade.select_subprotocol(supported).map(str::to_owned)
        });
        assert_eq!(selected.as_deref(), expected, "{offered} of {supported:?}");
    }
    let nothing_offered = with_upgrade(&upgrade_with(""), |upgrade| {
        upgrade.select_subprotocol(&["a"]).is_none()
    });
    assert!(nothing_offered);
}

#[test]
fn upgrade_knows_of_tls_what_it_was_told() {
    let (plain, over_tls) = with_upgrade(&upgrade_with(""), |upgrade| {
        (upgrade.is_over_tls(), upgrade.over_tls().is_over_tls())
    });
    assert_eq!((plain, over_tls), (false, true));
}

#[test]
fn acceptance_has_headers_of_the_servers_choice() {
    let acceptance = Acceptance::new(Limits::default())
        .subprotocol(Some("chat"))
        .header("Set-Cookie", "seen=1; HttpOnly")
        .and_then(|acceptance| acceptance.header("Set-Cookie", b"b=\xff"))
        .unwrap();
    let request = upgrade_with("+Sec-WebSocket-Protocol: chat");
    let mut output = Vec::new();
    with_upgrade(&request, |upgrade| {
        upgrade.accept_with(&acceptance, &mut output)
    });
    assert_eq!(
        output,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\
          Set-Cookie: seen=1; HttpOnly\r\nSet-Cookie: b=\xff\r\n\r\n"
    );
    for (name, value, expected) in [
        ("X: a", "b", HeadError::BadHeaderName),
        ("X", "a\r\n\r\n<html>", HeadError::BadHeaderValue),
        (
            "content-length",
            "1",
            HeadError::ReservedHeader {
                name: "Content-Length",
            },
        ),
    ] {
        let refused = Acceptance::new(Limits::default()).header(name, value);
        assert_eq!(refused.unwrap_err(), expected, "{name}: {value}");
        let refused = Refusal::new(403).unwrap().header(name, value);
        assert_eq!(refused.unwrap_err(), expected, "{name}: {value}");
    }
}

// covers: R6455-4.2.2-02, R6455-4.2.2-03, R9110-11.6.1-01
#[test]
fn server_refuses_in_its_own_words() {
    let written = |refusal: Refusal| {
        let mut output = Vec::new();
        refusal.write(&mut output);
        String::from_utf8(output).unwrap()
    };
    let challenge = Refusal::new(401)
        .and_then(|refusal| refusal.header("WWW-Authenticate", "Basic"))
        .and_then(|refusal| refusal.body("text/html", "<p>who?"))
        .unwrap();
    assert_eq!(
        written(challenge),
        "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nWWW-Authenticate: Basic\r\n\
         Content-Type: text/html\r\nContent-Length: 7\r\n\r\n<p>who?"
    );
    let redirect = Refusal::new(307)
        .and_then(|refusal| refusal.header("Location", "/elsewhere"))
        .unwrap();
    assert_eq!(
        written(redirect),
        "HTTP/1.1 307 Temporary Redirect\r\nConnection: close\r\nLocation: /elsewhere\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let upgrade_required = written(Refusal::new(426).unwrap());
    assert!(upgrade_required.contains("\r\nSec-WebSocket-Version: 13\r\n"));
    let busy = Refusal::from(HandshakeError::OriginNotAllowed)
        .header("Retry-After", "5")
        .unwrap();
    assert_eq!(busy.status(), 403);
    assert!(
        written(busy).ends_with(
            "\r\nRetry-After: 5\r\nContent-Length: 26\r\n\r\nthe origin is not allowed\n"
        )
    );
    assert!(written(Refusal::new(599).unwrap()).starts_with("HTTP/1.1 599 \r\n"));
    for status in [0, 100, 101, 199, 204, 205, 304, 600, 65_535] {
        assert_eq!(Refusal::new(status), Err(HeadError::BadStatus { status }));
    }
}

#[test]
fn cookies_are_read_as_they_come() {
    let input = b"GET / HTTP/1.1\r\nHost: h\r\n\
        Cookie: a=1; b=\"x=y\";a=2;;=none;alone; c = \xff \r\nX: y\r\ncookie: d=\r\n\r\n";
    let (request, _) = parse_request(input, &HttpLimits::default())
        .unwrap()
        .unwrap();
    let cookies: Vec<(&[u8], &[u8])> = vec![
        (b"a", b"1"),
        (b"b", b"\"x=y\""),
        (b"a", b"2"),
        (b"c", b"\xff"),
        (b"d", b""),
    ];
    assert_eq!(request.cookies().collect::<Vec<_>>(), cookies);
    assert_eq!(request.cookie("a"), Some(&b"1"[..]));
    assert_eq!(request.cookie("A"), None);
    assert_eq!(request.cookie("alone"), None);
}

// covers: R6455-9.1-06
#[test]
fn hostile_lists_cost_linear_time() {
    let started_at = now();
    for (name, part) in [
        ("Sec-WebSocket-Protocol", " "),
        ("Sec-WebSocket-Protocol", ","),
        ("Sec-WebSocket-Protocol", "a, "),
        ("Sec-WebSocket-Protocol", "\t \t"),
        ("Sec-WebSocket-Extensions", "a;b=\"\\c\","),
        ("Connection", " ,"),
        ("Upgrade", "websocket,"),
        ("Cookie", "; "),
        ("Cookie", "=;"),
    ] {
        let value = part.repeat(8_000 / part.len());
        let request = upgrade_with(&format!("+{name}: a{value}b"));
        let limits = HttpLimits::default();
        for _ in 0..20 {
            let (request, _) = parse_request(request.as_bytes(), &limits).unwrap().unwrap();
            let _ = Upgrade::from_request(&request);
            assert_eq!(request.cookie("c"), None);
        }
    }
    // 180 heads of 8 kB: quadratic work on them would take minutes.
    let elapsed = now() - started_at;
    assert!(elapsed.as_secs() < 20, "{elapsed:?}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is tested is how long it takes"
)]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// Parses a valid upgrade, and does something with it.
fn with_upgrade<T>(request: &str, act: impl FnOnce(Upgrade<'_>) -> T) -> T {
    let limits = HttpLimits::default();
    let (request, _) = parse_request(request.as_bytes(), &limits).unwrap().unwrap();
    act(Upgrade::from_request(&request).unwrap())
}
