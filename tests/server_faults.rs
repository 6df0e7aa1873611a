//! A hundred honest users talk while others do their worst, and notice nothing of it.
//!
//! For each fault in a table: every message reaches every user once, in order, and with a p99 of at
//! most three times the undisturbed one and a constant, in the best of three attempts: attackers,
//! users and server share the machine. When it is over, the server holds the very descriptors that
//! it held when the users had gathered, and has lost no memory. An allocator keeps some of what was
//! freed, and has use for it when the same happens again; so a fault is repeated until the server is
//! no larger than it ever was, which one that leaks never is.
//!
//! An attack that came to nothing would disturb nobody: each says how often it did its thing, and
//! has to show in a metric of the server.
//!
//! `CHINWAG_FAULTS` multiplies the number of hostile peers (1 if unset), `CHINWAG_FAULT_SECONDS`
//! says how long each attack lasts, `CHINWAG_FAULT_NOISE_MS` is that constant, `CHINWAG_FAULT`
//! chooses faults by a part of their names.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod faults;
mod support;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use faults::arena::{ACCEPT_FAULTS, Arena};
use faults::crowd::{Crowd, Latencies};
use faults::footprint::Footprint;
use faults::hostile::{Effect, FAULTS, Fault, SYSTEM_FAULTS};
use faults::hostile_tls::TLS_FAULTS;
use faults::{MAX_GROWN_LEN, is_late, raise_open_file_limit, seconds, size};
use support::{Server, descriptor_count, disk, tls};
use tempfile::TempDir;

#[test]
fn honest_users_notice_no_fault_and_nothing_of_it_stays() {
    raise_open_file_limit();
    let dir = TempDir::new().unwrap();
    let shim = disk::compile_shim("accept_shim", dir.path());
    let faults = dir.path().join("no files");
    let environment = [
        ("LD_PRELOAD", shim.to_str().unwrap()),
        (ACCEPT_FAULTS, faults.to_str().unwrap()),
    ];
    let mut findings = judge_all(&Server::start(&[]), FAULTS);
    findings.extend(judge_all(&Server::start(&[tls::SELF_SIGNED]), TLS_FAULTS));
    findings.extend(judge_all(
        &Server::start_with(&[], &environment),
        SYSTEM_FAULTS,
    ));
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// Says what is wrong with a server.
fn judge_all(server: &Server, faults: &[Fault]) -> Vec<String> {
    let chosen = std::env::var("CHINWAG_FAULT").unwrap_or_default();
    let faults = faults.iter().filter(|fault| fault.name.contains(&chosen));
    let mut faults = faults.peekable();
    if faults.peek().is_none() {
        return Vec::new();
    }
    let mut crowd = Crowd::gather(server, CROWD_COUNT, MESSAGES_PER_SECOND);
    crowd.talk_for(QUICK_TIME);
    let before = Footprint::of(server.process_id());
    let mut findings: Vec<_> = faults
        .filter_map(|fault| judge(server, &mut crowd, fault, before.descriptor_count))
        .collect();
    let grown_len = Footprint::of(server.process_id()).grown_since(&before);
    let report = report("all of them", grown_len);
    let max_len = MAX_KEPT_LEN + KEPT_BY_PEERS_LEN * size("CHINWAG_FAULTS", 1);
    findings.extend((grown_len > max_len).then_some(report));
    findings
}

/// Says what is wrong if it is so in each of several attempts: a machine that does other things at
/// the same time delays one of them, and what a server needs at once may, by chance, be more than
/// ever before.
fn judge(server: &Server, crowd: &mut Crowd, fault: &Fault, usual_count: usize) -> Option<String> {
    let mut largest = Footprint::of(server.process_id());
    let (mut is_late, mut is_larger) = (true, true);
    let mut reports = Vec::new();
    let usual_time = seconds("CHINWAG_FAULT_SECONDS", QUICK_TIME);
    while reports.len()
        < if is_late {
            LATE_ATTEMPTS
        } else {
            LARGER_ATTEMPTS
        }
    {
        // For memory, another round need not be long.
        let time = if is_late { usual_time } else { QUICK_TIME };
        let (latencies, is_late_now) = attempt(server, crowd, fault, time, usual_count);
        let footprint = Footprint::of(server.process_id());
        let grown_len = footprint.grown_since(&largest);
        if grown_len > 0 {
            largest = footprint;
        }
        is_late &= is_late_now;
        is_larger &= grown_len > MAX_GROWN_LEN;
        reports.push(report(&format!("{:42} {latencies}", fault.name), grown_len));
        if !is_late && !is_larger {
            return None;
        }
    }
    Some(reports.join("\n"))
}

#[expect(
    clippy::print_stderr,
    reason = "in the long form figures are what it is run for"
)]
fn report(what: &str, grown_len: u64) -> String {
    let report = format!("{what}, {} KiB more", grown_len / 1024);
    eprintln!("{report}");
    report
}

