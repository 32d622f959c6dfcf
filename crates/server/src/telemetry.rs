//! What operators see: log lines and the figures of `/metrics`.
//!
//! Neither ever carries a key, an address or a body; label values come from closed sets.

use std::num::NonZeroU32;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// How often the log says that requests are refused under load.
const LOAD_LINE_EVERY: Duration = Duration::from_secs(10);
/// Most lines of the log about requests that failed, in a second.
const FAILURE_LINES: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// Sends log lines to standard error, as `--log` and `--log-format` say; with colours on a terminal, unless
/// `NO_COLOR` is set.
pub fn start_logging(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| anyhow::anyhow!("--log: {error}; expected `info` or `target=level,…`"))?
        // The MCP SDK logs whole messages, which hold what agents ask and send.
        .add_directive("rmcp=off".parse()?);
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A line that cannot be written is lost. To say so, on the same full disk, would end the
        // thread that wanted to log.
        .log_internal_errors(false)
        .with_ansi(AutoStream::choice(&std::io::stderr()) != ColorChoice::Never);
    match format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}

/// The counters of a server.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Events acknowledged as stored.
    pub events_stored: Counter,
    /// Events that were there already.
    pub events_duplicate: Counter,
    /// Events left out on purpose, by reason.
    pub events_dropped: Family<Reason, Counter>,
    /// Ids of stored events that identify nobody, by field.
    pub placeholder_ids: Family<Field, Counter>,
    /// Connections that are open.
    pub connections_open: Gauge,
    /// Connections that were closed as soon as they were opened, by reason.
    pub connections_refused: Family<Reason, Counter>,
    /// Connections that the server ended before their clients did, by reason.
    pub connections_closed: Family<Reason, Counter>,
    /// Memory set aside for request bodies, set when the page is made.
    pub body_bytes: Gauge,
    /// Seconds since the control database was last reached, set when the page is made.
    pub control_silent_seconds: Gauge,
    /// Servers that share the control database, this one included.
    pub instances: Gauge,
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabel, Histogram>,
    /// Of the log's lines about load.
    load_lines: DefaultDirectRateLimiter,
    /// Of its lines about requests that failed.
    failure_lines: DefaultDirectRateLimiter,
}

/// Why an event was left out, or a connection was ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Reason {
    /// One of a closed set.
    pub reason: &'static str,
}

/// A field of an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Field {
    /// `anonymous_id` or `user_id`.
    pub field: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: StatusLabel,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct StatusLabel(u16);

impl EncodeLabelValue for StatusLabel {
    fn encode(
        &self,
        encoder: &mut prometheus_client::encoding::LabelValueEncoder<'_>,
    ) -> Result<(), std::fmt::Error> {
        EncodeLabelValue::encode(&u64::from(self.0), encoder)
    }
}

/// The figures of the control database.
fn control_gauges(registry: &mut Registry) -> [Gauge; 2] {
    let (silent, instances) = (Gauge::default(), Gauge::default());
    instances.set(1);
    let about = "Seconds since the control database was last reached";
    registry.register("control_silent_seconds", about, silent.clone());
    registry.register("instances", "Servers that share the control database", instances.clone());
    [silent, instances]
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let events_stored = Counter::default();
        let events_duplicate = Counter::default();
        let events_dropped = Family::default();
        let placeholder_ids = Family::default();
        let connections_open = Gauge::default();
        let connections_refused = Family::default();
        let connections_closed = Family::default();
        let body_bytes = Gauge::default();
        let requests = Family::default();
        let seconds: Family<RouteLabel, Histogram> =
            Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.0005, 2.0, 16)));
        registry.register("events_stored", "Events acknowledged as stored", events_stored.clone());
        registry.register("events_duplicate", "Events that were there already", events_duplicate.clone());
        registry.register("events_dropped", "Events left out on purpose, by reason", events_dropped.clone());
        registry.register(
            "placeholder_ids",
            "Ids of stored events that identify nobody, by field",
            placeholder_ids.clone(),
        );
        registry.register("connections_open", "Connections that are open", connections_open.clone());
        registry.register(
            "connections_refused",
            "Connections closed as soon as they were opened, by reason",
            connections_refused.clone(),
        );
        registry.register(
            "connections_closed",
            "Connections that the server ended before their clients did, by reason",
            connections_closed.clone(),
        );
        registry.register("body_bytes", "Memory set aside for request bodies", body_bytes.clone());
        let [control_silent_seconds, instances] = control_gauges(&mut registry);
        registry.register("http_requests", "Requests, by route and status", requests.clone());
        registry.register("http_request_seconds", "Response time, by route", seconds.clone());
        let every = Quota::with_period(LOAD_LINE_EVERY).unwrap_or(Quota::per_minute(NonZeroU32::MIN));
        let load_lines = RateLimiter::direct(every);
        let failure_lines = RateLimiter::direct(Quota::per_second(FAILURE_LINES));
        Self {
            registry,
            events_stored,
            events_duplicate,
            events_dropped,
            placeholder_ids,
            connections_open,
            connections_refused,
            connections_closed,
            body_bytes,
            control_silent_seconds,
            instances,
            requests,
            seconds,
            load_lines,
            failure_lines,
        }
    }
}

impl Metrics {
    /// Counts one served request; `route` is the pattern, never the path.
    pub fn request(&self, route: &str, status: u16, took: Duration) {
        let labels = RequestLabels { route: route.to_owned(), status: StatusLabel(status) };
        self.requests.get_or_create(&labels).inc();
        self.seconds.get_or_create(&RouteLabel { route: route.to_owned() }).observe(took.as_secs_f64());
    }

    /// Whether the log may have another line about load now: at most one in ten seconds.
    pub fn load_line_is_due(&self) -> bool {
        self.load_lines.check().is_ok()
    }

    /// Whether the log may have another line about a request that failed: at most ten a second, since while a database
    /// does not respond every request fails.
    pub fn failure_line_is_due(&self) -> bool {
        self.failure_lines.check().is_ok()
    }

    /// The page of `/metrics` in the OpenMetrics text format, with the store's own figures.
    pub fn page(&self, gauges: &[(&'static str, f64)]) -> String {
        use std::fmt::Write as _;
        let mut page = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut page, &self.registry);
        let end = page.strip_suffix("# EOF\n").map_or(page.len(), str::len);
        page.truncate(end);
        for (name, value) in gauges {
            let _ = writeln!(page, "# TYPE store_{name} gauge\nstore_{name} {value}");
        }
        page.push_str("# EOF\n");
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_requests_that_fail_write_few_lines() {
        let metrics = Metrics::default();
        let lines = (0..1000).filter(|_| metrics.failure_line_is_due()).count();
        // One more may be due while the test runs.
        assert!((10..20).contains(&lines), "{lines}");
    }
}
