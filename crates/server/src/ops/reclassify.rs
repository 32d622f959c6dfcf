//! Re-classifications: the control database has the requests, the event store does the work, and this moves
//! both forward.

use millimetric_control::{Actor, Control, Reclassification};
use millimetric_core::time::Timestamp;
use millimetric_events::{EventStore, Reclassify, ReclassifyStatus};

use crate::ops::error::OpsResult;

/// Hands requests that the event store does not know to it, and records those that it has finished, with an
/// audit entry. Each can be repeated after a crash at any point: requests have ids.
pub async fn advance(control: &Control, events: &dyn EventStore, now: Timestamp) -> OpsResult<()> {
    let mut all = Ok(());
    for request in control.unfinished_reclassifications().await? {
        // One that fails does not keep the others from their work.
        all = all.and(advance_one(control, events, &request, now).await);
    }
    all
}

async fn advance_one(
    control: &Control,
    events: &dyn EventStore,
    request: &Reclassification,
    now: Timestamp,
) -> OpsResult<()> {
    match events.reclassification(request.scope, request.id).await? {
        None => {
            let Reclassification { id, range, rules, .. } = request.clone();
            Ok(events.reclassify(request.scope, Reclassify { id, range, rules }).await?)
        }
        Some(report) if report.status == ReclassifyStatus::Done => {
            Ok(control.finish_reclassification(request, report.changes, &Actor::Server, now).await?)
        }
        Some(_) => Ok(()),
    }
}
