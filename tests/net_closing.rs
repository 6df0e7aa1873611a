//! The ends of connections on real sockets: last bytes arrive, nobody waits for ever, and each
//! session is closed once.
#![cfg(feature = "server")]

mod net_support;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use chinwag::net::{Config, ListenAddress, OutboxLimits};
use net_support::{Log, PATIENCE, config, serve, serve_on};

fn narrow(soft_len: usize, hard_len: usize, grace: Duration) -> Config {
    let outbox = OutboxLimits {
        soft_len,
        hard_len,
        grace_timeout: grace,
        ..OutboxLimits::default()
    };
    Config { outbox, ..config() }
}

// covers: R6455-7.1.1-01/S, D-01
#[test]
fn last_words_arrive_though_the_client_still_sends() {
    let server = serve(&Config::default());
    for _ in 0..20 {
        let mut client = server.connect();
        client.send("close bye\n");
        client
            .stream
            .write_all(&vec![b'x'; 1 << 20])
            .expect("it is discarded, not refused");
        assert_eq!(client.rest(), "bye\n");
    }
    server.stop();
}

// covers: D-01
#[test]
fn lingering_ends_with_the_clients_fin() {
    let long = Duration::from_secs(3600);
    let server = serve(&Config {
        linger_timeout: long,
        flush_timeout: long,
        ..Config::default()
    });
    let mut client = server.connect();
    client.send("close bye\n");
    assert_eq!(client.rest(), "bye\n");
    drop(client);
    server.wait_until(|totals| totals.accepted == 1 && totals.sockets == 0);
    server.stop();
}

// covers: D-01
#[test]
fn lingering_ends_when_its_time_is_up() {
    let server = serve(&config());
    let mut client = server.connect();
    client.send("close bye\n");
    server.closed();
    server.wait_until(|totals| totals.accepted == 1 && totals.sockets == 0);
    assert_eq!(client.rest(), "bye\n");
    server.stop();
}

#[test]
fn closing_connection_that_takes_nothing_is_dropped() {
    let flush_timeout = Duration::from_millis(100);
    let server = serve(&Config {
        flush_timeout,
        ..narrow(1 << 30, 1 << 30, PATIENCE)
    });
    let mut client = server.connect_narrow();
    client.send("fill 50000000\nclose bye\n");
    server.closed();
    server.wait_until(|totals| totals.sockets == 0 && totals.queued_bytes == 0);
    drop(client);
    server.stop();
}

#[test]
fn worker_that_ends_does_not_wait_long_for_who_takes_nothing() {
    let server = serve(&Config {
        flush_timeout: Duration::from_secs(3600),
        ..narrow(1 << 30, 1 << 30, PATIENCE)
    });
    // One whose session is over already, and one whose session is not.
    let mut closing = server.connect_narrow();
    closing.send("fill 50000000\nclose bye\n");
    server.closed();
    let mut open = server.connect_narrow();
    open.send("fill 50000000\n");
    server.wait_until(|totals| totals.queued_bytes > 60_000_000);
    server.stop();
    drop((closing, open));
}

#[test]
fn half_closed_client_is_answered_first() {
    let server = serve(&config());
    let mut client = server.connect();
    client.send("echo one\npost two\n");
    client
        .stream
        .shutdown(Shutdown::Write)
        .expect("FIN is sent");
    assert_eq!(client.rest(), "one\ntwo\nbye\n");
    let id = server.opened();
    let log = server.stop();
    assert_eq!(
        log.iter()
            .filter(|log| **log == Log::EndOfInput(id))
            .count(),
        1
    );
    assert_eq!(log.iter().filter(|log| **log == Log::Closed(id)).count(), 1);
}

#[test]
fn reset_ends_the_session_once() {
    let server = serve(&config());
    let mut client = server.connect();
    client.send("echo hello\n");
    assert_eq!(client.line(), "hello");
    let socket = socket2::SockRef::from(&client.stream);
    socket.set_linger(Some(Duration::ZERO)).expect("an option");
    drop(client);
    let id = server.closed();
    let mut other = server.connect();
    other.send("echo fine\n");
    assert_eq!(other.line(), "fine");
    assert!(!server.stop().contains(&Log::Closed(id)));
}

