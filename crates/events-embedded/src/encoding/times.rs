//! The event times of a chunk in milliseconds since 1970, as `u32` offsets from the earliest one if they
//! span less than 49 days. Those of most segments do, since a segment has the events of one month.

use std::ops::Range;

use crate::encoding::heap_size::HeapSize;

/// A time for each row.
#[derive(Debug)]
pub(crate) enum Times {
    /// The earliest time, and the milliseconds of each row since then.
    Offsets {
        first: i64,
        offsets: Vec<u32>,
    },
    Plain(Vec<i64>),
}

impl Times {
    pub(crate) fn new(times: &[i64]) -> Self {
        let first = times.iter().copied().min().unwrap_or_default();
        let offset = |time: &i64| time.checked_sub(first).and_then(|offset| u32::try_from(offset).ok());
        match times.iter().map(offset).collect() {
            Some(offsets) => Self::Offsets { first, offsets },
            None => Self::Plain(times.to_vec()),
        }
    }

    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Offsets { offsets, .. } => offsets.len(),
            Self::Plain(times) => times.len(),
        }
    }

    /// The time of a row.
    #[inline]
    pub(crate) fn at(&self, row: usize) -> i64 {
        match self {
            Self::Offsets { first, offsets } => first + i64::from(offsets[row]),
            Self::Plain(times) => times[row],
        }
    }

    /// The times of these rows.
    pub(crate) fn of(&self, rows: &[u32]) -> Self {
        match self {
            Self::Offsets { first, offsets } => Self::Offsets {
                first: *first,
                offsets: rows.iter().map(|row| offsets[*row as usize]).collect(),
            },
            Self::Plain(times) => Self::Plain(rows.iter().map(|row| times[*row as usize]).collect()),
        }
    }

    /// Returns the first of these rows, whose times must ascend, with a time of at least `time`; the end of
    /// `rows` if there is none.
    pub(crate) fn first_from(&self, rows: Range<usize>, time: i64) -> usize {
        let start = rows.start;
        start
            + match self {
                Self::Offsets { first, offsets } => {
                    offsets[rows].partition_point(|offset| first + i64::from(*offset) < time)
                }
                Self::Plain(times) => times[rows].partition_point(|at| *at < time),
            }
    }
}

impl HeapSize for Times {
    fn heap_bytes(&self) -> usize {
        match self {
            Self::Offsets { offsets, .. } => size_of_val(offsets.as_slice()),
            Self::Plain(times) => size_of_val(times.as_slice()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_as_they_were() {
        const NEAR: i64 = u32::MAX as i64;
        for (times, near) in [
            (vec![], true),
            (vec![7, 5, 5, 9], true),
            (vec![-3, NEAR - 3], true),
            (vec![-4, NEAR - 3], false),
            (vec![i64::MIN, i64::MAX], false),
        ] {
            let encoded = Times::new(&times);
            assert_eq!(matches!(encoded, Times::Offsets { .. }), near, "{times:?}");
            assert_eq!((0..encoded.rows()).map(|row| encoded.at(row)).collect::<Vec<_>>(), times);
        }
    }

    #[test]
    fn the_first_row_from_a_time_on_is_found() {
        for far in [100, i64::MAX] {
            let times = Times::new(&[1, 4, 4, 9, far]);
            for (rows, time, found) in
                [(0..5, 4, 1), (2..5, 4, 2), (0..5, 5, 3), (0..5, -1, 0), (0..3, 9, 3), (5..5, 9, 5)]
            {
                assert_eq!(times.first_from(rows.clone(), time), found, "{rows:?} {time}");
            }
        }
    }
}
