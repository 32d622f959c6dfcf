//! The program `millimetric`: reads the command line and hands over.

use clap::Parser as _;
use millimetric::cli::{Cli, run};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    run(Cli::parse()).await
}
