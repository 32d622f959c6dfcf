//! Filters: conditions on the columns of an event, joined by `and`, `or` and `not` (contract, 4.3).
//!
//! A query has a list of filters, which must all hold. [`FilterList`] reads and writes the list as JSON.

mod list;
mod operator;
mod read;
mod repair;
#[cfg(test)]
mod tests;
mod text_test;
mod values;
mod write;

use std::borrow::Cow;

pub use self::list::{FilterError, FilterList};
pub use self::operator::Operator;
pub use self::text_test::{TextOperator, TextTest};
use super::{Dimension, PathPattern};
use crate::classify;
use crate::column::Column;

/// What an event must be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// A condition on one column holds.
    Condition(Condition),
    /// All of them hold.
    And(Vec<Filter>),
    /// At least one of them holds.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
}

/// A condition on one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What must pass the test.
    pub column: Dimension,
    /// Whether the condition holds for the values that do not pass; an event without a value is among them.
    pub negated: bool,
    /// The test.
    pub test: Test,
}

/// What the value of a column must be. An event without a value passes none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// One of these values, as they are stored.
    OneOf(Vec<String>),
    /// A path that matches.
    Path(PathPattern),
    /// A text with certain contents.
    Text(Box<TextTest>),
    /// A number above this one.
    Greater(Bound),
    /// A number below this one.
    Less(Bound),
    /// Any value but the empty text.
    Exists,
}

/// A finite number that numeric properties are compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound(f64);

/// It is never NaN.
impl Eq for Bound {}

impl Bound {
    /// `None` if the number is infinite or NaN.
    pub fn new(number: f64) -> Option<Self> {
        // -0.0 is written as 0.
        number.is_finite().then_some(Self(number + 0.0))
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl Test {
    /// Whether a text passes. Tests of numbers let no text pass.
    pub fn passes(&self, text: &str) -> bool {
        match self {
            Self::OneOf(values) => values.iter().any(|passes| passes == text),
            Self::Path(pattern) => pattern.matches(text),
            Self::Text(test) => test.passes(text),
            Self::Greater(_) | Self::Less(_) => false,
            Self::Exists => !text.is_empty(),
        }
    }

    /// Whether it is about numbers: then [`passes_number`](Self::passes_number) decides.
    pub const fn is_of_numbers(&self) -> bool {
        matches!(self, Self::Greater(_) | Self::Less(_))
    }

    /// Whether a number passes; NaN never does. Tests of texts let no number pass.
    pub fn passes_number(&self, number: f64) -> bool {
        match self {
            Self::Greater(bound) => number > bound.0,
            Self::Less(bound) => number < bound.0,
            Self::OneOf(_) | Self::Path(_) | Self::Text(_) | Self::Exists => false,
        }
    }
}

impl Condition {
    /// Whether it holds for an event with this text in the column.
    pub fn holds(&self, text: Option<&str>) -> bool {
        text.is_some_and(|text| self.test.passes(text)) != self.negated
    }
}

impl Filter {
    /// Exactly this value, as it is stored.
    pub fn new(column: impl Into<Dimension>, value: impl Into<String>) -> Self {
        Self::of(column, Test::OneOf(vec![value.into()]))
    }

    /// A value that passes the test.
    pub fn of(column: impl Into<Dimension>, test: Test) -> Self {
        Self::Condition(Condition { column: column.into(), negated: false, test })
    }

    /// A path that matches.
    pub fn matching(column: impl Into<Dimension>, pattern: &PathPattern) -> Self {
        match pattern.exact() {
            Some(path) => Self::new(column, path),
            None => Self::of(column, Test::Path(pattern.clone())),
        }
    }

    /// The column, if it is a single condition.
    pub const fn column(&self) -> Option<&Dimension> {
        match self {
            Self::Condition(condition) => Some(&condition.column),
            Self::And(_) | Self::Or(_) | Self::Not(_) => None,
        }
    }

    /// Whether it is a single condition on this column.
    pub fn is_on(&self, column: impl Into<Dimension>) -> bool {
        self.column() == Some(&column.into())
    }

    /// The only value that passes, if it is a single condition with one.
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Condition(Condition { negated: false, test: Test::OneOf(values), .. }) => {
                match values.as_slice() {
                    [only] => Some(only),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Calls `each` with every condition.
    pub fn each_condition<'a>(&'a self, each: &mut impl FnMut(&'a Condition)) {
        match self {
            Self::Condition(condition) => each(condition),
            Self::And(filters) | Self::Or(filters) => {
                for filter in filters {
                    filter.each_condition(each);
                }
            }
            Self::Not(filter) => filter.each_condition(each),
        }
    }

    /// Whether a condition is about a column for which this returns true.
    pub fn concerns(&self, mut is_meant: impl FnMut(&Dimension) -> bool) -> bool {
        let mut found = false;
        self.each_condition(&mut |condition| found = found || is_meant(&condition.column));
        found
    }

    /// Whether it may name one visitor, user or session.
    pub fn is_personal(&self) -> bool {
        self.concerns(Dimension::is_personal)
    }

    /// Whether it needs nothing but stored columns of the event, so that
    /// [`passes_row`](Self::passes_row) can decide.
    pub fn is_of_rows(&self) -> bool {
        !self.concerns(|column| !matches!(column, Dimension::Column(_) | Dimension::Derived(_)))
    }

    /// Whether an event passes, by the texts of its stored columns. A condition on anything else counts as one
    /// on a column without a value.
    pub fn passes_row<'a>(&self, text: &impl Fn(Column) -> Option<&'a str>) -> bool {
        match self {
            Self::Condition(condition) => condition.holds(text_of(&condition.column, text).as_deref()),
            Self::And(filters) => filters.iter().all(|filter| filter.passes_row(text)),
            Self::Or(filters) => filters.iter().any(|filter| filter.passes_row(text)),
            Self::Not(filter) => !filter.passes_row(text),
        }
    }
}

fn text_of<'a>(column: &Dimension, text: &impl Fn(Column) -> Option<&'a str>) -> Option<Cow<'a, str>> {
    match column {
        Dimension::Column(column) => text(*column).map(Cow::Borrowed),
        Dimension::Derived(column) => classify::derived(*column, text(column.column())?).map(Cow::Owned),
        Dimension::Session(_) | Dimension::Property(_) | Dimension::Currency(_) => None,
    }
}
