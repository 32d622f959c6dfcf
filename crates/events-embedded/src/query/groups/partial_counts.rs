//! The counts of one core, and how those of all cores are merged.

use std::sync::Arc;

use millimetric_core::query::Skipped;

use crate::columns::hyperloglog::TOKENS;
use crate::columns::rows::Rows;
use crate::query::distinct::Distinct;
use crate::query::groups::aggregates::Aggregates;
use crate::query::groups::group_dictionary::GroupDictionary;
use crate::query::groups::local_groups::{Ids, LocalGroups};
use crate::query::groups::summary::CachedSummary;
use crate::query::groups::{Counting, NO_SPAN, Visitors};
use crate::query::run::Span;
use crate::query::select::Selection;
use crate::query::view::View;
use crate::resources::query_context::{QueryContext, Reservation};
use millimetric_events::StoreError;

/// The counts of one core, by group number.
#[derive(Debug)]
pub(crate) struct PartialCounts {
    pub(crate) events: Vec<u64>,
    pub(crate) visitors: Distinct,
    pub(crate) spans: Vec<(i64, i64)>,
    pub(crate) numbers: Option<Aggregates>,
    /// Selected events without a number.
    pub(crate) skipped: Skipped,
    memory: Reservation,
}

impl PartialCounts {
    pub(crate) fn new(context: &QueryContext) -> Self {
        Self {
            events: Vec::new(),
            visitors: Distinct::default(),
            spans: Vec::new(),
            numbers: None,
            skipped: Skipped::default(),
            memory: context.memory(),
        }
    }

    /// Merges the counts of all cores.
    pub(crate) fn whole(partials: Vec<Self>, context: &QueryContext) -> Result<Self, StoreError> {
        partials.into_iter().try_fold(Self::new(context), Self::merge)
    }

    /// Reserves the memory that the counts use now.
    pub(crate) fn reserve(&mut self) -> Result<(), StoreError> {
        let of_groups = size_of_val(self.events.as_slice())
            + size_of_val(self.spans.as_slice())
            + self.numbers.as_ref().map_or(0, Aggregates::bytes);
        self.memory.grow_to(of_groups + self.visitors.bytes())
    }

    /// Adds the selected rows of a span.
    pub(crate) fn add_span(
        &mut self,
        view: &View,
        counting: &Counting<'_>,
        visitors: Visitors<'_>,
        span: &Span<'_>,
        dictionary: &GroupDictionary,
    ) -> Result<(), StoreError> {
        if dictionary.too_many() {
            // Everything is counted again, for the most frequent groups only.
            return Ok(());
        }
        let Some((selection, skipped)) = counting.select(view, span)? else { return Ok(()) };
        self.skip(skipped);
        if selection.rows.len() == 0 {
            return Ok(());
        }
        self.add(view, counting, visitors, span, &selection, dictionary)
    }

    /// Adds a whole chunk by its summary.
    pub(crate) fn add_summary(
        &mut self,
        view: &View,
        cached: &Arc<CachedSummary>,
        dictionary: &GroupDictionary,
    ) -> Result<(), StoreError> {
        let Some(summary) = cached.summary() else { return Ok(()) };
        let (groups, count) = dictionary.with(|numbers| (numbers.add_all(&summary.groups), numbers.len()));
        self.events.resize(self.events.len().max(count), 0);
        for (group, events) in groups.iter().zip(&summary.events) {
            self.events[*group as usize] += events;
        }
        if !summary.visitors.is_empty() {
            self.visitors.reserve(count, view.visitors.len());
            self.visitors.add_summary(&groups, cached);
        }
        self.reserve()
    }

