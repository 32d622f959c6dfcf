//! Erasure of people. A stored request hides a person at once; the worker then deletes the rows. Only keyed hashes
//! of the person's ids are stored.

use std::collections::BTreeSet;

use millimetric_core::event::EventScope;
use millimetric_core::ids::ErasureId;
use millimetric_core::ingest::placeholder::is_placeholder_id;
use millimetric_core::time::Timestamp;
use millimetric_events::{Erasure, ErasureReport, ErasureStatus, StoreError, Subject};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Work;
use super::deletion::of_scope;
use super::requests::{Record, Request, State};
use crate::hidden::Hidden;
use crate::keys::{IdKind, Key};
use crate::sql::{self, Sql};

/// How long a person stays hidden after the rows were deleted, in milliseconds. An insert that began before the
/// request can end after the deletion, in any process; what it stored is deleted when this time is over.
const HIDDEN_FOR: i64 = 10 * 60 * 1000;

/// What is stored of an erasure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ErasureRecord {
    /// Whether the subject is a user; a visitor otherwise.
    pub(super) is_user: bool,
    pub(super) key: Key,
    pub(super) include_linked: bool,
    /// Visitors that `$identify` events of the user name.
    pub(super) linked: BTreeSet<Key>,
    pub(super) at: i64,
    pub(super) events_deleted: u64,
    pub(super) finished_at: Option<i64>,
    pub(super) has_failed: bool,
}

impl Record for ErasureRecord {
    const KIND: &'static str = "erasure";

    fn keys(&self) -> BTreeSet<Key> {
        self.linked.iter().copied().chain([self.key]).collect()
    }

    fn at(&self) -> i64 {
        self.at
    }
}

impl ErasureRecord {
    /// The condition that selects the rows. The keys are read from the request, so that there is no limit to their
    /// number, and none of them is in the text of the mutation.
    fn condition(&self, scope: EventScope, id: Uuid) -> String {
        let of_scope = of_scope(scope);
        let keys = format!(
            "SELECT arrayJoin(keys) FROM requests WHERE {of_scope} AND kind = '{}' AND id = '{id}'",
            Self::KIND
        );
        format!(
            "{of_scope} AND toUnixTimestamp64Milli(timestamp) < {} AND (user_key IN ({keys}) OR visitor_key IN ({keys}))",
            self.at
        )
    }

    fn report(&self, state: State) -> ErasureReport {
        let status = match state {
            State::Begun if self.has_failed => ErasureStatus::Failed,
            State::Begun => ErasureStatus::Queued,
            State::Effective | State::Done => ErasureStatus::Done,
        };
        let instant = |millis: i64| Timestamp::MIN.plus_millis(millis - Timestamp::MIN.millis());
        ErasureReport {
            status,
            events_deleted: if status == ErasureStatus::Done { self.events_deleted } else { 0 },
            requested_at: instant(self.at),
            finished_at: self.finished_at.map(instant),
        }
    }
}

impl Work {
    /// Stores a request. The person is hidden when this returns.
    pub(crate) async fn request_erasure(
        &self,
        scope: EventScope,
        request: Erasure,
    ) -> Result<(), StoreError> {
        let id = request.id.uuid();
        if let Some(mut stored) = Request::find(&self.client, &self.limits, scope, id).await? {
            return if stored.state == State::Begun { self.link(&mut stored).await } else { Ok(()) };
        }
        let (is_user, key, include_linked) = match &request.subject {
            Subject::User { user_id, include_linked } => {
                let include_linked = *include_linked && !is_placeholder_id(user_id);
                (true, self.hash.of(IdKind::User, user_id), include_linked)
            }
            Subject::Visitor { anonymous_id } => (false, self.hash.of(IdKind::Visitor, anonymous_id), false),
        };
        let record = ErasureRecord {
            is_user,
            key,
            include_linked,
            linked: BTreeSet::new(),
            at: request.at.millis(),
            events_deleted: 0,
            finished_at: None,
            has_failed: false,
        };
        let mut request = Request::new(scope, id, record);
        // From now on no process stores an event of the person, so that the links are complete.
        request.save(&self.client).await?;
        self.link(&mut request).await
    }

