//! Example values: those of the document, and where it has none, values made from the schema.

use serde_json::{Map, Value, json};

use super::spec::{Shape, Spec, list, members};

/// How deep values are made.
const MAX_DEPTH: usize = 6;

/// The examples of a media type or a parameter with their names, best first; at least one if there is a schema.
pub(super) fn examples(spec: Spec<'_>, holder: &Value) -> Vec<(String, Value)> {
    let found = written(spec, holder);
    if !found.is_empty() || !holder["schema"].is_object() {
        return found;
    }
    vec![(String::new(), made(spec, &holder["schema"], &mut Vec::new()))]
}

/// The examples that the document has.
pub(super) fn written(spec: Spec<'_>, holder: &Value) -> Vec<(String, Value)> {
    let named = members(&holder["examples"])
        .filter_map(|(name, example)| Some((name.to_owned(), spec.resolved(example).get("value")?.clone())));
    let own = holder.get("example").map(|value| (String::new(), value.clone()));
    own.into_iter().chain(named).collect()
}

/// The example that the document gives for a parameter, if any.
pub(super) fn given(spec: Spec<'_>, parameter: &Value) -> Option<Value> {
    let shape = spec.shape(&parameter["schema"]);
    let of_parameter = (parameter.get("example").is_some() || parameter.get("examples").is_some())
        .then(|| examples(spec, parameter).into_iter().next());
    of_parameter.flatten().map(|(_, value)| value).or_else(|| example_of(&shape))
}

/// The example, or a value of the schema.
pub(super) fn value(spec: Spec<'_>, parameter: &Value) -> Value {
    given(spec, parameter).unwrap_or_else(|| made(spec, &parameter["schema"], &mut Vec::new()))
}

fn example_of(shape: &Shape<'_>) -> Option<Value> {
    let listed = || shape.get("examples").and_then(|examples| list(examples).first());
    shape.get("example").or_else(listed).cloned()
}

/// A value of this schema; `above` has the references that lead to it.
fn made<'a>(spec: Spec<'a>, schema: &'a Value, above: &mut Vec<&'a str>) -> Value {
    let shape = spec.shape(schema);
    let known = example_of(&shape)
        .or_else(|| shape.get("const").cloned())
        .or_else(|| shape.get("default").filter(|value| !value.is_null()).cloned())
        .or_else(|| shape.values().first().cloned());
    if let Some(known) = known {
        return known;
    }
    if above.len() > MAX_DEPTH || shape.names.iter().any(|name| above.contains(name)) {
        return Value::Null;
    }
    let depth = above.len();
    above.push("");
    above.extend(&shape.names);
    let value = match (shape.types().first(), shape.choices.first()) {
        (None, Some(choice)) => made(spec, choice, above),
        (Some(&"object"), _) => object(spec, &shape, above),
        (Some(&"array"), _) => json!(shape.items().map(|items| made(spec, items, above)).as_slice()),
        (Some(name), _) => plain(name, &shape),
        (None, None) => Value::Null,
    };
    above.truncate(depth);
    value
}

fn object<'a>(spec: Spec<'a>, shape: &Shape<'a>, above: &mut Vec<&'a str>) -> Value {
    let mut object = Map::new();
    for (name, property) in shape.properties() {
        object.insert(name.to_owned(), made(spec, property, above));
    }
    if let Some(values) = shape.additional() {
        object.insert("name".to_owned(), made(spec, values, above));
    }
    Value::Object(object)
}

fn plain(name: &str, shape: &Shape<'_>) -> Value {
    match (name, shape.get("format").and_then(Value::as_str)) {
        ("integer" | "number", _) => shape.get("minimum").cloned().unwrap_or(json!(1)),
        ("boolean", _) => json!(true),
        (_, Some("date-time")) => json!("2026-05-16T19:00:00Z"),
        (_, Some("date")) => json!("2026-05-16"),
        (_, Some("uuid")) => json!("0190f3c0-a1b2-7c4d-8e9f-a0b1c2d3e4f5"),
        (_, Some("uri" | "url")) => json!("https://shop.example/"),
        (_, Some("email")) => json!("ann@example.com"),
        _ => json!("…"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_of_the_document_come_before_those_of_a_schema() {
        let document = json!({ "components": {
            "examples": { "Sale": { "value": { "event": "sale" } } },
            "schemas": { "Tree": { "type": "object", "properties": { "name": { "type": "string" }, "children": { "type": "array", "items": { "$ref": "#/components/schemas/Tree" } } } } },
        } });
        let spec = Spec(&document);
        for (holder, expected) in [
            (json!({ "example": 7, "schema": { "type": "string" } }), vec![("", json!(7))]),
            (
                json!({ "examples": { "a": { "value": 1 }, "b": { "$ref": "#/components/examples/Sale" } } }),
                vec![("a", json!(1)), ("b", json!({ "event": "sale" }))],
            ),
            (json!({ "schema": { "type": "string", "examples": ["x", "y"] } }), vec![("", json!("x"))]),
            (json!({ "schema": { "type": "integer", "minimum": 5 } }), vec![("", json!(5))]),
            (
                json!({ "schema": { "$ref": "#/components/schemas/Tree" } }),
                vec![("", json!({ "name": "…", "children": [null] }))],
            ),
            (json!({}), vec![]),
        ] {
            let found = examples(spec, &holder);
            let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
            assert_eq!(found, expected, "{holder}");
        }
        assert_eq!(given(spec, &json!({ "schema": { "type": "string" } })), None);
        assert_eq!(given(spec, &json!({ "schema": { "type": "string", "example": "z" } })), Some(json!("z")));
        assert_eq!(value(spec, &json!({ "schema": { "enum": ["a", "b"] } })), json!("a"));
    }
}
