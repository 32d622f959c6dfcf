//! Local group numbers: within one span each row gets a small number, computed from its bucket and the codes
//! of its dimensions. Looking a group up in the dictionary of the response happens once per local group, not
//! once per row.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::{HashMap, HashTable};
use millimetric_core::query::StatsBuckets;

use crate::columns::rows::Rows;
use crate::encoding::text::{TextColumn, widen, with_codes};
use crate::encoding::times::Times;
use crate::query::groups::calendar::{self, Bucket};
use crate::query::groups::frequent::Frequent;
use crate::query::groups::group_dictionary::{Code, DIMENSIONS, GroupDictionary};
use crate::query::select::Selection;

/// How a local group number is computed from the previous number and a code.
#[derive(Debug)]
enum Step {
    /// number = previous × codes + code
    Product { codes: u32 },
    /// An index into the combinations that occur; the previous number is in the upper half, the code in the
    /// lower.
    Listed(Vec<u64>),
}

/// The local group number of each selected row, in their order.
#[derive(Debug)]
pub(crate) enum Ids {
    /// All rows are in group 0.
    One,
    /// Runs of rows of one group: the exclusive end index of each, and the group.
    Runs(Vec<(usize, u32)>),
    Each(Vec<u32>),
}

/// The local group numbers of the selected rows of one span.
#[derive(Debug)]
pub(crate) struct LocalGroups {
    pub(crate) ids: Ids,
    /// Numbers are below this.
    count: usize,
    /// The start of each bucket; of a cyclic one, its number.
    buckets: Vec<i64>,
    steps: Vec<Step>,
}

impl LocalGroups {
    pub(crate) fn new(selection: &Selection, buckets: Option<StatsBuckets>) -> Self {
        let (ids, starts) = match (buckets, &selection.rows) {
            (None, _) => (Ids::One, Vec::new()),
            (Some(buckets), Rows::Span(rows)) if selection.sorted => {
                bucket_runs(&selection.times, rows.clone(), buckets)
            }
            (Some(buckets), _) => bucket_ids(selection, buckets),
        };
        Self { ids, count: starts.len().max(1), buckets: starts, steps: Vec::new() }
    }

    /// Divides every group by the codes of a column.
    pub(crate) fn divide(&mut self, selection: &Selection, column: &TextColumn) {
        let rows = &selection.rows;
        let before = std::mem::replace(&mut self.ids, Ids::One).each(rows.len());
        let Some(codes) = self.product(column, rows.len()) else {
            let (ids, listed) = listed(before, rows, column);
            self.ids = Ids::Each(ids);
            self.count = listed.len();
            self.steps.push(Step::Listed(listed));
            return;
        };
        self.ids = Ids::Each(with_codes!(&column.codes, |values| match (before, rows) {
            (None, Rows::Span(rows)) => values[rows.clone()].iter().map(|code| widen(*code)).collect(),
            (None, Rows::List(rows)) => rows.iter().map(|row| widen(values[*row as usize])).collect(),
            (Some(mut ids), Rows::Span(rows)) => {
                let next = |(id, code): (&mut u32, &_)| *id = *id * codes + widen(*code);
                ids.iter_mut().zip(&values[rows.clone()]).for_each(next);
                ids
            }
            (Some(mut ids), Rows::List(rows)) => {
                let next = |(id, row): (&mut u32, &u32)| *id = *id * codes + widen(values[*row as usize]);
                ids.iter_mut().zip(rows).for_each(next);
                ids
            }
        }));
        self.count *= codes as usize;
        self.steps.push(Step::Product { codes });
    }

