//! Why a response is empty: no events, a name that does not exist, a filter whose value does not occur.

use std::collections::BTreeSet;

use millimetric_core::query::{Dimension, EventSelector, Metric, Number, RowLimit, StatsQuery};
use millimetric_core::time::{TimeRange, Timestamp};
use serde_json::Value;

use super::super::arguments::Arguments;
use super::super::clean::word;
use super::super::response::Page;
use super::spec::Tool;
use crate::auth::{Authorized, Read};
use crate::error::ApiResult;
use crate::ops::reports::multi_project::of_each;
use crate::ops::reports::schema;
use crate::ops::{fuzzy_match, read};
use crate::state::App;

/// The maximum number of projects that are searched for reasons.
const MOST_PROJECTS: usize = 20;
/// Filters whose values are compared with those that occur.
const COMPARED: [&str; 8] = [
    "source",
    "medium",
    "campaign",
    "session_source",
    "session_medium",
    "session_campaign",
    "country",
    "path",
];
/// The most names listed if none is close.
const EXAMPLES: usize = 5;

/// Whether nothing was found.
pub(super) fn is_empty(tool: Tool, page: &Page) -> bool {
    let nothing = |value: &Value| value.is_null() || value.as_f64() == Some(0.0);
    match (tool, &page.rows[..]) {
        (Tool::ListProjects | Tool::CompareProjects | Tool::ExplainAttribution, _) => false,
        (_, []) => true,
        (Tool::GetStats, rows) => rows.iter().all(|row| row.get("value").is_some_and(nothing)),
        (Tool::Funnel, rows) => rows.iter().all(|row| row.get("uniques").is_some_and(nothing)),
        _ => false,
    }
}

/// The reasons that were found.
pub(super) async fn reasons(
    app: &App,
    readers: &[Authorized<Read>],
    arguments: &Arguments,
    range: Option<TimeRange>,
) -> ApiResult<Vec<String>> {
    let readers = &readers[..readers.len().min(MOST_PROJECTS)];
    let mut reasons = Vec::new();
    if arguments.get("kind") == Some("goals") {
        reasons.push("No goal fits. Goals are created with `millimetric goal create`.".to_owned());
        return Ok(reasons);
    }
    let known = of_each(readers, |by| schema::known_names(app, by)).await?;
    let names: BTreeSet<String> = known.into_iter().flatten().collect();
    if names.is_empty() {
        reasons.push(
            "No event was ever stored here, or none is kept any more: send one with POST /v1/track."
                .to_owned(),
        );
        return Ok(reasons);
    }
    for asked in asked_names(arguments) {
        reasons.extend(about_name(app, readers, asked, &names, range).await?);
    }
    if let Some(range) = range {
        for name in COMPARED {
            if let Some(value) = arguments.get(name) {
                reasons.extend(about_value(app, readers, name, value, range).await?);
            }
        }
    }
    if reasons.is_empty() {
        let newest = newest(app, readers, None).await?;
        let at = newest.map(|at| format!(" The newest event of all is of {at}.")).unwrap_or_default();
        reasons.push(format!("Nothing in this range fits.{at}"));
    }
    Ok(reasons)
}

/// The event names that the query is about.
fn asked_names(arguments: &Arguments) -> impl Iterator<Item = &str> {
    arguments.get("event").into_iter().chain(arguments.list("steps"))
}

async fn about_name(
    app: &App,
    readers: &[Authorized<Read>],
    asked: &str,
    names: &BTreeSet<String>,
    range: Option<TimeRange>,
) -> ApiResult<Option<String>> {
    if !names.contains(asked) {
        let closest = fuzzy_match::closest(asked, names.iter().map(String::as_str));
        let some: Vec<_> = names.iter().take(EXAMPLES).map(|name| format!("`{}`", word(name))).collect();
        let meant = match closest {
            Some(name) => format!("did you mean `{}`?", word(name)),
            None => format!("there are {}; describe_schema lists all.", some.join(", ")),
        };
        return Ok(Some(format!("No event is called `{}`: {meant}", word(asked))));
    }
    let newest = newest(app, readers, Some(asked)).await?;
    let outside = newest.filter(|at| range.is_some_and(|range| !range.contains(*at)));
    Ok(outside.map(|at| format!("`{}` does occur, last at {at}, outside this range.", word(asked))))
}

/// If the value of a filter does not occur in the range, says which values do.
async fn about_value(
    app: &App,
    readers: &[Authorized<Read>],
    name: &str,
    value: &str,
    range: TimeRange,
) -> ApiResult<Option<String>> {
    let Ok(dimension) = name.parse::<Dimension>() else { return Ok(None) };
    let query = StatsQuery {
        range,
        events: EventSelector::Any,
        filters: Vec::new(),
        metric: Metric::Count,
        group_by: vec![dimension],
        buckets: None,
        limit: RowLimit::new(1000).unwrap_or(RowLimit::ONE),
    };
    let responses = of_each(readers, |by| read::run(app, by, query.clone())).await?;
    let rows = responses.into_iter().flat_map(|response| response.rows);
    let some = rows.filter(|row| !matches!(row.value, Some(Number::Integer(0)) | None));
    let mut found: BTreeSet<_> = some.filter_map(|row| row.keys.into_iter().next().flatten()).collect();
    if found.contains(value) {
        return Ok(None);
    }
    found.remove("");
    if found.is_empty() {
        return Ok(Some(format!(
            "No event in this range has {name}=`{}`, or any {name} at all.",
            word(value)
        )));
    }
    let closest = fuzzy_match::closest(value, found.iter().map(String::as_str));
    let some = || found.iter().take(EXAMPLES).map(|value| format!("`{}`", word(value))).collect::<Vec<_>>();
    Ok(Some(match closest {
        Some(closest) => {
            format!("No event in this range has {name}=`{}`; did you mean `{}`?", word(value), word(closest))
        }
        None => {
            format!("No event in this range has {name}=`{}`; there are {}.", word(value), some().join(", "))
        }
    }))
}

async fn newest(
    app: &App,
    readers: &[Authorized<Read>],
    event: Option<&str>,
) -> ApiResult<Option<Timestamp>> {
    let newest = of_each(readers, |by| schema::last_seen(app, by, event)).await?;
    Ok(newest.into_iter().max().flatten())
}
