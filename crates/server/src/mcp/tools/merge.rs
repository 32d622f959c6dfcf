//! Merges the responses of several projects: each row has its `project_id`, and rows are in the order of a
//! response of one project.

use std::cmp::Ordering;

use millimetric_core::ids::ProjectId;
use millimetric_core::query::Limit;
use serde_json::{Map, Value};

use super::super::arguments::Arguments;
use super::super::response::Page;
use super::spec::Tool;
use crate::ops::reports::warnings::Unconfirmed;

type Row = Map<String, Value>;

/// The figures of a change as a whole.
const TOTALS: [&str; 5] = ["value", "previous", "change", "change_pct", "currency"];
/// The most projects whose change as a whole is in a response.
const MOST_TOTALS: usize = 20;

/// Puts the pages together, oldest project first where rows are equal.
pub(super) fn merge(tool: Tool, pages: Vec<(ProjectId, Page)>, arguments: &Arguments) -> Page {
    let mut merged = Page {
        unconfirmed: unconfirmed(pages.iter().map(|(_, page)| page.unconfirmed.as_ref())),
        ..Page::default()
    };
    let mut continues = false;
    let totals = if tool == Tool::ExplainChange { totals(&pages) } else { Vec::new() };
    for (project, page) in pages {
        merged.truncated |= page.truncated;
        continues |= page.next_cursor.is_some();
        take_facts(&mut merged.facts, page.facts);
        merged.warnings.extend(page.warnings);
        let named = |row: Row| -> Row {
            let own = ("project_id".to_owned(), Value::from(project.to_string()));
            std::iter::once(own).chain(row).collect()
        };
        merged.rows.extend(page.rows.into_iter().map(named));
    }
    if !totals.is_empty() {
        merged.facts.insert("totals".to_owned(), totals.into());
    }
    merged.rows.sort_by(|one, two| order(tool, arguments, one, two));
    let rows = merged.rows.len();
    let limit = limit(tool, arguments).min(rows);
    // The next page begins after the last row of this one.
    let more = limit < rows || continues;
    merged.cut(limit);
    if tool == Tool::QueryEvents {
        merged.truncated = false;
        if more && merged.next_cursor.is_none() {
            merged.continue_behind_last();
        }
    }
    merged
}

/// What one project has exists; what all of them lack has to be looked up.
pub(super) fn unconfirmed<'a>(
    of_projects: impl IntoIterator<Item = Option<&'a Unconfirmed>>,
) -> Option<Unconfirmed> {
    let mut others = of_projects.into_iter();
    let first = others.next()??.clone();
    others.try_fold(first, |unconfirmed, other| unconfirmed.and(other?))
}

/// The change of each project as a whole, the largest first.
fn totals(pages: &[(ProjectId, Page)]) -> Vec<Value> {
    let total = |(project, page): &(ProjectId, Page)| {
        let own = std::iter::once(("project_id".to_owned(), Value::from(project.to_string())));
        let figures = TOTALS.iter().filter_map(|name| page.facts.get_key_value(*name));
        own.chain(figures.map(|(name, figure)| (name.clone(), figure.clone()))).collect()
    };
    let mut totals: Vec<Row> = pages.iter().map(total).collect();
    totals.sort_by(|one, two| number(two, "change").abs().total_cmp(&number(one, "change").abs()));
    totals.truncate(MOST_TOTALS);
    totals.into_iter().map(Value::Object).collect()
}

/// Keeps what is the same for every project; figures of one project are dropped.
fn take_facts(merged: &mut Row, facts: Row) {
    for (name, value) in facts {
        match name.as_str() {
            "metric" | "breakdown" | "order" | "kind" | "approximate" => {
                merged.insert(name, value);
            }
            _ => {}
        }
    }
}

fn limit(tool: Tool, arguments: &Arguments) -> usize {
    let default = match tool {
        Tool::TopSources => 50,
        // Groups are limited, and each has a row for every step; of a fault, its values are.
        Tool::Funnel | Tool::Retention | Tool::DataQuality => return usize::MAX,
        Tool::Sessions => 1000,
        Tool::ExplainChange => 20,
        // Series are whole, as in the response of one project.
        Tool::GetStats if arguments.get("interval").is_some() => Limit::MOST_ROWS,
        _ => 100,
    };
    arguments.limit().unwrap_or(default)
}

fn order(tool: Tool, arguments: &Arguments, one: &Row, two: &Row) -> Ordering {
    let falling = |name: &str| number(two, name).total_cmp(&number(one, name));
    match tool {
        Tool::QueryEvents => (text(two, "timestamp"), text(two, "event_id"))
            .cmp(&(text(one, "timestamp"), text(one, "event_id"))),
        Tool::Sessions => text(one, "bucket").cmp(text(two, "bucket")).then_with(|| falling("sessions")),
        Tool::Journeys => falling("sessions"),
        Tool::Retention => text(one, "cohort").cmp(text(two, "cohort")),
        Tool::GetStats => {
            let rising = |name: &str| number(one, name).total_cmp(&number(two, name));
            let by_time = text(one, "bucket").cmp(text(two, "bucket")).then_with(|| rising("hour_of_day"));
            by_time.then_with(|| rising("day_of_week")).then_with(|| falling("value"))
        }
        Tool::TopSources => falling("events"),
        Tool::TopPages => falling(match arguments.get("sort") {
            Some("entries") => "entries",
            Some("exits") => "exits",
            _ => "views",
        }),
        // Noise comes last, as in the response of one project.
        Tool::ExplainChange => one
            .contains_key("noise")
            .cmp(&two.contains_key("noise"))
            .then_with(|| number(two, "change").abs().total_cmp(&number(one, "change").abs())),
        Tool::DataQuality | Tool::DescribeSchema => falling("count"),
        Tool::Attribution => credit(two).total_cmp(&credit(one)),
        _ => Ordering::Equal,
    }
}

/// Conversions that a row is credited with, by the model that rows are ordered by; of a path, their number.
fn credit(row: &Row) -> f64 {
    match row.get("conversions") {
        Some(Value::Object(models)) => {
            let credit = models.get("last_non_direct").or_else(|| models.values().next());
            credit.and_then(Value::as_f64).unwrap_or(f64::NEG_INFINITY)
        }
        _ => number(row, "conversions"),
    }
}

fn number(row: &Row, name: &str) -> f64 {
    row.get(name).and_then(Value::as_f64).unwrap_or(f64::NEG_INFINITY)
}

fn text<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}
