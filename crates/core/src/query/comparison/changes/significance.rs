//! The significance of a change, and pairs of values that explain more than their parts.

use super::Change;

/// A change whose [`z`] is nearer to 0 than this is noise. Three standard errors: by chance alone, three of a
/// thousand values are further from 0.
pub(super) const NOISE_BELOW: f64 = 3.0;
/// The least part of the change of each of its values that a pair must explain.
const EXPLAINED: f64 = 0.8;
/// The largest part of the volume of each of its values that a pair may have.
const NARROWER: f64 = 0.8;

/// What was counted of some events in one range.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Measured {
    /// The count or sum.
    pub total: f64,
    /// The sum of the squares of what each event adds: of a count, the count itself.
    pub squares: f64,
}

impl Measured {
    /// A number of events or visitors.
    pub fn count(count: u64) -> Self {
        Self { total: count as f64, squares: count as f64 }
    }
}

/// The difference of what was counted in two ranges, in standard errors. `scale` is the length of the first range
/// divided by that of the second.
///
/// The Wald test for two Poisson rates (Gu, Ng, Tang and Schucany, "Testing the ratio of two Poisson rates",
/// Biometrical Journal 50, 2008; there W1): (x − r·y) / √(x + r²·y). Of a sum, events add amounts and not ones: the
/// variance of a compound Poisson variable is estimated by the sum of the squares of the amounts. Events of one
/// visitor are not independent, so that a change just above the threshold may still be chance.
pub(super) fn z(now: Measured, before: Measured, scale: f64) -> f64 {
    let variance = now.squares + scale * scale * before.squares;
    if variance > 0.0 { (now.total - scale * before.total) / variance.sqrt() } else { 0.0 }
}

/// Whether a pair of values explains more than the two values by themselves: it changed in the same direction as
/// both, by at least 80 % of the change of each, and has at most 80 % of the volume of each. A change that both
/// values share evenly is never that of a pair.
pub(super) fn localises(pair: Change, parts: [Change; 2]) -> bool {
    parts.iter().all(|part| {
        let same_direction = pair.difference() * part.difference() > 0.0;
        let explained = pair.difference().abs() >= EXPLAINED * part.difference().abs();
        same_direction && explained && pair.volume() <= NARROWER * part.volume()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(now: u64, before: u64) -> [Measured; 2] {
        [Measured::count(now), Measured::count(before)]
    }

    #[test]
    fn small_counts_are_noise_and_large_ones_are_not() {
        for (now, before, scale, noise) in [
            (0, 0, 1.0, true),
            (3, 1, 1.0, true),
            (8, 0, 1.0, true),
            (9, 0, 1.0, false),
            (0, 9, 1.0, false),
            (110, 100, 1.0, true),
            (150, 100, 1.0, false),
            (10_100, 10_000, 1.0, true),
            (10_500, 10_000, 1.0, false),
            (9_500, 10_000, 1.0, false),
            // A week and the four weeks before it.
            (250, 1000, 0.25, true),
            (350, 1000, 0.25, false),
            (1000, 250, 4.0, true),
        ] {
            let [of_now, of_before] = counts(now, before);
            assert_eq!(z(of_now, of_before, scale).abs() < NOISE_BELOW, noise, "{now} {before} {scale}");
        }
    }

    #[test]
    fn z_is_the_difference_in_standard_errors() {
        let [now, before] = counts(144, 81);
        assert!((z(now, before, 1.0) - 63.0 / 15.0).abs() < 1e-12);
        let [now, before] = counts(60, 400);
        assert!((z(now, before, 0.1) - 20.0 / 8.0).abs() < 1e-12);
    }

    #[test]
    fn one_large_amount_is_noise_and_many_small_ones_are_not() {
        let one = Measured { total: 5000.0, squares: 5000.0 * 5000.0 };
        let many = Measured { total: 5000.0, squares: 250.0 * 20.0 * 20.0 };
        assert!(z(one, Measured::default(), 1.0).abs() < NOISE_BELOW);
        assert!(z(many, Measured::default(), 1.0) > NOISE_BELOW);
        assert!(z(many, Measured { total: 8000.0, squares: 400.0 * 20.0 * 20.0 }, 1.0) < -NOISE_BELOW);
    }

    #[test]
    fn a_pair_is_told_from_its_parts() {
        let change = |value: f64, previous: f64| Change { value, previous };
        for (pair, parts, expected, why) in [
            ((0, 100), [(900, 1000), (400, 500)], true, "all of both changes"),
            ((0, 85), [(900, 1000), (400, 500)], true, "most of both"),
            ((0, 70), [(900, 1000), (400, 500)], false, "too little of both"),
            ((0, 100), [(900, 1000), (350, 500)], false, "too little of the second"),
            ((100, 0), [(900, 1000), (400, 500)], false, "another direction"),
            ((0, 100), [(900, 1000), (0, 100)], false, "the second value is the pair"),
            ((160, 200), [(800, 1000), (800, 1000)], false, "both share one change evenly"),
            ((0, 0), [(5, 5), (5, 5)], false, "nothing changed"),
            ((300, 100), [(1200, 1000), (700, 500)], true, "it grew"),
        ] {
            let of = |(value, previous): (i32, i32)| change(value.into(), previous.into());
            assert_eq!(localises(of(pair), parts.map(of)), expected, "{why}");
        }
    }
}
