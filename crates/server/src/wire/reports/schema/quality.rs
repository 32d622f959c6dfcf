//! `GET /v1/quality`: what is wrong with the events.

use millimetric_core::event::Event;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::ApiResult;
use crate::ops::reports::quality::{Fault, FaultyValue, QualityQuery, QualityResponse};
use crate::ops::reports::warnings::Warning;
use crate::wire::choices::{FaultCodeName, Instant};
use crate::wire::params::{Check, FilterParams, NumberParam, Parameters};
use crate::wire::reports::{WarningRow, share};
use crate::wire::responses::is_false;

/// `GET /v1/quality`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QualityParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in `timezone`.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-06-01")]
    to: Option<String>,
    /// Maximum number of `values` of each fault, 1–100; default 5.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100)]
    limit: Option<NumberParam>,
}

impl Parameters for QualityParams {
    type Query = QualityQuery;
    const FILTERED: bool = false;

    fn query(self, _: FilterParams) -> ApiResult<QualityQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.limit(self.limit, 5, 100);
        let (range, limit) = check.finish(range, limit)?;
        Ok(QualityQuery { range, limit })
    }
}

/// `GET /v1/quality`
#[derive(Debug, Serialize, ToSchema)]
pub struct QualityRows {
    /// Events in the range.
    pub events: u64,
    /// One for each fault that some events have; none if nothing is wrong.
    pub rows: Vec<FaultRow>,
    /// That no event is in the range; absent otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<WarningRow>,
}

impl QualityRows {
    /// The same with these warnings.
    #[must_use]
    pub fn with(self, warnings: Vec<Warning>) -> Self {
        Self { warnings: warnings.into_iter().map(WarningRow::from).collect(), ..self }
    }
}

/// Something that is wrong with some events.
#[derive(Debug, Serialize, ToSchema)]
pub struct FaultRow {
    /// What is wrong.
    #[schema(value_type = FaultCodeName, inline)]
    pub code: &'static str,
    /// Events with the fault.
    pub count: u64,
    /// Their share of all events, 0 to 1.
    pub share: f64,
    /// The newest of them.
    pub example: Option<FaultExample>,
    /// The values that are wrong, with most events first.
    pub values: Vec<FaultValueRow>,
    /// What to do about it.
    pub advice: &'static str,
    /// Present and true if there are more values.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
}

/// An event with the fault.
#[derive(Debug, Serialize, ToSchema)]
pub struct FaultExample {
    /// Its id.
    pub event_id: String,
    /// Its name.
    pub event_name: String,
    /// When it happened.
    #[schema(format = DateTime)]
    pub timestamp: String,
    /// The page.
    pub url: Option<String>,
    /// The page before.
    pub referrer: Option<String>,
}

/// A value that is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct FaultValueRow {
    /// The name of the events; absent if the value is wrong in every event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_name: Option<String>,
    /// The column, or `properties.<name>`.
    pub column: String,
    /// The value; null if it is absent, or each event has another one.
    pub value: Option<String>,
    /// What was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
    /// Events with it.
    pub count: u64,
}

impl From<QualityResponse> for QualityRows {
    fn from(response: QualityResponse) -> Self {
        let events = response.events;
        let row = |fault: Fault| FaultRow {
            code: fault.code.as_str(),
            count: fault.events,
            share: share(fault.events, events),
            example: fault.example.map(FaultExample::from),
            values: fault.values.into_iter().map(FaultValueRow::from).collect(),
            advice: fault.code.advice(),
            truncated: fault.truncated,
        };
        Self { events, rows: response.faults.into_iter().map(row).collect(), warnings: Vec::new() }
    }
}

impl From<Event> for FaultExample {
    fn from(event: Event) -> Self {
        let Event { event_id, event_name, timestamp, url, referrer, .. } = event;
        Self { event_id, event_name, timestamp: timestamp.to_string(), url, referrer }
    }
}

impl From<FaultyValue> for FaultValueRow {
    fn from(faulty: FaultyValue) -> Self {
        let FaultyValue { event_name, column, value, instead_of, events } = faulty;
        Self { event_name, column, value, instead_of, count: events }
    }
}
