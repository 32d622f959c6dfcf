//! The operations of the OpenAPI document as the reference shows them, in groups by tag.

use serde_json::Value;

use super::code::{JSON, literal};
use super::fields::{Field, fields, parameters};
use super::samples::{Call, Sample};
use super::spec::{Spec, list, members, text};
use super::{Code, examples, markdown};

/// The methods of a path, in the order in which they are shown.
const METHODS: [&str; 6] = ["get", "post", "put", "patch", "delete", "head"];

/// Operations with the same tag.
#[derive(Debug)]
pub(super) struct Section {
    /// The tag.
    pub(super) tag: String,
    pub(super) title: String,
    /// In Markdown.
    pub(super) text: String,
    pub(super) operations: Vec<Operation>,
}

/// A method of a path.
#[derive(Debug)]
pub(super) struct Operation {
    /// Its anchor.
    pub(super) id: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) summary: String,
    /// In Markdown.
    pub(super) text: String,
    pub(super) deprecated: bool,
    /// The kinds of keys that may call it; of none, it needs no key.
    pub(super) keys: Vec<String>,
    pub(super) parameters: Vec<Field>,
    pub(super) body: Option<Message>,
    /// The successful ones.
    pub(super) responses: Vec<Message>,
    /// All others.
    pub(super) errors: Vec<Message>,
    pub(super) samples: Vec<Sample>,
}

/// A body.
#[derive(Debug)]
pub(super) struct Message {
    /// The status of a response, such as `202` or `default`.
    pub(super) status: String,
    /// In Markdown.
    pub(super) text: String,
    pub(super) media_types: Vec<String>,
    pub(super) fields: Vec<Field>,
    pub(super) examples: Vec<Example>,
}

/// An example of a body.
#[derive(Debug)]
pub(super) struct Example {
    /// Empty for the only one.
    pub(super) name: String,
    pub(super) code: String,
}

/// The most lines of an example that is shown from the start.
const SHOWN_LINES: usize = 30;

impl Example {
    fn new((name, value): (String, Value)) -> Self {
        // JSON as code, a text as it is.
        let code = value.as_str().map_or_else(|| literal(&value, 0, JSON), str::to_owned);
        Self { name, code }
    }

    /// The name as people read it.
    pub(super) fn title(&self) -> String {
        if self.name.is_empty() { "Example".to_owned() } else { format!("Example: {}", self.name) }
    }

    /// Whether it is so long that it is shown only on demand.
    pub(super) fn is_long(&self) -> bool {
        self.code.lines().nth(SHOWN_LINES).is_some()
    }
}

impl Section {
    /// The text as HTML.
    pub(super) fn html(&self) -> String {
        markdown::prose(&self.text)
    }
}

impl Operation {
    /// The text as HTML.
    pub(super) fn html(&self) -> String {
        markdown::prose(&self.text)
    }

    /// Its method in lower case, for the style sheet.
    pub(super) fn method_class(&self) -> String {
        self.method.to_lowercase()
    }
}

impl Message {
    /// The text as HTML.
    pub(super) fn html(&self) -> String {
        markdown::inline(&self.text)
    }

    /// The text of an error as HTML, in which each of these codes is a link to its explanation.
    pub(super) fn html_with_links(&self, codes: &[Code]) -> String {
        codes.iter().fold(self.html(), |html, Code { name, .. }| {
            let code = format!("<code>{name}</code>");
            html.replace(&code, &format!("<a href=\"#error-{name}\">{code}</a>"))
        })
    }
}

/// Everything, by tag: first the tags that the document describes, in its order. The addresses in samples begin
/// with `base`.
pub(super) fn sections(spec: Spec<'_>, base: &str) -> Vec<Section> {
    let described = list(&spec.0["tags"]).iter().map(|tag| Section {
        tag: text(&tag["name"]),
        title: tag["x-displayName"].as_str().map_or_else(|| capitalised(&text(&tag["name"])), str::to_owned),
        text: text(&tag["description"]),
        operations: Vec::new(),
    });
    let mut sections: Vec<Section> = described.collect();
    for (path, item) in members(&spec.0["paths"]) {
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            let tag = operation["tags"][0].as_str().unwrap_or("other");
            let operation_read = read(spec, base, (path, item), (method, operation));
            match sections.iter_mut().find(|section| section.tag == tag) {
                Some(section) => section.operations.push(operation_read),
                None => sections.push(Section {
                    tag: tag.to_owned(),
                    title: capitalised(tag),
                    text: String::new(),
                    operations: vec![operation_read],
                }),
            }
        }
    }
    sections.retain(|section| !section.operations.is_empty());
    sections
}

