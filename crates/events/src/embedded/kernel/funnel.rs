//! `GET /v1/funnel`: how far visitors get along the steps. What counts as an attempt is defined at
//! [`FunnelQuestion`].

use std::cmp::Reverse;
use std::sync::Arc;

use millimetric_core::query::{
    Filter, FunnelAnswer, FunnelGroup, FunnelQuestion, FunnelStep, FunnelSteps, StepOrder,
};

use super::distinct::Bitmaps;
use super::groups::By;
use super::journeys::{self, Gatherer, Moment, Plan};
use super::labels::{Finished, Labels};
use super::local::Local;
use super::run::{self, Span, Stop};
use super::select::{Selection, Wanted, select};
use crate::StoreError;
use crate::embedded::columns::Columns;
use crate::embedded::field::Field;
use crate::embedded::text::{TextColumn, widen, with_codes};
use crate::embedded::view::View;

const MOST: usize = FunnelSteps::MOST;

/// Answers the question from the view's rows.
pub(in crate::embedded) fn funnel(
    view: &View,
    question: &FunnelQuestion,
    stop: &Stop,
) -> Result<FunnelAnswer, StoreError> {
    let asked = Asked {
        columns: &view.shared.columns,
        filters: &question.filters,
        course: Course::of(question),
        by: question.group_by.iter().map(By::from).collect(),
        labels: Labels::default(),
    };
    let (mut plan, mut tally) = (Plan::of(view, stop)?, Tally::default());
    // Most visitors do no second step: they need not be followed, but to know their group.
    let started = if asked.by.is_empty() && plan.numbers_visitors() {
        let (started, going_on) = asked.who_goes_on(view, stop)?;
        plan.restrict(going_on);
        Some(started)
    } else {
        None
    };
    for round in plan.rounds() {
        let gathered = journeys::gather(view, &plan, round, stop, |span, selection, gatherer| {
            asked.gather(span, selection, gatherer)
        })?;
        let ranks = asked.labels.ranks(asked.by.len());
        let rank = |act: &Act| (act.name(), ranks[act.group()], !act.starts());
        let order = |a: &Act, b: &Act| rank(a).cmp(&rank(b));
        let follow = |tally: &mut Tally, moments: &mut [Moment<Act>]| {
            if let Some(attempt) = asked.course.best_attempt(moments) {
                tally.add(&attempt);
            }
        };
        let parts = gathered.follow(stop, order, Tally::default, follow)?;
        for part in parts {
            tally.merge(part);
        }
    }
    if let Some(started) = started {
        tally.start(started);
    }
    Ok(tally.answer(question, &asked.labels.finish()))
}

/// Which step an event can be, the group it is in, and whether an attempt may start with it.
#[derive(Debug, Clone, Copy)]
struct Act(u32);

impl Act {
    fn new(name: u8, starts: bool, group: u32) -> Self {
        Self(group << 4 | u32::from(starts) << 3 | u32::from(name))
    }

    /// The place of its name among the different names of the steps.
    fn name(self) -> usize {
        (self.0 & 7) as usize
    }

    fn starts(self) -> bool {
        self.0 & 8 != 0
    }

    fn group(self) -> usize {
        (self.0 >> 4) as usize
    }
}

/// What a funnel needs to know of a row.
struct Asked<'a> {
    columns: &'a Columns,
    filters: &'a [Filter],
    course: Course,
    by: Vec<By>,
    labels: Labels,
}

/// The steps in one chunk.
struct Steps {
    events: Arc<TextColumn>,
    /// The name's number among those of the steps, from 1, by its code; 0 for all others.
    names: Vec<u8>,
    wanted: Wanted,
}

impl Steps {
    /// The number of each selected row's name.
    fn of_rows(&self, selection: &Selection) -> Vec<u8> {
        let name = |code: u32| self.names[code as usize];
        with_codes!(&self.events.codes, |codes| {
            selection.rows.values(codes).iter().map(|code| name(widen(*code))).collect()
        })
    }
}

