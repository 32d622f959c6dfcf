//! `millimetric demo`: creates a project with generated traffic.
//!
//! The events are classified, scrubbed and enriched like all others. Works on the store directly, or through
//! the server if one runs.

use std::num::NonZeroU64;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use millimetric_control::{Actor, Control, Name, Project, Slug};
use millimetric_core::event::EventScope;
use millimetric_core::ingest::user_agent::UserAgents;
use millimetric_core::key::Env;
use millimetric_core::time::{DAY_MILLIS, Timestamp};
use serde_json::json;

use super::store::Store;
use super::{open_control, output};
use crate::config::Installation;
use crate::demo::{DemoTraffic, finished};
use crate::ops::projects::found;
use crate::secrets::Secrets;
use crate::state::system_clock;

/// Events stored in one call.
const BATCH: usize = 5000;

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Number of events
    #[arg(long, value_name = "N", default_value = "100000")]
    events: NonZeroU64,
    /// Number of days before midnight today (UTC) that the events are spread over
    #[arg(long, value_name = "D", default_value = "30", value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// Seed of the generator; the same seed, number of events and end date give the same events
    #[arg(long, value_name = "S", default_value = "1")]
    seed: u64,
    /// Slug of the project to create
    #[arg(long, value_name = "SLUG", default_value = "demo")]
    project: Slug,
    /// End of the traffic, exclusive, as a date; default: today
    #[arg(long, value_name = "DATE", value_parser = |text: &str| Timestamp::parse_or_date(text))]
    until: Option<Timestamp>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Makes the project when it is missing, and stores the events; a second run with the same seed
/// stores nothing twice.
pub(super) async fn run(at: &Installation, args: DemoArgs) -> anyhow::Result<()> {
    let control = open_control(at).await?;
    let now = system_clock()();
    let (project, rk) = project(at, &control, &args.project, now).await?;
    let scope = EventScope { project: project.id, env: Env::Live };
    let mut store = Store::open(at).await?;
    let end = args.until.unwrap_or_else(|| midnight(now));
    let bar = ProgressBar::new(args.events.get()).with_style(ProgressStyle::with_template(
        "{wide_bar} {human_pos}/{human_len} events, {per_sec}, {eta} left",
    )?);
    let (agents, mut stored, mut batch) = (UserAgents::new(), 0, Vec::with_capacity(BATCH));
    for event in DemoTraffic::new(args.seed, args.events.get(), args.days, end) {
        batch.push(finished(event, &agents, now)?);
        if batch.len() == BATCH {
            stored += store.append(scope, std::mem::replace(&mut batch, Vec::with_capacity(BATCH))).await?;
            bar.inc(BATCH as u64);
        }
    }
    stored += store.append(scope, batch).await?;
    store.close().await;
    bar.finish_and_clear();
    if args.json {
        output::json(
            &json!({ "project_id": project.id, "slug": project.slug.as_str(), "stored": stored, "rk": rk }),
        );
        return Ok(());
    }
    output::line(format_args!("{stored} events stored in the project `{}`.", project.slug));
    if let Some(rk) = rk {
        output::line(format_args!("Its read key (rk), shown only once:\n  {rk}"));
    }
    Ok(())
}

/// The project, and the rk of one that was made just now.
async fn project(
    at: &Installation,
    control: &Control,
    slug: &Slug,
    now: Timestamp,
) -> anyhow::Result<(Project, Option<String>)> {
    if let Some(project) = control.project_by_slug(slug).await? {
        return Ok((project, None));
    }
    let (secrets, name) = (Secrets::load(at)?, slug.as_str().parse::<Name>()?);
    let founded =
        found(control, &secrets.pepper, name, slug.clone(), Vec::new(), &Actor::CommandLine, now).await?;
    Ok((founded.project, Some(founded.rk.text.reveal().to_owned())))
}

fn midnight(now: Timestamp) -> Timestamp {
    now.plus_millis(-now.millis().rem_euclid(DAY_MILLIS))
}