#[test]
fn reset_of_a_client_that_is_not_read_from_is_noticed() {
    let server = serve(&narrow(1000, 1 << 30, PATIENCE));
    let mut client = server.connect_narrow();
    client.send("fill 50000000\n");
    server.wait_until(|totals| totals.queued_bytes > 1000);
    client.send("echo never read\n");
    let socket = socket2::SockRef::from(&client.stream);
    socket.set_linger(Some(Duration::ZERO)).expect("an option");
    drop(client);
    server.closed();
    server.wait_until(|totals| totals.sockets == 0 && totals.queued_bytes == 0);
    server.stop();
}

#[test]
fn vanished_unix_client_is_noticed_without_a_write() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let server = serve_on(
        &config(),
        1,
        usize::MAX,
        &[ListenAddress::Unix(path.clone())],
    );
    let mut client = UnixStream::connect(&path).expect("the server listens");
    client
        .write_all(b"echo hello\n")
        .expect("the server takes it");
    client.read_exact(&mut [0; 6]).expect("an answer");
    drop(client);
    server.closed();
    server.wait_until(|totals| totals.sockets == 0);
    server.stop();
}

#[test]
fn reader_over_the_hard_limit_is_cut_off_at_once() {
    let server = serve(&narrow(100_000, 1_000_000, PATIENCE));
    let mut client = server.connect_narrow();
    client.send("fill 50000000\necho said before\n");
    server.wait_for(|log| matches!(log, Log::Overflow(_)).then_some(()));
    let rest = client.rest();
    assert!(
        rest.ends_with("....said before\ntoo slow\n"),
        "it is flushed first: {}",
        rest.len()
    );
    server.wait_until(|totals| totals.slow_readers == 1);
    server.stop();
}

#[test]
fn reader_over_the_soft_limit_is_cut_off_after_its_grace() {
    let server = serve(&narrow(100_000, 1 << 30, Duration::from_millis(100)));
    let mut client = server.connect_narrow();
    client.send("fill 50000000\n");
    server.wait_for(|log| matches!(log, Log::Overflow(_)).then_some(()));
    assert!(client.rest().ends_with("....too slow\n"));
    let log = server.stop();
    assert_eq!(
        log.iter()
            .filter(|log| matches!(log, Log::Overflow(_)))
            .count(),
        0
    );
}

#[test]
fn reader_that_catches_up_within_its_grace_stays() {
    let server = serve(&narrow(100_000, 1 << 30, PATIENCE));
    let mut client = server.connect_narrow();
    client.send("fill 50000000\n");
    server.wait_until(|totals| totals.queued_bytes > 100_000);
    client.read_exact(&mut vec![0; 50_000_000]);
    client.send("echo caught up\n");
    assert_eq!(client.line(), "caught up");
    server.wait_until(|totals| totals.queued_bytes == 0);
    server.stop();
}

#[test]
fn slow_reader_of_what_others_say_is_cut_off_and_nobody_else_notices() {
    let server = serve(&narrow(100_000, 1_000_000, PATIENCE));
    let mut slow = server.connect_narrow();
    slow.send("echo here\n");
    assert_eq!(slow.line(), "here");
    let slow_id = server.opened();
    let mut speaker = server.connect();
    let said = "x".repeat(50_000);
    for _ in 0..1000 {
        speaker.send(&format!("all {said}\n"));
        assert_eq!(speaker.line(), said);
    }
    server.wait_for(|log| (*log == Log::Overflow(slow_id)).then_some(()));
    assert!(server.runtime.gauges().totals().queued_bytes < 1_100_000);
    drop(slow);
    server.stop();
}

#[test]
fn hard_limit_holds_within_one_batch_of_mail() {
    let server = serve(&narrow(100_000, 1_000_000, PATIENCE));
    let mut client = server.connect_narrow();
    client.send("flood 500\n");
    let mut told_count = 0;
    server.wait_for(|log| {
        told_count += u32::from(matches!(log, Log::Told(_, true)));
        matches!(log, Log::Told(_, false)).then_some(())
    });
    // The system's own buffers take some 4 MB.
    assert!(told_count < 120, "{told_count} of 100,000 bytes each");
    drop(client);
    server.stop();
}

