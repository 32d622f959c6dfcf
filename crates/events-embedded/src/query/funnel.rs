//! `GET /v1/funnel`: how many visitors complete each step. [`FunnelQuery`] defines attempts.

pub(crate) mod accumulator;
pub(crate) mod matcher;

use std::sync::Arc;

use millimetric_core::query::{Filter, FunnelQuery, FunnelResponse, FunnelSteps};

use self::accumulator::FunnelAccumulator;
use self::matcher::FunnelMatcher;
use self::matcher::StepMask;
use crate::columns::Chunk;
use crate::columns::group_column::GroupColumn;
use crate::encoding::text::{TextColumn, widen, with_codes};
use crate::query::distinct::Bitmaps;
use crate::query::groups;
use crate::query::groups::frequent;
use crate::query::groups::group_dictionary::GroupDictionary;
use crate::query::groups::local_groups::LocalGroups;
use crate::query::groups::{Counting, ScanUnit};
use crate::query::run;
use crate::query::run::Span;
use crate::query::select::{FilterCodes, Selection, select};
use crate::query::timeline;
use crate::query::timeline::{Gatherer, Plan, TimelineEvent};
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_core::column::Column;
use millimetric_events::StoreError;

const MAX_STEPS: usize = FunnelSteps::MOST;

/// Runs the query.
pub(crate) fn funnel(
    view: &View,
    query: &FunnelQuery,
    context: &QueryContext,
) -> Result<FunnelResponse, StoreError> {
    let by: Vec<GroupColumn> = query.group_by.iter().map(GroupColumn::from).collect();
    let counting = Counting { filters: &query.filters, by: by.clone(), ..Counting::default() };
    frequent::with_frequent(
        view.limits.groups,
        context,
        |frequent| {
            let scan = FunnelScan {
                view,
                filters: &query.filters,
                matcher: FunnelMatcher::of(query),
                by: by.clone(),
                dictionary: groups::dictionary(view, frequent),
            };
            let accumulator = scan.follow(view, context)?;
            let too_many = scan.dictionary.too_many();
            Ok((accumulator.response(query, &scan.dictionary.finish()), too_many))
        },
        |frequent| groups::sketch(view, &counting, frequent, context),
    )
}

/// Finds the steps among the rows of a view.
struct FunnelScan<'a> {
    view: &'a View,
    filters: &'a [Filter],
    matcher: FunnelMatcher,
    by: Vec<GroupColumn>,
    dictionary: GroupDictionary,
}

/// The steps in one chunk.
struct Steps {
    events: Arc<TextColumn>,
    /// By the code of an event name: its number among the names of the steps, from 1; 0 if it is not a step.
    names: Vec<u8>,
    filter_codes: FilterCodes,
}

impl Steps {
    /// The number of the event name of each selected row.
    fn of_rows(&self, selection: &Selection) -> Vec<u8> {
        let name = |code: u32| self.names[code as usize];
        with_codes!(&self.events.codes, |codes| {
            selection.rows.values(codes).iter().map(|code| name(widen(*code))).collect()
        })
    }
}

