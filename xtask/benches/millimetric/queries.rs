//! What is asked: each query as a path of the API and as the SQL that a careful user of
//! ClickHouse would write, and whether two responses are the same.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use millimetric_core::classify::{Rule, is_explicit_tag, rules};
use millimetric_core::time::Timestamp;
use serde_json::Value;

use crate::client::Connection;
use crate::server::Server;

/// One query.
#[derive(Debug)]
pub(crate) struct Question {
    /// How it is called in the tables.
    pub(crate) name: &'static str,
    route: &'static str,
    parameters: &'static str,
    sql: &'static str,
}

/// A query, by what it is called, its route and parameters, and its SQL.
pub(crate) const fn query(
    name: &'static str,
    (route, parameters): (&'static str, &'static str),
    sql: &'static str,
) -> Question {
    Question { name, route, parameters, sql }
}

/// All of them: what a dashboard asks.
#[rustfmt::skip]
pub(crate) const QUESTIONS: &[Question] = &[
    query("count by source, medium",
        ("/v1/stats", "group_by=source,medium&limit=1000"),
        include_str!("queries/source_medium.sql")),
    query("exact uniques by day",
        ("/v1/stats", "metric=uniques&interval=day&limit=1000"),
        include_str!("queries/uniques_by_day.sql")),
    query("sources: events, uniques, paid share",
        ("/v1/sources", "limit=200"),
        include_str!("queries/sources.sql")),
    query("uniques by path, one event, top 100",
        ("/v1/stats", "metric=uniques&event=$pageview&group_by=path&limit=100"),
        include_str!("queries/uniques_by_path.sql")),
    query("count by day × event",
        ("/v1/stats", "interval=day&group_by=event_name&limit=1000"),
        include_str!("queries/day_event.sql")),
    query("3-step funnel in 7 days",
        ("/v1/funnel", "steps=$pageview,add_to_cart,purchase&window=7d"),
        include_str!("queries/funnel.sql")),
    query("last 100 events of a name",
        ("/v1/query", "event=purchase&limit=100"),
        include_str!("queries/last_events.sql")),
    query("by hour, one country and source",
        ("/v1/stats", "interval=hour&country=DE&source=google&limit=1000"),
        include_str!("queries/hours_filtered.sql")),
    query("by hour of the day, one country and source",
        ("/v1/stats", "interval=hour_of_day&country=DE&source=google"),
        include_str!("queries/hours_of_day.sql")),
    query("by source, medium, one path",
        ("/v1/stats", "group_by=source,medium&path=/pricing&limit=1000"),
        include_str!("queries/path_exact.sql")),
    // The same rows, found in another way: `[["contains","path",["pricing"]]]`.
    query("by source, medium, path contains",
        ("/v1/stats", "group_by=source,medium&limit=1000&filters=%5B%5B%22contains%22,%22path%22,%5B%22pricing%22%5D%5D%5D"),
        include_str!("queries/path_contains.sql")),
    // `[["matches","path",["^/pric[a-z]+$"]]]`
    query("by source, medium, path matches",
        ("/v1/stats", "group_by=source,medium&limit=1000&filters=%5B%5B%22matches%22,%22path%22,%5B%22%5E%2Fpric%5Ba-z%5D%2B%24%22%5D%5D%5D"),
        include_str!("queries/path_matches.sql")),
    query("count by source, medium, country",
        ("/v1/stats", "group_by=source,medium,country&limit=1000"),
        include_str!("queries/three_columns.sql")),
    query("count by a property",
        ("/v1/stats", "event=$pageview&group_by=properties.title&limit=1000"),
        include_str!("queries/property.sql")),
    query("sources by session",
        ("/v1/sources", "attribution=session&limit=200"),
        include_str!("queries/sources_by_session.sql")),
    query("sessions by day",
        ("/v1/sessions", "interval=day&limit=1000"),
        include_str!("queries/sessions_by_day.sql")),
    query("attribution of purchases, all models",
        ("/v1/attribution", "event=purchase&limit=1000"),
        include_str!("queries/attribution.sql")),
];

/// The days that are asked about: from the first's midnight to before the second's.
#[derive(Debug, Clone)]
pub(crate) struct Days {
    pub(crate) from: String,
    pub(crate) to: String,
}

impl Days {
    /// So many days before the date.
    pub(crate) fn before(date: &str, days: i64) -> anyhow::Result<Self> {
        let to = Timestamp::parse_or_date(date)?;
        let day = |time: Timestamp| time.to_string()[..10].to_owned();
        Ok(Self { from: day(to.plus_millis(-days * 86_400_000)), to: day(to) })
    }
}

impl Question {
    /// Its query string.
    pub(crate) fn query(&self, days: &Days) -> String {
        format!("{}&from={}&to={}", self.parameters, days.from, days.to)
    }

