//! A call as a program with `fetch`, for Node, Deno, Bun and workers.

use serde_json::{Map, Value};

use super::super::code::{JSON, literal};
use super::{Body, Call, Key, Reading};

/// The program, an ES module.
pub(super) fn code(call: &Call) -> String {
    let mut options = Vec::new();
    if call.method != "GET" {
        options.push(format!("  method: {},", text(&call.method)));
    }
    let headers = headers(call);
    if !headers.is_empty() {
        options.push(format!("  headers: {{\n    {},\n  }},", headers.join(",\n    ")));
    }
    match &call.body {
        Some(Body::Json(value)) => {
            options.push(format!("  body: JSON.stringify({}),", literal(value, 2, JSON)));
        }
        Some(Body::Text(_, body)) => options.push(format!("  body: {},", text(body))),
        None => {}
    }
    let options =
        if options.is_empty() { String::new() } else { format!(", {{\n{}\n}}", options.join("\n")) };
    let (before, address) = address(call);
    let after = match call.response {
        Reading::Json => "console.log(await response.json())",
        Reading::Text => "console.log(await response.text())",
        Reading::Nothing => "console.log(response.status)",
    };
    format!("{before}const response = await fetch({address}{options});\n{after};")
}

/// What comes before the call, and the address as an expression.
fn address(call: &Call) -> (String, String) {
    if call.query.is_empty() {
        return (String::new(), text(&call.url));
    }
    let query: Map<String, Value> =
        call.query.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    let query = literal(&Value::Object(query), 0, JSON);
    (format!("const query = new URLSearchParams({query});\n"), format!("`{}?${{query}}`", call.url))
}

fn headers(call: &Call) -> Vec<String> {
    let key = call.key.as_ref().map(|key| match key {
        Key::Bearer(variable) => format!("\"Authorization\": `Bearer ${{process.env.{variable}}}`"),
        Key::Basic(variable) => {
            format!("\"Authorization\": \"Basic \" + btoa(`${{process.env.{variable}}}:`)")
        }
        Key::Header(name, variable) => format!("{}: process.env.{variable}", text(name)),
    });
    let media_type = call.body.as_ref().map(|body| match body {
        Body::Json(_) => "\"Content-Type\": \"application/json\"".to_owned(),
        Body::Text(media_type, _) => format!("\"Content-Type\": {}", text(media_type)),
    });
    let others = call.headers.iter().map(|(name, value)| format!("{}: {}", text(name), text(value)));
    key.into_iter().chain(media_type).chain(others).collect()
}

fn text(text: &str) -> String {
    Value::from(text).to_string()
}
