//! Requests to a store that several tests make, the own tests of an engine included.

use futures_util::TryStreamExt as _;
use millimetric_core::event::{Event, EventScope};
use millimetric_core::ids::{ErasureId, ReclassificationId};
use millimetric_core::query::{EventSelector, EventsQuery, ExportQuery, Metric, RuleChanges, StatsQuery};
use millimetric_core::time::{TimeRange, Timestamp};
use uuid::Uuid;

use super::sample::{at, ever, limit};
use super::wait::{until, within};
use crate::{Erasure, ErasureStatus, EventStore, EventStoreExt as _, ReclassifyStatus, Subject};

/// The query for the newest 1000 events of a range.
pub fn all_events(range: TimeRange) -> EventsQuery {
    EventsQuery { range, events: EventSelector::Any, filters: Vec::new(), limit: limit(1000), after: None }
}

/// The query for the value of a metric over all events.
pub(super) fn counting(metric: Metric) -> StatsQuery {
    let (range, filters, group_by) = (ever(), Vec::new(), Vec::new());
    let events = EventSelector::Any;
    let (buckets, labels, limit) = (None, false, limit(1000).into());
    StatsQuery { range, events, filters, metric, group_by, buckets, labels, limit }
}

/// The export of all events.
pub fn all_exported() -> ExportQuery {
    ExportQuery { range: ever(), events: EventSelector::Any, filters: Vec::new() }
}

/// The ids of the newest 1000 events of a scope, newest first.
pub async fn ids(store: &dyn EventStore, scope: EventScope) -> Vec<String> {
    let response = within("the events of a scope", store.query(scope, all_events(ever()))).await;
    response.expect("answered").rows.into_iter().map(|row| row.event_id).collect()
}

/// A request to erase a subject, made at this time.
pub fn forget(number: u128, subject: Subject, time: &str) -> Erasure {
    Erasure { id: ErasureId::new(Uuid::from_u128(number)), subject, at: at(time) }
}

/// Waits until the erasure is done and returns the number of events it deleted.
pub async fn until_done(store: &dyn EventStore, scope: EventScope, id: ErasureId) -> u64 {
    let look = async || {
        let report = store.erasure(scope, id).await.expect("answered").expect("known");
        (report.status == ErasureStatus::Done).then_some(report)
    };
    let report = until("the erasure to be done", look).await;
    assert!(report.finished_at.is_some());
    report.events_deleted
}

/// Waits until the re-classification is done and returns what it changed.
pub async fn until_reclassified(
    store: &dyn EventStore,
    scope: EventScope,
    id: ReclassificationId,
) -> RuleChanges {
    let look = async || {
        let report = store.reclassification(scope, id).await.expect("answered").expect("known");
        (report.status == ReclassifyStatus::Done).then_some(report)
    };
    let report = until("the re-classification to be done", look).await;
    assert_eq!(report.events_done, report.events_total);
    report.changes
}

/// All events of an export, in order of time and id.
pub async fn exported(store: &dyn EventStore, scope: EventScope, query: ExportQuery) -> Vec<Event> {
    let batches = store.export(scope, Timestamp::MIN, query).try_collect::<Vec<_>>();
    let mut events = within("the end of an export", batches).await.expect("exported").concat();
    events.sort_by(|a, b| (a.timestamp, &a.event_id).cmp(&(b.timestamp, &b.event_id)));
    events
}
