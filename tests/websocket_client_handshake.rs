//! Tables of the client's opening handshake: URIs, requests, and what answers to them mean.
//!
//! Each answer arrives whole and byte by byte, and the two verdicts must agree.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;

use chinwag::websocket::handshake::HeadError;
use chinwag::websocket::handshake::client::{
    ClientHandshake, ClientHandshakeError, ClientRequest, Opened, Progress, Response,
};
use chinwag::websocket::handshake::http::{HttpLimits, parse_request};
use chinwag::websocket::handshake::server::Upgrade;
use chinwag::websocket::handshake::uri::{Uri, UriError};
use chinwag::websocket::{Connection, Event, Limits, Message};
use proptest::prelude::{prop_assert_eq, proptest};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

// covers: R6455-3-01, R6455-3-02, R6455-3-03
#[test]
fn uris_are_taken_apart() {
    for (uri, host, port, is_secure, resource_name, host_header) in [
        ("ws://h/", "h", 80, false, "/", "h"),
        ("wss://h/", "h", 443, true, "/", "h"),
        ("WSS://H/a", "h", 443, true, "/a", "h"),
        ("ws://h", "h", 80, false, "/", "h"),
        ("ws://h?x=1", "h", 80, false, "/?x=1", "h"),
        ("ws://h/a?", "h", 80, false, "/a?", "h"),
        (
            "ws://h/a%20b/?q=/?&r",
            "h",
            80,
            false,
            "/a%20b/?q=/?&r",
            "h",
        ),
        ("ws://h:80/", "h", 80, false, "/", "h"),
        ("wss://h:80/", "h", 80, true, "/", "h:80"),
        ("ws://h:/", "h", 80, false, "/", "h"),
        ("ws://h:00081/", "h", 81, false, "/", "h:81"),
        (
            "ws://127.0.0.1:65535",
            "127.0.0.1",
            65535,
            false,
            "/",
            "127.0.0.1:65535",
        ),
        ("ws://[::1]:8080/a", "::1", 8080, false, "/a", "[::1]:8080"),
        ("ws://[::1]", "::1", 80, false, "/", "[::1]"),
    ] {
        let parsed = Uri::parse(uri).unwrap();
        assert_eq!(parsed.host(), host, "{uri}");
        assert_eq!(parsed.port(), port, "{uri}");
        assert_eq!(parsed.is_secure(), is_secure, "{uri}");
        assert_eq!(parsed.resource_name(), resource_name, "{uri}");
        assert_eq!(parsed.host_header(), host_header, "{uri}");
        assert_eq!(Uri::parse(&parsed.to_string()), Ok(parsed), "{uri}");
    }
}

// covers: R6455-3-04, R6455-3-06, R6455-4.1-01
#[test]
fn invalid_uris_are_refused() {
    let long = format!("ws://h/{}", "a".repeat(8_000));
    let long_host = format!("ws://{}/", "a".repeat(254));
    for (uri, expected) in [
        ("", UriError::NoScheme),
        ("1ws://h/", UriError::NoScheme),
        ("w_s://h/", UriError::NoScheme),
        ("h", UriError::NoScheme),
        ("/a", UriError::NoScheme),
        ("://h", UriError::NoScheme),
        (" ws://h", UriError::NoScheme),
        ("http://h/", UriError::UnsupportedScheme),
        ("wsss://h/", UriError::UnsupportedScheme),
        ("ws:h", UriError::NoHost),
        ("ws:/h", UriError::NoHost),
        ("ws://", UriError::NoHost),
        ("ws:///a", UriError::NoHost),
        ("ws://:80/", UriError::BadHost),
        ("ws://u:p@h/", UriError::BadHost),
        ("ws://u@h/", UriError::BadHost),
        ("ws://h h/", UriError::BadHost),
        ("ws://h\r\nX:y/", UriError::BadHost),
        ("ws://h\r\n/", UriError::BadHost),
        ("ws://h\0/", UriError::BadHost),
        ("ws://h\\evil/", UriError::BadHost),
        ("ws://h\u{e9}/", UriError::BadHost),
        ("ws://%68/", UriError::BadHost),
        ("ws://::1/", UriError::BadHost),
        ("ws://[::1/", UriError::BadHost),
        ("ws://[:::1]/", UriError::BadHost),
        ("ws://[1.2.3.4]/", UriError::BadHost),
        ("ws://[::1]80/", UriError::BadHost),
        (&long_host, UriError::BadHost),
        ("ws://h:0/", UriError::BadPort),
        ("ws://h:65536/", UriError::BadPort),
        ("ws://h:80x/", UriError::BadPort),
        ("ws://h:+80/", UriError::BadPort),
        ("ws://h:-1/", UriError::BadPort),
        ("ws://h/a#b", UriError::Fragment),
        ("ws://h#", UriError::Fragment),
        ("ws://h/a b", UriError::BadResourceName),
        ("ws://h/\r\nX:y", UriError::BadResourceName),
        ("ws://h/%", UriError::BadResourceName),
        ("ws://h/%4", UriError::BadResourceName),
        ("ws://h/%4g", UriError::BadResourceName),
        ("ws://h/?\u{e9}", UriError::BadResourceName),
        ("ws://h/<>", UriError::BadResourceName),
        (
            &long,
            UriError::TooLong {
                len: 8_007,
                max: 8_000,
            },
        ),
    ] {
        assert_eq!(Uri::parse(uri), Err(expected), "{uri:?}");
    }
}

