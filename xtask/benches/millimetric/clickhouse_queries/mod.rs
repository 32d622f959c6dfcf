//! Queries of the event store on ClickHouse, each beside SQL that is written by hand for it and sent to the same
//! server, over the same tables. Every pair of responses is compared, and a difference ends the run.

mod node;

use std::path::Path;

use anyhow::{Context, ensure};
use millimetric_events_clickhouse::{ClickHouseStore, Options, schema};

use self::node::Node;
use crate::data::{Data, UNTIL};
use crate::inside::{self, scope};
use crate::queries::{Days, QUESTIONS, Question, ensure_same, query};
use crate::report::{Report, Table, median, shown};
use crate::server::data_of;

/// Runs that are not counted.
const WARM_UPS: u32 = 2;
/// Runs of each query, at least.
const LEAST_RUNS: u32 = 7;
/// The days that are asked about.
const DAYS: i64 = 30;

const LOAD: &str = include_str!("load.sql");

/// Queries that [`QUESTIONS`] has no SQL for, or SQL that is not the fastest on this table.
#[rustfmt::skip]
const OWN: &[Question] = &[
    query("sources by session",
        ("/v1/sources", "attribution=session&limit=200"),
        include_str!("sources_by_session.sql")),
    query("sessions by day",
        ("/v1/sessions", "interval=day&limit=1000"),
        include_str!("sessions_by_day.sql")),
    query("attribution of purchases, all models",
        ("/v1/attribution", "event=purchase&limit=1000"),
        include_str!("attribution.sql")),
    query("pages",
        ("/v1/pages", "limit=100"),
        include_str!("pages.sql")),
    query("journeys from the home page",
        ("/v1/journeys", "start=page:/&limit=100"),
        include_str!("journeys.sql")),
    query("event names and properties",
        ("/v1/events", "limit=1000"),
        include_str!("names.sql")),
    query("weekly retention",
        ("/v1/retention", "interval=week&event=$pageview"),
        include_str!("retention.sql")),
];

/// The table of all queries.
pub(crate) async fn measure(
    binary: &Path,
    python: &Path,
    events: u64,
    runs: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (data, days) = (Data::of(binary, python, events).await?, Days::before(UNTIL, DAYS)?);
    let node = Node::start()?;
    schema::apply(&node.url()?).await?;
    eprintln!("loading the events");
    let segments = data_of(&data.home).join("segments/**/*.parquet");
    node.text(&LOAD.replace("{segments}", &segments.to_string_lossy()))?;
    let stored = node.text("SELECT count() FROM events FINAL")?;
    ensure!(stored.trim() == events.to_string(), "of {events} events, {stored} are stored");
    let parts = node.text("SELECT count() FROM system.parts WHERE active AND table = 'events'")?;
    report
        .add_fact("ClickHouse", format!("{}, {} parts", node.text("SELECT version()")?.trim(), parts.trim()));
    let store = ClickHouseStore::open(&node.url()?, Options::default()).await?;
    let mut rows = Vec::new();
    let is_own = |question: &&Question| OWN.iter().any(|own| own.name == question.name);
    for question in QUESTIONS.iter().filter(|question| !is_own(question)).chain(OWN) {
        rows.push(row(&store, &node, &data, &days, runs.max(LEAST_RUNS), question).await?);
    }
    report.add_table(Table {
        title: format!(
            "The last {DAYS} days of the largest of 20 projects, {} events in all, ms",
            shown(events as f64)
        ),
        header: ["query", "the store", "SQL by hand", "ratio"].map(str::to_owned).to_vec(),
        rows,
    });
    Ok(())
}

/// The medians of a query, asked in both ways in turn.
async fn row(
    store: &ClickHouseStore,
    node: &Node,
    data: &Data,
    days: &Days,
    runs: u32,
    question: &Question,
) -> anyhow::Result<Vec<String>> {
    eprintln!("{}", question.name);
    let sql = question.sql_within(&format!("project = '{}' and env = 'live'", data.project), days);
    // Every event once, as the store reads them.
    let sql = sql.replace("from events\n", "from events final\n");
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    for run in 0..WARM_UPS + runs {
        let (response, expected) = (inside::ask(store, scope(data)?, question, days).await?, node.ask(&sql)?);
        ensure_same(&response.rows, &expected.rows).with_context(|| question.name)?;
        if run >= WARM_UPS {
            ours.push(response.millis);
            by_hand.push(expected.millis);
        }
    }
    let (ours, by_hand) = (median(&ours), median(&by_hand));
    let ratio = format!("{}×", shown(ours / by_hand));
    Ok(vec![question.name.to_owned(), format!("**{}**", shown(ours)), shown(by_hand), ratio])
}
