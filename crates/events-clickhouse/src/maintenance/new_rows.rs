//! The new rows of a re-classification, month by month.

use std::time::Duration;

use bytes::BytesMut;
use chrono::{NaiveDate, NaiveTime};
use futures_util::TryStreamExt as _;
use millimetric_core::classify::{Attribution, ProjectRules, classify_stored};
use millimetric_core::column::Column;
use millimetric_core::event::{Event, EventScope};
use millimetric_core::ingest::page_path;
use millimetric_core::query::{ClassifiedAs, EventSelector, ExportQuery, RuleChangeCounter, RuleChanges};
use millimetric_core::time::{TimeRange, Timestamp};
use millimetric_events::StoreError;
use serde_json::Value;
use uuid::Uuid;

use super::Work;
use crate::client::QueryLimits;
use crate::hidden::Hidden;
use crate::query;
use crate::sql::{self, Sql};
use crate::write::row_binary::{self, StoredWith};

/// Most rows of an insert, unless the export returns more at once.
const MAX_ROWS: usize = 10_000;
/// How long reading a month may take.
const MONTH_TIMEOUT: Duration = Duration::from_hours(6);

impl Work {
    /// The months of the range that have events, in ascending order. Together their ranges are the whole range.
    pub(super) async fn months(&self, scope: EventScope, range: TimeRange) -> Result<Vec<Month>, StoreError> {
        let hidden = Hidden::of(&self.client, &self.limits, scope).await?;
        let (visible, parameters) = hidden.condition();
        let text = include_str!("months.sql").replace("/* visible */", &visible);
        let sql = Sql::new(text)
            .bind("project", sql::string(&scope.project.to_string()))
            .bind("env", scope.env.as_str())
            .bind("from", range.from().millis().to_string())
            .bind("to", range.to().millis().to_string());
        let sql = parameters.into_iter().fold(sql, |sql, (name, value)| sql.bind(name, value));
        let rows = self.client.rows(&sql, &self.limits).await?;
        let number = |row: &[Value], index: usize| row.get(index).and_then(Value::as_u64);
        let found: Vec<_> = rows.iter().filter_map(|row| number(row, 0).zip(number(row, 1))).collect();
        let mut months = Vec::with_capacity(found.len());
        for (index, (number, events)) in found.iter().enumerate() {
            let from = if index == 0 { range.from() } else { start_of(*number).max(range.from()) };
            let next = found.get(index + 1).map(|(next, _)| start_of(*next).min(range.to()));
            if let Some(range) = TimeRange::new(from, next.unwrap_or(range.to())) {
                months.push(Month { number: *number, events: *events, range });
            }
        }
        Ok(months)
    }

    /// Writes the new rows of a month, and returns what changes.
    pub(super) async fn write_month(
        &self,
        (scope, id): (EventScope, Uuid),
        rules: &ProjectRules,
        range: TimeRange,
    ) -> Result<RuleChanges, StoreError> {
        let limits = QueryLimits { time: MONTH_TIMEOUT, ..self.limits };
        let hidden = Hidden::of(&self.client, &limits, scope).await?;
        let all = ExportQuery { range, events: EventSelector::Any, filters: Vec::new() };
        let mut stored = query::export(&self.client, &limits, scope, Timestamp::MIN, &hidden, &all);
        let mut counter = RuleChangeCounter::default();
        let mut rows = Rows::default();
        while let Some(events) = stored.try_next().await? {
            for event in &events {
                if let Some(changed) = reclassified(event, rules, &mut counter) {
                    self.put(&mut rows, &changed, scope, id);
                }
            }
            if rows.count >= MAX_ROWS {
                self.ensure_begun(scope, id).await?;
                self.insert(std::mem::take(&mut rows)).await?;
            }
        }
        self.ensure_begun(scope, id).await?;
        if rows.count > 0 {
            self.insert(rows).await?;
        }
        Ok(counter.finish())
    }

    fn put(&self, rows: &mut Rows, event: &Event, scope: EventScope, reclassification: Uuid) {
        let (project, keys) = (&scope.project.to_string(), self.hash.of_event(event));
        let with = StoredWith { project, scope, reclassification, keys };
        row_binary::put_event(&mut rows.encoded, event, &with);
        rows.count += 1;
    }

    async fn insert(&self, rows: Rows) -> Result<(), StoreError> {
        let (statement, token) = (row_binary::insert_events(), Uuid::now_v7().to_string());
        self.client.insert(&statement, rows.encoded.freeze(), &token).await
    }
}

/// A month of the range of a re-classification.
pub(super) struct Month {
    /// `202605` for May 2026.
    pub(super) number: u64,
    pub(super) events: u64,
    pub(super) range: TimeRange,
}

/// The first instant of a month; the first or last that there is if no calendar has it.
fn start_of(number: u64) -> Timestamp {
    let date = NaiveDate::from_ymd_opt((number / 100) as i32, (number % 100) as u32, 1);
    let millis = date.map(|date| date.and_time(NaiveTime::MIN).and_utc().timestamp_millis());
    millis.and_then(Timestamp::from_millis).unwrap_or(Timestamp::MIN)
}

/// Rows to be inserted.
#[derive(Default)]
struct Rows {
    encoded: BytesMut,
    count: usize,
}

/// Counts what the rules change of an event. Returns the event as it will be, if anything changes.
fn reclassified(event: &Event, rules: &ProjectRules, counter: &mut RuleChangeCounter) -> Option<Event> {
    let text = |column| event.text(column);
    let now = classify_stored(text(Column::Url), text(Column::Referrer), &event.source_rule_id, rules);
    let path = event.path.as_deref().map(|path| page_path::normalised(path).into_owned());
    let has_new_path = path != event.path;
    counter.add_events(1, u64::from(now.is_none()), u64::from(has_new_path));
    let changed = now.filter(|now| *now != stored(event));
    if let Some(now) = &changed {
        counter.add(ClassifiedAs::from(&stored(event)), ClassifiedAs::from(now), 1, []);
    }
    if changed.is_none() && !has_new_path {
        return None;
    }
    let Attribution { source, medium, campaign, confidence, rule_id } =
        changed.unwrap_or_else(|| stored(event));
    Some(Event {
        source,
        medium,
        campaign,
        source_confidence: confidence,
        source_rule_id: rule_id,
        path,
        ..event.clone()
    })
}

/// The attribution that an event is stored with.
fn stored(event: &Event) -> Attribution {
    Attribution {
        source: event.source.clone(),
        medium: event.medium.clone(),
        campaign: event.campaign.clone(),
        confidence: event.source_confidence,
        rule_id: event.source_rule_id.clone(),
    }
}
