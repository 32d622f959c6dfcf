//! The program `millimetric`: reads the command line and hands over.

use std::process::ExitCode;
use std::time::Duration;

use millimetric::cli::{Cli, report, run};

/// Gives back what queries and merges leave free, which the C library keeps (docs/decisions/0007).
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long work on the runtime's blocking threads may take to notice that the program ends.
const BLOCKING_WITHIN: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let cli = Cli::read();
    match run_to_end(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

fn run_to_end(cli: Cli) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let done = runtime.block_on(run(cli));
    // Dropping the runtime would wait for whatever runs there, however long it takes.
    runtime.shutdown_timeout(BLOCKING_WITHIN);
    done
}