impl Asked<'_> {
    /// `None` where no event is a step.
    fn steps(&self, span: &Span<'_>) -> Result<Option<Steps>, StoreError> {
        let events = self.columns.text(span.chunk, Field::EventName)?;
        let mut names = vec![0; events.dictionary.len()];
        for (name, text) in (1..).zip(&self.course.names) {
            events.dictionary.find(text).into_iter().for_each(|code| names[code as usize] = name);
        }
        if names.iter().all(|name| *name == 0) {
            return Ok(None);
        }
        let wanted = Wanted::of(self.columns, span.chunk, self.filters)?;
        Ok(Some(Steps { events, names, wanted }))
    }

    /// How many visitors start, and who of them has events that can be a second step.
    fn who_goes_on(&self, view: &View, stop: &Stop) -> Result<(u64, Vec<u64>), StoreError> {
        // A bitmap for all other events, one for each name, and one for those who may start.
        let starters = self.course.names.len() + 1;
        let groups = starters + 1;
        let parts = run::each_span(view, stop, Bitmaps::default, |seen, span| {
            let Some(steps) = self.steps(span)? else { return Ok(()) };
            let Some(selection) = select(view, span, &[])? else { return Ok(()) };
            let visitors = self.columns.visitors(span.chunk, &view.visitors)?;
            let (names, visitors) = (steps.of_rows(&selection), selection.rows.values(&visitors));
            seen.reserve(groups, view.visitors.len());
            seen.add_all(names.iter().map(|name| usize::from(*name)).zip(visitors.iter().copied()));
            if !self.filters.is_empty() {
                let starts = |place: &usize| {
                    self.course.may_start(names[*place]) && steps.wanted.passes(selection.rows.at(*place))
                };
                let starting = (0..names.len()).filter(starts);
                seen.add_all(starting.map(|place| (starters, visitors[place])));
            }
            Ok(())
        })?;
        let mut seen = Bitmaps::default();
        seen.reserve(groups, view.visitors.len());
        for part in parts {
            seen.merge(part);
        }
        if self.filters.is_empty() {
            let starting = (1..starters).filter(|name| self.course.may_start(*name as u8));
            starting.for_each(|name| seen.unite(starters, name));
        }
        let started = seen.of_group(starters).iter().map(|word| u64::from(word.count_ones())).sum();
        let second = self.course.who_has_another(&seen);
        let going_on = seen.of_group(starters).iter().zip(second).map(|(starts, second)| starts & second);
        Ok((started, going_on.collect()))
    }

    /// Takes the rows whose event is a step.
    fn gather(
        &self,
        span: &Span<'_>,
        selection: &Selection,
        gatherer: &mut Gatherer<'_, Act>,
    ) -> Result<(), StoreError> {
        let Some(steps) = self.steps(span)? else { return Ok(()) };
        let mut texts = Vec::with_capacity(self.by.len());
        let mut local = Local::new(selection, None);
        for by in &self.by {
            let column = by.column(self.columns, span.chunk)?;
            local.divide(selection, &column);
            texts.push(column);
        }
        let (groups, _) = local.groups(&local.counts(selection), &texts, &self.labels);
        let group_at = local.group_at(selection, &groups);
        let names = steps.of_rows(selection);
        gatherer.take(selection, &names, |place, row| {
            let starts = self.course.may_start(names[place]) && steps.wanted.passes(row);
            Act::new(names[place] - 1, starts, group_at(place))
        });
        Ok(())
    }
}

/// The steps as a kernel walks them.
#[derive(Debug)]
struct Course {
    /// The different names, in the order in which the steps first name them.
    names: Vec<Arc<str>>,
    /// The steps that each name is, the last first.
    steps_of: Vec<Vec<usize>>,
    window: i64,
    order: StepOrder,
}

/// The attempt of a visitor that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Attempt {
    group: u32,
    /// Steps reached, at least one.
    reached: usize,
    /// Milliseconds from the step before, for each step reached but the first.
    took: [i64; MOST],
}

/// The latest way to a step.
#[derive(Debug, Clone, Copy)]
struct Chain {
    start: i64,
    at: i64,
    group: u32,
}

