//! The generator behind the demo: `SplitMix64` (Steele, Lea and Flood, "Fast splittable
//! pseudorandom number generators", 2014), which is the same on every machine.
//!
//! Never used for anything that has to be unpredictable.

/// A stream of numbers that its seed decides.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The stream of one member of a numbered family, independent of its neighbours.
    pub(super) fn of_member(seed: u64, member: u64) -> Self {
        let mut family = Self(seed ^ member.wrapping_mul(0xd605_bbb5_8c8a_bd7d));
        Self(family.next())
    }

    /// 64 random bits.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below the bound, evenly; 0 for the bound 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        scale(self.next(), bound)
    }

    /// A number below the bound, the small ones far more often: the density falls like the root
    /// of the rank, as sales of a shelf do.
    pub(super) fn skewed(&mut self, bound: u64) -> u64 {
        let even = self.next();
        scale(scale(even, even), bound)
    }

    /// True in so many cases of a thousand.
    pub(super) fn chance(&mut self, of_thousand: u64) -> bool {
        self.below(1000) < of_thousand
    }

    /// One of the items, each as often as its weight says; `items` holds at least one.
    pub(super) fn weighted<'a, T>(&mut self, items: &'a [T], weight: impl Fn(&T) -> u64) -> &'a T {
        let mut left = self.below(items.iter().map(&weight).sum());
        for item in items {
            match left.checked_sub(weight(item)) {
                Some(rest) => left = rest,
                None => return item,
            }
        }
        &items[0]
    }
}

/// `even / 2^64 * bound`, rounded down.
fn scale(even: u64, bound: u64) -> u64 {
    ((u128::from(even) * u128::from(bound)) >> 64) as u64
}
