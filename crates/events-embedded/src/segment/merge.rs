//! Chooses which segments to merge: size-tiered compaction within each month, which bounds the number of
//! segments however many flushes there were.
//!
//! The tier of a segment is log4 of its rows. Four segments of a tier are merged, together with all of
//! lower tiers, so an event is rewritten about once per tier, and a month keeps at most three segments of a
//! tier beside those that have reached half of the size limit.

use std::collections::BTreeMap;

/// Number of segments of one tier that are merged.
const FAN_IN: usize = 4;

/// The properties of a segment that the choice depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MergeCandidate {
    /// Year and month of its earliest event.
    pub(crate) month: (i32, u32),
    /// Time of its earliest event; milliseconds since 1970.
    pub(crate) earliest: i64,
    pub(crate) rows: usize,
    /// Size of its columns without compression.
    pub(crate) bytes: u64,
}

/// Returns the indexes of candidates to merge into one segment of at most `max_rows` and `max_bytes`; `None`
/// if there is nothing to merge.
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
    let mut tiers: BTreeMap<u32, usize> = BTreeMap::new();
    for index in &indexes {
        *tiers.entry(tier(candidates[*index].rows)).or_default() += 1;
    }
    let full = tiers.into_iter().find(|(_, count)| *count >= FAN_IN)?.0;
    indexes.retain(|index| tier(candidates[*index].rows) <= full);
    indexes.sort_unstable_by_key(|index| (candidates[*index].earliest, *index));
    let (mut rows, mut bytes) = (0, 0);
    let fitting = indexes.iter().take_while(|index| {
        rows += candidates[**index].rows;
        bytes += candidates[**index].bytes;
        rows <= max_rows && bytes <= max_bytes
    });
    let count = fitting.count();
    indexes.truncate(count);
    // Each candidate has at most half of the limits, so at least two fit.
    Some(indexes)
}

fn tier(rows: usize) -> u32 {
    rows.max(1).ilog(FAN_IN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX_ROWS: usize = 1_000_000;
    const MAX_BYTES: u64 = 100_000_000;

    fn candidate(month: u32, earliest: i64, rows: usize) -> MergeCandidate {
        MergeCandidate { month: (2026, month), earliest, rows, bytes: 0 }
    }

    fn choose(candidates: &[MergeCandidate], max_rows: usize) -> Option<Vec<usize>> {
        super::choose(candidates, max_rows, MAX_BYTES)
    }

    #[test]
    fn segments_of_long_texts_stay_below_the_size_limit() {
        let long = |earliest| MergeCandidate { bytes: 30_000_000, ..candidate(5, earliest, 10) };
        assert_eq!(choose(&[1, 2, 3, 4, 5].map(long), MAX_ROWS), Some(vec![0, 1, 2]));
        let large = |earliest| MergeCandidate { bytes: 51_000_000, ..candidate(5, earliest, 10) };
        assert_eq!(choose(&[1, 2, 3, 4, 5].map(large), MAX_ROWS), None);
    }

    #[test]
    fn four_of_a_size_are_merged_with_all_smaller_ones() {
        let four = [
            candidate(5, 4, 250_000),
            candidate(5, 2, 250_000),
            candidate(5, 3, 250_000),
            candidate(5, 1, 249_000),
        ];
        assert_eq!(choose(&four, MAX_ROWS), Some(vec![3, 1, 2, 0]));
        assert_eq!(choose(&four[..3], MAX_ROWS), None);
        let mixed = [
            candidate(5, 1, 100),
            candidate(5, 2, 20),
            candidate(5, 3, 90),
            candidate(5, 4, 110),
            candidate(5, 5, 70),
        ];
        assert_eq!(choose(&mixed, MAX_ROWS), Some(vec![0, 1, 2, 3, 4]));
        let months = [candidate(5, 1, 100), candidate(5, 2, 100), candidate(6, 3, 100), candidate(6, 4, 100)];
        assert_eq!(choose(&months, MAX_ROWS), None, "months stay apart");
        let large = [
            candidate(5, 1, 600_000),
            candidate(5, 2, 600_000),
            candidate(5, 3, 900_000),
            candidate(5, 4, 700_000),
        ];
        assert_eq!(choose(&large, MAX_ROWS), None, "large ones stay as they are");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        /// Whatever the sizes of the flushes, merging ends, loses no row, and leaves few segments.
        #[test]
        fn merging_ends_with_few_segments(
            flushes in proptest::collection::vec(1_usize..300_000, 1..200),
            bytes_of_a_row in 1_u64..400,
        ) {
            let (mut candidates, mut rewritten) = (Vec::new(), 0);
            let bytes = |rows: usize| rows as u64 * bytes_of_a_row;
            for (earliest, rows) in (0..).zip(&flushes) {
                candidates.push(MergeCandidate { bytes: bytes(*rows), ..candidate(5, earliest, *rows) });
                while let Some(indexes) = choose(&candidates, MAX_ROWS) {
                    prop_assert!(indexes.len() >= 2);
                    let rows: usize = indexes.iter().map(|index| candidates[*index].rows).sum();
                    prop_assert!(rows <= MAX_ROWS && bytes(rows) <= MAX_BYTES);
                    rewritten += rows;
                    let earliest = candidates[indexes[0]].earliest;
                    candidates = candidates.iter().enumerate().filter(|(index, _)| !indexes.contains(index))
                        .map(|(_, candidate)| *candidate).collect();
                    candidates.push(MergeCandidate { bytes: bytes(rows), ..candidate(5, earliest, rows) });
                }
            }
            let all: usize = flushes.iter().sum();
            prop_assert_eq!(candidates.iter().map(|candidate| candidate.rows).sum::<usize>(), all);
            prop_assert!(rewritten <= all * 10, "each event is rewritten a few times: {rewritten} of {all}");
            let is_large = |candidate: &&MergeCandidate| candidate.rows > MAX_ROWS / 2 || candidate.bytes > MAX_BYTES / 2;
            let large = candidates.iter().filter(is_large).count();
            prop_assert!(candidates.len() - large <= 3 * 10, "{} small ones are left", candidates.len() - large);
        }
    }
}
