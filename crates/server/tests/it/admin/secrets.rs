//! No secret is in a log, an audit entry, an entity tag or the data folder.

use serde_json::{Value, json};

use super::client::{Script, routes};
use crate::support::{ServerProcess, files_with};

#[test]
fn no_secret_is_written_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start_on(folder.path(), &["--log", "debug"]);
    let script = Script::of_owner(&server);
    let created = script.post_once("/projects/default/keys", "order-4711", &json!({ "kind": "sk" })).json();
    script.post_once("/projects/default/keys", "order-4711", &json!({ "kind": "sk" }));
    let rotate = format!("/projects/default/keys/{}/rotate", created["id"].as_str().unwrap());
    let rotated = script.post(&rotate, &Value::Null).json();
    let secret = |text: &str| text[text.len() - 49..].to_owned();
    let secrets = [script.token.as_str(), created["key"].as_str().unwrap(), rotated["key"].as_str().unwrap()]
        .map(secret);
    server.send("GET", &format!("/v1/admin/projects?token={}", script.token), &[], b"");
    script.with(&format!("{}x", script.token)).get("/projects");
    for (method, path, body) in routes("default", created["id"].as_str().unwrap()) {
        if method == "GET" {
            let response = script.send(method, &path, &[], &body);
            let tag = response.header("etag").unwrap_or_default();
            assert!(tag.len() <= 34, "{tag}");
            for secret in &secrets {
                assert!(!response.text.contains(secret) && !tag.contains(secret), "{path}");
            }
        }
    }
    assert!(script.read("/account/audit")["entries"].as_array().unwrap().len() > 3);
    server.logged(&["an access token stood in a URL"]);
    let log = server.log().join("\n");
    let needles = secrets.iter().map(String::as_str).chain(["order-4711", "ann@example.com"]);
    for needle in needles {
        assert!(!log.contains(needle), "{needle}");
    }
    let (status, _) = server.terminate();
    assert!(status.success());
    for secret in secrets.iter().map(String::as_str).chain(["order-4711"]) {
        assert_eq!(files_with(folder.path(), secret.as_bytes()), Vec::<String>::new(), "{secret}");
    }
}
