//! `millimetric migrate`: arguments, messages and progress. The work is done in `ops::migrate`.
//!
//! Prints no URL and no secret.

mod secrets;
mod side;
mod stores;

use std::sync::Arc;

use anyhow::ensure;
use clap::Args;
use millimetric_control::Control;
use serde_json::json;

use self::secrets::{Handover, hand_over};
use self::side::Side;
use self::stores::Source;
use super::output::{self, Progress};
use crate::config::{Installation, StoreUrl};
use crate::ops::migrate::{self, Controls, Moved, Stores};

#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    /// Data folder to move from, like `file:./data`
    #[arg(long, value_name = "URL")]
    from: Option<StoreUrl>,
    /// Events to move from, if they are not in that folder
    #[arg(long, value_name = "URL", env = "MILLIMETRIC_FROM_EVENTS_URL", hide_env_values = true)]
    from_events: Option<StoreUrl>,
    /// Control database to move from, if it is not in that folder
    #[arg(long, value_name = "URL", env = "MILLIMETRIC_FROM_CONTROL_URL", hide_env_values = true)]
    from_control: Option<StoreUrl>,
    /// Data folder to move to, like `file:./data`
    #[arg(long, value_name = "URL")]
    to: Option<StoreUrl>,
    /// Events to move to, like `clickhouse://user:password@host:8123/database`; tables that are missing are created
    #[arg(long, value_name = "URL", env = "MILLIMETRIC_TO_EVENTS_URL", hide_env_values = true)]
    to_events: Option<StoreUrl>,
    /// Control database to move to, like `postgres://user:password@host/database`
    #[arg(long, value_name = "URL", env = "MILLIMETRIC_TO_CONTROL_URL", hide_env_values = true)]
    to_control: Option<StoreUrl>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Moves, also while servers use the source. A second run moves later changes.
pub(super) async fn run(at: &Installation, args: MigrateArgs) -> anyhow::Result<()> {
    let source =
        Side::read("from", args.from.as_ref(), args.from_events.as_ref(), args.from_control.as_ref())?;
    let target = Side::read("to", args.to.as_ref(), args.to_events.as_ref(), args.to_control.as_ref())?;
    let (moves_events, moves_control) = (source.events != target.events, source.control != target.control);
    ensure!(
        moves_events || moves_control,
        "--from and --to are the same: name the databases to move to with --to-events and --to-control"
    );
    let control = Control::open_to_read(&source.control).await?;
    let handover = hand_over(at, &control, &source, &target).await?;
    let copy = if moves_control { Some(stores::open_control(&target).await?) } else { None };
    let checked = match &copy {
        Some(copy) => {
            let controls = Controls { source: &control, target: copy };
            Some((controls, migrate::check(controls).await?))
        }
        None => None,
    };
    handover.write()?;
    let is_in_use = stores::is_in_use(&source, &control).await?;
    let moved = if moves_events {
        let from = Source::open(at, &source.events).await?;
        let to = stores::open_target(&target.events, from.store()).await?;
        let progress = Arc::new(Progress::count("events read"));
        let stores = Stores { source: from.store(), target: to.clone(), progress };
        let moved = migrate::migrate(&control, checked, Some(&stores)).await;
        drop(stores);
        to.close().await;
        from.close().await;
        moved?
    } else {
        migrate::migrate(&control, checked, None).await?
    };
    if let Some(copy) = &copy {
        copy.close().await;
    }
    control.close().await;
    report(&moved, &handover, is_in_use, args.json);
    Ok(())
}

impl migrate::Progress for Progress {
    fn add(&self, events: u64) {
        Self::add(self, events);
    }
}

fn report(moved: &Moved, handover: &Handover, is_in_use: bool, is_json: bool) {
    let Moved { projects, rows, erasures, months, events, new_events } = *moved;
    if is_json {
        output::json(&json!({
            "projects": projects,
            "control_rows": rows,
            "erasures": erasures,
            "months": months,
            "events": events,
            "new_events": new_events,
            "source_in_use": is_in_use,
        }));
        return;
    }
    if rows > 0 {
        output::line(format_args!("Accounts, projects and keys were copied: {rows} rows."));
    }
    output::line(format_args!(
        "Both sides have the same {events} events: {months} months were compared. This run stored {new_events} of them."
    ));
    output::line("Next:");
    if is_in_use {
        output::line("- Stop the server that uses the source, and run the same command once more.");
    } else {
        output::line("- Start no server on the source any more.");
    }
    for step in handover.steps() {
        output::line(format_args!("- {step}"));
    }
}
