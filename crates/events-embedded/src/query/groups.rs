//! Counts events, visitors, aggregates and time spans by group, for all queries that count.
//!
//! Each core counts spans of rows by itself. Group numbers are the same on all cores, so that counts can be
//! added up at the end.

pub(crate) mod aggregates;
pub(crate) mod counting;
pub(crate) mod frequent;
pub(crate) mod group_dictionary;
pub(crate) mod local_groups;
pub(crate) mod partial_counts;
pub(crate) mod percentile;
pub(crate) mod series;
pub(crate) mod summary;
pub(crate) mod sums;

use std::sync::Arc;

pub(crate) use millimetric_core::query::calendar;
use millimetric_core::query::{Filter, Skipped};

pub(crate) use self::counting::{Counting, NumbersOf};
use self::partial_counts::PartialCounts;
use crate::columns::Chunk;
use crate::columns::cache::CachedPart;
use crate::columns::group_column::SummaryKey;
use crate::columns::hyperloglog::{Sketch, TOKENS};
use crate::columns::visitor_table::VisitorTable;
use crate::query::groups::aggregates::Aggregates;
use crate::query::groups::frequent::Frequent;
use crate::query::groups::group_dictionary::{Finished, GroupDictionary};
use crate::query::groups::local_groups::LocalGroups;
use crate::query::groups::summary::{CachedSummary, Summary};
use crate::query::groups::sums::Sum;
use crate::query::run;
use crate::query::run::Span;
use crate::query::select::{Selection, select};
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_events::StoreError;

/// The counts of every group, by group number.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) groups: Finished,
    pub(crate) events: Vec<u64>,
    /// Empty unless counted.
    pub(crate) uniques: Vec<u64>,
    /// Whether the visitors are estimated.
    pub(crate) approximate: bool,
    /// Earliest and latest event time; empty unless counted.
    pub(crate) spans: Vec<(i64, i64)>,
    /// The aggregate of each group; empty unless asked for.
    pub(crate) numbers: Vec<Option<f64>>,
    /// The sum of each group, if the aggregate is computed from it.
    pub(crate) sums: Vec<Sum>,
    /// Selected events without a number, if an aggregate is asked for.
    pub(crate) skipped: Skipped,
    /// Whether there are too many groups, so that only the most frequent ones are counted separately.
    pub(crate) limited: bool,
}

impl Counted {
    /// Number of events of the groups that are not counted separately.
    pub(crate) fn other(&self) -> u64 {
        self.groups.other.map_or(0, |group| self.events[group])
    }
}

/// Counts the view's rows; uses summaries for whole chunks. If there are too many groups, the most frequent
/// ones are counted separately.
pub(crate) fn count(
    view: &View,
    counting: &Counting<'_>,
    context: &QueryContext,
) -> Result<Counted, StoreError> {
    frequent::with_frequent(
        view.limits.groups,
        context,
        |frequent| count_with(view, counting, frequent, context),
        |frequent| sketch(view, counting, frequent, context),
    )
}

/// Like [`count`], with the groups that are frequent if that is known. Also returns whether there are too
/// many groups.
pub(crate) fn count_with(
    view: &View,
    counting: &Counting<'_>,
    frequent: Option<Arc<Frequent>>,
    context: &QueryContext,
) -> Result<(Counted, bool), StoreError> {
    let visitors = match counting.uniques {
        false => Visitors::None,
        true if visitors_if_many(view, counting.filters, context)?.is_some() => Visitors::Estimated,
        true => Visitors::Numbered,
    };
    let units = match visitors {
        Visitors::Estimated => spans(view),
        // A summary holds all groups of its chunk, not only the frequent ones.
        _ if frequent.is_some() => spans(view),
        _ => scan_units(view, counting),
    };
    let limited = frequent.is_some();
    let dictionary = dictionary(view, frequent).only(counting.only.clone());
    let rows: usize = view.chunks.iter().map(Chunk::rows).sum();
    let start = || PartialCounts::new(context);
    let partials = run::each_of(&units, rows, context, start, |partial, unit| match unit {
        ScanUnit::Span(span) => partial.add_span(view, counting, visitors, span, &dictionary),
        ScanUnit::Chunk(chunk, key) => match summary(view, counting, key, chunk, context)? {
            Some(cached) => partial.add_summary(view, &cached, &dictionary),
            None => run::spans(chunk)
                .try_for_each(|span| partial.add_span(view, counting, visitors, &span, &dictionary)),
        },
    })?;
    let too_many = dictionary.too_many();
    let counted = counted(counting, visitors, partials, dictionary, context)?;
    Ok((Counted { limited, ..counted }, too_many))
}

