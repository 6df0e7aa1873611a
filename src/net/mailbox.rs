//! The bounded queue into a worker, which wakes it once a batch.
//!
//! A worker sleeps in its poller, so a sender must wake it; how one wake serves many mails is in
//! `bell.rs`.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SendError, SyncSender, TrySendError};

use crate::net::bell::Bell;

/// A way to tell one worker something, from any thread. Cheap to clone.
pub struct MailSender<M> {
    queue: SyncSender<M>,
    wakeup: Arc<Wakeup>,
}

/// The worker's end.
#[derive(Debug)]
pub(super) struct Mailbox<M> {
    queue: Receiver<M>,
    wakeup: Arc<Wakeup>,
}

#[derive(Debug)]
struct Wakeup {
    bell: Bell,
    waker: mio::Waker,
}

/// A mailbox for `capacity` items that rings with `waker`.
pub(super) fn mailbox<M>(waker: mio::Waker, capacity: usize) -> (MailSender<M>, Mailbox<M>) {
    let (sender, receiver) = mpsc::sync_channel(capacity);
    let bell = Bell::new();
    let wakeup = Arc::new(Wakeup { bell, waker });
    (
        MailSender {
            queue: sender,
            wakeup: Arc::clone(&wakeup),
        },
        Mailbox {
            queue: receiver,
            wakeup,
        },
    )
}

impl<M> MailSender<M> {
    /// Queues `mail` and wakes the worker; waits while the mailbox is full.
    ///
    /// Not for workers: two that wait for each other would wait forever. They use
    /// [`MailSender::try_send`], and [`Turn::post`](crate::net::Turn::post) to themselves.
    ///
    /// # Errors
    ///
    /// Gives the mail back when the worker has ended.
    pub fn send(&self, mail: M) -> Result<(), SendError<M>> {
        self.enqueue(mail)?;
        self.wake();
        Ok(())
    }

    /// Queues `mail` for a worker that is woken later, by [`wake`](MailSender::wake): so it finds
    /// all of it at once. While the mailbox is full it wakes the worker, and waits.
    ///
    /// Not for workers, as [`send`](MailSender::send).
    ///
    /// # Errors
    ///
    /// Gives the mail back when the worker has ended.
    pub fn enqueue(&self, mail: M) -> Result<(), SendError<M>> {
        match self.try_enqueue(mail) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(mail)) => Err(SendError(mail)),
            Err(TrySendError::Full(mail)) => {
                let Wakeup { bell, waker } = &*self.wakeup;
                bell.ring_for_room(|| waker.wake(), || self.queue.send(mail))
            }
        }
    }

    /// Queues `mail` for a worker that is woken later, by [`wake`](MailSender::wake), or says at
    /// once that the mailbox is full.
    ///
    /// # Errors
    ///
    /// Gives the mail back when the mailbox is full, or when the worker has ended.
    pub fn try_enqueue(&self, mail: M) -> Result<(), TrySendError<M>> {
        self.queue.try_send(mail)
    }

    /// Wakes the worker, if it has not been since it looked last.
    pub fn wake(&self) {
        self.wakeup.ring();
    }

    /// Queues `mail` and wakes the worker, or says at once that the mailbox is full.
    ///
    /// # Errors
    ///
    /// Gives the mail back when the mailbox is full, having woken the worker, or when the worker
    /// has ended.
    pub fn try_send(&self, mail: M) -> Result<(), TrySendError<M>> {
        let result = self.try_enqueue(mail);
        self.wake();
        result
    }
}

impl<M> Clone for MailSender<M> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            wakeup: Arc::clone(&self.wakeup),
        }
    }
}

impl<M> fmt::Debug for MailSender<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailSender").finish_non_exhaustive()
    }
}

impl<M> Mailbox<M> {
    /// Lets the next mail ring again. To be called before the queue is emptied.
    pub(super) fn silence(&self) {
        self.wakeup.bell.silence();
    }

