//! Examples: of a request those of its parameters and of the members of its body, of a response what a server
//! returned to that request (`spec/examples.json`, which `cargo xtask gen` writes).

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::resolved;

/// Responses by the id of the operation.
static RESPONSES: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../../../spec/examples.json")).unwrap_or_default()
});

/// Adds the example of the body, if it takes one, and that of the response.
pub(super) fn add(schemas: &Value, operation: &mut Value) {
    let body = &mut operation["requestBody"];
    if body.is_object() {
        let content = &mut body["content"]["application/json"];
        if content["example"].is_null()
            && let Some(example) = of_schema(resolved(schemas, &content["schema"]))
        {
            content["example"] = example;
        }
    } else if let Some(operation) = operation.as_object_mut() {
        operation.remove("requestBody");
    }
    let Some(response) = operation["operationId"].as_str().and_then(|id| RESPONSES.get(id)) else { return };
    let mut responses = operation["responses"].as_object_mut().into_iter().flatten();
    let has_body = |(status, response): &(&String, &mut Value)| {
        status.starts_with('2') && response["content"]["application/json"].is_object()
    };
    if let Some((_, success)) = responses.find(has_body) {
        success["content"]["application/json"]["example"] = response.clone();
    }
}

/// The example of the schema, else an object of the members that have one; `None` if none has.
fn of_schema(schema: &Value) -> Option<Value> {
    if let Some(example) = schema.get("example") {
        return Some(example.clone());
    }
    let example = |member: &Value| member.get("example").or_else(|| member["examples"].get(0)).cloned();
    let members = schema["properties"].as_object()?;
    let members: Map<_, _> =
        members.iter().filter_map(|(name, member)| Some((name.clone(), example(member)?))).collect();
    (!members.is_empty()).then_some(Value::Object(members))
}
