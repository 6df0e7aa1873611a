//! What is counted, and how it is shown to Prometheus.
//!
//! Workers count bytes and sockets in `net`'s own gauges, which are read when somebody asks. No
//! user, room or address is ever a label.

use std::fmt;
use std::sync::OnceLock;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::net::Gauges;

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
    gauges: std::sync::Arc<OnceLock<Gauges>>,
}

type Label = [(&'static str, String); 1];

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut root = Registry::default();
        // What the system knows of a process has the same names everywhere.
        root.register_collector(Box::new(process::Process));
        let registry = root.sub_registry_with_prefix("chinwag");
        let seconds = || Histogram::new(exponential_buckets(0.000_25, 2.0, 16));
        let gauges = std::sync::Arc::default();
        let metrics = Self {
            connections: Family::default(),
            refused: Family::default(),
            disconnects: Family::default(),
            rate_limited: Family::default(),
            auth_failures: Family::default(),
            messages_received: Counter::default(),
            messages_delivered: Counter::default(),
            commit_seconds: seconds(),
            delivery_seconds: seconds(),
            gauges: std::sync::Arc::clone(&gauges),
            registry: Registry::default(),
        };
        let mut add = |name: &str, help: &str, metric: Box<dyn Register>| {
            metric.register(registry, name, help);
        };
        add(
            "connections",
            "Connections open now",
            Box::new(metrics.connections.clone()),
        );
        add(
            "refused",
            "Connections refused",
            Box::new(metrics.refused.clone()),
        );
        add(
            "disconnects",
            "Connections ended, by close code",
            Box::new(metrics.disconnects.clone()),
        );
        add(
            "rate_limited",
            "Requests refused as too many",
            Box::new(metrics.rate_limited.clone()),
        );
        add(
            "auth_failures",
            "Identities not proven",
            Box::new(metrics.auth_failures.clone()),
        );
        add(
            "messages_received",
            "Requests from users",
            Box::new(metrics.messages_received.clone()),
        );
        add(
            "messages_delivered",
            "Messages handed to connections",
            Box::new(metrics.messages_delivered.clone()),
        );
        add(
            "commit_seconds",
            "Time of a commit",
            Box::new(metrics.commit_seconds.clone()),
        );
        add(
            "delivery_seconds",
            "Time from deciding a message to handing it to a worker's connections",
            Box::new(metrics.delivery_seconds.clone()),
        );
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "What is running", build);
        registry.register_collector(Box::new(Traffic(gauges)));
        Self {
            registry: root,
            ..metrics
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

/// A metric of whatever type, to be registered.
trait Register {
    fn register(self: Box<Self>, registry: &mut Registry, name: &str, help: &str);
}

impl<M: prometheus_client::registry::Metric> Register for M {
    fn register(self: Box<Self>, registry: &mut Registry, name: &str, help: &str) {
        registry.register(name, help, *self);
    }
}

/// What the workers count.
#[derive(Debug)]
struct Traffic(std::sync::Arc<OnceLock<Gauges>>);

impl Collector for Traffic {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(gauges) = self.0.get() else {
            return Ok(());
        };
        let totals = gauges.totals();
        let counters = [
            ("accepted", "Connections accepted", totals.accepted),
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
        ];
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            let encoder = encoder.encode_descriptor(
                name,
                help,
                None,
                prometheus_client::metrics::MetricType::Counter,
            )?;
            counter.encode(encoder)?;
        }
        let queued = ConstGauge::new(i64::try_from(totals.queued_bytes).unwrap_or(i64::MAX));
        let encoder = encoder.encode_descriptor(
            "send_queue_bytes",
            "Bytes that wait for sockets to take them",
            None,
            prometheus_client::metrics::MetricType::Gauge,
        )?;
        queued.encode(encoder)
    }
}
