//! A running server as clients and operators reach it: requests over the loopback interface, and
//! commands on its data folder.

use std::path::PathBuf;

use serde_json::Value;

use super::{PATIENCE, cli, described, on_servers};

/// A running server, in whatever process.
pub(crate) struct Instance {
    /// `http://localhost:PORT`
    pub(crate) url: String,
    /// What its start printed before the line with its address.
    pub(crate) greeting: String,
    /// Its data folder.
    pub(crate) dir: PathBuf,
}

/// A project and its keys.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    pub(crate) slug: String,
    pub(crate) pk: String,
    pub(crate) sk: String,
    pub(crate) rk: String,
}

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) text: String,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// Status and code of an error, for one assertion.
    pub(crate) fn error(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Instance {
    /// The project `default` with the keys that the first start printed.
    pub(crate) fn default_project(&self) -> Project {
        let key = |name: &str| {
            let line = self.greeting.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
            line.split_whitespace().last().unwrap().to_owned()
        };
        Project {
            slug: "default".to_owned(),
            pk: key("Public key"),
            sk: key("Secret key"),
            rk: key("Read key"),
        }
    }

    /// Creates another project on the command line while the server runs.
    pub(crate) fn create_project(&self, name: &str, origins: &[&str]) -> Project {
        let mut args = vec!["project", "create", "--name", name];
        for origin in origins {
            args.extend(["--origin", origin]);
        }
        let created = self.cli(&args);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let keys = &created["keys"];
        Project {
            slug: text(&created["slug"]),
            pk: text(&keys["pk"]),
            sk: text(&keys["sk"]),
            rk: text(&keys["rk"]),
        }
    }

    /// Creates a key of a project; returns its id and text.
    pub(crate) fn create_key(&self, project: &Project, args: &[&str]) -> (String, String) {
        let created = self.cli(&[&["key", "mint", "--project", &project.slug], args].concat());
        (created["key_id"].as_str().unwrap().to_owned(), created["key"].as_str().unwrap().to_owned())
    }

    /// Runs a command with `--json` on this server's folder and returns its output.
    pub(crate) fn cli(&self, args: &[&str]) -> Value {
        cli(&self.dir, args)
    }

    /// Flushes every event in memory to segments, as a backup does. A database on a server has no such memory.
    pub(crate) fn flush(&self) {
        if on_servers::is_used() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        self.cli(&["backup", folder.path().join("backup").to_str().unwrap()]);
    }

    pub(crate) fn get(&self, path: &str, key: &str) -> Response {
        self.send("GET", path, &[("authorization", &format!("Bearer {key}"))], b"")
    }

    pub(crate) fn post(&self, path: &str, key: &str, body: &Value) -> Response {
        let headers =
            [("authorization", format!("Bearer {key}")), ("content-type", "application/json".to_owned())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        self.send("POST", path, &headers, body.to_string().as_bytes())
    }

    /// Stores one event and asserts that it was accepted.
    pub(crate) fn track(&self, key: &str, event: Value) -> Value {
        let response = self.post("/v1/track", key, &event);
        assert_eq!(response.status, 202, "{}", response.text);
        response.json()
    }

    /// Sends any request on a connection of its own; header names may repeat. Asserts that the API description
    /// has the status of the response, and its error.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(PATIENCE))
            .build()
            .into();
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = match method {
            "GET" | "HEAD" | "OPTIONS" | "DELETE" => agent.run(request.body(()).unwrap()),
            _ => agent.run(request.body(body).unwrap()),
        }
        .unwrap();
        let bytes = response.body_mut().with_config().limit(64 << 20).read_to_vec().unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let response =
            Response { status: response.status().as_u16(), headers: response.headers().clone(), text };
        described::check(method, path, &response);
        response
    }
}
