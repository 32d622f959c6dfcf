//! Classifies stored events again.
//!
//! A new row of each event that changes is inserted with the id of the re-classification, and is hidden. When all
//! are stored, the request becomes effective: from then on the new rows are visible and those that they replace are
//! hidden, so that all responses change at one moment. Then the replaced rows are deleted.

use millimetric_core::classify::{ProjectRules, RuleSettings};
use millimetric_core::event::EventScope;
use millimetric_core::ids::ReclassificationId;
use millimetric_core::query::{RuleChangeCounter, RuleChanges};
use millimetric_core::time::{TimeRange, Timestamp};
use millimetric_events::{Reclassify, ReclassifyReport, ReclassifyStatus, StoreError};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Work;
use super::deletion::of_scope;
use super::requests::{Record, Request, State};

/// What is stored of a re-classification.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ReclassifyRecord {
    from: i64,
    to: i64,
    rules: RuleSettings,
    /// Events of the range when it began.
    events_total: u64,
    /// The months (`202605`) whose events were all looked at.
    months_done: Vec<u64>,
    /// What changes in these months.
    changes: RuleChanges,
    has_failed: bool,
}

impl Record for ReclassifyRecord {
    const KIND: &'static str = "reclassification";
}

impl ReclassifyRecord {
    fn report(self, state: State) -> ReclassifyReport {
        let status = match state {
            State::Begun if self.has_failed => ReclassifyStatus::Failed,
            State::Begun => ReclassifyStatus::Running,
            State::Effective | State::Done => ReclassifyStatus::Done,
        };
        let done = self.changes.events;
        let total = if status == ReclassifyStatus::Done { done } else { self.events_total.max(done) };
        ReclassifyReport { status, events_done: done, events_total: total, changes: self.changes }
    }

    fn range(&self) -> Option<TimeRange> {
        TimeRange::new(Timestamp::from_millis(self.from)?, Timestamp::from_millis(self.to)?)
    }
}

impl Work {
    /// Stores a request; the worker executes it.
    pub(crate) async fn request_reclassification(
        &self,
        scope: EventScope,
        request: Reclassify,
    ) -> Result<(), StoreError> {
        let id = request.id.uuid();
        if Request::<ReclassifyRecord>::find(&self.client, &self.limits, scope, id).await?.is_some() {
            return Ok(());
        }
        let (from, to) = match request.range {
            Some(range) => (range.from(), range.to()),
            None => (Timestamp::MIN, Timestamp::MAX),
        };
        let record = ReclassifyRecord {
            from: from.millis(),
            to: to.millis(),
            rules: request.rules.settings().cloned().unwrap_or_default(),
            events_total: 0,
            months_done: Vec::new(),
            changes: RuleChanges::default(),
            has_failed: false,
        };
        Request::new(scope, id, record).save(&self.client).await
    }

    /// The progress of a re-classification.
    pub(crate) async fn reclassification(
        &self,
        scope: EventScope,
        id: ReclassificationId,
    ) -> Result<Option<ReclassifyReport>, StoreError> {
        let found = Request::<ReclassifyRecord>::find(&self.client, &self.limits, scope, id.uuid()).await?;
        Ok(found.map(|found| found.record.report(found.state)))
    }

    /// Executes the re-classifications that are not done.
    pub(super) async fn reclassify_pending(&self) -> Result<usize, StoreError> {
        let pending = Request::<ReclassifyRecord>::pending(&self.client, &self.limits).await?;
        let count = pending.len();
        let mut all = Ok(());
        for mut request in pending {
            let executed = match self.reclassify(&mut request).await {
                // Another process has finished it.
                Err(StoreError::Cancelled) => Ok(()),
                executed => executed,
            };
            if executed.is_err() && !request.record.has_failed {
                request.record.has_failed = true;
                all = all.and(request.save(&self.client).await);
            }
            all = all.and(executed);
        }
        all.map(|()| count)
    }

    async fn reclassify(&self, request: &mut Request<ReclassifyRecord>) -> Result<(), StoreError> {
        if request.state == State::Begun {
            self.write_rows(request).await?;
            request.record.has_failed = false;
            request.state = State::Effective;
            request.save(&self.client).await?;
        }
        self.delete_replaced(request.scope, request.id).await?;
        request.state = State::Done;
        request.save(&self.client).await
    }

    /// Writes the new rows, month by month. After a crash it goes on with the month that is not done; rows that are
    /// written twice count once.
    async fn write_rows(&self, request: &mut Request<ReclassifyRecord>) -> Result<(), StoreError> {
        let rules = ProjectRules::new(request.record.rules.clone())
            .map_err(|_| StoreError::Internal("stored rules are not valid".to_owned()))?;
        let Some(range) = request.record.range() else { return Ok(()) };
        let months = self.months(request.scope, range).await?;
        request.record.events_total = months.iter().map(|month| month.events).sum();
        for month in months {
            if request.record.months_done.contains(&month.number) {
                continue;
            }
            let changes = self.write_month((request.scope, request.id), &rules, month.range).await?;
            let mut counter = RuleChangeCounter::default();
            counter.add_all(std::mem::take(&mut request.record.changes));
            counter.add_all(changes);
            request.record.changes = counter.finish();
            request.record.months_done.push(month.number);
            request.save(&self.client).await?;
            // Erasures do not wait for the other months.
            self.erase_pending().await?;
        }
        Ok(())
    }

    /// [`StoreError::Cancelled`] if another process has written all rows: as when this one was stopped for a while.
    /// Rows that are written later than that could be beside those of the next re-classification.
    pub(super) async fn ensure_begun(&self, scope: EventScope, id: Uuid) -> Result<(), StoreError> {
        match Request::<ReclassifyRecord>::find(&self.client, &self.limits, scope, id).await? {
            Some(request) if request.state == State::Begun => Ok(()),
            _ => Err(StoreError::Cancelled),
        }
    }

    /// Deletes the rows that those of a re-classification replace.
    async fn delete_replaced(&self, scope: EventScope, id: Uuid) -> Result<(), StoreError> {
        let of_scope = of_scope(scope);
        self.delete(&format!(
            "{of_scope} AND reclassification != '{id}' AND (timestamp, event_id) IN (SELECT timestamp, event_id \
             FROM events WHERE {of_scope} AND reclassification = '{id}')"
        ))
        .await
    }
}
