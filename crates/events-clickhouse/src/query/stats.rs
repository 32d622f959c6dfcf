//! `GET /v1/stats`: counts, distinct visitors and aggregates of numbers, by group and over time.

mod by_sql;
mod cell;
mod rows;

use std::borrow::Cow;

use millimetric_core::query::{
    Column, Dimension, Filter, Limit, Metric, Skipped, StatsBuckets, StatsQuery, StatsResponse,
};
use millimetric_events::StoreError;

use self::cell::Cell;
use super::count::calendar::Calendar;
use super::count::groups::{Distinct, Groups};
use super::scan::needs::Needs;
use super::scan::properties::NoNumber;
use super::scan::resolve::resolve;
use super::scan::visitor::Visitor;
use super::scan::visitors::Unit;
use super::scan::{Reader, Scan};

/// Runs the query.
pub(super) async fn stats(reader: &Reader<'_>, query: &StatsQuery) -> Result<StatsResponse, StoreError> {
    let mut query = query.clone();
    resolve(reader, query.range, &mut query.events, &mut query.filters).await?;
    let query = &query;
    if let Some(counts) = by_sql::count(reader, query).await? {
        return Ok(rows::response(query, counts));
    }
    let selected = query.events.and(&query.filters);
    let is_rate = query.metric == Metric::ConversionRate;
    let goal = if is_rate { query.events.and(&[]) } else { Vec::new() };
    let filters = if is_rate { &query.filters } else { &selected };
    let counts_visitors = matches!(query.metric, Metric::Uniques | Metric::ConversionRate);
    let needs = match (&query.metric, counts_visitors) {
        (Metric::Of(..), _) => Needs::of([Column::Properties]),
        (_, true) => Needs::of([Column::AnonymousId]),
        (_, false) => Needs::default(),
    };
    let needs = needs.with_filters(&selected).with_dimensions(&query.group_by);
    let unit = if counts_visitors { Unit::Parts } else { Unit::Events };
    let scan = Scan { needs, range: query.range, filters, unit };
    let mut visitors = reader.visitors(&scan);
    let mut counter = Counter::new(reader, query, &goal);
    while let Some(visitor) = visitors.next().await? {
        for event in visitor.events_in(query.range).filter(|event| visitor.passes(*event, filters)) {
            counter.add(&visitor, event)?;
        }
    }
    Ok(rows::response(query, counter.counts))
}

/// What was counted.
struct Counts {
    /// By bucket and group. With cyclic buckets, the bucket is the number of the hour or day.
    cells: Groups<Cell>,
    /// By group alone, if whole series are returned.
    series: Option<Groups<Cell>>,
    /// By single hour or day and group, if distinct visitors are counted in cyclic buckets.
    single: Option<Groups<Distinct>>,
    /// Whether a number has a currency, and groups end with one.
    by_currency: bool,
    /// Whether groups end with a currency.
    has_currency: bool,
    skipped: Skipped,
}

/// Counts the events of a query.
struct Counter<'a> {
    query: &'a StatsQuery,
    /// What an event must pass to be a conversion, of a rate.
    goal: &'a [Filter],
    calendar: Option<Calendar>,
    counts: Counts,
}

impl<'a> Counter<'a> {
    fn new(reader: &Reader<'_>, query: &'a StatsQuery, goal: &'a [Filter]) -> Self {
        let max_bytes = reader.max_bytes();
        let is_series = query.limit == Limit::Series && query.buckets.is_some();
        let is_cyclic = matches!(query.buckets, Some(StatsBuckets::Cyclic(_)));
        let has_single = is_cyclic && query.metric == Metric::Uniques;
        // Unless the query is grouped by a currency, numbers are.
        let is_by_currency = |column: &Dimension| matches!(column, Dimension::Currency(_));
        let has_currency = query.metric.property().is_some() && !query.group_by.iter().any(is_by_currency);
        let counts = Counts {
            cells: Groups::new(max_bytes),
            series: is_series.then(|| Groups::new(max_bytes)),
            single: has_single.then(|| Groups::new(max_bytes)),
            by_currency: false,
            has_currency,
            skipped: Skipped::default(),
        };
        Self { query, goal, calendar: query.buckets.map(|buckets| Calendar::new(buckets.spans())), counts }
    }

    fn add(&mut self, visitor: &Visitor, event: usize) -> Result<(), StoreError> {
        let number = self.query.metric.property().map(|property| visitor.number(event, property));
        match number {
            Some(Err(NoNumber::Missing)) => self.counts.skipped.missing += 1,
            Some(Err(NoNumber::NotNumeric)) => self.counts.skipped.not_numeric += 1,
            Some(Ok(_)) | None => {}
        }
        let number = number.and_then(Result::ok);
        let mut texts = visitor.texts(event, &self.query.group_by);
        if self.counts.has_currency {
            let currency = number.and_then(|_| visitor.currency(event, None));
            self.counts.by_currency |= currency.is_some();
            texts.push(currency.map(Cow::Borrowed));
        }
        let start = self.calendar.as_mut().map(|calendar| calendar.start(visitor.events[event].at));
        let bucket = match (self.query.buckets, start) {
            (Some(StatsBuckets::Cyclic(cyclic)), Some(start)) => Some(i64::from(cyclic.number(start))),
            (_, start) => start,
        };
        let reached = self.query.metric == Metric::ConversionRate && visitor.passes(event, self.goal);
        let new = || Cell::new(&self.query.metric);
        let counts = &mut self.counts;
        if let Some(single) = &mut counts.single {
            single.of(start, &texts, Distinct::default)?.add(visitor.number);
        }
        let cells = [(Some(&mut counts.cells), bucket), (counts.series.as_mut(), None)];
        for (cells, bucket) in cells {
            let Some(cells) = cells else { continue };
            cells.of(bucket, &texts, new)?.add(visitor.number, reached, number);
            if number.is_some() {
                cells.reserve(Cell::bytes_of_number(&self.query.metric))?;
            }
        }
        Ok(())
    }
}
