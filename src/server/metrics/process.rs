//! What the system knows of this process, under the names that Prometheus' own clients use.

use std::{fmt, fs};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Reads `/proc/self` when somebody asks; shows nothing where there is none.
#[derive(Debug)]
pub(crate) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(stat) = Stat::read() else {
            return Ok(());
        };
        let cpu = ConstCounter::new(stat.cpu_seconds);
        cpu.encode(encoder.encode_descriptor(
            "process_cpu_seconds",
            "Processor time used",
            None,
            MetricType::Counter,
        )?)?;
        let gauges = [
            (
                "process_resident_memory_bytes",
                "Memory in use",
                stat.resident_bytes,
            ),
            (
                "process_virtual_memory_bytes",
                "Memory mapped",
                stat.virtual_bytes,
            ),
            ("process_threads", "Threads", stat.threads),
            ("process_open_fds", "Open files", open_files()),
            ("process_max_fds", "Most open files", max_open_files()),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Stat {
    cpu_seconds: f64,
    threads: i64,
    virtual_bytes: i64,
    resident_bytes: i64,
}

impl Stat {
    /// proc(5): fields 14, 15 (time), 20 (threads), 23 and 24 (memory), counted from 1.
    fn read() -> Option<Self> {
        let text = fs::read_to_string("/proc/self/stat").ok()?;
        // The second field is the program's name, in parentheses, and may hold anything.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<i64>().ok();
        let ticks = u32::try_from(number(14)? + number(15)?).ok()?;
        Some(Self {
            cpu_seconds: f64::from(ticks) / TICKS_PER_SECOND,
            threads: number(20)?,
            virtual_bytes: number(23)?,
            resident_bytes: number(24)? * i64::try_from(rustix::param::page_size()).ok()?,
        })
    }
}

/// What the directory's size says since Linux 6.2. Before that each has to be looked at, which takes
/// a millisecond for a thousand, and the connections of this worker wait meanwhile.
fn open_files() -> i64 {
    let told = fs::metadata("/proc/self/fd").map_or(0, |directory| directory.len());
    let count = if told > 0 { told } else { listed_files() };
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn listed_files() -> u64 {
    let listed = fs::read_dir("/proc/self/fd").map_or(0, |listed| listed.map(|_| 1).sum());
    // One is what lists them.
    u64::saturating_sub(listed, 1)
}

fn max_open_files() -> i64 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit
        .and_then(|limit| i64::try_from(limit).ok())
        .unwrap_or(i64::MAX)
}

/// USER_HZ is 100 on every Linux that runs today.
const TICKS_PER_SECOND: f64 = 100.0;

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn this_process_uses_memory_and_threads() {
        let stat = Stat::read().unwrap();
        assert!(stat.threads >= 1 && stat.resident_bytes > 0 && stat.virtual_bytes > 0);
        assert!(max_open_files() > 0);
    }

    #[test]
    fn open_files_are_counted_by_the_system_as_one_by_one() {
        let opened: Vec<_> = (0..300).map(|_| File::open("/dev/null").unwrap()).collect();
        for count in [open_files(), i64::try_from(listed_files()).unwrap()] {
            // Other tests in this process have some, too.
            assert!((300..600).contains(&count), "{count}");
        }
        drop(opened);
    }
}
