//! `cargo xtask crash`: its arguments, and the start of the test that kills servers.
//!
//! The campaign itself is a test of the server, `crates/server/tests/it/crash.rs`, which plays
//! two rounds whenever tests run. Nothing is decided here.

use clap::Args;

use crate::bench::run_to_its_end;
use crate::cargo::cargo;

/// How often to kill, and which of all the random choices.
#[derive(Debug, Clone, Args)]
pub struct CrashArguments {
    /// Kills, each followed by a look at every event.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub rounds: u64,
    /// Decides what clients send and when servers are killed, as far as a real machine repeats itself.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Builds the optimised server and the test, and runs it in the foreground.
pub fn run(arguments: &CrashArguments) -> anyhow::Result<()> {
    let mut campaign = cargo(["test", "--release", "--locked", "--package", "millimetric", "--test", "it"]);
    campaign.args(["what_was_acknowledged_outlives_a_kill_at_any_moment", "--", "--nocapture"]);
    campaign.env("MILLIMETRIC_CRASH_ROUNDS", arguments.rounds.to_string());
    campaign.env("MILLIMETRIC_CRASH_SEED", arguments.seed.to_string());
    run_to_its_end(&mut campaign)
}
