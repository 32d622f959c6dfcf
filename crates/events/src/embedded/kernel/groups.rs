//! Counting by groups: the one loop behind every question about numbers.
//!
//! Each core counts spans of rows on its own; the groups have the same numbers on all cores, so
//! that their counts are only added up in the end.

use std::sync::Arc;

use millimetric_core::query::{Buckets, Dimension, Filter};

use super::distinct::Distinct;
use super::estimate::{Sketch, TOKENS};
use super::labels::{Finished, Labels};
use super::local::{Ids, Local};
use super::run::{self, Span, Stop};
use super::select::{Rows, Selection, select};
use super::sums::Sum;
use crate::StoreError;
use crate::embedded::columns::{Chunk, Columns};
use crate::embedded::field::Field;
use crate::embedded::text::TextColumn;
use crate::embedded::view::View;
use crate::embedded::visitors::VisitorTable;

/// What rows are grouped by.
#[derive(Debug, Clone)]
pub(super) enum By {
    Field(Field),
    Property(Arc<str>),
    /// The set of property names.
    Shape,
}

impl From<&Dimension> for By {
    fn from(dimension: &Dimension) -> Self {
        match dimension {
            Dimension::Column(column) => Self::Field(Field::from(*column)),
            Dimension::Property(name) => Self::Property(Arc::from(name.as_str())),
        }
    }
}

impl By {
    pub(super) fn column(&self, columns: &Columns, chunk: &Chunk) -> Result<Arc<TextColumn>, StoreError> {
        match self {
            Self::Field(field) => columns.text(chunk, *field),
            Self::Property(name) => columns.property(chunk, name),
            Self::Shape => columns.shapes(chunk),
        }
    }
}

/// What to count: always events, and at most one thing beside visitors.
#[derive(Debug, Clone, Default)]
pub(super) struct Counting<'a> {
    pub(super) filters: &'a [Filter],
    /// At most four.
    pub(super) by: Vec<By>,
    pub(super) buckets: Option<Buckets>,
    pub(super) uniques: bool,
    /// The earliest and latest event of each group.
    pub(super) spans: bool,
    /// The property to add up.
    pub(super) number: Option<Arc<str>>,
}

impl Counting<'_> {
    /// Divides the rows by the columns and gives the events of each local group.
    fn divide(&self, local: &mut Local, selection: &Selection, texts: &[Arc<TextColumn>]) -> Vec<u32> {
        let only_events = !self.uniques && !self.spans && self.number.is_none();
        let (last, others) = match texts.split_last() {
            Some((last, others)) if only_events => (Some(last), others),
            _ => (None, texts),
        };
        for column in others {
            local.divide(selection, column);
        }
        let counts = last.and_then(|column| {
            let counts = local.divide_and_count(selection, column);
            if counts.is_none() {
                local.divide(selection, column);
            }
            counts
        });
        counts.unwrap_or_else(|| local.counts(selection))
    }
}

/// The numbers of every group, by the group's place.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) groups: Finished,
    pub(super) events: Vec<u64>,
    /// Empty unless asked for.
    pub(super) uniques: Vec<u64>,
    /// Whether the visitors are estimated.
    pub(super) approximate: bool,
    /// Empty unless asked for.
    pub(super) spans: Vec<(i64, i64)>,
    /// Empty unless asked for.
    pub(super) sums: Vec<Sum>,
}

/// Counts the view's rows.
pub(super) fn count(view: &View, counting: &Counting<'_>, stop: &Stop) -> Result<Counted, StoreError> {
    let visitors = match counting.uniques {
        false => Visitors::None,
        true if visitors_if_many(view, counting.filters, stop)?.is_some() => Visitors::Estimated,
        true => Visitors::Numbered,
    };
    count_selected(view, counting, visitors, stop, |span| select(view, span, counting.filters))
}

