//! A list that grows without moving: what a worker keeps for each of its connections.
//!
//! A `Vec` that has become too small is copied into one of twice the length. With tens of thousands of
//! entries, what it leaves behind is as much memory again, which the allocator does not give back:
//! 10,000 idle connections took 371 bytes each instead of 262.

use std::ops::{Index, IndexMut};

/// Values under the indices from 0 on, in rows that are allocated as they are needed.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    /// Each as long as the first, but for the last one.
    rows: Vec<Vec<T>>,
}

impl<T> Shelf<T> {
    pub(super) fn new() -> Self {
        Self { rows: Vec::new() }
    }

    /// The number of values.
    pub(super) fn len(&self) -> usize {
        let last_len = self.rows.last().map_or(0, Vec::len);
        self.rows.len().saturating_sub(1) * ROW_LEN + last_len
    }

    pub(super) fn push(&mut self, value: T) {
        match self.rows.last_mut() {
            Some(row) if row.len() < ROW_LEN => row.push(value),
            _ => {
                let mut row = Vec::with_capacity(ROW_LEN);
                row.push(value);
                self.rows.push(row);
            }
        }
    }

    /// Appends what `value` makes until there are `len` values.
    pub(super) fn grow_to(&mut self, len: usize, mut value: impl FnMut() -> T) {
        while self.len() < len {
            self.push(value());
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<&T> {
        self.rows.get(index / ROW_LEN)?.get(index % ROW_LEN)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.rows.get_mut(index / ROW_LEN)?.get_mut(index % ROW_LEN)
    }
}

impl<T> Index<usize> for Shelf<T> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        &self.rows[index / ROW_LEN][index % ROW_LEN]
    }
}

impl<T> IndexMut<usize> for Shelf<T> {
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.rows[index / ROW_LEN][index % ROW_LEN]
    }
}

/// Few enough that a server with a handful of connections stays small: 40 KiB of the largest.
const ROW_LEN: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_place_in_memory_and_their_index() {
        let mut shelf = Shelf::new();
        shelf.push(0);
        let first: *const usize = &raw const shelf[0];
        shelf.grow_to(3 * ROW_LEN, || 7);
        shelf[ROW_LEN] = 8;
        *shelf.get_mut(3 * ROW_LEN - 1).expect("the last one") = 9;
        assert_eq!(shelf.len(), 3 * ROW_LEN);
        assert_eq!(first, &raw const shelf[0]);
        assert_eq!(
            (shelf[0], shelf[1], shelf[ROW_LEN], shelf[3 * ROW_LEN - 1]),
            (0, 7, 8, 9)
        );
        assert_eq!(shelf.get(3 * ROW_LEN), None);
    }
}
