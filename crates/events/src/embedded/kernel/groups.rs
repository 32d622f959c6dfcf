//! Counting by groups: the one loop behind every question about numbers.
//!
//! In each span rows get a small local group number, combined from the codes of the dimensions;
//! local numbers are then told to the groups of the whole answer, once per group and not once
//! per row.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::{HashMap, HashTable};
use millimetric_core::query::{Buckets, Filter, StatsQuestion};

use super::calendar;
use super::distinct::{Distinct, spread};
use super::labels::{Finished, Label, Labels};
use super::run::{self, Span, Stop};
use super::select::{Rows, Selection, select};
use super::sums::Sum;
use crate::StoreError;
use crate::embedded::columns::{Chunk, Columns};
use crate::embedded::field::Field;
use crate::embedded::text::{TextColumn, with_codes};
use crate::embedded::view::View;

/// What rows are grouped by.
#[derive(Debug, Clone)]
pub(super) enum By {
    Field(Field),
    Property(Arc<str>),
    /// The set of property names.
    Shape,
}

impl By {
    fn column(&self, columns: &Columns, chunk: &Chunk) -> Result<Arc<TextColumn>, StoreError> {
        match self {
            Self::Field(field) => columns.text(chunk, *field),
            Self::Property(name) => columns.property(chunk, name),
            Self::Shape => columns.shapes(chunk),
        }
    }
}

/// What to count.
#[derive(Debug, Clone, Default)]
pub(super) struct Counting<'a> {
    pub(super) filters: &'a [Filter],
    /// At most [`StatsQuestion::MAX_DIMENSIONS`].
    pub(super) by: Vec<By>,
    pub(super) buckets: Option<Buckets>,
    pub(super) uniques: bool,
    /// The earliest and latest event of each group.
    pub(super) spans: bool,
    /// The property to add up.
    pub(super) number: Option<Arc<str>>,
}

/// The numbers of every group, by the group's place.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) groups: Finished,
    pub(super) events: Vec<u64>,
    /// Empty unless asked for.
    pub(super) uniques: Vec<u64>,
    /// Empty unless asked for.
    pub(super) spans: Vec<(i64, i64)>,
    /// Empty unless asked for.
    pub(super) sums: Vec<Sum>,
}

