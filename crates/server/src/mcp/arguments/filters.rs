//! `filters` as an object: a text or a list of texts for each column, of which one must be its value. Columns with an
//! argument of their own and one text become that argument, so that the same query over REST is short; all others
//! become the list of conditions that the routes take.

use millimetric_core::fuzzy_match;
use millimetric_core::query::{Dimension, FunnelSteps};
use rmcp::model::JsonObject;
use serde_json::{Value, json};

use super::{check_length, check_list_of_filters, check_steps, lenient};
use crate::error::Problems;
use crate::mcp::clean;
use crate::mcp::tools::spec::Tool;
use crate::wire::params::{FILTERS, STEPS};

/// The most members of an object; a list has fewer conditions.
const MOST: usize = 64;
/// What the value of a column must be.
const EXPECTED: &str =
    r#"must be a text or a list of texts, any of which fits: {"country":"DE","medium":["paid","social"]}"#;

/// Puts the members of `filters` beside the other arguments, if it is an object.
pub(super) fn take(tool: Tool, values: &mut JsonObject, problems: &mut Problems) {
    if !values.get(FILTERS).is_some_and(Value::is_object) {
        return;
    }
    let Some(Value::Object(filters)) = values.shift_remove(FILTERS) else { return };
    if let Err(why) = check_count(&filters) {
        return problems.field(FILTERS, why);
    }
    let has_argument = |name: &str| tool.column_filters().iter().any(|parameter| parameter.name == name);
    let mut conditions = Vec::new();
    for (name, value) in filters {
        match read(&name, &value) {
            Err(why) => problems.field(FILTERS, why),
            Ok(texts) if texts.is_empty() => {}
            Ok(_) if has_argument(&name) && values.contains_key(&name) => {
                problems.field(FILTERS, format!("has `{name}`, which is also an argument: send it once"));
            }
            Ok(texts) => match &texts[..] {
                [only] if has_argument(&name) => match check_length(only.chars().count()) {
                    Ok(()) => drop(values.insert(name, Value::from(only.as_str()))),
                    Err(why) => problems.field(FILTERS, format!("`{name}` {why}")),
                },
                _ => conditions.push(is_one_of(&name, &texts)),
            },
        }
    }
    let conditions = Value::from(conditions);
    match check_list_of_filters(&conditions) {
        Ok(()) if conditions == json!([]) => {}
        Ok(()) => drop(values.insert(FILTERS.to_owned(), conditions)),
        Err(why) => problems.field(FILTERS, why),
    }
}

/// Writes the filters of the steps of a funnel as conditions, if they are objects.
pub(super) fn take_of_steps(values: &mut JsonObject, problems: &mut Problems) {
    let Some(Value::Array(steps)) = values.get_mut(STEPS) else { return };
    for (index, filters) in steps.iter_mut().map(|step| step.get_mut(FILTERS)).enumerate() {
        let Some(filters) = filters else { continue };
        let Some(members) = filters.as_object() else { continue };
        let condition = |(name, value): (&String, &Value)| match read(name, value) {
            Ok(texts) if texts.is_empty() => None,
            Ok(texts) => Some(Ok(is_one_of(name, &texts))),
            Err(why) => Some(Err(why)),
        };
        let conditions = || members.iter().filter_map(condition).collect::<Result<Vec<Value>, String>>();
        match check_count(members).and_then(|()| conditions()) {
            Ok(conditions) => *filters = conditions.into(),
            Err(why) => problems.field(format!("{STEPS}[{index}].{FILTERS}"), why),
        }
    }
    // Conditions are longer than the members of an object.
    if let Err(why) = check_steps(steps, FunnelSteps::MOST) {
        problems.field(STEPS, why);
    }
}

/// The members that are right, those with a misspelt column under the closest one; `None` if there are none.
pub(super) fn repaired(filters: &JsonObject) -> Option<Value> {
    let repaired = filters.iter().take(MOST).filter_map(|(name, value)| {
        let name = if Dimension::of_condition(name).is_some() { name } else { closest(name)? };
        texts(value).filter(|texts| !texts.is_empty())?;
        Some((name.to_owned(), value.clone()))
    });
    let repaired: JsonObject = repaired.collect();
    (!repaired.is_empty()).then_some(Value::Object(repaired))
}

fn check_count(members: &JsonObject) -> Result<(), String> {
    if members.len() <= MOST { Ok(()) } else { Err(format!("must have at most {MOST} columns")) }
}

fn is_one_of(column: &str, texts: &[String]) -> Value {
    json!(["is", column, texts])
}

/// The texts that a column may have; none if the filter is absent.
fn read(column: &str, value: &Value) -> Result<Vec<String>, String> {
    if Dimension::of_condition(column).is_none() {
        let instead = match closest(column) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("columns are {}", Dimension::in_conditions().collect::<Vec<_>>().join(", ")),
        };
        return Err(format!("has no column `{}`: {instead}", clean::word(column)));
    }
    texts(value).ok_or_else(|| format!("`{}` {EXPECTED}", clean::word(column)))
}

fn closest(column: &str) -> Option<&'static str> {
    fuzzy_match::closest(column, Dimension::in_conditions().filter(|name| !name.contains('<')))
}

/// `None` if the value is neither a text, a number or a boolean nor a list of these. An empty text and `null` are
/// absent; an empty list is refused, since it could mean every value or none.
fn texts(value: &Value) -> Option<Vec<String>> {
    let one = |value: &Value| match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    };
    let in_text = value.as_str().and_then(lenient::json).filter(Value::is_array);
    let texts: Vec<String> = match in_text.as_ref().unwrap_or(value) {
        Value::Array(values) if values.is_empty() => return None,
        Value::Array(values) => values.iter().map(one).collect::<Option<_>>()?,
        value => vec![one(value)?],
    };
    Some(texts.into_iter().filter(|text| !text.trim().is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_a_column_are_texts_in_whatever_form() {
        for (sent, expected) in [
            (json!("DE"), Some(vec!["DE"])),
            (json!(["paid", "social"]), Some(vec!["paid", "social"])),
            (json!(r#"["paid","social"]"#), Some(vec!["paid", "social"])),
            (json!([42, true, "a", "", null]), Some(vec!["42", "true", "a"])),
            (json!(1.5), Some(vec!["1.5"])),
            (json!(false), Some(vec!["false"])),
            (json!("a,b"), Some(vec!["a,b"])),
            (json!("[1"), Some(vec!["[1"])),
            (json!(""), Some(vec![])),
            (json!(null), Some(vec![])),
            (json!([""]), Some(vec![])),
            (json!([]), None),
            (json!({ "is": "DE" }), None),
            (json!([["DE"]]), None),
            (json!(["DE", { "is": "AT" }]), None),
        ] {
            let expected = expected.map(|texts| texts.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(texts(&sent), expected, "{sent}");
        }
    }

    #[test]
    fn what_is_right_of_an_object_is_kept() {
        let sent = json!({ "sesion_source": ["a", "b"], "country": "DE", "os": { "is": "ios" }, "zzzz": "b", "medium": "" });
        let expected = json!({ "session_source": ["a", "b"], "country": "DE" });
        assert_eq!(repaired(sent.as_object().unwrap()), Some(expected));
        assert_eq!(repaired(json!({ "zzzz": "b" }).as_object().unwrap()), None);
    }
}
