//! `cargo xtask crash`: its arguments, and the start of the test that kills servers.
//!
//! The campaigns themselves are tests of the server, `crates/server/tests/it/crash.rs` and `outages.rs`, which play
//! two rounds whenever tests run. Nothing is decided here.

use clap::Args;

use crate::bench::run_to_its_end;
use crate::cargo::cargo;
use crate::{clickhouse, postgres};

/// The tests, and the words of their variables.
const ONE_FOLDER: (&str, &str) = ("what_was_acknowledged_outlives_a_kill_at_any_moment", "CRASH");
const SERVERS: (&str, &str) = ("what_was_acknowledged_outlives_outages_of_servers_and_databases", "OUTAGE");

/// How often to kill, and which of all the random choices.
#[derive(Debug, Clone, Args)]
pub struct CrashArguments {
    /// Kills, or other faults, each followed by a look at every event.
    #[arg(
        long,
        default_value_t = 200,
        default_value_if("servers", "true", "100"),
        value_parser = clap::value_parser!(u64).range(1..=1_000_000)
    )]
    pub rounds: u64,
    /// Decides what clients send and what happens when, as far as a real machine repeats itself.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Instead, two servers over ClickHouse and `PostgreSQL`: also what happens if a database or the network fails.
    #[arg(long)]
    pub servers: bool,
}

/// Builds the optimised server and the test, and runs it in the foreground.
pub fn run(arguments: &CrashArguments) -> anyhow::Result<()> {
    let (test, name) = if arguments.servers { SERVERS } else { ONE_FOLDER };
    let mut campaign = cargo(["test", "--release", "--locked", "--package", "millimetric", "--test", "it"]);
    campaign.args([test, "--", "--nocapture"]);
    campaign.env(format!("MILLIMETRIC_{name}_ROUNDS"), arguments.rounds.to_string());
    campaign.env(format!("MILLIMETRIC_{name}_SEED"), arguments.seed.to_string());
    if arguments.servers {
        postgres::check()?;
        campaign.env("MILLIMETRIC_TEST_CLICKHOUSE", clickhouse::library()?);
    }
    run_to_its_end(&mut campaign)
}
