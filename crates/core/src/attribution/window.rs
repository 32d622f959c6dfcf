//! The touches of each conversion as a range of the visitor's sessions, and sums over such ranges.

use super::{Conversion, HALF_LIFE, Touch};

/// The touches of a conversion among the touches of a class, which is a list of indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The range of the class, from its start to its end.
    start: usize,
    end: usize,
    /// The session that the conversion happened in, if it started before the lookback; an index of the class.
    earlier: Option<usize>,
}

impl Window {
    /// The number of touches.
    pub(super) fn count(&self) -> usize {
        self.end - self.start + usize::from(self.earlier.is_some())
    }

    /// The touches, ascending, as indexes of the class.
    pub fn touches(&self) -> impl DoubleEndedIterator<Item = usize> + use<> {
        self.earlier.into_iter().chain(self.start..self.end)
    }

    /// The first touch.
    pub(super) fn first(&self, class: &[usize]) -> usize {
        class[self.earlier.unwrap_or(self.start)]
    }

    /// The last touch.
    pub(super) fn last(&self, class: &[usize]) -> usize {
        match self.earlier {
            Some(earlier) if self.start == self.end => class[earlier],
            _ => class[self.end - 1],
        }
    }

    /// Without the first and the last touch. There must be at least two.
    pub(super) fn between(&self) -> Self {
        let start = self.start + usize::from(self.earlier.is_none());
        Self { start, end: self.end - 1, earlier: None }
    }
}

/// The window of each conversion among the touches of a class.
pub(super) fn windows_in(
    touches: &[Touch],
    class: &[usize],
    conversions: &[Conversion],
    lookback: i64,
) -> Vec<Window> {
    let (mut start, mut end) = (0, 0);
    let window = |conversion: &Conversion| {
        let at = |index: usize| class.get(index).map(|touch| touches[*touch].at);
        while at(end).is_some_and(|at| at <= conversion.at) {
            end += 1;
        }
        while start < end && at(start).is_some_and(|at| at < conversion.at.saturating_sub(lookback)) {
            start += 1;
        }
        let earlier = class.binary_search(&conversion.session).ok().filter(|index| *index < start);
        Window { start, end, earlier }
    };
    conversions.iter().map(window).collect()
}

/// Adds shares to all touches of windows, in time linear in the number of both: a difference array.
pub(super) struct Spread<'a> {
    class: &'a [usize],
    /// How much more the touch at each index gets than the one before.
    steps: Vec<[f64; 2]>,
    /// The index of a touch outside the range of a window, and its share.
    single: Vec<(usize, [f64; 2])>,
}

impl<'a> Spread<'a> {
    pub(super) fn new(class: &'a [usize]) -> Self {
        Self { class, steps: vec![[0.0; 2]; class.len() + 1], single: Vec::new() }
    }

    /// Adds a share to each touch of the window.
    pub(super) fn add(&mut self, window: &Window, share: [f64; 2]) {
        for (part, share) in share.into_iter().enumerate() {
            self.steps[window.start][part] += share;
            self.steps[window.end][part] -= share;
        }
        self.single.extend(window.earlier.map(|earlier| (earlier, share)));
    }

    /// Calls `give` with each touch and its sum.
    pub(super) fn finish(self, mut give: impl FnMut(usize, [f64; 2])) {
        let mut sum = [0.0; 2];
        for (touch, step) in self.class.iter().zip(self.steps) {
            sum = [sum[0] + step[0], sum[1] + step[1]];
            give(*touch, sum);
        }
        for (index, share) in self.single {
            give(self.class[index], share);
        }
    }
}

/// The weight of a touch, a time after it.
fn weight(age: i64) -> f64 {
    (-(age as f64) / HALF_LIFE as f64).exp2()
}

/// Shares that halve with the age of the touch.
pub(super) struct Decay<'a> {
    pub(super) touches: &'a [Touch],
    pub(super) class: &'a [usize],
}

impl Decay<'_> {
    fn at(&self, index: usize) -> i64 {
        self.touches[self.class[index]].at
    }

    /// The time of the last touch of a window. Weights are relative to it, so that one of them is 1: only their
    /// proportions matter, and those of all touches may be too small for a number.
    fn base(&self, window: &Window) -> i64 {
        match window.earlier {
            Some(earlier) if window.start == window.end => self.at(earlier),
            _ => self.at(window.end - 1),
        }
    }

    /// Divides each conversion among its window, and calls `give` with touches and shares. Sums of weights are
    /// carried from one conversion, and one touch, to the next, scaled by the time between: weights of
    /// distant times do not fit into one sum.
    pub(super) fn divide(&self, conversions: &[(Conversion, Window)], mut give: impl FnMut(usize, [f64; 2])) {
        // What a touch of no age gets from each conversion.
        let units: Vec<f64> = self.totals(conversions).into_iter().map(f64::recip).collect();
        for ((conversion, window), unit) in conversions.iter().zip(&units) {
            if let Some(earlier) = window.earlier {
                let part = unit * weight(self.base(window) - self.at(earlier));
                give(self.class[earlier], [part, part * conversion.value]);
            }
        }
        // From the last touch to the first, since later conversions weigh less: what is subtracted is smaller
        // than what stays.
        let (mut entering, mut leaving) = (conversions.len(), conversions.len());
        let (mut sum, mut time) = ([0.0; 2], self.class.last().map_or(0, |touch| self.touches[*touch].at));
        for index in (0..self.class.len()).rev() {
            let at = self.at(index);
            let scale = weight(time - at);
            sum = sum.map(|part| part * scale);
            time = at;
            let mut add = |conversion: usize, sign: f64| {
                let (Conversion { value, .. }, window) = conversions[conversion];
                let part = sign * units[conversion] * weight(self.base(&window) - time);
                sum = [sum[0] + part, sum[1] + part * value];
            };
            while leaving > 0 && conversions[leaving - 1].1.start > index {
                leaving -= 1;
                // It may not have entered, if its range is empty.
                if entering > leaving {
                    entering = leaving;
                } else {
                    add(leaving, -1.0);
                }
            }
            while entering > 0 && conversions[entering - 1].1.end > index {
                entering -= 1;
                add(entering, 1.0);
            }
            if entering == leaving {
                sum = [0.0; 2];
            }
            give(self.class[index], [sum[0].max(0.0), sum[1]]);
        }
    }

    /// The sum of the weights of each conversion's touches.
    fn totals(&self, conversions: &[(Conversion, Window)]) -> Vec<f64> {
        let (mut start, mut end, mut sum) = (0, 0, 0.0);
        let mut time = self.class.first().map_or(0, |touch| self.touches[*touch].at);
        let total = |(_, window): &(Conversion, Window)| {
            let base = self.base(window);
            if window.start < window.end {
                sum *= weight(base - time);
                time = base;
            }
            while end < window.end {
                sum += weight(time - self.at(end));
                end += 1;
            }
            while start < window.start {
                sum -= weight(time - self.at(start));
                start += 1;
            }
            if start == end {
                sum = 0.0;
            }
            sum + window.earlier.map_or(0.0, |earlier| weight(base - self.at(earlier)))
        };
        conversions.iter().map(total).collect()
    }
}
