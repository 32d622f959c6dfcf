//! `/docs`: the OpenAPI document as a page for people, drawn on the server.
//!
//! Shows nothing that the document does not hold; escapes everything.

use askama::Template;
use serde_json::Value;

/// The page.
#[derive(Debug, Template)]
#[template(path = "reference.html")]
pub struct Reference {
    base: String,
    introduction: Text,
    sections: Vec<Section>,
    codes: Vec<Code>,
}

/// A text whose every second part stood between backticks and is code.
type Text = Vec<String>;

#[derive(Debug)]
struct Section {
    title: String,
    text: Text,
    operations: Vec<Operation>,
}

#[derive(Debug)]
struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    text: Text,
    keys: Vec<String>,
    inputs: Vec<Field>,
    outputs: Vec<Field>,
}

#[derive(Debug)]
struct Field {
    name: String,
    required: bool,
    text: Text,
}

#[derive(Debug)]
struct Code {
    name: String,
    status: u64,
    message: Text,
}

impl Reference {
    /// The page of a document; `base` is where its examples point.
    pub fn new(document: &Value, base: &str) -> Self {
        let sections = list(&document["tags"]).iter().map(|tag| section(document, tag)).collect();
        let codes = list(&document["x-error-codes"]).iter().map(|row| Code {
            name: text(&row["code"]),
            status: row["status"].as_u64().unwrap_or_default(),
            message: parts(&row["message"]),
        });
        Self {
            base: base.to_owned(),
            introduction: parts(&document["info"]["description"]),
            sections,
            codes: codes.collect(),
        }
    }
}

fn section(document: &Value, tag: &Value) -> Section {
    let mut operations = Vec::new();
    for (path, item) in members(&document["paths"]) {
        for (method, operation) in members(item).filter(|(_, operation)| operation["tags"][0] == tag["name"])
        {
            operations.push(read_operation(document, path, method, operation));
        }
    }
    Section { title: text(&tag["name"]), text: parts(&tag["description"]), operations }
}

fn read_operation(document: &Value, path: &str, method: &str, operation: &Value) -> Operation {
    let parameters = list(&operation["parameters"]).iter().map(|parameter| Field {
        name: text(&parameter["name"]),
        required: parameter["required"] == true,
        text: parts(&parameter["description"]),
    });
    let body = fields(document, &operation["requestBody"]["content"]["application/json"]["schema"]);
    let success = members(&operation["responses"]).find(|(status, _)| status.starts_with('2'));
    let outputs =
        success.map(|(_, response)| fields(document, &response["content"]["application/json"]["schema"]));
    let schemes = list(&operation["security"]).iter().filter_map(|scheme| members(scheme).next());
    Operation {
        id: text(&operation["operationId"]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(&operation["summary"]),
        text: parts(&operation["description"]),
        keys: schemes
            .map(|(name, _)| {
                name.replace("pk_in_url", "?key=pk_…").replace("metrics_token", "the operator's token")
            })
            .collect(),
        inputs: parameters.chain(body).collect(),
        outputs: outputs.unwrap_or_default(),
    }
}

/// The properties of a schema, behind its reference.
fn fields(document: &Value, schema: &Value) -> Vec<Field> {
    let schema = resolved(document, schema);
    let required = |name: &str| list(&schema["required"]).iter().any(|entry| entry == name);
    members(&schema["properties"])
        .map(|(name, property)| Field {
            name: name.to_owned(),
            required: required(name),
            text: parts(described(document, property)),
        })
        .collect()
}

/// The schema that a reference points to; any other is itself.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    name.map_or(schema, |name| &document["components"]["schemas"][name])
}

/// The description of a property, or of the schema that it may be.
fn described<'a>(document: &'a Value, property: &'a Value) -> &'a Value {
    let choices = list(&property["oneOf"]).iter().map(|choice| &resolved(document, choice)["description"]);
    let mut own = std::iter::once(&property["description"]).chain(choices);
    own.find(|text| text.is_string()).unwrap_or(&Value::Null)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn parts(value: &Value) -> Text {
    text(value).split('`').map(str::to_owned).collect()
}
