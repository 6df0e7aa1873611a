//! A successor serves before the last client of its predecessor has left, and refuses nobody.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use chinwag::storage::DataDir;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use support::{Http, Line, PATIENCE, Server, UPGRADE, run, wait_until};
use tempfile::TempDir;

/// Connects again and again until told to stop; returns how often. Everyone gets an answer.
fn connect_without_end(address: SocketAddr, is_over: Arc<AtomicBool>) -> thread::JoinHandle<u32> {
    thread::spawn(move || {
        let mut count = 0;
        while !is_over.load(Ordering::Relaxed) {
            let mut http = Http::over(TcpStream::connect(address).expect("nobody is refused"));
            let response = http.get("/");
            // Whoever got to the old server just before it let go is sent to the new one.
            assert!([200, 503].contains(&response.status), "{}", response.status);
            count += 1;
        }
        count
    })
}

#[test]
fn successor_serves_while_clients_of_the_old_server_are_still_connected() {
    let mut server = Server::start(&["--drain", "3600"]);
    let mut ada = server.member("ada");
    ada.say("lobby", "before");
    let mut terminal = server.line();
    let is_over = Arc::new(AtomicBool::new(false));
    let stream = connect_without_end(server.web(), Arc::clone(&is_over));
    let mut old = server.succeed();
    ada.push("shutdown");
    terminal.wait_for("* the server closes");
    // The same address, the same rooms; and nothing that was acknowledged is lost.
    let mut bob = server.guest("bob");
    let joined = bob.join("lobby");
    assert_eq!(joined["messages"][0]["body"], "before");
    bob.say("lobby", "after");
    assert!(Line::connect(server.lines()).next().starts_with("* "));
    assert_eq!(server.admin("/readyz").status, 200);
    is_over.store(true, Ordering::Relaxed);
    assert!(stream.join().unwrap() > 0);
    // Who asks something of the old server is told to go, and finds the new one.
    let id = ada.request(json!({"type": "send", "room": "lobby", "body": "where am I?"}));
    let answer = ada.answer(id);
    assert_eq!(
        (&answer["type"], &answer["code"]),
        (&json!("error"), &json!("busy"))
    );
    assert_eq!(ada.closed(), 1012);
    terminal.say("and I?");
    terminal.wait_for("! ");
    terminal.rest();
    assert_eq!(old.wait().code(), Some(0));
    let mut ada = server.member("ada");
    ada.say("lobby", "there you are");
    assert_eq!(bob.heard(), ["after", "there you are"]);
}

#[test]
fn who_has_connected_and_not_asked_yet_gets_the_page() {
    let mut server = Server::start(&["--drain", "3600"]);
    let ada = server.member("ada");
    let early: Vec<_> = (0..8).map(|_| server.http()).collect();
    wait_until("they are let in", || {
        server.metric("chinwag_connections{transport=\"http\"}") == 8.0
    });
    let mut old = server.succeed();
    for mut http in early {
        assert_eq!(http.get("/").status, 200);
        // Rooms are elsewhere.
        assert_eq!(http.ask(UPGRADE).status, 503);
    }
    drop(ada);
    assert_eq!(old.wait().code(), Some(0));
}

#[test]
fn servers_succeed_each_other_under_load() {
    let mut server = Server::start_unlimited(&["--drain", "0.2"]);
    let is_over = Arc::new(AtomicBool::new(false));
    let streams: Vec<_> = (0..4)
        .map(|_| connect_without_end(server.web(), Arc::clone(&is_over)))
        .collect();
    for nth in 1..=3 {
        // Everything that is answered by `done` is there when the next server asks.
        let mut ada = server.member("ada");
        assert_eq!(ada.say("lobby", "hello"), nth);
        let mut old = server.succeed();
        assert_eq!(ada.closed(), 1012);
        assert_eq!(old.wait().code(), Some(0));
    }
    is_over.store(true, Ordering::Relaxed);
    for stream in streams {
        assert!(stream.join().unwrap() > 0);
    }
}

#[test]
fn server_that_drains_already_still_hands_over() {
    let mut server = Server::start(&["--drain", "3600"]);
    let mut ada = server.member("ada");
    server.terminate();
    ada.push("shutdown");
    let mut old = server.succeed();
    server.member("bob").say("lobby", "hello");
    drop(ada);
    assert_eq!(old.wait().code(), Some(0));
}

