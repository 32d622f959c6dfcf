//! The program `millimetric`: reads the command line and hands over.

use clap::Parser as _;
use millimetric::cli::{Cli, run};

/// Gives back what questions and merges leave free, which the C library keeps (docs/decisions/0007).
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    run(Cli::parse()).await
}
