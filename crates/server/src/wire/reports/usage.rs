//! `GET /v1/usage`: events stored in each month, and the plan's limit.

use millimetric_core::query::RowLimit;
use millimetric_core::time::TimeRange;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::ApiResult;
use crate::wire::choices::{Instant, PlanName};
use crate::wire::params::{Check, FilterParams, Parameters};

/// `GET /v1/usage`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UsageParams {
    /// The first month is the one this instant lies in.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-06-01")]
    to: Option<String>,
}

impl Parameters for UsageParams {
    type Query = TimeRange;
    const FILTERED: bool = false;

    fn query(self, _: FilterParams) -> ApiResult<TimeRange> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = RowLimit::new(1);
        check.finish(range, limit).map(|(range, _)| range)
    }
}

/// `GET /v1/usage`
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageRows {
    /// The project's plan.
    #[schema(value_type = PlanName, inline)]
    pub plan: &'static str,
    /// Events that the plan holds each month; null: no limit.
    pub monthly_limit: Option<u64>,
    /// Months with events, in order.
    pub rows: Vec<UsageRow>,
}

/// One month.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageRow {
    /// `2026-05`
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}$")]
    pub month: String,
    /// Events stored in it, of the key's env.
    pub events: u64,
}
