//! The result of a run, as JSON for programs or as text for people.

use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::bench::args::Mode;
use crate::bench::engine::Outcome;
use crate::bench::numbers::{
    count, counted, each, grouped, microseconds, per_second, real, size, time,
};
use crate::bench::plan::Plan;
use crate::bench::process::{CpuTime, Memory};
use crate::bench::tally::{Fault, Faults};

/// The result of a run. Its fields, in this order, are those of the JSON object; `docs/bench.md` says
/// what they mean.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    mode: &'static str,
    url: String,
    connections: u64,
    threads: usize,
    #[serde(rename = "loop")]
    kind_of_loop: &'static str,
    rate: Option<f64>,
    pipeline: u64,
    size: usize,
    is_text: bool,
    is_deflate_offered: bool,
    seconds: f64,
    messages: u64,
    messages_per_second: f64,
    deliveries: u64,
    deliveries_per_second: f64,
    bytes_per_second: f64,
    unsent: u64,
    latency_us: Option<Latencies>,
    done_latency_us: Option<Latencies>,
    connect_us: Option<Latencies>,
    errors: Errors,
    first_error: Option<String>,
    generator: Option<Cpu>,
    server: Option<Server>,
    #[serde(skip)]
    is_server_measured: bool,
}

#[derive(Debug, Serialize)]
struct Latencies {
    count: u64,
    mean: f64,
    p50: f64,
    p75: f64,
    p90: f64,
    p99: f64,
    p99_9: f64,
    p99_99: f64,
    max: f64,
}

#[derive(Debug, Serialize)]
struct Errors {
    wrong: u64,
    missing: u64,
    lost: u64,
    protocol: u64,
    refused: u64,
}

/// Time that a process has spent.
#[derive(Debug, Serialize)]
struct Cpu {
    user_seconds: f64,
    system_seconds: f64,
    cores: f64,
    us_per_message: f64,
    us_per_delivery: f64,
}

#[derive(Debug, Serialize)]
struct Server {
    cpu: Cpu,
    rss_bytes_before: u64,
    rss_bytes: u64,
    rss_bytes_per_connection: f64,
    anonymous_bytes_before: u64,
    anonymous_bytes: u64,
    anonymous_bytes_per_connection: f64,
}

/// What was seen of the processes at both ends.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// At the beginning and the end of the measured time.
    pub(super) generator: Option<[CpuTime; 2]>,
    pub(super) server: Option<[CpuTime; 2]>,
    /// Before the first connection, and at the end of the measured time.
    pub(super) server_memory: Option<[Memory; 2]>,
}

impl Report {
    pub(super) fn new(plan: &Plan, outcome: &Outcome, seen: &Seen) -> Self {
        let args = &plan.args;
        let tally = &outcome.tally;
        let window = tally.window();
        let elapsed = window.map_or(Duration::ZERO, |it| {
            it.ends_at.saturating_duration_since(it.starts_at)
        });
        let (messages, deliveries) = (tally.message_count, tally.delivery_count);
        let deliveries_per_second = per_second(deliveries, elapsed);
        let cpu = |times: [CpuTime; 2]| Cpu::new(times, elapsed, messages, deliveries);
        let server = seen.server.zip(seen.server_memory);
        let payload_len = f64::from(u32::try_from(args.size()).unwrap_or(u32::MAX));
        Self {
            mode: args.mode.name(),
            url: args.url.clone(),
            connections: args.connections,
            threads: plan.shares().len(),
            kind_of_loop: if args.rate.is_some() {
                "open"
            } else {
                "closed"
            },
            rate: args.rate,
            pipeline: args.max_in_flight(),
            size: args.size(),
            is_text: args.is_text(),
            is_deflate_offered: args.deflate,
            seconds: elapsed.as_secs_f64(),
            messages,
            messages_per_second: per_second(messages, elapsed),
            deliveries,
            deliveries_per_second,
            bytes_per_second: deliveries_per_second * payload_len,
            unsent: tally.unsent_count,
            latency_us: Latencies::new(&tally.latencies),
            done_latency_us: Latencies::new(&tally.acknowledgements),
            connect_us: Latencies::new(&outcome.opening_times),
            errors: Errors::new(&tally.faults),
            first_error: tally.faults.first.clone(),
            generator: seen.generator.map(cpu),
            server: server.map(|(times, memory)| Server::new(cpu(times), memory, args.connections)),
            is_server_measured: args.pid.is_some(),
        }
    }

