//! The program `millimetric`: reads the command line and hands over.

use std::time::Duration;

use clap::Parser as _;
use millimetric::cli::{Cli, run};

/// Gives back what queries and merges leave free, which the C library keeps (docs/decisions/0007).
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long work on the runtime's blocking threads may take to notice that the program ends.
const BLOCKING_WITHIN: Duration = Duration::from_secs(1);

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Runtime::new()?;
    let done = runtime.block_on(run(cli));
    // Dropping the runtime would wait for whatever runs there, however long it takes.
    runtime.shutdown_timeout(BLOCKING_WITHIN);
    done
}
