//! Random choices that a seed decides: `SplitMix64` (Steele, Lea and Flood, "Fast splittable
//! pseudorandom number generators", 2014). Nothing random ever comes from the system.

/// A stream of choices.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The stream that belongs to these numbers, like seed, round and client.
    pub(crate) fn of(numbers: &[u64]) -> Self {
        let mix = |stream: Self, number: &u64| Self(Self(stream.0 ^ *number).next());
        numbers.iter().fold(Self(0), mix)
    }

    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below the bound, which is at least 1.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// One of the items, of which there is at least one.
    pub(crate) fn of_these<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// The items in random order.
    pub(crate) fn shuffled<T>(&mut self, items: impl IntoIterator<Item = T>) -> Vec<T> {
        let mut left: Vec<T> = items.into_iter().collect();
        let mut drawn = Vec::with_capacity(left.len());
        while !left.is_empty() {
            drawn.push(left.swap_remove(self.below(left.len() as u64) as usize));
        }
        drawn
    }
}
