//! The programs behind `cargo xtask bench`, `oracle` and `abuse`: the first loads a real server over the
//! loopback interface and prints tables, the second compares its responses with ClickHouse's, the third
//! attacks it.
//!
//! Starts and stops only its own server, over its own temporary folder; both are gone at the end,
//! also after a failure or Ctrl-C. Never talks to any other address.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to its terminal")]

mod abuse;
mod background;
mod clickhouse;
mod clickhouse_queries;
mod client;
mod dashboard;
mod data;
mod ingest;
mod ingest_clickhouse;
mod inside;
mod load;
mod long;
mod machine;
mod mcp;
mod memory;
mod micro;
mod migrate;
mod often;
mod oracle;
mod queries;
mod query;
mod random;
mod reclassify;
mod report;
mod reports;
mod requests;
mod scaling;
mod server;
mod start;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use xtask::abuse::AbuseArguments;
use xtask::bench::{BenchArguments, Subject};
use xtask::oracle::OracleArguments;

use crate::report::Report;

/// Measures the release build on this machine.
#[derive(Debug, Parser)]
struct CommandLine {
    #[command(subcommand)]
    chore: Chore,
    /// The release binary.
    #[arg(long, global = true, default_value = "millimetric")]
    server: PathBuf,
    /// A Python that knows `xtask/python/requirements.txt`.
    #[arg(long, global = true)]
    python: Option<PathBuf>,
    /// Given by `cargo bench` to every benchmark.
    #[arg(long, global = true, hide = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// How fast and how small it is.
    Bench(BenchArguments),
    /// Whether its responses are those of ClickHouse.
    Oracle(OracleArguments),
    /// Whether attacks harm anybody.
    Abuse(AbuseArguments),
    /// A server in this process that flushes often; `bench background` starts it.
    #[command(hide = true)]
    Serve(Box<often::ServeArguments>),
}

fn main() -> anyhow::Result<()> {
    let command_line = CommandLine::parse();
    if let Chore::Serve(arguments) = command_line.chore {
        return often::run(*arguments);
    }
    // One thread: the generator leaves the cores to the server.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            done = run(&command_line) => done,
            _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        }
    })
}

async fn run(command_line: &CommandLine) -> anyhow::Result<()> {
    let python = command_line.python.as_deref().context("--python is missing");
    match &command_line.chore {
        Chore::Bench(arguments) => {
            let report = measure(&command_line.server, python, arguments).await?;
            println!("{}", if arguments.json { report.json() } else { report.markdown() });
            Ok(())
        }
        Chore::Oracle(arguments) => oracle::run(&command_line.server, python?, arguments).await,
        Chore::Abuse(arguments) => abuse::run(&command_line.server, arguments).await,
        Chore::Serve(_) => bail!("it has a runtime of its own"),
    }
}

async fn measure(
    server: &Path,
    python: anyhow::Result<&Path>,
    arguments: &BenchArguments,
) -> anyhow::Result<Report> {
    let BenchArguments { subject, seconds, runs, events, grow, minutes, .. } = *arguments;
    let mut report = Report::new(machine::facts()?);
    if let (Subject::Ingest, Some(minutes)) = (subject, minutes) {
        long::measure(server, minutes, &mut report).await?;
        return Ok(report);
    }
    if subject.covers(Subject::Micro) {
        micro::measure(&mut report).await?;
    }
    if subject.covers(Subject::Ingest) || subject.covers(Subject::Memory) {
        ingest::measure(server, subject, seconds, runs, &mut report).await?;
    }
    if subject.covers(Subject::Clickhouse) {
        ingest_clickhouse::measure(server, seconds, runs, &mut report).await?;
    }
    if subject.covers(Subject::Background) {
        background::measure(server, seconds, &mut report).await?;
    }
    if subject.covers(Subject::Start) {
        start::measure(server, runs, &mut report).await?;
    }
    if subject.covers(Subject::Mcp) {
        mcp::measure(server, runs, &mut report).await?;
    }
    if subject.covers(Subject::Dashboard) {
        dashboard::measure(server, events, runs, &mut report).await?;
    }
    if subject.covers(Subject::Reclassify) {
        reclassify::measure(server, events, &mut report).await?;
    }
    if subject.covers(Subject::Migrate) {
        migrate::measure(server, python?, events, &mut report).await?;
        return Ok(report);
    }
    if subject.covers(Subject::ClickhouseQueries) {
        clickhouse_queries::measure(server, python?, events, runs, &mut report).await?;
        return Ok(report);
    }
    if subject.covers(Subject::Scaling) {
        scaling::measure(events, &mut report).await?;
    }
    if subject.covers(Subject::Query) {
        let python = python?;
        query::measure(server, python, events, runs, &mut report).await?;
        if grow {
            query::grow(server, python, runs, &mut report).await?;
        }
    }
    Ok(report)
}
