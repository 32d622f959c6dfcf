//! Exact percentiles: linear interpolation between the closest ranks (definition 7 of Hyndman and Fan, "Sample
//! quantiles in statistical packages", 1996).

use std::cmp::Ordering;

/// A number that has percentiles.
pub(crate) trait Value: Copy {
    fn order(&self, other: &Self) -> Ordering;
    fn number(self) -> f64;
}

impl Value for f64 {
    fn order(&self, other: &Self) -> Ordering {
        self.total_cmp(other)
    }

    fn number(self) -> f64 {
        self
    }
}

impl Value for i64 {
    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }

    fn number(self) -> f64 {
        self as f64
    }
}

/// The percentile of the values, whose order it changes; `None` without values. Takes linear time.
pub(crate) fn percentile<V: Value>(values: &mut [V], percent: usize) -> Option<f64> {
    let hundredths = values.len().checked_sub(1)? * percent;
    let (rank, part) = (hundredths / 100, (hundredths % 100) as f64 / 100.0);
    let (_, lower, above) = values.select_nth_unstable_by(rank, V::order);
    let lower = lower.number();
    let upper = above.iter().min_by(|a, b| a.order(b)).map_or(lower, |value| value.number());
    let step = upper - lower;
    // The distance of very large numbers is not finite.
    Some(if step.is_finite() { lower + step * part } else { lower * (1.0 - part) + upper * part })
}

/// The median; the mean of the middle two if their number is even.
pub(crate) fn median(mut values: Vec<i64>) -> Option<f64> {
    percentile(&mut values, 50)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_lies_between_the_closest_ranks() {
        for (values, percent, expected) in [
            (&[][..], 50, None),
            (&[7.0], 95, Some(7.0)),
            (&[3.0, 1.0, 2.0], 50, Some(2.0)),
            (&[4.0, 1.0, 3.0, 2.0], 50, Some(2.5)),
            (&[10.0, 0.0], 95, Some(9.5)),
            (&[0.0, 10.0, 20.0, 30.0, 40.0], 95, Some(38.0)),
            (&[0.1, 0.1, 0.1], 95, Some(0.1)),
            (&[f64::MIN, f64::MAX], 50, Some(0.0)),
            (&[-1.0, f64::MAX, f64::MAX], 95, Some(f64::MAX)),
        ] {
            assert_eq!(percentile(&mut values.to_vec(), percent), expected, "{values:?} {percent}");
        }
        let mut hundred: Vec<i64> = (1..=101).rev().collect();
        assert_eq!(percentile(&mut hundred, 95), Some(96.0));
        assert_eq!(median(vec![5, 1, 2, 9]), Some(3.5));
        assert_eq!(median(Vec::new()), None);
    }
}
