//! What every load measures: a warm-up, a span of time, latencies, and the CPU time of both sides.
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::args::Args;
use crate::sys;

/// The course of a run: warming up, measuring, and draining what is still in flight.
pub struct Measurement {
    pid: Option<i32>,
    warmup_end_ns: u64,
    span_ns: u64,
    phase: Phase,
    start: Stamp,
    end: Stamp,
    latencies: Histogram<u64>,
    latencies_discarded: u64,
    /// What the load counts (messages, deliveries) within the measured span.
    count: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Warmup,
    Measuring,
    Draining { deadline_ns: u64 },
}

#[derive(Clone, Copy, Default)]
struct Stamp {
    at_ns: u64,
    server_cpu_ns: u64,
    own_cpu_ns: u64,
}

/// How long messages that are in flight at the end may take to arrive.
const DRAIN_TIMEOUT_NS: u64 = 20_000_000_000;

impl Measurement {
    pub fn start(args: &Args) -> Result<Self, String> {
        let nanoseconds = |seconds: f64| (seconds * 1e9) as u64;
        Ok(Self {
            pid: args.optional("pid")?,
            warmup_end_ns: sys::mono_ns() + nanoseconds(args.number("warmup", 0.4)?),
            span_ns: nanoseconds(args.number("secs", 2.0)?),
            phase: Phase::Warmup,
            start: Stamp::default(),
            end: Stamp::default(),
            latencies: Histogram::new_with_bounds(1, 60_000_000_000, 3)
                .map_err(|e| e.to_string())?,
            latencies_discarded: 0,
            count: 0,
        })
    }

    /// Moves on to the phase that belongs to `now_ns`; to be called once a turn of the loop.
    pub fn advance(&mut self, now_ns: u64) -> Phase {
        match self.phase {
            Phase::Warmup if now_ns >= self.warmup_end_ns => {
                self.start = self.stamp(now_ns);
                self.phase = Phase::Measuring;
            }
            Phase::Measuring if now_ns >= self.start.at_ns + self.span_ns => {
                self.end = self.stamp(now_ns);
                self.phase = Phase::Draining {
                    deadline_ns: now_ns + DRAIN_TIMEOUT_NS,
                };
            }
            _ => {}
        }
        self.phase
    }

    pub fn is_draining(&self) -> bool {
        matches!(self.phase, Phase::Draining { .. })
    }

    pub fn is_overdue(&self, now_ns: u64) -> bool {
        matches!(self.phase, Phase::Draining { deadline_ns } if now_ns > deadline_ns)
    }

    /// Counts within the measured span only.
    pub fn add(&mut self, count: u64) {
        if self.phase == Phase::Measuring {
            self.count += count;
        }
    }

    /// Notes a latency within the measured span only.
    pub fn record(&mut self, latency_ns: u64, count: u64) {
        if self.phase == Phase::Measuring
            && self.latencies.record_n(latency_ns.max(1), count).is_err()
        {
            self.latencies_discarded += count;
        }
    }

    fn stamp(&self, at_ns: u64) -> Stamp {
        Stamp {
            at_ns,
            server_cpu_ns: self.pid.and_then(sys::proc_cpu_ns).unwrap_or(0),
            own_cpu_ns: sys::self_cpu_ns(),
        }
    }

    /// Prints the result, `what` being the unit counted; `extra` is added as it is.
    pub fn report(&self, args: &Args, what: &str, extra: Value) -> Result<(), String> {
        if self.count == 0 {
            return Err(format!("no {what} at all"));
        }
        if self.latencies_discarded > 0 {
            return Err(format!(
                "{} latencies were beyond a minute",
                self.latencies_discarded
            ));
        }
        let elapsed_ns = (self.end.at_ns - self.start.at_ns) as f64;
        let server_cpu_ns = (self.end.server_cpu_ns - self.start.server_cpu_ns) as f64;
        let own_cpu_ns = (self.end.own_cpu_ns - self.start.own_cpu_ns) as f64;
        let us = |quantile| self.latencies.value_at_quantile(quantile) as f64 / 1e3;
        let mut line = json!({
            "count": self.count,
            "rate": self.count as f64 * 1e9 / elapsed_ns,
            "server_cpu_us": server_cpu_ns / 1e3 / self.count as f64,
            "own_cpu_us": own_cpu_ns / 1e3 / self.count as f64,
            "server_load": server_cpu_ns / elapsed_ns,
            "own_load": own_cpu_ns / elapsed_ns,
            "p50_us": us(0.5),
            "p99_us": us(0.99),
            "max_us": us(1.0),
        });
        if let (Some(line), Value::Object(mut extra)) = (line.as_object_mut(), extra) {
            line.append(&mut extra);
        }
        if args.flag("json") {
            println!("{line}");
        } else {
            println!(
                "{:.0} {what}/s; p50 {:.1} us, p99 {:.1} us, max {:.1} us",
                line["rate"].as_f64().unwrap_or(0.0),
                us(0.5),
                us(0.99),
                us(1.0)
            );
            println!(
                "CPU time of one: server {:.3} us ({:.0} % of a core), load {:.3} us ({:.0} %)",
                server_cpu_ns / 1e3 / self.count as f64,
                server_cpu_ns * 100.0 / elapsed_ns,
                own_cpu_ns / 1e3 / self.count as f64,
                own_cpu_ns * 100.0 / elapsed_ns
            );
        }
        Ok(())
    }
}
