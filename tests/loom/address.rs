//! The two counters of an address.

use loom::sync::Arc;
use loom::thread;

#[path = "../../src/server/double_count.rs"]
mod double_count;

use crate::finds;
use crate::orders as sync;
use crate::orders::{AtomicU32, Ordering, without_orders};

#[test]
fn of_those_who_enter_at_once_no_more_get_in_than_may() {
    loom::model(|| assert!(enter_at_once(double_count::enter) <= 1));
}

#[test]
fn who_leaves_while_others_enter_makes_room_for_one() {
    loom::model(|| {
        let counters = Arc::new(counters());
        assert!(double_count::enter(pair(&counters), 1), "it is empty");
        let entering = {
            let counters = Arc::clone(&counters);
            thread::spawn(move || double_count::enter(pair(&counters), 1))
        };
        double_count::leave(pair(&counters));
        let is_in = double_count::enter(pair(&counters), 1);
        let is_other_in = entering.join().expect("it has been judged");
        assert!(!(is_in && is_other_in), "two are in");
        let inside = u32::from(is_in) + u32::from(is_other_in);
        assert_eq!(
            counts(&counters),
            [inside; 2],
            "who is refused is not counted"
        );
    });
}

#[test]
fn model_finds_that_earlier_counts_are_no_ground_to_judge_by() {
    let by_earlier_counts = |counters: [&AtomicU32; 2], max| {
        let counts = counters.map(|counter| counter.fetch_add(1, Ordering::AcqRel));
        counts[0].min(counts[1]) < max
    };
    let found = finds(move || assert!(enter_at_once(by_earlier_counts) <= 1));
    assert!(found, "two got in, and nobody noticed");
}

#[test]
fn model_finds_counters_that_carry_no_order() {
    let found = without_orders(|| finds(|| assert!(enter_at_once(double_count::enter) <= 1)));
    assert!(found, "two got in, and nobody noticed");
}

/// Has two enter at once where one may; returns how many got in.
fn enter_at_once(enter: impl Fn([&AtomicU32; 2], u32) -> bool + Copy + Send + 'static) -> u32 {
    let counters = Arc::new(counters());
    let other = {
        let counters = Arc::clone(&counters);
        thread::spawn(move || enter(pair(&counters), 1))
    };
    let is_in = enter(pair(&counters), 1);
    let is_other_in = other.join().expect("it has been judged");
    u32::from(is_in) + u32::from(is_other_in)
}

fn counters() -> [AtomicU32; 2] {
    [AtomicU32::new(0), AtomicU32::new(0)]
}

fn pair(counters: &[AtomicU32; 2]) -> [&AtomicU32; 2] {
    counters.each_ref()
}

fn counts(counters: &[AtomicU32; 2]) -> [u32; 2] {
    counters
        .each_ref()
        .map(|counter| counter.load(Ordering::Acquire))
}
