//! What one connection is still owed: bytes in order, on their way to its socket.
//!
//! Most of the time an outbox is nothing at all, or it is one `Vec` that whoever serves the connection
//! appends to, and that one write empties at the end of the turn; or it is bytes that many
//! connections are owed, all in the same place. Large ones of these are never copied: they become a
//! segment of their own between the bytes before and after them, and all of it leaves in one
//! vectored write.
//!
//! ```text
//! nothing
//! only:      shared                             nothing else waits, and none of it has left
//! segments:  own │ shared │ own │ shared       then: tail ◄─ buffer() appends here
//!            ▲ the first `sent` bytes have left
//! ```

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};
use std::sync::Arc;
use std::time::Duration;

/// The bytes that wait to be written to one connection.
///
/// It has no limit of its own: whoever drives it holds it against its [`OutboxLimits`].
#[derive(Debug, Default)]
pub struct Outbox {
    /// Precedes what is in the queue, which is empty then.
    only: Option<Arc<[u8]>>,
    queue: Option<Box<Queue>>,
}

/// An outbox that more than shared bytes were put in.
#[derive(Debug, Default)]
struct Queue {
    segments: VecDeque<Segment>,
    /// The lengths of `segments`, added up.
    segments_len: usize,
    tail: Vec<u8>,
    /// So much of the first piece (of `tail`, if there are no segments) has been written. Always
    /// less than that piece's length, or 0.
    sent: usize,
}

/// How much a connection may be owed, and what happens to one that takes it too slowly.
#[derive(Debug, Clone)]
pub struct OutboxLimits {
    /// Over so many bytes a connection is not read, so that its own requests can't add to them.
    pub soft_len: usize,
    /// Over so many bytes a connection is cut off at once, if `when_full` says so.
    pub hard_len: usize,
    /// How long a connection may be over `soft_len` before it is cut off.
    pub grace_timeout: Duration,
    /// While more than so many bytes wait, as many must leave in each `drain_interval`.
    pub floor_len: usize,
    /// How long that may take.
    pub drain_interval: Duration,
    /// What happens to a slow reader.
    pub when_full: SlowReader,
}

/// The answer to a peer that reads more slowly than it is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlowReader {
    /// It is closed: what is queued for it comes from others too, and grows without its doing.
    CutOff,
    /// It is not read until it has caught up. Bounded only where a connection is owed nothing but
    /// answers to what it sent itself.
    StopReading,
}

#[derive(Debug)]
enum Segment {
    Own(Vec<u8>),
    Shared(Arc<[u8]>),
}

impl Outbox {
    /// The `Vec` that takes the next bytes. Append only: what is in it may be partly sent.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.queue().tail
    }

    /// Appends bytes that others are owed too; large ones are not copied, nor are those before and
    /// after which nothing else waits.
    pub fn push_shared(&mut self, bytes: &Arc<[u8]>) {
        if self.is_empty() {
            self.only = Some(Arc::clone(bytes));
        } else {
            self.queue().push_shared(bytes);
        }
    }

    /// Appends bytes that are given away, and not copied: for long ones.
    pub fn push_owned(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.queue().push_segment(Segment::Own(bytes));
        }
    }

    /// How many bytes wait.
    pub fn len(&self) -> usize {
        let only_len = self.only.as_ref().map_or(0, |bytes| bytes.len());
        only_len + self.queue.as_ref().map_or(0, |queue| queue.len())
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes once, as much as the writer takes; the rest stays. Returns the number of bytes
    /// written, and whether the writer took all it was offered: a socket that did not is full.
    ///
    /// # Errors
    ///
    /// Those of `writer`; `WriteZero` if it takes nothing.
    pub fn write_to(&mut self, writer: &mut impl Write) -> io::Result<(usize, bool)> {
        let (written, offered) = match (&self.only, &self.queue) {
            (Some(only), _) => (writer.write(only)?, only.len()),
            (None, Some(queue)) => queue.write_to(writer)?,
            (None, None) => (0, 0),
        };
        if written == 0 && offered > 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.advance(written);
        Ok((written, written == offered))
    }

    /// The bytes that come first, at most `max_len`: where they lie if there are `enough_len` in one
    /// place, else as many as that gathered from several. Empty only if nothing waits.
    pub(super) fn peek<'a>(
        &'a self,
        enough_len: usize,
        max_len: usize,
        gathered: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        match (&self.only, &self.queue) {
            (Some(only), _) => &only[..only.len().min(max_len)],
            (None, Some(queue)) => queue.peek(enough_len, max_len, gathered),
            (None, None) => &[],
        }
    }

    /// Gives an outbox without a queue one that was used before.
    pub(super) fn lend(&mut self, spares: &mut Spares) {
        if self.queue.is_none() {
            self.queue = spares.lend();
        }
    }

    /// Takes back memory that this outbox does not need: all of it when nothing waits, and a large
    /// buffer from the few bytes that a full socket has left in it.
    pub(super) fn settle(&mut self, spares: &mut Spares) {
        if let Some(queue) = self.queue.take_if(|queue| queue.len() == 0) {
            spares.take_back(queue);
        } else if let Some(queue) = &mut self.queue
            && let Some(roomy) = queue.take_roomy()
        {
            spares.take_back(roomy);
        }
    }

    /// Forgets what waits.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes note that the first `written` bytes have left.
    pub(super) fn advance(&mut self, written: usize) {
        if self.only.take_if(|only| only.len() == written).is_none() && written > 0 {
            self.queue().advance(written);
        }
    }

    /// The queue, with everything in it.
    #[inline]
    fn queue(&mut self) -> &mut Queue {
        if self.only.is_some() {
            self.queue_only();
        }
        self.queue.get_or_insert_default()
    }

    /// Puts the shared bytes into the queue. Apart, as a burst of small messages asks for its queue
    /// twice a message, and finds nothing of the kind.
    #[cold]
    fn queue_only(&mut self) {
        if let Some(only) = self.only.take() {
            self.queue.get_or_insert_default().push_shared(&only);
        }
    }
}