/// Like [`count_with`], for the rows that `selected` returns.
pub(crate) fn count_selected(
    view: &View,
    counting: &Counting<'_>,
    visitors: Visitors<'_>,
    frequent: Option<Arc<Frequent>>,
    context: &QueryContext,
    selected: impl Fn(&Span<'_>) -> Result<Option<Selection>, StoreError> + Sync,
) -> Result<(Counted, bool), StoreError> {
    let limited = frequent.is_some();
    let dictionary = dictionary(view, frequent);
    let partials = run::each_span(
        view,
        context,
        || PartialCounts::new(context),
        |partial, span| {
            let Some(selection) = selected(span)? else { return Ok(()) };
            partial.add(view, counting, visitors, span, &selection, &dictionary)
        },
    )?;
    let too_many = dictionary.too_many();
    let counted = counted(counting, visitors, partials, dictionary, context)?;
    Ok((Counted { limited, ..counted }, too_many))
}

/// A new dictionary for the groups of a query.
pub(crate) fn dictionary(view: &View, frequent: Option<Arc<Frequent>>) -> GroupDictionary {
    GroupDictionary::new(view.limits.groups, frequent)
}

/// Adds the groups of the view's rows to a sketch.
pub(crate) fn sketch(
    view: &View,
    counting: &Counting<'_>,
    frequent: &Frequent,
    context: &QueryContext,
) -> Result<(), StoreError> {
    run::each_span(
        view,
        context,
        || (),
        |(), span| {
            let Some((selection, _)) = counting.select(view, span)? else { return Ok(()) };
            let mut local = LocalGroups::new(&selection, counting.buckets);
            let mut texts = Vec::with_capacity(counting.by.len());
            for by in &counting.by {
                let column = view.column(span.chunk, by)?;
                local.divide(&selection, &column);
                texts.push(column);
            }
            local.sketch(&local.counts(&selection), &texts, frequent);
            Ok(())
        },
    )?;
    Ok(())
}

/// A unit of work.
#[derive(Debug)]
pub(crate) enum ScanUnit<'a> {
    /// A whole segment, which may have a summary.
    Chunk(&'a Chunk, SummaryKey),
    /// Rows that have to be read.
    Span(Span<'a>),
}

/// All rows of the view.
pub(crate) fn spans(view: &View) -> Vec<ScanUnit<'_>> {
    view.chunks.iter().flat_map(run::spans).map(ScanUnit::Span).collect()
}

/// All rows of the view, as whole chunks if a summary may exist.
pub(crate) fn scan_units<'a>(view: &'a View, counting: &Counting<'_>) -> Vec<ScanUnit<'a>> {
    let Some(key) = counting.summary_key(view) else { return spans(view) };
    let is_whole = |chunk: &Chunk| {
        matches!(chunk, Chunk::Segment(_))
            && view.shows_all(chunk)
            && view.sessions.as_ref().is_none_or(|sessions| sessions.is_unchanged(chunk))
    };
    let of_chunk = |chunk| {
        if is_whole(chunk) && may_have_summary(view, chunk, &key) {
            return vec![ScanUnit::Chunk(chunk, key.clone())];
        }
        run::spans(chunk).map(ScanUnit::Span).collect()
    };
    view.chunks.iter().flat_map(of_chunk).collect()
}

/// Whether a chunk has a summary, or it is not known yet whether one is worth it.
fn may_have_summary(view: &View, chunk: &Chunk, key: &SummaryKey) -> bool {
    let cached = view.columns.cached::<CachedSummary>(chunk, CachedPart::Summary(key.clone()));
    cached.is_none_or(|cached| cached.is_there())
}

/// The summary of a chunk; `None` if it would be as large as the rows.
pub(crate) fn summary(
    view: &View,
    counting: &Counting<'_>,
    key: &SummaryKey,
    chunk: &Chunk,
    context: &QueryContext,
) -> Result<Option<Arc<CachedSummary>>, StoreError> {
    let cached = view.columns.derived(chunk, CachedPart::Summary(key.clone()), || {
        let (dictionary, mut partial) = (dictionary(view, None), PartialCounts::new(context));
        let visitors = if counting.uniques { Visitors::Numbered } else { Visitors::None };
        for span in run::spans(chunk) {
            context.check()?;
            partial.add_span(view, counting, visitors, &span, &dictionary)?;
            if dictionary.too_many() {
                return Ok(CachedSummary::of(None, chunk.rows()));
            }
        }
        let groups = dictionary.finish();
        let count = groups.len();
        let visitors = if counting.uniques {
            partial.visitors.members_if_small(count, view.visitors.len(), context)?
        } else {
            Some(Vec::new())
        };
        let events = padded(partial.events, count, 0);
        Ok(CachedSummary::of(visitors.map(|visitors| Summary { groups, events, visitors }), chunk.rows()))
    })?;
    Ok(Some(cached).filter(|cached| cached.summary().is_some()))
}

/// Merges the counts of all cores.
fn counted(
    counting: &Counting<'_>,
    visitors: Visitors<'_>,
    partials: Vec<PartialCounts>,
    dictionary: GroupDictionary,
    context: &QueryContext,
) -> Result<Counted, StoreError> {
    let mut whole = PartialCounts::whole(partials, context)?;
    let groups = dictionary.finish();
    let count = groups.len();
    let uniques = match visitors {
        Visitors::None => Vec::new(),
        Visitors::Numbered | Visitors::NumberedIn(_) => whole.visitors.counts(count, context)?,
        Visitors::Estimated => whole.visitors.estimates(count, context)?,
    };
    let (numbers, sums) = match (&counting.numbers, whole.numbers.take()) {
        (None, _) => (Vec::new(), Vec::new()),
        (Some(of), found) => {
            let mut found = found.unwrap_or_else(|| Aggregates::new(of.aggregate));
            found.reserve(count);
            let sums = found.sums().to_vec();
            (found.finish(of.aggregate, count, context)?, sums)
        }
    };
    Ok(Counted {
        events: padded(whole.events, count, 0),
        uniques,
        approximate: matches!(visitors, Visitors::Estimated),
        spans: if counting.spans { padded(whole.spans, count, NO_SPAN) } else { Vec::new() },
        numbers,
        sums,
        skipped: whole.skipped,
        limited: false,
        groups,
    })
}

/// How distinct visitors are counted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Visitors<'a> {
    None,
    /// Exactly, by their numbers.
    Numbered,
    /// Exactly, by numbers from this table, which is used if the scope has too many visitors.
    NumberedIn(&'a VisitorTable),
    /// Estimated from their `HyperLogLog` tokens.
    Estimated,
}

/// The estimated number of visitors in the selected rows, if it exceeds the limit for exact counts. The
/// cached sketches of all chunks usually show that it does not.
pub(crate) fn visitors_if_many(
    view: &View,
    filters: &[Filter],
    context: &QueryContext,
) -> Result<Option<u64>, StoreError> {
    let max_exact = view.limits.exact_visitors;
    let rows: usize = view.chunks.iter().map(Chunk::rows).sum();
    if rows <= max_exact || visitors_of_chunks(view, rows, context)? <= max_exact as u64 {
        return Ok(None);
    }
    let partials = run::each_span(
        view,
        context,
        || PartialCounts::new(context),
        |partial, span| {
            let Some(selection) = select(view, span, filters)? else { return Ok(()) };
            let tokens = view.columns.visitor_tokens(span.chunk)?;
            partial.visitors.reserve(1, TOKENS);
            partial.visitors.add_group(0, &tokens, &selection.rows, 0..selection.rows.len());
            partial.reserve()
        },
    )?;
    let mut whole = PartialCounts::whole(partials, context)?;
    Ok(Some(whole.visitors.estimates(1, context)?[0]).filter(|visitors| *visitors > max_exact as u64))
}

/// Estimates the number of visitors in the view's chunks, including those outside the range and hidden ones.
fn visitors_of_chunks(view: &View, rows: usize, context: &QueryContext) -> Result<u64, StoreError> {
    let sketches = run::each_of(&view.chunks, rows, context, Sketch::default, |whole, chunk| {
        whole.merge(&*view.columns.visitor_sketch(chunk)?);
        Ok(())
    })?;
    let mut whole = Sketch::default();
    for sketch in &sketches {
        whole.merge(sketch);
    }
    Ok(whole.estimate())
}

/// The span of no event: any other is wider.
pub(crate) const NO_SPAN: (i64, i64) = (i64::MAX, i64::MIN);

fn padded<T: Clone>(mut values: Vec<T>, length: usize, value: T) -> Vec<T> {
    values.resize(length, value);
    values
}
