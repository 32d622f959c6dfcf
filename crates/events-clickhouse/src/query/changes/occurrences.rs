//! The events of a query by the values of its columns: counted by SQL where that is exact, else one by one.

use std::borrow::Cow;
use std::pin::pin;

use clickhouse::Row;
use futures_util::StreamExt as _;
use millimetric_core::query::{ChangeMetric, ChangesQuery, Column, Filter};
use millimetric_core::time::TimeRange;
use millimetric_events::StoreError;
use serde::Deserialize;

use crate::query::count::groups::Texts;
use crate::query::scan::in_sessions::{self, InSessions};
use crate::query::scan::needs::Needs;
use crate::query::scan::resolve::resolve;
use crate::query::scan::visitor::Visitor;
use crate::query::scan::visitors::Unit;
use crate::query::scan::{Reader, Scan, pushdown};

/// Events with the same values.
pub(super) struct Occurrence<'a> {
    /// The number of the visitor, from 1; visitors come one after the other.
    pub(super) visitor: u64,
    /// How many events there are.
    pub(super) events: u64,
    /// What each of them adds to a sum.
    pub(super) number: f64,
    /// If numbers are summed up.
    pub(super) currency: Option<&'static str>,
    /// The value of each column.
    pub(super) texts: Vec<Option<Cow<'a, str>>>,
}

/// The events that a query is about.
pub(super) struct Occurrences<'a> {
    pub(super) query: &'a ChangesQuery,
    filters: Vec<Filter>,
    /// The columns, if SQL counts them.
    by_sql: Option<InSessions>,
}

/// The values of a visitor, or values and how often they occur.
#[derive(Row, Deserialize)]
struct ValuesRow {
    values: Vec<Texts>,
    events: u64,
}

impl<'a> Occurrences<'a> {
    pub(super) async fn of(reader: &Reader<'_>, query: &'a ChangesQuery) -> Result<Self, StoreError> {
        // Texts of both ranges, and of those between them.
        let (from, to) = (
            query.range.from().min(query.compared_with.from()),
            query.range.to().max(query.compared_with.to()),
        );
        let range = TimeRange::new(from, to).unwrap_or(query.range);
        let (mut events, mut filters) = (query.events.clone(), query.filters.clone());
        resolve(reader, range, &mut events, &mut filters).await?;
        let filters = events.and(&filters);
        let is_exact = query.metric.property().is_none() && pushdown::decides_in_sessions(&filters);
        let by_sql = InSessions::of(&filters, &query.columns).filter(|_| is_exact);
        Ok(Self { query, filters, by_sql })
    }

    /// Calls `each` with the events of the range, or of the one that it is compared with.
    pub(super) async fn each(
        &self,
        reader: &Reader<'_>,
        side: usize,
        each: impl FnMut(&Occurrence<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match &self.by_sql {
            Some(columns) => self.by_sql(reader, side, columns, each).await,
            None => self.by_scan(reader, side, each).await,
        }
    }

    async fn by_sql(
        &self,
        reader: &Reader<'_>,
        side: usize,
        columns: &InSessions,
        mut each: impl FnMut(&Occurrence<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let range = [self.query.range, self.query.compared_with][side];
        let (mut conditions, relation) = reader.events(range, &self.filters, columns);
        let passes = pushdown::all_of(&self.filters, &mut conditions);
        conditions.and(passes);
        let names: Vec<&str> = self.query.columns.iter().filter_map(in_sessions::name).collect();
        let values: Vec<String> =
            names.iter().map(|name| format!("CAST({name}, 'Nullable(String)')")).collect();
        let values = format!("[{}]", values.join(", "));
        let statement = if self.query.metric == ChangeMetric::Uniques {
            let columns = format!("groupUniqArray({values}) AS values, toUInt64(1) AS events");
            conditions.select_from(&relation, &columns, "GROUP BY anonymous_id")
        } else {
            let columns = format!("[{values}] AS values, count() AS events");
            conditions.select_from(&relation, &columns, &format!("GROUP BY {}", names.join(", ")))
        };
        let mut rows = pin!(reader.client.stream::<ValuesRow>(&statement, reader.limits));
        let mut visitor = 0;
        while let Some(row) = rows.next().await {
            let ValuesRow { values, events } = row?;
            visitor += 1;
            for texts in values {
                let texts = texts.into_iter().map(|text| text.map(Cow::Owned)).collect();
                each(&Occurrence { visitor, events, number: 0.0, currency: None, texts })?;
            }
        }
        Ok(())
    }

    async fn by_scan(
        &self,
        reader: &Reader<'_>,
        side: usize,
        mut each: impl FnMut(&Occurrence<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let query = self.query;
        let property = query.metric.property().map(|_| Column::Properties);
        let needs = Needs::of([Column::AnonymousId].into_iter().chain(property));
        let needs = needs.with_filters(&self.filters).with_dimensions(&query.columns);
        let range = [query.range, query.compared_with][side];
        let unit = if query.metric == ChangeMetric::Uniques { Unit::Parts } else { Unit::Events };
        let mut visitors = reader.visitors(&Scan { needs, range, filters: &self.filters, unit });
        while let Some(visitor) = visitors.next().await? {
            for event in visitor.events_in(range).filter(|event| visitor.passes(*event, &self.filters)) {
                if let Some(occurrence) = self.of_event(&visitor, event) {
                    each(&occurrence)?;
                }
            }
        }
        Ok(())
    }

    /// An event; `None` if it has no number, and so adds nothing.
    fn of_event<'b>(&self, visitor: &'b Visitor, event: usize) -> Option<Occurrence<'b>>
    where
        'a: 'b,
    {
        let number = match self.query.metric.property() {
            Some(property) => visitor.number(event, property).ok()?,
            None => 0.0,
        };
        let currency = match self.query.metric {
            ChangeMetric::Sum { currency, .. } => visitor.currency(event, currency),
            _ => None,
        };
        let texts = visitor.texts(event, &self.query.columns);
        Some(Occurrence { visitor: visitor.number, events: 1, number, currency, texts })
    }
}