proptest! {
    // covers: R6455-3-06
    #[test]
    fn addresses_in_brackets_are_those_that_std_knows(
        address in "(::)?([0-9a-f]{1,5}(::?)){0,8}([0-9a-fA-F]{1,4}|[0-9]{1,3}(\\.[0-9]{1,3}){3})?(::)?"
    ) {
        let is_address = address.parse::<std::net::Ipv6Addr>().is_ok();
        prop_assert_eq!(Uri::parse(&format!("ws://[{address}]/")).is_ok(), is_address, "{}", address);
        let from_parts = Uri::from_parts(false, &address, None, "", None);
        if address.contains(':') {
            prop_assert_eq!(from_parts.is_ok(), is_address, "{}", address);
        }
    }
}

#[test]
fn longest_uri_and_longest_host_are_valid() {
    let uri = format!("ws://h/{}", "a".repeat(8_000 - 7));
    assert_eq!(Uri::parse(&uri).map(|uri| uri.to_string()), Ok(uri));
    let host = "a".repeat(253);
    let uri = Uri::parse(&format!("ws://{host}/"));
    assert_eq!(uri.unwrap().host(), host);
}

// covers: R6455-3-05
#[test]
fn parts_of_uris_are_escaped() {
    for (host, port, path, query, expected) in [
        ("h", None, "", None, "wss://h/"),
        ("H", Some(443), "/", None, "wss://h/"),
        ("h", Some(80), "a#b", None, "wss://h:80/a%23b"),
        ("h", None, "/a?b", Some("c?d#e"), "wss://h/a%3Fb?c?d%23e"),
        ("h", None, "/a%20b", Some("100%"), "wss://h/a%20b?100%25"),
        (
            "h",
            None,
            "/\r\nX: \u{e9}",
            Some(""),
            "wss://h/%0D%0AX:%20%C3%A9?",
        ),
        ("::1", Some(1), "", None, "wss://[::1]:1/"),
        ("[::1]", None, "", None, "wss://[::1]/"),
    ] {
        let uri = Uri::from_parts(true, host, port, path, query).unwrap();
        assert_eq!(uri.to_string(), expected);
        assert_eq!(Uri::parse(expected), Ok(uri));
    }
    let refused = |host, port, path: &str| Uri::from_parts(false, host, port, path, None);
    assert_eq!(refused("h:80", None, ""), Err(UriError::BadHost));
    assert_eq!(refused("h:", None, ""), Err(UriError::BadHost));
    assert_eq!(refused("u@h", None, ""), Err(UriError::BadHost));
    assert_eq!(refused("h", Some(0), ""), Err(UriError::BadPort));
    let too_long = UriError::TooLong {
        len: 8_002,
        max: 8_000,
    };
    assert_eq!(refused("h", None, &"#".repeat(2_667)), Err(too_long));
}

