//! What a process holds: memory and descriptors, as the system counts them.

use std::fs;
use std::time::Duration;

use crate::support::descriptor_count;

/// A moment's state of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Footprint {
    /// Memory of its own that is resident, in bytes; pages of files are not counted.
    pub(crate) resident_len: u64,
    pub(crate) descriptor_count: usize,
}

impl Footprint {
    pub(crate) fn of(process_id: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{process_id}/status")).unwrap();
        let line = status.lines().find_map(|it| it.strip_prefix("RssAnon:"));
        let kib = line.unwrap().trim().trim_end_matches(" kB");
        Self {
            resident_len: kib.parse::<u64>().unwrap() * 1024,
            descriptor_count: descriptor_count(process_id),
        }
    }

    /// How much more memory that is than it was, in bytes.
    pub(crate) fn grown_since(&self, before: &Self) -> u64 {
        self.resident_len.saturating_sub(before.resident_len)
    }
}

/// Processor time that a process has used.
pub(crate) fn processor_time(process_id: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process_id}/stat")).unwrap();
    // proc(5): fields 14 and 15, counted from 1, in ticks of 10 ms; the second is a name in
    // parentheses, which may hold anything.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_ascii_whitespace().skip(11).take(2);
    ticks
        .map(|it| Duration::from_millis(10 * it.parse::<u64>().unwrap()))
        .sum()
}