    /// Divides every group by the codes of the last column and returns the number of events of each group,
    /// without storing the group of each row. `None` if there are too many combinations.
    pub(crate) fn divide_and_count(
        &mut self,
        selection: &Selection,
        column: &TextColumn,
    ) -> Option<Vec<u32>> {
        let rows = &selection.rows;
        let codes = self.product(column, rows.len())?;
        let before = std::mem::replace(&mut self.ids, Ids::One).each(rows.len());
        self.count *= codes as usize;
        self.steps.push(Step::Product { codes });
        let mut counts = vec![0; self.count];
        let mut count = |id: u32| counts[id as usize] += 1;
        with_codes!(&column.codes, |values| match (before, rows) {
            (None, Rows::Span(rows)) => values[rows.clone()].iter().for_each(|code| count(widen(*code))),
            (None, Rows::List(rows)) => rows.iter().for_each(|row| count(widen(values[*row as usize]))),
            (Some(ids), Rows::Span(rows)) => {
                let pairs = ids.iter().zip(&values[rows.clone()]);
                pairs.for_each(|(id, code)| count(id * codes + widen(*code)));
            }
            (Some(ids), Rows::List(rows)) => {
                let pairs = ids.iter().zip(rows);
                pairs.for_each(|(id, row)| count(id * codes + widen(values[*row as usize])));
            }
        });
        Some(counts)
    }

    /// The number of codes of the column, if an array can hold all combinations with the groups so far.
    fn product(&self, column: &TextColumn, rows: usize) -> Option<u32> {
        let codes = column.dictionary.len();
        (self.count.saturating_mul(codes) <= rows.max(4096)).then_some(codes as u32)
    }

    /// The number of events of each local group.
    pub(crate) fn counts(&self, selection: &Selection) -> Vec<u32> {
        let mut counts = vec![0; self.count];
        match &self.ids {
            Ids::One => counts[0] = selection.rows.len() as u32,
            Ids::Runs(runs) => {
                let mut start = 0;
                for (end, id) in runs {
                    counts[*id as usize] += (end - start) as u32;
                    start = *end;
                }
            }
            Ids::Each(ids) => ids.iter().for_each(|id| counts[*id as usize] += 1),
        }
        counts
    }

    /// Returns the number in the dictionary of each local group that has events, and the size of the
    /// dictionary.
    pub(crate) fn groups(
        &self,
        counts: &[u32],
        texts: &[Arc<TextColumn>],
        dictionary: &GroupDictionary,
    ) -> (Vec<u32>, usize) {
        let mut known = Code::unknown(texts);
        dictionary.with(|numbers| {
            let mut groups = vec![0; self.count];
            for (id, group) in groups.iter_mut().enumerate().filter(|(id, _)| counts[*id] > 0) {
                let (bucket, codes) = self.decode(id as u32);
                *group = numbers.group(bucket, texts, &codes, &mut known);
            }
            (groups, numbers.len())
        })
    }

    /// Adds the number of events of each local group to a sketch.
    pub(crate) fn sketch(&self, counts: &[u32], texts: &[Arc<TextColumn>], frequent: &Frequent) {
        for (id, count) in (0..).zip(counts).filter(|(_, count)| **count > 0) {
            let (bucket, codes) = self.decode(id);
            let texts = texts.iter().zip(codes).map(|(column, code)| column.dictionary.get(code));
            frequent.add(frequent.hash(bucket, texts), *count);
        }
    }

    /// The bucket and the codes that a local group number was computed from.
    fn decode(&self, mut id: u32) -> (i64, [u32; DIMENSIONS]) {
        let mut local = [0; DIMENSIONS];
        for (dimension, step) in self.steps.iter().enumerate().rev() {
            (id, local[dimension]) = match step {
                Step::Product { codes } => (id / codes, id % codes),
                Step::Listed(listed) => ((listed[id as usize] >> 32) as u32, listed[id as usize] as u32),
            };
        }
        (self.buckets.get(id as usize).copied().unwrap_or_default(), local)
    }

    /// Returns a function from an index in the selection to the number in the dictionary of the row's group.
    pub(crate) fn group_at(self, selection: &Selection, groups: &[u32]) -> impl Fn(usize) -> u32 {
        let ids = self.ids.each(selection.rows.len());
        move |index| ids.as_ref().map_or(groups[0], |ids| groups[ids[index] as usize])
    }

    /// Calls `each` with every selected row and its local group.
    pub(crate) fn each(self, selection: &Selection, mut each: impl FnMut(usize, u32)) {
        let ids = self.ids.each(selection.rows.len());
        let mut index = 0;
        selection.rows.each(|row| {
            each(row, ids.as_ref().map_or(0, |ids| ids[index]));
            index += 1;
        });
    }
}

