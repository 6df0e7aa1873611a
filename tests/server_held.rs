//! As many connections as a process may have are held while a room talks, and none is lost; nor does
//! the room notice. When they are gone, as many again cost no more.
//!
//! `CHINWAG_HELD` says how many (500 if unset), `CHINWAG_HELD_SECONDS` for how long. The p99 of what the
//! room says may be three times the one without them, and `CHINWAG_FAULT_NOISE_MS` more.
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

use faults::crowd::{Crowd, Latencies};
use faults::footprint::Footprint;
use faults::idlers::Idlers;
use faults::{MAX_GROWN_LEN, is_late, raise_open_file_limit, seconds, size};
use support::{Server, descriptor_count, now};

#[test]
fn connections_that_are_held_while_a_room_talks_are_not_lost() {
    raise_open_file_limit();
    let count: u32 = size("CHINWAG_HELD", 500);
    let time = seconds("CHINWAG_HELD_SECONDS", Duration::from_secs(1));
    let server = Server::start(&[]);
    let mut crowd = Crowd::gather(&server, CROWD_COUNT, MESSAGES_PER_SECOND);
    let undisturbed = crowd.talk_for(UNDISTURBED_TIME);
    let before = Footprint::of(server.process_id());
    let (held, disturbed) = hold(&server, &mut crowd, count, time);
    let after = Footprint::of(server.process_id());
    let held_len = held.grown_since(&before) / u64::from(count);
    eprintln!(
        "{count} connections held for {time:?}: {held_len} bytes each in the end; {} messages to \
         {CROWD_COUNT} users: p50 {:?} and {:?}, p99 {:?} and {:?}",
        disturbed.count(),
        undisturbed.percentile(50),
        disturbed.percentile(50),
        undisturbed.percentile(99),
        disturbed.percentile(99),
    );
    assert!(held_len < MAX_HELD_LEN);
    assert!(crowd.kept_pace(&disturbed, time) && !is_late(&disturbed, &undisturbed));
    // Tables stay as large as they had to be.
    hold(&server, &mut crowd, count, Duration::ZERO);
    let grown_len = Footprint::of(server.process_id()).grown_since(&after);
    assert!(
        grown_len <= MAX_GROWN_LEN,
        "{grown_len} bytes more the second time"
    );
}

/// Holds so many for that long while the crowd talks; returns what the server held in the end, and
/// how long messages took.
fn hold(server: &Server, crowd: &mut Crowd, count: u32, time: Duration) -> (Footprint, Latencies) {
    let process_id = server.process_id();
    let usual_count = descriptor_count(process_id);
    let (stop, stopped) = mpsc::channel();
    let (sender, complete) = mpsc::channel();
    let address = server.web();
    let holder = thread::spawn(move || {
        let mut idlers = Idlers::open(address, count);
        sender.send(()).unwrap();
        idlers.hold(&stopped);
    });
    crowd.talk_until(|| complete.try_recv().is_ok() || holder.is_finished());
    let until = now() + time;
    let latencies = crowd.talk_until(|| now() >= until || holder.is_finished());
    let held = Footprint::of(process_id);
    // The holder has failed if any of them was lost.
    drop(stop);
    holder.join().unwrap();
    crowd.talk_while_waiting("all held sockets are closed", || {
        descriptor_count(process_id) == usual_count
    });
    (held, latencies)
}

const CROWD_COUNT: usize = 100;
/// Everyone says something each few seconds.
const MESSAGES_PER_SECOND: u32 = 40;
/// What an idle connection may cost, with its share of tables that grow by doubling.
const MAX_HELD_LEN: u64 = 4096;
/// What the room has for itself before.
const UNDISTURBED_TIME: Duration = Duration::from_secs(1);
