//! `GET /v1/retention`: cohorts of visitors, and who of them came back when. What begins and what
//! returns is defined at [`RetentionQuery`].

use std::cmp::Ordering;

use millimetric_core::query::{Buckets, Cohort, RetentionQuery, RetentionResponse};

use crate::encoding::row::instant;
use crate::encoding::text::Dictionary;
use crate::query::groups::calendar;
use crate::query::run::Span;
use crate::query::select::{FilterCodes, Selection};
use crate::query::timeline;
use crate::query::timeline::{ByName, Event, Gatherer, Plan, TimelineEvent};
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_core::column::Column;
use millimetric_events::StoreError;

/// Answers the query from the view's rows.
pub(crate) fn retention(
    view: &View,
    query: &RetentionQuery,
    context: &QueryContext,
) -> Result<RetentionResponse, StoreError> {
    let (plan, periods) = (Plan::of(view, context)?, Periods::of(view, query.periods));
    let mut whole = Table::new(&periods);
    if query.filters.is_empty() && plan.numbers_visitors() {
        let by_name = Unfiltered { query, periods: &periods };
        for table in timeline::follow(view, &by_name, None, context)? {
            whole.merge(table);
        }
        return Ok(whole.response(&periods));
    }
    let gather = |span: &Span<'_>, selection: &Selection, gatherer: &mut Gatherer<'_, Visit>| {
        gather(view, query, span, selection, gatherer)
    };
    timeline::each_round(view, &plan, context, gather, |gathered| {
        let follow = |table: &mut Table, events: &mut [TimelineEvent<Visit>]| {
            table.add(&periods, events.iter().map(|event| (event.at, event.what)));
        };
        // Within a millisecond, which is within a period, no order matters.
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
    query: &'a RetentionQuery,
    periods: &'a Periods,
}

impl ByName for Unfiltered<'_> {
    type Found = Table;

    fn start(&self) -> Table {
        Table::new(self.periods)
    }

    fn marks(&self, names: &Dictionary) -> Vec<u8> {
        let RetentionQuery { event, return_event, .. } = self.query;
        let [begins, returns] = [event, return_event].map(|name| Named::of(names, name.as_deref()));
        let mark = |code| Visit { begins: begins.is(code), returns: returns.is(code) }.mark();
        (0..names.len() as u32).map(mark).collect()
    }

    fn add(&self, events: &[Event], table: &mut Table) {
        table.add(self.periods, events.iter().map(|event| (event.at(), Visit::of(event.mark()))));
    }
}

/// What an event is.
#[derive(Debug, Clone, Copy)]
struct Visit {
    begins: bool,
    returns: bool,
}

impl Visit {
    /// 0 for an event that does not matter.
    fn mark(self) -> u8 {
        u8::from(self.begins) | u8::from(self.returns) << 1
    }

    fn of(mark: u8) -> Self {
        Self { begins: mark & 1 != 0, returns: mark & 2 != 0 }
    }
}

/// Takes the rows that begin or return.
fn gather(
    view: &View,
    query: &RetentionQuery,
    span: &Span<'_>,
    selection: &Selection,
    gatherer: &mut Gatherer<'_, Visit>,
) -> Result<(), StoreError> {
    let columns = &view.columns;
    let events = columns.text(span.chunk, Column::EventName)?;
    let (begins, returns) = (
        Named::of(&events.dictionary, query.event.as_deref()),
        Named::of(&events.dictionary, query.return_event.as_deref()),
    );
    let filter_codes = FilterCodes::of(columns, span.chunk, &query.filters)?;
    let mut marks = Vec::with_capacity(selection.rows.len());
    selection.rows.each(|row| {
        let code = events.codes.get(row);
        let begins = begins.is(code) && filter_codes.passes(row);
        marks.push(Visit { begins, returns: returns.is(code) }.mark());
    });
    gatherer.take(selection, &marks, |index, _| Visit::of(marks[index]));
    Ok(())
}

/// Which event is meant, as a code of one chunk.
enum Named {
    Any,
    Code(u32),
    /// It does not occur here.
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

/// The periods that the view's range touches, in order.
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

    /// The period of an instant of the range.
    fn of_instant(&self, at: i64) -> usize {
        self.starts.partition_point(|start| *start <= at).saturating_sub(1)
    }
}

/// Visitors by cohort and period.
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

    /// Adds one visitor, whose visits come in order of time.
    fn add(&mut self, periods: &Periods, visits: impl Iterator<Item = (i64, Visit)> + Clone) {
        let Some((first, _)) = visits.clone().find(|(_, visit)| visit.begins) else { return };
        let cohort = periods.of_instant(first);
        self.visitors[cohort] += 1;
        // What comes before the end of the period counted last is in it.
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
