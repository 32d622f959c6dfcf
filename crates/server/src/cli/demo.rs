//! `millimetric demo`: creates a project with generated traffic.
//!
//! The events are classified, scrubbed and enriched like all others. Works on the store directly, or through
//! the server if one runs.

use std::num::NonZeroU64;

use clap::Args;
use millimetric_control::{Actor, Control, Name, Project, Slug};
use millimetric_core::event::EventScope;
use millimetric_core::ingest::user_agent::UserAgents;
use millimetric_core::key::Env;
use millimetric_core::time::{DAY_MILLIS, Timestamp};
use serde_json::json;

use super::output::Progress;
use super::store::Store;
use super::{open_control, output, running_at, time};
use crate::config::{Installation, at_least_one};
use crate::demo::{DemoTraffic, finished};
use crate::ops::projects::found;
use crate::secrets::Secrets;
use crate::state::system_clock;

/// Events stored in one call.
const BATCH: usize = 5000;

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Number of events
    #[arg(long, value_name = "N", default_value = "100000", value_parser = at_least_one::<NonZeroU64>)]
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
    #[arg(long, value_name = "DATE", value_parser = time)]
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
    let end = args.until.unwrap_or_else(|| midnight(now));
    let traffic = DemoTraffic::new(args.seed, args.events.get(), args.days, end);
    let mut store = Store::open(at).await?;
    let added = add(&mut store, scope, traffic, &args).await;
    store.close().await;
    let Added { stored, first, last } = added?;
    let days = [first, last].map(day);
    if args.json {
        output::json(&json!({
            "project_id": project.id, "slug": project.slug.as_str(), "created": rk.is_some(),
            "stored": stored, "duplicates": args.events.get() - stored,
            "days": args.days, "first_day": days[0], "last_day": days[1], "rk": rk,
        }));
        return Ok(());
    }
    report(at, &args, stored, &days, rk.as_deref()).await;
    Ok(())
}

/// What was stored.
#[derive(Debug)]
struct Added {
    stored: u64,
    first: Timestamp,
    last: Timestamp,
}

/// Stores the traffic.
async fn add(
    store: &mut Store,
    scope: EventScope,
    traffic: DemoTraffic,
    args: &DemoArgs,
) -> anyhow::Result<Added> {
    let (agents, now, progress) = (UserAgents::new(), system_clock()(), Progress::events());
    let mut added = Added { stored: 0, first: Timestamp::MAX, last: Timestamp::MIN };
    let mut batch = Vec::with_capacity(BATCH);
    let mut done = 0;
    for event in traffic {
        added.first = added.first.min(event.timestamp);
        added.last = added.last.max(event.timestamp);
        batch.push(finished(event, &agents, now)?);
        if batch.len() == BATCH {
            done += BATCH as u64;
            added.stored +=
                store.append(scope, std::mem::replace(&mut batch, Vec::with_capacity(BATCH))).await?;
            progress.advance(done, args.events.get());
        }
    }
    added.stored += store.append(scope, batch).await?;
    Ok(added)
}

/// Says what was added, and where it can be seen.
async fn report(at: &Installation, args: &DemoArgs, stored: u64, days: &[String; 2], rk: Option<&str>) {
    let DemoArgs { project, events, days: count, .. } = args;
    let kind = if rk.is_some() { "new project" } else { "project" };
    let ([first, last], duplicates) = (days, events.get() - stored);
    if stored > 0 {
        let plural = if *count == 1 { "" } else { "s" };
        output::line(format_args!(
            "{stored} events of {count} day{plural} ({first} to {last}, UTC) added to the {kind} `{project}`."
        ));
    }
    if duplicates > 0 {
        output::line(format_args!(
            "{duplicates} events were in the project `{project}` already, from an earlier run with this seed."
        ));
    }
    if let Some(rk) = rk {
        output::line(format_args!("Its read key (rk), shown only once:\n  {rk}"));
    }
    match running_at(at).await {
        Some(url) => output::line(format_args!("See the reports:\n  {url}/projects/{project}")),
        None => output::line(format_args!(
            "To see the reports, start the server:\n  millimetric serve --data-dir {}",
            at.data_dir.display()
        )),
    }
}

/// The date of a time (UTC), like `2026-11-30`.
fn day(time: Timestamp) -> String {
    let text = time.to_string();
    text.split('T').next().unwrap_or_default().to_owned()
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
