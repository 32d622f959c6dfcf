//! `GET /v1/funnel`: how many visitors complete each step. [`FunnelQuery`] defines attempts.

pub(crate) mod accumulator;
mod held;
pub(crate) mod matcher;

use std::sync::Arc;

use millimetric_core::query::{Filter, FunnelQuery, FunnelResponse, FunnelSteps, StepSelector};

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
use crate::query::select::row_filter::RowFilter;
use crate::query::select::{Selection, select};
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
                conditions: query.steps.as_slice().iter().map(StepSelector::conditions).collect(),
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
    /// What an event must pass to be each step.
    conditions: Vec<Vec<Filter>>,
    matcher: FunnelMatcher,
    by: Vec<GroupColumn>,
    dictionary: GroupDictionary,
}

/// The steps in one chunk.
struct Steps {
    kinds: Kinds,
    filter: RowFilter,
}

/// How the kind of a row is found.
enum Kinds {
    /// By the code of its event name: the number of the kind, from 1; 0 if it is not a step.
    Names(Arc<TextColumn>, Vec<u8>),
    /// By the steps whose conditions it passes, and the number of the kind of each set of steps.
    Sets(Vec<RowFilter>, Vec<u8>),
}

impl Steps {
    /// The number of the kind of each selected row; 0 if it is not a step.
    fn of_rows(&self, selection: &Selection) -> Vec<u8> {
        match &self.kinds {
            Kinds::Names(events, numbers) => with_codes!(&events.codes, |codes| {
                let codes = selection.rows.values(codes);
                codes.iter().map(|code| numbers[widen(*code) as usize]).collect()
            }),
            Kinds::Sets(steps, numbers) => {
                let mut sets = vec![0_u8; selection.rows.len()];
                for (step, conditions) in steps.iter().enumerate() {
                    let passes = |index| conditions.passes(selection.rows.at(index));
                    (0..sets.len()).for_each(|index| sets[index] |= u8::from(passes(index)) << step);
                }
                sets.into_iter().map(|set| numbers[usize::from(set)]).collect()
            }
        }
    }
}

impl FunnelScan<'_> {
    /// Follows every visitor along the steps.
    fn follow(&self, view: &View, context: &QueryContext) -> Result<FunnelAccumulator, StoreError> {
        let (mut plan, mut accumulator) = (Plan::of(view, context)?, FunnelAccumulator::default());
        let mut memory = context.memory();
        // Most visitors do not reach a second step. They are followed only if their group matters.
        let started = if let Some(names) = &self.matcher.names
            && self.by.is_empty()
            && plan.numbers_visitors()
        {
            let (started, going_on) = self.who_goes_on(view, names, context)?;
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
            let rank = |mask: &StepMask| (mask.kind(), ranks[mask.group()], !mask.starts());
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
        let Some(kinds) = self.kinds(span.chunk)? else { return Ok(None) };
        let filter = RowFilter::of(self.view, span.chunk, self.filters)?;
        Ok(Some(Steps { kinds, filter }))
    }

    fn kinds(&self, chunk: &Chunk) -> Result<Option<Kinds>, StoreError> {
        let Some(names) = &self.matcher.names else {
            let steps = self.conditions.iter().map(|conditions| RowFilter::of(self.view, chunk, conditions));
            let steps: Vec<RowFilter> = steps.collect::<Result<_, _>>()?;
            let is_any = steps.iter().any(|step| !step.is_never());
            return Ok(is_any.then(|| Kinds::Sets(steps, self.matcher.numbers())));
        };
        let events = self.view.columns.text(chunk, Column::EventName)?;
        let mut numbers = vec![0; events.dictionary.len()];
        for (number, text) in (1..).zip(names) {
            events.dictionary.find(text).into_iter().for_each(|code| numbers[code as usize] = number);
        }
        let is_any = numbers.iter().any(|number| *number != 0);
        Ok(is_any.then_some(Kinds::Names(events, numbers)))
    }

    /// Returns the number of visitors who start, and a bitmap of those among them who have an event of
    /// another step, if the steps are events of these names. The bitmap of visitors who may start follows the
    /// one of all other events and those of the names.
    fn who_goes_on(
        &self,
        view: &View,
        names: &[Arc<str>],
        context: &QueryContext,
    ) -> Result<(u64, Vec<u64>), StoreError> {
        let starters = names.len() + 1;
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
                ScanUnit::Span(span) => return self.add_steps(view, span, starters, seen),
            };
            let cached = groups::summary(view, &by_name, key, chunk, context)?;
            let Some(summary) = cached.as_ref().and_then(|cached| cached.summary()) else {
                return run::spans(chunk).try_for_each(|span| self.add_steps(view, &span, starters, seen));
            };
            seen.reserve(groups, view.visitors.len());
            for (name, text) in (1..).zip(names) {
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
    fn add_steps(
        &self,
        view: &View,
        span: &Span<'_>,
        starters: usize,
        seen: &mut Bitmaps,
    ) -> Result<(), StoreError> {
        let Some(steps) = self.steps(span)? else { return Ok(()) };
        let Some(selection) = select(view, span, &[])? else { return Ok(()) };
        let visitors = view.columns.visitors(span.chunk, &view.visitors)?;
        let (kinds, visitors) = (steps.of_rows(&selection), selection.rows.values(&visitors));
        seen.reserve(starters + 1, view.visitors.len());
        seen.add_all(kinds.iter().map(|kind| usize::from(*kind)).zip(visitors.iter().copied()));
        if !self.filters.is_empty() {
            let starts = |index: &usize| {
                self.matcher.may_start(kinds[*index]) && steps.filter.passes(selection.rows.at(*index))
            };
            let starting = (0..kinds.len()).filter(starts);
            seen.add_all(starting.map(|index| (starters, visitors[index])));
        }
        Ok(())
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
        let kinds = steps.of_rows(selection);
        gatherer.take(selection, &kinds, |index, row| {
            let passes = self.filters.is_empty() || steps.filter.passes(row);
            let starts = passes && self.matcher.may_start(kinds[index]);
            StepMask::new(kinds[index] - 1, starts, group_at(index))
        });
        Ok(())
    }
}
