//! A call as a program with the standard library of Python 3.

use serde_json::{Map, Value};

use super::super::code::{PYTHON, literal};
use super::{Body, Call, Key, Reading};

/// The program.
pub(super) fn code(call: &Call) -> String {
    let headers = headers(call);
    let query = (!call.query.is_empty()).then(|| {
        let pairs: Map<String, Value> =
            call.query.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        format!("query = urllib.parse.urlencode({})\n", literal(&Value::Object(pairs), 0, PYTHON))
    });
    let address = if query.is_some() {
        format!("{} + query", text(&format!("{}?", call.url)))
    } else {
        text(&call.url)
    };
    let mut arguments = vec![format!("    {address},")];
    if !matches!((call.method.as_str(), &call.body), ("GET", None) | ("POST", Some(_))) {
        arguments.push(format!("    method={},", text(&call.method)));
    }
    if !headers.is_empty() {
        arguments.push(format!("    headers={{\n        {},\n    }},", headers.join(",\n        ")));
    }
    match &call.body {
        Some(Body::Json(value)) => {
            arguments.push(format!("    data=json.dumps({}).encode(),", literal(value, 4, PYTHON)));
        }
        Some(Body::Text(_, body)) => arguments.push(format!("    data={}.encode(),", text(body))),
        None => {}
    }
    let read = match call.response {
        Reading::Json => "print(json.load(response))",
        Reading::Text => "print(response.read().decode())",
        Reading::Nothing => "print(response.status)",
    };
    let body = format!(
        "{}request = urllib.request.Request(\n{}\n)\nwith urllib.request.urlopen(request) as response:\n    {read}",
        query.unwrap_or_default(),
        arguments.join("\n")
    );
    format!("{}\n\n{body}", imports(&body))
}

/// The modules that the code uses.
fn imports(body: &str) -> String {
    let modules = ["base64", "json", "os", "urllib.parse", "urllib.request"];
    let used = modules.into_iter().filter(|name| body.contains(&format!("{name}.")));
    used.map(|name| format!("import {name}")).collect::<Vec<_>>().join("\n")
}

fn headers(call: &Call) -> Vec<String> {
    let key = call.key.as_ref().map(|key| match key {
        Key::Bearer(variable) => format!("\"Authorization\": \"Bearer \" + os.environ[\"{variable}\"]"),
        Key::Basic(variable) => format!(
            "\"Authorization\": \"Basic \" + base64.b64encode((os.environ[\"{variable}\"] + \":\").encode()).decode()"
        ),
        Key::Header(name, variable) => format!("{}: os.environ[\"{variable}\"]", text(name)),
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
