//! The fields of bodies and the parameters of routes as rows of a table: name, type, constraints, default.
//!
//! Fields of nested objects are rows of their own, named by their path, such as `events[].context.ip`.

use serde_json::Value;

use super::markdown;
use super::spec::{Shape, Spec, list, members, text};

/// How deep nested fields are listed.
const MAX_DEPTH: usize = 5;
/// Values of a list that are named; of more, their number.
const MAX_VALUES: usize = 60;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    /// The name, or the path.
    pub(super) name: String,
    /// Where a parameter is, if not in the query: `path`, `header`.
    pub(super) place: Option<String>,
    /// The type, such as `array of string`.
    pub(super) kind: String,
    pub(super) required: bool,
    /// What values must fulfil, in Markdown.
    pub(super) constraints: Vec<String>,
    /// The value of an absent one, as JSON.
    pub(super) default: Option<String>,
    /// The description, in Markdown.
    pub(super) text: String,
}

impl Field {
    /// The description as HTML.
    pub(super) fn html(&self) -> String {
        markdown::inline(&self.text)
    }

    /// The constraints as HTML.
    pub(super) fn rules(&self) -> String {
        markdown::inline(&self.constraints.join("; "))
    }

    /// The cell of a Markdown table.
    pub(super) fn cell(&self) -> String {
        let mut parts = vec![self.text.clone()];
        parts.extend((!self.constraints.is_empty()).then(|| format!("{}.", self.constraints.join("; "))));
        parts.extend(self.default.as_ref().map(|value| format!("Default: `{value}`.")));
        let text = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
        markdown::cell(&text.collect::<Vec<_>>().join(" "))
    }
}

/// The parameters of an operation, those in the path first.
pub(super) fn parameters(spec: Spec<'_>, item: &Value, operation: &Value) -> Vec<Field> {
    let both = list(&item["parameters"]).iter().chain(list(&operation["parameters"]));
    let mut rows: Vec<Field> = both
        .map(|parameter| {
            let parameter = spec.resolved(parameter);
            let shape = spec.shape(&parameter["schema"]);
            let place = text(&parameter["in"]);
            let text_of = parameter["description"].as_str();
            let required = parameter["required"] == true;
            let mut field = field(spec, &text(&parameter["name"]), &shape, required, text_of);
            field.place = Some(place).filter(|place| place != "query");
            field
        })
        .collect();
    rows.sort_by_key(|row| row.place.as_deref() != Some("path"));
    rows
}

/// The fields of a schema.
pub(super) fn fields(spec: Spec<'_>, schema: &Value) -> Vec<Field> {
    let mut rows = Vec::new();
    nested(spec, "", schema, &mut Vec::new(), &mut rows);
    rows
}

/// Adds the fields below `path`; `above` has the references that lead there.
fn nested<'a>(
    spec: Spec<'a>,
    path: &str,
    schema: &'a Value,
    above: &mut Vec<&'a str>,
    rows: &mut Vec<Field>,
) {
    let shape = spec.shape(schema);
    if above.len() > MAX_DEPTH || shape.names.iter().any(|name| above.contains(name)) {
        return;
    }
    // Also without a reference it is one level deeper.
    above.push(shape.names.first().copied().unwrap_or_default());
    let depth = above.len();
    above.extend(shape.names.iter().skip(1));
    let dot = if path.is_empty() { "" } else { "." };
    for (name, property) in shape.properties() {
        let path = format!("{path}{dot}{name}");
        let inner = spec.shape(property);
        if !rows.iter().any(|row| row.name == path) {
            rows.push(field(spec, &path, &inner, shape.requires(name), None));
            nested(spec, &path, property, above, rows);
        }
    }
    if let Some(items) = shape.items() {
        nested(spec, &format!("{path}[]"), items, above, rows);
    }
    if let Some(values) = shape.additional() {
        nested(spec, &format!("{path}{dot}*"), values, above, rows);
    }
    for choice in &shape.choices {
        let first = rows.len();
        nested(spec, path, choice, above, rows);
        // Another choice does without them.
        rows[first..].iter_mut().for_each(|row| row.required = false);
    }
    above.truncate(depth - 1);
}

/// A row; `own` is the description where the schema's is not meant.
fn field(spec: Spec<'_>, name: &str, shape: &Shape<'_>, required: bool, own: Option<&str>) -> Field {
    let text = own.or_else(|| shape.get("description")?.as_str()).unwrap_or_default().to_owned();
    let constraints = constraints(spec, shape);
    Field {
        name: name.to_owned(),
        place: None,
        kind: kind(spec, shape),
        required,
        // The description may say the same in its sentence.
        constraints: constraints.into_iter().filter(|rule| !text.contains(rule.as_str())).collect(),
        default: shape.get("default").map(ToString::to_string),
        text,
    }
}

/// The type in words.
fn kind(spec: Spec<'_>, shape: &Shape<'_>) -> String {
    let mut kinds: Vec<String> = Vec::new();
    let mut add = |kind: String| {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    };
    for name in shape.types() {
        match (name, shape.items()) {
            ("array", Some(items)) => add(format!("array of {}", kind(spec, &spec.shape(items)))),
            _ => add(name.to_owned()),
        }
    }
    if shape.types().is_empty() {
        for choice in &shape.choices {
            add(kind(spec, &spec.shape(choice)));
        }
    }
    if kinds.is_empty() {
        let first = shape.get("const").or_else(|| shape.values().first());
        let of_values = match first {
            Some(Value::String(_)) => "string",
            Some(Value::Number(_)) => "number",
            Some(Value::Bool(_)) => "boolean",
            _ => "any",
        };
        kinds.push(of_values.to_owned());
    }
    if shape.is_nullable() {
        kinds.push("null".to_owned());
    }
    kinds.join(" or ")
}

