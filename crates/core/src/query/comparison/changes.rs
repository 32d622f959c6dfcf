//! What explains the difference between two ranges: the values of columns, alone and in pairs, by how much each
//! contributes.

mod ranking;
mod significance;

pub use self::ranking::{ChangeRanking, ColumnChanges, PairChange, ValueChange};
pub use self::significance::Measured;
use crate::event::PAGE_VIEW;
use crate::query::{Column, Dimension, EventSelector, Filter, PropertyName, RowLimit, SessionColumn};
use crate::time::TimeRange;

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeMetric {
    /// Events.
    Count,
    /// Distinct visitors (`anonymous_id`).
    Uniques,
    /// Events that reach the goal that the query is about.
    Conversions,
    /// The sum of a numeric property over the events that carry it as a JSON number. Amounts in different
    /// currencies are never added up: it is about the currency with the most events.
    Sum {
        /// The property.
        property: PropertyName,
        /// The currency of events that name none.
        currency: Option<&'static str>,
    },
}

impl ChangeMetric {
    /// The property whose sum is compared.
    pub const fn property(&self) -> Option<&PropertyName> {
        match self {
            Self::Sum { property, .. } => Some(property),
            Self::Count | Self::Uniques | Self::Conversions => None,
        }
    }
}

impl ChangeMetric {
    /// The value in the API.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Uniques => "uniques",
            Self::Conversions => "conversions",
            Self::Sum { .. } => "sum",
        }
    }

    /// Whether the values of a column add up to the total. A visitor can be counted under several values.
    pub const fn is_additive(&self) -> bool {
        !matches!(self, Self::Uniques)
    }

    /// Whether it is a whole number.
    pub const fn is_whole(&self) -> bool {
        !matches!(self, Self::Sum { .. })
    }
}

/// `GET /v1/changes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangesQuery {
    /// Selects events by their `timestamp`.
    pub range: TimeRange,
    /// The range that it is compared with.
    pub compared_with: TimeRange,
    /// Which events.
    pub events: EventSelector,
    /// An event must pass all of them.
    pub filters: Vec<Filter>,
    /// What is compared.
    pub metric: ChangeMetric,
    /// The columns whose values may explain the difference: 1 to [`Self::MAX_COLUMNS`], all different.
    pub columns: Vec<Dimension>,
    /// The maximum number of rows, at most [`Self::MAX_ROWS`].
    pub limit: RowLimit,
}

impl ChangesQuery {
    /// The maximum number of columns.
    pub const MAX_COLUMNS: usize = 9;
    /// The maximum number of rows.
    pub const MAX_ROWS: u64 = 100;
    /// Values of each column that are paired with those of others.
    pub const PAIRED_VALUES: usize = 50;
    /// Values of all columns together that are paired, of distinct visitors.
    pub const PAIRED_VALUES_OF_VISITORS: usize = 16;

    /// The columns that are looked at unless the client names others: where the session came from, where the
    /// visitor is and with what, the page, and the name of the event unless one is selected. The page is the one
    /// that the session began with, if the events are not page views.
    pub fn default_columns(events: &EventSelector) -> Vec<Dimension> {
        let session = [SessionColumn::Source, SessionColumn::Medium, SessionColumn::Campaign];
        let columns = [Column::Country, Column::DeviceType, Column::Browser, Column::Os];
        let page = match events {
            EventSelector::Any => Dimension::Column(Column::Path),
            EventSelector::Named(name) if name == PAGE_VIEW => Dimension::Column(Column::Path),
            EventSelector::Named(_) | EventSelector::Goal { .. } => {
                Dimension::Session(SessionColumn::EntryPath)
            }
        };
        let name = (*events == EventSelector::Any).then_some(Dimension::Column(Column::EventName));
        let session = session.into_iter().map(Dimension::Session);
        session.chain(columns.map(Dimension::Column)).chain([page]).chain(name).collect()
    }
}

/// What was counted in both ranges. Counts are whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Change {
    /// In the range.
    pub value: f64,
    /// In the range that it is compared with.
    pub previous: f64,
}

impl Change {
    /// The difference.
    pub fn difference(self) -> f64 {
        (self.value - self.previous).clamp(f64::MIN, f64::MAX)
    }

    /// The difference in percent of the previous value; `None` if that was 0.
    pub fn percent(self) -> Option<f64> {
        let percent = self.difference() / self.previous.abs() * 100.0;
        percent.is_finite().then_some(percent)
    }

    /// The difference in percent of that of `total`; `None` if that is 0. Of a metric that is additive, those of
    /// all values of a column sum to 100.
    pub fn contribution(self, total: Self) -> Option<f64> {
        let percent = self.difference() * 100.0 / total.difference();
        percent.is_finite().then_some(percent)
    }

    /// How much there is of it in both ranges.
    pub fn volume(self) -> f64 {
        self.value.abs() + self.previous.abs()
    }
}

/// A value of a column, or values of two columns.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangesRow {
    /// One or two columns of the query, by their index, with the value of each; `None` if the event has no value.
    pub keys: Vec<(usize, Option<String>)>,
    /// What was counted of the events with these values.
    pub change: Change,
    /// The change is not statistically significant.
    pub noise: bool,
}

/// The values of a column that are in no row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OtherChange {
    /// The index of the column in the query.
    pub column: usize,
    /// What was counted of them, together.
    pub change: Change,
}

/// First the rows whose change is more than noise, then the others; each by the size of the change, ties by
/// number of columns, descending, and keys.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChangesResponse {
    /// What was counted in all.
    pub total: Change,
    /// At most `limit` of them. Values that did not change are in no row, nor is one that all events have.
    pub rows: Vec<ChangesRow>,
    /// Of the columns with a row, all other values, if the metric is additive and any of them changed.
    pub other: Vec<OtherChange>,
    /// The largest values whose change is noise and at most a tenth, at most five.
    pub unchanged: Vec<ChangesRow>,
    /// The currency of the sums, if there is one.
    pub currency: Option<String>,
    /// The currencies whose amounts are not in the sums; `None` is that of events without a currency.
    pub other_currencies: Vec<Option<String>>,
    /// Rows were cut at the limit, or some values are not counted separately.
    pub truncated: bool,
    /// Distinct visitors are estimated, not counted.
    pub approximate: bool,
}