impl Queue {
    fn len(&self) -> usize {
        self.segments_len + self.tail.len() - self.sent
    }

    fn push_shared(&mut self, bytes: &Arc<[u8]>) {
        if bytes.len() < SHARED_FROM_LEN {
            self.tail.extend_from_slice(bytes);
            return;
        }
        self.push_segment(Segment::Shared(Arc::clone(bytes)));
    }

    /// Appends a segment that is not empty.
    fn push_segment(&mut self, segment: Segment) {
        if !self.tail.is_empty() {
            self.segments_len += self.tail.len();
            // The header of a long message is a few bytes in a buffer that has room for thousands.
            let bytes = if self.is_roomy() {
                let snug = self.tail.as_slice().to_vec();
                self.tail.clear();
                snug
            } else {
                std::mem::take(&mut self.tail)
            };
            self.segments.push_back(Segment::Own(bytes));
        }
        self.segments_len += segment.bytes().len();
        self.segments.push_back(segment);
    }

    /// Returns how much was written, and how much offered.
    fn write_to(&self, writer: &mut impl Write) -> io::Result<(usize, usize)> {
        if self.segments.is_empty() {
            let rest = &self.tail[self.sent..];
            return Ok((writer.write(rest)?, rest.len()));
        }
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let (count, offered) = self.fill(&mut slices);
        Ok((writer.write_vectored(&slices[..count])?, offered))
    }