impl Course {
    fn of(question: &FunnelQuestion) -> Self {
        let (mut names, mut steps_of) = (Vec::<Arc<str>>::new(), Vec::<Vec<usize>>::new());
        for (step, name) in question.steps.names().iter().enumerate() {
            let place = names.iter().position(|known| **known == **name).unwrap_or_else(|| {
                names.push(Arc::from(name.as_str()));
                steps_of.push(Vec::new());
                names.len() - 1
            });
            steps_of[place].insert(0, step);
        }
        Self { names, steps_of, window: question.window.millis(), order: question.order }
    }

    /// Whether an attempt may start with an event of the name of this number, from 1.
    fn may_start(&self, number: u8) -> bool {
        number == 1 || (self.order == StepOrder::Any && number > 1)
    }

    /// Who has the events of two steps, whatever their order, by the bitmaps of the names' numbers.
    fn who_has_another(&self, seen: &Bitmaps) -> Vec<u64> {
        let of_name = |name: usize| seen.of_group(name + 1);
        let everybody = || vec![u64::MAX; of_name(0).len()];
        match self.order {
            StepOrder::Strict if self.steps_of[0].contains(&1) => everybody(),
            // The second step has the second name.
            StepOrder::Strict => of_name(1).to_vec(),
            StepOrder::Any if self.steps_of.iter().any(|steps| steps.len() > 1) => everybody(),
            StepOrder::Any => {
                let (mut one, mut two) = (vec![0; of_name(0).len()], vec![0; of_name(0).len()]);
                for name in 0..self.names.len() {
                    for ((one, two), seen) in one.iter_mut().zip(&mut two).zip(of_name(name)) {
                        *two |= *one & seen;
                        *one |= seen;
                    }
                }
                two
            }
        }
    }

    fn best_attempt(&self, moments: &[Moment<Act>]) -> Option<Attempt> {
        match self.order {
            StepOrder::Strict => self.in_order(moments),
            StepOrder::Any => self.in_any_order(moments),
        }
    }

    /// One pass: of all ways to a step the one that started last is kept, since whatever another
    /// can still reach, it can.
    fn in_order(&self, moments: &[Moment<Act>]) -> Option<Attempt> {
        let mut chains: [Option<Chain>; MOST] = [None; MOST];
        let mut best = Attempt { group: 0, reached: 0, took: [0; MOST] };
        for Moment { at, what, .. } in moments {
            // The last step first, so that one event is never two steps of an attempt.
            for step in self.steps_of[what.name()].iter().copied() {
                let chain = match step.checked_sub(1).map(|before| chains[before]) {
                    None if what.starts() => Chain { start: *at, at: *at, group: what.group() as u32 },
                    Some(Some(chain)) if at - chain.start <= self.window => Chain { at: *at, ..chain },
                    _ => continue,
                };
                if step == best.reached {
                    let before = step.checked_sub(1).and_then(|before| chains[before]);
                    best.took[step] = at - before.map_or(*at, |before| before.at);
                    (best.reached, best.group) = (step + 1, chain.group);
                }
                chains[step] = Some(chain);
            }
        }
        (best.reached > 0).then_some(best)
    }

    /// A window slides over the moments and counts the steps in it.
    fn in_any_order(&self, moments: &[Moment<Act>]) -> Option<Attempt> {
        let (mut counts, mut held, mut end) = ([0; MOST], 0, 0);
        let (mut reached, mut first) = (0, 0);
        for (start, moment) in moments.iter().enumerate() {
            while let Some(next) = moments.get(end).filter(|next| next.at - moment.at <= self.window) {
                let name = next.what.name();
                counts[name] += 1;
                held += usize::from(counts[name] <= self.steps_of[name].len());
                end += 1;
            }
            if moment.what.starts() && held > reached {
                (reached, first) = (held, start);
            }
            let name = moment.what.name();
            held -= usize::from(counts[name] <= self.steps_of[name].len());
            counts[name] -= 1;
        }
        (reached > 0).then(|| self.taken(&moments[first..], reached))
    }

