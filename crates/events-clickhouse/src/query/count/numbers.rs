//! Aggregates of numbers: compensated sums (Neumaier, 1974), extremes, and exact percentiles (definition 7 of
//! Hyndman and Fan, 1996).

use millimetric_core::query::Aggregate;

/// What is collected of numbers for an aggregate. Numbers are finite.
#[derive(Debug, Clone)]
pub(crate) enum Numbers {
    Sum(Sum),
    /// The smallest one.
    Smallest(Option<f64>),
    /// The largest one.
    Largest(Option<f64>),
    /// All of them.
    All(Vec<f64>),
}

impl Numbers {
    /// Nothing yet.
    pub(crate) fn new(aggregate: Aggregate) -> Self {
        match aggregate {
            Aggregate::Sum | Aggregate::Avg => Self::Sum(Sum::default()),
            Aggregate::Min => Self::Smallest(None),
            Aggregate::Max => Self::Largest(None),
            Aggregate::Median | Aggregate::P95 => Self::All(Vec::new()),
        }
    }

    /// Adds a number.
    pub(crate) fn add(&mut self, number: f64) {
        match self {
            Self::Sum(sum) => sum.add(number),
            Self::Smallest(smallest) => *smallest = Some(smallest.map_or(number, |known| known.min(number))),
            Self::Largest(largest) => *largest = Some(largest.map_or(number, |known| known.max(number))),
            Self::All(all) => all.push(number),
        }
    }

    /// The aggregate.
    pub(crate) fn finish(self, aggregate: Aggregate) -> Option<f64> {
        let number = match self {
            Self::Sum(sum) if aggregate == Aggregate::Avg => sum.mean(),
            Self::Sum(sum) => Some(sum.total()),
            Self::Smallest(number) | Self::Largest(number) => number,
            Self::All(all) => percentile(all, if aggregate == Aggregate::P95 { 95 } else { 50 }),
        };
        // Adding zero makes a negative zero positive.
        number.map(|number| number + 0.0)
    }
}

/// A sum of numbers, and how many they are. The result hardly ever depends on their order.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    rounded: f64,
    lost: f64,
    pub(crate) count: u64,
    /// The sum of the squares, which is not compensated.
    pub(crate) squares: f64,
}

impl Sum {
    /// Adds a number.
    pub(crate) fn add(&mut self, number: f64) {
        let sum = (self.rounded + number).clamp(f64::MIN, f64::MAX);
        self.lost += if self.rounded.abs() >= number.abs() {
            (self.rounded - sum) + number
        } else {
            (number - sum) + self.rounded
        };
        self.rounded = sum;
        self.count += 1;
        self.squares += number * number;
    }

    /// The sum. It saturates at the largest finite number.
    pub(crate) fn total(self) -> f64 {
        let total = self.rounded + self.lost;
        let total = if total.is_nan() { self.rounded } else { total };
        total.clamp(f64::MIN, f64::MAX)
    }

    fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.total() / self.count as f64)
    }
}

fn percentile(mut numbers: Vec<f64>, percent: usize) -> Option<f64> {
    let hundredths = numbers.len().checked_sub(1)? * percent;
    let (rank, part) = (hundredths / 100, (hundredths % 100) as f64 / 100.0);
    let (_, lower, above) = numbers.select_nth_unstable_by(rank, f64::total_cmp);
    let lower = *lower;
    let upper = above.iter().copied().min_by(f64::total_cmp).unwrap_or(lower);
    let step = upper - lower;
    // The distance of very large numbers is not finite.
    Some(if step.is_finite() { lower + step * part } else { lower * (1.0 - part) + upper * part })
}

/// The median of times in milliseconds; the mean of the middle two if their number is even.
pub(crate) fn median(mut millis: Vec<i64>) -> Option<f64> {
    let middle = millis.len().checked_sub(1)? / 2;
    let is_even = millis.len().is_multiple_of(2);
    let (_, lower, above) = millis.select_nth_unstable(middle);
    let lower = *lower;
    let upper = above.iter().copied().min().filter(|_| is_even).unwrap_or(lower);
    Some(f64::midpoint(lower as f64, upper as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aggregate(aggregate: Aggregate, numbers: &[f64]) -> Option<f64> {
        let mut collected = Numbers::new(aggregate);
        for number in numbers {
            collected.add(*number);
        }
        collected.finish(aggregate)
    }

    #[test]
    fn numbers_are_aggregated() {
        for (of, numbers, expected) in [
            (Aggregate::Sum, &[][..], Some(0.0)),
            (Aggregate::Sum, &[1e9, 0.1, -1e9], Some(0.1)),
            (Aggregate::Avg, &[], None),
            (Aggregate::Avg, &[1.0, 2.0], Some(1.5)),
            (Aggregate::Min, &[2.0, -1.0], Some(-1.0)),
            (Aggregate::Max, &[2.0, -1.0], Some(2.0)),
            (Aggregate::Median, &[4.0, 1.0, 3.0, 2.0], Some(2.5)),
            (Aggregate::P95, &[10.0, 0.0], Some(9.5)),
            (Aggregate::Median, &[f64::MIN, f64::MAX], Some(0.0)),
        ] {
            assert_eq!(aggregate(of, numbers), expected, "{of:?} {numbers:?}");
        }
    }

    #[test]
    fn the_median_is_in_the_middle() {
        for (millis, expected) in
            [(vec![], None), (vec![7], Some(7.0)), (vec![5, 1, 2, 9], Some(3.5)), (vec![3, 1, 2], Some(2.0))]
        {
            assert_eq!(median(millis.clone()), expected, "{millis:?}");
        }
    }
}
