//! The command line: one file a command. Every command takes `--data-dir`, prints data as JSON
//! with `--json`, and works while a server runs on the same folder.
//!
//! An interface like the others: what a command does is in `ops`.

mod backup;
mod demo;
mod doctor;
mod export;
mod goal;
mod import;
mod key;
mod new_file;
mod output;
mod project;
mod reclassify;
mod rules;
pub mod serve;
mod store;
mod user;

use std::path::Path;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use millimetric_control::{Control, ControlUrl, Project, Slug};

use crate::app::server::{Bounds, create_data_dir};
use crate::config::{Installation, Settings};

/// Web and product analytics in one binary: API, store and command line.
#[derive(Debug, Parser)]
#[command(name = "millimetric", version, about, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(flatten)]
    installation: Installation,
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (the default command)
    Serve(Settings),
    /// Create, list, show, change and delete projects
    #[command(subcommand)]
    Project(project::ProjectCommand),
    /// Create, list, change and delete a project's goals: what counts as a conversion
    #[command(subcommand)]
    Goal(goal::GoalCommand),
    /// Create, list, revoke and rotate API keys
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Add dashboard users and reset passwords
    #[command(subcommand)]
    User(user::UserCommand),
    /// Create a project with generated traffic; the same seed gives the same events
    Demo(demo::DemoArgs),
    /// Back up all data into a new folder, also while a server runs
    Backup(backup::BackupArgs),
    /// Restore a backup into the data folder
    Restore(backup::RestoreArgs),
    /// Write a project's events to a file: NDJSON, CSV or Parquet
    Export(export::ExportArgs),
    /// Import the events of an exported file, each once
    Import(import::ImportArgs),
    /// Apply the rules of a project to its stored events
    Reclassify(reclassify::ReclassifyArgs),
    /// Check the data folder, disk, clock, country database and configuration
    Doctor(doctor::DoctorArgs),
}

/// Runs the command that was typed.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    let at = cli.installation;
    match cli.command {
        None => serve::serve(&at, cli.settings, Bounds::default()).await,
        Some(Command::Serve(settings)) => serve::serve(&at, settings, Bounds::default()).await,
        Some(Command::Project(command)) => project::run(&at, command).await,
        Some(Command::Goal(command)) => goal::run(&at, command).await,
        Some(Command::Key(command)) => key::run(&at, command).await,
        Some(Command::User(command)) => user::run(&at, command).await,
        Some(Command::Demo(args)) => demo::run(&at, args).await,
        Some(Command::Backup(args)) => backup::backup(&at, args).await,
        Some(Command::Restore(args)) => backup::run_restore(&at, args).await,
        Some(Command::Export(args)) => export::run(&at, args).await,
        Some(Command::Import(args)) => import::run(&at, args).await,
        Some(Command::Reclassify(args)) => reclassify::run(&at, args).await,
        Some(Command::Doctor(args)) => doctor::run(&at, args).await,
    }
}

/// Opens the control database of a data folder, creating both if they are missing: for commands that
/// create something.
async fn open_control(at: &Installation) -> anyhow::Result<Control> {
    create_data_dir(&at.data_dir)?;
    Ok(Control::open(&ControlUrl::in_folder(&at.data_dir)).await?)
}

/// Opens the control database of a data folder that is there: for commands that change something.
async fn existing_control(at: &Installation) -> anyhow::Result<Control> {
    Ok(Control::open(&existing_url(&at.data_dir)?).await?)
}

/// Opens the control database of a data folder that is there, creating and changing nothing: for
/// commands that only read.
async fn read_control(at: &Installation) -> anyhow::Result<Control> {
    Ok(Control::open_to_read(&existing_url(&at.data_dir)?).await?)
}

/// The URL of a control database that exists.
fn existing_url(dir: &Path) -> anyhow::Result<ControlUrl> {
    let shown = dir.display();
    anyhow::ensure!(
        dir.is_dir(),
        "there is no data folder at {shown}: pass the server's with --data-dir, like --data-dir ./data"
    );
    anyhow::ensure!(
        dir.join("control.db").is_file(),
        "the folder {shown} holds no control.db, so no server has run on it: pass the server's data folder with \
         --data-dir, like --data-dir ./data"
    );
    Ok(ControlUrl::in_folder(dir))
}

async fn project_of(control: &Control, slug: &Slug) -> anyhow::Result<Project> {
    let project = control.project_by_slug(slug).await?;
    project.with_context(|| format!("there is no project `{slug}`; see `millimetric project list`"))
}
