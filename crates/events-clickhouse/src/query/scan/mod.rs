//! Reads the events of a query: with SQL as far as it decides exactly what the query means, the rest in order of
//! visitors, so that each visitor is computed by itself.

pub(crate) mod conditions;
mod expression;
pub(crate) mod in_sessions;
pub(crate) mod needs;
pub(crate) mod properties;
pub(crate) mod property;
pub(crate) mod pushdown;
pub(crate) mod resolve;
pub(crate) mod row;
pub(crate) mod values;
pub(crate) mod visitor;
pub(crate) mod visitors;

use millimetric_core::event::EventScope;
use millimetric_core::query::Filter;
use millimetric_core::session;
use millimetric_core::time::{TimeRange, Timestamp};
use millimetric_events::{QueryLimit, StoreError};
use serde_json::Value;

use self::conditions::Conditions;
use self::in_sessions::InSessions;
use self::needs::Needs;
use self::row::StoredRow;
use self::visitors::{Unit, Visitors};
use crate::client::{Client, QueryLimits};
use crate::hidden::Hidden;
use crate::sql::{self, Sql};

/// What a query can read, and its limits.
pub(crate) struct Reader<'a> {
    pub(crate) client: &'a Client,
    pub(crate) limits: &'a QueryLimits,
    pub(crate) scope: EventScope,
    /// Earlier events have expired.
    pub(crate) since: Timestamp,
    pub(crate) hidden: &'a Hidden,
}

/// Which events are read.
pub(crate) struct Scan<'a> {
    /// What is read of each.
    pub(crate) needs: Needs,
    /// Their times. With sessions, a day before it is read too, in which sessions of the range can begin.
    pub(crate) range: TimeRange,
    /// Conditions that every event must pass that the query is about. Events that SQL knows not to pass are left
    /// out, unless whole visitors are read; then visitors without an event of the range that passes. The query still
    /// has to test the events.
    pub(crate) filters: &'a [Filter],
    /// What is returned at once, if the query does not need sessions.
    pub(crate) unit: Unit,
}

impl Scan<'_> {
    fn unit(&self) -> Unit {
        if self.needs.sessions { Unit::Sessions } else { self.unit }
    }
}

impl Reader<'_> {
    /// The conditions of the events of a range that responses may contain.
    pub(crate) fn conditions(&self, range: TimeRange) -> Conditions {
        let mut conditions = Conditions::default();
        self.restrict(&mut conditions, range.from().millis(), range.to().millis());
        conditions
    }

    fn restrict(&self, conditions: &mut Conditions, from: i64, to: i64) {
        let project = conditions.bind("String", sql::string(&self.scope.project.to_string()));
        conditions.and(format!("project = {project}"));
        let env = conditions.bind("String", sql::string(self.scope.env.as_str()));
        conditions.and(format!("env = {env}"));
        conditions.and_time(">=", from.max(self.since.millis()));
        conditions.and_time("<", to);
        conditions.and_bound(self.hidden.condition());
    }

    /// The conditions of the events of a range, and so many milliseconds before it. Visitors without an event of the
    /// range that passes the filters are left out, as far as SQL knows.
    pub(crate) fn of_visitors(&self, range: TimeRange, filters: &[Filter], lookback: i64) -> Conditions {
        let (from, to) = (range.from().millis(), range.to().millis());
        let mut conditions = Conditions::default();
        self.restrict(&mut conditions, from, to);
        let is_restricted = pushdown::add(filters, &mut conditions).len() < filters.len();
        let of_range = conditions.take();
        if is_restricted {
            conditions.and(format!(
                "anonymous_id GLOBAL IN (SELECT anonymous_id FROM events FINAL WHERE {of_range})"
            ));
        }
        self.restrict(&mut conditions, from.saturating_sub(lookback), to);
        conditions
    }

    /// The conditions of the events of a range, and the relation that they are about: with the columns of sessions, if
    /// there are some.
    pub(crate) fn events(
        &self,
        range: TimeRange,
        filters: &[Filter],
        in_sessions: &InSessions,
    ) -> (Conditions, String) {
        if !in_sessions.needs_sessions() {
            return (self.conditions(range), "events FINAL".to_owned());
        }
        let mut conditions = self.of_visitors(range, filters, session::LOOKBACK);
        let relation = in_sessions.events(&mut conditions);
        conditions.and_time(">=", range.from().millis());
        (conditions, format!("({relation})"))
    }

    /// The statement of a scan.
    fn statement(&self, scan: &Scan<'_>) -> Sql {
        let unit = scan.unit();
        let (from, to) = (scan.range.from().millis(), scan.range.to().millis());
        let mut conditions = Conditions::default();
        let lookback = if unit == Unit::Sessions { session::LOOKBACK } else { 0 };
        match unit {
            Unit::Events | Unit::Parts => {
                self.restrict(&mut conditions, from, to);
                pushdown::add(scan.filters, &mut conditions);
            }
            Unit::Visitors | Unit::Sessions => {
                conditions = self.of_visitors(scan.range, scan.filters, lookback);
            }
        }
        let order = match unit {
            Unit::Events => "",
            Unit::Parts => "ORDER BY cityHash64(anonymous_id), anonymous_id",
            Unit::Visitors | Unit::Sessions => {
                "ORDER BY cityHash64(anonymous_id), anonymous_id, timestamp, event_id"
            }
        };
        conditions.select(&scan.needs.columns.results(), order)
    }

    /// Runs a scan.
    pub(crate) fn visitors(&self, scan: &Scan<'_>) -> Visitors {
        self.visitors_of(&self.statement(scan), scan.unit())
    }

    /// Runs a statement whose results are rows.
    pub(crate) fn visitors_of(&self, statement: &Sql, unit: Unit) -> Visitors {
        let rows = self.client.stream::<StoredRow>(statement, self.limits);
        Visitors::new(rows, unit, self.max_bytes())
    }

    /// Runs a statement of few rows.
    pub(crate) async fn rows(&self, statement: &Sql) -> Result<Vec<Vec<Value>>, StoreError> {
        self.client.rows(statement, self.limits).await
    }

    /// Most bytes that a query may hold of the events of a visitor, and of each set of groups, of which it has at most
    /// three.
    pub(crate) fn max_bytes(&self) -> usize {
        usize::try_from(self.limits.memory_bytes / 4).unwrap_or(usize::MAX)
    }

    /// Whether a query may hold so many bytes.
    pub(crate) fn check(&self, bytes: usize) -> Result<(), StoreError> {
        let fits = bytes <= self.max_bytes();
        if fits { Ok(()) } else { Err(StoreError::QueryTooLarge(QueryLimit::Memory)) }
    }
}
