//! What the RFCs ask of a server's sockets: who ends the stream, when, and what is heard before.
#![cfg(feature = "server")]

mod support;

use std::io::{Read as _, Write as _};
use std::time::Duration;

use support::{Http, Server, UPGRADE, Ws, masked_frame, now, wait_until};

/// The upgrade with more header lines, and with one replaced.
fn upgrade(from: &str, to: &str, more: &str) -> String {
    assert!(UPGRADE.contains(from));
    let request = UPGRADE.replace(from, to);
    request.replace("\r\n\r\n", &format!("\r\n{more}\r\n"))
}

// covers: R6455-4.2.2-06
#[test]
fn handshake_for_an_unknown_resource_is_not_found() {
    let server = Server::start(&[]);
    for target in ["/nope", "/ws/", "/WS", "/ws%20"] {
        let request = upgrade("/ws", target, "");
        assert_eq!(server.http().ask(&request).status, 404, "{target}");
    }
    // The query is not part of the path.
    assert_eq!(
        server.http().ask(&upgrade("/ws", "/ws?a=b", "")).status,
        101
    );
}

// covers: R6455-4.2.2-09, R6455-9-01
#[test]
fn extensions_that_nobody_knows_are_not_answered() {
    let server = Server::start(&[]);
    for offer in [
        "",
        "foo",
        "foo; a=b, bar",
        "x-webkit-deflate-frame",
        "permessage-bzip2",
    ] {
        let header = format!("Sec-WebSocket-Extensions: {offer}\r\n");
        let more = if offer.is_empty() { "" } else { &*header };
        let response = server.http().ask(&upgrade("/ws", "/ws", more));
        assert_eq!(response.status, 101);
        assert_eq!(response.header("Sec-WebSocket-Extensions"), None, "{offer}");
    }
}

// covers: R7692-8-01/S
#[test]
fn chat_compresses_nothing_so_that_no_secret_stands_beside_the_text_of_others() {
    let server = Server::start(&[]);
    for offer in [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
    ] {
        let header = format!("Sec-WebSocket-Extensions: {offer}\r\n");
        let response = server.http().ask(&upgrade("/ws", "/ws", &header));
        assert_eq!(response.status, 101);
        assert_eq!(response.header("Sec-WebSocket-Extensions"), None, "{offer}");
    }
}

// covers: R9110-7.6.1-01
#[test]
fn naming_headers_in_connection_does_not_take_them_away() {
    let server = Server::start(&[]);
    for options in [
        "Upgrade, Origin",
        "upgrade, origin, host, sec-websocket-key",
    ] {
        let connection = format!("Connection: {options}");
        let request = upgrade(
            "Connection: Upgrade",
            &connection,
            "Origin: https://evil.example\r\n",
        );
        assert_eq!(server.http().ask(&request).status, 403, "{options}");
        let request = upgrade("Connection: Upgrade", &connection, "");
        assert_eq!(server.http().ask(&request).status, 101, "{options}");
    }
}

// covers: R6455-10.1-01
#[test]
fn origin_that_is_allowed_gives_no_rights() {
    let server = Server::start(&[]);
    let own = format!("Host: {}\r\nOrigin: http://{0}", server.web());
    let request = UPGRADE.replace("Host: localhost", &own);
    let mut http = server.http();
    assert_eq!(http.ask(&request).status, 101);
    let mut ws = Ws::upgraded(http);
    assert_eq!(ws.next()["type"], "welcome");
    let message = serde_json::json!({"type": "send", "room": "lobby", "body": "I am of here"});
    assert_eq!(ws.refused(message), "not_authenticated");
}

// covers: R9110-5.3-01
#[test]
fn nothing_is_answered_before_the_head_is_complete() {
    let server = Server::start(&[]);
    let (mut stream, _) = server.http().into_parts();
    let (head, end) = UPGRADE.as_bytes().split_at(UPGRADE.len() - 1);
    stream.write_all(head).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let early = stream.read(&mut [0; 64]);
    assert!(early.is_err(), "{early:?}");
    stream.write_all(end).unwrap();
    assert_eq!(Http::over(stream).response().status, 101);
}

// covers: R6455-5.5.1-09/S, R6455-5.5.1-10, R6455-5.5.1-07/S, D-02
#[test]
fn server_ends_the_stream_right_behind_the_second_close() {
    let server = Server::start(&[]);
    let mut ws = server.ws();
    let began_at = now();
    ws.write(&masked_frame(8, &4001_u16.to_be_bytes()));
    assert_eq!(ws.closed(), 4001);
    // Far below every timeout of the server; 100 ms would be a measure of the machine.
    let elapsed = began_at.elapsed();
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
}

