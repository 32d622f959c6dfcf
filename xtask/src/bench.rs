//! `cargo xtask bench`: its arguments, and the start of the programs that do it.
//!
//! The measuring itself is the bench target `benches/millimetric`, built optimised; it gets the
//! same arguments and the path of the release binary, and decides everything else.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use crate::cargo::{as_typed, cargo, target_folder};
use crate::python::python;
use crate::{clickhouse, postgres};

/// What to measure, and for how long.
#[derive(Debug, Clone, Args)]
pub struct BenchArguments {
    /// What to measure.
    #[arg(value_enum, default_value_t = Subject::All)]
    pub subject: Subject,
    /// Seconds of load in each run.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub seconds: u64,
    /// Runs of each load, each with a new server over an empty folder; the median is reported.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub runs: u32,
    /// Events of the data that `query` and `dashboard` ask about, that `reclassify` classifies again, and that
    /// `scaling` stores.
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(10_000..=100_000_000))]
    pub events: u64,
    /// With `query`: also how its times grow, at 1, 10 and 50 million events.
    #[arg(long)]
    pub grow: bool,
    /// With `ingest`: instead, two long runs of so many minutes, without queries and with them, reported
    /// by the minute.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=240))]
    pub minutes: Option<u64>,
    /// Answer as JSON instead of a Markdown table.
    #[arg(long)]
    pub json: bool,
}

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Subject {
    /// Batches and single events over HTTP.
    Ingest,
    /// The classifier and the keys, without a server.
    Micro,
    /// The server's memory, idle and under load.
    Memory,
    /// What flushing, merging and erasing cost those who send meanwhile.
    Background,
    /// The time from the start to the first response.
    Start,
    /// What an agent's queries cost over the same queries over REST.
    Mcp,
    /// Batches and single events over HTTP, stored in a ClickHouse server.
    Clickhouse,
    /// Queries over HTTP and inside of the process, beside ClickHouse on the same data.
    Query,
    /// Queries of the event store on ClickHouse, beside SQL that is written by hand for each.
    ClickhouseQueries,
    /// `millimetric migrate` of `--events` events to ClickHouse and `PostgreSQL`, and back.
    Migrate,
    /// The dashboard's overview: milliseconds, and bytes on the wire.
    Dashboard,
    /// Classifies `--events` stored events again while the server is killed, and compares every event.
    Reclassify,
    /// Bytes, time and parts of `--events` events in ClickHouse, and a simulation of servers that store more.
    Scaling,
    /// Everything but `query`, `clickhouse`, `clickhouse-queries`, `migrate` and `scaling`, which need other programs, and
    /// `dashboard` and `reclassify`, which fill a project first.
    All,
}

impl Subject {
    /// Whether this choice covers a part.
    pub fn covers(self, part: Self) -> bool {
        let is_separate = matches!(
            part,
            Self::Query
                | Self::Clickhouse
                | Self::ClickhouseQueries
                | Self::Migrate
                | Self::Scaling
                | Self::Dashboard
                | Self::Reclassify
        );
        self == part || (self == Self::All && !is_separate)
    }

    fn needs_clickhouse(self) -> bool {
        matches!(self, Self::Clickhouse | Self::ClickhouseQueries | Self::Migrate | Self::Scaling)
    }
}

/// Builds the release binary and the benchmark, and runs it in the foreground.
pub fn run(arguments: &BenchArguments) -> anyhow::Result<()> {
    let mut bench = harness("bench");
    bench.arg(arguments.subject.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned()));
    bench.arg("--seconds").arg(arguments.seconds.to_string());
    bench.arg("--runs").arg(arguments.runs.to_string());
    bench.arg("--events").arg(arguments.events.to_string());
    if let Some(minutes) = arguments.minutes {
        bench.arg("--minutes").arg(minutes.to_string());
    }
    if matches!(arguments.subject, Subject::Query | Subject::ClickhouseQueries | Subject::Migrate) {
        bench.arg("--python").arg(python()?);
    }
    if arguments.subject == Subject::Migrate {
        postgres::check()?;
    }
    if arguments.subject.needs_clickhouse() {
        bench.env("MILLIMETRIC_TEST_CLICKHOUSE", clickhouse::library()?);
    }
    if arguments.subject != Subject::Scaling {
        bench.arg("--server").arg(release_binary()?);
    }
    let flags = [(arguments.grow, "--grow"), (arguments.json, "--json")];
    bench.args(flags.iter().filter(|(set, _)| *set).map(|(_, flag)| flag));
    run_to_its_end(&mut bench)
}

/// The optimised program that measures and compares, with the choice as argument.
pub fn harness(chore: &str) -> Command {
    cargo(["bench", "--quiet", "--locked", "--package", "xtask", "--bench", "millimetric", "--", chore])
}

/// Runs it in the foreground; an error when it fails.
pub fn run_to_its_end(harness: &mut Command) -> anyhow::Result<()> {
    if !harness.status().context("cargo does not start")?.success() {
        bail!("it failed: `{}`", as_typed(harness));
    }
    Ok(())
}

/// Builds `millimetric` as it is shipped and returns its path.
pub fn release_binary() -> anyhow::Result<PathBuf> {
    eprintln!("building the release binary");
    let mut build = cargo(["build", "--release", "--locked", "--package", "millimetric"]);
    if !build.status().context("cargo does not start")?.success() {
        bail!("the build failed: `{}`", as_typed(&build));
    }
    let binary =
        target_folder()?.join("release").join(format!("millimetric{}", std::env::consts::EXE_SUFFIX));
    fs::canonicalize(&binary).with_context(|| format!("{} is not there after the build", binary.display()))
}
