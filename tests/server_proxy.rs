//! Clients that come through a proxy are known by their own addresses, and nobody can borrow one.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod support;

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};

use support::{Http, Line, Server, UPGRADE, run, wait_until};

/// Asks for a WebSocket on behalf of somebody.
fn upgrade_for(server: &Server, forwarded: &str) -> (Http, u16) {
    let mut http = server.http();
    let header = format!("\r\nX-Forwarded-For: {forwarded}\r\n\r\n");
    let status = http.ask(&UPGRADE.replace("\r\n\r\n", &header)).status;
    (http, status)
}

/// A connection that begins with a PROXY header.
fn proxied(address: SocketAddr, client: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let header = format!("PROXY TCP4 {client} 192.0.2.1 56324 443\r\n");
    stream.write_all(header.as_bytes()).unwrap();
    stream
}

fn refused(server: &Server, reason: &str) -> f64 {
    server.metric(&format!("chinwag_refused_total{{reason=\"{reason}\"}}"))
}

#[test]
fn limit_of_an_address_holds_for_clients_of_a_trusted_proxy() {
    let server = Server::start(&[
        "--trusted-proxy",
        "127.0.0.0/8",
        "--max-connections-per-ip",
        "2",
    ]);
    let first = upgrade_for(&server, "203.0.113.7");
    let second = upgrade_for(&server, "198.51.100.1, 203.0.113.7");
    assert_eq!((first.1, second.1), (101, 101));
    // What a client puts in front of its address makes it no other.
    for forged in ["203.0.113.7", "198.51.100.2, 203.0.113.7"] {
        assert_eq!(upgrade_for(&server, forged).1, 503);
    }
    assert_eq!(refused(&server, "address"), 2.0);
    let other = upgrade_for(&server, "203.0.113.8");
    assert_eq!(other.1, 101);
    drop(first);
    wait_until("there is room for the first address again", || {
        upgrade_for(&server, "203.0.113.7").1 == 101
    });
}

#[test]
fn connection_of_a_proxy_may_serve_many_clients() {
    let server = Server::start(&[
        "--trusted-proxy",
        "127.0.0.0/8",
        "--max-connections-per-ip",
        "1",
    ]);
    let mut http = server.http();
    for client in ["203.0.113.7", "203.0.113.8", "203.0.113.7"] {
        let request = format!("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {client}\r\n\r\n");
        assert_eq!(http.ask(&request).status, 200);
    }
    // Requests are not what is limited: none of them is a connection of its client.
    assert_eq!(upgrade_for(&server, "203.0.113.7").1, 101);
}

#[test]
fn who_is_no_trusted_proxy_speaks_for_nobody() {
    let server = Server::start(&[
        "--trusted-proxy",
        "10.0.0.0/8",
        "--max-connections-per-ip",
        "1",
    ]);
    let held: Vec<_> = (0..3)
        .map(|_| upgrade_for(&server, "203.0.113.7"))
        .collect();
    // Loopback is not limited, and that is where they are from.
    assert!(held.iter().all(|(_, status)| *status == 101));
}

#[test]
fn proxy_header_says_whose_connection_it_is_in_every_mode() {
    let server = Server::start(&[
        "--proxy-protocol",
        "--trusted-proxy",
        "127.0.0.1",
        "--max-connections-per-ip",
        "2",
    ]);
    let web = |client: &str| {
        let mut http = Http::over(proxied(server.web(), client));
        let status = http.ask(UPGRADE).status;
        (http, status)
    };
    let first = web("203.0.113.7");
    assert_eq!(first.1, 101);
    let mut line = Line::over(proxied(server.lines(), "203.0.113.7"));
    line.wait_for("* in lobby: ");
    let mut third = Line::over(proxied(server.lines(), "203.0.113.7"));
    assert!(third.rest().starts_with("! "));
    assert_eq!(
        Http::over(proxied(server.web(), "203.0.113.7"))
            .response()
            .status,
        503
    );
    assert_eq!(refused(&server, "address"), 2.0);
    assert_eq!(web("203.0.113.8").1, 101);
}

#[test]
fn port_for_proxies_lets_nobody_in_without_a_header() {
    let server = Server::start(&["--proxy-protocol", "--trusted-proxy", "127.0.0.1"]);
    let mut http = server.http();
    http.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_until("it is counted", || refused(&server, "proxy_header") == 1.0);
    drop(http);
    let server = Server::start(&["--proxy-protocol", "--trusted-proxy", "10.0.0.0/8"]);
    let _stranger = TcpStream::connect(server.web()).unwrap();
    let _other = TcpStream::connect(server.lines()).unwrap();
    wait_until("both are counted", || {
        refused(&server, "untrusted_proxy") == 2.0
    });
}

#[test]
fn proxies_that_make_no_sense_are_refused_at_start() {
    for (flags, named) in [
        (&["--trusted-proxy", "10.0.0.1/8"][..], "10.0.0.0/8"),
        (&["--trusted-proxy", "proxy.example"], "proxy.example"),
        (&["--proxy-protocol"], "trusted_proxies"),
        (&["--busy-poll", "2000000"], "busy_poll"),
    ] {
        let output = run(&[&["check-config"], flags].concat(), &[]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(named) && said.lines().count() == 1, "{said}");
    }
}
