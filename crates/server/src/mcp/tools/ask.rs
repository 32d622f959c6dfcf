//! Runs the query of a read tool, for one project or several. Parameters are read, the query is run and
//! the rows are written by the same code as for REST.

use millimetric_core::classify::RuleSettings;
use rmcp::model::JsonObject;
use serde_json::Value;

use super::super::arguments::{Arguments, PATHS};
use super::super::response::Page;
use super::spec::Tool;
use super::{compare, merge};
use crate::auth::{Authorized, Read};
use crate::error::{ApiError, ApiResult, ErrorCode, Problems};
use crate::ops::reports::{explain, multi_project, quality, schema};
use crate::ops::{goals, read};
use crate::state::App;
use crate::wire::params::{Parameters, SentParams, from_json};
use crate::wire::reports::{
    AttributionParams, ChangesParams, EventsParams, ExplainParams, ExplainedRows, FunnelParams,
    JourneysParams, PagesParams, PathsParams, QualityParams, QualityRows, Report, RetentionParams,
    SchemaParams, SchemaRows, SessionsParams, SourcesParams, StatsParams, answer,
};
use crate::wire::responses::{ProjectRow, ProjectRows};

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
        Tool::CompareProjects => return compare::page(app, readers, arguments).await,
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
        Tool::Sessions => report::<SessionsParams>(app, by, values).await,
        Tool::Retention => report::<RetentionParams>(app, by, values).await,
        Tool::Journeys => report::<JourneysParams>(app, by, values).await,
        Tool::Attribution => {
            let mut values = values;
            match values.shift_remove(PATHS) {
                Some(Value::Bool(true)) => report::<PathsParams>(app, by, values).await,
                _ => report::<AttributionParams>(app, by, values).await,
            }
        }
        Tool::ExplainChange => report::<ChangesParams>(app, by, values).await,
        Tool::DataQuality => {
            let query = read_json::<QualityParams>(app, by, values).await?;
            let response = quality::quality(app, by, &query).await?;
            let unconfirmed = query.unconfirmed(&response);
            Ok(Page { unconfirmed, ..Page::of(&QualityRows::from(response)) })
        }
        Tool::DescribeSchema => {
            let query = read_json::<SchemaParams>(app, by, values).await?;
            let response = schema::schema(app, by, &query).await?;
            let unconfirmed = query.unconfirmed(&response);
            Ok(Page { unconfirmed, ..Page::of(&SchemaRows::new(query.kind, response)) })
        }
        Tool::ExplainAttribution => {
            let (query, rules) = from_json::<ExplainParams>(values)?;
            Ok(Page::of(&ExplainedRows::new(explain::explain(app, by, query).await?, rules)))
        }
        Tool::TrackEvent | Tool::ListProjects | Tool::CompareProjects => Ok(Page::default()),
    }
}

async fn report<R: Report>(app: &App, by: &Authorized<Read>, values: JsonObject) -> ApiResult<Page> {
    let sent = SentParams::Body(values);
    let goals = goals::asked(app, by, &sent.goals::<R>()).await?;
    let asked = sent.report::<R>(&app.limits.heavy, goals).await?;
    let by = if asked.ranges.is_some() { &read::in_one_slot(app, by).await? } else { by };
    let run = |query| async move { Ok(read::run(app, by, query).await?) };
    let (mut answer, unconfirmed) = answer::<R, _>(asked, app.now(), run).await?;
    let warnings = answer.take_warnings();
    Ok(Page { warnings, unconfirmed, ..Page::of(&answer) })
}

/// Reads arguments that may name goals of the project.
pub(super) async fn read_json<P: Parameters<Query: Send + 'static>>(
    app: &App,
    by: &Authorized<Read>,
    values: JsonObject,
) -> ApiResult<P::Query> {
    let sent = SentParams::Body(values);
    let goals = goals::asked(app, by, &sent.goals::<P>()).await?;
    sent.query::<P>(&app.limits.heavy, goals).await
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
