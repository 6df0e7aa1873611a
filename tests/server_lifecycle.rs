//! How a server starts, refuses to start, takes no more, and ends.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Command;
use std::time::Duration;

use support::{Line, PATIENCE, Server, UPGRADE, descriptor_count, now, run, wait_until};
use tempfile::TempDir;

/// Starts a server that must not start; returns its exit code and the one line that it says.
fn refused(flags: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
    let dir = TempDir::new().unwrap();
    let mut arguments = vec!["serve"];
    for (flag, value) in [
        ("--listen", "127.0.0.1:0"),
        ("--line-listen", "off"),
        ("--admin-listen", "off"),
        ("--data-dir", dir.path().to_str().unwrap()),
    ] {
        if !flags.contains(&flag) {
            arguments.extend([flag, value]);
        }
    }
    arguments.extend(flags);
    let output = run(&arguments, environment);
    let said = String::from_utf8(output.stderr).unwrap();
    let announced = "chinwag: web on ";
    let mut lines = said.lines().filter(|line| !line.starts_with(announced));
    let line = lines.next().unwrap().to_owned();
    assert_eq!(lines.next(), None, "{said}");
    (output.status.code().unwrap(), line)
}

/// Who waits for the address in a pipe reads a line, not the first piece of one.
#[test]
fn what_is_said_to_whoever_started_it_is_one_write() {
    let (stderr, its_stderr) = UnixDatagram::pair().unwrap();
    stderr.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_chinwag"));
    program.args(["print-config", "--config", "/no/such/file"]);
    program.stderr(OwnedFd::from(its_stderr));
    assert_eq!(program.status().unwrap().code(), Some(1));
    let mut line = [0; 1024];
    let len = stderr.recv(&mut line).unwrap();
    let line = String::from_utf8_lossy(&line[..len]);
    assert!(
        line.starts_with("chinwag: ") && line.contains("/no/such/file"),
        "{line}"
    );
    assert!(line.ends_with('\n'), "{line}");
}

#[test]
fn one_server_per_data_directory() {
    let mut server = Server::start(&[]);
    let dir = server.data_dir().join("data");
    let dir = dir.to_str().unwrap();
    let (code, line) = refused(&["--data-dir", dir], &[]);
    assert_eq!(code, 1);
    let why = format!("cannot use the data directory {dir}: another chinwag uses it");
    assert!(line.ends_with(&why), "{line}");
    server.kill();
    server.restart();
    server
        .member("ada")
        .say("lobby", "the lock of a killed server is gone");
}

// covers: R6455-10.6-02/S
#[test]
fn what_keeps_it_from_starting_is_said_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "no directory").unwrap();
    let file = file.to_str().unwrap();
    let broken = dir.path().join("broken");
    fs::create_dir(&broken).unwrap();
    fs::write(broken.join("chinwag.db"), "this is no database, not at all").unwrap();
    let broken = broken.to_str().unwrap();
    for (flags, named) in [
        (["--listen", &*address], &*address),
        (["--data-dir", file], file),
        (["--data-dir", "/proc/chinwag"], "/proc/chinwag"),
        (["--data-dir", broken], "chinwag.db"),
        (["--listen", "0.0.0.0:0"], "--allow-plaintext"),
        (["--listen", "[::]:0"], "--allow-plaintext"),
        (["--line-listen", "0.0.0.0:0"], "--allow-plaintext"),
        (["--listen", "nonsense"], "nonsense"),
        (["--config", "/nowhere.toml"], "/nowhere.toml"),
        (["--allow-origin", "example.org"], "allow_origin"),
        (["--drain", "1e9"], "drain"),
    ] {
        let (code, line) = refused(&flags, &[]);
        assert_eq!(code, 1, "{flags:?}: {line}");
        assert!(
            line.starts_with("chinwag: ") && line.contains(named),
            "{flags:?}: {line}"
        );
    }
    let (code, line) = refused(&[], &[("CHINWAG__SERVER__COLOUR", "red")]);
    assert_eq!(code, 1);
    assert!(line.contains("CHINWAG__SERVER__COLOUR"), "{line}");
}

