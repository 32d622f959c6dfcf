//! The JSON Schemas of the tools, made from their specifications: plain JSON Schema 2020-12, with
//! an object at the root, and nothing that a client does not need to call.

use millimetric_core::query::Dimension;
use rmcp::model::{JsonObject, Tool as Listed, ToolAnnotations};
use serde_json::{Value, json};

use super::spec::{Cell, Parameter, Shape, Tool};

/// The tool as clients see it.
pub(super) fn listed(tool: Tool, account: bool) -> Listed {
    let spec = tool.spec();
    let writes = tool == Tool::TrackEvent;
    let annotations = ToolAnnotations::with_title(spec.title)
        .read_only(!writes)
        .destructive(false)
        .idempotent(!writes)
        .open_world(false);
    Listed::new(spec.name, spec.text, input(tool, account))
        .with_title(spec.title)
        .with_raw_output_schema(output(tool, account).into())
        .with_annotations(annotations)
}

fn input(tool: Tool, account: bool) -> JsonObject {
    let members = tool.parameters(account).map(|parameter| (parameter.name.to_owned(), property(parameter)));
    let mut schema = object(json!({ "type": "object" }));
    schema.insert("properties".to_owned(), Value::Object(members.collect()));
    if !tool.spec().required.is_empty() {
        schema.insert("required".to_owned(), json!(tool.spec().required));
    }
    schema.insert("additionalProperties".to_owned(), Value::Bool(false));
    schema
}

fn property(parameter: &Parameter) -> Value {
    let mut schema = match parameter.shape {
        Shape::Text => json!({ "type": "string" }),
        Shape::Choice(words) => json!({ "type": "string", "enum": words }),
        Shape::Number(most) => json!({ "type": "integer", "minimum": 1, "maximum": most }),
        Shape::List(most) | Shape::Columns(most) => json!({ "anyOf": [
            { "type": "array", "items": { "type": "string" }, "maxItems": most },
            { "type": "string" },
        ] }),
        Shape::Steps(most) => {
            let step = json!({ "anyOf": [{ "type": "string" }, { "type": "object" }] });
            json!({ "type": "array", "items": step, "minItems": 2, "maxItems": most })
        }
        Shape::Object => json!({ "type": "object" }),
        Shape::Filters => {
            let condition = json!({ "type": "array", "description": "operator, column, values" });
            json!({ "anyOf": [
                { "type": "array", "items": condition },
                { "type": "object", "additionalProperties": { "type": "string" } },
            ] })
        }
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

fn output(tool: Tool, account: bool) -> JsonObject {
    let spec = tool.spec();
    let project = (account && tool != Tool::CompareProjects && tool != Tool::ListProjects)
        .then(|| ("project_id".to_owned(), cell(Cell::String)));
    let cells = spec.rows.cells().into_iter().map(|(name, kind)| (name.to_owned(), cell(kind)));
    let row: JsonObject = project.into_iter().chain(cells).collect();
    let text = || json!({ "type": "string" });
    let mut properties = object(json!({
        "rows": { "type": "array", "items": { "type": "object", "properties": row } },
        "summary": text(),
        "applied": { "type": "object" },
        "truncated": { "type": "boolean" },
        "notes": { "type": "array", "items": text() },
        "error": { "type": "object" },
    }));
    if spec.ranged {
        let ends = json!({ "from": text(), "to": text(), "timezone": text() });
        properties.insert("range".to_owned(), json!({ "type": "object", "properties": ends }));
    }
    if tool == Tool::QueryEvents {
        properties.insert("next_cursor".to_owned(), text());
    }
    if spec.route.is_some() && !account {
        properties.insert("url".to_owned(), text());
    }
    let mut schema = object(json!({ "type": "object" }));
    schema.insert("properties".to_owned(), Value::Object(properties));
    schema.insert("required".to_owned(), json!(["rows"]));
    schema
}

fn cell(kind: Cell) -> Value {
    let named = |name| json!({ "type": name });
    // Two schemas, not two types: clients of one type each reject a list of them.
    let or_null = |name| json!({ "anyOf": [named(name), named("null")] });
    match kind {
        Cell::String => named("string"),
        Cell::Integer => named("integer"),
        Cell::Number => named("number"),
        Cell::Boolean => named("boolean"),
        Cell::Array => named("array"),
        Cell::Object => named("object"),
        Cell::MaybeString => or_null("string"),
        Cell::MaybeNumber => or_null("number"),
    }
}

fn object(value: Value) -> JsonObject {
    match value {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    }
}
