//! Codes of a dictionary that pass a test: which rows pass is then decided by their codes alone.

use std::sync::Arc;

use hashbrown::HashSet;
use millimetric_core::query::{PathPattern, Test};
use millimetric_events::StoreError;

use crate::columns::cache::CachedPart;
use crate::columns::group_column::GroupColumn;
use crate::columns::{Chunk, Columns};
use crate::encoding::text::Dictionary;

/// Codes of one dictionary. Code 0, which is "no value", is never among them.
#[derive(Debug, Clone)]
pub(crate) enum CodeSet {
    One(u32),
    /// A bit for each code.
    Several(Arc<Vec<u64>>),
}

impl CodeSet {
    /// Whether the code is among them.
    pub(crate) fn has(&self, code: u32) -> bool {
        match self {
            Self::One(only) => *only == code,
            Self::Several(bits) => bits[code as usize / 64] >> (code % 64) & 1 == 1,
        }
    }
}

impl Columns {
    /// The codes of a column of the chunk that pass a test; `None` if none does. Whether a path matches is
    /// computed once for each distinct path of a chunk, and cached.
    pub(crate) fn passing(
        &self,
        chunk: &Chunk,
        column: &GroupColumn,
        dictionary: &Dictionary,
        test: &Test,
    ) -> Result<Option<CodeSet>, StoreError> {
        let bits = match (test, column) {
            (Test::OneOf(values), _) => match values.as_slice() {
                [only] => return Ok(dictionary.find(only).map(CodeSet::One)),
                several => Arc::new(one_of(dictionary, several)),
            },
            (Test::Matches(pattern), GroupColumn::Column(column)) => {
                let part = CachedPart::Matching(*column, Arc::from(pattern.as_str()));
                self.derived(chunk, part, || Ok(matching(dictionary, pattern)))?
            }
            // These columns depend on other chunks, and properties are few.
            (Test::Matches(pattern), _) => Arc::new(matching(dictionary, pattern)),
        };
        Ok(bits.iter().any(|word| *word != 0).then_some(CodeSet::Several(bits)))
    }
}

fn one_of(dictionary: &Dictionary, values: &[String]) -> Vec<u64> {
    let values: HashSet<&str> = values.iter().map(String::as_str).collect();
    bits(dictionary, |text| values.contains(text))
}

fn matching(dictionary: &Dictionary, pattern: &PathPattern) -> Vec<u64> {
    bits(dictionary, |text| pattern.matches(text))
}

/// A bit for each code of the dictionary: whether its text passes.
fn bits(dictionary: &Dictionary, passes: impl Fn(&str) -> bool) -> Vec<u64> {
    let mut bits = vec![0; dictionary.len().div_ceil(64)];
    for (code, text) in (1..).zip(dictionary.texts()) {
        bits[code / 64] |= u64::from(passes(text)) << (code % 64);
    }
    bits
}