#[test]
fn database_of_another_version_is_left_alone() {
    let mut server = Server::start(&[]);
    server.member("ada").say("lobby", "hello");
    server.terminate();
    server.wait();
    let dir = server.data_dir().join("data");
    let path = dir.join("chinwag.db");
    let mut bytes = fs::read(&path).unwrap();
    // The user version is at offset 60 of a database's header.
    bytes[60..64].copy_from_slice(&9_999_u32.to_be_bytes());
    fs::write(&path, &bytes).unwrap();
    let (code, line) = refused(&["--data-dir", dir.to_str().unwrap()], &[]);
    assert_eq!(code, 1);
    assert!(
        line.contains("9999") && line.contains("chinwag.db"),
        "{line}"
    );
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for arguments in [
        &["serve", "--colour", "red"][..],
        &["serve", "--threads", "many"],
        &["serve", "--guests", "perhaps"],
        &["echo", "--listen"],
        &["fly"],
    ] {
        let output = run(arguments, &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.starts_with("chinwag: ") && said.ends_with("--help\n"),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(output.stdout.is_empty());
    }
    // Who asks for nothing is shown what there is.
    let output = run(&[], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("serve"));
}

#[test]
fn printed_configuration_means_what_was_configured() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("chinwag.toml");
    let path = path.to_str().unwrap();
    let flags = [
        "--drain",
        "2.5",
        "--guests",
        "off",
        "--listen",
        "127.0.0.1:1",
    ];
    let environment = [("CHINWAG__LIMITS__BURST", "33")];
    let mut arguments = vec!["print-config"];
    arguments.extend(flags);
    let printed = run(&arguments, &environment);
    assert!(printed.status.success());
    fs::write(path, &printed.stdout).unwrap();
    let checked = run(&["check-config", "--config", path], &[]);
    assert!(checked.status.success());
    assert!(checked.stdout.is_empty() && checked.stderr.is_empty());
    let again = run(&["print-config", "--config", path], &[]);
    assert_eq!(again.stdout, printed.stdout);
    fs::write(path, "[server]\nport = 1\n").unwrap();
    for command in ["check-config", "print-config", "serve"] {
        let wrong = run(&[command, "--config", path], &[]);
        let said = String::from_utf8(wrong.stderr).unwrap();
        assert_eq!(wrong.status.code(), Some(1), "{said}");
        assert!(said.contains("port") && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn unix_socket_serves_the_same_chat() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("socket");
    let listen = format!("unix:{}", path.display());
    let mut server = Server::start(&["--listen", &listen]);
    for _ in 0..2 {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(UPGRADE.as_bytes()).unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"}}") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            seen.extend(byte);
        }
        assert!(seen.starts_with(b"HTTP/1.1 101 "));
        // A socket that a killed server left behind is in nobody's way.
        server.kill();
        server.restart();
    }
}

