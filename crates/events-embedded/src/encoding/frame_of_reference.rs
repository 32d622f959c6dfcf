//! Frame-of-reference encoding (Goldstein, Ramakrishnan and Shaft, 1998): `u32` numbers in two bytes each,
//! as offsets below the highest number of their block. Offsets that do not fit are stored as outliers
//! (patching, as in PFOR: Zukowski et al., 2006).
//!
//! It is used for session numbers by row and for row numbers by session (`columns::sessions`), which are
//! close to those of their neighbours.

use std::ops::Range;

use crate::encoding::heap_size::HeapSize;

/// Marks the absence of a number.
pub(crate) const NO_NUMBER: u32 = u32::MAX;

/// Numbers of a block, which share a reference.
const BLOCK: usize = 4096;
/// Sentinel: the number is [`NO_NUMBER`].
const NO_OFFSET: u16 = u16::MAX;
/// Sentinel: the offset does not fit; the number is an outlier.
const OUTLIER: u16 = NO_OFFSET - 1;
/// With more than one outlier per this many numbers, the numbers are stored plain: looking outliers up
/// would cost more than the encoding saves.
const NUMBERS_PER_OUTLIER: usize = 64;

/// A column of numbers, some of which may be [`NO_NUMBER`].
#[derive(Debug)]
pub(crate) enum FrameOfReference {
    Packed {
        /// The highest number of each block.
        reference: Vec<u32>,
        /// How far each number is below the reference of its block, or a sentinel.
        offsets: Vec<u16>,
        /// Index and value of each outlier, ascending by index.
        outliers: Vec<(u32, u32)>,
    },
    Plain(Vec<u32>),
}

impl FrameOfReference {
    pub(crate) fn new(numbers: Vec<u32>) -> Self {
        let highest = |block: &[u32]| block.iter().copied().filter(|number| *number != NO_NUMBER).max();
        let reference: Vec<u32> =
            numbers.chunks(BLOCK).map(|block| highest(block).unwrap_or_default()).collect();
        let mut outliers = Vec::new();
        let offsets = (0..).zip(&numbers).map(|(index, number)| {
            if *number == NO_NUMBER {
                return NO_OFFSET;
            }
            let offset =
                u16::try_from(reference[index as usize / BLOCK] - number).unwrap_or(OUTLIER).min(OUTLIER);
            if offset == OUTLIER {
                outliers.push((index, *number));
            }
            offset
        });
        let offsets = offsets.collect();
        if outliers.len() > numbers.len() / NUMBERS_PER_OUTLIER {
            return Self::Plain(numbers);
        }
        Self::Packed { reference, offsets, outliers }
    }

    /// The number at an index.
    #[inline]
    pub(crate) fn at(&self, index: usize) -> u32 {
        match self {
            Self::Packed { reference, offsets, outliers } => match offsets[index] {
                OUTLIER => outlier_at(outliers, index),
                // Branchless: which of the two it is is unpredictable.
                offset => {
                    let number = reference[index / BLOCK].wrapping_sub(u32::from(offset));
                    if offset == NO_OFFSET { NO_NUMBER } else { number }
                }
            },
            Self::Plain(numbers) => numbers[index],
        }
    }

    /// The numbers at these indexes.
    pub(crate) fn of(&self, indexes: Range<usize>) -> impl Iterator<Item = u32> {
        indexes.map(|index| self.at(index))
    }
}

#[cold]
fn outlier_at(outliers: &[(u32, u32)], index: usize) -> u32 {
    outliers[outliers.partition_point(|(at, _)| (*at as usize) < index)].1
}

impl HeapSize for FrameOfReference {
    fn heap_bytes(&self) -> usize {
        match self {
            Self::Packed { reference, offsets, outliers } => {
                size_of_val(reference.as_slice())
                    + size_of_val(offsets.as_slice())
                    + size_of_val(outliers.as_slice())
            }
            Self::Plain(numbers) => size_of_val(numbers.as_slice()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, the number at each index, and the number of outliers; `None` if the numbers are stored plain.
    type Case<'a> = (&'a str, &'a dyn Fn(u32) -> u32, Option<usize>);

    #[test]
    fn numbers_come_back_as_they_were() {
        const HIGHEST: u32 = 100_000;
        let count = 3 * BLOCK as u32 + 5;
        let fast = |index: u32| index * 15;
        let cases: [Case<'_>; 6] = [
            ("one after the other", &|index| index / 3, Some(0)),
            ("half of them without", &|index| if index % 2 == 0 { NO_NUMBER } else { index }, Some(0)),
            ("none at all", &|_| NO_NUMBER, Some(0)),
            (
                "just near, and just not",
                &|index| HIGHEST - [0, 65_533, 65_534, 0][index.min(3) as usize],
                Some(1),
            ),
            ("one that never ends", &|index| if index % 100 == 0 { 0 } else { fast(index) }, Some(82)),
            ("of all times", &|index| if index % 10 == 0 { 0 } else { fast(index) }, None),
        ];
        for (case, number, outliers) in cases {
            let numbers: Vec<u32> = (0..count).map(number).collect();
            let encoded = FrameOfReference::new(numbers.clone());
            let found = match &encoded {
                FrameOfReference::Packed { outliers, .. } => Some(outliers.len()),
                FrameOfReference::Plain(_) => None,
            };
            assert_eq!(found, outliers, "{case}");
            assert_eq!(encoded.of(0..numbers.len()).collect::<Vec<_>>(), numbers, "{case}");
        }
    }
}
