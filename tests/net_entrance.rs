//! What happens before there is a connection: PROXY headers, and who may send them.
#![cfg(feature = "server")]

mod net_support;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use chinwag::net::{Config, ListenAddress, Listener, ProxyHeaderError, TrustedPeers, TurnedAway};
use net_support::{Log, Mail, PATIENCE, Server, config, serve, serve_listeners};

/// Serves proxies in these networks.
fn serve_proxies(networks: &[&str], more: &[ListenAddress]) -> Server {
    let bind = |address: &ListenAddress| Listener::bind(address).expect("a free address");
    let tcp = bind(&"127.0.0.1:0".parse().expect("an address")).with_proxy_header();
    let ListenAddress::Tcp(address) = *tcp.address() else {
        unreachable!("it is TCP")
    };
    let mut listeners = vec![tcp];
    listeners.extend(more.iter().map(|it| bind(it).with_proxy_header()));
    let trusted = TrustedPeers::parse(networks.iter().copied()).expect("networks");
    let config = Config {
        trusted: Arc::new(trusted),
        ..config()
    };
    serve_listeners(&config, 1, usize::MAX, address, listeners)
}

/// A header of version 2 for a TCP client at 203.0.113.7:56324, with something behind the addresses.
fn binary_header() -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10".to_vec();
    header.extend([203, 0, 113, 7, 192, 0, 2, 1, 0xdc, 0x04, 0x01, 0xbb]);
    header.extend([0x04, 0, 1, 0]);
    header
}

#[test]
fn connection_is_that_of_the_client_the_proxy_names() {
    let server = serve_proxies(&["127.0.0.0/8"], &[]);
    let line = b"PROXY TCP6 2001:db8::7 ::1 56324 443\r\n".to_vec();
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".to_vec();
    for (header, expected) in [
        (line, Some("[2001:db8::7]:56324")),
        (binary_header(), Some("203.0.113.7:56324")),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (local, None),
    ] {
        let mut client = server.connect();
        let own: SocketAddr = client.stream.local_addr().expect("an address");
        let own = own.to_string();
        client.stream.write_all(&header).expect("it is taken");
        client.send("peer\n");
        assert_eq!(client.line(), expected.unwrap_or(&own));
    }
    server.stop();
}

#[test]
fn header_may_come_in_any_parts_and_what_follows_is_for_the_session() {
    let server = serve_proxies(&["127.0.0.1"], &[]);
    let whole = [&binary_header()[..], b"peer\necho on\n"].concat();
    for cut in 0..whole.len() {
        let mut client = server.connect();
        let (first, second) = whole.split_at(cut);
        client.stream.write_all(first).expect("it is taken");
        // A turn of the worker between both parts.
        server.turn_count();
        client.stream.write_all(second).expect("it is taken");
        let lines = [client.line(), client.line()];
        assert_eq!(lines, ["203.0.113.7:56324", "on"], "cut at {cut}");
    }
    let mut client = server.connect();
    for byte in &whole {
        client.stream.write_all(&[*byte]).expect("it is taken");
    }
    assert_eq!(client.line(), "203.0.113.7:56324");
    server.stop();
}

#[test]
fn who_is_no_trusted_proxy_is_turned_away_without_a_word() {
    let server = serve_proxies(&["10.0.0.0/8"], &[]);
    let mut client = server.connect();
    assert_eq!(server.turned_away(), TurnedAway::UntrustedPeer);
    assert_eq!(client.stream.read(&mut [0; 8]).unwrap_or(0), 0);
    let logs = server.stop();
    assert!(!logs.iter().any(|log| matches!(log, Log::Opened(_))));
}

