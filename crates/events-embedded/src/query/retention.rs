//! `GET /v1/retention`: cohorts of visitors, and how many return in each period. [`RetentionQuery`] defines
//! which events begin a cohort and which count as a return.

mod new_visitors;

use std::cmp::Ordering;

use millimetric_core::query::{Buckets, Cohort, Filter, NewVisitors, RetentionQuery, RetentionResponse};

use crate::encoding::row::instant;
use crate::encoding::text::Dictionary;
use crate::query::groups::calendar;
use crate::query::retention::new_visitors::new_visitors;
use crate::query::run::Span;
use crate::query::select::Selection;
use crate::query::select::row_filter::RowFilter;
use crate::query::timeline;
use crate::query::timeline::{ByName, Event, Gatherer, Plan, TimelineEvent};
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_core::column::Column;
use millimetric_events::StoreError;

/// Runs the query over a view of its range, or of all that is stored up to its end if only visitors count who
/// have no earlier first event.
pub(crate) fn retention(
    view: &View,
    query: &RetentionQuery,
    context: &QueryContext,
) -> Result<RetentionResponse, StoreError> {
    let selected = query.events.and(&query.filters);
    let (from, to) = (query.range.from().millis(), query.range.to().millis());
    let within = view.part(from, to, 0, context);
    let retention = Retention {
        query,
        selected: &selected,
        from: within.from,
        periods: Periods::of(&within, query.periods),
    };
    let plan = Plan::of(&within, context)?;
    if query.new == NewVisitors::Range {
        return Ok(retention.follow(&within, plan, None, context)?.response(&retention.periods));
    }
    let of_all = Plan::of(view, context)?;
    let table = if plan.numbers_visitors() && of_all.numbers_visitors() {
        let before = view.part(view.from, within.from, 0, context);
        let new = new_visitors(&before, &within, &selected, context)?;
        let mut memory = context.memory();
        memory.grow_to(size_of_val(new.as_slice()))?;
        retention.follow(&within, plan, Some(new), context)?
    } else {
        // Too many visitors to have a bit for each: their earlier first events are followed too.
        retention.follow_rounds(view, &of_all, context)?
    };
    Ok(table.response(&retention.periods))
}

/// The query, prepared for following visitors.
struct Retention<'a> {
    query: &'a RetentionQuery,
    /// What a first event must pass.
    selected: &'a [Filter],
    /// The start of the range, in milliseconds since 1970. A visitor with an earlier first event is in no cohort.
    from: i64,
    periods: Periods,
}

impl Retention<'_> {
    /// Follows all visitors, or those whose bits are set in `only`; then they must be numbered.
    fn follow(
        &self,
        view: &View,
        mut plan: Plan,
        only: Option<Vec<u64>>,
        context: &QueryContext,
    ) -> Result<Table, StoreError> {
        let query = self.query;
        let begins = query.events.name().filter(|_| query.filters.is_empty());
        if let Some(event) = begins.filter(|_| plan.numbers_visitors()) {
            let return_event = query.return_event.as_deref();
            let by_name = Unfiltered { event, return_event, periods: &self.periods };
            let tables = timeline::follow(view, &by_name, only.as_deref(), context)?;
            return Ok(tables.into_iter().fold(Table::new(&self.periods), Table::merged));
        }
        if let Some(only) = only {
            plan.restrict(only);
        }
        self.follow_rounds(view, &plan, context)
    }

    fn follow_rounds(&self, view: &View, plan: &Plan, context: &QueryContext) -> Result<Table, StoreError> {
        let (periods, mut whole) = (&self.periods, Table::new(&self.periods));
        let gather = |span: &Span<'_>, selection: &Selection, gatherer: &mut Gatherer<'_, Visit>| {
            self.gather(view, span, selection, gatherer)
        };
        timeline::each_round(view, plan, context, gather, |gathered| {
            let follow = |table: &mut Table, events: &mut [TimelineEvent<Visit>]| {
                let visits = events.iter().map(|event| (event.at, event.what));
                let first = visits.clone().find(|(_, visit)| visit.begins);
                if first.is_some_and(|(at, _)| at >= self.from) {
                    table.add(periods, visits);
                }
            };
            // Events of the same millisecond are in the same period, so their order is irrelevant.
            let unordered = |_: &Visit, _: &Visit| Ordering::Equal;
            let tables = gathered.follow(context, unordered, || Table::new(periods), follow)?;
            for table in tables {
                whole.merge(table);
            }
            Ok(())
        })?;
        Ok(whole)
    }

    /// Gathers the events that begin a cohort or count as a return; of those before the range, only the former.
    fn gather(
        &self,
        view: &View,
        span: &Span<'_>,
        selection: &Selection,
        gatherer: &mut Gatherer<'_, Visit>,
    ) -> Result<(), StoreError> {
        let events = view.columns.text(span.chunk, Column::EventName)?;
        let begins = RowFilter::of(view, span.chunk, self.selected)?;
        let returns = Named::of(&events.dictionary, self.query.return_event.as_deref());
        let mut marks = Vec::with_capacity(selection.rows.len());
        selection.rows.each(|row| {
            let returns = returns.is(events.codes.get(row)) && selection.times.at(row) >= self.from;
            marks.push(Visit { begins: begins.passes(row), returns }.mark());
        });
        gatherer.take(selection, &marks, |index, _| Visit::of(marks[index]));
        Ok(())
    }
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

/// The start of each period that the range overlaps, ascending.
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

    fn merged(mut self, other: Self) -> Self {
        self.merge(other);
        self
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
