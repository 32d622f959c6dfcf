//! The arguments of a call: a JSON object with the parameters of the tool's REST route, which
//! `wire::params` reads and checks, so that no interface is stricter than another.
//!
//! Checked here is what only JSON and only tools have: types, unknown names, ranges with a name, and the
//! choice of projects. Values that language models write in another form than the schema's are read as they
//! are meant (`lenient`).

mod lenient;
#[cfg(test)]
mod mutated;

use chrono_tz::Tz;
use millimetric_core::fuzzy_match;
use millimetric_core::query::{FilterList, Period, time_or_date};
use millimetric_core::time::{TimeRange, Timestamp};
use rmcp::model::JsonObject;
use serde_json::Value;

pub(super) use self::lenient::meant;
use super::clean;
use super::tools::spec::{Parameter, Shape, Tool};
use crate::auth::agents::Projects;
use crate::error::{ApiError, ApiResult, ErrorCode, Problems};
use crate::wire::params::{FILTERS, GOAL, STEPS};

/// Longest text of an argument, in characters; the longest filter is half as long.
const MAX_TEXT: usize = 4096;

/// The maximum number of unknown arguments that an error names.
const MOST_UNKNOWN: usize = 10;
/// The argument of the tool `attribution` that selects another route.
pub(super) const PATHS: &str = "paths";
/// The maximum number of members of `filters` that are looked at; there are fewer columns.
const MOST_FILTERS: usize = 64;
/// Longest example call with the caller's own arguments, in bytes.
const MAX_EXAMPLE: usize = 2000;
/// Longest explanation of an error, in characters.
const MAX_LESSON: usize = 4000;

/// Arguments whose types were checked.
#[derive(Debug, Clone)]
pub(super) struct Arguments {
    /// The parameters of the REST route, in the order of the tool's: texts, numbers, lists of texts, and the list
    /// of conditions.
    pub(super) values: JsonObject,
    /// Which projects of an account.
    pub(super) projects: Projects,
    /// The time zone of the named range and of buckets.
    pub(super) timezone: String,
}

impl Arguments {
    /// Reads what was sent.
    pub(super) fn read(tool: Tool, sent: &JsonObject, account: bool, now: Timestamp) -> ApiResult<Self> {
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
        take_filters(tool, &mut values, &mut problems);
        let projects = if account { take_projects(tool, &mut values, &mut problems) } else { Projects::All };
        let timezone = values.get("timezone").and_then(Value::as_str).unwrap_or("UTC").to_owned();
        if tool.spec().ranged {
            take_period(&mut values, &timezone, now, &mut problems);
        }
        match tool {
            Tool::TopPages => rename_by(&mut values),
            Tool::TopSources => {
                values.entry("attribution").or_insert_with(|| "session".into());
            }
            _ => {}
        }
        problems.or(ErrorCode::InvalidParams, Self { values, projects, timezone })
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

    /// The texts of a list; of a step with conditions, the name of its event.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        match self.values.get(name) {
            Some(Value::Array(values)) => values
                .iter()
                .filter_map(|value| value.as_str().or_else(|| value.get("event")?.as_str()))
                .collect(),
            Some(Value::String(text)) => text.split(',').map(str::trim).collect(),
            _ => Vec::new(),
        }
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

/// What is wrong with the arguments, and an example call.
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
    if fields.is_some_and(|fields| fields.contains_key(GOAL)) {
        words.push("describe_schema with kind=goals lists the goals.".to_owned());
    }
    let form = error.details.get("formErrors").and_then(Value::as_array);
    let form = form.into_iter().flatten().filter_map(Value::as_str);
    words.extend(form.map(|words| format!("{}.", clean::text(words, 400))));
    if words.is_empty() {
        words.push(error.code.row().2.to_owned());
    }
    words.push(format!("A call that works: {} {}", tool.spec().name, example(tool, error, sent)));
    clean::text(&words.join(" "), MAX_LESSON)
}

/// The arguments of a call that works; of one with wrong conditions, the call itself with those that were
/// probably meant.
fn example(tool: Tool, error: &ApiError, sent: &JsonObject) -> String {
    let fields = error.details.get("fieldErrors").and_then(Value::as_object);
    let is_wrong = |name: &String| name == FILTERS || name.starts_with("filters[");
    if !fields.is_some_and(|fields| fields.keys().any(is_wrong)) {
        return tool.spec().example.to_owned();
    }
    let only_filters = fields.is_some_and(|fields| fields.keys().all(is_wrong));
    let repaired = sent.get(FILTERS).and_then(FilterList::repaired).filter(|_| only_filters);
    let mut arguments = match &repaired {
        Some(_) => sent.clone(),
        None => serde_json::from_str(tool.spec().example).unwrap_or_default(),
    };
    let list = repaired
        .map_or_else(|| serde_json::from_str(FilterList::EXAMPLE).unwrap_or_default(), |list| list.to_json());
    arguments.insert(FILTERS.to_owned(), list);
    let text = Value::Object(arguments).to_string();
    if text.len() <= MAX_EXAMPLE { text } else { tool.spec().example.to_owned() }
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

/// For a parameter with fixed values: the one that was probably meant.
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

/// Checks the type of a value; the error says what the right one is.
fn check(parameter: &Parameter, value: &Value) -> Result<(), String> {
    match (parameter.shape, value) {
        (Shape::Choice(words), Value::String(text)) if !words.contains(&text.as_str()) => {
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

/// Puts the members of `filters` beside the other arguments, if it is an object.
fn take_filters(tool: Tool, values: &mut JsonObject, problems: &mut Problems) {
    if !matches!(values.get(FILTERS), Some(Value::Object(_))) {
        return;
    }
    let Some(Value::Object(filters)) = values.shift_remove(FILTERS) else { return };
    let known = || tool.column_filters().iter();
    let names = || known().map(|parameter| parameter.name);
    for (name, value) in filters.into_iter().take(MOST_FILTERS) {
        let Some(parameter) = known().find(|parameter| parameter.name == name) else {
            let closest = fuzzy_match::closest(&name, names());
            let meant = closest.map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
            let all = names().collect::<Vec<_>>().join(", ");
            let why = format!("has no column `{}`: {meant}columns are {all}", clean::word(&name));
            problems.field(FILTERS, why);
            continue;
        };
        match meant(parameter.shape, &value).map(|value| check(parameter, &value).map(|()| value)) {
            Some(Ok(_)) if values.contains_key(&name) => {
                problems.field(FILTERS, format!("has `{name}`, which is also an argument: send it once"));
            }
            Some(Ok(value)) => drop(values.insert(name, value.into_owned())),
            Some(Err(why)) => problems.field(FILTERS, format!("`{name}` {why}")),
            None => {}
        }
    }
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

/// Replaces a named range by its two ends.
fn take_period(values: &mut JsonObject, timezone: &str, now: Timestamp, problems: &mut Problems) {
    let named = values.shift_remove("period").map(|name| text_of(&name));
    let period = match (named, values.contains_key("from") || values.contains_key("to")) {
        (Some(_), true) => {
            problems.field("period", "goes without from and to: send either the name or the two ends");
            return;
        }
        (None, true) => return,
        // A word that is none was refused before.
        (Some(word), false) => word.parse().unwrap_or(Period::WEEK),
        (None, false) => Period::WEEK,
    };
    // An unknown zone is refused when the parameters are read.
    let range = period.range(timezone.parse::<Tz>().unwrap_or(Tz::UTC), now);
    values.insert("from".to_owned(), range.from().to_string().into());
    values.insert("to".to_owned(), range.to().to_string().into());
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