#[test]
fn locations_are_resolved() {
    let base = Uri::parse("wss://h:8443/a/b?c").unwrap();
    for (location, expected, is_same_origin) in [
        ("https://h:8443/x#y", Ok("wss://h:8443/x"), true),
        ("wss://H:8443", Ok("wss://h:8443/"), true),
        ("HTTP://h:8443/x", Ok("ws://h:8443/x"), false),
        ("https://h/x", Ok("wss://h/x"), false),
        ("//evil/x", Ok("wss://evil/x"), false),
        ("x?y=a:b", Ok("wss://h:8443/a/x?y=a:b"), true),
        ("/../x", Ok("wss://h:8443/x"), true),
        ("", Ok("wss://h:8443/a/b?c"), true),
        ("ws://h/x#y", Err(UriError::Fragment), false),
        ("ftp://h/x", Err(UriError::UnsupportedScheme), false),
        (
            "javascript:alert(1)",
            Err(UriError::UnsupportedScheme),
            false,
        ),
        ("https:x", Err(UriError::NoHost), false),
        ("//u:p@h/", Err(UriError::BadHost), false),
        ("/a b", Err(UriError::BadResourceName), false),
        ("\r\nX: y", Err(UriError::BadResourceName), false),
    ] {
        let joined = base.join(location);
        let text = joined.clone().map(|uri| uri.to_string());
        assert_eq!(text, expected.map(str::to_owned), "{location:?}");
        let is_same = joined.is_ok_and(|uri| uri.is_same_origin(&base));
        assert_eq!(is_same, is_same_origin, "{location:?}");
    }
}

