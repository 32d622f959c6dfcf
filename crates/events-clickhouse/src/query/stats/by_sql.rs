//! Counts and distinct visitors by stored columns and columns of sessions, which SQL counts exactly.

use std::borrow::Cow;

use millimetric_core::query::{Dimension, Limit, Metric, Skipped, StatsBuckets, StatsQuery};
use millimetric_events::StoreError;
use serde_json::Value;

use super::Counts;
use super::cell::Cell;
use crate::query::count::calendar;
use crate::query::count::groups::{Distinct, Groups};
use crate::query::scan::conditions::Conditions;
use crate::query::scan::in_sessions::{self, InSessions};
use crate::query::scan::property::PropertySql;
use crate::query::scan::{Reader, pushdown, values};

/// How a statement divides events over time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Nothing,
    /// By the buckets of the query.
    Bucket,
    /// By single hours or days.
    Single,
}

/// What is counted; `None` if SQL cannot count it.
pub(super) async fn count(reader: &Reader<'_>, query: &StatsQuery) -> Result<Option<Counts>, StoreError> {
    let Some(statement) = Statement::of(query) else { return Ok(None) };
    // Without groups there is one series, which needs no rank.
    let is_series = query.limit == Limit::Series && query.buckets.is_some() && !query.group_by.is_empty();
    let is_cyclic = matches!(query.buckets, Some(StatsBuckets::Cyclic(_)));
    let has_single = is_cyclic && query.metric == Metric::Uniques;
    let Some(cells) = statement.cells(reader, By::Bucket).await? else { return Ok(None) };
    let series = if is_series { statement.cells(reader, By::Nothing).await? } else { None };
    let single = if has_single { statement.visitors(reader).await? } else { None };
    let skipped = Skipped::default();
    Ok(Some(Counts { cells, series, single, by_currency: false, has_currency: false, skipped }))
}

/// Statements that count what a query is about.
struct Statement<'a> {
    query: &'a StatsQuery,
    in_sessions: InSessions,
    /// The starts of the buckets of the range.
    starts: Vec<i64>,
}

impl<'a> Statement<'a> {
    /// `None` if SQL cannot count it.
    fn of(query: &'a StatsQuery) -> Option<Self> {
        let filters = query.events.and(&query.filters);
        if query.metric.property().is_some() || !pushdown::decides_in_sessions(&filters) {
            return None;
        }
        let (properties, columns): (Vec<&Dimension>, Vec<&Dimension>) =
            query.group_by.iter().partition(|column| matches!(column, Dimension::Property(_)));
        let in_sessions = InSessions::of(&filters, columns)?;
        // The relation with sessions has no properties.
        if in_sessions.needs_sessions() && !properties.is_empty() {
            return None;
        }
        let starts = match query.buckets {
            Some(buckets) => calendar::starts(buckets.spans(), query.range, calendar::MOST_IN_SQL)?,
            None => Vec::new(),
        };
        Some(Self { query, in_sessions, starts })
    }

    /// The rows of groups: bucket, texts, events, visitors, visitors who reach the goal. `None` if there is an event with
    /// a property that SQL cannot read.
    async fn rows(&self, reader: &Reader<'_>, by: By) -> Result<Option<Vec<Vec<Value>>>, StoreError> {
        let is_rate = self.query.metric == Metric::ConversionRate;
        let counted =
            if is_rate { self.query.filters.clone() } else { self.query.events.and(&self.query.filters) };
        let (mut conditions, relation) = reader.events(self.query.range, &counted, &self.in_sessions);
        let goal = self.query.events.and(&[]);
        let filters = pushdown::all_of(&self.query.filters, &mut conditions);
        conditions.and(filters);
        let goal = pushdown::all_of(&goal, &mut conditions);
        if !is_rate {
            conditions.and(goal.clone());
        }
        let visitors = match self.query.metric {
            Metric::Uniques => "uniqExact(anonymous_id), toUInt64(0)".to_owned(),
            Metric::ConversionRate => {
                format!("uniqExact(anonymous_id), uniqExactIf(anonymous_id, {goal})")
            }
            _ => "toUInt64(0), toUInt64(0)".to_owned(),
        };
        let bucket = self.bucket(by, &mut conditions);
        let (texts, unread) = self.texts(&mut conditions);
        let named = texts.iter().enumerate().map(|(n, text)| format!(", {text} AS g{n}"));
        let named = named.collect::<Vec<_>>().concat();
        let names = (0..texts.len()).map(|n| format!(", g{n}")).collect::<Vec<_>>().concat();
        let columns = format!("{bucket} AS bucket{named}, count(), {visitors}, max({unread})");
        let statement = conditions.select_from(&relation, &columns, &format!("GROUP BY bucket{names}"));
        let rows = reader.rows(&statement).await?;
        let is_unread = |row: &Vec<Value>| row.last().and_then(Value::as_u64) != Some(0);
        Ok((!rows.iter().any(is_unread)).then_some(rows))
    }

