//! Clients behind proxies: what these are asked, and what becomes of their answers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client_support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use chinwag::websocket::blocking::{
    ClientTls, ConnectError, Connector, Proxies, ProxyError, TlsStream,
};
use client_support::{
    Authority, Stub, check_echo, closed_port, connect_error, echo_server, impatient, read_head,
    relay, request,
};

/// A proxy that opens one tunnel to `server`, whatever it is asked for; it returns the question.
fn http_proxy(server: SocketAddr) -> Stub<String> {
    Stub::start(1, move |mut client| {
        let head = read_head(&mut client);
        client.write_all(b"HTTP/1.1 200 Yes\r\n\r\n").unwrap();
        relay(client, TcpStream::connect(server).unwrap());
        head
    })
}

/// A proxy that says these bytes, each in answer to so many; it returns what it was told.
fn socks_proxy(
    turns: Vec<(usize, &'static [u8])>,
    server: Option<SocketAddr>,
) -> Stub<Vec<Vec<u8>>> {
    Stub::start(1, move |mut client| {
        let told = turns.iter().map(|(len, answer)| {
            let mut told = vec![0; *len];
            client.read_exact(&mut told).unwrap();
            client.write_all(answer).unwrap();
            told
        });
        let told = told.collect();
        if let Some(server) = server {
            relay(client, TcpStream::connect(server).unwrap());
        }
        told
    })
}

fn by<T: Send + 'static>(scheme: &str, proxy: &Stub<T>) -> Connector {
    let proxy = format!("{scheme}{}", proxy.address).parse().unwrap();
    Connector::new().with_proxies(Proxies::all(proxy))
}

// covers: R6455-4.1-04
#[test]
fn an_http_proxy_is_asked_to_connect_to_the_server_by_its_name() {
    let server = echo_server(1);
    let proxy = http_proxy(server.address);
    // A name that this machine can't resolve: the proxy does.
    let uri = "ws://chat.example/room";
    let connected = check_echo(&by("http://ada:secret@", &proxy), uri);
    drop(connected);
    assert_eq!(
        proxy.result(),
        "CONNECT chat.example:80 HTTP/1.1\r\nHost: chat.example:80\r\n\
         Proxy-Authorization: Basic YWRhOnNlY3JldA==\r\n\r\n"
    );
    server.result();
}

// covers: R6455-4.1-04, R6455-4.1-08
#[test]
fn tls_runs_inside_a_tunnel() {
    let authority = Authority::new();
    let config = authority.server_config(false);
    let server = Stub::start(1, move |stream| {
        let connection = rustls::ServerConnection::new(config.clone()).unwrap();
        let stream = TlsStream::server(connection, stream);
        let acceptor = chinwag::websocket::blocking::Acceptor::new();
        let accept = chinwag::websocket::blocking::same_origin;
        client_support::echo(acceptor.accept(stream, accept).unwrap());
    });
    let proxy = http_proxy(server.address);
    let tls = ClientTls::with_roots(authority.pem.as_bytes()).unwrap();
    let connector = by("", &proxy).with_tls(tls);
    drop(check_echo(&connector, "wss://localhost/"));
    assert!(
        proxy
            .result()
            .starts_with("CONNECT localhost:443 HTTP/1.1\r\n")
    );
    server.result();
}

// covers: R6455-4.1-07
#[test]
fn a_proxy_that_refuses_fails_the_attempt() {
    for (answer, expected) in [
        (
            "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\n\r\n",
            ProxyError::Refused { status: 407 },
        ),
        (
            "HTTP/1.1 502 No\r\n\r\n",
            ProxyError::Refused { status: 502 },
        ),
        ("SSH-2.0-x\r\n", ProxyError::BadHead),
        ("HTTP/1.1 200 Yes\r\n", ProxyError::Truncated),
    ] {
        let proxy = client_support::answering(1, answer.to_owned());
        let error = connect_error(&by("", &proxy), "ws://chat.example/");
        assert_eq!(error, ConnectError::Proxy(expected));
        proxy.result();
    }
    let proxy = closed_port().to_string().parse().unwrap();
    let connector = Connector::new().with_proxies(Proxies::all(proxy));
    let error = connect_error(&connector, "ws://chat.example/");
    assert!(matches!(error, ConnectError::Unreachable(_)), "{error:?}");
}

#[test]
fn a_proxy_that_does_not_answer_is_given_up() {
    let proxy = Stub::start(1, |mut stream| {
        read_head(&mut stream);
        stream.read(&mut [0]).unwrap()
    });
    let address = proxy.address.to_string().parse().unwrap();
    let connector = impatient().with_proxies(Proxies::all(address));
    let error = connect_error(&connector, "ws://chat.example/");
    assert_eq!(error, ConnectError::TimedOut);
    assert_eq!(proxy.result(), 0);
}

#[test]
fn a_socks_proxy_is_asked_with_user_and_password() {
    let server = echo_server(1);
    let turns: Vec<(usize, &[u8])> = vec![
        (4, b"\x05\x02"),
        (12, b"\x01\x00"),
        (19, b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"),
    ];
    let proxy = socks_proxy(turns, Some(server.address));
    let connector = by("socks5://ada:secret@", &proxy);
    drop(check_echo(&connector, "ws://chat.example/"));
    let told = proxy.result();
    assert_eq!(told[0], b"\x05\x02\x00\x02");
    assert_eq!(told[1], b"\x01\x03ada\x06secret");
    assert_eq!(told[2], b"\x05\x01\x00\x03\x0cchat.example\x00\x50");
    server.result();
}

#[test]
fn a_socks_proxy_that_refuses_fails_the_attempt() {
    for (turns, expected) in [
        (
            vec![(3, &b"\x04\x00"[..])],
            ProxyError::UnsupportedSocksVersion { version: 4 },
        ),
        (vec![(3, b"\x05\xff")], ProxyError::NoAcceptableMethod),
        (vec![(3, b"\x05")], ProxyError::Truncated),
        (
            vec![(3, b"\x05\x00"), (19, b"\x05\x05")],
            ProxyError::SocksRefused { reply: 5 },
        ),
    ] {
        let proxy = socks_proxy(turns, None);
        let error = connect_error(&by("socks5h://", &proxy), "ws://chat.example/");
        assert_eq!(error, ConnectError::Proxy(expected));
        proxy.result();
    }
}

#[test]
fn exceptions_are_dialled_directly() {
    let server = echo_server(1);
    let nobody = closed_port().to_string().parse().unwrap();
    let proxies = Proxies::all(nobody).except("127.0.0.0/8");
    let connector = Connector::new().with_proxies(proxies);
    drop(check_echo(&connector, &server.uri()));
    server.result();
}

// covers: R6455-4.1-03
#[test]
fn a_hundred_attempts_through_a_proxy_wait_for_each_other() {
    const COUNT: usize = 100;
    let proxy = Stub::start(COUNT, |mut client| {
        read_head(&mut client);
        client.write_all(b"HTTP/1.1 503 Later\r\n\r\n").unwrap();
    });
    let connector = by("", &proxy);
    std::thread::scope(|scope| {
        for number in 0..COUNT {
            let request = request(&format!("ws://host-{number}.example/"));
            let connector = &connector;
            scope.spawn(move || {
                let error = connector.connect(&request).unwrap_err();
                assert_eq!(
                    error,
                    ConnectError::Proxy(ProxyError::Refused { status: 503 })
                );
            });
        }
    });
    assert_eq!(proxy.results().len(), COUNT);
}
