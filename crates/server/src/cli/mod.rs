//! The command line: one file a command. Commands take `--data-dir`, print data as JSON with `--json`, and work
//! while a server runs on the same folder.
//!
//! An interface like the others: what a command does is in `ops`.

mod backup;
mod demo;
mod doctor;
mod export;
mod generate;
mod goal;
mod import;
mod key;
mod migrate;
mod new_file;
mod output;
mod project;
mod reclassify;
mod schema;
pub mod serve;
mod store;
mod user;

use std::error::Error;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use millimetric_control::{Control, ControlUrl, Project, Slug};
use millimetric_core::fuzzy_match;
use millimetric_core::key::Env;
use millimetric_core::time::Timestamp;
use output::BAD;

use crate::app::server::{Bounds, create_data_dir};
use crate::config::{Installation, Settings};
use crate::http::local::LocalServer;

/// Web and product analytics in one binary: API, store and command line.
#[derive(Debug, Parser)]
#[command(
    name = "millimetric",
    version,
    about,
    after_help = "Without a command the server is run: see `millimetric serve --help` for its settings."
)]
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
    /// List and add dashboard users, reset their passwords, and manage access tokens
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
    /// Move everything to other databases and compare both, also while a server still takes events
    Migrate(migrate::MigrateArgs),
    /// Apply the rules of a project to its stored events
    Reclassify(reclassify::ReclassifyArgs),
    /// Print or create the tables of databases on servers
    #[command(subcommand)]
    Schema(schema::SchemaCommand),
    /// Check the data folder, disk, clock, country database and configuration
    Doctor(doctor::DoctorArgs),
    /// Print a script that completes commands in a shell
    Completions(generate::CompletionsArgs),
    /// Write man pages into a folder
    Man(generate::ManArgs),
}

/// Arguments of [`Installation`] that are mostly set by variables. Every command takes them, and the help of
/// `serve` shows them.
const SHOWN_BY_SERVE: [&str; 5] = ["control_url", "events_url", "pepper", "pepper_previous", "ip_salt"];

/// The command line as it is parsed. The URLs of the stores and the secrets are in the help of `serve`
/// alone, and so are the settings of the server, which are taken without a command too.
fn definition() -> clap::Command {
    let command = Cli::command();
    let is_shown = |arg: &Arg| SHOWN_BY_SERVE.contains(&arg.get_id().as_str());
    let shown: Vec<Arg> = command.get_arguments().filter(|arg| is_shown(arg)).cloned().collect();
    let command = command.mut_subcommand("serve", |serve| serve.args(shown));
    command.mut_args(|arg| if arg.get_id() == "data_dir" { arg } else { arg.hide(true) })
}

/// The command line as completions and man pages show it: without what is hidden.
fn visible() -> clap::Command {
    let definition = definition();
    let visible = clap::Command::new("millimetric").version(env!("CARGO_PKG_VERSION"));
    let about = definition.get_about().cloned().unwrap_or_default();
    let after_help = definition.get_after_help().cloned().unwrap_or_default();
    visible
        .about(about)
        .after_help(after_help)
        .args(definition.get_arguments().filter(|arg| !arg.is_hide_set()).cloned())
        .subcommands(definition.get_subcommands().cloned())
}

impl Cli {
    /// Reads the command line of this process. If it asks for help or is wrong, prints that and ends the
    /// process.
    pub fn read() -> Self {
        let mut definition = definition();
        let mut matches = definition.get_matches_mut();
        if let Some(setting) = misplaced(&definition, &matches) {
            let sentence = format!(
                "{setting} is a setting of the server: put it after the command, like `millimetric serve {setting} …`"
            );
            definition.error(ErrorKind::ArgumentConflict, sentence).exit();
        }
        let read = Self::from_arg_matches_mut(&mut matches);
        read.unwrap_or_else(|error| error.format(&mut definition).exit())
    }
}

