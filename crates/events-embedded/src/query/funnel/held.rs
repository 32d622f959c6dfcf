//! How many steps of a funnel a set of events can be, each event being one step.

/// The most sets of steps.
const MAX_SETS: usize = 1 << super::MAX_STEPS;

/// The events of a window, which come and go one by one.
///
/// Every event has a kind, which is the set of steps that it can be. If no step is in two kinds, each kind
/// fills its own steps. Otherwise the number of steps is the size of a maximum matching of events and steps,
/// by König's theorem: the minimum, over all sets of steps, of the steps outside of the set plus the events
/// that can be a step in it.
pub(super) struct Held<'a> {
    steps: &'a StepSets,
    /// The number of events by kind; in the second case, by set of steps, that can be a step in the set.
    counts: [u32; MAX_SETS],
    filled: usize,
}

/// The sets of steps that events can be.
#[derive(Debug)]
pub(super) struct StepSets {
    /// The number of steps.
    pub(super) steps: usize,
    /// By kind, a bit for each step, the lowest for the first. Sorted by the first step, then as numbers.
    pub(super) of_kind: Vec<u8>,
    /// Whether a step is in two kinds.
    pub(super) overlap: bool,
}

impl StepSets {
    /// Every set of so many steps.
    pub(super) fn all(steps: usize) -> Self {
        let mut of_kind: Vec<u8> = (1..=u8::MAX >> (u8::BITS as usize - steps)).collect();
        of_kind.sort_by_key(|set| (set.trailing_zeros(), *set));
        Self { steps, of_kind, overlap: true }
    }
}

impl<'a> Held<'a> {
    pub(super) const fn nothing(steps: &'a StepSets) -> Self {
        Self { steps, counts: [0; MAX_SETS], filled: 0 }
    }

    pub(super) fn add(&mut self, kind: usize) {
        if self.steps.overlap {
            self.each_met(kind, |count| *count += 1);
        } else {
            self.counts[kind] += 1;
            self.filled += usize::from(self.counts[kind] <= self.steps.of_kind[kind].count_ones());
        }
    }

    pub(super) fn remove(&mut self, kind: usize) {
        if self.steps.overlap {
            self.each_met(kind, |count| *count -= 1);
        } else {
            self.filled -= usize::from(self.counts[kind] <= self.steps.of_kind[kind].count_ones());
            self.counts[kind] -= 1;
        }
    }

    /// How many steps the events can be.
    pub(super) fn steps(&self) -> usize {
        if !self.steps.overlap {
            return self.filled;
        }
        let outside = |set: usize| self.steps.steps as u32 - set.count_ones();
        let bounds = (0..1 << self.steps.steps).map(|set: usize| outside(set) + self.counts[set]);
        bounds.min().unwrap_or_default() as usize
    }

    /// Calls `each` with the count of every set that has a step of the kind.
    fn each_met(&mut self, kind: usize, mut each: impl FnMut(&mut u32)) {
        let kind = usize::from(self.steps.of_kind[kind]);
        let sets = self.counts[..1 << self.steps.steps].iter_mut().enumerate();
        sets.filter(|(set, _)| set & kind != 0).for_each(|(_, count)| each(count));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Tries every assignment.
    fn naive(events: &[u8], free: u8) -> usize {
        let Some((first, rest)) = events.split_first() else { return 0 };
        let steps = (0..8).filter(|step| first & free & 1 << step != 0);
        steps.map(|step| 1 + naive(rest, free & !(1 << step))).chain([naive(rest, free)]).max().unwrap_or(0)
    }

    #[test]
    fn kinds_come_in_the_order_of_their_first_step() {
        assert_eq!(StepSets::all(3).of_kind, [0b1, 0b11, 0b101, 0b111, 0b10, 0b110, 0b100]);
        assert_eq!(StepSets::all(8).of_kind.len(), 255);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

        #[test]
        fn the_most_steps_are_held(events in proptest::collection::vec(1..16_u8, 0..6), gone in 0..6_usize) {
            let sets = StepSets::all(4);
            let kind = |set: u8| sets.of_kind.iter().position(|known| *known == set).unwrap();
            let mut held = Held::nothing(&sets);
            for set in &events {
                held.add(kind(*set));
            }
            prop_assert_eq!(held.steps(), naive(&events, 0b1111));
            let gone = gone.min(events.len());
            for set in &events[..gone] {
                held.remove(kind(*set));
            }
            prop_assert_eq!(held.steps(), naive(&events[gone..], 0b1111));
        }
    }
}
