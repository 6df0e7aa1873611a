//! The chat over TLS: pages, WebSockets and terminals, certificates that come and go.
#![cfg(all(feature = "server", feature = "client"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chinwag::websocket::blocking::{ClientStream, ClientTls, ConnectError, Connector, WebSocket};
use chinwag::websocket::handshake::client::ClientRequest;
use chinwag::websocket::{CloseCode, Message};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConnection, StreamOwned};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use support::tls::{self, kept_certificate};
use support::{Http, Server, descriptor_count, prepared, run, wait_until};

const SELF_SIGNED: &[&str] = &[tls::SELF_SIGNED];

/// A connection for bytes of one's own, inside TLS.
type Secure = BufReader<StreamOwned<ClientConnection, TcpStream>>;

fn secure(address: SocketAddr, certificate: &[u8]) -> Secure {
    secure_over(socket(address), certificate)
}

fn secure_over(socket: TcpStream, certificate: &[u8]) -> Secure {
    BufReader::new(tls::secure(socket, certificate))
}

fn socket(address: SocketAddr) -> TcpStream {
    prepared(TcpStream::connect(address).unwrap())
}

/// Asks once and reads up to the end of the connection.
fn get(address: SocketAddr, certificate: &[u8], path: &str) -> String {
    let mut stream = secure(address, certificate);
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.get_mut().write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Connects to the chat with the library's own client.
fn chat(
    address: SocketAddr,
    certificate: &[u8],
    origin: Option<&str>,
) -> Result<WebSocket<ClientStream>, ConnectError> {
    let tls = ClientTls::with_roots(certificate).unwrap();
    let uri = format!("wss://localhost:{}/ws", address.port());
    let mut request = ClientRequest::new(uri.parse().unwrap());
    request = request.subprotocol("chinwag.v1").unwrap();
    if let Some(origin) = origin {
        request = request.origin(origin).unwrap();
    }
    let connected = Connector::new().with_tls(tls).connect(&request)?;
    Ok(connected.web_socket)
}

fn next(chat: &mut WebSocket<ClientStream>, kind: &str) -> Value {
    loop {
        let Some(Message::Text(text)) = chat.read().unwrap() else {
            panic!("the connection ends before {kind}");
        };
        let value: Value = serde_json::from_str(&text).unwrap();
        if value["type"] == kind {
            return value;
        }
    }
}

fn ask(chat: &mut WebSocket<ClientStream>, request: &Value) -> Value {
    chat.send(&Message::text(request.to_string())).unwrap();
    next(chat, "done")
}

fn enter(chat: &mut WebSocket<ClientStream>, name: &str) {
    ask(chat, &json!({"type": "hello", "name": name, "id": 1}));
    ask(chat, &json!({"type": "join", "room": "lobby", "id": 2}));
}

fn wait_for_line(terminal: &mut Secure, begin: &str) -> String {
    loop {
        let mut line = String::new();
        assert!(terminal.read_line(&mut line).unwrap() > 0, "no {begin}");
        if line.starts_with(begin) {
            return line;
        }
    }
}

/// Makes a certificate that is good between those years; returns it and its key.
fn make(years: (i32, i32)) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

const GOOD: (i32, i32) = (2001, 2100);

/// Writes a certificate and its key to files, and returns where they are.
fn write(directory: &Path, (certificate, key): &(String, String)) -> (PathBuf, PathBuf) {
    let (cert_path, key_path) = (directory.join("cert.pem"), directory.join("key.pem"));
    fs::write(&cert_path, certificate).unwrap();
    fs::write(&key_path, key).unwrap();
    (cert_path, key_path)
}

#[test]
fn page_websocket_and_terminal_meet_over_tls() {
    let server = Server::start(SELF_SIGNED);
    let certificate = kept_certificate(&server);
    let page = get(server.web(), &certificate, "/");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    let mut ada = chat(server.web(), &certificate, None).unwrap();
    enter(&mut ada, "ada");
    let mut bob = secure(server.lines(), &certificate);
    let address = bob.get_ref().sock.local_addr().unwrap();
    assert!(address.ip().is_loopback());
    bob.get_mut().write_all(b"--name: bob\n").unwrap();
    wait_for_line(&mut bob, "* in lobby");
    bob.get_mut().write_all(b"hello over TLS\n").unwrap();
    let message = next(&mut ada, "message");
    assert_eq!(message["body"], "hello over TLS");
    let request = json!({"type": "send", "room": "lobby", "body": "hello back", "id": 3});
    ask(&mut ada, &request);
    wait_for_line(&mut bob, "<ada> hello back");
    assert_eq!(server.metric("chinwag_tls_handshakes_total"), 3.0);
    assert_eq!(
        server.metric("chinwag_connections{transport=\"line\"}"),
        1.0
    );
    bob.get_mut().write_all(b"--quit:\n").unwrap();
    // The end is announced: without that, this would be an error.
    bob.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn certificate_of_its_own_is_kept_and_its_fingerprint_told() {
    let mut server = Server::start(SELF_SIGNED);
    let certificate = kept_certificate(&server);
    let der = CertificateDer::from_pem_slice(&certificate).unwrap();
    let digest = Sha256::digest(&der);
    let digest: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    let line = server.says("fingerprint");
    assert!(line.ends_with(&digest.join(":")), "{line}");
    let file = server.data_dir().join("data/tls-self-signed.pem");
    let mode = fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    server.terminate();
    server.wait();
    server.restart();
    assert_eq!(kept_certificate(&server), certificate);
    assert!(chat(server.web(), &certificate, None).is_ok());
}

#[test]
fn terminal_enters_the_room_when_it_has_agreed_on_tls_and_not_before() {
    let server = Server::start(SELF_SIGNED);
    let certificate = kept_certificate(&server);
    let silent = socket(server.lines());
    let mut bob = secure(server.lines(), &certificate);
    bob.get_mut().write_all(b"--who:\n").unwrap();
    let who = wait_for_line(&mut bob, "* in lobby: ");
    assert_eq!(who.matches("guest-").count(), 1, "{who}");
    drop(silent);
}

#[test]
fn who_speaks_in_the_clear_gets_an_answer_that_people_understand() {
    let server = Server::start(SELF_SIGNED);
    let mut http = Http::connect(server.web());
    let answer = http.get("/");
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("speaks TLS"), "{answer:?}");
    assert_eq!(http.rest(), b"");
    let mut terminal = socket(server.lines());
    terminal.write_all(b"hello?\n").unwrap();
    let mut answer = String::new();
    terminal.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("! this port speaks TLS"), "{answer}");
    wait_until("both are counted", || {
        server.metric("chinwag_refused_total{reason=\"plaintext\"}") == 2.0
    });
    let mut broken = socket(server.web());
    broken
        .write_all(b"\x16\x03\x01\x00\x04\x02\x00\x00\x00")
        .unwrap();
    broken.read_to_end(&mut Vec::new()).unwrap();
    wait_until("it is counted", || {
        server.metric("chinwag_refused_total{reason=\"tls\"}") == 1.0
    });
    assert_eq!(server.admin("/healthz").status, 200);
}

