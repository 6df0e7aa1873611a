//! `chinwag connect` as a program: between pipes, files and servers.
#![cfg(all(feature = "client", feature = "server"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client_support;
mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::thread;

use chinwag::websocket::blocking::{Acceptor, TlsStream, same_origin};
use chinwag::websocket::{CloseCode, Message};
use client_support::{Authority, Stub, answer_101, answering, closed_port, echo, read_head, relay};
use support::{Echo, Server};

/// The program, in an environment without proxies.
fn connect(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
    command.arg("connect").args(arguments);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs it with that input, to its end.
fn run(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeding = thread::spawn(move || {
        // A program that fails early reads nothing.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    output
}

/// Starts it with its input left open.
fn start(command: &mut Command) -> (Child, ChildStdin) {
    let mut child = command.spawn().unwrap();
    let stdin = child.stdin.take().unwrap();
    (child, stdin)
}

#[track_caller]
fn check(output: &Output, code: i32, stdout: &str, stderr: &str) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(
        (output.status.code(), said.as_str()),
        (Some(code), stdout),
        "{told}"
    );
    assert!(told.contains(stderr), "{told}");
    assert!(told.lines().count() <= 1, "{told}");
    assert_eq!(stderr.is_empty(), told.is_empty(), "{told}");
}

#[test]
fn lines_of_input_come_back_as_lines_of_output() {
    let echo = Echo::start(&[]);
    let input = "one\r\ntwo\n\n\u{e9}\x1b[0m\nlast without an end".as_bytes();
    let output = run(&mut connect(&[&echo.uri()]), input);
    check(
        &output,
        0,
        "one\ntwo\n\n\u{e9}\x1b[0m\nlast without an end\n",
        "",
    );
}

#[test]
fn bytes_of_input_come_back_as_bytes_of_output() {
    let echo = Echo::start(&[]);
    let input: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    let output = run(&mut connect(&["--binary", &echo.uri()]), &input);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout == input, "{} bytes", output.stdout.len());
}

#[test]
fn wrong_usage_is_told_from_failure() {
    let nobody = format!("ws://{}/", closed_port());
    for (arguments, code, told) in [
        (
            &["http://a/"][..],
            2,
            "connect to http://a/: the URI's scheme is neither",
        ),
        (
            &["ws://a/", "--header", "secret"],
            2,
            "a header is not of the form",
        ),
        (
            &["ws://a/", "--header", "Host: b"],
            2,
            "Host is not the caller's to set",
        ),
        (
            &["ws://a/", "--header", "A: b\rC: d"],
            2,
            "control character",
        ),
        (&["ws://a/", "--subprotocol", "a b"], 2, "not a token"),
        (
            &["ws://a/", "--insecure", "--ca", "x"],
            2,
            "cannot be used with",
        ),
        (&[], 2, "not provided"),
        (
            &["ws://a/", "--header", "@/nowhere/x"],
            1,
            "/nowhere/x can't be read",
        ),
        (
            &["wss://a/", "--ca", "/nowhere/x"],
            1,
            "/nowhere/x can't be read",
        ),
        (&[nobody.as_str()], 1, "Connection refused"),
    ] {
        let output = run(&mut connect(arguments), b"");
        check(&output, code, "", told);
        assert!(!String::from_utf8_lossy(&output.stderr).contains("secret"));
    }
}

#[test]
fn headers_come_by_flag_and_by_file() {
    let server = answering(1, "HTTP/1.1 403 No\r\n\r\n".to_owned());
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"Authorization: Bearer secret\n\nCookie: a=b\n")
        .unwrap();
    let from_file = format!("@{}", file.path().display());
    let uri = format!("ws://{}/room?a=b", server.address);
    let mut command = connect(&[&uri, "--header", "X-A: b:c", "--header", &from_file]);
    command.args(["--origin", "https://a.example"]);
    command.args(["--subprotocol", "x", "--subprotocol", "y"]);
    check(
        &run(&mut command, b""),
        1,
        "",
        "server refused with status 403",
    );
    let head = server.result();
    for line in [
        "GET /room?a=b HTTP/1.1",
        "X-A: b:c",
        "Authorization: Bearer secret",
        "Cookie: a=b",
        "Origin: https://a.example",
        "Sec-WebSocket-Protocol: x, y",
    ] {
        assert!(head.lines().any(|it| it == line), "{line}: {head}");
    }
}