// covers: R6455-7.1.1-03
#[test]
fn time_wait_stays_with_the_server() {
    let server = Server::start(&[]);
    let web = server.web();
    let mut ports = Vec::new();
    for _ in 0..20 {
        let mut ws = server.ws();
        ports.push(ws.stream().local_addr().unwrap().port());
        ws.write(&masked_frame(8, &1000_u16.to_be_bytes()));
        assert_eq!(ws.closed(), 1000);
    }
    // Lines of the table: number, local and remote address in hex, state; 06 is TIME_WAIT.
    wait_until("all of them are in TIME_WAIT", || {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let waiting: Vec<(u16, u16)> = table
            .lines()
            .filter_map(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                let port = |field: &str| u16::from_str_radix(field.split_once(':')?.1, 16).ok();
                (fields[3] == "06").then_some((port(fields[1])?, port(fields[2])?))
            })
            .collect();
        let at_client = |port: &u16| waiting.contains(&(*port, web.port()));
        assert!(!ports.iter().any(at_client), "a client waits");
        ports
            .iter()
            .all(|port| waiting.contains(&(web.port(), *port)))
    });
}

// covers: R6455-7.1.5-01/S, R6455-7.1.4-01/S, D-19
#[test]
fn ends_are_counted_under_the_code_that_the_peer_gave() {
    let server = Server::start(&[]);
    let ended = |code: u16| server.metric(&format!("chinwag_disconnects_total{{code=\"{code}\"}}"));
    let mut ws = server.ws();
    ws.write(
        &[
            masked_frame(8, &1001_u16.to_be_bytes()),
            masked_frame(8, &[]),
        ]
        .concat(),
    );
    assert_eq!(ws.closed(), 1001);
    wait_until("the first Close counts", || ended(1001) == 1.0);
    let mut ws = server.ws();
    ws.write(&masked_frame(8, &[]));
    assert_eq!(ws.closed(), 0);
    wait_until("an empty one is 1005", || ended(1005) == 1.0);
    for bytes in [
        &[][..],
        &[0x81, 0x85, 0, 0, 0, 0, b'h'],
        &[0x88, 0x82, 0, 0, 0],
    ] {
        let mut ws = server.ws();
        ws.write(bytes);
    }
    wait_until("none is 1006", || ended(1006) == 3.0);
}

// covers: R6455-5.5.3-02/S, D-18
#[test]
fn pings_to_a_server_that_is_not_read_from_are_all_answered_in_bounded_memory() {
    let server = Server::start(&[]);
    let ws = server.ws();
    let mut writer = ws.stream().try_clone().unwrap();
    let mut reader = ws.stream().try_clone().unwrap();
    const COUNT: u32 = 10_000;
    let thread = std::thread::spawn(move || {
        for number in 0..COUNT {
            let mut payload = [0; 125];
            payload[..4].copy_from_slice(&number.to_be_bytes());
            writer.write_all(&masked_frame(9, &payload)).unwrap();
        }
    });
    // All of them are in before the first Pong is looked at.
    thread.join().unwrap();
    let queued = server.metric("chinwag_send_queue_bytes");
    assert!(queued <= 4.0 * 1024.0 * 1024.0, "{queued}");
    let mut pong = [0; 127];
    for number in 0..COUNT {
        reader.read_exact(&mut pong).unwrap();
        assert_eq!(pong[..2], [0x8a, 125]);
        assert_eq!(pong[2..6], number.to_be_bytes());
    }
}

// covers: R6455-7.1.7-03
#[test]
fn failure_is_logged_in_one_line_without_words_of_the_peer() {
    let mut server = Server::start_with(&[], &[("RUST_LOG", "chinwag=debug"), ("NO_COLOR", "1")]);
    let mut ws = server.ws();
    ws.write(&masked_frame(1, b"evil \x1b[31m\xff"));
    assert_eq!(ws.closed(), 1007);
    server.terminate();
    let said = server.said_until_the_end();
    let lines: Vec<&String> = said
        .iter()
        .filter(|line| line.contains("broke the protocol"))
        .collect();
    assert_eq!(lines.len(), 1, "{said:?}");
    assert!(lines[0].contains("error=text is not UTF-8"), "{}", lines[0]);
    assert!(
        said.iter()
            .all(|line| !line.contains("evil") && !line.contains('\x1b'))
    );
}

// covers: R6455-6.1-06/S
#[test]
fn frames_reach_a_reader_that_takes_them_in_small_bites() {
    let server = Server::start_unlimited(&[]);
    let mut ada = server.member("ada");
    let reader = server.member("bob");
    let body = "x".repeat(7_000);
    for _ in 0..100 {
        ada.say("lobby", &body);
    }
    ada.say("lobby", "the last");
    // Bytes leave as the window opens: the socket's buffers are full again and again.
    let mut stream = reader.stream().try_clone().unwrap();
    let mut received = Vec::new();
    let mut bite = [0; 999];
    while !received.ends_with(b"\"body\":\"the last\"}") {
        let len = stream.read(&mut bite).unwrap();
        assert!(len > 0, "the connection ends");
        received.extend_from_slice(&bite[..len]);
    }
    let text = String::from_utf8_lossy(&received);
    assert_eq!(text.matches(&body).count(), 100);
}

// covers: R6455-7.1.7-02, D-01
#[test]
fn stream_of_a_failed_connection_ends_though_its_peer_does_not() {
    let server = Server::start(&[]);
    let mut ws: Ws = server.ws();
    ws.write(b"\x81\x02hi");
    assert_eq!(ws.closed(), 1002);
}
