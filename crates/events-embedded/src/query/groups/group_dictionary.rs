//! The groups of a response while they are counted: numbers each distinct combination of a bucket and texts,
//! with the same number on every core.
//!
//! Texts come from untrusted senders, so the number of groups and their bytes are limited. Groups beyond the
//! limit, or that are not among the [`Frequent`] ones, are counted together as one group ("other").

use std::cmp::Ordering;
use std::sync::Arc;

use hashbrown::HashMap;
use millimetric_core::query::StatsQuery;
use parking_lot::Mutex;

use crate::encoding::text::{Dictionary, Interner, TextColumn};
use crate::query::groups::frequent::Frequent;
use crate::query::groups::series::ChosenGroups;

/// The columns of a query, and the currency.
pub(crate) const DIMENSIONS: usize = StatsQuery::MAX_DIMENSIONS + 1;
/// Most bytes of all texts, for each group that may be counted separately.
const TEXT_BYTES: usize = 256;

/// A group: the start of its bucket, and a code for each dimension (0: no value).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct GroupKey {
    pub(crate) bucket: i64,
    codes: [u32; DIMENSIONS],
}

impl GroupKey {
    /// The group of all that is not counted separately.
    const OTHER: Self = Self { bucket: i64::MIN, codes: [Code::NONE; DIMENSIONS] };
}

/// Codes of texts in the dictionary, by their code in a column of a chunk.
#[derive(Debug)]
pub(crate) struct Code;

impl Code {
    /// Sentinel: not looked up yet, or there is no room for the text.
    pub(crate) const NONE: u32 = u32::MAX;

    /// Returns codes for each column that are not looked up yet.
    pub(crate) fn unknown(columns: &[Arc<TextColumn>]) -> Vec<Vec<u32>> {
        columns.iter().map(|column| vec![Self::NONE; column.dictionary.len()]).collect()
    }
}

/// Numbers groups, and assigns codes to their texts.
#[derive(Debug)]
pub(crate) struct GroupDictionary(Mutex<Numbers>);

#[derive(Debug)]
pub(crate) struct Numbers {
    texts: [Interner; DIMENSIONS],
    text_bytes: usize,
    by_key: HashMap<GroupKey, u32>,
    keys: Vec<GroupKey>,
    /// Most groups that are counted separately.
    limit: usize,
    frequent: Option<Arc<Frequent>>,
    only: Option<Arc<ChosenGroups>>,
    too_many: bool,
}

impl GroupDictionary {
    /// `limit` is the highest number of groups that are counted separately; if there are more, `frequent`
    /// selects them.
    pub(crate) fn new(limit: usize, frequent: Option<Arc<Frequent>>) -> Self {
        Self(Mutex::new(Numbers {
            texts: Default::default(),
            text_bytes: 0,
            by_key: HashMap::new(),
            keys: Vec::new(),
            limit,
            frequent,
            only: None,
            too_many: false,
        }))
    }

    /// Counts all groups but these together, if there are any.
    pub(crate) fn only(mut self, groups: Option<Arc<ChosenGroups>>) -> Self {
        self.0.get_mut().only = groups;
        self
    }

    /// Calls `work` with the numbers while they are locked.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Numbers) -> T) -> T {
        work(&mut self.0.lock())
    }

    /// Whether there were more groups than the limit.
    pub(crate) fn too_many(&self) -> bool {
        self.0.lock().too_many
    }

    /// The rank of each group so far in the order of [`Finished::compare`].
    pub(crate) fn ranks(&self, dimensions: usize) -> Vec<u32> {
        let numbers = self.0.lock();
        let mut groups: Vec<u32> = (0..numbers.len() as u32).collect();
        groups.sort_unstable_by(|a, b| {
            let texts = |group: u32| (0..dimensions).map(move |dimension| (group, dimension));
            let text = |(group, dimension)| numbers.text(group, dimension);
            texts(*a).map(text).cmp(texts(*b).map(text))
        });
        let mut ranks = vec![0; groups.len()];
        (0..).zip(groups).for_each(|(rank, group)| ranks[group as usize] = rank);
        ranks
    }

    pub(crate) fn finish(self) -> Finished {
        let numbers = self.0.into_inner();
        let other = numbers.by_key.get(&GroupKey::OTHER).map(|group| *group as usize);
        Finished { texts: numbers.texts.map(Interner::into_dictionary), keys: numbers.keys, other }
    }
}

