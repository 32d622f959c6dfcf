//! Why a response is empty: no events, a name that does not exist, a filter whose value does not occur.

use std::collections::BTreeSet;

use millimetric_core::column::Column;
use millimetric_core::fuzzy_match;
use millimetric_core::query::{
    Condition, Dimension, EventSelector, Filter, FilterList, Metric, Number, RowLimit, StatsQuery,
    StepSelector, Test,
};
use millimetric_core::time::{TimeRange, Timestamp};
use serde_json::Value;

use super::super::arguments::Arguments;
use super::super::clean::word;
use super::super::response::Page;
use super::spec::Tool;
use crate::auth::{Authorized, Read};
use crate::error::ApiResult;
use crate::ops::read;
use crate::ops::reports::multi_project::of_each;
use crate::ops::reports::schema;
use crate::state::App;
use crate::wire::params::FILTERS;

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
/// The most conditions whose values are compared with those that occur.
const MOST_CONDITIONS: usize = 8;
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
    let conditions = conditions(arguments);
    for asked in asked_names(arguments, &conditions) {
        reasons.extend(about_name(app, readers, asked, &names, range).await?);
    }
    if let Some(range) = range {
        for name in COMPARED {
            if let (Some(value), Ok(column)) = (arguments.get(name), name.parse()) {
                reasons.extend(about_values(app, readers, &column, &[value.to_owned()], range).await?);
            }
        }
        for (column, values) in conditions {
            reasons.extend(about_values(app, readers, &column, &values, range).await?);
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
fn asked_names<'a>(
    arguments: &'a Arguments,
    conditions: &'a [(Dimension, Vec<String>)],
) -> impl Iterator<Item = &'a str> {
    let is_of_names = |(column, _): &&(Dimension, Vec<String>)| *column == Column::EventName.into();
    let conditions = conditions.iter().filter(is_of_names).flat_map(|(_, names)| names);
    let is_event =
        |step: &&str| !step.starts_with(StepSelector::PAGE) && !step.starts_with(StepSelector::GOAL);
    let steps = arguments.list("steps").into_iter().filter(is_event);
    arguments.get("event").into_iter().chain(steps).chain(conditions.map(String::as_str))
}

/// Of the list of conditions, those that require certain values, by themselves.
fn conditions(arguments: &Arguments) -> Vec<(Dimension, Vec<String>)> {
    let list = arguments.values.get(FILTERS).and_then(|list| FilterList::from_json(list).ok());
    let values = |filter: Filter| match filter {
        Filter::Condition(Condition { column, negated: false, test: Test::OneOf(values) }) => {
            Some((column, values))
        }
        _ => None,
    };
    let list = list.unwrap_or_default().into_vec();
    list.into_iter().filter_map(values).take(MOST_CONDITIONS).collect()
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

/// If none of the values of a filter occurs in the range, says which values do. Columns that nothing is grouped
/// by, and names of events, are passed over.
async fn about_values(
    app: &App,
    readers: &[Authorized<Read>],
    column: &Dimension,
    values: &[String],
    range: TimeRange,
) -> ApiResult<Option<String>> {
    let name = column.name();
    let is_grouped = name.parse::<Dimension>().is_ok();
    let Some(value) = values.first().filter(|_| is_grouped && *column != Column::EventName.into()) else {
        return Ok(None);
    };
    let query = StatsQuery {
        range,
        events: EventSelector::Any,
        filters: Vec::new(),
        metric: Metric::Count,
        group_by: vec![column.clone()],
        buckets: None,
        limit: RowLimit::new(1000).unwrap_or(RowLimit::ONE),
    };
    let responses = of_each(readers, |by| read::run(app, by, query.clone())).await?;
    let rows = responses.into_iter().flat_map(|response| response.rows);
    let some = rows.filter(|row| !matches!(row.value, Some(Number::Integer(0)) | None));
    let mut found: BTreeSet<_> = some.filter_map(|row| row.keys.into_iter().next().flatten()).collect();
    if values.iter().any(|value| found.contains(value)) {
        return Ok(None);
    }
    found.remove("");
    let unknown = format!("No event in this range has {}=`{}`", word(&name), word(value));
    if found.is_empty() {
        return Ok(Some(format!("{unknown}, or any {} at all.", word(&name))));
    }
    let closest = fuzzy_match::closest(value, found.iter().map(String::as_str));
    let some = || found.iter().take(EXAMPLES).map(|value| format!("`{}`", word(value))).collect::<Vec<_>>();
    Ok(Some(match closest {
        Some(closest) => format!("{unknown}; did you mean `{}`?", word(closest)),
        None => format!("{unknown}; there are {}.", some().join(", ")),
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
