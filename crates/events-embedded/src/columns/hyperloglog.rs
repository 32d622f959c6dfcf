//! Estimating how many distinct visitors there are, when they are too many to be numbered:
//! `HyperLogLog` with 2^14 registers (Flajolet et al., 2007), read by the estimator of Ertl ("New
//! cardinality estimation algorithms for `HyperLogLog` sketches", 2017, algorithm 6).
//!
//! A visitor becomes a token of 20 bits: the register, and the rank that it would raise the
//! register to. Distinct tokens are collected as distinct visitors are; only the last step differs.

use crate::encoding::heap_size::HeapSize;

/// Bits that choose the register; the standard error is 1.04 / 2^(14/2) = 0.81 %.
const PRECISION: u32 = 14;
const REGISTERS: usize = 1 << PRECISION;
/// Ranks that the bits left of a 64-bit hash can have: 1 to this.
const MAX_RANK: usize = 64 - PRECISION as usize + 1;
/// Bits of a rank.
const RANK_BITS: u32 = 6;

/// Tokens are below this.
pub(crate) const TOKENS: usize = 1 << (PRECISION + RANK_BITS);

/// Register and rank of a visitor's hash.
pub(crate) fn token(hash: u64) -> u32 {
    let register = (hash >> (64 - PRECISION)) as u32;
    let rank = ((hash << PRECISION) | (1 << (PRECISION - 1))).leading_zeros() + 1;
    register << RANK_BITS | rank
}

/// The highest rank of each register that a chunk's visitors have left: 16 KiB, however many they are.
#[derive(Debug, Clone)]
pub(crate) struct Sketch(Vec<u8>);

impl Default for Sketch {
    fn default() -> Self {
        Self(vec![0; REGISTERS])
    }
}

impl Sketch {
    /// Adds a visitor by their token.
    pub(crate) fn add(&mut self, token: u32) {
        let highest = &mut self.0[(token >> RANK_BITS) as usize];
        *highest = (*highest).max((token % (1 << RANK_BITS)) as u8);
    }

    /// Adds the visitors of another one.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(mine, theirs)| *mine = (*mine).max(*theirs));
    }

    /// How many visitors were added.
    pub(crate) fn estimate(&self) -> u64 {
        let mut registers = [0; MAX_RANK + 1];
        for rank in &self.0 {
            registers[usize::from(*rank)] += 1;
        }
        read(registers)
    }
}

impl HeapSize for Sketch {
    fn heap_bytes(&self) -> usize {
        self.0.len()
    }
}

/// How many visitors have left these tokens, which may repeat and stand in any order.
pub(crate) fn estimate(mut tokens: Vec<u32>) -> u64 {
    tokens.sort_unstable();
    let mut registers = [0; MAX_RANK + 1];
    registers[0] = REGISTERS as u32;
    // The last token of a register has its highest rank.
    for raised in tokens.chunk_by(|a, b| a >> RANK_BITS == b >> RANK_BITS) {
        registers[raised.last().map_or(0, |token| token % (1 << RANK_BITS)) as usize] += 1;
        registers[0] -= 1;
    }
    read(registers)
}

/// The estimator: how many registers hold each rank.
fn read(registers: [u32; MAX_RANK + 1]) -> u64 {
    let count = REGISTERS as f64;
    let mut sum = count * tau(1.0 - f64::from(registers[MAX_RANK]) / count);
    for rank in (1..MAX_RANK).rev() {
        sum = 0.5 * (sum + f64::from(registers[rank]));
    }
    sum += count * sigma(f64::from(registers[0]) / count);
    (count * count / (2.0 * std::f64::consts::LN_2 * sum)).round() as u64
}

/// x + Σ x^(2^k) 2^(k−1): what registers that are still empty tell.
fn sigma(mut x: f64) -> f64 {
    let (mut power, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * power;
        power += power;
        // Equal once no more is added; infinite when all are empty.
        if sum <= before || sum.is_infinite() {
            return sum;
        }
    }
}

/// (1 − x − Σ (1 − x^(2^−k))² 2^(−k)) / 3: what registers at their end tell.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut power, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        power *= 0.5;
        let before = sum;
        sum -= (1.0 - x).powi(2) * power;
        if sum >= before {
            return sum / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::keyed_hash::{IdKind, KeyedHash};

    fn tokens(visitors: std::ops::Range<u32>, seed: u8) -> impl Iterator<Item = u32> {
        let hash = KeyedHash::new([seed; 16]);
        visitors.map(move |visitor| token(hash.of(IdKind::Visitor, visitor.to_string()) as u64))
    }

    #[test]
    fn nobody_is_nobody_and_few_are_counted_well() {
        assert_eq!(estimate(Vec::new()), 0);
        assert_eq!(estimate(tokens(0..1, 1).collect()), 1);
        let hundred = estimate(tokens(0..100, 1).collect());
        assert!(hundred.abs_diff(100) <= 1, "{hundred}");
        assert_eq!(estimate(tokens(0..100, 1).chain(tokens(0..100, 1)).collect()), hundred);
    }

    #[test]
    fn a_sketch_estimates_what_its_tokens_do() {
        let [mut sketch, mut other] = [Sketch::default(), Sketch::default()];
        assert_eq!(sketch.estimate(), 0);
        tokens(0..20_000, 1).for_each(|token| sketch.add(token));
        tokens(10_000..30_000, 1).for_each(|token| other.add(token));
        sketch.merge(&other);
        assert_eq!(sketch.estimate(), estimate(tokens(0..30_000, 1).collect()));
    }

    #[test]
    fn the_standard_error_is_below_one_percent() {
        for visitors in [10_000, 50_000, 300_000] {
            let squares = (0..12_u8).map(|seed| {
                let estimated = estimate(tokens(0..visitors, seed).collect()) as f64;
                (estimated / f64::from(visitors) - 1.0).powi(2)
            });
            let error = (squares.sum::<f64>() / 12.0).sqrt();
            assert!(error < 0.012, "{visitors} visitors: {error}");
        }
    }

    #[test]
    fn every_hash_has_a_token() {
        for hash in [0, 1, u64::MAX, 1 << 49, 1 << 50] {
            let token = token(hash) as usize;
            assert!(token < TOKENS && (1..=MAX_RANK).contains(&(token & 63)), "{hash}: {token}");
        }
    }
}
