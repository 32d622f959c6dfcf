//! Runs the query of a read tool, for one project or several. Parameters are read, the query is run and
//! the rows are written by the same code as for REST.

use millimetric_core::classify::RuleSettings;
use rmcp::model::JsonObject;
use serde_json::Value;

use super::super::arguments::{Arguments, PATHS};
use super::super::response::Page;
use super::merge;
use super::spec::Tool;
use crate::auth::{Authorized, Read};
use crate::error::{ApiError, ApiResult, ErrorCode, Problems};
use crate::ops::read;
use crate::ops::reports::{explain, multi_project, schema};
use crate::state::App;
use crate::wire::params::from_json;
use crate::wire::reports::{
    AttributionParams, EventsParams, ExplainParams, ExplainedRows, FunnelParams, PagesParams, PathsParams,
    Report, SchemaParams, SchemaRows, SourcesParams, StatsParams,
};
use crate::wire::responses::{ComparedRows, ProjectRow, ProjectRows};

/// The most projects that one response lists.
const MOST_PROJECTS: usize = 200;

/// The rows of the selected projects.
pub(in crate::mcp) async fn page(
    app: &App,
    tool: Tool,
    readers: &[Authorized<Read>],
    arguments: &Arguments,
) -> ApiResult<Page> {
    match tool {
        Tool::ListProjects => return list(app, readers, arguments).await,
        Tool::CompareProjects => return compare(app, readers, arguments).await,
        _ => {}
    }
    let [first, others @ ..] = readers else {
        return Err(ApiError::new(ErrorCode::NoProjectsVisible));
    };
    if others.is_empty() || is_of_no_project(tool, readers, arguments) {
        return of_one(app, tool, first, arguments.values.clone()).await;
    }
    if tool == Tool::ExplainAttribution {
        if arguments.get("event_id").is_none() {
            let mut problems = Problems::default();
            problems.field("project_ids", "name one project: some of them have rules of their own");
            return Err(ApiError::validation(ErrorCode::InvalidParams, problems));
        }
        return wherever_it_is(app, readers, arguments).await;
    }
    let pages = multi_project::of_each(readers, |by| of_one(app, tool, by, arguments.values.clone())).await?;
    let pages = readers.iter().map(|by| by.project().id).zip(pages).collect();
    Ok(merge::merge(tool, pages, arguments))
}

/// Columns are the same for every project; so are rules and dry runs if none has rules of its own.
fn is_of_no_project(tool: Tool, readers: &[Authorized<Read>], arguments: &Arguments) -> bool {
    let same_rules = || {
        let settings = |by: &Authorized<Read>| by.project().classifier.settings();
        readers.iter().all(|by| settings(by) == RuleSettings::default())
    };
    match tool {
        Tool::DescribeSchema if arguments.get("kind") == Some("columns") => true,
        Tool::DescribeSchema => arguments.get("kind") == Some("rules") && same_rules(),
        Tool::ExplainAttribution => arguments.get("event_id").is_none() && same_rules(),
        _ => false,
    }
}

async fn of_one(app: &App, tool: Tool, by: &Authorized<Read>, values: JsonObject) -> ApiResult<Page> {
    match tool {
        Tool::QueryEvents => report::<EventsParams>(app, by, values).await,
        Tool::GetStats => report::<StatsParams>(app, by, values).await,
        Tool::TopSources => report::<SourcesParams>(app, by, values).await,
        Tool::Funnel => report::<FunnelParams>(app, by, values).await,
        Tool::TopPages => report::<PagesParams>(app, by, values).await,
        Tool::Attribution => {
            let mut values = values;
            match values.shift_remove(PATHS) {
                Some(Value::Bool(true)) => report::<PathsParams>(app, by, values).await,
                _ => report::<AttributionParams>(app, by, values).await,
            }
        }
        Tool::DescribeSchema => {
            let query = from_json::<SchemaParams>(values)?;
            let kind = query.kind;
            Ok(Page::of(&SchemaRows::new(kind, schema::schema(app, by, query).await?)))
        }
        Tool::ExplainAttribution => {
            let query = from_json::<ExplainParams>(values)?;
            Ok(Page::of(&ExplainedRows::from(explain::explain(app, by, query).await?)))
        }
        Tool::TrackEvent | Tool::ListProjects | Tool::CompareProjects => Ok(Page::default()),
    }
}

async fn report<R: Report>(app: &App, by: &Authorized<Read>, values: JsonObject) -> ApiResult<Page> {
    let query = from_json::<R>(values)?;
    let response = read::run(app, by, query.clone()).await?;
    Ok(Page::of(&R::body(&query, response)))
}

/// Looks for the event in each project.
async fn wherever_it_is(app: &App, readers: &[Authorized<Read>], arguments: &Arguments) -> ApiResult<Page> {
    let mut missing = ApiError::new(ErrorCode::NotFound);
    for by in readers {
        match of_one(app, Tool::ExplainAttribution, by, arguments.values.clone()).await {
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
    let query = from_json::<StatsParams>(arguments.values.clone())?;
    let metric = if query.metric == millimetric_core::query::Metric::Uniques { "uniques" } else { "count" };
    let compared = multi_project::compare(app, readers, &query).await?;
    let mut page = Page::of(&ComparedRows::new(metric, compared));
    page.facts.insert("metric".to_owned(), Value::from(metric));
    Ok(page)
}