// covers: R6455-7.3-01
#[test]
fn drain_tells_everybody_and_spreads_the_closes() {
    let window = Duration::from_secs(2);
    let mut server = Server::start(&["--drain", "2"]);
    let clients: Vec<_> = (0..20)
        .map(|i| server.member(&format!("guest {i}")))
        .collect();
    let mut line = server.line();
    let mut idle = server.http();
    assert_eq!(idle.get("/").status, 200);
    let mut late = server.http();
    late.write("GET /ws HTTP/1.1\r\n");
    server.terminate();
    let began_at = now();
    wait_until("it is not ready", || server.admin("/readyz").status == 503);
    assert!(began_at.elapsed() < Duration::from_secs(1));
    assert_eq!(server.admin("/healthz").status, 200);
    let refused = server.http().ask(UPGRADE);
    assert_eq!(refused.status, 503);
    assert!(refused.header("Retry-After").is_some());
    late.write(UPGRADE.split_once("\r\n").unwrap().1);
    assert_eq!(late.response().status, 503);
    assert_eq!(idle.rest(), b"");
    let newcomer = Line::connect(server.lines()).rest();
    assert!(newcomer.starts_with("! "), "{newcomer}");
    line.wait_for("* the server closes");
    let threads: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            std::thread::spawn(move || {
                let told = client.push("shutdown");
                assert!(told["retry_after_ms"].as_u64().unwrap() <= 2_000);
                assert_eq!(client.closed(), 1012);
                now()
            })
        })
        .collect();
    let mut closed_at: Vec<_> = threads.into_iter().map(|it| it.join().unwrap()).collect();
    closed_at.sort();
    // 20 random moments are within a fifth of the window once in 10^12 runs.
    assert!(closed_at[19] - closed_at[0] > window / 5);
    line.rest();
    let status = server.wait();
    assert_eq!(status.code(), Some(0));
    assert!(began_at.elapsed() < window + Duration::from_secs(4));
}

#[test]
fn drain_carries_out_what_is_still_asked() {
    let mut server = Server::start(&["--drain", "3600"]);
    let (mut ada, mut bob) = (server.member("ada"), server.member("bob"));
    server.terminate();
    ada.push("shutdown");
    bob.push("shutdown");
    ada.say("lobby", "one more thing");
    assert_eq!(bob.heard(), ["one more thing"]);
    // Told twice, it goes at once.
    server.terminate();
    let told_at = now();
    assert_eq!(server.wait().code(), Some(0));
    assert!(told_at.elapsed() < Duration::from_secs(5));
    server.restart();
    assert_eq!(server.guest("ada").join("lobby")["seq"], 1);
}

#[test]
fn server_without_users_ends_at_once() {
    let mut server = Server::start(&["--drain", "3600"]);
    let mut http = server.http();
    assert_eq!(http.get("/").status, 200);
    drop(server.member("ada"));
    wait_until("ada is gone", || {
        server.metric("chinwag_connections{transport=\"websocket\"}") == 0.0
    });
    server.terminate();
    let told_at = now();
    assert_eq!(server.wait().code(), Some(0));
    assert!(told_at.elapsed() < Duration::from_secs(5));
}

#[test]
fn sockets_that_wait_for_their_peers_count_until_they_are_gone() {
    let server = Server::start(&["--max-connections", "4"]);
    // Each is answered and closed by the server, and left open on this side.
    let left_open: Vec<_> = (0..4)
        .map(|_| {
            let mut http = server.http();
            assert_eq!(http.ask("nonsense\r\n\r\n").status, 400);
            http
        })
        .collect();
    assert_eq!(server.http().response().status, 503);
    drop(left_open);
    wait_until("there is room again", || {
        server.http().ask(UPGRADE).status == 101
    });
}

#[test]
fn full_server_refuses_and_takes_others_when_some_have_left() {
    let server = Server::start(&["--max-connections", "4"]);
    let server_files = || descriptor_count(server.process_id());
    let before = server_files();
    let held: Vec<_> = (0..4)
        .map(|i| server.guest(&format!("guest {i}")))
        .collect();
    for _ in 0..50 {
        let response = server.http().response();
        assert_eq!(response.status, 503);
        assert!(response.header("Retry-After").is_some());
        let refused = Line::connect(server.lines()).rest();
        assert!(refused.starts_with("! "), "{refused}");
    }
    // Who watches over the server is not locked out by those who fill it.
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(server.admin(path).status, 200, "{path}");
    }
    assert_eq!(
        server.metric("chinwag_refused_total{reason=\"full\"}"),
        100.0
    );
    drop(held);
    wait_until("there is room again", || {
        server.http().ask(UPGRADE).status == 101
    });
    wait_until("descriptors are back", || server_files() <= before);
    server.member("ada").say("lobby", "there is room");
}
