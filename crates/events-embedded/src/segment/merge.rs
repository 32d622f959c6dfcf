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
pub(crate) struct Piece {
    /// Year and month of its earliest event.
    pub(crate) month: (i32, u32),
    /// Its earliest event; milliseconds.
    pub(crate) earliest: i64,
    pub(crate) rows: usize,
    /// Of its columns without compression.
    pub(crate) bytes: u64,
}

/// The places of pieces to merge into one of at most `most_rows` and `most_bytes`, if any should be.
pub(crate) fn choose(pieces: &[Piece], most_rows: usize, most_bytes: u64) -> Option<Vec<usize>> {
    let mut months: BTreeMap<(i32, u32), Vec<usize>> = BTreeMap::new();
    let is_small = |piece: &Piece| piece.rows <= most_rows / 2 && piece.bytes <= most_bytes / 2;
    for (place, piece) in pieces.iter().enumerate().filter(|(_, piece)| is_small(piece)) {
        months.entry(piece.month).or_default().push(place);
    }
    months.into_values().find_map(|places| of_month(pieces, places, most_rows, most_bytes))
}

fn of_month(
    pieces: &[Piece],
    mut places: Vec<usize>,
    most_rows: usize,
    most_bytes: u64,
) -> Option<Vec<usize>> {
    let mut ranks: BTreeMap<u32, usize> = BTreeMap::new();
    for place in &places {
        *ranks.entry(rank(pieces[*place].rows)).or_default() += 1;
    }
    let full = ranks.into_iter().find(|(_, count)| *count >= FAN_IN)?.0;
    places.retain(|place| rank(pieces[*place].rows) <= full);
    places.sort_unstable_by_key(|place| (pieces[*place].earliest, *place));
    let (mut rows, mut bytes) = (0, 0);
    let fitting = places.iter().take_while(|place| {
        rows += pieces[**place].rows;
        bytes += pieces[**place].bytes;
        rows <= most_rows && bytes <= most_bytes
    });
    let count = fitting.count();
    places.truncate(count);
    // None is above half of the most, so two always fit.
    Some(places)
}

fn rank(rows: usize) -> u32 {
    rows.max(1).ilog(FAN_IN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: usize = 1_000_000;
    const MOST_BYTES: u64 = 100_000_000;

    fn piece(month: u32, earliest: i64, rows: usize) -> Piece {
        Piece { month: (2026, month), earliest, rows, bytes: 0 }
    }

    fn choose(pieces: &[Piece], most_rows: usize) -> Option<Vec<usize>> {
        super::choose(pieces, most_rows, MOST_BYTES)
    }

    #[test]
    fn pieces_of_long_texts_stay_below_the_bytes_of_one() {
        let long = |earliest| Piece { bytes: 30_000_000, ..piece(5, earliest, 10) };
        assert_eq!(choose(&[1, 2, 3, 4, 5].map(long), MOST), Some(vec![0, 1, 2]));
        let large = |earliest| Piece { bytes: 51_000_000, ..piece(5, earliest, 10) };
        assert_eq!(choose(&[1, 2, 3, 4, 5].map(large), MOST), None);
    }

    #[test]
    fn four_of_a_size_are_merged_with_all_smaller_ones() {
        let four = [piece(5, 4, 250_000), piece(5, 2, 250_000), piece(5, 3, 250_000), piece(5, 1, 249_000)];
        assert_eq!(choose(&four, MOST), Some(vec![3, 1, 2, 0]));
        assert_eq!(choose(&four[..3], MOST), None);
        let mixed = [piece(5, 1, 100), piece(5, 2, 20), piece(5, 3, 90), piece(5, 4, 110), piece(5, 5, 70)];
        assert_eq!(choose(&mixed, MOST), Some(vec![0, 1, 2, 3, 4]));
        let months = [piece(5, 1, 100), piece(5, 2, 100), piece(6, 3, 100), piece(6, 4, 100)];
        assert_eq!(choose(&months, MOST), None, "months stay apart");
        let large = [piece(5, 1, 600_000), piece(5, 2, 600_000), piece(5, 3, 900_000), piece(5, 4, 700_000)];
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
            let (mut pieces, mut rewritten) = (Vec::new(), 0);
            let bytes = |rows: usize| rows as u64 * bytes_of_a_row;
            for (earliest, rows) in (0..).zip(&seals) {
                pieces.push(Piece { bytes: bytes(*rows), ..piece(5, earliest, *rows) });
                while let Some(places) = choose(&pieces, MOST) {
                    prop_assert!(places.len() >= 2);
                    let rows: usize = places.iter().map(|place| pieces[*place].rows).sum();
                    prop_assert!(rows <= MOST && bytes(rows) <= MOST_BYTES);
                    rewritten += rows;
                    let earliest = pieces[places[0]].earliest;
                    pieces = pieces.iter().enumerate().filter(|(place, _)| !places.contains(place))
                        .map(|(_, piece)| *piece).collect();
                    pieces.push(Piece { bytes: bytes(rows), ..piece(5, earliest, rows) });
                }
            }
            let all: usize = seals.iter().sum();
            prop_assert_eq!(pieces.iter().map(|piece| piece.rows).sum::<usize>(), all);
            prop_assert!(rewritten <= all * 10, "each event is rewritten a few times: {rewritten} of {all}");
            let is_large = |piece: &&Piece| piece.rows > MOST / 2 || piece.bytes > MOST_BYTES / 2;
            let large = pieces.iter().filter(is_large).count();
            prop_assert!(pieces.len() - large <= 3 * 10, "{} small ones are left", pieces.len() - large);
        }
    }
}
