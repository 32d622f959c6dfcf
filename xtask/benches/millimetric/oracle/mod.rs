//! `cargo xtask oracle`: random events and random queries, asked of a real server over HTTP and
//! of ClickHouse over the server's own Parquet files. The responses have to be the same.
//!
//! Each data set is asked about twice: half flushed and half in the write-ahead log, and flushed. A seed
//! decides everything.

mod ask;
mod events;

use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use xtask::oracle::OracleArguments;

pub(crate) use self::ask::Question;
use crate::clickhouse::ClickHouse;
use crate::client::Connection;
use crate::data::{LOAD, flush};
use crate::queries::{Asker, Timed, ensure_same};
use crate::random::Random;
use crate::server::{Server, data_of};

/// Queries of each data set.
const QUESTIONS: usize = 40;
/// Events of a data set, at most.
const MOST_EVENTS: u64 = 600;

/// Compares; the first difference is an error that shows the query, both rows, and the command
/// that asks it again.
pub(crate) async fn run(binary: &Path, python: &Path, arguments: &OracleArguments) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut clickhouse = ClickHouse::start(python, &folder.path().join("clickhouse"))?;
    let mut responses = 0;
    for seed in arguments.seed..arguments.seed.saturating_add(arguments.cases) {
        let again = || format!("again with: cargo xtask oracle --cases 1 --seed {seed}");
        responses += case(binary, &mut clickhouse, seed).await.with_context(again)?;
        eprintln!("case {seed}: the same");
    }
    println!("{} data sets, {responses} responses, all the same as ClickHouse's", arguments.cases);
    Ok(())
}

/// Random events and queries of them.
pub(crate) struct DataSet {
    pub(crate) events: Vec<Value>,
    pub(crate) queries: Vec<Question>,
    /// How many of the events are flushed when the others are sent.
    flushed: usize,
}

impl DataSet {
    /// The one of this seed.
    pub(crate) fn new(seed: u64) -> anyhow::Result<Self> {
        let mut random = Random::new(seed);
        let count = 2 + random.below(MOST_EVENTS);
        let events = events::events(&mut random, count)?;
        let queries: Vec<_> = (0..QUESTIONS).map(|_| ask::query(&mut random)).collect::<Result<_, _>>()?;
        Ok(Self { events, queries, flushed: random.below(count) as usize })
    }
}

/// How many responses were compared.
async fn case(binary: &Path, clickhouse: &mut ClickHouse, seed: u64) -> anyhow::Result<u64> {
    let DataSet { events, queries, flushed } = DataSet::new(seed)?;
    let home = tempfile::tempdir()?;
    let mut server = Server::over(binary, home.path()).await?;
    server.make_project(binary)?;
    let (sk, rk) = (server.secret_key.clone(), server.read_key.clone());
    let (first, second) = events.split_at(flushed);
    send(&server, &sk, first).await?;
    server.stop().await?;
    flush(home.path()).await?;
    let server = Server::over(binary, home.path()).await?;
    send(&server, &sk, second).await?;
    let mixed = responses(&server, &rk, &queries).await?;
    server.stop().await?;
    flush(home.path()).await?;
    let server = Server::over(binary, home.path()).await?;
    let flushed = responses(&server, &rk, &queries).await?;
    load(clickhouse, home.path(), events.len())?;
    let mut compared = 0;
    for ((query, mixed), flushed) in queries.iter().zip(mixed).zip(flushed) {
        let theirs = clickhouse.ask(&query.sql)?.rows;
        for (state, ours) in [("half flushed", mixed), ("flushed", flushed)] {
            check(query, &ours, &theirs)
                .with_context(|| format!("{state}: {}\n{}", query.path, query.sql))?;
            compared += 1;
        }
    }
    server.stop().await?;
    Ok(compared)
}

/// Sends events to the project of a key.
pub(crate) async fn send(server: &Server, key: &str, events: &[Value]) -> anyhow::Result<()> {
    for batch in events.chunks(1000) {
        let body = json!({ "events": batch }).to_string();
        let (status, response) = Connection::post(server.address, "/v1/batch", key, &body).await?;
        ensure!(status == 202 && !response.contains("duplicates"), "the batch got {status}: {response}");
    }
    Ok(())
}

/// The stored rows of the files, as ClickHouse reads them.
fn load(clickhouse: &mut ClickHouse, home: &Path, count: usize) -> anyhow::Result<()> {
    let segments = data_of(home).join("segments/**/*.parquet");
    clickhouse.ask("drop table if exists events")?;
    clickhouse.ask(include_str!("../queries/create.sql"))?;
    clickhouse.ask(&LOAD.replace("{segments}", &segments.to_string_lossy()))?;
    let rows = clickhouse.ask("select count() as events from events")?.rows;
    ensure!(rows[0]["events"] == count, "the files hold {rows:?} of {count} events");
    Ok(())
}

async fn responses(server: &Server, key: &str, queries: &[Question]) -> anyhow::Result<Vec<Timed>> {
    let mut asker = Asker::connect(server.address, key).await?;
    let mut responses = Vec::new();
    for Question { path, .. } in queries {
        responses.push(all_pages(&mut asker, path).await?);
    }
    Ok(responses)
}

/// The response to a path, with the rows of all of its pages.
pub(crate) async fn all_pages(asker: &mut Asker<'_>, path: &str) -> anyhow::Result<Timed> {
    let mut response = asker.ask(path).await?;
    let mut next = response.next_cursor.take();
    while let Some(cursor) = next {
        let page = asker.ask(&format!("{path}&cursor={cursor}")).await?;
        response.rows.extend(page.rows);
        next = page.next_cursor;
    }
    Ok(response)
}

fn check(query: &Question, ours: &Timed, theirs: &[Value]) -> anyhow::Result<()> {
    let most = query.limit.unwrap_or(theirs.len()).min(theirs.len());
    let cut = theirs.len() > most;
    ensure!(ours.truncated == cut, "`truncated` is {}, but it was cut: {cut}", ours.truncated);
    ensure_same(&ours.rows, &theirs[..most])
}