/// What values must fulfil, in Markdown.
fn constraints(spec: Spec<'_>, shape: &Shape<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let values: Vec<&Value> = match shape.items() {
        Some(items) if shape.values().is_empty() => list(items.get("enum").unwrap_or(&Value::Null)).iter(),
        _ => shape.values().iter(),
    }
    .filter(|value| !value.is_null())
    .collect();
    if values.len() > MAX_VALUES {
        found.push(format!("one of {} values", values.len()));
    } else if !values.is_empty() {
        let names: Vec<String> = values.iter().map(|value| code(value)).collect();
        found.push(format!("one of {}", names.join(", ")));
    }
    found.extend(shape.get("const").map(|value| format!("always {}", code(value))));
    for (least, most, unit) in [
        ("minimum", "maximum", ""),
        ("exclusiveMinimum", "exclusiveMaximum", " (exclusive)"),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
        ("minProperties", "maxProperties", " properties"),
    ] {
        found.extend(span(shape.get(least), shape.get(most), unit));
    }
    // The width of a number in the program is of no use to a client.
    let format = shape.get("format").and_then(Value::as_str);
    found.extend(
        format
            .filter(|name| !name.contains("int") && *name != "double")
            .map(|name| format!("format `{name}`")),
    );
    found.extend(shape.get("pattern").and_then(Value::as_str).map(|pattern| format!("pattern `{pattern}`")));
    if shape.get("deprecated") == Some(&Value::Bool(true)) {
        found.push("deprecated".to_owned());
    }
    if members(shape.get("properties").unwrap_or(&Value::Null)).next().is_none()
        && shape.types() == ["object"]
        && shape.choices.is_empty()
    {
        let of = shape.additional().map(|values| kind(spec, &spec.shape(values)));
        found.push(of.map_or("any members".to_owned(), |of| format!("any members of type {of}")));
    }
    found
}

fn span(least: Option<&Value>, most: Option<&Value>, unit: &str) -> Option<String> {
    match (least, most) {
        (Some(least), Some(most)) => Some(format!("{least}–{most}{unit}")),
        (Some(least), None) if *least == 0 => None,
        (Some(least), None) => Some(format!("at least {least}{unit}")),
        (None, Some(most)) => Some(format!("at most {most}{unit}")),
        (None, None) => None,
    }
}

/// A value as code: texts without quotes.
fn code(value: &Value) -> String {
    value.as_str().map_or_else(|| format!("`{value}`"), |text| format!("`{text}`"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(schema: &Value) -> Vec<Field> {
        let document = json!({ "components": { "schemas": {
            "Context": { "type": "object", "properties": { "ip": { "type": ["string", "null"], "maxLength": 45 } } },
            "Tree": { "type": "object", "properties": { "children": { "type": "array", "items": { "$ref": "#/components/schemas/Tree" } } } },
        } } });
        fields(Spec(&document), schema)
    }

    #[test]
    fn types_and_constraints_are_read() {
        for (property, kind, constraints) in [
            (json!({ "type": "string", "minLength": 1, "maxLength": 128 }), "string", "1–128 characters"),
            (json!({ "type": "integer", "format": "int64", "minimum": 0 }), "integer", ""),
            (json!({ "type": "integer", "minimum": 1, "maximum": 1000 }), "integer", "1–1000"),
            (json!({ "type": "string", "enum": ["a", "b"] }), "string", "one of `a`, `b`"),
            (json!({ "enum": ["a", null] }), "string", "one of `a`"),
            (json!({ "type": "string", "format": "date-time" }), "string", "format `date-time`"),
            (
                json!({ "type": "array", "items": { "type": "string" }, "maxItems": 4 }),
                "array of string",
                "at most 4 items",
            ),
            (json!({ "type": "object" }), "object", "any members"),
            (
                json!({ "type": "object", "additionalProperties": { "type": "integer" } }),
                "object",
                "any members of type integer",
            ),
            (json!({ "oneOf": [{ "type": "string" }, { "type": "integer" }] }), "string or integer", ""),
            (json!({ "anyOf": [{ "type": "null" }, { "type": "boolean" }] }), "boolean or null", ""),
            (json!({ "const": "x" }), "string", "always `x`"),
            (json!({}), "any", ""),
        ] {
            let schema = json!({ "type": "object", "properties": { "a": property } });
            let row = &rows(&schema)[0];
            assert_eq!(
                (row.kind.as_str(), row.constraints.join("; ").as_str()),
                (kind, constraints),
                "{schema}"
            );
        }
    }

    #[test]
    fn fields_of_nested_objects_are_named_by_their_paths() {
        let schema = json!({ "type": "object", "required": ["events"], "properties": {
            "events": { "type": "array", "items": { "type": "object", "properties": { "context": { "$ref": "#/components/schemas/Context" } } } },
            "tree": { "$ref": "#/components/schemas/Tree" },
            "counts": { "type": "object", "additionalProperties": { "type": "object", "properties": { "n": { "type": "integer", "default": 3 } } } },
        } });
        let rows = rows(&schema);
        let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "events",
                "events[].context",
                "events[].context.ip",
                "tree",
                "tree.children",
                "counts",
                "counts.*.n"
            ]
        );
        assert!(rows[0].required && !rows[1].required);
        assert_eq!(rows[6].default.as_deref(), Some("3"));
        assert_eq!(rows[2].kind, "string or null");
    }
}
