//! Who leaves, and the drain that waits for that.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

#[path = "../../src/server/attendance.rs"]
mod attendance;

use attendance::Attendance;

use crate::finds;

#[test]
fn drain_finds_nobody_or_is_told_by_the_last_who_leaves() {
    loom::model(|| {
        let attendance = Attendance::new();
        attendance.came();
        attendance.came();
        drain(attendance, [Attendance::left; 2], begin);
    });
}

#[test]
fn who_comes_when_the_drain_has_begun_is_counted_too() {
    loom::model(|| {
        let attendance = Attendance::new();
        attendance.came();
        let come_and_leave = |attendance: &Attendance| {
            attendance.came();
            attendance.left()
        };
        drain(attendance, [Attendance::left, come_and_leave], begin);
    });
}

#[test]
fn model_finds_a_drain_that_is_begun_in_a_value_of_its_own() {
    let found = finds(|| {
        let two = (AtomicBool::new(false), AtomicUsize::new(1));
        let leave = |(is_draining, count): &(AtomicBool, AtomicUsize)| {
            count.fetch_sub(1, Ordering::Relaxed) == 1 && is_draining.load(Ordering::Relaxed)
        };
        drain(two, [leave], |(is_draining, count)| {
            is_draining.store(true, Ordering::Relaxed);
            count.load(Ordering::Relaxed)
        });
    });
    assert!(found, "a drain waited for nobody, and nobody noticed");
}

/// Begins a drain; returns how many it waits for.
fn begin(attendance: &Attendance) -> usize {
    attendance.begin_drain();
    assert!(attendance.is_draining());
    attendance.count()
}

/// Begins a drain, which returns how many it waits for, while others leave, who say whether they tell
/// it so.
fn drain<T: Send + Sync + 'static, const N: usize>(
    attendance: T,
    leave: [fn(&T) -> bool; N],
    begin: impl Fn(&T) -> usize,
) {
    let attendance = Arc::new(attendance);
    let leavers = leave.map(|leave| {
        let attendance = Arc::clone(&attendance);
        thread::spawn(move || leave(&attendance))
    });
    let awaited_count = begin(&attendance);
    let tells = leavers.map(|leaver| leaver.join().expect("it has left"));
    let is_told = tells.contains(&true);
    assert!(
        awaited_count == 0 || is_told,
        "it waits, and nobody tells it"
    );
}

/// What the file is made of here.
mod sync {
    pub(super) use loom::sync::atomic::{AtomicUsize, Ordering};
}