fn read(spec: Spec<'_>, base: &str, at: (&str, &Value), (method, operation): (&str, &Value)) -> Operation {
    let (path, item) = at;
    let responses = members(&operation["responses"]);
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (status, response) in responses {
        let response = spec.resolved(response);
        if status.starts_with('2') {
            good.push(message(spec, status, response));
        } else {
            bad.push(error(spec, status, response));
        }
    }
    // The samples are answered with the first one.
    good.sort_by_key(|response| response.media_types.is_empty());
    let body = spec.resolved(&operation["requestBody"]);
    Operation {
        id: text(&operation["operationId"]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(&operation["summary"]),
        text: text(&operation["description"]),
        deprecated: operation["deprecated"] == true,
        keys: keys(spec, operation),
        parameters: parameters(spec, item, operation),
        body: body.is_object().then(|| message(spec, "", body)),
        responses: good,
        errors: bad,
        samples: Call::new(spec, base, at, (method, operation)).samples(),
    }
}

fn message(spec: Spec<'_>, status: &str, message: &Value) -> Message {
    let media = |wanted: &str| members(&message["content"]).find(|(name, _)| name.starts_with(wanted));
    let best = media("application/json").or_else(|| members(&message["content"]).next());
    let (_, content) = best.unwrap_or(("", &Value::Null));
    Message {
        status: status.to_owned(),
        text: text(&message["description"]),
        media_types: members(&message["content"]).map(|(name, _)| name.to_owned()).collect(),
        fields: fields(spec, &content["schema"]),
        examples: examples::examples(spec, content).into_iter().map(Example::new).collect(),
    }
}

/// A response to what is not served. Every error has the same fields, which the page explains once; its text names
/// its codes, else those of its examples are added.
fn error(spec: Spec<'_>, status: &str, response: &Value) -> Message {
    let mut text = text(&response["description"]);
    let contents = members(&response["content"]).flat_map(|(_, content)| examples::written(spec, content));
    for (_, value) in contents {
        let code = value["error"].as_str().map(|name| format!("`{name}`"));
        if let Some(code) = code.filter(|code| !text.contains(code)) {
            text = format!("{text} {code}");
        }
    }
    Message { text, fields: Vec::new(), examples: Vec::new(), ..message(spec, status, response) }
}

/// The keys that an operation accepts, as people call them.
fn keys(spec: Spec<'_>, operation: &Value) -> Vec<String> {
    let requirements = list(&operation["security"]).iter();
    let names = requirements.filter_map(|requirement| members(requirement).next());
    names
        .map(|(name, _)| {
            let scheme = spec.resolved(&spec.0["components"]["securitySchemes"][name]);
            match scheme["in"].as_str() {
                Some("query") => format!("?{}={}…", text(&scheme["name"]), name.replace("_in_url", "_")),
                _ => name.to_owned(),
            }
        })
        .collect()
}

/// A tag as a title.
fn capitalised(text: &str) -> String {
    if text == "mcp" {
        return "MCP".to_owned();
    }
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn operations_are_grouped_by_tag_in_the_order_of_the_document() {
        let operation = |id: &str, tag: &str| json!({ "operationId": id, "tags": [tag], "responses": {} });
        let document = json!({
            "tags": [{ "name": "ingest", "description": "Send." }, { "name": "empty" }, { "name": "read", "x-displayName": "Queries" }],
            "paths": {
                "/a": { "post": operation("b", "read"), "get": operation("a", "read") },
                "/c": { "get": operation("c", "more") },
                "/d": { "delete": operation("d", "ingest") },
            },
        });
        let sections = sections(Spec(&document), "http://localhost:1");
        let found: Vec<(&str, Vec<&str>)> = sections
            .iter()
            .map(|section| {
                (section.title.as_str(), section.operations.iter().map(|one| one.id.as_str()).collect())
            })
            .collect();
        assert_eq!(found, [("Ingest", vec!["d"]), ("Queries", vec!["a", "b"]), ("More", vec!["c"])]);
    }

    #[test]
    fn an_operation_names_its_keys_and_the_codes_of_its_errors() {
        let document = json!({ "components": { "securitySchemes": {
            "sk": { "type": "http", "scheme": "bearer" },
            "pk_in_url": { "type": "apiKey", "in": "query", "name": "key" },
        }, "responses": { "Bad": { "description": "Bad.", "content": { "application/json": { "examples": {
            "one": { "value": { "error": "invalid_params" } }, "two": { "value": { "error": "invalid_group_by" } },
        } } } } } } });
        let operation = json!({
            "operationId": "a",
            "security": [{ "sk": [] }, { "pk_in_url": [] }],
            "responses": { "200": { "description": "Good." }, "400": { "$ref": "#/components/responses/Bad" } },
        });
        let read = read(Spec(&document), "", ("/a", &json!({})), ("get", &operation));
        assert_eq!(read.keys, ["sk", "?key=pk_…"]);
        assert_eq!(read.responses[0].text, "Good.");
        assert_eq!(read.errors[0].text, "Bad. `invalid_params` `invalid_group_by`");
        let code = Code {
            name: "invalid_params".to_owned(),
            status: 400,
            message: String::new(),
            fix: String::new(),
        };
        assert_eq!(
            read.errors[0].html_with_links(&[code]),
            "Bad. <a href=\"#error-invalid_params\"><code>invalid_params</code></a> <code>invalid_group_by</code>"
        );
    }
}
