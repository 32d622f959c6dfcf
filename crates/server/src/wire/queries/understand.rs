//! The query strings of the queries about the data itself: what it looks like, and why a visit
//! counts where it counts.

use millimetric_core::query::RowLimit;
use millimetric_core::time::{TimeRange, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;

use super::check::Check;
use crate::error::ApiResult;
use crate::ops::explain::ExplainQuery;
use crate::ops::schema::{Kind, SchemaQuery, dimension};

/// Longest URL or referrer that is explained, in characters; the same as of an event.
const MAX_URL: usize = 2048;
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

/// `GET /v1/explain`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExplainParams {
    /// A stored event; or a dry run, with `url`, `referrer` or both.
    #[param(example = "evt_0190f3c0-a1b2-7c4d-8e9f-a0b1c2d3e4f5")]
    event_id: Option<String>,
    /// Where to look for the event; absent: everywhere.
    from: Option<String>,
    /// First instant after the range.
    to: Option<String>,
    /// The landing page.
    #[param(example = "https://shop.example/?utm_source=facebook&utm_medium=cpc")]
    url: Option<String>,
    /// Where the visitor came from.
    #[param(example = "https://www.google.com/")]
    referrer: Option<String>,
    /// The site's own host, for a visit without `url`.
    site_host: Option<String>,
}

impl ExplainParams {
    /// The query, or every parameter that is wrong.
    pub fn query(self) -> ApiResult<ExplainQuery> {
        let mut check = Check::default();
        let always = TimeRange::new(Timestamp::MIN, Timestamp::MAX).unwrap_or(TimeRange::LAST);
        let bounded = self.from.is_some() || self.to.is_some();
        let range = check.range_or(self.from, self.to, always);
        let event_id = check.text("event_id", self.event_id, 128);
        let url = check.text("url", self.url, MAX_URL);
        let referrer = check.text("referrer", self.referrer, MAX_URL);
        let site_host = check.text("site_host", self.site_host, MAX_URL);
        let visits = url.is_some() || referrer.is_some() || site_host.is_some();
        match (&event_id, visits) {
            (Some(_), true) => check.problems.form("send either event_id, or url and referrer"),
            (None, false) => check.problems.form("send event_id, or url, referrer or both for a dry run"),
            (None, true) if bounded => check.problems.form("from and to go with event_id"),
            _ => {}
        }
        let (range, _) = check.finish(range, Some(RowLimit::ONE))?;
        Ok(match event_id {
            Some(event_id) => ExplainQuery::Event { event_id, range },
            None => ExplainQuery::Visit { url, referrer, site_host },
        })
    }
}