#[test]
fn what_is_no_header_is_turned_away_at_once() {
    let server = serve_proxies(&["127.0.0.1"], &[]);
    for (bytes, error) in [
        (&b"GET / HTTP/1.1\r\n"[..], ProxyHeaderError::Missing),
        (b"PROXY TCP4 nonsense\r\n", ProxyHeaderError::BadLine),
    ] {
        let mut client = server.connect();
        client.stream.write_all(bytes).expect("it is taken");
        assert_eq!(server.turned_away(), TurnedAway::BadHeader(error));
        assert_eq!(client.stream.read(&mut [0; 8]).unwrap_or(0), 0);
    }
    // A proxy that tries whether somebody listens is no offence.
    drop(server.connect());
    assert_eq!(server.turned_away(), TurnedAway::Gone);
    server.wait_until(|totals| totals.sockets == 0);
    server.stop();
}

#[test]
fn header_that_does_not_come_is_not_waited_for_long() {
    let server = serve_proxies(&["127.0.0.1"], &[]);
    let mut silent = server.connect();
    let mut slow = server.connect();
    slow.send("PROXY TCP4 ");
    server.wait_until(|totals| totals.sockets == 2);
    for client in [&mut silent, &mut slow] {
        assert_eq!(server.turned_away(), TurnedAway::HeaderTimeout);
        assert_eq!(client.stream.read(&mut [0; 8]).unwrap_or(0), 0);
    }
    server.wait_until(|totals| totals.sockets == 0);
    server.stop();
}

#[test]
fn proxy_on_a_unix_socket_takes_leave_of_its_own() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    for (networks, is_in) in [(&["unix"][..], true), (&["127.0.0.1"], false)] {
        let server = serve_proxies(networks, &[ListenAddress::Unix(path.clone())]);
        let mut stream = UnixStream::connect(&path).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut answer = Vec::new();
        // Whoever is turned away may not get to say so much.
        let _ = stream.write_all(&[&binary_header()[..], b"peer\nclose bye\n"].concat());
        let _ = stream.read_to_end(&mut answer);
        let expected = if is_in {
            "203.0.113.7:56324\nbye\n"
        } else {
            ""
        };
        assert_eq!(String::from_utf8_lossy(&answer), expected);
        server.stop();
    }
}

#[test]
fn worker_stops_although_somebody_waits_at_the_entrance() {
    let server = serve_proxies(&["127.0.0.1"], &[]);
    let mut client = server.connect();
    server.wait_until(|totals| totals.sockets == 1);
    server.stop();
    assert_eq!(client.stream.read(&mut [0; 8]).unwrap_or(0), 0);
}

#[test]
fn worker_that_looks_before_it_sleeps_misses_nothing() {
    let server = serve(&Config {
        busy_poll: std::time::Duration::from_millis(2),
        ..config()
    });
    let mut client = server.connect();
    for i in 0..200 {
        client.send(&format!("echo {i}\n"));
        assert_eq!(client.line(), i.to_string());
    }
    client.send("expire 20\n");
    assert_eq!(client.line(), "expired");
    server.stop();
}

#[test]
fn closed_listener_leaves_its_queue_to_others_who_have_it() {
    let address = "127.0.0.1:0".parse().expect("an address");
    let listener = Listener::bind(&address).expect("a free address");
    let successors = listener.try_clone().expect("a descriptor");
    let ListenAddress::Tcp(address) = *listener.address() else {
        unreachable!("it is TCP")
    };
    let server = serve_listeners(&config(), 1, usize::MAX, address, vec![listener]);
    let mut old = server.connect();
    old.send("echo old\n");
    assert_eq!(old.line(), "old");
    server.tell(Mail::StopAcceptingFrom(0));
    server.turn_count();
    // Nobody takes it yet, and it is not refused.
    let mut new = server.connect();
    new.send("echo new\n");
    let successor = serve_listeners(&config(), 1, usize::MAX, address, vec![successors]);
    assert_eq!(new.line(), "new");
    old.send("echo still here\n");
    assert_eq!(old.line(), "still here");
    drop((old, new));
    server.stop();
    successor.stop();
}
