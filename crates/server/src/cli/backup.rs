//! `millimetric backup` and `millimetric restore`: messages and progress. The work is done in `ops::backup`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use millimetric_control::ControlUrl;
use millimetric_events::EventsUrl;
use serde_json::json;

use super::output::{self, Progress};
use super::store::snapshot;
use crate::config::Installation;
use crate::ops::backup::Contents;
use crate::ops::backup::create::Unfinished;
use crate::ops::backup::restore::{Request, Restored, read_contents, restore};
use crate::state::system_clock;
use crate::wire::backup::{from_json, to_json};

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// New folder for the backup; it contains secrets
    #[arg(value_name = "DEST")]
    target: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// Folder created by `millimetric backup`
    #[arg(value_name = "SRC")]
    backup: PathBuf,
    /// Move an existing data folder aside, and apply its later erasures
    #[arg(long)]
    replace: bool,
    /// A later data folder or backup of the same installation whose erasures are applied
    #[arg(long, value_name = "FOLDER")]
    erasures_from: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Makes a backup, also while a server runs.
pub(super) async fn backup(at: &Installation, args: BackupArgs) -> anyhow::Result<()> {
    ensure_folder_only(at, "backup", ("BACKUP DATABASE", "pg_dump"))?;
    let unfinished = Unfinished::begin(&at.data_dir, &args.target, system_clock()())?;
    let copying = Progress::spinner("copying the events");
    let events = snapshot(at, unfinished.folder()).await;
    drop(copying);
    let progress = Progress::bytes();
    let contents =
        unfinished.collect(&at.data_dir, events?, |done, total| progress.advance(done, total)).await?;
    unfinished.publish(&to_json(&contents)?)?;
    drop(progress);
    if args.json {
        let folder = args.target.canonicalize()?;
        output::json(&json!({
            "folder": folder,
            "made_at": contents.made_at,
            "segments": contents.segments,
            "events": contents.events,
            "files": contents.files.len(),
        }));
    } else {
        output::line(format_args!(
            "{} events backed up to {}. The backup contains the server's secrets: protect it like the data folder.",
            contents.events,
            args.target.display()
        ));
    }
    Ok(())
}

/// A data folder without both of its databases is no installation. `instead` is what does the same in `ClickHouse` and
/// in `PostgreSQL`.
fn ensure_folder_only(at: &Installation, command: &str, instead: (&str, &str)) -> anyhow::Result<()> {
    let events = match at.events_url()? {
        EventsUrl::File(_) => None,
        EventsUrl::ClickHouse(_) => {
            Some(format!("the events are in ClickHouse: use its {} for them", instead.0))
        }
    };
    let control = match at.control_url()? {
        ControlUrl::Postgres(_) => {
            Some(format!("accounts and keys are in PostgreSQL: use {} for them", instead.1))
        }
        url if url != ControlUrl::in_folder(&at.data_dir) => Some(
            "accounts and keys are in another file than control.db there: copy it while no server runs"
                .to_owned(),
        ),
        ControlUrl::Sqlite(_) => None,
    };
    let elsewhere: Vec<String> = events.into_iter().chain(control).collect();
    anyhow::ensure!(
        elsewhere.is_empty(),
        "`{command}` knows whole data folders only, and {}. Keep a copy of the pepper and the salt too",
        elsewhere.join("; ")
    );
    Ok(())
}

/// Restores a backup into the data folder.
pub(super) async fn run_restore(at: &Installation, args: RestoreArgs) -> anyhow::Result<()> {
    ensure_folder_only(at, "restore", ("RESTORE DATABASE", "pg_restore"))?;
    let request = Request {
        backup: &args.backup,
        data_dir: &at.data_dir,
        replace: args.replace,
        erasures_from: args.erasures_from.as_deref(),
    };
    let contents = from_json(&read_contents(&args.backup)?)
        .with_context(|| format!("{} is damaged", args.backup.join(Contents::FILE).display()))?;
    let progress = Progress::bytes();
    let advance = |done, total| progress.advance(done, total);
    let restored = restore(&request, contents, system_clock()(), advance).await?;
    drop(progress);
    if args.json {
        output::json(&json!({
            "made_at": restored.contents.made_at,
            "events": restored.contents.events,
            "replaced": restored.moved_to,
            "knows_later": restored.knows_later,
            "erasures_waiting": restored.erasures,
            "keys_ended": restored.ended.keys,
            "projects_deleted": restored.ended.projects,
        }));
    } else {
        report(at, &restored);
    }
    Ok(())
}

fn report(at: &Installation, restored: &Restored) {
    let made_at = &restored.contents.made_at;
    output::line(format_args!(
        "{} events of {made_at} restored into {}.",
        restored.contents.events,
        at.data_dir.display()
    ));
    if let Some(aside) = &restored.moved_to {
        output::line(format_args!("The previous data folder is now {}.", aside.display()));
    }
    if restored.knows_later {
        output::line(format_args!(
            "{} keys revoked and {} projects deleted after the backup stay so. {} erasures will run at the next start.",
            restored.ended.keys, restored.ended.projects, restored.erasures
        ));
    } else {
        output::line(format_args!(
            "No later state is known: users erased and keys revoked after {made_at} are back. Erase and revoke \
             them again, or restore with --erasures-from."
        ));
    }
}
