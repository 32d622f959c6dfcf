//! The benchmark behind `cargo xtask bench`: loads a real server over the loopback interface and
//! prints a table.
//!
//! Starts and stops only its own server, over its own temporary folder; both are gone at the end,
//! also after a failure or Ctrl-C. Never talks to any other address.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to its terminal")]

mod client;
mod ingest;
mod load;
mod machine;
mod memory;
mod micro;
mod report;
mod requests;
mod server;

use std::path::PathBuf;

use anyhow::bail;
use clap::Parser;
use xtask::bench::{BenchArguments, Subject};

use crate::report::Report;

/// Measures the release build on this machine.
#[derive(Debug, Parser)]
struct CommandLine {
    #[command(flatten)]
    arguments: BenchArguments,
    /// The release binary.
    #[arg(long)]
    server: PathBuf,
    /// Given by `cargo bench` to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// One thread: the generator shall leave the cores to the server.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let command_line = CommandLine::parse();
    tokio::select! {
        report = measure(&command_line) => {
            let report = report?;
            let text = if command_line.arguments.json { report.json() } else { report.markdown() };
            println!("{text}");
            Ok(())
        }
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    }
}

async fn measure(command_line: &CommandLine) -> anyhow::Result<Report> {
    let BenchArguments { subject, seconds, runs, .. } = command_line.arguments;
    let mut report = Report::new(machine::facts()?);
    if subject.covers(Subject::Micro) {
        micro::measure(&mut report).await?;
    }
    if subject.covers(Subject::Ingest) || subject.covers(Subject::Memory) {
        ingest::measure(&command_line.server, subject, seconds, runs, &mut report).await?;
    }
    Ok(report)
}
