//! A worker's mailbox: the bell, and the queue that is full.

use std::io;

use loom::sync::atomic::AtomicBool;
use loom::sync::{Arc, Mutex};
use loom::thread;

#[path = "../../src/net/bell.rs"]
mod bell;

use bell::Bell;

use crate::finds;
use crate::orders as sync;
use crate::orders::{Ordering, without_orders};

#[test]
fn no_wake_is_lost_between_two_senders_and_a_sleeping_worker() {
    loom::model(|| run_mailbox(Worker::SilencesFirst));
}

#[test]
fn model_finds_the_worker_that_silences_its_bell_too_late() {
    let found = finds(|| run_mailbox(Worker::EmptiesFirst));
    assert!(found, "a wake was lost, and nobody noticed");
}

#[test]
fn model_finds_a_bell_that_carries_no_order() {
    let found = without_orders(|| finds(|| run_mailbox(Worker::SilencesFirst)));
    assert!(found, "mail was overlooked, and nobody noticed");
}

#[test]
fn model_finds_the_sender_that_rings_too_early() {
    let found = finds(|| {
        let mailbox = Arc::new(Mailbox::new());
        let sender = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || {
                mailbox.ring();
                mailbox.queue(0);
            })
        };
        mailbox.turn(Worker::SilencesFirst);
        sender.join().expect("the sender is done");
        mailbox.assert_awake();
    });
    assert!(found, "a wake was lost, and nobody noticed");
}

#[test]
fn failed_wake_is_made_up_for_by_the_next_mail() {
    loom::model(|| {
        let mailbox = Arc::new(Mailbox::new());
        mailbox.queue(0);
        mailbox.bell.ring(|| Err(io::ErrorKind::OutOfMemory.into()));
        let sender = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || mailbox.send(1))
        };
        mailbox.turn(Worker::SilencesFirst);
        sender.join().expect("the sender is done");
        mailbox.assert_awake();
    });
}

#[test]
fn who_waits_for_room_has_woken_the_worker() {
    loom::model(|| fill(FullMailbox::ring_for_room));
}

#[test]
fn model_finds_the_sender_that_waits_for_room_before_it_rings() {
    let found = finds(|| {
        fill(|mailbox| {
            let has_room = mailbox.queue();
            if has_room {
                mailbox.ring();
            }
            has_room
        });
    });
    assert!(found, "a sender waited for ever, and nobody noticed");
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
    /// Which mails lie there. The queue carries no order of its own: who may see a mail at once, and
    /// who only later, is for the bell to say.
    queue: [AtomicBool; 3],
    /// Whether the worker's next poll returns at once. Who writes to an eventfd and who polls it
    /// come one after the other, by a lock in the kernel.
    is_woken: AtomicBool,
}

/// Two senders with a mail each, and a worker that takes a turn whenever it is woken.
fn run_mailbox(worker: Worker) {
    let mailbox = Arc::new(Mailbox::new());
    let senders = [0, 1].map(|mail| {
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
            queue: [(); 3].map(|()| AtomicBool::new(false)),
            is_woken: AtomicBool::new(false),
        }
    }

    fn send(&self, mail: usize) {
        self.queue(mail);
        self.ring();
    }

    fn queue(&self, mail: usize) {
        self.queue[mail].store(true, Ordering::Relaxed);
    }

    fn ring(&self) {
        self.bell.ring(|| {
            self.is_woken.swap(true, Ordering::AcqRel);
            Ok(())
        });
    }

    /// One turn of the worker: it goes on sleeping unless it is woken.
    fn turn(&self, worker: Worker) {
        if !self.is_woken.swap(false, Ordering::AcqRel) {
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
        for mail in &self.queue {
            if mail.load(Ordering::Relaxed) {
                mail.store(false, Ordering::Relaxed);
            }
        }
    }

    /// After all is sent: what lies there will be looked at, and a later mail rings.
    fn assert_awake(&self) {
        let is_woken = || self.is_woken.load(Ordering::Acquire);
        let mut mails = self.queue.iter();
        let is_empty = mails.all(|mail| !mail.load(Ordering::Relaxed));
        assert!(
            is_empty || is_woken(),
            "mail lies there and the worker sleeps"
        );
        self.send(2);
        assert!(is_woken(), "nothing wakes the worker any more");
    }
}

/// The real bell, and a queue for one mail.
struct FullMailbox {
    bell: Bell,
    /// Mails that lie there, or whose senders wait until there is room.
    waiting_count: Mutex<u32>,
    is_woken: AtomicBool,
}

/// Two senders, one of which queues two mails and rings when both are queued; `await_room` is what
/// they do when the queue is full. It returns false when there still is no room, and then they wait
/// for it.
fn fill(await_room: impl Fn(&FullMailbox) -> bool + Copy + Send + 'static) {
    let mailbox = Arc::new(FullMailbox {
        bell: Bell::new(),
        waiting_count: Mutex::new(0),
        is_woken: AtomicBool::new(false),
    });
    let senders = [2, 1].map(|mail_count| {
        let mailbox = Arc::clone(&mailbox);
        thread::spawn(move || {
            let mut mails = 0..mail_count;
            if mails.all(|_| mailbox.try_queue() || await_room(&mailbox)) {
                mailbox.ring();
            }
        })
    });
    mailbox.turn();
    for sender in senders {
        sender.join().expect("the sender is done, or waits");
    }
    let is_woken = mailbox.is_woken.load(Ordering::Acquire);
    let waiting_count = *mailbox.waiting_count.lock().expect("nobody panics");
    assert!(
        waiting_count == 0 || is_woken,
        "a sender waits and the worker sleeps"
    );
}

impl FullMailbox {
    fn try_queue(&self) -> bool {
        let mut waiting_count = self.waiting_count.lock().expect("nobody panics");
        let has_room = *waiting_count == 0;
        *waiting_count += u32::from(has_room);
        has_room
    }

    /// Queues a mail as soon as there is room; returns whether that is now.
    fn queue(&self) -> bool {
        let mut waiting_count = self.waiting_count.lock().expect("nobody panics");
        *waiting_count += 1;
        *waiting_count == 1
    }

    fn ring_for_room(&self) -> bool {
        self.bell.ring_for_room(|| self.wake(), || self.queue())
    }

    fn ring(&self) {
        self.bell.ring(|| self.wake());
    }

    #[expect(clippy::unnecessary_wraps, reason = "an eventfd can fail")]
    fn wake(&self) -> io::Result<()> {
        self.is_woken.swap(true, Ordering::AcqRel);
        Ok(())
    }

    fn turn(&self) {
        if self.is_woken.swap(false, Ordering::AcqRel) {
            self.bell.silence();
            *self.waiting_count.lock().expect("nobody panics") = 0;
        }
    }
}
