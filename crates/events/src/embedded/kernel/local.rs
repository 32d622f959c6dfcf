//! Local group numbers: within one span each row gets a small number, combined from its bucket
//! and the codes of the dimensions. What a number means for the whole answer is told once per
//! group and not once per row.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::{HashMap, HashTable};
use millimetric_core::query::{Buckets, StatsQuestion};

use super::calendar;
use super::distinct::spread;
use super::labels::{Label, Labels};
use super::select::{Rows, Selection};
use crate::embedded::text::{TextColumn, widen, with_codes};

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
pub(super) struct Local {
    /// By the row's place in the selection; none while there is one group only.
    pub(super) ids: Option<Vec<u32>>,
    /// Numbers are below this.
    count: usize,
    /// The start of each bucket.
    buckets: Vec<i64>,
    steps: Vec<Step>,
}

impl Local {
    pub(super) fn new(selection: &Selection, buckets: Option<Buckets>) -> Self {
        let Some(buckets) = buckets else {
            return Self { ids: None, count: 1, buckets: Vec::new(), steps: Vec::new() };
        };
        let (ids, starts) = bucket_ids(selection, buckets);
        Self { ids: Some(ids), count: starts.len(), buckets: starts, steps: Vec::new() }
    }

    /// Splits every group by the codes of a column.
    pub(super) fn divide(&mut self, selection: &Selection, column: &TextColumn) {
        let codes = column.dictionary.len();
        let rows = selection.rows.len();
        let product = self.count.saturating_mul(codes);
        if product <= 4096.max(rows) {
            let ids = with_codes!(&column.codes, |values| {
                combined(self.ids.take(), &selection.rows, |id, row| id * codes as u32 + widen(values[row]))
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
    pub(super) fn counts(&self, selection: &Selection) -> Vec<u32> {
        let Some(ids) = &self.ids else { return vec![selection.rows.len() as u32] };
        let mut counts = vec![0; self.count];
        for id in ids {
            counts[*id as usize] += 1;
        }
        counts
    }

    /// The answer's group of each local group that has events, and how many the answer has now.
    pub(super) fn groups(
        &self,
        counts: &[u32],
        texts: &[Arc<TextColumn>],
        labels: &Labels,
    ) -> (Vec<u32>, usize) {
        let mut codes: Vec<Vec<u32>> =
            texts.iter().map(|column| vec![u32::MAX; column.dictionary.len()]).collect();
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
    pub(super) fn each(&self, selection: &Selection, mut each: impl FnMut(usize, u32)) {
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