    /// Its route.
    pub(crate) fn route(&self) -> &'static str {
        self.route
    }

    /// Its SQL for a project.
    pub(crate) fn sql(&self, project: &str, days: &Days) -> String {
        self.sql_within(&format!("project_id = '{project}' and env = 'live'"), days)
    }

    /// Its SQL for the events that a condition selects.
    pub(crate) fn sql_within(&self, partition: &str, days: &Days) -> String {
        let [from, to] =
            [&days.from, &days.to].map(|day| format!("toDateTime64('{day} 00:00:00', 3, 'UTC')"));
        let tags = rules().iter().map(Rule::id).filter(|id| is_explicit_tag(id));
        let tags = tags.map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
        self.sql
            .replace("{scope}", &format!("{partition} and timestamp >= {from} and timestamp < {to}"))
            .replace("{partition}", partition)
            .replace("{from}", &from)
            .replace("{to}", &to)
            .replace("{tags}", &tags)
    }
}

/// A response and how long it took.
#[derive(Debug)]
pub(crate) struct Timed {
    pub(crate) rows: Vec<Value>,
    pub(crate) millis: f64,
    /// Rows were cut at the limit.
    pub(crate) truncated: bool,
    /// Where the next page begins.
    pub(crate) next_cursor: Option<String>,
}

impl Timed {
    /// A response that took so long.
    pub(crate) fn of(mut response: Value, millis: f64) -> anyhow::Result<Self> {
        // Attribution sums up what was cut.
        let truncated = response["truncated"] == true || response["other"].is_object();
        let next_cursor = response["next_cursor"].as_str().map(str::to_owned);
        let Value::Array(rows) = response["rows"].take() else { bail!("no rows: {response}") };
        Ok(Self { rows, millis, truncated, next_cursor })
    }
}

/// The server closes connections that are idle for longer; slow queries of ClickHouse run between ours.
const LONGEST_IDLE: Duration = Duration::from_secs(5);

/// Whoever asks a server over one persistent connection, opened again if it was idle for long.
#[derive(Debug)]
pub(crate) struct Asker<'a> {
    server: SocketAddr,
    connection: Connection,
    used: Instant,
    key: &'a str,
}

impl<'a> Asker<'a> {
    pub(crate) async fn connect(server: SocketAddr, key: &'a str) -> anyhow::Result<Self> {
        Ok(Self { server, connection: Connection::open(server).await?, used: Instant::now(), key })
    }

    /// The response to a path. The time is from the first byte sent to the last one received.
    pub(crate) async fn ask(&mut self, path: &str) -> anyhow::Result<Timed> {
        if self.used.elapsed() > LONGEST_IDLE {
            self.connection = Connection::open(self.server).await?;
        }
        let key = self.key;
        let request = format!("GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n\r\n");
        let start = Instant::now();
        let (status, body) = self.connection.exchange(request.as_bytes()).await?;
        let millis = start.elapsed().as_secs_f64() * 1000.0;
        self.used = Instant::now();
        let text = String::from_utf8_lossy(body);
        ensure!(status == 200, "{path}: {status} {text}");
        Timed::of(serde_json::from_str(&text)?, millis).with_context(|| path.to_owned())
    }
}

/// Milliseconds of each query, asked in turn for so long, in order of length.
pub(crate) async fn ask_in_turn(
    server: &Server,
    days: &Days,
    duration: Duration,
) -> anyhow::Result<Vec<f64>> {
    let mut asker = Asker::connect(server.address, &server.read_key).await?;
    let (begin, mut times) = (Instant::now(), Vec::new());
    for query in QUESTIONS.iter().cycle() {
        if begin.elapsed() >= duration {
            break;
        }
        let path = format!("{}?{}", query.route(), query.query(days));
        let response = asker.ask(&path).await.with_context(|| format!("{path} beside the ingest"))?;
        times.push(response.millis);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// An error that shows the first difference, when the rows are not the same in every column that
/// ClickHouse was asked for.
pub(crate) fn ensure_same(ours: &[Value], theirs: &[Value]) -> anyhow::Result<()> {
    for (place, (our, their)) in ours.iter().zip(theirs).enumerate() {
        let columns = their.as_object().context("a row of ClickHouse is no object")?;
        // Amounts without currencies have no such column.
        let is_absent = |name: &str, value: &Value| name == "currency" && value.is_null();
        let same = columns.iter().all(|(name, value)| match our.get(name) {
            Some(own) => is_same(own, value),
            None => is_absent(name, value),
        });
        ensure!(same, "row {place} differs\n  ours:       {our}\n  ClickHouse: {their}");
    }
    ensure!(ours.len() == theirs.len(), "{} rows of ours, {} of ClickHouse", ours.len(), theirs.len());
    Ok(())
}

/// Numbers are the same when they differ by rounding only: sums are added up in another order.
fn is_same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) if ours.is_f64() || theirs.is_f64() => {
            let (ours, theirs) = (ours.as_f64().unwrap_or(f64::NAN), theirs.as_f64().unwrap_or(f64::NAN));
            (ours - theirs).abs() <= 1e-12 * ours.abs().max(theirs.abs()) + 1e-8
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(own, their)| is_same(own, their))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            theirs.iter().all(|(name, their)| ours.get(name).is_some_and(|own| is_same(own, their)))
        }
        _ => ours == theirs,
    }
}
