//! Connections on real sockets: what is sent comes back, whatever the sizes, the speeds, the number
//! of workers.
#![cfg(feature = "server")]

mod net_support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use chinwag::net::{
    Accepted, Config, Connections, Flow, ListenAddress, OutboxLimits, Peer, Service, SlowReader,
    Turn,
};
use net_support::{Lines, Log, Mail, PATIENCE, config, serve, serve_on};

fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| u8::try_from(at * 31 % 251).expect("below 251"))
        .collect()
}

#[test]
fn line_is_answered_however_it_is_split() {
    let server = serve(&config());
    let mut client = server.connect();
    for byte in "echo one byte at a time\n".chars() {
        client.send(&byte.to_string());
    }
    assert_eq!(client.line(), "one byte at a time");
    client.send("echo a\necho b\nec");
    client.send("ho c\n");
    assert_eq!(
        [client.line(), client.line(), client.line()],
        ["a", "b", "c"]
    );
    server.stop();
}

#[test]
fn large_transfer_comes_back_whole() {
    let server = serve(&config());
    let mut client = server.connect();
    let sent = pattern(24 << 20);
    client.send("raw\n");
    let mut writer = client.stream.try_clone().expect("a second handle");
    let bytes = sent.clone();
    let thread = thread::spawn(move || writer.write_all(&bytes).expect("the server takes it"));
    let mut received = vec![0; sent.len()];
    client.read_exact(&mut received);
    thread.join().expect("all is written");
    assert!(received == sent, "not a byte is lost, changed or moved");
    server.stop();
}

#[test]
fn connection_that_is_not_read_is_not_read_from_and_loses_nothing() {
    let outbox = OutboxLimits {
        soft_len: 100_000,
        when_full: SlowReader::StopReading,
        ..OutboxLimits::default()
    };
    let server = serve(&Config { outbox, ..config() });
    let mut client = server.connect_narrow();
    client.send("raw\n");
    let chunk = pattern(1 << 20);
    client.stream.set_nonblocking(true).expect("a mode");
    let mut sent = 0;
    // Blocked at both ends: nothing moves any more when the server has stopped reading.
    loop {
        match client.stream.write(&chunk[sent % chunk.len()..]) {
            Ok(len) => sent += len,
            Err(_) => {
                let received = server.runtime.gauges().totals().received_bytes;
                server.turn_count();
                let queued = server.runtime.gauges().totals().queued_bytes;
                if queued > 100_000 && received == server.runtime.gauges().totals().received_bytes {
                    break;
                }
            }
        }
        assert!(sent < 1 << 30, "the server reads on and on");
    }
    let queued = server.runtime.gauges().totals().queued_bytes;
    assert!(
        queued <= 100_000 + (256 << 10),
        "one read over the limit at most, not {queued}"
    );
    client.stream.set_nonblocking(false).expect("a mode");
    let mut received = vec![0; sent];
    client.read_exact(&mut received);
    assert!(
        received
            .chunks(chunk.len())
            .all(|part| part == &chunk[..part.len()])
    );
    client
        .stream
        .write_all(b"more")
        .expect("the server reads again");
    let mut more = [0; 4];
    client.read_exact(&mut more);
    assert_eq!(&more, b"more");
    server.stop();
}

#[test]
fn flooding_peer_does_not_starve_another() {
    let server = serve(&Config {
        read_budget: 1,
        ..config()
    });
    let flood = server.connect();
    (&flood.stream)
        .write_all(b"raw\n")
        .expect("the server takes it");
    let is_over = Arc::new(AtomicBool::new(false));
    let mut writer = flood.stream.try_clone().expect("a second handle");
    let mut reader = flood.stream.try_clone().expect("a second handle");
    let writes_until = Arc::clone(&is_over);
    let writing = thread::spawn(move || {
        let chunk = pattern(1 << 20);
        while !writes_until.load(Ordering::Relaxed) && writer.write_all(&chunk).is_ok() {}
        writer.shutdown(std::net::Shutdown::Both)
    });
    let reading = thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    server.wait_until(|totals| totals.received_bytes > 10 << 20);
    let mut client = server.connect();
    for nth in 0..200 {
        client.send(&format!("echo {nth}\n"));
        assert_eq!(client.line(), nth.to_string());
    }
    is_over.store(true, Ordering::Relaxed);
    let _ = writing.join().expect("the flood ends");
    let _ = reading.join().expect("the flood ends");
    server.stop();
}

