//! The response to a report as it is sent: its rows, compared with those of another range if the request asks
//! for it, and warnings about what the query names.

pub mod comparison;
mod schema;

use millimetric_core::query::{AnyQuery, AnyResponse, OtherResponse, Query};
use millimetric_core::time::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use self::comparison::{Ranges, compare};
pub use self::schema::describe_answer;
use super::{QueryResponse, Report};
use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::ops::reports::warnings::{Unconfirmed, Warning};

/// A report that is asked for, and the ranges that are compared, if there are two.
#[derive(Debug)]
pub struct Asked<R: Report> {
    /// The query.
    pub query: R::Query,
    /// The ranges.
    pub ranges: Option<Ranges>,
}

/// The response to a report.
#[derive(Debug, Serialize)]
pub struct Answer<B> {
    #[serde(flatten)]
    body: Body<B>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "warning_rows")]
    warnings: Vec<Warning>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Body<B> {
    /// As the report writes it.
    Own(B),
    /// With the figures of another range.
    Compared(Map<String, Value>),
}

/// What the query names and the data do not contain, or values that count nowhere.
#[derive(Debug, Serialize, ToSchema)]
pub struct WarningRow {
    /// What it is about: `no_events`, `range_outside_data`, `unknown_event`, `event_not_in_range`,
    /// `unknown_property`, `unknown_value`, `nothing_matches`, `not_numeric` or `not_checked`.
    #[schema(example = "unknown_event")]
    pub code: &'static str,
    /// For people: what does not exist, and what does.
    #[schema(example = "No event is called `purchse`: did you mean `purchase`?")]
    pub message: String,
}

fn warning_rows<S: Serializer>(warnings: &[Warning], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(warnings.iter().cloned().map(WarningRow::from))
}

impl From<Warning> for WarningRow {
    fn from(warning: Warning) -> Self {
        Self { code: warning.code.as_str(), message: warning.message }
    }
}

impl<B> Answer<B> {
    /// The same with more warnings.
    #[must_use]
    pub fn with(mut self, warnings: Vec<Warning>) -> Self {
        self.warnings.extend(warnings);
        self
    }

    /// Takes the warnings out.
    pub fn take_warnings(&mut self) -> Vec<Warning> {
        std::mem::take(&mut self.warnings)
    }
}

/// Answers a report: runs its query, and once more over the other range if there is one. Also returns what has to
/// be looked up for warnings.
///
/// # Errors
/// Those of `run`.
pub async fn answer<R: Report, F>(
    asked: Asked<R>,
    now: Timestamp,
    run: impl Fn(R::Query) -> F,
) -> ApiResult<(Answer<R::Body>, Option<Unconfirmed>)>
where
    F: Future<Output = ApiResult<QueryResponse<R>>>,
{
    let Asked { mut query, ranges } = asked;
    let compared = R::COMPARABLE.zip(ranges);
    let limit = compared.as_ref().map(|(comparable, _)| (comparable.unlimited)(&mut query));
    let (unconfirmed, response) = confirm::<R>(&query, run(query.clone()).await?)?;
    let body = R::body(&query, response, now);
    let warnings = R::warnings(&query, &body);
    let (Some((comparable, ranges)), Some(limit)) = (compared, limit) else {
        return Ok((Answer { body: Body::Own(body), warnings }, unconfirmed));
    };
    let before = query.clone().over(ranges.compared);
    let (unconfirmed_before, response) = confirm::<R>(&before, run(before.clone()).await?)?;
    let bodies = [object(&body), object(&R::body(&before, response, now))];
    let body = Body::Compared(compare(&comparable, &query, limit, ranges, now, bodies, R::say_cut));
    let unconfirmed = Unconfirmed::of_both([ranges.range, ranges.compared], unconfirmed, unconfirmed_before);
    Ok((Answer { body, warnings }, unconfirmed))
}

/// What has to be looked up because of the response to a query, and the response.
fn confirm<R: Report>(
    query: &R::Query,
    response: QueryResponse<R>,
) -> ApiResult<(Option<Unconfirmed>, QueryResponse<R>)> {
    let (any_query, response): (AnyQuery, AnyResponse) = (query.clone().into(), response.into());
    let unconfirmed = Unconfirmed::by(&any_query, &response);
    let response = response.try_into();
    Ok((
        unconfirmed,
        response.map_err(|other: OtherResponse| ApiError::new(ErrorCode::InternalError).because(other))?,
    ))
}

fn object(body: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(body) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}
