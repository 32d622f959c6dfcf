//! The arguments of a call, read into the query string of the tool's REST twin: from there on
//! the same code reads, checks and refuses them, so that no interface is stricter than another.
//!
//! Here is only what JSON adds (numbers, lists, unknown names), the ranges with a name, and the
//! choice of projects. Says what is wrong in words that teach; asks nothing.

use chrono_tz::Tz;
use millimetric_core::query::Period;
use millimetric_core::time::{TimeRange, Timestamp};
use rmcp::model::JsonObject;
use serde_json::Value;

use super::clean;
use super::tools::spec::{Parameter, Shape, Tool};
use crate::auth::agents::Projects;
use crate::error::{ApiError, ApiResult, ErrorCode, Problems};
use crate::ops::fuzzy_match;

/// Longest text of an argument, in characters; the longest filter is half as long.
const MAX_TEXT: usize = 4096;

/// The most unknown arguments that are named.
const MOST_UNKNOWN: usize = 10;
/// Longest lesson, in characters.
const MAX_LESSON: usize = 4000;

#[cfg(test)]
mod mutated;

/// Arguments that could be read; whether they make a query, the twin's reader says.
#[derive(Debug, Clone)]
pub(super) struct Arguments {
    /// Name and value of each parameter of the twin, in the order of the tool's.
    pub(super) pairs: Vec<(String, String)>,
    /// Which projects of an account.
    pub(super) projects: Projects,
    /// Whose midnights the range's period and buckets follow.
    pub(super) timezone: String,
}

impl Arguments {
    /// Reads what was sent.
    pub(super) fn read(tool: Tool, sent: &JsonObject, account: bool, now: Timestamp) -> ApiResult<Self> {
        let mut problems = Problems::default();
        let known = |name: &str| tool.parameters(account).any(|parameter| parameter.name == name);
        let mut strange = sent.keys().filter(|name| !known(name));
        for name in strange.by_ref().take(MOST_UNKNOWN) {
            problems.field(clean::word(name), unknown(tool, name, account));
        }
        match strange.count() {
            0 => {}
            more => problems.form(format!("{more} more arguments that {} does not take", tool.spec().name)),
        }
        let mut pairs = Vec::new();
        for parameter in tool.parameters(account) {
            let value = sent.get(parameter.name).filter(|value| !value.is_null());
            match value.map(|value| text_of(parameter, value)) {
                None => {}
                Some(Ok(text)) => pairs.push((parameter.name.to_owned(), text)),
                Some(Err(words)) => problems.field(parameter.name, words),
            }
        }
        for name in tool.spec().required {
            if !sent.contains_key(*name) {
                problems.field(*name, "is required");
            }
        }
        let projects = if account { take_projects(tool, &mut pairs, &mut problems) } else { Projects::All };
        let timezone = value_of(&pairs, "timezone").unwrap_or("UTC").to_owned();
        if tool.spec().ranged {
            take_period(&mut pairs, &timezone, now, &mut problems);
        }
        if tool == Tool::TopPages {
            rename_by(&mut pairs);
        }
        problems.or(ErrorCode::InvalidParams, Self { pairs, projects, timezone })
    }

    /// The query string of the twin.
    pub(super) fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.pairs);
        query.finish()
    }

    /// A parameter of the twin.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        value_of(&self.pairs, name)
    }

    /// The range asked for; `None` without one, or when it is none.
    pub(super) fn range(&self) -> Option<TimeRange> {
        let end = |name| Timestamp::parse_or_date(self.get(name)?).ok();
        TimeRange::new(end("from")?, end("to")?)
    }
}

/// What is wrong with the arguments, and a call that works.
pub(super) fn lesson(tool: Tool, error: &ApiError, sent: &JsonObject) -> String {
    let mut words = Vec::new();
    match error.code {
        ErrorCode::NotFound => {
            let id = sent.get("event_id").and_then(Value::as_str).unwrap_or_default();
            words.push(format!(
                "There is no event with the id `{}` here. query_events shows ids in event_id.",
                clean::word(id)
            ));
        }
        ErrorCode::InvalidGroupBy => words.push(unknown_column(error)),
        _ => {}
    }
    let fields = error.details.get("fieldErrors").and_then(Value::as_object);
    for (name, messages) in fields.into_iter().flatten() {
        let said: Vec<_> = messages.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        words.push(format!("`{name}` {}{}.", said.join("; "), closest_word(tool, name, sent)));
    }
    let form = error.details.get("formErrors").and_then(Value::as_array);
    let form = form.into_iter().flatten().filter_map(Value::as_str);
    words.extend(form.map(|words| format!("{}.", clean::text(words, 400))));
    if words.is_empty() {
        words.push(error.code.row().2.to_owned());
    }
    words.push(format!("A call that works: {} {}", tool.spec().name, tool.spec().example));
    clean::text(&words.join(" "), MAX_LESSON)
}