    /// Puts what comes first into `slices`; returns how many it took, and their bytes.
    fn fill<'a>(&'a self, slices: &mut [IoSlice<'a>; MAX_SLICES]) -> (usize, usize) {
        let mut skipped = self.sent;
        let (mut count, mut offered) = (0, 0);
        for (slice, piece) in slices.iter_mut().zip(self.pieces()) {
            let rest = &piece[skipped..];
            skipped = 0;
            *slice = IoSlice::new(rest);
            count += 1;
            offered += rest.len();
        }
        (count, offered)
    }

    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let segments = self.segments.iter().map(Segment::bytes);
        segments.chain([self.tail.as_slice()])
    }

    fn peek<'a>(
        &'a self,
        enough_len: usize,
        max_len: usize,
        gathered: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        let mut pieces = self.pieces();
        let first = &pieces.next().unwrap_or_default()[self.sent..];
        if first.len() >= enough_len || self.segments.is_empty() {
            return &first[..first.len().min(max_len)];
        }
        gathered.clear();
        gathered.extend_from_slice(first);
        for piece in pieces {
            let missing_len = enough_len - gathered.len();
            if missing_len == 0 {
                break;
            }
            gathered.extend_from_slice(&piece[..piece.len().min(missing_len)]);
        }
        gathered
    }

    fn advance(&mut self, written: usize) {
        self.sent += written;
        while let Some(first_len) = self.segments.front().map(|segment| segment.bytes().len()) {
            if self.sent < first_len {
                return;
            }
            self.sent -= first_len;
            self.segments_len -= first_len;
            self.segments.pop_front();
        }
        debug_assert!(
            self.sent <= self.tail.len(),
            "no more is written than there was"
        );
        if self.sent == self.tail.len() {
            self.tail.clear();
            self.sent = 0;
        } else if self.sent > self.tail.len() / 2 {
            // Each byte moves at most once for each byte that left: a peer that is always a little
            // behind can't make the tail grow without end.
            self.tail.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Whether the tail is a large buffer with few bytes in it.
    fn is_roomy(&self) -> bool {
        let (len, capacity) = (self.tail.len(), self.tail.capacity());
        capacity > ROOMY_CAPACITY && capacity / 4 > len
    }

    /// Takes a large buffer from the few bytes in it.
    fn take_roomy(&mut self) -> Option<Box<Self>> {
        self.is_roomy().then(|| {
            let snug = self.tail.as_slice().to_vec();
            Box::new(Self {
                tail: std::mem::replace(&mut self.tail, snug),
                ..Self::default()
            })
        })
    }
}

impl OutboxLimits {
    /// Whether a connection that is owed `len` bytes is behind at all.
    pub(super) fn is_behind(&self, len: usize) -> bool {
        len > self.floor_len.min(self.soft_len).min(self.hard_len)
    }

    /// Whether a connection that is owed `len` bytes is too far behind to be read.
    pub(super) fn is_over_soft(&self, len: usize) -> bool {
        len > self.soft_len
    }
}

impl Default for OutboxLimits {
    /// 1 MiB for 5 s, or 4 MiB, then the reader is cut off. A phone in a tunnel catches up within
    /// seconds; and 4 MiB times the connections is what an attacker can make a server hold.
    /// 64 KiB in 30 s is half of what GPRS gave, and an eighth of a minute's worth of a busy room.
    fn default() -> Self {
        Self {
            soft_len: 1 << 20,
            hard_len: 4 << 20,
            grace_timeout: Duration::from_secs(5),
            floor_len: 64 << 10,
            drain_interval: Duration::from_secs(30),
            when_full: SlowReader::CutOff,
        }
    }
}

impl Segment {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

/// Queues that no connection needs at the moment, those that were used last at the end.
#[derive(Debug, Default)]
pub(super) struct Spares {
    queues: VecDeque<Box<Queue>>,
    /// The capacities of their buffers, added up.
    capacity: usize,
}

impl Spares {
    fn lend(&mut self) -> Option<Box<Queue>> {
        let queue = self.queues.pop_back()?;
        self.capacity -= queue.tail.capacity();
        Some(queue)
    }

    /// Keeps an empty queue, for which those go that nobody has needed for longest: a hundred large
    /// ones that a rush of newcomers has left would take the place of thousands of small ones.
    fn take_back(&mut self, mut queue: Box<Queue>) {
        let capacity = queue.tail.capacity();
        if capacity > MAX_SPARE_CAPACITY || queue.segments.capacity() > MAX_SLICES {
            return;
        }
        while self.capacity + capacity > MAX_SPARES_CAPACITY || self.queues.len() >= MAX_SPARE_COUNT
        {
            let Some(oldest) = self.queues.pop_front() else {
                return;
            };
            self.capacity -= oldest.tail.capacity();
        }
        queue.tail.clear();
        self.capacity += capacity;
        self.queues.push_back(queue);
    }
}

/// Below this, copying is cheaper than counting references and one more slice to write. Copying
/// 4 KiB takes some 80 ns, the size of a few messages.
const SHARED_FROM_LEN: usize = 4096;
/// More than a turn usually leaves, far below the kernel's limit of 1,024.
const MAX_SLICES: usize = 64;
/// A buffer of this size may keep its place, however little is in it.
const ROOMY_CAPACITY: usize = 4096;
/// What is read at once, and what framing adds, fits in, also after growing twofold.
const MAX_SPARE_CAPACITY: usize = 1 << 20;
/// What a worker keeps for the next turn: small buffers for thousands of connections.
const MAX_SPARES_CAPACITY: usize = 4 << 20;
/// As many as there may be of the smallest.
const MAX_SPARE_COUNT: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Takes so many bytes a call, then that many, and so on; then refuses.
    struct Portions<'a> {
        taken: Vec<u8>,
        portions: &'a [usize],
    }

    impl Write for Portions<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let Some((portion, rest)) = self.portions.split_first() else {
                return Err(io::ErrorKind::WouldBlock.into());
            };
            self.portions = rest;
            let len = bytes.len().min(*portion);
            self.taken.extend_from_slice(&bytes[..len]);
            Ok(len)
        }

        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            let all = slices
                .iter()
                .flat_map(|slice| slice.iter().copied())
                .collect::<Vec<_>>();
            self.write(&all)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn pattern(seed: usize, len: usize) -> Vec<u8> {
        (0..len)
            .map(|at| u8::try_from((seed + at * 7) % 251).expect("below 251"))
            .collect()
    }

    #[test]
    fn bytes_leave_in_order_whatever_the_offset_of_the_first_write() {
        let shared: Arc<[u8]> = pattern(1, SHARED_FROM_LEN).into();
        let mut all = pattern(0, 10);
        all.extend_from_slice(&shared);
        all.extend_from_slice(b"tail");
        for offset in 1..all.len() {
            let mut outbox = Outbox::default();
            outbox.buffer().extend_from_slice(&all[..10]);
            outbox.push_shared(&shared);
            outbox.buffer().extend_from_slice(b"tail");
            let mut writer = Portions {
                taken: Vec::new(),
                portions: &[offset, usize::MAX],
            };
            assert_eq!(
                outbox.write_to(&mut writer).expect("first"),
                (offset, false)
            );
            assert_eq!(outbox.len(), all.len() - offset);
            assert!(outbox.write_to(&mut writer).expect("second").1);
            assert!(outbox.is_empty());
            assert_eq!(writer.taken, all);
        }
    }

    #[test]
    fn refused_write_keeps_everything() {
        let mut outbox = Outbox::default();
        outbox.buffer().extend_from_slice(b"hello");
        let mut writer = Portions {
            taken: Vec::new(),
            portions: &[],
        };
        let error = outbox
            .write_to(&mut writer)
            .expect_err("the writer refuses");
        assert_eq!((error.kind(), outbox.len()), (io::ErrorKind::WouldBlock, 5));
    }

    #[test]
    fn small_shared_bytes_are_copied_and_large_ones_are_not() {
        let mut outbox = Outbox::default();
        let (small, large): (Arc<[u8]>, Arc<[u8]>) = (
            pattern(0, SHARED_FROM_LEN - 1).into(),
            pattern(0, SHARED_FROM_LEN).into(),
        );
        outbox.buffer().push(0);
        outbox.push_shared(&small);
        assert_eq!(Arc::strong_count(&small), 1);
        outbox.push_shared(&large);
        assert_eq!(Arc::strong_count(&large), 2);
        assert_eq!(outbox.len(), 2 * SHARED_FROM_LEN);
    }

    #[test]
    fn shared_bytes_alone_take_no_memory() {
        let mut outbox = Outbox::default();
        let small: Arc<[u8]> = pattern(0, 10).into();
        outbox.push_shared(&small);
        assert!(outbox.queue.is_none() && outbox.len() == 10);
        let mut writer = Portions {
            taken: Vec::new(),
            portions: &[10],
        };
        assert_eq!(outbox.write_to(&mut writer).expect("all"), (10, true));
        assert!(outbox.is_empty() && Arc::strong_count(&small) == 1);
    }

    #[test]
    fn empty_outbox_is_three_words() {
        assert_eq!(size_of::<Outbox>(), 3 * size_of::<usize>());
    }

    #[test]
    fn empty_outbox_holds_no_memory_and_borrows_what_was_given_back() {
        let mut spares = Spares::default();
        let mut outbox = Outbox::default();
        outbox.buffer().extend_from_slice(&[0; 1000]);
        outbox
            .write_to(&mut io::sink())
            .expect("a sink takes everything");
        outbox.settle(&mut spares);
        assert!(outbox.queue.is_none() && spares.queues.len() == 1);
        outbox.lend(&mut spares);
        assert!(outbox.buffer().capacity() >= 1000 && spares.capacity == 0);
    }

    #[test]
    fn large_buffers_make_room_for_small_ones() {
        let with_capacity = |capacity| {
            Box::new(Queue {
                tail: Vec::with_capacity(capacity),
                ..Queue::default()
            })
        };
        let mut spares = Spares::default();
        for _ in 0..2 * MAX_SPARES_CAPACITY / MAX_SPARE_CAPACITY {
            spares.take_back(with_capacity(MAX_SPARE_CAPACITY));
        }
        assert_eq!(spares.capacity, MAX_SPARES_CAPACITY);
        for _ in 0..2 * MAX_SPARE_COUNT {
            spares.take_back(with_capacity(200));
            assert!(spares.capacity <= MAX_SPARES_CAPACITY);
        }
        assert_eq!(spares.queues.len(), MAX_SPARE_COUNT);
        assert!(spares.queues.iter().all(|it| it.tail.capacity() < 400));
        let held: usize = spares.queues.iter().map(|it| it.tail.capacity()).sum();
        assert_eq!(spares.capacity, held);
    }

    #[test]
    fn few_bytes_do_not_keep_a_large_buffer() {
        let mut spares = Spares::default();
        let mut outbox = Outbox::default();
        outbox.buffer().extend_from_slice(&pattern(0, 100_000));
        let mut writer = Portions {
            taken: Vec::new(),
            portions: &[99_990, usize::MAX],
        };
        outbox.write_to(&mut writer).expect("first");
        outbox.settle(&mut spares);
        let capacity = outbox.buffer().capacity();
        assert!(capacity < 100, "{capacity}");
        outbox.write_to(&mut writer).expect("second");
        assert_eq!(writer.taken, pattern(0, 100_000));
    }

    #[test]
    fn few_bytes_before_a_segment_leave_a_large_buffer_where_it_is() {
        let mut outbox = Outbox::default();
        outbox.buffer().reserve(100_000);
        outbox.buffer().extend_from_slice(&pattern(0, 10));
        outbox.push_owned(pattern(10, 20_000));
        outbox.buffer().extend_from_slice(&pattern(20_010, 5));
        assert!(outbox.buffer().capacity() >= 100_000);
        let mut writer = Portions {
            taken: Vec::new(),
            portions: &[usize::MAX],
        };
        outbox.write_to(&mut writer).expect("all of it");
        let expected = [pattern(0, 10), pattern(10, 20_000), pattern(20_010, 5)];
        assert!(writer.taken == expected.concat());
    }

    #[test]
    fn peer_that_is_always_behind_does_not_make_the_tail_grow() {
        let mut outbox = Outbox::default();
        outbox.buffer().extend_from_slice(&[0; 1000]);
        for _ in 0..1000 {
            outbox.buffer().extend_from_slice(&[0; 100]);
            let mut writer = Portions {
                taken: Vec::new(),
                portions: &[100],
            };
            outbox.write_to(&mut writer).expect("100 bytes");
        }
        assert_eq!(outbox.len(), 1000);
        let buffer_len = outbox.buffer().len();
        assert!(buffer_len <= 2200, "{buffer_len}");
    }

    #[test]
    fn spare_buffers_are_bounded() {
        let mut spares = Spares::default();
        let queue = |capacity| {
            Box::new(Queue {
                tail: Vec::with_capacity(capacity),
                ..Queue::default()
            })
        };
        spares.take_back(queue(MAX_SPARE_CAPACITY + 1));
        assert_eq!(spares.queues.len(), 0);
        for _ in 0..100 {
            spares.take_back(queue(MAX_SPARE_CAPACITY));
        }
        assert!(spares.capacity <= MAX_SPARES_CAPACITY);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Own(usize),
        Owned(usize),
        Shared(usize),
        Write(usize),
        Settle,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..6000_usize).prop_map(Step::Own),
            (0..6000_usize).prop_map(Step::Owned),
            (0..6000_usize).prop_map(Step::Shared),
            (1..9000_usize).prop_map(Step::Write),
            Just(Step::Settle),
        ]
    }

    proptest! {
        #[test]
        fn outbox_is_a_queue_of_bytes(steps in prop::collection::vec(step(), 0..60)) {
            let mut outbox = Outbox::default();
            let mut spares = Spares::default();
            let (mut owed, mut taken) = (Vec::new(), Vec::new());
            for (seed, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Own(len) => {
                        outbox.lend(&mut spares);
                        outbox.buffer().extend_from_slice(&pattern(seed, len));
                        owed.extend_from_slice(&pattern(seed, len));
                    }
                    Step::Owned(len) => {
                        outbox.push_owned(pattern(seed, len));
                        owed.extend_from_slice(&pattern(seed, len));
                    }
                    Step::Shared(len) => {
                        outbox.push_shared(&pattern(seed, len).into());
                        owed.extend_from_slice(&pattern(seed, len));
                    }
                    Step::Write(len) if !outbox.is_empty() => {
                        let mut writer = Portions { taken, portions: &[len] };
                        outbox.write_to(&mut writer).expect("the portion is not empty");
                        taken = writer.taken;
                    }
                    Step::Write(_) => {}
                    Step::Settle => outbox.settle(&mut spares),
                }
                prop_assert_eq!(outbox.len(), owed.len() - taken.len());
                prop_assert_eq!(outbox.is_empty(), owed.len() == taken.len());
            }
            prop_assert!(owed.starts_with(&taken));
        }
    }
}
