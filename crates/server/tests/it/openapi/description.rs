//! The document as a server serves it: its operations with their examples, and whether a value is of a schema.

use serde_json::{Value, json};

use crate::support::Instance;

/// The document.
pub(super) struct Description {
    document: Value,
    operations: Vec<Operation>,
}

/// One operation.
pub(super) struct Operation {
    /// In capitals.
    pub(super) method: String,
    pub(super) path: String,
    pub(super) json: Value,
}

impl Description {
    /// What `/openapi.json` returns.
    pub(super) fn of(server: &Instance) -> Self {
        let document = server.send("GET", "/openapi.json", &[], b"").json();
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, json) in item.as_object().unwrap() {
                let (method, path) = (method.to_uppercase(), path.clone());
                operations.push(Operation { method, path, json: json.clone() });
            }
        }
        // Deletions come last, those of parts before that of the whole.
        operations.sort_by_key(|operation| {
            (operation.method == "DELETE").then_some(std::cmp::Reverse(operation.path.len()))
        });
        Self { document, operations }
    }

    pub(super) fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation of this id.
    pub(super) fn operation(&self, id: &str) -> &Operation {
        self.operations.iter().find(|operation| operation.id() == id).unwrap_or_else(|| panic!("no {id}"))
    }

    /// Whether the value is of the schema, formats included; the error names each place where it is not.
    pub(super) fn validate(&self, schema: &Value, value: &Value) -> Result<(), String> {
        // References of the schema lead into the document.
        let mut whole = schema.clone();
        whole["components"] = self.document["components"].clone();
        let options = jsonschema::options().with_draft(jsonschema::Draft::Draft202012);
        let validator = options.should_validate_formats(true).build(&whole).unwrap();
        let problems: Vec<_> = validator
            .iter_errors(value)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(format!("{}; in {value}", problems.join("; "))) }
    }
}

impl Operation {
    pub(super) fn id(&self) -> &str {
        self.json["operationId"].as_str().unwrap_or_default()
    }

    /// The kinds of keys that it takes in the URL or the headers; one `None` if it takes none.
    pub(super) fn schemes(&self) -> Vec<Option<&str>> {
        let schemes = self.json["security"].as_array().into_iter().flatten();
        let names: Vec<_> = schemes
            .filter_map(|scheme| scheme.as_object().unwrap().keys().next())
            .map(String::as_str)
            .collect();
        if names.is_empty() { vec![None] } else { names.into_iter().map(Some).collect() }
    }

    /// The documented status of success, and its response: that with a body, if there are several.
    pub(super) fn success(&self) -> (&str, &Value) {
        let responses = self.json["responses"].as_object().unwrap().iter();
        let mut good = responses.filter(|(status, _)| status.starts_with('2'));
        let (status, response) =
            good.clone().find(|(_, response)| response.get("content").is_some()).or(good.next()).unwrap();
        (status, response)
    }

    /// Whether the response of success is JSON.
    pub(super) fn is_json(&self) -> bool {
        self.success().1["content"].get("application/json").is_some()
    }

    /// The body of the example, if it has one.
    pub(super) fn example_body(&self) -> Option<&Value> {
        self.json["requestBody"]["content"]["application/json"].get("example")
    }

    /// Path and query of the example; `of_path` has values of parameters in the path.
    pub(super) fn example_path(&self, of_path: impl Fn(&str) -> String) -> String {
        let mut path = self.path.clone();
        let mut query = form_urlencoded();
        for parameter in self.json["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            if parameter["in"] == "path" {
                path = path.replace(&format!("{{{name}}}"), &of_path(name));
            } else if parameter["in"] == "query"
                && let Some(example) = parameter.get("example")
            {
                query.append_pair(name, example.as_str().unwrap_or(&example.to_string()));
            }
        }
        let query = query.finish();
        if query.is_empty() { path } else { format!("{path}?{query}") }
    }

    /// The response with this status, if it is documented.
    pub(super) fn response(&self, status: u16) -> Option<&Value> {
        self.json["responses"].get(status.to_string())
    }

    /// The codes of errors that it documents.
    pub(super) fn codes(&self) -> Vec<&str> {
        self.json["x-error-codes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

fn form_urlencoded() -> form_urlencoded::Serializer<'static, String> {
    form_urlencoded::Serializer::new(String::new())
}

/// The schema of every error.
pub(super) fn error_schema() -> Value {
    json!({ "$ref": "#/components/schemas/Error" })
}
