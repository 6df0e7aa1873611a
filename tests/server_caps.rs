//! Whatever a hostile client does, what it makes the server hold stays below the limits.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod support;

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::json;
use socket2::{Domain, Socket, Type};
use support::{Http, Line, Server, UPGRADE, descriptor_count, masked_frame, wait_until};

/// The soft limit of an outbox, and what one read may add to it.
const MOST_QUEUED: f64 = 2.0 * 1_048_576.0;

/// A client whose system takes little.
fn narrow(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // Set before connecting, so that the window never grows beyond it.
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    socket.connect(&address.into()).unwrap();
    TcpStream::from(socket)
}

/// Writes the same again and again without reading, until the server takes no more.
fn write_until_stuck(stream: &mut TcpStream, bytes: &[u8]) {
    stream
        .set_write_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    while stream.write_all(bytes).is_ok() {}
}

fn queued(server: &Server) -> f64 {
    server.metric("chinwag_send_queue_bytes")
}

#[test]
fn flood_of_pings_whose_answers_are_not_read_is_read_no_further() {
    let server = Server::start(&[]);
    let mut stream = narrow(server.web());
    stream.write_all(UPGRADE.as_bytes()).unwrap();
    let pings = masked_frame(0x89, &[b'x'; 125]).repeat(500);
    write_until_stuck(&mut stream, &pings);
    let held = queued(&server);
    assert!((1e5..MOST_QUEUED).contains(&held), "{held} bytes");
    // Nor does it stay for ever.
    wait_until("it is cut off", || {
        server.metric("chinwag_slow_reader_disconnects_total") == 1.0
    });
    assert_eq!(server.member("ada").say("lobby", "hello"), 1);
}

#[test]
fn pipelined_requests_whose_answers_are_not_read_are_answered_no_further() {
    let server = Server::start(&[]);
    let mut stream = narrow(server.web());
    let requests = b"GET /app.css HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(500);
    write_until_stuck(&mut stream, &requests);
    let held = queued(&server);
    assert!(held < 128.0 * 1024.0, "{held} bytes");
    wait_until("it is gone", || queued(&server) == 0.0);
}

#[test]
fn head_of_a_request_has_an_end() {
    let server = Server::start(&[]);
    let mut http = server.http();
    http.write("GET / HTTP/1.1\r\n");
    http.write("X: y\r\n".repeat(3_000));
    assert_eq!(http.response().status, 431);
    let mut http = server.http();
    http.write(format!("GET /{} ", "x".repeat(9_000)));
    assert_eq!(http.response().status, 414);
}

#[test]
fn terminal_that_types_more_than_is_carried_out_is_sent_away() {
    let server = Server::start(&[]);
    let mut line = Line::connect(server.lines());
    // 10 a second are carried out.
    line.write("hello\n".repeat(20_000));
    line.wait_for("! that is too much at once");
    line.rest();
    // A line without an end is dropped as it comes.
    let mut line = server.line();
    for _ in 0..100 {
        line.write("x".repeat(10_000));
    }
    line.say("");
    line.wait_for("! this line is too long");
    line.ask("--who:", "* in lobby: ");
}

#[test]
fn terminal_that_does_not_read_is_answered_no_further() {
    // The lines wait for their turns, or where nothing is limited, until answers are read.
    for server in [Server::start(&[]), Server::start_unlimited(&[])] {
        let mut line = Line::over(narrow(server.lines()));
        line.wait_for("* in lobby: ");
        // Each has an answer of a hundred times its length.
        line.write(b"/help\n".repeat(40_000));
        wait_until("it is sent away", || {
            server.metric("chinwag_connections{transport=\"line\"}") == 0.0
        });
        let answers_len = line.rest().len();
        assert!((100_000..2 << 20).contains(&answers_len), "{answers_len}");
    }
}

#[test]
fn requests_that_wait_for_their_answers_to_be_read_are_counted() {
    let server = Server::start_unlimited(&[]);
    let mut ada = server.member("ada");
    // In one write, so that they are read before the first of them can be answered.
    let history = |id| json!({"type": "history", "room": "lobby", "id": id}).to_string();
    let requests: Vec<_> = (1_000..1_400)
        .flat_map(|id| masked_frame(0x81, history(id).as_bytes()))
        .collect();
    ada.write(&requests);
    let answers: Vec<_> = (1_000..1_400).map(|id| ada.answer(id)).collect();
    let busy = answers.iter().filter(|it| it["code"] == "busy").count();
    let done = answers.iter().filter(|it| it["type"] == "done").count();
    assert_eq!(busy + done, 400);
    assert!(done >= 256 && busy > 0, "{done} done, {busy} busy");
}

#[test]
fn message_is_too_big_as_soon_as_it_says_so() {
    let server = Server::start(&[]);
    let mut ws = server.guest("ada");
    let mut frame = masked_frame(0x81, &vec![b'x'; 128 * 1024 + 1]);
    // The header alone.
    frame.truncate(14);
    ws.write(&frame);
    assert_eq!(ws.closed(), 1009);
    // In pieces, each of which is small enough.
    let mut ws = server.guest("bob");
    for opcode in [0x01, 0x00, 0x00] {
        let mut fragment = masked_frame(opcode, &[b'x'; 60_000]);
        // More of them follow.
        fragment[0] &= 0x7f;
        ws.write(&fragment);
    }
    assert_eq!(ws.closed(), 1009);
}

#[test]
fn refused_newcomers_do_not_pile_up() {
    let server = Server::start(&["--max-connections", "8"]);
    let before = descriptor_count(server.process_id());
    let held: Vec<_> = (0..8)
        .map(|i| server.guest(&format!("guest {i}")))
        .collect();
    // They stay connected, and say nothing.
    let refused: Vec<_> = (0..300).map(|_| server.http()).collect();
    wait_until("all of them are counted", || {
        server.metric("chinwag_refused_total{reason=\"full\"}") == 300.0
    });
    wait_until("their descriptors are back", || {
        descriptor_count(server.process_id()) <= before + held.len()
    });
    drop((held, refused));
    wait_until("there is room again", || {
        Http::connect(server.web()).ask(UPGRADE).status == 101
    });
}