/// A setting of the server that was typed before a command, which would have no effect.
fn misplaced(definition: &clap::Command, matches: &ArgMatches) -> Option<String> {
    matches.subcommand_name()?;
    let settings = definition.get_arguments().filter(|arg| !arg.is_global_set());
    let ids: Vec<_> = matches.ids().collect();
    let mut typed = settings.filter(|arg| {
        ids.contains(&arg.get_id())
            && matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
    });
    typed.next()?.get_long().map(|name| format!("--{name}"))
}

/// Reads one of these words as a value; help and completions list them.
fn one_of<T>(words: impl IntoIterator<Item = &'static str>) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err: Error + Send + Sync + 'static> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words).try_map(|word| word.parse::<T>())
}

/// Reads an environment.
fn env_word() -> impl TypedValueParser<Value = Env> {
    one_of(Env::ALL.iter().map(|env| env.as_str()))
}

/// Reads a time.
fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_or_date(text)
        .map_err(|_| "expected a date like 2026-05-16 or a time like 2026-05-16T19:00:00Z".to_owned())
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
        Some(Command::Migrate(args)) => migrate::run(&at, args).await,
        Some(Command::Reclassify(args)) => reclassify::run(&at, args).await,
        Some(Command::Schema(command)) => schema::run(&at, command).await,
        Some(Command::Doctor(args)) => doctor::run(&at, args).await,
        Some(Command::Completions(args)) => {
            generate::completions(&args);
            Ok(())
        }
        Some(Command::Man(args)) => generate::man(&args),
    }
}

/// Opens the control database of a data folder, creating both if they are missing: for commands that
/// create something.
async fn open_control(at: &Installation) -> anyhow::Result<Control> {
    create_data_dir(&at.data_dir)?;
    Ok(Control::open(&at.control_url()?).await?)
}

/// Opens the control database of a data folder that is there: for commands that change something.
async fn existing_control(at: &Installation) -> anyhow::Result<Control> {
    Ok(Control::open(&existing_url(at)?).await?)
}

/// Opens the control database of a data folder that is there, creating and changing nothing: for
/// commands that only read.
async fn read_control(at: &Installation) -> anyhow::Result<Control> {
    Ok(Control::open_to_read(&existing_url(at)?).await?)
}

/// The URL of a control database that exists.
fn existing_url(at: &Installation) -> anyhow::Result<ControlUrl> {
    let url = at.control_url()?;
    if at.control_url.is_some() {
        return Ok(url);
    }
    let (dir, shown) = (&at.data_dir, at.data_dir.display());
    anyhow::ensure!(
        dir.is_dir(),
        "there is no data folder at {shown}: pass the server's with --data-dir, like --data-dir ./data"
    );
    anyhow::ensure!(
        dir.join("control.db").is_file(),
        "the folder {shown} holds no control.db, so no server has run on it: pass the server's data folder with \
         --data-dir, like --data-dir ./data"
    );
    Ok(url)
}

/// Prints why a command failed, with all causes on one line.
pub fn report(error: &anyhow::Error) {
    output::note(format_args!("{BAD}error:{BAD:#} {error:#}"));
}

/// The address of the server that runs on a data folder; `None` without one.
async fn running_at(at: &Installation) -> Option<String> {
    LocalServer::connect(&at.data_dir).await.ok()?.public_url().await.ok()
}

async fn project_of(control: &Control, slug: &Slug) -> anyhow::Result<Project> {
    if let Some(project) = control.project_by_slug(slug).await? {
        return Ok(project);
    }
    let projects = control.projects().await?;
    let closest = fuzzy_match::closest(slug.as_str(), projects.iter().map(|project| project.slug.as_str()));
    match closest {
        Some(meant) => anyhow::bail!(
            "there is no project `{slug}`. Did you mean `{meant}`? See `millimetric project list`"
        ),
        None => anyhow::bail!("there is no project `{slug}`; see `millimetric project list`"),
    }
}
