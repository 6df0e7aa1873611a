//! What may wait: requests for the hub, and appends for the log.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

#[path = "../../src/storage/places.rs"]
mod places;
#[path = "../../src/server/waiting_requests.rs"]
mod waiting_requests;

use places::Places;
use waiting_requests::WaitingRequests;

use crate::finds;

#[test]
fn of_requests_that_come_at_once_no_more_wait_than_may() {
    for (max_count, max_weight) in [(1, 10), (10, 5), (1, 3)] {
        loom::model(move || {
            let waiting = Arc::new(WaitingRequests::new(max_count, max_weight));
            let is_in = at_once(&waiting, |waiting| waiting.add(3), |waiting| waiting.add(3));
            assert_ne!(is_in, [true; 2], "two wait where one may");
            let has_room = waiting.add(3);
            assert_eq!(
                has_room,
                is_in == [false; 2],
                "who is refused is not counted"
            );
        });
    }
}

#[test]
fn request_that_leaves_while_another_comes_makes_room_for_one() {
    loom::model(|| {
        let waiting = Arc::new(WaitingRequests::new(1, 3));
        assert!(waiting.add(3), "nothing waits");
        let leave_and_come = |waiting: &WaitingRequests| {
            waiting.remove(3);
            waiting.add(3)
        };
        let is_in = at_once(&waiting, |waiting| waiting.add(3), leave_and_come);
        assert_ne!(is_in, [true; 2], "two wait where one may");
    });
}

#[test]
fn appends_that_come_at_once_take_all_places_and_no_more() {
    loom::model(|| assert_eq!(take_at_once(Places::new(3), Places::take), 3));
}

#[test]
fn places_that_are_given_back_are_taken_again() {
    loom::model(|| {
        let places = Arc::new(Places::new(2));
        assert_eq!(places.take(2), 2);
        let give_back_and_take = |places: &Places| {
            places.give_back(2);
            places.take(1)
        };
        let taken = at_once(&places, |places| places.take(2), give_back_and_take);
        assert!(taken.iter().sum::<usize>() <= 2, "{taken:?}");
        assert_eq!(places.take(2), 2 - taken.iter().sum::<usize>());
    });
}

#[test]
fn model_finds_who_looks_for_places_before_it_takes_them() {
    let look_and_take = |taken_count: &AtomicUsize, wanted_count: usize| {
        let count = wanted_count.min(3 - taken_count.load(Ordering::SeqCst));
        taken_count.fetch_add(count, Ordering::SeqCst);
        count
    };
    let found = finds(move || {
        assert_eq!(take_at_once(AtomicUsize::new(0), look_and_take), 3);
    });
    assert!(found, "more wait than may, and nobody noticed");
}

/// Has two take two places each; returns how many they got.
fn take_at_once<T: Send + Sync + 'static>(
    places: T,
    take: impl Fn(&T, usize) -> usize + Copy + Send + 'static,
) -> usize {
    let take_two = move |places: &T| take(places, 2);
    let taken = at_once(&Arc::new(places), take_two, take_two);
    taken.iter().sum()
}

/// What comes of two that do something at once.
fn at_once<T: Send + Sync + 'static, R: 'static>(
    shared: &Arc<T>,
    one: impl Fn(&T) -> R + Send + 'static,
    other: impl Fn(&T) -> R,
) -> [R; 2] {
    let thread = {
        let shared = Arc::clone(shared);
        thread::spawn(move || one(&shared))
    };
    let other = other(shared);
    [thread.join().expect("it is done"), other]
}

/// What the files are made of here.
mod sync {
    pub(super) use loom::sync::atomic::{AtomicUsize, Ordering};
}
