//! `GET /v1/retention`: cohorts of visitors, and how many return in each period. [`RetentionQuery`] defines
//! which events begin a cohort and which count as a return.

use std::cmp::Ordering;

use millimetric_core::query::{Buckets, Cohort, Filter, RetentionQuery, RetentionResponse};

use crate::encoding::row::instant;
use crate::encoding::text::Dictionary;
use crate::query::groups::calendar;
use crate::query::run::Span;
use crate::query::select::Selection;
use crate::query::select::row_filter::RowFilter;
use crate::query::timeline;
use crate::query::timeline::{ByName, Event, Gatherer, Plan, TimelineEvent};
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_core::column::Column;
use millimetric_events::StoreError;

/// Runs the query.
pub(crate) fn retention(
    view: &View,
    query: &RetentionQuery,
    context: &QueryContext,
) -> Result<RetentionResponse, StoreError> {
    let (plan, periods) = (Plan::of(view, context)?, Periods::of(view, query.periods));
    let mut whole = Table::new(&periods);
    let begins = query.events.name().filter(|_| query.filters.is_empty());
    if let Some(event) = begins.filter(|_| plan.numbers_visitors()) {
        let by_name = Unfiltered { event, return_event: query.return_event.as_deref(), periods: &periods };
        for table in timeline::follow(view, &by_name, None, context)? {
            whole.merge(table);
        }
        return Ok(whole.response(&periods));
    }
    let selected = query.events.and(&query.filters);
    let gather = |span: &Span<'_>, selection: &Selection, gatherer: &mut Gatherer<'_, Visit>| {
        gather(view, query, &selected, span, selection, gatherer)
    };
    timeline::each_round(view, &plan, context, gather, |gathered| {
        let follow = |table: &mut Table, events: &mut [TimelineEvent<Visit>]| {
            table.add(&periods, events.iter().map(|event| (event.at, event.what)));
        };
        // Events of the same millisecond are in the same period, so their order is irrelevant.
        let unordered = |_: &Visit, _: &Visit| Ordering::Equal;
        let tables = gathered.follow(context, unordered, || Table::new(&periods), follow)?;
        for table in tables {
            whole.merge(table);
        }
        Ok(())
    })?;
    Ok(whole.response(&periods))
}

/// Retention without filters.
struct Unfiltered<'a> {
    event: Option<&'a str>,
    return_event: Option<&'a str>,
    periods: &'a Periods,
}

impl ByName for Unfiltered<'_> {
    type Found = Table;

    fn start(&self) -> Table {
        Table::new(self.periods)
    }

    fn marks(&self, names: &Dictionary) -> Vec<u8> {
        let [begins, returns] = [self.event, self.return_event].map(|name| Named::of(names, name));
        let mark = |code| Visit { begins: begins.is(code), returns: returns.is(code) }.mark();
        (0..names.len() as u32).map(mark).collect()
    }

    fn add(&self, events: &[Event], table: &mut Table) {
        table.add(self.periods, events.iter().map(|event| (event.at(), Visit::of(event.mark()))));
    }
}

/// Whether an event begins a cohort, and whether it counts as a return.
#[derive(Debug, Clone, Copy)]
struct Visit {
    begins: bool,
    returns: bool,
}

impl Visit {
    /// Both as bits; 0 for an event that does neither.
    fn mark(self) -> u8 {
        u8::from(self.begins) | u8::from(self.returns) << 1
    }

    fn of(mark: u8) -> Self {
        Self { begins: mark & 1 != 0, returns: mark & 2 != 0 }
    }
}

/// Gathers the events that begin a cohort or count as a return.
fn gather(
    view: &View,
    query: &RetentionQuery,
    begins: &[Filter],
    span: &Span<'_>,
    selection: &Selection,
    gatherer: &mut Gatherer<'_, Visit>,
) -> Result<(), StoreError> {
    let columns = &view.columns;
    let events = columns.text(span.chunk, Column::EventName)?;
    let begins = RowFilter::of(view, span.chunk, begins)?;
    let returns = Named::of(&events.dictionary, query.return_event.as_deref());
    let mut marks = Vec::with_capacity(selection.rows.len());
    selection.rows.each(|row| {
        let returns = returns.is(events.codes.get(row));
        marks.push(Visit { begins: begins.passes(row), returns }.mark());
    });
    gatherer.take(selection, &marks, |index, _| Visit::of(marks[index]));
    Ok(())
}

/// An event name as a code of one chunk.
enum Named {
    Any,
    Code(u32),
    /// The name does not occur in the chunk.
    None,
}

impl Named {
    fn of(names: &Dictionary, name: Option<&str>) -> Self {
        name.map_or(Self::Any, |name| names.find(name).map_or(Self::None, Self::Code))
    }

    fn is(&self, code: u32) -> bool {
        match self {
            Self::Any => true,
            Self::Code(named) => *named == code,
            Self::None => false,
        }
    }
}

/// The start of each period that the view's range overlaps, ascending.
struct Periods {
    starts: Vec<i64>,
}

impl Periods {
    fn of(view: &View, buckets: Buckets) -> Self {
        let (mut starts, mut at) = (Vec::new(), view.from);
        while at < view.to {
            let bucket = calendar::bucket_at(buckets, at);
            starts.push(bucket.start);
            at = bucket.to;
        }
        Self { starts }
    }

    /// The index of the period of a time in the range.
    fn of_instant(&self, at: i64) -> usize {
        self.starts.partition_point(|start| *start <= at).saturating_sub(1)
    }
}

/// Number of visitors by cohort and period.
struct Table {
    visitors: Vec<u64>,
    /// By cohort, then by period of the range.
    returned: Vec<Vec<u64>>,
}

impl Table {
    fn new(periods: &Periods) -> Self {
        let count = periods.starts.len();
        Self { visitors: vec![0; count], returned: vec![vec![0; count]; count] }
    }

    /// Adds a visitor, whose visits are in order of time.
    fn add(&mut self, periods: &Periods, visits: impl Iterator<Item = (i64, Visit)> + Clone) {
        let Some((first, _)) = visits.clone().find(|(_, visit)| visit.begins) else { return };
        let cohort = periods.of_instant(first);
        self.visitors[cohort] += 1;
        // The end of the period that was counted last; earlier visits are in it.
        let mut end = i64::MIN;
        for (at, visit) in visits {
            if at < end || !visit.returns {
                continue;
            }
            let period = periods.of_instant(at);
            end = periods.starts.get(period + 1).copied().unwrap_or(i64::MAX);
            if period >= cohort {
                self.returned[cohort][period] += 1;
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.visitors.iter_mut().zip(other.visitors).for_each(|(mine, theirs)| *mine += theirs);
        for (mine, theirs) in self.returned.iter_mut().zip(other.returned) {
            mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine += theirs);
        }
    }

    fn response(self, periods: &Periods) -> RetentionResponse {
        let cohorts = self.visitors.into_iter().zip(self.returned).zip(&periods.starts).enumerate();
        let cohort = |(index, ((visitors, returned), start)): (usize, ((u64, Vec<u64>), &i64))| Cohort {
            start: instant(*start),
            visitors,
            returned: returned[index..].to_vec(),
        };
        RetentionResponse { cohorts: cohorts.map(cohort).filter(|cohort| cohort.visitors > 0).collect() }
    }
}
