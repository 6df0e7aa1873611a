//! All chance of a run, from its seed.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// A generator that a seed settles.
#[derive(Debug)]
pub(super) struct Dice(StdRng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// A number below `count`.
    pub(super) fn below(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }

    /// A number from `first` to `last`.
    pub(super) fn between(&mut self, first: usize, last: usize) -> usize {
        self.0.random_range(first..=last)
    }

    pub(super) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// A place in a list of weights, each as likely as its weight says.
    pub(super) fn weighed(&mut self, weights: impl Iterator<Item = usize> + Clone) -> usize {
        let mut rest = self.below(weights.clone().sum());
        let is_it = |weight| match rest.checked_sub(weight) {
            Some(less) => {
                rest = less;
                false
            }
            None => true,
        };
        let mut weights = weights;
        weights.position(is_it).expect("the rest is below the sum")
    }

    /// A generator for a part of its own.
    pub(super) fn generator(&mut self) -> StdRng {
        StdRng::from_rng(&mut self.0)
    }

    /// What nobody guesses.
    pub(super) fn secret(&mut self) -> [u8; 32] {
        self.0.random()
    }

    pub(super) fn fork(&mut self) -> Self {
        Self(self.generator())
    }
}
