//! The groups of an answer while it is being counted: a number for each distinct combination of
//! bucket and texts, the same on every core.

use std::cmp::Ordering;

use hashbrown::HashMap;
use millimetric_core::query::StatsQuestion;
use parking_lot::Mutex;

use crate::embedded::text::{Dictionary, Interner};

/// A group: its bucket's start, and a code for each dimension (0: no value).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Label {
    pub(super) bucket: i64,
    pub(super) codes: [u32; StatsQuestion::MAX_DIMENSIONS],
}

impl Label {
    /// The group of one dimension's code.
    pub(super) fn of_one(code: u32) -> Self {
        let mut label = Self { bucket: 0, codes: [0; StatsQuestion::MAX_DIMENSIONS] };
        label.codes[0] = code;
        label
    }
}

/// Gives numbers to labels and codes to texts.
#[derive(Debug, Default)]
pub(super) struct Labels(Mutex<Numbers>);

#[derive(Debug, Default)]
pub(super) struct Numbers {
    texts: [Interner; StatsQuestion::MAX_DIMENSIONS],
    by_label: HashMap<Label, u32>,
    labels: Vec<Label>,
}

impl Labels {
    /// Does something with the numbers that no other core may disturb.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Numbers) -> T) -> T {
        work(&mut self.0.lock())
    }

    /// The place of each group so far among all of them in the order of [`Finished::compare`].
    pub(super) fn ranks(&self, dimensions: usize) -> Vec<u32> {
        let numbers = self.0.lock();
        let text = |group: u32, dimension: usize| {
            numbers.texts[dimension].dictionary().get(numbers.labels[group as usize].codes[dimension])
        };
        let mut groups: Vec<u32> = (0..numbers.len() as u32).collect();
        groups.sort_unstable_by(|a, b| {
            (0..dimensions).map(|place| text(*a, place)).cmp((0..dimensions).map(|place| text(*b, place)))
        });
        let mut ranks = vec![0; groups.len()];
        (0..).zip(groups).for_each(|(rank, group)| ranks[group as usize] = rank);
        ranks
    }

    /// Compares two groups of one dimension as [`Finished::compare`] does.
    pub(super) fn compare(&self, a: u32, b: u32) -> Ordering {
        let numbers = self.0.lock();
        let text = |group: u32| numbers.texts[0].dictionary().get(numbers.labels[group as usize].codes[0]);
        text(a).cmp(&text(b))
    }

    pub(super) fn finish(self) -> Finished {
        let numbers = self.0.into_inner();
        Finished { texts: numbers.texts.map(Interner::into_dictionary), labels: numbers.labels }
    }
}

impl Numbers {
    pub(super) fn code(&mut self, dimension: usize, text: Option<&str>) -> u32 {
        self.texts[dimension].code(text)
    }

    pub(super) fn number(&mut self, label: Label) -> u32 {
        *self.by_label.entry(label).or_insert_with(|| {
            self.labels.push(label);
            self.labels.len() as u32 - 1
        })
    }

    /// The numbers of groups that were counted elsewhere.
    pub(super) fn add(&mut self, groups: &Finished) -> Vec<u32> {
        let mut number = |label: &Label| {
            let mut codes = label.codes;
            for (dimension, code) in codes.iter_mut().enumerate() {
                *code = self.code(dimension, groups.texts[dimension].get(*code));
            }
            self.number(Label { codes, ..*label })
        };
        groups.labels.iter().map(&mut number).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }
}

/// The groups once all is counted.
#[derive(Debug, Default)]
pub(super) struct Finished {
    texts: [Dictionary; StatsQuestion::MAX_DIMENSIONS],
    pub(super) labels: Vec<Label>,
}

impl Finished {
    pub(super) fn text(&self, group: usize, dimension: usize) -> Option<&str> {
        self.texts[dimension].get(self.labels[group].codes[dimension])
    }

    /// Memory that they take.
    pub(super) fn bytes(&self) -> usize {
        self.texts.iter().map(Dictionary::bytes).sum::<usize>() + size_of_val(self.labels.as_slice())
    }

    /// By the texts, dimension after dimension; no value first, texts by their bytes.
    pub(super) fn compare(&self, a: usize, b: usize, dimensions: usize) -> Ordering {
        (0..dimensions)
            .map(|dimension| self.text(a, dimension).cmp(&self.text(b, dimension)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}
