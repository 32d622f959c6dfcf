//! Attribution models (contract, 4.2): which of a visitor's sessions get how much credit for a conversion.
//!
//! A session that may get credit is a *touch*: it started at most a lookback before the conversion and not
//! after it, or the conversion happened in it. Direct touches get credit only if there is no other touch,
//! except under `first` and `last`.

#[cfg(test)]
mod tests;
mod window;

use std::str::FromStr;

pub use self::window::Window;
use self::window::{Decay, Spread, windows_in};

/// After this many milliseconds the weight of a touch under [`Model::TimeDecay`] is halved.
pub const HALF_LIFE: i64 = 7 * 24 * 60 * 60 * 1000;

/// How the credit for a conversion is divided among its touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Model {
    /// All to the first touch.
    First,
    /// All to the last touch.
    Last,
    /// All to the last touch that is not direct; to the last one if all are direct.
    LastNonDirect,
    /// Equal shares.
    Linear,
    /// 40 % to the first, 40 % to the last, 20 % in equal shares to those in between; halves to two.
    Position,
    /// In proportion to 2^(−age / 7 days).
    TimeDecay,
}

impl Model {
    /// Every model.
    pub const ALL: [Self; 6] =
        [Self::First, Self::Last, Self::LastNonDirect, Self::Linear, Self::Position, Self::TimeDecay];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Last => "last",
            Self::LastNonDirect => "last_non_direct",
            Self::Linear => "linear",
            Self::Position => "position",
            Self::TimeDecay => "time_decay",
        }
    }
}

impl FromStr for Model {
    type Err = UnknownModel;

    fn from_str(text: &str) -> Result<Self, UnknownModel> {
        Self::ALL.into_iter().find(|model| model.as_str() == text).ok_or(UnknownModel)
    }
}

/// The text is no model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of first, last, last_non_direct, linear, position, time_decay")]
pub struct UnknownModel;

/// A session of a visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    /// When it started, in milliseconds.
    pub at: i64,
    /// Whether its source is `direct`.
    pub direct: bool,
}

/// A conversion of the same visitor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conversion {
    /// When it happened, in milliseconds.
    pub at: i64,
    /// The index of the session it happened in, among the visitor's sessions.
    pub session: usize,
    /// What it is worth; finite.
    pub value: f64,
}

/// What a session is credited with, summed over conversions.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Credit {
    /// Conversions, by model in the order of [`Model::ALL`].
    pub conversions: [f64; Model::ALL.len()],
    /// Value, by model.
    pub value: [f64; Model::ALL.len()],
    /// For how many conversions it is a touch.
    pub touches: u64,
}

impl Credit {
    /// Adds another credit.
    pub fn add(&mut self, other: &Self) {
        for model in 0..Model::ALL.len() {
            self.conversions[model] += other.conversions[model];
            self.value[model] += other.value[model];
        }
        self.touches += other.touches;
    }

    fn give(&mut self, model: Model, share: [f64; 2]) {
        self.conversions[model as usize] += share[0];
        self.value[model as usize] += share[1];
    }
}

/// Returns the credit of each session of a visitor for all their conversions. `touches` are all sessions that
/// may matter, ascending by time; `conversions` ascend by time; `lookback` is in milliseconds.
///
/// The cost is linear in both numbers: conversions do not walk through their touches, since a visitor can
/// have many of both.
pub fn credits(touches: &[Touch], conversions: &[Conversion], lookback: i64) -> Vec<Credit> {
    let mut credits = vec![Credit::default(); touches.len()];
    let all: Vec<usize> = (0..touches.len()).collect();
    let known: Vec<usize> = all.iter().copied().filter(|touch| !touches[*touch].direct).collect();
    let (of_all, of_known) = (
        windows_in(touches, &all, conversions, lookback),
        windows_in(touches, &known, conversions, lookback),
    );
    let mut counted = Spread::new(&all);
    // Conversions with a touch that is not direct credit those; the others credit all of theirs.
    let (mut with_known, mut with_direct) = (Vec::new(), Vec::new());
    for (conversion, (window, of_known)) in conversions.iter().zip(of_all.into_iter().zip(of_known)) {
        let share = [1.0, conversion.value];
        counted.add(&window, [1.0, 0.0]);
        credits[window.first(&all)].give(Model::First, share);
        credits[window.last(&all)].give(Model::Last, share);
        let (chosen, class) =
            if of_known.count() > 0 { (&mut with_known, &known) } else { (&mut with_direct, &all) };
        let window = if of_known.count() > 0 { of_known } else { window };
        credits[window.last(class)].give(Model::LastNonDirect, share);
        chosen.push((*conversion, window));
    }
    counted.finish(|touch, [count, _]| credits[touch].touches += count.round() as u64);
    divide(touches, &known, &with_known, &mut credits);
    divide(touches, &all, &with_direct, &mut credits);
    credits
}

/// The touches of each conversion, as indexes of `touches`; arguments as for [`credits`].
pub fn windows(touches: &[Touch], conversions: &[Conversion], lookback: i64) -> Vec<Window> {
    let all: Vec<usize> = (0..touches.len()).collect();
    windows_in(touches, &all, conversions, lookback)
}

/// Divides each conversion among its window of the touches of `class`, under the models that give shares.
fn divide(touches: &[Touch], class: &[usize], conversions: &[(Conversion, Window)], credits: &mut [Credit]) {
    let (mut linear, mut middle) = (Spread::new(class), Spread::new(class));
    for (conversion, window) in conversions {
        let share = |part: f64| [part, part * conversion.value];
        let count = window.count() as f64;
        linear.add(window, share(1.0 / count));
        match window.count() {
            1 => credits[window.first(class)].give(Model::Position, share(1.0)),
            ends => {
                let part = if ends == 2 { 0.5 } else { 0.4 };
                credits[window.first(class)].give(Model::Position, share(part));
                credits[window.last(class)].give(Model::Position, share(part));
                if ends > 2 {
                    middle.add(&window.between(), share(0.2 / (count - 2.0)));
                }
            }
        }
    }
    linear.finish(|touch, share| credits[touch].give(Model::Linear, share));
    middle.finish(|touch, share| credits[touch].give(Model::Position, share));
    Decay { touches, class }.divide(conversions, |touch, share| credits[touch].give(Model::TimeDecay, share));
}
