//! Asks the system what a process uses.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::param::clock_ticks_per_second;

/// What a process uses, at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Time spent in its own code, and in the system's for it, since it began.
    pub(super) user: Duration,
    pub(super) system: Duration,
    /// Bytes of memory it has, and of them those that no file backs.
    pub(super) resident_len: u64,
    pub(super) anonymous_len: u64,
}

/// Reads what process `pid` uses, or this one.
///
/// Times are exact to a tick of the system, mostly 10 ms.
pub(super) fn usage(pid: Option<u32>) -> io::Result<Usage> {
    let directory = match pid {
        Some(pid) => format!("/proc/{pid}"),
        None => "/proc/self".to_owned(),
    };
    let stat = fs::read_to_string(format!("{directory}/stat"))?;
    let memory = fs::read_to_string(format!("{directory}/smaps_rollup"))?;
    parse(&stat, &memory, clock_ticks_per_second())
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

fn parse(stat: &str, memory: &str, ticks_per_second: u64) -> Option<Usage> {
    // proc_pid_stat(5): the name, in parentheses, may contain anything; the times are fields 14, 15.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map(|ticks| {
        let ticks = ticks.parse::<u64>().ok()?;
        let ns = u128::from(ticks) * 1_000_000_000 / u128::from(ticks_per_second.max(1));
        Some(Duration::from_nanos(u64::try_from(ns).ok()?))
    });
    let len_of = |name| {
        let line = memory.lines().find_map(|line| line.strip_prefix(name))?;
        let kib = line.split_whitespace().next()?.parse::<u64>().ok()?;
        Some(kib * 1024)
    };
    Some(Usage {
        user: times.next()??,
        system: times.next()??,
        resident_len: len_of("Rss:")?,
        anonymous_len: len_of("Anonymous:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_memory_are_found_behind_any_name() {
        let stat = "7 (a) R 1 (b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1 0 99";
        let memory = "0-1 ---p\nRss:      12 kB\nPss:  3 kB\nAnonymous:   8 kB\n";
        let usage = parse(stat, memory, 100).unwrap();
        assert_eq!(usage.user, Duration::from_millis(2500));
        assert_eq!(usage.system, Duration::from_millis(500));
        assert_eq!((usage.resident_len, usage.anonymous_len), (12_288, 8192));
        assert_eq!(parse("7 (a", memory, 100), None);
        assert_eq!(parse(stat, "", 100), None);
    }
}