#[test]
fn everyone_on_every_worker_is_told() {
    let server = serve_on(&config(), 3, usize::MAX, &[]);
    let mut clients: Vec<_> = (0..30).map(|_| server.connect()).collect();
    for (nth, client) in clients.iter_mut().enumerate() {
        client.send(&format!("echo {nth}\n"));
        assert_eq!(client.line(), nth.to_string());
    }
    clients[0].send("all hear, hear\n");
    for client in &mut clients {
        assert_eq!(client.line(), "hear, hear");
    }
    server.stop();
}

#[test]
fn mail_from_many_threads_reaches_a_connection_in_each_senders_order() {
    const EACH: usize = 5_000;
    let server = serve(&Config {
        mailbox_capacity: 16,
        ..config()
    });
    let mut client = server.connect();
    let id = server.opened();
    let threads: Vec<_> = (0..4_usize)
        .map(|sender| {
            let mailbox = server.runtime.senders()[0].clone();
            thread::spawn(move || {
                for nth in 0..EACH {
                    let text = format!("{sender} {nth}");
                    mailbox.send(Mail::Tell(id, text)).expect("the worker runs");
                }
            })
        })
        .collect();
    let mut next = [0; 4];
    for _ in 0..4 * EACH {
        let line = client.line();
        let (sender, nth) = line.split_once(' ').expect("two numbers");
        let expected = &mut next[sender.parse::<usize>().expect("a number")];
        assert_eq!(nth.parse(), Ok(*expected));
        *expected += 1;
    }
    for thread in threads {
        thread.join().expect("all is sent");
    }
    server.stop();
}

#[test]
fn mail_to_a_closed_connection_does_not_reach_its_successor() {
    let server = serve(&config());
    let mut first = server.connect();
    let first_id = server.opened();
    first.send("drop\n");
    first.rest();
    assert_eq!(server.closed(), first_id);
    let mut second = server.connect();
    let second_id = server.opened();
    server.tell(Mail::Tell(first_id, "who?".to_owned()));
    server.wait_for(|log| (*log == Log::Told(first_id, false)).then_some(()));
    server.tell(Mail::Tell(second_id, "you".to_owned()));
    assert_eq!(second.line(), "you");
    server.stop();
}

#[test]
fn deadline_comes_without_any_traffic() {
    let server = serve(&config());
    let mut client = server.connect();
    let start = net_support::now();
    client.send("expire 50\n");
    assert_eq!(client.line(), "expired");
    assert!(start.elapsed().as_millis() >= 50);
    client.send("expire 60000\nexpire 20\n");
    assert_eq!(client.line(), "expired");
    server.stop();
}

#[test]
fn waiting_server_takes_no_turns() {
    let server = serve(&config());
    let mut client = server.connect();
    client.send("echo hello\nexpire 300\n");
    assert_eq!(client.line(), "hello");
    let before = server.turn_count();
    assert_eq!(client.line(), "expired");
    assert!(server.turn_count() - before < 10);
    server.stop();
}

#[test]
fn unix_socket_serves_like_tcp() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let server = serve_on(
        &config(),
        1,
        usize::MAX,
        &[ListenAddress::Unix(path.clone())],
    );
    let mut client = UnixStream::connect(&path).expect("the server listens");
    client.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    client
        .write_all(b"echo hello\nclose bye\n")
        .expect("the server takes it");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("FIN comes");
    assert_eq!(answer, "hello\nbye\n");
    server.stop();
}

