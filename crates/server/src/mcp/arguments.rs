//! The arguments of a call: a JSON object with the parameters of the tool's REST route, which
//! `wire::params` reads and checks, so that no interface is stricter than another.
//!
//! Checked here is what only JSON and only tools have: types, unknown names, ranges with a name, and the
//! choice of projects. Values that language models write in another form than the schema's are read as they
//! are meant (`lenient`).

mod filters;
mod lenient;
mod lesson;
#[cfg(test)]
mod mutated;

use chrono_tz::Tz;
use millimetric_core::fuzzy_match;
use millimetric_core::query::{FilterList, Period, time_or_date};
use millimetric_core::time::{TimeRange, Timestamp};
use rmcp::model::JsonObject;
use serde_json::Value;

pub(super) use self::lenient::meant;
pub(super) use self::lesson::lesson;
use super::clean;
use super::tools::spec::{Parameter, Shape, Tool};
use crate::auth::agents::Projects;
use crate::error::{ApiResult, ErrorCode, Problems};
use crate::wire::params::STEPS;

/// Longest text of an argument, in characters; the longest filter is half as long.
const MAX_TEXT: usize = 4096;

/// The maximum number of unknown arguments that an error names.
const MOST_UNKNOWN: usize = 10;
const TIMEZONE: &str = "timezone";
/// The argument that selects how rows are written.
const FORMAT: &str = "format";
/// The argument of the tool `attribution` that selects another route.
pub(super) const PATHS: &str = "paths";

/// Arguments whose types were checked.
#[derive(Debug, Clone)]
pub(super) struct Arguments {
    /// The parameters of the REST route, in the order of the tool's: texts, numbers, lists of texts, and the list
    /// of conditions.
    pub(super) values: JsonObject,
    /// Which projects of an account.
    pub(super) projects: Projects,
    /// The time zone of days and buckets.
    pub(super) timezone: String,
    /// Rows are wanted as CSV.
    pub(super) csv: bool,
    /// The range by its name, until [`resolve`](Self::resolve) has found its ends.
    period: Option<Period>,
}

impl Arguments {
    /// Reads what was sent.
    pub(super) fn read(tool: Tool, sent: &JsonObject, account: bool) -> ApiResult<Self> {
        let mut problems = Problems::default();
        let taken = || tool.parameters(account).chain(tool.column_filters());
        let known = |name: &str| taken().any(|parameter| parameter.name == name);
        let mut strange = sent.keys().filter(|name| !known(name));
        for name in strange.by_ref().take(MOST_UNKNOWN) {
            problems.field(clean::word(name), unknown(tool, name, account));
        }
        match strange.count() {
            0 => {}
            more => problems.form(format!("{more} more arguments that {} does not take", tool.spec().name)),
        }
        let mut values = JsonObject::new();
        for parameter in taken() {
            let value = sent.get(parameter.name).and_then(|value| meant(parameter.shape, value));
            match value.map(|value| check(parameter, &value).map(|()| value)) {
                Some(Ok(value)) => drop(values.insert(parameter.name.to_owned(), value.into_owned())),
                Some(Err(why)) => problems.field(parameter.name, why),
                None if tool.spec().required.contains(&parameter.name) => {
                    problems.field(parameter.name, "is required");
                }
                None => {}
            }
        }
        filters::take(tool, &mut values, &mut problems);
        filters::take_of_steps(&mut values, &mut problems);
        let projects = if account { take_projects(tool, &mut values, &mut problems) } else { Projects::All };
        let csv = values.shift_remove(FORMAT).as_ref().and_then(Value::as_str) == Some("csv");
        let timezone = values.get(TIMEZONE).and_then(Value::as_str).unwrap_or_default().to_owned();
        let default = tool.spec().range;
        let period = default.and_then(|default| take_period(default, &mut values, &mut problems));
        match tool {
            Tool::TopPages => rename_by(&mut values),
            Tool::TopSources => {
                values.entry("attribution").or_insert_with(|| "session".into());
            }
            Tool::ExplainAttribution => {
                values.entry("rules").or_insert_with(|| "near".into());
            }
            _ => {}
        }
        problems.or(ErrorCode::InvalidParams, Self { values, projects, timezone, csv, period })
    }

