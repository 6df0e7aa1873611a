//! What threads share, run in every order that the memory model allows.
//!
//! The files under test are the library's own, included here with loom's atomics for the real ones.
//! Each model is also run with a fault planted in it, which it must find: else it would prove
//! nothing by finding none.

use std::panic::{AssertUnwindSafe, catch_unwind};

use loom::sync::{Arc, Mutex};
use loom::thread;

#[path = "../src/net/bell.rs"]
mod bell;
#[path = "../src/server/double_count.rs"]
mod double_count;

mod sync {
    pub(super) use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering};
}

use bell::Bell;
use sync::{AtomicU32, Ordering};

#[test]
fn no_wake_is_lost_between_two_senders_and_a_sleeping_worker() {
    loom::model(|| run_mailbox(Worker::SilencesFirst));
}

#[test]
fn model_finds_the_worker_that_silences_its_bell_too_late() {
    let found = catch_unwind(|| loom::model(|| run_mailbox(Worker::EmptiesFirst)));
    assert!(found.is_err(), "a wake was lost, and nobody noticed");
}

#[test]
fn model_finds_the_sender_that_rings_too_early() {
    let found = catch_unwind(|| {
        loom::model(|| {
            let mailbox = Arc::new(Mailbox::new());
            let sender = {
                let mailbox = Arc::clone(&mailbox);
                thread::spawn(move || {
                    mailbox.ring();
                    mailbox.queue(1);
                })
            };
            mailbox.turn(Worker::SilencesFirst);
            sender.join().expect("the sender is done");
            mailbox.assert_awake();
        });
    });
    assert!(found.is_err(), "a wake was lost, and nobody noticed");
}

#[test]
fn failed_wake_is_made_up_for_by_the_next_mail() {
    loom::model(|| {
        let mailbox = Arc::new(Mailbox::new());
        mailbox.queue(1);
        mailbox
            .bell
            .ring(|| Err(std::io::ErrorKind::OutOfMemory.into()));
        let sender = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || mailbox.send(2))
        };
        mailbox.turn(Worker::SilencesFirst);
        sender.join().expect("the sender is done");
        mailbox.assert_awake();
    });
}

#[test]
fn of_those_who_enter_at_once_no_more_get_in_than_may() {
    loom::model(|| assert!(enter_at_once(double_count::enter) <= 1));
}

#[test]
fn who_leaves_while_others_enter_makes_room_for_one() {
    loom::model(|| {
        let counters = Arc::new(counters());
        assert!(double_count::enter(pair(&counters), 1), "it is empty");
        let entering = {
            let counters = Arc::clone(&counters);
            thread::spawn(move || double_count::enter(pair(&counters), 1))
        };
        double_count::leave(pair(&counters));
        let is_in = double_count::enter(pair(&counters), 1);
        let is_other_in = entering.join().expect("it has been judged");
        assert!(!(is_in && is_other_in), "two are in");
        let inside = u32::from(is_in) + u32::from(is_other_in);
        assert_eq!(
            counts(&counters),
            [inside; 2],
            "who is refused is not counted"
        );
    });
}

#[test]
fn model_finds_that_earlier_counts_are_no_ground_to_judge_by() {
    let by_earlier_counts = |counters: [&AtomicU32; 2], max| {
        let counts = counters.map(|counter| counter.fetch_add(1, Ordering::AcqRel));
        counts[0].min(counts[1]) < max
    };
    let found = catch_unwind(AssertUnwindSafe(|| {
        loom::model(move || assert!(enter_at_once(by_earlier_counts) <= 1));
    }));
    assert!(found.is_err(), "two got in, and nobody noticed");
}

/// In which order a worker silences its bell and empties its queue.
#[derive(Clone, Copy)]
enum Worker {
    SilencesFirst,
    EmptiesFirst,
}

/// The real bell between a queue and an eventfd that are modelled.
struct Mailbox {
    bell: Bell,
    queue: Mutex<Vec<u32>>,
    /// Whether the worker's next poll returns at once.
    is_woken: Mutex<bool>,
}

/// Two senders with a mail each, and a worker that takes a turn whenever it is woken.
fn run_mailbox(worker: Worker) {
    let mailbox = Arc::new(Mailbox::new());
    let senders = [1, 2].map(|mail| {
        let mailbox = Arc::clone(&mailbox);
        thread::spawn(move || mailbox.send(mail))
    });
    mailbox.turn(worker);
    mailbox.turn(worker);
    for sender in senders {
        sender.join().expect("the sender is done");
    }
    mailbox.assert_awake();
}

impl Mailbox {
    fn new() -> Self {
        Self {
            bell: Bell::new(),
            queue: Mutex::new(Vec::new()),
            is_woken: Mutex::new(false),
        }
    }

    fn send(&self, mail: u32) {
        self.queue(mail);
        self.ring();
    }

    fn queue(&self, mail: u32) {
        self.queue.lock().expect("nobody panics").push(mail);
    }

    fn ring(&self) {
        self.bell.ring(|| {
            *self.is_woken.lock().expect("nobody panics") = true;
            Ok(())
        });
    }

    /// One turn of the worker: it goes on sleeping unless it is woken.
    fn turn(&self, worker: Worker) {
        let is_woken = std::mem::take(&mut *self.is_woken.lock().expect("nobody panics"));
        if !is_woken {
            return;
        }
        match worker {
            Worker::SilencesFirst => {
                self.bell.silence();
                self.empty();
            }
            Worker::EmptiesFirst => {
                self.empty();
                self.bell.silence();
            }
        }
    }

    fn empty(&self) {
        self.queue.lock().expect("nobody panics").clear();
    }

    /// After all is sent: what lies there will be looked at, and a later mail rings.
    fn assert_awake(&self) {
        let is_woken = *self.is_woken.lock().expect("nobody panics");
        let is_empty = self.queue.lock().expect("nobody panics").is_empty();
        assert!(
            is_empty || is_woken,
            "mail lies there and the worker sleeps"
        );
        self.send(3);
        assert!(
            *self.is_woken.lock().expect("nobody panics"),
            "nothing wakes the worker any more"
        );
    }
}

/// Has two enter at once where one may; returns how many got in.
fn enter_at_once(enter: impl Fn([&AtomicU32; 2], u32) -> bool + Copy + Send + 'static) -> u32 {
    let counters = Arc::new(counters());
    let other = {
        let counters = Arc::clone(&counters);
        thread::spawn(move || enter(pair(&counters), 1))
    };
    let is_in = enter(pair(&counters), 1);
    let is_other_in = other.join().expect("it has been judged");
    u32::from(is_in) + u32::from(is_other_in)
}

fn counters() -> [AtomicU32; 2] {
    [AtomicU32::new(0), AtomicU32::new(0)]
}

fn pair(counters: &[AtomicU32; 2]) -> [&AtomicU32; 2] {
    counters.each_ref()
}

fn counts(counters: &[AtomicU32; 2]) -> [u32; 2] {
    counters
        .each_ref()
        .map(|counter| counter.load(Ordering::Acquire))
}
