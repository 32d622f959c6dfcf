//! `compare_projects`: one figure of each project, counted as by `/v1/stats`.

use millimetric_core::query::{RowLimit, StatsQuery, StatsResponse};
use rmcp::model::JsonObject;

use super::super::arguments::Arguments;
use super::super::response::Page;
use super::{ask, merge};
use crate::auth::{Authorized, Read};
use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::ops::read;
use crate::ops::reports::multi_project;
use crate::ops::reports::warnings::{Unconfirmed, Warning};
use crate::state::App;
use crate::wire::reports::{Report as _, StatsParams};
use crate::wire::responses::ComparedRows;

/// The ranked figures of the projects, of which there is at least one.
pub(super) async fn page(app: &App, readers: &[Authorized<Read>], arguments: &Arguments) -> ApiResult<Page> {
    let figures = multi_project::of_each(readers, |by| figure(app, by, arguments.values.clone())).await?;
    let (queries, responses): (Vec<StatsQuery>, Vec<StatsResponse>) = figures.into_iter().unzip();
    let Some(first) = queries.first() else {
        return Err(ApiError::new(ErrorCode::NoProjectsVisible));
    };
    let unconfirmed: Vec<_> = queries.iter().zip(&responses).map(unconfirmed).collect();
    let warnings = readers.iter().zip(queries.iter().zip(&responses));
    let warnings =
        warnings.flat_map(|(by, (query, response))| warnings_of(app, by, query, response)).collect();
    let comparison = multi_project::compare(readers, &first.metric, &responses);
    let approximate = responses.iter().any(|response| response.approximate);
    let page = Page::of(&ComparedRows::new(first.metric.as_str(), comparison, approximate));
    Ok(Page { warnings, unconfirmed: merge::unconfirmed(unconfirmed.iter().map(Option::as_ref)), ..page })
}

/// The query that the arguments are for this project, in which they may name goals, and its response.
async fn figure(
    app: &App,
    by: &Authorized<Read>,
    values: JsonObject,
) -> ApiResult<(StatsQuery, StatsResponse)> {
    let mut query = ask::read_json::<StatsParams>(app, by, values).await?;
    // A row for each currency.
    query.limit = RowLimit::MOST.into();
    let response = read::run(app, by, query.clone()).await?;
    Ok((query, response))
}

fn unconfirmed((query, response): (&StatsQuery, &StatsResponse)) -> Option<Unconfirmed> {
    Unconfirmed::by(&query.clone().into(), &response.clone().into())
}

/// What the figure of a project leaves out, as in the response to `get_stats`, with the project.
fn warnings_of(
    app: &App,
    by: &Authorized<Read>,
    query: &StatsQuery,
    response: &StatsResponse,
) -> Vec<Warning> {
    let body = StatsParams::body(query, response.clone(), app.now());
    let of_project = |warning: Warning| Warning {
        message: format!("{}: {}", by.project().slug, warning.message),
        ..warning
    };
    StatsParams::warnings(query, &body).into_iter().map(of_project).collect()
}