#[test]
fn refused_connection_hears_why() {
    let server = serve_on(&config(), 1, 1, &[]);
    let mut first = server.connect();
    first.send("echo in\n");
    assert_eq!(first.line(), "in");
    let mut second = server.connect();
    second.send("echo never read\n");
    assert_eq!(second.rest(), "busy\n");
    first.send("echo still in\n");
    assert_eq!(first.line(), "still in");
    server.stop();
}

#[test]
fn worker_that_stops_accepting_keeps_its_connections() {
    let server = serve_on(&config(), 2, usize::MAX, &[]);
    let mut client = server.connect();
    client.send("echo hello\n");
    assert_eq!(client.line(), "hello");
    for sender in server.runtime.senders() {
        sender.send(Mail::StopAccepting).expect("the worker runs");
        sender.send(Mail::CountTurns).expect("the worker runs");
    }
    // The turn in which the last of them stops is over when another has been counted.
    for sender in server.runtime.senders() {
        sender.send(Mail::CountTurns).expect("the worker runs");
    }
    let end = net_support::now() + PATIENCE;
    while TcpStream::connect(server.address).is_ok() {
        assert!(net_support::now() < end, "somebody still listens");
    }
    client.send("echo still here\n");
    assert_eq!(client.line(), "still here");
    server.stop();
}

#[test]
fn shared_bytes_keep_their_place_on_the_way_to_a_slow_reader() {
    let server = serve(&config());
    let mut client = server.connect_narrow();
    let mut expected = String::new();
    for nth in 0..200 {
        client.send(&format!("echo {nth}\nshare {}\n", nth * 100));
        expected += &format!("{nth}\n{}\n", "s".repeat(nth * 100));
    }
    client.send("close bye\n");
    expected += "bye\n";
    assert!(client.rest() == expected, "all comes, in order");
    server.stop();
}

#[test]
fn service_runs_without_sockets() {
    let start = net_support::now();
    let (sender, log) = mpsc::channel();
    let mut service = Lines::new(sender);
    let mut connections = Connections::new(&OutboxLimits::default());
    let mut posts = Vec::new();
    let accepted = Accepted {
        listener: 0,
        peer: Peer::Unix,
    };
    let mut turn = Turn::new(start, &mut posts);
    let id = connections.open(|id, outbox| service.open(id, &accepted, &mut turn, outbox));
    connections.update(id, |session, outbox| {
        let mut input = *b"echo one\npost two\nexpire 5000\n";
        service.receive(session, &mut input, &mut turn, outbox)
    });
    for mail in std::mem::take(&mut posts) {
        service.mail(
            mail,
            &mut Turn::new(start, &mut Vec::new()),
            &mut connections,
        );
    }
    let due_at = connections
        .get(id)
        .and_then(|session| service.deadline(session));
    assert_eq!(due_at, Some(start + Duration::from_secs(5)));
    let mut turn = Turn::new(start + Duration::from_secs(5), &mut posts);
    connections.update(id, |session, outbox| {
        service.expire(session, &mut turn, outbox)
    });
    connections.update(id, |session, outbox| {
        service.receive(session, &mut b"close bye\n".to_owned(), &mut turn, outbox)
    });
    assert_eq!(
        (connections.next_touched(), connections.next_touched()),
        (Some(id), None)
    );
    let (session, flow) = connections.take_ended(id).expect("it asked for its end");
    assert_eq!(flow, Flow::Close);
    service.closed(session, id, &mut turn);
    let mut sent = Vec::new();
    connections
        .outbox(id)
        .expect("it is still there")
        .write_to(&mut sent)
        .expect("it fits");
    assert_eq!(String::from_utf8_lossy(&sent), "one\ntwo\nexpired\nbye\n");
    assert!(connections.remove(id).is_none() && connections.is_empty());
    assert!(log.try_iter().any(|log| log == Log::Closed(id)));
}
