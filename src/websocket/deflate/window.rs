//! Keeps the last bytes that were inflated: what later blocks may refer to.

use std::collections::VecDeque;

/// The end of what was inflated, at most as long as the window; it takes memory as it fills.
#[derive(Debug)]
pub(super) struct Window {
    bytes: VecDeque<u8>,
    max_len: usize,
}

impl Window {
    pub(super) fn new(max_len: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            max_len,
        }
    }

    /// Appends what was inflated; what is too old falls out.
    pub(super) fn push(&mut self, inflated: &[u8]) {
        let (_, newest) = inflated.split_at(inflated.len().saturating_sub(self.max_len));
        let len = self.bytes.len() + newest.len();
        let held_len = len.min(self.max_len);
        self.bytes.drain(..len - held_len);
        // Powers of two up to the window's length, which is one: never more than that.
        let capacity = held_len.next_power_of_two();
        self.bytes.reserve_exact(capacity - self.bytes.len());
        self.bytes.extend(newest);
    }

    /// Returns the bytes, oldest first, in two pieces.
    pub(super) fn as_slices(&self) -> (&[u8], &[u8]) {
        self.bytes.as_slices()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets the bytes and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_holds_the_end_of_what_was_pushed() {
        let all: Vec<u8> = (0..=255).cycle().take(5_000).collect();
        for piece_len in [1, 7, 255, 511, 512, 513, 2_000] {
            let mut window = Window::new(512);
            let mut pushed_len = 0;
            for piece in all.chunks(piece_len) {
                window.push(piece);
                pushed_len += piece.len();
                let (older, newer) = window.as_slices();
                let held = [older, newer].concat();
                assert_eq!(held, all[pushed_len.saturating_sub(512)..pushed_len]);
                assert!(window.bytes.capacity() <= 512, "{piece_len}");
            }
        }
    }
}