impl FunnelScan<'_> {
    /// Follows every visitor along the steps.
    fn follow(&self, view: &View, context: &QueryContext) -> Result<FunnelAccumulator, StoreError> {
        let (mut plan, mut accumulator) = (Plan::of(view, context)?, FunnelAccumulator::default());
        let mut memory = context.memory();
        // Most visitors do not reach a second step. They are followed only if their group matters.
        let started = if self.by.is_empty() && plan.numbers_visitors() {
            let (started, going_on) = self.who_goes_on(view, context)?;
            if self.filters.is_empty() {
                for result in timeline::follow(view, &self.matcher, Some(&going_on), context)? {
                    accumulator.merge(result);
                }
                accumulator.start(started);
                return Ok(accumulator);
            }
            plan.restrict(going_on);
            Some(started)
        } else {
            None
        };
        let gather = |span: &Span<'_>, selection: &Selection, gatherer: &mut Gatherer<'_, StepMask>| {
            self.gather(span, selection, gatherer)
        };
        timeline::each_round(view, &plan, context, gather, |gathered| {
            let ranks = self.dictionary.ranks(self.by.len());
            let rank = |mask: &StepMask| (mask.name(), ranks[mask.group()], !mask.starts());
            let order = |a: &StepMask, b: &StepMask| rank(a).cmp(&rank(b));
            let follow = |accumulator: &mut FunnelAccumulator, events: &mut [TimelineEvent<StepMask>]| {
                if let Some(attempt) = self.matcher.best_attempt(events) {
                    accumulator.add(&attempt);
                }
            };
            let results = gathered.follow(context, order, FunnelAccumulator::default, follow)?;
            for result in results {
                accumulator.merge(result);
            }
            memory.grow_to(accumulator.bytes())
        })?;
        if let Some(started) = started {
            accumulator.start(started);
        }
        Ok(accumulator)
    }

    /// The steps in the span's chunk; `None` if no event is a step.
    fn steps(&self, span: &Span<'_>) -> Result<Option<Steps>, StoreError> {
        let events = self.view.columns.text(span.chunk, Column::EventName)?;
        let mut names = vec![0; events.dictionary.len()];
        for (name, text) in (1..).zip(&self.matcher.names) {
            events.dictionary.find(text).into_iter().for_each(|code| names[code as usize] = name);
        }
        if names.iter().all(|name| *name == 0) {
            return Ok(None);
        }
        let filter_codes = FilterCodes::of(self.view, span.chunk, self.filters)?;
        Ok(Some(Steps { events, names, filter_codes }))
    }

    /// Returns the number of visitors who start, and a bitmap of those among them who have an event of
    /// another step.
    fn who_goes_on(&self, view: &View, context: &QueryContext) -> Result<(u64, Vec<u64>), StoreError> {
        let starters = self.starters();
        let groups = starters + 1;
        let by_name = Counting {
            by: vec![GroupColumn::Column(Column::EventName)],
            uniques: true,
            ..Counting::default()
        };
        // A summary holds no counts by filter.
        let units =
            if self.filters.is_empty() { groups::scan_units(view, &by_name) } else { groups::spans(view) };
        let rows = view.chunks.iter().map(Chunk::rows).sum();
        let results = run::each_of(&units, rows, context, Bitmaps::default, |seen, unit| {
            let (chunk, key) = match unit {
                ScanUnit::Chunk(chunk, key) => (*chunk, key),
                ScanUnit::Span(span) => return self.add_steps(view, span, seen),
            };
            let cached = groups::summary(view, &by_name, key, chunk, context)?;
            let Some(summary) = cached.as_ref().and_then(|cached| cached.summary()) else {
                return run::spans(chunk).try_for_each(|span| self.add_steps(view, &span, seen));
            };
            seen.reserve(groups, view.visitors.len());
            for (name, text) in (1..).zip(&self.matcher.names) {
                if let Some(visitors) = summary.visitors_of(text) {
                    seen.add_members(name, visitors);
                }
            }
            Ok(())
        })?;
        let mut seen = Bitmaps::default();
        seen.reserve(groups, view.visitors.len());
        for result in results {
            seen.merge(result);
        }
        if self.filters.is_empty() {
            let starting = (1..starters).filter(|name| self.matcher.may_start(*name as u8));
            starting.for_each(|name| seen.unite(starters, name));
        }
        let started = seen.of_group(starters).iter().map(|word| u64::from(word.count_ones())).sum();
        let second = self.matcher.who_has_another(&seen);
        let going_on = seen.of_group(starters).iter().zip(second).map(|(starts, second)| starts & second);
        Ok((started, going_on.collect()))
    }

    /// Adds the visitors of a span's rows to the bitmaps of `who_goes_on`.
    fn add_steps(&self, view: &View, span: &Span<'_>, seen: &mut Bitmaps) -> Result<(), StoreError> {
        let Some(steps) = self.steps(span)? else { return Ok(()) };
        let Some(selection) = select(view, span, &[])? else { return Ok(()) };
        let visitors = view.columns.visitors(span.chunk, &view.visitors)?;
        let (names, visitors) = (steps.of_rows(&selection), selection.rows.values(&visitors));
        seen.reserve(self.starters() + 1, view.visitors.len());
        seen.add_all(names.iter().map(|name| usize::from(*name)).zip(visitors.iter().copied()));
        if !self.filters.is_empty() {
            let starts = |index: &usize| {
                self.matcher.may_start(names[*index]) && steps.filter_codes.passes(selection.rows.at(*index))
            };
            let starting = (0..names.len()).filter(starts);
            seen.add_all(starting.map(|index| (self.starters(), visitors[index])));
        }
        Ok(())
    }

    /// The index of the bitmap of visitors who may start. It follows the one of all other events and those
    /// of the names.
    fn starters(&self) -> usize {
        self.matcher.names.len() + 1
    }

    /// Gathers the rows whose event is a step.
    fn gather(
        &self,
        span: &Span<'_>,
        selection: &Selection,
        gatherer: &mut Gatherer<'_, StepMask>,
    ) -> Result<(), StoreError> {
        let Some(steps) = self.steps(span)? else { return Ok(()) };
        let mut texts = Vec::with_capacity(self.by.len());
        let mut local = LocalGroups::new(selection, None);
        for by in &self.by {
            let column = self.view.column(span.chunk, by)?;
            local.divide(selection, &column);
            texts.push(column);
        }
        let (groups, _) = local.groups(&local.counts(selection), &texts, &self.dictionary);
        let group_at = local.group_at(selection, &groups);
        let names = steps.of_rows(selection);
        gatherer.take(selection, &names, |index, row| {
            let passes = self.filters.is_empty() || steps.filter_codes.passes(row);
            let starts = passes && self.matcher.may_start(names[index]);
            StepMask::new(names[index] - 1, starts, group_at(index))
        });
        Ok(())
    }
}
