//! What is counted, and how it is shown to Prometheus.
//!
//! Workers count bytes and sockets in `net`'s own gauges, which are read when somebody asks. No
//! user, room or address is ever a label.

use std::fmt;
use std::sync::{Arc, OnceLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

use crate::net::{Gauges, TlsFailure};

mod process;

/// All metrics of a server; cheap to count on, shared by all threads.
pub(crate) struct Metrics {
    registry: Registry,
    connections: Family<Label, Gauge>,
    refused: Family<Label, Counter>,
    disconnects: Family<Label, Counter>,
    rate_limited: Family<Label, Counter>,
    auth_failures: Family<Label, Counter>,
    pub(crate) messages_received: Counter,
    pub(crate) messages_delivered: Counter,
    pub(crate) commit_seconds: Histogram,
    pub(crate) delivery_seconds: Histogram,
    gauges: Arc<OnceLock<Gauges>>,
}

type Label = [(&'static str, String); 1];

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        // What the system knows of a process has the same names everywhere.
        registry.register_collector(Box::new(process::Process));
        let ours = registry.sub_registry_with_prefix("chinwag");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        ours.register("build", "What is running", build);
        let gauges = Arc::default();
        ours.register_collector(Box::new(Traffic(Arc::clone(&gauges))));
        Self {
            connections: add(ours, "connections", "Connections open now", family([])),
            refused: add(ours, "refused", "Connections refused", family(REFUSALS)),
            disconnects: add(
                ours,
                "disconnects",
                "Connections ended, by close code",
                family(CLOSE_CODES),
            ),
            rate_limited: add(
                ours,
                "rate_limited",
                "Requests refused as too many",
                family([("scope", "connection")]),
            ),
            auth_failures: add(
                ours,
                "auth_failures",
                "Identities not proven",
                family([("reason", "token")]),
            ),
            messages_received: add(
                ours,
                "messages_received",
                "Requests from users",
                Counter::default(),
            ),
            messages_delivered: add(
                ours,
                "messages_delivered",
                "Messages handed to connections",
                Counter::default(),
            ),
            commit_seconds: add(ours, "commit_seconds", "Time of a commit", seconds()),
            delivery_seconds: add(
                ours,
                "delivery_seconds",
                "Time from deciding a message to handing it to a worker's connections",
                seconds(),
            ),
            gauges,
            registry,
        }
    }

    /// Lets the workers' own counters be seen.
    pub(crate) fn observe(&self, gauges: Gauges) {
        // Set once, at start.
        let _ = self.gauges.set(gauges);
    }

    /// Sockets of all workers, as of the end of their last turns.
    pub(crate) fn socket_count(&self) -> u64 {
        self.gauges
            .get()
            .map_or(0, |gauges| gauges.totals().sockets)
    }

    pub(crate) fn connections(&self, transport: &'static str) -> Gauge {
        self.connections
            .get_or_create_owned(&[("transport", transport.into())])
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused
            .get_or_create(&[("reason", reason.into())])
            .inc();
    }

    pub(crate) fn tls_failed(&self, failure: TlsFailure) {
        self.refused(match failure {
            TlsFailure::Plaintext => "plaintext",
            TlsFailure::TimedOut => "tls_timeout",
            TlsFailure::Broken => "tls",
        });
    }

    pub(crate) fn disconnected(&self, code: u16) {
        self.disconnects
            .get_or_create(&[("code", code.to_string())])
            .inc();
    }

    pub(crate) fn rate_limited(&self, scope: &'static str) {
        self.rate_limited
            .get_or_create(&[("scope", scope.into())])
            .inc();
    }

    pub(crate) fn auth_failed(&self, reason: &'static str) {
        self.auth_failures
            .get_or_create(&[("reason", reason.into())])
            .inc();
    }

    /// All of it in the OpenMetrics text format, which Prometheus reads.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .expect("a String takes all that is written");
        text
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// The type that [`Metrics::render`] has.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Registers a metric, and returns it to be counted on.
fn add<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

/// A metric with a label, and those of its series that are there before anything happened.
fn family<M: Clone + Default>(
    series: impl IntoIterator<Item = (&'static str, &'static str)>,
) -> Family<Label, M> {
    let family = Family::default();
    for (name, value) in series {
        family.get_or_create_owned(&[(name, value.into())]);
    }
    family
}

/// A quarter of a millisecond to eight seconds.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_25, 2.0, 16))
}

/// What the workers count.
#[derive(Debug)]
struct Traffic(Arc<OnceLock<Gauges>>);

impl Collector for Traffic {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(gauges) = self.0.get() else {
            return Ok(());
        };
        let totals = gauges.totals();
        let counters = [
            ("accepted", "Connections accepted", totals.accepted),
            (
                "accept_pauses",
                "Times that a listener was left alone for a while, as accepting failed",
                totals.accept_pauses,
            ),
            (
                "bytes_received",
                "Bytes read from sockets",
                totals.received_bytes,
            ),
            ("bytes_sent", "Bytes written to sockets", totals.sent_bytes),
            (
                "slow_reader_disconnects",
                "Connections cut off because they read too slowly",
                totals.slow_readers,
            ),
            (
                "tls_handshakes",
                "Handshakes of TLS completed",
                totals.tls_handshakes,
            ),
        ];
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            let encoder = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            counter.encode(encoder)?;
        }
        let queued = ConstGauge::new(i64::try_from(totals.queued_bytes).unwrap_or(i64::MAX));
        let encoder = encoder.encode_descriptor(
            "send_queue_bytes",
            "Bytes that wait for sockets to take them",
            None,
            MetricType::Gauge,
        )?;
        queued.encode(encoder)
    }
}

/// Why connections are refused. A series that began with its first event would hide that event
/// from whoever watches how it grows, so those that are known are there from the start.
const REFUSALS: [(&str, &str); 12] = [
    ("reason", "address"),
    ("reason", "bad_request"),
    ("reason", "draining"),
    ("reason", "files"),
    ("reason", "full"),
    ("reason", "origin"),
    ("reason", "plaintext"),
    ("reason", "proxy_header"),
    ("reason", "proxy_header_timeout"),
    ("reason", "tls"),
    ("reason", "tls_timeout"),
    ("reason", "untrusted_proxy"),
];

/// How connections end every day.
const CLOSE_CODES: [(&str, &str); 4] = [
    ("code", "1000"),
    ("code", "1001"),
    ("code", "1006"),
    ("code", "1012"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_there_before_anything_happened() {
        let metrics = Metrics::new();
        metrics.connections("websocket");
        let text = metrics.render();
        for name in [
            "chinwag_connections{transport=\"websocket\"}",
            "chinwag_refused_total{reason=\"origin\"}",
            "chinwag_messages_received_total",
            "chinwag_messages_delivered_total",
            "chinwag_disconnects_total{code=\"1000\"}",
            "chinwag_rate_limited_total{scope=\"connection\"}",
            "chinwag_auth_failures_total{reason=\"token\"}",
            "chinwag_commit_seconds_count",
            "chinwag_delivery_seconds_count",
        ] {
            assert!(text.contains(&format!("\n{name} 0\n")), "{name}\n{text}");
        }
    }
}
