//! A timer wheel: one deadline a connection, set, moved and found in constant time.
//!
//! Time is cut into ticks of 16 ms, and a deadline waits in the list of its tick, modulo the size of
//! the wheel; one that lies more than a turn of the wheel ahead is passed over until its tick comes.
//! Deadlines are rounded up to a tick: they come late by up to a tick, never early.
//!
//! Most deadlines only ever move away (each message postpones the keepalive), so moving one away
//! costs nothing: [`Deadlines::wake_by`] keeps an earlier entry, and who is woken looks whether
//! anything is really due and says again when to be woken.

use std::time::{Duration, Instant};

use crate::net::shelf::Shelf;

/// Who is to be woken when; keys are small integers, each with at most one entry.
#[derive(Debug)]
pub(super) struct Deadlines {
    origin: Instant,
    /// The last tick whose list was emptied; every entry's tick lies after it.
    passed: u64,
    /// No entry's tick lies before it; `NEVER` when there are no entries.
    earliest: u64,
    /// The first key in each list, or `NOBODY`.
    heads: Vec<u32>,
    /// By key.
    nodes: Shelf<Node>,
}

/// A member of a doubly linked list through the keys.
#[derive(Debug, Clone, Copy)]
struct Node {
    /// `NEVER`: in no list.
    tick: u64,
    previous: u32,
    next: u32,
}

impl Deadlines {
    /// Bytes of memory for each key.
    #[cfg(test)]
    pub(super) const NODE_LEN: usize = size_of::<Node>();

    pub(super) fn new(origin: Instant) -> Self {
        let heads = vec![NOBODY; SLOT_COUNT];
        Self {
            origin,
            passed: 0,
            earliest: NEVER,
            heads,
            nodes: Shelf::new(),
        }
    }

    /// Sees to it that `key` is woken no later than a tick after `at`; it may be woken earlier.
    pub(super) fn wake_by(&mut self, key: u32, at: Instant) {
        let tick = self.tick_after(at).max(self.passed + 1);
        let place = index(key);
        self.nodes.grow_to(place + 1, || Node::UNLINKED);
        if self.nodes[place].tick > tick {
            self.disarm(key);
            self.link(key, tick);
        }
    }

    /// Forgets `key`.
    pub(super) fn disarm(&mut self, key: u32) {
        let Some(&node) = self.nodes.get(index(key)) else {
            return;
        };
        if node.tick == NEVER {
            return;
        }
        match node.previous {
            NOBODY => self.heads[slot(node.tick)] = node.next,
            previous => self.nodes[index(previous)].next = node.next,
        }
        if node.next != NOBODY {
            self.nodes[index(node.next)].previous = node.previous;
        }
        self.nodes[index(key)] = Node::UNLINKED;
    }

    /// The time before which there is nothing to do.
    pub(super) fn next_at(&self) -> Option<Instant> {
        let since_origin = Duration::from_micros(self.earliest.saturating_mul(TICK_MICROS));
        (self.earliest != NEVER).then(|| self.origin + since_origin)
    }

    /// Moves the keys whose time has come to `due`.
    pub(super) fn expire(&mut self, now: Instant, due: &mut Vec<u32>) {
        let current = self.tick_before(now);
        if current < self.earliest {
            self.passed = self.passed.max(current.min(self.earliest - 1));
            return;
        }
        // Everything before `earliest` is empty, and a whole turn of the wheel visits every list.
        let first = (self.passed + 1).max(self.earliest);
        let last = current.min(first.saturating_add(SLOTS - 1));
        for visited in first..=last {
            let mut key = self.heads[slot(visited)];
            while key != NOBODY {
                let node = self.nodes[index(key)];
                if node.tick <= current {
                    self.disarm(key);
                    due.push(key);
                }
                key = node.next;
            }
        }
        self.passed = current;
        self.earliest = self.first_occupied();
    }

    fn link(&mut self, key: u32, tick: u64) {
        let head = self.heads[slot(tick)];
        if head != NOBODY {
            self.nodes[index(head)].previous = key;
        }
        self.nodes[index(key)] = Node {
            tick,
            previous: NOBODY,
            next: head,
        };
        self.heads[slot(tick)] = key;
        self.earliest = self.earliest.min(tick);
    }

    /// The next tick whose list has someone in it. He may belong to a later turn of the wheel:
    /// then somebody wakes up for nothing, once.
    fn first_occupied(&self) -> u64 {
        let next = self.passed + 1;
        (next..next + SLOTS)
            .find(|tick| self.heads[slot(*tick)] != NOBODY)
            .unwrap_or(NEVER)
    }

    fn tick_before(&self, now: Instant) -> u64 {
        micros(now.saturating_duration_since(self.origin)) / TICK_MICROS
    }

    /// The first tick that is not before `at`.
    fn tick_after(&self, at: Instant) -> u64 {
        // The fraction of a microsecond that is cut off counts as a whole one.
        micros(at.saturating_duration_since(self.origin))
            .saturating_add(1)
            .div_ceil(TICK_MICROS)
    }
}

impl Node {
    const UNLINKED: Self = Self {
        tick: NEVER,
        previous: NOBODY,
        next: NOBODY,
    };
}

fn micros(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_mul(1_000_000)
        .saturating_add(duration.subsec_micros().into())
}

#[expect(
    clippy::as_conversions,
    reason = "a usize has at least 32 bits wherever there is epoll"
)]
fn index(key: u32) -> usize {
    key as usize
}