#[test]
fn own_pages_come_over_tls_too() {
    let server = Server::start(SELF_SIGNED);
    let certificate = kept_certificate(&server);
    let port = server.web().port();
    let own = format!("https://localhost:{port}");
    assert!(chat(server.web(), &certificate, Some(&own)).is_ok());
    for other in [
        format!("http://localhost:{port}"),
        "https://localhost".to_owned(),
        format!("https://other.example:{port}"),
    ] {
        let error = chat(server.web(), &certificate, Some(&other)).unwrap_err();
        assert!(error.to_string().contains("403"), "{other}: {error}");
    }
}

#[test]
fn page_of_a_name_that_has_a_certificate_may_connect() {
    let server = Server::start(SELF_SIGNED);
    let mut stream = secure(server.web(), &kept_certificate(&server));
    let request = "GET /ws HTTP/1.1\r\nHost: chat.example.org\r\nUpgrade: websocket\r\n\
        Origin: https://chat.example.org\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.get_mut().write_all(request.as_bytes()).unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 101 Switching Protocols\r\n");
}

// covers: RTLS-X-03
#[test]
fn new_certificate_is_shown_after_a_signal_and_nobody_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let first = make(GOOD);
    let (cert, key) = write(directory.path(), &first);
    let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
    let mut server = Server::start(&["--tls-cert", cert, "--tls-key", key]);
    let mut ada = chat(server.web(), first.0.as_bytes(), None).unwrap();
    enter(&mut ada, "ada");

    let second = make(GOOD);
    write(directory.path(), &second);
    server.hang_up();
    server.says("new connections get the certificate");
    wait_until("all workers have it", || {
        (0..8).all(|_| chat(server.web(), second.0.as_bytes(), None).is_ok())
    });

    fs::write(key, &first.1).unwrap();
    server.hang_up();
    let said = server.says("the certificate in use stays");
    assert!(
        said.contains(key) && said.contains("another certificate's"),
        "{said}"
    );
    chat(server.web(), second.0.as_bytes(), None).unwrap();

    let request = json!({"type": "send", "room": "lobby", "body": "still here", "id": 3});
    ask(&mut ada, &request);
    server.terminate();
    assert!(server.wait().success());
}

