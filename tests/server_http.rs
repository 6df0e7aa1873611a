//! HTTP as browsers, scripts and attackers speak it to a running server.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod support;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};

use flate2::read::GzDecoder;
use serde_json::json;
use support::{Http, Response, Server, UPGRADE, Ws, masked_frame};

/// Sends a request over a connection of its own; the answer must end it, or leave it usable.
fn ask(server: &Server, request: &str) -> Response {
    let mut http = server.http();
    let response = http.ask(request);
    let connection = response.header("Connection").unwrap_or("");
    if connection.ends_with("close") {
        assert_eq!(http.rest(), b"", "{request:?}");
    } else {
        assert_eq!(http.get("/app.js").status, 200, "{request:?}");
    }
    response
}

/// The upgrade with other header lines: `Name: value` replaces or adds, `-Name` takes away.
fn upgrade(changes: &[&str]) -> String {
    let mut lines: Vec<String> = UPGRADE.trim_end().lines().map(str::to_owned).collect();
    for change in changes {
        let name = change.trim_start_matches('-').split(':').next().unwrap();
        lines.retain(|line| !line.starts_with(&format!("{name}:")));
        if !change.starts_with('-') {
            lines.push((*change).to_owned());
        }
    }
    lines.join("\r\n") + "\r\n\r\n"
}

