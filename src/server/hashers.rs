//! The threads that hash passwords: hard work on purpose, kept away from everything that is quick.
//!
//! There are two, each with a queue of its own; a job goes to the one that has less to do. Both
//! together bound what somebody who tries passwords can take of the machine: two cores, 40 MiB.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use argon2::password_hash::phc;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use rand::Rng as _;

use crate::chat::hash::{HashOutcome, HashTask, Hashed, Hashing};
use crate::chat::password::{NewPassword, Password, PasswordHash};

/// The running threads; they end when this value and all handles are gone.
#[derive(Debug)]
pub(crate) struct Hashers {
    handle: HashersHandle,
    threads: Vec<JoinHandle<()>>,
}

/// A way into the queues; never waits.
#[derive(Clone, Debug)]
pub(crate) struct HashersHandle {
    lanes: [Lane; THREADS],
}

/// One thread's queue.
#[derive(Clone, Debug)]
struct Lane {
    queue: SyncSender<Job>,
    /// Jobs that are not done, the one being done included.
    job_count: Arc<AtomicUsize>,
}

#[derive(Debug)]
enum Job {
    Do(Box<Hashing>),
    Stop,
}

impl Hashers {
    /// Starts the threads; each hands what it finished to `deliver`.
    ///
    /// # Errors
    /// Those of starting a thread.
    pub(crate) fn start(deliver: impl Fn(Hashed) + Send + Clone + 'static) -> io::Result<Self> {
        let mut threads = Vec::new();
        let mut start = |nth: usize| -> io::Result<Lane> {
            let (queue, jobs) = sync_channel(MAX_WAITING);
            let job_count = Arc::new(AtomicUsize::new(0));
            let (deliver, counted) = (deliver.clone(), Arc::clone(&job_count));
            let thread = thread::Builder::new().name(format!("chinwag-hasher-{nth}"));
            threads.push(thread.spawn(move || run(&jobs, &counted, deliver))?);
            Ok(Lane { queue, job_count })
        };
        let lanes = [start(0)?, start(1)?];
        Ok(Self {
            handle: HashersHandle { lanes },
            threads,
        })
    }

    /// A handle for whoever has passwords hashed.
    pub(crate) fn handle(&self) -> HashersHandle {
        self.handle.clone()
    }

    /// Returns when what is being hashed is done; what waits behind it is done too.
    pub(crate) fn stop(self) {
        for lane in &self.handle.lanes {
            // A thread that is gone needs no order to stop.
            let _ = lane.queue.send(Job::Stop);
        }
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread that hashes passwords had panicked");
            }
        }
    }
}

impl HashersHandle {
    /// Queues a job; gives it back if 64 wait already.
    ///
    /// # Errors
    /// The job, as it came.
    pub(crate) fn try_submit(&self, hashing: Hashing) -> Result<(), Box<Hashing>> {
        let load = |lane: &&Lane| lane.job_count.load(Ordering::Relaxed);
        let [first, second] = &self.lanes;
        let lane = if load(&second) < load(&first) {
            second
        } else {
            first
        };
        lane.job_count.fetch_add(1, Ordering::Relaxed);
        match lane.queue.try_send(Job::Do(Box::new(hashing))) {
            Err(
                TrySendError::Full(Job::Do(hashing)) | TrySendError::Disconnected(Job::Do(hashing)),
            ) => {
                lane.job_count.fetch_sub(1, Ordering::Relaxed);
                Err(hashing)
            }
            Ok(()) | Err(TrySendError::Full(Job::Stop) | TrySendError::Disconnected(Job::Stop)) => {
                Ok(())
            }
        }
    }
}

/// Makes what is kept of a password: argon2id with a salt of its own, as a PHC string.
pub(crate) fn make(password: &NewPassword) -> PasswordHash {
    let mut salt = [0; SALT_LEN];
    rand::rng().fill_bytes(&mut salt);
    hash(password.as_bytes(), &salt)
}

fn hash(password: &[u8], salt: &[u8]) -> PasswordHash {
    let hash: phc::PasswordHash = Argon2::default()
        .hash_password_with_salt(password, salt)
        .expect("a salt of 16 bytes and at most 1,024 of password are within argon2's limits");
    PasswordHash::new(&hash.to_string())
}

