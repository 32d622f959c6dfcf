//! The parameters of `GET /v1/export`.

use millimetric_core::query::{ExportQuery, RowLimit};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::error::ApiResult;
use crate::wire::choices::{Instant, RowFormatName};
use crate::wire::params::{Check, FilterParams, Parameters};
use crate::wire::rows::RowFormat;

/// `GET /v1/export`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in `timezone`.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-06-01")]
    to: Option<String>,
    /// `ndjson` (default), `csv` or `parquet`.
    #[param(value_type = Option<RowFormatName>, inline)]
    format: Option<String>,
    /// Only this event name.
    #[param(max_length = 2048)]
    event: Option<String>,
    /// Only events that reach this goal of the project, by its slug (`/v1/goals`), such as `signup`; in place
    /// of `event`.
    #[param(max_length = 2048)]
    goal: Option<String>,
}

impl Parameters for ExportParams {
    type Query = (ExportQuery, RowFormat);
    const FILTERED: bool = true;

    fn query(self, filters: FilterParams) -> ApiResult<(ExportQuery, RowFormat)> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let format = check
            .read("format", self.format, |text| text.parse::<RowFormat>().map_err(|error| error.to_string()));
        let events = check.events(self.event, self.goal.as_deref(), &filters.goals);
        let filters = check.filters(filters);
        let (range, _) = check.finish(range, RowLimit::new(1))?;
        Ok((ExportQuery { range, events, filters }, format.unwrap_or_default()))
    }
}
