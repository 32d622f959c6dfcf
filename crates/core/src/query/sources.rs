//! The sources of visits.

use std::str::FromStr;

use super::{Dimension, EventSelector, Filter, RowLimit};
use crate::column::{Column, SessionColumn};
use crate::time::TimeRange;

/// `GET /v1/sources`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcesQuery {
    /// Selects events by their `timestamp`.
    pub range: TimeRange,
    /// Which events.
    pub events: EventSelector,
    /// An event must pass all of them.
    pub filters: Vec<Filter>,
    /// Whether rows are by source and medium, or by source alone.
    pub by_medium: bool,
    /// Whose source and medium.
    pub attribution: Attribution,
    /// The maximum number of rows.
    pub limit: RowLimit,
}

/// Whose classification an event is counted under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Attribution {
    /// `event`: its own.
    #[default]
    Event,
    /// `session`: that of its session.
    Session,
}

impl Attribution {
    /// The columns of source and medium.
    pub fn columns(self) -> [Dimension; 2] {
        match self {
            Self::Event => [Column::Source.into(), Column::Medium.into()],
            Self::Session => [SessionColumn::Source.into(), SessionColumn::Medium.into()],
        }
    }
}

impl FromStr for Attribution {
    type Err = UnknownAttribution;

    fn from_str(text: &str) -> Result<Self, UnknownAttribution> {
        match text {
            "event" => Ok(Self::Event),
            "session" => Ok(Self::Session),
            _ => Err(UnknownAttribution),
        }
    }
}

/// The text is no attribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be event or session")]
pub struct UnknownAttribution;

/// One row of a [`SourcesResponse`].
#[derive(Debug, Clone, PartialEq)]
pub struct SourcesRow {
    /// The source.
    pub source: String,
    /// The medium, if the rows are by medium too.
    pub medium: Option<String>,
    /// Events.
    pub events: u64,
    /// Distinct visitors.
    pub uniques: u64,
    /// Share of the row's events whose medium is `paid`, 0 to 1.
    pub paid_share: f64,
}

/// By events descending, ties by source, then medium.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SourcesResponse {
    /// At most `limit` of them.
    pub rows: Vec<SourcesRow>,
    /// Rows were cut at the limit, or some groups are counted in `other`.
    pub truncated: bool,
    /// Events of sources that are in no row because there are too many groups to count separately.
    pub other: u64,
    /// Distinct visitors are estimated, not counted.
    pub approximate: bool,
}
