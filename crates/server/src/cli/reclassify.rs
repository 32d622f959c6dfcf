//! `millimetric reclassify`: applies the rules of a project to its stored events.

use std::time::Duration;

use clap::Args;
use millimetric_control::{Actor, Control, Reclassification};
use millimetric_core::event::EventScope;
use millimetric_core::ids::ReclassificationId;
use millimetric_core::query::{RuleChanges, RuleChangesQuery};
use millimetric_core::time::{TimeRange, Timestamp};
use millimetric_events::{ReclassifyReport, ReclassifyStatus};
use uuid::Uuid;

use super::output::Progress;
use super::project::rules::{SelectedEvents, print, what_if};
use super::store::Store;
use super::{existing_control, output, project_of, read_control};
use crate::config::Installation;
use crate::state::system_clock;

/// How often the progress is looked at.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(super) struct ReclassifyArgs {
    #[command(flatten)]
    events: SelectedEvents,
    /// Show what would change; nothing is written
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Classifies stored events again, also while a server runs, and waits until it is done. If the command is
/// stopped, the server goes on, or the next start of one.
pub(super) async fn run(at: &Installation, args: ReclassifyArgs) -> anyhow::Result<()> {
    let range = args.events.range()?;
    if args.dry_run {
        let project = project_of(&read_control(at).await?, &args.events.project).await?;
        let ever = TimeRange::new(Timestamp::MIN, Timestamp::MAX).unwrap_or(TimeRange::LAST);
        let rules = project.classifier.rules().clone();
        let query = RuleChangesQuery { range: range.unwrap_or(ever), rules };
        return what_if(at, &args.events, query, args.json).await;
    }
    let control = existing_control(at).await?;
    let project = project_of(&control, &args.events.project).await?;
    anyhow::ensure!(
        project.classifier.problem().is_none(),
        "the rules of `{}` cannot be read: set new ones with `millimetric project rules set`",
        args.events.project
    );
    let mut store = Store::open_to_reclassify(at).await?;
    let scope = EventScope { project: project.id, env: args.events.env };
    let id = ReclassificationId::new(Uuid::now_v7());
    let asked =
        control.request_reclassification(id, scope, range, &Actor::CommandLine, system_clock()()).await?;
    let changes = until_done(&mut store, &control, &asked).await;
    store.close().await;
    print(&changes?, args.json);
    if !args.json {
        output::line(format_args!("Done. The audit log has the counts under {id}."));
    }
    Ok(())
}

/// Waits until the re-classification is recorded as finished; returns what it changed.
async fn until_done(
    store: &mut Store,
    control: &Control,
    asked: &Reclassification,
) -> anyhow::Result<RuleChanges> {
    let progress = Progress::events();
    loop {
        let report = store.reclassification(control, asked.scope, asked.id, system_clock()()).await?;
        if let Some(ReclassifyReport { status, events_done, events_total, changes }) = report {
            progress.advance(events_done, events_total);
            let recorded = control.reclassification(asked.id).await?;
            let is_recorded = recorded.is_some_and(|record| record.finished_at.is_some());
            match status {
                ReclassifyStatus::Done if is_recorded => return Ok(changes),
                ReclassifyStatus::Failed => {
                    anyhow::bail!("the re-classification failed and will be retried; the log says why");
                }
                ReclassifyStatus::Done | ReclassifyStatus::Running => {}
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