    pub(crate) fn add(
        &mut self,
        view: &View,
        counting: &Counting<'_>,
        visitors: Visitors<'_>,
        span: &Span<'_>,
        selection: &Selection,
        dictionary: &GroupDictionary,
    ) -> Result<(), StoreError> {
        let columns = &view.columns;
        let mut local = LocalGroups::new(selection, counting.buckets);
        let mut texts = Vec::with_capacity(counting.by.len());
        for by in &counting.by {
            texts.push(view.column(span.chunk, by)?);
        }
        let counts = counting.divide(&mut local, selection, &texts);
        let (groups, count) = local.groups(&counts, &texts, dictionary);
        self.events.resize(self.events.len().max(count), 0);
        for (group, events) in groups.iter().zip(&counts).filter(|(_, events)| **events > 0) {
            self.events[*group as usize] += u64::from(*events);
        }
        let seen = match visitors {
            Visitors::None => None,
            Visitors::Numbered => {
                let numbers = columns.visitors(span.chunk, &view.visitors)?;
                Some((numbers, view.visitors.len()))
            }
            Visitors::NumberedIn(table) => {
                let hashes = columns.visitor_hashes(span.chunk)?;
                let mut numbers = vec![0; hashes.len()];
                selection.rows.each(|row| numbers[row] = table.number(hashes[row]));
                Some((Arc::new(numbers), table.len()))
            }
            Visitors::Estimated => Some((columns.visitor_tokens(span.chunk)?, TOKENS)),
        };
        if let Some((seen, limit)) = seen {
            self.visitors.reserve(count, limit);
            self.add_visitors(&local.ids, &groups, &counts, selection, &seen);
        }
        if counting.spans {
            self.spans.resize(self.spans.len().max(count), NO_SPAN);
            local.each(selection, |row, id| {
                let span = &mut self.spans[groups[id as usize] as usize];
                let time = selection.times.at(row);
                *span = (span.0.min(time), span.1.max(time));
            });
        } else if let Some(of) = &counting.numbers {
            let numbers = columns.numbers(span.chunk, &of.property)?;
            let aggregates = self.numbers.get_or_insert_with(|| Aggregates::new(of.aggregate));
            aggregates.reserve(count);
            local.each(selection, |row, id| {
                if !numbers[row].is_nan() {
                    aggregates.add(groups[id as usize] as usize, numbers[row]);
                }
            });
        }
        self.reserve()
    }

    fn add_visitors(
        &mut self,
        ids: &Ids,
        groups: &[u32],
        counts: &[u32],
        selection: &Selection,
        visitors: &Arc<Vec<u32>>,
    ) {
        let rows = &selection.rows;
        match (ids, rows) {
            (Ids::One, _) => self.visitors.add_group(groups[0], visitors, rows, 0..rows.len()),
            (Ids::Runs(runs), _) => {
                let mut start = 0;
                for (end, id) in runs {
                    self.visitors.add_group(groups[*id as usize], visitors, rows, start..*end);
                    start = *end;
                }
            }
            (Ids::Each(ids), Rows::Span(rows)) => {
                let seen = ids.iter().copied().zip(visitors[rows.clone()].iter().copied());
                self.visitors.add(groups, counts, seen);
            }
            (Ids::Each(ids), Rows::List(rows)) => {
                let seen = ids.iter().copied().zip(rows.iter().map(|row| visitors[*row as usize]));
                self.visitors.add(groups, counts, seen);
            }
        }
    }

    fn skip(&mut self, skipped: Skipped) {
        self.skipped.missing += skipped.missing;
        self.skipped.not_numeric += skipped.not_numeric;
    }

    fn merge(mut self, other: Self) -> Result<Self, StoreError> {
        let length = self.events.len().max(other.events.len());
        self.events.resize(length, 0);
        self.events.iter_mut().zip(other.events).for_each(|(mine, theirs)| *mine += theirs);
        self.visitors.merge(other.visitors);
        self.spans.resize(self.spans.len().max(other.spans.len()), NO_SPAN);
        for (mine, theirs) in self.spans.iter_mut().zip(other.spans) {
            *mine = (mine.0.min(theirs.0), mine.1.max(theirs.1));
        }
        match (&mut self.numbers, other.numbers) {
            (Some(mine), Some(theirs)) => mine.merge(theirs),
            (None, theirs) => self.numbers = theirs,
            (Some(_), None) => {}
        }
        self.skip(other.skipped);
        drop(other.memory);
        self.reserve()?;
        Ok(self)
    }
}
