//! What was refused lately, by this server and by those that share its control database.

use millimetric_core::ids::ProjectId;
use millimetric_core::time::{HOUR_MILLIS, Timestamp};

use crate::refusals::{Refused, merged};
use crate::state::App;

/// How long the refusals of a server are kept for the others.
const KEPT_MILLIS: i64 = 24 * HOUR_MILLIS;
/// The most projects whose refusals are written at once; the others follow with the next call.
const AT_ONCE: usize = 50;

/// What was refused of a project since then, the latest first. If the other servers' refusals cannot be read, those
/// of this server alone.
pub async fn recent(app: &App, project: ProjectId, since: Timestamp) -> Vec<Refused> {
    let own = app.refusals.since(project, since);
    let Some(instance) = &app.stores.instance else { return own };
    match app.stores.control.refusals_of_others(&instance.id, project, since).await {
        Ok(lists) => merged(own, &lists, since),
        Err(error) => {
            tracing::warn!(%error, "refusals of other servers cannot be read");
            own
        }
    }
}

/// Writes what changed for the other servers.
pub async fn share(app: &App) {
    let Some(instance) = &app.stores.instance else { return };
    for (project, at, list) in app.refusals.take_changed(AT_ONCE) {
        if let Err(error) = app.stores.control.put_refusals(&instance.id, project, at, list).await {
            return tracing::warn!(%error, "other servers do not see what this one refused");
        }
    }
}

/// Deletes what no page shows any more.
pub async fn drop_old(app: &App) {
    let before = app.now().plus_millis(-KEPT_MILLIS);
    if let Err(error) = app.stores.control.drop_refusals(before).await {
        tracing::warn!(%error, "old refusals could not be deleted");
    }
}
