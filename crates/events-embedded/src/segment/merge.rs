//! Merging: which small neighbours become one segment, so that there are few segments however
//! many seals there were.
//!
//! Segments of a month are ranked by size, each rank four times the one before. Four of a rank
//! become one of a higher rank, together with all smaller ones: an event is rewritten about once
//! for each rank, and a month keeps at most three segments of a rank beside those that are large
//! enough. Tells which; reads and writes nothing.

use std::collections::BTreeMap;

/// Segments of one rank that are merged.
const FAN_IN: usize = 4;

/// What matters of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MergeCandidate {
    /// Year and month of its earliest event.
    pub(crate) month: (i32, u32),
    /// Its earliest event; milliseconds.
    pub(crate) earliest: i64,
    pub(crate) rows: usize,
    /// Of its columns without compression.
    pub(crate) bytes: u64,
}

/// The places of candidates to merge into one of at most `max_rows` and `max_bytes`, if any should be.
pub(crate) fn choose(candidates: &[MergeCandidate], max_rows: usize, max_bytes: u64) -> Option<Vec<usize>> {
    let mut months: BTreeMap<(i32, u32), Vec<usize>> = BTreeMap::new();
    let is_small =
        |candidate: &MergeCandidate| candidate.rows <= max_rows / 2 && candidate.bytes <= max_bytes / 2;
    for (index, candidate) in candidates.iter().enumerate().filter(|(_, candidate)| is_small(candidate)) {
        months.entry(candidate.month).or_default().push(index);
    }
    months.into_values().find_map(|indexes| of_month(candidates, indexes, max_rows, max_bytes))
}

fn of_month(
    candidates: &[MergeCandidate],
    mut indexes: Vec<usize>,
    max_rows: usize,
    max_bytes: u64,
) -> Option<Vec<usize>> {
    let mut ranks: BTreeMap<u32, usize> = BTreeMap::new();
    for index in &indexes {
        *ranks.entry(rank(candidates[*index].rows)).or_default() += 1;
    }
    let full = ranks.into_iter().find(|(_, count)| *count >= FAN_IN)?.0;
    indexes.retain(|index| rank(candidates[*index].rows) <= full);
    indexes.sort_unstable_by_key(|index| (candidates[*index].earliest, *index));
    let (mut rows, mut bytes) = (0, 0);
    let fitting = indexes.iter().take_while(|index| {
        rows += candidates[**index].rows;
        bytes += candidates[**index].bytes;
        rows <= max_rows && bytes <= max_bytes
    });
    let count = fitting.count();
    indexes.truncate(count);
    // None is above half of the most, so two always fit.
    Some(indexes)
}

fn rank(rows: usize) -> u32 {
    rows.max(1).ilog(FAN_IN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: usize = 1_000_000;
    const MAX_BYTES: u64 = 100_000_000;

    fn candidate(month: u32, earliest: i64, rows: usize) -> MergeCandidate {
        MergeCandidate { month: (2026, month), earliest, rows, bytes: 0 }
    }

    fn choose(candidates: &[MergeCandidate], max_rows: usize) -> Option<Vec<usize>> {
        super::choose(candidates, max_rows, MAX_BYTES)
    }

    #[test]
    fn pieces_of_long_texts_stay_below_the_bytes_of_one() {
        let long = |earliest| MergeCandidate { bytes: 30_000_000, ..candidate(5, earliest, 10) };
        assert_eq!(choose(&[1, 2, 3, 4, 5].map(long), MOST), Some(vec![0, 1, 2]));
        let large = |earliest| MergeCandidate { bytes: 51_000_000, ..candidate(5, earliest, 10) };
        assert_eq!(choose(&[1, 2, 3, 4, 5].map(large), MOST), None);
    }

    #[test]
    fn four_of_a_size_are_merged_with_all_smaller_ones() {
        let four = [
            candidate(5, 4, 250_000),
            candidate(5, 2, 250_000),
            candidate(5, 3, 250_000),
            candidate(5, 1, 249_000),
        ];
        assert_eq!(choose(&four, MOST), Some(vec![3, 1, 2, 0]));
        assert_eq!(choose(&four[..3], MOST), None);
        let mixed = [
            candidate(5, 1, 100),
            candidate(5, 2, 20),
            candidate(5, 3, 90),
            candidate(5, 4, 110),
            candidate(5, 5, 70),
        ];
        assert_eq!(choose(&mixed, MOST), Some(vec![0, 1, 2, 3, 4]));
        let months = [candidate(5, 1, 100), candidate(5, 2, 100), candidate(6, 3, 100), candidate(6, 4, 100)];
        assert_eq!(choose(&months, MOST), None, "months stay apart");
        let large = [
            candidate(5, 1, 600_000),
            candidate(5, 2, 600_000),
            candidate(5, 3, 900_000),
            candidate(5, 4, 700_000),
        ];
        assert_eq!(choose(&large, MOST), None, "large ones stay as they are");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        /// However events are sealed, merging ends, loses no row, and leaves few segments.
        #[test]
        fn merging_ends_with_few_segments(
            seals in proptest::collection::vec(1_usize..300_000, 1..200),
            bytes_of_a_row in 1_u64..400,
        ) {
            let (mut candidates, mut rewritten) = (Vec::new(), 0);
            let bytes = |rows: usize| rows as u64 * bytes_of_a_row;
            for (earliest, rows) in (0..).zip(&seals) {
                candidates.push(MergeCandidate { bytes: bytes(*rows), ..candidate(5, earliest, *rows) });
                while let Some(indexes) = choose(&candidates, MOST) {
                    prop_assert!(indexes.len() >= 2);
                    let rows: usize = indexes.iter().map(|index| candidates[*index].rows).sum();
                    prop_assert!(rows <= MOST && bytes(rows) <= MAX_BYTES);
                    rewritten += rows;
                    let earliest = candidates[indexes[0]].earliest;
                    candidates = candidates.iter().enumerate().filter(|(index, _)| !indexes.contains(index))
                        .map(|(_, candidate)| *candidate).collect();
                    candidates.push(MergeCandidate { bytes: bytes(rows), ..candidate(5, earliest, rows) });
                }
            }
            let all: usize = seals.iter().sum();
            prop_assert_eq!(candidates.iter().map(|candidate| candidate.rows).sum::<usize>(), all);
            prop_assert!(rewritten <= all * 10, "each event is rewritten a few times: {rewritten} of {all}");
            let is_large = |candidate: &&MergeCandidate| candidate.rows > MOST / 2 || candidate.bytes > MAX_BYTES / 2;
            let large = candidates.iter().filter(is_large).count();
            prop_assert!(candidates.len() - large <= 3 * 10, "{} small ones are left", candidates.len() - large);
        }
    }
}