#[test]
fn second_server_is_refused_unless_it_takes_over() {
    let server = Server::start(&[]);
    let data = server.data_dir().join("data");
    let flags = ["serve", "--data-dir", data.to_str().unwrap()];
    let output = run(&flags, &[]);
    assert_eq!(output.status.code(), Some(1));
    server.member("ada").say("lobby", "still here");
    // Where nobody serves, there is nothing to take over, and nothing in the way.
    let server = Server::start(&["--take-over"]);
    server.member("ada").say("lobby", "hello");
}

#[test]
fn data_that_no_server_uses_is_not_taken_over_and_says_so() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().to_str().unwrap();
    let _in_use = DataDir::open(dir.path()).unwrap();
    let check = || {
        let output = run(&["serve", "--data-dir", path, "--take-over"], &[]);
        assert_eq!(output.status.code(), Some(1));
        let expected = format!(
            "chinwag: cannot take over the data directory {path}: another chinwag uses it, and nobody \
             answers at {path}/handover.sock\n"
        );
        assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
    };
    check();
    // What a server left that was killed is the same to whoever asks.
    drop(UnixListener::bind(dir.path().join("handover.sock")).unwrap());
    check();
}

/// A server with sockets that were opened before it started: the first for browsers, the second
/// for terminals.
struct Activated {
    child: Child,
}

impl Activated {
    fn start(data: &TempDir, web: &TcpListener, line: &TcpListener, notify: &str) -> Self {
        // They must be the descriptors 3 and 4, and carry the process's own number.
        let script = "exec 3<&0 4<&1 </dev/null >&2; \
            LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:line exec \"$@\"";
        let socket = |it: &TcpListener| Stdio::from(OwnedFd::from(it.try_clone().unwrap()));
        let child = Command::new("sh")
            .args(["-c", script, "sh", env!("CARGO_BIN_EXE_chinwag"), "serve"])
            // With one thread, what one client was told holds for all.
            .args(["--admin-listen", "off", "--drain", "3600", "--threads", "1"])
            .arg("--data-dir")
            .arg(data.path().join("data"))
            .env("NOTIFY_SOCKET", notify)
            .stdin(socket(web))
            .stdout(socket(line))
            .spawn()
            .unwrap();
        Self { child }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Activated {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn sockets_of_a_service_manager_are_used_and_outlive_the_server() {
    let data = TempDir::new().unwrap();
    let bind = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (web, line) = (bind(), bind());
    let notify_path = data.path().join("notify");
    let notify = UnixDatagram::bind(&notify_path).unwrap();
    notify.set_read_timeout(Some(PATIENCE)).unwrap();
    let told = || {
        let mut buffer = [0; 256];
        let len = notify.recv(&mut buffer).unwrap();
        let text = String::from_utf8(buffer[..len].to_vec()).unwrap();
        text.lines().next().unwrap().to_owned()
    };
    // This one comes before there is a server.
    let mut early = Http::connect(web.local_addr().unwrap());
    early.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let start = || Activated::start(&data, &web, &line, notify_path.to_str().unwrap());
    let mut first = start();
    assert_eq!(told(), "READY=1");
    assert_eq!(early.response().status, 200);
    let mut terminal = Line::connect(line.local_addr().unwrap());
    terminal.wait_for("* in lobby: ");
    first.signal(Signal::HUP);
    assert_eq!([told(), told()], ["RELOADING=1", "READY=1"]);

    first.signal(Signal::TERM);
    assert_eq!(told(), "STOPPING=1");
    terminal.wait_for("* the server closes");
    // Whoever comes now waits for the next server.
    let mut late = TcpStream::connect(web.local_addr().unwrap()).unwrap();
    late.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    terminal.say("bye");
    first.signal(Signal::TERM);
    assert_eq!(first.child.wait().unwrap().code(), Some(0));
    late.set_nonblocking(true).unwrap();
    assert!(
        late.read(&mut [0])
            .is_err_and(|it| it.kind() == std::io::ErrorKind::WouldBlock)
    );
    late.set_nonblocking(false).unwrap();
    let _second = start();
    assert_eq!(told(), "READY=1");
    assert_eq!(Http::over(late).response().status, 200);
}

#[test]
fn passed_socket_that_nobody_knows_is_named() {
    let data = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=mail exec \"$@\"";
    let output = Command::new("sh")
        .args([
            "-c",
            script,
            "sh",
            env!("CARGO_BIN_EXE_chinwag"),
            "serve",
            "--data-dir",
        ])
        .arg(data.path().join("data"))
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("mail") && said.lines().count() == 1, "{said}");
}

#[test]
fn sockets_meant_for_another_process_are_left_alone() {
    let server = Server::start_with(&[], &[("LISTEN_PID", "1"), ("LISTEN_FDS", "2")]);
    wait_until("it serves", || server.http().get("/").status == 200);
}
