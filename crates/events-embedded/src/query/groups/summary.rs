//! What a chunk that never changes has of each group, kept: its events and its visitors. A query
//! about all of its rows then adds up groups instead of rows.
//!
//! Only what is less to read than the rows is kept; everything can be counted again.

use crate::encoding::heap_size::HeapSize;
use crate::query::groups::group_dictionary::Finished;

/// Bytes of a summary for each row of its chunk, at most. Without it a row's group and visitor are
/// read, which are five bytes at the least.
const MAX_BYTES: usize = 2;
/// Bytes that a summary may take however few rows there are.
const FREE_BYTES: usize = 4096;

/// The groups of a whole chunk.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) groups: Finished,
    /// Of each group.
    pub(crate) events: Vec<u64>,
    /// Of each group, by number; empty where nobody asked.
    pub(crate) visitors: Vec<Members>,
}

/// A summary, unless it would be as much to read as the rows.
#[derive(Debug)]
pub(crate) struct CachedSummary(Option<Summary>);

impl CachedSummary {
    /// Keeps the summary of a chunk of so many rows if it is worth it.
    pub(crate) fn of(summary: Option<Summary>, rows: usize) -> Self {
        Self(summary.filter(|summary| summary.bytes() <= FREE_BYTES + rows * MAX_BYTES))
    }

    /// The visitors of the group at a index, which must be there.
    pub(crate) fn visitors(&self, group: u32) -> &Members {
        static NOBODY: Members = Members::NONE;
        self.0.as_ref().and_then(|summary| summary.visitors.get(group as usize)).unwrap_or(&NOBODY)
    }

    /// The summary, if there is one.
    pub(crate) fn summary(&self) -> Option<&Summary> {
        self.0.as_ref()
    }

    /// Whether there is a summary.
    pub(crate) fn is_there(&self) -> bool {
        self.0.is_some()
    }
}

impl Summary {
    /// The visitors of the group of a text of the first dimension.
    pub(crate) fn visitors_of(&self, text: &str) -> Option<&Members> {
        let group = (0..self.events.len()).find(|group| self.groups.text(*group, 0) == Some(text))?;
        self.visitors.get(group)
    }

    fn bytes(&self) -> usize {
        let visitors: usize = self.visitors.iter().map(Members::bytes).sum();
        self.groups.bytes() + size_of_val(self.events.as_slice()) + visitors
    }
}

impl HeapSize for CachedSummary {
    fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, Summary::bytes)
    }
}

/// Some of the numbers of a bitmap: a bitmap again where they are many, their lower halves where
/// they are few (the containers of Chambi et al., "Better bitmap performance with Roaring bitmaps",
/// 2016).
#[derive(Debug, Clone, Default)]
pub(crate) struct Members {
    /// Each with the index of its first word in the bitmap.
    containers: Vec<(usize, Container)>,
    count: usize,
}

#[derive(Debug, Clone)]
enum Container {
    Few(Box<[u16]>),
    Many(Box<[u64]>),
}

impl Members {
    const NONE: Self = Self { containers: Vec::new(), count: 0 };
    /// Words of a container's bitmap: 65 536 numbers.
    const WORDS: usize = 1024;
    /// Numbers from which on a bitmap is no larger than a list.
    const MANY: usize = 4096;

    /// The bits that are set.
    pub(crate) fn of(bitmap: &[u64]) -> Self {
        let mut all = Self::NONE;
        for (index, words) in bitmap.chunks(Self::WORDS).enumerate() {
            let count = words.iter().map(|word| word.count_ones() as usize).sum();
            let container = match count {
                0 => continue,
                1..Self::MANY => Container::Few(members(words).map(|bit| bit as u16).collect()),
                _ => Container::Many(words.into()),
            };
            all.containers.push((index * Self::WORDS, container));
            all.count += count;
        }
        all
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Sets the bits of all numbers.
    pub(crate) fn add_to(&self, bitmap: &mut [u64]) {
        for (start, container) in &self.containers {
            let words = &mut bitmap[*start..];
            match container {
                Container::Few(bits) => {
                    bits.iter().for_each(|bit| words[usize::from(*bit) / 64] |= 1 << (bit % 64));
                }
                Container::Many(theirs) => {
                    words.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine |= theirs);
                }
            }
        }
    }

    /// Calls `each` with every number, ascending.
    pub(crate) fn each(&self, mut each: impl FnMut(u32)) {
        for (start, container) in &self.containers {
            let first = *start as u32 * 64;
            match container {
                Container::Few(bits) => bits.iter().for_each(|bit| each(first + u32::from(*bit))),
                Container::Many(words) => members(words).for_each(|bit| each(first + bit)),
            }
        }
    }

    fn bytes(&self) -> usize {
        let container = |(_, container): &(usize, Container)| match container {
            Container::Few(bits) => size_of_val(&**bits),
            Container::Many(words) => size_of_val(&**words),
        };
        size_of_val(self.containers.as_slice()) + self.containers.iter().map(container).sum::<usize>()
    }
}

/// The bits that are set.
pub(crate) fn members(bitmap: &[u64]) -> impl Iterator<Item = u32> {
    (0..).zip(bitmap).flat_map(|(index, word)| {
        let mut left = *word;
        std::iter::from_fn(move || {
            let bit = (left != 0).then(|| index * 64 + left.trailing_zeros())?;
            left &= left - 1;
            Some(bit)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_the_bits_that_were_set() {
        let few = [0, 63, 64, 65_535, 65_536, 400_000];
        let many: Vec<u32> = (200_000..300_000).step_by(3).collect();
        for numbers in [&[], &few[..], &many, &[&few[..5], &many, &few[5..]].concat()] {
            let mut bitmap = vec![0_u64; 6251];
            for number in numbers {
                bitmap[*number as usize / 64] |= 1 << (number % 64);
            }
            let set = Members::of(&bitmap);
            let mut each = Vec::new();
            set.each(|number| each.push(number));
            assert_eq!((each.as_slice(), set.len()), (numbers, numbers.len()));
            let mut other = vec![0; 6300];
            other[3] = 1;
            bitmap[3] |= 1;
            set.add_to(&mut other);
            assert_eq!(other[..bitmap.len()], bitmap);
        }
        assert!(Members::of(&vec![u64::MAX; 4096]).bytes() < 4096 * 8 + 200);
    }
}