    pub(super) fn next(&self) -> Option<M> {
        self.queue.try_recv().ok()
    }
}

impl Wakeup {
    fn ring(&self) {
        self.bell.ring(|| self.waker.wake());
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    const BELL: mio::Token = mio::Token(1);

    fn worker_end(capacity: usize) -> (mio::Poll, MailSender<u64>, Mailbox<u64>) {
        let poll = mio::Poll::new().expect("a poller");
        let waker = mio::Waker::new(poll.registry(), BELL).expect("a waker");
        let (sender, mailbox) = mailbox(waker, capacity);
        (poll, sender, mailbox)
    }

    fn is_rung(poll: &mut mio::Poll, timeout: Duration) -> bool {
        let mut events = mio::Events::with_capacity(8);
        poll.poll(&mut events, Some(timeout))
            .expect("polling works");
        !events.is_empty()
    }

    #[test]
    fn what_is_queued_without_a_wake_rings_with_the_next_wake_or_when_the_mailbox_is_full() {
        let (mut poll, sender, mailbox) = worker_end(2);
        sender.enqueue(1).unwrap();
        assert!(!is_rung(&mut poll, Duration::ZERO));
        sender.wake();
        assert!(is_rung(&mut poll, Duration::from_secs(5)));
        sender.enqueue(2).unwrap();
        mailbox.silence();
        thread::scope(|scope| {
            let waits = scope.spawn(|| sender.enqueue(3));
            assert!(is_rung(&mut poll, Duration::from_secs(5)));
            assert_eq!(mailbox.next(), Some(1));
            waits.join().unwrap().unwrap();
        });
        assert_eq!([mailbox.next(), mailbox.next()], [Some(2), Some(3)]);
    }

    #[test]
    fn batch_rings_once() {
        let (mut poll, sender, mailbox) = worker_end(16);
        for mail in 0..10 {
            sender.try_send(mail).expect("there is room");
        }
        assert!(is_rung(&mut poll, Duration::ZERO));
        sender.try_send(10).expect("there is room");
        assert!(
            !is_rung(&mut poll, Duration::ZERO),
            "the worker has not looked yet"
        );
        mailbox.silence();
        assert_eq!(
            std::iter::from_fn(|| mailbox.next()).collect::<Vec<_>>(),
            (0..=10).collect::<Vec<_>>()
        );
        sender.try_send(11).expect("there is room");
        assert!(is_rung(&mut poll, Duration::ZERO));
    }

    #[test]
    fn full_mailbox_gives_the_mail_back_and_a_gone_worker_too() {
        let (_poll, sender, mailbox) = worker_end(2);
        sender.send(1).expect("room for the first");
        sender.send(2).expect("room for the second");
        assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
        drop(mailbox);
        assert_eq!(sender.send(4), Err(SendError(4)));
    }

    #[test]
    fn no_wake_is_lost_between_many_senders_and_a_sleeping_worker() {
        const SENDERS: u64 = 4;
        const EACH: u64 = 20_000;
        let (mut poll, sender, mailbox) = worker_end(8);
        let threads: Vec<_> = (0..SENDERS)
            .map(|first| {
                let sender = sender.clone();
                thread::spawn(move || {
                    for nth in 0..EACH {
                        sender
                            .send(first + nth * SENDERS)
                            .expect("the worker is there");
                    }
                })
            })
            .collect();
        let mut next = [0; 4];
        let mut received = 0;
        while received < SENDERS * EACH {
            assert!(
                is_rung(&mut poll, Duration::from_secs(20)),
                "woken for all {received} so far"
            );
            mailbox.silence();
            while let Some(mail) = mailbox.next() {
                let expected = &mut next[usize::try_from(mail % SENDERS).expect("below 4")];
                assert_eq!(
                    mail / SENDERS,
                    *expected,
                    "one sender's mail keeps its order"
                );
                *expected += 1;
                received += 1;
            }
        }
        for thread in threads {
            thread.join().expect("the sender is done");
        }
    }
}