#[test]
fn page_and_its_assets_are_served_with_a_strict_policy() {
    let server = Server::start(&[]);
    let mut http = server.http();
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/?room=tea", "text/html; charset=utf-8"),
        ("/app.css", "text/css; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let response = http.get(path);
        assert_eq!(response.status, 200, "{path}");
        assert_eq!(response.header("Content-Type"), Some(content_type));
        assert_eq!(response.header("X-Content-Type-Options"), Some("nosniff"));
        let policy = response.header("Content-Security-Policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!response.body.is_empty());
    }
}

/// Asks for a file, with what its answer may be compressed by.
fn get_as(http: &mut Http, path: &str, accepted: &str, etag: &str) -> Response {
    http.ask(&format!(
        "GET {path} HTTP/1.1\r\nHost: h\r\nAccept-Encoding: {accepted}\r\n\
         If-None-Match: {etag}\r\n\r\n"
    ))
}

#[test]
fn page_and_what_it_names_are_compressed_for_those_who_take_that() {
    let server = Server::start(&[]);
    let mut http = server.http();
    let page = http.get("/").text();
    let attributes = page.split('"').skip(1).step_by(2);
    let mut paths: BTreeSet<&str> = attributes.filter(|it| it.starts_with('/')).collect();
    paths.extend(["/", "/claim.js"]);
    assert!(paths.contains("/app.js") && paths.contains("/app.css"));
    let mut first_len = 0;
    for path in paths {
        let plain = get_as(&mut http, path, "br, gzip;q=0", "\"\"");
        assert_eq!(plain.header("Content-Encoding"), None, "{path}");
        let sent = get_as(&mut http, path, "br;q=1.0, GZIP;q=0.5", "\"\"");
        assert_eq!((plain.status, sent.status), (200, 200), "{path}");
        for response in [&plain, &sent] {
            assert_eq!(response.header("Vary"), Some("Accept-Encoding"), "{path}");
        }
        if path.ends_with(".png") {
            assert!(sent.body == plain.body, "{path}");
            continue;
        }
        assert_eq!(sent.header("Content-Encoding"), Some("gzip"), "{path}");
        let mut text = Vec::new();
        let mut decoder = GzDecoder::new(&sent.body[..]);
        decoder.read_to_end(&mut text).unwrap();
        assert!(text == plain.body, "{path}");
        let etag = sent.header("ETag").unwrap();
        assert_ne!(plain.header("ETag"), Some(etag), "{path}");
        assert_eq!(get_as(&mut http, path, "gzip", etag).status, 304, "{path}");
        assert_eq!(get_as(&mut http, path, "", etag).status, 200, "{path}");
        first_len += sent.body.len();
    }
    // All that somebody loads who comes for the first time, pictures for installing it aside.
    assert!(first_len < 64 * 1024, "{first_len} bytes");
}

#[test]
fn known_pages_are_not_sent_again() {
    let server = Server::start(&[]);
    let mut http = server.http();
    let etag = http.get("/").header("ETag").unwrap().to_owned();
    for (tags, status) in [
        (etag.clone(), 304),
        (format!("W/{etag}"), 304),
        (format!("\"other\", {etag}"), 304),
        ("\"other\"".to_owned(), 200),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: h\r\nIf-None-Match: {tags}\r\n\r\n");
        let response = http.ask(&request);
        assert_eq!(response.status, status, "{tags}");
        assert_eq!(response.header("ETag"), Some(&*etag));
    }
}

// covers: R9110-9.3.2-01
#[test]
fn head_is_answered_like_get_without_the_body() {
    let server = Server::start(&[]);
    let mut http = server.http();
    let whole_len = http.get("/").body.len().to_string();
    for (path, status) in [("/", 200), ("/nowhere", 404)] {
        http.write(format!("HEAD {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let head = http.head();
        assert_eq!(head.status, status);
        if status == 200 {
            assert_eq!(head.header("Content-Length"), Some(&*whole_len));
        }
    }
    assert_eq!(http.get("/").status, 200);
}

// covers: R9110-15.5.6-01
#[test]
fn unknown_paths_are_not_found_and_other_methods_not_allowed() {
    let server = Server::start(&[]);
    for path in [
        "/nowhere",
        "/ws/",
        "/../Cargo.toml",
        "/%2e%2e/etc/passwd",
        "/index.html",
    ] {
        let response = ask(&server, &format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!(response.status, 404, "{path}");
    }
    for (method, path) in [
        ("POST", "/"),
        ("DELETE", "/"),
        ("OPTIONS", "/ws"),
        ("POST", "/ws"),
        ("get", "/"),
    ] {
        let response = ask(
            &server,
            &format!("{method} {path} HTTP/1.1\r\nHost: h\r\n\r\n"),
        );
        assert_eq!(response.status, 405, "{method} {path}");
        let allow = response.header("Allow").unwrap();
        assert!(allow.contains("GET"), "{method} {path}: {allow}");
    }
}

// covers: R6455-7.2.2-01, R6455-10.7-03, R9112-2.2-06, R9112-9.6-01
#[test]
fn what_is_no_request_is_refused_and_closed() {
    let server = Server::start(&[]);
    let long = "x".repeat(9_000);
    let headers = "X-Filler: yes\r\n".repeat(200);
    let big = format!("X-Big: {}\r\n", "y".repeat(7_000)).repeat(3);
    for (request, status) in [
        ("GET /\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: h\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", 400),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\n",
            400,
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
            400,
        ),
        ("GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
        (&format!("GET /{long} HTTP/1.1\r\nHost: h\r\n\r\n"), 414),
        (
            &format!("GET / HTTP/1.1\r\nHost: h\r\nX: {long}\r\n\r\n"),
            431,
        ),
        (&format!("GET / HTTP/1.1\r\nHost: h\r\n{headers}\r\n"), 431),
        (&format!("GET / HTTP/1.1\r\nHost: h\r\n{big}\r\n"), 431),
    ] {
        let mut http = server.http();
        let response = http.ask(request);
        assert_eq!(response.status, status, "{request:?}");
        assert_eq!(response.header("Connection"), Some("close"));
        assert_eq!(http.rest(), b"");
    }
}

// covers: R9112-9.3-01, R9112-6.1-01, R9112-9.6-01
#[test]
fn body_is_never_taken_for_a_request() {
    let server = Server::start(&[]);
    let smuggled = "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n";
    for header in ["Content-Length: 38", "Transfer-Encoding: chunked"] {
        let mut http = server.http();
        http.write(format!(
            "GET / HTTP/1.1\r\nHost: h\r\n{header}\r\n\r\n{smuggled}"
        ));
        let response = http.response();
        assert_eq!(response.header("Connection"), Some("close"), "{header}");
        assert_eq!(http.rest(), b"", "{header}");
    }
}

// covers: R6455-4.2.2-05, R6455-4.4-01, R9110-7.8-04, R9110-7.8-07, D-10
#[test]
fn plain_request_for_the_chat_is_told_what_to_do() {
    let server = Server::start(&[]);
    for request in [
        "GET /ws HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        upgrade(&["Connection: keep-alive"]),
        upgrade(&["Upgrade: h2c"]),
        upgrade(&["Sec-WebSocket-Version: 8"]),
    ] {
        let response = ask(&server, &request);
        assert_eq!(response.status, 426, "{request}");
        assert_eq!(response.header("Sec-WebSocket-Version"), Some("13"));
        assert_eq!(response.header("Upgrade"), Some("websocket"));
    }
    for request in [
        upgrade(&["-Sec-WebSocket-Key"]),
        upgrade(&["Sec-WebSocket-Key: short"]),
        upgrade(&["-Sec-WebSocket-Version"]),
        upgrade(&["Content-Length: 5"]),
        upgrade(&["-Host"]),
    ] {
        assert_eq!(ask(&server, &request).status, 400, "{request}");
    }
}

// covers: R6455-4.2.2-07, R6455-4.2.2-08, R6455-4.2.2-13
#[test]
fn handshake_has_the_accept_key_and_names_only_what_was_offered() {
    let server = Server::start(&[]);
    let response = server.http().ask(UPGRADE);
    let accept = response.header("Sec-WebSocket-Accept");
    assert_eq!(accept, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    let protocol = response.header("Sec-WebSocket-Protocol");
    assert_eq!(protocol, Some("chinwag.v1"));
    assert_eq!(response.header("Sec-WebSocket-Extensions"), None);
    for changed in [
        upgrade(&["-Sec-WebSocket-Protocol"]),
        upgrade(&["Sec-WebSocket-Protocol: other"]),
    ] {
        let response = server.http().ask(&changed);
        assert_eq!(response.status, 101);
        assert_eq!(response.header("Sec-WebSocket-Protocol"), None);
    }
}

// covers: R6455-4.2.2-04, R6455-10.2-01, R6455-10.2-02, R6455-4.2.1-11, D-17
#[test]
fn pages_of_other_origins_are_refused_before_the_handshake() {
    let server = Server::start(&["--allow-origin", "https://chat.example.org"]);
    let address = server.web();
    let own = format!("Host: {address}");
    let port = address.port();
    for (host, origin, status) in [
        (&*own, None, 101),
        (&own, Some(format!("http://{address}")), 101),
        (&own, Some("https://chat.example.org".to_owned()), 101),
        (&own, Some("https://CHAT.example.org:443".to_owned()), 101),
        (&own, Some("null".to_owned()), 403),
        (&own, Some(String::new()), 403),
        (&own, Some("https://evil.example".to_owned()), 403),
        (&own, Some("http://chat.example.org".to_owned()), 403),
        (
            &own,
            Some("https://chat.example.org.evil.example".to_owned()),
            403,
        ),
        (&own, Some("https://evil-chat.example.org".to_owned()), 403),
        // A proxy in front may speak TLS.
        (&own, Some(format!("https://{address}")), 101),
        (&own, Some("http://127.0.0.1:1".to_owned()), 403),
        (&own, Some(format!("http://localhost:{port}")), 403),
        // A hostile name that was made to resolve to this machine.
        (
            "Host: evil.example",
            Some("http://evil.example".to_owned()),
            403,
        ),
        (
            "Host: 127.0.0.1.evil.example",
            Some("http://127.0.0.1.evil.example".to_owned()),
            403,
        ),
        (
            "Host: localhost.evil.example",
            Some("http://localhost.evil.example".to_owned()),
            403,
        ),
        // No browser sends no Origin; programs may call the server what they like.
        ("Host: anything.example", None, 101),
    ] {
        let origin_line = origin.map(|origin| format!("Origin: {origin}"));
        let mut changes = vec![host];
        changes.extend(origin_line.as_deref());
        let response = server.http().ask(&upgrade(&changes));
        assert_eq!(response.status, status, "{changes:?}");
    }
    assert_eq!(
        server.metric("chinwag_refused_total{reason=\"origin\"}"),
        11.0
    );
}

// covers: R9110-5.3-02
#[test]
fn two_origins_in_one_request_are_refused() {
    let server = Server::start(&[]);
    let own = format!("Host: {}\r\nOrigin: http://{0}", server.web());
    let request = upgrade(&[&own]);
    assert_eq!(server.http().ask(&request).status, 101);
    let request = request.replace("\r\n\r\n", "\r\nOrigin: https://evil.example\r\n\r\n");
    assert_eq!(server.http().ask(&request).status, 400);
}

// covers: R9112-9.3.2-01, R6455-4.2.2-14, R6455-4.2.2-15/S, D-11
#[test]
fn pipelined_requests_and_frames_behind_them_are_answered_in_order() {
    let server = Server::start(&[]);
    let mut http = server.http();
    let hello = json!({"type": "hello", "id": 1, "name": "ada"}).to_string();
    let mut bytes = b"GET /app.css HTTP/1.1\r\nHost: h\r\n\r\n".repeat(2);
    bytes.extend(UPGRADE.bytes());
    bytes.extend(masked_frame(1, hello.as_bytes()));
    http.write(bytes);
    assert_eq!(http.response().status, 200);
    assert_eq!(http.response().status, 200);
    assert_eq!(http.response().status, 101);
    let mut ws = Ws::upgraded(http);
    assert_eq!(ws.next()["type"], "welcome");
    let done = ws.next();
    assert_eq!((&done["type"], &done["re"]), (&json!("done"), &json!(1)));
}

// covers: R9112-9.6-01, D-11
#[test]
fn frames_behind_a_refused_handshake_are_nothing() {
    let server = Server::start(&[]);
    let mut http = server.http();
    http.write(upgrade(&["Origin: https://evil.example"]));
    http.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(http.response().status, 403);
    assert_eq!(http.rest(), b"");
}

// covers: R9110-5.3-01
#[test]
fn request_may_arrive_byte_by_byte() {
    let server = Server::start(&[]);
    let mut http = server.http();
    for byte in UPGRADE.bytes() {
        http.write([byte]);
    }
    assert_eq!(http.response().status, 101);
    assert_eq!(Ws::upgraded(http).next()["type"], "welcome");
}

// covers: R9112-8-01, D-18
#[test]
fn head_that_stalls_is_given_up() {
    let server = Server::start(&[]);
    let began_at = support::now();
    let mut silent = server.http();
    let mut stalled = server.http();
    stalled.write("GET / HTTP/1.1\r\nHost: ");
    assert_eq!(stalled.response().status, 408);
    assert_eq!(stalled.rest(), b"");
    // Who asked nothing is told nothing.
    assert_eq!(silent.rest(), b"");
    let elapsed = began_at.elapsed().as_secs();
    assert!((9..15).contains(&elapsed), "{elapsed}");
}

#[test]
fn old_clients_and_those_that_close_get_one_answer() {
    let server = Server::start(&[]);
    for request in [
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    ] {
        let mut http = server.http();
        let response = http.ask(request);
        assert_eq!(response.status, 200);
        assert_eq!(response.header("Connection"), Some("close"));
        assert_eq!(http.rest(), b"");
    }
    // Whoever has said everything still hears the answer.
    let (mut stream, _) = server.http().into_parts();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(Http::over(stream).response().status, 200);
}

// covers: R9112-9.6-02, R9112-9.3-01
#[test]
fn refusal_reaches_a_client_that_still_writes() {
    let server = Server::start(&[]);
    let body = vec![b'x'; 1 << 20];
    for target in ["/", "/api/v1/unknown", "/ws"] {
        let mut http = server.http();
        http.write(format!(
            "POST {target} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
            body.len()
        ));
        http.write(&body);
        assert_eq!(http.response().status, 405, "{target}");
        assert_eq!(http.rest(), b"");
    }
}

#[test]
fn full_server_still_tells_how_it_is() {
    let server = Server::start(&["--max-connections", "1"]);
    let _member = server.member("ada");
    assert_eq!(server.http().get("/").status, 503);
    assert_eq!(server.admin("/healthz").status, 200);
    assert_eq!(server.admin("/metrics").status, 200);
}

#[test]
fn health_and_metrics_are_on_a_listener_of_their_own() {
    let server = Server::start(&[]);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.admin(path).status, 200, "{path}");
        assert_eq!(server.http().get(path).status, 404, "{path}");
    }
    assert_eq!(server.http().get("/metrics").status, 404);
    assert_eq!(server.admin("/").status, 404);
    assert_eq!(server.admin("/ws").status, 404);
    let mut ws = server.member("ada");
    ws.say("lobby", "hello");
    // Workers publish what they counted at the end of a turn.
    let delivered = || server.metric("chinwag_messages_delivered_total") == 1.0;
    support::wait_until("the message is counted", delivered);
    let text = server.admin("/metrics").text();
    for name in [
        "chinwag_connections{transport=\"websocket\"} 1",
        "chinwag_connections{transport=\"line\"} 0",
        "chinwag_accepted_total ",
        "chinwag_accept_pauses_total 0",
        "chinwag_messages_received_total ",
        "chinwag_messages_delivered_total 1",
        "chinwag_bytes_received_total ",
        "chinwag_bytes_sent_total ",
        "chinwag_send_queue_bytes 0",
        "chinwag_slow_reader_disconnects_total 0",
        "chinwag_commit_seconds_count ",
        "chinwag_delivery_seconds_count 1",
        "chinwag_build_info{version=",
        "process_cpu_seconds_total ",
        "process_open_fds ",
    ] {
        let is_there = text.lines().any(|line| line.starts_with(name));
        assert!(is_there, "no {name} in {text}");
    }
    assert!(!text.contains("ada") && !text.contains("lobby") && !text.contains("127.0.0.1"));
    ws.write(&masked_frame(8, &1000_u16.to_be_bytes()));
    assert_eq!(ws.closed(), 1000);
    let disconnects = "chinwag_disconnects_total{code=\"1000\"}";
    support::wait_until("the end is counted", || server.metric(disconnects) == 1.0);
    // A peer may choose among two thousand codes; they share one line.
    for code in [3000_u16, 3001, 4999] {
        let mut ws = server.ws();
        ws.write(&masked_frame(8, &code.to_be_bytes()));
        assert_eq!(ws.closed(), code);
    }
    let private = "chinwag_disconnects_total{code=\"3000\"}";
    support::wait_until("the ends are counted", || server.metric(private) == 3.0);
}