// covers: R6455-4.1-11, R6455-4.1-12, R6455-4.1-13, R6455-4.1-14, R6455-4.1-15, R6455-4.1-16
// covers: R6455-4.1-18, R6455-4.1-19, R6455-4.1-21
#[test]
fn request_is_written_byte_for_byte() {
    let (request, _) = start(&request("ws://h:81/a?b"));
    let key = key_of(&request);
    assert_eq!(
        request,
        format!(
            "GET /a?b HTTP/1.1\r\nHost: h:81\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        )
    );
    let full = self::request("wss://[::1]")
        .origin("https://page")
        .and_then(|request| request.header("Cookie", "a=b"))
        .and_then(|request| request.subprotocol("chat.v2"))
        .and_then(|request| request.subprotocol("chat.v1"))
        .unwrap();
    let (request, _) = start(&full);
    let key = key_of(&request);
    assert_eq!(
        request,
        format!(
            "GET / HTTP/1.1\r\nHost: [::1]\r\nConnection: Upgrade\r\nCookie: a=b\r\n\
             Upgrade: websocket\r\nOrigin: https://page\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: chat.v2, chat.v1\r\n\r\n"
        )
    );
    let (parsed, len) = parse_request(request.as_bytes(), &HttpLimits::default())
        .unwrap()
        .unwrap();
    assert_eq!(len, request.len());
    let upgrade = Upgrade::from_request(&parsed).unwrap();
    assert_eq!(
        upgrade.subprotocols().collect::<Vec<_>>(),
        ["chat.v2", "chat.v1"]
    );
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut other = httparse::Request::new(&mut headers);
    assert_eq!(
        other.parse(request.as_bytes()),
        Ok(httparse::Status::Complete(len))
    );
}

// covers: R6455-4.1-17
#[test]
fn keys_are_fresh_and_of_16_bytes() {
    let mut rng = StdRng::seed_from_u64(1);
    let request = request("ws://h/");
    let keys: HashSet<_> = (0..1_000)
        .map(|_| {
            let mut output = Vec::new();
            request.start(&mut rng, &mut output);
            key_of(str::from_utf8(&output).unwrap()).to_owned()
        })
        .collect();
    assert_eq!(keys.len(), 1_000);
    for key in keys {
        assert_eq!(key.len(), 24, "{key}");
        assert!(key.ends_with("=="), "{key}");
    }
}

// covers: R6455-4.1-20
#[test]
fn mistakes_of_the_caller_write_nothing() {
    let new = || request("ws://h/");
    for subprotocol in ["", "a b", "a,b", "a\r\nX: y", "\u{e9}", "a/b", "\"a\""] {
        let refused = new().subprotocol(subprotocol).unwrap_err();
        assert_eq!(refused, HeadError::BadSubprotocol, "{subprotocol:?}");
    }
    let twice = new()
        .subprotocol("a")
        .unwrap()
        .subprotocol("a")
        .unwrap_err();
    assert_eq!(twice, HeadError::RepeatedSubprotocol);
    // The case of subprotocols matters.
    assert!(new().subprotocol("a").unwrap().subprotocol("A").is_ok());
    for (name, value, expected) in [
        ("X Y", "a", HeadError::BadHeaderName),
        ("X", "a\r\nY: b", HeadError::BadHeaderValue),
        ("host", "a", HeadError::ReservedHeader { name: "Host" }),
        (
            "sec-websocket-key",
            "a",
            HeadError::ReservedHeader {
                name: "Sec-WebSocket-Key",
            },
        ),
    ] {
        assert_eq!(
            new().header(name, value).unwrap_err(),
            expected,
            "{name}: {value}"
        );
    }
    assert_eq!(
        new().origin("a\r\nb").unwrap_err(),
        HeadError::BadHeaderValue
    );
}

#[test]
fn credentials_are_not_shown() {
    let request = request("ws://h/").header("Authorization", "Bearer secret");
    let shown = format!("{:?}", request.unwrap());
    assert!(
        shown.contains("Authorization") && !shown.contains("secret"),
        "{shown}"
    );
}

// covers: R6455-4.1-30
#[test]
fn headers_stay_at_their_origin() {
    let with_headers = request("wss://h/a")
        .header("authorization", "Bearer a")
        .and_then(|request| request.header("COOKIE", "a=b"))
        .and_then(|request| request.header("X-Api-Key", "a"))
        .unwrap();
    for (location, keeps) in [
        ("/b", true),
        ("https://h:443/b", true),
        ("wss://h:444/b", false),
        ("ws://h:443/b", false),
        ("wss://h.evil/b", false),
    ] {
        let uri = with_headers.uri().join(location).unwrap();
        let (request, _) = start(&with_headers.clone().redirected_to(uri));
        let request = request.to_lowercase();
        for name in ["\r\nauthorization:", "\r\ncookie:", "\r\nx-api-key:"] {
            assert_eq!(request.contains(name), keeps, "{name} at {location}");
        }
    }
}

#[test]
fn debug_output_shows_no_secret() {
    let request = request("wss://h/path?token=secret")
        .header("Authorization", "secret")
        .and_then(|request| request.subprotocol("bearer.secret"))
        .unwrap();
    let shown = format!("{request:?}");
    assert!(!shown.contains("secret"), "{shown}");
    assert!(
        shown.contains("/path") && shown.contains("Authorization"),
        "{shown}"
    );
    let head = b"GET /path?secret HTTP/1.1\r\nHost: h\r\nCookie: secret\r\n\r\n";
    let (request, _) = parse_request(head, &HttpLimits::default())
        .unwrap()
        .unwrap();
    let shown = format!("{request:?}");
    assert!(!shown.contains("secret"), "{shown}");
    assert!(
        shown.contains("/path") && shown.contains("Cookie"),
        "{shown}"
    );
}

#[test]
fn debug_output_of_an_answer_shows_no_headers_value() {
    let answer = b"HTTP/1.1 302 Found\r\nLocation: /?secret\r\n\r\n";
    let (progress, _) = receive_all(&request("ws://h/"), answer);
    let Ok(Progress::Refused(response)) = progress else {
        panic!("{progress:?}")
    };
    let shown = format!("{response:?}");
    assert!(
        shown.contains("302") && shown.contains("Location"),
        "{shown}"
    );
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn answers_are_judged() {
    // Each line changes a valid answer: replaces a header, removes it (`-`), or adds one (`+`).
    let missing = |name| Err(ClientHandshakeError::MissingHeader { name });
    let bad = |name| Err(ClientHandshakeError::BadHeaderValue { name });
    let repeated = |name| Err(ClientHandshakeError::RepeatedHeader { name });
    for (change, expected) in [
        ("", Ok(101)),
        // covers: R6455-4.1-28
        ("HTTP/1.1 101", Ok(101)),
        ("HTTP/1.1 101 ", Ok(101)),
        ("HTTP/1.1 101 \u{e9} at\tall", Ok(101)),
        (
            "HTTP/1.0 101 Old",
            Err(ClientHandshakeError::UnsupportedHttpVersion),
        ),
        (
            "HTTP/2.0 101 New",
            Err(ClientHandshakeError::UnsupportedHttpVersion),
        ),
        (
            "HTTP/1.2 101 Newer",
            Err(ClientHandshakeError::BadStatusLine),
        ),
        (
            "HTTP/x.1 101 Letter",
            Err(ClientHandshakeError::BadStatusLine),
        ),
        (
            "HTTP/2.x 101 Letter",
            Err(ClientHandshakeError::BadStatusLine),
        ),
        (
            "HTTP/1.1  101 Spaces",
            Err(ClientHandshakeError::BadStatusLine),
        ),
        (
            "HTTP/1.1 0101 Digits",
            Err(ClientHandshakeError::BadStatusLine),
        ),
        (
            "HTTP/1.1 10 Digits",
            Err(ClientHandshakeError::BadStatusLine),
        ),
        (
            "HTTP/1.1 +10 Sign",
            Err(ClientHandshakeError::BadStatusLine),
        ),
        ("HTTP/1.1 099 Low", Err(ClientHandshakeError::BadStatusLine)),
        (
            "HTTP/1.1 101Glued",
            Err(ClientHandshakeError::BadStatusLine),
        ),
        (
            "HTTP/1.1 101 Bell\x07",
            Err(ClientHandshakeError::BadStatusLine),
        ),
        (
            "http/1.1 101 Case",
            Err(ClientHandshakeError::BadStatusLine),
        ),
        (
            "HTTP/1.1\t101 Tab",
            Err(ClientHandshakeError::BadStatusLine),
        ),
        (
            "SSH-2.0-OpenSSH_9.6",
            Err(ClientHandshakeError::BadStatusLine),
        ),
        ("\x16\x03\x01", Err(ClientHandshakeError::BadStatusLine)),
        ("+Garbage", Err(ClientHandshakeError::BadHeader)),
        ("+X : y", Err(ClientHandshakeError::BadHeader)),
        ("+: y", Err(ClientHandshakeError::BadHeader)),
        ("+X: a\nY: b", Err(ClientHandshakeError::BadLine)),
        ("+X: a\rb", Err(ClientHandshakeError::BadLine)),
        ("+X: a\0b", Err(ClientHandshakeError::BadLine)),
        (
            "HTTP/1.1 101 X\r\n Folded: first",
            Err(ClientHandshakeError::BadHeader),
        ),
        (
            "+Transfer-Encoding: chunked",
            Err(ClientHandshakeError::BodyNotAllowed),
        ),
        (
            "+Content-Length: 1",
            Err(ClientHandshakeError::BodyNotAllowed),
        ),
        ("+Content-Length: 0", Ok(101)),
        // covers: R9112-5.2-02
        ("+X: a\r\n b\r\n\tc", Ok(101)),
        ("Upgrade:\r\n websocket", Ok(101)),
        ("Upgrade: web\r\n socket", bad("Upgrade")),
        ("+X\r\n : y", Err(ClientHandshakeError::BadHeader)),
        // covers: R6455-4.1-23
        ("-Upgrade", missing("Upgrade")),
        ("Upgrade: h2c", bad("Upgrade")),
        ("Upgrade:", bad("Upgrade")),
        ("Upgrade: websocket, h2c", bad("Upgrade")),
        ("Upgrade: WebSocket", Ok(101)),
        ("+Upgrade: websocket", repeated("Upgrade")),
        // covers: R6455-4.1-24
        ("-Connection", missing("Connection")),
        ("Connection: keep-alive", bad("Connection")),
        ("Connection: Upgraded", bad("Connection")),
        ("Connection: keep-alive, UPGRADE", Ok(101)),
        ("+Connection: keep-alive", Ok(101)),
        // covers: R6455-4.1-25
        ("-Sec-WebSocket-Accept", missing("Sec-WebSocket-Accept")),
        (
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            Err(ClientHandshakeError::WrongAcceptKey),
        ),
        (
            "Sec-WebSocket-Accept: {lower}",
            Err(ClientHandshakeError::WrongAcceptKey),
        ),
        (
            "Sec-WebSocket-Accept: x{accept}",
            Err(ClientHandshakeError::WrongAcceptKey),
        ),
        (
            "Sec-WebSocket-Accept:",
            Err(ClientHandshakeError::WrongAcceptKey),
        ),
        ("Sec-WebSocket-Accept:  \t{accept} \t", Ok(101)),
        // covers: R6455-11.3-03
        (
            "+Sec-WebSocket-Accept: {accept}",
            repeated("Sec-WebSocket-Accept"),
        ),
        // covers: R6455-4.1-26, R7692-5-07
        (
            "+Sec-WebSocket-Extensions: foo",
            Err(ClientHandshakeError::UnofferedExtension),
        ),
        (
            "+Sec-WebSocket-Extensions: permessage-deflate",
            Err(ClientHandshakeError::UnofferedExtension),
        ),
        // covers: R6455-4.3-01/C, R6455-4.3-02/C, R6455-9.1-01/C
        (
            "+Sec-WebSocket-Extensions:",
            bad("Sec-WebSocket-Extensions"),
        ),
        (
            "+Sec-WebSocket-Extensions: ,",
            bad("Sec-WebSocket-Extensions"),
        ),
        (
            "+Sec-WebSocket-Extensions: permessage-deflate;;",
            bad("Sec-WebSocket-Extensions"),
        ),
        (
            "+Sec-WebSocket-Extensions: =x",
            bad("Sec-WebSocket-Extensions"),
        ),
        (
            "+Sec-WebSocket-Extensions: a;b=",
            bad("Sec-WebSocket-Extensions"),
        ),
        (
            "+Sec-WebSocket-Extensions: a;b=\"",
            bad("Sec-WebSocket-Extensions"),
        ),
        (
            "+Sec-WebSocket-Extensions: a;b=\"1 0\"",
            bad("Sec-WebSocket-Extensions"),
        ),
        // covers: R6455-4.1-27
        ("+Sec-WebSocket-Protocol: b", Ok(101)),
        (
            "+Sec-WebSocket-Protocol: c",
            Err(ClientHandshakeError::UnofferedSubprotocol),
        ),
        (
            "+Sec-WebSocket-Protocol: A",
            Err(ClientHandshakeError::UnofferedSubprotocol),
        ),
        (
            "+Sec-WebSocket-Protocol: a, b",
            Err(ClientHandshakeError::UnofferedSubprotocol),
        ),
        (
            "+Sec-WebSocket-Protocol:",
            Err(ClientHandshakeError::UnofferedSubprotocol),
        ),
        // covers: R6455-11.3-04
        (
            "+Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a",
            repeated("Sec-WebSocket-Protocol"),
        ),
        ("+X-Anything: at all", Ok(101)),
    ] {
        check(change, expected);
    }
    let offering = request("ws://h/").subprotocol("b").unwrap();
    let (sent, _) = start(&offering);
    for (answer, chosen) in [("", None), ("+Sec-WebSocket-Protocol: b", Some("b"))] {
        let answer = answer_with(answer, &accept_key_for(&sent));
        let (progress, _) = receive_all(&offering, answer.as_bytes());
        let Ok(Progress::Opened(opened)) = progress else {
            panic!("{progress:?}")
        };
        assert_eq!(opened.subprotocol(), chosen);
    }
    let offered_none = receive_for(&request("ws://h/"), |accept| {
        answer_with("+Sec-WebSocket-Protocol: a", accept)
    });
    assert_eq!(
        offered_none.err(),
        Some(ClientHandshakeError::UnofferedSubprotocol)
    );
}

// covers: R6455-4.1-29/C
#[test]
fn names_of_headers_are_in_any_case() {
    for change_case in [str::to_uppercase, str::to_lowercase] {
        let opened = receive_for(&request("ws://h/"), |accept| {
            let answer = answer_with("", accept);
            let lines = answer.split("\r\n").map(|line| match line.split_once(':') {
                Some((name, value)) => format!("{}:{value}", change_case(name)),
                None => line.to_owned(),
            });
            lines.collect::<Vec<_>>().join("\r\n")
        });
        assert!(opened.is_ok());
    }
}

// covers: R6455-4.1-22
#[test]
fn other_statuses_open_nothing() {
    for status in [
        200, 204, 301, 302, 307, 400, 401, 403, 404, 426, 500, 503, 599, 999,
    ] {
        let answer = format!(
            "HTTP/1.0 {status} X\r\nLocation: /b\r\nWWW-Authenticate: Basic\r\n\
             www-authenticate: Bearer\r\nX: a\r\n b\r\n\r\nthe body"
        );
        let (progress, rest) = receive_all(&request("ws://h/"), answer.as_bytes());
        let Ok(Progress::Refused(response)) = progress else {
            panic!("{progress:?}")
        };
        assert_eq!(response.status(), status);
        assert_eq!(response.header("location"), Some(&b"/b"[..]));
        assert_eq!(
            response.headers("WWW-Authenticate").collect::<Vec<_>>(),
            [b"Basic".as_slice(), b"Bearer"]
        );
        // R9112-5.2-02: a folded line is one value.
        assert_eq!(response.header("X"), Some(&b"a   b"[..]));
        assert_eq!(response.all_headers().count(), 4);
        assert_eq!(rest, b"the body");
    }
}

/// Before the line, or the head, has ended.
#[test]
fn what_is_no_answer_of_http_is_told_at_once() {
    for (received, is_answer) in [
        ("H", true),
        ("HTTP/1.1 101 X", true),
        ("S", false),
        ("\x16", false),
        ("HTTQ", false),
        ("\r", false),
        ("HTTP/1.1 1x1\r\n", false),
    ] {
        let (_, handshake) = start(&request("ws://h/"));
        let error = handshake.receive(&mut received.as_bytes()).err();
        let expected = (!is_answer).then_some(ClientHandshakeError::BadStatusLine);
        assert_eq!(error, expected, "{received:?}");
    }
}

#[test]
fn interim_answers_are_skipped_and_counted() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n";
    let after = |count: usize| {
        receive_for(&request("ws://h/"), |accept| {
            interim.repeat(count) + &answer_with("", accept)
        })
    };
    assert!(after(1).is_ok());
    assert!(after(4).is_ok());
    let too_many = ClientHandshakeError::TooManyInterimResponses { max: 8 };
    assert_eq!(after(5).err(), Some(too_many));
}

#[test]
fn heads_are_bounded_at_the_limit_and_not_beyond() {
    let mut limits = HttpLimits::default();
    limits.max_line_len = 40;
    limits.max_head_len = 100;
    limits.max_header_count = 4;
    let limited = request("ws://h/").head_limits(limits);
    let line = |len: usize| format!("X: {}\r\n", "v".repeat(len - 5));
    let status_line = |len: usize| format!("HTTP/1.1 404 {}\r\n", "v".repeat(len - 15));
    for (head, expected) in [
        (status_line(40), Ok(())),
        (
            status_line(41),
            Err(ClientHandshakeError::StatusLineTooLong { max: 40 }),
        ),
        (status_line(20) + &line(40), Ok(())),
        (
            status_line(20) + &line(41),
            Err(ClientHandshakeError::HeaderTooLong { line: 1, max: 40 }),
        ),
        (status_line(20) + &line(5).repeat(4), Ok(())),
        (
            status_line(20) + &line(5).repeat(5),
            Err(ClientHandshakeError::TooManyHeaders { max: 4 }),
        ),
        (status_line(20) + &line(39).repeat(2), Ok(())),
        (
            status_line(20) + &line(39) + &line(40),
            Err(ClientHandshakeError::HeadTooLong { max: 100 }),
        ),
    ] {
        let (progress, _) = receive_all(&limited, format!("{head}\r\n").as_bytes());
        assert_eq!(progress.map(|_| ()), expected, "{head:?}");
    }
}

#[test]
fn limits_of_heads_may_be_taken_away() {
    let mut limits = HttpLimits::default();
    limits.max_line_len = usize::MAX;
    limits.max_head_len = usize::MAX;
    let unlimited = request("ws://h/").head_limits(limits);
    let head = format!("HTTP/1.1 404 \r\nX: {}\r\n\r\n", "v".repeat(20_000));
    let (progress, _) = receive_all(&unlimited, head.as_bytes());
    assert!(progress.is_ok());
}

// covers: R6455-4.2.2-14, R6455-4.2.2-15/C
#[test]
fn what_follows_the_answer_belongs_to_the_connection() {
    let request = request("ws://h/");
    let (sent, handshake) = start(&request);
    let mut received = answer_with("", &accept_key_for(&sent)).into_bytes();
    let head_len = received.len();
    received.extend_from_slice(b"\x81\x02Hi");
    let mut input = &received[..];
    let Ok(Progress::Opened(opened)) = handshake.receive(&mut input) else {
        panic!("the answer is valid")
    };
    assert_eq!(input.len(), received.len() - head_len);
    assert_eq!(opened.subprotocol(), None);
    assert_eq!(opened.response().status(), 101);
    let mut connection = open(opened);
    let mut output = Vec::new();
    let mut input = &mut received[head_len..];
    let event = connection.receive(&mut input, &mut output).unwrap();
    assert!(matches!(event, Some(Event::Message(message)) if message == Message::text("Hi")));
    connection.send(&Message::text("Hi"), &mut output).unwrap();
    // FIN and text, no RSV1; masked.
    assert_eq!(output[..2], [0x81, 0x82]);
}

/// Receives a valid answer with one change.
fn check(change: &str, expected: Result<u16, ClientHandshakeError>) {
    let offering = request("ws://h/")
        .subprotocol("a")
        .and_then(|request| request.subprotocol("b"))
        .unwrap();
    let received = receive_for(&offering, |accept| answer_with(change, accept));
    assert_eq!(
        received.map(|response| response.status()),
        expected,
        "{change:?}"
    );
}

/// Receives what `answer` makes of the accept key; it must be about opening.
fn receive_for(
    request: &ClientRequest,
    answer: impl Fn(&str) -> String,
) -> Result<Response, ClientHandshakeError> {
    let (sent, _) = start(request);
    let answer = answer(&accept_key_for(&sent));
    match receive_all(request, answer.as_bytes()) {
        (Ok(Progress::Opened(opened)), rest) => {
            assert!(rest.is_empty());
            Ok(opened.response().clone())
        }
        (Ok(progress), _) => panic!("{progress:?}"),
        (Err(error), _) => Err(error),
    }
}

/// Receives `answer` whole and byte by byte; returns what came of it, and what is left.
fn receive_all<'a>(
    request: &ClientRequest,
    answer: &'a [u8],
) -> (Result<Progress, ClientHandshakeError>, &'a [u8]) {
    let mut rest = answer;
    let whole = start(request).1.receive(&mut rest);
    let mut progress = Ok(Progress::Incomplete(start(request).1));
    for (at, byte) in answer.iter().enumerate() {
        let Ok(Progress::Incomplete(handshake)) = progress else {
            if whole.is_ok() {
                assert_eq!(&answer[at..], rest);
            }
            break;
        };
        progress = handshake.receive(&mut std::slice::from_ref(byte));
    }
    assert_eq!(format!("{progress:?}"), format!("{whole:?}"));
    (whole, rest)
}

