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
//! The seed also decides who connects, says what, stalls, breaks off; when the disk fails, and when
//! the process is killed, whereupon only what is on the disk is left.
//!
//! Each step is checked: what anybody is shown is durable, in one order without holes, in a room that
//! they are in; answers fit what was asked; outboxes are within their limits. In the end comes a calm:
//! all faults are mended, all catch up, and nothing may be missing, nor be left when all have gone.
//!
//! A run that fails tells its seed. `CHINWAG_SEED=N` runs that one alone and prints its last steps,
//! `CHINWAG_SEEDS=N` runs so many, from `CHINWAG_FIRST_SEED` on.

mod dice;
mod disk;
mod ledger;
mod link;
mod peer;
mod plant;
mod reach;
mod server;
mod terminal;
mod trace;
mod view;
mod web_client;
mod world;

use std::env;

use ledger::Violation;
use plant::Plant;
use world::World;

/// Runs a seed; returns what stands for all that happened.
fn run(seed: u64, plant: Option<Plant>) -> Result<u64, Violation> {
    let mut world = World::new(seed, plant, false);
    world.run()?;
    Ok(world.trace.digest())
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

#[test]
fn promises_are_kept_whatever_the_seed() {
    if let Some(seed) = number("CHINWAG_SEED") {
        let mut world = World::new(seed, None, true);
        let result = world.run();
        println!("{}", world.trace);
        return result.unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
    }
    let first = number("CHINWAG_FIRST_SEED").unwrap_or(0);
    let count = number("CHINWAG_SEEDS").unwrap_or(SEEDS);
    let mut n = 0;
    for seed in first..first + count {
        if let Err(violation) = run(seed, None) {
            println!(
                "seed {seed}: {}",
                violation.0.chars().take(300).collect::<String>()
            );
            n += 1;
            if n > 12 {
                break;
            }
        }
    }
    assert_eq!(n, 0);
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
    for plant in Plant::ALL {
        let found = (0..SEEDS_FOR_PLANTS).find(|seed| run(*seed, Some(plant)).is_err());
        println!(
            "{plant:?} {found:?} {:?}",
            found.map(|s| run(s, Some(plant))
                .unwrap_err()
                .0
                .chars()
                .take(200)
                .collect::<String>())
        );
        assert!(found.is_some(), "{plant:?} was not found");
    }
}

/// Runs of the ordinary test.
const SEEDS: u64 = 500;

/// Within so many runs a fault shows.
const SEEDS_FOR_PLANTS: u64 = 100;
