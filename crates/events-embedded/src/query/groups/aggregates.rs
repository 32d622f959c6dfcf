//! Aggregates of numbers by group: sums, extremes, and the numbers themselves where percentiles need them.

use millimetric_core::query::Aggregate;

use crate::query::groups::percentile::percentile;
use crate::query::groups::sums::Sum;
use crate::resources::query_context::QueryContext;
use millimetric_events::StoreError;

/// Groups between two looks at the limits of the query.
const CHECKED_AT_ONCE: usize = 256;

/// What is collected of numbers, by group number.
#[derive(Debug)]
pub(crate) enum Aggregates {
    Sums(Vec<Sum>),
    /// The smallest number; NaN if there is none.
    Smallest(Vec<f64>),
    /// The largest one.
    Largest(Vec<f64>),
    /// All numbers, and how many they are.
    Values(Vec<Vec<f64>>, usize),
}

impl Aggregates {
    /// Nothing yet, for an aggregate.
    pub(crate) const fn new(aggregate: Aggregate) -> Self {
        match aggregate {
            Aggregate::Sum | Aggregate::Avg => Self::Sums(Vec::new()),
            Aggregate::Min => Self::Smallest(Vec::new()),
            Aggregate::Max => Self::Largest(Vec::new()),
            Aggregate::Median | Aggregate::P95 => Self::Values(Vec::new(), 0),
        }
    }

    /// Memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Sums(sums) => size_of_val(sums.as_slice()),
            Self::Smallest(numbers) | Self::Largest(numbers) => size_of_val(numbers.as_slice()),
            // Vectors have up to twice the capacity that they use.
            Self::Values(groups, count) => size_of_val(groups.as_slice()) + 2 * count * size_of::<f64>(),
        }
    }

    /// Prepares for group numbers below `groups`.
    pub(crate) fn reserve(&mut self, groups: usize) {
        match self {
            Self::Sums(sums) => grow(sums, groups, Sum::default()),
            Self::Smallest(numbers) | Self::Largest(numbers) => grow(numbers, groups, f64::NAN),
            Self::Values(values, _) => grow(values, groups, Vec::new()),
        }
    }

    /// Adds a number, which must not be NaN, to a group.
    #[inline]
    pub(crate) fn add(&mut self, group: usize, number: f64) {
        match self {
            Self::Sums(sums) => sums[group].add(number),
            Self::Smallest(numbers) => numbers[group] = numbers[group].min(number),
            Self::Largest(numbers) => numbers[group] = numbers[group].max(number),
            Self::Values(values, count) => {
                values[group].push(number);
                *count += 1;
            }
        }
    }

    /// Adds what another core collected for the same aggregate.
    pub(crate) fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::Sums(mine), Self::Sums(theirs)) => {
                grow(mine, theirs.len(), Sum::default());
                mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| mine.merge(theirs));
            }
            (Self::Smallest(mine), Self::Smallest(theirs)) => {
                grow(mine, theirs.len(), f64::NAN);
                mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine = mine.min(theirs));
            }
            (Self::Largest(mine), Self::Largest(theirs)) => {
                grow(mine, theirs.len(), f64::NAN);
                mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine = mine.max(theirs));
            }
            (Self::Values(mine, count), Self::Values(theirs, theirs_count)) => {
                grow(mine, theirs.len(), Vec::new());
                mine.iter_mut().zip(theirs).for_each(|(mine, mut theirs)| mine.append(&mut theirs));
                *count += theirs_count;
            }
            _ => {}
        }
    }

    /// The sum of each group; none if something else is collected.
    pub(crate) fn sums(&self) -> &[Sum] {
        match self {
            Self::Sums(sums) => sums,
            Self::Smallest(_) | Self::Largest(_) | Self::Values(..) => &[],
        }
    }

    /// The aggregate of each of the first `groups` groups.
    pub(crate) fn finish(
        mut self,
        aggregate: Aggregate,
        groups: usize,
        context: &QueryContext,
    ) -> Result<Vec<Option<f64>>, StoreError> {
        self.reserve(groups);
        // Adding zero makes a negative zero positive.
        let known = |number: f64| (!number.is_nan()).then_some(number + 0.0);
        Ok(match self {
            Self::Sums(sums) if aggregate == Aggregate::Avg => sums.into_iter().map(Sum::mean).collect(),
            Self::Sums(sums) => sums.into_iter().map(|sum| Some(sum.total())).collect(),
            Self::Smallest(numbers) | Self::Largest(numbers) => numbers.into_iter().map(known).collect(),
            Self::Values(values, _) => {
                let percent = if aggregate == Aggregate::P95 { 95 } else { 50 };
                let mut percentiles = Vec::with_capacity(values.len());
                for (group, mut numbers) in values.into_iter().enumerate() {
                    if group.is_multiple_of(CHECKED_AT_ONCE) {
                        context.check()?;
                    }
                    percentiles.push(percentile(&mut numbers, percent).and_then(known));
                }
                percentiles
            }
        })
    }
}

fn grow<T: Clone>(groups: &mut Vec<T>, length: usize, empty: T) {
    if groups.len() < length {
        groups.resize(length, empty);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_cores_collect_is_what_one_would() {
        let expected = [
            (Aggregate::Sum, [Some(7.5), Some(-2.0), Some(0.0)]),
            (Aggregate::Avg, [Some(2.5), Some(-2.0), None]),
            (Aggregate::Min, [Some(0.5), Some(-2.0), None]),
            (Aggregate::Max, [Some(4.0), Some(-2.0), None]),
            (Aggregate::Median, [Some(3.0), Some(-2.0), None]),
            (Aggregate::P95, [Some(3.9), Some(-2.0), None]),
        ];
        for (aggregate, expected) in expected {
            let (mut one, mut two) = (Aggregates::new(aggregate), Aggregates::new(aggregate));
            one.reserve(1);
            one.add(0, 4.0);
            one.add(0, 0.5);
            two.reserve(2);
            two.add(0, 3.0);
            two.add(1, -2.0);
            one.merge(two);
            let finished = one.finish(aggregate, 3, &QueryContext::default()).unwrap();
            assert_eq!(finished, expected, "{aggregate:?}");
        }
    }

    #[test]
    fn zero_has_no_sign() {
        for aggregate in [Aggregate::Min, Aggregate::Max, Aggregate::Median] {
            let mut numbers = Aggregates::new(aggregate);
            numbers.reserve(1);
            numbers.add(0, -0.0);
            let zero = numbers.finish(aggregate, 1, &QueryContext::default()).unwrap();
            assert!(zero[0].is_some_and(f64::is_sign_positive), "{aggregate:?}");
        }
    }
}
