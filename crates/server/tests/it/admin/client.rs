//! A script that manages projects with a personal access token.

use serde_json::{Value, json};

use crate::support::{Instance, Response};

/// A person's script.
pub(super) struct Script<'a> {
    pub(super) server: &'a Instance,
    pub(super) token: String,
    pub(super) token_id: String,
}

/// Creates a person with a role in the account `default`.
pub(super) fn person(server: &Instance, email: &str, role: &str) {
    server.cli(&["user", "create", email, "--role", role]);
}

impl<'a> Script<'a> {
    /// A script of somebody who is there, with a token of this scope.
    pub(super) fn of(server: &'a Instance, email: &str, scope: &str) -> Self {
        Self::until(server, email, scope, "1d")
    }

    /// The same, with a token that expires after this time.
    pub(super) fn until(server: &'a Instance, email: &str, scope: &str, time: &str) -> Self {
        let args = ["user", "token", "create", email, "--scope", scope, "--expires-in", time];
        let created = server.cli(&args);
        let text = |name: &str| created[name].as_str().unwrap().to_owned();
        Self { server, token: text("token"), token_id: text("token_id") }
    }

    /// The script of an owner of the account `default`, who may do everything.
    pub(super) fn of_owner(server: &'a Instance) -> Self {
        person(server, "ann@example.com", "owner");
        Self::of(server, "ann@example.com", "write")
    }

    /// The same script with another token.
    pub(super) fn with(&self, token: &str) -> Self {
        Self { server: self.server, token: token.to_owned(), token_id: String::new() }
    }

    /// Sends a request; `path` is that below `/v1/admin`.
    pub(super) fn send(&self, method: &str, path: &str, more: &[(&str, &str)], body: &Value) -> Response {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(more);
        let text = if body.is_null() { String::new() } else { body.to_string() };
        if !body.is_null() {
            headers.push(("content-type", "application/json"));
        }
        self.server.send(method, &format!("/v1/admin{path}"), &headers, text.as_bytes())
    }

    pub(super) fn get(&self, path: &str) -> Response {
        self.send("GET", path, &[], &Value::Null)
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Response {
        self.send("POST", path, &[], body)
    }

    /// Posts with an `Idempotency-Key`.
    pub(super) fn post_once(&self, path: &str, key: &str, body: &Value) -> Response {
        self.send("POST", path, &[("idempotency-key", key)], body)
    }

    pub(super) fn put(&self, path: &str, body: &Value) -> Response {
        self.send("PUT", path, &[], body)
    }

    pub(super) fn delete(&self, path: &str) -> Response {
        self.send("DELETE", path, &[], &Value::Null)
    }

    /// The JSON of a request that succeeds.
    pub(super) fn read(&self, path: &str) -> Value {
        let response = self.get(path);
        assert_eq!(response.status, 200, "{path}: {}", response.text);
        response.json()
    }

    /// Creates a project and returns it.
    pub(super) fn project(&self, name: &str) -> Value {
        let created = self.post("/projects", &json!({ "name": name }));
        assert_eq!(created.status, 201, "{}", created.text);
        created.json()
    }
}

/// Every route, with a method and a body that could succeed: the project has this slug, the key this id.
pub(super) fn routes(project: &str, key: &str) -> Vec<(&'static str, String, Value)> {
    let of_project = |rest: &str| format!("/projects/{project}{rest}");
    vec![
        ("GET", "/projects".to_owned(), Value::Null),
        ("POST", "/projects".to_owned(), json!({ "name": "New" })),
        ("GET", of_project(""), Value::Null),
        ("PATCH", of_project(""), json!({ "name": "New" })),
        ("GET", of_project("/keys"), Value::Null),
        ("POST", of_project("/keys"), json!({ "kind": "rk" })),
        ("GET", of_project(&format!("/keys/{key}")), Value::Null),
        ("POST", of_project(&format!("/keys/{key}/rotate")), json!({})),
        ("DELETE", of_project(&format!("/keys/{key}")), Value::Null),
        ("GET", of_project("/origins"), Value::Null),
        ("PUT", of_project("/origins"), json!({ "allowed_origins": [] })),
        ("GET", of_project("/goals"), Value::Null),
        ("PUT", of_project("/goals"), json!({ "goals": [] })),
        ("GET", of_project("/rules"), Value::Null),
        ("PUT", of_project("/rules"), json!({})),
        ("GET", "/account".to_owned(), Value::Null),
        ("GET", "/account/members".to_owned(), Value::Null),
        ("GET", "/account/audit".to_owned(), Value::Null),
        ("GET", "/account/usage".to_owned(), Value::Null),
        ("DELETE", format!("/projects/{project}?confirm={project}"), Value::Null),
    ]
}
