//! The parameters of a query as the schema of a JSON object.

use serde_json::{Map, Value, json};
use utoipa::openapi::path::Parameter;
use utoipa::openapi::{Required, Schema};

use super::{FILTERS, STEPS};

/// An object with a member for each parameter, and no other.
pub fn body_schema<'a>(parameters: impl IntoIterator<Item = &'a Parameter>) -> Schema {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for parameter in parameters {
        if parameter.required == Required::True {
            required.push(parameter.name.as_str());
        }
        let mut schema = member(parameter);
        if let Some(items) = items_of(&parameter.name).filter(|_| is_text(&schema)) {
            schema["type"] = "array".into();
            schema["items"] = items;
            if let Some(example) = schema["examples"][0].as_str().map(list_of) {
                schema["examples"] = json!([example]);
            }
        }
        properties.insert(parameter.name.clone(), schema);
    }
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    serde_json::from_value(schema).unwrap_or_default()
}

/// The schema of a parameter, with its description and example.
fn member(parameter: &Parameter) -> Value {
    let mut parameter = serde_json::to_value(parameter).unwrap_or_default();
    let mut schema = parameter["schema"].take();
    if let Value::Object(schema) = &mut schema {
        let [text, example] = ["description", "example"].map(|name| parameter[name].take());
        if text.is_string() {
            schema.insert("description".to_owned(), text);
        }
        if !example.is_null() {
            schema.insert("examples".to_owned(), json!([example]));
        }
    }
    schema
}

/// Whether a query string has a text there.
fn is_text(schema: &Value) -> bool {
    schema["type"] == "string"
        || schema["type"].as_array().is_some_and(|types| types.contains(&"string".into()))
}

/// What the entries of a parameter are that is a list, which a query string has as one text.
fn items_of(name: &str) -> Option<Value> {
    match name {
        "group_by" | "models" | "columns" => Some(json!({ "type": "string" })),
        STEPS => Some(json!({ "anyOf": [{ "type": "string" }, { "type": "object" }] })),
        FILTERS => Some(json!({ "type": "array" })),
        _ => None,
    }
}

/// The list of a query string.
fn list_of(text: &str) -> Value {
    let commas = || text.split(',').map(Value::from).collect();
    serde_json::from_str(text).ok().filter(Value::is_array).unwrap_or_else(commas)
}
