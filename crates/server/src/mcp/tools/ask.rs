//! One query of a read tool, to one project or several.
//!
//! The parser is the one of REST (`wire::queries`), and so are the operation and the shape:
//! what differs is only who hands them on.

use serde_json::Value;

use super::super::arguments::Arguments;
use super::super::response::Page;
use super::merge;
use super::spec::Tool;
use crate::auth::{Authorized, Read};
use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::ops::read;
use crate::ops::reports::{explain, multi_project, schema};
use crate::state::App;
use crate::wire::queries::{
    EventsParams, ExplainParams, FunnelParams, PagesParams, SchemaParams, SourcesParams, StatsParams, params,
    params_and_filters,
};
use crate::wire::responses::{
    ComparedRows, EventRows, ExplainedRows, FunnelRows, PageRows, ProjectRow, ProjectRows, SchemaRows,
    SourceRows, StatsRows,
};

/// The most projects that one response lists.
const MOST_PROJECTS: usize = 200;

/// The rows of the projects chosen.
pub(in crate::mcp) async fn page(
    app: &App,
    tool: Tool,
    readers: &[Authorized<Read>],
    arguments: &Arguments,
) -> ApiResult<Page> {
    let query = arguments.query();
    match tool {
        Tool::ListProjects => return list(app, readers, arguments).await,
        Tool::CompareProjects => return compare(app, readers, arguments).await,
        _ => {}
    }
    let [first, others @ ..] = readers else {
        return Err(ApiError::new(ErrorCode::NoProjectsVisible));
    };
    if others.is_empty() || is_of_no_project(tool, arguments) {
        return of_one(app, tool, first, &query).await;
    }
    if tool == Tool::ExplainAttribution {
        return wherever_it_is(app, readers, &query).await;
    }
    let pages = multi_project::of_each(readers, |by| of_one(app, tool, by, &query)).await?;
    let pages = readers.iter().map(|by| by.project().id).zip(pages).collect();
    Ok(merge::merge(tool, pages, arguments))
}

/// Rules, columns and visits that never were are the same for every project.
fn is_of_no_project(tool: Tool, arguments: &Arguments) -> bool {
    match tool {
        Tool::DescribeSchema => matches!(arguments.get("kind"), Some("rules" | "columns")),
        Tool::ExplainAttribution => arguments.get("event_id").is_none(),
        _ => false,
    }
}

async fn of_one(app: &App, tool: Tool, by: &Authorized<Read>, query: &str) -> ApiResult<Page> {
    Ok(match tool {
        Tool::QueryEvents => {
            let (params, filters) = params_and_filters::<EventsParams>(Some(query))?;
            let response = read::run(app, by, params.query(filters)?).await?;
            Page::of(&EventRows::from(response))
        }
        Tool::GetStats => {
            let (params, filters) = params_and_filters::<StatsParams>(Some(query))?;
            let query = params.query(filters)?;
            let response = read::run(app, by, query.clone()).await?;
            Page::of(&StatsRows::new(&query, response))
        }
        Tool::TopSources => {
            let (params, filters) = params_and_filters::<SourcesParams>(Some(query))?;
            let query = params.query(filters)?;
            let by_medium = query.by_medium;
            Page::of(&SourceRows::new(by_medium, read::run(app, by, query).await?))
        }
        Tool::Funnel => {
            let (params, filters) = params_and_filters::<FunnelParams>(Some(query))?;
            let query = params.query(filters)?;
            let response = read::run(app, by, query.clone()).await?;
            Page::of(&FunnelRows::new(&query, response))
        }
        Tool::TopPages => {
            let (params, filters) = params_and_filters::<PagesParams>(Some(query))?;
            let response = read::run(app, by, params.query(filters)?).await?;
            Page::of(&PageRows::from(response))
        }
        Tool::DescribeSchema => {
            let query = params::<SchemaParams>(Some(query))?.query()?;
            let kind = query.kind;
            Page::of(&SchemaRows::new(kind, schema::schema(app, by, query).await?))
        }
        Tool::ExplainAttribution => {
            let query = params::<ExplainParams>(Some(query))?.query()?;
            Page::of(&ExplainedRows::from(explain::explain(app, by, query).await?))
        }
        Tool::TrackEvent | Tool::ListProjects | Tool::CompareProjects => Page::default(),
    })
}

/// An event lies in one of the projects; nobody knows in which.
async fn wherever_it_is(app: &App, readers: &[Authorized<Read>], query: &str) -> ApiResult<Page> {
    let mut missing = ApiError::new(ErrorCode::NotFound);
    for by in readers {
        match of_one(app, Tool::ExplainAttribution, by, query).await {
            Ok(mut page) => {
                page.facts.insert("project_id".to_owned(), by.project().id.to_string().into());
                return Ok(page);
            }
            Err(error) if error.code == ErrorCode::NotFound => missing = error,
            Err(error) => return Err(error),
        }
    }
    Err(missing)
}

async fn list(app: &App, readers: &[Authorized<Read>], arguments: &Arguments) -> ApiResult<Page> {
    let summaries = multi_project::list(app, readers, arguments.get("search")).await?;
    let truncated = summaries.len() > MOST_PROJECTS;
    let rows = summaries.into_iter().take(MOST_PROJECTS).map(ProjectRow::from).collect();
    Ok(Page::of(&ProjectRows { rows, truncated }))
}

async fn compare(app: &App, readers: &[Authorized<Read>], arguments: &Arguments) -> ApiResult<Page> {
    let (params, filters) = params_and_filters::<StatsParams>(Some(&arguments.query()))?;
    let query = params.query(filters)?;
    let metric = if query.metric == millimetric_core::query::Metric::Uniques { "uniques" } else { "count" };
    let compared = multi_project::compare(app, readers, &query).await?;
    let mut page = Page::of(&ComparedRows::new(metric, compared));
    page.facts.insert("metric".to_owned(), Value::from(metric));
    Ok(page)
}