/// Whether a password is the one that something is kept of, with the costs that it was made with.
fn verify(password: &Password, kept: &PasswordHash) -> bool {
    let kept = phc::PasswordHash::new(kept.as_str());
    kept.is_ok_and(|kept| {
        Argon2::default()
            .verify_password(password.as_bytes(), &kept)
            .is_ok()
    })
}

fn run(jobs: &Receiver<Job>, job_count: &AtomicUsize, deliver: impl Fn(Hashed)) {
    // What no password fits: nobody knows one with this hash.
    let nobody = hash(NOBODY, &[0; SALT_LEN]);
    while let Ok(Job::Do(hashing)) = jobs.recv() {
        let outcome = match &hashing.task {
            HashTask::Verify { password, hash } => {
                let is_right = verify(password, hash.as_ref().unwrap_or(&nobody));
                HashOutcome::Verified(is_right && hash.is_some())
            }
            HashTask::Make(password) => HashOutcome::Made(make(password)),
        };
        deliver(Hashed {
            context: hashing.context,
            purpose: hashing.purpose,
            outcome: Some(outcome),
        });
        job_count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Two: one would let anybody who tries passwords make all others wait behind him.
const THREADS: usize = 2;

/// Of each thread; together 64, which is about a second of work.
const MAX_WAITING: usize = 32;

/// RFC 9106 §3.1: 16 bytes are recommended.
const SALT_LEN: usize = 16;

const NOBODY: &[u8] = b"nobody";

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::chat::hash::HashPurpose;
    use crate::chat::log::Context;
    use crate::chat::{AccountId, SessionId};

    fn verify_task(password: &str, hash: Option<PasswordHash>) -> Hashing {
        let password = Password::read(password).unwrap();
        hashing(HashTask::Verify { password, hash })
    }

    fn hashing(task: HashTask) -> Hashing {
        let session = SessionId::operator(0);
        Hashing {
            task,
            context: Context {
                session,
                from: None,
                re: None,
            },
            purpose: HashPurpose::SetPassword(AccountId(1)),
        }
    }

    fn new(password: &str) -> NewPassword {
        NewPassword::parse(password).unwrap()
    }

    #[test]
    fn what_is_kept_is_argon2id_at_owasps_costs_with_a_salt_of_its_own() {
        let (a, b) = (make(&new("correct horse")), make(&new("correct horse")));
        assert!(a.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_ne!(a, b);
    }

    #[test]
    fn passwords_are_told_from_each_other_and_from_none() {
        let (outcomes, delivered) = mpsc::channel();
        let hashers = Hashers::start(move |hashed| outcomes.send(hashed.outcome).unwrap()).unwrap();
        let submit = |hashing| {
            hashers.handle().try_submit(hashing).unwrap();
            delivered.recv().unwrap()
        };
        let make = hashing(HashTask::Make(new("correct horse")));
        let Some(HashOutcome::Made(hash)) = submit(make) else {
            panic!("a password is hashed");
        };
        let verify = |password: &str, hash: Option<&PasswordHash>| {
            let outcome = submit(verify_task(password, hash.cloned()));
            outcome == Some(HashOutcome::Verified(true))
        };
        assert!(verify("correct horse", Some(&hash)));
        assert!(!verify("correct horsf", Some(&hash)));
        assert!(!verify("correct horse", None));
        assert!(!verify("nobody", None));
        assert!(!verify("correct horse", Some(&PasswordHash::new("broken"))));
        hashers.stop();
    }

    #[test]
    fn so_many_wait_and_the_next_is_given_back() {
        let (outcomes, delivered) = mpsc::channel();
        let hashers = Hashers::start(move |hashed| outcomes.send(hashed.outcome).unwrap()).unwrap();
        let handle = hashers.handle();
        let mut accepted = 0;
        let refused = loop {
            match handle.try_submit(verify_task("x", None)) {
                Ok(()) => accepted += 1,
                Err(refused) => break refused,
            }
        };
        assert!(matches!(refused.task, HashTask::Verify { .. }));
        // Both threads have one at hand, or have finished some meanwhile.
        assert!(accepted >= THREADS * MAX_WAITING, "{accepted}");
        hashers.stop();
        assert_eq!(delivered.iter().count(), accepted);
    }
}
