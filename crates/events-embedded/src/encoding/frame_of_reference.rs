//! Numbers that neighbours have about alike, in two bytes each: sessions are numbered as they come, so
//! what a segment has of them in order of time, or of its rows by session, is near what stands beside it.
//!
//! What a number stands for is for `session_column` to say.

use std::ops::Range;

use crate::encoding::heap_size::HeapSize;

/// The number of what has none.
pub(crate) const NO_NUMBER: u32 = u32::MAX;

/// Numbers that are told by their distance to the highest one among them.
const BLOCK: usize = 4096;
/// What stands for [`NO_NUMBER`] in the place of a distance.
const NONE: u16 = u16::MAX;
/// What stands for a distance that is too far.
const FAR: u16 = NONE - 1;
/// Where more than one of so many is too far, looking them up would cost more than two bytes are worth.
const FEW: usize = 64;

/// A column of numbers, some of which may be [`NO_NUMBER`].
#[derive(Debug)]
pub(crate) enum FrameOfReference {
    Near {
        /// The highest number of each block.
        highest: Vec<u32>,
        /// How far below it each one is.
        below: Vec<u16>,
        /// The places of those that are too far, ascending, and the numbers there.
        far: Vec<(u32, u32)>,
    },
    Wide(Vec<u32>),
}

impl FrameOfReference {
    pub(crate) fn new(numbers: Vec<u32>) -> Self {
        let highest = |block: &[u32]| block.iter().copied().filter(|number| *number != NO_NUMBER).max();
        let highest: Vec<u32> =
            numbers.chunks(BLOCK).map(|block| highest(block).unwrap_or_default()).collect();
        let mut far = Vec::new();
        let below = (0..).zip(&numbers).map(|(place, number)| {
            if *number == NO_NUMBER {
                return NONE;
            }
            let below = u16::try_from(highest[place as usize / BLOCK] - number).unwrap_or(FAR).min(FAR);
            if below == FAR {
                far.push((place, *number));
            }
            below
        });
        let below = below.collect();
        if far.len() > numbers.len() / FEW {
            return Self::Wide(numbers);
        }
        Self::Near { highest, below, far }
    }

    /// The number at a place.
    #[inline]
    pub(crate) fn at(&self, place: usize) -> u32 {
        match self {
            Self::Near { highest, below, far } => match below[place] {
                FAR => far_at(far, place),
                // Which of these two it is cannot be foretold, so neither has a branch of its own.
                below => {
                    let number = highest[place / BLOCK].wrapping_sub(u32::from(below));
                    if below == NONE { NO_NUMBER } else { number }
                }
            },
            Self::Wide(numbers) => numbers[place],
        }
    }

    /// Those of these places.
    pub(crate) fn of(&self, places: Range<usize>) -> impl Iterator<Item = u32> {
        places.map(|place| self.at(place))
    }
}

#[cold]
fn far_at(far: &[(u32, u32)], place: usize) -> u32 {
    far[far.partition_point(|(at, _)| (*at as usize) < place)].1
}

impl HeapSize for FrameOfReference {
    fn heap_bytes(&self) -> usize {
        match self {
            Self::Near { highest, below, far } => {
                size_of_val(highest.as_slice()) + size_of_val(below.as_slice()) + size_of_val(far.as_slice())
            }
            Self::Wide(numbers) => size_of_val(numbers.as_slice()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What it is, the number at each place, and how many are too far, where these are few.
    type Case<'a> = (&'a str, &'a dyn Fn(u32) -> u32, Option<usize>);

    #[test]
    fn numbers_come_back_as_they_were() {
        const HIGHEST: u32 = 100_000;
        let count = 3 * BLOCK as u32 + 5;
        let fast = |place: u32| place * 15;
        let cases: [Case<'_>; 6] = [
            ("one after the other", &|place| place / 3, Some(0)),
            ("half of them without", &|place| if place % 2 == 0 { NO_NUMBER } else { place }, Some(0)),
            ("none at all", &|_| NO_NUMBER, Some(0)),
            (
                "just near, and just not",
                &|place| HIGHEST - [0, 65_533, 65_534, 0][place.min(3) as usize],
                Some(1),
            ),
            ("one that never ends", &|place| if place % 100 == 0 { 0 } else { fast(place) }, Some(82)),
            ("of all times", &|place| if place % 10 == 0 { 0 } else { fast(place) }, None),
        ];
        for (case, number, far) in cases {
            let numbers: Vec<u32> = (0..count).map(number).collect();
            let kept = FrameOfReference::new(numbers.clone());
            let found = match &kept {
                FrameOfReference::Near { far, .. } => Some(far.len()),
                FrameOfReference::Wide(_) => None,
            };
            assert_eq!(found, far, "{case}");
            assert_eq!(kept.of(0..numbers.len()).collect::<Vec<_>>(), numbers, "{case}");
        }
    }
}