    /// Writes one JSON object, in one line.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    pub(super) fn text(&self, mode: Mode) -> String {
        let mut text = String::new();
        let mut line = |name: &str, what: &str| {
            // Writing to a String can't fail.
            let _ = writeln!(text, "{name:<11} {what}");
        };
        line(self.mode, &self.url);
        line("load", &self.load(mode));
        if mode == Mode::Idle {
            let connections = grouped(real(self.connections));
            let held = format!("{connections} for {:.2} s", self.seconds);
            let alive = grouped(real(self.messages));
            line(
                "held",
                &format!("{held}, and {alive} answered a Ping in the end"),
            );
        } else {
            line("messages", &self.rates());
        }
        if let Some(latencies) = &self.latency_us {
            line("latency", &latencies.text());
            line("", self.meaning_of_latency(mode));
            if self.unsent + self.errors.missing > 0 {
                line("", "what never came took at least as long as it has waited");
            }
        }
        if let Some(latencies) = &self.done_latency_us {
            line("done", &format!("{} (send to done)", latencies.text()));
        }
        if let Some(latencies) = &self.connect_us {
            let [p50, p99, max] = [latencies.p50, latencies.p99, latencies.max].map(time);
            line("connecting", &format!("p50 {p50}  p99 {p99}  max {max}"));
        }
        if let Some(server) = &self.server {
            line("server", &server.cpu.text(mode));
            line("memory", &server.memory());
        } else if self.is_server_measured {
            line("server", "its process could not be measured to the end");
        }
        if let Some(cpu) = &self.generator {
            line("this load", &cpu.text(mode));
        }
        line("errors", &self.errors.text());
        text
    }

    fn load(&self, mode: Mode) -> String {
        let connections = format!(
            "{}, {}",
            counted(self.connections, "connection"),
            counted(count(self.threads), "thread")
        );
        let messages = format!(
            "{} messages of {} bytes",
            if self.is_text { "text" } else { "binary" },
            self.size
        );
        let of_each = if mode == Mode::Echo { " on each" } else { "" };
        let pace = match self.rate {
            Some(rate) => format!("{rate} a second whatever comes back (open loop)"),
            None => format!("{} in flight{of_each} (closed loop)", self.pipeline),
        };
        match mode {
            Mode::Idle => connections,
            Mode::Echo | Mode::Fanout | Mode::Chat => format!("{connections}, {messages}, {pace}"),
        }
    }

    fn rates(&self) -> String {
        let mut rates = format!(
            "{} in {:.2} s: {}/s",
            grouped(real(self.messages)),
            self.seconds,
            grouped(self.messages_per_second)
        );
        if self.deliveries != self.messages {
            let _ = write!(
                rates,
                "; {} deliveries/s",
                grouped(self.deliveries_per_second)
            );
        }
        let _ = write!(rates, ", {}/s", size(self.bytes_per_second));
        if self.unsent > 0 {
            let _ = write!(
                rates,
                "; {} were due and not sent: the server {}",
                grouped(real(self.unsent)),
                if self.errors.lost > 0 {
                    "did not keep up, or was gone"
                } else {
                    "did not keep up"
                }
            );
        }
        rates
    }

    fn meaning_of_latency(&self, mode: Mode) -> &'static str {
        match (mode, self.rate) {
            (Mode::Idle, _) => "from a Ping to its Pong, all sent at once",
            (Mode::Echo, None) => {
                "from sending to the reply; while the server stalls nothing is sent, or measured: \
                 see --rate"
            }
            (Mode::Echo, Some(_)) => "from when a message was due to its reply",
            (Mode::Fanout | Mode::Chat, None) => {
                "from sending to the last one's copy; while the server stalls nothing is sent, or \
                 measured: see --rate"
            }
            (Mode::Fanout | Mode::Chat, Some(_)) => {
                "from when a message was due to the last one's copy"
            }
        }
    }
}

