//! A call of an operation as code to copy: curl, JavaScript and Python, each without anything to install.
//!
//! The code reads its key from an environment variable, so that no key gets into a history or a file.

mod curl;
mod javascript;
mod python;

use form_urlencoded::byte_serialize;
use serde_json::Value;

use super::examples;
use super::spec::{Spec, list, members, text};

/// The code of one language.
#[derive(Debug)]
pub(super) struct Sample {
    /// `curl`, `javascript`, `python`.
    pub(super) language: &'static str,
    /// The language as people write it.
    pub(super) title: &'static str,
    pub(super) code: String,
}

/// A call with example values.
#[derive(Debug)]
pub(super) struct Call {
    /// In upper case.
    method: String,
    /// The address without the query.
    url: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    key: Option<Key>,
    body: Option<Body>,
    response: Reading,
}

/// How the key is sent; the text is the environment variable that holds it.
#[derive(Debug, PartialEq, Eq)]
enum Key {
    Bearer(String),
    Basic(String),
    Header(String, String),
}

#[derive(Debug)]
enum Body {
    Json(Value),
    Text(String, String),
}

/// What a successful response holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Json,
    Text,
    Nothing,
}

impl Call {
    /// A call of an operation of a server at `base`: with all that is required, and with what the document has
    /// examples for.
    pub(super) fn new(
        spec: Spec<'_>,
        base: &str,
        (path, item): (&str, &Value),
        (method, operation): (&str, &Value),
    ) -> Self {
        let key = key(spec, operation);
        let mut call = Self {
            method: method.to_uppercase(),
            url: format!("{base}{path}"),
            query: Vec::new(),
            headers: Vec::new(),
            key,
            body: body(spec, operation),
            response: reading(spec, operation),
        };
        for parameter in list(&item["parameters"]).iter().chain(list(&operation["parameters"])) {
            call.add(spec, spec.resolved(parameter));
        }
        call
    }

    fn add(&mut self, spec: Spec<'_>, parameter: &Value) {
        let given = examples::given(spec, parameter);
        let required = parameter["required"] == true;
        // An optional parameter is shown where the operation itself has an example, not only its schema.
        let shown = required || parameter.get("example").is_some() || parameter.get("examples").is_some();
        if !shown {
            return;
        }
        let name = text(&parameter["name"]);
        let value = match given {
            Some(value) => plain(&value),
            // An id that only the reader knows.
            None if parameter["in"] == "path" => name.to_uppercase(),
            None => plain(&examples::value(spec, parameter)),
        };
        match parameter["in"].as_str() {
            Some("path") => {
                let value: String = byte_serialize(value.as_bytes()).collect();
                self.url = self.url.replace(&format!("{{{name}}}"), &value.replace('+', "%20"));
            }
            Some("header") => self.headers.push((name, value)),
            Some("query") => self.query.push((name, value)),
            _ => {}
        }
    }

    /// Its code in all languages.
    pub(super) fn samples(&self) -> Vec<Sample> {
        [
            ("curl", "curl", curl::code(self)),
            ("javascript", "JavaScript", javascript::code(self)),
            ("python", "Python", python::code(self)),
        ]
        .into_iter()
        .map(|(language, title, code)| Sample { language, title, code })
        .collect()
    }

    /// The query with its question mark, encoded.
    fn encoded_query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.query);
        let query = query.finish();
        if query.is_empty() { query } else { format!("?{query}") }
    }
}

/// A value as it stands in an address or a header.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// The key that reads or writes with the least rights, of those that a program sends in a header.
fn key(spec: Spec<'_>, operation: &Value) -> Option<Key> {
    const BEST: [&str; 3] = ["rk", "sk", "ak"];
    let names: Vec<&str> = list(&operation["security"])
        .iter()
        .filter_map(|requirement| members(requirement).next().map(|(name, _)| name))
        .collect();
    let best = BEST.iter().find(|best| names.contains(best)).copied();
    let mut found = best.into_iter().chain(names.iter().copied()).filter_map(|name| {
        let scheme = spec.resolved(spec.0.get("components")?.get("securitySchemes")?.get(name)?);
        let variable =
            format!("MILLIMETRIC_{}", name.to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
        match (scheme["type"].as_str()?, scheme["scheme"].as_str(), scheme["in"].as_str()) {
            ("http", Some("bearer"), _) => Some(Key::Bearer(variable)),
            ("http", Some("basic"), _) => Some(Key::Basic(variable)),
            ("apiKey", _, Some("header")) => Some(Key::Header(text(&scheme["name"]), variable)),
            _ => None,
        }
    });
    found.next()
}

fn body(spec: Spec<'_>, operation: &Value) -> Option<Body> {
    let body = spec.resolved(&operation["requestBody"]);
    let (name, media) = members(&body["content"])
        .find(|(name, _)| name.ends_with("json"))
        .or_else(|| members(&body["content"]).next())?;
    let (_, value) = examples::examples(spec, media).into_iter().next()?;
    Some(match value {
        Value::String(text) if !name.ends_with("json") => Body::Text(name.to_owned(), text),
        value => Body::Json(value),
    })
}

fn reading(spec: Spec<'_>, operation: &Value) -> Reading {
    let success = members(&operation["responses"]).filter(|(status, _)| status.starts_with('2'));
    let contents = success.map(|(_, response)| &spec.resolved(response)["content"]);
    let names: Vec<&str> = contents.flat_map(members).map(|(name, _)| name).collect();
    match names.first() {
        None => Reading::Nothing,
        Some(name) if name.ends_with("json") && !name.contains("ndjson") => Reading::Json,
        Some(_) => Reading::Text,
    }
}

#[cfg(test)]
mod tests;