impl Ids {
    /// A number for each row; `None` if there is only one group.
    fn each(self, rows: usize) -> Option<Vec<u32>> {
        match self {
            Self::One => None,
            Self::Each(ids) => Some(ids),
            Self::Runs(runs) => {
                let mut ids = Vec::with_capacity(rows);
                for (end, id) in runs {
                    ids.resize(end, id);
                }
                Some(ids)
            }
        }
    }
}

/// Numbers the combinations that occur, if there are too many possible ones for an array.
fn listed(before: Option<Vec<u32>>, rows: &Rows, column: &TextColumn) -> (Vec<u32>, Vec<u64>) {
    let mut listed = Vec::new();
    let mut known: HashTable<u32> = HashTable::new();
    let mut ids = before.unwrap_or_else(|| vec![0; rows.len()]);
    let mut index = 0;
    rows.each(|row| {
        let pair = u64::from(ids[index]) << 32 | u64::from(column.codes.get(row));
        let found = known.find(spread(pair), |id| listed[*id as usize] == pair).copied();
        ids[index] = found.unwrap_or_else(|| {
            let id = listed.len() as u32;
            listed.push(pair);
            known.insert_unique(spread(pair), id, |id| spread(listed[*id as usize]));
            id
        });
        index += 1;
    });
    (ids, listed)
}

/// Multiplicative hashing (Knuth). Numbers and codes are assigned by the store, so nobody can craft
/// collisions.
fn spread(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 32
}

/// Numbers buckets by their start; cyclic ones by their number.
struct NumberedBuckets {
    buckets: StatsBuckets,
    starts: Vec<i64>,
    numbers: HashMap<i64, u32>,
}

impl NumberedBuckets {
    fn new(buckets: StatsBuckets) -> Self {
        Self { buckets, starts: Vec::new(), numbers: HashMap::new() }
    }

    /// The bucket of a time, with its number.
    fn bucket(&mut self, time: i64) -> (Bucket, u32) {
        let bucket = calendar::bucket_at(self.buckets.spans(), time);
        let start = match self.buckets {
            StatsBuckets::Spans(_) => bucket.start,
            StatsBuckets::Cyclic(cyclic) => i64::from(cyclic.number(bucket.start)),
        };
        let number = *self.numbers.entry(start).or_insert_with(|| {
            self.starts.push(start);
            self.starts.len() as u32 - 1
        });
        (bucket, number)
    }
}

/// The buckets of rows with ascending times, and the start of each bucket.
fn bucket_runs(times: &Times, rows: Range<usize>, buckets: StatsBuckets) -> (Ids, Vec<i64>) {
    let mut starts = NumberedBuckets::new(buckets);
    let mut runs = Vec::new();
    let mut row = rows.start;
    while row < rows.end {
        let (bucket, number) = starts.bucket(times.at(row));
        row = times.first_from(row..rows.end, bucket.to);
        runs.push((row - rows.start, number));
    }
    (Ids::Runs(runs), starts.starts)
}

/// The bucket of each selected row, and the start of each bucket.
fn bucket_ids(selection: &Selection, buckets: StatsBuckets) -> (Ids, Vec<i64>) {
    let mut starts = NumberedBuckets::new(buckets);
    // Known buckets by their first instant. Consecutive rows are nearly always in the same bucket.
    let mut known: BTreeMap<i64, (i64, u32)> = BTreeMap::new();
    let (mut from, mut to, mut id) = (i64::MAX, i64::MIN, 0);
    let mut ids = Vec::with_capacity(selection.rows.len());
    selection.rows.each(|row| {
        let time = selection.times.at(row);
        if time < from || time >= to {
            let found = known.range(..=time).next_back().filter(|(_, (to, _))| time < *to);
            (from, to, id) = if let Some((from, (to, id))) = found {
                (*from, *to, *id)
            } else {
                let (bucket, id) = starts.bucket(time);
                known.insert(bucket.start, (bucket.to, id));
                (bucket.start, bucket.to, id)
            };
        }
        ids.push(id);
    });
    (Ids::Each(ids), starts.starts)
}