    /// The attempt in any order that starts with the first of these moments.
    fn taken(&self, moments: &[Moment<Act>], most: usize) -> Attempt {
        let group = moments[0].what.group() as u32;
        let mut attempt = Attempt { group, reached: 0, took: [0; MOST] };
        let (mut counts, mut before) = ([0; MOST], moments[0].at);
        for Moment { at, what, .. } in moments {
            counts[what.name()] += 1;
            if counts[what.name()] <= self.steps_of[what.name()].len() && attempt.reached < most {
                attempt.took[attempt.reached] = at - before;
                (attempt.reached, before) = (attempt.reached + 1, *at);
            }
        }
        attempt
    }
}

/// The attempts that count, by group.
#[derive(Debug, Default)]
struct Tally(Vec<GroupTally>);

#[derive(Debug, Clone, Default)]
struct GroupTally {
    /// Visitors by the last step that they reached.
    ended: [u64; MOST],
    /// Milliseconds from the step before, of everybody who reached a step.
    took: [Vec<i64>; MOST],
}

impl Tally {
    fn add(&mut self, attempt: &Attempt) {
        let group = attempt.group as usize;
        self.0.resize(self.0.len().max(group + 1), GroupTally::default());
        let tally = &mut self.0[group];
        tally.ended[attempt.reached - 1] += 1;
        for step in 1..attempt.reached {
            tally.took[step].push(attempt.took[step]);
        }
    }

    /// Adds those who were not followed, so that so many have started.
    fn start(&mut self, started: u64) {
        self.0.resize(self.0.len().max(1), GroupTally::default());
        let followed: u64 = self.0[0].ended.iter().sum();
        self.0[0].ended[0] += started - followed;
    }

    fn merge(&mut self, other: Self) {
        self.0.resize(self.0.len().max(other.0.len()), GroupTally::default());
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            mine.ended.iter_mut().zip(theirs.ended).for_each(|(mine, theirs)| *mine += theirs);
            mine.took.iter_mut().zip(theirs.took).for_each(|(mine, mut theirs)| mine.append(&mut theirs));
        }
    }

    fn answer(self, question: &FunnelQuestion, labels: &Finished) -> FunnelAnswer {
        let (steps, dimensions) = (question.steps.names().len(), question.group_by.len());
        let mut groups: Vec<(usize, Vec<FunnelStep>)> =
            self.0.into_iter().map(|tally| tally.steps(steps)).enumerate().collect();
        groups.retain(|(_, steps)| steps[0].visitors > 0);
        if groups.is_empty() && dimensions == 0 {
            let nobody = FunnelGroup { keys: Vec::new(), steps: vec![FunnelStep::default(); steps] };
            return FunnelAnswer { groups: vec![nobody], truncated: false };
        }
        groups.sort_unstable_by(|a, b| {
            let started = |of: &(usize, Vec<FunnelStep>)| Reverse(of.1[0].visitors);
            started(a).cmp(&started(b)).then_with(|| labels.compare(a.0, b.0, dimensions))
        });
        let truncated = groups.len() > question.limit.get();
        groups.truncate(question.limit.get());
        let keys = |group| {
            (0..dimensions).map(|dimension| labels.text(group, dimension).map(str::to_owned)).collect()
        };
        let groups =
            groups.into_iter().map(|(group, steps)| FunnelGroup { keys: keys(group), steps }).collect();
        FunnelAnswer { groups, truncated }
    }
}

impl GroupTally {
    fn steps(mut self, steps: usize) -> Vec<FunnelStep> {
        let step = |step: usize| FunnelStep {
            visitors: self.ended[step..].iter().sum(),
            median_millis: median(&mut self.took[step]),
        };
        (0..steps).map(step).collect()
    }
}

/// The middle number, or the mean of the two in the middle.
fn median(numbers: &mut [i64]) -> Option<f64> {
    let (middle, even) = (numbers.len() / 2, numbers.len().is_multiple_of(2));
    if numbers.is_empty() {
        return None;
    }
    let (below, upper, _) = numbers.select_nth_unstable(middle);
    let upper = *upper;
    let lower = below.iter().max().copied().filter(|_| even).unwrap_or(upper);
    Some(f64::midpoint(lower as f64, upper as f64))
}