    /// Replaces a range's name by its ends. Without `timezone`, days are those of `zone`.
    #[must_use]
    pub(super) fn resolve(mut self, zone: Tz, now: Timestamp) -> Self {
        if self.timezone.is_empty() {
            zone.name().clone_into(&mut self.timezone);
            // Tools without a range do not take the parameter.
            if zone != Tz::UTC && self.has_range() {
                self.values.insert(TIMEZONE.to_owned(), zone.name().into());
            }
        }
        if let Some(period) = self.period.take() {
            // An unknown zone is refused when the parameters are read.
            let range = period.range(self.timezone.parse().unwrap_or(Tz::UTC), now);
            self.values.insert("from".to_owned(), range.from().to_string().into());
            self.values.insert("to".to_owned(), range.to().to_string().into());
        }
        self
    }

    fn has_range(&self) -> bool {
        self.period.is_some() || self.values.contains_key("from") || self.values.contains_key("to")
    }

    /// Names and values as texts, lists of texts with commas between.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, String)> {
        self.values.iter().map(|(name, value)| (name.as_str(), text_of(value)))
    }

    /// The query string of the REST route; `None` if a text of a list has a comma, which only the lists that may
    /// be JSON can carry.
    pub(super) fn query_string(&self) -> Option<String> {
        let mut text = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.values.iter().filter(|(name, _)| *name != PATHS) {
            text.append_pair(name, &in_query_string(name, value)?);
        }
        Some(text.finish())
    }

    /// Whether the sequences of touches are asked for, which have a route of their own.
    pub(super) fn asks_paths(&self) -> bool {
        self.values.get(PATHS) == Some(&Value::Bool(true))
    }

    /// The text of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_str)
    }

    /// The value of `limit`.
    pub(super) fn limit(&self) -> Option<usize> {
        let limit = self.values.get("limit")?;
        text_of(limit).parse().ok()
    }

    /// The range; `None` without one, or if it is invalid.
    pub(super) fn range(&self) -> Option<TimeRange> {
        let zone = self.timezone.parse().unwrap_or(Tz::UTC);
        let end = |name| time_or_date(self.get(name)?, zone).ok();
        TimeRange::new(end("from")?, end("to")?)
    }
}

