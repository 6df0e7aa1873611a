//! `chinwag bench` as a program: against servers that do as they should, and servers that do not.
#![cfg(all(feature = "bench", feature = "client", feature = "server"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client_support;
mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;

use chinwag::websocket::Message;
use chinwag::websocket::blocking::{Acceptor, TlsStream, WebSocket, same_origin};
use client_support::{Authority, Stub, answer_101, answering, closed_port, echo, read_head};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::{Echo, Server};

/// A run of a fraction of a second.
fn bench(url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
    command
        .args(["bench", url, "--warmup", "0"])
        .args(arguments);
    if !arguments.contains(&"--duration") {
        command.args(["--duration", "0.2"]);
    }
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it with `--json`; what it said beside, one line or none, comes back with the result.
fn measure(url: &str, arguments: &[&str]) -> (Value, String) {
    let output = bench(url, arguments).arg("--json").output().unwrap();
    read_result(&output)
}

fn read_result(output: &Output) -> (Value, String) {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let result: Value = serde_json::from_slice(&output.stdout).expect(&told);
    let is_sound = result["first_error"].is_null();
    assert_eq!(output.status.code(), Some(i32::from(!is_sound)), "{told}");
    assert_eq!(told.lines().count(), usize::from(!is_sound), "{told}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1);
    (result, told)
}

/// Runs it against a server that fits the load.
fn measure_soundly(url: &str, arguments: &[&str]) -> Value {
    let (result, told) = measure(url, arguments);
    assert_eq!(told, "");
    let errors = result["errors"].as_object().unwrap();
    assert!(errors.values().all(|count| *count == 0), "{result}");
    assert!(result["latency_us"].is_object(), "{result}");
    result
}

/// Fails to measure anything, for the reason told.
fn check_failure(command: &mut Command, code: i32, expected: &str) {
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{told}");
    assert!(told.contains(expected), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(output.stdout.is_empty());
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

/// A server of one connection.
fn stub<T: Send + 'static>(
    mut serve: impl FnMut(WebSocket<TcpStream>) -> T + Send + 'static,
) -> Stub<T> {
    Stub::start(1, move |stream| {
        serve(Acceptor::new().accept(stream, same_origin).unwrap())
    })
}

/// An echo of one connection, and what waits until it has something to do.
fn echo_that_tells_of_load() -> (Stub<()>, impl FnOnce()) {
    let (loaded, is_loaded) = mpsc::channel();
    let server = stub(move |mut socket| {
        while let Ok(Some(message)) = socket.read() {
            // Only the first time somebody listens.
            let _ = loaded.send(());
            if socket.send(&message).is_err() {
                break;
            }
        }
    });
    let await_load = move || is_loaded.recv_timeout(support::PATIENCE).unwrap();
    (server, await_load)
}

#[test]
fn an_echo_is_measured_with_every_figure() {
    let echo = Echo::start(&[]);
    let pid = echo.process_id().to_string();
    let result = measure_soundly(&echo.uri(), &["-c", "7", "-p", "3", "--pid", &pid]);
    assert_eq!(result["mode"], "echo");
    assert_eq!(
        (count(&result["connections"]), count(&result["pipeline"])),
        (7, 3)
    );
    assert_eq!(
        (&result["loop"], count(&result["size"])),
        (&"closed".into(), 125)
    );
    assert_eq!(result["seconds"], 0.2);
    assert_eq!(result["messages"], result["deliveries"]);
    let latency = &result["latency_us"];
    let names = ["p50", "p75", "p90", "p99", "p99_9", "p99_99", "max"];
    let figures = names.map(|name| latency[name].as_f64().unwrap());
    assert!(figures[0] > 0.0 && figures.is_sorted(), "{latency}");
    assert!(result["connect_us"]["max"].as_f64().unwrap() > 0.0);
    assert!(result["messages_per_second"].is_f64() && result["bytes_per_second"].is_f64());
    let server = &result["server"];
    assert!(count(&server["rss_bytes"]) > count(&server["anonymous_bytes"]));
    assert!(server["cpu"]["us_per_message"].is_f64() && result["generator"].is_object());
}

#[test]
fn people_read_the_same_as_text() {
    let echo = Echo::start(&[]);
    let output = bench(&echo.uri(), &["--text", "--size", "40"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), told.as_str()),
        (Some(0), ""),
        "{text}"
    );
    for part in [
        "1 connection, 1 thread, text messages of 40 bytes, 1 in flight on each (closed loop)",
        "p99.99",
        "nothing is sent, or measured: see --rate",
        "errors      none",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn messages_of_all_sizes_and_kinds_come_back() {
    let echo = Echo::start(&[]);
    for arguments in [
        &["--size", "0"][..],
        &["--size", "1", "-p", "200"],
        &["--size", "1", "--text", "-c", "3"],
        &["--size", "300000", "-c", "2", "-p", "2"],
        &["--size", "3000", "--text", "--deflate", "-p", "2"],
        &["--size", "70000", "--deflate"],
        &["-c", "10", "--threads", "3"],
        &[
            "-c",
            "4",
            "--source",
            "127.0.0.2,127.0.0.3",
            "--connect-rate",
            "1000",
        ],
    ] {
        measure_soundly(&echo.uri(), arguments);
    }
}

#[test]
fn a_rate_is_kept_whatever_comes_back() {
    let echo = Echo::start(&[]);
    let result = measure_soundly(
        &echo.uri(),
        &["-c", "3", "--rate", "500", "--duration", "0.5"],
    );
    assert_eq!(
        (&result["loop"], &result["rate"]),
        (&"open".into(), &500.0.into())
    );
    // All that was due in the measured time, when it came or did not.
    assert_eq!(count(&result["latency_us"]["count"]), 250, "{result}");
}

#[test]
fn what_never_comes_counts_as_long_as_it_was_waited_for() {
    let server = stub(|mut socket| {
        let mut answered_count = 0;
        while let Ok(Some(message)) = socket.read() {
            answered_count += 1;
            if answered_count <= 50 {
                socket.send(&message).unwrap();
            }
        }
    });
    let arguments = ["--rate", "200", "--duration", "0.5", "--timeout", "1"];
    let (result, _) = measure(&server.uri(), &arguments);
    assert_eq!(count(&result["latency_us"]["count"]), 100, "{result}");
    // One more is due at the very end.
    let missing_count = count(&result["errors"]["missing"]);
    assert!((50..=51).contains(&missing_count), "{result}");
    let slow_us = result["latency_us"]["p75"].as_f64().unwrap();
    assert!(slow_us >= 1_000_000.0, "{result}");
    server.result();
}

/// A server of two connections, of which the first ends at its first message.
fn dropping_the_first() -> Stub<thread::JoinHandle<()>> {
    let mut is_first = true;
    Stub::start(2, move |stream| {
        let is_dropped = std::mem::take(&mut is_first);
        thread::spawn(move || {
            let mut socket = Acceptor::new().accept(stream, same_origin).unwrap();
            match is_dropped {
                true => drop(socket.read().unwrap()),
                false => echo(socket),
            }
        })
    })
}

#[test]
fn what_was_due_on_a_lost_connection_counts() {
    let server = dropping_the_first();
    let arguments = ["-c", "2", "--rate", "100", "--duration", "0.5"];
    let (result, _) = measure(&server.uri(), &arguments);
    assert_eq!(count(&result["errors"]["lost"]), 1, "{result}");
    assert_eq!(count(&result["latency_us"]["count"]), 50, "{result}");
    // Half of them, and one more that is due at the very end.
    let never_came = count(&result["errors"]["missing"]) + count(&result["unsent"]);
    assert!((25..=26).contains(&never_came), "{result}");
    for served in server.results() {
        served.join().unwrap();
    }
}

#[test]
fn a_thread_whose_connections_are_gone_does_not_shorten_the_measurement() {
    let server = dropping_the_first();
    let arguments = ["-c", "2", "--threads", "2"];
    let (result, _) = measure(&server.uri(), &arguments);
    assert_eq!(count(&result["errors"]["lost"]), 1, "{result}");
    assert_eq!(result["seconds"], 0.2, "{result}");
    for served in server.results() {
        served.join().unwrap();
    }
}

#[test]
fn a_stall_is_charged_to_all_that_was_due_in_it() {
    // Nothing comes back before there are fifty: a tenth of a second, at this rate.
    let server = stub(|mut socket| {
        let mut waiting = Vec::new();
        while let Ok(Some(message)) = socket.read() {
            waiting.push(message);
            if waiting.len() == 50 {
                for message in waiting.drain(..) {
                    // It may have had enough.
                    let _ = socket.send(&message);
                }
            }
        }
    });
    let arguments = ["--rate", "500", "--duration", "0.39", "--timeout", "1"];
    let (result, _) = measure(&server.uri(), &arguments);
    let median_us = result["latency_us"]["p50"].as_f64().unwrap();
    assert!(median_us > 25_000.0, "{result}");
    server.result();
}

#[test]
fn what_a_full_pipeline_keeps_back_is_told() {
    let server = stub(|mut socket| while let Ok(Some(_)) = socket.read() {});
    let arguments = ["--rate", "1000", "--pipeline", "2", "--timeout", "1"];
    let (result, told) = measure(&server.uri(), &arguments);
    assert_eq!(count(&result["errors"]["missing"]), 2);
    assert!((100..=200).contains(&count(&result["unsent"])), "{result}");
    // Nothing else is wrong.
    assert!(
        told.ends_with(": 2 messages did not come in time\n"),
        "{told}"
    );
    server.result();
}

#[test]
fn idle_connections_are_there_in_the_end() {
    let echo = Echo::start(&[]);
    let pid = echo.process_id().to_string();
    let arguments = ["--mode", "idle", "-c", "50", "--pid", &pid];
    let result = measure_soundly(&echo.uri(), &arguments);
    assert_eq!(count(&result["messages"]), 50);
    assert!(result["server"]["anonymous_bytes_per_connection"].is_f64());

    let server = Stub::start(1, |mut stream| {
        let head = read_head(&mut stream);
        stream.write_all(&answer_101(&head)).unwrap();
        // The Ping, and no Pong but a Close (1001).
        stream.read_exact(&mut [0; 6]).unwrap();
        stream.write_all(b"\x88\x02\x03\xe9").unwrap();
    });
    let (result, told) = measure(&server.uri(), &["--mode", "idle"]);
    assert_eq!(count(&result["errors"]["lost"]), 1);
    assert!(told.contains("closed it with code 1001"), "{told}");
    server.result();
}

#[test]
fn a_broadcast_reaches_everyone_once() {
    let echo = Echo::start(&["--broadcast"]);
    let url = format!("{}broadcast", echo.uri());
    for pace in [["-p", "3"], ["--rate", "100"]] {
        let arguments = [&["--mode", "fanout", "-c", "20"][..], &pace].concat();
        let result = measure_soundly(&url, &arguments);
        assert!(
            count(&result["deliveries"]) >= count(&result["messages"]) * 19,
            "{result}"
        );
    }

    let server = stub(|mut socket| {
        while let Ok(Some(message)) = socket.read() {
            let twice = socket.send(&message).and_then(|()| socket.send(&message));
            if twice.is_err() {
                break;
            }
        }
    });
    let (result, told) = measure(&server.uri(), &["--mode", "fanout"]);
    assert_eq!(count(&result["errors"]["wrong"]), 1);
    assert!(
        told.contains("what came is not message 2 of the broadcast"),
        "{told}"
    );
    server.result();
}

#[test]
fn guests_talk_in_a_room_and_all_hear_it() {
    let server = Server::start(&[]);
    let url = format!("ws://{}/ws", server.web());
    let arguments = ["--mode", "chat", "-c", "12", "--rate", "50", "--size", "30"];
    let result = measure_soundly(&url, &arguments);
    assert!(result["done_latency_us"]["p50"].as_f64().unwrap() > 0.0);
    assert_eq!(result["is_text"], true);

    // The first refusal ends a closed loop.
    let arguments = ["--mode", "chat", "--room", "busy", "--duration", "1000"];
    let (result, told) = measure(&url, &arguments);
    assert_eq!(count(&result["errors"]["refused"]), 1, "{result}");
    assert_eq!(count(&result["errors"]["missing"]), 0, "{result}");
    assert!(
        told.contains("the chat refused a message: rate_limited"),
        "{told}"
    );

    let nowhere = format!("ws://{}/", server.web());
    let mut command = bench(&nowhere, &["--mode", "chat"]);
    check_failure(&mut command, 1, "connection 1 of 1 did not open");
    let echo = Echo::start(&[]);
    let mut command = bench(&echo.uri(), &["--mode", "chat"]);
    check_failure(
        &mut command,
        1,
        "the server does not speak chinwag.v1 there",
    );
}

#[test]
fn a_wrong_reply_is_told_and_ends_its_connection() {
    let changed = |mut socket: WebSocket<TcpStream>| {
        let mut number = 0;
        while let Ok(Some(message)) = socket.read() {
            number += 1;
            let mut bytes = message.into_bytes().into_owned();
            bytes[20] ^= u8::from(number == 9);
            if socket.send(&Message::binary(bytes)).is_err() {
                break;
            }
        }
    };
    let server = stub(changed);
    let (result, told) = measure(&server.uri(), &["-c", "1"]);
    assert_eq!(count(&result["errors"]["wrong"]), 1);
    assert!(
        told.contains("connection 1: reply 9 is not what was sent"),
        "{told}"
    );
    assert!(result["first_error"].as_str().unwrap().contains("reply 9"));
    server.result();
}

#[test]
fn replies_in_another_order_are_wrong() {
    let server = stub(|mut socket| {
        while let (Ok(Some(first)), Ok(Some(second))) = (socket.read(), socket.read()) {
            if socket.send(&second).is_err() || socket.send(&first).is_err() {
                break;
            }
        }
    });
    let (result, told) = measure(&server.uri(), &["-p", "2", "--size", "8"]);
    assert_eq!(count(&result["errors"]["wrong"]), 1);
    assert!(told.contains("reply 1 is not what was sent"), "{told}");
    server.result();
}

#[test]
fn a_connection_that_is_dropped_is_lost_and_the_others_go_on() {
    let server = Stub::start(1, |stream| {
        let mut socket = Acceptor::new().accept(stream, same_origin).unwrap();
        let message = socket.read().unwrap().unwrap();
        socket.send(&message).unwrap();
    });
    let (result, told) = measure(&server.uri(), &[]);
    assert_eq!(count(&result["errors"]["lost"]), 1, "{result}");
    assert!(told.contains("connection 1: "), "{told}");
    server.result();
}

#[test]
fn a_silent_server_does_not_hold_it_up() {
    let server = stub(|mut socket| while let Ok(Some(_)) = socket.read() {});
    let (result, _) = measure(&server.uri(), &["-p", "5", "--timeout", "1"]);
    assert_eq!(count(&result["errors"]["missing"]), 5);
    assert_eq!(count(&result["messages"]), 0);
    server.result();

    let server = Stub::start(1, |mut stream| stream.read_to_end(&mut Vec::new()).is_ok());
    let mut command = bench(&server.uri(), &["--timeout", "0.1"]);
    check_failure(
        &mut command,
        1,
        "connection 1 of 1 did not open: it took too long",
    );
    server.result();
}

#[test]
fn a_server_that_breaks_the_protocol_is_told_so() {
    let server = Stub::start(1, |mut stream| {
        let head = read_head(&mut stream);
        stream.write_all(&answer_101(&head)).unwrap();
        // Some of the load, and then a frame with a reserved bit.
        stream.read_exact(&mut [0; 8]).unwrap();
        stream.write_all(b"\xc2\x00").unwrap();
        // Its Close comes before the end.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let (result, told) = measure(&server.uri(), &[]);
    assert_eq!(count(&result["errors"]["protocol"]), 1);
    assert!(told.contains("the server broke the protocol"), "{told}");
    server.result();
}

#[test]
fn servers_that_are_not_there_or_refuse_are_told_in_one_line() {
    let nobody = format!("ws://{}/", closed_port());
    check_failure(
        &mut bench(&nobody, &["-c", "5"]),
        1,
        "connection 1 of 5 did not open: Connection refused",
    );
    let server = answering(1, "HTTP/1.1 403 No\r\n\r\n".to_owned());
    let mut command = bench(
        &server.uri(),
        &["--header", "X-A: b", "--origin", "https://a.example"],
    );
    check_failure(&mut command, 1, "the server refused it with status 403");
    let head = server.result();
    for line in ["X-A: b", "Origin: https://a.example"] {
        assert!(head.lines().any(|it| it == line), "{head}");
    }
}

#[test]
fn wrong_usage_is_told_from_failure() {
    for (arguments, code, told) in [
        (&["http://a/"][..], 2, "the URI's scheme is neither"),
        (&["ws://a/", "-c", "0"], 2, "it must be at least 1"),
        (&["ws://a/", "--rate", "0"], 2, "it must be from 0.001"),
        (&["ws://a/", "-p", "0"], 2, "it must be at least 1"),
        (
            &["ws://a/", "-p", "1000001"],
            2,
            "it must be at most 1000000",
        ),
        (&["ws://a/", "--duration", "x"], 2, "it is not a number"),
        (&["ws://a/", "--header", "secret"], 2, "not of the form"),
        (&["ws://a/", "--size", "16777217"], 2, "at most 16777216"),
        (&["ws://a/", "--room", "x"], 2, "--room is for chat"),
        (
            &["ws://a/", "--mode", "chat", "--binary"],
            2,
            "chat is text",
        ),
        (
            &["ws://a/", "--mode", "fanout", "--threads", "2"],
            2,
            "on one thread",
        ),
        (
            &["ws://a/", "--mode", "idle", "-p", "2"],
            2,
            "send no messages",
        ),
        (
            &["ws://a/", "--mode", "idle", "--size", "2"],
            2,
            "send no messages",
        ),
        (&["ws://a/", "--insecure"], 2, "are for wss://"),
        (&["ws://a/", "--text", "--binary"], 2, "cannot be used with"),
        (
            &["wss://127.0.0.1/", "--ca", "/nowhere/x"],
            1,
            "/nowhere/x: ",
        ),
        (
            &["ws://127.0.0.1/", "--pid", "4294967"],
            1,
            "process 4294967 can't be measured",
        ),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
        check_failure(command.arg("bench").args(arguments), code, told);
    }
}

#[test]
fn more_connections_than_open_files_are_refused_before_the_first() {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "ulimit -n 64; exec \"$0\" bench ws://127.0.0.1:1/ -c 100",
    ]);
    command.arg(env!("CARGO_BIN_EXE_chinwag"));
    check_failure(&mut command, 1, "need 132 open files, and the limit is 64");
}

#[test]
fn certificates_are_judged_as_told() {
    let authority = Authority::new();
    let pem = tempfile::NamedTempFile::new().unwrap();
    fs::write(pem.path(), &authority.pem).unwrap();
    let pem_path = pem.path().display().to_string();
    for trust in [&["--ca", &pem_path][..], &["--insecure"], &[]] {
        let config = authority.server_config(false);
        let server = Stub::start(1, move |stream| {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let stream = TlsStream::server(connection, stream);
            // A client that does not trust it is gone.
            if let Ok(socket) = Acceptor::new().accept(stream, same_origin) {
                echo(socket);
            }
        });
        let url = format!("wss://{}/", server.address);
        if trust.is_empty() {
            check_failure(&mut bench(&url, trust), 1, "invalid peer certificate");
        } else {
            let arguments = [trust, &["--size", "100000", "-p", "3"]].concat();
            measure_soundly(&url, &arguments);
        }
        server.result();
    }
}

#[test]
fn an_interruption_ends_it_with_what_was_measured() {
    let (server, await_load) = echo_that_tells_of_load();
    let child = bench(&server.uri(), &["--json", "--duration", "1000"])
        .spawn()
        .unwrap();
    await_load();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let (result, _) = read_result(&child.wait_with_output().unwrap());
    assert!(result["seconds"].as_f64().unwrap() < 100.0, "{result}");
    assert_eq!(result["first_error"], Value::Null);
    server.result();
}

#[test]
fn the_picture_is_one_file_without_a_script() {
    let echo = Echo::start(&[]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("latency.svg");
    let path_text = path.display().to_string();
    measure_soundly(&echo.uri(), &["--svg", &path_text]);
    let svg = fs::read_to_string(&path).unwrap();
    assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"));
    for part in ["99.9 %", "prefers-color-scheme:dark", "max "] {
        assert!(svg.contains(part), "{part}");
    }
    assert!(!svg.contains("script") && !svg.contains("href"));
    // The one that is there is longer than what comes in its place.
    fs::write(&path, svg.repeat(2)).unwrap();
    measure_soundly(&echo.uri(), &["--svg", &path_text]);
    let svg = fs::read_to_string(&path).unwrap();
    assert_eq!(svg.matches("</svg>").count(), 1);

    let nowhere = directory.path().join("no/such").display().to_string();
    let mut command = bench(&echo.uri(), &["--svg", &nowhere, "--duration", "1000"]);
    check_failure(&mut command, 1, "no/such: No such file or directory");
}

#[test]
fn a_process_that_ends_before_the_run_is_told() {
    let (server, await_load) = echo_that_tells_of_load();
    let mut measured = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let pid = measured.id().to_string();
    let child = bench(&server.uri(), &["--pid", &pid, "--duration", "1000"])
        .spawn()
        .unwrap();
    await_load();
    drop(measured.stdin.take());
    measured.wait().unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let (text, told) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(1), "{told}");
    let expected = format!("process {pid} can't be measured: ");
    assert!(told.contains(&expected), "{told}");
    assert!(
        text.contains("could not be measured to the end") && text.contains("errors      none"),
        "{text}"
    );
    server.result();
}

#[test]
fn a_run_that_measured_nothing_is_a_failure() {
    let echo = Echo::start(&[]);
    let output = bench(&echo.uri(), &["--duration", "0"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("nothing was measured"), "{told}");
}

#[test]
fn what_fails_between_opening_and_the_load_is_told_as_that() {
    let server = Server::start(&[]);
    let url = format!("ws://{}/ws", server.web());
    let mut command = bench(&url, &["--mode", "chat", "--room", "no room"]);
    let expected = "connection 1 of 1 opened, and failed before the load began: the chat answered";
    check_failure(&mut command, 1, expected);

    // It opens, and says nothing: no `welcome` comes.
    let server = Stub::start(1, |mut stream| {
        let head = read_head(&mut stream);
        let answer = String::from_utf8(answer_101(&head)).unwrap();
        let answer =
            answer.trim_end().to_owned() + "\r\nSec-WebSocket-Protocol: chinwag.v1\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut command = bench(&server.uri(), &["--mode", "chat", "--timeout", "1"]);
    let expected = "opened, and failed before the load began: it took too long";
    check_failure(&mut command, 1, expected);
    server.result();
}
