//! As many connections as a process may have are held while a room talks, and none is lost.
//!
//! `CHINWAG_HELD` says how many (500 if unset), `CHINWAG_HELD_SECONDS` for how long.
#![cfg(feature = "server")]

mod faults;
mod support;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use faults::crowd::Crowd;
use faults::footprint::{Footprint, descriptor_count};
use faults::idlers::Idlers;
use faults::{raise_open_file_limit, seconds, size};
use support::{Server, now};

#[test]
fn connections_that_are_held_while_a_room_talks_are_not_lost() {
    raise_open_file_limit();
    let count: u32 = size("CHINWAG_HELD", 500);
    let time = seconds("CHINWAG_HELD_SECONDS", Duration::from_secs(1));
    let server = Server::start(&[]);
    let process_id = server.process_id();
    let mut crowd = Crowd::gather(&server, CROWD_COUNT, MESSAGES_PER_SECOND);
    crowd.talk_for(Duration::from_millis(500));
    let before = Footprint::of(process_id);

    let (stop, stopped) = mpsc::channel();
    let (sender, complete) = mpsc::channel();
    let address = server.web();
    let holder = thread::spawn(move || {
        let mut idlers = Idlers::open(address, count);
        sender.send(()).unwrap();
        idlers.hold(&stopped);
    });
    crowd.talk_until(|| complete.try_recv().is_ok() || holder.is_finished());
    let held = Footprint::of(process_id);
    let until = now() + time;
    let latencies = crowd.talk_until(|| now() >= until || holder.is_finished());
    let held_long = Footprint::of(process_id);
    // The holder has failed if any of them was lost.
    drop(stop);
    holder.join().unwrap();

    let per_connection = |footprint: &Footprint| {
        footprint.resident_len.saturating_sub(before.resident_len) / u64::from(count)
    };
    eprintln!(
        "{count} connections held for {time:?}: {} bytes each at first, {} in the end; \
         {} messages to {CROWD_COUNT} users: p50 {:?}, p99 {:?}",
        per_connection(&held),
        per_connection(&held_long),
        latencies.count(),
        latencies.percentile(50),
        latencies.percentile(99),
    );
    assert!(per_connection(&held_long) < MAX_HELD_LEN);
    crowd.talk_while_waiting("all held sockets are closed", || {
        descriptor_count(process_id) == before.descriptor_count
    });
}

const CROWD_COUNT: usize = 100;
/// Everyone says something each few seconds.
const MESSAGES_PER_SECOND: u32 = 40;
/// What an idle connection may cost, with its share of tables that grow by doubling.
const MAX_HELD_LEN: u64 = 4096;
