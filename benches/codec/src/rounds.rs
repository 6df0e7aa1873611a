//! Times several ways to do one thing, in turns, so that noise hits all of them alike.

use std::time::{Duration, Instant};

/// What was measured of one way.
pub struct Figure {
    /// The fastest round.
    pub best: Duration,
    /// The median over the rounds of its time by the first way's in the same round.
    pub ratio: f64,
}

/// How long to measure.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    /// Least time of one way in one round.
    pub round_time: Duration,
}

/// Measures each way; the times are for one call.
pub fn measure(ways: &mut [Box<dyn FnMut() + '_>], effort: Effort) -> Vec<Figure> {
    let repeats: Vec<u32> = ways
        .iter_mut()
        .map(|way| {
            let mut repeats = 1;
            while time(way, repeats) < effort.round_time && repeats < 1 << 20 {
                repeats *= 2;
            }
            repeats
        })
        .collect();

    let mut times = vec![Vec::with_capacity(effort.rounds); ways.len()];
    for round in 0..effort.rounds {
        for turn in 0..ways.len() {
            // Another one begins each round: what ran before leaves its traces in the caches.
            let index = (round + turn) % ways.len();
            let elapsed = time(&mut ways[index], repeats[index]);
            times[index].push(elapsed.as_secs_f64() / f64::from(repeats[index]));
        }
    }

    times
        .iter()
        .map(|own| Figure {
            best: Duration::from_secs_f64(own.iter().copied().fold(f64::MAX, f64::min)),
            ratio: median(own.iter().zip(&times[0]).map(|(own, first)| own / first)),
        })
        .collect()
}

fn time(way: &mut Box<dyn FnMut() + '_>, repeats: u32) -> Duration {
    let started_at = Instant::now();
    for _ in 0..repeats {
        way();
    }
    started_at.elapsed()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