impl Numbers {
    /// Returns the number of a group, given by its bucket and the code of its text in each column. `known`
    /// caches the codes of texts that were looked up.
    pub(crate) fn group(
        &mut self,
        bucket: i64,
        columns: &[Arc<TextColumn>],
        codes: &[u32],
        known: &mut [Vec<u32>],
    ) -> u32 {
        let text = |dimension: usize| columns[dimension].dictionary.get(codes[dimension]);
        if let Some(frequent) = &self.frequent
            && !frequent.has(frequent.hash(bucket, (0..columns.len()).map(text)))
        {
            return self.add(GroupKey::OTHER);
        }
        if let Some(only) = &self.only
            && !only.has((0..columns.len()).map(text))
        {
            return self.add(GroupKey::OTHER);
        }
        let mut key = GroupKey { bucket, codes: [0; DIMENSIONS] };
        for (dimension, known) in known.iter_mut().enumerate() {
            let code = &mut known[codes[dimension] as usize];
            if *code == Code::NONE {
                *code = self.code(dimension, text(dimension));
            }
            key.codes[dimension] = *code;
        }
        self.number(key)
    }

    /// Returns the number of each of these groups, which another dictionary has numbered. They must not
    /// include the group of all others.
    pub(crate) fn add_all(&mut self, groups: &Finished) -> Vec<u32> {
        let mut number = |key: &GroupKey| {
            let mut codes = key.codes;
            for (dimension, code) in codes.iter_mut().enumerate() {
                *code = self.code(dimension, groups.texts[dimension].get(*code));
            }
            self.number(GroupKey { codes, ..*key })
        };
        groups.keys.iter().map(&mut number).collect()
    }

    /// Number of groups.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Returns the code of a text; [`Code::NONE`] if it is new and there is no room.
    fn code(&mut self, dimension: usize, text: Option<&str>) -> u32 {
        let interner = &mut self.texts[dimension];
        let Some(new) = text.filter(|text| interner.known(text.as_bytes()).is_none()) else {
            return interner.code(text);
        };
        if self.text_bytes + new.len() > self.limit.saturating_mul(TEXT_BYTES) {
            return Code::NONE;
        }
        self.text_bytes += new.len();
        interner.code(text)
    }

    fn number(&mut self, key: GroupKey) -> u32 {
        if let Some(number) = self.by_key.get(&key) {
            return *number;
        }
        if self.keys.len() >= self.limit || key.codes.contains(&Code::NONE) {
            self.too_many = true;
            return self.add(GroupKey::OTHER);
        }
        self.add(key)
    }

    fn add(&mut self, key: GroupKey) -> u32 {
        *self.by_key.entry(key).or_insert_with(|| {
            self.keys.push(key);
            self.keys.len() as u32 - 1
        })
    }

    fn text(&self, group: u32, dimension: usize) -> Option<&str> {
        match self.keys[group as usize].codes[dimension] {
            Code::NONE => None,
            code => self.texts[dimension].dictionary().get(code),
        }
    }
}

/// The groups after counting.
#[derive(Debug, Default)]
pub(crate) struct Finished {
    texts: [Dictionary; DIMENSIONS],
    keys: Vec<GroupKey>,
    /// The number of the group of all others, if it exists.
    pub(crate) other: Option<usize>,
}

impl Finished {
    /// Number of groups, including that of all others.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The numbers of the groups that are counted separately.
    pub(crate) fn apart(&self) -> impl Iterator<Item = usize> {
        (0..self.len()).filter(|group| self.other != Some(*group))
    }

    /// The start of a group's bucket.
    pub(crate) fn bucket(&self, group: usize) -> i64 {
        self.keys[group].bucket
    }

    pub(crate) fn text(&self, group: usize, dimension: usize) -> Option<&str> {
        match self.keys[group].codes[dimension] {
            Code::NONE => None,
            code => self.texts[dimension].get(code),
        }
    }

    /// The texts of a group.
    pub(crate) fn texts(&self, group: usize, dimensions: usize) -> impl Iterator<Item = Option<&str>> {
        (0..dimensions).map(move |dimension| self.text(group, dimension))
    }

    /// What groups that differ in their bucket only have in common.
    pub(crate) fn series(&self, group: usize) -> [u32; DIMENSIONS] {
        self.keys[group].codes
    }

    /// Memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.texts.iter().map(Dictionary::bytes).sum::<usize>() + size_of_val(self.keys.as_slice())
    }

    /// Compares the texts, dimension by dimension: no value first, then texts by their bytes.
    pub(crate) fn compare(&self, a: usize, b: usize, dimensions: usize) -> Ordering {
        (0..dimensions)
            .map(|dimension| self.text(a, dimension).cmp(&self.text(b, dimension)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}