fn in_query_string(name: &str, value: &Value) -> Option<String> {
    let mut texts = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    match texts.any(|text| text.contains(',')) {
        true if name == STEPS => Some(value.to_string()),
        true => None,
        false => Some(text_of(value)),
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(texts) if texts.iter().all(Value::is_string) => {
            texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}

fn unknown(tool: Tool, name: &str, account: bool) -> String {
    let names: Vec<_> = tool.parameters(account).map(|parameter| parameter.name).collect();
    match fuzzy_match::closest(name, names.iter().copied()) {
        Some(closest) => format!("is not an argument of {}: did you mean `{closest}`?", tool.spec().name),
        None => format!("is not an argument of {}: it takes {}", tool.spec().name, names.join(", ")),
    }
}

/// Checks the type of a value; the error says what the right one is.
fn check(parameter: &Parameter, value: &Value) -> Result<(), String> {
    match (parameter.shape, value) {
        (Shape::Choice(words) | Shape::Unlisted(words), Value::String(text))
            if !words.contains(&text.as_str()) =>
        {
            Err(format!("must be one of {}", words.join(", ")))
        }
        (Shape::Flag, Value::Bool(_))
        | (Shape::Filters, Value::Object(_))
        | (Shape::Number(_), Value::Number(_)) => Ok(()),
        (Shape::Filters, Value::Array(_)) => check_list_of_filters(value),
        (Shape::Flag, _) => Err("must be true or false".to_owned()),
        (Shape::Filters, _) => Err(format!(
            "must be a list like {}, or an object like {{\"country\":\"DE\"}}",
            FilterList::EXAMPLE
        )),
        (shape, Value::String(text)) if !matches!(shape, Shape::Object) => check_length(text.chars().count()),
        (Shape::Text, Value::Number(_) | Value::Bool(_)) => Err("must be a text, in quotes".to_owned()),
        (Shape::List(most) | Shape::Columns(most), Value::Array(values)) => check_list(values, most),
        (Shape::Steps(most), Value::Array(values)) => check_steps(values, most),
        (Shape::Number(most), _) => Err(format!("must be a whole number from 1 to {most}")),
        (Shape::List(_) | Shape::Columns(_), _) => {
            Err("must be a list of texts, or one text with commas".to_owned())
        }
        (Shape::Steps(_), _) => Err("must be a list of event names".to_owned()),
        _ => Err("must be a text".to_owned()),
    }
}

fn check_list(values: &[Value], most: usize) -> Result<(), String> {
    if values.len() > most {
        return Err(format!("must hold at most {most} texts"));
    }
    let texts: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
    let texts = texts.ok_or("must be a list of texts")?;
    check_length(texts.iter().map(|text| text.chars().count() + 1).sum())
}

/// Names and objects with conditions, whose members are checked when the parameters are read.
fn check_steps(steps: &[Value], most: usize) -> Result<(), String> {
    if steps.iter().all(Value::is_string) || steps.len() > most {
        return check_list(steps, most);
    }
    let bytes: usize = steps.iter().map(|step| step.to_string().len()).sum();
    let limit = FilterList::MAX_BYTES;
    if bytes <= limit { Ok(()) } else { Err(format!("must be at most {limit} bytes of JSON")) }
}

/// What the list holds is checked when the parameters are read.
fn check_list_of_filters(list: &Value) -> Result<(), String> {
    let most = FilterList::MAX_BYTES;
    if list.to_string().len() <= most { Ok(()) } else { Err(format!("must be at most {most} bytes of JSON")) }
}

fn check_length(chars: usize) -> Result<(), String> {
    if chars <= MAX_TEXT { Ok(()) } else { Err(format!("must be at most {MAX_TEXT} characters long")) }
}

/// Takes out the choice of projects, which is no parameter of a REST route.
fn take_projects(tool: Tool, values: &mut JsonObject, problems: &mut Problems) -> Projects {
    let mut take = |name: &str| values.shift_remove(name).map(|value| text_of(&value));
    let chosen = (take("project_id"), take("project_slug"), take("project_ids"));
    let listed = |ids: String| -> Vec<String> {
        ids.split(',').map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).collect()
    };
    match chosen {
        (None, None, None) => Projects::All,
        (Some(id), None, None) => Projects::Ids(vec![id]),
        (None, Some(slug), None) => Projects::Slug(slug),
        (None, None, Some(ids)) => {
            let mut ids = listed(ids);
            ids.sort_unstable();
            ids.dedup();
            if ids.is_empty() || ids.len() > 100 {
                problems.field("project_ids", "must hold 1 to 100 ids; leave it out for all projects");
            }
            Projects::Ids(ids)
        }
        _ => {
            let name = tool.spec().name;
            problems.form(format!("{name} takes at most one of project_id, project_slug, project_ids"));
            Projects::All
        }
    }
}

/// Takes out the name of a range; the default if there are no ends either.
fn take_period(default: Period, values: &mut JsonObject, problems: &mut Problems) -> Option<Period> {
    let named = values.shift_remove("period").map(|name| text_of(&name));
    match (named, values.contains_key("from") || values.contains_key("to")) {
        (Some(_), true) => {
            problems.field("period", "goes without from and to: send either the name or the two ends");
            None
        }
        (None, true) => None,
        // A word that is none was refused before.
        (Some(word), false) => Some(word.parse().unwrap_or(default)),
        (None, false) => Some(default),
    }
}

/// The tool calls the route's `sort` `by`.
fn rename_by(values: &mut JsonObject) {
    let sort = match values.shift_remove("by").as_ref().and_then(Value::as_str) {
        None => return,
        Some("entry") => "entries",
        Some("exit") => "exits",
        Some(_) => "views",
    };
    values.insert("sort".to_owned(), sort.into());
}
