//! Every chore of the repository as one command: `cargo xtask test`, `bench`, `gen`.
//!
//! Knows no rule of the product and never depends on its crates, so that it starts quickly and
//! runs when they do not compile.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to its terminal")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::bench::BenchArguments;
use xtask::{bench, checks};

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
    /// Write `spec/openapi.json` anew from the code.
    Gen,
}

fn main() -> ExitCode {
    let done = match CommandLine::parse().chore {
        Chore::Test => checks::run_all(),
        Chore::Bench(arguments) => bench::run(&arguments),
        Chore::Gen => checks::write_spec(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