fn unknown_column(error: &ApiError) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let unknown = error.details.get("unknown").map(text).unwrap_or_default();
    let allowed: Vec<String> =
        error.details.get("allowed").and_then(Value::as_array).into_iter().flatten().map(text).collect();
    let closest = fuzzy_match::closest(&unknown, allowed.iter().map(String::as_str));
    let meant = closest.map(|name| format!(" Did you mean `{name}`?")).unwrap_or_default();
    format!(
        "`group_by` takes no column `{}`.{meant} Columns: {}. A property is `properties.` and its name.",
        clean::word(&unknown),
        allowed.join(", ")
    )
}

/// Of a parameter that takes certain words: the one that was probably meant.
fn closest_word(tool: Tool, name: &str, sent: &JsonObject) -> String {
    let parameter = tool.parameters(true).find(|parameter| parameter.name == name);
    let sent = sent.get(name).and_then(Value::as_str);
    match (parameter.map(|parameter| parameter.shape), sent) {
        (Some(Shape::Choice(words)), Some(sent)) => {
            let closest = fuzzy_match::closest(sent, words.iter().copied());
            closest.map(|word| format!(" (closest: `{word}`)")).unwrap_or_default()
        }
        _ => String::new(),
    }
}

fn unknown(tool: Tool, name: &str, account: bool) -> String {
    let names: Vec<_> = tool.parameters(account).map(|parameter| parameter.name).collect();
    let closest = fuzzy_match::closest(name, names.iter().copied());
    let meant = closest.map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
    format!("is not an argument of {}: {meant}it takes {}", tool.spec().name, names.join(", "))
}

/// A value as the twin's query string has it.
fn text_of(parameter: &Parameter, value: &Value) -> Result<String, String> {
    let text = match (parameter.shape, value) {
        (Shape::Choice(words), Value::String(text)) if !words.contains(&text.as_str()) => {
            return Err(format!("must be one of {}", words.join(", ")));
        }
        (shape, Value::String(text)) if !matches!(shape, Shape::Object) => text.clone(),
        (Shape::Number(_), Value::Number(number)) => number.to_string(),
        (Shape::Text, Value::Number(_) | Value::Bool(_)) => {
            return Err("must be a text, in quotes".to_owned());
        }
        (Shape::List(most) | Shape::Columns(most) | Shape::Steps(most), Value::Array(values)) => {
            joined(values, most)?
        }
        (Shape::Number(most), _) => return Err(format!("must be a whole number from 1 to {most}")),
        (Shape::List(_) | Shape::Columns(_), _) => {
            return Err("must be a list of texts, or one text with commas".to_owned());
        }
        (Shape::Steps(_), _) => return Err("must be a list of event names".to_owned()),
        _ => return Err("must be a text".to_owned()),
    };
    if text.chars().count() > MAX_TEXT {
        return Err(format!("must be at most {MAX_TEXT} characters long"));
    }
    Ok(text)
}

fn joined(values: &[Value], most: usize) -> Result<String, String> {
    if values.len() > most {
        return Err(format!("must hold at most {most} texts"));
    }
    let mut texts = Vec::with_capacity(values.len());
    for value in values {
        match value.as_str() {
            Some(text) if text.contains(',') => {
                return Err("holds a text with a comma in it, which cannot be asked for".to_owned());
            }
            Some(text) => texts.push(text),
            None => return Err("must be a list of texts".to_owned()),
        }
    }
    Ok(texts.join(","))
}

/// Takes the choice of projects out of the twin's parameters, which know none.
fn take_projects(tool: Tool, pairs: &mut Vec<(String, String)>, problems: &mut Problems) -> Projects {
    let mut take = |name: &str| {
        let place = pairs.iter().position(|(other, _)| other == name)?;
        Some(pairs.remove(place).1)
    };
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

/// Turns a range with a name into its two ends.
fn take_period(pairs: &mut Vec<(String, String)>, timezone: &str, now: Timestamp, problems: &mut Problems) {
    let place = pairs.iter().position(|(name, _)| name == "period");
    let named = place.map(|place| pairs.remove(place).1);
    let has = |name: &str| pairs.iter().any(|(other, _)| other == name);
    let period = match (named, has("from") || has("to")) {
        (Some(_), true) => {
            problems.field("period", "goes without from and to: send either the name or the two ends");
            return;
        }
        (None, true) => return,
        // A word that is none was refused before.
        (Some(word), false) => word.parse().unwrap_or(Period::WEEK),
        (None, false) => Period::WEEK,
    };
    // A zone that is none is refused by the twin.
    let range = period.range(timezone.parse::<Tz>().unwrap_or(Tz::UTC), now);
    pairs.push(("from".to_owned(), range.from().to_string()));
    pairs.push(("to".to_owned(), range.to().to_string()));
}

/// `by` is the tool's word for the twin's `sort`.
fn rename_by(pairs: &mut [(String, String)]) {
    for (name, value) in pairs {
        if name == "by" {
            "sort".clone_into(name);
            let sort = match value.as_str() {
                "entry" => "entries",
                "exit" => "exits",
                _ => "views",
            };
            sort.clone_into(value);
        }
    }
}

fn value_of<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}
