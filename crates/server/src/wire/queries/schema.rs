//! The query string of `GET /v1/schema`.

use millimetric_core::time::TimeRange;
use serde::Deserialize;
use utoipa::IntoParams;

use super::check::Check;
use super::explain::MAX_URL;
use crate::error::ApiResult;
use crate::ops::reports::schema::{Kind, SchemaQuery, dimension};

/// Longest search, in characters.
const MAX_SEARCH: usize = 128;

/// `GET /v1/schema`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SchemaParams {
    /// `events` (default), `properties`, `values` (of `property`), `columns` or `rules`.
    kind: Option<String>,
    /// First instant, inclusive: ISO 8601, or a date for its midnight in UTC. `columns` and `rules` need
    /// no range.
    #[param(example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(example = "2026-06-01")]
    to: Option<String>,
    /// Only this event name.
    event: Option<String>,
    /// With `kind=values`: a column of `group_by`, or a property by its name.
    #[param(example = "plan")]
    property: Option<String>,
    /// Only names or values that hold this text, in whatever case.
    search: Option<String>,
    /// Rows answered, 1–1000; absent: 100.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
}

impl SchemaParams {
    /// The query, or every parameter that is wrong.
    pub fn query(self) -> ApiResult<SchemaQuery> {
        let mut check = Check::default();
        let kind = check
            .read("kind", self.kind, |text| text.parse::<Kind>().map_err(|error| error.to_string()))
            .unwrap_or_default();
        let range = match kind {
            Kind::Columns | Kind::Rules => check.range_or(self.from, self.to, TimeRange::LAST),
            Kind::Events | Kind::Properties | Kind::Values => check.range(self.from, self.to),
        };
        let limit = check.limit(self.limit, 100, 1000);
        let event = check.text("event", self.event, MAX_URL);
        let search = check.text("search", self.search, MAX_SEARCH);
        if kind == Kind::Values && self.property.is_none() {
            check.problems.field("property", "is required with kind=values: a column or a property");
        }
        if kind != Kind::Values && self.property.is_some() {
            check.problems.field("property", "goes with kind=values");
        }
        let of = check.read("property", self.property, |text| {
            dimension(text).ok_or("must be a column or the name of a property, 1 to 128 bytes long")
        });
        let (range, limit) = check.finish(range, limit)?;
        Ok(SchemaQuery { kind, range, event, of, search, limit })
    }
}
