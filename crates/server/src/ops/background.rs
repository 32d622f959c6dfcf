//! What a server does besides serving requests: small tasks, each on its own beat, each visible in the
//! log when it fails.
//!
//! None of them stands between a request and its response.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use millimetric_core::event::EventScope;
use millimetric_core::ids::ProjectId;
use millimetric_core::key::Env;
use tokio::task::JoinSet;

use super::read::oldest_kept;
use super::{reclassify, refusals};
use crate::state::App;

/// How soon a change of keys made elsewhere is noticed; the contract allows one second.
const REVISION_EVERY: Duration = Duration::from_millis(250);
/// How often counters and last uses are written.
const COUNTERS_EVERY: Duration = Duration::from_secs(1);
/// How often servers that share a control database show that they live.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// How often re-classifications are looked at.
const RECLASSIFY_EVERY: Duration = Duration::from_secs(1);
/// How often expired events are removed; the contract allows an hour.
const RETENTION_EVERY: Duration = Duration::from_mins(15);
/// How often the control database is searched for rows that cannot be read.
const DAMAGE_EVERY: Duration = Duration::from_mins(15);
/// How often the country database's file is looked at, and quiet buckets forgotten.
const HOUSEKEEPING_EVERY: Duration = Duration::from_mins(1);

/// Starts the tasks; they end when the set is dropped.
pub fn start(app: &Arc<App>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    repeat(&mut tasks, app, REVISION_EVERY, set_revision);
    repeat(&mut tasks, app, COUNTERS_EVERY, write_counters);
    if app.stores.is_shared() {
        repeat(&mut tasks, app, BEAT_EVERY, beat);
    }
    repeat(&mut tasks, app, RECLASSIFY_EVERY, advance_reclassifications);
    repeat(&mut tasks, app, RETENTION_EVERY, expire);
    repeat(&mut tasks, app, DAMAGE_EVERY, report_damage);
    repeat(&mut tasks, app, HOUSEKEEPING_EVERY, keep_house);
    tasks
}

fn repeat<F: Future<Output = ()> + Send + 'static>(
    tasks: &mut JoinSet<()>,
    app: &Arc<App>,
    every: Duration,
    task: fn(Arc<App>) -> F,
) {
    let app = Arc::clone(app);
    tasks.spawn(async move {
        let mut beat = tokio::time::interval(every);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            task(Arc::clone(&app)).await;
        }
    });
}

async fn set_revision(app: Arc<App>) {
    match app.stores.control.key_revision().await {
        Ok(revision) => app.credentials.keys.set_revision(revision),
        Err(error) => {
            tracing::error!(%error, "changes of keys cannot be detected");
            if let Err(error) = app.stores.control.find_primary().await {
                tracing::error!(%error, "no server of the control database takes writes");
            }
        }
    }
}

/// Takes this server's part of the rate limits, of which all servers together allow as much as one alone, and
/// exchanges with the others whether events came in.
async fn beat(app: Arc<App>) {
    let Some(instance) = &app.stores.instance else { return };
    match app.stores.control.beat(&instance.id, app.live.times()).await {
        Ok(instances) => {
            app.live.came_elsewhere(instances.stored);
            instance.is_first.store(instances.is_first, Ordering::Relaxed);
            app.limits.rates.set_instances(instances.live);
            app.metrics.instances.set(instances.live.into());
        }
        Err(error) => tracing::error!(%error, "other servers do not know of this one"),
    }
}

/// Writes what is only counted in memory so far.
pub async fn write_counters(app: Arc<App>) {
    if let Err(error) = app.limits.usage.write(&app.stores.control).await {
        tracing::error!(%error, "usage could not be written; it will be retried");
    }
    if app.stores.is_shared()
        && let Err(error) = app.limits.usage.read_totals(&app.stores.control).await
    {
        tracing::error!(%error, "usage of other servers could not be read; it will be retried");
    }
    refusals::share(&app).await;
    let uses = app.credentials.keys.take_uses();
    if let Err(error) = app.stores.control.touch_last_used(&uses).await {
        tracing::error!(%error, "the last use of keys could not be written");
    }
    let uses = app.credentials.tokens.take_uses();
    if let Err(error) = app.stores.control.touch_access_tokens(&uses).await {
        tracing::error!(%error, "the last use of access tokens could not be written");
    }
}

async fn advance_reclassifications(app: Arc<App>) {
    if let Err(error) = reclassify::advance(&app.stores.control, &*app.stores.events, app.now()).await {
        tracing::error!(%error, "a re-classification does not go on; it will be retried");
    }
}

/// Removes what projects do not keep any more, and everything of deleted ones.
async fn expire(app: Arc<App>) {
    // Neither half keeps the other from its work. A project that cannot be read loses nothing.
    let kept = app.stores.control.projects().await.unwrap_or_else(|error| {
        tracing::error!(%error, "retention could not read the projects");
        Vec::new()
    });
    for project in kept {
        let Some(before) = oldest_kept(project.effective_retention_days(), app.now()) else { continue };
        for scope in scopes(project.id) {
            if let Err(error) = app.stores.events.expire(scope, before).await {
                tracing::error!(%error, project = %project.id, "expired events could not be removed");
            }
        }
    }
    let deleted = app.stores.control.deleted_projects().await.unwrap_or_else(|error| {
        tracing::error!(%error, "retention could not read the deleted projects");
        Vec::new()
    });
    for scope in deleted.into_iter().flat_map(scopes) {
        if let Err(error) = app.stores.events.drop_scope(scope).await {
            tracing::error!(%error, project = %scope.project, "a deleted project's events could not be removed");
        }
    }
}

/// Names in the log what lists and jobs leave out.
async fn report_damage(app: Arc<App>) {
    if !app.stores.is_first() {
        return;
    }
    let damage = match app.stores.control.damage().await {
        Ok(damage) => damage,
        Err(error) => return tracing::error!(%error, "the control database could not be searched for damage"),
    };
    for name in &damage.names {
        tracing::error!("{name}: it cannot be read and is skipped; run `millimetric doctor` for details");
    }
    if damage.more > 0 {
        tracing::error!("{} more rows of the control database cannot be read", damage.more);
    }
}

fn scopes(project: ProjectId) -> impl Iterator<Item = EventScope> {
    Env::ALL.iter().map(move |&env| EventScope { project, env })
}

async fn keep_house(app: Arc<App>) {
    app.limits.forget_quiet_projects();
    app.credentials.keys.forget_quiet();
    app.credentials.tokens.forget_quiet();
    if app.stores.is_shared() && app.stores.is_first() {
        refusals::drop_old(&app).await;
    }
    if app.stores.is_first()
        && let Err(error) = app.stores.control.drop_expired_responses(app.now()).await
    {
        tracing::error!(%error, "expired responses of the management API could not be deleted");
    }
    let reloaded = tokio::task::spawn_blocking(move || app.enrichment.countries.reload_if_changed()).await;
    match reloaded {
        Ok(Ok(true)) => tracing::info!("the country database was reloaded"),
        Ok(Ok(false)) | Err(_) => {}
        Ok(Err(error)) => {
            tracing::error!(%error, "the country database was not reloaded; the previous one stays in use");
        }
    }
}
