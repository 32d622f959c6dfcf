//! `millimetric export`: a project's events as a file, or on standard output.
//!
//! A file gets its name only when it is complete.

use std::io::{ErrorKind, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use millimetric_control::Slug;
use millimetric_core::event::EventScope;
use millimetric_core::key::Env;
use millimetric_core::query::{EventSelector, ExportQuery};
use millimetric_core::time::{TimeRange, Timestamp};

use super::new_file::NewFile;
use super::output::Progress;
use super::store::Store;
use super::{env_word, one_of, project_of, read_control, time};
use crate::config::Installation;
use crate::ops::read::oldest_kept;
use crate::state::system_clock;
use crate::wire::rows::RowFormat;

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// Slug of the project
    #[arg(long, value_name = "SLUG")]
    project: Slug,
    /// Environment
    #[arg(long, default_value = "live", value_parser = env_word())]
    env: Env,
    /// Start, inclusive: a date or a time; default: the first event
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// End, exclusive: a date or a time; default: the last event
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
    /// Format of the file
    #[arg(long, default_value = "ndjson", value_parser = one_of::<RowFormat>(RowFormat::WORDS))]
    format: RowFormat,
    /// File to write; default: standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Exports, also while a server runs.
pub(super) async fn run(at: &Installation, args: ExportArgs) -> anyhow::Result<()> {
    let control = read_control(at).await?;
    let project = project_of(&control, &args.project).await?;
    control.close().await;
    let (from, to) = (args.from.unwrap_or(Timestamp::MIN), args.to.unwrap_or(Timestamp::MAX));
    let range = TimeRange::new(from, to).context("--from must be before --to")?;
    let kept = oldest_kept(project.effective_retention_days(), system_clock()());
    let range = kept.map_or(Some(range), |kept| TimeRange::new(from.max(kept), to));
    let range = range.unwrap_or(TimeRange::LAST);
    let query = ExportQuery { range, events: EventSelector::Any, filters: Vec::new() };
    let scope = EventScope { project: project.id, env: args.env };
    let mut store = Store::open_to_read(at).await?;
    let exported = match &args.output {
        Some(file) => to_file(&mut store, scope, query, args.format, file).await,
        None => match to_stdout(&mut store, scope, query, args.format).await {
            // The reader of a pipe may stop when it has enough.
            Err(error) if is_broken_pipe(&error) => Ok(()),
            other => other,
        },
    };
    store.close().await;
    exported
}

async fn to_file(
    store: &mut Store,
    scope: EventScope,
    query: ExportQuery,
    format: RowFormat,
    file: &Path,
) -> anyhow::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let cannot_write = || format!("cannot write to {}", file.display());
    let mut unfinished = NewFile::create_in(folder).with_context(cannot_write)?;
    let progress = Progress::bytes_so_far("exported");
    copy(store, scope, query, format, unfinished.file(), Some(&progress)).await?;
    unfinished.rename(file).with_context(cannot_write)
}

/// On a terminal the rows themselves show the progress.
async fn to_stdout(
    store: &mut Store,
    scope: EventScope,
    query: ExportQuery,
    format: RowFormat,
) -> anyhow::Result<()> {
    let mut to = std::io::stdout();
    let progress = (!to.is_terminal()).then(|| Progress::bytes_so_far("exported"));
    copy(store, scope, query, format, &mut to, progress.as_ref()).await
}

async fn copy(
    store: &mut Store,
    scope: EventScope,
    query: ExportQuery,
    format: RowFormat,
    to: &mut (impl Write + Send),
    progress: Option<&Progress>,
) -> anyhow::Result<()> {
    let mut chunks = store.export(scope, query, format).await?;
    while let Some(bytes) = chunks.next().await? {
        to.write_all(&bytes)?;
        if let Some(progress) = progress {
            progress.add(bytes.len() as u64);
        }
    }
    Ok(to.flush()?)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