impl Latencies {
    /// `None`: nothing was measured.
    fn new(histogram: &Histogram<u64>) -> Option<Self> {
        let at = |quantile| microseconds(histogram.value_at_quantile(quantile));
        (!histogram.is_empty()).then(|| Self {
            count: histogram.len(),
            mean: histogram.mean() / 1e3,
            p50: at(0.5),
            p75: at(0.75),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            p99_99: at(0.9999),
            max: microseconds(histogram.max()),
        })
    }

    fn text(&self) -> String {
        let figures = [
            ("p50", self.p50),
            ("p75", self.p75),
            ("p90", self.p90),
            ("p99", self.p99),
            ("p99.9", self.p99_9),
            ("p99.99", self.p99_99),
            ("max", self.max),
        ];
        let figures = figures.map(|(name, us)| format!("{name} {}", time(us)));
        format!("{}  of {}", figures.join("  "), grouped(real(self.count)))
    }
}

impl Errors {
    fn new(faults: &Faults) -> Self {
        Self {
            wrong: faults.count(Fault::Wrong),
            missing: faults.count(Fault::Missing),
            lost: faults.count(Fault::Lost),
            protocol: faults.count(Fault::Protocol),
            refused: faults.count(Fault::Refused),
        }
    }

    fn text(&self) -> String {
        let counts = [
            (self.wrong, "wrong"),
            (self.missing, "missing"),
            (self.lost, "lost connections"),
            (self.protocol, "protocol"),
            (self.refused, "refused"),
        ];
        let told = counts.iter().filter(|(count, _)| *count > 0);
        let told: Vec<String> = told
            .map(|(count, what)| format!("{what} {}", grouped(real(*count))))
            .collect();
        match told.is_empty() {
            true => "none".to_owned(),
            false => told.join(", "),
        }
    }
}

impl Cpu {
    fn new([start, end]: [CpuTime; 2], elapsed: Duration, messages: u64, deliveries: u64) -> Self {
        let user = end.user.saturating_sub(start.user);
        let system = end.system.saturating_sub(start.system);
        let whole = user + system;
        let us = whole.as_secs_f64() * 1e6;
        Self {
            user_seconds: user.as_secs_f64(),
            system_seconds: system.as_secs_f64(),
            cores: match elapsed.is_zero() {
                true => 0.0,
                false => whole.as_secs_f64() / elapsed.as_secs_f64(),
            },
            us_per_message: each(us, messages),
            us_per_delivery: each(us, deliveries),
        }
    }

    fn text(&self, mode: Mode) -> String {
        let used = format!(
            "{:.0} % of a core: user {:.2} s, system {:.2} s",
            self.cores * 100.0,
            self.user_seconds,
            self.system_seconds
        );
        match mode {
            Mode::Idle => used,
            Mode::Echo => format!("{} a message; {used}", time(self.us_per_message)),
            Mode::Fanout | Mode::Chat => {
                format!("{} a delivery; {used}", time(self.us_per_delivery))
            }
        }
    }
}

impl Server {
    fn new(cpu: Cpu, [before, end]: [Memory; 2], connections: u64) -> Self {
        let grown = |before: u64, after: u64| each(real(after) - real(before), connections);
        Self {
            cpu,
            rss_bytes_before: before.resident_len,
            rss_bytes: end.resident_len,
            rss_bytes_per_connection: grown(before.resident_len, end.resident_len),
            anonymous_bytes_before: before.anonymous_len,
            anonymous_bytes: end.anonymous_len,
            anonymous_bytes_per_connection: grown(before.anonymous_len, end.anonymous_len),
        }
    }

    fn memory(&self) -> String {
        format!(
            "{} resident, {} anonymous; grown by {} and {} a connection",
            size(real(self.rss_bytes)),
            size(real(self.anonymous_bytes)),
            size(self.rss_bytes_per_connection),
            size(self.anonymous_bytes_per_connection)
        )
    }
}