/// Counts the view's rows.
pub(super) fn count(view: &View, counting: &Counting<'_>, stop: &Stop) -> Result<Counted, StoreError> {
    let labels = Labels::default();
    let parts = run::each_span(view, stop, Part::default, |part, span| {
        let Some(selection) = select(view, span, counting.filters)? else { return Ok(()) };
        part.add(view, counting, span, &selection, &labels)
    })?;
    let whole = parts.into_iter().reduce(Part::merge).unwrap_or_default();
    let groups = labels.finish();
    let count = groups.labels.len();
    Ok(Counted {
        events: padded(whole.events, count, 0),
        uniques: if counting.uniques { whole.visitors.counts(count) } else { Vec::new() },
        spans: if counting.spans { padded(whole.spans, count, NO_SPAN) } else { Vec::new() },
        sums: if counting.number.is_some() { padded(whole.sums, count, Sum::default()) } else { Vec::new() },
        groups,
    })
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
        span: &Span<'_>,
        selection: &Selection,
        labels: &Labels,
    ) -> Result<(), StoreError> {
        let columns = &view.shared.columns;
        let mut local = Local::new(selection, counting.buckets);
        let mut texts = Vec::with_capacity(counting.by.len());
        for by in &counting.by {
            let column = by.column(columns, span.chunk)?;
            local.divide(selection, &column);
            texts.push(column);
        }
        let counts = local.counts(selection);
        let (groups, count) = local.groups(&counts, &texts, labels);
        self.events.resize(self.events.len().max(count), 0);
        for (group, events) in groups.iter().zip(&counts).filter(|(_, events)| **events > 0) {
            self.events[*group as usize] += u64::from(*events);
        }
        if counting.uniques {
            let visitors = columns.visitors(span.chunk, &view.visitors)?;
            self.visitors.reserve(count, view.visitors.len());
            self.add_visitors(&local, &groups, selection, &visitors);
        }
        if counting.spans {
            self.spans.resize(self.spans.len().max(count), NO_SPAN);
            local.each(selection, |row, id| {
                let span = &mut self.spans[groups[id as usize] as usize];
                let time = selection.times[row];
                *span = (span.0.min(time), span.1.max(time));
            });
        }
        if let Some(name) = &counting.number {
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

    fn add_visitors(&mut self, local: &Local, groups: &[u32], selection: &Selection, visitors: &[u32]) {
        let group_of = |id: &u32| groups[*id as usize];
        match (&local.ids, &selection.rows) {
            (None, Rows::Span(rows)) => {
                self.visitors.add_group(groups[0], visitors[rows.clone()].iter().copied());
            }
            (None, Rows::List(rows)) => {
                self.visitors.add_group(groups[0], rows.iter().map(|row| visitors[*row as usize]));
            }
            (Some(ids), Rows::Span(rows)) => {
                self.visitors.add(ids.iter().map(group_of).zip(visitors[rows.clone()].iter().copied()));
            }
            (Some(ids), Rows::List(rows)) => {
                self.visitors.add(ids.iter().map(group_of).zip(rows.iter().map(|row| visitors[*row as usize])));
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

/// How a local group number was made from the one before it and a code.
#[derive(Debug)]
enum Step {
    /// number = before × codes + code
    Product { codes: u32 },
    /// Each combination that occurs: before in the upper half, code in the lower.
    Listed(Vec<u64>),
}

/// The local group numbers of the selected rows of one span.
#[derive(Debug)]
struct Local {
    /// By the row's place in the selection; none while there is one group only.
    ids: Option<Vec<u32>>,
    /// Numbers are below this.
    count: usize,
    /// The start of each bucket.
    buckets: Vec<i64>,
    steps: Vec<Step>,
}

impl Local {
    fn new(selection: &Selection, buckets: Option<Buckets>) -> Self {
        let Some(buckets) = buckets else {
            return Self { ids: None, count: 1, buckets: Vec::new(), steps: Vec::new() };
        };
        let (ids, starts) = bucket_ids(selection, buckets);
        Self { ids: Some(ids), count: starts.len(), buckets: starts, steps: Vec::new() }
    }

    /// Splits every group by the codes of a column.
    fn divide(&mut self, selection: &Selection, column: &TextColumn) {
        let codes = column.dictionary.len();
        let rows = selection.rows.len();
        let product = self.count.saturating_mul(codes);
        if product <= 4096.max(rows) {
            let ids = with_codes!(&column.codes, |values| {
                combined(self.ids.take(), &selection.rows, |id, row| id * codes as u32 + u32::from(values[row]))
            });
            self.ids = Some(ids);
            self.count = product;
            self.steps.push(Step::Product { codes: codes as u32 });
            return;
        }
        let mut listed = Vec::new();
        let mut known: HashTable<u32> = HashTable::with_capacity(rows.min(product) / 8);
        let ids = combined(self.ids.take(), &selection.rows, |id, row| {
            let pair = u64::from(id) << 32 | u64::from(column.codes.get(row));
            let same = |id: &u32| listed[*id as usize] == pair;
            if let Some(id) = known.find(spread(pair), same) {
                return *id;
            }
            let id = listed.len() as u32;
            listed.push(pair);
            known.insert_unique(spread(pair), id, |id| spread(listed[*id as usize]));
            id
        });
        self.ids = Some(ids);
        self.count = listed.len();
        self.steps.push(Step::Listed(listed));
    }

    /// The events of each local group.
    fn counts(&self, selection: &Selection) -> Vec<u32> {
        let Some(ids) = &self.ids else { return vec![selection.rows.len() as u32] };
        let mut counts = vec![0; self.count];
        ids.iter().for_each(|id| counts[*id as usize] += 1);
        counts
    }

    /// The answer's group of each local group that has events, and how many the answer has now.
    fn groups(&self, counts: &[u32], texts: &[Arc<TextColumn>], labels: &Labels) -> (Vec<u32>, usize) {
        let mut codes: Vec<Vec<u32>> = texts.iter().map(|column| vec![u32::MAX; column.dictionary.len()]).collect();
        labels.with(|numbers| {
            let mut groups = vec![0; self.count];
            for (id, group) in groups.iter_mut().enumerate().filter(|(id, _)| counts[*id] > 0) {
                let (bucket, local) = self.taken_apart(id as u32);
                let mut label = Label { bucket, codes: [0; StatsQuestion::MAX_DIMENSIONS] };
                for (dimension, column) in texts.iter().enumerate() {
                    let code = &mut codes[dimension][local[dimension] as usize];
                    if *code == u32::MAX {
                        *code = numbers.code(dimension, column.dictionary.get(local[dimension]));
                    }
                    label.codes[dimension] = *code;
                }
                *group = numbers.number(label);
            }
            (groups, numbers.len())
        })
    }

    /// The bucket and the codes that a local group number was made from.
    fn taken_apart(&self, mut id: u32) -> (i64, [u32; StatsQuestion::MAX_DIMENSIONS]) {
        let mut local = [0; StatsQuestion::MAX_DIMENSIONS];
        for (dimension, step) in self.steps.iter().enumerate().rev() {
            (id, local[dimension]) = match step {
                Step::Product { codes } => (id / codes, id % codes),
                Step::Listed(listed) => ((listed[id as usize] >> 32) as u32, listed[id as usize] as u32),
            };
        }
        (self.buckets.get(id as usize).copied().unwrap_or_default(), local)
    }

    /// Calls `each` with every selected row and its local group.
    fn each(&self, selection: &Selection, mut each: impl FnMut(usize, u32)) {
        let mut place = 0;
        selection.rows.each(|row| {
            each(row, self.ids.as_ref().map_or(0, |ids| ids[place]));
            place += 1;
        });
    }
}

/// New numbers for the selected rows, from their numbers so far.
fn combined(ids: Option<Vec<u32>>, rows: &Rows, mut number: impl FnMut(u32, usize) -> u32) -> Vec<u32> {
    match (ids, rows) {
        (None, Rows::Span(rows)) => rows.clone().map(|row| number(0, row)).collect(),
        (None, Rows::List(rows)) => rows.iter().map(|row| number(0, *row as usize)).collect(),
        (Some(mut ids), Rows::Span(rows)) => {
            ids.iter_mut().zip(rows.clone()).for_each(|(id, row)| *id = number(*id, row));
            ids
        }
        (Some(mut ids), Rows::List(rows)) => {
            ids.iter_mut().zip(rows).for_each(|(id, row)| *id = number(*id, *row as usize));
            ids
        }
    }
}

/// The bucket of each selected row, and where the buckets start.
fn bucket_ids(selection: &Selection, buckets: Buckets) -> (Vec<u32>, Vec<i64>) {
    let mut starts: Vec<i64> = Vec::new();
    let mut numbers: HashMap<i64, u32> = HashMap::new();
    // Spans of time whose bucket is known, by their first instant; rows nearly always stay in
    // the one they are in.
    let mut known: BTreeMap<i64, (i64, u32)> = BTreeMap::new();
    let (mut from, mut to, mut id) = (i64::MAX, i64::MIN, 0);
    let mut ids = Vec::with_capacity(selection.rows.len());
    selection.rows.each(|row| {
        let time = selection.times[row];
        if time < from || time >= to {
            let found = known.range(..=time).next_back().filter(|(_, (to, _))| time < *to);
            (from, to, id) = if let Some((from, (to, id))) = found {
                (*from, *to, *id)
            } else {
                let bucket = calendar::bucket_at(buckets, time);
                let id = *numbers.entry(bucket.start).or_insert_with(|| {
                    starts.push(bucket.start);
                    starts.len() as u32 - 1
                });
                known.insert(bucket.from, (bucket.to, id));
                (bucket.from, bucket.to, id)
            };
        }
        ids.push(id);
    });
    (ids, starts)
}
