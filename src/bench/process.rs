//! Asks the system what a process uses.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::param::clock_ticks_per_second;

/// Time that a process has spent since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CpuTime {
    /// In its own code.
    pub(super) user: Duration,
    /// In the system's, for it.
    pub(super) system: Duration,
}

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) resident_len: u64,
    /// Of that, what no file backs.
    pub(super) anonymous_len: u64,
}

/// Reads what time process `pid` has spent, exact to a tick of the system, mostly 10 ms.
pub(super) fn cpu_time(pid: u32) -> io::Result<CpuTime> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse_stat(&stat, clock_ticks_per_second()).ok_or_else(unknown_format)
}

/// Reads what memory process `pid` has. The system walks all of it, which holds the process up for a
/// moment.
pub(super) fn memory(pid: u32) -> io::Result<Memory> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    parse_rollup(&rollup).ok_or_else(unknown_format)
}

/// Understands proc_pid_stat(5).
fn parse_stat(stat: &str, ticks_per_second: u64) -> Option<CpuTime> {
    // The name, in parentheses, may contain anything; the times are fields 14 and 15.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map(|ticks| {
        let ticks = ticks.parse::<u64>().ok()?;
        let ns = u128::from(ticks) * 1_000_000_000 / u128::from(ticks_per_second.max(1));
        Some(Duration::from_nanos(u64::try_from(ns).ok()?))
    });
    Some(CpuTime {
        user: times.next()??,
        system: times.next()??,
    })
}

/// Understands the `smaps_rollup` of proc_pid_smaps(5).
fn parse_rollup(rollup: &str) -> Option<Memory> {
    let len_of = |name| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
        let kib = line.split_whitespace().next()?.parse::<u64>().ok()?;
        Some(kib * 1024)
    };
    Some(Memory {
        resident_len: len_of("Rss:")?,
        anonymous_len: len_of("Anonymous:")?,
    })
}

fn unknown_format() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "7 (a) R 1 (b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1 0 99";
        let expected = CpuTime {
            user: Duration::from_millis(2500),
            system: Duration::from_millis(500),
        };
        assert_eq!(parse_stat(stat, 100), Some(expected));
        assert_eq!(parse_stat("7 (a", 100), None);
        assert_eq!(parse_stat("7 (a) S 1 2", 100), None);
    }

    #[test]
    fn memory_is_counted_in_bytes() {
        let rollup = "0-1 ---p\nRss:      12 kB\nPss:  3 kB\nAnonymous:   8 kB\n";
        let expected = Memory {
            resident_len: 12_288,
            anonymous_len: 8192,
        };
        assert_eq!(parse_rollup(rollup), Some(expected));
        assert_eq!(parse_rollup("Rss: 12 kB\n"), None);
    }

    #[test]
    fn this_very_process_can_be_measured() {
        let own = std::process::id();
        assert!(cpu_time(own).is_ok() && memory(own).is_ok());
    }
}
