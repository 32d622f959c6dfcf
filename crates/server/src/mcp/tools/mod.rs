//! The tools: which ones a key may call, and what a call does. A read tool has the parameters, the
//! operation and the rows of a REST route.

pub(super) mod ask;
mod compare;
mod having_goals;
mod merge;
mod schema;
pub(super) mod spec;
mod summary;
mod track;

use chrono_tz::Tz;
use millimetric_core::fuzzy_match;
use millimetric_core::time::TimeRange;
use rmcp::ErrorData;
use rmcp::model::{CallToolResult, JsonObject, Tool as Listed};

use super::arguments::{self, Arguments};
use super::clean;
use super::failure::{self, Era};
use super::response::ToolResponse;
use super::session::{Agent, Session};
use crate::auth::{Authorized, Read};
use crate::error::ApiResult;
use crate::ops::read;
use crate::ops::reports::warnings;
use crate::wire::reports::{PathsParams, Report as _};
use spec::Tool;

/// Longest address of a REST route that a response contains, in bytes.
const MAX_URL: usize = 2048;
/// The most warnings of a response.
const MOST_WARNINGS: usize = 5;
/// The most projects that are searched for what a query names.
const MOST_PROJECTS: usize = 20;

/// The tools of a key, in their order.
pub(super) fn list(agent: &Agent) -> Vec<Listed> {
    offered(agent).map(|tool| schema::listed(tool, agent.is_account())).collect()
}

/// The tools that the key may call; each call checks it again.
fn offered(agent: &Agent) -> impl Iterator<Item = Tool> {
    Tool::ALL.into_iter().filter(move |tool| match (tool, agent) {
        (Tool::TrackEvent, Agent::Project(agent)) => agent.sends(),
        (Tool::TrackEvent, Agent::Account(_)) => false,
        (Tool::ListProjects | Tool::CompareProjects, agent) => agent.is_account(),
        (_, agent) => agent.reads(),
    })
}

/// Calls a tool by its name.
pub(super) async fn call(
    session: &Session,
    name: &str,
    arguments: JsonObject,
    era: Era,
) -> Result<CallToolResult, ErrorData> {
    let tool = find(&session.agent, name)?;
    tracing::debug!(tool = tool.spec().name, "an agent calls");
    let called = match (tool, &*session.agent) {
        (Tool::TrackEvent, Agent::Project(agent)) => track::track(session, agent, &arguments).await,
        _ => ask(session, tool, &arguments).await,
    };
    match called {
        Ok(response) => Ok(response.into_result()),
        Err(error) => {
            let account = session.agent.is_account();
            let lesson = || arguments::lesson(tool, account, &error, &arguments);
            failure::of_tool(&session.app.metrics, &error, era, lesson)
        }
    }
}

/// A tool of this endpoint, whether the key may call it or not.
fn find(agent: &Agent, name: &str) -> Result<Tool, ErrorData> {
    let here = |tool: &Tool| match tool {
        Tool::TrackEvent => !agent.is_account(),
        Tool::ListProjects | Tool::CompareProjects => agent.is_account(),
        _ => true,
    };
    let mut tools = Tool::ALL.into_iter().filter(here);
    tools.find(|tool| tool.spec().name == name).ok_or_else(|| {
        let names: Vec<_> = offered(agent).map(|tool| tool.spec().name).collect();
        let closest = fuzzy_match::closest(name, names.iter().copied());
        let meant = closest.map(|name| format!(" Did you mean {name}?")).unwrap_or_default();
        let words = format!("There is no tool {}.{meant} Tools: {}.", clean::word(name), names.join(", "));
        ErrorData::invalid_params(words, None)
    })
}

/// Runs the query for every selected project and merges the responses.
async fn ask(session: &Session, tool: Tool, sent: &JsonObject) -> ApiResult<ToolResponse> {
    let (app, account) = (&session.app, session.agent.is_account());
    // Authority is checked before arguments.
    let mut readers = session.agent.readers(app, &crate::auth::agents::Projects::All).await?;
    let arguments = Arguments::read(tool, sent, account)?;
    if arguments.projects != crate::auth::agents::Projects::All {
        readers = session.agent.readers(app, &arguments.projects).await?;
    }
    let now = app.now();
    let arguments = arguments.resolve(common_zone(&readers), now);
    let asked = readers.len();
    let readers = having_goals::having_goals(app, readers, &arguments).await?;
    let mut page = ask::page(app, tool, &readers, &arguments).await?;
    let range = arguments.range().filter(|_| tool.spec().range.is_some());
    let mut notes = kept_notes(session, &readers, range);
    if tool != Tool::DescribeSchema && range.is_some_and(|range| range.contains(now)) {
        notes.push("Today is not over: it counts up to now.".to_owned());
    }
    notes.extend(goals_note(&readers, asked));
    if page.rows.is_empty() && arguments.get("kind") == Some("goals") {
        notes.push("No goal fits. Goals are created with `millimetric goal create`.".to_owned());
    }
    if let Some(unconfirmed) = &page.unconfirmed {
        let readers = &readers[..readers.len().min(MOST_PROJECTS)];
        page.warnings.extend(warnings::about(app, readers, unconfirmed).await);
    }
    if page.warnings.len() > MOST_WARNINGS {
        notes.push(format!("{} more warnings are left out.", page.warnings.len() - MOST_WARNINGS));
        page.warnings.truncate(MOST_WARNINGS);
    }
    let base = session.app.public_url.as_str();
    let route = if arguments.asks_paths() { Some(PathsParams::PATH) } else { tool.spec().route };
    let url = route.filter(|_| !account);
    Ok(ToolResponse {
        summary: summary::of(tool, &page, &arguments, readers.len()),
        page,
        csv: arguments.csv,
        range: range.map(|range| (range, arguments.timezone.clone())),
        notes,
        url: url
            .and_then(|path| Some(format!("{base}{path}?{}", arguments.query_string()?)))
            .filter(|url| url.len() <= MAX_URL),
        applied: arguments
            .texts()
            .filter(|(name, _)| !matches!(*name, "from" | "to"))
            .map(|(name, text)| (name.to_owned(), text))
            .collect(),
    })
}

/// A note if some of the projects that are asked lack a goal.
fn goals_note(having: &[Authorized<Read>], asked: usize) -> Option<String> {
    let without = asked.checked_sub(having.len()).filter(|without| *without > 0)?;
    // Rows of one project do not name it.
    let only = match having {
        [only] => format!(": the rows are of `{}`", only.project().slug),
        _ => String::new(),
    };
    Some(format!("{without} of {asked} projects have no such goal and count nowhere{only}."))
}

/// The time zone of the projects; UTC if they have several.
fn common_zone(readers: &[Authorized<Read>]) -> Tz {
    let mut zones = readers.iter().map(|by| by.project().timezone);
    let first = zones.next().unwrap_or(Tz::UTC);
    if zones.all(|zone| zone == first) { first } else { Tz::UTC }
}

/// A note if part of the range is older than what a project keeps.
fn kept_notes(session: &Session, readers: &[Authorized<Read>], range: Option<TimeRange>) -> Vec<String> {
    let Some(range) = range else { return Vec::new() };
    let oldest = readers.iter().filter_map(|by| read::expired_before(&session.app, by, range)).max();
    let note = |oldest| format!("Events before {oldest} are no longer kept and count nowhere.");
    oldest.map(note).into_iter().collect()
}
