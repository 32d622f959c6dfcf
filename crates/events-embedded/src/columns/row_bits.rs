//! A bitmap of the rows of a chunk: those that pass a filter.

use std::ops::Range;

use crate::encoding::heap_size::HeapSize;
use crate::encoding::text::{Codes, widen, with_codes};

/// A bit for each row of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowBits {
    words: Vec<u64>,
    rows: usize,
}

impl RowBits {
    /// The rows for which `holds` returns true.
    pub(crate) fn of(rows: usize, mut holds: impl FnMut(usize) -> bool) -> Self {
        let word = |start: usize| {
            let rows = start..rows.min(start + 64);
            rows.enumerate().fold(0, |word, (bit, row)| word | u64::from(holds(row)) << bit)
        };
        Self { words: (0..rows).step_by(64).map(word).collect(), rows }
    }

    /// The rows whose code passes; `passes` has an element for each code.
    pub(crate) fn of_codes(codes: &Codes, rows: usize, passes: &[bool]) -> Self {
        with_codes!(codes, |codes| Self::of(rows, |row| passes[widen(codes[row]) as usize]))
    }

    /// The rows that are not in it.
    pub(crate) fn inverse(mut self) -> Self {
        let unused = self.words.len() * 64 - self.rows;
        self.words.iter_mut().for_each(|word| *word = !*word);
        if let Some(last) = self.words.last_mut() {
            *last &= u64::MAX >> unused;
        }
        self
    }

    /// The rows that are in both.
    pub(crate) fn intersect(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(mine, theirs)| *mine &= theirs);
    }

    /// The rows that are in one of them.
    pub(crate) fn unite(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(mine, theirs)| *mine |= theirs);
    }

    /// Whether a row is in it.
    pub(crate) fn has(&self, row: usize) -> bool {
        self.words[row / 64] >> (row % 64) & 1 == 1
    }

    /// Whether no row is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The rows of a span that are in it, ascending.
    pub(crate) fn rows_in(&self, span: Range<usize>) -> Vec<u32> {
        let mut found = Vec::with_capacity(self.count_in(&span));
        self.each_word(&span, |start, mut word| {
            while word != 0 {
                found.push(start as u32 + word.trailing_zeros());
                word &= word - 1;
            }
        });
        found
    }

    fn count_in(&self, span: &Range<usize>) -> usize {
        let mut count = 0;
        self.each_word(span, |_, word| count += word.count_ones() as usize);
        count
    }

    /// Calls `each` with the first row of every word that overlaps the span, and the bits within the span.
    fn each_word(&self, span: &Range<usize>, mut each: impl FnMut(usize, u64)) {
        for index in span.start / 64..span.end.div_ceil(64) {
            let start = index * 64;
            let below = u64::MAX >> (64 - (span.end - start).min(64));
            let above = u64::MAX << span.start.saturating_sub(start);
            each(start, self.words[index] & below & above);
        }
    }
}

impl HeapSize for RowBits {
    fn heap_bytes(&self) -> usize {
        self.words.heap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

        #[test]
        fn rows_are_joined_and_found(
            rows in proptest::collection::vec(any::<(bool, bool)>(), 0..300),
            ends in (0..300_usize, 0..300_usize),
        ) {
            let [one, two] = [|pair: &(bool, bool)| pair.0, |pair: &(bool, bool)| pair.1]
                .map(|side| RowBits::of(rows.len(), |row| side(&rows[row])));
            let [start, end] = [ends.0.min(ends.1), ends.0.max(ends.1)].map(|end| end.min(rows.len()));
            let found = |bits: &RowBits, holds: &dyn Fn(bool, bool) -> bool| {
                let expected: Vec<u32> =
                    (start..end).filter(|row| holds(rows[*row].0, rows[*row].1)).map(|row| row as u32).collect();
                prop_assert_eq!(bits.rows_in(start..end), expected);
                let any = rows.iter().any(|(one, two)| holds(*one, *two));
                prop_assert_eq!(bits.is_empty(), !any);
                prop_assert!((0..rows.len()).all(|row| bits.has(row) == holds(rows[row].0, rows[row].1)));
                Ok(())
            };
            found(&one, &|one, _| one)?;
            found(&one.clone().inverse(), &|one, _| !one)?;
            let mut both = one.clone();
            both.intersect(&two);
            found(&both, &|one, two| one && two)?;
            let mut either = one;
            either.unite(&two);
            found(&either, &|one, two| one || two)?;
        }

        #[test]
        fn codes_decide(codes in proptest::collection::vec(0..5_u32, 0..200), passes in any::<[bool; 5]>()) {
            let bits = RowBits::of_codes(&Codes::narrow(&codes, 5), codes.len(), &passes);
            prop_assert!((0..codes.len()).all(|row| bits.has(row) == passes[codes[row] as usize]));
        }
    }
}
