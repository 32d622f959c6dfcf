//! The API description against a server: the example of every operation is sent, and the response is what the
//! document says. `spec/examples.json` has the responses; `cargo xtask gen` writes it.

mod description;
mod errors;
mod seed;
mod steady;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

use self::description::{Description, Operation};
use self::seed::{Keys, METRICS_TOKEN};
use crate::support::{CHROME, Response, Server};

/// The responses in the repository, by the id of the operation.
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/examples.json");

fn server() -> Server {
    // High enough for every example with every key.
    let limits = ["--rate-limit-track", "1000/4000", "--rate-limit-batch", "1000/4000"];
    Server::start_with(&[&limits[..], &["--metrics-token", METRICS_TOKEN]].concat())
}

#[test]
fn the_example_of_every_operation_works_with_every_key_that_it_takes() {
    let server = server();
    let keys = Keys::of(&server);
    seed::store(&server, &keys);
    let description = Description::of(&server);
    let (mut examples, mut wrong) = (Map::new(), Vec::new());
    for operation in description.operations() {
        for scheme in operation.schemes() {
            let what = format!("{} {} with {}", operation.method, operation.path, scheme.unwrap_or("no key"));
            let response = send(&server, &keys, operation, scheme);
            if let Err(why) = expected(&description, operation, &response) {
                wrong.push(format!("{what}: {why}"));
            } else if operation.is_json() && !examples.contains_key(operation.id()) {
                examples.insert(operation.id().to_owned(), steady::response(&response.json(), &server));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The document is not an example of itself.
    examples.remove("getOpenApi");
    let text = format!("{}\n", serde_json::to_string_pretty(&Value::Object(examples)).unwrap());
    if std::env::var_os("MILLIMETRIC_WRITE_SPEC").is_some() {
        std::fs::write(EXAMPLES, &text).unwrap();
    }
    let kept = std::fs::read_to_string(EXAMPLES).unwrap_or_default();
    assert!(kept == text, "spec/examples.json is out of date: run `cargo xtask gen`");
}

/// Sends the example of an operation with a key of this kind.
fn send(server: &Server, keys: &Keys, operation: &Operation, scheme: Option<&str>) -> Response {
    let mut path = operation.example_path(|name| keys.path_parameter(name));
    // Events of programs are dropped.
    let mut headers =
        vec![("accept", "application/json, text/event-stream".to_owned()), ("user-agent", CHROME.to_owned())];
    match scheme {
        // A key in the path is a pk.
        None => headers.push(("origin", seed::ORIGIN.to_owned())),
        Some("write_key") => {
            let user = BASE64_STANDARD.encode(format!("{}:", keys.of_scheme("write_key")));
            headers.push(("authorization", format!("Basic {user}")));
            headers.push(("origin", seed::ORIGIN.to_owned()));
        }
        Some("pk_in_url") => {
            let separator = if path.contains('?') { '&' } else { '?' };
            path = format!("{path}{separator}key={}", keys.of_scheme("pk"));
            headers.push(("origin", seed::ORIGIN.to_owned()));
        }
        Some(scheme) => {
            headers.push(("authorization", format!("Bearer {}", keys.of_scheme(scheme))));
            if scheme == "pk" {
                headers.push(("origin", seed::ORIGIN.to_owned()));
            }
        }
    }
    let body = operation.example_body().map(ToString::to_string);
    if body.is_some() {
        headers.push(("content-type", "application/json".to_owned()));
    }
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    server.send(&operation.method, &path, &headers, body.unwrap_or_default().as_bytes())
}

/// Whether it is the documented success, with the headers, the type and the body that the document says.
fn expected(description: &Description, operation: &Operation, response: &Response) -> Result<(), String> {
    let (status, documented) = operation.success();
    if response.status.to_string() != status {
        return Err(format!("{}, not {status}: {}", response.status, response.text));
    }
    for name in documented["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
        response.header(name).ok_or(format!("there is no header {name}"))?;
    }
    let sent = response.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
    let types: Vec<_> =
        documented["content"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let is_empty = types.is_empty() && response.text.is_empty();
    if !is_empty && !types.contains(&sent) {
        return Err(format!("is {sent:?}, not one of {types:?}"));
    }
    match documented["content"]["application/json"].get("schema") {
        Some(schema) => description.validate(schema, &response.json()),
        None => Ok(()),
    }
}
