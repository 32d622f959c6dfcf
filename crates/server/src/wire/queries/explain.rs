//! The query string of `GET /v1/explain`.

use millimetric_core::query::RowLimit;
use millimetric_core::time::{TimeRange, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;

use super::check::Check;
use crate::error::ApiResult;
use crate::ops::reports::explain::ExplainQuery;

/// Longest URL or referrer that is explained, in characters; the same as of an event.
pub(super) const MAX_URL: usize = 2048;

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