/// Attacks once; returns latencies, and whether they are more than is allowed.
fn attempt(
    server: &Server,
    crowd: &mut Crowd,
    fault: &Fault,
    time: Duration,
    usual_count: usize,
) -> (String, bool) {
    let undisturbed = crowd.talk_for(time.min(MAX_UNDISTURBED_TIME));
    let disturbed = attack(server, crowd, fault, time);
    crowd.talk_while_waiting("all hostile sockets are closed", || {
        descriptor_count(server.process_id()) == usual_count
    });
    let latencies = format!(
        "p50 {:5.1} and {:5.1} ms, p99 {:5.1} and {:5.1} ms",
        millis(undisturbed.percentile(50)),
        millis(disturbed.percentile(50)),
        millis(undisturbed.percentile(99)),
        millis(disturbed.percentile(99)),
    );
    let is_late = !crowd.kept_pace(&disturbed, time) || is_late(&disturbed, &undisturbed);
    (latencies, is_late)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// Has the crowd talk while a thread attacks, until that has ended.
fn attack(server: &Server, crowd: &mut Crowd, fault: &Fault, time: Duration) -> Latencies {
    let (stop, stopped) = mpsc::channel();
    let (under_way, is_under_way) = mpsc::channel();
    let count = fault.count * size("CHINWAG_FAULTS", 1);
    let arena = Arena::new(server, count, stopped, under_way);
    let attack = fault.attack;
    let due = fault.effect.value(server) + fault.effect.growth(count);
    let has_effect = || fault.effect.value(server) >= due;
    let hostile = thread::spawn(move || {
        attack(&arena);
        arena.deed_count()
    });
    let beginning = crowd.talk_until(|| is_under_way.try_recv().is_ok() || hostile.is_finished());
    if matches!(fault.effect, Effect::Held(_)) {
        crowd.talk_while_waiting("the attack shows", || hostile.is_finished() || has_effect());
    }
    let middle = crowd.talk_for(time);
    drop(stop);
    let end = crowd.talk_while_waiting("the attack has ended", || hostile.is_finished());
    assert!(
        hostile.join().unwrap() > 0,
        "{}: nothing was done",
        fault.name
    );
    match fault.effect {
        Effect::Accepted => assert!(has_effect(), "{}: it did not show", fault.name),
        Effect::Counted(_) => {
            crowd.talk_while_waiting("the attack has shown", has_effect);
        }
        Effect::Held(_) => {}
    }
    beginning.and(middle).and(end)
}

const CROWD_COUNT: usize = 100;
/// Everyone says something each few seconds.
const MESSAGES_PER_SECOND: u32 = 40;
/// How often messages may be late before it is the fault's doing.
const LATE_ATTEMPTS: usize = 3;
/// How often a server may grow before it leaks.
const LARGER_ATTEMPTS: usize = 8;
/// How long an attack lasts.
const QUICK_TIME: Duration = Duration::from_millis(600);
/// Longer, it would say no more.
const MAX_UNDISTURBED_TIME: Duration = Duration::from_secs(3);
/// What the allocator may have kept after all faults: what workers have it keep on purpose, for each
/// of the threads that has an arena of its own.
const MAX_KEPT_LEN: u64 = 64 << 20;
/// And of what was owed to peers who did not read, by the number of which the table speaks.
const KEPT_BY_PEERS_LEN: u64 = 16 << 20;
