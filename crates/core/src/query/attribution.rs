//! `GET /v1/attribution`: which sources conversions are credited to, under every model; and the sequences of
//! touches before them.

use std::str::FromStr;

use super::{Dimension, EventSelector, Filter, PropertyName, RowLimit};
use crate::attribution::{Credit, Model};
use crate::time::{TimeRange, Timestamp};

/// How long before a conversion a session may have started to be a touch: 1–366 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lookback(u16);

impl Lookback {
    /// 30 days.
    pub const USUAL: Self = Self(30);

    /// In milliseconds.
    pub const fn millis(self) -> i64 {
        self.0 as i64 * 24 * 60 * 60 * 1000
    }
}

impl FromStr for Lookback {
    type Err = InvalidLookback;

    fn from_str(text: &str) -> Result<Self, InvalidLookback> {
        let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
        days.filter(|days| (1..=366).contains(days)).map(Self).ok_or(InvalidLookback)
    }
}

/// The text is no lookback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a number of days from 1d to 366d, like 30d")]
pub struct InvalidLookback;

/// What conversions are worth. Amounts in different currencies are never added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueProperty {
    /// The property with the amount. Events without a number in it are worth 0.
    pub property: PropertyName,
    /// The currency of events that have none in their property `currency`: a code of
    /// [`currency::code`](super::currency::code).
    pub currency: Option<&'static str>,
}

/// The conversions of a query, and what their touches are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversions {
    /// Which events are conversions.
    pub events: EventSelector,
    /// A conversion must pass all of them.
    pub filters: Vec<Filter>,
    /// How far before a conversion its touches may have started.
    pub lookback: Lookback,
    /// Whether only the first conversion of each visitor in the range counts.
    pub once: bool,
    /// What conversions are worth, if that is asked for.
    pub value: Option<ValueProperty>,
}

/// Credits by columns of the touches' sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributionQuery {
    /// Selects conversions by their `timestamp`.
    pub range: TimeRange,
    /// Which conversions.
    pub conversions: Conversions,
    /// Columns of sessions, 1 to [`StatsQuery::MAX_DIMENSIONS`](super::StatsQuery::MAX_DIMENSIONS).
    pub group_by: Vec<Dimension>,
    /// The models that are asked for, at least one.
    pub models: Vec<Model>,
    /// The maximum number of rows.
    pub limit: RowLimit,
}

impl AttributionQuery {
    /// The model that rows are ordered by: `last_non_direct` if it is asked for, else the first.
    pub fn order(&self) -> Model {
        let first = self.models.first().copied().unwrap_or(Model::LastNonDirect);
        if self.models.contains(&Model::LastNonDirect) { Model::LastNonDirect } else { first }
    }

    /// The credit that rows are ordered by, in millionths: sums in another order differ by less.
    pub fn rank(&self, credit: &Credit) -> i64 {
        (credit.conversions[self.order() as usize] * 1e6).round() as i64
    }
}

/// By [`rank`](AttributionQuery::rank) descending; ties by the groups, then the currency.
///
/// For each model, the credits of `rows` and `other` sum to `conversions`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AttributionResponse {
    /// How many conversions there are, and what they are worth.
    pub totals: Vec<ConversionTotal>,
    /// At most `limit` rows.
    pub rows: Vec<AttributionRow>,
    /// The credits of all that is in no row, by currency; empty if everything is.
    pub other: Vec<AttributionRow>,
}

/// The conversions of one currency.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConversionTotal {
    /// The currency, if a value is asked for and known.
    pub currency: Option<String>,
    /// Conversions.
    pub conversions: u64,
    /// What they are worth.
    pub value: f64,
}

/// The touches of one group, for the conversions of one currency.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AttributionRow {
    /// The value of each dimension.
    pub keys: Vec<Option<String>>,
    /// The currency, if a value is asked for and known.
    pub currency: Option<String>,
    /// What the touches are credited with. `touches` counts a session once for each conversion.
    pub credit: Credit,
    /// Distinct visitors with such a touch.
    pub visitors: u64,
}

/// The most frequent sequences of touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathsQuery {
    /// Selects conversions by their `timestamp`.
    pub range: TimeRange,
    /// Which conversions.
    pub conversions: Conversions,
    /// The maximum number of rows.
    pub limit: RowLimit,
}

impl PathsQuery {
    /// The most touches of a path; of a longer one, the last ones.
    pub const MAX_TOUCHES: usize = 20;
}

/// By conversions descending; ties by the path.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PathsResponse {
    /// At most `limit` rows.
    pub rows: Vec<PathsRow>,
    /// Rows were cut at the limit, or some paths are counted in `other`.
    pub truncated: bool,
    /// Conversions of paths that are in no row because there are too many to count separately.
    pub other: u64,
}

/// One sequence of touches.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PathsRow {
    /// Source and medium of each touch, from the first to the last.
    pub path: Vec<(String, String)>,
    /// Whether touches before the first are left out.
    pub cut: bool,
    /// The currency, if a value is asked for and known.
    pub currency: Option<String>,
    /// Conversions after this sequence.
    pub conversions: u64,
    /// What they are worth.
    pub value: f64,
    /// The median time from the first touch to the conversion, in milliseconds.
    pub median_millis: f64,
}

/// One conversion with its touches: the ledger of its credit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TouchesQuery {
    /// The millisecond of the event.
    pub range: TimeRange,
    /// The event.
    pub event_id: String,
    /// How far before it its touches may have started.
    pub lookback: Lookback,
}

/// The sessions before an event, ascending by time; the weights of each model sum to 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TouchesResponse {
    /// The touches; none if there is no such event.
    pub touches: Vec<TouchRow>,
    /// The index of the session that the event belongs to.
    pub session: usize,
}

/// One touch.
#[derive(Debug, Clone, PartialEq)]
pub struct TouchRow {
    /// When the session started.
    pub at: Timestamp,
    /// The id of its first event.
    pub first_event_id: String,
    /// `session_source`
    pub source: String,
    /// `session_medium`
    pub medium: String,
    /// `session_campaign`
    pub campaign: Option<String>,
    /// `session_confidence`
    pub confidence: String,
    /// `session_rule_id`
    pub rule_id: String,
    /// Its share of the conversion, by model in the order of [`Model::ALL`].
    pub weights: [f64; Model::ALL.len()],
}
