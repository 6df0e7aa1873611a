//! The whole server without its sockets, in one thread, from one seed.
//!
//! ```text
//!            bytes, in portions                 mail                  appends, reads
//! people <───────────────────────> workers <─────────── hub ────────────────────────> log, reader
//!   │                                 └──── requests ────┘ └──────── what is durable ────┘   │
//!   └── each word is held against the ledger ────────────────────────────── what it said ────┘
//! ```
//!
//! What is in a box of its own in the picture is the code that ships: `net`'s worker with its
//! outboxes and deadlines, the sessions, the hub and whatever distributes what it decides, the log on
//! SQLite. What lies between is a queue of the simulation, and the seed decides which of them moves
//! next, how much of it, and when the clock does: so a run may take any order that threads could take.
//! The seed also decides who connects from where, logs in, says and changes what, keeps whom out,
//! stalls, breaks off; when the disk fails; when the server ends in peace and the next one takes over;
//! and when the process is killed, whereupon only what is on the disk is left. Between two lives days
//! may go by, after which what was said is too old here and there. Rooms may be slow, and people or
//! addresses may have shares. A guest's token may be in two hands, one of which makes an account of the
//! guest, or each another one. A program may post, and the server may have an owner who bans.
//!
//! Each step is checked: what anybody is shown is durable, in one order without holes, in a room where
//! they belong and are not banned; what anybody did was their right, and in a slow room their turn, as
//! far as the hub could know; what was a guest's is one account's, and the guest is let in no more;
//! nobody is let in who is banned from the server; answers fit what was asked; outboxes are within
//! their limits. Only what is too old is erased, from the beginning on, and nobody is shown any of it
//! again. Nobody takes more than a share, and whoever waits for one as told gets it. Each life begins
//! with all that was written down. In the end comes a calm: all faults are mended, all catch up, and nothing
//! may be missing, nor be left when all have gone.
//!
//! A run that fails tells its seed. `CHINWAG_SEED=N` runs that one alone and prints its last steps,
//! `CHINWAG_SEEDS=N` runs so many, from `CHINWAG_FIRST_SEED` on.

mod bot;
mod clock;
mod dice;
mod disk;
mod ledger;
mod link;
mod operator;
mod peer;
mod people;
mod plant;
mod reach;
mod sabotage;
mod server;
mod terminal;
mod trace;
mod view;
mod weather;
mod web_client;
mod world;

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::{env, iter, thread};

use ledger::Violation;
use plant::Plant;
use world::World;

/// Runs a seed; returns what stands for all that happened.
fn run(seed: u64, plant: Option<Plant>) -> Result<u64, Violation> {
    let mut world = World::new(seed, plant, false);
    live_through(&mut world)?;
    Ok(world.trace.digest())
}

/// Runs a world to its end; a panic in it is a broken promise like others.
fn live_through(world: &mut World) -> Result<(), Violation> {
    let run = AssertUnwindSafe(|| world.run());
    catch_unwind(run).unwrap_or_else(|_| Err(Violation("it panicked".to_owned())))
}

/// Does the same on each core; what there is to do is shared among them.
fn on_all_cores<T: Send>(work: impl Fn() -> T + Sync) -> Vec<T> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(&work)).collect();
        threads.into_iter().map(|it| it.join().unwrap()).collect()
    })
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

#[test]
fn promises_are_kept_whatever_the_seed() {
    if let Some(seed) = number("CHINWAG_SEED") {
        let mut world = World::new(seed, None, true);
        let result = live_through(&mut world);
        println!("{}", world.trace);
        return result.unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
    }
    let first = number("CHINWAG_FIRST_SEED").unwrap_or(0);
    let count = number("CHINWAG_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(first);
    let take = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < first + count);
    let broken = || iter::from_fn(take).find_map(|seed| Some((seed, run(seed, None).err()?)));
    let found: Vec<_> = on_all_cores(broken).into_iter().flatten().collect();
    for (seed, violation) in &found {
        println!("seed {seed}: {violation}\nagain, step by step: CHINWAG_SEED={seed}");
    }
    assert!(found.is_empty(), "promises were broken");
}

#[test]
fn seed_settles_all_that_happens() {
    for seed in 0..20 {
        assert_eq!(run(seed, None), run(seed, None), "seed {seed}");
    }
    assert_ne!(run(0, None), run(1, None));
}

#[test]
fn planted_faults_are_found() {
    let next = AtomicUsize::new(0);
    let take = || Plant::ALL.get(next.fetch_add(1, Ordering::Relaxed));
    let is_kept = |seed, plant| run(seed, Some(plant)).is_ok();
    let is_missed = |plant: &&Plant| (0..SEEDS_FOR_PLANTS).all(|seed| is_kept(seed, **plant));
    let missed = || iter::from_fn(take).filter(is_missed).collect::<Vec<_>>();
    let missed = on_all_cores(missed).concat();
    assert!(missed.is_empty(), "not found: {missed:?}");
}

/// Runs of the ordinary test.
const SEEDS: u64 = 200;

/// Within so many runs a fault shows.
const SEEDS_FOR_PLANTS: u64 = 400;
