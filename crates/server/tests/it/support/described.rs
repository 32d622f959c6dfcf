//! Whether responses are described: every response to a request of any test is compared with the API description.

use std::sync::OnceLock;

use serde_json::Value;

use super::Response;

/// The document, made once in each process.
fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(millimetric::http::openapi::document)
}

/// Asserts that the description of the operation lists the status, and the code if it is an error.
pub(super) fn check(method: &str, path: &str, response: &Response) {
    let path = path.split('?').next().unwrap_or_default();
    let Some(operation) = operation(&method.to_lowercase(), path) else { return };
    let status = response.status;
    assert!(
        operation["responses"].get(status.to_string()).is_some(),
        "the API description of {method} {path} does not have the status {status}: {}",
        response.text
    );
    let error = serde_json::from_str::<Value>(&response.text).ok().filter(|_| status >= 400);
    // Over MCP, errors are messages of JSON-RPC.
    let Some(code) = error.as_ref().and_then(|error| error["error"].as_str()) else { return };
    let codes = operation["x-error-codes"].as_array().into_iter().flatten();
    assert!(
        codes.into_iter().any(|listed| listed == code),
        "the API description of {method} {path} does not have the error {code}"
    );
}

/// The operation of this method that the path belongs to.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let paths = document()["paths"].as_object()?;
    let exact = paths.get(path).or_else(|| {
        paths
            .iter()
            .find(|(template, _)| template.contains('{') && is_of(path, template))
            .map(|(_, item)| item)
    });
    exact?.get(method)
}

/// Whether the path is one of the template: `{name}` stands for any segment.
fn is_of(path: &str, template: &str) -> bool {
    let (segments, names) = (path.split('/'), template.split('/'));
    segments.clone().count() == names.clone().count()
        && segments.zip(names).all(|(segment, name)| name.starts_with('{') || name == segment)
}
