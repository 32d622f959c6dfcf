//! What an agent reads after a wrong call: what was wrong, and its own call with that put right.

use millimetric_core::fuzzy_match;
use millimetric_core::query::FilterList;
use rmcp::model::JsonObject;
use serde_json::{Value, json};

use super::{Arguments, clean, filters, meant};
use crate::error::{ApiError, ErrorCode};
use crate::mcp::tools::spec::{Shape, Tool};
use crate::wire::goals::UNKNOWN_GOAL;
use crate::wire::params::{ENDS_EXCHANGED, FILTERS, GOAL};

/// Longest explanation of an error, in characters: about 120 tokens together with a short call.
const MAX_WORDS: usize = 300;
/// Longest call that is shown corrected, in bytes; in place of a longer one the error shows the tool's example.
const MAX_CALL: usize = 1000;
/// The most wrong arguments that are explained.
const MOST_EXPLAINED: usize = 3;
/// Arguments that say what others are about.
const ABOUT: [&str; 3] = [GOAL, "property", "event_id"];
const ENDS: [&str; 2] = ["from", "to"];
/// The most columns that an error lists.
const MOST_LISTED: usize = 12;
const GROUP_BY: &str = "group_by";
/// How a problem begins to name the right word.
const MEANT: &str = "did you mean `";

/// What is wrong with the arguments, and a call that works.
pub(in crate::mcp) fn lesson(tool: Tool, account: bool, error: &ApiError, sent: &JsonObject) -> String {
    let words = clean::text(&explained(tool, error, sent).join(" "), MAX_WORDS);
    let call = corrected(tool, account, error, sent).map(|call| Value::Object(call).to_string());
    // A call with hidden characters cannot be shown as it is.
    let call = call.filter(|call| call.len() <= MAX_CALL && clean::text(call, MAX_CALL) == *call);
    let call = call.unwrap_or_else(|| tool.spec().example.to_owned());
    format!("{words} A call that works: {} {call}", tool.spec().name)
}

/// A sentence for each problem.
fn explained(tool: Tool, error: &ApiError, sent: &JsonObject) -> Vec<String> {
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
    for (name, problem) in problems(error).take(MOST_EXPLAINED) {
        let stop = if problem.ends_with(['.', '?']) { "" } else { "." };
        words.push(format!("`{name}` {problem}{}{stop}", closest_word(tool, name, sent)));
        if name == GOAL || problem.starts_with(UNKNOWN_GOAL) {
            words.push("describe_schema with kind=goals lists the goals.".to_owned());
        }
    }
    let form = error.details.get("formErrors").and_then(Value::as_array);
    let form = form.into_iter().flatten().filter_map(Value::as_str);
    words.extend(form.map(|words| format!("{}.", words.trim_end_matches('.'))));
    if words.is_empty() {
        words.push(error.code.row().2.to_owned());
    }
    words
}

/// The wrong arguments, each with what is wrong with it.
fn problems(error: &ApiError) -> impl Iterator<Item = (&str, &str)> {
    let fields = error.details.get("fieldErrors").and_then(Value::as_object);
    fields.into_iter().flatten().filter_map(|(name, messages)| {
        let first = messages.as_array()?.first()?.as_str()?;
        Some((name.as_str(), first))
    })
}

fn unknown_column(error: &ApiError) -> String {
    let unknown = error.details.get("unknown").and_then(Value::as_str).unwrap_or_default();
    let meant = closest_column(error, unknown).map(|name| format!(" Did you mean `{name}`?"));
    let allowed: Vec<&str> = allowed(error).collect();
    let all = match allowed.len() {
        ..=MOST_LISTED => format!("It takes {}.", allowed.join(", ")),
        _ => "A property is properties.<name>; describe_schema with kind=columns lists all.".to_owned(),
    };
    let unknown = clean::word(unknown);
    format!("`group_by` takes no column `{unknown}`.{} {all}", meant.unwrap_or_default())
}

/// The columns that could have been named.
fn allowed(error: &ApiError) -> impl Iterator<Item = &str> {
    let allowed = error.details.get("allowed").and_then(Value::as_array);
    allowed.into_iter().flatten().filter_map(Value::as_str)
}

fn closest_column<'a>(error: &'a ApiError, unknown: &str) -> Option<&'a str> {
    // `source` may be meant as `session_source`.
    let end = format!("_{unknown}");
    allowed(error).find(|name| name.ends_with(&end)).or_else(|| fuzzy_match::closest(unknown, allowed(error)))
}

/// For a parameter with fixed values: the one that was probably meant.
fn closest_word(tool: Tool, name: &str, sent: &JsonObject) -> String {
    let closest = closest_choice(tool, name, sent.get(name));
    closest.map(|word| format!(" (closest: `{word}`)")).unwrap_or_default()
}