// covers: R6455-5.5.1-03
#[test]
fn a_servers_reason_for_closing_is_not_shown() {
    for (code, exit, told) in [
        (CloseCode::NORMAL, 0, ""),
        (CloseCode::GOING_AWAY, 0, ""),
        (
            CloseCode::POLICY_VIOLATION,
            1,
            "server closed: against its policy (1008)",
        ),
        (CloseCode::SERVICE_RESTART, 1, "it restarts (1012)"),
    ] {
        let server = Stub::start(1, move |stream| {
            let mut socket = Acceptor::new().accept(stream, same_origin).unwrap();
            socket.send(&Message::text("bye")).unwrap();
            socket.close(code, "\x1b[31mforged").unwrap();
        });
        // The input is open all the time: it is the server who ends it.
        let (child, stdin) = start(&mut connect(&[&server.uri()]));
        let output = child.wait_with_output().unwrap();
        drop(stdin);
        check(&output, exit, "bye\n", told);
        assert!(!String::from_utf8_lossy(&output.stderr).contains("forged"));
        server.result();
    }
}

#[test]
fn a_complaint_that_crosses_the_end_of_the_input_is_an_error() {
    for (code, exit, told) in [
        (CloseCode::NORMAL, 0, ""),
        (
            CloseCode::UNSUPPORTED_DATA,
            1,
            "server closed: it does not take this kind of message (1003)",
        ),
    ] {
        let server = Stub::start(1, move |mut stream| {
            let head = read_head(&mut stream);
            stream.write_all(&answer_101(&head)).unwrap();
            // The message, and the Close behind it.
            stream.read_exact(&mut [0; 7 + 8]).unwrap();
            stream.write_all(b"\x88\x02").unwrap();
            stream.write_all(&code.get().to_be_bytes()).unwrap();
        });
        let output = run(&mut connect(&[&server.uri()]), b"?\n");
        check(&output, exit, "", told);
        server.result();
    }
}

#[test]
fn what_comes_between_the_end_of_input_and_the_close_is_printed() {
    let server = Stub::start(1, |mut stream| {
        let head = read_head(&mut stream);
        stream.write_all(&answer_101(&head)).unwrap();
        let mut close = [0; 8];
        stream.read_exact(&mut close).unwrap();
        stream.write_all(b"\x81\x04late\x88\x02\x03\xe8").unwrap();
    });
    let output = run(&mut connect(&[&server.uri()]), b"");
    check(&output, 0, "late\n", "");
    server.result();
}

#[test]
fn input_that_is_no_text_ends_with_an_error() {
    let echo = Echo::start(&[]);
    let output = run(&mut connect(&[&echo.uri()]), b"one\n\xff\ntwo\n");
    check(
        &output,
        1,
        "one\n",
        "line 2 of standard input is not UTF-8: see --binary",
    );
}

#[test]
fn binary_messages_are_not_mixed_into_lines() {
    let server = Stub::start(1, |stream| {
        let mut socket = Acceptor::new().accept(stream, same_origin).unwrap();
        socket.send(&Message::binary(&b"\x00\x01"[..])).unwrap();
        socket.send(&Message::text("text")).unwrap();
        socket.close(CloseCode::NORMAL, "").unwrap();
    });
    let output = run(&mut connect(&[&server.uri()]), b"");
    check(
        &output,
        0,
        "text\n",
        "a binary message of 2 bytes is not shown: see --binary",
    );
    server.result();
}

#[test]
fn a_reader_who_has_seen_enough_ends_it_quietly() {
    let server = Stub::start(1, |stream| {
        let mut socket = Acceptor::new().accept(stream, same_origin).unwrap();
        while socket.send(&Message::text("more")).is_ok() {}
    });
    let (mut child, stdin) = start(&mut connect(&[&server.uri()]));
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "more\n");
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    check(&output, 0, "", "");
    drop(stdin);
    server.result();
}

