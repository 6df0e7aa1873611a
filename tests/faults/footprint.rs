//! What a process holds: memory and descriptors, as the system counts them.

use std::fs;

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
}

pub(crate) fn descriptor_count(process_id: u32) -> usize {
    fs::read_dir(format!("/proc/{process_id}/fd"))
        .unwrap()
        .count()
}