/// Counts those of the view's rows that are selected, whatever the filters.
pub(super) fn count_selected(
    view: &View,
    counting: &Counting<'_>,
    visitors: Visitors<'_>,
    stop: &Stop,
    selected: impl Fn(&Span<'_>) -> Result<Option<Selection>, StoreError> + Sync,
) -> Result<Counted, StoreError> {
    let labels = Labels::default();
    let parts = run::each_span(view, stop, Part::default, |part, span| {
        let Some(selection) = selected(span)? else { return Ok(()) };
        part.add(view, counting, visitors, span, &selection, &labels)
    })?;
    let whole = parts.into_iter().reduce(Part::merge).unwrap_or_default();
    let groups = labels.finish();
    let count = groups.labels.len();
    let uniques = match visitors {
        Visitors::None => Vec::new(),
        Visitors::Numbered | Visitors::NumberedIn(_) => whole.visitors.counts(count),
        Visitors::Estimated => whole.visitors.estimates(count),
    };
    Ok(Counted {
        events: padded(whole.events, count, 0),
        uniques,
        approximate: matches!(visitors, Visitors::Estimated),
        spans: if counting.spans { padded(whole.spans, count, NO_SPAN) } else { Vec::new() },
        sums: if counting.number.is_some() { padded(whole.sums, count, Sum::default()) } else { Vec::new() },
        groups,
    })
}

/// How distinct visitors are counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Visitors<'a> {
    None,
    /// Exactly, by their dense numbers.
    Numbered,
    /// The same with numbers of a table for these rows alone, where the visitors of all are too many.
    NumberedIn(&'a VisitorTable),
    /// By the tokens of `estimate`.
    Estimated,
}

/// About how many visitors are in the selected rows, when they are more than are numbered for one
/// question. Only an estimate tells; mostly one of all visitors of the chunks, which costs nothing.
pub(super) fn visitors_if_many(
    view: &View,
    filters: &[Filter],
    stop: &Stop,
) -> Result<Option<u64>, StoreError> {
    let most = view.shared.options.exact_visitors;
    let rows: usize = view.chunks.iter().map(Chunk::rows).sum();
    if rows <= most || visitors_of_chunks(view, rows, stop)? <= most as u64 {
        return Ok(None);
    }
    let parts = run::each_span(view, stop, Part::default, |part, span| {
        let Some(selection) = select(view, span, filters)? else { return Ok(()) };
        let tokens = view.shared.columns.visitor_tokens(span.chunk)?;
        part.visitors.reserve(1, TOKENS, rows);
        part.add_visitors(&Ids::One, &[0], &selection, &tokens);
        Ok(())
    })?;
    let whole = parts.into_iter().reduce(Part::merge).unwrap_or_default();
    Ok(Some(whole.visitors.estimates(1)[0]).filter(|visitors| *visitors > most as u64))
}

/// About how many visitors the view's chunks have, whatever is in range and hidden.
fn visitors_of_chunks(view: &View, rows: usize, stop: &Stop) -> Result<u64, StoreError> {
    let sketches = run::each_of(&view.chunks, rows, stop, Sketch::default, |whole, chunk| {
        whole.merge(&*view.shared.columns.visitor_sketch(chunk)?);
        Ok(())
    })?;
    let mut whole = Sketch::default();
    for sketch in &sketches {
        whole.merge(sketch);
    }
    Ok(whole.estimate())
}

const NO_SPAN: (i64, i64) = (i64::MAX, i64::MIN);

fn padded<T: Clone>(mut values: Vec<T>, length: usize, value: T) -> Vec<T> {
    values.resize(length, value);
    values
}

/// What one core has counted.
#[derive(Debug, Default)]
struct Part {
    events: Vec<u64>,
    visitors: Distinct,
    spans: Vec<(i64, i64)>,
    sums: Vec<Sum>,
}

impl Part {
    fn add(
        &mut self,
        view: &View,
        counting: &Counting<'_>,
        visitors: Visitors<'_>,
        span: &Span<'_>,
        selection: &Selection,
        labels: &Labels,
    ) -> Result<(), StoreError> {
        let columns = &view.shared.columns;
        let rows = view.chunks.iter().map(Chunk::rows).sum();
        let mut local = Local::new(selection, counting.buckets);
        let mut texts = Vec::with_capacity(counting.by.len());
        for by in &counting.by {
            texts.push(by.column(columns, span.chunk)?);
        }
        let counts = counting.divide(&mut local, selection, &texts);
        let (groups, count) = local.groups(&counts, &texts, labels);
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
        if let Some((seen, most)) = seen {
            self.visitors.reserve(count, most, rows);
            self.add_visitors(&local.ids, &groups, selection, &seen);
        }
        if counting.spans {
            self.spans.resize(self.spans.len().max(count), NO_SPAN);
            local.each(selection, |row, id| {
                let span = &mut self.spans[groups[id as usize] as usize];
                let time = selection.times.at(row);
                *span = (span.0.min(time), span.1.max(time));
            });
        } else if let Some(name) = &counting.number {
            let numbers = columns.numbers(span.chunk, name)?;
            self.sums.resize(self.sums.len().max(count), Sum::default());
            local.each(selection, |row, id| {
                if !numbers[row].is_nan() {
                    self.sums[groups[id as usize] as usize].add(numbers[row]);
                }
            });
        }
        Ok(())
    }

    fn add_visitors(&mut self, ids: &Ids, groups: &[u32], selection: &Selection, visitors: &[u32]) {
        match (ids, &selection.rows) {
            (Ids::One, Rows::Span(rows)) => {
                self.visitors.add_group(groups[0], visitors[rows.clone()].iter().copied());
            }
            (Ids::One, Rows::List(rows)) => {
                self.visitors.add_group(groups[0], rows.iter().map(|row| visitors[*row as usize]));
            }
            (Ids::Runs(runs), rows) => {
                let mut start = 0;
                for (end, id) in runs {
                    let run = (start..*end).map(|place| visitors[rows.at(place)]);
                    self.visitors.add_group(groups[*id as usize], run);
                    start = *end;
                }
            }
            (Ids::Each(ids), Rows::Span(rows)) => {
                self.visitors.add(groups, ids.iter().copied().zip(visitors[rows.clone()].iter().copied()));
            }
            (Ids::Each(ids), Rows::List(rows)) => {
                let seen = rows.iter().map(|row| visitors[*row as usize]);
                self.visitors.add(groups, ids.iter().copied().zip(seen));
            }
        }
    }

    fn merge(mut self, other: Self) -> Self {
        let length = self.events.len().max(other.events.len());
        self.events.resize(length, 0);
        self.events.iter_mut().zip(other.events).for_each(|(mine, theirs)| *mine += theirs);
        self.visitors.merge(other.visitors);
        self.spans.resize(self.spans.len().max(other.spans.len()), NO_SPAN);
        for (mine, theirs) in self.spans.iter_mut().zip(other.spans) {
            *mine = (mine.0.min(theirs.0), mine.1.max(theirs.1));
        }
        self.sums.resize(self.sums.len().max(other.sums.len()), Sum::default());
        self.sums.iter_mut().zip(other.sums).for_each(|(mine, theirs)| mine.merge(theirs));
        self
    }
}
