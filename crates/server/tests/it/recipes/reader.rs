//! A reader of the documentation: a shell with the variables of the pages, and a server with a fresh project.

use std::cell::RefCell;
use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::reading_commands::alter;
use crate::support::{PROGRAM, Project, Server};

pub(super) struct Reader {
    server: Server,
    project: Project,
    /// The current folder, which is also the home folder, so that no settings of the tester count.
    folder: TempDir,
    /// `$REQUEST_ID`: the `request_id` of the latest response that has one.
    request_id: RefCell<String>,
    /// `$TOKEN`, on the page about the management API.
    token: String,
}

impl Reader {
    /// Starts a server with the project `shop`.
    pub(super) fn start() -> Self {
        let server = Server::start();
        let project = server.project("Shop", &["https://shop.example"]);
        let folder = tempfile::tempdir().unwrap();
        Self { server, project, folder, request_id: RefCell::default(), token: String::new() }
    }

    /// The same for somebody with a token, in whose project `shop` the sk is a hundred days old.
    pub(super) fn with_token() -> Self {
        let reader = Self::start();
        reader.server.cli(&["user", "create", "ann@example.com"]);
        let created = reader.server.cli(&["user", "token", "create", "ann@example.com", "--scope", "write"]);
        let older = "update keys set created_at = created_at - 8640000000
            where kind = 'sk' and project_id in (select id from projects where slug = 'shop')";
        alter(&reader.server.dir.join("control.db"), older);
        Self { token: created["token"].as_str().unwrap().to_owned(), ..reader }
    }

    /// Runs shell code and returns its standard output. The error has its standard error.
    pub(super) fn run(&self, shell: &str) -> Result<String, String> {
        let Project { pk, sk, rk, .. } = &self.project;
        let variables =
            [("HOST", &self.server.url), ("PK", pk), ("SK", sk), ("RK", rk), ("TOKEN", &self.token)];
        let output = Command::new("sh")
            .args(["-euc", shell])
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", path())
            .env("HOME", self.folder.path())
            .env("MILLIMETRIC_DATA_DIR", &self.server.dir)
            .envs(variables)
            .env("REQUEST_ID", &*self.request_id.borrow())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if !output.status.success() {
            return Err(format!("the call fails with {}: {}", output.status, text(output.stderr)));
        }
        let output = text(output.stdout);
        let response = serde_json::from_str::<Value>(&output).unwrap_or_default();
        if let Some(id) = response["request_id"].as_str() {
            id.clone_into(&mut self.request_id.borrow_mut());
        }
        Ok(output)
    }
}

/// Where programs are, `millimetric` included.
fn path() -> OsString {
    let own = Path::new(PROGRAM).parent().unwrap().to_owned();
    let others = env::var_os("PATH").unwrap_or_default();
    env::join_paths([own].into_iter().chain(env::split_paths(&others))).unwrap()
}
