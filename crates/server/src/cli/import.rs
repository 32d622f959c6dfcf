//! `millimetric import`: stores the events of an export, each once.
//!
//! Rows are stored unchanged: they are not classified or scrubbed again, and do not count against a plan.

use std::fs::File;
use std::io::{Seek as _, stdin};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use millimetric_control::Slug;
use millimetric_core::event::{Event, EventScope};
use millimetric_core::key::Env;
use millimetric_core::time::Timestamp;
use serde_json::json;

use super::new_file::unnamed_in;
use super::output::Progress;
use super::store::Store;
use super::{env_word, existing_control, one_of, output, project_of};
use crate::config::Installation;
use crate::state::system_clock;
use crate::wire::rows::{Records, Row, RowFormat, parquet_records, text_records};

/// Events stored in one call.
const BATCH: usize = 1000;
/// Approximate bytes of text stored in one call.
const BATCH_BYTES: usize = 4 << 20;
/// The pause before a retry when the store is overloaded, and the most tries.
const PAUSE: Duration = Duration::from_millis(200);
const TRIES: usize = 1500;

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// File that `export` wrote, or - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Slug of the project to import into
    #[arg(long, value_name = "SLUG")]
    project: Slug,
    /// Environment
    #[arg(long, default_value = "live", value_parser = env_word())]
    env: Env,
    /// Format of the file; default: by its extension
    #[arg(long, value_parser = one_of::<RowFormat>(RowFormat::WORDS))]
    format: Option<RowFormat>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The numbers of rows read, stored and skipped as duplicates.
#[derive(Debug, Default)]
struct Counts {
    rows: u64,
    stored: u64,
    duplicates: u64,
}

/// Imports, also while a server runs; a second run of the same file stores nothing twice.
pub(super) async fn run(at: &Installation, args: ImportArgs) -> anyhow::Result<()> {
    let records = open(&args)?;
    let control = existing_control(at).await?;
    let project = project_of(&control, &args.project).await?;
    control.close().await;
    let scope = EventScope { project: project.id, env: args.env };
    let mut store = Store::open(at).await?;
    let mut counts = Counts::default();
    let imported = import(&mut store, scope, records, &mut counts).await;
    store.close().await;
    let Counts { rows, stored, duplicates } = counts;
    imported.with_context(|| {
        format!("stopped after {rows} rows ({stored} stored); fix the file and import it again: no event is stored twice")
    })?;
    let left_out = rows - stored - duplicates;
    if args.json {
        let counts =
            json!({ "rows": rows, "stored": stored, "duplicates": duplicates, "left_out": left_out });
        output::json(&counts);
    } else {
        output::line(format_args!(
            "{stored} events stored. Skipped: {duplicates} duplicates, {left_out} events of erased users."
        ));
    }
    Ok(())
}

fn open(args: &ImportArgs) -> anyhow::Result<Records> {
    let shown = args.file.display();
    let is_stdin = args.file.as_os_str() == "-";
    let format = match args.format {
        Some(format) => format,
        None if is_stdin => RowFormat::Ndjson,
        None => {
            let extension = args.file.extension().and_then(|extension| extension.to_str());
            let known = extension.and_then(|extension| extension.parse().ok());
            known.with_context(|| {
                format!("{shown}: unknown file extension: pass --format ndjson, csv or parquet")
            })?
        }
    };
    let records = match (is_stdin, format) {
        (true, RowFormat::Parquet) => {
            let mut spooled = unnamed_in(&std::env::temp_dir())?;
            std::io::copy(&mut stdin().lock(), &mut spooled)
                .context("cannot copy standard input to a temporary file")?;
            spooled.rewind()?;
            parquet_records(spooled)
        }
        (true, format) => text_records(format, stdin()),
        (false, format) => {
            let file = File::open(&args.file).with_context(|| format!("cannot read {shown}"))?;
            if format == RowFormat::Parquet { parquet_records(file) } else { text_records(format, file) }
        }
    };
    records.map_err(|error| anyhow::anyhow!("{shown}: {error}"))
}

async fn import(
    store: &mut Store,
    scope: EventScope,
    records: Records,
    counts: &mut Counts,
) -> anyhow::Result<()> {
    let now = system_clock()();
    let progress = Progress::count("rows imported");
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for row in records {
        let row = row.map_err(anyhow::Error::msg)?;
        bytes += row.record.bytes();
        batch.push(event(row, now)?);
        if batch.len() == BATCH || bytes >= BATCH_BYTES {
            let rows = batch.len() as u64;
            append(store, scope, std::mem::take(&mut batch), counts).await?;
            bytes = 0;
            progress.add(rows);
        }
    }
    append(store, scope, batch, counts).await
}

fn event(Row { place, record }: Row, now: Timestamp) -> anyhow::Result<Event> {
    record.into_event(now).map_err(|errors| {
        let errors: Vec<String> =
            errors.iter().map(|error| format!("`{}` {}", error.field, error.message)).collect();
        anyhow::anyhow!("{place}: {}", errors.join("; "))
    })
}

/// Stores a batch; retries while the store is overloaded, for at most five minutes.
async fn append(
    store: &mut Store,
    scope: EventScope,
    batch: Vec<Event>,
    counts: &mut Counts,
) -> anyhow::Result<()> {
    for _ in 0..TRIES {
        if let Some(appended) = store.import(scope, batch.clone()).await? {
            counts.rows += batch.len() as u64;
            counts.stored += appended.stored;
            counts.duplicates += appended.duplicates;
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    bail!("the event store has been overloaded for five minutes: try again later")
}
