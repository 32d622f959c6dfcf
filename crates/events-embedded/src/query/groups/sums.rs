//! Compensated summation (Neumaier, 1974): the result hardly ever depends on the order of the numbers.

/// A sum of numbers, that of their squares, and how many they are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    rounded: f64,
    lost: f64,
    pub(crate) count: u64,
    /// Not compensated: a measure of how much the numbers vary.
    pub(crate) squares: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, number: f64) {
        self.carry(number);
        self.count += 1;
        self.squares += number * number;
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.carry(other.rounded);
        self.carry(other.lost);
        self.count += other.count;
        self.squares += other.squares;
    }

    /// The sum. It saturates at the largest finite number.
    pub(crate) fn total(self) -> f64 {
        let total = self.rounded + self.lost;
        let total = if total.is_nan() { self.rounded } else { total };
        total.clamp(f64::MIN, f64::MAX)
    }

    /// The mean; `None` without numbers.
    pub(crate) fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.total() / self.count as f64)
    }

    fn carry(&mut self, number: f64) {
        let sum = (self.rounded + number).clamp(f64::MIN, f64::MAX);
        self.lost += if self.rounded.abs() >= number.abs() {
            (self.rounded - sum) + number
        } else {
            (number - sum) + self.rounded
        };
        self.rounded = sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_does_not_depend_on_the_order() {
        let numbers = [19.99, 0.1, 1e9, 0.2, -1e9, 4.95, 0.3];
        let total = |order: &mut dyn Iterator<Item = &f64>| {
            let mut sum = Sum::default();
            order.for_each(|number| sum.add(*number));
            sum.total()
        };
        assert_eq!(total(&mut numbers.iter()).to_bits(), total(&mut numbers.iter().rev()).to_bits());
        assert_eq!(total(&mut [f64::MAX, f64::MAX].iter()).to_bits(), f64::MAX.to_bits());
        assert_eq!(Sum::default().mean(), None);
    }
}