#[expect(clippy::as_conversions, reason = "the remainder is below SLOTS")]
fn slot(tick: u64) -> usize {
    (tick % SLOTS) as usize
}

/// Fine enough for timeouts that people set in seconds, coarse enough that thousands of deadlines
/// share a wake-up.
const TICK_MICROS: u64 = 16_000;
/// One turn of the wheel is 65 s, longer than the usual timeouts, in 16 KiB.
const SLOTS: u64 = 4096;
const SLOT_COUNT: usize = 4096;
const NOBODY: u32 = u32::MAX;
const NEVER: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const TICK: Duration = Duration::from_micros(TICK_MICROS);

    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can't be had in any other way"
    )]
    fn origin() -> Instant {
        Instant::now()
    }

    fn expire(deadlines: &mut Deadlines, now: Instant) -> Vec<u32> {
        let mut due = Vec::new();
        deadlines.expire(now, &mut due);
        due.sort_unstable();
        due
    }

    #[test]
    fn deadline_comes_at_its_tick_and_once() {
        let start = origin();
        let mut deadlines = Deadlines::new(start);
        deadlines.wake_by(7, start + Duration::from_millis(100));
        assert_eq!(
            expire(&mut deadlines, start + Duration::from_millis(99)),
            [0_u32; 0]
        );
        assert_eq!(
            expire(&mut deadlines, start + Duration::from_millis(116)),
            [7]
        );
        assert_eq!(
            expire(&mut deadlines, start + Duration::from_secs(1_000)),
            [0_u32; 0]
        );
        assert_eq!(deadlines.next_at(), None);
    }

    #[test]
    fn earlier_time_moves_a_deadline_and_later_time_does_not() {
        let start = origin();
        let mut deadlines = Deadlines::new(start);
        deadlines.wake_by(1, start + Duration::from_secs(10));
        deadlines.wake_by(1, start + Duration::from_secs(2));
        deadlines.wake_by(1, start + Duration::from_secs(20));
        assert_eq!(expire(&mut deadlines, start + Duration::from_secs(3)), [1]);
        assert_eq!(
            expire(&mut deadlines, start + Duration::from_secs(30)),
            [0_u32; 0]
        );
    }

    #[test]
    fn deadline_beyond_one_turn_of_the_wheel_waits_for_its_own_turn() {
        let start = origin();
        let mut deadlines = Deadlines::new(start);
        deadlines.wake_by(1, start + Duration::from_secs(200));
        let mut wakes = 0;
        let mut now = start;
        while expire(&mut deadlines, now).is_empty() {
            now = deadlines.next_at().expect("the deadline has not come yet");
            wakes += 1;
        }
        assert!(
            now >= start + Duration::from_secs(200) && wakes < 10,
            "{wakes} wakes"
        );
    }

    #[test]
    fn years_do_not_run_out() {
        let start = origin();
        let mut deadlines = Deadlines::new(start);
        let now = start + Duration::from_hours(24 * 365 * 100);
        assert_eq!(expire(&mut deadlines, now), [0_u32; 0]);
        deadlines.wake_by(1, now + Duration::from_secs(25));
        assert!(deadlines.next_at() > Some(now));
    }

    #[test]
    fn deadline_in_the_past_comes_with_the_next_tick() {
        let start = origin();
        let mut deadlines = Deadlines::new(start);
        assert_eq!(
            expire(&mut deadlines, start + Duration::from_secs(5)),
            [0_u32; 0]
        );
        deadlines.wake_by(3, start);
        assert_eq!(
            expire(&mut deadlines, start + Duration::from_secs(5)),
            [0_u32; 0]
        );
        assert_eq!(
            expire(&mut deadlines, start + Duration::from_millis(5_016)),
            [3]
        );
    }

    #[derive(Debug, Clone)]
    enum Step {
        WakeBy(u32, u64),
        Disarm(u32),
        Pass(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let micros = prop_oneof![0..50_000_u64, 0..10_000_000_u64, 0..300_000_000_u64];
        prop_oneof![
            4 => (0..20_u32, micros.clone()).prop_map(|(key, after)| Step::WakeBy(key, after)),
            1 => (0..20_u32).prop_map(Step::Disarm),
            3 => micros.prop_map(Step::Pass),
        ]
    }

    proptest! {
        #[test]
        fn wheel_wakes_like_a_sorted_map(steps in prop::collection::vec(step(), 0..80)) {
            let start = origin();
            let mut now = start;
            let mut wheel = Deadlines::new(start);
            let mut model: BTreeMap<u32, Instant> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::WakeBy(key, after) => {
                        let at = now + Duration::from_micros(after);
                        wheel.wake_by(key, at);
                        model.entry(key).and_modify(|old| *old = at.min(*old)).or_insert(at);
                    }
                    Step::Disarm(key) => {
                        wheel.disarm(key);
                        model.remove(&key);
                    }
                    Step::Pass(micros) => {
                        now += Duration::from_micros(micros);
                        for key in expire(&mut wheel, now) {
                            let at = model.remove(&key);
                            prop_assert!(at.is_some_and(|at| at <= now), "key {} came early", key);
                        }
                        let late = now.checked_sub(2 * TICK).unwrap_or(start);
                        prop_assert!(model.values().all(|at| *at > late || *at >= now), "one is late");
                    }
                }
                if let Some(first) = model.values().min() {
                    let next = wheel.next_at().expect("someone waits");
                    prop_assert!(next <= *first + 2 * TICK);
                }
            }
        }
    }
}
