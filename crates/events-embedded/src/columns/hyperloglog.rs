//! Estimates the number of distinct visitors if there are too many to number them: `HyperLogLog` with 2^14
//! registers (Flajolet et al., 2007) and the estimator of Ertl ("New cardinality estimation algorithms for
//! `HyperLogLog` sketches", 2017, algorithm 6).
//!
//! A visitor becomes a token of 20 bits: the register, and the rank of the hash. Queries collect distinct
//! tokens as they collect distinct visitor numbers; only the last step differs. `docs/decisions/0011` compares
//! it with a crate.

use crate::encoding::heap_size::HeapSize;

/// Bits that choose the register; the standard error is 1.04 / 2^(14/2) = 0.81 %.
const PRECISION: u32 = 14;
const REGISTERS: usize = 1 << PRECISION;
/// Highest rank of the 50 remaining bits of a hash; the lowest is 1.
const MAX_RANK: usize = 64 - PRECISION as usize + 1;
/// Bits of a rank in a token.
const RANK_BITS: u32 = 6;

/// Number of possible tokens: they are 0 to this, exclusive.
pub(crate) const TOKENS: usize = 1 << (PRECISION + RANK_BITS);

/// Returns the token of a visitor's hash: register and rank.
pub(crate) fn token(hash: u64) -> u32 {
    let register = (hash >> (64 - PRECISION)) as u32;
    let rank = ((hash << PRECISION) | (1 << (PRECISION - 1))).leading_zeros() + 1;
    register << RANK_BITS | rank
}

/// The registers of a set of visitors, with the highest rank in each: 16 KiB, whatever their number.
#[derive(Debug, Clone)]
pub(crate) struct Sketch(Vec<u8>);

impl Default for Sketch {
    fn default() -> Self {
        Self(vec![0; REGISTERS])
    }
}

impl Sketch {
    /// Adds a visitor by token.
    pub(crate) fn add(&mut self, token: u32) {
        let highest = &mut self.0[(token >> RANK_BITS) as usize];
        *highest = (*highest).max((token % (1 << RANK_BITS)) as u8);
    }

    /// Adds the visitors of another sketch.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(mine, theirs)| *mine = (*mine).max(*theirs));
    }

    /// Estimates the number of distinct visitors.
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

/// Estimates the number of distinct visitors with these tokens, which may repeat and be in any order.
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

/// Ertl's estimator, given the number of registers with each rank.
fn read(registers: [u32; MAX_RANK + 1]) -> u64 {
    let count = REGISTERS as f64;
    let mut sum = count * tau(1.0 - f64::from(registers[MAX_RANK]) / count);
    for rank in (1..MAX_RANK).rev() {
        sum = 0.5 * (sum + f64::from(registers[rank]));
    }
    sum += count * sigma(f64::from(registers[0]) / count);
    (count * count / (2.0 * std::f64::consts::LN_2 * sum)).round() as u64
}

/// x + Σ x^(2^k) 2^(k−1): the contribution of empty registers.
fn sigma(mut x: f64) -> f64 {
    let (mut power, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * power;
        power += power;
        // The sum stops growing once it has converged; it is infinite if all registers are empty.
        if sum <= before || sum.is_infinite() {
            return sum;
        }
    }
}

/// (1 − x − Σ (1 − x^(2^−k))² 2^(−k)) / 3: the contribution of saturated registers.
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
    fn no_visitor_is_zero_and_few_are_counted_well() {
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
