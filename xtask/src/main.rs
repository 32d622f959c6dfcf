//! Every chore of the repository as one command: `cargo xtask test`, `bench`, `gen`.
//!
//! Knows no rule of the product and never depends on its crates, so that it starts quickly and
//! runs when they do not compile.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to its terminal")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::abuse::AbuseArguments;
use xtask::bench::BenchArguments;
use xtask::crash::CrashArguments;
use xtask::oracle::OracleArguments;
use xtask::{abuse, agents, bench, checks, crash, data, oracle, sdk};

/// Every chore of the repository as one command.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct CommandLine {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Run every check: formatting, lints, tests, documentation, dependency rules.
    Test,
    /// Measure the release build on this machine, over the loopback interface.
    Bench(BenchArguments),
    /// Compare the results of random queries with those of ClickHouse.
    Oracle(OracleArguments),
    /// Kill servers at random moments and count what they kept.
    Crash(CrashArguments),
    /// Ask the MCP tools 40 questions of a site's owner and compare each figure with a recount.
    Agents,
    /// Attack a server over the loopback interface, next to normal clients.
    Abuse(AbuseArguments),
    /// Write anew what is made from the code: `spec/openapi.json` and the SDK packages.
    Gen,
    /// Take newer releases of the crawler patterns and the country database, and test them.
    Data,
}

fn main() -> ExitCode {
    let done = match CommandLine::parse().chore {
        Chore::Test => checks::run_all(),
        Chore::Bench(arguments) => bench::run(&arguments),
        Chore::Oracle(arguments) => oracle::run(&arguments),
        Chore::Crash(arguments) => crash::run(&arguments),
        Chore::Agents => agents::examine(),
        Chore::Abuse(arguments) => abuse::run(&arguments),
        Chore::Gen => generate(),
        Chore::Data => data::refresh(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The server embeds the packages, so they come first; without Node they stay as they are.
fn generate() -> anyhow::Result<()> {
    match sdk::tools() {
        Ok(tools) => sdk::write_packages(&tools)?,
        Err(error) => eprintln!("the SDK packages stay as they are: {error:#}"),
    }
    checks::write_spec()
}
