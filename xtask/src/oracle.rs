//! `cargo xtask oracle`: its arguments, and the start of the program that compares.
//!
//! The comparing itself is in `benches/millimetric/oracle`, since it shares the server and
//! ClickHouse with the benchmark. Nothing is decided here.

use clap::Args;

use crate::bench::{harness, release_binary, run_to_its_end};
use crate::python::python;

/// How much to compare, and which of all the random cases.
#[derive(Debug, Clone, Args)]
pub struct OracleArguments {
    /// Data sets, each with queries of every kind.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub cases: u64,
    /// The first case; the following ones count on from it.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Builds the release binary and the oracle, and runs it in the foreground.
pub fn run(arguments: &OracleArguments) -> anyhow::Result<()> {
    let (python, server) = (python()?, release_binary()?);
    let mut oracle = harness("oracle");
    oracle.arg("--cases").arg(arguments.cases.to_string());
    oracle.arg("--seed").arg(arguments.seed.to_string());
    oracle.arg("--server").arg(server).arg("--python").arg(python);
    run_to_its_end(&mut oracle)
}
