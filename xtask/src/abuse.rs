//! `cargo xtask abuse`: its arguments, and the start of the program that attacks a server.
//!
//! The campaign itself is in `benches/millimetric/abuse`, since it shares the server and the tables
//! with the benchmark. Everything stays on the loopback interface.

use std::process::Command;

use clap::{Args, ValueEnum};

use crate::bench::{harness, release_binary, run_to_its_end};
use crate::cargo::cargo;
use crate::server::binary;

/// How long to attack, and which of all the random choices.
#[derive(Debug, Clone, Args)]
pub struct AbuseArguments {
    /// Mutated requests in all.
    #[arg(
        long,
        default_value_t = 1_000_000,
        default_value_if("short", "true", "20000"),
        value_parser = clap::value_parser!(u64).range(16..=1_000_000_000)
    )]
    pub requests: u64,
    /// Seconds of each other attack.
    #[arg(
        long,
        default_value_t = 15,
        default_value_if("short", "true", "3"),
        value_parser = clap::value_parser!(u64).range(2..=600)
    )]
    pub seconds: u64,
    /// Decides what is sent and in which order on each connection.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Only this attack.
    #[arg(long, value_enum)]
    pub only: Option<Attack>,
    /// The form of `cargo xtask test`, about one minute: the debug build, smaller attacks, and times
    /// that are printed but fail nothing.
    #[arg(long)]
    pub short: bool,
}

/// One kind of abuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Attack {
    /// Batches whose every event has new names, and readers of the names.
    NameFlood,
    /// Bodies that arrive a byte at a time and bodies that inflate to a multiple.
    SlowBodies,
    /// Thousands of connections from one address that never read.
    Connections,
    /// The same from 38 addresses.
    SpreadConnections,
    /// 150 clients with the heaviest queries.
    HeavyReaders,
    /// Requests of every route with random changes, also invalid HTTP.
    Mutations,
}

/// Builds the server and the campaign, and runs it in the foreground.
pub fn run(arguments: &AbuseArguments) -> anyhow::Result<()> {
    run_to_its_end(&mut campaign(arguments)?)
}

/// The one-minute form, as a command that is ready to run.
pub fn short_campaign() -> anyhow::Result<Command> {
    campaign(&AbuseArguments { requests: 20_000, seconds: 3, seed: 1, only: None, short: true })
}

fn campaign(arguments: &AbuseArguments) -> anyhow::Result<Command> {
    let AbuseArguments { requests, seconds, seed, only, short } = arguments;
    let (mut campaign, server) =
        if *short { (debug_harness(), binary()?) } else { (harness("abuse"), release_binary()?) };
    campaign.arg("--requests").arg(requests.to_string());
    campaign.arg("--seconds").arg(seconds.to_string());
    campaign.arg("--seed").arg(seed.to_string());
    campaign.arg("--server").arg(server);
    campaign.args(short.then_some("--short"));
    if let Some(attack) = only.and_then(|attack| attack.to_possible_value()) {
        campaign.arg("--only").arg(attack.get_name());
    }
    Ok(campaign)
}

/// The same program as [`harness`] starts, in the profile of the tests. It is built as a part of the
/// whole workspace, like them, so that its dependencies have the same features and are built once.
fn debug_harness() -> Command {
    cargo(["test", "--quiet", "--locked", "--workspace", "--bench", "millimetric", "--", "abuse"])
}
