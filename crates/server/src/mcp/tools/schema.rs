//! The JSON Schemas of the tools, made from their specifications: plain JSON Schema 2020-12, with
//! an object at the root, and nothing that a client does not need to call.

use millimetric_core::query::Dimension;
use rmcp::model::{JsonObject, Tool as Listed, ToolAnnotations};
use serde_json::{Value, json};

use super::spec::{Parameter, Shape, Tool};

/// The tool as clients see it.
pub(super) fn listed(tool: Tool, account: bool) -> Listed {
    let spec = tool.spec();
    let writes = tool == Tool::TrackEvent;
    let annotations =
        ToolAnnotations::new().read_only(!writes).destructive(false).idempotent(!writes).open_world(false);
    Listed::new(spec.name, spec.text, input(tool, account))
        .with_title(spec.title)
        // An object, and nothing more: descriptions say what rows hold, in fewer words.
        .with_raw_output_schema(object(json!({ "type": "object" })).into())
        .with_annotations(annotations)
}

fn input(tool: Tool, account: bool) -> JsonObject {
    let members = tool.parameters(account).map(|parameter| (parameter.name.to_owned(), property(parameter)));
    let mut schema = object(json!({ "type": "object" }));
    schema.insert("properties".to_owned(), Value::Object(members.collect()));
    if !tool.spec().required.is_empty() {
        schema.insert("required".to_owned(), json!(tool.spec().required));
    }
    schema
}

fn property(parameter: &Parameter) -> Value {
    let mut schema = match parameter.shape {
        Shape::Text | Shape::Unlisted(_) => json!({ "type": "string" }),
        Shape::Choice(words) => json!({ "type": "string", "enum": words }),
        Shape::Number(most) => json!({ "type": "integer", "maximum": most }),
        // A text with commas is taken too; one tool says so.
        Shape::List(_) => json!({ "type": "array", "items": { "type": "string" } }),
        Shape::Columns(most) => json!({ "anyOf": [
            { "type": "array", "items": { "type": "string" }, "maxItems": most },
            { "type": "string" },
        ] }),
        Shape::Steps(most) => {
            let step = json!({ "anyOf": [{ "type": "string" }, { "type": "object" }] });
            json!({ "type": "array", "items": step, "minItems": 2, "maxItems": most })
        }
        Shape::Object => json!({ "type": "object" }),
        // The description says what they hold.
        Shape::Filters => json!({ "anyOf": [
            { "type": "array", "items": { "type": "array" } },
            { "type": "object" },
        ] }),
        Shape::Flag => json!({ "type": "boolean" }),
    };
    schema["description"] = match parameter.shape {
        Shape::Columns(_) => {
            let names: Vec<&str> = Dimension::allowed().collect();
            format!("{}: {}.", parameter.text, names.join(", ")).into()
        }
        _ => parameter.text.into(),
    };
    schema
}

fn object(value: Value) -> JsonObject {
    match value {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    }
}