#[test]
fn certificate_that_is_of_no_use_is_named_at_start() {
    let directory = tempfile::tempdir().unwrap();
    let good = make(GOOD);
    let (cert, key) = write(directory.path(), &good);
    let path = |name: &str, content: &str| {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let no_pem = path("no.pem", "nothing of that kind");
    let other_key = path("other.pem", &make(GOOD).1);
    let expired = make((2001, 2002));
    let (old_cert, old_key) = (path("old.pem", &expired.0), path("old.key", &expired.1));
    let missing = directory.path().join("missing.pem");
    let cases = [
        (&missing, &key, &missing, "No such file"),
        (&cert, &missing, &missing, "No such file"),
        (&no_pem, &key, &no_pem, "no PEM certificate"),
        (&cert, &no_pem, &no_pem, "no PEM private key"),
        (&cert, &other_key, &other_key, "another certificate's"),
        (&old_cert, &old_key, &old_cert, "expired"),
    ];
    for (cert, key, blamed, reason) in cases {
        let data = directory.path().join("data");
        for command in ["serve", "check-config"] {
            let output = run(
                &[
                    command,
                    "--data-dir",
                    data.to_str().unwrap(),
                    "--tls-cert",
                    cert.to_str().unwrap(),
                    "--tls-key",
                    key.to_str().unwrap(),
                ],
                &[],
            );
            let said = String::from_utf8(output.stderr).unwrap();
            let said = said.lines().last().unwrap();
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains(blamed.to_str().unwrap()), "{said}");
            assert!(said.contains(reason), "{said}");
        }
    }
    for flags in [
        &["serve", "--tls-cert", "a.pem"][..],
        &["echo", "--tls-key", "a.pem"],
        &[
            "serve",
            "--tls-self-signed",
            "--tls-cert",
            "a",
            "--tls-key",
            "b",
        ],
    ] {
        assert_eq!(run(flags, &[]).status.code(), Some(2), "{flags:?}");
    }
}

#[test]
fn who_is_one_too_many_is_told_so_inside_tls() {
    let server = Server::start(&["--tls-self-signed", "--max-connections", "1"]);
    let certificate = kept_certificate(&server);
    let ada = chat(server.web(), &certificate, None).unwrap();
    let answer = get(server.web(), &certificate, "/");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let mut line = String::new();
    secure(server.lines(), &certificate)
        .read_to_string(&mut line)
        .unwrap();
    assert!(line.starts_with("! the server takes no more"), "{line}");
    drop(ada);
}

