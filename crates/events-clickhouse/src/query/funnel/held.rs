//! How many steps some events can be, if each event is at most one step: the size of a maximum matching of a
//! bipartite graph, by the deficiency version of Hall's theorem (Ore, 1955).

/// Some events, by the steps that they can be.
pub(super) struct Held {
    steps: usize,
    /// For each set of steps, the events that can be one of them.
    counts: Vec<u32>,
}

impl Held {
    /// No events.
    pub(super) fn new(steps: usize) -> Self {
        Self { steps, counts: vec![0; 1 << steps] }
    }

    /// Adds an event that can be the steps of a set.
    pub(super) fn add(&mut self, set: u8) {
        self.each_met(set, |count| *count += 1);
    }

    /// Removes one.
    pub(super) fn remove(&mut self, set: u8) {
        self.each_met(set, |count| *count -= 1);
    }

    /// How many steps the events can be.
    pub(super) fn steps(&self) -> u32 {
        let outside = |set: usize| self.steps as u32 - set.count_ones();
        let bounds = self.counts.iter().enumerate().map(|(set, events)| outside(set) + events);
        bounds.min().unwrap_or_default()
    }

    fn each_met(&mut self, set: u8, mut each: impl FnMut(&mut u32)) {
        let counts = self.counts.iter_mut().enumerate();
        counts.filter(|(of, _)| of & usize::from(set) != 0).for_each(|(_, count)| each(count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_step_only() {
        for (sets, steps) in [
            (&[][..], 0),
            (&[0b1][..], 1),
            (&[0b1, 0b1], 1),
            (&[0b11, 0b1], 2),
            (&[0b11, 0b11, 0b11], 2),
            (&[0b100, 0b110, 0b111], 3),
        ] {
            let mut held = Held::new(3);
            for set in sets {
                held.add(*set);
            }
            assert_eq!(held.steps(), steps, "{sets:?}");
            for set in sets {
                held.remove(*set);
            }
            assert_eq!(held.steps(), 0);
        }
    }
}
