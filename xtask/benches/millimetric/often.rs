//! The server of the product with a low bound on events in memory, so that a short run meets many flushes
//! and merges. The program has no flag for that.

use std::num::NonZeroUsize;

use clap::Args;
use millimetric::app::server::Bounds;
use millimetric::cli::serve::serve;
use millimetric::config::{Installation, Settings};
use tokio::runtime::Runtime;

/// Events of a project in memory that are flushed together.
const FLUSH_ROWS: Option<NonZeroUsize> = NonZeroUsize::new(10_000);

/// The flags of `millimetric serve`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    installation: Installation,
    #[command(flatten)]
    settings: Settings,
}

/// Does what `millimetric serve` does, with that bound.
pub(crate) fn run(arguments: ServeArguments) -> anyhow::Result<()> {
    let ServeArguments { installation, settings } = arguments;
    let bounds = Bounds { flush_rows: FLUSH_ROWS, ..Bounds::default() };
    Runtime::new()?.block_on(serve(&installation, settings, bounds))
}