    /// The progress of an erasure.
    pub(crate) async fn erasure(
        &self,
        scope: EventScope,
        id: ErasureId,
    ) -> Result<Option<ErasureReport>, StoreError> {
        let found = Request::<ErasureRecord>::find(&self.client, &self.limits, scope, id.uuid()).await?;
        Ok(found.map(|found| found.record.report(found.state)))
    }

    /// Finds the visitors that `$identify` events before the request link to the user, and stores them. A placeholder is
    /// nobody's id.
    async fn link(&self, request: &mut Request<ErasureRecord>) -> Result<(), StoreError> {
        if !request.record.include_linked {
            return Ok(());
        }
        let statement = Sql::new(include_str!("linked.sql"))
            .bind("project", sql::string(&request.scope.project.to_string()))
            .bind("env", request.scope.env.as_str())
            .bind("user", hex::encode_upper(request.record.key))
            .bind("at", request.record.at.to_string());
        let rows = self.client.rows(&statement, &self.limits).await?;
        let visitors = rows.iter().filter_map(|row| row.first().and_then(Value::as_str));
        let visitors = visitors.filter(|id| !is_placeholder_id(id));
        let visitors: BTreeSet<Key> = visitors.map(|id| self.hash.of(IdKind::Visitor, id)).collect();
        if visitors.is_subset(&request.record.linked) {
            return Ok(());
        }
        request.record.linked.extend(visitors);
        request.save(&self.client).await
    }

    /// Executes the erasures that are not done. One that fails does not keep others from being executed.
    pub(super) async fn erase_pending(&self) -> Result<usize, StoreError> {
        let pending = Request::<ErasureRecord>::pending(&self.client, &self.limits).await?;
        let count = pending.len();
        let mut all = Ok(());
        for mut request in pending {
            let executed = match request.state {
                State::Begun => self.delete_person(&mut request).await,
                _ => self.delete_late_events(&mut request).await,
            };
            if executed.is_err() && !request.record.has_failed {
                request.record.has_failed = true;
                all = all.and(request.save(&self.client).await);
            }
            all = all.and(executed);
        }
        all.map(|()| count)
    }

    async fn delete_person(&self, request: &mut Request<ErasureRecord>) -> Result<(), StoreError> {
        self.link(request).await?;
        let condition = request.record.condition(request.scope, request.id);
        // After a crash, some of them may be deleted already.
        let events = self.count(request.scope, &condition).await?.max(request.record.events_deleted);
        request.record.events_deleted = events;
        request.save(&self.client).await?;
        self.delete(&condition).await?;
        // Another process may have deleted them at the same time, or before the rows were counted here.
        if let Some(stored) = Request::find(&self.client, &self.limits, request.scope, request.id).await? {
            *request = stored;
            if request.state != State::Begun {
                return Ok(());
            }
        }
        request.record.events_deleted = request.record.events_deleted.max(events);
        request.record.finished_at = Some(Self::now());
        request.record.has_failed = false;
        request.state = State::Effective;
        request.save(&self.client).await
    }

    /// Deletes what inserts stored that began before the request, once no such insert can run any more.
    async fn delete_late_events(&self, request: &mut Request<ErasureRecord>) -> Result<(), StoreError> {
        let finished_at = request.record.finished_at.unwrap_or_default();
        if Self::now() < finished_at.saturating_add(HIDDEN_FOR) {
            return Ok(());
        }
        let condition = request.record.condition(request.scope, request.id);
        let late = self.number_of(&Sql::new(format!("SELECT count() FROM events WHERE {condition}"))).await?;
        if late > 0 {
            self.delete(&condition).await?;
        }
        request.state = State::Done;
        request.save(&self.client).await
    }

    /// The number of events that fulfil a condition. Rows that a re-classification writes are not events yet.
    async fn count(&self, scope: EventScope, condition: &str) -> Result<u64, StoreError> {
        let hidden = Hidden::of(&self.client, &self.limits, scope).await?;
        let (visible, parameters) = hidden.of_reclassifications().condition();
        let text = format!("SELECT count() FROM events FINAL WHERE {condition} AND {visible}");
        let sql = parameters.into_iter().fold(Sql::new(text), |sql, (name, value)| sql.bind(name, value));
        self.number_of(&sql).await
    }
}