#[test]
fn a_connection_that_is_cut_is_an_error() {
    let server = Stub::start(1, |stream| {
        drop(Acceptor::new().accept(stream, same_origin).unwrap());
    });
    let (child, stdin) = start(&mut connect(&[&server.uri()]));
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    check(
        &output,
        1,
        "",
        "connection ended without a closing handshake",
    );
    server.result();
}

#[test]
fn the_chat_is_there_for_programs() {
    let server = Server::start(&[]);
    let uri = format!("ws://{}/ws", server.web());
    let (mut child, mut stdin) = start(&mut connect(&[&uri, "--subprotocol", "chinwag.v1"]));
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut read = || {
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        line
    };
    assert!(read().contains(r#""type":"welcome""#));
    stdin
        .write_all(b"{\"type\":\"hello\",\"id\":1,\"name\":\"ada\"}\n")
        .unwrap();
    let done = read();
    assert!(
        done.contains(r#""type":"done""#) && done.contains("ada"),
        "{done}"
    );
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn certificates_are_judged_as_told() {
    let authority = Authority::new();
    let pem = tempfile::NamedTempFile::new().unwrap();
    fs::write(pem.path(), &authority.pem).unwrap();
    let pem_path = pem.path().display().to_string();
    for (arguments, code, told) in [
        (&["--ca", &pem_path][..], 0, ""),
        (&["--insecure"], 0, ""),
        (&[], 1, "TLS failed: invalid peer certificate"),
    ] {
        let config = authority.server_config(false);
        let server = Stub::start(1, move |stream| {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let stream = TlsStream::server(connection, stream);
            // A client that does not trust it is gone.
            if let Ok(socket) = Acceptor::new().accept(stream, same_origin) {
                echo(socket);
            }
        });
        let uri = format!("wss://localhost:{}/", server.address.port());
        let mut command = connect(&[&uri]);
        command.args(arguments);
        let output = run(&mut command, b"hi\n");
        check(&output, code, if code == 0 { "hi\n" } else { "" }, told);
        server.result();
    }
}

#[test]
fn names_in_a_certificate_do_nothing_to_the_terminal() {
    let authority = Authority::new();
    let pem = tempfile::NamedTempFile::new().unwrap();
    fs::write(pem.path(), &authority.pem).unwrap();
    let config = authority.server_config_for(&["x\x1b[2J\nchinwag: connected"], false);
    let server = Stub::start(1, move |stream| {
        let connection = rustls::ServerConnection::new(config.clone()).unwrap();
        assert!(TlsStream::server(connection, stream).handshake().is_err());
    });
    let uri = format!("wss://localhost:{}/", server.address.port());
    let pem_path = pem.path().display().to_string();
    let output = run(&mut connect(&[&uri, "--ca", &pem_path]), b"");
    check(&output, 1, "", "TLS failed: invalid peer certificate");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!told.contains('\x1b'), "{told}");
    server.result();
}

#[test]
fn the_environment_chooses_the_proxy() {
    let echo = Echo::start(&[]);
    let behind = echo.address;
    let proxy = Stub::start(1, move |mut client| {
        let head = read_head(&mut client);
        client.write_all(b"HTTP/1.1 200 Yes\r\n\r\n").unwrap();
        relay(client, std::net::TcpStream::connect(behind).unwrap());
        head
    });
    let mut command = connect(&["ws://chat.example/"]);
    command.env("http_proxy", format!("http://{}", proxy.address));
    check(&run(&mut command, b"hi\n"), 0, "hi\n", "");
    assert!(proxy.result().starts_with("CONNECT chat.example:80 "));
    let mut command = connect(&[&echo.uri()]);
    command.env("HTTP_PROXY", "ftp://nobody");
    let output = run(&mut command, b"");
    check(&output, 1, "", "proxy's scheme is not http");
}
