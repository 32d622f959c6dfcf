//! Schemas as generators of clients read them best.

use serde_json::{Map, Value, json};

/// Members that say of which objects a schema is.
const SAYS_WHICH: &[&str] = &["properties", "additionalProperties", "$ref", "allOf", "anyOf", "oneOf"];

/// Tidies every schema in the value: free-form objects say that any member is allowed, since generators make
/// types that can hold nothing of others, and arrays that any entry is; and a schema with a description is one
/// schema.
pub(super) fn tidy(value: &mut Value) {
    match value {
        Value::Object(members) => {
            merge_description(members);
            if members.get("propertyNames") == Some(&json!({ "type": "string" })) {
                members.remove("propertyNames");
            }
            if is_of_object(members) && !SAYS_WHICH.iter().any(|name| members.contains_key(*name)) {
                members.insert("additionalProperties".to_owned(), json!(true));
            }
            if members.get("type") == Some(&json!("array"))
                && !["items", "prefixItems"].iter().any(|name| members.contains_key(*name))
            {
                members.insert("items".to_owned(), json!({}));
            }
            // What stands in examples is data.
            let inner = members.iter_mut().filter(|(name, _)| !name.starts_with("example"));
            inner.for_each(|(_, value)| tidy(value));
        }
        Value::Array(values) => values.iter_mut().for_each(tidy),
        _ => {}
    }
}

fn is_of_object(schema: &Map<String, Value>) -> bool {
    match schema.get("type") {
        Some(Value::String(name)) => name == "object",
        Some(Value::Array(names)) => names.iter().any(|name| name == "object"),
        _ => false,
    }
}

/// utoipa writes an inline schema with a description as both of two: the schema, and an object with nothing but the
/// description. Makes one of them.
fn merge_description(schema: &mut Map<String, Value>) {
    let Some(Value::Array(parts)) = schema.get("allOf") else { return };
    let [Value::Object(own), Value::Object(described)] = parts.as_slice() else { return };
    let describes = described.keys().all(|name| matches!(name.as_str(), "type" | "description"));
    if !describes || schema.len() != 1 {
        return;
    }
    let mut merged = own.clone();
    merged.extend(described.get("description").map(|text| ("description".to_owned(), text.clone())));
    *schema = merged;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_form_objects_are_open_and_descriptions_merged() {
        for (schema, tidied) in [
            (json!({ "type": "object" }), json!({ "type": "object", "additionalProperties": true })),
            (
                json!({ "type": ["object", "null"], "example": { "type": "object" } }),
                json!({ "type": ["object", "null"], "example": { "type": "object" }, "additionalProperties": true }),
            ),
            (json!({ "type": "object", "properties": {} }), json!({ "type": "object", "properties": {} })),
            (
                json!({ "allOf": [{ "type": "string" }, { "type": "object", "description": "A word." }] }),
                json!({ "type": "string", "description": "A word." }),
            ),
            (json!({ "propertyNames": { "type": "string" } }), json!({})),
            (json!({ "type": "array" }), json!({ "type": "array", "items": {} })),
        ] {
            let mut value = schema;
            tidy(&mut value);
            assert_eq!(value, tidied);
        }
    }
}
