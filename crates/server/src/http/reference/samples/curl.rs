//! A call as a command for `curl` in a POSIX shell.

use super::super::code::{JSON, literal};
use super::{Body, Call, Key};

/// The command.
pub(super) fn code(call: &Call) -> String {
    let in_url = if call.method == "GET" { String::new() } else { call.encoded_query() };
    let mut parts = vec![quoted(&format!("{}{in_url}", call.url))];
    let sends = call.body.is_some();
    match call.method.as_str() {
        "GET" if call.query.is_empty() => {}
        "GET" => parts.insert(0, "-G".to_owned()),
        "POST" if sends => {}
        method => parts.insert(0, format!("-X {method}")),
    }
    parts.extend(call.key.as_ref().map(|key| match key {
        Key::Bearer(variable) => format!("-H \"Authorization: Bearer ${variable}\""),
        Key::Basic(variable) => format!("-u \"${variable}:\""),
        Key::Header(name, variable) => format!("-H \"{name}: ${variable}\""),
    }));
    parts.extend(
        call.headers.iter().map(|(name, value)| format!("-H {}", quoted(&format!("{name}: {value}")))),
    );
    if call.method == "GET" {
        parts.extend(call.query.iter().map(|(name, value)| {
            let as_it_is = value.chars().all(|c| is_plain(c) && !"%+".contains(c));
            let option = if as_it_is { "-d" } else { "--data-urlencode" };
            format!("{option} {}", quoted(&format!("{name}={value}")))
        }));
    }
    match &call.body {
        Some(Body::Json(value)) => {
            parts.push("-H 'Content-Type: application/json'".to_owned());
            parts.push(format!("-d {}", quoted(&literal(value, 2, JSON))));
        }
        Some(Body::Text(media_type, text)) => {
            parts.push(format!("-H {}", quoted(&format!("Content-Type: {media_type}"))));
            parts.push(format!("--data-binary {}", quoted(text)));
        }
        None => {}
    }
    // An option belongs to the address.
    let first = if parts.first().is_some_and(|part| part.starts_with('-')) { 2 } else { 1 };
    let lines: Vec<String> =
        [parts[..first].join(" ")].into_iter().chain(parts[first..].iter().cloned()).collect();
    format!("curl {}", lines.join(" \\\n  "))
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Whether a character means nothing else to a shell.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_./:=,%+@".contains(c)
}