#[test]
fn stopping_server_sends_what_it_owes() {
    let server = serve(&Config {
        linger_timeout: PATIENCE,
        ..narrow(1 << 30, 1 << 30, PATIENCE)
    });
    let mut client = server.connect_narrow();
    client.send("fill 20000000\nstop\n");
    assert_eq!(client.rest().len(), 20_000_000);
    drop(client);
    server.runtime.join();
}

#[test]
fn mail_to_a_stopped_worker_comes_back() {
    let server = serve(&config());
    let sender = server.runtime.senders()[0].clone();
    server.stop();
    assert!(sender.send(net_support::Mail::CountTurns).is_err());
}

/// Set for the child process that plays the server.
const CHILD: &str = "CHINWAG_TEST_FEW_DESCRIPTORS";

#[test]
fn server_without_descriptors_waits_for_some_and_does_not_spin() {
    if std::env::var_os(CHILD).is_some() {
        return serve_with_few_descriptors();
    }
    let name = "server_without_descriptors_waits_for_some_and_does_not_spin";
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "yes")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let mut output = std::io::BufReader::new(child.stdout.take().expect("a pipe"));
    let mut next = |word: &str| loop {
        let mut line = String::new();
        let len = std::io::BufRead::read_line(&mut output, &mut line).expect("a line");
        assert_ne!(len, 0, "the child has not said {word}");
        if let Some((_, rest)) = line.split_once(word) {
            break rest.trim().to_owned();
        }
    };
    let address: std::net::SocketAddr = next("address ").parse().expect("an address");
    let mut clients: Vec<_> = (0..60).map(|_| net_support::connect_to(address)).collect();
    for client in &mut clients {
        client.send("echo hello\n");
    }
    // The child lets us go on when it has tried in vain a few times; then it may open files again.
    let turns: u64 = next("turns ").parse().expect("a number");
    assert!(turns < 1000, "{turns} turns");
    for client in &mut clients {
        assert_eq!(client.line(), "hello");
    }
    drop((clients, child.stdin.take()));
    assert!(child.wait().expect("the child ends").success());
}

fn serve_with_few_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let server = serve(&config());
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let limit = |current| {
        setrlimit(Resource::Nofile, Rlimit { current, maximum }).expect("up to the maximum");
    };
    // Less than what is open: the descriptor in reserve is of no use either.
    limit(Some(3));
    let mut stdout = std::io::stdout();
    writeln!(stdout, "address {}", server.address).expect("the parent reads");
    let end = net_support::now() + PATIENCE;
    while server.runtime.gauges().totals().accept_pauses < 3 {
        assert!(net_support::now() < end, "it has not paused yet");
        // Asking the worker would be a turn.
        std::thread::yield_now();
    }
    writeln!(stdout, "turns {}", server.turn_count()).expect("the parent reads");
    limit(current);
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).expect("the parent closes it");
    server.stop();
}

#[test]
fn client_that_hardly_reads_is_cut_off_below_the_soft_limit_too() {
    let outbox = OutboxLimits {
        soft_len: 8 << 20,
        hard_len: 16 << 20,
        floor_len: 100_000,
        drain_interval: Duration::from_millis(200),
        ..OutboxLimits::default()
    };
    let server = serve(&Config { outbox, ..config() });
    let mut client = server.connect_narrow();
    client.send("fill 6000000\n");
    // A little is not enough.
    client.read_exact(&mut [0; 1000]);
    let id = server.opened();
    server.wait_for(|log| (*log == Log::Overflow(id)).then_some(()));
    // Who reads a floor's worth in time is let be: this is one interval, and all of it is read.
    let mut reader = server.connect();
    reader.send("fill 6000000\n");
    reader.read_exact(&mut vec![0; 6_000_000]);
    reader.send("echo still here\n");
    assert_eq!(reader.line(), "still here");
    server.stop();
}