    /// The text of an event for each column of groups, and whether SQL cannot read one.
    fn texts(&self, conditions: &mut Conditions) -> (Vec<String>, String) {
        let (mut texts, mut unread) = (Vec::new(), vec!["0".to_owned()]);
        for column in &self.query.group_by {
            if let Dimension::Property(name) = column {
                let property = PropertySql::of(name, conditions);
                texts.push(property.text);
                unread.push(property.is_unread);
            } else {
                texts.push(in_sessions::name(column).unwrap_or_default().to_owned());
            }
        }
        (texts, unread.join(" OR "))
    }

    /// The bucket of an event.
    fn bucket(&self, by: By, conditions: &mut Conditions) -> String {
        let Some(buckets) = self.query.buckets.filter(|_| by != By::Nothing) else {
            return "toInt64(0)".to_owned();
        };
        let at = "toUnixTimestamp64Milli(timestamp)";
        match buckets {
            StatsBuckets::Cyclic(cyclic) if by == By::Bucket => {
                calendar::number_of(at, &self.starts, cyclic, conditions)
            }
            _ => calendar::start_of(at, &self.starts, conditions),
        }
    }

    async fn cells(&self, reader: &Reader<'_>, by: By) -> Result<Option<Groups<Cell>>, StoreError> {
        let Some(rows) = self.rows(reader, by).await? else { return Ok(None) };
        let mut cells = Groups::new(reader.max_bytes());
        for row in rows {
            let (bucket, texts, [events, visitors, reached]) = self.read(&row)?;
            let bucket = bucket.filter(|_| by != By::Nothing && self.query.buckets.is_some());
            let cell = cells.of(bucket, &texts, || Cell::new(&self.query.metric))?;
            cell.events = events;
            (cell.visitors, cell.reached) = (Distinct::counted(visitors), Distinct::counted(reached));
        }
        Ok(Some(cells))
    }

    /// The distinct visitors of single hours or days.
    async fn visitors(&self, reader: &Reader<'_>) -> Result<Option<Groups<Distinct>>, StoreError> {
        let Some(rows) = self.rows(reader, By::Single).await? else { return Ok(None) };
        let mut groups = Groups::new(reader.max_bytes());
        for row in rows {
            let (bucket, texts, [_, visitors, _]) = self.read(&row)?;
            *groups.of(bucket, &texts, Distinct::default)? = Distinct::counted(visitors);
        }
        Ok(Some(groups))
    }

    /// The bucket, the texts and the counts of a row.
    fn read<'r>(&self, row: &'r [Value]) -> Result<RowOf<'r>, StoreError> {
        let count = self.query.group_by.len();
        let texts = (1..=count).map(|column| values::text(row, column).map(Cow::Borrowed)).collect();
        let number = |column: usize| values::number(row, count + 1 + column);
        Ok((Some(values::integer(row, 0)?), texts, [number(0)?, number(1)?, number(2)?]))
    }
}

/// The bucket, the texts and the counts of a row.
type RowOf<'r> = (Option<i64>, Vec<Option<Cow<'r, str>>>, [u64; 3]);
