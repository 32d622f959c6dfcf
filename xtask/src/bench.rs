//! `cargo xtask bench`: its arguments, and the start of the programs that do it.
//!
//! The measuring itself is the bench target `benches/millimetric`, built optimised; it gets the
//! same arguments and the path of the release binary, and decides everything else.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use crate::cargo::{as_typed, cargo, target_folder};

/// What to measure, and for how long.
#[derive(Debug, Clone, Args)]
pub struct BenchArguments {
    /// What to measure.
    #[arg(value_enum, default_value_t = Subject::All)]
    pub subject: Subject,
    /// Seconds of load in each run.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub seconds: u64,
    /// Runs of each load, each with a new server over an empty folder; the median is told.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub runs: u32,
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
    /// Everything.
    All,
}

impl Subject {
    /// Whether this choice covers a part.
    pub fn covers(self, part: Self) -> bool {
        self == Self::All || self == part
    }
}

/// Builds the release binary and the benchmark, and runs it in the foreground.
pub fn run(arguments: &BenchArguments) -> anyhow::Result<()> {
    let server = release_binary()?;
    let mut bench =
        cargo(["bench", "--quiet", "--locked", "--package", "xtask", "--bench", "millimetric", "--"]);
    bench.arg(arguments.subject.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned()));
    bench.arg("--seconds").arg(arguments.seconds.to_string());
    bench.arg("--runs").arg(arguments.runs.to_string());
    bench.arg("--server").arg(server);
    if arguments.json {
        bench.arg("--json");
    }
    if !bench.status().context("cargo does not start")?.success() {
        bail!("the benchmark failed: `{}`", as_typed(&bench));
    }
    Ok(())
}

/// Builds `millimetric` as it is shipped and tells where it lies.
fn release_binary() -> anyhow::Result<PathBuf> {
    eprintln!("building the release binary");
    let mut build = cargo(["build", "--release", "--locked", "--package", "millimetric"]);
    if !build.status().context("cargo does not start")?.success() {
        bail!("the build failed: `{}`", as_typed(&build));
    }
    let binary =
        target_folder()?.join("release").join(format!("millimetric{}", std::env::consts::EXE_SUFFIX));
    fs::canonicalize(&binary).with_context(|| format!("{} is not there after the build", binary.display()))
}