#[test]
fn flood_that_is_refused_before_tls_holds_no_descriptors() {
    let server = Server::start(&["--tls-self-signed", "--max-connections", "1"]);
    let certificate = kept_certificate(&server);
    let ada = chat(server.web(), &certificate, None).unwrap();
    let before = descriptor_count(server.process_id());
    // They never begin a handshake.
    let flood: Vec<_> = (0..400).map(|_| socket(server.web())).collect();
    let refused = "chinwag_refused_total{reason=\"full\"}";
    wait_until("all are refused", || server.metric(refused) == 400.0);
    let held = descriptor_count(server.process_id()).saturating_sub(before);
    // Of each of the two workers, 64 who may be told so, and 64 who have come in one turn.
    assert!(held <= 256, "{held} descriptors");
    drop((flood, ada));
}

#[test]
fn everyone_is_let_go_with_a_word_on_both_layers() {
    let mut server = Server::start(&["--tls-self-signed", "--drain", "0"]);
    let certificate = kept_certificate(&server);
    let mut ada = chat(server.web(), &certificate, None).unwrap();
    enter(&mut ada, "ada");
    let mut bob = secure(server.lines(), &certificate);
    wait_for_line(&mut bob, "* in lobby");
    server.terminate();
    next(&mut ada, "shutdown");
    while ada.read().unwrap().is_some() {}
    let code = ada.closed().and_then(|closed| closed.code);
    assert_eq!(code.map(CloseCode::get), Some(1012));
    // Without an announced end this would be an error.
    bob.read_to_end(&mut Vec::new()).unwrap();
    assert!(server.wait().success());
}

#[test]
fn tls_takes_the_place_of_leave_to_be_heard_by_everyone() {
    // It would not start otherwise.
    Server::start(&["--tls-self-signed", "--listen", "0.0.0.0:0"]);
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let flags = [
        "serve",
        "--tls-self-signed",
        "--admin-listen",
        "0.0.0.0:0",
        "--data-dir",
        data,
    ];
    let output = run(&flags, &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("beyond loopback"),
        "metrics are in the clear: {said}"
    );
}

#[test]
fn echo_speaks_tls_with_a_certificate_that_is_kept_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_chinwag"))
        .args(["echo", "--listen", "127.0.0.1:0", "--tls-self-signed"])
        .current_dir(directory.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let uri = line.split_once(" on ").unwrap().1;
    assert!(uri.starts_with("wss://127.0.0.1:"), "{line}");
    let connector = Connector::new().with_tls(ClientTls::dangerous_without_verification());
    let request = ClientRequest::new(format!("{uri}/").parse().unwrap());
    let mut echo = connector.connect(&request).unwrap().web_socket;
    let text = "x".repeat(300_000);
    echo.send(&Message::text(text.as_str())).unwrap();
    assert_eq!(echo.read().unwrap(), Some(Message::text(text.as_str())));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn proxy_says_whose_connection_it_is_before_tls() {
    let mut flags = SELF_SIGNED.to_vec();
    flags.extend(["--proxy-protocol", "--trusted-proxy", "127.0.0.1"]);
    flags.extend(["--max-connections-per-ip", "1"]);
    let server = Server::start(&flags);
    let certificate = kept_certificate(&server);
    let connect = |client: &str| {
        let mut socket = socket(server.web());
        let header = format!("PROXY TCP4 {client} 192.0.2.1 56324 443\r\n");
        socket.write_all(header.as_bytes()).unwrap();
        let mut stream = secure_over(socket, &certificate);
        // Whoever is refused may be so before the handshake is over.
        let _ = stream
            .get_mut()
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut line = String::new();
        let _ = stream.read_line(&mut line);
        (stream, line)
    };
    let (_first, answer) = connect("203.0.113.7");
    assert_eq!(answer, "HTTP/1.1 200 OK\r\n");
    assert!(!connect("203.0.113.7").1.contains(" 200 "));
    assert_eq!(connect("203.0.113.8").1, "HTTP/1.1 200 OK\r\n");
    wait_until("the refusal is counted", || {
        server.metric("chinwag_refused_total{reason=\"address\"}") == 1.0
    });
}
