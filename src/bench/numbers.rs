//! Turns counts into figures that people read.

use std::time::Duration;

/// Returns a number of things in memory as a count.
pub(super) fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Returns a count as a real number.
#[expect(
    clippy::as_conversions,
    reason = "figures are shown with five digits, and a f64 holds fifteen"
)]
pub(super) fn real(count: u64) -> f64 {
    count as f64
}

/// Returns how many there are for each of `of`; 0 if there is none.
pub(super) fn each(amount: f64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { amount / real(of) }
}

/// Returns how many there are in a second; 0 if there was no time.
pub(super) fn per_second(count: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() {
        0.0
    } else {
        real(count) / elapsed.as_secs_f64()
    }
}

/// Returns nanoseconds as microseconds.
pub(super) fn microseconds(ns: u64) -> f64 {
    real(ns) / 1e3
}

/// Writes microseconds in the unit that suits them, with three digits.
pub(super) fn time(us: f64) -> String {
    if us < 1e3 {
        format!("{} µs", three_digits(us))
    } else if us < 1e6 {
        format!("{} ms", three_digits(us / 1e3))
    } else {
        format!("{} s", three_digits(us / 1e6))
    }
}

/// Writes bytes in the unit that suits them, with three digits.
pub(super) fn size(bytes: f64) -> String {
    let magnitude = bytes.abs();
    if magnitude < 1e3 {
        format!("{bytes:.0} B")
    } else if magnitude < 1e6 {
        format!("{} kB", three_digits(bytes / 1e3))
    } else if magnitude < 1e9 {
        format!("{} MB", three_digits(bytes / 1e6))
    } else {
        format!("{} GB", three_digits(bytes / 1e9))
    }
}

/// Writes a number with three digits, or all that are before the point.
fn three_digits(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude < 9.995 {
        format!("{number:.2}")
    } else if magnitude < 99.95 {
        format!("{number:.1}")
    } else {
        format!("{number:.0}")
    }
}

/// Writes a number without what is behind its point, in groups of three digits.
pub(super) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Writes how many there are of what is called so.
pub(super) fn counted(count: u64, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {what}{ending}", grouped(real(count)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_magnitude_has_its_unit() {
        for (us, expected) in [
            (0.512, "0.51 µs"),
            (9.996, "10.0 µs"),
            (123.4, "123 µs"),
            (1234.0, "1.23 ms"),
            (99_949.0, "99.9 ms"),
            (2_500_000.0, "2.50 s"),
        ] {
            assert_eq!(time(us), expected);
        }
        for (bytes, expected) in [
            (0.0, "0 B"),
            (-12.0, "-12 B"),
            (1234.0, "1.23 kB"),
            (56_789_000.0, "56.8 MB"),
            (3e9, "3.00 GB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
        for (number, expected) in [(0.0, "0"), (999.4, "999"), (1e6, "1,000,000")] {
            assert_eq!(grouped(number), expected);
        }
        for (count, expected) in [(0, "0 bells"), (1, "1 bell"), (1000, "1,000 bells")] {
            assert_eq!(counted(count, "bell"), expected);
        }
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        assert_eq!((each(5.0, 0), per_second(5, Duration::ZERO)), (0.0, 0.0));
        assert_eq!(per_second(5, Duration::from_millis(500)), 10.0);
    }
}