fn closest_choice(tool: Tool, name: &str, sent: Option<&Value>) -> Option<&'static str> {
    let parameter = tool.parameters(true).find(|parameter| parameter.name == name)?;
    match (parameter.shape, sent?.as_str()) {
        (Shape::Choice(words) | Shape::Unlisted(words), Some(sent)) => {
            fuzzy_match::closest(sent, words.iter().copied())
        }
        _ => None,
    }
}

/// The arguments of the call with what was wrong put right or left out; `None` if that cannot be known.
fn corrected(tool: Tool, account: bool, error: &ApiError, sent: &JsonObject) -> Option<JsonObject> {
    let mut call = sent.clone();
    if error.code == ErrorCode::InvalidGroupBy {
        let unknown = error.details.get("unknown").and_then(Value::as_str)?;
        replace_column(&mut call, unknown, closest_column(error, unknown));
    }
    for (name, problem) in problems(error) {
        let root = name.split(['[', '.']).next().unwrap_or(name);
        correct(tool, account, (root, problem), &mut call);
        // Without what they are about, other arguments may mean nothing.
        if ABOUT.contains(&root) && !call.contains_key(root) {
            return None;
        }
        if ENDS.contains(&root) {
            correct_range(sent, problem, &mut call);
        }
    }
    let is_right = |call: &JsonObject| Arguments::read(tool, call, account).is_ok();
    Some(call).filter(|call| call != sent && is_right(call))
}

/// Exchanges the ends of a range that are in the wrong order; takes any other wrong range out, for half a range is
/// none.
fn correct_range(sent: &JsonObject, problem: &str, call: &mut JsonObject) {
    for (end, other) in [(ENDS[0], ENDS[1]), (ENDS[1], ENDS[0])] {
        match sent.get(other).filter(|_| problem == ENDS_EXCHANGED) {
            Some(value) => drop(call.insert(end.to_owned(), value.clone())),
            None => drop(call.shift_remove(end)),
        }
    }
}

/// Puts a wrong argument right, or takes it out.
fn correct(tool: Tool, account: bool, (root, problem): (&str, &str), call: &mut JsonObject) {
    let names = || tool.parameters(account).map(|parameter| parameter.name);
    let is_known = names().any(|known| known == root);
    let value = call.shift_remove(root);
    let replacement = match value {
        Some(sent) if root == FILTERS => repaired_filters(&sent),
        Some(value) if !is_known => {
            let closest = fuzzy_match::closest(root, names()).filter(|name| !call.contains_key(*name));
            if let Some(closest) = closest {
                call.insert(closest.to_owned(), value);
            }
            return;
        }
        Some(value) if value.is_string() => {
            closest_choice(tool, root, Some(&value)).or_else(|| word_meant(problem)).map(Value::from)
        }
        _ => None,
    };
    let example = || {
        let example: JsonObject = serde_json::from_str(tool.spec().example).unwrap_or_default();
        // A required argument, or one that another argument needs.
        let is_needed = tool.spec().required.contains(&root) || problem.starts_with("is required");
        example.get(root).cloned().filter(|_| is_needed)
    };
    if let Some(value) = replacement.or_else(example) {
        call.insert(root.to_owned(), value);
    }
}

/// The filters that were probably meant, or an example of the same form.
fn repaired_filters(sent: &Value) -> Option<Value> {
    match meant(Shape::Filters, sent).as_deref() {
        Some(Value::Object(members)) => {
            filters::repaired(members).or_else(|| Some(json!({ "country": "DE" })))
        }
        _ => match FilterList::repaired(sent) {
            Some(list) => Some(list.to_json()),
            None => serde_json::from_str(FilterList::EXAMPLE).ok(),
        },
    }
}

/// The word that a problem says was meant.
fn word_meant(problem: &str) -> Option<&str> {
    let (_, rest) = problem.split_once(MEANT)?;
    rest.split_once('`').map(|(word, _)| word)
}

/// Replaces a column of `group_by`, or takes it out.
fn replace_column(call: &mut JsonObject, unknown: &str, by: Option<&str>) {
    let names: Vec<String> = match call.get(GROUP_BY) {
        Some(Value::String(text)) => text.split(',').map(|name| name.trim().to_owned()).collect(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => return,
    };
    let names =
        names.into_iter().filter_map(|name| if name == unknown { by.map(str::to_owned) } else { Some(name) });
    let names: Vec<Value> = names.map(Value::from).collect();
    if names.is_empty() {
        call.shift_remove(GROUP_BY);
    } else {
        call.insert(GROUP_BY.to_owned(), names.into());
    }
}
