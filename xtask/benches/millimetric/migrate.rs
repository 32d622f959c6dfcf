//! `millimetric migrate`, from a data folder to ClickHouse and `PostgreSQL`, and from there to a new folder.
//!
//! The command compares every event itself. Here queries are asked of a server before the move, after it, and after
//! the way back: those of `bench query` over the largest project, and random ones of the oracle over a project of its
//! own. A difference ends the run.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use millimetric_test_servers::{ClickHouse, Postgres};
use serde_json::Value;

use crate::data::{Data, UNTIL};
use crate::oracle::{self, DataSet};
use crate::queries::{Asker, Days, QUESTIONS, Question, Timed, ensure_same};
use crate::report::{Goal, Report};
use crate::server::{Server, command, copy_folder, data_of};

/// The days that the queries of `bench query` are about.
const DAYS: i64 = 30;
/// Data sets of the oracle, whose queries are asked.
const DATA_SETS: u64 = 5;
/// The longest time of each way.
const GOAL: Goal = Goal::Below(600.0);

/// Paths of queries, each with the key of its project.
type Questions = Vec<(String, String)>;

/// Moves so many events, and back.
pub(crate) async fn measure(
    binary: &Path,
    python: &Path,
    events: u64,
    report: &mut Report,
) -> anyhow::Result<()> {
    let data = Data::of(binary, python, events).await?;
    let [source, target, back] = [tempfile::tempdir()?, tempfile::tempdir()?, tempfile::tempdir()?];
    copy_folder(&data.folder(), &data_of(source.path()))?;
    let (questions, before) = {
        let server = Server::over(binary, source.path()).await?;
        let questions = questions(binary, &server, &data).await?;
        let before = responses(&server, &questions).await?;
        server.stop().await?;
        (questions, before)
    };
    let (clickhouse, postgres) = (ClickHouse::start()?, Postgres::start()?);
    let (events_url, control_url) = (clickhouse.database("stats")?, postgres.database("control")?);
    let secrets = ["pepper", "ip_salt"].map(|name| fs::read_to_string(data_of(source.path()).join(name)));
    let [pepper, salt] = secrets;
    let secrets = ["--pepper", &pepper?, "--ip-salt", &salt?].map(str::to_owned);
    let secrets = secrets.each_ref().map(String::as_str);

    let from = folder_url(source.path());
    let arguments = ["migrate", "--from", &from, "--to-events", &events_url, "--to-control", &control_url];
    let (there, moved) = migrate(binary, &arguments, source.path())?;
    let stores = ["--events-url", &events_url, "--control-url", &control_url];
    let server = Server::over_with(binary, target.path(), &[&stores[..], &secrets].concat()).await?;
    same(&questions, &before, &responses(&server, &questions).await?)
        .context("in ClickHouse and PostgreSQL")?;
    server.stop().await?;

    let to = folder_url(back.path());
    let arguments = ["migrate", "--from-events", &events_url, "--from-control", &control_url, "--to", &to];
    let (again, moved_back) = migrate(binary, &[&arguments[..], &secrets].concat(), target.path())?;
    ensure!(moved_back == moved, "{moved} events were moved, and {moved_back} back");
    let server = Server::over(binary, back.path()).await?;
    same(&questions, &before, &responses(&server, &questions).await?).context("in the new folder")?;
    server.stop().await?;

    report.add("moved, and compared one by one", "events", Goal::None, moved as f64);
    report.add("responses compared after each move", "queries", Goal::None, questions.len() as f64);
    report.add("from a data folder to ClickHouse and PostgreSQL", "s", GOAL, there);
    report.add("from there to a new data folder", "s", GOAL, again);
    Ok(())
}

/// Makes the project of the oracle's events; returns all queries.
async fn questions(binary: &Path, server: &Server, data: &Data) -> anyhow::Result<Questions> {
    let days = Days::before(UNTIL, DAYS)?;
    let path = |question: &Question| format!("{}?{}", question.route(), question.query(&days));
    let mut all: Questions =
        QUESTIONS.iter().map(|question| (path(question), data.read_key.clone())).collect();
    for seed in 1..=DATA_SETS {
        let DataSet { events, queries, .. } = DataSet::new(seed)?;
        let keys = server.create_project(binary, &format!("oracle-{seed}"), &[])?;
        oracle::send(server, &keys.secret, &events).await?;
        all.extend(queries.into_iter().map(|query| (query.path, keys.read.clone())));
    }
    Ok(all)
}

async fn responses(server: &Server, questions: &Questions) -> anyhow::Result<Vec<Timed>> {
    let mut responses = Vec::new();
    for (path, key) in questions {
        let mut asker = Asker::connect(server.address, key).await?;
        responses.push(oracle::all_pages(&mut asker, path).await?);
    }
    Ok(responses)
}

fn same(questions: &Questions, before: &[Timed], after: &[Timed]) -> anyhow::Result<()> {
    for (((path, _), before), after) in questions.iter().zip(before).zip(after) {
        ensure_same(&after.rows, &before.rows).with_context(|| path.clone())?;
        ensure!(before.truncated == after.truncated, "{path}: `truncated` is {}", after.truncated);
    }
    Ok(())
}

/// Runs the command; returns its seconds, and how many events it moved.
fn migrate(binary: &Path, arguments: &[&str], home: &Path) -> anyhow::Result<(f64, u64)> {
    eprintln!("millimetric {}", arguments[0]);
    let begin = Instant::now();
    let output = command(binary, arguments, home).arg("--json").output()?;
    let seconds = begin.elapsed().as_secs_f64();
    let error = || String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{}", error());
    let moved: Value = serde_json::from_slice(&output.stdout).with_context(error)?;
    ensure!(moved["events"] == moved["new_events"], "not all events were moved: {moved}");
    Ok((seconds, moved["events"].as_u64().context("no number of events")?))
}

fn folder_url(home: &Path) -> String {
    format!("file:{}", data_of(home).display())
}
