//! Bytes that were read and not yet understood.

/// A buffer that is filled at its end and emptied from its front.
#[derive(Default)]
pub(super) struct Inbox {
    /// `buffer[start..end]` is what was read.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    /// Begins with what was read before.
    pub(super) fn new(received: Vec<u8>) -> Self {
        Self {
            start: 0,
            end: received.len(),
            buffer: received,
        }
    }

    #[cfg(feature = "tls")]
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Returns what was read.
    pub(super) fn received(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..self.end]
    }

    /// Forgets the first `len` bytes of what was read.
    pub(super) fn take(&mut self, len: usize) {
        self.start += len;
        debug_assert!(self.start <= self.end, "no more is taken than was read");
    }

    /// Forgets all that was read.
    pub(super) fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    /// Returns room for more, at least a byte of it. A buffer that the last read has filled is
    /// doubled: fewer calls for a peer that sends much, little memory for one that does not. Nor
    /// does one keep it that sends little again.
    pub(super) fn room(&mut self) -> &mut [u8] {
        let is_full = self.end == self.buffer.len();
        let held_little = self.start == self.end && (1..=MIN_LEN).contains(&self.end);
        if held_little && self.buffer.len() > MAX_IDLE_LEN {
            self.buffer.truncate(MIN_LEN);
            self.buffer.shrink_to_fit();
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if is_full && self.buffer.len() < MAX_LEN || self.end == self.buffer.len() {
            let len = (2 * self.buffer.len()).max(MIN_LEN);
            self.buffer.resize(len, 0);
        }
        &mut self.buffer[self.end..]
    }

    /// Notes that the first `len` bytes of the room were filled.
    pub(super) fn added(&mut self, len: usize) {
        self.end += len;
        debug_assert!(self.end <= self.buffer.len(), "no more is added than fits");
    }

    /// Returns what was read and not taken.
    pub(super) fn into_received(mut self) -> Vec<u8> {
        self.buffer.truncate(self.end);
        self.buffer.drain(..self.start);
        self.buffer
    }
}

/// Enough for a handshake, or for chatter.
const MIN_LEN: usize = 4 * 1024;

/// What a peer that sends little may keep of its time as one that sent much.
const MAX_IDLE_LEN: usize = 64 * 1024;

/// Beyond this, larger reads are no faster.
const MAX_LEN: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `len` bytes, as a peer that sends without end lets one, or fewer if there is less room.
    fn read(inbox: &mut Inbox, len: usize) {
        let len = inbox.room().len().min(len);
        inbox.added(len);
    }

    #[test]
    fn nothing_is_left_of_what_was_forgotten() {
        let mut inbox = Inbox::new(b"Hello".to_vec());
        inbox.take(1);
        inbox.clear();
        read(&mut inbox, 2);
        assert_eq!(inbox.received(), b"He");
        assert_eq!(inbox.into_received().len(), 2);
    }

    #[test]
    fn buffer_of_a_peer_that_sends_little_is_kept() {
        let mut inbox = Inbox::default();
        while inbox.buffer.len() < MAX_IDLE_LEN / 2 {
            read(&mut inbox, MAX_LEN);
            inbox.take(inbox.end - inbox.start);
        }
        for _ in 0..3 {
            read(&mut inbox, 1);
            inbox.take(1);
        }
        assert_eq!(inbox.buffer.len(), MAX_IDLE_LEN);
    }

    #[test]
    fn buffer_grows_with_a_burst_and_shrinks_after_it() {
        let mut inbox = Inbox::default();
        while inbox.buffer.len() < MAX_LEN {
            read(&mut inbox, MAX_LEN);
            inbox.take(inbox.end - inbox.start);
        }
        read(&mut inbox, MIN_LEN + 1);
        inbox.take(MIN_LEN + 1);
        read(&mut inbox, 10);
        assert_eq!(
            inbox.buffer.len(),
            MAX_LEN,
            "the last read was no small one"
        );
        inbox.take(9);
        read(&mut inbox, 1);
        assert_eq!(inbox.buffer.len(), MAX_LEN, "it is in use");
        inbox.take(2);
        read(&mut inbox, 1);
        assert_eq!(inbox.buffer.capacity(), MIN_LEN);
        assert_eq!(inbox.received().len(), 1);
    }
}