fn request(uri: &str) -> ClientRequest {
    ClientRequest::new(Uri::parse(uri).unwrap())
}

/// Starts with a generator that always gives the same key.
fn start(request: &ClientRequest) -> (String, ClientHandshake) {
    let mut output = Vec::new();
    let handshake = request.start(&mut StdRng::seed_from_u64(1), &mut output);
    (String::from_utf8(output).unwrap(), handshake)
}

fn open(opened: Opened) -> Connection {
    opened.into_connection(Limits::default(), Box::new(StdRng::seed_from_u64(2)))
}

fn key_of(request: &str) -> &str {
    let (_, rest) = request.split_once("Sec-WebSocket-Key: ").unwrap();
    rest.split("\r\n").next().unwrap()
}

/// Has our own server compute the accept key, which has tables of its own.
fn accept_key_for(request: &str) -> String {
    let (request, _) = parse_request(request.as_bytes(), &HttpLimits::default())
        .unwrap()
        .unwrap();
    let mut output = Vec::new();
    Upgrade::from_request(&request)
        .unwrap()
        .accept(None, Limits::default(), &mut output);
    let output = String::from_utf8(output).unwrap();
    let (_, rest) = output.split_once("Sec-WebSocket-Accept: ").unwrap();
    rest.split("\r\n").next().unwrap().to_owned()
}

/// Returns a valid answer with one change, in which `{accept}` stands for the accept key.
fn answer_with(change: &str, accept: &str) -> String {
    let mut lines = vec![
        "HTTP/1.1 101 Switching Protocols".to_owned(),
        "Upgrade: websocket".to_owned(),
        "Connection: Upgrade".to_owned(),
        "Sec-WebSocket-Accept: {accept}".to_owned(),
    ];
    let has_name = |line: &String, name: &str| line.split(':').next() == Some(name);
    if let Some(name) = change.strip_prefix('-') {
        lines.retain(|line| !has_name(line, name));
    } else if let Some(line) = change.strip_prefix('+') {
        lines.push(line.to_owned());
    } else if let Some(name) = change.split_once(':').map(|(name, _)| name)
        && let Some(line) = lines.iter_mut().find(|line| has_name(line, name))
    {
        *line = change.to_owned();
    } else if !change.is_empty() {
        lines[0] = change.to_owned();
    }
    let answer = format!("{}\r\n\r\n", lines.join("\r\n"));
    answer
        .replace("{accept}", accept)
        .replace("{lower}", &accept.to_lowercase())
}
