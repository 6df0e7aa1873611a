//! A hundred honest users talk while others do their worst, and notice nothing of it.
//!
//! For each fault in a table: every message reaches every user once, in order, and hardly later
//! than without the fault; when it is over, the server holds the descriptors that it held before,
//! and about the memory.
//!
//! `CHINWAG_FAULTS` multiplies the number of hostile peers (1 if unset), `CHINWAG_FAULT_SECONDS`
//! says how long each attack lasts, `CHINWAG_FAULT_NOISE_MS` by how much more than three times the
//! undisturbed latency may be exceeded, `CHINWAG_FAULT` chooses faults by a part of their names.
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

use faults::arena::Arena;
use faults::crowd::{Crowd, Latencies};
use faults::footprint::{Footprint, descriptor_count};
use faults::hostile::{FAULTS, Fault, TLS_FAULTS};
use faults::{raise_open_file_limit, seconds, size};
use support::{Server, now, tls};

#[test]
fn honest_users_notice_no_fault_and_nothing_of_it_stays() {
    raise_open_file_limit();
    let mut findings = judge_all(&[], FAULTS);
    findings.extend(judge_all(&[tls::SELF_SIGNED], TLS_FAULTS));
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// Says what is wrong with a server that has these flags.
fn judge_all(flags: &[&str], faults: &[Fault]) -> Vec<String> {
    let chosen = std::env::var("CHINWAG_FAULT").unwrap_or_default();
    let faults = faults.iter().filter(|fault| fault.name.contains(&chosen));
    let mut faults = faults.peekable();
    if faults.peek().is_none() {
        return Vec::new();
    }
    let server = Server::start(flags);
    let mut crowd = Crowd::gather(&server, CROWD_COUNT, MESSAGES_PER_SECOND);
    faults
        .filter_map(|fault| judge(&server, &mut crowd, fault))
        .collect()
}

/// Says what is wrong. A machine that does other things at the same time delays one attempt, not
/// all of them.
fn judge(server: &Server, crowd: &mut Crowd, fault: &Fault) -> Option<String> {
    for _ in 1..ATTEMPTS {
        attempt(server, crowd, fault)?;
    }
    attempt(server, crowd, fault)
}

/// Attacks once; says what honest users or the machine noticed, beyond what is allowed.
#[expect(
    clippy::print_stderr,
    reason = "in the long form figures are what it is run for"
)]
fn attempt(server: &Server, crowd: &mut Crowd, fault: &Fault) -> Option<String> {
    let time = seconds("CHINWAG_FAULT_SECONDS", QUICK_TIME);
    let undisturbed = crowd.talk_for(time.min(MAX_UNDISTURBED_TIME));
    let before = Footprint::of(server.process_id());
    let disturbed = attack(server, crowd, fault, time);
    let descriptors = || descriptor_count(server.process_id());
    crowd.talk_while_waiting("all hostile sockets are closed", || {
        descriptors() == before.descriptor_count
    });
    let after = Footprint::of(server.process_id());
    let grown_len = after.resident_len.saturating_sub(before.resident_len);
    let report = format!(
        "{:42} p50 {:5.1} and {:5.1} ms, p99 {:5.1} and {:5.1} ms, {} KiB more",
        fault.name,
        millis(undisturbed.percentile(50)),
        millis(disturbed.percentile(50)),
        millis(undisturbed.percentile(99)),
        millis(disturbed.percentile(99)),
        grown_len / 1024,
    );
    eprintln!("{report}");
    let noise = Duration::from_millis(size("CHINWAG_FAULT_NOISE_MS", QUICK_NOISE_MS));
    let is_late = disturbed.percentile(99) > undisturbed.percentile(99) * 3 + noise;
    (is_late || grown_len > KEPT_LEN).then_some(report)
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
    let hostile = thread::spawn(move || attack(&arena));
    let until = now() + time;
    let disturbed = crowd.talk_until(|| is_under_way.try_recv().is_ok() || hostile.is_finished());
    let disturbed = disturbed.and(crowd.talk_until(|| now() >= until));
    drop(stop);
    crowd.talk_while_waiting("the attack has ended", || hostile.is_finished());
    hostile.join().unwrap();
    disturbed
}

const CROWD_COUNT: usize = 100;
/// Everyone says something each few seconds.
const MESSAGES_PER_SECOND: u32 = 40;
/// How often a fault may be noticed before it is one.
const ATTEMPTS: usize = 3;
/// How long an attack lasts.
const QUICK_TIME: Duration = Duration::from_millis(600);
/// Longer, it would say no more.
const MAX_UNDISTURBED_TIME: Duration = Duration::from_secs(3);
/// What may be added to any delivery where other tests, and compilers, have most of the processor
/// and nothing is optimised. The long form is strict.
const QUICK_NOISE_MS: u64 = 2_000;
/// Freed memory that the allocator may keep: what workers have it keep on purpose, and more of it
/// for each of the threads that has an arena of its own.
const KEPT_LEN: u64 = 32 << 20;
