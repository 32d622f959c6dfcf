//! A reader of the documentation: a shell with the variables of the pages, and a server with a fresh project.

use std::cell::RefCell;
use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{PROGRAM, Project, Server};

pub(super) struct Reader {
    server: Server,
    project: Project,
    /// The current folder, which is also the home folder, so that no settings of the tester count.
    folder: TempDir,
    /// `$REQUEST_ID`: the `request_id` of the latest response that has one.
    request_id: RefCell<String>,
}

impl Reader {
    /// Starts a server with the project `shop`.
    pub(super) fn start() -> Self {
        let server = Server::start();
        let project = server.project("Shop", &["https://shop.example"]);
        Self { server, project, folder: tempfile::tempdir().unwrap(), request_id: RefCell::default() }
    }

    /// Runs shell code and returns its standard output. The error has its standard error.
    pub(super) fn run(&self, shell: &str) -> Result<String, String> {
        let Project { pk, sk, rk, .. } = &self.project;
        let variables = [("HOST", &self.server.url), ("PK", pk), ("SK", sk), ("RK", rk)];
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
